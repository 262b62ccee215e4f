"""Erasing a visitor: the page that asks once more, and what is said of it ever after."""

from __future__ import annotations

import uuid
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse, Response

from consent import erasures, ledger
from consent.errors import GoneError, NotFoundError, RefusedError
from consent.model import User
from consent.web.admin import access, decision, pages
from consent.web.admin.door import Post, Visit


class Holding(NamedTuple):
    """A store, and how many decisions of the visitor are in it."""

    key: str
    name: str
    n: int


async def confirm(visit: Visit) -> Response:
    access.check_change(visit.user, "erasures")
    visitor = visitor_in(visit.request.path_params["visitor"])
    return await _ask(visit.connection, visit.user, visitor)


async def erase(post: Post) -> Response:
    """Erases the visitor's records in the store that the form names, for the reason in it."""
    visitor = visitor_in(post.request.path_params["visitor"])
    store, reason = post.fields.get("store", ""), post.fields.get("reason", "")
    async with post.services.database.read() as c:
        keys = [one.key for one in await access.visible(c, post.user)]
    if store not in keys:
        raise access.no_such_store(store)
    try:
        await post.services.eraser.visitor(store, visitor, reason, by=post.user)
    except RefusedError as error:
        if error.code != "bad_reason":
            raise
        fault = error.detail.removeprefix("reason: ")
        async with post.services.database.read() as c:
            return await _ask(c, post.user, visitor, reason, fault)
    return RedirectResponse(f"/admin/ledger/visitors/{visitor}", status_code=303)


async def _ask(
    c: AsyncConnection,
    user: User,
    visitor: uuid.UUID,
    reason: str = "",
    fault: str = "",
) -> Response:
    found = await access.visible(c, user)
    holdings = [
        Holding(store.key, store.name, len(records))
        for store in found
        if (records := await ledger.history(c, store.key, visitor))
    ]
    if not holdings:
        for sentence in await said(c, user, visitor):
            raise GoneError("erased", sentence)
        raise NotFoundError("no_such_visitor", "there is no visitor with this id")
    context = {
        "here": "ledger",
        "visitor": visitor,
        "holdings": holdings,
        "reason": reason,
        "fault": fault,
    }
    return pages.render("erase.html", context, user=user, status=422 if fault else 200)


def visitor_in(text: str) -> uuid.UUID:
    """The visitor that an address names.

    Raises:
        NotFoundError: it is no id.
    """
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise NotFoundError("no_such_visitor", "there is no visitor with this id") from error


async def said(c: AsyncConnection, user: User, visitor: uuid.UUID) -> list[str]:
    """What was erased of ``visitor`` in the stores that ``user`` sees, each in a sentence."""
    found = await erasures.of_visitor_id(c, visitor)
    own = await access.own(c, user)
    return [decision.erased(one) for one in found if own is None or one.store in own]
