"""Run the examples in docstrings, in the README and in the plain pages of the documentation as tests."""

from pathlib import Path

from sybil import Sybil
from sybil.parsers.myst import DocTestDirectiveParser, PythonCodeBlockParser
from sybil.parsers.rest import DocTestParser
from sybil.sybil import SybilCollection
from sybil.typing import Parser

from tests.support.pages import is_chapter

DOCS = Path(__file__).parent / "docs"

markdown: list[Parser] = [PythonCodeBlockParser(), DocTestDirectiveParser()]
chapters = [str(page.relative_to(DOCS)) for page in DOCS.glob("[!_]*/**/*.md") if is_chapter(page)]

docstrings = Sybil([DocTestParser()], path="src", pattern="*.py")
readme = Sybil(markdown, pattern="README.md")
# Chapters are run as a whole, with what they claim, by tests/course/test_prose.py.
pages = Sybil(markdown, path="docs", pattern="*.md", excludes=chapters)

pytest_collect_file = SybilCollection((docstrings, readme, pages)).pytest()
