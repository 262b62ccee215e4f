"""Signing in with a provider over HTTP. The provider is one that lies; see test_oidc."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from bs4 import BeautifulSoup
from starlette.testclient import TestClient

from consent import accounts, activity, invitations, secondfactors, totp
from consent.activity import ActivityFilter
from consent.model import Grant
from consent.web.admin.sessions import COOKIE
from tests.hostile_provider import ISSUER, Hostile
from tests.test_totp import code_of
from tests.web.admin.seed import PASSWORD
from tests.web.admin.stage import (
    HERE,
    HOSTILE,
    NOW,
    ORIGIN,
    USER_IDS,
    as_user,
    ask,
    open_app,
    sign_in,
    soup,
    write,
)

MIA, OWNER = "mia@summit.example", "owner@summit.example"
START, BACK = "/admin/login/oidc", "/admin/login/oidc/back"
SETTINGS = {
    "CONSENT_OIDC_ISSUER": ISSUER,
    "CONSENT_OIDC_CLIENT_ID": "pixelgate",
    "CONSENT_OIDC_LABEL": "Example ID",
}


@pytest.fixture
def hostile(clock) -> Hostile:
    hostile = Hostile(clock)
    hostile.claims |= {"email": MIA, "email_verified": True, "groups": None}
    return hostile


@pytest.fixture
def opened(story, clock, tmp_path, hostile):
    """Starts a service that has the provider, with further settings."""
    clients = []

    def open_(**environ: str) -> TestClient:
        file = story.copy(tmp_path, f"{len(clients)}.db")
        given = {**SETTINGS, **environ}
        app = open_app(file, clock, tmp_path, provider=hostile.provider, **given)
        client = TestClient(app, base_url=ORIGIN, client=("127.0.0.1", 1), follow_redirects=False)
        clients.append(client.__enter__())
        return clients[-1]

    yield open_
    for client in clients:
        client.__exit__()
        assert client.app.unnoted == []


@pytest.fixture
def client(opened) -> TestClient:
    return opened()


def go(client, hostile, next_="", **changed):
    """Off to the provider, and back from it."""
    off = client.get(START, params={"next": next_})
    assert off.status_code == 303
    return client.get(BACK, params={**hostile.authorize(off.headers["location"]), **changed})


def said(answer) -> str:
    page = BeautifulSoup(answer.text, "html.parser")
    assert page.h1.text == "You are not signed in"
    assert COOKIE not in answer.headers.get("set-cookie", "")
    return page.find(class_="lead").text


def link(client, hostile):
    assert go(client, hostile).status_code == 303
    client.cookies.clear()


class TestSigningIn:
    def test_a_button_leads_to_the_provider_and_back_to_the_page(self, client, hostile):
        page = soup(client.get("/admin/login?next=/admin/rates%3Fdays%3D7"))
        button = page.find("a", string="Sign in with Example ID")
        off = client.get(button["href"])
        place, cookie = off.headers["location"], off.headers["set-cookie"].lower()
        asked = dict(parse_qsl(urlsplit(place).query))
        assert asked["redirect_uri"] == f"{ORIGIN}{BACK}"
        for part in ("pixelgate_oidc=", "httponly", "samesite=lax", "path=/admin", "max-age=600"):
            assert part in cookie
        assert asked["state"] not in cookie
        answer = client.get(BACK, params=hostile.authorize(place))
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/rates?days=7")
        assert client.get("/admin/rates").status_code == 200
        assert "pixelgate_oidc" not in client.cookies
        (noted, *_) = ask(
            client, lambda c: activity.search(c, ActivityFilter(what="sign_in"), limit=9)
        )
        assert (noted.email, noted.detail["with"]) == (MIA, ISSUER)
        assert ISSUER in client.get("/admin/account").text

    def test_an_answer_counts_once(self, client, hostile):
        off = client.get(START)
        answer = hostile.authorize(off.headers["location"])
        assert client.get(BACK, params=answer).status_code == 303
        assert "began in another browser" in said(client.get(BACK, params=answer))

    def test_an_answer_is_worth_nothing_in_another_browser(self, client, hostile):
        """Or an attacker could sign a victim in as themselves, or use a victim's answer."""
        answer = hostile.authorize(client.get(START).headers["location"])
        client.cookies.clear()
        assert "began in another browser" in said(client.get(BACK, params=answer))
        client.get(START)
        assert "not the answer" in said(client.get(BACK, params=answer))

    def test_it_is_over_after_ten_minutes(self, client, hostile, clock):
        answer = hostile.authorize(client.get(START).headers["location"])
        clock.advance(seconds=601)
        assert "is over" in said(client.get(BACK, params=answer))

    def test_a_cookie_that_is_not_ours_is_none(self, client, hostile):
        answer = hostile.authorize(client.get(START).headers["location"])
        client.cookies.clear()
        for value in ("", "x", "gAAAAA", HOSTILE.encode().hex()):
            headers = {"Cookie": f"pixelgate_oidc={value}"}
            assert "is over" in said(client.get(BACK, params=answer, headers=headers))

    def test_next_leads_nowhere_else(self, client, hostile):
        evil = ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)")
        for wanted in evil:
            assert go(client, hostile, wanted).headers["location"] == "/admin/"

    def test_who_is_not_let_in_reads_why(self, client, hostile):
        right = dict(hostile.claims)
        for claims, reason in (
            ({"email_verified": False}, "does not say that your e-mail address is verified"),
            ({"email": "nobody@x.example"}, "Nobody has invited nobody@x.example"),
            ({"email": HOSTILE}, "names no e-mail address of yours"),
            ({"nonce": "x"}, "does not hold"),
            ({"aud": "another"}, "does not hold"),
            ({"exp": 1}, "does not hold"),
            ({"email": "a\0b@x.example"}, "names no e-mail address of yours"),
        ):
            hostile.claims = {**right, **claims}
            answer = go(client, hostile)
            assert reason in said(answer)
            assert answer.status_code == 403
        assert client.get("/admin/rates").status_code == 303

    def test_what_the_provider_says_is_text(self, client, hostile):
        answer = go(client, hostile, error="access_denied", error_description=HOSTILE)
        assert "The provider says" in said(answer)
        assert "<script>alert" not in answer.text
        assert go(client, hostile, code="a\0b").status_code == 422

    def test_a_provider_that_is_away_is_told(self, client, hostile):
        hostile.answers["openid-configuration"] = OSError("away")
        answer = client.get(START)
        assert answer.status_code == 503
        assert "No answer from https://id.example/realm/.well-known" in said(answer)
        assert client.get("/admin/login/oidc/end").status_code == 503

    def test_one_signs_out_here_and_then_there(self, client, hostile):
        go(client, hostile)
        answer = client.post("/admin/logout", headers=HERE)
        page = soup(client.get(answer.headers["location"]))
        assert "You are signed out here." in page.text
        there = client.get(page.find("a", string="Sign out of Example ID too")["href"])
        assert there.headers["location"].startswith(f"{ISSUER}/end?client_id=pixelgate&post_logout")
        assert client.get("/admin/rates").status_code == 303


