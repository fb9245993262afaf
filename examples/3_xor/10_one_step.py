"""
Step through a neural network: ReLU and sigmoid
===============================================

**What you get:** a network with two layers, small enough to hold every number in your hands. You follow one sample
forward and backward, then see what each of the four has to say.

**What you need:** :ref:`sphx_glr_lessons_3_xor_05_layer.py`. Reading time: 17 minutes.
"""

# %%
# A problem that no line can solve
# --------------------------------
#
# XOR, "exclusive or", has two inputs that are zero or one. The answer is one if *exactly one* of them is one.

import torch

import chainrule
from chainrule.plots import network

samples = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
targets = torch.tensor([0.0, 1.0, 1.0, 0.0])

# %%
# The models so far multiply each input by a weight and add up. Give such a model a bias as well. Can it learn this?
#
# It cannot. Add up its predictions for the first and the last sample: both inputs occur once there, and the bias twice.
# Add up those for the two in the middle: the same. So the two sums are equal, whatever the weights are. The targets
# want zero for one, and two for the other. Nor can all four be on the right side of one half: one sum would be below
# one, and the other above.
#
# Two layers
# ----------
#
# Something has to bend. Our network has a layer of two :term:`hidden units <hidden unit>`. Each is a small model
# followed by a :term:`ReLU`: a gate that lets a positive number through and turns a negative one into zero. A second
# layer makes one number of the two, and a sigmoid presses that into the range from zero to one.
#
# The first weights have been chosen by hand. What becomes of others is a lesson of its own.

# a row for each input, a column for each unit
w1 = torch.tensor([[0.1, 0.3], [0.2, 0.1]], requires_grad=True)
b1 = torch.tensor([0.2, -0.2], requires_grad=True)
w2 = torch.tensor([[0.1], [-0.4]], requires_grad=True)
b2 = torch.tensor([0.0], requires_grad=True)

network(
    ["x1", "x2"],
    ["h1", "h2"],
    ["y_hat"],
    weights=[w1.tolist(), w2.tolist()],
)

# %%
# Forward
# -------
#
# We begin with the last sample, where both inputs are one and the target is zero.
#
# ``x @ w1`` takes the dot product of ``x`` with each column of ``w1``:

x, y = samples[3], targets[3]

with chainrule.record() as rec:
    z = x @ w1 + b1
    hidden = torch.relu(z)
    score = hidden @ w2 + b2
    y_hat = torch.sigmoid(score)
    error = y_hat - y
    loss = error**2
    loss.backward()

print("z     ", z.detach())
print("hidden", hidden.detach())

# %%
# ``0.3 + 0.1 - 0.2 ≈ 0.2`` for the second unit, 0.5 for the first. Both are positive, so both gates are open, and the
# ReLU changes nothing.
#
# The second layer gives ``score ≈ -0.03``. The sigmoid is one half at zero, and a bit less at a bit less: ``y_hat ≈
# 0.4925``. So the network is undecided, and the loss is ``loss ≈ 0.2426``.
#
# Backward
# --------
#
# Nothing new is needed: upstream times local at each arrow. First we go as far as ``score``. The answer is near one
# half, so the slope of the sigmoid is near a quarter.

print(f"error {error.item():.4f}, twice {2 * error.item():.4f}")
print(f"slope {(y_hat * (1 - y_hat)).item():.4f}")
print(f"score {rec.grad('score').item():.4f}")

# %%
# Twice the error is 0.98, and a quarter of that is 0.25, or 0.2462 to be exact. It is positive: a higher score means a
# higher loss, as it must be for a target of zero.
#
# The second layer
# ----------------
#
# From here it is a dot product. Each weight of the second layer gets the gradient of ``score``, 0.2462, times the
# number that it multiplied:

print(w2.grad, b2.grad)

# %%
# Half of it and a fifth of it, since the hidden units held 0.5 and 0.2. The bias was only added, so it gets the
# gradient of ``score`` as it is.
#
# The first layer
# ---------------
#
# Going back through the dot product, each *hidden unit* gets the gradient of ``score`` times its weight in ``w2``: 0.1
# for the first, -0.4 for the second.
#
# **Predict.** Both gates are open, and both inputs are 1. What is the gradient of the weights of the second unit?
#
# .. answer:: -0.0985
#    0.0246: That is the first unit.
#    -0.4: That is the local gradient alone. The gradient of score is still to be multiplied in.

print("hidden", rec.grad("hidden"))
print("z     ", rec.grad("z"))
print(w1.grad)

