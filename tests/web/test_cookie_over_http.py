"""The cookie that the service sets: with the answer to a refusal, and at each visit."""

import datetime as dt
import uuid

import msgspec
import pytest
from starlette.testclient import TestClient

from consent.model import CHOOSABLE, CookieConfig, Place
from consent.regions import Regions
from tests.web.cookies import ALL, DAY, NONE, NOW, VISITOR, YESTERDAY, a_text
from tests.web.shop import (
    BERLIN,
    CALIFORNIA,
    FROM_SHOP,
    NEIGHBOUR,
    ORIGIN,
    SUMMIT,
    published,
    send,
    stored,
)

HERE, AT_SUBDOMAIN = "https://summit.example", "https://consent.summit.example"
WIDE = msgspec.structs.replace(
    SUMMIT,
    origins=(ORIGIN, "https://www.summit.example"),
    cookie=CookieConfig("summit.example"),
)


class Host:
    """The service as browsers reach it at one address. It keeps no cookies by itself."""

    def __init__(self, client: TestClient) -> None:
        self._client = client

    def send(self, post, headers=FROM_SHOP, *, at=AT_SUBDOMAIN, store="summit", cookies=None):
        more = {"Host": at.partition("://")[2]} | ({"Cookie": cookies} if cookies else {})
        answer = send(self._client, post, {**headers, **more}, store)
        self._client.cookies.clear()
        return answer

    def load(self, cookies, *, at=AT_SUBDOMAIN, store="summit", script="loader", **headers):
        named = {"Host": at.partition("://")[2], **BERLIN, **headers}
        if cookies is not None:
            named["Cookie"] = cookies
        answer = self._client.get(f"/s/{store}/{script}.js?de,true", headers=named)
        self._client.cookies.clear()
        return answer

    def preflight(self, origin, *, store="summit"):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        return self._client.options(f"/s/{store}/decisions", headers=asked)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def host(client: TestClient) -> Host:
    """A service where no store has a domain."""
    return Host(client)


@pytest.fixture
def wide(client: TestClient, now) -> Host:
    """A service where the shop has made its decisions hold on its whole domain."""
    published(client.app.services.settings.database_url, now, WIDE)
    client.portal.call(client.app.services.published.refresh)
    return Host(client)


@pytest.fixture
def a_refusal(a_post):
    def make(**changes) -> dict:
        return a_post(**{"action": "reject_all", "grants": grants(), **changes})

    return make


@pytest.fixture
def refusal(a_refusal):
    return a_refusal()


def grants(*granted: str) -> dict[str, bool]:
    return {purpose: purpose in granted for purpose in CHOOSABLE}


def accept_days() -> int:
    return Regions.load().resolve(Place("DE"), on=NOW.date()).regime.accept_days


def refuse_days() -> int:
    return Regions.load().resolve(Place("DE"), on=NOW.date()).regime.refuse_days


def parts(answer) -> tuple[str, dict[str, str]]:
    """The text of the cookie that an answer sets, and its attributes."""
    (value,) = answer.headers.get_list("set-cookie")
    text, *attributes = value.removeprefix("pixelgate=").split("; ")
    return text, dict(one.partition("=")[::2] for one in attributes)


