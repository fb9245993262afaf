"""
Write your own backward: torch.autograd.Function
================================================

**What you get:** an operation of your own, with a gradient of your own, that PyTorch uses like one of its own. You will
know when you need that, and why a test of it may pass although it is wrong.

**What you need:** :ref:`sphx_glr_lessons_4_batches_30_softmax.py`. Reading time: 17 minutes.
"""

# %%
# Two formulas for one curve
# --------------------------
#
# The function ``log(1 + exp(x))`` is a ReLU with a rounded corner. It is called *softplus*. For a large ``x`` it is as
# good as ``x`` itself, and you know what becomes of ``exp(x)`` there. So we choose: above twenty take ``x``, else the
# formula. ``torch.where`` does that, entry by entry.

import torch

import chainrule


def softplus(x):
    return torch.where(x > 20, x, torch.log(1 + torch.exp(x)))


x = torch.tensor([0.0, 10.0, 100.0], requires_grad=True)

# %%
# **Predict.** The third number is 100. Are the values right, and the gradients?
#
# .. answer:: Right values, and a gradient that is no number [no number]
#    All are right: exp(100) is beyond the range of float32. What is done with it on the way back?
#    Wrong values too: Where the number is large, the value is taken from it directly.

y = softplus(x)
y.sum().backward()
print("values   ", [round(entry, 4) for entry in y.tolist()])
print("gradients", [round(entry, 4) for entry in x.grad.tolist()])

# %%
# The values are right. The last gradient is no number, although the value was taken from ``x`` itself, whose local
# gradient is one.
#
# Here is what happened at a hundred:

x = torch.tensor(100.0, requires_grad=True)
with chainrule.record() as rec:
    e = torch.exp(x)
    formula = torch.log(1 + e)
    y = torch.where(x > 20, x, formula)
    y.backward()

rec

# %%
# .. do:: set x 100, y 100, says nan; set x 80, y 80, grad x 1
#
#    At 100 the gradient of ``x`` is nan. Set ``x`` to 80: ``e`` is huge and still a number, and the gradient is 1.
#
# ``torch.where`` sends the upstream gradient to the branch that it has chosen, and *zero* to the other. But zero is
# sent, and not nothing: the walk goes on through the logarithm with ``rec.grad("formula") == 0.0``, and on to ``exp``,
# whose local gradient is infinite. Zero times infinity is ``nan``, and where paths meet, ``nan`` plus one is ``nan``.
#
# The value is chosen, but the gradients are *added*. Autograd has made no mistake. It has followed the operations that
# it was given. We know something that it does not: what the slope of the whole thing is.
#
# The form
# --------
#
# The derivative of softplus is the sigmoid, and the sigmoid never overflows. An operation of our own can say so. It is
# a class with two functions:
#
# - ``forward`` computes the value. What ``backward`` will need, it keeps in ``ctx``, an object that belongs to this one
#   call.
# - ``backward`` gets the upstream gradient. It returns **upstream times local**, for each argument of ``forward``.


class Softplus(torch.autograd.Function):
    """Compute log(1 + exp(x)), with a gradient that is finite everywhere."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x > 20, x, torch.log(1 + torch.exp(x)))

    @staticmethod
    def backward(ctx, upstream):
        (x,) = ctx.saved_tensors
        return upstream * torch.sigmoid(x)


# %%
# Neither function has a ``self``, which is what ``@staticmethod`` says: nothing is kept but what is in ``ctx``.
#
# The operation is called with ``Softplus.apply(x)``. Inside ``forward`` nothing is recorded, so the trap of before is
# not set.
#
# **Predict.** The loss is the sum of the squares. What is the gradient at 100?
#
# .. answer:: 200.0
#    1.0: That is the local gradient. The upstream gradient is still to be multiplied in.
#    100.0: The square has a two.

x = torch.tensor([0.0, 10.0, 100.0], requires_grad=True)
with chainrule.record() as rec:
    y = Softplus.apply(x)
    loss = (y**2).sum()
    loss.backward()

print(x.grad[2].item())
rec.table()

# %%
# Upstream arrives twice the value, local is one: ``x.grad[2] == 200.0``. To PyTorch the whole thing is one operation,
# with one row, as if it had always been there.
#
# A test that cannot fail
# -----------------------
#
# Here is the mistake that nearly everybody makes once. This ``backward`` forgets the upstream gradient:


class Forgetful(torch.autograd.Function):
    """Return the local gradient alone."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.where(x > 20, x, torch.log(1 + torch.exp(x)))

    @staticmethod
    def backward(ctx, upstream):
        (x,) = ctx.saved_tensors
        return torch.sigmoid(x)


