"""Tests of what a lesson is made of: its questions, its place in the course, what is taken away from it."""

from __future__ import annotations

import html
import io
import logging
import re
import zipfile
from pathlib import Path

import pytest
from _ext.lessons import course, downloads, error_index, questions
from docutils import nodes
from docutils.utils import new_document

from chainrule.checking.slips import WORDS

ROOT = Path(__file__).parents[2]

# --- questions


def page(
    word: str, *printed: str | None, chapter: bool = False, read: bool = True, said: list[str] | None = None
) -> nodes.document:
    """Return a page with a question for each output (None: without code), each read out if asked for, and a way on."""
    document = new_document("docs/lessons/1_one_weight/10_nudge.rst")
    document += nodes.comment("", "GENERATED FROM PYTHON SOURCE LINES 24-29")
    for number, output in enumerate(printed, 1):
        document += nodes.paragraph("", "", nodes.strong("", word), nodes.Text(f" Question {number}?"))
        document += nodes.comment(answer=said) if said else []
        if output is None:
            continue
        code = nodes.literal_block("", f"code {number}", language="Python")
        picture = nodes.raw("", f"<svg>{number}</svg>", format="html")
        text = nodes.literal_block("", output, language="none", classes=[] if chapter else ["sphx-glr-script-out"])
        shown = [picture, text] if output else []
        if chapter:
            cell = nodes.container("", nb_element="cell_code")
            cell += nodes.container("", code, nb_element="cell_code_source")
            cell += nodes.container("", *shown, nb_element="cell_code_output")
            document += cell
        else:
            document += nodes.comment("", f"GENERATED FROM PYTHON SOURCE LINES {30 * number}-{30 * number + 9}")
            document += [code, *shown]
            document += nodes.comment("", "GENERATED FROM PYTHON SOURCE LINES 40-49")
        if read:
            document += nodes.paragraph("", f"Reading {number}.")
            document += nodes.bullet_list("", nodes.list_item("", nodes.paragraph("", f"Point {number}.")))
    document += nodes.paragraph("", "", nodes.strong("", "Next:"), nodes.Text(" on."))
    return document


def folds(document: nodes.document) -> list[questions.Reveal]:
    """Return the folds of a page once its questions were looked for."""
    questions.Questions(document).apply()
    return list(document.findall(questions.Reveal))


@pytest.mark.parametrize("chapter", [False, True])
@pytest.mark.parametrize("word", ["Predict.", "Exercise."])
def test_what_answers_a_question_is_folded(word: str, chapter: bool) -> None:
    """What was shown and printed, the reading and its list go into a fold; of an exercise, the code as well.

    The question becomes a box, and an answer that is a number gives it a field before the fold.
    """
    document = page(word, "-2.0", "no number here", chapter=chapter)
    found = folds(document)
    for number, fold in enumerate(found, 1):
        for words in (f"<svg>{number}</svg>", f"Reading {number}.", f"Point {number}."):
            assert words in fold.astext()
        assert (f"code {number}" in fold.astext()) == (word == "Exercise.")
        assert word not in fold.astext()
        assert "Next:" not in fold.astext()
    assert [fold["summary"] for fold in found] == 2 * [
        "Solution" if word == "Exercise." else "Guessed? Open the answer"
    ]
    assert "-2.0" in found[0].astext()
    box = f"chainrule-{word[:-1].lower()}"
    assert sum(box in p["classes"] for p in document.findall(nodes.paragraph)) == 2
    before = [fold.parent[fold.parent.index(fold) - 1].astext() for fold in found]
    assert ["<form" in html for html in before] == [True, False]


@pytest.mark.parametrize("word", ["Predict.", "Exercise."])
def test_a_fold_reaches_to_the_next_heading(word: str) -> None:
    """Whatever comes before the next heading is folded too, code and what it shows; what is declared is taken away."""
    document = page(word, "-2.0", "1.0")
    (question, _) = (p for p in document.findall(nodes.paragraph) if questions.begins_with(p, word))
    document.insert(document.index(question) + 1, nodes.comment(answer=["rises [up]", "falls: It is the other way."]))
    document.append(nodes.literal_block("", "more", language="Python"))
    document.append(nodes.section("", nodes.paragraph("", "After a heading.")))
    first, last = folds(document)
    known = html.unescape(first.parent[first.parent.index(first) - 1].astext())
    assert '"answer": "rises", "tells": ["up"]' in known
    assert known.index("<button value='falls'>") < known.index("<button value='rises'>")
    assert "more" not in last.astext(), "it stands after the way on"
    assert "After a heading" not in last.astext()
    assert not [node for node in document.findall(nodes.comment) if "answer" in node]


