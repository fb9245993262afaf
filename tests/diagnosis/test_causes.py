"""Causes: each op of the two tables, called as PyTorch has it, is told the cause that the numbers prove."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # as everybody calls it
from torch import Tensor

import chainrule

Call = Callable[[Tensor], Tensor]
Z, ONE, C = torch.zeros(2), torch.ones(2), torch.tensor([5.0, 7.0])
M, K = torch.zeros(2, 2), torch.tensor([0, 1])

ZERO: dict[str, dict[str, Call]] = {
    "dead relu": {"relu": lambda w: F.relu(-w), "threshold": lambda w: F.threshold(w, 99, 0)},
    "clamped": {
        "clamp": lambda w: w.clamp(8, 9), "clamp_min": lambda w: w.clamp_min(9), "clamp_max": lambda w: w.clamp_max(0),
        "clip": lambda w: w.clip(8, 9), "relu6": lambda w: F.relu6(w + 9), "hardtanh": lambda w: F.hardtanh(w + 9),
        "hardsigmoid": lambda w: F.hardsigmoid(w + 9),
    },
    "saturated": {
        "sigmoid": lambda w: torch.sigmoid(w + 200), "tanh": lambda w: torch.tanh(w + 200),
        "erf": lambda w: torch.erf(w + 200), "elu": lambda w: F.elu(w - 200),
        "selu": lambda w: F.selu(w - 200), "gelu": lambda w: F.gelu(w - 200), "silu": lambda w: F.silu(w - 200),
        "softplus": lambda w: F.softplus(w - 200), "mish": lambda w: F.mish(w - 300), "exp": lambda w: (w - 200).exp(),
        "atan": lambda w: torch.atan(w + 1e30), "arctan": lambda w: torch.arctan(w + 1e30),
        "celu": lambda w: F.celu(w - 200), "softmin": lambda w: F.softmin(w * 1e3, 0)[1:],
        "softmax": lambda w: w.mul(1e3).softmax(0)[1:], "log_softmax": lambda w: w.mul(1e3).log_softmax(0)[1:],
        "cross_entropy": lambda w: F.cross_entropy(w * 1e3, K[1]),
        "binary_cross_entropy_with_logits": lambda w: F.binary_cross_entropy_with_logits(w + 200, ONE),
        "hinge_embedding_loss": lambda w: F.hinge_embedding_loss(w, -ONE, margin=0.5),
        "margin_ranking_loss": lambda w: F.margin_ranking_loss(w, Z, ONE),
        "multi_margin_loss": lambda w: F.multi_margin_loss(w[None] * 9, K[1:]),
    },
    "times zero": {
        "mul": lambda w: w * Z, "matmul": lambda w: w @ M, "linear": lambda w: F.linear(w, M),
        "bmm": lambda w: w.reshape(1, 1, 2).bmm(M[None]), "dot": lambda w: w.dot(Z),
        "addmm": lambda w: torch.addmm(ONE, w[None], M), "einsum": lambda w: torch.einsum("i,i->", w, Z),
        "baddbmm": lambda w: torch.baddbmm(Z, w.reshape(1, 1, 2), M[None]), "outer": lambda w: torch.outer(w, Z),
        "conv1d": lambda w: F.conv1d(w.reshape(1, 1, 2), torch.zeros(1, 1, 1)), "ger": lambda w: torch.ger(w, Z),
        "conv2d": lambda w: F.conv2d(w.reshape(1, 1, 1, 2), torch.zeros(1, 1, 1, 1)),
        "conv3d": lambda w: F.conv3d(w.reshape(1, 1, 1, 1, 2), torch.zeros(1, 1, 1, 1, 1)),
        "conv_transpose2d": lambda w: F.conv_transpose2d(w.reshape(1, 1, 1, 2), torch.zeros(1, 1, 1, 1)),
        "bilinear": lambda w: F.bilinear(w, Z, torch.ones(1, 2, 2)), "div": lambda w: Z / w,
        "rdiv": lambda w: 0 / w, "inner": lambda w: torch.inner(w, Z),
        "tensordot": lambda w: torch.tensordot(w, Z, 1), "addcmul": lambda w: torch.addcmul(ONE, w, Z),
        "lerp": lambda w: torch.lerp(ONE, w, Z),
        "pow": lambda w: (w - w.detach()) ** 2, "square": lambda w: (w - w.detach()).square(),
        "float_power": lambda w: (w - w.detach()).float_power(2),
        "layer_norm": lambda w: F.layer_norm(w, (2,), Z, Z) * w.detach(),
        "batch_norm": lambda w: F.batch_norm(w[:, None], None, None, weight=Z[:1], training=True) * w[:, None].detach(),
        "group_norm": lambda w: F.group_norm(w[None], 1, Z) * w.detach(),
    },
    "no error": {
        "mse_loss": lambda w: F.mse_loss(w, w.detach()), "huber_loss": lambda w: F.huber_loss(w, w.detach()),
        "smooth_l1_loss": lambda w: F.smooth_l1_loss(w, w.detach()), "l1_loss": lambda w: F.l1_loss(w, w.detach()),
    },
    "flat": {
        "abs": lambda w: (w - w.detach()).abs(), "norm": lambda w: (w - w.detach()).norm(),
        "dist": lambda w: torch.dist(w - w.detach(), Z), "cdist": lambda w: torch.cdist(w[None] - w[None].detach(), M),
        "round": torch.round, "floor": torch.floor, "ceil": torch.ceil, "trunc": torch.trunc, "sign": torch.sign,
        "sgn": torch.sgn, "fix": torch.fix, "std": lambda w: w[:1].expand(2).std(),
        "var": lambda w: w[:1].expand(2).var(),
    },
    "masked": {
        "masked_fill": lambda w: w.masked_fill(w > 0, 0.0), "embedding": lambda w: F.embedding(K * 0, w[:, None], 0),
        "masked_scatter": lambda w: w.masked_scatter(w > 0, C),
    },
    "dropout": {
        "dropout": lambda w: F.dropout(w, 1.0), "alpha_dropout": lambda w: F.dropout1d(w[None], 1.0),
    },
    "not picked": {
        "where": lambda w: torch.where(w > 9, w, C), "max": lambda w: torch.max(w, C),
        "min": lambda w: torch.min(w, -C), "maximum": lambda w: torch.maximum(w, C),
        "minimum": lambda w: torch.minimum(w, Z),
        "fmax": lambda w: torch.fmax(w, C), "fmin": lambda w: torch.fmin(w, Z),
        "topk": lambda w: torch.cat([w[:1], C]).topk(1).values, "sort": lambda w: torch.cat([w, C]).sort().values[2:],
        "cat": lambda w: torch.cat([w, C])[2:], "concat": lambda w: torch.concat([w, C])[2:],
        "concatenate": lambda w: torch.concatenate([w, C])[2:], "stack": lambda w: torch.stack([w, C])[1],
        "hstack": lambda w: torch.hstack([w, C])[2:], "vstack": lambda w: torch.vstack([w, C])[1],
        "pad": lambda w: F.pad(w, (0, 1))[2:], "roll": lambda w: torch.cat([w, C]).roll(2)[:2],
    },
}  # fmt: skip
NOT_FINITE: dict[str, dict[str, Call]] = {
    "log of 0": {
        "log": lambda w: (w - 1).log(), "log2": lambda w: (w - 1).log2(), "log10": lambda w: (w - 1).log10(),
        "log1p": lambda w: (w - 2).log1p(), "xlogy": lambda w: torch.xlogy(ONE, w - 1),
        "logit": lambda w: torch.logit((w - 1) / 9),
    },
    "log of a negative": {"log": lambda w: (w - 3).log(), "log1p": lambda w: (w - 4).log1p()},
    "root at 0": {
        "sqrt": lambda w: (w - 1).sqrt(), "pow": lambda w: (w - 1) ** 0.5,
        "std": lambda w: w[:1].expand(2).var().sqrt(), "float_power": lambda w: (w - 1).float_power(0.5),
    },
    "root of a negative": {"sqrt": lambda w: (w - 9).sqrt(), "pow": lambda w: (w - 9) ** 0.5},
    "divided by 0": {
        "div": lambda w: w / Z, "reciprocal": lambda w: (w - 1).reciprocal(), "rsqrt": lambda w: (w - 1).rsqrt(),
        "a number": lambda w: w / 0, "fmod": lambda w: torch.fmod(w, Z), "rdiv": lambda w: 1 / (w - 1),
        "remainder": lambda w: torch.remainder(w, Z),
    },
    "overflow": {
        "exp": lambda w: (w * 99).exp(), "exp2": lambda w: (w * 999).exp2(), "expm1": lambda w: (w * 99).expm1(),
        "sinh": lambda w: (w * 99).sinh(), "cosh": lambda w: (w * 99).cosh(), "mul": lambda w: w * 1e30 * 1e30,
        "div": lambda w: w / 1e-30 / 1e-30,
    },
    "edge of its range": {
        "acos": torch.acos, "asin": torch.asin, "arccos": torch.arccos, "arcsin": torch.arcsin, "atanh": torch.atanh,
        "acosh": torch.acosh, "erfinv": torch.erfinv, "logit": torch.logit,
    },
    "0/0": {
        "std": lambda w: w[:1].std(), "var": lambda w: w[:1].var(), "var_mean": lambda w: torch.var_mean(w[:1])[0],
        "nll_loss": lambda w: F.nll_loss(w[None], K[:1], ignore_index=0),
        "cross_entropy": lambda w: F.cross_entropy(w[None], K[:1], ignore_index=0),
    },
    "in the data": {"where": lambda w: torch.where(w > 1, w, torch.nan)},
}  # fmt: skip


@pytest.mark.parametrize(
    ("cause", "call"),
    [(cause, call) for table in (ZERO, NOT_FINITE) for cause, calls in table.items() for call in calls.values()],
)
def test_each_op_is_told_its_cause(cause: str, call: Call) -> None:
    """Whichever op of a table lost the gradient, it is named with the cause."""
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    with chainrule.record() as rec:
        loss = call(w).sum()
        loss.backward()
    assert rec.why().reasons[0].cause == cause
