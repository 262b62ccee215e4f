"""What programs do with the API: each journey, and what is refused on its way."""

from __future__ import annotations

import hashlib
import io
import json
import uuid
import zipfile

import msgspec
import pytest

from consent import accounts, activity, evidence, export, seals, storefile, stores, tokens
from consent.activity import ActivityFilter
from consent.filters import LedgerFilter
from consent.model import Group, RegionRule, StoreConfig, Template
from consent.regions.rules import digest
from consent.web.api import door, pace
from tests.web.admin.seed import HARBOR, OWN, SUMMIT
from tests.web.admin.stage import NOW
from tests.web.api.caller import OWNER, TOML

LAWYER = "lex@example.com"
DRAFT = "/stores/summit/draft"
RICH = msgspec.structs.replace(
    SUMMIT,
    pixels=(*SUMMIT.pixels, OWN),
    regions={
        "US-CA": RegionRule("us-ca", accept_days=90),
        "DE": RegionRule("us-other", until=NOW.date().replace(year=2027), reason="a trial"),
    },
    texts={"de": {"banner.title": "Ihre „Wahl“\nund mehr \\ \x7f"}},
    campaign=True,
)

BAD = (
    (b"{", 400, "malformed_json"),
    (b'{"key": "\xff"}', 400, "malformed_json"),
    (b"[" * 100_000, 400, "malformed_json"),
    (b"[]", 422, "malformed_file"),
    (b'{"key": "summit", "nmae": 3}', 422, "malformed_file"),
    (json.dumps({**msgspec.to_builtins(HARBOR), "stated": ["name"]}), 422, "malformed_file"),
    (json.dumps({"key": "harbor", "name": "H", "origins": []}), 422, "other_key"),
    (json.dumps({"key": "summit", "name": "S", "origins": []}), 422, "unfit"),
    (json.dumps({"key": "summit", "name": "\0", "origins": ["https://a.example"]}), 422, "unfit"),
    (b'{"key": "summit", "name": 1e400}', 400, "malformed_json"),
    (b" " * (door.BODY_BYTES + 1), 413, "too_large"),
    (
        json.dumps({"key": "summit", "name": "S", "origins": [], "group": "\0"}),
        404,
        "unknown_group",
    ),
)
"""Bodies of a draft, and how they are refused."""


def acts(call, what):
    found = call.ask(lambda c: activity.search(c, ActivityFilter(what=what), limit=50))
    return [(one.email, one.store, one.subject) for one in found]


class TestTokens:
    def test_without_a_token_nothing_is_told(self, client):
        for header in ("", "Bearer", "Bearer ", "Basic abc", "Bearer pixelgate_x", "pixelgate_x"):
            answer = client.get("/api/v1/me", headers={"authorization": header} if header else {})
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == 'Bearer realm="pixelgate"'
            assert answer.json()["error"] == "no_token"

    def test_a_session_opens_nothing_here_and_no_other_site_may_read(self, client, call):
        client.cookies.set("pixelgate_admin", client.app.services.signer.session({"user": 1}))
        assert client.get("/api/v1/me").status_code == 401
        answer = call("/me", headers={"origin": "https://evil.example"})
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert "set-cookie" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"

    def test_a_token_ends_with_its_term_when_revoked_and_with_its_user(self, call, clock):
        assert call("/me").status_code == 200
        clock.advance(days=30)
        assert call("/me").status_code == 401
        clock.advance(days=-1)
        call.write(lambda c: tokens.revoke(c, 1, NOW))
        assert call("/me").status_code == 401
        assert call("/me", by=LAWYER).status_code == 200
        call.write(lambda c: accounts.disable(c, LAWYER, NOW))
        assert call("/me", by=LAWYER).status_code == 401

    def test_the_day_of_use_is_noted(self, call, clock):
        call("/me")
        clock.advance(days=2)
        call("/me")
        used = call.ask(lambda c: tokens.get(c, 1)).used_on
        assert used == clock().date()

    def test_a_token_makes_so_many_requests_and_no_more(self, call, clock, monkeypatch):
        monkeypatch.setattr(pace, "REQUESTS", 3)
        assert [call("/me").status_code for _ in range(4)] == [200, 200, 200, 429]
        assert call("/me").headers["retry-after"] == "20"
        assert call("/me", by=LAWYER).status_code == 200
        clock.advance(seconds=20)
        assert [call("/me").status_code for _ in range(2)] == [200, 429]

    def test_the_memory_for_it_is_bounded(self, clock, monkeypatch):
        monkeypatch.setattr(pace, "TOKENS_KEPT", 5)
        kept = pace.Pace(clock)
        for id_ in range(50):
            kept.take(id_)
        assert len(kept._left) == 5


