"""One store is flooded from many connections, while its neighbour's visitors decide."""

from __future__ import annotations

import contextlib
import itertools
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.service import PUBLISHED
from tests.faults.house import House
from tests.faults.visitors import ORIGIN, Acknowledged, Answer, Line, Whole, a_post

FLOODED = "fjord"
POSTS_PER_STORE = 20
"""A second, in each process; and ten seconds' worth at once."""
CONNECTIONS = 64
NEIGHBOURS, DECISIONS = 8, 20
"""Fewer in all than the neighbour has at once, however fast they come."""
REFUSALS = 2_000


class Flood:
    """Posts decisions to one store from ``CONNECTIONS``, without a pause, until told to stop."""

    def __init__(self, house: House) -> None:
        self._port, self._banner = house.service.port, house.banner_of(FLOODED)
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._post) for _ in range(CONNECTIONS)]
        self.taken: list[Acknowledged] = []
        self.refused: list[Answer] = []
        self.broken: list[Answer | None] = []

    def __enter__(self) -> Flood:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _post(self) -> None:
        with contextlib.closing(Line(self._port, f"/s/{FLOODED}/decisions", kind=Whole)) as line:
            for number in itertools.count():
                if self._over.is_set():
                    return
                post = a_post(self._banner, uuid.uuid4(), number)
                answer = line.post(post)
                if answer is not None and answer.status == 201:
                    self.taken.append(Acknowledged(post, answer.body, 0.0))
                elif answer is not None and answer.status == 429:
                    self.refused.append(answer)
                else:
                    self.broken.append(answer)


@pytest.fixture(params=["sqlite_house", "postgresql_house"])
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    """One whose stores may post less."""
    house: House = request.getfixturevalue(request.param)
    store = PUBLISHED.replace("summit", FLOODED).format(origin=ORIGIN)
    house.service.publish(store)
    house.service.environ["CONSENT_POSTS_PER_STORE"] = str(POSTS_PER_STORE)
    house.service.stop()
    house.start()
    yield house
    del house.service.environ["CONSENT_POSTS_PER_STORE"]


def decided(house: House) -> list[Answer | None]:
    """The answers to what the neighbour's visitors decided, each of them on one connection."""
    banner = house.banner

    def visitor(_: int) -> list[Answer | None]:
        answers, id_ = [], uuid.uuid4()
        with contextlib.closing(Line(house.service.port)) as line:
            for number in range(DECISIONS):
                post = a_post(banner, id_, number)
                answers.append(answer := line.post(post))
                if answer is not None and answer.status == 201:
                    house.acknowledged[post["id"]] = Acknowledged(post, answer.body, 0.0)
        return answers

    with ThreadPoolExecutor(NEIGHBOURS) as pool:
        return [answer for answers in pool.map(visitor, range(NEIGHBOURS)) for answer in answers]


@pytest.mark.soak
def test_a_store_that_is_flooded_far_over_its_limit_harms_no_neighbour(house: House):
    with Flood(house) as flood:
        house.wait(lambda: len(flood.refused) > REFUSALS)
        before = len(flood.refused)
        answers = decided(house)
        house.wait(lambda: len(flood.refused) > before + REFUSALS)
    assert [one and one.status for one in answers] == [201] * NEIGHBOURS * DECISIONS
    assert flood.broken == []
    assert {one.body["error"] for one in flood.refused} == {"too_many_for_store"}
    assert all((one.retry_after or "").isdigit() for one in flood.refused)
    assert len(flood.refused) > len(flood.taken) > 0
    house.acknowledged |= {one.post["id"]: one for one in flood.taken}
    house.check(at_least=NEIGHBOURS * DECISIONS + len(flood.taken))
    assert house.strangers() == set()
