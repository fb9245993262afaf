"""
Train the network for XOR, and look inside its hidden layer
===========================================================

**What you get:** the network after twenty thousand steps: what it answers, what its hidden layer does to the problem,
and why one of the four answers lags behind. At the end, a report that is wrong because of one missing word.

**What you need:** :ref:`sphx_glr_lessons_3_xor_10_one_step.py`. Reading time: 12 minutes.
"""

# %%
# The loop
# --------
#
# Samples, weights and network are those of the last lesson. The loop goes through the samples one at a time: forward,
# backward, step. Once through all four is an :term:`epoch`.

import torch

import chainrule

samples = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
targets = torch.tensor([0.0, 1.0, 1.0, 0.0])

w1 = torch.tensor([[0.1, 0.3], [0.2, 0.1]], requires_grad=True)
b1 = torch.tensor([0.2, -0.2], requires_grad=True)
w2 = torch.tensor([[0.1], [-0.4]], requires_grad=True)
b2 = torch.tensor([0.0], requires_grad=True)
parameters = (w1, b1, w2, b2)


def predict(x):
    hidden = torch.relu(x @ w1 + b1)
    return torch.sigmoid(hidden @ w2 + b2)


def step(x, y, rate=0.01):
    for weight in parameters:
        weight.grad = None
    loss = (y - predict(x)) ** 2
    loss.backward()
    with torch.no_grad():
        for weight in parameters:
            weight -= rate * weight.grad


def report():
    """Give the mean loss over all four samples."""
    with torch.no_grad():
        return torch.mean((targets - predict(samples).squeeze()) ** 2).item()


# %%
# **Predict.** Four samples, 5000 epochs, a small rate. At the start all answers are near one half,
# so the mean loss is about a quarter. How does it fall?
#
# .. answer:: Slowly, then quickly, then slowly again [slow to get going]
#    Quickly at once, then slower: On the parabola it does. Here the hidden units are all but alike at first.
#    By the same amount in each epoch: The slope changes on the way.
#    Not at all: The weights were chosen so that it does.

losses = {0: report()}
step(samples[0], targets[0])  # one step more, as on the page of XOR
for epoch in range(1, 5001):
    for x, y in zip(samples, targets, strict=True):
        step(x, y)
    if epoch % 100 == 0 or epoch % 1000 == 1:
        losses[epoch] = report()

for epoch in (0, 1, 1001, 2001, 3001, 4001, 5000):
    print(f"after epoch {epoch:4}: {losses[epoch]:.4f}")

# %%
# It starts at 0.2475 and is slow to get going: 1000 epochs take it only to 0.2041. Then it goes faster, and slower
# again. At the end it is ``losses[5000] ≈ 0.0142``.

from chainrule.plots import curves

every = [losses[epoch] for epoch in range(0, 5001, 500)]
curves({"mean loss": every}, xlabel="epochs, in five hundreds")

# %%
# The answers
# -----------

with torch.no_grad():
    answers = predict(samples).squeeze()
for x, y, answer in zip(samples, targets, answers, strict=True):
    print(f"({int(x[0])}, {int(x[1])})  target {y:.0f}  answer {answer:.3f}")

# %%
# Rounded, all four are right. Between the samples the network has answers, too. Here they are for the whole square: the
# bluer, the closer to one.

import numpy as np

from chainrule.plots import regions

across = np.linspace(-0.25, 1.25, 21)
grid = torch.tensor([[[a, b] for a in across] for b in across], dtype=torch.float32)
with torch.no_grad():
    outputs = predict(grid).squeeze(-1).numpy()

regions(across, across, outputs, samples.tolist(), targets.tolist())

# %%
# A blue band runs from corner to corner, with a border on either side. One line could not have done that.
#
# The bend
# --------
#
# The second layer is only a dot product and a sigmoid, so *it* draws a single line. But it does not see the inputs. It
# sees the two hidden units. Here are the trained weights of the first layer: a row for each input, a column for each
# unit.

print("w1", [[round(entry, 2) for entry in row] for row in w1.tolist()])
print("b1", [round(entry, 2) + 0.0 for entry in b1.tolist()])

from chainrule.plots import network

