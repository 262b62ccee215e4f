"""Which pixels run in a place, for visitors who have done different things, and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Literal, NamedTuple

from consent.decide import Asked, Decided, Outcome, consent_mode, decide, pixel_state
from consent.model import Grants, Pixel, Place, Purpose, Regime, Resolution, Version
from consent.platforms import Platforms
from consent.web.admin import words

Case = Literal["new", "gpc", "accepted", "refused"]
Word = Literal["runs", "limited", "held", "stopped", "not here"]

CASES: dict[Case, str] = {
    "new": "Before a choice",
    "gpc": "With GPC, before a choice",
    "accepted": "After accepting all",
    "refused": "After refusing all",
}
"""What a visitor has done, as the table is headed."""

SAID: dict[Word, str] = {
    "runs": "Runs",
    "limited": "Limited",
    "held": "Held",
    "stopped": "Stopped",
    "not here": "Not here",
}


class Cell(NamedTuple):
    """Whether a pixel runs in one case, and why."""

    word: Word
    why: str


class Firing(NamedTuple):
    """One pixel, and its cells in the order of ``CASES``."""

    name: str
    id: str
    purposes: tuple[Purpose, ...]
    cells: tuple[Cell, ...]


def every(
    platforms: Platforms, version: Version, resolution: Resolution, place: Place, now: dt.datetime
) -> list[Firing]:
    """Each registered pixel of ``version`` that this release knows, in the order of its file."""
    config, regime = version.config, resolution.regime
    refuses = resolution.offered(config.gpc.refuses)
    asked = Asked(version.number, version.asks_since, refuses, resolution.purposes)
    exempt = platforms.own_statistics(config.pixels, resolution)
    outcomes = {case: outcome(case, regime, asked, now) for case in CASES}
    advanced = consent_mode(regime, config.google) == "advanced"
    found = []
    for pixel in config.pixels:
        if not platforms.knows(pixel):
            continue
        purposes = platforms.purposes(pixel)
        limited = platforms.after_refusal(pixel, place.code, advanced=advanced) is not None
        here = _Here(pixel, purposes, resolution, limited, pixel.key in exempt)
        cells = tuple(_cell(case, outcomes[case], here) for case in CASES)
        found.append(Firing(platforms.of(pixel).name, pixel.id, purposes, cells))
    return found


def outcome(case: Case, regime: Regime, asked: Asked, now: dt.datetime) -> Outcome:
    """What follows for a visitor in that case."""
    if case in ("new", "gpc"):
        return decide(regime, asked, None, gpc=case == "gpc", now=now)
    grants = Grants.all(case == "accepted")
    decided = Decided(grants, now, asked.version, regime.model, gpc=False)
    return decide(regime, asked, decided, gpc=False, now=now)


class _Here(NamedTuple):
    """A pixel in the place: ``limited`` and ``exempt`` say what the vendor and the law let it."""

    pixel: Pixel
    purposes: tuple[Purpose, ...]
    resolution: Resolution
    limited: bool
    exempt: bool


def _cell(case: Case, found: Outcome, here: _Here) -> Cell:
    pixel, purposes, resolution = here.pixel, here.purposes, here.resolution
    if not resolution.allows(pixel.key, purposes):
        return Cell("not here", "; ".join(_shut_out(pixel, purposes, resolution)))
    model = resolution.regime.model
    state = pixel_state(
        found,
        purposes,
        opt_out="limit" if here.limited else "stop",
        model=model,
        gpc=case == "gpc",
        platform=pixel.key,
        own_statistics=here.exempt,
    )
    named = words.listed(purposes)
    if state == "run":
        if not found.grants.covers(purposes):
            return Cell("runs", "own statistics, until a refusal")
        return Cell("runs", _why_runs(case, named, model))
    if state == "limited":
        return Cell("limited", "the vendor's own limited mode")
    if case == "gpc" and model != "opt-in":
        refused = words.listed([p for p in purposes if not found.grants.of(p)])
        return Cell("stopped", f"the signal refuses {refused}")
    if case == "refused":
        return Cell("stopped", f"{named} refused")
    return Cell("held", f"waits for {named}")


def _why_runs(case: Case, named: str, model: str) -> str:
    if case == "accepted":
        return f"{named} granted"
    if case == "gpc":
        return "the signal does not refuse it in this store"
    return "until a refusal" if model == "opt-out" else "the law asks for a notice alone"


def _shut_out(pixel: Pixel, purposes: tuple[Purpose, ...], resolution: Resolution) -> Iterator[str]:
    if resolution.pixels is not None and pixel.key not in resolution.pixels:
        yield "a rule does not allow it here"
    missing = [p for p in purposes if p != "necessary" and p not in resolution.purposes]
    if missing:
        yield f"a rule does not offer {words.listed(missing)} here"
