"""The commands of the Makefile, run by make itself in a folder with spaces, with stand-ins for what takes long."""

import itertools
import os
import re
import shutil
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

BUILT = r"The site is built\. Open docs/_build/html/index\.html"
FAULTS = "\x1b[31mHERE/docs/index.md:3: WARNING: unknown document: 'nowhere'\x1b[39m\nHERE/b.md:1: ERROR: two"
NOT_BUILT = (
    "The site was not built: docs/index\\.md:3: WARNING: unknown document: 'nowhere' - "
    "Mend this and run the same command again\\."
)

# Says what it was asked, then does as told.
STAND_IN = """\
import os, pathlib, sys
print(NAME, *sys.argv[1:])
print(os.environ.get(NAME + "_SAYS", ""), file=sys.stderr)
if NAME == "SPHINX":
    pathlib.Path(sys.argv[-1]).mkdir(parents=True, exist_ok=True)
    pathlib.Path(sys.argv[-1], ".done").touch()
    if name := os.environ.get("SPHINX_FILLS"):
        try:
            pathlib.Path(name).write_text("x" * 10_000)
        except OSError as error:
            sys.exit(f"ERROR: {error}")
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


def test_help(project: Path) -> None:
    """`make` alone lists every command with a sentence."""
    phony = re.search(r"^\.PHONY: (.*) set-up$", Path("Makefile").read_text(), re.MULTILINE)
    assert phony
    said = make().stdout
    assert said == make("help").stdout
    assert re.findall(r"^  make (\S+) +\w.*$", said, re.MULTILINE) != []
    assert set(re.findall(r"^  make (\S+) +\w.*$", said, re.MULTILINE)) == set(phony[1].split())


@pytest.mark.parametrize(
    ("asked", "told", "code", "printed", "last"),
    [
        ("html", {}, 0, [r"SPHINX -b html -nqW .*", BUILT], ""),
        ("html", {"SPHINX_CODE": "1", "SPHINX_SAYS": FAULTS}, 2, [r"SPHINX .*"], NOT_BUILT),
        ("test", {}, 0, ["BROWSER", r"SPHINX .*", BUILT, r"PYTEST -n auto --dist loadfile .*", r".*make lint"], ""),
        ("test", {"PYTEST_CODE": "1"}, 2, ["BROWSER", r"SPHINX .*", BUILT, r"PYTEST .*"], r".* -m pytest FILE::TEST"),
        ("test", {"SPHINX_CODE": "2"}, 2, ["BROWSER", r"SPHINX .*"], r"The site was not built: .*"),
        ("check", {}, 0, ["PYTEST -m not slow and not site and not browser"], ""),
        ("html PYTHON=python3.99", {}, 2, [], r"found no python3\.99; chainrule needs Python 3\.11 or later\. .*"),
        ("html PYTHON=./old", {}, 2, [], r"found Python 3\.9\.18 at /usr/bin/python3\.9; chainrule needs 3\.11 .*"),
    ],
)
def test_what_a_command_runs_and_says(
    asked: str, told: dict[str, str], code: int, printed: list[str], last: str, project: Path
) -> None:
    """A command runs what it is for and no more; it stops at what fails, and its last line is what to do next."""
    old = "import sys; sys.version_info = (3, 9, 18); sys.executable = '/usr/bin/python3.9'; exec(sys.argv[1])"
    (project / "old").write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{old}" "$2"\n')
    (project / "old").chmod(0o755)
    done = make(*asked.split(), **{name: said.replace("HERE", str(project)) for name, said in told.items()})
    assert done.returncode == code
    lines = done.stdout.splitlines()
    assert len(lines) == len(printed), lines
    assert all(map(re.fullmatch, printed, lines)), lines
    words = [line for line in done.stderr.splitlines() if line and not line.startswith("make:")]
    assert re.fullmatch(last, words[-1] if words else ""), words


@pytest.mark.parametrize("locale", ["C", "xx_YY.UTF-8"])
def test_a_poor_locale_does_no_harm(project: Path, locale: str) -> None:
    """Python reads the path of an installed project that has an ü in it, also where that is no letter."""
    venv = Path(".venv")
    (venv / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).resolve().parent}\n")
    packages = venv / "lib/python{}.{}/site-packages".format(*sys.version_info)
    packages.mkdir(parents=True)
    (packages / "project.pth").write_text("/somewhere/ü\n", "utf-8")
    done = make("html", LC_ALL=locale)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("mount", "words"),
    [
        ("mount --bind . . && mount -o remount,ro,bind .", "this folder is read-only. Copy the project to another"),
        ("mkdir -p docs/_build && mount -t tmpfs -o size=4k tmpfs docs/_build", "the disk is full. Free some space"),
    ],
    ids=["read-only", "full"],
)
def test_a_folder_that_cannot_be_written(project: Path, mount: str, words: str) -> None:
    """A read-only checkout and a full disk are named, in one line that says what to do."""
    if subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("nobody may mount anything here")
    command = ["unshare", "-rm", "sh", "-c", f"{mount} && cd '{project}' && make html"]
    told = surroundings() | {"SPHINX_FILLS": f"{project}/docs/_build/new/page.html"}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=told, check=False)
    words_of_ours = [line for line in done.stderr.splitlines() if not line.startswith("make:")]
    assert done.returncode != 0
    assert words_of_ours[-1].startswith(f"The site was not built: {words}"), done.stderr
    assert "Traceback" not in done.stderr


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


def test_lock_answers_pyproject() -> None:
    """Every requirement is locked to a version that it allows, for everybody, and all but PyTorch by its hashes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    asked += itertools.chain(*project["project"]["optional-dependencies"].values())
    pins: dict[str, list[Requirement]] = {}
    lock = (ROOT / "requirements.lock").read_text()
    for line, hashes in re.findall(
        r"^(?:# )?([\w.-]+==[^\\\n]+)((?: \\\n    --hash=sha256:[0-9a-f]{64})*)$", lock, re.MULTILINE
    ):
        pin = Requirement(line)
        pins.setdefault(pin.name, []).append(pin)
        (exact,) = pin.specifier
        assert (exact.operator, Version(exact.version).local, pin.url) == ("==", None, None)
        assert not re.match(r"nvidia-|cuda-|triton$", pin.name)
        assert bool(hashes) == (pin.name != "torch")
    assert sum(map(len, pins.values())) == lock.count("==") - lock.count(" == ")
    for requirement in map(Requirement, asked):
        for pin in pins[requirement.name]:
            (exact,) = pin.specifier
            assert requirement.specifier.contains(exact.version), f"{pin} does not answer {requirement}"