with torch.no_grad():
    drawn = network(
        ["x1", "x2"], ["h1", "h2"], ["y_hat"], weights=[w1.round(decimals=2), w2]
    )
drawn

# %%
# In each column the two numbers are equal, to two digits. Work out what the two units say to each of the four samples:
# that is a place in the plane of the hidden units for each.
#
# **Predict.** How many different places are there?
#
# .. answer:: Three [Both units look at]
#    Four: In each column the two weights are equal. Which two samples does a unit then not tell apart?
#    Two: The second unit has a bias. At which sample alone is it above zero?

with torch.no_grad():
    hidden = torch.relu(samples @ w1 + b1)
for x, place in zip(samples, hidden.tolist(), strict=True):
    print(f"({int(x[0])}, {int(x[1])})  hidden ({place[0]:.2f}, {place[1]:.2f})")

# %%
# Both units look at the *sum* of the inputs, which is 0, 1, 1 and 2. The first grows with the sum right away. The
# second has a bias of -2.21, just as much as one input brings, so it wakes up only when the sum goes past one. So the
# two samples in the middle lie on one another, and the last one has been bent upward, away from the line through the
# others.
#
# The plane of the hidden units
# -----------------------------
#
# Draw the places on paper, and look for a line that separates the two targets. Here is the one that the network has
# found:

reach = np.linspace(-0.4, 4.0, 21)
plane = torch.tensor([[[a, b] for a in reach] for b in reach], dtype=torch.float32)
with torch.no_grad():
    outputs = torch.sigmoid(plane @ w2 + b2).squeeze(-1).numpy()

units = ("hidden unit 1", "hidden unit 2")
regions(reach, reach, outputs, hidden.tolist(), targets.tolist(), names=units)

# %%
# One line is enough: the two with a target of one are below it, the others above. **The hidden layer has changed the
# problem into one that a line can solve.** Nobody told it how.
#
# Why the first answer lags behind
# --------------------------------
#
# At ``(0, 0)`` the answer should be 0, and it is 0.177, about twice as far off as the others are.
#
# **Predict.** We record one more pass for that sample, without a step. Its inputs are 0, so ``w1`` gets nothing, as in
# the last lesson. How many of the other five numbers get a gradient this time? (Look at the place of this sample
# first.)
#
# .. answer:: One: b2 [Only the last bias]
#    Three: b1, w2 and b2 of the open unit: Is a unit open at this sample now?
#    All five: At this sample the hidden units say 0.
#    None of them: The last bias does not ask what the hidden units say.

for weight in parameters:
    weight.grad = None
x, y = samples[0], targets[0]
with chainrule.record() as rec:
    z = x @ w1 + b1
    hidden = torch.relu(z)
    score = hidden @ w2 + b2
    y_hat = torch.sigmoid(score)
    error = y_hat - y
    loss = error**2
    loss.backward()

print("z ", [round(entry, 4) for entry in z.tolist()])
for name, weight in (("w1", w1), ("b1", b1), ("w2", w2), ("b2", b2)):
    print(name, [round(entry, 4) + 0.0 for entry in weight.grad.flatten().tolist()])

# %%
# Only the last bias. Both hidden units are shut here, so the score is nothing but that bias, ``score == b2``. The
# answer is the sigmoid of ``b2 ≈ -1.535``. The other three samples move it as well:

pulls = []
for x, y in zip(samples, targets, strict=True):
    b2.grad = None
    ((y - predict(x)) ** 2).backward()
    pulls.append(b2.grad.item())
    print(f"({int(x[0])}, {int(x[1])})  pulls at b2 with {-pulls[-1]:+.4f}")
print(f"together {-sum(pulls):+.4f}")

# %%
# Two samples pull it down, and the two that want a 1 pull it up. Together they still pull it down, with ``sum(pulls) ≈
# 0.029``, and a hundredth of that is the step. So the answer is on its way to zero, and slow: one number has to do all
# the work.
#
# Take it in hand
# ---------------
#
# The trained network, at the second sample:

x = samples[1]
with chainrule.record() as live:
    hidden = torch.relu(x @ w1 + b1)
    answer = torch.sigmoid(hidden @ w2 + b2)
    answer.backward()

