"""What stores have published, through the API: versions, differences, publishing, going back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import changes, publish, storefile, stores
from consent.changes import Told
from consent.errors import NotFoundError
from consent.model import StoreConfig, Version
from consent.stores import Draft
from consent.web.api.operation import PAGE, Ask, Limit, Operation, Order, files
from consent.web.api.stores import PATH, of
from consent.web.services import MAX_NUMBER

Number = Annotated[int, Meta(ge=1, le=MAX_NUMBER)]


class VersionFacts(msgspec.Struct, frozen=True):
    """A version. ``asks_since``: the lowest number that asked visitors about the same."""

    number: int
    sha256: str
    published_at: dt.datetime
    asks_since: int
    group: str | None


class VersionList(msgspec.Struct, frozen=True):
    """Newest first. ``before``: what the next page goes on from; None: this is the last."""

    versions: list[VersionFacts]
    before: int | None


class VersionContent(msgspec.Struct, frozen=True):
    """A version with the store's configuration, as its draft was."""

    version: VersionFacts
    config: StoreConfig


class Sentence(msgspec.Struct, frozen=True):
    """One change, and a word for what it is about."""

    about: str
    said: str


class Differences(msgspec.Struct, frozen=True):
    """What differs for visitors, as sentences with a word for their kind."""

    changes: list[Sentence]


class VersionsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``before``: older than the version with this number."""

    before: Number = MAX_NUMBER
    limit: Limit = PAGE


class DiffQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers of versions. Without ``to`` the draft is meant, without ``from`` what is live."""

    from_: Number | None = msgspec.field(default=None, name="from")
    to: Number | None = None


class RollbackBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The number of the version to go back to."""

    number: Number


async def listed(ask: Ask) -> VersionList:
    store, query = await of(ask.connection, ask.user, ask.path["store"]), ask.query
    every = await stores.every_version(ask.connection, store.key)
    found = [one for one in every if one.number < query.before]
    page = found[: query.limit]
    before = page[-1].number if len(found) > len(page) else None
    return VersionList([_facts(one) for one in page], before)


async def show(ask: Ask) -> object:
    store, text = await of(ask.connection, ask.user, ask.path["store"]), ask.path["number"]
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    version = await _numbered(ask.connection, store.key, number)
    content = storefile.plain(version.own or version.config)
    return {"version": _facts(version), "config": content}


async def diff(ask: Ask) -> Differences:
    c, query = ask.connection, ask.query
    key = (await of(c, ask.user, ask.path["store"])).key
    before: Version | None
    after: Version | Draft
    before = await _numbered(c, key, query.from_) if query.from_ else await stores.current(c, key)
    after = await _numbered(c, key, query.to) if query.to else await stores.drafted(c, key)
    services = ask.services
    told = changes.told(before, after, services.regions, on=services.now().date())
    return Differences(sentences(told))


async def make_live(order: Order) -> VersionFacts:
    services, seen = order.services, order.match()
    async with services.database.read() as c:
        store = await of(c, order.user, order.path["store"])
        key = store.key
    known = files(services)._asdict()
    return _facts(
        await publish.publish(
            services.database, key, **known, now=services.now, shown=seen, by=order.user
        )
    )


async def roll_back(order: Order) -> VersionFacts:
    services, number, seen = order.services, order.body.number, order.match()
    async with services.database.read() as c:
        key = (await of(c, order.user, order.path["store"])).key
    known = files(services)._asdict()
    return _facts(
        await publish.roll_back(
            services.database, key, number, **known, now=services.now, shown=seen, by=order.user
        )
    )


def sentences(told: Sequence[Told]) -> list[Sentence]:
    return [Sentence(one.about, one.said) for one in told]


async def _numbered(c: AsyncConnection, key: str, number: int) -> Version:
    found = await stores.version(c, key, number)
    if found is None:
        raise NotFoundError("unknown_version", f"version: {key} has no version {number}")
    return found


def _facts(version: Version) -> VersionFacts:
    return VersionFacts(
        version.number,
        version.sha256,
        version.published_at,
        version.asks_since,
        version.config.group or None,
    )


OPERATIONS = (
    Operation(
        *("versions.list", "GET", f"{PATH}/versions", "stores:read", listed),
        "What the store has published, newest first.",
        VersionList,
        VersionsQuery,
    ),
    Operation(
        *("versions.get", "GET", f"{PATH}/versions/{{number}}", "stores:read", show),
        "One version, with its configuration.",
        VersionContent,
    ),
    Operation(
        *("versions.diff", "GET", f"{PATH}/diff", "stores:read", diff),
        "What differs for visitors between two versions, or between one and the draft.",
        Differences,
        DiffQuery,
    ),
    Operation(
        *("versions.publish", "POST", f"{PATH}/publish", "stores:publish", make_live),
        "Makes the draft the next version, live within a second.",
        VersionFacts,
        match="required",
    ),
    Operation(
        *("versions.rollback", "POST", f"{PATH}/rollback", "stores:write", roll_back),
        "Publishes what an earlier version had as the next one. The draft of If-Match is lost.",
        VersionFacts,
        body=RollbackBody,
        match="required",
    ),
)
