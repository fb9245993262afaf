"""
Look things up, and attend
==========================

**What you get:** the backward pass of an embedding and of attention with a mask: a gradient for each matrix, with its
shape, and the reason for the square root.

**What you need:** :ref:`sphx_glr_lessons_5_real_layers_30_slide_a_window.py`. Reading time: 12 minutes.
"""

# %%
# Look it up
# ----------
#
# A language model has a row of numbers for each word, its **embedding**. To read a text is to look up rows. Here is a
# table of five words with two numbers each, and a text of three words, in which one word comes twice:

from types import SimpleNamespace

import torch
from torch import nn

import chainrule
from chainrule.plots import curves

table = torch.tensor(
    [[0.0, 1.0], [1.0, -1.0], [2.0, 0.0], [-1.0, 2.0], [0.5, 0.5]],
    requires_grad=True,
)
tokens = torch.tensor([3, 1, 3])
arriving = torch.tensor([[1.0, 2.0], [3.0, 4.0], [10.0, 20.0]])

with chainrule.record() as rec:
    e = table[tokens]
    loss = (e * arriving).sum()
    loss.backward()

# %%
# Somebody writes the way back as the mirror image of the way forward:

d_table = torch.zeros(5, 2)
d_table[tokens] = arriving

# %%
# **Predict.** Which row of it is wrong?
#
# .. answer:: Row 3 [looked up twice]
#    Row 1: It was looked up once, and gets what arrives there.
#    Row 0: It was not looked up, so nothing comes back.
#    None: How many parts does a value get that is used in two places?

print(d_table.tolist())
print(table.grad.tolist())

# %%
# Row 3 was looked up twice, so it gets two parts, and an assignment keeps only the last: ``table.grad[3] == (11, 22)``
# against ``d_table[3] == (10, 20)``. What adds up is ``index_add_``:

d_table = torch.zeros(5, 2).index_add_(0, tokens, arriving)
report = rec.check(table=d_table)
print(report)

# %%
# ``bool(report) == True``. Rows that nobody looked up get zero.
#
# Attend
# ------
#
# In *attention* each place of the text asks all places before it, and itself. From its row it makes a **query**, a
# **key** and a **value**, by three matrices. A query times a key says how much one place wants of another. A softmax
# makes shares of that, and the output is the values, mixed by these shares. No place may look ahead, so a mask sets
# what comes later to minus infinity, of which the exponential is zero. One operation a line, as always:

wq = torch.tensor([[1.0, 0.0, -1.0, 0.5], [0.0, 1.0, 0.5, 1.0]], requires_grad=True)
wk = torch.tensor([[0.5, 1.0, 0.0, -1.0], [1.0, 0.0, 1.0, 0.5]], requires_grad=True)
wv = torch.tensor([[1.0, -1.0], [0.5, 1.0]], requires_grad=True)
target = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
later = torch.ones(3, 3).triu(1).bool()  # row: who asks; column: who is asked

with chainrule.record() as rec:
    e = table[tokens]  # (1)
    q = e @ wq  # (2)
    k = e @ wk  # (3)
    v = e @ wv  # (4)
    products = q @ k.T  # (5)
    scaled = products / 2  # (6), the root of four
    masked = scaled.masked_fill(later, -torch.inf)  # (7)
    share = torch.softmax(masked, dim=1)  # (8)
    out = share @ v  # (9)
    error = out - target  # (10)
    loss = (error**2).mean()  # (11)
    loss.backward()

print([[round(entry, 3) for entry in row] for row in share.tolist()])

# %%
# **Predict.** The first place can see itself alone. What is the gradient of its query?
#
# .. answer:: 0.0 [has no choice]
#    1.0: That is its share. What would have to change for the share to change?

d_query = rec.grad("q")[0]
print(d_query.abs().max().item())

# %%
# Its only share is 1, whatever it asks. ``d_query == (0, 0, 0, 0)``: what has no choice does not learn to choose.
#
# Each matrix
# -----------
#
# Two lines are new. Line 8: each score of a row moves all shares of the row, as it does at the end of a classifier.
# Where a gradient arrives at every share, and not only at one, the same derivation gives ``share * (d_share - sum of
# share * d_share)``: what arrives, less its mean by these shares. And ``e`` stands in three lines, so it gets three
# parts.

d = SimpleNamespace()
d.out = 2 * error / 6  # (11) and (10)
d.share = d.out @ v.T  # (9)
d.v = share.T @ d.out  # (9)
d.masked = share * (d.share - (share * d.share).sum(dim=1, keepdim=True))  # (8)
d.scaled = d.masked.masked_fill(later, 0.0)  # (7)
d.products = d.scaled / 2  # (6)
d.q = d.products @ k  # (5)
d.k = d.products.T @ q  # (5)
d.wq, d.wk, d.wv = e.T @ d.q, e.T @ d.k, e.T @ d.v  # (4), (3) and (2)
d.e = d.q @ wq.T + d.k @ wk.T + d.v @ wv.T  # (4), (3) and (2)
d.table = torch.zeros(5, 2).index_add_(0, tokens, d.e)  # (1)

report = rec.check(**vars(d))
for name, ours in vars(d).items():
    off = (ours - rec.grad(name)).abs().max() / rec.grad(name).abs().max()
    print(
        f"{name:8} {tuple(ours.shape)}  right to a millionth: {off.item() < 1e-6}"
    )
