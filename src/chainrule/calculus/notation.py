"""Numbers, shapes and derivatives as text; shared by every view, so that all show the same."""

from __future__ import annotations

import json
import math
import re
import shutil
import sys
import textwrap
from typing import Any

import numpy as np

from chainrule.trace import Snapshot

PIECES = re.compile(r"\s+|(?:\([\d, ]*\)|\[*-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|[\w#]+[(\[]*|.)[),.:`\]]*")
"""What stays together where a line of code ends: a shape, a number, a name with the brackets around it."""
ARRAY = re.compile(r"\[[-+\d.einfaj, \[\]]+\]")
SHORT = 24  # where there is little room, an array of more letters is described
SHOWN = 9  # so many numbers of a tensor are written out; larger tensors are described


def number(x: complex) -> str:
    """Write one number with four significant digits, and no more zeros than it needs.

    >>> [number(x) for x in (-2.0, 0.1, 2 / 3, 1234.56, 1e-10, float("nan"), float("-inf"))]
    ['-2', '0.1', '0.6667', '1235', '1e-10', 'nan', '-inf']
    """
    if isinstance(x, complex):
        return f"{number(x.real)}{'+' if x.imag >= 0 or x.imag != x.imag else ''}{number(x.imag)}j"
    if isinstance(x, (bool, np.bool_, int, np.integer)):
        return str(x)
    if not math.isfinite(x):
        return str(float(x))
    if x == 0:
        return "0"
    size = math.floor(math.log10(abs(x)))
    if -4 <= size < 6:
        written = f"{x:.{max(0, 3 - size)}f}"
        return written.rstrip("0").rstrip(".") if "." in written else written
    mantissa, exponent = f"{x:.3e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def numbers(tensor: Snapshot | None) -> str:
    """Write a tensor's numbers; of a large one, or one that was not kept, its shape and range.

    >>> numbers(Snapshot((2, 2), "float32", np.array([[1, 2], [3, 0.5]])))
    '[[1, 2], [3, 0.5]]'
    >>> numbers(Snapshot((64, 10), "float32", statistics={"min": -1.0, "max": 2.5, "mean": 0.5}))
    '(64, 10) from -1 to 2.5'
    """
    if tensor is None:
        return "not known"
    if tensor.data is not None and tensor.size <= SHOWN:
        return _nested(tensor.data.tolist())
    return f"{shape(tensor.shape)}{_range(tensor)}"


def columns(elsewhere: int = 80) -> int:
    """Return how many letters fit on a line of the terminal, or `elsewhere` where Python does not print to one."""
    to_terminal = sys.stdout is not None and sys.stdout.isatty()
    return shutil.get_terminal_size((elsewhere, 24)).columns if to_terminal else elsewhere


class _Wrapper(textwrap.TextWrapper):
    def _split(self, text: str) -> list[str]:
        most = max(1, self.width - 2)
        return [piece[i : i + most] for piece in PIECES.findall(text) for i in range(0, len(piece), most)]


def wrapped(text: str, width: int) -> list[str]:
    """Break a text into lines between words, and inside of code behind dots and brackets; numbers stay whole.

    >>> wrapped("y = self.linear(x) * 0.5", 14)
    ['y = self.', '  linear(x) *', '  0.5']
    """
    return _Wrapper(width, subsequent_indent="  ").wrap(text)


def brief(text: str, longest: int = 300) -> str:
    """Leave out the middle of what is too long to be read.

    >>> brief("a + b"), brief("a + b + c + d + e + f", 13)
    ('a + b', 'a + ... + f')
    """
    if len(text) <= longest:
        return text
    half = (longest - 5) // 2
    return f"{text[: longest - 5 - half].rstrip()} ... {text[-half:].lstrip()}"


def described(text: str) -> str:
    """Describe each array that is written out in a text by its shape and range, but for short ones.

    >>> described("dh/dw = [[1.501, 2.502], [3.503, 0.5]]"), described("[1, 2]")
    ('dh/dw = (2, 2) from 0.5 to 3.503', '[1, 2]')
    """
    return ARRAY.sub(_described, text)


def _described(written: re.Match[str]) -> str:
    if len(written[0]) <= SHORT or "j" in written[0]:
        return written[0]
    try:
        held = np.array(json.loads(written[0].replace("nan", "NaN").replace("inf", "Infinity")))
        return f"{shape(held.shape)} from {number(held.min())} to {number(held.max())}"
    except ValueError:  # it has no entries, or is code that only looks like numbers
        return written[0]


def _nested(data: Any) -> str:
    return f"[{', '.join(map(_nested, data))}]" if isinstance(data, list) else number(data)


def _range(tensor: Snapshot) -> str:
    ends = tensor.statistics or {}
    if tensor.data is not None and tensor.size and not np.iscomplexobj(tensor.data):
        ends = {"min": tensor.data.min().item(), "max": tensor.data.max().item()}
    return f" from {number(ends['min'])} to {number(ends['max'])}" if "min" in ends else ""


def shape(sizes: tuple[int, ...]) -> str:
    """Write a shape as PyTorch's users do; a single number has none.

    >>> shape((4,)), shape(())
    ('(4,)', 'scalar')
    """
    return str(tuple(sizes)) if sizes else "scalar"


def derivative(above: str, below: str) -> str:
    """Write a derivative as text.

    >>> derivative("loss", "w"), derivative("loss", "a * b")
    ('dloss/dw', 'dloss/d(a * b)')
    """
    parts = (f"d{name}" if re.fullmatch(r"[^\W\d][\w.#]*", name) else f"d({name})" for name in (above, below))
    return "/".join(parts)
