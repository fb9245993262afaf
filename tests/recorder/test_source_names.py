"""Names: values are called what the code that ran calls them, and a name never leads to another value's numbers."""

from __future__ import annotations

import linecache
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent, indent
from types import FrameType

import pytest
import torch

import chainrule
from chainrule.recorder.source_names import held_as, locals_of

START = """\
import torch
from torch import nn
import torch.nn.functional as F
class Holder:
    pass
holder = Holder()
holder.w = torch.tensor([5.0], requires_grad=True)
holder.inner = Holder()
holder.inner.b = torch.tensor([7.0], requires_grad=True)
w = torch.tensor([2.0], requires_grad=True)
x = torch.tensor([3.0])
m = nn.Sequential(nn.Linear(1, 1))
n = 4
table = {"w": torch.tensor([6.0], requires_grad=True)}
"""


@pytest.fixture
def run() -> Iterator[object]:
    """Give a function that records a snippet, with its source where Python looks for it, and lists names."""
    made: list[str] = []

    def names(snippet: str, source: bool = True) -> list[tuple[str, str | None]]:
        code = f"{START}with record() as rec:\n{indent(dedent(snippet), '    ')}\n"
        file = f"<snippet {len(made)}>"
        made.append(file)
        if source:
            linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
        scope: dict[str, object] = {"record": chainrule.record}
        exec(compile(code, file, "exec"), scope)
        trace = scope["rec"].trace  # type: ignore[attr-defined]
        return [(value.name, None if value.op is None else trace.ops[value.op].expression) for value in trace.values]

    yield names
    for file in made:
        linecache.cache.pop(file, None)


SNIPPETS: dict[str, tuple[str, list[str]]] = {
    "assignment": ("h = w * x", ["w", "x", "h"]),
    "annotated": ("h: torch.Tensor = w * x\nh = w + x", ["w", "x", "h", "h#2"]),
    "walrus": ("(h := w * x)\nh = w + x", ["w", "x", "h", "h#2"]),
    "bound again": ("h = w * x\nh = h * x\nh = h * x", ["w", "x", "h", "h#2", "h#3"]),
    "augmented": ("h = w * x\nh += 1\nh **= 2", ["w", "x", "h", "h#2", "h#3"]),
    "without a name": ("(w * x).sum()", ["w", "x", "w * x", "(w * x).sum()"]),
    "the same expression again": ("(w * x).sum()\n(w * x).sum()", ["w", "x", "w * x", "(w * x).sum()", "w * x#2"]),
    "attribute": ("holder.h = holder.w * x", ["holder.w", "x", "holder.h"]),
    "attribute, deeper": ("h = holder.inner.b + holder.w", ["holder.inner.b", "holder.w", "h"]),
    "attribute, augmented": ("holder.h = w * x\nholder.h += 1", ["w", "x", "holder.h", "holder.h#2"]),
    "number in a variable": ("h = n * holder.w", ["holder.w", "h"]),
    "attribute, in place": ("holder.h = w * x\nholder.h.add_(1)", ["w", "x", "holder.h", "holder.h#2"]),
    "number in a variable, item": ('h = n * table["w"]', ['table["w"]', "h"]),
    "item of a dictionary": ('h = table["w"] * x', ['table["w"]', "x", "h"]),
    "two names at once": ("a = b = w * x\nc = b + 1", ["w", "x", "a", "c"]),
    "pair": ("a, b = w * x, w + x", ["w", "x", "a", "b"]),
    "unpacked": ("a, b = torch.cat([w, x]).unbind()\nc = a * b", ["w", "x", "torch.cat([w, x])", "a", "b", "c"]),
    "in a list": ("h = torch.stack([holder.w, holder.inner.b], dim=0)", ["holder.w", "holder.inner.b", "h"]),
    "through a function": ("def f(a):\n    return a * 2\nh = f(w)", ["w", "h"]),
    "through a lambda": ("f = lambda a: a * x\nh = f(w)\nk = h + 1", ["w", "x", "h", "k"]),
    "in a function, bound there": ("def f(a):\n    out = a * 2\n    return out\nh = f(w)", ["w", "h"]),
    "in a comprehension": ("hs = [k * w for k in (1, 2)]", ["w", "k * w", "k * w#2"]),
    "function of torch": ("h = torch.exp(w)\nk = F.relu(h)", ["w", "h", "k"]),
    "method of the class": ("from torch import Tensor\nh = Tensor.mul(holder.w, x)", ["holder.w", "x", "h"]),
    "module": ("h = m(x)", ["x", "0.weight", "0.bias", "h"]),
    "module made in the block": (
        "k = nn.Linear(1, 1)\nh = k(x)",
        ["x", "weight", "bias", "h"],
    ),
    "letters beyond ASCII": ("größe = w * x; y = größe + w", ["w", "x", "größe", "y"]),
    "several lines": ("h = (\n    w\n    * x  # why\n)", ["w", "x", "h"]),
    "alias": ("v = w\nh = v * x", ["w", "x", "h"]),
    "item of a tensor": ("h = torch.cat([w, x])[0]", ["w", "x", "torch.cat([w, x])", "h"]),
    "written into": ("h = w * x\nh[0] = 5.0", ["w", "x", "h", "h#2"]),
    "made anew in the block": ("v = torch.zeros_like(w)\nh = w + v", ["w", "v", "h"]),
}


