"""A whole draft comes in, from a file or through the API: a store's, or a group's template.

A file may claim that somebody has approved or reviewed something. Only what this database has
itself seen approved or reviewed counts.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from consent import activity, approve, groups, publish, review, stores
from consent.activity import Act
from consent.bulk import Files
from consent.database.dialects import take_lock
from consent.errors import ConflictError, NotFoundError, RefusedError
from consent.model import Group, StoreConfig, User, canonical, is_key
from consent.stores import Draft


async def faults(
    c: AsyncConnection, config: StoreConfig, files: Files, *, on: dt.date
) -> list[str]:
    """Every reason why ``config`` may not even be a draft, as ``key: fault``.

    Raises:
        NotFoundError: there is no such group.
    """
    if config.group and not is_key(config.group):
        raise NotFoundError("unknown_group", f"group: {config.group[:40]!r} is no key of a group")
    template = (await groups.get(c, config.group)).template if config.group else None
    return publish.check(config, *files, on=on, draft=True, template=template)


async def save(
    c: AsyncConnection,
    config: StoreConfig,
    *,
    by: User | None,
    at: dt.datetime,
    shown: str | None = None,
    source: str = "file",
) -> Draft:
    """Makes ``config``, which has no faults, the draft of its store, which may be new.

    Args:
        c: a connection from ``Database.write``.
        config: the store.
        by: who does it; None: whoever may run the command line.
        at: the moment.
        shown: ``Draft.sha256`` of the one that it replaces, or an empty text when there must be
            none yet; None: whatever it is by now.
        source: where it comes from, for the log.

    Returns:
        The draft as it is now, without approvals and reviews that nobody here has given.

    Raises:
        ConflictError: what it replaces is not what was shown.
    """
    await take_lock(c, "versions")
    before = (await stores.all_drafted(c, (config.key,))).get(config.key)
    _check(shown, before.sha256 if before else "")
    mine = await approve.known(c, await review.known(c, config))
    if before is not None and before.own == mine:
        return before
    await stores.save(c, mine, at)
    draft = await stores.drafted(c, config.key)
    detail = {"before": before.sha256 if before else None, "sha256": draft.sha256}
    await activity.add(c, Act("draft", config.key, source, detail), by=by, at=at)
    return draft


async def revise(
    c: AsyncConnection,
    key: str,
    change: Callable[[StoreConfig], StoreConfig],
    part: tuple[str, Callable[[StoreConfig], Any]],
    *,
    by: User | None,
    at: dt.datetime,
) -> StoreConfig:
    """Changes one part of the draft of the store ``key``, and notes how it was and is.

    Args:
        c: a connection from ``Database.write``.
        key: the store's.
        change: makes the new draft.
        part: what the part is called in the log, and how to read it in a draft, as JSON.
        by: who does it; None: whoever may run the command line.
        at: the moment.

    Raises:
        NotFoundError: there is no such store. What ``change`` raises leaves it as it is.
    """
    await take_lock(c, "versions")
    name, read = part
    before = await stores.draft(c, key)
    after = await stores.revise(c, key, change, at)
    detail = {"before": read(before), "after": read(after)}
    await activity.add(c, Act("draft", key, name, detail), by=by, at=at)
    return after


async def save_template(
    c: AsyncConnection,
    group: Group,
    files: Files,
    *,
    by: User | None,
    at: dt.datetime,
    shown: str | None = None,
) -> Group:
    """Makes ``group`` what it says; it may be new. Visitors notice nothing before it is applied.

    ``shown`` as for ``save``, by ``group_sha256``.

    Raises:
        ConflictError: what it replaces is not what was shown.
        RefusedError: it has faults; all of them are named.
    """
    _, regions, texts = files
    found = publish.template_faults(group, regions, texts, on=at.date(), draft=True)
    if found:
        raise RefusedError("unfit", "; ".join(found))
    await take_lock(c, "versions")
    before = await _template(c, group.key)
    _check(shown, group_sha256(before) if before else "")
    mine = await approve.known_template(c, group)
    if mine != before:
        await groups.save(c, mine, at)
        was = group_sha256(before) if before else None
        detail = {"group": group.key, "before": was, "sha256": group_sha256(mine)}
        act = Act("template", None, group.key, detail)
        await activity.add(c, act, by=by, at=at)
    return mine


def group_sha256(group: Group) -> str:
    """Of a group as it is, so that one can say which one was seen."""
    return hashlib.sha256(canonical(group)).hexdigest()


def _check(shown: str | None, found: str) -> None:
    if shown is not None and shown != found:
        what = "there is one by now" if not shown else "someone has changed it meanwhile"
        raise ConflictError("moved", f"draft: {what}; look at it anew")


async def _template(c: AsyncConnection, key: str) -> Group | None:
    try:
        return await groups.get(c, key)
    except NotFoundError:
        return None
