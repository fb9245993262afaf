"""
Walk downhill: gradient descent and the learning rate
=====================================================

**What you get:** gradient descent, a handful of lines in a loop; what its rate does when it is too small or too large;
and who moves the weight.

**What you need:** :ref:`sphx_glr_lessons_1_one_weight_50_forks.py`. Reading time: 11 minutes.
"""

# %%
# Who moves the weight?
# ---------------------
#
# The model of the first part: an input of 5, a target of 11, a weight of 3. The prediction is 15, and the loss 16.

import torch

import chainrule

x, y = torch.tensor(5.0), torch.tensor(11.0)
w = torch.tensor(3.0, requires_grad=True)

with chainrule.record() as rec:
    loss = (w * x - y) ** 2
    loss.backward()

rec

# %%
# **Predict.** ``backward()`` has run. What has become of the weight?
#
# .. answer:: It is what it was [moves nothing, still 3]
#    It has gone down, towards the bottom: Who would have moved it? So far there is a gradient, and nobody used it.
#    It has gone up, along the gradient: Who would have moved it? So far there is a gradient, and nobody used it.

print(f"gradient {w.grad.item()}, weight {w.item()}")

# %%
# The weight is still 3. **Backpropagation finds the gradient. It moves nothing.** The step is another part. It goes
# against the gradient, since that says which way the loss rises. How far? We take a fixed share of the gradient, the
# :term:`learning rate`. Here it is 0.01. This part is called **gradient descent**:

rate = 0.01

with torch.no_grad():
    w -= rate * w.grad

print(f"weight {w.item():.2f}, error {(w * x - y).item():.2f}")

# %%
# (``torch.no_grad()`` tells PyTorch that the step belongs to no graph.) A hundredth of 40 is 0.4, so the weight has
# moved to 2.6, and the error from 4 to 2.
#
# And again
# ---------
#
# At the new weight the slope is a new one, so each step begins with a forward and a backward pass. (``w.grad = None``
# empties the last gradient, as in the lesson on forks: the next would be added to it.)
#
# **Predict.** The first step took the weight from 3 to 2.6, and halved the error. Where does the second step take the
# weight?
#
# .. answer:: 2.40
#    2.20: That would be another step of the same length. But the gradient is smaller now.

w = torch.tensor(3.0, requires_grad=True)
print("step     w     loss  gradient")
for step in range(5):
    w.grad = None
    loss = (w * x - y) ** 2
    loss.backward()
    print(f"{step:4} {w.item():5.2f} {loss.item():8.4f} {w.grad.item():9.2f}")
    with torch.no_grad():
        w -= rate * w.grad

# %%
# Each line holds what belongs together: a weight, the loss *at that weight*, and the gradient *at that weight*. The
# gradient at 2.6 is 20, half of what it was, and so the second step is half as long. (Of the same length, it would end
# at the bottom, ``2.6 - 0.4 ≈ 2.20``.) Each step halves the error, and leaves a quarter of the loss: 16, 4, 1, 0.25.
#
# Too small, too large
# --------------------
#
# The rate is ours to choose, and nothing computes it for us. Here the gradient is 10 times the error, and a step of the
# weight moves the prediction by 5 times that. So each step multiplies the error by ``1 - 50 * rate == 0.5``.
#
# **Predict.** What will a rate of 0.04 do?
#
# .. answer:: It jumps to the other side and back, for ever [other side and back, -4.00]
#    It lands on the target in one step: That is a rate with a factor of 0. Put 0.04 into 1 - 50 × rate.
#    It comes closer, from both sides in turn: Put 0.04 into 1 - 50 × rate. Does it shrink?
#    It flies off: That takes a factor below -1. Put 0.04 into 1 - 50 × rate.

print("rate   factor   errors")
for trial in (0.01, 0.02, 0.03, 0.04, 0.05):
    error, errors = 4.0, []
    for _ in range(5):
        errors.append(f"{error:6.2f}")
        error = error * (1 - 50 * trial)
    print(f"{trial:<6} {1 - 50 * trial:6.1f}  ", *errors)

