"""Pages as pictures, where a Chromium is on this machine. Nothing depends on there being one."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SECONDS = 20.0
_ONE_AT_A_TIME = asyncio.Semaphore(1)
"""A browser takes a core and 200 MB."""
_FLAGS = (
    *("--headless", "--disable-gpu", "--hide-scrollbars", "--window-size=1280,800"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=1500"),
)


@functools.cache
def browser() -> str | None:
    """The path of a Chromium; None when there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


async def png(page: str) -> bytes | None:
    """``page`` as a browser of 1280 by 800 pixels shows it; None when it cannot be drawn."""
    path = browser()
    if path is None:
        return None
    with tempfile.TemporaryDirectory(prefix="pixelgate-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        source, target = folder / "page.html", folder / "page.png"
        source.write_text(page, encoding="utf-8")
        # As root there is no sandbox to be had; the page is ours, and may ask no network.
        alone = ("--no-sandbox",) if os.geteuid() == 0 else ()
        options = (f"--user-data-dir={folder / 'profile'}", f"--screenshot={target}")
        async with _ONE_AT_A_TIME:
            await _run((path, *_FLAGS, *alone, *options, source.as_uri()))
        return target.read_bytes() if target.is_file() else None


async def _run(command: Sequence[str]) -> None:
    """Runs a browser, and ends it when it takes too long."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), SECONDS)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
