"""Flooding: one address and one store get so much, and everybody else is as well off as before."""

import contextlib
import functools
import uuid

import pytest
from starlette.testclient import TestClient

from consent import settings
from consent.errors import ThrottledError
from consent.geo import Geo
from consent.web import limits
from consent.web.app import create_app
from consent.web.limits import BURST_SECONDS, Limits, Pace
from tests.web.shop import FROM_SHOP, NEIGHBOUR, SUMMIT, published, refused, send, stored

VISITOR, OTHER = "81.2.69.160", "81.2.69.161"
PROXY = settings.load({"CONSENT_TRUSTED_PROXIES": "127.0.0.1", "CONSENT_SECRET_KEYS": "k" * 40})


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def scope(peer: str, *forwarded: str) -> dict:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    return {"type": "http", "client": (peer, 1), "headers": headers}


class TestPace:
    def test_a_burst_then_so_many_a_second_and_after_a_rest_a_burst_again(self, clock):
        pace = Pace(2, clock)
        assert [pace.wait("a") for _ in range(20)] == [0.0] * 20
        assert pace.wait("a") == pytest.approx(0.5)
        assert pace.wait("b") == 0
        clock.seconds += 0.5
        assert (pace.wait("a"), pace.wait("a") > 0) == (0.0, True)
        clock.seconds += BURST_SECONDS
        assert [pace.wait("a") for _ in range(20)] == [0.0] * 20

    def test_what_is_refused_costs_nothing(self, clock):
        pace = Pace(1, clock)
        while not pace.wait("a"):
            pass
        assert {pace.wait("a") for _ in range(1000)} == {1.0}

    def test_it_forgets_by_time_and_by_number(self, clock, monkeypatch):
        monkeypatch.setattr(limits, "KEYS_KEPT", 100)
        pace = Pace(1, clock)
        for n in range(1000):
            pace.wait(str(n))
        assert pace.kept <= 200
        for _ in range(2):
            clock.seconds += limits.HALF_SECONDS
            pace.wait("last")
        assert pace.kept <= 2

    def test_the_turn_of_the_table_gives_nobody_a_second_burst(self, clock):
        pace = Pace(1, clock)
        clock.seconds += limits.HALF_SECONDS - 1
        while not pace.wait("a"):
            pass
        clock.seconds += 1
        assert (pace.wait("a"), pace.wait("a") > 0) == (0.0, True)

    def test_nought_is_no_limit(self, clock):
        pace = Pace(0, clock)
        assert {pace.wait("a") for _ in range(1000)} == {0.0}
        assert pace.kept == 0


class TestAddresses:
    @pytest.fixture
    def limited(self, clock, now) -> Limits:
        geo = Geo(None, PROXY.trusted_proxies, now=now)
        geo.locate("127.0.0.1", {})
        return Limits(geo, 1, 0, clock)

    def spend(self, limited: Limits, *scopes: dict) -> int:
        """How many requests pass, over ``scopes`` in turns, before one is refused."""
        passed = 0
        with contextlib.suppress(ThrottledError):
            for passed in range(100):
                limited.take(scopes[passed % len(scopes)])
            return 100
        return passed

    @pytest.mark.parametrize(
        "scopes",
        [
            [scope(VISITOR)],
            [scope("127.0.0.1", VISITOR)],
            [scope("127.0.0.1", f"6.6.6.{n}, {VISITOR}") for n in range(100)],
            [scope("127.0.0.1", f"6.6.6.{n}", VISITOR) for n in range(100)],
            [scope("127.0.0.1", f"{VISITOR}:{n}") for n in range(1000, 1100)],
            [scope(VISITOR, f"6.6.6.{n}") for n in range(100)],
            [scope(f"2a02:2e0::{n:x}") for n in range(100)],
            [scope("127.0.0.1", f"[2a02:2e0::{n:x}]:443") for n in range(100)],
            [scope("127.0.0.1", f"2a02:2e0::{n:x}, 127.0.0.1") for n in range(100)],
            [scope(f"::ffff:{VISITOR}")],
        ],
        ids=lambda scopes: (
            str(scopes[1 % len(scopes)]["client"][0])
            + " ".join(value.decode() for _, value in scopes[1 % len(scopes)]["headers"])
        ),
    )
    def test_one_visitor_is_one_however_the_request_is_dressed(self, limited, scopes):
        passed = self.spend(limited, *scopes)
        assert passed in (BURST_SECONDS, 2 * BURST_SECONDS), "twice behind a chain of proxies"
        assert self.spend(limited, scope(OTHER)) == BURST_SECONDS

    @pytest.mark.parametrize(
        "from_inside", [scope("10.1.2.3"), scope("127.0.0.1"), scope("127.0.0.1", "192.168.1.4")]
    )
    def test_whoever_is_behind_a_private_address_cannot_be_told_apart(self, limited, from_inside):
        assert self.spend(limited, from_inside) == 100

    def test_no_address_is_kept(self, limited):
        self.spend(limited, scope(VISITOR))
        kept = [*limited._addresses._newer, *limited._addresses._older]
        assert len(kept) == 1
        assert VISITOR.encode() not in kept[0]
        assert bytes(int(part) for part in VISITOR.split(".")) not in kept[0]
        again = Limits(limited._geo, 1, 0)
        again.take(scope(VISITOR))
        assert set(again._addresses._newer).isdisjoint(kept), "the key is drawn anew"


