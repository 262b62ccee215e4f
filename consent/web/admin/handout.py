"""Records on their way out of the house: exports of a search, streamed."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response, StreamingResponse

from consent import export
from consent.activity import Act, What
from consent.errors import RefusedError
from consent.export import Format
from consent.filters import LedgerFilter
from consent.web.admin import access, periods, sought
from consent.web.admin.door import Visit
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


def filter_of(visit: Visit) -> Sought:
    """The search that the address means, within the stores that its user sees.

    Raises:
        RefusedError: a part of it cannot be read.
        NotFoundError: the store is not one of the user's.
    """
    from_ = visit.request.query_params
    store = from_.get("store", "")
    stores = None if visit.user.store is None else (visit.user.store,)
    if store:
        if stores not in (None, (store,)):
            raise access.no_such_store(store)
        stores = (store,)
    asked = sought.read(from_, stores, visit.services)
    if asked.faults:
        raise periods.refusal(asked.faults)
    return asked


def note(visit: Visit, what: What, asked: Sought, detail: dict[str, Any]) -> None:
    """Has it noted that records go out, before the first of them does."""
    stores = asked.filter.stores
    one = stores[0] if stores is not None and len(stores) == 1 else None
    visit.acts.append(Act(what, one, "records", {**asked.kept, **detail}))


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
