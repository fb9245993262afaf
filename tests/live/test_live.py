"""The live graph in a real browser: its numbers against PyTorch, and what a reader does with mouse, keys and touch."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Browser, Page

import chainrule
from chainrule.calculus.notation import number as number_text
from chainrule.live.javascript import script
from tests.site.test_browser import AXE, LOOKS
from tests.support.built import SITE as BUILT
from tests.support.course import CHAPTERS, LESSONS, name, walk
from tests.support.live import off, random_recording, replay
from tests.support.slips import chain, fork
from tests.support.sweep import share

pytestmark = pytest.mark.browser

SAID: list[str] = []
"""What the page wrote to its console, since it was last filled."""
CLOSE = {"float32": 1e-4, "float64": 1e-12}
EXACT = {"add", "sub", "rsub", "mul", "div", "neg", "pow", "square"}
"""Ops of single numbers that the page must compute bit by bit."""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Page:
    """One tab, in which each test shows its own graphs."""
    tab = browser.new_page(viewport={"width": 1000, "height": 800}, reduced_motion="reduce")
    tab.on("console", lambda message: SAID.append(message.text))
    tab.on("pageerror", lambda error: SAID.append(str(error)))
    tab.set_default_timeout(60_000)  # enough where the machine is busy
    return tab


def show(page: Page, *elements: str, hidden: bool = False) -> None:
    """Show graphs in an otherwise empty page."""
    SAID.clear()
    page.goto("about:blank")  # away from the last graph's state in the address
    body = f"<div {'hidden' if hidden else ''}>{''.join(elements)}</div>"
    page.set_content(f"<!doctype html><html lang=en><title>t</title><body>{body}<script>{script()}</script>")


def first_lesson() -> chainrule.Recording:
    """Record the graph of the first lessons."""
    return chain(1.0, 2.0)


def xor() -> chainrule.Recording:
    """Record four samples through two hidden units."""
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    w1 = torch.tensor([[0.7, -0.6], [0.5, 0.8]], requires_grad=True)
    b1 = torch.tensor([0.1, -0.2], requires_grad=True)
    w2 = torch.tensor([[0.9], [-0.4]], requires_grad=True)
    b2 = torch.tensor([0.3], requires_grad=True)
    with chainrule.record() as rec:
        hidden = torch.relu(x @ w1 + b1)
        y_hat = torch.sigmoid(hidden @ w2 + b2)
        loss = ((y_hat - y) ** 2).mean()
        loss.backward()
    return rec


# The numbers ----------------------------------------------------------------------------------------------------

ACTIONS = """([leaves, rate]) => [...document.querySelectorAll('chainrule-graph')].map((graph, i) => {
    const seen = [], look = () => seen.push([graph.values(), graph.gradients()]);
    look();
    for (const [name, value] of leaves[i]) { graph.set(name, value); look(); }
    for (let k = 0; k < 2 && leaves[i].length; k++) { graph.update(rate); look(); }
    return seen;
})"""


def compare(page: Page, recordings: list[chainrule.Recording], bitwise: bool = False) -> int:
    """Edit and update each graph in the page, and hold every number against PyTorch; count what was compared."""
    draw = random.Random(0)
    edits = []
    for rec in recordings:
        inside = {v for number in rec.trace.ops_of(-1) for v in rec.trace.ops[number].inputs}
        leaves = [value for v in sorted(inside) if (value := rec.trace.values[v]).leaf or value.op is None]
        chosen = draw.sample(leaves, min(2, len(leaves)))
        edits.append([(leaf.name, _random(leaf.shape, draw)) for leaf in chosen if leaf.dtype.startswith("float")])
    compared, wrong = 0, []
    for rec, seen in zip(recordings, page.evaluate(ACTIONS, [edits, 0.05]), strict=True):
        for values, gradients in seen:
            torch_values, torch_gradients = replay(rec.trace, values)
            if _kinky(rec, torch_values):
                continue
            close = 0.0 if bitwise else min(CLOSE[str(t.dtype)[6:]] for t in torch_gradients.values())
            wrong += off(values, torch_values, close) + off(gradients, torch_gradients, close)
            compared += len(torch_values) + len(torch_gradients)
            assert gradients.keys() == torch_gradients.keys()
    assert not wrong, "\n".join(wrong[:20])
    return compared


def _random(shape: tuple[int, ...], draw: random.Random) -> Any:
    numbers = [round(draw.uniform(-1.5, 1.5), 3) for _ in range(torch.Size(shape).numel())]
    return torch.tensor(numbers, dtype=torch.float64).reshape(shape).tolist()


def _kinky(rec: chainrule.Recording, values: dict[str, torch.Tensor]) -> bool:
    """Tell whether a relu or an abs stands so close to its kink that rounding decides."""
    ran = [rec.trace.ops[number] for number in rec.trace.ops_of(-1)]
    bent = [op for op in ran if op.name in ("relu", "abs")]
    return any(0 < float(values[rec.trace.values[op.inputs[0]].name].abs().min()) < 1e-3 for op in bent)


@pytest.mark.sweep
def test_random_graphs_compute_what_pytorch_computes(page: Page) -> None:
    """300 random graphs, edited and trained in the page, hold PyTorch's values and gradients to within rounding."""
    seeds = range(share(300))
    for begin in seeds[::100]:
        recordings = [random_recording(seed) for seed in seeds[begin : begin + 100]]
        show(page, *(rec.graph().element for rec in recordings), hidden=True)
        assert compare(page, recordings) > 20 * len(recordings)
        assert not SAID


