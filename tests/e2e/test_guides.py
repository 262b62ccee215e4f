"""The code of snippets/GUIDES.md, taken out of the page and run: a guide that rots fails here."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Frame, Route

from tests.e2e.claims import GA4, META
from tests.e2e.published import publish
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import DOUBLES, Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]

GUIDES = Path(__file__).resolve().parents[2] / "snippets" / "GUIDES.md"
TEXT = GUIDES.read_text(encoding="utf-8")
FILES = dict(
    re.findall(r"^\*\*`([^`\n]+)`\*\*\n\n```\w+\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
)
STORE = """
page_views = "automatic"
[[pixels]]
platform = "meta"
id = "123456789012345"
"""
GA4_TOO = """
[[pixels]]
platform = "ga4"
id = "G-TEST123456"
"""
BY_HAND = """
[signals]
datalayer = true
"""
PAGE = '<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>'
ICON = '<link rel="icon" href="data:,">'
HOSTS = "https://connect.facebook.net https://www.googletagmanager.com"
STRICT = (
    "default-src 'none'; script-src {scripts} {service} " + HOSTS + "; style-src 'self'; "
    "connect-src 'self' {service} https:; img-src data: https:; form-action 'self'"
)
EVENTS = {
    "product.html": (["ViewContent", "AddToCart"], ["view_item", "add_to_cart"]),
    "search.html": (["Search"], ["search"]),
    "checkout.html": (
        ["InitiateCheckout", "AddPaymentInfo"],
        ["begin_checkout", "add_payment_info"],
    ),
    "thanks.html": (["Purchase"], ["purchase"]),
    "newsletter.html": (["Lead"], ["generate_lead"]),
    "account.html": (["CompleteRegistration"], ["sign_up"]),
}


@pytest.fixture(scope="module")
def snippet(shop: Shop, service: Service) -> str:
    return publish(service, shop, "guides", STORE + GA4_TOO)


@pytest.fixture
def pages(shop: Shop, snippet: str) -> Iterator[Callable[..., str]]:
    """Makes pages of the shop's: ``pages("thanks.html")`` is one with that block of the guide."""

    def make(*names: str, head: str = "head.html", body: str = "", policy: str = "") -> str:
        blocks = FILES[head].replace("<!-- the snippet -->", snippet) + ICON
        text = PAGE.format(head=blocks, body="".join(FILES[name] for name in names) + body)
        shop.csp = policy
        if "nonce-abc123" in shop.csp:
            text = text.replace("<script>", '<script nonce="abc123">')
        shop.own["/guide"] = text
        return f"{shop.origin}/guide"

    yield make
    shop.own.pop("/guide", None)
    shop.csp = ""


def answer(visitor: Visitor, path: str, body: str = "", kind: str = "text/javascript") -> None:
    """What the shop's server says there; ``path`` is a regular expression."""
    visitor.context.route(
        re.compile(path), lambda route: route.fulfill(body=body, content_type=kind)
    )


def enter(visitor: Visitor, url: str) -> None:
    answer(visitor, r"/shop\.css$", kind="text/css")
    answer(visitor, r"/cart$", "{}", "application/json")
    visitor.visit(url)


def do_what_the_page_offers(visitor: Visitor, name: str) -> None:
    if name == "product.html":
        visitor.page.get_by_role("button", name="Add to cart").click()
    elif name == "checkout.html":
        # The order would lead to the next page, which is another block.
        visitor.page.evaluate("addEventListener('submit', (event) => event.preventDefault())")
        visitor.page.get_by_role("button", name="Pay").click()
    visitor.settle()


def complaints(visitor: Visitor) -> list[str]:
    return [line for line in visitor.console if line.startswith(("error", "warning"))]


def sent(visitor: Visitor, host: str, key: str) -> list[str]:
    return sorted(hit[key] for hit in visitor.hits(host))


