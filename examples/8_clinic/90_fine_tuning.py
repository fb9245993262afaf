"""
Fine-tune a model whose loss does not move
==========================================

**What you get:** a trained model with a new last layer, a gradient that is right, and a loss that stays the same to the
last digit. You find out where the gradient goes, and get a check for every training loop.

**What you need:** :ref:`sphx_glr_lessons_2_descent_60_module.py`. Reading time: 7 minutes.
"""

# %%
# What you see
# ------------
#
# A *body* was trained on another task, and stays as it is: it is frozen. The last layer, the *head*, is replaced by a
# new one, which is to learn the task at hand. That is called fine-tuning.

import copy

import torch
from torch import nn

import chainrule
from chainrule.plots import curves

x = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
y = 3 * x


def layer(weight):
    made = nn.Linear(1, 1, bias=False)
    nn.init.constant_(made.weight, weight)
    return made


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = layer(2.0), layer(-1.0)

    def forward(self, x):
        return self.head(self.body(x))


def train(model, optimizer, steps):
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


model = Model()
model.body.requires_grad_(False)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
model.head = layer(0.5)

broken = train(model, optimizer, steps=5)
print(broken, "head:", model.head.weight.item())

# %%
# No error. The loss is 30 at every step, and the weight of the head is still 0.5.
#
# Guess
# -----
#
# **Predict.** Where does it come to a halt?
#
# .. answer:: The step leaves the head alone [took no part]
#    The body is frozen: It is meant to be. With a head of 1.5 the loss would be 0.
#    The gradient of the head is zero: The error is not zero, and neither is what the body gives. Work it out by hand.
#    The rate is too low: Then the loss would move a little, and the weight as well.

with chainrule.record() as rec:
    train(model, optimizer, steps=3)

print("gradient from the last pass:", rec.grad("head.weight").item())
found = rec.why()
found

# %%
# Each pass gives the head a gradient, -60, which is right: ``(2 * (x - y) * 2 * x).mean() == -60``. The optimizer holds
# something else.
#
# The cause
# ---------
#
# An optimizer knows nothing of models. When it is made, it takes the tensors that ``model.parameters()`` gives at that
# time. ``model.head = ...`` puts a new layer into the model, with a new weight. The list in the optimizer still has the
# first one, which no loss depends on any more.

held = optimizer.param_groups[0]["params"]
print("held:", [parameter.item() for parameter in held])
print("in the model:", [parameter.item() for parameter in model.parameters()])

# %%
# The second is -1 in one list and 0.5 in the other.
#
# **Predict.** We empty the gradient of the head by hand, and train for three steps. Each pass gives -60, and
# ``optimizer.zero_grad()`` stands before each. What is in ``model.head.weight.grad`` after that?
#
# .. answer:: -180
#    -60: That is if it were emptied before each pass. Whose gradients does this optimizer empty?
#    0: Nothing empties it after the last pass.

model.head.weight.grad = None
train(model, optimizer, steps=3)
print(model.head.weight.grad.item())

# %%
# ``model.head.weight.grad == -180``. What an optimizer does not hold it does not empty either. A gradient that grows by
# the same amount with each step is a sign of this mistake.
#
# The cure
# --------
#
# Make the optimizer last, when the model is what it will be.

optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
cured = train(model, optimizer, steps=5)
head = model.head.weight.item()
print([round(loss, 2) for loss in cured], "head:", round(head, 2))

# %%
# If the optimizer has to stay, since it remembers something of the steps before, hand it the new weights as a group:
# ``add_param_group``. A group may have a rate of its own.

model.head = layer(0.5)
optimizer.add_param_group({"params": model.head.parameters(), "lr": 0.01})
print([round(loss, 2) for loss in train(model, optimizer, steps=5)])

# %%
# The same losses.
#
# When it does not stand still
# ----------------------------
#
# If the body is not frozen, the body learns. Then the loss falls, and nobody looks.


