import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from consent import accounts
from consent.web.admin import sessions
from tests.web.admin.seed import PASSWORD
from tests.web.admin.stage import HERE, HOSTILE, NOW, ORIGIN, open_app, sign_in, soup, write


class TestSigningIn:
    def test_a_right_password_leads_to_the_page_that_was_asked_for(self, client):
        first = client.get("/admin/rates?days=7")
        assert (first.status_code, first.headers["location"]) == (
            303,
            "/admin/login?next=/admin/rates%3Fdays%3D7",
        )
        page = soup(client.get(first.headers["location"]))
        wanted = page.find("input", {"name": "next"})["value"]
        answer = sign_in(client, "owner@example.com", next=wanted)
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/rates?days=7")
        assert client.get("/admin/rates").status_code == 200

    def test_the_cookie_is_for_these_pages_and_for_no_script(self, client):
        cookie = sign_in(client, "owner@example.com").headers["set-cookie"].lower()
        assert cookie.startswith("pixelgate_admin=")
        for part in ("httponly", "samesite=lax", "path=/admin", "max-age=43200"):
            assert part in cookie
        assert "secure" not in cookie

    def test_the_cookie_is_secure_where_the_service_is_on_https(self, story, clock, tmp_path):
        public = "https://consent.example"
        app = open_app(story.copy(tmp_path), clock, tmp_path, CONSENT_PUBLIC_URL=public)
        with TestClient(app, base_url=public, follow_redirects=False) as client:
            answer = sign_in(client, "owner@example.com", headers={"Origin": public})
            assert "secure" in answer.headers["set-cookie"].lower()

    @pytest.mark.parametrize(
        ("email", "password"),
        [
            ("owner@example.com", "wrong horse battery"),
            ("nobody@example.com", PASSWORD),
            ("", ""),
            (HOSTILE, PASSWORD),
            ("owner@example.com", "x" * 2000),
        ],
    )
    def test_every_wrong_answer_reads_the_same(self, client, email, password):
        answer = sign_in(client, email, password)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        alert = BeautifulSoup(answer.text, "html.parser").find(role="alert")
        assert alert.text == ("That email and password do not match an account that may sign in.")
        assert "<script>alert" not in answer.text

    def test_a_disabled_user_is_out_at_once_and_cannot_come_back(self, client):
        sign_in(client, "owner@example.com")
        assert client.get("/admin/rates").status_code == 200
        write(client, lambda c: accounts.disable(c, "owner@example.com", NOW))
        assert client.get("/admin/rates").headers["location"].startswith("/admin/login")
        assert sign_in(client, "owner@example.com").status_code == 401

    @pytest.mark.parametrize(
        "facts",
        [
            *({"user": 1, "epoch": 0}, {"session": 1}, {"session": "x"}, {}),
            {"session": "00000000-0000-4000-8000-000000000000"},
        ],
    )
    def test_a_cookie_that_names_no_session_counts_no_more(self, client, facts):
        token = client.app.services.signer.session(facts)
        client.cookies.set("pixelgate_admin", token, path="/admin")
        assert client.get("/admin/rates").status_code == 303

    def test_a_session_is_over_after_twelve_hours(self, client, clock):
        sign_in(client, "owner@example.com")
        clock.advance(hours=12, seconds=-1)
        assert client.get("/admin/rates").status_code == 200
        clock.advance(seconds=1)
        assert client.get("/admin/rates").status_code == 303

    def test_a_password_changed_while_it_was_checked_opens_nothing(self, client, monkeypatch):
        right = accounts.verify_password

        def slow(password, hashed):
            write(client, lambda c: accounts.set_password(c, "owner@example.com", "another"))
            return right(password, hashed)

        monkeypatch.setattr(accounts, "verify_password", slow)
        assert sign_in(client, "owner@example.com").status_code == 401

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", '"quoted"', "é".encode().decode("latin1")])
    def test_a_cookie_that_is_not_ours_is_no_session(self, client, token):
        headers = {"Cookie": f"pixelgate_admin={token}".encode("latin1")}
        assert client.get("/admin/rates", headers=headers).status_code == 303

    def test_a_receipt_is_no_session(self, client):
        token = client.app.services.signer.receipt({"user": 1, "epoch": 0})
        client.cookies.set("pixelgate_admin", token, path="/admin")
        assert client.get("/admin/rates").status_code == 303

    def test_signing_out_ends_the_session_in_this_browser(self, client):
        sign_in(client, "owner@example.com")
        assert client.post("/admin/logout", headers=HERE).headers["location"] == "/admin/login"
        assert client.get("/admin/rates").status_code == 303

    def test_a_cookie_that_was_copied_ends_when_its_owner_signs_out(self, client):
        sign_in(client, "owner@example.com")
        copied = {"Cookie": f"{sessions.COOKIE}={client.cookies[sessions.COOKIE]}"}
        assert client.get("/admin/rates", headers=copied).status_code == 200
        client.post("/admin/logout", headers=HERE)
        client.cookies.clear()
        assert client.get("/admin/rates", headers=copied).status_code == 303
        assert sign_in(client, "owner@example.com").status_code == 303
        assert client.get("/admin/rates").status_code == 200

    def test_signing_out_ends_the_sessions_of_nobody_else(self, client):
        sign_in(client, "lex@example.com")
        other = {"Cookie": f"{sessions.COOKIE}={client.cookies[sessions.COOKIE]}"}
        client.cookies.clear()
        sign_in(client, "owner@example.com")
        client.post("/admin/logout", headers=HERE)
        assert client.get("/admin/ledger", headers=other).status_code == 200

    def test_signing_out_without_a_session_is_no_fault(self, client):
        assert client.post("/admin/logout", headers=HERE).headers["location"] == "/admin/login"

    def test_signing_out_says_when_storage_is_away(self, client, tmp_path):
        sign_in(client, "owner@example.com")
        file, away = tmp_path / "pixelgate.db", tmp_path / "away"
        file.rename(away)
        answer = client.post("/admin/logout", headers=HERE)
        assert (answer.status_code, "set-cookie" in answer.headers) == (503, False)
        away.rename(file)
        assert client.post("/admin/logout", headers=HERE).status_code == 303
        assert client.get("/admin/rates").status_code == 303

    def test_who_is_signed_in_does_not_sign_in_again(self, signed_in):
        answer = signed_in("lex@example.com").get("/admin/login")
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/")

    @pytest.mark.parametrize(
        "wanted",
        [
            "https://evil.example/",
            "//evil.example/",
            "/\\evil.example",
            "/admin//evil.example",
            "/admin/../evil",
            "/admin/\r\nSet-Cookie: a=b",
            "javascript:alert(1)",
            "/s/summit/loader.js",
            "/adminevil",
            "/admin/logout",
            "/admin/é",
        ],
    )
    def test_next_leads_nowhere_else(self, client, wanted):
        answer = sign_in(client, "owner@example.com", next=wanted)
        assert answer.headers["location"] == "/admin/"

    def test_a_body_that_is_no_small_form_is_refused(self, client):
        much = {"email": "a" * 9000, "password": "b"}
        assert client.post("/admin/login", data=much, headers=HERE).status_code == 413
        assert client.post("/admin/login", json={}, headers=HERE).status_code == 415
        kind = {**HERE, "Content-Type": "application/x-www-form-urlencoded"}
        assert client.post("/admin/login", content=b"\xff=1", headers=kind).status_code == 422
        many = "&".join(f"a{n}=1" for n in range(50))
        assert client.post("/admin/login", content=many, headers=kind).status_code == 422


