"""
Choose the direction
====================

**What you get:** the reason why everybody walks backward, as a count. Forward and backward mode are the same product of
tables, with the brackets set in different places. For a network the difference is a factor that grows with its weights.

**What you need:** :ref:`sphx_glr_lessons_4_further_10_batches.py` for products of tables, and the short chapter
:doc:`/concepts/one_sweep`, where both walks are taken for a model of one layer. Reading time: 15 minutes.
"""

# %%
# Where to set the brackets
# -------------------------
#
# Three steps in a row: two inputs become three numbers, these become three others, and those become one, the loss. Each
# step has a table of local gradients, its *Jacobian*: a row for each result, a column for each input. The chain rule
# multiplies the three tables:

import numpy as np

first = np.array([[1, 2], [0, 1], [3, 1]])  # two inputs, three results
second = np.array([[1, 0, 2], [2, 1, 0], [0, 1, 1]])
last = np.array([[1, 2, 1]])  # three inputs, one result

# %%
# A product of tables may be worked out from either end. The result is the same, since brackets do not matter to it.
# They matter to you, if you do it by hand: each entry of a product takes as many multiplications as the table on
# the left has columns.
#
# **Predict.** Count the multiplications from the inputs on, ``last @ (second @ first)``, and from the loss on,
# ``(last @ second) @ first``. How many are they from the loss on?
#
# .. answer:: 15
#    24: That is from the inputs on.

count = 0


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
# ``(from_inputs == from_loss).all() == True``, the same gradient, by ``inputs_first == 24`` multiplications from the
# inputs on, and ``loss_first == 15`` from the loss on.
#
# The loss is *one* number, so its table is a single row. Begin with it, and everything that you carry along is a single
# row. Begin at the inputs, and you carry a column for each of them. That is the whole secret. With two inputs it saves
# a few multiplications. A network has a million.
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

import torch
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
# Count it for a network
# ----------------------
#
# The chapter named above counted for a model of one layer: two multiplications for each weight. Now three layers
# of the same width, each a table of weights and a ``tanh``, and as the loss half the sum of the squares. ``times``
# counts.


def times(a, b):
    """Multiply entry by entry, or a column with a row, and count."""
    global count
    result = a * b
    count += result.size
    return result


def forward(weights, x):
    """Give all states, from the input on, and the loss."""
    states = [x]
    for w in weights:
        states.append(np.tanh(product(w, states[-1])))
    return states, 0.5 * times(states[-1], states[-1]).sum()


def by_nudging(weights, x, nudge=1e-6):
    """Run the network once as it is, and once for each weight."""
    _, before = forward(weights, x)
    slopes = [np.zeros_like(w) for w in weights]
    for w, slope in zip(weights, slopes, strict=True):
        for place in np.ndindex(w.shape):
            w[place] += nudge
            slope[place] = (forward(weights, x)[1] - before) / nudge
            w[place] -= nudge
    return slopes


def by_forward_mode(weights, x):
    """Walk forward once for each weight, and carry along how states move."""
    slopes = [np.zeros_like(w) for w in weights]
    for layer, slope in enumerate(slopes):
        for row, column in np.ndindex(slope.shape):
            state, moves = x, np.zeros_like(x)
            for i, w in enumerate(weights):
                moves = product(w, moves) if i > layer else np.zeros_like(x)
                if i == layer:
                    moves[row] = state[column]
                state = np.tanh(product(w, state))
                if i >= layer:
                    moves = times(moves, 1 - times(state, state))
            slope[row, column] = times(state, moves).sum()
    return slopes


def by_reverse_mode(weights, x):
    """Walk forward once and backward once."""
    states, _ = forward(weights, x)
    slopes, arriving = [], states[-1]
    for w, state, out in zip(
        weights[::-1], states[-2::-1], states[:0:-1], strict=True
    ):
        arriving = times(arriving, 1 - times(out, out))
        slopes.insert(0, times(arriving, state.T))
        if len(slopes) < len(weights):  # nobody asks for the gradient of the input
            arriving = product(w.T, arriving)
    return slopes


# %%
# Forward mode is written as kindly as possible: it starts to carry at the layer of its weight, since before that
# nothing moves. The three agree, up to the error of a nudge:


def network(width):
    draw = np.random.default_rng(width)
    weights = [draw.normal(size=(width, width)) / np.sqrt(width) for _ in range(3)]
    return weights, draw.normal(size=(width, 1))


weights, x = network(4)
reverse = by_reverse_mode(weights, x)
for method in (by_nudging, by_forward_mode):
    apart = max(
        np.abs(a - b).max()
        for a, b in zip(method(weights, x), reverse, strict=True)
    )
    print(f"{method.__name__:15} the same: {apart < 1e-5}")

# %%
# **Predict.** From a width of 2 to one of 16, the weights become 64 times as many. How much does the count grow with
# reverse mode, and with the others?
#
# .. answer:: Less than the weights, the others far more [reverse mode grows by]
#    All as much as the weights: Nudging runs the model once for each weight.
#    All far more than the weights: Reverse mode walks once.

