"""Say why a leaf has no gradient after the fact, from PyTorch's own graph, without a recording.

The graph knows what the loss was made from, not where in the code: for file and line, record.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch.autograd.graph import Node

from chainrule.calculus.notation import number
from chainrule.diagnosis.causes import Finding, say
from chainrule.diagnosis.evidence import code
from chainrule.diagnosis.report import Reason, Why
from chainrule.diagnosis.thresholds import DEEPEST
from chainrule.errors import ChainruleError
from chainrule.recorder.source_names import call_site

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
        return Why((), _there(name, leaf.grad))
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
        key = "after: freed" if any(map(_freed, nodes)) else "after: no backward pass"
        return say(key, root=root, value=name, loss=root.strip("`"))
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


def _nodes(loss: torch.Tensor) -> dict[Node, None]:
    """List the nodes behind a tensor."""
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
        pending.extend(child for child, _ in node.next_functions)
    return found


@lru_cache
def _saved_by(kind: type) -> tuple[str, ...]:
    return tuple(word for word in dir(kind) if word.startswith("_raw_saved_"))


def _freed(node: Node) -> bool:
    """Tell whether a node has lost what it had saved; what hooks would unpack, as a checkpoint does, is left alone."""
    for word in _saved_by(type(node)):
        try:
            raw = getattr(node, word)
            if getattr(raw, "unpack_hook", raw) is None:
                getattr(node, word.removeprefix("_raw") if word != "_raw_saved_tensors" else "saved_tensors")
        except RuntimeError as error:
            return "second time" in str(error)
    return False


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
