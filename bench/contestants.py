"""What is measured: a plain step, the least that a recorder can do, chainrule, and its peers, each on the same work.

A contestant does a step of the work, with all that it collects on the way, and then gives what it has to show as text.
Peers are imported only where they are asked for; torchlens, for one, leaves PyTorch's functions wrapped.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch.overrides import TorchFunctionMode

import chainrule
from bench.works import Scalar, Work

Show: TypeAlias = Callable[[], str]
"""Gives what there is to show of a step that was recorded."""


class Watched(TorchFunctionMode):
    """Do the least that any recorder must: pass each call on, walk along the new nodes, hang an empty hook on each."""

    def __init__(self) -> None:
        """Begin without nodes and hooks."""
        super().__init__()
        self.known: set[Any] = set()
        self.handles: list[Any] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Pass a call on."""
        result = func(*args, **(kwargs or {}))
        pending = [result.grad_fn] if isinstance(result, torch.Tensor) and result.grad_fn else []
        while pending:
            node = pending.pop()
            if node not in self.known:
                self.known.add(node)
                leaf = type(node).__name__ == "AccumulateGrad"
                self.handles.append((node.register_prehook if leaf else node.register_hook)(lambda *_: None))
                pending += [child for child, _ in node.next_functions if child is not None]
        return result

    def __exit__(self, *error: Any) -> None:
        """Take the hooks down."""
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        for handle in self.handles:
            handle.remove()


def plain(work: Work) -> Show:
    """Do a step that nobody watches."""
    work.step()
    return str


def floor(work: Work) -> Show:
    """Do a step under the least that any recorder must do."""
    with Watched():
        work.step()
    return str


def ours(work: Work, **how: Any) -> Show:
    """Record a step; what there is to show is what a notebook shows, the live graph with its picture and table."""
    with chainrule.record(**how) as rec:
        work.step()
    return rec._repr_html_


def torchlens(work: Work) -> Show:
    """Record a step with all values and gradients; the page that it can export needs no Graphviz."""
    import torchlens as tl

    work.model.zero_grad()
    log = tl.trace(work.model, work.x, capture=tl.options.CaptureOptions(save_grads=True))
    log.log_backward(log[log.output_layers[0]].out)

    def show() -> str:
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder, "page.html")
            tl.export.html(log, page)
            return page.read_text("utf-8")

    return show


def torchviz(work: Work) -> Show:
    """Do a step; its graph is read afterwards, and given as text for Graphviz."""
    from torchviz import make_dot

    work.model.zero_grad()
    loss = work.run()
    loss.backward()
    return lambda: str(make_dot(loss, params=dict(work.model.named_parameters())).source)


def torchview(work: Work) -> Show:
    """Do a forward pass alone, which is what it follows, and give its graph as text for Graphviz."""
    from torchview import draw_graph

    graph = draw_graph(work.model, input_data=work.x, device="cpu")
    return lambda: str(graph.visual_graph.source)


def micrograd(work: Work) -> Show:
    """Do a step of the scalar graph in its own engine, with ReLU where PyTorch has tanh, which it lacks."""
    from micrograd.engine import Value

    if not isinstance(work.model, Scalar):
        raise NotImplementedError("it has single numbers only")
    w, b = Value(1.0), Value(0.5)
    loss = ((w * 1.0 + b).relu() - 2.0) ** 2
    loss.backward()
    return lambda: f"{w} {b} {loss}"


OURS: dict[str, Callable[[Work], Show]] = {
    "plain": plain,
    "floor": floor,
    "chainrule": ours,
    "no local gradients": partial(ours, local_gradients=False),
    "shapes": partial(ours, keep="shapes", local_gradients=False),
}
PEERS: dict[str, Callable[[Work], Show]] = {peer.__name__: peer for peer in (torchlens, torchviz, torchview, micrograd)}
