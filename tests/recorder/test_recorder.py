"""The recorder: what it writes down is what PyTorch did, and PyTorch does the same with it as without."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.overrides import _get_current_function_mode_stack
from torch.utils.checkpoint import checkpoint

import chainrule
from chainrule.calculus.notation import numbers
from tests.support.cases import Cube
from tests.support.graphs import same


def leaf(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Make a leaf of random numbers."""
    return torch.randn(shape).to(dtype).requires_grad_()


def test_a_graph_from_before_is_followed_to_its_leaves() -> None:
    """What was computed before the recording has gradients, down to leaves that the block never named."""
    w = torch.tensor(2.0, requires_grad=True)
    y = w * 3
    with chainrule.record() as rec:
        loss = y**2
        loss.backward()
    assert (rec.grad("y").item(), rec.grad(w).item(), rec.grad("w").item()) == (12.0, 36.0, 36.0)
    assert str(rec.derivation("w")) == "dloss/dw = 36"


def test_a_custom_function_is_one_step() -> None:
    """The result of a custom Function has its gradient, and is one op between its input and what follows."""
    w = torch.tensor(2.0, requires_grad=True)
    with chainrule.record() as rec:
        y = Cube.apply(w)  # type: ignore[no-untyped-call]
        loss = y**2
        loss.backward()
    assert (rec.grad(y).item(), rec.grad(w).item()) == (16.0, 192.0)
    assert [rec.trace.ops[i].name for i in rec.trace.ops_of(-1)] == ["Cube", "pow"]


@pytest.mark.parametrize("how", ["set", "changed and set", "changed"])
def test_numbers_that_change_through_data_are_seen(how: str) -> None:
    """A weight that is updated through `.data`, which PyTorch does not count as a change, is a new value."""
    w = torch.tensor(2.0, requires_grad=True)
    with chainrule.record() as rec:
        for _ in range(2):
            w.grad = None
            loss = w**2
            loss.backward()
            if how == "set":
                w.data = w.data - 0.25 * rec.grad("w")
            elif how == "changed and set":
                w.data -= 0.25 * rec.grad("w")
            else:
                w.data.sub_(0.25 * rec.grad("w"))
    values = {value.name: numbers(value.tensor) for value in rec.trace.values}
    assert (values["w"], values["w#2"], values["loss#2"]) == ("2", "1", "1")
    assert "2 w#2 = 2" in str(rec)


def test_a_step_of_descent_ends_the_chain() -> None:
    """A weight that was changed by a step of descent is a leaf: what led to its new numbers is no part of the pass."""
    w = torch.tensor(2.0, requires_grad=True)
    with chainrule.record() as rec:
        for _ in range(2):
            loss = w**2
            loss.backward()
            with torch.no_grad():
                w -= 0.25 * w.grad  # type: ignore[operator]
    assert [rec.trace.ops[i].expression for i in rec.trace.ops_of(-1)] == ["w**2"]
    assert [row.expression for row in rec.table().rows] == ["w#2", "loss#2 = w#2**2"]


def test_looking_at_a_tensor_makes_no_value() -> None:
    """Printing a tensor, asking for its size or for its number leaves no trace."""
    w = torch.tensor(2.0, requires_grad=True)
    with chainrule.record() as rec:
        print(w, w.size(), w.item(), w.dim(), float(w.detach()), bool(w > 1))
    assert [op.name for op in rec.trace.ops] == ["detach", "gt"]
    with chainrule.record() as rec:
        print(w, w.size(), w.item(), w.dim(), w.numel())
    assert (rec.trace.ops, [event.name for event in rec.trace.events]) == ((), ["item"])


