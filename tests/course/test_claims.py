"""Claims: comparisons in code font, read and evaluated."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support import claims

NAMESPACE: dict[str, Any] = {
    "torch": torch,
    "w": 1.92213,
    "loss": torch.tensor(0.36),
    "error": torch.tensor(-1.0),
    "slope": torch.tensor([16.0, 8.2874, 8.0]),
    "table": np.array([[1, 2], [3, 4]]),
    "half": np.float32(0.1),
    "losses": [1.0, 0.36],
    "rate": 0.1,
    "steps": 20,
    "name": "loss#2",
    "nothing": None,
    "tiny": 1.24e-10,
    "nan": float("nan"),
    "inf": float("inf"),
}

HOLD = [
    "w ≈ 1.922",
    "w ≈ 2",
    "1.92 ≈ w",
    "-w ≈ -1.922",
    "tiny ≈ 1.2e-10",
    "loss ≈ 0.3600",
    "slope ≈ (16.0, 8.29, 8)",
    "slope ≈ [16.000, 8.287, 8.0]",
    "losses ≈ (1, 0.4)",
    "table ≈ ((1, 2), (3, 4))",
    "slope * 0 ≈ 0.0",
    "loss == 0.36",
    "0.36 == loss",
    "error == -1",
    "2 * error == -2.0",
    "slope[::2] == (16, 8)",
    "slope.shape == (3,)",
    "table == [[1, 2], [3, 4]]",
    "slope * 0 == 0",
    "half == 0.1",
    "losses == [1.0, 0.36]",
    "losses == (1.0, 0.36)",
    "steps == 20 == 2 * 10",
    "name == 'loss#2'",
    "slope != (16, 8, 8)",
    "losses[:1] != (1.0, 0.36)",
    "0 < loss < 1",
    "slope > 7",
    "20 >= steps",
    "8.0 in slope",
    "3 not in (1, 2)",
    "nothing is None",
    "rate is not None",
    "rate = 0.1",
    "loss = 0.36",
    "steps = 20",
    "name = 'loss#2'",
    "error, steps = -1.0, 20",
    "steps\n    ==  20",
]
"""Claims that are true in the namespace above."""

FAIL = {
    "w ≈ 1.923": "w is 1.92213",
    "w ≈ 1.91": "w is 1.92213",
    "slope ≈ (16.0, 8.28, 8)": "slope is [16.0, 8.2874",
    "slope ≈ (16.0, 8.29)": "slope is",
    "slope ≈ 8.0": "slope is",
    "losses ≈ 1": "losses is [1.0, 0.36]",
    "name ≈ 2": "name is 'loss#2'",
    "nan ≈ 1": "nan is nan",
    "inf ≈ 1": "inf is inf",
    "loss == 0.37": "loss is 0.36",
    "error == 1.0": "error is -1.0",
    "slope == (16, 8)": "slope is",
    "losses[:1] == 1.0": "losses[:1] is [1.0]",
    "losses[:1] ≈ 1.0": "losses[:1] is [1.0]",
    "slope[::2] == (8, 16)": "slope[::2] is [16.0, 8.0]",
    "w == 1.922": "w is 1.92213",
    "slope != slope": "slope is",
    "slope > 8": "slope is",
    "1 < loss < 2": "loss is 0.36",
    "rate = 0.12": "rate is 0.1",
    "steps = 21": "steps is 20",
    "error, steps = -1.0, 21": "error, steps is (tensor(-1.), 20)",
    "2 == 3": "does not hold",
    "weight == 1.0": "cannot be evaluated here: NameError: name 'weight' is not defined",
    "slope > (1, 2)": "cannot be evaluated here: TypeError",
}
"""Claims that are false there, and what the failure has to say."""

PLAIN = [
    "w",
    "loss.backward()",
    "loss = error**2",
    "w.grad = None",
    "keep='all'",
    "rate=0.1",
    "examples/1_one_weight/10_nudge.py",
    "make html",
    "0.36",
    "-2",
    "lambda x: x == 2",
    "torch.equal(a, b)",
    "with chainrule.record() as rec:",
]
"""Code font that claims nothing."""

UNREADABLE = {
    "a ≈ 1.0 ≈ b": "more than one",
    "a ≈ b": "shows no digits",
    "a ≈ ": "cannot be read",
    "0 < a ≈ 1": "mixes",
    "dloss/dw = -2": "is no Python",
    "loss == −1": "is no Python",
    "if loss == 1:": "is no Python",
    "a == 1 and b == 2": "each in code font of its own",
    "not a == 1": "write the one that holds",
}
"""Code font that looks like a claim, and what its author is told."""


def parsed(text: str) -> claims.Claim:
    """Read a text that is a claim."""
    claim = claims.parse(text)
    assert claim is not None
    return claim


@pytest.mark.parametrize("text", HOLD)
def test_what_is_true_holds(text: str) -> None:
    """A true comparison holds, whether its values are numbers, tensors, arrays, lists or strings."""
    assert parsed(text).failure(NAMESPACE) is None


@pytest.mark.parametrize(("text", "message"), FAIL.items())
def test_what_is_false_fails(text: str, message: str) -> None:
    """A false comparison fails, and the message has the values of both sides that are not digits."""
    assert message in (parsed(text).failure(NAMESPACE) or "")


@pytest.mark.parametrize("text", PLAIN)
def test_plain_code_is_no_claim(text: str) -> None:
    """Names, calls, statements and keywords claim nothing."""
    assert claims.parse(text) is None


@pytest.mark.parametrize(("text", "message"), UNREADABLE.items())
def test_what_only_looks_like_a_claim_is_refused(text: str, message: str) -> None:
    """What cannot be evaluated is refused with advice, and never passed over."""
    with pytest.raises(claims.ClaimError, match=message):
        claims.parse(text)


@pytest.mark.parametrize("text", [text for text in HOLD if "table" not in text])
def test_a_changed_digit_makes_a_true_claim_false(text: str) -> None:
    """Whichever digit of a claimed number is changed, the claim fails."""
    claim = parsed(text)
    assert [str(other) for other in claim.with_a_digit_changed() if other.failure(NAMESPACE) is None] == []


def test_every_digit_is_changed_in_turn() -> None:
    """A changed digit is tried at each place of each claimed number, and in bounds and in code at none."""
    changed = [str(claim) for claim in parsed("w[0] ≈ (1.9, -20)").with_a_digit_changed()]
    assert changed == ["w[0] ≈ (2.9, -20)", "w[0] ≈ (1.8, -20)", "w[0] ≈ (1.9, -30)", "w[0] ≈ (1.9, -21)"]
    assert list(parsed("w < 2.5").with_a_digit_changed()) == []


def test_a_claim_changes_nothing() -> None:
    """Evaluating a claim leaves the page's namespace as it was."""
    namespace: dict[str, Any] = {"w": 1}
    assert parsed("(w := 2) == 2").failure(namespace) is None
    assert namespace == {"w": 1}


