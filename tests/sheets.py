"""Every layer of the banner on contact sheets, to be looked at: ``python -m tests.sheets FOLDER``.

One sheet for each width and scheme: a row for each layout and one for the preferences, a column for
each language. The page below is a shop's with a bar of its own at the bottom; the visitor is in
Germany.
"""

from __future__ import annotations

import argparse
import base64
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests import browser_setup
from tests.e2e.layouts import LANGUAGES, LAYOUTS, LONG, LONG_STYLE, Stores
from tests.e2e.service import PUBLISHED, Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor

COLUMNS = ("en", *LANGUAGES)
WINDOWS = {320: 640, 768: 900, 1440: 900}
SCHEMES = ("light", "dark")
COLUMN = 480
"""The most that one picture takes of a sheet's width, in pixels."""
STYLE = """
body { margin: 16px; background: #8a8f98; font: 13px sans-serif; display: grid; gap: 16px }
main { display: grid; grid-template-columns: repeat(%d, max-content); gap: 16px }
figure { margin: 0 } img { display: block; margin-top: 4px }
"""


class Sheets:
    """Draws what a visitor of the stores of ``tests.e2e.layouts`` sees."""

    def __init__(self, browser: Browser, service: Service, shop: Shop) -> None:
        self._browser, self._stores = browser, Stores(service, shop)
        self._own = {one.partition("://")[2] for one in (service.url, shop.origin)}

    def draw(self, width: int, scheme: str) -> bytes:
        """The sheet of that width and scheme, as a PNG."""
        window = {"width": width, "height": WINDOWS[width]}
        visitor = Visitor(self._browser, "Berlin", self._own, viewport=window, color_scheme=scheme)
        with closing(visitor):
            pictures = [*self._first_layers(visitor), *self._preferences(visitor)]
        page = self._browser.new_page()
        with closing(page):
            return _sheet(page, pictures, min(width, COLUMN))

    def _first_layers(self, visitor: Visitor) -> Iterator[tuple[str, bytes]]:
        for layout in LAYOUTS:
            for language in COLUMNS:
                self._stand(visitor, layout, language)
                yield f"{layout}, {language}", visitor.page.screenshot()

    def _preferences(self, visitor: Visitor) -> Iterator[tuple[str, bytes]]:
        for language in COLUMNS:
            self._stand(visitor, "bar", language)
            visitor.page.evaluate("pixelgate('show')")
            dialog = visitor.page.locator("#pixelgate dialog.preferences")
            expect(dialog).to_be_visible()
            dialog.locator("summary").first.click()
            yield f"preferences, {language}", visitor.page.screenshot()

    def _stand(self, visitor: Visitor, layout: str, language: str) -> None:
        self._stores.show(visitor, layout, body=LONG, style=LONG_STYLE, language=language)
        expect(visitor.page.locator("#pixelgate .first")).to_be_visible()


def _sheet(page: Page, pictures: list[tuple[str, bytes]], width: int) -> bytes:
    figures = "".join(
        f"<figure>{name}<img width={width} src='data:image/png;base64,"
        f"{base64.b64encode(content).decode()}'></figure>"
        for name, content in pictures
    )
    page.set_viewport_size({"width": len(COLUMNS) * (width + 16) + 16, "height": 600})
    page.set_content(f"<style>{STYLE % len(COLUMNS)}</style><main>{figures}</main>")
    return page.screenshot(full_page=True)


@contextmanager
def _served() -> Iterator[tuple[Service, Shop]]:
    """A shop, and a service that has published for it."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sheets-"))
        shop, service = stack.enter_context(closing(Shop())), Service(Path(folder))
        service.consent("migrate")
        service.publish(PUBLISHED.format(origin=shop.origin))
        shop.snippet = service.snippet()
        service.start()
        stack.callback(service.stop)
        yield service, shop


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.sheets", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the sheets go; made where it is missing")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with _served() as (service, shop), browser_setup.chromium() as browser:
        sheets = Sheets(browser, service, shop)
        for width in WINDOWS:
            for scheme in SCHEMES:
                path = folder / f"{width}-{scheme}.png"
                path.write_bytes(sheets.draw(width, scheme))
                print(path)


if __name__ == "__main__":
    main()
