"""The ledger through the API: search, one decision, a visitor's history, receipts, export."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response, StreamingResponse

from consent import erasures, export, ledger, proof, receipt, seals, search
from consent.activity import Act
from consent.erase import LEAST_LETTERS, MOST_LETTERS
from consent.errors import GoneError, NotFoundError
from consent.evidence import ReceiptFile
from consent.filters import LedgerFilter
from consent.model import Record
from consent.receipt import Content
from consent.web.admin import decision, handout
from consent.web.api.operation import PAGE, Ask, Before, Limit, Operation, Order, Text
from consent.web.api.stores import PATH, of

JSON_LINES = "application/jsonl"


class Page(msgspec.Struct, frozen=True):
    """Newest first. ``before``: what the next page goes on from; None: this is the last.

    ``complete``: False when there may be more between this page and the next one. ``total`` is
    exact or, where it says not, at least so many.
    """

    decisions: list[Content]
    before: int | None
    complete: bool
    total: int
    exact: bool


class Decision(msgspec.Struct, frozen=True):
    """One decision: its record, the receipt that its page got, and whether it is sealed yet."""

    record: Content
    receipt: str
    sealed: bool


class History(msgspec.Struct, frozen=True):
    """All that a visitor decided in the stores that are seen, newest first."""

    visitor: uuid.UUID
    decisions: list[Content]
    before: int | None


class Log(msgspec.Struct, frozen=True):
    """Where the log is. ``waiting`` are records that are not sealed yet.

    ``failures`` counts how often this process could not seal. ``anchors`` are the addresses of
    those outside who have signed this head.
    """

    origin: str
    records: int
    sealed: int
    waiting: int
    root: str
    at: dt.datetime | None
    anchors: list[str]
    failures: int


class ErasureBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``reason``: who asked, and since when. It is kept for good, so it names nobody."""

    visitor: uuid.UUID
    reason: Annotated[str, Meta(min_length=LEAST_LETTERS, max_length=MOST_LETTERS)]


class Erased(msgspec.Struct, frozen=True):
    """An erasure by its number, and how many decisions it took out."""

    id: int
    at: dt.datetime
    n: int


class FilterQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which decisions are meant; each that is given must hold. Days as 2026-11-23."""

    store: Text = ""
    from_: Text = msgspec.field(default="", name="from")
    until: Text = ""
    from_time: Text = ""
    until_time: Text = ""
    zone: Text = ""
    place: Text = ""
    choice: Text = ""
    action: Text = ""
    regime: Text = ""
    version: Text = ""
    language: Text = ""
    visitor: Text = ""
    looser: Text = ""


class SearchQuery(FilterQuery, frozen=True, forbid_unknown_fields=True):
    """``before``: what the page before this one said."""

    before: Before | None = None
    limit: Limit = PAGE


class ExportQuery(FilterQuery, frozen=True, forbid_unknown_fields=True):
    """``after``: the ``seq`` of the last whole line of an export that broke off."""

    after: Annotated[int, Meta(ge=0, le=2**62)] = 0


class HistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``before``: what the page before this one said."""

    before: Before | None = None
    limit: Limit = PAGE


async def searched(ask: Ask) -> Page:
    asked, query, c = handout.filter_of(ask), ask.query, ask.connection
    if asked.filter.visitor is not None:
        ask.acts.append(Act("history", handout.one_store(asked), str(asked.filter.visitor)))
    found = await search.find(c, asked.filter, before=query.before, limit=query.limit)
    total = await search.count(c, asked.filter)
    contents = [receipt.content(record) for record in found.records]
    return Page(contents, found.older, found.complete, total.n, total.exact)


async def show(ask: Ask) -> Decision:
    record = await _record(ask)
    ask.acts.append(Act("look_up", record.store, str(record.id)))
    head = await seals.newest(ask.connection)
    signed = ask.services.recorder.receipt(record).receipt
    sealed = head is not None and record.seq <= head.size
    return Decision(receipt.content(record), signed, sealed)


async def receipt_file(ask: Ask) -> ReceiptFile:
    record = await _record(ask)
    signed = ask.services.recorder.receipt(record).receipt
    prover = await proof.prover(ask.connection, record.seq)
    file = await prover.prove(record, signed)
    ask.acts.append(Act("export", record.store, str(record.id), {"format": "receipt file"}))
    return file