class TestStores:
    def test_a_store_comes_back_as_it_was_put_in_both_forms(self, call):
        answer = call.put(
            DRAFT, seen=call.tag(DRAFT), content=storefile.to_toml(RICH), headers=TOML
        )
        assert answer.status_code == 200, answer.text
        assert any(
            "not reviewed" in fault or "review" in fault for fault in answer.json()["faults"]
        )
        assert call.ask(lambda c: stores.draft(c, "summit")) == RICH
        text = call(DRAFT, headers={"accept": "application/toml"})
        assert text.headers["content-type"] == "application/toml"
        assert storefile.parse(text.text, "store") == RICH
        again = call.put(DRAFT, seen=text.headers["etag"], content=text.content, headers=TOML)
        assert again.headers["etag"] == text.headers["etag"] == answer.headers["etag"]
        content = call.get(DRAFT)
        assert storefile.read(content, "store") == RICH
        again = call.put(DRAFT, seen=text.headers["etag"], json=content)
        assert again.headers["etag"] == text.headers["etag"]
        assert call.ask(lambda c: stores.draft(c, "summit")) == RICH
        assert acts(call, "draft") == [(OWNER, "summit", "file")]

    def test_what_a_store_states_beside_its_template_survives_json(self, call):
        group = {"key": "outdoor", "name": "Outdoor", "banner": {"layout": "box"}}
        assert call.put("/groups/outdoor/template", seen=None, json=group).status_code == 201
        content = {**call.get(DRAFT), "group": "outdoor", "banner": {"layout": "bar"}}
        assert call.put(DRAFT, seen=call.tag(DRAFT), json=content).status_code == 200
        assert call.get(DRAFT) == content
        drafted = call.ask(lambda c: stores.drafted(c, "summit"))
        assert drafted.config.banner.layout == "bar"
        assert drafted.own.stated == ("banner.layout",)

    def test_two_who_change_a_draft_do_not_lose_each_others_work(self, call):
        seen, content = call.tag(DRAFT), call.get(DRAFT)
        assert call.put(DRAFT, seen=seen, json={**content, "name": "One"}).status_code == 200
        late = call.put(DRAFT, seen=seen, json={**content, "name": "Two"})
        assert (late.status_code, late.json()["error"]) == (412, "stale")
        assert call.put(DRAFT, seen=None, json=content).status_code == 412
        blind = call(DRAFT, method="PUT", json=content)
        assert (blind.status_code, blind.json()["error"]) == (428, "no_condition")
        assert call.get(DRAFT)["name"] == "One"

    def test_a_new_store_is_drafted_checked_published_and_rolled_back(self, call):
        content = {"key": "lodge", "name": "Lodge", "origins": ["https://lodge.example"]}
        made = call.put("/stores/lodge/draft", seen=None, json=content)
        assert (made.status_code, made.json()["created"]) == (201, True)
        assert call.get("/stores/lodge/check") == {"faults": [], "notes": [], "unreviewed": {}}
        first = call.post("/stores/lodge/publish", seen=made.headers["etag"])
        assert first.json()["number"] == 1
        box = {**content, "banner": {"layout": "box"}}
        changed = call.put("/stores/lodge/draft", seen=made.headers["etag"], json=box)
        told = call.get("/stores/lodge/diff")["changes"]
        assert [one["said"] for one in told] == ["The banner's shape is box; until then bar."]
        stale = call.post("/stores/lodge/publish", seen=made.headers["etag"])
        assert stale.status_code == 412
        assert (
            call.post("/stores/lodge/publish", seen=changed.headers["etag"]).json()["number"] == 2
        )
        lost = call.post("/stores/lodge/rollback", seen=made.headers["etag"], json={"number": 1})
        assert lost.status_code == 412
        back = call.post("/stores/lodge/rollback", seen=changed.headers["etag"], json={"number": 1})
        assert back.json()["number"] == 3
        bad = {"at": "2026-11-01 09:00", "zone": "Europe/Berlin"}
        tag = changed.headers["etag"]
        for body, status in ((bad, 422), ({**bad, "zone": "Mars"}, 422), ({"at": ""}, 422)):
            answer = call.post("/stores/lodge/schedules", seen=made.headers["etag"], json=body)
            assert answer.status_code == status
        soon = {"at": "2026-12-01 09:00", "zone": "Europe/Berlin"}
        assert call.post("/stores/lodge/schedules", seen=tag, json=soon).status_code == 412
        waits = call.post("/stores/lodge/schedules", seen=made.headers["etag"], json=soon).json()
        assert (waits["due_at"], waits["state"]) == ("2026-12-01T08:00:00Z", "waiting")
        ended = call.post("/stores/lodge/schedules/cancel", json={"id": waits["id"]})
        assert ended.json()["state"] == "cancelled"
        assert [one["state"] for one in call.get("/stores/lodge/schedules")["schedules"]] == [
            "cancelled"
        ]
        page = call.get("/stores/lodge/versions?limit=2")
        assert [one["number"] for one in page["versions"]] == [3, 2]
        rest = call.get(f"/stores/lodge/versions?limit=2&before={page['before']}")
        assert ([one["number"] for one in rest["versions"]], rest["before"]) == ([1], None)
        assert call.get("/stores/lodge/versions/2")["config"] == box
        assert [who for who, *_ in acts(call, "publishing")] == [OWNER] * 3

    def test_a_bad_body_is_refused_and_changes_nothing(self, call):
        seen, kind = call.tag(DRAFT), {"content-type": "application/json"}
        for content, status, code in BAD:
            answer = call.put(DRAFT, seen=seen, content=content, headers=kind)
            assert (answer.status_code, answer.json()["error"]) == (status, code), content[:40]
            assert set(answer.json()) == {"error", "detail"}
        assert call.tag(DRAFT) == seen

    def test_a_file_with_faults_names_all_of_them(self, call):
        text = 'key = "summit"\nname = 3\norigin = "x"\n'
        answer = call.put(DRAFT, seen=call.tag(DRAFT), content=text, headers=TOML)
        assert answer.status_code == 422
        detail = answer.json()["detail"]
        assert "name: found 3" in detail
        assert "origin: unknown, perhaps origins" in detail
        assert "origins: missing" in detail

    @pytest.mark.parametrize("path", [DRAFT, "/groups/outdoor/template"])
    def test_a_file_without_end_is_refused_like_any_other(self, call, path):
        for text in ("a." * 50_000 + "b = 1", "a = " + "9" * 5000, "a = " + "[" * 5000):
            answer = call.put(path, seen="*", content=text, headers=TOML)
            assert (answer.status_code, answer.json()["error"]) == (422, "malformed_file")

    def test_another_media_type_or_an_unknown_parameter_is_refused(self, call):
        seen = call.tag(DRAFT)
        answer = call.put(DRAFT, seen=seen, content="a", headers={"content-type": "text/plain"})
        assert (answer.status_code, answer.json()["error"]) == (415, "unsupported_type")
        answer = call("/stores?stores=summit")
        assert (answer.status_code, answer.json()["error"]) == (400, "bad_filter")
        assert call("/stores?limit=501").status_code == 400
        assert call("/rates?place=%00").status_code == 400

    def test_nobody_approves_or_reviews_by_writing_it_into_a_draft(self, call):
        rule = RegionRule("us-other", reason="a trial")
        claim = {"by": LAWYER, "on": "2026-01-01", "sha256": digest("DE", rule)}
        forged = {"regime": "us-other", "reason": "a trial", "approved": claim}
        content = {**call.get(DRAFT), "regions": {"DE": forged}}
        assert call.put(DRAFT, seen=call.tag(DRAFT), json=content).status_code == 200
        assert call.ask(lambda c: stores.draft(c, "summit")).regions["DE"].approved is None
        assert call.post("/stores/summit/publish", seen=call.tag(DRAFT)).status_code == 422

    def test_a_lawyer_approves_and_reviews_what_was_seen(self, call):
        call.put(DRAFT, seen=call.tag(DRAFT), content=storefile.to_toml(RICH), headers=TOML)
        rule = next(r for r in call.get("/stores/summit/rules")["rules"] if r["place"] == "DE")
        assert (rule["approved"], bool(rule["looser"])) == (False, True)
        word = {"rule": "DE", "reason": "a trial", "sha256": rule["sha256"]}
        other = {**word, "sha256": "0" * 64}
        assert call.post("/stores/summit/approvals", by=LAWYER, json=other).status_code == 422
        assert call.post("/stores/summit/approvals", json=word).status_code == 403
        given = call.post("/stores/summit/approvals", by=LAWYER, json=word)
        assert given.json() == {"rule": "DE", "by": LAWYER, "until": "2027-11-23"}
        [(pixel, sha256)] = call.get("/stores/summit/check")["unreviewed"].items()
        look = {"pixel": pixel, "sha256": sha256}
        assert call.post("/stores/summit/reviews", by=LAWYER, json=look).status_code == 200
        assert call.get("/stores/summit/check")["faults"] == []
        assert call.post("/stores/summit/publish", seen=call.tag(DRAFT)).status_code == 200
        [loose] = call.get("/looser")["looser"]
        assert (loose["store"], loose["by"], loose["state"]) == ("summit", LAWYER, "in force")
        assert acts(call, "approval") == [(LAWYER, "summit", "DE")]
        assert acts(call, "review") == [(LAWYER, "summit", "custom-heat-map")]

    def test_what_a_page_needs_and_which_law_holds(self, call):
        assert "loader.js" in call.get("/stores/summit/snippet")["snippet"]
        assert call.get("/stores/summit/csp")["policy"]["script-src"]
        said = call.get("/explain?country=us&region=ca&gpc=true&store=summit")
        assert (said["regime"], said["signal"], said["purposes"]["marketing"]) == (
            "us-ca",
            True,
            False,
        )
        assert {one["state"] for one in said["pixels"]} != set()
        for query in ("country=USA", "country=US&region=ZZZZZ", "country=US&date=1200-01-01"):
            assert call(f"/explain?{query}").status_code == 400
        assert call("/explain").status_code == 400
        assert len(call.get("/regimes")["regimes"]) == len(call.client.app.services.regions.ids)
        assert "meta" in [one["key"] for one in call.get("/platforms")["platforms"]]

    def test_stores_are_found_and_paged(self, call):
        page = call.get("/stores?limit=1")
        assert ([one["key"] for one in page["stores"]], page["after"]) == (["harbor"], "harbor")
        rest = call.get("/stores?limit=1&after=harbor")
        assert ([one["key"] for one in rest["stores"]], rest["after"]) == (["summit"], None)
        assert [one["key"] for one in call.get("/stores?q=BOOKS")["stores"]] == ["harbor"]

    def test_only_pages_of_the_store_are_looked_at(self, call):
        answer = call.post("/stores/summit/scan", json={"url": "https://summit.example.evil/"})
        assert (answer.status_code, answer.json()["error"]) == (422, "elsewhere")


