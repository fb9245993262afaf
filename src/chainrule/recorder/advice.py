"""What PyTorch's own errors mean for the user's variables, as a note on the error and in the trace.

The words are in `advice.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

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


_SAYS: Mapping[str, str] = json.loads(Path(__file__).with_name("advice.json").read_text("utf-8"))
_Said: TypeAlias = tuple[str, str, SeenOp | None]
"""What an error means: its cause, as `FailedPass` has it, what is to be said, and the op to blame."""


def note_failed_pass(
    error: RuntimeError, tape: Tape, nodes: Mapping[int, TorchNode], start: list[Tensor], roots: tuple[int, ...]
) -> None:
    """Add a note to PyTorch's error for each tensor that the pass was to start from; the trace has it, too."""
    for tensor, value in zip(start, roots, strict=True):
        if tensor.grad_fn is not None:
            tensor.grad_fn.metadata[FAILED] = True  # type: ignore[index]  # a method in its stub
        said = _note(str(error), tape, nodes, tensor, value)
        plain = "failed", _SAYS["failed"].format(said=" ".join(str(error).split(". ")[0].split())), None
        _keep(tape, (value,), f"The backward pass from `{tape.name_of(value)}` failed", said or plain)
        _add(error, said)


def note_stopped_block(error: BaseException | None, tape: Tape, paths: ModulePaths) -> None:
    """Add a note to an error that ended the block on the way forward."""
    note, words, op, made = "", str(error), None, list[int]()
    if "Inference tensors cannot be saved" in words:
        known = ((seen.tensor(), seen.values[-1]) for seen in tape.tensors.values())
        made = [value for tensor, value in known if tensor is not None and tensor.is_inference()][-1:]
        for value in made:
            op = _maker(tape, value)
            note = _SAYS["inference"].format(made=_made(tape, value))
    elif "Expected to have finished reduction" in words and tape.passes:
        got = {turn[3] for run in tape.passes for turn in run.turns if turn[2] is None}
        unused = [
            f"`{where[0].text(whole=True)}`"
            for owned, where in paths.tensors.values()
            if owned.requires_grad and ((seen := tape.find(owned)) is None or got.isdisjoint(seen.values))
        ]
        note = _SAYS["unused"].format(unused=_listed(unused)) if unused else ""
    if error is not None and note:
        _keep(tape, tuple(made), "The block ended with an error", ("failed", note, op))
        _add(error, ("failed", note, op))


def _keep(tape: Tape, values: tuple[int, ...], what: str, said: _Said) -> None:
    cause, text, op = said
    says, _, hint = text.partition(". ")
    says = f"{what}: {says.removesuffix('.')}."
    tape.failed_passes[says] = FailedPass(cause, values, says, hint, *tape.where(op.span if op else NOWHERE)[1:])


def _add(error: BaseException, said: _Said | None) -> None:
    if said and not any(note.startswith("chainrule: ") for note in getattr(error, "__notes__", ())):
        error.add_note(f"chainrule: {said[1]}")


def _note(said: str, tape: Tape, nodes: Mapping[int, TorchNode], tensor: Tensor, value: int) -> _Said | None:
    name = tape.name_of(value)
    if not tensor.requires_grad:
        mode, lost = "inference_mode" if tensor.is_inference() else "no_grad", _where_lost(tape, value)
        text = _SAYS["no way back" if lost else "no leaf"]
        return "no way back", text.format(name=name, mode=mode, by=lost and _call(tape, lost)), lost
    if tensor.numel() != 1 and "scalar" in said:
        return "failed", _SAYS["no scalar"].format(name=name, shape=tuple(tensor.shape)), None
    return _twice(tape, nodes, value) if TWICE in said else _in_place(tape, nodes, value) if IN_PLACE in said else None


def _listed(names: Sequence[str]) -> str:
    return f"{names[0]} and {len(names) - 1:,} more" if len(names) > 4 else " and ".join(names)


def _call(tape: Tape, op: SeenOp) -> str:
    """Write a call with its place, and what it writes into as such."""
    where = f" at {relative_path(op.span.file, tape.folder)}:{op.span.line}" if op.span.file else ""
    text = op.span.expression or (op.module and f"{op.module.text(whole=True)}.forward") or op.span.function or op.name
    first, *rest = text.split(" ", 2)
    if len(rest) == 2 and op.span.targets[:1] == (first,) and (op.name.startswith("__i") or op.name.endswith("_")):
        text = f"{first} {rest[0]}= {rest[1]}"
    return f"`{text}`{where}"


def _maker(tape: Tape, value: int) -> SeenOp | None:
    return None if (op := tape.values[value].op) is None else tape.ops[op]


