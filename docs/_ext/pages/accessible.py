"""Mend, in the finished HTML of a page, what the theme and the extensions leave closed to keyboards and readers."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

MENDS = (
    # What scrolls sideways on a small screen must be reachable by keyboard.
    (re.compile(r"<pre>"), '<pre tabindex="0">'),
    (re.compile(r'<div class="(output_subarea|table-wrapper)([^"]*)">'), r'<div class="\1\2" tabindex="0">'),
    # myst-nb's label does not begin with the words that are seen.
    (re.compile(r'<summary aria-label="[^"]*">'), "<summary>"),
    # sphinx-gallery's empty space.
    (re.compile(r"(\s*<br />){2}(?=\s*(<|$))"), ""),
)


def mend(html: str) -> str:
    """Return the HTML with every mend made."""
    for pattern, replacement in MENDS:
        html = pattern.sub(replacement, html)
    return html


def mend_page(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Mend the body of a page before it is put into its frame."""
    if "body" in context:
        context["body"] = mend(context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Mend last, when all others have had their say."""
    app.connect("html-page-context", mend_page, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
