"""What must hold over both kinds of database: processes that are killed or told to stop, clocks
that are set, tables that are migrated, and posts that come twice. The test files of each kind
import these tests, and have a ``house`` of their own.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import signal
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.faults import clock
from tests.faults.house import SERVING, WORKERS, House
from tests.faults.upgrade import downgrade, half_upgraded, upgrade
from tests.faults.visitors import Acknowledged, Answer, Line, a_post

__all__ = [
    "test_a_clock_that_is_set_ahead_and_back_leaves_the_ledger_in_order",
    "test_a_killed_service_loses_nothing_and_goes_on_where_it_was",
    "test_a_killed_worker_loses_nothing_and_another_takes_its_place",
    "test_a_migration_that_is_killed_under_posts_and_then_done_holds_up_nobody",
    "test_a_service_that_is_told_to_stop_answers_what_it_took_and_ends",
    "test_one_id_with_two_contents_at_once_is_stored_as_one_of_them",
    "test_the_same_post_at_once_is_stored_once_and_gets_one_receipt",
]

AT_ONCE = 12
ROUNDS = 8
DAY_SECONDS = 86_400
ROOT = Path(__file__).resolve().parents[2]


def begun_with(house: House, words: str, since: int) -> list[str]:
    """The lines that begin so, of what was logged since then."""
    events = (line["event"] for line in house.lines(since=since))
    return [event for event in events if event.startswith(words)]


def test_a_killed_worker_loses_nothing_and_another_takes_its_place(house: House):
    since = len(house.log())
    with house.visitors() as visitors:
        for _ in range(WORKERS):
            house.progress(visitors)
            house.kill_worker()
        house.progress(visitors)
    house.check(at_least=80)
    assert house.strangers() == set()
    ended = begun_with(house, "Unexpected exit from worker-", since)
    assert len(ended) == len(set(ended)) == WORKERS


def test_a_killed_service_loses_nothing_and_goes_on_where_it_was(house: House):
    since = len(house.log())
    with house.visitors() as visitors:
        house.progress(visitors)
        house.service.stop(signal.SIGKILL)
        house.start()
        house.progress(visitors)
    house.check(at_least=80)
    assert house.strangers() == set()
    assert len(SERVING.findall(house.log()[since:])) == 1  # who is killed can say no more


def test_a_service_that_is_told_to_stop_answers_what_it_took_and_ends(house: House):
    house.service.stop(signal.SIGTERM)
    lost = house.uncounted()
    house.start()
    with house.visitors() as visitors:
        house.progress(visitors)
        house.service.stop(signal.SIGTERM)
        house.start()
        house.progress(visitors)
    house.check(at_least=80)
    assert house.strangers() == set()
    house.wait(lambda: house.uncounted() == lost)


def test_a_clock_that_is_set_ahead_and_back_leaves_the_ledger_in_order(house: House):
    since = len(house.log())
    house.service.environ["PYTHONPATH"] = str(ROOT)
    clock.set_wrong_by(house.service.folder, 0)
    with house.served_by([sys.executable, "-m", clock.__name__]), house.visitors() as visitors:
        house.progress(visitors)
        for days in (1, -1):
            clock.set_wrong_by(house.service.folder, days * DAY_SECONDS)
            house.progress(visitors)  # what was on its way may still be of the time before
            house.progress(visitors)
        house.wait(lambda: len(begun_with(house, "clock went back; ", since)) == WORKERS)
    house.check(at_least=200)
    assert house.strangers() == set()
    moments = [dt.datetime.fromisoformat(one.receipt["at"]) for one in visitors[0].acknowledged]
    steps = [(then - now).total_seconds() for now, then in itertools.pairwise(moments)]
    assert max(steps) > 0.9 * DAY_SECONDS
    assert min(steps) < -1.9 * DAY_SECONDS
    assert house.service.consent("ledger", "verify")


def test_a_migration_that_is_killed_under_posts_and_then_done_holds_up_nobody(house: House):
    """The service is of the earlier release until it is started anew, workers that it starts too;
    no proxy passes it over.
    """
    with house.visitors() as visitors:
        house.progress(visitors)
        with half_upgraded(house.url):
            pass
        house.progress(visitors)
        assert house.is_ready()
        upgrade(house.url)
        try:
            house.progress(visitors)
            house.kill_worker()
            house.progress(visitors)
            assert house.is_ready()
        finally:
            downgrade(house.url)
        house.progress(visitors)
    house.check(at_least=200)
    assert house.strangers() == set()


def posted_at_once(house: House, posts: list[dict[str, Any]]) -> list[Answer]:
    """The answers to ``posts``, each on a connection of its own."""

    def post(body: dict[str, Any]) -> Answer:
        with contextlib.closing(Line(house.service.port)) as line:
            answer = line.post(body)
        assert answer is not None
        return answer

    with ThreadPoolExecutor(len(posts)) as pool:
        return list(pool.map(post, posts))


def test_the_same_post_at_once_is_stored_once_and_gets_one_receipt(house: House):
    for number in range(ROUNDS):
        post = a_post(house.banner, uuid.uuid4(), number)
        answers = posted_at_once(house, [post] * AT_ONCE)
        assert {answer.status for answer in answers} == {201}
        receipts = {answer.body["receipt"] for answer in answers}
        assert len(receipts) == 1
        house.acknowledged[post["id"]] = Acknowledged(post, answers[0].body, 0.0)
    house.check(at_least=ROUNDS)
    assert house.strangers() == set()


def test_one_id_with_two_contents_at_once_is_stored_as_one_of_them(house: House):
    for number in range(ROUNDS):
        first = a_post(house.banner, uuid.uuid4(), number)
        other = a_post(house.banner, uuid.uuid4(), number + 1, id=first["id"])
        answers = posted_at_once(house, [first, other] * (AT_ONCE // 2))
        statuses = [{one.status for one in answers[start::2]} for start in (0, 1)]
        assert sorted(map(sorted, statuses)) == [[201], [409]]
        stored, start = (first, 0) if statuses[0] == {201} else (other, 1)
        house.acknowledged[first["id"]] = Acknowledged(stored, answers[start].body, 0.0)
    house.check(at_least=ROUNDS)
    assert house.strangers() == set()
