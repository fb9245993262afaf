"""Pages as they are served, and when Sphinx calls what of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> None:
    """Connect what the modules of this room do; a kernel, which needs one of them, imports none of the others."""
    from docutils import nodes
    from sphinx_gallery._doctree_links import CodeLinksTransform

    from _ext.pages import bundle, cause_links, citations, code_links, hosting, licences, live_scripts, maths, sharing

    app.connect("config-inited", hosting.configure)  # before the theme reads its options (800)
    app.connect("builder-inited", live_scripts.write_scripts)  # before any page asks for a checksum
    app.connect("doctree-resolved", code_links.list_lessons)
    app.connect("html-page-context", code_links.mend_way_back)
    app.connect("html-page-context", sharing.describe)
    app.connect("html-page-context", cause_links.link)
    app.connect("html-page-context", code_links.link_names, priority=910)  # once code is highlighted
    app.connect("html-page-context", live_scripts.bring)
    app.connect("html-page-context", bundle.bundle_page, priority=950)  # once all others have named their files
    app.connect("build-finished", licences.write)
    app.connect("build-finished", sharing.write_sitemap)
    app.add_html_math_renderer("katex", (maths.visit, None), (maths.visit, None))
    app.add_node(nodes.citation, override=True, html=(citations.visit, citations.depart))
    app.add_js_file("chainrule-graph.js", loading_method="defer")
    app.registry.post_transforms.remove(CodeLinksTransform)  # for which ours stand in