class TestGroups:
    def test_a_template_is_put_previewed_and_applied(self, call):
        group = Group("outdoor", "Outdoor", Template(regions={"*": RegionRule(layout="box")}))
        path, text = "/groups/outdoor/template", storefile.group_to_toml(group)
        made = call.put(path, seen=None, content=text, headers=TOML)
        assert made.status_code == 201, made.text
        assert call.get(path) == storefile.plain_group(group)
        shown = call(path, headers={"accept": "application/toml"})
        assert storefile.parse_group(shown.text, "group") == group
        assert call.put(path, seen='"0"', json=call.get(path)).status_code == 412
        plan = call.post("/groups/outdoor/apply", json={"stores": ["summit", "harbor"]}).json()
        assert [bool(one["changes"]) for one in plan["stores"]] == [True, True]
        assert {one["version"] for one in plan["stores"]} == {None}
        chosen = {"stores": ["summit", "harbor"], "dry_run": False}
        blind = call.post("/groups/outdoor/apply", json={**chosen, "seen": "0" * 64})
        assert blind.status_code == 412
        done = call.post("/groups/outdoor/apply", json={**chosen, "seen": plan["seen"]}).json()
        assert [one["version"] for one in done["stores"]] == [2, 2]
        assert [one["stores"] for one in call.get("/groups")["groups"]] == [2]

    def test_a_lawyer_of_all_stores_approves_for_a_template(self, call):
        rule = RegionRule("us-other")
        body = {"key": "out", "name": "Out", "regions": {"DE": {"regime": "us-other"}}}
        assert call.put("/groups/out/template", seen=None, json=body).status_code == 201
        word = {"rule": "DE", "reason": "a trial", "sha256": digest("DE", rule)}
        path = "/groups/out/approvals"
        assert call.post(path, by="lex@summit.example", json=word).status_code == 403
        assert call.post(path, by=LAWYER, json=word).json()["by"] == LAWYER


