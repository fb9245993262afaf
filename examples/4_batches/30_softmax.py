"""
Follow a choice backward: softmax and cross-entropy
===================================================

**What you get:** the loss of nearly every classifier, from its scores to its gradient. The gradient comes out so short
that you can read it off. And you see why PyTorch has this loss in one piece: taken apart, it breaks at large scores.

**What you need:** :ref:`sphx_glr_lessons_4_batches_20_is_it_right.py`. Reading time: 21 minutes.
"""

# %%
# From scores to shares
# ---------------------
#
# A network is to say which of three animals is in a picture. It has an output for each, a **score**: any number, the
# larger the likelier. What we want are probabilities: positive, and together one.
#
# The *exponential* ``exp`` makes any number positive, and a larger one out of a larger one. Then each is divided by the
# sum of all. That is the :term:`softmax`.
#
# The *logarithm* ``log`` undoes the exponential: ``exp(log(5))`` is five. We choose logarithms for scores, so that the
# numbers are easy.

import torch

import chainrule
from chainrule.plots import curves

animals = ["cat", "dog", "fox"]
scores = torch.log(torch.tensor([1.0, 2.0, 5.0]))
print([round(score, 4) for score in scores.tolist()])

# %%
# **Predict.** The exponentials are 1, 2 and 5. What is the probability of the last?
#
# .. answer:: 0.625
#    5: That is the exponential. Divide it by the sum of all three.
#    0.2: The share is the part of the whole, not the other way round.

p = torch.softmax(scores, dim=0)
shifted = torch.softmax(scores + 10, dim=0)
print([round(share, 4) for share in p.tolist()])
print([round(share, 4) for share in shifted.tolist()])

# %%
# An eighth, two eighths, five eighths. Adding 10 to a score multiplies its exponential by the same huge factor each
# time, and a share does not notice. Only differences of scores count.
#
# The loss
# --------
#
# It is a dog. The network gave that a quarter. How wrong is it?
#
# The loss takes the logarithm of the probability that the *right* class got, and turns its sign. It is called
# :term:`cross-entropy`. With a probability of one the loss is zero, and each time the probability is halved, it rises
# by the same amount.

right = 1  # the place of the dog
for share in (1.0, 0.5, 0.25, 0.125, 0.001):
    print(f"{share:<6} loss {0 - torch.log(torch.tensor(share)).item():.4f}")

# %%
# Ours is ``-torch.log(p[right]) ≈ 1.3863``.
#
# The gradient
# ------------
#
# **Predict.** Descent moves *against* the gradient. Which of the three gradients at the scores is negative?
#
# .. answer:: The right animal's [score should rise]
#    That of the favourite: It should fall, so its gradient is positive.
#    All three: What does the loss do if you add the same to every score?
#    None: Descent moves against the gradient, and one score should rise.

scores.requires_grad_()
with chainrule.record() as rec:
    p = torch.softmax(scores, dim=0)
    loss = -torch.log(p[right])
    loss.backward()

for animal, share, gradient in zip(animals, p, scores.grad, strict=True):
    print(f"{animal}  probability {share:.3f}  gradient {gradient:+.3f}")

# %%
# The dog's score should rise, the fox's fall more than the cat's. Together the three gradients are zero,
# ``abs(scores.grad.sum()) < 1e-6``, as a shift of all three scores changes nothing.
#
# And look at the numbers. They are the probabilities, with one taken away at the dog! Write the truth as probabilities,
# too: one for the right class, zero for the others. Then the gradient is **what the network says minus what is true**:

truth = torch.tensor([0.0, 1.0, 0.0])
print([round(entry, 4) for entry in (p - truth).tolist()])

# %%
# A softmax, a choice, a logarithm and a sign, and at the end a difference remains. How?

rec.derivation("scores")

# %%
# The sign gives minus one. The logarithm has the local gradient ``1 / p``, so it multiplies by four, since the dog had
# a quarter: ``rec.grad("p")[1] == -4.0``. Only the dog's probability was looked at, so only it has a gradient.
#
# The softmax spreads that over all three scores. Its local gradient is a table, because every score moves every
# probability. We need one row of it, that of the dog:
#
# - The dog's own score raises the dog's share, by ``p * (1 - p)``, as a sigmoid would: ``0.25 * (1 - 0.25) == 0.1875``.
# - Another score lowers it, by the product of the two shares: for the fox ``-0.25 * 0.625 == -0.15625``.
#
# Every entry of that row has a factor ``p[right]``, the quarter. And the logarithm sent back one divided by that same
# quarter. **The two cancel.** What is left is minus ``1 - p`` for the dog, which is ``p - 1``, and ``p`` for the
# others.
#
# Sure and wrong
# --------------
#
# So why a logarithm, and not the squared error of before? Suppose the network is sure, and wrong: with each line, the
# dog's score is two lower.
#
# **Predict.** As the dog's probability goes to zero, what does the gradient at its score do?
#
# .. answer:: It grows to 1 with cross-entropy, and fades with the squared error [lets go]
#    It fades with both: Cross-entropy has the logarithm's slope, 1 / p.
#    It grows with both: The squared error has only the small slope of the softmax.