async def history(ask: Ask) -> History:
    visitor = _uuid(ask.path["visitor"], "visitor")
    filter_ = LedgerFilter(stores=ask.own, visitor=visitor)
    query = ask.query
    found = await search.find(ask.connection, filter_, before=query.before, limit=query.limit)
    keys = dict.fromkeys(record.store for record in found.records)
    ask.acts.extend(Act("history", key, str(visitor)) for key in keys)
    contents = [receipt.content(record) for record in found.records]
    return History(visitor, contents, found.older)


async def exported(ask: Ask) -> Response:
    asked, after = handout.filter_of(ask), ask.query.after
    database = ask.services.database
    head = await export.newest(database)
    detail: dict[str, Any] = {"format": "jsonl", "after": after, "until_seq": head}
    ask.acts.append(Act("export", handout.one_store(asked), "records", {**asked.kept, **detail}))

    async def content() -> AsyncIterator[bytes]:
        pieces = export.pieces(database, asked.filter, "jsonl", after=after, until=head)
        async for piece in pieces:
            if piece.content:
                yield piece.content

    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return StreamingResponse(content(), media_type=JSON_LINES, headers=headers)


async def log(ask: Ask) -> Log:
    c, sealer = ask.connection, ask.services.sealer
    head, last = await seals.newest(c), await ledger.last(c)
    anchors = await seals.anchors(c, head.size) if head else []
    return Log(
        head.key.name if head else "",
        last,
        head.size if head else 0,
        last - (head.size if head else 0),
        head.root.hex() if head else "",
        head.at if head else None,
        [one.url for one in anchors],
        sealer.failures,
    )


async def erased(order: Order) -> Erased:
    """All that a visitor decided in one store."""
    services, body = order.services, order.body
    async with services.database.read() as c:
        key = (await of(c, order.user, order.path["store"])).key
    found = await services.eraser.visitor(key, body.visitor, body.reason, by=order.user)
    return Erased(found.id, found.at, found.n)


async def _record(ask: Ask) -> Record:
    """The record that the address names.

    Raises:
        NotFoundError: there is none, or it belongs to a store that this user does not see.
        GoneError: it was erased; when, by whom and why.
    """
    id_ = _uuid(ask.path["id"], "decision")
    found = await ledger.get(ask.connection, id_)
    if found is not None and ask.sees(found.store):
        return found
    gone = await erasures.of_record(ask.connection, id_)
    if gone is not None and ask.sees(gone[1].store):
        raise GoneError("erased", decision.erased(gone[1]))
    raise NotFoundError("no_such_decision", "there is no decision with this id")


def _uuid(text: str, what: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise NotFoundError(f"no_such_{what}", f"there is no {what} with this id") from error


OPERATIONS = (
    Operation(
        *("ledger.search", "GET", "/ledger", "ledger:read", searched),
        "Decisions, newest first.",
        Page,
        SearchQuery,
    ),
    Operation(
        *("ledger.export", "GET", "/ledger/export", "ledger:read", exported),
        "Decisions as JSON Lines, oldest first: each line is what the log has the SHA-256 of.",
        None,
        ExportQuery,
        media=(JSON_LINES,),
    ),
    Operation(
        *("ledger.visitor", "GET", "/ledger/visitors/{visitor}", "ledger:read", history),
        "All that one visitor decided.",
        History,
        HistoryQuery,
    ),
    Operation(
        *("ledger.get", "GET", "/ledger/{id}", "ledger:read", show),
        "One decision.",
        Decision,
    ),
    Operation(
        *("ledger.receipt", "GET", "/ledger/{id}/receipt", "ledger:read", receipt_file),
        "The receipt file of one decision, which anyone can verify offline.",
        ReceiptFile,
    ),
    Operation(
        *("ledger.erase", "POST", f"{PATH}/erasures", "visitors:erase", erased),
        "Takes all that a visitor decided in the store out of the ledger, for good.",
        Erased,
        body=ErasureBody,
    ),
    Operation(
        *("log.get", "GET", "/log", "ledger:read", log),
        "How far the ledger is sealed, and who has signed it.",
        Log,
    ),
)
