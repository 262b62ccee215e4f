"""Records as files: CSV for people, JSON Lines for programs and for whoever checks a proof.

A line of JSON is the record's canonical JSON, byte for byte what ``receipt`` hashes: its SHA-256 is
the record's entry in the log. Lines come by ``seq``. What an export holds is fixed when it begins:
the records up to the newest one of that moment, which nothing changes any more. So an export that
broke off goes on where it stopped, with ``after`` set to the ``seq`` of its last whole line, and
both parts together are what one would have been. It is read in short steps, and needs the memory
of one of them.
"""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Literal, NamedTuple, get_args

from consent import ledger, ranges
from consent.database import Database
from consent.database.dialects import EPOCH
from consent.filters import LedgerFilter
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
_BOOLEAN = ("false", "true")


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
    writer = _json(references) if format_ == "jsonl" else _csv(references)
    if format_ == "csv" and not after:
        yield Piece(after, 0, f"{','.join(COLUMNS)}\r\n".encode())
    while after < until:
        last = min(after + STEP_RECORDS, until)
        async with database.read() as c:
            rows = await ranges.in_range(c, query, after, last)
        content = await asyncio.to_thread(_written, writer, rows)
        yield Piece(last, len(rows), content)
        after = last


async def newest(database: Database) -> int:
    """The ``seq`` up to which an export that begins now goes."""
    async with database.read() as c:
        return await ledger.last(c)


def _written(writer: Callable[[Any], str], rows: Sequence[Any]) -> bytes:
    return "".join(map(writer, rows)).encode()


def _json(references: References) -> Callable[[Any], str]:
    """Makes a line of a row. ``tests/test_export.py`` holds it to ``receipt`` byte for byte.

    It is put together by hand, since this is the only way to more than 100 000 lines a second.
    """
    at, id_, text = _moments(), _ids(), _Quoted()
    stores, versions, regimes = references
    # In the order of the columns of ranges.range_query, so that none is looked up by name.

    def line(row: Any) -> str:
        seq, moment, own, visitor, previous, salt, store, version, banner, regime = row[:10]
        preferences, analytics, marketing, gpc_header, gpc_property, action, language = row[10:17]
        device, country, subdivision, source, refused = row[17:22]
        number, version_sha256 = versions[version]
        name, regime_sha256 = regimes[regime]
        return (
            f'{{"action":{text[action]},"at":"{at(moment)}","banner_sha256":"{banner.hex()}",'
            f'"device":{text[device]},"format":"pixelgate-record-1",'
            f'"gpc_header":{_BOOLEAN[gpc_header]},"gpc_property":{_BOOLEAN[gpc_property]},'
            f'"grants":{{"analytics":{_BOOLEAN[analytics]},"marketing":{_BOOLEAN[marketing]},'
            f'"preferences":{_BOOLEAN[preferences]}}},"id":"{id_(own)}",'
            f'"language":{text[language]},"place":{{"country":{text[country]},'
            f'"source":{text[source]},"subdivision":{text[subdivision]}}},'
            f'"previous":{_quoted_id(id_, previous)},"refused":{_list(refused)},'
            f'"regime":{text[name]},"regime_sha256":"{regime_sha256}","salt":"{salt.hex()}",'
            f'"seq":{seq},"store":{text[stores[store]]},"version":{number},'
            f'"version_sha256":"{version_sha256}","visitor":"{id_(visitor)}"}}\n'
        )

    return line


def _csv(references: References) -> Callable[[Any], str]:
    """Makes a line of a row (RFC 4180)."""
    at, id_, text = _moments(), _ids(), _Cells()
    stores, versions, regimes = references

    def line(row: Any) -> str:
        seq, moment, own, visitor, previous, salt, store, version, banner, regime = row[:10]
        preferences, analytics, marketing, gpc_header, gpc_property, action, language = row[10:17]
        device, country, subdivision, source, refused = row[17:22]
        number, version_sha256 = versions[version]
        name, regime_sha256 = regimes[regime]
        before = id_(previous) if previous is not None else ""
        return (
            f"{seq},{at(moment)},{id_(own)},{id_(visitor)},{before},{text[stores[store]]},"
            f"{number},{text[action]},{_BOOLEAN[preferences]},{_BOOLEAN[analytics]},"
            f"{_BOOLEAN[marketing]},{text[refused]},{text[language]},{text[device]},"
            f"{text[country]},{text[subdivision]},{text[source]},{text[name]},"
            f"{_BOOLEAN[gpc_header]},{_BOOLEAN[gpc_property]},{banner.hex()},"
            f"{version_sha256},{regime_sha256},{salt.hex()}\r\n"
        )

    return line


def _moments() -> Callable[[Any], str]:
    """RFC 3339 in UTC, six digits, of what either database gives for a moment."""
    known: dict[int, str] = {}

    def text(value: Any) -> str:
        micros = value if isinstance(value, int) else (value - EPOCH) // _MICROSECOND
        second, rest = divmod(micros, 1_000_000)
        begun = known.get(second)
        if begun is None:
            known.clear()
            begun = known[second] = f"{EPOCH + dt.timedelta(seconds=second):%Y-%m-%dT%H:%M:%S}"
        return f"{begun}.{rest:06d}Z"

    return text


def _ids() -> Callable[[Any], str]:
    """A UUID as text, of what either database gives for one."""

    def text(value: Any) -> str:
        if not isinstance(value, bytes):
            return str(value)
        digits = value.hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    return text


def _quoted_id(id_: Callable[[Any], str], value: Any) -> str:
    return "null" if value is None else f'"{id_(value)}"'


def _list(refused: str | None) -> str:
    return json.dumps(refused.split("+"), separators=(",", ":")) if refused else "[]"


class _Quoted(dict[str | None, str]):
    """Texts as JSON, each made once: there are few different ones."""

    def __missing__(self, text: str | None) -> str:
        self[text] = json.dumps(text, ensure_ascii=False)
        return self[text]


class _Cells(dict[str | None, str]):
    """Texts as cells of CSV, each made once. None begins what a spreadsheet would take for a
    formula: such a text gets an apostrophe in front.
    """

    def __missing__(self, text: str | None) -> str:
        value = text or ""
        if value.startswith(_FORMULA):
            value = f"'{value}"
        file = io.StringIO(newline="")
        csv.writer(file, lineterminator="").writerow([value, ""])
        self[text] = file.getvalue().removesuffix(",")
        return self[text]