@pytest.mark.parametrize("name", SNIPPETS)
def test_values_are_called_what_the_code_calls_them(name: str, run) -> None:  # type: ignore[no-untyped-def]
    """Each kind of binding gives its values the names that a reader of the code would."""
    snippet, names = SNIPPETS[name]
    assert [found for found, _ in run(snippet)][: len(names)] == names


def test_expressions_are_the_source(run) -> None:  # type: ignore[no-untyped-def]
    """An op's expression is its source text on one line, with in-place operators written out."""
    assert run("h = (\n    w\n    * x\n)\nh -= w * 2")[2:] == [("h", "w * x"), ("w * 2", "w * 2"), ("h#2", "h - w * 2")]


def test_without_source_the_ops_name_stands(run) -> None:  # type: ignore[no-untyped-def]
    """Code whose source cannot be found has ops by name, with numbers in order, and variables that a frame holds."""
    assert run("h = w * x\nk = (h + w).exp()\nl = k**2", source=False) == [
        ("w", None),
        ("x", None),
        ("h", "mul(w, x)"),
        ("add", "add(h, w)"),
        ("k", "exp(add)"),
        ("l", "pow(k, 2)"),
    ]


def test_a_name_never_gives_another_values_gradient() -> None:
    """Where a variable is bound to something else later, a bare name means the latest, and `#1` the first."""
    a, b = torch.tensor(2.0, requires_grad=True), torch.tensor(5.0, requires_grad=True)
    with chainrule.record() as rec:
        first = a * 3
        a, b = b, a
        second = a * 7
        (first + second).backward()
    assert (rec.grad("a#1").item(), rec.grad(b).item()) == (3.0, 3.0)
    assert (rec.grad("a").item(), rec.grad(a).item()) == (7.0, 7.0)


def test_files_are_never_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is given relative to the working directory, elsewhere by its last part, and a notebook's as `cell`."""
    w = torch.tensor(1.0, requires_grad=True)
    code = "with record() as rec:\n    h = w * 2"
    found = {}
    for file in (str(tmp_path / "a" / "b.py"), "/elsewhere/c.py", "/tmp/ipykernel_123/456.py", "<ipython-input-1>"):
        monkeypatch.chdir(tmp_path)
        scope = {"record": chainrule.record, "w": w}
        exec(compile(code, file, "exec"), scope)
        op = scope["rec"].trace.ops[0]  # type: ignore[attr-defined]
        found[op.file] = op.line
    assert found == {"a/b.py": 2, "c.py": 2, "cell": 2}


def test_reading_a_frame_runs_nothing() -> None:
    """Looking an attribute up touches no property and no `__getattr__` of the user's."""

    class Trap:
        here = 1

        @property
        def w(self) -> None:
            raise AssertionError("a property was run")

        def __getattr__(self, name: str) -> None:
            raise AssertionError("__getattr__ was run")

    trap = Trap()  # noqa: F841  # found in the frame
    frame = sys._getframe()
    assert held_as(frame, "trap.w") is None
    assert held_as(frame, "trap.other.more") is None
    assert held_as(frame, "nowhere") is None


def test_reading_a_frame_leaves_the_users_locals_alone() -> None:
    """A dictionary that the user got from `locals()` stays as it was."""

    def inner() -> tuple[dict[str, object], FrameType]:
        kept = 5  # seen in locals()
        return locals(), sys._getframe()

    held, frame = inner()
    assert locals_of(frame)["kept"] == 5
    assert held["kept"] == 5


@pytest.mark.slow
def test_an_installation_behind_a_link_is_not_taken_for_the_users_code(tmp_path: Path) -> None:
    """Where chainrule and PyTorch are found by way of a link, an expression is still the user's own."""
    for module in (chainrule, torch):
        folder = Path(module.__file__ or "").parent
        (tmp_path / folder.name).symlink_to(folder, target_is_directory=True)
    program = tmp_path / "program.py"
    program.write_text(
        "import torch, chainrule\n"
        "with chainrule.record() as rec:\n"
        "    y = torch.nn.functional.relu(torch.ones(2) * 2)\n"
        "print(*(op.expression for op in rec.trace.ops), sep='\\n')\n"
    )
    around = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, program], env=around, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["torch.ones(2) * 2", "torch.nn.functional.relu(torch.ones(2) * 2)"]
