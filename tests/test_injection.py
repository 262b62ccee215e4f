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


def hostile(path: tuple[Any, ...], text: str) -> dict[str, Any]:
    """The store with ``text`` at ``path``."""
    content = copy.deepcopy(CONTENT)
    *above, last = path[:-1] if path[-1] == KEY else path
    inner: Any = content
    for part in above:
        inner = inner[part]
    if path[-1] == KEY:
        inner[text] = inner.pop(last)
    else:
        inner[last] = text
    return content


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer(Regions.load(), Platforms.load(), Texts.load())


def scripts(composer: Composer, config: StoreConfig, place: Place) -> Iterator[str]:
    published = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    version = Version(1, 1, 1, "0" * 64, published, config, 1)
    at = Regions.load().resolve(place, on=ON, rules=version.rules)
    yield composer.loader(version, at, place, "en", gpc=False, first=True)
    yield composer.preferences(version, at, "en")
    yield composer.custom(version)
    yield composer.debug(version, at, place)


def test_every_kind_of_text_is_tried() -> None:
    assert len(PLACES) > 25
    assert (
        publish.check(
            storefile.read(CONTENT, "store.toml"),
            Platforms.load(),
            Regions.load(),
            Texts.load(),
            on=ON,
            draft=True,
        )
        == []
    )


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path))[:60])
def test_no_text_leaves_its_place(composer: Composer, path: tuple[Any, ...]) -> None:
    files = (Platforms.load(), Regions.load(), Texts.load())
    for text in PAYLOADS:
        try:
            config = storefile.read(hostile(path, text), "store.toml")
        except DataError:
            continue
        if publish.check(config, *files, on=ON, draft=True):
            continue
        assert storefile.parse(storefile.to_toml(config), "store.toml") == config
        for script in scripts(composer, config, Place("DE", None, "header")):
            assert BROKEN_OUT.search(script) is None, (path, text)
