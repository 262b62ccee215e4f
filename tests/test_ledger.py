import datetime as dt
import hashlib
import itertools
import subprocess
import sys
import uuid
from typing import NamedTuple

import pytest
import sqlalchemy as sa

from consent import ledger, search, stores
from consent.database import Database, tables
from consent.errors import NotFoundError
from consent.filters import LedgerFilter
from consent.model import Entry, Grants, Place, Regime, StoreConfig, canonical

pytestmark = pytest.mark.anyio

START = dt.datetime(2026, 3, 2, 10, 30, 0, 123456, tzinfo=dt.UTC)
BERLIN = Place("DE", "DE-BE", "database")
LOS_ANGELES = Place("US", "US-CA", "header")


class Store(NamedTuple):
    key: str
    id: int
    version_id: int


def a_regime(id_: str, name: str) -> Regime:
    fields = {
        "id": id_,
        "name": name,
        "model": "opt-in",
        "law": ("GDPR",),
        "source": "https://law.example",
        "reviewed": dt.date(2026, 1, 1),
        "confidence": "verified",
        "gpc_duty": "none",
        "gpc_overrides_choice": False,
        "duties": ("granular",),
        "accept_days": 180,
        "refuse_days": 180,
        "google_advanced": False,
        "automatic_collection": False,
    }
    return Regime(**fields, sha256=hashlib.sha256(canonical(fields)).hexdigest())


EEA = a_regime("eea", "EEA")
CALIFORNIA = a_regime("us-ca", "California")


def an_entry(store: Store, **changes) -> Entry:
    banner = changes.pop("banner", b"<banner>")
    values = {
        "id": uuid.uuid4(),
        "visitor": uuid.uuid4(),
        "store_id": store.id,
        "version_id": store.version_id,
        "at": START,
        "action": "accept_all",
        "grants": Grants.all(True),
        "language": "de",
        "banner_sha256": hashlib.sha256(banner).hexdigest(),
        "banner_content": banner,
        "regime": EEA,
        "place": BERLIN,
        "gpc_header": False,
        "gpc_property": True,
        "device": "phone",
        "salt": b"0123456789abcdef",
    }
    return Entry(**{**values, **changes})


async def a_store(database: Database, key: str = "summit") -> Store:
    config = StoreConfig(key=key, name=key.title(), origins=(f"https://{key}.example",))
    async with database.write() as c:
        id_ = await stores.save(c, config, START)
        version = await stores.publish(c, key, START)
    return Store(key, id_, version.id)


@pytest.fixture
async def store(database: Database) -> Store:
    return await a_store(database)


async def append(database: Database, *entries: Entry) -> list[ledger.Appended]:
    async with database.write() as c:
        return await ledger.append(c, entries)


async def append_at_once(database: Database, *entries: Entry) -> list[ledger.Appended]:
    async with database.read() as c:
        versions = {one.id: one for one in await stores.versions_since(c, 0)}
    done = await ledger.append_at_once(database, entries, versions)
    rest = [entry for entry, one in zip(entries, done, strict=True) if one is None]
    others = iter(await append_at_once(database, *rest) if rest else ())
    return [next(others) if one is None else one for one in done]


@pytest.fixture(params=[append, append_at_once], ids=["append", "append_at_once"])
def appends(request):
    """Appends, in one of the two ways, each of which keeps the same promises."""
    return request.param


async def test_a_record_is_read_back_as_it_was_appended(database, store, appends):
    entry = an_entry(store, place=LOS_ANGELES, grants=Grants(True, False, True), action="save")
    (appended,) = await appends(database, entry)
    async with database.read() as c:
        record = await ledger.get(c, entry.id)
        version = await stores.current(c, "summit")
    assert record == appended.record
    assert (appended.fresh, appended.conflict) == (True, False)
    same = ["id", "visitor", "at", "action", "grants", "language", "banner_sha256"]
    same += ["place", "gpc_header", "gpc_property", "device", "salt"]
    assert [getattr(record, name) for name in same] == [getattr(entry, name) for name in same]
    assert (record.seq, record.previous, record.store) == (1, None, "summit")
    assert (record.version, record.version_sha256) == (1, version.sha256)
    assert (record.regime_id, record.regime_sha256) == ("eea", EEA.sha256)


async def test_a_moment_in_another_zone_is_kept_in_utc(database, store):
    tokyo = dt.timezone(dt.timedelta(hours=9))
    (appended,) = await append(database, an_entry(store, at=START.astimezone(tokyo)))
    assert appended.record.at.utcoffset() == dt.timedelta(0)
    assert appended.record.at == START