class TestLedger:
    def test_pages_go_through_all_records_once(self, call, story):
        seen, before = [], ""
        while before is not None:
            page = call.get(f"/ledger?store=summit&limit=50{before}", by=LAWYER)
            assert (page["total"], page["exact"]) == (121, True)
            seen += [one["id"] for one in page["decisions"]]
            before = f"&before={page['before']}" if page["before"] else None
        assert len(seen) == 121
        assert set(seen) == {str(one) for one in (*story.summit, story.hostile)}

    def test_filters_are_those_of_the_page(self, call):
        page = call.get("/ledger?place=DE&choice=none&from=2026-11-01", by=LAWYER)
        assert page["decisions"]
        assert {one["place"]["country"] for one in page["decisions"]} == {"DE"}
        assert not any(any(one["grants"].values()) for one in page["decisions"])
        answer = call("/ledger?place=Atlantis&from=yesterday", by=LAWYER)
        assert answer.status_code == 400
        assert "place: found 'Atlantis'" in answer.json()["detail"]

    def test_one_decision_and_its_visitor_are_told_and_noted(self, call, story):
        id_ = story.summit[3]
        found = call.get(f"/ledger/{id_}", by=LAWYER)
        assert (found["record"]["id"], found["sealed"]) == (str(id_), False)
        visitor = found["record"]["visitor"]
        story_of = call.get(f"/ledger/visitors/{visitor}", by=LAWYER)
        assert str(id_) in [one["id"] for one in story_of["decisions"]]
        call.get(f"/ledger?visitor={visitor}", by=LAWYER)
        assert acts(call, "look_up") == [(LAWYER, "summit", str(id_))]
        assert [subject for *_, subject in acts(call, "history")] == [visitor] * 2
        assert call(f"/ledger/{uuid.uuid4()}", by=LAWYER).status_code == 404
        assert call("/ledger/nothing", by=LAWYER).status_code == 404

    def test_a_visitor_is_erased_and_what_is_left_says_so(self, call, story):
        id_ = story.summit[0]
        visitor = call.get(f"/ledger/{id_}", by=LAWYER)["record"]["visitor"]
        body = {"visitor": visitor, "reason": "asked by letter in May"}
        path = "/stores/summit/erasures"
        assert call.post(path, by="mia@example.com", json=body).status_code == 403
        assert call.post("/stores/harbor/erasures", by=LAWYER, json=body).status_code == 404
        assert call.post(path, by=LAWYER, json=body).json()["n"] >= 1
        gone = call(f"/ledger/{id_}", by=LAWYER)
        assert (gone.status_code, gone.json()["error"]) == (410, "erased")
        assert visitor not in gone.text
        assert call(f"/ledger/{id_}", by="lex@summit.example").status_code == 410
        assert call.get(f"/ledger/visitors/{visitor}", by=LAWYER)["decisions"] == []

    def test_a_receipt_file_verifies_offline(self, call, story):
        path = f"/ledger/{story.summit[0]}/receipt"
        assert call(path, by=LAWYER).json()["error"] == "not_sealed"
        call.client.portal.call(call.client.app.services.sealer.seal_all)
        file = evidence.read(call(path, by=LAWYER).content)
        keys = call.ask(seals.keys)
        assert all(check.holds for check in evidence.verify(file, keys))
        log = call.get("/log", by=LAWYER)
        assert (log["records"], log["sealed"], log["waiting"]) == (133, 133, 0)
        assert acts(call, "export") == [(LAWYER, "summit", str(story.summit[0]))]

    def test_the_export_is_the_one_of_the_command_line_and_goes_on(self, call):
        whole = call("/ledger/export?store=summit", by=LAWYER)
        assert whole.headers["content-type"] == "application/jsonl"

        async def pieces():
            found, until = b"", 10_000
            filter_ = LedgerFilter(stores=("summit",))
            database = call.client.app.services.database
            async for piece in export.pieces(database, filter_, "jsonl", until=until):
                found += piece.content
            return found

        assert whole.content == call.client.portal.call(pieces)
        lines = whole.content.splitlines(keepends=True)
        after = json.loads(lines[99])["seq"]
        rest = call(f"/ledger/export?store=summit&after={after}", by=LAWYER)
        assert rest.content == b"".join(lines[100:])
        assert [subject for *_, subject in acts(call, "export")] == ["records"] * 2
        assert len(hashlib.sha256(lines[0].rstrip()).digest()) == 32


