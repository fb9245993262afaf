"""Claims: comparisons in code font, read and evaluated."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.support import claims

NAMESPACE: dict[str, Any] = {
    "w": 1.92213,
    "loss": torch.tensor(0.36),
    "error": torch.tensor(-1.0),
    "slope": torch.tensor([16.0, 8.2874, 8.0]),
    "table": np.array([[1, 2], [3, 4]]),
    "half": np.float32(0.1),
    "losses": [1.0, 0.36],
    "rate": 0.1,
    "name": "loss#2",
    "tiny": 1.24e-10,
    "nan": float("nan"),
}

HOLD = """
w ≈ 1.922
w ≈ 2
1.92 ≈ w
-w ≈ -1.922
tiny ≈ 1.2e-10
loss ≈ 0.3600
slope ≈ (16.0, 8.29, 8)
losses ≈ (1, 0.4)
slope * 0 ≈ 0.0
loss == 0.36
2 * error == -2.0
slope[::2] == (16, 8)
slope * 0 == 0
half == 0.1
losses == (1.0, 0.36)
name == 'loss#2'
losses[:1] != (1.0, 0.36)
0 < loss < 1
slope > 7
8.0 in slope
rate is not None
rate = 0.1
error, rate = -1.0, 0.1
"""
"""Claims that are true in the namespace above."""

FAIL = {
    "w ≈ 1.923": "w is 1.92213",
    "slope ≈ (16.0, 8.28, 8)": "slope is [16.0, 8.2874",
    "slope ≈ (16.0, 8.29)": "slope is",
    "slope ≈ 8.0": "slope is",
    "nan ≈ 1": "nan is nan",
    "loss == 0.37": "loss is 0.36",
    "slope == (16, 8)": "slope is",
    "losses[:1] ≈ 1.0": "losses[:1] is [1.0]",
    "w == 1.922": "w is 1.92213",
    "slope > 8": "slope is",
    "1 < loss < 2": "loss is 0.36",
    "rate = 0.12": "rate is 0.1",
    "2 == 3": "does not hold",
    "weight == 1.0": "cannot be evaluated here: NameError: name 'weight' is not defined",
    "slope > (1, 2)": "cannot be evaluated here: TypeError",
}
"""Claims that are false there, and what the failure has to say."""

PLAIN = [
    "w",
    "loss = error**2",
    "w.grad = None",
    "keep='all'",
    "1_one_weight/10_nudge.py",
    "make html",
    "lambda x: x == 2",
]
"""Code font that claims nothing."""

UNREADABLE = {
    "a ≈ 1.0 ≈ b": "more than one",
    "a ≈ b": "shows no digits",
    "a ≈ ": "cannot be read",
    "0 < a ≈ 1": "mixes",
    "dloss/dw = -2": "is no Python",
    "a == 1 and b == 2": "each in code font of its own",
    "not a == 1": "write the one that holds",
}
"""Code font that looks like a claim, and what its author is told."""


def parsed(text: str) -> claims.Claim:
    """Read a text that is a claim."""
    claim = claims.parse(text)
    assert claim is not None
    return claim


@pytest.mark.parametrize("text", HOLD.strip().split("\n"))
def test_what_is_true_holds_until_a_digit_is_changed(text: str) -> None:
    """A true comparison holds, whatever its values are; whichever digit of a claimed number is changed, it fails."""
    claim = parsed(text)
    assert claim.failure(NAMESPACE) is None
    assert [str(other) for other in claim.with_a_digit_changed() if other.failure(NAMESPACE) is None] == []


@pytest.mark.parametrize(("text", "message"), FAIL.items())
def test_what_is_false_fails(text: str, message: str) -> None:
    """A false comparison fails, and the message has the values of both sides that are not digits."""
    assert message in (parsed(text).failure(NAMESPACE) or "")


def test_plain_code_is_no_claim() -> None:
    """Names, calls, statements and keywords claim nothing."""
    assert [claims.parse(text) for text in PLAIN] == [None] * len(PLAIN)


@pytest.mark.parametrize(("text", "message"), UNREADABLE.items())
def test_what_only_looks_like_a_claim_is_refused(text: str, message: str) -> None:
    """What cannot be evaluated is refused with advice, and never passed over."""
    with pytest.raises(claims.ClaimError, match=message):
        claims.parse(text)


def test_every_digit_is_changed_in_turn() -> None:
    """A changed digit is tried at each place of each claimed number, and in bounds and in code at none."""
    changed = [str(claim) for claim in parsed("w[0] ≈ (1.9, -20)").with_a_digit_changed()]
    assert changed == ["w[0] ≈ (2.9, -20)", "w[0] ≈ (1.8, -20)", "w[0] ≈ (1.9, -30)", "w[0] ≈ (1.9, -21)"]
    assert list(parsed("w < 2.5").with_a_digit_changed()) == []


@given(st.floats(-1e12, 1e12).filter(bool), st.integers(0, 6), st.sampled_from("ef"))
def test_a_printed_float_holds_until_a_digit_changes(value: float, places: int, kind: str) -> None:
    """`≈` holds for whatever Python prints of a float, with any number of places, and for no other digits."""
    claim = parsed(f"value ≈ {value:.{places}{kind}}")
    assert claim.failure({"value": value}) is None
    assert all(other.failure({"value": value}) for other in claim.with_a_digit_changed())


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float32_equals_its_shortest_digits(value: float) -> None:
    """`==` holds between a float32 tensor and the digits that NumPy prints of it."""
    assert parsed(f"value == {np.float32(value)}").failure({"value": torch.tensor(value)}) is None


def test_numbers_of_code_keep_their_sign() -> None:
    """The numbers in code are its literals, a minus before one counted with it; strings and comments have none."""
    code = "f(-2, x[0], a - 3, True, '0.5', y=1e-5)  # 0.6"
    assert claims.numbers_in(code) == set(map(Decimal, ("-2", "0", "0.00001", "3")))
