"""Lead from the address that a page had to the one that it has now, on any host and from disk."""

from __future__ import annotations

import os
from pathlib import Path

from sphinx.application import Sphinx

PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>This page has moved</title>
<meta http-equiv="refresh" content="0; url={to}">
<p>This page has moved: <a href="{to}">{to}</a></p></html>
"""


def write(app: Sphinx, error: Exception | None) -> None:
    """Write a page that leads on at each old address whose new one is a page of this site."""
    if error or app.builder.format != "html":
        return
    for old, new in app.config.moved.items():
        if new in app.env.found_docs:
            page = Path(app.outdir, f"{old}.html")
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(PAGE.format(to=Path(os.path.relpath(f"{new}.html", Path(old).parent)).as_posix()), "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write them once all pages are there."""
    app.add_config_value("moved", {}, "")
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
