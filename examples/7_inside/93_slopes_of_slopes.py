"""
Differentiate the gradient: create_graph and curvature
======================================================

**What you get:** the slope of a slope, which is how much a gradient changes when a weight moves. It tells the largest
learning rate before you try one, and it trains a model on how steep it is. You also see a wrong one that looks right.

**What you need:** :ref:`sphx_glr_lessons_2_descent_10_parabola.py` and
:ref:`sphx_glr_lessons_7_inside_60_own_backward.py`. Reading time: 15 minutes.
"""

# %%
# A slope is a value, too
# -----------------------
#
# Here is the one weight again. ``torch.autograd.grad`` returns the gradient, and with ``create_graph=True`` it also
# notes how it computed it. So the gradient is a value like any other, with a way back to ``w``.

import torch

import chainrule

x, y = torch.tensor(5.0), torch.tensor(11.0)
w = torch.tensor(3.0, requires_grad=True)

loss = (w * x - y) ** 2
(slope,) = torch.autograd.grad(loss, w, create_graph=True)
print("slope", slope.item())

# %%
# ``slope == 40``, as you know it. Written out it is ``2 * (w * x - y) * x``.
#
# **Predict.** How much does the slope change when ``w`` moves by one?
#
# .. answer:: 50.0
#    10.0: That is how much it changes with the prediction. How far does the prediction move when w moves by one?
#    40.0: That is the slope where you stand.

(curvature,) = torch.autograd.grad(slope, w)
print(curvature.item())

# %%
# The prediction moves by five, and the slope by ten for each of these: ``curvature == 50``. The slope of the slope is
# called the *curvature*.
#
# A backward pass made of operations
# ----------------------------------
#
# Nothing new is needed for it. The backward pass multiplied and added, these are operations, and operations can be
# recorded. Here they are by hand:

with chainrule.record() as rec:
    error = w * x - y
    by_hand = 2 * error * x
    by_hand.backward()

rec

# %%
# .. do:: play, grad error 10, grad w 50; set w 2.2, by_hand 0, grad w 50; set x 1, grad w 2
#
#    Press Play: what is walked backward is the *slope*. Set ``w`` to 2.2. The slope is 0 and the curvature stays at 50,
#    since a parabola bends alike everywhere. Set ``x`` to 1: 2 is left.
#
# The largest rate
# ----------------
#
# A step moves ``w`` by the rate times the slope. That changes the slope itself, by the curvature times as much. So a
# step leaves the part ``1 - rate * curvature`` of the slope.
#
# **Predict.** At which rate does the slope turn around and stay just as large, for ever?
#
# .. answer:: 0.04
#    0.02: There nothing of it is left: one step lands.
#    0.01: There half of it is left.

for rate in (0.5, 1, 2, 2.5):
    left = 1 - rate / curvature * curvature
    print(f"rate {rate / curvature:.2f}: {left:g} of the slope is left")

# %%
# At two over the curvature, ``2 / curvature ≈ 0.04``. Half of that lands in one step, and more explodes: those are the
# rates that you found by trying.
#
# Many weights: ask for one direction
# -----------------------------------
#
# Two weights have four curvatures: how each slope changes with each weight. The table of them is the *Hessian*. For a
# million weights it has a million times a million entries, and nobody writes it down. But what it does to *one*
# direction is cheap: take the gradient, multiply it by the direction, and add up. That is one number. Take the gradient
# of that.


def hessian_times(loss, weights, direction):
    """Tell how the gradient changes along a direction."""
    (slopes,) = torch.autograd.grad(loss, weights, create_graph=True)
    return torch.autograd.grad(slopes @ direction, weights)[0]


samples = torch.tensor([[5.0, 1.0], [1.0, 1.0]])  # an input, and 1 for the bias
targets = torch.tensor([11.0, 3.0])
weights = torch.tensor([3.0, 0.0], requires_grad=True)


def loss_of(weights):
    return ((samples @ weights - targets) ** 2).sum()


only_first = torch.tensor([1.0, 0.0])
print(hessian_times(loss_of(weights), weights, only_first).tolist())

