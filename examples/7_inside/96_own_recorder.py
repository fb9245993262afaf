"""
Write a recorder of your own: a function mode and hooks
=======================================================

**What you get:** the heart of this library, in so few lines that you can hold all of it. It watches PyTorch go forward
and backward, and prints the table that you have read since the first lesson, line for line.

**What you need:** :ref:`sphx_glr_lessons_7_inside_50_autograds_life.py`. Reading time: 15 minutes.
"""

# %%
# Two places to listen
# --------------------
#
# Your engine of :ref:`sphx_glr_lessons_7_inside_40_tiny_engine.py` computed gradients. A recorder computes none: it
# listens while PyTorch does. There are two places for that. A *function mode* sees each call of a PyTorch function
# while it is on, with what went in and what came out. A *hook* on a tensor is called when the tensor's gradient is
# known. Both, and nothing else:

import linecache
import sys

import torch
from torch.overrides import TorchFunctionMode

import chainrule


class Listener(TorchFunctionMode):
    """Write down each call, and each gradient when it is known."""

    def __init__(self):
        super().__init__()
        self.ops, self.grads, self.events = [], {}, []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        taken = [each for each in args if isinstance(each, torch.Tensor)]
        if taken and isinstance(result, torch.Tensor):
            frame = sys._getframe(1)
            while frame.f_globals["__name__"].startswith("torch"):
                frame = frame.f_back
            line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
            self.ops.append((function.__name__, args, result, line.strip()))
            self.events.append(("value", result))
            for tensor in (*taken, result):
                self.listen(tensor)
        return result

    def listen(self, tensor):
        if tensor.requires_grad and id(tensor) not in self.grads:
            self.grads[id(tensor)] = None

            def arrive(gradient):
                self.grads[id(tensor)] = gradient.clone()
                self.events.append(("gradient", tensor))

            tensor.register_hook(arrive)


# %%
# We use ``id``, a number that belongs to one object, to find a tensor again: an equals sign would compare entries. The
# tensors stay in ``ops``, so no other object can get their number meanwhile. What arrives is copied, since PyTorch may
# go on using the same memory. And a call knows the line of code that it stands in: the *frame* is the running function
# that called us, once those of PyTorch itself are skipped.
#
# The product of two weights, whose numbers you know:

x, y = torch.tensor(3.0), torch.tensor(20.0)
v = torch.tensor(2.0, requires_grad=True)
w = torch.tensor(4.0, requires_grad=True)

with Listener() as heard:
    h = v * x
    y_hat = w * h
    error = y_hat - y
    loss = error**2
    loss.backward()

print([name for name, _, _, _ in heard.ops])

# %%
# Four calls. ``backward()`` was one too, but no tensor came back from it.
#
# **Predict.** Among the hooks are those of ``w``, ``h`` and ``y_hat``. In which order are they called?
#
# .. answer:: y_hat, then w, then h [y_hat -> w -> h]
#    w, then h, then y_hat: So they were used going forward.
#    h, then y_hat, then w: A gradient is known once all that uses the value has answered.

names = {id(each): name for name, each in list(globals().items())}
arrived = [names[id(each)] for kind, each in heard.events if kind == "gradient"]
print(" -> ".join(name for name in arrived if name in ("w", "h", "y_hat")))
print("y_hat", heard.grads[id(y_hat)].item(), " w", heard.grads[id(w)].item())

# %%
# From the loss on. This is all that the recorder heard, from left to right:

from chainrule.plots import LINES, Figure

rows = ["x", "v", "h", "w", "y_hat", "error", "loss"]
figure = Figure(figsize=(6.6, 2.9), layout="constrained")
axes = figure.subplots()
for moment, (kind, each) in enumerate(heard.events):
    color, marker = (LINES.value, "o") if kind == "value" else (LINES.gradient, "s")
    number = each if kind == "value" else heard.grads[id(each)]
    at = moment, rows.index(names[id(each)])
    axes.plot(*at, marker, color=color)
    axes.annotate(f"{number.item():g}", at, (6, 4), textcoords="offset points")
axes.set(yticks=range(7), yticklabels=rows, xlabel="moment", xlim=(-0.5, 11.5))
axes.set(ylim=(0.5, 6.7), xticks=range(0, 11, 2))
figure.set_label(
    "Moments from left to right, values from below to above. Four values rise "
    "from h to the loss, as the mode sees them; then the gradients fall from the "
    "loss back to the weights, as the hooks see them."
)
figure

