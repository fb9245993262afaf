"""
Move three weights at once: the gradient as a direction
=======================================================

**What you get:** a model with three weights and one gradient for all of them. And a training loop with one line
missing: what it does, and what it is called.

**What you need:** :ref:`sphx_glr_lessons_2_descent_10_parabola.py`. Reading time: 16 minutes.
"""

# %%
# Three weights, one prediction
# -----------------------------
#
# Each weight has an input of its own. The prediction adds up the three products. PyTorch writes that ``w @ x``, and it
# is called a :term:`dot product`.
#
# **Predict.** The inputs are 2, 3 and 1, the weights 1, 1 and 2, and the target is 3. What is the loss? You can do this
# in your head.
#
# .. answer:: 16.0
#    7.0: That is the prediction.
#    4.0: That is the error. The loss is its square.

import torch

import chainrule
from chainrule.plots import curves

x = torch.tensor([2.0, 3.0, 1.0])
y = torch.tensor(3.0)
w = torch.tensor([1.0, 1.0, 2.0], requires_grad=True)

with chainrule.record() as rec:
    y_hat = w @ x
    error = y_hat - y
    loss = error**2
    loss.backward()

print(f"prediction {y_hat.item()}, error {error.item()}, loss {loss.item()}")

# %%
# The products are 2, 3 and 2, so the prediction is 7. That is 4 too high, and the loss is 16.
#
# One slope for each weight
# -------------------------
#
# **Predict.** Walk back as before: twice the error, then 1, then the local gradient of a product, which is the other
# factor. Each weight has its own. What is the gradient of the second weight?
#
# .. answer:: 24.0
#    8.0: That is what arrives at the dot product. Each weight multiplies it by its own input.
#    3.0: That is its input, the local gradient alone.

print(w.grad)
rec

# %%
# ``w.grad == (16.0, 24.0, 8.0)``. What arrives at the dot product is the same for all three, ``rec.grad("y_hat") ==
# 8``. Each weight multiplies it by its own input. The second weight has the largest input, so it has the most to say.
#
# A **gradient** of several weights is that: one slope for each, in the shape of the weights. One walk back found all
# three.
#
# .. do:: set x [2,0,1], error 1, grad w [4,0,2]
#
#    Set the second entry of ``x`` to 0. The error is 1 then, and the gradients are 4, 0 and 2. The second weight gets
#    nothing: whatever is done to it, the prediction does not move.
#
# Which way is down?
# ------------------
#
# Three slopes make a *direction*. Here is the loss over the first two weights, drawn as on a map: each line joins the
# places with the same loss. (The third weight stays at 2.) The arrow is the step against the gradient.

import numpy as np

from chainrule.plots import LINES, Figure

first, second = np.meshgrid(np.linspace(-0.5, 1.6, 80), np.linspace(-1.1, 1.4, 80))
figure = Figure(figsize=(5.4, 3.6), layout="constrained")
axes = figure.subplots()
loss_there = (2 * first + 3 * second + 2 - 3) ** 2
lines = axes.contour(
    first, second, loss_there, [0.1, 1, 4, 16], colors=[LINES.value]
)
axes.clabel(lines, fmt="%g")
step = {"arrowstyle": "->", "color": LINES.gradient, "linewidth": 2}
axes.annotate("", (1 - 0.32, 1 - 0.48), (1, 1), arrowprops=step)
axes.set(xlabel="first weight", ylabel="second weight", aspect="equal")
figure.set_label(
    "Lines of equal loss are straight; the step crosses them squarely."
)
figure

# %%
# The arrow meets the line at a right angle: of all short steps of one length, this one goes down the most.
#
# Steps, done right
# -----------------
#
# Each step does the same three things: forward and backward, the step, and emptying ``w.grad`` for the next round.


def descend(empty, steps=5, rate=0.01):
    """Give the loss at each weight that the descent goes through."""
    w = torch.tensor([1.0, 1.0, 2.0], requires_grad=True)
    losses = []
    for _ in range(steps):
        loss = (w @ x - y) ** 2
        losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            w -= rate * w.grad
        if empty:
            w.grad = None
    return losses


# %%
# A step changes the prediction by the rate, times twice the error, times the squared inputs added up, ``(x @ x) ==
# 14``. So it multiplies the error by one minus 28 times the rate.
#
# **Predict.** The rate is 0.01. By which factor does a step multiply the *loss*?
#
# .. answer:: 0.5184
#    0.72: That is the factor of the error. The loss is its square.

right = descend(empty=True)
print([round(loss, 3) for loss in right])
print("error times", 1 - 28 * 0.01)
print("loss times", round(right[1] / right[0], 4))

# %%
# Each loss is about half of the one before: ``right ≈ [16.000, 8.294, 4.300, 2.229, 1.156]``.
#
# One line less
# -------------
#
# Now we leave out the line that empties ``w.grad``. From the lesson on forks you know what ``backward()`` does then.
#
# **Predict.** Of the five losses, which is the first to differ?
#
# .. answer:: The third [first two losses are the same, 0.909]
#    The first: That is the loss at the first weights. No step has been taken.
#    The second: At the first step there was nothing in w.grad yet.
#    The fourth: What is in w.grad at the second step?

