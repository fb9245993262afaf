"""Show of an error that a chapter raises on purpose what PyTorch says, and not the way through its files.

The traceback names folders of the machine that built the page. What a reader searches for is its last words.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

MESSAGE = re.compile(r"^\w*(?:Error|Warning): ", re.MULTILINE)
PLACE = re.compile(r"(?<=\(Triggered internally at )[^)]*")


def message(traceback: str) -> str:
    """Return the last words of a traceback: the kind of error, and all that it says."""
    *_, last = MESSAGE.finditer(traceback)
    return PLACE.sub("…", traceback[last.start() :]).strip()


class LastWords(SphinxTransform):
    """Shorten each traceback of a page to its message."""

    default_priority = 400

    def apply(self, **_: Any) -> None:
        """Change the page in place."""
        for block in list(self.document.findall(nodes.literal_block)):
            if "traceback" in block["classes"]:
                said = message(block.astext())
                block.replace_self(nodes.literal_block(said, said, language="none", classes=block["classes"]))


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the transform."""
    app.add_transform(LastWords)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
