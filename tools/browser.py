"""Finds a browser for the tests, and gets one if there is none.

Tests ask `find_browser()` and hand the answer to Playwright as it is::

    playwright.chromium.launch(executable_path=find_browser())

`make test` runs this module first, so by then the answer is known to start.
"""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_APPS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
INSTALL_YOURSELF = (
    "Install Chrome or Chromium (Debian: apt-get install chromium), "
    "or name one: make test CHAINRULE_BROWSER=/path/to/chrome"
)


class NoBrowserError(Exception):
    """Says that the browser tests cannot run, and what to install."""


@functools.cache
def find_browser() -> str | None:
    """Return the path of an installed Chrome or Chromium, or None for the one that Playwright brings.

    The environment variable CHAINRULE_BROWSER, a path, goes before all others.
    """
    named = os.environ.get("CHAINRULE_BROWSER")
    if named:
        if not starts(named):
            raise NoBrowserError(f"CHAINRULE_BROWSER names {named}, which does not start. Name another.")
        return named
    return next((path for path in candidates() if starts(path)), None)


def candidates() -> Iterator[str]:
    """Yield the paths at which Chrome or Chromium is usually found, the likeliest first."""
    for name in NAMES:
        if path := shutil.which(name):
            yield path
    for app in MAC_APPS:
        if Path(app).exists():
            yield app


def starts(path: str) -> bool:
    """Tell whether this program answers `--version`: on Ubuntu chromium-browser may be a stub."""
    try:
        return run([path, "--version"], quiet=True)
    except OSError:
        return False


def ensure_browser() -> str:
    """Make sure that Playwright can start a browser, and return what to call it.

    An installed Chrome or Chromium is used; else, on Debian as root, its package is installed; else
    Playwright's own is fetched. Raises NoBrowserError when none of these gives a browser that starts.
    """
    if not find_browser() and not launches() and is_debian() and is_root():
        print("No Chrome or Chromium here: installing the package chromium with apt-get", flush=True)
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        if run(["apt-get", "update", "-qq"]):
            run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"], quiet=True)
        find_browser.cache_clear()
    if not find_browser() and not launches():
        print("No Chrome or Chromium here: fetching Playwright's own (about 150 MB)", flush=True)
        run([sys.executable, "-m", "playwright", "install", "chromium"])
    if not launches(report=True):
        raise NoBrowserError(f"the pages are tested in a real browser, and none starts. {INSTALL_YOURSELF}")
    return find_browser() or "Playwright's own Chromium"


def is_debian() -> bool:
    """Tell whether this is Debian or one of its kin."""
    return sys.platform == "linux" and Path("/etc/debian_version").exists() and bool(shutil.which("apt-get"))


def is_root() -> bool:
    """Tell whether packages can be installed."""
    return os.geteuid() == 0


def run(command: list[str], *, quiet: bool = False) -> bool:
    """Run a command without input and tell whether it went well; `quiet` keeps its output back."""
    to = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=to, stderr=to).returncode == 0


def launches(*, report: bool = False) -> bool:
    """Tell whether Playwright can start the browser that `find_browser` names, and `report` why it cannot."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            playwright.chromium.launch(executable_path=find_browser()).close()
        except Error as error:
            if report:
                print(error.message, file=sys.stderr)
            return False
    return True


def main() -> int:
    """Get a browser for `make test`."""
    try:
        print(f"browser: {ensure_browser()}", flush=True)
    except NoBrowserError as error:
        print(f"make test: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
