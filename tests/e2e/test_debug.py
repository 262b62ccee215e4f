"""The debug view: what it says, that it changes nothing, and that it can be used by everyone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.claims import assert_nothing_left_the_browser
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
FIND_VIOLATIONS = """async () => {
    const runOnly = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const { violations } = await axe.run(['#pixelgate-debug'], { runOnly });
    return violations.flatMap(({ id, nodes }) =>
        nodes.map((node) => `${id}: ${node.target.join(' ')}: ${node.failureSummary}`));
}"""
# What the vendors' functions look like to everyone else on the page, and what is stored.
SHAPES = """() => {
    const own = (value) => Object.entries(Object.getOwnPropertyDescriptors(value))
        .map(([key, { value, ...marks }]) => [key, typeof value, marks]);
    const on = (name) => own(window).filter(([key]) => key == name);
    return [
        own(fbq), own(dataLayer), on('fbq'), on('_fbq'), on('dataLayer'), on('gtag'), fbq === _fbq,
        fbq.push === fbq, Array.from(dataLayer, (one) => [typeof one, one.length]),
        Object.keys(localStorage), Object.keys(sessionStorage),
    ];
}"""
BAD = """
pixelgate('track', 'purchase', { value: '€ 511', currency: 'eur', contents: [{ item_id: 'x' }],
    email: 'lena@example.com', nested: { '<b>': '<script>alert(1)</' + 'script>' } });
pixelgate('track', '<img src=x onerror="document.title=1">', { a: 1 });
"""
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1440, "height": 900}


class Panel:
    """The debug view of a visitor's page, by what a person reads in it."""

    def __init__(self, visitor: Visitor) -> None:
        self.root = visitor.page.locator("#pixelgate-debug")
        self.panel = visitor.page.get_by_role("complementary", name="Pixelgate debug")

    def pixel(self, key: str) -> Locator:
        return self.root.locator(f'[data-pixel="{key}"]')

    def event(self, name: str) -> Locator:
        return self.root.locator(f'[data-event="{name}"]').first

    def opened(self, name: str) -> Locator:
        self.event(name).locator("summary").click()
        return self.event(name)

    def facts(self, title: str) -> Locator:
        details = self.root.locator(
            "details", has=self.root.page.get_by_role("heading", name=title)
        )
        details.locator("summary").click()
        return details.locator("dl")


@pytest.fixture
def debug(visitor_from: Make, shop: Shop) -> Callable[..., tuple[Visitor, Panel]]:
    """Opens a page of the shop with the view, as someone in that place."""

    def open_(place: str, path: str = "/thanks", **options: Any) -> tuple[Visitor, Panel]:
        visitor = visitor_from(place, **options)
        visitor.visit(f"{shop.origin}{path}?pixelgate=debug")
        return visitor, Panel(visitor)

    return open_


@contextmanager
def changed(shop: Shop, **values: str) -> Iterator[None]:
    """Another policy, head or markup of the shop's pages for a while."""
    kept = {name: getattr(shop, name) for name in values}
    try:
        for name, value in values.items():
            setattr(shop, name, value)
        yield
    finally:
        for name, value in kept.items():
            setattr(shop, name, value)


def comparable(visitor: Visitor) -> list[tuple[str, ...]]:
    """Every request to a vendor, host by host, without what no two visits have in common."""
    chance = {"fbp", "ts", "cid", "eid", "dl", "url", "random", "dr", "rl"}
    found = []
    for url in visitor.requests:
        parts = urlsplit(url)
        kept = [f"{key}={value}" for key, value in parse_qsl(parts.query) if key not in chance]
        found.append((parts.netloc, parts.path, *kept))
    return sorted(found, key=lambda request: request[0])


def test_without_the_parameter_nothing_of_it_is_fetched_or_shown(
    visitor_from: Make, shop: Shop
) -> None:
    visitor = visitor_from("Tokyo")
    visitor.visit(f"{shop.origin}/thanks?pixelgate=debu")
    assert not [answer.url for answer in visitor.answered if "debug.js" in answer.url]
    expect(visitor.page.locator("#pixelgate-debug")).to_have_count(0)


