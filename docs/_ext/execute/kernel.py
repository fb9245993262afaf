"""Show figures in chapters as lessons do: an IPython extension, loaded into the kernel that executes them."""

from __future__ import annotations

import itertools
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _ext.execute import figures
from _ext.pages import live_scripts

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from sphinx.application import Sphinx
    from sphinx.config import Config

PROFILE = """\
import os
import sys

os.environ["MPLBACKEND"] = "agg"  # not IPython's own, which would show figures a second time

sys.path.insert(0, {docs!r})
c = get_config()
c.InteractiveShellApp.extensions = ["_ext.execute.kernel"]
c.HistoryManager.enabled = False
c.Application.log_level = 40
"""

numbers = itertools.count(1)


def shown(figure: Figure) -> str:
    """Return a figure as HTML; close a pyplot figure, or the end of the cell would show it again."""
    from matplotlib._pylab_helpers import Gcf

    if not figures.description(figure):
        warnings.warn(
            'a figure says nothing to those who cannot see it; add a title, or `figure.set_label("...")`', stacklevel=1
        )
    text = figures.inline(figure, f"f{next(numbers)}")
    Gcf.destroy_fig(figure)
    return text


def show_open_figures() -> None:
    """Show what a cell has drawn with pyplot and not shown itself."""
    from IPython.display import display
    from matplotlib._pylab_helpers import Gcf

    for manager in Gcf.get_all_fig_managers():
        display(manager.canvas.figure)


def load_ipython_extension(shell: Any) -> None:
    """Register how a figure is displayed, and the site's figure style."""
    import matplotlib

    live_scripts.leave_script_out()
    # What a cell prints is sent when it ends. Sent in between, wherever that may be, it can come back with a line more.
    for stream in (sys.stdout, sys.stderr):
        stream.flush_interval = 3600  # type: ignore[union-attr]  # in a kernel both are ipykernel's
    matplotlib.rc_file(figures.STYLE)
    warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")  # plt.show() is welcome
    # Closing in order takes a second, and now and then for ever: ipykernel waits for a thread that waits for another.
    shell.kernel.do_shutdown = lambda restart: os._exit(0)
    shell.events.register("post_execute", show_open_figures)
    shell.display_formatter.formatters["text/html"].for_type_by_name("matplotlib.figure", "Figure", shown)


def write_profile(app: Sphinx, config: Config) -> None:
    """Give kernels a profile of this project's, so that a reader's own IPython settings change nothing."""
    home = Path(app.doctreedir) / "ipython"
    profile = home / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    text = PROFILE.format(docs=str(Path(__file__).parents[2]))
    (profile / "ipython_kernel_config.py").write_text(text, "utf-8")
    os.environ["IPYTHONDIR"] = str(home)
    logging.getLogger("traitlets").setLevel(logging.WARNING)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the profile before the first kernel starts."""
    app.connect("config-inited", write_profile)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
