import asyncio
import gzip
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import brotli
import pytest
import zstandard
from starlette.testclient import TestClient

from consent import ledger, settings, stores
from consent.database import Database, connect
from consent.model import Pixel, StoreConfig, Version
from consent.web import signals
from consent.web.app import App, create_app

ORIGIN = "https://summit.example"
BERLIN = {"CF-IPCountry": "DE"}
CALIFORNIA = {"CF-IPCountry": "US", "CF-Region-Code": "CA"}
FROM_SHOP = {"Origin": ORIGIN, "Content-Type": "text/plain", **BERLIN}
SUMMIT = StoreConfig(
    key="summit",
    name="Summit Outdoor",
    origins=(ORIGIN, "http://localhost:8080"),
    pixels=(Pixel("meta", "123456789012345"),),
)
NEIGHBOUR = StoreConfig(key="fjord", name="Fjord", origins=("https://fjord.example",))


async def with_new_connection(url: str, work):
    """Runs ``work`` as another process would: with a connection of its own."""
    opened = connect(url)
    try:
        return await work(opened)
    finally:
        await opened.close()


def published(url: str, now, *configs: StoreConfig) -> list[Version]:
    async def work(db: Database) -> list[Version]:
        versions = []
        async with db.write() as c:
            for config in configs:
                await stores.save(c, config, now())
                versions.append(await stores.publish(c, config.key, now()))
        return versions

    return asyncio.run(with_new_connection(url, work))


def an_app(url: str, now, folder: Path) -> App:
    environ = {
        "CONSENT_DATABASE_URL": url,
        "CONSENT_SECRET_KEYS": "k" * 40,
        "CONSENT_TRUSTED_PROXIES": "127.0.0.1",
    }
    return create_app(settings.load(environ, var=folder), now=now)


@pytest.fixture
def client(database_url: str, now, tmp_path: Path) -> Iterator[TestClient]:
    published(database_url, now, SUMMIT, NEIGHBOUR)
    app = an_app(database_url, now, tmp_path)
    with TestClient(app, client=("127.0.0.1", 1)) as client:
        yield client


@pytest.fixture
def banner(client: TestClient, now) -> str:
    """What the loader tells a page in Berlin."""
    services = client.app.services
    version = services.current("summit")
    place = signals.Place("DE", None, "header")
    resolution = services.regions.resolve(place, on=now().date())
    return services.composer.banner(version, resolution, "de").sha256


@pytest.fixture
def a_post(banner: str):
    def make(**changes) -> dict:
        return {
            "id": str(uuid.uuid4()),
            "visitor": str(uuid.uuid4()),
            "version": 1,
            "action": "accept_all",
            "grants": {"preferences": True, "analytics": True, "marketing": True},
            "language": "de",
            "banner": banner,
            "gpc": False,
            **changes,
        }

    return make


def send(client: TestClient, post, headers=FROM_SHOP, store: str = "summit"):
    content = post if isinstance(post, bytes) else json.dumps(post).encode()
    return client.post(f"/s/{store}/decisions", content=content, headers=headers)


def stored(client: TestClient) -> int:
    async def work(db: Database) -> int:
        async with db.read() as c:
            return await ledger.count(c, ledger.LedgerFilter())

    url = client.app.services.settings.database_url
    return asyncio.run(with_new_connection(url, work))


def counted(client: TestClient) -> dict[str, int]:
    folder = client.app.services.folder
    return {key.measure: n for key, n in folder._folded.items()}


def refused(response, status: int, code: str) -> None:
    assert (response.status_code, response.json()["error"]) == (status, code)
    assert set(response.json()) == {"error", "detail"}
    assert response.headers["content-type"] == "application/json"


