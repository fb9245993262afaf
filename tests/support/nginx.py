"""Finds nginx for the test of how the site is served, and gets Debian's if there is none.

Debian's package is unpacked into .venv and not installed, which would also start a server on this machine.
"""

import shutil
import subprocess
from pathlib import Path

from tools.browser import is_debian, is_root, run

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
