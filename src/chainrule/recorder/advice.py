"""What PyTorch's own errors mean for the user's variables, as a note on the error and in the trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor
from torch.autograd.graph import Node as TorchNode

from chainrule.recorder.module_paths import ModulePaths
from chainrule.recorder.source_code import NOWHERE, relative_path
from chainrule.recorder.tape import SeenOp, Tape
from chainrule.trace import FailedPass

FAILED = "chainrule: a backward pass from here failed"
"""What stands in the metadata of such a node, for questions after the fact."""
_VIEWS = frozenset({
    "__getitem__", "view", "reshape", "transpose", "T", "mT", "t", "chunk", "split", "unbind", "select", "narrow",
    "squeeze", "unsqueeze", "expand", "flatten", "unflatten", "permute", "movedim", "detach", "view_as", "diagonal",
})  # fmt: skip
IN_PLACE, TWICE = "modified by an inplace operation", "second time"


class _Said(NamedTuple):
    """Hold what an error means: its cause, as `FailedPass` has it, what is to be said, and the op to blame."""

    cause: str
    text: str
    op: SeenOp | None = None


def note_failed_pass(
    error: RuntimeError, tape: Tape, nodes: Mapping[int, TorchNode], start: list[Tensor], roots: tuple[int, ...]
) -> None:
    """Add a note to PyTorch's error for each tensor that the pass was to start from; the trace has it, too."""
    for tensor, value in zip(start, roots, strict=True):
        if tensor.grad_fn is not None:
            tensor.grad_fn.metadata[FAILED] = True  # type: ignore[index]  # a method in its stub
        said = _note(str(error), tape, nodes, tensor, value)
        plain = _Said("failed", f"PyTorch says: {' '.join(str(error).split('. ')[0].split())}.")
        _keep(tape, (value,), f"The backward pass from `{tape.name_of(value)}` failed", said or plain)
        _add(error, said)


def note_stopped_block(error: BaseException | None, tape: Tape, paths: ModulePaths) -> None:
    """Add a note to an error that ended the block on the way forward."""
    note, said, made = None, str(error), list[int]()
    if "Inference tensors cannot be saved" in said:
        known = ((seen.tensor(), seen.values[-1]) for seen in tape.tensors.values())
        made = [value for tensor, value in known if tensor is not None and tensor.is_inference()]
        if made:
            note = f"{_made(tape, made[-1])} was made under `torch.inference_mode()`. "
            note += "Make it under `torch.no_grad()`, or give a `.clone()` of it to what learns."
    elif "Expected to have finished reduction" in said and tape.passes:
        got = {turn[3] for run in tape.passes for turn in run.turns if turn[2] is None}
        unused = [
            where[0].text(whole=True)
            for owned, where in paths.tensors.values()
            if owned.requires_grad and ((seen := tape.find(owned)) is None or got.isdisjoint(seen.values))
        ]
        if unused:
            note = f"{_listed(f'`{name}`' for name in unused)} got no gradient in the pass before; DDP waits for it. "
            note += "Use it in `forward`, freeze it before wrapping, or wrap with `find_unused_parameters=True`."
    if error is not None and note:
        op = tape.values[made[-1]].op if made else None
        stopped = _Said("failed", note, None if op is None else tape.ops[op])
        _keep(tape, tuple(made[-1:]), "The block ended with an error", stopped)
        _add(error, stopped)


def _keep(tape: Tape, values: tuple[int, ...], what: str, said: _Said) -> None:
    says, _, hint = said.text.partition(". ")
    says = f"{what}: {says.removesuffix('.')}."
    where = tape.where(said.op.span if said.op is not None else NOWHERE)
    tape.failed_passes[says] = FailedPass(said.cause, values, says, hint, *where[1:])


def _add(error: BaseException, said: _Said | None) -> None:
    if said and not any(note.startswith("chainrule: ") for note in getattr(error, "__notes__", ())):
        error.add_note(f"chainrule: {said.text}")


def _listed(names: Iterable[str]) -> str:
    first, *rest = names
    return first if not rest else f"{first} and {len(rest):,} more" if len(rest) > 3 else " and ".join([first, *rest])


