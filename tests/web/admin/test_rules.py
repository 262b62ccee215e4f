"""A store's region rules in the admin: set, looked at, allowed by legal, removed, reported."""

import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from consent.model import Pixel, RegionRule
from tests.web.admin.drafts import beside, kept, set_draft, told
from tests.web.admin.seed import SUMMIT
from tests.web.admin.stage import HERE, HOSTILE, soup

RULE = "/admin/stores/summit/rule"
EEA = {"for": "US-OR", "regime": "eea"}
LOOSE = {"for": "CH", "regime": "us-other", "reason": "It ships to business customers alone."}


def look(client: TestClient, **fields: str):
    """The page that says what the rule would change."""
    return soup(client.post(RULE, data=fields, headers=HERE))


def save(client: TestClient, fields: dict[str, str]):
    seen = look(client, **fields).find("button", {"name": "seen"})["value"]
    return client.post(RULE, data={**fields, "seen": seen}, headers=HERE)


def rules(client: TestClient) -> dict[str, RegionRule]:
    return kept(client)[0].regions


class TestForm:
    def test_what_a_rule_changes_is_told_before_it_is_saved(self, signed_in):
        client = signed_in("owner@example.com")
        page = look(client, **EEA)
        effect = told(page, "What this changes")
        assert effect.find("h3").text == "Oregon"
        lines = [[c.text for c in row.find_all(["th", "td"])] for row in effect.select("tbody tr")]
        assert ["Model", "opt-out", "opt-in"] in lines
        assert rules(client) == {}

    def test_it_is_saved_in_the_draft_once_it_was_seen(self, editor):
        client = editor("dev@example.com")
        answer = save(client, EEA)
        assert answer.status_code == 303
        assert rules(client) == {"US-OR": RegionRule(regime="eea")}
        assert kept(client)[1].config.regions == {}
        assert "Saved in the draft" in soup(client.get(answer.headers["location"])).text

    def test_what_was_not_seen_is_shown_and_not_saved(self, editor):
        client = editor("owner@example.com")
        seen = look(client, **EEA).find("button", {"name": "seen"})["value"]
        answer = client.post(RULE, data={**EEA, "refuse_days": "400", "seen": seen}, headers=HERE)
        assert "What this changes" in soup(answer).text
        assert rules(client) == {}

    def test_every_field_is_kept_and_comes_back_in_the_form(self, editor):
        client = editor("owner@example.com")
        fields = {
            **{"for": "@eea", "regime": "", "accept_days": "90", "refuse_days": "400"},
            **{"layout": "dialog", "until": "2027-06-30", "reason": "We ask more."},
            **{"limit-purposes": "on", "purpose-analytics": "on"},
            **{"limit-pixels": "on", "pixel-ga4": "on"},
        }
        save(client, fields)
        rule = rules(client)["@eea"]
        assert (rule.accept_days, rule.refuse_days, rule.layout) == (90, 400, "dialog")
        assert (rule.purposes, rule.pixels) == (("analytics",), ("ga4",))
        assert str(rule.until) == "2027-06-30"
        form = soup(client.get(f"{RULE}?for=@eea")).find(id="rule")
        again = {
            field["name"]: field.get("value", "on")
            for field in form.find_all("input")
            if field.get("type") not in ("checkbox",) or field.has_attr("checked")
        }
        again |= {
            s["name"]: (s.find(selected=True) or {"value": ""})["value"] for s in form("select")
        }
        again["reason"] = form.find("textarea").text
        assert again == fields

    def test_own_statistics_are_offered_for_pixels_that_can_be_and_kept(self, editor):
        client = editor("owner@example.com")
        assert "Own statistics" not in soup(client.get(f"{RULE}?for=FR")).text
        matomo = Pixel("matomo", "3@stats.example.com")
        set_draft(client, pixels=(*SUMMIT.pixels, matomo))
        form = soup(client.get(f"{RULE}?for=FR")).find(id="rule")
        assert [box["name"] for box in form.select('[name^="own-"]')] == ["own-matomo"]
        fields = {
            "for": "FR",
            "regime": "",
            "limit-own": "on",
            "own-matomo": "on",
            "reason": "Memo",
        }
        assert "before a choice" in look(client, **fields).text
        save(client, fields)
        assert rules(client)["FR"].own_statistics == ("matomo",)
        page = soup(client.get(f"{RULE}?for=FR"))
        assert page.find("input", {"name": "own-matomo"}).has_attr("checked")
        assert "Waits for legal" in page.text

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"for": "DE", "accept_days": "0"}, "accept_days"),
            ({"for": "DE", "accept_days": "many"}, "accept_days"),
            ({"for": "DE", "refuse_days": "99999"}, "refuse_days"),
            ({"for": "DE", "regime": "nowhere"}, "regime"),
            ({"for": "DE", "layout": "popup"}, "layout"),
            ({"for": "DE", "regime": "eea", "until": "2020-01-01"}, "until"),
            ({"for": "DE", "regime": "eea", "until": "soon"}, "until"),
            ({"for": "DE", "reason": "none"}, "regime"),
        ],
    )
    def test_what_cannot_be_is_said_beside_its_field(self, signed_in, fields, field):
        client = signed_in("owner@example.com")
        answer = client.post(RULE, data=fields, headers=HERE)
        assert answer.status_code == 422
        page = BeautifulSoup(answer.text, "html.parser")
        assert beside(page, field)
        assert rules(client) == {}

    def test_what_is_typed_is_text(self, signed_in):
        client = signed_in("owner@example.com")
        answer = client.post(RULE, data={"for": "DE", "regime": HOSTILE}, headers=HERE)
        assert "<script>alert" not in answer.text

    @pytest.mark.parametrize("key", ["", "Atlantis", "@nowhere", "US-ZZ", HOSTILE])
    def test_a_rule_is_for_a_place_or_a_group(self, signed_in, key):
        client = signed_in("owner@example.com")
        assert client.get(RULE, params={"for": key}).status_code == 404
        answer = client.post(RULE, data={"for": key, "regime": "eea"}, headers=HERE)
        assert answer.status_code == 404

    def test_a_rule_is_removed(self, editor):
        client = editor("owner@example.com")
        set_draft(client, regions={"US-OR": RegionRule(regime="eea")})
        answer = client.post(f"{RULE}/remove", data={"for": "US-OR"}, headers=HERE)
        assert answer.status_code == 303
        assert rules(client) == {}
        again = client.post(f"{RULE}/remove", data={"for": "US-OR"}, headers=HERE)
        assert again.status_code == 404


