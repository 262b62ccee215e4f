from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser

from consent import data
from consent.model import Pixel
from consent.platforms import EVENTS, templates
from tests.pixels.shop import (
    ADS,
    DENIED,
    GA4,
    META,
    META_TWO,
    ORDER,
    PLATFORMS,
    START,
    Chromium,
    send,
)

pytestmark = pytest.mark.browser

SNIPPETS = data.folder("snippets")


@pytest.mark.parametrize("pixel", [META, GA4, ADS], ids=lambda pixel: pixel.platform)
def test_before_the_start_nothing_is_loaded_sent_or_stored(shop, pixel):
    seen = shop([pixel], "")
    assert (seen.scripts, seen.hits, seen.cookies) == ([], [], set())


@pytest.mark.parametrize("pixel", [META, GA4, ADS], ids=lambda pixel: pixel.platform)
def test_a_started_pixel_sends_nothing_by_itself(shop, pixel):
    seen = shop([pixel], f"{START} await libraries(); history.pushState({{}}, '', '/next');")
    assert seen.hits == []
    assert len(seen.scripts) == 1


@pytest.mark.parametrize("pixel", [META, GA4, ADS], ids=lambda pixel: pixel.platform)
@pytest.mark.parametrize("wait", ["", "await libraries();"], ids=["before", "after"])
def test_every_standard_event_arrives_once_in_order_under_the_vendors_name(shop, pixel, wait):
    seen = shop([pixel], START + wait + "".join(send(event) for event in EVENTS))
    names = [hit.params.get("ev") or hit.params.get("en") for hit in seen.hits]
    expected = [PLATFORMS[pixel.platform].events[event] for event in EVENTS]
    assert [name for name in names if name] == expected


def test_meta_gets_a_purchase_with_its_parameters_and_event_id(shop):
    seen = shop([META], START + send("Purchase", ORDER))
    (hit,) = seen.hits
    assert (hit.host, hit.path) == ("www.facebook.com", "/tr/")
    sent = {key: value for key, value in hit.params.items() if key[:2] in ("cd", "id", "ev", "ei")}
    contents = json.loads(sent.pop("cd[contents]"))
    assert contents == [
        {"id": "tent-2", "quantity": 1, "item_price": 99.9},
        {"id": "7", "quantity": 2, "item_price": 15},
    ]
    assert sent == {
        "id": "123456789012345",
        "ev": "Purchase",
        "eid": "id-Purchase",
        "cd[value]": "129.9",
        "cd[currency]": "EUR",
        "cd[order_id]": "A-1001",
        "cd[content_type]": "product",
        "cd[content_ids]": '["tent-2","7"]',
        "cd[num_items]": "3",
    }


def test_analytics_gets_a_purchase_with_items_and_transaction_id(shop):
    seen = shop([GA4], START + send("Purchase", ORDER))
    (hit,) = seen.hits
    assert (hit.host, hit.path) == ("www.google-analytics.com", "/g/collect")
    assert {key: hit.params.get(key) for key in ("tid", "en", "gcs", "cu", "pr1", "pr2")} == {
        "tid": "G-ABCDE12345",
        "en": "purchase",
        "gcs": "G111",
        "cu": "EUR",
        "pr1": "idtent-2~nmTent~qt1~pr99.9",
        "pr2": "id7~qt2~pr15",
    }
    assert hit.params["epn.value"] == "129.9"
    assert hit.params["ep.transaction_id"] == "A-1001"


def test_ads_gets_remarketing_and_a_conversion_for_a_labelled_event(shop):
    seen = shop([ADS], START + send("Purchase", ORDER))
    remarketing, conversion = seen.hits
    assert remarketing.host == "googleads.g.doubleclick.net"
    assert remarketing.path == "/pagead/viewthroughconversion/123456789/"
    assert remarketing.params["data"] == "event=purchase;id=tent-2,7"
    assert (conversion.host, conversion.path) == (
        "www.googleadservices.com",
        "/pagead/conversion/123456789/",
    )
    sent = {key: value for key, value in conversion.params.items() if key not in ("url", "random")}
    assert sent == {
        "label": "abCDeFGhij",
        "value": "129.9",
        "currency_code": "EUR",
        "oid": "A-1001",
        "gcs": "G111",
    }


