"""Load the script that makes graphs live once for the whole site, so that no page carries it in each output.

The panels below a graph are in a script of their own, which that one fetches from beside it when one is opened.
"""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

from _ext.execute.fingerprint import record_of

NAMES = {part: f"chainrule-{part}.js" for part in ("graph", "panels")}


def leave_script_out() -> None:
    """Have graphs shown by this process come without the script: the one of the lessons, or a chapter's kernel."""
    from chainrule.live import graph

    graph.BRINGS_SCRIPT = False


def write_scripts(app: Sphinx) -> None:
    """Write them where the site's other static files go, unless they are there and the library is as it was."""
    static, record = Path(app.outdir) / "_static", record_of(app)
    if app.builder.format != "html":
        return
    there = all((static / name).is_file() for name in NAMES.values())
    if there and record.is_file() and record.read_text() == app.config.chainrule_fingerprint:
        return  # PyTorch, which the library imports, takes longer than all the rest of a build that finds nothing to do
    from chainrule.live.javascript import served

    static.mkdir(parents=True, exist_ok=True)
    for part, name in NAMES.items():
        target, text = static / name, served(part)
        if not (target.is_file() and target.read_text("utf-8") == text):
            target.write_text(text, "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the scripts before any page asks for a checksum."""
    app.connect("builder-inited", write_scripts, priority=90)  # before the fingerprint's record is taken away
    app.add_js_file(NAMES["graph"], loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
