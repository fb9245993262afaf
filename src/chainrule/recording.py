"""What a user holds: one trace, and the ways to look at it."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import torch

from chainrule.calculus.notation import columns, wrapped
from chainrule.checking import answers as _answers
from chainrule.diagnosis.after_the_fact import failed_passes
from chainrule.diagnosis.report import Why, why_all
from chainrule.diagnosis.report import why as _why
from chainrule.errors import ChainruleError, FileError, TraceError, is_name, needs_matplotlib, one_of
from chainrule.live.graph import Graph, graph
from chainrule.recorder.mode import NEEDED, TESTED, Recorder
from chainrule.recorder.snapshots import Keep
from chainrule.trace import Snapshot, Trace
from chainrule.views.derivation import Derivation, derivation
from chainrule.views.table import Table, table
from chainrule.whole_file import path_of, read_whole, write_whole

if TYPE_CHECKING:
    from chainrule.views.svg import Figure


class Recording:
    """Look at what was recorded; `record` and `load` make one.

    In a notebook or on a page it shows itself as the graph; printed, as the table. Each way to look at it takes
    `backward`: which backward pass is meant, from 0, or -1 for the last. For `table`, `figure` and `graph`, `None`
    means the forward pass alone, with the call that raised, if one ended the block.
    """

    def __init__(
        self, trace: Callable[[], Trace], values_of: Callable[[torch.Tensor], tuple[int, ...]] = lambda _: ()
    ) -> None:
        """Hold where to get the trace from, and how to find a live tensor in it."""
        self._trace, self._values_of = trace, values_of

    @property
    def trace(self) -> Trace:
        """The plain data: `.values`, `.ops`, `.nodes`, `.passes` and `.to_dict()`.

        >>> import chainrule
        >>> with chainrule.record() as rec:
        ...     h = torch.ones(2) * 3
        >>> rec.trace.values[-1].data
        array([3., 3.], dtype=float32)
        """
        return self._trace()

    def grad(self, value: str | torch.Tensor, backward: int = -1) -> torch.Tensor:
        """Return the gradient of what was differentiated with respect to a value, by name or by tensor.

        It is a detached copy in the value's dtype and shape, for intermediate values too. For a leaf it is what that
        backward pass added to `.grad` in this process. What is done to `.grad` after that is not in it: the mean over
        processes that `DistributedDataParallel` leaves there, or what a post-accumulate hook makes of it. Parameters
        that FSDP keeps in parts have theirs in `.grad` alone.

        A bare name means the latest value of that name that took part; `loss#1` is the first, `loss#2` the second. Each
        name that the code has for a value will do, and each path of a parameter.

        Raises `TraceError` if there is no such backward pass or value, or its gradient did not come or was not kept.

        >>> import chainrule
        >>> x, w = torch.tensor(3.0), torch.tensor(1.0, requires_grad=True)
        >>> with chainrule.record() as rec:
        ...     y_hat = w * x
        ...     loss = (y_hat - 1) ** 2
        ...     loss.backward()
        >>> rec.grad("y_hat"), rec.grad(w)
        (tensor(4.), tensor(12.))
        """
        number = self._find(value, backward)
        held, gradient = self.trace.values[number], self._gradient(number, backward, value)
        if gradient.data is None:
            notes = () if gradient.statistics else self.trace.notes
            raise TraceError(
                f"The gradient of `{held.name}` has {gradient.size:,} entries, and this recording did not keep them. "
                + (notes[-1] if notes else 'Record with `chainrule.record(keep="all")`.')
            )
        kept = torch.from_numpy(gradient.data.copy())
        return kept.to(getattr(torch, gradient.dtype, kept.dtype))  # a newer PyTorch, which saved it, may know more

    def table(
        self, backward: int | None = -1, name: str | None = None, module: str | None = None, fold: bool = True
    ) -> Table:
        """Return a table with a row for each op: its expression, value, local gradients and upstream gradient.

        Above 60 rows it is folded, unless `fold=False`: a row stands for all that ran in one module, or on a few
        lines. With `name`, only values of that name are shown (`"h"` has `h#2` too, and `*` stands for anything);
        with `module`, only what ran inside the module with that path.

        Raises `TraceError` if there is no such value, module or backward pass.

        >>> import chainrule
        >>> w = torch.tensor(3.0, requires_grad=True)
        >>> with chainrule.record() as rec:
        ...     loss = w**2
        ...     loss.backward()
        >>> print(rec.table())
        op   expression   value  local gradient      gradient
        ---  -----------  -----  ------------------  --------
             w            3                          6
        pow  loss = w**2  9      dloss/dw = 2 w = 6  1
        """
        if name is not None:
            is_name("name", name, "loss")
        if module is not None:
            is_name("module", module, "encoder.layers.0")
        one_of("fold", fold, True, False)
        trace = self.trace
        found = table(trace, self._shown(backward), name, module, not fold)
        if not found.rows and name is not None:
            raise TraceError(f"No value is called `{name}` there. {_nearest(name, trace)}")
        if not found.rows and module is not None:
            modules = _some(sorted({op.module for op in trace.ops if op.module})) or "no modules"
            raise TraceError(f"Nothing ran in a module `{module}`. There are {modules}.")
        return found

    def derivation(self, value: str | torch.Tensor, backward: int = -1) -> Derivation:
        """Return the chain rule for one value's gradient, with the numbers filled in; `.latex` has it as maths.

        Raises `TraceError` like `grad`, but needs no numbers to have been kept.

        >>> import chainrule
        >>> a = torch.tensor(1.0, requires_grad=True)
        >>> with chainrule.record() as rec:
        ...     b = 2 * a
        ...     c = b + 1
        ...     d = b * c
        ...     d.backward()
        >>> print(rec.derivation("a"))
        dd/da = (c + b * 1) * 2 = (3 + (2)(1))(2) = 10
        """
        number = self._find(value, backward)
        self._gradient(number, backward)
        return derivation(self.trace, number, backward)

    def figure(self, backward: int | None = -1, direction: Literal["right", "down"] = "right") -> Figure:
        """Return a matplotlib figure of the graph, drawn to the `right` or `down`; it is yours to save or change.

        >>> import chainrule
        >>> with chainrule.record() as rec:
        ...     h = torch.ones(2) * 3
        >>> rec.figure().get_label()
        'torch.ones(2) = [1, 1], h = [3, 3]'
        """
        with needs_matplotlib():
            from chainrule.views.figure import figure

        one_of("direction", direction, "right", "down")
        return figure(self.trace, self._shown(backward), direction)

    def graph(self, backward: int | None = -1) -> Graph:
        """Return the live graph: a picture that follows light and dark, and a table with the same numbers.

        >>> import chainrule
        >>> w = torch.tensor(3.0, requires_grad=True)
        >>> with chainrule.record() as rec:
        ...     loss = w**2
        ...     loss.backward()
        >>> print(rec.graph())
        Graph of one operation, from w = 3 to loss = 9. Gradients: w 6.
        """
        return graph(self.trace, self._shown(backward))

    def check(self, /, backward: int = -1, **answers: object) -> _answers.Report:
        """Return a report on gradients that you worked out by hand, compared with the recorded ones.

        Each answer is a number, or has the value's shape. The report is true when all are right; for a wrong one it
        says which slip it looks like. Raises `TraceError` like `grad`, and `AnswerError` for what cannot be compared.

        >>> import chainrule
        >>> w = torch.tensor(3.0, requires_grad=True)
        >>> with chainrule.record() as rec:
        ...     loss = w**2
        ...     loss.backward()
        >>> rec.check(w=-6.0)
        w = -6: not right. It has the right size and the wrong sign.
        """
        if not answers:
            raise TraceError("There is no answer to check. Give one by the value's name, such as `rec.check(w=-2.0)`.")
        found = {name: self._find(name, backward) for name in answers}
        for number in found.values():
            self._gradient(number, backward)
        return _answers.check(self.trace, found, answers, backward)

    def why(self, value: str | torch.Tensor | None = None, backward: int | None = None) -> Why:
        """Return what went wrong in any backward pass of the block, and in the optimizers' steps: file, line, proof.

        Without a value every leaf is looked at, and leaves that have a cause in common are named together: gradients
        that became zero, NaN, tiny or huge, that never came, or that no step made use of. `backward` picks one pass.
        What counts as tiny or huge stands in `chainrule.diagnosis.thresholds`. The `reasons` are certain; the `hints`
        ask about what is odd and may be meant. If nothing is wrong, it says so, with the gradients' sizes.

        Raises `TraceError` like `grad`, and if no numbers were kept (`keep="shapes"`).

        >>> import chainrule
        >>> w = torch.tensor(-2.0, requires_grad=True)
        >>> with chainrule.record() as rec:
        ...     loss = (torch.relu(w) - 1) ** 2
        ...     loss.backward()
        >>> rec.why("w").reasons[0].cause
        'dead relu'
        """
        trace, failed = self.trace, failed_passes(self.trace)
        if failed and (value is None or not trace.passes):  # what it was to bring is missing on no other account
            return Why(failed)
        trace.backward(-1 if backward is None else backward)
        passes = range(len(trace.passes))
        passes = passes if backward is None else passes[backward : backward + 1 or None]
        if value is None:
            return why_all(trace, passes)
        found = self._called(value)
        latest = {i: max(trace.reached(i).intersection(found), default=None) for i in passes}
        why = _why(trace, {i: last for i, last in latest.items() if last is not None}, found[-1])
        return replace(why, reasons=failed + why.reasons) if failed else why

    def save(self, file: str | os.PathLike[str]) -> None:
        """Write the recording to a `.json` file that `load` reads, or to a `.html` page that needs nothing else.

        The file appears whole or not at all. Raises `FileError` for any other ending, or if it cannot be written.

        >>> import chainrule, tempfile
        >>> with chainrule.record() as rec:
        ...     h = torch.ones(2).exp().log()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     rec.save(f"{folder}/rec.html")
        """
        path = path_of(file)
        if path.suffix == ".json":
            text = json.dumps(self.trace.to_dict(), allow_nan=False)
        elif path.suffix == ".html":
            text = self.graph().page
        else:
            raise FileError(
                f"`{path.name}` ends in {path.suffix or 'nothing'}, and a recording is saved as .json or .html. "
                f"Name it `{path.stem}.json`, to load it again, or `{path.stem}.html`, to look at it."
            )
        write_whole(path, text)

    def __str__(self) -> str:
        """Write the table, and what is missing from it."""
        notes = ("\n".join(wrapped(note, columns())) for note in self.trace.notes)
        return "\n\n".join([str(self.table(None if self.trace.failed else -1)), *notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.graph(None if self.trace.failed else -1)._repr_html_()

    def __reduce__(self) -> tuple[Callable[[Trace], Recording], tuple[Trace]]:
        """Copy and pickle what was recorded; live tensors are unknown to the copy, as to one that was loaded."""
        return _of, (self.trace,)

    def _shown(self, backward: int | None) -> int | None:
        """Show the forward pass alone if that is wanted, or all that there is."""
        return None if backward == -1 and not self.trace.passes else backward

    def _find(self, value: str | torch.Tensor, backward: int) -> int:
        """Find the value that is meant: the latest with this name that took part in the backward pass."""
        self.trace.backward(backward)
        found = self._called(value)
        return max(self.trace.reached(backward).intersection(found), default=found[-1])

    def _called(self, value: str | torch.Tensor) -> list[int]:
        """Find the values that go by a name, or that a tensor has been."""
        trace = self.trace
        if isinstance(value, torch.Tensor):
            found = list(self._values_of(value))
            if not found:
                hint = (
                    _held_elsewhere(value) or "Give a tensor that was used inside the `with` block, or a value's name."
                )
                raise TraceError(f"This tensor is not in the recording. {hint}")
        else:
            is_name("value", value, "loss")
            names = [held.name for held in trace.values]
            found = [i for i, name in enumerate(names) if name == value.removesuffix("#1")]
            if "#" not in value:
                found = [i for i, name in enumerate(names) if name.partition("#")[0] == value]
            if not found:
                found = _also_called(value, trace)
            if not found:
                raise TraceError(f"No value is called `{value}` in this recording. {_nearest(value, trace)}")
        return found

    def _gradient(self, number: int, backward: int, asked: str | torch.Tensor = "") -> Snapshot:
        """Get a gradient, or say why there is none to what was asked for."""
        trace = self.trace
        gradient = trace.gradient(number, backward)
        if gradient is not None:
            return gradient
        held = trace.values[number]
        root = ", ".join(f"`{trace.values[i].name}`" for i in trace.backward(backward).roots)
        hint = _held_elsewhere(asked)
        if not hint and not held.requires_grad:
            raise TraceError(
                f"`{held.name}` has no gradient: neither it nor anything that it was made from requires one. "
                "Create it, or the tensor it depends on, with `requires_grad=True`."
            )
        hint = hint or "Use it on the way to the loss, or ask for another pass with `backward=`."
        raise TraceError(
            f"`{held.name}` has no gradient in this backward pass: {root} was not computed from it. {hint}"
        )


def _held_elsewhere(asked: str | torch.Tensor) -> str:
    """Say where a leaf's gradient may be from that the pass does not have."""
    if isinstance(asked, torch.Tensor) and asked.is_leaf and asked.grad is not None:
        return "Its `.grad` is from another pass, or from a wrapper that hands gradients on itself, as FSDP does."
    return ""


