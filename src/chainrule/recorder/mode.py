"""Watch PyTorch run and write down what is seen, to be made into a Trace.

Three things are enough. A function mode sees each call with its arguments and its result. A walk along
`next_functions` finds the autograd nodes that the call made. A hook on every node sees, while the real backward pass
runs, what comes in (the upstream gradient) and what goes out on each edge (the contribution). Local gradients are
asked of the same node: called with ones, it answers with them.

Hooks never raise, and on leaving everything is taken down again: hooks, mode and references.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any, Self, TypeVar

import numpy as np
import torch
from torch.autograd.graph import Node as TorchNode
from torch.autograd.graph import get_gradient_edge
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from chainrule.recorder.deep_graphs import DEPTH, cut
from chainrule.recorder.gradient_cache import Flowing
from chainrule.recorder.local_gradients import local_gradients
from chainrule.recorder.module_paths import Paths
from chainrule.recorder.snapshots import Keep, Taken, finish, take
from chainrule.recorder.source_names import Files, Site, around, frames_from, held_as, names_among, short, site_of
from chainrule.recorder.tape import SeenNode, SeenOp, SeenPass, SeenValue, Tape
from chainrule.trace import Number, Trace, many_objects

TESTED = "2.13"
"""The version of PyTorch that the tests run with; another one is recorded if it has what is needed."""
NEEDED = ("_current_graph_task_id", "DisableTorchFunction", "_set_grad_enabled", "_functorch")
"""What is used of PyTorch's own internals."""

_TORCH = f"{Path(torch.__file__).resolve().parent}{os.sep}"
_FILES = Files((_TORCH,), tuple(_TORCH + name for name in ("overrides.py", "_tensor.py", "_jit_internal.py")))
"""Torch's own files; through the latter a call passes on its way to a function mode."""

_CALL = torch.nn.Module._wrapped_call_impl.__code__
"""What runs whenever a module is called."""

_SILENT = frozenset({
    "__repr__", "__format__", "__float__", "__int__", "__bool__", "__len__", "__index__", "__hash__", "__set__",
    "__delete__", "item", "tolist", "numpy", "size", "dim", "numel", "stride", "is_floating_point", "is_complex",
    "element_size", "data_ptr", "backward", "retain_grad", "requires_grad_", "is_contiguous",
    "untyped_storage",
})  # fmt: skip
"""Calls that make no value of the forward pass, so that their arguments need not become values."""
_FRESH = frozenset(
    ["tensor", "as_tensor", "zeros_like", "ones_like", "empty_like", "rand_like", "randn_like", "full_like"]
)
"""Calls that make a new leaf and not a result of their arguments."""
_ATTRIBUTES = frozenset({"T", "mT", "H", "mH", "data", "real", "imag"})
"""Attributes of a tensor that are ops in disguise."""
_IN_ORDER = frozenset({"dim", "axis", "keepdim", "dtype", "inplace", "memory_format"})
"""Keywords that leave the meaning of the arguments before them as it is; with any other, no rule is applied."""
_NO_EDGE = (None, 0, None)
_NUMBERS = (bool, int, float, complex)
_unseen, _is_recording, _record = torch._C.DisableTorchFunction, torch.is_grad_enabled, torch._C._set_grad_enabled
_Given = TypeVar("_Given")


class _Seen:
    """Follow one live tensor: which values it has been, so that it is known again."""

    __slots__ = ("tensor", "values", "version")

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = weakref.ref(tensor)
        self.version = -1
        """-1 where PyTorch counts no versions."""
        self.values: list[int] = []