# %%
# A larger first unit would raise the loss, a larger second one would lower it, so the signs differ. An open gate has a
# local gradient of 1. Every weight gets the gradient of its unit times its input, and both inputs are 1, so both rows
# are alike: ``-0.4 * 0.2462 ≈ -0.0985`` for the second unit. Here is the whole way back to it:

rec.derivation("w1")

# %%
# The sign :math:`\odot` multiplies entry by entry. And the graph, with all of it:

rec

# %%
# .. do:: set x [0,1], grad w1 [[0,0],[0.02525,0]]
#
#    Set the first entry of ``x`` to 0. In the gradient of ``w1`` the row of that input becomes 0. So does the column of
#    the second unit, whose gate has shut.
#
# All four samples
# ----------------
#
# **Predict.** Two gates for each of four samples make eight. Both were open at the last sample. How many of the eight
# are open?
#
# .. answer:: 6
#    4: The first unit is open more often than that.


def passes(x, y):
    """Give one sample's recording, with gradients of that sample alone."""
    for weight in (w1, b1, w2, b2):
        weight.grad = None
    with chainrule.record() as rec:
        z = x @ w1 + b1
        hidden = torch.relu(z)
        score = hidden @ w2 + b2
        y_hat = torch.sigmoid(score)
        error = y_hat - y
        loss = error**2
        loss.backward()
    return rec, z.tolist(), y_hat.item(), loss.item()


gates = {}
print("sample   target      z          gates        y_hat   loss")
for x, y in zip(samples, targets, strict=True):
    rec, z, y_hat, loss = passes(x, y)
    one, two = (int(v) for v in x)
    gates[one, two] = ["open" if unit > 0 else "shut" for unit in z]
    signs = "  ".join(gates[one, two])
    row = f"({one}, {two})      {y:.0f}     {z[0]:4.1f} {z[1]:4.1f}   {signs}"
    print(f"{row}   {y_hat:.4f}  {loss:.4f}")
print("open:", sum(state.count("open") for state in gates.values()))

# %%
# The first unit is open at every sample, the second at two. That makes 6. All four answers are close to one half: the
# network knows nothing yet.
#
# What each sample teaches
# ------------------------
#
# This is what each sample says about the weights of the first layer. A row is an input, a column a unit.
#
# **Predict.** Some of the sixteen numbers are exactly zero. A shut gate is one reason, and there is another. How many
# are zero?
#
# .. answer:: 9
#    4: Those are behind a shut gate. What is the local gradient of a product whose other factor is zero?

teaches = {}
for x, y in zip(samples, targets, strict=True):
    passes(x, y)
    one, two = (int(v) for v in x)
    teaches[one, two] = w1.grad.clone()
    rows = [[round(entry, 4) + 0.0 for entry in row] for row in w1.grad.tolist()]
    print(f"({one}, {two})", rows)
first = teaches[0, 0]
print("zero:", sum(int((each == 0).sum()) for each in teaches.values()))

# %%
# There are 9 of them:
#
# - A shut gate has a local gradient of zero. The second unit is shut at the second sample, so its whole column is zero,
#   and so is the row of the input that is zero: three zeros.
# - At the third sample both gates are open, but the second input is zero: two zeros.
# - **At the first sample all four are zero**: ``(first == 0).all() == True``.
#
# A sample of zeros
# -----------------
#
# At a product, the local gradient is the other factor. For a weight of the first layer, that is the input. If the input
# is zero, a nudge of the weight changes nothing whatsoever, and the gradient is exactly zero.
#
# Is there *anything* that the network learns from the first sample?

rec, z, y_hat, loss = passes(samples[0], targets[0])
for name, weight in (("w1", w1), ("b1", b1), ("w2", w2), ("b2", b2)):
    print(name, [round(entry, 4) for entry in weight.grad.flatten().tolist()])

# %%
# Yes, three numbers: the bias of the open unit, the weight behind it, and the last bias. ``b1.grad ≈ (0.0252,
# 0.0000)``, ``w2.grad ≈ [[0.0505], [0.0000]]``, ``b2.grad ≈ 0.2525``. The second unit is shut, so neither its bias nor
# the weight behind it gets anything.
#
# One step
# --------
#
# Take a step for the last sample alone, with a large rate, 0.5, so that something can be seen.
#
# **Predict.** Its loss falls. What do the losses of the other three do?
#
# .. answer:: One falls with it, two rise [0.2779]
#    All three rise: One of them has the same target.
#    All three fall: Two of them have the other target.
#    Nothing: All four samples share the weights.

