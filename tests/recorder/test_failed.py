"""The call that ends a block: marked wherever the recording is looked at, and only where it was seen to raise."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress

import pytest
import torch
from torch import nn

import chainrule
from chainrule.trace import Trace

W = torch.ones(2, 3, requires_grad=True)


class Net(nn.Module):
    """Do not fit together."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(5, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Raise in the second layer."""
        h = self.first(x)
        return self.second(h)  # type: ignore[no-any-return]


def matrices() -> None:
    """Multiply what does not fit."""
    h = W * 2
    h @ W


def again() -> None:
    """Hand on what was caught."""
    try:
        matrices()
    except RuntimeError:
        W.sum()
        raise


def other() -> None:
    """Go on after one error, and raise another."""
    try:
        matrices()
    except RuntimeError as error:
        raise ValueError("mine") from error


def caught() -> None:
    """Try what fails, and raise the same words from elsewhere."""
    try:
        matrices()
    except RuntimeError as error:
        said = str(error)
    raise RuntimeError(said)


def inside() -> None:
    """Record once more within."""
    with chainrule.record():
        matrices()


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (matrices, ("h @ W", ["h", "W"], None)),
        (again, ("h @ W", ["h", "W"], None)),
        (inside, ("matmul(h, W)", ["h", "W"], None)),
        (lambda: Net()(torch.ones(2, 3)), ("linear(h, second.weight, second.bias)", None, "second")),
        (lambda: W[5], ("W[5]", ["W"], None)),
        (lambda: torch.cat([W, W[0]]), ("torch.cat([W, W[0]])", ["W", "W[0]"], None)),
        (other, None),
        (caught, None),
        (lambda: W.sum().backward(torch.ones(3)), None),
        (lambda: W.sum(), None),
    ],
)
def test_what_raised_is_known(block: Callable[[], object], expected: tuple[str, list[str] | None, str | None]) -> None:
    """The call is kept with its inputs, place and error, in a file too; what raised elsewhere marks nothing."""
    try:
        with chainrule.record() as rec:
            block()
    except Exception as error:
        raised = f"{type(error).__name__}: {error}".partition("\n")[0]
    failed = Trace.from_dict(json.loads(json.dumps(rec.trace.to_dict()))).failed
    if expected is None:
        assert failed is None
        assert "raised" not in str(rec)
        return
    assert failed is not None
    expression, inputs, module = expected
    assert (failed.op.expression, failed.op.module, failed.op.outputs, failed.error) == (expression, module, (), raised)
    assert failed.op.file == "tests/recorder/test_failed.py"
    names = [rec.trace.values[value].name for value in failed.op.inputs]
    assert names == (inputs or names)
    assert all(op.expression != expression for op in rec.trace.ops)


def test_every_view_marks_it() -> None:
    """Table, picture and graph have it with a word and the shapes, also where the rest is folded or has gradients."""
    x = torch.ones(2, 3)
    with suppress(RuntimeError), chainrule.record() as rec:
        h = x
        for _ in range(90):
            h = h * W
        h.sum().backward()
        h @ W
    for shown in (str(rec), str(rec.table(-1)), rec._repr_html_()):
        assert "raised RuntimeError: mat1 and mat2" in " ".join(shown.split())
    graph = rec.graph(None)
    assert "raised: (2, 3), (2, 3)" in graph.title
    assert "<rect class='o'" in graph.wide
    plain = json.loads(graph.data)
    value, said = plain["failed"]
    assert plain["values"][value]["as"] == "raised: (2, 3), (2, 3)"
    assert said.endswith(f"in tests/recorder/test_failed.py, line {rec.trace.failed and rec.trace.failed.op.line}")
    assert "raised" not in rec.graph(-1).wide
    assert "raised: (2, 3), (2, 3)" in str(rec.figure(None).get_label())
