"""
Move three weights at once: the gradient as a direction
=======================================================

**What you get:** a model with three weights and one gradient for all of them. And a training loop with one line
missing: what it does.

**What you need:** :ref:`sphx_glr_lessons_2_descent_10_parabola.py`. Reading time: 9 minutes.
"""

# %%
# Three weights, one prediction
# -----------------------------
#
# Each weight has an input of its own. The prediction adds up the three products. PyTorch writes that ``w @ x``, and it
# is called a :term:`dot product`.
#
# The inputs are 2, 3 and 1, the weights 1, 1 and 2, and the target is 3.

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
# A **gradient** of several weights is one slope for each, in the shape of the weights. One walk back found all three.
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
# places with the same loss. (The third weight stays at 2.) The dots are steps against the gradient.

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
path = [np.array([1.0, 1.0])]
for _ in range(5):
    a, b = path[-1]
    slopes = 2 * (2 * a + 3 * b + 2 - 3) * np.array([2, 3])
    path.append(path[-1] - 0.01 * slopes)
axes.plot(*np.transpose(path), "--o", color=LINES.gradient, markersize=4)
axes.set(xlabel="first weight", ylabel="second weight", aspect="equal")
figure.set_label(
    "Lines of equal loss are straight and parallel. Five steps from (1, 1) cross "
    "them squarely, each shorter than the one before."
)
figure

# %%
# A step meets the line at a right angle: of all short steps of one length, this one goes down the most.
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
# The rate is 0.01:

right = descend(empty=True)
print([round(loss, 3) for loss in right])
print("error times", 1 - 28 * 0.01)
print("loss times", round(right[1] / right[0], 4))

# %%
# Each loss is about half of the one before.
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
# - The first two losses are the same: at the first step there was nothing to add to.
# - The third is *better* than it should be. Somebody who looks at three steps will be pleased.
# - Then the loss rises, and not for the last time.
#
# What was in ``w.grad`` at the second step? The error was ``0.72 * 4 ≈ 2.88`` by then, and the first entry should have
# been ``2 * 2.88 * 2 ≈ 11.52``. The 16 of the first step was still there, so it held ``16 + 11.52 ≈ 27.52``: the weight
# went more than twice as far as the slope asked for.

curves(
    {
        "emptied": descend(empty=True, steps=30),
        "not emptied": descend(empty=False, steps=30),
    }
)

# %%
# Nothing warns you: each gradient that PyTorch computed was right. The sign to look for is a loss that falls quickly,
# rises again, and never settles. The clinic has such a case: :ref:`sphx_glr_lessons_8_clinic_10_not_zeroed.py`.
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
# References
# ----------
#
# Gradients as directions, and what curvature does to a step: [Goodfellow2016]_.
#
# **Next:** one weight again, but several samples, :ref:`sphx_glr_lessons_2_descent_30_line_by_hand.py`.
