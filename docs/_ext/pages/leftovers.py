"""Remove what is left of a lesson, part or page that is gone or renamed: it would stay in the course or the site."""

from __future__ import annotations

import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def remove_results(app: Sphinx) -> None:
    """Remove what came of lessons that have no script, and of parts that have no folder; sphinx-gallery keeps it."""
    conf = app.config.sphinx_gallery_conf
    source, folder = Path(app.srcdir), Path(app.srcdir, "lessons")
    parts = dict(zip(conf["gallery_dirs"], conf["examples_dirs"], strict=True))
    for part in folder.glob("[0-9]*"):
        scripts = parts.get(part.relative_to(source).as_posix())
        if scripts is None:
            shutil.rmtree(part)
            continue
        for copy in part.glob("*.py"):
            if not (source / scripts / copy.name).is_file():
                for file in part.glob(f"{copy.stem}.*"):
                    file.unlink()


def remove_pages(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Remove the pages of documents that are gone, which Sphinx keeps; none has to be read again for it."""
    for name in removed:
        Path(app.outdir, f"{name}.html").unlink(missing_ok=True)
    return []


def setup(app: Sphinx) -> dict[str, bool]:
    """Look before sphinx-gallery runs the lessons (500), and once Sphinx knows what is gone."""
    app.connect("builder-inited", remove_results, priority=100)
    app.connect("env-get-outdated", remove_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
