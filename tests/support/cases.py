"""Real PyTorch code to record, one small function a case: it runs forward and backward, and gives what it made.

What a case returns must be bitwise the same with and without recording, with its `.grad`. Cases are small, so that
everything is kept and every number of a recording can be held against PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # as everyone calls it
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

Case = Callable[[], Sequence[Tensor]]
CASES: dict[str, Case] = {}
"""The first circle: recorded exactly."""


def case(function: Case) -> Case:
    """Add a function to the cases, under its name."""
    CASES[function.__name__.replace("_", " ")] = function
    return function


def each(kind: str, table: dict[str, Callable[..., Tensor]], *shapes: tuple[int, ...], low: float = 0.3) -> None:
    """Add a case for each op of a table, over leaves of positive numbers in some shapes."""
    for name, op in table.items():

        def run(op: Callable[..., Tensor] = op) -> Sequence[Tensor]:
            leaves = [(torch.rand(shape) * 0.6 + low).requires_grad_() for shape in shapes]
            out = op(*leaves)
            out.backward(torch.linspace(-1, 2, out.numel()).reshape(out.shape))
            return [out, *leaves]

        CASES[f"{kind}: {name}"] = run


def trained(module: nn.Module, *inputs: Any, leaves: Iterable[Tensor] = ()) -> list[Tensor]:
    """Run a module, make one number of its first result, and go backward."""
    result = module(*inputs)
    first = result[0] if isinstance(result, tuple) else result
    loss = (first**2).mean()
    loss.backward()
    return [loss, first, *module.parameters(), *module.buffers(), *leaves]


def modules(kind: str, table: dict[str, Callable[[], tuple[Any, ...]]]) -> None:
    """Add a case for each module of a table, with its inputs."""
    for name, make in table.items():
        CASES[f"{kind}: {name}"] = lambda make=make: trained(*make())  # type: ignore[misc]


def leaf(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Make a leaf of random numbers."""
    return torch.randn(shape).to(dtype).requires_grad_()


