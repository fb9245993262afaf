"""
Use one weight at every step: recurrent networks
================================================

**What you get:** a recurrent network, which reads a list one number at a time with the same weight each time. You see
that it is the fork you know, drawn out in time, and why its gradients tend to vanish or to explode.

**What you need:** :ref:`sphx_glr_lessons_1_one_weight_50_forks.py` and
:ref:`sphx_glr_lessons_7_inside_50_autograds_life.py`. Reading time: 15 minutes.
"""

# %%
# Three steps, one weight
# -----------------------
#
# A text can have three words or three hundred. A network that is to read both cannot have a weight for each place. A
# :term:`recurrent network` keeps a *state*, a number that stands for what it has read so far. At each step it
# multiplies the state by a weight and adds the next input. The weight is the same at every step.
#
# Small enough for the head: three inputs of one, a weight of two, and the state at the end is what we differentiate.

import torch

import chainrule

x = [1.0, 1.0, 1.0]
w = torch.tensor(2.0, requires_grad=True)

with chainrule.record() as rec:
    h1 = torch.tensor(x[0])  # the first step: from a state of zero, only the input
    h2 = w * h1 + x[1]
    h3 = w * h2 + x[2]
    h3.backward()

rec.graph(backward=None)

# %%
# The states are one, ``h2 == 3.0``, ``h3 == 7.0``. The weight is one value, with an arrow to each product.
#
# **Predict.** The weight took part twice. How far does the end move when the weight does, by both of its parts?
#
# .. answer:: 5.0
#    3.0: That is the last product alone, with the state before it held still.
#    2.0: That is the first product alone.

print(w.grad)

# %%
# ``w.grad == 5.0``. Written out, the end is ``w**2 + w + 1``, whose slope ``2 * w + 1 == 5.0`` says the same. The two
# products have their parts in it:
#
# - At the last product the local gradient is the other factor, ``h2 == 3.0``, and the rest of the way is a sum: three.
# - At the first it is ``h1 == 1.0``. But the change then has to pass the last product, which doubles it: two.
#
# Add where paths meet:

rec.derivation("w")

# %%
# And in your hand:

rec

# %%
# .. do:: h3 7, grad w 5; set w 1, h3 3, grad w 3; set w 0, h3 1, grad w 1
#
#    Set ``w`` to 1: ``h3`` goes from 7 to 3, and the gradient of ``w`` from 5 to 3. With 0 the gradient is 1: what went
#    through the last product is lost, and the part of the last product alone remains.
#
# Untie it
# --------
#
# To see the parts with your own eyes, give each step a weight of its own. All have the same value, so the forward pass
# is the same. This time we start one step earlier, from a state of zero.
#
# **Predict.** Which gradients do the three weights get?
#
# .. answer:: 0 and 2 and 3 [The first use gets nothing]
#    1 and 1 and 3: Each use gets its state, times what follows.
#    5 and 5 and 5: Together they make five.


def read(weights, inputs):
    """Give the states, from zero on; each step has a weight and an input."""
    states = [torch.tensor(0.0)]
    for weight, value in zip(weights, inputs, strict=True):
        states.append(weight * states[-1] + value)
    return states


own = [torch.tensor(2.0, requires_grad=True) for _ in x]
read(own, x)[-1].backward()
parts = [weight.grad.item() for weight in own]
print(parts)

# %%
# ``parts == [0.0, 2.0, 3.0]``, and ``sum(parts) == w.grad``. **The gradient of a shared weight is the sum of what each
# of its uses would have got.** The first use gets nothing, because it multiplied a state of zero.
#
# The course has done this all along. A weight that serves all samples of a batch is shared among them. So is the small
# table of weights that a convolution moves over a picture. And the name for it here, *backpropagation through time*, is
# for nothing new: the graph has one copy of the step after the other, and the walk goes back through it.
#
# Far back
# --------
#
# There is one thing new, and it is about length. What the first input does to the end has to pass *every* product on
# the way. At each it is multiplied by the same weight.
#
# **Predict.** Fifty inputs. How far does the end move when the *first* input moves, with a weight of one half, and with
# one and a half?
#
# .. answer:: Hardly at all, and a hundred million times [has vanished]
#    By half, and by one and a half: There are 49 products on the way.
#    By a tenth, and by ten times: There are 49 products on the way.


def first_to_last(weight, steps=50):
    """Give the gradient of the last state for the first input."""
    inputs = torch.ones(steps, dtype=torch.float64, requires_grad=True)
    read([weight] * steps, inputs)[-1].backward()
    return inputs.grad[0].item()


for weight in (0.5, 0.9, 1.0, 1.1, 1.5):
    print(f"weight {weight}: {first_to_last(weight):9.2e}")

# %%
# From the first input to the end there are forty-nine products. One half gives ``first_to_last(0.5) < 1e-14``: the end
# does not know any more what came first, and nothing can be learned from it. That gradient has **vanished** (a
# :term:`vanishing gradient`). One and a half gives ``first_to_last(1.5) > 1e8``, and a step along a gradient of that
# size throws the weights anywhere. It has **exploded** (an :term:`exploding gradient`). Only a weight of exactly one
# hands everything on, ``first_to_last(1.0) == 1.0``.
#
#  The end really does depend on the first input that little, ``0.5**49 == first_to_last(0.5)``, or that much.
#
# A state of many numbers
# -----------------------
#
# A real recurrent network has a state of many numbers, a table of weights in place of the one, and a ``tanh`` around
# each step, which keeps the state between minus one and one. Each step back multiplies by the table, and by the local
# gradients of ``tanh``, which are at most one.
#
# We draw the entries of the table at random, and scale it by a factor. Then we let it read fifty random inputs, take
# the sum of the last state, and measure how long the gradient of each state is. (The *norm* of a list of numbers: the
# root of the sum of their squares.)