before = [passes(x, y)[3] for x, y in zip(samples, targets, strict=True)]
passes(samples[3], targets[3])
with torch.no_grad():
    for weight in (w1, b1, w2, b2):
        weight -= 0.5 * weight.grad
after = [passes(x, y)[3] for x, y in zip(samples, targets, strict=True)]
for x, old, new in zip(samples, before, after, strict=True):
    verdict = "better" if new < old else "worse"
    print(f"({x[0]:.0f}, {x[1]:.0f})  {old:.4f} -> {new:.4f}  {verdict}")

# %%
# The loss of the last sample falls, from ``before[3] ≈ 0.2426`` to ``after[3] ≈ 0.1911``, and that of the first falls
# along with it, since both want zero. The two in the middle get *worse*, to ``after[1] ≈ 0.2779`` and ``after[2] ≈
# 0.3014``. Learning means to find steps on which all four agree, and that takes many, small ones.
#
# Take away
# ---------
#
# - A layer is a dot product for each unit; ReLU is a gate, with a local gradient of one or zero.
# - Backward through a layer: to a weight, times the number that it multiplied; to a unit, times its weight.
# - A gradient is exactly zero behind a shut gate, and at a weight whose input is zero.
# - Samples share the weights. A step for one can be a step against another.
#
# On your own
# -----------
#
# **Exercise.** Set the weights once more, since the step has moved them. Derive the gradient of ``score`` for the
# second sample, ``(0, 1)``, with its target of 1. (In your own code, ``rec.check(score=[...])`` tells.)
#
# .. answer:: -0.2449
#    -0.98: That is what arrives at y_hat. The slope of the sigmoid is still to be multiplied in.
#    0.2499: That is the slope of the sigmoid alone.

w1 = torch.tensor([[0.1, 0.3], [0.2, 0.1]], requires_grad=True)
b1 = torch.tensor([0.2, -0.2], requires_grad=True)
w2 = torch.tensor([[0.1], [-0.4]], requires_grad=True)
b2 = torch.tensor([0.0], requires_grad=True)

rec, z, y_hat, loss = passes(samples[1], targets[1])
twice, slope = 2 * (y_hat - 1.0), y_hat * (1 - y_hat)
print(f"score {twice * slope:.4f} = {twice:.4f} times {slope:.4f}")
print(rec.check(score=[twice * slope]))
print(rec.check(score=[slope]))
print(rec.check(score=[twice]))

# %%
# The target is 1 and the answer about one half, so a higher score would lower the loss, and the gradient is negative.
# The other two lines have one factor each, and the check says which is missing.
#
# **Exercise.** Set ``b1`` to -1 for both units. How many of the eight gates are open then?
#
# .. answer:: None [add up to less]
#    The four of the first unit: Its weights add up to 0.3.
#    One, at the last sample: There the weights of a unit add up to 0.3 or 0.4.

with torch.no_grad():
    b1.fill_(-1.0)
open_gates = 0
for x, y in zip(samples, targets, strict=True):
    rec, z, y_hat, loss = passes(x, y)
    open_gates += sum(unit > 0 for unit in z)
print(open_gates)

# %%
# None: the weights of a unit add up to less than one. Then the network answers with ``b2`` alone, the same to every
# sample, and nothing in the first layer gets a gradient: ``(w1.grad == 0).all() == True``. It is stuck there.
#
# **Exercise.** Back to the old ``b1``. What is the gradient of ``w1[0, 0]`` at the sample ``(1, 0)``? Derive it as the
# gradient of the score times the local gradients on the way. (The score there is close to zero, so its gradient is
# close to minus one quarter.)
#
# .. answer:: printed
#    -0.251: That is the gradient of the score. Go on to w1.

with torch.no_grad():
    b1.copy_(torch.tensor([0.2, -0.2]))
rec, z, y_hat, loss = passes(samples[2], targets[2])
d_score = rec.grad("score").item()
print(f"{w1.grad[0, 0]:.3f}")

# %%
# The gradient of the score is ``d_score ≈ -0.251``. On the way to the first unit it is multiplied by 0.1, the weight in
# ``w2``; the gate is open and the input is 1.
#
# References
# ----------
#
# Networks with hidden units, and what they learn: [Rumelhart1986]_.
#
# **Next:** twenty thousand such steps, :ref:`sphx_glr_lessons_3_xor_20_trained.py`.
