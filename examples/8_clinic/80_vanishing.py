"""
Wake a deep network that has stopped learning
=============================================

**What you get:** a deep network that takes a few steps and then stands still. You find out where it has gone deaf, why
the gradients of the weights do not show it, and what wakes it.

**What you need:** :ref:`sphx_glr_lessons_7_inside_70_shared_weights.py`. Reading time: 11 minutes.
"""

# %%
# What you see
# ------------
#
# Twenty layers of thirty-two units with a tanh each, and a last one that adds up. The targets depend on two of the
# inputs. ``nn.Linear`` chooses the first weights.

from functools import partial

import torch
from torch import nn

import chainrule
from chainrule.plots import curves

torch.set_num_threads(1)  # for tables this small, several would wait for each other

torch.manual_seed(1)
x = torch.randn(24, 32)
y = torch.sin(2 * x[:, 0]) + x[:, 1]


class Deep(nn.Module):
    def __init__(self, bend, start=None):
        super().__init__()
        torch.manual_seed(0)
        self.bend = bend
        self.layers = nn.ModuleList(
            nn.Linear(32, 32, bias=False) for _ in range(20)
        )
        self.last = nn.Linear(32, 1)
        if start is not None:
            for layer in self.layers:
                start(layer.weight)

    def forward(self, h):
        self.hidden = []
        for layer in self.layers:
            h = self.bend(layer(h))
            self.hidden.append(h)
        return self.last(h).squeeze(1)


def loss_of(model):
    return ((model(x) - y) ** 2).mean()


def train(model, steps=60, rate=0.05):
    parameters = list(model.parameters())
    losses = []
    for _ in range(steps):
        loss = loss_of(model)
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter -= rate * gradient
        losses.append(loss.item())
    return losses


broken = train(Deep(torch.tanh))
variance = ((y - y.mean()) ** 2).mean().item()
print([round(broken[step], 4) for step in (0, 5, 20, 40, 59)])
print("variance of the targets", round(variance, 4))

# %%
# It falls a little, and then it stands. It has come to rest at 1.1294, which is the variance of the targets. A network
# that answers the mean to everything is that good.
#
# Guess
# -----
#
# The shapes fit, and no unit is dead. Here is one pass, with three norms for each layer: of what it says, of the
# gradient of its weights, and of the gradient of what it says.
#
# **Predict.** What is it?
#
# .. answer:: Something is lost on the way, forward and back [shrinks to]
#    The gradient is lost on its way back, and no more: Each layer multiplies by the same weights on the way forward.
#    The signal is lost on its way forward, and no more: Each layer multiplies by the same weights on the way back.
#    The rate is too low: The loss stands still to four digits.
#    Twenty layers cannot learn this: They can, as you will see.


def look(model):
    """Give, layer by layer, the norms of h, of dL/dW and of dL/dh."""
    with chainrule.record(local_gradients=False) as rec:
        loss = loss_of(model)
        loss.backward()
    return {
        "h": [h.norm().item() for h in model.hidden],
        "dW": [layer.weight.grad.norm().item() for layer in model.layers],
        "dh": [rec.grad(h).norm().item() for h in model.hidden],
    }


seen = look(Deep(torch.tanh))
print("layer      |h|    |dL/dW|    |dL/dh|")
for layer in (0, 5, 10, 15, 19):
    size, weights, back = (seen[kind][layer] for kind in ("h", "dW", "dh"))
    print(f"{layer + 1:5}  {size:7.1e}    {weights:.1e}    {back:.1e}")

ratio = {kind: norms[0] / norms[19] for kind, norms in seen.items()}
print("first / last", {kind: f"{each:.0e}" for kind, each in ratio.items()})

# %%
# Both. From the last layer to the first, the gradient of what the layers say shrinks to less than a thousandth,
# ``ratio["dh"] < 0.001``. And from the first to the last, so does what they say, ``ratio["h"] > 1000``.
#
# The column in the middle hides it. The gradient of a weight is the product of what came in and of what came back. At
# the first layer the one is large and the other tiny, at the last it is the other way round. So its ratio is near one,
# ``0.1 < ratio["dW"] < 10``, and somebody who looks at the weights' gradients alone sees nothing amiss between the
# layers. **Look at the gradients of the values between the layers.** The record names it, too:


def asked(model):
    with chainrule.record(local_gradients=False) as rec:
        loss = loss_of(model)
        loss.backward()
    return rec.why()


found = asked(Deep(torch.tanh))
found

# %%
# Compared with the last layer's bias, the gradients of some weights are tiny.
#
# The cause
# ---------
#
# Each layer multiplies by its weights on the way forward, and by the same weights, transposed, on the way back. What
# ``nn.Linear`` draws lies between minus and plus one over the root of the number of inputs. That is a variance of a
# third of what would keep the norm: with thirty-two inputs, a layer keeps about ``(1 / 3) ** 0.5 ≈ 0.58`` of it. Twenty
# of them keep ``0.58**20 < 0.0001``.
#
# The cure
# --------
#
# First weights that keep the norm. Xavier's have a variance of one over the number of units, which suits tanh. He's
# have twice that, since a ReLU lets through only one half.
#
# **Predict.** Six networks, two bends and three ways to draw. Here is the norm of dL/dh by layer. In how many of the
# six does it stay about level?
#
# .. answer:: In three [With ReLU only He]
#    In two: There is one more in which it does not fade: a little too much is no loss with tanh.
#    In four: A ReLU lets through one half. Which of the ways to draw make up for that?
#    In all six: The first weights that nn.Linear draws are too small.

