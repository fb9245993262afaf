"""
Slide a window: convolution and pooling
=======================================

**What you get:** the backward pass of a convolution, found by moving a single pixel, with any stride and padding; and
what a maximum does on the way back.

**What you need:** :ref:`sphx_glr_lessons_5_real_layers_20_normalise.py`. Reading time: 12 minutes.
"""

# %%
# A window over a picture
# -----------------------
#
# A linear layer has a weight for each pixel. A *convolution* has a few weights only, the **kernel**, and uses them
# everywhere: it lays them over the picture as a window, multiplies, adds up, moves on by one, and so on.

import torch
from torch import nn

import chainrule
from chainrule.plots import LINES, Figure


def slide(picture, window, stride=1):
    """Lay a window over each place of a picture, multiply, and add up."""
    tall, wide = window.shape
    rows = range(0, picture.shape[0] - tall + 1, stride)
    columns = range(0, picture.shape[1] - wide + 1, stride)
    return torch.stack(
        [
            torch.stack(
                [
                    (picture[i : i + tall, j : j + wide] * window).sum()
                    for j in columns
                ]
            )
            for i in rows
        ]
    )


picture = torch.tensor(
    [
        [1.0, 0.0, 2.0, 1.0],
        [0.0, 1.0, 3.0, 0.0],
        [2.0, 1.0, 0.0, 1.0],
        [1.0, 2.0, 0.0, 3.0],
    ]
)
kernel = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
theirs = nn.functional.conv2d(picture[None, None], kernel[None, None])[0, 0]
print(slide(picture, kernel).tolist())
print("PyTorch agrees:", slide(picture, kernel).equal(theirs))

# %%
# A window of two by two fits into four by four in nine places: ``theirs.shape == (3, 3)``. (PyTorch wants two more
# directions in front, samples and channels. The two ``None`` make them.)
#
# Move one pixel
# --------------
#
# The gradient of a pixel needs its local gradients: how far does each output move if this pixel does? A convolution
# adds and multiplies, so we may ask in the plainest way. Take a picture that is zero but for a one in a single place,
# and slide. What comes out is what that pixel does.
#
# **Predict.** The one lies in the second row and column. Which number stands in the top left corner of what comes out?
#
# .. answer:: 4 [its last entry]
#    1: The window's first entry is at the corner. But where in the window does the pixel lie when the window is there?
#    0: The window at the corner covers the second row and column as well.

one = torch.zeros(4, 4)
one[1, 1] = 1.0
moved = slide(one, kernel)
corner = moved[:2, :2]
print(moved.tolist())

# %%
# ``moved[0, 0] == 4``: when the window is in the corner, the pixel lies under its *last* entry. One step further right
# it lies further left in the window. So the kernel comes out **turned over**, by half a turn, ``corner == [[4, 3], [2,
# 1]]``.
#
# The same as a picture
# ---------------------


def show(axes, table, color, title):
    """Draw a table of numbers as cells."""
    rows, columns = table.shape
    for i in range(rows):
        for j in range(columns):
            ink = color if table[i, j] else LINES.faint
            axes.text(j, i, f"{table[i, j]:g}", ha="center", va="center", color=ink)
    axes.hlines(
        [k - 0.5 for k in range(rows + 1)], -0.5, columns - 0.5, LINES.faint
    )
    axes.vlines(
        [k - 0.5 for k in range(columns + 1)], -0.5, rows - 0.5, LINES.faint
    )
    axes.set(title=title, aspect="equal", xlim=(-0.6, 3.6), ylim=(3.6, -0.6))
    axes.set_axis_off()


figure = Figure(figsize=(6.4, 2.3), layout="constrained")
left, middle, right = figure.subplots(1, 3)
show(left, one, LINES.value, "one pixel")
show(middle, kernel, LINES.value, "kernel")
show(right, moved, LINES.gradient, "what moves, and how far")
figure.set_label(
    "Left a picture of zeros with a one in the second row and column. In the "
    "middle the kernel: 1 2 above 3 4. Right what comes out: in its top left "
    "corner 4 3 above 2 1, the kernel turned over, and zeros elsewhere."
)
figure

