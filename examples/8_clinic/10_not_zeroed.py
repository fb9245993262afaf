"""
Stop a loss that turns back and oscillates
==========================================

**What you get:** a training loop whose loss falls faster than it should, and then rises again. You find the reason by
comparing two numbers, and keep a check of one line for your own loops.

**What you need:** :ref:`sphx_glr_lessons_2_descent_50_loss_and_optimizer.py`. Reading time: 7 minutes.
"""

# %%
# What you see
# ------------
#
# Three weights, one sample, an optimizer.

import torch

import chainrule
from chainrule.plots import curves

x = torch.tensor([2.0, 3.0, 1.0])
y = torch.tensor(3.0)


def train(rate=0.01, steps=5):
    w = torch.tensor([1.0, 1.0, 2.0], requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=rate)
    losses = []
    for _ in range(steps):
        loss = (w @ x - y) ** 2
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


broken = train()
print([round(loss, 2) for loss in broken])

# %%
# The fourth loss is higher than the third, and the fifth is higher still.
#
# Somebody lowers the rate to a tenth, since a rate that is too high is the first thing to think of:

slower = train(rate=0.001, steps=40)
curves({"a hundredth": train(steps=40), "a thousandth": slower})

# %%
# It takes longer, and turns back all the same: after its lowest point it climbs to ``max(slower[15:]) > 15.9``. A rate
# that is too high is cured by a lower one. This is not.
#
# Guess
# -----
#
# Here is one more run, with two numbers in each step: the first entry of what the backward pass *gave*, as the record
# has it, and the first entry of what the optimizer *used*.
#
# **Predict.** What is it?
#
# .. answer:: The step goes along something else than this loss's gradient [sum of the two, 27.52]
#    The loss has two valleys: A square has one.
#    One sample is too little to learn from: It is little. But this sample can be met exactly.
#    PyTorch computes a wrong gradient: Work it out by hand, for the first step and the second.

w = torch.tensor([1.0, 1.0, 2.0], requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.01)
given, used = [], []
for _ in range(4):
    with chainrule.record() as rec:
        loss = (w @ x - y) ** 2
        loss.backward()
    given.append(rec.grad("w")[0].item())
    used.append(w.grad[0].item())
    print(f"given {given[-1]:6.2f}   used {used[-1]:6.2f}")
    optimizer.step()

# %%
# In the first step both are 16. In the second the backward pass gives 11.52, which is right, and the optimizer uses
# 27.52. That is the sum of the two.
#
# The cause
# ---------
#
# ``backward()`` adds to ``w.grad``, and nobody empties it. So each step goes along the sum of all gradients since the
# start. When the loss is at its lowest, that sum still points where all the old gradients pointed, and the weights run
# on, up the other side. The gradient of the step itself had long changed its sign: ``given[3] < 0 < used[3]``.
#
# The cure
# --------
#
# One line, before each backward pass.


def train_cured(rate=0.01, steps=5):
    w = torch.tensor([1.0, 1.0, 2.0], requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=rate)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (w @ x - y) ** 2
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# %%
# **Predict.** Which of the first two losses stay as they were?
#
# .. answer:: Both of them [Both stay]
#    Only the first: At the first step nothing was left over.
#    Neither: The first is that of the first weights.

cured = train_cured()
print([round(loss, 2) for loss in cured])

# %%
# Both stay: at the first step there was nothing to add to.
#
# See it next time
# ----------------
#
# Ask the weights just before ``backward()``. Nothing should be there.


def left_over(weights):
    """Give the largest entry of what is in `.grad` before the backward pass."""
    held = [w.grad.abs().max().item() for w in weights if w.grad is not None]
    return max(held, default=0.0)


print("left over:", round(left_over([w]), 2))

# %%
# ``left_over([w]) > 0``: in the run above, nobody emptied it. (A loop that adds up several batches on purpose is asked
# after the optimizer's step.)
#
# Take it in hand
# ---------------
#
# One step of the right loop, alive, with the fault as a switch.

w = torch.tensor([1.0, 1.0, 2.0], requires_grad=True)
with chainrule.record() as rec:
    y_hat = w @ x
    error = y_hat - y
    loss = error**2
    loss.backward()

rec

# %%
# .. do:: update 0.01 4, loss 1.156; reset; press not zeroed; update 0.01 2, loss 0.909; update 0.01 2, loss 9.524
#
#    Open Loss curve, set the learning rate to 0.01 and press Update 4 times: the loss falls to 1.156. Reset, tick *not
#    zeroed*, and do the same again. After 2 updates the loss is 0.909, better than it should be; after 4 it is 9.524.
#
# Take away
# ---------
#
# - A loss that falls too fast, rises, and does so at any rate: look at what is left in ``.grad``.
# - ``rec.grad("w")`` is what one backward pass gave; ``w.grad`` is what has added up.
# - ``zero_grad()`` belongs before ``backward()``.
#
# On your own
# -----------
#
# **Exercise.** Somebody heard of ``zero_grad()`` and put it *between* ``backward()`` and ``step()``. What is the loss
# after five steps?
#
# .. answer:: What it was at the start [It stays where it was]
#    1.16, as with the line in its place: What does the optimizer find in .grad?
#    9.52, as without the line: What does the optimizer find in .grad?

w = torch.tensor([1.0, 1.0, 2.0], requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.01)
for _ in range(5):
    loss = (w @ x - y) ** 2
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
print(f"{((w @ x - y) ** 2).item():.1f}")

# %%
# It stays where it was. The optimizer finds no gradient, and steps over a weight that has none without a word:
# ``w.grad is None``. A loss that stands still to the last digit looks like this.
#
# **Exercise.** Two groups of weights have an optimizer each, and ``first.zero_grad()`` is called in every step, but
# ``second.zero_grad()`` is not. The model is ``a * 2 + b``, the target is three, both weights start at one half. What
# is in ``b.grad`` after the second backward pass, with a rate of a tenth?
#
# .. answer:: printed
#    0.0: That is what the second pass gave. The first was not emptied.

a, b = (torch.tensor(0.5, requires_grad=True) for _ in range(2))
first, second = (torch.optim.SGD([weight], lr=0.1) for weight in (a, b))
each = []
for _ in range(2):
    first.zero_grad()
    with chainrule.record() as rec:
        loss = (a * 2 + b - 3) ** 2
        loss.backward()
    each.append(rec.grad("b").item())
    first.step()
    second.step()
print(f"{b.grad.item():.1f}")

# %%
# The error goes from minus one and a half to zero in one step, so the second pass gives ``each[1] ≈ 0.0``, and what is
# there is all from the first: ``each[0] == -3.0``.
#
# References
# ----------
#
# More mistakes that fail in silence: [Karpathy2019]_.
#
# **Next:** a loss that does not turn back but flies off, :ref:`sphx_glr_lessons_8_clinic_20_sum_for_mean.py`.