def test_the_guides_have_the_blocks_that_are_run_here() -> None:
    assert {*EVENTS, "head.html", "footer.html", "pixelgate.php", "proxy.ts"} <= set(FILES)
    headings = re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= anchors
    files = [link.partition("#")[0] for link in re.findall(r"\]\(([^#)][^)]*)\)", TEXT)]
    assert [link for link in files if not (GUIDES.parent / link).is_file()] == []


@pytest.mark.parametrize("name", EVENTS)
def test_plain_html_sends_each_event_once_under_a_strict_policy(
    name: str, visitor_from: Make, pages: Callable[..., str], service: Service
) -> None:
    visitor = visitor_from("Tokyo")
    policy = STRICT.format(scripts="'nonce-abc123'", service=service.url)
    enter(visitor, pages(name, "footer.html", policy=policy))
    do_what_the_page_offers(visitor, name)
    meta, ga4 = EVENTS[name]
    assert sent(visitor, META, "ev") == sorted(["PageView", *meta])
    assert sent(visitor, GA4, "en") == sorted(["page_view", *ga4])
    assert complaints(visitor) == []


def test_plain_html_says_an_order_with_all_that_the_guide_gives(
    visitor_from: Make, pages: Callable[..., str]
) -> None:
    visitor = visitor_from("Tokyo")
    enter(visitor, pages("thanks.html"))
    (purchase,) = [hit for hit in visitor.hits(META) if hit["ev"] == "Purchase"]
    assert purchase["eid"] == "order-SO-1001"
    assert (float(purchase["cd[value]"]), purchase["cd[currency]"]) == (511.0, "EUR")
    assert "tent-2p" in purchase["cd[content_ids]"]
    (order,) = [hit for hit in visitor.hits(GA4) if hit["en"] == "purchase"]
    assert order["ep.transaction_id"] == "SO-1001"


def test_plain_html_waits_for_the_visitor_and_has_a_way_back(
    visitor_from: Make, pages: Callable[..., str]
) -> None:
    visitor = visitor_from("Berlin")
    enter(visitor, pages("product.html", "footer.html"))
    do_what_the_page_offers(visitor, "product.html")
    assert visitor.requests == []
    visitor.decide("accept")
    assert sent(visitor, META, "ev") == ["AddToCart", "PageView", "ViewContent"]
    visitor.page.get_by_role("button", name="Privacy choices").click()
    visitor.page.locator("#pixelgate [data-purpose]").first.wait_for()
    assert complaints(visitor) == []


def test_a_cached_page_can_name_the_snippets_hash_in_its_policy(
    visitor_from: Make, pages: Callable[..., str], service: Service, snippet: str
) -> None:
    text = snippet.removeprefix("<script>").removesuffix("</script>")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    visitor = visitor_from("Tokyo")
    policy = STRICT.format(scripts=f"'sha256-{digest}'", service=service.url)
    enter(visitor, pages(policy=policy))
    assert sent(visitor, META, "ev") == ["PageView"]
    assert complaints(visitor) == []


def item(key: str, quantity: int, price: float) -> dict[str, Any]:
    return {"id": key, "quantity": quantity, "price": price, "name": key}


