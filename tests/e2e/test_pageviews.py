"""PageView without a developer: once for each page a visitor sees, and never twice for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Route

from tests.e2e.claims import GA4, META
from tests.e2e.published import publish
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]

STORE = """
page_views = "automatic"
[[pixels]]
platform = "meta"
id = "123456789012345"
[[pixels]]
platform = "ga4"
id = "G-TEST123456"
"""
PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Summit</title>'
    '<link rel="icon" href="data:,">{snippet}{head}</head><body><h1>Summit</h1>{body}</body></html>'
)
NO_NAVIGATION_API = "Object.defineProperty(window, 'navigation', { value: undefined });"
BACK_TO_RED = """new Promise((done) => {
    addEventListener('popstate', () => done(), { once: true });
    history.go(-5);
})"""
HISTORIES = pytest.mark.parametrize("history", ["navigation API", "wrapped history"])


@pytest.fixture(scope="module")
def snippet(shop: Shop, service: Service) -> str:
    return publish(service, shop, "views", STORE)


@pytest.fixture
def pages(shop: Shop, snippet: str) -> Iterator[Callable[..., str]]:
    """Makes pages of the shop's, with that store's snippet: ``pages("/spa")`` gives its address."""

    def make(path: str, *, head: str = "", body: str = "") -> str:
        shop.own[path] = PAGE.format(snippet=snippet, head=head, body=body)
        return f"{shop.origin}{path}"

    yield make
    for path in [path for path in shop.own if path.startswith("/spa")]:
        del shop.own[path]


def views(visitor: Visitor) -> list[str]:
    """The paths with fragments of the page views that left the browser, in order."""
    visitor.settle()
    found = [hit["dl"].split("/", 3)[3] for hit in visitor.hits(GA4) if hit["en"] == "page_view"]
    assert len(visitor.hits(META)) == len(visitor.hits(GA4))
    return ["/" + one for one in found]


def from_tokyo(visitor_from: Make, history: str = "navigation API") -> Visitor:
    """A visitor whose pixels run without a choice."""
    visitor = visitor_from("Tokyo")
    if history != "navigation API":
        visitor.context.add_init_script(NO_NAVIGATION_API)
    return visitor


def step(visitor: Visitor, script: str) -> None:
    """Runs it in the page, and lets the page view that it may bring be tracked.

    That is one task later, and an event that only tells of the change is a task before it.
    """
    visitor.page.evaluate(script)
    visitor.page.evaluate("new Promise((done) => setTimeout(() => setTimeout(done)))")


@HISTORIES
def test_each_change_of_path_or_query_is_one_view_whoever_makes_it(
    history: str, visitor_from: Make, pages: Callable[..., str]
) -> None:
    visitor = from_tokyo(visitor_from, history)
    visitor.visit(pages("/spa"))
    expected = ["/spa"]
    for script, seen in [
        ("history.pushState({}, '', '/boots')", "/boots"),
        ("history.pushState({}, '', '/boots')", ""),
        ("history.replaceState({color: 1}, '')", ""),
        ("history.replaceState({}, '', '/boots?color=red')", "/boots?color=red"),
        ("history.pushState({}, '', '#size-guide')", ""),
        ("history.pushState({}, '', '/tents#/one')", "/tents#/one"),
        ("location.hash = '#!two'", "/tents#!two"),
        ("location.hash = '#top'", "/tents#top"),
        ("location.hash = '#bottom'", ""),
        (BACK_TO_RED, "/boots?color=red"),
    ]:
        step(visitor, script)
        expected += [seen] if seen else []
    assert views(visitor) == expected
    assert not [line for line in visitor.console if line.startswith(("error", "warning"))]


@HISTORIES
def test_a_detour_of_the_router_within_one_task_is_one_view(
    history: str, visitor_from: Make, pages: Callable[..., str]
) -> None:
    visitor = from_tokyo(visitor_from, history)
    visitor.visit(pages("/spa"))
    step(
        visitor,
        """history.pushState({}, '', '/account');
        Promise.resolve().then(() => history.replaceState({}, '', '/login'))""",
    )
    assert views(visitor) == ["/spa", "/login"]


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        ("", "<script>history.replaceState({}, '', '/spa/home')</script>", ["/spa/home"]),
        ("<script>pixelgate('track', 'PageView')</script>", "", ["/spa"]),
        ("", "<script>onload = () => pixelgate('track', 'PageView')</script>", ["/spa"]),
        (
            "<script>pixelgate('track', 'PageView')</script>",
            "<script>onload = () => history.replaceState({}, '', '/spa/home')</script>",
            ["/spa"],
        ),
        ("", "<script>pixelgate('track', 'Lead')</script>", ["/spa"]),
    ],
    ids=["a router's first address", "queued", "at load", "queued, then tidied", "another event"],
)
def test_the_first_view_is_counted_once_by_the_page_or_by_us(
    head: str, body: str, expected: list[str], visitor_from: Make, pages: Callable[..., str]
) -> None:
    visitor = from_tokyo(visitor_from)
    visitor.visit(pages("/spa", head=head, body=body))
    assert views(visitor) == expected


def test_a_page_that_tracks_its_routes_by_itself_is_not_counted_again(
    visitor_from: Make, pages: Callable[..., str]
) -> None:
    visitor = from_tokyo(visitor_from)
    visitor.visit(pages("/spa"))
    step(visitor, "history.pushState({}, '', '/boots'); pixelgate('track', 'PageView')")
    step(visitor, "history.pushState({}, '', '/tents')")
    assert views(visitor) == ["/spa", "/boots", "/tents"]


def test_who_leaves_before_the_page_is_complete_has_seen_it(
    visitor_from: Make, pages: Callable[..., str]
) -> None:
    visitor = from_tokyo(visitor_from)
    held: list[Route] = []
    visitor.context.route("**/slow.png", lambda route: held.append(route))
    visitor.page.goto(pages("/spa", body='<img src="/slow.png">'), wait_until="commit")
    visitor.page.locator("#pixelgate").wait_for(state="attached")
    visitor.page.wait_for_timeout(100)
    assert visitor.hits(GA4) == []
    with visitor.page.expect_request_finished(lambda request: GA4 in request.url):
        step(visitor, "dispatchEvent(new PageTransitionEvent('pagehide'))")
    assert [hit["en"] for hit in visitor.hits(GA4)] == ["page_view"]
    held[0].abort()


def test_a_page_from_the_cache_of_whole_pages_is_seen_again(
    visitor_with_cache: Make, pages: Callable[..., str]
) -> None:
    visitor = visitor_with_cache("Tokyo")
    address = pages("/spa", head="<script>window.life = Math.random()</script>")
    visitor.visit(address)
    life = visitor.page.evaluate("life")
    visitor.visit(pages("/spa/other"))
    visitor.page.evaluate("history.back()")
    visitor.page.wait_for_function("location.pathname == '/spa'")
    step(visitor, "0")
    assert visitor.page.evaluate("life") == life
    assert views(visitor) == ["/spa", "/spa/other", "/spa"]


def test_a_page_made_ready_in_advance_is_seen_when_the_visitor_sees_it(
    visitor_from: Make, pages: Callable[..., str]
) -> None:
    visitor = from_tokyo(visitor_from)
    visitor.context.add_init_script(
        """window.ready = true;
        Object.defineProperty(document, 'prerendering', { get: () => window.ready });"""
    )
    visitor.page.goto(pages("/spa"))
    visitor.settle()
    assert visitor.requests == []
    step(visitor, "ready = false; document.dispatchEvent(new Event('prerenderingchange'))")
    assert views(visitor) == ["/spa"]


def test_views_before_a_choice_wait_in_order_and_a_refusal_drops_them(
    visitor_from: Make, pages: Callable[..., str]
) -> None:
    accepting, refusing = visitor_from("Berlin"), visitor_from("Berlin")
    address = pages("/spa")
    for visitor in (accepting, refusing):
        visitor.visit(address)
        step(visitor, "history.pushState({}, '', '/boots')")
        assert visitor.requests == []
    refusing.decide("reject")
    step(refusing, "history.pushState({}, '', '/tents')")
    assert refusing.requests == []
    accepting.decide("accept")
    step(accepting, "history.pushState({}, '', '/tents')")
    assert len(views(accepting)) == 3
    assert views(accepting)[-1] == "/tents"


WRAPPER = """
(() => {
  window.calls = window.calls || [];
  const before = history.pushState;
  history.pushState = function (...given) {
    calls.push([NAME, this === history, given.length]);
    return before.apply(this, given) || NAME;
  };
})();
"""


def test_other_wrappers_of_the_history_before_and_after_ours_keep_working(
    visitor_from: Make, pages: Callable[..., str]
) -> None:
    # Berlin: no vendor's library, which might wrap the history too
    visitor = visitor_from("Berlin")
    visitor.context.add_init_script(NO_NAVIGATION_API + WRAPPER.replace("NAME", "'inner'"))
    visitor.visit(pages("/spa"))
    visitor.page.evaluate(
        "window.heard = []; pixelgate('on', 'event', ({name}) => heard.push(name));"
        + WRAPPER.replace("NAME", "'outer'")
    )
    step(visitor, "window.answer = history.pushState({}, '', '/boots')")
    assert visitor.page.evaluate("[answer, calls, heard]") == [
        "inner",
        [["outer", True, 3], ["inner", True, 3]],
        ["PageView"],
    ]
    shape = visitor.page.evaluate("[history.replaceState.length, history.replaceState.name]")
    assert shape == [2, "replaceState"]


def test_what_the_history_refuses_is_refused_and_what_fails_with_us_is_ours(
    visitor_from: Make, pages: Callable[..., str]
) -> None:
    visitor = from_tokyo(visitor_from, "wrapped history")
    visitor.visit(pages("/spa"))
    step(
        visitor,
        """try { history.pushState({}, '', 'https://elsewhere.example/') }
        catch (error) { window.refused = error.name }""",
    )
    assert visitor.page.evaluate("refused") == "SecurityError"
    assert (
        visitor.page.evaluate(
            """() => {
            const kept = window.setTimeout;
            window.setTimeout = () => { throw new Error('no timers') };
            try { history.pushState({}, '', '/boots'); return location.pathname }
            finally { window.setTimeout = kept }
        }"""
        )
        == "/boots"
    )
    step(visitor, "history.pushState({}, '', '/tents')")
    assert views(visitor) == ["/spa", "/tents"]


def test_a_variable_of_the_shop_called_navigation_is_not_taken_for_the_api(
    visitor_from: Make, pages: Callable[..., str]
) -> None:
    visitor = from_tokyo(visitor_from)
    own = "<script>var navigation = document.createElement('nav')</script>"
    visitor.visit(pages("/spa", head=own))
    step(visitor, "history.pushState({}, '', '/boots')")
    assert views(visitor) == ["/spa", "/boots"]
