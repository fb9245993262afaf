"""Build a site in a folder of its own, edit it there, and see what each build does."""

from __future__ import annotations

import os
import re
import shutil
import sys
from functools import cache
from pathlib import Path

from tests.support.warm import Warm
from tools.build import TOLD

ROOT = Path(__file__).parents[2]
OURS = [
    "LICENSE",
    "README.md",
    "bench/performance.json",
    "conf.py",
    "docs/_ext",
    "docs/_static",
    "docs/_templates",
    "docs/_headers",
    "docs/_inventories",
    "pyproject.toml",
    "requirements.lock",
    "tools",
]
LESSON = '''"""
{title}
=======

See a number. Then stop.
"""

# %%
# Some words, and :math:`x = 1`.

x = {number}
print(x)
'''
CHAPTER = """---
file_format: mystnb
kernelspec: {name: python3, display_name: Python 3}
---
# A chapter

Some words.

```{code-cell} python3
:tags: [answer]
import sys, time, matplotlib, torch
print(6 * 7, end=""); time.sleep(0.3); print("\\nin two pieces")
path = [*filter(None, sys.path)]
torch.get_default_dtype(), torch.get_num_threads(), matplotlib.rcParams, path, sys.argv[0], [*locals()]
```

```{glossary}
answer
: What the chapter gives.
```
"""
FRONT = """# Front

```{toctree}
lessons/1_part/index
chapter
```
"""


# Most of the time that a small site takes
IMPORTED = (
    "chainrule.plots",
    "furo",
    "myst_nb.sphinx_ext",
    "sphinx.cmd.build",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
)


@cache
def sphinx() -> Warm:
    """What runs Sphinx for these tests; it ends with them, since its input does."""
    return Warm(Path(sys.executable), *IMPORTED)


class Project:
    """A site in a folder of its own, and what the last build of it did."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.status = 0
        self.said = ""
        self.complained = ""
        self.written: set[str] = set()
        self.good: dict[str, str] = {}

    def copy(self, *names: str) -> None:
        """Take files and folders over from this tree."""
        for name in names:
            source, target = ROOT / name, self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                ignored = shutil.ignore_patterns("_build", "__pycache__", "jupyter_execute")
                shutil.copytree(source, target, ignore=ignored)
                shutil.rmtree(target / "lessons" if name == "docs" else target / "_build", ignore_errors=True)
            elif source.exists():
                shutil.copy(source, target)

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            self.good.setdefault(name, path.read_text("utf-8"))
        path.write_text(text, "utf-8")

    def write_small_site(self) -> None:
        """Write a site of two lessons and a chapter, with all that this tree builds a site with."""
        self.copy(*OURS)
        self.write("src/chainrule/__init__.py", '"""Nothing."""\n')
        self.write("examples/1_part/index.rst", "A part\n======\n\n.. lessons::\n")
        self.write("examples/1_part/10_one.py", LESSON.format(title="First", number=1))
        self.write("examples/1_part/20_two.py", LESSON.format(title="Other", number=2))
        self.write("docs/index.md", FRONT)
        self.write("docs/chapter.md", CHAPTER)

    def restore(self) -> None:
        """Put the files back that were edited since the last good build."""
        for name, text in self.good.items():
            (self.folder / name).write_text(text, "utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text in a file."""
        text = (self.folder / name).read_text("utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def times(self) -> dict[str, int]:
        """Return when each page was written."""
        html = self.folder / "docs/_build/html"
        found = [page for page in html.rglob("*.html") if page.name not in ("404.html", "search.html")]
        return {page.relative_to(html).as_posix(): page.stat().st_mtime_ns for page in found}

    def build(self, **host: str) -> None:
        """Build as `make html` does; `host` is what a host tells in its variables."""
        before = self.times()
        # what this very run was told by the host that it is on is kept from the sites built here
        own = {name: value for name, value in os.environ.items() if not name.startswith(TOLD)}
        environment = {**own, **host, "PYTHONDONTWRITEBYTECODE": "1"}
        script, kept = Path(__file__).with_name("build_here.py"), self.folder.with_name(f"{self.folder.name} said")
        self.status, self.said, self.complained = sphinx().run(script, self.folder, environment, kept)
        if self.status == 0:
            self.good.clear()
        self.written = {name for name, time in self.times().items() if before.get(name) != time}

    def executed(self) -> list[str]:
        """Return the lessons and chapters that the last build ran."""
        return re.findall(r"^executing (?:lesson \d+ of \d+:|chapter) (\S+)$", self.said, re.MULTILINE)

    def page(self, name: str) -> str:
        """Return the text of a built page."""
        return (self.folder / "docs/_build/html" / name).read_text("utf-8")
