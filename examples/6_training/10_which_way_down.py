"""
Which way down? SGD, RMSprop, Adam and schedules
================================================

**What you get:** the optimizers of nearly every training loop, each in one to five lines of your own that agree with
PyTorch's to the last digits. Their paths are drawn on one map, and then they train one network.

**What you need:** :ref:`sphx_glr_lessons_2_descent_70_momentum.py` and
:ref:`sphx_glr_lessons_4_batches_95_digits.py`. Reading time: 12 minutes.
"""

# %%
# A narrow valley
# ---------------
#
# Here is a loss of two weights. As far from the bottom, it is twenty times as steep along ``b`` as along ``a``. We
# start at -8 and 2.

import torch

import chainrule

a = torch.tensor(-8.0, requires_grad=True)
b = torch.tensor(2.0, requires_grad=True)
with chainrule.record() as rec:
    loss = a**2 / 20 + b**2
    loss.backward()

rec

# %%
# .. do:: grad a -0.8, grad b 4; update 0.9, a -7.28, b -1.6; update 0.9, a -6.6248, b 1.28
#
#    The gradients are -0.8 and 4. Open Loss curve, set the rate to 0.9 and press Update. ``a`` has come to -7.28,
#    hardly any nearer, and ``b`` to -1.6, across the valley. Press again: -6.6248, and 1.28.
#
# One rate is too large for one direction and too small for the other. What could be done about it?
#
# Four ways to make a step
# ------------------------
#
# Each of these functions takes a gradient ``g`` and gives the step that is taken off the weights. What it has to
# remember it keeps in ``k``.

from types import SimpleNamespace


def sgd(g, k, lr):
    return lr * g


def momentum(g, k, lr):
    k.v = 0.9 * k.v + g
    return lr * k.v


def rmsprop(g, k, lr):
    k.s = 0.99 * k.s + 0.01 * g**2  # a running mean of the squares
    return lr * g / (k.s.sqrt() + 1e-8)


def adam(g, k, lr):
    k.t += 1
    k.v = 0.9 * k.v + 0.1 * g
    k.s = 0.999 * k.s + 0.001 * g**2
    v = k.v / (1 - 0.9**k.t)  # both began at zero: make up for it
    s = k.s / (1 - 0.999**k.t)
    return lr * v / (s.sqrt() + 1e-8)


# %%
# **RMSprop** divides each weight's gradient by its usual size. **Adam** does that to a running mean of gradients, as
# momentum has one. Are they PyTorch's? A hundred steps of each, in ``float64``:


def loss_of(w):
    return w[0] ** 2 / 20 + w[1] ** 2


def walk(optimizer_of, steps=100):
    """Give the points that an optimizer of PyTorch goes through."""
    w = torch.tensor([-8.0, 2.0], dtype=torch.float64, requires_grad=True)
    optimizer = optimizer_of([w])
    points = [w.detach().clone()]
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(w).backward()
        optimizer.step()
        points.append(w.detach().clone())
    return torch.stack(points)


def walk_ours(step, lr, steps=100):
    """Give those of one of our functions."""
    w = torch.tensor([-8.0, 2.0], dtype=torch.float64)
    k = SimpleNamespace(v=0.0, s=0.0, t=0)
    points = [w]
    for _ in range(steps):
        k.w = w
        w = w - step(torch.stack([w[0] / 10, 2 * w[1]]), k, lr)
        points.append(w)
    return torch.stack(points)


optim = torch.optim
pairs = {
    "SGD": (lambda w: optim.SGD(w, lr=0.9), sgd, 0.9),
    "momentum": (lambda w: optim.SGD(w, lr=0.1, momentum=0.9), momentum, 0.1),
    "RMSprop": (lambda w: optim.RMSprop(w, lr=0.2), rmsprop, 0.2),
    "Adam": (lambda w: optim.Adam(w, lr=0.5), adam, 0.5),
}
paths = {name: walk(theirs) for name, (theirs, _, _) in pairs.items()}
apart = {
    name: (walk_ours(ours, lr) - paths[name]).abs().max().item()
    for name, (_, ours, lr) in pairs.items()
}
print({name: each < 1e-12 for name, each in apart.items()})

# %%
# ``max(apart.values()) < 1e-12``: what is left is the rounding of a hundred steps. Here are the first twenty of each on
# a map.

import numpy as np

from chainrule.plots import STROKES, Figure

across, up = np.meshgrid(np.linspace(-9, 3, 24), np.linspace(-2.4, 2.4, 20))
figure = Figure(figsize=(6.6, 3.6), layout="constrained")
axes = figure.subplots()
axes.contour(
    across, up, loss_of((across, up)), [0.5, 2, 4], colors="#7c7c7c", linewidths=1
)
for (name, path), (color, _, marker) in zip(paths.items(), STROKES, strict=True):
    drawn = {"color": color, "marker": marker, "markersize": 3, "linewidth": 1}
    axes.plot(*path[:21].numpy().round(2).T, label=name, **drawn)
