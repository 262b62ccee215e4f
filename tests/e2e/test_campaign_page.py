"""Campaign parameters: what addresses may say, who is told of them, and who is not."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.campaigns import (
    ADDRESS,
    IDS,
    PAGE,
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
from tests.e2e.service import PATIENCE, Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]

HISTORIES = pytest.mark.parametrize("history", ["navigation API", "wrapped history"])


@pytest.fixture(scope="module")
def snippet(shop: Shop, service: Service) -> str:
    return publish(service, shop, "touches", STORE)


@pytest.fixture
def pages(shop: Shop, snippet: str) -> Iterator[Pages]:
    with making(shop, snippet) as pages:
        yield pages


def test_a_touch_is_forgotten_when_its_time_is_over(visitor_from: Make, pages: Pages) -> None:
    visitor = visitor_from("Tokyo")
    visitor.visit(pages())
    visitor.page.evaluate(
        """() => {
        const at = (days) => Date.now() - days * 864e5;
        const first = { at: at(91), utm_source: 'old', gclid: 'old', epik: 'old' };
        const last = { at: at(8), utm_source: 'new', ttclid: 'old', fbclid: 'new' };
        localStorage.setItem('pixelgate_campaign', JSON.stringify({ first, last }));
    }"""
    )
    visitor.visit(pages())
    assert touches(kept(visitor)) == ({"epik": "old"}, {"utm_source": "new", "fbclid": "new"})


def test_hostile_values_stay_texts(visitor_from: Make, pages: Pages) -> None:
    visitor = visitor_from("Tokyo")
    markup = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E%3C%2Fscript%3E"
    query = (
        f"utm_source={'x' * 3000}&utm_medium={markup}&utm_campaign=%E0%A4%A&utm_term=100%2525"
        "&utm_content=&utm_content=second&__proto__=1&constructor=2&at=3&UTM_ID=4"
        "&gclid=A%2BB&gclid=second&fbclid=%00%F0%9F%8F%94"
    )
    visitor.visit(pages(query=query))
    touch = kept(visitor)["last"]
    assert isinstance(touch.pop("at"), int)
    assert touch == {
        "utm_source": "x" * 500,
        "utm_medium": "<img src=x onerror=alert(1)></script>",
        "utm_campaign": "\ufffd%A",
        "utm_term": "100%25",
        "gclid": "A+B",
        "fbclid": "\x00🏔",
    }
    assert touches(track(visitor)) == (touch, touch)
    assert_no_complaints(visitor)


@pytest.mark.parametrize(
    "found",
    [
        "nonsense",
        "null",
        "[]",
        '{"first": 5, "last": null}',
        '{"first": {"at": "soon", "utm_source": "a"}, "last": {"utm_source": "a"}}',
        '{"first": {"at": 1e99, "utm_source": "a"}, "last": {"at": NOW, "utm_source": {"a": 1}}}',
        '{"__proto__": {"first": {"at": NOW, "utm_source": "a"}}}',
        '{"first": {"at": NOW, "__proto__": {"utm_source": "a"}}, "last": {"at": NOW, "x": "a"}}',
    ],
)
def test_what_others_wrote_under_our_name_is_not_taken(
    found: str, visitor_from: Make, pages: Pages
) -> None:
    visitor = visitor_from("Tokyo")
    visitor.visit(pages())
    text = found.replace("NOW", str(int(time.time() * 1000)))
    visitor.page.evaluate(f"localStorage.setItem('pixelgate_campaign', {json.dumps(text)})")
    visitor.visit(pages())
    assert kept(visitor) is None
    assert track(visitor) is None
    assert_no_complaints(visitor)


def test_without_storage_it_is_known_as_long_as_the_page(visitor_from: Make, pages: Pages) -> None:
    visitor = visitor_from("Tokyo")
    visitor.context.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('off') } })"
    )
    visitor.visit(pages(query=ADDRESS))
    assert touches(track(visitor)) == ({**UTM, **IDS}, {**UTM, **IDS})
    assert_no_complaints(visitor)


@HISTORIES
def test_a_page_that_changes_its_address_has_touches_too(
    history: str, visitor_from: Make, pages: Pages
) -> None:
    visitor = visitor_from("Tokyo")
    if history != "navigation API":
        visitor.context.add_init_script(
            "Object.defineProperty(window, 'navigation', { value: undefined });"
        )
    visitor.visit(pages(query=ADDRESS))
    first = kept(visitor)["first"]
    visitor.page.evaluate("history.pushState({}, '', '/boots')")
    visitor.page.evaluate("history.pushState({}, '', '/boots?utm_source=inner')")
    visitor.page.evaluate("history.pushState({}, '', '/tents?utm_source=inner')")
    now = kept(visitor)
    assert now["first"] == first
    assert values(now["last"]) == {"utm_source": "inner"}
    assert visitor.page.evaluate("told") == [{"first": first, "last": first}, now]
    assert track(visitor) == now


def test_a_router_that_tidies_the_address_early_hides_nothing(
    visitor_from: Make, pages: Pages
) -> None:
    visitor = visitor_from("Tokyo")
    tidy = "<script>history.replaceState({}, '', '/spa')</script>"
    visitor.visit(pages(query=ADDRESS, head=tidy))
    assert touches(kept(visitor)) == ({**UTM, **IDS}, {**UTM, **IDS})


def test_a_page_made_ready_in_advance_waits_for_the_visitor(
    visitor_from: Make, pages: Pages
) -> None:
    visitor = visitor_from("Tokyo")
    visitor.context.add_init_script(
        """window.ready = true;
        Object.defineProperty(document, 'prerendering', { get: () => window.ready });"""
    )
    visitor.page.goto(pages(query=ADDRESS))
    visitor.settle()
    assert visitor.storage()["local"] == []
    visitor.page.evaluate("ready = false; document.dispatchEvent(new Event('prerenderingchange'))")
    assert touches(kept(visitor)) == ({**UTM, **IDS}, {**UTM, **IDS})


def test_who_asks_late_is_told_at_once_and_at_each_change(visitor_from: Make, pages: Pages) -> None:
    visitor = visitor_from("Tokyo")
    visitor.visit(pages(query=ADDRESS))
    visitor.page.evaluate("window.late = []; pixelgate('campaign', (now) => late.push(now))")
    assert visitor.page.evaluate("late") == [kept(visitor)]
    visitor.decide("reject")
    assert visitor.page.evaluate("late.at(-1)") == {}
    assert len(visitor.page.evaluate("late")) == 2


def test_tag_manager_gets_it_and_loses_it_with_the_grant(visitor_from: Make, pages: Pages) -> None:
    visitor = visitor_from("Tokyo")
    visitor.visit(pages(query=ADDRESS))
    pushed = """dataLayer.filter((one) => one.pixelgate)
        .map((one) => [one.event || '', one.pixelgate.campaign || null])"""
    assert visitor.page.evaluate(pushed) == [["", None], ["pixelgate_consent", kept(visitor)]]
    visitor.decide("reject")
    pushes = visitor.page.evaluate(pushed)
    assert {event for event, _ in pushes[2:]} == {"", "pixelgate_consent", "pixelgate_decision"}
    assert {campaign for _, campaign in pushes[2:]} == {None}


def test_address_and_links_stay_as_they_are(visitor_from: Make, pages: Pages, shop: Shop) -> None:
    visitor = visitor_from("Tokyo")
    address = pages(query=ADDRESS)
    visitor.visit(address)
    track(visitor)
    links = "[...document.links].map((link) => link.getAttribute('href'))"
    assert visitor.page.evaluate(links) == ["/spa/tent", "https://maps.example/?q=1"]
    assert visitor.page.url == address
    pages("/spa/tent")
    visitor.page.locator("#inside").click()
    visitor.page.wait_for_url("**/spa/tent")
    assert visitor.page.url == f"{shop.origin}/spa/tent"


def test_visitors_are_told_in_the_settings(visitor_from: Make, pages: Pages) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(pages())
    visitor.click("choose")
    expect(visitor.page.get_by_role("dialog")).to_be_visible()
    told = visitor.page.locator("#pixelgate .purposes > li").all_inner_texts()
    stored = [line for text in told for line in text.splitlines() if "pixelgate_campaign" in line]
    assert stored == [
        "Stored on your device: pixelgate_campaign 90 days",
        "Stored on your device: pixelgate_campaign 365 days",
    ]


def test_the_debug_view_lives_beside_it(visitor_from: Make, pages: Pages) -> None:
    visitor = visitor_from("Tokyo")
    visitor.visit(pages(query=f"{ADDRESS}&pixelgate=debug"))
    assert touches(track(visitor)) == ({**UTM, **IDS}, {**UTM, **IDS})
    assert [name for name, campaign in visitor.page.evaluate("sent") if campaign] == ["Lead"] * 2
    assert_no_complaints(visitor)


def test_the_service_sees_nothing_of_it_and_its_log_holds_none(
    visitor_from: Make, pages: Pages, service: Service, shop: Shop
) -> None:
    mark = "Zq9secretZq9"
    visitor = visitor_from("Berlin")
    # The worst that a shop can do: whole addresses go out as the referrer.
    loud = '<meta name="referrer" content="unsafe-url">'
    visitor.visit(pages(query=f"utm_source={mark}&gclid={mark}", head=loud))
    track(visitor)
    visitor.decide("accept")
    ours = [one.request for one in visitor.answered if one.url.startswith(service.url)]
    assert len(ours) >= 2
    for request in ours:
        assert mark not in request.url + (request.post_data or "")
    referrer = {"Referer": f"{shop.origin}/?gclid={mark}"}
    for path, body in (
        ("/s/nobody/loader.js", None),
        (f"/s/touches/loader.js?{mark}", None),
        ("/s/touches/decisions", b'{"id": "' + mark.encode() + b'"}'),
        ("/s/touches/receipts/" + mark, None),
        ("/admin/stores?" + mark, None),
    ):
        asked = urllib.request.Request(service.url + path, data=body, headers=referrer)
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(asked, timeout=PATIENCE).close()
    assert mark not in (service.folder / "service.log").read_text(encoding="utf-8")


def test_a_store_that_switches_it_off_leaves_nothing_behind(
    visitor_from: Make, shop: Shop, service: Service
) -> None:
    own = publish(service, shop, "once", STORE)
    shop.own["/spa/once"] = PAGE.format(snippet=own, head="")
    visitor = visitor_from("Tokyo")
    visitor.visit(f"{shop.origin}/spa/once?{ADDRESS}")
    visitor.decide("accept")
    assert kept(visitor)
    publish(service, shop, "once", STORE.replace("campaign = true\n", ""))
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{service.url}/s/once/loader.js", timeout=PATIENCE) as answer:
            if b"gone:1" in answer.read():
                break
        time.sleep(0.05)
    visitor.visit(f"{shop.origin}/spa/once?{ADDRESS}&pixelgate=debug")
    assert kept(visitor) is None
    assert_no_complaints(visitor)
    del shop.own["/spa/once"]
