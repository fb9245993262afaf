"""Tests of the built pages in a real browser: what a reader sees, in light and dark, wide and narrow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Literal

import pytest
from _ext.lessons import questions
from playwright.sync_api import Browser, BrowserContext, Page

from bench.pages import compressed, hosted
from chainrule.checking.slips import WORDS
from tests.support import built
from tests.support.messages import PAGE, entries
from tests.support.project import Project

pytestmark = [pytest.mark.site, pytest.mark.browser]

SOURCES = [name for name in built.names() if name.startswith("_modules/")]
NAMES = [name for name in built.names() if name not in SOURCES[1:]]  # one page of source is like another
LOOKS: list[tuple[Literal["light", "dark"], int]] = [("light", 1280), ("light", 390), ("dark", 1280), ("dark", 390)]
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
# Most of an audit's time goes into the contrast of each word, and thousands look alike: of those with the same ink on
# the same ground in the same size, three are marked, and their contrast stands for all. One alone would not do: axe
# passes over words that something else may cover. Likewise for links, which must stand out from the words around them.
MARK_DISTINCT = """() => {
    const grounds = new Map([[null, '']]), seen = new Map();
    const ground = element => {
        if (!grounds.has(element)) {
            const {backgroundColor, backgroundImage, opacity, filter} = getComputedStyle(element);
            const own = [backgroundColor, backgroundImage, opacity, filter].join();
            const clear = own == 'rgba(0, 0, 0, 0),none,1,none';
            grounds.set(element, ground(element.parentElement) + (clear ? '' : `${own};`));
        }
        return grounds.get(element);
    };
    for (const element of document.body.querySelectorAll('*')) {
        const {color, fontSize, fontWeight, textShadow, position, clip, textDecoration} = getComputedStyle(element);
        const ink = [color, fontSize, fontWeight, textShadow, position, clip, textDecoration];
        const around = element.matches('a') && getComputedStyle(element.parentElement).color;
        const look = [element.className, ground(element), around, ...ink].join();
        const words = [...element.childNodes].some(child => child.nodeType == 3 && child.data.trim());
        const seeable = (words || element.matches('a, input, button')) && element.checkVisibility();
        const isNew = seeable && !(seen.get(look) > 2);
        element.toggleAttribute('data-distinct', isNew);
        if (isNew) seen.set(look, (seen.get(look) ?? 0) + 1);
    }
    axe.configure({rules: [
        {id: 'color-contrast', selector: '[data-distinct]'},
        {id: 'link-in-text-block', selector: 'a[href][data-distinct]'},
    ]});
}"""
# Whether words stand out from the nearest ground that is not clear, worked out from their ink, by WCAG 2.1, 1.4.3.
CONTRAST = """(() => {
    const pixel = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
    const luminance = () => [...pixel.getImageData(0, 0, 1, 1).data.slice(0, 3)]
        .map(part => part / 255).map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
    const paint = colour => { pixel.fillStyle = colour; pixel.fillRect(0, 0, 1, 1); };
    window.pale = element => {
        const {color, fill, fontSize, fontWeight} = getComputedStyle(element), grounds = [];
        for (let at = element; at; at = at.parentElement ?? at.getRootNode().host) {
            grounds.unshift(getComputedStyle(at).backgroundColor);
        }
        ['Canvas', ...grounds].forEach(paint);
        const ground = luminance();
        paint(element.closest('svg') ? fill : color);
        const [dark, light] = [ground, luminance()].sort((a, b) => a - b);
        const isLarge = parseFloat(fontSize) >= (fontWeight >= 700 ? 18.66 : 24);
        return (light + 0.05) / (dark + 0.05) < (isLarge ? 3 : 4.5);
    };
})()"""
PALE = """() => [...document.querySelectorAll('[data-distinct]')]
    .filter(element => [...element.childNodes].some(child => child.nodeType == 3 && child.data.trim()) && pale(element))
    .map(element => `too pale: ${element.outerHTML.slice(0, 80)}`)"""
# What axe finds, and what it leaves open. That is the contrast of words which it cannot see freely, such as those in a
# drawing: for them it is worked out here.
AUDIT = """async () => {
    const found = await axe.run(document, {resultTypes: ['violations', 'incomplete'], elementRef: true});
    const open = found.incomplete.map(({id, nodes}) => ({
        id, help: 'left open', nodes: nodes.filter(({element}) => id != 'color-contrast' || pale(element)),
    }));
    const told = nodes => nodes.slice(0, 3).map(({target, html}) => `${target} ${html.slice(0, 80)}`).join('; ');
    return [...found.violations, ...open].filter(({nodes}) => nodes.length)
        .map(({id, help, nodes}) => `axe ${id}: ${help}: ${told(nodes)}`);
}"""
# What a reader reads: not the code, which may print LaTeX to be copied, and not what KaTeX hides for screen readers.
PROSE = """(() => {
    const article = document.querySelector("article").cloneNode(true);
    article.querySelectorAll("pre, code, annotation, script, style").forEach(part => part.remove());
    return article.textContent;
})()"""
# What those rely on who hear a page or go over it by keyboard: one title and no level left out, a first stop that leads
# to what is written, an order that is the page's own, and words for each picture and formula.
STRUCTURE = """(() => {
    const all = (selector, from = document) => [...from.querySelectorAll(selector)];
    const levels = all("article :is(h1, h2, h3, h4, h5, h6)").map(heading => +heading.tagName[1]);
    const stops = all("a[href], button, input, summary, [tabindex]")
        .filter(one => one.tabIndex >= 0 && one.checkVisibility());
    const skip = stops[0]?.getAttribute("href");
    const silent = "img:is(:not([alt]), [alt='']), article svg:is([aria-label=''], " +
        ":not([aria-label], [aria-hidden] *, button *)), .katex:not(:has(math))";
    return Object.entries({
        "no title of its own": document.title.trim().startsWith("-"),
        "headings": levels[0] != 1 || levels.some((level, i) => i && (level == 1 || level > levels[i - 1] + 1)),
        "the first stop is no way to the text": !(skip?.startsWith("#") && document.querySelector(skip)),
        "an order of its own": stops.some(one => one.tabIndex > 0),
        "no words for": all(silent).map(one => one.outerHTML.slice(0, 80)).join(),
    }).filter(([, wrong]) => wrong).map(([what, wrong]) => `${what}: ${wrong}`);
})()"""
RAW_LATEX = r"/\\frac|\\partial|\\cdot|\\\(|\\\[/"

WITH_FIGURE = built.with_class("chainrule-plot")


@pytest.fixture(scope="module")
def home() -> Iterator[str]:
    """The address of the site."""
    built.pages()
    with hosted(built.SITE) as address:
        yield address


class Visit:
    """One opened page, with what went wrong while it was opened."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page: Page = context.new_page()
        self.address = address
        self.wrong: list[str] = []
        home = re.match(r"(http://[^/]+/|file:)", address)
        assert home is not None
        self.home = home[0]
        self.page.on("console", lambda said: self.wrong.extend([f"console: {said.text}"] * (said.type == "error")))
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("requestfailed", lambda request: self.wrong.append(f"failed: {request.url}"))
        self.page.on("request", lambda request: self.asked(request.url))
        self.page.goto(address, wait_until="load")

    def asked(self, url: str) -> None:
        """Note a request that leaves the site."""
        if not url.startswith(("data:", self.home)):
            self.wrong.append(f"another host: {url}")


