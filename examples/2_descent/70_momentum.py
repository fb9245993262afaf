"""
Gather speed: momentum
======================

**What you get:** a descent that keeps a share of its last steps. It is two lines, it gets on where a plain descent
crawls, and a famous mistake turns out to be a case of it.

**What you need:** :ref:`sphx_glr_lessons_2_descent_50_loss_and_optimizer.py`. Reading time: 10 minutes.
"""

# %%
# A ball on a slope
# -----------------
#
# A small rate is safe and slow. Think of a ball that rolls down the curve of the loss: it keeps some of the speed that
# it has. In code, the step is taken along a *velocity*, which remembers a share of what it was and adds the new
# gradient. That is :term:`momentum`. Here it is on the line through four samples, in two lines:

import torch

x = torch.tensor([1.0, 2.0, 3.0, 4.0])
y = torch.tensor([2.0, 4.0, 6.0, 8.0])


def fit(steps, rate, momentum):
    """Give the weights of a descent that keeps a share of its velocity."""
    w = torch.tensor(0.0, requires_grad=True)
    velocity = 0.0
    weights = [w.item()]
    for _ in range(steps):
        w.grad = None
        ((w * x - y) ** 2).mean().backward()
        with torch.no_grad():
            velocity = momentum * velocity + w.grad
            w -= rate * velocity
        weights.append(w.item())
    return weights


# %%
# **Predict.** The rate is 0.01, and the share is 0.5. The first gradient is -30, so the weight goes to 0.3, where the
# gradient is -25.5. Where does the second step take it?
#
# .. answer:: 0.705
#    0.555: That is the step without momentum. Half of the first velocity comes on top.
#    0.450: That is half of the first velocity alone. The gradient at the new weight comes on top.

rolled = fit(3, rate=0.01, momentum=0.5)
plain = fit(3, rate=0.01, momentum=0.0)
print("gradient at 0.3:", round((2 * x * (0.3 * x - y)).mean().item(), 1))
print("half of the velocity alone:", f"{0.3 + 0.01 * 0.5 * 30:.3f}")
print("momentum 0.5", [round(w, 3) for w in rolled])
print("plain       ", [round(w, 3) for w in plain])

# %%
# Half of the velocity, -30, and the new gradient, -25.5, make ``0.5 * -30 - 25.5 == -40.5``. So the second step is
# longer than the first, although the slope is flatter.
#
# Past the bottom
# ---------------
#
# **Predict.** Now a rate of 0.001 and a share of 0.9. The plain descent crawls. Where is the ball after 30 steps?
#
# .. answer:: Past the best weight, and on its way back [rolled past]
#    At rest at the best weight: A ball that arrives has speed, and nothing stops it at once.
#    Not yet half of the way: It adds up the gradients of many steps. Together they are ten times as long.

from chainrule.plots import curves

plain = fit(100, rate=0.001, momentum=0.0)
rolled = fit(100, rate=0.001, momentum=0.9)
for step in (10, 20, 30, 50, 100):
    print(f"after {step:3}: plain {plain[step]:.3f}, momentum {rolled[step]:.3f}")

curves({"plain": plain, "momentum 0.9": rolled}, ylabel="w")

# %%
# It has rolled past 2 and comes back, swings a little less each time, and settles. The plain descent has not arrived
# after 100 steps.
#
# Take it in hand
# ---------------
#
# The same line, alive:

import chainrule

w = torch.tensor(0.0, requires_grad=True)
with chainrule.record() as rec:
    y_hat = w * x
    error = y_hat - y
    loss = (error**2).mean()
    loss.backward()

rec

# %%
# .. do:: press momentum; update 0.0067 10, w 3.177; update 0.0067 100, w 2.004
#
#    Open Loss curve and press the preset *momentum*: it sets a rate of 0.0067. Press Update 10 times. ``w`` has run
#    past the bottom, to 3.177. After 100 more steps it is at 2.004.
#
# A share of everything
# ---------------------
#
# What if the velocity forgets nothing? Here are three weights, as in the lesson on them, and two loops. One has a share
# of 1. The other has no velocity at all, and forgets to empty ``w.grad``.
#
# **Predict.** Compare what stands in ``velocity`` with what stands in ``w.grad``. What do the losses do?
#
# .. answer:: They are the same in both loops [no friction]
#    The first settles, the second does not: What would take the speed away?
#    The second settles, the first does not: What would take the old gradients out of w.grad?

inputs, start = torch.tensor([2.0, 3.0, 1.0]), [1.0, 1.0, 2.0]


def losses_of(momentum, empty, steps=5):
    w, velocity = torch.tensor(start, requires_grad=True), torch.zeros(3)
    losses = []
    for _ in range(steps):
        loss = (w @ inputs - 3.0) ** 2
        losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            velocity = momentum * velocity + w.grad
            w -= 0.01 * velocity
        if empty:
            w.grad = None
    return losses


print([round(loss, 3) for loss in losses_of(momentum=1.0, empty=True)])
print([round(loss, 3) for loss in losses_of(momentum=0.0, empty=False)])

# %%
# In both loops a step goes along the sum of *all* gradients so far. So leaving out the line that empties has a name:
# momentum with a share of 1, a ball with no friction to slow it. It swings through the bottom and up the other side,
# again and again.
#
# A switch
# --------
#
# In PyTorch's optimizer, momentum is a number among its arguments:

w = torch.tensor(0.0, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.001, momentum=0.9)
for _ in range(30):
    optimizer.zero_grad()
    torch.nn.MSELoss()(w * x, y).backward()
    optimizer.step()
print(f"after 30 steps: {w.item():.3f}, ours {rolled[30]:.3f}")

# %%
# The same weight, to all digits shown.
#
# Take away
# ---------
#
# - Momentum keeps a share of the last steps: ``velocity = momentum * velocity + w.grad``.
# - It speeds up what always goes the same way, and rolls past the bottom.
# - A share of 1 forgets nothing. A loop that does not empty ``w.grad`` is just that.
#
# On your own
# -----------
#
# **Exercise.** The loss is the square of a weight, which starts at 10. With a rate of 0.01 and a share of 1, how far
# from the bottom does it still come after a thousand steps, to the nearest whole number?
#
# .. answer:: printed
#    0: What would take the speed away?

w, velocity, far = 10.0, 0.0, []
for _ in range(1100):
    velocity = velocity + 2 * w
    w -= 0.01 * velocity
    far.append(abs(w))
print(f"{max(far[1000:]):.0f}")

# %%
# As far as where it began.
#
# **Exercise.** The gradient is the same in every step, -1. With a share of 0.9, which velocity does it come to in the
# end?
#
# .. answer:: printed
#    -1.9: That is the second velocity. It goes on.
#    -9.0: That is the share of what was. The new gradient comes on top.

velocity, gradient = 0.0, -1.0
for step in range(200):
    velocity = 0.9 * velocity + gradient
    if step == 1:
        print("second:", velocity, " share of the last:", 0.9 * -10)
print(f"{velocity:.1f}")

# %%
# At the end nothing changes any more: the velocity is nine tenths of itself and one more, so it is ten times the
# gradient.
#
# References
# ----------
#
# The first paper, [Polyak1964]_, and one with pictures to play with, [Goh2017]_.
#
# **Next:** a row times a table, and a bend, :ref:`sphx_glr_lessons_3_xor_05_layer.py`.
