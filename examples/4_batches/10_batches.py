"""
Give every gradient its shape: batches and broadcasting
=======================================================

**What you get:** one rule from which the shape of every gradient follows: that of a bias, of both sides of a matrix
product, of anything that was stretched to fit. And what happens when a loss is stretched by mistake.

**What you need:** :ref:`sphx_glr_lessons_3_xor_20_trained.py`. Reading time: 24 minutes.
"""

# %%
# Four samples at once
# --------------------
#
# A network may see its samples one at a time, as at first in XOR. In practice it sees many at once, as the rows of one
# table. Such a table is called a :term:`batch`. Each sample has its own say about every weight, and yet there are no
# more weights than before. So somewhere on the way back the gradients of all samples must become one, although nobody
# wrote a sum. Where?
#
# Our batch has four samples with three inputs each, and a layer of two units: a weight for each input and unit,
# and a bias for each unit. All numbers are small and whole, so that you can follow them.

import torch
from torch import nn

import chainrule

x = torch.tensor(
    [[1.0, 0.0, 2.0], [0.0, 1.0, 1.0], [2.0, 1.0, 0.0], [1.0, 1.0, 1.0]]
)
target = torch.tensor([[2.0, -1.0], [1.0, 2.0], [0.0, 1.0], [3.0, 0.0]])

w = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]], requires_grad=True)
b = torch.tensor([0.0, 1.0], requires_grad=True)

# %%
# ``x @ w`` takes the dot product of every row of ``x`` with every column of ``w``. Then the bias is added, and the
# errors are squared and added up.
#
# **Predict.** ``x`` has four rows and three columns, ``w`` three rows and two columns. What is the shape of ``z``?
#
# .. answer:: A row for each sample, two columns [A row for each sample]
#    A row for each input, two columns: The middle dimension is what is added up over.
#    One number for each sample: There are two units.

with chainrule.record() as rec:
    z = x @ w + b
    error = z - target
    loss = (error**2).sum()
    loss.backward()

print(z.detach())
print("errors", error.tolist())
print("loss", loss.item())

# %%
# A row for each sample, a column for each unit: ``z.shape == (4, 2)``. The two biases are added to *each* of the four
# rows, as if ``b`` had been written down four times. The squares of the errors add up to ``loss == 9.0``.
#
# The bias
# --------
#
# **Predict.** At ``z`` the gradient is twice the error, one number for each sample and unit. What is the gradient of
# the first entry of ``b``? (One ``b``, used in four rows: think of the lesson on forks.)
#
# .. answer:: 4.0
#    1.0: A part for each row adds up.
#    8.0: There are four parts, and one of them has the other sign.

print(rec.grad("z"))
print("b", b.grad)

# %%
# A value that is used four times gets four parts, and they add up. So each bias gets the sum of its column, over the
# batch: ``b.grad == (4.0, 2.0)``. It has the shape of ``b``, as every gradient has the shape of what it belongs to;
# otherwise ``b -= rate * b.grad`` would make no sense.
#
# **What is repeated on the way forward is added up on the way back.** That is the rule. The rest of this lesson is what
# follows from it.
#
# Two transposes
# --------------
#
# Now ``w``. Take a single weight, the one from the first input to the second unit. It is used once in each sample, and
# multiplied by that sample's first input. So each sample adds "input times gradient at ``z``":

dz = rec.grad("z")
one_weight = sum(x[n, 0] * dz[n, 1] for n in range(4))
print(one_weight.item(), w.grad[0, 1].item())

# %%
# ``one_weight == 6.0``, which is what PyTorch has in that place, ``w.grad[0, 1] == 6.0``. It is a dot product: a column
# of ``x`` with a column of ``dz``. The matrix product ``@`` takes *rows* of what is on its left, so ``x`` must be laid
# on its side first. That is its :term:`transpose`, ``x.T``, with rows and columns exchanged.
#
# **Predict.** You can find the whole formula from shapes alone. ``w.grad`` has three rows and two columns. You have
# ``x`` with four rows and three columns, and ``dz`` with four rows and two columns. Which product gives ``w.grad``?
#
# .. answer:: x.T @ dz [for the weights, middle dimension]
#    dz @ x.T: Its shape is four by three times three by four, or it does not fit at all.
#    dz.T @ x: That has two rows and three columns, the other way round.
#    x @ dz.T: That has four rows and four columns, or it does not fit at all.

