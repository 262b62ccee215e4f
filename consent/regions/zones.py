"""When a day begins in a place: by its own clocks, as its law does.

The zones of countries are the IANA's (``zone.tab`` of the tzdata distribution, public domain).
Those of states, and of places that the table does not have, stand in
``consent/regimes/zones.toml``.
"""

from __future__ import annotations

import datetime as dt
import functools
import importlib.resources
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from consent.errors import DataError
from consent.model import Place

SHIFT = 900
"""Seconds. Every zone is ahead of or behind UTC by a multiple of this, so no day begins between."""
_REMEMBERED = 20_000


class ZonesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    zones: dict[str, tuple[str, ...]] = {}


class Zones:
    """The time zones of every place.

    Args:
        own: code of a country or a state to its zones; it stands before the IANA's table.
    """

    def __init__(self, own: Mapping[str, Sequence[str]]) -> None:
        self._zones = {code: tuple(map(ZoneInfo, names)) for code, names in own.items()}

    def day(self, codes: Sequence[str], at: dt.datetime) -> dt.date:
        """The day of the moment ``at`` in the place that ``codes`` name, most exact first.

        In a place with several zones the day begins where it begins first. UTC if none is known.
        """
        days = [at.astimezone(zone).date() for zone in self._of(codes)]
        return max(days, default=at.astimezone(dt.UTC).date())

    def _of(self, codes: Sequence[str]) -> tuple[ZoneInfo, ...]:
        for code in codes:
            if code not in self._zones and code in _iana():
                self._zones[code] = tuple(map(ZoneInfo, _iana()[code]))
            if code in self._zones:
                return self._zones[code]
        return ()


class _Shift(NamedTuple):
    """Which day it is where, from ``begin`` to before ``end``: no day begins in between."""

    begin: dt.datetime
    end: dt.datetime
    by_place: dict[Place, dt.date]


class Days:
    """The day in every place, remembered for as long as none begins anywhere.

    Args:
        zones: of every place.
        codes: gives those of a place, most exact first.
    """

    def __init__(self, zones: Zones, codes: Callable[[Place], Sequence[str]]) -> None:
        self._zones = zones
        self._codes = codes
        never = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._shift = _Shift(never, never, {})

    def day(self, place: Place, at: dt.datetime) -> dt.date:
        """As ``Zones.day`` gives it for the place's codes."""
        begin, end, days = self._shift
        if not begin <= at < end or len(days) >= _REMEMBERED:
            begin = dt.datetime.fromtimestamp(at.timestamp() // SHIFT * SHIFT, dt.UTC)
            days = {}
            self._shift = _Shift(begin, begin + dt.timedelta(seconds=SHIFT), days)
        day = days.get(place)
        if day is None:
            day = days[place] = self._zones.day(self._codes(place), at)
        return day


def faults(file: ZonesFile, name: str) -> Iterator[DataError]:
    """Zones that nobody knows, and places without one."""
    for code, zones in file.zones.items():
        for zone in zones:
            try:
                ZoneInfo(zone)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                fault = f"{zone!r} is no time zone; expected a name such as America/Chicago"
                yield DataError(name, f"zones.{code}", fault)
        if not zones:
            yield DataError(name, f"zones.{code}", "is empty; expected at least one time zone")


@functools.cache
def _iana() -> dict[str, list[str]]:
    """Country to its zones."""
    table = importlib.resources.files("tzdata.zoneinfo").joinpath("zone.tab")
    found: dict[str, list[str]] = {}
    for line in table.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            found.setdefault(country, []).append(zone)
    return found
