"""Codes from an app at the door: what they open, what they do not, and who may take them away."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from consent import accounts, activity, secondfactors, sessions, totp
from consent.activity import ActivityFilter
from consent.web.admin import entry, throttle
from consent.web.admin.sessions import COOKIE
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

PATH = "/admin/account/second-factor"
EMAIL = "mia@summit.example"
OWNER = "owner@summit.example"


@pytest.fixture
def phone(client, clock) -> Callable[[], str]:
    """Mia's app: each call shows the code of the next half minute."""
    secret = totp.new_secret()
    cipher = secondfactors.cipher(client.app.services.settings.secret_keys)

    async def set_up(c):
        step = int(clock().timestamp()) // 30
        given = (cipher.encrypt(secret, clock()), step, clock())
        phone.codes = await secondfactors.add(c, USER_IDS[EMAIL], *given)

    def phone() -> str:
        return code_of(secret, clock.advance(seconds=30))

    write(client, set_up)
    return phone


def halfway(client, **fields):
    client.cookies.clear()
    answer = sign_in(client, EMAIL, **fields)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/login/code")
    return answer


def give(client, code, **headers):
    return client.post("/admin/login/code", data={"code": code}, headers={**HERE, **headers})


def acts(client, what):
    found = ask(client, lambda c: activity.search(c, ActivityFilter(what=what), limit=99))
    return [(one.email, one.subject, one.detail) for one in found]


class TestSigningIn:
    def test_a_session_begins_with_the_code_alone(self, client, phone):
        answer = halfway(client, next="/admin/rates?days=7")
        cookie = answer.headers["set-cookie"].lower()
        assert cookie.startswith("pixelgate_halfway=")
        for part in ("httponly", "samesite=lax", "path=/admin", "max-age=600"):
            assert part in cookie
        assert COOKIE not in client.cookies
        assert "pixelgate_known" not in client.cookies
        assert client.get("/admin/rates").status_code == 303
        assert f"Signing in as {EMAIL}." in soup(client.get("/admin/login/code")).text
        answer = give(client, phone())
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/rates?days=7")
        assert client.get("/admin/rates").status_code == 200
        assert "pixelgate_halfway" not in client.cookies
        assert acts(client, "sign_in")[0][2] == {"browser": "Another browser", "by": "app"}

    def test_the_value_between_both_is_no_session_and_no_session_is_it(self, client, phone):
        halfway(client)
        value = client.cookies["pixelgate_halfway"]
        as_user(client, "owner@example.com")
        session = client.cookies[COOKIE]
        client.cookies.clear()
        answer = client.get("/admin/rates", headers={"Cookie": f"{COOKIE}={value}"})
        assert answer.headers["location"].startswith("/admin/login")
        for other in (session, value[:-2], HOSTILE.encode().hex(), ""):
            headers = {"Cookie": f"pixelgate_halfway={other}"}
            assert client.get("/admin/login/code", headers=headers).status_code == 303
            assert give(client, phone(), **headers).headers["location"] == "/admin/login"

    def test_it_is_over_after_ten_minutes(self, client, clock, phone):
        halfway(client)
        clock.advance(seconds=entry.SECONDS - 30)
        assert client.get("/admin/login/code").status_code == 200
        code = phone()
        clock.advance(seconds=1)
        assert give(client, code).headers["location"] == "/admin/login"

    @pytest.mark.parametrize(
        "change",
        [
            lambda c: accounts.disable(c, EMAIL, NOW),
            lambda c: accounts.set_password(c, EMAIL, "another hash"),
        ],
    )
    def test_it_ends_with_the_password_and_the_account(self, client, phone, change):
        halfway(client)
        write(client, change)
        assert give(client, phone()).headers["location"] == "/admin/login"
        assert client.get("/admin/login/code").status_code == 303

    def test_a_code_opens_once_whoever_saw_it_typed(self, client, phone):
        halfway(client)
        code = phone()
        assert give(client, code).status_code == 303
        halfway(client)
        answer = give(client, code)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        assert "was used before" in answer.text

    def test_a_wrong_code_is_noted_since_the_password_is_known(self, client, phone):
        halfway(client)
        for code in ("000000", "", HOSTILE, "x" * 5000):
            answer = give(client, code)
            assert answer.status_code == 401
            assert "<script>alert" not in answer.text
        assert acts(client, "second_factor")[0] == (
            *(EMAIL, EMAIL),
            {"done": "wrong code", "browser": "Another browser"},
        )

    def test_a_recovery_code_opens_once(self, client, phone):
        halfway(client)
        assert give(client, phone.codes[0]).status_code == 303
        assert acts(client, "sign_in")[0][2]["by"] == "recovery code"
        assert "9 recovery codes left" in client.get(PATH).text
        halfway(client)
        assert give(client, phone.codes[0]).status_code == 401

    def test_of_a_key_that_is_gone_a_recovery_code_is_left(self, client, phone, story):
        secret = secondfactors.cipher(["y" * 40]).encrypt(totp.new_secret(), NOW)

        async def lose(c):
            ((id_, kept),) = await secondfactors.all_secrets(c)
            assert await secondfactors.replace_secret(c, id_, kept, secret)

        write(client, lose)
        halfway(client)
        answer = give(client, phone())
        assert answer.status_code == 401
        assert "not among CONSENT_SECRET_KEYS any more" in answer.text
        assert give(client, phone.codes[0]).status_code == 303

    def test_a_code_that_another_site_sends_is_refused(self, client, phone):
        halfway(client)
        assert give(client, phone(), Origin="https://evil.example").status_code == 403


