"""Builds the site in the working directory as tools.build does, with Sphinx in this process, where it is imported."""

import sys
from pathlib import Path

from sphinx.cmd.build import main

sys.path[0] = str(Path.cwd())

from tools import build  # noqa: E402  # of that site

build.run_sphinx = lambda: (main(build.SPHINX[2:]), "")
sys.exit(build.main())
