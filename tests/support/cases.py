"""Real PyTorch code to record, one small function a case: it runs forward and backward, and gives what it made.

What a case returns must be bitwise the same with and without recording, and so must the `.grad` of the leaves behind
it. Cases are small, so that everything is kept and every number of a recording can be held against PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # as everyone calls it
from torch import Tensor, nn, randn
from torch.utils.checkpoint import checkpoint

Case = Callable[[], Sequence[Tensor]]
CASES: dict[str, Case] = {}
"""The first circle: recorded exactly."""


def case(function: Callable[..., Sequence[Tensor] | Tensor], *arguments: Any, name: str = "") -> Any:
    """Add a function to the cases under its name; go backward from the tensor, or a tuple's first, that it gives."""

    def run() -> Sequence[Tensor]:
        made = function(*arguments)
        if isinstance(made, Tensor):
            made = (made,)
        if isinstance(made, tuple):
            made[0].backward()
        return made

    CASES[name or function.__name__.replace("_", " ")] = run
    return function


def each(kind: str, table: dict[str, Callable[..., Tensor]], *shapes: tuple[int, ...], low: float = 0.3) -> None:
    """Add a case for each op of a table, over leaves of positive numbers in some shapes."""

    def run(op: Callable[..., Tensor]) -> Sequence[Tensor]:
        out = op(*[(torch.rand(shape) * 0.6 + low).requires_grad_() for shape in shapes])
        out.backward(torch.linspace(-1, 2, out.numel()).reshape(out.shape))
        return [out]

    for name, op in table.items():
        case(run, op, name=f"{kind}: {name}")


def functions(module: Any, names: str) -> dict[str, Callable[..., Tensor]]:
    """Return functions of a module by name."""
    return {name: getattr(module, name) for name in names.split()}


def calls(letters: str, text: str) -> dict[str, Callable[..., Tensor]]:
    """Return expressions, which stand a line each or between semicolons, as functions of some letters."""
    found = [call.strip() for line in text.strip().splitlines() for call in line.split(";")]
    return {call: eval(f"lambda {letters}: ({call})") for call in found}


def trained(module: nn.Module, *inputs: Any) -> tuple[Tensor, ...]:
    """Run a module, and make one number of its first result."""
    result = module(*inputs)
    first = result[0] if isinstance(result, tuple) else result
    return (first**2).mean(), first, *module.parameters(), *module.buffers()