live

# %%
# .. do:: set x [0,1], answer 0.9028; set x [0,0], answer 0.1773, grad w1 [[0,0],[0,0]]
#
#    Its answer is 0.9028. Set the second entry of ``x`` to 0, so that it is the first sample: the gates shut, the
#    answer is 0.1773, and every gradient in ``w1`` is 0.
#
# A report that is wrong
# ----------------------
#
# The targets are four numbers, the predictions four rows. In ``report`` the word ``squeeze()`` makes them alike.
# Without it, PyTorch pairs each target with each prediction:

with torch.no_grad():
    differences = targets - predict(samples)
    wrong = torch.mean(differences**2).item()
print(f"{tuple(differences.shape)}: {wrong:.4f}, and it should be {report():.4f}")

# %%
# Half of these differences compare a prediction with the target of a sample of the other kind. A program that *trains*
# on them answers one half to everything, and no error appears:
# :ref:`sphx_glr_lessons_8_clinic_50_missing_squeeze.py`.
#
# Take away
# ---------
#
# - A hidden layer with a bend can change a problem until a line is enough.
# - The loss need not fall at once. In its first thousand epochs, this one lost less than a fifth.
# - When all gates are shut at a sample, only the last bias learns from it.
#
# On your own
# -----------
#
# **Exercise.** Back to the pass that we recorded at ``(0, 0)``, with its target of 0. ``y_hat`` is 0.1773 there. Derive
# the gradient of ``b2`` from it. (In your own code, ``rec.check(b2=...)`` tells.)
#
# .. answer:: 0.0517
#    0.3546: The slope of the sigmoid is missing.
#    0.1459: That is the slope of the sigmoid alone.

slope = y_hat * (1 - y_hat)
print(f"{2 * y_hat.item():.4f} times {slope.item():.4f}, at {y_hat.item():.4f}")
print(f"is {(2 * y_hat * slope).item():.4f}")
print(rec.check(b2=2 * y_hat * slope))
print(rec.check(b2=2 * y_hat))
print(rec.check(b2=y_hat * slope))

# %%
# The error is ``y_hat`` itself, for the target is zero. Twice that, times the slope of the sigmoid, and the sum passes
# it on. The other lines lack the sigmoid, and the two of the square.
#
# **Exercise.** Start again with the weights from the top, raise the rate to 0.1, and take 500 epochs instead of 5000.
# Where does the mean loss end, to two digits after the point?


def begin(*values):
    """Set all parameters."""
    with torch.no_grad():
        for weight, value in zip(parameters, values, strict=True):
            weight.copy_(torch.tensor(value))


begin([[0.1, 0.3], [0.2, 0.1]], [0.2, -0.2], [[0.1], [-0.4]], [0.0])
for _ in range(500):
    for x, y in zip(samples, targets, strict=True):
        step(x, y, rate=0.1)
print(f"{report():.2f}")

# %%
# About where it ended before. As long as the steps are small, ten steps along nearly the same slope are as good as one
# step ten times as long. That has an end: there is a limit to the rate here, too.
#
# **Exercise.** Start with all weights of ``w1`` equal, and both entries of ``b1`` and of ``w2`` equal, too. How far
# apart are the two units after 500 epochs?
#
# .. answer:: Not at all [Equal units get equal gradients]
#    A little: What would make the one step differ from the other?
#    As far as in the trained network: What would make the one step differ from the other?

begin([[0.2, 0.2], [0.2, 0.2]], [0.1, 0.1], [[0.3], [0.3]], [0.0])
for _ in range(500):
    for x, y in zip(samples, targets, strict=True):
        step(x, y, rate=0.1)
print(f"apart by {(w1[:, 0] - w1[:, 1]).abs().max():.1f}")

# %%
# Not at all. Equal units get equal gradients, take equal steps, and stay equal: the network has one unit, twice. That
# is why weights start at random.
#
# References
# ----------
#
# XOR with two ReLU units, solved by hand: [Goodfellow2016]_.
#
# **Next:** was it luck? The weights to begin with were chosen by hand. Draw others, a thousand times:
# :ref:`sphx_glr_lessons_3_xor_30_thousand_starts.py`.
