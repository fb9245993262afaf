"""
Watch what autograd keeps: leaves and saved tensors
===================================================

**What you get:** the life of what PyTorch notes down on the way forward: what it keeps, for how long, what adds up, and
what must not change meanwhile. Each is shown by what it does, in counts.

**What you need:** :ref:`sphx_glr_lessons_7_inside_40_tiny_engine.py`. Reading time: 16 minutes.
"""

# %%
# Who has a ``grad``?
# -------------------
#
# **Predict.** Here are a weight, twice the weight, and a loss. After ``backward()`` we ask each for its ``grad``. Which
# of the three have one?
#
# .. answer:: Only the weight [Only w]
#    The weight and its double: What arrives on the way is used and forgotten.
#    All three: What arrives on the way is used and forgotten.
#    Only the loss: The way back begins there, and ends at a leaf.

import warnings

import torch

w = torch.tensor(3.0, requires_grad=True)
h = 2 * w
loss = h**2
loss.backward()

# PyTorch warns of the mistake that we make here
with warnings.catch_warnings(action="ignore"):
    print(w.grad, h.grad, loss.grad)

# %%
# Only ``w.grad == 24.0``. A **leaf** is a value that no recorded operation made; what arrives there is kept. What
# arrives at ``h`` and at ``loss`` is used and forgotten, as in your own engine.
#
# That explains a famous puzzle. Somebody takes a step like this:

s = torch.tensor(3.0, requires_grad=True)
(s**2).backward()
s = s - 0.1 * s.grad
(s**2).backward()

# %%
# **Predict.** Both backward passes ran without an error. What is ``s.grad`` now?
#
# .. answer:: None at all [found is None]
#    The gradient of the second pass: Is s still the leaf that it was?
#    The sum of both: Is s still the leaf that it was?

with warnings.catch_warnings(action="ignore"):
    found = s.grad
print(found, s.is_leaf)

# %%
# ``found is None``. The step was an operation like any other, and so the name ``s`` now stands for its *result*, which
# is no leaf: ``s.is_leaf == False``. The gradient went on to the old one. That is why training loops change the weight
# *in place*, ``w -= ...``, inside ``torch.no_grad()``: the leaf stays the leaf, and nobody records the step.
#
# What is kept for the way back
# -----------------------------
#
# The local gradient of a square is twice its input. So the square has to keep its input until the way back has used it.
# PyTorch lets us watch: ``saved_tensors_hooks`` takes two functions. The first is called with each tensor that an
# operation keeps, and the second gives it back when the way back asks. Ours writes the tensor into a list.


class Watch(torch.autograd.graph.saved_tensors_hooks):
    """List the tensors that operations keep for the way back."""

    def __init__(self):
        self.kept = []
        super().__init__(self.keep, lambda tensor: tensor)

    def __enter__(self):
        super().__enter__()
        return self

    def keep(self, tensor):
        self.kept.append(tensor.detach())
        return tensor


# %%
# **Predict.** Five operations, each on a thousand numbers. A local gradient that is the same everywhere needs nothing
# to be kept. How many of the five keep something?
#
# .. answer:: Three of them [Three keep something]
#    All five: A local gradient that is the same everywhere needs nothing.
#    One, the product: A square and an exponential have local gradients that differ, too.
#    None: What are the local gradients made of?

a = torch.rand(1000, requires_grad=True)
b = torch.rand(1000, requires_grad=True)

kept = {}
for name, operation in {
    "a + b": lambda: a + b,
    "2 * a": lambda: 2 * a,
    "a * b": lambda: a * b,
    "a**2": lambda: a**2,
    "exp(a)": lambda: torch.exp(a),
}.items():
    with Watch() as watch:
        operation()
    kept[name] = [len(tensor) for tensor in watch.kept]
    print(f"{name:7} keeps {kept[name]}")

# %%
# Three keep something, and the product keeps two tensors:
#
# - A sum hands on what arrives: ``kept["a + b"] == []``.
# - Twice ``a`` needs the two and nothing else, and a plain number is not a tensor: ``kept["2 * a"] == []``.
# - For a product each factor is the other's local gradient: ``kept["a * b"] == [1000, 1000]``.
# - The square keeps its input. The exponential keeps its *result*, which is its own local gradient. One tensor each:
#   ``kept["a**2"] == [1000]`` and ``kept["exp(a)"] == [1000]``.
#
# *Keeps* does not mean *copies*. It is the same tensor, which may not be thrown away yet. And if nobody wants a
# gradient, nothing is kept at all:

with Watch() as watch, torch.no_grad():
    quiet = a * b
print(watch.kept, quiet.requires_grad)

# %%
# ``watch.kept == []``. That is what ``torch.no_grad()`` does: inside it, nothing is recorded. Use it when you predict,
# and for the step.
#
# Take it in hand
# ---------------
#
# The chain from the top, alive. A local gradient that follows its input has to be looked up on the way back.