def context(browser: Browser, theme: str = "light", width: int = 1280, javascript: bool = True) -> BrowserContext:
    """Return a fresh profile with a theme and a width."""
    return browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if theme == "dark" else "light",
        java_script_enabled=javascript,
        reduced_motion="reduce",
    )


@pytest.fixture(scope="module")
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """A profile in which one page after the other is opened, so that what they share is fetched once."""
    with context(browser) as profile:
        yield profile


@pytest.fixture(scope="module")
def visit(request: pytest.FixtureRequest, profile: BrowserContext, home: str) -> Iterator[Visit]:
    """A page of the site, opened once for all the tests that look at it."""
    visit = Visit(profile, home + request.param)
    yield visit
    visit.page.close()


def visits(names: list[str]) -> pytest.MarkDecorator:
    """Look at some pages of the site; tests that look at the same one run one behind the other."""
    return pytest.mark.parametrize("visit", names, indirect=True, scope="module")


def faults(visit: Visit) -> list[str]:
    """Return what is wrong with a page in any look.

    Axe audits it in one of them, which changes from page to page. Colours do not change with the width: in the other
    theme the contrast is worked out.
    """
    page, audited = visit.page, LOOKS[len(visit.address) % len(LOOKS)]
    page.evaluate(AXE)
    page.evaluate(CONTRAST)
    # What is folded is part of the page too.
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    assert not page.evaluate(PROSE + f".match({RAW_LATEX})")
    wrong: list[str] = page.evaluate(STRUCTURE)
    for theme, width in LOOKS:
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": width, "height": 900})
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        wrong += [f"{theme}, {width}: {over} px too wide"] * (over > 0)
        check = AUDIT if (theme, width) == audited else PALE if theme != audited[0] and width == audited[1] else None
        if check:
            page.evaluate(MARK_DISTINCT)
            wrong += [f"{theme}, {width}: {found}" for found in page.evaluate(check)]
    page.set_viewport_size({"width": 320, "height": 900})  # which is also 640 px, enlarged to 200 %
    wrong += ["320: too wide"] * page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return wrong + visit.wrong


