"""Check what the prose of a page says in numbers.

What prose claims is written as a comparison in code font (`loss == 1.0`, `w ≈ 1.922`). The page is run block
by block, and each claim is evaluated where it stands; those in the opening text after the last block. Every
other number in prose, in maths, in plain code font and in the comments of the code has to be held by one of
those claims, by the page's own code, by what it prints (rounded as the prose has it), or by a derivation of the
page's recordings: none goes stale in silence.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Context, Decimal

from tests.support import claims
from tests.support.markup import Span, spans
from tests.support.pages import Block, Namespace, Page, run

_PRODUCTS = "Python|PyTorch|NumPy|Matplotlib|Jupyter|JupyterLab|Sphinx|KaTeX|CUDA|[Vv]ersions?"
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_UNCLAIMED = re.compile(
    rf"""
      \b(?:{_PRODUCTS})\s+\d+(?:\.\d+)*(?:\s+(?:and|or|to)\s+\d+(?:\.\d+)+)?  # a version
    | \b\d{{4}}-\d\d-\d\d\b  # a date
    | \b(?:\d\d?\s+)?(?:{_MONTHS})(?:\s+\d\d?,)?\s+\d{{4}}\b
    | (?:\b(?:[Ii]n|since|until|of|by)\s+|[(,]\s*)(?:1[6-9]|20)\d\d(?=\s*[).,;:]|\s+[A-Z]|\s*$)  # a year
    | ^[ >]*(?:[-*][ ]+)?\d+[.)](?=\s)  # the number of an item or a heading
    | ^\#+[ ]+\d+(?:\.\d+)*\.?(?=\s)
    | \[\^?\d+\]_?  # a footnote
    | \b[Ll]ines?\s+\d+(?:\s+(?:and|to)\s+\d+)*  # a line of code, which bears that number
    | \b[Rr]eading\ time:\s+\d+\s+minutes
    """,
    re.VERBOSE | re.MULTILINE,
)
"""Digits that claim nothing."""
_NUMBER = re.compile(
    r"(?:(?<![\w)\]])(?P<minus>[-−]))?(?<!\w)"
    r"(?P<digits>(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)(?P<power>[eE][-+]?\d+)?(?P<percent>\s?%)?"
)
_LATEX_NUMBER = re.compile(r"(?P<minus>(?<![^(\[{=<>,&/+·])-)?(?<![\d.])(?P<digits>\d+(?:\.\d+)?(?:e-?\d+)?)")
_LATEX: tuple[tuple[str, str], ...] = (
    (r"_\{[^{}]*\}|_\w", " "),  # a subscript belongs to a name
    (r"\d+(?:\.\d+)?\s*(?:pt|em|ex|px|mu)\b", " "),  # a length
    (r"\\(?:left|right|[bB]igg?[lr]?)(?![a-zA-Z])", ""),
    (r"(?<=\d)(?:\{,\}|\\,)(?=\d{3})", ""),
    (r"\s*\\(?:times|cdot)\s*10\s*\^\s*(?:\{\s*(-?\d+)\s*\}|(\d))", r"e\1\2"),
    (r"(?<!\d)10\s*\^\s*\{\s*(-\d+)\s*\}", r"1e\1"),
    (r"\\(?:[,;:!\\ ]|(?:times|cdot|approx|to|leq?|geq?|neq?|q?quad|Rightarrow)(?![a-zA-Z]))", "·"),
    (r"\\[a-zA-Z]+", "x"),
    (r"\s*([-−])\s*", "-"),
)
"""How LaTeX is made plain, to tell a sign from a difference: operators become `·`, other commands `x`."""


@dataclass(frozen=True)
class Number:
    """Hold a number as it stands in a text: its value, its own characters, and where they start."""

    value: Decimal
    text: str
    start: int

    @property
    def is_whole(self) -> bool:
        """Tell a whole number from a decimal, a power of ten or a percentage."""
        return not re.search(r"[.eE%]", self.text)


@dataclass(frozen=True)
class Report:
    """Hold what came of checking a page."""

    failures: tuple[str, ...]
    """Each with file, line, the words, and what is wrong with them."""
    unnoticed: tuple[str, ...]
    """Claims that would hold just as well with another digit, which therefore claim less than they show."""
    claims: int
    """How many claims were evaluated."""
    printed: str
    """What the page's code prints."""
    namespace: Namespace
    """What it leaves behind."""


def check(page: Page, latex_of: Callable[[Namespace], Iterable[str]] = lambda _: ()) -> Report:
    """Run a page and check every number in it; `latex_of` gives the formulas that its objects vouch for."""
    texts = {block: spans(block.text, page.markup, block.line) for block in page.blocks if block.kind == "text"}
    # without a formula nothing is looked up in those that are derived, of which large recordings have hundreds
    maths = [span.text for found in texts.values() for span in found if span.kind == "math"]
    in_maths = any(any(numbers_in_latex(text)) for text in maths)
    seen = _Seen()

    def at_text(block: Block, namespace: Namespace) -> None:
        seen.namespace = namespace
        if in_maths:
            seen.derived.update(number.value for latex in latex_of(namespace) for number in numbers_in_latex(latex))
        for span in texts[block]:
            seen.read(span)

    printed = run(page, at_text)
    coded = set().union(*(claims.numbers_in(block.text) for block in page.code))
    shown = {number.value for number in numbers_in_prose(printed)}
    unchecked = [*seen.failures]
    for span in seen.plain:
        match span.kind:
            case "prose":
                unchecked.extend(_unchecked_in_prose(span, seen.claimed | coded, shown))
            case "math":
                unchecked.extend(_unchecked_in_maths(span, seen.claimed | seen.derived))
            case "code" | "listing":
                unchecked.extend(_unchecked_in_plain_code(span, seen.claimed | coded))
    for block in page.code:
        unchecked.extend(_unchecked_in_code(block, seen.claimed))
    failures, unnoticed = (
        tuple(f"{page.path}:{line}: {message}" for line, message in found)
        for found in (sorted(unchecked), seen.unnoticed)
    )
    return Report(failures, unnoticed, seen.count, printed, seen.namespace)


