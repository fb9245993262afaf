"""
Take a network back, line by line
=================================

**What you get:** the whole backward pass of a classifier, written by you: a line for each line of the forward pass,
under the same number, and each of them checked.

**What you need:** :ref:`sphx_glr_lessons_4_batches_30_softmax.py`. Reading time: 12 minutes.
"""

# %%
# Forward, one operation a line
# -----------------------------
#
# Two samples with three features each, four hidden units, three classes. No two of the sizes that meet in a product
# are equal, so a wrong order cannot fit by accident. Every line does one thing, and has a number:

from types import SimpleNamespace

import torch

import chainrule
from chainrule.plots import LINES, Figure, network

x = torch.tensor([[1.0, 2.0, -1.0], [0.0, 1.0, 3.0]])
y = torch.tensor([2, 0])  # the right classes
rows = torch.arange(2)
w1 = torch.tensor(
    [[1.0, 0.0, -1.0, 2.0], [0.0, 1.0, 1.0, -1.0], [1.0, -1.0, 0.0, 1.0]],
    requires_grad=True,
)
b1 = torch.tensor([0.5, 0.0, 1.0, -0.5], requires_grad=True)
w2 = torch.tensor(
    [[0.5, -1.0, 0.0], [1.0, 0.0, -0.5], [0.0, 0.5, 1.0], [-1.0, 0.5, 0.0]],
    requires_grad=True,
)
b2 = torch.tensor([0.0, 0.5, -0.5], requires_grad=True)

with chainrule.record() as rec:
    z1 = x @ w1  # (1)
    a1 = z1 + b1  # (2)
    h = torch.relu(a1)  # (3)
    z2 = h @ w2  # (4)
    scores = z2 + b2  # (5)
    e = torch.exp(scores)  # (6)
    total = e.sum(dim=1, keepdim=True)  # (7)
    p = e / total  # (8)
    log_p = torch.log(p)  # (9)
    picked = log_p[rows, y]  # (10)
    mean = picked.mean()  # (11)
    loss = -mean  # (12)
    loss.backward()

print(f"loss {loss.item():.4f}")
network(
    ["x1", "x2", "x3"],
    ["h1", "h2", "h3", "h4"],
    ["s1", "s2", "s3"],
    weights=[w1.tolist(), w2.tolist()],
)

# %%
# Lines 6 to 12 are the cross-entropy, taken apart. Now the way back, from line 12 to line 1.
#
# From the loss to the shares
# ---------------------------
#
# Line 12 turns the sign, line 11 is a mean of two: each entry of ``picked`` gets ``-1 / 2``. Line 10 picks one entry
# of each row, that of the right class.
#
# **Predict.** What does line 10 send back to an entry of ``log_p`` that was *not* picked?
#
# .. answer:: 0
#    -0.5: That is for the entries that were picked. The others do not move the loss.
#    1: The loss does not depend on it at all.

print(rec.grad("log_p").tolist())

# %%
# What was not used gets 0, and what was picked gets what arrives, -0.5.
#
# A first try
# -----------
#
# We keep what we find in ``d``: ``d.p`` is the gradient of the loss with respect to ``p``, and has the shape of ``p``.
# Line 9 goes entry by entry, with the local gradient ``1 / p``. Line 8 divides each row by its own total, which is one
# number for three entries: what was repeated is added up.

d = SimpleNamespace()
d.mean = torch.tensor(-1.0)  # (12)
d.picked = d.mean * torch.ones(2) / 2  # (11)
d.log_p = torch.zeros(2, 3)  # (10)
d.log_p[rows, y] = d.picked  # (10)
d.p = d.log_p / p  # (9)
d.total = (d.p * -e / total**2).sum(dim=1, keepdim=True)  # (8)
d.e = d.p / total  # (8), the other side

# %%
# Every name in ``d`` can be held against what PyTorch found, with ``rec.check(**vars(d))``.
#
# **Predict.** One of these lines is wrong. Which? (Look for a value that stands in two lines of the way forward.)
#
# .. answer:: The last, of e [used in more than one place]
#    That of total: Both the quotient's slope and the sum are there.
#    That of p: The slope of a logarithm is one divided by its input.
#    That of log_p: Only what was picked has a gradient.

