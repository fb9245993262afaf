"""
Trade memory for time: detach and checkpoints
=============================================

**What you get:** two ways to keep less of the way forward. One cuts off what happened before, the other computes it
once more. Each is shown by what it does, in counts.

**What you need:** :ref:`sphx_glr_lessons_7_inside_50_autograds_life.py`. Reading time: 10 minutes.
"""

# %%
# A state that is carried on
# --------------------------
#
# The error *Trying to backward through the graph a second time* usually means that something from the step before is
# still in use. Here is such a loop, with a state that is carried from step to step.
#
# **Predict.** The second step fails. Which of the two steps made what it complains about?
#
# .. answer:: The first step [notes of the first]
#    The second step: Its own notes are fresh.
#    Neither: Something that the second loss depends on is gone.

import torch

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
# Take it in hand
# ---------------
#
# Two steps of that loop, with the cut between them.

import chainrule

w = torch.tensor(0.5, requires_grad=True)
with chainrule.record() as rec:
    first = torch.tanh(w * 1.0)
    second = torch.tanh(w * first.detach())
    loss = second**2
    loss.backward()

rec

# %%
# .. do:: loss 0.0515, grad w 0.199; set w 1, loss 0.4122, grad w 0.5748
#
#    The loss is 0.0515, and ``w`` has a gradient of 0.199. Set ``w`` to 1. Both of its uses change the loss, which is
#    0.4122 now. But no dashed line leads back into ``first``: the gradient, 0.5748, speaks of the second use alone.
#
# Memory for time
# ---------------
#
# A deep network keeps something for every layer, and all of it has to be there when the way back begins. Here are
# twenty layers, with a weight for each of a thousand numbers. ``runs`` counts how often a layer is computed, and
# ``Watch`` is the one from the last lesson.


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
# ``kept_few == 4`` instead of twenty-one, one for each part, at the price of running each layer twice, ``runs_twice ==
# 40``. The gradient is the same, bit by bit. While the way back goes through a part, that part's own five results are
# there as well. So at the worst moment there are ``kept_few + 5 == 9``.
#
# (``use_reentrant=True`` is PyTorch's older way of doing it. Its documentation advises ``False`` for new code, which
# does the same, but out of sight of our ``Watch``.)
#
# Take away
# ---------
#
# - ``detach`` gives the same numbers without their history. Whatever came before gets no gradient through it.
# - A loop that slows down with every step carries its history along.
# - A checkpoint keeps less and runs twice.
#
# On your own
# -----------
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
# References
# ----------
#
# Checkpoints for deep networks: [Chen2016]_. Where they come from: [Griewank2008]_.
#
# **Next:** teach PyTorch an operation that it does not have, :ref:`sphx_glr_lessons_7_inside_60_own_backward.py`.
