"""Keep the index entries of pages that are not written again; Sphinx drops them from its search at a second build."""

from __future__ import annotations

from pathlib import Path

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


def setup(app: Sphinx) -> dict[str, bool]:
    """Look before the pages are written and the index with them."""
    app.connect("env-updated", keep_entries)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
