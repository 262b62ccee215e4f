"""The guided set-up in a browser: from an empty installation to the first visitor, counted."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from consent import database
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.test_admin_regions import DRAWN, FAULTS
from tests.pasted import META, SNIPPETS
from tests.web.admin.seed import PASSWORD, Seed
from tests.web.admin.test_in_chromium import AXE, CONTRASTS

pytestmark = pytest.mark.browser

MOST_CLICKS, MOST_FIELDS = 9, 1
"""What consent/web/admin/SETUP.md promises, from the first page to the one that waits."""
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
"""A browser that no program drives, as far as the service is told."""
HEAD = '<meta charset="utf-8"><title>{name}</title><link rel="icon" href="data:,">'


class Owner:
    """Somebody who uses each page as it is, and counts what that takes."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.wrong: list[str] = []
        self.clicks = self.fields = 0
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))

    def _hear(self, message) -> None:
        # A dialog in the preview may not take the focus from the form beside it.
        if "Blocked autofocusing" not in message.text:
            self.wrong.append(message.text)

    def sign_in(self) -> None:
        self.page.goto("/admin/login")
        self.page.get_by_label("Email").fill("owner@example.com")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()

    def fill(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)
        self.fields += 1

    def click(self, name: str, role: str = "button") -> None:
        target = self.page.get_by_role(role, name=name).first  # type: ignore[arg-type]
        target.scroll_into_view_if_needed()
        target.click()
        self.clicks += 1

    def at(self, step: str) -> None:
        """Holds the step to what everybody can use, in both schemes, on a desk and on a phone."""
        page = self.page
        page.wait_for_url(f"**/setup{step}")
        page.evaluate(AXE)
        self.wrong += [f"{step}: {fault}" for fault in page.evaluate(FAULTS)]
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            self.wrong += [f"{step} {scheme}: {poor}" for poor in page.evaluate(CONTRASTS)]
        usual = page.viewport_size
        page.set_viewport_size({"width": 375, "height": 800})
        if page.evaluate("document.documentElement.scrollWidth") > 375:
            self.wrong.append(f"{step}: a phone scrolls it sideways")
        page.set_viewport_size(usual)
        page.evaluate(DRAWN)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Service]:
    """A service without a store, and with one owner."""
    service = Service(tmp_path)
    service.environ["CONSENT_SCAN_PRIVATE"] = "true"
    url = service.environ["CONSENT_DATABASE_URL"]
    with ThreadPoolExecutor(1) as thread:
        thread.submit(database.migrate, url).result()
        thread.submit(asyncio.run, _tell(url)).result()
    service.start()
    yield service
    service.stop()


async def _tell(url: str) -> None:
    db = database.connect(url)
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - the service's clock is the real one
    await Seed(db, now).user("owner@example.com", "owner")
    await db.close()


def test_an_owner_gets_from_an_address_to_the_first_visitor_in_few_clicks(
    chromium: Browser, empty: Service, shop: Shop
) -> None:
    pasted = f"{META}{SNIPPETS['ga4']}"
    page = (
        "<!doctype html><html lang='de'><head>{head}</head><body><a href='/privacy'>Datenschutz</a>"
    )
    head = HEAD.format(name="Zelthaus | Zelte")
    shop.own["/"] = page.format(head=head + pasted)
    context = chromium.new_context(
        base_url=empty.url, viewport={"width": 1280, "height": 900}, reduced_motion="reduce"
    )
    owner = Owner(context)
    owner.sign_in()
    owner.at("")
    owner.fill("Address of the shop", shop.origin)
    owner.click("Look at my shop")
    expect(owner.page.get_by_label("Name")).to_have_value("Zelthaus")
    owner.at("")
    owner.click("Save and go on")
    owner.at("/pixels")
    owner.click("Add all that are ticked")
    expect(owner.page.get_by_role("heading", name="2 pixels in the draft")).to_be_visible()
    owner.at("/pixels?added=2")
    owner.click("Go on")
    owner.at("/regions")
    owner.click("Save and go on")
    owner.at("/look")
    change_look(owner.page)
    owner.click("Save and go on")
    owner.at("/publish")
    owner.click("Publish version 1")
    owner.at("/snippet")
    snippet = owner.page.locator("#snippet").inner_text()
    shop.own["/"] = page.format(head=snippet + head + pasted)
    owner.click("I have pasted it: check my page")
    owner.at("/check")
    lines = owner.page.locator(".findings li", has_text="Meta Pixel")
    expect(lines.first).to_contain_text("Remove these lines")
    shop.own["/"] = page.format(head=snippet + head)
    owner.page.get_by_role("button", name="Check again").click()
    expect(owner.page.get_by_role("heading", name="All is well")).to_be_visible()
    owner.at("/check")
    owner.click("Go on", "link")
    owner.at("/visitor")
    expect(owner.page.get_by_role("heading", name="Nobody yet")).to_be_visible()
    assert (owner.clicks, owner.fields) <= (MOST_CLICKS, MOST_FIELDS)

    visitor = chromium.new_context(user_agent=PERSON)
    shown = visitor.new_page()
    shown.goto(shop.origin)
    expect(shown.locator("#pixelgate .first")).to_be_visible()
    expect(owner.page.get_by_role("heading", name="The first visitor was seen")).to_be_visible()
    owner.at("/visitor")
    visitor.close()
    context.close()
    del shop.own["/"]
    assert owner.wrong == []