UNARY = """
abs acos acosh asin asinh atan atanh ceil cos cosh deg2rad digamma erf erfc erfinv exp exp2 expm1 floor frac
lgamma log log10 log1p log2 logit neg positive rad2deg reciprocal relu round rsqrt sgn sigmoid sign sin sinc
sinh sqrt square tan tanh trunc i0 selu celu nan_to_num clone
"""
each("elementwise", {name: getattr(torch, name) for name in UNARY.split() if name != "acosh"}, (2, 3))
each("elementwise", {"acosh": torch.acosh}, (2, 3), low=1.5)
ACTIVATIONS = """
elu gelu silu mish hardswish hardsigmoid hardtanh leaky_relu softplus softsign logsigmoid relu6 softshrink
hardshrink tanhshrink
"""
each("activation", {name: getattr(F, name) for name in ACTIVATIONS.split()}, (2, 3), low=-0.5)
BINARY = """
add sub mul div true_divide pow atan2 maximum minimum fmax fmin hypot logaddexp logaddexp2 xlogy copysign fmod
remainder ldexp
"""
each("two inputs", {name: getattr(torch, name) for name in BINARY.split()}, (2, 3), (2, 3))
each("broadcast", {name: getattr(torch, name) for name in BINARY.split()[:6]}, (2, 1), (3,))
each(
    "with numbers",
    {
        "a scalar on the left": lambda a: 2 / a + (3 - a) + 2**a + 1.5 * a,
        "a scalar on the right": lambda a: a / 2 + (a - 3) + a**3 + a * 1.5,
        "scaled": lambda a: torch.add(a, a * 2, alpha=3) - torch.sub(a, a * 2, alpha=0.5),
        "clamp": lambda a: a.clamp(0.4, 0.7),
        "clip by a tensor": lambda a: a.clamp(min=torch.full((3,), 0.5)),
        "lerp": lambda a: torch.lerp(a, a**2, 0.25),
        "addcmul": lambda a: torch.addcmul(a, a, a, value=0.5),
        "addcdiv": lambda a: torch.addcdiv(a, a, a + 1, value=0.5),
        "comparison": lambda a: a * (a > 0.5),
    },
    (2, 3),
)
each(
    "reduction",
    {
        "sum": torch.sum,
        "sum over one": lambda a: a.sum(1),
        "mean": torch.mean,
        "mean, kept": lambda a: a.mean(0, keepdim=True),
        "prod": torch.prod,
        "prod over one": lambda a: a.prod(1),
        "amax": torch.amax,
        "amin": lambda a: a.amin(1),
        "max of all": torch.max,
        "min of all": torch.min,
        "var": torch.var,
        "std": lambda a: a.std(1),
        "norm": torch.norm,
        "1-norm": lambda a: torch.linalg.vector_norm(a, 1, dim=1),
        "logsumexp": lambda a: a.logsumexp(1),
        "cumsum": lambda a: a.cumsum(1),
        "cumprod": lambda a: a.cumprod(1),
        "cumsum over one, which looks elementwise": lambda a: a[:1].cumsum(0),
        "logcumsumexp": lambda a: a.logcumsumexp(1),
        "median": torch.median,
        "nansum": torch.nansum,
        "dist": lambda a: torch.dist(a, a.flip(0) ** 2),
    },
    (2, 3),
)
each(
    "selection",
    {
        "max": lambda a: a.max(1).values,
        "min, both used": lambda a: a.min(1).values * a.min(1).indices,
        "topk": lambda a: a.topk(2).values,
        "sort": lambda a: a.sort(descending=True).values,
        "kthvalue": lambda a: a.kthvalue(2).values,
        "mode": lambda a: a.mode().values,
        "gather": lambda a: a.gather(1, torch.tensor([[0, 2], [1, 1]])),
        "take along": lambda a: a.take_along_dim(a.argsort(1), 1),
        "scatter": lambda a: torch.zeros(2, 4).scatter(1, torch.tensor([[3, 0, 1], [1, 2, 3]]), a),
        "scatter add": lambda a: torch.zeros(2, 2).scatter_add(1, torch.tensor([[1, 0, 1], [1, 1, 1]]), a),
        "index add": lambda a: torch.zeros(3, 3).index_add(0, torch.tensor([2, 2]), a),
        "index select": lambda a: a.index_select(1, torch.tensor([2, 0, 0])),
        "index": lambda a: a[torch.tensor([1, 0, 1])],
        "two indices": lambda a: a[torch.tensor([1, 0]), torch.tensor([2, 2])],
        "mask": lambda a: a[a > 0.5],
        "masked fill": lambda a: a.masked_fill(a > 0.5, 2.0),
        "masked select": lambda a: a.masked_select(a > 0.5),
        "where": lambda a: torch.where(a > 0.5, a**2, 3 * a),
        "take": lambda a: a.take(torch.tensor([5, 0, 0])),
        "a row": lambda a: a[1],
        "slice": lambda a: a[:, ::2],
        "one entry": lambda a: a[1, 2],
        "ellipsis and new axis": lambda a: a[..., None, 1],
        "diagonal": lambda a: a.diagonal(),
        "tril": torch.tril,
        "unfold": lambda a: a.unfold(1, 2, 1),
    },
    (2, 3),
)
each(
    "shape",
    {
        "reshape": lambda a: a.reshape(3, 2),
        "view": lambda a: a.view(6),
        "transpose": lambda a: a.t(),
        "T": lambda a: a.T,
        "mT": lambda a: a.mT,
        "permute": lambda a: a[None].permute(2, 0, 1),
        "movedim": lambda a: a.movedim(0, 1),
        "flatten": lambda a: a.flatten(),
        "unsqueeze and squeeze": lambda a: a.unsqueeze(1).squeeze(1),
        "expand": lambda a: a[:, :1].expand(2, 4),
        "repeat": lambda a: a.repeat(2, 1),
        "repeat interleave": lambda a: a.repeat_interleave(2, 1),
        "tile": lambda a: a.tile(2),
        "broadcast to": lambda a: a.broadcast_to(2, 2, 3),
        "flip": lambda a: a.flip(1),
        "roll": lambda a: a.roll(1, 1),
        "rot90": torch.rot90,
        "cat": lambda a: torch.cat([a, a * 2], 1),
        "stack": lambda a: torch.stack([a, a * 2]),
        "pad": lambda a: F.pad(a, (1, 2)),
        "pad by reflection": lambda a: F.pad(a, (1, 1), mode="reflect"),
        "contiguous": lambda a: a.t().contiguous(),
        "diag": lambda a: a[0].diag(),
        "to another dtype": lambda a: a.double() * 2,
        "split": lambda a: (lambda p: p[0] * p[1].sum())(a.split([2, 1], 1)),
        "chunk": lambda a: (lambda p: p[0] * p[1])(a.chunk(2)),
        "unbind": lambda a: (lambda p: p[0] * p[1])(a.unbind()),
        "unbind, one used": lambda a: a.unbind()[1] * 2,
        "tensor split": lambda a: (lambda p: p[0].sum() * p[1])(a.tensor_split(2, 1)),
        "iterated": lambda a: sum((row * k for k, row in enumerate(a, 1)), torch.zeros(3)),
        "meshgrid": lambda a: (lambda p: p[0] * p[1])(torch.meshgrid(a[0], a[1], indexing="ij")),
    },
    (2, 3),
)
each(
    "matrix",
    {
        "matmul": lambda a, b: a @ b,
        "mm": torch.mm,
        "mv": lambda a, b: torch.mv(a, b[:, 0]),
        "dot": lambda a, b: torch.dot(a[0], b[:, 1]),
        "vector @ vector": lambda a, b: a[0] @ b[:, 1],
        "outer": lambda a, b: torch.outer(a[0], b[0]),
        "addmm": lambda a, b: torch.addmm(a[:, :2], a, b, beta=0.5, alpha=2),
        "batched": lambda a, b: torch.bmm(a[None], b[None]),
        "matmul, batched": lambda a, b: a[None].expand(2, 2, 3) @ b,
        "einsum": lambda a, b: torch.einsum("ij,jk->ki", a, b),
        "einsum, trace": lambda a, b: torch.einsum("ij,ji->", a, b),
        "tensordot": lambda a, b: torch.tensordot(a, b, dims=([1], [0])),
        "kron": torch.kron,
        "cdist": lambda a, b: torch.cdist(a, b.t()),
        "inner": lambda a, b: torch.inner(a, b.t()),
        "chained": lambda a, b: torch.linalg.multi_dot([a, b, a]),
        "bilinear": lambda a, b: F.bilinear(a, b.t(), torch.ones(2, 3, 3)),
        "cosine similarity": lambda a, b: F.cosine_similarity(a, b.t()),
        "trace": lambda a, b: torch.trace(a @ b),
    },
    (2, 3),
    (3, 2),
)


