"""The regions page and the page of a place: the law, a store's rules, what a visitor sees."""

import msgspec
import pytest
from starlette.testclient import TestClient

from consent import approve
from consent.model import Pixel, RegionRule
from consent.web.admin import worldmap
from tests.web.admin.drafts import set_draft, told
from tests.web.admin.seed import SUMMIT
from tests.web.admin.stage import HOSTILE, NOW, soup, write

BASE = "/admin/regions?store=summit"


def names(page) -> list[str]:
    return [row.find("a").text for row in page.select("table.places tbody tr")]


def row(page, name: str):
    return next(one for one in page.select("table.places tbody tr") if one.find("a").text == name)


def cells(page, pixel: str) -> list[str]:
    line = page.find("th", string=lambda text: text and pixel in text) or next(
        th for th in page.select("table.fires th[scope=row]") if pixel in th.text
    )
    return [cell.find("span").text for cell in line.find_parent("tr").find_all("td")]


class TestTable:
    def test_every_place_is_there_with_its_law_and_leads_to_its_page(self, signed_in):
        client = signed_in("owner@example.com")
        page = soup(client.get(BASE))
        codes = [one.text for one in page.select("table.places .code")]
        assert len(codes) == len(set(codes)) > 300
        oregon = row(page, "Oregon")
        assert "Opt-out" in oregon.text
        assert "ORS 646A" in oregon.text
        assert client.get(oregon.find("a")["href"]).status_code == 200
        for name in ("Malta", "Liechtenstein", "Åland Islands", "Réunion", "Québec"):
            assert name in names(page)

    def test_it_is_filtered_without_script(self, editor):
        client = editor("owner@example.com")
        set_draft(client, regions={"US-OR": RegionRule(regime="eea")})
        for query, among, not_among in (
            ("q=oregon", "Oregon", "Texas"),
            ("q=quebec", "Québec", "Germany"),
            ("q=us-or", "Oregon", "Germany"),
            ("group=@eea", "Iceland", "Switzerland"),
            ("model=opt-out", "Texas", "Germany"),
            ("only=coming", "Oklahoma", "California"),
            ("only=own", "Oregon", "Texas"),
            ("q=o&group=@us&model=opt-in", "Oregon", "Ohio"),
        ):
            found = names(soup(client.get(f"{BASE}&{query}")))
            assert among in found, query
            assert not_among not in found, query

    def test_nothing_that_fits_says_so(self, signed_in):
        page = soup(signed_in("owner@example.com").get(f"{BASE}&q=atlantis"))
        assert "No place fits this filter" in page.text

    @pytest.mark.parametrize("query", ["model=loose", "group=@nowhere", "only=x", "map=moon"])
    def test_a_filter_that_there_is_not_is_refused(self, signed_in, query):
        answer = signed_in("owner@example.com").get(f"{BASE}&{query}")
        assert answer.status_code == 400
        assert "expected" in answer.text

    def test_a_search_is_text(self, signed_in):
        answer = signed_in("owner@example.com").get(BASE, params={"q": HOSTILE, "store": "summit"})
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text

    def test_without_a_store_it_is_the_shipped_law(self, signed_in):
        page = soup(signed_in("lex@example.com").get("/admin/regions"))
        assert "The shipped law, place by place" in page.text
        assert page.find("h2", string="Rules of Summit Outdoor") is None

    def test_an_override_is_marked_in_the_table_and_on_the_map(self, editor):
        client = editor("owner@example.com")
        set_draft(client, regions={"US-OR": RegionRule(regime="eea")})
        page = soup(client.get(f"{BASE}&map=north-america"))
        assert "Own rule" in row(page, "Oregon").text
        assert "Own rule" not in row(page, "Texas").text
        signs = page.select("svg.map circle.own")
        assert [sign.parent["href"] for sign in signs] == ["/admin/regions/US-OR?store=summit"]

    def test_the_live_version_is_shown_beside_the_draft(self, editor):
        client = editor("owner@example.com")
        set_draft(client, regions={"US-OR": RegionRule(regime="eea")})
        assert "Own rule" not in soup(client.get(f"{BASE}&state=live")).find(id="place-rows").text
        assert "It differs from version 1" in client.get(BASE).text

    def test_the_map_repeats_the_table_and_is_hidden_from_readers(self, signed_in):
        for view in worldmap.VIEWS:
            page = soup(signed_in("owner@example.com").get(f"{BASE}&map={view}"))
            drawn = page.select_one("svg.map")
            assert drawn["aria-hidden"] == "true"
            links = drawn.find_all("a")
            assert len(links) > 60
            assert {link["tabindex"] for link in links} == {"-1"}
            listed = {one["href"] for one in page.select("table.places a")}
            assert {link["href"] for link in links} <= listed


