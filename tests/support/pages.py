"""Read a lesson or a chapter as the blocks of text and code that it is made of, and run it block by block."""

from __future__ import annotations

import contextlib
import io
import linecache
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from myst_nb.core.read import read_myst_markdown_notebook
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

Namespace: TypeAlias = dict[str, Any]
Markup: TypeAlias = Literal["rst", "md"]


@dataclass(frozen=True)
class Block:
    """Hold one run of text or of code; `line` is where it starts in the file, from 1."""

    kind: Literal["text", "code"]
    text: str
    line: int
    raises: bool = False
    """Whether the page says that this code ends in an error, and shows it."""
    hidden: bool = False
    """Whether the page shows only what this code gives."""


@dataclass(frozen=True)
class Page:
    """Hold a lesson (a script with reST in it) or a chapter (a MyST notebook)."""

    path: Path
    markup: Markup
    blocks: tuple[Block, ...]

    @property
    def code(self) -> tuple[Block, ...]:
        """List the blocks of code."""
        return tuple(block for block in self.blocks if block.kind == "code")


def read(path: Path) -> Page:
    """Read a page from its file."""
    if path.suffix == ".py":
        return Page(path, "rst", tuple(_lesson(path)))
    return Page(path, "md", tuple(_chapter(path.read_text(encoding="utf-8"))))


def is_chapter(path: Path) -> bool:
    """Tell whether a Markdown page is a notebook, that is, has cells that are executed."""
    return "{code-cell}" in path.read_text(encoding="utf-8")


def run(page: Page, at_text: Callable[[Block, Namespace], None]) -> str:
    """Run a page's code in order, as the site does, and give what it prints.

    `at_text` is called at each block of text with what stands in the namespace there; for the opening text
    that is what the whole page leaves behind.
    """
    namespace: Namespace = {"__name__": "__main__", "__file__": str(page.path)}
    file = _source_file(page)
    first = next((i for i, block in enumerate(page.blocks) if block.kind == "code"), len(page.blocks))
    printed = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), _left_as_found():
        for block in page.blocks[first:]:
            if block.kind == "text":
                at_text(block, namespace)
                continue
            expected = _error_shown(page, block) if block.raises else contextlib.nullcontext()
            with contextlib.redirect_stdout(printed), expected:
                # The empty lines put each line of code where it stands in the file, so that tracebacks, and
                # whoever reads the source by file and line, find it.
                source = "\n" * (block.line - 1) + block.text
                exec(compile(source, file, "exec", dont_inherit=True), namespace)
        for block in page.blocks[:first]:
            at_text(block, namespace)
    return printed.getvalue()


def _source_file(page: Page) -> str:
    """Name a file whose lines are the page's code: a script's own; for a notebook, one kept in memory."""
    if page.path.suffix == ".py":
        return str(page.path)
    lines: list[str] = []
    for block in page.code:
        lines += [""] * (block.line - 1 - len(lines)) + block.text.splitlines()
    name = f"<ipython cells of {page.path.name}>"
    linecache.cache[name] = (0, None, [line + "\n" for line in lines], name)
    return name


@contextlib.contextmanager
def _error_shown(page: Page, block: Block) -> Iterator[None]:
    """Let an error pass that the page shows, and none that it waits for in vain."""
    try:
        yield
    except Exception:
        return
    raise AssertionError(f"{page.path}:{block.line}: the page shows an error of this code, and there was none.")


@contextlib.contextmanager
def _left_as_found() -> Iterator[None]:
    """Close the figures that a page opens, and put the filters of warnings back that it sets."""
    try:
        with warnings.catch_warnings():
            yield
    finally:
        if pyplot := sys.modules.get("matplotlib.pyplot"):
            pyplot.close("all")


def _lesson(path: Path) -> Iterator[Block]:
    """Split a script where sphinx-gallery does."""
    _, blocks, tree = split_code_and_text_blocks(path, return_node=True)
    if tree is None:
        raise SyntaxError(f"{path} is not Python: run `python {path.name}` to see where.")
    opening, *others = blocks
    yield Block("text", opening.content, tree.body[0].lineno)
    for block in others:
        yield Block(block.type, block.content, block.lineno)


def _chapter(text: str) -> Iterator[Block]:
    """Split a notebook at its cells, as the site does."""
    padded, end = f"\n{text}\n", 0
    for cell in read_myst_markdown_notebook(text).cells:
        start = padded.index(f"\n{cell.source}\n", end) + 1
        end, line = start + len(cell.source), padded.count("\n", 0, start)
        kind: Literal["text", "code"] = "code" if cell.cell_type == "code" else "text"
        tags = cell.metadata.get("tags", ())
        yield Block(kind, cell.source, line, "raises-exception" in tags, "remove-input" in tags)
