"""The people who may sign in, for owners: roles, invitations, sessions, and an end to all of it.

An owner of some stores sees and changes the roles for those alone. Of a user who has roles beyond
them nothing else is shown, and neither the account nor its sessions can be ended.
"""

from __future__ import annotations

from typing import Any, cast, get_args

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse, Response

from consent import accounts, activity, identities, invitations, people, sessions
from consent.activity import Act
from consent.errors import ForbiddenError, NotFoundError, RefusedError
from consent.invitations import Invitation
from consent.model import Grant, Role, User
from consent.web.admin import account, pages, persons
from consent.web.admin.door import Post, Visit
from consent.web.services import Services

SAID = {
    "withdrawn": "The invitation is taken back: its link opens nothing any more.",
    "granted": "The role is given.",
    "revoked": "The role is taken.",
    "disabled": "The account is disabled, and every session of it is over.",
    "enabled": "The account may sign in again, with its password as it was.",
    "ended": "The session is over.",
    "unlinked": "The link is taken away, and every session of the account is over.",
    "reset": "The second factor is reset, and every session of the account is over.",
}

ROLES: tuple[Role, ...] = ("marketer", "legal", "developer", "owner")
"""As forms offer them: what can do most is not chosen by leaving a form as it is."""


async def show_all(visit: Visit) -> Response:
    said = SAID.get(visit.request.query_params.get("done", ""), "")
    return await _list(visit.services, visit.connection, visit.user, {"done": said})


async def invite(post: Post) -> Response:
    """Makes a link and shows it, this once: only its SHA-256 is kept."""
    fields, now = post.fields, post.services.now()
    try:
        async with post.services.database.write() as c:
            grant = await _asked(post, c)
            secret = await invitations.add(c, fields.get("email", ""), grant, now)
            act = people.invited(fields.get("email", ""), grant)
            await activity.add(c, act, by=post.user, at=now)
    except RefusedError as error:
        if error.code != "bad_email":
            raise
        async with post.services.database.read() as c:
            said = {"fault": error.detail, "typed": fields.get("email", "")}
            return await _list(post.services, c, post.user, said, 422)
    link = invitations.link(post.services.settings.public_url, secret)
    async with post.services.database.read() as c:
        said = {"link": link, "done": "The invitation is made."}
        return await _list(post.services, c, post.user, said)


async def withdraw(post: Post) -> Response:
    asked, now = post.fields.get("invitation", ""), post.services.now()
    async with post.services.database.write() as c:
        scope = await persons.scope_of(c, post.user)
        for one in await invitations.waiting(c, now):
            if str(one.id) == asked and scope.holds(one.grant):
                await invitations.remove(c, one.id)
                detail = {"done": "withdrawn", "before": [str(one.grant)]}
                act = Act("invitation", one.grant.store, one.email, detail)
                await activity.add(c, act, by=post.user, at=now)
                return _done("/admin/users", "withdrawn")
    raise NotFoundError("no_such_invitation", "that invitation is used, over or taken back")


async def show(visit: Visit) -> Response:
    c, services = visit.connection, visit.services
    scope = await persons.scope_of(c, visit.user)
    one = await persons.person(c, scope, visit.request.path_params["user"])
    context = {
        "here": "users",
        "one": one,
        "sessions": await sessions.of_user(c, one.user.id, services.now()) if one.whole else [],
        "issuers": await identities.issuers(c, one.user.id) if one.whole else [],
        "done": SAID.get(visit.request.query_params.get("done", ""), ""),
        **_choices(scope),
    }
    return pages.render("user.html", context, user=visit.user)


async def grant(post: Post) -> Response:
    async with post.services.database.write() as c:
        one = await _person(post, c)
        asked = await _asked(post, c)
        return await _changed(post, c, one, await accounts.grant(c, one.user.email, asked))


async def revoke(post: Post) -> Response:
    async with post.services.database.write() as c:
        one = await _person(post, c)
        asked = await _asked(post, c)
        after = await accounts.revoke(c, one.user.email, asked)
        await persons.check_owners(c, one.user)
        return await _changed(post, c, one, after)


async def disable(post: Post) -> Response:
    async with post.services.database.write() as c:
        one = persons.whole(await _person(post, c))
        if one.user.id == post.user.id:
            raise ForbiddenError("own_account", "nobody disables the own account; ask an owner")
        after = await accounts.disable(c, one.user.email, post.services.now())
        await persons.check_owners(c, one.user)
        return await _changed(post, c, one, after)


