"""What a strict page, a page without scripts, a filter list and an automated browser see of us."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from consent import listed
from consent.web.scripts import NAMES
from tests.e2e.layouts import LAYOUTS, Stores
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]

ROOT = Path(__file__).resolve().parents[2]
STRICT = (
    "default-src 'none'; script-src 'nonce-abc123' {service}; style-src 'nonce-abc123'; "
    "connect-src {service}; img-src data:; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'"
)
HEAR_VIOLATIONS = """
window.violations = [];
addEventListener('securitypolicyviolation', (event) =>
    violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""


@pytest.mark.parametrize("types", ["", "; trusted-types pixelgate"], ids=["any", "one"])
@pytest.mark.parametrize("place", ["Rome", "Los Angeles"])
def test_everything_works_where_scripts_need_a_nonce_and_trusted_types(
    place: str, types: str, visitor_from: Make, stores: Stores, service: Service
) -> None:
    visitor = visitor_from(place)
    visitor.context.add_init_script(HEAR_VIOLATIONS)
    policy = STRICT.format(service=service.url) + types
    stores.show(visitor, "bare", policy=policy)
    expect(visitor.page.locator("#pixelgate .first")).to_be_visible()
    visitor.page.evaluate("pixelgate('show')")
    expect(visitor.page.locator("#pixelgate [data-purpose]").first).to_be_visible()
    visitor.decide("save")
    stores.show(visitor, "bare", policy=policy)
    visitor.click("open")
    expect(visitor.page.locator("#pixelgate [data-purpose]").first).to_be_visible()
    visitor.decide("reject")
    assert [status for _, status in visitor.decisions()] == [201, 201]
    assert visitor.page.evaluate("violations") == []
    assert [line for line in visitor.console if line.startswith(("error", "warning"))] == []


def test_the_banner_keeps_its_looks_under_a_strict_policy(
    visitor_from: Make, stores: Stores, service: Service
) -> None:
    visitor = visitor_from("Berlin")
    for layout in LAYOUTS:
        shapes = []
        for policy in ("", STRICT.format(service=service.url)):
            stores.show(visitor, layout, policy=policy)
            button = visitor.page.locator('#pixelgate .first [data-action="accept"]')
            expect(button).to_be_visible()
            shapes.append(
                button.evaluate(
                    """(one) => {
                        const box = one.getBoundingClientRect();
                        const { backgroundColor, color, font } = getComputedStyle(one);
                        return [box.x, box.y, box.width, box.height, backgroundColor, color, font];
                    }"""
                )
            )
        assert shapes[0] == shapes[1]


def test_a_page_without_scripts_is_as_it_was(
    visitor_from: Make, shop: Shop, service: Service
) -> None:
    visitor = visitor_from("Berlin", java_script_enabled=False)
    asked: list[str] = []
    visitor.context.on("request", lambda request: asked.append(request.url))
    visitor.page.goto(shop.origin)
    pictures = [visitor.page.screenshot()]
    with shop.serving(""):
        visitor.page.goto(shop.origin)
        pictures.append(visitor.page.screenshot())
    expect(visitor.page.get_by_role("heading", name="Summit Outdoor")).to_be_visible()
    assert pictures[0] == pictures[1]
    assert not [url for url in asked if url.startswith(service.url)]
    assert visitor.cookies() == set()


# Where our texts name the service: a setting, a proxy's site, a guide's constant.
ADVISED = re.compile(
    r"(?:CONSENT_PUBLIC_URL=https://|CONSENT_HOST=|SERVICE = 'https://|server_name |api=https://"
    r"|^)((?:[a-z]+\.)+example)(?=[ ;'/\n])",
    re.MULTILINE,
)
LISTED_IDS = re.compile(
    r"consent|cookie|gdpr|ccpa|cmp|privacy|banner|notice|popup|overlay|modal", re.IGNORECASE
)


def test_no_address_that_a_page_asks_for_looks_like_one_on_a_filter_list() -> None:
    source = (ROOT / "consent" / "web" / "visitor.py").read_text(encoding="utf-8")
    cases = re.findall(r'^ +case \["", "s", \w+, ("[^,\]]+)', source, re.MULTILINE)
    names = [*NAMES, *re.findall(r'"([^"]+)"', " ".join(cases))]
    assert {"loader.js", "choices.js", "decisions", "seen", "coverage", "receipts"} <= set(names)
    # Whole ones, at every host that we tell operators to take.
    docs = ("README.md", "snippets/GUIDES.md", "consent/operate/*", "consent/web/api/README.md")
    texts = [path.read_text("utf-8") for glob in docs for path in ROOT.glob(glob)]
    hosts = {host for text in texts for host in ADVISED.findall(text)}
    assert hosts == {"gate.summit.example", "gate.example"}
    addresses = [f"https://{host}/s/summit/{name}" for host in hosts for name in names]
    assert [address for address in addresses if listed.WORDS.search(address)] == []


@pytest.mark.parametrize("word", ["consent", "cookies", "Tracking", "statistics", "my-ads", "tag"])
def test_a_host_or_a_key_on_a_filter_list_is_told(word: str) -> None:
    assert listed.host_fault(f"{word}.summit.example").startswith("found ")
    assert listed.key_fault(word).startswith(f"found '{word}'")


@pytest.mark.parametrize("word", ["summit", "gate", "blog", "collection", "adidas", "vintage"])
def test_a_word_that_only_holds_one_is_no_fault(word: str) -> None:
    assert listed.host_fault(f"{word}.summit.example") == ""
    assert listed.key_fault(word) == ""


def test_nothing_by_which_a_filter_list_finds_banners_is_outside_the_shadow_root(
    visitor_from: Make, stores: Stores
) -> None:
    visitor = visitor_from("Berlin")
    stores.show(visitor, "bar")
    outside = visitor.page.evaluate(
        """() => [...document.querySelectorAll('body *, head *')]
            .filter((one) => !one.closest('main'))
            .map((one) => [one.localName, one.id, one.className])
            .filter(([name, id]) => id || name == 'div')"""
    )
    assert outside == [["span", "pixelgate", ""]]
    assert LISTED_IDS.search("pixelgate") is None


def test_no_request_of_ours_is_a_beacon(visitor_from: Make, stores: Stores) -> None:
    """Lists that are on by default in blockers stop every beacon to another site."""
    visitor = visitor_from("Berlin")
    kinds: dict[str, str] = {}
    visitor.context.on(
        "request",
        lambda request: kinds.update({request.url.rpartition("/")[2]: request.resource_type}),
    )
    stores.show(visitor, "bar")
    visitor.decide("reject")
    assert (kinds["seen"], kinds["decisions"]) == ("fetch", "fetch")


OURS = [
    *(ROOT / "consent" / "browser" / "src").iterdir(),
    *(ROOT / "snippets").glob("*/pixel.js"),
]


@pytest.mark.parametrize("path", OURS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_script_of_ours_asks_who_drives_the_browser(path: Path) -> None:
    """A banner that hides from automation cannot be checked by anyone."""
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"webdriver|userAgent|navigator\.(?:plugins|vendor|platform)", text) == []
