"""
Choose the direction: forward and reverse mode
==============================================

**What you get:** the reason why everybody walks backward, as a count. Forward and backward mode are the same product of
tables, with the brackets set in different places. For a network the difference is a factor that grows with its weights.

**What you need:** :ref:`sphx_glr_lessons_4_batches_10_batches.py`, for products of tables. Reading time: 16 minutes.
"""

# %%
# Three weights, three ways
# -------------------------
#
# A prediction adds up three products of a weight and its input. The loss is the squared error, as in the lesson on
# three weights. To see what things cost, we count multiplications.

count = 0


def times(a, b):
    global count
    count += 1
    return a * b


def forward(weights, inputs, target):
    y_hat = sum(times(w, x) for w, x in zip(weights, inputs, strict=True))
    error = y_hat - target
    return error, times(error, error)


weights, inputs, target = [1.0, 1.0, 2.0], [2.0, 3.0, 1.0], 3.0
error, loss = forward(weights, inputs, target)
print("loss", loss, " multiplications", count)

# %%
# One for each weight, and one for the square. There are three ways to all three slopes. *Nudging* runs the model once
# as it is, and once for each weight. *Forward mode* carries along, with each value, how fast it moves when one chosen
# weight moves; the chain rule says how that goes on across an operation. And the *backward pass* starts at the loss.


def by_nudging(weights, inputs, target, nudge=1e-6):
    _, before = forward(weights, inputs, target)
    slopes = []
    for i in range(len(weights)):
        moved = [w + nudge if j == i else w for j, w in enumerate(weights)]
        _, after = forward(moved, inputs, target)
        slopes.append((after - before) / nudge)
    return slopes


def by_forward_mode(weights, inputs, target):
    slopes = []
    for chosen in range(len(weights)):
        y_hat, speed = 0.0, 0.0
        for i, (w, x) in enumerate(zip(weights, inputs, strict=True)):
            y_hat += times(w, x)
            speed += times(1.0 if i == chosen else 0.0, x)
        error = y_hat - target
        times(error, error)  # the loss
        slopes.append(times(times(2, error), speed))
    return slopes


def by_reverse_mode(weights, inputs, target):
    error, _ = forward(weights, inputs, target)
    upstream = times(2, error)
    return [times(upstream, x) for x in inputs]


# %%
# **Predict.** How many multiplications does the backward pass take, with its forward pass included?
#
# .. answer:: 8
#    4: That is the way back alone, or the way forward alone.
#    16: That is by nudging.

methods = [by_nudging, by_forward_mode, by_reverse_mode]
for method in methods:
    count = 0
    slopes = method(weights, inputs, target)
    print(f"{method.__name__:16} {[round(s, 2) for s in slopes]}  {count}")

# %%
# 4 on the way forward, and 4 on the way back: one for the square, and one for each weight. The upstream gradient at the
# prediction is found once, and serves every weight. Nudging takes four runs of four, and forward mode a walk for each
# weight in which each value is carried twice.
#
# Take it in hand
# ---------------
#
# The same in PyTorch, with a name for each weight:

import torch

import chainrule

a, b, c = (torch.tensor(start, requires_grad=True) for start in weights)
with chainrule.record() as rec:
    y_hat = a * 2.0 + b * 3.0 + c * 1.0
    error = y_hat - target
    loss = error**2
    loss.backward()

rec

# %%
# .. do:: play, grad y_hat 8, grad a 16, grad b 24, grad c 8
#
#    Press Play. Once ``y_hat`` has its 8, the rest is one product for each weight: 16, 24 and 8.
#
# Let it grow
# -----------
#
# **Predict.** A model has a thousand weights. How many multiplications does the backward pass take now?
#
# .. answer:: 2002
#    1001: That is the way forward.
#    1002001: That is by nudging.

sizes, used = (1, 10, 100, 1000), {method.__name__: [] for method in methods}
for n in sizes:
    for method in methods:
        count = 0
        method([1.0] * n, [1.0] * n, 3.0)
        used[method.__name__].append(count)
for name, numbers in used.items():
    print(f"{name:16}" + "".join(f"{number:12}" for number in numbers))
print("way forward", 1000 + 1)

# %%
# The backward pass takes twice the multiplications of the forward pass, however many weights there are. The other two
# grow with the *square* of the number of weights, since each weight needs a run over all of them.

from chainrule.plots import STROKES, Figure

