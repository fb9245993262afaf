"""Tests of the site's own Sphinx code, part by part; tests/site/test_site.py sees it at work."""

import io
import zipfile
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest
from _ext.execute import figures, fingerprint, kernel, progress
from _ext.lessons import course, course_map, downloads, error_index, exercises, predictions
from _ext.pages import accessible, bundle, code_links, inventories, maths, sharing
from docutils import nodes
from docutils.utils import new_document
from matplotlib.figure import Figure
from sphinx.util.inventory import InventoryFile

from chainrule.checking.slips import WORDS

ROOT = Path(__file__).parents[2]


def line_figure(points: int = 3, label: str = "a line that falls") -> Figure:
    """Return a figure made without pyplot."""
    figure = Figure(figsize=(4, 2))
    axes = figure.subplots()
    axes.plot(range(points), [index % 7 for index in range(points)])
    axes.set_title("falls")
    figure.set_label(label)
    return figure


# --- figures


def test_a_figure_follows_the_theme() -> None:
    """Black becomes the page's ink and white its paper, and text stays text."""
    html = figures.inline(line_figure(), "f1")
    assert "#000000" not in html
    assert "#ffffff" not in html
    assert "currentColor" in html
    assert ">falls<" in html


def test_a_figure_is_the_same_each_time() -> None:
    """The same figure gives the same text: no date, no random id."""
    assert figures.inline(line_figure(), "f1") == figures.inline(line_figure(), "f1")
    assert "<metadata" not in figures.inline(line_figure(), "f1")


def test_two_figures_share_no_id() -> None:
    """With prefixes of their own, two figures on a page have no id in common, and every reference is followed."""
    import re

    html = [figures.inline(line_figure(), prefix) for prefix in ("f1", "f2")]
    ids = [set(re.findall(r'\bid="([^"]+)"', text)) for text in html]
    assert ids[0]
    assert not ids[0] & ids[1]
    for text, known in zip(html, ids, strict=True):
        assert set(re.findall(r'(?:href="|url\()#([^")]+)', text)) <= known


@pytest.mark.parametrize(
    ("label", "suptitle", "title", "expected"),
    [
        ("by label", "by suptitle", "by title", "by label"),
        ("", "by suptitle", "by title", "by suptitle"),
        ("", "", "by title", "by title"),
        ("", "", "", ""),
    ],
)
def test_what_describes_a_figure(label: str, suptitle: str, title: str, expected: str) -> None:
    """The label goes before the title, and the title before those of the axes."""
    figure = Figure()
    figure.subplots().set_title(title)
    figure.set_label(label)
    if suptitle:
        figure.suptitle(suptitle)
    assert figures.description(figure) == expected


def test_a_description_is_escaped() -> None:
    """A description with quotes and angle brackets cannot end its attribute."""
    assert 'aria-label="a &lt; &quot;b&quot;"' in figures.inline(line_figure(label='a < "b"'), "f1")


def test_a_heavy_figure_is_drawn_in_pixels_and_keeps_its_text() -> None:
    """Above some 2,000 points the curve becomes a picture, while the title stays text that follows the theme."""
    light, heavy = (figures.inline(line_figure(points), "f1") for points in (50, 20_000))
    assert "data:image/png" not in light
    assert "data:image/png" in heavy
    assert ">falls<" in heavy


