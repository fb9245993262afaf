"""Runs programs one by one, each forked from one process that has imported what takes long; it imports none of ours.

It is told what to import, and says where it found the library. Then each line of input is JSON: a script, the folder
that it runs in, its environment, and a path: what it says is kept beside that, in files that end in `.1` and `.2`. The
answer to each line is the exit code.
"""

import gc
import importlib
import json
import os
import runpy
import sys
import warnings
from pathlib import Path


def run(script: str, folder: str, environment: dict[str, str], kept: str) -> None:
    """Run a script as `python script.py` does."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in environment
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for stream, descriptor in ((sys.stdout, 1), (sys.stderr, 2)):
        os.dup2(os.open(f"{kept}.{descriptor}", os.O_CREAT | os.O_TRUNC | os.O_WRONLY), descriptor)
        stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.argv = [script]
    sys.path.insert(0, str(Path(script).parent))
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    # PyTorch 2.14 says this of its own code, when it is asked for a gradient in forward mode
    warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
    for name in sys.argv[1:]:
        importlib.import_module(name)
    gc.freeze()  # so that no fork copies what it only looks at
    print(sys.modules["chainrule"].__file__, flush=True)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(**json.loads(line))
            sys.exit()
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
