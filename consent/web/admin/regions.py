"""The regions page: what holds in every place, as a map and as a table that one can filter."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from starlette.responses import Response

from consent.errors import RefusedError
from consent.web.admin import (
    access,
    pages,
    ruleform,
    rules,
    standing,
    states,
    words,
    worldmap,
)
from consent.web.admin.door import Visit
from consent.web.admin.standing import Standing
from consent.web.admin.states import State
from consent.web.admin.worldmap import Mark

ONLY = {
    "": "All places",
    "own": "With a rule of this store",
    "looser": "Looser than the law",
    "coming": "Changes are coming",
    "unverified": "Not verified",
}
"""What a table may be narrowed to."""


class Filter(NamedTuple):
    """What the address asks the table for. ``text`` is plain: no case, no accents."""

    text: str
    kind: str
    group: str
    only: str

    def lets(self, one: Standing) -> bool:
        return (
            self.kind in ("", one.kind)
            and (not self.group or self.group in one.groups)
            and self._narrow(one)
            and all(word in _searched(one) for word in self.text.split())
        )

    def _narrow(self, one: Standing) -> bool:
        match self.only:
            case "own":
                return bool(one.sign)
            case "looser":
                return one.sign == "looser"
            case "coming":
                return one.coming is not None
            case "unverified":
                return one.regime.confidence == "unverified"
        return True


async def show(visit: Visit) -> Response:
    services, query = visit.services, visit.request.query_params
    found = await access.visible(visit.connection, visit.user)
    key = query.get("store", "") or (found[0].key if len(found) == 1 else "")
    state = (
        await states.of(services, visit.connection, visit.user, key, query.get("state", ""))
        if key
        else None
    )
    held = state.version.rules if state else states.NO_RULES
    every = standing.every(services.regions, held, services.now())
    filter_ = read_filter(query, services.regions.groups)
    view = _view(query)
    kept = {name: query[name] for name in ("q", "model", "group", "only") if query.get(name)}
    base = {"store": key, "state": state.which if state and state.which == "live" else ""}
    context = {
        "here": "regions",
        "stores": found,
        "state": state,
        "base": {name: value for name, value in base.items() if value},
        "kept": kept,
        "view": view,
        "views": worldmap.VIEWS,
        "map": worldmap.svg(view, _marks(every, state)),
        "swatch": worldmap.swatch,
        "sign": worldmap.sign,
        "kinds": worldmap.KINDS,
        "counts": Counter(one.kind for one in every),
        "signs": Counter(one.sign for one in every),
        "areas": _areas([one for one in every if filter_.lets(one)]),
        "total": len(every),
        "groups": [f"@{name}" for name in sorted(services.regions.groups)],
        "only": ONLY,
        "address": lambda **changes: _address(base, kept, view, changes),
        "place": lambda one: place_address(one.address, state),
        "rules": rules.lines(services, state.version.rules) if state else [],
        "rule_address": lambda rule: rules.address(key, rule),
        "reach": ruleform.reach,
        "places": words.place_choices(),
        "database": services.geo.database,
        "may_change": access.may_change(visit.user, "regions"),
    }
    return pages.render("regions.html", context, user=visit.user)


def read_filter(query: Mapping[str, str], groups: Mapping[str, object]) -> Filter:
    """What the address asks for.

    Raises:
        RefusedError: a part of it is none that there is.
    """
    kind, group, only = (query.get(name, "") for name in ("model", "group", "only"))
    if kind and kind not in worldmap.KINDS:
        raise _bad("model", kind, list(worldmap.KINDS))
    if group and group.removeprefix("@") not in groups:
        raise _bad("group", group, [f"@{name}" for name in sorted(groups)])
    if only not in ONLY:
        raise _bad("only", only, [name for name in ONLY if name])
    return Filter(plain(query.get("q", "")[:100]), kind, group, only)


def place_address(address: str, state: State | None, **more: str) -> str:
    """Where the page of a place is, for the same store and state."""
    query = {"store": state.store.key} if state else {}
    if state and state.which == "live":
        query["state"] = "live"
    query |= {name: value for name, value in more.items() if value}
    return f"/admin/regions/{address}" + (f"?{urlencode(query)}" if query else "")


def page_address(state: State | None) -> str:
    """Where the regions page is, for the same store and state."""
    return place_address("", state).replace("/regions/", "/regions", 1)


def plain(text: str) -> str:
    """``text`` without case and accents, so that Québec is quebec."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if not unicodedata.combining(part)).casefold()


def _searched(one: Standing) -> str:
    regime = one.regime
    return plain(" ".join((one.name, one.code, regime.id, regime.name, regime.law[0])))


def _view(query: Mapping[str, str]) -> str:
    view = query.get("map", "world")
    if view not in worldmap.VIEWS:
        raise _bad("map", view, list(worldmap.VIEWS))
    return view


def _bad(name: str, found: str, expected: Sequence[str]) -> RefusedError:
    accepted = words.listed(expected, "or")
    return RefusedError("bad_filter", f"{name}: found {found[:20]!r}; expected {accepted}")


def _address(
    base: Mapping[str, str], kept: Mapping[str, str], view: str, changes: Mapping[str, str]
) -> str:
    query = {**base, "map": "" if view == "world" else view, **kept, **changes}
    query = {name: value for name, value in query.items() if value}
    return f"/admin/regions?{urlencode(query)}" if query else "/admin/regions"


def _areas(shown: Sequence[Standing]) -> list[tuple[str, list[Standing]]]:
    """The rows of the table by area, the empty areas left out."""
    found = [
        (name, [one for one in shown if one.area == key]) for key, name in standing.AREAS.items()
    ]
    return [(name, rows) for name, rows in found if rows]


def _marks(every: Sequence[Standing], state: State | None) -> dict[str, Mark]:
    return {one.code: _mark(one, state) for one in every if one.code}


def _mark(one: Standing, state: State | None) -> Mark:
    said = f"{one.name}\n{worldmap.KINDS[one.kind]}: {words.short(one.regime.name)}"
    if one.sign:
        said += f"\n{sign_words(one)}"
    if one.coming:
        said += f"\nFrom {words.day(one.coming.on)}: {words.short(one.coming.after.name)}"
    return Mark(one.kind, one.sign, said, place_address(one.address, state))


def sign_words(one: Standing) -> str:
    """What the sign of a place says."""
    return (
        "Looser than the law, allowed by legal" if one.sign == "looser" else "A rule of this store"
    )
