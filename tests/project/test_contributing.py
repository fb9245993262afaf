"""The recipes of CONTRIBUTING.md, carried out as they stand in a copy of this tree."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project import ROOT, Project

pytestmark = pytest.mark.slow

BLOCK = re.compile(r"^```(diff|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def recipes() -> dict[str, list[tuple[str, str]]]:
    """Return the blocks of each recipe by its title: what to change, and what to run."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = text.partition("\n## Four recipes\n")[2].partition("\n## ")[0]
    titles = re.split(r"^### (.*)$", section, flags=re.MULTILINE)[1:]
    return {title: BLOCK.findall(body) for title, body in zip(titles[::2], titles[1::2], strict=True)}


def change(folder: Path, diff: str) -> None:
    """Make a change: its lines without those that are added stand in the file once; a file of added lines is new."""
    head, *lines = diff.splitlines()
    path = folder / head.removeprefix("--- ")
    old = "".join(f"{line[1:]}\n" for line in lines if line[0] in " -")
    new = "".join(f"{line[1:]}\n" for line in lines if line[0] in " +")
    before = path.read_text("utf-8") if old else ""
    assert path.exists() == bool(old)
    assert not old or before.count(old) == 1, f"{head}: {old}"
    path.write_text(before.replace(old, new) if old else new, "utf-8")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of this tree in which all recipes were followed, but for their tests."""
    project = Project(tmp_path_factory.mktemp("recipes") / "tree")
    project.copy("conf.py", "conftest.py", "docs", "examples", "pyproject.toml", "README.md", "src", "tests", "tools")
    for blocks in recipes().values():
        for kind, text in blocks:
            if kind == "diff":
                change(project.folder, text)
            elif text.startswith("$ cp "):
                _, source, target = shlex.split(text.removeprefix("$ "))
                shutil.copy(project.folder / source, project.folder / target)
    return project


def test_the_recipes_pass_their_tests(tree: Project) -> None:
    """The tests that the recipes name pass in a copy in which they were followed, and each names some."""
    files, words = [], []
    for blocks in recipes().values():
        line = blocks[-1][1].removeprefix("$ .venv/bin/python -m pytest ")
        asked = shlex.split(line)
        names = asked[: asked.index("-k")] if "-k" in asked else asked
        files += names
        words.append(f"({asked[-1]})" if "-k" in asked else " or ".join(Path(name).name for name in names))
    # what needs the wheel, or another process, is the same for every lesson
    chosen = f"({' or '.join(words)}) and not on_its_own and not numpy_alone"
    own = {**os.environ, "PYTHONPATH": str(tree.folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    own.pop("PYTEST_XDIST_WORKER", None)
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *dict.fromkeys(files), "-k", chosen]
    done = subprocess.run(command, cwd=tree.folder, env=own, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    passed = re.findall(r"^(\S+::.*) PASSED", done.stdout, re.MULTILINE)
    for name in ("log1p", "60_mine", "views.steps", "chain_rule", "recording.py"):
        assert any(name in test for test in passed), name
