import pytest

from consent import accounts, activity, groups, invitations, stores
from consent.activity import ActivityFilter
from consent.database import tables
from consent.model import Grant, Group, StoreConfig, Template
from tests.web.admin.seed import PASSWORD
from tests.web.admin.stage import HERE, HOSTILE, NOW, USER_IDS, as_user, ask, sign_in, soup, write

OWNER, BOUND = "owner@example.com", "owner@summit.example"
NEW = "another horse battery"
LEX = f"/admin/users/{USER_IDS['lex@summit.example']}"


def post(client, path, **fields):
    return client.post(path, data={"x": "", **fields}, headers=HERE)


def invite(client, email="new@x.example", role="legal", where="store summit") -> str:
    """The path of the link that was shown."""
    answer = post(client, "/admin/users/invite", email=email, role=role, where=where)
    link = soup(answer).find(id="invitation-link").text
    assert link.startswith("http://localhost:8000/admin/invitation/")
    return link.removeprefix("http://localhost:8000")


def accept(client, path, password=NEW):
    client.cookies.clear()
    return post(client, path, password=password)


def user(client, email):
    return ask(client, lambda c: accounts.by_email(c, email))


def notes(client, what):
    return ask(client, lambda c: activity.search(c, ActivityFilter(what=what), limit=9))


class TestInvitations:
    def test_a_link_makes_a_user_once(self, client):
        path = invite(as_user(client, BOUND))
        page = soup(client.get(path))
        assert "As legal of summit, with the address new@x.example." in page.text
        assert accept(client, path).headers["location"] == "/admin/login"
        assert user(client, "new@x.example").grants == (Grant("legal", "summit"),)
        assert accept(client, path).status_code == 404
        assert sign_in(client, "new@x.example", NEW).status_code == 303
        assert client.get("/admin/ledger").status_code == 200
        (noted,) = notes(client, "user")
        assert (noted.email, noted.subject, noted.store) == (*["new@x.example"] * 2, "summit")
        assert noted.detail == {"done": "accepted an invitation", "after": ["legal of summit"]}
        (made,) = notes(client, "invitation")
        assert (made.email, made.detail["after"]) == (BOUND, ["legal of summit"])

    def test_only_its_hash_is_kept(self, client):
        secret = invite(as_user(client, BOUND)).rpartition("/")[2]
        assert secret not in client.get("/admin/users").text
        (row,) = ask(client, lambda c: _rows(c, tables.invitations))
        assert secret not in str(row)
        assert len(secret) >= 43
        (noted,) = notes(client, "invitation")
        assert secret not in str(noted)

    def test_it_ends_after_seven_days(self, client, clock):
        path = invite(as_user(client, BOUND))
        clock.advance(days=7, seconds=-1)
        assert client.get(path).status_code == 200
        clock.advance(seconds=1)
        assert client.get(path).status_code == accept(client, path).status_code == 404
        assert user(client, "new@x.example") is None

    def test_it_is_taken_back(self, client):
        path = invite(as_user(client, BOUND))
        form = soup(client.get("/admin/users")).find("form", action="/admin/users/withdraw")
        given = {"invitation": form.find("input")["value"]}
        as_user(client, "owner@example.com")
        assert post(client, "/admin/users/withdraw", **given).status_code == 303
        assert post(client, "/admin/users/withdraw", **given).status_code == 404
        assert client.get(path).status_code == 404

    def test_the_page_is_the_same_for_who_has_an_account(self, client):
        as_user(client, BOUND)
        pages = [
            client.get(invite(client, email)).text.replace(email, "-")
            for email in ("lex@example.com", "new@x.example")
        ]
        assert pages[0] == pages[1]

    def test_who_has_an_account_gives_its_password_and_gets_one_role_more(self, client):
        path = invite(as_user(client, BOUND), "lex@example.com", "marketer")
        assert accept(client, path, NEW).status_code == 422
        assert accept(client, path, PASSWORD).status_code == 303
        assert user(client, "lex@example.com").grants == (
            *(Grant("legal"), Grant("marketer", "summit")),
        )
        assert sign_in(client, "lex@example.com").status_code == 303

    def test_the_password_of_another_cannot_be_guessed_by_it(self, client):
        path = invite(as_user(client, BOUND), "lex@example.com")
        for _ in range(5):
            assert accept(client, path, "wrong horse battery").status_code == 422
        assert accept(client, path, PASSWORD).status_code == 429

    @pytest.mark.parametrize("secret", ["x", "é", "a" * 400])
    def test_what_is_no_link_opens_nothing(self, client, secret):
        assert client.get(f"/admin/invitation/{secret}").status_code == 404

    @pytest.mark.parametrize(
        ("fields", "status"),
        [
            ({"email": "no address"}, 422),
            ({"email": HOSTILE}, 422),
            ({"role": "root"}, 422),
            ({"where": "store harbor"}, 404),
            ({"where": "all"}, 404),
            ({"where": "group outdoor"}, 404),
            ({"where": "store "}, 404),
            ({"where": ""}, 404),
        ],
    )
    def test_an_owner_invites_for_the_own_store_alone(self, client, fields, status):
        form = {"email": "a@x.example", "role": "legal", "where": "store summit", **fields}
        answer = post(as_user(client, BOUND), "/admin/users/invite", **form)
        assert answer.status_code == status
        assert "<script>alert" not in answer.text
        assert ask(client, lambda c: invitations.waiting(c, NOW)) == []

    def test_a_short_password_is_refused_and_the_link_stays(self, client):
        path = invite(as_user(client, BOUND))
        assert "Password: 5 characters" in accept(client, path, "short").text
        assert client.get(path).status_code == 200


