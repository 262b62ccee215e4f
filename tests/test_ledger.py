import datetime as dt
import hashlib
import uuid

import pytest

from consent import ledger, stores
from consent.database import Database
from consent.model import Entry, Grants, Place, Regime, StoreConfig, canonical

pytestmark = pytest.mark.anyio


def a_regime(id_: str = "eea", name: str = "EEA") -> Regime:
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
    }
    return Regime(**fields, sha256=hashlib.sha256(canonical(fields)).hexdigest())


EEA = a_regime()
START = dt.datetime(2026, 3, 2, 10, 30, 0, 123456, tzinfo=dt.UTC)


def an_entry(store: "Store", **changes) -> Entry:
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
        "place": Place("US", "US-CA", "header"),
        "gpc_header": False,
        "gpc_property": True,
        "device": "phone",
        "salt": b"0123456789abcdef",
    }
    return Entry(**{**values, **changes})


class Store:
    def __init__(self, id_: int, version_id: int) -> None:
        self.id = id_
        self.version_id = version_id


async def a_store(database: Database, key: str = "summit") -> Store:
    config = StoreConfig(key=key, name=key.title(), origins=(f"https://{key}.example",))
    async with database.write() as c:
        id_ = await stores.save(c, config, START)
        version = await stores.publish(c, key, START)
    return Store(id_, version.id)


async def append(database: Database, *entries: Entry) -> list[ledger.Appended]:
    async with database.write() as c:
        return await ledger.append(c, entries)


async def test_a_record_is_read_back_as_it_was_appended(database):
    entry = an_entry(await a_store(database))
    (appended,) = await append(database, entry)
    async with database.read() as c:
        found = await ledger.get(c, entry.id)
    assert appended.fresh
    assert found == appended.record
    assert (found.seq, found.at, found.place) == (1, START, Place("US", "US-CA", "header"))
