"""
Learn across a step: rounding, argmax, straight-through
=======================================================

**What you get:** the operations that let nothing back, how to recognise each, and the three things that people do
instead. One of them is a gradient that is wrong on purpose, and it works.

**What you need:** :ref:`sphx_glr_lessons_7_inside_60_own_backward.py`. Reading time: 23 minutes.
"""

# %%
# A weight that must be whole
# ---------------------------
#
# Some devices have room for whole numbers only. So this model rounds its weight before it multiplies. The input is one,
# and the target is three. The weight starts at one and a fifth, which is rounded to one.

import torch

import chainrule

x, y = torch.tensor(1.0), torch.tensor(3.0)
w = torch.tensor(1.2, requires_grad=True)

with chainrule.record() as rec:
    whole = torch.round(w)
    error = whole * x - y
    loss = error**2
    loss.backward()

# %%
# **Predict.** The prediction is 2 too low, so the loss is 4. PyTorch does not refuse to go back through the rounding.
# What is the gradient of ``w``?
#
# .. answer:: 0.0
#    -4.0: That is what arrives at the rounded weight. What is the slope of a staircase?

print("loss", loss.item(), "gradient", w.grad.item())
rec.derivation("w")

# %%
# It does not refuse. The gradient is ``w.grad == 0.0``. It came as far as the rounded weight, ``rec.grad("whole") ==
# -4.0``, and there it met a local gradient of zero.
#
# That is not a fault of PyTorch. Ask a nudge: raise the weight by a hundredth, to ``w + 0.01 ≈ 1.21``, and it is
# rounded to one, as before. **A step is flat wherever it does not jump**, and at the jump it has no slope. The true
# gradient is zero, and of no use.
#
# How to recognise it
# -------------------
#
# Rounding at least says zero. Others say nothing at all.
#
# **Predict.** Each of these four results is made from a tensor that requires a gradient. Which of the four still do, so
# that a backward pass could go on from there?
#
# .. answer:: Only the first [Only the first]
#    The first two: A comparison gives yes or no.
#    All four: Results that are whole numbers have no gradient.
#    None: Rounding has a gradient, even if it is zero.

scores = torch.tensor([0.2, 1.5, 0.3], requires_grad=True)
table = torch.tensor([0.0, 1.0, 4.0, 9.0, 16.0], requires_grad=True)
position = torch.tensor(2.3, requires_grad=True)

results = {
    "torch.round(w)": torch.round(w),
    "w > 1": w > 1,
    "scores.argmax()": scores.argmax(),
    "position.long()": position.long(),
}
for code, result in results.items():
    print(
        f"{code:16} {result.item()!s:5} requires a gradient: {result.requires_grad}"
    )

# %%
# Only the first. A comparison gives yes or no, ``argmax`` the place of the largest entry, and ``long()`` a whole number
# to count with. Such results have no gradient, and PyTorch cuts the graph there.
#
# If nothing else leads back, ``backward()`` fails, and you know. But often something else does:

found = table[position.long()]
found.backward()
print("value", found.item())
print("table", table.grad.tolist(), "position", position.grad)

# %%
# The entry that was looked up has its gradient, ``table.grad == (0, 0, 1, 0, 0)``, and all looks well. But
# ``position.grad is None``: where to look can never be learned like this.
#
# So there are two signs: a gradient that is **exactly zero** at every step, or one that is ``None``.
#
# First way: a smooth cousin
# --------------------------
#
# Here are eight samples with one input each. A model says "yes" above a threshold ``w`` and "no" below. How many
# answers are right is its **accuracy**. That is what we want, and it is made of comparisons.

inputs = torch.tensor([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0])
yes = torch.tensor([False, False, False, True, False, True, True, True])


def accuracy(w):
    return ((inputs > w) == yes).double().mean().item()


# %%
# The smooth cousin of a comparison is the sigmoid. It answers "yes" with a share: a half at the threshold, more above
# it, less below. Then the loss is minus the logarithm of the right answer's share, as in the lesson on softmax.


def smooth_loss(w):
    share = torch.sigmoid(2 * (inputs - w))
    return -torch.log(torch.where(yes, share, 1 - share)).mean()


# %%
# **Predict.** Move the threshold from 0 to 4.5. One of the two curves can be walked down by descent. What does the
# other one look like?
#
# .. answer:: A staircase [is a staircase]
#    A valley, turned over: A picture is right or wrong, and nothing in between.
#    A straight line: A picture is right or wrong, and nothing in between.

from chainrule.plots import Figure

