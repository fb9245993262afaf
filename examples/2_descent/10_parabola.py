"""
Walk down a parabola
====================

**What you get:** gradient descent, a handful of lines in a loop; what its rate does when it is too small or too large;
who does what, since one part finds the slope and another takes the step; and momentum, which is one line more.

**What you need:** :ref:`sphx_glr_lessons_1_one_weight_50_forks.py`. Reading time: 10 minutes.
"""

# %%
# A loss and nothing else
# -----------------------
#
# We leave the model out for a moment. The loss is the square of the weight, so we can see from here where it is
# smallest: at zero. The weight starts at ten.

import torch

import chainrule

w = torch.tensor(10.0, requires_grad=True)

with chainrule.record() as rec:
    loss = w**2
    loss.backward()

rec.graph(backward=None)

# %%
# **Predict.** A square has a local gradient of twice its input. What does ``backward()`` leave in ``w.grad``? And what
# is ``w`` now?

print(f"gradient {w.grad.item()}, weight {w.item()}")

# %%
# The gradient is ``w.grad == 20.0``, and the weight is still ``w == 10.0``. **Backpropagation finds the gradient. It
# moves nothing.** You often read that backpropagation "reduces the weight" or "lowers the loss". It does neither.
#
# One step
# --------
#
# The gradient says which way the loss rises, so the step goes the other way. How far? We take a fixed share of the
# gradient, the :term:`learning rate`. Here it is a tenth. This part is called **gradient descent**:

rate = 0.1

with torch.no_grad():
    w -= rate * w.grad

# %%
# (``torch.no_grad()`` tells PyTorch that the step belongs to no graph: nobody will ever want its gradient.)
#
# **Predict.** What is the weight now, and what is the loss there?

print(f"weight {w.item()}, loss {w.item() ** 2}")

# %%
# A tenth of twenty is two, so the weight has moved to ``w == 8.0``, and the loss from a hundred to
# ``w.item() ** 2 == 64.0``.
#
# And again
# ---------
#
# At the new weight the slope is a new one, so each step begins with a backward pass. (``w.grad = None`` empties the
# last gradient, as in the lesson on forks: the next would be added to it.) In this list, each line holds what belongs
# together: a weight, the loss *at that weight*, and the gradient *at that weight*.
#
# **Predict.** From ten to eight, the weight lost a fifth. How much will it lose in the second step: two again, or a
# fifth again? Roughly where is it after fifteen?

w = torch.tensor(10.0, requires_grad=True)
path = []

print("step       w       loss    gradient")
for step in range(16):
    w.grad = None
    loss = w**2
    loss.backward()
    print(f"{step:4} {w.item():10.7f} {loss.item():10.5f} {w.grad.item():8.4f}")
    path.append((w.item(), loss.item()))
    if step < 15:
        with torch.no_grad():
            w -= rate * w.grad

# %%
# A fifth each time. The gradient is twice the weight, and a tenth of that is a fifth of the weight, so every step
# multiplies by ``1 - rate * 2 ≈ 0.8``. The steps get shorter by themselves, because the slope gets flatter. After
# fifteen of them the weight is ``w ≈ 0.3518437``, which is ``10 * 0.8**15 ≈ 0.3518437``.
#
# It comes closer with each step, and it never arrives. That is how descent ends: not at the bottom, but close enough.

from chainrule.plots import curves, descent

weights = [i / 10 for i in range(-110, 111)]
descent(weights, [v**2 for v in weights], path)

# %%
# Too small, too large
# --------------------
#
# The rate is ours to choose, and nothing computes it for us.
#
# **Predict.** Try three others: a hundredth, nine tenths, and one and a tenth. Each step multiplies the weight by one
# minus twice the rate. Which of the three arrives, which crawls, and which does something else?


def descend(rate, steps=15, w=10.0):
    """Give the weights that a descent on the square goes through."""
    weights = [w]
    for _ in range(steps):
        w = w - rate * 2 * w
        weights.append(w)
    return weights


for trial in (0.01, 0.1, 0.9, 1.1):
    walked = descend(trial)
    first = "  ".join(f"{w:7.3f}" for w in walked[:4])
    print(f"rate {trial:<4}  {first}  ...  {walked[-1]:9.4f}")

losses = {f"rate {r}": [w**2 for w in descend(r)] for r in (0.01, 0.1, 1.1)}
curves(losses, log=True)