@pytest.mark.parametrize("path", [*LESSONS, *CHAPTERS], ids=name)
def test_graphs_of_the_course_compute_what_pytorch_computes(path: Path, page: Page) -> None:
    """Every graph that a page of the course records can be edited, and follows PyTorch; single numbers bit by bit."""
    recordings = [rec for rec in walk(path).recordings if rec.trace.passes and len(rec.trace.ops) <= 60]
    if not recordings:
        pytest.skip("records no backward pass")
    show(page, *(rec.graph().element for rec in recordings), hidden=True)
    read = "all => all.map(g => g.shadowRoot.querySelector('.hint').textContent)"
    hints = page.locator("chainrule-graph").evaluate_all(read)
    editable = [rec for rec, hint in zip(recordings, hints, strict=True) if hint.startswith("Drag")]
    for rec in editable:
        ops = [rec.trace.ops[number] for number in rec.trace.ops_of(-1)]
        single = all(v.tensor.size == 1 for v in rec.trace.values)
        bitwise = single and {op.name.strip("_") for op in ops} <= EXACT
        show(page, rec.graph().element, hidden=True)
        recorded = {v.name: torch.tensor(v.data) for v in rec.trace.values if v.data is not None}
        assert compare(page, [rec], bitwise) or _kinky(rec, recorded)
    for rec, hint in zip(recordings, hints, strict=True):
        assert hint.startswith(("Drag", "These are the recorded numbers")), (rec.graph().title, hint)


# What a reader does ---------------------------------------------------------------------------------------------


def number(page: Page, label: str) -> Any:
    """Find the number of a leaf on its node."""
    return page.get_by_role("spinbutton", name=label, exact=True)


def ask(page: Page, call: str) -> Any:
    """Call the graph, as a script would."""
    return page.evaluate(f"document.querySelector('chainrule-graph').{call}")


def gradients(page: Page) -> dict[str, Any]:
    """Read what the graph says of itself."""
    return dict(ask(page, "gradients()"))


def press(page: Page, name: str) -> None:
    """Click a button."""
    page.get_by_role("button", name=name).click()


def said(page: Page) -> str:
    """Read what the graph says in words."""
    return page.get_by_role("status").inner_text()


def count(page: Page) -> str:
    """Read which step is shown."""
    return page.locator("chainrule-graph .count").first.inner_text()


def shown(page: Page, value: str) -> str:
    """Read the texts of a value's node, as they are seen."""
    nodes = page.locator("chainrule-graph .box")
    read = "all => all.map(node => [...node.querySelectorAll('text')].map(t => t.textContent).join(' '))"
    texts: list[str] = nodes.evaluate_all(read)
    return next(" ".join(text.split()) for text in texts if text.startswith(f"{value} "))


def test_a_number_follows_the_mouse(page: Page) -> None:
    """Dragging the weight on its node moves its value, and every value and gradient, while the button is down."""
    show(page, first_lesson().graph().element)
    box = number(page, "w").bounding_box()
    page.mouse.move(box["x"] + 6, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 26, box["y"] + 8)
    assert gradients(page) == {"w": -1.0, "y_hat": -1.0, "error": -1.0, "loss": 1.0}
    assert shown(page, "w") == "w value 1.5 grad -1"
    page.mouse.move(box["x"] + 46, box["y"] + 8)
    page.mouse.up()
    assert gradients(page)["w"] == 0


def test_a_number_is_typed(page: Page) -> None:
    """A click opens a field over the number; Enter takes what was typed, Escape leaves the number alone."""
    show(page, first_lesson().graph().element)
    number(page, "w").click()
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    assert gradients(page)["w"] == 2
    number(page, "w").click()
    page.keyboard.type("7")
    page.keyboard.press("Escape")
    assert gradients(page)["w"] == 2
    assert number(page, "w").evaluate("n => n === n.getRootNode().activeElement")


@pytest.mark.parametrize("typed", ["abc", "1e999", " ", "1/0", "0x10", "1,5", "1/2/3"])
def test_what_is_no_number_changes_nothing(typed: str, page: Page) -> None:
    """What cannot be a number here is told what is expected, and no number changes."""
    show(page, first_lesson().graph().element)
    before = gradients(page)
    number(page, "w").click()
    page.keyboard.type(typed)
    page.keyboard.press("Enter")
    told = said(page)
    assert "w " in told
    assert "Type a number" in told or (typed == "1,5" and "write 1.5" in told)
    assert gradients(page) == before


@pytest.mark.parametrize(("typed", "w"), [("nan", math.nan), ("-inf", -math.inf), ("1e39", math.inf), ("1/3", 1 / 3)])
def test_what_is_not_finite_can_be_typed_and_spreads(typed: str, w: float, page: Page) -> None:
    """A fraction, nan, inf and what overflows are taken; what follows is PyTorch's, framed if not finite."""
    rec = first_lesson()
    show(page, rec.graph().element)
    number(page, "w").click()
    page.keyboard.type(typed)
    page.keyboard.press("Enter")
    values, gradients = replay(rec.trace, {"w": w, "x": 1.0, "y": 2.0})
    texts = {value: shown(page, value) for value in values}
    for value, text in texts.items():
        assert f"value {number_text(values[value].item())}" in text
        assert value not in gradients or f"grad {number_text(gradients[value].item())}" in text
    framed = page.locator(".box.odd").evaluate_all("all => all.map(box => box.querySelector('.n').textContent)")
    assert set(framed) == {value for value, text in texts.items() if "nan" in text or "inf" in text}
    assert ("1e+39 overflows float32" in said(page)) == (typed == "1e39")