def test_line_colours_are_seen_on_both_backgrounds() -> None:
    """Each colour of a line does three to one on the page's white and on its black."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    with plt.style.context(figures.STYLE):
        colours = [entry["color"].lstrip("#") for entry in plt.rcParams["axes.prop_cycle"]]
    for colour in colours:
        for paper in ("ffffff", "131416"):
            low, high = sorted((luminance(colour), luminance(paper)))
            assert (high + 0.05) / (low + 0.05) >= 3, (colour, paper)


def test_the_kernel_shows_a_pyplot_figure_once() -> None:
    """A figure that a cell ends with is closed, so that the end of the cell does not show it again."""
    figure, axes = plt.subplots()
    axes.set_title("once")
    assert 'aria-label="once"' in kernel.shown(figure)
    assert not plt.get_fignums()


def test_the_kernel_asks_for_a_description() -> None:
    """A figure in a chapter without a description is a warning, which the build takes for a failure."""
    with pytest.warns(UserWarning, match="set_label"):
        kernel.shown(Figure())


# --- predict, then reveal


def lesson(*, answer: bool) -> nodes.document:
    """Return a lesson as sphinx-gallery makes it, with a prediction, code, and perhaps an output."""
    from docutils.utils import new_document

    document = new_document("docs/lessons/1_one_weight/10_nudge.rst")
    document += nodes.comment("", "GENERATED FROM PYTHON SOURCE LINES 24-29")
    document += nodes.paragraph("", "", nodes.strong("", "Predict."), nodes.Text(" Up or down?"))
    document += nodes.comment("", "GENERATED FROM PYTHON SOURCE LINES 30-31")
    document += nodes.literal_block("", "print(1)", language="Python")
    if answer:
        document += nodes.raw("", "<svg></svg>", format="html")
        document += nodes.literal_block("", "1", language="none", classes=["sphx-glr-script-out"])
    document += nodes.comment("", "GENERATED FROM PYTHON SOURCE LINES 32-33")
    document += nodes.raw("", "<hr>", format="html")
    return document


def test_all_outputs_of_the_next_block_are_folded() -> None:
    """The figure and what was printed go into the fold, in order; what follows stays outside."""
    document = lesson(answer=True)
    predictions.PredictTransform(document).apply()
    (fold,) = document.findall(predictions.Reveal)
    assert [child.astext() for child in fold.children] == ["<svg></svg>", "1"]
    assert "chainrule-predict" in next(iter(document.findall(nodes.paragraph)))["classes"]
    assert document.children[-1].astext() == "<hr>"


def test_the_paragraph_that_reads_the_answer_is_folded_too() -> None:
    """What reads the answer out, a paragraph and a list right after it, is folded; the next paragraph stays."""
    document = lesson(answer=True)
    document.pop()
    document += nodes.paragraph("", "It is 1.")
    document += nodes.bullet_list("", nodes.list_item("", nodes.paragraph("", "For it was printed.")))
    document += nodes.paragraph("", "What follows.")
    predictions.PredictTransform(document).apply()
    (fold,) = document.findall(predictions.Reveal)
    assert "It is 1." in fold.astext()
    assert "For it was printed." in fold.astext()
    assert document.children[-1].astext() == "What follows."


def test_the_next_prediction_is_not_folded_with_an_answer() -> None:
    """A prediction that comes right after an answer stays in sight, as a box of its own."""
    document = lesson(answer=True)
    document.pop()
    document += lesson(answer=True).children[1:]
    predictions.PredictTransform(document).apply()
    assert len(list(document.findall(predictions.Reveal))) == 2
    assert not any("Predict." in fold.astext() for fold in document.findall(predictions.Reveal))


def test_a_prediction_without_an_answer_names_its_line(caplog: pytest.LogCaptureFixture) -> None:
    """A prediction that no output answers is a warning, at the place in the script where its author finds it."""
    import logging

    logger = logging.getLogger("sphinx")
    propagate, logger.propagate = logger.propagate, True
    try:
        predictions.PredictTransform(lesson(answer=False)).apply()
    finally:
        logger.propagate = propagate
    (record,) = caplog.records
    assert "no output after it" in record.getMessage()
    assert record.__dict__["location"] == "examples/1_one_weight/10_nudge.py:24"


def test_bold_words_elsewhere_are_no_prediction() -> None:
    """Only a paragraph that begins with the word, with its full stop and in bold, asks for a prediction."""
    for first in (nodes.Text("Predict. Now."), nodes.strong("", "Predict"), nodes.emphasis("", "Predict.")):
        assert not predictions.is_prediction(nodes.paragraph("", "", first))
    assert not predictions.is_prediction(nodes.paragraph())


# --- exercises


def page_of_exercises(*printed: str | None, chapter: bool = False) -> nodes.document:
    """Return a page with an exercise for each output (none: without a solution), each read out, and a way on."""
    from docutils.utils import new_document

    document = new_document("docs/lessons/1_one_weight/10_nudge.rst")
    document += nodes.comment("", "GENERATED FROM PYTHON SOURCE LINES 24-29")
    for number, output in enumerate(printed, 1):
        document += nodes.paragraph("", "", nodes.strong("", "Exercise."), nodes.Text(f" Question {number}?"))
        if output is None:
            continue
        block = nodes.literal_block("", f"code {number}", language="Python")
        shown = nodes.literal_block("", output, language="none", classes=[] if chapter else ["sphx-glr-script-out"])
        if chapter:
            cell = nodes.container("", nb_element="cell_code")
            cell += nodes.container("", block, nb_element="cell_code_source")
            cell += nodes.container("", shown, nb_element="cell_code_output")
            document += cell
        else:
            document += nodes.comment("", f"GENERATED FROM PYTHON SOURCE LINES {30 * number}-{30 * number + 9}")
            document += [block, *([shown] if output else [])]
            document += nodes.comment("", "GENERATED FROM PYTHON SOURCE LINES 40-49")
        document += nodes.paragraph("", f"Reading {number}.")
        document += nodes.bullet_list("", nodes.list_item("", nodes.paragraph("", f"Point {number}.")))
    document += nodes.paragraph("", "", nodes.strong("", "Next:"), nodes.Text(" on."))
    return document


@pytest.mark.parametrize("chapter", [False, True])
def test_a_solution_is_folded_whole(chapter: bool) -> None:
    """Code, what it printed, the reading and its list go into one fold; question, field and what follows stay out."""
    document = page_of_exercises("-2.0", "no number here", chapter=chapter)
    exercises.ExerciseTransform(document).apply()
    folds = list(document.findall(predictions.Reveal))
    for number, fold in enumerate(folds, 1):
        assert fold["summary"] == "Solution"
        for words in (f"code {number}", f"Reading {number}.", f"Point {number}."):
            assert words in fold.astext()
        assert "Exercise." not in fold.astext()
        assert "Next:" not in fold.astext()
    assert len(folds) == 2
    assert "-2.0" in folds[0].astext()
    (field,) = document.findall(exercises.Field)
    assert document.index(field) == document.index(folds[0]) - 1
    assert sum("chainrule-exercise" in p["classes"] for p in document.findall(nodes.paragraph)) == 2


def test_an_exercise_without_reading_leaves_the_next_alone() -> None:
    """Neither the next question nor the way on is folded with a solution that nobody reads out."""
    document = page_of_exercises("1.0", "2.0")
    for node in [p for p in document.findall(nodes.paragraph) if p.astext().startswith(("Reading", "Point"))]:
        target = node.parent.parent if isinstance(node.parent, nodes.list_item) else node
        target.parent.remove(target)
    exercises.ExerciseTransform(document).apply()
    assert len(list(document.findall(predictions.Reveal))) == 2
    assert not any(
        "Question" in fold.astext() or "Next" in fold.astext() for fold in document.findall(predictions.Reveal)
    )


def test_a_solution_may_print_nothing() -> None:
    """A solution without an output is folded as well, and nothing is asked for in a field."""
    document = page_of_exercises("")
    exercises.ExerciseTransform(document).apply()
    (fold,) = document.findall(predictions.Reveal)
    assert "code 1" in fold.astext()
    assert "Reading 1." in fold.astext()
    assert not list(document.findall(exercises.Field))


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (page_of_exercises(None, "1.0"), "an exercise has no solution"),
        (page_of_exercises(None), "an exercise has no solution"),
        (page_of_exercises("not 3.0: path\n1.0"), "`path` needs words of its own"),
    ],
)
def test_an_exercise_that_cannot_be_answered_names_its_line(
    document: nodes.document, complaint: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An exercise whose solution is missing, or names a slip without its words, is a warning at its line."""
    import logging

    logger = logging.getLogger("sphinx")
    propagate, logger.propagate = logger.propagate, True
    try:
        exercises.ExerciseTransform(document).apply()
    finally:
        logger.propagate = propagate
    (record,) = caplog.records
    assert complaint in record.getMessage()
    assert record.__dict__["location"] == "examples/1_one_weight/10_nudge.py:24"


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
        ("not 3.0: of the sum 4", None),
        ("", None),
    ],
)
def test_an_answer_is_the_only_number_of_the_last_line(printed: str, expected: str | None) -> None:
    """The answer is what the last line ends with, if that is one number and no other stands there."""
    found = exercises.answer(printed)
    assert (found and found.text) == expected


