"""
Is it healthy? Seven checks of a training run
=============================================

**What you get:** seven checks that take minutes and save days, each seen on a run that passes and on one that fails,
and a list of them to take away.

**What you need:** :ref:`sphx_glr_lessons_6_training_10_which_way_down.py`. Reading time: 13 minutes.
"""

# %%
# The loss before the first step
# ------------------------------
#
# The digits again, ten of them, and a small network. It has learned nothing, so it should find all ten alike.

import math

import torch
from sklearn.datasets import load_digits
from torch import nn

import chainrule
from chainrule.plots import STROKES, Figure, curves

torch.set_num_threads(1)  # for tables this small, several would wait for each other
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
draw = torch.Generator().manual_seed(0)
train, held_out = torch.randperm(len(x), generator=draw).split([1297, 500])
cross_entropy = nn.functional.cross_entropy


def network(units=32):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, units), nn.ReLU(), nn.Linear(units, 10))


# %%
# **Predict.** What is its loss, to one digit after the point?
#
# .. answer:: 2.3
#    0.1: That is the probability that each digit gets. The loss is minus its logarithm.
#    10.0: The loss takes a logarithm.

model = network()
at_start = cross_entropy(model(x[train]), y[train]).item()
print(f"{at_start:.1f}")

# %%
# The logarithm of the number of classes, ``math.log(10) ≈ 2.3``. Now the same with a last layer thirty times as large:

with torch.no_grad():
    model[2].weight *= 30
too_sure = cross_entropy(model(x[train]), y[train]).item()
print(f"{too_sure:.1f}")

# %%
# It is sure, and wrong: ``too_sure > 5``. The first steps would only undo that. **Check 1: the loss at the start is the
# logarithm of the number of classes.**
#
# One batch, by heart
# -------------------
#
# A network that cannot learn 32 pictures by heart will not learn a thousand. Here is one, and one with a slip that many
# have made: a softmax before ``cross_entropy``, which takes a softmax itself.


def stepper(model, rate, decay=0.0):
    """Give a function that takes one step: SGD with momentum and weight decay."""
    weights = list(model.parameters())
    speed = [torch.zeros_like(weight) for weight in weights]

    @torch.no_grad()
    def step(gradients):
        for w, v, g in zip(weights, speed, gradients, strict=True):
            v.mul_(0.9).add_(g)
            w.mul_(1 - rate * decay).sub_(rate * v)

    return lambda loss: step(torch.autograd.grad(loss, weights))


def by_heart(model, labels, steps=100):
    """Give the losses over steps on one batch."""
    step, losses = stepper(model, rate=0.2), []
    for _ in range(steps):
        loss = cross_entropy(model(x[train[:32]]), labels)
        step(loss)
        losses.append(loss.item())
    return losses


labels = y[train[:32]]
learned = by_heart(network(), labels)
twice = by_heart(nn.Sequential(network(), nn.Softmax(dim=1)), labels)
print(f"one softmax {learned[-1]:.3f}, two {twice[-1]:.3f}")

# %%
# The slip does learn, so a glance would not find it. But its scores lie between zero and one, and at best the loss is
# ``math.log(math.e + 9) - 1 ≈ 1.461``: far from nothing.
#
# **Predict.** Give the 32 pictures *random* labels. Can the network learn them by heart?
#
# .. answer:: Yes, every one [knows all: True]
#    No, there is nothing to learn: There is nothing general to learn. What about by heart?
#    About a tenth of them: That would be guessing.

wrong_labels = torch.randint(10, (32,), generator=draw)
nonsense = by_heart(network(), wrong_labels)
print("knows all:", nonsense[-1] < 0.05)

# %%
# It knows all of them by heart. **Check 2: one batch goes to nothing.** It tests the machine, not the data.
#
# The size of a step
# ------------------
#
# How large is a step beside the weight that it changes? A thousandth is a good size: after a thousand steps all may
# have changed. Here at three rates of SGD, after fifty steps each:


def ratios(rate, steps=50):
    """Give the size of the last update over the weight, for each layer."""
    model = network()
    order = torch.Generator().manual_seed(1)
    for _ in range(steps):
        batch = train[torch.randint(len(train), (32,), generator=order)]
        weights = [model[0].weight, model[2].weight]
        loss = cross_entropy(model(x[batch]), y[batch])
        found = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for weight, gradient in zip(weights, found, strict=True):
                weight -= rate * gradient
    return [
        (rate * gradient.norm() / weight.norm()).item()
        for weight, gradient in zip(weights, found, strict=True)
    ]