def test_numbers_and_steps_by_keyboard(page: Page) -> None:
    """Tab reaches a number, arrow keys change it, and on the graph arrow keys step; every step is said in words."""
    show(page, first_lesson().graph().element)
    number(page, "w").focus()
    page.keyboard.press("ArrowUp")
    assert gradients(page)["w"] == pytest.approx(-1.8)
    page.keyboard.press("PageUp")
    assert gradients(page)["w"] == pytest.approx(0.2)
    press(page, "Reset")
    assert gradients(page)["w"] == -2
    page.locator("chainrule-graph .stage").focus()
    page.keyboard.press("Home")
    assert shown(page, "y_hat") == "y_hat = w * x value ?"
    heard = []
    for _ in range(7):
        page.keyboard.press("ArrowRight")
        heard.append(said(page))
    assert heard[0] == "Step 1 of 7, forward: y_hat = w * x gives 1."
    assert heard[3] == "Step 4 of 7: the backward pass starts at loss, with dloss/dloss = 1."
    assert heard[6] == "Step 7 of 7, backward through w * x: dloss/dw = -2."
    page.keyboard.press("ArrowLeft")
    assert "6 of 7" in count(page)


def test_the_product_grows_by_a_factor_each_step(page: Page) -> None:
    """Each backward step adds a factor to the product; pointing at it lights its edge, and the reverse."""
    show(page, first_lesson().graph().element)
    ask(page, "step(5)")
    assert page.locator(".maths").is_hidden()
    page.locator(".product").focus()
    page.keyboard.press("Enter")
    counts = []
    for step in (5, 6, 7):
        ask(page, f"step({step})")
        counts.append(page.locator(".maths .factor").count())
    assert counts == [2, 4, 6]  # each factor stands in words and in numbers
    factor = page.locator(".maths .factor").first
    factor.hover()
    edge = factor.get_attribute("data-e")
    assert "lit" in str(page.locator(f".edge[data-e='{edge}']").get_attribute("class"))
    page.locator(f".edge[data-e='{edge}'] .hit").hover(force=True)
    assert "lit" in str(factor.get_attribute("class"))


@pytest.mark.parametrize("make", [first_lesson, xor])
def test_a_formula_follows_each_edit(make: Any, page: Page) -> None:
    """After an edit the formula is what it would be if written anew, whether its form changes or its numbers."""
    show(page, make().graph().element)
    wrong = page.evaluate("""() => {
        const graph = document.querySelector('chainrule-graph'), maths = graph.shadowRoot.querySelector('.maths');
        const name = Object.keys(graph.values()).find(name => name.startsWith('w')), start = graph.values()[name];
        const times = (list, by) => Array.isArray(list) ? list.map(one => times(one, by)) : list * by;
        const wrong = [], last = 20;
        for (let step = 1; step <= last; step++) {
            graph.step(step);
            graph.shadowRoot.querySelector('.product[aria-expanded=false]')?.click();
            for (const by of [1.5, 2, -2, -3, 0, 1e-7, 3e-7, 12345678, 1]) {
                graph.set(name, times(start, by));
                const edited = maths.innerHTML;
                graph.step(0);
                graph.step(step);
                if (edited !== maths.innerHTML || !edited) wrong.push([step, by, edited, maths.innerHTML]);
            }
        }
        return wrong;
    }""")
    assert not wrong, wrong[0]


MOMENTS = """async graph => {
    const seen = [];
    let looks = true;
    const look = () => {
        const said = JSON.stringify(Object.values(graph.moment()));
        if (seen.at(-1) !== said) seen.push(said);
        if (looks) requestAnimationFrame(look);
    };
    look();
    await graph.play();
    looks = false;
    return seen.map(said => JSON.parse(said));
}"""


def test_a_backward_pass_plays(browser: Browser) -> None:
    """Each gradient meets its factor, is held beside it, and becomes their product; where paths meet, they add up."""
    with browser.new_context(reduced_motion="no-preference") as profile:
        page = profile.new_page()
        show(page, fork(1.0).graph().element)
        page.get_by_label("Speed").select_option("2")
        ask(page, "step(0)")
        graph = page.locator("chainrule-graph")
        seen = graph.evaluate(MOMENTS)
        assert seen[-1][0] == seen[-1][1]
        beats = [tuple(moment[2:]) for moment in seen if moment[2] in ("upstream", "product", "arrive", "sum")]
        assert [beat for beat, *_ in beats[:3]] == ["upstream", "product", "arrive"]
        for _, _, upstream, local, product in beats:
            assert float(upstream) * float(local) == float(product)
        assert any(beat == "sum" for beat, *_ in beats)
        assert page.locator(".pill").count() == 0


def test_playing_rests_where_it_is_paused(page: Page) -> None:
    """A pause keeps the product in sight, play goes on from there, and another step takes over at once."""
    show(page, first_lesson().graph().element)
    ask(page, "step(4)")
    press(page, "Play")
    page.wait_for_function("document.querySelector('chainrule-graph').moment().beat == 'product'")
    press(page, "Pause")
    held = ask(page, "moment()")
    assert (held["beat"], held["node"], held["upstream"], held["local"], held["product"]) == (
        "product", "loss", "1", "-2", "-2",
    )  # fmt: skip
    assert page.locator(".pill").text_content() == "1 × -2"
    assert (
        " ".join(page.locator(".product").inner_text().split())
        == "1 upstream × -2 local = 2 error = ? gradient of error"
    )
    press(page, "Play")
    page.wait_for_function("document.querySelector('chainrule-graph').moment().step == 5")
    ask(page, "step(2)")
    assert ask(page, "moment()")["beat"] == "rest"
    assert page.locator(".pill").count() == 0
    assert page.get_by_role("button", name="Play").is_visible()


def test_playing_can_stop_before_each_product(page: Page) -> None:
    """Set so, it stops where both factors are in sight and the product is not, and goes on when asked."""
    show(page, first_lesson().graph().element)
    page.get_by_label("Speed").select_option("stop at ?")
    ask(page, "step(4)")
    for wanted in ("1 upstream × -2 local = 2 error = ?", "-2 upstream × 1 local = ?", "-2 upstream × 1 local = "):
        press(page, "Play")
        page.get_by_role("button", name="Play").wait_for()
        assert " ".join(page.locator(".product").inner_text().split()).startswith(wanted)
    press(page, "Play")
    page.wait_for_function(
        "(m => m.step === 7 && m.beat === 'rest')(document.querySelector('chainrule-graph').moment())"
    )
    assert said(page).endswith("dloss/dw = -2. Raising w lowers loss: raise w.")


