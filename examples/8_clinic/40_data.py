"""
Catch a gradient that is silently wrong: slow training
======================================================

**What you get:** a training that is slower than it should be, without an error. You find a contradiction in the record.
Then you get PyTorch to report such mistakes itself.

**What you need:** :ref:`sphx_glr_lessons_7_inside_50_autograds_life.py`. Reading time: 8 minutes.
"""

# %%
# What you see
# ------------
#
# The line through four samples, with a rate of 0.04. Before the step, somebody notes down the inputs as shares of the
# largest.

import torch

import chainrule


def batch():
    x = torch.tensor([1.0, 2.0, 3.0, 4.0])
    return x, 2 * x


def train(note_down, steps=6):
    w = torch.tensor(0.0, requires_grad=True)
    losses, notes = [], []
    for _ in range(steps):
        w.grad = None
        x, y = batch()
        loss = ((w * x - y) ** 2).mean()
        notes.append(note_down(x))
        loss.backward()
        with torch.no_grad():
            w -= 0.04 * w.grad
        losses.append(loss.item())
    return losses


def as_shares(x):
    x.data /= x.max()
    return x.tolist()


broken = train(as_shares)
print([round(loss, 2) for loss in broken])

# %%
# It learns. But you have seen this line with this rate: each step should leave 0.4 of the distance to 2, and so
# ``0.4**2 ≈ 0.16`` of the loss. Here it is ``broken[1] / broken[0] ≈ 0.7225``.
#
# Guess
# -----
#
# **Predict.** Why is it so slow? Have a look at the record of one step, line by line.
#
# .. answer:: The gradient was computed from other numbers than the loss [contradicts]
#    The rate is too low: With the same rate, the same line was quicker in other lessons.
#    The notes are part of the graph: They are Python's numbers, and no tensor.
#    The gradient is emptied too late: It is emptied before the backward pass, as it should be.

w = torch.tensor(0.0, requires_grad=True)
x, y = batch()
with chainrule.record() as rec:
    y_hat = w * x
    loss = ((y_hat - y) ** 2).mean()
    as_shares(x)
    loss.backward()

print(rec.table())

# %%
# The line of ``x`` says what the inputs were when they were used: 1, 2, 3, 4. The line below says
# that the local gradient is ``x``, and there it is four times smaller. **The table contradicts itself**: the way
# forward went through one row of numbers, the way back through another. So the gradient is ``w.grad == -7.5``, and not
# ``4 * w.grad == -30``.
#
# The cause
# ---------
#
# A product keeps its factors for the way back. It does not copy them, it keeps the tensors. ``x.data`` is a second
# tensor on the same memory, and what is written through it is not counted. In the open, each change is. Here is a
# weight of 3 and its square, whose gradient should be 6:

w = torch.tensor(3.0, requires_grad=True)
before = w._version
w.data.zero_()
through = w._version
with torch.no_grad():
    w.zero_()
print("changes counted:", before, through, w._version)

w = torch.tensor(3.0, requires_grad=True)
loss = w**2
w.data.zero_()
loss.backward()
print("loss", loss.item(), " gradient", w.grad.item())

# %%
# On the way back PyTorch compares this number with the one it noted down. Through ``.data`` it finds nothing to
# complain about, and says 0 where it should be ``2 * 3.0 == 6``. Where the gradient has become zero altogether, the
# record can name the line:

w = torch.tensor(3.0, requires_grad=True)
with chainrule.record() as rec:
    loss = w**2
    w.data.zero_()
    loss.backward()

found = rec.why("w")
found

# %%
# It gives the file and the line of the change.
#
# The cure
# --------
#
# First, the same change in the open, without ``.data``.


def in_the_open(x):
    x /= x.max()
    return x.tolist()


# %%
# **Predict.** What happens in the training now?
#
# .. answer:: It stops with an error [PyTorch refuses]
#    It is as slow as before: Then the change would have to go unseen.
#    It is as quick as it should be: The inputs are still changed before the way back.

try:
    train(in_the_open)
except RuntimeError as error:
    print(str(error).partition(";")[0])

# %%
# PyTorch refuses. Then the cure itself. For other numbers make a new tensor, and leave the old one alone:


def as_a_copy(x):
    return (x / x.max()).tolist()


cured = train(as_a_copy)
print([round(loss, 2) for loss in cured])

# %%
# Each is 0.16 of the one before, ``cured[1] / cured[0] ≈ 0.16``.
#
# See it next time
# ----------------
#
# Search your script for ``.data``. For each place write the same without it, and under ``torch.no_grad()`` if it is a
# weight. If PyTorch then stops with *modified by an inplace operation*, you have found the case.
#
# A number that is wrong and not zero is found by a nudge, as always:


def step_of(w):
    loss = (w**2).sum()
    w.data.mul_(0.5)
    return loss


report = chainrule.check_gradient(step_of, torch.tensor([3.0, 0.5]))
print("right:", bool(report), "  autograd:", report.autograd[0])

# %%
# ``bool(report) == False``: autograd's gradient is half of what the loss says, and the nudge notices.
#
# Take it in hand
# ---------------
#
# The same step without the fault: here values and gradients always belong together.

w = torch.tensor(0.0, requires_grad=True)
x, y = batch()
with chainrule.record() as rec:
    y_hat = w * x
    error = y_hat - y
    loss = (error**2).mean()
    loss.backward()

rec

# %%
# .. do:: w 0, loss 30, grad w -30; set x [0.25,0.5,0.75,1], loss 30, grad w -7.5
#
#    The gradient of ``w`` is -30. Give ``x`` the shares, 0.25, 0.5, 0.75 and 1. At a weight of 0 the loss does not
#    change, it stays 30, and the gradient becomes -7.5: the one that the broken program used.
#
# Take away
# ---------
#
# - What autograd keeps for the way back must not change. PyTorch counts changes, but not those through ``.data``.
# - In the record, a local gradient that does not fit the value beside it gives it away.
# - Make a new tensor, or change weights after the step, under ``no_grad``. Then PyTorch keeps watch.
#
# On your own
# -----------
#
# **Exercise.** ``loss = w**3``, at a weight of two. Before ``backward()`` somebody runs ``w.data.fill_(1.0)``. What is
# the gradient?
#
# .. answer:: printed
#    12.0: That is right for the loss. But its number was changed.

w = torch.tensor(2.0, requires_grad=True)
loss = w**3
w.data.fill_(1.0)
loss.backward()
print(f"{w.grad.item():.1f}")

# %%
# Three times the square of the *new* weight. At the old one it is ``3 * 2.0**2 == 12.0``.
#
# **Exercise.** ``loss = w * x``, and before ``backward()`` somebody runs ``w.data.zero_()``. Both require a gradient;
# the weight is three, the input is five. What is the gradient of ``w``?
#
# .. answer:: printed
#    0.0: That is the gradient of the input, which is made of the weight.

w = torch.tensor(3.0, requires_grad=True)
x = torch.tensor(5.0, requires_grad=True)
loss = w * x
w.data.zero_()
loss.backward()
print(f"{w.grad.item():.1f}")

# %%
# It is right, ``w.grad == 5.0``: the gradient of a factor is made of the *other* one. The wrong one is ``x.grad ==
# 0.0``, and it should be three.
#
# References
# ----------
#
# How changes in place are counted: [PyTorch]_.
#
# **Next:** every gradient is right in the next case, and the network answers one half to everything,
# :ref:`sphx_glr_lessons_8_clinic_50_missing_squeeze.py`.
