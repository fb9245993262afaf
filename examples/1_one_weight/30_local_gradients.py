"""
Find one number for each arrow
==============================

**What you get:** for each step of the forward pass, how strongly its result reacts to its input. These are the local
gradients, the only calculus in backpropagation.

**What you need:** :ref:`sphx_glr_lessons_1_one_weight_20_forward_pass.py`. Reading time: 8 minutes.
"""

# %%
# One step at a time
# ------------------
#
# Nudging the weight moved the loss, with three operations in between. Now we look at each operation alone, as if the
# rest of the model did not exist, and ask the same question: if *this* input moves a little, how far does *this*
# result move? The answer is the **local gradient** of the operation.
#
# The numbers are those of the forward pass: input one, weight one, target two.

x, y, w = 1.0, 2.0, 1.0
y_hat = w * x
error = y_hat - y
loss = error**2


def nudged(step, value, nudge=0.0001):
    """Move one input of one step to both sides, and say how far the result moves in relation."""
    return (step(value + nudge) - step(value - nudge)) / (2 * nudge)


# %%
# The square
# ----------
#
# The last step makes the loss from the error, and the error is ``error == -1.0``.
#
# **Predict.** The error rises a little, from minus one towards zero. Does its square rise or fall? How fast?

print(f"{nudged(lambda error: error**2, error):.4f}")

# %%
# It falls, twice as fast: ``nudged(lambda error: error**2, error) ≈ -2.0000``.
#
# Try a few other errors, and a rule shows itself:

for e in (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0):
    print(f"error {e:+.0f}   local gradient {nudged(lambda error: error**2, e):+.4f}   2 * error = {2 * e:+.4f}")

# %%
# The local gradient of a square is two times its input. For our error that is ``2 * error == -2.0``. The rule says it
# at once and exactly, for every error, without a nudge.
#
# The subtraction
# ---------------
#
# **Predict.** One step earlier, the error is made from the prediction: ``error = y_hat - y``. If ``y_hat`` rises by a
# hundredth, by how much does the error rise?

print(f"{nudged(lambda y_hat: y_hat - y, y_hat):.4f}")

# %%
# By the same hundredth. A subtraction hands a change of its first input straight on, so its local gradient is
# ``nudged(lambda y_hat: y_hat - y, y_hat) ≈ 1.0000``. The target does not matter for it.
#
# The product
# -----------
#
# **Predict.** The first step is ``y_hat = w * x``. If the weight rises by a hundredth, by how much does the
# prediction rise? And what would it be if the input were five?

print(f"x = 1: {nudged(lambda w: w * x, w):.4f}")
print(f"x = 5: {nudged(lambda w: w * 5.0, w):.4f}")

# %%
# The weight's change is multiplied by the input, whatever the weight is. With an input of five the prediction rises
# five times as far, ``nudged(lambda w: w * 5.0, w) ≈ 5.0000``.
#
# So the local gradient of a product with respect to one factor is *the other factor*. Here that is ``x == 1.0``.
#
# What PyTorch says
# -----------------
#
# PyTorch knows such a rule for each of its operations. ``record`` asks it for the local gradients of exactly the run
# that it made. (For that, the run has to go backward once. How it does that is the next lesson.)

import torch

import chainrule

x, y = torch.tensor(1.0), torch.tensor(2.0)
w = torch.tensor(1.0, requires_grad=True)

with chainrule.record() as rec:
    y_hat = w * x
    error = y_hat - y
    loss = error**2
    loss.backward()

for term in rec.trace.terms():
    result, taken = rec.trace.values[term.output].name, rec.trace.values[term.value].name
    print(f"d{result}/d{taken} = {term.local.data}")

# %%
# Read ``dloss/derror`` as "how far the loss moves, for each bit that the error moves". It is one number for each arrow
# on the way from the weight to the loss, and they are the three that we found by nudging.
#
# The arrows from ``x`` and ``y`` have local gradients as well. Nobody asks for them: data is not learned, so PyTorch
# leaves them out.
#
# The rules are a short table
# ---------------------------
#
# Here are some more rules, as this library writes them. ``a`` and ``b`` are an operation's inputs, ``out`` is its
# result.

from chainrule.rules import RULES

for name in ("add", "sub", "mul", "div", "square", "exp", "sigmoid"):
    print(f"{name:8} {',  '.join(RULES[name].locals)}")

# %%
# There is no more calculus in backpropagation than this: one short line for each operation. You do not have to
# believe them. Each can be checked by a nudge, as you did, and the tests of this site hold each against PyTorch.
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
# - The error also has an arrow from the target ``y``. What is its local gradient? Check with ``nudged``.
# - What is the local gradient of ``a / b`` with respect to ``b`` at ``a`` equal to one and ``b`` equal to two? Find it
#   by a nudge first, then in the table.
#
# **Next:** three local gradients become the one slope that we are after,
# :ref:`sphx_glr_lessons_1_one_weight_40_backward_pass.py`.