# %%
# A check wants one number, so we need a loss. Any will do, or will it?
#
# **Predict.** Here are two checks of the forgetful one, with the sum of its outputs and with their mean. Which of the
# two notices?
#
# .. answer:: The one with the mean [mean sends a third]
#    The one with the sum: What is the upstream gradient of a sum?
#    Both of them: What is the upstream gradient of a sum?
#    Neither: What is the upstream gradient of a mean?

points = torch.tensor([-2.0, 0.5, 3.0], dtype=torch.float64)

by_sum = chainrule.check_gradient(lambda x: Forgetful.apply(x).sum(), points)
by_mean = chainrule.check_gradient(lambda x: Forgetful.apply(x).mean(), points)
print("sum: ", "passes" if by_sum else "fails")
print("mean:", "passes" if by_mean else "fails")

# %%
# The sum passes, ``bool(by_sum) == True``: the upstream gradient of a sum is one, and who forgets to multiply by one
# has forgotten nothing. The mean sends a third, and it shows, ``bool(by_mean) == False``. **Test an operation with an
# upstream gradient that is not one.**
#
# ``torch.autograd.gradcheck`` needs no loss. It takes the operation as it is, and sends back one output at a time: one
# for that, zero for the others. So it compares the whole table of local gradients, which is called a :term:`Jacobian`.
# In its message there is a row for each input and a column for each output, and "analytical" is what ``backward`` says.

points.requires_grad_()
print("ours:", torch.autograd.gradcheck(Softplus.apply, points))
try:
    torch.autograd.gradcheck(Forgetful.apply, points)
except RuntimeError as message:
    print("forgetful:", message)

# %%
# In the first table only the diagonal is not zero, since each output depends on its own input. In the second, the
# forgetful one answers with everything to everyone.
#
# A result that was searched for
# ------------------------------
#
# Not every value comes from a formula. This program *searches* for the cube root of ``x``. It begins with the range
# from zero to ten, tries the middle, and keeps the half in which the root must be, sixty times over:


def search(x, halvings):
    """Give the number whose cube is x, for x between zero and a thousand."""
    low, high = torch.zeros_like(x), torch.full_like(x, 10.0)
    for _ in range(halvings):
        middle = (low + high) / 2
        too_small = middle**3 < x
        low = torch.where(too_small, middle, low)
        high = torch.where(too_small, high, middle)
    return (low + high) / 2


# %%
# **Predict.** The root of 8 is 2. Can autograd follow this search back to ``x``? Where exactly does ``x`` come in?
#
# .. answer:: No [It cannot]
#    Yes, through the comparisons: A comparison answers yes or no.
#    Yes, through the halvings: Where do the numbers come from that are halved?

x = torch.tensor(8.0, dtype=torch.float64, requires_grad=True)
root = search(x, 60)
print(f"root {root.item():.4f}, follows x: {root.requires_grad}")

# %%
# It cannot: ``root.requires_grad == False``. ``x`` was only *compared* with something. Each comparison answers yes or
# no, and a later lesson is about that. All the numbers that were halved came from zero and ten. So this is the second
# case in which you need a backward of your own: the value comes from where autograd cannot see. Besides a search, that
# may be NumPy, or a program in another language.
#
# And yet the root has a slope. We need not follow the search for it. It is enough to know what it was looking for,
# ``root**3 == x``. Nudge the root a little. Its cube changes ``3 * root**2`` times as much, and that change is the one
# of ``x``. Seen from ``x``, it is the other way around: the root moves by ``1 / (3 * root**2)`` of what ``x`` moves.


class CubeRoot(torch.autograd.Function):
    """Search for the cube root, and differentiate what it satisfies."""

    @staticmethod
    def forward(ctx, x, halvings):
        root = search(x, halvings)
        ctx.save_for_backward(root)
        return root

    @staticmethod
    def backward(ctx, upstream):
        (root,) = ctx.saved_tensors
        return upstream / (3 * root**2), None