@pytest.mark.parametrize(
    ("place", "actions", "early"),
    [
        ("Berlin", ["accept", "withdraw", "accept again"], False),
        ("Tokyo", [], True),
        ("Los Angeles with GPC", [], False),
    ],
)
def test_what_fires_is_the_same_with_and_without_it(
    place: str, actions: list[str], early: bool, visitor_from: Make, shop: Shop
) -> None:
    seen = []
    tag = '<script src="https://connect.facebook.net/en_US/fbevents.js" nonce="abc123"></script>'
    stub = (
        "<script>window.fbq=function(){fbq.callMethod?fbq.callMethod.apply(fbq,arguments):"
        "fbq.queue.push(arguments)};fbq.push=window._fbq=fbq;fbq.loaded=true;fbq.version='2.0';"
        f"fbq.queue=[]</script>{tag}"
    )
    for query in ("", "?pixelgate=debug"):
        visitor = visitor_from(place)
        with changed(shop, head=stub if early else ""):
            visitor.visit(f"{shop.origin}/thanks{query}")
            for action in actions:
                if action == "accept":
                    visitor.decide("accept")
                elif action == "withdraw":
                    visitor.page.evaluate("pixelgate('withdraw')")
                else:
                    visitor.page.evaluate("pixelgate('show')")
                    visitor.decide("accept")
                visitor.settle()
                visitor.page.evaluate("pixelgate('track', 'Lead', { value: 1, currency: 'EUR' })")
                visitor.settle()
        shapes = visitor.page.evaluate(SHAPES) if place != "Los Angeles with GPC" else []
        complaints = [line for line in visitor.console if line.startswith(("error", "warning"))]
        seen.append((comparable(visitor), visitor.cookies(), shapes, complaints))
        assert visitor.page.locator("#pixelgate-debug").count() == bool(query)
    assert seen[0] == seen[1]
    assert len(seen[0][0]) > 2


def test_it_asks_our_service_for_nothing_but_itself(visitor_from: Make, shop: Shop) -> None:
    asked = []
    for query in ("", "?pixelgate=debug"):
        visitor = visitor_from("Berlin")
        visitor.visit(f"{shop.origin}/thanks{query}")
        visitor.decide("reject")
        paths = [urlsplit(answer.url).path for answer in visitor.answered]
        asked.append(sorted(path for path in paths if path.startswith("/s/")))
    assert asked[1] == sorted([*asked[0], "/s/summit/debug.js"])


def test_where_its_script_cannot_be_fetched_nothing_fires(visitor_from: Make, shop: Shop) -> None:
    visitor = visitor_from("Tokyo")
    visitor.context.route("**/debug.js*", lambda route: route.abort())
    visitor.page.goto(f"{shop.origin}/thanks?pixelgate=debug")
    visitor.settle()
    assert_nothing_left_the_browser(visitor)


def test_a_newcomer_in_berlin_is_told_where_why_and_what_waits(
    debug: Callable[..., tuple[Visitor, Panel]],
) -> None:
    visitor, panel = debug("Berlin")
    place = panel.facts("Visitor")
    expect(place).to_contain_text("Germany (DE), by the CDN's header")
    expect(place).to_contain_text("opt-in: nothing runs before a grant")
    expect(place).to_contain_text("TDDDG")
    expect(place.get_by_role("link", name="source")).to_have_attribute("rel", "noopener noreferrer")
    decision = panel.facts("Decision")
    expect(decision).to_contain_text("no decision yet; this regime asks first")
    expect(decision).to_contain_text("denied: ad_storage, ad_user_data, ad_personalization,")
    expect(panel.pixel("meta")).to_contain_text("Held: marketing is not granted")
    expect(panel.pixel("ga4")).to_contain_text("Held: analytics is not granted")
    event = panel.opened("Purchase")
    expect(event).to_contain_text("Waits until the visitor chooses. After a refusal it is gone.")
    expect(event).to_contain_text("order_id: 'SO-1001'")
    assert visitor.requests == []


