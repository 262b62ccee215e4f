import json
import uuid
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from consent.model import StoreConfig
from tests.web.shop import (
    CALIFORNIA,
    FROM_SHOP,
    ORIGIN,
    SUMMIT,
    an_app,
    counted,
    published,
    refused,
    send,
    stored,
)


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

    @pytest.mark.parametrize("headers", [{}, {"Origin": ORIGIN}, {"Origin": "https://e.example"}])
    def test_get_is_not_taken_wherever_it_comes_from(self, client, headers):
        answer = client.get("/s/summit/decisions", headers=headers)
        refused(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == "POST, OPTIONS"

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

    def test_a_page_that_says_nothing_more_counts_as_a_visit_of_the_newest_version(self, client):
        assert client.post("/s/summit/seen", content=b"{}", headers=FROM_SHOP).status_code == 204
        assert counted(client) == {"visit": 1}

    @pytest.mark.parametrize(
        ("agent", "address", "expected"),
        [
            ("Googlebot/2.1", "", {"bot": 2}),
            ("HeadlessChrome/120.0", "8.8.8.8", {"bot": 2}),
            ("HeadlessChrome/120.0", "10.0.0.9", {"visit": 1, "accepted": 1}),
            ("HeadlessChrome/120.0", "", {"visit": 1, "accepted": 1}),
            ("Chrome/120.0", "8.8.8.8", {"visit": 1, "accepted": 1}),
        ],
    )
    def test_bots_are_recorded_and_are_no_visitors(self, client, a_post, agent, address, expected):
        """A browser that a program drives is a bot only where it comes over the internet."""
        headers = {**FROM_SHOP, "User-Agent": f"Mozilla/5.0 ({agent})"}
        headers |= {"X-Forwarded-For": address} if address else {}
        post = a_post()
        assert self.seen(client, headers).status_code == 204
        answer = send(client, post, headers)
        assert (answer.status_code, answer.json()["id"]) == (201, post["id"])
        assert stored(client) == 1
        assert counted(client) == expected
        bots = {"seen": 1, "decisions": 1} if "bot" in expected else {}
        assert dict(client.app._visitor.answered.left_out) == bots

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
        assert client.app.services.signer.read_receipt(receipt).items() <= content.items()
        assert post["visitor"] not in answer.text
        assert answer.headers["cache-control"] == "no-store"

    def test_a_neighbours_receipts_are_not_shown(self, client, a_post):
        post = a_post()
        send(client, post)
        refused(client.get(f"/s/fjord/receipts/{post['id']}"), 404, "unknown_decision")

    @pytest.mark.parametrize(
        "id_", ["0f9b2d3c-5a6e-4f7a-8b1c-2d3e4f5a6b7c", "1", "..", "%00", "' or 1=1"]
    )
    def test_an_unknown_id_is_not_found(self, client, id_):
        assert client.get(f"/s/summit/receipts/{id_}").status_code == 404
