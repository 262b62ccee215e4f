"""A visitor of a page that embeds content, and the hosts that the content would come from."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from playwright.sync_api import FrameLocator, Route, expect

from tests.e2e.service import PATIENCE
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor

YOUTUBE, MAPS, CDN = "www.youtube-nocookie.com", "www.google.com", "cdn.example"
FILM, MAP = f"https://{YOUTUBE}/embed/x", f"https://{MAPS}/maps/embed?pb=1"


def frame(key: str = "film", src: str = FILM, purposes: str = "marketing", more: str = "") -> str:
    size = "" if "width" in more or "class" in more else 'width="560" height="315"'
    waiting = f'data-src="{src}" data-purpose="{purposes}"'
    return f'<iframe id="{key}" {waiting} {size} {more}></iframe>'


def script(name: str, purposes: str = "analytics", more: str = "") -> str:
    """A script with an address, which notes its name when it runs."""
    src = f"https://{CDN}/{name}.js"
    return f'<script type="text/plain" data-purpose="{purposes}" src="{src}" {more}></script>'


def inline(name: str, purposes: str = "analytics", more: str = "") -> str:
    opening = f'<script type="text/plain" data-purpose="{purposes}" {more}>'
    return f"{opening}(window.order ||= []).push('{name}')</script>"


class Guest:
    """A visitor, and the embedded hosts: ``asked`` is what they were asked for, in order.

    Answers to names in ``holding`` wait until they are let go.
    """

    def __init__(self, visitor: Visitor, shop: Shop) -> None:
        self.visitor, self.page, self._shop = visitor, visitor.page, shop
        self.asked: list[str] = []
        self.held: dict[str, Route] = {}
        self.holding: set[str] = set()
        visitor.context.route(
            lambda url: urlsplit(url).netloc in {YOUTUBE, MAPS, CDN}, self._answer
        )

    def _answer(self, route: Route) -> None:
        self.asked.append(route.request.url)
        name = urlsplit(route.request.url).path.rpartition("/")[2]
        if name in self.holding:
            self.held[name] = route
        else:
            self._fulfil(route, name)

    def let_go(self, name: str) -> None:
        """Once it was asked for, which may be told of later than what ran meanwhile."""
        deadline = time.monotonic() + PATIENCE
        while name not in self.held:
            assert time.monotonic() < deadline, f"{name}: nobody asks for it"
            self.page.wait_for_timeout(25)
        self.holding.discard(name)
        self._fulfil(self.held.pop(name), name)

    def _fulfil(self, route: Route, name: str) -> None:
        if name == "gone.js":
            route.abort()
        elif name.endswith(".js"):
            noted = f"(window.order ||= []).push('{name[:-3]}')"
            anyone = {"Access-Control-Allow-Origin": "*"}
            route.fulfill(body=noted, content_type="text/javascript", headers=anyone)
        else:
            route.fulfill(body="<title>F</title><h1>Film</h1>", content_type="text/html")

    def see(self, markup: str, *, head: str = "", csp: str = "", language: str = "en") -> None:
        """Opens a page of the shop with ``markup`` in it."""
        self._shop.markup, self._shop.head, self._shop.csp = markup, head, csp
        self._shop.language = language
        self.visitor.visit(self._shop.origin)

    def inside(self, key: str = "film") -> FrameLocator:
        return self.page.frame_locator(f"#{key}")

    def click(self, action: str, key: str = "film") -> None:
        self.inside(key).locator(f'[data-action="{action}"]').click()

    def expect_placeholder(self, key: str = "film", vendor: str = "YouTube") -> None:
        expect(self.inside(key).locator(".title")).to_have_text(f"Content from {vendor}")

    def expect_film(self, key: str = "film") -> None:
        expect(self.inside(key).get_by_role("heading")).to_have_text("Film")

    def withdraw(self) -> None:
        with self.page.expect_response(lambda answer: answer.url.endswith("/decisions")):
            self.page.evaluate("pixelgate('withdraw')")

    @property
    def order(self) -> list[str]:
        found: list[str] = self.page.evaluate("window.order || []")
        return found

    def expect_order(self, *names: str) -> None:
        """Waits for the scripts ``names`` and no others. By hand: a strict page forbids polling."""
        deadline = time.monotonic() + PATIENCE
        while len(self.order) < len(names) and time.monotonic() < deadline:
            self.page.wait_for_timeout(25)
        assert self.order == list(names)

    @property
    def warnings(self) -> list[str]:
        starts = "warning: pixelgate: "
        return [line.removeprefix(starts) for line in self.visitor.console if starts in line]
