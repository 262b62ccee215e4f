"""Who may open which page, and whose stores they see. The one table of both."""

from __future__ import annotations

from typing import Literal, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from consent import stores
from consent.errors import ForbiddenError, NotFoundError
from consent.model import Role, User

Page = Literal["rates", "coverage", "ledger", "activity", "regions", "groups", "pixels", "stores"]

PAGES: dict[Role, tuple[Page, ...]] = {
    "owner": ("rates", "coverage", "ledger", "activity", "regions", "groups", "pixels", "stores"),
    "developer": ("rates", "coverage", "ledger", "regions", "groups", "pixels", "stores"),
    "marketer": ("rates", "coverage", "regions", "pixels"),
    "legal": ("ledger", "activity", "regions", "groups", "pixels"),
}
"""The pages of each role; the first one is where it lands after signing in."""

Change = Literal["pixels", "reviews", "regions", "approvals", "erasures"]

CHANGES: dict[Role, tuple[Change, ...]] = {
    "owner": ("pixels", "reviews", "regions", "erasures"),
    "developer": ("pixels", "regions"),
    "marketer": ("pixels",),
    "legal": ("reviews", "approvals", "erasures"),
}
"""What each role may change: pixels, what was said of a store's own code, the rules of regions,
whether a rule may be looser than the law, and that a visitor is erased.
"""

_NAMES: dict[Page, str] = {
    "rates": "Decline rates",
    "coverage": "Signal coverage",
    "ledger": "Ledger",
    "activity": "Activity",
    "regions": "Regions",
    "groups": "Groups",
    "pixels": "Pixels",
    "stores": "Stores",
}


class Link(NamedTuple):
    key: Page
    name: str
    href: str


def navigation(user: User) -> list[Link]:
    return [Link(page, _NAMES[page], f"/admin/{page}") for page in PAGES[user.role]]


def check(user: User, page: Page) -> None:
    """Raises ForbiddenError when the role of ``user`` does not open ``page``."""
    if page not in PAGES[user.role]:
        raise ForbiddenError(
            "role", f"the {user.role} role does not open {_NAMES[page].lower()}; ask an owner"
        )


def may_change(user: User, what: Change) -> bool:
    return what in CHANGES[user.role]


def who_may(what: Change) -> list[Role]:
    """The roles that change ``what``."""
    return [role for role, those in CHANGES.items() if what in those]


def check_change(user: User, what: Change) -> None:
    """Raises ForbiddenError when the role of ``user`` does not change ``what``."""
    if not may_change(user, what):
        raise ForbiddenError("role", f"the {user.role} role does not change {what}; ask an owner")


async def visible(c: AsyncConnection, user: User) -> list[stores.StoreSummary]:
    """The stores that ``user`` may see, by name."""
    found = [s for s in await stores.all_stores(c) if user.store in (None, s.key)]
    return sorted(found, key=lambda store: (store.name.lower(), store.key))


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
