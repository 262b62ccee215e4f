from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Route

from tests.pixels.shop import (
    ADS,
    DENIED,
    GA4,
    HARNESS,
    META,
    PLATFORMS,
    START,
    VENDORS,
)

pytestmark = pytest.mark.browser

ARRAYS = "window.fbq = (...all) => fbq.queue.push(all); fbq.queue = []; fbq.version = '2.0';"


@pytest.mark.parametrize(
    ("pixel", "before", "steps", "complaint"),
    [
        (META, ARRAYS, START, "found no Arguments object"),
        (META, "", START + "fbq('init', '123456789012345');", "came twice"),
        (META, "", START + "fbq('track', 'purchase');", "purchase is no standard event"),
        (META, "", START + "fbq('trackSingle', '1', 'Lead');", "had no init"),
        (META, "", START + "fbq('nonsense');", "nonsense is no command"),
        (GA4, "", "pixels[0].start();", "config came before consent default"),
        (GA4, DENIED, START + "dataLayer.push(['event', 'x']);", "is an array and no Arguments"),
        (GA4, DENIED, START + "gtag('js', new Date());", "js came twice"),
        (GA4, DENIED, START + "gtag('event', 'x', { send_to: 'G-OTHER1' });", "had no config"),
        (
            GA4,
            DENIED,
            START + "gtag('event', 'x', { transaction_id: '' });",
            "transaction_id is empty",
        ),
        (
            GA4,
            DENIED,
            START + "gtag('consent', 'update', { ads: 'granted' });",
            "type ads is unknown",
        ),
        (ADS, DENIED, START + "gtag('event', 'conversion', {});", "without a label"),
        (ADS, DENIED, START + "gtag('set', 'url_passthrough', true);", "came after config"),
        (ADS, DENIED, START + "gtag('set', { ads_data_redaction: 1 });", "takes true or false"),
        (
            ADS,
            DENIED,
            START + "gtag('consent', 'default', { region: 'US' });",
            "no array of ISO 3166-2 codes",
        ),
        (
            GA4,
            DENIED,
            START + "gtag('consent', 'update', { region: ['US'] });",
            "belong to a default",
        ),
    ],
)
def test_the_stand_ins_say_what_a_real_library_would_silently_lose(
    shop, pixel, before, steps, complaint
):
    seen = shop([pixel], steps, before=before, complains=True)
    assert complaint in " ".join(seen.complaints)


def test_the_stand_in_of_meta_sends_by_itself_what_was_not_switched_off(shop):
    steps = START + "await libraries(); fbq('init', '555555555555555');"
    steps += "fbq.disablePushState = false; history.pushState({}, '', '/next');"
    seen = shop([META], steps)
    assert [hit.params["ev"] for hit in seen.hits] == ["Microdata", "PageView", "PageView"]


def test_in_the_panel_of_the_demo_hits_are_told_and_not_sent(chromium):
    moved = PLATFORMS.with_scripts({"meta": "https://shop.example/fbevents.js?hits=panel"})

    def told(browser: Browser) -> tuple[int, list[str]]:
        page = browser.new_page()
        asked: list[str] = []

        def answer(route: Route) -> None:
            asked.append(urlsplit(route.request.url).hostname or "")
            if "fbevents" in route.request.url:
                route.fulfill(path=VENDORS / "fbevents.js", content_type="text/javascript")
            else:
                route.fulfill(content_type="text/html", body="<!doctype html><title>Shop</title>")

        page.route("**/*", answer)
        page.goto("https://shop.example/")
        page.evaluate(f"{HARNESS}; window.pixel = ({moved.render(META)})(page(null, [{{}}])); 0")
        page.evaluate(
            "pixel.start(); pixel.send('Lead', typed({}), 'e', 1); libraries().then(() => 0)"
        )
        count = page.evaluate("hits.length")
        page.close()
        return count, asked

    assert chromium.run(told) == (1, ["shop.example", "shop.example"])
