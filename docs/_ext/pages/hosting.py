"""Say where the site is and where its sources are, as far as the environment tells: nothing is guessed.

Each page gets its canonical address, and a button that leads to the page's own source: to edit it on a branch, to
view it on a tag or a pull request. MAINTAINING.md names the variables; without them no page has either.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from sphinx.application import Sphinx
from sphinx.config import Config

SITE = re.compile(r"https?://[\w.-]+(:\d+)?(/[\w.~%/+-]*)?", re.ASCII)
REPOSITORY = re.compile(r"https?://[\w.-]+(:\d+)?(/[\w.~+-]+){2,}", re.ASCII)
CLONED_FROM = (
    (re.compile(r"^[\w.-]+@([\w.-]+):", re.ASCII), r"https://\1/"),  # git@host:owner/name.git
    (re.compile(r"^(?:ssh|git)://(?:[^/@]*@)?([\w.-]+)(?::\d+)?/", re.ASCII), r"https://\1/"),
    (re.compile(r"^(https?://)[^/@]*@"), r"\1"),  # what stands before an `@` may be a password
    (re.compile(r"(\.git)?/*$"), ""),
)
"""How the addresses from which git clones become the one at which a browser finds the repository."""
ADDRESSES = {
    "github": {"edit": "{repository}/edit/{ref}/{path}", "view": "{repository}/blob/{ref}/{path}?plain=1"},
    "gitlab": {"edit": "{repository}/-/edit/{ref}/{path}", "view": "{repository}/-/blob/{ref}/{path}?plain=1"},
    "bitbucket": {
        "edit": "{repository}/src/{ref}/{path}?mode=edit&amp;at={ref}",
        "view": "{repository}/src/{ref}/{path}",
    },
}
"""How a host addresses a file, as the theme puts it into an attribute. The theme knows such addresses too, but only of
three public hosts, and only for pages that lie where their sources do: lessons do not."""
PAGE = "docs/{filename}"  # the theme fills in the name; page.html has another path for lessons


class NoAddressError(ValueError):
    """Says which variable holds no address, and the smallest fix."""

    def __init__(self, name: str, value: str, what: str, fix: str) -> None:
        super().__init__(f"{name} is {value!r}, which is no address of a {what}. Set {fix}; it goes before all others.")


class Source(NamedTuple):
    """Where the sources are: their repository, the branch or commit of it, and what can be done with a file there."""

    repository: str
    ref: str
    button: str

    def link(self, path: str, environment: Mapping[str, str]) -> str:
        """Return the address of a file; empty when nobody here knows how its host addresses one."""
        server, host = environment.get("GITHUB_SERVER_URL"), self.repository.split("/")[2].partition(":")[0].split(".")
        known = next((addresses for kind, addresses in ADDRESSES.items() if kind in host), {})
        if server and self.repository.startswith(server):  # then it is GitHub, whatever its name
            known = ADDRESSES["github"]
        return known.get(self.button, "").format(repository=self.repository, ref=quote(self.ref), path=path)


def site_url(environment: Mapping[str, str]) -> str:
    """Return the address at which the site will be read, with a slash at its end; empty when it is not known."""
    for name in ("CHAINRULE_SITE_URL", "READTHEDOCS_CANONICAL_URL"):
        if value := environment.get(name):
            if not SITE.fullmatch(value):
                raise NoAddressError(name, value, "site", "CHAINRULE_SITE_URL to one, such as https://host/path/")
            return value.rstrip("/") + "/"
    return ""


def repository_url(name: str, value: str) -> str:
    """Return the address at which a browser finds a repository, from any that git would clone it from."""
    url = value
    for form, plain in CLONED_FROM:
        url = form.sub(plain, url)
    if not REPOSITORY.fullmatch(url):
        fix = "CHAINRULE_REPOSITORY_URL to one, such as https://host/owner/name"
        raise NoAddressError(name, re.sub(r"[^/@]*@", "", value), "repository", fix)
    return url


def source(environment: Mapping[str, str]) -> Source | None:
    """Return where the sources are; None when that is not known."""
    given = environment.get
    branch: str | None
    if url := given("CHAINRULE_REPOSITORY_URL"):
        name, branch, commit = "CHAINRULE_REPOSITORY_URL", "main", None
    elif url := given("READTHEDOCS_GIT_CLONE_URL"):
        name, commit = "READTHEDOCS_GIT_CLONE_URL", given("READTHEDOCS_GIT_COMMIT_HASH")
        branch = given("READTHEDOCS_GIT_IDENTIFIER") if given("READTHEDOCS_VERSION_TYPE") == "branch" else ""
    elif (server := given("GITHUB_SERVER_URL")) and (repository := given("GITHUB_REPOSITORY")):
        name, url = "GITHUB_SERVER_URL with GITHUB_REPOSITORY", f"{server.rstrip('/')}/{repository}"
        branch, commit = given("GITHUB_REF", "").partition("refs/heads/")[2], given("GITHUB_SHA")
    else:
        return None
    ref = branch or commit
    found = repository_url(name, url)
    return Source(found, ref, "edit" if branch else "view") if ref else None


def configure(app: Sphinx, config: Config) -> None:
    """Give the theme the addresses that are known; stop at one that cannot be right, or it would be on every page."""
    try:
        url, found = site_url(os.environ), source(os.environ)
    except NoAddressError as error:
        print(f"ERROR: {error}", file=sys.__stderr__, flush=True)
        sys.exit(2)
    if url:
        config.html_baseurl = config.html_context["html_baseurl"] = url  # for Sphinx, and for our templates
    if found and (link := found.link(PAGE, os.environ)):
        buttons = {"top_of_page_buttons": [found.button], f"source_{found.button}_link": link}
        config.html_theme_options = {**config.html_theme_options, **buttons}
    elif found:
        print(f"no links to sources: it is not known here how {found.repository} addresses a file", flush=True)
