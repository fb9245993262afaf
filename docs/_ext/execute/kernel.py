"""Set up the kernels that execute the chapters: an IPython extension, and the profile that loads it."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _ext.execute import limits
from _ext.pages import live_scripts

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

PROFILE = """\
import os
import sys

os.environ["MPLBACKEND"] = "agg"

sys.path.insert(0, {docs!r})
c = get_config()
c.InteractiveShellApp.extensions = ["_ext.execute.kernel"]
c.HistoryManager.enabled = False
c.Application.log_level = 40
"""


def load_ipython_extension(shell: Any) -> None:
    """Have graphs come without their script, outputs in one piece, and the kernel end at once."""
    live_scripts.leave_script_out()
    # What a cell prints is sent when it ends. Sent in between, wherever that may be, it can come back with a line more.
    for stream in (sys.stdout, sys.stderr):
        stream.flush_interval = 3600  # type: ignore[union-attr]  # in a kernel both are ipykernel's
        stream.write = limits.limited(stream.write)  # type: ignore[method-assign]
    # Closing in order takes a second, and now and then for ever: ipykernel waits for a thread that waits for another.
    leave = limits.forbid_exit()
    shell.kernel.do_shutdown = lambda restart: leave(0)


def write_profile(app: Sphinx, config: Config) -> None:
    """Give kernels a profile of this project's, so that a reader's own IPython settings change nothing."""
    home = Path(app.doctreedir) / "ipython"
    profile = home / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    text = PROFILE.format(docs=str(Path(__file__).parents[2]))
    (profile / "ipython_kernel_config.py").write_text(text, "utf-8")
    os.environ["IPYTHONDIR"] = str(home)
    logging.getLogger("traitlets").setLevel(logging.CRITICAL)  # docs/_ext/execute/failure.py says what failed
