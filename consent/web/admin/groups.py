"""Groups of stores: their template, who is in them, and a template applied to many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse, Response

from consent import approve, bulk, drafts, groups, storefile
from consent.bulk import Applied
from consent.errors import (
    ConflictError,
    DataError,
    DataErrors,
    ForbiddenError,
    NotFoundError,
    RefusedError,
)
from consent.model import Group, Rules, User
from consent.regions.rules import digest
from consent.stores import StoreSummary
from consent.web.admin import access, pages, rules
from consent.web.admin.door import Post, Visit
from consent.web.services import Services

FILE = "template"
"""What faults call the text of a template."""
_STARTER = '# The words of a store file, without pixels and origins.\n[banner]\nlayout = "bar"\n'


class Choice(NamedTuple):
    """A store to choose."""

    store: StoreSummary
    chosen: bool


async def show_all(visit: Visit) -> Response:
    found = await access.visible(visit.connection, visit.user)
    own = {store.group for store in found} | {grant.group for grant in visit.user.acting}
    every = await groups.all_groups(visit.connection)
    if visit.own is not None:
        every = [group for group in every if group.key in own]
    context = {
        "here": "groups",
        "found": [(group, [s for s in found if s.group == group.key]) for group in every],
        "may_change": access.may_change(visit.user, "regions") and visit.own is None,
        "alone": visit.own is not None and len(found) < 2,
    }
    return pages.render("groups.html", context, user=visit.user)


async def show(visit: Visit) -> Response:
    """One group: its template as text and in words, its stores, and what they would publish."""
    services, c, query = visit.services, visit.connection, visit.request.query_params
    group = await _group(visit, visit.request.path_params["key"])
    context = await _context(services, c, visit.user, group)
    text = storefile.group_to_toml(group)
    context |= {"text": text, "done": query.get("done", "")}
    return pages.render("group.html", context, user=visit.user)


async def save(post: Post) -> Response:
    """A group's template from its text; a new group where the address names none."""
    services, text = post.services, post.fields.get("text", "")
    key = post.request.path_params.get("key", "")
    _check_all_of(post.user, key)
    try:
        group = storefile.parse_group(text, FILE)
        if key and group.key != key:
            fault = f"key: found {group.key[:40]!r}; expected {key!r}, as a group keeps its key"
            raise RefusedError("other_key", fault)
        async with services.database.write() as c:
            await _check_unmoved(c, group.key, post.fields.get("was", ""))
            files, at = _files(services), services.now()
            await drafts.save_template(c, group, files, by=post.user, at=at)
    except ConflictError as error:
        return await _edit_again(post, key, text, [error.detail], status=409)
    except (DataError, DataErrors, RefusedError) as error:
        return await _edit_again(post, key, text, _faults(error))
    return RedirectResponse(f"/admin/groups/{group.key}?done=saved", status_code=303)


async def add(visit: Visit) -> Response:
    """The form of a new group."""
    access.check_change(visit.user, "regions")
    _check_all_of(visit.user, "")
    text = f'key = "outdoor"\nname = "Outdoor shops"\n\n{_STARTER}'
    context: dict[str, Any] = {"here": "groups", "text": text, "faults": [], "group": None}
    return pages.render("groupform.html", context, user=visit.user)


async def look(visit: Visit) -> Response:
    """The stores to choose among, and what the template would change in the chosen ones."""
    services, query = visit.services, visit.request.query_params
    group = await _group(visit, visit.request.path_params["key"])
    found = await access.visible(visit.connection, visit.user)
    chosen = [
        store.key
        for store in found
        if (f"store-{store.key}" in query if query else store.group == group.key)
    ]
    plans = await _plans(services, visit.connection, group.key, chosen)
    context = {
        "here": "groups",
        "group": group,
        "choices": [Choice(store, store.key in chosen) for store in found],
        "names": {store.key: store.name for store in found},
        "plans": plans,
        "alike": _alike(plans),
        "ready": [plan for plan in plans if plan.told],
        "seen": bulk.seen(plans),
        "may_change": _may_change(visit.user, group.key),
    }
    return pages.render("groupapply.html", context, user=visit.user)


async def apply(post: Post) -> Response:
    """Publishes the template in the chosen stores, if it changes there what the page had shown."""
    services, key = post.services, post.request.path_params["key"]
    _check_all_of(post.user, key)
    async with services.database.read() as c:
        group = await groups.get(c, key)
        found = await access.visible(c, post.user)
    chosen = [store.key for store in found if f"store-{store.key}" in post.fields]
    results = await bulk.apply(
        services.database,
        key,
        _files(services),
        now=services.now,
        only=chosen,
        shown=post.fields.get("seen", ""),
        by=post.user,
    )
    names = {store.key: store.name for store in found}
    context = {"here": "groups", "group": group, "results": results, "names": names}
    return pages.render("groupdone.html", context, user=post.user)