def test_after_an_accept_each_event_is_shown_as_each_platform_reads_it(
    debug: Callable[..., tuple[Visitor, Panel]],
) -> None:
    visitor, panel = debug("Berlin")
    visitor.decide("accept")
    expect(panel.pixel("meta")).to_contain_text("2 events sent. Its library is loaded. 2 requests")
    expect(panel.pixel("google-ads")).to_contain_text("Runs")
    panel.pixel("meta").locator("summary").click()
    expect(panel.pixel("meta")).to_contain_text("fbq('init', '123456789012345')")
    expect(panel.event("Purchase").locator("summary")).to_contain_text("Sent to all 3")
    event = panel.opened("Purchase")
    expect(event).to_contain_text("fbq('trackSingle', '123456789012345', 'Purchase', {…}, {…})")
    expect(event).to_contain_text("item_price: 249.5")
    expect(event).to_contain_text("dataLayer.push('event', 'conversion', {…})")
    expect(event).to_contain_text("send_to: 'AW-123456789/abCDeFGhij'")
    expect(event.locator(".flags")).to_have_count(0)
    expect(panel.root.get_by_text("the visitor accepted all;")).to_be_visible()
    expect(panel.facts("Decision")).to_contain_text("(365 days)")


def test_after_a_refusal_what_waited_is_called_dropped(
    debug: Callable[..., tuple[Visitor, Panel]],
) -> None:
    visitor, panel = debug("Berlin")
    visitor.decide("reject")
    expect(panel.event("Purchase").locator("summary")).to_contain_text("Dropped")
    expect(panel.opened("Purchase")).to_contain_text("Not sent: the visitor refused marketing.")
    expect(panel.pixel("meta")).to_contain_text("Blocked: the visitor refused marketing.")
    assert visitor.requests == []


def test_the_browsers_signal_is_named_as_what_blocks(
    debug: Callable[..., tuple[Visitor, Panel]],
) -> None:
    _, panel = debug("Los Angeles with GPC")
    expect(panel.pixel("meta")).to_contain_text(
        "Blocked: Global Privacy Control refuses marketing."
    )
    expect(panel.event("Purchase").locator("summary")).to_contain_text("Sent to 1 of 3")
    expect(panel.facts("Visitor")).to_contain_text("on (header Sec-GPC); refuses marketing")


def test_a_service_refused_by_itself_and_a_limited_one_are_told_apart(
    debug: Callable[..., tuple[Visitor, Panel]], visitor_from: Make, shop: Shop
) -> None:
    visitor, panel = debug("Berlin")
    visitor.page.evaluate("pixelgate('show')")
    dialog = visitor.page.locator("#pixelgate [role=dialog]")
    dialog.locator('[data-purpose="marketing"]').check()
    dialog.locator("summary").last.click()
    dialog.locator('[data-pixel="meta"]').uncheck()
    visitor.decide("save")
    expect(panel.pixel("meta")).to_contain_text("the visitor refused this service by itself")
    expect(panel.pixel("google-ads")).to_contain_text("Runs")
    with shop.serving(shop.snippet.replace("/s/summit/", "/s/limited/")):
        limited = visitor_from("Los Angeles")
        limited.visit(f"{shop.origin}/thanks")
        limited.decide("reject")
        limited.visit(f"{shop.origin}/thanks?pixelgate=debug")
    expect(Panel(limited).pixel("meta")).to_contain_text("in its limited mode")
    expect(Panel(limited).pixel("ga4")).to_contain_text("the visitor refused analytics")


