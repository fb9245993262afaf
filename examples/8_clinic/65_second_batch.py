"""
Get past the second batch: backward a second time
=================================================

**What you get:** a loop that learns from one batch and stops at the next, with the advice to keep the graph. You see
where that advice leads, find the line that is missing, and what it costs.

**What you need:** :ref:`sphx_glr_lessons_7_inside_70_shared_weights.py`. Reading time: 8 minutes.
"""

# %%
# What you see
# ------------
#
# A leaking tank. Each hour a share ``w`` of the water stays, and one litre comes in. Every two hours somebody reads the
# gauge. So a batch is two hours of one long story.

import torch

import chainrule
from chainrule.plots import curves

gauge = [2 - 0.5 ** (hours - 1) for hours in range(2, 41, 2)]
w = torch.tensor(1.0, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.02)


def two_hours(level):
    for _ in range(2):
        level = w * level + 1
    return level


level = torch.tensor(0.0)
try:
    for measured in gauge:
        level = two_hours(level)
        loss = (level - measured) ** 2
        optimizer.zero_grad()
        loss.backward()
        print(f"loss {loss.item():.2f}, gradient {w.grad.item():.2f}")
        optimizer.step()
except RuntimeError as error:
    print("RuntimeError:", str(error).partition(" (")[0])

# %%
# The first batch is fine. At the second, PyTorch says that this graph has been walked already. But its loss was made
# one line before, and ``backward()`` stands there once.
#
# Guess
# -----
#
# **Predict.** Through what does the second pass run into the graph of the first?
#
# .. answer:: What is left in the tank [carried over]
#    The weight: Both passes end at it. It is a leaf, and behind a leaf there is no graph.
#    The optimizer: It has changed the weight, and made no graph.
#    What the gauge says: Those are plain numbers.

level = torch.tensor(0.0)
try:
    with chainrule.record() as rec:
        for measured in gauge[:2]:
            level = two_hours(level)
            loss = (level - measured) ** 2
            loss.backward()
except RuntimeError:
    found = rec.why()
found

# %%
# The level is carried over, and brings along how it was made. The new loss leads back over it to the products of the
# first two hours, and what those had kept was freed by the first pass. A hidden state of a recurrent network is carried
# over like that.
#
# The tempting repair
# -------------------
#
# **Predict.** Somebody does what PyTorch's message goes on to say: ``retain_graph=True``. What comes of the second
# batch?
#
# .. answer:: Yet another error [wrote over]
#    It learns from both batches: What does the first product need on the way back, and who has changed it?
#    It learns from the second alone: The graph of the first is still there. But who has changed w?

w = torch.tensor(1.0, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.02)
level = torch.tensor(0.0)
try:
    with chainrule.record() as rec:
        for measured in gauge[:2]:
            level = two_hours(level)
            loss = (level - measured) ** 2
            optimizer.zero_grad()
            loss.backward(retain_graph=True)
            optimizer.step()
except RuntimeError as error:
    print("RuntimeError:", str(error).partition(":")[0])
    retained = rec.why()
retained

# %%
# On the way back through the first two hours a product needs ``w`` as it was then, and the step wrote over it. Without
# a step there is no error. But then each pass walks all batches so far, and the loop becomes slower and slower
# (:ref:`sphx_glr_lessons_7_inside_55_memory.py`).
#
# The cure
# --------
#
# Carry the number on, and leave its history behind: ``detach()``.

w = torch.tensor(1.0, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.02)
level, cured = torch.tensor(0.0), []
for measured in gauge:
    level = two_hours(level.detach())
    loss = (level - measured) ** 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    cured.append(loss.item())
print([round(loss, 2) for loss in cured[:8]], "w:", round(w.item(), 2))

# %%
# The second loss is the highest, because a weight that is far too large has been at work for four hours. Then it falls.
# In the end ``w ≈ 0.50``: half of the water stays.
#
# What the cut costs
# ------------------
#
# The pass now takes the level for data. Yet it was made with the same weight, and would move with it. With a weight of
# one the levels are 1, 2, 3 and 4, and the fourth has a gradient of 6 for the weight, if nothing is cut.
#
# **Predict.** What is it with the cut after two hours?
#
# .. answer:: 5.0
#    6.0: That is without the cut.
#    4.0: What do the third hour and the fourth multiply the weight by?
#    3.0: That is the last product alone. The one before it is in the same batch.


