"""
Multiply your way back
======================

**What you get:** the slope of the loss from a single walk back over the graph: first by hand, then by PyTorch, with
the same number. This is backpropagation.

**What you need:** :ref:`sphx_glr_lessons_1_one_weight_30_local_gradients.py`. Reading time: 10 minutes.
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
# **the loss** move? That number is the value's **gradient**. We write ``d_error`` for the gradient of the loss with
# respect to the error, and so on.
#
# The walk starts at the loss. If the loss moves, the loss moves just as far:

d_loss = 1.0

# %%
# **Predict.** One arrow back is the error. The local gradient of the square is two times the error. How far does the
# loss move when the error moves?

d_error = d_loss * (2 * error)
print(d_error)

# %%
# ``d_error == -2.0``. There was little to do: the gradient that we already had, times the local gradient of the arrow.
#
# **Predict.** The next arrow leads to the prediction, and its local gradient is one. What is the prediction's gradient?

d_y_hat = d_error * 1.0
print(d_y_hat)

# %%
# ``d_y_hat == -2.0``: the prediction moves the error by just as much, and the error moves the loss by minus two times
# that. Two changes in a row multiply, as when you convert metres to feet and feet to inches.
#
# **Predict.** The last arrow leads to the weight. Its local gradient is the input ``x``. Before you open the answer:
# what did nudging say, two lessons ago?

d_w = d_y_hat * x
print(d_w)

# %%
# The same: ``d_w == -2.0``.
#
# At each arrow we did one and the same thing:
#
#     gradient of the input = gradient of the result × local gradient of the arrow
#
# The gradient that arrives from behind is called the **upstream gradient**. The *local* gradient knows one operation.
# The *upstream* gradient sums up everything after it. It is easy to mix them up: at the product, the local gradient is
# ``x == 1.0`` and the upstream gradient is ``d_y_hat == -2.0``.
#
# PyTorch agrees
# --------------
#
# PyTorch takes the same walk when you call ``backward()``:

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

# %%
# **Predict.** It leaves the result in ``w.grad``. What stands there?

print(w.grad)

# %%
# ``w.grad == -2.0``, the number that we worked out by hand.
#
# Here is the whole walk, with the numbers that PyTorch used:

rec.derivation("w")

# %%
# Read it from left to right: the chain of derivatives, one for each arrow; then what each is for these operations;
# then the numbers; then their product. This is the **chain rule**, and all that it says is *multiply along the way*.
#
# In the graph, values run forward along the solid blue lines. Gradients run backward along the dashed orange ones, and
# each arrow multiplies by its local gradient:

rec

# %%
# Check your own
# --------------
#
# PyTorch keeps the gradients of leaves, such as ``w.grad``, and drops those in between once they have done their work.
# The recording has them all: ``rec.grad("error") == -2.0`` and ``rec.grad("y_hat") == -2.0``. It can also check what
# you worked out yourself:

rec.check(w=d_w, y_hat=d_y_hat, error=d_error)

# %%
# And it has an idea of what went wrong, if something did. Here, somebody mixed up local and upstream gradient:

rec.check(y_hat=1.0)

# %%
# "The gradient is minus two x": is it?
# -------------------------------------
#
# Since the answer was minus two, with an input of one, you might write the gradient down as "minus two times x", and
# you would find that formula in print. Try it at another weight.
#
# **Predict.** We move the weight to three and change nothing else. By that formula the gradient would still be minus
# two. What does PyTorch say?

w = torch.tensor(3.0, requires_grad=True)

with chainrule.record() as rec:
    y_hat = w * x
    error = y_hat - y
    loss = error**2
    loss.backward()

print(w.grad)

# %%
# It has turned around: ``w.grad == 2.0``. Minus two was the number for an error of minus one. Now the prediction is
# too high, ``error == 1.0``, and the loss falls when the weight goes *down*.
#
# Keep the error in the formula, and it holds everywhere:
#
# .. math::
#
#    \frac{\partial\,\mathrm{loss}}{\partial w} = 2\,(w x - y)\,x
#
# At our first weight that is ``2 * (1.0 * x - y) * x == -2.0``, and at this one ``2 * (3.0 * x - y) * x == 2.0``. A
# gradient belongs to a place. When the weight moves, everything that the walk multiplies has to be looked up again,
# which is why each backward pass follows a forward pass.
#
# Here is the second walk, as a figure to print or to put on a slide. Compare it with the graph above: the values and
# the signs have changed, the arrows have not.

rec.figure(direction="down")

# %%
# Take away
# ---------
#
# - The backward pass starts with one at the loss and walks back over the graph.
# - At each arrow: upstream gradient times local gradient. That is the whole chain rule.
# - It gives the gradient of every value on the way, not only of the weight.
# - ``backward()`` computes gradients. It changes no weight.
#
# On your own
# -----------
#
# - Take an input of two, a weight of three and a target of five. Work out the three gradients on paper, then ask
#   ``rec.check``.
# - Put one more step at the end, ``loss = error**2 / 2``. Which of the numbers change?
#
# **Next:** what if a value is used twice? :ref:`sphx_glr_lessons_1_one_weight_50_forks.py`.