@pytest.mark.parametrize("word", ["Predict.", "Exercise."])
def test_an_answer_that_nobody_reads_out_leaves_the_next_alone(word: str) -> None:
    """Neither the next question nor the way on is folded with an answer."""
    found = folds(page(word, "1.0", "2.0", read=False))
    assert len(found) == 2
    assert not any("Question" in fold.astext() or "Next" in fold.astext() for fold in found)


def test_a_solution_may_print_nothing() -> None:
    """A solution without an output is folded as well, and nothing is asked for in a field."""
    document = page("Exercise.", "")
    (fold,) = folds(document)
    assert "code 1" in fold.astext()
    assert "Reading 1." in fold.astext()
    assert "<form" not in document.astext()


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (page("Predict.", ""), "no output after it"),
        (page("Predict.", None), "no output after it"),
        (page("Exercise.", None, "1.0"), "an exercise has no solution"),
        (page("Exercise.", None), "an exercise has no solution"),
        (page("Exercise.", "1.0", said=["printed", "3.0: path"]), "`path` needs words of its own"),
    ],
)
def test_a_question_that_is_not_answered_names_its_line(
    document: nodes.document, complaint: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question without an answer, or with a slip that lacks its words, is a warning at its line in the script."""
    monkeypatch.setattr(logging.getLogger("sphinx"), "propagate", True)  # it keeps to itself what it says
    questions.Questions(document).apply()
    (record,) = caplog.records
    assert complaint in record.getMessage()
    assert record.__dict__["location"] == "examples/1_one_weight/10_nudge.py:24"


def test_bold_words_elsewhere_ask_nothing() -> None:
    """Only a paragraph that begins with the word, with its full stop and in bold, asks."""
    for first in (nodes.Text("Predict. Now."), nodes.strong("", "Predict"), nodes.emphasis("", "Predict.")):
        assert not questions.begins_with(nodes.paragraph("", "", first), "Predict.")
    assert not questions.begins_with(nodes.paragraph(), "Predict.")


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("-2.0", "-2.0"),
        ("step 1\ndloss/dw = -0.0199\n", "-0.0199"),
        ("w1 is 4", "4"),
        ("about 1e-3", "1e-3"),
        ("-0.0", "0.0"),
        ("+0.25", "+0.25"),
        ("2 and 4", None),
        ("(4, 1)", None),
        ("tensor(0.25)", None),
        ("4 gates", None),
        ("nan", None),
        ("3.0 of the sum 4", None),
        ("", None),
    ],
)
def test_an_answer_is_the_only_number_of_the_last_line(printed: str, expected: str | None) -> None:
    """The answer is what the last line ends with, if that is one number and no other stands there."""
    assert questions.answer(printed) == expected


@pytest.mark.parametrize(
    ("text", "value", "close"),
    [("−2.0", -2, 0.05), ("0.0199", 0.0199, 5e-5), ("1.5e-3", 0.0015, 5e-5), ("4", 4, 0), ("1e3", 1000, 500)],
)
def test_an_answer_is_as_close_as_it_was_printed(text: str, value: float, close: float) -> None:
    """A guess may be off by half a unit of the last digit printed; a count may not be off at all."""
    assert questions.measured(text) == pytest.approx((value, close))


def test_wrong_answers_are_named_or_common() -> None:
    """Those that are named come first; the sum's sentence says how many times too large it is."""
    named = [("-120.0", "sum"), ("7.0", "That is the prediction.")]
    found = {value: says for value, _, says in reversed(questions.wrong_answers(named, "-30.0"))}
    assert found == {
        -120.0: "It is 4 times the right gradient: a mean divides by the number of entries, and this sums.",
        7.0: "That is the prediction.",
        30.0: WORDS["sign"],
        -15.0: WORDS["half"],
        -60.0: WORDS["twice"],
        1 / -30: WORDS["inverse"],
    }


@pytest.mark.parametrize(
    ("right", "named", "wrong"),
    [
        ("4", [], []),
        ("0.0", [], []),
        ("4", [("3", "One is shut.")], [3.0]),
        ("1.0", [("1.0", "Never said.")], [-1.0, 0.5, 2.0]),
    ],
)
def test_no_slip_is_as_right_as_the_answer(right: str, named: list[tuple[str, str]], wrong: list[float]) -> None:
    """Half a count is no lost factor, zero has neither sign nor inverse, and one is its own inverse."""
    assert [value for value, _, _ in questions.wrong_answers(named, right)] == wrong


# --- the course


@pytest.mark.parametrize(
    ("opening", "expected"),
    [
        ("Nudge\n=====\n\nSee it move. Then more.\n\nNeeds.", ("Nudge", "See it move.")),
        ("\nNudge\n=====\n\nSee it\nmove\n", ("Nudge", "See it move")),
        ("Nudge\n=====\n\n**What you get:** the slope. Then more.\n", ("Nudge", "The slope.")),
        (".. _label:\n\n=====\nNudge\n=====\n", ("Nudge", "")),
    ],
)
def test_a_lesson_is_listed_by_title_and_first_sentence(opening: str, expected: tuple[str, str]) -> None:
    """The list of lessons shows the title, and the first sentence below it."""
    assert course.title_and_promise(opening) == expected


def test_a_lesson_says_what_it_needs(tmp_path: Path) -> None:
    """What a lesson needs, however it is linked, and its minutes are read from its opening, over a line's end too."""
    needs = {
        "1_a/10_one": "**What you need:** Python. Reading time: 8 minutes.",
        "2_b/10_two": "**What you need:** :ref:`sphx_glr_lessons_1_a_10_one.py`. Reading time: 10\nminutes.",
        "2_b/20_six": "**What you need:** :doc:`/lessons/2_b/10_two`. Reading time: 1 minutes.",
    }

    def write(name: str, need: str) -> None:
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'"""\n{name[-3:]}\n===\n\nA promise.\n\n{need}\n"""\n', "utf-8")

    for name, need in needs.items():
        write(name, need)
    assert [(each.name, each.minutes, each.needs) for each in course.lessons(tmp_path)] == [
        ("1_a/10_one", 8, ()),
        ("2_b/10_two", 10, ("1_a/10_one",)),
        ("2_b/20_six", 1, ("2_b/10_two",)),
    ]
    write("2_b/30_ten", "Nothing.")
    with pytest.raises(ValueError, match=r"examples/2_b/30_ten\.py does not say what it needs"):
        course.lessons(tmp_path)