def _square(a: Tensor) -> Tensor:
    return a @ a.mT + torch.eye(3)


each(
    "linalg",
    {
        "inverse": lambda a: torch.linalg.inv(_square(a)),
        "solve": lambda a: torch.linalg.solve(_square(a), a[:, 0]),
        "determinant": lambda a: torch.linalg.det(_square(a)),
        "slogdet": lambda a: torch.linalg.slogdet(_square(a)).logabsdet,
        "cholesky": lambda a: torch.linalg.cholesky(_square(a)),
        "eigenvalues": lambda a: torch.linalg.eigvalsh(_square(a)),
        "singular values": lambda a: torch.linalg.svdvals(_square(a)),
        "qr": lambda a: (lambda q, r: q.abs() + r)(*torch.linalg.qr(_square(a))),
        "pseudoinverse": lambda a: torch.linalg.pinv(_square(a)),
        "exponential": torch.matrix_exp,
        "power": lambda a: torch.linalg.matrix_power(a, 3),
        "norm": lambda a: torch.linalg.matrix_norm(a),
    },
    (3, 3),
)
TARGET = (2, 3)
each(
    "loss",
    {
        "mse": lambda a, b: F.mse_loss(a, b),
        "mse, each": lambda a, b: F.mse_loss(a, b, reduction="none"),
        "l1": F.l1_loss,
        "smooth l1": F.smooth_l1_loss,
        "huber": lambda a, b: F.huber_loss(a, b, delta=0.1),
        "binary": lambda a, b: F.binary_cross_entropy(a, b.detach()),
        "binary with logits": lambda a, b: F.binary_cross_entropy_with_logits(a, b),
        "cross entropy": lambda a, b: F.cross_entropy(a, torch.tensor([0, 2])) + b.sum(),
        "cross entropy, smoothed and weighted": lambda a, b: F.cross_entropy(
            a, torch.tensor([0, 2]), weight=b[0].detach(), label_smoothing=0.1
        ),
        "cross entropy, one ignored": lambda a, b: F.cross_entropy(a, torch.tensor([0, -100])),
        "cross entropy, soft targets": lambda a, b: F.cross_entropy(a, b.softmax(1)),
        "nll": lambda a, b: F.nll_loss(a.log_softmax(1), torch.tensor([1, 1])),
        "kl": lambda a, b: F.kl_div(a.log_softmax(1), b.softmax(1), reduction="batchmean"),
        "poisson": F.poisson_nll_loss,
        "gaussian": lambda a, b: F.gaussian_nll_loss(a, b, (a + b) ** 2),
        "cosine": lambda a, b: F.cosine_embedding_loss(a, b, torch.tensor([1.0, -1.0])),
        "margin": lambda a, b: F.multi_margin_loss(a, torch.tensor([0, 2])),
        "triplet": lambda a, b: F.triplet_margin_loss(a, b, a.flip(0)),
        "softmax": lambda a, b: a.softmax(1) * b,
        "softmin": lambda a, b: F.softmin(a, 1) * b,
        "log softmax": lambda a, b: a.log_softmax(0) * b,
        "layer norm": lambda a, b: F.layer_norm(a, (3,)) * b,
        "glu": lambda a, b: F.glu(torch.cat([a, b], 1)),
        "normalize": lambda a, b: F.normalize(a) * b,
        "prelu": lambda a, b: F.prelu(a - 0.5, b[0, :1]),
    },
    TARGET,
    TARGET,
)


def image(*shape: int) -> Tensor:
    """Make a small batch of images."""
    return torch.randn(*(shape or (2, 2, 5, 5)))


