"""The pixels in a real browser, under the policy that their own host lists give, before libraries
that take their queues over as the vendors' do. Nothing leaves the machine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Route, sync_playwright

from consent import data
from consent.browser import build
from consent.model import Pixel
from consent.platforms import Platforms
from tests import browser_setup
from tests.browser_setup import PATIENCE

PLATFORMS = Platforms.load()
VENDORS = data.folder("browser").parent / "demo" / "static" / "vendors"
ORIGIN = "https://shop.example"
DEMO = {"meta": "fbevents.js", "ga4": "gtag.js", "google-ads": "gtag.js"}
"""The stand-ins that the demo shop needs as well; the others are beside this file."""
META, META_TWO = Pixel("meta", "123456789012345"), Pixel("meta", "987654321098765")
GA4 = Pixel("ga4", "G-ABCDE12345")
ADS = Pixel("google-ads", "AW-123456789", labels={"Purchase": "abCDeFGhij", "Lead": "klMNopQRst"})

DENIED = """
window.dataLayer = window.dataLayer || [];
(function () { dataLayer.push(arguments); })('consent', 'default', {
  ad_storage: 'denied', ad_user_data: 'denied', ad_personalization: 'denied',
  analytics_storage: 'denied' });
"""
TYPED = build.bundle("typed")
HARNESS = f"""
window.typed = {TYPED};
window.mapped = {TYPED.replace("return typed}", "return mapped}")};
"""
HARNESS += """
window.dataLayer = window.dataLayer || [];
window.hits = [];
addEventListener('vendor:hit', (event) => hits.push(event.detail));
const waiting = [];
const loaded = {};
const page = (limit, map) => ({ limit, mapped: (params) => mapped(params, map), load(url) {
  if (loaded[url]) return loaded[url];
  const script = loaded[url] = document.createElement('script');
  waiting.push(new Promise((done) => { script.onload = script.onerror = done; }));
  script.async = true; script.src = url; script.nonce = 'n0nce';
  document.head.appendChild(script);
  return script;
} });
window.grant = (...types) => (function () { dataLayer.push(arguments); })(
  'consent', 'update', Object.fromEntries(types.map((type) => [type, 'granted'])));
window.libraries = () => Promise.all(waiting);
"""
ORDER = {
    "value": 129.9,
    "currency": "EUR",
    "order_id": "A-1001",
    "contents": [
        {"id": "tent-2", "quantity": 1, "price": 99.9, "name": "Tent"},
        {"id": 7, "quantity": 2, "price": "15"},
    ],
    "email": "lena@example.com",
    "search": "",
}


class Hit(NamedTuple):
    host: str
    path: str
    params: dict[str, str]


class Seen(NamedTuple):
    """What happened in one page."""

    result: Any
    hits: list[Hit]
    scripts: list[str]
    complaints: list[str]
    cookies: set[str]
    told: list[dict[str, Any]]
    """The hits as the stand-ins tell them to the page."""


class Tab:
    """One page for many visits, since to open a new one takes longer than they do."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._devtools = page.context.new_cdp_session(page)

    @contextmanager
    def visiting(self, answer: Callable[[Route], None], complaints: list[str]) -> Iterator[Page]:
        """The page for one visit. What was stored in it is gone afterwards."""
        came = False

        def routed(route: Route) -> None:
            nonlocal came
            came = came or route.request.is_navigation_request()
            if came:
                answer(route)
            else:  # the last visit's, which nobody waits for any more
                route.abort()

        def said(message: ConsoleMessage) -> None:
            if came:
                complaints.append(message.text)

        def thrown(error: Error) -> None:
            if came:
                complaints.append(str(error))

        page = self.page
        page.on("console", said)
        page.on("pageerror", thrown)
        page.route("**/*", routed)
        try:
            yield page
        finally:
            page.evaluate("sessionStorage.clear()")
            stored = {"origin": ORIGIN, "storageTypes": "all"}
            self._devtools.send("Storage.clearDataForOrigin", stored)
            page.context.clear_cookies()
            page.remove_listener("console", said)
            page.remove_listener("pageerror", thrown)
            page.unroute("**/*", routed)


