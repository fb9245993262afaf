"""
What it costs: multiplications and memory
=========================================

**What you get:** the cost of a training step, layer by layer: worked out in your head, then counted and measured as
PyTorch runs. You will know what a backward pass costs beside a forward pass, and what a batch does to memory.

**What you need:** :ref:`sphx_glr_lessons_4_batches_10_batches.py` and
:ref:`sphx_glr_lessons_6_training_10_which_way_down.py`. Reading time: 10 minutes.
"""

# %%
# Two products for one
# --------------------
#
# Nearly all the work of a network is in its matrix products. A layer makes ``z = x @ w`` of ``n`` rows. Each entry of
# ``z`` takes one multiplication for each input, so the layer takes *n × inputs × outputs*.
#
# PyTorch can count along:

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import chainrule
from chainrule.plots import STROKES, Figure


def multiplications(run):
    """Count what the matrix products in a run take."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() // 2  # it counts the additions, too


# %%
# **Predict.** On the way back the layer owes a gradient to ``w`` and one to ``x``. How many times the multiplications
# of its way forward do the two take together?
#
# .. answer:: 2.0
#    1.0: That is the gradient of w alone.
#    3.0: That is the way forward as well.

n = 128
x = torch.ones(n, 256, requires_grad=True)
w = torch.ones(256, 256, requires_grad=True)
z = x @ w
forward = multiplications(lambda: x @ w)
backward = multiplications(lambda: z.sum().backward())
print(f"forward {forward:,}, backward {backward:,}: {backward / forward:.1f} times")

# %%
# Twice. The way forward takes ``n * 256 * 256 == 8388608``. On the way back, ``x.T @ dz`` has just as many, and ``dz @
# w.T`` again.
#
# Layer by layer
# --------------
#
# A network of three layers:

torch.manual_seed(0)
net = nn.Sequential(
    nn.Linear(64, 256),
    nn.ReLU(),
    nn.Linear(256, 256),
    nn.ReLU(),
    nn.Linear(256, 10),
)
data, labels = torch.randn(n, 64), torch.randint(10, (n,))
counted = []
for layer in (net[0], net[2], net[4]):
    came_in = torch.randn(n, layer.in_features, requires_grad=layer is not net[0])
    z = layer(came_in)
    there = multiplications(lambda layer=layer, came_in=came_in: layer(came_in))
    back = multiplications(lambda z=z: z.sum().backward())
    counted.append((there, back))
    by_hand = n * layer.in_features * layer.out_features
    print(f"{by_hand:>9,} by hand; counted: {there:>9,} and back {back:>10,}")

# %%
# The count is ours, for each layer. The first is an exception: nobody asks for the gradient of the data, so it has one
# product on the way back, ``counted[0][1] == counted[0][0]``. Now all of it, with the loss:


def step_of(model):
    """Count the multiplications of a forward and of a backward pass."""
    kept = {}

    def there():
        kept["loss"] = nn.functional.cross_entropy(model(data), labels)

    return multiplications(there), multiplications(lambda: kept["loss"].backward())


there, back = step_of(net)
print(f"forward {there:,}, backward {back:,}: {back / there:.2f} times")

# %%
# ``back / there ≈ 1.81``, a little less than two. It is so for any stack of layers, however deep: each is asked for one
# product on the way forward, and for two on the way back.
#
# What has to stay
# ----------------
#
# For ``x.T @ dz`` the way back needs ``x``. So what came into a layer has to stay until the way back has been there.
# Here it is in small:

v = torch.tensor(3.0, requires_grad=True)
b = torch.tensor(1.0, requires_grad=True)
with chainrule.record() as rec:
    product = v * 2.0
    total = product + b
    loss = total**2
    loss.backward()

rec

# %%
# .. do:: total 7, grad v 28, grad b 14; set b 3, total 9, grad v 36, grad b 18
#
#    The gradients of ``v`` and ``b`` are 28 and 14. Set ``b`` to 3: they are 36 and 18, since the square has to know
#    its input, which is 9. The product has to know its other factor. The sum need not know anything.
#
# PyTorch calls a pair of functions whenever an operation keeps a tensor, and whenever the way back takes it out. Ours
# looks at what is kept. Weights are there anyway, and do not count.


def kept_by(run, weights):
    """Give the shape and bytes of what a run keeps, once each."""
    seen = {}

    def keep(tensor):
        place = tensor.untyped_storage()
        seen[place.data_ptr()] = (tensor, place.nbytes())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = run()
    for weight in weights:
        seen.pop(weight.untyped_storage().data_ptr(), None)
    return [(tuple(each.shape), size) for each, size in seen.values()], result


kept, _ = kept_by(lambda: net(data), net.parameters())
for shape, size in kept:
    print(f"{shape!s:11} {size:>8,} bytes")

# %%
# These are the inputs of the three layers: 128 rows, and four bytes for each number, ``n * 256 * 4 == 131072``. A ReLU
# costs nothing more, since its result is the next layer's input.
#
# **Predict.** Weights, their gradients, Adam's two running means, and what is kept for the way back. What grows with
# the batch?
#
# .. answer:: Only what is kept [last line]
#    What is kept, and the gradients: A gradient has the shape of its weight.
#    All of it: A weight does not know how many samples there are.

weights = 4 * sum(each.numel() for each in net.parameters())
batches = (32, 128, 512, 2048)
memory = {"weights": [weights] * 4, "gradients": [weights] * 4}
memory["Adam's means"] = [2 * weights] * 4
memory["kept"] = [
    sum(
        size
        for _, size in kept_by(
            lambda size=size: net(torch.zeros(size, 64)), net.parameters()
        )[0]
    )
    for size in batches
]
for name, sizes in memory.items():
    print(f"{name:12}", *(f"{size / 1e6:6.2f}" for size in sizes), "MB")

figure = Figure(figsize=(5.6, 3.2), layout="constrained")
axes = figure.subplots()
for (name, sizes), (color, line, marker) in zip(
    memory.items(), STROKES, strict=True
):
    axes.plot(batches, [size / 1e6 for size in sizes], line, color=color)
    axes.plot(batches, [size / 1e6 for size in sizes], marker, color=color)
    axes.annotate(
        name, (batches[0], sizes[0] / 1e6), (0, 5), textcoords="offset points"
    )
axes.set(xlabel="batch", ylabel="MB", xscale="log", yscale="log", xticks=batches)
axes.set_xticks(batches, labels=[str(each) for each in batches])
axes.set_xticks([], minor=True)
figure.set_label(
    "Megabytes over the size of the batch. Weights, gradients and Adam's means are "
    "level lines. What is kept begins lowest, rises in proportion to the batch, "
    "and ends far above them."
)
figure

# %%
# The last line alone: ``memory["kept"][3] / memory["kept"][0] == 64``, as the batch. Weights, gradients and Adam's
# means take four numbers for each weight, whatever the batch. If memory runs out, a smaller batch helps against the
# last line and nothing else.
#
# Less memory, one more forward
# -----------------------------
#
# A :term:`checkpoint` runs a part of the network, keeps only what came into it, and runs the part once more when the
# way back comes by. Here are sixteen layers in four parts:

from torch.utils.checkpoint import checkpoint

deep = nn.Sequential(
    *(nn.Sequential(nn.Linear(64, 64), nn.Tanh()) for _ in range(16))
)
data.requires_grad_()  # so that the first layer is like the others


def in_parts(x):
    for first in range(0, 16, 4):
        x = checkpoint(deep[first : first + 4], x, use_reentrant=False)
    return x


whole, result = kept_by(lambda: deep(data), deep.parameters())
parts, same = kept_by(lambda: in_parts(data), deep.parameters())
print(len(whole), "tensors kept, and with checkpoints", len(parts))

# %%
# **Predict.** Without checkpoints, forward and backward take three times the multiplications of a forward pass. How
# many times is it with them?
#
# .. answer:: 4.0
#    5.0: Each part runs once more, and no more than that.

without, with_them = (sum(step_of(model)) for model in (deep, in_parts))
once = step_of(deep)[0]
print(f"without: {without / once:.1f} times")
print(f"with: {with_them / once:.1f}")

# %%
# Once more forward: four in place of three, a third more work, for ``len(parts) == 4`` tensors in place of ``len(whole)
# == 17``. The numbers are the same: ``torch.equal(result, same) == True``.
#
# Take away
# ---------
#
# - A layer costs *n × inputs × outputs* on the way forward, and twice that on the way back.
# - The way back needs what came into each product. That grows with the batch, and nothing else does.
# - With Adam each weight takes four numbers.
# - A checkpoint trades one more forward pass for most of what is kept.
#
# On your own
# -----------
#
# **Exercise.** A model has 7 billion weights of four bytes, and trains with Adam. How many gigabytes before any data
# come in?
#
# .. answer:: printed
#    28: Those are the weights alone. What else has their shape?

print(7 * 4 * 4)

# %%
# Weights, gradients, and two running means, ``7 * 4 == 28`` each. This is why large models are trained with shorter
# numbers, or on many machines.
#
# **Exercise.** In attention, ``q @ k.mT`` compares each place with each. The text becomes twice as long. How many times
# the multiplications is that?
#
# .. answer:: printed
#    2.0: There are twice as many q, and twice as many k.

costs = []
for places in (50, 100):
    q, k = torch.ones(1, places, 16), torch.ones(1, places, 16)
    costs.append(multiplications(lambda q=q, k=k: q @ k.mT))
print(costs[1] / costs[0])

# %%
# Four times, and four times the table that is kept.
#
# **Exercise.** All layers but the last are frozen, with ``requires_grad_(False)``. How many times the last layer's own
# forward multiplications does the whole backward pass take?
#
# .. answer:: printed
#    2.0: One of the two products is for what came in. Who asks for that now?

net[:4].requires_grad_(False)
frozen = step_of(lambda x: net(x.detach()))
print(frozen[1] / counted[2][0])

# %%
# One: the gradient of the last weights. Nobody asks for anything before them, so the way back ends there, and little is
# kept.
#
# References
# ----------
#
# Checkpoints for deep networks: [Chen2016]_. What the way back costs in general: [Griewank2008]_.
#
# **Next:** what happens inside of ``backward()``: write the engine yourself,
# :ref:`sphx_glr_lessons_7_inside_40_tiny_engine.py`.
