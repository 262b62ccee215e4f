"""The service on the shop's own domain: one decision for all of it, kept by the server's cookie.

``shop.localhost`` and its subdomains are real hosts to Chromium, which finds them on loopback.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Response, expect

from consent.model import Place
from consent.regions import Regions
from consent.web.app import utcnow
from tests.e2e.claims import META, assert_no_complaints
from tests.e2e.published import served
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

DOMAIN = "shop.localhost"
DAY = 86_400
STORE = """
key = "wide"
name = "A shop on two hosts"
origins = ["http://shop.localhost:{port}", "http://www.shop.localhost:{port}"]
[[pixels]]
platform = "meta"
id = "123456789012345"
[cookie]
domain = "shop.localhost"
"""
SPY = """
window.written = [];
const own = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie');
Object.defineProperty(document, 'cookie', {
    get: () => own.get.call(document),
    set: (text) => {
        if (/^pixelgate=[12]/.test(text)) written.push(text);
        if (!(%s && /^pixelgate=[12]/.test(text))) own.set.call(document, text);
    },
});
"""
"""Notes what scripts write; one that is dropped leaves the jar to the service alone."""

Make = Callable[..., "WideVisitor"]


class WideVisitor(Visitor):
    """A visitor of a shop that is on two hosts."""

    def __init__(self, browser: Browser, place: str, shop: Shop, service: Service) -> None:
        self.shop, self.www = (f"http://{host}{DOMAIN}:{shop.port}" for host in ("", "www."))
        netlocs = (f"{host}{DOMAIN}:{shop.port}" for host in ("", "www."))
        super().__init__(browser, place, {*netlocs, f"consent.{DOMAIN}:{service.port}"})
        self._begun = time.time()

    def spy(self, *, drop: bool = False) -> None:
        """From the next page on."""
        self.context.add_init_script(SPY % ("true" if drop else "false"))

    def cookie(self) -> dict[str, object]:
        """The one cookie ``pixelgate``, as the browser keeps it."""
        (found,) = (c for c in self.context.cookies() if c["name"] == "pixelgate")
        return dict(found)

    def assert_lasts_until(self, end: float, cookie: dict[str, object]) -> None:
        """In seconds since 1970. An answer's way to the browser comes on top of it."""
        late = time.time() - self._begun
        assert end - 3 <= float(str(cookie["expires"])) <= end + 3 + late

    def answer(self, action: str) -> Response:
        """Clicks, and gives the service's answer to the decision."""
        with self.page.expect_response(lambda r: r.url.endswith("/decisions")) as answered:
            self.click(action)
        self.settle()
        return answered.value


@pytest.fixture(scope="module")
def wide(shop: Shop, service: Service) -> Iterator[None]:
    service.publish(STORE.format(port=shop.port))
    public_url = f"http://consent.{DOMAIN}:{service.port}"
    snippet = served(service, shop, "wide").replace(service.url, public_url)
    with shop.serving(snippet):
        yield


@pytest.fixture
def visitor_from(chromium: Browser, shop: Shop, service: Service, wide: None) -> Iterator[Make]:
    visitors: list[WideVisitor] = []

    def make(place: str) -> WideVisitor:
        visitors.append(WideVisitor(chromium, place, shop, service))
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.close()


def period(granted: bool) -> int:
    """How many seconds a decision holds in Germany."""
    regime = Regions.load().resolve(Place("DE"), on=utcnow().date()).regime
    return (regime.accept_days if granted else regime.refuse_days) * DAY


def decided_at(cookie: dict[str, object]) -> int:
    return int(str(cookie["value"]).split(".")[5])


@pytest.mark.parametrize("action", ["accept", "reject"])
def test_a_decision_made_on_one_host_is_known_on_the_other(action: str, visitor_from: Make) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(visitor.shop)
    visitor.decide(action)
    visitor.forget()
    visitor.visit(f"{visitor.www}/thanks")
    expect(visitor.page.locator('#pixelgate [data-action="accept"]')).to_have_count(0)
    hits = [hit["ev"] for hit in visitor.hits(META)]
    assert hits == (["PageView", "Purchase"] if action == "accept" else [])
    assert len(visitor.decisions()) == 1
    assert_no_complaints(visitor)