modules(
    "module",
    {
        "linear": lambda: (nn.Linear(3, 2), torch.randn(4, 3)),
        "linear without bias": lambda: (nn.Linear(3, 2, bias=False), torch.randn(4, 3)),
        "linear on a vector": lambda: (nn.Linear(3, 2), torch.randn(3)),
        "linear on three axes": lambda: (nn.Linear(3, 2), torch.randn(2, 2, 3)),
        "bilinear": lambda: (nn.Bilinear(2, 3, 2), torch.randn(4, 2), torch.randn(4, 3)),
        "MLP": lambda: (
            nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 2)),
            torch.randn(4, 3),
        ),
        "MLP, one layer used twice": lambda: (lambda f: (nn.Sequential(f, nn.Tanh(), f), torch.randn(4, 3)))(
            nn.Linear(3, 3)
        ),
        "conv1d": lambda: (nn.Conv1d(2, 3, 3, padding=1), torch.randn(2, 2, 6)),
        "conv2d": lambda: (nn.Conv2d(2, 3, 3), image()),
        "conv2d, strided and grouped": lambda: (nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2), image()),
        "conv2d, dilated": lambda: (nn.Conv2d(2, 2, 2, dilation=2, padding_mode="reflect", padding=1), image()),
        "conv2d, same": lambda: (nn.Conv2d(2, 2, 3, padding="same"), image()),
        "conv3d": lambda: (nn.Conv3d(1, 2, 2), torch.randn(1, 1, 3, 3, 3)),
        "conv, transposed": lambda: (nn.ConvTranspose2d(2, 2, 2, stride=2), image()),
        "depthwise separable": lambda: (nn.Sequential(nn.Conv2d(2, 2, 3, groups=2), nn.Conv2d(2, 3, 1)), image()),
        "max pooling": lambda: (nn.Sequential(nn.Conv2d(2, 2, 2), nn.MaxPool2d(2)), image()),
        "max pooling with indices": lambda: (
            nn.Sequential(nn.Conv2d(2, 2, 2), nn.MaxPool2d(2, return_indices=True)),
            image(),
        ),
        "average pooling": lambda: (nn.Sequential(nn.Conv2d(2, 2, 2), nn.AvgPool2d(2)), image()),
        "adaptive pooling": lambda: (nn.Sequential(nn.Conv2d(2, 2, 2), nn.AdaptiveAvgPool2d(1)), image()),
        "adaptive max pooling": lambda: (nn.Sequential(nn.Conv2d(2, 2, 2), nn.AdaptiveMaxPool2d(2)), image()),
        "p-norm pooling": lambda: (nn.Sequential(nn.Conv2d(2, 2, 2), nn.LPPool2d(2, 2)), image()),
        "upsampling": lambda: (
            nn.Sequential(nn.Conv2d(2, 2, 3), nn.Upsample(scale_factor=2, mode="bilinear")),
            image(),
        ),
        "pixel shuffle": lambda: (nn.Sequential(nn.Conv2d(2, 4, 3), nn.PixelShuffle(2)), image()),
        "batch norm": lambda: (nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)), image()),
        "batch norm, eval": lambda: (nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)).eval(), image()),
        "batch norm, 1d": lambda: (nn.BatchNorm1d(3), torch.randn(4, 3)),
        "layer norm": lambda: (nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)), torch.randn(2, 3)),
        "group norm": lambda: (nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4)), image()),
        "instance norm": lambda: (nn.InstanceNorm2d(2, affine=True), image()),
        "RMS norm": lambda: (nn.Sequential(nn.Linear(3, 4), nn.RMSNorm(4)), torch.randn(2, 3)),
        "local response": lambda: (nn.Sequential(nn.Conv2d(2, 4, 3), nn.LocalResponseNorm(2)), image()),
        "weight norm": lambda: (nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)), torch.randn(2, 3)),
        "spectral norm": lambda: (nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2)), torch.randn(2, 3)),
        "dropout": lambda: (nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5)), torch.randn(4, 3)),
        "dropout, eval": lambda: (nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5)).eval(), torch.randn(4, 3)),
        "dropout of channels": lambda: (nn.Sequential(nn.Conv2d(2, 4, 3), nn.Dropout2d(0.5)), image()),
        "alpha dropout": lambda: (nn.Sequential(nn.Linear(3, 8), nn.AlphaDropout(0.5)), torch.randn(4, 3)),
        "dropout in place": lambda: (nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5, inplace=True)), torch.randn(4, 3)),
        "randomized ReLU": lambda: (nn.Sequential(nn.Linear(3, 8), nn.RReLU()), torch.randn(4, 3)),
        "embedding": lambda: (nn.Embedding(5, 3), torch.tensor([[0, 2], [2, 4]])),
        "embedding, padded and scaled": lambda: (
            nn.Embedding(5, 3, padding_idx=2, scale_grad_by_freq=True),
            torch.tensor([0, 2, 2, 0]),
        ),
        "embedding with a largest norm": lambda: (nn.Embedding(5, 3, max_norm=0.5), torch.tensor([0, 2])),
        "embedding bag": lambda: (nn.EmbeddingBag(6, 3), torch.tensor([[0, 2], [2, 5]])),
        "embedding bag, max": lambda: (nn.EmbeddingBag(6, 3, mode="max"), torch.tensor([[0, 2], [2, 5]])),
        "RNN": lambda: (nn.RNN(3, 4), torch.randn(3, 2, 3)),
        "LSTM": lambda: (nn.LSTM(3, 4, num_layers=2), torch.randn(3, 2, 3)),
        "LSTM, both ways, with dropout": lambda: (
            nn.LSTM(3, 2, num_layers=2, bidirectional=True, dropout=0.5, batch_first=True),
            torch.randn(2, 3, 3),
        ),
        "LSTM, projected": lambda: (nn.LSTM(3, 4, proj_size=2), torch.randn(3, 2, 3)),
        "LSTM cell": lambda: (nn.LSTMCell(3, 4), torch.randn(2, 3)),
        "GRU": lambda: (nn.GRU(3, 4), torch.randn(3, 2, 3)),
        "GRU cell": lambda: (nn.GRUCell(3, 4), torch.randn(2, 3)),
        "attention": lambda: (nn.MultiheadAttention(4, 2), *[torch.randn(3, 2, 4)] * 3),
        "attention with dropout": lambda: (nn.MultiheadAttention(4, 2, dropout=0.5), *[torch.randn(3, 2, 4)] * 3),
        "attention without weights": lambda: (_Unweighted(), torch.randn(3, 2, 4)),
        "attention, eval": lambda: (nn.MultiheadAttention(4, 2).eval(), *[torch.randn(3, 2, 4)] * 3),
        "attention across": lambda: (
            nn.MultiheadAttention(4, 2, kdim=3, vdim=2, batch_first=True),
            torch.randn(2, 3, 4),
            torch.randn(2, 5, 3),
            torch.randn(2, 5, 2),
        ),
        "encoder layer": lambda: (nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), torch.randn(2, 3, 4)),
        "encoder layer, eval": lambda: (
            nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).eval(),
            torch.randn(2, 3, 4),
        ),
        "encoder layer, norm first": lambda: (
            nn.TransformerEncoderLayer(4, 2, 8, norm_first=True, activation="gelu"),
            torch.randn(2, 3, 4),
        ),
        "decoder layer": lambda: (nn.TransformerDecoderLayer(4, 2, 8), torch.randn(3, 2, 4), torch.randn(2, 2, 4)),
        "ResNet block": lambda: (Block(), image()),
    },
)


