"""
Nudge a weight
==============

**What you get:** you move a weight a little, watch how far the loss moves, and read off a slope. That slope is what
this whole course is about.

**What you need:** Python's functions and loops, and multiplication. No calculus. Reading time: 8 minutes.
"""

# %%
# A model with one weight
# -----------------------
#
# Our model has one input ``x`` and one :term:`weight` ``w``. It predicts by multiplying them. The input is given; the
# weight is ours to choose. The :term:`target` ``y`` is the number that the model should have predicted, and ``y_hat``,
# with a hat, is what it did predict. The :term:`loss` says how wrong that is: the difference, squared, so that being
# too low costs as much as being too high.

x, y = 1.0, 2.0


def loss_at(w):
    y_hat = w * x
    error = y_hat - y
    return error**2


loss_at(1.0)

# %%
# With the weight at one, the model predicts one. The target is two, so the prediction is one too low, and the loss is
# ``loss_at(1.0) == 1.0``. We could try other weights until the loss is small. But which way should we go?
#
# A small nudge
# -------------
#
# **Predict.** We raise the weight by one hundredth. Does the loss rise or fall? And by how much: by one hundredth, by
# less, or by more?

before = loss_at(1.0)
after = loss_at(1.01)
print(f"before {before:.4f}\nafter  {after:.4f}\nchange {after - before:.4f}")

# %%
# The loss *falls*, and it falls almost twice as far as the weight moved: the change is ``after - before ≈ -0.0199``.
#
# Divide the change of the loss by the change of the weight. That tells how far the loss moves in comparison:

slope = (after - before) / 0.01
print(f"{slope:.2f}")

# %%
# Read ``slope ≈ -1.99`` as a rate of exchange: the loss moves about twice as far as the weight, and the other way. The
# minus says "the other way", the size says "how sensitive".
#
# Smaller and smaller
# -------------------
#
# **Predict.** We try a larger nudge, a tenth, and then smaller and smaller ones. Does the slope depend on the nudge? If
# so, does it settle somewhere as the nudge shrinks, or does it run on?

nudges = (0.1, 0.01, 0.001, 0.0001)
slopes = [(loss_at(1.0 + nudge) - loss_at(1.0)) / nudge for nudge in nudges]
for nudge, slope in zip(nudges, slopes, strict=True):
    print(f"nudge {nudge:<6}  slope {slope:.4f}")

# %%
# It depends on the nudge, and it settles: ``slopes ≈ [-1.9, -1.99, -1.999, -1.9999]``, closer and closer to minus two.
#
# The number that the slopes settle at has a name. It is the :term:`derivative` of the loss with respect to ``w``, here
# at ``w`` equal to one.
#
# A nudge to one side misses it by a little: upward we found ``(loss_at(1.01) - loss_at(1.0)) / 0.01 ≈ -1.99``, and
# downward it would be ``(loss_at(0.99) - loss_at(1.0)) / -0.01 ≈ -2.01``. One is too flat, the other too steep. A nudge
# to both sides meets in the middle: ``(loss_at(1.01) - loss_at(0.99)) / 0.02 ≈ -2.000000``.
#
# The slope as a picture
# ----------------------
#
# Here is the loss for every weight from minus one to five: the weight runs from left to right, the loss upward. At our
# weight the curve has a tangent, the straight line that touches it there and goes the same way. The slope of that line
# is the number that we found.

from chainrule.plots import tangent

weights = [i / 20 for i in range(-20, 101)]
losses = [loss_at(w) for w in weights]
tangent(weights, losses, at=(1.0, loss_at(1.0)), slope=-2.0)

# %%
# Follow the dashed line to the right: it falls by two for each step of one, as the derivative says. The curve itself
# soon bends away. A derivative speaks for small moves only.
#
# Other places, other slopes
# --------------------------
#
# **Predict.** Look at the curve once more. What is its slope at a weight of two? Is the slope at three positive or
# negative? And how does the one at four compare with the one at three?


def slope_at(w, nudge=0.0001):
    return (loss_at(w + nudge) - loss_at(w - nudge)) / (2 * nudge)


for w in (0.0, 1.0, 2.0, 3.0, 4.0):
    print(f"w = {w:.0f}   loss {loss_at(w):.0f}   slope {slope_at(w):+.0f}")

# %%
# Left of the bottom the slope is negative, right of it positive: ``slope_at(1.0) ≈ -2.000`` and
# ``slope_at(3.0) ≈ 2.000``, although the loss is the same in both places, ``loss_at(1.0) == loss_at(3.0)``. At the
# bottom nothing is left to gain: ``abs(slope_at(2.0)) < 0.001``. Further out it is steeper: ``slope_at(4.0) ≈ 4.000``.
#
# So the slope answers both questions. Its sign says which way to go: *against* it, the loss falls. Its size says how
# much a step will matter.
#
# Take away
# ---------
#
# - A derivative is how much the loss moves when the weight moves a little, divided by how much the weight moved.
# - Negative: raise the weight, and the loss falls. Positive: the other way. Zero: a small move changes almost nothing.
# - It belongs to one place. Elsewhere on the curve it is another number.
#
# On your own
# -----------
#
# **Exercise.** Set ``x`` to two, and keep the target and a weight of one. The bottom of the curve moves. What is the
# slope at one now?

x = 2.0
print(f"{slope_at(1.0):.1f}")

# %%
# Zero: with an input of two the model predicts two, which is the target, so we stand at the bottom:
# ``loss_at(1.0) == 0.0``.
#
# **Exercise.** Stay with an input of two, and go to a weight of three. The prediction is six now. What is the slope?

print(f"not {2 * (3.0 * x - y):.1f}: The input of two is missing.")
print(f"{slope_at(3.0):.1f}")

# %%
# A nudge of the weight moves the prediction by twice the nudge, and the prediction is four too high:
# ``slope_at(3.0) ≈ 16.00``, and without the input it would be ``2 * (3.0 * x - y) == 8.0``.
#
# **Exercise.** Stay with an input of two. Just right of a weight of one, the slope should be close to zero, and not
# quite zero. Make the nudge tiny, with fifteen zeros after the point and then a one: what does
# ``slope_at(1.01, nudge=1e-16)`` give?

print(slope_at(1.01, nudge=1e-16))

# %%
# The weight does not move at all, ``1.01 + 1e-16 == 1.01``: a number has some sixteen digits, and the nudge is beyond
# the last. So the loss does not move either.
#
# **Next:** nudging asks for another run of the whole model for each weight, and real models have millions. There is a
# way to get every slope from a single run, exactly. It begins with writing that run down, step by step:
# :ref:`sphx_glr_lessons_1_one_weight_20_forward_pass.py`.