def test_the_service_sets_a_refusal_for_the_whole_period(visitor_from: Make) -> None:
    visitor = visitor_from("Berlin")
    visitor.spy(drop=True)
    visitor.visit(visitor.shop)
    answer = visitor.answer("reject")
    cookie = visitor.cookie()
    post = answer.request.post_data_json
    assert str(cookie["value"]).split(".")[1:3] == [post["id"], post["visitor"]]
    assert (cookie["domain"], cookie["path"]) == (f".{DOMAIN}", "/")
    assert (cookie["httpOnly"], cookie["sameSite"]) == (False, "Lax")
    visitor.assert_lasts_until(decided_at(cookie) + period(granted=False), cookie)
    visitor.visit(visitor.www)
    expect(visitor.page.locator('#pixelgate [data-action="accept"]')).to_have_count(0)
    assert len(visitor.decisions()) == 1


def test_no_answer_to_a_post_brings_a_grant(visitor_from: Make) -> None:
    visitor = visitor_from("Berlin")
    visitor.spy(drop=True)
    visitor.visit(visitor.shop)
    answer = visitor.answer("accept")
    assert answer.status == 201
    assert answer.header_value("set-cookie") is None
    assert [c for c in visitor.context.cookies() if c["name"] == "pixelgate"] == []
    # That an accept waits, and of whom; then the accept.
    mark, written = visitor.page.evaluate("written")
    assert re.match(r"pixelgate=2\.[\da-f-]{36};", mark)
    assert written.split(".")[1] == answer.request.post_data_json["id"]


def test_the_next_visit_makes_the_pages_grant_the_services(visitor_from: Make) -> None:
    visitor = visitor_from("Berlin")
    visitor.spy()
    visitor.visit(visitor.shop)
    visitor.answer("accept")
    own = visitor.cookie()
    _, written = visitor.page.evaluate("written")
    assert written.partition(";")[0] == f"pixelgate={own['value']}"
    assert (own["domain"], own["path"]) == (f".{DOMAIN}", "/")
    # As Safari does with what a script has written.
    cut_short = {**own, "expires": time.time() + 7 * DAY}
    visitor.context.add_cookies([cut_short])  # type: ignore[list-item]
    with visitor.page.expect_response(lambda r: "/loader.js" in r.url) as loaded:
        visitor.visit(visitor.www)
    header = str(loaded.value.header_value("set-cookie"))
    assert header.partition(";")[0] == f"pixelgate={own['value']}"
    cookie = visitor.cookie()
    assert visitor.page.evaluate("written") == []
    assert {**cookie, "expires": 0} == {**own, "expires": 0}
    assert (cookie["httpOnly"], cookie["sameSite"]) == (False, "Lax")
    visitor.assert_lasts_until(decided_at(own) + period(granted=True), cookie)
    assert_no_complaints(visitor)


@pytest.mark.parametrize("action", ["accept", "reject"])
def test_no_script_writes_over_what_the_service_has_set(action: str, visitor_from: Make) -> None:
    """Safari would keep what a script writes for seven days."""
    visitor = visitor_from("Berlin")
    visitor.spy()
    visitor.visit(visitor.shop)
    visitor.page.evaluate(
        """() => {
            window.told = [];
            document.addEventListener('pixelgate:decision', (e) => told.push(e.detail.id));
        }"""
    )
    answer = visitor.answer(action)
    cookie = visitor.cookie()
    text = f"pixelgate={cookie['value']}"
    # A refusal holds before the answer, so the page's own writing comes first. A grant is the
    # page's own alone: the service sets it at the next visit.
    written = visitor.page.evaluate("written")
    assert [text.split(".")[0] for text in written] == (
        ["pixelgate=2", "pixelgate=1"] if action == "accept" else ["pixelgate=2"]
    )
    header = answer.header_value("set-cookie")
    if action == "accept":
        assert header is None
        assert written[1].partition(";")[0] == text
    else:
        assert str(header).partition(";")[0] == text
    visitor.assert_lasts_until(decided_at(cookie) + period(action == "accept"), cookie)
    assert visitor.page.evaluate("told") == [answer.request.post_data_json["id"]]
    visitor.visit(f"{visitor.shop}/product")
    assert visitor.page.evaluate("written") == []
    assert_no_complaints(visitor)


