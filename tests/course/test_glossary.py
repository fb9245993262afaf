"""The glossary: each word of the course is explained before it is used, and linked where it is explained."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.support.course import LESSONS, ROOT, name
from tests.support.markup import spans
from tests.support.pages import read

GLOSSARY = ROOT / "docs/reference/glossary.md"
ENTRY = re.compile(r"^(?P<term>\w[\w -]*)\n(?:  .*\n)*?  From \{doc\}`/(?P<lesson>[^`]+)`\.$", re.MULTILINE)
LINK = re.compile(r":term:`(?:[^`<]*<)?([^`<>]+)>?`")
PLURALS = {"leaf": "leaves"}


@cache
def terms() -> dict[str, Path]:
    """Return each term of the glossary with the lesson that explains it."""
    found = ENTRY.finditer(GLOSSARY.read_text("utf-8"))
    return {match["term"]: ROOT / f"{match['lesson'].replace('lessons/', 'examples/', 1)}.py" for match in found}


@cache
def prose(path: Path) -> str:
    """Return what a lesson says, without its opening and its way on, which may promise what is still to come."""
    blocks = [block for block in read(path).blocks[1:] if block.kind == "text"]
    text = "\n\n".join(block.text for block in blocks)
    text = "\n\n".join(part for part in text.split("\n\n") if not part.startswith("**Next:**"))
    return " ".join(span.text for span in spans(text, "rst", 1) if span.kind == "prose")


def linked(path: Path) -> list[str]:
    """Return the terms that a lesson links to the glossary, in order."""
    return LINK.findall(path.read_text("utf-8"))


def said(term: str, text: str) -> bool:
    """Tell whether a text uses a term, in the singular or the plural, and not within a longer one."""
    for longer in terms():
        if term != longer and term in longer.split():
            text = re.sub(rf"\b{longer}s?\b", "", text)
    return re.search(rf"\b({term}s?|{PLURALS.get(term, term)})\b", text, re.IGNORECASE) is not None


def test_every_entry_names_its_lesson() -> None:
    """The glossary's terms are read whole, and each names a lesson that there is."""
    text = GLOSSARY.read_text("utf-8")
    assert len(terms()) == len(re.findall(r"^  From ", text, re.MULTILINE)) >= 25
    assert all(lesson in LESSONS for lesson in terms().values())


@pytest.mark.parametrize("term", terms())
def test_a_term_is_linked_where_it_is_explained(term: str) -> None:
    """The lesson that explains a term links it once, and no lesson before it does."""
    assert [lesson for lesson in LESSONS if term in linked(lesson)][:1] == [terms()[term]]
    assert linked(terms()[term]).count(term) == 1


@pytest.mark.parametrize("term", terms())
def test_a_term_is_used_only_once_it_is_explained(term: str) -> None:
    """No lesson before the one that explains a term uses it."""
    early = [name(lesson) for lesson in LESSONS[: LESSONS.index(terms()[term])] if said(term, prose(lesson))]
    assert early == []


@pytest.mark.parametrize("lesson", LESSONS, ids=name)
def test_a_lesson_says_what_it_builds_on(lesson: Path) -> None:
    """A lesson's opening says what it gives, how long it takes, and which lesson before it one should have read."""
    opening = read(lesson).blocks[0].text
    assert "**What you get:**" in opening
    assert re.search(r"Reading time: \d+\s+minutes\.", opening)
    _, needed = opening.split("**What you need:**")
    before = [f"sphx_glr_lessons_{path.parent.name}_{path.name}" for path in LESSONS[: LESSONS.index(lesson)]]
    assert lesson == LESSONS[0] or any(path in needed for path in before)
