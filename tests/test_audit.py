"""Somebody with full access to the database changes one thing; the verification finds it."""

from __future__ import annotations

import hashlib
import uuid

import pytest

from consent import audit, groups, seals, stores
from consent import ledger as records
from consent.audit import Kept
from consent.database import Database
from consent.model import BannerConfig, Group, StoreConfig, Template
from consent.notes import Checkpoint, Note, Vkey, sign
from consent.proof import Sealer
from consent.signing import LogKey
from tests import attack
from tests.test_ledger import a_store, an_entry, append

pytestmark = pytest.mark.anyio

KEY = LogKey(b"k" * 32)
ORIGIN = "consent.example/log"
RECORDS, SEALED = 300, 290
EMPTY = hashlib.sha256(b"{}").digest()


@pytest.fixture
async def ledger(database: Database, now) -> Database:
    """Three hundred records of three visitors; the last ten are not sealed yet."""
    store = await a_store(database)
    sealer = Sealer(database, KEY, ORIGIN, now)
    visitors = [an_entry(store).visitor for _ in range(3)]
    for n in (100, 190, 10):
        await append(database, *(an_entry(store, visitor=visitors[i % 3]) for i in range(n)))
        if n != 10:
            await sealer.seal_all()
    return database


async def kept(database: Database, size: int = SEALED) -> Kept:
    async with database.read() as c:
        (found,) = [head for head in await seals.heads(c, 0, SEALED) if head.size == size]
    return Kept(Note.parse(str(found.note)))


async def test_an_untouched_ledger_holds(ledger, monkeypatch):
    monkeypatch.setattr(audit, "CHUNK_RECORDS", 64)
    told: list[tuple[int, int]] = []
    report = await audit.verify(
        ledger,
        kept=[await kept(ledger), await kept(ledger, 100)],
        progress=lambda done, of: told.append((done, of)),
    )
    assert report.fault is None
    assert (report.records, report.sealed, report.checkpoints) == (RECORDS, SEALED, 2)
    assert told[0] == (64, RECORDS)
    assert told[-1] == (RECORDS, RECORDS)


async def test_a_version_of_a_group_is_verified_with_its_template(ledger, database_url, now):
    template = Template(banner=BannerConfig(layout="box"))
    async with ledger.write() as c:
        await groups.save(c, Group("brands", "Brands", template), now())
        config = StoreConfig("fjord", "Fjord", ("https://fjord.example",), group="brands")
        await stores.save(c, config, now())
        await stores.publish(c, "fjord", now())
    assert (await audit.verify(ledger)).fault is None
    await attack.run(database_url, "UPDATE versions SET template = :other", other=b"{}")
    assert "versions: the content of row" in (await audit.verify(ledger)).fault


async def test_an_empty_ledger_holds(database):
    report = await audit.verify(database)
    assert (report.fault, report.records, report.checkpoints) == (None, 0, 0)


CONTENT = "its content is not what was sealed"
SWAP = (
    "UPDATE decisions SET seq = -1 WHERE seq = 7",
    "UPDATE decisions SET seq = 7 WHERE seq = 8",
    "UPDATE decisions SET seq = 8 WHERE seq = -1",
)
COPIED = (
    "at, visitor, previous, salt, store_id, version_id, banner_sha256, regime_id, preferences, "
    "analytics, marketing, gpc_header, gpc_property, action, language, device, country, "
    "subdivision, place_source, refused"
)
INSERT = (
    "UPDATE decisions SET seq = -seq WHERE seq > 41",
    "UPDATE decisions SET seq = 1 - seq WHERE seq < 0",
    f"INSERT INTO decisions (seq, id, {COPIED}) SELECT 42, :id, {COPIED} FROM decisions "
    "WHERE seq = 41",
)
ATTACKS = [
    (["UPDATE decisions SET marketing = NOT marketing WHERE seq = 5"], 5, CONTENT),
    (["UPDATE decisions SET action = 'reject_all' WHERE seq >= 33"], 33, CONTENT),
    (["UPDATE decisions SET salt = :other WHERE seq = 290"], 290, CONTENT),
    (["UPDATE decisions SET previous = NULL WHERE seq = 9"], 9, CONTENT),
    (["UPDATE decisions SET previous = NULL WHERE seq = 295"], 295, "its link is not to"),
    (["UPDATE decisions SET language = 'fr' WHERE seq = 1"], 1, CONTENT),
    (["DELETE FROM decisions WHERE seq = 12"], 12, "record 12 is missing"),
    (["DELETE FROM decisions WHERE seq = 295"], 295, "record 295 is missing"),
    (["DELETE FROM decisions WHERE seq > 250"], 251, "the end is missing"),
    (SWAP, 7, CONTENT),
    (INSERT, 42, CONTENT),
    (["UPDATE entries SET digests = :zeroes WHERE start = 0"], 1, CONTENT),
    (["DELETE FROM entries WHERE start = 100"], 1, "entry 100 is missing"),
    (["UPDATE nodes SET hash = :other"], 256, "nodes: 0 at level 1 is not the tree's"),
    (["DELETE FROM nodes"], 256, "nodes: 0 at level 1 is not the tree's"),
    (["UPDATE checkpoints SET root = :other WHERE size = 100"], 100, "has another root"),
    (["UPDATE checkpoints SET signature = :sig WHERE size = 100"], 100, "signature over 100"),
    (["UPDATE log_keys SET vkey = :vkey"], 100, "signature over 100 entries is not that"),
    (["DELETE FROM checkpoints WHERE size = 290"], None, "only 100 are under a checkpoint"),
    (["UPDATE versions SET config = :other"], None, "versions: the content of row 1 is not"),
    (["UPDATE banners SET content = :other"], None, "banners: the content of row 1 is not"),
    (["UPDATE regimes SET content = :other"], None, "regimes: the content of row 1 is not"),
    (["DELETE FROM regimes"], 1, "record 1 is missing, or what it refers to is"),
    (["UPDATE stores SET key = 'other'"], 1, CONTENT),
]


