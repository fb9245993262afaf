"""Unseen: what PyTorch traces, compiles, exports or counts in a block is as without us; what has no numbers says so."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.attention.flex_attention import flex_attention
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

import chainrule

pytestmark = pytest.mark.filterwarnings("ignore")


def model() -> nn.Sequential:
    """Make a small network, the same each time."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


X = torch.linspace(-1, 1, 15).reshape(5, 3)


def exported() -> str:
    """Export a program."""
    return str(torch.export.export(model(), (X,)).graph)


def functional() -> str:
    """Trace the calls of a program and of its backward pass."""

    def step(x: torch.Tensor) -> torch.Tensor:
        x = x.requires_grad_()
        return torch.autograd.grad(x.sin().sum(), x)[0]

    return str(make_fx(step)(X.clone()).code)


def scripted() -> str:
    """Trace a module; PyTorch runs it again and compares."""
    return str([node.kind() for node in torch.jit.trace(model(), X).inlined_graph.nodes()])


def attended() -> str:
    """Run what compiles itself, or runs its own trace."""
    q = torch.linspace(-1, 1, 2 * 128 * 4).reshape(1, 2, 128, 4)
    return str(flex_attention(q, q, q).sum())


def counted() -> str:
    """Count floating-point operations."""
    with FlopCounterMode(display=False) as counter:
        model()(X).sum().backward()
    return str(counter.get_total_flops())


def dispatched() -> str:
    """List every call that reaches a dispatch mode."""
    calls = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            calls.append(str(func))
            return func(*args, **(kwargs or {}))

    weight = nn.Parameter(torch.ones(3, 2_000))
    with Watch():  # type: ignore[no-untyped-call]
        loss = ((X @ weight).relu() * torch.tensor(2.0)).pow(2).mean()
        loss.backward()
    return " ".join(calls)


@pytest.mark.parametrize("run", [exported, functional, scripted, attended, counted, dispatched])
def test_pytorch_sees_nothing_of_a_recording(run: Callable[[], str]) -> None:
    """Programs hold no call of ours and counters count none."""
    alone = run()
    with chainrule.record():
        assert run() == alone


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_a_compiled_model_is_recorded_as_it_runs(backend: str) -> None:
    """A compiled model gives the same numbers without a warning, and its gradients are recorded."""
    torch._dynamo.reset()
    network = model()
    compiled = torch.compile(network, backend=backend)
    gradients = []
    for block in (nullcontext(), chainrule.record(), chainrule.record(local_gradients=False)):
        network.zero_grad()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with block as rec:
                compiled(X).pow(2).mean().backward()
        gradients.append([weight.grad for weight in network.parameters() if weight.grad is not None])
        if rec is not None:
            assert all(map(torch.equal, map(rec.grad, network.parameters()), gradients[-1]))
            assert rec.trace.notes == ()
    for recorded in gradients[1:]:
        assert all(map(torch.equal, gradients[0], recorded))


@pytest.mark.slow
def test_a_compiled_model_can_be_looked_into_uncompiled() -> None:
    """Where PyTorch is told to run compiled code as it was written, each of its calls is there."""
    compiled = torch.compile(model(), backend="aot_eager")
    with chainrule.record() as rec:
        compiled(X).sum().backward()
    assert "CompiledFunction" in {op.name for op in rec.trace.ops}
    with torch.compiler.set_stance("force_eager"), chainrule.record() as rec:
        compiled(X).sum().backward()
    assert [op.name for op in rec.trace.ops] == ["linear", "tanh", "linear", "sum"]


def test_the_fast_path_of_an_encoder_differs_in_what_is_padded_alone() -> None:
    """PyTorch takes its ordinary path while calls are watched: the same up to rounding, but for padding."""
    torch.manual_seed(0)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2).eval()
    x, padding = (
        torch.linspace(-1, 1, 80).reshape(2, 5, 8),
        torch.tensor([[False] * 4 + [True], [False] * 3 + [True] * 2]),
    )
    with torch.no_grad():
        alone = encoder(x, src_key_padding_mask=padding)
        with chainrule.record():
            beside = encoder(x, src_key_padding_mask=padding)
    assert torch.allclose(alone[~padding], beside[~padding], atol=1e-5)
    assert not alone[padding].any()
    assert beside[padding].all()


