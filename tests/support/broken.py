"""Broken programs, each with the gradient that it loses, the cause, and the line where it is lost: marked `# here`.

For each cause there are three shapes: as a beginner writes it, with modules, and in place, functional or large. To add
one, add a function; what it returns is not looked at.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # as everybody calls it
from torch import Tensor, nn

Program = Callable[[], Any]


@dataclass(frozen=True)
class Broken:
    """Describe a broken program: what it does to the gradient of which leaf."""

    cause: str
    leaf: str
    run: Program

    @property
    def line(self) -> int | None:
        """Find the line that is marked; `None` if there is none to blame."""
        lines, first = inspect.getsourcelines(self.run)
        return next((first + i for i, line in enumerate(lines) if line.rstrip().endswith("# here")), None)


BROKEN: list[Broken] = []


def broken(cause: str, leaf: str = "w") -> Callable[[Program], Program]:
    """Put a program into the table."""

    def add(run: Program) -> Program:
        BROKEN.append(Broken(cause, leaf, run))
        return run

    return add


def weight(*shape: int, by: float = 1.0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Make a leaf with random numbers."""
    return (torch.randn(*shape) * by).to(dtype).requires_grad_()


def linear(net: nn.Sequential | nn.ModuleList, at: int) -> nn.Linear:
    """Get a linear layer."""
    found = net[at]
    assert isinstance(found, nn.Linear)
    return found


# Zero -------------------------------------------------------------------------------------------------------------


@broken("dead relu", "w1")
def dead_relu() -> None:
    w1, b1, w2, x = weight(4, 8), torch.full((8,), -20.0, requires_grad=True), weight(8, 1), torch.randn(16, 4)
    z = x @ w1 + b1
    h = torch.relu(z)  # here
    loss = ((h @ w2 - 1) ** 2).mean()
    loss.backward()


@broken("dead relu", "inner.bias")
def dead_relu_in_a_module() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.outer, self.gate = nn.Linear(4, 50), nn.Linear(50, 1), nn.ReLU()
            nn.init.constant_(self.inner.bias, -9.0)

        def forward(self, x: Tensor) -> Tensor:
            h = self.gate(self.inner(x))  # here
            return torch.as_tensor(self.outer(h))

    net = Net()
    loss = net(torch.randn(64, 4)).mean()
    loss.backward()


@broken("dead relu")
def dead_relu_in_place() -> None:
    w, c = torch.full((3,), -2.0, requires_grad=True), weight(3)
    z = w * 2
    z.relu_()  # here
    loss = (z + c).sum()
    loss.backward()


@broken("dead relu")
def dead_relu_seen_from_behind() -> None:
    w, h = weight(3, 2), torch.full((5, 3), -1.0)
    h = F.relu(h)  # here
    out = h @ w
    loss = out.sum()
    loss.backward()


@broken("saturated")
def saturated_sigmoid() -> None:
    w, x = torch.full((4,), 30.0, requires_grad=True), torch.tensor([4.0, 5.0, 6.0, 7.0])
    p = torch.sigmoid(w * x)  # here
    loss = ((p - 0.5) ** 2).sum()
    loss.backward()


@broken("saturated", "0.weight")
def saturated_module() -> None:
    net = nn.Sequential(nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 1))
    x = torch.randn(32, 40) * 1e5
    nn.init.constant_(linear(net, 0).weight, 1.0)
    loss = net(x).mean()  # here
    loss.backward()


@broken("saturated")
def saturated_in_place() -> None:
    w, c = weight(3), weight(3)
    h = w.abs() + 1
    h.mul_(1e6)
    h.tanh_()  # here
    loss = (h * c).sum()
    loss.backward()


@broken("saturated")
def all_but_saturated() -> None:
    w, c = torch.tensor([9.0, 8.8], requires_grad=True), weight(2)
    h = torch.tanh(w)  # here
    loss = (h * c).sum()
    loss.backward()


@broken("saturated")
def saturated_cross_entropy() -> None:
    w, c = weight(3), weight(3)
    logits = (w * 0 + torch.tensor([500.0, 0.0, 0.0]) * w.exp())[None]
    loss = F.cross_entropy(logits, torch.tensor([0])) + c.sum()  # here
    loss.backward()


