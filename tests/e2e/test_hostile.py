"""What a hostile or unlucky page does: races, other tabs, broken storage, throwing listeners."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.claims import META
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]


def test_a_late_receipt_does_not_grant_what_was_withdrawn_meanwhile(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(f"{shop.origin}/thanks")
    held: list[Route] = []
    visitor.context.route("**/decisions", lambda route: held.append(route))
    with visitor.page.expect_request("**/decisions"):
        visitor.click("accept")
    visitor.page.evaluate("pixelgate('withdraw')")
    visitor.context.unroute("**/decisions")
    with visitor.page.expect_response(
        lambda one: (
            one.url.endswith("/decisions") and one.request.post_data_json["action"] == "withdraw"
        )
    ):
        held[0].continue_()
    visitor.settle()
    assert visitor.requests == []
    assert visitor.cookies() == {"pixelgate"}
    assert [action for action, _ in visitor.decisions()] == ["accept_all", "withdraw"]
    visitor.visit(f"{shop.origin}/thanks")
    assert visitor.requests == []


def test_a_decision_in_one_tab_holds_in_the_other(visitor_from: Make, shop: Shop) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    visitor.decide("accept")
    first, visitor.page = visitor.page, visitor.open()
    visitor.visit(f"{shop.origin}/product")
    visitor.click("open")
    visitor.decide("reject")
    visitor.forget()
    first.evaluate("pixelgate('track', 'Lead')")
    visitor.settle()
    assert visitor.hits(META) == []
    assert visitor.cookies() == {"pixelgate"}


def test_a_withdrawal_holds_when_the_service_is_away(
    visitor_from: Make, shop: Shop, service: Service
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    visitor.decide("accept")
    visitor.visit(f"{shop.origin}/product")
    visitor.context.route(f"{service.url}/**", lambda route: route.abort())
    visitor.forget()
    visitor.page.evaluate("pixelgate('withdraw'); pixelgate('track', 'Lead')")
    visitor.settle()
    assert visitor.hits(META) == []
    assert visitor.cookies() == {"pixelgate"}
    visitor.context.unroute(f"{service.url}/**")
    visitor.forget()
    with visitor.page.expect_response(lambda answer: answer.url.endswith("/decisions")):
        visitor.visit(f"{shop.origin}/thanks")
    assert visitor.requests == []
    assert visitor.decisions()[-1] == ("withdraw", 201)
    expect(visitor.page.locator('#pixelgate [data-action="open"]')).to_be_visible()


FORGED = {
    "id": "11111111-1111-4111-8111-111111111111",
    "visitor": "22222222-2222-4222-8222-222222222222",
    "version": 1,
    "action": "accept_all",
    "grants": {"preferences": True, "analytics": True, "marketing": True, "more": True},
    "language": "en",
    "banner": "0" * 64,
    "gpc": False,
}


@pytest.mark.parametrize(
    "kept", ["garbage", "{}", "[]", '"x"', "null", json.dumps({"id": "x"}), json.dumps(FORGED)]
)
def test_a_broken_outbox_releases_nothing_and_the_visitor_is_asked(
    kept: str, visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.context.add_init_script(
        f"if (!sessionStorage.seeded) {{ sessionStorage.seeded = 1;"
        f" localStorage.setItem('pixelgate', {json.dumps(kept)}) }}"
    )
    visitor.visit(f"{shop.origin}/thanks")
    visitor.visit(f"{shop.origin}/thanks")
    assert visitor.requests == []
    expect(visitor.page.locator('#pixelgate [data-action="accept"]')).to_be_visible()


def test_a_listener_that_throws_stops_neither_the_refusal_nor_its_record(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    visitor.page.evaluate(
        """() => {
            const fail = () => { throw new Error('theirs') };
            pixelgate('on', 'decision', fail);
            document.addEventListener('pixelgate:decision', fail);
            try { pixelgate('consent', fail) } catch (error) { window.thrown = error }
        }"""
    )
    visitor.decide("reject")
    assert [action for action, _ in visitor.decisions()] == ["reject_all"]
    assert visitor.page.evaluate("window.thrown === undefined")


@pytest.mark.parametrize(
    "call",
    [
        "pixelgate('track')",
        "pixelgate('track', null, null)",
        "pixelgate('track', 'PageView', 'text')",
        "pixelgate('track', '__proto__', {value: NaN})",
        "pixelgate('track', 'Purchase', {contents: 'x', value: '5', currency: 7})",
        "pixelgate('track', 'Purchase', {contents: [null, 1]})",
        "pixelgate('nothing')",
        "pixelgate('__proto__')",
        "pixelgate()",
        "pixelgate('consent', null)",
    ],
)
def test_no_call_of_the_shop_throws_into_the_shop(
    call: str, visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Tokyo")
    visitor.visit(shop.origin)
    assert visitor.page.evaluate(f"() => {{ {call}; return 'unharmed' }}") == "unharmed"


def test_the_shops_own_cookies_and_storage_survive_a_withdrawal(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    visitor.decide("accept")
    visitor.page.evaluate(
        """() => {
            document.cookie = 'cart=1; path=/';
            for (const name of ['my_ga', '_ga_shop', '_gather', '_gate_session', '_gcl_own']) {
                document.cookie = name + '=1; path=/';
            }
            localStorage.setItem('basket', '1');
            sessionStorage.setItem('step', '1');
        }"""
    )
    visitor.page.evaluate("pixelgate('withdraw')")
    visitor.settle()
    own = {"cart", "my_ga", "_ga_shop", "_gather", "_gate_session", "_gcl_own"}
    assert visitor.cookies() == {"pixelgate", *own}
    storage = visitor.storage()
    assert (storage["local"], storage["session"]) == (["basket"], ["step"])


def test_events_beyond_the_limit_are_refused_with_a_reason(visitor_from: Make, shop: Shop) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    visitor.page.evaluate("() => { for (let i = 0; i < 300; i++) pixelgate('track', 'E' + i) }")
    assert any("queue-full" in line for line in visitor.console)
    visitor.decide("accept")
    assert len(visitor.hits(META)) == 200


def test_the_page_is_told_of_each_event_that_is_not_taken_and_why(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    refused = visitor.page.evaluate(
        """() => {
            const refused = [];
            pixelgate('on', 'refused', ({ reason, event }) => refused.push([reason, event.name]));
            for (const name of ['', '<b>', 'x'.repeat(61), 7]) pixelgate('track', name);
            for (const event_id of ['a', 'a', 'b']) pixelgate('track', 'Lead', { event_id });
            for (let i = 0; i < 200; i++) pixelgate('track', 'Search');
            return refused;
        }"""
    )
    assert refused[:4] == [["name", name] for name in ("", "<b>", "x" * 61, 7)]
    assert refused[4] == ["duplicate", "Lead"]
    assert refused[5:] == [["queue-full", "Search"]] * len(refused[5:])
    assert refused[5:] != []


def test_a_receipt_for_one_tab_does_not_undo_what_another_tab_decided(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(f"{shop.origin}/thanks")
    first, visitor.page = visitor.page, visitor.open()
    visitor.visit(f"{shop.origin}/privacy")
    held: list[Route] = []
    first.route("**/decisions", lambda route: held.append(route))
    with first.expect_request("**/decisions"):
        visitor.click("accept", first)
    visitor.click("reject")
    visitor.page.wait_for_function("document.cookie.includes('pixelgate=1.')")
    with first.expect_response("**/decisions"):
        held[0].continue_()
    visitor.settle()
    assert visitor.requests == []
    visitor.visit(f"{shop.origin}/thanks")
    assert visitor.requests == []


def test_a_page_that_comes_back_from_the_cache_looks_at_consent_again(
    visitor_with_cache: Make, shop: Shop
) -> None:
    """Of a store whose pixels can all be stopped: where one cannot, the page is loaded anew."""
    visitor = visitor_with_cache("Berlin")
    with shop.serving(shop.snippet.replace("/s/summit/", "/s/limited/")):
        visitor.visit(shop.origin)
        visitor.decide("accept")
        assert visitor.hits(META)
        visitor.page.evaluate("window.life = 1")
        visitor.visit(f"{shop.origin}/product")
        visitor.page.evaluate("pixelgate('withdraw')")
        visitor.settle()
        visitor.forget()
        visitor.page.evaluate("history.back()")
        visitor.page.wait_for_function("location.pathname == '/'")
        assert visitor.page.evaluate("life") == 1  # the libraries that ran are still there
        visitor.page.evaluate("pixelgate('track', 'Lead')")
        visitor.settle()
    assert visitor.hits(META) == []
    assert visitor.cookies() == {"pixelgate"}


def test_a_waiting_signal_of_one_place_grants_nothing_in_a_stricter_one(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Los Angeles with GPC")
    visitor.context.route("**/decisions", lambda route: route.abort())
    visitor.visit(shop.origin)
    visitor.context.unroute("**/decisions")
    visitor.context.set_extra_http_headers({"CF-IPCountry": "DE"})
    visitor.forget()
    visitor.visit(f"{shop.origin}/thanks")
    visitor.settle()
    assert visitor.requests == []
    expect(visitor.page.locator('#pixelgate [data-action="accept"]')).to_be_visible()


def test_an_element_that_calls_itself_current_script_gets_nothing_run(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Los Angeles")
    visitor.context.add_init_script(
        "document.documentElement.insertAdjacentHTML('beforeend',"
        ' \'<img name="currentScript" src="data:,/s/summit/loader.js">\')'
    )
    hostile = '<img name="currentScript" src="data:,/s/summit/loader.js">'
    with shop.serving(shop.snippet + "</head><body>" + hostile):
        visitor.page.goto(f"{shop.origin}/thanks")
        visitor.settle()
    assert not [url for url in visitor.requests if not url.startswith("data:")]


def test_two_cookies_of_one_name_are_mended_by_the_next_choice(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(f"{shop.origin}/product")
    visitor.page.evaluate(
        "document.cookie = 'pixelgate=a; path=/'; document.cookie = 'pixelgate=b; path=/product'"
    )
    visitor.visit(f"{shop.origin}/product")
    visitor.decide("reject")
    visitor.visit(f"{shop.origin}/product")
    expect(visitor.page.locator('#pixelgate [data-action="accept"]')).to_have_count(0)


def test_the_status_says_saved_only_when_it_is(visitor_from: Make, shop: Shop) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    status = visitor.page.locator("#pixelgate [role=status]")
    visitor.context.route("**/decisions", lambda route: route.abort())
    visitor.click("accept")
    expect(status).to_contain_text("is being saved")
    visitor.context.unroute("**/decisions")
    expect(status).to_contain_text("is saved")


def test_a_page_that_draws_itself_anew_keeps_the_way_back_in(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    visitor.decide("reject")
    visitor.page.evaluate("document.body.replaceChildren()")
    visitor.page.evaluate("pixelgate('show')")
    expect(visitor.page.get_by_role("dialog")).to_be_visible()
