"""A store's rule for one place, one group or everywhere: changed, allowed, removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
from starlette.responses import RedirectResponse, Response

from consent import activity, approve, stores
from consent.activity import Act
from consent.errors import NotFoundError, RefusedError
from consent.model import CHOOSABLE, Place, RegionRule, Rules, User
from consent.regions.rules import digest
from consent.web.admin import access, effects, pages, ruleform, standing, states, words
from consent.web.admin.door import Post, Visit
from consent.web.admin.effects import Effect
from consent.web.admin.ruleform import Values
from consent.web.admin.states import State
from consent.web.services import Services

SAVED = {
    "saved": "Saved in the draft.",
    "removed": "Removed from the draft.",
    "allowed": "Allowed, and noted with your name.",
}


class Line(NamedTuple):
    """A rule in a list. ``origin``: ``regions.`` or what stands before a template's rule."""

    key: str
    reach: str
    says: str
    rule: RegionRule
    origin: str
    looser: tuple[str, ...]
    allowed: bool

    @property
    def own(self) -> bool:
        return self.origin == "regions."


async def show(visit: Visit) -> Response:
    """The form of a rule, or what it says, for those who may not change it."""
    query = visit.request.query_params
    state = await states.of(
        visit.services, visit.connection, visit.user, visit.request.path_params["key"]
    )
    key = check_key(visit.services, query.get("for", ""))
    rule = state.own.regions.get(key, RegionRule())
    said = {"saved": SAVED.get(query.get("done", ""), "")}
    return _page(visit.services, visit.user, state, key, ruleform.of(rule), said)


async def save(post: Post) -> Response:
    """Shows what the posted rule would change; saves it when just that has been seen."""
    services = post.services
    key = check_key(services, post.fields.get("for", ""))
    async with services.database.read() as c:
        state = await states.of(services, c, post.user, post.request.path_params["key"])
    values, unread = ruleform.read(post.fields)
    found = unread or ruleform.faults(key, values.rule, services.regions, services.now().date())
    if found:
        return _page(services, post.user, state, key, values, {"faults": found}, status=422)
    seen = digest(key, values.rule)
    if post.fields.get("seen") != seen:
        return _page(services, post.user, state, key, values, {"seen": seen})
    await _revise(post, state, key, _as_allowed(state, key, values.rule))
    return _back(state.store.key, key, "saved")


async def remove(post: Post) -> Response:
    key = check_key(post.services, post.fields.get("for", ""))
    async with post.services.database.read() as c:
        state = await states.of(post.services, c, post.user, post.request.path_params["key"])
    if key not in state.own.regions:
        raise NotFoundError("no_such_rule", f"the draft has no rule for {key[:20]!r}")
    await _revise(post, state, key, None)
    return _back(state.store.key, key, "removed")


async def allow(post: Post) -> Response:
    """A lawyer's word for the rule as the page had shown it."""
    services, fields = post.services, post.fields
    key = check_key(services, fields.get("for", ""))
    async with services.database.read() as c:
        state = await states.of(services, c, post.user, post.request.path_params["key"])
    values, unread = ruleform.read({"until": fields.get("until", "")})
    if unread:
        rule = ruleform.of(state.own.regions.get(key, RegionRule()))
        return _page(services, post.user, state, key, rule, {"refused": unread["until"]}, 422)
    async with services.database.write() as c:
        await approve.allow(
            c,
            state.store.key,
            key,
            by=post.user.email,
            reason=fields.get("reason", ""),
            until=values.rule.until,
            seen=fields.get("seen", ""),
            now=services.now(),
        )
    return _back(state.store.key, key, "allowed")


def lines(services: Services, rules: Rules) -> list[Line]:
    """Every rule of a store and of its template, the store's first."""
    found = []
    loose = effects.loosened(services.regions, rules, services.now())
    for origin, layer in rules.layers:
        for key, rule in layer.items():
            looser = tuple(loose.get(f"{origin}{key}", ()))
            approved = rule.approved is not None and rule.approved.sha256 == digest(key, rule)
            said = words.listed(ruleform.says(rule))
            found.append(Line(key, ruleform.reach(key), said, rule, origin, looser, approved))
    return found


