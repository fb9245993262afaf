"""
Find out whether a gradient is right: gradient checking
=======================================================

**What you get:** a check for any gradient, whoever derived it, and a measured answer to how small a nudge should be.
Also the two places where the check itself is wrong, so that you do not look for a mistake that is not there.

**What you need:** :ref:`sphx_glr_lessons_4_batches_10_batches.py`. Reading time: 21 minutes.
"""

# %%
# Smaller is better?
# ------------------
#
# The first lesson nudged a weight to both sides, divided, and had a slope. Such a slope is called a **numerical
# gradient**, or a *central difference*. It needs nothing but the function itself, so it cannot share the mistakes of
# whoever derived a gradient. And the smaller the nudge, the closer it came.
#
# Take the sigmoid at one. Its slope is known, ``y * (1 - y)``:

import torch

import chainrule

one = torch.tensor(1.0)  # float32, as long as we do not ask for more
y = torch.sigmoid(one)
true = (y * (1 - y)).item()
print(f"{true:.6f}")

# %%
# **Predict.** We nudge by 0.1, 0.01, and so on. Does the numerical gradient come closer and closer to ``true ≈
# 0.1966``?
#
# .. answer:: At first, then it gets worse [Only at first]
#    Yes, with each step: A computer's numbers have an end.
#    No, it is off by as much each time: The curve bends, and a smaller nudge sees less of that.

nudges = [10.0**-k for k in range(1, 10)]
slopes = []
for nudge in nudges:
    up, down = torch.sigmoid(one + nudge), torch.sigmoid(one - nudge)
    slopes.append(((up - down) / (2 * nudge)).item())
    print(
        f"{nudge:.0e}  slope {slopes[-1]:.6f}  off by {abs(slopes[-1] - true):.0e}"
    )

# %%
# Only at first. A hundredth is good, ``abs(slopes[1] - true) < 5e-6``. From there on it gets *worse* with each row, and
# at the end the slope is exactly zero: ``slopes[7] == 0.0`` and ``slopes[8] == 0.0``.
#
# Two errors
# ----------
#
# A numerical gradient is wrong for two reasons, and they pull in opposite directions.
#
# - **The curve bends.** A nudge looks at two points and takes the curve between them for a line. With both sides, the
#   bend in one direction cancels, and what is left shrinks with the *square* of the nudge: a tenth of the nudge, a
#   hundredth of the error.
# - **Numbers are rounded.** ``up`` and ``down`` are each off by a little, about one part in ten million in
#   ``float32``. Their difference keeps that little, and it is divided by the nudge: a tenth of the nudge, *ten times*
#   the error.
#
# In the last rows the nudge is smaller than the gap between one and the next ``float32``. So ``one + nudge`` is
# rounded back to one, ``one + nudges[7] == one``, and nothing has been nudged at all.
#
# Where they balance
# ------------------
#
# How small should a nudge be, then? One point could mislead us, because its two rounding errors may cancel by luck. So
# we take two hundred points, measure the error at each, and look at their **median**: half of the points are better,
# half are worse. The band around it leaves out the best and the worst tenth.


def errors(nudge, dtype):
    """Give the error of the sigmoid's numerical gradient at 200 points."""
    points = torch.linspace(-4, 4, 200, dtype=torch.float64).to(dtype)
    y = torch.sigmoid(points.double())
    up, down = torch.sigmoid(points + nudge), torch.sigmoid(points - nudge)
    return ((up - down) / (2 * nudge) - y * (1 - y)).abs().double()


many = [10 ** (-k / 4) for k in range(45)]  # four for each power of ten
tenths = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
measured = {
    dtype: torch.stack([errors(nudge, dtype).quantile(tenths) for nudge in many])
    for dtype in (torch.float32, torch.float64)
}

# %%
# **Predict.** Both curves will come down, turn, and go up again. ``float64`` has about sixteen digits in place of
# seven. Where does it turn, compared with ``float32``?
#
# .. answer:: At a smaller nudge [an arm of its own]
#    At a larger nudge: The finer the numbers, the smaller the difference that can be seen.
#    At the same nudge: The bend is the same. The rounding is not.

from chainrule.plots import Figure