def test_a_function_that_gives_no_gradient_has_no_step() -> None:
    """An input for which a custom backward returns None gets no gradient, and is no step of the derivation."""

    class First(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return a * b

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
            return gradient * 5, None

    a, b = leaf(), leaf()
    with chainrule.record() as rec:
        out = First.apply(a, b)  # type: ignore[no-untyped-call]
        out.backward()
    assert rec.grad(a).item() == 5.0
    assert {term.value for term in rec.trace.terms()} == {0}
    with pytest.raises(chainrule.TraceError, match="`b` has no gradient in this backward pass"):
        rec.grad("b")


def test_numbers_that_change_through_data_alone_are_seen() -> None:
    """Changing `.data` in place, without setting it, is enough to make a new value; looking at it is not."""
    w, large = torch.tensor(2.0, requires_grad=True), torch.ones(2000, requires_grad=True)
    with chainrule.record() as rec:
        a = w * 3
        assert w.data.item() == 2.0
        b = w * 3
        w.data.sub_(1)
        c = w * 3
        for _ in range(3):
            assert large.data.mean() == 1.0
            large * 2
    found = {value.name: numbers(value.tensor) for value in rec.trace.values}
    assert (found["w"], found["w#2"], "w#3" in found) == ("2", "1", False)
    assert (a.item(), b.item(), c.item()) == (6.0, 6.0, 3.0)
    assert "large#2" not in found


def test_a_change_through_a_view_makes_a_new_value() -> None:
    """Writing to a view changes the tensor behind it, and the chain from it to the leaf holds."""
    w = torch.tensor([2.0, 3.0], requires_grad=True)
    with chainrule.record() as rec:
        h = w * 2
        v = h[0]
        v.mul_(5)
        loss = h.sum()
        loss.backward()
    assert rec.grad(w).tolist() == [10.0, 2.0]
    assert str(rec.derivation("w")).splitlines()[-1].endswith("[5, 1] * [2, 2] = [10, 2]")
    assert v.item() == 20.0
    assert "h#2 = v.mul_(5)" in str(rec)


# What stays behind --------------------------------------------------------------------------------------------


Fail = Callable[..., Any]


def in_forward(w: torch.Tensor, fail: Fail) -> None:
    """Fail between two ops."""
    fail(w * 2)


def in_backward(w: torch.Tensor, fail: Fail) -> None:
    """Fail in a backward of one's own."""
    methods = {"forward": staticmethod(lambda ctx, a: a * 2), "backward": staticmethod(fail)}
    type("Bad", (torch.autograd.Function,), methods).apply(w).backward()  # type: ignore[attr-defined]


def in_hook(w: torch.Tensor, fail: Fail) -> None:
    """Fail in a hook on a tensor."""
    h = w * 2
    h.register_hook(fail)
    (h * 3).backward()


@pytest.mark.parametrize("run", [in_forward, in_backward, in_hook])
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_the_user_raises_comes_through(
    run: Callable[[torch.Tensor, Fail], None], error: type[BaseException]
) -> None:
    """An error in the forward pass, in a backward pass or in a hook, or Ctrl-C, stays as it was; nothing is left."""
    w = leaf()

    def fail(*_: Any) -> None:
        raise error("shape ()")

    with pytest.raises(error, match=r"^shape \(\)$"), chainrule.record() as rec:
        run(w, fail)
    before = rec.trace.to_dict()
    assert (rec.trace.passes, w.grad) == ((), None)
    (w * 2).backward()
    assert rec.trace.to_dict() == before
    assert not _get_current_function_mode_stack()


def test_a_backward_pass_that_failed_is_not_recorded() -> None:
    """After a backward pass that raised, the recording answers with the last one that did not."""
    w = torch.tensor(2.0, requires_grad=True)
    with chainrule.record() as rec:
        h = w**3
        loss = h + 1
        loss.backward()
        with pytest.raises(RuntimeError, match="a second time"):
            loss.backward()
    assert len(rec.trace.passes) == 1
    assert rec.grad("h").item() == 1.0
    assert rec.grad("w").item() == 12.0


def test_pytorchs_errors_keep_their_text_and_get_a_note() -> None:
    """PyTorch's error for a loss that is no single number, or needs no gradient, gets a note in the user's names."""
    w, x = leaf(4), torch.ones(4)
    with chainrule.record():
        loss = w * x
        with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs") as caught:
            loss.backward()
    assert "`loss` has shape (4,)" in caught.value.__notes__[0]
    assert "`loss.mean()`" in caught.value.__notes__[0]
    with chainrule.record():
        total = x.sum()
        with pytest.raises(RuntimeError, match="does not require grad") as caught:
            total.backward()
    assert "`total` was not made from any tensor with requires_grad=True" in caught.value.__notes__[0]
    with chainrule.record():
        mean = ((w * x).detach() * 2).mean()
        with pytest.raises(RuntimeError, match="does not require grad") as caught:
            mean.backward()
    note = caught.value.__notes__[0]
    assert note.startswith("chainrule: `mean` has no way back: `(w * x).detach()` at ")
    line = int(re.findall(r"test_recorder\.py:(\d+) let go", note)[0])
    assert "(w * x).detach()" in Path(__file__).read_text("utf-8").splitlines()[line - 1]


def test_nothing_keeps_the_graph_alive() -> None:
    """Tensors, graph and model are freed as soon as the user lets go of them, while the recording lives on."""
    model = nn.Linear(3, 1)
    with chainrule.record() as rec:
        loss = model(torch.ones(3)).sum()
        loss.backward()
    alive = [weakref.ref(loss), weakref.ref(model), weakref.ref(model.weight)]
    del model, loss
    gc.collect()
    assert [reference() for reference in alive] == [None, None, None]
    assert rec.grad("weight").tolist() == [[1.0, 1.0, 1.0]]


def test_recordings_nest() -> None:
    """An inner recording and the one around it both hold what ran in the inner block."""
    w = torch.tensor(2.0, requires_grad=True)
    with chainrule.record() as outer:
        h = w * 3
        with chainrule.record() as inner:
            loss = h**2
            loss.backward()
        after = loss * 2
    assert outer.grad("w").item() == inner.grad(w).item() == 36.0
    assert "after" in [value.name for value in outer.trace.values]
    assert "after" not in [value.name for value in inner.trace.values]
    assert after.item() == 72.0


def test_the_recording_answers_inside_of_the_block() -> None:
    """Inside the block the recording answers with what there is so far, and its answers follow what happens."""
    w = torch.tensor(2.0, requires_grad=True)
    with chainrule.record() as rec:
        assert str(rec) == "Nothing was recorded."
        loss = w**2
        assert "w**2" in str(rec)
        with pytest.raises(chainrule.TraceError, match="holds no backward pass"):
            rec.grad("w")
        loss.backward()
        assert rec.grad("w").item() == 4.0


def test_a_block_without_a_backward_pass_is_no_error() -> None:
    """A forward pass alone can be looked at; only asking for a gradient is an error that says what to do."""
    w = leaf()
    with chainrule.record() as rec:
        h = w * 3
    assert "h = w * 3" in str(rec.table())
    assert rec.graph().title.startswith("Graph of one operation")
    with pytest.raises(chainrule.TraceError, match=r"Call `.backward\(\)` on the loss inside"):
        rec.grad(h)
    with chainrule.record() as empty:
        pass
    assert str(empty) == "Nothing was recorded."
    assert empty.graph().title == "An empty graph: nothing was recorded."


@pytest.mark.parametrize(("keep", "kept"), [("auto", False), ("all", True), ("shapes", False)])
def test_keep_says_what_is_kept(keep: Any, kept: bool) -> None:
    """Large tensors are kept as `keep` says; asking for what was not kept names `keep="all"`."""
    w = leaf(2000)
    with chainrule.record(keep=keep) as rec:
        h = w * 2
        h.sum().backward()
    assert (rec.trace.values[1].data is not None) == kept
    assert (rec.trace.values[1].statistics is not None) == (keep == "auto")
    if kept:
        assert rec.grad("h").numel() == 2000
    else:
        with pytest.raises(chainrule.TraceError, match=r'2,000 entries.*keep="all"'):
            rec.grad("h")
    if keep == "shapes":
        with pytest.raises(chainrule.TraceError, match='keep="all"'):
            rec.grad("w")
    else:
        assert same(rec.grad("w"), w.grad)


def test_local_gradients_can_be_left_out() -> None:
    """With `local_gradients=False` the contributions are there and the local gradients are not."""
    w = leaf()
    with chainrule.record(local_gradients=False) as rec:
        (w**2).backward()
    (flow, *_) = rec.trace.passes[0].visits[0].flows
    assert flow.local is None
    assert flow.contribution is not None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_reentrant_checkpoint_is_part_of_the_pass(dtype: torch.dtype) -> None:
    """What it computes anew is there, and each weight's gradient is the sum of what the pass adds to `.grad`."""
    torch.manual_seed(0)
    block, scale = torch.nn.Linear(3, 3, dtype=dtype), torch.tensor(0.7, dtype=dtype, requires_grad=True)
    x = torch.linspace(-1, 1, 6, dtype=dtype).reshape(2, 3).requires_grad_()
    with chainrule.record() as rec:
        h = checkpoint(block, x, use_reentrant=True)
        g = checkpoint(lambda h: torch.tanh(block(h)) * scale, h, use_reentrant=True)
        loss = (g * block(x) * scale).sum()
        loss.backward()
    assert len(rec.trace.passes) == 1
    for leaf_ in (block.weight, block.bias, scale, x):
        assert leaf_.grad is not None
        assert torch.equal(rec.grad(leaf_), leaf_.grad)
    assert not rec.why().reasons
    assert "tanh" in [op.name for op in rec.trace.ops]
    assert not _get_current_function_mode_stack()
