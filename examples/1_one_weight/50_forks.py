"""
Add where paths meet: forks and accumulation
============================================

**What you get:** the one other thing that backpropagation does besides multiplying. It shows what happens when a
value is used twice, and what ``.grad`` holds.

**What you need:** :ref:`sphx_glr_lessons_1_one_weight_40_backward_pass.py`. Reading time: 9 minutes.
"""

# %%
# A value that is used twice
# --------------------------
#
# Until now each value was used once. Here ``b`` is used twice: to make ``c``, and again to make ``d``. You write the
# way back as in the last lesson, a line for each arrow:

a = 1.0
b = 2 * a  # (1)
c = b + 1  # (2)
d = b * c  # (3)

d_b = c  # (3), to its first factor
d_c = b  # (3), to its second
d_b = d_c * 1  # (2)
d_a = d_b * 2  # (1)
print("gradient of a:", d_a)

# %%
# Is 4 right? Nudge ``a`` by a hundredth: ``b`` is 2.02, ``c`` is 3.02, and ``d`` goes from 6 to ``2.02 * 3.02 ≈
# 6.1004``. That is more than twice as far as a slope of 4 says. Those lines hold a mistake.

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
# **Predict.** Find it. What is the gradient of ``d`` with respect to ``a``?
#
# .. answer:: 10.0
#    6.0: That is what comes along the direct path. The path through c brings its own part.
#    4.0: That is what the lines above say. They assign to d_b twice.
#    5.0: That is the gradient of b. One arrow is left.

print(a.grad)

# %%
# The second line with ``d_b`` throws away what the first had brought. It has to be ``d_b += d_c * 1``. A nudge of ``a``
# travels along both paths at once, and what arrives at ``d`` adds up:
#
# - The direct path, from ``d`` to ``b`` to ``a``: the local gradients are ``c == 3`` and 2, so ``c * 2 == 6``.
# - The path through ``c``: ``b == 2``, then 1, then 2, so ``b * 1 * 2 == 4``.
#
# Together that is ``a.grad == 10``. So multiply *along* a path, and **add over the paths**.
#
# Why add?
# --------
#
# Nudge ``a`` by a small ``n``. Then ``b`` moves from 2 to ``2 + 2n``, and ``c`` from 3 to ``3 + 2n``. Their product is
#
#     (2 + 2n) (3 + 2n) = 6 + 4n + 6n + 4nn
#
# There are the two parts, ``6n`` from ``b`` moving and ``4n`` from ``c`` moving. What is left has ``n`` twice. For a
# small nudge that is nearly nothing: with 0.001 it is four millionths, beside a hundredth.

n = 0.001
print(f"d moves by {(2 + 2 * n) * (3 + 2 * n) - 6:.6f}")
print(f"6n + 4n is {6 * n + 4 * n:.6f}")

# %%
# Add early
# ---------
#
# Both paths end with the same arrow, from ``b`` to ``a``. Rather than walk over it twice, add up at ``b`` first, and go
# on from there with the sum:

rec.derivation("a")

# %%
# The gradient of ``b`` is the sum of what comes back along its two arrows, ``rec.grad("b") == 5``, and the last arrow
# is walked once. **A value first collects the parts from everything that uses it, and then passes the sum on.**

rec

# %%
# .. do:: play, grad b 5, grad a 10; set a 2, d 20, grad a 18
#
#    Press Play, and watch ``b``: the first part waits there until the second arrives, and their sum, 5, goes on to
#    ``a``. Then set ``a`` to 2. The way back is the same, and the numbers on it are new: 18.
#
# The order of the walk matters for that: whoever leaves ``b`` too early passes on part of it. How PyTorch finds the
# right order, you will see when you build an engine of your own,
# :ref:`sphx_glr_lessons_7_inside_40_tiny_engine.py`.
#
# Call it again
# -------------
#
# **Predict.** We run the same steps once more, with the same ``a``, and call ``backward()`` again. What is in
# ``a.grad`` now?
#
# .. answer:: 20.0
#    10.0: That is what this pass gives. But something is in a.grad already.

with chainrule.record() as again:
    b = 2 * a
    c = b + 1
    d = b * c
    d.backward()

print("this pass", again.grad("a").item(), " a.grad", a.grad.item())

# %%
# Twice as much, although this pass gave 10, like the first. PyTorch :term:`accumulates <accumulate>`: what arrives is
# added to what is there.
#
# For PyTorch, a weight that is used in two runs is a value that is used twice, and uses add up. That is handy when you
# *want* the sum over several runs. In training you mostly do not, and so a training loop empties the gradients before
# the next pass:

a.grad = None
d = 2 * a * (2 * a + 1)
d.backward()
print(a.grad)

# %%
# Back to 10. What becomes of a loop that forgets this, you can see in the clinic:
# :ref:`sphx_glr_lessons_8_clinic_10_not_zeroed.py`.
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
# **Exercise.** Use ``b`` a third time: ``d = b * c + b``, with ``a`` at 1 as before. What is the gradient of ``a``?
#
# .. answer:: printed
#    10.0: A path is missing: the third use of b.
#    6.0: That is the gradient of b. One arrow is left.

a = torch.tensor(1.0, requires_grad=True)

with chainrule.record() as rec:
    b = 2 * a
    c = b + 1
    d = b * c + b
    d.backward()

print("gradient of b:", rec.grad("b").item())
print("gradient of a:", a.grad.item())

# %%
# What comes back to ``b`` is now a sum of three parts, ``c + b + 1 == 6``, and the arrow to ``a`` doubles it.
#
# **Exercise.** For ``d = b * b`` there are two arrows from ``b`` to ``d``. Derive the gradient of ``b`` with the rule
# of the product alone, for ``b`` equal to 3.
#
# .. answer:: 6.0
#    3.0: That is one arrow. There are two.

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
# **Exercise.** The model of this part, used for two samples with one weight of 3: the input 5 with the target 11, and
# the input 1 with the target 2. The loss is the sum of both squares. What is the gradient of the weight?
#
# .. answer:: printed
#    40.0: That is the part of the first sample.
#    2.0: That is the part of the second sample.
#    21.0: That is the mean of the two. The loss is their sum.

w = torch.tensor(3.0, requires_grad=True)
first, second = (w * 5.0 - 11.0) ** 2, (w * 1.0 - 2.0) ** 2
(first + second).backward()
print(w.grad.item())

# %%
# The weight is used twice, so the parts add up: ``2 * 4 * 5 == 40`` from the first, ``2 * 1 * 1 == 2`` from the second.
# (Their mean would be ``(40 + 2) / 2 == 21``.)
#
# References
# ----------
#
# A small engine, and a lecture that meets the same bug: [Karpathy2020]_.
#
# **Next:** put the gradient to use, and walk downhill: :ref:`sphx_glr_lessons_2_descent_10_parabola.py`. (Would you
# rather see the rule in symbols first, for graphs of any shape? :doc:`/concepts/chain_rule`.)