class Chromium:
    """A browser in a thread of its own, so that it gets in no event loop's way."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._thread.submit(self._start).result()

    def _start(self) -> None:
        path = browser_setup.find()
        assert path is not None, browser_setup.MISSING
        self._playwright = sync_playwright().start()
        flags = list(browser_setup.FLAGS)
        self.browser: Browser = self._playwright.chromium.launch(executable_path=path, args=flags)
        self._tab = Tab(self.browser.new_context().new_page())

    def visit(self, *args: Any) -> Seen:
        """As ``visit``, in a page that others have left, and left nothing in."""
        return self._thread.submit(visit, self._tab, *args).result()

    def run(self, work: Callable[..., Any], *args: Any) -> Any:
        return self._thread.submit(work, self.browser, *args).result()

    def close(self) -> None:
        self.run(lambda browser: browser.close())
        self._thread.submit(self._playwright.stop).result()
        self._thread.shutdown()


def policy(pixels: Sequence[Pixel]) -> str:
    """The strictest policy under which ``pixels`` have to work."""
    hosts: dict[str, set[str]] = {"script": set(), "connect": set(), "img": set()}
    for pixel in pixels:
        for key, found in hosts.items():
            found.update(getattr(PLATFORMS.hosts(pixel), key))
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'nonce-n0nce' {' '.join(sorted(hosts['script']))}",
            f"connect-src {' '.join(sorted(hosts['connect']))}",
            f"img-src {' '.join(sorted(hosts['img']))}",
        ]
    )


def library(pixel: Pixel) -> str:
    """The stand-in for the library that ``pixel`` loads."""
    if pixel.platform in DEMO:
        return (VENDORS / DEMO[pixel.platform]).read_text(encoding="utf-8")
    folder = Path(__file__).parent / "vendors"
    parts = [folder / "common.js", folder / f"{pixel.platform}.js"]
    return "\n".join(part.read_text(encoding="utf-8") for part in parts)


def document(pixels: Sequence[Pixel], limits: Mapping[int, object], before: str) -> str:
    factories = ", ".join(
        f"({PLATFORMS.render(pixel, automatic=True)})"
        f"(page({json.dumps(limits.get(at))}, {json.dumps(PLATFORMS.mapping(pixel))}))"
        for at, pixel in enumerate(pixels)
    )
    script = f"{before}\n{HARNESS}\nwindow.pixels = [{factories}];"
    return f'<!doctype html><title>Shop</title><script nonce="n0nce">{script}</script>'


def visit(
    tab: Tab,
    pixels: Sequence[Pixel],
    steps: str,
    limits: Mapping[int, object],
    before: str,
) -> Seen:
    hits: list[Hit] = []
    scripts: list[str] = []
    complaints: list[str] = []
    # Two ids of one vendor come from one address but for the query.
    libraries = {PLATFORMS.script_url(pixel).partition("?")[0]: pixel for pixel in pixels}

    def answer(route: Route) -> None:
        url = urlsplit(route.request.url)
        asked = route.request.url.partition("?")[0]
        if url.hostname == "shop.example":
            headers = {"content-security-policy": policy(pixels)}
            body = document(pixels, limits, before)
            route.fulfill(content_type="text/html", headers=headers, body=body)
        elif asked in libraries:
            scripts.append(route.request.url)
            route.fulfill(body=library(libraries[asked]), content_type="text/javascript")
        else:
            params = {key: value[0] for key, value in parse_qs(url.query).items()}
            hits.append(Hit(url.hostname or "", url.path, params))
            route.fulfill(status=204)

    with tab.visiting(answer, complaints) as page:
        page.goto(f"{ORIGIN}/?fbclid=Ab.C_d&gclid=Xy-Z")
        result = page.evaluate(f"async () => {{ {steps}\n}}")
        settle(page, hits)
        cookies = {cookie["name"] for cookie in page.context.cookies()}
        told = page.evaluate("hits")
    return Seen(result, hits, scripts, complaints, cookies, told)


def settle(page: Page, hits: list[Hit]) -> None:
    """Waits until every hit that the page knows of has reached the network's edge."""
    page.evaluate("libraries()")
    told = page.evaluate("new Promise((done) => setTimeout(() => done(hits.length), 30))")
    deadline = time.monotonic() + PATIENCE
    while len(hits) < told and time.monotonic() < deadline:
        page.wait_for_timeout(20)
    assert len(hits) == told


GRANTED = "grant('ad_storage', 'ad_user_data', 'ad_personalization', 'analytics_storage');"
START = f"{GRANTED} pixels.forEach((pixel) => pixel.start());"


def send(event: str, params: object = None, at: int = 0) -> str:
    given = f"typed({json.dumps(params or {})})"
    return f"pixels[{at}].send({json.dumps(event)}, {given}, 'id-{event}', 1);"