sizes = {rate: ratios(rate) for rate in (0.0005, 0.01, 1.0)}
for rate, found in sizes.items():
    print(f"rate {rate:<6}:", *(f"{each:.0e}" for each in found))

# %%
# The first would take for ever, and the last writes over what was learned. **Check 3: update over weight is near a
# thousandth**, give or take a factor of ten. If one layer is far from the others, look there.
#
# Alive in every layer
# --------------------
#
# A stack of eight tanh layers, drawn at three sizes: the first weights are 0.4, 1 and 3 times as large as those that
# keep the spread. How large are the numbers in each layer, and the gradients that come back?


def stack(gain, depth=8):
    """Give, by layer, the spread of its results and the size of their gradients."""
    draw = torch.Generator().manual_seed(0)
    h, results = x[train[:200]] - 0.3, []
    h = h / h.std()
    for _ in range(depth):
        weight = torch.randn(64, 64, generator=draw) * gain / 8
        h = torch.tanh(h @ weight.requires_grad_())
        results.append(h)
    last = torch.randn(64, 10, generator=draw) / 8
    loss = cross_entropy(h @ last, y[train[:200]])
    back = torch.autograd.grad(loss, results)
    return results, [g.norm().item() for g in back]


gains = {"0.4, too small": 0.4, "1, keeps it": 1.0, "3, too large": 3.0}
stacks = {name: stack(gain) for name, gain in gains.items()}
figure = Figure(figsize=(6.6, 3.2), layout="constrained")
left, right = figure.subplots(1, 2)
for (name, (results, back)), (color, line, _) in zip(
    stacks.items(), STROKES, strict=False
):
    drawn = {"color": color, "linestyle": line}
    left.plot(range(1, 9), [h.std().item() for h in results], label=name, **drawn)
    right.plot(range(1, 9), back, **drawn)
left.set(xlabel="layer", title="spread of the results", yscale="log")
right.set(xlabel="layer", title="norm of their gradients", yscale="log")
figure.legend(loc="outside lower center", ncols=3, frameon=False)
figure.set_label(
    "Two charts over eight layers, on a logarithmic scale. With weights too small "
    "the results shrink from layer to layer, and the gradients shrink towards the "
    "first. With 1 both stay nearly level. With 3 the results stay near one, and "
    "the gradients change most."
)
figure

# %%
# Too small, and both fade. Too large, and the results sit at the ends of tanh, where it is flat:

flat = {
    name: (h[-1].abs() > 0.97).float().mean() for name, (h, _) in stacks.items()
}
print({name: f"{share:.0%}" for name, share in flat.items()})

# %%
# **Check 4: results and gradients are of a common size in all layers, and few units are flat.** The cures are in
# :ref:`sphx_glr_lessons_8_clinic_80_vanishing.py`.
#
# Two curves
# ----------
#
# Now a large network and only fifty pictures, with the loss on those and on the 500 that were put aside.


def two_curves(model, decay=0.0, epochs=100):
    """Give the loss over epochs, on the pictures trained on and those put aside."""
    few, step = train[:50], stepper(model, rate=0.3, decay=decay)
    losses = {"training": [], "put aside": []}
    for _ in range(epochs):
        step(cross_entropy(model.train()(x[few]), y[few]))
        with torch.no_grad():
            model.eval()
            for name, which in (("training", few), ("put aside", held_out)):
                loss = cross_entropy(model(x[which]), y[which])
                losses[name].append(loss.item())
    return losses


plain = two_curves(network(128))
for name, losses in plain.items():
    print(f"{name:9} lowest {min(losses):.3f}, at the end {losses[-1]:.3f}")
curves(plain, xlabel="epoch", log=True)

# %%
# The training loss goes to nothing. The other falls, turns and *rises*: from there on the network learns its fifty
# pictures and nothing about digits. **Check 5: watch both.** The gap between them is overfitting; if there is no gap
# and both are high, the network is too small, or the rate wrong.
#
# Hold it back
# ------------
#
# Two things narrow the gap: weight decay from the last lesson, and :term:`dropout`, which in training sets each unit to
# zero with some probability, and divides the others by what is left.

h = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
mask = torch.tensor([1.0, 0.0, 1.0, 1.0])
with chainrule.record() as rec:
    kept = h * mask / 0.5
    loss = (kept**2).sum()
    loss.backward()

rec

