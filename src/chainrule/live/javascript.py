"""The scripts that bring graphs to life: the files in `js/` joined, the same for every page.

Browsers refuse module files on `file://`, so what is written as modules is served as classic scripts: one with all that
a graph needs to be stepped through and played, one to change it with, which is fetched once the page is at rest, and
one with further ops, for which a graph waits that was made with them.
Joining takes away comments, indentation, and the lines that import and export; no file may declare a name that another
one does. What is served is that, minified (`tools/minify_js.py`); where it was made from other files, the joined files.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from pathlib import Path

from chainrule.calculus.rules import RULES
from chainrule.views.colors import DARK, LIGHT

FOLDER = Path(__file__).parent / "js"
PARTS = {
    "graph": (
        "tensors", "text", "ops", "model", "dom", "drawing", "state", "more", "player", "product", "element", "page",
    ),
    "panels": (
        "fields", "numbers", "training", "cells", "sizes", "zoom", "maths", "slips", "plots", "edits", "curve",
        "explain", "predict", "table", "code", "share", "panels",
    ),
    "ops": ("calls", "entries", "moves", "losses", "layers"),
}  # fmt: skip
"""The files of each script, in the order in which they are joined: each knows only those before it."""
PLAYGROUNDS = {
    "code": (
        "fields", "python", "printed", "types", "tape", "operations", "creation", "indexing", "functions", "torch",
        "tree", "builtins", "expressions", "program", "written", "record", "places", "editor", "playground",
    ),
    "xor": ("fields", "numbers", "plots", "frame", "plane", "network", "inside", "thousand", "xor"),
    "descent": ("fields", "numbers", "plots", "frame", "plane", "race", "descent"),
    "practice": ("fields", "slips", "predict", "frame", "questions", "practice"),
}  # fmt: skip
"""The scripts of elements of their own, which the pages that have one fetch after the graph's."""

_COMMENT = re.compile(r"^[ \t]*//[^\n]*$|/\*\*.*?\*/", re.MULTILINE | re.DOTALL)
_IMPORT = re.compile(r"^import \{([^}]*)\} from '\.\.?/(?:\w+/)?(\w+)\.js';(?: // prettier-ignore)?$", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(const|let|function|class)\b)", re.MULTILINE)


@cache
def script() -> str:
    """Return all scripts in one, for a page that has nothing to fetch from."""
    return "".join(map(served, PARTS))


def served(part: str) -> str:
    """Return a script as it is served."""
    file = minified(part)
    made = file.read_text("utf-8") if file.is_file() else ""
    text = made if version(part) in made else joined(part)
    assert "</script" not in text.lower(), "it stands in pages as it is"
    return text


def minified(part: str) -> Path:
    """Return the file that holds a script, minified."""
    return FOLDER.with_name(f"{part}.min.js")


@cache
def version(part: str = "graph") -> str:
    """Return the name of this version of the scripts: graphs look for the one that they were made with."""
    return sha256("".join(map(_body, [part] if part in PLAYGROUNDS else PARTS)).encode()).hexdigest()[:8]


@cache
def joined(part: str) -> str:
    """Return the files of a script, joined."""
    return f'(()=>{{"use strict";\nconst VERSION="{version(part)}";\n{_body(part)}}})();\n'


@cache
def _body(part: str) -> str:
    """Write the files one behind the other, and what one script hands to the other."""
    before = after = ""
    given: dict[str, object] = {}
    if part == "graph":
        given = {"PALETTES": [asdict(LIGHT), asdict(DARK)], "DRAWING": _style("drawing"), "STYLE": _style("graph")}
        after = f"versions[VERSION].shared??={{{','.join([*_shared('panels', 'ops', *PLAYGROUNDS), *given])}}};\n"
    else:
        wanted = ",".join([*_shared(part), *(() if part == "ops" else ("PALETTES", "DRAWING", "STYLE"))])
        graphs = "Object.values(chainruleGraphs)[0]" if part in PLAYGROUNDS else "chainruleGraphs[VERSION]"
        before = f"const{{{wanted}}}={graphs}.shared;\n"
    if part not in ("graph", "ops"):
        slips = json.loads((Path(__file__).parents[1] / "checking" / "slips.json").read_text("utf-8"))
        given = {"SLIPS": slips, "PANEL_STYLE": _style("panels")}
        styles = ("zoom",) if part == "panels" else ("frame", part)
        given |= {f"{style.upper()}_STYLE": _style(style) for style in styles}
    if part == "code":
        words = json.loads((FOLDER / "playground" / "words.json").read_text("utf-8"))
        given |= {"RULES": RULES, "WORDS": words}
    constants = "".join(f"const {name}={json.dumps(value, ensure_ascii=False)};\n" for name, value in given.items())
    return constants + before + "".join(_tight(_source(name)) for name in (PARTS | PLAYGROUNDS)[part]) + after


def _shared(*parts: str) -> list[str]:
    """List what other scripts import from the files of the first."""
    imports = [
        found for part in parts for name in (PARTS | PLAYGROUNDS)[part] for found in _IMPORT.findall(_source(name))
    ]
    return sorted({name for names, file in imports if file in PARTS["graph"] for name in re.findall(r"\w+", names)})


def _source(name: str) -> str:
    return next(FOLDER.glob(f"*/{name}.js")).read_text("utf-8")


def _style(name: str) -> str:
    """Write a style sheet without what only people need."""
    text = next(FOLDER.glob(f"*/{name}.css")).read_text("utf-8")
    return re.sub(r"\s*([{};,])\s*|(?<=:)\s+|\s*\n\s*", r"\1", text).replace(";}", "}")


def _tight(source: str) -> str:
    bare = _EXPORT.sub("", _IMPORT.sub("", _COMMENT.sub("", source)))
    return "".join(f"{line.strip()}\n" for line in bare.splitlines() if line.strip())
