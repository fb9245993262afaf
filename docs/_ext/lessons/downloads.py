"""Offer each lesson as a script and a notebook, and each part and the course as one archive, the same in every build.

The site carries the library's wheel in `dist`, and each archive carries it too, so nothing has to be on an index: what
installs a lesson names the site once its address is known, and the file in the archive until then. Colab reads
notebooks from GitHub alone, so a lesson is opened there if the repository is known to be on GitHub; the workflow puts
the notebooks into a branch of their own.
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
from hatchling.builders.wheel import WheelBuilder
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms import SphinxTransform

from _ext.lessons.course import opening, title_and_promise
from _ext.pages import hosting

COLAB = "https://colab.research.google.com/github/{}/blob/notebooks/{}.ipynb"
GITHUB = "https://github.com/"
ANSWER = re.compile(r'\.\. answer::(?:[^"\\]|\\(?!n(?! )).)*')
"""What is right after a question, in a notebook's JSON: it ends with its text, or at a line that is not indented."""
DO = re.compile(r"\.\. do:: .*?\\n\\n   ")
ANSWER_IN_SCRIPT = re.compile(r"#\n# \.\. answer::.*\n(?:#    .*\n)*")
DO_IN_SCRIPT = re.compile(r"^# \.\. do:: (?:.*\n)+?#\n#    ((?:.+\n)(?:#    .*\n)*)", re.MULTILINE)
"""What a script says to the page alone, and the text below it."""
TERM = re.compile(r":term:`([^`<]+?)(?: <[^`>]+>)?`")


def repository() -> str:
    """Return the address of the repository; empty when it is not known."""
    found = hosting.source(os.environ)
    return found.repository if found else ""


def wheel(config: Config) -> str:
    """Return the name of the library's wheel."""
    return f"chainrule-{config.release}-py3-none-any.whl"


def package(config: Config) -> str:
    """Return what pip has to be told for a lesson to run; without an address, the file beside the archive's folders."""
    if config.lessons_from_index:
        return "chainrule[lessons]"
    if address := hosting.site_url(os.environ):
        return f"chainrule[lessons] @ {address}dist/{wheel(config)}"
    return f"chainrule[lessons] @ git+{repository()}" if repository() else f"./{wheel(config)}[lessons]"


def write_wheel(app: Sphinx) -> None:
    """Build the wheel into the site; it has no dates of its own, so it is the same in every build."""
    next(iter(WheelBuilder(str(app.confdir)).build(directory=str(Path(app.outdir, "dist")))))


def tell_pages(app: Sphinx, config: Config) -> None:
    """Let a page say `{{ install }}` for the line that installs the library."""
    known = package(config)
    what = "-r requirements.txt" if known.startswith(".") else f'"{known}"'
    config.myst_substitutions["install"] = f"```console\n$ pip install {what} jupyterlab\n$ jupyter lab\n```"
    config.myst_substitutions["file"] = wheel(config)


def parts(app: Sphinx) -> list[Path]:
    """Return the folder of each part of the course."""
    return [Path(app.srcdir, name) for name in app.config.sphinx_gallery_conf["gallery_dirs"]]


def titles(app: Sphinx) -> dict[str, str]:
    """Map what sphinx-gallery leaves of a link in a notebook, a bare target, to the title that a page would show."""
    found = {}
    for page in Path(app.srcdir).rglob("*.md"):
        heading = next((line[2:] for line in page.read_text("utf-8").splitlines() if line.startswith("# ")), page.stem)
        found[f":doc:`/{page.relative_to(app.srcdir).with_suffix('').as_posix()}`"] = f"*{heading}*"
    for script in (script for part in parts(app) for script in part.glob("*.py")):
        label = script.relative_to(app.srcdir).as_posix().replace("/", "_")
        found[f"`sphx_glr_{label}`"] = f"*{title_and_promise(opening(script))[0]}* (`{script.name}`)"
    return found