def slopes(w, cut, hours=4):
    """Give the gradient of each hour's level for the weight."""
    w = torch.tensor(w, requires_grad=True)
    level, found = torch.tensor(0.0), []
    for hour in range(hours):
        level = w * (level.detach() if hour % cut == 0 else level) + 1
        found += torch.autograd.grad(level, w, retain_graph=True)
    return [slope.item() for slope in found]


whole, by_two = slopes(1.0, cut=100), slopes(1.0, cut=2)
print("whole", whole)
print("cut  ", by_two)

# %%
# ``whole[3] == 6.0`` and ``by_two[3] == 5.0``. The third hour multiplies the weight by 2 and the fourth by 3. What
# came through the level of two hours before is lost. At a weight of one half the same over a day:

curves(
    {
        "the whole way": slopes(0.5, 100, 25),
        "cut every two hours": slopes(0.5, 2, 25),
        "cut every five": slopes(0.5, 5, 25),
    },
    xlabel="hours after the first",
    ylabel="gradient of the level",
)

# %%
# After each cut the gradient starts with one product and comes nearer to the whole one with each hour. So the sign is
# right here, and the size is not; whatever takes longer than a batch to show cannot be learned. The name of this is
# :term:`truncated backpropagation through time`. The longer the batch, the less is lost, and the more has to be kept.
#
# Take it in hand
# ---------------
#
# Four hours with the cut in the middle, at a weight of one.

w = torch.tensor(1.0, requires_grad=True)
with chainrule.record() as rec:
    h1 = torch.tensor(1.0)
    h2 = w * h1 + 1
    kept = h2.detach()
    h3 = w * kept + 1
    h4 = w * h3 + 1
    h4.backward()

rec

# %%
# .. do:: h4 4, grad w 5; set w 2, h2 3, h4 15, grad w 13
#
#    Set ``w`` to 2. All levels follow, ``h4`` from 4 to 15, and the gradient goes from 5 to 13. No dashed line leads
#    into ``h2``.
#
# Without the cut it would be ``slopes(2.0, cut=100)[3] == 17.0``.
#
# See it next time
# ----------------
#
# Ask what is carried over, before each batch. Nothing should hang on it.


def hangs_on_before(*carried):
    """Count the tensors that bring a graph along."""
    return sum(tensor.grad_fn is not None for tensor in carried)


print(hangs_on_before(level), hangs_on_before(level.detach()))

# %%
# Take away
# ---------
#
# - *Backward a second time*: something of the batch before is in the new loss. ``rec.why()`` names it, and the line.
# - ``retain_graph=True`` keeps the old graph, and the step makes it useless.
# - ``detach()`` what is carried over. What came before is then data, and its part of the gradient is lost.
#
# On your own
# -----------
#
# **Exercise.** An LSTM carries two states on. Somebody tries four loops of three batches: cut neither, only the first,
# only the second, both. How many backward passes run without an error, all four together?
#
# .. answer:: printed
#    4: That is one for each loop. Does the last one stop?
#    8: Is it enough to cut one of the two?

torch.manual_seed(0)
lstm, passes = torch.nn.LSTM(1, 2), 0
for cut in ((), (0,), (1,), (0, 1)):
    states = (torch.zeros(1, 2), torch.zeros(1, 2))
    try:
        for _ in range(3):
            states = [s.detach() if i in cut else s for i, s in enumerate(states)]
            answer, states = lstm(torch.ones(4, 1), states)
            answer.sum().backward()
            passes += 1
    except RuntimeError:
        print("cut", cut, "ends after", passes, "in all")
print(passes)

# %%
# Three loops end after their first batch, and the last one has three: ``passes == 6``. Cut *all* that is carried over.
#
# **Exercise.** Read the gauge every hour, and cut every hour. What is the gradient of the fourth level then, at a
# weight of one?
#
# .. answer:: printed
#    5.0: That is with two hours to a batch.
#    1.0: What is the weight multiplied by in the last hour?

print(slopes(1.0, cut=1)[3])

# %%
# The third level alone: 3. The shorter the batch, the more is lost.
#
# References
# ----------
#
# What is kept, and when it is freed: [PyTorch]_.
#
# **Next:** every gradient has a way, and some of it is zero: :ref:`sphx_glr_lessons_8_clinic_70_symmetric_or_dead.py`.