def lazily() -> None:
    """Run layers that learn their size from what they are given."""
    nn.Sequential(nn.LazyLinear(4), nn.LazyLinear(1))(X).mean().backward()


def batched() -> None:
    """Ask for a batch of gradients at once."""
    w = torch.linspace(0, 1, 3, requires_grad=True)
    torch.autograd.grad(w.pow(2), w, torch.eye(3), is_grads_batched=True)


def vectorized() -> None:
    """Work out a Jacobian with `vmap`."""
    torch.autograd.functional.jacobian(lambda x: x.pow(2).flip(0), torch.linspace(0, 1, 3), vectorize=True)


def faked() -> None:
    """Run on shapes that pass for tensors."""
    with FakeTensorMode():
        nn.Linear(3, 4)(torch.ones(2, 3)).sum().backward()


def on_meta() -> None:
    """Run on the device that has shapes alone."""
    with torch.device("meta"):
        nn.Linear(3, 4)(torch.ones(2, 3)).sum().backward()


def nested() -> None:
    """Run on tensors of several lengths."""
    lengths = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged, requires_grad=True)
    (lengths * 2).values().sum().backward()


@pytest.mark.parametrize("run", [lazily, batched, vectorized, faked, on_meta, nested])
def test_a_call_that_cannot_be_read_costs_itself(run: Callable[[], None]) -> None:
    """What has no numbers is an op with what is known of it; the passes before and after it are whole."""
    w = torch.ones(3, requires_grad=True)
    with chainrule.record() as rec:
        before = (w * 2).sum()
        before.backward()
        ops = len(rec.trace.ops)
        run()
        made = len(rec.trace.ops) - ops
        after = (w * 3).sum()
        after.backward()
    assert made >= 1
    assert rec.grad(w, backward=0).tolist() == [2, 2, 2]
    assert rec.grad(w).tolist() == [3, 3, 3]
    assert str(rec).count("no numbers to read") == (run is not lazily) == len(rec.trace.notes)


def test_a_gradient_without_numbers_says_why() -> None:
    """The way out that a message names is one that helps."""
    w = torch.ones(2, 3, device="meta", requires_grad=True)
    with chainrule.record() as rec:
        w.sum().backward()
    for ask in (rec.grad, rec.why):
        with pytest.raises(chainrule.TraceError, match=r"no numbers to read: those that are meta"):
            ask(w)


class Standing(torch.Tensor):
    """Stand for another tensor, as distributed ones do, and count what is done with it."""

    calls: ClassVar[list[str]] = []
    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> Standing:
        """Have the shape of the other, and no numbers."""
        made: Standing = torch.Tensor._make_wrapper_subclass(cls, held.shape, dtype=held.dtype)
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def, override]
        """Do it with the other."""
        cls.calls.append(str(func))
        return func(*(one.held if isinstance(one, cls) else one for one in args), **(kwargs or {}))


@pytest.mark.parametrize("mode", [nullcontext, lambda: FlopCounterMode(display=False)])
def test_a_tensor_that_stands_for_another_is_left_alone(mode: Callable[[], AbstractContextManager[object]]) -> None:
    """What PyTorch does with it, and no more, is done; gradients that pass it are recorded."""
    calls: list[list[str]] = []
    gradients: list[torch.Tensor] = []
    for block in (nullcontext(), chainrule.record()):
        x = torch.linspace(1, 2, 3, requires_grad=True)
        Standing.calls.clear()
        with mode(), block as rec:
            loss = ((x * Standing(torch.tensor([1.0, 2.0, 3.0]))) ** 2).sum()
            loss.backward()
        calls.append(list(Standing.calls))
        assert x.grad is not None
        gradients.append(x.grad)
    assert rec is not None
    assert calls[0] == calls[1] != []
    assert all(map(torch.equal, gradients, [rec.grad("x")] * 2))
    assert len(rec.trace.notes) == 1


def test_numbers_that_torch_func_differentiates_are_kept() -> None:
    """In `torch.func.grad` the numbers are there, and their gradients too."""
    w = torch.tensor([1.0, 2.0])
    with chainrule.record() as rec:
        torch.func.grad(lambda w: (w * w).sum())(w)
    assert rec.grad("w").tolist() == [2, 4]
