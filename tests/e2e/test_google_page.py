"""Google's Consent Mode on the page, and what scripts of others have defined before we come."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from consent import defaults
from tests.e2e.claims import ADS, CONVERSIONS, GA4, META, assert_exact_purchase
from tests.e2e.published import SIGNALLING, consent_types, google_commands, publish
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]
REDACTED = "pagead2.googlesyndication.com"
GRANTED, DENIED = "granted", "denied"


@pytest.fixture(scope="module")
def snippet(shop: Shop, service: Service) -> str:
    return publish(service, shop, "signals", SIGNALLING)


@pytest.fixture
def signalling(shop: Shop, snippet: str) -> Iterator[Shop]:
    """The shop with a store that has every signal switched on."""
    with shop.serving(snippet):
        yield shop


def test_google_gets_defaults_settings_and_updates_in_order_and_as_arguments(
    visitor_from: Make, signalling: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(f"{signalling.origin}/privacy")
    denied = consent_types(DENIED, DENIED)
    default = {k: v for k, v in denied.items() if k in list(defaults.TYPES)[:4]}
    before = [
        ["consent", "default", default],
        ["set", "ads_data_redaction", True],
        ["set", "url_passthrough", True],
        ["consent", "update", denied],
    ]
    assert google_commands(visitor.page) == before
    visitor.decide("accept")
    after = google_commands(visitor.page)
    assert after[:5] == [*before, ["consent", "update", consent_types(GRANTED, GRANTED)]]
    assert [command[0] for command in after[5:]] == ["js", "config", "config"]
    assert not [line for line in visitor.console if "stand-in" in line]


@pytest.mark.parametrize("place", ["Los Angeles", "Tokyo"])
def test_where_the_law_allows_it_refused_google_pixels_ping_without_cookies(
    place: str, visitor_from: Make, signalling: Shop
) -> None:
    visitor = visitor_from(place)
    visitor.visit(f"{signalling.origin}/?gclid=Xy-Z")
    assert {hit["gcs"] for hit in [*visitor.hits(GA4), *visitor.hits(ADS)]} == {"G111"}
    assert {"_ga", "_ga_TEST123456", "_gcl_au"} <= visitor.cookies()
    visitor.page.evaluate("window.same = 'page'")
    visitor.forget()
    visitor.decide("reject")
    visitor.page.evaluate("pixelgate('track', 'Lead')")
    visitor.settle()
    assert visitor.page.evaluate("same") == "page"
    (ping,) = visitor.hits(GA4)
    assert (ping["en"], ping["gcs"], ping.get("cid", "")) == ("generate_lead", "G100", "")
    (ping,) = visitor.hits(REDACTED)
    assert ping["gcs"] == "G100"
    assert "Xy-Z" not in ping["url"]
    assert visitor.cookies() == {"pixelgate"}
    visitor.forget()
    visitor.page.get_by_role("link", name="A tent").click()
    visitor.page.wait_for_url("**/product?gclid=Xy-Z")
    visitor.settle()
    assert [hit["en"] for hit in visitor.hits(GA4)] == ["page_view", "view_item"]
    assert {hit["gcs"] for hit in [*visitor.hits(GA4), *visitor.hits(REDACTED)]} == {"G100"}
    assert visitor.cookies() == {"pixelgate"}
    assert visitor.hits(META) == visitor.hits(ADS) == visitor.hits(CONVERSIONS) == []
    assert not [line for line in visitor.console if "stand-in" in line]


def test_a_google_pixel_that_pinged_runs_in_full_as_soon_as_it_may(
    visitor_from: Make, signalling: Shop
) -> None:
    visitor = visitor_from("Dallas")
    visitor.visit(f"{signalling.origin}/privacy")
    visitor.decide("reject")
    visitor.visit(f"{signalling.origin}/privacy")
    visitor.click("open")
    visitor.decide("accept")
    visitor.forget()
    visitor.page.evaluate("pixelgate('track', 'Lead')")
    visitor.settle()
    assert [(hit["en"], hit["gcs"]) for hit in visitor.hits(GA4)] == [("generate_lead", "G111")]
    assert [hit["gcs"] for hit in visitor.hits(ADS)] == ["G111"]
    assert {"_ga", "_gcl_au"} <= visitor.cookies()


def test_a_withdrawal_by_the_page_leaves_pings_alone(visitor_from: Make, signalling: Shop) -> None:
    visitor = visitor_from("Los Angeles")
    visitor.visit(f"{signalling.origin}/privacy")
    visitor.decide("accept")
    visitor.forget()
    visitor.page.evaluate("pixelgate('withdraw'); pixelgate('track', 'Lead')")
    visitor.settle()
    visitor.page.evaluate("pixelgate('track', 'Search')")
    visitor.settle()
    assert {hit["gcs"] for hit in visitor.hits(GA4)} == {"G100"}
    assert "search" in [hit["en"] for hit in visitor.hits(GA4)]
    assert visitor.cookies() == {"pixelgate"}


def test_where_the_law_forbids_it_a_store_that_asks_for_pings_gets_none(
    visitor_from: Make, signalling: Shop, service: Service
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(signalling.origin)
    visitor.decide("reject")
    visitor.visit(f"{signalling.origin}/thanks")
    visitor.page.evaluate("pixelgate('track', 'Lead')")
    visitor.settle()
    assert visitor.requests == []
    assert visitor.cookies() == {"pixelgate"}
    said = service.consent("explain", "--country", "DE", "--store", "signals")
    assert "Google Consent Mode: basic, though the store asks for advanced: eea does not" in said


def test_against_the_signal_no_google_pixel_pings(visitor_from: Make, signalling: Shop) -> None:
    visitor = visitor_from("Los Angeles with GPC")
    visitor.visit(f"{signalling.origin}/thanks")
    visitor.visit(f"{signalling.origin}/thanks")
    assert visitor.hits(ADS) == visitor.hits(REDACTED) == visitor.hits(CONVERSIONS) == []
    assert {hit["gcs"] for hit in visitor.hits(GA4)} == {"G101"}
    assert "_gcl_au" not in visitor.cookies()


FBQ_STUB = """
window.fbq = function () {
  fbq.callMethod ? fbq.callMethod(...arguments) : fbq.queue.push(arguments);
};
window._fbq = fbq.push = fbq; fbq.loaded = true; fbq.version = '2.0'; fbq.queue = [];
window.theirs = fbq;
"""
FBQ_LIBRARY = f"""{FBQ_STUB}
window.fbqSaid = [];
fbq.callMethod = (...command) => fbqSaid.push(command);
"""
GTAG_FUNCTION = """
window.dataLayer = window.dataLayer || [];
window.gtag = function () { window.dataLayer.push(arguments); };
window.theirs = gtag;
"""
LAYER_LIBRARY = """
window.dataLayer = [{event: 'theirs'}];
window.layerSaid = [];
window.theirs = window.dataLayer.push = function (...given) {
  layerSaid.push(...given);
  return Array.prototype.push.apply(this, given);
};
"""


@pytest.mark.parametrize(
    ("first", "kept"),
    [
        (FBQ_STUB, "fbq == theirs && _fbq == theirs"),
        (GTAG_FUNCTION, "gtag == theirs"),
        (
            LAYER_LIBRARY,
            "dataLayer[0].event == 'theirs' && layerSaid.some((c) => c[0] == 'config')",
        ),
        ("window.uetq = ['event', 'theirs', {}];", "uetq[1] == 'theirs' && uetq[3] == 'consent'"),
    ],
    ids=["fbq stub", "gtag function", "dataLayer of a library", "uetq array"],
)
def test_what_other_scripts_defined_first_stays_theirs_and_is_used(
    first: str, kept: str, visitor_from: Make, shop: Shop, service: Service
) -> None:
    visitor = visitor_from("Tokyo")
    visitor.context.add_init_script(first)
    visitor.visit(f"{shop.origin}/thanks")
    assert_exact_purchase(visitor)
    assert visitor.page.evaluate(kept)
    assert not [line for line in visitor.console if line.startswith(("error", "warning"))]


def test_a_library_of_metas_that_is_there_gets_the_calls_and_is_not_loaded_again(
    visitor_from: Make, shop: Shop, service: Service
) -> None:
    visitor = visitor_from("Tokyo")
    visitor.context.add_init_script(FBQ_LIBRARY)
    visitor.visit(f"{shop.origin}/thanks")
    said = visitor.page.evaluate("fbqSaid")
    assert ["init", "123456789012345"] in said
    tracked = [call for call in said if call[0] == "trackSingle"]
    assert [call[2] for call in tracked] == ["PageView", "Purchase"]
    assert "connect.facebook.net" not in visitor.hosts


def test_googles_library_of_the_page_is_held_by_our_defaults_and_not_loaded_twice(
    visitor_from: Make, shop: Shop, service: Service
) -> None:
    own = (
        '<script src="https://www.googletagmanager.com/gtag/js?id=G-THEIRS1234"></script>'
        "<script>window.dataLayer = window.dataLayer || [];"
        "function gtag(){dataLayer.push(arguments)} gtag('js', new Date());"
        "gtag('config', 'G-THEIRS1234');</script>"
    )
    with shop.serving(shop.snippet + own):
        visitor = visitor_from("Berlin")
        visitor.visit(f"{shop.origin}/thanks")
        assert [(hit["tid"], hit["gcs"]) for hit in visitor.hits(GA4)] == [("G-THEIRS1234", "G100")]
        assert visitor.cookies() == set()
        visitor.forget()
        visitor.decide("accept")
    assert [hit["en"] for hit in visitor.hits(GA4)] == ["page_view", "purchase"]
    assert {(hit["tid"], hit["gcs"]) for hit in visitor.hits(GA4)} == {("G-TEST123456", "G111")}
    assert not [url for url in visitor.requests if "/gtag/js" in url]
    assert not [line for line in visitor.console if "stand-in" in line]
