"""From what somebody holds to the decision it is about: an id, a receipt, or a receipt file."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
from starlette.responses import RedirectResponse, Response

from consent import erasures, ledger, search
from consent.errors import ForbiddenError, GoneError, NotFoundError, RefusedError
from consent.filters import LedgerFilter
from consent.signing import Signer
from consent.web.admin import decision, posted
from consent.web.admin.door import Visit

_EXPECTED = "expected a decision's or a visitor's id, a receipt, or the content of a receipt file"


async def find(visit: Visit) -> Response:
    """Leads to the decision or the visitor that the posted text is about.

    Raises:
        RefusedError: the text is none of what is accepted.
        NotFoundError: nothing that this user may see has that id.
        GoneError: it was erased.
    """
    fields = await posted.fields(visit.request, posted.SIGNED_IN_BYTES)
    id_ = id_in(fields.get("text", ""), visit.services.signer)
    record = await ledger.get(visit.connection, id_)
    if record is not None and visit.sees(record.store):
        return RedirectResponse(f"/admin/ledger/{id_}", status_code=303)
    filter_ = LedgerFilter(stores=visit.own, visitor=id_)
    if (await search.find(visit.connection, filter_, limit=1)).records:
        return RedirectResponse(f"/admin/ledger/visitors/{id_}", status_code=303)
    gone = await erasures.of_record(visit.connection, id_)
    if gone is not None and visit.sees(gone[1].store):
        raise GoneError("erased", decision.erased(gone[1]))
    for erasure in await erasures.of_visitor_id(visit.connection, id_):
        if visit.sees(erasure.store):
            raise GoneError("erased", decision.erased(erasure))
    raise NotFoundError("no_such_decision", f"no decision and no visitor has the id {id_}")


def id_in(text: str, signer: Signer) -> uuid.UUID:
    """The id that a text is, or that the receipt in it names.

    Raises:
        RefusedError: it is neither, or the receipt was changed.
    """
    text = text.strip()
    found = _uuid(text)
    if found is None and text.startswith("{"):
        found = _in_file(text, signer)
    elif found is None and "." in text:
        found = _in_receipt(text, signer)
    if found is None:
        raise RefusedError("bad_filter", f"text: found {text[:40]!r}; {_EXPECTED}")
    return found


def _in_file(text: str, signer: Signer) -> uuid.UUID | None:
    """Of a receipt file, or of the answer to a decision."""
    try:
        content = msgspec.json.decode(text)
    except msgspec.MsgspecError as error:
        raise RefusedError("bad_filter", f"text: is no JSON; {_EXPECTED}") from error
    record = content.get("record")
    inner: Any = record if isinstance(record, dict) else content
    found = _uuid(inner.get("id"))
    if found is None and isinstance(content.get("receipt"), str):
        found = _in_receipt(content["receipt"], signer)
    return found


def _in_receipt(text: str, signer: Signer) -> uuid.UUID | None:
    try:
        return _uuid(signer.read_receipt(text).get("id"))
    except ForbiddenError as error:
        raise RefusedError("bad_filter", f"text: {error.detail}") from error


def _uuid(text: object) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None