class TestThePost:
    def test_the_service_on_the_shops_own_host_sets_the_cookie(self, host, refusal):
        answer = host.send(refusal, at=HERE)
        assert answer.status_code == 201
        text, attributes = parts(answer)
        at = int(NOW.timestamp())
        assert text == f"1.{refusal['id']}.{refusal['visitor']}.1.opt-in.{at}.000.0"
        assert attributes == {
            "Path": "/",
            "Max-Age": str(refuse_days() * DAY),
            "SameSite": "Lax",
            "Secure": "",
        }
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["access-control-allow-origin"] == ORIGIN

    @pytest.mark.parametrize("at", [HERE, AT_SUBDOMAIN, "https://a.b.summit.example:8443"])
    @pytest.mark.parametrize("origin", WIDE.origins)
    def test_with_a_domain_it_holds_on_all_of_it(self, wide, a_refusal, at, origin):
        answer = wide.send(a_refusal(version=2), {**FROM_SHOP, "Origin": origin}, at=at)
        assert parts(answer)[1]["Domain"] == "summit.example"
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["access-control-allow-origin"] == origin

    @pytest.mark.parametrize(
        "at", ["https://consent.example", "http://testserver", "https://evilsummit.example"]
    )
    def test_elsewhere_it_sets_none_and_stores_all_the_same(self, client, wide, a_refusal, at):
        answer = wide.send(a_refusal(version=2), at=at)
        assert (answer.status_code, stored(client)) == (201, 1)
        assert "set-cookie" not in answer.headers
        # The page sends its cookies wherever the service is, and reads no answer without this.
        assert answer.headers["access-control-allow-credentials"] == "true"

    def test_without_a_domain_a_subdomain_sets_none(self, host, refusal):
        answer = host.send(refusal, at=AT_SUBDOMAIN)
        assert answer.status_code == 201
        assert "set-cookie" not in answer.headers
        assert "access-control-allow-credentials" not in answer.headers

    def test_a_page_that_came_by_http_gets_a_cookie_that_goes_back_by_http(self, host, refusal):
        local = {**FROM_SHOP, "Origin": "http://localhost:8080"}
        assert "Secure" not in parts(host.send(refusal, local, at="http://localhost:8000"))[1]

    def test_a_page_is_answered_by_the_version_that_it_has(self, wide, a_refusal):
        older = wide.send(a_refusal(version=1), at=HERE)
        assert "Domain" not in parts(older)[1]
        assert "set-cookie" not in wide.send(a_refusal(version=1), at=AT_SUBDOMAIN).headers

    def test_it_says_what_the_ledger_holds_and_not_what_was_posted_of_place_or_time(
        self, host, refusal
    ):
        answer = host.send({**refusal, "gpc": True}, {**FROM_SHOP, **CALIFORNIA}, at=HERE)
        text, attributes = parts(answer)
        at = int(NOW.timestamp())
        assert text == f"1.{refusal['id']}.{refusal['visitor']}.1.opt-out.{at}.000.1"
        regime = Regions.load().resolve(Place("US", "US-CA"), on=NOW.date()).regime
        assert attributes["Max-Age"] == str(regime.refuse_days * DAY)

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"action": "save", "pixels": {"meta": False}},
            {"action": "save", "grants": grants("marketing")},
            {"action": "save", "grants": grants("preferences", "analytics")},
        ],
    )
    def test_no_answer_brings_a_grant_whatever_the_request_carried(
        self, client, wide, a_post, changes
    ):
        other, seconds = str(uuid.uuid4()), int(NOW.timestamp())
        carried = [
            None,
            "a=1",
            "pixelgate=",
            "pixelgate=0",
            f"pixelgate=0.{VISITOR}",
            "pixelgate=x",
            f"pixelgate={a_text()}; pixelgate={a_text()}",
            *(
                f"pixelgate={a_text(id_, seconds, bits, version=2, state=state)}"
                for id_ in ("{id}", other)
                for bits in (ALL, NONE)
                for state in "12"
            ),
        ]
        for cookies in carried:
            post = a_post(version=2, **changes)
            known = cookies and cookies.replace("{id}", post["id"])
            for _ in range(2):  # the second time it is stored already
                answer = wide.send(post, cookies=known)
                assert answer.status_code == 201
                assert "set-cookie" not in answer.headers, known
        assert stored(client) == len(carried)

    def test_an_accept_that_is_answered_late_does_not_undo_the_refusal_since(
        self, host, a_post, refusal
    ):
        """It left before there was any cookie, so nothing in it tells of the refusal."""
        accept = a_post(visitor=refusal["visitor"])
        jar = parts(host.send(refusal, at=HERE))[0]
        for cookies in (None, f"pixelgate={jar}"):
            late = host.send(accept, at=HERE, cookies=cookies)
            assert late.status_code == 201
            assert "set-cookie" not in late.headers
        text, _ = parts(host.load(f"pixelgate={jar}", at=HERE))
        assert text == jar
        assert ".000." in text

    def test_the_first_answer_was_lost_and_the_second_sets_it(self, host, refusal, now):
        first = parts(host.send(refusal, at=HERE))[0]
        now.advance(seconds=100)
        text, attributes = parts(host.send(refusal, at=HERE, cookies=f"pixelgate={first}"))
        assert text == first
        assert attributes["Max-Age"] == str(refuse_days() * DAY - 100)

    @pytest.mark.parametrize("cookies", [None, "pixelgate=0", f"pixelgate=0.{VISITOR}"])
    def test_a_replay_of_an_old_decision_brings_it_not_back(self, host, a_post, refusal, cookies):
        for post in (a_post(), refusal):
            host.send(post, at=HERE)
            again = host.send(post, at=HERE, cookies=cookies)
            assert again.status_code == 201
            assert "set-cookie" not in again.headers

    def test_a_grant_that_arrives_after_another_tab_refused_does_not_undo_that(
        self, host, a_post, refusal
    ):
        refused = parts(host.send(refusal, at=HERE))[0]
        late = host.send(a_post(), at=HERE, cookies=f"pixelgate={refused}")
        assert late.status_code == 201
        assert "set-cookie" not in late.headers

    @pytest.mark.parametrize("grant_lands_last", [True, False])
    def test_answers_in_any_order_end_with_the_refusal(
        self, host, a_post, refusal, grant_lands_last
    ):
        """The grant leaves, then another tab refuses."""
        grant = host.send(a_post(), at=HERE)
        written_by_the_other_tab = a_text(refusal["id"], bits=NONE)
        refused = host.send(refusal, at=HERE, cookies=f"pixelgate={written_by_the_other_tab}")
        answers = [refused, grant] if grant_lands_last else [grant, refused]
        jar = [parts(one)[0] for one in answers if "set-cookie" in one.headers]
        assert jar[-1].split(".")[1] == refusal["id"]
        assert ".000." in jar[-1]
        assert len(jar) == 1

    @pytest.mark.parametrize("granted", [True, False])
    def test_a_refusal_that_arrives_late_leaves_another_decision_alone(
        self, host, refusal, granted
    ):
        other = a_text(bits=ALL if granted else NONE)
        late = host.send(refusal, at=HERE, cookies=f"pixelgate={other}")
        assert late.status_code == 201
        assert "set-cookie" not in late.headers

    @pytest.mark.parametrize(
        "cookies",
        [
            *(f"pixelgate={value}" for value in ("0", f"0.{VISITOR}", "", "x")),
            f"pixelgate={a_text()}; pixelgate={a_text()}",
        ],
    )
    def test_only_a_refusal_replaces_a_withdrawal_under_way(self, host, a_post, refusal, cookies):
        assert "set-cookie" not in host.send(a_post(), at=HERE, cookies=cookies).headers
        text, _ = parts(host.send(refusal, at=HERE, cookies=cookies))
        assert ".000." in text

    def test_what_is_refused_sets_none(self, client, host, a_refusal):
        post = a_refusal()
        host.send(post, at=HERE)
        for answer in (
            host.send({**post, "visitor": str(uuid.uuid4())}, at=HERE),
            host.send(a_refusal(version=9), at=HERE),
            host.send(b"{", at=HERE),
            host.send(a_refusal(), {**FROM_SHOP, "Origin": "https://evil.example"}, at=HERE),
        ):
            assert 400 <= answer.status_code < 500
            assert "set-cookie" not in answer.headers
        assert stored(client) == 1

    def test_a_forged_host_makes_no_cookie_for_it(self, wide, a_refusal):
        for forged in ("https://evil.example", "https://summit.example.evil.example", "https://"):
            answer = wide.send(a_refusal(version=2), at=forged)
            assert "set-cookie" not in answer.headers

    def test_a_forwarded_host_does_not_count(self, host, refusal):
        headers = {
            **FROM_SHOP,
            "X-Forwarded-Host": "summit.example",
            "Forwarded": "host=summit.example",
        }
        answer = host.send(refusal, headers, at=AT_SUBDOMAIN)
        assert "set-cookie" not in answer.headers

    def test_the_preflight_allows_cookies_where_the_page_sends_them(self, wide):
        answer = wide.preflight(ORIGIN)
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        evil = wide.preflight("https://evil.example")
        assert evil.status_code == 403
        assert "access-control-allow-credentials" not in evil.headers
        neighbour = wide.preflight(NEIGHBOUR.origins[0], store="fjord")
        assert "access-control-allow-credentials" not in neighbour.headers

    def test_a_law_that_changed_since_sets_no_period_of_its_own(
        self, client, host, refusal, monkeypatch
    ):
        text = parts(host.send(refusal, at=HERE))[0]
        regime = Regions.load().resolve(Place("DE"), on=NOW.date()).regime
        changed = msgspec.structs.replace(regime, refuse_days=9999, sha256="f" * 64)
        regions = client.app.services.regions
        built = dict(regions._built)
        (key,) = (key for key, known in built.items() if known.sha256 == regime.sha256)
        monkeypatch.setattr(regions, "_built", {**built, key: changed})
        monkeypatch.setattr(regions, "_found", {})
        assert "set-cookie" not in host.send(refusal, at=HERE, cookies=f"pixelgate={text}").headers