def test_ads_sends_no_conversion_for_an_event_without_a_label(shop):
    seen = shop([ADS], START + send("AddToCart", ORDER))
    assert [hit.host for hit in seen.hits] == ["googleads.g.doubleclick.net"]


@pytest.mark.parametrize("pixel", [META, GA4, ADS], ids=lambda pixel: pixel.platform)
def test_what_no_guide_names_stays_in_the_page(shop, pixel):
    seen = shop([pixel], START + send("Purchase", ORDER) + send("Size guide", ORDER))
    assert "lena" not in str([hit.params for hit in seen.hits])


ODD: list[object] = [
    {"order_id": "", "value": "", "currency": "", "contents": []},
    {"value": "abc", "currency": "EUR", "contents": "tent"},
    {"value": None, "contents": [None, {}, {"id": ""}, {"id": "a", "price": "free"}]},
    {"value": True, "contents": {"id": "a"}},
    {"value": 5},
]


@pytest.mark.parametrize("pixel", [META, GA4, ADS], ids=lambda pixel: pixel.platform)
def test_odd_parameters_are_left_out_and_break_nothing(shop, pixel):
    seen = shop([pixel], START + "".join(send("AddToCart", params) for params in ODD))
    assert len(seen.hits) == len(ODD)
    sent = {key for hit in seen.hits for key in hit.params}
    assert sent & {"ep.transaction_id", "oid", "cd[order_id]", "epn.value"} == set()
    assert {hit.params.get("cd[value]") for hit in seen.hits} <= {None, "5"}


def test_a_search_carries_its_words_where_the_guide_says_so(shop):
    seen = shop(
        [META, GA4],
        START + send("Search", {"search": "tent"}) + send("Search", {"search": "tent"}, 1),
    )
    words = {
        hit.params.get("cd[search_string]") or hit.params.get("ep.search_term") for hit in seen.hits
    }
    assert words == {"tent"}


def test_a_custom_event_keeps_its_name(shop):
    names = ["SizeGuide", "constructor", "toString", "__proto__", "a.b:c-d e"]
    seen = shop([META], START + "".join(send(name) for name in names))
    assert [hit.params["ev"] for hit in seen.hits] == names


@pytest.mark.parametrize("pixel", [GA4, ADS], ids=lambda pixel: pixel.platform)
def test_google_gets_a_custom_event_as_far_as_it_allows_its_name(shop, pixel):
    names = ["SizeGuide", "Size guide", "constructor", "x" * 60]
    reserved = ["__proto__", "1st", "google_thing", "gtag.js", "ga_x", "firebase_x"]
    seen = shop([pixel], START + "".join(send(name) for name in [*names, *reserved]))
    sent = [hit.params["en"] for hit in seen.hits]
    assert sent == ["SizeGuide", "Size_guide", "constructor", "x" * 40]


def test_two_pixels_of_one_platform_share_a_library_and_no_event(shop):
    steps = (
        START
        + send("PageView")
        + send("AddToCart", {}, 1)
        + "await libraries();"
        + send("Lead", {}, 1)
    )
    seen = shop([META, META_TWO], steps)
    assert [(hit.params["id"], hit.params["ev"]) for hit in seen.hits] == [
        (META.id, "PageView"),
        (META_TWO.id, "AddToCart"),
        (META_TWO.id, "Lead"),
    ]
    assert seen.scripts == ["https://connect.facebook.net/en_US/fbevents.js"]


def test_two_google_ids_share_one_library_and_no_event(shop):
    other = Pixel("ga4", "G-ZZZZZ99999")
    steps = (
        START
        + send("PageView")
        + send("Lead", {}, 1)
        + "await libraries();"
        + send("Search", {}, 2)
    )
    seen = shop([GA4, ADS, other], steps)
    assert [(hit.host.split(".")[1], hit.params.get("tid")) for hit in seen.hits] == [
        ("google-analytics", GA4.id),
        ("g", None),
        ("googleadservices", None),
        ("google-analytics", other.id),
    ]
    assert seen.scripts == ["https://www.googletagmanager.com/gtag/js?id=G-ABCDE12345"]


