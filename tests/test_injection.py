"""Every text of a store's file as somebody hostile writes it: refused, or a text to the end."""

from __future__ import annotations

import copy
import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import pytest

from consent import publish, storefile
from consent.compose import Composer
from consent.embeds import Embeds
from consent.errors import DataError
from consent.model import Place, StoreConfig, Version
from consent.platforms import Platforms
from consent.regions import Regions
from consent.texts import Texts

ON = dt.date(2026, 3, 2)
FILE = """
key = "summit"
name = "Summit"
origins = ["https://summit.example"]
privacy_url = "https://summit.example/privacy"
group = ""
[[pixels]]
platform = "google-ads"
id = "AW-123456789"
labels = { Purchase = "abCDeFGhij" }
[[pixels]]
platform = "custom"
id = "map"
purposes = ["analytics"]
[pixels.custom]
name = "Map"
vendor = "Maps"
privacy_url = "https://maps.example/privacy"
script = "https://maps.example/m.js"
hosts = { script = ["maps.example"] }
[regions."US-CA"]
regime = "us-ca"
reason = "because"
[banner]
accent = "#1d4f91"
logo = "/logo.svg"
light = { background = "#ffffff", text = "#17191c" }
[gpc]
refuses = ["marketing"]
[cookie]
domain = "summit.example"
[texts.en]
"banner.title" = "Your privacy"
"gpc.honoured" = "Your signal counts"
"content.text" = "Nothing came from {host}, {vendor}"
[experiment]
key = "spring"
name = "Fewer words"
[[variants]]
key = "short"
name = "Short"
banner = { layout = "box", accent = "#1a5fb4", logo = "/small.svg", light = { text = "#000000" } }
[variants.texts.en]
"banner.text" = "May we use cookies ({count})?"
"""
PAYLOADS = (
    '"-alert(1)-"',
    "</script><script>alert(1)//",
    "<!--<script>",
    "x\u2028alert(1)//",
    "{{ 4179*7 }}{% print(4179*7) %}",
    '\\"-alert(1)//',
    "x\r\nSet-Cookie: a=b",
    "'; script-src *; x",
    "}</style><style>*{display:none}",
    "javascript:alert(1)//",
)
BROKEN_OUT = re.compile(r'</script|<!--|[\u2028\r]|(?<!\\)"-alert|(?<!\\)\\\\"-alert|29253')


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a text: of each value, and of each key that is not ours to choose."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if path and path[-1] in ("regions", "labels", "texts", "en"):
                yield (*path, key, KEY)
            yield from paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*path, index))
    elif isinstance(value, str):
        yield path


KEY = "(the key)"
"""The end of a path that means the key before it."""
CONTENT = storefile.plain(storefile.parse(FILE, "store.toml"))
PLACES = [*paths(CONTENT)]


def hostile(path: tuple[Any, ...], text: str) -> Iterator[dict[str, Any]]:
    """The store with ``text`` at ``path``: in place of what is there, and behind it."""
    *above, last = path[:-1] if path[-1] == KEY else path
    for beginning in (False, True):
        content = copy.deepcopy(CONTENT)
        inner: Any = content
        for part in above:
            inner = inner[part]
        if path[-1] == KEY:
            inner[f"{last if beginning else ''}{text}"] = inner.pop(last)
        else:
            inner[last] = f"{inner[last] if beginning else ''}{text}"
        yield content


def accepted(content: dict[str, Any]) -> StoreConfig | None:
    """The store of this file; None where it is refused."""
    try:
        config = storefile.read(content, "store.toml")
    except DataError:
        return None
    files = (Platforms.load(), Regions.load(), Texts.load())
    return None if publish.check(config, *files, on=ON, draft=True) else config


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer(Regions.load(), Platforms.load(), Texts.load(), Embeds.load())


def scripts(composer: Composer, config: StoreConfig, place: Place) -> Iterator[str]:
    published = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    own = Version(1, 1, 1, "0" * 64, published, config, 1)
    at = Regions.load().resolve(place, on=ON, rules=own.rules)
    for version in (own, *own.varied.values()):
        yield composer.loader(version, at, place, "en", gpc=False, first=True)
        yield composer.choices(version, at, "en")
    yield composer.preferences(own, at, "en")
    yield composer.optout(own, at, "en")
    yield composer.content(own, at, "en")
    yield composer.custom(own)
    yield composer.debug(own, at, place)


def test_every_kind_of_text_is_tried(composer: Composer) -> None:
    """The store is accepted as it is, and all its own words stand in scripts."""
    assert len(PLACES) > 40
    config = accepted(CONTENT)
    assert config is not None
    own = [*config.texts["en"].values(), *config.variants[0].texts["en"].values()]
    found = [*scripts(composer, config, Place("DE", None, "header"))]
    for words in own:
        assert any(words.partition("{")[0] in script for script in found), words


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path))[:60])
def test_no_text_leaves_its_place(composer: Composer, path: tuple[Any, ...]) -> None:
    for text in PAYLOADS:
        for content in hostile(path, text):
            config = accepted(content)
            if config is None:
                continue
            assert storefile.parse(storefile.to_toml(config), "store.toml") == config
            for script in scripts(composer, config, Place("DE", None, "header")):
                assert BROKEN_OUT.search(script) is None, (path, text)


@pytest.mark.parametrize("path", [path for path in PLACES if "texts" in path and path[-1] != KEY])
def test_a_stores_own_words_are_taken_however_hostile(path: tuple[Any, ...]) -> None:
    """So the test above has something to find in them."""
    taken = [text for text in PAYLOADS if any(map(accepted, hostile(path, text)))]
    assert "</script><script>alert(1)//" in taken
