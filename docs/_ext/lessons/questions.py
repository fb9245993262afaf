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
    PREDICT: "a prediction has no output after it to be compared with; "
    "let the next code block print or show the answer, or drop the bold `Predict.`",
    EXERCISE: "an exercise has no solution; "
    "let a code block after it work the answer out, or drop the bold `Exercise.`",
}
SOURCE_LINES = re.compile(r"GENERATED FROM PYTHON SOURCE LINES (\d+)")
NUMBER = re.compile(r"(?<![\w.)\]])[-+−]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\w)")
NAMED_SLIP = re.compile(rf"not ({NUMBER.pattern}): (.+)")
Wrong: TypeAlias = tuple[float, float, str]
"""A wrong answer, how close a guess has to be to count as it, and what its reader is told."""


class Reveal(nodes.General, nodes.Element):
    """A fold, with the words to open it as its `summary`."""


class Field(nodes.General, nodes.Element):
    """The field of an exercise, with what it compares a guess with."""


# --- what belongs to a question


def begins_with(node: nodes.Node, *words: str) -> bool:
    """Return whether a node is a paragraph that begins with one of the words in bold."""
    # MyST puts an empty text before what is bold.
    first = next((child for child in node.children if child.astext()), None)
    return isinstance(node, nodes.paragraph) and isinstance(first, nodes.strong) and first.astext() in words


def is_code(node: nodes.Node) -> bool:
    """Return whether a node is code that was run: a lesson's block, or a chapter's cell."""
    if isinstance(node, nodes.container):
        return bool(node.get("nb_element") == "cell_code")
    if not isinstance(node, nodes.literal_block) or "sphx-glr-script-out" in node["classes"]:
        return False
    # Within a cell, or an output, it is not the code that the page runs.
    return str(node.get("language")).lower() == "python" and not isinstance(node.parent, nodes.container)


def code_after(document: nodes.document, question: nodes.Element) -> nodes.Element | None:
    """Return the code that comes after a question, unless another question comes first."""
    after = itertools.dropwhile(lambda node: node is not question, document.findall(nodes.Element))
    following = (node for node in after if node is not question)
    found = next((node for node in following if is_code(node) or begins_with(node, *UNANSWERED)), None)
    return found if found is not None and is_code(found) else None


def siblings_after(node: nodes.Element) -> list[nodes.Node]:
    """Return the nodes that stand after one, within the same parent."""
    return node.parent.children[node.parent.index(node) + 1 :]


def outputs(code: nodes.Element) -> list[nodes.Element]:
    """Return the nodes that show what a piece of code gave, all with the same parent."""
    if isinstance(code, nodes.container):
        containers = [child for child in code.children if isinstance(child, nodes.container)]
        return [child for child in containers if child.get("nb_element") == "cell_code_output"]

    def is_output(node: nodes.Node) -> bool:
        # sphinx-gallery begins each block with a comment, so raw HTML or maths before that is this block's.
        printed = isinstance(node, nodes.Element) and "sphx-glr-script-out" in node.get("classes", ())
        return printed or isinstance(node, nodes.raw | nodes.math_block)

    return [node for node in itertools.takewhile(is_output, siblings_after(code)) if isinstance(node, nodes.Element)]


def reading(code: nodes.Element, answers: list[nodes.Element]) -> list[nodes.Node]:
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
    before = itertools.takewhile(lambda node: node is not question, document.findall(nodes.Node))
    marks = [SOURCE_LINES.match(node.astext()) for node in before if isinstance(node, nodes.comment)]
    source = Path(document["source"])
    lines = [mark[1] for mark in marks if mark]
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
    named = [match for line in printed.splitlines() if (match := NAMED_SLIP.fullmatch(line.strip()))]
    found = [(*measured(match[1]), sentence(match[2], measured(match[1])[0], value)) for match in named]
    if value and close:
        common = {kind: slip(value) for kind, slip in BY_SIZE.items()}
        found += [(wrong, close * abs(wrong / value), WORDS[kind]) for kind, wrong in common.items()]
    return [each for each in found if abs(each[0] - value) > close]


