"""
Start a thousand times: random first weights
============================================

**What you get:** you train a thousand networks at once, in seconds, and count how many learn XOR. Then you open one
that did not, and see what holds it.

**What you need:** :ref:`sphx_glr_lessons_3_xor_20_trained.py`. Reading time: 14 minutes.
"""

# %%
# One more axis
# -------------
#
# The weights of the last two lessons were chosen by hand, and they worked. Would others have? We draw a thousand sets
# of weights at random, and train a network from each.
#
# A loop over the networks would be slow. Instead every tensor gets one axis more, at its end, with a place for each
# network, and each step of the training is taken by all of them together.

import torch

torch.set_num_threads(1)  # for tables this small, several would wait for each other

samples = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
targets = torch.tensor([0.0, 1.0, 1.0, 0.0])


def start(width, seed=0, reach=1.0):
    """Draw the weights of a thousand networks, evenly between -reach and reach."""
    draw = torch.Generator().manual_seed(seed)
    shapes = {
        "w1": (2, width, 1000),
        "b1": (width, 1000),
        "w2": (width, 1000),
        "b2": (1000,),
    }
    return {
        name: reach * (2 * torch.rand(shape, generator=draw) - 1)
        for name, shape in shapes.items()
    }


def forward(weights, bend):
    z = torch.einsum("si,iun->sun", samples, weights["w1"]) + weights["b1"]
    hidden = bend(z)
    score = (hidden * weights["w2"]).sum(1) + weights["b2"]
    return hidden, torch.sigmoid(score)


hidden, answers = forward(start(width=2), torch.relu)
print("hidden ", tuple(hidden.shape))
print("answers", tuple(answers.shape))

from chainrule.plots import network

first = {name: weight[..., 0] for name, weight in start(width=2).items()}
network(
    ["x1", "x2"],
    ["h1", "h2"],
    ["y_hat"],
    weights=[first["w1"], first["w2"][:, None]],
)

# %%
# This is the first of the thousand. ``torch.einsum`` is a dot product told in letters: ``s`` is a sample, ``i`` an
# input, ``u`` a hidden unit, and ``n`` one of the networks. A letter that is missing on the right is multiplied and
# added up. So this is ``samples @ w1`` for each network. The score multiplies each unit by its weight, and adds up over
# the units.
#
# The function that bends is an argument here. It is called an :term:`activation`. So far ours was the ReLU. Another one
# is ``tanh``, which presses every number into the range from minus one to one. It is steep in the middle, flat far out,
# and nowhere entirely flat.
#
# The loss of a network is the mean over its four samples. We add the losses of all networks up, since a backward pass
# starts at one number. Does the gradient of one of them depend on the others? Take one out, number seven, and compare:


def losses_of(weights, bend):
    _, answers = forward(weights, bend)
    return ((answers - targets[:, None]) ** 2).mean(0)


every = {name: weight.requires_grad_() for name, weight in start(width=2).items()}
losses_of(every, torch.relu).sum().backward()

only = {
    name: weight[..., 7:8].clone().requires_grad_()
    for name, weight in start(width=2).items()
}
losses_of(only, torch.relu).sum().backward()

for name in only:
    print(name, torch.allclose(every[name].grad[..., 7:8], only[name].grad))

# %%
# It does not: no part of the sum but its own depends on a network's weights. So each network trains as if it were
# alone.
#
# How many of a thousand?
# -----------------------
#
# A thousand steps with a rate of one, each with the gradient of the mean over the four samples. We call a network
# *solved* if all four of its answers are on the right side of one half.
#
# **Predict.** The network with two ReLU units can solve XOR: you have seen it. From which share of the starts does it?
#
# .. answer:: About a quarter [a quarter of the starts]
#    About a half: Fewer.
#    About nine of ten: Far fewer.
#    Nearly all: That takes more units, or another bend.


def train(width, bend, steps=1000, rate=1.0, seed=0, reach=1.0):
    weights = start(width, seed, reach)
    leaves = [weight.requires_grad_() for weight in weights.values()]
    for _ in range(steps):
        loss = losses_of(weights, bend).sum()
        gradients = torch.autograd.grad(loss, leaves)
        with torch.no_grad():
            for weight, gradient in zip(leaves, gradients, strict=True):
                weight -= rate * gradient
    return {name: weight.detach() for name, weight in weights.items()}


def solved(weights, bend):
    _, answers = forward(weights, bend)
    return ((answers - targets[:, None]).abs() < 0.5).all(0)


bends = {"ReLU": torch.relu, "tanh": torch.tanh}
trained = {
    (bend, width): train(width, bends[bend])
    for bend in bends
    for width in (2, 4, 8)
}
share = {}
for (bend, width), weights in trained.items():
    share[bend, width] = solved(weights, bends[bend]).float().mean().item()
    print(f"{width} units, {bend}: {share[bend, width]:6.1%}")

