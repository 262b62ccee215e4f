"""The page around the banner: other scripts, policies, a broken cookie, a service that is away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


@pytest.mark.parametrize("value", ["garbage", "1.a.b.c", "", "%00", "1" * 3000])
@pytest.mark.parametrize("place", ["Berlin", "Los Angeles"])
def test_a_malformed_cookie_is_the_strictest_regime_and_the_next_choice_mends_it(
    place: str, value: str, visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from(place)
    visitor.context.add_cookies([{"name": "pixelgate", "value": value, "url": shop.origin}])
    visitor.visit(f"{shop.origin}/thanks")
    assert visitor.requests == []
    expect(visitor.page.locator('#pixelgate [data-action="accept"]')).to_be_visible()
    visitor.decide("accept")
    assert [hit["ev"] for hit in visitor.hits(META)] == ["PageView", "Purchase"]


def test_a_framework_does_not_take_our_element_for_its_own(visitor_from: Make, shop: Shop) -> None:
    """React takes over what the server sent, and skips what it does not expect: divs it does."""
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    first = visitor.page.evaluate(
        "[document.body.firstElementChild].map((e) => [e.id, e.localName])"
    )
    assert first == [["pixelgate", "span"]]


def test_two_copies_of_the_snippet_are_one(visitor_from: Make, shop: Shop) -> None:
    visitor = visitor_from("Tokyo")
    with shop.serving(shop.snippet + shop.snippet):
        visitor.visit(f"{shop.origin}/thanks")
    assert_exact_purchase(visitor)


def test_other_scripts_that_came_first_keep_what_they_defined(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Tokyo")
    visitor.context.add_init_script("window.dataLayer = [{event: 'theirs'}];")
    visitor.visit(f"{shop.origin}/thanks")
    assert visitor.page.evaluate("dataLayer[0].event") == "theirs"
    assert_exact_purchase(visitor)


def test_the_shop_works_without_the_service_and_the_console_says_why(
    visitor_from: Make, shop: Shop, service: Service
) -> None:
    visitor = visitor_from("Los Angeles")
    visitor.context.route(f"{service.url}/**", lambda route: route.abort())
    visitor.page.goto(f"{shop.origin}/thanks")
    visitor.settle()
    expect(visitor.page.get_by_role("heading", name="Summit Outdoor")).to_be_visible()
    assert_nothing_left_the_browser(visitor)
    assert any("Failed to load resource" in line for line in visitor.console)
    assert not [line for line in visitor.console if "Uncaught" in line]


def test_an_unknown_store_leaves_the_shop_unharmed_and_the_console_says_why(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Los Angeles")
    with shop.serving(shop.snippet.replace("/s/summit/", "/s/nobody/")):
        visitor.page.goto(f"{shop.origin}/thanks")
        visitor.settle()
    assert_nothing_left_the_browser(visitor)
    assert any("404" in line for line in visitor.console)
    assert not [line for line in visitor.console if "Uncaught" in line]


def test_pages_can_ask_and_listen(visitor_from: Make, shop: Shop) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    visitor.page.evaluate(
        """() => {
            window.heard = [];
            const heardBy = (who) => (decision) => heard.push([who, decision.action]);
            document.addEventListener('pixelgate:decision', (e) => heardBy('dom')(e.detail));
            pixelgate('on', 'decision', heardBy('on'));
            pixelgate('consent', (grants) => heard.push(['consent', grants.marketing]));
        }"""
    )
    visitor.decide("accept")
    heard: list[list[Any]] = visitor.page.evaluate("heard")
    assert heard == [
        ["consent", False],
        ["consent", True],
        ["on", "accept_all"],
        ["dom", "accept_all"],
    ]
    visitor.page.evaluate("pixelgate('show')")
    expect(visitor.page.get_by_role("dialog")).to_be_visible()


def test_banner_and_pixels_work_under_a_strict_policy_with_a_nonce_and_trusted_types(
    visitor_from: Make, shop: Shop, service: Service
) -> None:
    vendors = "https://connect.facebook.net https://www.googletagmanager.com"
    hits = " ".join(f"https://{host}" for host in (META, GA4, ADS, CONVERSIONS))
    shop.csp = (
        f"default-src 'none'; script-src 'nonce-abc123' {service.url} {vendors}; "
        f"connect-src {service.url} {hits}; img-src data: {hits}; base-uri 'none'; "
        "require-trusted-types-for 'script'; trusted-types pixelgate"
    )
    visitor = visitor_from("Berlin")
    try:
        visitor.visit(f"{shop.origin}/thanks")
        visitor.decide("accept")
    finally:
        shop.csp = ""
    assert_exact_purchase(visitor)
    assert_no_complaints(visitor)