def _note(said: str, tape: Tape, nodes: Mapping[int, TorchNode], tensor: Tensor, value: int) -> _Said | None:
    name = tape.name_of(value)
    if not tensor.requires_grad:
        mode = "inference_mode" if tensor.is_inference() else "no_grad"
        lost = _where_lost(tape, value)
        if lost is not None:
            text = f"`{name}` has no way back: {_call(tape, lost)} let go of it. "
            return _Said("no way back", f"{text}Compute the loss without that, and outside of `{mode}`.", lost)
        return _Said(
            "no way back",
            f"`{name}` was not made from any tensor with requires_grad=True, so there is nothing "
            f"to differentiate by. Create the weight with `requires_grad=True`, and outside of `{mode}`; "
            "`.item()`, `torch.tensor(...)` and NumPy lose the way back as well.",
        )
    if tensor.numel() != 1 and "scalar" in said:
        return _Said(
            "failed",
            f"`{name}` has shape {tuple(tensor.shape)}, so there is no single number to start "
            f"the backward pass from. Reduce it first, for example `{name}.mean()`.",
        )
    return _twice(tape, nodes, value) if TWICE in said else _in_place(tape, nodes, value) if IN_PLACE in said else None


def _call(tape: Tape, op: SeenOp) -> str:
    where = f" at {relative_path(op.span.file, tape.folder)}:{op.span.line}" if op.span.file else ""
    text = op.span.expression or (op.module and f"{op.module.text(whole=True)}.forward") or op.span.function or op.name
    first, *rest = text.split(" ", 2)
    if len(rest) == 2 and op.span.targets[:1] == (first,) and (op.name.startswith("__i") or op.name.endswith("_")):
        text = f"{first} {rest[0]}= {rest[1]}"
    return f"`{text}`{where}"


def _made(tape: Tape, value: int) -> str:
    """Name a value with the line that made it."""
    op = tape.values[value].op
    where = "" if op is None else _call(tape, tape.ops[op]).rpartition("`")[2]
    return f"`{tape.name_of(value)}`{where and f' ({where[4:]})'}"


def _where_lost(tape: Tape, value: int) -> SeenOp | None:
    """Find the last op on the way to a value that was given something to differentiate, and returned nothing."""
    values, pending, passed = tape.values, [value], set[int]()
    while pending:
        at = values[pending.pop(0)].op
        if at is None or at in passed:
            continue
        passed.add(at)
        op = tape.ops[at]
        if any(values[given].requires_grad for given in op.inputs):
            return op
        pending.extend(op.inputs)
    return None


def _behind(tape: Tape, value: int) -> Iterator[tuple[int, int, int]]:
    """Walk from a value to the nodes behind it; give each node, the last value on the way to it, and the node before.

    Of what the code calls nothing, the view of it that has a name counts.
    """
    values, start = tape.values, tape.values[value].node

    def passed_by(last: int, at: int | None) -> int:
        made = values[last].op
        is_view = made is not None and values[last].name and tape.ops[made].name in _VIEWS
        return last if at is None or (is_view and not (values[at].name or values[at].paths)) else at

    pending, passed = [] if start is None else [(start, value, value)], set[int]()
    for node, last, above in pending:  # grows on the way
        if node not in passed and not tape.nodes[node].is_leaf:
            passed.add(node)
            yield node, last, above
            edges = tape.nodes[node].edges
            pending += [(to, passed_by(last, at), node) for to, _, at in edges if to is not None]


