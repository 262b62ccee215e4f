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
from consent.errors import ConsentError
from consent.model import CHOOSABLE, Action, Place, Record
from consent.rates import Outcome, Rate
from consent.regions import Regions

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


def countries() -> dict[str, str]:
    """Every country by its code, and what it is called."""
    return dict(_countries())


def subdivisions() -> dict[str, str]:
    """Every state and province by its code, and what it is called."""
    return dict(_subdivisions())


def is_place(code: str) -> bool:
    """Whether ``code`` is a country or a subdivision that has a name here."""
    return code in _countries() or code in _subdivisions()


def place(code: str) -> str:
    """``California``, ``Germany``, also for a subdivision without a name here; never a code."""
    if not code:
        return "Unknown place"
    if code in _subdivisions():
        return _subdivisions()[code]
    return _countries().get(code.partition("-")[0], "Place without a name")


def beside_place(code: str) -> str:
    """What stands small beside ``place``: the country of a subdivision, or a code without a name.

    Empty for a country and for an unknown place.
    """
    if not code or code in _countries():
        return ""
    return place(code.partition("-")[0]) if code in _subdivisions() else code


def in_place(code: str) -> str:
    """For the middle of a sentence: ``in the United States``, ``in California``."""
    if not code:
        return "at an unknown place"
    country = code.partition("-")[0]
    if not is_place(code) and country not in _countries():
        return f"at a place without a name ({code})"
    article = "the " if code not in _subdivisions() and country in _WITH_ARTICLE else ""
    return f"in {article}{place(code)}"


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


def interval(rate: Rate) -> str:
    """``36–40 %``: between which the true rate lies; empty when there are too few for a rate."""
    if rate.interval is None:
        return ""
    low, high = (round(end * 100, 1) for end in rate.interval)
    if high - low >= 1:
        return f"{low:.0f}–{high:.0f} %"
    return f"{low:.1f}–{high:.1f} %"


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


def listed(words: Sequence[object], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    texts = [str(word) for word in words]
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} {last} {texts[-1]}"


def did(record: Record) -> str:
    """What a visitor did, as the end of a sentence. It says no more than the record holds.

    Why a purpose was left off is not in it: the visitor may have done it, or the browser's signal.
    """
    action, grants = record.action, record.grants
    given = [p for p in CHOOSABLE if grants.of(p)]
    denied = [p for p in CHOOSABLE if not grants.of(p)]
    if action == "accept_all":
        return "accepted everything"
    if action == "reject_all":
        return "refused everything"
    if action == "withdraw":
        return "withdrew consent for everything"
    if not denied:
        stands = "everything is allowed"
    elif not given:
        stands = "nothing is allowed"
    else:
        stands = f"{listed(given)} allowed, {listed(denied)} not"
    if record.refused:
        stands += f", {listed(record.refused)} refused by name"
    if action == "close":
        return f"closed the first layer: {stands}"
    if action == "gpc":
        return f"was answered for by the Global Privacy Control signal: {stands}"
    if record.gpc_header or record.gpc_property:
        stands += ", and the browser sent the Global Privacy Control signal"
    return f"saved a choice: {stands}"


def sentence(record: Record) -> str:
    """The decision as a sentence: when, where, under which version, what was chosen."""
    page = f"under version {record.version} in {language(record.language)}"
    return (
        f"On {day(record.at)} at {clock(record.at)} UTC a visitor {in_place(record.place.code)}"
        f"{_within(record.place)}, {page}, {did(record)}."
    )


def as_sentence(text: str) -> str:
    """The detail of an error as a sentence: a capital at its beginning, a full stop."""
    return stopped(first_up(text))


def stopped(text: str) -> str:
    """``text`` with one full stop at its end, also where it is a name such as ``X Corp.``."""
    return text if text.endswith(".") else f"{text}."


def regime(regions: Regions, id_: str, on: dt.date, place_: Place | None = None) -> str:
    """The regime's short name; its id when this release does not have it any more."""
    try:
        return short(regions.regime(id_, place_ or Place(), on=on).name)
    except ConsentError:
        return id_


def short(name: str) -> str:
    """A regime's name without what stands in brackets."""
    return name.partition(" (")[0]


def _within(place_: Place) -> str:
    beside = beside_place(place_.code)
    return f", {beside}" if beside in _countries().values() else ""


def first_up(text: str) -> str:
    """``text`` with a capital at its beginning."""
    return f"{text[:1].upper()}{text[1:]}"


FILTERS: dict[str, Any] = {
    "first_up": first_up,
    "place_name": place,
    "beside_place": beside_place,
    "language_name": language,
    "day": day,
    "date": date,
    "short_day": short_day,
    "clock": clock,
    "percent": percent,
    "interval": interval,
    "short": short,
    "sentence": as_sentence,
    "stopped": stopped,
}
"""What templates may use, by name."""
