"""The site as nginx serves it, compressed and under a sub-path, with the file that MAINTAINING.md names."""

from __future__ import annotations

import gzip
import http.client
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from tests.support import built
from tools.browser import is_debian, is_root, run

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
    ".whl": "application/zip",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
PACKED = {".zip", ".whl", ".png", ".woff2"}
"""What is compressed already."""
MAIN = """
daemon off; pid nginx.pid; error_log stderr; {user}
events {{ }}
http {{
    access_log off;
    client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; uwsgi_temp_path d; scgi_temp_path e;
    include site.conf;
}}
"""


OWN = Path(".venv/nginx").absolute()
PLACES = ("nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx", "/opt/homebrew/bin/nginx", f"{OWN}/usr/sbin/nginx")


def ensure_nginx() -> str:
    """Return the path of an nginx that starts; on Debian, and with its package unpacked into .venv, if need be."""
    if not (nginx := _find()) and is_debian():
        if is_root():
            run(["apt-get", "update", "-qq"], quiet=True)
        OWN.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-qq", "nginx"], cwd=OWN, stdin=subprocess.DEVNULL)
        for package in OWN.glob("nginx_*.deb"):
            run(["dpkg-deb", "--extract", str(package), str(OWN)], quiet=True)
        nginx = _find()
    if not nginx:
        raise FileNotFoundError(
            "the site is tested as nginx serves it, and none starts here. Install it (Debian: apt-get install nginx, "
            "macOS: brew install nginx) and run the same command again."
        )
    return nginx


def _find() -> str | None:
    found = (path for place in PLACES if (path := shutil.which(place)))
    return next((path for path in found if run([path, "-v"], quiet=True)), None)


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


def test_what_comes_is_what_was_built(server: http.client.HTTPConnection) -> None:
    """Each file comes byte for byte, with its type, and compressed if that helps."""
    wrong = []
    for file in sorted(path for path in built.SITE.rglob("*") if path.is_file() and not path.name.startswith(".")):
        name, data = file.relative_to(built.SITE).as_posix(), file.read_bytes()
        answer, came = ask(server, HOME + quote(name))
        kind, encoding = answer.headers["Content-Type"], answer.headers["Content-Encoding"]
        if answer.status != 200 or came != data:
            wrong.append(f"{name}: {answer.status}, {len(came)} bytes")
        if kind != TYPES.get(file.suffix, "application/octet-stream"):
            wrong.append(f"{name}: comes as {kind}")
        if (encoding == "gzip") != (file.suffix not in PACKED and len(data) >= 1000):
            wrong.append(f"{name}: {len(data)} bytes come as {encoding}")
    assert wrong == []


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


def test_what_a_page_may_do_is_said(server: http.client.HTTPConnection) -> None:
    """Every answer carries the headers of docs/_headers, which other hosts read, and pages are tested with."""
    asked = re.findall(r"^  ([\w-]+): (.*)$", (built.SITE / "_headers").read_text("utf-8"), re.MULTILINE)
    assert "Content-Security-Policy" in dict(asked)
    for path in ("", "_static/site.js", "no-such-page.html"):
        answer, _ = ask(server, HOME + path)
        assert [(name, answer.headers[name]) for name, _ in asked] == asked
