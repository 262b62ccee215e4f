"""``consent store defaults``: what its script has Google take for granted, place by place."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from consent import defaults, storefile
from consent.model import Place, Version
from consent.regions import Regions
from consent.regions.files import is_code
from tests.e2e.visitor import DOUBLES

pytestmark = pytest.mark.browser

GRANTED, DENIED = "granted", "denied"
ON = dt.date(2026, 11, 25)
REGIONS = Regions.load()
TERRITORIES = ("GP", "MQ", "GF", "RE", "YT", "MF", "AX", "PR", "GU", "VI")
RULED = """
key = "summit"
name = "Summit"
origins = ["https://summit.example"]
[regions."US-CA"]
regime = "eea"
[regions.JP]
regime = "unknown"
[google]
ads_data_redaction = true
url_passthrough = true
"""
EVERYWHERE = sorted(
    {chr(a) + chr(b) for a in range(65, 91) for b in range(65, 91) if is_code(chr(a) + chr(b))}
    | set(REGIONS.subdivisions)
)


def version(toml: str) -> Version:
    config = storefile.parse(toml, "store.toml")
    return Version(1, 1, 3, "0" * 64, dt.datetime(2026, 11, 1, tzinfo=dt.UTC), config, 1)


def open_here(code: str, found: Version) -> bool:
    """Whether the regime of ``code`` lets everything run before a choice, now and for good."""
    place = Place(code[:2], code if "-" in code else None)
    rules = found.config.regions
    days = (ON, dt.date(2100, 1, 1))
    found = [REGIONS.resolve(place, on=on, rules=rules).regime for on in days]
    return all(regime.model != "opt-in" for regime in found)


def resolved(said: list[list[Any]], code: str) -> dict[str, str]:
    """What the documentation says of ``region``: the most specific wins, whatever the order."""
    state: dict[str, tuple[int, str]] = {}
    for command, word, types in said:
        if (command, word) != ("consent", "default"):
            continue
        region = types.get("region")
        exact = 0 if region is None else 2 if code in region else 1 if code[:2] in region else -1
        for name, value in types.items():
            if name not in ("region", "wait_for_update") and exact >= state.get(name, (0, ""))[0]:
                state[name] = (exact, value)
    return {name: value for name, (_, value) in state.items()}


STAND_IN = """([source, script, codes]) => codes.map((code) => {
  window.dataLayer = undefined;
  const said = new Function(script + '; return Array.from(dataLayer)')();
  const src = `https://www.googletagmanager.com/gtag/js?region=${code}`;
  Object.defineProperty(document, 'currentScript', { value: { src }, configurable: true });
  new Function(source)();
  delete document.currentScript;
  return [said.map((one) => Array.from(one)), { ...dataLayer.standIn }];
})"""


@pytest.fixture
def blank(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page()
    page.route(
        "**/*", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html")
    )
    page.goto("http://shop.example/")
    yield page
    page.close()


def evaluated(page: Page, found: Version, codes: list[str]) -> list[tuple[Any, dict[str, str]]]:
    """The commands, and what the stand-in makes of them, as seen from each place."""
    text = defaults.script(found, REGIONS, at=dt.datetime.combine(ON, dt.time(12), dt.UTC))
    assert text.startswith("<script>\n")
    body = text.removeprefix("<script>").removesuffix("</script>")
    assert "<" not in body
    source = (DOUBLES / "gtag.js").read_text(encoding="utf-8")
    answers = page.evaluate(STAND_IN, [source, body, codes])
    return [(said, state) for said, state in answers]


@pytest.mark.parametrize("toml", [RULED, RULED.partition("[regions")[0]], ids=["ruled", "plain"])
def test_the_printed_defaults_say_of_every_place_what_its_regime_says(
    toml: str, blank: Page
) -> None:
    complaints: list[str] = []
    blank.on("console", lambda message: complaints.append(message.text))
    found = version(toml)
    places = [code for code in EVERYWHERE if code[:2] not in {"XX", "ZZ"}]
    seen = evaluated(blank, found, places)
    for code, (said, state) in zip(places, seen, strict=True):
        wanted = dict.fromkeys(defaults.TYPES, GRANTED if open_here(code, found) else DENIED)
        wanted["security_storage"] = GRANTED
        assert resolved(said, code) == wanted, code
        assert state == wanted, code
    assert open_here("US-TX", found)
    assert not any(open_here(code, found) for code in TERRITORIES[:7])
    assert all(open_here(code, found) for code in TERRITORIES[7:])
    assert complaints == []


def test_the_printed_defaults_keep_to_googles_form(blank: Page) -> None:
    ((said, unknown), (_, california)) = evaluated(blank, version(RULED), ["", "US-CA"])
    assert set(unknown[name] for name in defaults.TYPES) == {DENIED}
    assert set(california[name] for name in defaults.TYPES) == {DENIED}
    assert [command[:2] for command in said] == [
        ["consent", "default"],
        ["consent", "default"],
        ["consent", "default"],
        ["set", "ads_data_redaction"],
        ["set", "url_passthrough"],
    ]
    everywhere, granted, denied = (command[2] for command in said[:3])
    assert "region" not in everywhere
    assert {one["wait_for_update"] for one in (everywhere, granted, denied)} == {500}
    provinces = [code for code in REGIONS.subdivisions if code[:2] == "CA" and code != "CA-QC"]
    countries = ["AS", "AU", "GU", "HK", "MP", "MX", "NZ", "PR", "UM", "US", "VI"]
    # Not Chile, whose law asks for consent from next week on.
    assert granted["region"] == sorted([*countries, *provinces])
    assert denied["region"] == ["US-CA"]


@pytest.mark.parametrize("before", ["gpc", "decided"])
def test_who_has_decided_or_sends_the_signal_is_denied_until_the_loader_speaks(
    before: str, blank: Page
) -> None:
    if before == "gpc":
        blank.evaluate("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
    else:
        blank.evaluate("document.cookie = 'pixelgate=1.x'")
    ((said, state),) = evaluated(blank, version(RULED), ["US-TX"])
    assert [command[0] for command in said] == ["consent", "set", "set"]
    assert {state[name] for name in defaults.TYPES} == {DENIED}