class _Unweighted(nn.Module):
    """Attend without asking for the weights, which PyTorch does by its fused kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Attend to the input itself."""
        out: Tensor = self.attention(x, x, x, need_weights=False)[0]
        return out


class Block(nn.Module):
    """Two convolutions and a way around them, with an in-place ReLU and `+=`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(2, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2)
        self.conv2, self.bn2 = nn.Conv2d(2, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Add what two convolutions make of the input to the input."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x
        relued: Tensor = self.relu(out)
        return relued


@case
def scaled_dot_product_attention() -> Sequence[Tensor]:
    """Attend with PyTorch's fused kernels, masked and causal."""
    q, k, v = leaf(2, 2, 3, 4), leaf(2, 2, 3, 4), leaf(2, 2, 3, 4)
    mask = torch.randn(3, 3)
    out = F.scaled_dot_product_attention(q, k, v) + F.scaled_dot_product_attention(q, k, v, is_causal=True)
    out = out + F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    out.pow(2).sum().backward()
    return [out, q, k, v]


@case
def the_first_lesson() -> Sequence[Tensor]:
    """Compute a single number from one weight."""
    x, y = torch.tensor(1.0), torch.tensor(2.0)
    w = torch.tensor(1.0, requires_grad=True)
    y_hat = w * x
    error = y_hat - y
    loss = error**2
    loss.backward()
    return [loss, w]


@case
def a_value_used_many_times() -> Sequence[Tensor]:
    """Meet again in one value, from paths of different lengths."""
    a, b = leaf(), leaf()
    c = a * b
    d = c * c + c
    loss = (d * a).tanh() * c + d / (b**2 + 1) + d
    loss.backward()
    return [loss, a, b]


@case
def in_place() -> Sequence[Tensor]:
    """Change an intermediate value in place, in many ways."""
    a, b = leaf(4), leaf(4)
    h = a * 2
    h += b
    h -= 0.5
    h *= a
    h /= b.detach().abs() + 1
    h[0] = 5.0
    h[1:3] = b[:2]
    h[h > 1] = 1.0
    h.sigmoid_()
    k = h * 2
    k.clamp_(0.1, 0.9)
    k.add_(b, alpha=2).mul_(3)
    loss = (k * a).sum()
    loss.backward()
    return [h, k, loss, a, b]


@case
def in_place_through_views() -> Sequence[Tensor]:
    """Change a part of a tensor through views of it."""
    a = leaf(2, 3)
    h = a * 2
    v = h[0]
    v.mul_(a[1])
    w = h.view(6)[2:4]
    w.sub_(1).neg_()
    h.t()[1].add_(1)
    h[1].copy_(a[0])
    h.narrow(1, 0, 1).fill_(2.0)
    loss = (h.t() @ h).sum() + v.sum()
    loss.backward()
    return [h, v, w, loss, a]


@case
def in_place_on_parts() -> Sequence[Tensor]:
    """Fill a new tensor part by part with `index_put_`, `masked_fill_`, `scatter_` and slices."""
    a = leaf(3)
    h = torch.zeros(3, 3)
    for i in range(3):
        h[i] = a * (i + 1)
    h.index_put_((torch.tensor([0]), torch.tensor([1])), a[2], accumulate=True)
    h.masked_fill_(h > 2, 0.0)
    h.scatter_(1, torch.tensor([[0]]), a[:1, None])
    h.index_add_(0, torch.tensor([1]), a[None])
    h.diagonal().mul_(2)
    loss = h.pow(2).sum()
    loss.backward()
    return [h, loss, a]


@case
def out_arguments() -> Sequence[Tensor]:
    """Write results of what needs no gradient into given tensors."""
    a, x = leaf(3), torch.randn(3)
    y = torch.empty(3)
    torch.mul(x, 2, out=y)
    loss = (a * y).sum()
    loss.backward()
    return [loss, y, a]


@case
def detached_parts() -> Sequence[Tensor]:
    """Stop the gradient in three ways."""
    a, b = leaf(3), leaf(3)
    h = a * b
    with torch.no_grad():
        scale = h.abs().max()
        k = h * 2
    with torch.inference_mode():
        seen = (h * 3).sum().item()
    loss = (h / scale + h.detach() * b + k * seen + torch.tensor(seen)).sum()
    with torch.set_grad_enabled(False):
        loss = loss + 0
    loss = (h / scale + h.detach() * b + k * seen).sum()
    loss.backward()
    return [loss, a, b]


