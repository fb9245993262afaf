"""
Find a gradient that is None: NoneType
======================================

**What you get:** a loop that takes one step and then stops with an error about ``NoneType``. You find the line that did
it, which is not the line that the error names, and get a question to ask of any tensor.

**What you need:** :ref:`sphx_glr_lessons_2_descent_40_line_with_autograd.py`. Reading time: 7 minutes.
"""

# %%
# What you see
# ------------
#
# Four samples, one weight, a step as in a textbook: the new weight is the old one minus the rate times the gradient.

import warnings

import torch

import chainrule

x = torch.tensor([1.0, 2.0, 3.0, 4.0])
y = 2 * x
w = torch.tensor(0.0, requires_grad=True)

with warnings.catch_warnings(action="ignore"):  # more of this below
    try:
        for step in range(5):
            loss = ((w * x - y) ** 2).mean()
            loss.backward()
            print(f"step {step}: loss {loss.item():.2f}, gradient {w.grad}")
            w = w - 0.04 * w.grad
    except TypeError as error:
        print("TypeError:", error)

# %%
# The first step is fine. In the second ``w.grad`` is ``None``, although ``backward()`` has run without an error. Then
# Python cannot multiply it, and complains about a line that has worked once already.
#
# Guess
# -----
#
# **Predict.** Why is it ``None``? PyTorch's graph is still there, so we can ask.
#
# .. answer:: w is not the tensor any more that we created [made by a subtraction, keep none]
#    The loss was not made from w: It was, and backward() ran without an error.
#    The gradient was zero: Then it would hold a zero.
#    backward() empties it: It fills, and adds up. It never empties.

print("leaf:", w.is_leaf, "  made by:", type(w.grad_fn).__name__)
found = chainrule.why(loss, w)
found

# %%
# ``w.is_leaf == False``: it was made by a subtraction, and results keep none.
#
# The cause
# ---------
#
# ``w = w - 0.04 * w.grad`` computes a *new* tensor and gives it the name ``w``. The old one, the leaf, is still in the
# graph, behind the subtraction. The second backward pass goes through the subtraction to the old leaf, and fills *its*
# ``.grad``. Results keep none. A recording of two steps shows it with the numbers:

w = torch.tensor(0.0, requires_grad=True)
first = w
with chainrule.record() as rec:
    loss = ((w * x - y) ** 2).mean()
    loss.backward()
    w = w - 0.04 * w.grad
    loss = ((w * x - y) ** 2).mean()
    loss.backward()

given = [round(rec.grad(first, backward=i).item(), 2) for i in (0, 1)]
print("the first w is a leaf:", first.is_leaf)
print("the passes gave it", given, "and it holds", round(first.grad.item(), 2))
rec.why("w")

# %%
# The leaf has got both gradients, -30 and -12, added up to -42. In the graph of the second pass you see both: the leaf,
# and the result that has taken its name.

rec

# %%
# .. do:: grad w -12, grad w#2 -12; set w 0.8, w#2 2, loss#2 0, grad w 0, grad w#2 0
#
#    ``w`` is the leaf and ``w#2`` the result. Both have a gradient of -12, and the leaf alone keeps it. Set ``w`` to
#    0.8: ``w#2`` is 2, and the loss and both gradients are 0.
#
# When you ask a result for its ``grad``, PyTorch warns: *The .grad attribute of a Tensor that is not a leaf Tensor is
# being accessed.* The script above switched its warnings off, as many do.
#
# The cure
# --------
#
# Change the leaf in place, and do not let autograd watch.


def train(steps=5):
    w = torch.tensor(0.0, requires_grad=True)
    losses = []
    for _ in range(steps):
        w.grad = None
        loss = ((w * x - y) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            w -= 0.04 * w.grad
        losses.append(loss.item())
    return losses, w


losses, w = train()
print([round(loss, 3) for loss in losses], "leaf:", w.is_leaf)

# %%
# The loss falls to 0.02, and ``w`` is still the leaf, ``w.is_leaf == True``. An optimizer's ``step()`` does the same.
#
# Both halves are needed. With ``w -= ...`` outside of ``no_grad``, PyTorch refuses:

try:
    w -= 0.04 * w.grad
except RuntimeError as error:
    print("RuntimeError:", error)

# %%
# See it next time
# ----------------
#
# A weight is a leaf that asks for a gradient. Anything that is done to it after ``requires_grad=True`` makes a result.
#
# **Predict.** How many of these five are weights that can learn?
#
# .. answer:: Two of the five [Two of them]
#    One of the five: There are two ways in the list to make a leaf that asks for a gradient.
#    Three of the five: A conversion is an operation too, and so is a product.
#    All of the five: Anything that is done after requires_grad=True makes a result.

start = torch.ones(3)
candidates = {
    "scaled after": torch.ones(3, requires_grad=True) * 0.1,
    "scaled before": (torch.ones(3) * 0.1).requires_grad_(),
    "converted after": torch.ones(3, requires_grad=True).double(),
    "a parameter": torch.nn.Parameter(start),
    "forgotten": torch.ones(3),
}


def can_learn(w):
    """Tell whether a backward pass fills `.grad` of a tensor."""
    return w.is_leaf and w.requires_grad


for name, candidate in candidates.items():
    print(f"{name:16} {can_learn(candidate)}")

# %%
# Two of them. The first and the third are results, of a product and of a conversion. The last is a leaf, but never
# asked.
#
# ``.to(device)`` is a trap: it makes a result when it has to move or convert, and hands back the tensor itself when it
# has not, ``start.to("cpu") is start``. So a program that works on the CPU fails on another device. **Scale and move
# first, ask for the gradient last.**
#
# Take away
# ---------
#
# - ``.grad`` is filled for leaves that ask for it, and for nothing else.
# - ``w = w - ...`` makes a result. ``w -= ...`` under ``no_grad`` changes the leaf.
# - If ``.grad`` is ``None``, ask ``chainrule.why(loss, w)``.
#
# On your own
# -----------
#
# **Exercise.** Somebody writes the step as ``with torch.no_grad(): w = w - 0.04 * w.grad``. How many backward passes
# run without an error?

w, passes = torch.tensor(0.0, requires_grad=True), 0
try:
    for _ in range(5):
        loss = ((w * x - y) ** 2).mean()
        loss.backward()
        passes += 1
        with torch.no_grad():
            w = w - 0.04 * w.grad
except RuntimeError as error:
    print("RuntimeError:", error)
print(passes)

# %%
# ``passes == 1``. What was made under ``no_grad`` asks for no gradient: ``w.requires_grad == False``. So the second
# loss is made of plain numbers, and has no way back.
#
# **Exercise.** The first loop goes on, as if nothing were wrong: a third weight is made from the second one and its
# gradient of -12. What is it, to two digits after the point?
#
# .. answer:: printed
#    1.20: That is the second weight.
#    0.48: That is the step alone.

second = 0.0 - 0.04 * -30.0
third = second - 0.04 * -12.0
print("second weight", second, " step", 0.04 * 12.0)
print(f"{third:.2f}")

# %%
# Its gradient goes on to the first leaf, too, which then holds the sum of all three.
#
# References
# ----------
#
# Leaves, and what is kept for them: [PyTorch]_.
#
# **Next:** a gradient that is there, and wrong: :ref:`sphx_glr_lessons_8_clinic_40_data.py`.
