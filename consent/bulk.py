"""A group's template for many stores at once: what would change where, and then the versions.

Every store is its own transaction, so that one that is refused holds up no other. A store whose
draft has changes of its own is refused: nobody has decided to publish those.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import activity, changes, groups, publish, stores
from consent.activity import Act
from consent.changes import Told
from consent.database import Database
from consent.model import Group, StoreConfig, User, Version, canonical
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
    group = await groups.get(c, key)
    chosen = await groups.members(c, key) if only is None else list(dict.fromkeys(only))
    drafts = await stores.all_drafted(c, chosen)
    live = {version.config.key: version for version in await stores.versions_since(c, 0)}
    return [
        _planned(store, group, drafts.get(store), live.get(store), files, on)[0] for store in chosen
    ]


async def apply(
    database: Database,
    key: str,
    files: Files,
    *,
    now: Callable[[], dt.datetime],
    only: Sequence[str] | None = None,
    by: User | None = None,
) -> list[Applied]:
    """Publishes the template of the group ``key`` in each of its stores that may have it.

    Args:
        database: where the stores are.
        key: the group's.
        files: the data files.
        now: the clock.
        only: keys of stores; one that is in no group joins this one. None: all of the group's.
        by: who does it; None: whoever may run the command line.

    Raises:
        NotFoundError: there is no such group.
    """
    async with database.read() as connection:
        planned = await preview(connection, key, files, on=now().date(), only=only)
    done = []
    for plan in planned:
        done.append(
            await _publish(database, key, plan, files, now(), by) if not plan.refused else plan
        )
    return done


async def _publish(
    database: Database,
    key: str,
    plan: Applied,
    files: Files,
    at: dt.datetime,
    by: User | None,
) -> Applied:
    if not plan.told:
        return plan
    async with database.write() as c:
        group = await groups.get(c, key)
        draft = (await stores.all_drafted(c, (plan.store,))).get(plan.store)
        live = await stores.current(c, plan.store)
        again, joined = _planned(plan.store, group, draft, live, files, at.date())
        if again.refused or joined is None:
            return again
        await stores.save(c, joined, at)
        version = await stores.publish(c, plan.store, at)
        act = Act("publishing", plan.store, str(version.number), {"group": key})
        await activity.add(c, act, by=by, at=at)
        return again._replace(version=version.number)


def seen(plans: Sequence[Applied]) -> str:
    """The SHA-256 by which somebody says what a preview has shown."""
    return hashlib.sha256(canonical([list(plan) for plan in plans])).hexdigest()


def _planned(
    store: str,
    group: Group,
    draft: Draft | None,
    live: Version | None,
    files: Files,
    on: dt.date,
) -> tuple[Applied, StoreConfig | None]:
    """What would change in ``store``, and its own configuration with the group in it."""
    if why := _unready(group, draft, live):
        return Applied(store, refused=(why,)), None
    if draft is None or live is None:  # as ``_unready`` has said
        return Applied(store), None
    own = msgspec.structs.replace(draft.own, group=group.key)
    wanted = Draft(own, group.template)
    faults = publish.check(own, *files, on=on, template=group.template)
    if faults:
        return Applied(store, refused=tuple(faults)), None
    if (live.own, live.template) == (own, group.template):
        return Applied(store), None
    said = changes.told(live, wanted, files.regions, on=on)
    return Applied(store, tuple(said) or (_NOTHING_SEEN,)), own


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
