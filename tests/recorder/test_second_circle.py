"""The second circle: recorded as far as it is known, never wrong, and PyTorch does the same with it as without."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint

import chainrule
from chainrule.recorder.snapshots import Copies, to_snapshot
from tests.support.graphs import same
from tests.support.witness import leaves


def of(op: Callable[[Tensor], Tensor], dtype: torch.dtype = torch.float32) -> Callable[[], Tensor]:
    """Sum up an op's result for one leaf."""
    return lambda: op(torch.rand(4, dtype=dtype).add(0.5).requires_grad_()).sum()


def twice() -> Tensor:
    """Differentiate `.grad` itself."""
    a = torch.rand(3, requires_grad=True)
    (a**3).sum().backward(create_graph=True)
    slope, a.grad = a.grad, None
    assert slope is not None
    return (slope**2).sum()


def sparse_matrix() -> Any:
    """Multiply by a matrix of which few entries are kept."""
    numbers, dense = torch.rand(2, requires_grad=True), torch.rand(2, 2, requires_grad=True)
    matrix = torch.sparse_coo_tensor(torch.tensor([[0, 1], [1, 0]]), numbers, (2, 2))
    return torch.sparse.mm(matrix, dense).sum()


def nested(layout: torch.layout) -> Any:
    """Work on tensors of different lengths at once."""
    a, b = torch.rand(2, 3, requires_grad=True), torch.rand(4, 3, requires_grad=True)
    both = torch.nested.as_nested_tensor([a, b], layout=layout) * 2
    return torch.nested.to_padded_tensor(both, 0.0).sum()


def of_module(make: Callable[[nn.Module], nn.Module]) -> Callable[[], Tensor]:
    """Run what is made of a layer."""
    return lambda: make(nn.Linear(2, 2))(torch.ones(2)).pow(2).sum()


@contextmanager
def group_of_one() -> Iterator[None]:
    """Let this process be all of a group, and leave it again."""
    with tempfile.TemporaryDirectory() as folder:
        torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=0, world_size=1)
        try:
            yield
        finally:
            torch.distributed.destroy_process_group()


def distributed() -> Iterator[Tensor]:
    """Train with DistributedDataParallel, in a group of one."""
    with group_of_one():
        yield of_module(nn.parallel.DistributedDataParallel)()


def through_memory() -> Tensor:
    """Change a tensor's numbers through an array that shares its memory."""
    array = np.ones(3, dtype=np.float32)
    x, w = torch.from_numpy(array), torch.ones(3, requires_grad=True)
    first = (w + x).sum()
    array[:] = 5
    return first + (w + x).sum()


def by_one_kernel(a: Tensor) -> Tensor:
    """Attend with the kernel written in plain maths."""
    with sdpa_kernel(SDPBackend.MATH):
        q = a[None, None, :, None]
        return torch.nn.functional.scaled_dot_product_attention(q, q, q)


SECOND: dict[str, Callable[[], Tensor | Iterator[Tensor]]] = {
    "torch.compile": of(lambda a: torch.compile(lambda b: (b * 2).sin(), backend="aot_eager")(a)),
    "torch.jit": of_module(torch.jit.script),
    "vmap": of(torch.vmap(lambda b: b**2)),
    "torch.func.grad": of(torch.func.grad(lambda b: (b**3).sum())),
    "torch.func.jacrev": of(torch.func.jacrev(lambda b: b**3)),
    "forward mode": of(lambda a: torch.func.jvp(lambda b: b**3, (a,), (torch.ones(4),))[1]),
    "a gradient of a gradient": of(lambda a: torch.autograd.grad((a**3).sum(), a, create_graph=True)[0] ** 2),
    "backward twice": twice,
    "hessian": of(lambda a: torch.autograd.functional.hessian(lambda b: (b**3).sum(), a.detach()) @ a),
    "complex": of(lambda a: (a * a.conj()).abs(), torch.complex64),
    "fft": of(lambda a: torch.fft.rfft(a).abs() ** 2),
    "sparse": sparse_matrix,
    "sparse gradients": lambda: nn.Embedding(5, 2, sparse=True)(torch.tensor([1, 1, 3])).exp().sum(),
    "large": lambda: (lambda a: (a @ a).relu().mean())(torch.rand(40, 40, requires_grad=True)),
    "sparse rows": of(lambda a: torch.eye(4).to_sparse_csr() @ a[:, None]),
    "to sparse and back": of(lambda a: (a.to_sparse() * 2).to_dense()),
    "nested": lambda: nested(torch.strided),
    "nested, jagged": lambda: nested(torch.jagged),
    "copied modules": of_module(copy.deepcopy),
    "DDP": distributed,
    "quantized": of(lambda a: a * torch.quantize_per_tensor(torch.rand(4), 0.1, 0, torch.qint8).dequantize()),
    "eight bits": of(lambda a: a * a.detach().to(torch.float8_e4m3fn).float()),
    "memory shared with NumPy": through_memory,
    "reentrant checkpoint": of(lambda a: checkpoint(lambda b: (b * 3).sin(), a, use_reentrant=True) * a),
    "one kernel": of(by_one_kernel),
}


