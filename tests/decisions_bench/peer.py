"""c15t's backend from npm, over a database of its own on the same PostgreSQL server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.decisions_bench.load import HERE, wait_for
from tests.e2e.service import free_port
from tests.npm import packages

NPM_SECONDS = 180
PACKAGES = {
    "@c15t/backend": "2.2.1",
    "@hono/node-server": "2.1.9",
    "kysely": "0.28.18",
    "pg": "8.23.1",
}
NAME = f"c15t {PACKAGES['@c15t/backend']}"


def why_not() -> str:
    """Why it cannot be measured; empty when it can. Installs it where npm is there."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "node or npm was not found"
    if _is_installed():
        return ""
    _folder().mkdir(parents=True, exist_ok=True)
    wanted = {"name": "bench", "private": True, "type": "module", "dependencies": PACKAGES}
    (_folder() / "package.json").write_text(json.dumps(wanted))
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command, cwd=_folder(), capture_output=True, text=True, timeout=NPM_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"npm did not end within {NPM_SECONDS} s"
    said = done.stderr.strip().partition("\n")[0]
    return "" if done.returncode == 0 else f"npm failed: {said}"


@contextmanager
def c15t(host: Path, name: str, log: Path) -> Iterator[tuple[str, int]]:
    """Its address and process, once it answers. ``name``: an empty database at ``host``."""
    port = free_port()
    shutil.copy(HERE / "c15t.mjs", _folder())
    server = {"PGHOST": str(host), "PGUSER": "postgres", "PGDATABASE": name, "PORT": str(port)}
    with log.open("wb") as file:
        process = subprocess.Popen(
            ["node", "c15t.mjs"],
            cwd=_folder(),
            env={**os.environ, **server},  # noqa: TID251
            stdout=file,
            stderr=file,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/init")
        yield url, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def _folder() -> Path:
    return packages().parent / "c15t"


def _is_installed() -> bool:
    for name, version in PACKAGES.items():
        manifest = _folder() / "node_modules" / name / "package.json"
        if not manifest.is_file() or json.loads(manifest.read_text())["version"] != version:
            return False
    return True
