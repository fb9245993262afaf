"""Watch PyTorch run, and write what is seen on a tape from which the Trace is made.

Three things are enough. This function mode sees each call with its arguments and its result. In `graph`, a walk along
`next_functions` finds the autograd nodes that the call made, and a hook on every node sees, while the real backward
pass runs, what comes in, the upstream gradient, and what goes out on each edge, the contribution.

Nothing of it raises, and on leaving everything is taken down again: hooks, mode and references.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import count
from types import CodeType
from typing import Any, Self, TypeAlias

import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge
from torch.nn.utils import clip_grad
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack, _pop_mode, _push_mode
from torch.utils.checkpoint import CheckpointFunction
from torch.utils.hooks import RemovableHandle

from chainrule.recorder.advice import note_failed_pass, note_stopped_block
from chainrule.recorder.graph import Graph
from chainrule.recorder.guard import unseen
from chainrule.recorder.module_paths import ModulePaths
from chainrule.recorder.snapshots import Keep
from chainrule.recorder.source_names import (
    CallSite,
    call_from,
    call_site,
    called_from,
    caller_of,
    frames_from,
    locals_of,
    whole_span,
)
from chainrule.recorder.tape import SeenOp, SeenPass, Tape
from chainrule.recorder.values import Values, made_by
from chainrule.trace import Argument, Call, Number, Trace, Update, many_objects

TESTED = "2.13"  # the version of PyTorch that the tests run with; another one is recorded if it has what is needed
NEEDED = ("_current_graph_task_id", "DisableTorchFunction", "_ExcludeDispatchKeyGuard", "_functorch")
"""What is used of PyTorch's own internals."""

_TAKES_NUMBERS = frozenset({"item", "tolist", "numpy", "__float__", "__int__", "__array__"})
_COPIES_NUMBERS = frozenset({"tensor", "as_tensor", "new_tensor"})
_SILENT = frozenset({
    "__len__", "__hash__", "size", "dim", "numel", "stride", "is_floating_point", "is_complex", "element_size",
    "data_ptr", "is_contiguous", "untyped_storage",
})  # fmt: skip
"""Calls that make no value of the forward pass, so that their arguments need not become values."""
_MAY_WARN = frozenset({
    "__repr__", "__format__", "__bool__", "__index__", "__set__", "__delete__", "retain_grad", "requires_grad_",
    *_TAKES_NUMBERS,
})  # fmt: skip
"""Calls that make no value either, and may have something to say."""
_FRESH = frozenset(["zeros_like", "ones_like", "empty_like", "rand_like", "randn_like", "full_like", *_COPIES_NUMBERS])
"""Calls that make a new leaf and not a result of their arguments."""
_FILLS = frozenset(["zero_", "fill_", "uniform_", "normal_", "kaiming_uniform_", "constant_"])
"""Calls that give a tensor its first numbers, which is nothing to record if it is not known yet."""
_ATTRIBUTES = frozenset({"T", "mT", "H", "mH", "data", "real", "imag"})
"""Attributes of a tensor that are ops in disguise."""
_IN_ORDER = frozenset({"dim", "axis", "keepdim", "dtype", "inplace", "memory_format"})
"""Keywords that leave the meaning of the arguments before them as it is; with any other, no rule is applied."""
_tracing_state, _dispatch_modes = torch._C._get_tracing_state, torch._C._len_torch_dispatch_stack
_PROXY = torch._C._TorchDispatchModeKey.PROXY
_NUMBERS = (bool, int, float, complex)
_TENSORS = frozenset({Tensor, torch.nn.Parameter})
_ENDS = {int, type(None)}
_NOTHING: Call = {}

Arguments: TypeAlias = tuple[Number | None, ...] | None
"""The plain numbers among the arguments in order, with `None` for each tensor; `None` if their order says nothing."""


