"""
Follow the numbers forward: the graph
=====================================

**What you get:** the model's run written down step by step, as a table and as a graph. The next lessons walk over
this graph.

**What you need:** :ref:`sphx_glr_lessons_1_one_weight_10_nudge.py`. Reading time: 6 minutes.
"""

# %%
# The same model, in PyTorch
# --------------------------
#
# The numbers stay: input 5, target 11, weight 3. This time they are :term:`tensors <tensor>`, PyTorch's numbers. The
# weight is the one thing that will be learned, and ``requires_grad=True`` tells PyTorch so.

import torch

import chainrule

x = torch.tensor(5.0)
y = torch.tensor(11.0)
w = torch.tensor(3.0, requires_grad=True)

# %%
# ``chainrule.record()`` watches what PyTorch does inside its block, and keeps it under the name ``rec``. It changes
# nothing.
#
# Three steps follow: multiply, subtract, square.

with chainrule.record() as rec:
    y_hat = w * x
    error = y_hat - y
    loss = error**2

print(rec.table())

# %%
# Read the table from top to bottom; ``pow``, for *power*, is the square. The prediction is 15. It is 4 above the
# target, so the error is 4. Squared, that is the loss: 16.
#
# Walking through a model in this direction, from inputs and weights to the loss, is the :term:`forward pass`. It is the
# program, run as it stands.
#
# The same run as a graph
# -----------------------
#
# Each step takes some values and makes a new one. An arrow from each value that was taken to the value that was made
# gives the :term:`graph` of the run:

rec

# %%
# In each box: a name, how the value was made, and the number. Boxes without an expression are :term:`leaves <leaf>`.
# Nobody made them: ``x`` and ``y`` are data, and ``w`` is the weight. The last box is the loss.
#
# .. do:: set w 2, y_hat 10, error -1, loss 1
#
#    Set ``w`` to 2. Everything after it follows along the arrows: ``y_hat`` 10, ``error`` -1, ``loss`` 1. The other
#    leaves, ``x`` and ``y``, stay.
#
# A :term:`neural network` with millions of weights is written down in the same way. It only takes more boxes.
#
# What PyTorch itself remembers
# -----------------------------
#
# While it ran, PyTorch took notes too. Each value that depends on the weight knows which operation made it:

for value in (y_hat, error, loss):
    print(value.grad_fn.name())

# %%
# A multiplication, a subtraction and a power, each with ``Backward`` in its name: they are notes for a way back, which
# we take later. The input has no note, ``x.grad_fn == None``, since nothing made it.
#
# Another weight
# --------------
#
# **Predict.** We run the same three steps with a weight of 1.4. What is the error now?
#
# .. answer:: -4.0
#    4.0: The prediction is below the target now. Which sign does the difference have?

w = torch.tensor(1.4, requires_grad=True)
with chainrule.record() as rec:
    y_hat = w * x
    error = y_hat - y
    loss = error**2

print(rec.table())

# %%
# The error has turned around, -4, and the loss is the same as with a weight of 3: 16.
#
# By the loss alone, nobody could tell the two weights apart. The slope can: it is 40 at the one and -40 at the other
# (``10 * error == -40``). To find it without nudging, we need to know what each step does to a change.
#
# Take away
# ---------
#
# - The forward pass runs the model and keeps every value on the way.
# - The graph says which value was made from which: boxes are values, arrows are inputs of operations.
# - Leaves were not made by any operation. Among them are the weights.
#
# On your own
# -----------
#
# **Exercise.** Write the three steps as one line, ``loss = (w * x - y) ** 2``, and record that. How many boxes has the
# graph now? (Leaves have boxes, too.)
#
# .. answer:: printed
#    4: Two values have no name now, but they are there.

with chainrule.record() as rec:
    loss = (w * x - y) ** 2

print(len(rec.trace.values))

# %%
# As many as before: three leaves, a product, a difference and a square. PyTorch sees operations, not lines. Only names
# have gone, and the boxes show their expressions instead.
#
# **Exercise.** Add a second weight, a :term:`bias`, which is added and not multiplied: ``y_hat = w * x + b``. Let it be
# 0.5, and set the weight to 3 again. What is the loss now?
#
# .. answer:: printed
#    4.5: That is the error. The loss is its square.
#    16.0: That is the loss without the bias.

w = torch.tensor(3.0, requires_grad=True)
b = torch.tensor(0.5, requires_grad=True)

with chainrule.record() as rec:
    y_hat = w * x + b
    error = y_hat - y
    loss = error**2

print("prediction", y_hat.item(), "error", error.item())
print("loss", loss.item())

# %%
# The bias moves the prediction to 15.5, so the error is 4.5, and the loss 20.25.
#
# **Exercise.** And how many boxes does the graph with the bias have? Draw it on paper first.
#
# .. answer:: printed
#    7: The product has lost its name, not its box.

print(len(rec.trace.values))

# %%
# Two more than before: the bias is a leaf, and the sum is a step of its own. One box has no name, the product: without
# it you would count ``len(rec.trace.values) - 1 == 7``.
#
# References
# ----------
#
# Graphs of computations, and all that can be done with them: [Baydin2018]_.
#
# **Next:** how far does each result move, when its input moves a little?
# :ref:`sphx_glr_lessons_1_one_weight_30_local_gradients.py`.
