"""The demo as a newcomer lives it: started as a command, looked at in a real browser, offline.

The browser is driven on a thread of its own: Playwright's synchronous interface keeps an event
loop running on the thread that starts it, and other tests need theirs.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from tests import browser_setup
from tests.test_demo import PATIENCE_SECONDS, Demo

pytestmark = pytest.mark.browser

THREAD = ThreadPoolExecutor(1, thread_name_prefix="chromium")
PIXELS = {"meta", "ga4", "google-ads"}
QUIET = ("ERR_NAME_NOT_RESOLVED", "ERR_FAILED", "Clear-Site-Data", "pixelgate: ")


def in_browser(test: Callable[..., None]) -> Callable[..., None]:
    """Runs ``test`` on the browser's thread."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        THREAD.submit(test, *arguments, **named).result()

    return run


class Guest:
    """Someone who opens the demo with a fresh browser and no network beyond this machine."""

    def __init__(self, browser: Browser, demo: Demo, **options: Any) -> None:
        self.demo = demo
        self.context: BrowserContext = browser.new_context(**options)
        self.outside: list[str] = []
        self.complaints: list[str] = []
        own = {f"localhost:{demo.port}", f"localhost:{demo.shop_port}"}
        self.context.route(lambda url: urlsplit(url).netloc not in own, self._cut)
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda message: self._hear(message.type, message.text))
        self.page.on("pageerror", lambda error: self._hear("error", str(error)))
        self.panel = self.page.locator("[data-demo-panel]")
        self.hits = self.page.locator("[data-demo-hits] > li")

    def _cut(self, route: Route) -> None:
        self.outside.append(urlsplit(route.request.url).netloc)
        route.abort()

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(word in text for word in QUIET):
            self.complaints.append(text)

    def come_from(self, visitor: str, path: str = "/") -> None:
        self.page.goto(f"{self.demo.shop}/visit/{visitor}")
        if path != "/":
            self.page.goto(f"{self.demo.shop}/as/{visitor}{path}")
        expect(self.panel.locator("[data-grant]")).to_have_count(3)

    def decide(self, action: str) -> None:
        with self.page.expect_response(lambda answer: answer.url.endswith("/decisions")):
            self.page.locator(f'#pixelgate [data-action="{action}"]:visible').click()

    def hit(self, platform: str, event: str) -> Any:
        return self.page.locator(f'[data-demo-hits] [data-platform="{platform}"]').filter(
            has=self.page.locator(".demo-event", has_text=re.compile(f"^{event}$"))
        )

    def cookies(self) -> set[str]:
        return {cookie["name"] for cookie in self.context.cookies()}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = browser_setup.find()
    if path is None:
        pytest.fail(browser_setup.MISSING)
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    playwright = THREAD.submit(lambda: sync_playwright().start()).result()

    def start() -> Browser:
        return playwright.chromium.launch(executable_path=path, args=list(browser_setup.FLAGS))

    browser = THREAD.submit(start).result()
    yield browser
    THREAD.submit(browser.close).result()
    THREAD.submit(playwright.stop).result()