FOCUSED = "document.querySelector('chainrule-graph').shadowRoot.activeElement"


def test_each_mark_explains_itself(page: Page) -> None:
    """Pointed at or come to by keys, a mark says what it is, with its own numbers."""
    show(page, chain(5.0, 11.0, 3.0).graph().element)
    for mark, wanted in {
        ".edge[data-e='0'] .halo": ["Local gradient dy_hat/dw = 5", "5 times as much"],
        ".box[data-v='0'] .g": ["Gradient dloss/dw = 40", "40 times as much"],
        ".box .v": ["Value w = 3, given"],
        "[data-kind=upstream]": ["upstream gradient is the gradient of an operation's result"],
    }.items():
        page.mouse.move(1, 1)
        page.locator(mark).first.hover()
        told = page.locator(".tip").inner_text().replace("\u2019", "'")
        assert all(part in told for part in wanted), told
    page.locator("[data-kind=local]").focus()
    assert "stands on its arrow" in page.get_by_role("tooltip").inner_text()
    page.keyboard.press("Escape")
    assert not page.get_by_role("tooltip").count()
    page.locator("chainrule-graph .stage").first.focus()
    marks: list[str] = []
    for _ in range(13):
        page.keyboard.press("ArrowDown")
        marks.append(page.get_by_role("tooltip").inner_text())
        assert page.evaluate(f"{FOCUSED}.ariaLabel") == marks[-1]
    kinds = Counter(text.split()[0] for text in marks)
    assert kinds == {"Value": 6, "Gradient": 4, "Local": 3}
    assert len(set(marks)) == 13
    page.keyboard.press("ArrowDown")
    assert page.get_by_role("tooltip").inner_text() == marks[0]
    page.keyboard.press("ArrowUp")
    assert page.get_by_role("tooltip").inner_text() == marks[-1]
    page.keyboard.press("ArrowLeft")
    assert count(page) == "6 of 7"
    page.keyboard.press("Escape")
    assert page.evaluate(f"{FOCUSED}.className").startswith("stage")


def test_a_lecture_fills_the_screen(browser: Browser) -> None:
    """In full screen, at 1280 x 720 with 200 % zoom, the graph is whole in sight; a remote control's keys step it."""
    with browser.new_context(viewport={"width": 640, "height": 360}, reduced_motion="reduce") as hall:
        page = hall.new_page()
        show(page, chain(5.0, 11.0, 3.0).graph().element)
        press(page, "Full screen")
        page.wait_for_function("document.fullscreenElement")
        page.keyboard.press("Home")
        for _ in range(6):
            page.keyboard.press("PageDown")
        page.keyboard.press("PageUp")
        assert ask(page, "moment().step") == 5
        box = page.locator(".stage svg").first.bounding_box()
        assert box
        assert 0 <= box["y"] < box["y"] + box["height"] <= 360
        assert page.locator(".product b").first.evaluate("b => parseFloat(getComputedStyle(b).fontSize)") >= 28
        page.set_viewport_size({"width": 1280, "height": 720})
        for text in (".box > .g", ".passed > .halo", ".number text"):
            size = page.locator(text).first.evaluate(
                "t => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a"
            )
            assert size >= 28, text


def test_at_a_fork_the_paths_are_added(page: Page) -> None:
    """Where two paths meet, the first part stands there alone until the second is added to it."""
    show(page, fork(1.0).graph().element)
    ask(page, "step(5)")
    assert shown(page, "b").endswith("grad 3")
    assert "another path is still to come" in said(page)
    page.locator("chainrule-graph .stage").first.press("ArrowRight")
    assert shown(page, "b").endswith("grad 5")
    assert "the sum over 2 paths" in said(page)
    page.locator(".product").first.click()
    assert {"3", "5"} <= set(page.locator(".maths").inner_text())


def test_the_slope_of_a_nudge(page: Page) -> None:
    """The panel draws loss and tangent, and says what a nudge changes beside what the gradient says."""
    show(page, first_lesson().graph().element)
    press(page, "Loss curve")
    page.get_by_label("nudge").fill("0.01")
    page.keyboard.press("Enter")
    assert page.locator(".panel .says").inner_text() == "w + 0.01 changes loss by -0.0199; the gradient says -0.02."
    assert page.locator(".panel path.tangent").count() == 1
    ask(page, "set('w', 2.0)")
    assert page.locator(".panel .says").inner_text() == "w + 0.01 changes loss by 1e-4; the gradient says 0."


def test_the_point_and_the_nudge_are_dragged(page: Page) -> None:
    """The point follows the hand along the curve, by mouse and by keys, and so does the end of the nudge."""
    show(page, chain(5.0, 11.0, 3.0).graph().element)
    press(page, "Loss curve")
    point = page.get_by_role("slider", name="You are here")
    for grip, where in {"here": "values().w", "grip": None}.items():
        box = page.locator(f".plot[role=slider] .{grip}").bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] - 60, box["y"])
        page.mouse.up()
        moved = ask(page, where) if where else float(page.get_by_label("nudge").input_value())
        assert moved < (3 if where else 0)
        assert float(point.get_attribute("aria-valuenow") or 0) == ask(page, "values().w")
    before = ask(page, "values().w")
    point.press("ArrowRight")
    assert ask(page, "values().w") > before


