"""Figures show themselves: inline SVG that follows the page, is the same each time, and says what it shows."""

from __future__ import annotations

import re
from itertools import product

import matplotlib
import matplotlib.figure
import pytest
from IPython.core.formatters import DisplayFormatter

from chainrule.views.colors import DARK, LIGHT
from chainrule.views.svg import CURVES, Figure


def drawn(points: int = 3, label: str = "a line that falls") -> Figure:
    """Draw a line."""
    figure = Figure(figsize=(4, 2))
    axes = figure.subplots()
    axes.plot(range(points), [index % 7 for index in range(points)])
    axes.set_title("falls")
    figure.set_label(label)
    return figure


def test_a_figure_follows_the_theme() -> None:
    """Black becomes the page's ink, white its paper and blue its blue; text stays text."""
    shown = drawn()._repr_html_()
    assert not re.findall(r"#000000|#ffffff|[: ]#2a7de1", shown.replace(", #2a7de1)", ""))
    assert "currentColor" in shown
    assert "var(--chainrule-value, #2a7de1)" in shown
    assert ">falls<" in shown


def test_a_figure_is_the_same_each_time() -> None:
    """The same figure gives the same text: no date, no random id."""
    assert drawn()._repr_html_() == drawn()._repr_html_()
    assert "<metadata" not in drawn()._repr_html_()


def test_two_figures_share_no_id() -> None:
    """Two figures on a page have no id in common, and every reference is followed."""
    shown = [drawn(points)._repr_html_() for points in (3, 4)]
    ids = [set(re.findall(r'\bid="([^"]+)"', text)) for text in shown]
    assert ids[0]
    assert not ids[0] & ids[1]
    for text, known in zip(shown, ids, strict=True):
        assert set(re.findall(r'(?:href="|url\()#([^")]+)', text)) <= known


@pytest.mark.parametrize(
    ("label", "suptitle", "title", "expected"),
    [
        ("by label", "by suptitle", "by title", "by label"),
        ("", "by suptitle", "by title", "by suptitle"),
        ("", "", "by title", "by title"),
        ("", "", "", ""),
        ('a < "b"', "", "", "a &lt; &quot;b&quot;"),
    ],
)
def test_what_describes_a_figure(label: str, suptitle: str, title: str, expected: str) -> None:
    """The label goes before the title, and the title before those of the axes; none can end its attribute."""
    figure = Figure()
    figure.subplots().set_title(title)
    figure.set_label(label)
    if suptitle:
        figure.suptitle(suptitle)
    assert f'<svg role="img" aria-label="{expected}"' in figure._repr_html_()


def test_a_figure_is_drawn_in_our_style_and_leaves_the_users_settings_alone() -> None:
    """Axes have two spines and lines of two points in our colours; afterwards matplotlib is set as it was."""
    before = dict(matplotlib.rcParams)
    figure = drawn()
    figure._repr_html_()
    assert dict(matplotlib.rcParams) == before
    (axes,) = figure.axes
    assert [side for side, spine in axes.spines.items() if spine.get_visible()] == ["left", "bottom"]
    assert (axes.lines[0].get_color(), axes.lines[0].get_linewidth()) == (CURVES[0], 2)


def contrast(*colours: str) -> float:
    """Work out the contrast of two colours by WCAG 2.1."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted(map(luminance, colours))
    return (high + 0.05) / (low + 0.05)


def test_line_colours_are_seen_on_both_backgrounds() -> None:
    """Each colour of a line has a contrast of three on the page's white and on its black."""
    for colour, paper in product(CURVES, (LIGHT.page, DARK.page)):
        assert contrast(colour, paper) >= 3, (colour, paper)


def test_a_notebook_shows_a_figure_as_html() -> None:
    """IPython takes the inline SVG of our figure, and needs no `%matplotlib inline` for it."""
    shown, _ = DisplayFormatter().format(drawn())
    assert set(shown) == {"text/html", "text/plain"}
    assert isinstance(drawn(), matplotlib.figure.Figure)
