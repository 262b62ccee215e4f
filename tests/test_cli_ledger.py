"""``consent ledger`` and ``consent receipt``, as their users run them."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import uuid
from pathlib import Path

import pytest

from consent import database as database_
from consent import notes
from consent.cli import main
from consent.model import Entry
from consent.notes import Note, Vkey
from consent.signing import LogKey
from tests import attack
from tests.authority import a_root
from tests.tampered import NO_FILES, VKEY, tampered
from tests.test_ledger import a_store, an_entry, append


@pytest.fixture
def run(database_url: str, monkeypatch, capsys, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONSENT_DATABASE_URL", database_url)
    monkeypatch.setenv("CONSENT_SECRET_KEYS", "k" * 40)
    monkeypatch.setenv("CONSENT_PUBLIC_URL", "https://consent.summit.example")

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def ids(database_url: str) -> list[uuid.UUID]:
    """Three records."""

    async def fill() -> list[uuid.UUID]:
        opened = database_.connect(database_url)
        store = await a_store(opened)
        entries = [an_entry(store) for _ in range(3)]
        await append(opened, *entries)
        await opened.close()
        return [entry.id for entry in entries]

    return asyncio.run(fill())


def test_a_ledger_is_sealed_proved_and_verified(run, ids, database_url, tmp_path: Path):
    assert run("ledger", "prove", str(ids[1]))[2].startswith("consent: not_sealed: receipt: not")
    assert "none is sealed yet" in run("ledger", "verify")[1]
    assert run("ledger", "seal") == (0, "sealed 3 records\n", "")
    status, out, _ = run("ledger", "verify")
    assert status == 0
    assert "verified: 3 records are what was sealed in consent.summit.example/log" in out

    assert run("ledger", "prove", str(ids[1]), "--out", "receipt.json")[0] == 0
    file = json.loads(Path("receipt.json").read_text())
    Path("keys.txt").write_text(file["key"] + "\n")
    status, out, _ = run("receipt", "verify", "receipt.json", "--key", "keys.txt")
    assert (status, out.splitlines()[0]) == (0, "VERIFIED")
    assert "a visitor of the store “summit” accepted everything" in out
    assert "Not checked" in out
    assert run("ledger", "prove", str(ids[1]), "--tlog-proof")[1].startswith("c2sp.org/tlog-proof")
    assert "no decision has the id" in run("ledger", "prove", str(uuid.uuid4()))[2]

    Path("checkpoint.txt").write_text(file["checkpoint"])
    assert run("ledger", "verify", "--checkpoint", "checkpoint.txt")[0] == 0
    attack_ = attack.run(database_url, "UPDATE decisions SET analytics = NOT analytics")
    asyncio.run(attack_)
    status, out, _ = run("ledger", "verify", "--checkpoint", "checkpoint.txt", "--json")
    assert (status, json.loads(out)["seq"], json.loads(out)["id"]) == (1, 1, str(ids[0]))
    assert run("ledger", "verify")[1].startswith("NOT VERIFIED: record 1")


@pytest.fixture
def offline(monkeypatch, capsys, tmp_path: Path):
    """``consent receipt verify`` without settings and without a database."""
    monkeypatch.chdir(tmp_path)

    def verify(content: bytes, *arguments: str) -> tuple[int, str]:
        Path("receipt.json").write_bytes(content)
        with pytest.raises(SystemExit) as ended:
            main(["receipt", "verify", "receipt.json", *arguments])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    return verify


def test_exit_codes_tell_a_good_file_a_changed_one_and_none(offline):
    key = ("--key", VKEY.text)
    assert offline(tampered("nothing"), *key)[0] == 0
    status, out = offline(tampered("grants"), *key)
    assert status == 1
    assert "WRONG: The record, as it stands here, is not in the log's tree." in out
    status, out = offline(tampered("salt"), *key, "--json")
    assert (status, json.loads(out)["holds"]) == (1, False)
    assert offline(NO_FILES["no JSON"], *key)[0] == 2


def test_a_key_has_to_be_given_and_to_be_one(offline):
    assert offline(tampered("nothing"))[0] == 2
    status, out = offline(tampered("nothing"), "--key", VKEY.text[:-4] + "AAAA")
    assert (status, "consent: --key: key: " in out) == (2, True)
    assert offline(tampered("nothing"), "--key", "nowhere.txt")[0] == 2
    other = VKEY._replace(public=LogKey(b"o" * 32).public).text
    assert offline(tampered("nothing"), "--key", other)[0] == 1


def test_the_page_is_written_with_the_keys_given(offline, monkeypatch, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["receipt", "page", "--key", VKEY.text, "--out", "verify.html"])
    assert (ended.value.code, capsys.readouterr().err) == (0, "wrote verify.html\n")
    assert VKEY.name in Path("verify.html").read_text()


def test_what_somebody_outside_said_is_checked_when_it_can_be(offline):
    witness = LogKey(b"w" * 32)
    vkey = Vkey("witness.example/w1", witness.public, notes.COSIGNATURE)
    file = json.loads(tampered("nothing"))
    text = Note.parse(file["checkpoint"]).text
    signed = witness.sign(f"cosignature/v1\ntime 1772447400\n{text}".encode())
    line = notes.Signature(vkey.name, vkey.id_, (1772447400).to_bytes(8) + signed).line
    said = base64.b64encode(line.encode()).decode()
    anchor = {"kind": "witness", "url": "https://w.example", "at": "2026", "answer": said}
    key = ("--key", VKEY.text)

    file["anchors"] = [anchor]
    status, out = offline(json.dumps(file).encode(), *key, "--key", vkey.text)
    assert status == 0
    assert "holds: The witness witness.example/w1 signed the checkpoint at 2026-03-02" in out
    status, out = offline(json.dumps(file).encode(), *key)
    assert status == 0
    assert "What https://w.example said of the checkpoint: --tsa or --key may tell." in out

    file["anchors"] = [{**anchor, "kind": "rfc3161"}]
    Path("roots.pem").write_bytes(a_root())
    status, out = offline(json.dumps(file).encode(), *key, "--tsa", "roots.pem")
    assert status == 1
    assert "WRONG: What https://w.example said of the checkpoint does not hold" in out
    Path("roots.pem").write_text("nothing")
    assert offline(json.dumps(file).encode(), *key, "--tsa", "roots.pem")[0] in (1, 2)


def test_a_visitor_is_erased_and_what_is_old_goes(run, database_url, tmp_path: Path):
    old = dt.datetime(2019, 3, 2, tzinfo=dt.UTC)

    async def fill() -> list[Entry]:
        opened = database_.connect(database_url)
        store = await a_store(opened)
        entries = [an_entry(store, at=old), an_entry(store), an_entry(store)]
        await append(opened, *entries)
        await opened.close()
        return entries

    _, mine, _ = asyncio.run(fill())
    erase = ("ledger", "erase", "--store", "summit", "--visitor", str(mine.visitor), "--yes")
    status, _, err = run(*erase, "--reason", "jo@summit.example asked for it")
    assert (status, "expected words that name nobody" in err) == (2, True)
    reason = ("--reason", "Asked by letter on 2026-03-01")
    assert run(*erase, *reason)[1] == "erased 1 records (erasure 1)\n"
    status, _, err = run(*erase, *reason)
    assert (status, "no decision of this visitor" in err) == (2, True)
    status, _, err = run("ledger", "prove", str(mine.id))
    assert (status, "Asked by letter on 2026-03-01" in err) == (2, True)

    dry = "summit\tkeeps 1096 days\t1 records due, the oldest of 2019-03-02\n"
    assert run("ledger", "retain", "--dry-run") == (0, dry, "")
    assert json.loads(run("ledger", "retain", "--json")[1])[0]["records"] == 1
    assert run("ledger", "retain")[1] == "summit\tkeeps 1096 days\t0 records were due\n"
    status, out, _ = run("ledger", "verify")
    assert (status, "2 of them were erased, each by a signed erasure" in out) == (0, True)
