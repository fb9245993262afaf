"""Tests of the files that hosts and tools read, and of what the site makes of what hosts tell it."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from _ext.pages import hosting
from ruamel.yaml import YAML

from tests.support.built import Page
from tests.support.project import ROOT, Project

WORKFLOWS = [f".github/workflows/{name}.yml" for name in ("site", "release", "versions")]
SITE, RELEASE, VERSIONS = WORKFLOWS
SCHEMAS = {
    ".readthedocs.yaml": "vendor.readthedocs",
    **dict.fromkeys(WORKFLOWS, "vendor.github-workflows"),
    "CITATION.cff": "vendor.citation-file-format",
}


def read(name: str) -> Any:
    """Return what is in a YAML file."""
    return YAML(typ="safe").load(ROOT / name)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_file_is_what_its_host_reads(name: str) -> None:
    """A host's file agrees with the schema that the host has published, as check-jsonschema ships it."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", SCHEMAS[name], str(ROOT / name)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_notebooks_branch_holds_the_notebooks_alone(tmp_path: Path) -> None:
    """The lines that fill the branch for Colab leave the notebooks of the archive there by their paths, and no more."""
    (line,) = (step["run"] for step in read(SITE)["jobs"]["notebooks"]["steps"] if "run" in step)
    origin, checkout = tmp_path / "origin", tmp_path / "checkout"
    git = ["git", "-c", "init.defaultBranch=main", "-c", "user.name=a", "-c", "user.email=a@b"]
    with zipfile.ZipFile(tmp_path / "lessons.zip", "w") as archive:
        for name in ("1_part/10_one.ipynb", "1_part/10_one.py", "2_part/10_two.ipynb"):
            archive.writestr(name, name)
    told = {**os.environ, "RUNNER_TEMP": str(tmp_path), "GITHUB_SHA": "0123abc"}
    subprocess.run([*git, "init", "--quiet", "--bare", origin], check=True)
    subprocess.run([*git, "init", "--quiet", checkout], check=True)
    (checkout / "conf.py").touch()
    for command in (["add", "."], ["commit", "--quiet", "-m", "a"], ["remote", "add", "origin", str(origin)]):
        subprocess.run([*git, *command], cwd=checkout, check=True)
    for _ in range(2):  # a second time over what the first has left
        subprocess.run([*git, "switch", "--quiet", "main"], cwd=checkout, check=True)
        subprocess.run([*git, "branch", "--quiet", "-D", "notebooks"], cwd=checkout, stderr=subprocess.DEVNULL)
        subprocess.run(["bash", "-e", "-c", line], cwd=checkout, env=told, check=True)
    listed = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "notebooks"], cwd=origin, capture_output=True, encoding="utf-8"
    )
    assert listed.stdout.split() == ["1_part/10_one.ipynb", "2_part/10_two.ipynb"]


def test_only_publishing_may_write() -> None:
    """No job may write, except those that publish, after the tests, what was pushed to main or released."""
    may = {}
    for workflow in map(read, WORKFLOWS):
        assert workflow["permissions"] == {"contents": "read"}
        assert set(workflow["on"]) in ({"push", "pull_request"}, {"release"})
        for name, job in workflow["jobs"].items():
            if rights := {right for right, level in job.get("permissions", {}).items() if level == "write"}:
                may[name] = rights, job["needs"], job.get("if")
    on_main = "github.event_name == 'push' && github.ref == 'refs/heads/main'"
    assert may == {
        "deploy": ({"pages", "id-token"}, "test", on_main),
        "notebooks": ({"contents"}, "test", on_main),
        "publish": ({"id-token"}, "build", None),
    }


def test_others_code_is_what_it_was_and_tests_hold_no_key() -> None:
    """Actions are named by their commit, and where tests run, no checkout leaves its credentials behind."""
    for workflow in map(read, WORKFLOWS):
        for name, job in workflow["jobs"].items():
            for step in (step for step in job["steps"] if "uses" in step):
                assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"])
                pushes = not step["uses"].startswith("actions/checkout") or name == "notebooks"
                assert pushes or step["with"]["persist-credentials"] is False