class TestGuessing:
    def test_one_address_waits_and_a_known_browser_does_not(self, client, phone):
        halfway(client)
        give(client, phone())
        known = dict(client.cookies)
        halfway(client)
        for _ in range(5):
            assert give(client, "000000").status_code == 401
        answer = give(client, phone())
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "870")
        assert sign_in(client, EMAIL).status_code == 303
        assert give(client, phone()).status_code == 429
        client.cookies.set("pixelgate_known", known["pixelgate_known"], path="/admin")
        assert give(client, phone()).status_code == 303

    def test_a_thousand_addresses_have_the_tries_of_one_account(self, client, clock, phone):
        halfway(client)
        for n in range(throttle.ACCOUNT_TRIES):
            answer = give(client, "000000", **{"X-Forwarded-For": f"198.51.100.{n}"})
            assert answer.status_code == 401
        other = {"X-Forwarded-For": "203.0.113.9"}
        answer = give(client, phone(), **other)
        assert answer.status_code == 429
        assert "try again in 24 hours" in answer.text
        assert "are not held up by what others try" in " ".join(answer.text.split())
        assert give(client, phone.codes[0], **other).status_code == 303
        known = client.cookies["pixelgate_known"]
        halfway(client)
        assert give(client, phone(), **other).status_code == 429
        client.cookies.set("pixelgate_known", known, path="/admin")
        assert give(client, phone(), **other).status_code == 303

    def test_a_right_password_gives_no_new_tries(self, client, phone):
        for _ in range(5):
            halfway(client)
            give(client, "000000")
        halfway(client)
        assert give(client, phone()).status_code == 429


def offered(client):
    page = soup(client.get(PATH))
    return {
        "offered": page.find("input", {"name": "offered"})["value"],
        "password": PASSWORD,
    }, page.find(id="secret").text.replace(" ", "")


