"""Stores, their drafts and their published versions.

A draft changes as often as one likes. A version never changes: it is numbered from 1 in its
store, carries the SHA-256 of its configuration as canonical JSON, and the database refuses to
alter or remove it. Ids of versions grow in the order of publishing over all stores, so that
"everything published since" is one comparison.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import model
from consent.campaign import CAMPAIGN
from consent.database import tables
from consent.database.dialects import take_lock
from consent.errors import NotFoundError
from consent.model import Pixel, StoreConfig, Version

_s = tables.stores.c
_v = tables.versions.c
_VERSIONS = sa.select(tables.versions)


class StoreSummary(msgspec.Struct, frozen=True):
    """A store in a list. ``changed``: its draft differs from what is published."""

    id: int
    key: str
    name: str
    published: int | None
    """The newest version's number; None when nothing was published yet."""
    published_at: dt.datetime | None
    created_at: dt.datetime
    changed: bool


async def save(c: AsyncConnection, config: StoreConfig, now: dt.datetime) -> int:
    """Creates the store called ``config.key``, or replaces its draft; gives the store's id.

    Visitors see nothing of it before ``publish``.
    """
    content = model.canonical(config)
    values: dict[str, Any] = {
        "name": config.name,
        "draft": content,
        "draft_sha256": hashlib.sha256(content).hexdigest(),
        "changed_at": now,
    }
    await take_lock(c, "versions")
    store_id = await id_of(c, config.key)
    if store_id is None:
        insert = sa.insert(tables.stores).values(key=config.key, created_at=now, **values)
        return int((await c.execute(insert.returning(_s.id))).scalar_one())
    await c.execute(sa.update(tables.stores).where(_s.id == store_id).values(**values))
    return store_id


async def revise(
    c: AsyncConnection, key: str, change: Callable[[StoreConfig], StoreConfig], now: dt.datetime
) -> StoreConfig:
    """Replaces a draft by what ``change`` makes of it; nobody else saves in between.

    Returns:
        The new draft.

    Raises:
        NotFoundError: there is no such store. What ``change`` raises leaves the draft as it is.
    """
    await take_lock(c, "versions")
    config = change(await draft(c, key))
    await save(c, config, now)
    return config


async def id_of(c: AsyncConnection, key: str) -> int | None:
    found = (await c.execute(sa.select(_s.id).where(_s.key == key))).scalar()
    return None if found is None else int(found)


async def draft(c: AsyncConnection, key: str) -> StoreConfig:
    """The configuration as last saved.

    Raises:
        NotFoundError: there is no such store.
    """
    content = (await c.execute(sa.select(_s.draft).where(_s.key == key))).scalar()
    if content is None:
        raise _unknown(key)
    return msgspec.json.decode(content, type=StoreConfig)


async def publish(c: AsyncConnection, key: str, now: dt.datetime) -> Version:
    """Makes the draft the store's newest version.

    Returns:
        The new version; or the newest one again when the draft says the same.

    Raises:
        NotFoundError: there is no such store.
    """
    await take_lock(c, "versions")
    row = (await c.execute(sa.select(tables.stores).where(_s.key == key))).one_or_none()
    if row is None:
        raise _unknown(key)
    newest = await current(c, key)
    if newest is not None and newest.sha256 == row.draft_sha256:
        return newest
    config = msgspec.json.decode(row.draft, type=StoreConfig)
    number = newest.number + 1 if newest else 1
    same_questions = newest is not None and asks(newest.config) == asks(config)
    version = Version(
        id=(await c.execute(sa.select(sa.func.coalesce(sa.func.max(_v.id), 0)))).scalar_one() + 1,
        store_id=row.id,
        number=number,
        sha256=row.draft_sha256,
        published_at=now,
        config=config,
        asks_since=newest.asks_since if newest and same_questions else number,
        former=_former(newest, config) if newest else (),
    )
    former = model.canonical(version.former) if version.former else None
    values = {**msgspec.structs.asdict(version), "config": row.draft, "former": former}
    await c.execute(sa.insert(tables.versions).values(values))
    return version