def test_wrong_events_are_flagged_and_hostile_ones_are_text(
    debug: Callable[..., tuple[Visitor, Panel]],
) -> None:
    visitor, panel = debug("Tokyo")
    visitor.page.evaluate(f"() => {{ {BAD} }}")
    expect(panel.event("purchase").locator("summary")).to_contain_text("5 errors")
    event = panel.opened("purchase")
    for flag in (
        "name: 'purchase' is a custom event to every platform; write 'Purchase'",
        "value: '€ 511' is no number and is not sent;",
        "currency: 'eur' has small letters; write 'EUR'",
        "contents[0]: has item_id and no id, so it is not sent;",
        "email: is personal and never sent; leave it out",
    ):
        expect(event.locator(".flags")).to_contain_text(flag)
    expect(event).to_contain_text("<b>: '<script>alert(1)</script>'")
    expect(event).to_contain_text("email: 'lena@example.com' not sent")
    refused = panel.root.locator("[data-event]", has_text="<img src=x onerror=")
    expect(refused.locator("summary")).to_contain_text("Refused")
    assert panel.root.locator("img, script, b b").count() == 0
    assert visitor.page.title() == "Summit"
    assert "lena@example.com" not in "".join(visitor.requests)


def test_ids_are_compared_with_the_pages_structured_data(
    debug: Callable[..., tuple[Visitor, Panel]], shop: Shop
) -> None:
    data = (
        '<script type="application/ld+json">{"@graph": [{"@type": "Product", "sku": "boot-44", '
        '"offers": {"sku": "peg-8"}}]}</script>'
        '<script type="application/ld+json">{broken</script>'
        '<meta property="product:retailer_item_id" content="tarp-1">'
    )
    with changed(shop, head=data):
        _, panel = debug("Tokyo")
    flags = panel.opened("Purchase").locator(".flags li")
    expect(flags).to_have_count(1)
    expect(flags).to_contain_text(
        "contents[0].id: 'tent-2p' is not matching any product of this page"
    )
    expect(flags).to_contain_text("'boot-44', 'peg-8' and 'tarp-1'")


