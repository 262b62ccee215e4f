"""Stores through the API: their drafts, what is wrong with them, and what their pages need."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import csp, drafts, publish, review, storefile, stores
from consent.errors import ForbiddenError, NotFoundError, RefusedError
from consent.model import StoreConfig, User
from consent.platforms import custom
from consent.stores import Draft, StoreSummary
from consent.web.admin import access
from consent.web.api.operation import (
    JSON,
    PAGE,
    TOML,
    Ask,
    Limit,
    Operation,
    Order,
    Reply,
    Text,
    files,
)
from consent.web.services import Services


class StoreFacts(msgspec.Struct, frozen=True):
    """A store. ``changed``: its draft, or its group's template, is not what is published."""

    key: str
    name: str
    group: str | None
    published: int | None
    published_at: dt.datetime | None
    changed: bool


class StoreList(msgspec.Struct, frozen=True):
    """By key. ``after``: what the next page goes on from; None: this is the last."""

    stores: list[StoreFacts]
    after: str | None


class StoreState(msgspec.Struct, frozen=True):
    """One store, and the SHA-256 of its draft with its group's template."""

    store: StoreFacts
    draft_sha256: str


class Faults(msgspec.Struct, frozen=True):
    """Why the draft cannot be published, each as ``key: fault``; and where less holds than asked.

    ``unreviewed`` are the store's own pixels that somebody has to look at, by id with the SHA-256
    of what is to be looked at.
    """

    faults: list[str]
    notes: list[str]
    unreviewed: dict[str, str]


class Saved(msgspec.Struct, frozen=True):
    """The draft as it is now. ``faults`` are those that keep it from being published."""

    sha256: str
    created: bool
    faults: list[str]


class Snippet(msgspec.Struct, frozen=True):
    """What the owner pastes into every page, as the first script of its head."""

    snippet: str


class Policy(msgspec.Struct, frozen=True):
    """The Content-Security-Policy that the store's pages need, by directive."""

    policy: dict[str, tuple[str, ...]]
    notes: list[str]


class ListQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``q`` is part of a key or a name."""

    q: Text = ""
    after: Text = ""
    limit: Limit = PAGE


class ReviewBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``pixel``: the id of the store's own. ``sha256``: of what was looked at; see the faults."""

    pixel: Annotated[str, Meta(min_length=1, max_length=200)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


async def of(c: AsyncConnection, user: User, key: str) -> StoreSummary:
    """The store called ``key``, if ``user`` may see it.

    Raises:
        NotFoundError: it is none of those. Whether it exists elsewhere is not said.
    """
    store = access.pick(await access.visible(c, user), key)
    if store is None:
        raise access.no_such_store(key)
    return store


async def listed(ask: Ask) -> StoreList:
    query = ask.query
    wanted = query.q.lower()
    every = sorted(await access.visible(ask.connection, ask.user), key=lambda store: store.key)
    found = [
        store
        for store in every
        if store.key > query.after and (wanted in store.key or wanted in store.name.lower())
    ]
    page = found[: query.limit]
    after = page[-1].key if len(found) > len(page) else None
    return StoreList([_facts(store) for store in page], after)


async def show(ask: Ask) -> StoreState:
    store = await of(ask.connection, ask.user, ask.path["store"])
    draft = await stores.drafted(ask.connection, store.key)
    return StoreState(_facts(store), draft.sha256)


async def draft(ask: Ask) -> Reply:
    """In TOML where ``Accept`` asks for it."""
    store = await of(ask.connection, ask.user, ask.path["store"])
    found = await stores.drafted(ask.connection, store.key)
    if TOML in ask.request.headers.get("accept", ""):
        return Reply(storefile.to_toml(found.own), found.sha256, TOML)
    return Reply(storefile.plain(found.own), found.sha256)


async def put(order: Order) -> Reply:
    """A store that is new, or another draft of one that was seen."""
    services, user, config = order.services, order.user, order.body
    key, seen = order.path["store"], order.match_or_none()
    async with services.database.write() as c:
        await _check_put(c, user, key, config, seen)
        at, known = services.now(), files(services)
        found = await drafts.faults(c, config, known, on=at.date())
        if found:
            raise RefusedError("unfit", "; ".join(found))
        saved = await drafts.save(c, config, by=user, at=at, shown=seen)
    waiting = _faults(services, saved)
    return Reply(Saved(saved.sha256, not seen, waiting), saved.sha256, JSON, 200 if seen else 201)


async def check(ask: Ask) -> Faults:
    store = await of(ask.connection, ask.user, ask.path["store"])
    services = ask.services
    found = await stores.drafted(ask.connection, store.key)
    faults, on = _faults(services, found), services.now().date()
    known = all(services.platforms.knows(pixel) for pixel in found.config.pixels)
    return Faults(
        faults,
        publish.notes(found.config, services.platforms, services.regions, on=on) if known else [],
        {
            pixel.id: custom.digest(pixel)
            for pixel in found.own.pixels
            if pixel.custom and custom.unreviewed(pixel)
        },
    )


async def reviewed(order: Order) -> Saved:
    """That the token's user has looked at a pixel of the store's own."""
    services, user, body = order.services, order.user, order.body
    async with services.database.write() as c:
        key = (await of(c, user, order.path["store"])).key
        at = services.now()
        await review.note(c, key, body.pixel, seen=body.sha256, by=user.email, now=at)
        found = await stores.drafted(c, key)
    return Saved(found.sha256, False, _faults(services, found))


async def snippet(ask: Ask) -> Snippet:
    store = await of(ask.connection, ask.user, ask.path["store"])
    services = ask.services
    return Snippet(services.composer.snippet(store.key, services.settings.public_url))


async def policy(ask: Ask) -> Policy:
    """Of the draft, whose pixels have to be without faults."""
    store = await of(ask.connection, ask.user, ask.path["store"])
    config = (await stores.drafted(ask.connection, store.key)).config
    platforms = ask.services.platforms
    if said := "; ".join(publish.pixel_faults(config, platforms)):
        raise RefusedError("unfit", said)
    found = csp.policy(config, platforms, ask.services.settings.public_url)
    return Policy(
        {name: tuple(values) for name, values in found.items()}, csp.notes(config, platforms)
    )


async def _check_put(
    c: AsyncConnection, user: User, key: str, config: StoreConfig, seen: str
) -> None:
    """Whether this user may save this content under this key, without telling of others' stores."""
    if config.key != key:
        fault = f"key: {config.key[:40]!r}; expected {key[:40]!r}, as the address says"
        raise RefusedError("other_key", fault)
    if user.everywhere:
        if seen:
            await of(c, user, key)
        return
    if not seen:
        raise ForbiddenError("role", "a new store is for users of all stores; ask an owner of them")
    store = await of(c, user, key)
    if config.group != (store.group or ""):
        raise NotFoundError("unknown_group", f"group: {config.group[:40]!r} is not known")


def _faults(services: Services, found: Draft) -> list[str]:
    on = services.now().date()
    return publish.check(found.own, *files(services), on=on, template=found.template)


def _facts(store: StoreSummary) -> StoreFacts:
    names = StoreFacts.__struct_fields__
    return StoreFacts(**{name: getattr(store, name) for name in names})


PATH = "/stores/{store}"
OPERATIONS = (
    Operation(
        *("stores.list", "GET", "/stores", "stores:read", listed),
        "The stores that the token's user sees.",
        StoreList,
        ListQuery,
    ),
    Operation(
        *("stores.get", "GET", PATH, "stores:read", show),
        "One store: what is published, and whether the draft differs.",
        StoreState,
    ),
    Operation(
        *("stores.draft.get", "GET", f"{PATH}/draft", "stores:read", draft),
        "The draft, as JSON or as the TOML file of the store. Putting it back changes nothing.",
        StoreConfig,
        media=(JSON, TOML),
    ),
    Operation(
        *("stores.draft.put", "PUT", f"{PATH}/draft", "stores:write", put),
        "A new draft. Visitors notice nothing before it is published.",
        Saved,
        body=StoreConfig,
        file="store",
        match="or none",
        also=(201,),
    ),
    Operation(
        *("stores.check", "GET", f"{PATH}/check", "stores:read", check),
        "Why the draft cannot be published, and where less holds than it asks for.",
        Faults,
    ),
    Operation(
        *("stores.review", "POST", f"{PATH}/reviews", "pixels:review", reviewed),
        "Says that the token's user has looked at a pixel of the store's own.",
        Saved,
        body=ReviewBody,
    ),
    Operation(
        *("stores.snippet", "GET", f"{PATH}/snippet", "stores:read", snippet),
        "What is pasted into every page of the store.",
        Snippet,
    ),
    Operation(
        *("stores.csp", "GET", f"{PATH}/csp", "stores:read", policy),
        "The Content-Security-Policy that the draft's pages need.",
        Policy,
    ),
)