dw = x.T @ dz
dx = dz @ w.detach().T
print("w", dw.tolist(), dw.equal(w.grad))
print("x", tuple(dx.shape))

# %%
# ``x.T @ dz`` for the weights: the middle dimension is four, the samples, and it is what is summed over. ``dz @ w.T``
# for the inputs: the middle dimension is two, the units, because one input is used by every unit. PyTorch agrees,
# ``dw.equal(w.grad) == True``, and ``dw == [[8, 6], [2, 2], [2, 0]]``.
#
# So for a product ``x @ w`` there is nothing to learn by heart. Each side gets the upstream gradient times the *other*
# side, and there is one way to make the shapes fit. (If all the dimensions were equal, every order would fit, and most
# would be wrong. That is why you test with sizes that differ.) In PyTorch's own way back it is the last line:

rec.derivation("w")

# %%
# ``nn.Linear`` keeps its weight the other way round, with a row for each *unit*: here two rows and three columns. It
# computes ``x @ weight.T + bias``, so its gradient is laid on its side as well, ``dz.T @ x``:

linear = nn.Linear(3, 2)
linear(x).backward(dz)
print(linear.weight.grad.equal(dz.T @ x), linear.weight.grad.equal(w.grad.T))

# %%
# Take it in hand
# ---------------
#
# The layer of two units with its four samples, alive:

rec

# %%
# .. do:: loss 9, grad b [4,2]; set b [1,1], loss 17, grad b [12,2]
#
#    Set the first entry of ``b`` to 1. The first column of errors rises by 1 in all four rows: the loss goes from 9 to
#    17, and the bias's gradient from 4 to 12. The other column does not notice.
#
# By how much is it divided?
# --------------------------
#
# The loss above is a sum. The lesson that fits a line by hand showed what a mean does with four numbers. Now there are
# two directions in which to divide.
#
# **Predict.** ``nn.MSELoss()`` says that it takes the mean. What does it make of our loss of 9?
#
# .. answer:: 1.125
#    2.25: It divides by the samples times the units.

as_sum = loss.item()
as_mean = nn.MSELoss()(x @ w + b, target).item()
per_sample = (error**2).sum(dim=1).mean().item()
print(as_sum, as_mean, per_sample)

# %%
# An eighth: ``as_mean == 1.125``. It divides by *all* the entries, four samples times two units, so a network with more
# outputs gets smaller gradients. To sum over the units and average over the samples is another loss, ``per_sample ==
# 2.25``. (``sum(dim=1)`` adds up each row, ``sum(dim=0)`` each column.)
#
# **Predict.** Now the batch has every sample twice. The samples say nothing new. What happens to the gradient of ``b``?
#
# .. answer:: It doubles with the sum, and stays with the mean [sum doubles]
#    It doubles with both: A mean divides by the number of samples.
#    It stays with both: A sum has twice as many parts.


def bias_gradient(x, target, reduction):
    b = torch.tensor([0.0, 1.0], requires_grad=True)
    nn.MSELoss(reduction=reduction)(x @ w.detach() + b, target).backward()
    return b.grad.tolist()


twice, targets = torch.cat([x, x]), torch.cat([target, target])
for reduction in ("sum", "mean"):
    small = bias_gradient(x, target, reduction)
    large = bias_gradient(twice, targets, reduction)
    print(f"{reduction:4}  {small} -> {large}")

