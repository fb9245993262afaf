"""Tell whether a comparison in code font is true: `loss == 1.0`, `w ≈ 1.922`, `rate = 0.1`."""

from __future__ import annotations

import ast
import decimal
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

Written: TypeAlias = "Decimal | list[Written]"
"""A number, or nested numbers, just as they are written."""

_EXACT = decimal.Context(prec=800, rounding=decimal.ROUND_HALF_EVEN)
"""Room for every digit of any float; halves go to the even digit, as they do when Python prints."""


class ClaimError(ValueError):
    """Say that code font looks like a comparison but is none that can be evaluated."""


@dataclass(frozen=True)
class Claim:
    """Hold a comparison: two or more operands, and what is said to hold between each and the next."""

    operands: tuple[str, ...]
    relations: tuple[str, ...]

    def __str__(self) -> str:
        """Write the comparison out again."""
        pairs = zip(self.relations, self.operands[1:], strict=True)
        return " ".join((self.operands[0], *(f"{relation} {operand}" for relation, operand in pairs)))

    def failure(self, namespace: Mapping[str, Any]) -> str | None:
        """Say what is wrong with the claim in this namespace, or `None` if it holds."""
        scope = dict(namespace)
        try:
            values = [eval(f"({operand})", scope) for operand in self.operands]
            held = all(map(self._holds, self.relations, pairwise(self.operands), pairwise(values)))
        except Exception as error:  # whatever the page's own code raises is what we report
            return f"cannot be evaluated here: {type(error).__name__}: {error}"
        if held:
            return None
        sides = [
            f"{operand} is {_shown(value)}"
            for operand, value in zip(self.operands, values, strict=True)
            if written(operand) is None
        ]
        return "does not hold" + (f": {', '.join(sides)}" if sides else "")

    def _holds(self, relation: str, operands: tuple[str, str], values: tuple[Any, Any]) -> bool:
        match relation:
            case "≈":
                digits = [written(operand) for operand in operands]
                return _close(values[0], digits[1]) if digits[1] is not None else _close(values[1], digits[0])
            case "=":
                return _same(*values, single=True)
            case "==" | "!=":
                return _same(*values) is (relation == "==")
            case _:
                answer = eval(f"a {relation} b", dict(zip("ab", values, strict=True)))
                return bool(answer.all() if hasattr(answer, "all") else answer)

    def with_a_digit_changed(self) -> Iterator[Claim]:
        """Make every claim that differs in one digit of a claimed number; a bound (`<`, `!=`) claims none."""
        if not set(self.relations) <= {"≈", "=", "=="}:
            return
        for i, operand in enumerate(self.operands):
            if written(operand) is None:
                continue
            for digit in re.finditer(r"\d", operand):
                other = "8" if digit.group() == "9" else str(int(digit.group()) + 1)
                changed = operand[: digit.start()] + other + operand[digit.end() :]
                yield Claim((*self.operands[:i], changed, *self.operands[i + 1 :]), self.relations)

    @property
    def numbers(self) -> set[Decimal]:
        """Collect the numbers that stand in the claim."""
        return {number for operand in self.operands for number in numbers_in(operand)}


def parse(text: str) -> Claim | None:
    """Read code font as a claim; `None` if it is plain code; `ClaimError` if it only looks like one."""
    text = " ".join(text.split())
    if "≈" in text:
        return _approximate(text)
    try:
        body = ast.parse(text).body
    except SyntaxError:
        if re.search(r"[=!<>]=|\s=\s", text):
            raise ClaimError("is no Python; write it as a comparison, such as `loss == 1.0`") from None
        return None
    match body:
        case [ast.Assign(targets, value)] if re.search(r"\s=\s", text) and _is_binding(targets, value):
            sides = (ast.get_source_segment(text, side) or "" for side in (*targets, value))
            return Claim(tuple(sides), ("=",) * len(targets))
        case [ast.Expr(ast.Compare(left, relations, others))]:
            operands = (ast.get_source_segment(text, side) or "" for side in (left, *others))
            a, b = ast.Name("a"), ast.Name("b")
            return Claim(tuple(operands), tuple(ast.unparse(ast.Compare(a, [by], [b]))[2:-2] for by in relations))
        case [ast.Expr(ast.BoolOp(values=[*parts]))] if any(isinstance(part, ast.Compare) for part in parts):
            raise ClaimError("joins comparisons; write each in code font of its own")
        case [ast.Expr(ast.UnaryOp(op=ast.Not(), operand=ast.Compare()))]:
            raise ClaimError("denies a comparison; write the one that holds")
    return None


