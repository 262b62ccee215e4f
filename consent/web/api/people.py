"""Who may sign in, through the API: users and their roles, and invitations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import accounts, activity, invitations, people
from consent.activity import Act
from consent.errors import ForbiddenError, NotFoundError, RefusedError
from consent.model import Grant, Role, User
from consent.web.admin import persons
from consent.web.admin.persons import Person
from consent.web.api.operation import Ask, Operation, Order, Text
from consent.web.services import MAX_NUMBER


class UserFacts(msgspec.Struct, frozen=True):
    """A user. ``roles`` are those that are the asker's to give; ``whole``: there are no others."""

    id: int
    email: str
    roles: list[Grant]
    disabled: bool
    whole: bool


class UserList(msgspec.Struct, frozen=True):
    users: list[UserFacts]


class RoleBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A role for one store, for one group of stores, or for every store where neither is named."""

    role: Role
    store: Text | None = None
    group: Text | None = None


class InvitationFacts(msgspec.Struct, frozen=True):
    """An invitation that nobody has used yet."""

    id: int
    email: str
    role: Grant
    ends_at: dt.datetime


class InvitationList(msgspec.Struct, frozen=True):
    """The newest first."""

    invitations: list[InvitationFacts]


class InvitationBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom, and which role; see ``RoleBody``."""

    email: Annotated[str, Meta(max_length=254)]
    role: Role
    store: Text | None = None
    group: Text | None = None


class Invited(msgspec.Struct, frozen=True):
    """The link, this once: only its SHA-256 is kept. No mail is sent."""

    link: str
    days: int


class WithdrawBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``id`` of an invitation."""

    id: Annotated[int, Meta(ge=1, le=MAX_NUMBER)]


async def listed(ask: Ask) -> UserList:
    scope = await persons.scope_of(ask.connection, ask.user)
    every = await accounts.all_users(ask.connection)
    return UserList([_facts(one) for each in every if (one := persons.seen(scope, each))])


async def grant(order: Order) -> UserFacts:
    async def change(c: AsyncConnection, one: Person) -> User:
        return await accounts.grant(c, one.user.email, await _asked(c, order))

    return await _changed(order, "granted", change)


async def revoke(order: Order) -> UserFacts:
    async def change(c: AsyncConnection, one: Person) -> User:
        after = await accounts.revoke(c, one.user.email, await _asked(c, order))
        await persons.check_owners(c, one.user)
        return after

    return await _changed(order, "revoked", change)


async def disable(order: Order) -> UserFacts:
    async def change(c: AsyncConnection, one: Person) -> User:
        persons.whole(one)
        if one.user.id == order.user.id:
            raise ForbiddenError("own_account", "user: nobody disables the own account")
        after = await accounts.disable(c, one.user.email, order.services.now())
        await persons.check_owners(c, one.user)
        return after

    return await _changed(order, "disabled", change)


async def enable(order: Order) -> UserFacts:
    async def change(c: AsyncConnection, one: Person) -> User:
        return await accounts.enable(c, persons.whole(one).user.email)

    return await _changed(order, "enabled", change)


async def waiting(ask: Ask) -> InvitationList:
    scope = await persons.scope_of(ask.connection, ask.user)
    found = await invitations.waiting(ask.connection, ask.services.now())
    return InvitationList(
        [
            InvitationFacts(one.id, one.email, one.grant, one.ends_at)
            for one in found
            if scope.holds(one.grant)
        ]
    )


async def invite(order: Order) -> Invited:
    services, body, now = order.services, order.body, order.services.now()
    async with services.database.write() as c:
        asked = await _asked(c, order)
        secret = await invitations.add(c, body.email, asked, now)
        await activity.add(c, people.invited(body.email, asked), by=order.user, at=now)
    return Invited(invitations.link(services.settings.public_url, secret), invitations.DAYS)


async def withdraw(order: Order) -> InvitationFacts:
    now = order.services.now()
    async with order.services.database.write() as c:
        scope = await persons.scope_of(c, order.user)
        for one in await invitations.waiting(c, now):
            if one.id == order.body.id and scope.holds(one.grant):
                await invitations.remove(c, one.id)
                detail = {"done": "withdrawn", "before": [str(one.grant)]}
                act = Act("invitation", one.grant.store, one.email, detail)
                await activity.add(c, act, by=order.user, at=now)
                return InvitationFacts(one.id, one.email, one.grant, one.ends_at)
    raise NotFoundError("no_such_invitation", "invitation: it is used, over or taken back")


async def _changed(
    order: Order, done: str, change: Callable[[AsyncConnection, Person], Awaitable[User]]
) -> UserFacts:
    """What ``change`` makes of the user whom the address names, noted in one word."""
    async with order.services.database.write() as c:
        scope = await persons.scope_of(c, order.user)
        one = await persons.person(c, scope, order.path["user"])
        after = await change(c, one)
        act = people.act(done, one.user, after)
        await activity.add(c, act, by=order.user, at=order.services.now())
        found = persons.seen(scope, after)
    # Whose last role is gone is no longer seen, but was changed.
    return _facts(found or Person(after, [], whole=False))


async def _asked(c: AsyncConnection, order: Order) -> Grant:
    """The role that was sent, where the asker may give it.

    Raises:
        RefusedError: both a store and a group.
        NotFoundError: there is no such place among those that are the asker's.
    """
    body = order.body
    if body.store and body.group:
        raise RefusedError("bad_place", "store: and a group; expected one of both, or none")
    asked = Grant(body.role, body.store or None, body.group or None)
    if not (await persons.scope_of(c, order.user)).holds(asked):
        raise NotFoundError("no_such_place", "store: there is no such store or group")
    return asked


def _facts(one: Person) -> UserFacts:
    return UserFacts(
        one.user.id, one.user.email, one.grants, one.user.disabled_at is not None, one.whole
    )


_USER = "/users/{user}"

OPERATIONS = (
    Operation(
        *("users.list", "GET", "/users", "users:read", listed),
        "Who may sign in, as far as their roles are the asker's to give.",
        UserList,
    ),
    Operation(
        *("users.grant", "POST", f"{_USER}/grant", "users:write", grant),
        "Gives a user one more role.",
        UserFacts,
        body=RoleBody,
    ),
    Operation(
        *("users.revoke", "POST", f"{_USER}/revoke", "users:write", revoke),
        "Takes a role from a user.",
        UserFacts,
        body=RoleBody,
    ),
    Operation(
        *("users.disable", "POST", f"{_USER}/disable", "users:write", disable),
        "Lets a user sign in no more, and ends every session and token of theirs.",
        UserFacts,
    ),
    Operation(
        *("users.enable", "POST", f"{_USER}/enable", "users:write", enable),
        "Lets a disabled user sign in again, with the password as it was.",
        UserFacts,
    ),
    Operation(
        *("invitations.list", "GET", "/invitations", "users:read", waiting),
        "Invitations that nobody has used yet.",
        InvitationList,
    ),
    Operation(
        *("invitations.make", "POST", "/invitations", "users:write", invite),
        "Makes a link by which somebody becomes a user; it is told this once.",
        Invited,
        body=InvitationBody,
    ),
    Operation(
        *("invitations.withdraw", "POST", "/invitations/withdraw", "users:write", withdraw),
        "Takes an invitation back.",
        InvitationFacts,
        body=WithdrawBody,
    ),
)
