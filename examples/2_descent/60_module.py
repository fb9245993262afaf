"""
Put it into a module
====================

**What you get:** the same model as PyTorch users write it, and four programs side by side: by hand, with autograd,
with an optimizer, as a module. What each one hides, you have written yourself.

**What you need:** :ref:`sphx_glr_lessons_2_descent_50_loss_and_optimizer.py`, and Python's classes. Reading time: 10
minutes.
"""

# %%
# A new target
# ------------
#
# This time the targets are *five* times the inputs, so that nothing can be remembered from before. The gradient at a
# weight of zero was minus thirty when the targets were twice the inputs.
#
# **Predict.** The gradient is the mean of ``2 * x * (w * x - y)``. With targets of five times the inputs, what is it at
# a weight of zero?

import torch

inputs = [1.0, 2.0, 3.0, 4.0]
targets = [5.0, 10.0, 15.0, 20.0]

x, y = torch.tensor(inputs), torch.tensor(targets)
w = torch.tensor(0.0, requires_grad=True)
loss = ((w * x - y) ** 2).mean()
loss.backward()
print(f"loss {loss.item()}, gradient {w.grad.item()}")

# %%
# At zero all errors are two and a half times as large, so the gradient is, too: ``w.grad == -75.0``. The loss grows by
# the square of that, to ``loss == 187.5``.
#
# A module
# --------
#
# A :term:`module` is an object that holds weights and says how to predict with them. PyTorch calls weights that belong
# to a module :term:`parameters <parameter>`: it finds them by itself, so that an optimizer can be given all of them at
# once. A fresh parameter is a leaf that requires a gradient.

from torch import nn


class Line(nn.Module):
    """Predict by multiplying with one weight."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.0))

    def forward(self, x):
        return self.weight * x


model = Line()
print(list(model.named_parameters()))

# %%
# You call the module itself, ``model(x)``, and it calls ``forward``.
#
# PyTorch has a module for this: ``nn.Linear`` multiplies by weights and adds a bias, for any number of inputs and
# outputs. Ours has one of each, and no bias. Two things are new:
#
# - Its weight starts at random. We set it to zero, to compare.
# - It wants a *table*, with a row for each sample and a column for each input. So the four numbers become four rows.
#
# **Predict.** What shape does the weight have, and what shape do the predictions have?

linear = nn.Linear(1, 1, bias=False)
nn.init.zeros_(linear.weight)

rows, wanted = x.reshape(4, 1), y.reshape(4, 1)
print(tuple(linear.weight.shape), tuple(linear(rows).shape))

# %%
# The weight is a table of one by one, ``linear.weight.shape == (1, 1)``, and there is a prediction for each row,
# ``linear(rows).shape == (4, 1)``.
#
# The targets must have that shape, too. Four numbers beside four rows are no mistake to PyTorch: it would pair *each*
# number with *each* row, and compute sixteen errors. A subtraction does so in silence; ``nn.MSELoss`` at least prints a
# warning. The next part has a program that could fall into this.
#
# In the graph the weight has the name by which the module knows it:

import chainrule

with chainrule.record() as rec:
    y_hat = linear(rows)
    loss = nn.MSELoss()(y_hat, wanted)
    loss.backward()

rec

# %%
# Four rungs of a ladder
# ----------------------
#
# Here are the four programs of this part, each in as few lines as it takes. All start at zero, with a rate of a
# hundredth. (One thing has to be cleared away: the pass that we recorded has left its gradient in the module. Forgotten
# there, it would be added to that of the first step. And ``yield`` hands out one weight after each step, then goes on.)

import numpy as np

linear.zero_grad()


def by_hand(steps):
    """Write out everything, in NumPy."""
    x, y = np.array(inputs, dtype=np.float32), np.array(targets, dtype=np.float32)
    w = np.float32(0.0)
    for _ in range(steps):
        gradient = (2 * x * (w * x - y)).mean()
        w = w - np.float32(0.01) * gradient
        yield w.item()


def with_autograd(steps):
    """Leave the gradient to PyTorch."""
    w = torch.tensor(0.0, requires_grad=True)
    for _ in range(steps):
        loss = ((w * x - y) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            w -= 0.01 * w.grad
        w.grad = None
        yield w.item()


def with_optimizer(steps):
    """Leave the loss and the step to PyTorch, too."""
    w = torch.tensor(0.0, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.01)
    for _ in range(steps):
        nn.MSELoss()(w * x, y).backward()
        optimizer.step()
        optimizer.zero_grad()
        yield w.item()


def as_module(steps, model):
    """Leave the prediction to PyTorch, too: nothing is left but the data."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(steps):
        nn.MSELoss()(model(rows), wanted).backward()
        optimizer.step()
        optimizer.zero_grad()
        yield model.weight.item()