# %%
# The sum doubles. The mean stays, at 0.5 and 0.25. With a mean you may change the size of the batch and keep the rate.
#
# Stretching, and back
# --------------------
#
# Adding ``b`` to four rows is a case of :term:`broadcasting`. When two shapes differ, PyTorch lines them up at the
# right. Where one of them has size one, or nothing at all, it is repeated until it fits:
#
# .. code-block:: text
#
#    z      (4, 2)        z      (4, 2)           z      (4, 2)
#    b         (2,)       scale  (4, 1)           shift  ()
#    each row the same    each column the same    everywhere the same
#
# No copy is made, but the graph is as if there were one. So we know the way back: add up along every direction in which
# something was repeated. (``keepdim`` leaves a size of one where the sum was taken.)


def shrink(gradient, shape):
    """Add up along the directions in which a tensor of this shape was repeated."""
    while gradient.dim() > len(shape):
        gradient = gradient.sum(dim=0)
    for direction, size in enumerate(shape):
        if size == 1:
            gradient = gradient.sum(dim=direction, keepdim=True)
    return gradient


# %%
# **Predict.** ``z + b``, ``z + scale`` and ``z + shift`` with the shapes above all get the same upstream gradient,
# twice the errors of before. What do the numbers that ``scale`` gets add up to?
#
# .. answer:: 6.0
#    3.0: Each part of it arrives somewhere, whatever the shape.

found = []
for shape in ((2,), (4, 1), ()):
    small = torch.zeros(shape, requires_grad=True)
    (z.detach() + small).backward(dz)
    agrees = shrink(dz, shape).equal(small.grad)
    found.append(agrees)
    print(f"{shape!s:7} {small.grad.tolist()}, ours agrees: {agrees}")

# %%
# Two, four, and one. All of them add up to ``dz.sum() == 6.0``, since nothing gets lost, and the few lines above
# do what PyTorch does: ``found == [True, True, True]``. (``backward(dz)`` starts from an upstream gradient
# that you give it, in place of the one that a loss would send.)
#
# The loss that became a table
# ----------------------------
#
# Broadcasting asks no questions. That is handy for a bias. For a loss it is a trap, which you have seen in a report on
# the trained network. Now you can say what it does to the *gradient*.
#
# Four predictions, in four rows as a layer gives them, and four targets in a line:

predictions = torch.tensor([[0.0], [1.0], [2.0], [3.0]], requires_grad=True)
wanted = torch.tensor([0.0, 1.0, 2.0, 3.0])

# %%
# **Predict.** Every prediction is exactly right, so the loss and all gradients should be zero. What will the gradients
# be?
#
# .. answer:: Some are told to rise, some to fall [two are told to rise, to rise and]
#    All are zero: They would be, if each were compared with its own target.
#    All are told to fall: The targets lie on both sides.

loss = ((predictions - wanted) ** 2).mean()
loss.backward()
print("loss", loss.item())
print("gradients", predictions.grad.flatten().tolist())

# %%
# The loss is 2.5, and the gradients are -0.75, -0.25, 0.25 and 0.75. The first two are told to rise and the last two to
# fall: towards the middle. Line up the shapes at the right, and you see why: four rows by one and four numbers make a
# table of four by four, and each prediction was compared with *every* target.
#
# Work it out for one row. Its gradient is twice the difference to each of the four targets, added up and divided by
# the sixteen entries. Four such differences are four times the difference to the *mean* of the targets, so it is half
# of that difference. All four are pulled to that mean:

by_hand = (predictions.detach() - wanted.mean()) / 2
print(by_hand.equal(predictions.grad))

# %%
# So a network that is trained with such a loss learns to answer with the mean, whatever it is asked
# (:ref:`sphx_glr_lessons_8_clinic_50_missing_squeeze.py`).
#
# One line prevents it. It stops the program when the shapes differ, and names them. Put it before every loss that you
# write:

try:
    assert predictions.shape == wanted.shape, (predictions.shape, wanted.shape)
except AssertionError as error_message:
    print("stopped:", error_message)

