"""Settings for every test, and which tests share a process."""

import os
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling, Scheduling

from tests.support import sweep  # noqa: F401  # its import says how much hypothesis tries, before any test is read
from tests.support.installed import Installed, install
from tools.browser import find_browser

# Lessons draw, and no window opens. Set before anything imports matplotlib; processes started here inherit it.
os.environ["MPLBACKEND"] = "Agg"

# Tests work on small tensors, for which PyTorch's threads only wait for each other, the longer the busier the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What asks about the course runs each lesson once, if it runs in one process, and installs the library once.
COURSE = re.compile("tests/course/|test_wheel|test_graphs_of_the_course|test_a_notebook_runs")
# What takes longest, so that no core is left alone with it in the end.
FIRST = ("test_browser.py", "test_build.py", "test_lessons.py")


class Shared(LoadFileScheduling):  # type: ignore[misc]  # xdist carries no types
    """Give each process a file after the other, and all that asks about the course to the same one."""

    def _split_scope(self, nodeid: str) -> str:
        return "the course" if COURSE.search(nodeid) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    """Share the tests out among processes."""
    return Shared(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest; all else stays in its order."""
    items.sort(key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    from bench.pages import QUIET  # not there in the copy of this tree that follows CONTRIBUTING.md

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Chainrule's wheel in an environment of its own, made once for each process that tests."""
    return install(tmp_path_factory.mktemp("installed") / "venv")
