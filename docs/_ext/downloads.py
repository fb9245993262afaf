"""Offer each lesson as a script and a notebook, and each part as one archive that is the same in every build."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

from .course import title_and_promise

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
    """Write titles into the notebooks, where a link to another lesson or chapter leads nowhere."""
    names = titles(app)
    for folder in app.config.sphinx_gallery_conf["gallery_dirs"]:
        for notebook in (Path(app.srcdir) / folder).glob("*.ipynb"):
            before = after = notebook.read_text("utf-8")
            for target, title in names.items():
                after = after.replace(target, json.dumps(title)[1:-1])
            after = TERM.sub(r"**\1**", after)
            if after != before:
                notebook.write_text(after, "utf-8")


def archive(files: list[Path]) -> bytes:
    """Return a zip of the files that depends on nothing but their names and contents."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archived:
        for file in sorted(files):
            entry = zipfile.ZipInfo(file.name, NO_DATE)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archived.writestr(entry, file.read_bytes())
    return out.getvalue()


def write_archives(app: Sphinx) -> None:
    """Write an archive of each part beside its lessons, unless it is there already: a newer file is a changed one."""
    for name in app.config.sphinx_gallery_conf["gallery_dirs"]:
        folder = Path(app.srcdir) / name
        target = folder / f"{folder.name}.zip"
        data = archive([*folder.glob("*.py"), *folder.glob("*.ipynb")])
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


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the archives once sphinx-gallery has run the lessons (500)."""
    app.connect("builder-inited", name_links, priority=640)
    app.connect("builder-inited", write_archives, priority=650)
    app.add_transform(LessonDownloads)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
