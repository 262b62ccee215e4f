"""Each visitor's way through the shop, held to network, cookies, storage and ledger."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.claims import (
    ADS,
    CONVERSIONS,
    GA4,
    META,
    assert_exact_purchase,
    assert_no_complaints,
    assert_nothing_left_the_browser,
)
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]
ASKED_FIRST = ["Berlin", "London", "Montréal", "São Paulo", "nowhere"]
TOLD = ["Los Angeles", "Dallas", "Tokyo"]


@pytest.mark.parametrize("place", ASKED_FIRST)
def test_nothing_is_sent_and_nothing_is_stored_before_the_grant(
    place: str, visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from(place)
    visitor.visit(shop.origin)
    visitor.visit(f"{shop.origin}/thanks")
    for action in ("accept", "reject", "choose"):
        expect(visitor.page.locator(f'#pixelgate [data-action="{action}"]')).to_be_visible()
    assert visitor.cookies() == set()
    assert_nothing_left_the_browser(visitor)
    assert_no_complaints(visitor)


@pytest.mark.parametrize("place", ASKED_FIRST)
def test_after_accept_the_exact_hits_are_sent_in_order_and_once(
    place: str, visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from(place)
    visitor.visit(f"{shop.origin}/thanks")
    visitor.decide("accept")
    assert_exact_purchase(visitor)
    assert_no_complaints(visitor)
    assert {"_fbp", "_ga", "_gcl_au", "pixelgate"} <= visitor.cookies()


def test_events_called_before_the_decision_keep_their_ids_and_their_order(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(f"{shop.origin}/product")
    visitor.page.evaluate(
        "() => { for (let i = 0; i < 3; i++) pixelgate('track', 'Step' + i, {event_id: 's' + i}) }"
    )
    visitor.decide("accept")
    meta = visitor.hits(META)
    assert [hit["ev"] for hit in meta] == ["PageView", "ViewContent", "Step0", "Step1", "Step2"]
    assert [hit["eid"] for hit in meta] == ["pv-2", "vc-2", "s0", "s1", "s2"]


@pytest.mark.parametrize("place", ASKED_FIRST)
def test_after_reject_nothing_is_sent_now_or_on_later_pages(
    place: str, visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from(place)
    visitor.visit(shop.origin)
    visitor.decide("reject")
    visitor.visit(f"{shop.origin}/thanks")
    expect(visitor.page.locator('#pixelgate [data-action="accept"]')).to_have_count(0)
    expect(visitor.page.locator('#pixelgate [data-action="open"]')).to_be_visible()
    assert visitor.cookies() == {"pixelgate"}
    assert_nothing_left_the_browser(visitor)


def test_after_withdrawal_nothing_is_sent_and_what_was_stored_is_gone(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    visitor.page.evaluate("document.cookie = 'cart=2; path=/'")
    visitor.decide("accept")
    assert {"_fbp", "_ga"} <= visitor.cookies()
    visitor.forget()
    with visitor.page.expect_response(lambda response: response.url.endswith("/decisions")) as post:
        visitor.page.evaluate("pixelgate('withdraw')")
    sent = post.value.request.post_data_json
    assert sent["action"] == "withdraw"
    visitor.settle()  # the page loads anew, as Google's library cannot be stopped
    visitor.page.evaluate("pixelgate('track', 'AddToCart', {value: 1, currency: 'EUR'})")
    visitor.visit(f"{shop.origin}/thanks")
    assert visitor.hits(META) == []
    assert visitor.hits(ADS) == []
    assert visitor.hits(GA4) == []
    assert visitor.cookies() == {"pixelgate", "cart"}


def test_a_returning_visitor_finds_the_way_back_in_and_can_take_back(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    visitor.decide("accept")
    visitor.visit(f"{shop.origin}/product")
    visitor.click("open")
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog.locator('[data-purpose="marketing"]')).to_be_checked()
    visitor.forget()
    dialog.locator('[data-purpose="marketing"]').uncheck()
    visitor.decide("save")
    assert visitor.hits(META) == []
    visitor.forget()  # the page was loaded anew, as Google's ads library cannot be stopped
    visitor.page.evaluate("pixelgate('track', 'Lead', {event_id: 'lead-1'})")
    visitor.settle()
    assert visitor.hits(META) == []
    assert [hit["en"] for hit in visitor.hits(GA4)] == ["generate_lead"]
    assert visitor.cookies() == {"pixelgate", "_ga", "_ga_TEST123456"}
    visitor.click("open")
    visitor.decide("reject")
    assert visitor.cookies() == {"pixelgate"}


@pytest.mark.parametrize("place", TOLD)
def test_where_the_law_is_opt_out_pixels_run_after_notice_and_stop_at_once(
    place: str, visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from(place)
    visitor.visit(f"{shop.origin}/thanks")
    assert_exact_purchase(visitor)
    expect(visitor.page.locator('#pixelgate [data-action="open"]').first).to_be_visible()
    visitor.decide("reject")
    visitor.forget()
    visitor.visit(f"{shop.origin}/thanks")
    assert_nothing_left_the_browser(visitor)
    expect(visitor.page.locator('#pixelgate [data-action="open"]')).to_be_visible()


def test_california_gets_the_words_of_its_law(visitor_from: Make, shop: Shop) -> None:
    visitor = visitor_from("Los Angeles")
    visitor.visit(shop.origin)
    reject = visitor.page.locator('#pixelgate [data-action="reject"]')
    expect(reject).to_have_text("Do Not Sell or Share My Personal Information")
    expect(visitor.page.locator('#pixelgate [data-action="open"]').first).to_contain_text(
        "Your Privacy Choices"
    )


def test_gpc_from_california_refuses_sharing_at_once_without_a_dialog(
    visitor_from: Make, shop: Shop, service: Service
) -> None:
    visitor = visitor_from("Los Angeles with GPC")
    with visitor.page.expect_response(lambda response: response.url.endswith("/decisions")) as post:
        visitor.visit(f"{shop.origin}/thanks")
    sent = post.value.request.post_data_json
    assert (sent["action"], sent["gpc"]) == ("gpc", True)
    assert sent["grants"] == {"preferences": True, "analytics": True, "marketing": False}
    assert visitor.hits(META) == []
    assert visitor.hits(ADS) == []
    assert visitor.hits(CONVERSIONS) == []
    assert "connect.facebook.net" not in visitor.hosts
    ga4 = visitor.hits(GA4)
    assert [hit["en"] for hit in ga4] == ["page_view", "purchase"]
    assert {hit["gcs"] for hit in ga4} == {"G101"}
    expect(visitor.page.locator('#pixelgate [data-action="reject"]')).to_have_count(0)
    expect(visitor.page.locator("#pixelgate")).to_contain_text("Opt-Out Request Honored")
    assert not {"_fbp", "_gcl_au"} & visitor.cookies()


def test_a_store_may_limit_metas_use_of_data_after_an_opt_out_by_hand(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Los Angeles")
    with shop.serving(shop.snippet.replace("/s/summit/", "/s/limited/")):
        visitor.visit(shop.origin)
        assert [hit.get("dpo", "") for hit in visitor.hits(META)] == [""]
        visitor.decide("reject")
        visitor.forget()
        visitor.visit(f"{shop.origin}/thanks")
    told = [(hit["dpo"], hit["dpoco"], hit["dpost"]) for hit in visitor.hits(META)]
    assert told == [("LDU", "1", "1000")] * 2
    assert visitor.hits(GA4) == []


def test_gpc_stops_a_limited_pixel_too_and_what_else_the_store_lists(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Los Angeles with GPC")
    with shop.serving(shop.snippet.replace("/s/summit/", "/s/limited/")):
        visitor.visit(f"{shop.origin}/thanks")
    assert visitor.requests == []
    assert visitor.cookies() == {"pixelgate"}


def test_a_store_that_relaxed_it_releases_at_once(visitor_from: Make, shop: Shop) -> None:
    visitor = visitor_from("Berlin")
    with shop.serving(shop.snippet.replace("/s/summit/", "/s/limited/")):
        visitor.visit(shop.origin)
        visitor.context.route("**/decisions", lambda route: route.abort())
        visitor.click("accept")
        visitor.settle()
        assert [hit["ev"] for hit in visitor.hits(META)] == ["PageView"]


def test_gpc_wins_over_an_accept_made_before_it_was_on(visitor_from: Make, shop: Shop) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    visitor.decide("accept")
    assert visitor.hits(META)
    visitor.context.set_extra_http_headers({"CF-IPCountry": "DE", "Sec-GPC": "1"})
    visitor.forget()
    visitor.visit(f"{shop.origin}/thanks")
    assert visitor.hits(META) == []
    assert visitor.hits(ADS) == []
    assert not {"_fbp", "_gcl_au"} & visitor.cookies()


def test_analytics_alone_lets_only_analytics_run(visitor_from: Make, shop: Shop) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(f"{shop.origin}/thanks")
    visitor.click("choose")
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    for purpose in ("preferences", "analytics", "marketing"):
        expect(dialog.locator(f'[data-purpose="{purpose}"]')).not_to_be_checked()
    dialog.locator('[data-purpose="analytics"]').check()
    visitor.decide("save")
    assert visitor.hits(META) == []
    assert visitor.hits(ADS) == []
    assert [hit["gcs"] for hit in visitor.hits(GA4)] == ["G101", "G101"]
    assert visitor.cookies() == {"pixelgate", "_ga", "_ga_TEST123456"}


def test_a_pixel_waits_for_the_receipt_and_a_decline_does_not(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    visitor.context.route("**/decisions", lambda route: route.abort())
    with visitor.page.expect_event("requestfailed", lambda one: one.url.endswith("/decisions")):
        visitor.click("accept")
    visitor.settle()
    assert visitor.requests == []
    # That something waits, and of whom; no word of a grant.
    assert re.fullmatch(r"pixelgate=2\.[\da-f-]{36}", visitor.page.evaluate("document.cookie"))
    visitor.context.unroute("**/decisions")
    visitor.page.wait_for_function("document.cookie.includes('pixelgate=1.')")
    visitor.settle()
    assert [hit["ev"] for hit in visitor.hits(META)] == ["PageView"]
    assert visitor.storage()["local"] == []
    visitor.context.route("**/decisions", lambda route: route.abort())
    visitor.forget()
    visitor.page.evaluate("pixelgate('withdraw'); pixelgate('track', 'Lead')")
    assert visitor.hits(META) == []
    assert not {"_fbp", "_ga"} & visitor.cookies()


def test_an_accept_that_could_not_be_stored_goes_out_on_the_next_page(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    visitor.context.route("**/decisions", lambda route: route.abort())
    with visitor.page.expect_event("requestfailed", lambda one: one.url.endswith("/decisions")):
        visitor.click("accept")
    visitor.page.close()  # before it tries again
    visitor.context.unroute("**/decisions")
    visitor.page = visitor.open()
    with visitor.page.expect_response(lambda response: response.url.endswith("/decisions")):
        visitor.visit(f"{shop.origin}/product")
    visitor.settle()
    assert [hit["ev"] for hit in visitor.hits(META)] == ["PageView", "ViewContent"]


def test_italy_can_refuse_by_the_cross_in_the_corner(visitor_from: Make, shop: Shop) -> None:
    visitor = visitor_from("Berlin")
    visitor.context.set_extra_http_headers({"CF-IPCountry": "IT"})
    visitor.visit(shop.origin)
    visitor.decide("close")
    visitor.visit(f"{shop.origin}/thanks")
    expect(visitor.page.locator('#pixelgate [data-action="accept"]')).to_have_count(0)
    assert_nothing_left_the_browser(visitor)