def leaf(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Make a leaf of random numbers."""
    return randn(shape).to(dtype).requires_grad_()


UNARY = """
abs acos asin asinh atan atanh ceil cos cosh deg2rad digamma erf erfc erfinv exp exp2 expm1 floor frac
lgamma log log10 log1p log2 logit neg positive rad2deg reciprocal relu round rsqrt sgn sigmoid sign sin sinc
sinh sqrt square tan tanh trunc i0 selu celu nan_to_num clone
"""
ACTIVATIONS = """
elu gelu silu mish hardswish hardsigmoid hardtanh leaky_relu softplus softsign logsigmoid relu6 softshrink
hardshrink tanhshrink
"""
BINARY = """
maximum minimum fmax fmin hypot logaddexp logaddexp2 xlogy copysign fmod remainder ldexp
"""
each("elementwise", functions(torch, UNARY), (2, 3))
each("elementwise", functions(torch, "acosh"), (2, 3), low=1.5)
each("activation", functions(F, ACTIVATIONS), (2, 3), low=-0.5)
each("two inputs", functions(torch, "add sub mul div true_divide pow atan2" + BINARY), (2, 3), (2, 3))
each("broadcast", functions(torch, "add sub mul div true_divide pow"), (2, 1), (3,))
WITH_NUMBERS = """
2 / a + (3 - a) + 2**a + 1.5 * a; a / 2 + (a - 3) + a**3 + a * 1.5
torch.add(a, a * 2, alpha=3) - torch.sub(a, a * 2, alpha=0.5); a.clamp(0.4, 0.7); a.clamp(min=torch.full((3,), 0.5))
torch.lerp(a, a**2, 0.25); torch.addcmul(a, a, a, value=0.5); torch.addcdiv(a, a, a + 1, value=0.5); a * (a > 0.5)
"""
each("with numbers", calls("a", WITH_NUMBERS), (2, 3))
REDUCTIONS = """
a.sum(1); a.mean(0, keepdim=True); a.prod(1); a.amin(1); a.std(1); torch.linalg.vector_norm(a, 1, dim=1)
a.logsumexp(1); a.cumsum(1); a.cumprod(1); a.logcumsumexp(1); torch.dist(a, a.flip(0) ** 2)
a[:1].cumsum(0)
"""  # the last looks elementwise
each("reduction", functions(torch, "sum mean prod amax max min var norm median nansum"), (2, 3))
each("reduction", calls("a", REDUCTIONS), (2, 3))
SELECTIONS = """
a.max(1).values; a.min(1).values * a.min(1).indices; a.topk(2).values; a.sort(descending=True).values
a.kthvalue(2).values; a.mode().values; a.gather(1, torch.tensor([[0, 2], [1, 1]])); a.take_along_dim(a.argsort(1), 1)
torch.zeros(2, 4).scatter(1, torch.tensor([[3, 0, 1], [1, 2, 3]]), a)
torch.zeros(2, 2).scatter_add(1, torch.tensor([[1, 0, 1], [1, 1, 1]]), a)
torch.zeros(3, 3).index_add(0, torch.tensor([2, 2]), a); a.index_select(1, torch.tensor([2, 0, 0]))
a[torch.tensor([1, 0, 1])]; a[torch.tensor([1, 0]), torch.tensor([2, 2])]; a[a > 0.5]; a.masked_fill(a > 0.5, 2.0)
a.masked_select(a > 0.5); torch.where(a > 0.5, a**2, 3 * a); a.take(torch.tensor([5, 0, 0])); a[1]; a[:, ::2]; a[1, 2]
a[..., None, 1]; a.diagonal(); torch.tril(a); a.unfold(1, 2, 1)
"""
each("selection", calls("a", SELECTIONS), (2, 3))
SHAPES = """
a.reshape(3, 2); a.view(6); a.t(); a.T; a.mT; a[None].permute(2, 0, 1); a.movedim(0, 1); a.flatten()
a.unsqueeze(1).squeeze(1); a[:, :1].expand(2, 4); a.repeat(2, 1); a.repeat_interleave(2, 1); a.tile(2)
a.broadcast_to(2, 2, 3); a.flip(1); a.roll(1, 1); torch.rot90(a); torch.cat([a, a * 2], 1); torch.stack([a, a * 2])
F.pad(a, (1, 2)); F.pad(a, (1, 1), mode="reflect"); a.t().contiguous(); a[0].diag(); a.double() * 2
(lambda p: p[0] * p[1].sum())(a.split([2, 1], 1)); (lambda p: p[0] * p[1])(a.chunk(2))
(lambda p: p[0] * p[1])(a.unbind()); a.unbind()[1] * 2; (lambda p: p[0].sum() * p[1])(a.tensor_split(2, 1))
sum((row * k for k, row in enumerate(a, 1)), torch.zeros(3))
(lambda p: p[0] * p[1])(torch.meshgrid(a[0], a[1], indexing="ij"))
"""
each("shape", calls("a", SHAPES), (2, 3))
MATRICES = """
a @ b; torch.mm(a, b); torch.mv(a, b[:, 0]); torch.dot(a[0], b[:, 1]); a[0] @ b[:, 1]; torch.outer(a[0], b[0])
torch.addmm(a[:, :2], a, b, beta=0.5, alpha=2); torch.bmm(a[None], b[None]); a[None].expand(2, 2, 3) @ b
torch.einsum("ij,jk->ki", a, b); torch.einsum("ij,ji->", a, b); torch.tensordot(a, b, dims=([1], [0]))
torch.kron(a, b); torch.cdist(a, b.t()); torch.inner(a, b.t()); torch.linalg.multi_dot([a, b, a])
F.bilinear(a, b.t(), torch.ones(2, 3, 3)); F.cosine_similarity(a, b.t()); torch.trace(a @ b)
"""
each("matrix", calls("a, b", MATRICES), (2, 3), (3, 2))


def _square(a: Tensor) -> Tensor:
    return a @ a.mT + torch.eye(3)


LINALG = """
torch.linalg.inv(_square(a)); torch.linalg.solve(_square(a), a[:, 0]); torch.linalg.det(_square(a))
torch.linalg.slogdet(_square(a)).logabsdet; torch.linalg.cholesky(_square(a)); torch.linalg.eigvalsh(_square(a))
torch.linalg.svdvals(_square(a)); (lambda q, r: q.abs() + r)(*torch.linalg.qr(_square(a)))
torch.linalg.pinv(_square(a)); torch.matrix_exp(a); torch.linalg.matrix_power(a, 3); torch.linalg.matrix_norm(a)
"""
each("linalg", calls("a", LINALG), (3, 3))
LOSSES = """
F.mse_loss(a, b, reduction="none"); F.huber_loss(a, b, delta=0.1); F.binary_cross_entropy(a, b.detach())
F.cross_entropy(a, torch.tensor([0, 2])) + b.sum(); F.cross_entropy(a, torch.tensor([0, -100]))
F.cross_entropy(a, torch.tensor([0, 2]), weight=b[0].detach(), label_smoothing=0.1)
F.cross_entropy(a, b.softmax(1)); F.nll_loss(a.log_softmax(1), torch.tensor([1, 1]))
F.kl_div(a.log_softmax(1), b.softmax(1), reduction="batchmean"); F.gaussian_nll_loss(a, b, (a + b) ** 2)
F.cosine_embedding_loss(a, b, torch.tensor([1.0, -1.0])); F.multi_margin_loss(a, torch.tensor([0, 2]))
F.triplet_margin_loss(a, b, a.flip(0)); a.softmax(1) * b; F.softmin(a, 1) * b; a.log_softmax(0) * b
F.layer_norm(a, (3,)) * b; F.glu(torch.cat([a, b], 1)); F.normalize(a) * b; F.prelu(a - 0.5, b[0, :1])
"""
NAMED_LOSSES = "mse_loss l1_loss smooth_l1_loss binary_cross_entropy_with_logits poisson_nll_loss"
each("loss", functions(F, NAMED_LOSSES) | calls("a, b", LOSSES), (2, 3), (2, 3))


def image(*shape: int) -> Tensor:
    """Make a small batch of images."""
    return randn(*(shape or (2, 2, 5, 5)))


class _Unweighted(nn.Module):
    """Attend without asking for the weights, which PyTorch does by its fused kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2)

    def forward(self, x: Tensor) -> Tensor:
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
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x
        relued: Tensor = self.relu(out)
        return relued