def finish_notebooks(app: Sphinx) -> None:
    """Write titles into the notebooks, where links lead nowhere, and what they install; take answers out of scripts."""
    names, first = titles(app), app.config.sphinx_gallery_conf["first_notebook_cell"]
    for notebook in (notebook for part in parts(app) for notebook in part.glob("*.ipynb")):
        text = notebook.read_text("utf-8")
        for target, title in names.items():
            text = text.replace(target, json.dumps(title)[1:-1])
        text = DO.sub("**Do this.** ", ANSWER.sub("", TERM.sub(r"**\1**", text)))
        cells = json.loads(text)
        cells["cells"][0]["source"] = [first.replace("PACKAGE", package(app.config).replace("./", "../"))]
        notebook.write_text(json.dumps(cells, indent=1) + "\n", "utf-8")
    for script in (script for part in parts(app) for script in part.glob("*.py")):
        text = ANSWER_IN_SCRIPT.sub("", script.read_text("utf-8"))
        text = DO_IN_SCRIPT.sub(lambda found: "# **Do this.** " + found[1].replace("\n#    ", "\n# "), text)
        script.write_text(text, "utf-8")


def archive(files: dict[str, bytes]) -> bytes:
    """Return a zip of files by name that depends on nothing but their names and contents."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archived:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name)  # it is of 1980, whatever the file's date
            entry.external_attr = 0o644 << 16
            archived.writestr(entry, data)
    return out.getvalue()


def write_archives(app: Sphinx) -> None:
    """Write an archive of each part beside its lessons, and one of the course; each holds what pip is to be given."""
    name, lessons = wheel(app.config), Path(app.srcdir, "lessons")
    needed = {name: Path(app.outdir, "dist", name).read_bytes(), "requirements.txt": f"./{name}[lessons]\n".encode()}
    for folder in (*parts(app), lessons):
        taken = (file for file in folder.rglob("*") if file.suffix in (".py", ".ipynb"))
        files = {file.relative_to(lessons).as_posix(): file.read_bytes() for file in taken}
        (folder / f"{folder.name}.zip").write_bytes(archive(files | needed))


class LessonDownloads(SphinxTransform):
    """Take away what sphinx-gallery says above the title, and its archive of a single lesson."""

    default_priority = 400

    def apply(self, **_: Any) -> None:
        """Change the page in place, before its downloads are collected."""
        for node in list(self.document.findall(nodes.Element)):
            if {"sphx-glr-download-link-note", "sphx-glr-download-zip"} & set(node.get("classes", ())):
                node.parent.remove(node)
        for link in self.document.findall(addnodes.download_reference):
            target = link["reftarget"]
            kind = {".py": "Script", ".ipynb": "Notebook"}.get(Path(target).suffix)
            if kind and not target.startswith("/"):
                link.children = [nodes.literal("", f"{kind}: {target}")]


def say_how_to_run(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Say below a lesson what installs all that it needs, and lead to Colab if that can read it."""
    known, page = package(app.config), "how-to/install"
    line = nodes.paragraph("", "Both run once the library is installed, from the file in the archive: ")
    if not known.startswith("."):
        line = nodes.paragraph("", "", nodes.Text("Both run after "), nodes.literal("", f'pip install "{known}"'))
    if page in app.env.found_docs:
        address = app.builder.get_relative_uri(name, page)
        line += [nodes.Text(" "), nodes.reference("", "How to install", refuri=address)]
    said = [line]
    if repository().startswith(GITHUB):
        address = COLAB.format(repository().removeprefix(GITHUB), name.removeprefix("lessons/"))
        said.insert(0, nodes.paragraph("", "", nodes.reference("", "Open in Colab", refuri=address)))
    for footer in doctree.findall(nodes.container):
        if "sphx-glr-footer-example" in footer["classes"]:
            footer += [nodes.container("", paragraph, classes=["sphx-glr-download"]) for paragraph in said]


def setup(app: Sphinx) -> dict[str, bool]:
    """Finish what can be taken away once sphinx-gallery has run the lessons (500)."""
    app.add_config_value("lessons_from_index", False, "env", bool)
    app.connect("config-inited", tell_pages)
    app.connect("builder-inited", write_wheel, priority=630)
    app.connect("builder-inited", finish_notebooks, priority=640)
    app.connect("builder-inited", write_archives, priority=650)
    app.connect("doctree-resolved", say_how_to_run)
    app.add_transform(LessonDownloads)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