def test_learning_and_its_mistakes(page: Page) -> None:
    """Updates lower the loss, can be scrubbed back, and each mistake shows itself with a line that explains it."""
    show(page, xor().graph().element)
    press(page, "Loss curve")
    before = ask(page, "values().loss")
    for _ in range(4):
        press(page, "Update")
    after = ask(page, "values().loss")
    assert after < before
    page.get_by_label("Updates made").fill("0")
    assert ask(page, "values().loss") == before
    for mistake, line in {
        "not zeroed": "adds to it",
        "sum for mean": "4 times as large",
        "weights all equal": "stay alike",
    }.items():
        page.get_by_label(mistake).check()
        assert line in page.locator(".panel").inner_text()
        page.get_by_label(mistake).uncheck()
    page.get_by_label("weights all equal").check()
    w1 = gradients(page)["w1"]
    assert w1[0][0] == pytest.approx(w1[0][1])


def test_rates_by_name(page: Page) -> None:
    """A quarter of the largest rate halves the error, which is where the panel opens; beyond it the loss grows."""
    for preset, losses in {"": [4, 1, 0.25], "too large": [36, 81, 182.25], "flat": [15.68, 15.37, 15.06]}.items():
        show(page, chain(5.0, 11.0, 3.0).graph().element)
        press(page, "Loss curve")
        if preset:
            press(page, preset)
            assert "the limit, 0.04," in page.locator(".panel").inner_text()  # 2 over the curvature, which is 50
        seen = []
        for _ in losses:
            press(page, "Update")
            seen.append(ask(page, "values().loss"))
        assert seen == pytest.approx(losses, rel=1e-3)


def test_where_the_loss_bends_down_no_rate_is_the_limit(page: Page) -> None:
    """Where the loss curves downwards or not at all, no limit is made up: the page says so."""
    for bend in (lambda w: -(w**2), lambda w: w * 3):
        w = torch.tensor(1.0, requires_grad=True)
        with chainrule.record() as rec:
            loss = bend(w)  # type: ignore[no-untyped-call]
            loss.backward()
        show(page, rec.graph().element)
        press(page, "Loss curve")
        press(page, "too large")
        told = page.locator(".panel").inner_text()
        assert "does not curve upwards" in told
        assert "NaN" not in told


@pytest.mark.parametrize("zeroed", [True, False])
def test_momentum_and_gradients_that_are_kept(page: Page, zeroed: bool) -> None:
    """Twenty steps with momentum, with gradients zeroed or not, are those of PyTorch's own optimizer."""
    show(page, chain(5.0, 11.0, 3.0).graph().element)
    press(page, "Loss curve")
    press(page, "momentum")
    page.get_by_label("not zeroed").set_checked(not zeroed)
    rate = float(page.get_by_label("learning rate", exact=True).input_value())
    w = torch.tensor(3.0, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=rate, momentum=0.9)
    for _ in range(20):
        if zeroed:
            optimizer.zero_grad()
        ((w * 5.0 - 11.0) ** 2).backward()
        optimizer.step()
        press(page, "Update")
        assert ask(page, "values().w") == pytest.approx(w.item(), rel=1e-6)


def test_run_ends_at_the_bottom(page: Page) -> None:
    """Run takes steps until nothing changes any more; a step back is a state of before."""
    show(page, chain(5.0, 11.0, 3.0).graph().element)
    press(page, "Loss curve")
    press(page, "▶ Run")
    page.get_by_role("button", name="Stop").wait_for()
    page.get_by_role("button", name="Run").wait_for()
    assert ask(page, "values().w") == pytest.approx(2.2)
    page.get_by_label("Updates made").fill("1")
    assert ask(page, "values().loss") == 4


def test_reset_takes_everything_back(page: Page) -> None:
    """After steps that left the numbers that fit, a weight that is nan and a switch, Reset is the recording again."""
    show(page, xor().graph().element)
    press(page, "Loss curve")
    before = ask(page, "values().loss")
    page.get_by_label("sum for mean").check()
    press(page, "momentum")
    ask(page, "update(1e37)")
    for _ in range(2):
        press(page, "× 100")
    assert f"after {page.get_by_label('Updates made').input_value()} of" in page.locator(".panel").inner_text()
    ask(page, "set('b2', [NaN])")
    press(page, "Reset")
    assert ask(page, "values().loss") == before
    assert not page.get_by_label("sum for mean").is_checked()
    assert "momentum" not in page.locator(".panel p.step").inner_text()
    assert len(page.locator(".plot[role=slider] path.f").first.get_attribute("d") or "") > 200
    assert not SAID


def test_contours_join_points_of_one_loss(page: Page) -> None:
    """Against two weights, the loss is the same all along a line, and a drag moves both weights."""
    a, b = (torch.tensor(number, requires_grad=True) for number in (1.0, -0.5))
    with chainrule.record() as rec:
        loss = (a * 2.0 - 1.0) ** 2 + b * b
        loss.backward()
    show(page, rec.graph().element)
    press(page, "Loss curve")
    page.get_by_label("Also against").select_option("and b")
    ends = [float(text) for text in page.locator(".plot[role=slider] > text").all_text_contents() if text not in "ab"]
    (left, right, high, low), frame = ends, page.locator(".plot[role=slider] rect").first
    x, y, w, h = (float(frame.get_attribute(key) or 0) for key in ("x", "y", "width", "height"))
    for line in page.locator(".level").all()[1:9:3]:
        steps = re.findall(r"([\d.]+) ([\d.]+)", line.get_attribute("d") or "")[::7]
        assert len(steps) > 3
        on = [
            (left + (float(px) - x) / w * (right - left), low + (y + h - 5 - float(py)) / (h - 10) * (high - low))
            for px, py in steps
        ]
        losses = [(2 * p - 1) ** 2 + q**2 for p, q in on]
        assert losses == pytest.approx([losses[0]] * len(losses), rel=0.06, abs=0.05)
    page.locator(".plot[role=slider]").scroll_into_view_if_needed()
    box = page.locator(".plot[role=slider] .here").bounding_box()
    assert box
    page.mouse.move(box["x"] + 6, box["y"] + 6)
    page.mouse.down()
    page.mouse.move(box["x"] - 30, box["y"] - 30)
    page.mouse.up()
    assert ask(page, "values().a") < 1
    assert ask(page, "values().b") > -0.5