# %%
# The whole way back
# ------------------
#
# A pixel's gradient is the sum, over all outputs, of what arrives there times how far the pixel moves it. That is a
# window over what arrives, with the kernel turned over as its weights. At the edge the window hangs over, so a frame of
# zeros is laid around first.
#
# And the kernel? Each of its weights was used at nine places, each time with another pixel, so its gradient is the sum
# over the places of pixel times what arrives. That is a window, too: ``d_out`` itself, laid over the picture.
#
# What arrives, ``d_out``, shall be some whole numbers, so the loss is ``out`` times those, added up:

d_out = torch.tensor([[1.0, 0.0, -1.0], [0.0, 2.0, 0.0], [1.0, 0.0, 1.0]])
picture.requires_grad_()
kernel.requires_grad_()
with chainrule.record() as rec:
    x = picture[None, None]
    k = kernel[None, None]
    out = nn.functional.conv2d(x, k)
    loss = (out * d_out).sum()
    loss.backward()

turned = kernel.detach().flip(0, 1)
framed = nn.functional.pad(d_out, (1, 1, 1, 1))
report = rec.check(
    picture=slide(framed, turned), kernel=slide(picture.detach(), d_out)
)
print(report)

# %%
# Both are right, ``bool(report) == True``, and to the last digit, since whole numbers are not rounded. **The backward
# pass of a convolution is two convolutions.**

rec

# %%
# .. do:: set kernel [[1,0],[0,0]], grad picture [[1,0,-1,0],[0,2,0,0],[1,0,1,0],[0,0,0,0]];
#    set kernel [[0,0],[0,1]], grad picture [[0,0,0,0],[0,1,0,-1],[0,0,2,0],[0,1,0,1]]
#
#    Set ``kernel`` to [[1, 0], [0, 0]], which copies the picture. What arrives is copied back, into the top left. Then
#    set it to [[0, 0], [0, 1]]: the way forward looks down and to the right, so the way back puts everything there.
#
# Stride and padding
# ------------------
#
# Two numbers change the shapes. *Padding* lays a frame of zeros around the picture. The *stride* says how far the
# window moves on. How often does a window of ``k`` fit into ``n`` pixels with a padding of ``p`` and a stride of ``s``?
# It starts at zero and may go as far as ``n + 2 p - k``, in steps of ``s``:


def places(n, k, p, s):
    """Count the places of a window along one direction."""
    return (n + 2 * p - k) // s + 1


print(places(4, 2, 0, 1), places(4, 2, 0, 2), places(5, 3, 1, 2))

# %%
# On the way back, the padding is cut off again: nobody asks for the gradient of a frame. And a stride of two skips
# every second place. The places that were skipped have no output, so nothing arrives from there. Write zeros between
# the rows and columns of ``d_out``, and it is as if there had been no stride:


def back(d_out, kernel, shape, stride, padding):
    """Take a gradient back through a convolution, to a picture of this shape."""
    tall, wide = (n + 2 * padding for n in shape)
    high, broad = kernel.shape
    full = torch.zeros(tall - high + 1, wide - broad + 1)  # without a stride
    full[::stride, ::stride] = d_out
    edge = (broad - 1, broad - 1, high - 1, high - 1)
    whole = slide(nn.functional.pad(full, edge), kernel.flip(0, 1))
    return whole[padding : tall - padding, padding : wide - padding]


torch.manual_seed(0)
worst = 0.0
for stride in (1, 2, 3):
    for padding in (0, 1, 2):
        x, k = torch.randn(7, 6, requires_grad=True), torch.randn(3, 2)
        out = nn.functional.conv2d(
            x[None, None], k[None, None], None, stride, padding
        )
        rows, columns = places(7, 3, padding, stride), places(6, 2, padding, stride)
        assert out.shape == (1, 1, rows, columns)
        arriving = torch.randn(rows, columns)
        out.backward(arriving[None, None])
        ours = back(arriving, k, (7, 6), stride, padding)
        worst = max(worst, (ours - x.grad).abs().max().item())
print("nine cases agree:", worst < 5e-6)

