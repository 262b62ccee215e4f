"""What a new visitor gets: one case, or one for every code that the regime files name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from consent.decide import Asked, Outcome, consent_mode, decide, pixel_state
from consent.model import CHOOSABLE, GoogleConfig, Place, Resolution, Rules, Version
from consent.platforms import Platforms
from consent.regions import Regions

REST = "*"
"""What the table calls every country that no file names."""
UNKNOWN = "null"
"""What the table calls the place of a visitor of whom nothing is known."""
_SOMEWHERE = "QQ"
"""A code that ISO 3166 leaves to its users for ever, so no file will name it."""


class Files(NamedTuple):
    """The data files that decide what a visitor gets."""

    platforms: Platforms
    regions: Regions


class Case(NamedTuple):
    """One visitor: where, when, with which signal, in which store if in one."""

    place: Place
    on: dt.date
    gpc: bool
    version: Version | None


class Answer(NamedTuple):
    """What the visitor gets, and why."""

    resolution: Resolution
    outcome: Outcome
    pixels: list[dict[str, str]]
    unverified: tuple[str, ...]


def answer(case: Case, known: Files) -> Answer:
    """What a visitor without a decision gets at noon of the day."""
    rules = case.version.rules if case.version is not None else Rules()
    resolution = known.regions.resolve(case.place, on=case.on, rules=rules)
    outcome = _outcome(case, resolution)
    pixels = _pixels(case, resolution, outcome, known)
    doubts = known.regions.unverified(resolution.regime.id, case.place, on=case.on)
    return Answer(resolution, outcome, pixels, doubts)


def rows(
    known: Files, case_of: Callable[[Place], Case], *, unverified: bool
) -> list[dict[str, Any]]:
    """The facts of every code, then of every group. ``unverified``: those in doubt alone."""
    codes = [_row(code, case_of(_place(code)), known) for code in _codes(known.regions)]
    if unverified:
        return [row for row in codes if row["unverified"]]
    by_code = {row["code"]: row for row in codes}
    groups = sorted(known.regions.groups.items())
    return [
        *codes,
        *(_group(f"@{name}", [by_code[one] for one in sorted(group)]) for name, group in groups),
    ]


def _codes(regions: Regions) -> Iterator[str]:
    yield from regions.codes
    yield from (REST, UNKNOWN)


def _place(code: str) -> Place:
    if code == UNKNOWN:
        return Place()
    country = _SOMEWHERE if code == REST else code[:2]
    return Place(country, code if "-" in code else None)


def _row(code: str, case: Case, known: Files) -> dict[str, Any]:
    said = facts(case, answer(case, known))
    named = {REST: "every other country", UNKNOWN: "nothing is known"}
    why = said["why"].removeprefix(f"{_SOMEWHERE}: ").replace(_SOMEWHERE, "the country")
    name = named.get(code) or known.regions.name(code)
    return {"code": code, **said, "place": code, "why": why, "place_name": name}


def _group(code: str, members: list[dict[str, Any]]) -> dict[str, Any]:
    """What all members have in common; None where they differ."""

    def common(field: str) -> Any:
        values = [row[field] for row in members]
        return values[0] if values.count(values[0]) == len(values) else None

    fields = ("regime", "model", "gpc", "banner", "accept_days", "refuse_days", "confidence")
    said = {field: common(field) for field in fields}
    return {"code": code, "place": code, **said, "members": [row["code"] for row in members]}


def _outcome(case: Case, resolution: Resolution) -> Outcome:
    version = case.version
    asked = (
        Asked(
            version.number,
            version.asks_since,
            resolution.offered(version.config.gpc.refuses),
            resolution.purposes,
        )
        if version is not None
        else Asked(1, 1)
    )
    noon = dt.datetime.combine(case.on, dt.time(12), dt.UTC)
    return decide(resolution.regime, asked, None, gpc=case.gpc, now=noon)


def _pixels(
    case: Case, resolution: Resolution, outcome: Outcome, known: Files
) -> list[dict[str, str]]:
    """Each registered pixel of the store, and whether it runs."""
    pixels = case.version.config.pixels if case.version is not None else ()
    exempt = known.platforms.own_statistics(pixels, resolution)
    return [
        {
            "platform": pixel.platform,
            "id": pixel.id,
            "state": pixel_state(
                outcome,
                known.platforms.purposes(pixel),
                opt_out=pixel.opt_out,
                model=resolution.regime.model,
                gpc=case.gpc,
                own_statistics=pixel.key in exempt,
            )
            if resolution.allows(pixel.key, known.platforms.purposes(pixel))
            else "not here",
        }
        for pixel in pixels
    ]


def facts(case: Case, found: Answer) -> dict[str, Any]:
    """The case and its answer as JSON has them."""
    resolution, outcome, regime = found.resolution, found.outcome, found.resolution.regime
    return {
        "regime": regime.id,
        "model": regime.model,
        "gpc": regime.gpc_duty,
        "law": "; ".join(regime.law),
        "why": resolution.why,
        "banner": outcome.show,
        "purposes": {
            "necessary": True,
            **{purpose: outcome.grants.of(purpose) for purpose in CHOOSABLE},
        },
        "name": regime.name,
        "matched": resolution.matched,
        "source": regime.source,
        "reviewed": regime.reviewed,
        "confidence": regime.confidence,
        "place": case.place.code,
        "date": case.on,
        "signal": case.gpc,
        "duties": regime.duties,
        "accept_days": regime.accept_days,
        "refuse_days": regime.refuse_days,
        "offered": resolution.purposes,
        "layout": _layout(case, resolution),
        "rules": dict(resolution.given),
        "looser": regime.looser,
        "consent_mode": consent_mode(regime, google(case)),
        "own_statistics": regime.own_statistics,
        "unverified": found.unverified,
        "pixels": found.pixels,
    }


def _layout(case: Case, resolution: Resolution) -> str | None:
    if resolution.layout or case.version is None:
        return resolution.layout
    return case.version.config.banner.layout


def google(case: Case) -> GoogleConfig:
    """The settings of the case's store, or those that a store has to begin with."""
    return case.version.config.google if case.version is not None else GoogleConfig()
