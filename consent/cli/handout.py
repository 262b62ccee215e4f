"""``consent ledger export`` and ``evidence``: records on their way out of the house."""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import os
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import click
import msgspec

from consent import activity, export, ledger, pack, seals, settings, stores
from consent.activity import Act
from consent.cli import parts
from consent.clock import utcnow
from consent.database import Database
from consent.errors import NotFoundError, RefusedError
from consent.export import Format
from consent.filters import LedgerFilter
from consent.pack import Sources, Subject, pictures
from consent.signing import Signer
from consent.texts import Texts
from consent.web import verifier


@click.command("export")
@click.option("--store", "keys", multiple=True, metavar="KEY", help="May be repeated; else all.")
@click.option("--since", metavar="TIME", help="From this day or moment on; UTC without a zone.")
@click.option("--until", metavar="TIME", help="Before this day or moment.")
@click.option("--visitor", type=click.UUID, help="One visitor's records.")
@click.option("--format", "format_", type=click.Choice(export.FORMATS), default="jsonl")
@click.option("--after", type=click.IntRange(0), default=0, help="Go on behind this seq.")
@click.option("--resume", is_flag=True, help="Go on behind the last whole line of --output.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
def export_(
    keys: tuple[str, ...],
    since: str | None,
    until: str | None,
    visitor: uuid.UUID | None,
    format_: str,
    after: int,
    resume: bool,
    output: Path | None,
) -> None:
    """Write records as CSV or JSON Lines, oldest first, up to the newest one of this moment.

    A line of JSON is what the log's entry is made of: its SHA-256 is that entry. A FILE that ends
    in .gz is compressed.
    """
    filter_ = LedgerFilter(
        stores=keys or None,
        since=moment("--since", since),
        until=moment("--until", until),
        visitor=visitor,
    )
    if resume:
        after = _last_seq(output, cast(Format, format_))

    async def work(db: Database) -> None:
        head = await begin(db, filter_, "export", {"format": format_, "after": after})
        with _opened(output, append=resume) as file:
            progress = Progress(after, head)
            found = export.pieces(db, filter_, cast(Format, format_), after=after, until=head)
            async for piece in found:
                file.write(piece.content)
                progress.tell(piece.seq, piece.records)
            progress.end()

    parts.with_database(work)


@click.command("evidence")
@click.option("--decision", type=click.UUID, help="This decision.")
@click.option("--visitor", type=click.UUID, help="All that this visitor decided.")
@click.option("--store", "keys", multiple=True, metavar="KEY", help="May be repeated; else all.")
@click.option("--since", metavar="TIME", help="From this day or moment on; UTC without a zone.")
@click.option("--until", metavar="TIME", help="Before this day or moment.")
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE"
)
def evidence_(
    decision: uuid.UUID | None,
    visitor: uuid.UUID | None,
    keys: tuple[str, ...],
    since: str | None,
    until: str | None,
    output: Path,
) -> None:
    """Write a ZIP with decisions, proofs, what was shown, the law, and how to check it all.

    Pictures of the banner are in it where a Chromium is on this machine.
    """
    filter_ = LedgerFilter(
        stores=keys or None,
        since=moment("--since", since),
        until=moment("--until", until),
        visitor=visitor,
    )
    signer = Signer(settings.load().secret_keys)
    texts = Texts.load()

    def entry(language: str, duties: tuple[str, ...]) -> str:
        key = "entry.choices" if "opt-out-link" in duties else "entry.cookies"
        return texts.messages(language)[key] if language in texts.languages else ""

    async def work(db: Database) -> None:
        subject = await _subject(db, decision, filter_)
        number = await pack.count(db, subject)
        subject_id = str(decision or visitor or "records")
        about = filter_ if subject.record is None else LedgerFilter(stores=(subject.record.store,))
        await begin(db, about, "evidence", {"records": number}, subject_id)
        async with db.read() as c:
            page = verifier.page(await seals.keys(c))
        sources = Sources(db, signer, page, entry, pictures.png)
        with output.open("wb") as file:
            async for piece in pack.pieces(sources, subject, now=utcnow()):
                file.write(piece)
        click.echo(f"wrote {output}: {number:,} decision{'' if number == 1 else 's'}", err=True)

    parts.with_database(work)


