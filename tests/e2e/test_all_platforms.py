"""A store with every platform that there is: each event reaches those whose purposes are granted.

Platforms, events and purposes come from ``snippets/``; nothing here names one.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Route, expect

from consent.model import CHOOSABLE, Pixel
from consent.platforms import EVENTS
from consent.platforms.sending import ORDER, sent
from tests.e2e import published
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor
from tests.pixels.shop import PLATFORMS, library

pytestmark = pytest.mark.browser

Make = Callable[..., Visitor]
PIXELS = [
    Pixel(
        key,
        one.id_example,
        labels={
            event: one.label_example for event in EVENTS if one.by_label and event not in one.events
        },
    )
    for key, one in PLATFORMS.items()
]
STATES = [frozenset(some) for size in range(4) for some in itertools.combinations(CHOOSABLE, size)]
TOLD = "window.told = []; addEventListener('vendor:hit', (event) => told.push(event.detail));"
LATER = [event for event in EVENTS if event != "PageView"]
"""A second view of one page is none to some vendors."""


def toml() -> str:
    lines = []
    for pixel in PIXELS:
        lines += ["[[pixels]]", f'platform = "{pixel.platform}"', f'id = "{pixel.id}"']
        if pixel.labels:
            pairs = ", ".join(f'{event} = "{label}"' for event, label in pixel.labels.items())
            lines.append(f"labels = {{ {pairs} }}")
    return "\n".join(lines)


def _library(pixel: Pixel) -> str:
    return PLATFORMS.script_url(pixel).partition("?")[0]


@pytest.fixture(scope="module")
def snippet(service: Service, shop: Shop) -> str:
    return published.publish(service, shop, "everyone", toml())


@pytest.fixture
def meet(visitor_from: Make, shop: Shop, snippet: str) -> Callable[[str], Visitor]:
    """Makes a visitor of the shop with every pixel, to whom the stand-ins tell what they got."""
    libraries = {_library(pixel): pixel for pixel in PIXELS}

    def make(place: str) -> Visitor:
        visitor = visitor_from(place)

        def answer(route: Route) -> None:
            visitor.requests.append(route.request.url)
            body = library(libraries[route.request.url.partition("?")[0]])
            route.fulfill(body=body, content_type="text/javascript")

        visitor.context.add_init_script(TOLD)
        visitor.context.route(lambda url: url.partition("?")[0] in libraries, answer)
        with shop.serving(snippet):
            visitor.visit(f"{shop.origin}/privacy")
        return visitor

    return make


def announce(visitor: Visitor, mark: str, events: Sequence[str] = EVENTS) -> None:
    for event in events:
        said = json.dumps({**ORDER, "event_id": f"{mark}-{event}"})
        visitor.page.evaluate(f"pixelgate('track', {json.dumps(event)}, {said})")
    visitor.settle()


def choose(visitor: Visitor, granted: frozenset[str]) -> None:
    visitor.click("choose")
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    for purpose in granted:
        dialog.locator(f'[data-purpose="{purpose}"]').check()
    visitor.decide("save")


def expected(pixel: Pixel, granted: frozenset[str], events: Sequence[str] = EVENTS) -> list[str]:
    if not set(PLATFORMS.purposes(pixel)) <= granted:
        return []
    platform = PLATFORMS[pixel.platform]
    got = [sent(platform, event, ORDER, labels=pixel.labels) for event in events]
    return [one.event for one in got if one]


@pytest.mark.parametrize("granted", STATES, ids=lambda some: "+".join(sorted(some)) or "nothing")
def test_each_event_reaches_the_platforms_whose_purposes_are_granted_and_no_other(
    granted: frozenset[str], meet: Callable[[str], Visitor]
) -> None:
    visitor = meet("Berlin")
    assert visitor.requests == []
    announce(visitor, "held")
    assert visitor.requests == []
    choose(visitor, granted)
    announce(visitor, "then", LATER)
    told: list[dict[str, Any]] = visitor.page.evaluate("told")
    for pixel in PIXELS:
        got = [str(hit["event"]) for hit in told if hit["platform"] == pixel.platform]
        assert got == expected(pixel, granted) + expected(pixel, granted, LATER), pixel
    asked = {url.partition("?")[0] for url in visitor.requests}
    wanted = {_library(pixel) for pixel in PIXELS if expected(pixel, granted)}
    assert asked & {_library(pixel) for pixel in PIXELS} == wanted
    if not wanted:
        assert visitor.requests == []
    assert [line for line in visitor.console if "stand-in" in line] == []


def test_after_a_withdrawal_nobody_gets_anything_and_nothing_is_left(
    meet: Callable[[str], Visitor], shop: Shop, snippet: str
) -> None:
    visitor = meet("Berlin")
    visitor.decide("accept")
    announce(visitor, "granted")
    assert len(visitor.cookies()) > len(PIXELS)
    with shop.serving(snippet):
        visitor.page.evaluate("window.before = 1; pixelgate('withdraw')")
        visitor.page.wait_for_function("!window.before && document.readyState == 'complete'")
    visitor.page.locator("#pixelgate").wait_for(state="attached")
    visitor.settle()
    visitor.forget()
    announce(visitor, "withdrawn")
    assert visitor.requests == []
    assert visitor.cookies() == {"pixelgate"}
    assert visitor.storage() == {"local": [], "session": [], "databases": [], "caches": []}


def test_the_file_of_each_pixel_is_what_the_service_knows(service: Service, snippet: str) -> None:
    shown = json.loads(service.consent("store", "show", "everyone", "--json"))
    assert [one["platform"] for one in shown["draft"]["pixels"]] == list(PLATFORMS)
    assert msgspec.convert(shown["draft"]["pixels"], list[Pixel]) == PIXELS
