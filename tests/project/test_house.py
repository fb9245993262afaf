"""The house: which room may know which, and what every public name brings along."""

from __future__ import annotations

import ast
import doctest
import inspect
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import chainrule

SOURCE = Path(chainrule.__file__).parent
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts): ast.parse(path.read_text("utf-8"))
    for path in sorted(SOURCE.rglob("*.py"))
    if path.name != "__init__.py"
}
ROOMS = {
    "errors": (),
    "trace_file": ("errors", "trace"),  # of the trace, its types alone
    "whole_file": ("errors",),
    "trace": ("errors", "trace_file"),
    "recorder": ("trace",),
    "calculus": ("trace",),
    "views": ("calculus", "trace"),
    "plots": ("views", "errors"),
    "live": ("views", "calculus", "trace"),
    "checking": ("recorder", "calculus", "trace", "errors"),
    "diagnosis": ("recorder", "calculus", "trace", "errors"),
    "recording": ("recorder", "calculus", "views", "live", "checking", "diagnosis", "trace", "whole_file", "errors"),
}
"""The arrows of the house: PyTorch -> recorder -> trace -> calculus -> views -> live -> recording."""
SHARED = {"views.colors", "views.folding", "views.layout", "views.limits", "views.svg"}
"""What the views have in common, and is none itself."""
TORCH = ("recorder.", "checking.", "recording", "diagnosis.after_the_fact")


def imports(tree: ast.AST) -> set[str]:
    """Return what a module, or a part of one, imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, "imports say where they come from"
            found |= {f"chainrule.{name.name}" for name in node.names} if node.module == "chainrule" else {node.module}
    return found


@pytest.mark.parametrize("module", MODULES)
def test_arrows_go_one_way(module: str) -> None:
    """A module imports from its own room and from those that its room may know; no view imports another.

    Only the recorder, the recording, the checks and what needs no recording know PyTorch.
    """
    room = module.partition(".")[0]
    ours = {name.removeprefix("chainrule.") for name in imports(MODULES[module]) if name.startswith("chainrule")}
    assert {name.partition(".")[0] for name in ours} <= {room, *ROOMS[room]}
    if room == "views":
        assert {name for name in ours if name.startswith("views")} <= SHARED
    knows_torch = any(name.partition(".")[0] == "torch" for name in imports(MODULES[module]))
    assert not knows_torch or module.startswith(TORCH)


@pytest.mark.slow
def test_importing_needs_torch_and_numpy_alone() -> None:
    """`import chainrule` and every view but the figure need PyTorch and NumPy alone; drawing imports matplotlib."""
    program = (
        "import sys; before = set(sys.modules); import torch, numpy; given = set(sys.modules)\n"
        "import chainrule; w = torch.tensor(1.0, requires_grad=True)\n"
        "with chainrule.record() as rec: (w * 2).backward()\n"
        "rec.table(), rec.graph(), rec.derivation('w'), rec.check(w=2.0), repr(rec)\n"
        "roots = {name.partition('.')[0] for name in set(sys.modules) - given}\n"
        "others = roots - {name.partition('.')[0] for name in given} - sys.stdlib_module_names - {'chainrule'}\n"
        "assert not others, others\n"
        "rec.figure()\n"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


METHODS = [name for name in vars(chainrule.Recording) if not name.startswith("_")]


@pytest.mark.parametrize("name", [*chainrule.__all__, *METHODS])
def test_every_public_name_says_what_it_does(name: str) -> None:
    """A public name has a docstring, and a function or method an example that runs; errors derive from one of ours."""
    thing = inspect.getattr_static(chainrule.Recording if name in METHODS else chainrule, name)
    text = inspect.getdoc(thing.fget if isinstance(thing, property) else thing)
    assert text
    assert not name[0].islower() or doctest.DocTestParser().get_examples(text)
    assert not (isinstance(thing, type) and issubclass(thing, Exception)) or issubclass(thing, chainrule.ChainruleError)


def test_only_public_names_are_offered() -> None:
    """What a user is offered after `chainrule.` is public, with the version; no submodule hides behind such a name."""
    assert chainrule.__all__ == sorted(chainrule.__all__)
    assert dir(chainrule) == sorted([*chainrule.__all__, "__version__"])
    assert chainrule.__version__ == version("chainrule")
    assert not set(chainrule.__all__) & {name.partition(".")[0] for name in MODULES}
