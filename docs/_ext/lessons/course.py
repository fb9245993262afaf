"""Write down the course from what its lessons say of themselves, so that no list of them can go stale.

``.. lessons::`` stands in the ``index.rst`` of a part, and lists the scripts beside it with what they promise. For
teachers, ``course-map`` draws which lesson needs which, and ``plan`` adds up the minutes of chosen ones.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

NEED = re.compile(r"\*\*What you need:\*\*(.*?)Reading\s+time:\s+(\d+)\s+minutes", re.DOTALL)
ROW, HEADING, LEFT, WIDTH = 30, 44, 92, 420
"""In the picture: the height of a lesson and of a part's title, where the dots stand, and the width of all."""


@dataclass(frozen=True)
class Lesson:
    """A lesson as the map and the plans have it: `1_one_weight/10_nudge`, and the names of those that it asks for."""

    name: str
    title: str
    minutes: int
    needs: tuple[str, ...]

    @property
    def part(self) -> str:
        """Return the folder that it is in."""
        return self.name.partition("/")[0]

    def __str__(self) -> str:
        """Write it as an entry of a list in Markdown."""
        return f"{{doc}}`{self.title} </lessons/{self.name}>`, {self.minutes} minutes"


def opening(script: Path) -> str:
    """Return the text that a lesson opens with."""
    return str(split_code_and_text_blocks(str(script))[1][0].content)


def title_and_promise(text: str) -> tuple[str, str]:
    """Return the title of a lesson and the first sentence below it, from its opening."""
    paragraphs = [part.strip() for part in text.strip().split("\n\n") if not part.lstrip().startswith(".. ")]
    title = next(line for line in paragraphs[0].splitlines() if line.strip(" =-~#*"))
    promise = " ".join(paragraphs[1].split()) if len(paragraphs) > 1 else ""
    sentence, dot, _ = promise.removeprefix("**What you get:** ").partition(". ")
    return title.strip(), sentence[:1].upper() + sentence[1:] + dot.strip()


def lessons(folder: Path) -> list[Lesson]:
    """Return all lessons below a folder, in the order of the course."""
    scripts = sorted(folder.glob("[0-9]*/[0-9]*.py"))
    names = [f"{script.parent.name}/{script.stem}" for script in scripts]
    # A lesson is named by sphinx-gallery's label, or by the page's own name.
    labels = {f"sphx_glr_lessons_{name.replace('/', '_')}.py": name for name in names}
    labels |= {f"/lessons/{name}`": name for name in names}
    found = []
    for name, text in zip(names, map(opening, scripts), strict=True):
        said = NEED.search(text)
        if said is None:
            raise ValueError(
                f"examples/{name}.py does not say what it needs, or how long it takes. "
                "Let its opening end in `**What you need:** ... Reading time: 10 minutes.`"
            )
        needs = tuple(needed for label, needed in labels.items() if label in said[1] and needed != name)
        found.append(Lesson(name, title_and_promise(text)[0], int(said[2]), needs))
    return found


def picture(course: list[Lesson], titles: dict[str, str]) -> str:
    """Draw the lessons one below the other, each joined on the left to those that it needs, as inline SVG."""
    parts = list(titles)
    rows = {each.name: 8 + HEADING * (parts.index(each.part) + 1) + ROW * i for i, each in enumerate(course)}
    tops = {each.part: rows[each.name] - 26 for each in reversed(course)}
    drawn = [
        f'<text x="{LEFT + 16}" y="{tops[part]}" font-weight="650">{html.escape(title)}</text>'
        for part, title in titles.items()
    ]
    for top, bottom in (sorted((rows[needed], rows[each.name])) for each in course for needed in each.needs):
        bulge = LEFT - min(LEFT - 6, 8 * ((bottom - top) / ROW - 1) ** 0.75 * 4 / 3)
        drawn.append(
            f'<path d="M{LEFT} {top}C{bulge:.0f} {top} {bulge:.0f} {bottom} {LEFT} {bottom}" fill="none" '
            'stroke="var(--chainrule-line, currentColor)" stroke-width="1.5" opacity=".7"/>'
        )
    drawn += [
        f'<circle cx="{LEFT}" cy="{rows[each.name]}" r="5"/>'
        f'<text x="{LEFT + 16}" y="{rows[each.name] + 5}">{html.escape(each.title)}</text>'
        for each in course
    ]
    label = f"{len(course)} lessons one below the other, joined to those that they need; the list below says the same"
    return (
        f'<div class="chainrule-plot"><svg role="img" aria-label="{label}" '
        f'viewBox="0 0 {WIDTH} {max(rows.values()) + ROW}" '
        f'width="{WIDTH}" fill="currentColor" font-size="16">{"".join(drawn)}</svg></div>'
    )


