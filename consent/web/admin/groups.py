"""Groups of stores: their template, who is in them, and a template applied to many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from starlette.responses import RedirectResponse, Response

from consent import activity, approve, groups, publish, storefile, stores
from consent.activity import Act
from consent.errors import (
    ConflictError,
    ConsentError,
    DataError,
    DataErrors,
    ForbiddenError,
    NotFoundError,
    RefusedError,
)
from consent.model import Group, Rules, StoreConfig, User
from consent.regions.rules import digest
from consent.stores import Draft, StoreSummary
from consent.web.admin import access, diff, pages, rules, states
from consent.web.admin.door import Post, Visit
from consent.web.services import Services

FILE = "template"
"""What faults call the text of a template."""
_STARTER = '# The words of a store file, without pixels and origins.\n[banner]\nlayout = "bar"\n'


class Member(NamedTuple):
    """A store beside a template: its draft with it, and what would change."""

    store: StoreSummary
    chosen: bool
    draft: Draft
    changes: tuple[str, ...]
    faults: tuple[str, ...]
    asks: bool


class Result(NamedTuple):
    """What came of publishing one store. ``refused``: why it was not; empty when it was."""

    name: str
    number: int
    refused: str


async def show_all(visit: Visit) -> Response:
    found = await access.visible(visit.connection, visit.user)
    own = {store.group for store in found}
    every = await groups.all_groups(visit.connection)
    if visit.user.store is not None:
        every = [group for group in every if group.key in own]
    context = {
        "here": "groups",
        "found": [(group, [s for s in found if s.group == group.key]) for group in every],
        "may_change": _may_change(visit.user),
        "alone": visit.user.store is not None,
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
    _check_all_stores(post.user)
    services, text = post.services, post.fields.get("text", "")
    key = post.request.path_params.get("key", "")
    try:
        group = storefile.parse_group(text, FILE)
        if key and group.key != key:
            fault = f"key: found {group.key[:40]!r}; expected {key!r}, as a group keeps its key"
            raise RefusedError("other_key", fault)
        on = services.now().date()
        found = publish.template_faults(group, services.regions, services.texts, on=on, draft=True)
        if found:
            raise RefusedError("unfit", "; ".join(found))
    except (DataError, DataErrors, RefusedError) as error:
        return await _edit_again(post, key, text, _faults(error))
    async with services.database.write() as c:
        group = await approve.known_template(c, group)
        await groups.save(c, group, services.now())
        detail = {"group": group.key}
        act = Act("template", None, group.key, detail)
        await activity.add(c, act, by=post.user, at=services.now())
    return RedirectResponse(f"/admin/groups/{group.key}?done=saved", status_code=303)


async def add(visit: Visit) -> Response:
    """The form of a new group."""
    access.check_change(visit.user, "regions")
    _check_all_stores(visit.user)
    text = f'key = "outdoor"\nname = "Outdoor shops"\n\n{_STARTER}'
    context: dict[str, Any] = {"here": "groups", "text": text, "faults": [], "group": None}
    return pages.render("groupform.html", context, user=visit.user)


async def look(visit: Visit) -> Response:
    """Every store with what the template would change in it, to choose among."""
    group = await _group(visit, visit.request.path_params["key"])
    found = await access.visible(visit.connection, visit.user)
    query = visit.request.query_params
    chosen = {store.key for store in found if f"store-{store.key}" in query}
    if not query:
        chosen = {store.key for store in found if store.group == group.key}
    members = await _members(visit.services, visit.connection, group, found, chosen)
    context = {
        "here": "groups",
        "group": group,
        "members": members,
        "chosen": [member for member in members if member.chosen],
        "looked": bool(query),
        "may_change": _may_change(visit.user),
    }
    return pages.render("groupapply.html", context, user=visit.user)


async def apply(post: Post) -> Response:
    """Puts the chosen stores into the group as they were shown, and publishes them if asked to."""
    _check_all_stores(post.user)
    services, key = post.services, post.request.path_params["key"]
    async with services.database.read() as c:
        group = await groups.get(c, key)
        found = await access.visible(c, post.user)
    seen = {s: post.fields[f"seen-{s.key}"] for s in found if f"seen-{s.key}" in post.fields}
    results = [
        await _apply_one(post, group, store, sha256, live="publish" in post.fields)
        for store, sha256 in seen.items()
    ]
    context = {"here": "groups", "group": group, "results": results}
    return pages.render("groupdone.html", context, user=post.user)


async def allow(post: Post) -> Response:
    """A lawyer's word for a rule of a template, as the page had shown it."""
    _check_all_stores(post.user)
    services, fields = post.services, post.fields
    key = post.request.path_params["key"]
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