# %%
# ``forward`` has two arguments, so ``backward`` returns two things. The number of halvings has no gradient, which is
# written ``None``.
#
# **Predict.** What is the gradient at 8?
#
# .. answer:: 0.0833
#    2: That is the root itself.

root = CubeRoot.apply(x, 60)
root.backward()
print(f"{x.grad.item():.4f}")
print(torch.autograd.gradcheck(CubeRoot.apply, (x, 60)))

# %%
# One twelfth, ``x.grad ≈ 0.0833``, and ``gradcheck`` agrees. Sixty halvings forward, one division backward: the way
# back need not look like the way there. Layers that solve an equation inside are built like that.
#
# Take away
# ---------
#
# - ``forward`` keeps what ``backward`` needs; ``backward`` returns upstream times local, one for each argument.
# - You need it where autograd's way back is not finite, where the value comes from outside of PyTorch or from a search,
#   and where you *want* another gradient, which is a lesson of its own. Elsewhere let autograd do it.
# - Behind ``torch.where`` both branches get a gradient, and zero times infinity is ``nan``.
# - Use ``gradcheck``. A sum as a loss does not notice a forgotten upstream gradient.
#
# On your own
# -----------
#
# **Exercise.** The loss is the *square* of the cube root of eight. If ``backward`` forgot the upstream gradient, it
# would answer one twelfth again. What is the right gradient at ``x``, to four digits after the point?
#
# .. answer:: printed
#    0.0833: upstream
#    4: That arrives at the root. It is still to go through the root.

x = torch.tensor(8.0, dtype=torch.float64, requires_grad=True)
loss = CubeRoot.apply(x, 60) ** 2
loss.backward()
print(f"{x.grad.item():.4f}")

# %%
# Twice the root arrives, four, and a twelfth of it is ``x.grad ≈ 0.3333``. Without the upstream gradient it would be
# the twelfth, ``x.grad / 4 ≈ 0.0833``.
#
# **Exercise.** Write an operation that multiplies a table ``x`` by a single number ``k``. Both need a gradient. Which
# shape must that of ``k`` have? (Let ``gradcheck`` say whether yours is right.)
#
# .. answer:: A single number [and a single number]
#    The shape of the table: A gradient has the shape of what it belongs to.
#    One number a row: One k was used for all entries.


class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, k):
        ctx.save_for_backward(x, k)
        return x * k

    @staticmethod
    def backward(ctx, upstream):
        x, k = ctx.saved_tensors
        return upstream * k, (upstream * x).sum()


table = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).double().requires_grad_()
k = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
scale_passes = torch.autograd.gradcheck(Scale.apply, (table, k))
print(scale_passes)

# %%
# ``scale_passes == True``. One ``k`` was used for six entries, so its gradient is a sum over six, and a single number.
# Inside ``forward`` nobody shrinks the gradient of a broadcast value for you.
#
# **Exercise.** Write cross-entropy for one sample as one operation: the logarithm of the sum of exponentials, minus the
# right score. What is best kept for the way back? It must survive a score of a thousand.
#
# .. answer:: The probabilities minus the truth [keep the probabilities]
#    The scores alone: Then all of it has to be computed anew.
#    The loss: Nothing can be derived from it alone.


class CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, scores, right):
        largest = scores.max()
        log_sum = largest + torch.log(torch.exp(scores - largest).sum())
        slope = torch.exp(scores - log_sum)  # the probabilities
        slope[right] -= 1
        ctx.save_for_backward(slope)
        return log_sum - scores[right]

    @staticmethod
    def backward(ctx, upstream):
        (slope,) = ctx.saved_tensors
        return upstream * slope, None


scores = torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64)
report = chainrule.check_gradient(lambda s: 3 * CrossEntropy.apply(s, 1), scores)
print("right:", bool(report))

scores = torch.tensor([1000.0, 0.0, 0.0], requires_grad=True)
loss = CrossEntropy.apply(scores, 1)
loss.backward()
print(loss.item(), scores.grad.tolist())

# %%
# ``bool(report) == True``: keep the probabilities minus the truth, and return that times the upstream gradient. (The
# three in the check makes sure that there is one.) It survives the thousand, ``loss == 1000.0``.
#
# References
# ----------
#
# What such a function may and may not do: [PyTorch]_.
#
# **Next:** one weight used at every step, :ref:`sphx_glr_lessons_7_inside_70_shared_weights.py`.
