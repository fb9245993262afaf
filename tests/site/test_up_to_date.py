"""Tests of what tools.build takes for a change: all that a build is made of, and all that it has made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import build

FILES = {
    "conf.py": "",
    "requirements.lock": "",
    "docs/index.md": "",
    "docs/_ext/execute/figures.py": "",
    "examples/1_part/10_one.py": "",
    "src/chainrule/__init__.py": "",
    "tools/build.py": "",
    "docs/_build/html/index.html": "",
    "docs/_build/doctrees/environment.pickle": "",
    "docs/lessons/1_part/10_one.rst": "",
}


class Started:
    """Stand in for Sphinx, and count how often it is started."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> int:
        """Build well."""
        self.times += 1
        return 0


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that was built, and the working directory in it."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHAINRULE_SITE_URL", raising=False)
    monkeypatch.setattr(build, "run_sphinx", lambda: pytest.fail("Sphinx was started"))
    build.NOTE.write_text(build.state())
    return tmp_path


def test_nothing_changed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After a good build, one of the same files starts no Sphinx, also when a file was only touched or compiled."""
    (project / "docs/index.md").touch()
    cached = project / "src/chainrule/__pycache__/__init__.pyc"
    cached.parent.mkdir()
    cached.write_text("compiled")
    assert build.build() == 0
    assert capsys.readouterr().out.splitlines() == [
        "nothing has changed: no page to write",
        f"The site is built. Open {build.PAGE}",
    ]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["edited", "removed"])
def test_a_change_is_seen(name: str, how: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was edited or is gone, of what a build is made of or has made, starts Sphinx; then all is well."""
    (project / name).write_text("other") if how == "edited" else (project / name).unlink()
    started = Started()
    monkeypatch.setattr(build, "run_sphinx", started)
    build.build()
    assert started.times == 1


def test_a_new_file_and_a_told_address_are_seen(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new page starts Sphinx, and so does an address that the site is told, or is told no longer."""
    before = build.state()
    monkeypatch.setenv("CHAINRULE_SITE_URL", "https://course.example/")
    assert build.state() != before
    monkeypatch.delenv("CHAINRULE_SITE_URL")
    (project / "docs/new.md").write_text("")
    assert build.state() != before


def test_a_failed_build_is_not_taken_for_a_good_one(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a build that failed, the next one starts Sphinx though nothing has changed since."""
    (project / "docs/index.md").write_text("other")
    monkeypatch.setattr(build, "run_sphinx", lambda: 1)
    assert build.build() == 1
    started = Started()
    monkeypatch.setattr(build, "run_sphinx", started)
    build.build()
    assert started.times == 1