@broken("times zero")
def times_zero() -> None:
    w, b, x = weight(4), weight(4), torch.zeros(4)
    loss = (w * x + b).sum()  # here
    loss.backward()


@broken("times zero", "0.weight")
def times_zero_module() -> None:
    net = nn.Sequential(nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 1))
    nn.init.zeros_(linear(net, 2).weight)
    x = torch.randn(32, 40)
    loss = net(x).mean()  # here
    loss.backward()


@broken("times zero")
def times_zero_in_place() -> None:
    w, b = weight(4), weight(4)
    h = w + 1
    h *= 0  # here
    loss = (h + b).sum()
    loss.backward()


@broken("times zero")
def at_the_bottom_of_a_square() -> None:
    w, b = torch.zeros(4, requires_grad=True), weight(4)
    loss = (w**2 + b).sum()  # here
    loss.backward()


@broken("times zero", "w")
def times_zero_convolution() -> None:
    w, b, image = weight(3, 1, 3, 3), weight(3), torch.zeros(2, 1, 20, 20)
    maps = F.conv2d(image, w, b)  # here
    loss = maps.mean()
    loss.backward()


@broken("no error")
def no_error() -> None:
    w = torch.tensor([2.0, 3.0], requires_grad=True)
    loss = F.mse_loss(w * 2, torch.tensor([4.0, 6.0]))  # here
    loss.backward()


@broken("cancels")
def cancels_with_its_mean() -> None:
    w, c = weight(4), weight(4)
    centred = w - w.mean()  # here
    loss = centred.sum() + c.sum()
    loss.backward()


@broken("cancels", "0.weight")
def cancels_in_a_normalisation() -> None:
    net = nn.Sequential(nn.Linear(6, 6), nn.LayerNorm(6))
    loss = net(torch.randn(8, 6)).sum()  # here
    loss.backward()


@broken("cancels")
def cancels_in_a_softmax() -> None:
    w, c = weight(5), weight(5)
    p = F.softmax(w, dim=0)  # here
    loss = p.sum() + c.sum()
    loss.backward()


@broken("cancels")
def cancels_over_rows() -> None:
    w, c = weight(1), weight(4)
    x = torch.tensor([1.0, -1.0, 2.0, -2.0])
    loss = (w * x).sum() + c.sum()  # here
    loss.backward()


@broken("not picked")
def not_picked_by_where() -> None:
    w, c = weight(4), weight(4)
    chosen = torch.where(c > 100, w, c)  # here
    loss = chosen.sum()
    loss.backward()


@broken("not picked")
def not_picked_by_maximum() -> None:
    w, c = weight(2, 3), torch.full((2, 3), 50.0, requires_grad=True)
    loss = torch.maximum(w, c).mean()  # here
    loss.backward()


@broken("not picked")
def not_picked_next_to_others() -> None:
    w, c = weight(3), weight(3)
    both = torch.cat([w, c])  # here
    loss = both[3:].sum()
    loss.backward()


@broken("not picked")
def nothing_picked() -> None:
    w, c = weight(5), weight(2)
    h = w * 2
    loss = h[h > 1e9].sum() + c.sum()  # here
    loss.backward()


@broken("masked")
def padding_alone() -> None:
    w = weight(7, 3)
    loss = F.embedding(torch.zeros(4, dtype=torch.long), w, padding_idx=0).sum()  # here
    loss.backward()


@broken("0/0", "0.weight")
def every_target_ignored() -> None:
    net = nn.Sequential(nn.Linear(3, 4))
    loss = F.cross_entropy(net(torch.randn(5, 3)), torch.full((5,), -100))  # here
    loss.backward()


@broken("times zero")
def times_zero_complex() -> None:
    w, c = torch.zeros(3, dtype=torch.complex64, requires_grad=True), weight(3)
    loss = (w * w.conj()).real.sum() + c.sum()  # here
    loss.backward()


@broken("clamped")
def clamped() -> None:
    w, c = torch.full((3,), 7.0, requires_grad=True), weight(3)
    loss = (w.clamp(0, 1) * c).sum()  # here
    loss.backward()


@broken("clamped", "0.bias")
def clamped_by_a_module() -> None:
    net = nn.Sequential(nn.Linear(30, 40), nn.Hardtanh(), nn.Linear(40, 1))
    nn.init.constant_(linear(net, 0).bias, 300.0)
    loss = net(torch.randn(40, 30)).mean()  # here
    loss.backward()


