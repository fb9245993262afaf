"""
Find one number for each arrow: local gradients
===============================================

**What you get:** for each step of the forward pass, how strongly its result reacts to its input. These numbers are the
local gradients. With one rule for putting them together, they are all the calculus you need.

**What you need:** :ref:`sphx_glr_lessons_1_one_weight_20_forward_pass.py`. Reading time: 12 minutes.
"""

# %%
# One step at a time
# ------------------
#
# Nudging the weight moved the loss, with three operations in between. Now we look at each operation alone and ask the
# same question: if *this* input moves a little, how far does *this* result move? The answer is the operation's
# :term:`local gradient`.
#
# The numbers are those of the forward pass: input 5, weight 3, target 11.

x, y, w = 5.0, 11.0, 3.0
y_hat = w * x
error = y_hat - y
loss = error**2
print("y_hat", y_hat, " error", error, " loss", loss)


def nudged(step, value, nudge=0.0001):
    """Divide how far a step's result moves by how far its input does."""
    up, down = step(value + nudge), step(value - nudge)
    return (up - down) / (2 * nudge)


# %%
# The square
# ----------
#
# **Predict.** The last step makes the loss from the error, which is 4. The error rises a little. How many times as far
# does its square rise? (``square`` is a function of the error alone; nothing else can move.)
#
# .. answer:: 8.0
#    16.0: That is the square itself. The question is how far it moves.
#    4.0: A square has two sides, and both get longer.
#    1.0: The square of 4.01 is 16.08: it moves further than the error.


def square(error):
    return error**2


print("square of 4.01:", round(square(4.01), 4))
print(f"local gradient {nudged(square, error):.4f}")

# %%
# It rises 8 times as far. Think of a square on paper, 4 long and 4 wide. Make its side a little longer, by 0.01: it
# gets a strip along one side and a strip along the other, each 4 long. That is twice ``4 * 0.01 == 0.04``. (The corner
# between the strips, ``0.01 * 0.01``, is too small to matter.) So for each step of the side, the square gains *two
# times the side*.
#
# At other errors it is another number:

for e in range(-3, 5):
    print(f"at {e:+}: {nudged(square, e):+.3f}")

# %%
# Two times the error, each time. At -1 it is -2: the error rises towards zero, and the square falls. The rule gives the
# local gradient at once and exactly, without a nudge.
#
# The subtraction
# ---------------
#
# One step earlier, the error is made from the prediction: ``error = y_hat - y``. How far does it rise, compared with
# ``y_hat``?


def subtract(y_hat):
    return y_hat - y


print(f"{nudged(subtract, y_hat):.4f}")

# %%
# Just as far, so the local gradient is 1. A subtraction hands a change of its first input straight on. Which number is
# subtracted does not matter.
#
# The product
# -----------
#
# **Predict.** The first step is ``y_hat = w * x``, with a weight of 3 and an input of 5. What is its local gradient
# with respect to the weight?
#
# .. answer:: 5, the input [other factor, 5.0000]
#    3, the weight: A change of the weight is multiplied by what the weight is multiplied by. That is not the weight.
#    15, the product: That is the result. The question is how far it moves.
#    1, as for the difference: The prediction is several times the weight, so it moves further than the weight.


def multiply(w):
    return w * x


print(f"with respect to w: {nudged(multiply, w):.4f}")
print(f"at another weight: {nudged(multiply, 100.0):.4f}")

# %%
# Whatever the weight is, a change of it is multiplied by the input, 5. So the local gradient of a product with respect
# to one factor is *the other factor*.
#
# What PyTorch says
# -----------------
#
# PyTorch has such a rule for each operation, and ``record`` asks it for the local gradients of the run. (For that, the
# run has to go backward once, by ``loss.backward()``. The next lesson shows how.)

import torch

import chainrule

x, y = torch.tensor(5.0), torch.tensor(11.0)
w = torch.tensor(3.0, requires_grad=True)

with chainrule.record() as rec:
    y_hat = w * x
    error = y_hat - y
    loss = error**2
    loss.backward()

for row in rec.table().rows:
    for local in row.local_gradients:
        print(local)

# %%
# They are the three numbers that we found by nudging: 5, 1 and 8. Read ``dloss/derror`` as "how far the loss moves,
# divided by how far the error moves". In the graph each stands at its arrow, after a ``×``:

