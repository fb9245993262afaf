"""Run the lessons: announce each, show its figures, and stop at one that fails.

sphinx-gallery calls `before_lesson` only for a lesson that it is about to run, and `show_figures` after each block.
"""

from __future__ import annotations

import ast
import gc
import re
import warnings
from pathlib import Path
from textwrap import indent
from typing import Any

from sphinx.util import logging

from _ext.execute import figures
from _ext.execute.failure import stop_at_lesson
from _ext.execute.progress import say
from _ext.pages import live_scripts

logger = logging.getLogger(__name__)

# sphinx-gallery looks up each attribute that a lesson mentions, and PyTorch remarks on `.grad` of what is no leaf.
warnings.filterwarnings("ignore", "The .grad attribute", UserWarning, "sphinx_gallery")


def lessons(conf: dict[str, Any]) -> list[Path]:
    """Return every lesson of the course, in order."""
    here = Path(conf["src_dir"])
    return [path for folder in conf["examples_dirs"] for path in sorted((here / folder).resolve().glob("*.py"))]


def before_lesson(conf: dict[str, Any], name: str) -> None:
    """Announce a lesson, give it the site's figure style, and forget what its last run left behind."""
    import matplotlib.pyplot as plt

    every = lessons(conf)
    path = next(path for path in every if path.name == name)
    say(f"executing lesson {every.index(path) + 1} of {len(every)}: {name}")
    # Should this run be interrupted, nothing of the run before passes for its result.
    for built in Path(conf["src_dir"]).glob(f"{conf['gallery_dirs'][0].split('/')[0]}/*/{path.stem}.*"):
        if built.name in (f"{name}.md5", f"{path.stem}.rst"):
            built.unlink()
    live_scripts.leave_script_out()
    # sphinx-gallery collects garbage before each lesson; all that is there by now, PyTorch above all, is none.
    gc.collect()
    gc.freeze()
    plt.close("all")
    plt.rcdefaults()
    plt.switch_backend("agg")
    plt.style.use(figures.STYLE)


def show_figures(block: tuple[str, str, int], variables: dict[str, Any], conf: dict[str, Any]) -> str:
    """Return reST for what a block drew: each open figure, and the figure or derivation that it ends with.

    Stop if it failed.
    """
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    from chainrule.views.derivation import Derivation

    source = Path(variables["src_file"])
    if "formatted_exception" in variables:
        stop_at_lesson(source, Path(conf["src_dir"]).parent, variables["formatted_exception"])
    statements = ast.parse(block[1]).body
    last = variables["example_globals"].get("___") if statements and isinstance(statements[-1], ast.Expr) else None
    shown: list[Figure] = [plt.figure(number) for number in plt.get_fignums()]
    if isinstance(last, Figure) and last not in shown:
        shown.append(last)
    plt.close("all")

    parts = [f".. math::\n\n{indent(last.latex, '    ')}"] if isinstance(last, Derivation) else []
    for figure in shown:
        variables["figures"] = variables.get("figures", 0) + 1
        if not figures.description(figure):
            where = f"examples/{source.parent.name}/{source.name}:{block[2]}"
            logger.warning(
                'a figure says nothing to those who cannot see it; add a title, or `figure.set_label("...")`',
                location=where,
            )
        page = re.sub(r"\W+", "-", source.stem)
        parts.append(".. raw:: html\n\n" + indent(figures.inline(figure, f"f{page}-{variables['figures']}"), "    "))
    return "\n\n".join(parts)
