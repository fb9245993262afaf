"""What is kept of large tensors: the few numbers that sum them up, and when they are worked out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

import chainrule
from chainrule.recorder import snapshots
from chainrule.recorder.snapshots import snapshot

SIZED = torch.linspace(-1, 2, 2_400)


@pytest.mark.parametrize(
    "tensor",
    [
        SIZED,
        SIZED.reshape(60, 40).t(),
        SIZED.reshape(4, 5, 6, 20).permute(2, 0, 3, 1)[1:],
        SIZED[None].expand(3, 2_400),
        SIZED.relu(),
        SIZED.half(),
        SIZED.double() * 1e-200,
        SIZED * 1e-30,
        SIZED * 1e30,
        torch.zeros(2_000),
    ],
    ids=["row", "turned", "cut", "broadcast", "zeros", "half", "tiny double", "tiny", "huge", "nothing"],
)
def test_statistics_are_those_of_numpy(tensor: torch.Tensor) -> None:
    """Whatever lies how in memory, its statistics are what NumPy says in double precision; no norm gets lost."""
    found, numbers = snapshot(tensor, whole=False).statistics, tensor.numpy().astype(np.float64)
    assert found is not None
    scale = np.abs(numbers).max()
    norm = scale * np.linalg.norm(numbers / (scale or 1))
    expected = {"min": numbers.min(), "max": numbers.max(), "mean": numbers.mean(), "norm": norm}
    for name, number in expected.items():
        assert found[name] == pytest.approx(number, rel=1e-4, abs=1e-6 * scale), name
    assert found["zeros"] == (numbers == 0).sum()
    assert found["nans"] == found["infinite"] == 0


def test_what_is_not_finite_is_counted() -> None:
    """NaN and infinities are counted, and show in the rest as they do in NumPy."""
    tensor = SIZED.clone()
    tensor[:2], tensor[2], tensor[7], tensor[10:14] = float("inf"), -float("inf"), float("nan"), 0.0
    found = snapshot(tensor, whole=False).statistics
    assert found is not None
    assert (found["nans"], found["infinite"], found["zeros"]) == (1, 3, (tensor == 0).sum().item())
    assert np.isnan([found["min"], found["max"], found["mean"], found["norm"]]).all()


@pytest.fixture
def summed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of the tensors that were summed up, in order."""
    shapes: list[tuple[int, ...]] = []
    real: Callable[[torch.Tensor], dict[str, float]] = snapshots._statistics

    def watched(tensor: torch.Tensor) -> dict[str, float]:
        shapes.append(tuple(tensor.shape))
        return real(tensor)

    monkeypatch.setattr(snapshots, "_statistics", watched)
    return shapes


def test_a_large_tensor_is_summed_up_when_somebody_asks(summed: list[tuple[int, ...]]) -> None:
    """While a layer is recorded, a large weight and its gradient are only copied."""
    layer, x = torch.nn.Linear(70, 50), torch.ones(3, 70)
    with chainrule.record() as rec:
        torch.nn.functional.cross_entropy(layer(x), torch.tensor([0, 1, 2])).backward()
    assert summed == []
    assert layer.weight.grad is not None
    assert torch.equal(rec.grad("weight"), layer.weight.grad)
    assert {(50, 70), (70, 50)} <= set(summed)


def test_only_so_much_waits(summed: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a limit the oldest are summed up while the block runs, each once."""
    monkeypatch.setattr(snapshots, "WAITING", 3)
    with chainrule.record() as rec:
        for number in range(2, 7):
            h = SIZED * number
            h += 1
        assert len(summed) == 8
    largest = [held.statistics["max"] for held in rec.trace.values if held.statistics]
    assert largest == [2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    assert len(summed) == 11


@pytest.mark.parametrize("size", [2_400, 40_000])
def test_what_is_kept_is_what_was_there(size: int) -> None:
    """Whoever writes to a large tensor afterwards, by whatever way, what was recorded stays."""
    with chainrule.record() as rec:
        h = torch.linspace(0, 1, size) * 2
        g = h * 1
        h.resize_(2 * size)[size:] = 9
        g.numpy()[:] = 7
    for held in rec.trace.values[1:3]:
        assert held.statistics is not None
        assert (held.statistics["min"], held.statistics["max"]) == (0, 2)


def test_a_weight_and_its_transpose_are_summed_up_once(summed: list[tuple[int, ...]]) -> None:
    """A gradient that goes on as a view of itself has the statistics of before, in its own shape."""
    layer = torch.nn.Linear(200, 100)
    with chainrule.record() as rec:
        layer(torch.ones(3, 200)).pow(2).sum().backward()
    (turn,) = (visit for visit in rec.trace.passes[0].visits if rec.trace.nodes[visit.node].name == "TBackward0")
    (flow,) = turn.flows
    assert turn.upstream[0] is not None
    assert flow.contribution is not None
    assert (turn.upstream[0].shape, flow.contribution.shape) == ((200, 100), (100, 200))
    assert turn.upstream[0].statistics == flow.contribution.statistics
    assert summed == [(100, 200), (200, 100)]