@pytest.fixture(scope="module")
def demo(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo"))
    yield demo
    context = THREAD.submit(browser.new_context).result()
    page = THREAD.submit(context.new_page).result()
    THREAD.submit(page.goto, f"{demo.shop}/as/tokyo/").result()
    assert demo.interrupt() == (0, "")  # with a browser's connections still open
    THREAD.submit(context.close).result()


@pytest.fixture
def guest(browser: Browser, demo: Demo) -> Iterator[Guest]:
    guest = THREAD.submit(Guest, browser, demo, viewport={"width": 1440, "height": 900}).result()
    yield guest
    THREAD.submit(guest.context.close).result()
    assert guest.complaints == []


@pytest.fixture
def on_phone(browser: Browser, demo: Demo) -> Iterator[Guest]:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    guest = THREAD.submit(lambda: Guest(browser, demo, **phone)).result()
    yield guest
    THREAD.submit(guest.context.close).result()


@pytest.fixture
def without_script(browser: Browser, demo: Demo) -> Iterator[Page]:
    context = THREAD.submit(lambda: browser.new_context(java_script_enabled=False)).result()
    yield THREAD.submit(context.new_page).result()
    THREAD.submit(context.close).result()


@pytest.mark.parametrize("visitor", ["berlin", "london", "montreal", "sao-paulo", "nowhere"])
@in_browser
def test_where_consent_comes_first_nothing_leaves_and_nothing_is_kept(
    guest: Guest, visitor: str
) -> None:
    guest.come_from(visitor, "/products/ridgeline-2")
    guest.page.locator("#pixelgate [data-action=accept]").wait_for()
    expect(guest.hits).to_have_count(0)
    expect(guest.panel).to_contain_text("No pixel has sent anything")
    expect(guest.panel).to_contain_text("No cookie, no storage")
    assert guest.outside == []
    assert guest.cookies() == set()
    assert guest.page.evaluate("localStorage.length + sessionStorage.length") == 0


@pytest.mark.parametrize("visitor", ["la", "dallas", "tokyo"])
@in_browser
def test_where_notice_is_enough_every_pixel_reports_at_once(guest: Guest, visitor: str) -> None:
    guest.come_from(visitor)
    for platform, event in [("meta", "PageView"), ("ga4", "page_view")]:
        expect(guest.hit(platform, event)).to_have_count(1)
    expect(guest.panel).to_contain_text("No decision yet")


@in_browser
def test_with_gpc_from_california_only_analytics_reports(guest: Guest) -> None:
    guest.come_from("la-gpc")
    expect(guest.hit("ga4", "page_view")).to_have_count(1)
    expect(guest.panel).to_contain_text("Sec-GPC: 1")
    expect(guest.panel).to_contain_text("Refused by Global Privacy Control")
    expect(guest.page.locator("[data-grant=marketing]")).to_contain_text("denied")
    assert set(guest.outside) == {"www.googletagmanager.com"}


@in_browser
def test_after_accept_an_order_is_reported_from_the_tent_to_the_purchase(guest: Guest) -> None:
    guest.come_from("berlin", "/products/ridgeline-2")
    guest.decide("accept")
    expect(guest.hit("meta", "ViewContent")).to_have_count(1)
    expect(guest.hit("ga4", "view_item")).to_contain_text("429 EUR")
    for host in ("connect.facebook.net", "www.googletagmanager.com"):
        line = guest.page.locator("[data-demo-hosts] li", has_text=host)
        expect(line).to_have_attribute("data-state", "unreachable")

    guest.page.get_by_label("Quantity").select_option("2")
    guest.page.get_by_role("button", name="Add to basket").click()
    expect(guest.hit("meta", "AddToCart")).to_contain_text("858 EUR")
    expect(guest.page.locator("[data-cart-count]")).to_have_text("2")
    guest.page.get_by_role("link", name="Go to the basket").click()
    guest.page.get_by_role("link", name="Go to checkout").click()
    expect(guest.hit("ga4", "begin_checkout")).to_have_count(1)
    guest.page.get_by_role("button", name="Place the order").click()
    guest.page.wait_for_url("**/as/berlin/orders/SO-*")
    order = guest.page.url.rpartition("/")[2]
    purchase = guest.hit("meta", "Purchase")
    expect(purchase).to_contain_text(f"event id order-{order}")
    expect(guest.hit("ga4", "purchase")).to_contain_text(f"order {order}")
    expect(guest.hit("google-ads", "conversion")).to_contain_text("label SummitPurchase01")
    purchase.locator("summary").click()
    expect(purchase.locator("dl")).to_contain_text("ridgeline-2")
    assert {hit.get_attribute("data-platform") for hit in guest.hits.all()} == PIXELS


@in_browser
def test_the_newsletter_reports_a_lead(guest: Guest) -> None:
    guest.come_from("la", "/newsletter")
    guest.page.get_by_label("Email").fill("robin@example.com")
    guest.page.get_by_role("button", name="Sign up").click()
    expect(guest.hit("meta", "Lead")).to_have_count(1)
    expect(guest.hit("ga4", "generate_lead")).to_have_count(1)


@in_browser
def test_after_refusing_the_whole_shop_works_and_nothing_leaves(guest: Guest) -> None:
    guest.come_from("berlin", "/products/talus-45")
    guest.decide("reject")
    expect(guest.panel).to_contain_text("Refused all")
    guest.page.get_by_role("button", name="Add to basket").click()
    guest.page.get_by_role("link", name="Go to the basket").click()
    guest.page.get_by_role("link", name="Go to checkout").click()
    guest.page.get_by_role("button", name="Place the order").click()
    expect(guest.page.get_by_role("heading", level=1)).to_contain_text("Thank you")
    expect(guest.panel).to_contain_text("Decided on an earlier page")
    expect(guest.hits).to_have_count(0)
    assert guest.outside == []
    assert guest.cookies() == {"pixelgate"}


@in_browser
def test_becoming_someone_else_starts_with_an_empty_browser(guest: Guest) -> None:
    guest.come_from("berlin", "/products/ridgeline-2")
    guest.decide("accept")
    expect(guest.page.locator('[data-demo-cookies] [data-name="_fbp"]')).to_have_count(1)
    guest.page.get_by_role("button", name="Add to basket").click()
    expect(guest.page.locator('[data-demo-cookies] [data-name="summit_cart"]')).to_have_count(1)
    guest.page.evaluate("localStorage.setItem('left', '1')")
    guest.page.locator('[data-visitor="london"]').click()
    guest.page.wait_for_url("**/as/london/")
    expect(guest.page.locator('[data-visitor="london"]')).to_have_attribute("aria-current", "true")
    assert guest.cookies() == set()
    assert guest.page.evaluate("localStorage.length") == 0
    assert guest.page.evaluate("document.referrer") == ""  # so that a new visit is counted


@in_browser
def test_a_vendor_that_never_answers_is_replaced_after_four_seconds(guest: Guest) -> None:
    waiting: list[Route] = []
    guest.context.route("https://connect.facebook.net/**", lambda route: waiting.append(route))
    guest.page.goto(f"{guest.demo.shop}/visit/la", wait_until="commit")
    expect(guest.hit("meta", "PageView")).to_have_count(1)
    assert len(waiting) == 1
    waiting[0].fulfill(body="window.cameLate = true", content_type="text/javascript")
    guest.page.wait_for_timeout(300)
    assert guest.page.evaluate("window.cameLate") is None


@in_browser
def test_hits_of_a_vendors_own_library_are_listed_once_and_said_to_be_real(guest: Guest) -> None:
    library = "new Image().src='https://www.facebook.com/tr/?id=123456789012345&ev=PageView&eid=e1'"
    guest.context.route(
        "https://connect.facebook.net/**",
        lambda route: route.fulfill(body=library, content_type="text/javascript"),
    )
    guest.context.route("https://www.facebook.com/**", lambda route: route.fulfill(status=200))
    guest.come_from("la")
    hit = guest.hit("meta", "PageView")
    expect(hit).to_have_count(1)
    expect(hit).to_contain_text("Sent by the vendor’s own library")
    line = guest.page.locator("[data-demo-hosts] li", has_text="connect.facebook.net")
    expect(line).to_have_attribute("data-state", "answered")


@in_browser
def test_on_a_phone_the_panel_opens_on_demand_and_nothing_overflows(on_phone: Guest) -> None:
    page = on_phone.page
    for path in ("", "c/tents", "products/ridgeline-2", "cart", "newsletter", "privacy"):
        page.goto(f"{on_phone.demo.shop}/as/la/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
    expect(on_phone.panel).to_be_hidden()
    expect(page.locator("[data-demo-bar]")).to_contain_text("Demo")
    page.get_by_role("button", name="What left your browser").click()
    expect(on_phone.panel).to_be_visible()
    page.get_by_role("button", name="Close the panel").click()
    expect(on_phone.panel).to_be_hidden()


@in_browser
def test_the_basket_works_without_script(without_script: Page, demo: Demo) -> None:
    without_script.goto(f"{demo.shop}/as/tokyo/products/firn-300")
    without_script.get_by_role("button", name="Add to basket").click()
    without_script.wait_for_url("**/as/tokyo/cart")
    without_script.get_by_role("button", name="One Firn 300 more").click()
    expect(without_script.get_by_role("main")).to_contain_text("€538.00")
    without_script.get_by_role("button", name="Remove").click()
    expect(without_script.get_by_role("main")).to_contain_text("Nothing in it yet")


@in_browser
def test_the_shop_goes_on_when_the_service_is_gone(guest: Guest) -> None:
    guest.context.route(f"http://localhost:{guest.demo.port}/**", lambda route: route.abort())
    guest.page.goto(f"{guest.demo.shop}/as/berlin/products/ridgeline-2")
    guest.page.get_by_role("button", name="Add to basket").click()
    expect(guest.page.locator("[data-added]")).to_contain_text("In your basket")
    expect(guest.hits).to_have_count(0)
    assert guest.outside == []
