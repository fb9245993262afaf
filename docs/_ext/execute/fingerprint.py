"""Execute everything again when what it rests on has changed: library, locked versions, what runs it.

All of the site's other code rests on what lessons and chapters gave: pages are read again for it, and nothing is run.
sphinx-gallery looks at a lesson alone, and myst-nb at a chapter alone; neither notices a change in the library.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

from _ext.execute.progress import say

RUN_BY = (
    "docs/_ext/execute/gallery.py",
    "docs/_ext/execute/kernel.py",
    "docs/_ext/pages/live_scripts.py",
)
WATCHED = ("src/chainrule", "requirements.lock", "docs/how-to/train_distributed.py", *RUN_BY)
SITE_CODE = ("docs/_ext",)


def fingerprint(root: Path, names: Iterable[str] = WATCHED) -> str:
    """Return a digest of all that is watched below `root`, and of Python's version."""
    digest = hashlib.sha256(".".join(map(str, sys.version_info[:3])).encode())
    for name in names:
        path = root / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix != ".pyc":
                digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def note(app: Sphinx, config: Config) -> None:
    """Take the fingerprint; chapters are cached in a folder named by it, and every page is read when it differs."""
    config.chainrule_fingerprint = fingerprint(Path(app.confdir))
    config.chainrule_site_code = fingerprint(Path(app.confdir), SITE_CODE)
    caches = Path(app.doctreedir) / "executed"
    config.nb_execution_cache_path = str(caches / config.chainrule_fingerprint)


def run_stale_lessons(app: Sphinx) -> None:
    """Have every lesson run, not only those that were edited, unless all ran with this very fingerprint."""
    record = record_of(app)
    if record.is_file() and record.read_text() == app.config.chainrule_fingerprint:
        return
    if record.is_file():
        say("the library, the locked versions or how lessons are run changed: executing everything again")
    # Gone until all have run: an interrupted build must not leave a record of what it did not do.
    record.unlink(missing_ok=True)
    app.config.sphinx_gallery_conf["run_stale_examples"] = True


def record_lessons(app: Sphinx) -> None:
    """Record that all lessons have run with this fingerprint."""
    record = record_of(app)
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(app.config.chainrule_fingerprint)


def drop_old_chapters(app: Sphinx, exception: Exception | None) -> None:
    """Remove what chapters gave with another fingerprint."""
    if exception is None:
        for folder in (Path(app.doctreedir) / "executed").glob("*"):
            if folder.name != app.config.chainrule_fingerprint:
                shutil.rmtree(folder, ignore_errors=True)


def record_of(app: Sphinx) -> Path:
    """Return where the fingerprint of the lessons is kept: beside what they gave."""
    return Path(app.srcdir) / "lessons" / ".fingerprint"


def setup(app: Sphinx) -> dict[str, bool]:
    """Compare before sphinx-gallery runs the lessons (500), and record that it did; a failing one stops the build."""
    app.add_config_value("chainrule_fingerprint", "", "env", str)
    app.add_config_value("chainrule_site_code", "", "env", str)
    app.connect("config-inited", note)
    app.connect("builder-inited", run_stale_lessons, priority=100)
    app.connect("builder-inited", record_lessons, priority=700)
    app.connect("build-finished", drop_old_chapters)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
