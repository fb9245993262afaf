"""
Take a transformer back, all of it
==================================

**What you get:** a language model of one block, its whole backward pass in your own lines, and names that it makes up
after it was trained with your gradients.

**What you need:** :ref:`sphx_glr_lessons_5_real_layers_40_attend.py`. Reading time: 12 minutes.
"""

# %%
# A list of names
# ---------------
#
# The model is to write names, a letter at a time. Each name is a line of numbers, with a dot at both ends. At every
# place the model sees the letters so far, and says how likely each letter is to be next.

import math
from types import SimpleNamespace

import torch

import chainrule
from chainrule.plots import curves

torch.set_num_threads(1)  # for tensors as small as ours, several threads only wait

text = """
anna hanna hannah ella bella isabella stella emma gemma ada ida linda miranda
amanda alma lara clara sara tara mara maria marina martina karina katarina carla
paula laura lena helena elena selena nina irina regina lisa elisa luisa louisa
rosa rose marie julie sophie lucie annie jenny penny nelly molly polly sally
kelly shelly emily lily milly tilly billie mia pia lia julia amelia aurelia
cecilia ophelia celia delia
"""
names = text.split()
letters = "." + "".join(sorted(set("".join(names))))
places, width = 10, 16

rows = [
    [letters.index(c) for c in f".{name}".ljust(places + 1, ".")] for name in names
]
x, y = torch.tensor(rows)[:, :-1], torch.tensor(rows)[:, 1:]
counts = torch.tensor([[i <= len(name) for i in range(places)] for name in names])
print(
    len(names),
    "names,",
    len(letters),
    "letters,",
    int(counts.sum()),
    "places to learn",
)

# %%
# ``x`` is what the model sees, ``y`` is what comes next, and ``counts`` says which places count: up to the dot that
# ends the name.
#
# The weights, and the way forward
# --------------------------------
#
# All of it is in the lessons before: look up, normalise, attend, a layer with a gate, and a cross-entropy. New are two
# things. A second table says at which *place* a letter stands, since attention alone cannot tell. And lines 6 and 10
# *add* what they found to what was there. That is a **residual connection**.

make = torch.Generator().manual_seed(1)


def weight(*shape, scale):
    """Draw weights of this size."""
    return (torch.randn(*shape, generator=make) * scale).requires_grad_()


root = width**-0.5
w = SimpleNamespace(
    letter=weight(len(letters), width, scale=1.0),
    place=weight(places, width, scale=0.3),
    wq=weight(width, width, scale=root),
    wk=weight(width, width, scale=root),
    wv=weight(width, width, scale=root),
    wo=weight(width, width, scale=root),
    w1=weight(width, 4 * width, scale=root),
    b1=torch.zeros(4 * width, requires_grad=True),
    w2=weight(4 * width, width, scale=root / 2),
    head=weight(width, len(letters), scale=0.1 * root),
)


