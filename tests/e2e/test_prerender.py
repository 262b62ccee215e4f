"""A page that Chromium really makes ready in advance (speculation rules) is silent until seen.

Without Playwright, whose sessions forbid prerendering: a Chromium of its own opens a page that goes
on by itself, and an edge between it and the network writes down what passes, in order.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests import browser_setup
from tests.e2e.published import publish
from tests.e2e.service import Service
from tests.e2e.shop import Shop

pytestmark = pytest.mark.browser

STORE = """
page_views = "automatic"
[[pixels]]
platform = "meta"
id = "123456789012345"
"""
PATIENCE = 120
LIBRARY = "connect.facebook.net:443"
DECISION = (
    "1.11111111-1111-4111-8111-111111111111.22222222-2222-4222-8222-222222222222"
    ".1.opt-in.${Math.floor(Date.now() / 1000)}.111.0"
)
"""A visitor who has accepted; where a proxy names no place, the strictest regime holds."""
FIRST = """<!doctype html><title>A list</title><link rel="icon" href="data:,">
<script>document.cookie = `pixelgate=DECISION; Path=/`</script>
<script type="speculationrules">
{"prerender": [{"urls": ["/boots"], "eagerness": "immediate"}]}
</script>
<script>fetch('EDGE/go', { mode: 'no-cors' }).then(() => location.href = '/boots')</script>"""
SECOND = """<!doctype html><title>Boots</title><link rel="icon" href="data:,">SNIPPET
<script>
const tell = (what) => fetch('EDGE/' + what, { mode: 'no-cors' });
// Whatever the loader would do too early, it has done by then.
onload = () => setTimeout(() => tell('ready?' + document.prerendering), 300);
document.addEventListener('prerenderingchange', () => tell('seen'));
</script>"""


class Edge:
    """The proxy of a browser: notes the hosts beyond this machine, and lets nobody through.

    It is also whom the pages tell how far they are; ``/go`` is answered once the second is ready.
    """

    def __init__(self) -> None:
        self.passed: list[str] = []
        self._more = threading.Condition()
        edge = self

        class Handler(BaseHTTPRequestHandler):
            def do_CONNECT(self) -> None:
                edge.note(self.path)
                self.send_error(502)

            def do_GET(self) -> None:
                if self.path == "/go":
                    edge.saw("/ready?true")
                edge.note(self.path)
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("localhost", 0), Handler)
        self.origin = f"http://localhost:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def note(self, what: str) -> None:
        with self._more:
            self.passed.append(what)
            self._more.notify_all()

    def saw(self, *what: str) -> bool:
        """Whether all of it has passed; waits for that."""
        with self._more:
            return self._more.wait_for(lambda: set(what) <= set(self.passed), PATIENCE)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def edge() -> Iterator[Edge]:
    edge = Edge()
    yield edge
    edge.close()


def test_a_page_made_ready_in_advance_reaches_no_vendor_until_it_is_seen(
    edge: Edge, shop: Shop, service: Service, tmp_path: Path
) -> None:
    snippet = publish(service, shop, "ahead", STORE)
    shop.own["/list"] = FIRST.replace("DECISION", DECISION).replace("EDGE", edge.origin)
    shop.own["/boots"] = SECOND.replace("SNIPPET", snippet).replace("EDGE", edge.origin)
    path = browser_setup.find()
    assert path is not None
    browser = subprocess.Popen(
        [
            path,
            "--headless=new",
            *browser_setup.FLAGS,
            f"--user-data-dir={tmp_path}",
            f"--proxy-server={edge.origin}",
            f"{shop.origin}/list",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert edge.saw("/seen", LIBRARY), edge.passed
    finally:
        browser.terminate()
        browser.wait(timeout=PATIENCE)
        del shop.own["/list"], shop.own["/boots"]
    ours = [one for one in edge.passed if one.startswith("/") or one == LIBRARY]
    assert ours[:2] == ["/ready?true", "/go"]
    assert sorted(ours[2:]) == ["/seen", LIBRARY]
