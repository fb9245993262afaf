"""Tests of the built site: what is on its pages, and what can be taken away from it."""

from __future__ import annotations

import html
import posixpath
import re
import sysconfig
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urldefrag

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from tests.support import built
from tests.support.course import walk
from tests.support.installed import Installed
from tests.support.pages import read

pytestmark = pytest.mark.site

ROOT = built.ROOT
LESSONS = [str(Path(name).relative_to("lessons").with_suffix("")) for name in built.lessons()]
FIRST_OF_PARTS = [next(part) for _, part in groupby(built.lessons(), key=lambda name: Path(name).parent)]
FORGET = nbformat.v4.new_code_cell("%reset -f")


def test_an_old_address_leads_on() -> None:
    """Each page that has moved leaves one at its old address that leads to where it is now, from disk too."""
    known = {built.SITE / name for name in built.pages()}
    moved = set(built.SITE.rglob("*.html")) - known - set((built.SITE / "_static").rglob("*"))
    leads = [re.search('url=([^"]*)', page.read_text("utf-8")) for page in moved]
    assert len(moved) == 22
    assert all(to and (page.parent / to[1]).resolve() in known for page, to in zip(moved, leads, strict=True))


def test_ids_are_used_once() -> None:
    """No two elements of a page have the same id."""
    twice = {name: [each for each in set(page.ids) if page.ids.count(each) > 1] for name, page in built.pages().items()}
    assert {name: ids for name, ids in twice.items() if ids} == {}


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


def test_no_page_is_far() -> None:
    """From the front page every page is at most three clicks away."""
    clicks = dict.fromkeys(built.pages(), 99) | {"index.html": 0}
    for _ in range(3):
        for name, page in built.pages().items():
            for target in (urldefrag(target)[0] for tag, target in page.links if tag == "a"):
                there = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
                if there in clicks:
                    clicks[there] = min(clicks[there], clicks[name] + 1)
    assert {name: clicks[name] for name in built.documents() if clicks[name] > 3} == {}


@pytest.mark.parametrize("name", built.lessons())
def test_a_lesson_can_be_taken_away(name: str) -> None:
    """A lesson offers itself as a script and as a valid notebook, both with the same code as the page."""
    page = built.pages()[name]
    links = dict.fromkeys(target for tag, target in page.links if tag == "a" and "_downloads" in target)
    files = {Path(link).suffix: (page.path.parent / link).read_text("utf-8") for link in links}
    assert sorted(files) == [".ipynb", ".py"]
    compile(files[".py"], name, "exec")
    script = ROOT / "examples" / Path(name).relative_to("lessons").with_suffix(".py")
    with_code, taken = (
        [line for line in text.splitlines() if not line.startswith("#")]
        for text in (script.read_text("utf-8"), files[".py"])
    )
    assert taken == with_code
    notebook = nbformat.reads(files[".ipynb"], as_version=4)
    nbformat.validate(notebook)
    _, *cells = [cell.source.strip() for cell in notebook.cells if cell.cell_type == "code"]
    assert cells == [block.text.strip() for block in read(script).code]
    assert "sphx_glr_" not in files[".ipynb"]
    assert ":doc:" not in files[".ipynb"]


