"""The commands of the Makefile, run by make itself in a folder with spaces, with stand-ins for what takes long."""

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tools import environment
from tools.one_at_a_time import one_at_a_time

ROOT = Path(__file__).parents[2]

# Says what it was asked, then does as told.
STAND_IN = """\
import os, pathlib, sys
print(NAME, *sys.argv[1:])
print(os.environ.get(NAME + "_SAYS", ""), file=sys.stderr)
if NAME == "SPHINX":
    pathlib.Path(sys.argv[-1]).mkdir(parents=True, exist_ok=True)
    pathlib.Path(sys.argv[-1], "objects.inv").touch()
sys.exit(int(os.environ.get(NAME + "_CODE", "0")))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with spaces: the Makefile, tools, a .venv that is up to date, and stand-ins in it."""
    folder = tmp_path / "a folder with spaces"
    folder.mkdir()
    shutil.copytree(ROOT / "tools", folder / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    for name in ("sphinx", "pytest"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").touch()
        (folder / name / "__main__.py").write_text(f"NAME = {name.upper()!r}\n" + STAND_IN)
    (folder / "tools/browser.py").write_text("print('BROWSER')")
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/python").symlink_to(sys.executable)
    monkeypatch.chdir(folder)
    environment.STAMP.write_text(environment.wanted())
    return folder


def surroundings() -> dict[str, str]:
    """Return the environment without what the make that runs these tests has put there."""
    theirs = ("MAKE", "MFLAGS", "PYTHON", "TORCH_INDEX")
    return {name: value for name, value in os.environ.items() if not name.startswith(theirs)}


def make(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run make as a reader would."""
    return subprocess.run(
        ["make", *arguments],
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        env=surroundings() | variables,
    )


def last_words(stderr: str) -> str:
    """Return the last line before make's own."""
    return [line for line in stderr.splitlines() if not line.startswith("make:")][-1]


def test_help(project: Path) -> None:
    """`make` alone lists every command with a sentence."""
    phony = re.search(r"^\.PHONY: (.*) set-up$", Path("Makefile").read_text(), re.MULTILINE)
    assert phony
    said = make().stdout
    assert said == make("help").stdout
    assert re.findall(r"^  make (\S+) +\w.*$", said, re.MULTILINE) != []
    assert set(re.findall(r"^  make (\S+) +\w.*$", said, re.MULTILINE)) == set(phony[1].split())


def test_html(project: Path) -> None:
    """`make html` runs Sphinx once, strictly, and its last line is the page to open."""
    done = make("html")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("SPHINX -b html -nqW --keep-going -c . ")
    assert lines[1:] == ["The site is built. Open docs/_build/html/index.html"]


def test_html_fails(project: Path) -> None:
    """A failing build passes the messages on with paths as seen from here, and ends with the first and the fix."""
    fault = f"\x1b[31m{project}/docs/index.md:3: WARNING: unknown document: 'nowhere'\x1b[39m"
    done = make("html", SPHINX_CODE="1", SPHINX_SAYS=f"reading\n{fault}\n{project}/b.md:1: ERROR: second")
    assert done.returncode != 0
    assert "The site is built" not in done.stdout
    assert str(project) not in done.stderr
    assert "b.md:1: ERROR: second" in done.stderr
    assert last_words(done.stderr) == (
        "The site was not built: docs/index.md:3: WARNING: unknown document: 'nowhere' - "
        "Mend this and run the same command again."
    )


def test_test(project: Path) -> None:
    """`make test` gets a browser, builds the site, runs pytest over everything, and says what is next."""
    done = make("test")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["BROWSER", "SPHINX", "The", "PYTEST", "Everything"]
    assert lines[3] == "PYTEST -n auto --dist loadfile --no-loadscope-reorder", (
        "every core, and each file by one of them"
    )
    assert "make lint" in lines[-1]


def test_test_fails(project: Path) -> None:
    """When a test fails, so does `make test`, and it says how to run one alone."""
    done = make("test", PYTEST_CODE="1")
    assert done.returncode != 0
    assert "Everything" not in done.stdout
    assert last_words(done.stderr).endswith("One test alone: .venv/bin/python -m pytest FILE::TEST")


def test_test_without_site(project: Path) -> None:
    """When the site cannot be built, `make test` fails before it tests an old one."""
    done = make("test", SPHINX_CODE="2")
    assert done.returncode != 0
    assert "PYTEST" not in done.stdout


def test_check(project: Path) -> None:
    """`make check` neither builds the site, nor asks for a browser, nor runs a lesson."""
    assert make("check").stdout.splitlines() == ["PYTEST -m not slow and not site and not browser"]


def test_clean(project: Path) -> None:
    """`make clean` removes what was built and nothing else."""
    built = ["docs/_build/html", "docs/lessons/1_one_weight", "docs/concepts/__pycache__", ".pytest_cache"]
    kept = ["docs/concepts", "examples/1_one_weight", ".venv/bin", "src", "tests"]
    for name in [*built, *kept]:
        (project / name).mkdir(parents=True, exist_ok=True)
    (project / "conf.py").touch()
    assert make("clean").returncode == 0
    assert not [name for name in built if (project / name).exists()]
    assert all((project / name).exists() for name in kept)


def test_old_python(project: Path) -> None:
    """A Python that is too old is told by version and place, with the command that names another."""
    old = project / "old python"
    code = "import sys; sys.version_info = (3, 9, 18); sys.executable = '/usr/bin/python3.9'; exec(sys.argv[1])"
    old.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{code}" "$2"\n')
    old.chmod(0o755)
    done = make("html", f"PYTHON={old}")
    assert done.returncode != 0
    assert done.stdout == ""
    assert last_words(done.stderr) == (
        "found Python 3.9.18 at /usr/bin/python3.9; chainrule needs 3.11 or later. "
        "Use another, for example: make html PYTHON=python3.12"
    )


def test_no_python(project: Path) -> None:
    """A Python that is not there is told, rather than left to the shell."""
    done = make("html", "PYTHON=python3.99")
    assert done.returncode != 0
    assert last_words(done.stderr).startswith("found no python3.99; chainrule needs Python 3.11 or later.")


def test_the_python_of_venv_stays(project: Path) -> None:
    """Once .venv is there, `make` goes on with its Python, so that one made with PYTHON=... is not made anew."""
    assert '".venv/bin/python" -m tools.environment' in make("-n", "html").stdout
    (project / ".venv/bin/python").unlink()
    assert '"python3" -m tools.environment' in make("-n", "html").stdout


def test_two_at_once(project: Path) -> None:
    """The second of two says that it waits, waits until the first is through, and then does its work."""
    with one_at_a_time("testing"):
        second = subprocess.Popen(["make", "html"], stdout=subprocess.PIPE, encoding="utf-8", env=surroundings())
        assert second.stdout
        words = second.stdout.readline()
        assert words == "another make is at work in this folder; waiting for it before building\n"
        assert second.poll() is None
    rest, _ = second.communicate()
    assert second.returncode == 0
    assert rest.endswith("Open docs/_build/html/index.html\n")


def test_killed_run_holds_up_nobody(project: Path) -> None:
    """The lock of a run that was killed is gone with it."""
    code = "from tools.one_at_a_time import one_at_a_time as one\nwith one(''): print('held', flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert holder.stdout
    assert holder.stdin
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert "waiting" not in make("html").stdout


def test_lock_answers_pyproject() -> None:
    """Every requirement is locked to a version that it allows, for everybody: no build for one machine, no address."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    asked += itertools.chain(*project["project"]["optional-dependencies"].values())
    pins: dict[str, list[Requirement]] = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if not line.startswith("#"):
            pin = Requirement(line)
            pins.setdefault(pin.name, []).append(pin)
            (exact,) = pin.specifier
            assert (exact.operator, Version(exact.version).local, pin.url) == ("==", None, None)
            assert not re.match(r"nvidia-|cuda-|triton$", pin.name)
    for requirement in map(Requirement, asked):
        for pin in pins[requirement.name]:
            (exact,) = pin.specifier
            assert requirement.specifier.contains(exact.version), f"{pin} does not answer {requirement}"


def test_ci_runs_the_readme() -> None:
    """CI runs the two commands that the README gives, and these alone."""
    commands = re.findall(r"^make .*$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    assert commands == ["make html", "make test"]
    readme = (ROOT / "README.md").read_text()
    assert all(re.search(rf"^(?:\$ )?{command}\b", readme, re.MULTILINE) for command in commands)
