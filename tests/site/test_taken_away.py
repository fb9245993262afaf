"""The archive of all lessons as a reader has it: unpacked where PyTorch and matplotlib are, without a network."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.metadata import distribution
from itertools import groupby
from pathlib import Path

import pytest

from tests.support import built

pytestmark = [pytest.mark.site, pytest.mark.slow]

RUN = """
import json, os, runpy, sys
from pathlib import Path
import chainrule
from IPython.core.interactiveshell import InteractiveShell
print(chainrule.__file__)
sys.stdout = open(os.devnull, "w")
for script in map(Path, sys.argv[1:]):
    os.chdir(script.parent)
    runpy.run_path(script.name, run_name="__main__")
    shell = InteractiveShell()
    for cell in json.loads(script.with_suffix(".ipynb").read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            shell.run_cell("".join(cell["source"])).raise_error()
"""


def borrow(packages: Path, *names: str) -> None:
    """Link packages of this environment, and what they need, into another one."""
    ours, waiting, done = Path(sysconfig.get_path("purelib")), [*names], {"chainrule"}
    while waiting:
        if (name := re.split(r"[^\w.-]", waiting.pop())[0].lower()) in done:
            continue
        done.add(name)
        try:
            found = distribution(name)
        except ModuleNotFoundError:  # for another system
            continue
        waiting += [need for need in found.requires or () if "extra ==" not in need]
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (packages / top).exists():
                (packages / top).symlink_to(ours / top)


def test_the_archive_runs_offline(tmp_path: Path) -> None:
    """With its own wheel, PyTorch and matplotlib, a script and a notebook of each part run; nothing is fetched."""
    (archive,) = (built.SITE / "_downloads").rglob("lessons.zip")
    zipfile.ZipFile(archive).extractall(tmp_path / "lessons")
    venv.create(tmp_path / "env", symlinks=True)
    python = tmp_path / "env/bin/python"
    packages = tmp_path / "env" / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    borrow(packages, "torch", "numpy", "matplotlib", "ipython")
    (wheel,) = (tmp_path / "lessons").glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, str(wheel)], check=True)
    scripts = sorted((tmp_path / "lessons").glob("*/*.py"))
    alone = (script for script in scripts if "sklearn" not in script.read_text("utf-8"))
    first = [next(part) for _, part in groupby(alone, key=lambda script: script.parent)]
    done = subprocess.run([python, "-c", RUN, *first], cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(done.stdout.strip()).is_relative_to(packages)
