"""Questions: predictions and exercises, with what answers them folded away until the reader has had a go.

A paragraph that begins with **Predict.** or **Exercise.** becomes a box. What answers it goes into a <details>, which
works without JavaScript: all that follows up to the next heading or question. Of a prediction the next code stays in
sight, since it is what the reader guesses about; of an exercise it is the solution, and is folded too. It is the same
in lessons (sphinx-gallery) and chapters (myst-nb).

``.. answer:: 40`` after a question says what is right, and each line below names a wrong answer and its slip, such as
``5: That is the local gradient alone.`` A number gets a field, words become one of several choices; other words that
would give it away follow in brackets. Without it, or for `printed`, the answer is the number that the code prints last.
docs/_static/exercise.js compares in the page, and a test sees that nothing in sight tells it.
"""

from __future__ import annotations

import html
import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

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


def rest(node: nodes.Element) -> list[nodes.Element]:
    """Return what follows within the same section, up to the next question or the way on."""
    return list(
        itertools.takewhile(
            lambda after: not isinstance(after, nodes.section) and not begins_with(after, *UNANSWERED, "Next:"),
            siblings_after(node),
        )
    )


def declared(question: nodes.Element) -> list[str]:
    """Return what is said of a question's answer, a line each, and take it off the page."""
    said = next((node for node in siblings_after(question)[:1] if "answer" in node), None)
    if said is None:
        return []
    said.parent.remove(said)
    return list(said["answer"])


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


def wrong_answers(named: list[tuple[str, str]], right: str) -> list[Wrong]:
    """Return the wrong answers that can be told from the right one: those that are named, then the common ones."""
    from chainrule.checking.slips import BY_SIZE, WORDS  # PyTorch comes with it, so only where there is a question

    value, close = measured(right)
    found = []
    for number, says in named:
        wrong, own = measured(number)
        found.append((wrong, own, sentence(says, abs(wrong / value) if value else 0.0)))
    if value and close:
        found += [(slip(value), close * abs(slip(value) / value), WORDS[kind]) for kind, slip in BY_SIZE.items()]
    return [each for each in found if abs(each[0] - value) > close]


def sentence(says: str, ratio: float) -> str:
    """Return the sentence of a slip that is named, or what was written instead of a name."""
    from chainrule.checking.slips import WORDS

    n = ratio if says == "sum" or not ratio else 1 / ratio
    try:
        return WORDS.get(says, "{says}").format(says=says, n=f"{n:.4g}")
    except KeyError as error:
        raise ValueError(f"`{says}` needs words of its own here; write the sentence instead") from error


def field(printed: str, said: Sequence[str] = (), number: int = 1) -> str:
    """Return the field or the choices of a question, hidden until the script is there; empty if it has no answer."""
    from chainrule.checking.slips import WORDS

    first, *others = said or ["printed"]
    right, _, tells = first.removesuffix("]").partition(" [")
    if right == "printed" and (right := answer(printed) or "") == "":
        return ""
    named = [(wrong, says) for wrong, _, says in (line.partition(": ") for line in others)]
    known: dict[str, Any] = {"answer": right, "tells": tells.split(", ") if tells else [right], "none": WORDS["none"]}
    label = f'aria-label="Your answer to question {number}"'
    if NUMBER.fullmatch(right):
        known |= {"close": measured(right)[1], "wrong": wrong_answers(named, right)}
        asks = f"""<label for="chainrule-answer-{number}">Your answer</label>
<input id="chainrule-answer-{number}" {label} aria-describedby="chainrule-verdict-{number}" autocomplete="off"
spellcheck="false" size="12"> <button type="submit">Check</button>"""
    else:
        known["wrong"] = named
        choices = sorted([right, *dict(named)], key=str.casefold)  # an order that tells nothing
        asks = "\n".join(f"<button value='{html.escape(each)}'>{html.escape(each)}</button>" for each in choices)
        asks = f'<span role="group" {label}>{asks}</span>'
    data = html.escape(json.dumps(known, ensure_ascii=False))
    verdict = f'<p id="chainrule-verdict-{number}" role="status"></p>'
    return f'<form class="chainrule-answer" data-exercise="{data}" hidden>{asks}{verdict}</form>\n'


# --- on the page


class Answer(SphinxDirective):
    """Say what is right after a question, and which slips lead to other answers."""

    optional_arguments, final_argument_whitespace, has_content = 1, True, True

    def run(self) -> list[nodes.Node]:
        """Return a comment that holds the lines."""
        lines = [*"".join(self.arguments).splitlines(), *self.content]
        return [nodes.comment(answer=[line.strip() for line in lines if line.strip()])]


class Do(SphinxDirective):
    """Send the reader to the live graph above; the argument is what a browser test does and reads there.

    Such as ``set w 2.2, loss 0, grad w 0``.
    """

    required_arguments, final_argument_whitespace, has_content = 1, True, True

    def run(self) -> list[nodes.Node]:
        """Return the box."""
        inside = self.parse_content_to_nodes()
        inside[0].insert(0, [nodes.strong("", "Do this."), nodes.Text(" ")])  # type: ignore[attr-defined]
        opened = f'<div class="chainrule-do" data-do="{html.escape(" ".join(self.arguments[0].split()))}">'
        return [nodes.raw("", opened, format="html"), *inside, nodes.raw("", "</div>", format="html")]


class Questions(SphinxTransform):
    """Mark the questions of a page, fold what answers them, and give them a field."""

    default_priority = 400

    def apply(self, **_: Any) -> None:
        """Change the page in place; a question without an answer is a warning."""
        asked = [p for p in self.document.findall(nodes.paragraph) if begins_with(p, *UNANSWERED)]
        for number, question in enumerate(asked, 1):
            word = next(word for word in UNANSWERED if begins_with(question, word))
            question["classes"].append(f"chainrule-{word[:-1].lower()}")
            try:
                self.fold(word, number, question)
            except ValueError as error:
                logger.warning("%s", error, location=place(self.document, question))

    def fold(self, word: str, number: int, question: nodes.Element) -> None:
        """Fold what answers a question; before that stands its field."""
        said, code = declared(question), code_after(self.document, question)
        answers = outputs(code) if code is not None else []
        if code is None or (word == PREDICT and not answers):
            raise ValueError(UNANSWERED[word])
        printed = [block.astext() for each in answers for block in each.findall(nodes.literal_block)]
        asks = nodes.raw("", field(printed[-1] if printed else "", said, number), format="html")
        folded, parent = Reveal(summary=SUMMARIES[word]), code.parent
        within = [part for part in answers if part.parent is not parent]  # a chapter's cell holds what it gave
        parts = [code, *rest(code)] if word == EXERCISE else [*within, *rest(code)]
        parent.insert(parent.index(code) + (word == PREDICT), [asks, folded])
        for part in parts:
            part.parent.remove(part)
            folded += part


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
    app.add_directive("answer", Answer)
    app.add_directive("do", Do)
    app.add_node(Reveal, html=(open_fold, close_fold))
    app.add_transform(Questions)
    app.connect("html-page-context", load_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