def test_a_google_pixel_started_later_uses_the_library_that_is_there(shop):
    steps = "grant('analytics_storage'); pixels[0].start(); await libraries();"
    steps += "document.querySelector('script[src]').remove();"
    steps += "grant('ad_storage'); pixels[1].start();" + send("Lead", {}, 1)
    seen = shop([GA4, ADS], steps)
    assert len(seen.scripts) == 1
    assert len(seen.hits) == 2


def test_meta_sends_nothing_while_revoked_and_goes_on_after_the_grant(shop):
    steps = START + "await libraries();" + send("PageView") + "pixels[0].revoke();"
    steps += "window.sent = hits.length;" + send("AddToCart") + "window.then = hits.length;"
    seen = shop([META], steps + "pixels[0].grant();" + send("Lead") + "return [sent, then];")
    assert seen.result == [1, 1]
    assert [hit.params["ev"] for hit in seen.hits][-1] == "Lead"


def test_a_meta_pixel_started_after_a_revoke_on_the_page_is_not_held_back(shop):
    steps = "pixels[0].start(); await libraries(); pixels[0].revoke(); pixels[1].start();"
    seen = shop([META, META_TWO], steps + send("Lead", {}, 1))
    assert [(hit.params["id"], hit.params["ev"]) for hit in seen.hits] == [(META_TWO.id, "Lead")]


def test_analytics_sends_nothing_while_revoked_and_goes_on_after_the_grant(shop):
    steps = START + "await libraries(); pixels[0].revoke();" + send("PageView")
    seen = shop([GA4], steps + "pixels[0].grant();" + send("Lead"))
    assert [hit.params["en"] for hit in seen.hits] == ["generate_lead"]


def test_limited_data_use_goes_with_every_hit_where_it_is_on(shop):
    limit = {"country": 1, "state": 1000}
    seen = shop([META], START + send("PageView"), limits={0: limit})
    (hit,) = seen.hits
    assert (hit.params["dpo"], hit.params["dpoco"], hit.params["dpost"]) == ("LDU", "1", "1000")


def test_limited_data_use_is_off_where_it_is_not_asked_for(shop):
    (hit,) = shop([META], START + send("PageView")).hits
    assert "dpo" not in hit.params  # empty on the wire
    assert (hit.params["dpoco"], hit.params["dpost"]) == ("0", "0")


@pytest.mark.parametrize("pixel", [META, GA4, ADS], ids=lambda pixel: pixel.platform)
def test_everything_that_is_stored_is_named_in_the_platform_file(shop, pixel):
    seen = shop([pixel], START + send("PageView"))
    names = [trace.name for trace in PLATFORMS.traces(pixel)]
    exact = {name for name in names if not name.endswith("*")}
    prefixes = tuple(name[:-1] for name in names if name.endswith("*"))
    assert seen.cookies
    assert {
        name
        for name in seen.cookies
        if name not in exact and not name.startswith(prefixes or ("\n",))
    } == set()


def test_analytics_alone_stores_nothing_for_advertising_and_says_so(shop):
    seen = shop([GA4], "grant('analytics_storage'); pixels[0].start();" + send("PageView"))
    assert [hit.params["gcs"] for hit in seen.hits] == ["G101"]
    assert seen.cookies == {"_ga", "_ga_ABCDE12345"}


def test_without_a_grant_the_stand_in_shows_the_cookieless_ping_it_would_send(shop):
    seen = shop(
        [GA4, ADS],
        "pixels.forEach((pixel) => pixel.start());" + send("PageView") + send("PageView", {}, 1),
    )
    assert [hit.params["gcs"] for hit in seen.hits] == ["G100", "G100"]
    assert seen.cookies == set()