MODULES = """
nn.Linear(3, 2), randn(4, 3); nn.Conv2d(2, 3, 3), image(); nn.EmbeddingBag(6, 3), torch.tensor([[0, 2], [2, 5]])
nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 2)), randn(4, 3)
nn.Sequential(nn.Conv2d(2, 2, 2), nn.MaxPool2d(2)), image(); nn.LSTM(3, 4, num_layers=2), randn(3, 2, 3)
nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)), image(); nn.GRU(3, 4), randn(3, 2, 3)
nn.MultiheadAttention(4, 2, dropout=0.5), *[randn(3, 2, 4)] * 3
nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), randn(2, 3, 4)
nn.Linear(3, 2, bias=False), randn(4, 3); nn.Linear(3, 2), randn(3); nn.Linear(3, 2), randn(2, 2, 3)
nn.Bilinear(2, 3, 2), randn(4, 2), randn(4, 3)
(lambda f: (nn.Sequential(f, nn.Tanh(), f), randn(4, 3)))(nn.Linear(3, 3))
nn.Conv1d(2, 3, 3, padding=1), randn(2, 2, 6); nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2), image()
nn.Conv2d(2, 2, 2, dilation=2, padding_mode="reflect", padding=1), image()
nn.Conv2d(2, 2, 3, padding="same"), image(); nn.Conv3d(1, 2, 2), randn(1, 1, 3, 3, 3)
nn.ConvTranspose2d(2, 2, 2, stride=2), image()
nn.Sequential(nn.Conv2d(2, 2, 3, groups=2), nn.Conv2d(2, 3, 1)), image()
nn.Sequential(nn.Conv2d(2, 2, 2), nn.MaxPool2d(2, return_indices=True)), image()
nn.Sequential(nn.Conv2d(2, 2, 2), nn.AvgPool2d(2)), image()
nn.Sequential(nn.Conv2d(2, 2, 2), nn.AdaptiveAvgPool2d(1)), image()
nn.Sequential(nn.Conv2d(2, 2, 2), nn.AdaptiveMaxPool2d(2)), image()
nn.Sequential(nn.Conv2d(2, 2, 2), nn.LPPool2d(2, 2)), image()
nn.Sequential(nn.Conv2d(2, 2, 3), nn.Upsample(scale_factor=2, mode="bilinear")), image()
nn.Sequential(nn.Conv2d(2, 4, 3), nn.PixelShuffle(2)), image()
nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)).eval(), image(); nn.BatchNorm1d(3), randn(4, 3)
nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)), randn(2, 3)
nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4)), image(); nn.InstanceNorm2d(2, affine=True), image()
nn.Sequential(nn.Linear(3, 4), nn.RMSNorm(4)), randn(2, 3)
nn.Sequential(nn.Conv2d(2, 4, 3), nn.LocalResponseNorm(2)), image()
nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)), randn(2, 3)
nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2)), randn(2, 3)
nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5)), randn(4, 3)
nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5)).eval(), randn(4, 3)
nn.Sequential(nn.Conv2d(2, 4, 3), nn.Dropout2d(0.5)), image()
nn.Sequential(nn.Linear(3, 8), nn.AlphaDropout(0.5)), randn(4, 3)
nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5, inplace=True)), randn(4, 3)
nn.Sequential(nn.Linear(3, 8), nn.RReLU()), randn(4, 3); nn.Embedding(5, 3), torch.tensor([[0, 2], [2, 4]])
nn.Embedding(5, 3, padding_idx=2, scale_grad_by_freq=True), torch.tensor([0, 2, 2, 0])
nn.Embedding(5, 3, max_norm=0.5), torch.tensor([0, 2])
nn.EmbeddingBag(6, 3, mode="max"), torch.tensor([[0, 2], [2, 5]]); nn.RNN(3, 4), randn(3, 2, 3)
nn.LSTM(3, 2, num_layers=2, bidirectional=True, dropout=0.5, batch_first=True), randn(2, 3, 3)
nn.LSTM(3, 4, proj_size=2), randn(3, 2, 3); nn.LSTMCell(3, 4), randn(2, 3); nn.GRUCell(3, 4), randn(2, 3)
nn.MultiheadAttention(4, 2), *[randn(3, 2, 4)] * 3; _Unweighted(), randn(3, 2, 4)
nn.MultiheadAttention(4, 2).eval(), *[randn(3, 2, 4)] * 3
nn.MultiheadAttention(4, 2, kdim=3, vdim=2, batch_first=True), randn(2, 3, 4), randn(2, 5, 3), randn(2, 5, 2)
nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).eval(), randn(2, 3, 4)
nn.TransformerEncoderLayer(4, 2, 8, norm_first=True, activation="gelu"), randn(2, 3, 4)
nn.TransformerDecoderLayer(4, 2, 8), randn(3, 2, 4), randn(2, 2, 4); Block(), image()
"""
for _name, _make in calls("", MODULES).items():
    case(lambda make: trained(*make()), _make, name=f"module: {_name}")