class TestTheVisit:
    """``GET loader.js`` with a cookie."""

    known = f"pixelgate={a_text()}"

    def test_it_renews_the_decision_for_the_rest_of_its_time(self, wide):
        answer = wide.load(self.known)
        text, attributes = parts(answer)
        assert text == a_text()
        assert attributes == {
            "Path": "/",
            "Max-Age": str((accept_days() - 1) * DAY),
            "SameSite": "Lax",
            "Secure": "",
            "Domain": "summit.example",
        }
        assert answer.headers["cache-control"] == "private, no-cache"

    def test_also_when_the_page_has_the_script(self, wide):
        etag = wide.load(None).headers["etag"]
        answer = wide.load(self.known, **{"If-None-Match": etag})
        assert (answer.status_code, answer.content) == (304, b"")
        assert parts(answer)[0] == a_text()

    def test_the_script_is_the_same_and_the_next_visitor_gets_no_one_elses(self, client, wide):
        with_decision = wide.load(self.known)
        other = a_text(VISITOR, bits=NONE)
        another = wide.load(f"pixelgate={other}")
        without = wide.load(None)
        assert with_decision.content == another.content == without.content
        assert with_decision.headers["etag"] == another.headers["etag"] == without.headers["etag"]
        assert "set-cookie" not in without.headers
        assert parts(another)[0] == other
        assert client.app._visitor.scripts.made == 1

    def test_without_a_domain_the_shops_own_host_renews_it(self, host):
        assert "Domain" not in parts(host.load(self.known, at=HERE))[1]
        assert "set-cookie" not in host.load(self.known, at=AT_SUBDOMAIN).headers

    @pytest.mark.parametrize(
        ("page", "at", "secure"),
        [
            ("https://summit.example/a", HERE, True),
            ("http://localhost:8080/a", "http://localhost:8000", False),
            (None, HERE, True),
            (None, "http://localhost:8000", False),
            ("https://elsewhere.example/", HERE, True),
        ],
    )
    def test_the_page_says_whether_it_is_for_tls_alone(self, host, page, at, secure):
        headers = {"Referer": page} if page else {}
        assert ("Secure" in parts(host.load(self.known, at=at, **headers))[1]) is secure

    def test_a_page_on_one_host_renews_nothing_on_another(self, host):
        page = {"Referer": "http://localhost:8080/"}
        assert "set-cookie" not in host.load(self.known, at=HERE, **page).headers

    @pytest.mark.parametrize(
        "cookies",
        [
            "a=1",
            "pixelgate=0",
            f"pixelgate=0.{VISITOR}",
            "pixelgate=",
            f"pixelgate={a_text(state='2')}",
            f"pixelgate={a_text()}; pixelgate={a_text(bits=NONE)}",
            f"pixelgate={a_text()}; pixelgate={a_text()}",
            f"pixelgate={a_text()}; pixelgate=0",
            f"pixelgate={a_text(at=YESTERDAY - 3650 * DAY)}",
            f"pixelgate={a_text(at=YESTERDAY + 2 * DAY)}",
            f"pixelgate={a_text(version=99)}",
            f"pixelgate={a_text()}x",
            f"pixelgate={a_text()}, x=1",
            f"pixelgate={a_text()}\r\nSet-Cookie: session=stolen",
            f"pixelgate={a_text()}\nSet-Cookie: session=stolen",
            f"pixelgate={a_text()}\x00",
            f"pixelgate={a_text(refused='m' * 4000)}",
            "pixelgate=" + "1" * 60_000,
            "pixelgate=1;" * 5_000,
        ],
    )
    def test_what_no_page_would_believe_is_not_renewed(self, wide, cookies):
        answer = wide.load(cookies)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert "session" not in str(answer.headers)

    def test_a_separator_ends_the_cookie_and_what_follows_is_not_said_again(self, wide):
        answer = wide.load(f"pixelgate={a_text()}; Domain=evil.example; HttpOnly; Max-Age=1")
        assert parts(answer)[1]["Domain"] == "summit.example"
        assert "HttpOnly" not in str(answer.headers)

    @pytest.mark.parametrize(
        "at", ["https://evil.example", "https://evilsummit.example", "http://testserver"]
    )
    def test_another_host_renews_nothing(self, wide, at):
        page = {"Referer": "https://summit.example/"}
        assert "set-cookie" not in wide.load(self.known, at=at, **page).headers

    def test_a_neighbours_script_renews_nothing_of_ours(self, wide):
        page = {"Referer": "https://summit.example/"}
        for headers in ({}, page):
            answer = wide.load(self.known, store="fjord", **headers)
            assert answer.status_code == 200
            assert "set-cookie" not in answer.headers

    def test_the_other_scripts_and_refusals_renew_nothing(self, wide):
        assert "set-cookie" not in wide.load(self.known, script="choices").headers
        assert "set-cookie" not in wide.load(self.known, store="nobody").headers

    def test_the_period_is_that_of_the_place_where_the_visitor_is(self, wide):
        refused = f"pixelgate={a_text(bits=NONE)}"
        ages = set()
        for place, headers in ((Place("DE"), BERLIN), (Place("US", "US-CA"), CALIFORNIA)):
            regime = Regions.load().resolve(place, on=NOW.date()).regime
            age = (regime.refuse_days - 1) * DAY
            assert parts(wide.load(refused, **headers))[1]["Max-Age"] == str(age)
            ages.add(age)
        assert len(ages) == 2

    def test_no_law_is_looked_up_for_a_script_that_is_there(self, client, wide, monkeypatch):
        wide.load(self.known)
        monkeypatch.setattr(client.app.services.regions, "resolve", None)
        assert parts(wide.load(self.known))[0] == a_text()

    @pytest.mark.parametrize(
        ("changes", "rest"),
        [
            ({}, "111.0"),
            ({"action": "save", "grants": grants("analytics")}, "010.0"),
            ({"action": "save", "pixels": {"meta": False}}, "111.0.meta"),
        ],
    )
    def test_the_next_visit_after_a_grant_sets_it_for_the_rest_and_no_longer(
        self, wide, a_post, now, changes, rest
    ):
        post = a_post(version=2, **changes)
        answer = wide.send(post)
        assert answer.status_code == 201
        assert "set-cookie" not in answer.headers
        at = int(NOW.timestamp())
        written_by_the_page = f"1.{post['id']}.{post['visitor']}.2.opt-in.{at}.{rest}"
        for passed in (100, 100 + 6 * DAY, 100 + 100 * DAY):
            now.moment = NOW + dt.timedelta(seconds=passed)
            text, attributes = parts(wide.load(f"pixelgate={written_by_the_page}"))
            assert text == written_by_the_page
            assert attributes["Max-Age"] == str(accept_days() * DAY - passed)
            assert attributes["Domain"] == "summit.example"
        now.moment = NOW + dt.timedelta(days=accept_days())
        assert "set-cookie" not in wide.load(f"pixelgate={written_by_the_page}").headers

    def test_from_post_to_last_day_it_says_one_thing_and_ends_on_time(self, wide, a_refusal, now):
        text, attributes = parts(wide.send(a_refusal(version=2)))
        end = now().timestamp() + int(attributes["Max-Age"])
        for days in (1, 6, 100):
            now.advance(days=days)
            again, attributes = parts(wide.load(f"pixelgate={text}"))
            assert again == text
            assert now().timestamp() + int(attributes["Max-Age"]) == end
        now.moment = dt.datetime.fromtimestamp(end, dt.UTC)
        assert "set-cookie" not in wide.load(f"pixelgate={text}").headers
