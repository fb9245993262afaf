"""Read the index of errors as it was built: each entry's heading, and the message that PyTorch gave below it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bs4 import BeautifulSoup

from tests.support import built

PAGE = "reference/errors.html"


@dataclass(frozen=True)
class Entry:
    """Hold an entry of the index."""

    anchor: str
    heading: str
    message: str
    """What PyTorch said, with the kind of error before it."""
    text: str
    """The whole entry, as HTML."""

    @property
    def words(self) -> str:
        """Return the message without its kind, its numbers and its shapes."""
        return without_numbers(self.message.partition(": ")[2])


def without_numbers(text: str) -> str:
    """Return a text without shapes, and without words that hold a digit."""
    text = re.sub(r"\(torch\.Size\(.*?\)\)|\[[\d, ]*\]", " ", text.replace("`", ""))
    return " ".join(re.sub(r"\(?\b\w*\d\w*\b\)?", " ", text).split())


def entries() -> list[Entry]:
    """Return all entries that show a message; those of the last part, which have none, are left out."""
    result = []
    for section in BeautifulSoup((built.SITE / PAGE).read_text("utf-8"), "html.parser").select("section:has(> h3)"):
        messages = section.select(".traceback pre")
        if not section.find_parent(id="no-message-at-all"):
            assert len(messages) == 1, f"{section['id']} shows {len(messages)} messages"
            heading, message = section.select("h3")[0].text.removesuffix("¶").strip(), messages[0].text.strip()
            result.append(Entry(str(section["id"]), heading, message, str(section)))
    return result
