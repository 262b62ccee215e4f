"""Groups of stores and the templates that they share.

A template reaches visitors when a store of its group is published, and a version holds it as it was
then. Which group a store is in, its own draft says (``StoreConfig.group``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import model
from consent.database import tables
from consent.database.dialects import take_lock
from consent.errors import NotFoundError
from consent.model import Group, Template

_g = tables.groups.c


class GroupSummary(msgspec.Struct, frozen=True):
    """A group in a list. ``stores``: how many drafts name it."""

    key: str
    name: str
    stores: int
    changed_at: dt.datetime


async def save(c: AsyncConnection, group: Group, now: dt.datetime) -> None:
    """Creates the group called ``group.key``, or replaces its name and template."""
    await take_lock(c, "versions")
    values: dict[str, Any] = {
        "name": group.name,
        "template": model.canonical(group.template),
        "changed_at": now,
    }
    changed = await c.execute(sa.update(tables.groups).where(_g.key == group.key).values(**values))
    if changed.rowcount == 0:
        await c.execute(sa.insert(tables.groups).values(key=group.key, **values))


async def revise(
    c: AsyncConnection, key: str, change: Callable[[Group], Group], now: dt.datetime
) -> Group:
    """Replaces a group by what ``change`` makes of it; nobody else saves in between.

    Raises:
        NotFoundError: there is no such group. What ``change`` raises leaves it as it is.
    """
    await take_lock(c, "versions")
    group = change(await get(c, key))
    await save(c, group, now)
    return group


async def get(c: AsyncConnection, key: str) -> Group:
    """The group as last saved.

    Raises:
        NotFoundError: there is no such group.
    """
    row = (await c.execute(sa.select(tables.groups).where(_g.key == key))).one_or_none()
    if row is None:
        raise _unknown(key)
    return Group(row.key, row.name, msgspec.json.decode(row.template, type=Template))


async def id_of(c: AsyncConnection, key: str) -> int:
    """The group's id.

    Raises:
        NotFoundError: there is no such group.
    """
    found = (await c.execute(sa.select(_g.id).where(_g.key == key))).scalar()
    if found is None:
        raise _unknown(key)
    return int(found)


async def all_groups(c: AsyncConnection) -> list[GroupSummary]:
    """Every group, by name."""
    members = sa.func.count(tables.stores.c.id).label("stores")
    rows = await c.execute(
        sa.select(_g.key, _g.name, _g.changed_at, members)
        .select_from(tables.groups.outerjoin(tables.stores))
        .group_by(_g.id, _g.key, _g.name, _g.changed_at)
        .order_by(sa.func.lower(_g.name), _g.key)
    )
    return [GroupSummary(**row._mapping) for row in rows]


async def members(c: AsyncConnection, key: str) -> list[str]:
    """The keys of the stores whose draft names the group ``key``, in alphabetical order."""
    joined = tables.stores.join(tables.groups)
    query = sa.select(tables.stores.c.key).select_from(joined).where(_g.key == key)
    return [row.key for row in await c.execute(query.order_by(tables.stores.c.key))]


def _unknown(key: str) -> NotFoundError:
    return NotFoundError(
        "unknown_group", f"group {key!r} is not known; consent group list shows all"
    )
