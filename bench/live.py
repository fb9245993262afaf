"""Measures the live graph: bytes, time to paint, time for an edit, frames while dragging, also with a slowed processor.

    make bench

Times are medians of what this machine gave; the results are kept in bench/live.md, with their date.
"""

from __future__ import annotations

import datetime
import gzip
import platform
from pathlib import Path

import torch
from playwright.sync_api import Page, sync_playwright

import chainrule
from chainrule.live.javascript import script, served
from tools.browser import find_browser

RESULTS = Path(__file__).with_name("live.md")
SIZES = (6, 15, 100, 1000)

EDIT = """() => {
    const graph = document.querySelector('chainrule-graph'), times = [];
    for (let k = 0; k < 30; k++) {
        const begin = performance.now();
        graph.set('w', 1 + k / 100);
        graph.getBoundingClientRect();
        times.push(performance.now() - begin);
    }
    return times.sort((a, b) => a - b)[15];
}"""
FRAMES = """() => new Promise(done => {
    const graph = document.querySelector('chainrule-graph'), times = [];
    let last = performance.now(), k = 0;
    requestAnimationFrame(function frame() {
        graph.set('w', 1 + k / 100);
        times.push(performance.now() - last);
        last = performance.now();
        if (k++ < 60) requestAnimationFrame(frame);
        else done(times.sort((a, b) => a - b)[30]);
    });
})"""
PLAYING = """async () => {
    const graph = document.querySelector('chainrule-graph'), times = [];
    await graph.step(Math.floor(graph.moment().of / 2));
    graph.play();
    await new Promise(done => {
        let last = performance.now(), k = 0;
        requestAnimationFrame(function frame(now) {
            times.push(now - last);
            last = now;
            if (k++ < 120) requestAnimationFrame(frame);
            else done();
        });
    });
    graph.pause();
    return times.sort((a, b) => a - b)[60];
}"""
PAINT = """element => new Promise(done => {
    const begin = performance.now();
    document.body.innerHTML = element;
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - begin)));
})"""


def record(nodes: int) -> chainrule.Recording:
    """Record a chain of about so many values: layers of one unit, each with a weight of its own."""
    w = torch.tensor(1.0, requires_grad=True)
    with chainrule.record() as rec:
        h = w * 0.5
        for _ in range(max(1, (nodes - 2) // 4)):
            v, b = torch.tensor(0.9, requires_grad=True), torch.tensor(0.1)
            h = v * h + b
        h.backward()
    return rec


def measure(page: Page, element: str, slow: int) -> tuple[float, ...]:
    """Return the milliseconds until it is painted, for an edit, and between frames while dragging and playing."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("Emulation.setCPUThrottlingRate", {"rate": slow})
    painted = page.evaluate(PAINT, element)
    found = (painted, page.evaluate(EDIT), page.evaluate(FRAMES), page.evaluate(PLAYING))
    cdp.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    return found


def main() -> None:
    """Measure, and write the results down."""
    graph, panels = (served(part).encode() for part in ("graph", "panels"))
    lines = [
        "# How fast the live graph is",
        "",
        f"Measured on {datetime.date.today()} with `make bench`, on {platform.machine()} in Chromium without a GPU.",
        "",
        f"The script that a page loads: {len(graph):,} bytes, {len(gzip.compress(graph, 9)):,} with gzip. The panels,",
        f"fetched when one is opened: {len(panels):,} bytes, {len(gzip.compress(panels, 9)):,} with gzip.",
        "",
        "Frame and playing: between two frames while a number is dragged, and while the backward pass plays.",
        "",
        "| nodes | element, gzip | painted | edit | frame | playing | 4x slower: painted | edit | frame | playing |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_content(f"<!doctype html><title>bench</title><body></body><script>{script()}</script>")
        for nodes in SIZES:
            rec = record(nodes)
            element = rec.graph().element
            weight = len(gzip.compress(element.encode(), 9))
            times = [f"{x:.1f} ms" for slow in (1, 4) for x in measure(page, element, slow)]
            lines.append(f"| {len(rec.trace.values)} | {weight:,} | {' | '.join(times)} |")
            print(lines[-1], flush=True)
        browser.close()
    # what people have written below the table stays
    _, heading, notes = RESULTS.read_text("utf-8").partition("\n## ")
    RESULTS.write_text("\n".join(lines) + "\n" + heading + notes, "utf-8")
    print(f"Written to {RESULTS.name}: {lines[4]} {lines[5]}")


if __name__ == "__main__":
    main()
