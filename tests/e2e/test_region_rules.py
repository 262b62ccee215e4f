"""A store that offers less in some places: what is not offered there never runs, yes or no."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.claims import GA4, META, assert_no_complaints
from tests.e2e.guest import inline
from tests.e2e.published import google_commands, publish
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.test_signals_page import SHOPIFY, WP_API, wp_said
from tests.e2e.visitor import PLACES, Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]
REGIONAL = """
group = "regional"
[[pixels]]
platform = "meta"
id = "123456789012345"
[[pixels]]
platform = "ga4"
id = "G-TEST123456"
[[pixels]]
platform = "clarity"
id = "abcdefgh12"
[signals]
wordpress = true
shopify = true
[regions."*"]
purposes = ["preferences", "analytics"]
pixels = ["ga4", "meta"]
"""
GROUP = """key = "regional"
name = "Regional"
[regions.DE]
layout = "dialog"
accept_days = 30
"""
GRANTED = {"preferences": True, "analytics": True, "marketing": False}


@pytest.fixture(scope="module")
def snippet(shop: Shop, service: Service) -> str:
    path = service.folder / "group.toml"
    path.write_text(GROUP, encoding="utf-8")
    service.consent("group", "import", str(path))
    return publish(service, shop, "regional", REGIONAL)


@pytest.fixture
def regional(shop: Shop, snippet: str) -> Iterator[Shop]:
    shop.markup = inline("advert", "marketing") + inline("statistics", "analytics")
    with shop.serving(snippet):
        yield shop
    shop.markup = ""


def holds(visitor: Visitor, *, runs: bool) -> None:
    """What may run does, and nothing else: hosts, cookies, embedded content, signals."""
    vendors = {"www.googletagmanager.com", GA4} if runs else set()
    assert visitor.hosts == vendors
    assert not {"_fbp", "_clck", "_clsk"} & visitor.cookies()
    assert ("_ga" in visitor.cookies()) == runs
    assert visitor.page.evaluate("window.order || []") == (["statistics"] if runs else [])
    updates = [one[2] for one in google_commands(visitor.page) if one[:2] == ["consent", "update"]]
    assert {one["ad_storage"] for one in updates} == {"denied"}
    assert {one["ad_user_data"] for one in updates} == {"denied"}
    assert updates[-1]["analytics_storage"] == ("granted" if runs else "denied")
    uet = visitor.page.evaluate("uetq.filter((one) => one.ad_storage).map((one) => one.ad_storage)")
    assert set(uet) == {"denied"}
    said: dict[str, Any] = dict(wp_said(visitor.page))
    assert said.get("marketing", "deny") == "deny"
    for word, consent in visitor.page.evaluate("shopifySaid"):
        assert word == "load" or consent["marketing"] is False


@pytest.mark.parametrize("place", ["Berlin", "Los Angeles", "Tokyo"])
def test_what_a_place_does_not_offer_never_runs_also_after_accept(
    place: str, visitor_from: Make, regional: Shop
) -> None:
    visitor = visitor_from(place)
    visitor.context.add_init_script(WP_API + SHOPIFY)
    visitor.visit(f"{regional.origin}/thanks")
    asks = place == "Berlin"
    holds(visitor, runs=not asks)
    assert visitor.page.locator("#pixelgate dialog.first").count() == int(asks)
    with visitor.page.expect_response(lambda answer: answer.url.endswith("/decisions")) as post:
        visitor.click("accept")
    visitor.settle()
    body = post.value.request.post_data_json
    assert (post.value.status, body["action"]) == (201, "accept_all")
    assert body["grants"] == GRANTED
    assert body["pixels"] == {"ga4": True}
    holds(visitor, runs=True)
    assert dict(wp_said(visitor.page))["marketing"] == "deny"
    visitor.visit(f"{regional.origin}/thanks")
    holds(visitor, runs=True)
    visitor.page.evaluate("pixelgate('show')")
    switches = visitor.page.locator("#pixelgate [data-purpose]")
    expect(switches).to_have_count(3)
    expect(visitor.page.locator('#pixelgate [data-purpose="marketing"]')).to_have_count(0)
    visitor.decide("save")
    holds(visitor, runs=True)
    assert_no_complaints(visitor)


def test_a_grant_that_came_from_elsewhere_does_not_hold_where_it_is_not_offered(
    visitor_from: Make, regional: Shop, service: Service
) -> None:
    visitor = visitor_from("Berlin")
    visitor.context.add_init_script(WP_API + SHOPIFY)
    visitor.visit(regional.origin)
    visitor.decide("accept")
    ((cookie),) = [one for one in visitor.context.cookies() if one["name"] == "pixelgate"]
    wider = cookie["value"].replace(".110.", ".111.")
    assert wider != cookie["value"]
    visitor.context.add_cookies([{**cookie, "value": wider}])  # type: ignore[list-item]
    visitor.forget()
    visitor.visit(f"{regional.origin}/thanks")
    holds(visitor, runs=True)
    post = {
        **{"id": "10000000-0000-4000-8000-000000000001", "version": 1, "language": "en"},
        **{"visitor": "10000000-0000-4000-8000-000000000002", "banner": "0" * 64},
        **{"action": "save", "grants": {**GRANTED, "marketing": True}},
    }
    answer = visitor.context.request.post(
        f"{service.url}/s/regional/decisions",
        data=json.dumps(post),
        headers={"Origin": regional.origin, "Content-Type": "text/plain"},
    )
    assert answer.status == 422
    assert "marketing granted where it is not offered" in answer.json()["detail"]


ROAMING = """
[[pixels]]
platform = "meta"
id = "123456789012345"
[[pixels]]
platform = "ga4"
id = "G-TEST123456"
[regions.DE]
pixels = ["ga4"]
"""


def test_a_yes_says_nothing_of_pixels_that_nobody_was_told_of_wherever_it_is_carried(
    visitor_from: Make, shop: Shop, service: Service
) -> None:
    with shop.serving(publish(service, shop, "roaming", ROAMING)):
        visitor = visitor_from("Berlin")
        visitor.visit(shop.origin)
        visitor.decide("accept")
        assert META not in visitor.hosts
        visitor.context.set_extra_http_headers(PLACES["London"])
        visitor.visit(shop.origin)
        assert {"connect.facebook.net", META}.isdisjoint(visitor.hosts)
        assert visitor.hits(GA4)
        visitor.page.evaluate("pixelgate('show')")
        switch = visitor.page.locator('#pixelgate [data-pixel="meta"]')
        expect(switch).not_to_be_checked()
        visitor.page.locator("#pixelgate details").last.evaluate("(one) => (one.open = true)")
        switch.check()
        visitor.decide("save")
        assert "connect.facebook.net" in visitor.hosts
        assert_no_complaints(visitor)
