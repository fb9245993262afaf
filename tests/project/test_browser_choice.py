"""Which browser the tests take, and what is done when there is none."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import browser

APT = "apt-get install"
FETCH = "playwright install"


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Keep what these tests pretend from those that start a real browser."""
    browser.find_browser.cache_clear()
    yield
    browser.find_browser.cache_clear()


def program(path: Path, code: int) -> str:
    """Write a program that ends with this code."""
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


def test_installed_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first program on PATH that answers is taken, and a stub that fails is passed over."""
    program(tmp_path / "chromium-browser", 1)
    chrome = program(tmp_path / "google-chrome", 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browser, "MAC_APPS", ())
    monkeypatch.delenv("CHAINRULE_BROWSER", raising=False)
    assert browser.find_browser() == chrome


def test_none_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no program on PATH the answer is None, which to Playwright means its own."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browser, "MAC_APPS", (str(tmp_path / "missing"),))
    monkeypatch.delenv("CHAINRULE_BROWSER", raising=False)
    assert browser.find_browser() is None


def test_named_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CHAINRULE_BROWSER goes before all others."""
    program(tmp_path / "chromium", 0)
    mine = program(tmp_path / "mine", 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CHAINRULE_BROWSER", mine)
    assert browser.find_browser() == mine


def test_named_browser_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A CHAINRULE_BROWSER that does not start is an error, not silently another browser."""
    monkeypatch.setenv("CHAINRULE_BROWSER", "/nowhere/chrome")
    assert browser.main() == 1
    assert "CHAINRULE_BROWSER names /nowhere/chrome, which does not start" in capsys.readouterr().err


class Machine:
    """Pretends to be a machine that has, or can get, some browsers."""

    def __init__(self, *, has: str = "", debian: bool = False, root: bool = False, gives: str = "") -> None:
        self.has = has.split()
        self.debian = debian
        self.root = root
        self.gives = gives.split()
        self.ran: list[str] = []

    def candidates(self) -> list[str]:
        """Return what stands on PATH."""
        return ["/usr/bin/chromium"] if "chromium" in self.has else []

    def run(self, command: list[str], *, quiet: bool = False) -> bool:
        """Note a command, and install what this machine can get."""
        for kind, word, browser_it_brings in ((APT, "apt", "chromium"), (FETCH, "fetch", "own")):
            if kind in " ".join(command):
                self.ran.append(kind)
                if word in self.gives:
                    self.has.append(browser_it_brings)
        return True

    def launches(self, *, report: bool = False) -> bool:
        """Tell whether there is anything to start."""
        return bool(self.has)


@pytest.mark.parametrize(
    ("machine", "ran", "answer"),
    [
        (Machine(has="chromium"), [], "/usr/bin/chromium"),
        (Machine(has="own", debian=True, root=True, gives="apt"), [], "Playwright's own Chromium"),
        (Machine(debian=True, root=True, gives="apt"), [APT], "/usr/bin/chromium"),
        (Machine(debian=True, root=True, gives="fetch"), [APT, FETCH], "Playwright's own Chromium"),
        (Machine(debian=True, root=False, gives="apt fetch"), [FETCH], "Playwright's own Chromium"),
        (Machine(debian=False, root=True, gives="apt fetch"), [FETCH], "Playwright's own Chromium"),
        (Machine(debian=True, root=True), [APT, FETCH], None),
        (Machine(), [FETCH], None),
    ],
    ids=[
        "installed",
        "fetched before",
        "Debian as root",
        "Debian without the package",
        "Debian as user",
        "elsewhere",
        "Debian without network",
        "elsewhere without network",
    ],
)
def test_choice(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    machine: Machine,
    ran: list[str],
    answer: str | None,
) -> None:
    """What is there is used; else Debian's package, as root; else Playwright's own; else it fails and says how."""
    monkeypatch.delenv("CHAINRULE_BROWSER", raising=False)
    monkeypatch.setenv("DEBIAN_FRONTEND", "noninteractive")
    monkeypatch.setattr(browser, "candidates", machine.candidates)
    monkeypatch.setattr(browser, "run", machine.run)
    monkeypatch.setattr(browser, "launches", machine.launches)
    monkeypatch.setattr(browser, "is_debian", lambda: machine.debian)
    monkeypatch.setattr(browser, "is_root", lambda: machine.root)
    code = browser.main()
    said = capsys.readouterr()
    assert machine.ran == ran
    assert said.out.count("No Chrome or Chromium here") == len(ran)
    if answer:
        assert (code, said.out.splitlines()[-1]) == (0, f"browser: {answer}")
    else:
        assert code == 1
        assert "Install Chrome or Chromium" in said.err


@pytest.mark.browser
def test_launch_for_real() -> None:
    """The browser that `find_browser` names, or Playwright's own, can be started by Playwright."""
    assert browser.launches(report=True)
