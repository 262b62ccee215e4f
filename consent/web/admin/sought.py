"""Which records a page of the ledger is about, as its address says."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo

from consent.filters import LedgerFilter
from consent.model import Action
from consent.web.admin import periods, words
from consent.web.services import Services

FIELDS = (
    *("store", "from", "until", "place", "choice", "action"),
    *("from_time", "until_time", "zone", "regime", "version", "language", "visitor", "looser"),
)
"""What an address can filter by. The first six are always seen, the others folded in."""

FOLDED = FIELDS[6:]
ZONES = (
    *("UTC", "Europe/London", "Europe/Berlin", "Europe/Athens"),
    *("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"),
    *("America/Toronto", "America/Sao_Paulo", "Asia/Tokyo", "Australia/Sydney"),
)
"""The zones that are offered; any other of the IANA's is taken as well."""


class Sought(NamedTuple):
    """What an address means. ``kept``: its fields that are not empty. ``faults``, by field."""

    filter: LedgerFilter
    zone: ZoneInfo
    kept: dict[str, str]
    faults: dict[str, str]


def read(query: Mapping[str, str], stores: tuple[str, ...] | None, services: Services) -> Sought:
    """The filter that an address means, and what is wrong with it.

    Args:
        query: the fields of the address.
        stores: keys of the stores that are meant; None for all.
        services: what regimes, languages and groups of places there are.
    """
    kept = {name: query[name] for name in FIELDS if query.get(name)}
    zone, faults = _zone(kept.get("zone", ""))
    since, until, wrong = _moments(kept, zone)
    faults |= wrong | _unknown(kept, services)
    if faults:
        return Sought(LedgerFilter(stores=()), zone, kept, faults)
    version, visitor = kept.get("version"), kept.get("visitor")
    filter_ = LedgerFilter(
        stores=stores,
        since=since,
        until=until,
        places=_places(kept["place"], services) if "place" in kept else None,
        action=cast(Action | None, kept.get("action")),
        kind=cast(Any, kept.get("choice")),
        regime=kept.get("regime"),
        looser="looser" in kept,
        version=int(version) if version else None,
        language=kept.get("language"),
        visitor=uuid.UUID(visitor) if visitor else None,
    )
    return Sought(filter_, zone, kept, faults)


def choices(services: Services, on: dt.date) -> dict[str, Any]:
    """What the fields offer."""
    groups = [(f"@{name}", group_name(name)) for name in sorted(services.regions.groups)]
    languages = [(code, words.language(code)) for code in services.texts.languages]
    return {
        "places": [("Groups", groups), *words.place_choices(), ("Other", [("unknown", "Unknown")])],
        "regimes": [(id_, words.regime(services.regions, id_, on)) for id_ in services.regions.ids],
        "languages": sorted(languages, key=lambda one: one[1]),
        "zones": ZONES,
        "actions": words.ACTIONS,
        "kinds": words.KINDS,
    }


def group_name(name: str) -> str:
    """``EEA``, ``US states``: a group's key as people read it."""
    return " ".join(
        part.upper() if len(part) < 4 and part != "and" else part for part in name.split("-")
    )


def _places(place: str, services: Services) -> tuple[str, ...]:
    if place == "unknown":
        return ("",)
    if place.startswith("@"):
        return tuple(sorted(services.regions.groups[place[1:]]))
    return (place,)


def _zone(text: str) -> tuple[ZoneInfo, dict[str, str]]:
    try:
        return ZoneInfo(text or "UTC"), {}
    except (ValueError, OSError, KeyError):
        fault = f"found {text[:40]!r}; expected one such as Europe/Berlin"
        return ZoneInfo("UTC"), {"zone": fault}


def _moments(
    kept: Mapping[str, str], zone: ZoneInfo
) -> tuple[dt.datetime | None, dt.datetime | None, dict[str, str]]:
    """From when on and until when, as aware UTC. A last minute or day counts as a whole."""
    first, last, faults = periods.days(kept)
    moments: dict[str, dt.datetime | None] = {}
    for name, day in (("from", first), ("until", last)):
        text = kept.get(f"{name}_time", "")
        time = _time(text)
        if text and time is None:
            faults[f"{name}_time"] = f"found {text[:20]!r}; expected one such as 14:30"
        if text and name not in kept:
            faults[f"{name}_time"] = "found without its day; expected both"
        if day is None:
            moments[name] = None
            continue
        whole = dt.timedelta(minutes=1) if time else dt.timedelta(days=1)
        local = dt.datetime.combine(day, time or dt.time())
        local += whole if name == "until" else dt.timedelta()
        moments[name] = local.replace(tzinfo=zone).astimezone(dt.UTC)
    since, until = moments["from"], moments["until"]
    if since and until and until <= since and not faults:
        faults["until_time"] = "is before the first moment; expected a later one"
    return since, until, faults


def _time(text: str) -> dt.time | None:
    try:
        return dt.time.fromisoformat(text) if len(text) == 5 else None
    except ValueError:
        return None


def _unknown(kept: Mapping[str, str], services: Services) -> dict[str, str]:
    """What is wrong with each field that takes one of some words."""
    place = kept.get("place", "")
    known_place = words.is_place(place) or place[1:] in services.regions.groups
    checks = {
        "place": (known_place or place == "unknown", "a country such as DE, a state or a province"),
        "choice": (kept.get("choice") in words.KINDS, words.listed(list(words.KINDS), "or")),
        "action": (kept.get("action") in words.ACTIONS, words.listed(list(words.ACTIONS), "or")),
        "regime": (kept.get("regime") in services.regions.ids, ", ".join(services.regions.ids)),
        "language": (kept.get("language") in services.texts.languages, "a language such as pt-BR"),
        "version": (_is_number(kept.get("version", "")), "a version's number such as 3"),
        "visitor": (_is_uuid(kept.get("visitor", "")), "a visitor's id: 32 hexadecimal digits"),
        "looser": (kept.get("looser") == "yes", "yes"),
    }
    return {
        name: f"found {kept[name][:40]!r}; expected {expected}"
        for name, (holds, expected) in checks.items()
        if name in kept and not holds
    }


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < len(text) < 10


def _is_uuid(text: str) -> bool:
    try:
        return bool(uuid.UUID(text))
    except ValueError:
        return False