# %%
# Up on the way forward, which the mode saw. Down on the way back, which the hooks saw.
#
# The same in chainrule's own recording:

with chainrule.record() as rec:
    h = v * x
    y_hat = w * h
    error = y_hat - y
    loss = error**2
    loss.backward()

rec

# %%
# .. do:: play, grad y_hat 8, grad h 32, grad w 48; set x 1, y_hat 8, grad y_hat -24, grad w -48
#
#    Press Play and compare with the picture: 8, then 32 and 48. Set ``x`` to 1: the prediction is 8, and the gradient
#    of ``y_hat`` turns to -24.
#
# Names
# -----
#
# PyTorch does not know that you called it ``y_hat``. Python does: a frame has its variables. When the block ends, we
# ask the frame that it stands in.
#
# Local gradients
# ---------------
#
# Neither listener hears them. They are a table again, an expression for each input, where ``a`` and ``b`` are the
# inputs, ``y`` is the result and ``n`` the number of entries. The same text is shown with the names put in, and
# evaluated with the values put in.

import re

RULES = {
    "add": ("1", "1"),
    "sub": ("1", "-1"),
    "mul": ("b", "a"),
    "div": ("1 / b", "-a / b**2"),
    "neg": ("-1",),
    "pow": ("2 * a",),  # squares alone
    "exp": ("y",),
    "tanh": ("1 - y**2",),
    "mean": ("1 / n",),
}


def written(number):
    """Write a number, or a list of them, to four digits."""
    if isinstance(number, torch.Tensor) and number.dim():
        return f"[{', '.join(written(entry) for entry in number)}]"
    return f"{number:.4g}" if isinstance(number, float) else written(number.item())


class Recorder(Listener):
    """Listen, and make the table of what was heard."""

    def __exit__(self, *failure):
        super().__exit__(*failure)
        frame = sys._getframe(1)
        known = {**frame.f_globals, **frame.f_locals}
        self.names = {id(each): name for name, each in reversed(known.items())}

    def name(self, each):
        known = isinstance(each, torch.Tensor)
        return self.names[id(each)] if known else repr(each)

    def local(self, op, args, result):
        """Write the local gradients of an op, for each input that wants one."""
        letters = dict(zip("ab", args, strict=False)) | {"y": result}
        words = {letter: self.name(each) for letter, each in letters.items()}
        letters["n"] = words["n"] = args[0].numel()
        for rule, each in zip(RULES[op], args, strict=False):
            if isinstance(each, torch.Tensor) and each.requires_grad:
                number = eval(rule, {}, letters) + 0 * each * result
                shown = re.sub(r"\b[abyn]\b", lambda m: str(words[m[0]]), rule)
                of = f"d{self.name(result)}/d{self.name(each)}"
                sides = (of, shown.replace("2 * ", "2 "), written(number))
                yield " = ".join(dict.fromkeys(sides))

    def rows(self):
        """Give each value a row when it first occurs."""
        rows = {}
        for op, args, result, line in self.ops:
            for each in (each for each in args if isinstance(each, torch.Tensor)):
                rows.setdefault(id(each), self.row(each))
            locals_ = tuple(self.local(op, args, result))
            rows[id(result)] = self.row(result, op, line, locals_)
        return list(rows.values())

    def row(self, each, op="", expression="", locals_=()):
        gradient = self.grads.get(id(each))
        shown = "" if gradient is None else written(gradient)
        expression = expression or self.name(each)
        return op, expression, written(each), locals_, shown


# %%
# **Predict.** How many lines is the recorder, with ``Listener`` and all?
#
# .. answer:: A hundred or so [small enough to hold]
#    A thousand: You have seen all of it.
#    Ten: Scroll up.

import inspect

parts = [*vars(Listener).values(), *vars(Recorder).values(), written]
functions = [part for part in parts if inspect.isfunction(part)]
lines = sum(len(inspect.getsource(each).splitlines()) for each in functions)
lines += len(RULES) + 2 + 4 + 4  # the rules, the heads of classes, imports
print(lines)

# %%
# ``lines == 83``: small enough to hold. Here it is at work on the first example of the course:

x, y = torch.tensor(5.0), torch.tensor(11.0)
w = torch.tensor(3.0, requires_grad=True)

with Recorder() as mine:
    y_hat = w * x
    error = y_hat - y
    loss = error**2
    loss.backward()