async def _apply_one(
    post: Post, group: Group, store: StoreSummary, sha256: str, *, live: bool
) -> Result:
    """Saves one draft with the group in it, if it would be what was shown; then publishes it."""
    services, key = post.services, store.key
    try:
        async with services.database.write() as c:
            draft = _joined(await stores.draft(c, key), group)
            if draft.sha256 != sha256:
                raise ConflictError("moved", "someone has changed it meanwhile; look at it anew")
            await stores.revise(c, key, lambda config: _in_group(config, group), services.now())
            act = Act("draft", key, "group", {"group": group.key})
            await activity.add(c, act, by=post.user, at=services.now())
        if not live:
            return Result(store.name, 0, "")
        version = await publish.publish(
            services.database,
            key,
            platforms=services.platforms,
            regions=services.regions,
            texts=services.texts,
            now=services.now,
            shown=sha256,
        )
    except ConsentError as error:
        said = error.detail if isinstance(error, RefusedError) else str(error)
        return Result(store.name, 0, said)
    return Result(store.name, version.number, "")


async def _members(
    services: Services, c: Any, group: Group, found: Sequence[StoreSummary], chosen: set[str]
) -> list[Member]:
    drafts = await stores.all_drafted(c, [store.key for store in found])
    members = []
    for store in found:
        draft, asks = drafts[store.key], False
        changes: tuple[str, ...] = ()
        faults: tuple[str, ...] = ()
        if store.key in chosen:
            draft = _joined(draft.own, group)
            live = await stores.current(c, store.key)
            after = states.as_version(services, store, draft, live)
            changes = tuple(diff.said(services, live, after))
            asks = diff.asks(live, after)
            faults = tuple(_unfit(services, draft))
        members.append(Member(store, store.key in chosen, draft, changes, faults, asks))
    return members


def _joined(own: StoreConfig, group: Group) -> Draft:
    return Draft(_in_group(own, group), group.template)


def _in_group(config: StoreConfig, group: Group) -> StoreConfig:
    return msgspec.structs.replace(config, group=group.key)


def _unfit(services: Services, draft: Draft) -> list[str]:
    return publish.check(
        draft.own,
        services.platforms,
        services.regions,
        services.texts,
        on=services.now().date(),
        template=draft.template,
    )


async def _group(visit: Visit, key: str) -> Group:
    """The group ``key``, if the user may see it.

    Raises:
        NotFoundError: it is not there, or none of the user's stores is in it.
    """
    if visit.user.store is not None:
        found = await access.visible(visit.connection, visit.user)
        if key not in {store.group for store in found}:
            raise NotFoundError("no_such_group", f"there is no group {key[:40]!r}")
    return await groups.get(visit.connection, key)


async def _context(services: Services, c: Any, user: User, group: Group) -> dict[str, Any]:
    found = await access.visible(c, user)
    held = Rules(template=group.template.regions, group=group.key)
    return {
        "here": "groups",
        "group": group,
        "rules": rules.lines(services, held),
        "digest": digest,
        "stores": [store for store in found if store.group == group.key],
        "may_change": _may_change(user),
        "may_allow": access.may_change(user, "approvals") and user.store is None,
        "faults": [],
        "done": "",
        "alone": user.store is not None,
    }


async def _edit_again(post: Post, key: str, text: str, found: list[str]) -> Response:
    async with post.services.database.read() as c:
        if not key:
            context = {"here": "groups", "text": text, "faults": found, "group": None}
            return pages.render("groupform.html", context, user=post.user, status=422)
        context = await _context(post.services, c, post.user, await groups.get(c, key))
    context |= {"text": text, "faults": found}
    return pages.render("group.html", context, user=post.user, status=422)


def _faults(error: Exception) -> list[str]:
    if isinstance(error, DataErrors):
        return [str(fault).removeprefix(f"{FILE}: ") for fault in error.faults]
    if isinstance(error, RefusedError):
        return error.detail.split("; ") if error.code != "unfit" else [error.detail]
    return [str(error).removeprefix(f"{FILE}: ")]


def _may_change(user: User) -> bool:
    return access.may_change(user, "regions") and user.store is None


def _check_all_stores(user: User) -> None:
    """Raises ForbiddenError for a user of one store alone: a template is of many."""
    if user.store is not None:
        raise ForbiddenError("role", "a template is of many stores; ask an owner of all of them")
