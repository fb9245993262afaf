"""
Hand over the loss and the step: MSELoss and SGD
================================================

**What you get:** PyTorch's own loss and its own descent in the loop of the last lesson. You will know what the two do,
down to the line that they replace, and which order of the calls goes wrong in silence.

**What you need:** :ref:`sphx_glr_lessons_2_descent_40_line_with_autograd.py`. Reading time: 8 minutes.
"""

# %%
# What is still ours
# ------------------
#
# In the last lesson PyTorch took over the gradient. The loss and the step were still ours. Here they are, with the
# parts marked that will go:

import torch

x = torch.tensor([1.0, 2.0, 3.0, 4.0])
y = torch.tensor([2.0, 4.0, 6.0, 8.0])


def fit_by_hand(steps, rate=0.01):
    """Give the weights of a descent with the loss and the step written out."""
    w = torch.tensor(0.0, requires_grad=True)
    weights = [w.item()]
    for _ in range(steps):
        loss = ((w * x - y) ** 2).mean()  # the loss
        loss.backward()
        with torch.no_grad():
            w -= rate * w.grad  # the step
        w.grad = None  # emptying
        weights.append(w.item())
    return weights


# %%
# The loss
# --------
#
# ``nn.MSELoss`` is the mean squared error, as an object that can be called with predictions and targets.
#
# Written out, the loss was a difference, a square and a mean: two boxes between ``y_hat`` and ``loss``.

from torch import nn

import chainrule

loss_of = nn.MSELoss()
w = torch.tensor(0.0, requires_grad=True)

with chainrule.record() as rec:
    y_hat = w * x
    loss = loss_of(y_hat, y)
    loss.backward()

print(loss.item(), w.grad.item())
rec

# %%
# Nothing stands between them now: the three have become one operation. Its local gradient has one number for each
# prediction, twice the error, divided by 4. The loss and the gradient are those of before, 30 and -30.
#
# .. do:: set w 1, loss 7.5, grad w -15
#
#    Set ``w`` to 1. The loss is 7.5, and the gradient is -15: half of the way, half of the slope.
#
# A switch
# --------
#
# There is a switch, ``nn.MSELoss(reduction="sum")``.

w = torch.tensor(0.0, requires_grad=True)
total = nn.MSELoss(reduction="sum")(w * x, y)
total.backward()
print("gradient", w.grad.item())
print("loss", total.item())

# %%
# It adds up and does not divide: 120, and a gradient of -120, the number from the lesson by hand. With its right name
# there is nothing wrong with it; only the rate has to be chosen for it.
#
# The step
# --------
#
# ``torch.optim.SGD`` is gradient descent as an object, an :term:`optimizer`. (The S stands for *stochastic*: in large
# models each step looks at a few samples, drawn at random. Ours looks at all of them.) It is given what it may change,
# and a rate.

w = torch.tensor(0.0, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.01)

loss_of(w * x, y).backward()

# %%
# **Predict.** Two calls follow, ``step()`` and ``zero_grad()``. Which of them changes ``w``?
#
# .. answer:: Only step [left the gradient alone]
#    Only zero_grad: It looks after the gradient, and after nothing else.
#    Both, each a part of it: One changes the weight, the other the gradient.

optimizer.step()
print(f"after step():      w = {w.item():.2f}, w.grad = {w.grad}")
optimizer.zero_grad()
print(f"after zero_grad(): w = {w.item():.2f}, w.grad = {w.grad}")

# %%
# ``step()`` did what ``w -= rate * w.grad`` does, and left the gradient alone. ``zero_grad()`` emptied it, and despite
# its name it left no zero but nothing at all, ``w.grad == None``.
#
# Neither of them computes a gradient. That is ``backward()`` alone.
#
# The whole loop
# --------------


