"""The place database is replaced while the service runs."""

from __future__ import annotations

import datetime as dt
import json
import os
import threading
import urllib.request
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from consent import settings
from consent.errors import DataError
from consent.geo import Geo
from consent.web.app import App, create_app
from tests import places
from tests.conftest import Clock
from tests.e2e.service import Service

UCLA = "128.97.27.37"
JAPANESE = {**places.KNOWN, "128.97.0.0/16": "JP"}
DECEMBER = places.NOVEMBER + dt.timedelta(days=30)
SHIPPED = "Pixelgate-Places-City"


def looked(geo: Geo) -> Geo:
    """After two looks: one that sees the file, one that finds it standing still."""
    geo.look()
    geo.look()
    return geo


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return places.write(tmp_path / "places.mmdb")


@pytest.fixture
def geo(path: Path, now: Clock) -> Geo:
    return Geo(path, [], now=now)


def test_a_new_file_takes_the_old_ones_place(geo: Geo, path: Path) -> None:
    assert geo.lookup(UCLA).code == "US-CA"
    places.write(path, JAPANESE, built=DECEMBER)
    geo.look()
    assert geo.lookup(UCLA).code == "US-CA"  # it may still be written to
    geo.look()
    assert geo.lookup(UCLA).code == "JP"
    assert (geo.reloads, geo.failures, geo.database.failure) == (1, 0, None)
    assert geo.database.built_at == DECEMBER
    looked(geo)
    assert geo.reloads == 1


