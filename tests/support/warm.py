"""Programs that are run by forking one process, so that PyTorch and the like are imported once and not each time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path


class Warm:
    """Runs programs with a certain Python, each in a process of its own that has nothing from the one before."""

    def __init__(self, python: Path, *imported: str) -> None:
        """Start the process that is forked, with what it imports."""
        pipe = subprocess.PIPE
        # `-P`: not the folder of that file but what is installed is what it imports from
        command = [str(python), "-P", str(Path(__file__).with_name("runner.py")), *imported]
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=python.parent, encoding="utf-8")
        self.library = Path(self._answer())

    def run(self, script: Path, folder: Path, environment: Mapping[str, str], kept: Path) -> tuple[int, str, str]:
        """Run a script in a folder; give its exit code and what it wrote to either stream."""
        assert self.process.stdin
        job = {"script": str(script), "folder": str(folder), "environment": dict(environment), "kept": str(kept)}
        print(json.dumps(job), file=self.process.stdin, flush=True)
        code = int(self._answer())
        said, complained = (Path(f"{kept}.{stream}").read_text("utf-8") for stream in (1, 2))
        return code, said, complained

    def stop(self) -> None:
        """End it."""
        self.process.communicate()
        assert self.process.returncode == 0

    def _answer(self) -> str:
        assert self.process.stdout
        answer = self.process.stdout.readline().rstrip("\n")
        assert answer, "the process that is forked has ended"
        return answer