@case
def a_straight_through_estimator() -> Sequence[Tensor]:
    """Round forward, and pass the gradient as if not."""
    a = leaf(3)
    hard = (a * 2).round()
    out = a + (hard - a).detach()
    loss = out.pow(2).sum()
    loss.backward()
    return [loss, a]


@case
def several_passes() -> Sequence[Tensor]:
    """Go backward several times, with and without zeroing, and with the graph kept."""
    w, b = leaf(2), leaf(2)
    h = (w * b).tanh()
    loss = h.sum()
    loss.backward(retain_graph=True)
    loss.backward(retain_graph=True)
    (h**2).sum().backward()
    w.grad = None
    b.grad.zero_()  # type: ignore[union-attr]
    other = (w**3 - b).mean()
    other.backward()
    return [loss, other, w, b]


@case
def passes_that_share_a_graph() -> Sequence[Tensor]:
    """Go backward from two losses over one shared part."""
    w = leaf(3)
    h = w.exp()
    first, second = h.sum(), (h * w).mean()
    first.backward(retain_graph=True)
    second.backward()
    return [first, second, w]


@case
def several_roots() -> Sequence[Tensor]:
    """Go backward from several tensors at once, one on the way to another, with gradients to start from."""
    w = leaf(3)
    y = w * 3
    z = y**2
    torch.autograd.backward([z, y], [torch.ones(3), torch.tensor([1.0, 0.5, -2.0])])
    return [y, z, w]


@case
def autograd_grad() -> Sequence[Tensor]:
    """Ask for gradients without accumulating them: of leaves, of what lies between, of what has none."""
    w, b, c = leaf(3), leaf(3), leaf(3)
    h = w * b
    loss = (h**2).sum()
    first = torch.autograd.grad(loss, [w, h], retain_graph=True)
    second = torch.autograd.grad(loss, (c, b), allow_unused=True, retain_graph=True)
    third = torch.autograd.grad(h, w, grad_outputs=torch.ones(3))
    return [loss, *first, second[1], *third, w, b, c]


@case
def backward_with_inputs() -> Sequence[Tensor]:
    """Accumulate only where it is asked for."""
    w, b = leaf(3), leaf(3)
    loss = (w * 2 + b).pow(2).sum()
    loss.backward(inputs=[w])
    return [loss, w, b]


@case
def retain_grad() -> Sequence[Tensor]:
    """Keep the gradient of an intermediate value."""
    w = leaf(3)
    h = w * 2
    h.retain_grad()
    loss = (h**2).sum()
    loss.backward()
    return [loss, h, w]


@case
def hooks_on_tensors() -> Sequence[Tensor]:
    """Look at a gradient, change one, and change one twice."""
    w = leaf(3)
    seen: list[Tensor] = []
    h = w * 2
    h.register_hook(lambda g: seen.append(g.clone()))
    h.register_hook(lambda g: g * 10)
    h.register_hook(lambda g: g.clamp(-5, 5))
    k = h.tanh() + h
    k.register_hook(lambda g: -g)
    w.register_hook(lambda g: g + 1)
    loss = k.pow(2).sum()
    loss.backward()
    return [loss, *seen, w]


@case
def a_hook_that_is_removed() -> Sequence[Tensor]:
    """Change a gradient in the first pass alone."""
    w = leaf(3)
    handle = w.register_hook(lambda g: g * 0)
    (w * 2).sum().backward()
    handle.remove()
    loss = (w * 3).sum()
    loss.backward()
    return [loss, w]


@case
def hooks_on_leaves() -> Sequence[Tensor]:
    """Change `.grad` right after it was accumulated, as an optimizer inside of the backward pass does."""
    w, b = leaf(3), leaf(3)

    def step(p: Tensor) -> None:
        with torch.no_grad():
            p.sub_(p.grad, alpha=0.1)  # type: ignore[arg-type]
            p.grad.zero_()  # type: ignore[union-attr]

    w.register_post_accumulate_grad_hook(step)
    loss = (w * b).sum()
    loss.backward()
    return [loss, w, b]


@case
def hooks_on_modules() -> Sequence[Tensor]:
    """Change what goes into a module, what comes out, and its gradients."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    seen: list[Tensor] = []
    model[0].register_forward_pre_hook(lambda m, x: (x[0] * 2,))
    model[1].register_forward_hook(lambda m, x, y: y * 3)
    model[2].register_full_backward_hook(lambda m, gi, go: seen.append(go[0].clone()))  # type: ignore[index]
    model[1].register_full_backward_hook(lambda m, gi, go: (gi[0] * 0.5,))  # type: ignore[index]
    model[2].register_full_backward_pre_hook(lambda m, go: (go[0] * 2,))  # type: ignore[index]
    return [*trained(model, torch.randn(4, 3)), *seen]


class Cube(torch.autograd.Function):
    """Cube, with a backward of its own."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        """Compute a**3 by ops that are seen as well."""
        ctx.save_for_backward(a)
        return a * a * a

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Scale by 3 a**2."""
        (a,) = ctx.saved_tensors
        return gradients[0] * 3 * a * a


