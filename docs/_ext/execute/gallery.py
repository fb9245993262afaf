"""Run the lessons: announce each, and stop at one that fails.

sphinx-gallery calls `before_lesson` only for a lesson that it is about to run, and `after_block` after each block.
"""

from __future__ import annotations

import gc
import warnings
from pathlib import Path
from typing import Any

from _ext.execute.failure import stop_at_lesson
from _ext.execute.progress import say
from _ext.pages import live_scripts

# sphinx-gallery looks up each attribute that a lesson mentions, and PyTorch remarks on `.grad` of what is no leaf.
warnings.filterwarnings("ignore", "The .grad attribute", UserWarning, "sphinx_gallery")


def lessons(conf: dict[str, Any]) -> list[Path]:
    """Return every lesson of the course, in order."""
    here = Path(conf["src_dir"])
    return [path for folder in conf["examples_dirs"] for path in sorted((here / folder).resolve().glob("*.py"))]


def before_lesson(conf: dict[str, Any], name: str) -> None:
    """Announce a lesson, and have garbage looked for among what it makes alone."""
    every = lessons(conf)
    path = next(path for path in every if path.name == name)
    say(f"executing lesson {every.index(path) + 1} of {len(every)}: {name}")
    live_scripts.leave_script_out()
    # sphinx-gallery collects garbage before each lesson; all that is there by now, PyTorch above all, is none.
    gc.collect()
    gc.freeze()


def after_block(block: tuple[str, str, int], variables: dict[str, Any], conf: dict[str, Any]) -> str:
    """Stop if a block failed; add nothing to what it shows."""
    if "formatted_exception" in variables:
        stop_at_lesson(Path(variables["src_file"]), Path(conf["src_dir"]).parent, variables["formatted_exception"])
    return ""
