"""Tests of kernels that are forked: as fresh as any, in a group of their own, and gone when they are done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project import ROOT

pytestmark = [pytest.mark.site, pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone")]

# Two notebooks, one after the other; then one whose kernel dies on the way.
PROGRAM = """
import json, os, sys
import nbclient, nbformat
from _ext.execute import chapters_ahead

def run(*cells):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.execute(notebook, cwd=sys.argv[1], timeout=60)
    return [output["text"] for cell in notebook.cells for output in cell.outputs]

chapters_ahead.fork_kernels()
ASK = "import os, sys; print('torch' in sys.modules, os.getpgid(0) == os.getpid(), os.getcwd(), os.getpid())"
LOOK = "import torch; print(torch.initial_seed() == 1, torch.get_default_dtype(), 'left' in dir())"
LEAVE = "left = torch.manual_seed(1); torch.set_default_dtype(torch.float64)"
first, second = run(ASK, LOOK, LEAVE), run(ASK, LOOK)
try:
    run("import os; os.kill(0, 9)")
except nbclient.exceptions.DeadKernelError:
    print(json.dumps([first, second, os.getpid()]))
"""


def test_a_forked_kernel_is_as_fresh_as_any(tmp_path: Path) -> None:
    """It has PyTorch from the start, and nothing that another one left.

    It works where it was told to, leads a group of its own, so that no signal to it reaches the build, and ends.
    """
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "docs")},
        capture_output=True,
        encoding="utf-8",
        check=False,
        start_new_session=True,  # what goes wrong here stops this test and no other
    )
    assert done.returncode == 0, done.stderr
    first, second, build = json.loads(done.stdout.splitlines()[-1])
    kernels = set()
    for asked, seen in (first, second):
        *told, number = asked.split()
        assert told == ["True", "True", str(tmp_path)]
        assert seen == "False torch.float32 False\n"
        kernels.add(int(number))
    assert len(kernels - {build}) == 2
    for kernel in kernels:
        with pytest.raises(ProcessLookupError):
            os.kill(kernel, 0)