def differentiated(run: Callable[[], Tensor | Iterator[Tensor]]) -> list[Tensor]:
    """Go backward from what is computed; give it and the leaves behind it."""
    made = run()
    for loss in [made] if isinstance(made, Tensor) else made:
        loss.backward()
        found = [loss, *leaves([loss])]
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "torch.compile" else name for name in SECOND]
)
def test_what_is_recorded_is_never_wrong(name: str) -> None:
    """Results and `.grad` are bitwise as without recording, each leaf's gradient is known, and every view is shown."""
    torch.manual_seed(0)
    plain, state = differentiated(SECOND[name]), torch.get_rng_state()
    torch.manual_seed(0)
    with chainrule.record() as rec:
        made = differentiated(SECOND[name])
        assert torch.get_rng_state().equal(state)
    for a, b in zip(plain, made, strict=True):
        assert same(a, b)
        if b.is_leaf:
            assert same(a.grad, b.grad)
            assert same(rec.grad(b), b.grad)
    assert str(rec)
    assert rec.graph().title
    assert rec.derivation(made[-1]).lines
    assert chainrule.trace.Trace.from_dict(rec.trace.to_dict()).to_dict() == rec.trace.to_dict()


class Own(Tensor):
    """A tensor of a type of one's own."""


KINDS: dict[str, Callable[[], Tensor]] = {
    "sparse": lambda: torch.eye(2).to_sparse(),
    "sparse rows": lambda: torch.eye(2).to_sparse_csr(),
    "conjugated": lambda: torch.tensor([1 + 2j, 3], dtype=torch.complex128).conj(),
    "negated": lambda: torch.tensor([1 + 2j, 3], dtype=torch.complex128).conj().imag,
    "zeros without memory": lambda: torch._efficientzerotensor((2,)),
    "eight bits": lambda: torch.tensor([0.5, -2]).to(torch.float8_e4m3fn),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("own", [False, True])
def test_numbers_of_every_kind_are_kept(name: str, own: bool) -> None:
    """Numbers that are held in an unusual way are copied as what they stand for."""
    tensor = KINDS[name]()
    tensor = tensor.as_subclass(Own) if own and not name.startswith("sparse") else tensor
    dense = tensor if tensor.layout is torch.strided else tensor.to_dense()
    kept = to_snapshot(Copies("auto").of(tensor)).data
    assert kept is not None
    assert kept.tolist() == (dense.float() if name == "eight bits" else dense + 0).tolist()


def test_quantized_numbers_have_a_shape() -> None:
    """NumPy cannot hold numbers with a scale of their own, and their shape is kept."""
    tensor = torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)
    kept = to_snapshot(Copies("auto").of(tensor))
    assert (kept.shape, kept.dtype, kept.data) == ((3,), "qint8", None)


@pytest.mark.filterwarnings("ignore")
def test_parts_of_parameters_have_their_gradients_in_grad_alone() -> None:
    """FSDP's parts get `.grad` bitwise as unrecorded, and `rec.grad` of one says where to look."""
    grads = []

    def step() -> nn.Linear:
        torch.manual_seed(0)
        layer = nn.Linear(2, 3)
        fully_shard(layer, mesh=init_device_mesh("cpu", (1,)))
        layer(torch.ones(4, 2)).tanh().pow(2).sum().backward()
        grads.append([cast("DTensor", p.grad).to_local() for p in layer.parameters()])
        return layer

    with group_of_one():
        step()
        with chainrule.record() as rec:
            layer = step()
        assert all(map(same, *grads))
        with pytest.raises(chainrule.TraceError, match="as FSDP does"):
            rec.grad(layer.weight)
        assert "linear" in str(rec)
