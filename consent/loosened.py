"""The report of every rule that is, will be or was looser than the law, over all stores."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import stores
from consent.model import Approval, Place, Rules, Version
from consent.regions import Regions
from consent.stores import Draft

State = Literal["in force", "coming", "past"]


class Loose(msgspec.Struct, frozen=True):
    """One rule that a lawyer has allowed, in one store."""

    store: str
    rule: str
    """``regions.DE``, or ``group outdoor: regions.DE``."""
    what: tuple[str, ...]
    """How each of its fields is looser, and where."""
    reason: str
    by: str
    on: dt.date
    until: dt.date | None
    state: State
    since: dt.datetime | None
    """When the first version with it was published; None: none was yet."""
    versions: tuple[int, int] | None
    """The numbers of the first and the last version with it."""


async def report(
    c: AsyncConnection, regions: Regions, *, on: dt.date, keys: Sequence[str] | None = None
) -> list[Loose]:
    """Those in force on that day, then the coming and the past ones; by store.

    Coming are those that stand in a draft alone. Past are those whose end has come, and those that
    a later version has no more.

    Args:
        c: a connection.
        regions: the law.
        on: the day.
        keys: of the stores to look at; None: all.
    """
    found: list[Loose] = []
    for key, draft in (await stores.all_drafted(c, keys)).items():
        found += _of_store(key, draft, await stores.every_version(c, key), regions, on)
    order: tuple[State, ...] = ("in force", "coming", "past")
    return sorted(found, key=lambda one: (order.index(one.state), one.store, one.rule))


def _of_store(
    key: str, draft: Draft, versions: Sequence[Version], regions: Regions, on: dt.date
) -> list[Loose]:
    """``versions``: the store's, newest first."""
    holding: dict[tuple[str, Approval], list[Version]] = {}
    drafted = {rule.approved for _, layer in draft.rules.layers for rule in layer.values()}
    rules: dict[tuple[str, Approval], tuple[str, Rules]] = {}
    states: list[Draft | Version] = [draft, *versions]
    for state in states:
        for prefix, layer in state.rules.layers:
            for place, rule in layer.items():
                if rule.approved is not None:
                    named = (f"{prefix}{place}", rule.approved)
                    rules.setdefault(named, (place, state.rules))
                    if isinstance(state, Version):
                        holding.setdefault(named, []).append(state)
    found = []
    for (called, approval), (place, held) in rules.items():
        rule = next(layer[place] for prefix, layer in held.layers if called == f"{prefix}{place}")
        last_day = rule.until - dt.timedelta(days=1) if rule.until else on
        what = _what(called, held, regions, min(on, max(last_day, approval.on)))
        if what:
            having = holding.get((called, approval), [])
            found.append(
                Loose(
                    store=key,
                    rule=called,
                    what=what,
                    reason=rule.reason,
                    by=approval.by,
                    on=approval.on,
                    until=rule.until,
                    state=_state(having, versions, approval in drafted, ended=not rule.holds(on)),
                    since=having[-1].published_at if having else None,
                    versions=(having[-1].number, having[0].number) if having else None,
                )
            )
    return found


def _what(called: str, rules: Rules, regions: Regions, on: dt.date) -> tuple[str, ...]:
    """In words how the rule is looser on that day, each way once, with the places."""
    where: dict[str, list[Place]] = {}
    for place in regions.places(rules):
        for one in regions.loosened(place, on=on, rules=rules):
            if one.stated.called == called and one.stated.approved:
                where.setdefault(one.said, []).append(place)
    return tuple(
        f"{said}, in {', '.join(place.code for place in places[:8])}"
        f"{f' and {len(places) - 8} more' if len(places) > 8 else ''}"
        for said, places in where.items()
    )


def _state(
    having: Sequence[Version], versions: Sequence[Version], drafted: bool, *, ended: bool
) -> State:
    if ended:
        return "past"
    if having and having[0] is versions[0]:
        return "in force"
    return "coming" if drafted else "past"