@visits(NAMES)
def test_a_page_is_sound(visit: Visit) -> None:
    """A page has no console error, asks no other host, never scrolls sideways, and has no axe violation in any look.

    Its headings are in order, its first stop leads past the navigation, and its pictures and formulas have words.
    """
    wrong = faults(visit)
    assert not wrong, "\n".join(wrong)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A small site, which each test builds as the host has it."""
    project = Project(tmp_path_factory.mktemp("hosted") / "site")
    project.write_small_site()
    return project


@pytest.mark.parametrize("button", ["Edit this page", "View this page"])
def test_a_hosted_page_is_sound(button: str, browser: Browser, project: Project) -> None:
    """A page that leads to its source and names its own address is as sound, and asks neither of the two hosts."""
    project.build(
        CHAINRULE_SITE_URL="https://course.example/",
        GITHUB_SERVER_URL="https://github.com",
        GITHUB_REPOSITORY="someone/course",
        GITHUB_REF="refs/heads/main" if button == "Edit this page" else "refs/tags/v1",
        GITHUB_SHA="0123abc",
    )
    assert project.status == 0, project.complained
    compressed.cache_clear()  # what the other build wrote there
    with hosted(project.folder / "docs/_build/html") as address, context(browser) as profile:
        for name in ("lessons/1_part/10_one.html", "chapter.html", "search.html"):
            wrong = faults(Visit(profile, address + name))
            assert not wrong, "\n".join(wrong)
            shown = profile.pages[-1].get_by_role("link", name=button, exact=True)
            assert shown.count() == (name != "search.html")


@pytest.mark.parametrize("name", ["index.html", *built.lessons()[:1], *built.chapters()[:1], "search.html"])
def test_a_page_opens_from_disk(name: str, browser: Browser) -> None:
    """A page opened as a file shows itself whole: styles, fonts and scripts are found."""
    with context(browser) as profile:
        visit = Visit(profile, (built.SITE / name).as_uri())
        assert not visit.wrong
        assert visit.page.evaluate("getComputedStyle(document.querySelector('.sidebar-drawer')).display") != "inline"
        if visit.page.locator(".katex").count():
            loaded = "[...document.fonts].filter(font => font.status == 'loaded').map(font => font.family).join()"
            visit.page.evaluate("document.fonts.ready.then(() => 1)")
            assert "KaTeX" in visit.page.evaluate(loaded)


@visits(WITH_FIGURE)
def test_figures_follow_the_theme(visit: Visit) -> None:
    """The ink of each figure is dark on the light page and light on the dark page, by system or by button."""
    ink = """[...document.querySelectorAll('.chainrule-plot svg')].map(svg => {
        const ink = getComputedStyle(svg).fill;
        const used = [...svg.querySelectorAll('path, text, use')].map(e => getComputedStyle(e));
        if (!used.some(style => style.fill == ink || style.stroke == ink)) throw `no ink in ${svg.ariaLabel}`;
        return ink.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + +part, 0);
    })"""
    page = visit.page
    page.emulate_media(color_scheme="dark")
    by_system = page.evaluate(ink)
    page.evaluate("document.body.dataset.theme = 'light'")
    by_button = page.evaluate(ink)
    scheme = page.evaluate("getComputedStyle(document.body).colorScheme")
    page.evaluate("document.body.dataset.theme = 'auto'")
    assert by_system
    assert min(by_system) > 3 * 128 > max(by_button)
    assert scheme == "light"


GONE = ".sidebar-drawer, .toc-drawer, .related-pages, .sphx-glr-footer, .mobile-header, .chainrule-answer, .copybtn"
KEPT = "article h1, article div.highlight pre, article .chainrule-revealed, article .chainrule-predict"


@pytest.mark.parametrize("name", built.with_class("chainrule-answer")[:1])
def test_a_lesson_prints_as_a_handout(name: str, browser: Browser, home: str) -> None:
    """On paper a lesson shows code, answers and questions across the sheet, and no navigation, field or button."""
    with context(browser, width=794) as profile:
        page = Visit(profile, home + name).page
        page.emulate_media(media="print")
        for selector, kept in ((GONE, False), (KEPT, True)):
            shown = page.locator(selector).evaluate_all("all => all.map(one => one.checkVisibility())")
            assert set(shown) == {kept}
        article = page.locator("article").bounding_box()
        assert article is not None
        assert article["width"] > 700
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def asked(*said: str) -> str:
    """Return a page with the field or the choices of a question that has this for an answer, and the site's script."""
    script = (built.ROOT / "docs/_static/exercise.js").read_text("utf-8")
    return f"{questions.field('', said)}<details></details><script>{script}</script>"


