"""What is noted when a user changes: what was done, and how the user stood before and after."""

from __future__ import annotations

from typing import Any

from consent.activity import Act
from consent.model import Grant, User


def act(done: str, before: User | None, after: User) -> Act:
    """``done`` in one word. The act is about a store where all roles concerned are of that one."""
    grants = {*after.grants, *(before.grants if before else ())}
    keys = {grant.store for grant in grants}
    detail: dict[str, Any] = {"done": done, "after": state(after)}
    if before is not None:
        detail["before"] = state(before)
    return Act("user", keys.pop() if len(keys) == 1 else None, after.email, detail)


def invited(email: str, grant: Grant) -> Act:
    detail = {"done": "invited", "after": [str(grant)]}
    return Act("invitation", grant.store, email.strip().lower(), detail)


def state(user: User) -> list[str]:
    """The user's roles, each with where it holds, and whether the user is disabled."""
    return [*map(str, user.grants), *(["disabled"] if user.disabled_at else [])]