def test_a_file_that_is_overwritten_in_its_place_is_taken_once_it_is_whole(
    geo: Geo, path: Path
) -> None:
    whole = places.content(JAPANESE, built=DECEMBER)
    for length in (0, 1000, len(whole) // 2, len(whole)):
        path.write_bytes(whole[:length])
        os.utime(path, ns=(length, length))
        geo.look()
        assert geo.lookup(UCLA).code == "US-CA"
    geo.look()
    assert geo.lookup(UCLA).code == "JP"
    assert geo.failures == 0


def test_an_older_file_that_the_operator_puts_there_is_wanted(geo: Geo, path: Path) -> None:
    places.write(path, JAPANESE, built=places.NOVEMBER - dt.timedelta(days=400))
    assert looked(geo).lookup(UCLA).code == "JP"


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (
            b"not a database",
            "cannot be opened (it does not end as one); expected a MaxMind DB file",
        ),
        (b"", "cannot be opened"),
        (places.content(kind="GeoLite2-ASN"), "a database of type 'GeoLite2-ASN'"),
        (places.content()[:-300], "cannot be opened"),
        (bytes([255]) * 600 + places.content()[600:], "is damaged"),
        (None, "is gone; expected a MaxMind DB file"),
    ],
    ids=["text", "empty", "kind", "cut off", "damaged", "gone"],
)
def test_a_file_that_cannot_serve_changes_nothing_and_is_told_once(
    geo: Geo,
    path: Path,
    now: Clock,
    broken: bytes | None,
    fault: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path.unlink()
    if broken is not None:
        path.write_bytes(broken)
    for _ in range(4):
        geo.look()
    assert geo.lookup(UCLA).code == "US-CA"
    said = capsys.readouterr().out
    assert said.count("place database not replaced") == 1
    failure = geo.database.failure
    assert failure is not None
    assert failure.at == now()
    assert failure.fault.startswith(fault)
    assert str(path) not in failure.fault
    assert geo.failures == 1
    places.write(path, JAPANESE, built=DECEMBER)
    assert looked(geo).lookup(UCLA).code == "JP"
    assert geo.database.failure is None
    assert (geo.failures, geo.reloads) == (1, 1)


def test_a_file_that_was_moved_away_and_back_is_no_failure_any_more(geo: Geo, path: Path) -> None:
    away = path.rename(path.with_name("away"))
    assert looked(geo).database.failure is not None
    away.rename(path)
    assert looked(geo).database.failure is None
    assert geo.reloads == 0


def test_a_link_that_is_turned_to_another_file_is_a_new_file(tmp_path: Path, now: Clock) -> None:
    places.write(tmp_path / "november")
    places.write(tmp_path / "december", JAPANESE, built=DECEMBER)
    link = tmp_path / "current.mmdb"
    link.symlink_to("november")
    geo = Geo(link, [], now=now)
    link.unlink()
    link.symlink_to("december")
    assert looked(geo).lookup(UCLA).code == "JP"


class TestWithoutASetting:
    """The service finds by itself what ``consent geo update`` fetched."""

    def test_the_shipped_one_serves_until_one_is_fetched(self, tmp_path: Path, now: Clock) -> None:
        fetched = tmp_path / "var" / "places.mmdb"
        geo = Geo(None, [], now=now, fetched=fetched)
        assert (geo.database.kind, geo.database.shipped) == (SHIPPED, True)
        looked(geo)
        assert geo.database.failure is None
        places.write(fetched)
        assert looked(geo).database.kind == "DBIP-City-Lite"
        assert not geo.database.shipped
        assert Geo(None, [], now=now, fetched=fetched).database.kind == "DBIP-City-Lite"

    def test_one_older_than_the_shipped_one_does_not_serve(
        self, tmp_path: Path, now: Clock
    ) -> None:
        old = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
        fetched = places.write(tmp_path / "places.mmdb", built=old)
        geo = Geo(None, [], now=now, fetched=fetched)
        assert geo.database.kind == SHIPPED
        assert geo.database.failure is None  # a release came with a newer one: nothing is wrong
        places.write(fetched, built=old + dt.timedelta(days=1))
        failure = looked(geo).database.failure
        assert failure is not None
        assert failure.fault == "built 2024-01-02; expected one newer than the shipped one"
        fetched.unlink()
        assert looked(geo).database.failure is None

    def test_what_was_fetched_and_is_gone_stays_in_use_and_is_told(
        self, tmp_path: Path, now: Clock
    ) -> None:
        fetched = places.write(tmp_path / "places.mmdb")
        geo = Geo(None, [], now=now, fetched=fetched)
        fetched.unlink()
        assert looked(geo).database.failure is not None
        assert geo.database.kind == "DBIP-City-Lite"

    def test_a_named_file_that_never_served_and_is_gone_is_still_missing(
        self, tmp_path: Path, now: Clock
    ) -> None:
        named = tmp_path / "named.mmdb"
        named.write_bytes(b"broken")
        geo = Geo(named, [], now=now, strict=False)
        named.unlink()
        failure = looked(geo).database.failure
        assert failure is not None
        assert failure.fault == "is gone; expected a MaxMind DB file"

    def test_a_broken_one_is_an_error_at_the_desk_and_a_warning_in_service(
        self, tmp_path: Path, now: Clock
    ) -> None:
        fetched = tmp_path / "places.mmdb"
        fetched.write_bytes(b"broken")
        with pytest.raises(DataError, match="cannot be opened"):
            Geo(None, [], now=now, fetched=fetched)
        geo = Geo(None, [], now=now, fetched=fetched, strict=False)
        assert geo.database.kind == SHIPPED
        assert geo.database.failure is not None
        assert geo.lookup(UCLA).code == "US-CA"
        places.write(fetched)
        assert looked(geo).database.kind == "DBIP-City-Lite"


def test_look_ups_go_on_in_other_threads_while_files_change(geo: Geo, path: Path) -> None:
    done, found = threading.Event(), set[str]()

    def ask() -> None:
        while not done.is_set():
            found.add(geo.lookup(UCLA).code)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(8):
        networks = JAPANESE if number % 2 == 0 else places.KNOWN
        places.write(path, networks, built=DECEMBER + dt.timedelta(days=number))
        looked(geo)
    done.set()
    for thread in threads:
        thread.join()
    assert found == {"US-CA", "JP"}
    assert (geo.reloads, geo.unreadable) == (8, 0)


def test_no_copy_is_left_behind(
    geo: Geo, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    places.write(path, JAPANESE)
    assert looked(geo).reloads == 1
    path.write_bytes(b"broken")
    assert looked(geo).failures == 1
    assert list(folder.iterdir()) == []


def test_without_room_for_a_copy_the_file_itself_serves(
    geo: Geo, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    places.write(path, JAPANESE)
    assert looked(geo).lookup(UCLA).code == "JP"


def an_app(path: Path, url: str, now: Clock, folder: Path) -> App:
    environ = {
        "CONSENT_DATABASE_URL": url,
        "CONSENT_SECRET_KEYS": "k" * 40,
        "CONSENT_GEOIP_DB": str(path),
    }
    return create_app(settings.load(environ, var=folder), now=now)


@pytest.fixture
def served(
    path: Path, sqlite_url: str, now: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> TestClient:
    monkeypatch.setattr("consent.geo.LOOK_SECONDS", 0.01)
    now.moment = places.NOVEMBER + dt.timedelta(days=3)
    return TestClient(an_app(path, sqlite_url, now, tmp_path))


def until(condition, seconds: float = 120) -> None:
    passed = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        passed.wait(0.01)
    raise AssertionError("it did not come to that")


def test_a_probe_and_the_metrics_tell_what_is_in_use(
    served: TestClient, path: Path, now: Clock
) -> None:
    def ready() -> dict:
        answer = served.get("/readyz")
        assert answer.status_code == 200
        return answer.json()

    with served:
        assert ready() == {
            "status": "ready",
            "places": {
                "kind": "DBIP-City-Lite",
                "built_at": "2026-11-01T04:00:00Z",
                "age_days": 3,
            },
            "warnings": [],
        }
        now.advance(days=90)
        assert ready()["warnings"] == ["places: built 93 days ago; expected at most 90"]
        broken = path.with_name("broken")
        broken.write_bytes(b"broken")
        broken.replace(path)  # or it could be found while it is still empty
        until(lambda: len(ready()["warnings"]) == 2)
        assert ready()["warnings"][1] == (
            "places: since 2027-02-02T04:00:00Z the file cannot be opened (it does not end as one);"
            " expected a MaxMind DB file"
        )
        assert str(path.parent) not in served.get("/readyz").text
        places.write(path, built=DECEMBER)
        until(lambda: ready()["warnings"] == [])
        figures = served.get("/metrics").text
        built = figures.partition("\npixelgate_places_built_timestamp_seconds ")[2].split()[0]
        assert float(built) == DECEMBER.timestamp()
        assert "pixelgate_places_reloads_total 1.0" in figures
        assert "pixelgate_places_failures_total 1.0" in figures
        assert "pixelgate_places_unreadable_total 0.0" in figures


def test_a_service_begins_even_if_its_file_is_broken_by_then(
    path: Path, sqlite_url: str, now: Clock, tmp_path: Path
) -> None:
    path.write_bytes(b"broken")
    with TestClient(an_app(path, sqlite_url, now, tmp_path)) as client:
        answer = client.get("/readyz").json()
    assert answer["places"]["kind"] == SHIPPED
    assert "cannot be opened" in answer["warnings"][-1]


@pytest.mark.soak
def test_every_process_of_a_server_takes_the_new_file(path: Path, tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.environ["CONSENT_GEOIP_DB"] = str(path)
    service.consent("migrate")

    def built() -> set[str]:
        found = set()
        for _ in range(60):
            with urllib.request.urlopen(f"{service.url}/readyz") as answer:
                found.add(json.load(answer)["places"]["built_at"])
        return found

    service.start("--workers", "3")
    try:
        assert built() == {"2026-11-01T04:00:00Z"}
        places.write(path, JAPANESE, built=DECEMBER)
        until(lambda: built() == {"2026-12-01T04:00:00Z"})
    finally:
        service.stop()
