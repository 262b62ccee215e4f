"""The word of a lawyer by which a rule may be looser than the law of its place.

It stands in the rule itself, with the SHA-256 of what was allowed, so that any edit voids it. A
store's rule is allowed by a lawyer of that store, a template's by one of every store.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import accounts, activity, groups, lawful, stores
from consent.activity import Act
from consent.errors import NotFoundError, RefusedError
from consent.model import Approval, Group, RegionRule, StoreConfig, User, Version
from consent.regions.rules import digest
from consent.stores import Draft

MOST_CHARACTERS = 2000
"""Of a reason: it goes into the ledger with the law of every decision that the rule touches."""


async def allow(
    c: AsyncConnection,
    key: str,
    place: str,
    *,
    by: str,
    reason: str,
    until: dt.date | None = None,
    seen: str | None = None,
    now: dt.datetime,
) -> StoreConfig:
    """Writes into the draft of the store ``key`` that ``by`` allows its rule for ``place``.

    Args:
        c: a connection from ``Database.write``.
        key: the store's.
        place: the rule's key: a code, an ``@group`` or ``*``.
        by: the lawyer's e-mail address.
        reason: why, in writing.
        until: the first day on which the rule holds no more; None: as the rule says.
        seen: ``digest`` of what the lawyer was shown; None: whatever the rule is by now.
        now: the moment.

    Raises:
        NotFoundError: the store has no such rule, or is not known.
        RefusedError: ``by`` is no lawyer of this store, there is no reason, the end is past, or the
            rule is not what was seen.
    """
    lawyer = await _lawyer(c, by, store=key)
    approved: list[RegionRule] = []

    def change(config: StoreConfig) -> StoreConfig:
        whose = f"store {key}"
        regions = _allowed(config.regions, place, whose, by, reason, until, seen, now)
        regions[place] = _with_pixels(config, regions[place])
        approved.append(regions[place])
        return msgspec.structs.replace(config, regions=regions)

    config = await stores.revise(c, key, change, now)
    await activity.add(c, _act(approved[0], place, store=key), by=lawyer, at=now)
    return config


async def allow_template(
    c: AsyncConnection,
    key: str,
    place: str,
    *,
    by: str,
    reason: str,
    until: dt.date | None = None,
    seen: str | None = None,
    now: dt.datetime,
) -> Group:
    """As ``allow``, for the rule of the template of the group ``key``."""
    lawyer = await _lawyer(c, by, group=key)
    approved: list[RegionRule] = []

    def change(group: Group) -> Group:
        old = group.template
        whose = f"group {key}"
        regions = _allowed(old.regions, place, whose, by, reason, until, seen, now)
        approved.append(regions[place])
        return msgspec.structs.replace(
            group, template=msgspec.structs.replace(old, regions=regions)
        )

    group = await groups.revise(c, key, change, now)
    await activity.add(c, _act(approved[0], place, group=key), by=lawyer, at=now)
    return group


async def known(c: AsyncConnection, config: StoreConfig) -> StoreConfig:
    """``config`` without the approvals that this database does not have: a file may claim any."""
    try:
        there = [await stores.draft(c, config.key)]
    except NotFoundError:
        there = []
    version = await stores.current(c, config.key)
    there += [version.config] if version else []
    regions = _known(config.regions, [one.regions for one in there])
    return msgspec.structs.replace(config, regions=regions)


async def known_template(c: AsyncConnection, group: Group) -> Group:
    """As ``known``, for a group's template."""
    try:
        there = [(await groups.get(c, group.key)).template.regions]
    except NotFoundError:
        there = []
    regions = _known(group.template.regions, there)
    template = msgspec.structs.replace(group.template, regions=regions)
    return msgspec.structs.replace(group, template=template)


async def standing(c: AsyncConnection, key: str, earlier: Draft) -> Draft:
    """``earlier``, of a version of the store ``key``, without the approvals that have ended since:
    those that neither its draft nor its live version has.
    """
    version = await stores.current(c, key)
    states: list[Draft | Version] = [await stores.drafted(c, key), *([version] if version else [])]
    there = [layer for state in states for layer in state.rules.by_layer]
    own = earlier.own
    own = msgspec.structs.replace(own, regions=_known(own.regions, there))
    template = earlier.template
    if template is not None:
        regions = _known(template.regions, there)
        template = msgspec.structs.replace(template, regions=regions)
    return Draft(own, template)


def _allowed(
    regions: Mapping[str, RegionRule],
    place: str,
    whose: str,
    by: str,
    reason: str,
    until: dt.date | None,
    seen: str | None,
    now: dt.datetime,
) -> dict[str, RegionRule]:
    if place not in regions:
        named = ", ".join(regions) or "none"
        raise NotFoundError("unknown_rule", f"{place!r} is no rule of {whose}; it has {named}")
    rule = regions[place]
    if seen is not None and seen != digest(place, rule):
        raise RefusedError("changed", f"rule {place} has changed since; look at it once more")
    reason = reason.strip()
    if not 0 < len(reason) <= MOST_CHARACTERS:
        raise RefusedError(
            "no_reason",
            f"reason: {len(reason)} characters; expected why, in at most {MOST_CHARACTERS}",
        )
    rule = msgspec.structs.replace(rule, reason=reason, until=until or rule.until, approved=None)
    if rule.until is not None and rule.until <= now.date():
        raise RefusedError(
            "past", f"until: {rule.until}; expected a day after {now.date()}, or none"
        )
    approval = Approval(by.strip().lower(), now.date(), digest(place, rule))
    return {**regions, place: msgspec.structs.replace(rule, approved=approval)}


def _with_pixels(config: StoreConfig, rule: RegionRule) -> RegionRule:
    """``rule``, allowed for the own statistics that ``config`` has by those names now."""
    if rule.approved is None:
        return rule
    approval = msgspec.structs.replace(rule.approved, pixels=lawful.exempted(config, rule))
    return msgspec.structs.replace(rule, approved=approval)


def _known(
    regions: Mapping[str, RegionRule], there: Collection[Mapping[str, RegionRule]]
) -> dict[str, RegionRule]:
    own = {rule.approved for one in there for rule in one.values()}
    return {
        key: rule if rule.approved in own else msgspec.structs.replace(rule, approved=None)
        for key, rule in regions.items()
    }


def _act(
    rule: RegionRule, place: str, *, store: str | None = None, group: str | None = None
) -> Act:
    detail = {"rule": msgspec.to_builtins(rule), **({"group": group} if group else {})}
    return Act("approval", store, place, detail)


async def _lawyer(
    c: AsyncConnection, by: str, *, store: str | None = None, group: str | None = None
) -> User:
    """The user called ``by``, who may allow rules of this store, or of this group's template."""
    user = await accounts.by_email(c, by)
    if user is None or user.disabled_at is not None:
        raise RefusedError("unknown_user", f"{by!r} is no user; `consent user list` shows all")
    legal = [grant for grant in user.grants if grant.role == "legal"]
    if store is not None:
        of = await stores.group_of(c, store)
        allowed = any(grant.covers(store, of) for grant in legal)
    else:
        allowed = any(grant.everywhere or grant.group == group for grant in legal)
    if not allowed:
        has = ", ".join(map(str, user.grants)) or "nothing"
        whose = f"of {store}" if store else f"of every store, or of group {group}"
        raise RefusedError("not_allowed", f"{by} is {has}; expected legal {whose}")
    return user