# %%
# Take away
# ---------
#
# - A gradient has the shape of what it belongs to.
# - What is repeated forward is added up backward: a bias over the batch, a weight over the samples, anything that was
#   broadcast over the directions in which it was stretched.
# - Behind ``x @ w``, the upstream gradient goes to ``w`` as ``x.T @ dz`` and to ``x`` as ``dz @ w.T``. The shapes say
#   so. To the weight of ``nn.Linear``, which is kept on its side, it goes as ``dz.T @ x``.
# - A mean keeps its rate when the batch grows. Ask what it divides by.
# - Compare the shapes of predictions and targets before you subtract.
#
# On your own
# -----------
#
# **Exercise.** A layer for small pictures is ``nn.Linear(64, 10)``: that many inputs, and that many units. It gets a
# batch of shape ``(32, 64)``. How many numbers does the gradient of its weights hold, and how many does that of its
# bias? Give the sum of the two.
#
# .. answer:: printed
#    640: The biases have a gradient, too, one for each unit.
#    20800: Samples are added up.

layer = nn.Linear(64, 10)
layer(torch.zeros(32, 64)).sum().backward()
weights, biases = layer.weight.grad.numel(), layer.bias.grad.numel()
print(weights + biases)

# %%
# A weight for each input and unit, ``weights == 640``, and a bias for each unit,
# ``biases == 10``. The number of samples does not occur in either: over them it is added up, and not kept apart, which
# would make ``32 * (640 + 10) == 20800``.
#
# **Exercise.** The batch does not fit into memory, so somebody splits it into three samples and one. For each part they
# compute the *mean* loss and call ``backward()``, and let ``.grad`` add up. The gradient is not that of the mean over
# all four. By what do you have to multiply the mean loss of the *larger* part to make it right?
#
# .. answer:: printed
#    0.25: That is for the smaller part.
#    3: With the numbers of samples you get the gradient of a sum.

whole = torch.tensor(bias_gradient(x, target, "mean"))
parts = [
    torch.tensor(bias_gradient(x[rows], target[rows], "mean"))
    for rows in (slice(0, 3), slice(3, 4))
]
print("whole", whole.tolist(), "added", sum(parts).tolist())
share = 3 / 4
print("right", torch.allclose(share * parts[0] + (1 - share) * parts[1], whole))
print(share)

# %%
# By its share of the samples, ``share == 0.75``, and the smaller part by a quarter. A mean of means is the mean only
# if all parts are equally large, and then each counts one divided by the number of parts. (That is how large batches
# are trained on small machines. It is called *gradient accumulation*.)
#
# A layer that scales
# -------------------
#
# Here is a layer that scales each unit before it adds the bias. ``h`` is a table of four rows
# and two columns, and ``g`` has two entries:

h = (x @ w).detach().requires_grad_()
g = torch.tensor([2.0, -1.0], requires_grad=True)
b = torch.tensor([0.0, 1.0], requires_grad=True)
with chainrule.record() as rec:
    z = h * g + b
    error = z - target
    loss = (error**2).sum()
    loss.backward()

dz = 2 * error.detach()

# %%
# **Exercise.** Derive the gradients of ``g``, ``b`` and ``h`` from ``dz``. What is that of ``g``? (In your own code,
# ``rec.check(g=..., b=..., h=...)`` tells.)
#
# .. answer:: (dz * h).sum(dim=0) [dz * h.detach]
#    dz * h: That has a row for each sample. g was stretched over the rows.
#    dz.sum(dim=0) * h: The product comes first, entry by entry, and then the sum.

report = rec.check(
    g=(dz * h.detach()).sum(dim=0),
    b=dz.sum(dim=0),
    h=dz * g.detach(),
)
print(report)

# %%
# All three are right, ``bool(report) == True``. A product passes to each side the upstream gradient times the other
# side, entry by entry. What was stretched is added up over the rows: ``g`` and ``b`` were, ``h`` was not. Forget the
# sum for ``g``, and the report says that the shape is wrong.
#
# References
# ----------
#
# Derivatives of vectors and matrices: [Zhang2023]_.
#
# **Next:** how you find out that a gradient is right, :ref:`sphx_glr_lessons_4_batches_20_is_it_right.py`.