class OfTheCourse(SphinxDirective):
    """What the directives share: where the lessons are, and how a list of them becomes nodes."""

    def course(self) -> tuple[list[Lesson], dict[str, str]]:
        """Return the lessons, and the title of each part without its number."""
        folder = Path(self.env.app.confdir) / "examples"
        for file in (*folder.glob("[0-9]*/[0-9]*.py"), *folder.glob("[0-9]*/index.rst")):
            self.env.note_dependency(str(file))
        found = lessons(folder)
        first_lines = {
            each.part: (folder / each.part / "index.rst").read_text("utf-8").split("\n")[0] for each in found
        }
        return found, {part: line.partition(": ")[2] or part for part, line in first_lines.items()}

    def parsed(self, lines: list[str]) -> list[nodes.Node]:
        """Return what lines of the page's own markup become."""
        return self.parse_text_to_nodes("\n".join(lines), offset=self.content_offset)


class Lessons(OfTheCourse):
    """List the lessons of this part, and put them into the sidebar in the same order."""

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        scripts = sorted(Path(self.env.doc2path(self.env.docname)).parent.glob("*.py"))
        lines = [".. rst-class:: chainrule-course", ""]
        for script in scripts:
            self.env.note_dependency(str(script))
            title, promise = title_and_promise(opening(script))
            lines += [f"#. :doc:`{title} <{script.stem}>`", "", f"   {promise}", ""]
        return self.parsed([*lines, "", ".. toctree::", "   :hidden:", "", *(f"   {each.stem}" for each in scripts)])


class CourseMap(OfTheCourse):
    """Draw which lesson needs which, and write it down part by part."""

    def run(self) -> list[nodes.Node]:
        """Return the picture and the list."""
        course, titles = self.course()
        by_name = {each.name: each for each in course}
        lines = []
        for part, title in titles.items():
            of_part = [each for each in course if each.part == part]
            lines += ["", f"**{title}**, {sum(each.minutes for each in of_part)} minutes", ""]
            for each in of_part:
                needs = " and ".join(f"“{by_name[needed].title}”" for needed in each.needs)
                lines.append(f"- {each}" + (f"; needs {needs}" if needs else ""))
        return [nodes.raw("", picture(course, titles), format="html"), *self.parsed(lines)]


class Plan(OfTheCourse):
    """List lessons for a session, one a line, with the minutes that they take together."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        by_name = {each.name: each for each in self.course()[0]}
        names = [line.strip() for line in self.content if line.strip()]
        if unknown := [name for name in names if name not in by_name]:
            raise self.error(f"there is no lesson examples/{unknown[0]}.py; name one, such as {next(iter(by_name))}")
        minutes = sum(by_name[name].minutes for name in names)
        lines = [f"1. {by_name[name]}" for name in names]
        return self.parsed([*lines, "", f"Reading time together: {minutes} minutes."])


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directives."""
    app.add_directive("lessons", Lessons)
    app.add_directive("course-map", CourseMap)
    app.add_directive("plan", Plan)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