def _twice(tape: Tape, nodes: Mapping[int, TorchNode], value: int) -> _Said:
    """Name what ties a graph to one that was freed: where the way from the loss enters what a pass has been through."""
    runs = ({turn[0] for turn in run.turns} for run in tape.passes)
    done = set[int]().union(*(run for run in runs if any(freed(nodes[node]) for node in run if node in nodes)))
    name = f"`{tape.name_of(value)}`"
    if tape.values[value].node in done:
        text = f"an earlier backward pass has run through the graph of {name} and freed it. "
        return _Said("freed", f"{text}Compute {name} again first.")
    way = list(_behind(tape, value))
    ties = [last for node, last, above in way if node in done and above not in done]
    ties = ties or [last for node, last, _ in way if tape.nodes[node].op is None][:1]  # from before the block
    if not ties or value in ties:
        text = f"an earlier backward pass has freed a part of the graph of {name}. "
        return _Said("freed", f"{text}Compute all of it again before.")
    ties = [tie for tie in dict.fromkeys(ties) if tape.values[tie].name] or ties[:1]
    tied = f"{name} hangs on {_listed(_made(tape, tie) for tie in ties)}, of which an earlier backward pass has freed "
    tied += "the graph. "
    cuts = "; ".join(f"{name} = {name}.detach()" for name in map(tape.name_of, ties))
    makers = [tape.ops[made] for tie in ties if (made := tape.values[tie].op) is not None]
    if any(_site(op) in map(_site, makers) for op in tape.ops if max(ties) < max(op.outputs, default=0)):
        return _Said("freed", f"{tied}It is carried over from the step before: cut it there, `{cuts}`.", makers[-1])
    if not makers:
        tied += f"If it is carried over from the step before, cut it there, `{cuts}`; else make it anew each time."
        return _Said("freed", tied)
    return _Said(
        "freed",
        f"{tied}Make it anew for each pass. Losses that share it can be added up and go back once; "
        f"where nothing is to flow past it, use `{tape.name_of(ties[0])}.detach()`.",
        makers[-1],
    )


def _site(op: SeenOp) -> object:
    return op.name, op.span.file, op.span.line


def _in_place(tape: Tape, nodes: Mapping[int, TorchNode], value: int) -> _Said | None:
    """Name the op that kept a tensor for the way back, and the one that has written over it since."""
    found = (node for node, *_ in _behind(tape, value) if node in nodes and IN_PLACE in complaint(nodes[node]))
    if (node := next(found, None)) is None or (number := tape.nodes[node].op) is None:
        return None
    before = {b: a for seen in tape.tensors.values() for a, b in pairwise(seen.values)}
    needs, ops = tape.ops[number], tape.ops
    held = {*needs.inputs, *needs.outputs}

    def root(at: int | None) -> int | None:
        """Follow a tensor, and what it is a view of, to what was kept."""
        while at is not None and at not in held:
            op = tape.values[at].op
            at = before.get(at, ops[op].inputs[0] if op is not None and ops[op].name in _VIEWS else None)
        return at

    for op in ops[number + 1 :]:
        renews = op.name == "embedding" and isinstance(op.call.get("max_norm", op.call.get("3")), (int, float))
        over = [before.get(out) for out in op.outputs] + (list(op.inputs[1:2]) if renews else [])
        if (kept := next((at for at in map(root, over) if at is not None), None)) is not None:
            cure = "Make a new tensor there: `a = a * b` for `a *= b`, `a = a.clone()` before `a[0] = b`, and nothing "
            cure += "with `inplace=True` or a final `_`."
            if op.name == "step":
                cure = "Run all backward passes before the step, or compute the loss again after it."
            elif renews:
                cure = f"`max_norm` shortens the weight in place: use `{tape.name_of(kept)}.clone()` in the other op."
            name = tape.name_of(kept)
            text = f"{_call(tape, needs)} needs `{name}` on the way back, and {_call(tape, op)} wrote over it. {cure}"
            return _Said("overwritten", text, op)
    text = f"{_call(tape, needs)} needs a tensor on the way back that was written over. "
    return _Said("overwritten", f"{text}Write into a `.clone()` of it.", needs)


@lru_cache
def _saved_by(kind: type) -> tuple[str, ...]:
    return tuple(word for word in dir(kind) if word.startswith("_raw_saved_"))


def complaint(node: TorchNode) -> str:
    """Return what PyTorch says of what a node has saved: that it is freed, or written over; nothing if it is there.

    What hooks would unpack, as a checkpoint does, is left alone.
    """
    for word in _saved_by(type(node)):
        try:
            raw = getattr(node, word)
            if getattr(raw, "unpack_hook", raw) is None:
                getattr(node, word.removeprefix("_raw") if word != "_raw_saved_tensors" else "saved_tensors")
        except RuntimeError as error:
            return str(error)
    return ""


def freed(node: TorchNode) -> bool:
    """Tell whether a node has lost what it had saved."""
    return TWICE in complaint(node)