class TestPlace:
    def test_the_law_says_why_what_and_where_from(self, signed_in):
        page = soup(signed_in("lex@example.com").get("/admin/regions/US-OR?store=summit"))
        law = told(page, "The law").text
        assert "Oregon has had its own opt-out law since 2024-07-01" in law
        assert "A permanent link to opt out of sale and sharing" in law
        assert "The law demands that Global Privacy Control is honoured" in law
        assert "365 days after consent" in law

    def test_what_fires_is_told_for_each_pixel_with_and_without_gpc(self, signed_in):
        client = signed_in("mia@example.com")
        oregon = soup(client.get("/admin/regions/US-OR?store=summit"))
        assert cells(oregon, "Meta Pixel") == ["Runs", "Stopped", "Runs", "Stopped"]
        assert cells(oregon, "Google Analytics 4") == ["Runs", "Runs", "Runs", "Stopped"]
        germany = soup(client.get("/admin/regions/DE?store=summit"))
        assert cells(germany, "Meta Pixel") == ["Held", "Held", "Runs", "Stopped"]

    def test_a_rule_that_shuts_a_pixel_out_is_named(self, editor):
        client = editor("owner@example.com")
        rules = {
            "DE": RegionRule(pixels=("ga4",)),
            "FR": RegionRule(purposes=("analytics",)),
        }
        set_draft(client, regions=rules)
        page = soup(client.get("/admin/regions/DE?store=summit"))
        assert cells(page, "Meta Pixel") == ["Not here"] * 4
        assert "a rule does not allow it here" in page.text
        page = soup(client.get("/admin/regions/FR?store=summit"))
        assert cells(page, "Google Ads") == ["Not here"] * 4
        assert "a rule does not offer marketing here" in page.text

    def test_what_a_lawyer_has_still_to_check_is_named(self, signed_in):
        law = told(soup(signed_in("lex@example.com").get("/admin/regions/FR")), "The law").text
        assert "Own statistics" in law
        assert "To be checked" in law

    def test_own_statistics_run_before_a_choice_where_legal_has_allowed_it(self, editor):
        client = editor("lex@example.com")
        own = Pixel("matomo", "3@stats.summit.example")
        rule = RegionRule(own_statistics=("matomo",))
        set_draft(client, pixels=(own,), regions={"FR": rule})
        page = soup(client.get("/admin/regions/FR?store=summit"))
        assert cells(page, "Matomo") == ["Held", "Held", "Runs", "Stopped"]
        write(
            client,
            lambda c: approve.allow(
                c, "summit", "FR", by="lex@example.com", reason="Our own figures.", now=NOW
            ),
        )
        page = soup(client.get("/admin/regions/FR?store=summit"))
        assert cells(page, "Matomo") == ["Runs", "Held", "Runs", "Stopped"]
        assert "own statistics, until a refusal" in page.text

    def test_another_day_has_its_own_law(self, signed_in):
        client = signed_in("owner@example.com")
        today = soup(client.get("/admin/regions/US-OK?store=summit"))
        assert "1 January 2027" in told(today, "What is coming").text
        later = soup(client.get("/admin/regions/US-OK?store=summit&date=2027-01-01"))
        assert "OCDPA" in told(later, "The law").text
        assert "OCDPA" not in told(today, "The law").text

    def test_view_as_leads_to_the_place_with_all_that_was_chosen(self, signed_in):
        client = signed_in("owner@example.com")
        query = "store=summit&place=DE&date=2027-01-01&language=de&device=phone&gpc=on&state="
        answer = client.get(f"/admin/regions/view?{query}")
        assert answer.status_code == 303
        page = soup(client.get(answer.headers["location"]))
        assert page.find("h1").text.startswith("Germany")
        assert page.select_one(".screen.phone iframe")["sandbox"] == ["allow-scripts"]
        chosen = {one["name"]: one.find("option", selected=True) for one in page.select("select")}
        assert chosen["language"]["value"] == "de"
        assert page.find("input", {"name": "gpc"}).has_attr("checked")
        assert page.find("input", {"name": "date"})["value"] == "2027-01-01"

    def test_the_unknown_place_has_a_page(self, signed_in):
        page = soup(signed_in("owner@example.com").get("/admin/regions/unknown?store=summit"))
        assert page.find("h1").text == "Unknown place"
        assert "strictest" in told(page, "The law").text

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/admin/regions/XX?store=summit", 404),
            ("/admin/regions/US-ZZ?store=summit", 404),
            ("/admin/regions/DE?store=nowhere", 404),
            ("/admin/regions/DE?store=summit&date=2027-02-30", 400),
            ("/admin/regions/DE?store=summit&language=tlh", 400),
            ("/admin/regions/DE?store=summit&device=fridge", 400),
            ("/admin/regions/view?store=summit&place=Atlantis", 404),
            ("/admin/regions/DE/preview", 404),
            ("/admin/regions/DE?store=lodge&state=live", 404),
        ],
    )
    def test_what_there_is_not_is_refused(self, signed_in, path, status):
        assert signed_in("owner@example.com").get(path).status_code == status


