"""How codes and counts read in English: places, actions, moments, and a decision as a sentence."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import babel
import babel.core

from consent import data
from consent.model import CHOOSABLE, Action, Grants, Place, Record
from consent.rates import Outcome, Rate

ACTIONS: dict[Action, str] = {
    "accept_all": "Accept all",
    "reject_all": "Reject all",
    "save": "Save choices",
    "close": "Close banner",
    "gpc": "GPC signal",
    "withdraw": "Withdraw",
}
KINDS: dict[str, str] = {
    "all": "Everything accepted",
    "some": "Some accepted",
    "none": "Everything refused",
}
OUTCOMES: dict[Outcome, str] = {
    "accepted": "Accepted",
    "partly": "Partly",
    "declined": "Declined",
    "closed": "Closed",
    "gpc": "GPC",
    "no_choice": "No choice",
}
MODELS = {"opt-in": "opt-in", "opt-out": "opt-out", "notice": "notice only"}

_NOT_COUNTRIES = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}
_WITH_ARTICLE = frozenset(("AE", "BS", "CF", "DO", "FO", "GB", "GM", "KM", "KY", "MH")) | frozenset(
    ("MP", "MV", "NL", "PH", "SB", "TC", "UM", "US", "VG", "VI")
)


@functools.cache
def _countries() -> dict[str, str]:
    names = {str(code): str(name) for code, name in babel.Locale("en").territories.items()}
    return {
        code: name.replace(" SAR China", "")
        for code, name in names.items()
        if len(code) == 2 and code.isalpha() and code not in _NOT_COUNTRIES
    }


@functools.cache
def _subdivisions() -> dict[str, str]:
    return dict(data.read_json(Path(__file__).with_name("subdivisions.json")))


def place(code: str) -> str:
    """``California``, ``Germany``; the code itself where no name is known; ``Unknown place``."""
    if not code:
        return "Unknown place"
    if "-" in code:
        return _subdivisions().get(code, code)
    return _countries().get(code, code)


def country_of(code: str) -> str:
    """The country's name for a subdivision; empty for a country or an unknown place."""
    country, _, subdivision = code.partition("-")
    return place(country) if subdivision else ""


def in_place(code: str) -> str:
    """For the middle of a sentence: ``in the United States``, ``in California``."""
    if not code:
        return "at an unknown place"
    return f"in {'the ' if code in _WITH_ARTICLE else ''}{place(code)}"


def place_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """All places one can filter by, as groups of (code, name)."""
    groups = [
        ("Countries", sorted(_countries().items(), key=lambda item: item[1])),
        ("US states", _of_country("US")),
        ("Canadian provinces", _of_country("CA")),
    ]
    return [(title, list(choices)) for title, choices in groups]


def _of_country(country: str) -> list[tuple[str, str]]:
    return [item for item in _subdivisions().items() if item[0].startswith(f"{country}-")]


def language(code: str) -> str:
    """``German``, ``Portuguese (Brazil)``; the code as it came when it is not one."""
    try:
        return str(babel.Locale.parse(code, sep="-").get_display_name("en") or code)
    except (ValueError, TypeError, babel.core.UnknownLocaleError):
        return code


def day(at: dt.date) -> str:
    """``23 November 2026``."""
    return f"{at.day} {at:%B %Y}"


def short_day(at: dt.date) -> str:
    """``23 Nov``."""
    return f"{at.day} {at:%b}"


def date(at: dt.date) -> str:
    """``23 Nov 2026``."""
    return f"{at.day} {at:%b %Y}"


def clock(at: dt.datetime) -> str:
    return f"{at.astimezone(dt.UTC):%H:%M:%S}"


def percent(rate: Rate) -> str:
    """``38 %``; one decimal below ten per cent; a dash when there are too few for a rate."""
    if rate.share is None:
        return "–"
    value = rate.share * 100
    return f"{value:.1f} %" if 0 < value < 9.95 else f"{value:.0f} %"


def points(now: Rate, before: Rate) -> str | None:
    """The difference of two rates: ``+2.4 points``; None when one of them is too small."""
    if now.share is None or before.share is None:
        return None
    difference = round((now.share - before.share) * 100, 1)
    return f"{difference:+.1f} points".replace("-", "−") if difference else "unchanged"


def change(now: int, before: int) -> str | None:
    """The relative change of a count: ``+12 %``; None when the count before is too small."""
    if before < 10:
        return None
    difference = round((now - before) / before * 100)
    return f"{difference:+,d} %".replace("-", "−") if difference else "unchanged"


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def did(action: Action, grants: Grants) -> str:
    """What a visitor did, as the end of a sentence."""
    given = [p for p in CHOOSABLE if grants.of(p)]
    denied = [p for p in CHOOSABLE if not grants.of(p)]
    if action == "accept_all":
        return "accepted everything"
    if action == "reject_all":
        return "refused everything"
    if action == "withdraw":
        return "withdrew consent for everything"
    if action == "close":
        rest = f"allowed {listed(given)}" if given else "everything stayed refused"
        return f"closed the banner; {rest}" if not given else f"closed the banner, which {rest}"
    if action == "gpc":
        return f"was opted out of {listed(denied)} by the Global Privacy Control signal"
    if not denied:
        return "allowed every purpose one by one"
    if not given:
        return "refused every purpose one by one"
    return f"allowed {listed(given)} and refused {listed(denied)}"


def sentence(record: Record) -> str:
    """The decision as a sentence: when, where, what was shown, what was chosen."""
    shown = f"shown the {language(record.language)} banner of version {record.version}"
    if record.action == "gpc":
        shown = f"on a page under version {record.version}"
    return (
        f"On {day(record.at)} at {clock(record.at)} UTC a visitor {in_place(record.place.code)}"
        f"{_within(record.place)}, {shown}, {did(record.action, record.grants)}."
    )


def short(name: str) -> str:
    """A regime's name without what stands in brackets."""
    return name.partition(" (")[0]


def _within(place_: Place) -> str:
    country = country_of(place_.code)
    return f", {country}" if country else ""


FILTERS: dict[str, Any] = {
    "place_name": place,
    "country_of": country_of,
    "language_name": language,
    "day": day,
    "date": date,
    "short_day": short_day,
    "clock": clock,
    "percent": percent,
    "short": short,
}
"""What templates may use, by name."""
