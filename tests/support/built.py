"""Read the built site as a visitor's browser would, without one: its pages, their links, and what is in them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs" / "_build" / "html"

LINKS = {"a": "href", "img": "src", "link": "href", "script": "src", "form": "action"}


@dataclass
class Page(HTMLParser):
    """What one page holds that tests ask about."""

    path: Path
    ids: list[str] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    following: str | None = None

    def __post_init__(self) -> None:
        """Parse the page."""
        super().__init__()
        self.feed(self.path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element, its id, and where it leads."""
        given = {name: value or "" for name, value in attrs}
        self.elements.append((tag, given))
        if "id" in given:
            self.ids.append(given["id"])
        target = given.get(LINKS.get(tag, ""), "")
        if target and given.get("rel") != "canonical":  # it says where this page is, and leads nowhere
            self.links.append((tag, target))
        if tag == "link" and given.get("rel") == "next":
            self.following = target

    def those_with_class(self, name: str) -> list[dict[str, str]]:
        """Return the attributes of all elements of a class."""
        return [given for _, given in self.elements if name in given.get("class", "").split()]


@cache
def pages() -> dict[str, Page]:
    """Return every page of the built site by its path; fail when there is none."""
    if not (SITE / "index.html").is_file():
        raise AssertionError("there is no site in docs/_build/html to look at; build it first: make html")
    found = sorted(path for path in SITE.rglob("*.html") if "_static" not in path.relative_to(SITE).parts)
    found = [path for path in found if 'http-equiv="refresh"' not in path.read_text("utf-8")]  # a page that has moved
    return {path.relative_to(SITE).as_posix(): Page(path) for path in found}


def documents() -> dict[str, Page]:
    """Return the pages that somebody wrote: no search page, no 404, none of the library's source."""
    made = ("404.html", "_modules/", "search.html")
    return {name: page for name, page in pages().items() if not name.startswith(made)}


def names() -> list[str]:
    """Return the names of all pages, for tests of each; without a site the front page's, so that they fail."""
    return sorted(pages()) if (SITE / "index.html").is_file() else ["index.html"]


def with_class(name: str) -> list[str]:
    """Return the names of the pages that hold an element of a class."""
    return [page for page in names() if (SITE / page).is_file() and pages()[page].those_with_class(name)]


def lessons() -> list[str]:
    """Return the pages of all lessons in the order of the course."""
    scripts = sorted((ROOT / "examples").glob("[0-9]*/*.py"))
    return [f"lessons/{script.parent.name}/{script.stem}.html" for script in scripts]


def chapters() -> list[str]:
    """Return the pages of all chapters in the order in which their index names them."""
    index = (ROOT / "docs/concepts/index.md").read_text("utf-8")
    toctree = re.search(r"\{toctree\}\n(.*?)```", index, re.DOTALL)
    assert toctree is not None
    return [f"concepts/{name.strip()}.html" for name in toctree[1].splitlines() if name and name[0] not in ":`"]
