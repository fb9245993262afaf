"""Answers held against gradients: those worked out by hand, and PyTorch's own against a numerical gradient."""

from __future__ import annotations

import html
import itertools
import json
import textwrap
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from chainrule.calculus.notation import derivative, number, numbers
from chainrule.errors import AnswerError
from chainrule.recorder.mode import Recorder
from chainrule.trace import Array, Snapshot, Term, Trace

Answer: TypeAlias = Any
"""A number, a nested list of numbers, a NumPy array or a tensor."""

SLIPS: Mapping[str, str] = json.loads(Path(__file__).with_name("slips.json").read_text("utf-8"))
"""What each slip looks like, in the words of the report; the live graph has the same."""

CLOSE = 1e-4
"""Answers worked out by hand count as right when they are this close, relative to the largest entry."""

FEW, PATHS, LONG = 8, 32, 50
"""Where a slip is looked for: any of so many parts of a sum, so many paths, and paths of so many factors."""


@dataclass(frozen=True)
class Answered:
    """Hold the verdict on one answer."""

    name: str
    answer: str
    right: bool
    says: str

    def __str__(self) -> str:
        """Write the verdict, on more than one line if it is long."""
        return textwrap.fill(f"{self.name} = {self.answer}: {self.verdict}", 79, subsequent_indent="    ")

    @property
    def verdict(self) -> str:
        """Say whether it is right, and if not, which slip it looks like."""
        return "right." if self.right else f"not right. {self.says}"


@dataclass(frozen=True)
class Report:
    """Hold the verdicts on several answers; true when all of them are right."""

    answers: tuple[Answered, ...]

    def __bool__(self) -> bool:
        """Tell whether every answer is right."""
        return all(answer.right for answer in self.answers)

    def __str__(self) -> str:
        """Write one verdict after the other."""
        return "\n".join(map(str, self.answers))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        verdicts = (
            f"<li><code>{html.escape(f'{answer.name} = {answer.answer}')}</code>: {html.escape(answer.verdict)}</li>"
            for answer in self.answers
        )
        return f'<ul class="chainrule-report">{"".join(verdicts)}</ul>'


def check(trace: Trace, values: Mapping[str, int], answers: Mapping[str, Answer], backward: int) -> Report:
    """Compare answers with the recorded gradients of one backward pass, and name the slip behind a wrong one."""
    return Report(tuple(_answer(trace, name, values[name], answer, backward) for name, answer in answers.items()))


def _answer(trace: Trace, name: str, value: int, answer: Answer, backward: int) -> Answered:
    gradient = trace.gradient(value, backward)
    if gradient is None or gradient.data is None:
        raise AnswerError(f"The gradient of `{name}` was not kept, so there is nothing to compare `{name}` with.")
    try:
        held = answer.detach().cpu().numpy() if isinstance(answer, torch.Tensor) else answer
        given = np.asarray(held).astype(np.float64, casting="same_kind")
    except (TypeError, ValueError) as error:
        raise AnswerError(
            f"`{name}={answer!r}` is no number and no list of numbers, so it cannot be a gradient. "
            f"Give numbers in the shape of `{name}`, such as `{name}={_example(gradient)}`."
        ) from error
    written = numbers(Snapshot(given.shape, "float64", given))
    rounding = torch.finfo(getattr(torch, gradient.dtype)).eps
    if _same(given, gradient.data, max(CLOSE, 2 * rounding)):
        return Answered(name, written, True, "")
    nothing: Mapping[str, object] = {}
    with np.errstate(all="ignore"):
        kind, details = next(_slips(trace, name, value, given, gradient.data, backward), ("none", nothing))
    return Answered(name, written, False, SLIPS[kind].format(**details))


def _example(gradient: Snapshot) -> str:
    return str(np.zeros(gradient.shape).tolist())


def _same(given: Array, wanted: Array, close: float = CLOSE) -> bool:
    """Compare relative to the largest entry; what is not finite has to be equal."""
    if given.shape != wanted.shape:
        return False
    scale = float(np.max(np.abs(wanted), initial=0.0, where=np.isfinite(wanted))) or 1e-8
    return np.allclose(given, wanted, rtol=0, atol=close * scale, equal_nan=True)