# %%
# With two ReLU units about a quarter of the starts lead to a solution, ``0.2 < share["ReLU", 2] < 0.32``. Width helps,
# although two units would do: ``0.6 < share["ReLU", 4] < 0.76``, and with eight it is nearly all, ``0.92 <
# share["ReLU", 8] < 0.99``. With tanh two units do better, ``0.55 < share["tanh", 2] < 0.75``, and four units hardly
# ever fail, ``share["tanh", 4] > 0.97``.
#
# (``torch.autograd.grad`` gives the gradients back instead of adding them to ``.grad``, so there is nothing to empty.)
#
# How sure can we be?
# -------------------
#
# Another thousand starts would give other counts. For a share ``p`` of ``n`` draws, Wilson's formula gives an interval
# which, drawn again and again, holds the true share nineteen times of twenty:


def interval(p, n=1000, z=1.96):
    """Give Wilson's interval for a share; z is for nineteen of twenty."""
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    return middle - half, middle + half


for (bend, width), p in share.items():
    low, high = interval(p)
    print(f"{width} units, {bend}: {p:6.1%}, from {low:6.1%} to {high:6.1%}")

# %%
# Near one quarter the interval reaches less than three percentage points to either side,
# ``interval(0.25)[1] < 0.28``. So what we said about width is no accident. A difference of one point would be.
#
# The numbers belong to our choices: weights between minus one and one, a thousand steps, a rate of one, and all four
# samples in each step.
#
# Would it help to wait?
# ----------------------
#
# Many of the networks with two ReLU units have not learned it in 1000 steps. How large is the largest
# of their gradients?

weights = {
    name: weight.requires_grad_() for name, weight in trained["ReLU", 2].items()
}
losses_of(weights, torch.relu).sum().backward()
largest = torch.stack(
    [weight.grad.reshape(-1, 1000).abs().amax(0) for weight in weights.values()]
)
largest = largest.amax(0)
failed = ~solved(weights, torch.relu)
share_still = (largest[failed] < 0.001).float().mean().item()
print(f"of those that failed, {share_still:.0%} have no gradient above 0.001")

# %%
# Nearly all of them have stopped, ``share_still > 0.85``. A gradient of almost zero means that no small step helps, and
# neither does waiting.
#
# Inside a failed one
# -------------------
#
# What holds them? Look at the gates before the first step.
#
# **Predict.** A unit whose gate is shut at all four samples passes nothing on, whatever the sample. Call it *dead*, a
# :term:`dead neuron`. Which share of the networks that start with a dead unit get to a solution?
#
# .. answer:: None [Not one]
#    About a quarter, as of all: A dead unit gets no gradient. What could wake it?
#    About half: A dead unit gets no gradient. What could wake it?

hidden, _ = forward(start(width=2), torch.relu)
dead = (hidden == 0).all(0).sum(0)
success = solved(trained["ReLU", 2], torch.relu)
for count in (0, 1, 2):
    group = dead == count
    print(
        f"{count} dead: {group.sum():3} networks, {success[group].sum():3} solved"
    )

# %%
# Not one. Close to half of all networks are lost before the first step. To see why, we record one pass of a network
# that starts with both units dead.
#
# One with both units dead
# ------------------------
#
# **Predict.** Which of its four parameters get a gradient?
#
# .. answer:: b2 alone [Every gate is shut]
#    w2 and b2: w2 was multiplied by hidden units. What do those say?
#    None: The last bias does not ask what the hidden units say.
#    All four: Go back from the loss, and see what a shut gate does.

import chainrule

number = int((dead == 2).nonzero()[0])
w1, b1, w2, b2 = (weight[..., number].clone() for weight in start(width=2).values())
for weight in (w1, b1, w2, b2):
    weight.requires_grad_()

with chainrule.record() as rec:
    z = samples @ w1 + b1
    hidden = torch.relu(z)
    score = hidden @ w2 + b2
    y_hat = torch.sigmoid(score)
    error = y_hat - targets
    loss = (error**2).mean()
    loss.backward()

for sample, at in zip(samples.tolist(), z.tolist(), strict=True):
    print(f"({sample[0]:.0f}, {sample[1]:.0f})  z ({at[0]:5.2f}, {at[1]:5.2f})")
for name, weight in (("w1", w1), ("b1", b1), ("w2", w2), ("b2", b2)):
    print(name, [round(entry, 4) + 0.0 for entry in weight.grad.flatten().tolist()])

# %%
# Every gate is shut, since every ``z`` is negative. A shut gate multiplies by zero, so ``w1`` and ``b1`` get nothing.
# And ``w2`` was multiplied by hidden units that are zero, so it gets nothing either. Only ``b2`` is left. It moves all
# four answers together, and the best that it can do is to answer one half to everything. Nothing in this network can
# open a gate again.

rec

# %%
# .. do:: set b1 [3,3], loss 0.4908, grad w1 [[0.0059,0.004],[0.0059,0.004]]
#
#    Set both entries of ``b1`` to 3. Every gate opens, and the gradient reaches ``w1``: small numbers, but no zero.
#
# A dead unit is not the only way to fail. These are the answers of some that failed, by the loss that they ended with:

hidden, answers = forward(trained["ReLU", 2], torch.relu)
ends = losses_of(trained["ReLU", 2], torch.relu)
for loss in (0.125, 1 / 6, 0.25):
    alike = (failed & ((ends - loss).abs() < 0.005)).nonzero().flatten()
    one = [round(entry, 2) for entry in answers[:, alike[0]].tolist()]
    print(f"loss near {loss:.3f}: {len(alike):3} networks, such as {one}")

# %%
# Three plateaus, which stand out among all the losses at which the thousand have ended:

from chainrule.plots import LINES, Figure

figure = Figure(figsize=(5.4, 3.2), layout="constrained")
axes = figure.subplots()
axes.hist(ends.detach(), bins=[k / 96 for k in range(25)], color=LINES.value)
axes.set(xlabel="loss after 1000 steps", ylabel="networks")
near = {
    at: int(((ends - at).abs() < 0.005).sum()) for at in (0.0, 0.125, 1 / 6, 0.25)
}
figure.set_label(
    "How many of the thousand networks end at which loss: four peaks. "
    + ", ".join(f"{count} near {at:.3f}" for at, count in near.items())
)
figure

# %%
# Those in the peak near zero have learned it. Near a loss of ``1 / 6 ≈ 0.1667`` one sample is told apart and the other
# three get one answer: two thirds or one third, as two of them have the same target. Near ``0.125`` two samples are
# right, and the two others get the same answer, one half. And near ``0.25`` all four get one half.
#
# On the first two, samples with different targets have come to lie in the same place of the hidden layer, and no second
# layer can part them. On the third nearly every unit is open at all four samples, or at none. What is left is a model
# without a bend, and you know that it cannot solve XOR.
#
# A tanh unit is never entirely flat, so it cannot die like that. With two units, about one in three still gets stuck.
# So the activation is not the whole story.
#
# Take away
# ---------
#
# - Whether a network learns may depend on where it starts. One run says little: count, and give an interval.
# - A ReLU unit that is shut at every sample gets no gradient, and stays shut:
#   :ref:`sphx_glr_lessons_8_clinic_70_symmetric_or_dead.py`.
# - More units than needed make success likelier: it takes only a few that start well.
#
# On your own
# -----------
#
# **Exercise.** Both units of a network are dead, and its ``b2`` is such that it answers three quarters to all four
# samples. What is its mean loss? Give a fraction or a decimal.
#
# .. answer:: printed
#    1.2500: That is the sum, not the mean.
#    0.5000: The errors are squared before the mean.

errors = 3 / 4 - targets
print(f"as a sum: {(errors**2).sum():.4f}")
print(f"one half for everything: {((0.5 - targets) ** 2).mean():.2f}")
print(f"{(errors**2).mean():.4f}")

# %%
# Two squares are nine sixteenths and two are one sixteenth, which makes ``(errors**2).sum() ≈ 1.2500``, and a quarter
# of that is ``(errors**2).mean() ≈ 0.3125``. One half for everything costs less, 0.25, and that is where ``b2`` goes.
#
# **Exercise.** Draw the weights from a range twice as wide, with ``reach=2.0``, and the same seed. What happens to the
# number of networks that start with a dead unit?
#
# .. answer:: It stays just as it is [None more and none fewer]
#    It doubles: The bias doubles with the weights.
#    It falls: What becomes of the sign of z?

hidden, _ = forward(start(width=2, reach=2.0), torch.relu)
wide = (hidden == 0).all(0).sum(0)
print("change:", int((wide > 0).sum() - (dead > 0).sum()))

# %%
# None more and none fewer. Twice the weights and twice the bias make twice the ``z``, and its sign is the same. (It
# changes the training that follows.)
#
# **Exercise.** Both units are dead, and the answer to all four samples is one half. What is the gradient of ``b2``
# then? (Write it with ``y_hat`` and ``targets`` first. The sigmoid's local gradient is ``y_hat * (1 - y_hat)``.)
#
# .. answer:: 0, it stops there [there even b2 stops]
#    0.25, the slope of the sigmoid: Multiply it by twice the errors, and take the mean.
#    0.5, the error: Two of the four errors have the other sign.

derived = (2 * error * y_hat * (1 - y_hat)).detach()
print(rec.check(b2=derived.sum()))
print(rec.check(b2=derived.mean()))

# %%
# In the recorded network, it is twice the error, times the slope of the sigmoid, and then the mean over the samples.
# The sum alone is told what it looks like. Since half of the targets are one, the mean of the errors is zero once the
# answer is one half: there even ``b2`` stops.
#
# References
# ----------
#
# How to draw first weights: [Glorot2010]_ and [He2015]_. The interval: [Wilson1927]_.
#
# **Next:** the samples went through all at once here, as they do in practice. What does that do to shapes and
# gradients? :ref:`sphx_glr_lessons_4_batches_10_batches.py`.
