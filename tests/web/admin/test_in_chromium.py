"""The admin pages as people meet them: on a desk, on a phone, in the dark, without script."""

import asyncio
import datetime as dt
import re
from collections.abc import Callable, Iterator
from importlib.resources import files

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from consent import database, stores
from consent.web.admin import access
from tests import browser_setup
from tests.e2e.service import Service
from tests.pasted import META, SNIPPETS
from tests.web.admin.seed import HARBOR, LODGE, OWN, PASSWORD, SUMMIT, Seed

pytestmark = pytest.mark.browser

DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
PIXELS = "/admin/stores/summit/pixels"
OWN_PIXEL = f"/admin/stores/{LODGE.key}/pixels/one?platform=custom&id={OWN.id}"
PAGES = (
    *("/admin/rates", "/admin/rates?days=90&plot=share&by=regime&step=week&place=DE"),
    *("/admin/coverage", "/admin/coverage?store=harbor", "/admin/ledger", "/admin/stores"),
    *("/admin/activity", "/admin/account", "/admin/users", "/admin/users/1"),
    *("/admin/pixels", PIXELS, f"{PIXELS}/add", f"{PIXELS}/add?platform=google-ads"),
    f"{PIXELS}/add?platform=tiktok",
    f"{PIXELS}/one?platform=google-ads&id=AW-123456789",
    *(f"/admin/stores/{LODGE.key}/pixels", OWN_PIXEL),
    f"/admin/stores/{LODGE.key}/check",
    "/admin/stores/summit/experiments",
)
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
FIND_VIOLATIONS = """async () => {
  const runOnly = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const {violations} = await axe.run({runOnly, resultTypes: ["violations"]});
  return violations.flatMap(({id, nodes}) =>
    nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`));
}"""

CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = ([r, g, b]) => [r, g, b]
    .map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const found = rgba(getComputedStyle(e).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const ink = rgba(element instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [light(ink), light(ground(element))].sort((x, y) => y - x);
    const large = parseFloat(style.fontSize) >= 24;
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) poor.push([walker.currentNode.data.trim().slice(0, 30), ratio]);
  }
  return poor;
}"""


class Reader:
    """One page for many tests, since to open a new one takes longer than they do."""

    def __init__(self, page: Page, own: str) -> None:
        self._page, self._wrong = page, []
        page.on("console", lambda message: self._wrong.append(message.text))
        page.on("pageerror", lambda error: self._wrong.append(str(error)))
        page.on("request", lambda r: r.url.startswith(own) or self._wrong.append(r.url))

    def look_at(self, path: str, viewport: dict = DESK) -> Page:
        self._page.set_viewport_size(viewport)
        assert self._page.goto(path).status == 200
        return self._page

    def complaints(self) -> list[str]:
        """What was complained about or leaked until now, told once."""
        self._page.evaluate("0")
        found, self._wrong = self._wrong, []
        return found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("admin"))
    url = service.environ["CONSENT_DATABASE_URL"]
    service.environ["CONSENT_SCAN_PRIVATE"] = "true"
    database.migrate(url)
    asyncio.run(tell(url, service.url))
    service.start()
    yield service
    service.stop()


async def tell(url: str, own: str) -> None:
    db = database.connect(url)
    seed = Seed(db, dt.datetime.now(dt.UTC))  # noqa: TID251 - the service's clock is the real one
    summit, harbor = await seed.store(SUMMIT), await seed.store(HARBOR)
    await seed.counts(summit, days=95)
    await seed.counts(harbor, days=10, size=0.3)
    await seed.coverage(summit)
    await seed.decisions(summit, 70)
    await seed.user("owner@example.com", "owner")
    async with db.write() as c:
        await stores.save(c, msgspec.structs.replace(LODGE, origins=(own,)), seed.now)
    await db.close()


@pytest.fixture(scope="module")
def chromium(service: Service) -> Iterator[Browser]:
    with browser_setup.chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def session(chromium: Browser, service: Service) -> dict:
    """The cookies of someone who signed in by the form."""
    context = chromium.new_context(base_url=service.url)
    page = context.new_page()
    page.goto("/admin/ledger?choice=none")
    page.get_by_label("Email").fill("owner@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/ledger?choice=none")
    state = context.storage_state()
    context.close()
    return dict(state)


@pytest.fixture
def open_page(chromium: Browser, service: Service, session: dict) -> Iterator[Callable[..., Page]]:
    """Opens pages as that user. At the end nothing may have been complained about or leaked."""
    contexts, wrong = [], []

    def open_(path: str, viewport: dict = DESK, **options) -> Page:
        context = chromium.new_context(
            base_url=service.url, viewport=viewport, storage_state=session, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda r: r.url.startswith(service.url) or wrong.append(r.url))
        assert page.goto(path).status == 200
        return page

    yield open_
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture(scope="module")
def reader(chromium: Browser, service: Service, session: dict) -> Iterator[Reader]:
    # Without motion a colour is at once that of another scheme.
    context = chromium.new_context(
        base_url=service.url, storage_state=session, reduced_motion="reduce"
    )
    reader = Reader(context.new_page(), service.url)
    yield reader
    assert reader.complaints() == []
    context.close()


@pytest.fixture
def look_at(reader: Reader) -> Iterator[Callable[..., Page]]:
    """Opens pages as that user, for tests that only look at them."""
    yield reader.look_at
    assert reader.complaints() == []


@pytest.mark.parametrize("path", PAGES)
def test_every_text_has_enough_contrast(look_at, path):
    page = look_at(path)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(CONTRASTS) == [], scheme


@pytest.mark.parametrize("path", PAGES)
def test_a_phone_scrolls_no_page_sideways(look_at, path):
    page = look_at(path, PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_decision_opens_from_anywhere_in_its_line_and_fits_on_a_phone(open_page):
    page = open_page("/admin/ledger", PHONE)
    page.locator("table.records tbody tr").first.click(position={"x": 250, "y": 90})
    page.wait_for_url("**/admin/ledger/*-*")
    expect(page.get_by_role("heading", level=1)).to_contain_text("a visitor")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate(CONTRASTS) == []


def test_erasing_a_visitor_is_asked_once_more_and_reads_well(open_page):
    page = open_page("/admin/ledger", PHONE, color_scheme="dark")
    page.locator("table.records tbody a").first.click()
    page.locator("a[href*='/ledger/visitors/']").first.click()
    page.get_by_role("link", name="Erase this visitor").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Erase this visitor")
    page.get_by_role("button", name="Erase for good").click()
    reason = page.get_by_label("Who asked, and since when")
    expect(reason).to_be_focused()  # the browser holds back an empty form
    page.evaluate(AXE)
    assert page.evaluate(FIND_VIOLATIONS) == []
    assert page.evaluate(CONTRASTS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("link", name="Erase this visitor")).to_be_visible()


def test_legal_sees_the_layers_as_they_were_drawn_and_how_a_visitor_went_on(open_page):
    page = open_page("/admin/ledger?action=withdraw")
    page.locator("table.records tbody th a").first.click()
    page.wait_for_url("**/admin/ledger/*-*")
    first = page.frame_locator("iframe").first
    expect(first.locator("[data-action=accept]")).to_be_visible()
    expect(first.locator("[data-action=reject]")).to_be_visible()
    page.get_by_text("The second layer as it was drawn").click()
    second = page.frame_locator("iframe").nth(1)
    expect(second.locator("[data-purpose=marketing]")).to_be_visible()
    page.evaluate(AXE)
    assert page.evaluate(FIND_VIOLATIONS) == []
    page.get_by_role("link", name="What changed from one to the next").click()
    expect(page.locator(".story .changes")).to_contain_text("No longer allowed")
    page.evaluate(AXE)
    assert page.evaluate(FIND_VIOLATIONS) == []
    page.goto("/admin/activity")
    expect(page.locator("tbody tr").first).to_contain_text("Opened a visitor's history")
    page.evaluate(AXE)
    assert page.evaluate(FIND_VIOLATIONS) == []


def test_a_receipt_file_that_is_opened_leads_to_its_decision(open_page, tmp_path):
    page = open_page("/admin/ledger?zone=Europe/Berlin")
    expect(page.get_by_label("Time zone")).to_be_visible()
    page.evaluate(AXE)
    assert page.evaluate(FIND_VIOLATIONS) == []
    link = page.locator("table.records tbody th a").first.get_attribute("href")
    file = tmp_path / "receipt.json"
    file.write_bytes(msgspec.json.encode({"record": {"id": link.rpartition("/")[2]}}))
    page.get_by_label("or open a receipt file").set_input_files(file)
    page.wait_for_url(f"**{link}")


def test_a_phone_shows_every_link_of_the_navigation_and_the_whole_id(open_page):
    page = open_page(PIXELS, PHONE)
    boxes = [link.bounding_box() for link in page.get_by_role("navigation").locator("a").all()]
    assert len(boxes) == len(access.PAGES["owner"])
    for box in boxes:
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
    for row in page.locator("table.pixels tbody tr").all():
        own, chips = row.locator("td .code").bounding_box(), row.locator(".chips").bounding_box()
        assert own["x"] + own["width"] <= chips["x"]


@pytest.mark.parametrize(("viewport", "is_open"), [(DESK, True), (PHONE, False)])
def test_the_list_of_events_is_folded_on_a_phone_alone(open_page, viewport, is_open):
    page = open_page(f"{PIXELS}/add?platform=tiktok", viewport)
    expect(page.locator("table.events")).to_be_visible(visible=is_open)
    if not is_open:
        page.get_by_text("10 events").click()
        expect(page.locator("table.events")).to_be_visible()


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, PHONE])
def test_where_a_trace_is_kept_has_room_for_its_words(open_page, viewport):
    page = open_page(f"{PIXELS}/add?platform=tiktok", viewport)
    for words in page.locator("table.stored td small").all():
        assert words.bounding_box()["width"] >= 110


@pytest.mark.parametrize("viewport", [DESK, PHONE])
def test_the_code_to_review_is_wholly_visible_and_the_button_stands_below_it(open_page, viewport):
    page = open_page(OWN_PIXEL, viewport)
    code = page.get_by_label("Its own code")
    assert code.text_content().count("\n") == 39
    assert code.evaluate("pre => pre.scrollHeight <= pre.clientHeight")
    assert code.bounding_box()["width"] > page.locator("main").bounding_box()["width"] * 0.8
    button = page.get_by_role("button", name="I have looked at it, and it may run").bounding_box()
    assert button["y"] > code.bounding_box()["y"] + code.bounding_box()["height"]


def test_a_snippet_is_pasted_and_a_page_is_checked_with_no_fault_for_anybody(open_page):
    page = open_page(f"{PIXELS}/add", PHONE)
    page.get_by_label("An id, or the vendor's whole snippet").fill(f"{SNIPPETS['x']}{META}")
    page.get_by_role("button", name="Find the pixel").click()
    expect(page.get_by_text("is registered already")).to_be_visible()
    page.evaluate(AXE)
    assert page.evaluate(FIND_VIOLATIONS) == []
    page.get_by_role("link", name="Add X Pixel q27qa").click()
    expect(page.get_by_label("Id", exact=True)).to_have_value("q27qa")
    # The sign-in page of the service itself is the store's page here, and has no snippet.
    page.goto(f"/admin/stores/{LODGE.key}/check")
    page.get_by_label("Address").fill("/admin/login")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", level=2)).to_have_text("1 error")
    expect(page.locator(".findings")).to_contain_text("The snippet is not in the page.")
    page.evaluate(AXE)
    assert page.evaluate(FIND_VIOLATIONS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize(("viewport", "shown"), [(DESK, "wide"), (PHONE, "narrow")])
def test_the_plot_fits_the_screen(open_page, viewport, shown):
    page = open_page("/admin/rates", viewport)
    plots = page.locator("svg.plot:visible")
    assert plots.count() == 1
    assert shown in plots.get_attribute("class")


def test_pointing_at_a_day_says_its_numbers(open_page):
    page = open_page("/admin/rates?days=7")
    page.locator("svg.plot.wide .column").nth(3).hover()
    tip = page.locator(".tip:visible")
    expect(tip).to_contain_text("visits")
    expect(tip).to_contain_text("Declined: ")


def test_choosing_a_store_shows_it_at_once(open_page):
    page = open_page("/admin/rates?days=7")
    page.get_by_label("Store").select_option(label="Harbor Books")
    page.wait_for_url("**store=harbor**")
    assert "days=7" in page.url


def test_own_days_are_chosen_by_keyboard_alone(open_page):
    page = open_page("/admin/rates")
    page.get_by_text("Custom").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("First day")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_label("First day")).to_be_hidden()
    expect(page.get_by_text("Custom")).to_be_focused()


def test_the_first_tab_leads_past_the_navigation_and_is_seen(open_page):
    page = open_page("/admin/rates")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    assert skip.bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_the_snippet_is_copied_whole(open_page):
    page = open_page("/admin/stores/summit", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy snippet").first.click()
    expect(page.get_by_role("status")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("pre").first.text_content()


def test_everything_is_there_without_script(open_page):
    page = open_page("/admin/rates", java_script_enabled=False)
    expect(page.locator("p.headline")).to_contain_text("declined")
    page.get_by_label("Store").select_option(label="Summit Outdoor")
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_url("**store=summit**")


@pytest.mark.parametrize("path", [path for path in PAGES if "pixels" in path])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing_on_the_pixel_pages(look_at, path, viewport):
    page = look_at(path, viewport)
    page.evaluate(AXE)
    assert page.evaluate(FIND_VIOLATIONS) == []


def test_a_pixel_is_added_mended_and_published_without_script(chromium, service, session):
    # A context of its own: Chromium complains of the answer that refuses.
    context = chromium.new_context(
        base_url=service.url, viewport=PHONE, storage_state=session, java_script_enabled=False
    )
    page = context.new_page()
    page.goto("/admin/stores/harbor/pixels")
    page.get_by_role("link", name="Add a pixel").click()
    page.get_by_label("Platform").select_option(label="Google Ads")
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Id", exact=True).fill("123-456-7890")
    page.get_by_label("Purchase").fill("abCDeFGhij")
    page.get_by_role("button", name="Save in the draft").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing is saved yet")
    field = page.get_by_label("Id", exact=True)
    expect(field).to_have_accessible_description(re.compile("is a customer id.* Tag setup"))
    expect(field).to_be_focused()
    expect(page.get_by_label("Purchase")).to_have_value("abCDeFGhij")
    field.fill("AW-987654321")
    page.get_by_role("button", name="Save in the draft").click()
    expect(page.get_by_role("status")).to_contain_text("The pixel is in the draft")
    page.get_by_role("button", name="Publish as version 2").click()
    expect(page.get_by_role("status")).to_contain_text("Version 2 is live")
    expect(page.get_by_role("status")).to_contain_text("Added: Google Ads AW-987654321")
    expect(page.get_by_role("status")).to_contain_text("visitors are asked again")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_faults_and_a_draft_that_differs_can_be_read_by_everyone(
    chromium, service, session, scheme
):
    context = chromium.new_context(
        base_url=service.url, viewport=PHONE, storage_state=session, color_scheme=scheme
    )
    page = context.new_page()
    found = {}

    def look(what: str) -> None:
        page.evaluate(AXE)
        wide = page.evaluate("document.documentElement.scrollWidth") > PHONE["width"]
        found[what] = [*page.evaluate(FIND_VIOLATIONS), *page.evaluate(CONTRASTS), *["wide"] * wide]

    page.goto("/admin/stores/summit/pixels/add?platform=google-ads")
    page.get_by_label("Id", exact=True).fill("123-456-7890" * 5)
    page.get_by_label("Purchase").fill("AW-1234567")
    page.get_by_label("Custom event 1", exact=True).fill("Size guide")
    page.get_by_role("button", name="Save in the draft").click()
    expect(page.get_by_role("alert")).to_contain_text("3 fields need another value")
    look("faults")
    page.goto("/admin/stores/summit/pixels/add?platform=hotjar")
    page.get_by_label("Id", exact=True).fill("123456")
    page.get_by_role("button", name="Save in the draft").click()
    page.get_by_role("button", name="Remove Meta Pixel").click()
    expect(page.get_by_role("status").first).to_contain_text("The pixel is out of the draft")
    look("draft")
    page.get_by_role("button", name="Remove Hotjar").click()
    page.get_by_role("link", name="Add a pixel").click()
    page.get_by_label("Platform").select_option(label="Meta Pixel")
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Id", exact=True).fill("123456789012345")
    page.get_by_role("button", name="Save in the draft").click()
    expect(page.get_by_role("status").first).to_be_visible()
    context.close()
    assert found == {"faults": [], "draft": []}


def test_somebody_is_invited_signs_in_and_is_signed_out_by_the_owner(chromium, service, session):
    found, email = {}, "new@example.com"

    def open_(state: dict | None, scheme: str) -> Page:
        context = chromium.new_context(
            base_url=service.url, viewport=PHONE, storage_state=state, color_scheme=scheme
        )
        return context.new_page()

    def look(what: str, page: Page) -> None:
        page.evaluate(AXE)
        wide = page.evaluate("document.documentElement.scrollWidth") > PHONE["width"]
        found[what] = [*page.evaluate(FIND_VIOLATIONS), *["wide"] * wide]

    owner, guest = open_(session, "dark"), open_(None, "light")
    owner.goto("/admin/users")
    owner.get_by_label("Email").fill(email)
    owner.get_by_label("Where").select_option(label=SUMMIT.name)
    owner.get_by_role("button", name="Make a link").click()
    link = owner.locator("#invitation-link").inner_text()
    look("invited", owner)
    guest.goto(link)
    look("invitation", guest)
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Accept").click()
    guest.get_by_label("Email").fill(email)
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Sign in").click()
    expect(guest.get_by_role("button", name="Sign out")).to_be_visible()
    guest.goto("/admin/account")
    look("account", guest)
    owner.goto("/admin/users")
    owner.get_by_role("link", name=email).click()
    owner.get_by_role("button", name="End it").click()
    expect(owner.get_by_role("status")).to_have_text("The session is over.")
    look("user", owner)
    guest.goto("/admin/account")
    expect(guest.get_by_role("button", name="Sign in")).to_be_visible()
    for each in (owner, guest):
        each.context.close()
    assert found == {"invited": [], "invitation": [], "account": [], "user": []}


def test_the_policy_is_copied_whole(open_page):
    page = open_page(PIXELS, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy policy").click()
    expect(page.get_by_role("status")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#policy").text_content()
    assert copied.startswith("script-src 'nonce-{NONCE}'")


def test_signing_out_ends_at_the_door(chromium, service, session):
    context = chromium.new_context(base_url=service.url, storage_state=session)
    page = context.new_page()
    page.goto("/admin/rates")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/admin/login")
    page.goto("/admin/ledger")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    context.close()


def test_a_wrong_password_is_told_in_the_page(chromium, service):
    context = chromium.new_context(base_url=service.url)
    page = context.new_page()
    page.goto("/admin/")
    page.get_by_label("Email").fill("owner@example.com")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not match")
    expect(page.get_by_label("Email")).to_have_value("owner@example.com")
    expect(page.get_by_label("Password")).to_be_focused()
    assert page.evaluate(CONTRASTS) == []
    context.close()