print(rec.check(**vars(d)))

# %%
# The report names the value and the slip. ``e`` stands in line 8, and in line 7 as well, and each use adds its part.
# The local gradient of a sum is one, so what arrives at ``total`` is handed to each entry of its row:

d.e = d.p / total + d.total  # (8) and (7)
report = rec.check(e=d.e)
print(report)

# %%
# ``bool(report) == True``. Mend the wrong line nearest to the loss first. Those behind it were built on it, and may be
# right as they are.
#
# The rest is shapes
# ------------------
#
# From line 6 on there is nothing that you have not met: an exponential, which is its own slope, two biases, two
# products, and a gate. (If you wonder which side is laid down, :ref:`sphx_glr_lessons_4_batches_10_batches.py`.)

d.scores = d.e * e  # (6)
d.b2 = d.scores.sum(dim=0)  # (5)
d.z2 = d.scores  # (5)
d.w2 = h.T @ d.z2  # (4)
d.h = d.z2 @ w2.T  # (4)
d.a1 = d.h * (a1 > 0)  # (3)
d.b1 = d.a1.sum(dim=0)  # (2)
d.z1 = d.a1  # (2)
d.w1 = x.T @ d.z1  # (1)

report = rec.check(**vars(d))
print(report)

# %%
# Fifteen gradients, all of them right, ``bool(report) == True``: that is the whole backward pass of a classifier.
#
# How close is right? ``rec.check`` allows a ten-thousandth of the largest entry, which no slip gets under and every
# answer on paper does. In ``float32`` we can ask for more. A number is rounded at its seventh digit or so, and a dozen
# lines add up to little, so a millionth of the largest entry is enough for ours:


def off(ours, theirs):
    """Give the largest difference, as a share of the largest entry."""
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


worst = max(off(ours, rec.grad(name)) for name, ours in vars(d).items())
print("below a millionth:", worst < 1e-6)

# %%
# ``worst < 1e-6``. And this is the recording:

rec

# %%
# .. do:: loss 2.468, grad b2 [0.043,0.07,-0.113]; set b2 [1,1.5,0.5], loss 2.468, grad b2 [0.043,0.07,-0.113];
#    set b2 [0,0.5,3.5], loss 2.838, grad b2 [-0.342,0.017,0.325]
#
#    Set ``b2`` to [1, 1.5, 0.5], which is 1 more in each entry. The loss stays at 2.468, and the gradient of ``b2`` at
#    [0.043, 0.07, -0.113]: only differences of scores count. Then set it to [0, 0.5, 3.5]. The first sample, whose
#    class is the last one, gains. The second pays more than that: the loss is 2.838, and the gradient of the last entry
#    has turned to 0.325, which says *down again*.
#
# Seven lines in one
# ------------------
#
# Look at what lines 12 to 6 left at the scores, beside the shares:

truth = torch.zeros(2, 3)
truth[rows, y] = 1.0
shares = p.detach().numpy()

gradients = 2 * d.scores.detach().numpy()
orange = {"edgecolor": LINES.gradient, "linestyle": "--", "linewidth": 2}

figure = Figure(figsize=(6.4, 2.7), layout="constrained")
for n, axes in enumerate(figure.subplots(1, 2, sharey=True)):
    left, right = [-0.2, 0.8, 1.8], [0.2, 1.2, 2.2]
    axes.bar(left, shares[n], 0.36, color=LINES.value, label="p")
    axes.bar(right, gradients[n], 0.36, fill=False, label="2 × gradient", **orange)
    axes.axhline(0, color=LINES.text, linewidth=0.8)
    axes.set(
        title=f"sample {n}, right class {y[n]}", xticks=range(3), xlabel="class"
    )
axes.legend(frameon=False)
figure.set_label(
    "Bars of the shares of three classes for both samples, and beside each bar "
    "twice the gradient of its score. The two are equal, but at the right "
    "class, where the gradient is the share minus one: below zero, and nearly a "
    "full unit long."
)
figure

