"""The playground's code, held against PyTorch in a real browser: what is printed, values, gradients, and refusals."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from chainrule.live.javascript import PARTS, served
from tests.support.programs import EXAMPLES, HEAD, Ran, far, in_pytorch, random_program, same_text, sentence
from tests.support.sweep import share

VENDOR = Path(__file__).parents[2] / "docs" / "_static" / "vendor"
RUN = """async (program) => {
    const bench = document.querySelector('chainrule-code');
    bench.code = program;
    await bench.run();
    const { printed, error } = bench;
    return { printed, error, values: bench.values(), gradients: bench.gradients() };
}"""


@pytest.fixture(scope="module")
def bench(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page with the element alone, from a file."""
    folder = tmp_path_factory.mktemp("bench")
    for part in (*PARTS, "code"):
        (folder / f"chainrule-{part}.js").write_text(served(part), "utf-8")
    shutil.copytree(VENDOR, folder / "vendor")
    scripts = "".join(f"<script defer src='chainrule-{part}.js'></script>" for part in ("graph", "code"))
    rule = "<meta http-equiv='Content-Security-Policy' content=\"script-src 'self' file:\">"
    data = '[["One", "w = torch.tensor(1.0)"]]'
    body = f"<chainrule-code><script type='application/json'>{data}</script></chainrule-code>"
    text = f"<!doctype html><meta charset=utf-8>{rule}{scripts}{body}"
    (folder / "index.html").write_text(text, "utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((folder / "index.html").as_uri())
    page.wait_for_selector(".cm-editor")
    yield page
    page.close()


def in_page(page: Page, program: str) -> Ran:
    """Run a program in the page."""
    got: dict[str, Any] = page.evaluate(RUN, program)
    line, kind, message = ("", "", "")
    if got["error"]:
        line, kind, message = got["error"].removeprefix("Line ").split(": ", 2) + [""] * (2 - got["error"].count(": "))
    error = (kind, sentence(message), int(line)) if line else None
    return Ran(got["printed"], error, got["values"], got["gradients"])


def agree(page: Page, program: str) -> None:
    """See that the page and PyTorch have the same to say."""
    got, due = in_page(page, program), in_pytorch(program)
    assert got.error == due.error, program
    assert same_text(got.printed, due.printed), f"{program}\n{got.printed}\n{due.printed}"
    if due.error is None:
        assert got.values.keys() == due.values.keys()
        assert not far(got.values, due.values), program
        assert not far(got.gradients, due.gradients), program


@pytest.mark.browser
@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_prints_what_pytorch_prints(title: str, bench: Page) -> None:
    """Each of the page's examples has PyTorch's text, values and gradients, and a graph."""
    agree(bench, HEAD + EXAMPLES[title])
    assert bench.evaluate("Object.keys(document.querySelector('chainrule-code').graph.gradients()).length") > 0


@pytest.mark.browser
@pytest.mark.sweep
def test_a_random_program_prints_what_pytorch_prints(bench: Page) -> None:
    """500 programs from a seed have PyTorch's text, values and gradients."""
    for seed in range(share(500)):
        agree(bench, random_program(seed))


@pytest.mark.browser
@pytest.mark.sweep
def test_a_mistake_is_refused_as_pytorch_refuses_it(bench: Page) -> None:
    """100 programs with a mistake end with PyTorch's exception, at its line, in its words."""
    for seed in range(share(100)):
        agree(bench, random_program(seed, wrong=True))


@pytest.mark.browser
@pytest.mark.parametrize(
    "mistake",
    [
        "torch.ones(2)()",
        "torch.ones(2, 3).flatten(1, 0)",
        "torch.ones(1, 3).expand(3)",
        "torch.ones(1, 3).expand(-1, 1, 3)",
        "torch.ones(2, 3).permute(0, 0)",
        "b = 1\ndef f():\n    print(b)\n    a, (b, c) = 2, (3, 4)\nf()",
        "b = 1\ndef f():\n    print(b)\n    a = b = 2\nf()",
        "b = 1\ndef f():\n    print(b)\n    for b in range(2):\n        pass\nf()",
    ],
)
def test_what_pytorch_refuses_is_refused(mistake: str, bench: Page) -> None:
    """A shape that cannot be, and a name of a function's own that has no value yet, end as they do in Python."""
    agree(bench, HEAD + mistake)


@pytest.mark.browser
def test_code_is_run_as_it_is_typed(bench: Page) -> None:
    """A loss that somebody types is differentiated, said, played, and lit in the code, with one change a run."""
    bench.evaluate(RUN, "x, y = torch.tensor(5.0), torch.tensor(11.0)\nw = torch.tensor(3.0, requires_grad=True)\n")
    bench.evaluate("""() => {
        const bench = document.querySelector('chainrule-code');
        bench.changes = 0;
        bench.addEventListener('change', () => bench.changes++);
    }""")
    bench.locator(".cm-content").click()
    bench.keyboard.press("Control+End")
    bench.keyboard.type("loss = (w * x - y) ** 2")
    expect(bench.locator(".said")).to_contain_text("loss.backward()", timeout=10_000)
    assert bench.evaluate("document.querySelector('chainrule-code').gradients().w") == 40
    bench.wait_for_selector(".cm-line.lit", timeout=10_000)
    expect(bench.locator("chainrule-graph .count")).to_have_text(re.compile("[4-7] of 7"), timeout=10_000)
    assert bench.evaluate("document.querySelector('chainrule-code').graph.gradients()['w']") == 40
    assert bench.evaluate("document.querySelector('chainrule-code').changes") == 1


@pytest.mark.browser
@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("while True:\n    pass\n", "Line 2: stopped after 100,000 statements, the most that this page runs."),
        ("x = torch.zeros(10 ** 9)\n", "Line 1: this page holds tensors of at most 100,000 entries."),
        ("n = 3\nwhile True:\n    n = n * n\n", "Line 3: this number is larger than this page holds (100,000)."),
        ("def f(n):\n    return f(n)\nf(1)\n", "Line 2: functions call each other more than 200 deep,"),
        ("\nx = torch.randn(3)\n", "Line 2: this page does not know torch.randn."),
        ("class A:\n    pass\n", "Line 1: this page does not know `class A:`."),
    ],
)
def test_what_the_page_does_not_do_it_says(program: str, says: str, bench: Page) -> None:
    """A loop without end stops at a limit with a name, and what is not known is said in a sentence, with its line."""
    bench.evaluate(RUN, program)
    assert bench.evaluate("document.querySelector('chainrule-code').error").startswith(says)
    assert bench.locator(".cm-lintRange-error").count() <= 1


@pytest.mark.browser
def test_code_can_be_taken_away(bench: Page) -> None:
    """Copied, it runs anywhere and prints the same; the address holds it, and opens it again."""
    program = EXAMPLES["Softmax by hand"]
    printed = in_page(bench, program).printed
    bench.evaluate("() => { if (navigator.clipboard) navigator.clipboard.writeText = () => Promise.reject(); }")
    bench.get_by_role("button", name="Copy as PyTorch").click()
    assert in_pytorch(bench.locator("textarea[readonly]").input_value()).printed == printed
    bench.get_by_role("button", name="Share").click()
    address = bench.locator("textarea[readonly]").input_value()
    bench.goto("about:blank")
    bench.goto(address)
    bench.wait_for_selector(".cm-editor")
    assert bench.evaluate("document.querySelector('chainrule-code').code") == program
