"""
Lead a loss back to its weights: no grad_fn
===========================================

**What you get:** a program that stops with an error about ``grad_fn``, and one that does not stop and trains only half
of its weights. You learn the ways in which a loss loses its way back, and how to find the line.

**What you need:** :ref:`sphx_glr_lessons_7_inside_50_autograds_life.py`. Reading time: 8 minutes.
"""

# %%
# What you see
# ------------
#
# A line with a weight and a bias. Somebody collects the losses of the samples in a list and takes their mean.

import torch

import chainrule

x = torch.tensor([1.0, 2.0, 3.0, 4.0])
y = 2 * x + 1
w = torch.tensor(0.0, requires_grad=True)
b = torch.tensor(0.0, requires_grad=True)

try:
    squares = [(w * x[i] + b - y[i]) ** 2 for i in range(4)]
    loss = torch.tensor([square.item() for square in squares]).mean()
    print("loss", loss.item())
    loss.backward()
except RuntimeError as error:
    print("RuntimeError:", error)

# %%
# The loss is right, ``((0 - y) ** 2).mean() == 41.0``. But there is no way back from it: *does not require grad and
# does not have a grad_fn*.
#
# Guess
# -----
#
# **Predict.** Here are seven ways to go on from a loss. After how many of them does a backward pass still reach ``w``?
#
# .. answer:: Three [Three of the seven]
#    One: Which of them are operations, which autograd records?
#    Five: Which of them take the number out, and leave its history behind?
#    All seven: Which of them take the number out, and leave its history behind?

import warnings


def error_of():
    return ((w * x + b - y) ** 2).mean()


ways = {
    "torch.tensor(loss)": torch.tensor,
    "torch.tensor(loss.item())": lambda loss: torch.tensor(loss.item()),
    "torch.stack([loss, loss]).sum()": lambda loss: torch.stack([loss, loss]).sum(),
    "loss.detach()": lambda loss: loss.detach(),
    "torch.from_numpy(...)": lambda loss: torch.from_numpy(loss.detach().numpy()),
    "loss.clone()": lambda loss: loss.clone(),
    "loss.double()": lambda loss: loss.double(),
}
leads_back = {}
with warnings.catch_warnings(action="ignore"):  # PyTorch advises against the first
    for name, way in ways.items():
        leads_back[name] = way(error_of()).requires_grad
        print(f"{name:32} {leads_back[name]}")

# %%
# Three of the seven. To stack, to copy and to convert are operations, which autograd
# records. ``torch.tensor``, ``item`` and NumPy take the *numbers* out, and numbers have no history. ``detach`` cuts it
# off on purpose.
#
# The cause
# ---------
#
# In the program above it is ``item()``. The list holds Python's floats, and ``torch.tensor`` makes a new leaf of them,
# which asks for no gradient. A recording knows more: its note to the same error names the call that let go, if a tensor
# went in and a tensor came out.

try:
    with chainrule.record() as rec:
        loss = error_of().detach()
        loss.backward()
except RuntimeError as error:
    print(error.__notes__[0].partition(" at ")[0])

# %%
# The tempting repair makes it worse. ``requires_grad=True`` silences the error:

loss = torch.tensor(error_of().item(), requires_grad=True)
loss.backward()
print("w.grad:", w.grad)
found = chainrule.why(loss, w)
found

# %%
# No error, and no gradient: ``w.grad is None``. The loss has become a leaf itself, and the backward pass ended where it
# began.
#
# When it does not stop
# ---------------------
#
# If only *part* of the way is cut, nothing fails. Here two layers are trained. Between them somebody scales by the
# largest entry, and takes a number for it:

torch.manual_seed(0)
first, second = torch.nn.Linear(1, 4), torch.nn.Linear(4, 1)


def forward(hidden):
    """Scale what the first layer gives, and go on to the second."""
    scaled = hidden / hidden.abs().max()
    return second(torch.tensor(scaled.tolist()))


def step(forward):
    first.zero_grad()
    second.zero_grad()
    with chainrule.record() as rec:
        hidden = first(x[:, None])
        loss = ((forward(hidden).squeeze(1) - y) ** 2).mean()
        loss.backward()
    return rec


# %%
# **Predict.** The loss leads back to some weights, so there is no error. Which of the four parameters get a gradient?
#
# .. answer:: The two behind the cut [Those of the second]
#    The two before the cut: The way back comes from the loss.
#    All four: Go back from the loss. What was the second layer's input made from?
#    The two weights, not the biases: A bias is a parameter like any other.