axes.set(xlabel="a", ylabel="b")
figure.legend(loc="outside upper center", ncols=4, frameon=False)
figure.set_label(
    "Four paths of twenty steps over the lines of equal loss of a long valley. SGD "
    "zigzags across it, momentum swings wide. RMSprop comes to the bottom with its "
    "first step and goes along it. Adam goes slantwise, and swings once."
)
figure

# %%
# Drag the start, change the rates, and look at each step in numbers:
#
# .. raw:: html
#
#    <chainrule-descent surface="valley"></chainrule-descent>
#
# Why Adam makes up for its start
# -------------------------------
#
# Adam's two running means begin at zero, so at first they are far too small: by a factor of ten, and of a thousand.
#
# **Predict.** Leave the two lines with ``1 -`` out. How many times the rate is the first step? Two digits after the
# point.
#
# .. answer:: 3.16
#    0.10: That is the mean of the gradients alone. It is divided by a root that is too small as well.
#    100.00: The mean of the squares stands under a root.

g = torch.tensor(7.0)
first = 0.1 * g / (0.001 * g**2).sqrt()
print(f"{first.item():.2f}")

# %%
# The gradient cancels, and ``0.1 / 0.001**0.5 ≈ 3.16`` is left. With the two lines, it is the rate itself: the first
# step of Adam is as long as the rate says, whatever the gradient.
#
# Weight decay
# ------------
#
# :term:`Weight decay <weight decay>` pulls each weight towards zero by a small share of itself. The old way is to add
# ``decay * w`` to the gradient. For SGD that is the same as to shrink the weight. For Adam?
#
# **Predict.** A weight is 4, its gradient 0, the rate 0.1 and the decay 0.01. Where does Adam's first step take it?
#
# .. answer:: 3.9
#    3.996: That is a share of the weight. But here the pull goes through Adam's division.
#    4.0: The pull counts as a gradient.

rates = {"lr": 0.1, "weight_decay": 0.01}
decayed = {}
for kind in (optim.Adam, optim.AdamW, optim.SGD):
    w = torch.tensor([4.0, 0.5], dtype=torch.float64, requires_grad=True)
    w.grad = torch.zeros_like(w)
    kind([w], **rates).step()
    decayed[kind.__name__] = w.tolist()
    print(f"{kind.__name__:5} from 4 and 0.5 to", [round(e, 4) for e in w.tolist()])


def adamw(g, k, lr, decay=0.01):
    return adam(g, k, lr) + lr * decay * k.w


off = (walk_ours(adamw, 0.5) - walk(lambda w: optim.AdamW(w, lr=0.5))).abs().max()
print("AdamW, a hundred steps:", (off < 1e-12).item())

# %%
# To 3.9: Adam divides the pull by its own size, so a large and a small weight lose the same. **AdamW** takes the share
# off the weight itself, past the division: ``4 * (1 - 0.1 * 0.01) ≈ 3.996`` and ``0.5 * (1 - 0.1 * 0.01) ≈ 0.4995``, as
# SGD does. Ours has one line for it, and walks with PyTorch's: ``off < 1e-12``.
#
# Noise, and schedules
# --------------------
#
# A batch gives only a guess at the gradient of all samples. Here are the digits and their small network, and how far
# the gradient of a batch is off.

from sklearn.datasets import load_digits
from torch import nn

torch.set_num_threads(1)  # for tables this small, several would wait for each other
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
draw = torch.Generator().manual_seed(0)
train, held_out = torch.randperm(len(x), generator=draw).split([1297, 500])


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))


def loss_on(model, which):
    return nn.functional.cross_entropy(model(x[which]), y[which])


def gradient(model, which):
    found = torch.autograd.grad(loss_on(model, which), list(model.parameters()))
    return torch.cat([each.flatten() for each in found])


def noise(size, draws=40):
    """Give how far a batch's gradient is off, as a share of the true one."""
    model = network()
    true = gradient(model, train)
    squares = 0.0
    for _ in range(draws):
        batch = train[torch.randint(len(train), (size,), generator=draw)]
        squares += (gradient(model, batch) - true).pow(2).sum() / draws
    return (squares.sqrt() / true.norm()).item()


# %%
# **Predict.** A batch of 128 costs four times one of 32. What becomes of the noise?
#
# .. answer:: It is halved [root of four]
#    It is a quarter: Errors of random sign cancel only in part.
#    It stays: Some errors cancel.

noises = {size: noise(size) for size in (32, 128)}
print({size: round(each, 1) for size, each in noises.items()})

