"""Groups of stores and their templates through the API."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from consent import approve, bulk, drafts, groups, storefile
from consent.bulk import Applied
from consent.errors import ForbiddenError, NotFoundError, RefusedError
from consent.groups import GroupSummary
from consent.model import Group, Template, User
from consent.web.admin import access
from consent.web.api.law import ApprovalBody, Approved
from consent.web.api.operation import JSON, MOST, TOML, Ask, Operation, Order, Reply, files
from consent.web.api.versions import Sentence, sentences


class GroupList(msgspec.Struct, frozen=True):
    """By name."""

    groups: list[GroupSummary]


class GroupFile(Template, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A group, as its file says it: a key, a name, and its template in the same tables."""

    key: str
    name: str


class SavedTemplate(msgspec.Struct, frozen=True):
    """The template as it is now."""

    sha256: str
    created: bool


class ApplyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``stores``: keys; None: all of the group. ``seen``: what a dry run answered."""

    stores: Annotated[tuple[str, ...], Meta(max_length=MOST)] | None = None
    dry_run: bool = True
    seen: str = ""


class StoreDone(msgspec.Struct, frozen=True):
    """One store. ``refused`` says why it does not have the template; ``version`` is the new one."""

    store: str
    changes: list[Sentence]
    refused: tuple[str, ...]
    version: int | None


class Done(msgspec.Struct, frozen=True):
    """What the template changes in each store, or has changed.

    ``seen`` stands for just that.
    """

    stores: list[StoreDone]
    seen: str


async def listed(ask: Ask) -> GroupList:
    """How many stores a group has is told of those that are seen."""
    every, user = await groups.all_groups(ask.connection), ask.user
    own = Counter(store.group for store in await access.visible(ask.connection, user))
    return GroupList(
        [
            msgspec.structs.replace(group, stores=own[group.key])
            for group in every
            if own[group.key] or _has_all_of(user, group.key)
        ]
    )


async def template(ask: Ask) -> Reply:
    """In TOML where ``Accept`` asks for it."""
    key = ask.path["group"]
    if not _has_all_of(ask.user, key):
        found = await access.visible(ask.connection, ask.user)
        if key not in {store.group for store in found}:
            raise NotFoundError("unknown_group", f"group: {key[:40]!r} is not known")
    group = await groups.get(ask.connection, key)
    tag = drafts.group_sha256(group)
    if TOML in ask.request.headers.get("accept", ""):
        return Reply(storefile.group_to_toml(group), tag, TOML)
    return Reply(storefile.plain_group(group), tag)


async def put(order: Order) -> Reply:
    """A group that is new, or another template of one that was seen."""
    _check_all_of(order.user, order.path["group"])
    services, key, seen = order.services, order.path["group"], order.match_or_none()
    group: Group = order.body
    if group.key != key:
        fault = f"key: {group.key[:40]!r}; expected {key[:40]!r}, as the address says"
        raise RefusedError("other_key", fault)
    at = services.now()
    async with services.database.write() as c:
        if seen:
            await groups.get(c, key)
        saved = await drafts.save_template(
            c, group, files(services), by=order.user, at=at, shown=seen
        )
    tag = drafts.group_sha256(saved)
    return Reply(SavedTemplate(tag, not seen), tag, JSON, 200 if seen else 201)


async def apply(order: Order) -> Done:
    """Says what would be published; publishes it when just that has been seen."""
    _check_all_of(order.user, order.path["group"])
    services, body, key = order.services, order.body, order.path["group"]
    on, known = services.now().date(), files(services)
    async with services.database.read() as c:
        seen_stores = await access.visible(c, order.user)
        for one in body.stores or ():
            access.pick(seen_stores, one)
        if body.dry_run:
            plans = await bulk.preview(c, key, known, on=on, only=body.stores)
            return Done(_facts(plans), bulk.seen(plans))
    done = await bulk.apply(
        services.database,
        key,
        known,
        now=services.now,
        only=body.stores,
        shown=body.seen,
        by=order.user,
    )
    return Done(_facts(done), body.seen)


async def allow(order: Order) -> Approved:
    """The word of the token's user, a lawyer of every store, for a rule of the template."""
    _check_all_of(order.user, order.path["group"])
    services, body = order.services, order.body
    async with services.database.write() as c:
        group = await approve.allow_template(
            c,
            order.path["group"],
            body.rule,
            by=order.user.email,
            reason=body.reason,
            until=body.until,
            seen=body.sha256,
            now=services.now(),
        )
    return Approved.of(body.rule, group.template.regions[body.rule])


def _facts(done: Sequence[Applied]) -> list[StoreDone]:
    return [StoreDone(one.store, sentences(one.told), one.refused, one.version) for one in done]


def _has_all_of(user: User, key: str) -> bool:
    """Whether the user sees every store of the group ``key``."""
    return any(grant.everywhere or grant.group == key for grant in user.acting)


def _check_all_of(user: User, key: str) -> None:
    """Raises ForbiddenError for a user of some of the stores alone: a template is of many."""
    if not _has_all_of(user, key):
        raise ForbiddenError("role", "a template is of many stores; ask an owner of all of them")


PATH = "/groups/{group}"
OPERATIONS = (
    Operation(
        *("groups.list", "GET", "/groups", "groups:read", listed),
        "The groups of the stores that the token's user sees.",
        GroupList,
    ),
    Operation(
        *("groups.template.get", "GET", f"{PATH}/template", "groups:read", template),
        "A group's template, as JSON or as the TOML file of the group.",
        GroupFile,
        media=(JSON, TOML),
    ),
    Operation(
        *("groups.template.put", "PUT", f"{PATH}/template", "groups:write", put),
        "A new template. Visitors notice nothing before it is applied.",
        SavedTemplate,
        body=GroupFile,
        file="group",
        match="or none",
        also=(201,),
    ),
    Operation(
        *("groups.apply", "POST", f"{PATH}/apply", "groups:write", apply),
        "Publishes the template in the group's stores, or says what that would change.",
        Done,
        body=ApplyBody,
    ),
    Operation(
        *("groups.approve", "POST", f"{PATH}/approvals", "regions:approve", allow),
        "Says that the token's user allows a rule of the template to be looser than the law.",
        Approved,
        body=ApprovalBody,
    ),
)
