"""Write a part of the course as an ordered list: number, title, and what each lesson promises.

``.. lessons::`` stands in the ``index.rst`` of a part; the lessons are the scripts beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx_gallery.py_source_parser import split_code_and_text_blocks


def title_and_promise(opening: str) -> tuple[str, str]:
    """Return the title of a lesson and the first sentence below it, from its opening text."""
    paragraphs = [part.strip() for part in opening.strip().split("\n\n") if not part.lstrip().startswith(".. ")]
    title = next(line for line in paragraphs[0].splitlines() if line.strip(" =-~#*"))
    promise = " ".join(paragraphs[1].split()) if len(paragraphs) > 1 else ""
    sentence, dot, _ = promise.removeprefix("**What you get:** ").partition(". ")
    return title.strip(), sentence[:1].upper() + sentence[1:] + dot.strip()


class Lessons(SphinxDirective):
    """List the lessons of this part, and put them into the sidebar in the same order."""

    has_content: ClassVar[bool] = False

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        folder = Path(self.env.doc2path(self.env.docname)).parent
        lines = [".. rst-class:: chainrule-course", ""]
        names = []
        for script in sorted(folder.glob("*.py")):
            self.env.note_dependency(str(script))
            title, promise = title_and_promise(split_code_and_text_blocks(str(script))[1][0].content)
            lines += [f"#. :doc:`{title} <{script.stem}>`", "", f"   {promise}", ""]
            names.append(script.stem)
        lines += ["", ".. toctree::", "   :hidden:", "", *(f"   {name}" for name in names)]
        return self.parse_text_to_nodes("\n".join(lines), offset=self.content_offset)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("lessons", Lessons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
