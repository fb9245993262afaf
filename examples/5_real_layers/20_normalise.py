"""
Normalise, and find three ways back
===================================

**What you get:** the backward pass of batch and layer normalisation, line by line and then in one line, with the slips
that nearly everybody makes there, by name.

**What you need:** :ref:`sphx_glr_lessons_5_real_layers_10_line_by_line.py`. Reading time: 13 minutes.
"""

# %%
# One unit, four samples
# ----------------------
#
# Training goes better when the numbers that reach a layer are of a common size. *Normalising* sees to that: subtract
# the mean, divide by the standard deviation. Here are the numbers of one unit for four samples, chosen so that all of
# it can be done in your head:

from types import SimpleNamespace

import torch
from torch import nn

import chainrule
from chainrule.plots import LINES, Figure

x = torch.tensor([1.0, 7.0, 9.0, 15.0], requires_grad=True)
target = torch.tensor([0.0, 0.0, 0.0, 1.0])

with chainrule.record() as rec:
    mean = x.mean()  # (1)
    centred = x - mean  # (2)
    squares = centred**2  # (3)
    var = squares.mean()  # (4)
    std = var.sqrt()  # (5)
    x_hat = centred / std  # (6)
    error = x_hat - target  # (7)
    loss = (error**2).sum()  # (8)
    loss.backward()

print("mean", mean.item(), "std", std.item(), "loss", round(loss.item(), 4))
print([round(entry, 4) for entry in x_hat.tolist()])

# %%
# The mean is 8, the standard deviation ``std == 5``, and ``x_hat ≈ (-1.4, -0.2, 0.2, 1.4)``. So one sample's number
# depends on all the others: each moves the mean, and each moves the spread.
#
# Line by line
# ------------
#
# Two values stand in two lines each: ``centred`` in lines 3 and 6, ``x`` in lines 1 and 2. That makes three ways back
# from ``x_hat`` to ``x``: the straight one, one through the spread, and one through the mean.

d = SimpleNamespace()
d.error = 2 * error  # (8)
d.x_hat = d.error  # (7)
d.std = (d.x_hat * -centred / std**2).sum()  # (6), repeated for four: a sum
d.var = d.std / (2 * std)  # (5)
d.squares = d.var * torch.ones(4) / 4  # (4)
d.centred = d.x_hat / std + d.squares * 2 * centred  # (6) and (3)
d.mean = -d.centred.sum()  # (2)
d.x = d.centred + d.mean / 4  # (2) and (1)

report = rec.check(**vars(d))
print(report)
print([round(entry, 4) for entry in d.x.tolist()])

# %%
# All eight are right, ``bool(report) == True``. Now look at the last of them, the gradient of ``x``.
#
# **Predict.** What do its four entries add up to?
#
# .. answer:: 0.0
#    -2.0: That is what arrives at x_hat. Would it help to raise all four inputs by the same amount?
#    0.25: Nothing divides by four here that would not also be added up.

print(abs(round(d.x.sum().item(), 6)))

# %%
# To 0: raise all inputs by the same amount, and the mean takes it away again. That holds whatever comes after the
# normalisation. It is a check that costs one line, and it has a brother: times ``x_hat`` and added up, they give zero
# as well, since stretching all inputs changes nothing either.
#
# Shift it, stretch it
# --------------------
#
# Here is the recording, with the same numbers:

rec

# %%
# .. do:: loss 2.2, grad x [-0.096,0.072,0.128,-0.104]; set x [11,17,19,25], loss 2.2,
#    grad x [-0.096,0.072,0.128,-0.104]; set x [2,14,18,30], loss 2.2, grad x [-0.048,0.036,0.064,-0.052]
#
#    Set ``x`` to [11, 17, 19, 25], ten more each. The loss stays at 2.2, and so does every gradient. Then set it to
#    [2, 14, 18, 30], twice of what it was: the loss is the same, and the gradient of ``x`` half of what it was,
#    [-0.048, 0.036, 0.064, -0.052].
#
# One line
# --------
#
# Put the lines into one another. Write ``m`` for a mean over the four, and everything that arrives is ``d.x_hat``:
#
# - straight: ``d.x_hat / std``
# - through the spread: ``d.std`` is ``-4 m(d.x_hat * x_hat) / std``, and lines 5, 4 and 3 make ``-x_hat m(d.x_hat *
#   x_hat) / std`` of it;
# - through the mean: minus the mean of both. That of the second is zero, as ``x_hat`` has mean zero.


