"""Choosing in detail: single pixels, the second layer on demand, other tabs, a store's own look."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Route, expect

from consent.texts import Texts
from tests.e2e.claims import ADS, GA4, META
from tests.e2e.published import publish
from tests.e2e.service import PUBLISHED, Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]

THEMED = """
[banner]
layout = "box"
accent = "#ffdd00"
radius = 0
logo = "/logo.svg"
light = {{ background = "#fffaf0", text = "#2b2116" }}
dark = {{ background = "#12201a", text = "#e8f3ec" }}
[texts.en]
"banner.title" = "A word about <cookies>"
"""


def second_layer(visitor: Visitor) -> Locator:
    return visitor.page.locator("#pixelgate dialog.preferences")


def choose(visitor: Visitor) -> Locator:
    visitor.click("choose")
    expect(second_layer(visitor)).to_be_visible()
    for services in second_layer(visitor).locator("details").all():
        services.locator("summary").click()
    return second_layer(visitor)


def test_the_second_layer_is_fetched_only_when_it_is_wanted(visitor_from: Make, shop: Shop) -> None:
    visitor = visitor_from("Berlin")
    asked: list[str] = []
    visitor.context.on("request", lambda request: asked.append(request.url))
    visitor.visit(shop.origin)
    assert not [url for url in asked if "preferences.js" in url]
    visitor.page.locator("#pixelgate .first").hover()
    visitor.settle()
    assert len([url for url in asked if "preferences.js" in url]) == 1
    choose(visitor)
    assert len([url for url in asked if "preferences.js" in url]) == 1


def test_a_second_layer_that_did_not_come_is_fetched_again(visitor_from: Make, shop: Shop) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    visitor.context.route("**/preferences.js*", lambda route: route.abort())
    visitor.click("choose")
    visitor.settle()
    visitor.context.unroute("**/preferences.js*")
    visitor.click("choose")
    expect(second_layer(visitor)).to_be_visible()


def test_the_second_layer_tells_of_each_service(visitor_from: Make, shop: Shop) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    dialog = choose(visitor)
    text = dialog.inner_text()
    for fact in ("Meta Platforms", "connect.facebook.net", "_fbp 90 days", "_ga 2 years"):
        assert fact in text
    for pixel in ("meta", "ga4", "google-ads"):
        expect(dialog.locator(f'[data-pixel="{pixel}"]').first).not_to_be_checked()


def test_a_pixel_refused_by_itself_stays_off_here_and_on_later_pages(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(f"{shop.origin}/thanks")
    dialog = choose(visitor)
    dialog.locator('[data-purpose="marketing"]').check()
    for pixel in dialog.locator('[data-pixel="meta"]').all():
        pixel.uncheck()
    with visitor.page.expect_response(lambda one: one.url.endswith("/decisions")) as post:
        visitor.click("save")
    visitor.settle()
    sent = post.value.request.post_data_json
    assert post.value.status == 201
    assert sent["grants"] == {"preferences": False, "analytics": False, "marketing": True}
    assert sent["pixels"] == {"meta": False, "ga4": False, "google-ads": True}
    assert visitor.hits(META) == []
    assert visitor.hits(ADS)
    visitor.forget()
    visitor.visit(f"{shop.origin}/thanks")
    assert visitor.hits(META) == []
    assert visitor.hits(ADS)
    assert "_fbp" not in visitor.cookies()
    visitor.click("open")
    expect(second_layer(visitor)).to_be_visible()
    expect(second_layer(visitor).locator('[data-purpose="marketing"]')).to_be_checked()
    expect(second_layer(visitor).locator('[data-pixel="meta"]').first).not_to_be_checked()


def test_a_pixel_taken_back_in_waits_for_its_receipt(visitor_from: Make, shop: Shop) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    dialog = choose(visitor)
    dialog.locator('[data-purpose="marketing"]').check()
    dialog.locator('[data-pixel="meta"]').uncheck()
    visitor.decide("save")
    visitor.context.route("**/decisions", lambda route: route.abort())
    visitor.click("open")
    dialog.locator("details").last.locator("summary").click()
    dialog.locator('[data-pixel="meta"]').check()
    visitor.click("save")
    visitor.settle()
    assert visitor.hits(META) == []
    with visitor.page.expect_response(lambda one: one.url.endswith("/decisions")):
        visitor.context.unroute("**/decisions")
    visitor.settle()
    visitor.page.evaluate("pixelgate('track', 'Lead')")
    visitor.settle()
    assert "Lead" in [hit["ev"] for hit in visitor.hits(META)]


def test_a_service_that_is_switched_on_brings_its_purpose_and_no_neighbour(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    dialog = choose(visitor)
    dialog.locator('[data-pixel="meta"]').check()
    expect(dialog.locator('[data-purpose="marketing"]')).to_be_checked()
    expect(dialog.locator('[data-pixel="google-ads"]')).not_to_be_checked()
    dialog.locator('[data-purpose="marketing"]').uncheck()
    expect(dialog.locator('[data-pixel="meta"]')).not_to_be_checked()
    dialog.locator('[data-purpose="marketing"]').check()
    expect(dialog.locator('[data-pixel="google-ads"]')).to_be_checked()


def test_refusing_google_ads_alone_denies_its_signals_and_leaves_analytics(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(f"{shop.origin}/thanks")
    dialog = choose(visitor)
    for purpose in ("analytics", "marketing"):
        dialog.locator(f'[data-purpose="{purpose}"]').check()
    dialog.locator('[data-pixel="google-ads"]').uncheck()
    visitor.decide("save")
    assert visitor.hits(ADS) == []
    assert {hit["gcs"] for hit in visitor.hits(GA4)} == {"G101"}


# Browsers before 2025 tell a page nothing of its cookies, and shops on plain http are told by none.
NO_COOKIE_STORE = "Object.defineProperty(window, 'cookieStore', { value: undefined })"


@pytest.mark.parametrize("script", ["", NO_COOKIE_STORE], ids=["told", "untold"])
def test_a_decision_in_one_tab_closes_the_banner_in_the_other_and_starts_and_stops_its_pixels(
    script: str, visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.context.add_init_script(script)
    visitor.visit(f"{shop.origin}/product")
    first, visitor.page = visitor.page, visitor.open()
    visitor.visit(f"{shop.origin}/privacy")
    visitor.decide("accept")
    expect(first.locator("#pixelgate .first")).to_have_count(0)
    visitor.settle()
    assert [hit["ev"] for hit in visitor.hits(META)] == ["PageView", "ViewContent"]
    first.evaluate("pixelgate('consent', ({ marketing }) => (window.granted = marketing))")
    assert first.evaluate("window.granted") is True
    visitor.click("open")
    visitor.decide("reject")
    # It hears so, or is loaded anew, since nothing else stops Google Ads.
    first.wait_for_function("window.granted !== true")
    first.locator("#pixelgate").wait_for(state="attached")
    visitor.settle()
    visitor.forget()
    first.evaluate("pixelgate('track', 'Lead')")
    visitor.settle()
    assert visitor.hits(META) == []
    assert visitor.cookies() == {"pixelgate"}


def test_two_cookies_of_two_domains_count_as_the_newer_one_and_are_one_afterwards(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    visitor.decide("accept")
    [cookie] = [one for one in visitor.context.cookies() if one["name"] == "pixelgate"]
    fields = cookie["value"].split(".")
    fields[5], fields[6] = str(int(fields[5]) - 1000), "000"
    older = {**cookie, "value": ".".join(fields), "path": "/product"}
    visitor.context.add_cookies([older])  # type: ignore[list-item]
    visitor.forget()
    visitor.visit(f"{shop.origin}/product")
    assert [hit["ev"] for hit in visitor.hits(META)] == ["PageView", "ViewContent"]
    visitor.click("open")
    visitor.decide("reject")
    assert [one["name"] for one in visitor.context.cookies()].count("pixelgate") == 1


def test_the_sweep_finds_cookies_on_every_folder_and_leaves_the_shops_alone(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    shop.own["/shop/boots/tall"] = shop.page("/product")
    visitor.page.goto(shop.origin)
    for path in ("/", "/shop", "/shop/", "/shop/boots", "/shop/boots/", "/shop/boots/tall"):
        for name in ("_fbp", "_gcl_au", "cart"):
            visitor.context.add_cookies(
                [{"name": name, "value": "1", "domain": "localhost", "path": path}]
            )
    visitor.visit(f"{shop.origin}/shop/boots/tall")
    left = [one["name"] for one in visitor.context.cookies()]
    assert set(left) == {"cart"}
    assert left.count("cart") == 6


def test_what_was_held_goes_out_when_an_old_decision_is_renewed(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Tokyo")
    visitor.visit(f"{shop.origin}/product")
    visitor.decide("accept")
    visitor.context.set_extra_http_headers({"CF-IPCountry": "DE"})
    visitor.forget()
    visitor.visit(f"{shop.origin}/product")
    assert visitor.hits(META) == []
    visitor.decide("accept")
    assert [hit["ev"] for hit in visitor.hits(META)] == ["PageView", "ViewContent"]


def test_a_withdrawal_reaches_the_ledger_though_the_page_was_left_at_once(
    visitor_from: Make, shop: Shop, service: Service
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(shop.origin)
    visitor.decide("accept")
    visitor.visit(f"{shop.origin}/product")
    visitor.context.route(f"{service.url}/**", lambda route: route.abort())
    # At once, since nothing stops Google Ads; so nobody waits for a service that is away.
    visitor.comes_anew(lambda: visitor.page.evaluate("pixelgate('withdraw')"))
    visitor.context.unroute(f"{service.url}/**")
    with visitor.page.expect_response(lambda one: one.url.endswith("/decisions")) as post:
        visitor.page.goto(f"{shop.origin}/privacy")
    assert post.value.status == 201
    assert post.value.request.post_data_json["action"] == "withdraw"
    first = visitor.decisions()[0]
    assert first == ("accept_all", 201)
    visitors = {
        answer.request.post_data_json["visitor"]
        for answer in visitor.answered
        if answer.url.endswith("/decisions")
    }
    assert len(visitors) == 1
    visitor.settle()
    expect(visitor.page.locator('#pixelgate [data-action="open"]')).to_be_visible()
    expect(visitor.page.locator("#pixelgate .first")).to_have_count(0)


def test_an_event_that_comes_twice_is_sent_once(visitor_from: Make, shop: Shop) -> None:
    visitor = visitor_from("Tokyo")
    visitor.visit(shop.origin)
    visitor.forget()
    last = visitor.page.expect_request(lambda one: META in one.url and "ev=Search" in one.url)
    with last:
        visitor.page.evaluate(
            """() => {
            for (const id of ['a', 'a', 'b']) pixelgate('track', 'Lead', {event_id: id});
            pixelgate('track', 'Search', {event_id: 'a'});
        }"""
        )
    visitor.settle()
    hits = [(hit["ev"], hit["eid"]) for hit in visitor.hits(META)]
    assert hits == [("Lead", "a"), ("Lead", "b"), ("Search", "a")]
    assert any("duplicate" in line for line in visitor.console)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_store_has_its_own_colours_words_and_logo(
    scheme: str, visitor_from: Make, shop: Shop, service: Service
) -> None:
    service.publish(
        PUBLISHED.replace('key = "summit"', 'key = "themed"').format(origin=shop.origin)
        + THEMED.replace("{{", "{").replace("}}", "}")
    )
    shop.own["/logo.svg"] = "not a picture"
    visitor = visitor_from("Berlin", color_scheme=scheme)
    with shop.serving(service.snippet("themed")):
        visitor.visit(shop.origin)
    first = visitor.page.locator("#pixelgate .first")
    expect(first.locator("h2")).to_have_text("A word about <cookies>")
    looks = first.evaluate(
        """(e) => {
            const look = (selector) => getComputedStyle(e.querySelector(selector));
            const button = look('.choice');
            return [getComputedStyle(e).backgroundColor, look('p span').color,
                    button.backgroundColor, look('.choice span').color, button.borderRadius];
        }"""
    )
    light = ["rgb(255, 250, 240)", "rgb(43, 33, 22)"]
    dark = ["rgb(18, 32, 26)", "rgb(232, 243, 236)"]
    ground = light if scheme == "light" else dark
    assert looks == [*ground, "rgb(255, 221, 0)", "rgb(23, 25, 28)", "0px"]
    expect(first.locator("img")).to_have_count(0)  # it is no picture, so it takes no room
    visitor.decide("accept")
    shown = json.loads(service.consent("explain", "--country", "DE", "--store", "themed", "--json"))
    assert shown["banner"]


LOOKED_AT = """
[banner]
layout = "box"
logo = "/logo.svg"
[texts.de]
"banner.title" = "Ein Wort über Krümel"
"choices.save" = "So lassen"
[texts.ar]
"banner.title" = "كلمة عن الملفات"
"""
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="56"><path d="M0 0h9v9z"/></svg>'
HEAR_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => shifts.push(...list.getEntries().map((one) => one.value)))
    .observe({ type: 'layout-shift', buffered: true });
"""


