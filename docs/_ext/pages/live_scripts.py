"""Load the script that makes graphs live once for the whole site, so that no page carries it in each output.

The panels below a graph are in a script of their own, which that one fetches from beside it when one is opened. The
elements of the playgrounds have theirs, which the pages fetch that hold one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def leave_script_out() -> None:
    """Have graphs shown by this process come without the script: the one of the lessons, or a chapter's kernel."""
    from chainrule.live import graph

    graph.BRINGS_SCRIPT = False


def write_scripts(app: Sphinx) -> None:
    """Write the scripts where the site's other static files go."""
    from chainrule.live.javascript import PARTS, PLAYGROUNDS, served

    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    for part in (*PARTS, *PLAYGROUNDS):
        (static / f"chainrule-{part}.js").write_text(served(part), "utf-8")


def bring(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Have a page fetch the scripts of the elements that it holds."""
    from chainrule.live.javascript import PLAYGROUNDS

    for part in PLAYGROUNDS:
        if f"<chainrule-{part}" in context.get("body", ""):
            app.add_js_file(f"chainrule-{part}.js", loading_method="defer")