def about(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    value = sum(one["price"] * one["quantity"] for one in items)
    return {"value": value, "currency": "EUR", "contents": list(items), **more}


def woo(events: list[Any], checkout: dict[str, Any] | None = None) -> str:
    """What ``pixelgate.php`` prints in the footer, and the script that comes after it."""
    said = {"events": events, "queue": "/?wc-ajax=pixelgate_events", "checkout": checkout}
    return (
        f'<script type="application/json" id="pixelgate-events">{json.dumps(said)}</script>'
        '<button id="place_order">Buy</button>'
        '<script src="/pixelgate.js"></script>'
    )


@pytest.mark.parametrize(
    "request_",
    [
        "/?wc-ajax=add_to_cart",
        "/wp-json/wc/store/v1/batch",
        "/?rest_route=%2Fwc%2Fstore%2Fv1%2Fcart%2Fadd-item",
    ],
)
def test_woocommerce_asks_the_server_for_what_was_added(
    request_: str, visitor_from: Make, pages: Callable[..., str]
) -> None:
    visitor = visitor_from("Tokyo")
    answer(visitor, r"/pixelgate\.js$", FILES["pixelgate.js"])
    answer(visitor, r"add_to_cart$|/batch$|add-item$", "{}", "application/json")
    queue = [[["AddToCart", about(item("tent-2p", 2, 249.5), event_id="a-1")]], []]
    asked: list[str] = []

    def tell(route: Route) -> None:
        asked.append(route.request.method)
        body = json.dumps(queue.pop(0) if queue else [])
        route.fulfill(body=body, content_type="application/json")

    visitor.context.route(re.compile(r"wc-ajax=pixelgate_events$"), tell)
    page = pages(body=woo([["ViewContent", about(item("tent-2p", 1, 249.5))]]))
    enter(visitor, page)
    assert sent(visitor, META, "ev") == ["PageView", "ViewContent"]
    assert asked == []
    for _ in range(2):
        visitor.page.evaluate("(path) => fetch(path, { method: 'POST' })", request_)
        visitor.settle()
    assert asked == ["POST", "POST"]
    assert sent(visitor, META, "ev") == ["AddToCart", "PageView", "ViewContent"]
    assert complaints(visitor) == []


def test_woocommerce_says_a_way_of_paying_once(
    visitor_from: Make, pages: Callable[..., str]
) -> None:
    visitor = visitor_from("Tokyo")
    answer(visitor, r"/pixelgate\.js$", FILES["pixelgate.js"])
    cart = about(item("tent-2p", 2, 249.5))
    enter(visitor, pages(body=woo([["InitiateCheckout", cart]], cart)))
    for _ in range(2):
        visitor.page.get_by_role("button", name="Buy").click()
    visitor.settle()
    assert sent(visitor, META, "ev") == ["AddPaymentInfo", "InitiateCheckout", "PageView"]


ADDED = {"variant_id": 42, "quantity": 5, "price": 24950, "product_title": "Ridge 2"}


@pytest.mark.parametrize(
    ("path", "said", "call"),
    [
        ("/cart/add", ADDED, "fetch('/cart/add', { method: 'POST', body: form })"),
        (
            "/en/cart/add.js",
            {"items": [ADDED]},
            "fetch('/en/cart/add.js', { method: 'POST',"
            " body: JSON.stringify({ items: [{ id: 42, quantity: 2 }] }) })",
        ),
        ("/cart/add.js", ADDED, "fetch('/cart/add.js', { method: 'POST', body: 'quantity=2' })"),
    ],
    ids=["form", "items", "text"],
)
def test_a_shopify_theme_says_what_was_added_however_it_asks(
    path: str, said: dict[str, Any], call: str, visitor_from: Make, pages: Callable[..., str]
) -> None:
    visitor = visitor_from("Tokyo")
    answer(visitor, r"/assets/pixelgate\.js$", FILES["assets/pixelgate.js"])
    answer(visitor, re.escape(path) + "$", json.dumps(said), "application/json")
    enter(visitor, pages(body='<script src="/assets/pixelgate.js"></script>'))
    read = visitor.page.evaluate(
        f"""async () => {{
            window.Shopify = {{ currency: {{ active: 'EUR' }} }};
            const form = new FormData();
            form.set('quantity', '2');
            return (await {call}).json();
        }}"""
    )
    assert read == said
    visitor.settle()
    (added,) = [hit for hit in visitor.hits(META) if hit["ev"] == "AddToCart"]
    assert (float(added["cd[value]"]), added["cd[currency]"]) == (499.0, "EUR")
    assert "42" in added["cd[content_ids]"]


SANDBOX = "allow-scripts allow-forms"
STAND_INS = """<script>
window.heard = {};
window.jar = { _ga: 'GA1.1.1234567890.1700000000', _fbp: 'fb.1.1700000000000.99' };
const analytics = { subscribe: (name, tell) => { heard[name] = tell; } };
const granting = (yes) => ({ analyticsProcessingAllowed: yes, marketingAllowed: yes,
    preferencesProcessingAllowed: yes, saleOfDataAllowed: yes });
const init = { customerPrivacy: granting(true) };
const api = { customerPrivacy: { subscribe: (name, tell) => { heard[name] = tell; } } };
const browser = { cookie: { get: async (name) => jar[name] || '' } };
</script>"""
CHECKOUT = {
    "currencyCode": "EUR",
    "token": "secret-token",
    "order": {"id": "5001"},
    "totalPrice": {"amount": 511.0, "currencyCode": "EUR"},
    "lineItems": [
        {
            "title": "Ridge 2",
            "quantity": 2,
            "variant": {"id": "42", "price": {"amount": 249.5, "currencyCode": "EUR"}},
        }
    ],
}
HAPPENS = """([name, checkout]) => heard[name]({
    name, id: 'sh-1', timestamp: '2026-11-26T00:00:00.000Z', data: { checkout },
    context: { document: { location: { origin: 'https://shop.example',
        href: 'https://shop.example/checkouts/cn/secret-token' } } },
})"""


@pytest.fixture
def sandboxed(visitor_from: Make, shop: Shop) -> Iterator[Callable[..., tuple[Visitor, Frame]]]:
    """What a custom pixel of Shopify's is: code in a frame that is not the page."""

    def make(code: str) -> tuple[Visitor, Frame]:
        visitor = visitor_from("Tokyo")
        inside = html.escape(PAGE.format(head=STAND_INS, body=code), quote=True)
        frame = f'<iframe sandbox="{SANDBOX}" srcdoc="{inside}"></iframe>'
        shop.own["/guide"] = PAGE.format(head=ICON, body=frame)
        visitor.page.goto(f"{shop.origin}/guide")
        visitor.settle()
        return visitor, visitor.page.frames[1]

    yield make
    shop.own.pop("/guide", None)


def test_the_snippet_does_nothing_in_shopifys_sandbox(
    sandboxed: Callable[..., tuple[Visitor, Frame]], snippet: str
) -> None:
    code = snippet + "<script>pixelgate('track', 'Purchase', { order_id: '1' })</script>"
    visitor, frame = sandboxed(code)
    assert frame.evaluate("self.origin") == "null"
    assert frame.locator("#pixelgate").count() == 0
    assert visitor.requests == []
    assert visitor.cookies() == set()
    assert visitor.decisions() == []


def test_the_meta_pixel_of_the_checkout_goes_by_shopifys_word(
    sandboxed: Callable[..., tuple[Visitor, Frame]],
) -> None:
    visitor, frame = sandboxed(f"<script>{FILES['meta-pixel.js']}</script>")
    assert visitor.requests == []
    for name in ("checkout_started", "payment_info_submitted", "checkout_completed"):
        frame.evaluate(HAPPENS, [name, CHECKOUT])
    visitor.settle()
    hits = visitor.hits(META)
    assert [hit["ev"] for hit in hits] == ["InitiateCheckout", "AddPaymentInfo", "Purchase"]
    assert hits[2]["eid"] == "order-5001"
    assert (hits[2]["cd[value]"], hits[2]["cd[currency]"]) == ("511", "EUR")
    assert json.loads(hits[2]["cd[contents]"]) == [{"id": "42", "quantity": 2}]
    assert hits[2]["fbp"] == "fb.1.1700000000000.99"
    assert "fbc" not in hits[2]
    assert not any("secret-token" in url for url in visitor.requests)
    visitor.forget()
    frame.evaluate("heard.visitorConsentCollected({ customerPrivacy: granting(false) })")
    frame.evaluate(HAPPENS, ["checkout_completed", CHECKOUT])
    visitor.settle()
    assert visitor.requests == []


@pytest.mark.parametrize("id_", ["G-ABCDE12345", "AW-123456789"])
def test_the_google_pixel_of_the_checkout_goes_by_shopifys_word(
    id_: str, sandboxed: Callable[..., tuple[Visitor, Frame]]
) -> None:
    code = FILES["google-pixel.js"]
    if id_.startswith("AW-"):
        code = re.sub(r"= (?:'G-.*?'|\['a.*?'\]|''); // or:? ?[^'\[]*(.*)", r"= \1;", code)
    head = code.splitlines()[:3]
    assert all(";" in line for line in head)
    visitor, frame = sandboxed(f"<script>{code}</script>")
    assert visitor.requests == []
    for name in ("checkout_started", "checkout_completed"):
        frame.evaluate(HAPPENS, [name, CHECKOUT])
    visitor.settle()
    said = frame.evaluate("dataLayer.map((one) => Array.from(one))")
    names = ["consent", "js", "config", "event", "event"]
    assert [one[0] for one in said][:5] == names
    ads = "granted" if id_.startswith("AW-") else "denied"
    assert said[0][2]["ad_storage"] == ads
    assert said[2][1:] == [
        id_,
        {
            "send_page_view": False,
            "page_location": "https://shop.example/checkout",
            "client_id": "1234567890.1700000000",
        },
    ]
    assert [one[1] for one in said[3:5]] == ["begin_checkout", "purchase"]
    purchase = said[4][2]
    assert (purchase["transaction_id"], purchase["value"], purchase["send_to"]) == (
        "5001",
        511,
        id_,
    )
    assert purchase["items"][0]["item_id"] == "42"
    conversions = [one[2]["send_to"] for one in said[5:]]
    assert conversions == (["AW-123456789/abCDeFGhij"] if id_.startswith("AW-") else [])
    assert [url for url in visitor.requests if "gtag/js" in url] == [
        f"https://www.googletagmanager.com/gtag/js?id={id_}"
    ]
    frame.evaluate("heard.visitorConsentCollected({ customerPrivacy: granting(false) })")
    frame.evaluate(HAPPENS, ["checkout_completed", CHECKOUT])
    assert frame.evaluate("dataLayer.length") == len(said)


@pytest.mark.parametrize(
    ("place", "region", "before"), [("Berlin", "DE-BE", "denied"), ("Dallas", "US-TX", "granted")]
)
def test_a_container_by_hand_has_its_defaults_before_the_loader_speaks(
    place: str,
    region: str,
    before: str,
    visitor_from: Make,
    pages: Callable[..., str],
    shop: Shop,
    service: Service,
) -> None:
    page = pages("gtm-event.html", head="gtm-head.html")
    publish(service, shop, "byhand", STORE + BY_HAND)
    defaults = service.consent("store", "defaults", "byhand")
    text = shop.own["/guide"].replace("/s/guides/", "/s/byhand/")
    assert "<!-- the defaults -->" in text
    text = text.replace("<!-- the defaults -->", defaults)
    shop.own["/guide"] = text.replace("?id=GTM-AB12CD3", f"?id=GTM-AB12CD3&region={region}")
    stand_in = (DOUBLES / "gtag.js").read_text(encoding="utf-8")

    early = visitor_from(place)
    answer(early, r"/gtm\.js", stand_in)
    answer(early, r"/loader\.js")
    early.page.goto(page)
    early.settle()
    state = early.page.evaluate("dataLayer.standIn")
    assert {state["ad_storage"], state["analytics_storage"]} == {before}
    assert complaints(early) == []

    visitor = visitor_from(place)
    answer(visitor, r"/gtm\.js", stand_in)
    visitor.visit(page)
    events = visitor.page.evaluate("dataLayer.filter((one) => one.event)")
    (told,) = [one for one in events if one["event"] == "pixelgate_consent"]
    assert told["pixelgate"]["grants"]["marketing"] is (before == "granted")
    (viewed,) = [one for one in events if one["event"] == "view_item"]
    assert viewed["ecommerce"]["items"][0]["item_id"] == "tent-2p"
    assert complaints(visitor) == []