def _slips(
    trace: Trace, name: str, value: int, given: Array, wanted: Array, backward: int
) -> Iterator[tuple[str, Mapping[str, object]]]:
    """List the slips that lead to exactly this answer, the likeliest first."""
    if given.ndim == 2 and _same(given.T, wanted):
        yield "transposed", {}
    if given.shape != wanted.shape:
        yield "shape", {"given": given.shape, "wanted": wanted.shape}
        return
    if _same(-given, wanted):
        yield "sign", {}
    terms = trace.terms(backward)
    for term in terms:
        n = trace.values[term.value].tensor.size // max(1, trace.values[term.output].tensor.size)
        if n > 1 and trace.ops[term.op].name in ("mean", "mse_loss") and _same(given / n, wanted):
            yield "sum", {"n": n}
        if n > 1 and trace.ops[term.op].name == "sum" and _same(given * n, wanted):
            yield "mean", {"n": n}
    into: dict[int, list[Term]] = {}
    for term in terms:
        into.setdefault(term.value, []).append(term)
    incoming = into.get(value, [])
    parts = [term.contribution.data for term in incoming if term.contribution and term.contribution.data is not None]
    for size in range(1, len(parts)) if len(parts) <= FEW else (1, len(parts) - 1):
        for chosen in itertools.combinations(parts, size):
            if _same(given, np.sum(chosen, axis=0)):
                yield "path", {"name": name}
    alone = [_carry(trace, term, np.ones(trace.values[term.output].shape)) for term in incoming]
    if any(_same(given, local) for local in (*alone, sum(alone, np.zeros(wanted.shape)))):
        yield "upstream", {}
    roots = trace.backward(backward).roots
    for path in itertools.islice(_paths(into, value, roots), PATHS):
        start = trace.start(path[0].output, backward) if path else None
        if start is None or start.data is None or len(path) > LONG:
            continue
        arriving = [start.data]
        for term in path:
            arriving.append(_carry(trace, term, arriving[-1]))
        rest = wanted - arriving[-1]
        used = next((term.value for term in path if len(into[term.value]) > 1), None)
        if used is not None and _same(given, rest):
            yield "path", {"name": trace.values[used].name}
        for i, term in enumerate(path):
            factor = {"factor": derivative(trace.values[term.output].name, trace.values[term.value].name)}
            for slip, passed in (
                ("factor", _fit(arriving[i], trace.values[term.value].shape)),
                ("doubled", _carry(trace, term, arriving[i], times=2)),
            ):
                for later in path[i + 1 :]:
                    passed = _carry(trace, later, passed)
                if _same(given, rest + passed):
                    yield slip, factor
    # Last, since the slips above say where it was lost.
    yield from _by_size(given, wanted)


def _by_size(given: Array, wanted: Array) -> Iterator[tuple[str, Mapping[str, object]]]:
    """List the slips that show in the numbers alone, without the steps that led to them."""
    for slip, mended in (("half", given * 2), ("twice", given / 2), ("inverse", 1 / given)):
        if _same(mended, wanted):
            yield slip, {}


def _carry(trace: Trace, term: Term, upstream: Array, times: int = 1) -> Array:
    """Carry a gradient through one op; what cannot be known is NaN."""
    shape = trace.values[term.value].shape
    if term.local is None or term.local.data is None or (times > 1 and term.kind == "jacobian"):
        return np.full(shape, np.nan)
    local = term.local.data.astype(np.float64)
    if term.kind == "jacobian":
        return np.asarray(upstream.reshape(-1) @ local).reshape(shape)
    return _fit(upstream * local**times, shape)


