"""Names in ordinary training code: the same in every kind of place that code is run in."""

from __future__ import annotations

import doctest
import linecache
import runpy
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

import chainrule
from tests.support.project import Project

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


def in_comprehension(tmp_path: Path) -> Any:
    """Run the recorded part in a function that a comprehension calls."""
    return _module(tmp_path, _inside("def train():") + "recs = [train() for _ in range(1)]\n")["recs"][0]


def in_notebook(_: Path) -> Any:
    """Run it in two cells of a notebook."""
    shell = InteractiveShell()
    for cell in (SETUP, RECORDED[len(SETUP) :]):
        shell.run_cell(cell).raise_error()
    return shell.user_ns["rec"]


def in_doctest(tmp_path: Path) -> Any:
    """Run it as one example of a doctest."""
    first, *rest = RECORDED[len(SETUP) :].rstrip().splitlines()
    text = f">>> {first}\n>>> {rest[0]}\n" + "\n".join(f"... {line}" for line in rest[1:]) + "\n>>> keep(rec)\n"
    kept: list[Any] = []
    scope = {**_module(tmp_path, SETUP), "keep": kept.append}
    example = doctest.DocTestParser().get_doctest(text, scope, "training", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(example, clear_globs=False).failed == 0
    return kept[0]


def in_gallery(tmp_path: Path) -> Any:
    """Run it as a lesson of a small site."""
    project = Project(tmp_path / "site")
    project.write_small_site()
    text = RECORDED[len(SETUP) :]
    code = f"{SETUP}\n# %%\n# Now the training.\n{text}\nrec.save({str(tmp_path / 'rec.json')!r})\n"
    project.write("examples/1_part/10_one.py", f'"""\nTraining\n========\n\nIt trains. A lot.\n"""\n\n{code}')
    project.build()
    assert project.status == 0, project.complained
    return chainrule.load(tmp_path / "rec.json")


PLACES: dict[str, Callable[[Path], Any]] = {
    "script": as_script,
    "function": in_function,
    "method": in_method,
    "comprehension": in_comprehension,
    "notebook": in_notebook,
    "doctest": in_doctest,
    "gallery": in_gallery,
}


@pytest.mark.parametrize(
    "place", [pytest.param(place, marks=pytest.mark.site) if place == "gallery" else place for place in PLACES]
)
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
    assert {op.file for op in rec.trace.ops if op.expression == "cross_entropy + decay"} <= {
        "training.py", "made.py", "cell", "doctest training[1]", "10_one.py", "examples/1_part/10_one.py",
    }  # fmt: skip
    assert rec.grad("layers.0.attention.in_proj_weight", backward=2).shape == (24, 8)