methods = {"nudging": by_nudging, "forward mode": by_forward_mode}
methods["reverse mode"] = by_reverse_mode
sizes, used = [], {name: [] for name in methods}
print("weights" + "".join(f"{name:>15}" for name in methods))
for width in (1, 2, 4, 8, 16):
    weights, x = network(width)
    sizes.append(3 * width**2)
    for name, method in methods.items():
        count = 0
        method(weights, x)
        used[name].append(count)
    print(f"{sizes[-1]:7}" + "".join(f"{used[name][-1]:15,}" for name in methods))

# %%
# From a width of two to sixteen reverse mode grows by ``used["reverse mode"][4] / used["reverse mode"][1] < 64``, and
# the others by ``used["forward mode"][4] / used["forward mode"][1] > 2000`` and ``used["nudging"][4] /
# used["nudging"][1] > 2000``. At ``sizes[4] == 768`` weights, reverse mode takes less than three multiplications for
# each, ``used["reverse mode"][4] / 768 < 3``: one on the way there, and not quite two on the way back.

from chainrule.plots import STROKES, Figure

figure = Figure(figsize=(5.4, 3.4), layout="constrained")
axes = figure.subplots()
for (name, numbers), (color, line, marker) in zip(
    used.items(), STROKES, strict=False
):
    axes.plot(sizes, numbers, line, color=color, marker=marker, label=name)
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
# On logarithmic scales a power is a straight line, and the power is its slope. The lower line has a slope of one: as
# many weights, as much work. The upper two have a slope of two.
#
# Follow them to a million weights, and say that a forward pass takes a second. Reverse mode takes about three. Forward
# mode takes a second or two for *each weight*. A million seconds are ``1_000_000 / 86_400 ≈ 11.6`` days, for one step.
#
# When forward is better
# ----------------------
#
# It is a matter of counting rows and columns, and sometimes there are fewer columns.
#
# **Predict.** A function takes *two* numbers, say a launch's speed and angle, and gives a thousand: the height of the
# ball at a thousand moments. You want the whole table. How many walks does forward mode take?
#
# .. answer:: Two [make all their walks]
#    A thousand: That is with reverse mode: a walk for each row.
#    One: One direction goes in at a time, and there are more.

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
# ``columns == 2`` walks forward, and ``rows == 1000`` backward. (``jacfwd`` and ``jacrev`` make all their walks at
# once, as a batch. They have to be paid for, all the same.)
#
# Forward mode has another advantage. It needs no notes: what an operation hands on is used at once, so nothing has to
# be kept for the way back.
#
# Take away
# ---------
#
# - The chain rule is a product of tables. From the loss on, you carry one row for each result; from the inputs on, one
#   column for each input.
# - JVP: a direction goes forward. VJP: an upstream gradient goes backward.
# - One loss, many weights: reverse. One knob, many results: forward.
#
# On your own
# -----------
#
# **Exercise.** The tables have the shapes ``(1, 100)``, ``(100, 100)`` and ``(100, 4)``, from the loss to the inputs.
# How many multiplications does it take from the loss on?
#
# .. answer:: printed
#    40400: That is from the inputs on.

count = 0
row, middle, inputs = np.ones((1, 100)), np.ones((100, 100)), np.ones((100, 4))
product(product(row, middle), inputs)
from_loss = count
count = 0
product(row, product(middle, inputs))
print(from_loss)

# %%
# ``from_loss == 10400``: ten thousand and four hundred. From the inputs on, the first product alone takes forty
# thousand, and all of it ``count == 40400``.
#
# **Exercise.** The weights of the network of width four all move at once, in some direction. How many walks forward
# does it take to know how fast the loss moves?
#
# .. answer:: One [One: a direction]
#    As many as there are weights: That is for all the slopes, one by one.
#    As many as there are layers: A walk goes through all of them.

weights, x = network(4)
tables = tuple(torch.tensor(w) for w in weights)
start = torch.tensor(x)


def loss_of(*tables):
    state = start
    for w in tables:
        state = torch.tanh(w @ state)
    return 0.5 * (state**2).sum()


direction = tuple(torch.ones_like(w) for w in tables)
walks = 1
_, speed = jvp(loss_of, tables, direction)
by_hand = sum(slope.sum() for slope in by_reverse_mode(weights, x))
print(
    "the gradient, times the direction, says the same:", np.allclose(speed, by_hand)
)
print(walks)

# %%
# One: a direction goes in, a speed comes out. It is the sum of all slopes times their share of the direction, and you
# have it without knowing any of them. So for *one* direction, forward is enough, however many weights move.
#
# **Exercise.** Forward mode fits into a few lines: a number that carries along how fast it moves. How fast does a
# product of ``a`` and ``b`` move? Write it down, with a sum and a ``tanh``, and check the slope of ``x * tanh(x * x +
# x)``.
#
# .. answer:: a's speed times b, plus b's speed times a [agree to all digits]
#    a's speed times b's speed: Only one factor moves at a time.
#    The sum of both speeds: That is for a sum.

from dataclasses import dataclass

import chainrule


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
# They agree to all digits shown, ``abs(formula(Moving(0.6, 1.0)).speed - numerical) < 1e-6``, and PyTorch's own
# gradient agrees with both, ``bool(report) == True``. The input moves with a speed of one. What comes out is its slope.
#
# **Next:** everything together on real data, :ref:`sphx_glr_lessons_4_further_95_digits.py`.
