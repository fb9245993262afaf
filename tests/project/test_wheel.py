"""The packages that are published: what is in them, what they say of themselves, and that they work where installed.

That every lesson runs with the installed wheel is tested where lessons are run, in test_lessons.py and test_site.py.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from readme_renderer import markdown

from tests.support.course import LESSONS
from tests.support.installed import Installed, build
from tests.support.project import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build("sdist", folder)) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = (path for path in folder.iterdir() if path.is_dir())
    return unpacked


def contents(wheel: Path) -> dict[str, bytes]:
    """Return the files in a wheel by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def metadata(wheel: Path) -> Message:
    """Return what a wheel says of itself."""
    (text,) = (data for name, data in contents(wheel).items() if name.endswith("/METADATA"))
    return Parser().parsestr(text.decode())


def test_the_wheel_holds_the_package_and_nothing_else(installed: Installed) -> None:
    """The wheel holds every file of the package, the licence and its metadata: no test, no page, no leftover."""
    names = {name for name in contents(installed.wheel) if ".dist-info/" not in name}
    package = [path for path in (ROOT / "src/chainrule").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert names == {path.relative_to(ROOT / "src").as_posix() for path in package}
    others = {name.partition(".dist-info/")[2] for name in contents(installed.wheel)} - {""}
    assert others == {"METADATA", "WHEEL", "RECORD", "licenses/LICENSE"}


def test_no_path_of_this_machine_is_published(installed: Installed, sdist: Path) -> None:
    """No file of the wheel or of the source archive holds the path of the folder that it was built in."""
    here = str(ROOT).encode()
    assert [name for name, data in contents(installed.wheel).items() if here in data] == []
    assert [path for path in sdist.rglob("*") if path.is_file() and here in path.read_bytes()] == []


def test_the_source_archive_builds_the_same_wheel(installed: Installed, sdist: Path, tmp_path: Path) -> None:
    """A wheel built from the source archive, in another folder, is the one built here, byte for byte."""
    again = build("wheel", tmp_path, tree=sdist)
    assert again.name == installed.wheel.name
    assert again.read_bytes() == installed.wheel.read_bytes()


def test_what_it_says_of_itself(installed: Installed) -> None:
    """The metadata names licence, Pythons, needs and extras, no address that nobody has told, and the one version."""
    said = metadata(installed.wheel)
    assert (said["Name"], said["License-Expression"], said["Requires-Python"]) == ("chainrule", "MIT", ">=3.11")
    needs = [Requirement(text) for text in said.get_all("Requires-Dist", [])]
    assert {need.name for need in needs if need.marker is None} == {"numpy", "torch"}
    assert set(said.get_all("Provides-Extra", [])) == {"docs", "lessons", "test"}
    assert said.get_all("Project-URL") is None
    for file, line in (("CHANGELOG.md", r"^## (\S+)"), ("CITATION.cff", r"^version: (\S+)")):
        assert re.findall(line, (ROOT / file).read_text("utf-8"), re.MULTILINE)[0] == said["Version"]


def test_the_long_description_can_be_rendered(installed: Installed) -> None:
    """A package index can show the long description: it is the README, and it renders."""
    said = metadata(installed.wheel)
    text = str(said.get_payload())
    assert said["Description-Content-Type"] == "text/markdown"
    assert text.strip() == (ROOT / "README.md").read_text("utf-8").strip()
    assert "<table>" in (markdown.render(text) or "")


def test_it_works_where_it_is_installed(installed: Installed, tmp_path: Path) -> None:
    """Installed, chainrule is the wheel's and not this checkout's, and a page that it saves brings the whole script."""
    program = (
        "import sys, torch, chainrule\n"
        "print(chainrule.__file__, *sys.path, sep='\\n')\n"
        "w = torch.tensor(1.0, requires_grad=True)\n"
        "with chainrule.record() as rec: ((w - 3) ** 2).backward()\n"
        "rec.save('page.html')\n"
    )
    done = subprocess.run([installed.python, "-c", program], cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    file, *path = done.stdout.splitlines()
    assert Path(file).is_relative_to(installed.python.parent.parent)
    assert not {str(ROOT), str(ROOT / "src")} & set(path)
    held = contents(installed.wheel)
    script = "".join(held[f"chainrule/live/{part}.min.js"].decode() for part in ("graph", "panels"))
    assert len(script) > 50_000
    assert script in (tmp_path / "page.html").read_text("utf-8")


def test_lessons_need_what_the_extra_brings() -> None:
    """The lessons import nothing but what chainrule needs anyway and what its extra `lessons` brings."""
    found = set()
    for lesson in LESSONS:
        found |= set(re.findall(r"^ *(?:import|from) (\w+)", lesson.read_text("utf-8"), re.MULTILINE))
    needed = {"chainrule", "torch", "numpy", "matplotlib", "sklearn"}
    assert found - sys.stdlib_module_names - {"__future__"} == needed
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert [Requirement(text).name for text in extras["lessons"]] == ["matplotlib", "scikit-learn"]
