"""What goes wrong around a service: its clients, its place database, its keys."""

from __future__ import annotations

import http.client
import resource
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from consent.errors import ForbiddenError
from consent.signing import Signer
from tests import places
from tests.faults.crowd import crowd
from tests.faults.house import House

CONNECTION_BYTES = 32 * 1024
"""More than one that waits may cost a worker."""
SPARE_BYTES = 64 * 1024 * 1024
"""What the visitors of a test may make a worker's memory grow by meanwhile."""
READER_BYTES = 1024 * 1024
"""More than one that does not read may cost it."""
IDLE, SLOW, READERS = 2_000, 200, 50
CROWD = 10_000
SPARE_FILES = 2_000
FEW_FILES = 256
AMERICAN = "128.97.27.37"


@pytest.fixture(scope="module")
def place_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return places.write(tmp_path_factory.mktemp("places") / "places.mmdb")


@pytest.fixture(scope="module")
def house(sqlite_house: House, place_file: Path) -> House:
    """Started as from a shell, which allows few open files; the service allows itself more."""
    service, prepare = sqlite_house.service, sqlite_house.service.prepare
    assert prepare is not None

    def prepared() -> None:
        prepare()
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (FEW_FILES, most))

    service.stop()
    service.prepare = prepared
    service.environ["CONSENT_GEOIP_DB"] = str(place_file)
    sqlite_house.start()
    return sqlite_house


def memory(house: House) -> int:
    """Bytes of all workers."""
    return sum(psutil.Process(pid).memory_info().rss for pid in house.workers())


def held_by_a_crowd(house: House, idle: int, slow: int, readers: int) -> None:
    since = len(house.log())
    before = memory(house)
    crowded = crowd(house.service.port, idle=idle, slow=slow, readers=readers)
    with crowded as clients, house.visitors() as visitors:
        house.progress(visitors)
        clients.drip()
        house.progress(visitors)
        grown = memory(house) - before
    house.check(at_least=80)
    assert set(house.statuses) <= {201, 409}
    assert house.lines(since=since) == []
    assert grown < (idle + 2 * slow) * CONNECTION_BYTES + readers * READER_BYTES + SPARE_BYTES


def test_idle_and_slow_clients_hold_up_nobody(house: House):
    held_by_a_crowd(house, IDLE, SLOW, READERS)


@pytest.mark.soak
def test_ten_thousand_idle_clients_hold_up_nobody(house: House):
    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert most >= CROWD + SPARE_FILES, "ulimit -Hn: too low for the crowd; raise it, then run this"
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        held_by_a_crowd(house, CROWD, SLOW, READERS)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (least, most))


def place(house: House) -> str:
    """Whose law an address in California gets: that of us-ca, of jp, or another ("")."""
    connection = http.client.HTTPConnection("127.0.0.1", house.service.port, timeout=120)
    with closing(connection):
        connection.request("GET", "/s/summit/debug.js?en,1", headers={"X-Forwarded-For": AMERICAN})
        text = connection.getresponse().read().decode()
    return next((regime for regime in ("us-ca", "jp") if f'"{regime}"' in text), "")


def told(house: House, event: str, since: int) -> bool:
    """Whether every worker has said so since then."""
    return len(house.events(event, since=since)) == len(house.workers())


def damaged(path: Path) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(b"no database")
    part.replace(path)


def is_signed_by(key: str, receipt: str) -> bool:
    try:
        Signer((key,)).read_receipt(receipt)
    except ForbiddenError:
        return False
    return True


def test_rotated_keys_leave_every_receipt_and_the_log_good(house: House):
    since = len(house.log())
    environ = house.service.environ
    old = environ["CONSENT_SECRET_KEYS"]
    with house.visitors() as visitors:
        house.progress(visitors)
    house.service.consent("ledger", "seal")
    environ["CONSENT_SECRET_KEYS"] = f"{'n' * 40},{old}"
    house.service.stop()
    house.start()
    try:
        with house.visitors() as visitors:
            house.progress(visitors)
        house.check(at_least=80)
        assert house.strangers() == set()
        assert house.service.consent("ledger", "verify")
        receipts = [one.receipt["receipt"] for one in house.acknowledged.values()]
        both = Signer(("n" * 40, old))
        assert all(both.read_receipt(receipt)["id"] for receipt in receipts)
        assert {is_signed_by(old, one) for one in receipts} == {True, False}
        house.wait(lambda: bool(house.events("log signed by another key", since=since)))
    finally:
        environ["CONSENT_SECRET_KEYS"] = old


def test_a_place_file_that_is_lost_or_damaged_leaves_the_old_one_in_use(
    house: House, place_file: Path
):
    assert place(house) == "us-ca"
    with house.visitors() as visitors:
        for fault in (Path.unlink, damaged):
            since = len(house.log())
            fault(place_file)
            house.wait(lambda since=since: told(house, "place database not replaced", since))
            house.progress(visitors)
            assert place(house) == "us-ca"
            assert house.is_ready()
        since = len(house.log())
        places.write(place_file, {**places.KNOWN, "128.97.0.0/16": "JP"})
        house.wait(lambda: told(house, "place database replaced", since))
        assert place(house) == "jp"
        house.progress(visitors)
    house.check(at_least=80)