def check_key(services: Services, key: str) -> str:
    """``key`` if a rule may have it.

    Raises:
        NotFoundError: it is no place, no group and not ``*``.
    """
    if services.regions.faults({key: RegionRule()}) or not key:
        raise NotFoundError(
            "no_such_place", f"{key[:20]!r} is no place and no group; see the table"
        )
    return key


def address(store: str, key: str, **more: str) -> str:
    return f"/admin/stores/{store}/rule?{urlencode({'for': key, **more})}"


def _page(
    services: Services,
    user: User,
    state: State,
    key: str,
    values: Values,
    said: Mapping[str, Any],
    status: int = 200,
) -> Response:
    now = services.now()
    kept = state.own.regions.get(key)
    asked = said.get("seen", "")
    after = _rules(state, ruleform.put(state.own, key, values.rule).regions)
    rules = after if asked else state.version.rules
    changed: list[Effect] = []
    if asked:
        before = state.version.rules
        changed = effects.of(services.regions, state.version.config, before, after, now)
    approved = kept.approved if kept else None
    fits = approved is not None and kept is not None and approved.sha256 == digest(key, kept)
    context = {
        "here": "regions",
        "state": state,
        "key": key,
        "reach": ruleform.reach(key),
        "place": key if standing.place_of(key) is not None else "",
        "count": len(effects.reached(services.regions, key)),
        "shipped": _shipped(services, key),
        "values": values,
        "kept": kept,
        "kept_digest": digest(key, kept) if kept else "",
        "kept_says": words.listed(ruleform.says(kept)) if kept else "",
        "approved": approved if fits else None,
        "is_live": state.live is not None and state.live.rules.own.get(key) == kept,
        "looser": effects.loosened(services.regions, rules, now).get(f"regions.{key}", []),
        "effects": changed,
        "regimes": [
            (id_, services.regions.regime(id_, Place(), on=now.date()))
            for id_ in services.regions.ids
        ],
        "layouts": ruleform.LAYOUTS,
        "purposes": CHOOSABLE,
        "pixels": ruleform.pixel_choices(state.version.config, services.platforms),
        "own_pixels": ruleform.own_choices(state.version.config, services.platforms),
        "may_change": access.may_change(user, "regions", state.store),
        "may_allow": access.may_change(user, "approvals", state.store),
        "editors": words.listed(access.who_may("regions"), "or"),
        "seen": asked,
        "faults": {},
        "saved": "",
        "refused": "",
        **said,
    }
    return pages.render("rule.html", context, user=user, status=status)


def _shipped(services: Services, key: str) -> Any:
    """What holds without a rule, where the rule is for one place; else None."""
    place = standing.place_of(key)
    if place is None:
        return None
    on = standing.day(services.regions, place, services.now())
    return services.regions.resolve(place, on=on).regime


def _rules(state: State, own: Mapping[str, RegionRule]) -> Rules:
    template = state.version.template
    return Rules(own, template.regions if template else {}, state.version.config.group)


def _as_allowed(state: State, key: str, rule: RegionRule) -> RegionRule:
    """``rule`` with the approval that the draft has, where it is of this very rule."""
    old = state.own.regions.get(key)
    if old is None or old.approved is None or old.approved.sha256 != digest(key, rule):
        return rule
    return msgspec.structs.replace(rule, approved=old.approved)


async def _revise(post: Post, state: State, key: str, rule: RegionRule | None) -> None:
    services, store = post.services, state.store.key
    detail: dict[str, Any] = {"rule": key, "says": ruleform.says(rule) if rule else "removed"}
    async with services.database.write() as c:
        draft = await stores.draft(c, store)
        if kept := draft.regions.get(key):
            detail["before"] = ruleform.says(kept)
        if draft.regions.get(key) != state.own.regions.get(key):
            raise RefusedError("moved", f"the rule for {key}: someone has changed it meanwhile")
        await stores.revise(c, store, lambda one: ruleform.put(one, key, rule), services.now())
        act = Act("draft", store, f"regions.{key}", detail)
        await activity.add(c, act, by=post.user, at=services.now())


def _back(store: str, key: str, done: str) -> Response:
    return RedirectResponse(address(store, key, done=done), status_code=303)
