"""A store's own pixels in the page: held like any other, and unable to break the loader."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.e2e import published
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]
OWN = """
[[pixels]]
platform = "custom"
id = "size-quiz"
purposes = ["analytics"]
[pixels.custom]
name = "Size quiz"
vendor = "Quiz Ltd"
privacy_url = "https://quiz.example/privacy"
hosts = { img = ["quiz.example"] }
traces = [{ name = "quiz", lifetime = "30 days" }]
stops_sending = true
template = '''
function (page) {
  let on = true;
  return {
    start() {
      document.cookie = 'quiz=1; Path=/; Max-Age=60';
    },
    send(event, params, eventId) {
      const { value } = page.mapped({ ...params, event_id: eventId });
      const url = 'https://quiz.example/hit?' + new URLSearchParams({ event, value });
      if (on) new Image().src = url;
    },
    revoke() {
      on = false;
    },
    grant() {
      on = true;
    },
  };
}
'''
[[pixels]]
platform = "custom"
id = "chat"
purposes = ["marketing"]
[pixels.custom]
name = "Chat"
vendor = "Chat Ltd"
privacy_url = "https://chat.example/privacy"
hosts = { script = ["chat.example"] }
script = "https://chat.example/chat.js"
"""


@pytest.fixture(scope="module")
def snippet(service: Service, shop: Shop) -> str:
    return published.reviewed(service, shop, "own", OWN, "size-quiz", "chat")


@pytest.fixture
def visitor(visitor_from: Make, shop: Shop, snippet: str) -> Visitor:
    visitor = visitor_from("Berlin")
    with shop.serving(snippet):
        visitor.visit(f"{shop.origin}/privacy")
    return visitor


def hits(visitor: Visitor) -> list[tuple[str, str]]:
    return [(hit["event"], hit["value"]) for hit in visitor.hits("quiz.example")]


def track(visitor: Visitor, event: str, value: int) -> None:
    visitor.page.evaluate(f"pixelgate('track', '{event}', {{ value: {value}, currency: 'EUR' }})")
    visitor.settle()


def test_own_code_meets_every_event_once_it_is_granted_and_none_before(visitor: Visitor) -> None:
    track(visitor, "ViewContent", 5)
    assert visitor.requests == []
    assert visitor.cookies() == set()
    visitor.decide("accept")
    track(visitor, "Purchase", 20)
    assert hits(visitor) == [("ViewContent", "5"), ("Purchase", "20")]
    assert "https://chat.example/chat.js" in visitor.requests
    assert visitor.cookies() == {"pixelgate", "quiz"}


def test_a_purpose_that_is_refused_keeps_its_own_pixel_off(visitor: Visitor) -> None:
    visitor.click("choose")
    visitor.page.get_by_role("dialog").locator('[data-purpose="marketing"]').check()
    visitor.decide("save")
    track(visitor, "Purchase", 20)
    assert visitor.requests == ["https://chat.example/chat.js"]
    assert visitor.cookies() == {"pixelgate"}


def test_own_pixels_are_named_to_visitors_and_refused_one_by_one(visitor: Visitor) -> None:
    visitor.click("choose")
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Size quiz")
    expect(dialog).to_contain_text("Quiz Ltd")
    dialog.locator('[data-purpose="analytics"]').check()
    dialog.locator('[data-purpose="marketing"]').check()
    for summary in dialog.locator("summary").all():
        summary.click()
    dialog.locator('[data-pixel="custom-size-quiz"]').uncheck()
    visitor.decide("save")
    track(visitor, "Purchase", 20)
    assert visitor.requests == ["https://chat.example/chat.js"]


def test_what_runs_is_stopped_swept_and_the_page_loaded_anew_where_nothing_stops_it(
    visitor: Visitor, shop: Shop, snippet: str
) -> None:
    visitor.decide("accept")
    with shop.serving(snippet):
        visitor.page.evaluate("window.before = 1; pixelgate('withdraw')")
        visitor.page.wait_for_function("!window.before && document.readyState == 'complete'")
    visitor.page.locator("#pixelgate").wait_for(state="attached")
    visitor.settle()
    visitor.forget()
    track(visitor, "Purchase", 20)
    assert visitor.requests == []
    assert visitor.cookies() == {"pixelgate"}


def test_code_that_is_late_does_not_start_after_a_withdrawal(visitor: Visitor) -> None:
    waiting: list[Route] = []
    visitor.context.route("**/custom.js*", lambda route: waiting.append(route))
    visitor.click("choose")
    visitor.page.get_by_role("dialog").locator('[data-purpose="analytics"]').check()
    with visitor.page.expect_request("**/custom.js*"):
        visitor.click("save")
    visitor.page.evaluate("pixelgate('withdraw')")
    with visitor.page.expect_response("**/custom.js*"):
        waiting[0].continue_()
    track(visitor, "Purchase", 20)
    assert visitor.requests == []
    assert visitor.cookies() == {"pixelgate"}