class TestAccounts:
    def test_a_second_factor_is_asked_for_all_the_same_and_nothing_is_linked_before(
        self, client, hostile, clock
    ):
        secret = totp.new_secret()
        cipher = secondfactors.cipher(client.app.services.settings.secret_keys)

        async def set_up(c):
            await secondfactors.add(c, USER_IDS[MIA], cipher.encrypt(secret, clock()), 1, clock())

        write(client, set_up)
        hostile.claims["sub"] = "of whoever got hold of the address"
        assert go(client, hostile).headers["location"] == "/admin/login/code"
        assert client.get("/admin/rates").status_code == 303
        client.cookies.clear()
        hostile.claims["sub"] = "42"
        assert go(client, hostile, "/admin/rates").headers["location"] == "/admin/login/code"
        form = {"code": code_of(secret, clock())}
        answer = client.post("/admin/login/code", data=form, headers=HERE)
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/rates")
        assert ISSUER in client.get("/admin/account").text

    def test_one_that_is_asked_for_is_set_up_without_a_password_where_there_is_none(
        self, opened, hostile, clock
    ):
        client = opened(CONSENT_SECOND_FACTOR="everybody")
        write(client, lambda c: invitations.add(c, "new@x.example", Grant("legal"), NOW))
        hostile.claims["email"] = "new@x.example"
        go(client, hostile)
        assert client.get("/admin/ledger").headers["location"] == "/admin/account/second-factor"
        page = soup(client.get("/admin/account/second-factor"))
        assert page.find("input", {"type": "password"}) is None
        secret = page.find(id="secret").text.replace(" ", "")
        form = {
            "offered": page.find("input", {"name": "offered"})["value"],
            "code": code_of(secret, clock()),
        }
        path = "/admin/account/second-factor"
        assert client.post(path, data=form, headers=HERE).status_code == 200
        assert client.get("/admin/ledger").status_code == 200
        assert "Password so far" not in client.get("/admin/account").text

    def test_who_has_no_password_cannot_be_signed_in_with_one(self, client, hostile):
        write(client, lambda c: invitations.add(c, "new@x.example", Grant("legal"), NOW))
        hostile.claims["email"] = "new@x.example"
        link(client, hostile)
        for password in ("", " ", PASSWORD):
            assert sign_in(client, "new@x.example", password).status_code == 401
        go(client, hostile)
        form = {"old": "", "new": "another horse battery", "again": "another horse battery"}
        assert client.post("/admin/account/password", data=form, headers=HERE).status_code == 422

    def test_an_invitation_is_accepted_with_the_provider(self, client, hostile):
        secrets = []

        async def invite(c):
            secrets.append(await invitations.add(c, "new@x.example", Grant("legal"), NOW))

        write(client, invite)
        page = soup(client.get(f"/admin/invitation/{secrets[0]}"))
        assert page.find("a", string="Accept with Example ID")["href"] == START
        hostile.claims["email"] = "new@x.example"
        assert go(client, hostile).status_code == 303
        assert client.get("/admin/ledger").status_code == 200
        assert client.get(f"/admin/invitation/{secrets[0]}").status_code == 404

    def test_groups_of_the_provider_have_roles_here(self, opened, hostile):
        client = opened(CONSENT_OIDC_ROLES="cn=law,ou=all=legal; shops=marketer store summit")
        hostile.claims["groups"] = ["cn=law,ou=all"]
        go(client, hostile)
        user = ask(client, lambda c: accounts.by_email(c, MIA))
        assert user.grants == (Grant("legal"),)

    def test_an_owner_takes_the_link_away_and_every_session_ends(self, client, hostile):
        go(client, hostile)
        session = {"Cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
        path = f"/admin/users/{USER_IDS[MIA]}"
        as_user(client, OWNER)
        assert ISSUER in client.get(path).text
        answer = client.post(f"{path}/unlink", data={"x": ""}, headers=HERE)
        assert "The link is taken away" in client.get(answer.headers["location"]).text
        assert client.post(f"{path}/unlink", data={"x": ""}, headers=HERE).status_code == 404
        own = f"/admin/users/{USER_IDS[OWNER]}/unlink"
        assert client.post(own, data={"x": ""}, headers=HERE).status_code == 403
        client.cookies.clear()
        assert client.get("/admin/rates", headers=session).status_code == 303


class TestOnly:
    @pytest.fixture
    def client(self, opened) -> TestClient:
        return opened(CONSENT_OIDC_ONLY="true")

    def test_passwords_let_nobody_in(self, client, hostile):
        page = soup(client.get("/admin/login"))
        assert page.find("input", {"type": "password"}) is None
        answer = sign_in(client, OWNER)
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
        assert "passwords are off here; sign in with Example ID" in answer.text.lower().replace(
            "example id", "Example ID"
        )
        assert go(client, hostile).status_code == 303

    def test_an_invitation_is_accepted_with_the_provider_alone(self, client):
        secrets = []

        async def invite(c):
            secrets.append(await invitations.add(c, "new@x.example", Grant("legal"), NOW))

        write(client, invite)
        path = f"/admin/invitation/{secrets[0]}"
        assert soup(client.get(path)).find("input", {"type": "password"}) is None
        assert client.post(path, data={"password": PASSWORD}, headers=HERE).status_code == 403


@pytest.mark.parametrize("path", [START, BACK, "/admin/login/oidc/end"])
def test_without_a_provider_its_addresses_lead_to_the_door(shared_client, path):
    shared_client.cookies.clear()
    answer = shared_client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/login")
    assert "Sign in with" not in shared_client.get("/admin/login").text
