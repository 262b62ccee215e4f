"""Finds a Chromium for the browser tests, and installs one where there is none.

``python -m tests.browser_setup`` is run by ``make test``. On Debian and Ubuntu the system's package
is taken, elsewhere Playwright's own build.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Of two such lists Chromium reads the last, so what Playwright switches off (1.65) is named again.
# The first two are pages of the address bar's own: each new window loads them, on the page's time.
# The third is a process that is started for a page which most tests never open.
OFF = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "SpareRendererForSitePerProcess"),
    *("AimEnabled", "PaintHolding", "HttpsUpgrades"),
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "LensOverlay"),
    *("HttpsFirstBalancedModeAutoEnable", "MediaRouter", "ThirdPartyStoragePartitioning"),
    *("AvoidCorsURLLoaderRestartOnRedirect", "TcpPortRandomizationWin", "OptimizationHints"),
    *("NetworkTimeServiceQuerying", "PreconnectToSearch"),
)
FLAGS = (
    f"--disable-features={','.join(OFF)}",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)
PATIENCE = 60
"""Seconds for what a page shows soon, on a machine that has much else to do."""
MISSING = (
    "no Chromium was found; install one with `apt-get install chromium`, "
    "or with `python -m playwright install --with-deps chromium`, and run the tests again"
)


def find() -> str | None:
    """The path of a Chromium on this machine, the system's before Playwright's."""
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return path
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).is_file() else None


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of the tests, until the block ends.

    Raises:
        RuntimeError: there is none on this machine; says how to get one.
    """
    path = find()
    if path is None:
        raise RuntimeError(MISSING)
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


def install() -> None:
    """Installs a browser with the system's package manager, or Playwright's own."""
    if shutil.which("apt-get"):
        root = [] if _is_root() else ["sudo", "-n"]
        for command in (["update", "-qq"], ["install", "-y", "-qq", "chromium"]):
            subprocess.run([*root, "apt-get", *command], check=False)
    if find() is None:
        subprocess.run(
            [sys.executable, "-m", "playwright", "install", "--with-deps", "chromium"], check=False
        )


def _is_root() -> bool:
    return subprocess.run(["id", "-u"], capture_output=True, check=True).stdout.strip() == b"0"


def main() -> None:
    if find() is None:
        install()
    path = find()
    if path is None:
        sys.exit(f"tests: {MISSING}")
    print(f"tests use {path}")


if __name__ == "__main__":
    main()