BAD = "Type a number, such as 0.5, -2 or 1/3."


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        (
            ["-30.0", "-120.0: sum", "7.0: That is the prediction."],
            {
                "-30": "Right: -30.0.",
                " − 30.04 ": "Right: -30.0.",
                "-3e1": "Right: -30.0.",
                "-90/3": "Right: -30.0.",
                "30": WORDS["sign"],
                "-15": WORDS["half"],
                "-60": WORDS["twice"],
                "-1/30": WORDS["inverse"],
                "-.0333": WORDS["inverse"],
                "-120": "It is 4 times the right gradient",
                "7": "That is the prediction.",
                "-31": f"-31 is not right. {WORDS['none']}",
                "-30.1": WORDS["none"],
                **dict.fromkeys(("", "  ", "minus two", "1e999", "NaN", "Infinity", "1/0", "0x10", "1,5", "2 3"), BAD),
            },
        ),
        (
            ["0.2462"],
            {"0.2462": "Right", "0.246": "Right", ".25": "Right", "0.3": "is not right", "0.2": "is not right"},
        ),
        (
            ["4", "6: The gates of all samples."],
            {"4": "Right: 4.", "4.0": "Right", "4.01": "not right", "6": "The gates"},
        ),
        (["0.0"], {"0": "Right", "-0": "Right", "1": WORDS["none"]}),
    ],
)
def test_an_answer_is_told_on_the_spot(said: list[str], answers: dict[str, str], browser: Browser) -> None:
    """The page says at once, and aloud, what is right, which slip a wrong answer looks like, and what it expects."""
    with context(browser) as profile:
        page = profile.new_page()
        page.set_content(asked(*said))
        verdict, fold = page.get_by_role("status"), page.locator("details")
        for typed, expected in reversed(answers.items()):
            page.get_by_label("Your answer").fill(typed)
            page.keyboard.press("Enter")
            assert expected in verdict.inner_text(), typed
            assert expected.startswith("Right") or fold.get_attribute("open") is None
            fold.evaluate("fold => { fold.open = false; }")
        page.get_by_label("Your answer").fill(said[0])
        page.get_by_role("button", name="Check").click()
        assert verdict.inner_text().startswith("Right")
        assert fold.get_attribute("open") is not None