def back(d_x_hat, x_hat, std, dim):
    """Take a gradient back through a normalisation over these directions."""
    through_mean = d_x_hat.mean(dim, keepdim=True)
    through_spread = x_hat * (d_x_hat * x_hat).mean(dim, keepdim=True)
    return (d_x_hat - through_mean - through_spread) / std


one_line = back(d.x_hat, x_hat, std, dim=0)
print([round(entry, 4) for entry in one_line.tolist()])

# %%
# The same four numbers. In words: **take out of what arrives the part that a shift would make, and the part that a
# stretch would make; divide the rest by the spread.**
#
# Three slips
# -----------
#
# Here are three ways to go wrong, in another recording. This one divides the squares by 3, as ``x.var()`` does unless
# told otherwise (*Bessel's correction*, for guessing the spread of a larger crowd).

with chainrule.record() as rec:
    mean = x.mean()
    centred = x - mean
    squares = centred**2
    var = squares.sum() / 3
    x_hat = centred / var.sqrt()
    loss = ((x_hat - target) ** 2).sum()
    loss.backward()

right = {name: rec.grad(name) for name in ("x", "centred", "squares")}
slips = {
    "x": right["centred"],
    "centred": rec.grad("x_hat") / var.sqrt(),
    "squares": right["squares"] * 3 / 4,
}

# %%
# **Predict.** Which of the three forgot that each input also moves the mean?
#
# .. answer:: The one of x [through the mean]
#    The one of centred: Between centred and the loss the mean does not occur. Which other use was forgotten?
#    The one of squares: That has all its paths. By what does it divide?

print(rec.check(**slips))

# %%
# The first has only what came through ``centred``: the path through the mean is missing. The second forgot the spread.
# The third divided by four on the way back, where the way forward divides by three. With many samples the error is
# small and easily taken for rounding.
#
# Which direction?
# ----------------
#
# A table has two. *Batch normalisation* takes the mean of each column, over the samples. *Layer normalisation* takes
# that of each row, over the units of one sample. Move one entry, the one in a frame: which others follow, and how far?

table = torch.tensor(
    [[1.0, 0.0, 2.0], [3.0, -1.0, 0.0], [0.0, 2.0, -2.0], [-1.0, 1.0, 3.0]]
)
figure = Figure(figsize=(6.4, 2.9), layout="constrained")
for axes, (name, dim) in zip(
    figure.subplots(1, 2), {"batch": 0, "layer": 1}.items(), strict=True
):
    moved = table.clone().requires_grad_()
    hat = (moved - moved.mean(dim, keepdim=True)) / moved.std(
        dim, False, keepdim=True
    )
    for row in range(4):
        for column in range(3):
            (local,) = torch.autograd.grad(
                hat[row, column], moved, retain_graph=True
            )
            text = f"{local[1, 1].item():.2f}" if local[1, 1].abs() > 1e-6 else "0"
            color = LINES.faint if text == "0" else LINES.gradient
            axes.text(column, row, text, ha="center", va="center", color=color)
    axes.plot(
        [0.5, 1.5, 1.5, 0.5, 0.5], [0.5, 0.5, 1.5, 1.5, 0.5], color=LINES.value
    )
    axes.set(title=f"{name} normalisation", xlim=(-0.5, 2.5), ylim=(3.5, -0.5))
    axes.set(xlabel="unit", ylabel="sample", xticks=range(3), yticks=range(4))
figure.set_label(
    "Two tables of four samples and three units, with the local gradient of "
    "each normalised entry by the framed one, in the second row and column. "
    "With batch normalisation its column has numbers and all else is zero; with "
    "layer normalisation its row has. The framed entry's own is positive."
)
figure

# %%
# A column, or a row. So in batch normalisation the samples talk to one another, and a sample's gradient depends on who
# else is in its batch. In layer normalisation each sample is alone.
#
# In both, a gain ``g`` and a bias ``b`` for each unit usually follow. Here with PyTorch's own layer normalisation,
# which adds a small ``eps`` to the variance so that a row of equal numbers does not divide by zero:

table.requires_grad_()
g = torch.tensor([1.0, 2.0, -1.0], requires_grad=True)
b = torch.tensor([0.5, 0.0, 1.0], requires_grad=True)
wanted = torch.tensor(
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]
)
with chainrule.record() as rec:
    hat = nn.functional.layer_norm(table, (3,))
    scaled = hat * g
    y = scaled + b
    loss = ((y - wanted) ** 2).mean()
    loss.backward()

d_y = 2 * (y - wanted) / 12
std = (table.var(dim=1, unbiased=False, keepdim=True) + 1e-5).sqrt()

