"""Programs for the playground: what PyTorch does with one, and random ones, right and wrong."""

from __future__ import annotations

import contextlib
import io
import math
import random
import re
import traceback
import warnings
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, NamedTuple

import torch

HEAD = "import torch\nimport torch.nn.functional as F\n"
TEXT = files("chainrule.live").joinpath("js/playground/programs.txt").read_text("utf-8")
EXAMPLES = dict(part.partition("\n")[::2] for part in TEXT.split("# %% ")[1:])
"""The page's examples, by title."""


class Ran(NamedTuple):
    """What came of a program: its text, its error (kind, first sentence, line), and its tensors' numbers."""

    printed: str
    error: tuple[str, str, int] | None
    values: Mapping[str, Any]
    gradients: Mapping[str, Any]


def sentence(message: str) -> str:
    """Return the first sentence of a message, without its full stop."""
    return re.split(r"[.:](?:\s|$)", message)[0]


def in_pytorch(program: str) -> Ran:
    """Run a program with PyTorch."""
    text, error = io.StringIO(), None
    held: dict[str, Any] = {"__name__": "program"}
    try:
        with contextlib.redirect_stdout(text), warnings.catch_warnings(action="ignore"):
            exec(compile(program, "<program>", "exec"), held)
    except SyntaxError as caught:
        error = ("SyntaxError", sentence(caught.msg), caught.lineno or 0)
    except Exception as caught:
        line = [f.lineno for f in traceback.extract_tb(caught.__traceback__) if f.filename == "<program>"][-1]
        error = (type(caught).__name__, sentence(str(caught)), line or 0)
    tensors = {name: t for name, t in held.items() if isinstance(t, torch.Tensor)}
    leaves = {name: t.grad for name, t in tensors.items() if t.is_leaf and t.grad is not None}
    numbers = [{name: t.tolist() for name, t in some.items()} for some in (tensors, leaves)]
    return Ran(text.getvalue(), error, *numbers)


NUMBER = re.compile(r"(?<![\w.])-?(?:\d+\.?\d*(?:e[-+]\d+)?|inf|nan)(?![\w(])")


def same_text(a: str, b: str) -> bool:
    """Tell whether two texts have the same words, and numbers that differ by their last digit's rounding at most."""
    words = [re.sub(r"\s+", " ", NUMBER.sub("0", text)) for text in (a, b)]
    return words[0] == words[1] and all(
        x == y or math.isclose(float(x), float(y), rel_tol=1e-6, abs_tol=max(1e-6, _unit(x)))
        for x, y in zip(NUMBER.findall(a), NUMBER.findall(b), strict=True)
    )


def _unit(text: str) -> float:
    """Return what the last digit of a short number stands for; of one with many digits, next to nothing."""
    mantissa, _, exponent = text.partition("e")
    digits = len(mantissa.partition(".")[2])
    return 1.01 * 10.0 ** (int(exponent or 0) - digits) if 0 < digits <= 4 else 1e-6