# %%
# It is halved: noise falls with the root of four. With 32 samples it is as large as the gradient itself, ``0.8 <
# noises[32] < 1.2``. Noise lets no constant rate come to rest. A :term:`schedule` turns the rate down, such as half a
# cosine: ``lr / 2 * (1 + cos(pi * t / T))`` at step ``t`` of ``T``.

w = torch.zeros(1, requires_grad=True)
optimizer = optim.SGD([w], lr=0.1)
schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=100)
off = []
for t in range(101):
    ours = 0.1 / 2 * (1 + np.cos(np.pi * t / 100))
    off.append(abs(ours - optimizer.param_groups[0]["lr"]))
    optimizer.step()
    schedule.step()
print("the same rate at each step:", max(off) < 1e-12)

# %%
# The same digits under each
# --------------------------

from chainrule.plots import curves


def train_with(optimizer_of, epochs=6, cosine=False):
    """Give the loss after each epoch, and how many digits are right."""
    model = network()
    optimizer = optimizer_of(model.parameters())
    order = torch.Generator().manual_seed(1)
    steps = epochs * -(-len(train) // 32)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    losses = [loss_on(model, train).item()]
    for _ in range(epochs):
        for batch in train[torch.randperm(len(train), generator=order)].split(32):
            optimizer.zero_grad()
            loss_on(model, batch).backward()
            optimizer.step()
            if cosine:
                schedule.step()
        losses.append(loss_on(model, train).item())
    right = model(x[held_out]).argmax(dim=1) == y[held_out]
    return losses, int(right.sum())


runs = {
    "SGD 0.1": train_with(lambda w: optim.SGD(w, lr=0.1)),
    "momentum 0.1": train_with(lambda w: optim.SGD(w, lr=0.1, momentum=0.9)),
    "AdamW 0.01": train_with(lambda w: optim.AdamW(w, lr=0.01)),
    "momentum, cosine": train_with(
        lambda w: optim.SGD(w, lr=0.1, momentum=0.9), cosine=True
    ),
}
for name, (losses, right) in runs.items():
    print(f"{name:16} loss {losses[-1]:.3f}, right {right} of {len(held_out)}")
curves({name: losses for name, (losses, _) in runs.items()}, "epoch")

# %%
# SGD with the same rate is far behind. The others are close; the cosine takes out the last bumps. A better optimizer
# does not make a better network: each could be tuned, and SGD with momentum often wins in the end. What Adam spares is
# the search for a rate.
#
# Take away
# ---------
#
# - Momentum remembers gradients, RMSprop divides by their usual size, Adam does both and makes up for its start.
# - With Adam a step is about as long as the rate. Use AdamW where weights should decay.
# - Four times the batch, half the noise. At the end, turn the rate down.
#
# On your own
# -----------
#
# **Exercise.** You multiply the loss by a thousand. What becomes of Adam's steps?
#
# .. answer:: They stay the same [cancels]
#    A thousand times as long: That is SGD. By what does Adam divide?
#    Shorter by the root of a thousand: The root is of a square.

k, louder = (SimpleNamespace(v=0.0, s=0.0, t=0) for _ in range(2))
g = torch.tensor([0.3, -2.0])
print(torch.allclose(adam(g, k, 0.1), adam(1000 * g, louder, 0.1)))

# %%
# The factor stands above and below, and cancels (all but the ``1e-8``).
#
# **Exercise.** RMSprop does not make up for its start. How many times the rate is its first step?
#
# .. answer:: printed
#    1.0: That is Adam's. Here the mean of the squares began at zero.
#    100.0: The mean of the squares stands under a root.

k = SimpleNamespace(s=torch.tensor(0.0))
print(round(rmsprop(torch.tensor(7.0), k, 1.0).item(), 1))

# %%
# The mean holds a hundredth of the square, and the root of that is a tenth of the gradient.
#
# **Exercise.** Adagrad, the ancestor, *adds up* the squares and never forgets. The gradient is 2 at each step, the rate
# 1. How long is the ninth step? Two digits after the point.
#
# .. answer:: printed
#    0.11: Nine squares stand under a root.

total = sum(2.0**2 for _ in range(9))
print(f"{2.0 / total**0.5:.2f}")

# %%
# One over the root of the number of steps, and not ``2.0 / (9 * 2.0) ≈ 0.11``. The rate only ever shrinks, which is why
# RMSprop forgets.
#
# References
# ----------
#
# Adam: [Kingma2015]_. Its weight decay put right: [Loshchilov2019]_. Momentum, with pictures to drag: [Goh2017]_.
#
# **Next:** does it go well? :ref:`sphx_glr_lessons_6_training_20_is_it_healthy.py`.
