"""Who may open which page, and whose stores they see. The one table of both; what each role may
change stands in ``consent.roles``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import roles, stores
from consent.errors import ForbiddenError, NotFoundError
from consent.model import Grant, Role, Scope, Token, User
from consent.parsing import EVERYBODY
from consent.roles import CHANGES, Change, who_may

__all__ = ("CHANGES", "Change", "who_may")

Page = Literal[
    "rates",
    "coverage",
    "ledger",
    "activity",
    "regions",
    "groups",
    "pixels",
    "stores",
    "users",
]

PAGES: dict[Role, tuple[Page, ...]] = {
    "owner": (
        *("rates", "coverage", "ledger", "activity", "regions", "groups", "pixels", "stores"),
        "users",
    ),
    "developer": ("rates", "coverage", "ledger", "regions", "groups", "pixels", "stores"),
    "marketer": ("rates", "coverage", "regions", "pixels"),
    "legal": ("ledger", "activity", "regions", "groups", "pixels"),
}
"""The pages of each role; the first one is where it lands after signing in."""

SCOPES: dict[Scope, tuple[Page | None, tuple[Change, ...]]] = {
    "stores:read": ("pixels", ()),
    "stores:write": (None, ("pixels", "regions")),
    "stores:publish": (None, ("pixels",)),
    "pages:scan": (None, ("pixels",)),
    "pixels:review": (None, ("reviews",)),
    "regions:read": ("regions", ()),
    "regions:approve": (None, ("approvals",)),
    "groups:read": ("groups", ()),
    "groups:write": (None, ("regions",)),
    "rates:read": ("rates", ()),
    "coverage:read": ("coverage", ()),
    "ledger:read": ("ledger", ()),
    "activity:read": ("activity", ()),
    "visitors:erase": (None, ("erasures",)),
    "users:read": ("users", ()),
    "users:write": (None, ("people",)),
}
"""What a user has to be able to open and to change for a token of theirs to be good for it."""

_NAMES: dict[Page, str] = {
    "rates": "Decline rates",
    "coverage": "Signal coverage",
    "ledger": "Ledger",
    "activity": "Activity",
    "regions": "Regions",
    "groups": "Groups",
    "pixels": "Pixels",
    "stores": "Stores",
    "users": "Users",
}


class Link(NamedTuple):
    key: Page
    name: str
    href: str


def pages(user: User) -> list[Page]:
    """The pages that any of the user's roles opens, the own work first."""
    roles = {grant.role for grant in user.grants}
    return [page for page in PAGES["owner"] if any(page in PAGES[role] for role in roles)]


def navigation(user: User) -> list[Link]:
    return [Link(page, _NAMES[page], f"/admin/{page}") for page in pages(user)]


def lacks_second_factor(user: User, required: Sequence[str]) -> bool:
    """Whether the user has to set up a second factor first.

    ``required``: the setting ``CONSENT_SECOND_FACTOR``.
    """
    roles = {grant.role for grant in user.grants}
    return not user.second_factor and not {EVERYBODY, *roles}.isdisjoint(required)


def opening(user: User, page: Page | None) -> User:
    """``user``, asking by the grants whose roles open ``page``; None: by all.

    Raises:
        ForbiddenError: no role of the user does.
    """
    what = f"open {_NAMES[page].lower()}" if page else ""
    return _acting(user, PAGES, page, what)


def changing(user: User, what: Change | None) -> User:
    """``user``, asking by the grants whose roles change ``what``; None: by all.

    Raises:
        ForbiddenError: no role of the user does.
    """
    return _acting(user, CHANGES, what, f"change {what}")


def _acting(user: User, table: Mapping[Role, Sequence[str]], wanted: str | None, what: str) -> User:
    if wanted is None:
        return msgspec.structs.replace(user, acting=user.grants)
    those = tuple(grant for grant in user.grants if wanted in table[grant.role])
    if not those:
        raise ForbiddenError("role", f"{_whose(user)} does not {what}; ask an owner")
    return msgspec.structs.replace(user, acting=those)


def _whose(user: User) -> str:
    roles = {grant.role for grant in user.grants}
    return f"the {roles.pop()} role" if len(roles) == 1 else "none of your roles"


def may_change(user: User, what: Change, store: stores.StoreSummary | None = None) -> bool:
    """Whether the user may change ``what`` of ``store``; None: of any of those that are seen."""
    if store is not None:
        return roles.may_change(user, what, store.key, store.group)
    return any(what in CHANGES[grant.role] for grant in user.acting)


def may_add_stores(user: User) -> bool:
    """Whether the user may begin a new store: by a role that changes rules, and holds for all."""
    return any(grant.everywhere and "regions" in CHANGES[grant.role] for grant in user.grants)


def check_change(user: User, what: Change) -> None:
    """Raises ForbiddenError when the user may not change ``what`` anywhere."""
    if not may_change(user, what):
        raise ForbiddenError("role", f"{_whose(user)} does not change {what}; ask an owner")


def scopes_of(user: User) -> list[Scope]:
    """What a token of ``user`` can be good for now, in some of the stores at least."""
    return [scope for scope in SCOPES if any(_allows(grant, scope) for grant in user.grants)]


def using(user: User, token: Token, scope: Scope | None) -> User:
    """``user``, asking by the grants that allow ``scope``; None: by all.

    Raises:
        ForbiddenError: ``token`` is not good for it, or no role of its user allows it now.
    """
    if scope is None:
        return msgspec.structs.replace(user, acting=user.grants)
    if scope not in token.scopes:
        given = ", ".join(token.scopes)
        raise ForbiddenError("scope", f"scope: the token has {given}; expected {scope}")
    those = tuple(grant for grant in user.grants if _allows(grant, scope))
    if not those:
        raise ForbiddenError("role", f"scope: {_whose(user)} does not allow {scope}; ask an owner")
    return msgspec.structs.replace(user, acting=those)


def _allows(grant: Grant, scope: Scope) -> bool:
    page, changes = SCOPES[scope]
    opens = page is None or page in PAGES[grant.role]
    return opens and all(change in CHANGES[grant.role] for change in changes)


async def visible(c: AsyncConnection, user: User) -> list[stores.StoreSummary]:
    """The stores that ``user`` may see by the grants asked by, by name."""
    found = [
        store
        for store in await stores.all_stores(c)
        if any(grant.covers(store.key, store.group) for grant in user.acting)
    ]
    return sorted(found, key=lambda store: (store.name.lower(), store.key))


async def own(c: AsyncConnection, user: User) -> tuple[str, ...] | None:
    """The keys of those stores; None for every store there is, and all that is about none."""
    if user.everywhere:
        return None
    return tuple(store.key for store in await visible(c, user))


def pick(found: list[stores.StoreSummary], key: str) -> stores.StoreSummary | None:
    """The store called ``key`` among those that may be seen; None for an empty key: all of them.

    Raises:
        NotFoundError: it is none of them. Whether it exists elsewhere is not said.
    """
    if not key:
        return None
    for store in found:
        if store.key == key:
            return store
    raise no_such_store(key)


def no_such_store(key: str) -> NotFoundError:
    return NotFoundError("no_such_store", f"there is no store {key[:40]!r}")
