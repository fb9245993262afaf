"""Sets up .venv, or says at once that this Python is too old for it.

This file must parse on any Python, so it holds nothing but the question; the answer is in environment.py.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        "found Python %d.%d.%d at %s; chainrule needs 3.11 or later. "
        "Use another, for example: make html PYTHON=python3.12" % (tuple(sys.version_info[:3]) + (sys.executable,))
    )

from tools.environment import main

sys.exit(main())
