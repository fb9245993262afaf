"""What PyTorch's own errors in a backward pass mean for the user's variables."""

from __future__ import annotations

from torch import Tensor

from chainrule.recorder.source_code import relative_path
from chainrule.recorder.tape import SeenOp, Tape


def add_notes(error: RuntimeError, tape: Tape, start: list[Tensor], roots: tuple[int, ...]) -> None:
    """Add a note to PyTorch's error for each tensor that a backward pass was to start from."""
    for tensor, value in zip(start, roots, strict=True):
        note = _note(str(error), tape, tensor, value)
        if note is not None:
            error.add_note(f"chainrule: {note}")


def _note(said: str, tape: Tape, tensor: Tensor, value: int) -> str | None:
    name = tape.name_of(value)
    if not tensor.requires_grad:
        lost = _where_lost(tape, value)
        if lost is not None:
            span = lost.span
            where = f" at {relative_path(span.file, tape.folder)}:{span.line}" if span.file else ""
            return (
                f"`{name}` has no way back: `{span.expression or lost.name}`{where} let go of it. "
                "Compute the loss without that, and outside of `no_grad`."
            )
        return (
            f"`{name}` was not made from any tensor with requires_grad=True, so there is nothing "
            "to differentiate by. Create the weight with `requires_grad=True`, and outside of `no_grad`; "
            "`.item()`, `torch.tensor(...)` and NumPy lose the way back as well."
        )
    if tensor.numel() != 1 and "scalar" in said:
        return (
            f"`{name}` has shape {tuple(tensor.shape)}, so there is no single number to start "
            f"the backward pass from. Reduce it first, for example `{name}.mean()`."
        )
    if "second time" in said:
        return (
            f"an earlier backward pass has run through the graph of `{name}` and freed it. Compute "
            f"`{name}` again before each backward pass, or keep the graph with `retain_graph=True`."
        )
    return None


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