async def test_an_unknown_id_gives_nothing(database):
    async with database.read() as c:
        assert await ledger.get(c, uuid.uuid4()) is None


async def test_an_empty_batch_appends_nothing(database):
    assert await append(database) == []


async def test_the_same_post_again_is_not_stored_again(database, store, appends):
    entry = an_entry(store)
    (first,) = await appends(database, entry)
    later = entry.__class__(**{**_fields(entry), "at": START + dt.timedelta(days=1)})
    (second,) = await appends(database, later)
    assert (second.fresh, second.conflict) == (False, False)
    assert second.record == first.record


async def test_the_same_post_twice_in_a_batch_is_stored_once(database, store):
    entry = an_entry(store)
    first, second = await append(database, entry, entry.__class__(**_fields(entry)))
    assert (first.fresh, second.fresh, second.conflict) == (True, False, False)
    assert first.record == second.record


@pytest.mark.parametrize(
    "change",
    [
        {"visitor": uuid.uuid4()},
        {"action": "save"},
        {"grants": Grants(True, True, False)},
        {"language": "fr"},
        {"banner": b"<another>"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_an_id_used_again_with_other_content_is_a_conflict(database, store, change):
    entry = an_entry(store)
    await append(database, entry)
    (again,) = await append(database, an_entry(store, id=entry.id, **change))
    assert (again.fresh, again.conflict) == (False, True)
    assert again.record.visitor == entry.visitor


async def test_an_id_used_again_in_another_store_or_version_is_a_conflict(database, store):
    entry = an_entry(store)
    await append(database, entry)
    other = await a_store(database, "valley")
    elsewhere = an_entry(other, id=entry.id, visitor=entry.visitor)
    nowhere = an_entry(store._replace(version_id=99), id=entry.id, visitor=entry.visitor)
    appended = await append(database, elsewhere, nowhere)
    assert [one.conflict for one in appended] == [True, True]


async def test_an_id_used_twice_in_a_batch_with_other_content_is_a_conflict(database, store):
    entry = an_entry(store)
    first, second = await append(database, entry, an_entry(store, id=entry.id))
    assert (first.fresh, first.conflict) == (True, False)
    assert (second.fresh, second.conflict) == (False, True)


async def test_a_conflict_does_not_keep_the_rest_of_the_batch_out(database, store, appends):
    taken = an_entry(store)
    await appends(database, taken)
    new = [an_entry(store) for _ in range(3)]
    appended = await appends(database, new[0], an_entry(store, id=taken.id), *new[1:])
    assert [one.fresh for one in appended] == [True, False, True, True]
    assert [one.record.seq for one in appended] == [2, 1, 3, 4]


async def test_each_record_names_the_one_before_of_its_visitor_and_store(database, store, appends):
    visitor = uuid.uuid4()
    other = await a_store(database, "valley")
    a, b, c, d = (an_entry(where, visitor=visitor) for where in (store, store, other, store))
    await appends(database, a, an_entry(store), b)
    appended = await appends(database, c, an_entry(store), d)
    assert appended[0].record.previous is None
    assert appended[2].record.previous == b.id
    async with database.read() as connection:
        history = await ledger.history(connection, "summit", visitor)
    assert [(one.id, one.previous) for one in history] == [
        (a.id, None),
        (b.id, a.id),
        (d.id, b.id),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 64, 100, ledger.MOST_AT_ONCE])
async def test_a_batch_of_any_size_is_appended_in_its_order(database, store, size, appends):
    entries = [an_entry(store) for _ in range(size)]
    appended = await appends(database, *entries)
    assert [one.record.id for one in appended] == [entry.id for entry in entries]
    assert [one.record.seq for one in appended] == list(range(1, size + 1))


async def test_a_batch_that_is_too_large_is_refused(database, store):
    with pytest.raises(ValueError, match="at most 1000"):
        await append(database, *[an_entry(store)] * (ledger.MOST_AT_ONCE + 1))


async def test_a_version_of_another_store_is_refused_and_nothing_is_written(
    database, store, appends
):
    other = await a_store(database, "valley")
    good = an_entry(store)
    with pytest.raises(NotFoundError):
        await appends(database, good, an_entry(store._replace(version_id=other.version_id)))
    async with database.read() as c:
        assert await ledger.get(c, good.id) is None


async def test_what_was_shown_and_its_law_are_kept_once(database, store, appends):
    first, other = an_entry(store), an_entry(store, banner=b"<other>", regime=CALIFORNIA)
    await appends(database, first, other, an_entry(store))
    await appends(database, an_entry(store), an_entry(store, banner=b"<other>"))
    async with database.read() as c:
        assert await ledger.banner_content(c, first.banner_sha256) == b"<banner>"
        assert await ledger.banner_content(c, other.banner_sha256) == b"<other>"
        law = await ledger.regime_content(c, CALIFORNIA.sha256)
        assert await ledger.banner_content(c, "00" * 32) is None
        rows = await c.execute(sa.select(sa.func.count()).select_from(tables.banners))
        assert rows.scalar() == 2
    assert hashlib.sha256(law).hexdigest() == CALIFORNIA.sha256


async def test_content_that_does_not_have_its_sha256_is_refused(database, store):
    with pytest.raises(ValueError, match="banners: content has SHA-256"):
        await append(database, an_entry(store, banner_sha256="00" * 32))


async def test_a_banner_without_content_is_a_hash_until_the_content_comes(database, store, appends):
    known = an_entry(store)
    await appends(database, an_entry(store, banner_content=None))
    async with database.read() as c:
        assert await ledger.banner_content(c, known.banner_sha256) is None
    await appends(database, known)
    async with database.read() as c:
        assert await ledger.banner_content(c, known.banner_sha256) == known.banner_content


@pytest.mark.parametrize("table", ["decisions", "versions", "banners", "regimes"])
@pytest.mark.parametrize("statement", ["UPDATE {0} SET id = id", "DELETE FROM {0}"])
async def test_the_database_refuses_to_change_or_remove_rows(database, store, table, statement):
    entry = an_entry(store)
    await append(database, entry)
    with pytest.raises(sa.exc.DBAPIError, match="never changed or removed"):
        async with database.write() as c:
            await c.exec_driver_sql(statement.format(table))
    async with database.read() as c:
        assert await ledger.get(c, entry.id) is not None


WRITER = """
import asyncio, sys, uuid
from consent import database, ledger, stores
from tests.test_ledger import Store, an_entry

async def main(url, store_id, version_id, visitor):
    opened = database.connect(url)
    store = Store("summit", int(store_id), int(version_id))
    async with opened.read() as c:
        versions = {one.id: one for one in await stores.versions_since(c, 0)}
    for n in range(25):
        entries = [an_entry(store, visitor=uuid.UUID(visitor)), an_entry(store), an_entry(store)]
        if n % 2:
            async with opened.write() as c:
                await ledger.append(c, entries)
        else:
            await ledger.append_at_once(opened, entries, versions)
        for entry in entries:
            print(entry.id, flush=True)
    await opened.close()

asyncio.run(main(*sys.argv[1:]))
"""


def a_writer(url: str, store: Store, visitor: uuid.UUID) -> subprocess.Popen[str]:
    arguments = [url, str(store.id), str(store.version_id), str(visitor)]
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, *arguments], stdout=subprocess.PIPE, text=True
    )


