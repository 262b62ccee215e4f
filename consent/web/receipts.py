"""What a decision's id gets: its receipt and proof, and for its visitor the whole file."""

from __future__ import annotations

import uuid

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.types import Receive, Scope

from consent import erasures, ledger
from consent.errors import GoneError, NotFoundError, ThrottledError
from consent.evidence import write
from consent.proof import Prover, prover
from consent.receipt import digest
from consent.record import facts
from consent.web import errors, posts
from consent.web.metrics import Answered
from consent.web.responses import (
    JSON,
    NO_STORE,
    NOSNIFF,
    Answer,
    Headers,
    header,
    json_answer,
    read_body,
    require_method,
    skip_body,
)
from consent.web.services import Services

FILE: Headers = [JSON, NOSNIFF, (b"content-disposition", b'attachment; filename="receipt.json"')]


class OwnerPost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A visitor asks for the own receipt file."""

    visitor: uuid.UUID


_OWNER = msgspec.json.Decoder(OwnerPost)


class Receipts:
    """``receipts/{id}`` of every store.

    Args:
        services: what it stands on.
        answered: counts what is refused.
    """

    def __init__(self, services: Services, answered: Answered) -> None:
        self._services = services
        self._answered = answered

    async def __call__(self, key: str, id_: str, scope: Scope, receive: Receive) -> Answer:
        """What is known of a decision to whoever has its id; to its visitor, the whole file.

        The record names the visitor's random id, the place and the device, so it takes that id to
        get it. It is posted, since addresses end up in logs.
        """
        headers: Headers = [posts.VARY_ORIGIN]
        try:
            version = self._services.current(key)
            require_method(scope, headers, "GET", "HEAD", "POST")
            if header(scope, b"origin") is not None or scope["method"] == "POST":
                allowed = posts.allowed_origin(scope, version)
                headers.append((b"access-control-allow-origin", allowed))
            self._services.limits.take(scope)
            if scope["method"] != "POST":
                return json_answer(200, await self._known(key, id_), headers)
            posts.check_type(scope)
            body = await read_body(scope, receive)
            post = posts.decode(_OWNER, body, "invalid_visitor")
            return Answer(200, [*FILE, NO_STORE, *headers], await self._file(key, id_, post))
        except Exception as error:
            await skip_body(scope, receive)
            if isinstance(error, ThrottledError):
                self._answered.refusals[error.code] += 1
            return errors.answer(error, headers)

    async def _known(self, key: str, id_: str) -> dict[str, object]:
        """Nothing that the page which decided did not know, and what proves it."""
        services = self._services
        found = await services.finder.find(_uuid(id_))
        if found is None or found[0].store != key:
            async with services.database.read() as connection:
                await _refuse_erased(connection, key, id_)
            raise _no_decision()
        record, head = found
        signed = services.recorder.receipt(record).receipt
        known = {**facts(record), "receipt": signed}
        if head is not None:
            file = await Prover(services.tiles.read, head).prove(record, signed)
            known |= {
                "digest": digest(record).hex(),
                "index": file.index,
                "proof": list(file.proof),
                "checkpoint": file.checkpoint,
                "key": file.key,
            }
        return known

    async def _file(self, key: str, id_: str, post: OwnerPost) -> bytes:
        services = self._services
        async with services.database.read() as connection:
            record = await ledger.get(connection, _uuid(id_))
            if record is None or record.store != key or record.visitor != post.visitor:
                await _refuse_erased(connection, key, id_)
                raise _no_decision()
            signed = services.recorder.receipt(record).receipt
            return write(await (await prover(connection, record.seq)).prove(record, signed))


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise _no_decision() from None


async def _refuse_erased(connection: AsyncConnection, key: str, id_: str) -> None:
    """Nothing when the store's decision ``id_`` was not erased. Whose account erased it stays here.

    Raises:
        GoneError: when it was erased and why.
    """
    found = await erasures.of_record(connection, _uuid(id_))
    if found is not None and found[1].store == key:
        erasure = found[1]
        raise GoneError(
            "erased", f"receipt: erased on {erasure.at:%Y-%m-%d} (UTC); {erasure.because}"
        )


def _no_decision() -> NotFoundError:
    return NotFoundError("unknown_decision", "receipt: this store has no decision with this id")
