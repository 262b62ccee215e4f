"""A service over SQLite; a disk that fills up, a file that may not be written or was replaced."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import pytest

from tests.faults.both import *  # noqa: F403
from tests.faults.disks import Disk, limited
from tests.faults.house import House


@pytest.fixture
def house(sqlite_house: House) -> House:
    return sqlite_house


Fault = Callable[[Disk, int], AbstractContextManager[None]]


def no_room(disk: Disk, pid: int) -> AbstractContextManager[None]:
    return disk.full(pid)


def no_longer_files(disk: Disk, pid: int) -> AbstractContextManager[None]:
    return limited(pid, disk.folder)


@pytest.mark.parametrize("fault", [no_room, no_longer_files])
def test_a_disk_without_room_loses_nothing_and_is_used_again(
    fault: Fault, house: House, disk: Disk
):
    since = len(house.log())
    with house.visitors() as visitors:
        house.progress(visitors)
        with fault(disk, house.service.pid):
            house.refusals(visitors)
        house.progress(visitors)
    house.check(at_least=80)
    assert house.strangers() == set()
    lines = house.assert_said(since)
    assert all("the disk" in line["error"] for line in lines)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    paths = [folder, *folder.iterdir()]
    modes = [path.stat().st_mode for path in paths]
    for path in paths:
        path.chmod(0o555 if path == folder else 0o444)
    try:
        yield
    finally:
        for path, mode in zip(paths, modes, strict=True):
            with contextlib.suppress(FileNotFoundError):
                path.chmod(mode)


def test_files_that_may_not_be_written_are_written_again_once_they_may(house: House, disk: Disk):
    since = len(house.log())
    with house.visitors() as visitors:
        house.progress(visitors)
        with read_only(disk.folder):
            for _ in house.workers():  # what is open already stays writable; a new worker's is not
                house.kill_worker()
            house.refusals(visitors)
            assert not house.is_ready()
        house.progress(visitors)
        house.wait(house.is_ready)
    house.check(at_least=80)
    assert house.strangers() == set()
    lines = house.assert_said(since)
    assert all("cannot be written" in line["error"] for line in lines)


def test_a_backup_put_in_its_place_takes_over_at_once(house: House, disk: Disk):
    file = disk.folder / "pixelgate.db"
    with house.visitors() as visitors:
        house.progress(visitors)
    copy = disk.folder / "copy.db"
    house.service.consent("ledger", "backup", str(copy))
    with house.visitors(replays=False) as visitors:  # what the backup lacks would be stored anew
        house.progress(visitors)
        copy.rename(file)
        replaced = time.monotonic()
        house.progress(visitors)
    kept = house.ids()
    house.forget(lambda one: one.sent < replaced and one.post["id"] not in kept)
    house.check(at_least=40)
    assert house.service.consent("ledger", "verify")


def test_workers_end_with_the_process_that_started_them(house: House):
    since = len(house.log())
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
    said = house.events("worker ends, since the process that started it is gone", since=since)
    assert len(said) == len(orphans)
