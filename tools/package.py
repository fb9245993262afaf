"""Builds what is published, a source archive and a wheel, into dist; given a tag, only if it names this version."""

import sys
import tomllib
from pathlib import Path

DIST = Path("dist")


def main(arguments: list[str]) -> int:
    """Build both with the backend that pyproject.toml names; return the exit code."""
    version = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]["version"]
    for tag in arguments:
        if tag != f"v{version}":
            print(f"the tag is {tag}, and pyproject.toml says {version}. Tag it v{version}.", file=sys.stderr)
            return 1
    from hatchling.build import build_sdist, build_wheel

    DIST.mkdir(exist_ok=True)
    for build in (build_sdist, build_wheel):
        print(DIST / build(str(DIST)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
