"""Measure recording, beside other tools, and write down all that the page "How fast it is" is made from.

make bench
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import re
from pathlib import Path
from typing import Any

import numpy
import torch

import chainrule
from bench import compare, recording
from bench.alone import PEERS as FOLDER
from bench.contestants import PEERS

RESULTS = Path(__file__).with_name("performance.json")
COMPARED = ("scalar", "mlp", "encoder")


def processor() -> str:
    """Name the kind of processor, as Linux does."""
    named = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    return named[1] if named else platform.machine()


def surroundings(peers: list[str]) -> dict[str, Any]:
    """Say when, how, on what and with what."""
    there = {found.name: found.version for found in importlib.metadata.distributions(path=[str(FOLDER)])}
    return {
        "date": str(datetime.date.today()),
        "command": "make bench",
        "machine": {"processor": processor(), "cores": os.cpu_count(), "system": platform.system()},
        "versions": {
            "Python": platform.python_version(),
            "PyTorch": torch.__version__.partition("+")[0],
            "NumPy": numpy.__version__,
            "chainrule": importlib.metadata.version(chainrule.__name__),
            **{peer: there[peer] for peer in sorted(peers)},
        },
    }


def main() -> None:
    """Measure everything, and write it down once all is done."""
    peers = list(PEERS)
    load = os.getloadavg()[0]
    print(f"Measuring recording beside {', '.join(peers)}: some six minutes. Load now: {load:.1f}", flush=True)
    found = {
        **surroundings(peers),
        "load": [load],
        "compare": compare.compare(COMPARED, peers),
        "recording": recording.measure(peers),
    }
    found["load"].append(os.getloadavg()[0])
    RESULTS.write_text(json.dumps(rounded(found), indent=1) + "\n", "utf-8")
    print(f"Written to bench/{RESULTS.name}, which docs/reference/performance.md shows")


def rounded(thing: Any) -> Any:
    """Keep four digits of each number; more is noise."""
    if isinstance(thing, float):
        return float(f"{thing:.4g}")
    if isinstance(thing, dict):
        return {key: rounded(value) for key, value in thing.items()}
    return [rounded(one) for one in thing] if isinstance(thing, (list, tuple)) else thing


if __name__ == "__main__":
    main()
