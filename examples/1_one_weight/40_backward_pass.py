"""
Multiply your way back: the chain rule
======================================

**What you get:** the slope of the loss from a single walk back over the graph: first by hand, then by PyTorch. This is
backpropagation.

**What you need:** :ref:`sphx_glr_lessons_1_one_weight_30_local_gradients.py`. Reading time: 17 minutes.
"""

# %%
# By hand, arrow by arrow
# -----------------------
#
# The forward pass, as before, with its lines numbered:

x, y, w = 5.0, 11.0, 3.0

y_hat = w * x  # (1)
error = y_hat - y  # (2)
loss = error**2  # (3)
print(y_hat, error, loss)

# %%
# Now we walk back, from the loss to the weight. At each value we ask: if *this value* moves a little, how far does
# **the loss** move? That number is the value's :term:`gradient`. We write ``d_error`` for the gradient of the loss with
# respect to the error, and so on.
#
# The walk starts at the loss itself. If the loss moves, the loss moves just as far:

d_loss = 1.0

# %%
# One arrow back is the error. A small change of the error moves the loss by the arrow's local gradient. So we multiply
# what we have by it.
#
# The error is 4, and the loss is its square, whose local gradient is two times the error:

d_error = d_loss * (2 * error)  # (3)
print(d_error)

# %%
# 1, which we had, times 8.
#
# The rest of the way
# -------------------
#
# So it goes on: at each arrow, multiply what you have by the arrow's local gradient. The arrow to the prediction has a
# local gradient of 1. The arrow from there to the weight has the other factor, the input of 5.
#
# **Predict.** Walk on with pencil and paper. Which gradient does the weight get?
#
# .. answer:: 40.0
#    5.0: That is the local gradient alone. Multiply it by what you had before.
#    8.0: That is what arrives at the product. One factor is left.
#    15.0: That is the prediction. No value of the way forward is a gradient.

d_y_hat = d_error * 1.0  # (2)
d_w = d_y_hat * x  # (1)
print(d_y_hat)
print(d_w)

# %%
# The prediction gets 8 times 1, and the weight 8 times 5, which is 40: the slope that we found by nudging. Each line of
# the way forward has one of the way back, with the same number, in the opposite order.
#
# Why multiply? The weight moves the prediction, 5 times as far. That moves the error, and the error moves the loss, 8
# times as far. Changes that drive one another are like gear wheels in a row: their ratios multiply. At each arrow we
# did one and the same thing:
#
#     gradient of the input = gradient of the result × local gradient of the arrow
#
# The gradient of the result, which comes from the side of the loss, is called the :term:`upstream gradient`. The
# *local* gradient knows one operation, the *upstream* gradient everything between that operation and the loss. At the
# product the local gradient is 5, and the upstream gradient is 8.
#
# And PyTorch?
# ------------
#
# PyTorch takes this walk when you call ``backward()``, and leaves the gradient of the weight in ``w.grad``.

import torch

import chainrule

x = torch.tensor(5.0)
y = torch.tensor(11.0)
w = torch.tensor(3.0, requires_grad=True)

with chainrule.record() as rec:
    y_hat = w * x
    error = y_hat - y
    loss = error**2
    loss.backward()

print(w.grad)

# %%
# The very number, ``w.grad == 40``. Nothing was nudged: PyTorch multiplied. Here is the whole walk, with the numbers
# that it used:

rec.derivation("w")

# %%
# The sign on the left is read "d loss by d w": how far the loss moves, divided by how far ``w`` moves. Go down line by
# line: first a fraction for each arrow, then the rule for it, then its number, and last their product. This is the
# :term:`chain rule`: *multiply along the way*.
#
# In the graph, values run forward along the solid blue lines. Gradients run backward along the dashed orange ones, and
# each arrow multiplies by its local gradient:

rec