# %%
# One crawls, one arrives from both sides in turn, and one runs away.
#
# - With a hundredth it crawls: the factor is 0.98 (``1 - 2 * 0.01 ≈ 0.98``), and after fifteen steps the weight is
#   still ``descend(0.01)[-1] ≈ 7.39``.
# - With nine tenths it jumps over the bottom to the other side, and back, with the factor ``1 - 2 * 0.9 ≈ -0.8``. It
#   does arrive, as fast as with a tenth: ``descend(0.9)[-1] ≈ -0.3518``.
# - With one and a tenth each jump lands further out than the last, since the factor is ``1 - 2 * 1.1 ≈ -1.2``. After
#   fifteen steps the weight is ``descend(1.1)[-1] ≈ -154.07``. The loss *rises*, although each gradient was right.
#
# The picture has three of them. It is drawn on a *logarithmic* scale: each line on its left stands for ten times the
# one below, so what shrinks by the same share in each step is straight.
#
# So there is a limit to the rate, and it belongs to this loss: where the curve bends more, it is lower. Two lessons
# from here we will find it for a model with data.
#
# Momentum, in one line more
# --------------------------
#
# With a small rate there is a way to get on faster, called :term:`momentum`. Think of a ball that rolls down the curve:
# it keeps some of the speed that it has. In code, the step is taken along a *velocity*, which remembers a share of what
# it was and adds the new gradient:


def descend_with_momentum(rate, momentum, steps=15, w=10.0):
    """Give the weights of a descent that keeps a share of its velocity."""
    weights, velocity = [w], 0.0
    for _ in range(steps):
        velocity = momentum * velocity + 2 * w
        w = w - rate * velocity
        weights.append(w)
    return weights


# %%
# **Predict.** We take the rate that crawled, a hundredth, and keep nine tenths of the velocity. After fifteen steps the
# plain descent was at a bit more than seven. Is this one ahead of it? And does a ball stop at the bottom?

rolled = descend_with_momentum(0.01, momentum=0.9, steps=60)
plain = descend(0.01, steps=60)
for step in (15, 30, 45, 60):
    print(f"after {step}: plain {plain[step]:.3f}, momentum {rolled[step]:6.3f}")

curves({"plain": plain, "momentum 0.9": rolled}, ylabel="w")

# %%
# After fifteen steps it has reached the bottom, and rolled a little past it: ``rolled[15] ≈ -0.746``. From there it
# swings back and forth, less and less, and after sixty steps it is at ``rolled[60] ≈ 0.014``. The plain descent is
# still at ``plain[60] ≈ 2.976``.
#
# The next lesson has a program whose author used momentum without meaning to.
#
# Take away
# ---------
#
# - Backpropagation finds the gradient. Descent takes the step: ``w -= rate * w.grad``.
# - A weight, its loss and its gradient belong together. After a step all three are new.
# - Too small a rate crawls. Too large a rate makes the loss rise. Between them there is room.
# - Momentum keeps a share of the last steps, in one more line.
#
# On your own
# -----------
#
# **Exercise.** There is one rate with which this descent arrives in a single step. Which?

print(descend(0.5, steps=1))
print(f"rate {1 / 2}")

# %%
# The factor, one minus twice the rate, has to be zero: ``1 - 2 * 0.5 == 0.0``.
#
# **Exercise.** Make the loss three times the square. Up to which rate does the descent arrive? (Its factor has to stay
# above minus one.)
#
# .. answer:: printed
#    1.0000: That is for the square alone. This is three times as steep.
#    0.1667: With this rate one step arrives. It may be larger.

limit = 2 / (3 * 2)
print(f"{limit:.4f}")

# %%
# The gradient is three times as large, so the factor is one minus six times the rate, which is zero at ``limit / 2 ≈
# 0.1667`` and minus one at ``limit ≈ 0.3333``. ``descend`` shows it with three times the rate: ``abs(descend(3 * 0.33,
# steps=500)[-1]) < 0.001``, and ``abs(descend(3 * 0.34, steps=500)[-1]) > 1000``.
#
# **Exercise.** In ``descend_with_momentum``, set the momentum to one, with a rate of a hundredth. Do the swings get
# smaller? To the nearest whole number, how far from the bottom does it still come after a thousand steps?

endless = descend_with_momentum(0.01, momentum=1.0, steps=1100)
print(f"{max(map(abs, endless[1000:])):.0f}")

# %%
# They do not. It comes back to where it began, ``max(map(abs, endless[1000:])) > 9.9``, for a velocity that forgets
# nothing has no friction.
#
# **Next:** several weights at once, :ref:`sphx_glr_lessons_2_descent_20_weight_vector.py`.