@broken("clamped")
def clamped_in_place() -> None:
    w, c = torch.full((3,), -7.0, requires_grad=True), weight(3)
    h = w * 1
    h.clamp_(min=0)  # here
    loss = (h * c).sum()
    loss.backward()


@broken("dropout")
def dropped() -> None:
    w, c = weight(6), weight(6)
    h = F.dropout(w, p=1.0)  # here
    loss = (h + c).sum()
    loss.backward()


@broken("dropout", "0.weight")
def dropped_by_a_module() -> None:
    net = nn.Sequential(nn.Linear(40, 40), nn.Dropout(1.0), nn.Linear(40, 1))
    loss = net(torch.randn(40, 40)).mean()  # here
    loss.backward()


@broken("dropout")
def dropped_in_place() -> None:
    w, c = weight(6), weight(6)
    h = w * 2
    F.dropout(h, p=1.0, inplace=True)  # here
    loss = (h * c).sum()
    loss.backward()


@broken("masked")
def masked() -> None:
    w, c, mask = weight(6), weight(6), torch.ones(6, dtype=torch.bool)
    loss = (w.masked_fill(mask, 0.0) + c).sum()  # here
    loss.backward()


@broken("masked", "layer.weight")
def masked_in_a_module() -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.shift = nn.Linear(30, 60), nn.Parameter(torch.ones(60))

        def forward(self, x: Tensor, padding: Tensor) -> Tensor:
            h: Tensor = self.layer(x)
            h = h.masked_fill(padding[:, None], 0.0)  # here
            return h + self.shift

    net = Masked()
    loss = net(torch.randn(50, 30), torch.ones(50, dtype=torch.bool)).mean()
    loss.backward()


@broken("masked")
def masked_in_place() -> None:
    w, c = weight(6), weight(6)
    h = w * 3
    h.masked_fill_(h.abs() < 1e9, 0.5)  # here
    loss = (h * c).sum()
    loss.backward()


@broken("flat")
def rounded() -> None:
    w, c = weight(4), weight(4)
    loss = (torch.round(w) * c).sum()  # here
    loss.backward()


@broken("flat", "0.weight")
def signs_of_a_layer() -> None:
    net = nn.Sequential(nn.Linear(50, 50))
    codes = torch.sign(net(torch.randn(40, 50)))  # here
    loss = (codes * torch.ones(50, requires_grad=True)).mean()
    loss.backward()


@broken("flat")
def floored_in_place() -> None:
    w, c = weight(4), weight(4)
    h = w * 10
    h.floor_()  # here
    loss = (h * c).sum()
    loss.backward()


@broken("hook")
def zeroed_by_a_hook() -> None:
    w = weight(4)
    h = w * 3
    h.register_hook(lambda gradient: gradient * 0)
    loss = h.sum()
    loss.backward()


@broken("underflow")
def underflow_in_half() -> None:
    w, c = torch.full((2,), 1e-4, dtype=torch.float16, requires_grad=True), weight(2, dtype=torch.float16)
    x = torch.full((2,), 1e-4, dtype=torch.float16)
    h = w * x  # here
    loss = (h * torch.full((2,), 1e-4, dtype=torch.float16)).sum() + c.sum()
    loss.backward()


@broken("changed unseen")
def changed_through_data() -> None:
    w = torch.tensor(3.0, requires_grad=True)
    loss = w**2
    w.data.zero_()  # here
    loss.backward()


@broken("changed unseen", "scale")
def changed_in_a_module() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale, self.shift = nn.Parameter(torch.ones(2, 3)), nn.Parameter(torch.ones(3))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.scale + self.shift

    net, x = Scaled(), torch.tensor([[1.0, 2.0, 3.0], [2.0, 1.0, 1.0]])
    loss = net(x).sum()
    x.data.mul_(0)  # here
    loss.backward()


@broken("changed unseen")
def changed_by_numpy() -> None:
    w, c = weight(2, 2), torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    shared = c.detach().numpy()  # here
    loss = (w * c).mean()
    shared[:] = 0.0
    loss.backward()