# %%
# When the first weight moves by one, the first slope moves by 52 and the second by 12.
#
# **Predict.** How many backward passes does this take for a model with a million weights?
#
# .. answer:: 2 [the answer is 2]
#    1000000: That is for the whole table, one row each.
#    1: That gives the slopes. They are still to be differentiated.

passes = 0


def counted(gradient):
    global passes
    passes += 1
    return gradient


many = torch.ones(1_000_000, requires_grad=True)
squares = many**2
squares.register_hook(counted)
moved = hessian_times(squares.sum(), many, torch.ones(1_000_000))
print("the answer is", passes + 1, "and each entry", moved[0].item())

# %%
# One for the slopes, and one for what became of them. (The hook saw the first. The second ran over the operations of
# the first.)
#
# Now the largest rate. Multiply a direction by the Hessian again and again, and it turns to where the loss bends most:

direction = torch.tensor([1.0, 1.0])
for _ in range(20):
    bent = hessian_times(loss_of(weights), weights, direction)
    most = bent.norm().item()
    direction = bent / most
largest = 2 / most
print(f"largest curvature {most:.2f}, largest rate {largest:.4f}")

# %%
# ``most ≈ 54.83``, so ``largest ≈ 0.0365``. A little below and a little above it, from the same start:

from chainrule.plots import LINES, STROKES, Figure


def descend(rate, steps=12):
    at = weights.detach().clone().requires_grad_()
    path = [at.detach().clone()]
    for _ in range(steps):
        (slopes,) = torch.autograd.grad(loss_of(at), at)
        at = (at - rate * slopes).detach().requires_grad_()
        path.append(at.detach().clone())
    return torch.stack(path)


paths = {rate: descend(rate) for rate in (0.034, 0.038)}
ends = {rate: loss_of(path[-1]).item() for rate, path in paths.items()}
first, bias = torch.meshgrid(
    torch.linspace(0.9, 3.5, 60), torch.linspace(-0.6, 1.4, 60), indexing="ij"
)
grid = (5 * first + bias - 11) ** 2 + (first + bias - 3) ** 2
figure = Figure(figsize=(6.8, 3.2), layout="constrained")
for axes, (rate, path), (color, _, marker) in zip(
    figure.subplots(1, 2, sharey=True), paths.items(), STROKES, strict=False
):
    axes.contour(first, bias, grid, levels=[0.1, 1, 4, 10, 20], colors=LINES.faint)
    axes.plot(*path.T, "--", color=color, marker=marker, markersize=4, linewidth=1)
    axes.set(title=f"rate {rate}", xlabel="weight", xlim=(0.9, 3.5))
figure.axes[0].set_ylabel("bias")
figure.set_label(
    "Contours of the loss over weight and bias, a narrow valley, with twelve steps "
    "of descent from the same start. On the left, at rate 0.034, they jump across "
    "the valley ever less; on the right, at rate 0.038, ever more."
)
figure

# %%
# Both jump across the valley. On the left each jump is shorter, ``ends[0.034] < 2``; on the right each is longer,
# ``ends[0.038] > 16``. The direction in which the loss bends most sets the rate for all.
#
# Train on a slope
# ----------------
#
# Sometimes a slope is part of the loss. A *gradient penalty* asks that the output does not change too fast when the
# *input* moves. So the slope goes into the loss, and has to be differentiated by the weight:

a = torch.tensor(0.5, requires_grad=True)  # the input
v = torch.tensor(2.0, requires_grad=True)  # the weight


def steepness(keep):
    (slope,) = torch.autograd.grad(torch.tanh(v * a), a, create_graph=keep)
    return slope


# %%
# **Predict.** The penalty is the square of that slope. Somebody leaves ``create_graph`` out. What does ``backward()``
# do?
#
# .. answer:: It raises an error [does not require grad]
#    It gives the right gradient: The slope is then a number. What leads from it to the weight?
#    It leaves the gradient at zero: Of a number without a way back, PyTorch says so.

try:
    (steepness(keep=False) ** 2).backward()
except RuntimeError as message:
    print(message)

