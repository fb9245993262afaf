"""Pages: lessons and chapters, split into blocks and run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.pages import Page, read, run

LESSON = '''\
"""
Title
=====

Opening.
"""

import sys
w = 1

# %%
# First text,
# two lines.

w += 1
print("w is", w)

# %%
# Second text.
'''
CHAPTER = """\
---
kernelspec:
  name: python3
---
# Title

Opening.

```{code-cell} python
:tags: [remove-output]
import sys
w = 1
```

First text.

```python
w = "never run"
```

:::{note}
```{code-cell}
w = "inside a note, where no notebook runs it"
```
:::

```{code-cell}
---
tags: [raises-exception]
---
w += 1
print("w is", w)
raise ValueError("shown on purpose")
```

Second text.
"""


def page(folder: Path, text: str, suffix: str = ".py") -> Page:
    """Write a page and read it."""
    path = folder / f"page{suffix}"
    path.write_text(text, encoding="utf-8")
    return read(path)


@pytest.mark.parametrize(("text", "suffix"), [(LESSON, ".py"), (CHAPTER, ".md")], ids=["lesson", "chapter"])
def test_a_page_is_split_and_run(text: str, suffix: str, tmp_path: Path) -> None:
    """Text and code alternate as on the site, at their lines; each text sees what the code before it left.

    A notebook's settings, and what it does not run, are no code; the opening text is met after the last block.
    """
    written = page(tmp_path, text, suffix)
    assert [block.kind for block in written.blocks] == ["text", "code", "text", "code", "text"]
    assert "kernelspec" not in written.blocks[0].text
    assert "tags" not in written.blocks[3].text
    lines = text.splitlines()
    for block in written.blocks[1:]:
        for number, line in enumerate(block.text.splitlines(), block.line):
            assert line in lines[number - 1]
    met: list[tuple[str, int]] = []
    printed = run(written, lambda block, namespace: met.append((block.text.split(".")[0][-11:], namespace["w"])))
    assert [w for _, w in met] == [1, 2, 2]
    assert "Opening" in met[-1][0]
    assert printed == "w is 2\n"


def test_an_error_that_is_shown_has_to_come(tmp_path: Path) -> None:
    """A cell that the page shows an error of fails the page when there is none."""
    with pytest.raises(AssertionError, match=r"page\.md:\d+: the page shows an error of this code, and there was none"):
        run(page(tmp_path, CHAPTER.replace("raise ValueError", "ValueError"), ".md"), lambda *_: None)