class TestFigures:
    def test_a_store_without_an_experiment_has_none(self, call):
        assert call.get("/stores/summit/experiments") == {"experiments": []}
        assert call("/stores/nosuch/experiments").status_code == 404

    def test_rates_and_coverage_are_those_of_the_pages(self, call):
        found = call.get("/rates?store=summit&days=7&by=device")
        total = found["total"]
        assert total["visits"] == sum(one["n"] for one in total["outcomes"].values())
        assert sum(one["visits"] for one in found["days"]) == total["visits"]
        assert [one["key"] for one in found["groups"]] == ["phone"]
        only = call.get("/rates?store=summit&days=7&place=DE")
        assert 0 < only["total"]["visits"] < total["visits"]
        assert call("/rates?days=8").status_code == 400
        assert call("/rates?by=weather").status_code == 400
        covered = call.get("/coverage?store=summit&days=7")
        assert {one["platform"] for one in covered["sums"]} == {"meta", "ga4", "google-ads"}


def test_the_activity_is_told_and_paged(call, story):
    for id_ in story.summit[:3]:
        call.get(f"/ledger/{id_}", by=LAWYER)
    page = call.get("/activity?what=look_up&limit=2")
    assert [one["subject"] for one in page["acts"]] == [str(i) for i in story.summit[2:0:-1]]
    rest = call.get(f"/activity?what=look_up&limit=2&before={page['before']}")
    assert ([one["subject"] for one in rest["acts"]], rest["before"]) == (
        [str(story.summit[0])],
        None,
    )
    assert call.get("/activity?by=mia@example.com")["acts"] == []


