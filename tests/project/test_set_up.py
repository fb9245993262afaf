"""Setting up: .venv is made once, kept in step, repaired after an interruption, and says what stops it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import environment


class Pip:
    """Stands in for pip: notes what it is asked for, and fails or stops where it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.stop_at = 0

    def __call__(self, *arguments: str) -> None:
        """Note a call; raise what Ctrl-C raises at call number `stop_at`."""
        self.asked.append(arguments)
        if len(self.asked) == self.stop_at:
            raise KeyboardInterrupt


HASHED = ("--require-hashes", "--no-deps", "-r", "requirements.lock")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with spaces that holds a lock and nothing else, and is the working directory."""
    folder = tmp_path / "a folder with spaces"
    folder.mkdir()
    (folder / "requirements.lock").write_text(
        "# comment\n# torch==0.1\none==1 \\\n    --hash=sha256:0\ntwo==2 ; sys_platform == 'darwin'\n"
    )
    (folder / "pyproject.toml").write_text("")
    monkeypatch.chdir(folder)
    for name in ("TORCH_INDEX", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def pip(project: Path, monkeypatch: pytest.MonkeyPatch) -> Pip:
    """A stand-in for pip, and for the seconds that it takes to create an empty .venv."""

    def create() -> None:
        shutil.rmtree(".venv", ignore_errors=True)
        Path(".venv/bin").mkdir(parents=True)
        Path(".venv/bin/python").symlink_to(sys.executable)
        Path(".venv/new").touch()

    stand_in = Pip()
    monkeypatch.setattr(environment, "create", create)
    monkeypatch.setattr(environment, "pip", stand_in)
    return stand_in


def is_new() -> bool:
    """Tell whether .venv was created since the last question."""
    there = Path(".venv/new").exists()
    Path(".venv/new").unlink(missing_ok=True)
    return there


def test_first_set_up(pip: Pip, capsys: pytest.CaptureFixture[str]) -> None:
    """The first run installs the lock in one pass, then PyTorch and the project; the second does nothing."""
    assert environment.main() == 0
    assert pip.asked == [
        HASHED,
        ("torch==0.1",),
        ("--no-build-isolation", "--no-deps", "--editable", "."),
    ]
    said = capsys.readouterr().out
    assert "Setting up .venv with Python 3." in said
    assert "Installing 3 packages" in said
    assert said.endswith(".venv is ready\n")
    assert environment.main() == 0
    assert (len(pip.asked), capsys.readouterr().out) == (3, "")


@pytest.mark.parametrize(
    ("change", "made_anew"),
    [
        ("sed -i.old s/one==1/one==1.1/ requirements.lock", False),
        ('mv "$PWD" "$PWD moved"', False),  # .venv knows the project by its path
        ("echo '[project]' > pyproject.toml", False),
        ("sed -i.old 's/Python 3/Python 2/' .venv/chainrule-stamp", True),
        ("ln -sf /nowhere/python3.11 .venv/bin/python", True),
        ("rm .venv/chainrule-stamp", True),
    ],
)
def test_change(pip: Pip, change: str, made_anew: bool, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finished .venv is brought in step in place; one that cannot be trusted is made anew; then all is still."""
    environment.main()
    is_new()
    subprocess.run(change, shell=True, check=True)
    monkeypatch.chdir(next(project.parent.iterdir()))
    assert environment.main() == 0
    assert len(pip.asked) == 6
    assert is_new() is made_anew
    environment.main()
    assert len(pip.asked) == 6


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_interrupted(pip: Pip, capsys: pytest.CaptureFixture[str], call: int) -> None:
    """An interrupted set-up, or update, leaves no stamp, says that the next run repairs it, and the next run does."""
    pip.stop_at = call
    if call > 3:
        environment.main()
        Path("requirements.lock").write_text("# torch==0.1\none==1.1\n")
    assert environment.main() == 130
    assert not environment.STAMP.exists()
    assert "the next run repairs it" in capsys.readouterr().err
    is_new()
    assert environment.main() == 0
    assert is_new()
    assert environment.stamp() == environment.wanted()


@pytest.mark.parametrize(
    ("platform", "variable", "index", "hinted"),
    [
        ("linux", "", "", True),
        ("linux with torch", "", "", False),
        ("linux", "TORCH_INDEX", "https://example.org/cpu", False),
        ("linux", "PIP_EXTRA_INDEX_URL", "https://example.org/whl/cpu", False),
        ("linux", "PIP_EXTRA_INDEX_URL", "https://example.org/simple", True),
        ("darwin", "", "", False),
    ],
)
def test_cpu_build(
    platform: str,
    variable: str,
    index: str,
    hinted: bool,
    pip: Pip,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """How to take the CPU build is said on Linux, before the download, unless it was chosen or torch is there.

    TORCH_INDEX is where PyTorch comes from, and nothing else does.
    """
    monkeypatch.setattr(sys, "platform", platform.split()[0])
    monkeypatch.setattr(environment, "has_torch", lambda: "torch" in platform)
    if variable:
        monkeypatch.setenv(variable, index)
    environment.main()
    chosen = ("--index-url", index) if variable == "TORCH_INDEX" else ()
    assert pip.asked[:2] == [HASHED, ("torch==0.1", *chosen)]
    said = capsys.readouterr().out
    assert ("make html TORCH_INDEX=https://download.pytorch.org/whl/cpu" in said) is hinted
    if hinted:
        assert said.index("TORCH_INDEX") < said.index("Installing")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[Errno -3] Temporary failure in name resolution", "no connection to the package index?"),
        ("ReadTimeoutError: Read timed out.", "no connection to the package index?"),
        ("ERROR: Could not find a version that satisfies the requirement one==1", "no version for Python 3."),
        ("OSError: [Errno 28] No space left on device", "the disk is full. Free some space"),
    ],
)
def test_pip_failed(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, words: str
) -> None:
    """What pip says last is shown, and tells a missing network from every other fault."""
    Path(".venv/bin").mkdir(parents=True)
    said_before = "long ago\n" + "\n" * 20
    environment.PYTHON.write_text(f"#!/bin/sh\ncat <<'END'\n{said_before}{line}\nEND\nexit 1\n")
    environment.PYTHON.chmod(0o755)
    monkeypatch.setattr(environment, "create", lambda: None)
    assert environment.main() == 1
    said = capsys.readouterr().err
    assert line in said
    assert "long ago" not in said
    assert words in said


def test_progress(capsys: pytest.CaptureFixture[str]) -> None:
    """While pip works, every 25th package and every big download gives a line, and small ones give none."""
    lines = [f"Collecting package-{i}==1\n" for i in range(30)]
    lines += ["  Downloading https://example.org/torch-2-linux.whl (821.5 MB)\n"]
    lines += ["  Downloading small.whl (8.1 MB)\n", "Downloading cuda.whl (1.2 GB)\n"]
    assert environment.follow(lines)[-1] == "Downloading cuda.whl (1.2 GB)"
    assert capsys.readouterr().out.splitlines() == [
        "  25 packages fetched",
        "  fetching torch-2-linux.whl (821.5 MB)",
        "  fetching cuda.whl (1.2 GB)",
    ]


def test_no_ensurepip(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A Python that Debian has split gets a message that names the missing package."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert environment.main() == 1
    assert "apt-get install python3-venv" in capsys.readouterr().err
