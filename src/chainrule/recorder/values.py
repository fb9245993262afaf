"""Which value each live tensor is now, where a value came from whose making was not seen, and what it is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import CodeType, FrameType

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import Node as TorchNode

from chainrule.recorder.graph import Graph
from chainrule.recorder.module_paths import ModulePath, ModulePaths, Root
from chainrule.recorder.snapshots import to_snapshot
from chainrule.recorder.source_code import NOWHERE
from chainrule.recorder.source_names import CallSite, around, call_site, held_as, names_among, passed_on
from chainrule.recorder.tape import LiveTensor, SeenOp, SeenValue, Tape


class Values:
    """Find the value that a tensor is; one not met before, or changed unseen, becomes a new value on the tape."""

    def __init__(self, tape: Tape, graph: Graph) -> None:
        self._tape, self._graph, self._copies, self._guard = tape, graph, tape.copies, tape.guard
        self.paths = ModulePaths()
        self._step: tuple[FrameType | None, int] = None, 0
        """The optimizer's step that was seen last, and its op."""
        self._gradients: tuple[int, dict[int, LiveTensor]] = -1, {}
        """After how many backward passes the leaves were looked through, and which has which `.grad`."""
        self._called: set[tuple[Root, str]] = set()
        """The outermost modules that were called."""
        self.suspects: set[int] = set()
        """The ids of tensors whose numbers may change without a new version."""

    def is_known(self, tensor: Tensor) -> bool:
        """Tell whether a tensor is a value already, and unchanged since."""
        known = self._tape.tensors.get(id(tensor))  # as `find` does, but this is called most
        return known is not None and known.tensor() is tensor and self._is_unchanged(tensor, known)

    def of(self, tensor: Tensor, site: CallSite, given: Sequence[Tensor], position: int = 0) -> int:
        """Return the value that a tensor is now, which stands at a position among those `given` to a call."""
        known = self._tape.tensors.get(id(tensor))
        if known is None or known.tensor() is not tensor or not self._is_unchanged(tensor, known):
            return self._not_seen(tensor, site, given, position)
        value = known.values[-1]
        held = self._tape.values[value]
        if not held.paths:
            in_block = site.span.code is site.block
            if (in_block and not held.in_block) if held.name else not self._is_written_in(held, site):
                self._guard.run(self._look_up, held, tensor, site)
        variables = site.span.variables
        name = variables[position] if len(variables) == len(given) else ""
        if name and name != held.name and name not in held.also and held_as(site.frame, name) is tensor:
            held.also += (name,)
        if not held.requires_grad and tensor.requires_grad and not _is_cut_off(tensor):  # by `requires_grad_()`
            held.requires_grad, held.leaf = True, tensor.is_leaf
        if held.node is None and held.requires_grad and made_by(tensor) is not None:
            self._adopt(value, tensor, site)
        return value

    def add(self, tensor: Tensor, op: int | None = None) -> int:
        """Write down a new value, as the result of an op if there is one; it goes by what the tensor was called."""
        tape, number = self._tape, len(self._tape.values)
        wanted, node, slot, leaf = tensor.requires_grad, None, 0, op is None
        if wanted:
            maker = made_by(tensor)
            leaf = maker is None
            if leaf and op is not None and _is_cut_off(tensor):
                wanted = leaf = False
            if maker is not None and (node := self._graph.number_of.get(maker)) is not None:
                slot = tensor.output_nr
        parameter = type(tensor) is not Tensor and isinstance(tensor, torch.nn.Parameter)
        held = SeenValue(self._copies.of(tensor), leaf, wanted, parameter, op, node, slot)
        tape.values.append(held)
        if node is not None:
            tape.value_at[node, slot] = number
        known = tape.find(tensor)
        if known is None:
            known = tape.tensors[id(tensor)] = LiveTensor(tensor)
        else:
            held.before = known.values[-1]
            earlier = tape.values[held.before]
            held.name, held.paths = earlier.name, earlier.paths
        known.values.append(number)
        if not tensor.is_inference():
            known.version = tensor._version
        else:
            tape.inferred.append(number)
        if wanted and tensor._backward_hooks and len(known.values) == 1:
            self._graph.observe_hooks(tensor, number, "hooks that were there before")
        return number

    def note_step(self, op: SeenOp, given: Sequence[Tensor], step: FrameType) -> None:
        """Write down what an optimizer makes of each parameter, the whole step as one op."""
        tape = self._tape
        for tensor in given:
            known = tape.tensors[id(tensor)]
            if self._is_unchanged(tensor, known):
                continue
            if self._step[0] is not step:
                self._step = step, len(tape.ops)
                tape.ops.append(replace(op, inputs=()))
            op, last = tape.ops[self._step[1]], known.values[-1]
            if last in op.outputs:
                tape.values[last].tensor, known.version = self._copies.of(tensor), tensor._version
            else:
                op.inputs, op.outputs = (*op.inputs, last), (*op.outputs, self.add(tensor, self._step[1]))

    def walk(self, root: TorchNode, op: int | None, site: CallSite) -> None:
        """Write down autograd's nodes from one on."""
        self._graph.walk(root, op, lambda leaf: self._of_leaf(leaf, site))

    def _of_leaf(self, leaf: Tensor, site: CallSite) -> int:
        """Return the value that a leaf is, as far as it is known that it changed."""
        known = self._tape.find(leaf)
        return known.values[-1] if known else self.of(leaf, site, [leaf])

    def _is_unchanged(self, tensor: Tensor, known: LiveTensor) -> bool:
        """Tell whether a tensor is still the value that it was last."""
        if known.version >= 0 and known.version != tensor._version:
            return False
        if id(tensor) not in self.suspects:
            return True
        held = to_snapshot(self._tape.values[known.values[-1]].tensor)
        now = to_snapshot(self._copies.of(tensor))
        if (held.shape, held.statistics) != (now.shape, now.statistics):
            return False
        if held.data is None or now.data is None:
            return True
        return np.array_equal(held.data, now.data, equal_nan=held.data.dtype.kind in "fc")

    def _not_seen(self, tensor: Tensor, site: CallSite, given: Sequence[Tensor], position: int) -> int:
        """Write down a value whose making was not seen."""
        value = self.add(tensor)
        held = self._tape.values[value]
        if held.parameter and (called := self._guard.run(self.paths.of_module, site.outer, site)) is not None:
            self._called.add(called[:2])
        if not (held.name or held.paths):
            held.written = f"tensor {value}"
            self._guard.run(self._name_new, held, tensor, site, given, position)
        if made_by(tensor) is not None:
            self._adopt(value, tensor, site)
        return value

    def _adopt(self, value: int, tensor: Tensor, site: CallSite) -> None:
        """Write down where a value came from whose making was not seen, such as the result of a custom Function.

        What was made from recorded values counts as an op of its own; what was there before the recording does not.
        """
        node, tape = tensor.grad_fn, self._tape
        assert node is not None
        number, values, nodes = len(tape.ops), len(tape.values), len(tape.nodes)
        self.walk(node, number, site)
        inputs = tuple(dict.fromkeys(to for n in tape.nodes[nodes:] for _, _, to in n.edges if to is not None))
        op: int | None = tape.nodes[self._graph.number_of[node]].op
        if any(given < values and given != value for given in inputs):
            name = type(node).__name__.removesuffix("Backward").removesuffix("Backward0")
            module = self._guard.run(self.paths.of_module, site.inner, site)
            tape.ops.append(SeenOp(name, inputs, (value,), arguments=None, module=module))
        elif op == number:
            op = None
            for seen in tape.nodes[nodes:]:
                seen.op = None
        elif op is not None and value not in (made := tape.ops[op]).outputs:
            for output in made.outputs:
                tape.values[output].written = tape.name_of(output)
            made.outputs = (*made.outputs, value)
        held = tape.values[value]
        held.requires_grad, held.leaf, held.op = True, False, op
        held.node, held.slot = self._graph.number_of[node], tensor.output_nr
        self._tape.value_at[held.node, held.slot] = value

    def leaf_with(self, gradient: Tensor) -> LiveTensor | None:
        """Return the leaf that a tensor is the `.grad` of."""
        number, tape = len(self._tape.passes), self._tape
        if self._gradients[0] != number:
            leaves = [(leaf, known) for known in tape.tensors.values() if (leaf := known.tensor()) is not None]
            self._gradients = number, {id(leaf.grad): known for leaf, known in leaves if leaf.is_leaf}
        known = self._gradients[1].get(id(gradient))
        if known is None or (leaf := known.tensor()) is None or leaf.grad is not gradient:
            return None
        return known

    # Names ----------------------------------------------------------------------------------------------------

    def name_the_rest(self) -> None:
        """Look once more for paths and variables that hold what is still there, such as what a function returned."""
        values, self._step = self._tape.values, (None, 0)
        for owned, paths in self.paths.tensors.values():
            if self._tape.find(owned) is None and owned.requires_grad and any(map(self._is_called, paths)):
                self.add(owned)  # it took no part
            for value in seen.values if (seen := self._tape.find(owned)) is not None else ():
                values[value].paths = paths
        loose = [value for value, held in enumerate(values) if held.paths and not any(p.registered for p in held.paths)]
        if loose:
            self._tape.note("unregistered", NOWHERE, loose)
        rest = [
            (tensor, held)
            for known in self._tape.tensors.values()
            if not (held := values[known.values[-1]]).paths
            if not (held.name and (held.in_block or held.op is None)) and (tensor := known.tensor()) is not None
        ]
        if rest:
            site = call_site(None, self._tape.block)
            inside, outside = around(site)
            names = names_among(inside or outside, {id(tensor) for tensor, _ in rest}, items=True)
        for tensor, held in rest:
            self._guard.run(self._look_up, held, tensor, site, names.get(id(tensor), []))

    def _is_called(self, path: ModulePath) -> bool:
        """Tell whether a module was called that a path leads through."""
        names = path.path.split(".")
        return any((path.root, ".".join(names[:i])) in self._called for i in range(len(names)))

    def _name_new(
        self, held: SeenValue, tensor: Tensor, site: CallSite, given: Sequence[Tensor], position: int
    ) -> None:
        """Name a value whose making was not seen: a leaf, a gradient, or what is written in the call."""
        self._look_up(held, tensor, site)
        if held.name or held.paths:
            return
        texts = site.operands()
        held.name = next((text for text in texts if held_as(site.frame, text) is tensor), "")
        if (known := self.leaf_with(tensor)) is not None:
            leaf = self._tape.values[known.values[-1]]
            held.name = leaf.name and f"{leaf.name}.grad"
            held.paths = [ModulePath(path.root, f"{path.path}.grad") for path in leaf.paths]
        if len(texts) == len(given):
            held.written = texts[position]

    def name_result(self, held: SeenValue, site: CallSite, position: int, of: int) -> None:
        """Name a call's result by what it is assigned to, where the call stands or where it is returned to at once.

        Without a variable, it goes by what returned it outermost: the user's expression, or a module.
        """
        span, module = (site.span, None) if site.span.targets else passed_on(site)
        if module is not None and (path := self.paths.of_module(module, site)):
            held.written = path.text(whole=True)
        elif span is not site.span and of == 1:
            held.written = span.expression
        if len(span.targets) == of and (name := span.targets[position]):
            held.name, held.in_block = name, span.code is site.block

    def _look_up(
        self, held: SeenValue, tensor: Tensor, site: CallSite, found: list[tuple[str, CodeType]] | None = None
    ) -> None:
        """Look for what the code calls a tensor: a parameter or a buffer by its paths, anything else by its variables.

        What was made in the block can be in the variables of the code up to the block's alone; of these names, the one
        that the block itself uses is shown.
        """
        held.in_block = held.in_block or site.span.code is site.block
        held.paths = self.paths.find(tensor, site, held.parameter, held.op is not None)
        if held.paths:
            return
        if found is None:
            inside, outside = around(site)
            found = names_among(inside or outside, {id(tensor)}).get(id(tensor), [])
            if not found and held.op is None:
                found = names_among(outside, {id(tensor)}).get(id(tensor), [])
        known, names = held.name, [name for name, _ in found]
        if not known or (held.op is not None and found and found[0][1] is site.block and known not in names):
            held.name = next((name for name in names if not name.endswith("]")), known)
        held.also = tuple(dict.fromkeys(name for name in (*held.also, known, *names) if name))

    def _is_written_in(self, held: SeenValue, site: CallSite) -> bool:
        """Tell whether a value was made by an expression inside of the one that runs; then no variable has it."""
        if held.op is None:
            return False
        span = self._tape.ops[held.op].span
        written = held.written or (span.expression if span.code is site.span.code else None)
        return written in site.span.arguments


def _is_cut_off(tensor: Tensor) -> bool:
    """Tell whether a tensor is a view made under `no_grad`: PyTorch calls it a leaf, and sends nothing to it."""
    return tensor._base is not None and tensor._base.requires_grad and made_by(tensor) is None


def made_by(tensor: Tensor) -> TorchNode | None:
    """Return the node that made a tensor; of a view that may not be used any more, autograd does not say it."""
    try:
        return tensor.grad_fn
    except RuntimeError:
        return None