class TestCrossSite:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://localhost:8000.evil.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site", "Origin": ORIGIN},
            {},
        ],
    )
    @pytest.mark.parametrize("path", ["/admin/login", "/admin/logout", "/admin/rates"])
    def test_a_post_that_did_not_begin_here_is_refused(self, signed_in, headers, path):
        client = signed_in("owner@example.com")
        form = {"email": "owner@example.com", "password": PASSWORD}
        answer = client.post(path, data=form, headers=headers)
        assert answer.status_code in (403, 405)
        assert "set-cookie" not in answer.headers
        assert client.get("/admin/rates").status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [HERE, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}],
    )
    def test_a_post_from_the_page_itself_passes(self, client, headers):
        form = {"email": "owner@example.com", "password": PASSWORD}
        assert client.post("/admin/login", data=form, headers=headers).status_code == 303

    def test_plain_http_is_another_site_for_a_service_on_https(self, story, clock, tmp_path):
        app = open_app(
            story.copy(tmp_path), clock, tmp_path, CONSENT_PUBLIC_URL="https://consent.example"
        )
        with TestClient(app, base_url="http://consent.example", follow_redirects=False) as client:
            headers = {"Origin": "http://consent.example"}
            assert sign_in(client, "owner@example.com", headers=headers).status_code == 403


def test_a_safe_next_keeps_what_was_asked_for():
    asked = "/admin/ledger?store=summit&place=US-CA&page=12.8"
    assert sessions.safe_next(asked) == asked
