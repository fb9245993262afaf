"""The house: which module may know which, and what every public name brings along."""

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
    ".".join(path.relative_to(SOURCE).with_suffix("").parts): path
    for path in sorted(SOURCE.rglob("*.py"))
    if path.name != "__init__.py"
}
VIEWS = {"views.table", "views.derivation", "views.figure"}

ROOMS = {
    "errors": (),
    "trace_file": ("errors",),
    "trace": ("errors", "trace_file"),
    "recorder": ("trace",),
    "calculus": ("trace",),
    "views": ("calculus", "trace"),
    "plots": ("views",),
    "live": ("views", "calculus", "trace"),
    "checking": ("recorder", "calculus", "trace", "errors"),
    "diagnosis": ("recorder", "calculus", "trace", "errors"),
    "recording": ("recorder", "views", "live", "checking", "diagnosis", "trace", "errors"),
}
"""The arrows of the house: PyTorch -> recorder -> trace -> calculus -> views -> live -> recording."""


def imports(path: Path) -> dict[str, bool]:
    """List what a module imports, and whether it does so as soon as it is imported itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    guarded = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)]
    inside = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    later = {id(node) for block in (*guarded, *inside) for node in ast.walk(block)}
    found: dict[str, bool] = {}
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports say where they come from"
            bare = node.module == "chainrule"
            names = [f"chainrule.{alias.name}" for alias in node.names] if bare else [node.module or ""]
        for name in names:
            found[name] = found.get(name, False) or id(node) not in later
    return found


@pytest.mark.parametrize("module", MODULES)
def test_arrows_go_one_way(module: str) -> None:
    """A module imports from its own room and from those that its room may know; no view imports another."""
    room = module.partition(".")[0]
    ours = {name.removeprefix("chainrule.") for name in imports(MODULES[module]) if name.startswith("chainrule")}
    assert {name.partition(".")[0] for name in ours} <= {room, *ROOMS[room]}
    assert not (ours & VIEWS and room == "views")


@pytest.mark.parametrize("module", MODULES)
def test_torch_is_known_to_few_modules(module: str) -> None:
    """Only the recorder, the recording, the checks and what needs no recording know PyTorch."""
    knows = any(name.partition(".")[0] == "torch" for name in imports(MODULES[module]))
    assert (
        not knows
        or module.startswith(("recorder.", "checking."))
        or module in {"recording", "diagnosis.after_the_fact"}
    )


def test_matplotlib_is_imported_only_to_draw() -> None:
    """`import chainrule` and every view but the figure need no matplotlib; drawing imports it."""
    program = (
        "import sys, torch, chainrule; w = torch.tensor(1.0, requires_grad=True)\n"
        "with chainrule.record() as rec: (w * 2).backward()\n"
        "rec.table(), rec.graph(), rec.derivation('w'), rec.check(w=2.0), repr(rec)\n"
        "assert 'matplotlib' not in sys.modules\n"
        "rec.figure()\n"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_importing_needs_torch_and_numpy_alone() -> None:
    """What is imported with chainrule is in Python, NumPy or PyTorch."""
    first = {name.partition(".")[0] for path in MODULES.values() for name, now in imports(path).items() if now}
    assert first <= {"chainrule", "numpy", "torch", "matplotlib", *sys.stdlib_module_names}
    drawing = {module for module, path in MODULES.items() if any("matplotlib" in name for name in imports(path))}
    assert drawing == {"plots", "views.figure", "views.svg"}


METHODS = [name for name, member in vars(chainrule.Recording).items() if not name.startswith("_")]


def test_public_names_are_sorted_and_there() -> None:
    """`__all__` lists what there is, in order."""
    assert chainrule.__all__ == sorted(chainrule.__all__)
    assert all(hasattr(chainrule, name) for name in chainrule.__all__)


def test_only_public_names_are_offered() -> None:
    """What a user is offered after `chainrule.` is public, with the version; no submodule hides behind such a name."""
    assert dir(chainrule) == sorted([*chainrule.__all__, "__version__"])
    assert chainrule.__version__ == version("chainrule")
    assert not set(chainrule.__all__) & {name.partition(".")[0] for name in MODULES}


@pytest.mark.parametrize("name", chainrule.__all__)
def test_every_public_name_says_what_it_does(name: str) -> None:
    """A public name has a docstring; errors derive from one of ours."""
    thing = getattr(chainrule, name)
    assert inspect.getdoc(thing)
    if isinstance(thing, type) and issubclass(thing, Exception):
        assert issubclass(thing, chainrule.ChainruleError)


@pytest.mark.parametrize("name", [n for n in chainrule.__all__ if n[0].islower()] + METHODS)
def test_every_public_function_shows_how_it_is_used(name: str) -> None:
    """A public function or method has a docstring with an example that runs as a test."""
    thing = inspect.getattr_static(chainrule.Recording if name in METHODS else chainrule, name)
    text = inspect.getdoc(thing.fget if isinstance(thing, property) else thing) or ""
    assert doctest.DocTestParser().get_examples(text)
