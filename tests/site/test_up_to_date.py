"""Tests of tools.build: what it takes for a change, and when the site is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import build

MADE_OF = (
    "conf.py",
    "requirements.lock",
    "docs/index.md",
    "docs/_ext/execute/gallery.py",
    "examples/1_part/10_one.py",
    "src/chainrule/__init__.py",
    "tools/build.py",
)
SITE = "docs/_build/html/index.html"


class Sphinx:
    """Stands in for Sphinx: counts its runs, and writes a page, and what comes last if it gets so far."""

    runs, status, ends = 0, 0, True

    def __call__(self) -> tuple[int, str]:
        """Build."""
        self.runs += 1
        build.NEW.mkdir(parents=True)
        for name in ("index.html", *([".done"] if self.ends else [])):
            (build.NEW / name).write_text(f"run {self.runs}")
        return self.status, ""


@pytest.fixture
def sphinx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sphinx:
    """A project that was built, the working directory in it, and what builds it."""
    for path in map(tmp_path.joinpath, MADE_OF):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHAINRULE_SITE_URL", raising=False)
    monkeypatch.setattr(build, "run_sphinx", made := Sphinx())
    assert build.build() == 0
    return made


def test_nothing_changed(sphinx: Sphinx, capsys: pytest.CaptureFixture[str]) -> None:
    """After a good build, one of the same files starts no Sphinx, also when a file was only touched or compiled."""
    Path("docs/index.md").touch()
    for made in ("src/chainrule/__pycache__/__init__.pyc", "docs/lessons/1_part/10_one.rst"):
        Path(made).parent.mkdir(parents=True)
        Path(made).write_text("made")
    capsys.readouterr()
    assert build.build() == 0
    assert sphinx.runs == 1
    assert capsys.readouterr().out == f"nothing has changed: no page to write\nThe site is built. Open {SITE}\n"


@pytest.mark.parametrize("name", [*MADE_OF, SITE])
@pytest.mark.parametrize("how", ["edited", "removed"])
def test_a_change_is_seen(name: str, how: str, sphinx: Sphinx) -> None:
    """A file that was edited or is gone, of what a build is made of or has made, starts Sphinx, once."""
    Path(name).write_text("other") if how == "edited" else Path(name).unlink()
    build.build()
    build.build()
    assert sphinx.runs == 2


def test_a_new_file_and_a_told_address_are_seen(sphinx: Sphinx, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new page, a page in the site that is not its own, and an address that a host tells each start Sphinx."""
    for new in ("docs/new.md", "docs/_build/html/foreign.html"):
        Path(new).write_text("")
        build.build()
    monkeypatch.setenv("CHAINRULE_SITE_URL", "https://course.example/")
    build.build()
    assert sphinx.runs == 4
    assert sorted(path.name for path in Path(SITE).parent.iterdir()) == ["index.html"]


@pytest.mark.parametrize(("status", "ends"), [(1, True), (0, False)])
def test_a_failed_build_leaves_the_site_whole(
    status: int, ends: bool, sphinx: Sphinx, capsys: pytest.CaptureFixture[str]
) -> None:
    """A build that fails, or ends before its end as if all were well, says so; the next one starts Sphinx again."""
    Path("docs/index.md").write_text("other")
    sphinx.status, sphinx.ends = status, ends
    assert build.build() == 1
    assert capsys.readouterr().err.startswith("The site was not built: ")
    assert Path(SITE).read_text() == "run 1"
    sphinx.status, sphinx.ends = 0, True
    assert build.build() == 0
    assert Path(SITE).read_text() == "run 3"