class TestLoader:
    def get(self, client: TestClient, store="summit", query="?l=de&c=false", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.get(f"/s/{store}/loader.js{query}", headers={**BERLIN, **named})

    def test_it_is_a_script_for_this_store_and_no_cache_shares_it(self, client):
        answer = self.get(client)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert '"123456789012345"' in answer.text
        assert "set-cookie" not in answer.headers

    def test_vary_names_every_header_that_it_depends_on(self, client):
        names = {name.strip() for name in self.get(client).headers["vary"].split(",")}
        assert {"Accept-Encoding", "Accept-Language", "Sec-GPC", "CF-IPCountry"} <= names

    def test_each_encoding_holds_the_same_text(self, client):
        plain = self.get(client, accept_encoding="identity")
        assert "content-encoding" not in plain.headers
        etags = {plain.headers["etag"]}
        for name, decode in (
            ("br", brotli.decompress),
            ("zstd", zstandard.decompress),
            ("gzip", gzip.decompress),
        ):
            with client.stream(
                "GET",
                "/s/summit/loader.js?l=de&c=false",
                headers={**BERLIN, "accept-encoding": name},
            ) as answer:
                raw = b"".join(answer.iter_raw())
            assert answer.headers["content-encoding"] == name
            assert int(answer.headers["content-length"]) == len(raw)
            assert decode(raw) == plain.content
            etags.add(answer.headers["etag"])
        assert len(etags) == 4

    def test_a_page_that_has_it_is_told_so_in_no_bytes(self, client):
        first = self.get(client)
        again = self.get(client, if_none_match=f'"other", W/{first.headers["etag"]}')
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["vary"] == first.headers["vary"]

    def test_another_place_is_another_script(self, client):
        berlin = self.get(client)
        there = self.get(client, **CALIFORNIA)
        assert there.headers["etag"] != berlin.headers["etag"]

    @pytest.mark.parametrize(
        ("headers", "on"),
        [
            ([("sec-gpc", "1")], True),
            ([("sec-gpc", "0"), ("sec-gpc", "1")], True),
            ([("sec-gpc", "1, 1")], False),
            ([("sec-gpc", "true")], False),
            ([("sec-gpc", " ")], False),
            ([], False),
        ],
    )
    def test_gpc_is_the_one_character_1(self, client, headers, on):
        place = list(CALIFORNIA.items())
        with_signal = client.get("/s/summit/loader.js", headers=[*place, *headers])
        without = client.get("/s/summit/loader.js", headers=place)
        assert (with_signal.text != without.text) is on

    @pytest.mark.parametrize(
        ("page", "accepted", "language"),
        [
            ("de", "fr", "de"),
            ("de-AT", "fr", "de"),
            ("", "fr;q=0.5, ja", "ja"),
            ("xx", "fr;q=0.5, ja;q=0", "fr"),
            ("pt", "", "pt-BR"),
            ("", "*", "en"),
            ("", "", "en"),
        ],
    )
    def test_the_pages_language_comes_first_then_the_browsers(
        self, client, page, accepted, language
    ):
        answer = self.get(client, query=f"?l={page}&c=false", accept_language=accepted)
        assert f'"language":"{language}"' in answer.text

    def test_a_returning_visitor_gets_no_banner(self, client):
        returning = self.get(client, query="?l=de&c=true")
        assert len(returning.text) < len(self.get(client).text)

    def test_choices_come_when_they_are_wanted_later(self, client):
        answer = client.get("/s/summit/choices.js?l=de", headers=BERLIN)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"

    @pytest.mark.parametrize("store", ["nobody", "../summit", "%00", "x" * 500])
    def test_an_unknown_store_gets_a_script_that_does_nothing(self, client, store):
        answer = self.get(client, store=store)
        assert answer.status_code == 404
        if answer.headers["content-type"].startswith("text/javascript"):
            assert answer.text.startswith("// pixelgate: unknown_store: ")
            assert answer.text.count("\n") == 1
            assert answer.headers["cache-control"] == "no-store"

    def test_only_get_and_head_are_taken(self, client):
        assert client.post("/s/summit/loader.js").status_code == 405
        head = client.head("/s/summit/loader.js", headers=BERLIN)
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) > 0

    def test_it_is_composed_once_and_then_looked_up(self, client):
        for _ in range(5):
            self.get(client)
        scripts = client.app._visitor.scripts
        assert (scripts.made, scripts.served) == (1, 5)

    def test_a_new_day_is_composed_anew_since_laws_begin_on_days(self, client, now):
        self.get(client)
        now.advance(days=1)
        self.get(client)
        assert client.app._visitor.scripts.made == 2