def _made(tape: Tape, value: int) -> str:
    """Name a value with the line that made it."""
    op = _maker(tape, value)
    where = _call(tape, op).rpartition("` at ")[2] if op and op.span.file else ""
    return f"`{tape.name_of(value)}`{where and f' ({where})'}"


def _where_lost(tape: Tape, value: int) -> SeenOp | None:
    """Find the last op on the way to a value that was given something to differentiate, and returned nothing."""
    pending = {value: None}
    for at in (queue := [*pending]):  # grows on the way
        if (op := _maker(tape, at)) is None:
            continue
        if any(tape.values[given].requires_grad for given in op.inputs):
            return op
        queue += [given for given in op.inputs if given not in pending]
        pending |= dict.fromkeys(op.inputs)
    return None


def _behind(tape: Tape, value: int) -> Iterator[tuple[int, int, int]]:
    """Walk from a value to the nodes behind it; give each node, the last value on the way to it, and the node before.

    Of what the code calls nothing, the view of it that has a name counts.
    """
    values, start = tape.values, tape.values[value].node

    def passed_by(last: int, at: int | None) -> int:
        made = _maker(tape, last)
        is_view = made is not None and values[last].name and made.name in _VIEWS
        return last if at is None or (is_view and not (values[at].name or values[at].paths)) else at

    pending, passed = [] if start is None else [(start, value, value)], set[int]()
    for node, last, above in pending:  # grows on the way
        if node not in passed and not tape.nodes[node].is_leaf:
            passed.add(node)
            yield node, last, above
            pending += [(to, passed_by(last, at), node) for to, _, at in tape.nodes[node].edges if to is not None]


def _twice(tape: Tape, nodes: Mapping[int, TorchNode], value: int) -> _Said:
    """Name what ties a graph to one that was freed: where the way from the loss enters what a pass has been through."""
    runs = ({turn[0] for turn in run.turns} for run in tape.passes)
    done = set[int]().union(*(run for run in runs if any(freed(nodes[node]) for node in run if node in nodes)))
    name = tape.name_of(value)
    if tape.values[value].node in done:
        return "freed", _SAYS["freed"].format(name=name), None
    way = list(_behind(tape, value))
    ties = [last for node, last, above in way if node in done and above not in done]
    ties = ties or [last for node, last, _ in way if tape.nodes[node].op is None][:1]  # from before the block
    if not ties or value in ties:
        return "freed", _SAYS["freed in part"].format(name=name), None
    ties = [tie for tie in dict.fromkeys(ties) if tape.values[tie].name] or ties[:1]
    makers = [op for op in (_maker(tape, tie) for tie in ties) if op is not None]
    again = {(op.name, op.span.file, op.span.line) for op in makers}
    later = (op for op in tape.ops if max(ties) < max(op.outputs, default=0))
    is_carried = any((op.name, op.span.file, op.span.line) in again for op in later)
    cure = _SAYS["carried over" if is_carried else "shared" if makers else "from before"]
    names = [tape.name_of(tie) for tie in ties]
    cure = cure.format(cuts="; ".join(f"{tie} = {tie}.detach()" for tie in names), tie=names[0])
    tied = _SAYS["tied"].format(name=name, ties=_listed([_made(tape, tie) for tie in ties]), cure=cure)
    return "freed", tied, makers[-1] if makers else None


def _in_place(tape: Tape, nodes: Mapping[int, TorchNode], value: int) -> _Said | None:
    """Name the op that kept a tensor for the way back, and the one that has written over it since."""
    found = (node for node, *_ in _behind(tape, value) if node in nodes and IN_PLACE in complaint(nodes[node]))
    if (node := next(found, None)) is None or (number := tape.nodes[node].op) is None:
        return None
    needs = tape.ops[number]
    held = {*needs.inputs, *needs.outputs}

    def root(at: int | None) -> int | None:
        """Follow a tensor, and what it is a view of, to what was kept."""
        while at is not None and at not in held:
            op, before = _maker(tape, at), tape.values[at].before
            at = before if before is not None else op.inputs[0] if op and op.name in _VIEWS else None
        return at

    for op in tape.ops[number + 1 :]:
        renews = op.name == "embedding" and isinstance(op.call.get("max_norm", op.call.get("3")), (int, float))
        over = [tape.values[out].before for out in op.outputs] + (list(op.inputs[1:2]) if renews else [])
        if (kept := next((at for at in map(root, over) if at is not None), None)) is not None:
            name = tape.name_of(kept)
            cure = _SAYS["step" if op.name == "step" else "renewed" if renews else "in place"].format(kept=name)
            said = {"needs": _call(tape, needs), "by": _call(tape, op), "kept": name, "cure": cure}
            return "overwritten", _SAYS["overwritten"].format(**said), op
    return "overwritten", _SAYS["overwritten by"].format(needs=_call(tape, needs)), needs


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