def written(source: str) -> Written | None:
    """Read an operand that is nothing but digits: a number, or tuples and lists of numbers. Else `None`."""
    try:
        ast.literal_eval(source)
        found = eval(re.sub(r"\d[\d_]*\.?\d*(?:e[-+]?\d+)?|\.\d+", r"Decimal('\g<0>')", source), {"Decimal": Decimal})
    except (SyntaxError, TypeError, ValueError):  # it is no literal
        return None
    return _listed(found)


def _listed(numbers: Any) -> Written | None:
    if not isinstance(numbers, list | tuple):
        return numbers if isinstance(numbers, Decimal) else None
    found = [_listed(number) for number in numbers]
    return None if None in found else [number for number in found if number is not None]


def numbers_in(source: str) -> set[Decimal]:
    """Collect the numbers that stand in Python code, with their signs; what is no Python has none."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()
    found, signed = set(), set()
    for node in ast.walk(tree):
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value) as inner):
                signed.add(inner)
                found.add(-Decimal(str(+value)))
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                if node not in signed:
                    found.add(Decimal(str(value)))
    return found


def _approximate(text: str) -> Claim:
    sides = tuple(side.strip() for side in text.split("≈"))
    if len(sides) != 2:
        raise ClaimError("has more than one `≈`; write each in code font of its own")
    if any(re.search(r"[=!]=|[<>]", side) for side in sides):
        raise ClaimError("mixes `≈` with another comparison; write each in code font of its own")
    if all(written(side) is None for side in sides):
        raise ClaimError("shows no digits to compare to; write one side in digits, as in `w ≈ 1.922`")
    return Claim(sides, ("≈",))


def _is_binding(targets: list[ast.expr], value: ast.expr) -> bool:
    """Tell `rate = 0.1` from code (`loss = error**2`), and from an instruction (`w.grad = None`)."""
    try:
        literal = ast.literal_eval(value)
    except ValueError:
        return False
    names = all(isinstance(target, ast.Name | ast.Tuple) for target in targets)
    return names or isinstance(literal, int | float | tuple | list)


def _plain(value: Any) -> Any:
    """Turn a tensor or an array into numbers or nested lists, without knowing whose it is."""
    return value.tolist() if hasattr(value, "tolist") else value


def _shown(value: Any) -> str:
    text = repr(_plain(value))
    return text if len(text) <= 200 else text[:200] + " ..."


def _close(value: Any, claimed: Written | None) -> bool:
    """Tell whether a value rounds to the digits shown; one number may stand for a whole tensor."""
    plain = _plain(value)
    if isinstance(claimed, list):
        if not isinstance(plain, list | tuple) or len(plain) != len(claimed):
            return False
        return all(map(_close, plain, claimed))
    if isinstance(plain, list):
        return hasattr(value, "tolist") and all(_close(item, claimed) for item in _flat(plain))
    if claimed is None or not isinstance(plain, int | float) or not math.isfinite(plain):
        return False
    with decimal.localcontext(_EXACT):
        return Decimal(plain).quantize(claimed) == claimed


def _same(left: Any, right: Any, single: bool = False) -> bool:
    """Tell whether two values are equal, element by element.

    A float32 tensor equals the digits that it was made from, as in PyTorch; with `single`, so does anything.
    """
    single = single or any(str(getattr(side, "dtype", "")).endswith("float32") for side in (left, right))
    a, b = _plain(left), _plain(right)
    lists = [isinstance(side, list | tuple) for side in (a, b)]
    if all(lists):
        return len(a) == len(b) and all(_same(x, y, single) for x, y in zip(a, b, strict=True))
    if any(lists):
        several, one = (left, b) if lists[0] else (right, a)
        return hasattr(several, "tolist") and all(_same(x, one, single) for x in _flat(_plain(several)))
    if single and isinstance(a, float) and isinstance(b, float):
        with np.errstate(over="ignore"):
            return bool(np.float32(a) == np.float32(b))
    return bool(a == b)


def _flat(nested: list[Any]) -> Iterator[Any]:
    for item in nested:
        if isinstance(item, list):
            yield from _flat(item)
        else:
            yield item
