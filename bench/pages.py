"""Measures how heavy the site's pages are in a real browser, beside a bare furo page and what other tools make.

    make bench

Each page is served compressed, as a host does. The results are kept in bench/pages.md, with their date.
"""

from __future__ import annotations

import datetime
import gzip
import http.server
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Route, sync_playwright

from tools.browser import find_browser

ROOT = Path(__file__).parent.parent
SITE = ROOT / "docs/_build/html"
RESULTS = Path(__file__).with_name("pages.md")
PAGES = {
    "front page": "index.html",
    "lesson": "lessons/1_one_weight/10_nudge.html",
    "lesson with maths": "lessons/2_descent/10_parabola.html",
    "chapter": "concepts/chain_rule.html",
    "API": "reference/api.html",
}
GRAPH = "_static/chainrule-"
ROUNDS = 7
"""How often each page is opened; the paint is the middle one of these."""
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
COMPRESSED = {".html", ".css", ".js", ".svg", ".json", ".txt", ".xml"}
OBSERVE = """
    window.seen = {shift: 0, paint: 0};
    new PerformanceObserver(list => list.getEntries().forEach(entry => { seen.shift += entry.value; }))
        .observe({type: "layout-shift", buffered: true});
    new PerformanceObserver(list => list.getEntries().forEach(entry => { seen.paint = entry.startTime; }))
        .observe({type: "largest-contentful-paint", buffered: true});
"""

PLOT = "import matplotlib.pyplot as plt\n\nplt.plot([1, 2, 3])\n"
WORDS = "Some words."
PEERS = {
    "bare furo": (
        "extensions = ['myst_parser']\nhtml_theme = 'furo'\n",
        {"index.md": f"# A page\n\n{WORDS}\n\n```python\n{PLOT}```\n"},
        "index.html",
    ),
    "sphinx-gallery as it comes": (
        "extensions = ['sphinx_gallery.gen_gallery', 'sphinx.ext.mathjax']\n",
        {
            "index.rst": "A page\n======\n\n.. toctree::\n\n   auto_examples/index\n",
            "../examples/README.rst": "Lessons\n=======\n",
            "../examples/plot_one.py": f'"""\nOne\n===\n\n{WORDS} :math:`x^2`.\n"""\n\n{PLOT}',
        },
        "auto_examples/plot_one.html",
    ),
    "myst-nb as it comes": (
        "extensions = ['myst_nb']\nhtml_theme = 'furo'\nmyst_enable_extensions = ['dollarmath']\n",
        {
            "index.md": "---\nfile_format: mystnb\nkernelspec: {name: python3}\n---\n"
            f"# A page\n\n{WORDS} $x^2$.\n\n```{{code-cell}} ipython3\n{PLOT}```\n",
        },
        "index.html",
    ),
}
"""Small sites: a configuration, their files, and the page that is measured."""


@dataclass(frozen=True)
class Weight:
    """Hold what one page asks for: requests, bytes as sent, those of the graph's scripts, and what was seen."""

    requests: int
    sent: int
    graph: int
    elsewhere: int
    shift: float
    paint: float
    maths: bool


@cache
def compressed(path: str) -> bytes:
    """Return a file as a host sends it."""
    return gzip.compress(Path(path).read_bytes(), 6, mtime=0)


class Host(http.server.SimpleHTTPRequestHandler):
    """Serve a folder, text compressed, silently."""

    def do_GET(self) -> None:
        """Send a file."""
        path = self.translate_path(self.path)
        if Path(path).suffix not in COMPRESSED or not Path(path).is_file():
            super().do_GET()
            return
        body = compressed(path)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        """Send what the site asks its hosts to send with every page, among it what a page may do."""
        asked = Path(self.directory, "_headers")
        for line in asked.read_text("utf-8").splitlines() if asked.is_file() else ():
            if line.startswith("  "):
                self.send_header(*line.strip().split(": ", 1))
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """Serve a folder as a host would, and give its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Host, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def weigh(browser: Browser, home: str, name: str) -> Weight:
    """Open a page with nothing cached, and see what it asks for and when it is painted.

    What is elsewhere is asked for and not fetched.
    """
    with browser.new_context(viewport={"width": 1280, "height": 900}) as profile:
        page = profile.new_page()
        elsewhere: list[str] = []

        def refuse(route: Route) -> None:
            elsewhere.append(route.request.url)
            route.abort()

        page.route(lambda url: not url.startswith(home), refuse)
        page.add_init_script(OBSERVE)
        files: list[tuple[str, int]] = []
        page.on(
            "requestfinished",
            lambda request: files.append((request.url, request.sizes()["responseBodySize"])),
        )
        page.goto(home + name, wait_until="networkidle")
        seen = page.evaluate("window.seen")
        own = [(url, size) for url, size in files if url.startswith(home)]
        return Weight(
            requests=len(own) + len(elsewhere),
            sent=sum(size for _, size in own),
            graph=sum(size for url, size in own if GRAPH in url),
            elsewhere=len(elsewhere),
            shift=seen["shift"],
            paint=seen["paint"],
            maths=page.locator(".katex").count() > 0,
        )


def build(folder: Path, configuration: str, pages: dict[str, str]) -> Path:
    """Build a small site, and return where its pages are."""
    for name, text in {"conf.py": configuration, **pages}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-Q", str(folder), str(folder / "_out")]
    subprocess.run(command, check=True)
    return folder / "_out"


def main() -> None:
    """Measure, and write the results down."""
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=QUIET)
        sites = {name: (SITE, page) for name, page in PAGES.items()}
        for name, (configuration, files, page) in PEERS.items():
            sites[name] = (build(Path(scratch, name, "docs"), configuration, files), page)
        found: dict[str, list[Weight]] = {name: [] for name in sites}
        for _ in range(ROUNDS):  # in turn, so that what slows the machine slows all alike
            for name, (folder, page) in sites.items():
                with hosted(folder) as home:
                    found[name].append(weigh(browser, home, page))
        browser.close()
    paints = {name: statistics.median(one.paint for one in seen) for name, seen in found.items()}
    lines = [
        "# How heavy the pages are",
        "",
        f"Measured on {datetime.date.today()} with `make bench` in Chromium, on {os.cpu_count()} cores, 1280 px wide,",
        "nothing cached. Text is sent with gzip. The graph's scripts are on top, all but the first at rest.",
        "Other hosts were not asked, and are not weighed. Paint: the largest, against the bare furo page's;",
        f"the middle of {ROUNDS} visits. The goals: at most 60 kB, 85 with maths; 14 requests, none of another host;",
        "no shift; 1.15 of the bare page.",
        "",
        "| page | kB sent | graph's scripts | requests | of other hosts | layout shift | paint |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, seen in found.items():
        one = seen[0]
        lines.append(
            f"| {name}{' (maths)' if one.maths else ''} | {(one.sent - one.graph) / 1000:.1f} "
            f"| {one.graph / 1000:.1f} | "
            f"{one.requests} | {one.elsewhere} | {max(each.shift for each in seen):.3f} | "
            f"{paints[name]:.0f} ms, {paints[name] / paints['bare furo']:.2f} |"
        )
    RESULTS.write_text("\n".join(lines) + "\n", "utf-8")
    print(RESULTS.read_text("utf-8"))


if __name__ == "__main__":
    main()
