"""The policy that ``consent store csp`` prints is enough for every platform, and no more."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Route

from consent.model import Pixel
from tests.e2e.published import publish
from tests.e2e.service import Service
from tests.e2e.shop import CONTENTS, ORDER, Shop
from tests.e2e.visitor import Visitor
from tests.pixels.shop import PLATFORMS, library

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]

KEY, NONCE = "policied", "f1lled1n"
EVENTS = ("PageView", "ViewContent", "AddToCart", "Purchase", "Lead")
PIXELS = [
    Pixel(key, one.id_example, labels={"Purchase": one.label_example} if one.label_example else {})
    for key, one in PLATFORMS.items()
]
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) =>
  violations.push(effectiveDirective + ' ' + blockedURI));
"""


def store() -> str:
    tables = []
    for pixel in PIXELS:
        tables += ["[[pixels]]", f'platform = "{pixel.platform}"', f"id = {json.dumps(pixel.id)}"]
        tables += [f"labels.{event} = {json.dumps(one)}" for event, one in pixel.labels.items()]
    return "\n".join(tables)


@pytest.fixture(scope="module")
def snippet(service: Service, shop: Shop) -> str:
    return publish(service, shop, KEY, store())


@pytest.fixture
def policy(service: Service, snippet: str) -> dict[str, list[str]]:
    """What the command prints, by directive."""
    lines = [line.removesuffix(";").split() for line in told(service).splitlines()]
    return {directive: sources for directive, *sources in lines}


def told(service: Service) -> str:
    return service.consent("store", "csp", KEY)


@pytest.fixture
def page_under(snippet: str, shop: Shop) -> Iterator[Callable[[str], str]]:
    """Makes a page under a policy, which has to be filled in: gives its address."""
    viewed = {"value": 5, "currency": "EUR", "contents": CONTENTS}
    said = {event: ORDER if event == "Purchase" else viewed for event in EVENTS}
    calls = "".join(f"pixelgate('track','{one}',{json.dumps(said[one])});" for one in EVENTS)

    def make(header: str) -> str:
        shop.csp = header
        head = snippet.replace("<script>", f'<script nonce="{NONCE}">')
        shop.own["/policied"] = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Summit</title>'
            f"{head}</head><body><h1>Summit</h1>"
            f'<script nonce="{NONCE}">{calls}</script></body></html>'
        )
        shop.own["/favicon.ico"] = " "
        return f"{shop.origin}/policied"

    yield make
    shop.csp = ""
    del shop.own["/policied"], shop.own["/favicon.ico"]


def filled(policy: dict[str, list[str]]) -> str:
    """The header's text."""
    text = "; ".join(" ".join((directive, *sources)) for directive, sources in policy.items())
    return text.replace("{NONCE}", NONCE)


class Shopper:
    """A visitor who gets every platform's stand-in from the address where its library is."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.libraries: set[str] = set()
        by_url = {library_of(one): one for one in PIXELS}

        def answer(route: Route) -> None:
            url = route.request.url.partition("?")[0]
            self.libraries.add(url)
            route.fulfill(body=library(by_url[url]), content_type="text/javascript")

        visitor.context.route(lambda url: url.partition("?")[0] in by_url, answer)
        visitor.context.add_init_script(WATCH)

    def accept(self, address: str) -> None:
        self.visitor.visit(address)
        self.visitor.click("accept")
        self.visitor.settle()

    def violations(self) -> set[str]:
        """Directive and origin of all that the page's policy stopped."""
        found: list[str] = self.visitor.page.evaluate("violations")
        return {
            f"{directive} {'://'.join(urlsplit(uri)[:2])}"
            for directive, _, uri in (one.partition(" ") for one in found)
        }


def library_of(pixel: Pixel) -> str:
    return PLATFORMS.script_url(pixel).partition("?")[0]


@pytest.fixture
def shopper(visitor_from: Make) -> Shopper:
    return Shopper(visitor_from("Berlin"))


def test_under_exactly_that_policy_every_pixel_runs_and_nothing_is_blocked(
    shopper: Shopper, service: Service, page_under: Callable[[str], str]
) -> None:
    shopper.accept(page_under(" ".join(told(service).replace("{NONCE}", NONCE).split())))
    assert shopper.visitor.decisions() == [("accept_all", 201)]
    assert shopper.libraries == {library_of(one) for one in PIXELS}
    assert len(shopper.visitor.hosts) > len(PIXELS) / 2
    assert shopper.violations() == set()
    assert [line for line in shopper.visitor.console if "Content Security Policy" in line] == []


@pytest.mark.parametrize("platform", ["", "meta", "linkedin"], ids=lambda key: key or "service")
def test_without_one_host_the_browser_complains(
    platform: str,
    shopper: Shopper,
    service: Service,
    policy: dict[str, list[str]],
    page_under: Callable[[str], str],
) -> None:
    own = [PLATFORMS.hosts(one) for one in PIXELS if one.platform == platform]
    missing = {f"https://{host}" for hosts in own for host in (*hosts.connect, *hosts.img)}
    missing = missing or {service.url}
    for directive in ("connect-src", "img-src"):
        policy[directive] = [one for one in policy[directive] if one not in missing]
    shopper.accept(page_under(filled(policy)))
    assert {one.partition(" ")[2] for one in shopper.violations()} & missing


def test_a_placeholder_that_nobody_filled_in_lets_nothing_run(
    shopper: Shopper, service: Service, page_under: Callable[[str], str]
) -> None:
    shopper.visitor.page.goto(page_under(" ".join(told(service).split())))
    shopper.visitor.settle()
    assert shopper.visitor.page.locator("#pixelgate").count() == 0
    assert shopper.violations() == {"script-src-elem ://"}
