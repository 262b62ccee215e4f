"""Who may sign in, and what for."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

Role = Literal["owner", "marketer", "legal", "developer"]
Scope = Literal[
    "stores:read",  # drafts, versions, snippets and policies
    "stores:write",  # drafts, and going back to an earlier version
    "stores:publish",
    "pages:scan",  # having pages of a store fetched and looked at
    "pixels:review",  # a store's own code
    "regions:read",  # region rules, and why which law holds
    "regions:approve",  # rules that are looser than the law
    "groups:read",
    "groups:write",  # templates, and applying them
    "rates:read",
    "coverage:read",
    "ledger:read",
    "activity:read",
    "visitors:erase",
    "users:read",
    "users:write",  # roles, invitations, and who may sign in at all
]
"""What an API token may be good for; never more than what its user may do at that moment."""


class Grant(msgspec.Struct, frozen=True):
    """A role for one store, for one group of stores, or for every store, where neither is named."""

    role: Role
    store: str | None = None
    group: str | None = None

    @property
    def everywhere(self) -> bool:
        return self.store is None and self.group is None

    def covers(self, store: str, group: str | None) -> bool:
        """Whether it holds for the store with this key, which is in ``group``."""
        if self.everywhere:
            return True
        return self.store == store or (self.group is not None and self.group == group)

    @property
    def where(self) -> str:
        return f"group {self.group}" if self.group is not None else self.store or "every store"

    def __str__(self) -> str:
        return f"{self.role} of {self.where}"


class User(msgspec.Struct, frozen=True):
    """Someone who may sign in."""

    id: int
    email: str
    grants: tuple[Grant, ...]
    created_at: dt.datetime
    disabled_at: dt.datetime | None
    acting: tuple[Grant, ...] = ()
    """Those of the grants by which the user asks for what is answered now; none unless said."""
    second_factor: bool = False
    """Whether signing in takes a code too."""
    has_password: bool = True
    """False: only an OpenID provider lets them in."""

    @property
    def everywhere(self) -> bool:
        """Whether one of the grants asked by holds for every store."""
        return any(grant.everywhere for grant in self.acting)


class Token(msgspec.Struct, frozen=True):
    """What a program uses the API with. The secret itself is kept nowhere."""

    id: int
    name: str
    user_id: int
    email: str
    scopes: tuple[Scope, ...]
    created_at: dt.datetime
    expires_at: dt.datetime
    used_on: dt.date | None
    """The last day on which it was used, in UTC; None: never."""
    revoked_at: dt.datetime | None

    def holds(self, at: dt.datetime) -> bool:
        return self.revoked_at is None and at < self.expires_at