def fit(steps, rate=0.01):
    """Give the weights of a descent with PyTorch's own loss and step."""
    w = torch.tensor(0.0, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=rate)
    weights = [w.item()]
    for _ in range(steps):
        loss = loss_of(w * x, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        weights.append(w.item())
    return weights


# %%
# We run both loops for 20 steps, the one by hand and this one.

by_hand, by_optimizer = fit_by_hand(20), fit(20)
for step in (0, 1, 2, 10, 20):
    print(f"{step:4} {by_hand[step]:10.6f} {by_optimizer[step]:10.6f}")
apart = [abs(a - b) for a, b in zip(by_hand, by_optimizer, strict=True)]
print("weights that differ:", sum(each > 1e-6 for each in apart))

# %%
# The weights agree in the first six digits, and both end with a prediction for 5 of ``5 * by_optimizer[20] ≈
# 9.612``.
#
# The order of the three calls
# ----------------------------
#
# ``backward``, ``step``, ``zero_grad``: or ``zero_grad`` first, as many programs have it. Both are right, since both
# empty the gradient somewhere between two backward passes, and not between a backward pass and its step.
#
# **Predict.** One order is wrong: ``backward``, ``zero_grad``, ``step``. Where is the weight after
# 20 steps?
#
# .. answer:: Where it began [stays where it is]
#    Where the right order takes it: What does step find in w.grad?
#    Too far, since the gradients add up: They are emptied, only too early.

w = torch.tensor(0.0, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.01)
for _ in range(20):
    loss_of(w * x, y).backward()
    optimizer.zero_grad()
    optimizer.step()
print(w.item())

# %%
# It stays where it is, without a warning: ``step`` finds no gradient and takes no step.
#
# Take away
# ---------
#
# - ``nn.MSELoss`` is the mean of the squared errors; ``reduction="sum"`` is their sum.
# - ``optimizer.step()`` is ``w -= rate * w.grad`` for everything that it was given. It computes no gradient.
# - ``optimizer.zero_grad()`` empties the gradients. It may stand anywhere except between ``backward`` and ``step``.
#
# On your own
# -----------
#
# **Exercise.** Swap the arguments, ``loss_of(y, w * x)``, with a weight of one. The loss is the same. What is the
# gradient?

w = torch.tensor(1.0, requires_grad=True)
loss_of(y, w * x).backward()
print(w.grad.item())

# %%
# The same. Each error changes its sign, and so does the local gradient of the subtraction; twice
# minus is plus.
#
# **Exercise.** Give the optimizer a second weight, which starts at 1, and which the loss does not depend on. What is
# that weight after ``backward()`` and ``step()``?

w = torch.tensor(0.0, requires_grad=True)
other = torch.tensor(1.0, requires_grad=True)
optimizer = torch.optim.SGD([w, other], lr=0.01)
loss_of(w * x, y).backward()
optimizer.step()
print("its gradient:", other.grad)
print("the weight:", other.item())

# %%
# No walk back arrives at it, so its gradient is not zero but nothing, ``other.grad == None``, and ``step`` passes it
# over. A weight that does not move is worth a look at its ``.grad``.
#
# **Exercise.** Take ``torch.optim.Adam`` in place of ``SGD``, with a rate of 0.1. It divides each gradient by the size
# of this weight's gradients so far. Where is the weight after the first step from 0?
#
# .. answer:: printed
#    3.0: That is the step of SGD.

w = torch.tensor(0.0, requires_grad=True)
optimizer = torch.optim.Adam([w], lr=0.1)
loss_of(w * x, y).backward()
optimizer.step()
print(f"{w.item():.1f}")

# %%
# At the first step the gradient is divided by its own size, so that only its sign is left, and the step is as long as
# the rate, whatever the gradient was. SGD would have stepped to ``-0.1 * w.grad == 3``.
#
# References
# ----------
#
# The optimizer of the last exercise: [Kingma2015]_.
#
# **Next:** the prediction is the last part that is ours, :ref:`sphx_glr_lessons_2_descent_60_module.py`.
