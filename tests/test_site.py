"""Tests of the built site: what is on its pages, and how it is built again."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

import nbformat
import pytest
from nbclient import NotebookClient

from tests import built
from tests.course import walk
from tests.project import Project

pytestmark = pytest.mark.site

ROOT = built.ROOT
EVERY_PAGE = built.names()


# --- what is on the pages


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_formulas_are_rendered(name: str) -> None:
    """Every formula is rendered and carries MathML; no raw LaTeX and no error is left."""
    page = built.pages()[name]
    assert not page.those_with_class("katex-error")
    assert not re.findall(r"\\(?:frac|partial|cdot|text|[(\[])|\$\$", page.text)
    formulas = [given for _, given in page.elements if "math" in given.get("class", "").split()]
    assert len(formulas) == sum(tag == "math" for tag, _ in page.elements)


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_pictures_say_what_they_show(name: str) -> None:
    """Each picture and figure has a description."""
    page = built.pages()[name]
    for tag, given in page.elements:
        if tag == "img":
            assert given.get("alt"), given.get("src", "")[:80]
        if tag == "svg" and given.get("role") == "img":
            assert given.get("aria-label")
    assert len(page.those_with_class("chainrule-plot")) == sum(
        tag == "svg" and given.get("role") == "img" and "viewbox" in given for tag, given in page.elements
    )


@pytest.mark.parametrize("name", EVERY_PAGE)
def test_ids_are_used_once(name: str) -> None:
    """No two elements of a page have the same id."""
    ids = built.pages()[name].ids
    assert sorted(set(ids)) == sorted(ids)


def test_every_link_and_asset_resolves() -> None:
    """Each link within the site leads to a page that is there, and to a place on it; all assets are the site's own."""
    wrong = []
    for name, page in built.pages().items():
        for tag, target in page.links:
            if re.match(r"[a-z]+:", target):
                if tag != "a" and not target.startswith("data:"):
                    wrong.append(f"{name}: <{tag}> asks another host: {target}")
                continue
            path, fragment = urldefrag(target)
            path = unquote(path.partition("?")[0])
            assert not path.startswith("/"), f"{name}: {target} does not work under a sub-path"
            file = (page.path.parent / path).resolve() if path else page.path
            if not file.is_file():
                wrong.append(f"{name}: no such file: {target}")
            elif fragment and file.suffix == ".html":
                there = built.pages()[file.relative_to(built.SITE.resolve()).as_posix()]
                if unquote(fragment) not in there.ids and not (tag == "a" and fragment == "top"):
                    wrong.append(f"{name}: no such place: {target}")
    for sheet in built.SITE.rglob("*.css"):
        for target in re.findall(r"url\(\s*['\"]?([^)'\"]+)", sheet.read_text("utf-8")):
            if target.startswith(("data:", "#")):
                continue
            if not (sheet.parent / urldefrag(target)[0].partition("?")[0]).is_file():
                wrong.append(f"{sheet.relative_to(built.SITE)}: {target}")
    assert not wrong, "\n".join(wrong)


def test_one_chain_of_next_leads_through_the_course() -> None:
    """From the front page, "next" alone leads to every lesson in order, then to every chapter, then to the rest."""
    chain, here = [], "index.html"
    while True:
        page = built.pages()[here]
        chain.append(here)
        if page.following is None:
            break
        here = (page.path.parent / page.following).resolve().relative_to(built.SITE.resolve()).as_posix()
        assert here not in chain, f"the chain goes round at {here}"
    first, last = chain.index(built.lessons()[0]), chain.index(built.chapters()[-1])
    between = [name for name in chain[first : last + 1] if not name.endswith("index.html")]
    assert between == built.lessons() + built.chapters()
    assert sorted(chain) == sorted(built.documents())


def test_the_front_page_leads_into_the_first_lesson() -> None:
    """One click on the front page opens the first lesson."""
    assert ("a", built.lessons()[0]) in built.pages()["index.html"].links


