"""The site as nginx serves it, compressed and under a sub-path, with the file that MAINTAINING.md names."""

from __future__ import annotations

import gzip
import http.client
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

from tests.support import built
from tools.nginx import ensure_nginx

pytestmark = pytest.mark.site

HOME = "/chainrule/"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".xml": "text/xml; charset=utf-8",
    ".py": "text/x-python; charset=utf-8",
    ".ipynb": "application/x-ipynb+json",
    ".zip": "application/zip",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
PACKED = {".zip", ".png", ".woff2"}
"""What is compressed already."""
NOT_LINKED = {"index.html", "404.html", "_modules/index.html"}
"""Where a crawl starts, what a server shows for what is not there, and Sphinx's list of sources, which nobody needs."""
MAIN = """
daemon off; pid nginx.pid; error_log stderr; {user}
events {{ }}
http {{
    access_log off;
    client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; uwsgi_temp_path d; scgi_temp_path e;
    include site.conf;
}}
"""


class Links(HTMLParser):
    """Collect where a page leads, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.clicks: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that has an address."""
        target = dict(attrs).get(built.LINKS.get(tag, "")) or ""
        if target and dict(attrs).get("rel") != "canonical":
            (self.clicks if tag == "a" else self.loads).append(target)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[http.client.HTTPConnection]:
    """A connection to nginx, which serves the built site with the project's own file."""
    folder = tmp_path_factory.mktemp("nginx")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    site = (built.ROOT / "tools/nginx.conf").read_text("utf-8")
    for ours, here in (("listen 80;", f"listen 127.0.0.1:{port};"), ("/srv/chainrule/", f'"{built.SITE}/"')):
        assert ours in site
        site = site.replace(ours, here)
    (folder / "site.conf").write_text(site, "utf-8")
    (folder / "nginx.conf").write_text(MAIN.format(user="user root;" if os.geteuid() == 0 else ""), "utf-8")
    process = subprocess.Popen([ensure_nginx(), "-p", folder, "-c", folder / "nginx.conf"], stderr=subprocess.PIPE)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(100):
        try:
            connection.connect()
            break
        except ConnectionRefusedError:
            assert process.poll() is None, process.communicate()[1].decode()
            time.sleep(0.05)
    yield connection
    process.terminate()
    process.communicate()


def ask(server: http.client.HTTPConnection, path: str) -> tuple[http.client.HTTPResponse, bytes]:
    """Ask for a path as a browser does, which takes what is compressed; give the answer and what is in it."""
    server.request("GET", path, headers={"Accept-Encoding": "gzip"})
    answer = server.getresponse()
    data = answer.read()
    return answer, gzip.decompress(data) if answer.headers["Content-Encoding"] == "gzip" else data


def test_a_crawl_finds_everything(server: http.client.HTTPConnection) -> None:
    """From the front page each link and asset is found, with its type, compressed if that helps; no page is far.

    What comes over the line is what was built, byte for byte, and every page is at most three clicks away.
    """
    clicks, waiting, wrong = {HOME: 0}, [HOME], []
    loads: set[str] = set()
    for path in waiting:  # grows while it is walked
        answer, data = ask(server, path)
        name = unquote(path.removeprefix(HOME)) or "index.html"
        file, suffix = built.SITE / name, Path(name).suffix
        if answer.status != 200 or not path.startswith(HOME):
            wrong.append(f"{path}: {answer.status}")
            continue
        if data != file.read_bytes():
            wrong.append(f"{path}: is not what was built")
        if answer.headers["Content-Type"] != TYPES.get(suffix, "application/octet-stream"):
            wrong.append(f"{path}: comes as {answer.headers['Content-Type']}")
        if (answer.headers["Content-Encoding"] == "gzip") != (suffix not in PACKED and len(data) >= 1000):
            wrong.append(f"{path}: {len(data)} bytes come as {answer.headers['Content-Encoding']}")
        found = Links(data.decode()) if suffix == ".html" else None
        styles = re.findall(r"url\(\s*['\"]?(?!data:|#)([^)'\"]+)", data.decode()) if suffix == ".css" else []
        for target, is_click in [
            *((target, True) for target in (found.clicks if found else ())),
            *((target, False) for target in (found.loads if found else styles)),
        ]:
            if re.match(r"[a-z]+:", target):
                continue
            there = urlsplit(urljoin(path, urldefrag(target)[0])).path
            if not is_click:
                loads.add(there)
            if there not in clicks:
                clicks[there] = clicks[path] + is_click
                waiting.append(there)
    assert wrong == []
    far = {HOME + name: clicks.get(HOME + name) for name in built.documents() if name not in NOT_LINKED}
    assert {name: number for name, number in far.items() if number is None or number > 3} == {}
    assert len(loads) > 10


def test_what_is_not_there_is_said(server: http.client.HTTPConnection) -> None:
    """An address that is none gives 404; the sub-path without its slash leads to the front page."""
    assert ask(server, HOME + "no-such-page.html")[0].status == 404
    answer, _ = ask(server, HOME.rstrip("/"))
    assert (answer.status, urlsplit(answer.headers["Location"]).path) == (301, HOME)


def test_only_what_has_a_checksum_is_kept(server: http.client.HTTPConnection) -> None:
    """A browser keeps what is asked for by its checksum, and asks again for everything else."""
    page = ask(server, HOME)[1].decode()
    named = re.search(r'href="(_static/\S+?\.css\?v=\w+)"', page)
    assert named
    assert "immutable" in ask(server, HOME + named[1])[0].headers["Cache-Control"]
    assert ask(server, HOME)[0].headers["Cache-Control"] == "no-cache"