async def test_the_first_record_that_is_wrong_is_named(ledger, database_url):
    await attack.keep(database_url)
    id_ = uuid.uuid4()
    values = {
        "other": b"x" * 32,
        "sig": b"x" * 64,
        "zeroes": bytes(3200),
        "vkey": Vkey(ORIGIN, LogKey(b"o" * 32).public).text,
        "id": id_.bytes if database_url.startswith("sqlite") else id_,
    }
    for statements, seq, fault in ATTACKS:
        await attack.run(database_url, *statements, **values)
        report = await audit.verify(ledger)
        assert report.fault is not None, statements
        assert fault in report.fault, statements
        assert report.seq == seq, statements
        if CONTENT in fault:
            assert f"record {seq} ({report.id})" in report.fault
        await attack.restore(database_url)
    assert (await audit.verify(ledger)).fault is None


async def test_what_cannot_be_read_is_named_too(ledger, database_url):
    never = "'never'" if database_url.startswith("sqlite") else "'infinity'"
    await attack.run(database_url, f"UPDATE decisions SET at = {never} WHERE seq = 70")
    report = await audit.verify(ledger)
    assert report.seq == 70
    await attack.run(database_url, "UPDATE log_keys SET vkey = 'x'")
    assert "expected a vkey" in (await audit.verify(ledger)).fault


async def test_what_was_shown_and_is_gone_is_counted(ledger, database_url):
    assert (await audit.verify(ledger)).unshown == 0
    await attack.run(database_url, "UPDATE banners SET content = :c, sha256 = :s", c=b"{}", s=EMPTY)
    report = await audit.verify(ledger)
    assert (report.fault, report.unshown) == (None, RECORDS)


async def test_what_was_cut_off_with_its_checkpoints_is_shown_by_one_kept_elsewhere(
    ledger, database_url
):
    elsewhere = await kept(ledger)
    await attack.run(
        database_url,
        "DELETE FROM entries WHERE start > 99",
        "DELETE FROM decisions WHERE seq > 100",
        "DELETE FROM checkpoints WHERE size > 100",
        "DELETE FROM nodes",
    )
    assert (await audit.verify(ledger)).fault is None
    report = await audit.verify(ledger, kept=[elsewhere])
    assert "over 290 entries, but only 100 are sealed here: the end was cut off" in report.fault
    assert report.seq == 101


async def test_a_tree_made_anew_with_the_key_is_shown_by_one_kept_elsewhere(
    ledger, database_url, now
):
    elsewhere = await kept(ledger)
    await attack.run(
        database_url,
        "UPDATE decisions SET marketing = NOT marketing WHERE seq = 5",
        *(f"DELETE FROM {table}" for table in ("entries", "nodes", "checkpoints", "log_keys")),
    )
    await Sealer(ledger, KEY, ORIGIN, now).seal_all()
    assert (await audit.verify(ledger)).fault is None
    elsewhere_too = elsewhere._replace(keys=[Vkey(ORIGIN, KEY.public)])
    report = await audit.verify(ledger, kept=[elsewhere_too])
    assert "the kept checkpoint over 290 entries has another root" in report.fault


async def test_a_kept_checkpoint_of_another_log_or_key_is_refused(ledger, database, now):
    for origin, key, fault in (
        (ORIGIN, LogKey(b"o" * 32), "not signed by a key of this log"),
        ("other.example/log", KEY, "not signed by a key of this log"),
    ):
        text = Checkpoint(origin, 5, bytes(32)).text
        note = Note(text, (sign(text, origin, key),))
        assert fault in (await audit.verify(ledger, kept=[Kept(note)])).fault


async def test_a_tree_made_anew_with_another_key_is_not_trusted(ledger, database_url, now):
    assert (await audit.verify(ledger, trusted=[KEY.public])).fault is None
    await attack.run(
        database_url,
        "UPDATE decisions SET marketing = NOT marketing WHERE seq = 5",
        *(f"DELETE FROM {table}" for table in ("entries", "nodes", "checkpoints", "log_keys")),
    )
    await Sealer(ledger, LogKey(b"o" * 32), ORIGIN, now).seal_all()
    fault = (await audit.verify(ledger, trusted=[KEY.public])).fault
    assert fault.startswith("the newest checkpoint is signed by ")


async def test_what_is_not_what_was_shown_is_not_given_as_such(ledger, database_url):
    async with ledger.read() as c:
        (record,) = await records.following(c, 0, 1)
        for content in (records.banner_content, records.regime_content):
            assert await content(c, record.banner_sha256) or await content(c, record.regime_sha256)
    await attack.run(
        database_url, "UPDATE banners SET content = :c", "UPDATE regimes SET content = :c", c=b"{}"
    )
    async with ledger.read() as c:
        assert await records.banner_content(c, record.banner_sha256) is None
        assert await records.regime_content(c, record.regime_sha256) is None