def pull(dog, loss_of):
    """Give the size of the gradient at the dog's score; the others have zero."""
    scores = torch.tensor([0.0, dog, 0.0], requires_grad=True)
    loss_of(torch.softmax(scores, dim=0)).backward()
    return abs(scores.grad[right].item())


def cross_entropy(p):
    return -torch.log(p[right])


def squared(p):
    return ((p - truth) ** 2).sum()


pulls = {
    "cross-entropy": [pull(-2.0 * k, cross_entropy) for k in range(6)],
    "squared error": [pull(-2.0 * k, squared) for k in range(6)],
}
print("dog's score   cross-entropy   squared error")
for k in range(6):
    a, b = (each[k] for each in pulls.values())
    print(f"{-2 * k:11} {a:15.4f} {b:15.4f}")

# %%
# Cross-entropy pulls harder the more wrong the answer is, up to 1. The squared error *lets go*. It has no ``1 / p`` to
# cancel the small factor of the softmax. The more certain such a network is of a wrong answer, the less it learns from
# it.

curves(pulls, xlabel="times the dog's score was lowered by two", ylabel="gradient")

# %%
# Take it in hand
# ---------------
#
# The three animals once more, alive:

rec

# %%
# .. do:: set scores [0,-8,0], loss 8.693, grad scores [0.5,-1,0.5];
#    set scores [0,8,0], loss 0.0007, grad scores [0,-0.0007,0]
#
#    Set the scores to 0, -8 and 0: sure that it is no dog. The loss is 8.693, and the dog's score gets -1, all that
#    there is. Then 0, 8 and 0: sure and right. The loss is 0.0007, and so small is the gradient.
#
# Large scores
# ------------
#
# Does it matter in how many pieces the loss is written? Take scores that a large network may well have: zero for
# everything but the cat, whose score grows. The right answer is still the dog. Since the cat wins by so much, the loss
# should be about the cat's score.
#
# **Predict.** With scores of ten, a hundred and a thousand for the cat, which of the three programs below are right?
#
# .. answer:: Only the last is right each time [both have neither]
#    All are right: How large is the exponential of a thousand?
#    The last two are right each time: How small may a probability get before it is 0?


def written_out(scores):
    e = torch.exp(scores)
    return -torch.log(e[right] / e.sum())


def on_softmax(scores):
    return -torch.log(torch.softmax(scores, dim=0)[right])


def in_one_piece(scores):
    return torch.nn.functional.cross_entropy(scores, torch.tensor(right))


table = {}
for cat in (10.0, 100.0, 1000.0):
    for loss_of in (written_out, on_softmax, in_one_piece):
        scores = torch.tensor([cat, 0.0, 0.0], requires_grad=True)
        loss = loss_of(scores)
        loss.backward()
        table[loss_of.__name__, cat] = loss.item(), scores.grad[right].item()
        print(f"{cat:6.0f} {loss_of.__name__:13} loss {loss.item():9.4f}", end="")
        print(f"   gradient at the dog {scores.grad[right].item():.4f}")

# %%
# With ten all three agree. With a hundred the first has no loss any more, and the second no gradient. With a thousand
# both have neither. Only the last is right each time. Two different things went wrong with the others:
#
# - **A number too large.** In ``float32``, ``exp(100)`` is *infinity*. A zero share of infinity has an infinite loss;
#   on the way back, infinity meets zero, and their product is no number, ``nan``. The softmax knows a way around it.
#   Only differences count, so it subtracts the largest score from all of them first, and no exponential is larger than
#   one.
# - **A number too small.** But then the dog's share is the exponential of minus a thousand, which is rounded to zero,
#   and the logarithm of zero is minus infinity. Whatever the softmax does, the share has been lost before the logarithm
#   sees it. (With a hundred a bit of it may be left, but ``1 / p`` is too large to be held.)
#
# The cure is never to compute the share. The logarithm of a quotient is the difference of two logarithms. Here the
# quotient is ``e[right] / e.sum()``, and the logarithm of ``e[right]`` is the right score itself. So with its sign
# turned, the loss is
#
# .. code-block:: text
#
#    log(sum of exp(scores)) - scores[right]
#
# and, with the largest score taken out of the sum first and put back after the logarithm, nothing in it is ever too
# large or too small:


def by_hand(scores):
    largest = scores.max()
    log_sum = largest + torch.log(torch.exp(scores - largest).sum())
    return log_sum - scores[right]


# %%
# **Predict.** Does it survive the thousand, forward and backward?
#
# .. answer:: Yes, forward and backward [It does: ]
#    Only forward: Look at what is kept for the way back.
#    No: Nothing in it takes the exponential of a large number.

