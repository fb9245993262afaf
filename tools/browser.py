"""Finds a browser for the tests, and gets one if there is none.

`make test` runs this first; then tests hand the answer of `find_browser()` to Playwright as it is.
"""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

PLACES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


@functools.cache
def find_browser() -> str | None:
    """Return the path of a Chrome or Chromium that starts, or None for the one that Playwright brings.

    The environment variable CHAINRULE_BROWSER, a path, goes before all others.
    """
    if named := os.environ.get("CHAINRULE_BROWSER"):
        if not run([named, "--version"], quiet=True):
            raise FileNotFoundError(f"CHAINRULE_BROWSER names {named}, which does not start. Name another.")
        return named
    found = (path for place in PLACES if (path := shutil.which(place)))
    # on Ubuntu chromium-browser may be a stub, which does not answer
    return next((path for path in found if run([path, "--version"], quiet=True)), None)


def get_browser() -> None:
    """Install Debian's package, where that is possible; else fetch the browser that Playwright brings."""
    if is_debian() and is_root():
        print("No Chrome or Chromium here: installing the package chromium with apt-get", flush=True)
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        if run(["apt-get", "update", "-qq"]):
            run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"], quiet=True)
        find_browser.cache_clear()
    if not find_browser():
        print("No Chrome or Chromium here: fetching Playwright's own (about 150 MB)", flush=True)
        run([sys.executable, "-m", "playwright", "install", "chromium"])


def is_debian() -> bool:
    """Tell whether this is Debian or one of its kin."""
    return Path("/etc/debian_version").exists() and bool(shutil.which("apt-get"))


def is_root() -> bool:
    """Tell whether packages can be installed."""
    return os.geteuid() == 0


def run(command: list[str], *, quiet: bool = False) -> bool:
    """Run a command without input and tell whether it went well; `quiet` keeps its output back."""
    to = subprocess.DEVNULL if quiet else None
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=to, stderr=to).returncode == 0
    except OSError:
        return False


def fault() -> str:
    """Start the browser that `find_browser` names with Playwright; return what is wrong with it, or nothing."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            playwright.chromium.launch(executable_path=find_browser()).close()
        except Error as error:
            return error.message
    return ""


def main() -> int:
    """Make sure that the tests have a browser that starts; return the exit code."""
    try:
        if not find_browser() and fault():
            get_browser()
        if said := fault():
            print(
                f"{said}\nmake test: the pages are tested in a real browser, and none starts. Install Chrome or "
                "Chromium (Debian: apt-get install chromium), or name one: make test CHAINRULE_BROWSER=/path/to/chrome",
                file=sys.stderr,
            )
            return 1
    except FileNotFoundError as error:
        print(f"make test: {error}", file=sys.stderr)
        return 1
    print("browser:", find_browser() or "Playwright's own Chromium", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
