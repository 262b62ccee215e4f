"""A service over PostgreSQL; a server that crashes, hangs up, is slow, silent, or cut off."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from consent import commit
from tests.faults.both import *  # noqa: F403
from tests.faults.house import House
from tests.faults.postgres import Proxy, Server

OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = 'house' AND pid <> pg_backend_pid()"
)


@pytest.fixture
def house(postgresql_house: House) -> House:
    return postgresql_house


def test_a_crashed_server_loses_nothing_and_is_used_again(house: House, server: Server):
    since = len(house.log())
    with house.visitors() as visitors:
        house.progress(visitors)
        server.stop("immediate")
        house.refusals(visitors)
        assert not house.is_ready()
        server.start()
        house.progress(visitors)
        house.wait(house.is_ready)
    house.check(at_least=80)
    assert house.strangers() == set()
    assert house.assert_said(since)


def test_connections_that_the_server_ends_lose_nothing(house: House, server: Server):
    since = len(house.log())

    def met_a_post() -> bool:
        server.psql(OTHERS)
        return bool(house.events("decisions not stored", since=since))

    with house.visitors() as visitors:
        for _ in range(5):
            house.progress(visitors)
            server.psql(OTHERS)
        house.wait(met_a_post)
        house.progress(visitors)
    house.check(at_least=200)
    assert house.strangers() == set()
    assert house.service.consent("ledger", "verify")


def cut_off(house: House, proxy: Proxy, lengths: Iterable[int]) -> None:
    """Cuts a connection after each of so many bytes from the service, while visitors post."""
    since = len(house.log())
    with house.visitors(4) as visitors:
        for length in lengths:
            before = proxy.cuts
            proxy.allowance = length
            house.wait(lambda seen=before: proxy.cuts > seen)
        house.progress(visitors)
    house.check(at_least=80)
    assert house.strangers() == set()
    assert house.events("decisions not stored", since=since)


def test_a_line_that_is_cut_in_mid_sentence_loses_nothing(house: House, proxy: Proxy):
    cut_off(house, proxy, range(10, 4000, 199))


@pytest.mark.soak
def test_a_line_that_is_cut_after_each_byte_loses_nothing(house: House, proxy: Proxy):
    cut_off(house, proxy, range(1, 6000, 7))


def test_a_slow_server_is_waited_for(house: House, proxy: Proxy):
    """That is told by ``pixelgate_decision_seconds``, for which alerts.yaml has a rule."""
    since = len(house.log())
    proxy.delay_seconds = 0.03
    try:
        with house.visitors() as visitors:
            house.progress(visitors, more=8)
    finally:
        proxy.delay_seconds = 0.0
    house.check(at_least=8)
    assert house.statuses[503] == 0
    assert house.events("decisions not stored", since=since) == []


@pytest.mark.soak
def test_a_silent_server_is_given_up_in_time_and_used_again(house: House, proxy: Proxy):
    since = len(house.log())
    with house.visitors() as visitors:
        house.progress(visitors)
        proxy.silent = True
        house.wait(lambda: bool(house.events("decisions not stored", since=since)))
        house.refusals(visitors)
        proxy.silent = False
        house.progress(visitors, patience_seconds=180)
    house.check(at_least=40)
    assert house.strangers() == set()
    assert house.longest_seconds < commit.COMMIT_SECONDS + 5
    assert house.assert_said(since)
