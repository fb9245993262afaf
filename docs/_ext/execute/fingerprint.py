"""Forget what was executed when what it rests on has changed: the library, the locked versions, what runs it.

sphinx-gallery looks at a lesson alone, and myst-nb at a chapter alone; neither notices a change in the library.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sqlalchemy import URL, Engine, create_engine

from _ext.execute.progress import say
from tools.build import digest

WATCHED = (
    "src/chainrule",
    "requirements.lock",
    "docs/how-to/record_distributed.py",
    "docs/how-to/train_distributed.py",
    "docs/_ext/execute",
    "docs/_ext/pages/live_scripts.py",
)


def forget(app: Sphinx, config: Config) -> None:
    """Remove the results that are not of today's library, and those of lessons and parts that are gone."""
    root, lessons = Path(app.confdir), Path(app.srcdir, "lessons")
    config.chainrule_fingerprint = digest(root, WATCHED)
    record = lessons / ".fingerprint"
    if not (record.is_file() and record.read_text() == config.chainrule_fingerprint):
        if record.is_file():
            say("the library, the locked versions or how lessons are run changed: executing everything again")
        shutil.rmtree(lessons, ignore_errors=True)
        shutil.rmtree(config.nb_execution_cache_path, ignore_errors=True)
        lessons.mkdir(exist_ok=True)
        record.write_text(config.chainrule_fingerprint)
    for part in lessons.glob("[0-9]*"):
        if not (root / "examples" / part.name).is_dir():
            shutil.rmtree(part)
    for script in lessons.glob("*/*.py"):
        if not (root / "examples" / script.relative_to(lessons)).is_file():
            made = (f"{script.stem}.*", f"images/*_{script.stem}_[0-9]*", f"images/thumb/*_{script.stem}_thumb.*")
            for result in (result for pattern in made for result in script.parent.glob(pattern)):
                result.unlink()


def open_cache(address: str) -> Engine:
    """Return what opens myst-nb's cache; jupyter-cache takes its path, which may hold `%20`, for an address."""
    return create_engine(URL.create("sqlite", database=address.removeprefix("sqlite:///")))
