"""Work beside requests: it goes round, and ends when told to."""

from __future__ import annotations

import asyncio

import pytest

from consent.rounds import Rounds

pytestmark = pytest.mark.anyio

LONG = 3600.0


async def test_each_round_says_when_the_next_one_is():
    waits, done = [0.0, 0.0, LONG], asyncio.Event()
    began = 0

    async def work() -> float:
        nonlocal began
        began += 1
        if began == 3:
            done.set()
        return waits[began - 1]

    rounds = Rounds(work, 0)
    rounds.start()
    await done.wait()
    await rounds.stop()
    assert began == 3
    assert rounds.is_over


async def test_whoever_waits_for_the_first_round_hears_that_it_is_over():
    async def work() -> float:
        raise AssertionError

    rounds = Rounds(work, LONG)
    rounds.start()
    await asyncio.sleep(0)
    await rounds.stop()
    await rounds.stop()


async def test_a_round_under_way_ends_before_stop_returns():
    begun, go_on, ended = asyncio.Event(), asyncio.Event(), []

    async def work() -> float:
        begun.set()
        assert not rounds.is_over
        await go_on.wait()
        ended.append(rounds.is_over)
        return 0

    rounds = Rounds(work, 0)
    rounds.start()
    await begun.wait()
    stopping = asyncio.create_task(rounds.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    go_on.set()
    await stopping
    assert ended == [True]


async def test_stop_at_once_lets_go_of_it():
    begun = asyncio.Event()

    async def work() -> float:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    rounds = Rounds(work, 0)
    rounds.start()
    await begun.wait()
    await rounds.stop(at_once=True)
    assert rounds.is_over


async def test_a_pause_within_a_round_ends_with_the_rounds():
    paused = asyncio.Event()
    went_on = []

    async def work() -> float:
        went_on.append(await rounds.pause(0))
        paused.set()
        went_on.append(await rounds.pause(LONG))
        return 0

    rounds = Rounds(work, 0)
    rounds.start()
    await paused.wait()
    await rounds.stop()
    assert went_on == [True, False]
