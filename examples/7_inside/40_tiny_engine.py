"""
Write an engine of your own: automatic differentiation
======================================================

**What you get:** what PyTorch does when you call ``backward()``, in fewer than a hundred lines that you write along
with the page. They give PyTorch's numbers on random graphs, and a graph of ten thousand steps does not stop them.

**What you need:** :ref:`sphx_glr_lessons_1_one_weight_50_forks.py`, and Python's classes and ``lambda``.
Reading time: 22 minutes.
"""

# %%
# How much is there to it?
# ------------------------
#
# PyTorch is a very large program. How much of it does the idea need? What came up so far was: a local gradient for each
# arrow, multiply along a path, add where paths meet, visit the last made value first. An *engine* is a program
# that does this for any formula you give it. You need two things: values that remember how they were made, and a walk.
#
# A value that remembers
# ----------------------
#
# Our value holds one number. It knows its inputs, each as a pair: the value that was taken, and the local gradient of
# that arrow. A leaf has no inputs. And each value gets a number of its own, counted up as they are made. (What for, you
# will see when we walk.)

import itertools

count = itertools.count()


class Value:
    """Hold a number, and what it was made from."""

    def __init__(self, data, inputs=()):
        self.data = data
        self.inputs = inputs  # pairs: a value, and the local gradient
        self.grad = 0.0
        self.number = next(count)


# %%
# Operations are lines in a table
# -------------------------------
#
# To the engine an operation is a function of numbers, together with its local gradients: one function for each input.
# ``operation`` makes of these a function of *values*. It computes the result, and at the same time the local gradients,
# and stores both in a new value. Plain numbers are welcome, too; they become leaves.


def operation(forward, *slopes):
    """Turn a function of numbers, with its local gradients, into one of values."""

    def apply(*taken):
        taken = [t if isinstance(t, Value) else Value(t) for t in taken]
        numbers = [t.data for t in taken]
        found = [slope(*numbers) for slope in slopes]
        return Value(forward(*numbers), tuple(zip(taken, found, strict=True)))

    return apply


add = operation(lambda a, b: a + b, lambda a, b: 1.0, lambda a, b: 1.0)
mul = operation(lambda a, b: a * b, lambda a, b: b, lambda a, b: a)

Value.__add__ = Value.__radd__ = add
Value.__mul__ = Value.__rmul__ = mul

# %%
# The last two lines let us write ``b + 1`` and ``2 * a`` for values. Here is the fork from the first part:

a = Value(1.0)
b = 2 * a
c = b + 1
d = b * c

print(d.data)
print("d was made from", [(taken.data, local) for taken, local in d.inputs])

# %%
# ``d.data == 6.0``, made from ``b.data == 2.0`` with the local gradient three, and ``c.data == 3.0`` with the local
# gradient two. The forward pass is done, and everything that the way back needs is stored in it.
#
# The walk, wrongly
# -----------------
#
# The obvious walk: a value hands its gradient on to its inputs, times the local gradient, and then each input does the
# same.
#
# **Predict.** The gradient of ``a`` is 10; you found it in the lesson on forks. What does this walk find?
#
# .. answer:: 16.0
#    10.0: That would be right. But how often is b reached, and what does it hand on each time?
#    6.0: That would be so if b were left for good before the part through c has come in.


def obvious(value):
    for taken, local in value.inputs:
        taken.grad += value.grad * local
    for taken, _ in value.inputs:
        obvious(taken)


def found_by(walk, swapped=False):
    a = Value(1.0)
    b = 2 * a
    c = b + 1
    d = c * b if swapped else b * c
    d.grad = 1.0
    walk(d)
    return a.grad


print("d = b * c:", found_by(obvious))
print("d = c * b:", found_by(obvious, swapped=True))

# %%
# Too much, and how much depends on the order in which ``d`` lists its inputs: 16 or 20. The walk comes to ``b`` twice,
# and each time it hands on everything that ``b`` has so far. So some of it arrives at ``a`` twice.
#
# The walk, patiently?
# --------------------
#
# **Predict.** So let it leave each value only once. What does it find with ``d = b * c``?
#
# .. answer:: 6.0
#    10.0: With d = c * b it does, by accident. Here b comes first.
#    16.0: That was with two visits of b.


def once(value, seen=None):
    seen = set() if seen is None else seen
    if value in seen:
        return
    seen.add(value)
    for taken, local in value.inputs:
        taken.grad += value.grad * local
    for taken, _ in value.inputs:
        once(taken, seen)


