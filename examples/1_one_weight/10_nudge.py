"""
Nudge a weight: the derivative
==============================

**What you get:** you move a weight a little, watch how far the loss moves, and read off a slope. That slope is what
this whole course is about.

**What you need:** Python's functions and loops, and multiplication. No calculus. Reading time: 11 minutes.
"""

# %%
# A model with one weight
# -----------------------
#
# Our model has one input ``x`` and one :term:`weight` ``w``. It predicts by multiplying them. The input is given; the
# weight is ours to choose. The :term:`target` ``y`` is the number that the model should have predicted, and ``y_hat``,
# with a hat, is what it did predict. The :term:`loss` says how wrong that is: the difference, squared, so that being
# too low costs as much as being too high.

x, y = 5.0, 11.0


def loss_at(w):
    y_hat = w * x
    error = y_hat - y
    return error**2


print("prediction", 3.0 * x, " error", 3.0 * x - y, " loss", loss_at(3.0))

# %%
# With a weight of 3 the model predicts 15. That is 4 too high, so the loss is 16. We could try other weights until the
# loss is small. But which way should we go?
#
# A small nudge
# -------------
#
# **Predict.** We raise the weight by 0.01. What does the loss do?
#
# .. answer:: It rises by much more than 0.01 [0.4025, rises]
#    It rises by about 0.01: That would be so if the weight itself were the loss. It is multiplied and squared first.
#    It rises by much less than 0.01: Work it out: the prediction becomes 15.05, and its error is squared.
#    It falls: The prediction is too high already, and a higher weight makes it higher still.

before = loss_at(3.0)
after = loss_at(3.01)
print(f"before {before:.4f}\nafter  {after:.4f}\nchange {after - before:.4f}")

# %%
# The loss *rises*, and it rises much further than the weight did: the prediction moves to ``3.01 * x ≈ 15.05``, and
# the loss by 0.4025.
#
# Divide the change of the loss by the change of the weight. That tells how far the loss moves in comparison:

slope = (after - before) / 0.01
print(f"{slope:.2f}")

# %%
# Read 40.25 as a rate of exchange: the loss moves 40.25 times as far as the weight. The size says "how sensitive", the
# sign says "which way".
#
# Smaller and smaller
# -------------------
#
# **Predict.** We try a larger nudge, and then smaller and smaller ones. The slopes settle at a number. Which?
#
# .. answer:: 40
#    40.25: That is the slope with a nudge of 0.01. It depends on the nudge.
#    0: The change of the loss shrinks to nothing, but so does the nudge that it is divided by.

nudges = (0.1, 0.01, 0.001, 0.0001)
slopes = [(loss_at(3.0 + nudge) - loss_at(3.0)) / nudge for nudge in nudges]
for nudge, slope in zip(nudges, slopes, strict=True):
    print(f"nudge {nudge:<6}  slope {slope:.4f}")

# %%
# The slope depends on the nudge, and it settles: each time the nudge shrinks to a tenth, so does the distance to 40.
#
# The number that the slopes settle at has a name. It is the :term:`derivative` of the loss with respect to ``w``, here
# at a weight of 3.
#
# A nudge to one side misses it by a little. A nudge to both sides meets it in the middle:


def slope_at(w, nudge=0.01):
    return (loss_at(w + nudge) - loss_at(w - nudge)) / (2 * nudge)


print(f"up   {(loss_at(3.01) - loss_at(3.0)) / 0.01:.2f}")
print(f"down {(loss_at(2.99) - loss_at(3.0)) / -0.01:.2f}")
print(f"both {slope_at(3.0):.2f}")

# %%
# This is called a :term:`finite difference`. Upward the curve is a little steeper, 40.25, and downward a little
# flatter, 39.75. Both sides together give 40.
#
# Here is the loss for many weights. At our weight the curve has a tangent, the straight line that touches it there. Its
# slope is the number that we found.

from chainrule.plots import tangent