@case
def scaled_dot_product_attention() -> tuple[Tensor, ...]:
    q, k, v = leaf(2, 2, 3, 4), leaf(2, 2, 3, 4), leaf(2, 2, 3, 4)
    out = F.scaled_dot_product_attention(q, k, v) + F.scaled_dot_product_attention(q, k, v, is_causal=True)
    out = out + F.scaled_dot_product_attention(q, k, v, attn_mask=randn(3, 3))
    return out.pow(2).sum(), out


@case
def the_first_lesson() -> Tensor:
    x, y = torch.tensor(1.0), torch.tensor(2.0)
    w = torch.tensor(1.0, requires_grad=True)
    y_hat = w * x
    error = y_hat - y
    return error**2


@case
def a_value_used_many_times() -> Tensor:
    a, b = leaf(), leaf()
    c = a * b
    d = c * c + c
    return (d * a).tanh() * c + d / (b**2 + 1) + d


@case
def in_place() -> tuple[Tensor, ...]:
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
    return (k * a).sum(), h, k


@case
def in_place_through_views() -> tuple[Tensor, ...]:
    a = leaf(2, 3)
    h = a * 2
    v = h[0]
    v.mul_(a[1])
    w = h.view(6)[2:4]
    w.sub_(1).neg_()
    h.t()[1].add_(1)
    h[1].copy_(a[0])
    h.narrow(1, 0, 1).fill_(2.0)
    return (h.t() @ h).sum() + v.sum(), h, v, w


