"""
Add where paths meet
====================

**What you get:** the one other thing that backpropagation does besides multiplying. It settles what happens when a
value is used twice, why the order of the walk matters, and why ``.grad`` adds up.

**What you need:** :ref:`sphx_glr_lessons_1_one_weight_40_backward_pass.py`. Reading time: 10 minutes.
"""

# %%
# A value that is used twice
# --------------------------
#
# Until now each value was used once, and the graph was a chain. Here ``b`` is used twice: to make ``c``, and again to
# make ``d``.

import torch

import chainrule

a = torch.tensor(1.0, requires_grad=True)

with chainrule.record() as rec:
    b = 2 * a
    c = b + 1
    d = b * c
    d.backward()

rec.graph(backward=None)

# %%
# **Predict.** There are two ways from ``a`` to ``d``: through ``b`` directly, and through ``b`` and ``c``. The local
# gradients are two for ``b = 2 * a``, one for ``c = b + 1``, and for the product the other factor each time. What is
# the gradient of ``d`` with respect to ``a``?

print(a.grad)

# %%
# ``a.grad == 10.0``. A nudge of ``a`` travels along both paths at once, and what arrives at ``d`` adds up:
# ``c * 2 + b * 1 * 2 == 10.0``.
#
# - The direct path, from ``d`` to ``b`` to ``a``: the local gradients are ``c == 3.0`` and two, so ``c * 2 == 6.0``.
# - The path through ``c``: ``b == 2.0``, then one, then two, so ``b * 1 * 2 == 4.0``.
#
# So multiply *along* a path, and **add over the paths**.
#
# Add early
# ---------
#
# Both paths end with the same arrow, from ``b`` to ``a``. It would be a waste to walk over it twice. It is better to
# add up at ``b`` first, and go on from there with the sum:

rec.derivation("a")

# %%
# The gradient of ``b`` is the sum of what comes back along its two arrows, ``rec.grad("b") == 5.0``, and the last arrow
# is walked once: ``rec.grad("b") * 2 == 10.0``. Check it with a nudge, as in the first lesson:


def d_at(a):
    b = 2 * a
    return b * (b + 1)


print(f"{(d_at(1.0001) - d_at(0.9999)) / 0.0002:.4f}")

# %%
# The nudge says so too, ``(d_at(1.0001) - d_at(0.9999)) / 0.0002 ≈ 10.0000``.
#
# Order matters
# -------------
#
# Now let a program take the walk. ``inputs`` holds the graph: for each value, what it was made from, and the local
# gradients. ``naive`` begins at ``d``, gives each input its part, and then does the same at each of those inputs:

inputs = {  # value: its inputs, each with the local gradient of the arrow
    "d": [("b", 3.0), ("c", 2.0)],
    "c": [("b", 1.0)],
    "b": [("a", 2.0)],
    "a": [],
}


def naive(inputs):
    grad = dict.fromkeys(inputs, 0.0)
    grad["d"] = 1.0

    def back(value):
        for taken, local in inputs[value]:
            grad[taken] += grad[value] * local
        for taken, _ in inputs[value]:
            back(taken)

    back("d")
    return grad["a"]


# %%
# **Predict.** Does ``naive(inputs)`` find the gradient of ``a``? And does it matter in which order ``d`` lists its two
# inputs?

swapped = {**inputs, "d": [("c", 2.0), ("b", 3.0)]}
print(naive(inputs), naive(swapped))

# %%
# It does not, and the order matters: ``naive(inputs) == 16.0`` and ``naive(swapped) == 20.0``. The walk comes to ``b``
# twice, once from ``d`` and once from ``c``. Each time it passes on everything that ``b`` has so far, and so some of it
# arrives at ``a`` twice.
#
# **Predict.** So let it visit each value only once. Is that enough?


def once(inputs):
    grad = dict.fromkeys(inputs, 0.0)
    grad["d"] = 1.0
    seen = set()

    def back(value):
        if value in seen:
            return
        seen.add(value)
        for taken, local in inputs[value]:
            grad[taken] += grad[value] * local
        for taken, _ in inputs[value]:
            back(taken)

    back("d")
    return grad["a"]


print(once(inputs), once(swapped))

# %%
# ``once(swapped) == 10.0`` is right, by accident. ``once(inputs) == 6.0`` is not: it left ``b`` before the part through
# ``c`` had come in.
#
# What is missing is patience. **A value may pass its gradient on only after everything that uses it has passed on its
# own.** The order in which the values were made helps: each value was made *after* everything that it is made from.
# (That is a :term:`topological order`.) Go through it from the last to the first, and each value comes after
# everything that uses it:


def patient(inputs):
    grad = dict.fromkeys(inputs, 0.0)
    grad["d"] = 1.0
    for value in ("d", "c", "b", "a"):  # last made, first visited
        for taken, local in inputs[value]:
            grad[taken] += grad[value] * local
    return grad["a"]


print(patient(inputs), patient(swapped))

# %%
# Now the listing does not matter: ``patient(inputs) == 10.0`` and ``patient(swapped) == 10.0``. PyTorch's walk keeps to
# the same rule. The recording has the order of its visits, each with the upstream gradient that had come in.
#
# **Predict.** It starts at ``d``. Which does it visit next, ``b`` or ``c``? And what has come in when it is at ``b``?

trace = rec.trace
for visit in trace.passes[0].visits:
    print(trace.nodes[visit.node].name, visit.upstream[0].data)

# %%
# First the product ``d``, then the sum ``c``, and only then the product ``b``, whose upstream gradient is already the
# sum of both parts, ``rec.grad("b") == 5.0``. ``AccumulateGrad`` is the leaf ``a``, where the walk ends.
#
# Why ``.grad`` adds up
# ---------------------
#
# **Predict.** We run the same steps once more, with the same ``a``, and call ``backward()`` again. What is in
# ``a.grad`` now?

with chainrule.record() as again:
    b = 2 * a
    c = b + 1
    d = b * c
    d.backward()

print(a.grad)

# %%
# Twice as much: ``a.grad == 20.0``, although this pass gave ten, like the first: ``again.grad("a") == 10.0``. The
# leaf's visit is called :term:`accumulate` for a reason: what arrives is added to what is there.
#
# For PyTorch, a weight that is used in two runs is a value that is used twice, and uses add up. That is handy when you
# *want* the sum over several runs. In training you mostly do not, and so every training loop empties the gradients
# before the next pass:

a.grad = None
d = 2 * a * (2 * a + 1)
d.backward()
print(a.grad)

# %%
# Back to ``a.grad == 10.0``.
#
# Take away
# ---------
#
# - Multiply along a path, add over the paths.
# - A value first collects the parts from everything that uses it, and then passes the sum on, once.
# - ``backward()`` adds to ``.grad``. To start afresh, empty it first.
#
# On your own
# -----------
#
# **Exercise.** Use ``b`` a third time: ``d = b * c + b``, with ``a`` at one as before. What is the gradient of ``a``?

a = torch.tensor(1.0, requires_grad=True)

with chainrule.record() as rec:
    b = 2 * a
    c = b + 1
    d = b * c + b
    d.backward()

print(f"not {((c + b) * 2).item()}: A path is missing: the third use of b.")
print(f"not {(c + b + 1).item()}: That is the gradient of b. One arrow is left.")
print(a.grad.item())

# %%
# What comes back to ``b`` is now a sum of three parts, ``c + b + 1 == 6.0``, and the arrow to ``a`` doubles it:
# ``a.grad == 12.0``.
#
# **Exercise.** For ``d = b * b`` there are two arrows from ``b`` to ``d``. Derive the gradient of ``b`` with the rule
# of the product alone, for ``b`` equal to three, and ask ``rec.check(b=...)``. Which rule have you found?

b = torch.tensor(3.0, requires_grad=True)

with chainrule.record() as rec:
    d = b * b
    d.backward()

print(rec.check(b=b + b))
print(rec.check(b=b))

# %%
# Each arrow has the other factor for its local gradient, which is ``b`` both times, and the two add up: two times
# ``b``, the rule of the square. With one arrow alone, a path is missing.
#
# **Exercise.** In the first graph of this lesson, let ``a`` be two instead of one. What is its gradient?

b = 2 * 2.0
c = b + 1
print(f"{(c + b) * 2:.1f}")

# %%
# The way back is the same, and the numbers on it are new: ``b == 4.0`` and ``c == 5.0``, so ``(c + b) * 2 == 18.0``. It
# is not twice what it was at one.
#
# **Next:** put the gradient to use, and walk downhill: :ref:`sphx_glr_lessons_2_descent_10_parabola.py`. (Would you
# rather see the rule in symbols first, for graphs of any shape? :doc:`/concepts/chain_rule`.)