@broken("changed unseen")
def changed_by_new_data() -> None:
    w = torch.tensor([1.5, 0.5], requires_grad=True)
    squares = w.square()  # here
    w.data = torch.zeros(2)
    loss = squares.sum()
    loss.backward()


# Not finite -------------------------------------------------------------------------------------------------------


@broken("root at 0")
def root_at_zero() -> None:
    w = torch.tensor([0.0, 4.0], requires_grad=True)
    loss = torch.sqrt(w).sum()  # here
    loss.backward()


@broken("root at 0")
def norm_at_zero() -> None:
    w = torch.zeros(3, requires_grad=True)
    length = (w**2).sum() ** 0.5  # here
    loss = length * 2
    loss.backward()


@broken("root at 0", "0.weight")
def spread_of_equals() -> None:
    net = nn.Sequential(nn.Linear(40, 40))
    nn.init.zeros_(linear(net, 0).weight)
    nn.init.zeros_(linear(net, 0).bias)
    loss = net(torch.randn(40, 40)).var().sqrt()  # here
    loss.backward()


@broken("root of a negative")
def root_hidden_by_where() -> None:
    w = torch.tensor([4.0, -1.0], requires_grad=True)
    root = torch.sqrt(w)  # here
    loss = torch.where(w > 0, root, torch.zeros(2)).sum()
    loss.backward()


@broken("log of 0")
def log_of_zero() -> None:
    w = torch.tensor([0.0, 1.0], requires_grad=True)
    p = w * 2
    loss = (p * torch.log(p)).sum()  # here
    loss.backward()


@broken("log of 0", "0.weight")
def log_of_a_softmax() -> None:
    net = nn.Sequential(nn.Linear(30, 50))
    p = net(torch.randn(40, 30) * 1e4).softmax(1)
    loss = -p.log().mean()  # here
    loss.backward()


@broken("log of 0")
def log_in_place() -> None:
    w = torch.tensor([0.0, 1.0], requires_grad=True)
    h = w * 1
    h.log_()  # here
    loss = h.exp().sum()
    loss.backward()


@broken("divided by 0")
def nothing_by_nothing() -> None:
    w = torch.zeros(3, requires_grad=True)
    unit = w / w.norm()  # here
    loss = unit.sum()
    loss.backward()


@broken("divided by 0", "0.weight")
def mean_over_a_mask() -> None:
    net = nn.Sequential(nn.Linear(30, 50))
    mask = torch.zeros(40, 1)
    h = net(torch.randn(40, 30)) * mask
    loss = (h.sum(0) / mask.sum()).sum()  # here
    loss.backward()


@broken("divided by 0")
def divided_in_place() -> None:
    w = weight(3)
    h = w * 1
    h.div_(torch.zeros(3))  # here
    loss = h.sum()
    loss.backward()


@broken("overflow")
def softmax_by_hand() -> None:
    w = torch.tensor([1.0, 100.0], requires_grad=True)
    e = torch.exp(w)  # here
    loss = (e / e.sum())[0]
    loss.backward()


@broken("overflow", "0.weight")
def overflow_in_half() -> None:
    net = nn.Sequential(nn.Linear(64, 64).half())
    nn.init.constant_(linear(net, 0).weight, 60.0)
    h = net(torch.full((20, 64), 60.0, dtype=torch.float16))  # here
    loss = (h - h.mean()).float().pow(2).mean()
    loss.backward()


@broken("overflow")
def overflow_on_the_way_back() -> None:
    w = torch.full((4,), 2.0, dtype=torch.float16, requires_grad=True)
    h = w * 300  # here
    loss = h.sum() * 1
    loss.backward(torch.tensor(40000.0, dtype=torch.float16))


@broken("masked")
def attention_that_sees_nothing() -> None:
    w = weight(2, 3)
    hidden = float("-inf")
    scores = w + torch.tensor([[hidden, hidden, hidden], [0.0, hidden, 0.0]])
    p = scores.softmax(-1)  # here
    loss = (p**2).sum()
    loss.backward()


@broken("masked", "0.weight")
def attention_that_sees_nothing_large() -> None:
    net = nn.Sequential(nn.Linear(40, 40))
    mask = torch.zeros(40, 40)
    mask[3] = float("-inf")
    p = F.softmax(net(torch.randn(40, 40)) + mask, dim=-1)  # here
    loss = (p**2).sum()
    loss.backward()