def test_tags_that_nobody_holds_back_are_listed(
    debug: Callable[..., tuple[Visitor, Panel]], shop: Shop
) -> None:
    tags = (
        '<script async src="https://connect.facebook.net/en_US/fbevents.js"></script>'
        '<script async src="https://www.googletagmanager.com/gtm.js?id=GTM-ABC123"></script>'
        '<script type="text/plain" src="https://www.googletagmanager.com/gtag/js?id=G-1"></script>'
        '<script async src="https://www.google.com/recaptcha/api.js"></script>'
    )
    with changed(shop, markup=tags):
        visitor, panel = debug("Berlin", "/privacy")
    found = panel.root.get_by_role("region", name="On this page").get_by_role("listitem")
    expect(found).to_have_count(2)
    expect(found.nth(0)).to_contain_text(
        "fbevents.js is Meta Pixel, not loaded by Pixelgate; it fires"
    )
    expect(found.nth(1)).to_contain_text(
        "gtm.js?id=GTM-ABC123 is Google Tag Manager, not loaded by"
    )
    visitor.page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.src = 'https://www.googletagmanager.com/gtag/js?id=G-OTHER12345';
            document.head.append(script);
        }"""
    )
    expect(found).to_have_count(3)


def test_what_a_started_library_loads_is_its_own_but_no_second_copy_and_no_container(
    debug: Callable[..., tuple[Visitor, Panel]],
) -> None:
    visitor, panel = debug("Tokyo")
    expect(panel.pixel("ga4")).to_contain_text("Runs")
    visitor.page.evaluate(
        """() => {
            for (const path of ['gtag/js?id=G-1&cx=c', 'gtag/js?id=G-2', 'gtm.js?id=GTM-ABC123']) {
                const script = document.createElement('script');
                script.src = `https://www.googletagmanager.com/${path}`;
                document.head.append(script);
            }
        }"""
    )
    found = panel.root.get_by_role("region", name="On this page").get_by_role("listitem")
    expect(found).to_have_count(2)
    expect(found.nth(0)).to_contain_text("gtag/js?id=G-2 is Google Analytics 4 or Google Ads, not")
    expect(found.nth(1)).to_contain_text("gtm.js?id=GTM-ABC123 is Google Tag Manager")


def test_a_library_that_the_policy_or_a_blocker_stops_is_named(
    debug: Callable[..., tuple[Visitor, Panel]], visitor_from: Make, shop: Shop, service: Service
) -> None:
    policy = (
        f"default-src 'none'; script-src 'nonce-abc123' {service.url}; "
        f"script-src-elem {service.url} 'nonce-abc123' https://www.googletagmanager.com; "
        f"connect-src {service.url}; img-src data:; require-trusted-types-for 'script'"
    )
    snippet = shop.snippet.replace("s.nonce=d.currentScript.nonce;", "")
    with changed(shop, csp=policy, snippet=snippet):
        visitor, panel = debug("Berlin")
        visitor.decide("accept")
    expect(panel.pixel("meta")).to_contain_text("blocked by the page's Content-Security-Policy")
    page = panel.root.get_by_role("region", name="On this page")
    expect(page).to_contain_text("blocks connect.facebook.net, which Meta Pixel needs; add it to")
    expect(page).to_contain_text("blocks www.google-analytics.com, which Google Analytics 4 needs;")
    blocked = visitor_from("Tokyo")
    blocked.context.route("**/fbevents.js", lambda route: route.abort("blockedbyclient"))
    blocked.visit(f"{shop.origin}/thanks?pixelgate=debug")
    expect(Panel(blocked).pixel("meta")).to_contain_text(
        "Not loaded2 events in its queue, where they stay. Its library did not load: an ad blocker,"
    )


def test_it_works_under_a_strict_policy_with_trusted_types(
    debug: Callable[..., tuple[Visitor, Panel]], shop: Shop, service: Service
) -> None:
    policy = (
        "default-src 'none'; script-src 'nonce-abc123' 'strict-dynamic'; style-src 'nonce-abc123'; "
        f"connect-src {service.url}; img-src data:; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types pixelgate"
    )
    with changed(shop, csp=policy):
        visitor, panel = debug("Berlin")
    expect(panel.pixel("meta")).to_contain_text("Held")
    panel.opened("Purchase")
    panel.facts("Visitor")
    width = panel.panel.evaluate("(one) => getComputedStyle(one).width")
    assert (width, visitor.console) == ("440px", [])


def test_the_filter_and_the_problems_switch_leave_what_is_asked_for(
    debug: Callable[..., tuple[Visitor, Panel]],
) -> None:
    visitor, panel = debug("Tokyo")
    visitor.page.evaluate("pixelgate('track', 'AddToCart', { value: 5 })")
    panel.panel.get_by_label("Problems only").check()
    expect(panel.event("AddToCart")).to_be_visible()
    expect(panel.event("Purchase")).to_be_hidden()
    panel.panel.get_by_label("Pixel", exact=True).select_option(label="Meta Pixel")
    expect(panel.pixel("ga4")).to_have_count(0)
    event = panel.opened("AddToCart")
    expect(event).to_contain_text("As Meta Pixel gets it")
    expect(event).not_to_contain_text("As Google")


def test_the_report_is_copied_as_text_or_there_to_select(
    debug: Callable[..., tuple[Visitor, Panel]],
) -> None:
    visitor, panel = debug("Tokyo", permissions=["clipboard-read", "clipboard-write"])
    visitor.page.evaluate("pixelgate('track', 'AddToCart', { value: 5 })")
    expect(panel.event("AddToCart")).to_contain_text("Sent")
    panel.panel.get_by_role("button", name="Copy").click()
    expect(panel.panel.get_by_role("status")).to_have_text("Copied.")
    text = visitor.page.evaluate("navigator.clipboard.readText()")
    for line in (
        "Place: Japan (JP), by the CDN's header",
        "Meta Pixel 123456789012345: Runs, 3 events sent.",
        "error: currency: missing beside value, which is no money without it; add it,",
        'fbq("trackSingle", "123456789012345", "AddToCart", {}, {"eventID":"',
    ):
        assert line in text
    visitor.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    panel.panel.get_by_role("button", name="Copy").click()
    field = panel.panel.get_by_label("The report as text")
    expect(field).to_have_value(
        re.compile(r"^Pixelgate debug view\n.*PageView: Sent to all 3", re.S)
    )
    expect(panel.panel.get_by_role("status")).to_have_text("Press Ctrl+C to copy.")
    selected = "(one) => one.selectionEnd - one.selectionStart == one.value.length"
    assert field.evaluate(selected)


@pytest.mark.parametrize(
    ("scheme", "size"), [("light", DESK), ("dark", PHONE)], ids=["desk", "phone"]
)
def test_axe_finds_nothing_and_nothing_of_the_banner_is_covered(
    scheme: str, size: dict[str, int], debug: Callable[..., tuple[Visitor, Panel]]
) -> None:
    visitor, panel = debug("Los Angeles", color_scheme=scheme, viewport=size)
    visitor.page.evaluate(f"() => {{ {BAD} }}")
    expect(panel.event("purchase")).to_contain_text("errors")
    for summary in panel.root.locator("summary").all():
        summary.click()
    visitor.page.evaluate(AXE)
    assert visitor.page.evaluate(FIND_VIOLATIONS) == []
    box = panel.panel.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size["width"]
    visitor.decide("reject")  # the buttons are not under the panel
    visitor.click("open")  # nor is the way back in
    expect(visitor.page.locator("#pixelgate [role=dialog]")).to_be_visible()


def test_it_is_worked_with_the_keyboard(debug: Callable[..., tuple[Visitor, Panel]]) -> None:
    visitor, panel = debug("Tokyo")
    fold = panel.panel.get_by_role("button", name="Collapse")
    panel.event("Purchase").locator("summary").focus()
    visitor.page.keyboard.press("Enter")
    expect(panel.event("Purchase")).to_contain_text("As Meta Pixel gets it")
    visitor.page.keyboard.press("Escape")
    expand = panel.panel.get_by_role("button", name="Expand")
    expect(expand).to_be_focused()
    expect(expand).to_have_attribute("aria-expanded", "false")
    expect(panel.event("Purchase")).to_be_hidden()
    visitor.page.keyboard.press("Enter")
    expect(fold).to_have_attribute("aria-expanded", "true")
    visitor.page.keyboard.press("Shift+Tab")
    visitor.page.keyboard.press("Enter")
    expect(panel.panel.get_by_role("button", name="To right")).to_be_focused()
    assert (panel.panel.bounding_box() or {})["x"] == 0


def test_what_is_open_stays_open_while_new_events_come(
    debug: Callable[..., tuple[Visitor, Panel]],
) -> None:
    visitor, panel = debug("Tokyo")
    event = panel.opened("Purchase")
    panel.pixel("meta").locator("summary").click()
    visitor.page.evaluate("pixelgate('track', 'Lead')")
    expect(panel.event("Lead")).to_contain_text("Sent to all 3")
    expect(panel.pixel("meta")).to_contain_text("3 events sent")
    expect(event.get_by_text("As Meta Pixel gets it")).to_be_visible()
    expect(panel.pixel("meta").get_by_text("fbq('init', '123456789012345')")).to_be_visible()


def test_it_stays_open_on_links_only_when_asked_and_by_the_address_alone(
    debug: Callable[..., tuple[Visitor, Panel]], shop: Shop
) -> None:
    visitor, panel = debug("Tokyo", "/")
    visitor.page.get_by_role("link", name="A tent").click()
    visitor.page.wait_for_url(f"{shop.origin}/product")
    visitor.settle()
    expect(panel.root).to_have_count(0)
    visitor.visit(f"{shop.origin}/?pixelgate=debug")
    panel.panel.get_by_label("Stay open on links").check()
    for _ in range(2):
        visitor.page.get_by_role("link", name="A tent").click()
        visitor.page.wait_for_url(f"{shop.origin}/product?pixelgate=debug-stay")
        expect(panel.panel.get_by_label("Stay open on links")).to_be_checked()
        visitor.page.evaluate("history.replaceState({}, '', '/?pixelgate=debug-stay')")
    assert visitor.storage() == {"local": [], "session": [], "databases": [], "caches": []}