@case
def in_place_on_parts() -> tuple[Tensor, ...]:
    a = leaf(3)
    h = torch.zeros(3, 3)
    for i in range(3):
        h[i] = a * (i + 1)
    h.index_put_((torch.tensor([0]), torch.tensor([1])), a[2], accumulate=True)
    h.masked_fill_(h > 2, 0.0)
    h.scatter_(1, torch.tensor([[0]]), a[:1, None])
    h.index_add_(0, torch.tensor([1]), a[None])
    h.diagonal().mul_(2)
    return h.pow(2).sum(), h


@case
def out_arguments() -> tuple[Tensor, ...]:
    a, y = leaf(3), torch.empty(3)
    torch.mul(randn(3), 2, out=y)
    return (a * y).sum(), y


@case
def detached_parts() -> Tensor:
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
    return (h / scale + h.detach() * b + k * seen).sum()


@case
def a_straight_through_estimator() -> Tensor:
    a = leaf(3)
    hard = (a * 2).round()
    out = a + (hard - a).detach()
    return out.pow(2).sum()


@case
def several_passes() -> Sequence[Tensor]:
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
    return [loss, other]


@case
def passes_that_share_a_graph() -> Sequence[Tensor]:
    w = leaf(3)
    h = w.exp()
    first, second = h.sum(), (h * w).mean()
    first.backward(retain_graph=True)
    second.backward()
    return [first, second]


@case
def several_roots() -> Sequence[Tensor]:
    w = leaf(3)
    y = w * 3
    z = y**2
    torch.autograd.backward([z, y], [torch.ones(3), torch.tensor([1.0, 0.5, -2.0])])
    return [y, z]


@case
def autograd_grad() -> Sequence[Tensor]:
    w, b, c = leaf(3), leaf(3), leaf(3)
    h = w * b
    loss = (h**2).sum()
    first = torch.autograd.grad(loss, [w, h], retain_graph=True)
    second = torch.autograd.grad(loss, (c, b), allow_unused=True, retain_graph=True)
    third = torch.autograd.grad(h, w, grad_outputs=torch.ones(3))
    return [loss, *first, second[1], *third, c]


@case
def backward_with_inputs() -> Sequence[Tensor]:
    w, b = leaf(3), leaf(3)
    loss = (w * 2 + b).pow(2).sum()
    loss.backward(inputs=[w])
    return [loss]


@case
def retain_grad() -> tuple[Tensor, ...]:
    h = leaf(3) * 2
    h.retain_grad()
    return (h**2).sum(), h


@case
def hooks_on_tensors() -> Sequence[Tensor]:
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
    return [loss, *seen]


@case
def a_hook_that_is_removed() -> Tensor:
    w = leaf(3)
    handle = w.register_hook(lambda g: g * 0)
    (w * 2).sum().backward()
    handle.remove()
    return (w * 3).sum()


@case
def hooks_on_leaves() -> Tensor:
    w, b = leaf(3), leaf(3)

    def step(p: Tensor) -> None:
        with torch.no_grad():
            p.sub_(p.grad, alpha=0.1)  # type: ignore[arg-type]
            p.grad.zero_()  # type: ignore[union-attr]

    w.register_post_accumulate_grad_hook(step)
    return (w * b).sum()