# %%
# .. do:: play, grad loss 1, grad error 8, grad y_hat 8, grad w 40
#
#    Press Play, and watch the way back: the 1 at the loss becomes 8 at ``error``, is handed on as 8 to ``y_hat``, and
#    becomes 40 at ``w``. Then press Predict, and give the numbers yourself.
#
# One product more
# ----------------
#
# One weight takes one product. Here are two weights, one behind the other, and two products.

x = torch.tensor(3.0)
y = torch.tensor(20.0)
v = torch.tensor(2.0, requires_grad=True)
w = torch.tensor(4.0, requires_grad=True)

with chainrule.record() as rec:
    h = v * x
    y_hat = w * h
    error = y_hat - y
    loss = error**2
    loss.backward()

# %%
# **Predict.** On paper: first the forward pass, then a local gradient for each arrow, then the walk back. Which
# gradient does ``v`` get?
#
# .. answer:: 96.0
#    32.0: That is what arrives at h. One arrow is left, and it multiplies by x.
#    48.0: That is the gradient of w.
#    24.0: That leaves out w. The way from y_hat to v goes through h.
#    12.0: The local gradients of the two products, without what arrives at y_hat.

rec

# %%
# Forward: ``h == 6``, ``y_hat == 24``, ``error == 4``. Backward, ``y_hat`` gets ``rec.grad("y_hat") == 8``. There the
# way forks into the two factors:
#
# - ``w`` was multiplied by ``h``, so it gets 8 times 6, ``w.grad == 48``;
# - ``h`` was multiplied by ``w``, so it gets 8 times 4, ``rec.grad("h") == 32``, and hands ``v`` three times that,
#   ``v.grad == 96``.
#
# A product swaps its factors on the way back: each gets what arrives, times the other.
#
# PyTorch keeps the gradients of leaves, such as ``v.grad``, and drops those in between. The recording has them all, and
# can check what *you* worked out. Here, somebody forgot what arrives at ``h``, and took the local gradient for the
# whole:

rec.check(w=48.0, h=32.0, v=3.0)

# %%
# .. do:: set x 4, error 12, grad v 384; set x 1, error -12, grad v -96
#
#    Set ``x`` to 4: the error is 12 now, and ``v`` gets 384. Then set it to 1: the error turns around, to -12, and so
#    does the gradient of ``v``, to -96.
#
# A formula that is too short
# ---------------------------
#
# A small example is often written like this: input 1, target 2, weight 1.


def run(x, y, w):
    """Record one pass, and print what it gives."""
    x, y = torch.tensor(x), torch.tensor(y)
    w = torch.tensor(w, requires_grad=True)
    with chainrule.record() as rec:
        y_hat = w * x
        error = y_hat - y
        loss = error**2
        loss.backward()
    print(f"prediction {y_hat}  error {error}  loss {loss}  gradient {w.grad}")
    return rec, error, loss, w


rec, error, loss, w = run(1.0, 2.0, 1.0)

# %%
# The prediction is 1, which is 1 too low: ``error == -1.0`` and ``loss == 1.0``. The way back: 1 at the loss, times two
# times the error, times 1, times the input, ``w.grad == -2.0``. With an input of 3 and a target of 4 the error is the
# same, and the gradient three times as large:

rec, error, loss, w = run(3.0, 4.0, 1.0)

# %%
# Minus two with an input of 1, ``w.grad == -6.0`` with an input of 3. It is tempting to write down "the gradient is
# minus two times x".
#
# **Predict.** Back to the first of these, with an input of 1 and a target of 2, but a weight of 3. What is the
# gradient?
#
# .. answer:: 2 [turned around]
#    -2: The formula says so. But what is the error now?
#    -6: The weight is no factor of the way back.

rec, error, loss, w = run(1.0, 2.0, 3.0)

# %%
# It has turned around: ``w.grad == 2.0``. Minus two was right for an error of -1, which both examples had. Now the
# prediction is too high, ``error == 1.0``. Keep the error in the formula, and it holds everywhere:
#
# .. math::
#
#    \frac{\partial\,\mathrm{loss}}{\partial w} = 2\,(w x - y)\,x
#
# A gradient belongs to a place. When the weight moves, everything that the walk multiplies has to be looked up again,
# which is why a new forward pass comes before each :term:`backward pass`. Here is this last walk as a figure:

rec.figure(direction="down")

# %%
# What it is good for
# -------------------
#
# The gradient says which way the loss rises. So go the other way. Back to our model, with the input of 5 and the target
# of 11: we take a hundredth of the gradient off the weight, which moves it from 3 to ``3 - 0.01 * 40 ≈ 2.6``.
#
# **Predict.** By which factor does the step multiply the error?
#
# .. answer:: 0.50
#    0.01: That is the share of the gradient that we took. The gradient is much larger than the weight.
#    0.25: That is the factor of the loss. The error is squared there.

rec, error, loss, w = run(5.0, 11.0, 3.0)
new_w = w.item() - 0.01 * w.grad.item()
new_error = new_w * 5.0 - 11.0
print(f"weight {new_w:.2f}  error {new_error:.2f}  loss {new_error**2:.2f}")
print(f"loss  times {new_error**2 / loss.item():.2f}")
print(f"error times {new_error / error.item():.2f}")

# %%
# The prediction is ``2.6 * 5 == 13`` now, only 2 too high where it was 4: half of the error is gone, and three quarters
# of the loss.
#
# Forward, backward, step, and again: that is how neural networks learn. It is called :term:`gradient descent`.
# ``backward()`` computed the gradient, and it changed no weight. The step was ours.
#
# Take away
# ---------
#
# - The backward pass starts with 1 at the loss and walks back over the graph.
# - At each arrow: upstream gradient times local gradient. That is the chain rule.
# - It gives the gradient of every value on the way, not only of the weight.
# - A gradient belongs to a place. After each step it is computed anew.
#
# On your own
# -----------
#
# **Exercise.** Take an input of 3, a weight of 4 and a target of 10. Derive the gradients of the error, of the
# prediction and of the weight on paper. What is the last of them? (In your own code, ``rec.check(w=...)`` tells.)
#
# .. answer:: 12.0
#    4.0: That is what arrives at the product. Its local gradient is still to be multiplied in.
#    3.0: That is the local gradient alone.

rec, error, loss, w = run(3.0, 10.0, 4.0)
print(rec.check(error=4.0, y_hat=4.0, w=12.0))
print(rec.check(w=3.0))

# %%
# The prediction is 2 too high. So the first two gradients are 4, and the weight's is 12. The last line is the answer to
# a slip.
#
# **Exercise.** With the same numbers, put one more step at the end: ``loss = error**2 / 2``. What is the gradient of
# the weight now?

w = torch.tensor(4.0, requires_grad=True)
loss = (w * 3.0 - 10.0) ** 2 / 2
loss.backward()
print(w.grad.item())

# %%
# The walk begins with one more arrow, which has a local gradient of one half, so every gradient behind it is half as
# large. Many texts divide the loss by two for that reason: it takes the two of the square away.
#
# **Exercise.** Now the absolute value in place of the square, ``loss = error.abs()``, and a target of 14, which the
# prediction misses from below. What is the gradient of the weight?
#
# .. answer:: printed
#    12.0: That is with the square, and the other target.
#    -1.0: That is the gradient of the error. Two arrows are left.

w = torch.tensor(4.0, requires_grad=True)
loss = (w * 3.0 - 14.0).abs()
loss.backward()
print(w.grad.item())

# %%
# The error is negative, so the arrow into the loss has a local gradient of -1, and the weight gets the input with that
# sign. However far the prediction is off, this gradient stays the same, as long as the error keeps its sign.
#
# References
# ----------
#
# The paper that made it known: [Rumelhart1986]_. The same walk as a circuit: [CS231n]_.
#
# **Next:** what if a value is used twice? :ref:`sphx_glr_lessons_1_one_weight_50_forks.py`.