starts = {
    "default": None,
    "Xavier": nn.init.xavier_normal_,
    "He": partial(nn.init.kaiming_normal_, nonlinearity="relu"),
}
fades = {}
lines = {"tanh": {}, "ReLU": {}}
for bend_name, bend in (("tanh", torch.tanh), ("ReLU", torch.relu)):
    for name, start in starts.items():
        dh = look(Deep(bend, start))["dh"]
        fades[bend_name, name] = dh[0] / dh[19]
        lines[bend_name][name] = dh
        print(f"{bend_name}  {name:8} first to last {dh[0] / dh[19]:.1e}")

# %%
# With tanh, Xavier and He: ``fades["tanh", "Xavier"] > 0.1`` and ``fades["tanh", "He"] > 0.1``. With ReLU only He,
# ``fades["ReLU", "He"] > 0.1``; Xavier loses about a root of two in each layer and ends at a few thousandths. With the
# default little is left with tanh, and next to nothing with ReLU. Layer by layer, first with tanh:

curves(lines["tanh"], xlabel="layer", ylabel="norm of dL/dh", log=True)

# %%
# And with ReLU, where two of the three go straight down:

curves(lines["ReLU"], xlabel="layer", ylabel="norm of dL/dh", log=True)

# %%
# The same steps again
# --------------------
#
# **Predict.** The same 60 steps with the same rate, tanh and Xavier's weights. Before, the loss came to rest at 1.1294.
# Where does it end now?
#
# .. answer:: Far below that [Nothing else was changed]
#    A little below that: The first layers hear something now, and learn.
#    At the same place: The first layers hear something now, and learn.

cured = train(Deep(torch.tanh, nn.init.xavier_normal_))
print([round(cured[step], 4) for step in (0, 5, 20, 40, 59)])

# %%
# At ``cured[59] < 0.2``, where the other one stood at more than one. Nothing else was changed.
#
# See it next time
# ----------------
#
# ``look`` above needs the values between the layers. For a model of somebody else, hooks collect them:


def fading(model, loss_of, kind=nn.Linear):
    """Give the norm of the gradient at each layer's result, first to last."""
    results = []
    hooks = [
        layer.register_forward_hook(lambda _, __, result: results.append(result))
        for layer in model.modules()
        if isinstance(layer, kind)
    ]
    gradients = torch.autograd.grad(loss_of(model), results)
    for hook in hooks:
        hook.remove()
    return [gradient.norm().item() for gradient in gradients]


norms = fading(Deep(torch.tanh), loss_of)
print(f"first {norms[0]:.1e}, last {norms[-1]:.1e}")

# %%
# ``norms[0] / norms[-1] < 0.001``. Below that, think of first weights, of a normalisation between the layers, or of
# paths around them.
#
# Take it in hand
# ---------------
#
# The chain in small: three layers of one unit, each with the same weight, and no network around it.

w = torch.tensor(0.5, requires_grad=True)
h0 = torch.tensor(0.5, requires_grad=True)
with chainrule.record() as rec:
    h = h0
    for _ in range(3):
        h = torch.tanh(w * h)
    h.backward()

rec

# %%
# .. do:: grad h0 0.1153; set w 1, grad h0 0.5339; set w 0.1, grad h0 0.001
#
#    The gradient of ``h0``, at the far end of the chain, is 0.1153. Set ``w`` to 1, and 0.5339 of it arrives: what is
#    lost now is lost in the bends alone. With 0.1 a thousandth is left, 0.001.
#
# Take away
# ---------
#
# - A deep network that comes to rest at the variance of the targets: its first layers hear nothing.
# - Compare dL/dh by layer, and not dL/dW.
# - Xavier for tanh, He for ReLU. The default is neither.
#
# On your own
# -----------
#
# **Exercise.** The slope of a sigmoid is one quarter at most. With weights that keep the norm, how much of the gradient
# is left after 20 layers of sigmoids at best? Give the exponent of ten, rounded down to a whole number.
#
# .. answer:: printed

import math

left = 0.25**20
print(math.floor(math.log10(left)))

# %%
# It is ``left ≈ 0.0000000000009``, with twelve zeros after the point, so the exponent is -13. No first weights make up
# for that, and so sigmoids are seldom put between layers any more.
#
# **Exercise.** Give each layer a path around it, ``h + bend(layer(h))``, and leave the default weights. Is the gradient
# at the first layer smaller or larger than at the last?
#
# .. answer:: Larger [nothing fades]
#    Smaller: On the path around, what is the local gradient?


class Around(Deep):
    def forward(self, h):
        self.hidden = []
        for layer in self.layers:
            h = h + self.bend(layer(h))
            self.hidden.append(h)
        return self.last(h).squeeze(1)


around = look(Around(torch.tanh))["dh"]
print("larger" if around[0] > around[19] else "smaller")

# %%
# Larger, ``around[0] > around[19]``: on the path around, the local gradient is one, so nothing fades, and each layer
# adds a little.
#
# References
# ----------
#
# First weights for tanh and for ReLU: [Glorot2010]_ and [He2015]_. Paths around: [He2016]_.
#
# **Next:** a gradient that is right, and a weight that stays: :ref:`sphx_glr_lessons_8_clinic_90_fine_tuning.py`.
