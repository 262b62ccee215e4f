"""The ledger as a list: what legal filters, counts and leafs through."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.responses import Response

from consent import ledger, search
from consent.activity import Act
from consent.filters import LedgerFilter
from consent.model import CHOOSABLE, Purpose, Record
from consent.search import Found, Total
from consent.stores import StoreSummary
from consent.web.admin import access, pages, sought, words
from consent.web.admin.door import Visit
from consent.web.admin.sought import Sought
from consent.web.services import Services

ROWS = 50


class Keeping(NamedTuple):
    """How long a store keeps decisions, and since when it does now."""

    days: int
    since: dt.datetime


class Line(NamedTuple):
    record: Record
    date: str
    clock: str
    store: str
    regime: str
    choices: list[tuple[Purpose, bool]]


async def show(visit: Visit) -> Response:
    found = await access.visible(visit.connection, visit.user)
    query = visit.request.query_params
    store = access.pick(found, query.get("store", ""))
    asked = sought.read(query, stores_of(visit, store), visit.services)
    listed = _NOTHING if asked.faults else await _listed(visit, found, asked)
    context = {
        "here": "ledger",
        "stores": found,
        "store": store,
        "kept": asked.kept,
        "faults": asked.faults,
        "folded": any(name in asked.kept for name in sought.FOLDED),
        "zone": asked.zone.key,
        "keeps": _keeps(visit.services, found, store),
        **listed,
        **sought.choices(visit.services, visit.services.now().date()),
        "may_see_stores": "stores" in access.pages(visit.user),
        "export": urlencode(asked.kept),
        "any": bool(listed["lines"]) or await ledger.last(visit.connection) > 0,
    }
    status = 400 if asked.faults else 200
    return pages.render("ledger.html", context, user=visit.user, status=status)


def _keeps(
    services: Services, found: list[StoreSummary], store: StoreSummary | None
) -> Keeping | None:
    """Of the one store that the page is about; None when it is about several or none is live."""
    one = store or (found[0] if len(found) == 1 else None)
    if one is None or one.published is None:
        return None
    days = services.current(one.key).config.retention.decisions_days
    return Keeping(days, services.now() - dt.timedelta(days=days))


def stores_of(visit: Visit, store: StoreSummary | None) -> tuple[str, ...] | None:
    """The keys of the stores that a page is about; None for every one."""
    if store is not None:
        return (store.key,)
    return visit.own


_NOTHING: dict[str, Any] = {
    "lines": [],
    "total": Total(0),
    "complete": True,
    "older": None,
    "newer": None,
    "newest": None,
}
"""What a page says of the records when its filter cannot be read: nothing is looked up."""


async def _listed(visit: Visit, found: list[StoreSummary], asked: Sought) -> dict[str, Any]:
    """One page of the records that pass the filter, and the ways to its neighbours."""
    c, services, query = visit.connection, visit.services, visit.request.query_params
    before, after = _seq(query.get("before", "")), _seq(query.get("after", ""))
    page = Found([], None, None)
    if before is not None or after is not None:
        after = after if before is None else None
        page = await search.find(c, asked.filter, before=before, after=after, limit=ROWS)
    moved = bool(page.records) or not page.complete
    if not moved or (after is not None and page.newer is None):
        # The newest page is full, from whichever side one comes to it.
        moved, page = False, await search.find(c, asked.filter, limit=ROWS)
    if asked.filter.visitor is not None:
        visit.acts.append(Act("history", _one(asked.filter), str(asked.filter.visitor)))
    return {
        "lines": [_line(services, found, record, asked.zone) for record in page.records],
        "total": await search.count(c, asked.filter),
        "complete": page.complete,
        "older": _address(asked.kept, before=page.older) if page.older is not None else None,
        "newer": _address(asked.kept, after=page.newer) if page.newer is not None else None,
        "newest": _address(asked.kept) if moved else None,
    }


def _one(filter_: LedgerFilter) -> str | None:
    return filter_.stores[0] if filter_.stores and len(filter_.stores) == 1 else None


def _line(services: Services, found: list[StoreSummary], record: Record, zone: ZoneInfo) -> Line:
    names = {store.key: store.name for store in found}
    at = record.at.astimezone(zone)
    return Line(
        record,
        words.date(at),
        f"{at:%H:%M:%S}",
        names.get(record.store, record.store),
        words.regime(services.regions, record.regime_id, record.at.date(), record.place),
        [(purpose, record.grants.of(purpose)) for purpose in CHOOSABLE],
    )


def _seq(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _address(kept: Mapping[str, str], **page: int) -> str:
    query = {**kept, **page}
    return f"/admin/ledger?{urlencode(query)}" if query else "/admin/ledger"