async def enable(post: Post) -> Response:
    async with post.services.database.write() as c:
        one = persons.whole(await _person(post, c))
        return await _changed(post, c, one, await accounts.enable(c, one.user.email))


async def end_session(post: Post) -> Response:
    async with post.services.database.write() as c:
        one = persons.whole(await _person(post, c))
        if not await sessions.end(c, one.user.id, account.session_id(post)):
            raise NotFoundError("no_such_session", "that session is over already")
        act = Act("sign_out", None, one.user.email, {"sessions": 1})
        await activity.add(c, act, by=post.user, at=post.services.now())
    return _done(f"/admin/users/{one.user.id}", "ended")


async def reset_second_factor(post: Post) -> Response:
    """Takes the second factor from somebody who has lost it; every session of theirs ends."""
    async with post.services.database.write() as c:
        one = persons.whole(await _person(post, c))
        if one.user.id == post.user.id:
            raise ForbiddenError("own_account", "the own one is turned off under your account")
        now = post.services.now()
        await people.reset_second_factor(c, one.user, by=post.user, now=now)
    return _done(f"/admin/users/{one.user.id}", "reset")


async def unlink(post: Post) -> Response:
    """Takes the link with a provider from somebody; every session of theirs ends."""
    async with post.services.database.write() as c:
        one = persons.whole(await _person(post, c))
        if one.user.id == post.user.id:
            raise ForbiddenError("own_account", "nobody unlinks the own account; ask an owner")
        await people.unlink(c, one.user, by=post.user, now=post.services.now())
    return _done(f"/admin/users/{one.user.id}", "unlinked")


async def _person(post: Post, c: AsyncConnection) -> persons.Person:
    """Whom the address names, as far as that is the owner's to see."""
    scope = await persons.scope_of(c, post.user)
    return await persons.person(c, scope, post.request.path_params["user"])


async def _changed(post: Post, c: AsyncConnection, one: persons.Person, after: User) -> Response:
    """Notes the change that the address names, and leads back."""
    done = {"grant": "granted", "revoke": "revoked", "disable": "disabled", "enable": "enabled"}[
        post.request.url.path.rpartition("/")[2]
    ]
    await activity.add(c, people.act(done, one.user, after), by=post.user, at=post.services.now())
    return _done(f"/admin/users/{one.user.id}", done)


async def _asked(post: Post, c: AsyncConnection) -> Grant:
    """The role that a form names, and where: ``store KEY``, ``group KEY`` or ``all``.

    Raises:
        RefusedError: there is no such role.
        NotFoundError: there is no such place among those that are the owner's.
    """
    role = post.fields.get("role", "")
    if role not in get_args(Role):
        raise RefusedError("bad_role", f"role: {role[:20]!r}; expected one of {get_args(Role)}")
    kind, _, key = post.fields.get("where", "").partition(" ")
    asked = Grant(
        cast(Role, role), key if kind == "store" else None, key if kind == "group" else None
    )
    named = (kind == "all" and not key) or (kind in ("store", "group") and bool(key))
    if not named or not (await persons.scope_of(c, post.user)).holds(asked):
        raise NotFoundError("no_such_place", "there is no such store or group")
    return asked


async def _list(
    services: Services, c: AsyncConnection, user: User, said: dict[str, str], status: int = 200
) -> Response:
    scope = await persons.scope_of(c, user)
    found = [one for each in await accounts.all_users(c) if (one := persons.seen(scope, each))]
    waiting: list[Invitation] = await invitations.waiting(c, services.now())
    context: dict[str, Any] = {
        "here": "users",
        "found": found,
        "waiting": [one for one in waiting if scope.holds(one.grant)],
        "days": invitations.DAYS,
        **{"done": "", "fault": "", "typed": "", "link": ""},
        **_choices(scope),
        **said,
    }
    return pages.render("users.html", context, user=user, status=status)


def _choices(scope: persons.Scope) -> dict[str, Any]:
    places = [("all", "Every store")] if scope.user.everywhere else []
    places += [(f"group {group.key}", f"Group {group.name}") for group in scope.groups]
    places += [(f"store {store.key}", store.name) for store in scope.stores]
    return {"roles": ROLES, "places": places}


def _done(address: str, what: str) -> Response:
    return RedirectResponse(f"{address}?done={what}", status_code=303)