def test_what_is_claimed_is_in_the_matrix() -> None:
    """The Pythons and the oldest PyTorch that pyproject.toml claims are tested by the workflow, and the newest."""
    (job,) = read(VERSIONS)["jobs"].values()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pythons = [line.rpartition(" ")[2] for line in project["classifiers"] if re.search(r":: 3\.\d+$", line)]
    (torch,) = (need for need in project["dependencies"] if need.startswith("torch"))
    assert job["strategy"]["matrix"]["python"] == pythons
    assert project["requires-python"] == f">={pythons[0]}"
    assert job["strategy"]["matrix"]["torch"] == [f"{torch.replace('>=', '==')}.*", "torch"]


@pytest.mark.site
def test_a_fresh_checkout_with_the_cache_executes_nothing(cold: Project, tmp_path: Path) -> None:
    """With what the workflow keeps, a checkout with new dates executes nothing, and gives the same site."""
    fresh = Project(tmp_path / "another place")
    fresh.write_small_site()
    (kept,) = (step["with"]["path"] for step in read(SITE)["jobs"]["test"]["steps"] if "executed" in str(step))
    for name in kept.split():
        shutil.copytree(cold.folder / name, fresh.folder / name)
    fresh.build()
    assert fresh.status == 0, fresh.complained
    assert fresh.executed() == []
    assert fresh.written == set(cold.times())
    assert all(fresh.page(name) == cold.page(name) for name in fresh.written)
    fresh.edit("examples/1_part/20_two.py", "x = 2", "x = 3")
    fresh.build()
    assert fresh.executed() == ["20_two.py"]


# --- what the site makes of it

GITHUB = {
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "someone/course",
    "GITHUB_REF": "refs/heads/a/branch",
    "GITHUB_SHA": "0123abc",
}
RTD = {
    "READTHEDOCS_CANONICAL_URL": "https://course.example/en/latest/",
    "READTHEDOCS_GIT_CLONE_URL": "git@gitlab.com:some/one/course.git",
    "READTHEDOCS_GIT_IDENTIFIER": "main",
    "READTHEDOCS_GIT_COMMIT_HASH": "0123abc",
    "READTHEDOCS_VERSION_TYPE": "branch",
}
OWN = "CHAINRULE_REPOSITORY_URL"


@pytest.mark.parametrize("user", ["https://", "https://user:secret@", "git@", "ssh://git@", "git://"])
@pytest.mark.parametrize("ending", ["", "/", ".git", ".git/"])
def test_a_browser_finds_what_git_clones(user: str, ending: str) -> None:
    """From any address that git takes comes the one at which a browser shows the repository, without a password."""
    address = user + ("host.example:" if user == "git@" else "host.example/") + "owner/name" + ending
    assert hosting.repository_url(OWN, address) == "https://host.example/owner/name"
    assert hosting.repository_url(OWN, "ssh://git@host.example:2222/owner/name") == "https://host.example/owner/name"


HOST = "https://host.example"
NO_REPOSITORY = [
    "course",
    "owner/name",
    HOST,
    f"{HOST}/name",
    "/a/name.git",
    "file:///a/name.git",
    "javascript://a/b/c",
    " ",
]
NO_REPOSITORY += [f"{HOST}/a/{name}" for name in ('b"onclick="x', "{b}", "b?x=1")] + [
    "https://user:secret@host.example"
]
NO_SITE = ["course", "/course/", "host.example/course", "https://", "https://a b/", 'https://a/"x']


@pytest.mark.parametrize(
    ("variable", "fix", "wrong"),
    [
        *(("READTHEDOCS_GIT_CLONE_URL", OWN, wrong) for wrong in NO_REPOSITORY),
        *(("CHAINRULE_SITE_URL", "CHAINRULE_SITE_URL", wrong) for wrong in NO_SITE),
    ],
)
def test_what_is_no_address_is_said(variable: str, fix: str, wrong: str) -> None:
    """What cannot be an address is named, with its variable and the fix, and without a password in it."""
    ask = hosting.site_url if "SITE" in variable else hosting.source
    with pytest.raises(hosting.NoAddressError, match=rf"^{variable} is .*\. Set {fix}") as said:
        ask({**RTD, variable: wrong})
    assert "secret" not in str(said.value)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, ""),
        (GITHUB, ""),
        ({**GITHUB, "CHAINRULE_SITE_URL": ""}, ""),
        ({**GITHUB, "CHAINRULE_SITE_URL": "https://someone.github.io/course"}, "https://someone.github.io/course/"),
        (RTD, "https://course.example/en/latest/"),
        ({**RTD, "CHAINRULE_SITE_URL": "http://localhost:8000"}, "http://localhost:8000/"),
    ],
)
def test_where_the_site_is(told: dict[str, str], expected: str) -> None:
    """The site's address ends in one slash; our own variable goes before the host's, and an empty one is none."""
    assert hosting.site_url(told) == expected


