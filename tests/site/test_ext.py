"""Tests of the site's own Sphinx code, part by part; tests/site/test_site.py sees it at work."""

from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest
from _ext.execute import figures, fingerprint, kernel, progress
from _ext.pages import bundle, code_links, maths, sharing
from docutils import nodes
from docutils.utils import new_document
from matplotlib.figure import Figure

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


@pytest.mark.slow
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


@pytest.mark.slow
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


# --- the rest


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
        "docs/_ext/lessons/questions.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before")
    before = fingerprint.fingerprint(tmp_path)
    (tmp_path / "docs/_ext/lessons/questions.py").write_text("after")
    assert fingerprint.fingerprint(tmp_path) == before
    (tmp_path / changed).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / changed).write_text("after")
    assert fingerprint.fingerprint(tmp_path) != before


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