(steepness(keep=True) ** 2).backward()
print(f"with create_graph: {v.grad.item():.4f}")
report = chainrule.check_gradient(
    lambda v: (v * (1 - torch.tanh(v * 0.5) ** 2)) ** 2, torch.tensor(2.0)
)
print(report)

# %%
# Without it the slope is a plain number. With it ``v.grad ≈ -0.3691``, and the formula of the slope, differentiated
# numerically, says the same. Beware of the case in between: add the *usual* loss to such a number, and there is no
# error. Then the penalty counts, and trains nothing.
#
# Where it goes wrong without a word
# ----------------------------------
#
# This operation of one's own is a square. Its ``backward`` uses a number that ``forward`` put aside:


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w):
        ctx.slope = 2 * w  # made inside of forward: without a graph
        return w**2

    @staticmethod
    def backward(ctx, upstream):
        return upstream * ctx.slope


def cube(w):
    return Square.apply(w) * w


# %%
# **Predict.** The slope of a cube is three times the square, and the slope of that six times ``w``. What does autograd
# say at 3?
#
# .. answer:: 12.0
#    18.0: It should. But 2w came from forward, and is a constant to whoever differentiates backward.
#    27.0: That is the first slope.

w = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
(slope,) = torch.autograd.grad(cube(w), w, create_graph=True)
(second,) = torch.autograd.grad(slope, w)
print("should be", 6 * w.item(), " slope", slope.item())
print(second.item())

# %%
# The first slope is right, ``slope == 27``, and the second is ``second == 12`` where ``6 * w == 18`` would be
# right. No check of the first can notice. That of the second is called ``gradgradcheck``:

print("gradcheck:", torch.autograd.gradcheck(cube, w))
try:
    torch.autograd.gradgradcheck(cube, w)
    noticed = False
except RuntimeError:
    noticed = True
print("gradgradcheck notices:", noticed)

# %%
# The cure: keep ``w`` with ``save_for_backward``, and compute ``2 * w`` in ``backward``.
#
# Take away
# ---------
#
# - ``create_graph=True`` records the backward pass, so that the gradient can be differentiated.
# - The largest rate is two over the largest curvature.
# - A Hessian-vector product costs two backward passes, however many weights there are.
# - Use ``autograd.grad`` for it: ``backward(create_graph=True)`` leaves the whole graph in ``.grad``, and memory grows.
# - An operation of one's own wants ``gradgradcheck`` before it is used in a penalty.
#
# On your own
# -----------
#
# **Exercise.** The loss is ``w**3`` at 2. One step at a rate of 0.05 changes the slope by about how much, going by the
# curvature? Give the size.
#
# .. answer:: printed
#    0.6: That is how far w moves.

w = torch.tensor(2.0, requires_grad=True)
(slope,) = torch.autograd.grad(w**3, w, create_graph=True)
(curvature,) = torch.autograd.grad(slope, w)
print((0.05 * slope * curvature).item())

# %%
# The slope is twelve, so ``w`` moves by 0.6, and the curvature is twelve as well. (The slope really falls to
# ``3 * 1.4**2 ≈ 5.88``: the curvature itself changes on the way.)
#
# **Exercise.** What is the curvature of a sum of ReLUs, away from their corners?
#
# .. answer:: Zero [Zero: pieces]
#    One: That is the slope where one is on.
#    Infinite: That would be at a corner.

w = torch.tensor([-1.0, 2.0], requires_grad=True)
(slopes,) = torch.autograd.grad(torch.relu(w).sum(), w, create_graph=True)
(bent,) = torch.autograd.grad(slopes.sum(), w)
print(bent.tolist())

# %%
# Zero: pieces of straight lines do not bend. A penalty on a slope still trains the weights of such a network, since the
# slope is their product. But it cannot move what switches a unit on or off.
#
# References
# ----------
#
# The product with the Hessian: [Pearlmutter1994]_. The penalty: [Gulrajani2017]_.
#
# **Next:** watch all of this happen, with :ref:`sphx_glr_lessons_7_inside_96_own_recorder.py`.