class TestDecisions:
    def test_a_decision_is_stored_and_its_receipt_returned(self, client, a_post):
        post = a_post()
        answer = send(client, post)
        assert answer.status_code == 201
        assert set(answer.json()) == {"id", "at", "receipt"}
        assert answer.json()["id"] == post["id"]
        assert answer.json()["at"] == "2026-03-02T10:30:00.000Z"
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.headers["vary"] == "Origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "set-cookie" not in answer.headers
        assert stored(client) == 1

    def test_the_same_post_again_gets_the_same_answer(self, client, a_post):
        post = a_post()
        assert send(client, post).json() == send(client, post).json()
        assert stored(client) == 1

    def test_an_id_with_other_content_is_a_conflict(self, client, a_post):
        post = a_post()
        send(client, post)
        refused(send(client, {**post, "visitor": str(uuid.uuid4())}), 409, "id_taken")
        assert stored(client) == 1

    @pytest.mark.parametrize(
        "origin",
        [
            "https://evil.example",
            "https://summit.example.evil.example",
            "https://summit.example/",
            "http://summit.example",
            "https://fjord.example",
            "null",
            "",
        ],
    )
    def test_another_origin_writes_nothing(self, client, a_post, origin):
        answer = send(client, a_post(), {**FROM_SHOP, "Origin": origin})
        refused(answer, 403, "forbidden_origin")
        assert "access-control-allow-origin" not in answer.headers
        assert stored(client) == 0

    def test_no_origin_writes_nothing(self, client, a_post):
        answer = send(client, a_post(), {"Content-Type": "text/plain"})
        refused(answer, 403, "forbidden_origin")

    def test_each_registered_origin_is_answered_by_its_own_name(self, client, a_post):
        local = "http://localhost:8080"
        answer = send(client, a_post(), {**FROM_SHOP, "Origin": local})
        assert answer.headers["access-control-allow-origin"] == local

    def test_an_unknown_store_writes_nothing(self, client, a_post):
        refused(send(client, a_post(), store="nobody"), 404, "unknown_store")
        assert stored(client) == 0

    @pytest.mark.parametrize("version", [2, 0, -1, 2**40])
    def test_a_version_that_was_not_published_is_refused(self, client, a_post, version):
        refused(send(client, a_post(version=version)), 404, "unknown_version")
        assert stored(client) == 0

    def test_an_old_version_still_takes_decisions(self, client, a_post, now):
        url = client.app.services.settings.database_url
        renamed = StoreConfig(key="summit", name="New name", origins=SUMMIT.origins)
        published(url, now, renamed)
        client.portal.call(client.app.services.published.refresh)
        assert client.app.services.current("summit").number == 2
        assert send(client, a_post(version=1)).status_code == 201

    def test_a_purpose_that_does_not_exist_is_named(self, client, a_post):
        post = a_post()
        post["grants"]["telemetry"] = True
        answer = send(client, post)
        refused(answer, 422, "unknown_purpose")
        assert "telemetry" in answer.json()["detail"]
        assert stored(client) == 0

    @pytest.mark.parametrize(
        "changes",
        [
            {"grants": {"preferences": True, "analytics": True}},
            {"grants": {"preferences": 1, "analytics": True, "marketing": True}},
            {"grants": []},
            {"action": "agree"},
            {"id": "not-a-uuid"},
            {"visitor": None},
            {"version": "1"},
            {"version": 1.5},
            {"language": 7},
            {"gpc": "1"},
            {"place": "DE"},
            {"at": "2020-01-01T00:00:00Z"},
        ],
    )
    def test_a_post_of_the_wrong_form_says_where(self, client, a_post, changes):
        answer = send(client, a_post(**changes))
        refused(answer, 422, "invalid_decision")
        assert stored(client) == 0

    @pytest.mark.parametrize(
        "changes",
        [
            {"banner": "0" * 63},
            {"language": "tlh"},
            {"action": "reject_all"},
            {"action": "close"},
        ],
    )
    def test_a_post_that_cannot_be_true_writes_nothing(self, client, a_post, changes):
        assert send(client, a_post(**changes)).status_code == 422
        assert stored(client) == 0

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"[1,", b'{"id": "\xff"}', b"\xff\xfe", b"[" * 16000, b"a=b"]
    )
    def test_what_is_not_json_is_said_to_be_so(self, client, body):
        answer = send(client, body)
        assert answer.status_code in (400, 422)
        assert set(answer.json()) == {"error", "detail"}
        assert stored(client) == 0

    def test_a_long_body_is_refused(self, client):
        refused(send(client, b" " * 2_000_000), 413, "too_large")

    def test_a_long_body_is_refused_when_its_length_is_not_said(self, client):
        def chunks() -> Iterator[bytes]:
            for _ in range(2000):
                yield b" " * 1000

        answer = client.post("/s/summit/decisions", content=chunks(), headers=FROM_SHOP)
        refused(answer, 413, "too_large")

    @pytest.mark.parametrize("type_", ["application/x-www-form-urlencoded", "text/html", ""])
    def test_another_content_type_is_refused(self, client, a_post, type_):
        answer = send(client, a_post(), {**FROM_SHOP, "Content-Type": type_})
        refused(answer, 415, "unsupported_type")

    @pytest.mark.parametrize("type_", ["application/json", "text/plain;charset=UTF-8"])
    def test_json_comes_as_json_or_as_text(self, client, a_post, type_):
        assert send(client, a_post(), {**FROM_SHOP, "Content-Type": type_}).status_code == 201

    def test_the_page_can_read_a_refusal(self, client):
        answer = send(client, b"{}")
        assert answer.headers["access-control-allow-origin"] == ORIGIN

    def test_a_preflight_opens_the_store_to_its_own_origins(self, client):
        asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
        answer = client.options("/s/summit/decisions", headers=asked)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.headers["access-control-allow-methods"] == "POST"
        assert answer.headers["access-control-allow-headers"] == "content-type"
        assert "access-control-allow-credentials" not in answer.headers
        evil = {**asked, "Origin": "https://evil.example"}
        refused(client.options("/s/summit/decisions", headers=evil), 403, "forbidden_origin")

    def test_get_is_not_taken(self, client):
        answer = client.get("/s/summit/decisions", headers={"Origin": ORIGIN})
        refused(answer, 405, "method_not_allowed")

    def test_a_lying_forwarded_address_from_a_stranger_gives_no_place(
        self, database_url, now, tmp_path, banner, a_post
    ):
        app = an_app(database_url, now, tmp_path)
        headers = {**FROM_SHOP, **CALIFORNIA, "X-Forwarded-For": "8.8.8.8"}
        post = a_post()
        with TestClient(app, client=("192.0.2.1", 1)) as stranger:
            assert send(stranger, post, headers).status_code == 201
            receipt = stranger.get(f"/s/summit/receipts/{post['id']}").json()
        assert receipt["regime"] == app.services.regions.strictest.id


