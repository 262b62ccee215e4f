"""A store's own rules over the shipped ones: which hold, what they give, and which are looser.

Each field by itself comes from the most specific rule that states it: of the store's rules first,
then of its group's template, then of the shipped regime. Stricter is free. A field that asks less
than the shipped regime does holds only with a reason and the approval of a lawyer, and passes to
the next rule without: also where the law has become stricter than a rule that was once published.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from consent.model import (
    CHOOSABLE,
    STRICTNESS,
    Layout,
    Looser,
    Purpose,
    Regime,
    RegionRule,
    Resolution,
    Rules,
    canonical,
)

DAYS = (1, 3650)
"""The fewest and the most days that a rule may state."""

NO_LAW = ("no law of the place itself; the rules are a store's own",)
"""Of a regime whose file leaves the law to its places, read for another place."""

_GPC_DUTIES = ("none", "conditional", "required")


class Stated(NamedTuple):
    """A rule that speaks for a place on a day. ``called``: ``regions.DE``, as messages name it."""

    called: str
    key: str
    rule: RegionRule

    @property
    def approved(self) -> bool:
        """Whether a lawyer has allowed this very rule to be looser, with a reason."""
        approval = self.rule.approved
        return (
            approval is not None
            and bool(self.rule.reason.strip())
            and approval.sha256 == digest(self.key, self.rule)
        )


class Loosening(NamedTuple):
    """A field of a rule that asks less than the shipped regime of the place.

    ``how`` continues the value: ``is opt-out, looser``.
    """

    stated: Stated
    field: str
    value: object
    how: str
    shipped: Regime

    @property
    def said(self) -> str:
        """``regime: 'us-ca' is opt-out, looser than 'eea'``."""
        return f"{self.field}: {self.value!r} {self.how} than {self.shipped.id!r}"


class Settled(NamedTuple):
    """What rules make of one place's shipped regime.

    ``matched`` is the key of the rule that gave the regime; None: the shipped one holds.
    """

    regime: Regime
    matched: str | None
    unknown: str
    """A regime that a rule names and nobody knows; the strictest holds in its place."""
    layout: Layout | None
    purposes: tuple[Purpose, ...]
    pixels: tuple[str, ...] | None
    own_statistics: tuple[str, ...]
    given: tuple[tuple[str, Stated], ...]
    loosened: tuple[Loosening, ...]
    """All that ask less. Those that are not approved do not hold."""


def digest(key: str, rule: RegionRule) -> str:
    """The SHA-256 of what a lawyer allows: the rule for ``key``, reason and end included."""
    bare = msgspec.structs.replace(rule, approved=None)
    return hashlib.sha256(canonical([key, bare])).hexdigest()


def speaking(rules: Rules, keys: Sequence[str], on: dt.date) -> list[Stated]:
    """The rules under ``keys`` that hold on that day, most important first."""
    return [
        Stated(f"{prefix}{key}", key, rule)
        for prefix, layer in rules.layers
        for key in (keys if layer else ())
        if (rule := layer.get(key)) is not None and rule.holds(on)
    ]


def settle(
    stated: Sequence[Stated],
    shipped: Regime,
    *,
    read: Callable[[str], Regime | None],
    strictest: Regime,
) -> Settled:
    """What the rules ``stated`` for a place make of its ``shipped`` regime.

    Args:
        stated: from ``speaking``.
        shipped: what holds there without them.
        read: a regime by its id as it reads for the place and the day; None: there is none.
        strictest: what a rule that names no known regime gives.
    """
    loosened: list[Loosening] = []
    given: dict[str, Stated] = {}

    def first(field: str, nothing: Any, how: Callable[[Any], str | None]) -> Any:
        """The value of the first rule that states ``field`` and may."""
        for one in stated:
            value = getattr(one.rule, field)
            if value == nothing:
                continue
            loose = how(value)
            if loose is not None:
                loosened.append(Loosening(one, field, value, loose, shipped))
            if loose is None or one.approved:
                given[field] = one
                return value
        return nothing

    def less(id_: str) -> str | None:
        chosen = read(id_) or strictest
        return looser(chosen, shipped, precaution=shipped.id == strictest.id)

    id_ = first("regime", "", less)
    chosen = (read(id_) or strictest) if id_ else shipped
    loose = any(one.field == "regime" and one.stated is given.get("regime") for one in loosened)
    if not loose:
        chosen = _no_laxer(chosen, shipped)
    if loose or chosen.law == NO_LAW:
        chosen = _of_the_place(chosen, shipped)
    accept = first("accept_days", None, lambda days: _more(days, shipped))
    refuse = first("refuse_days", None, lambda days: _fewer(days, shipped))
    layout = first("layout", None, lambda _: None)
    purposes = first("purposes", None, lambda _: None)
    pixels = first("pixels", None, lambda _: None)
    exempt: tuple[str, ...] | None = None
    if shipped.own_statistics is not None:
        exempt = first("own_statistics", None, _before_a_choice)
    approved = [one for one in loosened if given.get(one.field) is one.stated]
    changes: dict[str, Any] = {
        "accept_days": accept or chosen.accept_days,
        "refuse_days": refuse or chosen.refuse_days,
        "looser": tuple(_answered_for(approved)),
        "own_statistics": shipped.own_statistics,
    }
    return Settled(
        regime=chosen if _same(chosen, changes) else msgspec.structs.replace(chosen, **changes),
        matched=given["regime"].key if id_ else None,
        unknown=id_ if id_ and read(id_) is None else "",
        layout=layout,
        purposes=CHOOSABLE if purposes is None else tuple(p for p in CHOOSABLE if p in purposes),
        pixels=pixels,
        own_statistics=exempt or (),
        given=tuple(given.items()),
        loosened=tuple(loosened),
    )


def looser(chosen: Regime, shipped: Regime, *, precaution: bool) -> str | None:
    """How ``chosen`` asks less of a store than ``shipped``; None when it does not.

    A stricter model may drop the duties of a milder one. Where the shipped regime is a precaution,
    because no law is known, the model alone counts. Of days and of Global Privacy Control the
    stricter ones hold (``_no_laxer``).
    """
    if STRICTNESS[chosen.model] < STRICTNESS[shipped.model]:
        return f"is {chosen.model}, looser"
    if chosen.google_advanced and not shipped.google_advanced:
        return "lets refused Google tags send pings, so is looser"
    if chosen.automatic_collection and not shipped.automatic_collection:
        return "lets vendors' libraries collect by themselves, so is looser"
    if precaution or STRICTNESS[chosen.model] > STRICTNESS[shipped.model]:
        return None
    if _GPC_DUTIES.index(chosen.gpc_duty) < _GPC_DUTIES.index(shipped.gpc_duty):
        return "heeds Global Privacy Control less"
    if shipped.gpc_overrides_choice and not chosen.gpc_overrides_choice:
        return "lets a choice win over Global Privacy Control, so is looser"
    missing = [duty for duty in shipped.duties if not chosen.has(duty)]
    return f"leaves out {', '.join(missing)}, so is looser" if missing else None


def _more(days: int, shipped: Regime) -> str | None:
    asked = f"asks again later than after {shipped.accept_days} days, so is looser"
    return asked if days > shipped.accept_days else None


def _fewer(days: int, shipped: Regime) -> str | None:
    asked = f"asks who refused again before {shipped.refuse_days} days are over, so is looser"
    return asked if days < shipped.refuse_days else None


def _before_a_choice(keys: tuple[str, ...]) -> str | None:
    return "may run before a choice, so is looser" if keys else None


def _no_laxer(chosen: Regime, shipped: Regime) -> Regime:
    """``chosen`` with the stricter days and the stricter duty of Global Privacy Control of the two:
    another model neither lengthens a yes nor lets it win over the signal where the law does not.
    """
    stricter = {
        "accept_days": min(chosen.accept_days, shipped.accept_days),
        "refuse_days": max(chosen.refuse_days, shipped.refuse_days),
        "gpc_duty": max(chosen.gpc_duty, shipped.gpc_duty, key=_GPC_DUTIES.index),
        "gpc_overrides_choice": chosen.gpc_overrides_choice or shipped.gpc_overrides_choice,
    }
    return chosen if _same(chosen, stricter) else msgspec.structs.replace(chosen, **stricter)


def _of_the_place(chosen: Regime, shipped: Regime) -> Regime:
    """``chosen`` with the law of the place, which a rule of a store's does not change: what asks
    less of a store than that law shows which law it is.
    """
    law = {key: getattr(shipped, key) for key in ("law", "source", "reviewed", "confidence")}
    return chosen if _same(chosen, law) else msgspec.structs.replace(chosen, **law)


def _same(regime: Regime, changes: dict[str, Any]) -> bool:
    return all(getattr(regime, name) == value for name, value in changes.items())


def _answered_for(loosened: Sequence[Loosening]) -> Iterator[Looser]:
    for one in loosened:
        rule = one.stated.rule
        if rule.approved is not None:
            by, on = rule.approved.by, rule.approved.on
            yield Looser(one.stated.called, one.said, rule.reason, by, on, rule.until)


def faults(rule: RegionRule) -> Iterator[str]:
    """What is wrong with the plain values of a rule, each as ``key: found; accepted``."""
    fewest, most = DAYS
    for field in ("accept_days", "refuse_days"):
        days = getattr(rule, field)
        if days is not None and not fewest <= days <= most:
            yield f"{field}: found {days}; expected {fewest} to {most} days"
    for name in rule.purposes or ():
        if name not in CHOOSABLE:
            yield f"purposes: found {name!r}; expected some of {', '.join(CHOOSABLE)}"
    if rule.approved is not None and not rule.reason.strip():
        yield "reason: empty; expected why a lawyer allowed what is looser than the law"


def why(code: str, found: Settled, shipped: Resolution) -> str:
    """Which rule gave what in the place with that code, in one sentence."""
    given = dict(found.given)
    said = shipped.why
    if (by := given.pop("regime", None)) is not None:
        named = f"{found.regime.name} ({found.regime.id})"
        if found.unknown:
            named = f"no regime is called {found.unknown!r}, so the strictest rules apply"
        said = f"{code}: {_has(by)}: {named}; shipped for this place is {shipped.regime.id}"
    for one in dict.fromkeys(given.values()):
        fields = ", ".join(_said(field, one.rule) for field in given if given[field] is one)
        said += f"; {fields}, by {one.called}"
    for loose in found.regime.looser:
        until = f" until {loose.until.isoformat()}" if loose.until else ""
        said += f"; looser than the law, allowed by {loose.by} on {loose.on}{until}: {loose.reason}"
    for left in found.loosened:
        if not left.stated.approved:
            said += f"; {left.field} of {left.stated.called} does not hold, as it {left.how} than "
            said += f"{left.shipped.id}, and no lawyer has allowed it"
    return said


def _has(one: Stated) -> str:
    if one.called.startswith("group "):
        return f"the template of {one.called.partition(':')[0]} has a rule for {one.key}"
    return f"this store has a rule of its own for {one.key}"


def _said(field: str, rule: RegionRule) -> str:
    value = getattr(rule, field)
    match field:
        case "accept_days":
            return f"a yes holds {value} days"
        case "refuse_days":
            return f"a no holds {value} days"
        case "layout":
            return f"the banner is a {value}"
        case "own_statistics":
            return f"own statistics before a choice: {', '.join(value) or 'none'}"
    return f"{'offered' if field == 'purposes' else 'pixels'}: {', '.join(value) or 'none'}"
