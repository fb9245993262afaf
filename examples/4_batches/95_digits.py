"""
Read handwritten digits: a classifier by hand
=============================================

**What you get:** a network that reads handwriting, with every gradient worked out by four lines of NumPy. It learns in
seconds, and is tried on digits that it has never seen. Autograd is the judge of its gradients. At the end you see what
the first layer looks for.

**What you need:** :ref:`sphx_glr_lessons_4_batches_10_batches.py` and
:ref:`sphx_glr_lessons_4_batches_30_softmax.py`. Reading time: 20 minutes.
"""

# %%
# The pictures
# ------------
#
# scikit-learn, a Python library, brings a set of digits along that people wrote by hand: pictures of eight by eight
# points, each as dark as a number between zero and sixteen says. We divide by sixteen, so that one is full ink.

import numpy as np
from sklearn.datasets import load_digits

digits = load_digits()
pictures = digits.data / 16  # a row for each picture, a column for each point
labels = digits.target

print(pictures.shape, labels[:10])

# %%
# There are ``len(pictures) == 1797`` of them, with ``pictures.shape[1] == 64`` points each. The first ten:

from matplotlib.colors import LinearSegmentedColormap

from chainrule.plots import Figure
from chainrule.views.colors import LINES

ink = LinearSegmentedColormap.from_list(
    "ink", [f"{LINES.value}00", f"{LINES.value}ff"]
)


