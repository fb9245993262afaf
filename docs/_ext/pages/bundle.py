"""Serve what each page needs as one stylesheet and one script, and leave out what none of them uses.

The theme and the extensions bring some fifteen files, each a request that a page waits for. They stay where they are,
so that one can be looked up; pages ask for `site.css` and `site.js`, which are made of them. Pages with formulas ask
for `maths.css` too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import furo
from docutils import nodes
from sphinx.application import Sphinx

STYLES = ("pygments.css", "styles/furo.css", "copybutton.css", "styles/furo-extensions.css", "chainrule.css")
SCRIPTS = (
    "documentation_options.js",
    "doctools.js",
    "sphinx_highlight.js",
    "clipboard.min.js",
    "copybutton.js",
    "scripts/furo.js",
)
UNUSED = ("mystnb.", "sg_gallery.css", "sg-tags.js")
"""What stands in chainrule.css instead, or belongs to what no page has."""
MATHS = ("katex/katex.min.css", "katex/common.css")


def part(file: Path) -> str:
    """Return the text of a file as it will be: the theme adds the dark colours of code when all pages are written."""
    return furo.get_pygments_stylesheet() if file.name == "pygments.css" else file.read_text("utf-8")


def join(static: Path, names: tuple[str, ...], bundle: str, separator: str) -> None:
    """Write files behind one another."""
    (static / bundle).write_text(separator.join(part(static / name) for name in names), "utf-8")


def replace(files: list[Any], names: tuple[str, ...], bundle: Any) -> None:
    """Put the bundle where the first of its parts stands in a page's list of files, and take the parts away."""
    kept, placed = [], False
    for file in files:
        name = str(file.filename or "").removeprefix("_static/").partition("?")[0]
        if name in names:
            kept += [] if placed else [bundle]
            placed = True
        elif not name.startswith(UNUSED):
            kept.append(file)
    files[:] = kept


def bundle_page(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Give a page the bundles; they are made for each page anew, so none is older than its parts."""
    from sphinx.builders.html._assets import _CascadingStyleSheet, _JavaScript

    static = Path(app.outdir) / "_static"
    join(static, STYLES, "site.css", "\n")
    join(static, MATHS, "katex/maths.css", "\n")
    join(static, SCRIPTS, "site.js", "\n;\n")
    styles, scripts = list(context["css_files"]), list(context["script_files"])
    replace(styles, STYLES, _CascadingStyleSheet("_static/site.css"))
    replace(scripts, SCRIPTS, _JavaScript("_static/site.js"))
    if 'class="katex' in context.get("body", ""):
        styles.append(_CascadingStyleSheet("_static/katex/maths.css"))
    context["theme_script"] = _JavaScript("_static/theme.js")  # before anything is painted, so not with the others
    context["css_files"], context["script_files"] = styles, scripts
