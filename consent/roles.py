"""What each role may change, and what of it somebody may bring live. The one table of it."""

from __future__ import annotations

from typing import Literal

from consent.errors import ForbiddenError
from consent.model import Role, User, Version
from consent.stores import Draft

Change = Literal["pixels", "reviews", "regions", "approvals", "erasures", "people"]

CHANGES: dict[Role, tuple[Change, ...]] = {
    "owner": ("pixels", "reviews", "regions", "erasures", "people"),
    "developer": ("pixels", "regions"),
    "marketer": ("pixels",),
    "legal": ("reviews", "approvals", "erasures"),
}
"""What each role may change: pixels, what was said of a store's own code, the rules of regions,
whether a rule may be looser than the law, and that a visitor is erased, and
who may sign in with which role.
"""


def who_may(what: Change) -> list[Role]:
    """The roles that change ``what``."""
    return [role for role, those in CHANGES.items() if what in those]


def may_change(user: User, what: Change, store: str, group: str | None) -> bool:
    """Whether ``user`` may change ``what`` of the store ``store``, which is in ``group``."""
    those = [grant for grant in user.acting if what in CHANGES[grant.role]]
    return any(grant.covers(store, group) for grant in those)


def check_publishing(user: User, draft: Draft, live: Version | None, group: str | None) -> None:
    """Nothing where ``user`` may bring ``draft`` live in its store, which is in ``group``.

    Raises:
        ForbiddenError: no role of the user publishes there; or it would bring region rules, or the
            template of a group, that are not live, and none of them changes those.
    """
    key = draft.own.key
    if not may_change(user, "pixels", key, group):
        raise ForbiddenError("role", f"store: expected an {_named('pixels')} of it to publish")
    before = _ruled(live) if live else ({}, "", None)
    if _ruled(draft) != before and not may_change(user, "regions", key, group):
        raise ForbiddenError(
            "role", f"draft: its region rules changed; expected an {_named('regions')}"
        )


def _named(what: Change) -> str:
    return " or ".join(who_may(what))


def _ruled(state: Draft | Version) -> tuple[object, ...]:
    own = state.own or state.config
    return own.regions, own.group, state.template and state.template.regions
