"""The script that brings graphs to life: the files in views/graph joined into one, the same for every page.

Browsers refuse module files on `file://`, so what is written as modules is served as one classic script. Joining takes
away comments, indentation, and the lines that import and export; no file may declare a name that another one does.
What is served is that, minified (`tools/minify_js.py`); where it was made from other files, the joined files.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from pathlib import Path

from chainrule.colors import DARK, LIGHT

FOLDER = Path(__file__).parent / "views" / "graph"
MINIFIED = Path(__file__).parent / "views" / "graph.min.js"
FILES = (
    "tensors", "text", "ops", "model", "slips", "maths", "dom", "numbers", "drawing", "plots", "slope", "learn",
    "predict", "share", "element",
)  # fmt: skip
"""The order in which they are joined: each knows only those before it."""

_COMMENT = re.compile(r"^[ \t]*//[^\n]*$|/\*\*.*?\*/", re.MULTILINE | re.DOTALL)
_LINKS = re.compile(r"^import .*?;$|^export (?=(const|let|function|class)\b)", re.MULTILINE | re.DOTALL)


@cache
def script() -> str:
    """Give the script as it is served."""
    made = MINIFIED.read_text("utf-8") if MINIFIED.is_file() else ""
    served = made if f'"{version()}"' in made else joined()
    assert "</script" not in served.lower(), "it stands in pages as it is"
    return served


@cache
def version() -> str:
    """Name this version of the script: graphs look for the one that they were made with."""
    return sha256(_body().encode()).hexdigest()[:8]


@cache
def joined() -> str:
    """Join the files."""
    return f'(()=>{{"use strict";\nconst VERSION="{version()}";\n{_body()}}})();\n'


@cache
def _body() -> str:
    """Write the files one behind the other; what they need from Python, the colours and the sentences, comes first."""
    given = {
        "SLIPS": json.loads((Path(__file__).with_name("slips.json")).read_text("utf-8")),
        "PALETTES": [asdict(LIGHT), asdict(DARK)],
        "DRAWING": _style("drawing"),
        "STYLE": _style("graph"),
    }
    constants = "".join(f"const {name}={json.dumps(value, ensure_ascii=False)};\n" for name, value in given.items())
    return constants + "".join(_tight((FOLDER / f"{name}.js").read_text("utf-8")) for name in FILES)


def _style(name: str) -> str:
    """Write a style sheet without the spaces that only people need."""
    return re.sub(r"\s*([{};,])\s*|(?<=:)\s+|\s*\n\s*", r"\1", (FOLDER / f"{name}.css").read_text("utf-8"))


def _tight(source: str) -> str:
    bare = _LINKS.sub("", _COMMENT.sub("", source))
    return "".join(f"{line.strip()}\n" for line in bare.splitlines() if line.strip())
