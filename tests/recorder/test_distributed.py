"""Training on several processes: the script that a how-to offers, started by torchrun on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import chainrule

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "docs" / "how-to" / "train_distributed.py"


RECORDED = SCRIPT.with_name("record_distributed.py")


def start(processes: int, *arguments: str, script: Path = SCRIPT) -> subprocess.CompletedProcess[str]:
    """Start the script by torchrun, which finds a free port and stays on this machine."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return subprocess.run(
        [*command, str(script), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=120,
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run the script once, by two processes, and give the numbers that it saved."""
    numbers = tmp_path_factory.mktemp("distributed") / "numbers.json"
    ran = start(2, "--save", str(numbers))
    assert ran.returncode == 0, ran.stderr
    saved: dict[str, Any] = json.loads(numbers.read_text("utf-8"))
    return saved


def test_averaged_gradients_are_those_of_the_whole_batch(found: dict[str, Any]) -> None:
    """Number by number, the mean of the parts' gradients is the gradient of the whole; one part's is not."""
    compare = found["compare"]
    assert found["processes"] == 2
    assert compare["averaged"] == pytest.approx(compare["whole"], rel=1e-12, abs=1e-14)
    assert compare["part"] != pytest.approx(compare["whole"], rel=1e-2)


def test_processes_stay_together_as_they_train(found: dict[str, Any]) -> None:
    """After many steps all processes have the same weights, bit by bit, and those of training on the whole batch."""
    assert found["train"]["between_processes"] == 0
    assert found["train"]["from_whole"] < 1e-12


def test_bytes_grow_with_the_weights_and_not_with_the_batch(found: dict[str, Any]) -> None:
    """Each process hands over eight bytes for each weight, whatever the number of samples."""
    assert len({row["samples"] for row in found["growth"]}) > 1
    assert all(row["bytes"] == 8 * row["weights"] for row in found["growth"])


def test_ddp_does_the_same(found: dict[str, Any]) -> None:
    """DistributedDataParallel leaves the same gradients, and hands over as many bytes in fewer calls."""
    assert found["wrapped"]["apart"] < 1e-14
    assert found["wrapped"]["bytes"] == found["growth"][0]["bytes"]
    assert found["wrapped"]["calls"] == 1


def test_a_recording_holds_the_gradient_of_its_own_process() -> None:
    """With DDP each process records what its own samples give, worked out by hand; `.grad` has the mean of all."""
    ran = start(2, script=RECORDED)
    assert ran.returncode == 0, ran.stderr
    own = [2 * (x - 2 * x) * x for x in (1, 2)]
    said = [f"process {process}: rec.grad {gradient}, .grad {sum(own) // 2}" for process, gradient in enumerate(own)]
    assert ran.stdout.splitlines() == said


def test_a_recording_holds_the_gradient_before_a_hook_changes_it_in_place() -> None:
    """What a post-accumulate hook does to `.grad` comes after what the backward pass added, which is recorded."""
    w = torch.tensor(1.0, requires_grad=True)
    w.register_post_accumulate_grad_hook(lambda held: held.grad.neg_() and None)
    with chainrule.record() as rec:
        ((w - 2) ** 2).backward()
    assert rec.grad(w) == -2
    assert w.grad == 2


def test_the_script_says_how_it_is_started() -> None:
    """Without torchrun the script ends with what to do, and not with a traceback."""
    ran = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True)
    assert ran.returncode == 2
    assert "start it by torchrun" in ran.stderr
    assert "Traceback" not in ran.stderr
