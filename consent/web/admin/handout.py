"""Records on their way out of the house: exports and evidence packs, streamed."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse

from consent import evidence, export, pack, proof, seals
from consent.activity import Act, What
from consent.errors import RefusedError
from consent.export import Format
from consent.filters import LedgerFilter
from consent.model import is_key
from consent.pack import Sources, Subject, pictures
from consent.web import verifier
from consent.web.admin import access, decision, history, periods, sought
from consent.web.admin.door import Reading, Visit
from consent.web.admin.sought import Sought

TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl; charset=utf-8",
}
_GZIP = 16 + zlib.MAX_WBITS


async def download(visit: Visit) -> Response:
    """The records of a search as ``format=csv`` or ``jsonl``, from ``after=SEQ`` on.

    Raises:
        RefusedError: the address cannot be read.
    """
    query = visit.request.query_params
    asked = filter_of(visit)
    format_, after = query.get("format", "csv"), query.get("after") or "0"
    if format_ not in export.FORMATS:
        expected = " or ".join(export.FORMATS)
        raise RefusedError("bad_filter", f"format: found {format_[:20]!r}; expected {expected}")
    if not (after.isascii() and after.isdigit() and len(after) < 19):
        raise RefusedError("bad_filter", f"after: found {after[:20]!r}; expected a seq")
    head = await export.newest(visit.services.database)
    note(visit, "export", asked, {"format": format_, "after": int(after), "until_seq": head})
    content = _pieces(visit, asked.filter, format_, int(after), head)
    headers = {"content-disposition": f'attachment; filename="{_name(asked, head)}.{format_}"'}
    if "gzip" in visit.request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        content = _compressed(content)
    return StreamingResponse(content, media_type=TYPES[format_], headers=headers)


async def evidence_of_decision(visit: Visit) -> Response:
    """The evidence pack of one decision."""
    record = await decision.record_of(visit)
    act = Act("evidence", record.store, str(record.id), {"records": 1})
    return await packed(visit, Subject(f"decision {record.id}", record), act)


async def receipt_file(visit: Visit) -> Response:
    """The receipt file of one decision, which anyone can verify offline.

    Raises:
        NotFoundError: it is not sealed yet.
    """
    record = await decision.record_of(visit)
    signed = visit.services.recorder.receipt(record).receipt
    prover = await proof.prover(visit.connection, record.seq)
    content = evidence.write(await prover.prove(record, signed))
    visit.acts.append(Act("export", record.store, str(record.id), {"format": "receipt file"}))
    headers = {"content-disposition": f'attachment; filename="receipt-{record.id}.json"'}
    return Response(content, media_type="application/json", headers=headers)


async def evidence_of_visitor(visit: Visit) -> Response:
    """The evidence pack of all that one visitor decided, in the stores that this user sees."""
    visitor = history.visitor_of(visit)
    filter_ = LedgerFilter(stores=visit.own, visitor=visitor)
    subject = Subject(f"visitor {visitor}", filter=filter_)
    one = visit.own[0] if visit.own and len(visit.own) == 1 else None
    return await packed(visit, subject, Act("evidence", one, str(visitor)))


async def evidence_of_search(visit: Visit) -> Response:
    """The evidence pack of a search.

    Raises:
        RefusedError: the address cannot be read, or means too many records.
    """
    asked = filter_of(visit)
    kept = [f"{name} {value}" for name, value in asked.kept.items()]
    subject = Subject(f"search by {', '.join(kept) or 'nothing'}", filter=asked.filter)
    return await packed(visit, subject, Act("evidence", one_store(asked), "records", asked.kept))


async def packed(visit: Reading, subject: Subject, act: Act) -> Response:
    """The pack about ``subject``, noted as ``act``, on a page or through the API.

    Raises:
        TooLargeError: it would hold more than ``pack.MOST_RECORDS``.
        NotFoundError: it would hold none.
    """
    services = visit.services
    number = await pack.count(services.database, subject)
    visit.acts.append(msgspec.structs.replace(act, detail={**act.detail, "records": number}))
    keys = await seals.keys(visit.connection)
    sources = Sources(
        services.database,
        services.signer,
        verifier.page(keys),
        lambda language, duties: decision.entry(services, language, duties),
        pictures.png,
    )
    name = subject.name.partition(" by ")[0].replace(" ", "-")
    headers = {
        "content-disposition": f'attachment; filename="evidence-{name}.zip"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    content = pack.pieces(sources, subject, now=services.now())
    return StreamingResponse(content, media_type="application/zip", headers=headers)


def filter_of(visit: Reading) -> Sought:
    """The search that the address means, within the stores that its user sees.

    Raises:
        RefusedError: a part of it cannot be read.
        NotFoundError: the store is not one of the user's.
    """
    from_ = visit.request.query_params
    store = from_.get("store", "")
    stores = visit.own
    if store:
        if not (is_key(store) and visit.sees(store)):
            raise access.no_such_store(store)
        stores = (store,)
    asked = sought.read(from_, stores, visit.services)
    if asked.faults:
        raise periods.refusal(asked.faults)
    return asked


def note(visit: Visit, what: What, asked: Sought, detail: dict[str, Any]) -> None:
    """Has it noted that records go out, before the first of them does."""
    visit.acts.append(Act(what, one_store(asked), "records", {**asked.kept, **detail}))


def one_store(asked: Sought) -> str | None:
    """The key of the store that a search keeps to; None for several."""
    stores = asked.filter.stores
    return stores[0] if stores is not None and len(stores) == 1 else None


def _name(asked: Sought, head: int) -> str:
    """It says up to which record the file goes: who goes on later begins there."""
    return f"ledger-{asked.kept.get('store', 'all')}-to-seq-{head}"


async def _pieces(
    visit: Visit, filter_: LedgerFilter, format_: Format, after: int, until: int
) -> AsyncIterator[bytes]:
    database = visit.services.database
    async for piece in export.pieces(database, filter_, format_, after=after, until=until):
        if piece.content:
            yield piece.content


async def _compressed(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(1, wbits=_GZIP)
    async for piece in content:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()
