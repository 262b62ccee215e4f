"""What the debug view says of whom an event has reached: no more than is true."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, Locator, Route, expect

from consent import debug as debug_
from consent.browser import build
from consent.model import Pixel, Place, StoreConfig, Version
from consent.platforms import EVENTS, Platform, Platforms
from consent.platforms.sending import ORDER, sent
from consent.regions import Regions
from tests.e2e import published
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.test_debug import Panel
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]
PLATFORMS = Platforms.load()
SEVEN = """
[[pixels]]
platform = "meta"
id = "123456789012345"
[[pixels]]
platform = "linkedin"
id = "512345"
labels = { Purchase = "11563522" }
[[pixels]]
platform = "linkedin"
id = "512346"
[[pixels]]
platform = "x"
id = "q27qa"
[[pixels]]
platform = "snap"
id = "cf38dbeb-49ab-4061-afde-b1354f90975a"
[[pixels]]
platform = "criteo"
id = "12345"
[[pixels]]
platform = "klaviyo"
id = "XyZ123"
"""
TEMPLATES = {
    "quiz": """function (page) {
  return {
    start() {},
    send(event) { new Image().src = 'https://quiz.example/hit?event=' + event; },
    revoke() {},
    grant() {},
  };
}""",
    "moody": """function (page) {
  return {
    start() {},
    send(event) { if (event == 'Lead') throw new Error('not today'); },
    revoke() {},
    grant() {},
  };
}""",
    "torn": "function (page) { return page.nothing.at.all; }",
}
OWN = """
[[pixels]]
platform = "custom"
id = "{key}"
purposes = ["marketing"]
[pixels.custom]
name = "{name}"
vendor = "{name} Ltd"
privacy_url = "https://{key}.example/privacy"
hosts = {{ script = ["{key}.example"] }}
{code}
"""


@dataclasses.dataclass
class Seen:
    """A page with the debug view, and what a person reads of one event or one pixel."""

    visitor: Visitor
    panel: Panel

    def track(self, name: str) -> Locator:
        self.visitor.page.evaluate(
            "([name, given]) => pixelgate('track', name, given)", [name, ORDER]
        )
        return self.panel.event(name).locator("summary")

    def copied(self) -> str:
        """The view as text, as it is there to select without the clipboard."""
        self.visitor.page.evaluate(
            "() => { navigator.clipboard.writeText = () => Promise.reject(); }"
        )
        self.panel.panel.get_by_role("button", name="Copy").click()
        return self.panel.panel.get_by_label("The report as text").input_value()


Open = Callable[..., Seen]


@pytest.fixture
def opened(visitor_from: Make, shop: Shop) -> Open:
    def open_(
        place: str = "Tokyo",
        *,
        snippet: str = "",
        path: str = "/privacy",
        before: Callable[[Visitor], Any] = lambda _: None,
    ) -> Seen:
        visitor = visitor_from(place)
        before(visitor)
        with shop.serving(snippet or shop.snippet):
            visitor.visit(f"{shop.origin}{path}?pixelgate=debug")
        return Seen(visitor, Panel(visitor))

    return open_


@pytest.fixture(scope="module")
def seven(service: Service, shop: Shop) -> str:
    return published.publish(service, shop, "seven", SEVEN)


@pytest.fixture(scope="module")
def own(service: Service, shop: Shop) -> str:
    codes = {
        "quiz": f"stops_sending = true\ntemplate = '''\n{TEMPLATES['quiz']}\n'''",
        "chat": 'script = "https://chat.example/chat.js"',
        **{key: f"template = '''\n{TEMPLATES[key]}\n'''" for key in ("moody", "torn")},
    }
    pixels = "".join(
        OWN.format(key=key, name=key.capitalize(), code=code) for key, code in codes.items()
    )
    path = service.folder / "ownlog.toml"
    path.write_text(
        f'key = "ownlog"\nname = "ownlog"\norigins = ["{shop.origin}"]\n{pixels}', encoding="utf-8"
    )
    service.consent("store", "import", str(path))
    service.consent(
        *("user", "add", "legal@ownlog.example", "--role", "legal", "--password-stdin"),
        stdin="a long enough password\n",
    )
    for key in codes:
        by = ("--by", "legal@ownlog.example", "--yes")
        service.consent("store", "review", "ownlog", key, *by)
    toml = service.consent("store", "export", "ownlog")
    return published.publish(
        service, shop, "ownlog", toml.partition("origins")[2].partition("\n")[2]
    )


def cookie(visitor: Visitor) -> str:
    [text] = [one["value"] for one in visitor.context.cookies() if one["name"] == "pixelgate"]
    return str(text)


def assert_nothing_was_thrown(visitor: Visitor) -> None:
    assert not [line for line in visitor.console if "Error" in line and "ERR_" not in line]


def test_an_accept_that_is_slow_to_be_stored_is_said_to_wait(opened: Open) -> None:
    waiting: list[Route] = []
    seen = opened(
        "Berlin",
        path="/thanks",
        before=lambda visitor: visitor.context.route(
            "**/decisions", lambda route: waiting.append(route)
        ),
    )
    panel, visitor = seen.panel, seen.visitor
    with visitor.page.expect_request("**/decisions"):
        visitor.click("accept")
    expect(panel.root.get_by_text("nothing granted; an accept waits to be stored")).to_be_visible()
    facts = panel.facts("Decision")
    expect(facts).to_contain_text("an accept waits to be stored; nothing runs until it is")
    expect(facts).to_contain_text("nothing; the way back in stays")
    expect(panel.pixel("meta")).to_contain_text(
        "Held: marketing is not granted: an accept waits to be stored"
    )
    expect(seen.track("Lead")).to_contain_text("Held")
    expect(panel.opened("Lead")).to_contain_text("Waits until the decision is stored.")
    assert visitor.page.evaluate("document.cookie").count(".") == 1
    waiting[0].continue_()
    expect(panel.event("Purchase").locator("summary")).to_contain_text("Sent to all 3")
    expect(facts).to_contain_text("the visitor's decision holds")
    assert_nothing_was_thrown(visitor)


def test_an_accept_that_cannot_be_stored_waits_here_and_on_the_next_page(
    opened: Open, shop: Shop
) -> None:
    seen = opened(
        "Berlin",
        before=lambda visitor: visitor.context.route(
            "**/decisions", lambda route: route.abort("failed")
        ),
    )
    seen.visitor.click("accept")
    for _ in range(2):
        expect(seen.panel.root.get_by_text("an accept waits to be stored").first).to_be_visible()
        expect(seen.track("Lead")).to_contain_text("Held")
        expect(seen.panel.opened("Lead")).to_contain_text("Waits until the decision is stored.")
        assert cookie(seen.visitor).startswith("2.")
        seen.visitor.page.goto(f"{shop.origin}/privacy?pixelgate=debug")
    assert_nothing_was_thrown(seen.visitor)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"0.{uuid.UUID(int=7)}", "nothing granted; a withdrawal waits to be stored"),
        (f"2.{uuid.UUID(int=7)}", "nothing granted; an accept waits to be stored"),
        ("2.7", "the cookie cannot be read, so nothing runs until the next choice"),
        ("grants.at", "the cookie cannot be read, so nothing runs until the next choice"),
    ],
)
def test_a_cookie_that_holds_no_decision_is_named_for_what_it_is(
    text: str, words: str, opened: Open, shop: Shop
) -> None:
    def carry(visitor: Visitor) -> None:
        visitor.context.add_cookies([{"name": "pixelgate", "value": text, "url": shop.origin}])
        # Else a withdrawal is told to the ledger at once.
        visitor.context.route("**/choices.js*", lambda route: route.abort())

    seen = opened("Berlin", before=carry)
    expect(seen.panel.facts("Decision")).to_contain_text(words.removeprefix("nothing granted; "))
    expect(seen.panel.root.get_by_text(words).first).to_be_visible()
    expect(seen.track("Lead")).to_contain_text("Held")
    assert words.removeprefix("nothing granted; ") in seen.copied()
    assert_nothing_was_thrown(seen.visitor)


def test_a_stores_own_code_is_followed_when_it_takes_its_place(own: str, opened: Open) -> None:
    waiting: list[Route] = []
    seen = opened(
        "Berlin",
        snippet=own,
        before=lambda visitor: visitor.context.route(
            "**/custom.js*", lambda route: waiting.append(route)
        ),
    )
    panel, visitor = seen.panel, seen.visitor
    seen.track("ViewContent")
    with visitor.page.expect_request("**/custom.js*"):
        visitor.click("accept")
    seen.track("Search")
    expect(panel.event("Search").locator("summary")).to_contain_text(
        "Handed to 3 of 4, 3 not loaded yet"
    )
    expect(panel.pixel("custom-quiz")).to_contain_text("2 events in its queue.")
    waiting[0].continue_()
    expect(panel.pixel("custom-quiz")).to_contain_text("2 events sent. Its library is loaded.")
    visitor.settle()
    seen.track("Lead")
    expect(panel.pixel("custom-quiz")).to_contain_text("3 events sent.")
    expect(panel.pixel("custom-moody")).to_contain_text("2 events sent.")
    expect(panel.pixel("custom-chat")).to_contain_text("0 events sent.")
    expect(panel.pixel("custom-torn")).to_contain_text("Its code did not start; see the console.")
    lead = panel.opened("Lead")
    expect(lead.locator("summary").first).to_contain_text("Handed to 2 of 4, 1 not loaded")
    for words in (
        "As Quiz gets itIts calls are its own and are not listened to.",
        "As Chat gets itNot sent: its script asks for events itself, which is not listened to.",
        "As Moody gets itIts code failed: Error: not today",
        "As Torn gets itIts code did not start; see the console.",
    ):
        expect(lead).to_contain_text(words)
    expect(lead).not_to_contain_text("platform.toml")
    assert "  Quiz: Its calls are its own and are not listened to.\n" in seen.copied()
    visitor.settle()
    assert [hit["event"] for hit in visitor.hits("quiz.example")] == [
        *("ViewContent", "Search", "Lead")
    ]


def test_an_event_that_a_pixel_does_not_send_is_not_counted_as_sent(
    seven: str, opened: Open
) -> None:
    seen = opened(snippet=seven)
    panel, visitor = seen.panel, seen.visitor
    for event in ("PageView", "Purchase", "Lead", "Size quiz"):
        seen.track(event)
    visitor.settle()
    for event, count in (
        ("PageView", "all 7"),
        ("Purchase", "4 of 7"),
        ("Lead", "2 of 7"),
        ("Size quiz", "3 of 7"),
    ):
        expect(panel.event(event).locator("summary")).to_contain_text(f"Sent to {count}")
    lead, text = panel.opened("Lead"), seen.copied()
    for words in (
        "LinkedIn Insight Tag 512345%Not sent: no label for Lead in the store's pixel.",
        "X Pixel%Not sent: no label for Lead in the store's pixel.",
        "Criteo%Not sent: Criteo has no use for Lead.",
    ):
        expect(lead).to_contain_text("As " + words.replace("%", " gets it"))
        assert "  " + words.replace("%", ": ") in text
    expect(panel.opened("Purchase")).to_contain_text("Not sent: Klaviyo has no use for Purchase.")
    assert "Purchase: Sent to 4 of 7." in text
    view = panel.opened("PageView")
    expect(view).to_contain_text("load('https://static.klaviyo.com/onsite/js/klaviyo.js")
    expect(view).to_contain_text("No call of its own: that of another pixel is for both.")
    for pixel, number in (("meta", 4), ("x", 1), ("snap", 2), ("criteo", 3), ("klaviyo", 3)):
        words = f"{number} event{'s' if number > 1 else ''} sent."
        expect(panel.pixel(pixel)).to_contain_text(words)
    visitor.page.evaluate("pixelgate('track', 'PageView')")
    again = panel.root.locator('[data-event="PageView"]')
    expect(again).to_have_count(2)
    again.first.locator("summary").click()
    expect(again.first).to_contain_text("As X Pixel gets itNot sent: no call of it was heard.")
    expect(panel.pixel("x")).to_contain_text("1 event sent.")


def test_what_lies_in_a_queue_does_not_read_as_sent(opened: Open) -> None:
    waiting: list[Route] = []

    def stop(visitor: Visitor) -> None:
        visitor.context.route("**/fbevents.js", lambda route: route.abort())
        visitor.context.route("**/gtag/js*", lambda route: waiting.append(route))

    seen = opened("Berlin", path="/product", before=stop)
    panel, visitor = seen.panel, seen.visitor
    with visitor.page.expect_request("**/gtag/js*"):
        visitor.click("accept")
    summary = panel.event("ViewContent").locator("summary")
    expect(summary).to_contain_text("Handed to all 3, 3 not loaded")
    expect(panel.pixel("ga4")).to_contain_text("2 events in its queue. Its library is loading.")
    waiting[0].fallback()
    expect(summary).to_contain_text("Handed to all 3, 1 not loaded")
    expect(panel.pixel("ga4")).to_contain_text("2 events sent. Its library is loaded.")
    expect(panel.pixel("meta")).to_contain_text("2 events in its queue, where they stay.")
    event = panel.opened("ViewContent")
    expect(event).to_contain_text("As Meta Pixel gets itIts library did not load: an ad blocker")
    expect(event).to_contain_text("fbq('trackSingle', '123456789012345', 'ViewContent'")
    text = seen.copied()
    assert "ViewContent: Handed to all 3, 1 not loaded." in text
    assert "  Meta Pixel: Its library did not load: an ad blocker" in text


def test_what_a_withdrawal_takes_out_of_a_queue_is_not_sent(opened: Open, shop: Shop) -> None:
    waiting: list[Route] = []
    seen = opened(
        "Berlin",
        snippet=shop.snippet.replace("/s/summit/", "/s/limited/"),
        path="/product",
        before=lambda visitor: visitor.context.route(
            "**/fbevents.js", lambda route: waiting.append(route)
        ),
    )
    panel = seen.panel
    with seen.visitor.page.expect_request("**/fbevents.js"):
        seen.visitor.click("accept")
    summary = panel.event("ViewContent").locator("summary")
    expect(summary).to_contain_text("Handed to all 2, 1 not loaded yet")
    seen.visitor.page.evaluate("pixelgate('withdraw')")
    expect(summary).to_contain_text("Sent to 1 of 2")
    expect(panel.opened("ViewContent")).to_contain_text(
        "Not sent: withdrawn before its library came."
    )
    expect(panel.pixel("meta")).to_contain_text("It ran on this page and was withdrawn; 0 events")
    assert waiting


def test_the_rule_of_what_is_sent_is_the_services_own(chromium: Browser) -> None:
    strict = msgspec.structs.replace(PLATFORMS["criteo"], key="strict", no_custom=True)
    platforms = Platforms([*((one, "") for one in PLATFORMS.values()), (strict, "")])
    labels = {"Lead": "one", "Size quiz": "two"}
    pixels = [
        Pixel(key, one.id_example, labels=some)
        for key, one in platforms.items()
        for some in ({}, labels if one.label_pattern else {})
    ]
    config = StoreConfig(key="all", name="All", origins=(), pixels=tuple(pixels))
    version = Version(1, 1, 1, "0" * 64, dt.datetime(2026, 11, 1, tzinfo=dt.UTC), config, 1)
    place = Place("JP", "JP-13", "header")
    resolution = Regions.load().resolve(place, on=dt.date(2026, 11, 23))
    facts = debug_.facts(version, resolution, place, platforms)
    events = (*EVENTS, "Size quiz", "Other", "constructor")
    code = build.bundle("debugwords").replace("return debugwords}", "return whyUnused}")
    page = chromium.new_page()
    found = page.evaluate(
        f"""([pixels, platforms, events]) => pixels.map((one) => events.map(
            (event) => ({code})({{ ...platforms[one.platform], ...one }}, event)))""",
        [facts["pixels"], facts["platforms"], list(events)],
    )
    page.close()
    for pixel, words in zip(pixels, found, strict=True):
        platform: Platform = platforms[pixel.platform]
        for event, why in zip(events, words, strict=True):
            is_sent = sent(platform, event, ORDER, labels=pixel.labels) is not None
            assert (why == "") == is_sent, (pixel, event, why)
    assert found[-1] != found[0]
    assert "Criteo takes no custom events" in {why for words in found for why in words}
