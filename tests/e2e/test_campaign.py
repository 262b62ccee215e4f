"""Campaign parameters are kept only under the grant that covers each, and go with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.campaigns import (
    ADDRESS,
    IDS,
    STORE,
    UTM,
    Pages,
    kept,
    making,
    touches,
    track,
    values,
)
from tests.e2e.claims import assert_no_complaints
from tests.e2e.published import publish
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]


@pytest.fixture(scope="module")
def snippet(shop: Shop, service: Service) -> str:
    return publish(service, shop, "campaigns", STORE)


@pytest.fixture
def pages(shop: Shop, snippet: str) -> Iterator[Pages]:
    with making(shop, snippet) as pages:
        yield pages


def choose(visitor: Visitor, *purposes: str) -> None:
    visitor.click("choose")
    for purpose in ("preferences", "analytics", "marketing"):
        switch = visitor.page.locator(f'#pixelgate [data-purpose="{purpose}"]')
        switch.set_checked(purpose in purposes)
    visitor.decide("save")


def test_nothing_is_stored_before_a_choice_and_a_held_event_carries_it_after(
    visitor_from: Make, pages: Pages
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(pages(query=ADDRESS))
    assert track(visitor) is None
    assert visitor.storage()["local"] == []
    assert visitor.page.evaluate("[told, sent]") == [[{}], []]
    visitor.decide("accept")
    both = ({**UTM, **IDS}, {**UTM, **IDS})
    assert touches(kept(visitor)) == both
    sent = visitor.page.evaluate("sent")
    assert [(name, touches(campaign)) for name, campaign in sent] == [("Lead", both)] * 2
    assert touches(visitor.page.evaluate("told.at(-1)")) == both
    assert touches(track(visitor, "Search")) == both
    assert_no_complaints(visitor)


def test_after_a_refusal_nothing_is_stored_nor_handed_on(visitor_from: Make, pages: Pages) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(pages(query=ADDRESS))
    visitor.decide("reject")
    assert track(visitor) is None
    visitor.visit(pages(query=ADDRESS))
    assert track(visitor) is None
    assert visitor.storage()["local"] == []
    assert visitor.page.evaluate("told") == [{}]


def test_first_and_last_touch_stay_apart_over_page_loads(visitor_from: Make, pages: Pages) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(pages(query=ADDRESS))
    visitor.decide("accept")
    first = kept(visitor)["first"]
    visitor.visit(pages("/spa/tent", "color=blue"))
    assert kept(visitor) == {"first": first, "last": first}
    assert track(visitor) == {"first": first, "last": first}
    visitor.visit(pages(query="utm_source=ad&fbclid=XyZ"))
    now = kept(visitor)
    assert now["first"] == first
    assert values(now["last"]) == {"utm_source": "ad", "fbclid": "XyZ"}
    assert now["last"]["at"] > first["at"]
    visitor.page.reload()
    visitor.settle()
    visitor.visit(pages("/spa/tent"))
    assert kept(visitor) == now
    assert visitor.page.evaluate("told") == [now]


def test_a_withdrawal_deletes_at_once_and_nothing_comes_back(
    visitor_from: Make, pages: Pages
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(pages(query=ADDRESS))
    visitor.decide("accept")
    visitor.visit(pages("/spa/tent"))
    assert kept(visitor)
    at_once = "(pixelgate('withdraw'), localStorage.getItem('pixelgate_campaign'))"
    assert visitor.page.evaluate(at_once) is None
    assert visitor.page.evaluate("told.at(-1)") == {}
    assert track(visitor) is None
    visitor.settle()
    visitor.visit(pages("/spa/tent"))
    assert kept(visitor) is None
    visitor.click("open")
    visitor.decide("accept")
    assert kept(visitor) is None


def test_a_decision_that_ran_out_takes_it_along(visitor_from: Make, pages: Pages) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(pages(query=ADDRESS))
    visitor.decide("accept")
    assert kept(visitor)
    visitor.context.clear_cookies()
    visitor.visit(pages("/spa/tent"))
    assert visitor.storage()["local"] == []


def test_consent_is_looked_at_again_at_the_moment_of_sending(
    visitor_from: Make, pages: Pages
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(pages(query=ADDRESS))
    visitor.decide("accept")
    # Another tab's word, of which this page has not been told yet.
    carried = visitor.page.evaluate(
        """(document.cookie = 'pixelgate=0.x; Path=/', pixelgate('track', 'Lead'),
        [heard.at(-1)[1] || null, localStorage.getItem('pixelgate_campaign'), sent])"""
    )
    assert carried == [None, None, []]


@pytest.mark.parametrize(
    ("purpose", "expected"), [("analytics", UTM), ("marketing", IDS), ("preferences", None)]
)
def test_each_purpose_alone_keeps_its_own(
    purpose: str, expected: Any, visitor_from: Make, pages: Pages
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(pages(query=ADDRESS))
    choose(visitor, purpose)
    both = expected and (expected, expected)
    assert touches(kept(visitor)) == both
    assert touches(track(visitor)) == both
    # What the address said is there for a grant on this page, and for no later one.
    visitor.click("open")
    visitor.decide("accept")
    assert touches(kept(visitor)) == ({**UTM, **IDS}, {**UTM, **IDS})
    visitor.visit(pages("/spa/tent"))
    visitor.page.evaluate("pixelgate('show')")
    for other in ("analytics", "marketing"):
        switch = visitor.page.locator(f'#pixelgate [data-purpose="{other}"]')
        switch.set_checked(other == purpose)
    visitor.decide("save")
    assert touches(kept(visitor)) == both


@pytest.mark.parametrize("place", ["Los Angeles", "Dallas", "Tokyo"])
def test_where_a_regime_lets_it_it_is_kept_until_the_opt_out(
    place: str, visitor_from: Make, pages: Pages
) -> None:
    visitor = visitor_from(place)
    visitor.visit(pages(query=ADDRESS))
    assert touches(kept(visitor)) == ({**UTM, **IDS}, {**UTM, **IDS})
    assert touches(track(visitor)) == ({**UTM, **IDS}, {**UTM, **IDS})
    visitor.decide("reject")
    assert kept(visitor) is None
    assert track(visitor) is None
    visitor.visit(pages(query=ADDRESS))
    assert kept(visitor) is None


def test_global_privacy_control_leaves_no_click_id(visitor_from: Make, pages: Pages) -> None:
    visitor = visitor_from("Los Angeles with GPC")
    visitor.visit(pages(query=ADDRESS))
    assert touches(kept(visitor)) == (UTM, UTM)
    assert touches(track(visitor)) == (UTM, UTM)
