"""What holds in each place on a day: by the shipped law, by a store's rules, and what is coming."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator
from typing import NamedTuple

from consent.model import Place, Regime, Resolution, Rules
from consent.regions import Regions
from consent.web.admin import words, worldmap

UNKNOWN = "unknown"
"""What an address calls the place that nobody knows."""

AREAS = {
    "@us": "United States",
    "@ca": "Canada",
    "@eea": "European Economic Area",
    "": "Everywhere else",
    UNKNOWN: "Not known",
}
"""The parts of the table, by the group that a place is in."""


class Coming(NamedTuple):
    """A day on which other rules begin."""

    on: dt.date
    before: Regime
    after: Regime


class Standing(NamedTuple):
    """One place. ``shipped``: what holds there without any rule of the store."""

    code: str
    resolution: Resolution
    shipped: Resolution
    groups: tuple[str, ...]
    coming: Coming | None

    @property
    def name(self) -> str:
        return words.place(self.code)

    @property
    def address(self) -> str:
        """What an address calls it."""
        return self.code or UNKNOWN

    @property
    def area(self) -> str:
        if not self.code:
            return UNKNOWN
        return next((group for group in AREAS if group in self.groups), "")

    @property
    def regime(self) -> Regime:
        return self.resolution.regime

    @property
    def kind(self) -> worldmap.Kind:
        regime = self.regime
        own = "regime" in dict(self.resolution.given)
        careful = self.resolution.matched == "*" or regime.id.endswith("-precaution")
        return "precaution" if regime.model == "opt-in" and careful and not own else regime.model

    @property
    def sign(self) -> worldmap.Sign:
        if self.regime.looser:
            return "looser"
        return "own" if self.resolution.given else ""


def place_of(address: str) -> Place | None:
    """The place that an address calls ``US-OR`` or ``unknown``; None when there is none."""
    if address == UNKNOWN:
        return Place()
    if not words.is_place(address):
        return None
    country, hyphen, _ = address.partition("-")
    return Place(country, address if hyphen else None)


def every(regions: Regions, rules: Rules, now: dt.datetime) -> list[Standing]:
    """All places by name, each on the day that it is there; the unknown one last."""
    return [at(regions, rules, place, day(regions, place, now)) for place in places()]


@functools.cache
def places() -> tuple[Place, ...]:
    """Every place that has a name here, by name; the unknown one last."""
    codes = sorted({**words.countries(), **words.subdivisions()}, key=words.place)
    return tuple(place_of(code) or Place() for code in (*codes, UNKNOWN))


def day(regions: Regions, place: Place, now: dt.datetime) -> dt.date:
    return regions.day(place, now)


def at(regions: Regions, rules: Rules, place: Place, on: dt.date) -> Standing:
    """What holds at one place on that day."""
    resolution = regions.resolve(place, on=on, rules=rules)
    shipped = regions.resolve(place, on=on)
    coming = next(changes(regions, rules, place, on), None)
    return Standing(place.code, resolution, shipped, regions.keys(place), coming)


def changes(regions: Regions, rules: Rules, place: Place, on: dt.date) -> Iterator[Coming]:
    """Each day after ``on`` on which other rules begin at ``place``, earliest first."""
    before = regions.resolve(place, on=on, rules=rules).regime
    layers = (layer for _, layer in rules.layers)
    ends = {rule.until for layer in layers for rule in layer.values() if rule.until}
    for day in sorted({*regions.days_of_change, *ends}):
        if day <= on:
            continue
        after = regions.resolve(place, on=day, rules=rules).regime
        if after.sha256 != before.sha256:
            yield Coming(day, before, after)
            before = after
