"""Load the script that makes graphs live once for the whole site, so that no page carries it in each output."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

from .fingerprint import record_of

NAME = "chainrule-graph.js"


def leave_script_out() -> None:
    """Have graphs shown by this process come without the script: the one of the lessons, or a chapter's kernel."""
    from chainrule.views import graph

    graph.BRINGS_SCRIPT = False


def write_script(app: Sphinx) -> None:
    """Write the script where the site's other static files go, unless it is there and the library is as it was."""
    target, record = Path(app.outdir) / "_static" / NAME, record_of(app)
    if app.builder.format != "html":
        return
    if target.is_file() and record.is_file() and record.read_text() == app.config.chainrule_fingerprint:
        return  # PyTorch, which the library imports, takes longer than all the rest of a build that finds nothing to do
    from chainrule.script import script

    if not (target.is_file() and target.read_text("utf-8") == script()):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(script(), "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the script before any page asks for its checksum."""
    app.connect("builder-inited", write_script, priority=90)  # before the fingerprint's record is taken away
    app.add_js_file(NAME, loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