@case
def hooks_on_modules() -> Sequence[Tensor]:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    seen: list[Tensor] = []
    model[0].register_forward_pre_hook(lambda m, x: (x[0] * 2,))
    model[1].register_forward_hook(lambda m, x, y: y * 3)
    model[2].register_full_backward_hook(lambda m, gi, go: seen.append(go[0].clone()))  # type: ignore[index]
    model[1].register_full_backward_hook(lambda m, gi, go: (gi[0] * 0.5,))  # type: ignore[index]
    model[2].register_full_backward_pre_hook(lambda m, go: (go[0] * 2,))  # type: ignore[index]
    loss, *others = trained(model, randn(4, 3))
    loss.backward()
    return [loss, *others, *seen]


class Cube(torch.autograd.Function):
    """Cube, by ops that are seen as well, with a backward of its own."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        ctx.save_for_backward(a)
        return a * a * a

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (a,) = ctx.saved_tensors
        return gradients[0] * 3 * a * a


class Parts(torch.autograd.Function):
    """Give a product and a sum of two inputs, in the newer style."""

    @staticmethod
    def forward(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        return a * b, a + b

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        a, b = ctx.saved_tensors
        first, second = gradients
        return first * b + second, first * a + second


class Twice(torch.autograd.Function):
    """Double in place, the gradient too."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        ctx.mark_dirty(a)
        return a.mul_(2)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return gradients[0] * 2


@case
def a_custom_function() -> tuple[Tensor, ...]:
    a = leaf(3)
    cubed = Cube.apply(a * 2)  # type: ignore[no-untyped-call]
    return (cubed * a).sum(), cubed


@case
def a_custom_function_with_two_outputs() -> tuple[Tensor, ...]:
    a, b = leaf(3), leaf(3)
    product, total = Parts.apply(a, b)  # type: ignore[no-untyped-call]
    _, alone = Parts.apply(product, b)  # type: ignore[no-untyped-call]
    return (product * total + alone).sum(), product, total


@case
def a_custom_function_in_place() -> Any:
    a = leaf(3)
    h = a * 3
    k = Twice.apply(h)  # type: ignore[no-untyped-call]
    return (k * a).sum()


def _checkpointed(reentrant: bool) -> tuple[Tensor, ...]:
    """Compute a part of a network again in the backward pass, random numbers included."""
    model, x = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Dropout(0.3)), leaf(2, 3)
    h = checkpoint(model, x * 2, use_reentrant=reentrant)
    return (h * x).sum(), *model.parameters()


case(_checkpointed, False, name="checkpoint")
case(_checkpointed, True, name="checkpoint, reentrant")


def _of_dtype(dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Train a layer in another dtype, with values used twice."""
    h = nn.Linear(4, 3).to(dtype)(leaf(5, 4, dtype=dtype))
    h = h.tanh() * h + h.softmax(1) + 1
    return h.pow(2).mean(), h


for _dtype in (torch.float64, torch.float16, torch.bfloat16):
    case(_of_dtype, _dtype, name=str(_dtype).removeprefix("torch."))


def _autocast(dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Train under autocast, whose casts are nodes of their own and are kept from one use to the next."""
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.LayerNorm(4), nn.Linear(4, 2))
    x = randn(4, 3)
    with torch.autocast("cpu", dtype=dtype):
        first = model(x)
        second = model(x * 2)
        return F.mse_loss(first, second.detach()) + second.float().mean(), first, second


case(_autocast, torch.bfloat16, name="autocast to bfloat16")
case(_autocast, torch.float16, name="autocast to float16")


@case
def a_gradient_scaler() -> Sequence[Tensor]:
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu")
    loss = model(randn(4, 3)).pow(2).mean()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    return [loss]


