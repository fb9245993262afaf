"""
Free a network whose answers are all one half
=============================================

**What you get:** a network for XOR that trains without an error and ends by answering one half to everything. You find
the reason in the record, and keep the line that would have stopped it.

**What you need:** :ref:`sphx_glr_lessons_4_batches_10_batches.py`. Reading time: 9 minutes.
"""

# %%
# What you see
# ------------
#
# The network for XOR with the weights of the course, which is known to learn. Here all four samples go through at once,
# for a thousand steps with a rate of one.

import torch

import chainrule

samples = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
targets = torch.tensor([0.0, 1.0, 1.0, 0.0])


def start():
    return [
        torch.tensor([[0.1, 0.3], [0.2, 0.1]], requires_grad=True),
        torch.tensor([0.2, -0.2], requires_grad=True),
        torch.tensor([[0.1], [-0.4]], requires_grad=True),
        torch.tensor([0.0], requires_grad=True),
    ]


def predict(w1, b1, w2, b2):
    return torch.sigmoid(torch.relu(samples @ w1 + b1) @ w2 + b2)


def loss_of(answers):
    return ((answers - targets) ** 2).mean()


def train(loss_of, steps=1000, rate=1.0):
    weights = start()
    losses = []
    for _ in range(steps):
        loss = loss_of(predict(*weights))
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                weight -= rate * gradient
        losses.append(loss.item())
    return losses, predict(*weights).detach().flatten()


broken, answers = train(loss_of)
print("losses ", [round(broken[step], 5) for step in (0, 1, 10, 100, 999)])
print("answers", [round(answer, 3) for answer in answers.tolist()])

# %%
# It starts at ``broken[0] ≈ 0.25005``, falls a little, and stops at ``broken[999] ≈ 0.25000``. Each answer is one half,
# to two digits.
#
# Guess
# -----
#
# **Predict.** Why does it learn nothing?
#
# .. answer:: The loss compares the wrong numbers [the loss is the wrong one]
#    Both ReLU units are dead: Then w1 would get no gradient, and the record would say so.
#    The gradients vanish: The record would say so.
#    The rate is too low: With a rate of 1, the same network learns in other lessons.

weights = start()
w1, b1, w2, b2 = weights
with chainrule.record() as rec:
    answers = predict(*weights)
    loss = loss_of(answers)
    loss.backward()

rec.why()

# %%
# The gradients are the right ones *for this loss*, and the loss is the wrong one.
#
# A closer look
# -------------
#
# Here are the shapes of four values:

for value in rec.trace.values:
    if (
        value.name.partition("#")[0] in ("answers", "targets", "loss")
        or "-" in value.name
    ):
        print(f"{value.name:22} {value.shape}")

# %%
# Four rows and four numbers make a table of four by four: each answer is held against every target.
#
# The cause
# ---------
#
# Two of the four targets are zero, two are one, and *every* answer is held against all of them. The best that one
# answer can do against these is their mean, one half. So the loss really is lowest there. A ``squeeze()`` is missing,
# which makes four numbers of four rows.
#
# The cure
# --------


def squeezed_loss_of(answers):
    return ((answers.squeeze(1) - targets) ** 2).mean()


# %%
# **Predict.** With the same first weights, what is the first loss, compared with before?
#
# .. answer:: A little lower [one percent, 0.24755]
#    Much lower: At the start all answers are close to one half, whatever they are compared with.
#    The same: Close, but each answer is compared with its own target now.
#    Higher: Each answer is compared with its own target now, and they are not all wrong.

cured, answers = train(squeezed_loss_of)
print("losses ", [round(cured[step], 5) for step in (0, 1, 10, 100, 999)])
print("answers", [round(answer, 3) for answer in answers.tolist()])

# %%
# It is one percent lower. After 1000 steps it is ``cured[999] < 0.01``, and all four answers are on the right side of
# one half.
#
# See it next time
# ----------------
#
# One line before the loss stops at once, with both shapes:


def same_shape(answers, targets):
    assert answers.shape == targets.shape, (answers.shape, targets.shape)


try:
    same_shape(predict(*weights), targets)
except AssertionError as error:
    print("stopped:", error)

# %%
# PyTorch's own loss warns, once, and goes on. Make an error of it:

import warnings

with warnings.catch_warnings(action="error"):
    try:
        torch.nn.functional.mse_loss(predict(*weights), targets)
    except UserWarning as warning:
        print(str(warning).partition(". ")[0])

# %%
# And a number to know: **the loss of somebody who answers the mean to everything.** If your loss comes to rest at just
# that, the network has not seen its inputs.

ignorant = ((targets - targets.mean()) ** 2).mean().item()
print(f"answering the mean: {ignorant}")

# %%
# Here it is ``ignorant == 0.25``, and that is where the broken run ended.
#
# Take it in hand
# ---------------
#
# Four answers that are all right, and the broken loss.

answers = targets[:, None].clone().requires_grad_()
with chainrule.record() as rec:
    difference = answers - targets
    loss = (difference**2).mean()
    loss.backward()

rec

# %%
# .. do:: loss 0.5, grad answers [[-0.25],[0.25],[0.25],[-0.25]];
#    set answers [[0.5],[0.5],[0.5],[0.5]], loss 0.25, grad answers [[0],[0],[0],[0]]
#
#    Each answer is right, and yet the loss is 0.5, and the gradients are -0.25 and 0.25: the two zeros are to rise, the
#    two ones to fall. Set all answers to 0.5. The loss is 0.25, the lowest there is, and every gradient is 0.
#
# Take away
# ---------
#
# - A gradient can be right, and the loss wrong.
# - A loss that comes to rest at the variance of the targets: print the shape of answers and targets.
# - Compare the two before every loss.
#
# On your own
# -----------
#
# **Exercise.** Three samples, targets of zero, zero and six, answers in three rows, a loss with the mean of the
# squares, and no squeeze. To which answer is every sample pulled?
#
# .. answer:: printed
#    3.00: That is half way. But one of the two is there twice.

rows = torch.zeros(3, 1, requires_grad=True)
wanted = torch.tensor([0.0, 0.0, 6.0])
for _ in range(200):
    (slope,) = torch.autograd.grad(((rows - wanted) ** 2).mean(), rows)
    with torch.no_grad():
        rows -= 0.5 * slope
print(f"{rows[0].item():.2f}")

# %%
# To the mean of the targets: ``wanted.mean() == 2.0``.
#
# **Exercise.** The same with the shapes exchanged: answers of shape ``(5,)``, targets of shape ``(5, 1)``. How many
# differences are there?
#
# .. answer:: printed
#    5: The shapes are lined up at the right, and both are stretched.

print((torch.zeros(5) - torch.zeros(5, 1)).numel())

# %%
# Each of five with each of five.
#
# References
# ----------
#
# More mistakes that fail in silence: [Karpathy2019]_.
#
# **Next:** a loss that has lost its way back, :ref:`sphx_glr_lessons_8_clinic_60_detached.py`.
