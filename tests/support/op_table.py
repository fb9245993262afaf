"""The ops that a page computes beside arithmetic, each as calls of PyTorch on random tensors."""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812  # as everybody writes it
from torch import Tensor

import chainrule


class Draw:
    """Draw what a call is given: even seeds are float32, odd ones float64."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.dtype = torch.float64 if seed % 2 else torch.float32

    def __call__(self, *shape: int, low: float = -2.0, high: float = 2.0) -> Tensor:
        """Make a leaf."""
        return self.fixed(*shape, low=low, high=high).requires_grad_()

    def fixed(self, *shape: int, low: float = 0.2, high: float = 2.0) -> Tensor:
        """Make a tensor that is not differentiated by."""
        return self._filled(shape, lambda: round(self.random.uniform(low, high), 3))

    def whole(self, *shape: int) -> Tensor:
        """Make a leaf of whole numbers, many of which tie."""
        return self._filled(shape, lambda: float(self.random.randint(-1, 1))).requires_grad_()

    def index(self, below: int, *shape: int) -> Tensor:
        """Make classes, or places to pick."""
        return self._filled(shape, lambda: self.random.randrange(below), torch.int64)

    def _filled(self, shape: tuple[int, ...], number: Callable[[], float], dtype: torch.dtype | None = None) -> Tensor:
        with torch._C.DisableTorchFunction():  # else its reshape would be recorded
            numbers = [number() for _ in range(torch.Size(shape).numel())]
            return torch.tensor(numbers, dtype=dtype or self.dtype).reshape(shape)


OPS: dict[str, list[Callable[[Draw], Tensor]]] = {
    "softmax": [
        lambda x: x(3).softmax(0),
        lambda x: torch.softmax(x(2, 3), dim=1),
        lambda x: F.softmax(x(2, 3, 2), 1),
        lambda x: F.softmax(x(), -1),
    ],
    "log_softmax": [lambda x: x(2, 3).log_softmax(-1), lambda x: F.log_softmax(x(3, 2), dim=0)],
    "cross_entropy": [
        lambda x: F.cross_entropy(x(4, 3), x.index(3, 4)),
        lambda x: F.cross_entropy(x(3), x.index(3)),
        lambda x: F.cross_entropy(x(4, 3), x.index(3, 4), x.fixed(3), label_smoothing=0.2),
        lambda x: F.cross_entropy(x(4, 3), x.index(3, 4), ignore_index=1, reduction="sum"),
        lambda x: F.cross_entropy(x(2, 3, 2), x.index(3, 2, 2), reduction="none"),
        lambda x: F.cross_entropy(x(2, 3), x.fixed(2, 3).softmax(1), weight=x.fixed(3), label_smoothing=0.1),
    ],
    "nll_loss": [
        lambda x: F.nll_loss(x(4, 3).log_softmax(1), x.index(3, 4), weight=x.fixed(3)),
        lambda x: F.nll_loss(x(4, 3), x.index(3, 4), reduction="none", ignore_index=0),
    ],
    "mse_loss": [lambda x: F.mse_loss(x(2, 3), x(2, 3)), lambda x: F.mse_loss(x(3), x(3), reduction="none")],
    "l1_loss": [lambda x: F.l1_loss(x(2, 3), x.fixed(2, 3), reduction="sum")],
    "linear": [lambda x: F.linear(x(2, 2, 3), x(4, 3), x(4)), lambda x: F.linear(x(3), x(2, 3))],
    "matmul": [
        lambda x: x(2, 2, 3) @ x(3, 2),
        lambda x: x(2, 1, 2, 3) @ x(3, 3, 2),
        lambda x: x(3) @ x(2, 3, 2),
        lambda x: x(2, 2, 3) @ x(3),
        lambda x: torch.bmm(x(2, 2, 3), x(2, 3, 2)),
        lambda x: x(3) @ x(3),
    ],
    "abs": [lambda x: x.whole(3).abs(), lambda x: torch.abs(x(2, 3).tanh())],
    "clamp": [
        lambda x: x(2, 3).clamp(-1, 1),
        lambda x: torch.clamp(x.whole(4), min=0),
        lambda x: x(2, 3).clamp(max=0.5),
        lambda x: x(2, 3).clamp(x(3), x(2, 1)),
    ],
    "where": [
        lambda x: torch.where(x(2, 3) > 0.5, x(3), x(2, 1)),
        lambda x: torch.where(x.fixed(3) >= 1, x(3), 2.0),
        lambda x: torch.where(x.whole(3) == 2, 0, x(3)),
        lambda x: x(2, 3).where(x.fixed(3) >= 1, x(3)),
        lambda x: x(3).where(x(2, 3) > 0, 2.0),
    ],
    "masked_fill": [lambda x: x(2, 3).masked_fill(x.fixed(2, 3) < 1, -2.5)],
    "pow": [
        lambda x: x(2, 3, low=0.2) ** x(3),
        lambda x: torch.pow(2, x(3)),
        lambda x: x(3).pow(3),
        lambda x: x(3, low=0.1) ** -0.5,
        lambda x: 0.5 ** x(3),
    ],
    "max": [
        lambda x: x(2, 3).max(),
        lambda x: x.whole(4).max(),
        lambda x: x.whole(2, 3).max(dim=1).values,
        lambda x: torch.max(x.whole(2, 3), 0, True)[0],
        lambda x: torch.maximum(x.whole(3), x.whole(3)),
    ],
    "min": [
        lambda x: x.whole(4).min(),
        lambda x: x.whole(2, 2, 2).min(1)[0],
        lambda x: torch.minimum(x.whole(3), x.whole(1)),
    ],
    "amax": [
        lambda x: x.whole(2, 3).amax(1),
        lambda x: x.whole(2, 3).amax(dim=(0, 1)),
        lambda x: x.whole(2, 3, 2).amin(dim=(0, -1), keepdim=True),
    ],
    "remainder": [lambda x: x(3) % 0.7, lambda x: torch.round(x(3) * 2) + torch.floor(x(3)) + torch.sign(x(3)) * x(3)],
    "getitem": [
        lambda x: x(3)[1],
        lambda x: x(3)[None],
        lambda x: x(3, 4)[1:, ::2],
        lambda x: x(3, 4)[..., -1, None],
        lambda x: x(3, 4)[:, [0, 2, 0]],
        lambda x: x(3, 4)[[0, 2, 2], [1, 1, 3]],
        lambda x: x(3, 4)[x.index(3, 2, 2)],
        lambda x: x(2, 3, 4)[x.index(2, 3), :, x.index(4, 3)],
        lambda x: x(2, 3, 4)[0, :, x.index(4, 3)],
        lambda x: x(3, 4)[torch.tensor([True, False, True])],
        lambda x: x(3, 4)[torch.tensor(2), -3:-1],
        lambda x: x(3, 4)[True, 1],
        lambda x: x(3)[torch.tensor(True)],
    ],
    "select": [
        lambda x: x(3, 4).select(1, 2),
        lambda x: x(3, 4).narrow(-1, 1, 2),
        lambda x: x(3, 4).index_select(0, x.index(3, 4)),
    ],
    "cat": [
        lambda x: torch.cat([x(2, 3), x(1, 3)]),
        lambda x: torch.cat((x(2, 1), x(2, 3), x(2, 1)), dim=-1),
        lambda x: torch.cat([x(2)] * 2, 0),
    ],
    "stack": [lambda x: torch.stack([x(3), x(3)]), lambda x: torch.stack((x(2, 3), x(2, 3)), dim=-1)],
    "gather": [lambda x: x(3, 4).gather(1, x.index(4, 3, 2)), lambda x: torch.gather(x(3, 4), 0, x.index(3, 2, 3))],
    "split": [
        lambda x: torch.cat([part * (i + 1) for i, part in enumerate(x(5, 2).split(2))]),
        lambda x: x(2, 5).split([1, 4], dim=1)[1],
        lambda x: torch.mul(*x(2, 6).chunk(2, dim=-1)),
        lambda x: torch.mul(*x(2, 3)),
    ],
    "expand": [lambda x: x(3, 1).expand(2, 3, 4), lambda x: x(1, 3).expand(2, -1)],
    "permute": [
        lambda x: x(2, 3, 4).permute(2, 0, -2),
        lambda x: x(2, 3, 4).transpose(-1, 1),
        lambda x: x(2, 3).transpose(0, 1),
    ],
    "embedding": [
        lambda x: F.embedding(x.index(4, 2, 3), x(4, 2)),
        lambda x: F.embedding(x.index(4, 5), x(4, 2), padding_idx=1),
    ],
    "layer_norm": [
        lambda x: F.layer_norm(x(2, 4), (4,), x(4), x(4)),
        lambda x: torch.nn.LayerNorm([2, 3], dtype=x.dtype)(x(2, 2, 3)),
        lambda x: F.layer_norm(x(2, 4), (4,), eps=0.1),
    ],
    "batch_norm": [
        lambda x: F.batch_norm(x(4, 3), None, None, x(3), x(3), training=True),
        lambda x: F.batch_norm(x(2, 3, 2), x.fixed(3), x.fixed(3), x(3), x(3)),
        lambda x: torch.nn.BatchNorm1d(3, dtype=x.dtype)(x(4, 3)),
        lambda x: F.group_norm(x(2, 4, 2), 2, x(4), x(4)),
    ],
    "gelu": [lambda x: F.gelu(x(2, 3)), lambda x: F.gelu(x(4, low=-6, high=6), approximate="tanh")],
    "silu": [lambda x: F.silu(x(2, 3))],
    "dropout": [lambda x: F.dropout(x(2, 3, low=0.1), 0.4), lambda x: torch.nn.Dropout(0.5)(torch.relu(x(2, 3)))],
    "scaled_dot_product_attention": [
        lambda x: F.scaled_dot_product_attention(x(2, 3), x(4, 3), x(4, 2)),
        lambda x: F.scaled_dot_product_attention(x(2, 3, 2), x(2, 3, 2), x(2, 3, 2), is_causal=True, scale=0.3),
        lambda x: F.scaled_dot_product_attention(x(2, 3), x(4, 3), x(4, 3), attn_mask=x.fixed(2, 4)),
        lambda x: F.scaled_dot_product_attention(x(2, 2), x(2, 2), x(2, 2), torch.eye(2, dtype=torch.bool)),
    ],
    "conv2d": [
        lambda x: F.conv2d(x(2, 2, 4, 3), x(3, 2, 2, 2), x(3)),
        lambda x: F.conv2d(x(1, 2, 4, 5), x(2, 1, 3, 2), None, (2, 1), (1, 1), 1, 2),
        lambda x: torch.nn.Conv2d(1, 2, 3, padding="same", dilation=2, dtype=x.dtype)(x(1, 4, 4)),
    ],
    "conv1d": [
        lambda x: F.conv1d(x(2, 4, 5), x(4, 2, 3), x(4), stride=2, padding=1, groups=2),
        lambda x: torch.nn.Conv1d(2, 1, 2, padding="same", dtype=x.dtype)(x(2, 4)),
    ],
    "pool": [
        lambda x: F.max_pool2d(x.whole(1, 2, 4, 5), (2, 3), stride=1, padding=1),
        lambda x: torch.nn.MaxPool2d(2)(x(2, 4, 4)),
        lambda x: F.max_pool1d(x(2, 6), 2, dilation=2),
        lambda x: F.avg_pool2d(x(1, 1, 4, 4), 3, 2, 1),
        lambda x: F.avg_pool2d(x(1, 1, 4, 4), 3, 2, 1, count_include_pad=False),
        lambda x: F.avg_pool1d(x(1, 2, 6), (2,)),
    ],
}


def record_op(call: Callable[[Draw], Tensor], seed: int) -> chainrule.Recording:
    """Record a call whose inputs are leaves or computed, and which is used twice, so that gradients are uneven."""
    draw = Draw(seed)
    with chainrule.record() as rec:
        made = call(draw)
        loss = (made * draw.fixed(*made.shape)).sum() + (made * made).mean()
        loss.backward()
    return rec
