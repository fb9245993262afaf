"""Say what a page is to those who find or share it: a description always; with an address, a preview and a sitemap.

The template (page.html) writes the first two into the page. A preview needs absolute addresses, so there is none until
the site's own is known (hosting.py).
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

LONGEST = 180
"""How many characters of a description are shown, about."""
SITEMAP = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{}</urlset>\n'


def description(doctree: nodes.document) -> str:
    """Return the first paragraph of a page that says something, cut after a word."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split()).removeprefix("What you get: ")
        if isinstance(paragraph.parent, nodes.section) and not paragraph.get("ids") and len(text) > 40:
            text = text[:1].upper() + text[1:]
            return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0].rstrip(",;:.") + " …"
    return ""


def describe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Give the description of a page to its template."""
    if doctree is not None:
        context["description"] = description(doctree)


def write_sitemap(app: Sphinx, exception: Exception | None) -> None:
    """List the addresses of all pages, for those who search."""
    if exception is None and app.builder.format == "html" and (home := app.config.html_baseurl):
        pages = sorted(home + app.builder.get_target_uri(page) for page in app.env.found_docs)
        entries = "".join(f"  <url><loc>{html.escape(page)}</loc></url>\n" for page in pages)
        Path(app.outdir, "sitemap.xml").write_text(SITEMAP.format(entries), "utf-8")
