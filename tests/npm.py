"""What others publish on npm, for the benchmarks and tests that run it beside ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

SECONDS = 180


def packages() -> Path:
    """The ``node_modules`` in which packages are kept between runs."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"  # noqa: TID251
    return Path(cache) / "pixelgate-bench" / "node_modules"


def has(name: str, version: str) -> bool:
    manifest = packages() / name / "package.json"
    return manifest.is_file() and json.loads(manifest.read_text())["version"] == version


def install(*wanted: str) -> str:
    """Installs ``NAME@VERSION`` beside what is there, without running its scripts.

    Returns why that did not work, or "".
    """
    if shutil.which("npm") is None:
        return "npm was not found, so they were not installed"
    folder = packages().parent
    folder.mkdir(parents=True, exist_ok=True)
    flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", "--prefix", str(folder)]
    try:
        done = subprocess.run(
            ["npm", "install", *flags, *wanted],
            capture_output=True,
            text=True,
            cwd=folder,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"npm did not end within {SECONDS} s"
    return (
        "" if done.returncode == 0 else f"npm failed: {done.stderr.strip().partition(chr(10))[0]}"
    )