@pytest.mark.parametrize("name", [name for name in EVERY_PAGE if re.match(r"lessons/.*/\d", name)])
def test_a_lesson_can_be_taken_away(name: str) -> None:
    """A lesson offers itself as a script that compiles and a notebook that is valid."""
    page = built.pages()[name]
    links = dict.fromkeys(target for tag, target in page.links if tag == "a" and "_downloads" in target)
    files = {Path(link).suffix: (page.path.parent / link).read_text("utf-8") for link in links}
    assert sorted(files) == [".ipynb", ".py"]
    compile(files[".py"], name, "exec")
    assert files[".py"] == (ROOT / "examples" / Path(name).relative_to("lessons").with_suffix(".py")).read_text("utf-8")
    nbformat.validate(nbformat.reads(files[".ipynb"], as_version=4))
    assert "sphx_glr_" not in files[".ipynb"]
    assert ":doc:" not in files[".ipynb"]


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[list[Any]]]]:
    """Run the notebook of each lesson from top to bottom, two at a time, and collect its outputs."""

    def run(name: str, folder: Path) -> list[Any]:
        path = ROOT / "docs" / Path(name).with_suffix(".ipynb")
        notebook = nbformat.reads(path.read_text("utf-8"), as_version=4)
        where = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=120, resources=where, extra_arguments=["--Application.log_level=40"]).execute()
        return [output for cell in notebook.cells for output in cell.get("outputs", ())]

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        yield {name: pool.submit(run, name, tmp_path_factory.mktemp("notebook")) for name in built.lessons()}


@pytest.mark.parametrize("name", built.lessons())
def test_a_notebook_runs_as_it_is(name: str, notebooks: dict[str, Future[list[Any]]]) -> None:
    """A lesson's notebook runs from top to bottom, prints what its script prints, and shows its figures."""
    outputs = notebooks[name].result()
    printed = "".join(output.text for output in outputs if output.get("name") == "stdout")
    assert printed == walk(ROOT / "examples" / Path(name).relative_to("lessons").with_suffix(".py")).report.printed
    shown = [output.data for output in outputs if output.output_type == "execute_result"]
    assert all("image/png" in data or "<Figure" not in data["text/plain"] for data in shown)


def test_a_part_can_be_taken_away() -> None:
    """A part offers an archive of all its lessons, as scripts and as notebooks."""
    archives = list((built.SITE / "_downloads").rglob("*.zip"))
    names = [name for archive in archives for name in zipfile.ZipFile(archive).namelist()]
    expected = [Path(lesson).stem + suffix for lesson in built.lessons() for suffix in (".ipynb", ".py")]
    assert sorted(names) == sorted(expected)


def test_no_path_of_the_machine_is_left() -> None:
    """Nothing that was built holds the path of the folder it was built in."""
    for file in built.SITE.rglob("*"):
        if file.is_file() and file.suffix in (".html", ".js", ".css", ".ipynb", ".py", ".svg"):
            assert str(ROOT) not in file.read_text("utf-8"), file


# --- how it is built


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A small site of two lessons and a chapter, built once, in a folder with a space in its name."""
    project = Project(tmp_path_factory.mktemp("small") / "a site")
    project.write_small_site()
    project.build()
    assert project.status == 0, project.complained
    assert project.executed() == ["10_one.py", "20_two.py", "chapter"]
    assert "executing lesson 2 of 2: 20_two.py" in project.said
    return project


@pytest.fixture
def small(cold: Project) -> Project:
    """The small site as the last test left it, mended if that test failed."""
    if cold.status:
        cold.make_good()
    assert cold.status == 0, cold.complained
    return cold


def test_nothing_changed_nothing_executed(small: Project) -> None:
    """When nothing has changed, nothing is executed and no page is written, and the build says so."""
    small.build()
    assert small.status == 0
    assert small.executed() == []
    assert small.written == set()
    assert small.said == "nothing has changed: no page to write\n"


def test_one_lesson_changed(small: Project) -> None:
    """When the words of a lesson change, it alone is executed, and only its page and those that list it are written."""
    small.edit("examples/1_part/20_two.py", "Some words", "Some other words")
    small.build()
    assert small.status == 0, small.complained
    assert small.executed() == ["20_two.py"]
    assert small.written == {"lessons/1_part/20_two.html", "lessons/1_part/index.html", "index.html"}
    assert "Some other words" in small.page("lessons/1_part/20_two.html")


def test_words_of_a_chapter_changed(small: Project) -> None:
    """When only the words of a chapter change, it is written again but not executed."""
    small.edit("docs/chapter.md", "Some words", "Some other words")
    small.build()
    assert small.status == 0, small.complained
    assert small.executed() == []
    assert "chapter.html" in small.written
    assert "lessons/1_part/10_one.html" not in small.written


def test_a_title_changed(small: Project) -> None:
    """When a title changes, every page is written, since each shows it in its sidebar; one lesson is executed."""
    small.edit("examples/1_part/10_one.py", "First", "Third")
    small.build()
    assert small.executed() == ["10_one.py"]
    assert small.written == set(small.times())
    assert all("Third" in small.page(name) for name in small.times())


@pytest.mark.parametrize("changed", ["src/chainrule/__init__.py", "requirements.lock", "docs/_ext/__init__.py"])
def test_what_all_rests_on_changed(changed: str, small: Project) -> None:
    """When the library, the lock or the site's own code changes, every lesson and chapter is executed again."""
    path = small.folder / changed
    small.write(changed, path.read_text("utf-8") + "# changed\n")
    small.build()
    assert small.status == 0, small.complained
    assert small.executed() == ["10_one.py", "20_two.py", "chapter"]
    assert small.written == set(small.times())
    small.build()
    assert small.executed() == []


