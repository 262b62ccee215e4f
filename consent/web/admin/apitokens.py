"""Tokens of the API: one's own, and for an owner of all stores everybody's."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse, Response

from consent import activity, tokens
from consent.activity import Act
from consent.errors import ForbiddenError, NotFoundError, RefusedError
from consent.model import Scope, Token, User
from consent.web.admin import access, pages
from consent.web.admin.door import Post, Visit
from consent.web.services import Services

DAYS = (7, 30, 90, 180, 365)
USUAL_DAYS = 90
SCOPES: dict[Scope, str] = {
    "stores:read": "Read drafts, versions, snippets and policies",
    "stores:write": "Change drafts, and go back to earlier versions",
    "stores:publish": "Publish drafts",
    "pages:scan": "Have pages looked at",
    "pixels:review": "Say that own code was looked at",
    "regions:read": "Read region rules, and why which law holds",
    "regions:approve": "Allow rules that are looser than the law",
    "groups:read": "Read templates",
    "groups:write": "Change and apply templates",
    "rates:read": "Read decline rates",
    "coverage:read": "Read signal coverage",
    "ledger:read": "Read and export decisions",
    "activity:read": "Read who did what",
    "visitors:erase": "Erase visitors",
    "users:read": "Read who may sign in",
    "users:write": "Invite people, give and take roles",
}
"""What each is for, in the order of the form."""


async def show(visit: Visit) -> Response:
    done = {"revoked": "That token opens nothing any more."}
    said = {"done": done.get(visit.request.query_params.get("done", ""), "")}
    return await _page(visit.services, visit.connection, visit.user, said)


async def add(post: Post) -> Response:
    """A new token; its secret stands in this answer and nowhere else."""
    services, user, fields = post.services, post.user, post.fields
    name, days = fields.get("name", ""), fields.get("days", "")
    chosen = [scope for scope in SCOPES if f"scope-{scope}" in fields]
    try:
        if not days.isdecimal() or int(days[:9]) not in DAYS:
            raise RefusedError("bad_days", f"days: {days[:9]!r}; expected one of the form's")
        if not chosen:
            raise RefusedError(
                "bad_scope", "what it may do: nothing is ticked; expected some of it"
            )
        _check_scopes(user, chosen)
        async with services.database.write() as c:
            token, secret = await tokens.add(
                c, user, name, chosen, days=int(days), now=services.now()
            )
            detail = {"name": token.name, "scopes": list(token.scopes)}
            act = Act("token", None, str(token.id), detail)
            await activity.add(c, act, by=user, at=services.now())
    except RefusedError as error:
        again = {"fault": error.detail, "name": name[: tokens.MOST_CHARACTERS], "chosen": chosen}
        async with services.database.read() as c:
            return await _page(services, c, user, again, 422)
    async with services.database.read() as c:
        return await _page(services, c, user, {"secret": secret, "made": token})


async def revoke(post: Post) -> Response:
    services, text = post.services, post.fields.get("token", "")
    async with services.database.write() as c:
        seen = {str(one.id): one for one in await _seen(c, post.user)}
        if text not in seen:
            raise NotFoundError("no_such_token", "there is no token with this number")
        if seen[text].revoked_at is None:
            await tokens.revoke(c, seen[text].id, services.now())
            act = Act("token", None, text, {"name": seen[text].name, "revoked": True})
            await activity.add(c, act, by=post.user, at=services.now())
    return RedirectResponse("/admin/tokens?done=revoked", status_code=303)


def _check_scopes(user: User, chosen: list[Scope]) -> None:
    """Raises ForbiddenError for a scope that the user's roles do not allow."""
    beyond = [scope for scope in chosen if scope not in access.scopes_of(user)]
    if beyond:
        raise ForbiddenError("role", f"scopes: none of your roles allows {', '.join(beyond)}")


def _sees_all(user: User) -> bool:
    return any(grant.role == "owner" and grant.everywhere for grant in user.grants)


async def _seen(c: AsyncConnection, user: User) -> list[Token]:
    return await tokens.all_tokens(c, None if _sees_all(user) else user.id)


async def _page(
    services: Services, c: AsyncConnection, user: User, said: dict[str, Any], status: int = 200
) -> Response:
    now, every = services.now(), await _seen(c, user)
    usable = access.scopes_of(user)
    context: dict[str, Any] = {
        "here": "tokens",
        "tokens": [one for one in every if one.holds(now)],
        "ended": [one for one in every if not one.holds(now)][:20],
        "all": _sees_all(user),
        "scopes": {scope: words for scope, words in SCOPES.items() if scope in usable},
        "days": DAYS,
        "usual": USUAL_DAYS,
        "most": tokens.MOST_CHARACTERS,
        "base": f"{services.settings.public_url}/api/v1",
        "name": "",
        "chosen": [],
        "fault": "",
        "done": "",
        "secret": "",
        "made": None,
        **said,
    }
    return pages.render("tokens.html", context, user=user, status=status)
