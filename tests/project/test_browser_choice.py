"""Which browser the tests take, and what is done when there is none."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import browser

OWN = "Playwright's own Chromium"


@pytest.fixture(autouse=True)
def nothing_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let PATH be an empty folder, and keep what these tests pretend from those that start a real browser."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browser, "PLACES", browser.PLACES[:5])
    monkeypatch.delenv("CHAINRULE_BROWSER", raising=False)
    browser.find_browser.cache_clear()
    yield
    browser.find_browser.cache_clear()


def program(path: Path, code: int) -> str:
    """Write a program that ends with this code."""
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


def test_installed_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first program on PATH that answers is taken, a stub that fails is passed over, and a named one goes first."""
    assert browser.find_browser() is None, "which to Playwright means its own"
    browser.find_browser.cache_clear()
    program(tmp_path / "chromium-browser", 1)
    chrome = program(tmp_path / "google-chrome", 0)
    assert browser.find_browser() == chrome
    browser.find_browser.cache_clear()
    mine = program(tmp_path / "mine", 0)
    monkeypatch.setenv("CHAINRULE_BROWSER", mine)
    assert browser.find_browser() == mine


def test_named_browser_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A CHAINRULE_BROWSER that does not start is an error, not silently another browser."""
    monkeypatch.setenv("CHAINRULE_BROWSER", "/nowhere/chrome")
    assert browser.main() == 1
    assert "CHAINRULE_BROWSER names /nowhere/chrome, which does not start" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("has", "gets", "debian", "ran", "answer"),
    [
        ("chromium", "", False, [], "/usr/bin/chromium"),
        ("own", "", True, [], OWN),
        ("", "apt", True, ["apt"], "/usr/bin/chromium"),
        ("", "own", True, ["apt", "own"], OWN),  # Debian without the package
        ("", "own", False, ["own"], OWN),
        ("", "", True, ["apt", "own"], None),  # without network
        ("", "", False, ["own"], None),
    ],
)
def test_choice(
    has: str, gets: str, debian: bool, ran: list[str], answer: str | None,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """What is there is used; else Debian's package, as root; else Playwright's own; else it fails and says how."""
    there, tried = {has}, []

    def run(command: list[str], *, quiet: bool = False) -> bool:
        if "install" in command:
            tried.append("apt" if command[0] == "apt-get" else "own")
            there.update({"chromium" if gets == "apt" else gets} if tried[-1] == gets else ())
        return command[0] != "/usr/bin/chromium" or "chromium" in there

    monkeypatch.setenv("DEBIAN_FRONTEND", "noninteractive")
    monkeypatch.setattr("shutil.which", {"chromium": "/usr/bin/chromium"}.get)
    monkeypatch.setattr(browser, "run", run)
    monkeypatch.setattr(browser, "fault", lambda: "" if there & {"chromium", "own"} else "nothing to start")
    monkeypatch.setattr(browser, "is_debian", lambda: debian)
    monkeypatch.setattr(browser, "is_root", lambda: True)
    code = browser.main()
    said = capsys.readouterr()
    assert tried == ran
    assert said.out.count("No Chrome or Chromium here") == len(ran)
    if answer:
        assert (code, said.out.splitlines()[-1]) == (0, f"browser: {answer}")
    else:
        assert code == 1
        assert "Install Chrome or Chromium" in said.err
