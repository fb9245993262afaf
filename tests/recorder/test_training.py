"""Names in ordinary training code: the same in every kind of place that code is run in."""

from __future__ import annotations

import linecache
import runpy
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

import chainrule

SOURCE = (Path(__file__).parents[1] / "support" / "training.txt").read_text(encoding="utf-8")
SETUP, STEP = SOURCE.split("# --- recorded from here on\n")
RECORDED = f"{SETUP}import chainrule\nwith chainrule.record() as rec:\n{indent(STEP, '    ')}"

EXPECTED = """
words labels logits class_weights cross_entropy total total#2 decay loss self.kept first second margin entropy
objective objective#2 embedded placed tokens normed attended hidden lowered fed pooled scores probabilities
confident test_accuracy test_logits grad_norm guesses hits threshold state forecast residual absolute quadratic
blended anchor positive negative near far difference squared triplet goal sequence
"""
PARAMETERS = """
model.embedding.weight model.head.weight model.head.bias model.temperature model.layers.0.feed_forward.gain
model.layers.1.feed_forward.up.weight model.layers.0.attention.in_proj_weight model.layers.1.attention.out_proj.bias
model.layers.1.norm2.weight model.layers.0.feed_forward.down.bias
recurrent.cell.weight_ih recurrent.cell.bias_hh recurrent.read.weight
"""


def as_script(tmp_path: Path) -> Any:
    """Run it as `python training.py` does."""
    (tmp_path / "training.py").write_text(RECORDED, encoding="utf-8")
    return runpy.run_path(str(tmp_path / "training.py"), run_name="__main__")["rec"]


def _module(tmp_path: Path, code: str) -> dict[str, Any]:
    file = tmp_path / "made.py"
    file.write_text(code, encoding="utf-8")
    linecache.checkcache(str(file))
    scope: dict[str, Any] = {"__name__": "made"}
    exec(compile(code, file, "exec"), scope)
    return scope


def _inside(head: str, setup: str = "", depth: int = 1) -> str:
    """Write a module in which a function, whose head is given, makes the recording and returns it."""
    body = f"{setup}\n{RECORDED[len(SETUP) :].replace('import chainrule', '')}return rec\n"
    return f"{SETUP.removesuffix(setup)}\nimport chainrule\n{head}\n{indent(body, '    ' * depth)}"


def in_function(tmp_path: Path) -> Any:
    """Run it in a function, with its model."""
    return _module(tmp_path, _inside("def train():", SETUP[SETUP.index("model = Cl") :]))["train"]()


def in_method(tmp_path: Path) -> Any:
    """Run the recorded part in a method."""
    head = "class Trainer:\n    def train(self, words=None, labels=None):"
    return _module(tmp_path, _inside(head, depth=2))["Trainer"]().train()


def in_notebook(_: Path) -> Any:
    """Run it in two cells of a notebook."""
    shell = InteractiveShell()
    for cell in (SETUP, RECORDED[len(SETUP) :]):
        shell.run_cell(cell).raise_error()
    return shell.user_ns["rec"]


PLACES: dict[str, Callable[[Path], Any]] = {
    "script": as_script,
    "function": in_function,
    "method": in_method,
    "notebook": in_notebook,
}


@pytest.mark.parametrize("place", PLACES)
def test_training_code_has_its_names(place: str, tmp_path: Path) -> None:
    """Each value goes by its variable and each parameter by its path, and each expression is as it was written."""
    rec: chainrule.Recording = PLACES[place](tmp_path)
    names = {value.name for value in rec.trace.values}
    assert sorted(name for name in EXPECTED.split() + PARAMETERS.split() if name not in names) == []
    trace = rec.trace
    ways = [trace.ops[number] for index in range(len(trace.passes)) for number in trace.ops_of(index)]
    used = {trace.values[value].name for op in ways for value in (*op.inputs, *op.outputs)}
    assert [name for name in used if name.startswith("tensor ")] == []
    assert len(names) == len(rec.trace.values)
    written = {op.expression for op in rec.trace.ops}
    assert {
        "cross_entropy + decay",
        "0.01 * penalty(model)",
        "torch.stack(parts).sum()",
        "(first - second).abs()",
    } <= written
    files = {op.file for op in rec.trace.ops if op.expression == "cross_entropy + decay"}
    assert files <= {"training.py", "made.py", "cell"}
    assert rec.grad("layers.0.attention.in_proj_weight", backward=2).shape == (24, 8)