@broken("masked")
def masked_with_infinity_in_place() -> None:
    w = weight(2, 3)
    scores = w * 1
    scores += torch.full((2, 3), float("-inf"))
    loss = torch.log_softmax(scores, -1).sum()  # here
    loss.backward()


@broken("in the data")
def nan_in_the_data() -> None:
    w, x = weight(3), torch.tensor([1.0, float("nan"), 2.0])
    loss = (w * x).sum()  # here
    loss.backward()


@broken("in the data", "0.weight")
def nan_in_a_batch() -> None:
    net = nn.Sequential(nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))
    batch = torch.randn(40, 40)
    batch[7, 3] = float("nan")  # here
    loss = net(batch).mean()
    loss.backward()


@broken("in the data")
def infinity_in_the_targets() -> None:
    w, y = weight(3), torch.tensor([1.0, float("inf"), 2.0])
    loss = ((w - y) ** 2).mean()  # here
    loss.backward()


# Tiny and huge ----------------------------------------------------------------------------------------------------


@broken("vanished", "layers.0.weight")
def vanished_in_sigmoids() -> None:
    class Deep(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(16, 16) for _ in range(16)])

        def forward(self, h: Tensor) -> Tensor:
            for layer in self.layers:
                h = torch.sigmoid(layer(h))  # here
            return h

    net = Deep()
    loss = (net(torch.randn(8, 16)) ** 2).mean()
    loss.backward()


@broken("vanished", "w")
def vanished_over_time() -> None:
    w, u, h = weight(12, 12, by=0.02), weight(12), torch.zeros(12)
    first = u
    h = first
    for _ in range(12):
        h = h @ w  # here
    loss = h.sum()
    loss.backward()


@broken("vanished", "0.weight")
def vanished_in_a_sequence() -> None:
    net = nn.Sequential(*[m for _ in range(20) for m in (nn.Linear(40, 40), nn.Sigmoid())])
    loss = net(torch.randn(40, 40)).mean()  # here
    loss.backward()


@broken("times little")
def times_little() -> None:
    w, c = weight(3), weight(3)
    loss = ((w * 1e-9) * c).sum()  # here
    loss.backward()


@broken("exploded")
def exploded_over_time() -> None:
    w, h = weight(12, 12), torch.randn(12)
    for _ in range(30):
        h = h @ w  # here
    loss = h.mean()
    loss.backward()


@broken("exploded", "layers.0.weight")
def exploded_in_depth() -> None:
    class Deep(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(40, 40) for _ in range(12)])
            for i in range(12):
                nn.init.normal_(linear(self.layers, i).weight, std=2.0)

        def forward(self, h: Tensor) -> Tensor:
            for layer in self.layers:
                h = torch.relu(layer(h))  # here
            return h

    net = Deep()
    loss = net(torch.randn(40, 40)).mean()
    loss.backward()


@broken("exploded")
def exploded_in_place() -> None:
    w = weight(4)
    h = w * 1
    h.mul_(1e7)  # here
    loss = h.sum()
    loss.backward()


# Never came -------------------------------------------------------------------------------------------------------


@broken("detached")
def detached() -> None:
    w, c = weight(3), weight(3)
    h = (w * 2).detach()  # here
    loss = (h * c).sum()
    loss.backward()


@broken("detached", "encoder.weight")
def detached_in_a_module() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.head = nn.Linear(5, 5), nn.Linear(5, 1)

        def forward(self, x: Tensor) -> Tensor:
            h = torch.relu(self.encoder(x)).data  # here
            return torch.as_tensor(self.head(h))

    net = Net()
    loss = net(torch.randn(8, 5)).mean()
    loss.backward()


@broken("detached")
def detached_in_place() -> None:
    w, c = weight(3), weight(3)
    h = w * 2
    h.detach_()
    loss = (h * c).sum()  # here
    loss.backward()


@broken("integer")
def whole_numbers() -> None:
    w, c = weight(3), weight(3)
    h = (w * 10).long()  # here
    loss = (h * c).sum()
    loss.backward()


