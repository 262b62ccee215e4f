"""Records become provable: the sealer puts them into a Merkle tree and signs its head.

Once a second it takes the records that the ledger has appended since, hashes each, and writes
their entries and a signed checkpoint in one transaction. So a decision is sealed about a second
after its receipt; until then the receipt alone vouches for it.

Every process may run a sealer. The first to come seals, the others see that it is done; on an idle
ledger nothing is written. Before it signs, a sealer makes sure that the tree it builds on is the
one that was signed last, and that the new one begins with it: a log must never sign two heads that
contradict each other. What does not fit is logged and counted, and nothing is signed.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import functools
import uuid
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import ledger, merkle, notes, receipt, seals
from consent.database import Database, finding
from consent.errors import ConsentError, LedgerError, NotFoundError
from consent.evidence import Anchor, ReceiptFile
from consent.merkle import Frontier, Node, Span, Tile
from consent.model import Record
from consent.notes import Checkpoint, Vkey
from consent.rounds import Rounds
from consent.seals import Anchored, Growth, Head
from consent.signing import LogKey, is_signed

SEAL_SECONDS = 1.0
BATCH_RECORDS = 2048
"""The most records in one transaction; more of them wait for the next, which follows at once."""

PIECE_RECORDS = 128
FOUND_AT_ONCE = 64

_YOUNG = dt.timedelta(seconds=SEAL_SECONDS * 0.9)

_log = structlog.get_logger("proof")


class Prover:
    """Makes receipt files under one head, however many; each tile is read once.

    Args:
        read: gives a tile; see ``seals.tile`` and ``Tiles.read``.
        head: the signed tree.
        anchors: what was said of it.
    """

    def __init__(
        self,
        read: Callable[[Tile], Awaitable[bytes]],
        head: Head,
        anchors: Sequence[Anchored] = (),
    ) -> None:
        self._read = read
        self._tiles: dict[Tile, bytes] = {}
        self.head = head
        self._anchors = tuple(
            Anchor(one.kind, one.url, one.at.isoformat(), _base64(one.answer)) for one in anchors
        )

    async def prove(self, record: Record, signed: str) -> ReceiptFile:
        """The receipt file of ``record``, whose receipt is ``signed``.

        Raises:
            NotFoundError: the head is older than the record.
            LedgerError: the tree has not what it should have.
        """
        index, size = record.seq - 1, self.head.size
        if index >= size:
            raise _not_sealed()
        path = merkle.inclusion_path(index, size)
        for tile in merkle.tiles_for(path, size) - set(self._tiles):
            self._tiles[tile] = await self._read(tile)
        return ReceiptFile(
            record=msgspec.to_builtins(receipt.content(record)),
            receipt=signed,
            index=index,
            proof=tuple(map(_base64, merkle.hashes_of(path, size, self._tiles))),
            checkpoint=str(self.head.note),
            key=self.head.key.text,
            anchors=self._anchors,
        )


async def prover(c: AsyncConnection, seq: int) -> Prover:
    """For the record ``seq``, under the first anchored head that has it, else under the newest.

    Raises:
        NotFoundError: no head has it yet.
    """
    head = await seals.head_for(c, seq)
    if head is None:
        raise _not_sealed()
    read = functools.partial(seals.tile, c)
    return Prover(read, head, await seals.anchors(c, head.size))


class Finder:
    """Finds records to be proved. While some are read, others gather, and are read at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[uuid.UUID, asyncio.Future[finding.Found | None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def find(self, id_: uuid.UUID) -> tuple[Record, Head | None] | None:
        """The record with this id as it is now, and the head that ``prover`` takes for it, None
        while it is not sealed; None: there is no such record, or it was erased.

        Raises:
            UnavailableError: storage does not answer.
        """
        if id_ not in self._waiting:
            self._waiting[id_] = asyncio.get_running_loop().create_future()
        waiter = self._waiting[id_]
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._find_those_waiting())
        found = await asyncio.shield(waiter)
        if found is None:
            return None
        return found.record, None if found.head is None else seals.head_of(found.head)

    async def _find_those_waiting(self) -> None:
        while self._waiting:
            some = {id_: self._waiting.pop(id_) for id_ in list(self._waiting)[:FOUND_AT_ONCE]}
            try:
                async with self._database.asked() as driver:
                    found = await finding.find(driver, list(some))
            except Exception as error:
                for waiter in some.values():
                    waiter.set_exception(error)
                    waiter.exception()  # nobody may wait for it any more
            else:
                for id_, waiter in some.items():
                    waiter.set_result(found.get(id_))


class Sealer:
    """Seals what the ledger appends.

    Args:
        database: holds the ledger and the tree.
        key: signs.
        origin: what the log is called from its first head on; see ``origin_of``.
        now: the clock. It may go back: heads are ordered by size alone.
    """

    def __init__(
        self, database: Database, key: LogKey, origin: str, now: Callable[[], dt.datetime]
    ) -> None:
        self._database = database
        self._key = key
        self._origin = origin
        self._now = now
        self._rounds = Rounds(self._round, SEAL_SECONDS)
        self._failing = False
        self._seen: Head | None = None
        self.sealed = 0
        self.failures = 0
        self.waiting = 0
        self.lag_seconds = 0.0
        """How long the oldest record that is not sealed has waited."""

    def start(self) -> None:
        """Seals from now on. Call it inside the event loop that serves requests."""
        self._rounds.start()

    async def stop(self) -> None:
        """Ends after the batch at hand; the next process goes on with the rest."""
        await self._rounds.stop()

    async def seal_all(self) -> int:
        """Seals until nothing is left, or another process is at it; gives how many it sealed.

        Raises:
            LedgerError: the ledger or the tree is not what was sealed. Nothing was signed.
            UnavailableError: storage does not answer; what was sealed before stays.
        """
        total = 0
        while (n := await self.seal()) and not self._rounds.is_over:
            total += n
        return total

    async def seal(self) -> int:
        """Seals one batch; gives its size, 0 when there is none or another process was quicker.

        Raises:
            LedgerError, UnavailableError: see ``seal_all``.
        """
        async with self._database.read() as c:
            newest = await seals.newest(c)
            await self._compare(c, newest)
            size = newest.size if newest else 0
            entries = await _next_entries(c, size)
            if not entries:
                return 0
            edge = await seals.frontier(c, size)
        name = newest.key.name if newest else self._origin
        growth = grown(newest, edge, entries, name, self._key, self._now())
        async with self._database.write() as c:
            added = await seals.add(c, growth)
        if not added:
            return 0
        self.sealed += len(entries)
        if newest and newest.key != growth.head.key:
            _log.info("log signed by another key", key=growth.head.key.text, size=growth.head.size)
        return len(entries)

    async def _compare(self, c: AsyncConnection, newest: Head | None) -> None:
        """Whether the log still begins with the newest head that this process has seen.

        Else whoever can write to the database would take the tree away, change a record, and have
        us sign that. Only a start anew makes us forget.
        """
        seen = self._seen
        if seen is not None and newest != seen:
            grew = newest is not None and newest.size >= seen.size
            if not grew or (await seals.frontier(c, seen.size)).root() != seen.root:
                raise LedgerError(
                    f"log: it does not begin with the {seen.size} entries that were signed; was a "
                    "backup put back, start the service anew"
                )
        if newest is not None and (seen is None or newest.size > seen.size):
            check_head(newest)
            self._seen = newest

    async def _round(self) -> float:
        try:
            await self._seal_what_waits()
        except Exception as error:
            self._note_failure(error)
        else:
            if self._failing:
                _log.info("records sealed again")
            self._failing = False
        return SEAL_SECONDS

    async def _seal_what_waits(self) -> None:
        now = self._now()
        async with self._database.read() as c:
            newest = await seals.newest(c)
            await self._compare(c, newest)
            size = newest.size if newest else 0
            self.waiting = await ledger.last(c) - size
            oldest = await ledger.following(c, size, 1) if self.waiting else []
        self.lag_seconds = max(0.0, (now - oldest[0].at).total_seconds()) if oldest else 0.0
        if newest and dt.timedelta() <= now - newest.at < _YOUNG and self.waiting < BATCH_RECORDS:
            return  # another process is the one that seals at the moment
        # Not until nothing is left: records that come meanwhile wait for the next second, or each
        # few of them would have a transaction and a signature of their own.
        while await self.seal() == BATCH_RECORDS and not self._rounds.is_over:
            pass

    def _note_failure(self, error: Exception) -> None:
        self.failures += 1
        if not self._failing:
            why = str(error) if isinstance(error, ConsentError) else ""
            _log.error("records not sealed", error=type(error).__name__, why=why)
        self._failing = True


async def _next_entries(c: AsyncConnection, size: int) -> list[bytes]:
    """The entries of the next records, read and hashed in small pieces: requests go in between.

    Raises:
        LedgerError: a record is missing.
    """
    entries: list[bytes] = []
    while len(entries) < BATCH_RECORDS:
        begin = size + len(entries)
        most = min(PIECE_RECORDS, BATCH_RECORDS - len(entries))
        records = await ledger.following(c, begin, most)
        for seq, record in enumerate(records, begin + 1):
            if record.seq != seq:
                raise LedgerError(f"ledger: record {seq} is missing; the next one is {record.seq}")
            entries.append(receipt.digest(record))
        if len(records) < most:
            break
        await asyncio.sleep(0)
    return entries


def _not_sealed() -> NotFoundError:
    return NotFoundError(
        "not_sealed", "receipt: not sealed yet; expected within a few seconds of the decision"
    )


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def origin_of(public_url: str) -> str:
    """What a log is called: the address of its endpoints without the scheme.

    Source: https://c2sp.org/tlog-tiles, Parameters.
    """
    return public_url.partition("://")[2].replace("+", "%2B") + "/log"


def grown(
    newest: Head | None,
    edge: Frontier,
    entries: Sequence[bytes],
    name: str,
    key: LogKey,
    now: dt.datetime,
) -> Growth:
    """The tree with ``entries`` on its right, and its signed head.

    Args:
        newest: the head that was signed last; None before the first.
        edge: the right edge of its tree, as storage has it. It is changed.
        entries: those after it.
        name: of the log.
        key: signs.
        now: when.

    Raises:
        LedgerError: ``edge`` is not the tree of ``newest``, its signature is wrong, or the new
            tree does not begin with the old one.
    """
    before, old = edge.size, edge.nodes()
    old_root = edge.root()
    if newest is not None:
        check_head(newest)
        if old_root != newest.root:
            raise LedgerError(f"log: the tree of {before} entries has another root than was signed")
    leaves = list(map(merkle.leaf_hash, entries))
    for leaf in leaves:
        edge.push(leaf)
    if before and not merkle.verify_consistency(
        before, edge.size, old_root, edge.root(), _grown_path(before, edge.size, old, leaves)
    ):
        raise LedgerError(f"log: the tree of {edge.size} entries does not begin with {before}")
    checkpoint = Checkpoint(name, edge.size, edge.root())
    signature = notes.sign(checkpoint.text, name, key)
    head = Head(edge.size, checkpoint.root, now, Vkey(name, key.public), signature.value)
    return Growth(before, entries, tuple(edge.done), head)


def check_head(head: Head) -> None:
    """Nothing when the head's own key signed it.

    Raises:
        LedgerError: it did not.
    """
    if not is_signed(head.key.public, head.checkpoint.text.encode(), head.signature):
        raise LedgerError(
            f"checkpoints: the signature over {head.size} entries is not that of {head.key.text}"
        )


def _grown_path(
    before: int, size: int, old: dict[Node, bytes], leaves: Sequence[bytes]
) -> list[bytes]:
    """The consistency proof, its new hashes computed apart from the frontier."""

    def hash_of(span: Span) -> bytes:
        if span.begin >= before:
            return merkle.root(leaves[span.begin - before : span.end - before])
        (node,) = merkle.nodes_in(span)
        return old[node]

    return [hash_of(span) for span in merkle.consistency_path(before, size)]
