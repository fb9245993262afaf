"""The five notebooks that the course grows out of: where each cell went, and what became of each figure in it.

A notebook is called by its number, a cell by its label (`In [21]`, or its place among the code cells where it has
none). `PROGRAMS` are the notebooks' own programs, mistakes included, as short as they can be written. `CELLS` says of
each cell what it printed and which program prints that again. `WRONG` lists what is printed or said and is not so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

NUDGE = "examples/1_one_weight/10_nudge.py"
FORWARD = "examples/1_one_weight/20_forward_pass.py"
LOCAL = "examples/1_one_weight/30_local_gradients.py"
BACKWARD = "examples/1_one_weight/40_backward_pass.py"
PARABOLA = "examples/2_descent/10_parabola.py"
VECTOR = "examples/2_descent/20_weight_vector.py"
BY_HAND = "examples/2_descent/30_line_by_hand.py"
AUTOGRAD = "examples/2_descent/40_line_with_autograd.py"
OPTIMIZER = "examples/2_descent/50_loss_and_optimizer.py"
MODULE = "examples/2_descent/60_module.py"
ONE_STEP = "examples/3_xor/10_one_step.py"
TRAINED = "examples/3_xor/20_trained.py"
MISTAKES = "docs/concepts/mistakes.md"

CODE_CELLS = {"000": 5, "001": 8, "002": 13, "003": 4, "004": 15}
"""How many cells of code each notebook has."""

Figures = Sequence[float]


@dataclass(frozen=True)
class Cell:
    """Say where a cell went: a page, and words on it that show what it teaches or the figure that it carries."""

    notebook: str
    label: str
    page: str
    words: str
    printed: Figures = ()
    decimals: int = 7
    """To how many decimals the figures were printed."""
    program: Callable[[], Figures] | None = None
    """What prints these figures again."""


@dataclass(frozen=True)
class Wrong:
    """Hold what is printed or said in a notebook and is not so: why, what is right, and where that is taught."""

    notebooks: tuple[str, ...]
    said: float
    why: str
    right: float
    program: Callable[[], float]
    page: str
    words: str


# --- the notebooks' programs

X = np.array([1, 2, 3, 4], dtype=np.float32)


@cache
def one_weight() -> tuple[float, float]:
    """Give loss and gradient of (w x - y)^2 at x = 1, y = 2, w = 1."""
    w = torch.tensor(1.0, requires_grad=True)
    loss = (w * torch.tensor(1.0) - torch.tensor(2.0)) ** 2
    loss.backward()
    return loss.item(), _grad(w).item()


@cache
def line_by_hand(steps: int, mean: bool = False, rate: float = 0.01) -> list[tuple[float, float, float]]:
    """Give (new w, old loss, gradient) for each step on targets 2x, with the sum that is called a mean, or the mean."""
    w, rows = np.float32(0.0), []
    for _ in range(steps):
        error = w * X - 2 * X
        gradient = (2 * X * error).mean() if mean else np.dot(2 * X, error).mean()
        w = w - rate * gradient
        rows.append((float(w), float((error**2).mean()), float(gradient)))
    return rows


@cache
def line_with_autograd(steps: int, times: float = 2.0) -> list[tuple[float, float, float]]:
    """Give (new w, old loss, gradient) for each step on targets of `times` x, with autograd."""
    x = torch.tensor([1.0, 2.0, 3.0, 4.0])
    w, rows = torch.tensor(0.0, requires_grad=True), []
    for _ in range(steps):
        loss = ((w * x - times * x) ** 2).mean()
        loss.backward()
        gradient = _grad(w)
        with torch.no_grad():
            w -= 0.01 * gradient
        rows.append((w.item(), loss.item(), gradient.item()))
        gradient.zero_()
    return rows


@cache
def parabola() -> list[tuple[float, float, float]]:
    """Give (new w, old loss, gradient) for each of 15 steps on w^2, from 10 with rate 0.1."""
    w, rows = torch.tensor(10.0, requires_grad=True), []
    for _ in range(15):
        loss = w**2
        loss.backward()
        gradient = _grad(w)
        with torch.no_grad():
            w -= 0.1 * gradient
        rows.append((w.item(), loss.item(), gradient.item()))
        gradient.zero_()
    return rows


@dataclass(frozen=True)
class Vector:
    """Hold what one round of the notebook with three weights prints."""

    y_hat: float
    loss: float
    grad: tuple[float, ...]
    w: tuple[float, ...]
    """After the step."""


@cache
def vector(empty: bool = False) -> list[Vector]:
    """Run four rounds on three weights, as the notebook does: without emptying the gradient, or with."""
    x, w = torch.tensor([2.0, 3.0, 1.0]), torch.tensor([1.0, 1.0, 2.0], requires_grad=True)
    rounds = []
    for _ in range(4):
        y_hat = w @ x
        loss = (y_hat - torch.tensor(3.0)) ** 2
        loss.backward()
        grad = tuple(_grad(w).tolist())
        w.data = w.data - 0.01 * _grad(w).data
        rounds.append(Vector(y_hat.item(), loss.item(), grad, tuple(w.tolist())))
        if empty:
            w.grad = None
    return rounds


@dataclass(frozen=True)
class Xor:
    """Hold what the notebook on XOR prints, and what it does not."""

    hidden: tuple[float, ...]
    answer: float
    loss: float
    gradients: tuple[float, ...]
    """Of w2, b2, w1 and b1, in that order."""
    stepped: tuple[float, ...]
    """w1, b1, w2 and b2 after one step."""
    losses: tuple[float, ...]
    """After epochs 1, 1001, 2001, 3001, 4001, and 5000, which is not printed."""
    trained: tuple[torch.Tensor, ...]
    answers: tuple[float, ...]


@cache
def xor() -> Xor:
    """Run the notebook on XOR: one step for the first sample, then 5,000 epochs, one sample at a time."""
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = torch.tensor([0.0, 1.0, 1.0, 0.0])
    w1 = torch.tensor([[0.1, 0.3], [0.2, 0.1]], requires_grad=True)
    b1 = torch.tensor([0.2, -0.2], requires_grad=True)
    w2 = torch.tensor([[0.1], [-0.4]], requires_grad=True)
    b2 = torch.tensor([0.0], requires_grad=True)
    weights = (w1, b1, w2, b2)

    def forward(x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(torch.matmul(torch.relu(torch.matmul(x, w1) + b1), w2) + b2)

    def step() -> None:
        with torch.no_grad():
            for weight in weights:
                weight -= 0.01 * _grad(weight)

    hidden = torch.relu(torch.matmul(x[0], w1) + b1)
    answer = forward(x[0])
    loss = (y[0] - answer) ** 2
    loss.backward()
    gradients = _flat(*map(_grad, (w2, b2, w1, b1)))
    step()
    stepped = _flat(*weights)
    losses = []
    for epoch in range(5000):
        for i in range(4):
            for weight in weights:
                weight.grad = None
            ((y[i] - forward(x[i])) ** 2).backward()
            step()
        if epoch % 1000 == 0 or epoch == 4999:
            losses.append(torch.mean((y - forward(x).squeeze()) ** 2).item())
    trained = tuple(weight.detach().clone() for weight in weights)
    shown = _flat(hidden), answer.item(), loss.item(), gradients, stepped
    return Xor(*shown, tuple(losses), trained, _flat(forward(x)))


def _grad(leaf: torch.Tensor) -> torch.Tensor:
    assert leaf.grad is not None
    return leaf.grad


def _flat(*tensors: torch.Tensor) -> tuple[float, ...]:
    return tuple(number for tensor in tensors for number in tensor.detach().flatten().tolist())


def _pick(rows: list[tuple[float, float, float]], column: int, each: int = 1) -> list[float]:
    return [row[column] for row in rows[::each]]


# --- where each cell went

F_OF_5 = 5.0
"""What the notebooks ask of their line in the end: its value at 5."""

NUMPY_W = (
    1.200, 1.680, 1.872, 1.949, 1.980, 1.992, 1.997, 1.999, 1.999, 2.000, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
)  # fmt: skip
NUMPY_LOSS = (
    30, 4.79999924, 0.76800019, 0.12288000, 0.01966083, 0.00314570, 0.00050332, 0.00008053, 0.00001288, 0.00000206,
    0.00000033, 0.00000005, 0.00000001, 0, 0, 0, 0, 0, 0, 0,
)  # fmt: skip
NUMPY_GRADIENT = (
    -120, -48, -19.2, -7.680, -3.072, -1.229, -0.492, -0.197, -0.079, -0.031, -0.013, -0.005, -0.002, -0.001,
    0, 0, 0, 0, 0, 0,
)  # fmt: skip
TORCH_W = (0.300, 1.665, 1.934, 1.987, 1.997, 1.999, 2.000, 2.000, 2.000, 2.000)
TORCH_LOSS = (30, 1.16278565, 0.04506890, 0.00174685, 0.00006770, 0.00000262, 0.00000010, 0, 0, 0)
TORCH_GRADIENT = (-30, -5.906, -1.163, -0.229, -0.045, -0.009, -0.002, 0, 0, 0)

CELLS: tuple[Cell, ...] = (
    Cell("000", "In [1]", FORWARD, "import torch"),
    Cell("000", "In [21]", BACKWARD, "w.grad == -2.0", (1, -2), 0, one_weight),
    Cell("000", "In [3]", BY_HAND, "import numpy as np"),
    Cell(
        "000", "In [22]: w", BY_HAND, "total[20] ≈ 2.0000", NUMPY_W, 3,
        lambda: _pick(line_by_hand(20), 0),
    ),
    Cell("000", "In [22]: loss", BY_HAND, "loss_at(0.0) == 30.0", NUMPY_LOSS, 8, lambda: _pick(line_by_hand(20), 1)),
    Cell(
        "000", "In [22]: f(5)", BY_HAND, "predict(5, 0.0) == 0.0", (0, 10), 3,
        lambda: (F_OF_5 * 0, F_OF_5 * line_by_hand(20)[-1][0]),
    ),
    Cell(
        "000", "In [20]: w", AUTOGRAD, "weights[1] ≈ 0.3000", TORCH_W, 3,
        lambda: _pick(line_with_autograd(100), 0, 10),
    ),
    Cell(
        "000", "In [20]: loss", AUTOGRAD, "loss == 30.0", TORCH_LOSS, 8,
        lambda: _pick(line_with_autograd(100), 1, 10),
    ),
    Cell(
        "000", "In [20]: f(5)", AUTOGRAD, "prediction for 5", (0, 10), 3,
        lambda: (F_OF_5 * 0, F_OF_5 * line_with_autograd(100)[-1][0]),
    ),
    Cell("001", "1", ONE_STEP, "import torch"),
    Cell("001", "2", ONE_STEP, "targets = torch.tensor([0.0, 1.0, 1.0, 0.0])"),
    Cell("001", "3", ONE_STEP, "w1 = torch.tensor([[0.1, 0.3], [0.2, 0.1]], requires_grad=True)"),
    Cell(
        "001", "4", ONE_STEP, "All four samples", (0.2, 0, 0.5050, 0.2550), 4,
        lambda: (*xor().hidden, xor().answer, xor().loss),
    ),
    Cell(
        "001", "5", ONE_STEP, "w2.grad ≈ [[0.0505], [0.0000]]", (0.0505, 0, 0.2525, 0, 0, 0, 0, 0.0252, 0), 4,
        lambda: xor().gradients,
    ),
    Cell(
        "001", "6", ONE_STEP, "One step", (0.1, 0.3, 0.2, 0.1, 0.1997, -0.2, 0.0995, -0.4, -0.0025), 4,
        lambda: xor().stepped,
    ),
    Cell("001", "7", TRAINED, "def step(x, y, rate=0.01):"),
    Cell(
        "001", "8: losses", TRAINED, "losses[4001] ≈ 0.0255",
        (0.24752041697502136, 0.2040688395500183, 0.13945071399211884, 0.05831518396735191, 0.025512760505080223), 17,
        lambda: xor().losses[:-1],
    ),
    Cell(
        "001", "8: weights", TRAINED, "b1[1] ≈ -2.21",
        (1.6383, 2.2101, 1.6393, 2.2098, -5.1987e-4, -2.2097, 2.2965, -3.8227, -1.5349), 4,
        lambda: _flat(*xor().trained),
    ),
    Cell(
        "001", "8: answers", TRAINED, "answers ≈ (0.177, 0.903, 0.902, 0.079)", (0.1773, 0.9028, 0.9025, 0.0789), 4,
        lambda: xor().answers,
    ),
    Cell("002", "In [1]", BY_HAND, "import numpy as np"),
    Cell(
        "002", "In [2]", BY_HAND, "y = np.array([2, 4, 6, 8], dtype=np.float32)", (1, 2, 3, 4, 2, 4, 6, 8), 0,
        lambda: [*X.tolist(), *(2 * X).tolist()],
    ),
    Cell("002", "In [3]", BY_HAND, "def predict(x, w):"),
    Cell("002", "In [4]", BY_HAND, "def loss_at(w):"),
    Cell("002", "In [5]", BY_HAND, "np.dot(2 * x, predict(x, w) - y).mean()"),
    Cell("002", "In [6]", BY_HAND, "predict(5, 0.0) == 0.0", (0,), 3, lambda: (F_OF_5 * 0,)),
    Cell("002", "In [9]: w", BY_HAND, "total[20] ≈ 2.0000", NUMPY_W[:10], 3, lambda: _pick(line_by_hand(10), 0)),
    Cell(
        "002", "In [9]: loss", BY_HAND, "loss_at(0.0) == 30.0", NUMPY_LOSS[:10], 8,
        lambda: _pick(line_by_hand(10), 1),
    ),
    Cell(
        "002", "In [9]: gradient", BY_HAND, "gradient_two(0.0) == -120.0", NUMPY_GRADIENT[:10], 3,
        lambda: _pick(line_by_hand(10), 2),
    ),
    Cell("002", "In [9]: f(5)", BY_HAND, "prediction for 5", (9.999,), 3, lambda: (F_OF_5 * line_by_hand(10)[-1][0],)),
    Cell("002", "In [10]: w", BY_HAND, "total[20] ≈ 2.0000", NUMPY_W[::2], 3, lambda: _pick(line_by_hand(20), 0, 2)),
    Cell(
        "002", "In [10]: loss", BY_HAND, "loss_at(0.0) == 30.0", NUMPY_LOSS[::2], 8,
        lambda: _pick(line_by_hand(20), 1, 2),
    ),
    Cell(
        "002", "In [10]: gradient", BY_HAND, "gradient_two(0.0) == -120.0", NUMPY_GRADIENT[::2], 3,
        lambda: _pick(line_by_hand(20), 2, 2),
    ),
    Cell("002", "In [10]: f(5)", BY_HAND, "prediction for 5", (10,), 3, lambda: (F_OF_5 * line_by_hand(20)[-1][0],)),
    Cell("002", "In [12]", AUTOGRAD, "import torch"),
    Cell("002", "In [13]", AUTOGRAD, "w = torch.tensor(0.0, requires_grad=True)"),
    Cell("002", "In [14]", AUTOGRAD, "def loss_at(w):"),
    Cell(
        "002", "In [17]: w", AUTOGRAD, "weights[1] ≈ 0.3000",
        (0.300, 0.772, 1.113, 1.359, 1.537, 1.665, 1.758, 1.825, 1.874, 1.909), 3,
        lambda: _pick(line_with_autograd(20), 0, 2),
    ),
    Cell(
        "002", "In [17]: loss", AUTOGRAD, "loss == 30.0",
        (
            30, 15.66018772, 8.17471695, 4.26725292, 2.22753215, 1.16278565, 0.60698116, 0.31684780, 0.16539653,
            0.08633806,
        ),
        8, lambda: _pick(line_with_autograd(20), 1, 2),
    ),
    Cell(
        "002", "In [17]: f(5)", AUTOGRAD, "5 * weights[20] ≈ 9.612", (9.612,), 3,
        lambda: (F_OF_5 * line_with_autograd(20)[-1][0],),
    ),
    Cell(
        "002", "In [19]: w", AUTOGRAD, "weights[1000] ≈ 1.99999964", (0.300, 1.934, 1.997, *[2.000] * 14), 3,
        lambda: _pick(line_with_autograd(1000), 0, 20)[:17],
    ),
    Cell(
        "002", "In [19]: loss", AUTOGRAD, "weights[1000] ≈ 1.99999964",
        (30, 0.04506890, 0.00006770, 0.00000010, *[0] * 13), 8, lambda: _pick(line_with_autograd(1000), 1, 20)[:17],
    ),
    Cell(
        "003", "1: w", PARABOLA, "w ≈ 0.3518437",
        (
            8.0000000, 6.4000001, 5.1199999, 4.0959997, 3.2767997, 2.6214397, 2.0971518, 1.6777214, 1.3421772,
            1.0737417, 0.8589934, 0.6871947, 0.5497558, 0.4398046, 0.3518437,
        ),
        7, lambda: _pick(parabola(), 0),
    ),
    Cell(
        "003", "1: loss", PARABOLA, "w.item() ** 2 == 64.0",
        (
            100, 64, 40.9600029, 26.2143993, 16.7772141, 10.7374163, 6.8719459, 4.3980455, 2.8147490, 1.8014395,
            1.1529212, 0.7378696, 0.4722366, 0.3022314, 0.1934281,
        ),
        7, lambda: _pick(parabola(), 1),
    ),
    Cell(
        "003", "1: gradient", PARABOLA, "w.grad == 20.0",
        (
            20, 16, 12.8000002, 10.2399998, 8.1919994, 6.5535994, 5.2428794, 4.1943035, 3.3554428, 2.6843543, 2.1474833,
            1.7179867, 1.3743894, 1.0995115, 0.8796092,
        ),
        7, lambda: _pick(parabola(), 2),
    ),
    Cell("003", "2: w", BY_HAND, "total[20] ≈ 2.0000", NUMPY_W, 3, lambda: _pick(line_by_hand(20), 0)),
    Cell(
        "003", "2: loss", BY_HAND, "loss_at(0.0) == 30.0",
        (30, 4.80000067, 0.76800019, 0.12288000, 0.01966083, 0.00314574, *NUMPY_LOSS[6:]), 8,
        lambda: _pick(line_by_hand(20), 1),
    ),
    Cell(
        "003", "2: gradient", BY_HAND, "gradient_two(0.0) == -120.0", NUMPY_GRADIENT, 3,
        lambda: _pick(line_by_hand(20), 2),
    ),
    Cell("003", "2: input()", MODULE, "def predict(number):"),
    Cell(
        "003", "In [20]: w", AUTOGRAD, "weights[1] ≈ 0.3000", TORCH_W, 3,
        lambda: _pick(line_with_autograd(100), 0, 10),
    ),
    Cell(
        "003", "In [20]: loss", AUTOGRAD, "loss == 30.0", TORCH_LOSS, 8,
        lambda: _pick(line_with_autograd(100), 1, 10),
    ),
    Cell(
        "003", "In [20]: gradient", AUTOGRAD, "gradients[0] == -30.0", TORCH_GRADIENT, 3,
        lambda: _pick(line_with_autograd(100), 2, 10),
    ),
    Cell(
        "003", "In [27]: w", MODULE, "ladder[0] ≈ (0.750, 0.750, 0.750, 0.750)",
        (
            0.750, 1.388, 1.929, 2.390, 2.781, 3.114, 3.397, 3.638, 3.842, 4.016, 4.163, 4.289, 4.395, 4.486, 4.563,
            4.629, 4.684, 4.732, 4.772, 4.806, 4.835,
        ),
        3, lambda: _pick(line_with_autograd(21, 5.0), 0),
    ),
    Cell(
        "003", "In [27]: loss", MODULE, "loss == 187.5",
        (
            187.5, 135.46875, 97.87616730, 70.71553040, 51.09196854, 36.91394043, 26.67032433, 19.26930809, 13.92207718,
            10.05869961, 7.26741409, 5.25070572, 3.79363537, 2.74090099, 1.98030066, 1.43076599, 1.03372908, 0.74686909,
            0.53961229, 0.38987094,
        ),
        8, lambda: _pick(line_with_autograd(20, 5.0), 1),
    ),
    Cell(
        "003", "In [27]: gradient", MODULE, "w.grad == -75.0",
        (
            -75, -63.75, -54.188, -46.059, -39.150, -33.278, -28.286, -24.043, -20.437, -17.371, -14.766, -12.551,
            -10.668, -9.068, -7.708, -6.552, -5.569, -4.734, -4.023, -3.420,
        ),
        3, lambda: _pick(line_with_autograd(20, 5.0), 2),
    ),
    Cell("004", "In [2]", FORWARD, "import torch"),
    Cell("004", "In [5]", FORWARD, "loss == 1.0", (1,), 0, lambda: one_weight()[:1]),
    Cell("004", "In [6]", BACKWARD, "w.grad == -2.0", (-2,), 0, lambda: one_weight()[1:]),
    Cell("004", "In [30]", VECTOR, "x = torch.tensor([2.0, 3.0, 1.0])"),
    Cell("004", "In [31]", VECTOR, "y_hat == 7.0", (7, 16), 0, lambda: (vector()[0].y_hat, vector()[0].loss)),
    Cell("004", "In [32]", VECTOR, "w.grad == (16.0, 24.0, 8.0)", (16, 24, 8), 0, lambda: vector()[0].grad),
    Cell("004", "In [42]", VECTOR, "w -= rate * w.grad"),
    Cell("004", "In [43]", VECTOR, "right[1] / right[0] ≈ 0.5184", (0.84, 0.76, 1.92), 4, lambda: vector()[0].w),
    Cell("004", "In [44]", VECTOR, "5.88", (5.88, 8.2944), 4, lambda: (vector()[1].y_hat, vector()[1].loss)),
    Cell("004", "In [45]", VECTOR, "16 + 11.52 ≈ 27.52", (27.52, 41.28, 13.76), 4, lambda: vector()[1].grad),
    Cell("004", "In [46]", VECTOR, "not emptied", (0.5648, 0.3472, 1.7824), 4, lambda: vector()[1].w),
    Cell(
        "004", "In [47]", VECTOR, "wrong ≈ [16.000, 8.294, 0.909, 1.537, 9.524]", (3.9536, 0.9094), 4,
        lambda: (vector()[2].y_hat, vector()[2].loss),
    ),
    Cell("004", "In [48]", VECTOR, "not emptied", (31.3344, 47.0016, 15.6672), 4, lambda: vector()[2].grad),
    Cell("004", "In [49]", VECTOR, "not emptied", (0.2515, -0.1228, 1.6257), 4, lambda: vector()[2].w),
    Cell(
        "004", "In [50]", VECTOR, "wrong ≈ [16.000, 8.294, 0.909, 1.537, 9.524]", (1.7602, 1.5371), 4,
        lambda: (vector()[3].y_hat, vector()[3].loss),
    ),
    # what is taught in words between the cells
    Cell("000", "its headings", LOCAL, "local gradient"),
    Cell("002", "the promised step 3", OPTIMIZER, "torch.optim.SGD"),
    Cell("002", "the promised step 4", MODULE, "class Line(nn.Module):"),
    Cell("003", "what is what", PARABOLA, "Backpropagation finds the gradient. Descent takes the step"),
    Cell("003", "the pipeline in its comments", MODULE, "A module"),
    Cell("004", "the loss as a curve, which has no figure", NUDGE, "tangent(weights, losses"),
    Cell("004", "step 2 and its missing figure", LOCAL, "2 * error == -2.0"),
    Cell("004", "step 3 and its missing figure", BACKWARD, 'rec.figure(direction="down")'),
)  # fmt: skip


def loss_at(w: float) -> float:
    """Give the mean squared error of the line on targets 2x."""
    return float(((w * X - 2 * X) ** 2).mean())


def nudged() -> float:
    """Give the numerical gradient of the line's loss at 0, in double precision."""
    x = X.astype(np.float64)
    up, down = (((w * x - 2 * x) ** 2).mean() for w in (1e-4, -1e-4))
    return float((up - down) / 2e-4)


