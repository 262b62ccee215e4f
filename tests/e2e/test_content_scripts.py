"""Scripts that wait: run once, in order, for what was granted alone, within the page's policy."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.e2e.claims import assert_no_complaints
from tests.e2e.guest import CDN, YOUTUBE, Guest, frame, inline, script
from tests.e2e.service import Service
from tests.e2e.shop import Shop

pytestmark = pytest.mark.browser

Guests = Callable[..., Guest]
NONCE = 'nonce="abc123"'
STRICT = (
    "default-src 'none'; script-src 'nonce-abc123' 'strict-dynamic'; connect-src {service}; "
    f"img-src data:; frame-src https://{YOUTUBE}; base-uri 'none'"
)
HOSTILE_PURPOSES = ("necessary x", "", " ", "Marketing", "constructor", "__proto__", "all")


def test_scripts_run_in_the_order_of_the_page_each_once_and_whole(guest_from: Guests) -> None:
    guest = guest_from("Berlin")
    guest.holding = {"slow.js"}
    more = 'crossorigin="anonymous" referrerpolicy="no-referrer" id="kept" data-key="k" defer'
    guest.see(
        script("last", more=more)
        + script("slow")
        + script("gone")
        + script("any-time", more="async")
        + inline("after-slow")
        + inline("module", more='data-type="module"')
        + script("marketed", "analytics marketing")
        + inline("needed", "necessary")
    )
    assert guest.order == ["needed"]
    assert guest.asked == []
    assert guest.visitor.requests == []
    guest.visitor.click("choose")
    guest.page.locator('#pixelgate [data-purpose="analytics"]').check()
    guest.visitor.click("save")
    guest.expect_order("needed", "any-time")
    guest.page.wait_for_timeout(100)
    guest.expect_order("needed", "any-time")
    guest.let_go("slow.js")
    guest.expect_order("needed", "any-time", "slow", "after-slow", "last", "module")
    kept = guest.page.evaluate(
        "[kept.crossOrigin, kept.referrerPolicy, kept.dataset.key, kept.defer, kept.type,"
        " kept.nextSibling.src, document.querySelectorAll('#kept').length]"
    )
    slow = f"https://{CDN}/slow.js"
    assert kept == ["anonymous", "no-referrer", "k", True, "", slow, 1]
    assert [url for url in guest.asked if "marketed" in url] == []
    guest.page.evaluate("pixelgate('show')")
    guest.page.locator('#pixelgate [data-purpose="marketing"]').check()
    guest.visitor.decide("save")
    order = ("needed", "any-time", "slow", "after-slow", "last", "module", "marketed")
    guest.expect_order(*order)
    guest.visitor.settle()
    guest.expect_order(*order)


@contextmanager
def slow_page(page: str, at: str) -> Iterator[tuple[str, threading.Event]]:
    """Serves ``page`` as far as ``at``, and the rest once the event is set."""
    go_on = threading.Event()
    first, _, rest = page.partition(at)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write((first + at).encode())
            go_on.wait()
            self.wfile.write(rest.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("localhost", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}/", go_on
    finally:
        go_on.set()
        server.shutdown()
        server.server_close()


def test_a_script_that_has_come_by_half_does_not_run_by_half(
    guest_from: Guests, shop: Shop
) -> None:
    guest = guest_from("Tokyo")
    shop.markup = inline("whole") + script("after")
    with slow_page(shop.page("/"), "push('wh") as (url, go_on):
        guest.visitor.context.route(url, lambda route: route.continue_())
        with guest.page.expect_response(lambda answer: "/content.js" in answer.url):
            guest.page.goto(url, wait_until="commit")
        guest.page.wait_for_timeout(200)
        assert guest.order == []
        go_on.set()
        guest.expect_order("whole", "after")
    assert [line for line in guest.visitor.console if "SyntaxError" in line] == []


def test_a_script_cannot_be_taken_back_so_the_page_comes_anew_once_that_is_stored(
    guest_from: Guests,
) -> None:
    guest = guest_from("Tokyo")
    guest.see(script("a") + inline("b", "preferences"))
    assert guest.order == ["a", "b"]
    guest.visitor.comes_anew(lambda: guest.page.evaluate("pixelgate('withdraw')"))
    guest.visitor.settle()
    assert guest.order == []
    # Posted by the page that was left, of which nobody may hear, or once more by the new one.
    assert set(guest.visitor.decisions()) <= {("withdraw", 201)}
    [kept] = [one for one in guest.visitor.context.cookies() if one["name"] == "pixelgate"]
    assert str(kept["value"]).startswith("1."), "the ledger has it"
    loads = "performance.getEntriesByType('navigation')[0].type"
    assert guest.page.evaluate(loads) == "reload"


def test_what_names_no_purpose_of_ours_never_comes_to_life_and_the_console_says_why(
    guest_from: Guests,
) -> None:
    guest = guest_from("Tokyo")
    guest.see(
        "".join(inline(f"i{n}", one) + script(f"s{n}", one) + frame(f"f{n}", purposes=one)
                for n, one in enumerate(HOSTILE_PURPOSES))
        + inline("t", more='data-type="text/plain"')
        + inline("good")
    )  # fmt: skip
    assert guest.order == ["good"]
    assert guest.asked == []
    accepted = "expected necessary, preferences, analytics, marketing"
    assert sum(accepted in line for line in guest.warnings) == 3 * len(HOSTILE_PURPOSES)
    assert any(line.startswith('script data-purpose: found "all";') for line in guest.warnings)
    assert any(line.startswith("iframe data-purpose: found nothing;") for line in guest.warnings)
    assert any(line.startswith('script data-type: found "text/plain";') for line in guest.warnings)
    said = len(guest.warnings)
    guest.page.evaluate("document.body.append('more')")
    guest.visitor.settle()
    assert len(guest.warnings) == said


def test_a_strict_policy_is_kept_and_only_scripts_with_its_nonce_run(
    guest_from: Guests, service: Service
) -> None:
    guest = guest_from("Berlin")
    guest.see(
        frame()
        + inline("a", "preferences", NONCE)
        + script("b", "preferences", NONCE)
        + inline("slipped-in", "preferences")
        + script("slipped-in", "preferences", 'nonce="other"'),
        csp=STRICT.format(service=service.url),
    )
    guest.click("once")
    guest.expect_film()
    guest.visitor.click("choose")
    guest.page.locator('#pixelgate [data-purpose="preferences"]').check()
    guest.visitor.decide("save")
    guest.expect_order("a", "b")
    assert len(guest.asked) == 2
    refused = "; expected that of the page's other scripts"
    assert [line.partition(" JSHandle")[0] for line in guest.warnings] == [
        f"script nonce: found nothing{refused}",
        f'script nonce: found "other"{refused}',
    ]
    assert [line for line in guest.visitor.console if line.startswith("error")] == []


def test_trusted_types_let_through_what_came_with_the_page(
    guest_from: Guests, service: Service
) -> None:
    guest = guest_from("Berlin")
    typed = "; require-trusted-types-for 'script'; trusted-types pixelgate"
    guest.see(
        frame()
        + script("a", "preferences", NONCE)
        + inline("b", "preferences", NONCE)
        + inline("c", "preferences", f'{NONCE} data-type="module"'),
        csp=STRICT.format(service=service.url) + typed,
    )
    guest.expect_placeholder()
    assert_no_complaints(guest.visitor)
    guest.visitor.click("choose")
    guest.page.locator('#pixelgate [data-purpose="preferences"]').check()
    guest.visitor.decide("save")
    guest.expect_order("a", "b", "c")
    complaints = [line for line in guest.visitor.console if line.startswith("error")]
    assert len(complaints) == 1  # the browser tells of the try by which we learn