@given(st.floats(-1e12, 1e12), st.integers(0, 6))
def test_a_printed_float_holds_until_a_digit_changes(value: float, places: int) -> None:
    """`≈` holds for whatever Python prints of a float, with any number of places, and for no other digits."""
    claim = parsed(f"value ≈ {value:.{places}f}")
    assert claim.failure({"value": value}) is None
    assert all(other.failure({"value": value}) for other in claim.with_a_digit_changed())


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 8))
def test_a_float_printed_as_a_power_holds_until_a_digit_changes(value: float, places: int) -> None:
    """`≈` holds for scientific notation just as well, from the smallest float to the largest."""
    assume(value != 0)
    claim = parsed(f"value ≈ {value:.{places}e}")
    assert claim.failure({"value": value}) is None
    assert all(other.failure({"value": value}) for other in claim.with_a_digit_changed())


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float32_equals_its_shortest_digits(value: float) -> None:
    """`==` holds between a float32 tensor and the digits that NumPy prints of it."""
    assert parsed(f"value == {np.float32(value)}").failure({"value": torch.tensor(value)}) is None


@pytest.mark.parametrize(
    ("code", "numbers"),
    [
        ("w = 1.50", {"1.5"}),
        ("f(-2, x[0], y=1e-5)", {"-2", "0", "0.00001"}),
        ("a - 2", {"2"}),
        ("flag = True", set()),
        ("'0.5'  # 0.6", set()),
        ("not python 3", set()),
    ],
)
def test_numbers_of_code_keep_their_sign(code: str, numbers: set[str]) -> None:
    """The numbers in code are its literals, a minus before one counted with it."""
    assert claims.numbers_in(code) == set(map(Decimal, numbers))