class TestSeen:
    def seen(self, client: TestClient, headers=FROM_SHOP, **changes):
        post = {"version": 1, "entry": True, "language": "de", **changes}
        return client.post("/s/summit/seen", content=json.dumps(post), headers=headers)

    def test_a_visit_and_a_repeat_are_counted_apart(self, client):
        assert self.seen(client).status_code == 204
        assert self.seen(client, entry=False).content == b""
        assert counted(client) == {"visit": 1, "repeat": 1}

    def test_another_origin_counts_nothing(self, client):
        answer = self.seen(client, {**FROM_SHOP, "Origin": "https://evil.example"})
        refused(answer, 403, "forbidden_origin")
        assert counted(client) == {}

    @pytest.mark.parametrize(
        ("changes", "status"),
        [({"language": "xx"}, 422), ({"version": 9}, 404), ({"entry": "yes"}, 422)],
    )
    def test_what_cannot_be_true_counts_nothing(self, client, changes, status):
        assert self.seen(client, **changes).status_code == status
        assert counted(client) == {}


class TestReceipts:
    def test_the_holder_of_an_id_sees_the_decision_and_its_receipt(self, client, a_post):
        post = a_post()
        receipt = send(client, post).json()["receipt"]
        answer = client.get(f"/s/summit/receipts/{post['id']}")
        assert answer.status_code == 200
        content = answer.json()
        assert content["receipt"] == receipt
        assert content["grants"] == post["grants"]
        assert client.app.services.signer.read_receipt(receipt) == {
            name: value for name, value in content.items() if name != "receipt"
        }
        assert post["visitor"] not in answer.text
        assert answer.headers["cache-control"] == "no-store"

    def test_a_neighbours_receipts_are_not_shown(self, client, a_post):
        post = a_post()
        send(client, post)
        refused(client.get(f"/s/fjord/receipts/{post['id']}"), 404, "unknown_decision")

    @pytest.mark.parametrize("id_", [str(uuid.uuid4()), "1", "..", "%00", "' or 1=1"])
    def test_an_unknown_id_is_not_found(self, client, id_):
        assert client.get(f"/s/summit/receipts/{id_}").status_code == 404


@pytest.mark.parametrize(
    ("agent", "hint", "device"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Mobile/15E148 Safari", None, "phone"),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/140 Mobile Safari", None, "phone"),
        ("Mozilla/5.0 (Linux; Android 15; SM-X910) Chrome/140 Safari", None, "tablet"),
        ("Mozilla/5.0 (iPad; CPU OS 18_0) Mobile/15E148 Safari", None, "tablet"),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/140 Safari", None, "desktop"),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/140 Safari", "?1", "phone"),
        ("", None, "desktop"),
    ],
)
def test_a_device_is_one_of_three_words(agent, hint, device):
    headers = [(b"user-agent", agent.encode())]
    if hint:
        headers.append((b"sec-ch-ua-mobile", hint.encode()))
    assert signals.device({"headers": headers}) == device


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        (b"gzip, deflate, br, zstd", "br"),
        (b"gzip, zstd", "zstd"),
        (b"br;q=0, gzip", "gzip"),
        (b"GZIP;q=0.1", "gzip"),
        (b"*", "identity"),
        (b"br;q=nan", "identity"),
        (b"", "identity"),
    ],
)
def test_the_smallest_encoding_that_is_taken_is_used(accepted, encoding):
    assert signals.encoding(accepted) == encoding


def test_a_hostile_query_is_no_language():
    assert signals.query(b"&".join([b"a=1"] * 1000)) == ("", False)
    assert len(signals.query(b"l=" + b"x" * 5000)[0]) == 64
