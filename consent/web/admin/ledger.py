"""The ledger as a list: what legal filters, counts and leafs through."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

from starlette.responses import Response

from consent import ledger
from consent.errors import ConsentError
from consent.ledger import LedgerFilter
from consent.model import CHOOSABLE, Action, Purpose, Record
from consent.regions import Regions
from consent.stores import StoreSummary
from consent.web.admin import access, pages, periods, words
from consent.web.admin.door import Visit

ROWS = 50
TRAIL = 40
"""How many pages back the way to newer ones is remembered; beyond that it leads to the newest."""


class Line(NamedTuple):
    record: Record
    store: str
    regime: str
    choices: list[tuple[Purpose, bool]]


async def show(visit: Visit) -> Response:
    found = await access.visible(visit.connection, visit.user)
    query = visit.request.query_params
    store = access.pick(found, query.get("store", ""))
    filter_, faults = read_filter(query, tuple(s.key for s in ([store] if store else found)))
    if visit.user.store is None and store is None:
        filter_ = _of_all_stores(filter_)
    kept = {name: query[name] for name in FIELDS if query.get(name)}
    listed = _nothing() if faults else await _listed(visit, found, filter_, kept)
    context = {
        "here": "ledger",
        "stores": found,
        "store": store,
        "kept": kept,
        "faults": faults,
        **listed,
        "actions": words.ACTIONS,
        "kinds": words.KINDS,
        "places": words.place_choices(),
        "may_see_stores": "stores" in access.PAGES[visit.user.role],
    }
    return pages.render("ledger.html", context, user=visit.user, status=400 if faults else 200)


def _nothing() -> dict[str, Any]:
    """What a page says of the records when its filter cannot be read: nothing is looked up."""
    return {"lines": [], "total": 0, "position": 0, "older": None, "newer": None}


async def _listed(
    visit: Visit, found: list[StoreSummary], filter_: LedgerFilter, kept: Mapping[str, str]
) -> dict[str, Any]:
    """One page of the records that pass the filter, and the ways to its neighbours."""
    trail = _trail(visit.request.query_params.get("page", ""))
    before = trail[-1] if trail else None
    records = await ledger.search(visit.connection, filter_, before=before, limit=ROWS + 1)
    more, records = len(records) > ROWS, records[:ROWS]
    return {
        "lines": [_line(visit.services.regions, found, record) for record in records],
        "total": await ledger.count(visit.connection, filter_),
        "position": len(trail) * ROWS if len(trail) < TRAIL else None,
        "older": _address(kept, [*trail, records[-1].seq]) if more else None,
        "newer": _address(kept, trail[:-1]) if trail else None,
    }


FIELDS = ("store", "from", "until", "place", "choice", "action")
"""What an address can filter by."""


def read_filter(
    query: Mapping[str, str], stores: tuple[str, ...]
) -> tuple[LedgerFilter, dict[str, str]]:
    """The filter that an address means, and what is wrong with it, by field.

    Args:
        query: the fields of the address.
        stores: keys of the stores that may be seen.
    """
    first, last, faults = periods.days(query)
    place, choice, action = (query.get(name, "") for name in ("place", "choice", "action"))
    if place and not words.is_place(place):
        faults["place"] = _unknown(place, "a country such as DE, a state or a province: US-CA")
    if choice and choice not in words.KINDS:
        faults["choice"] = _unknown(choice, words.listed(list(words.KINDS), "or"))
    if action and action not in words.ACTIONS:
        faults["action"] = _unknown(action, words.listed(list(words.ACTIONS), "or"))
    filter_ = LedgerFilter(
        stores=stores,
        since=periods.midnight(first) if first else None,
        until=periods.midnight(last + dt.timedelta(days=1)) if last else None,
        place=place or None,
        action=cast(Action, action) if action else None,
        kind=cast(Any, choice) if choice else None,
    )
    return filter_, faults


def _unknown(found: str, expected: str) -> str:
    return f"found {found[:20]!r}; expected {expected}"


def _of_all_stores(filter_: LedgerFilter) -> LedgerFilter:
    fields = {name: getattr(filter_, name) for name in filter_.__struct_fields__}
    return LedgerFilter(**{**fields, "stores": None})


def _line(regions: Regions, found: list[StoreSummary], record: Record) -> Line:
    names = {store.key: store.name for store in found}
    choices = [(purpose, record.grants.of(purpose)) for purpose in CHOOSABLE]
    return Line(record, names.get(record.store, record.store), _regime(regions, record), choices)


def _regime(regions: Regions, record: Record) -> str:
    """The regime's short name; its id when this release does not have it any more."""
    try:
        on = regions.day(record.place, record.at)
        return words.short(regions.regime(record.regime_id, record.place, on=on).name)
    except ConsentError:
        return record.regime_id


def _trail(text: str) -> list[int]:
    """The pages one came through: the last ``seq`` of each, oldest step first."""
    steps = text.split(".")[-TRAIL:]
    return [int(step) for step in steps] if text and all(map(_is_seq, steps)) else []


def _is_seq(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _address(kept: Mapping[str, str], trail: list[int]) -> str:
    query = dict(kept)
    if trail:
        query["page"] = ".".join(str(seq) for seq in trail[-TRAIL:])
    return f"/admin/ledger?{urlencode(query)}" if query else "/admin/ledger"
