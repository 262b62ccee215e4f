"""Own statistics on the page: before a choice where a lawyer let them, never after a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.claims import META
from tests.e2e.published import served
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.test_coverage_page import Told
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]
STATS = "stats.summit.example"
LAWYER = "lawyer@summit.example"
STORE = """
key = "counted"
name = "Counted"
origins = ["{origin}"]
coverage = true
[[pixels]]
platform = "matomo"
id = "3@stats.summit.example"
[[pixels]]
platform = "meta"
id = "123456789012345"
[regions."*"]
own_statistics = ["matomo"]
"""
VIEWS = "_paq.filter((calls) => calls.some((one) => one[0] == 'trackPageView')).length"
STOPPED = "_paq.some((calls) => calls.some((one) => one[0] == 'deleteCookies'))"


@pytest.fixture(scope="module")
def snippet(shop: Shop, service: Service) -> str:
    """Of the store, published once its lawyer has allowed the rule."""
    path = service.folder / "counted.toml"
    path.write_text(STORE.format(origin=shop.origin), encoding="utf-8")
    service.consent("store", "import", str(path))
    password = ("--role", "legal", "--password-stdin")
    service.consent("user", "add", LAWYER, *password, stdin="correct horse battery\n")
    service.consent("store", "allow", "counted", "*", "--by", LAWYER, "--reason", "Memo of May")
    service.consent("store", "publish", "counted")
    return served(service, shop, "counted")


@pytest.fixture
def counted(shop: Shop, snippet: str) -> Iterator[Shop]:
    with shop.serving(snippet):
        yield shop


def test_own_statistics_run_before_a_choice_and_hear_of_each_event_once(
    visitor_from: Make, counted: Shop
) -> None:
    visitor = visitor_from("Paris")
    visitor.visit(f"{counted.origin}/")
    assert visitor.hosts == {STATS}
    assert visitor.page.evaluate(VIEWS) == 1
    visitor.decide("accept")
    assert visitor.page.evaluate(VIEWS) == 1
    assert [hit["ev"] for hit in visitor.hits(META)] == ["PageView"]
    visitor.page.evaluate("pixelgate('track', 'PageView')")
    visitor.settle()
    assert visitor.page.evaluate(VIEWS) == 2


def test_a_refusal_is_the_objection(visitor_from: Make, counted: Shop, service: Service) -> None:
    visitor = visitor_from("Paris")
    told = Told(visitor, service, "counted")
    visitor.visit(f"{counted.origin}/")
    visitor.decide("reject")
    assert visitor.page.evaluate(STOPPED)
    visitor.page.evaluate("pixelgate('track', 'PageView')")
    visitor.settle()
    assert visitor.page.evaluate(VIEWS) == 1
    ends = told.leave()
    assert ends == {
        **{"PageView matomo sent": 1, "PageView matomo declined": 1},
        "PageView meta declined": 2,
    }
    visitor.forget()
    visitor.visit(f"{counted.origin}/")
    assert visitor.requests == []


def test_the_debug_view_says_who_had_it(visitor_from: Make, counted: Shop) -> None:
    visitor = visitor_from("Paris")
    visitor.visit(f"{counted.origin}/?pixelgate=debug")
    view = visitor.page.locator("#pixelgate-debug")
    expect(view.locator('[data-pixel="matomo"]')).to_contain_text("1 event sent")
    visitor.decide("accept")
    event = view.locator('[data-event="PageView"]').first
    expect(event).to_contain_text("Sent to all 2")
    event.locator("summary").click()
    expect(event).to_contain_text("trackPageView")


@pytest.mark.parametrize("place", ["Berlin", "Paris with GPC", "nowhere"])
def test_they_wait_where_the_law_or_the_visitors_signal_says_so(
    place: str, visitor_from: Make, counted: Shop
) -> None:
    visitor = visitor_from(place)
    visitor.visit(f"{counted.origin}/")
    assert visitor.requests == []
    assert visitor.cookies() == set()