# %%
# The bars are the same, but for the right class, where a one is taken off. Why? Follow sample ``n``, whose right class
# is ``c``, through the lines, with names for the entries. ``N`` is the number of samples.
#
# - Lines 12 to 9: only ``p[n, c]`` gets something, ``-1 / (N p[n, c])``.
# - Line 8: ``e[n, c]`` gets that divided by ``total[n]``, which is ``-1 / (N e[n, c])``, since ``p`` is ``e / total``.
#   ``total[n]`` gets it times ``-e[n, c] / total[n]**2``, which is ``1 / (N total[n])``.
# - Line 7: so *every* ``e[n, j]`` gets ``1 / (N total[n])``, and the right one keeps its other part too.
# - Line 6: times ``e[n, j]``: every score gets ``p[n, j] / N``, and the right one ``-1 / N`` besides.
#
# So the seven lines are one:

d.scores = (p - truth) / 2  # (12) to (6)
report = rec.check(scores=d.scores)
print(report)

# %%
# The shares minus the truth, divided by the number of samples: ``bool(report) == True``.
#
# **Predict.** Somebody forgets the mean and writes ``p - truth``. What will the report say?
#
# .. answer:: Twice what is right [2 times]
#    Half of what is right: A mean of two divides by two, and this does not.
#    A wrong sign: It is the share minus the truth, as it should be.

slip = rec.check(scores=p - truth)
print(slip)

# %%
# With two samples it is twice too much. With a hundred it would be a hundred times, and look like a learning rate that
# is too large.
#
# Take away
# ---------
#
# - Write the forward pass with one operation a line. The backward pass has the same lines from the bottom up.
# - A value that stands in two lines gets two parts.
# - What is picked gets what arrives, what is not picked gets zero.
# - Softmax, logarithm, choice and mean are one line on the way back: ``(p - truth) / N``.
# - Mend the wrong line that is nearest to the loss, and check again.
#
# On your own
# -----------
#
# **Exercise.** Each row of ``d.scores`` adds up to the same number, whatever the weights. To which?
#
# .. answer:: printed
#    1: The shares add up to that, and the truth does as well.

print(round(d.scores.sum(dim=1).abs().max().item(), 6))

# %%
# The shares of a row are one together, and so is its truth. That is what you saw in the graph: adding the same to all
# scores of a row changes nothing, so the slope in that direction is zero.
#
# Many write the softmax with the largest score taken off first, so that no exponential overflows:

with chainrule.record() as rec:
    scores = (h @ w2 + b2).detach().requires_grad_()
    top = scores.max(dim=1, keepdim=True).values
    safe = scores - top
    e = torch.exp(safe)
    p = e / e.sum(dim=1, keepdim=True)
    loss = -torch.log(p[rows, y]).mean()
    loss.backward()

# %%
# **Exercise.** Derive the gradients of ``top`` and of ``scores``. How large is the largest entry of that of ``top``?
# (In your own code, ``rec.check(top=..., scores=...)`` tells.)
#
# .. answer:: printed
#    1.0: Each score is lowered by it, and their gradients add up.

truth = torch.zeros(2, 3)
truth[rows, y] = 1.0
of_scores = (p - truth) / 2
print(rec.check(scores=of_scores))
print(round(rec.grad("top").abs().max().item(), 6))

# %%
# ``top`` is subtracted from all scores of its row, so it gets minus their sum: nothing at all, up to rounding. The
# shift is free, forward and backward.
#
# Read on
# -------
#
# - Andrej Karpathy, *Building makemore, part 4: becoming a backprop ninja*, takes a network with a batch normalisation
#   back in the same manner, on video.
# - Stanford's CS231n derives ``p - truth`` in its notes,
#   `a minimal neural network case study <https://cs231n.github.io/neural-networks-case-study/>`_.
#
# **Next:** a layer in which every input moves all others, :ref:`sphx_glr_lessons_5_real_layers_20_normalise.py`.