def test_a_change_that_is_interrupted_is_not_forgotten(small: Project) -> None:
    """A build that stops half-way through a change of the library executes everything next, even if it is undone."""
    library, lesson = small.folder / "src/chainrule/__init__.py", small.folder / "examples/1_part/20_two.py"
    before = library.read_text("utf-8"), lesson.read_text("utf-8")
    small.write("src/chainrule/__init__.py", before[0] + "# half-way\n")
    small.edit("examples/1_part/20_two.py", "print(x)", "raise KeyboardInterrupt")
    small.build()
    assert small.status != 0
    assert small.executed() == ["10_one.py", "20_two.py"]
    library.write_text(before[0], "utf-8")
    lesson.write_text(before[1], "utf-8")
    small.build()
    assert small.status == 0, small.complained
    assert small.executed() == ["10_one.py", "20_two.py"]


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


def test_a_failing_lesson_stops_the_build(small: Project) -> None:
    """A lesson that fails is named with its line before a page is written, and is executed again once mended."""
    small.edit("examples/1_part/20_two.py", "print(x)", "print(y)")
    small.build()
    assert small.status != 0
    assert "examples/1_part/20_two.py:12: ERROR: NameError: name 'y' is not defined" in small.complained
    assert "Mend the lesson and run the same command again" in small.complained
    assert small.written == set()
    small.edit("examples/1_part/20_two.py", "print(y)", "print(x)")
    small.build()
    assert small.status == 0, small.complained
    assert small.executed() == ["20_two.py"]


def test_a_failing_chapter_stops_the_build(small: Project) -> None:
    """A chapter that fails is named with its line before a page is written, and is executed again once mended."""
    small.edit("docs/chapter.md", "6 * 7", "6 * seven")
    small.build()
    assert small.status != 0
    assert "docs/chapter.md:11: ERROR: NameError: name 'seven' is not defined" in small.complained
    assert small.written == set()
    small.edit("docs/chapter.md", "6 * seven", "6 * 8")
    small.build()
    assert small.status == 0, small.complained
    assert small.executed() == ["chapter"]
    assert "48" in small.page("chapter.html")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            "**Predict.** What comes?\n\n```python\n```",
            "docs/chapter.md:14: WARNING: a prediction has no output after it",
        ),
        (r"$\frac{1$", "docs/chapter.md:14: WARNING: this formula cannot be rendered"),
        ("{py:func}`torch.no_such_name`", "py:func reference target not found: torch.no_such_name"),
    ],
)
def test_a_warning_fails_until_it_is_mended(words: str, complaint: str, small: Project) -> None:
    """A build with a warning fails, and so does the next one: no later build passes over what was not mended."""
    before = (small.folder / "docs/chapter.md").read_text("utf-8")
    small.write("docs/chapter.md", f"{before}\n{words}\n")
    for _ in range(2):
        small.build()
        assert small.status != 0
        assert complaint in small.complained
    small.write("docs/chapter.md", before)
    small.build()
    assert small.status == 0, small.complained


def test_two_cold_builds_are_identical(tmp_path: Path) -> None:
    """Two cold builds of the real site, in two folders, give the same files, byte for byte, archives included."""
    projects = [Project(tmp_path / name) for name in ("one", "another place")]
    for project in projects:
        project.copy("conf.py", "docs", "examples", "src", "requirements.lock", "pyproject.toml")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Project.build, projects))
    contents = []
    for project in projects:
        assert project.status == 0, project.complained
        html = project.folder / "docs/_build/html"
        files = [file for file in html.rglob("*") if file.is_file() and file.name != ".buildinfo"]
        contents.append({file.relative_to(html).as_posix(): file.read_bytes() for file in files})
    assert sorted(contents[0]) == sorted(contents[1])
    assert [name for name in contents[0] if contents[0][name] != contents[1][name]] == []
