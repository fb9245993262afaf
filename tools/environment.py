"""Creates .venv from requirements.lock, keeps it in step with it, and repairs it after an interruption.

Run by the system's Python, so the standard library is all there is. The imports that take long wait until
they are needed: when .venv is up to date, this is over before anybody notices.
"""

import hashlib
import os
import re
import sys
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from tools.one_at_a_time import one_at_a_time

VENV = Path(".venv")
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "chainrule-stamp"
LOCK = Path("requirements.lock")
PYPROJECT = Path("pyproject.toml")
RUNNING = "Python {}.{}".format(*sys.version_info)

CPU_HINT = (
    "torch brings CUDA on Linux, several GB; to take the smaller CPU build instead, stop and run:\n"
    "    make html TORCH_INDEX=https://download.pytorch.org/whl/cpu"
)
NO_VENV = (
    "this Python ({}) cannot create virtual environments: its module `ensurepip` is missing. "
    "Debian and Ubuntu keep it in a package of its own: apt-get install python3-venv"
)
NO_NETWORK = (
    "set-up stopped: no connection to the package index? Once there is one, run the same command again; "
    "what was downloaded is kept."
)
PIP_FAILED = (
    "set-up stopped: pip could not install the packages of requirements.lock; its last lines are above. Mend "
    "what they name and run the same command again. If a package has no version for {}, use another "
    "Python: make html PYTHON=python3.12"
)
SIGNS_OF_NO_NETWORK = re.compile(
    r"connection (?:error|broken|refused|reset|aborted)|NewConnectionError|NameResolutionError|ProxyError"
    r"|name resolution|MaxRetryError|Network is unreachable|timed? ?out",
    re.IGNORECASE,
)
BIG_DOWNLOAD = re.compile(r"Downloading (?:\S*/)?(\S+) \(((?:\d{2,}(?:\.\d+)? M|[\d.]+ G)B)\)")


class SetUpError(Exception):
    """Says why .venv could not be made, and the smallest fix."""


def wanted() -> str:
    """Return what the stamp of an up-to-date .venv says: its Python, then a digest of the rest.

    The folder counts, because the project is installed into .venv by its path.
    """
    parts = (LOCK.read_bytes(), PYPROJECT.read_bytes(), str(Path.cwd()).encode())
    return f"{RUNNING}\n{hashlib.sha256(b'|'.join(parts)).hexdigest()}\n"


def stamp() -> str:
    """Return what the last finished set-up left; empty when there was none, or when its Python is gone."""
    return STAMP.read_text() if STAMP.exists() and PYTHON.exists() else ""


def set_up() -> None:
    """Bring .venv to what requirements.lock says, and stamp it only when all is done.

    Without a stamp .venv is made anew: pip takes a package that was unpacked halfway for an installed one.
    """
    before = stamp()
    if before.partition("\n")[0] == RUNNING:
        STAMP.unlink()
        print(f"Bringing {VENV} in step with {LOCK}", flush=True)
    else:
        print(f"Setting up {VENV} with {RUNNING}", flush=True)
        create()
    install()
    STAMP.write_text(wanted())


def create() -> None:
    """Make an empty .venv with pip, in place of any that is there."""
    import importlib.util
    import shutil
    import subprocess
    import venv

    if not importlib.util.find_spec("ensurepip"):
        raise SetUpError(NO_VENV.format(sys.executable))
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)
    try:
        venv.create(VENV, with_pip=True, symlinks=True)
    except subprocess.CalledProcessError as error:
        raise SetUpError(f"{(error.output or b'').decode()}\n{NO_VENV.format(sys.executable)}") from None


def install() -> None:
    """Install the locked packages in one pass of pip, then the project itself, editable."""
    index = os.environ.get("TORCH_INDEX")
    if sys.platform == "linux" and not index and not has_torch() and not cpu_index_is_configured():
        print(CPU_HINT, flush=True)
    count = sum(line[:1].isalnum() for line in LOCK.read_text().splitlines())
    print(f"Installing {count} packages; a minute or two on a fast line", flush=True)
    pip("-r", str(LOCK), *(["--extra-index-url", index] if index else []))
    # hatchling, which builds the project, came with the lock: so nothing is fetched here
    pip("--no-build-isolation", "--no-deps", "--editable", ".")


def has_torch() -> bool:
    """Tell whether .venv has PyTorch already, so that the big download is over."""
    return any(VENV.glob("lib/python*/site-packages/torch/version.py"))


def cpu_index_is_configured() -> bool:
    """Tell whether the reader has already told pip of a CPU index by environment variable."""
    return any("/cpu" in os.environ.get(name, "") for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"))


def pip(*arguments: str) -> None:
    """Run `pip install`, telling its progress in few words and its last lines when it fails."""
    import subprocess

    command = [str(PYTHON), "-m", "pip", "install", "--progress-bar", "off", "--no-input", *arguments]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        close_fds=False,
        env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    ) as process:
        assert process.stdout is not None  # it is a pipe
        last = follow(process.stdout)
    if process.returncode:
        print("\n".join(last), file=sys.stderr)
        no_network = any(SIGNS_OF_NO_NETWORK.search(line) for line in last)
        raise SetUpError(NO_NETWORK if no_network else PIP_FAILED.format(RUNNING))


def follow(lines: Iterable[str]) -> list[str]:
    """Say what pip is at, in a line for each 25 packages and each big download, and return its last lines."""
    last: deque[str] = deque(maxlen=15)
    collected = 0
    for line in lines:
        last.append(line.rstrip())
        if line.startswith(("Collecting ", "Processing ")):
            collected += 1
            if collected % 25 == 0:
                print(f"  {collected} packages fetched", flush=True)
        elif found := BIG_DOWNLOAD.search(line):
            print(f"  fetching {found[1]} ({found[2]})", flush=True)
        elif collected > 1 and line.startswith("Installing collected packages"):
            print("  unpacking", flush=True)
    return list(last)


def main() -> int:
    """Set .venv up unless it is up to date; return the exit code."""
    try:
        if stamp() != wanted():
            with one_at_a_time("setting up"):
                if stamp() != wanted():  # the run that we waited for may have done it
                    set_up()
                    print(f"{VENV} is ready", flush=True)
    except SetUpError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nset-up interrupted; the next run repairs it", file=sys.stderr)
        return 130
    return 0