@pytest.mark.parametrize(
    ("text", "close"), [("-2.0", 0.05), ("0.0199", 5e-5), ("1.5e-3", 5e-5), ("4", 0), ("1e3", 500)]
)
def test_an_answer_is_as_close_as_it_was_printed(text: str, close: float) -> None:
    """A guess may be off by half a unit of the last digit printed; a count may not be off at all."""
    assert exercises.Number(text).close == pytest.approx(close)


def test_wrong_answers_come_from_the_output_and_from_the_right_one() -> None:
    """Those that the code printed come first; the sum's sentence says how many times too large it is."""
    found = {
        wrong.value: wrong.says for wrong in reversed([*exercises.wrong_answers(PRINTED, exercises.Number("-30.0"))])
    }
    assert found == {
        -120.0: "It is 4 times the right gradient: a mean divides by the number of entries, and this sums.",
        7.0: "That is the prediction.",
        30.0: WORDS["sign"],
        -15.0: WORDS["half"],
        -60.0: WORDS["twice"],
        1 / -30: WORDS["inverse"],
    }


PRINTED = "not -120.0: sum\nnot 7.0: That is the prediction.\n-30.0"


@pytest.mark.parametrize(("printed", "wrong"), [("4", []), ("0.0", []), ("not 3: One is shut.\n4", [3.0])])
def test_counts_and_zero_have_no_common_slips(printed: str, wrong: list[float]) -> None:
    """Half a count is no lost factor, and zero has neither sign nor inverse; slips that are named are kept."""
    field = exercises.field(printed)
    assert field is not None
    assert [value for value, _, _ in field["wrong"]] == wrong


