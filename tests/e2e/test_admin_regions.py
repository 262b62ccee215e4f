"""Regions in the admin, as owner and legal meet them, and what visitors then see."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Page, expect

from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor
from tests.web.admin.test_in_chromium import AXE, CONTRASTS

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery staple"
ALPINE = """
key = "alpine"
name = "Alpine Sports"
origins = ["{origin}"]
privacy_url = "{origin}/privacy"
[[pixels]]
platform = "meta"
id = "123456789012345"
[[pixels]]
platform = "ga4"
id = "G-TEST123456"
"""
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
        self.page: Page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.goto("/admin/login")
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/admin/*")

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
        if page.evaluate("document.documentElement.scrollWidth") > 375:
            self.wrong.append(f"{where}: a phone scrolls it sideways")
        page.set_viewport_size({"width": 1280, "height": 900})

    def click(self, role: str, name: str) -> None:
        self.page.get_by_role(role, name=name).click()  # type: ignore[arg-type]

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
    service.publish(ALPINE.format(origin=shop.origin))
    for email, role in (("owner@alpine.example", "owner"), ("lex@alpine.example", "legal")):
        service.consent("user", "add", email, "--role", role, "--password-stdin", stdin=PASSWORD)
    head = f'<meta charset="utf-8"><title>Alpine</title>{service.snippet("alpine")}'
    shop.own["/alpine"] = f'<!doctype html><html lang="en"><head>{head}</head><body></body></html>'
    yield f"{shop.origin}/alpine"
    del shop.own["/alpine"]


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
    assert {cookie["name"] for cookie in owner.context.cookies()} == {"pixelgate_admin"}
