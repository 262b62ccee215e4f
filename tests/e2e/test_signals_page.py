"""What others on the page are told, each held to the protocol that its owner documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from tests.e2e.claims import ADS, META
from tests.e2e.published import SIGNALLING, consent_types, google_commands, publish
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]
GRANTED, DENIED = "granted", "denied"


@pytest.fixture(scope="module")
def snippet(shop: Shop, service: Service) -> str:
    return publish(service, shop, "signals", SIGNALLING)


@pytest.fixture
def signalling(shop: Shop, snippet: str) -> Iterator[Shop]:
    """The shop with a store that has every signal switched on."""
    with shop.serving(snippet):
        yield shop


WP_API = """
window.wpSaid = [];
window.wp_has_consent = (category) => {
  const name = `wp_consent_${category}=`;
  const found = document.cookie.split('; ').find((one) => one.startsWith(name));
  const type = window.wp_consent_type;
  if (!type || (type.includes('optout') && !found)) return true;
  return !!found && found.endsWith('=allow');
};
window.wp_set_consent = (category, value) => {
  if (value != 'allow' && value != 'deny') throw new Error(value);
  document.cookie = `wp_consent_${category}=${value}; path=/`;
  wpSaid.push([category, value]);
};
"""
WP_LISTENS = """
window.wpTypes = [];
document.addEventListener('wp_consent_type_defined', () => wpTypes.push(window.wp_consent_type));
"""
WP_CATEGORIES = ["functional", "preferences", "statistics", "statistics-anonymous", "marketing"]


def wp_said(page: Page) -> list[tuple[str, str]]:
    return [(category, value) for category, value in page.evaluate("wpSaid")]


def test_wordpress_hears_every_category_and_again_on_every_page(
    visitor_from: Make, signalling: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.context.add_init_script(WP_LISTENS + WP_API)
    visitor.visit(f"{signalling.origin}/privacy")
    assert visitor.page.evaluate("wpTypes") == ["optin"]
    assert wp_said(visitor.page) == []
    assert visitor.cookies() == set()
    visitor.decide("accept")
    allowed = [(category, "allow") for category in WP_CATEGORIES]
    assert wp_said(visitor.page) == allowed
    visitor.visit(f"{signalling.origin}/privacy")
    assert visitor.page.evaluate("wpTypes") == ["optin"]
    assert wp_said(visitor.page) == allowed
    visitor.page.evaluate("wpSaid.length = 0; pixelgate('withdraw')")
    visitor.settle()
    assert dict(wp_said(visitor.page)) == {
        category: "allow" if category == "functional" else "deny" for category in WP_CATEGORIES
    }


def test_wordpress_is_told_when_its_script_comes_long_after_ours(
    visitor_from: Make, signalling: Shop
) -> None:
    visitor = visitor_from("Tokyo")
    visitor.context.add_init_script(WP_LISTENS)
    visitor.context.route(
        "**/wp-consent-api.js",
        lambda route: route.fulfill(body=WP_API, content_type="text/javascript"),
    )
    visitor.visit(f"{signalling.origin}/privacy")
    visitor.decide("reject")
    assert visitor.page.evaluate("[wp_consent_type, wpTypes]") == ["optout", []]
    visitor.page.evaluate(
        """() => new Promise((done) => {
            const script = document.createElement('script');
            script.src = '/wp-consent-api.js';
            script.onload = () => setTimeout(done);
            document.head.append(script);
        })"""
    )
    assert visitor.page.evaluate("wpTypes") == ["optout"]
    assert ("marketing", "deny") in wp_said(visitor.page)
    assert ("statistics", "deny") in wp_said(visitor.page)


def test_before_a_choice_wordpress_hears_only_a_no_that_it_would_not_guess(
    visitor_from: Make, signalling: Shop
) -> None:
    told = visitor_from("Los Angeles")
    told.context.add_init_script(WP_API)
    told.visit(f"{signalling.origin}/privacy")
    assert told.page.evaluate("wp_consent_type") == "optout"
    assert wp_said(told.page) == []
    outlived = visitor_from("Berlin")
    outlived.context.add_init_script(WP_API)
    outlived.context.add_cookies(
        [{"name": "wp_consent_marketing", "value": "allow", "url": signalling.origin}]
    )
    outlived.visit(f"{signalling.origin}/privacy")
    assert wp_said(outlived.page) == [("marketing", "deny")]


SHOPIFY = """
window.shopifySaid = [];
const kept = () => JSON.parse(sessionStorage.shopify
  || '{"marketing":"","analytics":"","preferences":"","sale_of_data":""}');
