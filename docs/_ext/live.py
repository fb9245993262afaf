"""Load the script that makes graphs live once for the whole site, so that no page carries it in each output."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

from chainrule.script import script
from chainrule.views import graph

NAME = "chainrule-graph.js"


def leave_script_out() -> None:
    """Have graphs shown by this process come without the script; chapters' kernels call it too."""
    graph.BRINGS_SCRIPT = False


def write_script(app: Sphinx) -> None:
    """Write the script where the site's other static files go, if it differs."""
    target = Path(app.outdir) / "_static" / NAME
    if app.builder.format == "html" and not (target.is_file() and target.read_text("utf-8") == script()):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(script(), "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the script before any page asks for its checksum."""
    leave_script_out()
    app.connect("builder-inited", write_script)
    app.add_js_file(NAME, loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
