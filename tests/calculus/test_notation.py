"""Text: numbers, shapes and names as every view writes them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.calculus.notation import derivative, described, number, numbers, shape
from chainrule.trace import Snapshot


@given(st.floats(-1e300, 1e300) | st.integers(-(10**9), 10**9).map(lambda n: n / 10**5))
def test_a_number_keeps_four_digits(x: float) -> None:
    """What is written reads back to the number, up to four significant digits, in at most eleven characters."""
    assert float(number(x)) == pytest.approx(x, rel=5.1e-4, abs=0)
    assert len(number(x)) <= 11


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_has_no_zeros_to_spare(x: float) -> None:
    """Nothing ends in a decimal point or in zeros behind one, and nothing is minus zero."""
    mantissa = number(x).split("e")[0]
    assert "." not in mantissa or mantissa[-1] not in ".0"
    assert number(x) != "-0"


@pytest.mark.parametrize(
    ("x", "written"),
    [
        (True, "True"),
        (7, "7"),
        (np.int64(12345678), "12345678"),
        (2 / 3, "0.6667"),
        (1234.56, "1235"),
        (-0.0, "0"),
        (9.99996, "10"),
        (999999.6, "1000000"),
        (1e6, "1e6"),
        (-1.5e-7, "-1.5e-7"),
        (5e-324, "4.941e-324"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (1 + 2j, "1+2j"),
        (complex(0.5, -math.inf), "0.5-infj"),
    ],
)
def test_numbers_of_every_kind(x: complex, written: str) -> None:
    """Booleans, integers, tiny, huge, complex and not finite numbers all have a form."""
    assert number(x) == written


def snapshot(*data: object) -> Snapshot:
    """Hold an array as a trace would."""
    array = np.asarray(data[0] if len(data) == 1 else data)
    return Snapshot(array.shape, str(array.dtype), array)


@pytest.mark.parametrize(
    ("tensor", "written"),
    [
        (None, "not known"),
        (snapshot(2.0), "2"),
        (snapshot([True, False]), "[True, False]"),
        (snapshot(np.zeros((0, 3))), "[]"),
        (snapshot(np.arange(10.0)), "(10,) from 0 to 9"),
        (snapshot(np.full(10, 1j)), "(10,)"),
        (snapshot(np.array([1.0] * 9 + [np.nan])), "(10,) from nan to nan"),
        (Snapshot((5, 5), "float32"), "(5, 5)"),
        (Snapshot((), "float32"), "scalar"),
        (Snapshot((5000,), "complex64", statistics={"norm": 2.0}), "(5000,)"),
    ],
)
def test_tensors_of_every_kind(tensor: Snapshot | None, written: str) -> None:
    """Small tensors are written out, large ones described, and what is not known is said to be so."""
    assert numbers(tensor) == written
    assert shape(()) == "scalar"


@pytest.mark.parametrize(
    ("above", "below", "written"),
    [("loss", "w", "dloss/dw"), ("loss#2", "self.w", "dloss#2/dself.w"), ("a + b", "x[0]", "d(a + b)/d(x[0])")],
)
def test_derivatives_as_text(above: str, below: str, written: str) -> None:
    """What is not a plain name stands in parentheses."""
    assert derivative(above, below) == written


@pytest.mark.parametrize("text", ["[[], [], [], []]", "x[1, 2, 3, 4,]", "x[[1, 2], [3], [4]]", "x[01, 2, 3, 4]"])
def test_what_only_looks_like_numbers_is_not_described(text: str) -> None:
    """An array without entries, and code of the user's in a name, stand as they are where there is little room."""
    assert described(text) == text
