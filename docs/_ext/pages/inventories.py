"""Check links into other projects' documentation without a network, from small text files kept with the site.

A line such as ``torch.autograd.grad py:function 1 generated/torch.autograd.grad.html#$ -`` is what Sphinx keeps
for one name. Only names that the pages use are listed, so a wrong name is still found.
"""

from __future__ import annotations

import zlib
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

HEADER = """\
# Sphinx inventory version 2
# Project: {name}
# Version:
# The remainder of this file is compressed using zlib.
"""


def compressed(name: str, lines: str) -> bytes:
    """Return the inventory that Sphinx reads, from lines of plain text."""
    return HEADER.format(name=name).encode() + zlib.compress(lines.encode())


def write(app: Sphinx, config: Config) -> None:
    """Write the inventories into the build folder, and tell intersphinx of them."""
    folder = Path(app.doctreedir) / "inventories"
    folder.mkdir(parents=True, exist_ok=True)
    for name, url in config.inventory_urls.items():
        lines = (Path(app.srcdir) / "_inventories" / f"{name}.txt").read_text("utf-8")
        inventory = folder / f"{name}.inv"
        inventory.write_bytes(compressed(name, lines))
        config.intersphinx_mapping[name] = (url, (str(inventory),))


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the inventories before intersphinx checks its settings."""
    app.add_config_value("inventory_urls", {}, "env", dict)
    app.connect("config-inited", write, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