def test_predictions_are_answered(page: Page) -> None:
    """The next number is asked for before it is seen; a wrong gradient is told its slip in the words of `rec.check`."""
    rec = first_lesson()
    show(page, rec.graph().element)
    press(page, "Predict")
    guess = page.get_by_label("Your guess")
    assert "What is y_hat" in page.locator(".ask").inner_text()
    assert "?" in shown(page, "y_hat")
    for right in ("1", "-1", "1"):
        guess.fill(right)
        press(page, "Check")
        assert page.locator(".say").inner_text().startswith(f"Step {count(page).split()[0]} of 7")
    assert "dloss/derror" in page.locator(".ask").inner_text()
    press(page, "Predict")
    ask(page, "step(3)")
    press(page, "Predict")
    assert page.locator(".say").inner_text().startswith("Step 4 of 7")
    for wrong, slip in {"2": "wrong sign", "x": "Type a number", "-4": None}.items():
        guess.fill(wrong)
        press(page, "Check")
        told = page.locator(".panel .says").inner_text()
        assert (slip or rec.check(error=float(wrong)).answers[0].says) in told
    for right in ("-2", "-2", "-2"):
        guess.fill(right)
        press(page, "Check")
    assert "last number" in page.locator(".ask").inner_text()
    assert gradients(page)["w"] == -2


def test_the_state_is_in_the_address(browser: Browser, tmp_path: Path) -> None:
    """What was changed stands in the address, and opening it elsewhere shows the same step and numbers."""
    first_lesson().save(tmp_path / "graph.html")
    address = (tmp_path / "graph.html").as_uri()
    with browser.new_context() as profile:
        page = profile.new_page()
        page.goto(address)
        page.evaluate(
            "document.querySelector('chainrule-graph').set('w', 0.1); document.querySelector('chainrule-graph').step(5)"
        )
        page.wait_for_function("location.hash.includes('step=5')")
        other = profile.new_page()
        other.goto(page.url)
        assert ask(other, "values().w") == torch.tensor(0.1).item()
        assert other.locator(".count").first.inner_text() == "5 of 7"
        other.goto(address + "#graph=0&v.w=abc&v.nobody=3&step=99&rate=-1&panel=none")
        other.reload()
        assert ask(other, "values().w") == 1


