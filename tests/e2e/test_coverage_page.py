"""What pages tell of their events' reach, in a real browser, before a real service."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tests.e2e.published import publish
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]
STORE = """
coverage = true
[[pixels]]
platform = "meta"
id = "123456789012345"
[[pixels]]
platform = "ga4"
id = "G-TEST123456"
"""
ORDER = "{value: 511.5, currency: 'EUR', event_id: 'o1'}"
PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Summit</title>'
    '<link rel="icon" href="data:,">{snippet}</head><body><h1>Summit</h1>'
    "<script>pixelgate('track', 'PageView'); pixelgate('track', 'Purchase', {order})</script>"
    "</body></html>"
)
PATH = "/told"
BLOCKED = """addEventListener('error', ({ target }) => {
    if (/fbevents/.test(target.src)) setTimeout(() => (window.blocked = true));
}, true)"""


@pytest.fixture(scope="module")
def address(shop: Shop, service: Service) -> Iterator[str]:
    shop.own[PATH] = PAGE.format(snippet=publish(service, shop, "told", STORE), order=ORDER)
    yield f"{shop.origin}{PATH}"
    del shop.own[PATH]


class Told:
    """What the pages of one visitor have told the service."""

    def __init__(self, visitor: Visitor, service: Service, store: str = "told") -> None:
        self.visitor = visitor
        self._store = store
        self._file = service.environ["CONSENT_DATABASE_URL"].removeprefix("sqlite:///")

    def leave(self) -> Counter[str]:
        """Leaves the page; how each event ended, as ``event platform end``, once it is stored."""
        self.visitor.page.goto("about:blank")
        deadline = time.monotonic() + 60
        while not (rows := self._rows()):
            assert time.monotonic() < deadline, "nothing was told"
            time.sleep(0.05)
        return Counter({f"{event} {platform} {end}": n for event, platform, end, n in rows})

    def _rows(self) -> list[tuple[str, str, str, int]]:
        """What has been stored, and is now forgotten. What was told in one go is stored in one."""
        with closing(sqlite3.connect(self._file, timeout=30)) as file, file:
            rows = file.execute(
                "DELETE FROM coverage WHERE store_id = (SELECT id FROM stores WHERE key = ?)"
                " RETURNING event, platform, reached, currency, n",
                (self._store,),
            ).fetchall()
        assert {(row[0], row[3], row[4]) for row in rows if row[3]} <= {
            ("Purchase", "EUR", 511_500)
        }
        return [(*row[:3], row[4]) for row in rows if not row[3]]


def both(end: str) -> Counter[str]:
    return Counter(
        f"{event} {platform} {end}"
        for event in ("PageView", "Purchase")
        for platform in ("meta", "ga4")
    )


def test_what_nobody_chose_about_is_told_when_the_page_is_left(
    visitor_from: Make, service: Service, address: str
) -> None:
    told = Told(visitor_from("Berlin"), service)
    told.visitor.visit(address)
    assert told.leave() == both("no_choice")
    assert told.visitor.cookies() == set()
    assert told.visitor.hosts == set()


def test_an_accept_and_a_refusal_are_told_apart_on_this_page_and_the_next(
    visitor_from: Make, service: Service, address: str
) -> None:
    for action, end in (("accept", "sent"), ("reject", "declined")):
        told = Told(visitor_from("Berlin"), service)
        told.visitor.visit(address)
        told.visitor.decide(action)
        assert told.leave() == both(end)
    told.visitor.visit(address)
    assert told.leave() == both("declined")


def test_the_signal_a_blocked_library_and_one_that_never_comes_are_told_apart(
    visitor_from: Make, service: Service, address: str
) -> None:
    told = Told(visitor_from("Los Angeles with GPC"), service)
    told.visitor.visit(address)
    ends = told.leave()
    assert ends["Purchase meta gpc"] == 1
    assert ends["Purchase ga4 sent"] == 1
    blocking = Told(visitor_from("Tokyo"), service)
    blocking.visitor.context.route("**/fbevents.js", lambda route: route.abort())
    blocking.visitor.context.route("**/gtag/js*", lambda route: None)
    blocking.visitor.context.add_init_script(BLOCKED)
    blocking.visitor.page.goto(address, wait_until="domcontentloaded")
    blocking.visitor.page.wait_for_function(
        "() => window.blocked && document.querySelector('[src*=gtag]')"
    )
    assert blocking.leave() == Counter(
        {
            "PageView meta blocked": 1,
            "Purchase meta blocked": 1,
            "PageView ga4 left": 1,
            "Purchase ga4 left": 1,
        }
    )