thresholds = torch.linspace(0, 4.5, 451)
figure = Figure(figsize=(5.4, 3.4), layout="constrained")
axes = figure.subplots()
right = [accuracy(w) for w in thresholds]
losses = [smooth_loss(w).item() for w in thresholds]
axes.plot(thresholds, right, color="#16877a", drawstyle="steps-mid")
axes.plot(thresholds, losses, "-.", color="#a25bc4")
axes.annotate("accuracy", (2.25, 0.9), color="#16877a", ha="center", va="bottom")
axes.annotate("loss", (0.55, 1.05), color="#a25bc4", va="bottom")
axes.set(xlabel="threshold w")
figure.set_label(
    "Accuracy and loss over the threshold from 0 to 4.5. The accuracy is a "
    "staircase of flat steps: up from one half to its highest step, down one step "
    "and up again, and from there down to one half. The loss is a smooth valley. "
    "It is lowest in the middle, between the two highest steps."
)
figure

# %%
# The accuracy is a staircase. Nowhere on it is there a slope, so descent cannot even begin. The loss is a valley, and
# its bottom is near the best steps. So we walk down the loss, and *report* the accuracy. (``torch.autograd.grad``
# returns the gradients, in place of adding them to ``.grad``.)

w = torch.tensor(0.25, requires_grad=True)
before = accuracy(w)
for _ in range(100):
    (slope,) = torch.autograd.grad(smooth_loss(w), w)
    with torch.no_grad():
        w -= 0.5 * slope
print(f"threshold {w.item():.2f}, accuracy {before} -> {accuracy(w)}")
print("the best that any threshold can do:", max(accuracy(w) for w in thresholds))

# %%
# From ``before == 0.5`` to ``accuracy(w) == 0.75``, with a threshold of ``w ≈ 2.25``. One more could have been right,
# 0.875. The two curves do not have their best at the same place. That is the price of a cousin: you get what you have
# asked for, and that was the loss.
#
# Second way: shares in place of a choice
# ---------------------------------------
#
# The cousin of ``argmax`` you know: softmax. In place of the best entry's value, take a bit of every value, each with
# its share. The scores can be divided by a number first, the **temperature**. The lower it is, the more the largest
# score takes it all.
#
# **Predict.** Three values, three scores. As the temperature goes down, what becomes of the gradient at the second
# score, which is the largest?
#
# .. answer:: It shrinks to nothing [goes to zero with it]
#    It grows without end: Closer to a choice is closer to a step.
#    It stays as it is: Closer to a choice is closer to a step.

values = torch.tensor([2.0, 0.0, 5.0])
chosen = values[scores.argmax()].item()
mixed = {}
for temperature in (4.0, 1.0, 0.25, 0.05):
    value = torch.softmax(scores / temperature, dim=0) @ values
    (gradient,) = torch.autograd.grad(value, scores)
    mixed[temperature] = value.item(), gradient[1].item()
    print(
        f"temperature {temperature:<4} value {value:.4f}  "
        f"gradient {gradient[1]:+.4f}"
    )
print("chosen by argmax:", chosen)

# %%
# The value goes to that of the choice, ``chosen == 0.0``, and the gradient goes to zero with it: at the lowest
# temperature ``abs(mixed[0.05][1]) < 1e-6``. Closer to a choice is closer to a step, so many programs begin warm and
# cool down as they learn.
#
# Take it in hand
# ---------------
#
# The temperature is a number like any other, so you can turn it yourself:

temperature = torch.tensor(1.0)
with chainrule.record() as rec:
    shares = torch.softmax(scores / temperature, dim=0)
    value = shares @ values
    value.backward()

rec

# %%
# .. do:: set temperature 0.05, value 0, shares [0,1,0], grad scores [0,0,0]; set temperature 0.5, value 0.5169,
#    grad scores [0.1891,-0.8873,0.6982]
#
#    Set ``temperature`` to 0.05: the shares are 0, 1 and 0, and every gradient is 0. With 0.5 the second score has its
#    gradient back, -0.8873: raise it, and the ``value`` of 0.5169 falls towards the 0 that it stands for.
#
# Between two places
# ------------------
#
# Looking up between two places is the same idea. A position of 2.3 (``position == 2.3``) lies between the second and
# the third entry, counted from zero, so mix these two:

low = position.detach().floor().long()
part = position - low
between = (1 - part) * table[low] + part * table[low + 1]
position.grad = None
between.backward()

# %%
# **Predict.** The two entries are 4 and 9. What is the gradient at ``position``?
#
# .. answer:: 5.0000
#    9.0000: A move exchanges a bit of one entry for a bit of the other.

print(f"value {between.item():.4f}, gradient {position.grad.item():.4f}")

# %%
# ``between ≈ 5.5000``, and ``position.grad ≈ 5.0000``, the difference of the two: a move to the right exchanges a bit
# of the one for a bit of the other. Now where to look can be learned.
#
# Third way: a gradient that is wrong on purpose
# ----------------------------------------------
#
# But our device wants *whole* weights. A mixture will not do. What then?
#
# Go forward as it must be, with the rounded weight. Go backward as if the rounding were not there, with a local
# gradient of one in place of zero. It is called **straight-through**. It needs one line, because ``detach`` makes a
# constant of whatever it is given:


def round_straight_through(w):
    return w + (torch.round(w) - w).detach()


