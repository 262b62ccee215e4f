"""What assistive technology, a zoomed screen and a pointer find, by axe-core and by measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from consent.model import Place
from consent.regions import Regions
from consent.web.app import utcnow
from tests.e2e.layouts import LANGUAGES, LAYOUTS, LONG, LONG_STYLE, SIZES, Stores, mixed
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import PLACES, Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]

REGIONS = Regions.load()
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCHEMES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "forced-colors": {"color_scheme": "dark", "forced_colors": "active"},
}
# Opt-in; opt-in with a cross; opt-out with a notice; opt-out by the browser's signal; notice.
REGIMES = ("Berlin", "Rome", "Los Angeles", "Los Angeles with GPC", "Tokyo")
FACTORS = {
    "layout": LAYOUTS,
    "scheme": tuple(SCHEMES),
    "language": LANGUAGES,
    "place": REGIMES,
    "size": ("1280x800", "768x900", "320x256"),
}
FIND_VIOLATIONS = """async (tags) => {
    const { violations } = await axe.run({ runOnly: tags, resultTypes: ['violations'] });
    return violations.flatMap(({ id, nodes }) =>
        nodes.map((node) => `${id}: ${node.target.join(' ')}: ${node.failureSummary}`));
}"""


@pytest.fixture(scope="module")
def screen(
    chromium: Browser, shop: Shop, service: Service
) -> Iterator[Callable[[str, str], Visitor]]:
    """One browser context for each scheme and size, used again and again: half the time."""
    visitors: dict[tuple[str, str], Visitor] = {}
    own = {shop.origin.removeprefix("http://"), service.url.removeprefix("http://")}

    def get(scheme: str, size: str) -> Visitor:
        if (scheme, size) not in visitors:
            options = {**SCHEMES[scheme], "viewport": SIZES[size]}
            visitors[scheme, size] = Visitor(chromium, "nowhere", own, **options)
        visitor = visitors[scheme, size]
        visitor.context.clear_cookies()
        return visitor

    yield get
    for visitor in visitors.values():
        visitor.close()


def violations(visitor: Visitor) -> list[str]:
    if not visitor.page.evaluate("'axe' in window"):
        visitor.page.evaluate(AXE)
    found: list[str] = visitor.page.evaluate(FIND_VIOLATIONS, TAGS)
    return found


@pytest.mark.parametrize(tuple(FACTORS), mixed(FACTORS, language=("en",)))
def test_axe_finds_nothing_on_either_layer_or_the_way_back_in(
    layout: str,
    scheme: str,
    language: str,
    place: str,
    size: str,
    screen: Callable[[str, str], Visitor],
    stores: Stores,
) -> None:
    visitor = screen(scheme, size)
    visitor.context.set_extra_http_headers(PLACES[place])
    stores.show(visitor, layout, language=language)
    first = visitor.page.locator("#pixelgate .first")
    if "GPC" in place:
        expect(first).to_have_count(0)
    else:
        expect(first).to_be_visible()
    assert violations_of_all(visitor) == {}


def violations_of_all(visitor: Visitor) -> dict[str, list[str]]:
    """What is wrong by the layer it is on: the first if there is one, preferences, way back in."""
    found = {}
    if visitor.page.locator("#pixelgate .first").count():
        found["first layer"] = violations(visitor)
    visitor.page.evaluate("pixelgate('show')")
    dialog = visitor.page.get_by_role("dialog").filter(has=visitor.page.locator("[data-purpose]"))
    expect(dialog).to_be_visible()
    for summary in dialog.locator("summary").all():
        summary.click()
    found["preferences"] = violations(visitor)
    dialog.locator('[data-action="reject"]').click()
    visitor.settle()  # where pixels ran that only a new page stops, that page has come
    expect(visitor.page.locator('#pixelgate [data-action="open"]')).to_be_visible()
    found["way back in"] = violations(visitor)
    return {where: faults for where, faults in found.items() if faults}


@pytest.mark.soak
@pytest.mark.parametrize("regime", REGIONS.ids)
def test_axe_finds_nothing_under_any_regime(
    regime: str, screen: Callable[[str, str], Visitor], stores: Stores
) -> None:
    today = utcnow().date()
    country, state = next(
        (place.country, place.subdivision)
        for place in (*REGIONS.every_place, Place())
        if REGIONS.resolve(place, on=today).regime.id == regime
    )
    headers = {"CF-IPCountry": country, "CF-Region-Code": state and state[3:]}
    visitor = screen("light", "1280x800")
    visitor.context.set_extra_http_headers({name: one for name, one in headers.items() if one})
    stores.show(visitor, "bar")
    expect(visitor.page.locator("#pixelgate .first")).to_be_visible()
    assert violations_of_all(visitor) == {}


def test_axe_sees_what_is_wrong_inside_the_shadow_root(visitor_from: Make, stores: Stores) -> None:
    visitor = visitor_from("Berlin")
    stores.show(visitor, "bar")
    visitor.page.evaluate(
        """() => {
            const accept = pixelgate_root().querySelector('[data-action=accept]');
            accept.textContent = '';
            function pixelgate_root() { return document.querySelector('#pixelgate').shadowRoot }
        }"""
    )
    assert any(fault.startswith("button-name") for fault in violations(visitor))


# Every control of every open layer, with its size, and what a click on its middle would hit.
CONTROLS = """async () => {
    const root = document.querySelector('#pixelgate').shadowRoot;
    const layer = root.querySelector('[role=dialog]:has([data-purpose])') || root;
    const controls = [...layer.querySelectorAll('a, button, input, summary')];
    const found = [];
    for (const control of controls.filter((one) => one.checkVisibility())) {
        control.scrollIntoView({ block: 'center', behavior: 'instant' });
        await new Promise(requestAnimationFrame);
        const box = control.getBoundingClientRect();
        const hit = root.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        found.push({
            name: control.dataset.action || control.id || control.textContent,
            width: box.width,
            height: box.height,
            inside: box.left >= 0 && box.top >= 0 && box.right <= innerWidth
                && box.bottom <= innerHeight,
            reached: control.contains(hit),
        });
    }
    return found;
}"""
# What of a layer's own boxes cannot be scrolled to by a person: wider than the screen, cut off by
# a box that does not scroll, or a first line above the top.
CUT_OFF = """() => {
    const root = document.querySelector('#pixelgate').shadowRoot;
    const second = root.querySelector('[role=dialog]:has([data-purpose])');
    const layer = second || root.querySelector('.first');
    const faults = [];
    for (const box of [layer, ...layer.querySelectorAll('*')]) {
        const { overflowX, overflowY } = getComputedStyle(box);
        const inline = getComputedStyle(box).display == 'inline';
        if (!inline && box.scrollWidth > box.clientWidth + 1 && box.clientWidth > 1) {
            faults.push(`${box.tagName} ${box.className}: ${box.scrollWidth} px are too wide`);
        }
        if (/hidden|clip/.test(overflowX + overflowY)) faults.push(`${box.tagName} hides`);
    }
    for (const box of [layer, ...layer.querySelectorAll('*')]) box.scrollTop = 0;
    const box = layer.getBoundingClientRect();
    const title = layer.querySelector('h2').getBoundingClientRect();
    if (box.top < 0 || box.bottom > innerHeight + 1) faults.push(`${box.top} to ${box.bottom}`);
    if (title.top < box.top || title.bottom > innerHeight) faults.push('the title is out of sight');
    return faults;
}"""


WITHOUT_SCHEME = {
    "layout": LAYOUTS,
    "language": LANGUAGES,
    "place": ("Rome", "Los Angeles"),
    "size": ("1280x800", "768x900", "320x256"),
}


@pytest.mark.parametrize(tuple(WITHOUT_SCHEME), mixed(WITHOUT_SCHEME, language=("en",)))
def test_every_control_is_large_enough_and_can_be_scrolled_to_and_clicked(
    layout: str,
    language: str,
    place: str,
    size: str,
    screen: Callable[[str, str], Visitor],
    stores: Stores,
) -> None:
    visitor = screen("light", size)
    visitor.context.set_extra_http_headers(PLACES[place])
    stores.show(visitor, layout, language=language)
    controls = visitor.page.evaluate(CONTROLS)
    cut_off = visitor.page.evaluate(CUT_OFF)
    visitor.page.evaluate("pixelgate('show')")
    expect(visitor.page.locator("#pixelgate [data-purpose]").first).to_be_visible()
    for summary in visitor.page.locator("#pixelgate summary").all():
        summary.click()
    controls += visitor.page.evaluate(CONTROLS)
    cut_off += visitor.page.evaluate(CUT_OFF)
    visitor.page.locator('#pixelgate :has([data-purpose]) > * > [data-action="reject"]').click()
    visitor.settle()
    expect(visitor.page.locator("#pixelgate .first")).to_have_count(0)
    controls += visitor.page.evaluate(CONTROLS)
    assert {"accept", "reject", "save", "close", "open"} <= {one["name"] for one in controls}
    small = [one for one in controls if min(one["width"], one["height"]) < 24]
    unreached = [one for one in controls if not (one["inside"] and one["reached"])]
    assert (cut_off, small, unreached) == ([], [], [])


# All by which one of two buttons could be made to look like the one to press.
LOOKS = """() => ['reject', 'accept'].map((action) => {
    const root = document.querySelector('#pixelgate').shadowRoot;
    const button = root.querySelector(`[data-action=${action}]`);
    const { width, height } = button.getBoundingClientRect();
    const style = getComputedStyle(button);
    // The words have a colour of their own; the button's is none.
    const words = getComputedStyle(button.firstChild).color;
    const look = { words, width: Math.round(width), height: Math.round(height) };
    for (const name of style) {
        if (!/^(width|height|(block|inline)-size|(perspective|transform)-origin)$/.test(name)) {
            look[name] = style.getPropertyValue(name);
        }
    }
    return look;
})"""


ASKED_OR_TOLD = {**FACTORS, "place": ("Berlin", "Los Angeles")}


@pytest.mark.parametrize(tuple(ASKED_OR_TOLD), mixed(ASKED_OR_TOLD, language=("en",)))
def test_accept_and_reject_look_the_same_and_can_be_read(
    layout: str,
    scheme: str,
    language: str,
    place: str,
    size: str,
    screen: Callable[[str, str], Visitor],
    stores: Stores,
) -> None:
    visitor = screen(scheme, size)
    visitor.context.set_extra_http_headers(PLACES[place])
    stores.show(visitor, layout, language=language)
    reject, accept = visitor.page.evaluate(LOOKS)
    assert reject == accept
    assert contrast(accept["words"], accept["background-color"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """Of two colours as computed styles give them, by WCAG 2.2."""

    def luminance(colour: str) -> float:
        assert colour.startswith("rgb("), colour
        shares = [int(part) / 255 for part in colour[4:-1].split(",")]
        red, green, blue = (
            share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
            for share in shares
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_banner_shifts_nothing(layout: str, visitor_from: Make, stores: Stores) -> None:
    visitor = visitor_from("Berlin")
    visitor.context.add_init_script(
        """window.shifts = [];
        new PerformanceObserver((list) => shifts.push(...list.getEntries().map((e) => e.value)))
            .observe({ type: 'layout-shift', buffered: true });"""
    )
    stores.show(visitor, layout, body=LONG, style=LONG_STYLE)
    expect(visitor.page.locator("#pixelgate .first")).to_be_visible()
    visitor.decide("reject")
    assert visitor.page.evaluate("shifts") == []


@pytest.mark.parametrize("place", ["Berlin", "Los Angeles"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_banner_is_never_the_largest_paint_of_a_page_with_little_on_it(
    layout: str, place: str, visitor_from: Make, stores: Stores
) -> None:
    visitor = visitor_from(place)
    visitor.context.add_init_script(
        """window.painted = [];
        new PerformanceObserver((list) =>
            painted.push(...list.getEntries().map((e) => e.element?.localName ?? "not the page's")))
            .observe({ type: 'largest-contentful-paint', buffered: true });"""
    )
    stores.show(visitor, layout, body="<h1>A shop</h1>")
    expect(visitor.page.locator("#pixelgate .first")).to_be_visible()
    painted = """async () => {
        const frame = () => new Promise(requestAnimationFrame);
        for (const end = Date.now() + 60000; !painted.length && Date.now() < end;) await frame();
        for (let i = 0; i < 4; i++) await frame();
        return painted;
    }"""
    assert set(visitor.page.evaluate(painted)) == {"h1"}


def test_nothing_moves_for_who_wants_less_motion(visitor_from: Make, stores: Stores) -> None:
    visitor = visitor_from("Berlin")
    moving = """() => {
        const root = document.querySelector('#pixelgate').shadowRoot;
        const looks = [...root.querySelectorAll('*')].flatMap((one) =>
            ['', '::before', '::after', '::backdrop'].map((part) => getComputedStyle(one, part)));
        return looks.map((look) => [look.transitionDuration, look.animationName].join())
            .filter((motion) => motion != '0s,none');
    }"""
    for layout in LAYOUTS:
        visitor.page.emulate_media(reduced_motion="reduce")
        stores.show(visitor, layout)
        visitor.click("choose")
        expect(visitor.page.locator("#pixelgate dialog.preferences")).to_be_visible()
        assert visitor.page.evaluate(moving) == []
    # Else the knobs of the switches glide, and nothing more.
    visitor.page.emulate_media(reduced_motion="no-preference")
    assert set(visitor.page.evaluate(moving)) == {"0.15s,none"}


def test_on_paper_there_is_no_banner_and_no_way_back_in(visitor_from: Make, stores: Stores) -> None:
    visitor = visitor_from("Berlin")
    for layout in LAYOUTS:
        visitor.page.emulate_media(media="screen")
        stores.show(visitor, layout)
        expect(visitor.page.locator("#pixelgate .first")).to_be_visible()
        visitor.page.emulate_media(media="print")
        expect(visitor.page.locator("#pixelgate .first")).to_be_hidden()
        expect(visitor.page.locator("#pixelgate [data-action=open]")).to_be_hidden()


def test_screen_readers_are_told_what_is_asked_and_that_it_is_saved(
    visitor_from: Make, stores: Stores
) -> None:
    visitor = visitor_from("Berlin")
    stores.show(visitor, "bar")
    banner = visitor.page.get_by_role("region", name="Privacy", exact=False)
    expect(banner.get_by_role("heading", level=2)).to_be_visible()
    status = visitor.page.locator("#pixelgate [role=status].unseen")
    expect(status).to_have_text("")  # it is there before it speaks, or nothing would be said
    visitor.decide("reject")
    expect(status).to_have_text("Your choice is saved.")
