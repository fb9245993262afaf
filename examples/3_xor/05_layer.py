"""
Multiply by a matrix, bend with a sigmoid: one layer
====================================================

**What you get:** the two pieces that every network is made of, forward and backward: a row of numbers times a table of
weights, and a curve that presses the result into a range.

**What you need:** :ref:`sphx_glr_lessons_2_descent_20_weight_vector.py`. Reading time: 8 minutes.
"""

# %%
# A table of weights
# ------------------
#
# In the lesson on three weights, three inputs made one prediction. Now two inputs make *two* numbers. Write the weights
# as a table, a *matrix*: a row for each input, a column for each result. The **matrix product** ``x @ w`` takes the dot
# product of ``x`` with each column.

import torch

import chainrule
from chainrule.plots import network

x = torch.tensor([2.0, 3.0])
w = torch.tensor([[1.0, 4.0], [-2.0, 1.0]], requires_grad=True)

network(["x1", "x2"], ["z1", "z2"], weights=[w.tolist()])

# %%
# Such a row of results is a *layer* of a neural network; each result is a *unit*. A line is a weight, thick where it is
# large, dashed where it is negative.
#
# **Predict.** The inputs are 2 and 3. What is the second number?
#
# .. answer:: 11.0
#    -4.0: That is the first: the first column, 1 and -2.
#    -1.0: That is the second row. Take the second column, 4 and 1.

with chainrule.record() as rec:
    z = x @ w
    loss = (z**2).sum() / 2
    loss.backward()

print("z", z.tolist(), " second row:", (w[1] @ x).item())

# %%
# The second column is 4 and 1, so it is 2 times 4 and 3 times 1.
#
# The way back through it
# -----------------------
#
# Half of the sum of squares has a convenient gradient: at each unit it is the number itself, -4 and 11. Take one
# weight, that from the second input to the first unit. It was multiplied by that input, 3, and went into that unit. So
# it gets the unit's gradient times the input, -12:

print("z", rec.grad("z").tolist())
print("w", w.grad.tolist())

# %%
# That holds for each of the four: **the input of its row times the gradient of its column**. A column of inputs times a
# row of gradients fills the whole table. In the formula, the sign :math:`\top` turns a row into a column:

rec.derivation("w")

# %%
# And an input, if somebody asks, gets a part from each unit that it went into: its row of weights times the gradients,
# added up.

rec

# %%
# .. do:: grad w [[-8,22],[-12,33]]; set x [0,3], grad w [[0,0],[-18,9]]
#
#    Set the first entry of ``x`` to 0. The first row of the gradient of ``w`` is 0 then: what is multiplied by 0 cannot
#    move anything.
#
# A curve between 0 and 1
# -----------------------
#
# The other piece is a curve, the :term:`sigmoid`. It presses every number into the range from 0 to 1, so that the
# result can be read as "how sure". The sigmoid of ``s`` is ``1 / (1 + exp(-s))``; ``exp`` makes any number
# positive, and a larger one out of a larger one.

from chainrule.plots import curves

places = [k / 4 for k in range(-24, 25)]
s = torch.tensor(places, requires_grad=True)
y_hat = torch.sigmoid(s)
y_hat.sum().backward()

for k in (0, 16, 24, 32, 48):
    print(f"at {places[k]:4}: {y_hat[k].item():.4f}")

# %%
# **Predict.** At 0 the sigmoid is one half. How steep is it there? Nudge it: at 0.1 it is 0.5250.
#
# .. answer:: 0.25
#    0.5: That is its height. How far does it move for a nudge of 0.1?
#    1.0: Then it would rise by all of the nudge.

nudged = torch.sigmoid(torch.tensor(0.1)).item()
print(f"at 0.1: {nudged:.4f}, which is {nudged - 0.5:.3f} more")
print(f"{s.grad[24].item():.2f}")

# %%
# For a nudge of 0.1 it moves by 0.025, a quarter of that. The rule: when ``s`` rises, ``exp(-s)`` shrinks by its own
# size, and a quotient moves by minus itself over its denominator. Multiplied, that is the sigmoid times what it lacks
# to 1, ``y_hat * (1 - y_hat)``. It is steepest in the middle:

curves(
    {"sigmoid": y_hat.tolist(), "its slope": s.grad.tolist()},
    xlabel="quarters, from -6 to 6",
    ylabel="",
)

# %%
# Take away
# ---------
#
# - A matrix product is a dot product with each column. A weight gets the input of its row times the gradient of its
#   column.
# - The sigmoid's local gradient is ``y_hat * (1 - y_hat)``: a quarter at most.
#
# On your own
# -----------
#
# **Exercise.** The inputs are 1 and -1, the table is the one from above. What is the gradient of the weight from the
# first input to the second unit, with the same loss?
#
# .. answer:: printed
#    -3.0: That is the weight below it. Its input is the second.
#    1.0: That is the input alone. Multiply it by the gradient of the second unit.

x = torch.tensor([1.0, -1.0])
w = torch.tensor([[1.0, 4.0], [-2.0, 1.0]], requires_grad=True)
z = x @ w
(z**2).sum().div(2).backward()
print("units", z.tolist(), " below it:", w.grad[1, 1].item())
print(w.grad[0, 1].item())

# %%
# The second unit is ``1 * 4 - 1 * 1 == 3``, which is also its gradient, and the input is 1.
#
# **Exercise.** A sigmoid says 0.9. What is its slope there, to two digits after the point?
#
# .. answer:: printed
#    0.25: That is the slope at one half.
#    0.1: That is what it lacks to 1. Multiply.

print(f"{0.9 * (1 - 0.9):.2f}")

# %%
# Sure answers have small slopes.
#
# References
# ----------
#
# A layer backward, in NumPy: [CS231n]_.
#
# **Next:** two such layers, and a bend between them, :ref:`sphx_glr_lessons_3_xor_10_one_step.py`.