def _also_called(name: str, trace: Trace) -> list[int]:
    """Find the values that have a name besides the one shown; a path has to lead to one parameter alone."""
    found = [i for i, held in enumerate(trace.values) if name in held.aliases]
    shown = list(dict.fromkeys(trace.values[i].name.partition("#")[0] for i in found if trace.values[i].parameter))
    if len(shown) > 1:
        raise TraceError(f"`{name}` can be {_some(shown)}. Ask for one of these.")
    return found


def _of(trace: Trace) -> Recording:
    return Recording(lambda: trace)


def _nearest(name: str, trace: Trace) -> str:
    names = list(dict.fromkeys(name for held in trace.values for name in (held.name, *held.aliases)))
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"Did you mean `{close[0]}`?"
    return f"There are {_some(names)}." if names else "It is empty."


def _some(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names[:8]) + (" and more" if len(names) > 8 else "")


def record(keep: Keep = "auto", local_gradients: bool = True) -> AbstractContextManager[Recording]:
    """Record what PyTorch does inside the block: every op, and every backward pass.

    `keep` says what is kept of tensors: `"auto"` keeps those of up to 1,000 elements whole, and of larger ones
    statistics; `"all"` keeps everything; `"shapes"` no numbers at all. Gradients of leaves are kept whole, except
    with `"shapes"`. With `local_gradients=False` they are not asked for, which is faster.

    What runs inside gives the same numbers as without it. Afterwards PyTorch is as it was, even when the code raised.

    >>> import chainrule
    >>> x, y = torch.tensor(1.0), torch.tensor(2.0)
    >>> w = torch.tensor(1.0, requires_grad=True)
    >>> with chainrule.record() as rec:
    ...     y_hat = w * x
    ...     error = y_hat - y
    ...     loss = error**2
    ...     loss.backward()
    >>> rec.grad("y_hat"), w.grad
    (tensor(-2.), tensor(-2.))
    """
    one_of("keep", keep, "auto", "all", "shapes")
    one_of("local_gradients", local_gradients, True, False)
    missing = [name for name in NEEDED if not hasattr(torch._C, name)]
    if missing:
        raise ChainruleError(
            f"This is PyTorch {torch.__version__}, which lacks what recording needs (`torch._C.{missing[0]}`). "
            f"chainrule is tested with PyTorch {TESTED}: install that one, or a newer chainrule."
        )
    return _Block(Recorder(keep, local_gradients))