class Parts(torch.autograd.Function):
    """Give two results of two inputs, in the newer style."""

    @staticmethod
    def forward(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Compute a product and a sum."""
        return a * b, a + b

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep the inputs."""
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Bring both results' gradients together."""
        a, b = ctx.saved_tensors
        first, second = gradients
        return first * b + second, first * a + second


class Twice(torch.autograd.Function):
    """Double in place."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        """Double the input itself."""
        ctx.mark_dirty(a)
        return a.mul_(2)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Double, changing the gradient in place."""
        return gradients[0] * 2


@case
def a_custom_function() -> Sequence[Tensor]:
    """Use a Function with a backward of its own, between other ops."""
    a = leaf(3)
    cubed = Cube.apply(a * 2)  # type: ignore[no-untyped-call]
    loss = (cubed * a).sum()
    loss.backward()
    return [cubed, loss, a]


@case
def a_custom_function_with_two_outputs() -> Sequence[Tensor]:
    """Use both results of a Function, then one alone."""
    a, b = leaf(3), leaf(3)
    product, total = Parts.apply(a, b)  # type: ignore[no-untyped-call]
    _, alone = Parts.apply(product, b)  # type: ignore[no-untyped-call]
    loss = (product * total + alone).sum()
    loss.backward()
    return [product, total, loss, a, b]


@case
def a_custom_function_in_place() -> Sequence[Tensor]:
    """Use a Function that changes its input."""
    a = leaf(3)
    h = a * 3
    k = Twice.apply(h)  # type: ignore[no-untyped-call]
    loss = (k * a).sum()
    loss.backward()
    return [loss, a]


def _checkpointed(reentrant: bool) -> Sequence[Tensor]:
    """Compute a part of a network again in the backward pass, random numbers included."""
    model, x = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Dropout(0.3)), leaf(2, 3)
    h = checkpoint(model, x * 2, use_reentrant=reentrant)
    loss = (h * x).sum()
    loss.backward()
    return [loss, x, *model.parameters()]


CASES["checkpoint"] = lambda: _checkpointed(False)
CASES["checkpoint, reentrant"] = lambda: _checkpointed(True)


def _of_dtype(dtype: torch.dtype) -> Sequence[Tensor]:
    """Train a layer in another dtype, with values used twice."""
    model, x = nn.Linear(4, 3).to(dtype), leaf(5, 4, dtype=dtype)
    h = model(x)
    h = h.tanh() * h + h.softmax(1) + 1
    loss = h.pow(2).mean()
    loss.backward()
    return [h, loss, x, *model.parameters()]


for _dtype in (torch.float64, torch.float16, torch.bfloat16):
    CASES[str(_dtype).removeprefix("torch.")] = lambda dtype=_dtype: _of_dtype(dtype)  # type: ignore[misc]


def _autocast(dtype: torch.dtype) -> Sequence[Tensor]:
    """Train under autocast, whose casts are nodes of their own and are kept from one use to the next."""
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.LayerNorm(4), nn.Linear(4, 2))
    x = torch.randn(4, 3)
    with torch.autocast("cpu", dtype=dtype):
        first = model(x)
        second = model(x * 2)
        loss = F.mse_loss(first, second.detach()) + second.float().mean()
    loss.backward()
    return [first, second, loss, *model.parameters()]


CASES["autocast to bfloat16"] = lambda: _autocast(torch.bfloat16)
CASES["autocast to float16"] = lambda: _autocast(torch.float16)


@case
def a_gradient_scaler() -> Sequence[Tensor]:
    """Scale a loss up and its gradients down."""
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu")
    loss = model(torch.randn(4, 3)).pow(2).mean()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    return [loss, *model.parameters()]


def _descends(make: Callable[..., torch.optim.Optimizer], **options: Any) -> Sequence[Tensor]:
    """Train for three steps."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    optimizer = make(model.parameters(), **options)
    x, y = torch.randn(5, 3), torch.randn(5, 1)
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        losses.append(loss)
    state = [t for held in optimizer.state.values() for t in held.values() if isinstance(t, Tensor)]
    return [*losses, *model.parameters(), *state]


_OPTIMIZERS: dict[str, Callable[[], Sequence[Tensor]]] = {
    "SGD": lambda: _descends(torch.optim.SGD, lr=0.1),
    "SGD with momentum": lambda: _descends(torch.optim.SGD, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "SGD, foreach": lambda: _descends(torch.optim.SGD, lr=0.1, momentum=0.9, foreach=True),
    "SGD, fused": lambda: _descends(torch.optim.SGD, lr=0.1, momentum=0.9, fused=True),
    "Adam": lambda: _descends(torch.optim.Adam, lr=0.1),
    "Adam, foreach": lambda: _descends(torch.optim.Adam, lr=0.1, foreach=True),
    "Adam, fused": lambda: _descends(torch.optim.Adam, lr=0.1, fused=True),
    "AdamW": lambda: _descends(torch.optim.AdamW, lr=0.1),
    "RMSprop": lambda: _descends(torch.optim.RMSprop, lr=0.1),
    "Adagrad": lambda: _descends(torch.optim.Adagrad, lr=0.1),
}
CASES.update({f"optimizer: {name}": run for name, run in _OPTIMIZERS.items()})


@case
def random_numbers() -> Sequence[Tensor]:
    """Draw random numbers in many ways, some from a generator of one's own."""
    a, own = leaf(6), torch.Generator().manual_seed(3)
    h = F.dropout(a, 0.5) * torch.rand(6) + torch.randn_like(a)
    h = h * torch.bernoulli(torch.full((6,), 0.5)) + torch.rand(6, generator=own) + torch.empty(6).uniform_()
    h = h[torch.randperm(6)] + torch.randint(0, 3, (6,)) + torch.normal(0.0, 1.0, (6,))
    sampled = torch.distributions.Normal(a, a.exp()).rsample()
    hard = F.gumbel_softmax(a, hard=True)
    loss = (h + sampled + hard).pow(2).sum() + torch.multinomial(a.softmax(0), 2).sum()
    loss.backward()
    return [h, loss, a, torch.rand(2, generator=own)]


