"""Hold a recording against what PyTorch did, as far as it can be seen from outside, and say where they differ.

A `Witness` stands between the recorder and PyTorch. It keeps every call with copies of its arguments, so that an op can
be run again alone and differentiated by `torch.func`, and every gradient that a backward pass gave.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack
from torch.utils._pytree import tree_flatten, tree_unflatten

import chainrule
from chainrule.trace import BackwardPass, Snapshot, Term, Trace
from tests.support.cases import Case
from tests.support.graphs import same
from tests.support.witness import leaves, witnessed

LARGE = 4_096
"""Of an op with a larger Jacobian only the action on the upstream gradient is compared."""


@dataclass
class Call:
    """Hold one call as PyTorch got it, ready to be run again."""

    name: str
    func: Callable[..., Any]
    leaves: list[Any]
    spec: Any
    inputs: list[Tensor]
    state: Tensor
    casting: torch.dtype | None

    def again(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Run the call on other inputs, from the same random state, and list its results."""
        given = iter(inputs)
        leaves = [next(given).clone() if isinstance(leaf, Tensor) else leaf for leaf in self.leaves]
        args, kwargs = tree_unflatten(leaves, self.spec)
        torch.set_rng_state(self.state)
        with torch.autocast("cpu", dtype=self.casting, enabled=self.casting is not None):
            result = self.func(*args, **kwargs)
        if getattr(self.func, "__name__", "") == "__setitem__":
            return [args[0]]
        return [t for t in tree_flatten(result)[0] if isinstance(t, Tensor)]


