"""Show a teacher what the lessons say of themselves: which needs which, and how long each takes to read.

``course-map`` draws it and writes it down; ``plan`` lists chosen lessons and adds up their minutes. Both read the line
**What you need** of every lesson, so neither can go stale.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

from _ext.lessons.course import title_and_promise

ROW, LEFT, WIDTH = 30, 92, 420
"""In the picture: the height of a lesson, where its dot stands, and the width of all."""
NEED = re.compile(r"\*\*What you need:\*\*(.*?)Reading\s+time:\s+(\d+)\s+minutes", re.DOTALL)


@dataclass(frozen=True)
class Lesson:
    """Hold what a lesson says of itself."""

    name: str
    """Its part and its script, such as `1_one_weight/10_nudge`."""
    title: str
    minutes: int
    needs: tuple[str, ...]
    """The names of the lessons that it asks for."""

    @property
    def part(self) -> str:
        """Return the folder that it is in."""
        return self.name.partition("/")[0]


def lessons(folder: Path) -> list[Lesson]:
    """Read all lessons below a folder, in the order of the course."""
    scripts = sorted(folder.glob("[0-9]*/[0-9]*.py"))
    names = {f"{script.parent.name}/{script.stem}": script for script in scripts}
    # A lesson is named by sphinx-gallery's label, or by the page's own name.
    labels = {f"sphx_glr_lessons_{name.replace('/', '_')}.py": name for name in names}
    labels |= {f"/lessons/{name}`": name for name in names}
    found = []
    for name, script in names.items():
        opening = split_code_and_text_blocks(str(script))[1][0].content
        said = NEED.search(opening)
        if said is None:
            raise ValueError(
                f"examples/{name}.py does not say what it needs, or how long it takes. "
                "Let its opening end in `**What you need:** ... Reading time: 10 minutes.`"
            )
        needs = tuple(needed for label, needed in labels.items() if label in said[1] and needed != name)
        found.append(Lesson(name, title_and_promise(opening)[0], int(said[2]), needs))
    return found


def part_title(folder: Path) -> str:
    """Return what a part is called, without its number."""
    return (folder / "index.rst").read_text("utf-8").partition("\n")[0].partition(": ")[2] or folder.name


def in_order(names: list[str], course: list[Lesson], known: set[str]) -> list[Lesson]:
    """Return the lessons of a plan; raise ValueError if one is not there, or comes before what it needs."""
    by_name = {each.name: each for each in course}
    planned: list[Lesson] = []
    for name in names:
        if name not in by_name:
            raise ValueError(f"there is no lesson examples/{name}.py; name one, such as {course[0].name}")
        met = known | {each.name for each in planned}
        if missing := [needed for needed in by_name[name].needs if needed not in met]:
            raise ValueError(f"{name} needs {', '.join(missing)}; put it before, or leave this one out")
        planned.append(by_name[name])
    return planned


def picture(course: list[Lesson], titles: dict[str, str]) -> str:
    """Draw the lessons one below the other, each joined on the left to those that it needs, as inline SVG."""
    rows: dict[str, float] = {}
    drawn = []
    y = 8.0
    for before, lesson in zip([None, *course], course, strict=False):
        if before is None or before.part != lesson.part:
            y += 18
            drawn.append(f'<text x="{LEFT + 16}" y="{y:g}" font-weight="650">{html.escape(titles[lesson.part])}</text>')
            y += ROW - 4
        rows[lesson.name] = y
        y += ROW
    for lesson in course:
        for needed in lesson.needs:
            top, bottom = sorted((rows[needed], rows[lesson.name]))
            bulge = LEFT - min(LEFT - 6, 8 * ((bottom - top) / ROW - 1) ** 0.75 * 4 / 3)
            drawn.append(
                f'<path d="M{LEFT} {top:g}C{bulge:.0f} {top:g} {bulge:.0f} {bottom:g} {LEFT} {bottom:g}" fill="none" '
                'stroke="var(--chainrule-line, currentColor)" stroke-width="1.5" opacity=".7"/>'
            )
    for lesson in course:
        row = rows[lesson.name]
        drawn.append(
            f'<circle cx="{LEFT}" cy="{row:g}" r="5"/>'
            f'<text x="{LEFT + 16}" y="{row + 5:g}">{html.escape(lesson.title)}</text>'
        )
    label = f"{len(course)} lessons one below the other, joined to those that they need; the list below says the same"
    return (
        f'<div class="chainrule-plot"><svg role="img" aria-label="{label}" viewBox="0 0 {WIDTH} {y:g}" '
        f'width="{WIDTH}" fill="currentColor" font-size="16">{"".join(drawn)}</svg></div>'
    )


class _OfTheCourse(SphinxDirective):
    """Share what both directives read."""

    @property
    def folder(self) -> Path:
        """Return where the lessons are."""
        return Path(self.env.app.confdir) / "examples"

    def course(self) -> list[Lesson]:
        """Read the lessons, and have the page written again when one changes."""
        for file in (*self.folder.glob("[0-9]*/[0-9]*.py"), *self.folder.glob("[0-9]*/index.rst")):
            self.env.note_dependency(str(file))
        return lessons(self.folder)


class CourseMap(_OfTheCourse):
    """Draw which lesson needs which, and write it down part by part."""

    has_content: ClassVar[bool] = False

    def run(self) -> list[nodes.Node]:
        """Return the picture and the list."""
        course = self.course()
        titles = {each.part: part_title(self.folder / each.part) for each in course}
        by_name = {each.name: each for each in course}
        lines = []
        for part, title in titles.items():
            of_part = [each for each in course if each.part == part]
            lines += ["", f"**{title}**, {sum(each.minutes for each in of_part)} minutes", ""]
            for each in of_part:
                needs = " and ".join(f"“{by_name[needed].title}”" for needed in each.needs)
                lines.append(
                    f"- {{doc}}`{each.title} </lessons/{each.name}>`, {each.minutes} minutes"
                    + (f"; needs {needs}" if needs else "")
                )
        drawing = nodes.raw("", picture(course, titles), format="html")
        return [drawing, *self.parse_text_to_nodes("\n".join(lines), offset=self.content_offset)]


class Plan(_OfTheCourse):
    """List lessons for a session, one a line, with the minutes that they take together.

    What they need has to come before them: in this plan, or in the one that it `:continues:`.
    """

    has_content: ClassVar[bool] = True
    option_spec: ClassVar = {"continues": directives.flag}

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        known: set[str] = (self.env.temp_data.get("chainrule_plan") or set()) if "continues" in self.options else set()
        try:
            planned = in_order([line.strip() for line in self.content if line.strip()], self.course(), known)
        except ValueError as error:
            raise self.error(str(error)) from None
        self.env.temp_data["chainrule_plan"] = known | {each.name for each in planned}
        lines = [f"1. {{doc}}`{each.title} </lessons/{each.name}>`, {each.minutes} minutes" for each in planned]
        lines += ["", f"Reading time together: {sum(each.minutes for each in planned)} minutes."]
        return self.parse_text_to_nodes("\n".join(lines), offset=self.content_offset)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directives."""
    app.add_directive("course-map", CourseMap)
    app.add_directive("plan", Plan)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
