"""
Find one number for each arrow
==============================

**What you get:** for each step of the forward pass, how strongly its result reacts to its input. These numbers are the
local gradients. With one rule for putting them together, they are all the calculus you need.

**What you need:** :ref:`sphx_glr_lessons_1_one_weight_20_forward_pass.py`. Reading time: 8 minutes.
"""

# %%
# One step at a time
# ------------------
#
# Nudging the weight moved the loss, with three operations in between. Now we look at each operation alone, as if the
# rest of the model did not exist, and ask the same question: if *this* input moves a little, how far does *this*
# result move? The answer is the :term:`local gradient` of the operation.
#
# The numbers are those of the forward pass: input one, weight one, target two.

x, y, w = 1.0, 2.0, 1.0
y_hat = w * x
error = y_hat - y
loss = error**2


def nudged(step, value, nudge=0.0001):
    """Divide how far a step's result moves by how far its input does."""
    up, down = step(value + nudge), step(value - nudge)
    return (up - down) / (2 * nudge)


# %%
# The square
# ----------
#
# The last step makes the loss from the error, and the error is ``error == -1.0``.
#
# **Predict.** The error rises a little, from minus one towards zero. Does its square rise or fall? And how far, for
# each step that the error takes? (``square`` is a function of the error alone; nothing else can move.)


def square(error):
    return error**2


print(f"{nudged(square, error):.4f}")

# %%
# It falls, and twice as far: ``nudged(square, error) ≈ -2.0000``.
#
# **Predict.** Which local gradients does the square have at other errors, say at minus two, at zero and at three? Is
# there a rule?

for e in (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0):
    print(f"at {e:+.0f}: {nudged(square, e):+.3f}")

# %%
# The local gradient of a square is *two times its input*. At three that is ``nudged(square, 3.0) ≈ 6.000``, and for our
# own error it is ``2 * error == -2.0``. The rule says it at once and exactly, without a nudge.
#
# The subtraction
# ---------------
#
# **Predict.** One step earlier, the error is made from the prediction: ``error = y_hat - y``. If ``y_hat`` rises by a
# hundredth, by how much does the error rise? And what is the second divided by the first?


def subtract(y_hat):
    return y_hat - y


print(f"{nudged(subtract, y_hat):.4f}")

# %%
# By the same hundredth, so the local gradient is ``nudged(subtract, y_hat) ≈ 1.0000``. A subtraction hands a change of
# its first input straight on. Which number is subtracted does not matter.
#
# The product
# -----------
#
# **Predict.** The first step is ``y_hat = w * x``. What is its local gradient with respect to the weight, with our
# input of one? And what would it be if the input were five?


def multiply(w):
    return w * x


def multiply_by_five(w):
    return w * 5.0


print(f"{nudged(multiply, w):.4f}")
print(f"{nudged(multiply_by_five, w):.4f}")

# %%
# Whatever the weight is, a change of it is multiplied by the input: once by one, ``nudged(multiply, w) ≈ 1.0000``, and
# once by five, ``nudged(multiply_by_five, w) ≈ 5.0000``.
#
# So the local gradient of a product with respect to one factor is *the other factor*. Here that is ``x == 1.0``.
#
# What PyTorch says
# -----------------
#
# PyTorch has such a rule for each operation that it can differentiate. ``record`` asks it for the local gradients of
# exactly the run that it made. (For that, the run has to go backward once, which is what ``loss.backward()`` does. How
# is the next lesson.)
#
# **Predict.** There are three arrows on the way from the weight to the loss. Which number will each of them get?

import torch

import chainrule

x, y = torch.tensor(1.0), torch.tensor(2.0)
w = torch.tensor(1.0, requires_grad=True)

with chainrule.record() as rec:
    y_hat = w * x
    error = y_hat - y
    loss = error**2
    loss.backward()

for row in rec.table().rows:
    for local in row.local_gradients:
        print(local)

# %%
# They are the three numbers that we found by nudging. Read ``dloss/derror`` as "how far the loss moves, divided by how
# far the error moves".
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

for name in ("add", "sub", "mul", "div", "square", "exp", "sigmoid"):
    print(f"{name:8} {',  '.join(RULES[name].locals)}")

# %%
# One short line for each operation, whatever it is used for. You do not have to believe them: each can be checked by a
# nudge, as you did, and the tests of this site hold each against PyTorch. You do not have to know them by heart either;
# the lessons of this part need a sum, a difference, a product and a square.
#
# Take away
# ---------
#
# - A local gradient belongs to one arrow: how far an operation's result moves when that input moves a little.
# - It looks at one operation alone. What comes before and after it does not matter.
# - Square: twice the input. Sum or difference: one, or minus one. Product: the other factor.
#
# On your own
# -----------
#
# **Exercise.** The error also has an arrow from the target. What is the local gradient of ``y_hat - y`` with respect to
# ``y``?


def from_target(y):
    return 1.0 - y


print(f"{nudged(from_target, 2.0):.1f}")

# %%
# A higher target makes the error smaller, by just as much: ``nudged(from_target, 2.0) ≈ -1.000``.
#
# **Exercise.** What is the local gradient of the quotient ``a / b`` with respect to ``b``, at ``a`` equal to one and
# ``b`` equal to two? (The table has the rule. Try without it first.)


def divide(b):
    return 1.0 / b


def divided(a):
    return a / 2.0


print(
    f"not {nudged(divided, 1.0):.2f}: That is the local gradient with respect to a."
)
print(f"{nudged(divide, 2.0):.2f}")

# %%
# ``nudged(divide, 2.0) ≈ -0.2500``: a larger ``b`` makes the quotient smaller. The rule is minus the result divided by
# ``b``, here ``-(1.0 / 2.0) / 2.0 == -0.25``.
#
# **Exercise.** Derive the rule for the third power, ``a**3``: write it as ``a * a * a``, and let each factor move
# alone. What is the local gradient at two?


def cube(a):
    return a**3


print(f"not {2.0**2:.1f}: That is one factor's part. There are three of them.")
print(f"{nudged(cube, 2.0):.1f}")

# %%
# The other two factors are the local gradient of each factor, and there are three: three times the square, which is
# ``3 * 2.0**2 == 12.0``, and so says the nudge, ``nudged(cube, 2.0) ≈ 12.0000``.
#
# **Next:** three local gradients become the one slope that we are after,
# :ref:`sphx_glr_lessons_1_one_weight_40_backward_pass.py`.
