"""Predict, then reveal: fold away what the next code prints, until the reader has made a guess.

A paragraph that begins with **Predict.** becomes a box, and the outputs of the code block after it a <details>, which
works without JavaScript. The paragraph that follows them goes in too, since it reads the answer out, and so does a list
right after that. It is the same in lessons (sphinx-gallery) and chapters (myst-nb).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)

WORD = "Predict."
NO_READING = (WORD, "Exercise.", "Next:")
"""What a paragraph begins with that asks or leads on, and so does not read out the answer before it."""
SOURCE_LINES = re.compile(r"GENERATED FROM PYTHON SOURCE LINES (\d+)")
SUMMARY = "Guessed? Open the answer"


class Reveal(nodes.General, nodes.Element):
    """Hold the outputs that answer a prediction, or the solution of an exercise."""


def begins_with(paragraph: nodes.paragraph, *words: str) -> bool:
    """Return whether a paragraph begins with one of the words in bold."""
    # MyST puts an empty text before what is bold.
    first = next((child for child in paragraph.children if child.astext()), None)
    return isinstance(first, nodes.strong) and first.astext() in words


def is_prediction(paragraph: nodes.paragraph) -> bool:
    """Return whether a paragraph asks for a prediction."""
    return begins_with(paragraph, WORD)


def is_code(node: nodes.Node) -> bool:
    """Return whether a node is code that was run: a lesson's block, or a chapter's cell."""
    if isinstance(node, nodes.container):
        return bool(node.get("nb_element") == "cell_code")
    if not isinstance(node, nodes.literal_block) or "sphx-glr-script-out" in node["classes"]:
        return False
    # Within a cell, or an output, it is not the code that the page runs.
    return str(node.get("language")).lower() == "python" and not isinstance(node.parent, nodes.container)


def outputs(code: nodes.Element) -> list[nodes.Node]:
    """Return the nodes that show what a piece of code gave, all with the same parent."""
    if isinstance(code, nodes.container):
        containers = [child for child in code.children if isinstance(child, nodes.container)]
        return [child for child in containers if child.get("nb_element") == "cell_code_output"]
    found = []
    for node in code.parent.children[code.parent.index(code) + 1 :]:
        printed = "sphx-glr-script-out" in node.get("classes", ()) if isinstance(node, nodes.Element) else False
        # sphinx-gallery begins each block with a comment, so raw HTML or maths before that is this block's.
        if not printed and not isinstance(node, nodes.raw | nodes.math_block):
            break
        found.append(node)
    return found


def reading(code: nodes.Element, answers: list[nodes.Node]) -> list[nodes.Node]:
    """Return the paragraph that reads the outputs, and a list that belongs to it, if they come right after them."""
    last = code if isinstance(code, nodes.container) or not answers else answers[-1]
    after = last.parent.children[last.parent.index(last) + 1 :]
    marks = list(itertools.takewhile(lambda node: isinstance(node, nodes.comment), after))
    text = after[len(marks) : len(marks) + 2]
    if not text or not isinstance(text[0], nodes.paragraph) or begins_with(text[0], *NO_READING):
        return []
    return [*marks, text[0], *(node for node in text[1:] if isinstance(node, nodes.bullet_list))]


def code_after(document: nodes.document, paragraph: nodes.paragraph) -> Iterator[nodes.Element]:
    """Yield the code blocks that come after a paragraph."""
    passed = False
    for node in document.findall():
        passed = passed or node is paragraph
        if passed and is_code(node):
            assert isinstance(node, nodes.Element)
            yield node


def place(document: nodes.document, paragraph: nodes.paragraph) -> str | nodes.paragraph:
    """Return where its author finds a paragraph: for a lesson that is the script, not the reST made from it."""
    lines = ""
    for node in document.findall():
        if node is paragraph:
            break
        if isinstance(node, nodes.comment) and (match := SOURCE_LINES.match(node.astext())):
            lines = match[1]
    source = Path(document["source"])
    return f"examples/{source.parent.name}/{source.stem}.py:{lines}" if lines else paragraph


class PredictTransform(SphinxTransform):
    """Mark the predictions of a page, and fold the outputs that answer them."""

    default_priority = 400

    def apply(self, **_: Any) -> None:
        """Change the page in place; a prediction that nothing answers is a warning."""
        for paragraph in [p for p in self.document.findall(nodes.paragraph) if is_prediction(p)]:
            paragraph["classes"].append("chainrule-predict")
            code = next(code_after(self.document, paragraph), None)
            answers = outputs(code) if code is not None else []
            if code is None or not answers:
                logger.warning(
                    "a prediction has no output after it to be compared with; "
                    "let the next code block print or show the answer, or drop the bold `Predict.`",
                    location=place(self.document, paragraph),
                )
                continue
            parent = answers[0].parent
            position = parent.index(answers[0])
            fold = Reveal()
            for node in [*answers, *reading(code, answers)]:
                node.parent.remove(node)
                fold += node
            parent.insert(position, fold)


def visit(translator: Any, node: Reveal) -> None:
    """Open the fold."""
    summary = node.get("summary", SUMMARY)
    translator.body.append(
        f'<details class="chainrule-reveal"><summary>{summary}</summary>\n<div class="chainrule-revealed">'
    )


def depart(translator: Any, node: Reveal) -> None:
    """Close the fold."""
    translator.body.append("</div></details>\n")


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the transform, and how a fold is written."""
    app.add_node(Reveal, html=(visit, depart))
    app.add_transform(PredictTransform)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