weights = [0.4 + i / 50 for i in range(181)]
losses = [loss_at(w) for w in weights]
tangent(weights, losses, at=(3.0, loss_at(3.0)), slope=slope_at(3.0))

# %%
# Follow the dashed line: it rises by 4 for each 0.1 of weight (``0.1 * slope_at(3.0) ≈ 4.00``). The curve itself soon
# bends away: a derivative speaks for small moves only.
#
# Other places, other slopes
# --------------------------
#
# **Predict.** At a weight of 1.4 the prediction is 4 too low instead of 4 too high, so the loss is again 16. What is
# the slope there?
#
# .. answer:: -40.0
#    0: There the curve would be flat. Look at the picture: it falls steeply.

for w in (1.0, 1.4, 1.8, y / x, 2.6, 3.0):
    print(f"w = {w:.1f}   loss {loss_at(w):4.0f}   slope {slope_at(w):+6.1f}")

# %%
# As steep as at 3, and downhill: -40. The same loss, the other sign. Left of the bottom the slope is negative, right
# of it positive, and at the bottom, at 2.2, it is zero. Further out the curve is steeper.
#
# So the slope answers both questions. Its sign says which way to go: *against* it, the loss falls. Its size says how
# much a step will matter.
#
# Take it in hand
# ---------------
#
# This is the same model, alive. (The next lesson explains the code.)

import torch

import chainrule

with chainrule.record() as rec:
    w = torch.tensor(3.0, requires_grad=True)
    loss = loss_at(w)
    loss.backward()

rec

# %%
# .. do:: set w 3.01, loss 16.4025; set w 1.4, loss 16, grad w -40; set w 2.2, loss 0, grad w 0
#
#    Set ``w`` to 3.01, and read the loss: 16.4025, as we computed. Now drag ``w`` down to 1.4: the loss is 16 again,
#    and the slope, in orange below ``w``, has become -40. Go up to 2.2. Loss and slope are 0: the bottom.
#
# Take away
# ---------
#
# - A derivative is how much the loss moves when the weight moves a little, divided by how much the weight moved.
# - Positive: lower the weight, and the loss falls. Negative: raise it. Zero: a small move changes almost nothing.
# - It belongs to one place. Elsewhere on the curve it is another number.
#
# On your own
# -----------
#
# **Exercise.** Set the target to 16, and keep the input of 5. The bottom of the curve moves. What is the slope at a
# weight of 3 now?
#
# .. answer:: printed
#    40: That is with the target of 11.
#    -2.0: Twice the error. But a nudge of the weight moves the prediction by 5 nudges: the input is missing.

y = 16.0
print("twice the error:", 2 * (3.0 * x - y))
print(f"slope: {slope_at(3.0):.1f}")

# %%
# The prediction of 15 is 1 too low now, so a higher weight is better, and the slope is negative.
#
# **Exercise.** Back to the target of 11, with an input of 4. What is the slope at a weight of 3?
#
# .. answer:: printed
#    2.0: Twice the error. But a nudge of the weight moves the prediction by 4 nudges: the input is missing.

x, y = 4.0, 11.0
print("twice the error:", 2 * (3.0 * x - y))
print(f"slope: {slope_at(3.0):.1f}")

# %%
# The prediction is 1 too high (``3.0 * x - y == 1``). Twice that is 2, and a nudge of the weight moves the prediction 4
# times as far: 8.
#
# **Exercise.** You have just found the slope at a weight of 3. Make the nudge tiny, ``nudge=1e-17``:
# what does ``slope_at`` give there?

print(slope_at(3.0, nudge=1e-17))

# %%
# The weight does not move at all, ``3.0 + 1e-17 == 3.0``: a number has some sixteen digits, and the nudge is beyond the
# last. So the loss does not move either.
#
# References
# ----------
#
# The same start, with more calculus: [Zhang2023]_.
#
# **Next:** nudging asks for another run of the whole model for each weight, and real models have millions. There is a
# way to get every slope from a single run, exactly. It begins with writing that run down, step by step:
# :ref:`sphx_glr_lessons_1_one_weight_20_forward_pass.py`.