@pytest.fixture(scope="module")
def looked_at(service: Service, shop: Shop) -> str:
    """The snippet of a store with a logo, and with words of its own in two languages."""
    return publish(service, shop, "looked-at", LOOKED_AT)


def test_a_logo_that_comes_late_is_shown_and_moves_nothing(
    looked_at: str, visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.context.add_init_script(HEAR_SHIFTS)
    held: list[Route] = []
    visitor.context.route("**/logo.svg", lambda route: held.append(route))
    with shop.serving(looked_at), visitor.page.expect_request("**/logo.svg"):
        visitor.page.goto(shop.origin, wait_until="domcontentloaded")
    logo = visitor.page.locator("#pixelgate .first img")
    boxes = """(logo) => [...logo.closest('.first').querySelectorAll('h2, p, button')]
        .map((one) => JSON.stringify(one.getBoundingClientRect()))"""
    before = logo.evaluate(boxes)
    held[0].fulfill(body=LOGO, content_type="image/svg+xml")
    drawn = """(logo) => logo.decode()
        .then(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))))
        .then(() => [logo.clientWidth, logo.clientHeight])"""
    assert logo.evaluate(drawn) == [60, 28]
    assert logo.evaluate(boxes) == before
    assert visitor.page.evaluate("shifts") == []


@pytest.mark.parametrize(
    ("language", "title", "save"),
    [("de", "Ein Wort über Krümel", "So lassen"), ("ar", "كلمة عن الملفات", ""), ("fr", "", "")],
    ids=["de", "ar", "fr"],
)
def test_a_store_has_its_own_words_in_one_language_and_ours_in_the_others(
    language: str, title: str, save: str, looked_at: str, visitor_from: Make, shop: Shop
) -> None:
    ours = Texts.load().messages(language)
    visitor = visitor_from("Berlin")
    with shop.serving(looked_at):
        shop.own["/words"] = shop.page("/privacy").replace('lang="en"', f'lang="{language}"')
    visitor.context.route("**/logo.svg", lambda route: route.abort())
    visitor.visit(f"{shop.origin}/words")
    first = visitor.page.locator("#pixelgate .first")
    expect(first.locator("h2")).to_have_text(title or ours["banner.title"])
    expect(first.locator('[data-action="accept"]')).to_have_text(ours["banner.accept"])
    saving = choose(visitor).locator('[data-action="save"]')
    expect(saving).to_have_text(save or ours["choices.save"])