# %%
# - 0.01 halves the error in each step.
# - 0.02 lands in a single step. So exact a rate is luck.
# - 0.03 goes too far, and arrives from both sides in turn.
# - 0.04 makes an :term:`oscillation`: it jumps to the other side and back, and never comes closer.
# - 0.05 lands further out with each step. The loss *rises*, although each gradient was right.
#
# So there is a limit to the rate, and it belongs to this loss: where the curve bends more, it is lower. Here are three
# steps with 0.05 on the curve:

from chainrule.plots import descent

jumps = [11 / 5 + (3 - 11 / 5) * (1 - 50 * 0.05) ** step for step in range(4)]
weights = [-0.8 + i / 20 for i in range(121)]
descent(
    weights,
    [(v * 5 - 11) ** 2 for v in weights],
    [(v, (v * 5 - 11) ** 2) for v in jumps],
)

# %%
# .. do:: update 0.01, w 2.6, loss 4; reset; update 0.02, w 2.2, loss 0; reset; update 0.04, w 1.4, loss 16;
#    update 0.04, w 3, loss 16
#
#    In the graph above, open Loss curve. Set the learning rate to 0.01 and press Update: the point on the curve goes to
#    ``w`` 2.6, and the loss to 4. Reset, and try 0.02: ``w`` is 2.2 and the loss 0. Reset, and press Update twice with
#    0.04: ``w`` goes to 1.4 and back to 3, and the loss is 16 each time.
#
# A longer walk
# -------------
#
# Now a loss and nothing else: the square of the weight, which is smallest at 0, and whose gradient is two times the
# weight. The weight starts at 10, and the rate is 0.1.

w = torch.tensor(10.0, requires_grad=True)
path, rate = [], 0.1

print("step          w      loss")
for step in range(16):
    w.grad = None
    loss = w**2
    loss.backward()
    path.append((w.item(), loss.item()))
    if step in (0, 1, 2, 5, 10, 15):
        print(f"{step:4} {w.item():10.7f} {loss.item():9.5f}")
    if step < 15:
        with torch.no_grad():
            w -= rate * w.grad

print("factor", round(path[1][0] / path[0][0], 4))

# %%
# A tenth of twice the weight is a fifth of it, so 0.8 is left: the first step goes to 8, where the loss is 64
# (``path[1] == (8.0, 64.0)``). The steps get shorter by themselves, because the slope gets flatter. After 15 of them
# the weight is ``10 * 0.8**15 ≈ 0.3518437``. That is how descent ends: not at the bottom, but close enough.

weights = [i / 10 for i in range(-110, 111)]
descent(weights, [v**2 for v in weights], path)

# %%
# Take away
# ---------
#
# - Backpropagation finds the gradient. Descent takes the step: ``w -= rate * w.grad``.
# - A weight, its loss and its gradient belong together. After a step all three are new.
# - Too small a rate crawls. Too large a rate oscillates, or makes the loss rise. Between them there is room.
#
# On your own
# -----------
#
# **Exercise.** The loss is the square of the weight. There is one rate with which this descent arrives in a single
# step. Which?
#
# .. answer:: printed
#    1.0: With this rate the weight jumps to the other side and back.

print("factor", 1 - 2 * 0.5)
print("rate", 1 / 2)

# %%
# The factor, one minus twice the rate, has to be zero.
#
# **Exercise.** Make the loss three times the square. Below which rate does the descent arrive? (Its factor has to stay
# above -1.) Four digits after the point.
#
# .. answer:: printed
#    1.0000: That is for the square alone. This is three times as steep.
#    0.1667: With this rate one step arrives. It may be larger.

print(f"in one step: {1 / 6:.4f}")
print(f"limit: {2 / 6:.4f}")

# %%
# The gradient is three times as large, so the factor is one minus six times the rate. That is 0 at 0.1667 and -1 at
# 0.3333.
#
# References
# ----------
#
# Descent in full: [Goodfellow2016]_.
#
# **Next:** several weights at once, :ref:`sphx_glr_lessons_2_descent_20_weight_vector.py`.
