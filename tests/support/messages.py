"""Read the index of errors as it was built: each entry's heading, and the message that PyTorch gave below it."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from tests.support import built

PAGE = "reference/errors.html"
SECTION = re.compile(
    r'<section id="([^"]+)">\s*(?:<span id="[^"]*"></span>)*<h3>(.*?)<a class="headerlink".*?</h3>', re.DOTALL
)
MESSAGE = re.compile(r'<div class="[^"]*\btraceback\b[^"]*">.*?<pre[^>]*>(.*?)</pre>', re.DOTALL)


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
    page = (built.SITE / PAGE).read_text("utf-8").partition('<section id="no-message-at-all">')[0]
    found = list(SECTION.finditer(page))
    ends = [*(match.start() for match in found[1:]), len(page)]
    result = []
    for match, end in zip(found, ends, strict=True):
        text = page[match.end() : end]
        messages = MESSAGE.findall(text)
        assert len(messages) == 1, f"{match[1]} shows {len(messages)} messages"
        heading, message = (html.unescape(re.sub(r"<[^>]*>", "", part)).strip() for part in (match[2], messages[0]))
        result.append(Entry(match[1], heading, message, text))
    return result
