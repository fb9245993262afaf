"""The live graph's oracle: PyTorch, run again from the page's own leaves; and random graphs that a page can compute."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

import chainrule
from chainrule.live.pytorch_code import kept
from chainrule.trace import Argument, Op, Trace
from tests.support import graphs

Plain = Mapping[str, Any]

UNARY: dict[str, Callable[[torch.Tensor], torch.Tensor]] = graphs.UNARY | {
    "cube": lambda a: a**3,
    "root": lambda a: torch.sqrt(a**2 + 1),
    "squared": torch.square,
    "log": lambda a: torch.log(a**2 + 1),
    "one over": lambda a: 1 / (a**2 + 1),
    "reciprocal": lambda a: torch.reciprocal(a**2 + 1),
    "abs": torch.abs,
    "cos": torch.cos,
    "mean of rows": lambda a: a.mean(0, keepdim=True) if a.dim() else a * 1,
    "sum": lambda a: a.sum(dim=1) if a.dim() == 2 and a.shape[0] != a.shape[1] else a.sum(),
    "turn and back": lambda a: a.T.reshape(a.shape) if a.dim() == 2 else a.reshape(-1).reshape(a.shape),
}
BINARY: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = graphs.BINARY | {
    "matmul": lambda a, b: a.reshape(1, -1) @ b.reshape(-1, 1) if a.shape == b.shape and a.dim() else a * b,
    "matrices": lambda a, b: a @ b.T if a.dim() == b.dim() == 2 and a.shape[1] == b.shape[1] else a + b,
    "dot": lambda a, b: a @ b if a.dim() == b.dim() == 1 and a.shape == b.shape else a - b,
}
SHAPES = [(), (3,), (2, 3), (1, 3)]


def random_recording(seed: int) -> chainrule.Recording:
    """Record a random graph of the ops that a page can compute; even seeds are float32, odd ones float64."""
    draw = random.Random(seed)
    dtype = torch.float64 if seed % 2 else torch.float32
    leaves = []
    for _ in range(draw.randint(1, 3)):
        shape = draw.choice(SHAPES)
        numbers = [round(draw.uniform(-1.5, 1.5), 3) for _ in range(torch.Size(shape).numel())]
        leaves.append(torch.tensor(numbers, dtype=dtype).reshape(shape).requires_grad_())
    with chainrule.record() as rec:
        values = list(leaves)
        for _ in range(draw.randint(2, 7)):
            a, b = draw.choice(values), draw.choice(values)
            name = draw.choice([*UNARY, *BINARY])
            try:
                made = UNARY[name](a) if name in UNARY else BINARY[name](a, b)
            except RuntimeError:  # the shapes do not broadcast
                made = a * 2
            values.append(made)
        loss = values[-1].mean() + values[-2].sum() * 0.5
        for leaf in leaves:
            loss = loss + (leaf * 0.1).sum()
        loss.backward()
    return rec


def replay(
    trace: Trace, leaves: Plain, backward: int | None = -1
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Run a recorded graph again with PyTorch, from the leaves that a page holds: its values and gradients by name."""
    held: dict[int, torch.Tensor] = {}

    def get(value: int) -> torch.Tensor:
        if value not in held:
            recorded = trace.values[value]
            dtype = getattr(torch, recorded.dtype)
            held[value] = torch.tensor(leaves[recorded.name], dtype=dtype, requires_grad=recorded.requires_grad)
        return held[value]

    for number in trace.ops_of(backward):
        op = trace.ops[number]
        shape = trace.values[op.outputs[0]].shape
        inputs = [t if t.requires_grad else t.clone() for t in map(get, op.inputs)]  # some are changed in place
        made = inputs[0] * torch.tensor(kept(trace, op)) if op.name == "dropout" else _call(op, inputs, shape)
        for value, result in zip(op.outputs, made if len(op.outputs) > 1 else [made], strict=True):
            assert result.shape == trace.values[value].shape
            held[value] = result if trace.values[value].requires_grad else result.detach()  # made under no_grad
            if held[value].requires_grad:
                result.retain_grad()
    if backward is not None:
        run = trace.backward(backward)
        only = None if run.asked is None else [get(value) for value in run.asked]
        for root in run.roots:
            start = trace.start(root, backward)
            given = None if start is None else torch.tensor(start.data, dtype=get(root).dtype)
            get(root).backward(given, retain_graph=True, inputs=only)
    names = {value: trace.values[value].name for value in held}
    gradients = {names[v]: t.grad for v, t in held.items() if t.requires_grad and t.grad is not None}
    return {names[v]: t.detach() for v, t in held.items()}, gradients