async def test_two_processes_append_at_once_and_lose_nothing(database, database_url, store):
    visitor = uuid.uuid4()
    writers = [a_writer(database_url, store, visitor) for _ in range(2)]
    printed = [writer.communicate(timeout=300)[0].split() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    acknowledged = {uuid.UUID(id_) for id_ in itertools.chain(*printed)}
    async with database.read() as c:
        records = (await search.find(c, LedgerFilter(), limit=1000)).records
        history = await ledger.history(c, "summit", visitor)
    assert {record.id for record in records} == acknowledged
    assert sorted(record.seq for record in records) == list(range(1, 151))
    assert [one.previous for one in history] == [None, *(one.id for one in history[:-1])]


async def test_a_killed_process_loses_nothing_acknowledged(database, database_url, store):
    writer = a_writer(database_url, store, uuid.uuid4())
    acknowledged = [uuid.UUID(writer.stdout.readline().strip()) for _ in range(12)]
    writer.kill()
    acknowledged += [uuid.UUID(line) for line in writer.communicate()[0].split() if len(line) == 36]
    async with database.read() as c:
        assert all([await ledger.get(c, id_) for id_ in acknowledged])
    (appended,) = await append(database, an_entry(store))
    assert appended.record.seq > len(acknowledged)


def _fields(entry: Entry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in entry.__struct_fields__}
