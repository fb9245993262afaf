"""
Calm a loss that explodes: inf and NaN
======================================

**What you get:** a program that worked with four samples and ends in NaN with eight. You find the reason with one
gradient worked out by hand. And you meet the other NaN, which comes without a warning, from a single step.

**What you need:** :ref:`sphx_glr_lessons_2_descent_40_line_with_autograd.py`. Reading time: 11 minutes.
"""

# %%
# What you see
# ------------
#
# The line through four samples once more, with targets of twice the inputs. It works. Then more samples come in, and
# they say the same as the first four.

import torch

import chainrule

x = torch.tensor([1.0, 2.0, 3.0, 4.0])
more = x.repeat(2)  # the same four, twice


def loss_of(w, x):
    return ((w * x - 2 * x) ** 2).sum()


def train(loss_of, x, rate=0.03, steps=100):
    w = torch.tensor(0.0, requires_grad=True)
    losses = []
    for _ in range(steps):
        w.grad = None
        loss = loss_of(w, x)
        loss.backward()
        with torch.no_grad():
            w -= rate * w.grad
        losses.append(loss.item())
    return losses


for name, samples in (("four", x), ("eight", more)):
    losses = train(loss_of, samples)
    print(
        f"{name:5}", *(f"{losses[step]:.3g}" for step in (0, 1, 2, 3, 10, 50, 99))
    )

# %%
# With four, the loss goes to zero. With eight, the first loss is twice as high, and each loss is several times the one
# before. Then come ``inf`` and ``nan``: the number has left the range of ``float32``, and infinity minus infinity is
# not a number. On a logarithmic scale both are straight lines, one factor for each step:

from chainrule.plots import curves

runs = {"four samples": train(loss_of, x), "eight samples": train(loss_of, more)}
curves({name: losses[:20] for name, losses in runs.items()}, log=True)

# %%
# Guess
# -----
#
# Here is the gradient at a weight of 0, for both, and an answer by hand: the *mean* of ``2 * x * error``.
#
# **Predict.** Why does the loss explode?
#
# .. answer:: The rate is too high for this loss [gradient doubles, sums where]
#    One of the new samples is bad: They say the same as the first four.
#    The gradient is wrong: PyTorch's gradient is right for the loss that is written.
#    float32 is too coarse: It held out for four samples, at losses that were as large.

gradients = []
for samples in (x, more):
    w = torch.tensor(0.0, requires_grad=True)
    with chainrule.record() as rec:
        loss = loss_of(w, samples)
        loss.backward()
    gradients.append(w.grad.item())
    by_hand = (2 * samples * (0 - 2 * samples)).mean()
    print(f"gradient {w.grad.item()}")
    print(rec.check(w=by_hand))

# %%
# The samples say the same, and the gradient doubles, from -120 to -240. By hand it is the same for both, ``by_hand ==
# -30``, and the check says what the code does: **it sums where a mean was meant.** So the gradient is right for the
# loss that is written, and the loss grows with the samples.
#
# The cause
# ---------
#
# Every step multiplies the distance to two by a factor, as in the lesson on the line. Rates up to ``2 / 60 ≈ 0.0333``
# work with four samples, and ``0.03`` is below that. With eight the limit is half of it, ``2 / 120 ≈ 0.0167``. The
# factor is ``1 - 0.03 * 120 ≈ -2.6`` then, so that the loss is multiplied by ``2.6**2 ≈ 6.76`` in every step.
#
# The cure
# --------


def mean_loss_of(w, x):
    return ((w * x - 2 * x) ** 2).mean()


# %%
# **Predict.** With the same rate, and the mean: which of the two runs gets closer to zero in 100 steps?
#
# .. answer:: Neither of the two [same run]
#    The one with four samples: Does a mean know how many there are?
#    The one with eight samples: Does a mean know how many there are?

cured = [train(mean_loss_of, samples) for samples in (x, more)]
for name, losses in zip(("four", "eight"), cured, strict=True):
    print(
        f"{name:5}", *(f"{losses[step]:.3g}" for step in (0, 1, 2, 3, 10, 50, 99))
    )

# %%
# They are the same run, up to rounding.
#
# Take it in hand
# ---------------
#
# The cured loss with its eight samples, and the fault as a switch.

w = torch.tensor(0.0, requires_grad=True)
with chainrule.record() as rec:
    loss = mean_loss_of(w, more)
    loss.backward()

rec

