"""A real service, a real shop on its own origin, a real Chromium, vendors at the network's edge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests import browser_setup
from tests.e2e.guest import Guest
from tests.e2e.layouts import Stores
from tests.e2e.service import LIMITED, PUBLISHED, Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Closed with this package: an open Playwright keeps its thread from running async tests."""
    with browser_setup.chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.close()


@pytest.fixture(scope="session")
def service(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("service")
    service = Service(folder)
    service.consent("migrate")
    service.publish(PUBLISHED.format(origin=shop.origin))
    service.publish(LIMITED.format(origin=shop.origin))
    shop.snippet = service.snippet()
    service.start()
    yield service
    service.stop()


@pytest.fixture(scope="session")
def stores(service: Service, shop: Shop) -> Stores:
    return Stores(service, shop)


@pytest.fixture
def visitor_from(
    chromium: Browser, shop: Shop, service: Service
) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors: ``visitor_from("Berlin")``. Options go to the browser context."""
    visitors: list[Visitor] = []
    own = {shop.origin.removeprefix("http://"), service.url.removeprefix("http://")}

    def make(place: str, **options: object) -> Visitor:
        visitors.append(Visitor(chromium, place, own, **options))
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.close()


@pytest.fixture
def visitor_with_cache(
    chromium: Browser, shop: Shop, service: Service
) -> Iterator[Callable[[str], Visitor]]:
    """As ``visitor_from``, in a browser that keeps whole pages for the way back (bfcache).

    Playwright switches that off, and with it the way back is a new load.
    """
    browser = chromium.browser_type.launch(
        executable_path=browser_setup.find(),
        args=list(browser_setup.FLAGS),
        ignore_default_args=["--disable-back-forward-cache"],
    )
    own = {shop.origin.removeprefix("http://"), service.url.removeprefix("http://")}
    yield lambda place: Visitor(browser, place, own)
    browser.close()


@pytest.fixture
def guest_from(visitor_from: Callable[..., Visitor], shop: Shop) -> Iterator[Callable[..., Guest]]:
    """Visitors of pages that embed content: ``guest_from("Berlin").see(frame())``."""
    yield lambda place, **options: Guest(visitor_from(place, **options), shop)
    shop.markup = shop.head = shop.csp = ""
    shop.language = "en"