def slope_at_three() -> float:
    """Give the gradient of (w x - y)^2 at w = 3, where x = 1 and y = 2."""
    w = torch.tensor(3.0, requires_grad=True)
    ((w * 1.0 - 2.0) ** 2).backward()
    return _grad(w).item()


def error_of_autograd() -> float:
    """Give how far autograd is from the true gradient of the line's loss at 1, which is -15."""
    w = torch.tensor(1.0, requires_grad=True)
    x = torch.from_numpy(X)
    ((w * x - 2 * x) ** 2).mean().backward()
    return abs(_grad(w).item() + 15)


WRONG: tuple[Wrong, ...] = (
    Wrong(
        ("000", "002", "003"), -120, "a dot product has added up already, so `.mean()` does nothing", -30, nudged,
        BY_HAND, "gradient_one(0.0) == -30.0",
    ),
    Wrong(
        ("000", "002", "003"), 30, "printed beside w = 1.200, and belongs to w = 0", 4.8, lambda: loss_at(1.2),
        MISTAKES, "loss_at(1.2) ≈ 4.800",
    ),
    Wrong(
        ("003",), 100, "printed beside w = 8, and belongs to w = 10", 64, lambda: parabola()[1][1],
        PARABOLA, "w.item() ** 2 == 64.0",
    ),
    Wrong(
        ("002",), 0, "the gradient that In [17] and In [19] print is left over from the loop before", -30,
        lambda: line_with_autograd(1)[0][2], MISTAKES, "w.grad == -30.0",
    ),
    Wrong(
        ("002",), 0, '"by iteration 15, the loss is completely 0"', 2.2e-10, lambda: line_by_hand(15)[-1][1],
        MISTAKES, "losses[14] ≈ 0.00000000022",
    ),
    Wrong(
        ("002",), 2, '"the w is now correct": it stands still before it', 1.99999964,
        lambda: line_with_autograd(1000)[-1][0], AUTOGRAD, "weights[1000] ≈ 1.99999964",
    ),
    Wrong(
        ("002",), 0.46, '"backpropagation is not as exact as numerical gradient computation"', 0, error_of_autograd,
        AUTOGRAD, "by_autograd == -15.0",
    ),
    Wrong(
        ("004",), 27.52, "the gradient was not emptied, so it holds 16 from the round before", 11.52,
        lambda: vector(empty=True)[1].grad[0], VECTOR, "11.52",
    ),
    Wrong(
        ("004",), 0.9094, "the loss after two steps along gradients that were not emptied", 4.2998,
        lambda: vector(empty=True)[2].loss, VECTOR, "right ≈ [16.000, 8.294, 4.300, 2.229, 1.156]",
    ),
    Wrong(
        ("004",), 1.5371, "likewise, after three steps", 2.2290, lambda: vector(empty=True)[3].loss,
        VECTOR, "right ≈ [16.000, 8.294, 4.300, 2.229, 1.156]",
    ),
    Wrong(
        ("004",), -2, '"the gradient is equal to -2x": only where wx - y is -1', 2, slope_at_three,
        BACKWARD, "w.grad == 2.0",
    ),
    Wrong(
        ("001",), 0.025512760505080223, "the last loss printed is that of epoch 4001", 0.0142, lambda: xor().losses[-1],
        TRAINED, "losses[5000] ≈ 0.0142",
    ),
)  # fmt: skip


def close(shown: float, found: float, decimals: int = 17, scale: float | None = None) -> bool:
    """Tell whether a figure is found again: to 1e-5 of its size, or of `scale`, and to half its last decimal."""
    size = abs(shown) if scale is None else scale
    return abs(shown - found) <= 1e-5 * size + 0.5000001 * 10.0**-decimals


def misses(cell: Cell) -> Iterator[str]:
    """List the figures of a cell that its program does not print again."""
    found = [] if cell.program is None else list(cell.program())
    if len(found) != len(cell.printed):
        yield f"{len(cell.printed)} figures, and {len(found)} were found"
    for shown, again in zip(cell.printed, found, strict=False):
        if not close(shown, again, cell.decimals):
            yield f"{shown} is {again}"
