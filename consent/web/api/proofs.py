"""What proves decisions, and how long they are kept, through the API: evidence packs, retention."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from consent.activity import Act
from consent.filters import LedgerFilter
from consent.pack import Subject
from consent.retain import Due
from consent.web.admin import decision, handout, history
from consent.web.api.operation import Ask, Operation
from consent.web.api.records import FilterQuery

ZIP = "application/zip"


class Retention(msgspec.Struct, frozen=True):
    """What goes next by itself, store by store, and by which period of which version."""

    stores: list[Due]


async def of_decision(ask: Ask) -> Response:
    record = await decision.record_of(ask)
    subject = Subject(f"decision {record.id}", record=record)
    return await handout.packed(ask, subject, Act("evidence", record.store, str(record.id)))


async def of_visitor(ask: Ask) -> Response:
    visitor = history.visitor_of(ask)
    filter_ = LedgerFilter(stores=ask.own, visitor=visitor)
    one = ask.own[0] if ask.own and len(ask.own) == 1 else None
    subject = Subject(f"visitor {visitor}", filter=filter_)
    return await handout.packed(ask, subject, Act("evidence", one, str(visitor)))


async def of_search(ask: Ask) -> Response:
    asked = handout.filter_of(ask)
    kept = [f"{name} {value}" for name, value in asked.kept.items()]
    subject = Subject(f"search by {', '.join(kept) or 'nothing'}", filter=asked.filter)
    act = Act("evidence", handout.one_store(asked), "records", asked.kept)
    return await handout.packed(ask, subject, act)


async def due(ask: Ask) -> Retention:
    return Retention(await ask.services.retainer.due(ask.own))


_VISITOR = "/ledger/visitors/{visitor}"

OPERATIONS = (
    Operation(
        *("evidence.search", "GET", "/ledger/evidence", "ledger:read", of_search),
        "A ZIP with the records of a search, what was shown, and what proves it.",
        None,
        FilterQuery,
        media=(ZIP,),
    ),
    Operation(
        *("evidence.visitor", "GET", f"{_VISITOR}/evidence", "ledger:read", of_visitor),
        "A ZIP with all that one visitor decided, and what proves it.",
        None,
        media=(ZIP,),
    ),
    Operation(
        *("evidence.decision", "GET", "/ledger/{id}/evidence", "ledger:read", of_decision),
        "A ZIP with one decision, what was shown, and what proves it.",
        None,
        media=(ZIP,),
    ),
    Operation(
        *("retention.get", "GET", "/retention", "ledger:read", due),
        "How many records are due to be erased by themselves, as their period is over.",
        Retention,
    ),
)
