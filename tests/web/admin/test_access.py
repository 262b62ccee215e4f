import datetime as dt
import uuid
from pathlib import Path

import msgspec
import pytest

from consent.geo import Failure, Geo, PlaceFacts
from tests.web.admin.stage import NOW, ORIGIN, rows, soup


class TestHeaders:
    @pytest.mark.parametrize(
        "path", ["/admin/login", "/admin/", "/admin/rates", "/admin/nothing", "/admin/rates.csv"]
    )
    def test_every_answer_is_strict_and_kept_by_no_cache(self, signed_in, path):
        headers = signed_in("owner@example.com").get(path).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"

    def test_static_files_are_addressed_by_their_hash_and_cached_for_ever(self, client):
        page = soup(client.get("/admin/login"))
        links = [link["href"] for link in page.find_all("link", rel="stylesheet")]
        for link in [*links, page.find("script")["src"]]:
            answer = client.get(link)
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]

    @pytest.mark.parametrize(
        "path",
        [
            *("/admin/rates", "/admin/ledger", "/admin/stores", "/admin/rates?plot=share"),
            *("/admin/pixels", "/admin/stores/summit/pixels", "/admin/stores/summit/pixels/add"),
            "/admin/stores/summit/pixels/add?platform=google-ads",
            "/admin/stores/summit/pixels/one?platform=meta&id=123456789012345",
        ],
    )
    def test_nothing_in_a_page_is_inline_script_or_style(self, signed_in, path):
        page = soup(signed_in("owner@example.com").get(path))
        assert all(script.get("src") and not script.string for script in page.find_all("script"))
        assert not page.find("style")
        for tag in page.find_all(True):
            assert "style" not in tag.attrs
            assert not [name for name in tag.attrs if name.startswith("on")]

    def test_the_footer_says_where_the_places_come_from(self, signed_in):
        page = soup(signed_in("owner@example.com").get("/admin/rates"))
        assert page.footer.find("a", href="https://db-ip.com").text == "IP Geolocation by DB-IP"


class TestRoles:
    PAGES = (
        *("/admin/rates", "/admin/rates.csv", "/admin/ledger", "/admin/stores"),
        *("/admin/activity", "/admin/pixels", "/admin/stores/summit/pixels"),
    )
    PIXELS = {"pixels", "stores/summit/pixels"}

    @pytest.mark.parametrize(
        ("email", "opens"),
        [
            ("owner@example.com", {"rates", "rates.csv", "ledger", "activity", "stores"} | PIXELS),
            ("dev@example.com", {"rates", "rates.csv", "ledger", "stores"} | PIXELS),
            ("mia@example.com", {"rates", "rates.csv"} | PIXELS),
            ("lex@example.com", {"ledger", "activity"} | PIXELS),
        ],
    )
    def test_each_role_opens_its_own_pages_and_no_other(self, signed_in, story, email, opens):
        client = signed_in(email)
        for path in self.PAGES:
            expected = 200 if path.removeprefix("/admin/") in opens else 403
            assert client.get(path).status_code == expected, path
        decision = client.get(f"/admin/ledger/{story.summit[0]}")
        assert decision.status_code == (200 if "ledger" in opens else 403)

    def test_everyone_lands_on_the_own_work_and_is_offered_nothing_else(self, signed_in):
        for email, home, names in (
            (
                "mia@example.com",
                "/admin/rates",
                ["Decline rates", "Signal coverage", "Regions", "Pixels"],
            ),
            (
                "lex@example.com",
                "/admin/ledger",
                ["Ledger", "Activity", "Regions", "Groups", "Pixels"],
            ),
            (
                "owner@example.com",
                "/admin/rates",
                [
                    *("Decline rates", "Signal coverage", "Ledger", "Activity", "Regions"),
                    "Groups",
                    *("Pixels", "Stores", "Users"),
                ],
            ),
        ):
            client = signed_in(email)
            assert client.get("/admin/").headers["location"] == home
            page = soup(client.get(home))
            links = page.find("nav", {"aria-label": "Pages"}).find_all("a")
            assert [link.text.strip() for link in links] == names

    @pytest.mark.parametrize(
        "path", ["/admin/", "/admin/rates", "/admin/ledger", "/admin/stores", "/admin/rates.csv"]
    )
    def test_a_stranger_is_sent_to_sign_in(self, client, path):
        assert client.get(path).headers["location"].startswith("/admin/login")

    def test_a_stranger_cannot_tell_which_pages_exist(self, client, story):
        for path in ("/admin/nothing", f"/admin/ledger/{story.summit[0]}"):
            assert client.get(path).headers["location"].startswith("/admin/login")

    def test_an_address_without_a_page_says_so(self, signed_in):
        answer = signed_in("owner@example.com").get("/admin/nothing")
        assert answer.status_code == 404
        assert "There is nothing here" in answer.text


