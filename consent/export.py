"""Records as files: CSV for people, JSON Lines for programs and for whoever checks a proof.

A line of JSON is the record's canonical JSON, byte for byte what ``receipt`` hashes: its SHA-256 is
the record's entry in the log. Lines come by ``seq``. What an export holds is fixed when it begins:
the records up to the newest one of that moment. Nothing but an erasure changes that any more, so an
export that broke off goes on where it stopped, with ``after`` set to the ``seq`` of its last whole
line, and both parts together are what one would have been. It is read in short steps, and needs the
memory of one of them.
"""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

from consent import ledger, ranges
from consent.database import Database
from consent.database.dialects import EPOCH
from consent.filters import LedgerFilter
from consent.model import CHOOSABLE, canonical
from consent.ranges import References

Format = Literal["csv", "jsonl"]
FORMATS: tuple[Format, ...] = get_args(Format)

STEP_RECORDS = 10_000
"""How many records of the ledger are read at once, whether they pass the filter or not."""

COLUMNS = (
    *("seq", "at", "id", "visitor", "previous", "store", "version", "action"),
    *("preferences", "analytics", "marketing", "refused", "language", "device"),
    *("country", "subdivision", "place_source", "regime", "gpc_header", "gpc_property"),
    *("banner_sha256", "version_sha256", "regime_sha256", "salt"),
)
"""Of the CSV file, as its first line names them."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MICROSECOND = dt.timedelta(microseconds=1)
_MINUTES = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in range(60)]
_GAP = "\ue000gap\ue000"


class Piece(NamedTuple):
    """Some lines of the file. ``seq``: all up to it is written. ``records``: how many lines."""

    seq: int
    records: int
    content: bytes


async def pieces(
    database: Database, filter_: LedgerFilter, format_: Format, *, after: int = 0, until: int
) -> AsyncIterator[Piece]:
    """The file, piece by piece; its first piece has the names of the columns where ``after`` is 0.

    Args:
        database: is read in steps, so that no read stays open for long.
        filter_: which records.
        format_: of the lines.
        after: records up to this ``seq`` are left out.
        until: records after this ``seq`` are left out; see ``newest``.

    Raises:
        UnavailableError: storage does not answer; what was given stays right.
    """
    async with database.read() as c:
        references = await ranges.references(c)
        query = await ranges.range_query(c, filter_)
        begin, end = await ranges.bounds(c, filter_, until)
    writer = _json(references) if format_ == "jsonl" else _csv(references)
    if format_ == "csv" and not after:
        yield Piece(after, 0, f"{','.join(COLUMNS)}\r\n".encode())
    after = max(after, begin)
    while after < end:
        last = min(after + STEP_RECORDS, end)
        async with database.read() as c:
            rows = await ranges.in_range(c, query, after, last)
        content = await asyncio.to_thread(_written, writer, rows)
        yield Piece(last, len(rows), content)
        after = last
    if after < until:
        yield Piece(until, 0, b"")


async def newest(database: Database) -> int:
    """The ``seq`` up to which an export that begins now goes."""
    async with database.read() as c:
        return await ledger.last(c)


def _written(writer: Callable[[Any], str], rows: Sequence[Any]) -> bytes:
    return "".join(map(writer, rows)).encode()


# Most of a line is one of a few thousand texts: whatever is no id, no time and no hash of a record.
# Each of them is made once, and a line is put together around what is its own.


def _json(references: References) -> Callable[[Any], str]:
    """Makes a line of a row; ``tests/test_export.py`` holds it to ``receipt`` byte for byte."""
    at, id_ = _moments(), _ids()
    frames: dict[Any, list[str]] = {}

    def line(row: Any) -> str:
        seq, moment, own, visitor, previous, salt, store, version, banner, regime = row[:10]
        key = (store, version, regime, previous is None, row[10:])
        frame = frames.get(key)
        if frame is None:
            frame = frames[key] = _frame(references, row)
        a, b, c, d, e, f, g, h = frame
        before = "" if previous is None else id_(previous)
        return (
            f"{a}{at(moment)}{b}{banner.hex()}{c}{id_(own)}{d}{before}{e}{salt.hex()}{f}{seq}{g}"
            f"{id_(visitor)}{h}"
        )

    return line


def _frame(references: References, row: Any) -> list[str]:
    """The line of a row with its eight gaps: what stands before, between and behind them."""
    cells = _named(references, row)
    fields = {
        **{name: cells[name] for name in ("action", "device", "language", "regime", "store")},
        **{name: cells[name] for name in ("regime_sha256", "version", "version_sha256")},
        **{name: cells[name] for name in ("gpc_header", "gpc_property")},
        **dict.fromkeys(("at", "banner_sha256", "id", "salt", "seq", "visitor"), _GAP),
        "format": "pixelgate-record-1",
        "grants": {purpose: cells[purpose] for purpose in CHOOSABLE},
        "place": {
            "country": cells["country"],
            "source": cells["place_source"],
            "subdivision": cells["subdivision"],
        },
        "previous": None if row[4] is None else _GAP,
        "refused": cells["refused"].split("+") if cells["refused"] else [],
    }
    text = canonical(fields).decode().replace(f'"seq":"{_GAP}"', f'"seq":{_GAP}')
    parts = f"{text}\n".split(_GAP)
    if row[4] is None:  # its gap is empty, behind the null
        before, null, after = parts[3].partition('"previous":null')
        parts[3:4] = [before + null, after]
    return parts


def _named(references: References, row: Any) -> dict[str, Any]:
    """What a row says beside ids, times and hashes, by the names of ``COLUMNS``."""
    number, version_sha256 = references.versions[row[7]]
    name, regime_sha256 = references.regimes[row[9]]
    flags = ("preferences", "analytics", "marketing", "gpc_header", "gpc_property")
    texts = ("action", "language", "device", "country", "subdivision", "place_source", "refused")
    return {
        "store": references.stores[row[6]],
        "version": number,
        "version_sha256": version_sha256,
        "regime": name,
        "regime_sha256": regime_sha256,
        **{flag: bool(value) for flag, value in zip(flags, row[10:15], strict=True)},
        **dict(zip(texts, row[15:22], strict=True)),
    }


def _csv(references: References) -> Callable[[Any], str]:
    """Makes a line of a row (RFC 4180)."""
    at, id_ = _moments(), _ids()
    middles: dict[Any, tuple[str, str]] = {}

    def line(row: Any) -> str:
        seq, moment, own, visitor, previous, salt, store, version, banner, regime = row[:10]
        key = (store, version, regime, row[10:])
        if key not in middles:
            cells = _named(references, row)
            last = ("version_sha256", "regime_sha256")
            middles[key] = _cells(cells, COLUMNS[5:20]), _cells(cells, last)
        middle, tail = middles[key]
        before = "" if previous is None else id_(previous)
        return (
            f"{seq},{at(moment)},{id_(own)},{id_(visitor)},{before},{middle},{banner.hex()},{tail},"
            f"{salt.hex()}\r\n"
        )

    return line


def _cells(values: Mapping[str, Any], names: Sequence[str]) -> str:
    """Some cells of a line. None begins what a spreadsheet would take for a formula: such a text
    gets an apostrophe in front.
    """
    told = []
    for name in names:
        value = values[name]
        text = (
            "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        )
        told.append(f"'{text}" if text.startswith(_FORMULA) else text)
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="").writerow(told)
    return file.getvalue()


def _moments() -> Callable[[Any], str]:
    """RFC 3339 in UTC, six digits, of what either database gives for a moment."""
    days: dict[int, str] = {}

    def text(value: Any) -> str:
        micros = value if isinstance(value, int) else (value - EPOCH) // _MICROSECOND
        minutes, rest = divmod(micros, 60_000_000)
        number, minute = divmod(minutes, 1440)
        day = days.get(number)
        if day is None:
            day = days[number] = (EPOCH + dt.timedelta(days=number)).date().isoformat()
        return f"{day}T{_MINUTES[minute]}:{rest // 1_000_000:02}.{rest % 1_000_000:06}Z"

    return text


def _ids() -> Callable[[Any], str]:
    """A UUID as text, of what either database gives for one."""

    def text(value: Any) -> str:
        if not isinstance(value, bytes):
            return str(value)
        digits = value.hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    return text