scores = torch.tensor([1000.0, 0.0, 0.0], requires_grad=True)
loss = by_hand(scores)
loss.backward()
print(loss.item(), scores.grad.tolist())

# %%
# It does: ``loss == 1000.0``, and the gradient is what the network says minus what is true. That is what
# ``cross_entropy`` does. It is one piece for a reason: **softmax and logarithm are safe together and not apart.** So
# give it the *scores*, and leave the softmax out of your network.
#
# A batch
# -------
#
# For several samples, each row has its own softmax and its own right class, and the loss is the mean.
#
# **Predict.** Two samples with the scores of the beginning. The first is a dog, the second a fox. What is the gradient
# at the fox's score in the second row?
#
# .. answer:: -0.1875
#    -0.375: That is what it says minus what is true. The loss is a mean of two.
#    0.3125: Its class is the right one: take 1 off.

batch = torch.log(torch.tensor([[1.0, 2.0, 5.0], [1.0, 2.0, 5.0]])).requires_grad_()
torch.nn.functional.cross_entropy(batch, torch.tensor([1, 2])).backward()
for row in batch.grad.tolist():
    print([round(entry, 4) for entry in row])

# %%
# Probabilities minus truth again, divided by two for the mean: -0.1875. The fox was the favourite, so its row teaches
# less than that of the dog.
#
# Take away
# ---------
#
# - Softmax makes shares of scores. Only differences of scores count.
# - Cross-entropy is minus the logarithm of the right class's share. Its gradient at the scores is ``p - truth``.
# - The short gradient comes from a ``1 / p`` that cancels a ``p``. Without it, a network that is sure and wrong hardly
#   learns.
# - Give ``cross_entropy`` scores, not probabilities.
#
# On your own
# -----------
#
# **Exercise.** A network that knows nothing gives ten classes the same score. What is its loss? (It is what you should
# see before the first step. If you see much more, the scores are too large.)
#
# .. answer:: printed
#    0.1: That is the probability. The loss is minus its logarithm.
#    1: That is the logarithm to base ten. Take the one that undoes exp.

loss = torch.nn.functional.cross_entropy(torch.zeros(1, 10), torch.tensor([3]))
print(f"{loss.item():.4f}")

# %%
# Each class has a share of a tenth, so it is the logarithm of ten, ``loss ≈ 2.3026``, whichever class is the right one.
#
# **Exercise.** Somebody gives ``cross_entropy`` probabilities in place of scores, so that the softmax is taken twice.
# There are ten classes, and the network is perfect: one for the right class, zero for the rest. The loss should be
# zero. What is it?
#
# .. answer:: printed
#    0: It would be if those were probabilities to cross_entropy.
#    0.2320: That is the share. The loss follows.

perfect = torch.zeros(1, 10)
perfect[0, 3] = 1.0
loss = torch.nn.functional.cross_entropy(perfect, torch.tensor([3]))
e, others = torch.exp(torch.tensor(1.0)), 9
assert torch.isclose(loss, -torch.log(e / (e + others)))
print(f"{loss.item():.4f}")

# %%
# The second softmax takes the one and the nine zeros for scores. The exponential of one is about ``e ≈ 2.718``, that of
# zero is one. So the right class gets ``e / (e + others) ≈ 0.2320``, and the loss is ``loss ≈ 1.4612``. A loss that
# comes to rest near this number is a well-known sign of a softmax too many.
#
# With two classes
# ----------------
#
# The last exercise has two classes, whose scores are ``s`` and zero. The first is right:

s = torch.tensor(0.5, requires_grad=True)
with chainrule.record() as rec:
    pair = torch.stack([s, torch.tensor(0.0)])
    loss = torch.nn.functional.cross_entropy(pair, torch.tensor(0))
    loss.backward()

# %%
# **Exercise.** Derive the loss and its gradient with respect to ``s``. (You will meet the *sigmoid*. In your own code,
# ``rec.check(s=...)`` tells.)
#
# .. answer:: 1 / (1 + exp(-s)) - 1 [what it says minus what is true]
#    1 / (1 + exp(-s)): The class is the right one: take the truth off.
#    1 - 1 / (1 + exp(-s)): The sign is the other one: a higher score lowers the loss.

share = 1 / (1 + torch.exp(-s.detach()))
print(rec.check(s=share - 1))
print("loss agrees:", torch.isclose(-torch.log(share), loss).item())

# %%
# Divide both exponentials by that of ``s``: the first class has a share of ``1 / (1 + exp(-s))``. So the sigmoid is
# the softmax of two scores, one of which is zero, and the rule for the gradient stays: what it says minus what is true,
# ``rec.grad("s") ≈ -0.3775``.
#
# References
# ----------
#
# Softmax units and their loss: [Goodfellow2016]_.
#
# **Next:** everything together on real data, :ref:`sphx_glr_lessons_4_batches_95_digits.py`.