for op, expression, value, locals_, gradient in mine.rows():
    first = "; ".join(locals_)
    print(f"{op:5}{expression:22}{value:4}{first:29}{gradient}")

# %%
# Hold it against the real one
# ----------------------------
#
# ``rec.table()`` has its rows as data. We run graphs of the course under the one recorder and under the other, and ask
# whether each row is the same, text for text:


def leaf(number):
    return torch.tensor(number, requires_grad=True)


def one_weight(recorder):
    w, x, y = leaf(3.0), torch.tensor(5.0), torch.tensor(11.0)
    with recorder as seen:
        y_hat = w * x
        error = y_hat - y
        loss = error**2
        loss.backward()
    return seen


def fork(recorder):
    w = leaf(1.0)
    with recorder as seen:
        b = 2 * w
        c = b + 1
        d = c * b
        d.backward()
    return seen


def recurrent(recorder):
    w, h1 = leaf(2.0), torch.tensor(1.0)
    with recorder as seen:
        product1 = w * h1
        h2 = product1 + 1.0
        product2 = w * h2
        h3 = product2 + 1.0
        h3.backward()
    return seen


def line(recorder):
    w, x, y = leaf(0.0), torch.arange(1.0, 4), 5 * torch.arange(1.0, 4)
    with recorder as seen:
        y_hat = w * x
        error = y_hat - y
        squares = error**2
        loss = squares.mean()
        loss.backward()
    return seen


def curves(recorder):
    w, b = leaf(0.5), leaf(-1.0)
    with recorder as seen:
        t = torch.tanh(w)
        e = torch.exp(b)
        q = t / e
        n = -w
        z = q - n
        z.backward()
    return seen


same = []
for graph in (one_weight, fork, recurrent, line, curves):
    ours = graph(Recorder()).rows()
    rows = graph(chainrule.record()).table().rows
    theirs = [
        (row.op, row.expression, row.value, row.local_gradients, row.gradient)
        for row in rows
    ]
    same.append(ours == theirs)
    print(f"{graph.__name__:11} {len(theirs)} rows, the same: {same[-1]}")

# %%
# All five, ``all(same) == True``. The last two columns come from different places, a table of ours and PyTorch's hooks.
# And yet upstream times local, added up over the rows that use a value, is the gradient in its own row.
#
# What the rest of chainrule is for
# ---------------------------------
#
# Ours knows nine operations, and wants one in a line. A tensor that is changed in place has the wrong value by the time
# it is written, and there is one backward pass. chainrule also hangs hooks on autograd's *nodes*, so that it has what
# was sent along each arrow. The rest of it copies values at once, takes lines of code apart, folds what is large, and
# never gets in the way of an error.
#
# Take away
# ---------
#
# - A function mode sees the way forward, a hook on each tensor the way back. The rest is bookkeeping.
# - Gradients come to the hooks in the order in which they are known: from the loss on.
# - The local gradients are a table of rules; what they say can be held against what arrived.
#
# On your own
# -----------
#
# **Exercise.** Add the sigmoid to ``RULES``. Written with its result ``y``, what is its rule?
#
# .. answer:: y * (1 - y) [y * (1 - y)]
#    1 - y**2: That is tanh.
#    y: That is exp.

RULES["sigmoid"] = ("y * (1 - y)",)


def gate(recorder):
    w = leaf(0.0)
    with recorder as seen:
        p = torch.sigmoid(w)
        p.backward()
    return seen


print(gate(Recorder()).rows()[-1])
print(gate(chainrule.record()).table())

# %%
# A quarter at zero, in both.
#
# **Exercise.** A leaf ``w`` is used in a hundred products that are then added up. How often is its hook called?
#
# .. answer:: Once [heard: 1]
#    A hundred times: Each product answers. When is the gradient known?
#    Never: It is called for leaves as well.

w = leaf(2.0)
with Recorder() as mine:
    total = w * 0.0
    for _ in range(99):
        total = total + w * 1.0
    total.backward()
print("heard:", sum(each is w for kind, each in mine.events if kind == "gradient"))

# %%
# Once, with the sum: the hook waits until all who use the value have answered, as the backward pass itself does.
#
# References
# ----------
#
# What hooks and modes see, and when: [PyTorch]_.
#
# **Next:** programs that are broken on purpose, :ref:`sphx_glr_lessons_8_clinic_10_not_zeroed.py`.
