"""What a pixel left in the browser is undone: in every kind of storage, on every domain, for good.

Cookies of the vendors' own pixels are in test_journeys.py; what belongs to the shop stays, always.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.claims import META
from tests.e2e.published import publish, reviewed
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]
DAY = 86_400
KEEPING = """
[[pixels]]
platform = "custom"
id = "quiz"
purposes = ["analytics"]
[pixels.custom]
name = "Size quiz"
vendor = "Quiz Ltd"
privacy_url = "https://quiz.example/privacy"
hosts = { img = ["quiz.example"] }
traces = [
  { name = "quiz_answers*", kind = "indexeddb", lifetime = "30 days" },
  { name = "quiz_size", kind = "local", lifetime = "30 days" },
  { name = "quiz_step*", kind = "session", lifetime = "30 days" },
  { name = "quiz", lifetime = "30 days" },
]
stops_sending = true
template = '''
function (page) {
  return {
    start() {
      window.keep = (n) => {
        document.cookie = 'quiz=' + n + '; Path=/';
        localStorage.quiz_size = n;
        sessionStorage['quiz_step' + n] = 1;
        return new Promise((kept) => {
          const opened = indexedDB.open('quiz_answers' + n);
          opened.onsuccess = () => kept(opened.result.close());
        });
      };
      window.kept = window.keep(1);
    },
    send(event, params, eventId, at) {
      new Image().src = 'https://quiz.example/hit?' + new URLSearchParams({ event, at });
    },
    revoke() {
      window.revoked = (window.revoked || 0) + 1;
    },
    grant() {},
  };
}
'''
"""
OWN = """async () => {
    document.cookie = 'cart=1; Path=/';
    localStorage.quiz_size_guide = sessionStorage.my_quiz_step = 1;
    await new Promise((kept) => {
        const opened = indexedDB.open('my_quiz_answers');
        opened.onsuccess = () => kept(opened.result.close());
    });
}"""
"""What the shop keeps itself, by names that come close to the pixel's."""
DATABASES = "indexedDB.databases().then((all) => String(all.map((one) => one.name)) == '%s')"


@pytest.fixture(scope="module")
def snippet(service: Service, shop: Shop) -> str:
    return reviewed(service, shop, "keeping", KEEPING, "quiz")


@pytest.fixture
def visitor(visitor_from: Make, shop: Shop, snippet: str) -> Iterator[Visitor]:
    """A visitor of a page with that pixel, and with things of its own."""
    visitor = visitor_from("Berlin")
    with shop.serving(snippet):
        visitor.visit(f"{shop.origin}/privacy")
        visitor.page.evaluate(OWN)
        yield visitor


def left(visitor: Visitor) -> tuple[set[str], list[str], list[str]]:
    storage = visitor.storage()
    return visitor.cookies(), sorted(storage["local"]), sorted(storage["session"])


SHOPS = ({"cart", "pixelgate"}, ["quiz_size_guide"], ["my_quiz_step"])


def test_a_withdrawal_empties_every_kind_of_storage_and_the_next_page_does_so_again(
    visitor: Visitor, shop: Shop
) -> None:
    visitor.decide("accept")
    visitor.page.evaluate("kept")
    assert left(visitor) == (
        {"cart", "pixelgate", "quiz"},
        ["quiz_size", "quiz_size_guide"],
        ["my_quiz_step", "quiz_step1"],
    )
    visitor.page.wait_for_function(DATABASES % "my_quiz_answers,quiz_answers1")
    visitor.page.evaluate("pixelgate('withdraw')")
    visitor.settle()
    assert visitor.page.evaluate("revoked") == 1
    assert left(visitor) == SHOPS
    visitor.page.wait_for_function(DATABASES % "my_quiz_answers")
    # As a library does that runs on.
    visitor.page.evaluate("keep(2)")
    assert left(visitor)[0] == {"cart", "pixelgate", "quiz"}
    visitor.visit(f"{shop.origin}/thanks")
    assert left(visitor) == SHOPS
    visitor.page.wait_for_function(DATABASES % "my_quiz_answers")
    assert visitor.requests == []


def test_a_decision_whose_time_is_over_is_undone_in_the_open_page_and_asked_for_on_the_next(
    visitor: Visitor, shop: Shop
) -> None:
    visitor.decide("accept")
    visitor.page.evaluate("kept")
    [cookie] = [one for one in visitor.context.cookies() if one["name"] == "pixelgate"]
    parts = str(cookie["value"]).split(".")
    parts[5] = str(int(parts[5]) - 800 * DAY)
    visitor.context.add_cookies([{**cookie, "value": ".".join(parts)}])  # type: ignore[list-item]
    # Whichever is first, this or the browser's own news of the cookie.
    visitor.page.evaluate("dispatchEvent(new Event('visibilitychange'))")
    assert visitor.page.evaluate("revoked") == 1
    assert left(visitor) == SHOPS
    visitor.page.wait_for_function(DATABASES % "my_quiz_answers")
    visitor.forget()
    visitor.page.evaluate("pixelgate('track', 'Lead')")
    visitor.page.evaluate("keep(2)")
    visitor.visit(f"{shop.origin}/thanks")
    expect(visitor.page.locator("#pixelgate .first")).to_be_visible()
    assert left(visitor) == SHOPS
    visitor.page.wait_for_function(DATABASES % "my_quiz_answers")
    assert visitor.requests == []


def test_an_event_that_waited_for_a_choice_is_sent_with_its_own_time(
    visitor: Visitor, shop: Shop
) -> None:
    early = "<script>window.early = Date.now(); pixelgate('track', 'Search')</script>"
    shop.head = early
    try:
        visitor.visit(f"{shop.origin}/privacy")
    finally:
        shop.head = ""
    visitor.page.wait_for_function("Date.now() > early")
    before, after = visitor.page.evaluate(
        "[Date.now(), pixelgate('track', 'Lead'), Date.now()].filter(Boolean)"
    )
    visitor.page.wait_for_function("(then) => Date.now() > then", arg=after)
    visitor.decide("accept")
    search, lead = visitor.hits("quiz.example")
    assert (search["event"], lead["event"]) == ("Search", "Lead")
    early_at = visitor.page.evaluate("early")
    assert early_at <= float(search["at"]) <= before <= float(lead["at"]) <= after


def test_cookies_go_from_every_domain_and_folder_that_the_page_can_see(
    chromium: Browser, service: Service, shop: Shop
) -> None:
    netloc = f"a.b.shop.localhost:{shop.port}"
    snippet = publish(
        service,
        shop,
        "deep",
        '[[pixels]]\nplatform = "meta"\nid = "123456789012345"\n',
        origin=f"http://{netloc}",
    )
    visitor = Visitor(chromium, "Berlin", {netloc, service.url.removeprefix("http://")})
    places = [
        (domain, path)
        for domain in (
            "a.b.shop.localhost",
            ".a.b.shop.localhost",
            ".b.shop.localhost",
            ".shop.localhost",
        )
        for path in ("/", "/boots", "/boots/", "/boots/red")
    ]
    visitor.context.add_cookies(
        [
            {"name": name, "value": "1", "domain": domain, "path": path}
            for domain, path in places
            for name in ("_fbp", "cart")
        ]
    )
    shop.own["/boots/red"] = f'<!doctype html><link rel="icon" href="data:,">{snippet}<p>Boots</p>'
    visitor.visit(f"http://{netloc}/boots/red")
    kept = [(one["name"], one["domain"], one["path"]) for one in visitor.context.cookies()]
    assert sorted(kept) == sorted(("cart", *place) for place in places)
    assert visitor.hits(META) == []
    visitor.close()
