import asyncio
import datetime as dt
import sqlite3
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from starlette.testclient import TestClient

from consent import counts
from consent import database as database_
from consent.database import Database
from consent.errors import (
    ConflictError,
    ConsentError,
    ForbiddenError,
    NotFoundError,
    RefusedError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
)
from consent.web import errors
from tests.web.shop import SUMMIT, an_app, published, send, stored, with_new_connection

PATIENCE = 60
"""Seconds that a busy machine has for what takes one."""


def test_it_says_that_it_is_alive_and_ready(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")


def test_it_is_not_ready_before_the_tables_are_there(tmp_path, now):
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    with TestClient(an_app(url, now, tmp_path)) as client:
        assert client.get("/healthz").status_code == 200
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["error"] == "unavailable"
        assert answer.headers["retry-after"] == "2"
        loader = client.get("/s/summit/loader.js")
        assert loader.status_code == 503
        assert loader.text.startswith("// pixelgate: unavailable: ")


def test_it_begins_to_serve_when_the_tables_appear(tmp_path, now):
    url = f"sqlite:///{tmp_path / 'late.db'}"
    with TestClient(an_app(url, now, tmp_path)) as client:
        assert client.get("/s/summit/loader.js").status_code == 503
        database_.migrate(url)
        published(url, now, SUMMIT)
        assert becomes(client, "/s/summit/loader.js", 200)


def test_a_version_that_another_process_publishes_is_live_within_a_second(client, now):
    url = client.app.services.settings.database_url
    before = client.get("/s/summit/loader.js").text
    changed = msgspec.structs.replace(SUMMIT, pixels=())
    published(url, now, changed)
    began = time.monotonic()
    while client.get("/s/summit/loader.js").text == before:
        assert time.monotonic() - began < PATIENCE
        time.sleep(0.05)
    assert client.app.services.current("summit").number == 2


def test_it_says_that_it_abides_by_gpc(client):
    answer = client.get("/.well-known/gpc.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["gpc"] is True


def test_figures_are_there_for_prometheus(client):
    client.get("/s/summit/loader.js")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "pixelgate_scripts_served_total 1.0" in answer.text
    assert "pixelgate_decisions_total 0.0" in answer.text


@pytest.mark.parametrize("path", ["/nothing", "/s", "/s/", "/s/summit", "/s/summit/loader.js/x"])
def test_an_address_with_nothing_says_so(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert set(answer.json()) == {"error", "detail"}


def test_a_method_that_is_not_taken_is_said(client):
    answer = client.delete("/healthz")
    assert (answer.status_code, answer.json()["error"]) == (405, "method_not_allowed")


def test_the_admin_pages_are_there(client):
    answer = client.get("/admin/", follow_redirects=False)
    assert answer.status_code in (302, 303)
    assert client.get("/admin/login").status_code == 200


def test_no_redirect_leads_to_a_host_that_was_only_named(client):
    for path in ("/admin", "/admin/login/", "/healthz/", "/admin/rates/", "/readyz/?a=b"):
        answer = client.get(path, headers={"Host": "evil.example"}, follow_redirects=False)
        assert "evil.example" not in answer.headers.get("location", ""), path
    answer = client.get("/admin", headers={"Host": "evil.example"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/admin/")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotFoundError("a", "b"), 404, "a"),
        (ForbiddenError("a", "b"), 403, "a"),
        (TooLargeError("a", "b"), 413, "a"),
        (ConflictError("a", "b"), 409, "a"),
        (ThrottledError("a", "b", retry_after_seconds=9), 429, "a"),
        (RefusedError("a", "b"), 422, "a"),
        (RefusedError("malformed_json", "b"), 400, "malformed_json"),
        (UnavailableError("secret"), 503, "unavailable"),
        (ConsentError("secret"), 500, "internal"),
        (ZeroDivisionError("secret"), 500, "internal"),
    ],
)
def test_each_error_has_one_status_and_one_shape(error, status, code):
    answer = errors.answer(error).as_response()
    content = msgspec.json.decode(answer.body)
    assert (answer.status_code, content["error"]) == (status, code)
    assert set(content) == {"error", "detail"}
    assert b"secret" not in answer.body
    assert ("retry-after" in answer.headers) == (status in (429, 503))


def test_an_unforeseen_error_is_logged_without_its_message(capsys):
    try:
        raise ValueError("visitor 192.0.2.7")
    except ValueError as error:
        errors.answer(error)
    said = capsys.readouterr().out
    assert "ValueError" in said
    assert "test_app.py" in said
    assert "192.0.2.7" not in said


def test_stopping_stores_what_was_counted(database_url, now, tmp_path):
    published(database_url, now, SUMMIT)
    app = an_app(database_url, now, tmp_path)
    headers = {"Origin": SUMMIT.origins[0], "Content-Type": "text/plain"}
    with TestClient(app) as client:
        body = b'{"version":1,"entry":true,"language":"de"}'
        assert client.post("/s/summit/seen", content=body, headers=headers).status_code == 204
    assert app.services.folder._folded == {}
    assert asyncio.run(visits(database_url)) == 1


@pytest.fixture
def file_client(sqlite_url: str, now, tmp_path: Path) -> Iterator[TestClient]:
    published(sqlite_url, now, SUMMIT)
    with TestClient(an_app(sqlite_url, now, tmp_path), client=("127.0.0.1", 1)) as client:
        yield client


def a_refusal() -> dict:
    return {
        "id": str(uuid.uuid4()),
        "visitor": str(uuid.uuid4()),
        "version": 1,
        "action": "reject_all",
        "grants": {"preferences": False, "analytics": False, "marketing": False},
        "language": "de",
        "banner": "0" * 64,
        "gpc": False,
    }


def test_it_is_not_ready_while_no_write_can_begin(file_client, tmp_path):
    other = sqlite3.connect(tmp_path / "pixelgate.db", PATIENCE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert file_client.get("/readyz").status_code == 503
    other.execute("ROLLBACK")
    other.close()
    assert file_client.get("/readyz").status_code == 200


def test_a_deleted_database_acknowledges_nothing_and_is_not_ready(file_client, tmp_path):
    assert send(file_client, a_refusal()).status_code == 201
    for path in tmp_path.glob("pixelgate.db*"):
        path.unlink()
    assert send(file_client, a_refusal()).status_code == 503
    assert file_client.get("/readyz").status_code == 503
    assert not list(tmp_path.glob("pixelgate.db*"))


def test_a_restored_backup_is_served_without_a_restart(file_client, tmp_path, now):
    url = file_client.app.services.settings.database_url
    saved = tmp_path / "backup"
    with sqlite3.connect(tmp_path / "pixelgate.db") as source, sqlite3.connect(saved) as target:
        source.backup(target)
    source.close()
    target.close()
    published(url, now, msgspec.structs.replace(SUMMIT, pixels=()))
    assert send(file_client, a_refusal()).status_code == 201
    saved.replace(tmp_path / "pixelgate.db")
    began = time.monotonic()
    while send(file_client, {**a_refusal(), "version": 1}).status_code != 201:
        assert time.monotonic() - began < PATIENCE
        time.sleep(0.05)
    assert file_client.get("/readyz").status_code == 200
    assert stored(file_client) == 1
    while file_client.app.services.current("summit").number != 1:
        assert time.monotonic() - began < PATIENCE
        time.sleep(0.05)


def test_postgresql_that_hung_up_on_everybody_is_found_again(postgresql_url, now, tmp_path):
    published(postgresql_url, now, SUMMIT)

    async def hang_up(db: Database) -> None:
        async with db.write() as c:
            await c.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    with TestClient(an_app(postgresql_url, now, tmp_path), client=("127.0.0.1", 1)) as client:
        for _ in range(3):
            stored_in_the_end(client, a_refusal())
            asyncio.run(with_new_connection(postgresql_url, hang_up))
            assert becomes(client, "/readyz", 200)
        stored_in_the_end(client, a_refusal())
        assert stored(client) == 4


def stored_in_the_end(client: TestClient, post) -> None:
    """Posts it again until it is, as a page does; a connection may end some time after its end."""
    began = time.monotonic()
    while send(client, post).status_code != 201:
        assert time.monotonic() - began < PATIENCE
        time.sleep(0.05)


async def visits(url: str) -> int:
    database = database_.connect(url)
    async with database.read() as c:
        begin, end = (dt.datetime(year, 1, 1, tzinfo=dt.UTC) for year in (2026, 2027))
        found = (await counts.totals_by(c, None, begin, end, ("none",)))["none"]
    await database.close()
    return sum(total.n for total in found)


def becomes(client: TestClient, path: str, status: int) -> bool:
    """Whether ``path`` answers with ``status`` before long."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        if client.get(path).status_code == status:
            return True
        time.sleep(0.05)
    return False