print("d = c * b:", found_by(once, swapped=True), "  d = b * c:", found_by(once))

# %%
# It leaves ``b`` before the part through ``c`` has come in: 6. With ``d = c * b`` it is right, by accident.
#
# What is missing is patience. **A value may pass its gradient on only after everything that uses it has passed on its
# own.**
#
# The walk
# --------
#
# Now the numbers come in. A value is made after its inputs, so its number is *larger* than theirs. First find
# everything that the result was made from; then go through it from the largest number to the smallest, in a
# :term:`topological order`. (``pending`` holds what is still to be looked at. We look at its last entry, and add what
# that was made from.)


def order(result):
    """List all that a result was made from, the last made first."""
    found, pending = {}, [result]
    while pending:
        value = pending.pop()
        if value.number not in found:
            found[value.number] = value
            pending += [taken for taken, _ in value.inputs]
    return [found[number] for number in sorted(found, reverse=True)]


def backward(self):
    """Add to the gradient of each leaf what this result says about it."""
    arriving = {self.number: 1.0}
    for value in order(self):
        grad = arriving.pop(value.number)  # complete: all that use it are done
        if not value.inputs:
            value.grad += grad
        for taken, local in value.inputs:
            arriving[taken.number] = arriving.get(taken.number, 0.0) + grad * local


Value.backward = backward

d.backward()
print(a.grad)

# %%
# ``a.grad == 10.0``. That is the engine. All that is missing is more lines in the table.
#
# Here is the same walk in PyTorch's graph, with ``d`` as ``c * b``. The order of its inputs does not matter now:

import torch

import chainrule

w = torch.tensor(1.0, requires_grad=True)
with chainrule.record() as rec:
    b = 2 * w
    c = b + 1
    d = c * b
    d.backward()

rec

# %%
# .. do:: play, grad c 2, grad b 5, grad w 10
#
#    Press Play. First ``c`` gets 2. Then ``b``, which has waited for it, gets 5, and ``w`` gets 10.
#
# What it keeps
# -------------
#
# One thing about our walk is easily overlooked. What arrives at the values *on the way* is kept in ``arriving``, which
# is gone when the walk is over. Only leaves keep a ``grad``. micrograd, a well-known small engine, keeps one in every
# value:


def backward_that_keeps_all(result):
    result.grad = 1.0
    for value in order(result):
        for taken, local in value.inputs:
            taken.grad += value.grad * local


# %%
# **Predict.** We call it, empty the gradient of the leaf, as one does, and call it again for the same ``d``. It should
# be 10 both times. What is it the second time?
#
# .. answer:: 24.0
#    10.0: It should be. But what is left in b and c?
#    20.0: The leaf is emptied. What is left in b and c?

a = Value(1.0)
b = 2 * a
c = b + 1
d = b * c

backward_that_keeps_all(d)
first = a.grad
a.grad = 0.0
backward_that_keeps_all(d)
second = a.grad
print(first, second)

# %%
# ``first == 10.0`` and then ``second == 24.0``. The second walk added to what the first one had left in ``b`` and
# ``c``, and handed the sum on: ``c`` had two and got two more, ``b`` had five and got seven more, and twice twelve is
# twenty-four. Empty *every* value, or, as we do, and as PyTorch does, keep nothing on the way.
#
# More operations
# ---------------
#
# A line each. Each says what is computed, and then the local gradient for each input, as you have met them.

import math

sub = operation(lambda a, b: a - b, lambda a, b: 1.0, lambda a, b: -1.0)
div = operation(lambda a, b: a / b, lambda a, b: 1 / b, lambda a, b: -a / b**2)
exp = operation(math.exp, math.exp)
log = operation(math.log, lambda a: 1 / a)
tanh = operation(math.tanh, lambda a: 1 - math.tanh(a) ** 2)
relu = operation(lambda a: max(a, 0.0), lambda a: float(a > 0))

Value.__sub__, Value.__rsub__ = sub, lambda self, other: sub(other, self)
Value.__truediv__, Value.__rtruediv__ = div, lambda self, other: div(other, self)
Value.__neg__ = lambda self: 0.0 - self

# %%
# **Predict.** We count the lines, with their comments and the empty ones in between. How many is the whole engine?
#
# .. answer:: Fewer than a hundred [The rest of this page]
#    A few hundred: You have seen all of it, but for a line an operation.
#    More than a thousand: You have seen all of it, but for a line an operation.

