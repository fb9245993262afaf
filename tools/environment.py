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

from tools.faults import in_our_words
from tools.one_at_a_time import one_at_a_time

VENV = Path(".venv")
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "chainrule-stamp"
LOCK = Path("requirements.lock")
RUNNING = "Python {}.{}".format(*sys.version_info)

CPU_HINT = (
    "torch brings CUDA on Linux, several GB; to take the smaller CPU build instead, stop and run:\n"
    "    make html TORCH_INDEX=https://download.pytorch.org/whl/cpu"
)
NO_VENV = (
    f"this Python ({sys.executable}) cannot create virtual environments: its module `ensurepip` is missing. "
    "Debian and Ubuntu keep it in a package of its own: apt-get install python3-venv"
)
NO_NETWORK = (
    "no connection to the package index? Once there is one, run the same command again; what was downloaded is kept."
)
PIP_FAILED = (
    "pip could not install the packages of requirements.lock; its last lines are above. Mend "
    f"what they name and run the same command again. If a package has no version for {RUNNING}, use another "
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
    parts = (LOCK.read_bytes(), Path("pyproject.toml").read_bytes(), str(Path.cwd()).encode())
    return f"{RUNNING}\n{hashlib.sha256(b'|'.join(parts)).hexdigest()}\n"


def stamp() -> str:
    """Return what the last finished set-up left; empty when there was none, or when its Python is gone."""
    return STAMP.read_text() if STAMP.exists() and PYTHON.exists() else ""


def set_up() -> None:
    """Bring .venv to what requirements.lock says, and stamp it only when all is done.

    Without a stamp .venv is made anew: pip takes a package that was unpacked halfway for an installed one.
    """
    if stamp().partition("\n")[0] == RUNNING:
        STAMP.unlink()
        print(f"Bringing {VENV} in step with {LOCK}", flush=True)
    else:
        print(f"Setting up {VENV} with {RUNNING}", flush=True)
        create()
    index = os.environ.get("TORCH_INDEX", "")
    told = index or "/cpu" in os.environ.get("PIP_INDEX_URL", "") + os.environ.get("PIP_EXTRA_INDEX_URL", "")
    if sys.platform == "linux" and not told and not has_torch():
        print(CPU_HINT, flush=True)
    lock = LOCK.read_text()
    count = len(re.findall(r"^(?:# )?[\w.-]+==", lock, re.MULTILINE))
    print(f"Installing {count} packages; a minute or two on a fast line", flush=True)
    pip("--require-hashes", "--no-deps", "-r", str(LOCK))
    for torch in re.findall(r"^# (torch==\S+)$", lock, re.MULTILINE):  # with what it brings for GPUs
        pip(torch, *(["--index-url", index] if index else []))
    # hatchling, which builds the project, came with the lock: so nothing is fetched here
    pip("--no-build-isolation", "--no-deps", "--editable", ".")
    STAMP.write_text(wanted())
    print(f"{VENV} is ready", flush=True)


def create() -> None:
    """Make an empty .venv with pip, in place of any that is there."""
    import importlib.util
    import venv

    if not importlib.util.find_spec("ensurepip"):
        raise SetUpError(NO_VENV)
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    venv.create(VENV, with_pip=True, symlinks=True, clear=True)


def has_torch() -> bool:
    """Tell whether .venv has PyTorch already, so that the big download is over."""
    return any(VENV.glob("lib/python*/site-packages/torch/version.py"))


def pip(*arguments: str) -> None:
    """Run `pip install`, telling its progress in few words and its last lines when it fails."""
    import subprocess

    process = subprocess.Popen(
        [PYTHON, "-m", "pip", "install", "--progress-bar", "off", "--no-input", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        close_fds=False,  # so that it holds our lock
        env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    with process:
        last = follow(process.stdout or ())
    if process.returncode:
        print("\n".join(last), file=sys.stderr)
        said = "\n".join(last)
        raise SetUpError(in_our_words(said) or (NO_NETWORK if SIGNS_OF_NO_NETWORK.search(said) else PIP_FAILED))


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
    except (SetUpError, OSError) as error:
        print(f"set-up stopped: {in_our_words(str(error)) or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nset-up interrupted; the next run repairs it", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
