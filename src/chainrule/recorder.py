"""Watch PyTorch run and write down a Trace.

Three things are enough. A function mode sees each call with its arguments and its result. A walk along
`next_functions` finds the autograd nodes that the call made. A hook on every node sees, while the real backward pass
runs, what comes in (the upstream gradient) and what goes out on each edge (the contribution). Local gradients are
asked of the same node: called with ones, it answers with them.

Hooks never raise, and on leaving everything is taken down again: hooks, mode and references.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Self, TypeVar

import numpy as np
import torch
from torch.autograd.graph import Node as TorchNode
from torch.autograd.graph import get_gradient_edge
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from chainrule.local_gradients import local_gradients
from chainrule.names import Site, around, calls_of, frames_from, held_as, locals_of, name_among, site_of, user_frame
from chainrule.snapshots import Keep, snapshot
from chainrule.trace import BackwardPass, Edge, Flow, Hook, Node, Number, Op, Snapshot, Trace, Value, Visit

TESTED = "2.13"
"""The version of PyTorch that the tests run with; another one is recorded if it has what is needed."""
NEEDED = ("_current_graph_task_id", "DisableTorchFunction")
"""What is used of PyTorch's own internals."""

_TORCH = (f"{Path(torch.__file__).resolve().parent}{os.sep}",)
_WRAPPERS = tuple(_TORCH[0] + name for name in ("overrides.py", "_tensor.py", "_jit_internal.py"))
"""Torch's files that a call passes through on its way to a function mode."""

_CALL = torch.nn.Module._call_impl.__code__
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
_NONE: Mapping[tuple[int, int], int] = {}
_Given = TypeVar("_Given")


@dataclass
class _Pass:
    roots: tuple[int, ...]
    visits: list[Visit] = field(default_factory=list)
    gradients: dict[int, Snapshot] = field(default_factory=dict)
    hooks: list[Hook] = field(default_factory=list)
    reached: dict[int | None, int] = field(default_factory=dict)
    """The value that each node's gradient belongs to, as far as edges led to it."""


@dataclass
class _Seen:
    """Follow one live tensor: which values it has been, so that it is known again."""

    tensor: weakref.ref[torch.Tensor]
    version: int
    values: list[int]


