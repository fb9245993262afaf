"""Numbers, shapes and names as people read them; shared by every view, so that all show the same."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from chainrule.trace import Snapshot

SHOWN = 9
"""So many numbers of a tensor are written out; larger tensors are described."""

GREEK = frozenset({
    "alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "lambda", "mu", "rho", "sigma", "tau", "phi", "psi",
    "omega",
})  # fmt: skip
ACCENTS = {"hat": r"\hat", "bar": r"\bar", "tilde": r"\tilde"}


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


def brief(text: str, longest: int = 300) -> str:
    """Leave out the middle of what is too long to be read.

    >>> brief("a + b"), brief("a + b + c + d + e + f", 13)
    ('a + b', 'a + ... + f')
    """
    if len(text) <= longest:
        return text
    half = (longest - 5) // 2
    return f"{text[: longest - 5 - half].rstrip()} ... {text[-half:].lstrip()}"


def _nested(data: Any) -> str:
    return f"[{', '.join(map(_nested, data))}]" if isinstance(data, list) else number(data)


def _range(tensor: Snapshot) -> str:
    if tensor.data is not None and tensor.size and not np.iscomplexobj(tensor.data):
        return f" from {number(tensor.data.min().item())} to {number(tensor.data.max().item())}"
    if tensor.statistics and "min" in tensor.statistics:
        return f" from {number(tensor.statistics['min'])} to {number(tensor.statistics['max'])}"
    return ""


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


def latex_number(x: complex) -> str:
    r"""Write one number in LaTeX.

    >>> print(latex_number(1.2e-10))
    1.2\times 10^{-10}
    """
    written = number(x)
    if "j" in written or "e" not in written:
        return {"nan": r"\mathrm{NaN}", "inf": r"\infty", "-inf": r"-\infty"}.get(written, written)
    mantissa, exponent = written.split("e")
    return rf"{mantissa}\times 10^{{{exponent}}}"


def latex_numbers(tensor: Snapshot | None) -> str:
    r"""Write a tensor's numbers in LaTeX, small ones as a row of numbers or a matrix.

    >>> print(latex_numbers(Snapshot((3,), "float32", np.array([16.0, 24.0, 8.0]))))
    (16,\ 24,\ 8)
    """
    if tensor is None or tensor.data is None or tensor.size > SHOWN or len(tensor.shape) > 2:
        return rf"\text{{{numbers(tensor)}}}"
    if tensor.shape == ():
        return latex_number(tensor.data.item())
    if len(tensor.shape) == 1:
        return "(" + r",\ ".join(map(latex_number, tensor.data.tolist())) + ")"
    rows = r" \\ ".join(" & ".join(map(latex_number, row)) for row in tensor.data.tolist())
    return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}"


def latex_name(name: str) -> str:
    r"""Write a variable's name in LaTeX.

    >>> for name in ("w", "y_hat", "w1", "loss", "loss#2", "h_prev", "a * b"): print(latex_name(name))
    w
    \hat{y}
    w_{1}
    \mathrm{loss}
    \mathrm{loss}_{(2)}
    h_{\mathrm{prev}}
    \texttt{a * b}
    """
    bare, _, again = name.partition("#")
    if again:
        return f"{latex_name(bare)}_{{({again})}}"
    if not bare.isidentifier():
        return rf"\texttt{{{latex_text(bare)}}}"
    stem, _, rest = bare.partition("_")
    if not stem or bare.endswith("_"):
        return _upright(bare)
    digits = re.fullmatch(r"([A-Za-z]+)(\d+)", stem)
    subscripts = [digits[2]] if digits else []
    base = digits[1] if digits else stem
    letter = len(base) == 1 and (base.isascii() or "α" <= base <= "ω")
    written = base if letter else f"\\{base}" if base in GREEK else _upright(base)
    for part in filter(None, rest.split("_")):
        if part in ACCENTS:
            written = f"{ACCENTS[part]}{{{written}}}"
        else:
            subscripts.append(part if part.isascii() and (part.isdigit() or len(part) == 1) else _upright(part))
    return f"{written}_{{{','.join(subscripts)}}}" if subscripts else written


def _upright(word: str) -> str:
    return rf"\mathrm{{{latex_text(word)}}}" if word.isascii() else rf"\text{{{latex_text(word)}}}"


def latex_text(text: str) -> str:
    """Escape what LaTeX would read as a command."""
    escaped = {"\\": r"\textbackslash ", "{": r"\{", "}": r"\}", "^": r"\^{}", "~": r"\~{}"}
    return "".join(escaped.get(c, f"\\{c}" if c in "_#$%&" else c) for c in text)