class TestSettingUp:
    def test_it_is_confirmed_by_code_and_password_and_ends_other_sessions(self, client, clock):
        sign_in(client, EMAIL)
        older = {"Cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
        client.cookies.clear()
        sign_in(client, EMAIL)
        form, secret = offered(client)
        picture = soup(client.get(PATH)).find("img")["src"]
        assert picture.startswith("data:image/svg+xml")
        answer = client.post(PATH, data={**form, "code": code_of(secret, clock())}, headers=HERE)
        codes = soup(answer).find(id="codes").text.split()
        assert len(codes) == 10
        assert not any(code in client.get(PATH).text for code in codes)
        assert acts(client, "second_factor") == [(EMAIL, EMAIL, {"done": "set up"})]
        client.cookies.clear()
        assert client.get("/admin/rates", headers=older).status_code == 303
        halfway(client)
        assert give(client, code_of(secret, clock())).status_code == 401
        assert give(client, codes[3]).status_code == 303

    def test_what_does_not_fit_changes_nothing(self, client, clock):
        sign_in(client, EMAIL)
        right, secret = offered(client)
        for given, status, said in (
            ({"code": "000000"}, 422, "That code is wrong"),
            ({"code": ""}, 422, "That code is wrong"),
            ({"password": "wrong horse battery"}, 422, "That is not your password."),
            ({"offered": ""}, 403, "The value is over"),
            ({"offered": HOSTILE}, 403, "The value is over"),
        ):
            form = {**right, "code": code_of(secret, clock()), **given}
            answer = client.post(PATH, data=form, headers=HERE)
            assert answer.status_code == status
            assert said in answer.text
        user = ask(client, lambda c: accounts.by_email(c, EMAIL))
        assert user.second_factor is False

    def test_the_same_secret_is_offered_again_after_a_wrong_code(self, client):
        sign_in(client, EMAIL)
        form, secret = offered(client)
        answer = client.post(PATH, data={**form, "code": "000000"}, headers=HERE)
        assert "".join(secret[:4]) in answer.text
        assert answer.text.count(f"<span>{secret[4:8]}</span>") == 1

    def test_the_form_of_another_session_is_refused_and_so_is_an_old_one(self, client, clock):
        """Or somebody could plant a secret of their own in the account of another."""
        sign_in(client, "mia@example.com")
        form, secret = offered(client)
        client.cookies.clear()
        sign_in(client, EMAIL)
        planted = {**form, "code": code_of(secret, clock())}
        assert client.post(PATH, data=planted, headers=HERE).status_code == 403
        form, secret = offered(client)
        clock.advance(hours=1, seconds=1)
        late = {**form, "code": code_of(secret, clock())}
        assert client.post(PATH, data=late, headers=HERE).status_code == 403

    def test_a_second_one_does_not_take_the_place_of_the_first(self, client, clock, phone):
        as_user(client, EMAIL)
        page = soup(client.get(PATH))
        assert page.find("input", {"name": "offered"}) is None
        cipher = secondfactors.cipher  # another key: what the account holds is no form either
        token = cipher(client.app.services.settings.secret_keys).encrypt("{}", clock())
        form = {"offered": token, "code": "000000", "password": PASSWORD}
        assert client.post(PATH, data=form, headers=HERE).status_code == 403


class TestChanging:
    def test_it_is_turned_off_by_password_and_code(self, client, phone):
        as_user(client, EMAIL)
        form = {"password": PASSWORD, "code": phone()}
        answer = client.post(f"{PATH}/off", data=form, headers=HERE)
        assert "Your second factor is turned off." in client.get(answer.headers["location"]).text
        assert acts(client, "second_factor") == [(EMAIL, EMAIL, {"done": "turned off"})]
        client.cookies.clear()
        assert sign_in(client, EMAIL).headers["location"] == "/admin/"
        assert client.get("/admin/rates").status_code == 200

    def test_recovery_codes_are_made_anew(self, client, phone):
        as_user(client, EMAIL)
        form = {"password": PASSWORD, "code": phone()}
        answer = client.post(f"{PATH}/codes", data=form, headers=HERE)
        codes = soup(answer).find(id="codes").text.split()
        halfway(client)
        assert give(client, phone.codes[0]).status_code == 401
        assert give(client, codes[0]).status_code == 303

    @pytest.mark.parametrize("what", ["off", "codes"])
    def test_neither_alone_is_enough_and_guessing_ends(self, client, phone, what):
        as_user(client, EMAIL)

        def post(**form):
            return client.post(f"{PATH}/{what}", data=form, headers=HERE)

        assert post(code=phone(), password="wrong horse battery").status_code == 422
        for _ in range(5):
            assert post(code="000000", password=PASSWORD).status_code == 422
        answer = post(code=phone(), password=PASSWORD)
        assert (answer.status_code, "retry-after" in answer.headers) == (429, True)
        assert ask(client, lambda c: accounts.by_email(c, EMAIL)).second_factor is True

    def test_an_owner_resets_it_and_every_session_ends(self, client, phone):
        path = f"/admin/users/{USER_IDS[EMAIL]}"
        as_user(client, OWNER)
        assert "Reset the second factor" in client.get(path).text
        assert "Second factor" in client.get("/admin/users").text
        answer = client.post(f"{path}/reset", data={"x": ""}, headers=HERE)
        assert "The second factor is reset" in client.get(answer.headers["location"]).text
        assert client.post(f"{path}/reset", data={"x": ""}, headers=HERE).status_code == 404
        assert acts(client, "second_factor") == [(OWNER, EMAIL, {"done": "reset"})]
        assert ask(client, lambda c: sessions.of_user(c, USER_IDS[EMAIL], NOW)) == []

    @pytest.mark.parametrize("who", ["lex@summit.example", EMAIL, "dev@example.com"])
    def test_nobody_else_resets_it(self, client, phone, who):
        as_user(client, who)
        path = f"/admin/users/{USER_IDS[EMAIL]}/reset"
        assert client.post(path, data={"x": ""}, headers=HERE).status_code == 403

    def test_nobody_resets_the_own_one_without_password_and_code(self, client):
        as_user(client, OWNER)
        path = f"/admin/users/{USER_IDS[OWNER]}/reset"
        assert client.post(path, data={"x": ""}, headers=HERE).status_code == 403


class TestRequired:
    @pytest.fixture
    def strict(self, story, clock, tmp_path):
        app = open_app(story.copy(tmp_path), clock, tmp_path, CONSENT_SECOND_FACTOR="owner, legal")
        with TestClient(
            app, base_url=ORIGIN, client=("127.0.0.1", 1), follow_redirects=False
        ) as client:
            yield client

    def test_who_lacks_it_is_led_to_it_and_does_nothing_else(self, strict):
        as_user(strict, OWNER)
        for path in ("/admin/", "/admin/rates", "/admin/users", "/admin/account", "/admin/tokens"):
            answer = strict.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, PATH), path
        form = {"email": "evil@x.example", "role": "owner", "where": "store summit"}
        for path in ("/admin/users/invite", "/admin/tokens/add", "/admin/account/password"):
            answer = strict.post(path, data=form, headers=HERE)
            assert (answer.status_code, answer.headers["location"]) == (303, PATH), path
        page = soup(strict.get(PATH))
        assert "Your role asks for one here." in page.text
        assert page.find("nav").find("a") is None
        assert strict.post("/admin/logout", headers=HERE).status_code == 303

    def test_once_it_is_set_up_everything_opens(self, strict, clock):
        as_user(strict, OWNER)
        form, secret = offered(strict)
        form["code"] = code_of(secret, clock())
        assert "I have kept them" in strict.post(PATH, data=form, headers=HERE).text
        assert strict.get("/admin/rates").status_code == 200

    def test_other_roles_are_left_alone(self, strict):
        assert as_user(strict, EMAIL).get("/admin/rates").status_code == 200
