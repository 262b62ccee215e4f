import datetime as dt
import gzip

import brotli
import msgspec
import pytest
import zstandard
from starlette.testclient import TestClient

from tests.web.shop import (
    BERLIN,
    CALIFORNIA,
    ORIGIN,
    SUMMIT,
    an_app,
    published,
)


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
            ("pt", "", "pt"),
            ("", "*", "en"),
            ("", "", "en"),
        ],
    )
    def test_the_pages_language_comes_first_then_the_browsers(
        self, client, page, accepted, language
    ):
        answer = self.get(client, query=f"?l={page}&c=false", accept_language=accepted)
        assert f'language:"{language}"' in answer.text

    def test_a_returning_visitor_gets_no_banner(self, client):
        returning = self.get(client, query="?l=de&c=true")
        assert len(returning.text) < len(self.get(client).text)

    def test_choices_come_when_they_are_wanted_later(self, client):
        answer = client.get("/s/summit/choices.js?l=de", headers=BERLIN)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"

    def test_the_debug_view_is_told_the_place_and_shared_with_no_other(self, client):
        berlin = client.get("/s/summit/debug.js?l=de&v=1", headers=BERLIN)
        there = client.get("/s/summit/debug.js?l=de&v=1", headers=CALIFORNIA)
        assert (berlin.status_code, berlin.headers["cache-control"]) == (200, "private, no-cache")
        assert berlin.headers["etag"] != there.headers["etag"]
        assert "DE-BE" not in there.text
        assert '"us-ca"' in there.text

    def test_no_address_keeps_an_earlier_version_of_the_loader(self, database_url, now, tmp_path):
        renamed = msgspec.structs.replace(SUMMIT, origins=(ORIGIN,), language="fr")
        published(database_url, now, SUMMIT, renamed)
        with TestClient(an_app(database_url, now, tmp_path), client=("127.0.0.1", 1)) as client:
            for query in ("?l=de&v=1", "?de,1", "?de,false&v=1"):
                assert "version:2}" in self.get(client, query=query).text
            choices = client.get("/s/summit/choices.js?de,1", headers=BERLIN)
            newest = client.get("/s/summit/choices.js?de,2", headers=BERLIN)
        assert choices.status_code == newest.status_code == 200

    @pytest.mark.parametrize("store", ["nobody", "../summit", "%00", "x" * 500])
    def test_an_unknown_store_gets_a_script_that_does_nothing(self, client, store):
        answer = self.get(client, store=store)
        assert answer.status_code == 404
        if answer.headers["content-type"].startswith("text/javascript"):
            assert answer.text.startswith("// pixelgate: unknown_store: ")
            assert answer.text.count("\n") == 1
            assert answer.headers["cache-control"] == "no-store"

    def test_only_get_and_head_are_taken(self, client):
        post = client.post("/s/summit/loader.js")
        assert (post.status_code, post.headers["allow"]) == (405, "GET, HEAD")
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

    def test_a_law_begins_at_midnight_in_the_place_with_no_release(self, client, now):
        def the_states_own_law_holds() -> bool:
            place = {"cf-ipcountry": "US", "cf-region-code": "LA"}
            text = client.get("/s/summit/debug.js", headers=place).text
            return "LDPA" in text

        now.moment = dt.datetime(2027, 1, 1, 5, 59, 59, tzinfo=dt.UTC)
        assert not the_states_own_law_holds()
        now.advance(seconds=1)
        assert the_states_own_law_holds()