figure = Figure(figsize=(5.4, 3.4), layout="constrained")
axes = figure.subplots()
for (name, numbers), (color, line, marker) in zip(
    used.items(), STROKES, strict=False
):
    label = name.removeprefix("by_").replace("_", " ")
    axes.plot(sizes, numbers, line, color=color, marker=marker, label=label)
axes.set(xscale="log", yscale="log", xlabel="weights", ylabel="multiplications")
axes.legend(frameon=False)
ends = "; ".join(f"{name}: {numbers[-1]:,}" for name, numbers in used.items())
figure.set_label(
    "Multiplications over the number of weights, both on logarithmic scales, as "
    "three straight lines. Nudging and forward mode rise twice as steeply as "
    f"reverse mode. At {sizes[-1]} weights, {ends}."
)
figure

# %%
# In a network of several layers the way back has more to do: each layer has to find the gradients of its weights *and*
# those of its inputs, which the layer before is waiting for. So there it takes about two forward passes. With a million
# weights and a second for a forward pass, that is three seconds in all, where nudging takes a million seconds,
# ``1_000_000 / 86_400 ≈ 11.6`` days.
#
# There is a price. The way back needs the values of the way forward, and somebody has to keep them. Training takes more
# memory than predicting.
#
# Where to set the brackets
# -------------------------
#
# The chain rule itself has no direction. Three steps in a row: two inputs become three numbers, these become three
# others, and those become one, the loss. Each step has a table of local gradients, its *Jacobian*: a row for each
# result, a column for each input. The chain rule multiplies the three tables:

import numpy as np

first = np.array([[1, 2], [0, 1], [3, 1]])  # two inputs, three results
second = np.array([[1, 0, 2], [2, 1, 0], [0, 1, 1]])
last = np.array([[1, 2, 1]])  # three inputs, one result

# %%
# A product of tables may be worked out from either end, and the result is the same. Each entry of a product takes as
# many multiplications as the table on the left has columns.
#
# **Predict.** Count the multiplications from the inputs on, ``last @ (second @ first)``, and from the loss on,
# ``(last @ second) @ first``. How many are they from the loss on?
#
# .. answer:: 15
#    24: That is from the inputs on.


def product(a, b):
    """Multiply two tables, and count the multiplications."""
    global count
    count += a.shape[0] * a.shape[1] * b.shape[1]
    return a @ b


count = 0
from_inputs, inputs_first = product(last, product(second, first)), count
count = 0
from_loss, loss_first = product(product(last, second), first), count
print(from_inputs, inputs_first)
print(from_loss, loss_first)

# %%
# The same gradient, by ``inputs_first == 24`` multiplications from the inputs on, and ``loss_first == 15`` from the
# loss on. The loss is *one* number, so its table is a single row, and everything that you carry along is a single row.
# From the inputs on, you carry a column for each of them.
#
# Two walks and their names
# -------------------------
#
# Nobody builds the tables. There is code for each operation that takes a list of numbers across at once:
#
# - **Forward mode** takes a *direction*: how fast each input moves. Across an operation it becomes how fast each result
#   moves. That is the table times a column, a *Jacobian-vector product*, JVP for short.
# - **Reverse mode** takes an *upstream gradient*: how much each result counts. Across an operation it becomes how much
#   each input counts. A row times the table is a *vector-Jacobian product*, VJP for short.
#
# PyTorch has both. A function of two inputs and three results:

from torch.func import jacrev, jvp, vjp


def f(x):
    return torch.stack([x[0] * x[1], x[0] + x[1], x[1] ** 2])


x = torch.tensor([2.0, 3.0])
table = jacrev(f)(x)
print(table)

# %%
# The table has a row for each result. In the first, the local gradients of a product are the other factors.
#
# **Predict.** Only the second input moves: the direction is ``(0, 1)``. Forward mode then gives a part of the table.
# And reverse mode gives one if only the third result counts, ``(0, 0, 1)``. Which parts?
#
# .. answer:: The second column, and the third row [second column]
#    The second row, and the third column: A column is what one input does to every result.
#    The whole table, both times: One direction goes in each time.

_, moves = jvp(f, (x,), (torch.tensor([0.0, 1.0]),))
_, back = vjp(f, x)
(counts,) = back(torch.tensor([0.0, 0.0, 1.0]))
print("forward:", moves)
print("reverse:", counts)