def normalise(a):
    """Normalise each row, and give the spread as well."""
    spread = (a.var(dim=-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    return (a - a.mean(dim=-1, keepdim=True)) / spread, spread


def forward(w, x):
    """Run the model, and give every value by its name."""
    e = w.letter[x] + w.place[: x.shape[1]]  # (1)
    a, spread_a = normalise(e)  # (2)
    q, k, v = a @ w.wq, a @ w.wk, a @ w.wv  # (3)
    later = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
    masked = (q @ k.mT * root).masked_fill(later, -torch.inf)  # (4)
    share = masked.softmax(dim=-1)  # (5)
    mixed = share @ v
    r = e + mixed @ w.wo  # (6)
    m, spread_m = normalise(r)  # (7)
    z = m @ w.w1 + w.b1  # (8)
    h = z.relu()  # (9)
    s = r + h @ w.w2  # (10)
    scores = s @ w.head  # (11)
    return SimpleNamespace(**locals())


with chainrule.record(keep="all", local_gradients=False) as rec:
    f = forward(w, x)
    loss = torch.nn.functional.cross_entropy(f.scores[counts], y[counts])
    loss.backward()

# %%
# **Predict.** There are 21 letters, and the model knows nothing. About how large is its loss?
#
# .. answer:: 3.0 [logarithm]
#    21.0: It would be so if the loss counted letters. It takes a logarithm.

print(f"loss {loss.item():.1f}")

# %%
# About the logarithm of their number, ``math.log(len(letters)) ≈ 3.0``. If you see much more before the first step,
# the weights of the last layer are too large.
#
# Around the block
# ----------------
#
# What does a residual connection do on the way back? Here is one with single numbers:

inp = torch.tensor(2.0, requires_grad=True)
o = torch.tensor(1.5, requires_grad=True)
with chainrule.record() as small:
    block = o * inp
    outer = inp + block
    square = outer**2
    square.backward()

small

# %%
# .. do:: outer 5, grad outer 10, grad inp 25; set o 0, outer 2, grad outer 4, grad inp 4
#
#    A gradient of 10 arrives at ``outer``, and ``inp`` gets 25: 10 straight, the rest through the block. Set ``o`` to
#    0. The block adds nothing now, and the 4 that arrives comes through whole, 4.
#
# An addition copies the gradient to both sides. So however deep the stack, and however bad the blocks are at the start,
# there is a straight way from the loss to the first layer. That is why transformers can be deep.
#
# The whole way back
# ------------------
#
# Each line under its number. ``product`` adds up over all samples and places, since each weight was used at all of
# them, and ``mT`` lays each sample's table on its side.


def product(a, d):
    """Give the gradient of ``w`` in ``a @ w``."""
    return a.flatten(0, -2).T @ d.flatten(0, -2)


def back(d, hat, spread):
    """Take a gradient back through a normalisation of rows."""
    along = (d * hat).mean(dim=-1, keepdim=True)
    return (d - d.mean(dim=-1, keepdim=True) - hat * along) / spread


@torch.no_grad()
def backward(w, f):
    """Give the gradient of every weight, and of what is on the way."""
    d = SimpleNamespace()
    truth = torch.nn.functional.one_hot(y, len(letters))
    d.scores = (f.scores.softmax(-1) - truth) * counts[..., None] / counts.sum()
    d.head, d.s = product(f.s, d.scores), d.scores @ w.head.T  # (11)
    d.w2, d.h = product(f.h, d.s), d.s @ w.w2.T  # (10)
    d.z = d.h * (f.z > 0)  # (9)
    d.b1, d.w1, d.m = d.z.sum(dim=(0, 1)), product(f.m, d.z), d.z @ w.w1.T  # (8)
    d.r = d.s + back(d.m, f.m, f.spread_m)  # (10) straight, and (7)
    d.wo, d.mixed = product(f.mixed, d.r), d.r @ w.wo.T  # (6)
    d.share, d.v = d.mixed @ f.v.mT, f.share.mT @ d.mixed
    d.masked = f.share * (
        d.share - (f.share * d.share).sum(-1, keepdim=True)
    )  # (5)
    d.q, d.k = d.masked @ f.k * root, d.masked.mT @ f.q * root  # (4)
    d.wq, d.wk, d.wv = (
        product(f.a, d.q),
        product(f.a, d.k),
        product(f.a, d.v),
    )  # (3)
    d.a = d.q @ w.wq.T + d.k @ w.wk.T + d.v @ w.wv.T  # (3)
    d.e = d.r + back(d.a, f.a, f.spread_a)  # (6) straight, and (2)
    d.place = d.e.sum(dim=0)  # (1)
    d.letter = torch.zeros_like(w.letter)
    d.letter.index_add_(0, x.flatten(), d.e.flatten(0, 1))  # (1)
    return d


d = backward(w, f)
named = {f"w.{n}" if hasattr(w, n) else n: ours for n, ours in vars(d).items()}
report = rec.check(**named)
print(report)

# %%
# Every gradient is right, ``bool(report) == True``, of the weights and of all that lies between: a whole transformer,
# in twenty lines. How close are those of the weights to autograd's?

worst = max(
    ((vars(d)[name] - leaf.grad).abs().max() / leaf.grad.abs().max()).item()
    for name, leaf in vars(w).items()
)
print("to five millionths of the largest entry:", worst < 5e-6)

# %%
# ``worst < 5e-6``. Each entry is a sum over several hundred places, in another order than PyTorch's, and in ``float32``
# the order shows in the last digits.
#
# Train it
# --------
#
# From here on autograd is off. Every step is taken with ``backward``, ours.


@torch.no_grad()
def write(w, seed):
    """Draw a name, letter by letter."""
    make = torch.Generator().manual_seed(seed)
    seen = [0]
    while len(seen) <= places and (len(seen) == 1 or seen[-1]):
        chances = forward(w, torch.tensor([seen])).scores[0, -1].softmax(dim=-1)
        seen.append(torch.multinomial(chances, 1, generator=make).item())
    return "".join(letters[i] for i in seen if i)


print("before:", *(write(w, seed) for seed in range(8)))
losses = []
with torch.no_grad():
    for _ in range(120):
        f = forward(w, x)
        chances = f.scores.log_softmax(dim=-1).gather(-1, y[..., None])[..., 0]
        losses.append(-chances[counts].mean().item())
        d = backward(w, f)
        for name, leaf in vars(w).items():
            leaf -= 0.5 * vars(d)[name]
after = [write(w, seed) for seed in range(12)]
print("after: ", *after)
print(f"loss {losses[0]:.2f}, and then {losses[-1]:.2f}")
print("not in the list:", *(name for name in after if name not in names))
curves(
    {
        "our gradients": losses,
        "knows nothing": [math.log(len(letters))] * len(losses),
    }
)

# %%
# Before, letters at random; after, names, some of which nobody gave it. The loss has come down from three to about one:
# ``losses[-1] < 1.3``. It will not reach zero. After the dot at the start any of the names may come, and no model can
# know which.
#
# Take away
# ---------
#
# - A transformer has no line on the way back that you have not written by hand.
# - A residual connection copies the gradient: once past the block, once through it.
# - A weight that is used at every place of every sample adds up over them all.
# - Gradients are all that training needs. Where they come from does not matter to it.
#
# On your own
# -----------
#
# **Exercise.** How many numbers does the model learn?
#
# .. answer:: printed

gated = w.w1.numel() + w.w2.numel()
print(sum(leaf.numel() for leaf in vars(w).values()))

# %%
# Most are in the two matrices of the gated layer: ``gated == 2048``.
#
# Many models use one table for both ends: the letters' rows are the columns of the head.

with chainrule.record(local_gradients=False) as rec:
    table = w.letter.detach().clone().requires_grad_()
    first = table[x[:, 1]]
    scores = first @ table.T
    loss = torch.nn.functional.cross_entropy(scores, y[:, 1])
    loss.backward()

truth = torch.nn.functional.one_hot(y[:, 1], len(letters))
d_scores = (scores.softmax(dim=-1) - truth) / len(names)

# %%
# **Exercise.** Derive the gradient of ``table`` from ``d_scores``. (In your own code, ``rec.check(table=...)`` tells.)
# Of how many parts is it the sum?
#
# .. answer:: printed
#    1: It is looked up, and it stands in a product as well.

through_the_head = d_scores.T @ first
looked_up = torch.zeros_like(table).index_add_(0, x[:, 1], d_scores @ table)
print(bool(rec.check(table=looked_up + through_the_head)))
print(len([looked_up, through_the_head]))

# %%
# Of two: rows that add up, and a matrix product laid on its side.
#
# Read on
# -------
#
# - Andrej Karpathy's *minGPT* and *nanoGPT*, the same block several times over, with autograd; his *llm.c* has the
#   backward pass by hand, in C.
# - Kaiming He and others, `Deep residual learning <https://arxiv.org/abs/1512.03385>`_.
#
# **Next:** better steps than ours, :ref:`sphx_glr_lessons_6_training_10_which_way_down.py`.