class Recorder(TorchFunctionMode):
    """Record what PyTorch does between entering and leaving; `trace()` says what was seen so far."""

    def __init__(self, keep: Keep = "auto", local_gradients: bool = True) -> None:
        """Set out to keep tensors as `keep` says, and local gradients or not."""
        super().__init__()
        self._keep, self._local = keep, local_gradients
        self._values: list[Value] = []
        self._ops: list[Op] = []
        self._nodes: list[Node] = []
        self._passes: list[_Pass] = []
        self._pass_of: dict[int, _Pass] = {}
        self._roots: tuple[int, ...] = ()
        self._seen: dict[int, _Seen] = {}
        self._torch_nodes: list[TorchNode] = []
        self._number_of: dict[TorchNode, int] = {}
        self._value_at: dict[tuple[int, int], int] = {}
        self._times_bound: dict[str, int] = {}
        self._nameless: dict[int, str] = {}
        self._handles: list[RemovableHandle] = []
        self._suspect: set[int] = set()
        self._arrived: dict[int, Snapshot] = {}
        self._modules: dict[int, tuple[torch.nn.Module, str]] = {}
        self._block: CodeType | None = None
        self._trace: Trace | None = None
        self.failure: Exception | None = None
        """What went wrong inside a hook, where nothing may be raised."""

    def __enter__(self) -> Self:
        """Begin to watch."""
        frame, _ = user_frame(_TORCH, _WRAPPERS, None)
        self._block = frame.f_code if frame else None
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
            self._modules.clear()

    def trace(self) -> Trace:
        """Give what was recorded so far, as plain data."""
        if self._trace is None:
            self._trace = Trace(
                values=tuple(self._named_values()),
                ops=tuple(self._ops),
                nodes=tuple(self._nodes),
                passes=tuple(
                    BackwardPass(p.roots, tuple(p.visits), dict(p.gradients), tuple(p.hooks)) for p in self._passes
                ),
            )
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
        given = list(_tensors((args, dict(kwargs))))
        if name == "__set__":
            self._suspect.add(id(args[0]))
        if name in _SILENT or not given or (name == "zero_" and not given[0].requires_grad):
            return func(*args, **kwargs)
        seen = self._safely(self._before, code, given)
        result = func(*args, **kwargs)
        if seen is not None:
            self._safely(self._after, name, *seen, given, args, kwargs, result)
        return result

    def _safely(self, act: Callable[..., _Given], *args: Any) -> _Given | None:
        """Do what is ours to do, unseen by any mode; what goes wrong in it is kept for later, never raised."""
        try:
            with torch._C.DisableTorchFunction(), torch.no_grad():
                return act(*args)
        except Exception as error:
            self.failure = self.failure or error
            return None

    def _before(self, code: CodeType | None, given: list[torch.Tensor]) -> tuple[Site, tuple[int, ...]]:
        """Find where a call stands, and the values that it is given, while they are what they are."""
        site = _site(code)
        arguments = site.arguments if len(site.arguments) == len(given) else (None,) * len(given)
        return site, tuple(self._value_of(tensor, site, text) for tensor, text in zip(given, arguments, strict=True))

    def _after(
        self,
        name: str,
        site: Site,
        inputs: tuple[int, ...],
        given: list[torch.Tensor],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        result: Any,
    ) -> None:
        """Note a call down with what it made."""
        if name == "matmul" and all(tensor.dim() == 1 for tensor in given):
            name = "dot"
        made = given[:1] if name == "__setitem__" else list(_tensors(result))
        letters, constants = _letters(args, kwargs)
        module = self._module(site.frame)
        op = Op(name, inputs, (), site.expression or "", letters, constants, site.file, site.line, module)
        self._note(op, site, [t for t in made if not self._is_known(t)])

    def _note(self, op: Op, site: Site, made: list[torch.Tensor]) -> None:
        """Note one call down as an op with its inputs and outputs, and the nodes that autograd made for it."""
        if not made or op.name in _FRESH:
            return
        known = {}
        for value in op.inputs:
            held = self._values[value]
            if held.node is not None:
                known[held.node, held.slot] = value
        number = len(self._ops)
        for tensor in made:
            if (node := _made_by(tensor)) is not None:
                self._walk(node, number, site, known)
        outputs = []
        for tensor in made:
            earlier = self._seen_as(tensor)
            target = site.target if len(made) == 1 else None
            if target is None and earlier is not None:
                target = self._variable_of(earlier)
            outputs.append(self._new_value(tensor, target, op=number))
        for position, value in enumerate(outputs):
            if value in self._nameless:
                called = op.expression or op.name
                self._nameless[value] = called if len(outputs) == 1 else f"{called}[{position}]"
        by_letter = {
            **{a: self._name_of(v) for a, v in op.operands.items()},
            **{a: str(n) for a, n in op.constants.items()},
        }
        words = [by_letter[a] for a in sorted(by_letter)] if op.letters else list(map(self._name_of, op.inputs))
        self._ops.append(
            replace(op, outputs=tuple(outputs), expression=op.expression or f"{op.name}({', '.join(words)})")
        )

    # Values ---------------------------------------------------------------------------------------------------

    def _seen_as(self, tensor: torch.Tensor) -> _Seen | None:
        seen = self._seen.get(id(tensor))
        return seen if seen is not None and seen.tensor() is tensor else None

    def _is_known(self, tensor: torch.Tensor) -> bool:
        """Tell whether a tensor is a value already, and unchanged since."""
        seen = self._seen_as(tensor)
        if seen is None or seen.version != _version(tensor):
            return False
        if id(tensor) in self._suspect:  # `.data` changes numbers without a new version
            held, now = self._values[seen.values[-1]].tensor, self._snapshot(tensor)
            if (held.shape, held.statistics) != (now.shape, now.statistics):
                return False
            if held.data is not None and now.data is not None:
                return np.array_equal(held.data, now.data, equal_nan=held.data.dtype.kind in "fc")
        return True

    def _value_of(self, tensor: torch.Tensor, site: Site, written: str | None = None) -> int:
        """Find the value that a tensor is now; one not seen before, or changed unseen, becomes a new value."""
        seen = self._seen_as(tensor)
        if seen is not None and self._is_known(tensor):
            value = seen.values[-1]
            if value in self._nameless:
                self._name(value, self._variable_with(tensor, site.frame))
            if tensor.requires_grad and not self._values[value].requires_grad:  # by `requires_grad_()`
                self._values[value] = replace(self._values[value], requires_grad=True, leaf=tensor.is_leaf)
                self._trace = None
            if self._values[value].node is None and _made_by(tensor) is not None:
                self._adopt(value, tensor, site)
            return value
        name = self._variable_of(seen) if seen else self._variable_with(tensor, site.frame)
        if name is None:
            name = next((text for text in site.arguments if held_as(site.frame, text) is tensor), None)
        value = self._new_value(tensor, name)
        if value in self._nameless:
            self._nameless[value] = written or f"tensor {value}"
        if _made_by(tensor) is not None:
            self._adopt(value, tensor, site)
        return value

    def _adopt(self, value: int, tensor: torch.Tensor, site: Site) -> None:
        """Note where a value came from whose making was not seen, such as the result of a custom Function.

        What was made from recorded values counts as an op of its own; what was there before the recording does not.
        """
        node = tensor.grad_fn
        assert node is not None
        number, values, nodes = len(self._ops), len(self._values), len(self._nodes)
        self._walk(node, number, site)
        inputs = tuple(dict.fromkeys(e.value for n in self._nodes[nodes:] for e in n.edges if e.value is not None))
        made_by: int | None = self._nodes[self._number_of[node]].op
        if any(taken < values and taken != value for taken in inputs):
            name = type(node).__name__.removesuffix("Backward").removesuffix("Backward0")
            expression = f"{name}({', '.join(map(self._name_of, inputs))})"
            self._ops.append(Op(name, inputs, (value,), expression, module=self._module(site.frame)))
        elif made_by == number:
            made_by = None
            self._nodes[nodes:] = [replace(n, op=None) for n in self._nodes[nodes:]]
        elif made_by is not None and value not in self._ops[made_by].outputs:
            made = self._ops[made_by]
            self._ops[made_by] = replace(made, outputs=(*made.outputs, value))
        self._values[value] = replace(
            self._values[value],
            requires_grad=True,
            leaf=False,
            op=made_by,
            node=self._number_of[node],
            slot=tensor.output_nr,
        )
        self._value_at[self._number_of[node], tensor.output_nr] = value
        self._trace = None

    def _new_value(self, tensor: torch.Tensor, name: str | None, op: int | None = None) -> int:
        number = len(self._values)
        made_by = _made_by(tensor)
        node = None if made_by is None else self._number_of.get(made_by)
        value = Value(
            name="",
            tensor=self._snapshot(tensor),
            leaf=made_by is None and (op is None or tensor.requires_grad),
            requires_grad=tensor.requires_grad,
            parameter=isinstance(tensor, torch.nn.Parameter),
            op=op,
            node=node,
            slot=tensor.output_nr if node is not None else 0,
        )
        self._values.append(value)
        seen = self._seen_as(tensor)
        if seen is None:
            seen = self._seen[id(tensor)] = _Seen(weakref.ref(tensor), 0, [])
        seen.version = _version(tensor)
        seen.values.append(number)
        if node is not None:
            self._value_at[node, value.slot] = number
        self._nameless[number] = ""
        self._name(number, name)
        self._trace = None
        if tensor.requires_grad and tensor._backward_hooks and seen.values == [number]:
            self._observe(tensor, number, first=True)  # hooks from before the recording are one step
            self._observe(tensor, number, "hooks that were there before")
        return number

    def _snapshot(self, tensor: torch.Tensor, whole: bool = False) -> Snapshot:
        return snapshot(tensor, "all" if whole and self._keep == "auto" else self._keep)

    # Names ----------------------------------------------------------------------------------------------------

    def _name(self, value: int, name: str | None) -> None:
        """Give a value its name, once; a name that was bound before gets a number."""
        if not name:
            return
        self._nameless.pop(value, None)
        again = self._times_bound[name] = self._times_bound.get(name, 0) + 1
        self._values[value] = replace(self._values[value], name=name if again == 1 else f"{name}#{again}")
        self._trace = None

    def _variable_with(self, tensor: torch.Tensor, frame: FrameType | None) -> str | None:
        """Find what the user's code calls a tensor: a parameter by its path, anything else by its variable."""
        path = _parameter_name(frame, tensor) if isinstance(tensor, torch.nn.Parameter) else None
        return path or name_among(around(frame, self._block, _TORCH), tensor)

    def _variable_of(self, seen: _Seen) -> str | None:
        """Give the name that a tensor went by before it changed, without its number."""
        return self._values[seen.values[-1]].name.partition("#")[0] or None

    def _name_of(self, value: int) -> str:
        return self._values[value].name or self._nameless[value]

    def _named_values(self) -> Iterator[Value]:
        """Give each value with a name that is its alone; without a variable, that is its expression."""
        times = dict(self._times_bound)
        for number, value in enumerate(self._values):
            expression = self._nameless.get(number)
            if expression is None:
                yield value
                continue
            again = times[expression] = times.get(expression, 0) + 1
            yield replace(value, name=expression if again == 1 else f"{expression}#{again}")

    def _module(self, frame: FrameType | None) -> str | None:
        """Find the module whose `forward` is running, by its path; the outermost one goes by its class."""
        running = (locals_of(inner).get("self") for inner in calls_of(_CALL, self._block))
        called = [module for module in running if isinstance(module, torch.nn.Module)]
        if not called:
            return None
        module, outermost = called[0], called[-1]
        if id(module) not in self._modules:
            roots = (outermost, *_modules_in(frame))
            paths = [path for root in roots for path, candidate in root.named_modules() if candidate is module]
            self._modules[id(module)] = (module, _longest(paths) or type(module).__name__)
        return self._modules[id(module)][1]

    def _name_the_rest(self) -> None:
        """Look once more for variables that hold what has no name yet, such as what a function returned."""
        frame, _ = user_frame(_TORCH, _WRAPPERS, None)
        for seen in self._seen.values():
            tensor = seen.tensor()
            if tensor is not None and seen.values[-1] in self._nameless:
                self._name(seen.values[-1], self._variable_with(tensor, frame))

    # Autograd's nodes -----------------------------------------------------------------------------------------

    def _walk(self, root: TorchNode, op: int | None, site: Site, known: Mapping[tuple[int, int], int] = _NONE) -> None:
        """Write down the nodes behind `root` that are new, children first, and hang a hook on each."""
        pending = [root]
        while pending:
            node = pending[-1]
            if node in self._number_of:
                pending.pop()
                continue
            new = [child for child, _ in node.next_functions if child is not None and child not in self._number_of]
            if new:
                pending.extend(new)
                continue
            pending.pop()
            number = self._number_of[node] = len(self._nodes)
            self._torch_nodes.append(node)
            edges = tuple(self._edge(child, slot, site, known) for child, slot in node.next_functions)
            self._nodes.append(Node(type(node).__name__, None if _is_leaf(node) else op, edges))
            if _is_leaf(node):  # before it is added to `.grad`, which may then be the very same tensor
                self._handles.append(node.register_prehook(self._hook(number, leaf=True)))
            else:
                self._handles.append(node.register_hook(self._hook(number)))

    def _edge(self, child: TorchNode | None, slot: int, site: Site, known: Mapping[tuple[int, int], int]) -> Edge:
        if child is None:
            return Edge(None)
        number = self._number_of[child]
        if not _is_leaf(child):
            return Edge(number, slot, known.get((number, slot), self._value_at.get((number, slot))))
        leaf: torch.Tensor = child.variable  # type: ignore[attr-defined]
        seen = self._seen_as(leaf)
        return Edge(number, slot, seen.values[-1] if seen else self._value_of(leaf, site))

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
        first = len(self._passes)
        try:
            result = func(*args, **kwargs)
        except BaseException as error:
            self._passes, self._trace = self._passes[:first], None
            if isinstance(error, RuntimeError) and roots:
                self._safely(self._advise, error, start, roots)
            raise
        finally:
            self._roots = outer
        if name == "grad" and len(self._passes) > first:
            asked = list(_tensors(args[1] if len(args) > 1 else kwargs.get("inputs")))
            self._safely(self._answer, self._passes[first], asked, result)
        return result

    def _begin(self, start: list[torch.Tensor], code: CodeType | None) -> tuple[int, ...]:
        """Find the values that a backward pass starts from; a leaf among them gets its node here."""
        site = _site(code)
        roots = tuple(self._value_of(tensor, site) for tensor in start)
        for tensor in start:
            if tensor.is_leaf and tensor.requires_grad:
                self._walk(get_gradient_edge(tensor).node, None, site)
        return roots

    def _answer(self, run: _Pass, asked: list[torch.Tensor], gradients: Sequence[torch.Tensor | None]) -> None:
        """Note down the gradients that `torch.autograd.grad` was asked for."""
        for tensor, gradient in zip(asked, gradients, strict=False):
            if gradient is not None:
                value = self._value_of(tensor, Site())
                run.gradients[value] = self._snapshot(gradient, whole=tensor.is_leaf)
                self._trace = None

    def _advise(self, error: RuntimeError, start: list[torch.Tensor], roots: tuple[int, ...]) -> None:
        """Add to PyTorch's own error what it means for the user's variables."""
        for tensor, value in zip(start, roots, strict=True):
            name = self._name_of(value)
            if not tensor.requires_grad:
                error.add_note(
                    f"chainrule: `{name}` was not made from any tensor with requires_grad=True, so there is nothing "
                    "to differentiate by. Create the weight with `requires_grad=True`, and outside of `no_grad`."
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

    def _hook(self, number: int, leaf: bool = False) -> Callable[..., None]:
        """Make one node's hook."""
        reference = weakref.ref(self)

        def hook(*gradients: tuple[Any, ...]) -> None:
            if (recorder := reference()) is not None:
                recorder._safely(recorder._arrive if leaf else recorder._visit, number, *gradients)

        return hook

    def _observe(
        self,
        tensor: torch.Tensor,
        value: int,
        name: str | None = None,
        user: RemovableHandle | None = None,
        first: bool = False,
    ) -> None:
        """Look at what stands between two hooks of the user's: each has its turn between two looks."""
        reference = weakref.ref(self)

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
        site = _site(code)
        value = self._value_of(tensor, site)
        if list(tensor._backward_hooks or ()) == [handle.id]:
            self._observe(tensor, value, first=True)
        self._observe(tensor, value, site.expression or "register_hook", handle)

    def _look(self, value: int, name: str | None, gradient: torch.Tensor) -> None:
        node = self._values[value].node
        run = self._run(-1 if node is None else node, node is None)
        if run is None:
            return
        self._trace = None
        now = self._snapshot(gradient)
        if name is not None and value in self._arrived:
            run.hooks.append(Hook(value, name, self._arrived[value], now))
        self._arrived[value] = now

    def _visit(self, number: int, outgoing: tuple[Any, ...], incoming: tuple[Any, ...]) -> None:
        """Note down one node's turn: what came in, what went out on each edge, and the local gradients."""
        node = self._torch_nodes[number]
        run = self._run(number, leaf=False)
        if run is None or all(gradient is None for gradient in incoming):
            return
        self._trace = None
        for edge in self._nodes[number].edges:
            if edge.value is not None:
                run.reached[edge.node] = max(edge.value, run.reached.get(edge.node, 0))
        local = local_gradients(node, incoming, outgoing) if self._local else {}
        flows = tuple(
            Flow(
                contribution=None if gradient is None else self._snapshot(gradient),
                local=self._snapshot(local[edge][0]) if edge in local else None,
                kind=local[edge][1] if edge in local else None,
            )
            for edge, gradient in enumerate(outgoing)
        )
        run.visits.append(Visit(number, tuple(None if g is None else self._snapshot(g) for g in incoming), flows))

    def _arrive(self, number: int, incoming: tuple[Any, ...]) -> None:
        """Note down what a leaf gets."""
        run = self._run(number, leaf=True)
        if run is None or incoming[0] is None:
            return
        self._trace = None
        got = self._snapshot(incoming[0], whole=True)
        run.visits.append(Visit(number, (got,), ()))
        seen = self._seen_as(self._torch_nodes[number].variable)  # type: ignore[attr-defined]
        value = run.reached.get(number, seen.values[-1] if seen else None)
        if value is not None:
            run.gradients[value] = got

    def _run(self, number: int, leaf: bool) -> _Pass | None:
        """Find the backward pass that is running now; autograd numbers them.

        `None` for one that did not begin at what was recorded, such as another thread's that shares a leaf.
        """
        task = torch._C._current_graph_task_id()
        if task not in self._pass_of:
            begins = {self._values[root].node for root in self._roots}
            started_at = self._value_at.get((number, 0))
            if number not in begins and not (leaf and None in begins) and (self._roots or leaf or started_at is None):
                return None
            self._pass_of[task] = _Pass(self._roots or (() if started_at is None else (started_at,)))
            self._passes.append(self._pass_of[task])
        return self._pass_of[task]


def _site(code: CodeType | None) -> Site:
    """Find the place in the user's code that the call being watched came from."""
    return site_of(*user_frame(_TORCH, _WRAPPERS, code))


def _parameter_name(frame: FrameType | None, parameter: torch.Tensor) -> str | None:
    """Find a parameter's path in a module that the user's code holds."""
    paths: list[str] = []
    for module in _modules_in(frame):
        with contextlib.suppress(AttributeError):  # a module that is only being made has no parameters yet
            paths += [path for path, candidate in module.named_parameters() if candidate is parameter]
    return _longest(paths)


def _modules_in(frame: FrameType | None) -> Iterator[torch.nn.Module]:
    """Find the modules that the user's code holds in variables."""
    for outer in frames_from(frame, _TORCH):
        for held in locals_of(outer).values():
            if isinstance(held, torch.nn.Module):
                yield held


def _longest(paths: list[str]) -> str | None:
    """Choose the path from the outermost module."""
    return max(paths, key=lambda path: (path.count("."), len(path)), default=None)


def _made_by(tensor: torch.Tensor) -> TorchNode | None:
    """Give the node that made a tensor, if autograd says so: of a view that may not be used any more, it does not."""
    try:
        return tensor.grad_fn
    except RuntimeError:
        return None


def _is_leaf(node: TorchNode) -> bool:
    return type(node).__name__ == "AccumulateGrad"


def _version(tensor: torch.Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version


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


def _letters(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[tuple[str, ...], dict[str, Number]]:
    """Give the arguments letters in their order: one for each tensor, and for each plain number, which is constant."""
    letters: list[str] = []
    constants: dict[str, Number] = {}
    if not _IN_ORDER.issuperset(kwargs):
        return (), {}
    for argument in args:
        if isinstance(argument, (bool, int, float, complex)):
            constants[chr(ord("a") + len(letters) + len(constants))] = argument
        else:
            for _ in _tensors(argument):
                letters.append(chr(ord("a") + len(letters) + len(constants)))
    return tuple(letters), constants
