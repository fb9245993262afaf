"""Broken programs, each with the gradient that it loses, the cause, and the line where it is lost: marked `# here`.

For each cause there are three shapes: as a beginner writes it, with modules, and in place, functional or large. To add
one, add a function that returns its loss, or nothing if it goes back itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # as everybody calls it
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

Program = Callable[[], Any]


@dataclass(frozen=True)
class Broken:
    """Describe a broken program: what it does to the gradient of which leaf."""

    cause: str
    leaf: str
    program: Program

    def run(self) -> None:
        """Run the program, and the backward pass of the loss that it returns, if it has run none itself."""
        loss = self.program()
        if loss is not None:
            loss.backward()

    @property
    def line(self) -> int | None:
        """Find the line that is marked; `None` if there is none to blame."""
        lines, first = inspect.getsourcelines(self.program)
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
def dead_relu() -> Any:
    w1, b1, w2, x = weight(4, 8), torch.full((8,), -20.0, requires_grad=True), weight(8, 1), torch.randn(16, 4)
    z = x @ w1 + b1
    h = torch.relu(z)  # here
    return ((h @ w2 - 1) ** 2).mean()


@broken("dead relu", "inner.bias")
def dead_relu_in_a_module() -> Any:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.outer, self.gate = nn.Linear(4, 50), nn.Linear(50, 1), nn.ReLU()
            nn.init.constant_(self.inner.bias, -9.0)

        def forward(self, x: Tensor) -> Tensor:
            h = self.gate(self.inner(x))  # here
            return torch.as_tensor(self.outer(h))

    net = Net()
    return net(torch.randn(64, 4)).mean()


@broken("dead relu")
def dead_relu_in_place() -> Any:
    w, c = torch.full((3,), -2.0, requires_grad=True), weight(3)
    z = w * 2
    z.relu_()  # here
    return (z + c).sum()


@broken("dead relu")
def dead_relu_seen_from_behind() -> Any:
    w, h = weight(3, 2), torch.full((5, 3), -1.0)
    h = F.relu(h)  # here
    out = h @ w
    return out.sum()


@broken("saturated")
def saturated_sigmoid() -> Any:
    w, x = torch.full((4,), 30.0, requires_grad=True), torch.tensor([4.0, 5.0, 6.0, 7.0])
    p = torch.sigmoid(w * x)  # here
    return ((p - 0.5) ** 2).sum()


@broken("saturated", "0.weight")
def saturated_module() -> Any:
    net = nn.Sequential(nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 1))
    x = torch.randn(32, 40) * 1e5
    nn.init.constant_(linear(net, 0).weight, 1.0)
    return net(x).mean()  # here


@broken("saturated")
def saturated_in_place() -> Any:
    w, c = weight(3), weight(3)
    h = w.abs() + 1
    h.mul_(1e6)
    h.tanh_()  # here
    return (h * c).sum()


@broken("saturated")
def all_but_saturated() -> Any:
    w, c = torch.tensor([9.0, 8.8], requires_grad=True), weight(2)
    h = torch.tanh(w)  # here
    return (h * c).sum()


@broken("saturated")
def saturated_cross_entropy() -> Any:
    w, c = weight(3), weight(3)
    logits = (w * 0 + torch.tensor([500.0, 0.0, 0.0]) * w.exp())[None]
    return F.cross_entropy(logits, torch.tensor([0])) + c.sum()  # here


@broken("times zero")
def times_zero() -> Any:
    w, b, x = weight(4), weight(4), torch.zeros(4)
    return (w * x + b).sum()  # here


@broken("times zero", "0.weight")
def times_zero_module() -> Any:
    net = nn.Sequential(nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 1))
    nn.init.zeros_(linear(net, 2).weight)
    x = torch.randn(32, 40)
    return net(x).mean()  # here


@broken("times zero")
def times_zero_in_place() -> Any:
    w, b = weight(4), weight(4)
    h = w + 1
    h *= 0  # here
    return (h + b).sum()


@broken("times zero")
def at_the_bottom_of_a_square() -> Any:
    w, b = torch.zeros(4, requires_grad=True), weight(4)
    return (w**2 + b).sum()  # here


@broken("times zero", "w")
def times_zero_convolution() -> Any:
    w, b, image = weight(3, 1, 3, 3), weight(3), torch.zeros(2, 1, 20, 20)
    maps = F.conv2d(image, w, b)  # here
    return maps.mean()


@broken("no error")
def no_error() -> Any:
    w = torch.tensor([2.0, 3.0], requires_grad=True)
    return F.mse_loss(w * 2, torch.tensor([4.0, 6.0]))  # here


@broken("cancels")
def cancels_with_its_mean() -> Any:
    w, c = weight(4), weight(4)
    centred = w - w.mean()  # here
    return centred.sum() + c.sum()


@broken("cancels", "0.weight")
def cancels_in_a_normalisation() -> Any:
    net = nn.Sequential(nn.Linear(6, 6), nn.LayerNorm(6))
    return net(torch.randn(8, 6)).sum()  # here


@broken("cancels")
def cancels_in_a_softmax() -> Any:
    w, c = weight(5), weight(5)
    p = F.softmax(w, dim=0)  # here
    return p.sum() + c.sum()


@broken("cancels")
def cancels_over_rows() -> Any:
    w, c = weight(1), weight(4)
    x = torch.tensor([1.0, -1.0, 2.0, -2.0])
    return (w * x).sum() + c.sum()  # here


@broken("not picked")
def not_picked_by_where() -> Any:
    w, c = weight(4), weight(4)
    chosen = torch.where(c > 100, w, c)  # here
    return chosen.sum()


@broken("not picked")
def not_picked_by_maximum() -> Any:
    w, c = weight(2, 3), torch.full((2, 3), 50.0, requires_grad=True)
    return torch.maximum(w, c).mean()  # here


@broken("not picked")
def not_picked_next_to_others() -> Any:
    w, c = weight(3), weight(3)
    both = torch.cat([w, c])  # here
    return both[3:].sum()


@broken("not picked")
def nothing_picked() -> Any:
    w, c = weight(5), weight(2)
    h = w * 2
    return h[h > 1e9].sum() + c.sum()  # here


@broken("masked")
def padding_alone() -> Any:
    w = weight(7, 3)
    return F.embedding(torch.zeros(4, dtype=torch.long), w, padding_idx=0).sum()  # here


@broken("0/0", "0.weight")
def every_target_ignored() -> Any:
    net = nn.Sequential(nn.Linear(3, 4))
    return F.cross_entropy(net(torch.randn(5, 3)), torch.full((5,), -100))  # here


@broken("times zero")
def times_zero_complex() -> Any:
    w, c = torch.zeros(3, dtype=torch.complex64, requires_grad=True), weight(3)
    return (w * w.conj()).real.sum() + c.sum()  # here


@broken("clamped")
def clamped() -> Any:
    w, c = torch.full((3,), 7.0, requires_grad=True), weight(3)
    return (w.clamp(0, 1) * c).sum()  # here


@broken("clamped", "0.bias")
def clamped_by_a_module() -> Any:
    net = nn.Sequential(nn.Linear(30, 40), nn.Hardtanh(), nn.Linear(40, 1))
    nn.init.constant_(linear(net, 0).bias, 300.0)
    return net(torch.randn(40, 30)).mean()  # here


@broken("clamped")
def clamped_in_place() -> Any:
    w, c = torch.full((3,), -7.0, requires_grad=True), weight(3)
    h = w * 1
    h.clamp_(min=0)  # here
    return (h * c).sum()


@broken("dropout")
def dropped() -> Any:
    w, c = weight(6), weight(6)
    h = F.dropout(w, p=1.0)  # here
    return (h + c).sum()


@broken("dropout", "0.weight")
def dropped_by_a_module() -> Any:
    net = nn.Sequential(nn.Linear(40, 40), nn.Dropout(1.0), nn.Linear(40, 1))
    return net(torch.randn(40, 40)).mean()  # here


@broken("dropout")
def dropped_in_place() -> Any:
    w, c = weight(6), weight(6)
    h = w * 2
    F.dropout(h, p=1.0, inplace=True)  # here
    return (h * c).sum()


@broken("masked")
def masked() -> Any:
    w, c, mask = weight(6), weight(6), torch.ones(6, dtype=torch.bool)
    return (w.masked_fill(mask, 0.0) + c).sum()  # here


@broken("masked", "layer.weight")
def masked_in_a_module() -> Any:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.shift = nn.Linear(30, 60), nn.Parameter(torch.ones(60))

        def forward(self, x: Tensor, padding: Tensor) -> Tensor:
            h: Tensor = self.layer(x)
            h = h.masked_fill(padding[:, None], 0.0)  # here
            return h + self.shift

    net = Masked()
    return net(torch.randn(50, 30), torch.ones(50, dtype=torch.bool)).mean()


@broken("masked")
def masked_in_place() -> Any:
    w, c = weight(6), weight(6)
    h = w * 3
    h.masked_fill_(h.abs() < 1e9, 0.5)  # here
    return (h * c).sum()


@broken("flat")
def rounded() -> Any:
    w, c = weight(4), weight(4)
    return (torch.round(w) * c).sum()  # here


@broken("flat", "0.weight")
def signs_of_a_layer() -> Any:
    net = nn.Sequential(nn.Linear(50, 50))
    codes = torch.sign(net(torch.randn(40, 50)))  # here
    return (codes * torch.ones(50, requires_grad=True)).mean()


@broken("flat")
def floored_in_place() -> Any:
    w, c = weight(4), weight(4)
    h = w * 10
    h.floor_()  # here
    return (h * c).sum()


@broken("hook")
def zeroed_by_a_hook() -> Any:
    w = weight(4)
    h = w * 3
    h.register_hook(lambda gradient: gradient * 0)
    return h.sum()


@broken("underflow")
def underflow_in_half() -> Any:
    w, c = torch.full((2,), 1e-4, dtype=torch.float16, requires_grad=True), weight(2, dtype=torch.float16)
    x = torch.full((2,), 1e-4, dtype=torch.float16)
    h = w * x  # here
    return (h * torch.full((2,), 1e-4, dtype=torch.float16)).sum() + c.sum()


@broken("changed unseen")
def changed_through_data() -> Any:
    w = torch.tensor(3.0, requires_grad=True)
    loss = w**2
    w.data.zero_()  # here
    return loss


@broken("changed unseen", "scale")
def changed_in_a_module() -> Any:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale, self.shift = nn.Parameter(torch.ones(2, 3)), nn.Parameter(torch.ones(3))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.scale + self.shift

    net, x = Scaled(), torch.tensor([[1.0, 2.0, 3.0], [2.0, 1.0, 1.0]])
    loss = net(x).sum()
    x.data.mul_(0)  # here
    return loss


@broken("changed unseen")
def changed_by_numpy() -> Any:
    w, c = weight(2, 2), torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    shared = c.detach().numpy()  # here
    loss = (w * c).mean()
    shared[:] = 0.0
    return loss


@broken("changed unseen")
def changed_by_new_data() -> Any:
    w = torch.tensor([1.5, 0.5], requires_grad=True)
    squares = w.square()  # here
    w.data = torch.zeros(2)
    return squares.sum()


# Not finite -------------------------------------------------------------------------------------------------------


@broken("root at 0")
def root_at_zero() -> Any:
    w = torch.tensor([0.0, 4.0], requires_grad=True)
    return torch.sqrt(w).sum()  # here


@broken("root at 0")
def norm_at_zero() -> Any:
    w = torch.zeros(3, requires_grad=True)
    length = (w**2).sum() ** 0.5  # here
    return length * 2


@broken("root at 0", "0.weight")
def spread_of_equals() -> Any:
    net = nn.Sequential(nn.Linear(40, 40))
    nn.init.zeros_(linear(net, 0).weight)
    nn.init.zeros_(linear(net, 0).bias)
    return net(torch.randn(40, 40)).var().sqrt()  # here


@broken("root of a negative")
def root_hidden_by_where() -> Any:
    w = torch.tensor([4.0, -1.0], requires_grad=True)
    root = torch.sqrt(w)  # here
    return torch.where(w > 0, root, torch.zeros(2)).sum()


@broken("log of 0")
def log_of_zero() -> Any:
    w = torch.tensor([0.0, 1.0], requires_grad=True)
    p = w * 2
    return (p * torch.log(p)).sum()  # here


@broken("log of 0", "0.weight")
def log_of_a_softmax() -> Any:
    net = nn.Sequential(nn.Linear(30, 50))
    p = net(torch.randn(40, 30) * 1e4).softmax(1)
    return -p.log().mean()  # here


@broken("log of 0")
def log_in_place() -> Any:
    w = torch.tensor([0.0, 1.0], requires_grad=True)
    h = w * 1
    h.log_()  # here
    return h.exp().sum()


@broken("divided by 0")
def nothing_by_nothing() -> Any:
    w = torch.zeros(3, requires_grad=True)
    unit = w / w.norm()  # here
    return unit.sum()


@broken("divided by 0", "0.weight")
def mean_over_a_mask() -> Any:
    net = nn.Sequential(nn.Linear(30, 50))
    mask = torch.zeros(40, 1)
    h = net(torch.randn(40, 30)) * mask
    return (h.sum(0) / mask.sum()).sum()  # here


@broken("divided by 0")
def divided_in_place() -> Any:
    w = weight(3)
    h = w * 1
    h.div_(torch.zeros(3))  # here
    return h.sum()


@broken("overflow")
def softmax_by_hand() -> Any:
    w = torch.tensor([1.0, 100.0], requires_grad=True)
    e = torch.exp(w)  # here
    return (e / e.sum())[0]


@broken("overflow", "0.weight")
def overflow_in_half() -> Any:
    net = nn.Sequential(nn.Linear(64, 64).half())
    nn.init.constant_(linear(net, 0).weight, 60.0)
    h = net(torch.full((20, 64), 60.0, dtype=torch.float16))  # here
    return (h - h.mean()).float().pow(2).mean()


@broken("overflow")
def overflow_on_the_way_back() -> None:
    w = torch.full((4,), 2.0, dtype=torch.float16, requires_grad=True)
    h = w * 300  # here
    loss = h.sum() * 1
    loss.backward(torch.tensor(40000.0, dtype=torch.float16))


@broken("masked")
def attention_that_sees_nothing() -> Any:
    w = weight(2, 3)
    hidden = float("-inf")
    scores = w + torch.tensor([[hidden, hidden, hidden], [0.0, hidden, 0.0]])
    p = scores.softmax(-1)  # here
    return (p**2).sum()


@broken("masked", "0.weight")
def attention_that_sees_nothing_large() -> Any:
    net = nn.Sequential(nn.Linear(40, 40))
    mask = torch.zeros(40, 40)
    mask[3] = float("-inf")
    p = F.softmax(net(torch.randn(40, 40)) + mask, dim=-1)  # here
    return (p**2).sum()


@broken("masked")
def masked_with_infinity_in_place() -> Any:
    w = weight(2, 3)
    scores = w * 1
    scores += torch.full((2, 3), float("-inf"))
    return torch.log_softmax(scores, -1).sum()  # here


@broken("in the data")
def nan_in_the_data() -> Any:
    w, x = weight(3), torch.tensor([1.0, float("nan"), 2.0])
    return (w * x).sum()  # here


@broken("in the data", "0.weight")
def nan_in_a_batch() -> Any:
    net = nn.Sequential(nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))
    batch = torch.randn(40, 40)
    batch[7, 3] = float("nan")  # here
    return net(batch).mean()


@broken("in the data")
def infinity_in_the_targets() -> Any:
    w, y = weight(3), torch.tensor([1.0, float("inf"), 2.0])
    return ((w - y) ** 2).mean()  # here


@broken("before the block", "0.weight")
def weights_that_were_nan() -> Any:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    linear(net, 0).weight.data[0, 0] = float("nan")
    return net(torch.randn(4, 2)).pow(2).mean()


@broken("masked", "embed.weight")
def attention_to_a_row_of_padding() -> Any:
    embed, attend, pad = nn.Embedding(9, 8), nn.MultiheadAttention(8, 2, batch_first=True), torch.zeros(3, 4)
    pad[1] = 1
    x = embed(torch.arange(12).reshape(3, 4) % 9)
    out, _ = attend(x, x, x, key_padding_mask=pad > 0)  # here
    return out.masked_fill(pad[..., None] > 0, 0.0).pow(2).sum()


@broken("checkpoint", "block.0.weight")
def checkpoint_of_a_frozen_input() -> Any:
    block, head = nn.Sequential(nn.Linear(4, 4), nn.GELU()), nn.Linear(4, 1)
    h = checkpoint(block, torch.randn(3, 4), use_reentrant=True)  # here
    return head(h).pow(2).mean()


# Tiny and huge ----------------------------------------------------------------------------------------------------


@broken("vanished", "layers.0.weight")
def vanished_in_sigmoids() -> Any:
    class Deep(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(16, 16) for _ in range(16)])

        def forward(self, h: Tensor) -> Tensor:
            for layer in self.layers:
                h = torch.sigmoid(layer(h))  # here
            return h

    net = Deep()
    return (net(torch.randn(8, 16)) ** 2).mean()


@broken("vanished", "w")
def vanished_over_time() -> Any:
    w, u, h = weight(12, 12, by=0.02), weight(12), torch.zeros(12)
    first = u
    h = first
    for _ in range(12):
        h = h @ w  # here
    return h.sum()


@broken("vanished", "0.weight")
def vanished_in_a_sequence() -> Any:
    net = nn.Sequential(*[m for _ in range(20) for m in (nn.Linear(40, 40), nn.Sigmoid())])
    return net(torch.randn(40, 40)).mean()  # here


@broken("times little")
def times_little() -> Any:
    w, c = weight(3), weight(3)
    return ((w * 1e-9) * c).sum()  # here


@broken("exploded")
def exploded_over_time() -> Any:
    w, h = weight(12, 12), torch.randn(12)
    for _ in range(30):
        h = h @ w  # here
    return h.mean()


@broken("exploded", "layers.0.weight")
def exploded_in_depth() -> Any:
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
    return net(torch.randn(40, 40)).mean()


@broken("exploded")
def exploded_in_place() -> Any:
    w = weight(4)
    h = w * 1
    h.mul_(1e7)  # here
    return h.sum()


# Never came -------------------------------------------------------------------------------------------------------


@broken("detached")
def detached() -> Any:
    w, c = weight(3), weight(3)
    h = (w * 2).detach()  # here
    return (h * c).sum()


@broken("detached", "encoder.weight")
def detached_in_a_module() -> Any:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.head = nn.Linear(5, 5), nn.Linear(5, 1)

        def forward(self, x: Tensor) -> Tensor:
            h = torch.relu(self.encoder(x)).data  # here
            return torch.as_tensor(self.head(h))

    net = Net()
    return net(torch.randn(8, 5)).mean()


@broken("detached")
def detached_in_place() -> Any:
    w, c = weight(3), weight(3)
    h = w * 2
    h.detach_()
    return (h * c).sum()  # here


@broken("integer")
def whole_numbers() -> Any:
    w, c = weight(3), weight(3)
    h = (w * 10).long()  # here
    return (h * c).sum()


@broken("integer", "0.weight")
def accuracy_as_a_loss() -> Any:
    net, c = nn.Sequential(nn.Linear(4, 3)), weight(8)
    guess = net(torch.randn(8, 4)).argmax(1)  # here
    return ((guess == 0).float() * c).mean()


@broken("integer", "0.weight")
def picked_by_their_scores() -> Any:
    net, c = nn.Sequential(nn.Linear(4, 1)), weight(8)
    best = net(torch.randn(8, 4))[:, 0].topk(3).indices  # here
    return c[best].sum()


@broken("integer")
def compared() -> Any:
    w, c = weight(3), weight(3)
    right = w > 0  # here
    return (right * c).sum()


@broken("no_grad")
def without_gradients() -> Any:
    w, c = weight(3), weight(3)
    with torch.no_grad():
        h = w * 2  # here
    return (h * c).sum()


@broken("no_grad", "0.weight")
def evaluated() -> Any:
    net, head = nn.Sequential(nn.Linear(4, 3)), nn.Linear(3, 1)

    @torch.no_grad()
    def features(x: Tensor) -> Tensor:
        return torch.as_tensor(net(x))  # here

    h = features(torch.randn(8, 4))
    return head(h).mean()


@broken("no_grad")
def switched_off() -> Any:
    w, c = weight(3), weight(3)
    torch.set_grad_enabled(False)
    h = w.exp()  # here
    torch.set_grad_enabled(True)
    return (h * c).sum()


@broken("not used")
def not_used() -> Any:
    w, c = weight(3), weight(3)
    torch.abs(w)  # here
    return c.sum()


@broken("not used", "second.weight")
def a_head_left_out() -> Any:
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
    return one.mean()


@broken("not used", "aux.weight")
def a_head_never_called() -> Any:
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.aux = nn.Linear(3, 1), nn.Linear(3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return torch.as_tensor(self.head(x))

    model = Heads()
    return model(torch.randn(8, 3)).mean()


@broken("taken out")
def lost_as_a_number() -> Any:
    w, c = weight(3), weight(3)
    size = w.norm().item()  # here
    return (c * size).sum()


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
def frozen() -> Any:
    w, c = torch.ones(3), weight(3)
    return (w * c).sum()


@broken("requires_grad", "0.weight")
def frozen_layer() -> Any:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    net[0].weight = nn.Parameter(torch.ones(3, 3), requires_grad=False)
    return net(torch.randn(4, 3)).mean()


@broken("requires_grad")
def made_of_frozen() -> Any:
    a, c = torch.ones(3), weight(3)
    w = a * 2  # here
    return (w * c).sum()


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
def kept_by_a_function() -> Any:
    w, c = weight(3), weight(3)
    h = Selfish.apply(w)  # type: ignore[no-untyped-call]
    return (h * c).sum()


class Apart(torch.autograd.Function):
    """Change two tensors, each into a result of its own, and hand on what each result gets."""

    @staticmethod
    def forward(ctx: Any, c: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """Double the one, and add one to the other."""
        ctx.set_materialize_grads(False)
        return c * 2, w + 1

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        """Hand on what came."""
        return gradients