@pytest.mark.parametrize("make", [first_lesson, xor, fork])
def test_the_code_gives_exactly_these_numbers(make: Any, page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    """The PyTorch code that the page gives computes the numbers that the page shows."""
    show(page, make().graph().element)
    ask(page, "update(0.3)")
    press(page, "Share")
    code = page.locator(".panel pre").inner_text()
    names: dict[str, Any] = {}
    exec(code, names)
    for leaf, gradient in gradients(page).items():
        if leaf in names and names[leaf].is_leaf:
            assert torch.allclose(names[leaf].grad, torch.tensor(gradient, dtype=torch.float32), rtol=1e-4, atol=1e-7)
    assert "tensor(" in capsys.readouterr().out


def test_the_picture_is_saved(page: Page) -> None:
    """The picture is saved as an SVG file that stands alone, with the numbers that are shown."""
    show(page, first_lesson().graph().element)
    ask(page, "set('w', 1.25)")
    press(page, "Share")
    with page.expect_download() as download:
        press(page, "Save picture")
    svg = Path(download.value.path()).read_text("utf-8")
    assert svg.startswith("<svg")
    assert "1.25" in svg
    assert "var(" not in svg
    assert "tabindex" not in svg


# Large graphs -----------------------------------------------------------------------------------------------------


def more(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Add, on a line of its own, so that the step stands beside the groups."""
    return a + b


def long() -> chainrule.Recording:
    """Record a loop of 20 turns, which is more than can be drawn whole."""
    w = torch.tensor(0.9, requires_grad=True)
    with chainrule.record() as rec:
        h = w * 0.5
        for _ in range(20):
            a = w * h
            h = torch.tanh(a) + 0.1
        loss = more(h**2, w)
        loss.backward()
    return rec


def test_a_folded_graph_computes_all_of_it(page: Page) -> None:
    """What is folded can be edited and trained all the same, and every number, inside too, is PyTorch's."""
    rec = long()
    show(page, rec.graph().element)
    assert page.locator("chainrule-graph .box").count() < len(rec.trace.values) / 2
    assert compare(page, [rec]) > 500
    assert not SAID


def test_a_group_is_opened_and_left(page: Page) -> None:
    """A box of a group opens by mouse and by key, shows the steps inside, and a button leads back out."""
    show(page, long().graph().element)
    whole = count(page)
    page.locator("chainrule-graph .open").first.click()
    assert count(page) != whole
    page.locator("chainrule-graph .stage").first.press("Home")
    page.locator("chainrule-graph .stage").first.press("ArrowRight")
    assert "forward: " in said(page)
    page.locator("chainrule-graph .stage").first.press("End")
    page.locator("chainrule-graph .stage").first.press("ArrowLeft")
    assert "dloss/d" in said(page)
    press(page, "Whole graph")
    assert count(page) == whole
    page.locator("chainrule-graph .open").first.focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("button", name="Whole graph").is_visible()
    assert not SAID


def test_what_a_group_passes_back_is_whole_or_not_said(page: Page) -> None:
    """Step by step through a folded graph, a gradient is shown once it is complete, and then it is PyTorch's."""
    rec = long()
    show(page, rec.graph().element)
    wanted = f"▽ {number_text(rec.grad('w').item())}"
    seen = []
    last = int(count(page).split(" of ")[1])
    for step in range(last + 1):
        ask(page, f"step({step})")
        seen.append(shown(page, "w").partition("▽")[1:])
    assert {"".join(text) for text in seen} == {"", wanted}


# What goes wrong --------------------------------------------------------------------------------------------------


def test_a_damaged_graph_shows_what_it_holds(page: Page) -> None:
    """Data that is damaged leaves picture and table to be seen, and says so in one line."""
    element = first_lesson().graph().element
    for damaged in (
        element.replace('"values":[', '"values":['[:-1]),
        element.replace('"i":[0,1]', '"i":[0,77]'),
        element.replace('"wide"', '"wade"'),
    ):
        show(page, damaged)
        assert page.locator("chainrule-graph img").is_visible()
        assert len(SAID) == 1, SAID
        assert "the picture and the table stay" in SAID[0]


def test_hostile_names_stay_text(page: Page) -> None:
    """Markup in a name is shown as text in every part of the graph, and nothing of it runs."""
    table = {"</script><img src=x onerror=alert(1)>": torch.tensor(2.0, requires_grad=True)}
    with chainrule.record() as rec:
        loss = table["</script><img src=x onerror=alert(1)>"] * 3
        loss.backward()
    show(page, rec.graph().element)
    assert page.locator("chainrule-graph .stage svg").count() == 1
    for panel in ("Loss curve", "Predict", "Table", "Share"):
        page.get_by_role("button", name=panel, exact=True).click()
    page.locator("chainrule-graph .stage").first.press("End")
    assert page.locator("chainrule-graph").evaluate("g => g.shadowRoot.querySelectorAll('img').length") == 0
    assert not SAID


def test_what_is_not_finite_is_shown(page: Page) -> None:
    """NaN and infinity in a recording stand there as such."""
    a = torch.tensor([0.0, -1.0], requires_grad=True)
    with chainrule.record() as rec:
        b = torch.log(a)
        b.sum().backward()
    show(page, rec.graph().element)
    assert "[-inf, nan]" in shown(page, "b")
    assert "[inf, -1]" in shown(page, "a")
    assert not SAID


ATTEMPT = """([name, value]) =>
    document.querySelector('chainrule-graph').set(name, value).catch(error => error.message)"""


def test_what_a_page_cannot_compute_is_stepped_through(page: Page) -> None:
    """A recording with an op that the page does not know keeps its numbers, and says why it cannot be edited."""
    a = torch.tensor([1.0, 2.0, 4.0], requires_grad=True)
    with chainrule.record() as rec:
        p = torch.cumsum(a, 0)
        loss = (p * p).sum()
        loss.backward()
    show(page, rec.graph().element)
    hint = page.locator(".hint").inner_text()
    assert "cumsum" in hint
    assert "not changed" in hint
    assert not page.get_by_role("spinbutton").count()
    page.locator("chainrule-graph .stage").first.press("Home")
    assert "value ?" in shown(page, "p")
    for _ in range(12):
        page.locator("chainrule-graph .stage").press("ArrowRight")
    assert "grad" in shown(page, "a")
    error = page.evaluate(ATTEMPT, ["a", [1, 2, 3]])
    assert "cumsum" in error


def test_what_raised_stands_in_the_graph(page: Page) -> None:
    """The call that ended the block has a box with a frame and a word, and says its error, also as a step."""
    a = torch.tensor([1.0, 2.0], requires_grad=True)
    with suppress(RuntimeError), chainrule.record() as rec:
        b = a * 2
        b + torch.ones(3)
    show(page, rec.graph().element)
    assert shown(page, "b + torch.ones(3)") == "b + torch.ones(3) raised: (2,), (3,)"
    assert page.locator(".odd").count() == 1
    error = "raised RuntimeError: The size of tensor a (2) must match the size of tensor b (3)"
    assert error in page.locator(".hint").inner_text()
    ask(page, "step(2)")
    page.wait_for_function("document.querySelector('chainrule-graph').shadowRoot.querySelector('.say').textContent")
    assert error in said(page)
    assert shown(page, "b").startswith("b = a * 2 value [2, 4]")


def test_the_interface_says_what_is_wrong(page: Page) -> None:
    """A script that asks for what cannot be gets an error with the names, and nothing changes."""
    show(page, xor().graph().element)
    before = gradients(page)
    assert "there are" in page.evaluate(ATTEMPT, ["nobody", 1])
    assert "computed from other values" in page.evaluate(ATTEMPT, ["loss", 1])
    assert "has shape (2,2)" in page.evaluate(ATTEMPT, ["w1", [1, 2]])
    assert "lists of numbers" in page.evaluate(ATTEMPT, ["b2", ["x"]])
    assert gradients(page) == before


def test_change_fires_once_a_call(page: Page) -> None:
    """Each call of the interface fires one change."""
    show(page, first_lesson().graph().element)
    counts = page.evaluate("""() => { const graph = document.querySelector('chainrule-graph'), seen = [];
        let n = 0; graph.addEventListener('change', () => n++);
        const acts = [() => graph.set('w', 2), () => graph.update(0.1), () => graph.step(3), () => graph.reset()];
        for (const act of acts) { n = 0; act(); seen.push(n); }
        return seen; }""")
    assert counts == [1, 1, 1, 1]


# Everybody --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "make"), list(enumerate([first_lesson, xor, long])))
def test_every_state_is_accessible(first: int, make: Any, browser: Browser) -> None:
    """In every state, both themes and both widths, the page does not scroll sideways, and axe finds nothing.

    Axe sees each state of the three graphs in three looks, and all four of them in each graph.
    """
    with browser.new_context(reduced_motion="reduce") as profile:
        page = profile.new_page()
        show(page, f"<main><h1>t</h1>{make().graph().element}</main>")
        page.add_style_tag(content=":root { color-scheme: light dark } body { background: light-dark(#fff, #131416) }")
        page.evaluate(AXE)
        wrong = []
        for turn, state in enumerate(("End", "Home", "Loss curve", "Predict", "Table", "Share")):
            if state in ("End", "Home"):
                page.locator("chainrule-graph .stage").press(state)
            else:
                page.get_by_role("button", name=state, exact=True).click()
            if state == "Loss curve":
                press(page, "Update")
            for theme, width in LOOKS:
                page.emulate_media(color_scheme=theme)
                page.set_viewport_size({"width": width, "height": 900})
                page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
                if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    wrong.append(f"{state}, {theme}, {width}: too wide")
                if (theme, width) != LOOKS[(first + turn) % 4]:
                    continue
                found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
                wrong += [
                    f"{state}, {theme}, {width}: {v['id']} {[n['html'][:150] for n in v['nodes'][:2]]}"
                    for v in found["violations"]
                ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.site
def test_what_changes_a_graph_is_fetched_at_rest(browser: Browser) -> None:
    """A page of the site plays without the panels; where they did not come, opening one asks again, or says so."""
    with browser.new_context() as profile:
        page = profile.new_page()
        page.route("**/chainrule-panels.js*", lambda route: route.abort())
        page.goto((BUILT / "index.html").as_uri())
        graph = page.locator("chainrule-graph").first
        slope = graph.get_by_role("button", name="Loss curve", exact=True)
        slope.click()
        graph.get_by_text("could not be fetched").wait_for()
        page.unroute("**/chainrule-panels.js*")
        assert slope.get_attribute("aria-expanded") == "false"
        slope.click()
        graph.get_by_text("the gradient says").wait_for()
        graph.get_by_role("button", name="Table", exact=True).click()
        assert graph.locator(".rows tbody tr").count() == graph.evaluate("graph => Object.keys(graph.values()).length")
        page.goto("about:blank")
        page.goto((BUILT / "index.html").as_uri() + "#graph=0&panel=loss+curve")
        graph.get_by_text("the gradient says").wait_for()
        page.goto("about:blank")
        page.goto((BUILT / "index.html").as_uri())
        graph.get_by_role("spinbutton").first.wait_for()  # nobody asked


@pytest.mark.site
@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_the_front_page_plays_once(motion: Any, browser: Browser) -> None:
    """It begins with nothing computed and Pause in sight, ends with the weight's gradient, and does not begin again."""
    with browser.new_context(reduced_motion=motion) as profile:
        page = profile.new_page()
        page.goto((BUILT / "index.html").as_uri())
        graph = page.locator("chainrule-graph").first
        begun = graph.evaluate("graph => graph.moment().step < graph.moment().of")
        assert begun == (motion == "no-preference")
        if begun:
            graph.get_by_role("button", name="Pause").wait_for()
        page.wait_for_function(
            "(m => m.step === m.of && m.beat === 'rest')(document.querySelector('chainrule-graph').moment())"
        )
        graph.get_by_role("button", name="Play").wait_for()
        assert graph.evaluate("graph => graph.gradients().w") == 40
        page.mouse.wheel(0, 3000)
        page.mouse.wheel(0, -3000)
        assert graph.evaluate("graph => graph.moment().step === graph.moment().of")


def finger(page: Page, x: float, y: float, by: int) -> None:
    """Drag with a finger, to the right."""
    cdp = page.context.new_cdp_session(page)
    for kind, far in (("touchStart", 0), ("touchMove", by // 2), ("touchMove", by), ("touchEnd", None)):
        points = [] if far is None else [{"x": x + far, "y": y}]
        cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@pytest.mark.site
@pytest.mark.parametrize("where", ["index.html", "lessons/3_xor/10_one_step.html"])
def test_each_ability_by_touch(where: str, browser: Browser) -> None:
    """On a phone, fingers alone step, edit, see the slope, train, predict and share, on the page as it was built."""
    with browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as phone:
        page = phone.new_page()
        page.goto((BUILT / where).as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
        slope = page.get_by_role("button", name="Loss curve", exact=True)
        graph = page.locator("chainrule-graph").filter(has=slope).first  # one with a backward pass
        graph.scroll_into_view_if_needed()

        def tap(name: str) -> None:
            graph.get_by_role("button", name=name, exact=True).tap()

        def numbers() -> Any:
            return graph.evaluate("g => [g.values(), g.gradients()]")

        step = graph.get_by_role("slider", name="Step")
        step.fill("1")
        assert graph.get_by_role("status").inner_text().startswith("Step 1 of ")
        step.fill(step.get_attribute("max") or "")
        before = numbers()
        leaf = graph.get_by_role("spinbutton").first
        leaf.scroll_into_view_if_needed()
        box = leaf.bounding_box()
        assert box
        finger(page, box["x"] + 6, box["y"] + 10, 40)
        assert numbers() != before
        leaf.tap()
        more = graph.get_by_role("button", name="More")
        before = numbers()
        more.tap()
        assert numbers() != before
        assert not graph.get_by_label("New number for").count()  # a keyboard comes when it is asked for
        small = "all => all.map(b => b.getBoundingClientRect()).filter(b => b.height < 44 || b.width < 44).length"
        assert not graph.locator("button").evaluate_all(small)
        graph.get_by_role("button", name="Type").tap()
        graph.get_by_label("New number for").fill("0.25")
        page.keyboard.press("Enter")
        assert leaf.get_attribute("aria-valuenow") == "0.25"
        tap("Loss curve")
        assert "the gradient says" in graph.locator(".panel .says").inner_text()
        before = numbers()
        tap("Update")
        assert numbers() != before
        slider = graph.get_by_label("Updates made").bounding_box()
        assert slider
        page.touchscreen.tap(slider["x"] + 3, slider["y"] + slider["height"] / 2)
        assert numbers() == before
        tap("Predict")
        graph.get_by_label("Your guess").fill("12345")
        tap("Check")
        assert "not right" in graph.locator(".panel .says").inner_text()
        tap("Show it")
        tap("Share")
        assert "backward()" in graph.locator(".panel pre").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
