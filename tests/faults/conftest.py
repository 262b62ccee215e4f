"""One house for each kind of database, for all the tests of its file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.disks import Disk, heed_permissions
from tests.faults.house import House
from tests.faults.postgres import Proxy, Server


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    disk = Disk(tmp_path_factory.mktemp("disk") / "var")
    yield disk
    disk.close()


@pytest.fixture(scope="module")
def sqlite_house(disk: Disk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    yield from _opened(tmp_path_factory.mktemp("house"), f"sqlite:///{disk.folder}/pixelgate.db")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="module")
def proxy(server: Server) -> Iterator[Proxy]:
    proxy = Proxy(server.socket)
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def postgresql_house(
    server: Server, proxy: Proxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    direct = server.new_url("house")
    folder = tmp_path_factory.mktemp("house")
    yield from _opened(folder, proxy.url(direct), ledger_url=direct)


def _opened(folder: Path, url: str, *, ledger_url: str | None = None) -> Iterator[House]:
    house = House(folder, url, ledger_url=ledger_url)
    house.service.prepare = heed_permissions
    house.open()
    yield house
    house.service.stop()