# %%
# **Predict.** The mean was taken along each row. Along which direction is the gradient of ``g`` added up?
#
# .. answer:: Down the columns, over the samples [over the samples]
#    Along the rows, over the units: Where was g repeated? The normalisation comes before it, and does not matter.
#    Along neither: g has three entries, and what arrives has twelve.

print(rec.check(g=(d_y * hat).sum(dim=1)))
report = rec.check(
    g=(d_y * hat).sum(dim=0),
    b=d_y.sum(dim=0),
    table=back(d_y * g, hat, std, dim=1),
)
print(report)
off = (back(d_y * g, hat, std, dim=1) - table.grad).abs().max()
print("to a millionth:", (off < 1e-6 * table.grad.abs().max()).item())

# %%
# Over the samples: ``g`` was repeated for each of them, and what was repeated is added up. ``bool(report) == True``,
# and ``back`` served for the other direction as it stands. (Ours and PyTorch's agree to a millionth of the largest
# entry, which is what ``float32`` allows.)
#
# Training and evaluation
# -----------------------
#
# What should batch normalisation do with a single sample, when the model is in use? It keeps a running mean and
# variance while it trains, and after ``model.eval()`` it takes those. (The running variance is the one that divides by
# one less; the training pass divides by all.)

norm = nn.BatchNorm1d(3, affine=False)
weights = torch.tensor(
    [[1.0, 0.0, 2.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [3.0, 1.0, 0.0]]
)
sums = {}
for mode in ("training", "evaluation"):
    norm.train(mode == "training")
    fed = table.detach().requires_grad_()
    (norm(fed) * weights).sum().backward()
    sums[mode] = fed.grad.sum(dim=0)
    print(mode, [round(entry, 2) + 0.0 for entry in fed.grad.sum(dim=0).tolist()])
trained, evaluated = (each.abs() for each in sums.values())

# %%
# In evaluation mean and spread are constants, as if they were weights that are not trained. Two of the three ways are
# gone, and so is the zero: ``trained.max() < 1e-5`` and ``evaluated.min() > 1``. What arrives is divided by the spread,
# and that is all.
#
# Take away
# ---------
#
# - A normalisation has three ways back: straight, through the spread, through the mean.
# - In one line: take out the mean, take out the part along ``x_hat``, divide by the spread.
# - The gradient adds up to zero along the direction that was normalised. If yours does not, a path is missing.
# - The gain's and the bias's gradients are added up over the samples, whatever the direction of the mean.
# - In evaluation, batch normalisation is a product with a constant.
#
# On your own
# -----------
#
# **Exercise.** Batch normalisation, and a batch of *two* samples. The unit's numbers are 3 and 8. What are the
# gradients of both, whatever comes after? Give the size of the larger one.
#
# .. answer:: printed
#    0.2: Write down x_hat for any two numbers. Does it depend on them?

pair = torch.tensor([3.0, 8.0], requires_grad=True)
hat = (pair - pair.mean()) / pair.std(unbiased=False)
(hat * torch.tensor([5.0, -1.0])).sum().backward()
print(round(pair.grad.abs().max().item(), 5))

# %%
# Zero. Of two numbers the smaller always becomes -1 and the larger 1. A shift and a stretch are all that two numbers
# can do, and both are taken out. Nothing below such a layer learns.
#
# Half a normalisation: take the mean off, and divide by nothing.

x = torch.tensor([1.0, -2.0, 2.0, 4.0], requires_grad=True)
arriving = torch.tensor([3.0, 0.0, 0.0, 2.0])
with chainrule.record() as rec:
    centred = x - x.mean()
    loss = (centred * arriving).sum()
    loss.backward()

# %%
# **Exercise.** Derive its backward pass. What is the gradient of the first entry? (In your own code,
# ``rec.check(x=...)`` tells.)
#
# .. answer:: printed
#    3.0: That is the straight way. The mean moves, too.

of_x = arriving - arriving.mean()
print(rec.check(x=of_x))
print(of_x[0].item())

# %%
# Two ways are left, and what a shift would do is taken out: the mean of what arrives. Taking a mean off is its own
# backward pass.
#
# Read on
# -------
#
# - Sergey Ioffe and Christian Szegedy, `Batch normalization <https://arxiv.org/abs/1502.03167>`_, where the backward
#   pass stands as six equations.
# - Jimmy Lei Ba, Jamie Ryan Kiros and Geoffrey Hinton, `Layer normalization <https://arxiv.org/abs/1607.06450>`_.
#
# **Next:** weights that are used in many places, :ref:`sphx_glr_lessons_5_real_layers_30_slide_a_window.py`.