@case
def nothing_to_differentiate() -> Sequence[Tensor]:
    """Compute without any gradient."""
    x = torch.randn(3, 3)
    with torch.no_grad():
        y = nn.Linear(3, 2)(x).relu()
    return [x, y, y.argmax(1), x.sort().values]


@case
def numbers_that_are_not_finite() -> Sequence[Tensor]:
    """Divide by zero, take the root of zero and the logarithm of less."""
    a = torch.tensor([0.0, -1.0, 4.0], requires_grad=True)
    loss = (a.sqrt() + a.log() + 1 / a).sum() + torch.where(a > 0, a.log(), 0.0).sum()
    loss.backward()
    return [loss, a]


@case
def empty_tensors() -> Sequence[Tensor]:
    """Work on no elements at all."""
    a, b = leaf(0), leaf(2)
    loss = torch.cat([a * 2, b]).sum() + a.sum() + (a @ a)
    loss.backward()
    return [loss, a, b]


@case
def a_leaf_alone() -> Sequence[Tensor]:
    """Go backward from a leaf itself."""
    w, v = leaf(), leaf(2)
    w.backward()
    v.backward(torch.tensor([2.0, 3.0]))
    torch.autograd.backward([w * 2, w])
    return [w, v]


@case
def a_leaf_that_is_changed() -> Sequence[Tensor]:
    """Change weights between passes, as a descent by hand does."""
    w, b = leaf(3), leaf()
    losses = []
    for _ in range(3):
        loss = ((w * 2).sum() + b - 1) ** 2
        loss.backward()
        with torch.no_grad():
            w -= 0.1 * w.grad  # type: ignore[operator]
            b.add_(b.grad, alpha=-0.1)  # type: ignore[arg-type]
        w.grad = None
        b.grad.zero_()  # type: ignore[union-attr]
        losses.append(loss)
    w.data = w.data * 2
    w.data.mul_(0.5)
    return [*losses, w, b]


@case
def gradients_that_accumulate() -> Sequence[Tensor]:
    """Add up the gradients of small batches, then step."""
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for batch in torch.randn(4, 2, 3).split(2):
        for x in batch:
            loss = model(x).pow(2).mean() / 2
            loss.backward()
            losses.append(loss)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
    return [*losses, *model.parameters()]


@case
def a_recurrence_by_hand() -> Sequence[Tensor]:
    """Unroll a cell in a loop, over a truncated history."""
    w, u, x = leaf(2, 2), leaf(2, 2), torch.randn(4, 2)
    h = torch.zeros(2)
    for t, x_t in enumerate(x):
        h = torch.tanh(w @ h + u @ x_t)
        if t == 1:
            h = h.detach()
    loss = h.sum()
    loss.backward()
    return [loss, w, u]


@case
def a_packed_sequence() -> Sequence[Tensor]:
    """Run a GRU over sequences of different lengths."""
    model = nn.GRU(2, 3, batch_first=True)
    packed = nn.utils.rnn.pack_padded_sequence(torch.randn(2, 4, 2), torch.tensor([4, 2]), batch_first=True)
    out, _ = nn.utils.rnn.pad_packed_sequence(model(packed)[0], batch_first=True)
    loss = out.pow(2).sum()
    loss.backward()
    return [loss, *model.parameters()]


@case
def tied_weights() -> Sequence[Tensor]:
    """Use one table to look words up and to score them."""
    table = nn.Embedding(5, 3)
    words = torch.tensor([0, 1, 2, 1])
    loss = F.cross_entropy(table(words[:-1]) @ table.weight.T, words[1:])
    loss.backward()
    return [loss, table.weight]


@case
def saved_tensors_are_packed() -> Sequence[Tensor]:
    """Save what backward needs through hooks of one's own."""
    a = leaf(3)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.double(), lambda t: t.float()):
        loss = (a.exp() * a).sum()
    loss.backward()
    return [loss, a]


@case
def anomaly_mode() -> Sequence[Tensor]:
    """Let PyTorch watch for what is not a number."""
    a = leaf(3)
    with torch.autograd.detect_anomaly(check_nan=False):
        loss = a.exp().sum()
        loss.backward()
    return [loss, a]


@case
def parameters_called_functionally() -> Sequence[Tensor]:
    """Run a module with other parameters than its own."""
    model, scale = nn.Linear(3, 2), leaf()
    other = {name: p.detach() * scale for name, p in model.named_parameters()}
    loss = torch.func.functional_call(model, other, torch.randn(2, 3)).pow(2).mean()
    loss.backward()
    return [loss, scale]
