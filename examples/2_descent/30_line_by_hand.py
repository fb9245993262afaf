"""
Fit a line by hand: the mean squared error
==========================================

**What you get:** a model that learns from four samples, with every line of it written out: prediction, loss, gradient,
step. And a check of three lines that tells a right gradient from a wrong one.

**What you need:** :ref:`sphx_glr_lessons_2_descent_20_weight_vector.py`. Reading time: 13 minutes.
"""

# %%
# Four samples
# ------------
#
# The targets are twice the inputs. The model does not know that. It multiplies by a weight which starts at zero, and it
# should find the two.
#
# The numbers stand in NumPy's arrays. An array works on all entries at once: ``w * x`` multiplies each of the four, ``-
# y`` subtracts entry from entry, and ``.mean()`` adds up and divides by four. (``float32`` is the precision that
# PyTorch uses too.)

import numpy as np

from chainrule.plots import curves

x = np.array([1, 2, 3, 4], dtype=np.float32)
y = np.array([2, 4, 6, 8], dtype=np.float32)


def predict(x, w):
    return w * x


print(f"prediction for 5: {predict(5, w=0.0)}")

# %%
# With four samples there are four errors. We want one number, so we square each and take the **mean**. That is the
# :term:`mean squared error`:


def loss_at(w):
    return ((predict(x, w) - y) ** 2).mean()


# %%
# **Predict.** At a weight of 0 every prediction is 0. What is the loss?
#
# .. answer:: 30.0
#    120.0: That is the sum of the squares. Take their mean.
#    25.0: The errors are squared first, and then the mean is taken.

print("errors", (predict(x, 0.0) - y).tolist())
print(loss_at(0.0))

# %%
# Squared and added up the errors make ``4 + 16 + 36 + 64 == 120``, and the mean is a quarter of that: 30. (Squaring
# last, after the mean, would give ``5**2 == 25``.)
#
# The gradient, by hand
# ---------------------
#
# Each sample is a graph that you know: a product, a difference, a square. Its gradient is twice the error times the
# input, ``2 * x * error``. The loss is the mean of four such branches, so the weight is used four times: a fork. Paths
# add up, and the mean gives each a share of a quarter:
#
# .. math::
#
#    \frac{\partial\,\mathrm{loss}}{\partial w} = \frac{1}{N} \sum_{i=1}^{N} 2\,x_i\,(w\,x_i - y_i)
#
# The sign :math:`\sum` means: add up what follows, once for each sample :math:`i`. :math:`N` is the number of samples,
# here ``len(x) == 4``.
#
# Here are two programs for it.


def gradient_one(w):
    return (2 * x * (predict(x, w) - y)).mean()


def gradient_two(w):
    return np.dot(2 * x, predict(x, w) - y).mean()


# %%
# **Predict.** Which of them is the slope of the loss? You have a way to find out without any formula.
#
# .. answer:: The first [-30.00, four times]
#    The second: What does np.dot do with the four products?
#    Both, they give the same number: What does np.dot do with the four products?

nudge = 0.01
nudged = (loss_at(nudge) - loss_at(-nudge)) / (2 * nudge)
print(f"one:    {gradient_one(0.0):.2f}")
print(f"two:    {gradient_two(0.0):.2f}")
print(f"nudged: {nudged:.2f}")

# %%
# The nudge says -30, and so does the first, ``gradient_one(0.0) == -30.0``. The second is four times too large. A dot
# product has already added the four products up. What ``mean`` gets to see is a single number, and the mean of one
# number is that number. **It is a sum that is called a mean.**
#
# Two walks
# ---------
#
# We let both walk, with the same rate. The second takes steps that are four times as long.


def descend(gradient, rate, steps=20):
    """Give the weights that a descent goes through, from zero."""
    weights = [np.float32(0.0)]
    for _ in range(steps):
        w = weights[-1]
        weights.append(w - rate * gradient(w))
    return weights


mean = descend(gradient_one, rate=0.01)
total = descend(gradient_two, rate=0.01)
print("step   mean: w      loss    sum: w      loss")
for step in (0, 1, 2, 3, 5, 10, 20):
    a, b = mean[step], total[step]
    print(f"{step:4} {a:9.4f} {loss_at(a):9.5f} {b:9.4f} {loss_at(b):9.5f}")

# %%
# After 20 steps the second is at 2.0000, where the right gradient has come to 1.9225. That is why it is easily missed.
# With the mean, a step leaves 85 % of the distance to 2, ``(2 - mean[1]) / 2 ≈ 0.85``. With the sum it leaves 40 %,
# ``(2 - total[1]) / 2 ≈ 0.40``.
#
# The same walk by another name
# -----------------------------
#
# Give the *mean* a rate four times as high:

renamed = descend(gradient_one, rate=4 * 0.01)
for step in (0, 1, 2, 3, 5, 10, 20):
    print(f"{step:4} {renamed[step]:9.4f} {loss_at(renamed[step]):9.5f}")

# %%
# It is the table of the sum, number by number. So the sum is the same gradient with a rate four times as high, and you
# can have that by its name.
#
# Why it matters then
# -------------------
#
# So does it matter which one you take? It does as soon as the number of samples changes. The rates that work are
# limited, as on the parabola: the distance to two must not grow. The targets are twice the inputs, so the gradient is
# the mean of ``2 * x * (w * x - 2 * x)``. That is the distance ``w - 2``, times the mean of ``2 * x**2``. So every step
# multiplies the distance by one minus the rate times that mean, or that sum:

