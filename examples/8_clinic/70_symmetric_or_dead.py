"""
Get past three right of four: a loss on a plateau
=================================================

**What you get:** three networks for XOR that stop learning, two of them with three of four right, and one at once. They
look alike from outside. You learn to tell the reasons apart by looking at units, and not at the loss.

**What you need:** :ref:`sphx_glr_lessons_3_xor_30_thousand_starts.py`. Reading time: 8 minutes.
"""

# %%
# What you see
# ------------
#
# Three patients, two hidden units each, all four samples at once, a thousand steps with a rate of one.

import torch

import chainrule
from chainrule.plots import curves

torch.set_num_threads(1)  # for tables this small, several would wait for each other

samples = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
targets = torch.tensor([0.0, 1.0, 1.0, 0.0])


def make(w1, b1, w2):
    weights = [torch.tensor(part) for part in (w1, b1, w2, 0.0)]
    return [weight.requires_grad_() for weight in weights]


patients = {
    "A": (torch.tanh, ([[0.5, 0.5], [0.5, 0.5]], [0.0, 0.0], [0.5, 0.5])),
    "B": (torch.relu, ([[1.0, -1.0], [-1.0, -0.5]], [0.0, -0.2], [1.0, -0.5])),
    "C": (torch.relu, ([[-0.5, -0.3], [-0.4, -0.6]], [-0.1, -0.2], [0.5, -0.5])),
}


def forward(weights, bend):
    w1, b1, w2, b2 = weights
    hidden = bend(samples @ w1 + b1)
    return hidden, torch.sigmoid(hidden @ w2 + b2)


def train(weights, bend, steps=1000, rate=1.0):
    losses = []
    for _ in range(steps):
        loss = ((forward(weights, bend)[1] - targets) ** 2).mean()
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                weight -= rate * gradient
        losses.append(loss.item())
    return losses


def right(weights, bend):
    with torch.no_grad():
        answers = forward(weights, bend)[1]
    return int(((answers - targets).abs() < 0.49).sum())


def report(name, weights, bend):
    losses = train(weights, bend)
    shown = "  ".join(f"{losses[step]:.4f}" for step in (0, 100, 999))
    print(f"{name}: {shown}   right {right(weights, bend)} of 4")
    return losses


broken = {}
for name, (bend, start) in patients.items():
    broken[name] = report(name, make(*start), bend)

curves(broken)

# %%
# The first two come down to about ``1 / 6 ≈ 0.1667`` and stay there, with three of four answers right. The third does
# not move at all.
#
# Guess
# -----
#
# There are three suspects: both units are shut at all samples, one is, or both are the same unit, twice. Here is what
# each unit of the three says to the four samples, before the first step. A column is a unit.
#
# **Predict.** What is it with patient B? Work its units out from its weights, sample by sample.
#
# .. answer:: One unit is shut at all samples [one column of zeros]
#    Both units are shut at all samples: Try the sample (1, 0) with the first column of w1.
#    Both units are the same unit, twice: Their weights differ, and so do their biases.

hidden = {}
for name, (bend, start) in patients.items():
    hidden[name] = forward(make(*start), bend)[0].detach()
    print(
        name, [[round(entry, 2) for entry in row] for row in hidden[name].tolist()]
    )

# %%
# B has one column of zeros. A has two columns that are equal: the same unit, twice. C has nothing but zeros.
#
# What the record says
# --------------------
#
# **Predict.** We record one pass of each, and ask ``rec.why()``. Of which patients will it say that a gradient is
# lost?
#
# .. answer:: C [Of C alone]
#    B and C: In B the other unit gets a gradient. Some units of a healthy network are off, too.
#    A, B and C: In A every weight gets a gradient.
#    None of them: Look for a layer that gets nothing at all.

found = {}
for name, (bend, start) in patients.items():
    w1, b1, w2, b2 = weights = make(*start)
    with chainrule.record() as rec:
        units, y_hat = forward(weights, bend)
        loss = ((y_hat - targets) ** 2).mean()
        loss.backward()
    found[name] = rec.why()
    causes = [reason.cause for reason in found[name].reasons]
    rounded = [[round(entry, 3) + 0.0 for entry in row] for row in w1.grad.tolist()]
    print(f"{name}: {causes}, gradient of w1 {rounded}")

# %%
# Of C alone. In B one unit is dead and the other gets a gradient. A network in which some units are off may be healthy,
# as far as one can tell from one pass, so that is a question among the ``hints``. In A no gradient is lost either, and
# the record names it all the same: two equal units with equal gradients stay equal.

found["C"]