def test_no_slip_is_as_right_as_the_answer() -> None:
    """What would count as right is not among the wrong answers: one is its own inverse."""
    field = exercises.field("not 1.0: Never said.\n1.0")
    assert field is not None
    assert [value for value, _, _ in field["wrong"]] == [-1.0, 0.5, 2.0]


# --- the rest


def test_an_archive_depends_on_contents_alone(tmp_path: Path) -> None:
    """The same files give the same bytes, whatever their dates and the order in which they are named."""
    import os

    files = [tmp_path / name for name in ("part/b.py", "part/a.ipynb")]
    (tmp_path / "part").mkdir()
    for file in files:
        file.write_text(file.name)
    first = downloads.archive(files, tmp_path)
    os.utime(files[0], (0, 10**9))
    assert downloads.archive(files[::-1], tmp_path) == first
    assert zipfile.ZipFile(io.BytesIO(first)).namelist() == ["part/a.ipynb", "part/b.py"]


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


@pytest.mark.parametrize(
    "changed",
    [
        "src/chainrule/calculus/rules.py",
        "src/chainrule/live/js/model.js",
        "requirements.lock",
        "docs/_ext/execute/figures.py",
    ],
)
def test_the_fingerprint_sees_a_change(changed: str, tmp_path: Path) -> None:
    """A change in the library, the lock or what runs the lessons changes the fingerprint; other site code does not."""
    for name in (
        "src/chainrule/calculus/rules.py",
        "requirements.lock",
        "docs/_ext/execute/figures.py",
        "docs/_ext/lessons/predictions.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before")
    before = fingerprint.fingerprint(tmp_path)
    (tmp_path / "docs/_ext/lessons/predictions.py").write_text("after")
    assert fingerprint.fingerprint(tmp_path) == before
    (tmp_path / changed).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / changed).write_text("after")
    assert fingerprint.fingerprint(tmp_path) != before


