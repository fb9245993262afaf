"""
Multiply your way back
======================

**What you get:** the slope of the loss from a single walk back over the graph: first by hand, then by PyTorch, with
the same number. This is backpropagation.

**What you need:** :ref:`sphx_glr_lessons_1_one_weight_30_local_gradients.py`. Reading time: 12 minutes.
"""

# %%
# By hand, arrow by arrow
# -----------------------
#
# The forward pass, as before:

x, y, w = 1.0, 2.0, 1.0
y_hat = w * x
error = y_hat - y
loss = error**2

# %%
# Now we walk back, from the loss to the weight. At each value we ask: if *this value* moves a little, how far does
# **the loss** move? That number is the value's :term:`gradient`. We write ``d_error`` for the gradient of the loss with
# respect to the error, and so on.
#
# The walk starts at the loss itself. If the loss moves, the loss moves just as far:

d_loss = 1.0

# %%
# One arrow back is the error. A small change of the error moves the loss by the arrow's local gradient, which is two
# times the error. So we multiply what we have by it.
#
# **Predict.** The error is minus one. What is its gradient?

d_error = d_loss * (2 * error)
print(d_error)

# %%
# ``d_error == -2.0``.
#
# From here it goes on in the same way: at each arrow, multiply what you have by the arrow's local gradient.
#
# **Predict.** Walk on with pencil and paper. The arrow to the prediction has a local gradient of one, and the arrow to
# the weight one of ``x``. Which gradients do the prediction and the weight get? And what did nudging say about the
# weight, in the first lesson?

d_y_hat = d_error * 1.0
d_w = d_y_hat * x
print(d_y_hat)
print(d_w)

# %%
# ``d_y_hat == -2.0``, and ``d_w == -2.0``, which is the slope that we found by nudging.
#
# Why multiply? The prediction moves the error, and the error moves the loss: two changes, one driven by the other, like
# three gear wheels in a row. Their ratios multiply. At each arrow we did one and the same thing:
#
#     gradient of the input = gradient of the result × local gradient of the arrow
#
# The gradient of the result, which comes from the side of the loss, is called the :term:`upstream gradient`. The
# *local* gradient knows one operation. The *upstream* gradient stands for everything between that operation and the
# loss. It is easy to mix them up: at the product, the local gradient is ``x == 1.0`` and the upstream gradient is
# ``d_y_hat == -2.0``.
#
# PyTorch agrees
# --------------
#
# PyTorch takes the same walk when you call ``backward()``, and leaves the gradient of the weight in ``w.grad``.
#
# **Predict.** A nudge came close to the slope. What will stand in ``w.grad``: a number that is close, or the very
# number that we found by hand?

import torch

import chainrule

x = torch.tensor(1.0)
y = torch.tensor(2.0)
w = torch.tensor(1.0, requires_grad=True)

with chainrule.record() as rec:
    y_hat = w * x
    error = y_hat - y
    loss = error**2
    loss.backward()

print(w.grad)

# %%
# The very number, ``w.grad == -2.0``. Nothing was nudged: PyTorch multiplied, as we did.
#
# Here is the whole walk, with the numbers that it used:

rec.derivation("w")

# %%
# The sign on the left is read "d loss by d w": how far the loss moves, divided by how far ``w`` moves. (The curly
# letter is a ``d``, and the y with a hat is ``y_hat``.) Go down line by line: first a fraction for each arrow, then the
# rule for it, then its number, and last their product. This is the :term:`chain rule`, and it says *multiply along the
# way*.
#
# In the graph, values run forward along the solid blue lines. Gradients run backward along the dashed orange ones, and
# each arrow multiplies by its local gradient:

rec

# %%
# Numbers that tell the steps apart
# ---------------------------------
#
# With ones and twos, it is hard to see what was multiplied by what. So take an input of three and a target of four, and
# leave the weight at one.

x = torch.tensor(3.0)
y = torch.tensor(4.0)
w = torch.tensor(1.0, requires_grad=True)

with chainrule.record() as rec:
    y_hat = w * x
    error = y_hat - y
    loss = error**2
    loss.backward()

# %%
# **Predict.** On paper again: first the forward pass, then the three local gradients, then the gradients of the error,
# the prediction and the weight.

rec

# %%
# The error is ``error == -1.0``, so its gradient is ``rec.grad("error") == -2.0``. The prediction gets the same,
# ``rec.grad("y_hat") == -2.0``, and the weight three times as much, ``w.grad == -6.0``: with a larger input, the same
# weight has more to say.
#
# PyTorch keeps the gradients of leaves, such as ``w.grad``, and drops those in between once they have done their work.
# The recording has them all, under their names. It can also check what *you* worked out. Here, somebody mixed up local
# and upstream gradient at the prediction:

rec.check(error=-2.0, y_hat=1.0, w=-6.0)

# %%
# "The gradient is minus two x"
# -----------------------------
#
# In the first example the gradient was minus two with an input of one, in the second minus six with an input of three.
# It is tempting to write down "minus two times x" and to keep that.
#
# **Predict.** Back to the first example, with the weight at three. The input is one. What is the gradient?

x, y = torch.tensor(1.0), torch.tensor(2.0)
w = torch.tensor(3.0, requires_grad=True)

with chainrule.record() as rec:
    y_hat = w * x
    error = y_hat - y
    loss = error**2
    loss.backward()

print(w.grad)

# %%
# It has turned around: ``w.grad == 2.0``. Minus two was right for an error of minus one, which both examples had. Now
# the prediction is too high, ``error == 1.0``, and the loss falls when the weight goes *down*.
#
# Keep the error in the formula, and it holds everywhere:
#
# .. math::
#
#    \frac{\partial\,\mathrm{loss}}{\partial w} = 2\,(w x - y)\,x
#
# With the weight at one that is ``2 * (1.0 * x - y) * x == -2.0``, and at three ``2 * (3.0 * x - y) * x == 2.0``. A
# gradient belongs to a place. When the weight moves, everything that the walk multiplies has to be looked up again,
# which is why a new forward pass comes before each :term:`backward pass`.
#
# Here is this last walk as a figure, to print or to put on a slide:

rec.figure(direction="down")

# %%
# What it is good for
# -------------------
#
# The gradient says which way the loss rises. So go the other way: take a tenth of the gradient off the weight.
#
# **Predict.** The weight is three, its gradient two, the loss one. After the step, is the loss smaller? By a lot?

new_w = w.item() - 0.1 * w.grad.item()
new_loss = (new_w * x.item() - y.item()) ** 2
print(f"w {new_w:.2f}   loss {new_loss:.2f}")

# %%
# The weight is now ``new_w ≈ 2.80``, and the loss has fallen from one to ``new_loss ≈ 0.64``.
#
# Forward, backward, step, and again: that is how networks learn. It is called :term:`gradient descent`. Note who did
# what: ``backward()`` computed the gradient, and it changed no weight. The step was ours.
#
# Take away
# ---------
#
# - The backward pass starts with one at the loss and walks back over the graph.
# - At each arrow: upstream gradient times local gradient. That is the chain rule.
# - It gives the gradient of every value on the way, not only of the weight.
# - A gradient belongs to a place. After each step it is computed anew.
#
# On your own
# -----------
#
# **Exercise.** Take an input of two, a weight of three and a target of five. Derive the gradients of the error, of the
# prediction and of the weight on paper. Record the run, and ask ``rec.check(error=..., y_hat=..., w=...)``.

x, y = torch.tensor(2.0), torch.tensor(5.0)
w = torch.tensor(3.0, requires_grad=True)

with chainrule.record() as rec:
    y_hat = w * x
    error = y_hat - y
    loss = error**2
    loss.backward()

d_error = 2 * error
d_y_hat = d_error * 1.0
d_w = d_y_hat * x
print(rec.check(error=d_error, y_hat=d_y_hat, w=d_w))
print(rec.check(w=x))
print(rec.check(w=d_y_hat))

# %%
# The prediction is six, the error one. So the first two gradients are ``d_error == 2.0`` and ``d_y_hat == 2.0``, and
# the weight's is ``d_w == 4.0``. The last two lines are what two common slips are told.
#
# **Exercise.** With the same numbers, put one more step at the end: ``loss = error**2 / 2``. What is the gradient of
# the weight now?

w.grad = None
loss = (w * x - y) ** 2 / 2
loss.backward()
print(w.grad.item())

# %%
# The walk begins with one more arrow, which has a local gradient of one half, so every gradient behind it is half as
# large: ``w.grad == 2.0``. Many texts divide the loss by two for that reason: it takes the two of the square away.
#
# **Exercise.** Back to the loss without the half. Take a tenth of the gradient off the weight. What is the loss then?

new_w = w.item() - 0.1 * d_w.item()
new_loss = (new_w * x.item() - y.item()) ** 2
print(f"not {new_w:.2f}: That is the new weight.")
print(f"{new_loss:.2f}")

# %%
# The weight goes to ``new_w ≈ 2.60``, the prediction to ``new_w * 2 ≈ 5.20``, and the loss from one to
# ``new_loss ≈ 0.04``.
#
# **Next:** what if a value is used twice? :ref:`sphx_glr_lessons_1_one_weight_50_forks.py`.
