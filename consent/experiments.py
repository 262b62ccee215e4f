"""What an experiment has shown so far: counts of each variant, and what one may say of them.

Each variant is compared with the banner as it is, by three shares of visits: accepted, declined,
and answered at all. All comparisons of an experiment hold together with its ``confidence``, however
often one looks and whenever one stops (``difference``): each gets an equal part of the chance to be
wrong (Bonferroni). More accepts alone are no success: who only makes refusing harder gets them too,
so accepts never stand without declines.

One visitor may make several visits, and those who share a network and a browser see the same
variant on a day. Intervals take visits as independent of each other; where many come from few
networks, they are a little too narrow.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import counts, difference, stores, variants
from consent.difference import Bounds, Tally
from consent.model import CONTROL, Experiment, StoreConfig, Version
from consent.rates import Counts, Rate

Measured = Literal["accepted", "declined", "answered"]
MEASURED: tuple[Measured, ...] = ("accepted", "declined", "answered")

Standing = Literal["draft", "waiting", "running", "ended"]

UNEVEN = 0.05
"""So far, and farther than chance explains, visits may be from their planned parts. Those of one
network come together, which moves them a little."""
_CHANCE_OF_UNEVEN = 0.001
_BEGAN = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


class Arm(msgspec.Struct, frozen=True):
    """A variant with what was counted; ``key`` is ``control`` for the banner as it is."""

    key: str
    name: str
    planned: float
    """Its part of all visits."""
    counts: Counts

    def rate(self, measured: Measured) -> Rate:
        return Rate(int(getattr(self.counts, measured)), self.counts.visits)


class Compared(msgspec.Struct, frozen=True):
    """A variant beside the banner as it is. ``bounds``: how much larger each of its shares is;
    None where too few visits were counted.
    """

    arm: Arm
    bounds: Mapping[Measured, Bounds | None]
    more: int
    """About how many more visits it takes until there is something to say; 0: there is."""
    says: tuple[str, ...]


class Result(msgspec.Struct, frozen=True):
    """``planned``: visits, of all variants together."""

    config: StoreConfig
    standing: Standing
    since: dt.datetime | None
    planned: int
    visits: int
    arms: tuple[Arm, ...]
    compared: tuple[Compared, ...]
    uneven: str
    """Why none of it can be trusted; empty: the visits are split as planned."""

    @property
    def plan(self) -> Experiment:
        return self.config.experiment


def planned(config: StoreConfig) -> int:
    """How many visits to plan with, over all variants, so that a change that matters is told of
    each of them in ``power`` of all cases. Only for a plan without faults.
    """
    plan, parts = config.experiment, _parts(config)
    return max(
        difference.visits_needed(
            plan.expected / 100,
            plan.difference / 100,
            _alpha(config),
            plan.power / 100,
            (parts[CONTROL], parts[one.key]),
        )
        for one in config.variants
    )


def at_one_look(config: StoreConfig) -> int:
    """How many it would take, of two banners, to whoever looks at accepts alone, and just once."""
    plan = config.experiment
    share, change = plan.expected / 100, plan.difference / 100
    other = share + change if share < 0.5 else share - change
    alpha, power = 1 - plan.confidence / 100, plan.power / 100
    return 2 * difference.visits_at_one_look(share, max(0.0, other), alpha, power)


def _parts(config: StoreConfig) -> dict[str, float]:
    weights = {CONTROL: config.experiment.weight} | {v.key: v.weight for v in config.variants}
    whole = sum(weights.values())
    return {key: weight / whole for key, weight in weights.items()}


def _alpha(config: StoreConfig) -> float:
    """Of one comparison by one share."""
    wrong = 1 - config.experiment.confidence / 100
    return wrong / (len(MEASURED) * len(config.variants))


async def of_store(c: AsyncConnection, key: str, now: dt.datetime) -> list[Result]:
    """Every experiment that the store ``key`` has published, newest first."""
    found: dict[str, list[Version]] = {}
    every = await stores.every_version(c, key)
    for version in every:
        if version.config.experiment.key:
            found.setdefault(version.config.experiment.key, []).append(version)
    return [
        await _result(c, versions[0], versions[-1], versions[0] is every[0], now)
        for versions in found.values()
    ]


async def _result(
    c: AsyncConnection, last: Version, first: Version, live: bool, now: dt.datetime
) -> Result:
    config, until = last.config, now + dt.timedelta(hours=1)
    totals = await counts.totals_by(c, [last.store_id], _BEGAN, until, ("variant",))
    measures: dict[str, dict[str, int]] = {}
    for total in totals["variant"]:
        measures.setdefault(total.group, {})[total.measure] = total.n
    shown = {key: Counts.of(measures.get(last.counted_as(key), {})) for key in last.varied}
    return judged(config, shown, _standing(config.experiment, live, now.date()), first.published_at)


def _standing(plan: Experiment, live: bool, on: dt.date) -> Standing:
    if not live or (plan.ends and plan.ends <= on):
        return "ended"
    return "running" if plan.runs(on) else "waiting"


def judged(
    config: StoreConfig,
    shown: Mapping[str, Counts],
    standing: Standing = "draft",
    since: dt.datetime | None = None,
) -> Result:
    """What one may say of counts by variant. ``config`` has no faults."""
    names, parts = variants.names(config), _parts(config)
    arms = tuple(Arm(key, names[key], parts[key], shown.get(key, Counts())) for key in names)
    visits, wanted = sum(arm.counts.visits for arm in arms), planned(config)
    return Result(
        config,
        standing,
        since,
        wanted,
        visits,
        arms,
        tuple(_compared(config, arms[0], arm, visits, wanted) for arm in arms[1:]),
        _uneven(arms, visits, wanted),
    )


def _compared(config: StoreConfig, control: Arm, arm: Arm, visits: int, wanted: int) -> Compared:
    progress = max(visits, 1) / wanted
    pairs = {each: (_tally(control.rate(each)), _tally(arm.rate(each))) for each in MEASURED}
    alpha, matters = _alpha(config), config.experiment.difference / 100
    bounds = {
        each: difference.bounds(one, other, alpha, progress) for each, (one, other) in pairs.items()
    }
    accepted, more = bounds["accepted"], 0
    if accepted is None:
        more = max(1, wanted - visits)
    elif not accepted.told and not accepted.within(matters):
        soon = difference.visits_until_told(*pairs["accepted"], matters, alpha, progress)
        part = (control.counts.visits + arm.counts.visits) / visits
        more = max(1, wanted - visits, round(soon / part))
    says = tuple(_says(arm.name.partition(" ")[0], bounds, more, config.experiment.difference))
    return Compared(arm, bounds, more, says)


def _says(
    name: str, bounds: Mapping[Measured, Bounds | None], more: int, matters: int
) -> Iterator[str]:
    """Accepts first, and never without declines."""
    accepted, declined = bounds["accepted"], bounds["declined"]
    if accepted is None or declined is None or more:
        yield f"No difference can be told yet; about {more:,} more visits needed."
    elif accepted.told:
        yield f"{name} has {_moved('accepts', accepted)}."
    else:
        yield (
            f"No difference of the size you asked about: accepts differ by less than {matters} "
            f"points."
        )
    if declined is None:
        return
    if declined.told:
        yield f"{name} has {_moved('declines', declined)}."
    elif declined.within(matters / 100):
        yield f"Declines differ by less than {matters} points."
    elif accepted is not None and accepted.told:
        yield "Whether declines differ cannot be told yet."
    if declined.high < 0:
        yield (
            f"Fewer declines may also mean that refusing became harder to see or to understand. "
            f"Look at both banners before you keep {name}."
        )


def _moved(what: str, bounds: Bounds) -> str:
    low, high = sorted(abs(end) * 100 for end in bounds)
    return (
        f"{'more' if bounds.low > 0 else 'fewer'} {what}: between {low:.1f} and {high:.1f} points"
    )


def _tally(rate: Rate) -> Tally:
    return Tally(rate.n, rate.of)


def _uneven(arms: Sequence[Arm], visits: int, wanted: int) -> str:
    """Whether the visits are split otherwise than planned, and how."""
    if visits < difference.FEWEST * len(arms):
        return ""
    times = difference.factor(_CHANCE_OF_UNEVEN / len(arms), visits / wanted)
    for arm in arms:
        part = arm.counts.visits / visits
        far = times * (arm.planned * (1 - arm.planned) / visits) ** 0.5
        if abs(part - arm.planned) > max(far, UNEVEN):
            return (
                f"{arm.name} was seen in {part:.0%} of the visits; planned are {arm.planned:.0%}. "
                f"Something serves one variant to others too, such as a cache in between. Nothing "
                f"here can be trusted before that is found."
            )
    return ""


def facts(result: Result) -> dict[str, Any]:
    """``result`` as plain values, every rate with its counts."""
    return {
        "key": result.plan.key,
        "name": result.plan.name,
        "standing": result.standing,
        "since": result.since,
        "planned": result.planned,
        "visits": result.visits,
        "uneven": result.uneven,
        "variants": [
            {
                "key": arm.key,
                "name": arm.name,
                "planned": arm.planned,
                "visits": arm.counts.visits,
                "rates": {each: _rate(arm.rate(each)) for each in MEASURED},
            }
            for arm in result.arms
        ],
        "compared": [
            {
                "key": one.arm.key,
                "differences": {
                    each: bounds and bounds._asdict() for each, bounds in one.bounds.items()
                },
                "more": one.more,
                "says": list(one.says),
            }
            for one in result.compared
        ],
    }


def _rate(rate: Rate) -> dict[str, Any]:
    low, high = rate.interval or (None, None)
    return {"n": rate.n, "of": rate.of, "share": rate.share, "low": low, "high": high}