def show(which, titles, says):
    """Draw pictures in rows of five, each with a title."""
    figure = Figure(figsize=(6, 1.5 * -(-len(which) // 5)), layout="constrained")
    for axes in figure.subplots(-(-len(which) // 5), 5, squeeze=False).flat:
        axes.set_axis_off()
    for axes, i, title in zip(figure.axes, which, titles, strict=False):
        axes.imshow(
            pictures[i].reshape(8, 8),
            cmap=ink,
            vmin=0,
            vmax=1,
            interpolation="none",
        )
        axes.set_title(title, fontsize=11)
    figure.set_label(says)
    return figure


show(
    range(10),
    labels[:10],
    "Ten blurred pictures of the digits 0 to 9, in that order.",
)

# %%
# To a network a picture is nothing but a list of numbers. It does not know which points are neighbours.
#
# We put five hundred pictures aside before anything else. They will not be used for training. What a network says to
# pictures that it was trained with proves little, since it might know them by heart, which is called
# :term:`overfitting`. The others we will use in random order, from a fixed seed.

rng = np.random.default_rng(0)
shuffled = rng.permutation(len(pictures))
train, held_out = shuffled[:1297], shuffled[1297:]
x_held, y_held = pictures[held_out], labels[held_out]

# %%
# Forward
# -------
#
# The layers are those of the XOR network, with more units: a number for each point in, sixteen hidden units with a
# ReLU, ten scores out, one for each digit. The softmax makes ten probabilities of the scores, and the loss is the
# cross-entropy: minus the logarithm of the probability that the right digit was given, as a mean over the batch.
#
# Most of the units are left out here:

from chainrule.plots import network

network(["1", "2", "…", "64"], ["h1", "h2", "…", "h16"], ["0", "1", "…", "9"])

# %%
# The weights start at random, small enough that a score is about as large as one number of the layer before.

start = {
    "w1": rng.normal(0, 1 / np.sqrt(64), (64, 16)),
    "b1": np.zeros(16),
    "w2": rng.normal(0, 1 / np.sqrt(16), (16, 10)),
    "b2": np.zeros(10),
}


def forward(weights, x):
    """Give the hidden units and the probabilities, a row for each picture."""
    hidden = np.maximum(x @ weights["w1"] + weights["b1"], 0)
    scores = hidden @ weights["w2"] + weights["b2"]
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return hidden, powers / powers.sum(axis=1, keepdims=True)


def right(weights):
    """Count the pictures put aside whose likeliest digit is the right one."""
    return int((forward(weights, x_held)[1].argmax(axis=1) == y_held).sum())


# %%
# **Predict.** The network has not learned anything yet. About how many of the ``len(y_held) == 500`` pictures that we
# put aside does it get right?
#
# .. answer:: About a tenth of them [About one in ten]
#    About a half of them: There are ten digits.
#    None: Even a guess is right now and then.

print(right(start), "of", len(y_held))

# %%
# About one in ten, which is what guessing would give: ``20 < right(start) < 120``.
#
# Backward, by hand
# -----------------
#
# You have met each step of the way back. From the loss to the scores it is *probability minus one-hot*, over the number
# of pictures in the batch. (:term:`One-hot <one-hot>`: a row of ten with a one at the right digit, zero elsewhere.)
# Then each layer has the same three rules. To a weight: the transposed inputs of the layer times what arrives. To a
# bias: the sum over the batch. To the layer before: what arrives times the transposed weights, and through the open
# gates only.
#
# **Predict.** A batch has 32 pictures, and the gradient of the scores has a row for each of them. In the gradients of
# the weights, where do these rows go?
#
# .. answer:: They are added up [have added up]
#    They stay, as rows of each gradient: A gradient has the shape of what it belongs to.
#    The mean is taken of each column: The loss has divided already.


def by_hand(weights, x, y):
    """Give the gradient of the loss for each of the weights."""
    hidden, p = forward(weights, x)
    scores = (p - np.eye(10)[y]) / len(y)  # from here on, names are gradients
    w2, b2 = hidden.T @ scores, scores.sum(axis=0)
    units = scores @ weights["w2"].T * (hidden > 0)
    w1, b1 = x.T @ units, units.sum(axis=0)
    return {"w1": w1, "b1": b1, "w2": w2, "b2": b2}


x, y = pictures[train[:32]], labels[train[:32]]
hand = by_hand(start, x, y)
shapes = {name: each.shape for name, each in hand.items()}
print(shapes)

# %%
# A gradient has the shape of what it belongs to, 64 by 16 for ``w1``, and so on. No 32 is left. The products with
# ``x.T`` and ``hidden.T`` have added up over the batch, as the two sums did.
#
# The judge
# ---------
#
# The same network for PyTorch, which needs to be told the forward pass only.

import torch

torch.set_num_threads(1)  # for tables this small, several would wait for each other


def with_autograd(weights, x, y):
    """Give what PyTorch finds for the same weights and the same batch."""
    w = {
        name: torch.tensor(each, requires_grad=True)
        for name, each in weights.items()
    }
    hidden = torch.relu(torch.from_numpy(x) @ w["w1"] + w["b1"])
    scores = hidden @ w["w2"] + w["b2"]
    torch.nn.functional.cross_entropy(scores, torch.from_numpy(y)).backward()
    return {name: each.grad.numpy() for name, each in w.items()}


# %%
# **Predict.** These are four gradients, and more than a thousand numbers. How far is the worst of them from PyTorch's?
#
# .. answer:: By no more than rounding [alike to 1e-12: True]
#    By a few percent: Both compute the same products and sums.
#    By nothing at all: Both compute the same sums, in another order.

judge = with_autograd(start, x, y)
for name in start:
    apart = np.abs(hand[name] - judge[name]).max()
    print(f"{name}  {hand[name].size:5} numbers, alike to 1e-12: {apart < 1e-12}")
print("together", sum(each.size for each in hand.values()))

# %%
# Of 1210 numbers none is further away than rounding.
#
# Train
# -----
#
# The loop is the one that you know: take thirty-two pictures, find the gradient, step against it, with a rate of one
# half. When all are used up, an epoch is over, and the next one takes them in a new order. Both ways of finding the
# gradient get the same batches.


def trained(gradient, epochs=30):
    """Give the weights after training, and how many were right after each epoch."""
    weights = {name: each.copy() for name, each in start.items()}
    draw = np.random.default_rng(1)
    counts = [right(weights)]
    for _ in range(epochs):
        order = draw.permutation(train)
        for first in range(0, len(order), 32):
            batch = order[first : first + 32]
            found = gradient(weights, pictures[batch], labels[batch])
            for name, each in found.items():
                weights[name] -= 0.5 * each
        counts.append(right(weights))
    return weights, counts


# %%
# **Predict.** Which share will be right after *one* epoch, in which the network sees each picture once?
#
# .. answer:: More than three quarters [three quarters after a single]
#    About one in ten: That was before.
#    About a third: An epoch has many steps.

weights, counts = trained(by_hand)
for epoch in (0, 1, 2, 5, 10, 30):
    share = counts[epoch] / len(y_held)
    print(f"after {epoch:2} epochs: {counts[epoch]:3} right, {share:.0%}")

# %%
# More than three quarters after a single epoch, ``counts[1] / 500 > 0.75``, and in the end ``counts[30] / 500 > 0.95``.
#
# **Predict.** The same with PyTorch's gradients. Each of the more than a thousand steps differs in its last digits, and
# each starts from where the one before ended. What are the networks like at the end?
#
# .. answer:: They are the same, to many digits [weights differ by, alike to eight digits: True]
#    They answer alike, and their weights do not: How far do rounding errors grow in a thousand steps?
#    They are two different networks: How far do rounding errors grow in a thousand steps?

from_autograd, theirs = trained(with_autograd)
drift = max(np.abs(weights[name] - from_autograd[name]).max() for name in weights)
print("the same answers after every epoch:", counts == theirs)
print("weights alike to eight digits:", drift < 1e-8)

# %%
# They are: ``counts == theirs`` for each epoch, and the weights differ by ``drift < 1e-8`` at most.
#
# What it gets wrong
# ------------------

answers = forward(weights, x_held)[1].argmax(axis=1)
wrong = np.flatnonzero(answers != y_held)[:10]
read = [f"{y_held[i]} read as {answers[i]}" for i in wrong]

show(
    held_out[wrong], read, f"Pictures that the network misread: {', '.join(read)}."
)

# %%
# Over each stands what it is meant to be, and what the network took it for.
#
# Take it in hand
# ---------------
#
# The whole network, with one picture and the trained weights, rounded to two digits:

import chainrule

w1, b1, w2, b2 = (
    torch.tensor(weights[name].round(2), requires_grad=True) for name in start
)
picture, digit = torch.tensor(x_held[:1]), torch.tensor(y_held[:1])
with chainrule.record(keep="all") as rec:
    hidden = torch.relu(picture @ w1 + b1)
    scores = hidden @ w2 + b2
    loss = torch.nn.functional.cross_entropy(scores, digit)
    loss.backward()

print("the digit is", digit.item())
rec

# %%
# .. do:: loss 0.0413, grad b2 [0,-0.0405,0,0,0.0348,0,0,0.0004,0.0053,0]; set b2 [0,0,0,0,5,0,0,0,0,0], loss 2.1121,
#    grad b2 [0,-0.879,0,0,0.8782,0,0,0.0001,0.0007,0]
#
#    The picture shows a one, and the loss is 0.0413. In ``b2`` each digit has its gradient: -0.0405 for the one, and
#    0.0348 for the four, the next in line. Open its numbers, and give the four a bias of 5. Now the network reads a
#    four. The loss is 2.1121, and the one has a gradient of -0.879.
#
# What the first layer looks for
# ------------------------------
#
# Each hidden unit has a weight for each of the points, a column of ``weights["w1"]``. So its weights can be
# drawn as a picture, too. A full square is a point where ink *raises* the unit, an open one a point where ink *lowers*
# it, and the larger the square, the larger the weight. Below each stands the digit at which the unit is largest, as a
# mean over the pictures put aside.

hidden = forward(weights, x_held)[0]
by_digit = np.array([hidden[y_held == digit].mean(axis=0) for digit in range(10)])
favourite = by_digit.argmax(axis=0)


def squares(weight):
    """Give the corners of a square for each weight, but for small ones."""
    largest = np.abs(weight).max()
    for row, column in np.ndindex(8, 8):
        half = 0.48 * np.sqrt(abs(weight[row, column]) / largest)
        if half > 0.15:
            corners = (
                np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]) * half
            )
            yield weight[row, column] > 0, corners + np.array([column, 7 - row])


figure = Figure(figsize=(6.4, 3.9), layout="constrained")
for unit, axes in enumerate(figure.subplots(2, 4).flat):
    for full, corners in squares(weights["w1"][:, unit].reshape(8, 8)):
        face = LINES.value if full else "none"
        axes.fill(*corners.T, facecolor=face, edgecolor=LINES.value, linewidth=0.8)
    axes.set(
        xlim=(-0.6, 7.6), ylim=(-0.6, 7.6), aspect="equal", xticks=[], yticks=[]
    )
    axes.spines[:].set_visible(False)
    axes.set_xlabel(f"unit {unit}: {favourite[unit]}")
listed = ", ".join(f"unit {unit} for {favourite[unit]}" for unit in range(8))
figure.set_label(
    "The weights of eight hidden units as pictures of eight by eight squares. Full "
    "and open squares lie in blotches and arcs, not in the shape of whole digits. "
    f"Each unit is largest for one digit: {listed}."
)
figure

# %%
# You might have hoped for little digits. A unit looks for something else: ink *here* and none *there*, an arc, a gap, a
# slant. Several digits share such a part, and the second layer adds up what speaks for each. Nobody told the first
# layer what to look for. It is what the gradient made of random numbers.
#
# About some weights more can be said.
#
# **Predict.** Some points are white in *every* training picture. What has become of their weights?
#
# .. answer:: They are the random ones of the start [nothing at all]
#    They have gone to zero: What pulls them there?
#    They have grown: What is the gradient behind an input of zero?

blank = (pictures[train] == 0).all(axis=0)
moved = np.abs(weights["w1"] - start["w1"])
print(int(blank.sum()), "points are always white")
print("the furthest that one of their weights moved:", moved[blank].max())
print(
    "all other points have a weight that moved:",
    bool((moved[~blank] > 0).any(1).all()),
)

# %%
# For ``blank.sum() == 3`` points, nothing at all. An input that is zero gives its weights a gradient of zero, as for
# the first sample of XOR. They still have their random numbers, and if one day there is ink at such a point, the
# network will take them for something that it learned.
#
# Take away
# ---------
#
# - The gradient of a whole classifier is four lines: probability minus one-hot, then for each layer its weights, its
#   bias, and what goes on to the layer before.
# - By hand and with autograd it is the same network, over more than a thousand steps.
# - Judge by pictures that were put aside.
# - A hidden unit need not mean anything that has a name.
#
# On your own
# -----------
#
# **Exercise.** You start with *all* weights and biases at zero, and train as before. How many different digits does the
# network answer with, over the five hundred pictures?
#
# .. answer:: One [One. All gates]
#    Ten: What tells one unit from the other?
#    Two: What tells one unit from the other?

saved = start
start = {name: np.zeros_like(each) for name, each in saved.items()}
stuck, _ = trained(by_hand)
start = saved
moving = [name for name, each in stuck.items() if each.any()]
print("moved:", moving)
print(len(set(forward(stuck, x_held)[1].argmax(axis=1))))

# %%
# One. All gates are shut, and where ``hidden`` is zero, ``w2`` gets nothing; where ``w2`` is zero, the first layer gets
# nothing either. ``moving == ["b2"]``: the last bias alone learns. It can only learn how often each digit occurs.
#
# **Exercise.** How many numbers would the network have with thirty-two hidden units instead of sixteen?
#
# .. answer:: printed
#    2368: Those are the weights. There are biases, too.

wide = 64 * 32 + 32 + 32 * 10 + 10
print(wide)

# %%
# ``wide == 2410``: the weights of both layers, ``64 * 32 + 32 * 10 == 2368``, a bias for each unit, and ten more.
#
# **Exercise.** Replace the ReLU by ``tanh``. One factor in the way back has to change. What does it become?
#
# .. answer:: 1 - hidden² [local gradient of tanh]
#    hidden (1 - hidden): That is the sigmoid's.
#    1 - hidden: The result is squared in it.

w1, w2 = (torch.tensor(start[name], requires_grad=True) for name in ("w1", "w2"))
with chainrule.record() as rec:
    units = torch.tanh(torch.from_numpy(x) @ w1)
    scores = units @ w2
    loss = torch.nn.functional.cross_entropy(scores, torch.from_numpy(y))
    loss.backward()

hidden = np.tanh(x @ start["w1"])
powers = np.exp(hidden @ start["w2"])
arriving = (powers / powers.sum(axis=1, keepdims=True) - np.eye(10)[y]) / len(y)
behind = arriving @ start["w2"].T * (1 - hidden**2)
report = rec.check(w1=x.T @ behind, w2=hidden.T @ arriving)
print([(answer.name, answer.right) for answer in report.answers])

# %%
# The gate becomes ``1 - hidden**2``, the local gradient of ``tanh``: ``bool(report) == True``. (The biases are left out
# here.)
#
# References
# ----------
#
# The same for larger pictures: [Zhang2023]_.
#
# **Next:** the same, a line at a time and checked, :ref:`sphx_glr_lessons_5_real_layers_10_line_by_line.py`.