@broken("integer", "0.weight")
def accuracy_as_a_loss() -> None:
    net, c = nn.Sequential(nn.Linear(4, 3)), weight(8)
    guess = net(torch.randn(8, 4)).argmax(1)  # here
    loss = ((guess == 0).float() * c).mean()
    loss.backward()


@broken("integer")
def compared() -> None:
    w, c = weight(3), weight(3)
    right = w > 0  # here
    loss = (right * c).sum()
    loss.backward()


@broken("no_grad")
def without_gradients() -> None:
    w, c = weight(3), weight(3)
    with torch.no_grad():
        h = w * 2  # here
    loss = (h * c).sum()
    loss.backward()


@broken("no_grad", "0.weight")
def evaluated() -> None:
    net, head = nn.Sequential(nn.Linear(4, 3)), nn.Linear(3, 1)

    @torch.no_grad()
    def features(x: Tensor) -> Tensor:
        return torch.as_tensor(net(x))  # here

    h = features(torch.randn(8, 4))
    loss = head(h).mean()
    loss.backward()


@broken("no_grad")
def switched_off() -> None:
    w, c = weight(3), weight(3)
    torch.set_grad_enabled(False)
    h = w.exp()  # here
    torch.set_grad_enabled(True)
    loss = (h * c).sum()
    loss.backward()


@broken("not used")
def not_used() -> None:
    w, c = weight(3), weight(3)
    aside = w * 2  # here
    loss = c.sum()
    loss.backward()
    return aside  # type: ignore[return-value]


@broken("not used", "second.weight")
def a_head_left_out() -> None:
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(3, 1), nn.Linear(3, 1)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            a = self.first(x)
            b = self.second(x)  # here
            return a, b

    net = Heads()
    one, _ = net(torch.randn(8, 3))
    loss = one.mean()
    loss.backward()


@broken("not used")
def lost_as_a_number() -> None:
    w, c = weight(3), weight(3)
    size = w.norm().item()  # here
    loss = (c * size).sum()
    loss.backward()


@broken("replaced")
def replaced() -> None:
    w, x = torch.tensor(1.0, requires_grad=True), torch.tensor(2.0)
    for _ in range(2):
        loss = (w * x - 4) ** 2
        loss.backward()
        if w.grad is not None:
            w = w - 0.1 * w.grad  # here


@broken("replaced")
def replaced_by_a_method() -> None:
    w, b = weight(3), weight(3)
    for _ in range(2):
        loss = ((w * 2 - b) ** 2).sum()
        loss.backward()
        if w.grad is not None:
            w = w.sub(w.grad, alpha=0.1)  # here


@broken("replaced")
def replaced_without_gradients() -> None:
    w, b = weight(3), weight(3)
    for _ in range(2):
        loss = ((w * 2 - b) ** 2).sum()
        loss.backward()
        if w.grad is not None:
            with torch.no_grad():
                w = w - 0.1 * w.grad  # here


@broken("requires_grad")
def frozen() -> None:
    w, c = torch.ones(3), weight(3)
    loss = (w * c).sum()
    loss.backward()


@broken("requires_grad", "0.weight")
def frozen_layer() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    net[0].weight = nn.Parameter(torch.ones(3, 3), requires_grad=False)
    loss = net(torch.randn(4, 3)).mean()
    loss.backward()


@broken("requires_grad")
def made_of_frozen() -> None:
    a, c = torch.ones(3), weight(3)
    w = a * 2  # here
    loss = (w * c).sum()
    loss.backward()


@broken("not asked")
def other_inputs_alone() -> None:
    w, c = weight(3), weight(3)
    loss = (w * c).sum()
    loss.backward(inputs=[c])


@broken("not asked")
def other_gradient_alone() -> None:
    w, c = weight(3), weight(3)
    h = w * 2
    loss = (h * c).sum()
    torch.autograd.grad(loss, c)


class Selfish(torch.autograd.Function):
    """Double a tensor, and keep the gradient."""

    @staticmethod
    def forward(ctx: Any, w: Tensor) -> Tensor:
        """Double it."""
        return w * 2

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> None:
        """Hand on none."""


@broken("stopped")
def kept_by_a_function() -> None:
    w, c = weight(3), weight(3)
    h = Selfish.apply(w)  # type: ignore[no-untyped-call]
    loss = (h * c).sum()
    loss.backward()
