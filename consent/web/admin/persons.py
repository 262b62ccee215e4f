"""Whom an owner may do something about: the users with a role that is the owner's to give.

An owner of some stores sees and changes the roles for those alone. Of a user who has roles beyond
them nothing else is shown, and neither the account nor its sessions can be ended.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from consent import accounts, groups
from consent.errors import ForbiddenError, NotFoundError, RefusedError
from consent.model import Grant, User
from consent.stores import StoreSummary
from consent.web.admin import access


class Scope(NamedTuple):
    """Where an owner may say who does what."""

    user: User
    stores: list[StoreSummary]
    groups: list[groups.GroupSummary]

    def holds(self, grant: Grant) -> bool:
        if self.user.everywhere:
            return True
        if grant.store is not None:
            return any(store.key == grant.store for store in self.stores)
        return any(grant.group and group.key == grant.group for group in self.groups)


class Person(NamedTuple):
    """A user as an owner sees them. ``whole``: all of the user's roles are the owner's to give."""

    user: User
    grants: list[Grant]
    whole: bool


async def scope_of(c: AsyncConnection, user: User) -> Scope:
    own = {grant.group for grant in user.acting}
    every = await groups.all_groups(c)
    seen = [group for group in every if user.everywhere or group.key in own]
    return Scope(user, await access.visible(c, user), seen)


async def person(c: AsyncConnection, scope: Scope, id_: str) -> Person:
    """The user whom an address names, as the owner sees them.

    Raises:
        NotFoundError: there is none with a role that is the owner's to give.
    """
    number = int(id_) if id_.isascii() and id_.isdigit() and len(id_) < 10 else 0
    user = await accounts.by_id(c, number)
    found = seen(scope, user) if user is not None else None
    if found is None:
        raise NotFoundError("no_such_user", f"there is no user {id_[:20]!r}")
    return found


def seen(scope: Scope, user: User) -> Person | None:
    grants = [grant for grant in user.grants if scope.holds(grant)]
    if not grants and not scope.user.everywhere:
        return None
    return Person(user, grants, len(grants) == len(user.grants))


def whole(one: Person) -> Person:
    """``one``, all of whose roles are the owner's to give.

    Raises:
        ForbiddenError: some are not.
    """
    if not one.whole:
        raise ForbiddenError("role", "this account is not yours alone to change; take its roles")
    return one


async def check_owners(c: AsyncConnection, before: User) -> None:
    """Refuses a change of a user after which nobody would own the installation.

    Raises:
        RefusedError: no one who may sign in would be owner of every store.
    """
    if Grant("owner") not in before.grants:
        return
    for user in await accounts.all_users(c):
        if user.disabled_at is None and Grant("owner") in user.grants:
            return
    raise RefusedError("last_owner", "nobody else is owner of every store; make another one first")