def sentence(says: str, wrong: float = 0.0, right: float = 0.0) -> str:
    """Return a slip's sentence by its name, or what was printed instead of a name."""
    from chainrule.checking.slips import WORDS

    ratio = abs(wrong / right) if says == "sum" and right else abs(right / wrong) if wrong else 0.0
    try:
        return WORDS.get(says, "{says}").format(says=says, n=f"{ratio:.4g}")
    except KeyError as error:
        raise ValueError(f"`{says}` needs words of its own here; print the sentence instead") from error


def field(printed: str, number: int = 1) -> Field | None:
    """Return the field for what a solution printed, if it ends with a number."""
    right = answer(printed)
    if right is None:
        return None
    wrong, close = wrong_answers(printed, right), measured(right)[1]
    return Field(number=number, known={"answer": right, "close": close, "wrong": wrong, "none": sentence("none")})


# --- on the page


class Questions(SphinxTransform):
    """Mark the questions of a page, fold what answers them, and give exercises a field."""

    default_priority = 400

    def apply(self, **_: Any) -> None:
        """Change the page in place; a question without an answer is a warning."""
        for kind, change in ((EXERCISE, self.exercise), (PREDICT, self.predict)):
            questions = [p for p in self.document.findall(nodes.paragraph) if begins_with(p, kind)]
            for number, question in enumerate(questions, 1):
                try:
                    change(number, question, code_after(self.document, question))
                except ValueError as error:
                    logger.warning("%s", error, location=place(self.document, question))

    def predict(self, _: int, question: nodes.Element, code: nodes.Element | None) -> None:
        """Fold what the code after a prediction gave."""
        question["classes"].append("chainrule-predict")
        answers = outputs(code) if code is not None else []
        if code is None or not answers:
            raise ValueError(UNANSWERED[PREDICT])
        fold("Guessed? Open the answer", [*answers, *reading(code, answers)])

    def exercise(self, number: int, question: nodes.Element, code: nodes.Element | None) -> None:
        """Fold the solution of an exercise, and put a field before it if it ends in a number."""
        question["classes"].append("chainrule-exercise")
        if code is None:
            raise ValueError(UNANSWERED[EXERCISE])
        answers = outputs(code)
        printed = [block.astext() for each in answers for block in each.findall(nodes.literal_block)]
        beside = [] if isinstance(code, nodes.container) else answers
        folded = fold("Solution", [code, *beside, *reading(code, answers)])
        asked = field(printed[-1] if printed else "", number)
        if asked is not None:
            folded.parent.insert(folded.parent.index(folded), asked)


def fold(summary: str, parts: list[nodes.Node]) -> Reveal:
    """Put nodes into a fold, where the first of them stands."""
    parent, folded = parts[0].parent, Reveal(summary=summary)
    parent.insert(parent.index(parts[0]), folded)
    for part in parts:
        part.parent.remove(part)
        folded += part
    return folded


def open_fold(translator: Any, node: Reveal) -> None:
    """Write the beginning of a fold."""
    translator.body.append(
        f'<details class="chainrule-reveal"><summary>{node["summary"]}</summary>\n<div class="chainrule-revealed">'
    )


def close_fold(translator: Any, node: Reveal) -> None:
    """Write the end of a fold."""
    translator.body.append("</div></details>\n")


def write_field(translator: Any, node: Field) -> None:
    """Write the field; it stays hidden until the script is there to answer."""
    number, known = node["number"], html.escape(json.dumps(node["known"], ensure_ascii=False))
    translator.body.append(
        f'<form class="chainrule-answer" data-exercise="{known}" hidden>'
        f'<label for="chainrule-answer-{number}">Your answer</label> '
        f'<input id="chainrule-answer-{number}" aria-label="Your answer to exercise {number}" '
        f'aria-describedby="chainrule-verdict-{number}" autocomplete="off" spellcheck="false" size="12">'
        f' <button type="submit">Check</button><p id="chainrule-verdict-{number}" role="status"></p></form>\n'
    )
    raise nodes.SkipNode


def load_script(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Load the script on pages that have a field."""
    if doctree is not None and next(iter(doctree.findall(Field)), None) is not None:
        app.add_js_file("exercise.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the transform, how a fold and a field are written, and the field's script."""
    app.add_node(Reveal, html=(open_fold, close_fold))
    app.add_node(Field, html=(write_field, None))
    app.add_transform(Questions)
    app.connect("html-page-context", load_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