# %%
# .. do:: loss 104, grad h [8,0,24,32]; set mask [0,1,1,0], loss 52, grad h [0,16,24,0]
#
#    The second unit is dropped: the gradient of ``h`` is [8, 0, 24, 32]. Set ``mask`` to [0, 1, 1, 0]. Now the first
#    and the last are dropped, [0, 16, 24, 0]. A unit that said nothing learns nothing.
#
# **Predict.** What do the two together do to the loss on the *training* pictures?
#
# .. answer:: They make it larger [harder to learn by heart]
#    They make it smaller: With units missing, what is easier?
#    Nothing: Both are on while the network trains.

torch.manual_seed(0)
dropping = nn.Sequential(
    nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)
)
held_back = two_curves(dropping, decay=0.03)
for name, losses in held_back.items():
    print(f"{name:9} lowest {min(losses):.3f}, at the end {losses[-1]:.3f}")
little, much = plain["training"][-1], held_back["training"][-1]

# %%
# The training pictures are harder to learn by heart: ``much > little``. And those put aside end at about half the loss.
#
# The switch
# ----------
#
# Dropout has to stop when the network is in use. Here it reads the pictures put aside, twice with dropout on, and twice
# with it off:

with torch.no_grad():
    for mode in ("train", "eval"):
        getattr(dropping, mode)()
        once, again = (dropping(x[held_out]).argmax(dim=1) for _ in range(2))
        right = (once == y[held_out]).sum().item()
        print(f"{mode:5} right {right}, the same twice: {once.equal(again)}")

# %%
# **Check 6: the switch.** After ``model.eval()`` the same picture twice gives the same answer. Whoever forgets it reads
# too low a number off a network that is fine.
#
# Look at what is wrong
# ---------------------

misread = held_out[once != y[held_out]][:6]
answers = dropping(x[misread]).argmax(dim=1).tolist()
said = [f"{y[i]} as {answer}" for i, answer in zip(misread, answers, strict=True)]
figure = Figure(figsize=(5.4, 1.2), layout="constrained")
axes = figure.subplots()
axes.imshow(
    -torch.cat([*x[misread].reshape(-1, 8, 8)], dim=1),
    cmap="gray",
    interpolation="none",
)
axes.set(xticks=[8 * i + 3.5 for i in range(6)], xticklabels=said, yticks=[])
axes.tick_params(length=0)
axes.set_frame_on(False)
figure.set_label(f"Six pictures that it misread: {', '.join(said)}.")
figure

# %%
# **Check 7: look at the pictures that it gets wrong.** Some of them you would misread yourself, and no network will
# mend that. A wrong label, an empty picture, one digit that is always missed: these you can mend, and no curve shows
# them.
#
# Take away
# ---------
#
# 1. The loss at the start is the logarithm of the number of classes.
# 2. One batch goes to nothing.
# 3. Update over weight is near a thousandth.
# 4. Results and gradients are of a common size in all layers.
# 5. Training and held-out loss are drawn together.
# 6. ``train()`` and ``eval()`` are switched.
# 7. Somebody has looked at what is read wrong.
#
# On your own
# -----------
#
# **Exercise.** A model chooses among 1,000 classes. Which loss do you expect at the start, to one digit after the
# point?
#
# .. answer:: printed
#    3.0: That is the logarithm with base ten.

print(f"{math.log(1000):.1f}")

# %%
# Each tenfold adds ``math.log(10) ≈ 2.3``.
#
# **Exercise.** A layer's weights have norm 20, their gradient has norm 4. Which rate of SGD makes update over weight a
# thousandth? Three digits after the point.
#
# .. answer:: printed
#    0.200: That is the gradient over the weight, with a rate of one.

print(f"{20 / 1000 / 4:.3f}")

# %%
# A thousandth of the weight's norm, divided by the gradient's: with a rate of one it would be ``4 / 20 == 0.2``.
#
# **Exercise.** A softmax stands before ``cross_entropy``, and there are two classes. What is the least loss that can be
# reached? Three digits after the point.
#
# .. answer:: printed
#    0.000: The scores cannot be further apart than one and zero.
#    0.693: That is the loss at the start.

best = cross_entropy(torch.tensor([[1.0, 0.0]]), torch.tensor([0])).item()
print(f"{best:.3f}")

# %%
# It is ``math.log(math.e + 1) - 1 ≈ 0.313``; the start is ``math.log(2) ≈ 0.693``, and the best that there should be is
# zero.
#
# References
# ----------
#
# These checks and more: [Karpathy2019]_ and [CS231n]_. Activations by layer: [Glorot2010]_.
#
# **Next:** what all of this takes, :ref:`sphx_glr_lessons_6_training_30_what_it_costs.py`.