class _Block(AbstractContextManager[Recording]):
    """Record what runs inside, once."""

    _has_begun = _has_ended = False

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __enter__(self) -> Recording:
        if self._has_begun:
            raise ChainruleError(
                "This `record()` has had its block already, and its recording is whole. "
                "Call `chainrule.record()` again for a new one: `with chainrule.record() as rec:`."
            )
        self._has_begun, rec = True, Recording(self._recorder.trace, self._recorder.values_of)
        self._recorder.__enter__()
        return rec

    def __exit__(self, *error: object) -> None:
        self._recorder.__exit__(*error)
        self._has_ended = True

    def __del__(self) -> None:
        """Take down what an interrupt left, which came just as the block began or ended."""
        if self._has_begun and not self._has_ended:
            self._recorder.__exit__()


def load(file: str | os.PathLike[str]) -> Recording:
    """Return the recording that `Recording.save` wrote to a `.json` file.

    It answers as the one that was saved, by name; tensors of that program are unknown to it. Raises `FileError` if the
    file cannot be read, is no recording, damaged, or from a newer version.

    >>> import chainrule, tempfile
    >>> with chainrule.record() as rec:
    ...     h = torch.ones(2).exp().log()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rec.save(f"{folder}/rec.json")
    ...     chainrule.load(f"{folder}/rec.json").trace.values[-1].name
    'h'
    """
    path = path_of(file)
    try:
        plain = json.loads(read_whole(path))
    except (ValueError, RecursionError) as error:
        raise FileError(f"`{path.name}` is not JSON ({error}). Give a file that `rec.save(...)` wrote.") from error
    trace = Trace.from_dict(plain)
    return _of(trace)