def change_look(page: Page) -> None:
    """The preview follows what is typed, and nothing typed is lost on the way to another step."""
    banner = page.frame_locator("iframe[name=preview]").locator("#pixelgate .first")
    expect(banner).to_contain_text("Ihre Privatsphäre")
    page.get_by_label("Title").first.fill("Kekse gefällig?")
    expect(banner).to_contain_text("Kekse gefällig?")
    page.locator("[name=seen_language]").select_option("ar")
    expect(banner).to_have_css("direction", "rtl")
    page.get_by_role("radio", name="Dark").check()
    expect(banner).to_have_css("background-color", "rgb(27, 30, 35)")
    page.get_by_role("radio", name="Box").check()
    page.get_by_role("radio", name="Phone").check()
    expect(page.locator("iframe[name=preview]")).to_have_css("width", "375px")
    page.get_by_role("navigation", name="Set-up").get_by_role("link", name="Pixels").click()
    page.wait_for_url("**/pixels")
    page.get_by_role("navigation", name="Set-up").get_by_role("link", name="Look").click()
    page.wait_for_url("**/look")
    expect(page.get_by_label("Title").first).to_have_value("Kekse gefällig?")
    expect(page.get_by_role("radio", name="Box")).to_be_checked()


def test_a_phone_without_script_gets_as_far(chromium: Browser, empty: Service, shop: Shop) -> None:
    context = chromium.new_context(
        base_url=empty.url, viewport={"width": 375, "height": 740}, java_script_enabled=False
    )
    owner = Owner(context)
    owner.sign_in()
    owner.fill("Address of the shop", shop.origin)
    owner.click("Look at my shop")
    owner.click("Save and go on")
    owner.fill("What the vendor gave you", f"{META}\nG-ABCDE12345")
    owner.click("Find and add")
    expect(owner.page.get_by_role("heading", name="2 pixels in the draft")).to_be_visible()
    owner.click("Go on")
    owner.click("Save and go on")
    owner.page.get_by_text("Roundness").wait_for()
    owner.fill("Roundness, 0 to 24", "99")
    owner.click("Save and go on")
    expect(owner.page.locator("#fault-radius")).to_have_text("99; expected 0 to 24 CSS pixels.")
    owner.fill("Roundness, 0 to 24", "4")
    owner.click("Show")
    owner.click("Save and go on")
    owner.click("Publish version 1")
    expect(owner.page.locator("#snippet")).to_contain_text("/loader.js")
    owner.click("Go on without a check")
    expect(owner.page.get_by_role("heading", name="Check your page")).to_be_visible()
    owner.click("Go on", "link")
    owner.click("Look again", "link")
    expect(owner.page.get_by_role("heading", name="Nobody yet")).to_be_visible()
    context.close()
    assert owner.wrong == [
        "Failed to load resource: the server responded with a status of 422 (Unprocessable Entity)"
    ]