wrong = descend(empty=False)
print("emptied    ", [round(loss, 3) for loss in right])
print("not emptied", [round(loss, 3) for loss in wrong])

# %%
# ``wrong ≈ [16.000, 8.294, 0.909, 1.537, 9.524]``.
#
# - The first two losses are the same: at the first step there was nothing to add to.
# - The third is *better* than it should be. Somebody who looks at three steps will be pleased.
# - Then the loss rises, and not for the last time.
#
# What was in ``w.grad`` at the second step? The error was ``0.72 * 4 ≈ 2.88`` by then, and the first entry should have
# been ``2 * 2.88 * 2 ≈ 11.52``. The 16 of the first step was still there, so it held ``16 + 11.52 ≈ 27.52``: the weight
# went more than twice as far as the slope asked for.
#
# A second loop
# -------------
#
# Here is the loop with momentum from the last lesson. It empties ``w.grad`` as it should, and we let the velocity keep
# all that it has: a share of 1.
#
# **Predict.** Compare what stands in ``velocity`` with what stands in ``w.grad`` in the loop that forgets to empty it.
# What do the losses do?
#
# .. answer:: They are those of the loop that forgets [forgets nothing, without friction]
#    They are those of the right loop: There the velocity would be the last gradient alone.
#    They fall faster, and settle: What would take the speed away?


def descend_with_momentum(momentum, steps=5, rate=0.01):
    """Give the losses of a descent that keeps a share of its velocity."""
    w = torch.tensor([1.0, 1.0, 2.0], requires_grad=True)
    velocity = torch.zeros(3)
    losses = []
    for _ in range(steps):
        loss = (w @ x - y) ** 2
        losses.append(loss.item())
        loss.backward()
        velocity = momentum * velocity + w.grad
        with torch.no_grad():
            w -= rate * velocity
        w.grad = None
    return losses


rolled = descend_with_momentum(1.0)
print([round(loss, 3) for loss in rolled])

curves(
    {
        "emptied": descend(empty=True, steps=30),
        "not emptied": descend(empty=False, steps=30),
        "momentum 0.5": descend_with_momentum(0.5, steps=30),
    }
)

# %%
# They are the same: ``rolled == wrong``. In both loops a step goes along the sum of *all* gradients so far. So leaving
# the line out has a name: momentum with a share of 1, a velocity that forgets nothing, a ball on a track without
# friction. It swings through the bottom and up the other side, again and again. With a share of 0.5 it settles.
#
# Nothing warns you. PyTorch does what it was told, and each gradient that it computed was right. The sign to look for
# is a loss that falls quickly, rises again, and never settles. The clinic has such a case:
# :ref:`sphx_glr_lessons_5_clinic_10_not_zeroed.py`.
#
# Take away
# ---------
#
# - The gradient of several weights has their shape: one slope for each weight, from one walk back.
# - At a dot product, each weight's gradient is the upstream gradient times its own input.
# - ``backward()`` adds to ``.grad``. A loop that does not empty it walks along the sum of all gradients, and swings.
#
# On your own
# -----------
#
# **Exercise.** Take one step from the first weights, with a rate of 0.01, and divide the change of each weight by its
# input. You get the same number three times. Which?
#
# .. answer:: printed
#    -0.24: That is the change of the second weight. Divide it by its input.

change = -0.01 * w.grad
print("change", change)
print(f"divided {(change / x)[0]:.2f}")

# %%
# A weight's gradient is its input times 8, so every weight changes by its input times -0.08. All steps go along ``x``.
# So of the many choices of weights that predict 3, the descent reaches only those that differ from the first weights by
# a multiple of ``x``.
#
# **Exercise.** Each step multiplies the error by one minus 28 times the rate. Below which rate does the descent arrive?
# Four digits after the point.
#
# .. answer:: printed
#    0.0357: With this rate one step arrives. It may be larger.

print(f"in one step: {1 / 28:.4f}")
print(f"limit: {2 / 28:.4f}")

# %%
# At the limit the factor is ``1 - 28 * (2 / 28) == -1``. It has to stay above that.
#
# **Exercise.** Add a bias, ``y_hat = w @ x + b``, which starts at zero. What is its gradient?
#
# .. answer:: 8.0
#    0.0: The bias is zero, but a nudge of it moves the prediction.
#    4.0: That is the error. The square has a two.

w = torch.tensor([1.0, 1.0, 2.0], requires_grad=True)
b = torch.tensor(0.0, requires_grad=True)

with chainrule.record() as rec:
    y_hat = w @ x + b
    error = y_hat - y
    loss = error**2
    loss.backward()

print(rec.check(w=2 * error * x, b=2 * error))
print(rec.check(w=error * x))

# %%
# The sum hands the gradient on as it is, so the bias gets ``b.grad == 8.0``, as if its input were 1. In the last line
# the two of the square was forgotten, and the check says what it sees.
#
# **Next:** one weight again, but several samples, :ref:`sphx_glr_lessons_2_descent_30_line_by_hand.py`.
