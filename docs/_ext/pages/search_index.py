"""Give the search the same index at a second build as at a first one.

Sphinx drops the index entries of pages that are not written again, and keeps words that stand on no page any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.search import js_index


def keep_entries(app: Sphinx, env: BuildEnvironment) -> None:
    """Take the entries of the last build over; those of pages that are written again will be replaced."""
    try:
        with Path(app.outdir, "searchindex.js").open(encoding="utf-8") as file:
            last = js_index.load(file)
    except (OSError, ValueError):
        return
    kept: dict[str, list[tuple[str, str, str]]] = {}
    for entry, places in last["indexentries"].items():
        for page, anchor, is_main in places:
            kept.setdefault(last["docnames"][page], []).append((entry, anchor, "main" if is_main else ""))
    env._search_index_index_entries.update({page: kept[page] for page in sorted(kept) if page in env.found_docs})


def drop_words(app: Sphinx) -> Iterable[tuple[str, dict[str, Any], str]]:
    """Drop the words that stand on no page; it adds no page itself."""
    indexer = getattr(app.builder, "indexer", None)
    for pages_of in (indexer._mapping, indexer._title_mapping) if indexer else ():
        for word in [word for word, pages in pages_of.items() if not pages]:
            del pages_of[word]
    return ()


def setup(app: Sphinx) -> dict[str, bool]:
    """Look before the pages are written, and again before the index is."""
    app.connect("env-updated", keep_entries)
    app.connect("html-collect-pages", drop_words)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