@dataclass
class _Seen:
    """Hold what was read of a page so far: what its claims came to, and what is checked once all are known."""

    failures: list[tuple[int, str]] = field(default_factory=list)
    unnoticed: list[tuple[int, str]] = field(default_factory=list)
    claimed: set[Decimal] = field(default_factory=set)
    derived: set[Decimal] = field(default_factory=set)
    plain: list[Span] = field(default_factory=list)
    count: int = 0
    namespace: Namespace = field(default_factory=dict)

    def read(self, span: Span) -> None:
        """Evaluate a claim where it stands, and with each of its digits changed; keep what is none."""
        try:
            claim = claims.parse(span.text) if span.kind == "code" else None
        except claims.ClaimError as error:
            self.failures.append((span.line, f"`{span.text}` {error}."))
            return
        if claim is None:
            self.plain.append(span)
            return
        self.count += 1
        self.claimed |= claim.numbers
        if failure := claim.failure(self.namespace):
            self.failures.append((span.line, f"`{span.text}` {failure}."))
            return
        for other in claim.with_a_digit_changed():
            if other.failure(self.namespace) is None:
                advice = f"`{span.text}` holds, and so does `{other}`. Show fewer digits."
                self.unnoticed.append((span.line, advice))


def numbers_in_prose(text: str) -> Iterator[Number]:
    """Find the numbers that claim something: all but versions, dates, the numbers of items and headings."""
    text = _UNCLAIMED.sub(lambda match: re.sub(r"\S", " ", match.group()), text)
    for match in _NUMBER.finditer(text):
        value = Decimal(match["digits"].replace(",", "") + (match["power"] or ""))
        if match["percent"]:
            value /= 100
        yield Number(-value if match["minus"] else value, match.group(), match.start())


def numbers_in_latex(latex: str) -> Iterator[Number]:
    """Find the numbers in a formula, each with its sign; the minus of a difference is none."""
    for pattern, plain in _LATEX:
        latex = re.sub(pattern, plain, latex)
    for match in _LATEX_NUMBER.finditer(latex):
        value = Decimal(match["digits"])
        yield Number(-value if match["minus"] else value, match.group().strip(), match.start())


def _unchecked_in_prose(span: Span, held: set[Decimal], printed: set[Decimal]) -> Iterator[tuple[int, str]]:
    """Find the numbers in prose that neither a claim, nor the code, nor an output holds."""
    for number in numbers_in_prose(span.text):
        if _held(number.value, held) or _held(number.value, {_rounded(each, number.value) for each in printed}):
            continue
        advice = f"Print it, or write it as a comparison in code font, such as ``loss == {number.value}``"
        advice += ", or a small count as a word." if number.is_whole else "."
        line = span.line + span.text.count("\n", 0, number.start)
        yield line, f"{number.text} stands in prose, and nothing checks it. {advice}"


def _rounded(value: Decimal, like: Decimal) -> Decimal:
    """Return a number with as many digits after the point as another has."""
    return value.quantize(like, context=Context(prec=800))


def _unchecked_in_maths(span: Span, derived: set[Decimal]) -> Iterator[tuple[int, str]]:
    """Find the numbers in a formula that stand neither in a derivation nor in a claim."""
    formula = " ".join(span.text.split())
    for number in numbers_in_latex(span.text):
        if not _held(number.value, derived):
            advice = "Show what a recording derives, or repeat the number in a comparison in code font."
            yield span.line, f"nothing checks {number.text} in the formula `{formula}`. {advice}"


def _unchecked_in_plain_code(span: Span, coded: set[Decimal]) -> Iterator[tuple[int, str]]:
    """Find the numbers in code font and listings that the page neither computes with nor compares to."""
    where = f"`{span.text}`" if span.kind == "code" else "a listing"
    for value in sorted(claims.numbers_in(span.text) | {number.value for number in _decimals(span.text)}):
        if not _held(value, coded):
            advice = f"If it is a result, say of what, such as ``loss == {value}``; else use a number of the page."
            yield span.line, f"{where} shows {value}, which is neither in the code nor in a claim. {advice}"


def _unchecked_in_code(block: Block, claimed: set[Decimal]) -> Iterator[tuple[int, str]]:
    """Find the decimals in comments and strings that stand neither in the code around them nor in a claim."""
    held = claimed | claims.numbers_in(block.text)
    for line, text in (*_comments(block.text), *_strings(block.text)):
        for number in _decimals(text):
            if not _held(number.value, held):
                advice = "Leave the number to the code, or repeat it in a comparison in prose."
                yield (
                    block.line + line - 1,
                    f"{text.strip()!r} shows {number.text}. Nothing checks it. {advice}",
                )


def _decimals(text: str) -> Iterator[Number]:
    return (number for number in numbers_in_prose(text) if not number.is_whole)


def _comments(code: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _strings(code: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(code)
    formats = {
        part
        for node in ast.walk(tree)
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None
        for part in ast.walk(node.format_spec)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in formats:
            yield node.lineno, node.value


def _held(value: Decimal, numbers: set[Decimal]) -> bool:
    """Tell whether a number is among those that are checked; without a sign it may be the size of one."""
    return value in numbers or (value > 0 and -value in numbers)