async def current(c: AsyncConnection, key: str) -> Version | None:
    """The newest published version; None for an unknown store or one never published."""
    newest_first = _VERSIONS.join(tables.stores).where(_s.key == key).order_by(_v.number.desc())
    return _version((await c.execute(newest_first.limit(1))).one_or_none())


async def version(c: AsyncConnection, key: str, number: int) -> Version | None:
    chosen = _VERSIONS.join(tables.stores).where(_s.key == key, _v.number == number)
    return _version((await c.execute(chosen)).one_or_none())


async def versions_since(c: AsyncConnection, version_id: int) -> list[Version]:
    """The newest version of each store that published after ``version_id``, oldest first."""
    newest = sa.select(sa.func.max(_v.id)).where(_v.id > version_id).group_by(_v.store_id)
    rows = await c.execute(_VERSIONS.where(_v.id.in_(newest)).order_by(_v.id))
    return [found for row in rows if (found := _version(row)) is not None]


async def all_stores(c: AsyncConnection) -> list[StoreSummary]:
    """Every store, by name."""
    newest = sa.select(sa.func.max(_v.id)).group_by(_v.store_id)
    published = sa.and_(_v.store_id == _s.id, _v.id.in_(newest))
    rows = await c.execute(
        sa.select(
            *(_s.id, _s.key, _s.name, _s.draft_sha256, _s.created_at),
            *(_v.number, _v.sha256, _v.published_at),
        )
        .select_from(tables.stores.outerjoin(tables.versions, published))
        .order_by(sa.func.lower(_s.name), _s.key)
    )
    return [
        StoreSummary(
            id=row.id,
            key=row.key,
            name=row.name,
            published=row.number,
            published_at=row.published_at,
            created_at=row.created_at,
            changed=row.sha256 != row.draft_sha256,
        )
        for row in rows
    ]


def asks(config: StoreConfig) -> set[tuple[str, str, frozenset[str]]]:
    """What a visitor is asked about. A change here makes old answers void."""
    asked = set()
    for pixel in _asking(config):
        asked.add((pixel.key, pixel.id, frozenset[str](pixel.purposes)))
        # Another recipient of the store's own pixel is another question.
        if own := pixel.custom:
            asked.add((pixel.key, "told", frozenset((own.name, own.vendor, own.privacy_url))))
    return asked


def _asking(config: StoreConfig) -> tuple[Pixel, ...]:
    """All that a visitor is asked about, what we keep ourselves as well."""
    return (*config.pixels, CAMPAIGN) if config.campaign else config.pixels


def _former(newest: Version, config: StoreConfig) -> tuple[Pixel, ...]:
    """What versions up to ``newest`` had and ``config`` has no more, once each.

    One of the store's own that now names other traces is among them with the old ones.
    """
    kept = {(one.platform, one.id, one.custom and one.custom.traces) for one in _asking(config)}
    gone: dict[tuple[str, str], Pixel] = {}
    for pixel in (*newest.former, *_asking(newest.config)):
        if (pixel.platform, pixel.id, pixel.custom and pixel.custom.traces) not in kept:
            gone[pixel.platform, pixel.id] = Pixel(pixel.platform, pixel.id, custom=pixel.custom)
    return tuple(gone.values())


def _version(row: Any) -> Version | None:
    if row is None:
        return None
    values = {
        **row._mapping,
        "config": msgspec.json.decode(row.config, type=StoreConfig),
        "former": msgspec.json.decode(row.former, type=tuple[Pixel, ...]) if row.former else (),
    }
    return Version(**values)


def _unknown(key: str) -> NotFoundError:
    return NotFoundError(
        "unknown_store", f"store {key!r} is not known; consent store list shows all"
    )
