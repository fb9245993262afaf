"""Questions: predictions and exercises, with what answers them folded away until the reader has had a go.

A paragraph that begins with **Predict.** or **Exercise.** becomes a box, and its answer a <details>, which works
without JavaScript. A prediction is answered by what the next code prints or shows; the next code after an exercise is
its solution, and is folded away whole. The paragraph that reads the answer out goes in too, and so does a list right
after it. It is the same in lessons (sphinx-gallery) and chapters (myst-nb).

If the last line that a solution prints ends with its only number, that is the answer, and the reader may type a guess:
docs/_static/exercise.js compares it in the page. A line such as `not -120: sum` names a wrong answer, and its slip.
"""

from __future__ import annotations

import html
import itertools
import json
import re
from pathlib import Path
from typing import Any, TypeAlias

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)

PREDICT, EXERCISE = "Predict.", "Exercise."
UNANSWERED = {
    EXERCISE: "an exercise has no solution; "
    "let a code block after it work the answer out, or drop the bold `Exercise.`",
    PREDICT: "a prediction has no output after it to be compared with; "
    "let the next code block print or show the answer, or drop the bold `Predict.`",
}
SUMMARIES = {EXERCISE: "Solution", PREDICT: "Guessed? Open the answer"}
SOURCE_LINES = re.compile(r"GENERATED FROM PYTHON SOURCE LINES (\d+)")
NUMBER = re.compile(r"(?<![\w.)\]])[-+−]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\w)")
NAMED_SLIP = re.compile(rf"not ({NUMBER.pattern}): (.+)")
Wrong: TypeAlias = tuple[float, float, str]
"""A wrong answer, how close a guess has to be to count as it, and what its reader is told."""


class Reveal(nodes.General, nodes.Element):
    """A fold, with the words to open it as its `summary`."""


# --- what belongs to a question


def begins_with(node: nodes.Node, *words: str) -> bool:
    """Return whether a node is a paragraph that begins with one of the words in bold."""
    # MyST puts an empty text before what is bold.
    first = next((child for child in node.children if child.astext()), None)
    return isinstance(node, nodes.paragraph) and isinstance(first, nodes.strong) and first.astext() in words


def is_code(node: nodes.Element) -> bool:
    """Return whether a node is code that was run: a lesson's block, or a chapter's cell."""
    if isinstance(node, nodes.container):
        return bool(node.get("nb_element") == "cell_code")
    # Within a cell, or an output, it is not the code that the page runs.
    own = isinstance(node, nodes.literal_block) and not isinstance(node.parent, nodes.container)
    return own and node.get("language") in ("Python", "python") and "sphx-glr-script-out" not in node["classes"]


def code_after(document: nodes.document, question: nodes.Element) -> nodes.Element | None:
    """Return the code that comes after a question, unless another question comes first."""
    _, *after = itertools.dropwhile(lambda node: node is not question, document.findall(nodes.Element))
    found = next((node for node in after if is_code(node) or begins_with(node, *UNANSWERED)), None)
    return found if found is not None and is_code(found) else None


def siblings_after(node: nodes.Element) -> list[nodes.Element]:
    """Return the elements that stand after one, within the same parent."""
    after = node.parent.children[node.parent.index(node) + 1 :]
    return [each for each in after if isinstance(each, nodes.Element)]


def outputs(code: nodes.Element) -> list[nodes.Element]:
    """Return the nodes that show what a piece of code gave, all with the same parent."""
    if isinstance(code, nodes.container):
        return [each for each in code.findall(nodes.container) if each.get("nb_element") == "cell_code_output"]

    def is_output(node: nodes.Element) -> bool:
        # sphinx-gallery begins each block with a comment, so raw HTML or maths before that is this block's.
        return "sphx-glr-script-out" in node.get("classes", ()) or isinstance(node, nodes.raw | nodes.math_block)

    return list(itertools.takewhile(is_output, siblings_after(code)))


def reading(code: nodes.Element, answers: list[nodes.Element]) -> list[nodes.Element]:
    """Return the paragraph that reads the outputs, and a list that belongs to it, if they come right after them."""
    after = siblings_after(code if isinstance(code, nodes.container) or not answers else answers[-1])
    marks = list(itertools.takewhile(lambda node: isinstance(node, nodes.comment), after))
    text = after[len(marks) : len(marks) + 2]
    # What asks, or leads on, does not read out the answer before it.
    if not text or not isinstance(text[0], nodes.paragraph) or begins_with(text[0], *UNANSWERED, "Next:"):
        return []
    return [*marks, text[0], *(node for node in text[1:] if isinstance(node, nodes.bullet_list))]


def place(document: nodes.document, question: nodes.Element) -> str | nodes.Element:
    """Return where its author finds a question: for a lesson that is the script, not the reST made from it."""
    before = itertools.takewhile(lambda node: node is not question, document.findall(nodes.Element))
    marks = [SOURCE_LINES.match(node.astext()) for node in before if isinstance(node, nodes.comment)]
    lines, source = [mark[1] for mark in marks if mark], Path(document["source"])
    return f"examples/{source.parent.name}/{source.stem}.py:{lines[-1]}" if lines else question


# --- the answer to an exercise