rec = step(forward)
for layer, name in ((first, "first"), (second, "second")):
    for which, parameter in layer.named_parameters():
        print(
            f"{name}.{which:7} {None if parameter.grad is None else 'a gradient'}"
        )

# %%
# Those of the second layer. The first layer stands still, and the loss falls all the same, since the second one learns.
# So nobody looks. The record does:

found = rec.why()
found

# %%
# ``len(found.reasons) == 1``: both parameters of the first layer have one cause in common. Numbers were taken out of
# the graph, at the line that it names.
#
# The cure
# --------
#
# Stay with tensors on the way to the loss. Take numbers out only to print them.


def cured_forward(hidden):
    return second(hidden / hidden.abs().max())


rec = step(cured_forward)
parameters = [*first.parameters(), *second.parameters()]
print(
    "with a gradient:", sum(parameter.grad is not None for parameter in parameters)
)
cured = rec.why()
cured

# %%
# All 4, and nothing to complain about, ``len(cured.reasons) == 0``. The same in the program at the top: ``torch.stack``
# takes the place of ``torch.tensor`` and ``item``.

w.grad = b.grad = None
loss = torch.stack([(w * x[i] + b - y[i]) ** 2 for i in range(4)]).mean()
loss.backward()
print("loss", loss.item(), "  gradients", w.grad.item(), b.grad.item())

# %%
# ``w.grad == -35.0`` and ``b.grad == -12.0``.
#
# Take it in hand
# ---------------
#
# Two weights, one behind the other, and a ``detach`` between them.

v, u = (torch.tensor(start, requires_grad=True) for start in (2.0, 4.0))
with chainrule.record() as rec:
    h = 3 * v
    y_hat = u * h.detach()
    loss = (y_hat - 20.0) ** 2
    loss.backward()

rec

# %%
# .. do:: loss 16, grad u 48; set v 3, loss 256, grad u 288
#
#    Set ``v`` to 3. The loss follows, from 16 to 256, and so does the gradient of ``u``, from 48 to 288. But no dashed
#    line leads back to ``v``: nothing tells it that the loss has risen.
#
# See it next time
# ----------------
#
# After the first backward pass, list what got nothing.


def without_gradient(model):
    """List the parameters that ask for a gradient and have none."""
    return [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and parameter.grad is None
    ]


both = torch.nn.Sequential(first, second)
step(forward)
print(without_gradient(both))

# %%
# Those of the first layer. For each of them, ``chainrule.why(loss, parameter)`` says what PyTorch's graph knows, and
# ``rec.why()`` in a recording knows more.
#
# Take away
# ---------
#
# - *Does not have a grad_fn*: the loss was made of numbers, detached, or computed under ``no_grad``.
# - ``requires_grad=True`` on a loss hides the error, and mends nothing.
# - A way that is cut in part makes no error. List the parameters without a gradient once.
#
# On your own
# -----------
#
# **Exercise.** ``loss = w * x.sum() + w.detach() ** 2``, at a weight of three and the inputs from above. What is the
# gradient of ``w``?
#
# .. answer:: printed
#    16.0: The square is detached, so it counts as a number.

w = torch.tensor(3.0, requires_grad=True)
loss = w * x.sum() + w.detach() ** 2
loss.backward()
print(f"with the square's part: {x.sum().item() + 2 * w.item():.1f}")
print(f"{w.grad.item():.1f}")

# %%
# What is not detached counts: ``w.grad == 10.0``.
#
# **Exercise.** A report adds up the losses, ``total = total + loss``, and prints the total at the end. Nobody calls
# ``backward()`` on it, and the memory fills up. How many of a hundred losses still hold their graph through ``total``,
# if it is ``total + loss.item()``?
#
# .. answer:: printed
#    100: That is without item().


def squares_behind(total):
    """Count the squares that a total leads back to."""
    pending, count = [getattr(total, "grad_fn", None)], 0
    while pending:
        node = pending.pop()
        if node is not None:
            count += "Pow" in node.name()
            pending += [earlier for earlier, _ in node.next_functions]
    return count


as_tensor = as_number = 0.0
for _ in range(100):
    loss = w**2
    as_tensor = as_tensor + loss
    as_number = as_number + loss.item()
print(squares_behind(as_number))

# %%
# None: ``squares_behind(as_number) == 0``. Here ``item()`` is the cure.
#
# References
# ----------
#
# What is recorded, and when: [PyTorch]_.
#
# **Next:** where a cut is the cure: :ref:`sphx_glr_lessons_8_clinic_65_second_batch.py`.