from chainrule.plots import curves

WIDTH, STEPS = 32, 50


def gradient_norms(factor, around=False):
    """Give the norm of the gradient of each state, from the last one back."""
    draw = torch.Generator().manual_seed(0)
    table = factor * torch.randn(WIDTH, WIDTH, generator=draw) / WIDTH**0.5
    inputs = 0.1 * torch.randn(STEPS, WIDTH, generator=draw)
    states = [torch.zeros(WIDTH, requires_grad=True)]
    for value in inputs:
        new = torch.tanh(states[-1] @ table + value)
        states.append(states[-1] + 0.1 * new if around else new)
    found = torch.autograd.grad(states[-1].sum(), states[1:])
    return [gradient.norm().item() for gradient in reversed(found)]


# %%
# **Predict.** With a factor of one half, and of two: what will the two curves look like on a logarithmic scale? A third
# network has the factor of one half, and its step *adds* a tenth of the new state to the old one. And its curve?
#
# .. answer:: Down, up, and about level [stays near where it was]
#    Down, up, and down: The third hands on what arrives, and adds a little.
#    All about level: Each step multiplies once more.

small, large = gradient_norms(0.5), gradient_norms(2.0)
around = gradient_norms(0.5, around=True)
kept = around[-1] / around[0]

named = {
    "factor 0.5": small,
    "factor 2": large,
    "factor 0.5, with a way around": around,
}
curves(
    named, xlabel="steps back from the end", ylabel="norm of the gradient", log=True
)

# %%
# A straight line on a logarithmic scale is a product: each step divides by about the same. With one half, the gradient
# of the first state has shrunk to ``small[-1] / small[0] < 1e-12`` of that of the last. With two it has grown instead,
# ``large[-1] / large[0] > 1000``. The third curve stays near where it was, ``0.1 < kept < 10``.
#
# A sum hands a gradient on as it is, so where the old state is kept and something is added, there is a way around the
# products. That is the idea behind the gates of an LSTM, the best-known recurrent network, and behind the residual
# connections of deep networks, whose layers are steps with a table each. Against exploding gradients there is a blunter
# tool: if the norm of all gradients is above a limit, scale them down to it. In PyTorch,
# ``torch.nn.utils.clip_grad_norm_`` does that.
#
# Take away
# ---------
#
# - A shared weight gets the sum of what each of its uses would get.
# - A recurrent network is a fork in time: one weight, an arrow to each step.
# - Far back, a gradient is a long product. Factors below one make it vanish
#   (:ref:`sphx_glr_lessons_8_clinic_80_vanishing.py`), above one explode.
# - A way that only adds hands it on.
#
# On your own
# -----------
#
# **Exercise.** Four inputs of one, and a weight of two. What is the gradient of the last state for the weight?

w = torch.tensor(2.0, requires_grad=True)
read([w] * 4, [1.0] * 4)[-1].backward()
print(w.grad.item())

# %%
# The uses get zero, four, six and seven: each the state before it, doubled once for each product that follows. Together
# ``w.grad == 17.0``, which is also the slope ``3 * 2**2 + 2 * 2 + 1 == 17``.
#
# **Exercise.** The weight is nine tenths. How many products does it take until less than a thousandth of a gradient is
# left?
#
# .. answer:: printed
#    65: There is still a little more than a thousandth.

products = 0
left = 1.0
while left >= 0.001:
    left *= 0.9
    products += 1
print(products)

# %%
# ``products == 66``, since after 65 there is still ``0.9**65 ≈ 0.00106``. It is the logarithm of a thousandth divided
# by that of nine tenths, rounded up.
#
# **Exercise.** Now with ``tanh``: each step is ``h = torch.tanh(w * h + u * x)``, three steps from a state of one half,
# and the loss is the square of the last state. Write the way back as a loop. What does each step do with what has come
# through its ``tanh``? (In your own code, ``rec.check(w=..., u=...)`` tells.)
#
# .. answer:: It adds to both weights, and goes on to the state before [adds its part]
#    It replaces what both weights have: Each step uses the same weights. What becomes of the others' parts?
#    It goes to the weights alone: Then the steps before would hear nothing.

w = torch.tensor(0.8, requires_grad=True)
u = torch.tensor(0.5, requires_grad=True)
values = [1.0, -2.0, 0.5]

with chainrule.record() as rec:
    states = [torch.tensor(0.5)]
    for value in values:
        states.append(torch.tanh(w * states[-1] + u * value))
    loss = states[-1] ** 2
    loss.backward()

h = [state.item() for state in states]
for_w = for_u = 0.0
arriving = 2 * h[3]
for step in (3, 2, 1):
    inside = arriving * (1 - h[step] ** 2)
    for_w += inside * h[step - 1]
    for_u += inside * values[step - 1]
    arriving = inside * 0.8
print(rec.check(w=for_w, u=for_u))

# %%
# Each step back takes what arrives through the ``tanh``, adds its part to both weights, and hands the rest on to the
# state before, times ``w``. Add, and not assign: with ``=`` in place of ``+=``, only the first step's part would be
# left.
#
# References
# ----------
#
# Why long products are a problem: [Bengio1994]_. A way around: [Hochreiter1997]_.
#
# **Next:** steps that have no gradient, and what people do about it,
# :ref:`sphx_glr_lessons_7_inside_80_no_gradient.py`.