theirs = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=~later)
print("PyTorch's attention gives the same:", torch.allclose(out, theirs))

# %%
# ``bool(report) == True``, and to a millionth of the largest entry, since each is a handful of products of ``float32``
# numbers. Every gradient has the shape of its value, and in line 5 that decides everything: ``d.k`` has a row for each
# place that is asked, so ``d.products`` is laid on its side.

rec

# %%
# .. do:: set wq [[0,0,0,0],[0,0,0,0]], share [[1,0,0],[0.5,0.5,0],[0.333,0.333,0.333]],
#    grad wk [[0,0,0,0],[0,0,0,0]]
#
#    Set every entry of ``wq`` to 0. All queries are zero, so everybody gets an equal share of what can be seen: 1, then
#    0.5 each, then 0.333. The gradient of ``wk`` is 0 everywhere: nobody asks, so it does not matter what is answered.
#    That of ``wq`` is not, and the next step would end it.
#
# **Predict.** Somebody forgets line 6 on the way back. What does the report say of ``products``?
#
# .. answer:: A factor is missing [factor is missing]
#    A path is missing: It stands in one line only.
#    It is transposed: Every shape is as it was.

print(rec.check(products=d.scaled))
ahead = d.masked[later]

# %%
# A factor is missing, and it is named. Forgetting line 7 is another matter: ``d.masked`` is zero already where the mask
# is, ``ahead.abs().max() == 0``, because the shares there are zero. Here the slip costs nothing. Without a softmax
# behind the mask it would cost everything.
#
# Why the square root
# -------------------
#
# Line 6 divides by the root of the queries' width, four here. A product of query and key is a sum over that width. With
# entries of a common size, say one, it has a size of about the root of the width, and shares of such scores are nearly
# one and zero. A share that is nearly one has no slope left.


def slope(width, scale):
    """Give the mean slope of the largest share, over many queries and 16 keys."""
    make = torch.Generator().manual_seed(0)
    q = torch.randn(400, 1, width, generator=make)
    k = torch.randn(400, 16, width, generator=make)
    share = torch.softmax((q * k).sum(dim=2) * scale, dim=1)
    largest = share.max(dim=1).values
    return (largest * (1 - largest)).mean().item()


widths = [4, 16, 64, 256, 1024]
slopes = {
    "divided by the root": [slope(width, width**-0.5) for width in widths],
    "not divided": [slope(width, 1.0) for width in widths],
}
divided, plain = slopes.values()
for name, row in slopes.items():
    print(f"{name:20}", *(f"{number:.3f}" for number in row))
figure = curves(slopes, xlabel="width", ylabel="slope of the largest share")
figure.axes[0].set_xticks(range(5), widths)
figure

# %%
# Divided by the root, the slope is the same at any width, about a sixth, ``min(divided) > 0.12`` and ``max(divided) <
# 0.2``. Without it, a width of 1,024 leaves a seventh of that: ``plain[4] < 0.03``. The choice is made before anything
# was learned, and hardly a gradient gets through to change it.
#
# Take away
# ---------
#
# - An embedding is a choice of rows. On the way back rows add up, and a row that was not chosen gets zero.
# - ``a @ b`` passes ``d @ b.T`` to ``a`` and ``a.T @ d`` to ``b``. In attention you need it five times.
# - A softmax passes on what arrives, less its mean by the shares, times the shares.
# - The root of the width keeps scores at a common size, and the softmax awake.
#
# On your own
# -----------
#
# **Exercise.** A table has 50 words, and a text is [4, 4, 9, 4]. How many rows of the table's gradient are not zero?
#
# .. answer:: printed
#    4: One word comes several times.
#    50: A row that is not looked up does not move the loss.

words = torch.zeros(50, 3, requires_grad=True)
words[[4, 4, 9, 4]].sum().backward()
print((words.grad != 0).any(dim=1).sum().item())

# %%
# Two, and the first of them has three parts, ``words.grad[4, 0] == 3``.
#
# Leave the softmax out, and the mask:

with chainrule.record() as rec:
    q, k, v = e.detach() @ wq, e.detach() @ wk, e.detach() @ wv
    scores = q @ k.T / 2
    out = scores @ v
    loss = ((out - target) ** 2).sum()
    loss.backward()

d_out = 2 * (out - target)

# %%
# **Exercise.** Derive the gradient of ``k`` from ``d_out``. What is its first entry? (In your own code,
# ``rec.check(k=...)`` tells.)

d_scores = d_out @ v.T
of_k = d_scores.T @ q / 2
print(rec.check(k=of_k))
print(round(of_k[0, 0].item(), 2))

# %%
# ``d_out @ v.T`` for the scores, laid on its side and times ``q`` for the keys, and half of it.
#
# Read on
# -------
#
# - Ashish Vaswani and others, `Attention is all you need <https://arxiv.org/abs/1706.03762>`_; a footnote has the
#   reason for the root.
# - Andrej Karpathy, *Let's build GPT: from scratch, in code, spelled out*, on video.
#
# **Next:** all of it together, :ref:`sphx_glr_lessons_5_real_layers_50_transformer.py`.