BY_SHA = "0123abc/docs/a.md?plain=1"
ENTERPRISE = {**GITHUB, "GITHUB_SERVER_URL": "https://code.example:8443"}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, None),
        ({**GITHUB, "GITHUB_REPOSITORY": ""}, None),
        (GITHUB, "https://github.com/someone/course/edit/a/branch/docs/a.md"),
        (
            {**GITHUB, "GITHUB_REF": "refs/heads/it's #1"},
            "https://github.com/someone/course/edit/it%27s%20%231/docs/a.md",
        ),
        ({**GITHUB, "GITHUB_REF": "refs/tags/v1"}, f"https://github.com/someone/course/blob/{BY_SHA}"),
        ({**GITHUB, "GITHUB_REF": "refs/pull/17/merge"}, f"https://github.com/someone/course/blob/{BY_SHA}"),
        ({**GITHUB, "GITHUB_REF": "", "GITHUB_SHA": ""}, None),
        (ENTERPRISE, "https://code.example:8443/someone/course/edit/a/branch/docs/a.md"),
        (RTD, "https://gitlab.com/some/one/course/-/edit/main/docs/a.md"),
        ({**RTD, "READTHEDOCS_VERSION_TYPE": "tag"}, f"https://gitlab.com/some/one/course/-/blob/{BY_SHA}"),
        ({**RTD, "READTHEDOCS_VERSION_TYPE": "external"}, f"https://gitlab.com/some/one/course/-/blob/{BY_SHA}"),
        ({**RTD, OWN: "https://gitlab.example.org/a/b"}, "https://gitlab.example.org/a/b/-/edit/main/docs/a.md"),
        ({OWN: "https://bitbucket.org/a/b"}, "https://bitbucket.org/a/b/src/main/docs/a.md?mode=edit&amp;at=main"),
        ({OWN: "https://git.example/a/b"}, ""),
        ({**GITHUB, OWN: "https://git.example/a/b"}, ""),
    ],
)
def test_where_a_source_is(told: dict[str, str], expected: str | None) -> None:
    """A branch can be edited, anything else is viewed at its commit; where the host is not known, nothing is linked."""
    found = hosting.source(told)
    assert (found and found.link("docs/a.md", told)) == expected


def links(project: Project) -> dict[str, list[str]]:
    """Return what each page of a site names as its own address and what its button leads to, as far as it has them."""
    built = project.folder / "docs/_build/html"
    return {
        file.relative_to(built).as_posix(): [
            given["href"]
            for tag, given in Page(file).elements
            if (tag == "link" and given.get("rel") == "canonical")
            or (tag == "a" and given.get("title") in ("Edit this page", "View this page"))
        ]
        for file in sorted(built.rglob("*.html"))
    }


def stripped(page: str) -> list[str]:
    """Return the words of a page without what depends on where it is and on where its sources are."""
    page = re.sub(r'<link rel="canonical"[^>]*>|<meta (?:property="og:|name="twitter:)[^>]*>', "", page)
    page = re.sub(r'<div class="sphx-glr-footer.*?</section>', "", page, flags=re.DOTALL)
    return re.sub(r'<div class="edit-this-page">.*?</div>', "", page, flags=re.DOTALL).split()


@pytest.fixture
def again(cold: Project, tmp_path: Path) -> Project:
    """The small site once more, with all that was executed, and no page yet."""
    project = Project(tmp_path / "again")
    shutil.copytree(cold.folder, project.folder)
    shutil.rmtree(project.folder / "docs/_build/html")
    return project


