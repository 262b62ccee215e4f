"""One store for each layout of the banner, one without pixels, and pages of our own to stand on."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from itertools import product
from typing import Any

import pytest

from tests.e2e.service import PATIENCE, PUBLISHED, Service
from tests.e2e.shop import Shop
from tests.e2e.visitor import Visitor

LAYOUTS = ("bar", "box", "dialog")
# Those that differ most: long words, right to left, no spaces.
LANGUAGES = ("de", "ar", "ja")
SIZES = {
    "1280x800": {"width": 1280, "height": 800},
    "768x900": {"width": 768, "height": 900},
    "320x640": {"width": 320, "height": 640},
    # 1280 x 1024 at 400 % zoom (WCAG 2.2, 1.4.10)
    "320x256": {"width": 320, "height": 256},
}
BARE = """
key = "bare"
name = "A store that has registered no pixel yet"
origins = ["{origin}"]
"""
SHORT = '<main><h1>Summit Outdoor</h1><p>Tents and boots.</p><a href="#tent">A tent</a></main>'
LONG = (
    '<header><a href="#top">Summit Outdoor</a></header><main><h1>Boots</h1>'
    + "".join(
        f'<p>{"Made for wet ground and long days. " * 6}<a href="#{n}">Boot {n}</a></p>'
        for n in range(12)
    )
    + '</main><footer><a href="#legal">Legal</a> <a href="#jobs">Jobs</a> '
    '<a href="#last" class="end">Last</a></footer>'
    '<div class="own"><button type="button">Buy</button></div>'
)
LONG_STYLE = """
html { scroll-padding-bottom: 60px }
body { margin: 0; padding: 12px 12px 60px; font: 16px/1.6 sans-serif }
footer { display: flex; gap: 24px } .end { margin-left: auto }
.own { position: fixed; inset: auto 0 0; height: 48px; padding: 8px; background: #eee; z-index: 9 }
.own button { height: 32px } .own { text-align: right }
"""


class Stores:
    """Published stores, by layout; ``bare`` is the one without pixels."""

    def __init__(self, service: Service, shop: Shop) -> None:
        self._shop = shop
        texts = {"bare": BARE}
        for layout in LAYOUTS:
            text = PUBLISHED.replace('key = "summit"', f'key = "{layout}"')
            texts[layout] = f'{text}[banner]\nlayout = "{layout}"\n'
        paths = [service.folder / f"{key}.toml" for key in texts]
        for path, text in zip(paths, texts.values(), strict=True):
            path.write_text(text.format(origin=shop.origin), encoding="utf-8")
        for path in paths:
            service.consent("store", "import", str(path), "--publish")
        for key in texts:
            self._wait_for(f"{service.url}/s/{key}/loader.js")

    def _wait_for(self, url: str) -> None:
        """The service looks for what was published twice a second."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(url, timeout=PATIENCE):
                    return
            except urllib.error.HTTPError:
                time.sleep(0.1)
        raise AssertionError(f"{url}: still not there")

    def snippet(self, key: str) -> str:
        return self._shop.snippet.replace("/s/summit/", f"/s/{key}/")

    def show(
        self,
        visitor: Visitor,
        key: str,
        *,
        body: str = SHORT,
        style: str = "",
        language: str = "en",
        policy: str = "",
    ) -> None:
        """Opens a page of the shop's with the snippet of the store ``key``."""
        direction = "rtl" if language == "ar" else "ltr"
        html = (
            f'<!doctype html><html lang="{language}" dir="{direction}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width"><title>Summit</title>'
            f'<link rel="icon" href="data:,"><style nonce="abc123">{style}</style>'
            f"{self.snippet(key)}</head><body>{body}</body></html>"
        ).replace("<script>", '<script nonce="abc123">')
        self._shop.own["/stand"] = html
        self._shop.csp = policy
        try:
            visitor.visit(f"{self._shop.origin}/stand")
        finally:
            self._shop.csp = ""


def mixed(factors: dict[str, tuple[str, ...]], **soaked: tuple[str, ...]) -> list[Any]:
    """Every row of one value for each factor, as parameters: few now, all others in a soak.

    ``soaked`` are more values of a factor, for the soak alone.
    """
    few = pairwise(factors)
    every = product(*(values + soaked.get(name, ()) for name, values in factors.items()))
    others = [row for row in every if row not in few]
    return [*few, *(pytest.param(*row, marks=pytest.mark.soak) for row in others)]


def pairwise(factors: dict[str, tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Few rows of one value for each factor, such that any two values meet in some row."""
    rows = list(product(*factors.values()))

    def pairs(row: tuple[str, ...]) -> set[tuple[int, str, int, str]]:
        places = range(len(row))
        return {(i, row[i], j, row[j]) for i in places for j in places if i < j}

    chosen: list[tuple[str, ...]] = []
    left = set().union(*map(pairs, rows))
    while left:
        best = max(rows, key=lambda row: len(pairs(row) & left))
        chosen.append(best)
        left -= pairs(best)
    return chosen