def test_a_choice_is_told_on_the_spot(browser: Browser) -> None:
    """Of several answers in words each has its verdict at a press, and only the right one opens the fold."""
    with context(browser) as profile:
        page = profile.new_page()
        page.set_content(asked("It rises [up]", "It falls: The prediction is too high.", "It stays"))
        for name, says in (("falls", "Not so: It falls. The prediction is too high."), ("stays", "Not so: It stays.")):
            page.get_by_role("button", name=name).click()
            assert page.get_by_role("status").inner_text() == says
            assert page.locator("details").get_attribute("open") is None
        page.get_by_role("button", name="rises").press("Enter")
        assert page.get_by_role("status").inner_text() == "Right: It rises."
        assert page.locator("details").get_attribute("open") is not None


@pytest.mark.parametrize("name", built.lessons()[:1])
@pytest.mark.parametrize("javascript", [True, False])
def test_a_field_needs_javascript_and_nothing_else(javascript: bool, name: str, browser: Browser) -> None:
    """Opened from disk a page answers; without JavaScript there is no field, and the solution opens all the same."""
    with context(browser, javascript=javascript) as profile:
        visit = Visit(profile, (built.SITE / name).as_uri())
        form = visit.page.locator("form.chainrule-answer:has(input)").first
        assert form.is_visible() == javascript
        if javascript:
            form.get_by_label("Your answer").fill("surely not")
            form.get_by_role("button", name="Check").click()
            assert form.get_by_role("status").inner_text().endswith(BAD)
        fold = visit.page.locator(".chainrule-exercise ~ details.chainrule-reveal").first
        fold.locator(":scope > summary", has_text="Solution").click()
        assert fold.locator("pre").first.is_visible()
        assert not visit.wrong


@visits(built.with_class("chainrule-answer"))
def test_every_answer_that_a_page_knows_is_right(visit: Visit) -> None:
    """Each field of a page takes its own answer."""
    said = visit.page.evaluate("""[...document.forms].flatMap(form => {
        if (!form.dataset.exercise) return [];
        const {answer} = JSON.parse(form.dataset.exercise), field = form.querySelector('input');
        if (field) field.value = answer;
        form.requestSubmit(field ? null : [...form.querySelectorAll('button')].find(({value}) => value === answer));
        return form.querySelector('[role=status]').innerText;
    })""")
    assert said
    assert all(words.startswith("Right") for words in said), said


DO = """async box => {
    const before = [...document.querySelectorAll('chainrule-graph')].filter(graph =>
        graph.compareDocumentPosition(box) & Node.DOCUMENT_POSITION_FOLLOWING);
    const el = before.at(-1), seen = [];
    for (let at = el; at; at = at.parentElement) if (at instanceof HTMLDetailsElement) at.open = true;
    const near = (found, told) => Array.isArray(told) ? told.every((each, i) => near(found[i], each))
        : Math.abs(found - told) <= 0.0005 * Math.max(1, Math.abs(told));
    while (!el.reset) await new Promise(done => setTimeout(done, 20));  // until the ops that it needs are there
    await el.reset();
    for (const line of box.dataset.do.split(/[,;] /)) {
        const [what, ...rest] = line.split(' '), number = /^[-\\d[]/.test(rest.at(-1)) && JSON.parse(rest.at(-1));
        if (what === 'set') await el.set(rest[0], number);
        else if (what === 'update') await el.update(...rest.map(Number));
        else if (['play', 'reset'].includes(what)) await el[what]();
        else if (what === 'press') {
            const find = (tag) => [...el.shadowRoot.querySelectorAll(tag)].find(({textContent}) =>
                textContent.trim() === rest.join(' '));
            if (!find('label, .curve button'))
                [...el.shadowRoot.querySelectorAll('button')].find(each => each.textContent === 'Loss curve').click();
            (find('label')?.firstChild ?? find('.curve button')).click();
        }
        else if (what === 'says') seen.push([line, el.shadowRoot.textContent.includes(rest.join(' '))]);
        else {
            const found = what === 'grad' ? el.gradients()[rest[0]] : el.values()[what];
            seen.push([`${line} (${found})`, near(found, number)]);
        }
    }
    const numbers = text => [...text.replaceAll('−', '-').matchAll(/-?\\d+(\\.\\d+)?/g)].map(found => found[0]);
    const known = numbers(box.dataset.do);
    for (const number of numbers(box.innerText)) seen.push([`${number} in the text`, known.includes(number)]);
    return seen.filter(([, holds]) => !holds).map(([what]) => what);
}"""


