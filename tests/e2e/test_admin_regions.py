"""Regions in the admin, as owner and legal meet them, and what visitors then see."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Page, expect

from consent import database
from tests.e2e.published import served
from tests.e2e.service import PATIENCE, Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor
from tests.web.admin.seed import PASSWORD, SUMMIT, Seed
from tests.web.admin.test_in_chromium import AXE, CONTRASTS

pytestmark = pytest.mark.browser

SAID = """() => {
  const root = document.querySelector("#pixelgate").shadowRoot;
  const layer = root.querySelector(".first");
  const buttons = [...layer.querySelectorAll("[data-action]")];
  return {
    text: layer.innerText.replace(/\\s+/g, " "),
    buttons: buttons.map((one) => [one.dataset.action, one.innerText, one.className]),
    layout: layer.className,
    entry: root.querySelector(".entry").innerText,
  };
}"""
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
SCROLLS = """() => new Promise((done) => {
  const look = () => innerWidth == 375
    ? done(document.documentElement.scrollWidth > 375) : requestAnimationFrame(look);
  look();
})"""
FAULTS = """async () => {
  const runOnly = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const {violations} = await axe.run({runOnly, resultTypes: ["violations"], iframes: false});
  return violations.flatMap(({id, nodes}) =>
    nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`));
}"""


class Desk:
    """The admin as one user sees it, and whatever is wrong with the pages that were looked at."""

    def __init__(self, browser: Browser, service: Service, email: str) -> None:
        self.context: BrowserContext = browser.new_context(
            base_url=service.url,
            viewport={"width": 1280, "height": 900},
            reduced_motion="reduce",
        )
        self.context.set_default_timeout(PATIENCE * 1000)
        self.page: Page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.goto("/admin/login")
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(lambda url: "/login" not in url)

    def open(self, path: str) -> None:
        self.page.goto(path)
        self.look()

    def look(self) -> None:
        """Holds the page to what everybody can use, in both schemes, on a desk and on a phone."""
        page, where = self.page, self.page.url.partition("/admin")[2]
        page.evaluate(AXE)
        self.wrong += [f"{where}: {fault}" for fault in page.evaluate(FAULTS)]
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            self.wrong += [f"{where} {scheme}: {poor}" for poor in page.evaluate(CONTRASTS)]
        page.set_viewport_size({"width": 375, "height": 800})
        if page.evaluate(SCROLLS):
            self.wrong.append(f"{where}: a phone scrolls it sideways")
        page.set_viewport_size({"width": 1280, "height": 900})

    def click(self, role: str, name: str) -> None:
        target = self.page.get_by_role(role, name=name)  # type: ignore[arg-type]
        # A frame takes the clicks where it was, until what was scrolled is drawn.
        target.scroll_into_view_if_needed()
        self.page.evaluate(DRAWN)
        if role == "link":
            with self.page.expect_navigation():
                target.click()
        else:
            target.click()

    @property
    def preview(self) -> Frame:
        """The frame with what a visitor sees, once it is drawn."""
        frame = self.page.frame(name="preview")
        assert frame is not None
        frame.locator("#pixelgate .first").wait_for()
        return frame


@pytest.fixture(scope="module")
def alpine(service: Service, shop: Shop) -> Iterator[str]:
    """The address of a page of the store ``alpine``, whose rules these tests change."""
    # Playwright keeps the loop of this thread.
    with ThreadPoolExecutor(1) as thread:
        telling = _tell(service.environ["CONSENT_DATABASE_URL"], shop.origin)
        thread.submit(asyncio.run, telling).result()
    head = f'<meta charset="utf-8"><title>Alpine</title>{served(service, shop, "alpine")}'
    shop.own["/alpine"] = f'<!doctype html><html lang="en"><head>{head}</head><body></body></html>'
    yield f"{shop.origin}/alpine"
    del shop.own["/alpine"]


async def _tell(url: str, origin: str) -> None:
    """A published store, an owner and a lawyer, past the command line, which takes its time."""
    db = database.connect(url)
    seed = Seed(db, dt.datetime.now(dt.UTC))  # noqa: TID251 - the service's clock is the real one
    own = {"key": "alpine", "name": "Alpine Sports", "origins": (origin,)}
    await seed.store(msgspec.structs.replace(SUMMIT, **own, privacy_url=f"{origin}/privacy"))
    await seed.user("owner@alpine.example", "owner")
    await seed.user("lex@alpine.example", "legal")
    await db.close()


@pytest.fixture
def desk(chromium: Browser, service: Service, alpine: str) -> Iterator[Callable[[str], Desk]]:
    desks: list[Desk] = []

    def sit(email: str) -> Desk:
        desks.append(Desk(chromium, service, email))
        return desks[-1]

    yield sit
    for one in desks:
        one.context.close()
    assert [fault for one in desks for fault in one.wrong] == []


@pytest.mark.parametrize(
    ("city", "place", "kind"),
    [("Berlin", "DE", "Opt-in"), ("Los Angeles", "US-CA", "Opt-out"), ("Tokyo", "JP", "Notice")],
)
def test_the_preview_is_what_a_visitor_sees(
    city: str,
    place: str,
    kind: str,
    desk: Callable[[str], Desk],
    visitor_from: Callable[..., Visitor],
    alpine: str,
) -> None:
    visitor = visitor_from(city, viewport={"width": 1280, "height": 900})
    visitor.visit(alpine)
    owner = desk("owner@alpine.example")
    owner.open(f"/admin/regions/{place}?store=alpine&state=live")
    expect(owner.page.locator(".head .lead")).to_contain_text(kind)
    preview = owner.preview
    assert preview.evaluate(SAID) == visitor.page.evaluate(SAID)
    # A click does there what it does in the shop, and leaves nothing behind.
    preview.locator('[data-action="accept"]').click()
    expect(preview.locator(".first")).to_have_count(0)
    expect(preview.locator(".entry")).to_be_visible()
    assert {cookie["name"] for cookie in owner.context.cookies()} == {
        "pixelgate_admin",
        "pixelgate_known",
    }


def test_a_looser_rule_is_drafted_allowed_published_seen_and_gone_back_from(
    desk: Callable[[str], Desk], visitor_from: Callable[..., Visitor], alpine: str
) -> None:
    """The whole way of owner and lawyer; each page on it is held to what everybody can use."""

    def sees() -> str:
        visitor = visitor_from("São Paulo")
        visitor.visit(alpine)
        return "banner" if visitor.page.locator('[data-action="choose"]').count() else "notice"

    def comes_to_see(what: str) -> bool:  # the service looks for new versions twice a second
        deadline = time.monotonic() + PATIENCE
        while sees() != what:
            if time.monotonic() > deadline:
                return False
        return True

    assert sees() == "banner"
    owner = desk("owner@alpine.example")
    owner.open("/admin/regions?store=alpine")
    owner.page.locator('svg.map a[href*="/regions/BR?"] path').first.click()
    owner.page.wait_for_url("**/admin/regions/BR?store=alpine")
    owner.click("link", "Set a rule for Brazil")
    owner.page.get_by_label("Regime").select_option("us-other")
    owner.click("button", "See what it changes")
    expect(owner.page.locator(".effect")).to_contain_text("This asks less than the law")
    owner.look()
    owner.click("button", "Save in the draft")
    expect(owner.page.get_by_role("heading", name="Waits for legal")).to_be_visible()
    owner.open("/admin/stores/alpine/publish")
    expect(owner.page.get_by_text("It cannot be published yet")).to_be_visible()

    lawyer = desk("lex@alpine.example")
    lawyer.open("/admin/regions/looser")
    lawyer.click("link", "Brazil")
    lawyer.look()
    lawyer.page.get_by_label("Why it may be looser").fill("Sells to companies in Brazil alone.")
    lawyer.click("button", "Allow it")
    expect(lawyer.page.get_by_role("heading", name="Allowed by legal")).to_be_visible()

    owner.page.reload()
    expect(owner.page.locator(".says")).to_contain_text("Visitors from Brazil are told")
    owner.look()
    owner.click("button", "Publish as version 2")
    expect(owner.page.get_by_role("status")).to_contain_text("Version 2 is live")
    owner.look()
    assert comes_to_see("notice")

    owner.click("link", "Go back to it")
    owner.look()
    owner.click("button", "Publish version 1 anew")
    expect(owner.page.get_by_role("status")).to_contain_text("Version 3 is live")
    assert comes_to_see("banner")
    lawyer.open("/admin/regions/looser?store=alpine")
    expect(lawyer.page.locator("tbody tr")).to_contain_text("Over")


def test_a_template_is_written_and_applied_by_keyboard_and_mouse(
    desk: Callable[[str], Desk],
) -> None:
    owner = desk("owner@alpine.example")
    owner.open("/admin/groups")
    owner.click("link", "Add a group")
    owner.look()
    owner.page.get_by_label("Template").fill(
        'key = "winter"\nname = "Winter sports"\n[regions."US-OR"]\nregime = "eea"\n'
    )
    owner.click("button", "Save the group")
    expect(owner.page.get_by_role("status")).to_contain_text("The template is saved")
    owner.look()
    owner.click("link", "Apply to stores")
    owner.page.get_by_label("Alpine Sports").check()
    owner.click("button", "See what changes")
    expect(owner.page.get_by_role("form", name="What changes where")).to_contain_text("Oregon")
    owner.look()
    owner.click("button", "Publish 1 store")
    expect(owner.page.get_by_role("heading", level=1)).to_have_text("1 of 1 store done")
    owner.look()


def test_the_table_narrows_while_one_types_and_its_places_open_by_keyboard(
    desk: Callable[[str], Desk],
) -> None:
    owner = desk("owner@alpine.example")
    owner.page.goto("/admin/regions?store=alpine")
    owner.page.get_by_label("Place, law or regime").press_sequentially("ca-qc")
    places = owner.page.locator("table.places tbody th a:visible")
    expect(places).to_have_text(["Québec"])
    owner.page.keyboard.press("Tab")
    for _ in range(12):
        if places.evaluate("link => link == document.activeElement"):
            break
        owner.page.keyboard.press("Tab")
    owner.page.keyboard.press("Enter")
    owner.page.wait_for_url("**/admin/regions/CA-QC?store=alpine")
