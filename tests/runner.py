"""Runs scripts one by one, each forked from one process that has imported what takes long; it imports none of ours.

Each line of input names a script and a folder, with a tab between. The script runs in the folder; what it says is kept
beside that, in files that end in `.1` and `.2`. The answer to each line is the exit code.
"""

import os
import runpy
import sys
from pathlib import Path

import sklearn.datasets  # noqa: F401

import chainrule.plots


def run(script: str, folder: Path) -> None:
    """Run a script as `python script.py` does."""
    os.chdir(folder)
    for stream, descriptor in ((sys.stdout, 1), (sys.stderr, 2)):
        os.dup2(os.open(folder.with_suffix(f".{descriptor}"), os.O_CREAT | os.O_WRONLY), descriptor)
        stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.argv, sys.path[:0] = [script], [str(Path(script).parent)]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    if not Path(chainrule.__file__).is_relative_to(sys.prefix):
        sys.exit(f"this is not the installed chainrule: {chainrule.__file__}")
    for line in sys.stdin:
        script, folder = line.rstrip("\n").split("\t")
        child = os.fork()
        if not child:
            sys.stdin.close()
            run(script, Path(folder))
            sys.exit()
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
