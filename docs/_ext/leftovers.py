"""Remove what came of a lesson that is gone or renamed: sphinx-gallery leaves it, and it would stay in the course."""

from __future__ import annotations

import shutil
from pathlib import Path

from sphinx.application import Sphinx


def remove_leftovers(app: Sphinx) -> None:
    """Remove the files of lessons that have no script, and the folders of parts that have none."""
    conf = app.config.sphinx_gallery_conf
    sources = {
        Path(app.srcdir, to): Path(app.srcdir, of)
        for of, to in zip(conf["examples_dirs"], conf["gallery_dirs"], strict=True)
    }
    for folder in Path(app.srcdir, "lessons").glob("[0-9]*"):
        if folder not in sources:
            shutil.rmtree(folder)
            continue
        for copy in folder.glob("*.py"):
            if not (sources[folder] / copy.name).is_file():
                for file in folder.glob(f"{copy.stem}.*"):
                    file.unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    """Look before sphinx-gallery runs the lessons (500)."""
    app.connect("builder-inited", remove_leftovers, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