# %%
# The cause
# ---------
#
# - **Symmetric.** Units that start equal get equal gradients and take equal steps. They stay equal, however long you
#   train. The network has as many units as it has *different* ones. Here that is one, which cannot solve XOR.
# - **Dead.** A ReLU that is shut at every sample multiplies all that comes back by zero. Its weights never move again.
#   With one of two units dead, again one is left.
# - With all of them dead, only the last bias is left. Here it stands where it is best: at an answer of one half.
#
# That is where three of four comes from. With one unit, the network can tell one sample from the other three, and no
# more.
#
# The cure
# --------
#
# Start at random, and with more units than are needed. Random weights differ, and of several units some are alive.


def random_start(units):
    torch.manual_seed(0)
    shapes = ((2, units), (units,), (units,))
    return make(*((2 * torch.rand(shape) - 1).tolist() for shape in shapes))


cured = {}
for name, units, bend in (("A", 4, torch.tanh), ("B and C", 8, torch.relu)):
    weights = random_start(units)
    report(name, weights, bend)
    cured[name] = right(weights, bend)

# %%
# All four are right, ``cured["A"] == 4`` and ``cured["B and C"] == 4``.
#
# See it next time
# ----------------
#
# Look at what the hidden units say to a batch: a row for each sample, a column for each unit.


def look_at_units(hidden):
    """Count the units that are zero throughout, and those that repeat another."""
    dead = int((hidden == 0).all(dim=0).sum())
    different = hidden.round(decimals=4).unique(dim=1).shape[1]
    return {"dead": dead, "repeats": hidden.shape[1] - different}


for name in patients:
    print(name, look_at_units(hidden[name]))

# %%
# In A a unit repeats the other, in B one is dead. In C both are dead, and dead units repeat one another as well.
#
# Take it in hand
# ---------------
#
# A network with two tanh units that differ, and the fault of patient A as a switch.

w1, b1, w2, b2 = make([[1.0, -0.5], [0.5, -1.0]], [0.0, 0.5], [0.5, 1.0])
with chainrule.record() as rec:
    units = torch.tanh(samples @ w1 + b1)
    y_hat = torch.sigmoid(units @ w2 + b2)
    loss = ((y_hat - targets) ** 2).mean()
    loss.backward()

rec

# %%
# .. do:: update 1 100; update 1 900, loss 0.001; reset; press weights all equal; update 1 1000, loss 0.25
#
#    Open Loss curve, set the learning rate to 1, and press × 100 ten times: the loss falls to 0.001. Reset, tick
#    *weights all equal*, and do the same: it stays at 0.25, and in ``w1`` the two columns stay equal.
#
# Take away
# ---------
#
# - A loss that comes to rest too high, with some answers right: count the units that live, and those that differ.
# - Equal weights stay equal. A unit that is shut at every sample stays shut.
# - ``rec.why()`` names a layer that is dead as a whole. For single units, look at their column.
#
# On your own
# -----------
#
# **Exercise.** Somebody starts with *all* weights and biases at zero, and with tanh. How many of the nine numbers have
# a gradient that is not zero?
#
# .. answer:: printed
#    1: The last bias would have one, if there were more ones than zeros.

weights = make([[0.0, 0.0], [0.0, 0.0]], [0.0, 0.0], [0.0, 0.0])
answers = forward(weights, torch.tanh)[1]
((answers - targets) ** 2).mean().backward()
alive = sum(int((weight.grad != 0).sum()) for weight in weights)
print(alive)

# %%
# None. The hidden units are zero, so ``w2`` gets nothing. ``w2`` is zero, so ``w1`` and ``b1`` get nothing. The last
# bias gets the mean of the errors, and with two targets of each kind that is zero: ``alive == 0``.
#
# **Exercise.** How different is different enough? Patient A starts with the first entry of ``w1`` larger by 0.01, by
# 0.1, or by one. Which is the smallest of the three with which it gets all four right in three
# hundred steps?

amounts = (0.01, 0.1, 1.0)
solved = []
for amount in amounts:
    weights = make([[0.5 + amount, 0.5], [0.5, 0.5]], [0.0, 0.0], [0.5, 0.5])
    train(weights, torch.tanh, steps=300)
    solved.append(right(weights, torch.tanh))
print(solved)
print(amounts[solved.index(4)])

# %%
# Only one is enough, ``solved == [3, 3, 4]``. What is nearly equal gets nearly equal gradients, and drifts apart
# slowly: the loss then rests for a long time before it falls again.
#
# References
# ----------
#
# First weights for ReLU units: [He2015]_.
#
# **Next:** what if a gradient is not zero, but far too small? :ref:`sphx_glr_lessons_8_clinic_80_vanishing.py`.
