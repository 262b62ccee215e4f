"""Frames behind placeholders: what loads from whom, and when."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Route, expect

from consent.texts import Texts
from tests.e2e.claims import NOTHING, assert_no_complaints
from tests.e2e.guest import FILM, MAP, YOUTUBE, Guest, frame, inline, script
from tests.e2e.service import Service
from tests.e2e.shop import Shop

pytestmark = pytest.mark.browser

Guests = Callable[..., Guest]


def test_a_placeholder_says_what_would_load_from_whom_and_nothing_is_asked(
    guest_from: Guests,
) -> None:
    guest = guest_from("Berlin")
    guest.see(frame())
    placeholder = guest.inside().locator("body")
    guest.expect_placeholder()
    expect(placeholder).to_contain_text(f"Nothing has been loaded from {YOUTUBE} yet")
    expect(placeholder).to_contain_text("Google receives data such as your IP address")
    expect(placeholder).to_contain_text("switches on “Marketing”")
    policy = guest.inside().get_by_role("link", name="Privacy policy (Google)")
    expect(policy).to_have_attribute("href", "https://policies.google.com/privacy")
    expect(guest.page.locator("#film")).to_have_attribute("title", "Content from YouTube")
    assert guest.asked == []
    assert guest.visitor.requests == []
    assert guest.visitor.cookies() == set()
    assert guest.visitor.storage() == NOTHING
    assert_no_complaints(guest.visitor)


def test_once_loads_this_frame_now_and_stores_and_records_nothing(guest_from: Guests) -> None:
    guest = guest_from("Berlin")
    guest.see(frame() + frame("other"))
    steps = guest.page.evaluate("history.length")
    guest.click("once")
    guest.expect_film()
    assert guest.page.evaluate("document.activeElement.id") == "film"
    guest.expect_placeholder("other")
    guest.visitor.settle()
    assert guest.asked == [FILM]
    assert guest.visitor.decisions() == []
    assert guest.visitor.cookies() == set()
    assert guest.visitor.storage() == NOTHING
    assert guest.page.evaluate("history.length") == steps
    guest.page.evaluate("film.dataset.src += '2'")
    guest.expect_placeholder()
    guest.page.reload()
    guest.expect_placeholder()
    assert guest.asked == [FILM]


def test_always_is_recorded_first_and_then_holds_until_it_is_withdrawn(
    guest_from: Guests, shop: Shop, service: Service
) -> None:
    guest = guest_from("Berlin")
    guest.see(frame() + frame("map", MAP) + frame("stats", MAP, "marketing analytics"))
    posts: list[Route] = []
    guest.visitor.context.route(
        f"{service.url}/s/summit/decisions", lambda route: posts.append(route)
    )
    with guest.page.expect_request("**/decisions"):
        guest.click("always")
    expect(guest.inside().locator("body")).to_contain_text("Your choice is being saved …")
    assert guest.asked == []
    assert guest.visitor.requests == []
    posted = posts[0].request.post_data_json
    assert posted["action"] == "save"
    assert posted["grants"] == {"preferences": False, "analytics": False, "marketing": True}
    guest.visitor.context.unroute(f"{service.url}/s/summit/decisions")
    posts[0].continue_()
    guest.expect_film()
    guest.expect_film("map")
    guest.expect_placeholder("stats", "Google Maps")
    expect(guest.inside("stats").locator(".note")).to_contain_text("“Marketing and Statistics”")
    assert guest.visitor.decisions() == [("save", 201)]
    guest.page.reload()
    guest.expect_film()
    guest.visitor.settle()
    guest.asked.clear()
    steps = guest.page.evaluate("history.length")
    with guest.page.expect_response(lambda answer: answer.url.endswith("/decisions")):
        # At once, and whether or not a pixel needs the page to come anew.
        assert guest.page.evaluate(
            "() => { pixelgate('withdraw'); return [film, map].map((one) => one.src) }"
        ) == ["", ""]
    guest.expect_placeholder()
    guest.expect_placeholder("map", "Google Maps")
    guest.visitor.settle()
    assert guest.page.evaluate("history.length") == steps
    assert guest.visitor.decisions()[-1] == ("withdraw", 201)
    guest.page.goto(f"{shop.origin}/product")
    guest.page.go_back()
    guest.expect_placeholder()
    guest.visitor.settle()
    assert guest.asked == []


def test_a_frame_that_was_loaded_once_is_not_brought_back_by_the_browser(
    guest_from: Guests, shop: Shop
) -> None:
    guest = guest_from("Berlin")
    guest.see(frame())
    guest.click("once")
    guest.expect_film()
    guest.page.goto(f"{shop.origin}/privacy")
    guest.asked.clear()
    guest.page.go_back()
    guest.expect_placeholder()
    guest.visitor.settle()
    assert guest.asked == []


def test_where_the_law_is_opt_out_content_loads_until_the_visitor_objects(
    guest_from: Guests,
) -> None:
    guest = guest_from("Los Angeles")
    guest.see(frame() + script("a") + inline("b", "marketing"))
    guest.expect_film()
    assert guest.order == ["a", "b"]
    guest.asked.clear()
    guest.visitor.decide("reject")
    guest.expect_placeholder()
    guest.click("always")
    guest.expect_film()
    assert guest.asked == [FILM]
    guest.expect_order("b")  # the page came anew after the refusal: analytics stay off


def test_what_the_signal_refuses_is_offered_only_once(guest_from: Guests) -> None:
    guest = guest_from("Los Angeles with GPC")
    guest.see(frame() + frame("stats", MAP, "analytics"))
    guest.expect_film("stats")
    guest.expect_placeholder()
    expect(guest.inside().locator("[data-action]")).to_have_text(["Load once"])
    expect(guest.inside().locator(".note")).to_have_count(0)
    assert guest.asked == [MAP]
    guest.click("once")
    guest.expect_film()
    assert guest.visitor.decisions() == [("gpc", 201)]


def test_frames_come_and_go_as_the_page_likes(guest_from: Guests) -> None:
    guest = guest_from("Berlin")
    guest.see("<div id=here></div><div id=there></div>")
    guest.page.evaluate("html => here.innerHTML = html", frame() + script("a") + inline("b"))
    guest.expect_placeholder()
    guest.page.evaluate("there.append(film)")
    guest.expect_placeholder()
    guest.page.evaluate("film.dataset.src = 'https://www.google.com/maps/embed'")
    guest.expect_placeholder(vendor="Google Maps")
    guest.page.evaluate("film.dataset.src = '//www.youtube-nocookie.com/embed/y'")
    guest.expect_placeholder()
    # Libraries that load late take data-src for theirs.
    guest.page.evaluate("film.src = film.dataset.src.replace(/^/, 'https:')")
    guest.expect_placeholder()
    guest.visitor.settle()
    assert guest.asked == []
    guest.click("once")
    guest.expect_film()
    guest.page.evaluate("const old = film; document.body.append(old.cloneNode()); old.remove()")
    guest.expect_placeholder()
    guest.visitor.decide("accept")
    guest.expect_film()
    guest.expect_order("a", "b")
    guest.page.evaluate("html => there.innerHTML = html", frame("late") + script("c"))
    guest.expect_film("late")
    guest.expect_order("a", "b", "c")


def test_only_addresses_load_and_names_are_text(guest_from: Guests) -> None:
    guest = guest_from("Tokyo")
    bad = ("javascript:alert(1)", "data:text/html,x", "blob:x", "http://", "", " ", "about:blank")
    guest.see("".join(frame(f"f{n}", one) for n, one in enumerate(bad)) + "<iframe data-purpose=x>")
    assert guest.asked == []
    assert sum("expected an http or https address" in line for line in guest.warnings) == len(bad)
    assert guest.page.evaluate(
        "[...document.querySelectorAll('iframe')].every((one) => !one.hasAttribute('src'))"
    )
    guest = guest_from("Berlin")
    quoted = f"{FILM}?q=&quot;&gt;&lt;b&gt;'&amp;x=1"
    guest.see(
        frame(src=quoted, more='title="&lt;b&gt;Trailer&lt;/b&gt;"')
        + frame("film", more='srcdoc="<b>theirs</b>"')
        + frame("blank", more='src="about:blank"')
        + frame("near", "https://www.youtube.com.evil.example/www.youtube.com")
        + frame("path", "https://www.google.com/mapsx")
        + frame("form", "https://SHOP.typeform.com:8443/to/x")
        + frame("own", "/privacy")
    )
    guest.expect_placeholder("near", "www.youtube.com.evil.example")
    guest.expect_placeholder("path", "www.google.com")
    guest.expect_placeholder("form", "Typeform")
    guest.expect_placeholder("own", f"localhost:{urlsplit(guest.page.url).port}")
    guest.expect_placeholder("blank")
    expect(guest.inside("form").locator("body")).to_contain_text("from shop.typeform.com:8443 yet")
    expect(guest.inside("near").get_by_role("link")).to_have_count(0)
    for inside in (guest.page.frame_locator("#film >> nth=0"), guest.inside("film >> nth=1")):
        expect(inside.locator(".title")).to_have_text("Content from YouTube")
        expect(inside.locator("b")).to_have_count(0)
    assert guest.page.evaluate("film[0].title") == "<b>Trailer</b>"
    assert guest.asked == []
    guest.page.frame_locator("#film >> nth=0").locator('[data-action="once"]').click()
    guest.page.frame_locator("#film >> nth=1").locator('[data-action="once"]').click()
    guest.visitor.settle()
    assert guest.asked == [f"{FILM}?q=%22%3E%3Cb%3E%27&x=1", FILM]


def test_a_sandbox_lets_us_draw_and_is_back_before_the_content_comes(guest_from: Guests) -> None:
    guest = guest_from("Berlin")
    guest.see(frame(more='sandbox="allow-scripts" scrolling="no"'))
    guest.expect_placeholder()
    assert guest.asked == []
    guest.click("once")
    guest.expect_film()
    assert guest.page.evaluate("film.getAttribute('sandbox')") == "allow-scripts"
    inside = guest.page.frames[1]
    assert inside.evaluate("window.origin") == "null"


SIZES = """<style nonce="abc123">
main { width: 620px } iframe { display: block; border: 0; margin: 0 }
.ratio { width: 100%; height: auto; aspect-ratio: 16 / 9 } .fixed { width: 300px; height: 200px }
.hero { position: relative; padding-top: 40% }
.hero iframe { position: absolute; inset: 0; width: 100%; height: 100% }
</style>"""
SHIFTS = """window.shifts = [];
new PerformanceObserver((list) => shifts.push(...list.getEntries().map((one) => one.value)))
  .observe({ type: 'layout-shift', buffered: true });"""


def test_nothing_moves_however_the_page_sizes_its_frames(guest_from: Guests) -> None:
    guest = guest_from("Berlin", viewport={"width": 800, "height": 1600})
    guest.visitor.context.add_init_script(SHIFTS)
    kinds = {
        "attributes": frame("attributes"),
        "ratio": frame("ratio", more='class="ratio"'),
        "percent": frame("percent", more='width="50%" height="180"'),
        "fixed": frame("fixed", more='class="fixed"'),
        "hero": f'<div class="hero">{frame("hero", more="class=full")}</div>',
        "none": frame("none", more='class="unsized"'),
    }
    guest.see("".join(f"{one}<p>Text below</p>" for one in kinds.values()), head=SIZES)
    boxes = (
        "[...document.querySelectorAll('iframe, p')].map((one) => "
        "Object.values(one.getBoundingClientRect().toJSON()).join())"
    )
    before = guest.page.evaluate(boxes)
    for key in kinds:
        guest.expect_placeholder(key)
    guest.click("once", "ratio")
    guest.expect_film("ratio")
    guest.click("always", "attributes")
    for key in kinds:
        guest.expect_film(key)
    assert guest.page.evaluate(boxes) == before
    guest.withdraw()
    guest.expect_placeholder("hero")
    guest.visitor.settle()
    assert guest.page.evaluate(boxes) == before
    assert guest.page.evaluate("shifts") == []


AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
FIND_VIOLATIONS = """async () => {
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const { violations, passes } = await axe.run({ runOnly: tags });
    const places = passes.flatMap(({ nodes }) => nodes.map(({ target }) => target));
    const frames = new Set(places.filter((one) => one.length > 1).map((one) => one[0]));
    return [frames.size, violations.flatMap(({ id, nodes }) =>
        nodes.map((node) => `${id}: ${node.target.join(' ')}: ${node.failureSummary}`))];
}"""
LOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    "light": ("de", {}),
    "dark": ("ar", {"color_scheme": "dark"}),
    "forced": ("en", {"color_scheme": "dark", "forced_colors": "active"}),
}
MEASURES = ((560, 315), (300, 150), (200, 120), (620, 80), (118, 90), (90, 40), (24, 24))


@pytest.mark.parametrize("look", LOOKS)
def test_every_size_has_a_button_that_can_be_seen_hit_and_named(
    look: str, guest_from: Guests
) -> None:
    language, options = LOOKS[look]
    words = Texts.load().messages(language)["content.once"]
    guest = guest_from("Berlin", **options)
    sized = {
        f"f{n}": frame(f"f{n}", more=f'width="{width}" height="{height}" scrolling="no"')
        for n, (width, height) in enumerate(MEASURES)
    }
    guest.see("".join(sized.values()), language=language)
    root = guest.inside("f0").locator("html")
    expect(root).to_have_attribute("lang", language)
    expect(root).to_have_attribute("dir", "rtl" if language == "ar" else "ltr")
    host = f"\u2068{YOUTUBE}\u2069" if language == "ar" else YOUTUBE
    expect(guest.inside("f0").locator("p >> nth=1")).to_contain_text(host)
    expect(guest.inside("f0").locator("[style]")).to_have_count(0)
    for key, (width, height) in zip(sized, MEASURES, strict=True):
        once = guest.inside(key).locator('[data-action="once"]')
        once.focus()
        box, outer = once.bounding_box(), guest.page.locator(f"#{key}").bounding_box()
        assert box is not None
        assert outer is not None
        assert min(box["width"], box["height"]) >= 24, key
        assert box["x"] >= outer["x"] - 1, key
        assert box["y"] >= outer["y"] - 1, key
        assert box["y"] + box["height"] <= outer["y"] + outer["height"] + 1, key
        wordy = width >= 120 and height >= 60
        expect(guest.inside(key).locator(".title")).to_be_visible(visible=wordy)
        expect(guest.inside(key).locator('[data-action="always"]')).to_be_visible(visible=wordy)
        expect(once).to_have_accessible_name(words)
    for one in guest.page.frames:
        one.evaluate(AXE)
    assert guest.page.evaluate(FIND_VIOLATIONS) == [len(MEASURES), []]


PAINTED = """
key = "painted"
name = "A store with colours of its own"
origins = ["{origin}"]
[banner]
accent = "#7a1f3d"
light = {{ background = "#fff8e7", text = "#221100" }}
dark = {{ background = "#001122", text = "#ffeedd" }}
"""


def test_the_placeholder_wears_the_stores_colours_in_both_schemes(
    guest_from: Guests, shop: Shop, service: Service
) -> None:
    service.publish(PAINTED.format(origin=shop.origin))
    guest = guest_from("Berlin")
    with shop.serving(shop.snippet.replace("/s/summit/", "/s/painted/")):
        guest.see(frame())
    root, once = guest.inside().locator("html"), guest.inside().locator('[data-action="once"]')
    expect(root).to_have_css("background-color", "rgb(255, 248, 231)")
    expect(root).to_have_css("color", "rgb(34, 17, 0)")
    expect(once).to_have_css("background-color", "rgb(122, 31, 61)")
    guest.page.emulate_media(color_scheme="dark")
    expect(root).to_have_css("background-color", "rgb(0, 17, 34)")
    expect(root).to_have_css("color", "rgb(255, 238, 221)")