def measured(text: str) -> tuple[float, float]:
    """Return a printed number, and how far a guess may be off: half a unit of its last digit; nothing for a count."""
    mantissa, e, power = text.replace("−", "-").lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return float(mantissa + e + power), 0.5 * 10.0 ** (int(power or 0) - decimals) if "." in mantissa or e else 0.0


def answer(printed: str) -> str | None:
    r"""Return the number that an output ends with, if it is the only one on its line.

    >>> answer("w = 3\nslope -2.0"), answer("1 and 2"), answer("shape (4, 1)"), answer("")
    ('-2.0', None, None, None)
    """
    last = printed.rstrip().rpartition("\n")[2]
    found = list(NUMBER.finditer(last))
    if len(found) != 1 or found[0].end() != len(last):
        return None
    number = found[0].group()
    return number if measured(number)[0] else number.lstrip("-−")


def wrong_answers(printed: str, right: str) -> list[Wrong]:
    """Return the wrong answers that can be told from the right one: those printed, then those that are common."""
    from chainrule.checking.slips import BY_SIZE, WORDS  # PyTorch comes with it, so only where there is an exercise

    value, close = measured(right)
    found = []
    for match in filter(None, map(NAMED_SLIP.fullmatch, map(str.strip, printed.splitlines()))):
        wrong, own = measured(match[1])
        found.append((wrong, own, sentence(match[2], abs(wrong / value) if value else 0.0)))
    if value and close:
        found += [(slip(value), close * abs(slip(value) / value), WORDS[kind]) for kind, slip in BY_SIZE.items()]
    return [each for each in found if abs(each[0] - value) > close]


def sentence(says: str, ratio: float) -> str:
    """Return the sentence of a slip that is named, or what was printed instead of a name."""
    from chainrule.checking.slips import WORDS

    n = ratio if says == "sum" or not ratio else 1 / ratio
    try:
        return WORDS.get(says, "{says}").format(says=says, n=f"{n:.4g}")
    except KeyError as error:
        raise ValueError(f"`{says}` needs words of its own here; print the sentence instead") from error


def field(printed: str, number: int = 1) -> str:
    """Return the field of an exercise, hidden until the script is there to answer; empty if no number was printed."""
    from chainrule.checking.slips import WORDS

    right = answer(printed)
    if right is None:
        return ""
    known = {
        "answer": right,
        "close": measured(right)[1],
        "wrong": wrong_answers(printed, right),
        "none": WORDS["none"],
    }
    return (
        f'<form class="chainrule-answer" data-exercise="{html.escape(json.dumps(known, ensure_ascii=False))}" hidden>'
        f'<label for="chainrule-answer-{number}">Your answer</label> '
        f'<input id="chainrule-answer-{number}" aria-label="Your answer to exercise {number}" '
        f'aria-describedby="chainrule-verdict-{number}" autocomplete="off" spellcheck="false" size="12">'
        f' <button type="submit">Check</button><p id="chainrule-verdict-{number}" role="status"></p></form>\n'
    )


# --- on the page


class Questions(SphinxTransform):
    """Mark the questions of a page, fold what answers them, and give exercises a field."""

    default_priority = 400

    def apply(self, **_: Any) -> None:
        """Change the page in place; a question without an answer is a warning."""
        for word in UNANSWERED:
            asked = [p for p in self.document.findall(nodes.paragraph) if begins_with(p, word)]
            for number, question in enumerate(asked, 1):
                question["classes"].append(f"chainrule-{word[:-1].lower()}")
                try:
                    self.fold(word, number, code_after(self.document, question))
                except ValueError as error:
                    logger.warning("%s", error, location=place(self.document, question))

    def fold(self, word: str, number: int, code: nodes.Element | None) -> None:
        """Fold what answers a question; before the solution of an exercise stands its field."""
        answers = outputs(code) if code is not None else []
        if code is None or (word == PREDICT and not answers):
            raise ValueError(UNANSWERED[word])
        parts = [*answers, *reading(code, answers)]
        if word == EXERCISE:
            printed = [block.astext() for each in answers for block in each.findall(nodes.literal_block)]
            parts = [code, *(part for part in parts if part.parent is code.parent)]
        parent, folded = parts[0].parent, Reveal(summary=SUMMARIES[word])
        parent.insert(parent.index(parts[0]), folded)
        for part in parts:
            part.parent.remove(part)
            folded += part
        if word == EXERCISE and (asked := field(printed[-1] if printed else "", number)):
            parent.insert(parent.index(folded), nodes.raw("", asked, format="html"))


def open_fold(translator: Any, node: Reveal) -> None:
    """Write the beginning of a fold."""
    translator.body.append(
        f'<details class="chainrule-reveal"><summary>{node["summary"]}</summary>\n<div class="chainrule-revealed">'
    )


def close_fold(translator: Any, node: Reveal) -> None:
    """Write the end of a fold."""
    translator.body.append("</div></details>\n")


def load_script(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Load the script on pages that have a field."""
    if 'class="chainrule-answer"' in context.get("body", ""):
        app.add_js_file("exercise.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the transform, how a fold is written, and the script of the fields."""
    app.add_node(Reveal, html=(open_fold, close_fold))
    app.add_transform(Questions)
    app.connect("html-page-context", load_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
