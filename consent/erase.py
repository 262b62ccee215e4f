"""A visitor's decisions leave the ledger, and everybody else's stay provable.

What goes is the whole record: who, what, when, where, under which law. What stays is its number,
its id and its entry in the log, which reveals nothing, and the signed record of the erasure. Only
sealed records are erased, so what waits is sealed first.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import uuid
from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import activity, erasures, ledger, notes, receipt, seals
from consent.activity import Act
from consent.database import Database
from consent.erasures import Cause, Erasure, Gone
from consent.errors import LedgerError, NotFoundError, RefusedError, UnavailableError
from consent.merkle import HASH_BYTES, TILE_WIDTH, Span
from consent.model import User
from consent.notes import Vkey
from consent.proof import Sealer
from consent.signing import LogKey

LEAST_LETTERS, MOST_LETTERS = 10, 300
_TRIES = 5
_WAIT_SECONDS = 0.2
_ID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)


class Eraser:
    """Takes records out of the ledger.

    Args:
        database: holds the ledger and the log.
        sealer: seals what is not sealed yet.
        key: the log's; signs what was erased.
        now: the clock.
    """

    def __init__(
        self, database: Database, sealer: Sealer, key: LogKey, now: Callable[[], dt.datetime]
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._key = key
        self._now = now

    async def visitor(
        self, store: str, visitor: uuid.UUID, because: str, *, by: User | None
    ) -> Erasure:
        """Erases all that ``visitor`` decided in ``store``, and notes it in the activity.

        Args:
            store: its key.
            visitor: the random id.
            because: who asked, and since when; it is kept for good, so it may name nobody.
            by: whose account it is; None: the command line.

        Raises:
            RefusedError: ``because`` says too little or too much, or names somebody.
            NotFoundError: the visitor has no decision in this store, or has none any more.
            LedgerError: the ledger is not what was sealed. Nothing was erased.
            UnavailableError: storage does not answer, or the records could not be sealed now.
        """
        because = checked(because)
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(_WAIT_SECONDS)  # another process is sealing
            await self._sealer.seal_all()
            async with self._database.write() as c:
                records = await erasures.of_visitor(c, store, visitor)
                if not records:
                    raise NotFoundError(
                        "unknown_visitor", "visitor: no decision of this visitor is in this store"
                    )
                erasure = await self.carry_out(
                    c, store, records, "request", because, visitor=visitor, by=by
                )
            if erasure is not None:
                await self._database.overwrite()
                return erasure
        raise UnavailableError("ledger: the visitor's records are not sealed yet; try again")

    async def carry_out(
        self,
        c: AsyncConnection,
        store: str,
        records: Sequence[Gone],
        cause: Cause,
        because: str,
        *,
        visitor: uuid.UUID | None = None,
        by: User | None = None,
    ) -> Erasure | None:
        """Erases ``records`` of ``store`` and notes it; None, and nothing, when one is not sealed.

        ``c`` writes, and took the ledger's lock before it found ``records``.

        Raises:
            LedgerError: one of them is not what was sealed. Nothing was erased.
        """
        head = await seals.newest(c)
        if head is None or head.size < max(one.seq for one in records):
            return None
        await _check_sealed(c, records, head.size)
        at = self._now().astimezone(dt.UTC)
        unsigned = Erasure(
            id=await erasures.next_id(c),
            at=at,
            store=store,
            cause=cause,
            email=by.email if by else "",
            because=because,
            visitor_sha256=erasures.visitor_sha256(visitor) if visitor else None,
            records=erasures.pack(records),
            key=Vkey(head.key.name, self._key.public),
        )
        signature = notes.sign(unsigned.text, unsigned.key.name, self._key).value
        erasure = msgspec.structs.replace(unsigned, signature=signature)
        key_id = await seals.key_id(c, erasure.key, at)
        await erasures.add(c, erasure, key_id=key_id)
        what: activity.What = "erasure" if cause == "request" else "retention"
        detail = {"because": because, "records": erasure.n}
        await activity.add(c, Act(what, store, str(erasure.id), detail), by=by, at=at)
        return erasure


async def _check_sealed(c: AsyncConnection, records: Sequence[Gone], size: int) -> None:
    """Whether each record is what was sealed.

    Else somebody who changes a record, to another visitor's or to an old one, would have us erase
    it, and with it what shows the change.
    """
    bundles: dict[int, bytes] = {}
    for record in await ledger.by_seqs(c, [one.seq for one in records]):
        number, at = divmod(record.seq - 1, TILE_WIDTH)
        if number not in bundles:
            begin = number * TILE_WIDTH
            bundles[number] = await seals.entries(c, Span(begin, min(begin + TILE_WIDTH, size)))
        if bundles[number][at * HASH_BYTES :][:HASH_BYTES] != receipt.digest(record):
            raise LedgerError(
                f"ledger: record {record.seq} ({record.id}) is not what was sealed, so it is not "
                "erased; “consent ledger verify” tells more"
            )


def checked(because: str) -> str:
    """``because`` as it is kept.

    Raises:
        RefusedError: it is too short or too long, or holds an address or an id.
    """
    text = " ".join(because.split())
    if not LEAST_LETTERS <= len(text) <= MOST_LETTERS or not text.isprintable():
        found = f"{len(text)} characters"
        raise RefusedError(
            "bad_reason",
            f"reason: {found}; expected who asked and since when in {LEAST_LETTERS} to "
            f"{MOST_LETTERS} printable ones",
        )
    if "@" in text or _ID.search(text):
        raise RefusedError(
            "bad_reason",
            "reason: holds an address or an id; expected words that name nobody, since they stay "
            "for good",
        )
    return text
