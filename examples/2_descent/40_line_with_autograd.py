"""
Fit the same line with autograd: loss.backward()
================================================

**What you get:** the line once more, with PyTorch in charge of the gradient: what each line of the loop is there for,
which loss belongs to which weight, and what becomes of the descent after a thousand steps.

**What you need:** :ref:`sphx_glr_lessons_2_descent_30_line_by_hand.py`. Reading time: 11 minutes.
"""

# %%
# One pass, recorded
# ------------------
#
# The samples and the model are those of the last lesson. In place of the gradient by hand stands ``loss.backward()``.

import torch

import chainrule

x = torch.tensor([1.0, 2.0, 3.0, 4.0])
y = torch.tensor([2.0, 4.0, 6.0, 8.0])
w = torch.tensor(0.0, requires_grad=True)

with chainrule.record() as rec:
    y_hat = w * x
    error = y_hat - y
    loss = (error**2).mean()
    loss.backward()

rec.graph(backward=None)

# %%
# **Predict.** Walk back with four numbers at a time. The mean hands each of the four squares its share. Then come the
# squares, and the product. One ``w`` was used for all four samples: so what is its gradient?
#
# .. answer:: -30.0
#    -120.0: The mean hands each square a quarter of what arrives.
#    -7.5: The four parts are not averaged once more. The mean has done that at the loss.

print(w.grad)
rec.derivation("w")

# %%
# The mean hands each square a quarter. (The sign :math:`\odot` multiplies entry by entry: first with first, second with
# second.) Each part is multiplied by twice its error and by its input, and because one ``w`` was used for all four, the
# four parts add up: ``w.grad == -30.0``. (Without the quarter it would be ``4 * w.grad == -120``, and with one more
# ``w.grad / 4 == -7.5``.) Nobody had to think of that sum. It follows from the graph.

rec

# %%
# .. do:: set w 2, loss 0, grad w 0; set w 3, loss 7.5, grad w 15
#
#    Set ``w`` to 2, the weight that fits: loss and gradient are 0. Go on to 3: the loss is 7.5, and the gradient 15,
#    with the sign turned around.
#
# The loop
# --------
#
# Three details make the loop right, and each is easy to forget.


def fit(steps, rate=0.01):
    """Give the weights that the descent goes through, and the gradient at each."""
    w = torch.tensor(0.0, requires_grad=True)
    weights, gradients = [], []
    for _ in range(steps):
        loss = ((w * x - y) ** 2).mean()
        loss.backward()
        weights.append(w.item())
        gradients.append(w.grad.item())
        with torch.no_grad():
            w -= rate * w.grad
        w.grad = None
    weights.append(w.item())
    return weights, gradients


def loss_at(w):
    return ((w * x - y) ** 2).mean().item()


# %%
# The rate is 0.01.

weights, gradients = fit(steps=20)
print("step        w      loss   gradient")
for step in (0, 1, 3, 5, 10, 19):
    w, gradient = weights[step], gradients[step]
    print(f"{step:4} {w:8.4f} {loss_at(w):9.5f} {gradient:10.4f}")
print(f"prediction for 5: {5 * weights[20]:.3f}")

# %%
# The first gradient is -30, so the second weight is 0.3. After 20 steps the prediction for 5 is 9.612, the same as by
# hand.
#
# - ``with torch.no_grad():`` The step is no part of the model. Without this line PyTorch refuses it: a leaf that
#   requires a gradient must not be changed in place while PyTorch takes notes.
# - ``w -= ...`` changes the weight *in place*. Write ``w = w - rate * w.grad`` instead, and ``w`` is a new tensor that
#   no longer asks for a gradient: the next ``backward()`` fails (:ref:`sphx_glr_lessons_8_clinic_30_not_a_leaf.py`).
# - ``w.grad = None`` empties the gradient.
#
# Which loss belongs to which weight?
# -----------------------------------
#
# Most loops print after the step. Let us see what such a line says.

w = torch.tensor(0.0, requires_grad=True)
loss = ((w * x - y) ** 2).mean()
loss.backward()
with torch.no_grad():
    w -= 0.01 * w.grad

