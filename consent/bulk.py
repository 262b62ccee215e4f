"""A group's template for many stores at once: what would change where, and then the versions.

A store that is refused holds up no other: all that may have the template get it in one transaction,
so that nothing is half done. A store whose draft has changes of its own is refused: nobody has
decided to publish those.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import activity, changes, groups, publish, roles, stores, variants
from consent.activity import Act
from consent.changes import Told
from consent.database import Database
from consent.database.dialects import take_lock
from consent.errors import ConflictError
from consent.model import Group, User, Version, canonical
from consent.platforms import Platforms
from consent.regions import Regions
from consent.stores import Draft
from consent.texts import Texts


class Applied(NamedTuple):
    """What a template does to one store, or has done.

    ``version`` is the number of the one that was published; None: none was, or none would be.
    """

    store: str
    told: tuple[Told, ...] = ()
    refused: tuple[str, ...] = ()
    version: int | None = None


class Files(NamedTuple):
    """The data files that decide what a store may be."""

    platforms: Platforms
    regions: Regions
    texts: Texts


async def preview(
    c: AsyncConnection, key: str, files: Files, *, on: dt.date, only: Sequence[str] | None = None
) -> list[Applied]:
    """What publishing the template of the group ``key`` would change; see ``apply``."""
    return [plan.applied for plan in await _plans(c, key, files, on=on, only=only)]


async def apply(
    database: Database,
    key: str,
    files: Files,
    *,
    now: Callable[[], dt.datetime],
    only: Sequence[str] | None = None,
    shown: str | None = None,
    by: User | None = None,
) -> list[Applied]:
    """Publishes the template of the group ``key`` in each of its stores that may have it.

    Args:
        database: where the stores are.
        key: the group's.
        files: the data files.
        now: the clock.
        only: keys of stores; one that is in no group joins this one. None: all of the group's.
        shown: ``seen`` of the preview that whoever does it has looked at; None: whatever it is now.
        by: who does it; None: whoever may run the command line.

    Raises:
        NotFoundError: there is no such group.
        ConflictError: it would not do what was shown.
        ForbiddenError: ``by`` may not change the rules of one of the stores.
    """
    at = now()
    async with database.write() as c:
        await take_lock(c, "versions")
        plans = await _plans(c, key, files, on=at.date(), only=only)
        if shown is not None and shown != seen([plan.applied for plan in plans]):
            raise ConflictError("moved", _MOVED)
        wanted = [(plan.live, plan.wanted) for plan in plans if plan.live and plan.wanted]
        for plan in plans:
            if by is not None and plan.wanted:
                roles.check_publishing(by, plan.wanted, plan.live, plan.group)
        published = await stores.publish_all(c, wanted, at)
        numbers = {version.config.key: version.number for version in published}
        acts = [
            Act("publishing", store, str(number), {"group": key})
            for store, number in numbers.items()
        ]
        await activity.add(c, *acts, by=by, at=at)
    return [plan.applied._replace(version=numbers.get(plan.applied.store)) for plan in plans]


def seen(plans: Sequence[Applied]) -> str:
    """The SHA-256 by which somebody says what a preview has shown."""
    return hashlib.sha256(canonical([list(plan) for plan in plans])).hexdigest()


class _Plan(NamedTuple):
    """``wanted``: what the store's next version would be, after ``live``; None: there is none.
    ``group``: the one that the store is in before.
    """

    applied: Applied
    live: Version | None = None
    wanted: Draft | None = None
    group: str | None = None


async def _plans(
    c: AsyncConnection, key: str, files: Files, *, on: dt.date, only: Sequence[str] | None
) -> list[_Plan]:
    group = await groups.get(c, key)
    chosen = await groups.members(c, key) if only is None else list(dict.fromkeys(only))
    drafts = await stores.all_drafted(c, chosen)
    live = await stores.all_current(c, chosen)
    return [_plan(one, group, drafts.get(one), live.get(one), files, on) for one in chosen]


def _plan(
    store: str,
    group: Group,
    draft: Draft | None,
    live: Version | None,
    files: Files,
    on: dt.date,
) -> _Plan:
    """What would change in ``store``."""
    if why := _unready(group, draft, live):
        return _Plan(Applied(store, refused=(why,)))
    if draft is None or live is None:  # as ``_unready`` has said
        return _Plan(Applied(store))
    own = msgspec.structs.replace(draft.own, group=group.key)
    wanted = Draft(own, group.template)
    faults = publish.check(own, *files, on=on, template=group.template)
    if moved := variants.moved(live, wanted.config):
        faults.append(moved)
    if faults:
        return _Plan(Applied(store, refused=tuple(faults)))
    if (live.own, live.template) == (own, group.template):
        return _Plan(Applied(store))
    said = changes.told(live, wanted, files.regions, on=on)
    return _Plan(
        Applied(store, tuple(said) or (_NOTHING_SEEN,)), live, wanted, draft.own.group or None
    )


_MOVED = "the stores or the template have changed; look at them anew"
_NOTHING_SEEN = Told("settings", "Nothing that a visitor would notice.")


def _unready(group: Group, draft: Draft | None, live: Version | None) -> str | None:
    """Why the store cannot have the template now, before anything is looked at."""
    if draft is None:
        return "there is no such store"
    if live is None or live.own is None:
        return "it was never published; publish it by itself first"
    if draft.own.group not in ("", group.key):
        return f"it is in group {draft.own.group}; expected one of {group.key}, or of none"
    joined = msgspec.structs.replace(draft.own, group=live.own.group, stated=live.own.stated)
    if joined != live.own:
        return "its draft has changes that are not published; publish or undo them first"
    return None
