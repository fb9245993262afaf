"""Say what a page is to those who find or share it: a description always; with an address, a preview and a sitemap.

A preview needs absolute addresses, so there is none until the site's own is known (hosting.py). Its picture is made
here from the graph of the front page, with the title of the page that is shared.
"""

from __future__ import annotations

import html
import io
from functools import cache
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.application import Sphinx

if TYPE_CHECKING:
    import numpy as np

LONGEST = 180
"""How many characters of a description are shown, about."""
SIZE = (1200, 630)


def description(doctree: nodes.document) -> str:
    """Return the first paragraph of a page that says something, cut after a word."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section) and not paragraph.get("ids"):
            text = " ".join(paragraph.astext().split()).removeprefix("What you get: ")
            if len(text) > 40:
                text = text[:1].upper() + text[1:]
                return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0].rstrip(",;:.") + " …"
    return ""


@cache
def graph() -> np.ndarray[Any, Any]:
    """Draw the graph of the front page, as pixels."""
    import numpy as np
    import torch
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    import chainrule

    x, y = torch.tensor(1.0), torch.tensor(2.0)
    w = torch.tensor(1.0, requires_grad=True)
    with chainrule.record() as rec:
        y_hat = w * x
        error = y_hat - y
        loss = error**2
        loss.backward()
    figure = rec.figure()
    figure.set_dpi(SIZE[0] * 0.88 / figure.get_size_inches()[0])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def card(title: str) -> bytes:
    """Draw the picture of a page: its title, and the graph."""
    from matplotlib.figure import Figure

    width, height = SIZE
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor="white")
    figure.text(0.06, 0.9, "chainrule", fontsize=24, color="#0b5cad", weight="bold", va="top")
    figure.text(0.06, 0.78, fill(title, 34), fontsize=40, color="#1b1f24", weight="bold", va="top", linespacing=1.15)
    pixels = graph()
    figure.figimage(pixels, xo=(width - pixels.shape[1]) // 2, yo=30)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def describe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Put the description into a page, and with an address what a preview shows."""
    if page == "404":
        context["pageurl"] = None  # it is shown for any address, and has none
    if doctree is None:
        return
    title, says = app.env.titles[page].astext(), description(doctree)
    tags = {("name", "description"): says} if says else {}
    if home := app.config.html_baseurl:
        picture = f"_images/cards/{page.replace('/', '-')}.png"
        target = Path(app.outdir, picture)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(card(title))
        tags |= {
            ("property", "og:type"): "article" if page != app.config.root_doc else "website",
            ("property", "og:site_name"): app.config.project,
            ("property", "og:title"): title,
            ("property", "og:description"): says or title,
            ("property", "og:url"): f"{home}{app.builder.get_target_uri(page)}",
            ("property", "og:image"): f"{home}{picture}",
            ("property", "og:image:width"): str(SIZE[0]),
            ("property", "og:image:height"): str(SIZE[1]),
            ("property", "og:image:alt"): f"{title}. Below, the graph of a model with one weight.",
            ("name", "twitter:card"): "summary_large_image",
        }
    lines = (f'<meta {kind}="{name}" content="{html.escape(text)}">' for (kind, name), text in tags.items())
    context["metatags"] = context.get("metatags", "") + "\n    " + "\n    ".join(lines)


def write_sitemap(app: Sphinx, exception: Exception | None) -> None:
    """List the addresses of all pages, for those who search."""
    if exception is None and app.builder.format == "html" and (home := app.config.html_baseurl):
        pages = sorted(home + app.builder.get_target_uri(page) for page in app.env.found_docs)
        entries = "".join(f"  <url><loc>{html.escape(page)}</loc></url>\n" for page in pages)
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="{NAMESPACE}">\n{entries}</urlset>\n'
        Path(app.outdir, "sitemap.xml").write_text(text, "utf-8")


NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"


def setup(app: Sphinx) -> dict[str, bool]:
    """Describe each page as it is written, and list all in the end."""
    app.connect("html-page-context", describe)
    app.connect("build-finished", write_sitemap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
