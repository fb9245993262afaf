"""Harmless: PyTorch, the user's code and its errors are as they were, whatever happens in a block."""

from __future__ import annotations

import gc
import threading
import tracemalloc
import warnings
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack

import chainrule
from chainrule.recorder.guard import Guard
from chainrule.recorder.mode import TESTED
from tests.support.cases import CASES
from tests.support.graphs import same
from tests.support.witness import leaves


@pytest.mark.slow
def test_recordings_in_a_row_leave_nothing_behind() -> None:
    """After 300 recordings of one model there is no more memory in use than after 100, and no hook on its weights."""
    model, x = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)), torch.ones(2, 3)

    def once() -> None:
        model.zero_grad()
        with chainrule.record():
            model(x).sum().backward()

    used = []
    tracemalloc.start()
    try:
        for _ in range(3):
            for _ in range(100):
                once()
            gc.collect()
            used.append((tracemalloc.get_traced_memory()[0], len(gc.get_objects())))
    finally:
        tracemalloc.stop()
    assert used[2][0] - used[1][0] < 20_000
    assert used[2][1] - used[1][1] < 50


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["hooks on tensors", "hooks on leaves", "in place through views", "a packed sequence"])
def test_no_hook_of_ours_is_left(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a block no hook of the recorder fires any more, also where the graph and the leaves live on."""
    with chainrule.record() as rec:
        (last, *_) = leaves(CASES[name]())
    before = rec.trace.to_dict()
    monkeypatch.setattr(Guard, "run", lambda *_: pytest.fail("a hook was left"))
    (last * 2).sum().backward()
    assert rec.trace.to_dict() == before


def test_one_thread_is_recorded_while_another_trains() -> None:
    """What another thread does meanwhile, even with the same weight, is not recorded, and gives what it does alone."""

    def train(result: list[torch.Tensor]) -> None:
        weight = torch.ones(3, requires_grad=True)
        for _ in range(50):
            (w * torch.autograd.grad(w * 5, w)[0]).backward()
            (weight * torch.arange(3.0)).pow(2).sum().backward()
            with torch.no_grad():
                weight -= 0.01 * weight.grad  # type: ignore[operator]
            weight.grad = None
        result.append(weight.detach())

    w = torch.tensor(2.0, requires_grad=True)
    alone: list[torch.Tensor] = []
    train(alone)
    beside: list[torch.Tensor] = []
    worker = threading.Thread(target=train, args=(beside,))
    with chainrule.record() as rec:
        loss = w**2
        worker.start()
        loss.backward()
        for _ in range(19):
            loss = w**2
            loss.backward()
        worker.join()
    assert same(alone[0], beside[0])
    assert {value.name.partition("#")[0] for value in rec.trace.values} == {"w", "loss"}
    assert len(rec.trace.passes) == 20
    assert [rec.grad("w", backward=number).item() for number in range(20)] == [4.0] * 20


def test_a_backward_pass_in_another_thread_is_recorded() -> None:
    """A graph that was recorded can go backward in another thread; the pass is in the recording."""
    w = torch.tensor(2.0, requires_grad=True)
    with chainrule.record() as rec:
        loss = w**2
        worker = threading.Thread(target=loss.backward)
        worker.start()
        worker.join()
    assert w.grad is not None
    assert (rec.grad("w").item(), w.grad.item()) == (4.0, 4.0)


@pytest.mark.parametrize("place", ["mode.call_site", "graph.local_gradients"])
def test_what_goes_wrong_costs_itself(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours in a call or a hook leaves PyTorch's result alone; the rest is recorded, and it says so once."""
    w, v = torch.tensor(3.0, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    with chainrule.record() as rec:
        (v**2).backward()
        with monkeypatch.context() as fault:
            fault.setattr(f"chainrule.recorder.{place}", lambda *_: 1 / 0)
            for _ in range(3):
                (w**2).backward()
    assert w.grad == 18.0
    assert rec.grad("v", backward=0) == 4.0
    assert place != "graph.local_gradients" or rec.grad("w") == 6.0
    assert str(rec).count("Something could not be read (ZeroDivisionError: division by zero)") == 1


def test_a_version_that_lacks_something_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PyTorch without what recording needs is refused with both versions; the one named tested is the lock's."""
    lock = Path(__file__).parents[2] / "requirements.lock"
    assert f"\n# torch=={TESTED}." in lock.read_text("utf-8")
    monkeypatch.setattr("chainrule.recording.NEEDED", ("not_there",))
    with pytest.raises(chainrule.ChainruleError, match=rf"lacks .*not_there.* tested with PyTorch {TESTED}"):
        chainrule.record()


def test_warnings_point_to_the_line_that_asked_for_trouble() -> None:
    """Each warning names the file and line that it names unrecorded, and of two lines each has its own."""
    a, b, w = torch.zeros(3, 1), torch.zeros(3), torch.ones(3, requires_grad=True)

    def trouble() -> None:
        nn.functional.mse_loss(a, b)
        nn.functional.mse_loss(a, b)
        nn.functional.softmax(a)
        nn.functional.dropout2d(a, 0.5)
        nn.MSELoss()(a, b)
        torch.range(0, 3)
        (w * 2).grad  # noqa: B018
        float((w * w).sum())
        (w * w).sum().backward(create_graph=True)

    told: list[list[tuple[str, int, str]]] = []
    for block in (nullcontext(), chainrule.record()):
        with warnings.catch_warnings(record=True) as caught, block:
            warnings.simplefilter("default")
            torch.set_warn_always(True)
            try:
                trouble()
            finally:
                torch.set_warn_always(False)
        told.append([(warning.filename, warning.lineno, str(warning.message)) for warning in caught])
    assert len(told[0]) >= 7
    assert told[1] == told[0]


def test_a_mode_of_the_users_outlives_the_block() -> None:
    """A mode that was entered in the block and is left after it is still on in between."""

    class Own(TorchFunctionMode):
        """Do nothing."""

    own = Own()
    with chainrule.record():
        own.__enter__()  # type: ignore[no-untyped-call]
    assert _get_current_function_mode_stack() == [own]
    own.__exit__(None, None, None)  # type: ignore[no-untyped-call]