# %%
# **Predict.** Forward, ``w`` cancels, and the rounded weight remains. Backward, the bracket is a constant. What is the
# gradient of the loss at a weight of 1.2?
#
# .. answer:: -4.0
#    0.0: That is with plain rounding. Here the bracket is a constant on the way back.

start = 1.2
w = torch.tensor(start, requires_grad=True)
loss = (round_straight_through(w) * x - y) ** 2
loss.backward()
print("value", round_straight_through(w).item(), "gradient", w.grad.item())
report = chainrule.check_gradient(
    lambda w: (round_straight_through(w) * x - y) ** 2, torch.tensor(start)
)
print("right:", bool(report), " nudge", report.numerical[0].item())

# %%
# The value is one, and the gradient ``w.grad == -4.0``, as at a weight that is not rounded. The check is right to
# protest, ``bool(report) == False``: it is not the slope of this loss. It is advice, from a model that is close by:
# "larger".
#
# **Predict.** Twenty steps with a rate of 0.1, once with plain rounding and once straight through. Where do the two
# end?
#
# .. answer:: One does not move, the other finds 3 [has not moved]
#    Both find 3: What is the gradient of plain rounding?
#    Neither moves: The second hands its gradient on.


def descend(rounding, target, steps=20):
    """Give the weights, before rounding, that a descent goes through."""
    w = torch.tensor(1.2, requires_grad=True)
    weights = [w.item()]
    for _ in range(steps):
        (gradient,) = torch.autograd.grad((rounding(w) * x - target) ** 2, w)
        with torch.no_grad():
            w -= 0.1 * gradient
        weights.append(w.item())
    return weights


plain = descend(torch.round, y)
straight = descend(round_straight_through, y)
print("plain   ", [round(w, 1) for w in plain[:9]], "...", round(plain[-1], 1))
print(
    "straight", [round(w, 1) for w in straight[:9]], "...", round(straight[-1], 1)
)

# %%
# The plain one has not moved, ``plain[20] == plain[0]``. The other collects its advice until it is across the edge:
# ``straight[20] ≈ 2.6``, which is rounded to three. There the error is zero, and so is the gradient.
#
# So the model has two weights: a fine one, in which small steps add up, and a whole one, which is used.
#
# Take away
# ---------
#
# - Rounding, comparing, choosing the largest, looking up by a whole number: all are steps, and a step is flat.
# - The signs: a gradient that is exactly zero at every step, or ``None``.
# - Use a smooth cousin, a sigmoid or softmax, and report the step. The two may have their best at different places.
# - Mix neighbours in place of picking one, if a mixture will do.
# - Straight-through keeps the step forward and ignores it backward. A check calls that wrong, and it is.
#
# On your own
# -----------
#
# **Exercise.** The loss is ``torch.floor(w) * w``, where ``floor`` rounds down. What is its gradient at two and a half?
# Two paths lead back.
#
# .. answer:: printed
#    4.5: floor is flat, so its local gradient is zero, and not one.
#    0: That is one path. The other leads through the second factor.

w = torch.tensor(2.5, requires_grad=True)
(torch.floor(w) * w).backward()
print(w.grad.item())

# %%
# Through the second factor: the first one times one, ``torch.floor(w) == 2.0``. Through the first: a local gradient of
# zero. Together ``w.grad == 2.0``, and a nudge says so, too.
#
# **Exercise.** Write straight-through rounding as an operation with a backward of its own. What does its backward
# return?
#
# .. answer:: The upstream gradient [upstream gradient times one]
#    Zero: That is the slope of rounding.
#    The rounded number: On the way back nobody asks for the value.


class Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w):
        return torch.round(w)

    @staticmethod
    def backward(ctx, upstream):
        return upstream


same_way = descend(Straight.apply, y) == straight
print(same_way)

# %%
# The upstream gradient times one: ``same_way == True``.
#
# **Exercise.** The target is now two and two fifths, so the best whole weight is two. Where does the descent come
# to rest? Predict the *mean* of the rounded weight over the last thousand of two thousand steps, to one digit after the
# point.
#
# .. answer:: printed
#    2: The best whole weight, but the descent does not stay there.
#    2.5: That would be as often at two as at three. How far does each push?

target = 2.4
late = torch.tensor(descend(round_straight_through, target, steps=2000)[-1000:])
rounded = torch.round(late)
print(
    f"from {late.min():.2f} to {late.max():.2f}, rounded to",
    rounded.unique().tolist(),
)
print(f"{rounded.mean():.1f}")

# %%
# It does not come to rest. At two the advice is "larger", at three it is "smaller", so the fine weight swings about the
# edge between them, ``late.min() < 2.5 < late.max()``. It is at three in two steps of five, because then the advice
# adds up to zero: ``rounded.mean() ≈ 2.4``. On average it is right, and at no single step.
#
# References
# ----------
#
# Straight-through and its rivals: [Bengio2013]_.
#
# **Next:** why everyone goes backward, :ref:`sphx_glr_lessons_7_inside_90_why_reverse.py`.