class TestPreview:
    def preview(self, client: TestClient, path: str):
        page = soup(client.get(path))
        answer = client.get(page.select_one("iframe")["src"])
        assert answer.status_code == 200
        return answer

    def test_it_stands_in_a_sandbox_with_no_way_out(self, signed_in):
        answer = self.preview(signed_in("owner@example.com"), "/admin/regions/DE?store=summit")
        policy = answer.headers["content-security-policy"]
        assert "sandbox allow-scripts;" in policy
        assert "default-src 'none'" in policy
        assert "connect-src" not in policy
        assert "frame-ancestors 'self'" in policy
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"

    def test_every_other_page_stays_out_of_frames(self, signed_in):
        answer = signed_in("owner@example.com").get("/admin/regions/DE?store=summit")
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"

    def test_no_pixel_is_in_it(self, signed_in):
        text = self.preview(signed_in("owner@example.com"), "/admin/regions/DE?store=summit").text
        assert "connect.facebook.net" not in text

    def test_a_logo_is_taken_from_the_shop(self, editor):
        client = editor("owner@example.com")
        banner = msgspec.structs.replace(SUMMIT.banner, logo="/logo.svg")
        set_draft(client, banner=banner)
        answer = self.preview(client, "/admin/regions/DE?store=summit")
        assert "img-src data: https://summit.example;" in answer.headers["content-security-policy"]

    def test_what_is_no_origin_adds_nothing_to_the_policy(self, editor):
        client = editor("owner@example.com")
        set_draft(client, origins=("https://a.example; connect-src *", "https://b.example"))
        answer = self.preview(client, "/admin/regions/DE?store=summit")
        policy = answer.headers["content-security-policy"]
        assert "img-src data: https://b.example;" in policy
        assert "connect-src" not in policy

    def test_a_stores_own_words_cannot_leave_their_place(self, editor):
        client = editor("owner@example.com")
        set_draft(client, name=HOSTILE, texts={"en": {"banner.title": HOSTILE}})
        assert "<script>alert" not in self.preview(client, "/admin/regions/DE?store=summit").text


class TestTenants:
    def test_a_store_bound_user_sees_that_store_alone(self, signed_in):
        client = signed_in("owner@summit.example")
        assert "Rules of Summit Outdoor" in client.get("/admin/regions").text
        for path in (
            "/admin/regions?store=harbor",
            "/admin/regions/DE?store=harbor",
            "/admin/regions/DE/preview?store=harbor",
            "/admin/stores/harbor/rule?for=DE",
            "/admin/stores/harbor/publish",
            "/admin/stores/harbor/rollback?to=1",
            "/admin/versions?store=harbor",
            "/admin/regions/looser?store=harbor",
        ):
            assert client.get(path).status_code == 404, path
        for path in ("/admin/regions", "/admin/regions/DE", "/admin/versions", "/admin/groups"):
            assert "arbor" not in client.get(path).text, path
