"""Questions as a reader meets them, with every fold shut: nothing in sight tells the answer."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import groupby

import pytest
from _ext.lessons.questions import NUMBER, measured
from bs4 import BeautifulSoup
from bs4.element import CData, NavigableString, Tag

from tests.support import built

pytestmark = pytest.mark.site

BLOCKS = ["p", "li", "pre", "td", "th", "dt", "dd", "h1", "h2", "h3", "h4", "summary", "svg", "form"]
KINDS = {
    "form.chainrule-answer": "form",
    ".chainrule-reveal": "fold",
    "h1, h2, h3, h4": "heading",
    ".chainrule-predict, .chainrule-exercise": "question",
    "svg, chainrule-graph, .chainrule-plot, figure": "picture",
}
ASKED = sorted({*built.with_class("chainrule-predict"), *built.with_class("chainrule-exercise")})


@dataclass(frozen=True)
class Piece:
    """Hold the words of one block of a page, and what it is."""

    kind: str
    text: str
    within: Tag


def pieces(page: str) -> list[Piece]:
    """Take a page apart, in the order in which it is read; a picture also says what it says to who cannot see it."""
    article = BeautifulSoup((built.SITE / page).read_text("utf-8"), "html.parser").find("article")
    assert isinstance(article, Tag)
    for script in article.select("script, style"):
        script.decompose()
    marked = {id(tag): kind for selector, kind in reversed(KINDS.items()) for tag in article.select(selector)}
    for picture in article.select("[aria-label], img[alt]"):
        picture.append(CData(f" {picture.get('aria-label', '')} {picture.get('alt', '')} "))

    def place(string: NavigableString) -> tuple[str, int]:
        above = [string, *string.parents]
        kind = next((marked[id(tag)] for tag in reversed(above) if id(tag) in marked), "text")
        return kind, id(next((tag for tag in above if isinstance(tag, Tag) and tag.name in BLOCKS), article))

    found = []
    for (kind, _), strings in groupby(article.find_all(string=True), place):
        first, *others = strings
        assert first.parent is not None
        found.append(Piece(kind, " ".join("".join([first, *others]).split()), first.parent))
    return [piece for piece in found if piece.text]


def tells(text: str, word: str) -> bool:
    """Tell whether a text has a number, to the digits that are asked for, or a word, whatever it ends with."""
    if not NUMBER.fullmatch(word):
        return re.search(rf"\b{re.escape(word)}", text, re.IGNORECASE) is not None
    value, close = measured(word)
    return any(abs(measured(match.group())[0] - value) <= close + 1e-9 for match in NUMBER.finditer(text))


def is_small(word: str) -> bool:
    """Tell whether an answer is a small whole number, which may well stand for something else in another section."""
    return NUMBER.fullmatch(word) is not None and measured(word)[0] in range(-9, 10)


def names(code: str) -> str:
    """Return the words in the names of the functions that a text of code defines."""
    return " ".join(re.findall(r"\bdef (\w+)", code)).replace("_", " ")


@pytest.mark.parametrize("page", ASKED)
def test_nothing_in_sight_tells_an_answer(page: str) -> None:
    """What a question asks cannot be read up to the next heading, nor in what stands out on the page before it.

    That is in any heading, function's name, picture or graph, in another question, and in what the page promises.
    """
    read, wrong = pieces(page), []
    first = next((i for i, piece in enumerate(read[1:], 1) if piece.kind == "heading"), 0)
    asked = [i for i, piece in enumerate(read) if piece.kind == "question"]
    for number, at in enumerate(asked, 1):
        end = next((i for i in range(at, len(read)) if read[i].kind == "heading"), len(read) - 1)
        stop = next((i for i in asked if at < i), len(read))
        forms = [piece.within.find_parent("form") for piece in read[at:stop] if piece.kind == "form"]
        if not forms or forms[0] is None:
            wrong.append(f"{number} declares no answer: {read[at].text[:80]}")
            continue
        answers = json.loads(str(forms[0]["data-exercise"]))["tells"]
        folded = " ".join(piece.text for piece in read[at:stop] if piece.kind == "fold")
        begin = max((i for i in range(at) if read[i].kind == "heading"), default=0)
        for word in answers:
            if not tells(folded, word):
                wrong.append(f"{number} is not answered: {word} does not stand in its fold")
            above = read[begin if is_small(word) else 0 : at]
            seen = [piece for piece in read[at + 1 : end + 1] if piece.kind not in ("form", "fold")]
            seen += [piece for piece in above if piece.kind in ("question", "picture")]
            seen += [piece for piece in (*read[:at], *read[end + 1 :]) if piece.kind == "heading"]
            seen += [Piece("promise", p.text, p.within) for p in read[1:first] if not NUMBER.fullmatch(word)]
            seen += [Piece("name", names(piece.text), piece.within) for piece in read[:at]]
            wrong += [f"{number}: {word} in a {p.kind}: {p.text[:90]}" for p in seen if tells(p.text, word)]
    assert not wrong, f"{page}:\n" + "\n".join(wrong)