class TestRoles:
    @pytest.mark.parametrize("email", ["mia@example.com", "lex@example.com"])
    def test_others_see_a_rule_and_change_none(self, editor, email):
        client = editor(email)
        set_draft(client, regions={"US-OR": RegionRule(regime="eea")})
        assert "Regime eea" in soup(client.get(f"{RULE}?for=US-OR")).text
        for path in ("", "/remove"):
            answer = client.post(f"{RULE}{path}", data=EEA, headers=HERE)
            assert answer.status_code == 403
        assert rules(client) == {"US-OR": RegionRule(regime="eea")}

    def test_a_post_from_elsewhere_changes_nothing(self, signed_in):
        client = signed_in("owner@example.com")
        for path in (RULE, f"{RULE}/remove", f"{RULE}/allow"):
            answer = client.post(path, data=EEA, headers={"Origin": "https://evil.example"})
            assert answer.status_code == 403

    def test_another_stores_rules_are_out_of_reach(self, signed_in):
        client = signed_in("owner@summit.example")
        answer = client.post("/admin/stores/harbor/rule", data=EEA, headers=HERE)
        assert answer.status_code == 404
        assert kept(client, "harbor")[0].regions == {}


class TestLooser:
    def allow(self, client: TestClient, **fields: str):
        page = soup(client.get(f"{RULE}?for=CH"))
        seen = page.find("input", {"name": "seen"})["value"]
        form = {"for": "CH", "seen": seen, "reason": "It ships to business alone.", **fields}
        return client.post(f"{RULE}/allow", data=form, headers=HERE)

    def test_it_is_said_that_it_waits_for_legal(self, editor):
        client = editor("owner@example.com")
        assert "This asks less than the law" in look(client, **LOOSE).text
        save(client, LOOSE)
        assert "Waits for legal" in soup(client.get(f"{RULE}?for=CH")).text
        assert "Waits for legal" in soup(client.get("/admin/regions/CH?store=summit")).text
        assert "It cannot be published yet" in client.get("/admin/stores/summit/publish").text

    def test_legal_allows_it_with_a_reason_and_an_end(self, editor):
        save(editor("owner@example.com"), LOOSE)
        client = editor("lex@example.com")
        assert self.allow(client, until="2027-06-30").status_code == 303
        rule = rules(client)["CH"]
        assert rule.approved.by == "lex@example.com"
        assert rule.reason == "It ships to business alone."
        page = soup(client.get(f"{RULE}?for=CH"))
        assert "lex@example.com allowed it" in told(page, "Allowed by legal").text
        assert "until 30 June 2027" in told(page, "Allowed by legal").text
        assert "Not live yet" in told(page, "Allowed by legal").text
        drawn = soup(client.get("/admin/regions?store=summit&map=europe"))
        assert [sign.parent["href"] for sign in drawn.select("svg.map polygon.looser")] == [
            "/admin/regions/CH?store=summit"
        ]

    def test_nobody_else_does_and_not_without_a_reason(self, editor):
        client = editor("owner@example.com")
        save(client, LOOSE)
        answer = client.post(f"{RULE}/allow", data={"for": "CH", "reason": "x"}, headers=HERE)
        assert answer.status_code == 403
        lawyer = editor("lex@example.com")
        assert self.allow(lawyer, reason=" ").status_code == 422
        assert self.allow(lawyer, until="2020-01-01").status_code == 422
        assert self.allow(lawyer, until="soon").status_code == 422
        assert self.allow(lawyer, seen="0" * 64).status_code == 422
        assert rules(lawyer)["CH"].approved is None

    def test_an_edit_ends_it_and_the_same_again_does_not(self, editor):
        save(editor("owner@example.com"), LOOSE)
        self.allow(editor("lex@example.com"))
        client = editor("owner@example.com")
        same = {**LOOSE, "reason": "It ships to business alone."}
        save(client, same)
        assert rules(client)["CH"].approved is not None
        save(client, {**same, "refuse_days": "400"})
        assert rules(client)["CH"].approved is None

    def test_all_of_them_are_in_one_report(self, editor):
        client = editor("owner@example.com")
        assert (
            "Every store keeps to the shipped law" in soup(client.get("/admin/regions/looser")).text
        )
        save(client, LOOSE)
        page = soup(client.get("/admin/regions/looser"))
        assert "'us-other' is opt-out, looser" in told(page, "Waiting for legal").text
        assert not page.select("tbody tr")
        self.allow(editor("lex@example.com"), until="2027-06-30")
        (line,) = soup(client.get("/admin/regions/looser?store=summit")).select("tbody tr")
        assert "Allowed, not live yet" in line.text
        assert "It ships to business alone." in line.text
        assert "30 Jun 2027" in line.text
        assert not soup(client.get("/admin/regions/looser?store=harbor")).select("tbody tr")
