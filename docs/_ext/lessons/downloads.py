"""Offer each lesson as a script and a notebook, and each part and the course as one archive, the same in every build.

A notebook installs what it needs where that is missing. Colab reads notebooks from GitHub alone, so a lesson is opened
there if the repository is known to be on GitHub; the workflow puts the notebooks into a branch of their own.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms import SphinxTransform
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

from _ext.lessons.course import title_and_promise
from _ext.pages import hosting

PACKAGE = "chainrule[lessons]"
FIRST_CELL = f"""\
import importlib.util

if not importlib.util.find_spec("chainrule"):  # as in Colab
    %pip install --quiet '{PACKAGE}'
%matplotlib inline"""  # without the last line a notebook would show a figure's type, and not the figure
INSTALLS = re.compile(r"(?<=%pip install --quiet ')[^']+")
COLAB = "https://colab.research.google.com/github/{}/blob/notebooks/{}.ipynb"
GITHUB = "https://github.com/"
TERM = re.compile(r":term:`([^`<]+?)(?: <[^`>]+>)?`")
# The oldest date that an archive can hold: what is inside has no date of its own.
NO_DATE = (1980, 1, 1, 0, 0, 0)


def titles(app: Sphinx) -> dict[str, str]:
    """Map what sphinx-gallery leaves of a link in a notebook, a bare target, to the title that a page would show."""
    found = {}
    for page in Path(app.srcdir).rglob("*.md"):
        heading = next((line[2:] for line in page.read_text("utf-8").splitlines() if line.startswith("# ")), page.stem)
        found[f":doc:`/{page.relative_to(app.srcdir).with_suffix('').as_posix()}`"] = f"*{heading}*"
    for folder in app.config.sphinx_gallery_conf["gallery_dirs"]:
        for script in (Path(app.srcdir) / folder).glob("*.py"):
            title, _ = title_and_promise(split_code_and_text_blocks(str(script))[1][0].content)
            found[f"`sphx_glr_{folder.replace('/', '_')}_{script.name}`"] = f"*{title}* (`{script.name}`)"
    return found


def name_links(app: Sphinx) -> None:
    """Write titles into the notebooks, where links lead nowhere, and from where they install what they need."""
    names = titles(app)
    found = hosting.source(os.environ)
    package = f"{PACKAGE} @ git+{found.repository}" if found else PACKAGE
    for folder in app.config.sphinx_gallery_conf["gallery_dirs"]:
        for notebook in (Path(app.srcdir) / folder).glob("*.ipynb"):
            before = after = notebook.read_text("utf-8")
            for target, title in names.items():
                after = after.replace(target, json.dumps(title)[1:-1])
            after = INSTALLS.sub(package, TERM.sub(r"**\1**", after))
            if after != before:
                notebook.write_text(after, "utf-8")


def archive(files: list[Path], folder: Path) -> bytes:
    """Return a zip of the files, by their paths in a folder, that depends on nothing but these and their contents."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archived:
        for file in sorted(files):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), NO_DATE)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archived.writestr(entry, file.read_bytes())
    return out.getvalue()


def write_archives(app: Sphinx) -> None:
    """Write an archive of each part beside its lessons, and one of the course; what is there already is left alone."""
    every = []
    for name in app.config.sphinx_gallery_conf["gallery_dirs"]:
        folder = Path(app.srcdir) / name
        files = [*folder.glob("*.py"), *folder.glob("*.ipynb")]
        every += files
        _write(folder / f"{folder.name}.zip", archive(files, folder))
    lessons = Path(app.srcdir) / "lessons"
    _write(lessons / "lessons.zip", archive(every, lessons))


def _write(target: Path, data: bytes) -> None:
    """Write a file if it differs: a newer one is a changed one."""
    if not target.is_file() or target.read_bytes() != data:
        target.write_bytes(data)


class LessonDownloads(SphinxTransform):
    """Take away what sphinx-gallery says above the title, and its archive of a single lesson."""

    default_priority = 400

    def apply(self, **_: Any) -> None:
        """Change the page in place, before its downloads are collected."""
        for node in list(self.document.findall(nodes.Element)):
            classes = node.get("classes", ())
            if "sphx-glr-download-link-note" in classes or "sphx-glr-download-zip" in classes:
                node.parent.remove(node)
        for link in self.document.findall(addnodes.download_reference):
            target = link["reftarget"]
            if not target.startswith("/") and target.endswith((".py", ".ipynb")):
                kind = "Script" if target.endswith(".py") else "Notebook"
                link.clear()
                link += nodes.literal("", f"{kind}: {target}")


def say_how_to_run(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Say below a lesson what installs all that it needs, and lead to Colab if that can read it."""
    found = hosting.source(os.environ)
    repository = found.repository if found else ""
    for footer in doctree.findall(nodes.container):
        if "sphx-glr-footer-example" not in footer["classes"]:
            continue
        if repository.startswith(GITHUB):
            address = COLAB.format(repository.removeprefix(GITHUB), name.removeprefix("lessons/"))
            link = nodes.reference("", "Open in Colab", refuri=address)
            footer += nodes.container("", nodes.paragraph("", "", link), classes=["sphx-glr-download"])
        package = f"{PACKAGE} @ git+{repository}" if repository else PACKAGE
        line = nodes.literal("", f'pip install "{package}"')
        words = nodes.paragraph("", "", nodes.Text("Both run after "), line)
        footer += nodes.container("", words, classes=["sphx-glr-download"])


def set_first_cell(app: Sphinx, config: Config) -> None:
    """Have every notebook begin with what it needs."""
    config.sphinx_gallery_conf["first_notebook_cell"] = FIRST_CELL


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the archives once sphinx-gallery has run the lessons (500)."""
    app.connect("config-inited", set_first_cell, priority=5)
    app.connect("doctree-resolved", say_how_to_run)
    app.connect("builder-inited", name_links, priority=640)
    app.connect("builder-inited", write_archives, priority=650)
    app.add_transform(LessonDownloads)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
