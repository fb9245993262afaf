"""Tests of how the site is built: what a change executes again, and what stops a build."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import built
from tests.support.pages import read
from tests.support.project import LESSON, Project
from tests.support.prose import check

pytestmark = pytest.mark.site

ALL = ["10_one.py", "20_two.py", "chapter"]


@pytest.mark.parametrize(
    ("file", "old", "new", "executed"),
    [
        ("examples/1_part/20_two.py", "Some words", "Some other words", ["20_two.py"]),
        ("docs/chapter.md", "Some words", "Some words unheard", []),
        ("docs/chapter.md", " unheard", "", []),
        ("docs/_static/chainrule.css", ".chainrule-plot", ".chainrule-plot ", []),
        ("src/chainrule/__init__.py", "Nothing", "Nothing new", ALL),
        ("requirements.lock", "torch", "# new\ntorch", ALL),
        ("docs/_ext/execute/kernel.py", "profile", "other profile", ALL),
        ("examples/1_part/10_one.py", "First", "Third", ["10_one.py"]),
    ],
)
def test_what_a_change_executes(file: str, old: str, new: str, executed: list[str], small: Project) -> None:
    """What is executed again: a lesson when it, and everything when the library, the lock or what runs it changed.

    All pages are written anew: a new title stands in every sidebar, and the search knows the words of today alone.
    """
    text = (small.folder / file).read_text("utf-8")
    small.write(file, text.replace(old, new, 1))
    small.build()
    assert small.status == 0, small.complained
    assert sorted(small.executed()) == executed
    assert small.written == set(small.times())
    assert all(("Third" if new == "Third" else "First") in small.page(name) for name in small.times())
    assert ('"unheard":' in small.page("searchindex.js")) == ("unheard" in new)
    small.build()
    assert small.said.startswith("nothing has changed: no page to write\n")


def test_a_change_that_is_interrupted_is_not_forgotten(small: Project) -> None:
    """A build that stops half-way through a change of the library executes everything next, even if it is undone."""
    library, lesson = small.folder / "src/chainrule/__init__.py", small.folder / "examples/1_part/20_two.py"
    before = library.read_text("utf-8"), lesson.read_text("utf-8")
    small.write("src/chainrule/__init__.py", before[0] + "# half-way\n")
    small.edit("examples/1_part/20_two.py", "print(x)", "raise KeyboardInterrupt")
    small.build()
    assert small.status != 0
    library.write_text(before[0], "utf-8")
    lesson.write_text(before[1], "utf-8")
    small.build()
    assert small.status == 0, small.complained
    assert sorted(small.executed()) == ALL


def test_a_renamed_lesson_leaves_nothing_behind(small: Project) -> None:
    """A lesson that gets another name is listed and kept under that alone, and a part that is gone is gone."""
    script = small.folder / "examples/1_part/20_two.py"
    script.rename(script.with_name("30_two.py"))
    part = small.folder / "docs/lessons/2_part"
    part.mkdir()
    (part / "index.rst").write_text("Gone\n====\n", "utf-8")
    small.build()
    assert small.status == 0, small.complained
    assert "30_two.html" in small.page("lessons/1_part/index.html")
    assert "20_two.html" not in small.page("lessons/1_part/index.html")
    assert set(small.times()) == {
        f"{name}.html"
        for name in ("chapter", "index", *(f"lessons/1_part/{page}" for page in ("10_one", "30_two", "index")))
    }
    assert not list((small.folder / "docs/lessons").rglob("20_two.*"))
    assert not part.exists()
    script.with_name("30_two.py").rename(script)
    small.build()
    assert small.executed() == ["20_two.py"]


@pytest.mark.parametrize(
    ("file", "page", "line", "right", "wrong", "other", "shown"),
    [
        ("examples/1_part/20_two.py", "lessons/1_part/20_two.html", 12, "print(x)", "print(y)", "print(x + 40)", "42"),
        ("docs/chapter.md", "chapter.html", 12, "print(6 * 7", "print(6 * y", "print(6 * 8", "48"),
    ],
)
def test_a_failure_stops_the_build(
    file: str, page: str, line: int, right: str, wrong: str, other: str, shown: str, small: Project
) -> None:
    """What fails is named with its line, the site stays as it was, and it is executed once mended.

    The kernel that a chapter gets then, a fresh one, is in the same state as the one that was forked when all was
    executed.
    """
    forked = small.page(page)
    small.edit(file, right, wrong)
    small.build()
    assert small.status != 0
    assert f"{file}:{line}: ERROR: NameError: name 'y' is not defined" in small.complained
    assert "and run the same command again" in small.complained
    assert small.written == set()
    small.edit(file, wrong, other)
    small.build()
    assert small.status == 0, small.complained
    assert [name in file for name in small.executed()] == [True]
    assert shown in small.page(page)
    state = re.compile(r"\(torch\.float32,.*?</pre>", re.DOTALL)
    assert state.findall(small.page(page)) == state.findall(forked)
    assert ("42\nin two pieces\n" in forked) == bool(state.findall(forked)) == (page == "chapter.html")
    small.edit(file, other, right)


def test_a_warning_fails_until_it_is_mended(small: Project) -> None:
    """A build with warnings tells them all and fails, and so does the next one, until they are mended."""
    before = (small.folder / "docs/chapter.md").read_text("utf-8")
    faults = {
        "**Predict.** What comes?\n\n```python\n```": "chapter.md:22: WARNING: a prediction has no output after it",
        r"$\frac{1$": "docs/chapter.md:27: WARNING: this formula cannot be rendered",
        "{py:func}`torch.no_such_name`": "py:func reference target not found: torch.no_such_name",
        '<div><svg role="img" aria-label=""></svg></div>': "chapter.md: WARNING: a figure says nothing to those who",
    }
    small.write("docs/chapter.md", "\n".join([before, *(f"{words}\n" for words in faults)]))
    for _ in range(2):
        small.build()
        assert small.status != 0
        assert [complaint for complaint in faults.values() if complaint not in small.complained] == []
    small.write("docs/chapter.md", before)
    small.build()
    assert small.status == 0, small.complained


def test_the_recipe_for_a_lesson_leads_to_a_page(small: Project) -> None:
    """Who follows the recipe in the documentation, line by line, gets a page with a question, a field and a place."""
    recipe = (built.ROOT / "docs/how-to/lesson.md").read_text("utf-8")
    files = dict(re.findall(r"^```\{code-block\} \w+\n:caption: (\S+)\n\n(.*?)^```$", recipe, re.MULTILINE | re.DOTALL))
    lesson = "examples/9_mine/10_double.py"
    assert list(files) == ["examples/9_mine/index.rst", "docs/index.md", lesson]
    assert re.findall(r"^\$ (.*)$", recipe, re.MULTILINE)[:2] == [f".venv/bin/python {lesson}", "make html"]

    # The lessons of the course that the new one links to
    small.write("examples/1_one_weight/index.rst", "Part 1: One weight\n==================\n\n.. lessons::\n")
    for name in ("10_nudge", "30_local_gradients"):
        small.write(f"examples/1_one_weight/{name}.py", LESSON.format(title="Course", number=1))
    front = (small.folder / "docs/index.md").read_text("utf-8")
    small.edit(
        "docs/index.md", "1_part/index\n", "1_part/index\nlessons/1_one_weight/index\n" + files.pop("docs/index.md")
    )
    for name, text in files.items():
        small.write(name, text)

    alone = subprocess.run([sys.executable, lesson], cwd=small.folder, capture_output=True, text=True, check=True)
    assert alone.stdout == "12.0\n12.0\n"
    report = check(read(small.folder / lesson))
    assert (report.failures, report.unnoticed) == ((), ())
    small.build()
    assert small.status == 0, small.complained
    page = small.page("lessons/9_mine/10_double.html")
    assert page.count("<details") == 2
    assert "chainrule-answer" in page
    assert "Double a weight" in small.page("lessons/9_mine/index.html")
    assert "lessons/9_mine/index.html" in small.page("index.html")

    for part in ("9_mine", "1_one_weight"):
        shutil.rmtree(small.folder / "examples" / part)
    small.write("docs/index.md", front)


def test_a_cold_build_elsewhere_is_identical(tmp_path: Path) -> None:
    """A cold build in another folder gives the same files as the site has, byte for byte, archives included."""
    project = Project(tmp_path / "another place")
    project.copy(
        "LICENSE",
        "README.md",
        "conf.py",
        "docs",
        "examples",
        "src",
        "bench",
        "tools",
        "requirements.lock",
        "pyproject.toml",
    )
    project.build()
    assert project.status == 0, project.complained
    one, other = (
        {file.relative_to(html).as_posix(): file.read_bytes() for file in html.rglob("*") if file.is_file()}
        for html in (built.SITE, project.folder / "docs/_build/html")
    )
    assert sorted(one) == sorted(other)
    assert [name for name in one if one[name] != other[name]] == []