class TestTenants:
    def test_a_store_bound_user_never_sees_another_store(self, signed_in, story):
        client = signed_in("owner@summit.example")
        for path in (
            "/admin/rates?store=harbor",
            "/admin/rates.csv?store=harbor",
            "/admin/ledger?store=harbor",
            f"/admin/ledger/{story.harbor[0]}",
            f"/admin/ledger/{story.harbor[0]}/shown",
            "/admin/ledger/export?store=harbor",
            "/admin/activity?store=harbor",
            "/admin/stores/harbor/pixels",
            "/admin/stores/harbor/pixels/add?platform=meta",
            "/admin/stores/harbor/pixels/one?platform=ga4&id=G-HARBOR1234",
        ):
            assert client.get(path).status_code == 404, path

    def test_another_store_answers_like_one_that_is_not_there(self, signed_in, story):
        client = signed_in("owner@summit.example")
        for there, nowhere in (
            ("/admin/rates?store=harbor", "/admin/rates?store=hrabor"),
            (f"/admin/ledger/{story.harbor[0]}", f"/admin/ledger/{uuid.uuid4()}"),
            ("/admin/stores/harbor/pixels", "/admin/stores/hrabor/pixels"),
        ):
            found, missing = client.get(there), client.get(nowhere)
            assert found.status_code == missing.status_code == 404
            assert found.text.replace("harbor", "") == missing.text.replace("hrabor", "")

    @pytest.mark.parametrize(
        "path",
        [
            "/admin/rates",
            "/admin/ledger",
            "/admin/stores",
            "/admin/activity",
            "/admin/ledger/export",
        ],
    )
    def test_no_page_names_the_other_store(self, signed_in, path):
        text = signed_in("owner@summit.example").get(path).text
        assert "arbor" not in text
        assert "ummit" in text

    def test_the_own_store_alone_is_counted(self, signed_in):
        own = soup(signed_in("lex@summit.example").get("/admin/ledger"))
        all_ = soup(signed_in("lex@example.com").get("/admin/ledger"))
        assert own.find(id="found").text == "121 decisions"
        assert all_.find(id="found").text == "133 decisions"
        lines = {
            who: rows(signed_in(who).get("/admin/rates.csv?days=7").text)
            for who in ("mia@summit.example", "mia@example.com")
        }
        bound, everything = lines["mia@summit.example"], lines["mia@example.com"]
        assert 0 < int(bound[0]["visits"]) < int(everything[0]["visits"])


class TestStores:
    def test_each_store_has_its_snippet_to_copy(self, signed_in):
        client = signed_in("dev@example.com")
        composer = client.app.services.composer
        for key in ("harbor", "summit"):
            page = soup(client.get(f"/admin/stores/{key}"))
            assert [pre.text for pre in page.find_all("pre")] == [composer.snippet(key, ORIGIN)]

    def test_the_place_databases_age_stands_in_one_line(self, signed_in, monkeypatch):
        client = signed_in("dev@example.com")

        def line() -> str:
            return " ".join(soup(client.get("/admin/stores")).find(id="places").text.split())

        said = line()
        assert said.startswith("Places: Pixelgate-Places-City of 5 June 2026, 171 days old, IP Geo")
        assert said.endswith("IP Geolocation by DB-IP. consent geo update fetches the newest.")
        young = PlaceFacts(
            kind="GeoLite2-City",
            built_at=NOW - dt.timedelta(days=1),
            age_days=1,
            path=Path("places.mmdb"),
            shipped=False,
            credit=("GeoLite Data by MaxMind", "https://www.maxmind.com"),
            failure=None,
        )
        monkeypatch.setattr(Geo, "database", young)
        said = "Places: GeoLite2-City of 22 November 2026, 1 day old, GeoLite Data by MaxMind."
        assert line() == said
        failure = Failure(NOW, "is gone; expected a MaxMind DB file")
        monkeypatch.setattr(Geo, "database", msgspec.structs.replace(young, failure=failure))
        assert line().startswith(
            f"{said} Not replaced on 23 November 2026: the file is gone; expected a MaxMind DB"
        )

    def test_each_published_store_opens_its_debug_view_in_a_window_of_its_own(self, signed_in):
        page = soup(signed_in("dev@example.com").get("/admin/stores/harbor"))
        links = page.find_all("a", string=lambda text: text and text.startswith("Open debug view"))
        assert [link["href"] for link in links] == ["https://harbor.example/?pixelgate=debug"]
        assert {(link["target"], *link["rel"]) for link in links} == {("_blank", "noopener")}
