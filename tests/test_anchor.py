"""Checkpoints anchored outside, by a real timestamp authority and by a witness."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from consent import anchor, ledger, seals
from consent.anchor import Anchorer, Timestamps, Witness
from consent.database import Database
from consent.errors import RefusedError, SettingsError, UnavailableError
from consent.notes import Vkey
from consent.proof import Sealer, prover
from consent.signing import LogKey
from tests.authority import OneWitness, TimestampAuthority
from tests.test_ledger import a_store, an_entry, append

pytestmark = pytest.mark.anyio

KEY = LogKey(b"k" * 32)
ORIGIN = "consent.summit.example/log"


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimestampAuthority]:
    server = TimestampAuthority(tmp_path_factory.mktemp("tsa"))
    yield server
    server.close()


@pytest.fixture
def witness() -> Iterator[OneWitness]:
    server = OneWitness(Vkey(ORIGIN, KEY.public))
    yield server
    server.close()


@pytest.fixture
async def grow(database: Database, now):
    """Appends records and seals them."""
    store = await a_store(database)
    sealer = Sealer(database, KEY, ORIGIN, now)

    async def grow(n: int) -> None:
        await append(database, *(an_entry(store) for _ in range(n)))
        await sealer.seal_all()

    return grow


async def file_of(database: Database, seq: int):
    async with database.read() as c:
        (record,) = await ledger.following(c, seq - 1, 1)
        return await (await prover(c, seq)).prove(record, "")


async def test_an_authority_is_asked_once_an_hour_and_its_answer_goes_along(
    database, grow, now, tsa
):
    anchorer = Anchorer(database, Timestamps(tsa.url, tsa.roots), now)
    assert not await anchorer.anchor()
    await grow(3)
    assert await anchorer.anchor()
    await grow(2)
    assert not await anchorer.anchor()
    now.advance(hours=1)
    assert await anchorer.anchor()
    assert not await anchorer.anchor()

    file = await file_of(database, 2)
    (said,) = file.anchors
    assert f"\n3\n{file.checkpoint.splitlines()[2]}\n" in file.checkpoint
    found = anchor.check(said, file.checkpoint, roots=[tsa.roots], keys=[])
    assert found.holds
    assert "A timestamp authority says that the checkpoint was there at 20" in found.words
    later = await file_of(database, 5)
    assert not anchor.check(said, later.checkpoint, roots=[tsa.roots], keys=[]).holds
    assert anchor.check(said, file.checkpoint, roots=[], keys=[]) is None


async def test_an_answer_that_does_not_hold_is_not_kept(database, grow, now, tsa, tmp_path):
    await grow(3)
    tmp_path.joinpath("other").mkdir()
    other = TimestampAuthority(tmp_path / "other")
    for authority, broken in (
        (Timestamps(tsa.url, other.roots), {}),
        (Timestamps(other.url, other.roots), {"other": b"no timestamp"}),
        (Timestamps(other.url, other.roots), {"other": b""}),
    ):
        vars(other).update(broken)
        with pytest.raises(RefusedError, match=r"^bad_timestamp: timestamp: "):
            await Anchorer(database, authority, now).anchor()
    other.status = 500
    with pytest.raises(UnavailableError, match="answered 500"):
        await Anchorer(database, Timestamps(other.url, other.roots), now).anchor()
    other.close()
    with pytest.raises(UnavailableError, match="anchor: http://127"):
        await Anchorer(database, Timestamps(other.url, other.roots), now).anchor()
    async with database.read() as c:
        assert await seals.anchors(c, 3) == []


async def test_what_failed_is_tried_again_later_each_time(database, grow, now, tsa, monkeypatch):
    await grow(3)
    monkeypatch.setattr(anchor, "FIRST_RETRY_SECONDS", 0.01)
    anchorer = Anchorer(database, Timestamps(tsa.url, tsa.roots), now)
    monkeypatch.setattr(tsa, "status", 503)
    anchorer.start()
    while anchorer.failures < 2:
        await asyncio.sleep(0.01)
    monkeypatch.setattr(tsa, "status", 200)
    while not anchorer.anchored:
        await asyncio.sleep(0.01)
    await anchorer.stop()
    async with database.read() as c:
        (kept,) = await seals.anchors(c, 3)
    assert (kept.url, kept.kind) == (tsa.url, "rfc3161")


async def test_a_witness_signs_what_grew(database, grow, now, witness):
    anchorer = Anchorer(database, Witness(witness.url, witness.key), now)
    await grow(300)
    assert await anchorer.anchor()
    now.advance(hours=2)
    await grow(400)
    assert await anchorer.anchor()
    assert witness.size == 700
    file = await file_of(database, 500)
    (said,) = file.anchors
    found = anchor.check(said, file.checkpoint, roots=[], keys=[witness.key])
    assert found.words == (
        "The witness witness.example/w1 signed the checkpoint at 2026-03-02 10:30:00 UTC."
    )
    assert anchor.check(said, file.checkpoint, roots=[], keys=[]) is None
    early = await file_of(database, 2)
    assert not anchor.check(said, early.checkpoint, roots=[], keys=[witness.key]).holds


async def test_a_witness_that_saw_more_or_is_another_is_not_believed(database, grow, now, witness):
    await grow(3)
    other = witness.key._replace(public=LogKey(b"o" * 32).public)
    with pytest.raises(RefusedError, match="did not sign"):
        await Anchorer(database, Witness(witness.url, other), now).anchor()
    witness.size = 9
    with pytest.raises(RefusedError, match="has seen 9 entries"):
        await Anchorer(database, Witness(witness.url, witness.key), now).anchor()


def test_settings_say_whom_to_ask_and_whom_to_believe(tmp_path: Path, witness, tsa):
    assert anchor.authority("", "") is None
    assert isinstance(anchor.authority("https://w.example", witness.key.text), Witness)
    pem = tmp_path / "roots.pem"
    pem.write_bytes(tsa.roots)
    assert isinstance(anchor.authority("https://t.example", str(pem)), Timestamps)
    pem.write_text("nothing")
    for wrong in ("", str(pem), "a+b+c"):
        with pytest.raises(SettingsError, match=r"^CONSENT_ANCHOR_TRUST: "):
            anchor.authority("https://t.example", wrong)