@pytest.fixture(scope="module")
def kernel(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelManager]:
    """A kernel for one notebook after another, where chainrule is installed, far from this checkout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        manager = KernelManager()
        assert manager.kernel_spec
        manager.kernel_spec.argv[0] = str(installed.python)
        manager.start_kernel(cwd=tmp_path_factory.mktemp("empty"), extra_arguments=["--Application.log_level=40"])
        yield manager
        manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("name", FIRST_OF_PARTS)
def test_a_notebook_runs_as_it_is(name: str, kernel: KernelManager) -> None:
    """A lesson's notebook runs from top to bottom, prints what its script prints, and shows its figures.

    One of each part is run, since the code of every notebook is that of its script, and every script is run.
    """
    path = ROOT / "docs" / Path(name).with_suffix(".ipynb")
    notebook = nbformat.reads(path.read_text("utf-8"), as_version=4)
    NotebookClient(notebook, km=kernel, timeout=120).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    NotebookClient(nbformat.v4.new_notebook(cells=[FORGET]), km=kernel).execute()
    printed = "".join(output.text for output in outputs if output.get("name") == "stdout")
    assert printed == walk(ROOT / "examples" / Path(name).relative_to("lessons").with_suffix(".py")).report.printed
    shown = [output.data for output in outputs if output.output_type == "execute_result"]
    assert all("<svg" in data.get("text/html", "") or "<Figure" not in data["text/plain"] for data in shown)


def test_a_part_can_be_taken_away() -> None:
    """A part offers an archive of all its lessons, as scripts and as notebooks, and the front page one of all parts."""
    archives = {archive.name: zipfile.ZipFile(archive) for archive in (built.SITE / "_downloads").rglob("*.zip")}
    course = archives.pop("lessons.zip")
    (wheel,) = (built.SITE / "dist").iterdir()
    expected = {f"{lesson}{suffix}" for lesson in LESSONS for suffix in (".ipynb", ".py")}
    needed = {wheel.name, "requirements.txt"}
    assert {file for part in archives.values() for file in part.namelist()} == expected | needed
    assert all(needed < set(part.namelist()) for part in archives.values())
    assert set(course.namelist()) == expected | needed
    assert course.read(wheel.name) == wheel.read_bytes()
    assert course.read("requirements.txt").decode() == f"./{wheel.name}[lessons]\n"
    taken = b"".join(course.read(name) for name in expected)
    assert not re.search(rb"\.\. (answer|do)::", taken), "it speaks to the page alone"
    assert any(target.endswith("/lessons.zip") for _, target in built.pages()["index.html"].links)


@pytest.mark.parametrize("name", built.lessons())
def test_a_lesson_says_what_it_needs(name: str) -> None:
    """Below each lesson stands how to install what it needs, and its notebook does that where it is missing."""
    footer = (built.SITE / name).read_text("utf-8").partition("sphx-glr-footer")[2]
    assert "from the file in the archive" in html.unescape(re.sub("<[^>]+>", "", footer))
    (wheel,) = (built.SITE / "dist").iterdir()
    notebook = nbformat.reads((ROOT / "docs" / Path(name).with_suffix(".ipynb")).read_text("utf-8"), as_version=4)
    first = notebook.cells[0].source
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        shell = TransformerManager().transform_cell(first)
        names: dict[str, object] = {
            "get_ipython": lambda: SimpleNamespace(run_line_magic=lambda *line: asked.append(line))
        }
        exec(shell, names)
    assert asked == [("pip", "install --quiet '{package}'")]
    assert names["package"] == f"../{wheel.name}[lessons]"


def test_no_path_of_the_machine_is_left() -> None:
    """Nothing that was built holds the path of the folder it was built in."""
    for file in built.SITE.rglob("*"):
        if file.is_file() and file.suffix in (".html", ".js", ".css", ".ipynb", ".py", ".svg"):
            assert str(ROOT) not in file.read_text("utf-8"), file


OWN = r"chainrule-\w+\.js|site\.(?:css|js)|katex/.*"


def test_what_is_shipped_has_its_licence() -> None:
    """For each file that others wrote, the licence of a package that holds it stands in the site; KaTeX's does too."""
    said = (built.SITE / "licences.txt").read_text("utf-8")
    licensed = set(re.findall(r"^(\S+) \d[\w.]*\n=+\n\n(?=\S)", said, re.MULTILINE))
    owners = {"pygments.css": {"Pygments"}}  # which writes it
    for package, (name, *_) in packages_distributions().items():
        folder = Path(sysconfig.get_path("purelib"), package)
        for file in folder.rglob("*") if package not in ("torch", "torchgen") else ():
            owners.setdefault(re.sub(r"(?<=js|ss)_t$|\.jinja$", "", file.name), set()).add(name)
    without = []
    for file in (built.SITE / "_static").rglob("*"):
        name = file.relative_to(built.SITE / "_static").as_posix()
        ours = re.fullmatch(OWN, name) or (ROOT / "docs/_static" / name).is_file()
        bare = re.sub(r"\.[0-9a-f]{64}(?=\.css$)", "", file.name)
        if file.is_file() and not ours and not owners.get(bare, set()) & licensed:
            without.append(name)
    assert without == []
    assert "KaTeX" in said
    assert (ROOT / "LICENSE").read_text("utf-8") in said