def _fit(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum over what was broadcast, or spread over what was summed."""
    if gradient.shape == shape:
        return gradient
    if gradient.size == 1:
        return np.broadcast_to(gradient.reshape(()), shape)
    if gradient.ndim < len(shape):
        return np.full(shape, np.nan)
    summed = np.asarray(gradient.sum(axis=tuple(range(gradient.ndim - len(shape)))))
    summed = np.asarray(summed.sum(axis=tuple(i for i, size in enumerate(shape) if size == 1), keepdims=True))
    return summed if summed.shape == shape else np.full(shape, np.nan)


def _paths(into: Mapping[int, Sequence[Term]], value: int, roots: Container[int]) -> Iterator[list[Term]]:
    """Walk every path from what was differentiated to a value."""
    pending: list[tuple[int, list[Term]]] = [(value, [])]
    while pending:
        at, path = pending.pop()
        if at in roots:
            yield path
        pending.extend((output, [term, *path]) for term in into.get(at, ()) for output in term.outputs)


@dataclass(frozen=True)
class GradientReport:
    """Hold the comparison of autograd with central differences; true when they agree."""

    autograd: tuple[Array, ...]
    numerical: tuple[Array, ...]
    step: float
    """The relative step: entry `w` was moved by `step * max(1, abs(w))` to either side."""
    error: float
    """The largest difference, relative to the largest entry of the gradient."""
    tolerance: float
    dtype: str
    slips: tuple[str, ...] = ()
    """For each input, which slip autograd's gradient looks like; empty where it is right, and when all are."""

    def __bool__(self) -> bool:
        """Tell whether the two agree to within the tolerance."""
        return self.error <= self.tolerance

    def __str__(self) -> str:
        """Say it in a line."""
        verdict = "agree" if self else "do not agree"
        says = (
            f"autograd and central differences {verdict}: largest difference {number(self.error)} of the largest "
            f"entry, with step {number(self.step)} in {self.dtype} (allowed: {number(self.tolerance)})"
        )
        told = [f"argument {position}: {slip}" for position, slip in enumerate(self.slips, 1) if slip]
        return "\n".join([says, *(textwrap.fill(line, 79, subsequent_indent="    ") for line in told)])

    __repr__ = __str__


def check_gradient(loss_of: Callable[..., torch.Tensor], *inputs: torch.Tensor) -> GradientReport:
    """Compare the gradient that autograd gives with central differences of the function itself.

    `loss_of` takes the tensors and returns one number; it is run twice for each entry, from the same random state.
    The step is the cube root of the dtype's rounding unit, which balances rounding against curvature. It runs in
    float64 if the function allows it. Nothing is changed: not the tensors, not their `.grad`, not the random state.

    Where they do not agree, the report says which slip autograd's gradient looks like. It finds that by running the
    function once more with the forward of each `torch.autograd.Function` taken apart, and without `detach`.

    Raises `AnswerError` if an input is no float tensor, or the result is not a single number that depends on it.

    >>> w = torch.tensor([1.0, 2.0])
    >>> report = check_gradient(lambda w: (w**3).sum(), w)
    >>> bool(report), report.autograd[0]
    (True, array([ 3., 12.]))
    """
    for position, tensor in enumerate(inputs):
        if not isinstance(tensor, torch.Tensor) or not tensor.dtype.is_floating_point:
            kind = tensor.dtype if isinstance(tensor, torch.Tensor) else type(tensor).__name__
            raise AnswerError(
                f"Argument {position + 1} is {kind}, and only floating-point tensors have gradients. "
                "Give a tensor such as `torch.tensor(1.0)`."
            )
    if not inputs:
        raise AnswerError("There is no tensor to differentiate by. Call `check_gradient(loss_of, w)`.")
    wide = [tensor.detach().double() for tensor in inputs]
    try:
        ran_wide = _run(loss_of, wide).dtype == torch.float64
    except RuntimeError:
        ran_wide = False
    points = wide if ran_wide else [tensor.detach() for tensor in inputs]
    used = (_run(loss_of, points).dtype, *(point.dtype for point in points))
    dtype = max(used, key=lambda dtype: torch.finfo(dtype).eps)  # the coarsest
    rounding = torch.finfo(dtype).eps
    step = rounding ** (1 / 3)
    leaves = [point.clone().requires_grad_() for point in points]
    with torch.enable_grad():
        loss = _run(loss_of, leaves)
        if not loss.requires_grad:
            raise AnswerError(
                "The result does not depend on the given tensor in a way that autograd can see. "
                "Use the function's own argument inside it, without `.detach()`, `.item()` or NumPy."
            )
        found = torch.autograd.grad(loss, leaves, allow_unused=True)
    exact = tuple(
        np.zeros(tuple(p.shape)) if g is None else g.double().numpy() for g, p in zip(found, points, strict=True)
    )
    with torch.no_grad():
        measured = tuple(_central(loss_of, points, position, step) for position in range(len(points)))
    scale = float(np.max([np.abs(g).max(initial=0.0) for g in (*exact, *measured)])) or 1.0
    error = float(np.max([np.abs(a - b).max(initial=0.0) for a, b in zip(exact, measured, strict=True)])) / scale
    tolerance = 100 * rounding ** (2 / 3)
    name = str(dtype).removeprefix("torch.")
    error = error if np.isfinite(error) else np.inf
    slips = _explain(loss_of, points, exact, measured, tolerance) if error > tolerance else ()
    return GradientReport(exact, measured, step, error, tolerance, name, slips)


class _Undetached(TorchFunctionMode):
    """Let gradients through where a function cuts them off: at `detach`, and within `no_grad`."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Do what was asked for, with a graph."""
        if getattr(func, "__name__", "") == "detach":
            return args[0]
        with torch.enable_grad():
            return func(*args, **(kwargs or {}))


@contextmanager
def _taken_apart() -> Iterator[list[torch.Tensor]]:
    """Have each custom function run its forward as plain steps, which PyTorch differentiates; give the results."""
    results: list[torch.Tensor] = []

    def apply(function: Any, *args: Any) -> Any:
        if function.setup_context is not torch.autograd.Function.setup_context:
            result = function.forward(*args)
        else:
            context = torch.autograd.function.FunctionCtx()
            context.needs_input_grad = (True,) * len(args)  # type: ignore[attr-defined]
            result = function.forward(context, *args)
        results.extend(part for part in (result if isinstance(result, tuple) else (result,)) if _is_float(part))
        return result

    kept = torch.autograd.Function.__dict__["apply"]
    try:
        torch.autograd.Function.apply = classmethod(apply)  # type: ignore[assignment,method-assign]
        yield results
    finally:
        torch.autograd.Function.apply = kept  # type: ignore[method-assign]


def _is_float(thing: Any) -> bool:
    return isinstance(thing, torch.Tensor) and thing.is_floating_point()


def _explain(
    loss_of: Callable[..., torch.Tensor],
    points: Sequence[torch.Tensor],
    exact: Sequence[Array],
    measured: Sequence[Array],
    tolerance: float,
) -> tuple[str, ...]:
    """Say of each input which slip autograd's gradient looks like, held against the function's own steps."""
    leaves = [point.clone().requires_grad_() for point in points]
    recorder = Recorder("all")
    trace = None
    alone: Sequence[torch.Tensor | None] = [None] * len(leaves)
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad(), _taken_apart() as results, _Undetached():
            with recorder:
                loss = loss_of(*leaves)
                loss.backward(retain_graph=True)
            trace = recorder.trace() if recorder.failure is None else None
            if results:
                total = torch.stack([part.sum() for part in results]).sum()
                alone = torch.autograd.grad(total, leaves, allow_unused=True)
    except Exception:  # whatever a function cannot do in pieces; then the numbers have to do
        trace = None

    def look(position: int) -> Iterator[tuple[str, Mapping[str, object]]]:
        given, wanted, local = exact[position], measured[position], alone[position]
        values = recorder.values_of(leaves[position]) if trace is not None else ()
        steps = trace.gradient(values[-1]) if trace is not None and values else None
        if given.ndim == 2 and _same(given.T, wanted):
            yield "transposed", {}
        if _same(-given, wanted):
            yield "sign", {}
        if local is not None and _same(given, local.double().numpy()):
            yield "upstream", {}
        # The steps are believed only where they lead to what was measured.
        if trace is not None and steps is not None and steps.data is not None and _same(steps.data, wanted, 0.01):
            yield from _slips(trace, trace.values[values[-1]].name, values[-1], given, steps.data, -1)
        yield from _by_size(given, wanted)
        yield "none", {}

    told = []
    with np.errstate(all="ignore"):
        for position, (given, wanted) in enumerate(zip(exact, measured, strict=True)):
            kind, details = next(look(position))
            told.append("" if _same(given, wanted, max(CLOSE, tolerance)) else SLIPS[kind].format(**details))
    return tuple(told)


def _run(loss_of: Callable[..., torch.Tensor], inputs: Sequence[torch.Tensor]) -> torch.Tensor:
    with torch.random.fork_rng(devices=[]):
        loss = loss_of(*(tensor.clone() for tensor in inputs))
    if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
        kind = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else type(loss).__name__
        raise AnswerError(
            f"The function returned {kind}, and a gradient needs one number to start from. "
            "Return a tensor with one element, for example `loss.mean()`."
        )
    return loss


def _central(loss_of: Callable[..., torch.Tensor], points: Sequence[torch.Tensor], position: int, step: float) -> Array:
    """Move each entry a little to either side, and see what the loss does."""
    slopes = np.zeros(points[position].numel())
    for entry in range(slopes.size):
        size = step * max(1.0, abs(float(points[position].flatten()[entry])))
        ends, places = [], []
        for sign in (1, -1):
            flat = points[position].flatten().clone()
            flat[entry] += sign * size
            moved = [*points[:position], flat.reshape(points[position].shape), *points[position + 1 :]]
            ends.append(float(_run(loss_of, moved)))
            places.append(float(flat[entry]))
        slopes[entry] = (ends[0] - ends[1]) / (places[0] - places[1])
    return slopes.reshape(tuple(points[position].shape))