figure = Figure(figsize=(5.4, 3.6), layout="constrained")
axes = figure.subplots()
looks = {torch.float32: ("#16877a", "-."), torch.float64: ("#a25bc4", "-")}
for dtype, (low, median, high) in ((d, m.T) for d, m in measured.items()):
    color, line = looks[dtype]
    axes.fill_between(many, low, high, color=color, alpha=0.25, linewidth=0)
    axes.plot(many, median, line, color=color)
axes.annotate("float32", (1e-5, 0.01), color="#16877a", va="bottom")
axes.annotate("float64", (2e-8, 3e-9), color="#a25bc4", va="bottom")
axes.set(xscale="log", yscale="log", xlabel="nudge", ylabel="error of the slope")
figure.set_label(  # for readers who cannot see the figure
    "The error of a numerical gradient over the nudge, both on logarithmic scales, "
    "as a median with a band. From right to left both curves fall together on one "
    "straight line. float32 turns first and climbs. float64 goes on falling, turns "
    "much further left and much lower, and climbs as slowly as the other. Together "
    "they look like two lopsided letters V that share their steep right arm."
)
figure

# %%
# On the right the two are one line: there the bend decides, and it does not ask how many digits you have. On the left
# each has an arm of its own, set by its rounding. (That of ``float32`` ends in a flat piece, where nudges do nothing
# any more.) The arms meet where the two errors are equal:

best, least = [], []
for dtype, (_, median, _) in ((d, m.T) for d, m in measured.items()):
    best.append(many[median.argmin()])
    least.append(median.min().item())
    rounding = torch.finfo(dtype).eps
    print(dtype)
    print(f"   best nudge {best[-1]:.1e}, with an error of {least[-1]:.0e}")
    print(f"   rounding {rounding:.1e}, its cube root {rounding ** (1 / 3):.1e}")

# %%
# In ``float32`` the best nudge is about a hundredth, ``0.003 < best[0] < 0.03``. In ``float64`` it is about a
# hundred-thousandth, ``3e-6 < best[1] < 3e-5``, and it is a hundred thousand times as exact, ``least[1] < 1e-5 *
# least[0]``.
#
# There is a rule behind it. One error grows like the square of the nudge, the other is the rounding divided by the
# nudge. They are equal when the *cube* of the nudge is about the rounding. So take the **cube root of the rounding**,
# and check in ``float64``, even if you train in ``float32``.
#
# A check that does it for you
# ----------------------------
#
# ``chainrule.check_gradient`` takes a function and the tensors that it depends on, and does all this: ``float64``, the
# cube root, every entry to both sides. Then it compares with autograd.
#
# Here are three amounts, each with a price. The function turns the amounts into shares, which add up to one, and gives
# the mean price:

prices = torch.tensor([1.0, 2.0, 3.0])
amounts = torch.tensor([1.0, 2.0, 1.0])


def mean_price(amounts):
    shares = amounts / amounts.sum()
    return (shares * prices).sum()


def mean_price_hurried(amounts):
    shares = amounts / amounts.sum().item()
    return (shares * prices).sum()


# %%
# **Predict.** The second takes the total out of PyTorch with ``.item()``, as a plain number. Both give the same mean
# price. Which of the two does autograd get wrong?
#
# .. answer:: The second [a constant to PyTorch]
#    The first: It divides tensors, as it should.
#    Neither: Which of the two lets go of a path?

for function in (mean_price, mean_price_hurried):
    report = chainrule.check_gradient(function, amounts)
    print(f"{function.__name__}: {function(amounts).item()}")
    print("   autograd ", report.autograd[0].round(4).tolist())
    print("   numerical", (report.numerical[0].round(4) + 0.0).tolist())
    print("   right:", bool(report))

# %%
# The numerical gradient is the same for both, since the functions are the same. Autograd's is not. A total that has
# become a plain number is a constant to PyTorch: the path through ``amounts.sum()`` is missing, and nothing is said. It
# matters. Raise the first amount, the cheap one, and the mean price *falls*, by -0.25 times as much. The hurried
# gradient says that it rises, by 0.25.
#
# The report also has the numbers on which it decided. (``print(report)`` says them in a sentence.)

print(f"error {report.error:.4f}, allowed {report.tolerance:.1e}")
print(f"nudge {report.step:.1e}, in {report.dtype}")

# %%
# The error is the largest difference, divided by the largest entry of the gradient, so that it does not matter how
# large the gradient is. Two thirds are no rounding.
#
# Take it in hand
# ---------------
#
# The right one of the two, alive:

amounts = torch.tensor([2.0, 2.0, 1.0], requires_grad=True)
with chainrule.record() as rec:
    total = amounts.sum()
    shares = amounts / total
    price = (shares * prices).sum()
    price.backward()

rec

# %%
# .. do:: price 1.8, grad amounts [-0.16,0.04,0.24]; set amounts [1,2,1], price 2, grad amounts [-0.25,0,0.25]
#
#    The mean price is 1.8. Set the first of the ``amounts`` to 1: ``price`` rises to 2. Watch ``total``: part of the
#    way back goes through it, which is the part that the hurried one has lost.
#
# PyTorch's own
# -------------
#
# PyTorch has such a check, too: ``torch.autograd.gradcheck``. It returns ``True``, or raises an error that shows both
# gradients. Unlike ours, it leaves the precision to you.
#
# **Predict.** We check the sigmoid, about which there is no doubt, at five points: once in ``float64``, once in
# ``float32``. What will it say?
#
# .. answer:: It passes in float64 and fails in float32 [wrong is the check]
#    It passes in both: Its nudge is 0.000001. Look at the figure.
#    It fails in both: Look at the figure, at the left arm of float64.

import warnings

passed = {}
for dtype in (torch.float64, torch.float32):
    points = torch.linspace(-2, 2, 5, dtype=dtype, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about float32
        passed[dtype] = torch.autograd.gradcheck(
            torch.sigmoid, points, raise_exception=False
        )
    print(dtype, passed[dtype])

# %%
# ``passed[torch.float64] == True`` and ``passed[torch.float32] == False``. The gradient is right both times. What is
# wrong is the check: a nudge of a millionth, in ``float32``, is far up the left arm.
#
# Where there is no slope
# -----------------------
#
# **Predict.** A ReLU is flat below zero and has a slope of 1 above. What does a nudge to both sides find at zero?
#
# .. answer:: 0.5
#    0.0: That is what autograd says.
#    1.0: That is the slope on one side.

report = chainrule.check_gradient(
    lambda z: torch.relu(z).sum(), torch.tensor([0.0])
)
print("autograd ", report.autograd[0].tolist())
print("numerical", report.numerical[0].tolist())

# %%
# The nudge sees a slope of zero on one side and of one on the other, and finds the middle, ``report.numerical[0] ==
# [0.5]``. PyTorch has decided for zero, ``report.autograd[0] == [0.0]``. Neither is wrong: at a **kink** there is no
# slope, only one on each side. If a check fails, look whether a value stands exactly at a kink.
#
# That is more common than it sounds. A bias that starts at zero and an input of zero make exactly zero. At random
# weights no value stands at a kink. But the nudge may *cross* one.
#
# **Predict.** A layer with random weights and inputs, twenty gates in all. Once the inputs are ``float32``, so that the
# check has to be, too, with its wide nudge. Once they are ``float64``. What do the two reports say?
#
# .. answer:: The first says wrong, the second right [The first says that]
#    Both say right: The nudge in float32 is wide. What may lie within it?
#    Both say wrong: The nudge in float64 is narrow.

torch.manual_seed(0)
weights, inputs = torch.randn(3, 4), torch.randn(5, 3)

wide = chainrule.check_gradient(lambda w: torch.relu(inputs @ w).mean(), weights)
inputs = inputs.double()
narrow = chainrule.check_gradient(lambda w: torch.relu(inputs @ w).mean(), weights)
for report in (wide, narrow):
    print("right:", bool(report), f" nudge {report.step:.1e}, in {report.dtype}")

# %%
# The first says that the gradient is wrong, and it is not: one of the twenty gates is so close to its bend that a nudge
# of half a hundredth carries it across. In ``float64`` the nudge is a thousandth of that, and the same gate stays as it
# is: ``bool(wide) == False`` and ``bool(narrow) == True``.
#
# Take away
# ---------
#
# - A numerical gradient checks any gradient, because it knows only the function.
# - The nudge has a best size, the cube root of the rounding: about a hundredth in ``float32``, about a
#   hundred-thousandth in ``float64``. Check in ``float64``.
# - A check can fail for three reasons: a wrong gradient, too little precision, or a kink.
# - ``.item()``, ``.detach()`` and NumPy cut paths in silence (:ref:`sphx_glr_lessons_8_clinic_60_detached.py`). A check
#   finds them.
#
# On your own
# -----------
#
# **Exercise.** A nudge to *one* side, upward, needs one run less for each weight. But the bend no longer cancels: its
# error shrinks only in proportion to the nudge. Where do the two errors balance now? Predict the best nudge in
# ``float64`` as a power of ten, and give the exponent.
#
# .. answer:: printed
#    -5: That is the best for a nudge to both sides.
#    -7: That is nearly as good. The next one is better by a hair.
#    8: The size is right. The exponent of a small number is negative.


def errors_one_side(nudge):
    points = torch.linspace(-4, 4, 200, dtype=torch.float64)
    y = torch.sigmoid(points)
    return ((torch.sigmoid(points + nudge) - y) / nudge - y * (1 - y)).abs()


medians = {k: errors_one_side(10.0**k).median().item() for k in range(-12, 0)}
for k in (-10, -9, -8, -7, -6, -5):
    print(f"1e{k:<4} off by {medians[k]:.0e}")
worse = min(medians.values()) / least[1]
print(
    "square root of the rounding:", f"{torch.finfo(torch.float64).eps ** 0.5:.1e}"
)
print(min(medians, key=medians.get))

# %%
# The nudge and the rounding divided by the nudge are equal when the *square* of the nudge is about the rounding. Its
# square root lies between a hundred-millionth and a ten-millionth, so -7 is nearly as good as -8. And the best that it
# can do is worse by far than with two sides, ``worse > 100``.
#
# With a thousand weights
# -----------------------
#
# A check of each weight to both sides takes two thousand runs if there are a thousand weights, as here:

torch.manual_seed(0)
w = torch.randn(1000, dtype=torch.float64, requires_grad=True)


def loss_of(w):
    return torch.sigmoid(w).sum() ** 2


loss_of(w).backward()

# %%
# **Exercise.** Move *all* the weights at once, a little, along a random direction. How fast must the loss change, if
# the gradient is right?
#
# .. answer:: By the dot product of gradient and direction [That is a dot product]
#    By the norm of the gradient: That would be so along the gradient itself.
#    By the sum of the gradient: Each weight moves by its own share.

direction = torch.randn(1000, dtype=torch.float64)
direction /= direction.norm()
nudge = 1e-4
with torch.no_grad():
    up, down = loss_of(w + nudge * direction), loss_of(w - nudge * direction)
along = ((up - down) / (2 * nudge)).item()
expected = (w.grad @ direction).item()
print(f"nudged {along:.5f}, expected {expected:.5f}")

# %%
# A small move changes the loss by the move of each weight times its gradient, all added up. That is a dot product, so
# the slope along a direction is ``w.grad @ direction``, and the two agree: ``abs(along - expected) < 1e-5``. A single
# direction can miss a mistake that happens to be at right angles to it. A random one hardly ever does.
#
# With one weight and four samples
# --------------------------------
#
# Here is another loss:

x = torch.tensor([-1.0, 0.5, 1.0, 2.0], dtype=torch.float64)
y = torch.tensor([0.0, 1.0, 1.0, 1.0], dtype=torch.float64)
w = torch.tensor(0.5, dtype=torch.float64)


def squared_error(w):
    return ((torch.sigmoid(w * x) - y) ** 2).mean()


# %%
# **Exercise.** Derive its gradient, with ``p`` for the sigmoid of ``w * x``. (The solution holds it against
# ``check_gradient``.)
#
# .. answer:: 2 (p - y) p (1 - p) x, and the mean [the mean over the samples]
#    2 (p - y) x, and the mean: The sigmoid is on the way, too.
#    (p - y) p (1 - p) x, and the mean: The square has a two.

p = torch.sigmoid(w * x)
derived = (2 * (p - y) * p * (1 - p) * x).mean().item()

report = chainrule.check_gradient(squared_error, w)
print(f"{derived:.6f} {report.numerical[0].item():.6f}")
print("agree:", abs(derived - report.numerical[0].item()) < 1e-9)

# %%
# They agree: twice the error, the sigmoid's local gradient, the input, and the mean over the samples, because the loss
# takes one. If yours is four times as large, you have summed.
#
# References
# ----------
#
# Gradient checks in practice: [CS231n]_.
#
# **Next:** the loss that classifiers use, and why its gradient is so short,
# :ref:`sphx_glr_lessons_4_batches_30_softmax.py`.
