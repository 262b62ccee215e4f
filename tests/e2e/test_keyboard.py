"""A visitor without a pointer: where the focus goes, where it stays, that it is never covered."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.layouts import LAYOUTS, LONG, LONG_STYLE, SHORT, SIZES, Stores
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]

OPENER = SHORT + "<button type=button id=opener onclick=\"pixelgate('show')\">Cookies</button>"
# Not by ``autofocus``, which a browser heeds some time later, or not at all after our own.
WITH_FIELD = SHORT + (
    '<label>Search <input id="search"></label>'
    '<script>document.getElementById("search").focus()</script>'
)

# What has the focus, by the name that a test would use: a control's action, the tag of something
# else of ours, or the text of something of the shop's after "page:".
FOCUSED = """() => {
    let one = document.activeElement;
    if (!one || one == document.body || one == document.documentElement) return 'nothing';
    if (one.id != 'pixelgate') return 'page:' + (one.id || one.textContent);
    one = one.shadowRoot.activeElement;
    return one.dataset.action || one.dataset.purpose || one.tagName.toLowerCase();
}"""


def focused(visitor: Visitor) -> str:
    return str(visitor.page.evaluate(FOCUSED))


def tab(visitor: Visitor, times: int = 1, key: str = "Tab") -> list[str]:
    """Presses the key and tells what had the focus after each time."""
    found = []
    for _ in range(times):
        visitor.page.keyboard.press(key)
        found.append(focused(visitor))
    return found


def first_layer(visitor: Visitor) -> Locator:
    return visitor.page.locator("#pixelgate .first")


def preferences(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("dialog").filter(has=visitor.page.locator("[data-purpose]"))


def assert_undecided(visitor: Visitor) -> None:
    visitor.settle()
    assert visitor.decisions() == []
    assert visitor.cookies() == set()


@pytest.mark.parametrize("place", ["Berlin", "Los Angeles"])
@pytest.mark.parametrize("layout", ["bar", "box"])
def test_a_banner_beside_the_page_takes_no_focus_and_lets_it_through(
    layout: str, place: str, visitor_from: Make, stores: Stores
) -> None:
    visitor = visitor_from(place)
    stores.show(visitor, layout)
    expect(visitor.page.get_by_role("region", name="Privacy and cookies")).to_be_visible()
    assert focused(visitor) == "nothing"
    passed: list[str] = []
    while "page:A tent" not in passed and len(passed) < 9:
        passed += tab(visitor)
    assert passed.pop() == "page:A tent"
    asked = ["reject", "accept", "choose"] if place == "Berlin" else ["open", "reject", "accept"]
    assert [name for name in passed if name != "a"] == asked
    assert tab(visitor, 1, "Shift+Tab") == passed[-1:]


def test_a_banner_beside_the_page_leaves_the_focus_where_it_was(
    visitor_from: Make, stores: Stores
) -> None:
    visitor = visitor_from("Berlin")
    stores.show(visitor, "bar", body=WITH_FIELD)
    expect(first_layer(visitor)).to_be_visible()
    assert focused(visitor) == "page:search"
    visitor.page.keyboard.type("tent")
    expect(visitor.page.locator("#search")).to_have_value("tent")


def test_a_modal_first_layer_takes_the_focus_keeps_it_and_gives_it_back(
    visitor_from: Make, stores: Stores
) -> None:
    visitor = visitor_from("Berlin")
    stores.show(visitor, "dialog", body=WITH_FIELD)
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog).to_have_attribute("aria-modal", "true")
    assert not focused(visitor).startswith(("page:", "nothing"))
    found = tab(visitor, 9) + tab(visitor, 9, "Shift+Tab")
    assert [name for name in found if name.startswith("page:")] == []
    assert {"reject", "accept", "choose"} <= set(found)
    dialog.locator('[data-action="reject"]').focus()
    visitor.page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    assert focused(visitor) == "page:search"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_preferences_take_the_focus_keep_it_and_escape_decides_nothing(
    layout: str, visitor_from: Make, stores: Stores
) -> None:
    visitor = visitor_from("Berlin")
    stores.show(visitor, layout)
    first_layer(visitor).locator('[data-action="choose"]').focus()
    visitor.page.keyboard.press("Enter")
    expect(preferences(visitor)).to_be_visible()
    inside = preferences(visitor).locator(":focus")
    expect(inside).to_have_count(1)
    found = tab(visitor, 25) + tab(visitor, 25, "Shift+Tab")
    assert [name for name in found if name.startswith("page:")] == []
    assert {"analytics", "marketing", "save", "reject", "accept", "close"} <= set(found)
    assert "choose" not in found
    visitor.page.keyboard.press("Escape")
    expect(preferences(visitor)).to_have_count(0)
    expect(first_layer(visitor)).to_be_visible()
    assert focused(visitor) == "choose"
    assert_undecided(visitor)


def test_the_preferences_give_the_focus_back_to_whatever_opened_them(
    visitor_from: Make, stores: Stores
) -> None:
    visitor = visitor_from("Berlin")
    stores.show(visitor, "bar", body=OPENER)
    visitor.decide("reject")
    entry = visitor.page.locator('#pixelgate .entry [data-action="open"]')
    for opener, name in ((entry, "open"), (visitor.page.locator("#opener"), "page:opener")):
        for leave in ("Escape", "close", "save"):
            opener.focus()
            visitor.page.keyboard.press("Enter")
            expect(preferences(visitor)).to_be_visible()
            if leave == "Escape":
                visitor.page.keyboard.press("Escape")
            else:
                preferences(visitor).locator(f'[data-action="{leave}"]').focus()
                visitor.page.keyboard.press("Enter")
            expect(preferences(visitor)).to_have_count(0)
            assert focused(visitor) == name, leave


@pytest.mark.parametrize("layout", LAYOUTS)
def test_escape_is_the_cross_where_the_regime_has_one(
    layout: str, visitor_from: Make, stores: Stores
) -> None:
    visitor = visitor_from("Rome")
    stores.show(visitor, layout)
    first_layer(visitor).locator('[data-action="accept"]').focus()
    with visitor.page.expect_response(lambda answer: answer.url.endswith("/decisions")):
        visitor.page.keyboard.press("Escape")
    expect(first_layer(visitor)).to_have_count(0)
    assert visitor.decisions() == [("close", 201)]
    assert visitor.page.evaluate("document.cookie").split(".")[6] == "000"
    assert visitor.requests == []


@pytest.mark.parametrize("place", ["Berlin", "Los Angeles"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_escape_decides_nothing_where_the_regime_has_no_cross(
    layout: str, place: str, visitor_from: Make, stores: Stores
) -> None:
    visitor = visitor_from(place)
    stores.show(visitor, layout)
    first_layer(visitor).locator('[data-action="accept"]').focus()
    for _ in range(3):  # a browser lets no dialog stop the second Escape in a row
        visitor.page.keyboard.press("Escape")
    expect(first_layer(visitor)).to_be_visible()
    visitor.settle()
    assert visitor.decisions() == []
    assert "pixelgate" not in visitor.cookies()


def test_escape_for_the_shop_decides_nothing_here(visitor_from: Make, stores: Stores) -> None:
    visitor = visitor_from("Rome")
    stores.show(visitor, "bar", body=WITH_FIELD)
    visitor.page.locator("#search").press("Escape")
    expect(first_layer(visitor)).to_be_visible()
    assert_undecided(visitor)


# How far what has the focus is out of sight: beyond the window, or under anything of ours.
COVERED = """async () => {
    for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
    const root = document.querySelector('#pixelgate').shadowRoot;
    const layer = root.querySelector('.first') || root.querySelector('.entry');
    let one = document.activeElement;
    const own = one.id == 'pixelgate';
    if (own) one = one.shadowRoot.activeElement;
    const a = one.getBoundingClientRect();
    const faults = [];
    if (a.top < -1 || a.bottom > innerHeight + 1 || a.left < -1 || a.right > innerWidth + 1) {
        faults.push('outside the window');
    }
    if (layer && !own && layer.checkVisibility({ visibilityProperty: true })) {
        const b = layer.getBoundingClientRect();
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 0 && high > 0) faults.push(`${Math.ceil(high)} of ${Math.ceil(a.height)} px`);
    }
    return faults.map((fault) => `${one.textContent}: ${fault}`);
}"""


def walk(visitor: Visitor, key: str, last: str = "Buy") -> list[str]:
    """All that is out of sight when it has the focus, from one end of the page to the other."""
    faults: list[str] = []
    seen: set[str] = set()
    for _ in range(40):
        visitor.page.keyboard.press(key)
        name = focused(visitor)
        if name == "nothing":
            break
        if not seen:
            visitor.settle()  # what watches the focus may be fetched with the first one
        seen.add(name)
        faults += visitor.page.evaluate(COVERED)
    assert {f"page:{name}" for name in ("Summit Outdoor", "Boot 7", "Legal", "Last", last)} <= seen
    return faults


@pytest.mark.parametrize("size", ["1280x800", "320x640"])
@pytest.mark.parametrize("layout", ["bar", "box"])
def test_what_has_the_focus_is_never_under_the_banner(
    layout: str, size: str, visitor_from: Make, stores: Stores
) -> None:
    visitor = visitor_from("Berlin", viewport=SIZES[size])
    stores.show(visitor, layout, body=LONG, style=LONG_STYLE)
    expect(first_layer(visitor)).to_be_visible()
    assert walk(visitor, "Tab") == []
    assert walk(visitor, "Shift+Tab") == []


def test_the_shops_own_scroll_padding_is_as_before_when_the_banner_has_gone(
    visitor_from: Make, stores: Stores
) -> None:
    padding = "getComputedStyle(document.documentElement).scrollPaddingBottom"
    visitor = visitor_from("Berlin")
    stores.show(visitor, "bar", body=LONG, style=LONG_STYLE)
    expect(first_layer(visitor)).to_be_visible()
    visitor.page.evaluate("document.documentElement.style.scrollPaddingTop = '7px'")
    visitor.decide("reject")
    assert visitor.page.evaluate(padding) == "60px"
    assert visitor.page.evaluate("document.documentElement.style.cssText") == (
        "scroll-padding-top: 7px;"
    )
    assert walk(visitor, "Tab") == []


@pytest.mark.parametrize("size", ["1280x800", "320x640"])
def test_what_has_the_focus_is_never_under_the_way_back_in(
    size: str, visitor_from: Make, stores: Stores
) -> None:
    visitor = visitor_from("Berlin", viewport=SIZES[size])
    body = LONG.partition('<div class="own">')[0]
    stores.show(visitor, "bar")
    visitor.decide("reject")
    stores.show(visitor, "bar", body=body, style="body { padding-bottom: 8px }")
    assert walk(visitor, "Tab", "Last") == []
    assert walk(visitor, "Shift+Tab", "Last") == []
