"""When a day begins in a place: by its own clocks, as its law does.

The zones of countries are the IANA's (``zone.tab`` of the tzdata distribution, public domain).
Those of states, and of places that the table does not have, stand in
``consent/regimes/zones.toml``.
"""

from __future__ import annotations

import datetime as dt
import functools
import importlib.resources
from collections.abc import Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from consent.errors import DataError

SHIFT = 900
"""Seconds. Every zone is ahead of or behind UTC by a multiple of this, so no day begins between."""


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
