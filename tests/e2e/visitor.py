"""A visitor: one browser context with a place, and everything that leaves it written down."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    Frame,
    Page,
    Request,
    Response,
    Route,
)

from tests.e2e.service import PATIENCE

DOUBLES = Path(__file__).resolve().parents[2] / "consent" / "demo" / "static" / "vendors"
LIBRARIES = {
    "connect.facebook.net": ("/en_US/fbevents.js", "fbevents.js"),
    "www.googletagmanager.com": ("/gtag/js", "gtag.js"),
}
PLACES: dict[str, dict[str, str]] = {
    "Berlin": {"CF-IPCountry": "DE", "CF-Region-Code": "BE"},
    "Paris": {"CF-IPCountry": "FR", "CF-Region-Code": "IDF"},
    "Paris with GPC": {"CF-IPCountry": "FR", "CF-Region-Code": "IDF", "Sec-GPC": "1"},
    "Rome": {"CF-IPCountry": "IT", "CF-Region-Code": "62"},
    "London": {"CF-IPCountry": "GB", "CF-Region-Code": "ENG"},
    "Los Angeles": {"CF-IPCountry": "US", "CF-Region-Code": "CA"},
    "Los Angeles with GPC": {"CF-IPCountry": "US", "CF-Region-Code": "CA", "Sec-GPC": "1"},
    "Dallas": {"CF-IPCountry": "US", "CF-Region-Code": "TX"},
    "Montréal": {"CF-IPCountry": "CA", "CF-Region-Code": "QC"},
    "São Paulo": {"CF-IPCountry": "BR", "CF-Region-Code": "SP"},
    "Tokyo": {"CF-IPCountry": "JP", "CF-Region-Code": "13"},
    "nowhere": {},
}
# Counted by the page: while it is kept from running, nothing that it is about to do comes either.
FRAME = """() => new Promise((done) => {
    const soon = () => setTimeout(done, 8);
    document.hidden ? setTimeout(soon, 16) : requestAnimationFrame(soon);
})"""
QUIET_FRAMES = 9


class Visitor:
    """What a person in ``place`` does, and what the network and the browser then hold."""

    def __init__(
        self, browser: Browser, place: str, own_hosts: set[str], **context: object
    ) -> None:
        self.context: BrowserContext = browser.new_context(
            extra_http_headers=PLACES[place],
            **context,  # type: ignore[arg-type]
        )
        self.context.set_default_timeout(PATIENCE * 1000)
        self._own = own_hosts
        self.requests: list[str] = []
        self.console: list[str] = []
        self.under_way: set[Request] = set()
        self.context.on("request", lambda request: self.under_way.add(request))
        self.context.on("requestfinished", self._ended)
        self.context.on("requestfailed", self._ended)
        self.answered: list[Response] = []
        self.context.on("response", lambda response: self.answered.append(response))
        self.context.route(lambda url: urlsplit(url).netloc not in own_hosts, self._vendor)
        self.page = self.open()

    def open(self) -> Page:
        page = self.context.new_page()
        page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.console.append(f"error: {error}"))

        def navigated(frame: Frame) -> None:
            if frame == page.main_frame:
                self._left(page)

        page.on("framenavigated", navigated)
        page.on("close", self._left)
        return page

    def _left(self, page: Page) -> None:
        """Of what a page had under way when it was left, nobody hears how it ends."""
        for request in list(self.under_way):
            comes = request.is_navigation_request() and not page.is_closed()
            if not comes and request.frame.page == page:
                self.under_way.discard(request)

    def _ended(self, request: Request) -> None:
        """Also of the same post by the page before: it may be told of after that page was left."""
        self.under_way.discard(request)
        if request.method == "POST":
            posted = (request.url, request.post_data)
            for other in list(self.under_way):
                if posted == (other.url, other.post_data):
                    self.under_way.discard(other)

    def _vendor(self, route: Route) -> None:
        """The network's edge: libraries are replayed by their doubles, hits are written down."""
        url = route.request.url
        if url.startswith("data:"):
            route.continue_()
            return
        self.requests.append(url)
        parts = urlsplit(url)
        path, double = LIBRARIES.get(parts.netloc, ("", ""))
        if double and parts.path == path:
            body = (DOUBLES / double).read_text(encoding="utf-8")
            route.fulfill(body=body, content_type="text/javascript")
        else:
            route.fulfill(status=204, body="")

    @property
    def root(self) -> str:
        return "#pixelgate"

    def click(self, action: str, page: Page | None = None) -> None:
        (page or self.page).locator(f'#pixelgate [data-action="{action}"]:visible').click()

    def decide(self, action: str) -> None:
        """Clicks, and waits until the decision is in the ledger."""
        with self.page.expect_response(lambda response: response.url.endswith("/decisions")):
            self.click(action)
        self.settle()

    def settle(self) -> None:
        """Waits until nothing is under way, and no page begins anything for some frames."""
        quiet, deadline = 0, time.monotonic() + PATIENCE
        while quiet < QUIET_FRAMES:
            found = [request.url for request in self.under_way]
            assert time.monotonic() < deadline, f"still under way: {found}"
            quiet = quiet + 1 if self._runs() and not self.under_way else 0

    def _runs(self) -> bool:
        """Waits for the next frame of each page; no where one of them is being left."""
        try:
            for page in self.context.pages:
                page.evaluate(FRAME)
        except Error as error:
            if "context" not in str(error) and "navigat" not in str(error):
                raise
            return False
        return True

    def visit(self, url: str) -> None:
        self.page.goto(url)
        self.page.locator("#pixelgate").wait_for(state="attached")
        self.settle()

    def comes_anew(self, act: Callable[[], object]) -> None:
        """Waits until ``act`` has made the page load anew. A page that asks for that again while it
        is being left ends the first try, and with it what waits for a navigation.
        """
        self.page.evaluate("window.isLeft = true")
        act()
        self.page.wait_for_function("!window.isLeft && document.readyState == 'complete'")

    def decisions(self) -> list[tuple[str, int]]:
        """The actions posted to the ledger and the statuses of the answers, in order."""
        return [
            (answer.request.post_data_json["action"], answer.status)
            for answer in self.answered
            if answer.url.endswith("/decisions")
        ]

    def hits(self, host: str) -> list[dict[str, str]]:
        """The query parameters of every request to ``host`` (libraries apart), in order."""
        found = []
        for url in self.requests:
            parts = urlsplit(url)
            if parts.netloc == host and parts.path != LIBRARIES.get(host, ("", ""))[0]:
                found.append({"path": parts.path, **dict(parse_qsl(parts.query))})
        return found

    @property
    def hosts(self) -> set[str]:
        return {urlsplit(url).netloc for url in self.requests}

    def cookies(self) -> set[str]:
        return {str(cookie["name"]) for cookie in self.context.cookies()}

    def storage(self) -> dict[str, list[str]]:
        """The names in each kind of storage of the shop's page."""
        names: dict[str, list[str]] = self.page.evaluate(
            """async () => ({
                local: Object.keys(localStorage), session: Object.keys(sessionStorage),
                databases: (await indexedDB.databases()).map((d) => d.name),
                caches: await caches.keys(),
            })"""
        )
        return names

    def forget(self) -> None:
        """Empties the notes, not the browser."""
        self.requests.clear()
        self.console.clear()

    def close(self) -> None:
        """Not while a page takes another's place: Chromium may then wait for ever for it to go."""
        deadline = time.monotonic() + PATIENCE
        while self._moves() and time.monotonic() < deadline:
            self._runs()
        self.context.close()

    def _moves(self) -> bool:
        """Whether a page is on its way, as far as those that are there have said."""
        try:
            for page in self.context.pages:
                page.evaluate("0")
            ways = [one.frame for one in self.under_way if one.is_navigation_request()]
        except Error:
            return True
        return any(frame.parent_frame is None for frame in ways)