@visits(built.with_class("chainrule-do"))
def test_what_the_reader_is_told_to_do_can_be_done(visit: Visit) -> None:
    """Each box that sends the reader to the live graph above it is right: done so, the graph says what it says."""
    for box in visit.page.locator(".chainrule-do").all():
        assert box.evaluate(DO) == []


def test_in_print_answers_come_at_the_end(browser: Browser) -> None:
    """What is folded goes to the end of a printed page, under its number, and comes back to its place afterwards."""
    with context(browser) as profile:
        page = Visit(profile, (built.SITE / built.lessons()[0]).as_uri()).page
        before = page.locator("article").inner_html()
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        rest = "[...document.querySelector('article').children].slice(0, -1)"
        assert page.locator("article > section:last-child > details").count() == before.count(
            '<details class="chainrule-reveal'
        )
        assert page.evaluate(f"{rest}.every(part => !part.querySelector('.chainrule-reveal'))")
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("article").inner_html() == before


def test_one_click_leads_into_the_first_lesson(browser: Browser, home: str) -> None:
    """A new reader sees the way into the first lesson without scrolling, and one click takes it."""
    with context(browser, width=390) as profile:
        page = Visit(profile, home).page
        start = page.locator("a.chainrule-start").first
        box = start.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 900
        start.click()
        page.wait_for_url(home + built.lessons()[0])


def test_search_finds_lessons_and_messages(browser: Browser, home: str) -> None:
    """The search, which asks no server, finds a lesson by its title.

    It leads from a message's words to its entry, and from all of the message to the page that has it.
    """
    ask = """words => Search._performSearch(...Search._parseQuery(words))
        .map(([page, title, anchor]) => page + anchor)"""
    with context(browser) as profile:
        visit = Visit(profile, f"{home}search.html?q=gradient")
        visit.page.locator("#search-results a").first.wait_for()
        for lesson in built.lessons():
            found = visit.page.evaluate(ask, visit.page.locator(f"a[href='{lesson}']").first.text_content())
            assert lesson.removesuffix(".html") in found, lesson
        page = PAGE.removesuffix(".html")
        for entry in entries():
            assert f"{page}#{entry.anchor}" in visit.page.evaluate(ask, entry.heading), entry.heading
            found = visit.page.evaluate(ask, entry.words)
            assert any(place.startswith(page) for place in found), entry.words
        assert not visit.wrong


def test_search_shows_the_right_page_first(browser: Browser, home: str) -> None:
    """Of forty searches as learners type them, 36 have their page first, and all are among the first three."""
    ask = """words => Search._performSearch(...Search._parseQuery(words)).map(([page]) => page).reverse()"""
    places: dict[str, int] = {}
    with context(browser) as profile:
        visit = Visit(profile, f"{home}search.html?q=gradient")
        visit.page.locator("#search-results a").first.wait_for()
        for line in (Path(__file__).parent / "searches.txt").read_text("utf-8").splitlines():
            if not line.startswith("#"):
                words, pages = line.split(" | ")
                found = [*dict.fromkeys(visit.page.evaluate(ask, words))]
                places[words] = min(found.index(page) for page in pages.split(" or ") if page in found)
        missing = "Object.keys(SUBJECTS).filter((page) => !Search._index.docnames.includes(page.split('#')[0]))"
        assert visit.page.evaluate(missing) == []
    assert [words for words, place in places.items() if place > 2] == []
    assert sum(place == 0 for place in places.values()) >= 36


@pytest.mark.parametrize(
    ("name", "code", "output"),
    [
        *((name, ".highlight-Python", ".sphx-glr-script-out") for name in built.lessons()[:1]),
        *((name, ".cell_input", ".cell_output") for name in built.chapters()[:1]),
    ],
)
def test_copied_code_has_no_output(name: str, code: str, output: str, browser: Browser, home: str) -> None:
    """Code offers to be copied, and what it printed does not."""
    with context(browser) as profile:
        page = Visit(profile, home + name).page
        page.wait_for_selector("button.copybtn", state="attached")
        assert page.locator(f"{code} button.copybtn").count()
        assert not page.locator(f"{output} button.copybtn").count()
