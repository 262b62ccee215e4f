"""One place: its law, why it applies, what a visitor sees there, and which pixels run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from consent.errors import NotFoundError, RefusedError
from consent.model import Place
from consent.web.admin import access, firing, pages, regions, standing, states, words, worldmap
from consent.web.admin import rules as rules_page
from consent.web.admin.decision import DUTIES
from consent.web.admin.door import Visit
from consent.web.admin.standing import Standing
from consent.web.admin.states import State
from consent.web.services import Services

DEVICES = {"desktop": "Desktop", "phone": "Phone"}
GPC = {
    "required": "The law demands that Global Privacy Control is honoured",
    "conditional": "The law counts Global Privacy Control under conditions; it is honoured",
    "none": "The law does not speak of Global Privacy Control; it is honoured all the same",
}

DOUBTS = {
    "law": "the model and the law",
    "treated_as": "that it has another country's law",
    "gpc": "what it says of GPC",
    "ask_again": "when it asks again",
    "own_statistics": "its exemption of own statistics",
}
"""What a lawyer has still to check."""


class Seen(NamedTuple):
    """As whom a page is looked at: ``place`` on a day, in a language, with a device, with GPC."""

    place: Place
    on: dt.date
    language: str
    device: str
    gpc: bool

    @property
    def query(self) -> dict[str, str]:
        """What an address says besides the place, the store and its state."""
        return {
            "date": self.on.isoformat(),
            "language": self.language,
            "device": self.device,
            "gpc": "on" if self.gpc else "",
        }


async def show(visit: Visit) -> Response:
    services, query = visit.services, visit.request.query_params
    found = await access.visible(visit.connection, visit.user)
    state = await state_of(visit)
    seen = read_seen(services, visit.request.path_params["place"], query, state)
    rules = state.version.rules if state else states.NO_RULES
    one = standing.at(services.regions, rules, seen.place, seen.on)
    context = {
        "here": "regions",
        "stores": found,
        "state": state,
        "one": one,
        "seen": seen,
        "swatch": worldmap.swatch,
        "sign": worldmap.sign,
        "kinds": worldmap.KINDS,
        "patterns": worldmap.patterns(),
        "why": why(one),
        "law_link": one.regime.source if one.regime.source.startswith("https://") else "",
        "duties": [DUTIES[duty] for duty in one.regime.duties],
        "doubts": [DOUBTS[doubt] for doubt in _doubts(services, one, seen)],
        "exempt": one.regime.own_statistics,
        "gpc_duty": GPC[one.regime.gpc_duty],
        "given": [(_FIELDS.get(field, field), by) for field, by in one.resolution.given],
        "coming": list(standing.changes(services.regions, rules, seen.place, seen.on)),
        "back": regions.page_address(state),
        "there": lambda on: regions.place_address(
            one.address, state, **{**seen.query, "date": on.isoformat()}
        ),
        **_as_visitor(services, state, one, seen),
        "own_rule": rules_page.address(state.store.key, one.code) if state and one.code else "",
        "has_rule": bool(state and one.code in state.own.regions),
        "looser_waits": _waits(services, state, one),
        "may_change": access.may_change(visit.user, "regions"),
    }
    return pages.render("place.html", context, user=visit.user)


async def view(visit: Visit) -> Response:
    """The form "View as", whose place is part of the address it leads to."""
    query = dict(visit.request.query_params)
    place = query.pop("place", "") or standing.UNKNOWN
    if standing.place_of(place) is None:
        raise no_place(place)
    rest = urlencode({name: value for name, value in query.items() if value})
    address = f"/admin/regions/{place}" + (f"?{rest}" if rest else "")
    return RedirectResponse(address, status_code=303)


async def state_of(visit: Visit) -> State | None:
    """The state of a store that the address asks for; of a user of one store, that one's."""
    query = visit.request.query_params
    key = query.get("store", "")
    if not key:
        found = await access.visible(visit.connection, visit.user)
        if len(found) != 1:
            return None
        key = found[0].key
    which = query.get("state", "")
    return await states.of(visit.services, visit.connection, visit.user, key, which)


def read_seen(
    services: Services, address: str, query: Mapping[str, str], state: State | None
) -> Seen:
    """As whom the page is looked at.

    Raises:
        NotFoundError: there is no such place.
        RefusedError: a part of the address is none that there is.
    """
    place = standing.place_of(address)
    if place is None:
        raise no_place(address)
    day = query.get("date", "") or standing.day(services.regions, place, services.now()).isoformat()
    usual = state.version.config.language if state else "en"
    language, device = query.get("language", "") or usual, query.get("device", "") or "desktop"
    if language not in services.texts.languages:
        raise _bad("language", language, words.listed(services.texts.languages, "or"))
    if device not in DEVICES:
        raise _bad("device", device, words.listed(list(DEVICES), "or"))
    return Seen(place, _day(day), language, device, "gpc" in query)


def why(one: Standing) -> str:
    """Why this regime holds here, as a sentence."""
    said = one.resolution.why
    for prefix in (one.code or "no place", one.resolution.matched):
        said = said.removeprefix(f"{prefix}: ")
    return words.as_sentence(said)


def no_place(address: str) -> NotFoundError:
    return NotFoundError("no_such_place", f"there is no place {address[:20]!r}; see the table")


_FIELDS = {
    "regime": "The regime",
    "accept_days": "How long a yes holds",
    "refuse_days": "How long a no holds",
    "layout": "The banner's layout",
    "purposes": "Which purposes are offered",
    "pixels": "Which pixels may run",
}


def _as_visitor(
    services: Services, state: State | None, one: Standing, seen: Seen
) -> dict[str, Any]:
    """What a visitor of the store sees, and which pixels run."""
    places = [("Countries", sorted(words.countries().items(), key=lambda item: item[1]))]
    places += words.place_choices()[1:]
    shown: dict[str, Any] = {
        "places": places,
        "languages": [(code, words.language(code)) for code in services.texts.languages],
        "devices": DEVICES,
        "preview": "",
        "firing": [],
        "cases": firing.CASES,
        "said": firing.SAID,
    }
    if state is not None:
        address = f"/admin/regions/{one.address}/preview"
        query = {"store": state.store.key, "state": state.which, **seen.query}
        shown["preview"] = f"{address}?{urlencode({k: v for k, v in query.items() if v})}"
        shown["firing"] = firing.every(
            services.platforms, state.version, one.resolution, seen.place, services.now()
        )
    return shown


def _doubts(services: Services, one: Standing, seen: Seen) -> tuple[str, ...]:
    return services.regions.unverified(one.regime.id, seen.place, on=seen.on)


def _waits(services: Services, state: State | None, one: Standing) -> list[tuple[str, str]]:
    """Each rule that is looser here and not allowed: what it asks, and where its page is."""
    if state is None or not one.code:
        return []
    place = standing.place_of(one.code) or Place()
    on = standing.day(services.regions, place, services.now())
    found = services.regions.loosened(place, on=on, rules=state.version.rules)
    return [
        (loose.said, rules_page.address(state.store.key, loose.stated.key))
        for loose in found
        if not loose.stated.approved
    ]


def _day(text: str) -> dt.date:
    try:
        found = dt.date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        found = None
    if found is None or not 2000 <= found.year < 2100:
        raise _bad("date", text, "a day such as 2027-01-01")
    return found


def _bad(name: str, found: str, expected: str) -> RefusedError:
    return RefusedError("bad_filter", f"{name}: found {found[:20]!r}; expected {expected}")
