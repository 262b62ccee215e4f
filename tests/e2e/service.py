"""The real service, as an operator starts it: migrate, import, publish, serve."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests import command

PUBLISHED = """
key = "summit"
name = "Summit Outdoor"
origins = ["{origin}"]
privacy_url = "{origin}/privacy"
[[pixels]]
platform = "meta"
id = "123456789012345"
[[pixels]]
platform = "ga4"
id = "G-TEST123456"
[[pixels]]
platform = "google-ads"
id = "AW-123456789"
labels = {{ Purchase = "abCDeFGhij" }}
"""

LIMITED = """
key = "limited"
name = "A store that limits instead of stopping"
origins = ["{origin}"]
release = "at-once"
[[pixels]]
platform = "meta"
id = "123456789012345"
opt_out = "limit"
[[pixels]]
platform = "ga4"
id = "G-TEST123456"
[gpc]
refuses = ["marketing", "analytics"]
"""


PATIENCE = 120
"""Seconds for what takes one or two, on a machine that has much else to do."""
PORTS = range(20_000, 30_000)
"""None of those that a system gives to whoever asks for any, as every connection does."""
_taken: list[socket.socket] = []


def free_port() -> int:
    """A port of 127.0.0.1 that stays free until someone listens on it.

    Other processes that ask here are told so by the UDP port of that number, which is held.
    """
    for port in PORTS:
        mark = socket.socket(type=socket.SOCK_DGRAM)
        try:
            mark.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            mark.close()
        else:
            _taken.append(mark)
            return port
    raise AssertionError(f"no port of {PORTS} is free")


class Service:
    """One installation in ``folder``. ``start`` and ``stop`` may be called again and again."""

    def __init__(self, folder: Path, *, database_url: str | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("CONSENT_")},  # noqa: TID251
            "CONSENT_DATABASE_URL": database_url or f"sqlite:///{folder / 'pixelgate.db'}",
            "CONSENT_SECRET_KEYS": "k" * 40,
            "CONSENT_TRUSTED_PROXIES": "127.0.0.1",
            "CONSENT_PUBLIC_URL": self.url,
        }
        self.command = [sys.executable, "-m", "consent", "serve"]
        self.prepare: Callable[[], None] | None = None
        """Runs in a new process before ``command`` does."""
        self._process: subprocess.Popen[bytes] | None = None

    def consent(self, *arguments: str, stdin: str = "") -> str:
        """Runs the command ``consent`` and returns what it printed."""
        done = command.run(arguments, folder=self.folder, environ=self.environ, stdin=stdin)
        assert done.returncode == 0, f"consent {' '.join(arguments)}: {done.stderr}{done.stdout}"
        return done.stdout

    def publish(self, toml: str) -> None:
        path = self.folder / "store.toml"
        path.write_text(toml, encoding="utf-8")
        key, _, said = self.consent("store", "import", str(path), "--publish").partition(": ")
        found = re.search(r"version (\d+)", said)
        if self._process is not None and found is not None:
            self._until_live(key, int(found[1]))

    def _until_live(self, key: str, number: int) -> None:
        """Workers look for new versions twice a second; who visits before that is early."""
        deadline = time.monotonic() + PATIENCE
        live = 0
        while live < number:
            assert time.monotonic() < deadline, f"{key}: {live} is live, not {number}"
            time.sleep(0.05)
            address = f"{self.url}/s/{key}/version"
            with (
                contextlib.suppress(urllib.error.HTTPError),
                urllib.request.urlopen(address, timeout=PATIENCE) as answer,
            ):
                live = int(answer.headers["Pixelgate-Version"])

    def snippet(self, key: str = "summit") -> str:
        return self.consent("store", "snippet", key).strip()

    @property
    def pid(self) -> int:
        """Of the process that starts the workers."""
        assert self._process is not None
        return self._process.pid

    def start(self, *options: str) -> None:
        with (self.folder / "service.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self.command, "--port", str(self.port), *options],
                cwd=self.folder,
                env=self.environ,
                preexec_fn=self.prepare,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            if self.is_ready():
                return
            time.sleep(0.05)
        self.stop(signal.SIGKILL)
        raise AssertionError((self.folder / "service.log").read_text())

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=10) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self, sig: int = signal.SIGTERM) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            os.killpg(os.getpgid(self._process.pid), sig)
        self._process.wait(timeout=PATIENCE)
        self._process = None
