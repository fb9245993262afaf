"""Say why a leaf has no gradient after the fact, from PyTorch's own graph, without a recording.

The graph knows what the loss was made from, not where in the code: for file and line, record.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node

from chainrule.calculus.notation import number
from chainrule.diagnosis.causes import Finding, say
from chainrule.diagnosis.evidence import call_of, code
from chainrule.diagnosis.report import Reason, Why
from chainrule.diagnosis.thresholds import DEEPEST
from chainrule.errors import ChainruleError
from chainrule.recorder.advice import FAILED, IN_PLACE, TWICE, complaint
from chainrule.recorder.source_names import call_site
from chainrule.trace import Trace

_RECORD = "For file and line, run the step again inside `with chainrule.record() as rec:`, and ask `rec.why()`."


def why(loss: torch.Tensor, leaf: torch.Tensor) -> Why:
    """Say why a leaf's `.grad` is None after a backward pass of `loss`, without a recording.

    It looks at the graph that PyTorch still has: whether the leaf asks for a gradient, whether it is one, whether the
    loss was made from it, or from a copy. Nothing is computed, and nothing is changed. If there is a gradient, it says
    how large it is.

    Raises `ChainruleError` if one of the two is no tensor, or the graph has more than 20,000 steps.

    >>> import torch
    >>> w = torch.tensor(1.0, requires_grad=True)
    >>> loss = (w.detach() * 2) ** 2
    >>> print(why(loss, w).reasons[0].cause)
    detached
    """
    written = call_site().operands()
    for tensor, word in ((loss, "loss"), (leaf, "leaf")):
        if not isinstance(tensor, torch.Tensor):
            raise ChainruleError(
                f"The {word} is {type(tensor).__name__}, and only tensors have gradients. "
                "Give the two tensors: `chainrule.why(loss, w)`."
            )
    given = written if len(written) == 2 else ("loss", "the leaf")
    root, name = (code(text) if text != "the leaf" else text for text in given)
    found = _without(root, loss, leaf)
    if found is None and leaf.grad is not None:
        failed = say("after: failed", root=root, of="is from before that, or in part", record=_RECORD)
        reason = Reason(failed.cause, (given[1],), f"{name} has a `.grad`, but {failed.proof}.", failed.hint)
        return Why((reason,) if _has_failed(loss) else (), _there(name, leaf.grad))
    found = found or _search(root, name, loss, leaf)
    return Why((Reason(found.cause, (given[1],), f"{name} has no `.grad`: {found.proof}.", found.hint),))


def _without(root: str, loss: torch.Tensor, leaf: torch.Tensor) -> Finding | None:
    """Say what keeps a tensor from having a gradient whatever the loss, or that the loss has no way back at all."""
    if not (leaf.is_floating_point() or leaf.is_complex()):
        return say("integer", value="it", dtype=str(leaf.dtype).removeprefix("torch."))
    if not leaf.requires_grad:
        return say("after: requires_grad")
    if not leaf.is_leaf and not leaf.retains_grad:
        return say("after: no leaf", made=code(type(leaf.grad_fn).__name__), record=_RECORD)
    if loss.requires_grad:
        return None
    if not (loss.is_floating_point() or loss.is_complex()):
        return say("after: whole loss", root=root, dtype=str(loss.dtype).removeprefix("torch."), record=_RECORD)
    return say("after: no way back", root=root, record=_RECORD)


def _search(root: str, name: str, loss: torch.Tensor, leaf: torch.Tensor) -> Finding:
    """Walk the graph behind the loss, and say whether it leads to the leaf."""
    nodes = _nodes(loss)
    leaves = [node.variable for node in nodes if hasattr(node, "variable")]
    if loss is leaf or any(held is leaf for held in leaves) or leaf.grad_fn in nodes:
        return _between(root, name, loss, leaf, nodes)
    for held in leaves:
        if (held.shape, held.dtype, held.device, held.layout) != (leaf.shape, leaf.dtype, leaf.device, leaf.layout):
            continue
        if held.layout is torch.strided and held.numel() and held.data_ptr() == leaf.data_ptr():
            return say("after: same memory", root=root, value=name)
        if held.numel() > 1 and torch.equal(held.detach(), leaf.detach()):
            return say("after: same numbers", root=root, count=held.numel())
    if loss.grad_fn is None:
        return say("after: plain numbers", root=root, value=name, record=_RECORD)
    count = "one leaf" if len(leaves) == 1 else f"{len(leaves):,} leaves"
    return say("after: not used", root=root, leaves=count, value=name, record=_RECORD)


def _between(root: str, name: str, loss: torch.Tensor, leaf: torch.Tensor, nodes: Iterable[Node]) -> Finding:
    """Say why a leaf has nothing though the loss was made from it."""
    said = {node: complaint(node) for node in nodes}
    if over := next((node for node in said if IN_PLACE in said[node]), None):
        return say("after: written over", node=code(type(over).__name__), record=_RECORD)
    if _has_failed(loss):
        return say("after: failed", root=root, of="never came", record=_RECORD)
    if not any(TWICE in words for words in said.values()):
        return say("after: no backward pass", root=root, value=name, loss=root.strip("`"))
    custom = [node for node in said if isinstance(node, BackwardCFunction)]
    if not custom or any(getattr(node, "variable", None) is leaf for node in _nodes(loss, BackwardCFunction)):
        return say("after: freed", root=root, value=name)
    return say("after: custom", value=name, functions=" or ".join(code(type(node).__name__) for node in custom[:2]))


def _has_failed(loss: torch.Tensor) -> bool:
    return loss.grad_fn is not None and FAILED in loss.grad_fn.metadata  # type: ignore[operator]  # a method in its stub


def failed_passes(trace: Trace) -> tuple[Reason, ...]:
    """Return a reason for each backward pass of a recording that raised, or for the call that ended it before any."""
    found = [
        Reason(one.cause, tuple(trace.values[v].name for v in one.values), one.says, one.hint, one.file, one.line)
        for one in trace.failed_passes
    ]
    if trace.failed and not found and not trace.passes:
        op, says = trace.failed.op, "The block ended before a backward pass had run"
        says += f": {call_of(op)} raised {trace.failed.error}"
        found.append(Reason("failed", (), says, "Mend that error first.", op.file, op.line))
    return tuple(found)


def _nodes(loss: torch.Tensor, until: type | tuple[()] = ()) -> dict[Node, None]:
    """List the nodes behind a tensor, on each way until one of a kind."""
    found: dict[Node, None] = {}
    pending = [loss.grad_fn]
    while pending:
        node = pending.pop()
        if node is None or node in found:
            continue
        if len(found) == DEEPEST:
            raise ChainruleError(
                f"The graph has more than {DEEPEST:,} steps, too many to be looked at after the fact. {_RECORD}"
            )
        found[node] = None
        pending.extend(child for child, _ in node.next_functions if not isinstance(node, until))
    return found


def _there(name: str, gradient: torch.Tensor) -> str:
    """Say how large a gradient is."""
    flat = gradient.detach().to_dense() if gradient.layout is not torch.strided else gradient.detach()
    size = flat.abs().float()
    finite = bool(torch.isfinite(size).all())
    if not flat.numel():
        return f"{name} has a gradient, without entries."
    if flat.numel() == 1 and not flat.is_complex():
        return f"{name} has a gradient: it is {number(flat.item())}. {_RECORD}"
    zeros = int((flat == 0).sum())
    some = f"its largest entry is {number(float(size.max()))}" if finite else "not all of it is finite"
    return f"{name} has a gradient: of its {flat.numel():,} entries {zeros:,} are 0, and {some}. {_RECORD}"