def test_plans_come_in_an_order_that_can_be_followed() -> None:
    """The plans for teachers, which continue one another, name each lesson after those that it needs."""
    needs = {each.name: set(each.needs) for each in course.lessons(ROOT / "examples")}
    plans = re.findall(r"^```\{plan\}\n(.*?)^```", (ROOT / "docs/how-to/teach.md").read_text("utf-8"), re.M | re.S)
    planned = " ".join(plans).split()
    assert planned
    for number, name in enumerate(planned):
        assert needs[name] <= set(planned[:number]), name


def test_the_map_joins_each_lesson_to_what_it_needs() -> None:
    """The picture has a dot and a title for each lesson, a line for each need, and a description."""
    found = course.lessons(ROOT / "examples")
    svg = course.picture(found, {each.part: each.part for each in found})
    assert svg.count("<circle") == len(found)
    assert svg.count("<path") == sum(len(each.needs) for each in found)
    assert f'aria-label="{len(found)} lessons' in svg
    assert all(f">{part}<" in svg for part in {each.part for each in found})


# --- what is taken away, and what PyTorch says


def test_an_archive_depends_on_contents_alone() -> None:
    """The same files give the same bytes, in whatever order they come, and carry no date of a build."""
    first = downloads.archive({"part/b.py": b"b", "part/a.ipynb": b"a"})
    assert downloads.archive({"part/a.ipynb": b"a", "part/b.py": b"b"}) == first
    (entry, _) = zipfile.ZipFile(io.BytesIO(first)).infolist()
    assert (entry.filename, entry.date_time[0]) == ("part/a.ipynb", 1980)


def test_of_a_traceback_its_last_words_are_shown() -> None:
    """A message keeps all of its lines, and loses the traceback before it and the place where PyTorch was built."""
    way = "KeyError: 1\n\nDuring handling of this, another came\nCell In[1], line 2\n"
    assert error_index.message(way + "RuntimeError: one\ntwo: 3") == "RuntimeError: one\ntwo: 3"
    said = error_index.message("UserWarning: Old. (Triggered internally at /build/a.h:12.)\n")
    assert said == "UserWarning: Old. (Triggered internally at …)"