async def _subject(db: Database, decision: uuid.UUID | None, filter_: LedgerFilter) -> Subject:
    if decision is None:
        given = said_of(filter_).items()
        said = [f"{name} {', '.join(v) if isinstance(v, list) else v}" for name, v in given]
        return Subject(f"search by {', '.join(said) or 'nothing'}", filter=filter_)
    async with db.read() as c:
        record = await ledger.get(c, decision)
    if record is None:
        raise NotFoundError("unknown_decision", f"ledger: no decision has the id {decision}")
    return Subject(f"decision {decision}", record)


async def begin(
    db: Database,
    filter_: LedgerFilter,
    what: activity.What,
    detail: dict[str, Any],
    subject: str = "records",
) -> int:
    """Notes that records go out; gives the ``seq`` up to which they do.

    Raises:
        NotFoundError: one of the stores is not there.
    """
    async with db.read() as c:
        known = {store.key for store in await stores.all_stores(c)}
    for key in filter_.stores or ():
        if key not in known:
            raise NotFoundError("unknown_store", f"--store: {key!r} is not known")
    head = await export.newest(db)
    one = filter_.stores[0] if filter_.stores and len(filter_.stores) == 1 else None
    said = {**said_of(filter_), **detail, "until_seq": head}
    async with db.write() as c:
        await activity.add(c, Act(what, one, subject, said), by=None, at=utcnow())
    return head


def said_of(filter_: LedgerFilter) -> dict[str, Any]:
    """The parts of a filter that are given, as JSON."""
    fields: dict[str, Any] = msgspec.to_builtins(filter_)
    given = {name: value for name, value in fields.items() if value not in (None, False)}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in given.items()
    }


def moment(name: str, text: str | None) -> dt.datetime | None:
    """A day or a moment in ISO 8601.

    Raises:
        click.UsageError: it is neither.
    """
    if text is None:
        return None
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError as error:
        expected = "2026-11-23 or 2026-11-23T14:30+01:00"
        raise click.UsageError(f"{name}: {text!r}; expected one such as {expected}") from error
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


class Progress:
    """How far it is, on stderr: once a second to people, and at the end to everyone."""

    def __init__(self, after: int, head: int) -> None:
        self._began = self._told = time.monotonic()
        self._after, self._head, self._records = after, head, 0

    def tell(self, seq: int, records: int) -> None:
        self._records += records
        now = time.monotonic()
        if sys.stderr.isatty() and now - self._told >= 1:
            self._told = now
            share = (seq - self._after) / max(1, self._head - self._after)
            rate = (seq - self._after) / (now - self._began)
            said = f"\r{self._records:,} records, {share:.0%} of the ledger, {rate:,.0f} a second"
            click.echo(said, nl=False, err=True)

    def end(self) -> None:
        seconds = time.monotonic() - self._began
        lead = "\r" if sys.stderr.isatty() else ""
        click.echo(
            f"{lead}{self._records:,} records up to seq {self._head}, in {seconds:.1f} s", err=True
        )


@contextlib.contextmanager
def _opened(output: Path | None, *, append: bool) -> Iterator[BinaryIO]:
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    elif output.suffix == ".gz":
        with gzip.GzipFile(output, "wb", compresslevel=6) as file:
            yield cast(BinaryIO, file)
    else:
        with output.open("ab" if append else "wb") as plain:
            yield plain


def _last_seq(output: Path | None, format_: Format) -> int:
    """The ``seq`` of the last whole line of ``output``, from which a line that broke off is cut.

    Raises:
        RefusedError: there is no such line.
    """
    if output is None or output.suffix == ".gz":
        raise RefusedError("bad_option", "--resume: without a plain --output; expected a file")
    with output.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 64 * 1024))
        tail = file.read()
        whole = tail[: tail.rfind(b"\n") + 1]
        file.truncate(size - len(tail) + len(whole))
    lines = whole.splitlines()
    try:
        if format_ == "csv":
            return 0 if lines[-1].startswith(b"seq,") else int(lines[-1].partition(b",")[0])
        return int(msgspec.json.decode(lines[-1])["seq"])
    except (IndexError, ValueError, KeyError, TypeError, msgspec.MsgspecError) as error:
        detail = f"--resume: {output} does not end like an export in {format_}"
        raise RefusedError("bad_option", detail) from error