@pytest.mark.site
def test_pages_know_where_they_are(again: Project, cold: Project) -> None:
    """With a host's variables, and not without, a page names its own address, and its source; no more is changed."""
    again.build(**GITHUB, CHAINRULE_SITE_URL="https://someone.github.io/course")
    assert again.status == 0, again.complained
    assert again.executed() == []
    assert links(cold) == {name: [] for name in [*cold.times(), "404.html", "search.html"]}
    site, sources = "https://someone.github.io/course/", "https://github.com/someone/course/edit/a/branch/"
    written_in = {
        "chapter": "docs/chapter.md",
        "index": "docs/index.md",
        "lessons/1_part/10_one": "examples/1_part/10_one.py",
        "lessons/1_part/20_two": "examples/1_part/20_two.py",
        "lessons/1_part/index": "examples/1_part/index.rst",
    }
    expected = {f"{name}.html": [f"{site}{name}.html", sources + file] for name, file in written_in.items()}
    assert links(again) == {**expected, "404.html": [], "search.html": [site + "search.html"]}
    assert all((again.folder / file).is_file() for file in written_in.values())
    assert f'<base href="{site}404.html">' in again.page("404.html"), "it is shown for any address"
    output = again.folder / "docs/_build/html"
    assert re.findall(r"<loc>(.*?)</loc>", again.page("sitemap.xml")) == sorted(site + name for name in expected)
    for name in expected:
        picture = re.search(rf'"og:image" content="{site}([^"]+)"', again.page(name))
        assert picture is not None
        assert (output / picture[1]).read_bytes().startswith(b"\x89PNG")
        assert stripped(again.page(name)) == stripped(cold.page(name))


@pytest.mark.site
def test_a_lesson_can_be_opened_in_colab(again: Project) -> None:
    """From GitHub a lesson leads to its notebook in Colab; what installs it is on an index only if that is said.

    Else it comes from the site, if its address is known, and then from where its sources are.
    """
    page, notebook = "lessons/1_part/10_one.html", again.folder / "docs/lessons/1_part/10_one.ipynb"
    colab = "https://colab.research.google.com/github/someone/course/blob/notebooks/1_part/10_one.ipynb"
    again.build(**GITHUB)
    assert again.status == 0, again.complained
    assert f'href="{colab}"' in again.page(page)
    assert installs(again, page, notebook) == "chainrule[lessons] @ git+https://github.com/someone/course"
    again.build(CHAINRULE_REPOSITORY_URL="https://gitlab.com/a/b")
    assert "colab" not in again.page(page)
    assert installs(again, page, notebook) == "chainrule[lessons] @ git+https://gitlab.com/a/b"
    again.build(CHAINRULE_SITE_URL="https://a.example/course", CHAINRULE_REPOSITORY_URL="https://gitlab.com/a/b")
    (wheel,) = (again.folder / "docs/_build/html/dist").iterdir()
    assert installs(again, page, notebook) == f"chainrule[lessons] @ https://a.example/course/dist/{wheel.name}"
    again.edit("conf.py", "lessons_from_index = False", "lessons_from_index = True")
    again.build(CHAINRULE_SITE_URL="https://a.example/course")
    again.restore()
    assert installs(again, page, notebook) == "chainrule[lessons]"


def installs(project: Project, page: str, notebook: Path) -> str:
    """Return what a lesson's page has the reader install, which is what its notebook installs."""
    (shown,) = re.findall(r'pip install "(.*?)"', html.unescape(re.sub(r"</?span[^>]*>", "", project.page(page))))
    assert f'(files or [\\"{shown}\\"])[0]' in notebook.read_text("utf-8")
    return str(shown)


@pytest.mark.site
def test_a_build_stops_at_what_is_no_address(again: Project) -> None:
    """A build whose addresses cannot be right stops at once, and says why in one line."""
    again.build(CHAINRULE_REPOSITORY_URL="course")
    assert (again.status, again.written) == (2, set())
    assert re.fullmatch("ERROR: CHAINRULE_REPOSITORY_URL is 'course', which is no address.*\n", again.complained)
