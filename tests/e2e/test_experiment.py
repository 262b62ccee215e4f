"""Variants of a banner in a real browser: nothing is stored to tell visitors apart."""

from __future__ import annotations

import sqlite3
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tests.e2e.published import publish
from tests.e2e.service import Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import PLACES, Visitor

pytestmark = pytest.mark.browser

STORE = """
[[pixels]]
platform = "meta"
id = "123456789012345"
[experiment]
key = "spring"
[[variants]]
key = "box"
banner = {layout = "box"}
[variants.texts.en]
"banner.title" = "Cookies?"
"""
PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Summit</title>'
    '<link rel="icon" href="data:,">{snippet}</head><body><h1>Summit</h1><p>{n}</p></body></html>'
)
STORED = """async () => [
    document.cookie, localStorage.length, sessionStorage.length,
    (await indexedDB.databases()).length, (await caches.keys()).length,
]"""


@pytest.fixture(scope="module")
def pages(shop: Shop, service: Service) -> Iterator[tuple[str, str]]:
    snippet = publish(service, shop, "tried", STORE)
    paths = ("/tried-1", "/tried-2")
    for n, path in enumerate(paths):
        shop.own[path] = PAGE.format(snippet=snippet, n=n)
    yield f"{shop.origin}{paths[0]}", f"{shop.origin}{paths[1]}"
    for path in paths:
        del shop.own[path]


def agent_of(service: Service, variant: str) -> str:
    """A user agent whose browser gets that variant."""
    for n in range(60):
        agent = f"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/{n}"
        headers = {**PLACES["Berlin"], "User-Agent": agent}
        address = f"{service.url}/s/tried/loader.js?en,false"
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
            if f',"{variant}"]]' in answer.read().decode():
                return agent
    raise AssertionError(f"nobody gets {variant}")


def counted(service: Service) -> dict[tuple[str, str], int]:
    file = service.environ["CONSENT_DATABASE_URL"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(file)) as db:
        rows = db.execute("SELECT variant, measure, sum(n) FROM variant_counts GROUP BY 1, 2")
        return {(variant, measure): n for variant, measure, n in rows}


@pytest.mark.parametrize(
    ("variant", "layout", "title"),
    [("control", "bar", "Your privacy"), ("box", "box", "Cookies?")],
)
def test_a_visitor_sees_one_variant_with_nothing_stored_before_the_choice(
    visitor_from: Callable[..., Visitor],
    service: Service,
    pages: tuple[str, str],
    variant: str,
    layout: str,
    title: str,
) -> None:
    visitor = visitor_from("Berlin", user_agent=agent_of(service, variant))
    for address in (*pages, pages[0]):
        with visitor.page.expect_response(lambda one: one.url.endswith("/seen")) as seen:
            visitor.page.goto(address)
        assert seen.value.url == f"{service.url}/s/tried/~{variant}/seen"
        assert seen.value.status == 204
        shown = visitor.page.locator(f"#pixelgate .first.{layout}")
        assert shown.locator("h2").text_content() == title
        assert visitor.page.evaluate(STORED) == ["", 0, 0, 0, 0]
        assert visitor.context.cookies() == []
    assert visitor.requests == []

    visitor.decide("accept")
    (cookie,) = visitor.context.cookies()
    assert cookie["name"] == "pixelgate"
    assert variant not in cookie["value"]
    visitor.page.goto(pages[1])
    visitor.settle()
    assert visitor.page.evaluate("document.cookie").startswith("pixelgate=1.")
    wanted = {(f"spring/{variant}", "accepted"): 1, (f"spring/{variant}", "visit"): 3}
    deadline = time.monotonic() + 60
    while not wanted.items() <= (found := counted(service)).items():
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
