"""Compare the gradient that autograd gives with a numerical one: central differences of the function itself."""

from __future__ import annotations

import itertools
import reprlib
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from chainrule.calculus.notation import number
from chainrule.checking.custom import SAID, slips_of_functions
from chainrule.checking.slips import CLOSE, Slip, Way, fitting, said, same
from chainrule.errors import AnswerError
from chainrule.recorder.mode import Recorder
from chainrule.trace import Array, Trace

TOLERATED = 100
"""So many times the error of a central difference is allowed: that is about `rounding ** (2 / 3)` at the best step."""
_USE_IT = "Use the function's own argument inside it, without `.detach()`, `.item()` or NumPy."
BELIEVED = 0.01  # recorded steps that lead this close to what was measured, are taken for those of the function


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
    _refuse_what_cannot_be_moved(loss_of, inputs)
    with torch.no_grad():
        points = _as_wide_as_possible(loss_of, inputs)
        returned = _run(loss_of, points).dtype
    used = (returned, *(point.dtype for point in points))
    dtype = max(used, key=lambda dtype: torch.finfo(dtype).eps)  # the coarsest
    rounding = torch.finfo(dtype).eps
    step, tolerance = rounding ** (1 / 3), TOLERATED * rounding ** (2 / 3)
    exact = _by_autograd(loss_of, points)
    with torch.no_grad():
        measured = tuple(_central(loss_of, points, position, step) for position in range(len(points)))
    error = _error(exact, measured)
    slips = _explain(loss_of, points, exact, measured, tolerance) if error > tolerance else ()
    return GradientReport(exact, measured, step, error, tolerance, str(dtype).removeprefix("torch."), slips)


def _refuse_what_cannot_be_moved(loss_of: object, inputs: Sequence[Any]) -> None:
    for position, tensor in enumerate(inputs, 1):
        if not _is_float(tensor) or tensor.is_meta or tensor.is_nested or tensor.layout is not torch.strided:
            kind = type(tensor).__name__
            if isinstance(tensor, torch.Tensor):
                kind = f"{tensor.dtype} ({tensor.layout}, on {tensor.device})"
            raise AnswerError(
                f"Argument {position} is {kind}, and only dense tensors of real floating-point numbers can be "
                "moved a little to either side. Give a tensor such as `torch.tensor(1.0)`."
            )
    if not callable(loss_of):
        raise AnswerError(f"{reprlib.repr(loss_of)} is no function. Call `check_gradient(loss_of, w)`.")
    if not inputs:
        raise AnswerError("There is no tensor to differentiate by. Call `check_gradient(loss_of, w)`.")


def _as_wide_as_possible(loss_of: Callable[..., torch.Tensor], inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Return the inputs in float64 if the function then computes in it, and else as they are."""
    wide = [tensor.detach().double() for tensor in inputs]
    try:
        if _run(loss_of, wide).dtype == torch.float64:
            return wide
    except RuntimeError:
        pass
    return [tensor.detach() for tensor in inputs]


def _by_autograd(loss_of: Callable[..., torch.Tensor], points: Sequence[torch.Tensor]) -> tuple[Array, ...]:
    leaves = [point.clone().requires_grad_() for point in points]
    with torch.enable_grad():
        loss = _run(loss_of, leaves)
        if not loss.requires_grad:
            raise AnswerError(
                "The result does not depend on the given tensor in a way that autograd can see. "
                + slips_of_functions(loss_of, points).get("no graph", _USE_IT)
            )
        found = torch.autograd.grad(loss, leaves, allow_unused=True)
    return tuple(
        np.zeros(tuple(p.shape)) if g is None else g.double().numpy() for g, p in zip(found, points, strict=True)
    )


def _error(exact: Sequence[Array], measured: Sequence[Array]) -> float:
    """Return the largest difference, relative to the largest entry; infinity if anything is not finite."""
    scale = float(np.max([np.abs(g).max(initial=0.0) for g in (*exact, *measured)])) or 1.0
    error = float(np.max([np.abs(a - b).max(initial=0.0) for a, b in zip(exact, measured, strict=True)])) / scale
    return error if np.isfinite(error) else np.inf


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
    recorder, trace = Recorder("all"), Trace()
    alone: Sequence[torch.Tensor | None] = [None] * len(leaves)
    # whatever a function cannot do in pieces; then the numbers have to do
    with suppress(Exception), torch.random.fork_rng(devices=[]), torch.enable_grad(), _taken_apart() as results:
        with _Undetached(), recorder:
            loss_of(*leaves).backward(retain_graph=True)
        if results:  # the local gradients of custom functions alone
            total = torch.stack([part.sum() for part in results]).sum()
            alone = torch.autograd.grad(total, leaves, allow_unused=True)
        trace = Trace() if recorder.failures else recorder.trace()
    told, custom = [], dict[str, str]()
    with suppress(Exception):
        custom = slips_of_functions(loss_of, points)
    for leaf, local, given, wanted in zip(leaves, alone, exact, measured, strict=True):
        found: list[Slip] = [("upstream", {})] if local is not None and same(given, local.double().numpy()) else []
        on_the_way = _along(trace, recorder.values_of(leaf)[-1:], given, wanted)
        says = said(fitting(given, wanted, itertools.chain(found, on_the_way)))
        if not given.any():
            says = custom.get("none", custom.get("zeros", SAID["zero"]))
        elif not found:
            says = next((custom[kind] for kind in custom if kind not in ("none", "zeros")), says)
        told.append("" if same(given, wanted, max(CLOSE, tolerance)) else says)
    return tuple(told)


def _along(trace: Trace, values: Sequence[int], given: Array, wanted: Array) -> Iterator[Slip]:
    """Yield the slips along recorded steps, which are believed only where they lead to what was measured."""
    for value in values if trace.passes else ():
        steps = trace.gradient(value)
        if steps is not None and steps.data is not None and same(steps.data, wanted, BELIEVED):
            way = Way(trace, -1, value, trace.values[value].name, given, steps.data)
            yield from fitting(given, steps.data, way.slips())


def _run(loss_of: Callable[..., torch.Tensor], inputs: Sequence[torch.Tensor]) -> torch.Tensor:
    with torch.random.fork_rng(devices=[]):
        try:
            loss = loss_of(*(tensor.clone() for tensor in inputs))
        except RuntimeError as error:
            if torch.is_grad_enabled() or "does not require grad" not in str(error):
                raise
            with torch.enable_grad():  # a function that differentiates, too
                loss = loss_of(*(tensor.clone().requires_grad_() for tensor in inputs)).detach()
    if not _is_float(loss) or loss.numel() != 1:
        kind = type(loss).__name__
        if isinstance(loss, torch.Tensor):
            kind = f"a tensor of shape {tuple(loss.shape)} and dtype {str(loss.dtype).removeprefix('torch.')}"
        raise AnswerError(
            f"The function returned {kind}, and a gradient needs one real floating-point number to start from. "
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
