"""Lead from code to what it names: the library's own API, and the documentation of PyTorch and NumPy.

A page's code links a name where it first uses it. The API lists, under each function and method, the lessons that use
it. Names are found as they are written: `torch.relu`, `nn.Linear` after `from torch import nn`, and `rec.grad` after
`with chainrule.record() as rec`. What no inventory knows is left alone, and so are variables: sphinx-gallery would link
each `x` to the class of what it holds, every time.
"""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx_gallery._doctree_links import CodeLinksTransform

IMPORTED_AS = re.compile(r"^\s*import ([\w.]+) as (\w+)", re.MULTILINE)
IMPORTED_FROM = re.compile(r"^\s*from ([\w.]+) import ([\w, ]+)$", re.MULTILINE)
RECORDED = re.compile(r"chainrule\.record\([^\n]*\) as (\w+)")
DOTTED = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?:\.\w+)+")
COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)
LISTING = re.compile(r'<div class="highlight"><pre.*?</pre></div>', re.DOTALL)
PART = r'<span class="n[a-z]?">\w+</span>'
SPANS = re.compile(rf'{PART}(?:<span class="o">\.</span>{PART})+')
TAG = re.compile(r"<[^>]+>")
PAGE = "reference/api"


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
    here = app.env.domains.python_domain.objects.get(name)
    if here is not None:
        return f"{app.builder.get_relative_uri(page, here.docname)}#{here.node_id}"
    inventories: dict[str, dict[str, Any]] = app.env.intersphinx_inventory  # type: ignore[attr-defined]
    for kind, names in inventories.items():
        if kind.startswith("py:") and name in names:
            return str(names[name].uri)
    return None


def link_names(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Link each known name where a page's code first uses it."""
    body = context.get("body", "")
    if doctree is None or page == PAGE:
        return
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
    if not page.startswith("_modules/"):
        return
    module, objects = page.removeprefix("_modules/").replace("/", "."), app.env.domains.python_domain.objects

    def mended(link: re.Match[str]) -> str:
        full_name = f"{module}.{link[1]}"
        return f'#{full_name}"' if f"chainrule.{link[1]}" not in objects and full_name in objects else link[0]

    context["body"] = re.sub(r'#chainrule\.([\w.]+)"', mended, context["body"])


def list_lessons(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Put the lessons that use a function or method under it."""
    if page != PAGE:
        return
    folders = app.config.sphinx_gallery_conf["gallery_dirs"]
    scripts = [script for folder in folders for script in sorted(Path(app.srcdir, folder).glob("*.py"))]
    uses = {script: used(script.read_text("utf-8")) for script in scripts}
    for entry in doctree.findall(addnodes.desc):
        if entry["objtype"] not in ("function", "method", "property", "class"):
            continue
        names = {name for signature in entry.findall(addnodes.desc_signature) for name in signature["ids"]}
        own = set(entry[0]["ids"]) if isinstance(entry[0], addnodes.desc_signature) else names
        lessons = [
            script.relative_to(app.srcdir).with_suffix("").as_posix() for script in scripts if own & uses[script]
        ]
        if not lessons:
            continue
        titles = {lesson: html.escape(app.env.titles[lesson].astext()) for lesson in lessons}
        links = "".join(
            f'<li><a href="{app.builder.get_relative_uri(page, lesson)}">{title}</a></li>'
            for lesson, title in titles.items()
        )
        number = f"{len(lessons)} lesson{'s' * (len(lessons) > 1)}"
        listed = f'<details class="chainrule-used"><summary>Used in {number}</summary><ul>{links}</ul></details>'
        content = entry.next_node(addnodes.desc_content)
        assert content is not None
        content.append(nodes.raw("", listed, format="html"))


def forget_sources(app: Sphinx, env: Any, docnames: list[str]) -> None:
    """Have the pages of sources written with all others: viewcode looks at the sources' dates alone."""
    if docnames:
        shutil.rmtree(Path(app.outdir, "_modules"), ignore_errors=True)


def watch_lessons(app: Sphinx, env: Any) -> list[str]:
    """Write the API again when another set of lessons uses a name."""
    uses = {
        str(path.name): sorted(used(path.read_text("utf-8"))) for path in Path(app.srcdir, "lessons").glob("*/*.py")
    }
    before, env.chainrule_uses = getattr(env, "chainrule_uses", None), uses
    return [PAGE] if PAGE in env.found_docs and before != uses else []


def setup(app: Sphinx) -> dict[str, Any]:
    """Stand in for sphinx-gallery; look at the API once its links are resolved, and at code once it is highlighted."""
    app.registry.post_transforms.remove(CodeLinksTransform)
    app.connect("env-before-read-docs", forget_sources)
    app.connect("env-updated", watch_lessons)
    app.connect("doctree-resolved", list_lessons)
    app.connect("html-page-context", link_names, priority=910)
    app.connect("html-page-context", mend_way_back)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