def tune(optimizer_last):
    """Give the losses with an optimizer from before the new head, or after it."""
    model = Model()
    early = torch.optim.SGD(model.parameters(), lr=0.002)
    model.head = layer(0.5)
    late = torch.optim.SGD(model.parameters(), lr=0.002)
    return train(model, late if optimizer_last else early, steps=60)


both, body_alone = tune(optimizer_last=True), tune(optimizer_last=False)
curves({"body and head learn": both, "the body alone": body_alone})

# %%
# After sixty steps the body alone has brought the loss to ``body_alone[59] ≈ 12.34``, and both together to nothing,
# ``both[59] < 0.001``.
#
# Take it in hand
# ---------------
#
# The frozen body and the new head. Here every step reaches the head.

inputs, targets = x.flatten(), y.flatten()
body, head = torch.tensor(2.0), torch.tensor(0.5, requires_grad=True)
with chainrule.record() as rec:
    features = body * inputs
    y_hat = head * features
    loss = ((y_hat - targets) ** 2).mean()
    loss.backward()

rec

# %%
# .. do:: loss 30, grad head -60; update 0.01 1, loss 4.8; update 0.01 2, loss 0.123
#
#    Open Loss curve, set the learning rate to 0.01 and press Update: the loss falls from 30 to 4.8, and with two more
#    steps to 0.123. It is what the program above should have done.
#
# See it next time
# ----------------
#
# Ask before the first step which weights are to learn and are not held.


def not_held(model, optimizer):
    """List the parameters that ask for a gradient and that no step will move."""
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and id(parameter) not in held
    ]


early = torch.optim.SGD(model.parameters(), lr=0.01)
model.head = layer(0.5)
print(not_held(model, early))

# %%
# ``not_held(model, early) == ["head.weight"]``. It compares by ``id``, since two weights with the same numbers may
# still be two.
#
# Take away
# ---------
#
# - An optimizer holds tensors. It does not see what is put into the model later.
# - A gradient that is right, and a weight that does not move: ask ``rec.why()``, with the step inside the recording.
# - Make the optimizer last, or use ``add_param_group``.
#
# On your own
# -----------
#
# **Exercise.** Each of these is done after the optimizer was made. After how many of the five does it still hold the
# weight of the head?
#
# .. answer:: printed
#    5: Two of them put a new tensor into the model.
#    2: Which of them write new numbers into the tensor that is there?


def new_parameter(model):
    model.head.weight = nn.Parameter(torch.tensor([[1.5]]))


ways = {
    "load_state_dict": lambda model: model.load_state_dict(Model().state_dict()),
    "init": lambda model: nn.init.constant_(model.head.weight, 1.5),
    "double": lambda model: model.double(),
    "nn.Parameter": new_parameter,
    "deepcopy": lambda model: copy.deepcopy(model),
}
still = 0
for name, way in ways.items():
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    changed = way(model)
    model = changed if name == "deepcopy" else model
    still += not_held(model, optimizer) == []
    print(f"{name:16} {not_held(model, optimizer)}")
print(still)

# %%
# ``still == 3``. The first three write into the tensors that are there.
#
# **Exercise.** The head gets a group of its own, with a rate of 0.005, half of the one above. What is the loss after
# the first step, from a head of 0.5?
#
# .. answer:: printed
#    4.8: That is with the full rate.
#    30.0: That is before the step.

stepped = 0.5 - 0.005 * -60
print(f"head: {stepped:.1f}, at the full rate {0.5 - 0.01 * -60:.1f}")
print(f"{((2 * stepped * x - y) ** 2).mean().item():.1f}")

# %%
# The step takes the head from 0.5 to 0.8. At the full rate it would be 1.1.
#
# References
# ----------
#
# Freezing a part of a model: [PyTorch]_. Fine-tuning: [Zhang2023]_.
#
# **Next:** the rule behind all of it in symbols, :doc:`/concepts/chain_rule`.
