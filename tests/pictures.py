"""The pictures of the README, taken of a new demo: ``make pictures``.

Each is of a window of 1440 by 900, made smaller, and stays below ``MOST_BYTES``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, Route, sync_playwright

from tests import browser_setup
from tests.e2e.service import free_port
from tests.e2e.visitor import DOUBLES, LIBRARIES

FOLDER = Path(__file__).resolve().parents[1] / ".readme"
MOST_BYTES = 150_000
DAYS = 30
WINDOW = {"width": 1440, "height": 900}
PAINTED, PLAIN = 0.56, 2 / 3
"""How much smaller: what has the shop's drawings in it costs more bytes."""

Take = Callable[[Page, "Demo"], None]


class Demo:
    """A demo in a folder of its own, and what it prints."""

    def __init__(self, folder: str) -> None:
        ports = {"--port": free_port(), "--shop-port": free_port()}
        given = [str(part) for pair in ports.items() for part in pair]
        command = [sys.executable, "-m", "consent", "demo", "--days", str(DAYS), *given]
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        self.shop = f"http://localhost:{ports['--shop-port']}"
        self.admin = f"http://127.0.0.1:{ports['--port']}/admin/"
        said = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        found = re.search(r"Login\s+(\S+)\s+Password\s+(\S+)", said)
        assert found is not None, said
        self.email, self.password = found[1], found[2]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        demo = Demo(folder)
        browser = playwright.chromium.launch(
            executable_path=browser_setup.find(), args=list(browser_setup.FLAGS)
        )
        try:
            for name, (take, scale) in TAKEN.items():
                _keep(name, _taken(browser, demo, take, scale))
        finally:
            browser.close()
            demo.process.terminate()
            demo.process.wait(timeout=30)


def _taken(browser: Browser, demo: Demo, take: Take, scale: float) -> bytes:
    context = browser.new_context(viewport=WINDOW, device_scale_factor=scale)
    page = context.new_page()
    take(page, demo)
    page.wait_for_load_state("networkidle")
    content = page.screenshot()
    context.close()
    return content


def _keep(name: str, content: bytes) -> None:
    if len(content) > MOST_BYTES:
        raise SystemExit(f"{name}: {len(content):,} bytes; expected at most {MOST_BYTES:,}")
    (FOLDER / f"{name}.png").write_bytes(content)
    print(f"{name}: {len(content):,} bytes")


def _banner(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.shop}/as/berlin/")
    page.locator("#pixelgate .first").wait_for()


def _debug(page: Page, demo: Demo) -> None:
    # The vendors are away here, so their libraries are the demo's stand-ins.
    for host, (path, double) in LIBRARIES.items():
        page.route(f"https://{host}{path}*", _answered(DOUBLES / double))
    _banner(page, demo)
    page.locator('#pixelgate [data-action="accept"]').click()
    page.goto(f"{demo.shop}/as/berlin/products/ridgeline-2?pixelgate=debug")
    page.locator("#pixelgate-debug").get_by_text("3 running").wait_for()
    page.get_by_role("button", name="Add to basket").click()
    page.locator("#pixelgate-debug summary", has_text="AddToCart").first.click()


def _answered(file: Path) -> Callable[[Route], None]:
    return lambda route: route.fulfill(path=file, content_type="text/javascript")


def _signed_in(page: Page, demo: Demo, path: str) -> None:
    page.goto(demo.admin)
    page.get_by_label("Email").fill(demo.email)
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"/admin/(?!login)"))
    page.goto(f"{demo.admin}{path}")


def _setup(page: Page, demo: Demo) -> None:
    _signed_in(page, demo, "stores/summit/setup/look")
    page.frame_locator("iframe[name=preview]").locator("#pixelgate .first").wait_for()


TAKEN: dict[str, tuple[Take, float]] = {
    "banner": (_banner, PAINTED),
    "debug": (_debug, PAINTED),
    "setup": (_setup, PLAIN),
    "rates": (lambda page, demo: _signed_in(page, demo, "rates?store=summit"), PLAIN),
    "ledger": (lambda page, demo: _signed_in(page, demo, "ledger"), PLAIN),
}

if __name__ == "__main__":
    main()