class Witness(TorchFunctionMode):
    """Keep every call that the recorder passes on."""

    def __init__(self) -> None:
        """Know no calls yet."""
        super().__init__()
        self.rec: chainrule.Recording | None = None
        self.calls: dict[int, Call] = {}
        self.asked: list[tuple[int, Tensor, Tensor]] = []
        self.starts: dict[int, list[Tensor]] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Copy the arguments before they can change."""
        if self.rec is None:
            return func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        name = name if name != "__get__" else func.__self__.__name__
        leaves, spec = tree_flatten((tuple(args), dict(kwargs or {})))
        tensors = [t for t in leaves if isinstance(t, Tensor)]
        if any(t.requires_grad for t in tensors):
            casting = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None
            copies = [t.detach().clone() for t in tensors]
            kept = Call(name, func, leaves, spec, copies, torch.get_rng_state(), casting)
            self.calls[len(self.rec.trace.ops)] = kept
        if getattr(func, "__name__", "") not in ("backward", "grad"):  # the attribute `.grad` is no backward pass
            return func(*args, **(kwargs or {}))
        number = len(self.rec.trace.passes)
        given = dict(zip(("outputs", "inputs" if name == "grad" else "gradients", "gradients"), args, strict=False))
        given |= {{"tensors": "outputs", "grad_outputs": "gradients"}.get(k, k): v for k, v in (kwargs or {}).items()}
        starts = several(given.get("gradients", given.get("gradient", given.get("grad_tensors"))))
        self.starts[number] = [
            torch.ones_like(root).detach() if start is None else start.detach().to(root.dtype, copy=True)
            for root, start in zip_longest(several(given["outputs"]), starts)
            if root is not None
        ]
        result = func(*args, **(kwargs or {}))
        for wanted, gradient in zip(several(given["inputs"]) if name == "grad" else (), result or (), strict=True):
            if gradient is not None:
                self.asked.append((number, wanted, gradient.detach().clone()))
        return result


def several(tensors: Any) -> Sequence[Any]:
    """Give one tensor as a list of one."""
    return (tensors,) if tensors is None or isinstance(tensors, Tensor) else tensors


def tensor(held: Snapshot | None) -> Tensor | None:
    """Give a recorded tensor in its own dtype."""
    if held is None or held.data is None:
        return None
    return torch.from_numpy(held.data.copy()).to(getattr(torch, held.dtype))


def coarsest(*tensors: Tensor) -> float:
    """Give the rounding of the coarsest dtype among some tensors."""
    return max(torch.finfo(t.dtype).eps for t in tensors if t.is_floating_point() or t.is_complex())


def close(found: Tensor, expected: Tensor, scale: Tensor | None = None, eps: float | None = None) -> bool:
    """Compare up to rounding in the coarser of the two dtypes, relative to the largest entry."""
    if found.numel() != expected.numel():
        return False
    eps = coarsest(found, expected) if eps is None else eps
    a, b = found.double().flatten(), expected.double().flatten()
    largest = max(
        [t.abs()[t.isfinite()].max().item() for t in (a, b, scale) if t is not None and t.isfinite().any()] or [0.0]
    )
    return torch.allclose(a, b, rtol=64 * eps, atol=64 * eps * largest + 1e-30, equal_nan=True)


# What a recording must satisfy ----------------------------------------------------------------------------------


def sums(trace: Trace, starts: Mapping[int, Sequence[Tensor]]) -> Iterator[str]:
    """Say where the contributions to a node, in engine order, are not bitwise its upstream gradient."""
    places: dict[int, tuple[int, int]] = {i: (v.node, v.slot) for i, v in enumerate(trace.values) if v.node is not None}
    for node in trace.nodes:
        for edge in node.edges:
            if edge.value is not None and edge.node is not None:
                places[edge.value] = edge.node, edge.slot
    for number, run in enumerate(trace.passes):
        arrived: dict[tuple[int, int], Tensor] = {}

        def arrive(here: tuple[int, int], given: Tensor, arrived: dict[tuple[int, int], Tensor] = arrived) -> None:
            arrived[here] = arrived[here] + given if here in arrived else given

        for value, start in zip(run.roots, starts.get(number, ()), strict=False):
            if value in places:
                arrive(places[value], start)
        functions = [visit for visit in run.visits if trace.nodes[visit.node].name == "CheckpointFunctionBackward"]
        for value, visit in zip(run.roots[len(starts.get(number, ())) :], functions, strict=False):
            came = tensor(visit.upstream[0])  # what a checkpoint computes again begins with what came to it
            assert came is not None
            arrive(places[value], came)
        for visit in run.visits:
            for slot, got in enumerate(visit.upstream):
                upstream, total = tensor(got), arrived.get((visit.node, slot))
                if total is None and trace.nodes[visit.node].name == "AccumulateGrad" and len(run.visits) == 1:
                    continue  # a leaf alone
                for hook in run.hooks:
                    if places.get(hook.value) == (visit.node, slot):
                        if not same(total, tensor(hook.before)):
                            yield f"pass {number}: {hook.name} got what did not arrive"
                        total = tensor(hook.after)
                if not same(total, upstream):
                    yield f"pass {number}: at {trace.nodes[visit.node].name} arrived {total}, upstream {upstream}"
            for edge, flow in zip(trace.nodes[visit.node].edges, visit.flows, strict=True):
                given = tensor(flow.contribution)
                if edge.node is not None and given is not None:
                    arrive((edge.node, edge.slot), given)


def carried(trace: Trace) -> Iterator[str]:
    """Say where upstream times local gradient is not the contribution, up to rounding."""
    for run in trace.passes:
        for visit in run.visits:
            for edge, flow in zip(trace.nodes[visit.node].edges, visit.flows, strict=True):
                local, given = tensor(flow.local), tensor(flow.contribution)
                if local is None or given is None:
                    continue
                (upstream,) = map(tensor, visit.upstream)
                assert upstream is not None
                wanted = act(upstream, local, flow.kind, given.shape)
                scale = upstream.abs() * local.abs() if flow.kind == "elementwise" else local
                if not close(given, wanted, scale, coarsest(upstream, local, given)):
                    yield f"{trace.nodes[visit.node].name} to {edge.value}: {upstream} by {local} gave {given}"


def act(upstream: Tensor, local: Tensor, kind: str | None, shape: Sequence[int]) -> Tensor:
    """Carry an upstream gradient on by a local gradient."""
    if kind == "jacobian":
        return (upstream.double().reshape(-1) @ local.double().reshape(upstream.numel(), -1)).reshape(tuple(shape))
    return (upstream.double() * local.double()).sum_to_size(tuple(shape))


def matrix(local: Tensor, kind: str | None, rows: int, shape: Sequence[int]) -> Tensor:
    """Write a local gradient as the matrix that it stands for."""
    columns = torch.Size(shape).numel()
    if kind != "elementwise":
        return local.double().reshape(rows, columns)
    full = torch.zeros(rows, columns, dtype=torch.float64)
    column = torch.arange(columns).reshape(tuple(shape)).broadcast_to(local.shape).flatten()
    full[torch.arange(rows), column] = local.double().flatten()
    return full


@dataclass
class Known:
    """Count the op's steps toward an input whose local gradient is shown, and those where it is not known."""

    shown: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)
    alone: int = 0
    """Those that were held against `torch.func.jacrev`."""
    other: list[str] = field(default_factory=list)
    """Ops that could not be run again alone, and why."""


