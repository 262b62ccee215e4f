"""What other rules would change, place by place, with what was and what would be side by side."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from consent.model import Place, Resolution, Rules, StoreConfig
from consent.regions import Regions
from consent.web.admin import standing, words

Row = tuple[str, str, str]
"""What changes, how it was, and how it would be."""

_SHOWN = 12
"""How many places are named before the rest is counted."""


class Effect(NamedTuple):
    """Places in which the same changes in the same way."""

    places: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def where(self) -> str:
        """``Oregon, Texas and 3 more places``."""
        more = len(self.places) - _SHOWN
        if more < 2:
            return words.listed(self.places)
        return f"{', '.join(self.places[:_SHOWN])} and {more} more places"


def of(
    regions: Regions, config: StoreConfig, before: Rules, after: Rules, now: dt.datetime
) -> list[Effect]:
    """Every change, those with most places first. ``config`` says what the rules leave open."""
    found: dict[tuple[Row, ...], list[str]] = {}
    for place in standing.places():
        on = standing.day(regions, place, now)
        old = regions.resolve(place, on=on, rules=before)
        new = regions.resolve(place, on=on, rules=after)
        rows = tuple(_rows(config, old, new))
        if rows:
            found.setdefault(rows, []).append(words.place(place.code))
    effects = [Effect(tuple(places), rows) for rows, places in found.items()]
    return sorted(effects, key=lambda one: (-len(one.places), one.places))


def loosened(regions: Regions, rules: Rules, now: dt.datetime) -> dict[str, list[str]]:
    """How each rule asks less than the law, by what it is called: ``regions.DE``."""
    found: dict[str, dict[str, list[str]]] = {}
    for place in regions.places(rules):
        on = standing.day(regions, place, now)
        for one in regions.loosened(place, on=on, rules=rules):
            where = found.setdefault(one.stated.called, {}).setdefault(one.said, [])
            where.append(words.place(place.code))
    return {
        called: [f"{Effect(tuple(places), ()).where}: {said}" for said, places in those.items()]
        for called, those in found.items()
    }


def reached(regions: Regions, key: str) -> Sequence[Place]:
    """The places that a rule for ``key`` speaks for where no nearer one does."""
    return [place for place in standing.places() if key in regions.keys(place)]


def _rows(config: StoreConfig, old: Resolution, new: Resolution) -> Iterator[Row]:
    for name, before, after in (
        ("Model", words.MODELS[old.regime.model], words.MODELS[new.regime.model]),
        ("Law", words.short(old.regime.name), words.short(new.regime.name)),
        ("A yes holds", f"{old.regime.accept_days} days", f"{new.regime.accept_days} days"),
        ("A no holds", f"{old.regime.refuse_days} days", f"{new.regime.refuse_days} days"),
        ("Banner", old.layout or config.banner.layout, new.layout or config.banner.layout),
        ("Purposes offered", _listed(old.purposes), _listed(new.purposes)),
        ("Pixels allowed", _pixels(old), _pixels(new)),
    ):
        if before != after:
            yield name, before, after


def _listed(names: Sequence[str]) -> str:
    return words.listed(names) or "none"


def _pixels(resolution: Resolution) -> str:
    return "all" if resolution.pixels is None else _listed(resolution.pixels)
