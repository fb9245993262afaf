"""Backward passes that raise: PyTorch's error is noted, and `rec.why()` and `chainrule.why` know of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # as everybody calls it
from torch import Tensor, nn

import chainrule

X, W = torch.linspace(-1, 1, 6).reshape(3, 2), torch.ones(2, requires_grad=True)


def hidden_state() -> Any:
    """Hang on the batch before."""
    rnn, hidden = nn.GRU(2, 4), None
    for _ in range(2):
        out, hidden = rnn(X, hidden)  # here
        out.mean().backward()


def sum_of_losses() -> Any:
    """Hang on the step before through a total."""
    w, total = torch.ones(2, requires_grad=True), torch.zeros(())
    for _ in range(2):
        total = total + (w * w).sum()  # here
        total.backward()


def shared_by_two_losses() -> Any:
    """Go back from two losses through what they share."""
    encoder, head = nn.Linear(2, 2), nn.Linear(2, 1)
    h = torch.tanh(encoder(X))  # here
    h.mean().backward()
    head(h).mean().backward()


def made_once() -> Any:
    """Use what was computed before the loop in each step of it."""
    w = torch.ones(2, requires_grad=True)
    scale = w.exp()  # here
    for _ in range(2):
        (scale * X).sum().backward()


def the_same_loss() -> Any:
    """Go back twice from one loss."""
    loss = torch.ones(2, requires_grad=True).exp().sum()
    loss.backward()
    return loss


def written_after_sigmoid() -> Any:
    """Write over what a sigmoid keeps."""
    gate = torch.sigmoid(torch.ones(3, 2, requires_grad=True))
    gate *= X  # here
    return gate.sum()


def relu_in_place() -> Any:
    """Write over what an exponential keeps."""
    h = torch.ones(2, requires_grad=True).exp()
    return F.relu(h, inplace=True).sum()  # here


def written_through_a_view() -> Any:
    """Write over a part of what is kept."""
    h = torch.ones(3, 2, requires_grad=True).exp()
    h.t()[0].mul_(2)  # here
    return h.sum()


def step_before_the_pass() -> Any:
    """Change the weights between the forward and the backward pass."""
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    first, second = net(X).mean(), net(X).pow(2).mean()
    first.backward()
    optimizer.step()  # here
    return second


def renormed_embedding() -> Any:
    """Let an embedding shorten the weight that another op keeps."""
    embed, w = nn.Embedding(4, 2, max_norm=0.1), torch.ones(2, 2, requires_grad=True)
    scores = embed.weight @ w
    return (scores.sum() + embed(torch.tensor([1, 2]))).sum()  # here


def no_way_back() -> Any:
    """Go back from a loss that was made under inference mode."""
    with torch.inference_mode():
        return (torch.ones(2, requires_grad=True) * 2).sum()  # here


def inference_tensor() -> Any:
    """Learn from what was made under inference mode."""
    with torch.inference_mode():
        h = X + 1  # here
    return (h * torch.ones(2, requires_grad=True)).sum()


def shapes_that_do_not_fit() -> Any:
    """Raise on the way forward."""
    return W @ X  # here


FAILING: dict[Callable[[], Any], tuple[str, str]] = {
    hidden_state: ("freed", "`hidden = hidden.detach()`"),
    sum_of_losses: ("freed", "`total = total.detach()`"),
    shared_by_two_losses: ("freed", "hangs on `h`"),
    made_once: ("freed", "hangs on `scale`"),
    the_same_loss: ("freed", "Compute `loss` again"),
    written_after_sigmoid: ("overwritten", "needs `gate` on the way back, and `gate *= X`"),
    relu_in_place: ("overwritten", "and `F.relu(h, inplace=True)`"),
    written_through_a_view: ("overwritten", "needs `h` on the way back, and `h.t()[0].mul_(2)`"),
    step_before_the_pass: ("overwritten", "`optimizer.step()`"),
    renormed_embedding: ("overwritten", "`weight.clone()`"),
    no_way_back: ("no way back", "outside of `inference_mode`"),
    shapes_that_do_not_fit: ("failed", "cannot be multiplied"),
    inference_tensor: ("failed", "`h` (test_failed.py:"),
}


@pytest.mark.parametrize("run", FAILING, ids=lambda run: run.__name__)
def test_a_failed_pass_is_told_with_what_ties_it(run: Callable[[], Any]) -> None:
    """The error carries a note; `rec.why()` says the same, with the line to blame, and never to retain the graph."""
    cause, words = FAILING[run]
    with pytest.raises(RuntimeError) as caught, chainrule.record() as rec:  # noqa: PT012  # the loss may be made inside
        loss = run()
        loss.backward()
    (note,) = getattr(caught.value, "__notes__", [str(caught.value).partition("\n")[0]])
    assert words in note.replace("tests/diagnosis/", "")
    assert "retain_graph" not in note
    (reason,) = rec.why().reasons
    assert reason.cause == cause
    assert note.removeprefix("chainrule: ") in f"{reason.says} {reason.hint}"
    lines, first = inspect.getsourcelines(run)
    here = next((first + i for i, line in enumerate(lines) if "# here" in line), None)
    assert reason.line == here
    assert chainrule.Recording(lambda: rec.trace).why().reasons[0].cause == cause


class Stop(torch.autograd.Function):
    """Hand on nothing."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Square."""
        return x * x

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> None:
        """Forget the gradient."""


@pytest.mark.parametrize(
    ("run", "cause", "words"),
    [
        (written_after_sigmoid, "overwritten", "`SigmoidBackward0` has to look at was written over"),
        (the_same_loss, "failed", "raised an error"),
        (lambda: Stop.apply(W).sum(), "stopped", "custom function (`StopBackward`)"),  # type: ignore[no-untyped-call]
    ],
)
def test_a_failed_pass_is_known_after_the_fact(run: Callable[[], Any], cause: str, words: str) -> None:
    """After PyTorch's errors, and of a custom function that returns None, `zero_grad()` is not blamed."""
    with chainrule.record():
        loss = run()
        with pytest.raises(RuntimeError) if cause != "stopped" else chainrule.record():
            loss.backward()
    nodes = [loss.grad_fn]
    leaves = []
    for node in nodes:
        leaves += [node.variable] if hasattr(node, "variable") else []
        nodes += [child for child, _ in node.next_functions if child is not None]
    found = chainrule.why(loss, leaves[0])
    assert found.reasons[0].cause == cause
    assert words in found.reasons[0].says