rec

# %%
# .. do:: set w 2, error -1, says × -2, says × 5
#
#    Set ``w`` to 2. The error becomes -1, and the arrow into the loss says × -2. The arrow into ``y_hat`` stays at
#    × 5: it belongs to the input, which you have not touched.
#
# The arrows from ``x`` and ``y`` have local gradients as well. Nobody asks for them: data is not learned, so PyTorch
# leaves them out.
#
# The rules are a short table
# ---------------------------
#
# Here are some more rules, as this library writes them. ``a`` and ``b`` are an operation's inputs, ``out`` is its
# result.

from chainrule.calculus.rules import RULES

for name in ("add", "mul", "div", "square", "exp", "sigmoid", "abs"):
    print(f"{name:8} {',  '.join(RULES[name])}")

# %%
# You do not have to know them by heart; the lessons of this part need a sum, a difference, a product and a square.
#
# The last in the table, ``abs``, has a corner. The *absolute value* leaves a positive number as it is and turns a
# negative one around, so its local gradient is the number's sign: 1 to the right of zero, -1 to the left. Another
# operation with a corner takes the larger of two numbers.
#
# A corner
# --------
#
# **Predict.** ``max(a, b)`` with ``a`` at 3 and ``b`` at 4 gives 4. What is its local gradient with respect to ``a``?
#
# .. answer:: 0.0
#    1.0: That is b's. The result does not move when a does, as long as b is the larger one.
#    0.5: Nothing is shared here. One of the two is handed on, the other is not looked at.
#    3.0: That is a itself. How far does the result move when a moves a little?

from_a = nudged(lambda a: max(a, 4.0), 3.0)
from_b = nudged(lambda b: max(3.0, b), 4.0)
print("a", from_a, " b", round(from_b, 4))

# %%
# A nudge of ``a`` changes nothing: 0. Only the larger input counts, and its local gradient is 1. A maximum is a
# switch on the way back: it picks one road.
#
# Take away
# ---------
#
# - A local gradient belongs to one arrow: how far an operation's result moves when that input moves a little.
# - It looks at one operation alone. What comes before and after it does not matter.
# - Square: twice the input. Sum: 1 for each input. Product: the other factor. Maximum: 1 for the larger input.
#
# On your own
# -----------
#
# **Exercise.** The error also has an arrow from the target. What is the local gradient of ``y_hat - y`` with respect to
# ``y``?
#
# .. answer:: printed
#    -11.0: That is the target with its sign. How far does the error move when the target moves by 1?


def from_target(y):
    return 15.0 - y


print(f"{nudged(from_target, 11.0):.1f}")

# %%
# A higher target makes the error smaller, by just as much. (Its slope does not depend on the target,
# ``nudged(from_target, -11.0) ≈ -1.00``.)
#
# **Exercise.** What is the local gradient of the quotient ``a / b`` with respect to ``b``, at ``a`` equal to 1 and
# ``b`` equal to 2? (The table has the rule. Try without it first.)
#
# .. answer:: printed
#    0.5: That is the local gradient with respect to a.


def divide(b):
    return 1.0 / b


print("with respect to a:", round(nudged(lambda a: a / 2.0, 1.0), 4))
print(f"with respect to b: {nudged(divide, 2.0):.2f}")

# %%
# A larger ``b`` makes the quotient smaller. The rule is minus the result divided by ``b``: ``-(1.0 / 2.0) / 2.0 ==
# -0.25``.
#
# **Exercise.** Derive the rule for the third power, ``a**3``: write it as ``a * a * a``, and let each factor move
# alone. What is the local gradient at 2?
#
# .. answer:: printed
#    4.0: That is one factor's part. There are three of them.
#    8.0: That is the third power itself.


def cube(a):
    return a**3


print("one factor's part:", 2.0 * 2.0)
print(f"all of it: {nudged(cube, 2.0):.1f}")

# %%
# For each factor, the local gradient is the product of the other two, and there are three factors: three times the
# square, ``3 * 2.0**2 == 12``.
#
# References
# ----------
#
# More rules, and how to see them as gates: [CS231n]_.
#
# **Next:** three local gradients become the one slope that we are after,
# :ref:`sphx_glr_lessons_1_one_weight_40_backward_pass.py`.