def test_inventories_are_what_sphinx_reads() -> None:
    """Each text inventory becomes one that Sphinx reads, with as many names as it has lines."""
    texts = sorted((ROOT / "docs/_inventories").glob("*.txt"))
    assert texts
    for text in texts:
        lines = text.read_text("utf-8")
        found = InventoryFile.loads(inventories.compressed(text.stem, lines), uri="https://example.org/")
        assert sum(len(names) for names in found.data.values()) == len(lines.splitlines())


def test_a_formula_carries_mathml_and_an_error_is_said() -> None:
    """A formula is rendered with MathML beside it; one that KaTeX does not understand gives a message, not red text."""
    good, bad = maths.answer(r"\frac{1}{2}", False), maths.answer(r"\frac{1", False)
    assert "<math" in good["html"]
    assert "html" not in bad
    assert "KaTeX parse error" in bad["error"]


def test_stylesheet_and_program_are_of_one_version() -> None:
    """KaTeX's stylesheet and fonts on the site are of the version that renders the formulas."""
    import re

    import sphinxcontrib.katex

    sheet = (ROOT / "docs/_static/katex/katex.min.css").read_text("utf-8")
    version = re.search(r'content:"(\d+\.\d+\.\d+)"', sheet)
    assert version is not None
    assert version[1] == sphinxcontrib.katex.katex_version
    assert set(re.findall(r"fonts/[\w-]+\.\w+", sheet)) == {
        f"fonts/{font.name}" for font in (ROOT / "docs/_static/katex/fonts").iterdir()
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<pre><span>", '<pre tabindex="0"><span>'),
        ('<div class="output_subarea output_html">', '<div class="output_subarea output_html" tabindex="0">'),
        ('<summary aria-label="Toggle">Show</summary>', "<summary>Show</summary>"),
        ("</div>\n<br />\n<br />\n<p>", "</div>\n<p>"),
    ],
)
def test_mends(before: str, after: str) -> None:
    """What scrolls takes the focus, a label does not contradict what is seen, and empty lines go."""
    assert accessible.mend(before) == after


@pytest.mark.parametrize(("number", "expected"), [(1, "1 page"), (4, "4 pages")])
def test_counts_read_well(number: int, expected: str) -> None:
    """One page is a page, and four are pages."""
    assert progress.counted(number, "page") == expected


# --- links from code


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("torch.relu(x)", {"torch.relu"}),
        ("import numpy as np\nnp.abs(x)", {"numpy.abs"}),
        ("from torch import nn\nnn.Linear(2, 1)", {"torch.nn.Linear"}),
        ("with chainrule.record() as rec:\n    y\nrec.grad(y)", {"chainrule.record", "chainrule.Recording.grad"}),
        ("# torch.relu is told of\nx.y", {"x.y"}),
    ],
)
def test_code_names_what_it_uses(code: str, expected: set[str]) -> None:
    """A name is found written out, behind an abbreviation, and as a recording's; not in what a lesson tells."""
    assert code_links.used(code) == expected


# --- one stylesheet, one script


def test_parts_of_a_bundle_give_way_to_it() -> None:
    """Files that are joined are replaced where the first of them stands; unused ones go, and all others stay."""
    files = [
        SimpleNamespace(filename=name) for name in ("_static/a.css", "_static/mystnb.1.css", "_static/b.css?v=1", "x")
    ]
    whole = SimpleNamespace(filename="whole")
    bundle.replace(files, ("a.css", "b.css"), whole)
    assert [file.filename for file in files] == ["whole", "x"]


# --- what is told to those who share a page