print(f"mean: {2 * (x**2).mean()}, sum: {2 * (x**2).sum()}")
print(f"limits: {2 / (2 * (x**2).mean()):.4f} and {2 / (2 * (x**2).sum()):.4f}")

# %%
# The factor stays between minus one and one as long as the rate is below two divided by that number:
#
# - with the mean, 0.1333, which is two fifteenths;
# - with the sum, 0.0333, which is two sixtieths.
#
# Between the limits
# ------------------
#
# **Predict.** A rate of 0.05 lies between the two limits. By which factor does it multiply the distance, with the sum?
#
# .. answer:: -2.0
#    0.25: That is with the mean.
#    3.0: That is what a step takes off. What is left?

mean = descend(gradient_one, rate=0.05)
total = descend(gradient_two, rate=0.05)
print(f"mean: {mean[20]:.6f}   sum: {total[20]:.0f}")
print(f"factor with the mean: {1 - 0.05 * 2 * (x**2).mean():.2f}")
print(f"factor with the sum: {1 - 0.05 * 2 * (x**2).sum():.1f}")

curves(
    {
        "mean": [loss_at(w) for w in mean[:9]],
        "sum": [loss_at(w) for w in total[:9]],
    },
    log=True,
)

# %%
# The mean arrives. The sum flies off, twice as far in each step, to ``total[20] < -2_000_000``. With ten times as many
# samples, the limit of the mean would stay where it is, and that of the sum would be ten times lower. A program that
# worked on four samples would fail on forty: :ref:`sphx_glr_lessons_8_clinic_20_sum_for_mean.py`.
#
# Take it in hand
# ---------------
#
# The loss with its mean, alive. (The next lesson says what PyTorch does here.)

import torch

import chainrule

inputs, targets = torch.tensor(x), torch.tensor(y)
weight = torch.tensor(1.0, requires_grad=True)
with chainrule.record() as rec:
    error = weight * inputs - targets
    loss = (error**2).mean()
    loss.backward()

rec

# %%
# .. do:: update 0.05, weight 1.75, loss 0.4688; reset; press sum for mean, loss 30; update 0.05, weight 4, loss 120
#
#    Open Loss curve, set the learning rate to 0.05 and press Update: ``weight`` is 1.75, and the loss 0.4688. Reset,
#    tick *sum for mean*: the loss is 30. Press Update: ``weight`` jumps to 4, and the loss to 120.
#
# Before and after
# ----------------
#
# What we wanted was a prediction for an input that is not among the samples. After 20 steps with the right gradient:

w = descend(gradient_one, rate=0.01)[20]
print(f"prediction for 5: before {predict(5, 0.0):.3f}, after {predict(5, w):.3f}")

# %%
# From ``predict(5, 0.0) == 0.0`` to 9.612, where 10 would be right. 20 steps were not enough with this rate.
#
# Take away
# ---------
#
# - The mean of the losses has the mean of the gradients. The sum is as many times larger as there are samples.
# - With a sum, the rates that work depend on how many samples there are.
# - A gradient that is wrong by a factor still goes downhill, so training does not reveal it. A nudge does.
#
# On your own
# -----------
#
# **Exercise.** Replace ``.mean()`` by ``.sum()`` in the *loss*. What is the slope at a weight of 0 now?
#
# .. answer:: printed
#    -30.0: mean


def total_loss_at(w):
    return ((predict(x, w) - y) ** 2).sum()


print(f"{(total_loss_at(nudge) - total_loss_at(-nudge)) / (2 * nudge):.1f}")

# %%
# For this loss the program with the dot product is right: ``gradient_two(0.0) == -120.0``. A gradient is right or wrong
# only for the loss that it belongs to.
#
# **Exercise.** Take the samples twice, so that there are eight, and the mean again. What is the gradient at 0?
#
# .. answer:: printed
#    -60.0: That is twice the gradient of four samples. A mean does not know how many there are.

x_twice, y_twice = np.tile(x, 2), np.tile(y, 2)
gradient = (2 * x_twice * (0.0 * x_twice - y_twice)).mean()
print(f"{gradient:.1f}")

# %%
# The mean of the same numbers, each taken twice, is the same, -30. (All eight added up, but divided by four, give
# ``2 * gradient == -60``.)
#
# **Exercise.** Add a bias: predictions ``w * x + b``, and targets one higher. Derive the gradient of ``b``. What is it,
# with weight and bias at zero?
#
# .. answer:: printed
#    -48.0: sum
#    -35.0: That is for w. The bias has no input.


def loss_with_bias(b):
    return ((0.0 * x + b - (y + 1)) ** 2).mean()


error = 0.0 * x + 0.0 - (y + 1)
nudged = (loss_with_bias(nudge) - loss_with_bias(-nudge)) / (2 * nudge)
print(f"of the weight: {(2 * x * error).mean():.1f}")
print(f"as a sum: {(2 * error).sum():.1f}, nudged: {nudged:.2f}")
print(f"{(2 * error).mean():.1f}")

# %%
# A bias is a weight whose input is always one, so what is left is the mean of twice the error: -12, where the sum is
# -48, and the gradient of the weight -35. The nudge agrees.
#
# References
# ----------
#
# Linear regression in full: [Zhang2023]_.
#
# **Next:** the same line, with PyTorch for the gradient, :ref:`sphx_glr_lessons_2_descent_40_line_with_autograd.py`.
