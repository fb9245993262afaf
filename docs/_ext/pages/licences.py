"""Write the licences of all that the site ships, ours and those of others, as their packages carry them.

Scripts and pictures that come with a notice of their own inside, such as clipboard.js, are not repeated.
"""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

from sphinx.application import Sphinx

OTHERS = (
    "furo",
    "myst-nb",
    "Pygments",
    "snowballstemmer",
    "Sphinx",
    "sphinx-basic-ng",
    "sphinx-copybutton",
    "sphinx-gallery",
)
"""The packages of which the site has a script, a stylesheet or a picture."""


def licence(package: str) -> str:
    """Return what a package calls its licence file, with a heading."""
    found = distribution(package)
    texts = [file.read_text("utf-8") for file in found.files or () if file.stem in ("LICENSE", "COPYING")]
    return "\n".join([heading(f"{package} {found.version}"), *texts])


def heading(name: str) -> str:
    """Return a name, underlined."""
    return f"{name}\n{'=' * len(name)}\n"


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write them into one file at the root of the site."""
    if exception is None and app.builder.format == "html":
        ours, katex = Path(app.confdir, "LICENSE"), Path(app.outdir, "_static/katex/LICENSE")
        parts = [heading("chainrule") + ours.read_text("utf-8"), *map(licence, OTHERS)]
        parts.append(heading("KaTeX, its fonts included") + katex.read_text("utf-8"))
        vendor = Path(app.outdir, "_static/vendor/LICENSE").read_text("utf-8")
        parts.append(heading("The editor, the parser and the layout of the playground") + vendor)
        Path(app.outdir, "licences.txt").write_text("\n\n".join(parts), "utf-8")
