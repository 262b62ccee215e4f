"""What somebody without an account tries over HTTP, and what they get for it."""

from __future__ import annotations

import asyncio
import gzip
import json
import uuid

import pytest
import structlog
from starlette.testclient import TestClient

from consent import stores
from consent.model import StoreConfig
from tests.web.shop import FROM_SHOP, NEIGHBOUR, SUMMIT, an_app, published, refused, send, stored
from tests.web.shop import with_new_connection as elsewhere

POSTS = ("decisions", "seen", "coverage", "receipts/0f9b2d3c-5a6e-4f7a-8b1c-2d3e4f5a6b7c")
BOMB = gzip.compress(b" " * 15_000_000, 9)
INJECTED = "evil\x1b[2J\r\n\u2028{{7*7}}<script>"
PUBLIC = (
    *("/s/summit/loader.js", "/s/summit/choices.js?de,1", "/s/nobody/loader.js", "/log/key"),
    *("/log/verify", "/.well-known/gpc.json", "/healthz", "/admin", "/admin/login", "/nothing"),
    *("/admin/rates", "/api/v1/stores", "/api/v1/openapi.json"),
)
UNKEYED = (
    {"X-Forwarded-Host": "evil.example"},
    {"X-Forwarded-Proto": "https", "X-Forwarded-Scheme": "https", "X-Forwarded-Port": "99"},
    {"Forwarded": "for=1.1.1.1;host=evil.example;proto=https"},
    {"X-Original-URL": "/metrics", "X-Rewrite-URL": "/metrics"},
    {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "POST"},
    {"Host": "evil.example"},
    {"Origin": "https://evil.example", "Referer": "https://evil.example/"},
    {"User-Agent": INJECTED.encode()},
    {"Via": "evil", "True-Client-IP": "8.8.8.8", "X-Real-IP": "8.8.8.8", "Client-IP": "8.8.8.8"},
    {"Cookie": "pixelgate=evil; pixelgate_admin=evil; pixelgate_known=evil"},
    {"Range": "bytes=0-1", "If-Modified-Since": "Thu, 01 Jan 2099 00:00:00 GMT"},
    {"Sec-GPC": "0"},
)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is refused here never comes near a database."""
    return sqlite_url


class TestBodies:
    @pytest.mark.parametrize("what", POSTS)
    def test_a_packed_body_is_not_unpacked(self, client, what):
        for encoding in ("gzip", "br", "zstd"):
            for body in (BOMB, gzip.compress(b"{}")):
                headers = {**FROM_SHOP, "Content-Encoding": encoding}
                answer = client.post(f"/s/summit/{what}", content=body, headers=headers)
                refused(answer, 400, "malformed_json")
        assert stored(client) == 0

    @pytest.mark.parametrize("what", POSTS)
    def test_what_has_no_end_is_refused(self, client, what):
        for piece in (b"[", b'{"id":', b'[{"":', b'{"grants":{"', b"9", b"-"):
            answer = client.post(f"/s/summit/{what}", content=piece * 2700, headers=FROM_SHOP)
            assert answer.status_code in (400, 413, 422)
            assert set(answer.json()) == {"error", "detail"}
            assert len(answer.content) < 1000
        assert stored(client) == 0


class TestEnumeration:
    def test_a_store_that_is_a_draft_alone_answers_like_one_that_is_not_there(
        self, client, now, database_url
    ):
        async def save(db):
            async with db.write() as c:
                await stores.save(c, StoreConfig("secret", "Secret", ("https://s.example",)), now())

        asyncio.run(elsewhere(database_url, save))
        client.portal.call(client.app.services.published.refresh)
        headers = {**FROM_SHOP, "Origin": "https://s.example"}
        for method, what in [("GET", "loader.js"), ("GET", f"receipts/{uuid.uuid4()}")] + [
            (method, what) for what in POSTS for method in ("POST", "OPTIONS")
        ]:
            one, other = (
                client.request(method, f"/s/{key}/{what}", headers=headers, content=b"{}")
                for key in ("secret", "nobody")
            )
            assert one.status_code == other.status_code == 404, what
            assert one.content == other.content
            assert dict(one.headers) == dict(other.headers)

    def test_a_neighbours_receipt_answers_like_one_that_is_not_there(self, client, a_post):
        post = a_post()
        assert send(client, post).status_code == 201
        asks = {**FROM_SHOP, "Origin": NEIGHBOUR.origins[0]}
        owner = json.dumps({"visitor": post["visitor"]})
        for id_ in (post["id"], str(uuid.uuid4()), post["id"].upper(), post["id"][:-1] + "g"):
            read = client.get(f"/s/fjord/receipts/{id_}")
            file = client.post(f"/s/fjord/receipts/{id_}", content=owner, headers=asks)
            refused(read, 404, "unknown_decision")
            assert file.content == read.content

    def test_the_receipt_file_answers_another_visitor_as_if_it_were_not_there(self, client, a_post):
        post = a_post()
        send(client, post)
        other = json.dumps({"visitor": str(uuid.uuid4())})
        one = client.post(f"/s/summit/receipts/{post['id']}", content=other, headers=FROM_SHOP)
        two = client.post(f"/s/summit/receipts/{uuid.uuid4()}", content=other, headers=FROM_SHOP)
        refused(one, 404, "unknown_decision")
        assert one.content == two.content


class TestCaches:
    @pytest.mark.parametrize("proxied", [True, False], ids=["proxy", "stranger"])
    def test_no_header_that_a_cache_does_not_tell_apart_changes_an_answer(
        self, database_url, now, tmp_path, proxied
    ):
        published(database_url, now, SUMMIT)
        peer = "127.0.0.1" if proxied else "192.0.2.1"
        app = an_app(database_url, now, tmp_path)
        with TestClient(app, client=(peer, 1), follow_redirects=False) as client:
            for path in PUBLIC:
                plain = client.get(path)
                for headers in UNKEYED:
                    other = client.get(path, headers=headers)
                    assert other.status_code == plain.status_code, (path, headers)
                    assert other.content == plain.content, (path, headers)
                    assert dict(other.headers) == dict(plain.headers), (path, headers)

    def test_a_refusal_is_kept_by_no_cache(self, client):
        for path in ("/s/nobody/loader.js", "/s/summit/receipts/1", "/s/summit/nothing"):
            assert client.get(path).headers["cache-control"] == "no-store"

    def test_no_language_that_is_asked_for_gets_into_the_answer(self, client):
        many = b",".join([b"xx"] * 500)
        for accepted in (INJECTED.encode(), b"de" * 500, many, b"de;q=1e999", b"\xff,*;q=nan"):
            answer = client.get("/s/summit/loader.js", headers={"Accept-Language": accepted})
            assert answer.status_code == 200
            assert "evil" not in answer.text


PATHS = (
    *("/admin/static/..%2fpages.py", "/admin/static/%2e%2e%2fpages.py", "/admin/static/%00"),
    *("/admin/static/..%5cpages.py", "/admin/static//etc/passwd", "/log/tile/0/..%2f..%2fkey"),
    *("/log/tile/0/x999/x999/999", "/s//loader.js", "/s/summit/loader.js/", "//s/a"),
    *("/s/%2e%2e/loader.js", "/s/%00/loader.js", "/s/%ff/loader.js", "/s/summit/receipts/%00"),
    *("/metrics/", "//metrics", "/METRICS", "/admin/%2e%2e/metrics"),
)


class TestPaths:
    def test_none_leads_out(self, client):
        for path in PATHS:
            answer = client.get(path, follow_redirects=False)
            assert answer.status_code in (404, 303), path
            assert answer.headers.get("location", "/admin/").startswith("/admin/")
            assert "import" not in answer.text


class TestLog:
    def test_nothing_that_was_sent_is_written_there(self, client, monkeypatch, a_post):
        """Not of what is refused, and not of what breaks us."""

        def broken(*_: object, **__: object) -> None:
            raise RuntimeError(INJECTED)

        headers = {"User-Agent": INJECTED.encode(), "Referer": INJECTED.encode(), **FROM_SHOP}
        with structlog.testing.capture_logs() as lines:
            client.get("/s/evil%0d%0aINJECTED/loader.js", headers=headers)
            client.post("/s/summit/decisions", content=INJECTED.encode(), headers=headers)
            client.post("/admin/login", data={"email": INJECTED, "password": INJECTED})
            client.get("/api/v1/stores", headers={"Authorization": b"Bearer evil\x1b"})
            assert lines == []
            monkeypatch.setattr(client.app.services.recorder, "record", broken)
            answer = send(client, a_post(), headers)
        refused(answer, 500, "internal")
        (line,) = lines
        assert (line["event"], line["error"]) == ("request failed", "RuntimeError")
        assert "evil" not in json.dumps(line)
        assert "evil" not in answer.text
