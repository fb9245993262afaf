"""
Watch what autograd keeps
=========================

**What you get:** the life of what PyTorch notes down on the way forward: what it keeps, for how long, what adds up, and
what you change by ``retain_graph``, ``detach``, ``no_grad`` and checkpoints. Each is shown by what it does, in counts.

**What you need:** :ref:`sphx_glr_lessons_4_further_40_tiny_engine.py`. Reading time: 15 minutes.
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
# Most of the time you do not need it. The error above usually means that something from the step before is still in
# use. Here is such a loop, with a state that is carried from step to step.
#
# **Predict.** The second step fails. Which of the two steps made what it complains about?
#
# .. answer:: The first step [notes of the first]
#    The second step: Its own notes are fresh.
#    Neither: Something that the second loss depends on is gone.

w = torch.tensor(0.5, requires_grad=True)
state = torch.tensor(1.0)
passes = 0
try:
    for _ in range(3):
        state = torch.tanh(w * state)
        (state**2).backward()
        passes += 1
except RuntimeError:
    print("passes before the error:", passes)

# %%
# ``passes == 1``. The loss of the second step depends on the second state, that on the first one, and the notes of the
# first are gone. With ``retain_graph=True`` the error would go away, and each pass would walk back through *all* steps
# so far. If you do not want that, cut: ``detach()`` gives the same numbers without the history.
#
# We count how many products each pass walks through, once with ``retain_graph`` and once with ``detach``. A *hook* is a
# function that PyTorch calls when the gradient of a value has come in; ours counts one.


def products_walked(cut):
    """Count the products that each of five backward passes goes through."""
    w = torch.tensor(0.5, requires_grad=True)
    state = torch.tensor(1.0)
    walked = []

    def count(_):
        walked[-1] += 1

    for _ in range(5):
        product = w * (state.detach() if cut else state)
        product.register_hook(count)
        state = torch.tanh(product)
        walked.append(0)
        (state**2).backward(retain_graph=not cut)
    return walked


# %%
# **Predict.** Through how many products does each pass walk, first with ``retain_graph``, then with ``detach``?
#
# .. answer:: One more in each step, and always one [slower with every step]
#    Always one, with both: With retain_graph each loss still depends on all the steps before.
#    One more in each step, with both: detach cuts the history off.

retained, detached = products_walked(cut=False), products_walked(cut=True)
print("retain_graph", retained)
print("detach      ", detached)

# %%
# ``retained == [1, 2, 3, 4, 5]`` and ``detached == [1, 1, 1, 1, 1]``. A loop that becomes slower with every step, and
# needs more and more memory, is usually of the first kind. (The gradients differ, too. Those of the second kind treat
# the state that comes in as data.)
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
# twice the *new* value, ``w.grad == 0.0``, and nobody says a word. Use ``no_grad``, and leave ``.data`` alone.
#
# Memory for time
# ---------------
#
# A deep network keeps something for every layer, and all of it has to be there when the way back begins. Here are
# twenty layers, with a weight for each of a thousand numbers. ``runs`` counts how often a layer is computed.

torch.manual_seed(0)
x = torch.rand(1000)
weights = [torch.rand(1000, requires_grad=True) for _ in range(20)]
runs = 0


def layers(x, *weights):
    """Run a layer for each of the weights."""
    global runs
    for weight in weights:
        runs += 1
        x = torch.tanh(x * weight)
    return x


def cost(model):
    """Count tensors kept (but weights) and layers run; give the first gradient."""
    global runs
    runs = 0
    weights[0].grad = None
    with Watch() as watch:
        loss = model(x).sum()
    loss.backward()
    # a result that two operations keep is in one place
    places = {each.data_ptr() for each in watch.kept}
    places -= {weight.data_ptr() for weight in weights}
    return len(places), runs, weights[0].grad


kept_all, runs_once, gradient = cost(lambda x: layers(x, *weights))
print(kept_all, "tensors kept,", runs_once, "layers run")

# %%
# ``kept_all == 21``: the input, and the result of each layer. With ``runs_once == 20``, each layer ran once.
#
# Must it all be kept? A layer's result can be computed again from the one before. A :term:`checkpoint` does that: it
# runs a part of the network without recording, keeps only what went *into* the part, and when the way back comes by,
# runs the part once more, recording this time.
#
# **Predict.** Four parts of five layers each. How many tensors are kept on the way forward?
#
# .. answer:: 4
#    20: That is all of them. A part keeps what goes in, and makes the rest anew.
#    5: Those are made anew, on the way back.

from torch.utils.checkpoint import checkpoint


def in_parts(size):
    def model(x):
        for first in range(0, len(weights), size):
            part = weights[first : first + size]
            x = checkpoint(layers, x, *part, use_reentrant=True)
        return x

    return model


kept_few, runs_twice, same = cost(in_parts(5))
print(
    kept_few,
    "tensors kept,",
    runs_twice,
    "layers run, equal:",
    torch.equal(gradient, same),
)

# %%
# ``kept_few == 4`` instead of twenty-one, one for each part, at the price of running each layer twice,
# ``runs_twice == 40``. The gradient is the same, bit by bit: ``torch.equal(gradient, same) == True``.
# While the way back goes through a part, that part's own five results are there as well. So at the worst moment there
# are ``kept_few + 5 == 9``.
#
# (``use_reentrant=True`` is PyTorch's older way of doing it. Its documentation advises ``False`` for new code, which
# does the same, but out of sight of our ``Watch``.)
#
# Take away
# ---------
#
# - Only leaves keep a ``grad``, and there it adds up. A step that is not in place makes a new value, which is no leaf.
# - Operations keep what their local gradients need, until the first way back has used it.
# - ``retain_graph`` keeps it for longer; ``detach`` cuts the history off; ``no_grad`` keeps nothing to begin with.
# - What is kept must not change. PyTorch counts changes and refuses, unless they are made through ``.data``.
# - A checkpoint keeps less and runs twice.
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
# **Exercise.** A network has a hundred layers, and you cut it into equal parts with checkpoints. At the worst moment
# there is one tensor for each part, and one for each layer of the part that is gone through. Which number of parts
# makes the sum least?
#
# .. answer:: printed
#    20: That is the sum. How many parts make it?

sums = {parts: parts + 100 // parts for parts in (1, 2, 4, 5, 10, 20, 25, 50, 100)}
print(sums)
print(min(sums, key=sums.get))

# %%
# Ten parts of ten layers, the square root of a hundred: ``sums[10] == 20`` instead of a hundred, for one more forward
# pass.
#
# **Exercise.** With the state detached, each step's gradient treats the state that comes in as data. Derive the
# gradient of ``new**2`` for ``w``, where ``new = tanh(w * state)``, with ``state`` fixed. Then say what is missing in
# it if the state depends on ``w``, too.
#
# .. answer:: 2 new (1 - new²) state [local gradient of tanh]
#    2 new state: The tanh is on the way, too.
#    2 new (1 - new²) w: The local gradient of a product is the other factor.

import chainrule

w = torch.tensor(0.5, requires_grad=True)
state = torch.tanh(w * 1.0)
with chainrule.record() as rec:
    new = torch.tanh(w * state.detach())
    loss = new**2
    loss.backward()

by_hand = 2 * new * (1 - new**2) * state
print(rec.check(w=by_hand))

# %%
# Twice the result, times the local gradient of ``tanh``, times the state. What is missing is the path through the
# state: the same product with ``w`` as its last factor, times the gradient of the state. Two lessons on, that path is
# the subject.
#
# **Next:** teach PyTorch an operation that it does not have, :ref:`sphx_glr_lessons_4_further_60_own_backward.py`.