# %%
# Strides of 1, 2 and 3, with paddings of 0, 1 and 2: ``worst < 5e-6``. The numbers are about one, six products of them
# are added up, and each is rounded in the seventh digit, so a few millionths are what ``float32`` allows.
#
# The largest takes it all
# ------------------------
#
# *Pooling* makes a picture smaller: of each two by two pixels it keeps the largest. Nothing in it is learned, and it
# multiplies by nothing.
#
# **Predict.** The top right block of our picture is 2, 1, 3, 0. A gradient of 5 arrives at its maximum. What does the
# pixel with the 2 get?
#
# .. answer:: 0 [came from]
#    5: The loss does not notice this pixel. Move it a little, and the 3 is still the largest.
#    2: That is its value. The gradient does not ask for it.

x = picture.detach().requires_grad_()
arriving = torch.tensor([[1.0, 5.0], [3.0, 7.0]])
with chainrule.record() as rec:
    pooled = nn.functional.max_pool2d(x[None, None], 2)
    loss = (pooled * arriving).sum()
    loss.backward()

print(pooled.tolist())
print(x.grad.tolist())

# %%
# ``x.grad[0, 2] == 0`` and ``x.grad[1, 2] == 5``. A maximum is a switch: the gradient goes where the number came from,
# and nowhere else. The way forward has to remember who won. (If two are equal, this one takes the first; others, such
# as ``amax``, share.)

rec

# %%
# .. do:: loss 43, grad x [[1,0,0,0],[0,0,5,0],[3,0,0,0],[0,0,0,7]]; set x [[1,0,4,1],[0,1,3,0],[2,1,0,1],[1,2,0,3]],
#    loss 48, grad x [[1,0,5,0],[0,0,0,0],[3,0,0,0],[0,0,0,7]]
#
#    The 5 is at the 3. Open the numbers of ``x``, and set the 2 above it to 4: the 5 jumps there, and the loss goes
#    from 43 to 48.
#
# Take away
# ---------
#
# - Move one input, and look at what moves: that is a column of local gradients. In a convolution it is the kernel,
#   turned over.
# - So the pixels' gradient is a convolution of what arrives with the kernel turned over, and the kernel's is one of the
#   picture with what arrives.
# - A stride puts zeros between, a padding is cut off.
# - A maximum routes. A mean shares. A sum copies.
#
# On your own
# -----------
#
# **Exercise.** A picture of 50 by 50, a kernel of 5, padding 2, stride 2. How many rows come out?
#
# .. answer:: printed
#    50: That is with a stride of one.

rows = nn.Conv2d(1, 1, 5, padding=2, stride=2)(torch.zeros(1, 1, 50, 50)).shape[2]
assert rows == places(50, 5, 2, 2)
print(rows)

# %%
# ``places(50, 5, 2, 2) == 25``: such a layer halves the picture.
#
# Two samples, three kernels, each with a bias that is added everywhere in its channel:

torch.manual_seed(1)
x = torch.randn(2, 1, 4, 4)
weight = torch.randn(3, 1, 2, 2)
bias = torch.zeros(3, requires_grad=True)
with chainrule.record() as rec:
    out = nn.functional.conv2d(x, weight, bias)
    loss = (out**2).mean()
    loss.backward()

# %%
# **Exercise.** Derive the gradient of ``bias`` from that of ``out``. Over how many numbers does each bias add up? (In
# your own code, ``rec.check(bias=...)`` tells.)
#
# .. answer:: printed
#    54: That is all of out. Each bias has its own channel.
#    9: The samples are added up as well.

d_out = 2 * out.detach() / out.numel()
print(rec.check(bias=d_out.sum(dim=(0, 2, 3))))
print("of all", out.numel())
print(out[:, 0].numel())

# %%
# Over two samples and three by three places, ``out[:, 0].numel() == 18``: a bias was repeated over all directions but
# the channels, ``d_out.sum(dim=(0, 2, 3))``. Several input channels need no new rule either. Each output adds up over
# them, so each of them gets its own way back.
#
# Read on
# -------
#
# - Vincent Dumoulin and Francesco Visin, `A guide to convolution arithmetic for deep learning
#   <https://arxiv.org/abs/1603.07285>`_, has the shapes with moving pictures.
# - Stanford's CS231n, `Convolutional neural networks <https://cs231n.github.io/convolutional-networks/>`_.
#
# **Next:** the layers that read, :ref:`sphx_glr_lessons_5_real_layers_40_attend.py`.