def alone(trace: Trace, run: BackwardPass, index: int, calls: dict[int, Call], known: Known) -> Iterator[str]:
    """Say where what is shown of an op is not what `torch.func` says of that op alone."""
    steps: dict[tuple[int, int], list[Term]] = {}
    for term in trace.terms(index):
        steps.setdefault((term.op, term.value), []).append(term)
        counts = known.unknown if term.local is None else known.shown
        counts[trace.ops[term.op].name] = counts.get(trace.ops[term.op].name, 0) + 1
    for (number, value), terms in steps.items():
        op, call = trace.ops[number], calls.get(number)
        if call is None or len(call.inputs) != len(op.inputs) or call.name not in (op.name, "matmul"):
            known.other.append(f"{op.name} was not seen")
            continue
        places = [i for i, given in enumerate(op.inputs) if given == value]
        if any(out not in op.outputs for term in terms for out in term.outputs):  # such as autocast's copy of a weight
            known.other.append(f"{op.name} shares a node with another call")
            continue
        if not places:  # it was changed through a view of it, and the op itself saw the view
            known.other.append(f"{op.name} through a view")
            continue

        def function(x: Tensor, places: list[int] = places, call: Call = call) -> tuple[Tensor, ...]:
            return tuple(call.again([x if i in places else t for i, t in enumerate(call.inputs)]))

        at = call.inputs[places[0]].clone().requires_grad_()
        results = function(at)
        if len(results) != len(op.outputs):
            known.other.append(f"{op.name} has {len(results)} results, {len(op.outputs)} new")
            continue
        used = {edge.value for visit in run.visits for edge in trace.nodes[visit.node].edges} | {
            *run.roots,
            *run.gradients,
        }
        upstreams = [tensor(trace.gradient(out, index)) if out in used else None for out in op.outputs]
        pairs = [
            (r, u.to(r.dtype)) for r, u in zip(results, upstreams, strict=True) if u is not None and r.requires_grad
        ]
        (whole,) = torch.autograd.grad([r for r, _ in pairs], [at], [u for _, u in pairs])
        given = [tensor(term.contribution) for term in terms]
        eps = coarsest(at, *(u for _, u in pairs))
        if None not in given and not close(sum(given), whole, None, eps):  # type: ignore[arg-type]
            yield f"{op.expression} to {trace.values[value].name}: gave {sum(given)}, alone {whole}"  # type: ignore[arg-type]
        if any(term.local is None or term.outputs != terms[0].outputs[:1] for term in terms):
            continue
        out = op.outputs.index(terms[0].output)
        if results[out].numel() * at.numel() > LARGE or not at.numel():
            continue
        primal: list[Tensor] = []

        def one(x: Tensor, function: Any = function, out: int = out, primal: list[Tensor] = primal) -> Tensor:
            result: Tensor = function(x)[out]
            primal.append(result)
            return result

        exact = torch.func.jacrev(one, chunk_size=1)(at.detach()).detach()
        if not torch.func.debug_unwrap(primal[0]).equal(results[out]):
            known.other.append(f"{op.name} draws other random numbers under torch.func")
            continue
        rows, shape = results[out].numel(), at.shape
        shown = torch.zeros(rows, at.numel(), dtype=torch.float64)
        for term in terms:
            shown += matrix(tensor(term.local), term.kind, rows, shape)  # type: ignore[arg-type]
        known.alone += 1
        sure = exact.isfinite().flatten()  # off the diagonal, 0 times infinity is no number
        if not close(shown.flatten()[sure], exact.flatten()[sure], None, eps):
            yield f"{op.expression} to {trace.values[value].name}: shows {shown}, jacrev {exact}"


def everything(made: Sequence[Tensor]) -> list[Tensor | None]:
    """List all the numbers of what a case made, and of the leaves behind it."""
    found = [*made, *leaves(made)]
    return [t for held in found for t in (held, held.grad if held.is_leaf or held.retains_grad else None)]


def states() -> tuple[bytes, Any, bytes]:
    """Give the state of each random stream."""
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), np.random.get_state()[1].tobytes()  # type: ignore[index]


def differences(case: Case, known: Known) -> tuple[list[str], chainrule.Recording]:
    """Run a case without recording and with, and list everything in which they differ."""
    torch.manual_seed(1)
    plain = case()
    after = states()
    torch.manual_seed(1)
    witness = Witness()
    with witnessed() as seen, witness:
        with chainrule.record(keep="all") as rec:
            witness.rec = rec
            made = case()
            recorded_after = states()
        witness.rec = None
    found = [] if recorded_after == after else ["the random stream differs"]
    pairs = zip(everything(plain), everything(made), strict=True)
    found += [f"recorded {b}, plain {a}" for a, b in pairs if not same(a, b)]
    found += [f"leaf: {g}" for g in seen.gradients if not g.agrees]
    for number, wanted, given in witness.asked:
        if not same(rec.grad(wanted, backward=number), given):
            found.append(f"asked for {given}, recorded {rec.grad(wanted, backward=number)}")
    trace = rec.trace
    found += sums(trace, witness.starts)
    found += carried(trace)
    for index, run in enumerate(trace.passes):
        found += alone(trace, run, index, witness.calls, known)
    if _get_current_function_mode_stack():
        found.append("a mode is left")
    return found, rec
