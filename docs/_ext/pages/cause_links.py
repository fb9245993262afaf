"""Lead each reason that `rec.why()` gives on a page to the section about its cause."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

CAUSES = "reference/causes"
REASON = re.compile(r'(<li data-cause="([^"]*)">.*?)(</li>)', re.DOTALL)


def link(app: Sphinx, page: str, template: str, context: dict[str, Any], *_: object) -> None:
    """Put a link behind each reason, but on the page of causes itself."""
    if page != CAUSES and "data-cause" in context.get("body", "") and CAUSES in app.env.found_docs:
        place = context["pathto"](CAUSES)
        context["body"] = REASON.sub(rf'\1 <a href="{place}#cause-\2">More on this cause</a>\3', context["body"])