@pytest.fixture
def flooded(database_url, now, tmp_path, clock, monkeypatch):
    """A client of a service that takes one post a second of an address and two of a store.

    Its second does not pass, however long a busy machine takes for a request.
    """
    monkeypatch.setattr("consent.web.app.Limits", functools.partial(Limits, clock=clock))
    published(database_url, now, SUMMIT, NEIGHBOUR)
    environ = {
        "CONSENT_DATABASE_URL": database_url,
        "CONSENT_SECRET_KEYS": "k" * 40,
        "CONSENT_TRUSTED_PROXIES": "127.0.0.1",
        "CONSENT_POSTS_PER_ADDRESS": "1",
        "CONSENT_POSTS_PER_STORE": "2",
    }
    app = create_app(settings.load(environ, var=tmp_path), now=now)
    with TestClient(app, client=("127.0.0.1", 1)) as client:
        yield client


def seen(client: TestClient, n: int, store: str = "summit", origin: str = FROM_SHOP["Origin"]):
    headers = {**FROM_SHOP, "Origin": origin, "X-Forwarded-For": f"81.2.{n // 250}.{n % 250 + 1}"}
    return client.post(f"/s/{store}/seen", content=b"{}", headers=headers)


class TestOverHttp:
    def test_an_address_that_floods_waits_and_its_decision_is_stored_later(
        self, flooded, a_post_of
    ):
        while (answer := seen(flooded, 0)).status_code == 204:
            pass
        refused(answer, 429, "too_many_from_address")
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["access-control-allow-origin"] == FROM_SHOP["Origin"]
        post = a_post_of(flooded)
        mine = {**FROM_SHOP, "X-Forwarded-For": "81.2.0.1"}
        refused(send(flooded, post, mine), 429, "too_many_from_address")
        refused(
            flooded.get(f"/s/summit/receipts/{post['id']}", headers=mine),
            429,
            "too_many_from_address",
        )
        assert stored(flooded) == 0
        assert send(flooded, post, {**FROM_SHOP, "X-Forwarded-For": OTHER}).status_code == 201
        text = flooded.get("/metrics").text
        assert 'pixelgate_posts_refused_total{reason="too_many_from_address"} 3.0' in text

    def test_a_store_that_is_flooded_from_everywhere_harms_no_neighbour(self, flooded):
        answers = [seen(flooded, n).status_code for n in range(60)]
        assert answers == [204] * 20 + [429] * 40
        refused(seen(flooded, 61), 429, "too_many_for_store")
        fjord = NEIGHBOUR.origins[0]
        assert seen(flooded, 62, "fjord", fjord).status_code == 204
        assert flooded.get("/s/summit/loader.js").status_code == 200

    def test_another_site_cannot_use_up_what_a_store_has(self, flooded):
        for n in range(60):
            refused(seen(flooded, n, origin="https://evil.example"), 403, "forbidden_origin")
        assert seen(flooded, 61).status_code == 204

    def test_a_store_leaves_room_in_the_queue(self, flooded, monkeypatch, a_post_of):
        monkeypatch.setattr(limits, "AT_ONCE", 0)
        refused(send(flooded, a_post_of(flooded)), 429, "too_many_for_store")
        monkeypatch.undo()
        assert send(flooded, a_post_of(flooded)).status_code == 201

    def test_scripts_that_are_there_cost_nothing_and_others_are_not_composed_without_end(
        self, flooded
    ):
        mine = {"X-Forwarded-For": VISITOR}
        assert flooded.get("/s/summit/loader.js", headers=mine).status_code == 200
        refusal = flooded.get("/s/summit/preferences.js", headers=mine)
        assert (refusal.status_code, refusal.headers["retry-after"]) == (429, "10")
        assert refusal.text.startswith("// pixelgate: too_many_from_address")
        assert refusal.headers["cache-control"] == "no-store"
        again = [flooded.get("/s/summit/loader.js", headers=mine) for _ in range(50)]
        assert {answer.status_code for answer in again} == {200}


@pytest.fixture
def a_post_of(now):
    def make(client: TestClient) -> dict:
        services = client.app.services
        place = services.geo.lookup(VISITOR)
        resolution = services.regions.resolve(place, on=now().date())
        banner = services.composer.banner(services.current("summit"), resolution, "en")
        return {
            "id": str(uuid.uuid4()),
            "visitor": str(uuid.uuid4()),
            "version": 1,
            "action": "reject_all",
            "grants": {"preferences": False, "analytics": False, "marketing": False},
            "language": "en",
            "banner": banner.sha256,
            "gpc": False,
        }

    return make