import chainrule

w = torch.tensor(3.0, requires_grad=True)
with chainrule.record() as rec:
    h = 2 * w
    loss = h**2
    loss.backward()

rec

# %%
# .. do:: set w 3, h 6, says × 12; set w 5, h 10, says × 20, says × 2, grad w 40
#
#    Set ``w`` to 5. The arrow into the loss said × 12 and says × 20 now, twice the new ``h``: so ``h`` has to be kept.
#    The arrow into ``h`` says × 2 whatever ``w`` is, so ``w`` need not be.
#
# Until when
# ----------
#
# **Predict.** You call ``backward()`` twice on the same loss. The first time everything that was kept is used. What
# happens the second time?
#
# .. answer:: It stops with an error [lets go of what it kept]
#    The gradient doubles: It would, if what was kept were still there.
#    Nothing changes: backward adds, or refuses.

h = a * b
loss = (h**2).sum()
loss.backward()
try:
    loss.backward()
    refused = False
except RuntimeError as error:
    refused = True
    print(str(error).split(" (")[0])

# %%
# ``refused == True``. PyTorch lets go of what it kept as soon as the way back has used it. For a large model that
# matters: memory becomes free *during* the backward pass. If you need a second pass, say so in the first:

w = torch.tensor(3.0, requires_grad=True)
loss = (2 * w) ** 2
loss.backward(retain_graph=True)
loss.backward()
print(w.grad)

# %%
# ``w.grad == 48.0``, two times what it was at the top of this page. Nothing went wrong: a leaf adds up,
# over passes as over paths. ``retain_graph`` keeps the *notes*. It has nothing to do with ``grad``, which you have to
# empty yourself.
#
# Changed in place
# ----------------
#
# What is kept is the tensor itself. So what if you change it before the way back?
#
# **Predict.** The loss is the square of ``w``, with ``w`` at 3. Between forward and backward we set the weight to zero.
# Once inside ``no_grad``, once through ``.data``. What comes of each?
#
# .. answer:: An error inside no_grad, a wrong gradient through .data [not counted]
#    An error both times: A change through .data is on the same memory. Who counts it?
#    A wrong gradient both times: In the open, changes are counted.
#    The right gradient both times: The square keeps w itself, and no copy.

w = torch.tensor(3.0, requires_grad=True)
loss = w**2
with torch.no_grad():
    w.zero_()
try:
    loss.backward()
    noticed = False
except RuntimeError as error:
    noticed = True
    said = str(error).split(":")[0]
    print("no_grad:", said[said.index("has been") :])

w = torch.tensor(3.0, requires_grad=True)
loss = w**2
w.data.zero_()
loss.backward()
print("data:   ", w.grad)

# %%
# Each tensor counts how often it was changed in place, and with what it keeps, the square remembers that count. When
# they differ, PyTorch refuses, ``noticed == True``. A change through ``.data`` is not counted. So the square takes
# twice the *new* value, ``w.grad == 0.0``, and nobody says a word. Use ``no_grad``, and leave ``.data`` alone
# (:ref:`sphx_glr_lessons_8_clinic_40_data.py`).
#
# Take away
# ---------
#
# - Only leaves keep a ``grad``, and there it adds up. A step that is not in place makes a new value, which is no leaf.
# - Operations keep what their local gradients need, until the first way back has used it.
# - ``retain_graph`` keeps it for longer; ``no_grad`` keeps nothing to begin with.
# - What is kept must not change. PyTorch counts changes and refuses, unless they are made through ``.data``.
#
# On your own
# -----------
#
# **Exercise.** ``u = torch.sigmoid(a) + 3 * a``, for a thousand numbers. How many tensors are kept?
#
# .. answer:: printed
#    2: The product with a plain number keeps nothing: its local gradient is the same everywhere.
#    3: The sum keeps nothing either.

with Watch() as watch:
    u = torch.sigmoid(a) + 3 * a
print(len(watch.kept))

# %%
# One, the sigmoid's result: its local gradient is made of that. The product with a plain number and the sum keep
# nothing.
#
# **Exercise.** The loss is ``w**2``, at a weight of five. You call ``backward(retain_graph=True)`` three times. What is
# in ``w.grad``?
#
# .. answer:: printed
#    10.0: That is one pass. A leaf adds up.
#    25.0: That is the loss.

w = torch.tensor(5.0, requires_grad=True)
loss = w**2
for _ in range(3):
    loss.backward(retain_graph=True)
    print("so far", w.grad.item())
print("loss", loss.item())
print(w.grad.item())

# %%
# Each pass adds two times the weight.
#
# References
# ----------
#
# The same, in its makers' words: [PyTorch]_.
#
# **Next:** when too much is kept, :ref:`sphx_glr_lessons_7_inside_55_memory.py`.