class Recorder(TorchFunctionMode):
    """Record what PyTorch does between entering and leaving; `trace()` returns what was seen so far."""

    def __init__(self, keep: Keep = "auto", local_gradients: bool = True) -> None:
        super().__init__()
        self._tape = Tape(keep)
        self._guard, self._copies = self._tape.guard, self._tape.copies
        self._graph = Graph(self._tape, self, local_gradients)
        self._values = Values(self._tape, self._graph)
        self._trace: Trace | None = None

    def __enter__(self) -> Self:
        """Begin to watch; an interrupt that comes in between leaves nothing behind."""
        frame = next(frames_from(sys._getframe()), None)
        self._tape.block = frame.f_code if frame else None
        self._tape.folder = os.getcwd()  # noqa: PTH109  # a Path is slow
        try:
            self._graph.keep(register_optimizer_step_pre_hook(partial(_before_step, weakref.ref(self))))
            super().__enter__()  # type: ignore[no-untyped-call]
            return self
        except BaseException:
            self._leave()
            raise

    def __exit__(self, *error: Any) -> None:
        """Stop watching, and take down every hook and every reference into PyTorch's graph."""
        try:
            self._guard.run(self._note_failed, *error[1:2])
            self._guard.run(note_stopped_block, error[1] if error else None, self._tape, self._values.paths)
            self._leave()
        except BaseException:  # an interrupt: what is left is taken down all the same
            self._leave()
            raise

    def _leave(self) -> None:
        """Take down what is still there, so that it can be called again."""
        while self in (modes := _get_current_function_mode_stack()):
            above = modes[modes.index(self) + 1 :]  # of the user's, which he has not left yet
            for _ in range(len(above) + 1):
                _pop_mode()
            for mode in above:
                _push_mode(mode)
        self._guard.run(self._values.name_the_rest)
        self._graph.clear()
        self._values.paths = ModulePaths()

    @property
    def failures(self) -> Collection[str]:
        """What went wrong while the recorder watched, where nothing may be raised."""
        return self._guard.failures

    def trace(self) -> Trace:
        """Return what was recorded so far, as plain data."""
        if self._trace is None or self._guard.has_run:
            with unseen(), many_objects():
                self._trace = self._tape.trace()
            self._guard.has_run = False
        return self._trace

    def values_of(self, tensor: Tensor) -> tuple[int, ...]:
        """List the values that a live tensor has been, oldest first."""
        known = self._tape.find(tensor)
        return tuple(known.values) if known else ()

    def _site(self, code: CodeType | None = None) -> CallSite:
        return call_site(code, self._tape.block)

    # Calls ----------------------------------------------------------------------------------------------------

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Let PyTorch do what it was asked for, and write it down."""
        kwargs = kwargs or {}
        if _is_traced():
            return func(*args, **kwargs)
        name, kind, code = _described(func)
        if kind == "silent" or (kind == "op" and self._graph.inside and not torch.is_grad_enabled()):
            return func(*args, **kwargs)
        if kind != "op":
            return self._run_other(kind, code, func, args, kwargs)
        given, *arguments = _operands(args, kwargs)
        if not given or (name in _FILLS and self._is_filled(name, given[0])):
            if name == "zero_":
                self._guard.run(self._clear, given[0])
            return call_from(caller_of(code), func, args, kwargs)
        call = self._guard.run(self._before, name, code, given, *arguments)
        if call is None:
            return func(*args, **kwargs)
        op, site = call
        result = call_from(site.caller, func, args, kwargs)
        self._guard.run(self._after, op, site, given, result)
        return result

    def _is_filled(self, name: str, tensor: Tensor) -> bool:
        """Tell whether a call gives a tensor its first numbers, or clears a gradient."""
        return self._tape.find(tensor) is None or (name == "zero_" and not tensor.requires_grad)

    def _run_other(
        self, kind: str, code: CodeType | None, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Let PyTorch do what makes no value of the forward pass."""
        if kind in ("backward", "grad"):
            return self._differentiate(kind, code, func, args, kwargs)
        caller, name = caller_of(code), getattr(func, "__name__", "")
        if kind == "__set__":
            self._values.suspects.add(id(args[0]))
            if args[1] is None:
                self._guard.run(self._take, "clear", args[0])
            elif isinstance(args[1], Tensor) and func.__self__ is Tensor.data:  # type: ignore[attr-defined]
                self._guard.run(self._take, "data", args[1])
        elif name in _TAKES_NUMBERS:
            self._guard.run(self._take, name, args[0], code)
        elif name == "__get__" and caller is not None and caller.f_code.co_filename == clip_grad.__file__:
            self._guard.run(self._take, "clip", args[0])
        result = call_from(caller, func, args, kwargs)
        if kind == "register_hook":
            self._guard.run(self._observe_hook, args[0], code, result)
        return result

    def _before(
        self, name: str, code: CodeType | None, given: list[Tensor], arguments: Arguments, written: Call
    ) -> tuple[SeenOp, CallSite]:
        """Find where a call stands, and the values that it is given, while they are what they are."""
        if name == "data":
            self._values.suspects.add(id(given[0]))
        elif name == "matmul" and all(tensor.dim() == 1 for tensor in given):
            name = "dot"
        site = self._site(code)
        if site.step is not None:  # its own sums are no part of the graph, what it makes of each parameter is
            given[:] = [tensor for tensor in given if tensor.requires_grad]
            name, arguments, written = "step", None, _NOTHING
        inputs = tuple([self._values.of(tensor, site, given, i) for i, tensor in enumerate(given)])
        return SeenOp(name, inputs, (), site.span, arguments, call=written), site

    def _after(self, op: SeenOp, site: CallSite, given: list[Tensor], result: Any) -> None:
        """Write a call down as an op with its inputs and outputs, and the nodes that autograd made for it."""
        if site.step is not None:
            return self._values.note_step(op, given, site.step)
        made = given[:1] if op.name == "__setitem__" else [result] if type(result) is Tensor else _tensors(result)
        made = [tensor for tensor in made if not self._values.is_known(tensor)]
        if not made or op.name in _FRESH:
            if made and op.name in _COPIES_NUMBERS:
                self._make(op.name, site, op.inputs, made)
            return
        if site.inner is not None:
            op.module = self._guard.run(self._values.paths.of_module, site.inner, site)
        number = len(self._tape.ops)
        self._tape.ops.append(op)  # first, so that whatever goes wrong no other op takes its place
        for tensor in made:
            if (node := made_by(tensor)) is not None and node not in self._graph.number_of:
                self._values.walk(node, number, site)
        op.outputs = tuple([self._values.add(tensor, number) for tensor in made])
        for position, value in enumerate(op.outputs):
            self._values.name_result(self._tape.values[value], site, position, len(made))
        if (site.span.function or "").endswith(".sample") and not self._tape.values[op.outputs[0]].requires_grad:
            self._tape.note("sample", whole_span(site.frame), op.inputs, op.outputs)
        elif not torch.is_grad_enabled() and any(tensor.requires_grad for tensor in given):
            for frame in called_from(site.caller, CheckpointFunction.forward.__code__):
                return self._tape.note("checkpoint", whole_span(frame), op.inputs, op.outputs)

    def _observe_hook(self, tensor: Tensor, code: CodeType | None, handle: RemovableHandle) -> None:
        site = self._site(code)
        value = self._values.of(tensor, site, [tensor])
        self._graph.observe_hooks(tensor, value, site.span.expression or "register_hook", handle)

    def _note_failed(self, error: BaseException | None = None) -> None:
        """Find the call that raised what ends the block: on the way of the error it stands in a frame of ours."""
        step = error.__traceback__ if isinstance(error, Exception) else None
        while step is not None:
            if step.tb_frame.f_code is Recorder.__torch_function__.__code__:
                held: Mapping[str, Any] = locals_of(step.tb_frame)
                if held["self"] is self and held.get("call") is not None:
                    op, site = held["call"]
                    op.module = site.inner and self._values.paths.of_module(site.inner, site)
                    self._tape.failed = op, f"{type(error).__name__}: {error}".partition("\n")[0]
            step = step.tb_next

    # Backward passes ------------------------------------------------------------------------------------------

    def _differentiate(
        self, name: str, code: CodeType | None, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Let a backward pass run, knowing what it starts from and what it is asked for."""
        start = list(_tensors(args[0] if args else kwargs.get("tensors", kwargs.get("outputs"))))
        roots = self._guard.run(self._begin, start, code) or ()
        outer = self._graph.start(roots)
        passes, depth = self._tape.passes, len(self._graph.inside)
        first = len(passes)
        try:
            result = call_from(caller_of(code), func, args, kwargs)
        except BaseException as error:
            del passes[first:]
            self._guard.has_run = True
            if isinstance(error, RuntimeError) and roots:
                self._guard.run(note_failed_pass, error, self._tape, self._graph.nodes, start, roots)
            raise
        finally:
            self._graph.leave(depth)
            self._graph.start(outer)
        asked = list(_tensors(args[1] if name == "grad" and len(args) > 1 else kwargs.get("inputs")))
        if asked and len(passes) > first:
            self._guard.run(self._answer, passes[first], asked, result or (), code)
        return result

    def _begin(self, start: list[Tensor], code: CodeType | None) -> tuple[int, ...]:
        """Find the values that a backward pass starts from; a leaf among them gets its node here."""
        site = self._site(code)
        roots = tuple([self._values.of(tensor, site, start, i) for i, tensor in enumerate(start)])
        for tensor in start:
            if tensor.is_leaf and tensor.requires_grad:
                self._values.walk(get_gradient_edge(tensor).node, None, site)
        return roots

    def _answer(
        self, run: SeenPass, asked: list[Tensor], gradients: Sequence[Tensor | None], code: CodeType | None
    ) -> None:
        """Write down the gradients that were asked for, and what `torch.autograd.grad` returned without a way back."""
        run.only = tuple([self._values.of(tensor, CallSite(), [tensor]) for tensor in asked])
        for tensor, gradient in zip(asked, gradients, strict=False):
            if gradient is not None:
                copy = self._copies.of(gradient, whole=tensor.is_leaf)
                run.asked[self._values.of(tensor, CallSite(), [tensor])] = copy
        numbers = [tensor for tensor in gradients if tensor is not None and not tensor.requires_grad]
        if numbers:
            self._make("grad", self._site(code), run.roots, numbers)

    # What autograd does not follow ----------------------------------------------------------------------------

    def _take(self, name: str, tensor: Tensor, code: CodeType | None = None) -> None:
        """Note that something is done with a tensor that has to do with the graph."""
        if tensor.requires_grad or self._tape.find(tensor) is not None:
            site = self._site(code)
            self._tape.note(name, whole_span(site.frame), [self._values.of(tensor, site, [tensor])])

    def _clear(self, gradient: Tensor) -> None:
        """Note that a gradient is filled with zeros."""
        if (leaf := self._values.leaf_with(gradient)) is not None:
            self._tape.note("clear", whole_span(self._site().frame), leaf.values[-1:])

    def _make(self, name: str, site: CallSite, given: Sequence[int], made: Sequence[Tensor]) -> None:
        """Note that new tensors are made of numbers alone."""
        values = [self._values.of(tensor, site, made, i) for i, tensor in enumerate(made)]
        for position, value in enumerate(values):
            self._values.name_result(self._tape.values[value], site, position, len(made))
        self._tape.note(name, whole_span(site.frame), given, values)

    def _update(self, optimizer: Optimizer, by_closure: bool) -> None:
        """Write down what an optimizer is about to step, and with which gradients."""
        site, held = self._site(), dict[int, Any]()
        for g, group in enumerate(optimizer.param_groups):
            for i, leaf in enumerate(group["params"]):
                is_new = self._tape.find(leaf) is None
                value = self._values.of(leaf, site, [leaf])
                seen = self._tape.values[value]
                if is_new and not (seen.name or seen.paths):
                    seen.written = f"{type(optimizer).__name__}.param_groups[{g}]['params'][{i}]"
                held[value] = None if leaf.grad is None else self._copies.of(leaf.grad, whole=True)
        gradients = {value: copy for value, copy in held.items() if copy is not None}
        where = self._tape.where(whole_span(site.frame))
        self._tape.updates.append(Update(tuple(held), gradients, len(self._tape.passes), *where, by_closure))


def _before_step(me: weakref.ref[Recorder], optimizer: Optimizer, args: tuple[Any, ...], given: dict[str, Any]) -> None:
    """Tell the recorder, if it is alive: every optimizer calls this before its step."""
    if (recorder := me()) is not None:
        by_closure = any(map(callable, (*args[1:], *given.values())))
        recorder._guard.run(recorder._update, optimizer, by_closure)


def _is_traced() -> bool:
    """Tell whether PyTorch writes down a program from what runs: of calls of ours there must be none in it."""
    if torch.compiler.is_compiling() or _tracing_state() is not None:
        return True
    return _dispatch_modes() > 0 and torch._C._get_dispatch_mode(_PROXY) is not None


@lru_cache(maxsize=4096)
def _described(func: Callable[..., Any]) -> tuple[str, str, CodeType | None]:
    """Return a function's name, what kind of call it is, and its code if it is written in Python."""
    name, code = getattr(func, "__name__", ""), getattr(func, "__code__", None)
    if name == "__get__":
        name = getattr(getattr(func, "__self__", None), "__name__", "")
        return name, "op" if name in _ATTRIBUTES else "may warn" if name == "grad" else "silent", code
    if name in ("backward", "grad", "register_hook", "__set__"):
        return name, name, code
    return name, "silent" if name in _SILENT else "may warn" if name in _MAY_WARN else "op", code


def _tensors(thing: Any) -> Iterator[Tensor]:
    """Find the tensors in nested arguments or results, in order."""
    if isinstance(thing, Tensor):
        yield thing
    elif isinstance(thing, (list, tuple)):
        for item in thing:
            yield from _tensors(item)
    elif isinstance(thing, dict):
        for item in thing.values():
            yield from _tensors(item)


def _operands(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[list[Tensor], Arguments, Call]:
    """List the tensors among the arguments, and the plain numbers among them; write all down if there is more."""
    given: list[Tensor] = []
    order: list[Number | None] = []
    more = bool(kwargs)
    for argument in args:
        if type(argument) in _TENSORS:
            given.append(argument)
            order.append(None)
        elif isinstance(argument, _NUMBERS):
            order.append(argument)
        else:
            tensors = list(_tensors(argument))
            given += tensors
            order += [None] * len(tensors)
            more = True
    if not more:
        return given, tuple(order), _NOTHING
    given.extend(_tensors(dict(kwargs)))
    place = count()
    written = {str(i): _written(argument, place) for i, argument in enumerate(args)}
    written |= {name: _written(argument, place) for name, argument in kwargs.items()}
    return given, tuple(order) if _IN_ORDER.issuperset(kwargs) else None, written


def _written(argument: Any, place: Iterator[int]) -> Argument:
    """Write an argument down without the tensors in it, which are counted in the order in which they are found."""
    if isinstance(argument, Tensor):
        return f"@{next(place)}"
    if argument is None or isinstance(argument, (*_NUMBERS, str)):
        return argument
    if isinstance(argument, (list, tuple)):
        return tuple([_written(item, place) for item in argument])
    if isinstance(argument, slice):
        ends = (argument.start, argument.stop, argument.step)
        return ":".join("" if end is None else str(end) for end in ends) if set(map(type, ends)) <= _ENDS else "?"
    for _ in _tensors(argument):
        next(place)
    return "..." if argument is ... else str(argument) if isinstance(argument, torch.dtype) else "?"
