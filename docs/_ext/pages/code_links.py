"""Lead from code to what it names: the library's own API, and the documentation of PyTorch and NumPy.

A page's code links a name where it first uses it. The API lists, under each function and method, the lessons that use
it. Names are found as they are written: `torch.relu`, `nn.Linear` after `from torch import nn`, and `rec.grad` after
`with chainrule.record() as rec`. What no inventory knows is left alone, and so are variables: sphinx-gallery would link
each `x` to the class of what it holds, every time.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

IMPORTED_AS = re.compile(r"^\s*import ([\w.]+) as (\w+)", re.MULTILINE)
IMPORTED_FROM = re.compile(r"^\s*from ([\w.]+) import ([\w, ]+)$", re.MULTILINE)
RECORDED = re.compile(r"chainrule\.record\([^\n]*\) as (\w+)")
DOTTED = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?:\.\w+)+")
COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)
LISTING = re.compile(r'<div class="highlight"><pre.*?</pre></div>', re.DOTALL)
PART = r'<span class="n[a-z]?">\w+</span>'
SPANS = re.compile(rf'{PART}(?:<span class="o">\.</span>{PART})+')
TAG = re.compile(r"<[^>]+>")
API = "reference/api"


def meanings(code: str) -> dict[str, str]:
    """Return what the short names in a piece of code stand for."""
    found = {short: full for full, short in IMPORTED_AS.findall(code)}
    for module, names in IMPORTED_FROM.findall(code):
        found |= {name: f"{module}.{name}" for name in re.findall(r"\w+", names)}
    return found | dict.fromkeys(RECORDED.findall(code), "chainrule.Recording")


def full(name: str, short: dict[str, str]) -> str:
    """Return a dotted name with its first part written out."""
    first, _, rest = name.partition(".")
    return f"{short.get(first, first)}.{rest}"


def used(script: str) -> set[str]:
    """Return the full names that a script uses in its code."""
    code = COMMENT.sub("", script)
    short = meanings(code)
    return {full(name, short) for name in DOTTED.findall(code)}


def address(app: Sphinx, page: str, name: str) -> str | None:
    """Return where a name is documented, as seen from a page."""
    if here := app.env.domains.python_domain.objects.get(name):
        return f"{app.builder.get_relative_uri(page, here.docname)}#{here.node_id}"
    inventories: dict[str, dict[str, Any]] = app.env.intersphinx_inventory  # type: ignore[attr-defined]
    return next((names[name].uri for kind, names in inventories.items() if kind[:3] == "py:" and name in names), None)


def link_names(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Link each known name where a page's code first uses it."""
    if doctree is None or page == API:
        return
    body = context["body"]
    short = meanings("\n".join(html.unescape(TAG.sub("", listing)) for listing in LISTING.findall(body)))
    seen: set[str] = set()

    def link(spans: re.Match[str]) -> str:
        name = full(TAG.sub("", spans[0]), short)
        if name in seen or (target := address(app, page, name)) is None:
            return spans[0]
        seen.add(name)
        return f'<a class="chainrule-code" href="{html.escape(target)}">{spans[0]}</a>'

    context["body"] = LISTING.sub(lambda listing: SPANS.sub(link, listing[0]), body)


def mend_way_back(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Lead from a module's source to its API by the right name: viewcode takes one prefix for the whole module."""
    module, objects = page.removeprefix("_modules/").replace("/", "."), app.env.domains.python_domain.objects

    def mended(link: re.Match[str]) -> str:
        name = f"{module}.{link[1]}"
        return f'#{name}"' if f"chainrule.{link[1]}" not in objects and name in objects else link[0]

    if page.startswith("_modules/"):
        context["body"] = re.sub(r'#chainrule\.([\w.]+)"', mended, context["body"])


def list_lessons(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Put the lessons that use a function or method under it."""
    if page != API:
        return
    lessons = sorted(name for name in app.env.found_docs if name.startswith("lessons/") and not name.endswith("/index"))
    uses = {name: used(Path(app.srcdir, f"{name}.py").read_text("utf-8")) for name in lessons}
    for entry in doctree.findall(addnodes.desc):
        signature, content = entry.next_node(addnodes.desc_signature), entry.next_node(addnodes.desc_content)
        users = [name for name in lessons if signature and uses[name] & set(signature["ids"])]
        if not users or entry["objtype"] not in ("function", "method", "property", "class") or content is None:
            continue
        titles = {app.builder.get_relative_uri(page, name): app.env.titles[name].astext() for name in users}
        links = "".join(f'<li><a href="{uri}">{html.escape(title)}</a></li>' for uri, title in titles.items())
        number = f"{len(users)} lesson{'s' * (len(users) > 1)}"
        listed = f'<details class="chainrule-used"><summary>Used in {number}</summary><ul>{links}</ul></details>'
        content.append(nodes.raw("", listed, format="html"))