import inspect

functions = [Value.__init__, operation, order, backward]
lines = sum(len(inspect.getsource(each).splitlines()) for each in functions)
others = 4 + 8 + 6 + 2  # the class and counter, operations, names, imports
print(lines + others)

# %%
# ``lines + others == 53``. The rest of this page only puts it to the test.
#
# Is it right?
# ------------
#
# PyTorch is the judge. We take the XOR network and its last sample once more, where you know every number: both inputs
# are one, and the target is zero. This time we write it with values of our own, entry by entry.

x = [1.0, 1.0]
w1 = [[Value(0.1), Value(0.3)], [Value(0.2), Value(0.1)]]
b1 = [Value(0.2), Value(-0.2)]
w2 = [Value(0.1), Value(-0.4)]
b2 = Value(0.0)

hidden = [relu(x[0] * w1[0][j] + x[1] * w1[1][j] + b1[j]) for j in (0, 1)]
score = hidden[0] * w2[0] + hidden[1] * w2[1] + b2
y_hat = 1 / (1 + exp(-score))
loss = y_hat * y_hat
loss.backward()

print(f"loss {loss.data:.4f}")
print("w2", [round(w.grad, 4) for w in w2], " b2", round(b2.grad, 4))
print("w1", [[round(w.grad, 4) for w in row] for row in w1])

# %%
# ``loss.data ≈ 0.2426`` and ``b2.grad ≈ 0.2462``, like all the others, are the numbers of
# :ref:`sphx_glr_lessons_3_xor_10_one_step.py`. Nobody gave our engine a rule for the sigmoid. It took it apart into
# four steps, and the chain rule put them together.
#
# One network proves little. The next function makes a formula at random: it starts with four numbers, and thirty times
# it picks an operation and whatever numbers it needs from those it has so far, so there are forks everywhere. It does
# not ask what a number is, so the same formula runs with our values and with PyTorch's tensors.

import random


def formula(seed, leaves, tanh, relu, exp):
    """Combine the leaves by thirty operations, drawn at random."""
    draw = random.Random(seed)
    steps = [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a * b,
        lambda a, b: a / (b * b + 1),
        lambda a, b: tanh(a),
        lambda a, b: relu(a),
        lambda a, b: exp(-a * a),
    ]
    values = list(leaves)
    for _ in range(30):
        values.append(draw.choice(steps)(draw.choice(values), draw.choice(values)))
    return tanh(sum(values) / 10)


def leaf(number):
    return torch.tensor(number, dtype=torch.float64, requires_grad=True)


worst, moved = 0.0, 0
for seed in range(200):
    draw = random.Random(seed + 1000)
    starts = [draw.uniform(-1, 1) for _ in range(4)]
    ours = [Value(start) for start in starts]
    theirs = [leaf(start) for start in starts]
    formula(seed, ours, tanh, relu, exp).backward()
    formula(seed, theirs, torch.tanh, torch.relu, torch.exp).backward()
    largest = max(abs(each.grad.item()) for each in theirs)
    moved += largest > 0.01
    for one, two in zip(ours, theirs, strict=True):
        worst = max(worst, abs(one.grad - two.grad.item()) / largest)

print("two hundred formulas, all alike to twelve digits:", worst < 1e-12)
print("with a gradient above a hundredth:", moved)

# %%
# The largest difference, compared with the largest gradient of its formula, is ``worst < 1e-12``. That is rounding: the
# two add up in different orders. And nobody compared zeros with zeros, ``moved == 200``.
#
# Ten thousand steps deep
# -----------------------
#
# **Predict.** ``y`` starts as ``w``, and ten thousand times we multiply it by 1.0001. What is the gradient of ``w``,
# about? (You may know the number it comes close to.)
#
# .. answer:: 2.7181
#    1.0000: Each factor is a little more than one, and there are ten thousand.
#    2: The growth is itself multiplied, again and again.

w = Value(1.0)
y = w
for _ in range(10_000):
    y = y * 1.0001
y.backward()
print(f"{w.grad:.4f}")

# %%
# ``w.grad ≈ 2.7181``, close to ``math.e ≈ 2.7183``.
#
# The point is that it came to an end. Many small engines, micrograd too, find the order with a function that calls
# itself: first for the inputs of a value, then it lists the value. That is shorter than our ``pending``, and right, and
# each call waits for the ones inside it.
#
# **Predict.** What happens ten thousand calls deep?
#
# .. answer:: Python gives up [for the deep one]
#    It takes longer, and is right: Each call waits for the ones inside it. How many may wait?
#    It gives a wrong order: The order is right, as far as it comes.