window.Shopify = { loadFeatures(features, callback) {
  shopifySaid.push(['load', features]);
  setTimeout(() => {
    if (window.shopifyFails) return callback(new Error('away'));
    Shopify.customerPrivacy = {
      currentVisitorConsent: kept,
      setTrackingConsent(consent, callback) {
        shopifySaid.push(['set', consent]);
        const now = kept();
        for (const [name, yes] of Object.entries(consent)) now[name] = yes ? 'yes' : 'no';
        sessionStorage.shopify = JSON.stringify(now);
        callback();
      },
    };
    callback();
  }, 20);
} };
"""
LOADED = ["load", [{"name": "consent-tracking-api", "version": "0.1"}]]


def shopify_consent(marketing: bool, *, analytics: bool, sale: bool) -> list[Any]:
    said = {"analytics": analytics, "marketing": marketing, "preferences": analytics}
    return ["set", {**said, "sale_of_data": sale}]


def test_shopify_hears_a_choice_once_and_nothing_before_it(
    visitor_from: Make, signalling: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.context.add_init_script(SHOPIFY)
    visitor.visit(f"{signalling.origin}/privacy")
    assert visitor.page.evaluate("shopifySaid") == [LOADED]
    visitor.decide("accept")
    everything = shopify_consent(True, analytics=True, sale=True)
    assert visitor.page.evaluate("shopifySaid") == [LOADED, everything]
    visitor.visit(f"{signalling.origin}/privacy")
    assert visitor.page.evaluate("shopifySaid") == [LOADED]
    visitor.page.evaluate("pixelgate('withdraw')")
    visitor.settle()
    kept = json.loads(visitor.page.evaluate("sessionStorage.shopify"))
    assert set(kept.values()) == {"no"}


def test_shopify_that_comes_late_hears_that_the_signal_refuses_the_sale_of_data(
    visitor_from: Make, signalling: Shop
) -> None:
    visitor = visitor_from("Los Angeles with GPC")
    visitor.context.route(
        "**/shopify.js", lambda route: route.fulfill(body=SHOPIFY, content_type="text/javascript")
    )
    visitor.visit(f"{signalling.origin}/privacy")
    visitor.page.evaluate(
        "const late = document.createElement('script');"
        "late.src = '/shopify.js'; document.head.append(late)"
    )
    visitor.page.wait_for_function("window.shopifySaid && shopifySaid.length == 2")
    refused = shopify_consent(False, analytics=True, sale=False)
    assert visitor.page.evaluate("shopifySaid") == [LOADED, refused]


def test_a_yes_that_shopify_kept_for_too_long_is_taken_back(
    visitor_from: Make, signalling: Shop
) -> None:
    visitor = visitor_from("Berlin")
    old = json.dumps({"marketing": "yes", "analytics": "", "preferences": "", "sale_of_data": ""})
    visitor.context.add_init_script(f"sessionStorage.shopify ||= {json.dumps(old)};{SHOPIFY}")
    visitor.visit(f"{signalling.origin}/privacy")
    visitor.page.wait_for_function("shopifySaid.length == 2")
    refused = shopify_consent(False, analytics=False, sale=False)
    assert visitor.page.evaluate("shopifySaid[1]") == refused


def test_a_shopify_that_fails_is_one_line_in_the_console(
    visitor_from: Make, signalling: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.context.add_init_script(f"window.shopifyFails = true;{SHOPIFY}")
    with visitor.page.expect_console_message(lambda message: "Shopify" in message.text):
        visitor.visit(f"{signalling.origin}/privacy")
    visitor.settle()
    complaints = [line for line in visitor.console if line.startswith(("error", "warning"))]
    assert len(complaints) == 1
    assert "Shopify did not load its privacy API" in complaints[0]


def pushed(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(
        "dataLayer.filter((one) => String(one.event).startsWith('pixelgate'))"
    )
    return found


def test_tag_manager_gets_an_event_on_every_page_and_at_every_change(
    visitor_from: Make, signalling: Shop
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(f"{signalling.origin}/privacy")
    (first,) = pushed(visitor.page)
    assert first["event"] == "pixelgate_consent"
    said = first["pixelgate"]
    assert said["grants"] == {"preferences": False, "analytics": False, "marketing": False}
    assert (said["granted"], said["refused"], said["gpc"]) == ("necessary", "", False)
    assert (said["model"], said["version"]) == ("opt-in", 1)
    visitor.decide("accept")
    _, consent, decision = pushed(visitor.page)
    assert consent["event"] == "pixelgate_consent"
    assert consent["pixelgate"]["granted"] == "necessary,preferences,analytics,marketing"
    assert decision["event"] == "pixelgate_decision"
    assert decision["pixelgate"] == {**consent["pixelgate"], "action": "accept_all"}
    order = visitor.page.evaluate("dataLayer.map((one) => one.event || one[0] + '/' + one[1])")
    assert order.index("consent/update") < order.index("pixelgate_consent")
    visitor.visit(f"{signalling.origin}/privacy")
    (again,) = pushed(visitor.page)
    assert again["pixelgate"]["granted"] == "necessary,preferences,analytics,marketing"


# What the vendor's library does with the queue: it takes the array's items one after the other, and
# leaves an object whose push takes a whole command.
UET = """
window.uetSaid = [];
class Uet {
  constructor(queued) {
    const items = Array.from(queued);
    while (items.length) this.push(...items.splice(0, items[0] == 'consent' ? 3 : 1));
  }
  push(...command) { uetSaid.push(command); }
}
window.uetq = new Uet(window.uetq || []);
"""


def uet(word: str, state: str) -> list[Any]:
    return ["consent", word, {"ad_storage": state}]


def test_uet_gets_its_default_and_updates_in_the_form_of_its_queue(
    visitor_from: Make, shop: Shop, service: Service
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(f"{shop.origin}/privacy")
    queue = [*uet("default", DENIED), *uet("update", DENIED)]
    assert visitor.page.evaluate("uetq") == queue
    visitor.decide("accept")
    assert visitor.page.evaluate("uetq") == [*queue, *uet("update", GRANTED)]
    visitor.visit(f"{shop.origin}/privacy")
    assert visitor.page.evaluate("uetq") == [*uet("default", DENIED), *uet("update", GRANTED)]


@pytest.mark.parametrize("early", [True, False], ids=["before the snippet", "after the loader"])
def test_uet_hears_consent_as_a_loaded_library_too(
    early: bool, visitor_from: Make, shop: Shop, service: Service
) -> None:
    visitor = visitor_from("Montréal")
    if early:
        visitor.context.add_init_script(UET)
    visitor.visit(f"{shop.origin}/privacy")
    if not early:
        visitor.page.evaluate(UET)
    assert visitor.page.evaluate("uetSaid") == [uet("default", DENIED), uet("update", DENIED)]
    visitor.decide("accept")
    assert visitor.page.evaluate("uetSaid.at(-1)") == uet("update", GRANTED)


def with_property(visitor: Visitor, value: str) -> None:
    visitor.context.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl',"
        f" {{ get: () => ({value}), configurable: true }});"
    )


def gpc_decision(visitor: Visitor, shop: Shop) -> dict[str, Any]:
    with visitor.page.expect_response(lambda answer: answer.url.endswith("/decisions")) as post:
        visitor.visit(f"{shop.origin}/thanks")
    sent: dict[str, Any] = post.value.request.post_data_json
    return sent


def test_the_property_alone_refuses_at_once(
    visitor_from: Make, shop: Shop, service: Service
) -> None:
    visitor = visitor_from("Los Angeles")
    with_property(visitor, "true")
    sent = gpc_decision(visitor, shop)
    assert (sent["action"], sent["gpc"]) == ("gpc", True)
    assert sent["grants"] == {"preferences": True, "analytics": True, "marketing": False}
    assert visitor.hits(META) == visitor.hits(ADS) == []
    assert google_commands(visitor.page)[1][2] == consent_types(GRANTED, DENIED)


@pytest.mark.parametrize("value", ["undefined", "false"])
def test_the_header_alone_refuses_at_once(
    value: str, visitor_from: Make, shop: Shop, service: Service
) -> None:
    visitor = visitor_from("Los Angeles with GPC")
    with_property(visitor, value)
    sent = gpc_decision(visitor, shop)
    assert (sent["action"], sent["gpc"]) == ("gpc", True)
    assert visitor.hits(META) == visitor.hits(ADS) == []


@pytest.mark.parametrize(
    ("header", "value"),
    [("0", "undefined"), ("true", "1"), ("11", "'1'"), ("1;x", "'true'"), ("?1", "({})")],
)
def test_what_is_not_exactly_the_signal_is_none(
    header: str, value: str, visitor_from: Make, shop: Shop, service: Service
) -> None:
    visitor = visitor_from("Los Angeles")

    answers: list[str] = []

    # Chromium itself refuses to send another value, but what stands between may.
    def sent(route: Route) -> None:
        answer = route.fetch(headers={**route.request.headers, "sec-gpc": header})
        answers.append(answer.text())
        route.fulfill(response=answer)

    visitor.context.route(f"{service.url}/s/summit/loader.js*", sent)
    with_property(visitor, value)
    visitor.visit(f"{shop.origin}/thanks")
    assert ['"gpc":true' in answer for answer in answers] == [False]
    assert [hit["ev"] for hit in visitor.hits(META)] == ["PageView", "Purchase"]
    assert visitor.decisions() == []
