"""Whether the ledger is what was sealed: every record, entry, node, head, link and content.

What is found first is told with its record. Reads are short and memory stays flat, so a ledger of
any length is verified while the service runs; what is appended meanwhile is left for the next time.

What it cannot see: records that were cut off together with every checkpoint over them, or a tree
that was made anew with the log's key. A checkpoint kept elsewhere shows both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import erasures, ledger, merkle, receipt, seals
from consent.database import Database, lookups
from consent.erasures import Erasure, Gone
from consent.errors import LedgerError, RefusedError
from consent.merkle import HASH_BYTES, TILE_HEIGHT, Frontier, Span
from consent.model import Record
from consent.notes import Checkpoint, Note, Vkey
from consent.proof import check_head
from consent.seals import Head
from consent.signing import is_signed

CHUNK_RECORDS = 1024

_UNREADABLE = (TypeError, ValueError, ArithmeticError, LookupError)
"""What reading a cell raises that holds what no release has written: SQLite takes any type."""


class Report(msgspec.Struct, frozen=True):
    """What was verified. ``fault`` None: everything holds.

    ``records`` are those that were read, ``sealed`` those under a checkpoint; the rest was not
    sealed yet, and only its order and its links were looked at. Of the ``erased`` ones it was
    their entries and the signed records of their erasures. ``unshown`` is how many name a banner
    whose content is not here: a page made it up, or somebody took it away. ``seq`` and ``id`` name
    the first record that is wrong, where one is.
    """

    records: int
    sealed: int
    checkpoints: int
    origin: str
    root: str
    erased: int = 0
    unshown: int = 0
    fault: str | None = None
    seq: int | None = None
    id: str | None = None


class Kept(NamedTuple):
    """A checkpoint that somebody kept elsewhere, and who must have signed it."""

    note: Note
    keys: Sequence[Vkey] = ()
    """Empty: the keys that the database names."""


class _Fault(Exception):
    """The first thing that is wrong."""

    def __init__(
        self, words: str, record: Record | Gone | None = None, seq: int | None = None
    ) -> None:
        super().__init__(words)
        self.words = words
        self.seq = record.seq if record else seq
        self.id = str(record.id) if record else None


async def verify(
    database: Database,
    *,
    kept: Iterable[Kept] = (),
    trusted: Collection[bytes] | None = None,
    progress: Callable[[int, int], None] = lambda done, all_: None,
) -> Report:
    """Verifies the whole ledger, from the first record to the last.

    Args:
        database: is only read.
        kept: checkpoints from elsewhere, which the tree has to agree with.
        trusted: public keys, one of which has to have signed the newest checkpoint, and each
            erasure; None: whatever keys the database names, which proves nothing against somebody
            who can write to it.
        progress: is told after each chunk how many records are done, and of how many.

    Raises:
        UnavailableError: storage does not answer.
    """
    try:
        async with database.read() as c:
            newest, last = await seals.newest(c), await ledger.last(c)
            keys, banners = await seals.keys(c), await ledger.banner_hashes(c)
    except (RefusedError, *_UNREADABLE) as error:
        unreadable = _Fault(f"checkpoints: the newest cannot be read ({error})")
        return _Walk(None, 0, set(), trusted).report(unreadable)
    walk = _Walk(newest, last, banners, trusted)
    try:
        if newest is not None:
            walk.check_key("the newest checkpoint", newest.key)
        walk.expect(kept, keys)
        if newest is not None and newest.size > last:
            raise _Fault(
                f"the checkpoint over {newest.size} entries was signed, but only {last} records "
                "are there: the end is missing",
                seq=last + 1,
            )
        await _check_contents(database)
        most = CHUNK_RECORDS
        while walk.done < last:
            try:
                async with database.read() as c:
                    await walk.chunk(c, most)
            except _UNREADABLE as error:
                if most == 1:
                    words = f"record {walk.done + 1} cannot be read ({type(error).__name__})"
                    raise _Fault(words, seq=walk.done + 1) from error
                most = 1  # one by one: which of them is it?
            else:
                progress(walk.done, last)
        async with database.read() as c:
            await walk.end(c)
    except _Fault as fault:
        return walk.report(fault)
    except (LedgerError, RefusedError) as error:
        return walk.report(_Fault(str(error), seq=walk.done + 1))
    return walk.report()


class _Walk:
    """How far the verification is, and what the tree is up to there."""

    def __init__(
        self,
        newest: Head | None,
        last: int,
        banners: Collection[str],
        trusted: Collection[bytes] | None,
    ) -> None:
        self.done = 0
        self._banners = banners
        self._unshown = 0
        self._trusted = trusted
        self._last = last
        self._newest = newest
        self._sealed = newest.size if newest else 0
        self._edge = Frontier()
        self._heads = 0
        self._kept: dict[int, Checkpoint] = {}
        self._erased = 0
        self._signed: set[int] = set()

    def expect(self, kept: Iterable[Kept], known: Sequence[Vkey]) -> None:
        for note, keys in kept:
            found = Checkpoint.parse(note.text)
            if not note.signers(keys or known):
                raise _Fault("the kept checkpoint is not signed by a key of this log")
            if self._newest and found.origin != self._newest.key.name:
                raise _Fault(
                    f"the kept checkpoint is of {found.origin}; this log is {self._newest.key.name}"
                )
            if found.size > self._sealed:
                raise _Fault(
                    f"the kept checkpoint is over {found.size} entries, but only {self._sealed} "
                    "are sealed here: the end was cut off",
                    seq=self._sealed + 1,
                )
            self._kept[found.size] = found

    def check_key(self, what: str, key: Vkey, gone: Gone | None = None) -> None:
        """Whether ``key`` is known from elsewhere than the database."""
        if self._trusted is not None and key.public not in self._trusted:
            raise _Fault(f"{what} is signed by {key.text}, and not by a key that is trusted", gone)

    async def chunk(self, c: AsyncConnection, most: int) -> None:
        """The next records, at most so many, with the entries and the heads over them."""
        until = min(self._last, self.done + most)
        erased = await erasures.within(c, self.done, until)
        known = await erasures.by_ids(c, {number for _, number in erased.values()})
        records = await ledger.following(c, self.done, most)
        rows: dict[int, Record | Gone] = {seq: gone for seq, (gone, _) in erased.items()}
        for record in records:
            if record.seq in erased:
                raise _Fault(_named(record, "was erased, and is there all the same"), record)
            rows[record.seq] = record
        begin, sealed = self.done, min(until, self._sealed)
        entries = await seals.entries(c, Span(begin, sealed)) if begin < sealed else b""
        heads = {head.size: head for head in await self._heads_up_to(c, sealed)}
        unlinked = await lookups.first_unlinked(c, begin, until)
        while self.done < until and (row := rows.get(self.done + 1)) is not None:
            if isinstance(row, Gone):
                self._check_erasure(row, known.get(erased[row.seq][1]))
            elif row.banner_sha256 not in self._banners:
                self._unshown += 1
            if row.seq <= self._sealed:
                at = (self.done - begin) * HASH_BYTES
                await self._seal_of(c, row, entries[at : at + HASH_BYTES], heads)
            if row.seq == unlinked:
                words = "its link is not to the record that its visitor made before it"
                raise _Fault(_named(row, words), row)
            self.done += 1
        if self.done < until:
            words = "is missing, or what it refers to is"
            raise _Fault(f"record {self.done + 1} {words}", seq=self.done + 1)

    def _check_erasure(self, gone: Gone, erasure: Erasure | None) -> None:
        """Whether somebody with the log's key erased it, and nobody else took it out."""
        if gone.seq > self._sealed:
            raise _Fault(_named(gone, "was erased before it was sealed"), gone)
        if erasure is None:
            raise _Fault(_named(gone, "is gone, and the record of its erasure with it"), gone)
        if erasure.id not in self._signed:
            self.check_key(
                f"record {gone.seq} ({gone.id}): erasure {erasure.id}", erasure.key, gone
            )
            if not is_signed(erasure.key.public, erasure.text.encode(), erasure.signature):
                words = f"is gone, and erasure {erasure.id} was not signed by the log's key"
                raise _Fault(_named(gone, words), gone)
            self._signed.add(erasure.id)
        if not erasure.names(gone):
            raise _Fault(_named(gone, f"is gone, and erasure {erasure.id} does not list it"), gone)
        self._erased += 1

    async def _heads_up_to(self, c: AsyncConnection, size: int) -> list[Head]:
        return await seals.heads(c, self.done, size)

    async def _seal_of(
        self, c: AsyncConnection, record: Record | Gone, entry: bytes, heads: dict[int, Head]
    ) -> None:
        """Whether ``record`` is what was sealed, and every head over it what was signed."""
        # An erased record has no digest: its entry stands for it.
        digest = entry if isinstance(record, Gone) else receipt.digest(record)
        if digest != entry:
            words = (
                f"its content is not what was sealed (SHA-256 {digest.hex()}; entry {entry.hex()})"
            )
            raise _Fault(_named(record, words), record)
        self._edge.push(merkle.leaf_hash(entry))
        for node, hash_ in self._edge.done:
            level = node.height // TILE_HEIGHT
            if await seals.node(c, level, node.number) != hash_:
                raise _Fault(f"nodes: {node.number} at level {level} is not the tree's", record)
        self._edge.done.clear()
        for head in (heads.get(self._edge.size), self._kept.get(self._edge.size)):
            if head is not None and head.root != self._edge.root():
                what = "kept checkpoint" if isinstance(head, Checkpoint) else "checkpoint"
                raise _Fault(
                    f"the {what} over {head.size} entries has another root: a record up to "
                    f"{record.seq} was changed, and entries and nodes with it",
                    record,
                )
            if isinstance(head, Head):
                check_head(head)
                self._heads += 1

    async def end(self, c: AsyncConnection) -> None:
        """Whether nothing lies beyond the newest head that none has signed."""
        if (found := await seals.end(c)) > self._sealed and await seals.newest(c) == self._newest:
            raise _Fault(f"entries: {found} are there; only {self._sealed} are under a checkpoint")

    def report(self, fault: _Fault | None = None) -> Report:
        return Report(
            records=self.done,
            sealed=min(self.done, self._sealed),
            checkpoints=self._heads,
            origin=self._newest.key.name if self._newest else "",
            root=self._edge.root().hex(),
            erased=self._erased,
            unshown=self._unshown,
            fault=fault.words if fault else None,
            seq=fault.seq if fault else None,
            id=fault.id if fault else None,
        )


def _named(record: Record | Gone, words: str) -> str:
    return f"record {record.seq} ({record.id}): {words}"


async def _check_contents(database: Database) -> None:
    """Whether what records refer to by SHA-256 still has it."""
    for table in ("versions", "banners", "regimes"):
        after = 0
        while True:
            try:
                async with database.read() as c:
                    found = await lookups.content(c, table, after)
            except _UNREADABLE as error:
                raise _Fault(f"{table}: the row after {after} cannot be read") from error
            if found is None:
                break
            after, sha256, content = found
            if hashlib.sha256(content).hexdigest() != sha256:
                raise _Fault(f"{table}: the content of row {after} is not that of its SHA-256")