def recursive_order(value, found):
    if value not in found:
        for taken, _ in value.inputs:
            recursive_order(taken, found)
        found.append(value)
    return found


print(len(recursive_order(d, [])), "values found in the fork")
try:
    recursive_order(y, [])
    stopped = False
except RecursionError:
    stopped = True
print("stopped, ten thousand steps deep:", stopped)

# %%
# For the fork it is fine. For the deep one Python gives up, ``stopped == True``: it allows about a thousand calls
# inside one another. A training step is seldom so deep, but a loop over a long text is.
#
# What PyTorch has besides
# ------------------------
#
# - Tensors: one value for a million numbers, so that the bookkeeping is paid for once. "Upstream times local" becomes a
#   product with a table, as at the end of :doc:`/concepts/chain_rule`.
# - Hundreds of operations more in the table.
# - Attention to what you change in place, to memory, and to several devices. The next lesson is about some of it.
#
#  PyTorch's engine also numbers what it makes, and of those that may be visited it takes the largest number first.
#
# Take away
# ---------
#
# - An engine is a table of operations with their local gradients, and one walk.
# - Values are made after their inputs. So going by number, from last to first, is an order in which nothing is handed
#   on too early, and nobody has to call itself.
# - What arrives on the way belongs to one walk. Only leaves keep it, and add it up.
#
# On your own
# -----------
#
# **Exercise.** You make the fork anew and call ``d.backward()`` twice, with *our* ``backward``, without emptying
# anything. What is ``a.grad``?
#
# .. answer:: printed
#    10.0: That is one walk. A leaf adds up what walks bring.
#    24.0: Values on the way would have kept gradients. Ours do not.

a = Value(1.0)
b = 2 * a
d = b * (b + 1)
d.backward()
once = a.grad
d.backward()
print(a.grad)

# %%
# ``a.grad == 20.0``: ten and ten. Leaves add up over walks, as in PyTorch. (PyTorch would refuse the second walk unless
# you ask it to keep its notes. That, too, is in the next lesson.)
#
# **Exercise.** ``v`` starts as a leaf of one, and sixty times it becomes ``v + v``. Each sum has two arrows to the
# value before, so there are more than a billion billion paths. How many values does ``backward`` visit?
#
# .. answer:: printed
#    60: Those are the sums. The leaf is visited, too.

start = v = Value(1.0)
for _ in range(60):
    v = v + v
v.backward()
assert start.grad == 2**60
print(len(order(v)))

# %%
# ``len(order(v)) == 61``: sixty sums and the leaf, each once. The gradient, ``start.grad == 2**60``, counts the paths;
# nobody walked them.
#
# **Exercise.** Give the engine a sigmoid as *one* operation: :math:`s(a) = 1 / (1 + e^{-a})`. What is its local
# gradient, written with its result? Derive it from that of the quotient and of ``exp``.
#
# .. answer:: s (1 - s) [times the rest]
#    s itself: That is exp's. The quotient brings its own.
#    1 - s**2: That is the local gradient of tanh.


def s(a):
    return 1 / (1 + math.exp(-a))


sigmoid = operation(s, lambda a: s(a) * (1 - s(a)))

for place in (-3.0, 0.0, 0.7, 5.0):
    one, four = Value(place), Value(place)
    sigmoid(one).backward()
    (1 / (1 + exp(-four))).backward()
    print(f"at {place:4}: {one.grad:.6f} {four.grad:.6f}")
    assert math.isclose(one.grad, four.grad, rel_tol=1e-12)

# %%
# The quotient gives minus one over the square of ``1 + exp(-a)``, the sum one, and ``exp(-a)`` itself times minus one.
# Together that is ``exp(-a)`` over the square, and this is ``s`` times the rest, ``1 - s``: both ways agree, and at
# zero it is the quarter that you know, ``s(0.0) * (1 - s(0.0)) == 0.25``.
#
# References
# ----------
#
# The engine named above: [Karpathy2020]_. The theory: [Griewank2008]_.
#
# **Next:** the same questions put to PyTorch itself, :ref:`sphx_glr_lessons_7_inside_50_autograds_life.py`.