# %%
# **Predict.** Now we print ``w`` and ``loss``. Which pair do we see?
#
# .. answer:: The new weight and the old loss [w = 0.300]
#    The new weight and its loss: Nobody has computed that loss. It takes another forward pass.
#    The old weight and its loss: The step has changed the weight in place.

print(f"w = {w:.3f}, loss = {loss:.3f}, gradient = {w.grad:.3f}")

# %%
# It prints the new weight beside the *old* loss, 30, and the old gradient. The loss was computed once, before the step,
# and does not follow. At the new weight it is ``loss_at(w) ≈ 21.675``. Nothing is wrong with the training, only with
# the report.
#
# A thousand steps
# ----------------
#
# **Predict.** We let it run for 1000 steps. Each leaves 85 % of the distance to 2 (``1 - 0.01 * 15 ≈ 0.85``). How does
# it end?
#
# .. answer:: It stands still beside 2 [nothing has moved, 1.99999964]
#    It arrives at 2: Each step leaves something of the distance. Would the last one not?
#    It comes closer with each step, to the last: In mathematics it does. How fine are the numbers of a computer?

weights, gradients = fit(steps=1000)
print(f"after 1000 steps: {weights[1000]:.8f}")
print(f"loss there:       {loss_at(weights[1000]):.1e}")

still = weights.index(weights[1000])
print(f"the first of its kind: {still}")

# %%
# It stands at ``weights[1000] ≈ 1.99999964``, and from step 94 on, nothing has moved. The gradient there is not zero,
# ``gradients[999] ≈ -0.0000052``, and the step is a hundredth of it. But ``float32`` has gaps. How far is it from here
# to the next larger number?

nearby = torch.tensor(weights[1000])
gap = torch.nextafter(nearby, torch.tensor(2.0)) - nearby
print(f"{gap.item():.3e} away; the step is {abs(0.01 * gradients[999]):.3e}")

# %%
# The step is less than half of the gap, so the sum is rounded back to where it was. The descent ends at the end of the
# precision. In ``float64`` the gaps are much smaller, and it would go on for a while.
#
# Take away
# ---------
#
# - ``loss.backward()`` takes the place of the gradient by hand, and gives the same numbers.
# - Step inside ``no_grad``, in place, and empty ``.grad`` for the next round.
# - A loss belongs to the weight that it was computed with. Print them together, before the step.
# - A descent ends where the step gets lost between numbers.
#
# On your own
# -----------
#
# **Exercise.** After the first step the weight is at 0.3. Each step leaves 85 % of the distance to 2. Where is the
# weight after the second?
#
# .. answer:: printed
#    0.600: The second step is shorter: the slope is flatter.

print(f"{weights[2]:.3f}")

# %%
# What is left of the distance is ``2 * 0.85**2 ≈ 1.445``, so the weight is ``weights[2] ≈ 0.555``, and not
# ``2 * weights[1] ≈ 0.600``.
#
# **Exercise.** Back to the pass that we recorded at the top, with ``w`` at 0. Derive the gradient of ``error``, four
# numbers, from ``error``. What is the last of them? (In your own code, ``rec.check(error=...)`` tells.)
#
# .. answer:: -4.0
#    -16.0: The mean hands each square a quarter.
#    -8.0: That is the error, before anything is multiplied.

d_error = 2 * error / 4
print(rec.check(error=d_error, w=(d_error * x).sum()))
print(rec.check(error=2 * error, w=(2 * error * x).sum()))

# %%
# The mean hands each sample a quarter, and the uses of ``w`` add up: ``d_error == (-1, -2, -3, -4)``, from the errors
# ``error == (-2, -4, -6, -8)``. Without the quarter, as in ``2 * error[3] == -16``, it is the gradient of a sum, and
# the check knows it.
#
# References
# ----------
#
# What ``backward()`` does, in its makers' words: [PyTorch]_.
#
# **Next:** let PyTorch write the loss and the step as well,
# :ref:`sphx_glr_lessons_2_descent_50_loss_and_optimizer.py`.
