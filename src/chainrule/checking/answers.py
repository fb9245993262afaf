"""Compare gradients that were worked out by hand with the recorded ones."""

from __future__ import annotations

import html
import reprlib
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch

from chainrule.calculus.notation import columns, numbers
from chainrule.checking.slips import CLOSE, Way, fitting, said, same
from chainrule.errors import AnswerError
from chainrule.trace import Array, Snapshot, Trace

Answer: TypeAlias = Any
"""A number, a nested list of numbers, a NumPy array or a tensor."""


@dataclass(frozen=True)
class Answered:
    """Hold the verdict on one answer."""

    name: str
    answer: str
    right: bool
    says: str

    def __str__(self) -> str:
        """Write the verdict, on more than one line if it is long."""
        return textwrap.fill(
            f"{self.name} = {self.answer}: {self.verdict}", min(79, columns()), subsequent_indent="    "
        )

    __repr__ = __str__

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
        given, rounding = _numbers(answer, np.result_type(gradient.data, np.float64))
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise AnswerError(
            f"`{name}={reprlib.repr(answer)}` is no number and no list of numbers, so it cannot be a gradient. "
            f"Give numbers in the shape of `{name}`, such as `{name}={np.zeros(gradient.shape).tolist()}`."
        ) from error
    written = numbers(Snapshot(given.shape, str(given.dtype), given))
    rounding = max(rounding, torch.finfo(getattr(torch, gradient.dtype, torch.float32)).eps)
    if same(given, gradient.data, max(CLOSE, 2 * rounding)):
        return Answered(name, written, True, "")
    way = Way(trace, backward, value, name, given, gradient.data)
    real = given.dtype.kind == "f" and np.isfinite(given).all()
    return Answered(name, written, False, said(fitting(given, gradient.data, way.slips() if real else ())))


def _numbers(answer: Answer, dtype: np.dtype[Any]) -> tuple[Array, float]:
    """Return an answer in a dtype, and the rounding of its own; raise an error if it is none."""
    if isinstance(answer, torch.Tensor):
        wide = answer.detach().cpu().to_dense().to(getattr(torch, str(dtype)))
        return wide.numpy(force=True), torch.finfo(answer.dtype).eps if answer.is_floating_point() else 0.0
    held = np.asarray(answer)
    if held.dtype == object:  # fractions and the like, whose numbers Python knows
        one = complex if dtype.kind == "c" else float
        held = np.asarray([one(number) for number in held.flat]).reshape(held.shape)
    rounding = float(np.finfo(held.dtype).eps) if held.dtype.kind == "f" else 0.0
    return held.astype(dtype, casting="same_kind"), rounding