@pytest.mark.parametrize(
    ("paragraphs", "expected"),
    [
        (["Short.", "What you get: a way to see which of the numbers moves the loss."], "A way to see which of the"),
        ([], ""),
        (["word " * 100], "Word word"),
    ],
)
def test_a_page_is_described_by_its_first_words(paragraphs: list[str], expected: str) -> None:
    """The description is the first paragraph that says something, cut after a word."""
    document = new_document("page")
    section = nodes.section()
    document += section
    section += [nodes.paragraph(text, text) for text in paragraphs]
    said = sharing.description(document)
    assert said.startswith(expected)
    assert len(said) <= sharing.LONGEST + 2
    assert bool(said) == bool(expected)


# --- errors that a chapter shows


def test_of_a_traceback_its_last_words_are_shown() -> None:
    """A message keeps all of its lines, and loses the traceback before it and the place where PyTorch was built."""
    way = "KeyError: 1\n\nDuring handling of this, another came\nCell In[1], line 2\n"
    assert error_index.message(way + "RuntimeError: one\ntwo: 3") == "RuntimeError: one\ntwo: 3"
    said = error_index.message("UserWarning: Old. (Triggered internally at /build/a.h:12.)\n")
    assert said == "UserWarning: Old. (Triggered internally at …)"


# --- the map of the course


def write_lesson(folder: Path, name: str, need: str) -> None:
    """Write the opening of a lesson."""
    path = folder / f"{name}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'"""\n{name[-3:]}\n===\n\nA promise.\n\n{need}\n"""\n', "utf-8")


def test_a_lesson_says_what_it_needs(tmp_path: Path) -> None:
    """What a lesson needs, however it is linked, and its minutes are read from its opening, over a line's end too."""
    write_lesson(tmp_path, "1_a/10_one", "**What you need:** Python. Reading time: 8 minutes.")
    write_lesson(
        tmp_path, "2_b/10_two", "**What you need:** :ref:`sphx_glr_lessons_1_a_10_one.py`. Reading time: 10\nminutes."
    )
    write_lesson(tmp_path, "2_b/20_six", "**What you need:** :doc:`/lessons/2_b/10_two`. Reading time: 1 minutes.")
    assert [(each.name, each.minutes, each.needs) for each in course_map.lessons(tmp_path)] == [
        ("1_a/10_one", 8, ()),
        ("2_b/10_two", 10, ("1_a/10_one",)),
        ("2_b/20_six", 1, ("2_b/10_two",)),
    ]
    write_lesson(tmp_path, "2_b/30_ten", "Nothing.")
    with pytest.raises(ValueError, match=r"examples/2_b/30_ten\.py does not say what it needs"):
        course_map.lessons(tmp_path)


def test_a_plan_comes_in_an_order_that_can_be_followed() -> None:
    """A plan holds what its lessons need, before them or in the plan that it continues, and only lessons there are."""
    one = course_map.Lesson("1_a/10_one", "One", 8, ())
    two = course_map.Lesson("1_a/20_two", "Two", 5, ("1_a/10_one",))
    assert course_map.in_order(["1_a/10_one", "1_a/20_two"], [one, two], set()) == [one, two]
    assert course_map.in_order(["1_a/20_two"], [one, two], {"1_a/10_one"}) == [two]
    with pytest.raises(ValueError, match="1_a/20_two needs 1_a/10_one; put it before"):
        course_map.in_order(["1_a/20_two", "1_a/10_one"], [one, two], set())
    with pytest.raises(ValueError, match=r"there is no lesson examples/1_a/30\.py"):
        course_map.in_order(["1_a/30"], [one, two], set())


def test_the_map_joins_each_lesson_to_what_it_needs() -> None:
    """The picture has a dot and a title for each lesson, a line for each need, and a description."""
    found = course_map.lessons(ROOT / "examples")
    titles = {each.part: course_map.part_title(ROOT / "examples" / each.part) for each in found}
    svg = course_map.picture(found, titles)
    assert svg.count("<circle") == len(found)
    assert svg.count("<path") == sum(len(each.needs) for each in found)
    assert f'aria-label="{len(found)} lessons' in svg
    assert "One weight" in svg