@pytest.mark.parametrize("age_days", [0, 100])
def test_a_visit_renews_what_safari_cuts_short_and_no_longer_than_it_holds(
    age_days: int, visitor_from: Make
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(visitor.shop)
    visitor.decide("accept")
    cookie = visitor.cookie()
    parts = str(cookie["value"]).split(".")
    at = decided_at(cookie) - age_days * DAY
    value = ".".join([*parts[:5], str(at), *parts[6:]])
    cut_short = {**cookie, "value": value, "expires": time.time() + 7 * DAY}
    visitor.context.add_cookies([cut_short])  # type: ignore[list-item]
    for _ in range(2):  # the second time the page has the script
        visitor.visit(visitor.www)
        renewed = visitor.cookie()
        assert renewed["value"] == value
        visitor.assert_lasts_until(at + period(granted=True), renewed)
        visitor.context.add_cookies([cut_short])  # type: ignore[list-item]


def test_what_is_withdrawn_on_one_host_is_withdrawn_on_the_other(visitor_from: Make) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(visitor.shop)
    visitor.decide("accept")
    first, visitor.page = visitor.page, visitor.open()
    visitor.visit(visitor.www)
    with visitor.page.expect_response(lambda r: r.url.endswith("/decisions")):
        visitor.page.evaluate("pixelgate('withdraw')")
    visitor.settle()
    assert ".000." in str(visitor.cookie()["value"])
    visitor.forget()
    first.evaluate("pixelgate('track', 'Lead')")
    visitor.settle()
    assert visitor.hits(META) == []
    visitor.page = first
    visitor.visit(f"{visitor.shop}/thanks")
    assert visitor.requests == []
    assert [action for action, _ in visitor.decisions()] == ["accept_all", "withdraw"]
    expect(visitor.page.locator('#pixelgate [data-action="accept"]')).to_have_count(0)


@pytest.mark.parametrize("action", ["accept", "reject"])
def test_what_waits_on_one_host_is_stored_though_the_other_is_seen_first(
    action: str, visitor_from: Make
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(visitor.shop)
    visitor.context.route("**/decisions", lambda route: route.abort())
    visitor.click(action)
    visitor.page.wait_for_function("localStorage.pixelgate !== undefined")
    visitor.visit(f"{visitor.www}/product")
    assert visitor.requests == []
    visitor.context.unroute("**/decisions")
    with visitor.page.expect_response(lambda r: r.url.endswith("/decisions")) as answered:
        visitor.page.goto(visitor.shop)
    assert answered.value.status == 201
    visitor.settle()
    assert answered.value.request.post_data_json["id"] in str(visitor.cookie()["value"])


def test_a_grant_that_waited_on_one_host_does_not_undo_a_refusal_on_the_other(
    visitor_from: Make,
) -> None:
    visitor = visitor_from("Berlin")
    visitor.visit(visitor.shop)
    visitor.context.route("**/decisions", lambda route: route.abort())
    visitor.click("accept")
    visitor.page.wait_for_function("localStorage.pixelgate !== undefined")
    visitor.visit(visitor.www)
    visitor.context.unroute("**/decisions")  # not before: until it is left, a page tries again
    visitor.decide("reject")
    visitor.visit(f"{visitor.shop}/thanks")
    assert visitor.hits(META) == []
    assert ".000." in str(visitor.cookie()["value"])
