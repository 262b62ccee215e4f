"""``/log`` and the proofs of receipts, over HTTP, as somebody outside would verify them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import uuid
from functools import partial
from unittest.mock import AsyncMock

import pytest

from consent import evidence, merkle, seals
from consent.database import Database
from consent.notes import Checkpoint, Note, Vkey
from consent.proof import Sealer
from consent.web.log import HEAD_SECONDS
from tests.test_ledger import Store, an_entry, append
from tests.web.shop import with_new_connection

FROM_SHOP = {"Origin": "https://summit.example", "CF-IPCountry": "DE", "User-Agent": "Test"}


@pytest.fixture
def no_sealer(monkeypatch) -> None:
    """The process under test seals nothing by itself."""
    monkeypatch.setattr(Sealer, "_seal_what_waits", AsyncMock())


@pytest.fixture
def decided(no_sealer, client, a_post):
    """Posts decisions, and has them sealed: all at once, as nobody else is at it."""

    def decide(n: int = 1) -> list[dict]:
        posts = [a_post() for _ in range(n)]
        for post in posts:
            sent = client.post("/s/summit/decisions", content=json.dumps(post), headers=JSON)
            assert sent.status_code == 201
        client.portal.call(client.app.services.sealer.seal_all)
        return posts

    return decide


JSON = {**FROM_SHOP, "Content-Type": "application/json"}


def checkpoint(client) -> Checkpoint:
    """The newest one, signed by a key that the service publishes."""
    answer = client.get("/log/checkpoint")
    keys = [Vkey.parse(line) for line in client.get("/log/key").text.splitlines()]
    note = Note.parse(answer.text)
    assert note.signers(keys)
    return Checkpoint.parse(note.text)


def test_before_the_first_record_there_is_no_checkpoint(client):
    assert client.get("/log/checkpoint").status_code == 404
    assert client.get("/log/checkpoint").json()["error"] == "no_checkpoint"
    assert client.get("/log/key").text == ""
    assert client.get("/log/tile/0/000.p/1").status_code == 404


def test_the_tree_can_be_made_again_from_what_is_published(client, decided):
    decided(3)
    decided(2)
    head = checkpoint(client)
    assert (head.origin, head.size) == ("localhost:8000/log", 5)
    bundle = client.get("/log/tile/entries/000.p/5")
    entries = [bundle.content[at + 2 : at + 34] for at in range(0, 5 * 34, 34)]
    assert bundle.content[:2] == b"\x00\x20"
    assert len(bundle.content) == 5 * 34
    leaves = list(map(merkle.leaf_hash, entries))
    assert client.get("/log/tile/0/000.p/5").content == b"".join(leaves)
    assert client.get("/log/tile/0/000.p/3").content == b"".join(leaves[:3])
    assert merkle.root(leaves) == head.root


def test_answers_have_the_headers_that_the_specification_wants(client, decided):
    decided()
    for path, type_, caching in (
        ("checkpoint", "text/plain; charset=utf-8", "public, max-age=1"),
        ("key", "text/plain; charset=utf-8", "public, max-age=1"),
        ("tile/0/000.p/1", "application/octet-stream", "public, max-age=3600"),
        ("tile/entries/000.p/1", "application/octet-stream", "public, max-age=3600"),
    ):
        answer = client.get(f"/log/{path}", headers={"Origin": "https://anyone.example"})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == type_
        assert answer.headers["cache-control"] == caching
        assert answer.headers["access-control-allow-origin"] == "*"
        assert client.head(f"/log/{path}").content == b""
        assert client.post(f"/log/{path}").status_code == 405


NO_TILES = (
    *("0/000", "0/000.p/2", "1/000.p/1", "entries/000", "entries/000.p/2", "entries/001.p/1"),
    *("0/0", "0", "x", "entries", "entries/0", "0/000.p/0", "0/000.p/256", "64/000", "0/x001/000"),
    *("0/000.p/1/", "0/000.p/01", "-1/000.p/1", "0/999/999", "0/" + "x999/" * 30 + "999"),
)


def test_a_tile_that_no_checkpoint_has_is_not_found(client, decided):
    decided()
    for path in NO_TILES:
        answer = client.get(f"/log/tile/{path}")
        assert (answer.status_code, answer.json()["error"]) == (404, "no_tile"), path


def test_a_receipt_comes_with_its_proof_and_without_the_record(client, decided):
    posts = decided(4)
    known = client.get(f"/s/summit/receipts/{posts[2]['id']}").json()
    head = Checkpoint.parse(Note.parse(known["checkpoint"]).text)
    leaf = merkle.leaf_hash(bytes.fromhex(known["digest"]))
    path = list(map(base64.b64decode, known["proof"]))
    assert merkle.verify_inclusion(known["index"], head.size, leaf, path, head.root)
    assert Vkey.parse(known["key"]).text in client.get("/log/key").text
    text = json.dumps(known)
    assert posts[2]["visitor"] not in text
    assert "salt" not in text


class TestFile:
    def ask(self, client, post, visitor=None, headers=JSON):
        body = json.dumps({"visitor": visitor or post["visitor"]})
        return client.post(f"/s/summit/receipts/{post['id']}", content=body, headers=headers)

    def test_the_visitor_gets_a_file_that_verifies(self, client, decided):
        post = decided(3)[1]
        answer = self.ask(client, post)
        assert answer.status_code == 200
        assert answer.headers["content-disposition"] == 'attachment; filename="receipt.json"'
        assert answer.headers["cache-control"] == "no-store"
        file = evidence.read(answer.content)
        keys = [Vkey.parse(line) for line in client.get("/log/key").text.splitlines()]
        assert [check.name for check in evidence.verify(file, keys) if not check.holds] == []
        assert file.record["visitor"] == post["visitor"]
        digest = client.get(f"/s/summit/receipts/{post['id']}").json()["digest"]
        canonical = json.dumps(file.record, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(canonical.encode()).hexdigest() == digest

    def test_nobody_else_gets_it(self, client, decided):
        (post,) = decided()
        assert self.ask(client, post, str(uuid.uuid4())).status_code == 404
        other = {**JSON, "Origin": "https://evil.example"}
        assert self.ask(client, post, headers=other).status_code == 403
        assert self.ask(client, {**post, "id": str(uuid.uuid4())}).status_code == 404
        for body, status in (("{}", 422), ('{"visitor": 1}', 422), ("x", 400)):
            path = f"/s/summit/receipts/{post['id']}"
            assert client.post(path, content=body, headers=JSON).status_code == status


def test_the_verifier_page_comes_with_the_keys_and_its_policy(client, decided):
    decided()
    answer = client.get("/log/verify")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/log/key").text.strip().replace("+", "&#43;") in answer.text.replace(
        "+", "&#43;"
    )
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy


def seal_elsewhere(client, url: str, n: int, *, fails: bool = False) -> None:
    """Another process appends records, and seals them or fails in the midst of it."""
    services = client.app.services
    version = services.current("summit")
    store = Store("summit", version.store_id, version.id)

    async def work(db: Database) -> None:
        await append(db, *(an_entry(store) for _ in range(n)))
        sealer = Sealer(db, services.sealer._key, services.sealer._origin, services.now)
        with pytest.MonkeyPatch.context() as patch:
            if fails:
                patch.setattr(seals, "key_id", broken)
            with pytest.raises(RuntimeError) if fails else contextlib.nullcontext():
                await sealer.seal_all()

    async def broken(*_: object) -> int:
        raise RuntimeError("killed")

    client.portal.call(with_new_connection, url, work)


def test_what_another_process_seals_is_there_within_a_moment(no_sealer, client, database_url, now):
    assert client.get("/log/checkpoint").status_code == 404
    seal_elsewhere(client, database_url, 2)
    # A tile that the head in memory has not is looked for in the newest.
    assert client.get("/log/tile/0/000.p/2").status_code == 200
    assert checkpoint(client).size == 2
    seal_elsewhere(client, database_url, 3)
    assert checkpoint(client).size == 2
    now.advance(seconds=HEAD_SECONDS)
    assert checkpoint(client).size == 5
    seal_elsewhere(client, database_url, 1)
    now.advance(seconds=-60)
    assert checkpoint(client).size == 6


def test_what_was_rolled_back_was_never_told(no_sealer, client, database_url, now):
    seal_elsewhere(client, database_url, 2)
    assert checkpoint(client).size == 2
    seal_elsewhere(client, database_url, 3, fails=True)
    now.advance(seconds=1)
    assert checkpoint(client).size == 2
    assert client.get("/log/tile/0/000.p/5").status_code == 404
    seal_elsewhere(client, database_url, 0)
    now.advance(seconds=1)
    assert checkpoint(client).size == 5
    assert len(client.get("/log/tile/0/000.p/5").content) == 5 * 32


def test_whoever_has_a_tile_or_the_checkpoint_is_sent_nothing_again(
    no_sealer, client, database_url, now
):
    seal_elsewhere(client, database_url, 256)
    for name, caching in (
        ("checkpoint", "public, max-age=1"),
        ("tile/0/000", "public, max-age=31536000, immutable"),
        ("tile/entries/000", "public, max-age=31536000, immutable"),
        ("tile/1/000.p/1", "public, max-age=3600"),
    ):
        full = client.get(f"/log/{name}")
        assert (full.status_code, full.headers["cache-control"]) == (200, caching)
        again = client.get(f"/log/{name}", headers={"If-None-Match": full.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == full.headers["etag"]
        assert again.headers["cache-control"] == caching
        other = client.get(f"/log/{name}", headers={"If-None-Match": '"another"'})
        assert other.content == full.content
    known = client.get("/log/checkpoint").headers["etag"]
    seal_elsewhere(client, database_url, 1)
    now.advance(seconds=1)
    grown = client.get("/log/checkpoint", headers={"If-None-Match": known})
    assert (grown.status_code, "\n257\n" in grown.text) == (200, True)


def test_an_erased_record_keeps_its_place_in_the_tiles_and_loses_its_receipt(client, decided):
    posts = decided(3)
    paths = [f"/s/summit/receipts/{post['id']}" for post in posts]
    before = [client.get(path).json() for path in paths]
    tiles = [client.get(f"/log/tile/{name}/000.p/3").content for name in ("0", "entries")]
    visitor = uuid.UUID(posts[1]["visitor"])
    eraser = client.app.services.eraser
    client.portal.call(partial(eraser.visitor, "summit", visitor, "Asked by letter", by=None))
    assert [client.get(path).status_code for path in paths] == [200, 410, 200]
    assert client.get(paths[2]).json() == before[2]
    assert [client.get(f"/log/tile/{name}/000.p/3").content for name in ("0", "entries")] == tiles
