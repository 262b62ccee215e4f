"""A test event of the debug view: it reaches whom it may, and nobody else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from consent.platforms import EVENTS
from tests.e2e.shop import Shop
from tests.e2e.test_debug import Panel
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]
Open = Callable[[str], tuple[Visitor, Panel]]


@pytest.fixture
def opened(visitor_from: Make, shop: Shop) -> Open:
    """A page that announces nothing by itself, with the debug view."""

    def open_(place: str) -> tuple[Visitor, Panel]:
        visitor = visitor_from(place)
        visitor.visit(f"{shop.origin}/privacy?pixelgate=debug")
        return visitor, Panel(visitor)

    return open_


def test_a_test_event_reaches_the_platforms_that_are_granted(opened: Open) -> None:
    visitor, panel = opened("Berlin")
    tests = panel.root.get_by_role("region", name="Test event")
    expect(tests).to_contain_text("Goes to the real platforms, to those alone that are granted.")
    tests.get_by_label("Test event").select_option(label="Purchase")
    tests.get_by_role("button", name="Send a test event").click()
    expect(panel.panel.get_by_role("status")).to_have_text(
        "Purchase is the first of the events below."
    )
    expect(panel.event("Purchase").locator("summary")).to_contain_text("Held")
    visitor.settle()
    assert visitor.requests == []
    visitor.decide("accept")
    expect(panel.event("Purchase").locator("summary")).to_contain_text("Sent to all 3")
    event = panel.opened("Purchase")
    expect(event.locator(".flags")).to_have_count(0)
    expect(event).to_contain_text("order_id: 'test-")
    hits = visitor.hits("www.facebook.com")
    assert [one["ev"] for one in hits] == ["Purchase"]
    assert hits[0]["eid"].startswith("test-")
    assert (hits[0]["cd[value]"], hits[0]["cd[currency]"]) == ("1", "EUR")
    [purchase] = [
        one for one in visitor.hits("www.google-analytics.com") if one["en"] == "purchase"
    ]
    assert purchase["ep.transaction_id"].startswith("test-")


def test_every_standard_event_can_be_tested_and_twice(opened: Open) -> None:
    visitor, panel = opened("Tokyo")
    tests = panel.root.get_by_role("region", name="Test event")
    select = tests.get_by_label("Test event")
    names = select.locator("option").all_text_contents()
    assert names == list(EVENTS)
    for name in (*names, "Lead"):
        select.select_option(label=name)
        tests.get_by_role("button", name="Send a test event").click()
        visitor.page.wait_for_timeout(2)  # an id is made of the moment
    visitor.settle()
    sent = [one["ev"] for one in visitor.hits("www.facebook.com")]
    assert sent == [*EVENTS, "Lead"]
    for name in names:
        assert "error" not in panel.event(name).locator("summary").text_content()


def test_a_test_event_sends_nothing_after_a_refusal(opened: Open) -> None:
    visitor, panel = opened("Berlin")
    visitor.decide("reject")
    panel.root.get_by_role("button", name="Send a test event").click()
    expect(panel.event("PageView").locator("summary")).to_contain_text("Dropped")
    visitor.settle()
    assert visitor.requests == []
