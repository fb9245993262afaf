"""Pages: lessons and chapters, split into blocks and run."""

from __future__ import annotations

import linecache
from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize(("text", "suffix"), [(LESSON, ".py"), (CHAPTER, ".md")], ids=["lesson", "chapter"])
def test_source_is_found_by_file_and_line(text: str, suffix: str, tmp_path: Path) -> None:
    """Code that looks itself up by its file and line finds its own source, in a script and in a notebook."""
    found: dict[str, Any] = {}
    text = text.replace("w += 1", "w += 1; code = sys._getframe().f_code; line = sys._getframe().f_lineno")
    run(page(tmp_path, text, suffix), lambda _, names: found.update(names))
    assert linecache.getline(found["code"].co_filename, found["line"]).startswith("w += 1; code")


def test_a_page_runs_as_the_main_program_in_an_empty_folder(tmp_path: Path) -> None:
    """A page runs as `python page.py` would, in a folder of its own that is gone afterwards."""
    seen: dict[str, Any] = {}
    before = Path.cwd()
    text = '"""Title."""\nfrom pathlib import Path\nhere, files = Path.cwd(), list(Path().iterdir())\n# %%\n# End.\n'
    run(page(tmp_path, text), lambda _, namespace: seen.update(namespace))
    assert (seen["__name__"], seen["files"]) == ("__main__", [])
    assert not seen["here"].exists()
    assert Path.cwd() == before


def test_an_error_is_the_pages_own(tmp_path: Path) -> None:
    """A page that fails raises its own error, with the file and the line in its traceback."""
    with pytest.raises(ZeroDivisionError) as caught:
        run(page(tmp_path, '"""Title."""\n\nw = 1\nw / 0\n'), lambda *_: None)
    last = caught.traceback[-1]
    assert (Path(str(last.path)).name, last.lineno + 1) == ("page.py", 4)
    with pytest.raises(SyntaxError, match=r"page\.py"):
        page(tmp_path, '"""Title."""\nw = = 1\n')


def test_an_error_that_is_shown_has_to_come(tmp_path: Path) -> None:
    """A cell that the page shows an error of fails the page when there is none."""
    with pytest.raises(AssertionError, match=r"page\.md:\d+: the page shows an error of this code, and there was none"):
        run(page(tmp_path, CHAPTER.replace("raise ValueError", "ValueError"), ".md"), lambda *_: None)
