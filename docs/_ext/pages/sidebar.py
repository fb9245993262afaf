"""Write every page again when a title or the order of pages changed: each page's sidebar shows them all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def outline(env: BuildEnvironment) -> dict[str, Any]:
    """Return the titles of all pages, and which page holds which, in order."""
    titles = {name: title.astext() for name, title in sorted(env.titles.items())}
    return {"titles": titles, "toctrees": dict(sorted(env.toctree_includes.items()))}


def rewrite(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """Return all pages if the outline is not that of the last build, else none."""
    before, now = getattr(env, "chainrule_outline", None), outline(env)
    env.chainrule_outline = now  # type: ignore[attr-defined]  # Sphinx saves what extensions put on it
    return [] if before == now else sorted(env.found_docs)