# %%
# .. do:: update 0.03, w 0.9, loss 9.075; reset; press sum for mean, loss 240; update 0.03, w 7.2, loss 1622.4
#
#    Open Loss curve, set the learning rate to 0.03, and press Update: ``w`` goes to 0.9, and the loss to 9.075. Reset,
#    and tick *sum for mean*: the loss is 240. Update again: the same rate takes ``w`` past the bottom, to 7.2, and the
#    loss to 1622.4.
#
# The other NaN
# -------------
#
# Here the loss is the distance to a point, the root of a square. Each step brings it closer by one half. Look at
# the last three numbers.

p = torch.tensor([3.0], requires_grad=True)
goal = torch.tensor([1.0])
distances = []
for _ in range(6):
    p.grad = None
    distance = ((p - goal) ** 2).sum().sqrt()
    distance.backward()
    with torch.no_grad():
        p -= 0.5 * p.grad
    distances.append(distance.item())
print(distances)

# %%
# Nothing explodes here. The loss falls to ``distances[4] == 0.0``, and after that it is NaN. **So the first question
# about a NaN is: was the loss growing before?** If it was, think of the rate, and of what it is the rate *of*. If it
# was not, one operation made it, and the record can name it.
#
# **Predict.** The loss was zero, a fine number. Which operation does not know what its slope is there?
#
# .. answer:: The root [Its slope is infinite]
#    The square: Its slope at zero is zero.
#    The sum: Its slope is 1 everywhere.
#    The difference: Its slope is 1 everywhere.

p = torch.tensor([1.0], requires_grad=True)
with chainrule.record() as rec:
    distance = ((p - goal) ** 2).sum().sqrt()
    distance.backward()

found = rec.why("p")
found

# %%
# The root. Its slope is infinite there, the square's slope is zero, and infinity times zero is NaN. A small number
# below the root cures it. The logarithm of zero does the same, and a mask that leaves nothing: :doc:`/how-to/why`
# follows one of those through a transformer.

p = torch.tensor([1.0], requires_grad=True)
distance = (((p - goal) ** 2).sum() + 1e-12).sqrt()
distance.backward()
print(p.grad.item())

# %%
# See it next time
# ----------------
#
# Give your loss the batch once, and the batch twice. A mean stays where it is.


def grows_with_the_batch(loss_of, *batch):
    """Give the loss of a batch taken twice, divided by the loss of the batch."""
    twice = [torch.cat([part, part]) for part in batch]
    return (loss_of(*twice) / loss_of(*batch)).item()


w = torch.tensor(0.0)
print("sum ", grows_with_the_batch(lambda x: loss_of(w, x), x))
print("mean", grows_with_the_batch(lambda x: mean_loss_of(w, x), x))

# %%
# The 2.0 says that the loss is a sum over the samples. Its rate belongs to their number.
#
# Take away
# ---------
#
# - A loss that is multiplied in every step, then ``inf``, then ``nan``: the rate is beyond its limit.
# - The limit depends on the samples if the loss is a sum.
# - A NaN out of a loss that was falling: ask ``rec.why()`` about that step.
#
# On your own
# -----------
#
# **Exercise.** With ten times as many samples of the same kind as the first four, below which rate does the loss with
# the sum still arrive? Four digits after the point.
#
# .. answer:: printed
#    0.1333: mean

many = x.repeat(10)
limit = 2 / (2 * (many**2).sum().item())
for share in (0.99, 1.01):
    losses = train(loss_of, many, rate=share * limit)
    print(f"{share} of the limit: from {losses[0]:.0f} to {losses[99]:.0f}")
print(f"with the mean: {2 / (2 * (many**2).mean().item()):.4f}")
print(f"{limit:.4f}")

# %%
# It is 0.0033, a tenth of what four samples allow. Just below it the loss falls; just above it, the loss rises.
#
# **Exercise.** Now the loss is the sum over the samples of the mean over two outputs, ``w * x`` and ``w``. The targets
# of the second are two as well, so the best weight is the same. What is the
# gradient of ``w`` at 0? (In your own code, ``rec.check(w=...)`` tells.)
#
# .. answer:: -68.0
#    -136.0: The mean over the two outputs halves each.
#    -120.0: That is the first output alone, without the mean.

w = torch.tensor(0.0, requires_grad=True)
with chainrule.record() as rec:
    errors = torch.stack([w * x - 2 * x, (w - 2).expand(4)])
    loss = (errors**2).mean(dim=0).sum()
    loss.backward()

e = errors.detach()
print(rec.check(w=(2 * x * e[0] + 2 * e[1]).sum() / 2))
print(rec.check(w=(2 * x * e[0] + 2 * e[1]).sum()))

# %%
# Half of the sum over both rows: ``w.grad == -68.0``.
#
# References
# ----------
#
# More mistakes that fail in silence: [Karpathy2019]_.
#
# **Next:** no number goes wrong in the next case, for there is none: :ref:`sphx_glr_lessons_8_clinic_30_not_a_leaf.py`.