def far(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Return the names of numbers that differ by more than 1e-6 of the largest among all: sums of them may cancel."""
    held = {name: torch.as_tensor(numbers, dtype=torch.float64) for name, numbers in b.items()}
    scale = max([1.0, *(float(x) for t in held.values() for x in t.abs().flatten() if x.isfinite())])
    pairs = {name: (torch.as_tensor(a[name], dtype=torch.float64), t) for name, t in held.items()}
    return [
        name
        for name, (x, y) in pairs.items()
        if x.shape != y.shape or not torch.allclose(x, y, rtol=0, atol=1e-6 * scale, equal_nan=True)
    ]


ONE = (
    "torch.exp({a} * 0.3)", "torch.log({a} ** 2 + 1)", "torch.sqrt({a} ** 2 + 1)", "torch.tanh({a})",
    "torch.sigmoid({a})", "torch.relu({a})", "{a}.abs()", "torch.sin({a})", "{a}.cos()", "-{a}", "{a} ** 2",
    "{a} ** 3", "1 / ({a} ** 2 + 1)", "{a} / 2", "2 - {a}", "{a} * 0.5 + 1", "{a}.T", "{a}.sum()", "{a}.mean()",
    "{a}.sum(dim=0)", "{a}.mean(-1)", "{a}.sum(dim=-1, keepdim=True)", "{a}[0]", "{a}[-1]", "{a}[:, 0]",
    "{a}[..., 1:]", "{a}[[0, 1]]", "{a}[None]", "{a}.reshape(-1)", "{a}.reshape(3, 2)", "{a}.flatten()",
    "{a}.unsqueeze(0)", "{a}.squeeze()", "F.softmax({a}, dim=-1)", "F.log_softmax({a}, dim=0)", "{a}.max()",
    "{a}.min()", "{a}.max(dim=0).values", "{a}.amax(dim=-1)", "{a}.clamp(-1, 1)", "torch.clamp({a}, min=0)",
    "F.silu({a})", "{a}.square()", "{a}.clone()", "{a}.detach()", "torch.where({a} > 0, {a}, 0.1 * {a})",
    "{a}.masked_fill({a} > 0.5, 0.0)", "{a}.transpose(0, 1)", "{a}.permute(1, 0)", "2 ** {a}", "{a}.expand(2, 2, 3)",
    "({a} > 0).float() * {a}", "{a}.t()", "torch.ones_like({a}) - {a}", "f({a})",
)  # fmt: skip
TWO = (
    "{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / ({b} ** 2 + 1)", "{a} @ {b}", "{a} @ {b}.T",
    "torch.maximum({a}, {b})", "torch.minimum({a}, {b})", "torch.stack([{a}, {b}])", "torch.cat([{a}, {b}])",
    "F.mse_loss({a}, {b})", "F.linear({a}, {b})", "torch.matmul({a}, {b})", "({a} - {b}) ** 2",
    "F.l1_loss({a}, {b}, reduction='sum')", "F.layer_norm({a}, (3,), {b})", "torch.where({a} > {b}, {a}, {b})",
)  # fmt: skip
LINES = (
    "print({a})", "print({a}, {b})", "print('{a}', {a}.shape, {a}.requires_grad)",
    "print(f'{a} = {{{a}.sum().item():.3f}}')", "print({a} > 0, {a}.dtype)", "print([{a}.sum()])",
)  # fmt: skip
DESCENT = """for step in range(3):
    loss = ({w} ** 2).sum()
    loss.backward()
    print(loss)
    with torch.no_grad():
        {w} -= 0.01 * {w}.grad
    {w}.grad = None"""
MISTAKES = (
    "{a} + missing", "{a}.foo", "torch.foo({a})", "{a} + {b}", "{a} * {b}", "{a} @ {b}", "{a} + None", "{a} * 'x'",
    "{a}[9]", "{a}[0, 0, 0, 0]", "{a}.sum(5)", "{a}.reshape(7, 5)", "{a}.reshape(-1, -1)", "{a}.view(4, 4)",
    "{a}.backward()", "({a} * 2).backward()", "{leaf} += 1", "{leaf} -= 0.1 * {leaf}.grad", "{leaf}.grad.zero_()",
    "{a}.detach().sum().backward()", "torch.tensor([[1.0, 2.0], [3.0]])", "{a}()",
    "torch.tensor([1, 2], requires_grad=True)", "float({a})", "{a}.item()", "torch.stack([{a}, {b}])",
    "torch.cat([{a}, {b}])", "{a}[1.5]", "torch.exp(2.0)", "torch.exp()", "F.softmax({a}, dim=4)",
    "F.cross_entropy({a}, torch.tensor([7, 0]))", "if {a} > 0:\n    pass", "p, q = 1, 2, 3", "p, q = 1",
    "for i in 5:\n    pass", "for i in range(1.5):\n    pass", "[1, 2][7]", "1 / 0", "len({a}, 1)[0", "print({a}",
    "torch.zeros(2, 3) @ torch.zeros(2, 3)", "torch.zeros(2, 3) @ torch.zeros(2)", "torch.zeros(3) @ torch.zeros(2)",
    "{a}.transpose(0, 5)", "loss = ({leaf} ** 2).sum()\nloss.backward()\nloss.backward()",
    "y = torch.exp({leaf})\ny += 1\ny.sum().backward()", "'a' + 1", "{a} ** None",
    "{leaf}.sum().backward(torch.tensor([1.0, 2.0]))", "torch.tensor([1, 2]).mean()", "{a}.unsqueeze(7)",
    "def g(n):\n    return n + {a}\ng()", "def g(n):\n    return n\ng(1, 2)", "def g():\n    count += 1\ng()",
    "print(undefined)", "{a}.T.foo()", "assert {a}.sum() > 1e9, 'too small'", "{leaf}[0] = 1.0", "torch.tensor('a')",
    "x = torch.tensor([1, 2])\nx += 0.5", "torch.ones(2) + torch.ones(3)", "{a}.exp(1)", "int('w')",
)  # fmt: skip


def random_program(seed: int, wrong: bool = False) -> str:
    """Return a program that runs with PyTorch, or one whose last line is a mistake."""
    draw = random.Random(seed)
    dtype = draw.choice(["", "", ", dtype=torch.float64"])
    lines = ["def f(a):", "    return torch.tanh(a) * 2 - a"]
    shapes = [(), (3,), (2, 3), (3, 2), (3, 3), (1, 3)]
    leaves = draw.sample("uvwxyz", draw.randint(2, 4))
    for name in leaves:
        shape = draw.choice(shapes)
        data = [round(draw.uniform(-1.5, 1.5), 2) for _ in range(math.prod(shape))]
        grad = ", requires_grad=True" if draw.random() < 0.75 or name == leaves[0] else ""
        lines.append(
            f"{name} = torch.tensor({torch.tensor(data, dtype=torch.float64).reshape(shape).tolist()}{dtype}{grad})"
        )
    names: dict[str, Any] = {}
    exec(HEAD + "\n".join(lines), names)

    def add(line: str) -> bool:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(action="error"):
            try:
                exec(line, names)
            except Exception:
                return False
        lines.append(line)
        return True

    tensors = list(leaves)
    for k in range(draw.randint(3, 8)):
        for _ in range(8):
            a, b = draw.choice(tensors[-3:] if k > 3 else tensors), draw.choice(tensors)
            how = draw.choice(ONE) if draw.random() < 0.6 else draw.choice(TWO)
            if add(f"h{k} = {how.format(a=a, b=b)}"):
                tensors.append(f"h{k}")
                break
        if draw.random() < 0.4:
            add(draw.choice(LINES).format(a=draw.choice(tensors), b=draw.choice(tensors)))
    if wrong:
        leaf = draw.choice(leaves)
        for _ in range(50):
            mistake = draw.choice(MISTAKES).format(a=draw.choice(tensors), b=draw.choice(tensors), leaf=leaf)
            if in_pytorch(HEAD + "\n".join([*lines, mistake])).error:
                return HEAD + "\n".join([*lines, mistake, "print('after')", ""])
    sums = " + ".join(f"({name} * 0.5).sum()" for name in tensors[-3:])
    add(f"loss = {sums} + ({leaves[0]} ** 2).mean()")
    if draw.random() < 0.3:
        add(DESCENT.format(w=leaves[0]))
    else:
        add("loss.backward()")
    for name in leaves:
        add(f"print({name}.grad)")
    lines.append("print(loss)")
    return HEAD + "\n".join(lines) + "\n"
