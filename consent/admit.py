"""Whom the word of an OpenID provider lets in, and what it changes about them.

The first time the address counts, if the provider has verified it: it has to be that of a user, or
of somebody who was invited. From then on issuer and subject count, whatever the address is. Nobody
else becomes a user by it, and who is disabled stays outside.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import accounts, activity, identities, invitations, people
from consent.activity import Act
from consent.errors import ConsentError, ForbiddenError, NotFoundError
from consent.invitations import Invitation
from consent.model import Grant, User
from consent.oidc import Vouched

_log = structlog.get_logger("admit")


class Rules(msgspec.Struct, frozen=True):
    """What the operator decided. ``roles``: which group of the provider has which role here."""

    verified: bool
    """Whether an address counts only where the provider says that it is verified."""
    roles: tuple[tuple[str, Grant], ...]


class Changes(msgspec.Struct, frozen=True):
    """What follows once somebody is let in, small enough for a cookie."""

    issuer: str
    subject: str
    given: tuple[Grant, ...] = ()
    taken: tuple[Grant, ...] = ()


def changes(rules: Rules, vouched: Vouched) -> Changes:
    """What the provider's word changes: the roles of its groups, if it says something of groups."""
    if vouched.groups is None:
        return Changes(vouched.issuer, vouched.subject)
    given = {grant for group, grant in rules.roles if group in vouched.groups}
    taken = {grant for _, grant in rules.roles} - given
    return Changes(
        vouched.issuer,
        vouched.subject,
        *(tuple(sorted(those, key=str)) for those in (given, taken)),
    )


async def find(c: AsyncConnection, rules: Rules, vouched: Vouched, now: dt.datetime) -> User:
    """The user for whom the provider vouches; whoever was invited becomes one.

    Raises:
        ForbiddenError: there is none who may sign in.
    """
    linked = await identities.user_id(c, vouched.issuer, vouched.subject)
    user = await accounts.by_id(c, linked) if linked is not None else None
    if user is None:
        user = await _by_email(c, rules, vouched, now)
    if user.disabled_at is not None:
        raise _stranger("your account is disabled; ask an owner")
    return user


async def settle(c: AsyncConnection, user: User, after: Changes, now: dt.datetime) -> User:
    """Links ``user``, who is let in, and gives and takes the roles of groups.

    Raises:
        ConflictError: the user is linked with another identity.
    """
    if await identities.user_id(c, after.issuer, after.subject) != user.id:
        await identities.link(c, user.id, after.issuer, after.subject, now)
        act = Act("user", None, user.email, {"done": "linked", "with": after.issuer})
        await activity.add(c, act, by=user, at=now)
    for one in await _waiting(c, user.email, now):
        await invitations.remove(c, one.id)
        user = await _noted(c, "accepted an invitation", user, one.grant, now)
    for grant in after.given:
        if grant not in user.grants:
            user = await _noted(c, "granted by a group", user, grant, now)
    for grant in after.taken:
        if grant in user.grants and not await accounts.is_last_owner(c, user, grant):
            before, user = user, await accounts.revoke(c, user.email, grant)
            act = people.act("revoked by a group", before, user)
            await activity.add(c, act, by=user, at=now)
    return user


async def _by_email(c: AsyncConnection, rules: Rules, vouched: Vouched, now: dt.datetime) -> User:
    email = _normal(vouched.email)
    if rules.verified and not vouched.verified:
        raise _stranger("the provider does not say that your e-mail address is verified")
    # Read before the user: another sign-in of theirs may just now turn an invitation into one.
    waiting = await _waiting(c, email, now)
    user = await accounts.by_email(c, email)
    if user is not None:
        if vouched.issuer in await identities.issuers(c, user.id):
            raise _stranger(f"{email} is linked with another account of the provider; ask an owner")
        return user
    if not waiting:
        raise _stranger(f"nobody has invited {email}; ask an owner")
    first = waiting[0]
    grant = first.grant
    given = ("", grant.role, grant.store, now)
    user = await accounts.add(c, email, *given, group_key=grant.group)
    await invitations.remove(c, first.id)
    act = people.act("accepted an invitation", None, user)
    await activity.add(c, act, by=user, at=now)
    return user


async def _noted(c: AsyncConnection, done: str, user: User, grant: Grant, now: dt.datetime) -> User:
    """``user`` with one more role; as before where store or group are not there."""
    try:
        after = await accounts.grant(c, user.email, grant)
    except NotFoundError as error:
        _log.warning("role not given", role=str(grant), why=error.detail)
        return user
    await activity.add(c, people.act(done, user, after), by=after, at=now)
    return after


async def _waiting(c: AsyncConnection, email: str, now: dt.datetime) -> Sequence[Invitation]:
    return [one for one in await invitations.waiting(c, now) if one.email == email]


def _normal(email: str) -> str:
    """``email`` as accounts have it.

    Raises:
        ForbiddenError: it is none, or becomes that of another by writing it small.
    """
    try:
        plain = accounts.normal(email)
    except ConsentError as error:
        raise _stranger("the provider names no e-mail address of yours") from error
    if plain.isascii() != email.strip().isascii():  # the Kelvin sign, written small, is a k
        raise _stranger("the provider names no e-mail address of yours")
    return plain


def _stranger(detail: str) -> ForbiddenError:
    return ForbiddenError("stranger", detail)