# %%
# ``moves == (2.0, 1.0, 6.0)`` is the second *column* of the table, and ``counts == (0.0, 6.0)`` its third *row*. So one
# walk forward gives a column, what one input does to every result. One walk backward gives a row, what every input does
# to one result. To have the whole table, you need a walk for each column, or one for each row.
#
# When forward is better
# ----------------------
#
# A function takes *two* numbers, say a launch's speed and angle, and gives a thousand: the height of the ball at a
# thousand moments. The whole table takes forward mode one walk for each number that goes in, and reverse mode one for
# each that comes out:

from torch.func import jacfwd

moments = torch.linspace(0, 1, 1000, dtype=torch.float64)
launch = torch.tensor([20.0, 0.8], dtype=torch.float64)


def heights(launch):
    speed, angle = launch
    return speed * torch.sin(angle) * moments - 9.81 / 2 * moments**2


by_columns, by_rows = jacfwd(heights)(launch), jacrev(heights)(launch)
rows, columns = by_columns.shape
print("the same table:", torch.allclose(by_columns, by_rows))
print("walks forward:", columns, "  walks backward:", rows)

# %%
# Forward mode has another advantage. It needs no notes: what an operation hands on is used at once, so nothing has to
# be kept for the way back.
#
# Take away
# ---------
#
# - One loss, many weights: reverse, at a small fixed multiple of the forward pass. One knob, many results: forward.
# - The chain rule is a product of tables. From the loss on, you carry one row for each result; from the inputs on, one
#   column for each input.
# - JVP: a direction goes forward. VJP: an upstream gradient goes backward, and needs what the forward pass kept.
#
# On your own
# -----------
#
# **Exercise.** The tables have the shapes ``(1, 100)``, ``(100, 100)`` and ``(100, 4)``, from the loss to the inputs.
# How many multiplications does it take from the loss on?
#
# .. answer:: printed
#    40400: That is from the inputs on.

row, middle, ends = np.ones((1, 100)), np.ones((100, 100)), np.ones((100, 4))
count = 0
product(row, product(middle, ends))
print("from the inputs on:", count)
count = 0
product(product(row, middle), ends)
print(count)

# %%
# Ten thousand and four hundred. From the inputs on, the first product alone takes forty thousand.
#
# **Exercise.** A thousand weights all move at once, in some direction. How many walks forward does it take to know how
# fast the loss moves?
#
# .. answer:: One [One: a direction]
#    A thousand: That is for all the slopes, one by one.
#    Two: The direction says how fast each of them moves.

torch.manual_seed(0)
start, given, direction = torch.randn(3, 1000, dtype=torch.float64)


def loss_of(w):
    return (w @ given - 3.0) ** 2


_, speed = jvp(loss_of, (start,), (direction,))
gradient = jacrev(loss_of)(start)
print(
    "gradient times direction says the same:",
    torch.isclose(speed, gradient @ direction).item(),
)

# %%
# One: a direction goes in, a speed comes out. It is the sum of all slopes times their share of the direction, and you
# have it without knowing any of them.
#
# **Exercise.** Forward mode fits into a few lines: a number that carries along how fast it moves. How fast does a
# product of ``a`` and ``b`` move? Write it down, with a sum and a ``tanh``, and check the slope of ``x * tanh(x * x +
# x)``.
#
# .. answer:: a's speed times b, plus b's speed times a [agree to all digits]
#    a's speed times b's speed: Only one factor moves at a time.
#    The sum of both speeds: That is for a sum.

from dataclasses import dataclass


@dataclass
class Moving:
    """Hold a number and its speed."""

    value: float
    speed: float

    def __add__(self, other):
        return Moving(self.value + other.value, self.speed + other.speed)

    def __mul__(self, other):
        speed = self.speed * other.value + self.value * other.speed
        return Moving(self.value * other.value, speed)

    def tanh(self):
        value = np.tanh(self.value)
        return Moving(value, (1 - value**2) * self.speed)


def formula(x):
    return x * (x * x + x).tanh()


report = chainrule.check_gradient(formula, torch.tensor(0.6))
numerical = float(report.numerical[0])
print(f"ours {formula(Moving(0.6, 1.0)).speed:.6f}, numerical {numerical:.6f}")

# %%
# They agree to all digits shown, and PyTorch's own gradient agrees with both, ``bool(report) == True``. The input moves
# with a speed of one. What comes out is its slope.
#
# References
# ----------
#
# A survey, [Baydin2018]_, and the textbook, [Griewank2008]_.
#
# **Next:** a gradient that is differentiated itself, :ref:`sphx_glr_lessons_7_inside_93_slopes_of_slopes.py`.
