"""Exercises: a question, a field for the answer, and the solution folded away until the reader wants it.

A paragraph that begins with **Exercise.** becomes a box. The code block after it is the solution: it is executed like
any other, and folded away whole, with what it prints or shows and the paragraph that reads it. If the last line that
it prints ends with its only number, that is the answer, and the reader may type a guess: docs/_static/exercise.js
compares it in the page, without a server. A line such as `not -120: sum` names a wrong answer, and the slip behind it.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

from _ext.lessons.predictions import Reveal, begins_with, is_code, outputs, place, reading

logger = logging.getLogger(__name__)

WORD = "Exercise."
SUMMARY = "Solution"
SCRIPT = "exercise.js"
_NUMBER = re.compile(r"(?<![\w.)\]])[-+−]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\w)")
_WRONG = re.compile(rf"not ({_NUMBER.pattern}): (.+)")


class Field(nodes.General, nodes.Element):
    """Hold what the field of an exercise compares a guess with."""


@dataclass(frozen=True)
class Number:
    """Hold a number as it was printed."""

    text: str

    @property
    def value(self) -> float:
        """Read it."""
        return float(self.text.replace("−", "-"))

    @property
    def is_whole(self) -> bool:
        """Tell a count, which is met exactly or not at all."""
        return not re.search(r"[.eE]", self.text)

    @property
    def close(self) -> float:
        """Return how far a guess may be off: half a unit of the last digit that was printed; nothing for a count."""
        if self.is_whole:
            return 0.0
        mantissa, _, power = self.text.lower().partition("e")
        return 0.5 * 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))


@dataclass(frozen=True)
class Wrong:
    """Hold a wrong answer, how close a guess has to be to count as it, and what its reader is told."""

    value: float
    close: float
    says: str


@cache
def sentences() -> Mapping[str, str]:
    """Return the sentence of each slip; the library, and PyTorch with it, is imported when one is asked for."""
    from chainrule.checking.slips import WORDS

    return WORDS


class UnknownSlipError(ValueError):
    """Say that a slip's sentence wants words that a page does not have."""


def answer(printed: str) -> Number | None:
    r"""Return the number that an output ends with, if it is the only one on its line.

    >>> answer("w = 3\nslope -2.0"), answer("1 and 2"), answer("shape (4, 1)"), answer("")
    (Number(text='-2.0'), None, None, None)
    """
    lines = printed.strip().splitlines()
    found = list(_NUMBER.finditer(lines[-1].rstrip())) if lines else []
    if len(found) != 1 or found[0].end() != len(lines[-1].rstrip()):
        return None
    number = Number(found[0].group())
    return number if number.value else Number(number.text.lstrip("-−"))


def wrong_answers(printed: str, right: Number) -> Iterator[Wrong]:
    """Yield the wrong answers that can be told apart from the right one: those printed, then those that are common."""
    for line in printed.splitlines():
        if match := _WRONG.fullmatch(line.strip()):
            number = Number(match[1])
            yield Wrong(number.value, number.close, _sentence(match[2], number.value, right.value))
    if right.value and not right.is_whole:
        from chainrule.checking.slips import BY_SIZE

        for kind, slip in BY_SIZE.items():
            wrong = slip(right.value)
            yield Wrong(wrong, right.close * abs(wrong / right.value), sentences()[kind])


def _sentence(says: str, wrong: float, right: float) -> str:
    """Return a slip's sentence by its name, or what was printed instead of a name."""
    ratio = abs(wrong / right) if says == "sum" and right else abs(right / wrong) if wrong else 0.0
    try:
        return sentences()[says].format(n=f"{ratio:.4g}") if says in sentences() else says
    except KeyError as error:
        raise UnknownSlipError(f"`{says}` needs words of its own here; print the sentence instead") from error


def field(printed: str) -> Field | None:
    """Return the field for what a solution printed, if it ends with a number."""
    right = answer(printed)
    if right is None:
        return None
    wrong = [each for each in wrong_answers(printed, right) if abs(each.value - right.value) > right.close]
    return Field(
        answer=right.text,
        close=right.close,
        none=sentences()["none"],
        wrong=[[each.value, each.close, each.says] for each in wrong],
    )


def solution(document: nodes.document, paragraph: nodes.paragraph) -> nodes.Element | None:
    """Return the code block that answers an exercise: the next one, unless another exercise comes first."""
    passed = False
    for node in document.findall(nodes.Element):
        if passed and isinstance(node, nodes.paragraph) and begins_with(node, WORD):
            return None
        passed = passed or node is paragraph
        if passed and is_code(node):
            return node
    return None


def printed_by(answers: Iterable[nodes.Node]) -> str:
    """Return the text that a solution printed; of several pieces, the last."""
    blocks = [
        block for node in answers if isinstance(node, nodes.Element) for block in node.findall(nodes.literal_block)
    ]
    return blocks[-1].astext() if blocks else ""


class ExerciseTransform(SphinxTransform):
    """Mark the exercises of a page, give them a field, and fold their solutions."""

    default_priority = 399  # before predictions, which look for the next output

    def apply(self, **_: Any) -> None:
        """Change the page in place; an exercise without a solution is a warning."""
        exercises = [p for p in self.document.findall(nodes.paragraph) if begins_with(p, WORD)]
        for number, paragraph in enumerate(exercises, 1):
            paragraph["classes"].append("chainrule-exercise")
            code = solution(self.document, paragraph)
            if code is None:
                logger.warning(
                    "an exercise has no solution; let a code block after it work the answer out, "
                    "or drop the bold `Exercise.`",
                    location=place(self.document, paragraph),
                )
                continue
            answers = outputs(code)
            parent = code.parent
            whole = isinstance(code, nodes.container)
            folded = [code, *([] if whole else answers), *reading(code, answers)]
            at = parent.index(code)
            fold = Reveal(summary=SUMMARY)
            for node in folded:
                node.parent.remove(node)
                fold += node
            parent.insert(at, fold)
            try:
                asked = field(printed_by(answers))
            except UnknownSlipError as error:
                logger.warning("%s", error, location=place(self.document, paragraph))
                continue
            if asked is not None:
                asked["number"] = number
                parent.insert(at, asked)


def visit(translator: Any, node: Field) -> None:
    """Write the field; it stays hidden until the script is there to answer."""
    given = json.dumps({key: node[key] for key in ("answer", "close", "wrong", "none")}, ensure_ascii=False)
    number = node["number"]
    translator.body.append(
        f'<form class="chainrule-answer" data-exercise="{html.escape(given)}" hidden>'
        f'<label for="chainrule-answer-{number}">Your answer</label> '
        f'<input id="chainrule-answer-{number}" aria-label="Your answer to exercise {number}" '
        f'aria-describedby="chainrule-verdict-{number}" autocomplete="off" spellcheck="false" size="12">'
        f' <button type="submit">Check</button><p id="chainrule-verdict-{number}" role="status"></p></form>\n'
    )


def depart(translator: Any, node: Field) -> None:
    """Nothing is left to write."""


def load_script(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Load the script on pages that have a field."""
    if doctree is not None and next(iter(doctree.findall(Field)), None) is not None:
        app.add_js_file(SCRIPT, loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the transform, how a field is written, and its script."""
    app.add_node(Field, html=(visit, depart))
    app.add_transform(ExerciseTransform)
    app.connect("html-page-context", load_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
