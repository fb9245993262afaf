"""Running lessons and chapters while the site is built, and when Sphinx calls what of it."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> None:
    """Connect what the modules of this room do; a kernel, which needs two of them, imports none of the others."""
    from jupyter_cache.cache import db
    from sphinx._cli.util import errors
    from sphinx_gallery import gen_rst

    from _ext.execute import chapters_ahead, failure, fingerprint, gallery, kernel, progress

    app.add_config_value("chainrule_fingerprint", "", "env", str)  # make serve reads all pages again if it differs
    app.connect("config-inited", fingerprint.forget)  # before anything runs
    app.connect("config-inited", kernel.write_profile)
    app.connect("builder-inited", chapters_ahead.start)  # after MyST's own, and before sphinx-gallery's: see conf.py
    app.connect("env-before-read-docs", progress.reading)
    app.connect("write-started", progress.writing)
    app.connect("html-page-context", failure.ask_for_words)
    app.connect("build-finished", failure.leave_mark, priority=1000)  # after everybody else
    logging.getLogger("sphinx").addHandler(progress.ChapterListener())
    db.create_engine = fingerprint.open_cache
    gen_rst.generate_file_rst = partial(gallery.run_apart, app)
    errors.handle_exception = partial(failure.tell, app)
