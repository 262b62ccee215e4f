"""What is not live yet, in plain words; publishing it; the versions of a store, and going back."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse, Response

from consent import activity, publish, schedules, stores
from consent.activity import ActivityFilter
from consent.errors import ConflictError, ForbiddenError, NotFoundError, RefusedError
from consent.model import User, Version
from consent.schedules import Schedule
from consent.web.admin import access, diff, pages, states, words
from consent.web.admin.door import Post, Visit
from consent.web.admin.sought import ZONES
from consent.web.admin.states import State
from consent.web.services import Services

TOLD = 10
"""How many versions of a list say what they changed; of the others one asks."""


class Line(NamedTuple):
    """One version in the list: who published it, and what it changed; None: that is not told."""

    version: Version
    by: str
    changes: list[str] | None
    live: bool


class Scheduled(NamedTuple):
    """A version at a set time; ``local``: when, as clocks show it where that was said."""

    one: Schedule
    local: dt.datetime


async def show(visit: Visit) -> Response:
    """The draft beside what is live."""
    key = visit.request.path_params["key"]
    state = await states.of(visit.services, visit.connection, visit.user, key)
    return page(visit.services, visit.user, state, {})


async def make_live(post: Post) -> Response:
    """Publishes the draft, if it is the one that the page had shown and has no faults."""
    services, key = post.services, post.request.path_params["key"]
    async with services.database.read() as c:
        state = await states.of(services, c, post.user, key)
    try:
        version = await publish_shown(post, key)
    except RefusedError as error:
        refused, status = why_not(error)
        return page(services, post.user, state, {"refused": refused}, status=status)
    return RedirectResponse(address(key, done=str(version.number)), status_code=303)


async def publish_shown(post: Post, key: str) -> Version:
    """Publishes the draft of the store ``key``, if it is the one that the page had shown.

    Raises:
        ConflictError, ForbiddenError, RefusedError: see ``publish.publish``.
    """
    services = post.services
    return await publish.publish(
        services.database,
        key,
        platforms=services.platforms,
        regions=services.regions,
        texts=services.texts,
        now=services.now,
        shown=post.fields.get("draft", ""),
        by=post.user,
    )


def why_not(error: RefusedError) -> tuple[str, int]:
    """What the page that had shown the draft says, and the status; its faults stand there already.

    Raises:
        RefusedError: ``error`` is about something else.
    """
    if isinstance(error, ConflictError):
        return error.detail, 409
    if isinstance(error, ForbiddenError):
        return error.detail, 403
    if error.code != "unfit":
        raise error
    return "the draft has faults", 422


async def versions(visit: Visit) -> Response:
    """The versions of a store, newest first, and what differs between two of them."""
    services, c, query = visit.services, visit.connection, visit.request.query_params
    found = await access.visible(c, visit.user)
    key = query.get("store", "") or (found[0].key if len(found) == 1 else "")
    if not key:
        chooser = {"here": "regions", "stores": found}
        return pages.render("versionstores.html", chooser, user=visit.user)
    state = await states.of(services, c, visit.user, key)
    every = await stores.every_version(c, key)
    names = await _publishers(visit, key)
    lines = [
        Line(
            version,
            names.get(version.number, ""),
            diff.said(services, before, version) if index < TOLD else None,
            index == 0,
        )
        for index, (version, before) in enumerate(zip(every, [*every[1:], None], strict=True))
    ]
    context: dict[str, Any] = {
        "here": "regions",
        "state": state,
        "lines": lines,
        "compared": _compared(services, every, query),
        "done": query.get("done", ""),
        "scheduled": query.get("scheduled", ""),
        "cancelled": query.get("cancelled", ""),
        "schedules": [
            Scheduled(one, one.due_at.astimezone(zoneinfo.ZoneInfo(one.zone)))
            for one in await schedules.of_store(c, key, limit=12)
        ],
        "may_change": access.may_change(visit.user, "regions", state.store),
    }
    return pages.render("versions.html", context, user=visit.user)


async def roll_back(post: Post) -> Response:
    """Publishes what an earlier version had, if draft and live version are as the page had them."""
    services, fields, key = post.services, post.fields, post.request.path_params["key"]
    async with services.database.read() as c:
        state = await states.of(services, c, post.user, key)
        target = await _target(c, state, fields.get("to", ""))
    live = str(state.live.number) if state.live else ""
    if (fields.get("live"), fields.get("draft")) != (live, state.draft.sha256):
        told = {"refused": "the draft or what is live has changed meanwhile; look at it anew"}
        return _confirm(services, post.user, state, target, told, status=409)
    try:
        version = await publish.roll_back(
            services.database,
            key,
            target.number,
            platforms=services.platforms,
            regions=services.regions,
            texts=services.texts,
            now=services.now,
            by=post.user,
        )
    except RefusedError as error:
        if error.code != "unfit":
            raise
        told = {"refused": error.detail}
        return _confirm(services, post.user, state, target, told, status=422)
    return RedirectResponse(address(key, done=str(version.number)), status_code=303)


async def confirm(visit: Visit) -> Response:
    """What going back to an earlier version would change."""
    key = visit.request.path_params["key"]
    state = await states.of(visit.services, visit.connection, visit.user, key)
    target = await _target(visit.connection, state, visit.request.query_params.get("to", ""))
    return _confirm(visit.services, visit.user, state, target, {})


def address(key: str, **more: str) -> str:
    return f"/admin/versions?{urlencode({'store': key, **more})}"


def page(
    services: Services, user: User, state: State, said: Mapping[str, Any], status: int = 200
) -> Response:
    draft = state.draft
    faults = publish.check(
        draft.own,
        services.platforms,
        services.regions,
        services.texts,
        on=services.now().date(),
        template=draft.template,
    )
    notes = [] if faults else _notes(services, state)
    context = {
        "here": "regions",
        "state": state,
        "changes": diff.said(services, state.live, state.version),
        "asks": diff.asks(services, state.live, state.version),
        "draft": draft.sha256,
        "unfit": faults,
        "notes": notes,
        "may_change": access.may_change(user, "regions", state.store),
        "publishers": words.listed(access.who_may("regions"), "or"),
        "refused": "",
        "zones": ZONES,
        "given": {},
        "today": services.now().date(),
        **said,
    }
    return pages.render("publish.html", context, user=user, status=status)


def _notes(services: Services, state: State) -> list[str]:
    on = services.now().date()
    return publish.notes(state.version.config, services.platforms, services.regions, on=on)


def _confirm(
    services: Services,
    user: User,
    state: State,
    target: Version,
    said: Mapping[str, Any],
    status: int = 200,
) -> Response:
    context = {
        "here": "regions",
        "state": state,
        "target": target,
        "changes": diff.said(services, state.live, target),
        "lost": diff.said(services, state.live, state.version) if state.differs else [],
        "may_change": access.may_change(user, "regions", state.store),
        "refused": "",
        **said,
    }
    return pages.render("rollback.html", context, user=user, status=status)


async def _target(c: AsyncConnection, state: State, number: str) -> Version:
    """The version that one wants to go back to.

    Raises:
        NotFoundError: there is none with that number, or nothing is live.
    """
    key = state.store.key
    found = None
    if number.isascii() and number.isdigit() and len(number) < 9:
        found = await stores.version(c, key, int(number))
    if found is None or state.live is None:
        raise NotFoundError("no_such_version", f"{key} has no version {number[:12]!r}")
    return found


def _compared(
    services: Services, every: list[Version], query: Mapping[str, str]
) -> dict[str, Any] | None:
    """The difference that the address asks for; None when it asks for none."""
    numbers = {str(version.number): version for version in every}
    if "from" not in query or "to" not in query:
        return None
    before, after = numbers.get(query["from"]), numbers.get(query["to"])
    if before is None or after is None:
        found = query["from"] if before is None else query["to"]
        raise RefusedError("bad_version", f"version: {found[:12]!r} is none of this store")
    return {
        "before": before,
        "after": after,
        "changes": diff.said(services, before, after),
        "asks": diff.asks(services, before, after),
    }


async def _publishers(visit: Visit, key: str) -> dict[int, str]:
    """Who published each version, as far as it was noted."""
    filter_ = ActivityFilter(stores=(key,), what="publishing")
    found = await activity.search(visit.connection, filter_, limit=1000)
    return {int(one.subject): one.email for one in found if one.subject.isdigit()}