def _descends(make: Callable[..., torch.optim.Optimizer], options: dict[str, Any]) -> Sequence[Tensor]:
    """Train for three steps."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    optimizer = make(model.parameters(), lr=0.1, **options)
    x, y = randn(5, 3), randn(5, 1)
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        losses.append(loss)
    state = [t for held in optimizer.state.values() for t in held.values() if isinstance(t, Tensor)]
    return [*losses, *state]


_OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    *(("SGD", {"momentum": 0.9, _way: True}) for _way in ("foreach", "fused")),
    *(("Adam", {_way: True}) for _way in ("foreach", "fused")),
    *((_kind, {}) for _kind in ("Adam", "AdamW", "RMSprop", "Adagrad")),
]
for _kind, _options in _OPTIMIZERS:
    case(_descends, getattr(torch.optim, _kind), _options, name=f"optimizer: {', '.join([_kind, *_options])}")


@case
def random_numbers() -> Sequence[Tensor]:
    a, own = leaf(6), torch.Generator().manual_seed(3)
    h = F.dropout(a, 0.5) * torch.rand(6) + torch.randn_like(a)
    h = h * torch.bernoulli(torch.full((6,), 0.5)) + torch.rand(6, generator=own) + torch.empty(6).uniform_()
    h = h[torch.randperm(6)] + torch.randint(0, 3, (6,)) + torch.normal(0.0, 1.0, (6,))
    sampled = torch.distributions.Normal(a, a.exp()).rsample()
    hard = F.gumbel_softmax(a, hard=True)
    loss = (h + sampled + hard).pow(2).sum() + torch.multinomial(a.softmax(0), 2).sum()
    loss.backward()
    return [h, loss, torch.rand(2, generator=own)]


@case
def nothing_to_differentiate() -> Sequence[Tensor]:
    x = randn(3, 3)
    with torch.no_grad():
        y = nn.Linear(3, 2)(x).relu()
    return [x, y, y.argmax(1), x.sort().values]


@case
def numbers_that_are_not_finite() -> Tensor:
    a = torch.tensor([0.0, -1.0, 4.0], requires_grad=True)
    return (a.sqrt() + a.log() + 1 / a).sum() + torch.where(a > 0, a.log(), 0.0).sum()


@case
def empty_tensors() -> Tensor:
    a, b = leaf(0), leaf(2)
    return torch.cat([a * 2, b]).sum() + a.sum() + (a @ a)


@case
def a_leaf_alone() -> Sequence[Tensor]:
    w, v = leaf(), leaf(2)
    w.backward()
    v.backward(torch.tensor([2.0, 3.0]))
    torch.autograd.backward([w * 2, w])
    return [w, v]


@case
def a_leaf_that_is_changed() -> Sequence[Tensor]:
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
    return losses


@case
def gradients_that_accumulate() -> Sequence[Tensor]:
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for batch in randn(4, 2, 3).split(2):
        for x in batch:
            loss = model(x).pow(2).mean() / 2
            loss.backward()
            losses.append(loss)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
    return losses


@case
def a_recurrence_with_a_truncated_history() -> Tensor:
    w, u, h = leaf(2, 2), leaf(2, 2), torch.zeros(2)
    for t, x_t in enumerate(randn(4, 2)):
        h = torch.tanh(w @ h + u @ x_t)
        if t == 1:
            h = h.detach()
    return h.sum()


@case
def a_packed_sequence() -> Tensor:
    packed = nn.utils.rnn.pack_padded_sequence(randn(2, 4, 2), torch.tensor([4, 2]), batch_first=True)
    out, _ = nn.utils.rnn.pad_packed_sequence(nn.GRU(2, 3, batch_first=True)(packed)[0], batch_first=True)
    return out.pow(2).sum()


@case
def tied_weights() -> Tensor:
    table = nn.Embedding(5, 3)
    words = torch.tensor([0, 1, 2, 1])
    return F.cross_entropy(table(words[:-1]) @ table.weight.T, words[1:])


@case
def saved_tensors_are_packed() -> Tensor:
    a = leaf(3)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.double(), lambda t: t.float()):
        return (a.exp() * a).sum()


@case
def anomaly_mode() -> Sequence[Tensor]:
    a = leaf(3)
    with torch.autograd.detect_anomaly(check_nan=False):
        loss = a.exp().sum()
        loss.backward()
    return [loss]


@case
def parameters_called_functionally() -> Any:
    model, scale = nn.Linear(3, 2), leaf()
    other = {name: p.detach() * scale for name, p in model.named_parameters()}
    return torch.func.functional_call(model, other, randn(2, 3)).pow(2).mean()
