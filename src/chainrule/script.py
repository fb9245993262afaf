"""The script that brings graphs to life: the files in views/graph joined into one, the same for every page.

Browsers refuse module files on `file://`, so what is written as modules is served as one classic script. Joining takes
away comments, indentation, and the lines that import and export; no file may declare a name that another one does.
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
FILES = (
    "tensors", "text", "ops", "model", "slips", "maths", "dom", "numbers", "drawing", "plots", "slope", "learn",
    "predict", "share", "element",
)  # fmt: skip
"""The order in which they are joined: each knows only those before it."""

_COMMENT = re.compile(r"^[ \t]*//[^\n]*$|/\*\*.*?\*/", re.MULTILINE | re.DOTALL)
_LINKS = re.compile(r"^import .*?;$|^export (?=(const|let|function|class)\b)", re.MULTILINE | re.DOTALL)


@cache
def script() -> str:
    """Join the files; what they need from Python, the colours and the sentences, comes first."""
    sources = [(FOLDER / f"{name}.js").read_text("utf-8") for name in FILES]
    given = {
        "SLIPS": json.loads((Path(__file__).with_name("slips.json")).read_text("utf-8")),
        "PALETTES": [asdict(LIGHT), asdict(DARK)],
        "DRAWING": _tight((FOLDER / "drawing.css").read_text("utf-8")),
        "STYLE": _tight((FOLDER / "graph.css").read_text("utf-8")),
    }
    constants = "".join(f"const {name}={json.dumps(value, ensure_ascii=False)};\n" for name, value in given.items())
    body = constants + "".join(_tight(source) for source in sources)
    version = sha256(body.encode()).hexdigest()[:8]
    joined = f'(()=>{{"use strict";\nconst VERSION="{version}";\n{body}}})();\n'
    assert "</script" not in joined.lower(), "it stands in pages as it is"
    return joined


@cache
def version() -> str:
    """Name this version of the script: graphs look for the one that they were made with."""
    found = re.search(r'VERSION="(\w+)"', script())
    assert found is not None
    return found[1]


def _tight(source: str) -> str:
    bare = _LINKS.sub("", _COMMENT.sub("", source))
    return "".join(f"{line.strip()}\n" for line in bare.splitlines() if line.strip())
