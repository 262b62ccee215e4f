import datetime as dt
import uuid

import pytest

from consent import accounts, activity, sessions
from consent.activity import ActivityFilter
from tests.web.admin.seed import PASSWORD
from tests.web.admin.stage import HERE, HOSTILE, NOW, USER_IDS, ask, sign_in, soup, write

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605"
OWNER = "owner@summit.example"
NEW = "another horse battery"


def sign_in_twice(client) -> dict[str, str]:
    """Leaves the newer session in ``client``; returns the header of the older one."""
    sign_in(client, OWNER, headers={"User-Agent": FIREFOX})
    older = {"Cookie": f"pixelgate_admin={client.cookies['pixelgate_admin']}"}
    client.cookies.clear()
    sign_in(client, OWNER, headers={"User-Agent": SAFARI})
    return older


def change(client, old=PASSWORD, new=NEW, again=None):
    form = {"old": old, "new": new, "again": new if again is None else again}
    return client.post("/admin/account/password", data=form, headers=HERE)


def acts(client, what):
    return ask(client, lambda c: activity.search(c, ActivityFilter(what=what), limit=9))


class TestSessions:
    def test_each_is_listed_with_browser_and_time_and_without_address(self, client):
        sign_in_twice(client)
        page = soup(client.get("/admin/account"))
        listed = [" ".join(li.text.split()) for li in page.find(id="sessions").find_all_next("li")]
        assert listed[0] == (
            "Safari This one Since 23 Nov 2026, 17:20:00 UTC. Last used on 23 Nov 2026."
        )
        assert [line.split()[0] for line in listed] == ["Safari", "Firefox", "Firefox"]
        assert "127.0.0.1" not in page.text

    def test_one_is_ended_and_its_cookie_opens_nothing(self, client):
        older = sign_in_twice(client)
        page = soup(client.get("/admin/account"))
        form = page.find("form", action="/admin/account/end")
        session = {"session": form.find("input")["value"]}
        answer = client.post("/admin/account/end", data=session, headers=HERE)
        assert "That session is over." in client.get(answer.headers["location"]).text
        assert client.get("/admin/rates", headers=older).status_code in (200, 303)
        assert client.post("/admin/account/end", data=session, headers=HERE).status_code == 404
        (noted, *_) = acts(client, "sign_out")
        assert (noted.email, noted.detail) == (OWNER, {"sessions": 1})

    def test_all_others_end_at_once(self, client):
        older = sign_in_twice(client)
        client.post("/admin/account/end-others", data={"all": "1"}, headers=HERE)
        assert client.get("/admin/account").status_code == 200
        client.cookies.clear()
        assert client.get("/admin/account", headers=older).status_code == 303

    @pytest.mark.parametrize("session", ["", "x", HOSTILE, str(uuid.UUID(int=1))])
    def test_the_session_of_another_cannot_be_named(self, client, session):
        sign_in(client, OWNER)
        form = {"session": session}
        assert client.post("/admin/account/end", data=form, headers=HERE).status_code == 404
        left = ask(client, lambda c: sessions.get(c, uuid.UUID(int=1), NOW))
        assert left is not None

    def test_the_day_of_the_last_use_follows(self, client, clock):
        sign_in(client, OWNER)
        clock.advance(hours=8)
        client.get("/admin/rates")
        page = soup(client.get("/admin/account"))
        assert "Last used on 24 Nov 2026" in page.text

    def test_the_cookie_stays_signed(self, client):
        """Whoever can only read the database cannot sign in with what stands there."""
        sign_in(client, OWNER)
        (row, *_) = ask(client, lambda c: sessions.of_user(c, USER_IDS[OWNER], NOW))
        client.cookies.clear()
        for forged in (str(row.id), row.id.hex):
            headers = {"Cookie": f"pixelgate_admin={forged}"}
            assert client.get("/admin/rates", headers=headers).status_code == 303


class TestPassword:
    def test_it_is_changed_by_whoever_knows_it_and_other_sessions_end(self, client):
        older = sign_in_twice(client)
        assert change(client).headers["location"] == "/admin/account?done=password"
        assert "Your password is changed" in client.get("/admin/account?done=password").text
        client.cookies.clear()
        assert client.get("/admin/account", headers=older).status_code == 303
        assert sign_in(client, OWNER).status_code == 401
        assert sign_in(client, OWNER, NEW).status_code == 303
        (noted,) = acts(client, "password")
        assert (noted.email, noted.subject, noted.detail) == (OWNER, OWNER, {})

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"old": "wrong horse battery"}, "That is not your password so far."),
            ({"new": "short"}, "Password: 5 characters; expected 12 to 1024."),
            ({"again": "another"}, "The two new passwords differ; type the same twice."),
        ],
    )
    def test_what_does_not_fit_changes_nothing_and_is_said(self, client, given, said):
        older = sign_in_twice(client)
        answer = change(client, **given)
        assert answer.status_code == 422
        assert f"Nothing is changed. {said}" in " ".join(answer.text.split())
        assert client.get("/admin/account", headers=older).status_code == 200
        client.cookies.clear()
        assert sign_in(client, OWNER).status_code == 303

    def test_a_session_left_open_cannot_be_used_to_guess(self, client):
        sign_in(client, OWNER)
        for _ in range(5):
            assert change(client, old="wrong horse battery").status_code == 422
        answer = change(client)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "900")

    def test_a_disabled_user_changes_nothing(self, client):
        sign_in(client, OWNER)
        write(client, lambda c: accounts.disable(c, OWNER, NOW + dt.timedelta(seconds=1)))
        assert change(client).headers["location"] == "/admin/login"