class TestUsers:
    def test_an_owner_of_one_store_sees_its_people_alone(self, client):
        page = soup(as_user(client, BOUND).get("/admin/users"))
        named = [link.text for link in page.find(id="found").find_parent("section").find_all("a")]
        assert named == ["lex@summit.example", "mia@summit.example", "owner@summit.example"]
        everyone = soup(as_user(client, OWNER).get("/admin/users"))
        assert everyone.find(id="found").text == "7 users"

    def test_roles_are_given_and_taken(self, client):
        as_user(client, BOUND)
        assert post(client, f"{LEX}/grant", role="marketer", where="store summit").headers[
            "location"
        ] == (f"{LEX}?done=granted")
        assert "The role is given." in client.get(f"{LEX}?done=granted").text
        post(client, f"{LEX}/revoke", role="legal", where="store summit")
        assert user(client, "lex@summit.example").grants == (Grant("marketer", "summit"),)
        revoked, granted = notes(client, "user")
        assert (granted.subject, granted.store) == ("lex@summit.example", "summit")
        assert granted.detail == {
            "done": "granted",
            "before": ["legal of summit"],
            "after": ["legal of summit", "marketer of summit"],
        }
        assert revoked.detail["after"] == ["marketer of summit"]

    def test_of_who_has_roles_elsewhere_only_the_own_ones_are_shown_and_changed(self, client):
        write(client, lambda c: accounts.grant(c, "lex@summit.example", Grant("legal", "harbor")))
        page = as_user(client, BOUND).get(LEX)
        assert page.status_code == 200
        assert "harbor" not in page.text.lower()
        assert "Where they are signed in" not in page.text
        for path in ("disable", "enable", "end"):
            assert post(client, f"{LEX}/{path}").status_code == 403
        assert post(client, f"{LEX}/revoke", role="legal", where="store harbor").status_code == 404
        assert user(client, "lex@summit.example").disabled_at is None

    def test_an_account_is_disabled_and_enabled(self, client):
        as_user(client, BOUND)
        assert post(client, f"{LEX}/disable").status_code == 303
        assert "Disabled since 23 Nov 2026" in client.get(LEX).text
        assert as_user(client, "lex@summit.example").get("/admin/ledger").status_code == 303
        as_user(client, BOUND)
        post(client, f"{LEX}/enable")
        client.cookies.clear()
        assert sign_in(client, "lex@summit.example").status_code == 303
        assert [note.detail["done"] for note in notes(client, "user")] == ["enabled", "disabled"]

    def test_the_session_of_another_is_ended(self, client):
        as_user(client, OWNER)
        session = soup(client.get(LEX)).find("form", action=f"{LEX}/end").find("input")["value"]
        assert post(client, f"{LEX}/end", session=session).status_code == 303
        assert post(client, f"{LEX}/end", session=session).status_code == 404
        assert as_user(client, "lex@summit.example").get("/admin/ledger").status_code == 303

    def test_the_last_owner_stays(self, client):
        me = f"/admin/users/{USER_IDS[OWNER]}"
        as_user(client, OWNER)
        assert post(client, f"{me}/disable").status_code == 403
        answer = post(client, f"{me}/revoke", role="owner", where="all")
        assert answer.status_code == 422
        assert "Nobody else is owner of every store" in answer.text
        assert user(client, OWNER).grants == (Grant("owner"),)

    def test_the_own_user_cannot_be_looked_up_by_those_who_are_no_owners(self, client):
        for email in ("dev@example.com", "mia@summit.example", "lex@example.com"):
            as_user(client, email)
            assert client.get("/admin/users").status_code == 403
            assert post(client, f"{LEX}/grant", role="owner", where="all").status_code == 403

    def test_a_group_is_a_scope_of_its_own(self, client):
        async def outdoor(c) -> None:
            await groups.save(c, Group("outdoor", "Outdoor", Template()), NOW)
            config = StoreConfig("lake", "Lake", ("https://lake.example",), group="outdoor")
            await stores.save(c, config, NOW)
            await accounts.revoke(c, BOUND, Grant("owner", "summit"))
            await accounts.grant(c, BOUND, Grant("owner", group="outdoor"))

        write(client, outdoor)
        page = soup(as_user(client, BOUND).get("/admin/users"))
        places = [option["value"] for option in page.find("select", {"name": "where"}).children]
        assert places == ["group outdoor", "store lake"]
        path = invite(client, where="group outdoor")
        accept(client, path)
        assert user(client, "new@x.example").grants == (Grant("legal", group="outdoor"),)
        as_user(client, BOUND)
        assert post(client, f"{LEX}/grant", role="legal", where="store lake").status_code == 404

    @pytest.mark.parametrize("id_", ["0", "999", "x", "-1", "9" * 30, "é"])
    def test_there_is_no_user_of_that_number(self, client, id_):
        assert as_user(client, OWNER).get(f"/admin/users/{id_}").status_code == 404


def test_the_watch_on_the_log_hears_what_nobody_noted(client):
    """It stands behind every test that changes something by a page; see ``stage.watch``."""

    async def forget(c) -> None:
        await accounts.disable(c, OWNER, NOW)

    client.portal.call(_write, client.app.services.database, forget)
    assert len(client.app.unnoted) == 1
    assert "('UPDATE', 'users')" in client.app.unnoted.pop()


async def _write(db, work) -> None:
    async with db.write() as c:
        await work(c)


async def _rows(c, table):
    return list(await c.execute(table.select()))