def _call(op: Op, inputs: Sequence[torch.Tensor], shape: tuple[int, ...]) -> Any:
    if op.name in ("reshape", "view", "squeeze", "unsqueeze"):
        return inputs[0].reshape(shape)
    if op.name == "T":
        return inputs[0].T
    if op.arguments or (op.name in dir(torch.nn.functional) and not op.name.startswith("_")):
        return _call_again(op, inputs)
    words: dict[str, Any] = {**dict(zip(op.letters, inputs, strict=True)), **op.constants}
    arguments = [words[letter] for letter in sorted(words)]
    if op.name in ("sum", "mean") and inputs[0].dim() == 2 and len(arguments) == 1 and "dim" in op.expression:
        return getattr(torch, op.name)(inputs[0], 1)
    if op.name in ("sum", "mean") and len(arguments) == 2:
        return getattr(torch, op.name)(*arguments, keepdim="keepdim" in op.expression)
    name = op.name if op.name.endswith("__") else op.name.removesuffix("_")  # in place, the value before would change
    function = name == "pow" or (name == "where" and inputs[0].dtype == torch.bool)
    return getattr(torch if function else torch.Tensor, name)(*arguments)


def _call_again(op: Op, inputs: Sequence[torch.Tensor]) -> Any:
    """Call an op with all that it was given."""

    def read(given: Argument, top: bool = False) -> Any:
        if isinstance(given, tuple):
            return tuple(map(read, given)) if top else [read(one) for one in given]
        if isinstance(given, str) and given[0] == "@":
            return inputs[int(given[1:])]
        if isinstance(given, str) and op.name == "__getitem__":
            return ... if given == "..." else slice(*(int(end) if end else None for end in given.split(":")))
        return given

    if op.name == "__getitem__":
        return inputs[0][read(op.call["1"], top=True)]
    function = next(getattr(at, op.name) for at in (torch.nn.functional, torch, torch.Tensor) if hasattr(at, op.name))
    words = {place: read(given) for place, given in op.call.items()}
    return function(
        *(given for place, given in words.items() if place.isdigit()),
        **{place: given for place, given in words.items() if not place.isdigit()},
    )


def off(page: Plain, torch_: Mapping[str, torch.Tensor], close: float) -> list[str]:
    """Name what differs by more than `close`, relative to the largest magnitude in its tensor.

    Terms that cancel leave the rounding of what they were, so a hundredth of that, of the largest of all, is let be.
    """
    wrong = []
    known = [t[t.isfinite()].double() for t in torch_.values() if t.isfinite().any()]
    largest = max((float(t.abs().max()) for t in known), default=0.0)
    for name, wanted in torch_.items():
        got = torch.tensor(page[name], dtype=torch.float64) if name in page else torch.tensor(float("nan"))
        finite = wanted[wanted.isfinite()].double()
        scale = float(finite.abs().max()) if finite.numel() else 0.0
        if got.shape == wanted.shape:
            same = (got == wanted) | (got.isnan() & wanted.isnan())  # as infinite numbers are, which have no distance
            error = float(torch.where(same, 0.0, (got - wanted.double()).abs()).max())
        else:
            error = float("inf")
        if not error <= close * max(scale, largest / 100, 1e-8):
            wrong.append(f"{name}: page {page.get(name)}, PyTorch {wanted.tolist()}")
    return wrong
