"""The evidence pack: a ZIP with all that is known of some decisions, and what proves it.

It is made to be read without us: a cover page says in plain words what is in it and how to check
it; records, versions, regimes and banner contents are the very bytes whose SHA-256 the records and
the log name; banners are drawn once more as pages that need no network; and the verifier page
checks the receipt files offline. It is written piece by piece, so that its size needs no memory.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

from consent import evidence, exhibit, ledger, proof, receipt, seals, search, stores
from consent.database import Database
from consent.errors import NotFoundError, TooLargeError
from consent.filters import LedgerFilter
from consent.model import Record, canonical
from consent.pack import cover
from consent.pack.cover import Told
from consent.record import facts
from consent.seals import Head
from consent.signing import Signer

MOST_RECORDS = 10_000
MOST_PICTURES = 12
_BATCH = 200
_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""ZIP knows no earlier time; every file has it, so that one pack is always the same bytes."""

Picture = Callable[[str], Awaitable[bytes | None]]
"""Draws a page of HTML as PNG; None where there is no browser to do so."""


class Sources(NamedTuple):
    """What a pack is made from. ``entry``: the link to the choices, by language and law."""

    database: Database
    signer: Signer
    verifier: str
    """The verifier page with the log's keys."""
    entry: Callable[[str, tuple[str, ...]], str]
    picture: Picture | None = None


class Subject(NamedTuple):
    """What the pack is about, in words: one record, or those that pass a filter."""

    name: str
    record: Record | None = None
    filter: LedgerFilter = LedgerFilter()


async def count(database: Database, subject: Subject) -> int:
    """How many records the pack has.

    Raises:
        NotFoundError: none.
        TooLargeError: more than ``MOST_RECORDS``, or so many that they cannot be counted.
    """
    if subject.record is not None:
        return 1
    async with database.read() as c:
        total = await search.count(c, subject.filter)
    if total.n > MOST_RECORDS or not total.exact:
        found = f"{total.n:,}{'' if total.exact else ' or more'}"
        raise TooLargeError(
            "too_many", f"records: {found}; a pack takes {MOST_RECORDS:,}: narrow the search"
        )
    if not total.n:
        raise NotFoundError("no_records", "no decision matches")
    return total.n


async def pieces(sources: Sources, subject: Subject, *, now: dt.datetime) -> AsyncIterator[bytes]:
    """The ZIP, piece by piece. Call ``count`` before.

    Raises:
        UnavailableError: storage does not answer.
    """
    pack = _Pack(sources)
    async for _ in pack.records(subject):
        if content := pack.taken():
            yield content
    async for _ in pack.contents():
        if content := pack.taken():
            yield content
    pack.write("verifier.html", sources.verifier)
    # It has a line for each record: visitors wait for nothing meanwhile.
    told = await asyncio.to_thread(cover.page, subject.name, pack.told, pack.head, now)
    pack.write("README.html", told)
    pack.close()
    yield pack.taken()


