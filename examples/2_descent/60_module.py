"""
Put it into a module: nn.Module and nn.Linear
=============================================

**What you get:** the same model as PyTorch users write it, and four programs side by side: by hand, with autograd,
with an optimizer, as a module. What each one hides, you have written yourself.

**What you need:** :ref:`sphx_glr_lessons_2_descent_50_loss_and_optimizer.py`, and Python's classes. Reading time: 10
minutes.
"""

# %%
# A new target
# ------------
#
# This time the targets are 5 times the inputs. When they were twice the inputs, the gradient at a weight of 0 was -30.
#
# **Predict.** The gradient is the mean of ``2 * x * (w * x - y)``. What is it at a weight of 0 now?
#
# .. answer:: -75.0
#    -30.0: That is with targets of twice the inputs. Now each error is larger.
#    -300.0: That is the sum over the samples.

import torch

inputs = [1.0, 2.0, 3.0, 4.0]
targets = [5.0, 10.0, 15.0, 20.0]

x, y = torch.tensor(inputs), torch.tensor(targets)
w = torch.tensor(0.0, requires_grad=True)
loss = ((w * x - y) ** 2).mean()
loss.backward()
print(f"loss {loss.item()}, gradient {w.grad.item()}")

# %%
# At 0 all errors are 2.5 times as large, ``-75 / -30 == 2.5``, so the gradient is, too. (The sum over the samples would
# be ``4 * -75 == -300``.) The loss grows by the square of that, to 187.5.
#
# A module
# --------
#
# A :term:`module` is an object that holds weights and says how to predict with them. Its weights are called
# :term:`parameters <parameter>`: PyTorch finds them by itself, so that an optimizer can be given all of them at once. A
# fresh parameter is a leaf that requires a gradient.

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
# **Predict.** What shape do the predictions have?
#
# .. answer:: Four rows of one number [prediction for each row]
#    Four numbers, without rows: It wants rows, and gives rows.
#    One row of one number: That is the shape of the weight.
#    Four rows of four numbers: Subtracting four numbers from four rows gives that.

linear = nn.Linear(1, 1, bias=False)
nn.init.zeros_(linear.weight)

rows, wanted = x[:, None], y[:, None]
print("weight", tuple(linear.weight.shape))
print("predictions", tuple(linear(rows).shape))

# %%
# There is a prediction for each row, and one in it, since there is one output. The weight is a table of 1 by 1.
# ``nn.Linear`` keeps a row for each *output* and a column for each *input*. With one of each nobody sees the
# difference; in a later lesson you will.
#
# The targets must have that shape, too. From four rows, a subtraction would take four numbers in silence: it would pair
# *each* number with *each* row, and compute sixteen errors. ``nn.MSELoss`` at least prints a warning.
#
# In the graph the weight has the name by which the module knows it:

import chainrule

with chainrule.record() as rec:
    y_hat = linear(rows)
    loss = nn.MSELoss()(y_hat, wanted)
    loss.backward()

rec

# %%
# .. do:: set weight [[5]], loss 0, grad weight [[0]]; set weight [[4]], loss 7.5,
#    grad weight [[-15]]
#
#    Set ``weight`` to 5, the number that the targets were made with: loss and gradient are 0. With 4 the loss is
#    7.5, and the gradient -15.
#
# Four rungs of a ladder
# ----------------------
#
# Here are the four programs of this part, each in as few lines as it takes. All start at zero, with a rate of a
# hundredth. (The recorded pass has left its gradient in the module, where the first step would add to it. And ``yield``
# hands out one weight after each step, then goes on.)

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
# We let all of them walk for 100 steps.

four = by_hand(100), with_autograd(100), with_optimizer(100), as_module(100, linear)
ladder = list(zip(*four, strict=True))
print("step   by hand  autograd  optimizer   module")
for step in (1, 2, 3, 5, 10, 20, 50, 100):
    a, b, c, d = ladder[step - 1]
    print(f"{step:4} {a:9.5f} {b:9.5f} {c:10.5f} {d:8.5f}")

apart = max((max(rungs) - min(rungs)) / max(rungs) for rungs in ladder)
print("never further apart than a millionth:", apart < 1e-6)
print("after 1 step:", round(ladder[0][0], 4))

# %%
# The first step goes to 0.75, a hundredth of 75. (Where a row shows another last digit, the weights lie on either side
# of an edge of rounding.) They end at 5, and at every step the four agree to a millionth. Four ways to write one and
# the same thing.
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
# In mathematics the two are equal. In Python they are one unit in the last place apart. A processor that adds several
# numbers at once adds them in another order than one that does not. So compare such numbers with a tolerance, never
# digit by digit.
#
# Use it
# ------
#
# The reason for all of it is a prediction for a number that was not among the samples:


def predict(number):
    """Give the trained module's prediction for one number."""
    with torch.no_grad():
        return linear(torch.tensor([[float(number)]])).item()


# %%
# It also answers for -3, which is far from every sample:

for number in (5, 0.5, -3):
    print(f"{number:4}: {predict(number):8.4f}")

# %%
# Outside its samples this model is still a line through 0. Whether the world is, too, it cannot know.
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
# **Exercise.** What will ``predict`` say for 7, to one digit after the point?

print(f"{predict(7):.1f}")

# %%
# 5 times 7.
#
# **Exercise.** Give the module its bias back, with weight and bias at 0, and leave the targets. Derive the gradient
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
# The mean of twice the error, and every error is minus the target: ``derived == -25.0``. (The sum is ``4 * derived ==
# -100.0``.)
#
# **Exercise.** Descend with that bias, 100 steps as before. The targets are still 5 times the inputs, so the best bias
# is 0. Where is the bias then?
#
# .. answer:: Above 0, and on its way back [too far]
#    At 0: It had to learn that from the samples, and started with a gradient of its own.
#    Below 0: At the start both weights are pushed up.

walked = list(as_module(100, with_bias))
print("weight", round(walked[-1], 2), "bias", round(with_bias.bias.item(), 2))

# %%
# Above 0: ``walked[-1] < 5`` and ``with_bias.bias > 0.3``. At the start both weights are pushed up, and the bias goes
# too far. On its way back it has to wait for the weight: a little more of one is nearly made up for by a little less of
# the other, so the slope along that direction is small.
#
# References
# ----------
#
# Models built of modules: [Zhang2023]_.
#
# **Next:** get on faster with a small rate, :ref:`sphx_glr_lessons_2_descent_70_momentum.py`.
