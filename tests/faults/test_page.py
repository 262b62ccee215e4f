"""A page in a real browser while the service's disk is full: nothing fires without a receipt."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Request, Response

from tests import browser_setup
from tests.e2e.claims import META
from tests.e2e.service import PUBLISHED
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor
from tests.faults.disks import Disk
from tests.faults.house import House

pytestmark = pytest.mark.browser

PATIENCE_MILLISECONDS = 180_000
TRIES = 30


@pytest.fixture
def shop(sqlite_house: House) -> Iterator[Shop]:
    shop = Shop()
    toml = PUBLISHED.format(origin=shop.origin).replace('key = "summit"', 'key = "page"')
    sqlite_house.service.publish(toml)
    shop.snippet = sqlite_house.service.snippet("page")
    yield shop
    shop.close()


class Page:
    """A visitor in Berlin who accepts, and in which order the ledger and the vendors were met."""

    def __init__(self, browser: Browser, house: House, shop: Shop) -> None:
        self._own = {urlsplit(url).netloc for url in (shop.origin, house.service.url)}
        self.visitor = Visitor(browser, "Berlin", self._own)
        self.met: list[int | str] = []
        """The status of each answer to the decision, and the host of each request to others."""
        self.visitor.context.on("response", self._answered)
        self.visitor.context.on("request", self._asked)
        self.visitor.visit(shop.origin)
        self.visitor.decide("accept")

    def _answered(self, response: Response) -> None:
        if response.url.endswith("/decisions"):
            self.met.append(response.status)

    def _asked(self, request: Request) -> None:
        host = urlsplit(request.url).netloc
        if host and host not in self._own:
            self.met.append(host)


def refused(browser: Browser, house: House, shop: Shop) -> Page:
    """A page whose decision found no room; on a disk that has just filled up a few still do."""
    for _ in range(TRIES):
        page = Page(browser, house, shop)
        if page.met[0] != 201:
            return page
        page.visitor.close()
    raise AssertionError(f"{TRIES} decisions found room on a full disk")


def test_a_pixel_waits_until_a_full_disk_has_room_for_the_receipt(
    sqlite_house: House, disk: Disk, shop: Shop
) -> None:
    house = sqlite_house
    with browser_setup.chromium() as browser:
        with disk.full(house.service.pid):
            page = refused(browser, house, shop)
        page.visitor.page.wait_for_function(
            "document.cookie.includes('pixelgate=1.')", timeout=PATIENCE_MILLISECONDS
        )
        page.visitor.settle()
        stored = page.met.index(201)
        assert set(page.met[:stored]) == {503}
        assert META in page.met[stored:]
        assert [hit["ev"] for hit in page.visitor.hits(META)] == ["PageView"]
        decided = page.visitor.page.evaluate("document.cookie.split('.')[1]")
    assert decided in house.ids()
    house.check(at_least=0)
