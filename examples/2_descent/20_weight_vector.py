"""
Move three weights at once
==========================

**What you get:** a model with three weights and one gradient for all of them. And a training loop with one line
missing: what it does, and what it is called.

**What you need:** :ref:`sphx_glr_lessons_2_descent_10_parabola.py`. Reading time: 9 minutes.
"""

# %%
# Three weights, one prediction
# -----------------------------
#
# Each weight has an input of its own. The prediction adds up the three products. PyTorch writes that ``w @ x``, and it
# is called a :term:`dot product`.
#
# **Predict.** The inputs are two, three and one, the weights one, one and two, and the target is three. What are the
# prediction and the loss? You can do this in your head.

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

print(f"prediction {y_hat.item()}, loss {loss.item()}")

# %%
# The products are two, three and two, so the prediction is ``y_hat == 7.0``. That is four too high, and the loss is
# ``loss == 16.0``.
#
# **Predict.** And the gradient? Walk back as before: twice the error, then one, then the local gradient of a product,
# which is the other factor. Each weight has its own. Which of the three weights gets the largest gradient?

print(w.grad)
rec

# %%
# ``w.grad == (16.0, 24.0, 8.0)``. The upstream gradient at the dot product is the same for all three,
# ``rec.grad("y_hat") == 8.0``. Each weight multiplies it by its own input: ``8 * x == (16.0, 24.0, 8.0)``. The second
# weight has the largest input, so it has the most to say.
#
# A **gradient** of several weights is that: one slope for each, in the shape of the weights. One walk back found all
# three.
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
# **Predict.** The loss begins at sixteen, and the rate is a hundredth. What do the losses do: fall by the same amount
# each time, or by the same share?

right = descend(empty=True)
print([round(loss, 3) for loss in right])

# %%
# ``right ≈ [16.000, 8.294, 4.300, 2.229, 1.156]``: each loss is about half of the one before, to be exact
# ``right[1] / right[0] ≈ 0.5184`` of it.
#
# That number can be worked out. A step of the weights changes the prediction by the rate, times twice the error, times
# the squared inputs added up, ``(x @ x) == 14.0``. So the error is multiplied by ``1 - 0.01 * 2 * 14 ≈ 0.72`` each
# time, and the loss by the square of that: ``0.72**2 ≈ 0.5184``.
#
# One line less
# -------------
#
# Now we leave out the line that empties ``w.grad``. From the lesson on forks you know what ``backward()`` does then: it
# *adds*.
#
# **Predict.** Of the five losses, which will be the first to differ? Does the loss fall faster or slower than before?
# And does it go on falling?

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
# What was in ``w.grad`` at the second step? The prediction had come down to 5.88 (``y_hat - 0.01 * 8 * 14 ≈ 5.88``), so
# the error was 2.88 (``5.88 - 3 ≈ 2.88``), and the first entry should have been ``2 * 2.88 * 2 ≈ 11.52``. The sixteen
# of the first step was still there, so it held ``16 + 11.52 ≈ 27.52``: the weight went more than twice as far as the
# slope asked for.
#
# A second loop
# -------------
#
# **Predict.** Here is the loop with momentum from the last lesson. It empties ``w.grad`` as it should, and we set the
# share of the velocity that it keeps to one. Compare what stands in ``velocity`` with what stands in ``w.grad`` in the
# loop that forgot to empty it. How will the losses differ?


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


forgets_nothing = descend_with_momentum(1.0)
print([round(loss, 3) for loss in forgets_nothing])

curves(
    {
        "emptied": descend(empty=True, steps=30),
        "not emptied": descend(empty=False, steps=30),
        "momentum 0.5": descend_with_momentum(0.5, steps=30),
    }
)

# %%
# They do not differ: ``forgets_nothing == wrong``. In both loops a step goes along the sum of *all* gradients so far.
# So the missing line has a name: it is momentum with a share of one, a velocity that forgets nothing, a ball on a track
# without friction. It swings through the bottom and up the other side, again and again. With a share of one half it
# would have settled.
#
# Nothing warns you. PyTorch does what it was told, and each gradient that it computed was right. The sign to look for
# is a loss that falls quickly, rises again, and never settles.
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
# **Exercise.** Take one step from the first weights, with a rate of a hundredth, and divide the change of each weight
# by its input. You get the same number three times. Which?

change = -0.01 * w.grad
print(change / x)
print(f"{(change / x)[0]:.2f}")

# %%
# A weight's gradient is its input times eight, so every weight changes by its input times
# ``-0.01 * 8 ≈ -0.08``. All steps go along ``x``. So of the many choices of weights that predict three, the descent
# reaches only those that differ from the first weights by a multiple of ``x``.
#
# **Exercise.** Each step multiplies the error by one minus twenty-eight times the rate. Up to which rate does the
# descent arrive?
#
# .. answer:: printed
#    0.0357: With this rate one step arrives. It may be larger.

print(f"{2 / 28:.4f}")

# %%
# At ``1 / 28 ≈ 0.0357`` the factor is zero. It has to stay above minus one: ``2 / 28 ≈ 0.0714``. On the other side of
# that the loss grows: ``descend(True, rate=0.0715)[4] > descend(True, rate=0.0715)[0]``.
#
# **Exercise.** Add a bias, ``y_hat = w @ x + b``, which starts at zero. Derive the gradients of ``w`` and ``b`` from
# ``error`` and ``x``, and ask ``rec.check(w=..., b=...)``.

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
# The sum hands the gradient on as it is, so the bias gets ``b.grad == 8.0``, as if its input were one. In the last line
# the two of the square was forgotten, and the check says what it sees.
#
# **Next:** one weight again, but several samples, :ref:`sphx_glr_lessons_2_descent_30_line_by_hand.py`.
