"""Causes: each op of the two tables, called as PyTorch has it, is told the cause that the numbers prove."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # as everybody calls it
from torch import Tensor

import chainrule
from chainrule.diagnosis.conditions import WORDS, ops_in
from chainrule.diagnosis.evidence import Evidence

Call = Callable[[Tensor], Tensor]
Z, ONE, C = torch.zeros(2), torch.ones(2), torch.tensor([5.0, 7.0])
M, K = torch.zeros(2, 2), torch.tensor([0, 1])

NAN = torch.tensor([torch.nan, 1.0], requires_grad=True)
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
        "sgn": torch.sgn, "fix": torch.fix, "std": lambda w: w[:1].expand(2).std(), "pow 0": lambda w: w**0,
        "float_power": lambda w: w.float_power(0),
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
    "in the data": {"where": lambda w: torch.where(w > 1, w, torch.nan), "mul": lambda w: w * NAN},
}  # fmt: skip
HALF, ROWS = torch.float16, torch.tensor([[1.0, 0.0], [0.0, 1.0]])
ZERO |= {
    "underflow": {
        "pow": lambda w: (w.to(HALF) * 1e-4) ** 2 * 1e-3, "square": lambda w: (w.to(HALF) * 1e-4).square() * 1e-3,
        "mul": lambda w: w.to(HALF) * 1e-8, "tanh": lambda w: torch.tanh(w.to(HALF)).float() * 1e-9,
        "mean": lambda w: (w.to(HALF) * 1e-2).expand(9999, 2).mean() * 1e-4, "to": lambda w: w.to(HALF).float() * 1e-9,
        "linear": lambda w: F.linear(w.to(HALF), (ROWS * 1e-5).to(HALF)).float() * 1e-5,
    },
    "hook": {"BackwardHookFunction": lambda w: hooked(0.0)(w)},
    "times zero": ZERO["times zero"] | {
        "a number": lambda w: w * 0, "weak": lambda w: (w * torch.tensor([0.0, 1.0])).mul(torch.tensor([1.0, 0.0])),
        "rms_norm": lambda w: F.rms_norm(w, (2,), Z), "prod": lambda w: torch.stack([w, Z, Z]).prod(0),
    },
    "cancels": {
        "softmax": lambda w: w.softmax(0), "matmul": lambda w: torch.tensor([[1.0], [-1.0]]) @ w[None],
        "layer_norm": lambda w: F.layer_norm(w, (2,)), "mean": lambda w: (w * 0 + w.mean()) * torch.tensor([1.0, -1.0]),
    },
    "flat": ZERO["flat"] | {
        "vector_norm": lambda w: torch.linalg.vector_norm(w - w.detach()),
    },
    "saturated": ZERO["saturated"] | {
        "expit": lambda w: torch.special.expit(w + 200), "log_sigmoid": lambda w: F.logsigmoid(w + 200),
        "nll_loss": lambda w: F.cross_entropy(w * 1e3, K[1]),
    },
    "masked": ZERO["masked"] | {"masked_fill_": lambda w: (w * 1).masked_fill_(w > 0, 0.0)},
    "not picked": ZERO["not picked"] | {"amax": lambda w: torch.cat([w, C]).amax(), "pick": lambda w: w.max(C)},
    "overwritten": {"setitem": lambda w: written(w)},
}  # fmt: skip
NOT_FINITE |= {
    "hook": {"BackwardHookFunction": lambda w: hooked(torch.nan)(w)},
    "no alignment": {
        "ctc_loss": lambda w: ctc(w, 3), "large": lambda w: ctc(w, 1001),
    },
    "log of 0": NOT_FINITE["log of 0"] | {
        "entr": lambda w: torch.special.entr(w - 1), "kl_div": lambda w: F.kl_div(ONE.log(), w - 1, reduction="sum"),
    },
    "equal values": {
        "svd": lambda w: torch.linalg.svd(torch.diag(w * ONE.div(w.detach())))[0],
        "eigh": lambda w: torch.linalg.eigh(torch.diag(w * ONE.div(w.detach())))[1],
    },
    "masked": {
        "softmax": lambda w: w.expand(2, 2).masked_fill(ROWS[:1] > -1, -torch.inf).softmax(-1),
        "large": lambda w: w.expand(999, 2).masked_fill(ROWS[:1] > -1, -torch.inf).softmax(-1),
        "multi_head_attention_forward": lambda w: torch.nn.MultiheadAttention(2, 1)(
            *[w.expand(3, 1, 2)] * 3, key_padding_mask=torch.ones(1, 3, dtype=torch.bool))[0],
    },
    "overflow": NOT_FINITE["overflow"] | {"first": lambda w: (1 / (w * 99).exp()).log()},
    "before the block": {"mul": lambda w: w * torch.nn.Parameter(NAN)},
}  # fmt: skip
HUGE: dict[str, dict[str, Call]] = {
    "zero row": {
        "normalize": lambda w: F.normalize(w[None] - w[None].detach()), "cosine_similarity": lambda w: (
            F.cosine_similarity(w[None] - w[None].detach(), ROWS[:1])),
    },
    "near its pole": {"log": lambda w: (w - 1 + 1e-6).log(), "div": lambda w: 1 / (w - 1 + 1e-6)},
}  # fmt: skip
ODD: dict[str, dict[str, Call]] = {
    "softmax twice": {
        "cross_entropy": lambda w: F.cross_entropy(w[None].softmax(1), K[1:]),
        "binary_cross_entropy_with_logits": lambda w: F.binary_cross_entropy_with_logits(torch.sigmoid(w), ONE),
    },
    "no logarithms": {
        "nll_loss": lambda w: F.nll_loss(w[None].softmax(1), K[1:]),
        "kl_div": lambda w: F.kl_div(w.softmax(0), ROWS[0], reduction="sum"),
    },
    "stretched": {
        "mse_loss": lambda w: F.mse_loss(w[:, None], C), "by hand": lambda w: ((w[:, None] - C) ** 2).mean(),
    },
    "written twice": {
        "setitem": lambda w: written(w, K * 0), "index_put": lambda w: torch.index_put(Z, (K * 0,), w).cos(),
    },
}  # fmt: skip
SPELT: tuple[Call, ...] = (
    torch.amin, lambda w: F.binary_cross_entropy(w.sigmoid(), ONE), lambda w: torch.broadcast_to(w, (2, 2)),
    lambda w: (w * 1).copy_(C), lambda w: (w * 1).fill_(1), lambda w: (w * 1).zero_(), lambda w: w.cumprod(0),
    lambda w: w.cumsum(0), torch.Tensor.double, torch.Tensor.half, lambda w: w.type(HALF), lambda w: w[None].triu(),
    lambda w: F.dropout2d(w[None, None]), lambda w: F.dropout3d(w[None, None, None]), lambda w: w[None].tril(),
    lambda w: F.embedding_bag(K[None], w[:, None]), lambda w: F.instance_norm(w[None, None]), lambda w: 2**w,
    lambda w: 1 - w, lambda w: F.scaled_dot_product_attention(w[None], w[None], w[None]),
    lambda w: torch.std_mean(w)[0], torch.sum,
)  # fmt: skip


def hooked(factor: float) -> torch.nn.Module:
    """Make a module whose full backward hook multiplies the gradient."""
    module = torch.nn.Tanh()
    module.register_full_backward_hook(lambda _, came, __: tuple(part * factor for part in came or ()))  # type: ignore[attr-defined]
    return module


def ctc(w: Tensor, labels: int) -> Tensor:
    """Align three frames with equal labels."""
    frames = w.expand(3, 1, 2).log_softmax(-1)
    return F.ctc_loss(frames, torch.ones(1, labels).long(), torch.tensor([3]), torch.tensor([labels]))


def written(w: Tensor, index: Tensor | None = None) -> Tensor:
    """Write over a tensor in place, or into another at an index."""
    out = w * 1 if index is None else torch.zeros(2)
    out[slice(None) if index is None else index] = C if index is None else w
    return out.cos()


@pytest.mark.parametrize(
    ("cause", "call"),
    [
        pytest.param(cause, call, id=f"{cause}-{op}")
        for table in (ZERO, NOT_FINITE, HUGE, ODD)
        for cause, calls in table.items()
        for op, call in calls.items()
    ],
)
def test_each_op_is_told_its_cause(cause: str, call: Call) -> None:
    """Whichever op of a table lost the gradient, it is named with the cause."""
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    with chainrule.record() as rec:
        loss = call(w).sum()
        loss.backward()
    found = rec.why()
    assert (*found.reasons, *found.hints)[0].cause == cause


class Seen(dict[str, str]):
    """Note whether an entry of the table was looked up to the end."""

    was_said = False

    def __getitem__(self, key: str) -> str:
        """Return a part of it."""
        self.was_said = self.was_said or key == "hint"
        return super().__getitem__(key)


def test_each_entry_of_the_table_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """No entry stands in vain: each is the answer to some call, and each op in it is spelt as it is recorded."""
    tables = {name: [Seen(entry) for entry in WORDS[name]] for name in ("zero", "bad", "huge", "odd")}
    kinds = set[str]()
    for name, entries in tables.items():
        monkeypatch.setitem(WORDS, name, entries)
    calls = [call for table in (ZERO, NOT_FINITE, HUGE, ODD) for calls in table.values() for call in calls.values()]
    for call in (*calls, *SPELT):
        w = torch.tensor([1.0, 2.0], requires_grad=True)
        with chainrule.record() as rec:
            loss = call(w).sum()
            if call not in SPELT:
                loss.backward()
        kinds |= {Evidence(rec.trace, i, ()).kind for i in range(len(rec.trace.ops))}
        if rec.trace.passes:
            rec.why()
    assert [entry for entries in tables.values() for entry in entries if "hint" in entry and not entry.was_said] == []
    groups = [ops_in(words) for words in WORDS["groups"].values()]
    assert {op for ops in (*groups, *(ops_in(e["ops"]) for es in tables.values() for e in es)) for op in ops} <= kinds
