"""Say where the site is and where its sources are, as far as the environment tells: nothing is guessed.

Each page gets its canonical address, and a button that leads to the page's own source: to edit it on a branch, to
view it on a tag or a pull request. CONTRIBUTING.md names the variables; without them no page has either.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

from _ext.execute.progress import say

SITE = re.compile(r"https?://[\w.-]+(:\d+)?(/[\w.~%/+-]*)?", re.ASCII)
CLONED_FROM = (
    re.compile(r"(?P<scheme>https?)://([^/@]*@)?(?P<host>[\w.-]+(:\d+)?)/(?P<path>.+)", re.ASCII),
    re.compile(r"(ssh|git)://([^/@]*@)?(?P<host>[\w.-]+)(:\d+)?/(?P<path>.+)", re.ASCII),
    re.compile(r"[\w.-]+@(?P<host>[\w.-]+):(?P<path>.+)", re.ASCII),  # git@host:owner/name.git
)
OWNER_AND_NAME = re.compile(r"[\w.~+-]+(/[\w.~+-]+)+", re.ASCII)

# How a host addresses a file, written as the theme puts it into an attribute. The theme knows such addresses too, but
# only of three public hosts, and only for pages that lie where their sources do: lessons do not.
ADDRESSES = {
    ("github", "edit"): "{repository}/edit/{ref}/{path}",
    ("github", "view"): "{repository}/blob/{ref}/{path}?plain=1",
    ("gitlab", "edit"): "{repository}/-/edit/{ref}/{path}",
    ("gitlab", "view"): "{repository}/-/blob/{ref}/{path}?plain=1",
    ("bitbucket", "edit"): "{repository}/src/{ref}/{path}?mode=edit&amp;at={ref}",
    ("bitbucket", "view"): "{repository}/src/{ref}/{path}",
}
PAGE = "docs/{filename}"  # the theme fills in the name


class NoAddressError(ValueError):
    """Says which variable holds no address, and the smallest fix."""


class Source(NamedTuple):
    """Name a repository, the branch or commit of it that is built, and what a reader can do with a file there."""

    repository: str
    ref: str
    button: Literal["edit", "view"]

    def link(self, path: str, kind: str) -> str:
        """Return the address of a file on this kind of host; empty when nobody here knows how that would look."""
        address = ADDRESSES.get((kind, self.button), "")
        return address.format(repository=self.repository, ref=quote(self.ref), path=path)


def site_url(environment: Mapping[str, str]) -> str:
    """Return the address at which the site will be read, with a slash at its end; empty when it is not known."""
    for name in ("CHAINRULE_SITE_URL", "READTHEDOCS_CANONICAL_URL"):
        if value := environment.get(name):
            if not SITE.fullmatch(value):
                raise NoAddressError(
                    f"{name} is {value!r}, which is no address of a site. "
                    "Set CHAINRULE_SITE_URL to one, such as https://host/path/; it goes before all others."
                )
            return value.rstrip("/") + "/"
    return ""


def repository_url(name: str, value: str) -> str:
    """Return the address at which a browser finds a repository, from any that git would clone it from.

    What stands before an `@` is dropped, since it may be a password.
    """
    for form in CLONED_FROM:
        if found := form.fullmatch(value):
            path = found["path"].rstrip("/").removesuffix(".git")
            if OWNER_AND_NAME.fullmatch(path):
                return f"{found.groupdict().get('scheme', 'https')}://{found['host']}/{path}"
    shown = re.sub(r"[^/@]*@", "", value)
    raise NoAddressError(
        f"{name} is {shown!r}, which is no address of a repository. "
        "Set CHAINRULE_REPOSITORY_URL to one, such as https://host/owner/name; it goes before all others."
    )


def source(environment: Mapping[str, str]) -> Source | None:
    """Return where the sources are; None when that is not known."""
    given = environment.get
    if url := given("CHAINRULE_REPOSITORY_URL"):
        return Source(repository_url("CHAINRULE_REPOSITORY_URL", url), "main", "edit")
    if url := given("READTHEDOCS_GIT_CLONE_URL"):
        repository = repository_url("READTHEDOCS_GIT_CLONE_URL", url)
        branch = given("READTHEDOCS_GIT_IDENTIFIER") if given("READTHEDOCS_VERSION_TYPE") == "branch" else ""
        commit = given("READTHEDOCS_GIT_COMMIT_HASH")
    elif (server := given("GITHUB_SERVER_URL")) and (name := given("GITHUB_REPOSITORY")):
        repository = repository_url("GITHUB_SERVER_URL with GITHUB_REPOSITORY", f"{server.rstrip('/')}/{name}")
        branch = given("GITHUB_REF", "").partition("refs/heads/")[2]
        commit = given("GITHUB_SHA")
    else:
        return None
    if branch:
        return Source(repository, branch, "edit")
    return Source(repository, commit, "view") if commit else None


def kind_of(repository: str, environment: Mapping[str, str]) -> str:
    """Return which of the known kinds of host a repository is on: by its name, or because GitHub says it is its own."""
    if (server := environment.get("GITHUB_SERVER_URL")) and repository.startswith(server):
        return "github"
    host = repository.split("/")[2].split(":")[0]
    return next((kind for kind, _ in ADDRESSES if kind in host.split(".")), "")


def configure(app: Sphinx, config: Config) -> None:
    """Give the theme the addresses that are known; stop at one that cannot be right, or it would be on every page."""
    try:
        url, found = site_url(os.environ), source(os.environ)
    except NoAddressError as error:
        print(f"ERROR: {error}", file=sys.__stderr__, flush=True)
        sys.exit(2)
    if url:
        config.html_baseurl = url
    if found and (link := found.link(PAGE, kind_of(found.repository, os.environ))):
        buttons = {"top_of_page_buttons": [found.button], f"source_{found.button}_link": link}
        config.html_theme_options = {**config.html_theme_options, **buttons}
    elif found:
        say(f"no links to sources: it is not known here how {found.repository} addresses a file")


def point_at_lesson(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Lead from a lesson to its script, and from a part to its own page, which docs/lessons only has copies of."""
    folder, _, name = page.partition("/")
    if folder == "lessons":
        path = f"examples/{name}.rst" if name.endswith("/index") else f"examples/{name}.py"
        for option in ("theme_source_edit_link", "theme_source_view_link"):
            if context.get(option):
                context[option] = context[option].replace(PAGE, path)


def setup(app: Sphinx) -> dict[str, bool]:
    """Ask the environment before the theme reads its options (800)."""
    app.connect("config-inited", configure)
    app.connect("html-page-context", point_at_lesson)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