def test_nothing_is_told_that_cannot_be_noted(call, story, monkeypatch):
    async def full(*args, **more):
        raise OSError

    monkeypatch.setattr(activity, "add", full)
    answer = call(f"/ledger/{story.summit[0]}", by=LAWYER)
    assert answer.status_code == 503
    assert str(story.summit[0]) not in answer.text


def test_a_store_config_has_no_field_that_a_file_lacks():
    config = StoreConfig("a", "A", ("https://a.example",))
    assert storefile.read(storefile.plain(config), "store") == config


class TestPeople:
    def test_somebody_is_invited_given_and_taken_roles_and_disabled(self, call):
        body = {"email": "New@x.example", "role": "marketer", "store": "summit"}
        made = call.post("/invitations", json=body)
        assert "/admin/invitation/" in made.json()["link"]
        (waits,) = call.get("/invitations")["invitations"]
        assert (waits["email"], waits["role"]["store"]) == ("new@x.example", "summit")
        assert call.post("/invitations/withdraw", json={"id": waits["id"]}).status_code == 200
        assert call.post("/invitations/withdraw", json={"id": waits["id"]}).status_code == 404
        mia = next(one for one in call.get("/users")["users"] if one["email"] == "mia@example.com")
        path, role = f"/users/{mia['id']}", {"role": "legal", "group": None, "store": "harbor"}
        given = call.post(f"{path}/grant", json=role).json()["roles"]
        assert {(one["role"], one["store"]) for one in given} == {
            ("legal", "harbor"),
            ("marketer", None),
        }
        assert len(call.post(f"{path}/revoke", json=role).json()["roles"]) == 1
        assert call.post(f"{path}/disable").json()["disabled"] is True
        assert call("/me", by="mia@example.com").status_code == 401
        assert call.post(f"{path}/enable").json()["disabled"] is False
        assert [who for who, *_ in acts(call, "user")] == [OWNER] * 4

    def test_an_owner_of_one_store_gives_nothing_beyond_it_and_the_last_owner_stays(self, call):
        mine = "owner@summit.example"
        seen = {one["email"]: one for one in call.get("/users", by=mine)["users"]}
        assert "owner@example.com" not in seen
        assert seen["mia@summit.example"]["whole"] is True
        for role in ({"role": "owner"}, {"role": "legal", "store": "harbor"}):
            body = {"email": "friend@x.example", **role}
            assert call.post("/invitations", by=mine, json=body).status_code == 404
            answer = call.post(f"/users/{seen[mine]['id']}/grant", by=mine, json=role)
            assert answer.status_code == 404
        both = {"role": "legal", "store": "summit", "group": "x"}
        assert call.post(f"/users/{seen[mine]['id']}/grant", json=both).status_code == 422
        boss = next(one for one in call.get("/users")["users"] if one["email"] == OWNER)
        last = call.post(f"/users/{boss['id']}/revoke", json={"role": "owner"})
        assert last.json()["error"] == "last_owner"
        assert call.post(f"/users/{boss['id']}/disable").json()["error"] == "own_account"


class TestProofs:
    def test_an_evidence_pack_of_one_decision_and_what_retention_erases(self, call, story):
        id_ = str(story.summit[-1])
        answer = call(f"/ledger/{id_}/evidence")
        assert answer.headers["content-type"] == "application/zip"
        with zipfile.ZipFile(io.BytesIO(answer.content)) as pack:
            assert any(id_ in name or "record" in name for name in pack.namelist())
        assert acts(call, "evidence")
        none = call("/ledger/evidence?from=2030-01-01")
        assert none.status_code in (404, 422)
        due = call.get("/retention")["stores"]
        assert {one["store"]: one["records"] for one in due} == {"harbor": 0, "summit": 0}
        mine = call.get("/retention", by="owner@summit.example")["stores"]
        assert [one["store"] for one in mine] == ["summit"]


def test_all_stores_at_a_glance_and_the_own_ones_alone(call):
    harbor, summit = call.get("/overview")["stores"]
    assert (harbor["key"], summit["key"]) == ("harbor", "summit")
    assert summit["visits"] > summit["declined"] > 0
    assert len(summit["trend"]) == 12
    mine = call.get("/overview", by="mia@summit.example")["stores"]
    assert mine == [summit]