async def allow(post: Post) -> Response:
    """A lawyer's word for a rule of a template, as the page had shown it."""
    services, fields = post.services, post.fields
    key = post.request.path_params["key"]
    _check_all_of(post.user, key)
    place = rules.check_key(services, fields.get("for", ""))
    async with services.database.write() as c:
        await approve.allow_template(
            c,
            key,
            place,
            by=post.user.email,
            reason=fields.get("reason", ""),
            seen=fields.get("seen", ""),
            now=services.now(),
        )
    return RedirectResponse(f"/admin/groups/{key}?done=allowed", status_code=303)


def _alike(plans: Sequence[Applied]) -> list[tuple[Applied, list[str]]]:
    """Each different thing that happens, with the stores to which it does; refusals first."""
    found: dict[tuple[object, ...], tuple[Applied, list[str]]] = {}
    for plan in sorted(plans, key=lambda one: not one.refused):
        found.setdefault((plan.refused, plan.told), (plan, []))[1].append(plan.store)
    return list(found.values())


async def _plans(
    services: Services, c: AsyncConnection, key: str, chosen: Sequence[str]
) -> list[Applied]:
    on = services.now().date()
    return await bulk.preview(c, key, _files(services), on=on, only=chosen)


def _files(services: Services) -> bulk.Files:
    return bulk.Files(services.platforms, services.regions, services.texts)


async def _group(visit: Visit, key: str) -> Group:
    """The group ``key``, if the user may see it.

    Raises:
        NotFoundError: it is not there, or none of the user's stores is in it.
    """
    if not _has_all_of(visit.user, key):
        found = await access.visible(visit.connection, visit.user)
        if key not in {store.group for store in found}:
            raise NotFoundError("no_such_group", f"there is no group {key[:40]!r}")
    return await groups.get(visit.connection, key)


async def _context(
    services: Services, c: AsyncConnection, user: User, group: Group
) -> dict[str, Any]:
    found = await access.visible(c, user)
    held = Rules(template=group.template.regions, group=group.key)
    return {
        "here": "groups",
        "group": group,
        "rules": rules.lines(services, held),
        "digest": digest,
        "was": drafts.group_sha256(group),
        "stores": [store for store in found if store.group == group.key],
        "may_change": _may_change(user, group.key),
        "may_allow": "approvals" in _changes(user, group.key),
        "faults": [],
        "done": "",
        "alone": not _has_all_of(user, group.key),
    }


async def _edit_again(
    post: Post, key: str, text: str, found: list[str], status: int = 422
) -> Response:
    async with post.services.database.read() as c:
        if not key:
            context = {"here": "groups", "text": text, "faults": found, "group": None}
            return pages.render("groupform.html", context, user=post.user, status=status)
        context = await _context(post.services, c, post.user, await groups.get(c, key))
    context |= {"text": text, "faults": found}
    return pages.render("group.html", context, user=post.user, status=status)


async def _check_unmoved(c: AsyncConnection, key: str, was: str) -> None:
    """Raises ConflictError unless the group is as the form had it: not there, for a new one."""
    try:
        found = drafts.group_sha256(await groups.get(c, key))
    except NotFoundError:
        found = ""
    if found and not was:
        raise ConflictError("twice", f"key: {key!r} is there already; expected another one")
    if found != was:
        raise ConflictError("moved", "template: someone has changed it meanwhile; look at it anew")


def _faults(error: Exception) -> list[str]:
    if isinstance(error, DataErrors):
        return [str(fault).removeprefix(f"{FILE}: ") for fault in error.faults]
    if isinstance(error, RefusedError):
        return error.detail.split("; ") if error.code != "unfit" else [error.detail]
    return [str(error).removeprefix(f"{FILE}: ")]


def _changes(user: User, key: str) -> set[access.Change]:
    """What the user may change of the whole group ``key``."""
    those = [grant for grant in user.acting if grant.everywhere or (key and grant.group == key)]
    return {change for grant in those for change in access.CHANGES[grant.role]}


def _has_all_of(user: User, key: str) -> bool:
    """Whether the user sees every store of the group ``key``; an empty key: every store."""
    return user.everywhere or any(key and grant.group == key for grant in user.acting)


def _may_change(user: User, key: str) -> bool:
    return "regions" in _changes(user, key)


def _check_all_of(user: User, key: str) -> None:
    """Raises ForbiddenError for a user of some of the stores alone: a template is of many."""
    if not _has_all_of(user, key):
        raise ForbiddenError("role", "a template is of many stores; ask an owner of all of them")