# %%
# **Predict.** We let all of them walk for a hundred steps. What is the first weight? Where do they end? And how far
# apart are they on the way?

four = by_hand(100), with_autograd(100), with_optimizer(100), as_module(100, linear)
ladder = list(zip(*four, strict=True))
print("step   by hand  autograd  optimizer   module")
for step in (1, 2, 3, 5, 10, 20, 50, 100):
    a, b, c, d = ladder[step - 1]
    print(f"{step:4} {a:9.5f} {b:9.5f} {c:10.5f} {d:8.5f}")

apart = max((max(rungs) - min(rungs)) / max(rungs) for rungs in ladder)
print("never further apart than a millionth:", apart < 1e-6)

# %%
# The first step goes to ``ladder[0] ≈ (0.750, 0.750, 0.750, 0.750)``, since a hundredth of seventy-five is three
# quarters. (Where a row shows another last digit, the weights lie on either side of an edge of rounding: they are far
# closer than they look.) They end at ``ladder[99] ≈ (5.0000, 5.0000, 5.0000, 5.0000)``, and at every step the four
# agree to a millionth, ``apart < 1e-6``. Four ways to write one and the same thing.
#
# And the last digit?
# -------------------
#
# We said "to a millionth", and not "exactly". On some machines a few of the weights differ in the last bit of their
# ``float32``. Adding up four numbers is not one operation but three, and the order of the three is up to whoever wrote
# the program. With rounding, the order matters:

left, right = (0.1 + 0.2) + 0.3, 0.1 + (0.2 + 0.3)
print(left, right, left == right)

# %%
# In mathematics the two are equal. In Python they are ``left == 0.6000000000000001`` and ``right == 0.6``, one unit in
# the last place apart. A processor that adds several numbers at once adds them in another order than one that does not,
# and ends up with the other of the two. So compare such numbers with a tolerance, never digit by digit.
#
# Use it
# ------
#
# The reason for all of it is a prediction for a number that was not among the samples. A function is enough for that:


def predict(number):
    """Give the trained module's prediction for one number."""
    with torch.no_grad():
        return linear(torch.tensor([[float(number)]])).item()


# %%
# **Predict.** What will it say for five? And for minus three, which is far from every sample?

for number in (5, -3, 0.5):
    print(f"{number:4}: {predict(number):8.4f}")

# %%
# ``predict(5) ≈ 25.0000``, and ``predict(-3) ≈ -15.0000``. Outside its samples this model is still a line through zero.
# Whether the world is, too, it cannot know.
#
# Take away
# ---------
#
# - A module holds parameters and predicts with them. ``model.parameters()`` is what an optimizer wants.
# - Each rung of the ladder takes one job away from you and does the same work. When something is odd, step down a rung.
# - Rows are samples, columns are inputs, and the targets have the shape of the predictions.
# - Floating-point results agree to a tolerance.
#
# On your own
# -----------
#
# **Exercise.** What will ``predict`` say for seven, to one digit after the point?

print(f"{predict(7):.1f}")

# %%
# Five times seven: ``predict(7) ≈ 35.000``.
#
# **Exercise.** Give the module its bias back, with weight and bias at zero, and leave the targets. Derive the gradient
# of the bias. What is it?
#
# .. answer:: printed
#    -100.0: sum
#    -75.0: That is the gradient of the weight.

with_bias = nn.Linear(1, 1)
nn.init.zeros_(with_bias.weight)
nn.init.zeros_(with_bias.bias)
nn.MSELoss()(with_bias(rows), wanted).backward()
derived = (2 * (0.0 - wanted)).mean()
print(with_bias.bias.grad.item())

# %%
# The mean of twice the error, and every error is minus the target: ``derived == -25.0`` and
# ``with_bias.bias.grad == -25.0``. (The sum is ``4 * derived == -100.0``.)
#
# **Exercise.** Descend with that bias, a hundred steps as before. The targets are still five times the inputs, so the
# best bias is zero. Does the descent get there? (Guess before you open it.)

walked = list(as_module(100, with_bias))
print("weight", round(walked[-1], 2), "bias", round(with_bias.bias.item(), 2))

# %%
# Not yet: ``walked[-1] < 5`` and ``with_bias.bias > 0.3``. At the start both weights are pushed up, and the bias goes
# too far. On its way back it has to wait for the weight: a little more of one is nearly made up for by a little less of
# the other, so the slope along that direction is small.
#
# **Next:** a problem that no line can solve, :ref:`sphx_glr_lessons_3_xor_10_one_step.py`.
