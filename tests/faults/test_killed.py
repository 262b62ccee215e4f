"""SIGKILL, for one process that answers and for all of them at once; and the way to stop."""

from __future__ import annotations

import os
import signal

import psutil

from tests.faults.house import WORKERS, House


def test_a_killed_worker_loses_nothing_and_another_takes_its_place(house: House):
    with house.visitors() as visitors:
        for _ in range(WORKERS):
            house.progress(visitors)
            house.kill_worker()
        house.progress(visitors)
    house.check(at_least=80)
    assert house.strangers() == set()


def test_a_killed_service_loses_nothing_and_goes_on_where_it_was(house: House):
    with house.visitors() as visitors:
        house.progress(visitors)
        house.service.stop(signal.SIGKILL)
        house.start()
        house.progress(visitors)
    house.check(at_least=80)
    assert house.strangers() == set()


def test_workers_end_with_the_process_that_started_them(sqlite_house: House):
    house = sqlite_house
    orphans = [psutil.Process(pid) for pid in house.workers()]
    with house.visitors() as visitors:
        house.progress(visitors)
        os.kill(house.service.pid, signal.SIGKILL)
        house.wait(lambda: not any(orphan.is_running() for orphan in orphans))
        house.service.stop()
        house.start()
        house.progress(visitors)
    house.check(at_least=80)
    assert house.strangers() == set()


def test_a_service_that_is_told_to_stop_answers_what_it_took_and_ends(house: House):
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        with house.visitors() as visitors:
            house.progress(visitors)
            house.service.stop(signal_)
            house.start()
            house.progress(visitors)
    house.check(at_least=80)
    assert house.strangers() == set()
