"""Questions put to a recording: each broken program is told its cause and its line, and healthy ones are left alone."""

from __future__ import annotations

import copy
from collections import Counter
from pathlib import Path

import pytest
import torch
import torch.utils.checkpoint

import chainrule
from chainrule.unrecorded import STEPS
from tests.broken import BROKEN, Broken

AFTER = ("integer", "requires_grad", "not a leaf", "detached", "not used", "replaced", "freed", "no backward pass")


def record(broken: Broken, **how: object) -> chainrule.Recording:
    """Run a broken program under a recording."""
    torch.manual_seed(0)
    with chainrule.record(**how) as rec:  # type: ignore[arg-type]
        broken.run()
    return rec


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.run.__name__)
def test_each_cause_is_found_at_its_line(broken: Broken) -> None:
    """For each broken program the right cause is named, and the line that did it."""
    reason = record(broken).why(broken.leaf).reasons[0]
    assert (reason.cause, reason.line) == (broken.cause, broken.line), reason
    if reason.line is not None:
        assert reason.file == "tests/broken.py" or Path(reason.file or "").name == "broken.py"
        assert f"broken.py:{reason.line}" in reason.says


def test_every_cause_is_tried_in_three_shapes() -> None:
    """The main causes are each tried on three programs at least."""
    count = Counter(broken.cause for broken in BROKEN)
    main = {"dead relu", "saturated", "times zero", "cancels", "not picked", "clamped", "dropout", "masked", "flat"}
    main |= {"root at 0", "log of 0", "divided by 0", "overflow", "in the data", "vanished", "exploded"}
    main |= {"detached", "integer", "no_grad", "not used", "replaced", "requires_grad"}
    assert {cause for cause in main if count[cause] < 3} == set()


# Without a recording ----------------------------------------------------------------------------------------------


def w_of(*numbers: float) -> torch.Tensor:
    """Make a leaf of these numbers."""
    return torch.tensor(numbers, requires_grad=True)


def afterwards(case: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Run a program, and give what is asked about: the loss and a leaf without a gradient."""
    w, c = w_of(1.0, 2.0), w_of(3.0, 4.0)
    loss = (w * c).sum()
    match case:
        case "integer":
            return loss, torch.arange(2)
        case "requires_grad":
            return loss, torch.ones(2)
        case "requires_grad under no_grad":
            with torch.no_grad():
                w = w * 2
        case "not a leaf":
            loss.backward()
            w = w - 0.1 * w.grad  # type: ignore[operator]
            loss = (w * c).sum()
            loss.backward()
        case "not a leaf scaled":
            w = torch.ones(2, requires_grad=True) * 0.1
            loss = (w * c).sum()
            loss.backward()
        case "not a leaf converted":
            w = torch.ones(2, requires_grad=True).double()
            loss = (w * c).sum()
            loss.backward()
        case "detached":
            loss = (w.detach() * 2).sum()
        case "detached as data":
            loss = (w.data * 2).sum()
        case "detached as numbers":
            loss = torch.tensor(w.tolist()).sum()
        case "integer loss":
            loss = (w > 0).sum()
        case "not used":
            loss = (c * 2).sum()
            loss.backward()
        case "not used but detached":
            loss = (w.detach() * c).sum()
            loss.backward()
        case "not used but as a number":
            loss = (c * w.norm().item()).sum()
            loss.backward()
        case "replaced":
            loss = (torch.nn.Parameter(w) * c).sum()
            loss.backward()
        case "replaced by a copy":
            loss = (w.detach().clone().requires_grad_() * c).sum()
            loss.backward()
        case "replaced by a deep copy":
            model = torch.nn.Linear(3, 2)
            loss = copy.deepcopy(model)(torch.ones(1, 3)).sum()
            loss.backward()
            return loss, model.weight
        case "freed":
            loss.backward()
            w.grad = None
        case "freed by grad":
            torch.autograd.grad(loss, w)
        case "freed by other inputs":
            loss.backward(inputs=[c])
        case "no backward pass":
            pass
        case "no backward pass through a checkpoint":
            loss = torch.utils.checkpoint.checkpoint(lambda t: t.exp(), w, use_reentrant=False).sum()
        case "no backward pass of a leaf":
            loss = w = torch.tensor(1.0, requires_grad=True)
    return loss, w


@pytest.mark.parametrize(
    ("case", "cause"),
    [
        (case, next(cause for cause in AFTER if case.startswith(cause)))
        for case in (
            "integer", "integer loss", "requires_grad", "requires_grad under no_grad", "not a leaf", "not a leaf scaled",
            "not a leaf converted", "detached", "detached as data", "detached as numbers", "not used",
            "not used but detached", "not used but as a number", "replaced", "replaced by a copy",
            "replaced by a deep copy", "freed", "freed by grad", "freed by other inputs", "no backward pass",
            "no backward pass through a checkpoint", "no backward pass of a leaf",
        )
    ],
)  # fmt: skip
def test_a_missing_gradient_is_explained_after_the_fact(case: str, cause: str) -> None:
    """Without a recording, the graph that is left tells why a leaf has no gradient."""
    loss, w = afterwards(case)
    found = chainrule.why(loss, w)
    assert found.reasons[0].cause == cause
    assert found.reasons[0].names == ("w",)
    assert found.reasons[0].says.startswith("`w` has no `.grad`: ")


def test_a_gradient_that_is_there_is_described_after_the_fact() -> None:
    """If there is a gradient after all, no reason is made up, and its size is said."""
    w = w_of(1.0, 0.0)
    loss = (w**2).sum()
    loss.backward()
    assert chainrule.why(loss, w).reasons == ()
    assert "of its 2 entries 1 are 0, and its largest entry is 2" in str(chainrule.why(loss, w))


def test_asking_after_the_fact_changes_nothing() -> None:
    """The graph can be used as before: the backward pass gives what it gives."""
    w = w_of(1.0, 2.0)
    loss = (w**3).sum()
    chainrule.why(loss, w)
    loss.backward()
    assert w.grad is not None
    assert w.grad.tolist() == [3.0, 12.0]


def test_what_cannot_be_asked_after_the_fact_says_so() -> None:
    """No tensor, and a graph too deep to be looked at, are errors of ours."""
    w = w_of(1.0)
    with pytest.raises(chainrule.ChainruleError, match="The loss is float, and only tensors"):
        chainrule.why(1.0, w)  # type: ignore[arg-type]
    deep = torch.ones(1, requires_grad=True)
    for _ in range(STEPS + 1):
        deep = deep + 1
    with pytest.raises(chainrule.ChainruleError, match="more than 20,000 steps"):
        chainrule.why(deep, w)