OTHERS_FBQ = """
window.fbq = function () {
  fbq.callMethod ? fbq.callMethod.apply(fbq, arguments) : fbq.queue.push(arguments);
};
window._fbq = fbq; fbq.push = fbq; fbq.loaded = true; fbq.version = '2.0'; fbq.queue = [];
window.theirs = fbq;
fbq('set', 'autoConfig', false, '555555555555555'); fbq('init', '555555555555555');
fbq('trackSingle', '555555555555555', 'Contact');
"""


def test_an_fbq_of_another_script_is_used_and_not_replaced(shop):
    steps = START + send("Lead") + "await libraries(); return window.fbq === window.theirs;"
    seen = shop([META], steps, before=OTHERS_FBQ, complains=True)
    assert seen.result is True
    assert [(hit.params["id"], hit.params["ev"]) for hit in seen.hits] == [
        ("555555555555555", "Contact"),
        (META.id, "Lead"),
    ]
    # Theirs ran first, so the limits come late: the only thing that cannot be put right here.
    assert seen.complaints == ["fbevents.js stand-in: dataProcessingOptions came after init"]


def test_a_data_layer_and_gtag_of_another_script_are_used_and_not_replaced(shop):
    before = (
        DENIED
        + """
    dataLayer.push({ theme: 'data' });
    window.gtag = window.theirs = function () { dataLayer.push(arguments); };
    window.layer = dataLayer;
    gtag('js', new Date());
    """
    )
    steps = (
        START + send("Lead") + "await libraries(); return gtag === theirs && layer === dataLayer;"
    )
    seen = shop([GA4], steps, before=before)
    assert seen.result is True
    assert [hit.params["en"] for hit in seen.hits] == ["generate_lead"]


HOSTILE = [
    "</script><script>pwned=1</script>",
    "<!--<script>",
    "\u2028",
    "';pwned=1//",
    "{{ 7*7 }}",
    "\\",
]


@pytest.fixture(scope="module")
def parsed(chromium: Chromium) -> Callable[[str, str], Any]:
    """What the browser says of a page with one script, once it has read it."""
    page = chromium.run(lambda browser: browser.new_page())

    def read(_: Browser, script: str, asked: str) -> Any:
        page.set_content(f"<!doctype html><script>{script}</script>")
        return page.evaluate(asked)

    return lambda script, asked: chromium.run(read, script, asked)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    text=st.text(max_size=80)
    | st.sampled_from(HOSTILE)
    | st.text("</script>!-'\"\\\n`${}", max_size=30)
)
def test_a_hostile_value_is_text_to_a_real_parser(parsed, text):
    template = (
        "function (page) { return { id: {{ id | tojson }}, labels: {{ labels | tojson }} }; }"
    )
    factory = templates.fill(template, {"id": text, "labels": {"Purchase": text}})

    found = parsed(
        f"window.got = ({factory})(0);",
        "[got.id, got.labels.Purchase, typeof pwned, document.scripts.length]",
    )
    assert found == [text, text, "undefined", 1]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    text=st.text(max_size=60)
    | st.sampled_from(HOSTILE)
    | st.text("</script>!-'\"\\\n`${}", max_size=30)
)
def test_no_template_of_any_platform_can_be_broken_out_of(parsed, text):
    """As if no pattern had refused the value: the browser's own parser reads every template."""
    values = {
        "id": text,
        "script": text,
        "labels": {text: text, "Purchase": text},
        "events": {text: text},
        "omits": {text: [text]},
        "automatic": False,
    }
    sources = [path for path in SNIPPETS.glob("*/pixel.js")]
    assert len(sources) > len(PLATFORMS)  # the store's own too
    made = [templates.fill(path.read_text(encoding="utf-8"), values) for path in sources]
    made = [re.sub(r"\A(?:\s*//[^\n]*\n)+", "", one) for one in made]

    found = parsed(
        f"window.got = [{','.join(made)}].map((one) => typeof one);",
        "[got, typeof pwned, document.scripts.length]",
    )
    assert found == [["function"] * len(made), "undefined", 1]
