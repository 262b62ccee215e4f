import csv
import datetime as dt
import io
import uuid

import msgspec
import pytest

from consent import export, ledger, ranges, receipt
from consent.filters import LedgerFilter
from consent.model import Entry, Grants, Place, Record, canonical
from tests.test_ledger import CALIFORNIA, EEA, START, a_store, an_entry

pytestmark = pytest.mark.anyio

ALL = LedgerFilter()
HOSTILE = '=HYPERLINK("http://evil.example",1)\n@ü"\\'


@pytest.fixture
async def records(database) -> list[Record]:
    summit, harbor = await a_store(database), await a_store(database, "harbor")
    visitor = uuid.uuid4()
    entries: list[Entry] = [
        an_entry(
            (summit, harbor)[n % 3 == 0],
            visitor=visitor if n % 4 == 0 else uuid.uuid4(),
            at=START.replace(microsecond=n * 7000),
            action="save",
            grants=Grants(n % 2 == 0, True, False),
            place=[Place("US", "US-CA", "header"), Place(), Place("DE", None, "database")][n % 3],
            regime=EEA if n % 2 else CALIFORNIA,
            gpc_header=n % 5 == 0,
            refused=("ga4", "meta") if n % 3 == 1 else (),
        )
        for n in range(40)
    ]
    entries.append(an_entry(summit, language=HOSTILE, place=Place("-1", "+2", "header")))
    async with database.write() as c:
        return [one.record for one in await ledger.append(c, entries)]


async def written(database, format_, filter_=ALL, **options) -> str:
    until = options.pop("until", None) or await export.newest(database)
    found = [
        piece async for piece in export.pieces(database, filter_, format_, until=until, **options)
    ]
    assert not found or found[-1].seq == until
    return b"".join(piece.content for piece in found).decode()


async def test_a_line_of_json_is_what_the_log_has_the_sha256_of(database, records):
    lines = (await written(database, "jsonl")).split("\n")
    assert lines.pop() == ""
    assert lines == [canonical(receipt.content(record)).decode() for record in records]


async def test_a_csv_file_has_every_field_and_no_formula(database, records):
    rows = list(csv.DictReader(io.StringIO(await written(database, "csv"), newline="")))
    assert len(rows) == len(records)
    for row, record in zip(rows, records, strict=True):
        content = msgspec.to_builtins(receipt.content(record))
        assert row["refused"] == "+".join(record.refused)
        for name in ("seq", "at", "id", "visitor", "store", "version", "action", "device", "salt"):
            assert row[name] == str(content[name])
        assert row["previous"] == (content["previous"] or "")
        assert [row[p] for p in record.grants.__struct_fields__] == [
            str(value).lower() for value in content["grants"].values()
        ]
    last = rows[-1]
    assert last["language"] == f"'{HOSTILE}"
    assert (last["country"], last["subdivision"]) == ("'-1", "'+2")


@pytest.mark.parametrize("format_", export.FORMATS)
async def test_an_export_that_broke_off_goes_on_where_it_stopped(
    database, records, format_, monkeypatch
):
    monkeypatch.setattr(export, "STEP_RECORDS", 7)
    whole = await written(database, format_)
    for after in (0, 1, 7, 20, 41):
        first = await written(database, format_, until=after) if after else ""
        rest = await written(database, format_, after=after)
        assert first + rest == whole


async def test_what_comes_after_it_began_is_not_in_it(database, records):
    until = await export.newest(database)
    before = await written(database, "jsonl")
    store = await a_store(database, "valley")
    async with database.write() as c:
        await ledger.append(c, [an_entry(store)])
    assert await written(database, "jsonl", until=until) == before


async def test_a_filter_leaves_the_rest_out(database, records):
    for filter_, holds in (
        (LedgerFilter(stores=("harbor",)), lambda r: r.store == "harbor"),
        (LedgerFilter(stores=()), lambda r: False),
        (LedgerFilter(visitor=records[4].visitor), lambda r: r.visitor == records[4].visitor),
        (LedgerFilter(since=records[9].at, kind="some"), lambda r: r.at >= records[9].at),
        (LedgerFilter(until=records[9].at), lambda r: r.at < records[9].at),
        (LedgerFilter(places=("US",), language="de"), lambda r: r.place.country == "US"),
    ):
        text = await written(database, "jsonl", filter_)
        found = [msgspec.json.decode(line)["seq"] for line in text.splitlines()]
        assert found == [r.seq for r in records if holds(r) and passes_kind(r, filter_)]


async def test_a_part_of_the_time_is_read_alone(database, records, monkeypatch):
    monkeypatch.setattr(export, "STEP_RECORDS", 2)
    read, in_range = [], ranges.in_range

    async def counted(c, query, after, last):
        read.append((after, last))
        return await in_range(c, query, after, last)

    monkeypatch.setattr(ranges, "in_range", counted)
    middle = LedgerFilter(since=records[3].at, until=records[6].at)
    wanted = [r.seq for r in records if middle.since <= r.at < middle.until]
    text = await written(database, "jsonl", middle)
    assert [msgspec.json.decode(line)["seq"] for line in text.splitlines()] == wanted
    assert (read[0][0], read[-1][1]) == (min(wanted) - 1, max(wanted))
    read.clear()
    never = LedgerFilter(since=records[-1].at + dt.timedelta(days=1))
    assert (await written(database, "jsonl", never), read) == ("", [])


def passes_kind(record: Record, filter_: LedgerFilter) -> bool:
    return filter_.kind in (None, record.grants.kind)