class Recorder(TorchFunctionMode):
    """Record what PyTorch does between entering and leaving; `trace()` says what was seen so far."""

    def __init__(self, keep: Keep = "auto", local_gradients: bool = True) -> None:
        """Set out to keep tensors as `keep` says, and local gradients or not."""
        super().__init__()
        self._keep, self._local = keep, local_gradients
        self._tape = Tape()
        self._pass_of: dict[int, SeenPass] = {}
        self._roots: tuple[int, ...] = ()
        self._seen: dict[int, _Seen] = {}
        self._torch_nodes: list[TorchNode] = []
        self._number_of: dict[TorchNode, int] = {}
        self._value_at: dict[tuple[int, int], int] = {}
        self._handles: list[RemovableHandle] = []
        self._suspect: set[int] = set()
        self._arrived: dict[int, Taken] = {}
        self._flowing = Flowing(keep)
        self._paths = Paths(_FILES)
        self._block: CodeType | None = None
        self._trace: Trace | None = None
        self._me = weakref.ref(self)
        self.failure: Exception | None = None
        """What went wrong inside a hook, where nothing may be raised."""

    def __enter__(self) -> Self:
        """Begin to watch."""
        frame = next(frames_from(sys._getframe(), _FILES), None)
        self._block = frame.f_code if frame else None
        self._tape.folder = os.getcwd()  # noqa: PTH109  # a Path is slow
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        """Stop watching, and take down every hook and every reference into PyTorch's graph."""
        try:
            super().__exit__(*error)  # type: ignore[no-untyped-call]
        finally:
            self._safely(self._name_the_rest)
            for handle in self._handles:
                handle.remove()
            self._handles.clear()
            self._number_of.clear()
            self._torch_nodes.clear()
            self._pass_of.clear()
            self._paths.clear()
            self._flowing.clear()

    def trace(self) -> Trace:
        """Give what was recorded so far, as plain data."""
        if self._trace is None:
            with torch._C.DisableTorchFunction(), many_objects():
                self._trace = self._tape.trace()
        return self._trace

    def values_of(self, tensor: torch.Tensor) -> tuple[int, ...]:
        """List the values that a live tensor has been, oldest first."""
        seen = self._seen_as(tensor)
        return tuple(seen.values) if seen else ()

    # Calls ----------------------------------------------------------------------------------------------------

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Let PyTorch do what it was asked for, and note it down."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "__get__":
            name = getattr(getattr(func, "__self__", None), "__name__", "")
            if name == "data":
                self._suspect.add(id(args[0]))
            if name not in _ATTRIBUTES:
                return func(*args, **kwargs)
        code = getattr(func, "__code__", None)
        if name in ("backward", "grad"):
            return self._differentiate(name, code, func, args, kwargs)
        if name == "register_hook":
            handle = func(*args, **kwargs)
            self._safely(self._observe_hook, args[0], code, handle)
            return handle
        if name == "__set__":
            self._suspect.add(id(args[0]))
        if name in _SILENT:
            return func(*args, **kwargs)
        given, arguments = _operands(args, kwargs)
        if not given or (name == "zero_" and not given[0].requires_grad):
            return func(*args, **kwargs)
        seen = self._safely(self._before, code, given)
        result = func(*args, **kwargs)
        if seen is not None:
            self._safely(self._after, name, *seen, given, arguments, result)
        return result

    def _safely(self, act: Callable[..., _Given], *args: Any) -> _Given | None:
        """Do what is ours to do, unseen by any mode; what goes wrong in it is kept for later, never raised."""
        self._trace = None
        with _unseen():
            recording = _is_recording()
            if recording:
                _record(False)
            try:
                return act(*args)
            except Exception as error:
                self.failure = self.failure or error
                return None
            finally:
                if recording:
                    _record(True)

    def _site(self, code: CodeType | None) -> Site:
        """Find the place in the user's code that the call being watched came from."""
        return site_of(_FILES, code, self._block, _CALL)

    def _before(self, code: CodeType | None, given: list[torch.Tensor]) -> tuple[Site, tuple[int, ...]]:
        """Find where a call stands, and the values that it is given, while they are what they are."""
        site = self._site(code)
        return site, tuple([self._value_of(tensor, site, given, i) for i, tensor in enumerate(given)])

    def _after(
        self,
        name: str,
        site: Site,
        inputs: tuple[int, ...],
        given: list[torch.Tensor],
        arguments: tuple[Number | None, ...] | None,
        result: Any,
    ) -> None:
        """Note a call down with what it made."""
        if name == "matmul" and all(tensor.dim() == 1 for tensor in given):
            name = "dot"
        made = given[:1] if name == "__setitem__" else [result] if type(result) is torch.Tensor else _tensors(result)
        made = [tensor for tensor in made if not self._is_known(tensor)]
        if made and name not in _FRESH:
            module = self._paths.of_module(site) if site.inner else None
            self._note(SeenOp(name, inputs, (), site.place, arguments, module), site, made)

    def _note(self, op: SeenOp, site: Site, made: list[torch.Tensor]) -> None:
        """Note one call down as an op with its inputs and outputs, and the nodes that autograd made for it."""
        values, known = self._tape.values, {}
        for value in op.inputs:
            held = values[value]
            if held.node is not None:
                known[held.node, held.slot] = value
        number = len(self._tape.ops)
        for tensor in made:
            if (node := _made_by(tensor)) is not None and node not in self._number_of:
                self._walk(node, number, site, known)
        outputs = []
        for tensor in made:
            target = site.place.target if len(made) == 1 else None
            if target is None and (earlier := self._seen_as(tensor)) is not None:
                target = self._variable_of(earlier)
            outputs.append(self._new_value(tensor, target, number))
        op.outputs = tuple(outputs)
        self._tape.ops.append(op)

    # Values ---------------------------------------------------------------------------------------------------

    def _seen_as(self, tensor: torch.Tensor) -> _Seen | None:
        seen = self._seen.get(id(tensor))
        return seen if seen is not None and seen.tensor() is tensor else None

    def _is_known(self, tensor: torch.Tensor) -> bool:
        """Tell whether a tensor is a value already, and unchanged since."""
        seen = self._seen.get(id(tensor))
        return seen is not None and seen.tensor() is tensor and self._is_unchanged(tensor, seen)

    def _is_unchanged(self, tensor: torch.Tensor, seen: _Seen) -> bool:
        """Tell whether a tensor is still the value that it was last."""
        if seen.version >= 0 and seen.version != tensor._version:
            return False
        if id(tensor) in self._suspect:  # `.data` changes numbers without a new version
            held, now = finish(self._tape.values[seen.values[-1]].taken), finish(take(tensor, self._keep))
            if (held.shape, held.statistics) != (now.shape, now.statistics):
                return False
            if held.data is not None and now.data is not None:
                return np.array_equal(held.data, now.data, equal_nan=held.data.dtype.kind in "fc")
        return True

    def _value_of(self, tensor: torch.Tensor, site: Site, given: list[torch.Tensor], position: int = 0) -> int:
        """Find the value that a tensor is now; one not seen before, or changed unseen, becomes a new value."""
        seen = self._seen.get(id(tensor))
        if seen is not None and seen.tensor() is not tensor:
            seen = None
        if seen is not None and self._is_unchanged(tensor, seen):
            value = seen.values[-1]
            held = self._tape.values[value]
            if not held.name and not self._is_written_in(held, site):
                self._name(value, self._variable_with(tensor, site, given, held.op is not None))
            if not held.requires_grad and tensor.requires_grad:  # by `requires_grad_()`
                held.requires_grad, held.leaf = True, tensor.is_leaf
            if held.node is None and held.requires_grad and _made_by(tensor) is not None:
                self._adopt(value, tensor, site)
            return value
        name = self._variable_of(seen) if seen else self._variable_with(tensor, site, given)
        if name is None:
            name = next((text for text in site.operands() if held_as(site.frame, text) is tensor), None)
        value = self._new_value(tensor, name)
        if name is None:
            texts = site.operands()
            self._tape.values[value].written = texts[position] if len(texts) == len(given) else f"tensor {value}"
        if _made_by(tensor) is not None:
            self._adopt(value, tensor, site)
        return value

    def _is_written_in(self, held: SeenValue, site: Site) -> bool:
        """Tell whether a value was made by an expression inside of the one that runs; then no variable has it."""
        place = None if held.op is None else self._tape.ops[held.op].place
        return place is not None and place.code is site.place.code and place.expression in site.place.arguments

    def _adopt(self, value: int, tensor: torch.Tensor, site: Site) -> None:
        """Note where a value came from whose making was not seen, such as the result of a custom Function.

        What was made from recorded values counts as an op of its own; what was there before the recording does not.
        """
        node, tape = tensor.grad_fn, self._tape
        assert node is not None
        number, values, nodes = len(tape.ops), len(tape.values), len(tape.nodes)
        self._walk(node, number, site)
        inputs = tuple(dict.fromkeys(to for n in tape.nodes[nodes:] for _, _, to in n.edges if to is not None))
        made_by: int | None = tape.nodes[self._number_of[node]].op
        if any(taken < values and taken != value for taken in inputs):
            name = type(node).__name__.removesuffix("Backward").removesuffix("Backward0")
            module = self._paths.of_module(site)
            tape.ops.append(SeenOp(name, inputs, (value,), arguments=None, module=module))
        elif made_by == number:
            made_by = None
            for seen in tape.nodes[nodes:]:
                seen.op = None
        elif made_by is not None and value not in (made := tape.ops[made_by]).outputs:
            for output in made.outputs:
                tape.values[output].written = tape.name_of(output)
            made.outputs = (*made.outputs, value)
        held = tape.values[value]
        held.requires_grad, held.leaf, held.op = True, False, made_by
        held.node, held.slot = self._number_of[node], tensor.output_nr
        self._value_at[held.node, held.slot] = value

    def _new_value(self, tensor: torch.Tensor, name: str | None, op: int | None = None) -> int:
        number = len(self._tape.values)
        wanted, node, slot, leaf = tensor.requires_grad, None, 0, op is None
        if wanted:
            made_by = _made_by(tensor)
            leaf = made_by is None
            if made_by is not None and (node := self._number_of.get(made_by)) is not None:
                slot = tensor.output_nr
        parameter = type(tensor) is not torch.Tensor and isinstance(tensor, torch.nn.Parameter)
        value = SeenValue(take(tensor, self._keep), leaf, wanted, parameter, op, node, slot)
        self._tape.values.append(value)
        seen = self._seen_as(tensor)
        if seen is None:
            seen = self._seen[id(tensor)] = _Seen(tensor)
        if not tensor.is_inference():
            seen.version = tensor._version
        seen.values.append(number)
        if node is not None:
            self._value_at[node, slot] = number
        if name:
            self._name(number, name)
        if wanted and tensor._backward_hooks and seen.values == [number]:
            self._observe(tensor, number, first=True)  # hooks from before the recording are one step
            self._observe(tensor, number, "hooks that were there before")
        return number

    # Names ----------------------------------------------------------------------------------------------------

    def _name(self, value: int, name: str | None) -> None:
        """Give a value its name, once; a name that was bound before gets a number."""
        if name:
            bound = self._tape.times_bound
            again = bound[name] = bound.get(name, 0) + 1
            self._tape.values[value].name = name if again == 1 else f"{name}#{again}"

    def _variable_with(
        self, tensor: torch.Tensor, site: Site, given: list[torch.Tensor], made: bool = False
    ) -> str | None:
        """Find what the user's code calls a tensor: a parameter by its path, anything else by its variable.

        What was `made` in the block can be in the variables of the code up to the block's alone.
        """
        if type(tensor) is not torch.Tensor and isinstance(tensor, torch.nn.Parameter):
            path = self._paths.of_parameter(tensor, site.frame)
            if path:
                return path
        if id(tensor) not in site.wanted:
            inside, site.outside = around(site.frame, self._block, _FILES)
            site.wanted = {id(one) for one in given}
            site.names = names_among(inside or site.outside, site.wanted)
        name = site.names.get(id(tensor))
        return name if name or made else names_among(site.outside, {id(tensor)}).get(id(tensor))

    def _variable_of(self, seen: _Seen) -> str | None:
        """Give the name that a tensor went by before it changed, without its number."""
        return self._tape.values[seen.values[-1]].name.partition("#")[0] or None

    def _name_the_rest(self) -> None:
        """Look once more for variables that hold what has no name yet, such as what a function returned."""
        values = self._tape.values
        nameless = [seen for seen in self._seen.values() if not values[seen.values[-1]].name]
        rest = [(tensor, seen.values[-1]) for seen in nameless if (tensor := seen.tensor()) is not None]
        if rest:
            site, tensors = self._site(None), [tensor for tensor, _ in rest]
            for tensor, value in rest:
                self._name(value, self._variable_with(tensor, site, tensors, self._tape.values[value].op is not None))

    # Autograd's nodes -----------------------------------------------------------------------------------------

    def _walk(
        self, root: TorchNode, op: int | None, site: Site, known: Mapping[tuple[int, int], int] | None = None
    ) -> None:
        """Write down the nodes behind `root` that are new, children first, and hang a hook on each."""
        number_of, nodes, pending = self._number_of, self._tape.nodes, [root]
        while pending:
            node = pending[-1]
            if node in number_of:
                pending.pop()
                continue
            children = node.next_functions
            new = [child for child, _ in children if child is not None and child not in number_of]
            if new:
                pending.extend(new)
                continue
            pending.pop()
            depth = 0
            edges: list[tuple[int | None, int, int | None]] = []
            for child, slot in children:
                if child is None:
                    edges.append(_NO_EDGE)
                    continue
                number = number_of[child]
                below = nodes[number]
                if below.depth > depth:
                    depth = below.depth
                if below.name == "AccumulateGrad":
                    value: int | None = self._value_of_leaf(child.variable, site)  # type: ignore[attr-defined]
                else:
                    value = known.get((number, slot)) if known else None
                    if value is None:
                        value = self._value_at.get((number, slot))
                edges.append((number, slot, value))
            depth += 1
            if depth >= DEPTH:
                self._cut(node, depth, children)
            number = number_of[node] = len(nodes)
            self._torch_nodes.append(node)
            kind = type(node).__name__
            if kind == "AccumulateGrad":  # before it is added to `.grad`, which may then be the very same tensor
                nodes.append(SeenNode(kind, None, (), depth))
                self._handles.append(node.register_prehook(partial(_arrive, self._me, number)))
            else:
                nodes.append(SeenNode(kind, op, tuple(edges), depth))
                self._handles.append(node.register_hook(partial(_visit, self._me, number)))

    def _cut(self, node: TorchNode, depth: int, children: Iterable[tuple[TorchNode | None, int]]) -> None:
        """Take care that a deep graph can be freed."""
        depths = [(child, self._tape.nodes[self._number_of[child]].depth) for child, _ in children if child is not None]
        cut(node, depth, depths)

    def _value_of_leaf(self, leaf: torch.Tensor, site: Site) -> int:
        """Find the value that a leaf is, as far as it is known that it changed."""
        seen = self._seen_as(leaf)
        return seen.values[-1] if seen else self._value_of(leaf, site, [leaf])

    # Backward passes ------------------------------------------------------------------------------------------

    def _differentiate(
        self,
        name: str,
        code: CodeType | None,
        func: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Let a backward pass run, knowing what it starts from and what it is asked for."""
        start = list(_tensors(args[0] if args else kwargs.get("tensors", kwargs.get("outputs"))))
        roots = self._safely(self._begin, start, code) or ()
        outer, self._roots = self._roots, roots
        first = len(self._tape.passes)
        try:
            result = func(*args, **kwargs)
        except BaseException as error:
            del self._tape.passes[first:]
            self._trace = None
            if isinstance(error, RuntimeError) and roots:
                self._safely(self._advise, error, start, roots)
            raise
        finally:
            self._roots = outer
            self._flowing.clear()
        if name == "grad" and len(self._tape.passes) > first:
            asked = list(_tensors(args[1] if len(args) > 1 else kwargs.get("inputs")))
            self._safely(self._answer, self._tape.passes[first], asked, result)
        return result

    def _begin(self, start: list[torch.Tensor], code: CodeType | None) -> tuple[int, ...]:
        """Find the values that a backward pass starts from; a leaf among them gets its node here."""
        site = self._site(code)
        roots = tuple([self._value_of(tensor, site, start, i) for i, tensor in enumerate(start)])
        for tensor in start:
            if tensor.is_leaf and tensor.requires_grad:
                self._walk(get_gradient_edge(tensor).node, None, site)
        return roots

    def _answer(self, run: SeenPass, asked: list[torch.Tensor], gradients: Sequence[torch.Tensor | None]) -> None:
        """Note down the gradients that `torch.autograd.grad` was asked for."""
        for tensor, gradient in zip(asked, gradients, strict=False):
            if gradient is not None:
                keep = "all" if tensor.is_leaf and self._keep == "auto" else self._keep
                run.asked[self._value_of(tensor, Site(), [tensor])] = take(gradient, keep)

    def _advise(self, error: RuntimeError, start: list[torch.Tensor], roots: tuple[int, ...]) -> None:
        """Add to PyTorch's own error what it means for the user's variables."""
        for tensor, value in zip(start, roots, strict=True):
            name = self._tape.name_of(value)
            if not tensor.requires_grad and (lost := self._cut_off(value)) is not None:
                where = f" at {short(lost.place.file, self._tape.folder)}:{lost.place.line}" if lost.place.file else ""
                error.add_note(
                    f"chainrule: `{name}` has no way back: `{lost.place.expression or lost.name}`{where} let go of it. "
                    "Compute the loss without that, and outside of `no_grad`."
                )
            elif not tensor.requires_grad:
                error.add_note(
                    f"chainrule: `{name}` was not made from any tensor with requires_grad=True, so there is nothing "
                    "to differentiate by. Create the weight with `requires_grad=True`, and outside of `no_grad`; "
                    "`.item()`, `torch.tensor(...)` and NumPy lose the way back as well."
                )
            elif tensor.numel() != 1 and "scalar" in str(error):
                error.add_note(
                    f"chainrule: `{name}` has shape {tuple(tensor.shape)}, so there is no single number to start "
                    f"the backward pass from. Reduce it first, for example `{name}.mean()`."
                )
            elif "second time" in str(error):
                error.add_note(
                    f"chainrule: an earlier backward pass has run through the graph of `{name}` and freed it. Compute "
                    f"`{name}` again before each backward pass, or keep the graph with `retain_graph=True`."
                )

    def _cut_off(self, value: int) -> SeenOp | None:
        """Find the last call on the way to a value that was given something to differentiate, and gave nothing."""
        values, pending, passed = self._tape.values, [value], set[int]()
        while pending:
            at = values[pending.pop(0)].op
            if at is None or at in passed:
                continue
            passed.add(at)
            op = self._tape.ops[at]
            if any(values[given].requires_grad for given in op.inputs):
                return op
            pending.extend(op.inputs)
        return None

    def _observe(
        self,
        tensor: torch.Tensor,
        value: int,
        name: str | None = None,
        user: RemovableHandle | None = None,
        first: bool = False,
    ) -> None:
        """Look at what stands between two hooks of the user's: each has its turn between two looks."""
        reference = self._me

        def look(gradient: torch.Tensor) -> None:
            if (recorder := reference()) is not None and (user is None or user.id in (user.hooks_dict_ref() or ())):
                recorder._safely(recorder._look, value, name, gradient)

        before = list(tensor._backward_hooks or ()) if first else ()
        self._handles.append(tensor.register_hook(look))
        hooks: Any = tensor._backward_hooks
        for key in before:  # ours comes first; theirs stay in their order
            hooks[key] = hooks.pop(key)

    def _observe_hook(self, tensor: torch.Tensor, code: CodeType | None, handle: RemovableHandle) -> None:
        """Look before and after a hook that was just registered."""
        site = self._site(code)
        value = self._value_of(tensor, site, [tensor])
        if list(tensor._backward_hooks or ()) == [handle.id]:
            self._observe(tensor, value, first=True)
        self._observe(tensor, value, site.place.expression or "register_hook", handle)

    def _look(self, value: int, name: str | None, gradient: torch.Tensor) -> None:
        node = self._tape.values[value].node
        run = self._run(-1 if node is None else node, node is None)
        if run is None:
            return
        self._flowing.clear()  # a hook may have changed what is on its way
        now = take(gradient, self._keep)
        if name is not None and value in self._arrived:
            run.hooks.append((value, name, self._arrived[value], now))
        self._arrived[value] = now

    def _visit(self, number: int, outgoing: tuple[Any, ...], incoming: tuple[Any, ...]) -> None:
        """Note down one node's turn: what came in, what went out on each edge, and the local gradients."""
        run = self._pass_of.get(torch._C._current_graph_task_id()) or self._run(number, leaf=False)
        if run is None:
            return
        flowing = self._flowing
        came = tuple([None if gradient is None else flowing.into(gradient) for gradient in incoming])
        if not any(came):
            return
        local = None
        if self._local and (found := local_gradients(self._torch_nodes[number], incoming, outgoing)):
            local = {edge: (take(factor, self._keep), kind) for edge, (factor, kind) in found.items()}
        went: list[Taken | None] = []
        for gradient, (to, _, _) in zip(outgoing, self._tape.nodes[number].edges, strict=True):
            if gradient is None:
                went.append(None)
            elif gradient.dim():
                went.append(flowing.out(gradient, self._leaf_behind(to)))
            else:
                went.append(take(gradient, self._keep))
        run.turns.append((number, came, tuple(went), local))

    def _leaf_behind(self, node: int | None) -> int | None:
        """Find the leaf that gets what goes to a node as it is, or turned over."""
        while node is not None:
            held = self._tape.nodes[node]
            if held.name == "AccumulateGrad":
                return node
            node = held.edges[0][0] if held.name == "TBackward0" else None
        return None

    def _arrive(self, number: int, incoming: tuple[Any, ...]) -> None:
        """Note down what a leaf gets."""
        run = self._pass_of.get(torch._C._current_graph_task_id()) or self._run(number, leaf=True)
        if run is None or incoming[0] is None:
            return
        seen = self._seen_as(self._torch_nodes[number].variable)  # type: ignore[attr-defined]
        got = self._flowing.into_leaf(incoming[0], number)
        run.turns.append((number, (got,), None, seen.values[-1] if seen else None))

    def _run(self, number: int, leaf: bool) -> SeenPass | None:
        """Find the backward pass that is running now; autograd numbers them.

        `None` for one that did not begin at what was recorded, such as another thread's that shares a leaf.
        """
        task = torch._C._current_graph_task_id()
        run = self._pass_of.get(task)
        if run is None:
            begins = {self._tape.values[root].node for root in self._roots}
            started_at = self._value_at.get((number, 0))
            if number not in begins and not (leaf and None in begins) and (self._roots or leaf or started_at is None):
                return None
            run = self._pass_of[task] = SeenPass(self._roots or (() if started_at is None else (started_at,)))
            self._tape.passes.append(run)
        return run


def _visit(me: weakref.ref[Recorder], number: int, outgoing: tuple[Any, ...], incoming: tuple[Any, ...]) -> None:
    """Be a node's hook."""
    if (recorder := me()) is not None:
        recorder._safely(recorder._visit, number, outgoing, incoming)


def _arrive(me: weakref.ref[Recorder], number: int, incoming: tuple[Any, ...]) -> None:
    """Be a leaf's hook."""
    if (recorder := me()) is not None:
        recorder._safely(recorder._arrive, number, incoming)


def _made_by(tensor: torch.Tensor) -> TorchNode | None:
    """Give the node that made a tensor, if autograd says so: of a view that may not be used any more, it does not."""
    try:
        return tensor.grad_fn
    except RuntimeError:
        return None


def _tensors(thing: Any) -> Iterator[torch.Tensor]:
    """Find the tensors in nested arguments or results, in order."""
    if isinstance(thing, torch.Tensor):
        yield thing
    elif isinstance(thing, (list, tuple)):
        for item in thing:
            yield from _tensors(item)
    elif isinstance(thing, dict):
        for item in thing.values():
            yield from _tensors(item)


def _operands(
    args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[torch.Tensor], tuple[Number | None, ...] | None]:
    """List the tensors among the arguments, and the plain numbers in their order with `None` for each tensor.

    Where keywords change what the arguments mean, their order says nothing.
    """
    given: list[torch.Tensor] = []
    order: list[Number | None] = []
    for argument in args:
        if isinstance(argument, torch.Tensor):
            given.append(argument)
            order.append(None)
        elif isinstance(argument, _NUMBERS):
            order.append(argument)
        else:
            for tensor in _tensors(argument):
                given.append(tensor)
                order.append(None)
    if kwargs:
        given.extend(_tensors(dict(kwargs)))
    return given, tuple(order) if _IN_ORDER.issuperset(kwargs) else None