class _Pack:
    """One pack while it is made."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._file = _Pipe()
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED)
        self._versions: dict[tuple[str, int], str] = {}
        self._regimes: dict[str, str] = {}
        self._banners: set[str] = set()
        self._drawn: dict[tuple[object, ...], tuple[str, ...]] = {}
        self._pictures = 0
        self.told: list[Told] = []
        self.head: Head | None = None

    def write(self, name: str, content: bytes | str) -> None:
        self._zip.writestr(_info(name), content)

    def taken(self) -> bytes:
        return self._file.taken()

    def close(self) -> None:
        self._zip.close()

    async def records(self, subject: Subject) -> AsyncIterator[None]:
        """Writes the records, newest first, each with its receipt file and what was shown."""
        lines: list[bytes] = []
        async for batch in self._batches(subject):
            lines += [canonical(receipt.content(record)) + b"\n" for record in batch]
            await self._prove(batch)
            yield None
            for told in self.told[-len(batch) :]:
                told.shown.extend(await self._show(told.record))
                yield None
        self.write("records.jsonl", b"".join(lines))
        yield None

    async def _batches(self, subject: Subject) -> AsyncIterator[list[Record]]:
        if subject.record is not None:
            yield [subject.record]
            return
        before: int | None = None
        left = MOST_RECORDS
        while left > 0:
            async with self._sources.database.read() as c:
                size = min(_BATCH, left)
                page = await search.find(c, subject.filter, before=before, limit=size)
            left -= len(page.records)
            if page.records:
                yield page.records
            before = page.older
            if before is None:
                return

    async def _prove(self, batch: list[Record]) -> None:
        """Writes the receipt file of each record that is sealed."""
        async with self._sources.database.read() as c:
            newest = await seals.newest(c)
            sealed = [one for one in batch if newest is not None and one.seq <= newest.size]
            self.head = newest
            for record in batch:
                self.told.append(Told(record, sealed=record in sealed, shown=[]))
            if not sealed:
                return
            prover = await proof.prover(c, max(one.seq for one in sealed))
            for record in sealed:
                signed = self._sources.signer.receipt(facts(record))
                file = await prover.prove(record, signed)
                self.write(f"receipts/{record.id}.json", evidence.write(file))
                await asyncio.sleep(0)  # a proof takes milliseconds: visitors go in between

    async def _show(self, record: Record) -> tuple[str, ...]:
        """Writes both layers as this visitor saw them; gives the names of the files."""
        async with self._sources.database.read() as c:
            content = await ledger.banner_content(c, record.banner_sha256)
            regime = await ledger.regime_content(c, record.regime_sha256)
            version = await stores.version(c, record.store, record.version)
            previous = await ledger.get(c, record.previous) if record.previous else None
        self._versions[record.store, record.version] = record.version_sha256
        self._regimes[record.regime_sha256] = record.regime_id
        rules = exhibit.law(regime)
        if content is None or rules is None:
            return ()
        self._banners.add(record.banner_sha256)
        before = (previous.grants, previous.refused) if previous else None
        gpc = record.gpc_header or record.gpc_property
        key = (record.banner_sha256, record.regime_sha256, record.version_sha256, before, gpc)
        if key not in self._drawn:
            entry = self._sources.entry(record.language, rules.duties)
            self._drawn[key] = ()
            for layer in exhibit.LAYERS:
                found = exhibit.page(
                    content,
                    rules,
                    layer,
                    record=record,
                    previous=previous,
                    version=version,
                    entry=entry,
                )
                name = f"shown/{len(self._drawn):04}-{layer}"
                self.write(f"{name}.html", found.html)
                self._drawn[key] += (f"{name}.html", *await self._draw(name, found.html))
        return self._drawn[key]

    async def _draw(self, name: str, page: str) -> tuple[str, ...]:
        """Writes the page as a picture, where a browser can draw it."""
        if self._sources.picture is None or self._pictures >= MOST_PICTURES:
            return ()
        picture = await self._sources.picture(page)
        if picture is None:
            self._pictures = MOST_PICTURES
            return ()
        self._pictures += 1
        self.write(f"{name}.png", picture)
        return (f"{name}.png",)

    async def contents(self) -> AsyncIterator[None]:
        """Writes what the records refer to, and the log's head and keys."""
        async with self._sources.database.read() as c:
            for (store, number), sha256 in self._versions.items():
                version = await stores.version_content(c, store, number)
                if version is not None:
                    self.write(f"versions/{store}-{number}-{sha256[:12]}.json", version)
            for sha256, id_ in self._regimes.items():
                regime = await ledger.regime_content(c, sha256)
                if regime is not None:
                    self.write(f"regimes/{id_}-{sha256[:12]}.json", regime)
            for sha256 in sorted(self._banners):
                self.write(f"banners/{sha256}.json", await ledger.banner_content(c, sha256) or b"")
                yield None
            if self.head is not None:
                self.write("log/checkpoint.txt", str(self.head.note))
                for number, anchored in enumerate(await seals.anchors(c, self.head.size), 1):
                    self.write(f"log/anchor-{number}-{anchored.kind}", anchored.answer)
            keys = "".join(f"{key.text}\n" for key in await seals.keys(c))
            self.write("log/keys.txt", keys)
        yield None


class _Pipe(io.RawIOBase):
    """Takes what the ZIP writes, and gives it on."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: bytes) -> int:  # type: ignore[override]
        self._waiting += content
        return len(content)

    def taken(self) -> bytes:
        content = bytes(self._waiting)
        self._waiting.clear()
        return content


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EARLIEST)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info
