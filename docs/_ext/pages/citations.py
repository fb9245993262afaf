"""Write a bibliography as a list: docutils gives its entries a role that is no longer to be used."""

from __future__ import annotations

from docutils import nodes
from sphinx.writers.html5 import HTML5Translator


def visit(self: HTML5Translator, node: nodes.citation) -> None:
    """Open an entry, and before the first one the list."""
    if not isinstance(node.previous_sibling(), nodes.citation):
        self.body.append('<div role="list" class="citation-list">\n')
    self.body.append(self.starttag(node, "div", classes=["citation"], role="listitem"))


def depart(self: HTML5Translator, node: nodes.citation) -> None:
    """Close it."""
    HTML5Translator.depart_citation(self, node)
