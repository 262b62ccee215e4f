"""``consent geo update`` against a server that does everything wrong that a server can."""

from __future__ import annotations

import base64
import datetime as dt
import fcntl
import gzip
import hashlib
import io
import json
import re
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from consent.cli import main
from consent.errors import ConflictError, DataError, SettingsError, UnavailableError
from consent.geo import download
from consent.geo import update as update_
from consent.geo.download import Limits
from consent.geo.update import DbIp, MaxMind, Updated, update
from consent.web.app import utcnow
from tests import places
from tests.places import NOVEMBER, TODAY

LIMITS = Limits(seconds=60, idle_seconds=60, packed_bytes=100_000, bytes=200_000, least_bytes=400)
HASTY = LIMITS._replace(idle_seconds=0.5)
OLD = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
THIS_MONTH = "/dbip-city-lite-2026-11.mmdb.gz"
LAST_MONTH = "/dbip-city-lite-2026-10.mmdb.gz"
GEOLITE = "/GeoLite2-City/download"
GEOLITE_FILE = "GeoLite2-City.mmdb"
HTML = b"<!doctype html><title>Sign in</title>" * 50

Answer = Callable[["Handler"], None]
Consent = Callable[..., tuple[int, str, str]]
"""Runs a command: its status, what it printed, what it complained."""


class Handler(BaseHTTPRequestHandler):
    """Answers with what the test put at the path."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("authorization")))
        answer = self.server.answers.get(self.path, status(404))
        try:
            answer(self)
        except OSError:
            self.close_connection = True  # the client had enough

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.stop = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


def status(code: int, body: bytes = b"") -> Answer:
    return sends(body, code=code)


def sends(body: bytes, *, code: int = 200, stated: int | None = None, **headers: str) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(body) if stated is None else stated))
        handler.end_headers()
        handler.wfile.write(body)
        if stated is not None:
            handler.close_connection = True

    return answer


def redirects(to: str, code: int = 302) -> Answer:
    return sends(b"", code=code, location=to)


def endless(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"\x00" * 65536)


def silent(handler: Handler) -> None:
    handler.server.stop.wait(10)


def trickling(handler: Handler) -> None:
    """Never silent, never done: not even with its headers."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not handler.server.stop.wait(0.05):
        handler.wfile.write(b"x-more: 1\r\n")


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.stop.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return places.write(tmp_path / "places.mmdb", built=OLD)


def packed(**options: object) -> bytes:
    return gzip.compress(places.content(**options), 1)


def archive(
    content: bytes, name: str = "GeoLite2-City_20261124/GeoLite2-City.mmdb", **kinds: bytes
) -> bytes:
    """A tar.gz with a licence, a link, and the database at ``name``."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
        link = tarfile.TarInfo("GeoLite2-City_20261124/GeoLite2-City.mmdb")
        link.type, link.linkname = kinds.get("type", tarfile.SYMTYPE), "/etc/passwd"
        tar.addfile(link)
        for path, body in (("GeoLite2-City_20261124/LICENSE.txt", b"x" * 999), (name, content)):
            info = tarfile.TarInfo(path)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return out.getvalue()


def geolite(server: Server, content: bytes, digest: str | None = None) -> None:
    digest = digest or hashlib.sha256(content).hexdigest()
    stated = f"{digest}  GeoLite2-City_20261124.tar.gz\n".encode()
    server.answers[f"{GEOLITE}?suffix=tar.gz.sha256"] = sends(stated)
    server.answers[f"{GEOLITE}?suffix=tar.gz"] = sends(content)


def from_db_ip(server: Server, target: Path, limits: Limits = LIMITS) -> Updated:
    return update(target, DbIp(server.url), today=TODAY, limits=limits)


def from_maxmind(server: Server, target: Path) -> Updated:
    provider = MaxMind("123456", "secret_licence", server.url)
    return update(target, provider, today=TODAY, limits=LIMITS)


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_the_months_file_is_fetched_checked_and_put_in_place(server: Server, target: Path) -> None:
    server.answers[THIS_MONTH] = sends(packed())
    done = from_db_ip(server, target)
    assert (done.updated, done.kind, done.built_at) == (True, "DBIP-City-Lite", NOVEMBER)
    assert done.source == server.url + THIS_MONTH
    assert done.credit == "IP Geolocation by DB-IP (https://db-ip.com)"
    assert target.read_bytes() == places.content()
    assert done.bytes == target.stat().st_size
    assert left(target) == ["places.mmdb", "places.mmdb.lock"]
    assert target.stat().st_mode & 0o777 == 0o644


def test_before_this_months_file_is_out_last_months_is_fetched(
    server: Server, tmp_path: Path
) -> None:
    target = tmp_path / "new" / "places.mmdb"
    server.answers[LAST_MONTH] = sends(packed(built=OLD))
    assert from_db_ip(server, target).built_at == OLD
    assert [path for path, _ in server.asked] == [THIS_MONTH, LAST_MONTH]
    again = update(target, DbIp(server.url), today=dt.date(2026, 10, 31), limits=LIMITS)
    assert not again.updated
    assert len(server.asked) == 2  # what is of this month is as new as can be


def test_over_the_new_year_the_month_before_is_december(server: Server, tmp_path: Path) -> None:
    server.answers["/dbip-city-lite-2026-12.mmdb.gz"] = sends(packed())
    day = dt.date(2027, 1, 1)
    assert update(tmp_path / "p.mmdb", DbIp(server.url), today=day, limits=LIMITS).updated


def test_the_same_file_again_is_nothing_to_do(server: Server, target: Path) -> None:
    server.answers[LAST_MONTH] = sends(packed(built=OLD))
    before = target.stat().st_mtime_ns
    assert not from_db_ip(server, target).updated
    assert target.stat().st_mtime_ns == before


TOO_FEW = {"1.0.0.0/8": "AU", "130.149.0.0/16": "DE"}
MISPLACED = {**places.KNOWN, "130.149.0.0/16": "US-TX", "133.11.0.0/16": "DE"}
WRONG: dict[str, tuple[Answer, str]] = {
    "missing": (status(404), "answered 404; expected 200"),
    "refused": (status(403), "answered 403; expected 200"),
    "down": (status(503), "answered 503; expected 200"),
    "page": (sends(HTML), "is no such archive; expected gzip"),
    "empty": (sends(b""), "0 bytes; expected at least 400"),
    "cut off": (sends(packed()[:-400]), "is cut off; expected the whole file"),
    "broken off": (sends(packed()[:99], stated=999), "RemoteProtocolError; try again"),
    "garbled": (sends(packed()[:80] + bytes(400)), "is no such archive; expected gzip"),
    "endless": (endless, "more than 100,000 bytes; expected a place database"),
    "silent": (silent, "silent for 0.5 seconds; try again"),
    "bomb": (sends(gzip.compress(bytes(9_000_000))), "holds too much; expected a place database"),
    "text": (sends(gzip.compress(HTML)), "cannot be opened (it does not end as one)"),
    "kind": (sends(packed(kind="DBIP-ASN-Lite")), "'DBIP-ASN-Lite'; expected a City or a Country"),
    "country": (sends(packed(kind="DBIP-Country-Lite")), "'DBIP-Country-Lite'; expected DBIP-City"),
    "older": (
        sends(packed(built=OLD - dt.timedelta(days=1))),
        "built 2026-09-30; expected one no older than 2026-10-01",
    ),
    "misplaced": (sends(packed(networks=MISPLACED)), "2 of 7 known places are wrong"),
    "too few": (sends(packed(networks=TOO_FEW)), "6 of 7 known places are wrong"),
    "loop": (redirects(THIS_MONTH), "redirects more than 5 times"),
    "nowhere": (redirects("ftp://127.0.0.1/file"), "redirects to ftp; expected https"),
    "no address": (sends(b"", code=302), "redirects more than 5 times"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_goes_wrong_is_told_in_one_line_and_the_old_file_stays(
    server: Server, target: Path, wrong: str
) -> None:
    answer, said = WRONG[wrong]
    before = target.read_bytes()
    server.answers[THIS_MONTH] = answer
    with pytest.raises((DataError, UnavailableError)) as caught:
        from_db_ip(server, target, HASTY if answer is silent else LIMITS)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{server.url}/dbip-city-lite-2026-1")
    assert "\n" not in str(caught.value)
    assert target.read_bytes() == before
    assert left(target) == ["places.mmdb", "places.mmdb.lock"]


def test_a_server_that_trickles_is_left_after_the_whole_time(server: Server, target: Path) -> None:
    server.answers[THIS_MONTH] = trickling
    with pytest.raises(UnavailableError, match=r"not done after 0\.3 seconds; try again"):
        from_db_ip(server, target, LIMITS._replace(seconds=0.3))


def test_nobody_there(server: Server, target: Path) -> None:
    with pytest.raises(UnavailableError, match="ConnectError; try again"):
        update(target, DbIp("http://127.0.0.1:9"), today=TODAY, limits=LIMITS)


def test_a_file_half_as_large_as_the_old_one_is_not_believed(server: Server, target: Path) -> None:
    many = {f"{n}.{n * n % 251}.{n * 7 % 256}.0/24": "AU" for n in range(1, 120)}
    places.write(target, {**many, **places.KNOWN}, built=OLD)
    server.answers[THIS_MONTH] = sends(packed())
    with pytest.raises(DataError, match="expected at least half of what is there"):
        from_db_ip(server, target)


def test_a_file_that_the_shipped_one_beats_is_not_put_there(server: Server, tmp_path: Path) -> None:
    server.answers[THIS_MONTH] = sends(packed())
    later = NOVEMBER + dt.timedelta(days=1)
    with pytest.raises(DataError, match="expected one no older than 2026-11-02"):
        update(tmp_path / "p.mmdb", DbIp(server.url), today=TODAY, newer_than=later, limits=LIMITS)
    assert left(tmp_path / "p.mmdb") == ["p.mmdb.lock"]


def test_what_is_broken_at_the_target_is_mended(server: Server, target: Path) -> None:
    target.write_bytes(b"broken")
    server.answers[THIS_MONTH] = sends(packed())
    assert from_db_ip(server, target).updated


def test_only_one_at_a_time(server: Server, target: Path) -> None:
    with target.with_name("places.mmdb.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ConflictError, match="another update is at work; wait"):
            from_db_ip(server, target)
    assert server.asked == []
    server.answers[THIS_MONTH] = sends(packed())
    assert from_db_ip(server, target).updated


def test_a_folder_that_cannot_be_written_is_told(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnavailableError, match="cannot be written"):
        from_db_ip(server, tmp_path / "file" / "places.mmdb")


class TestMaxMind:
    @pytest.fixture
    def content(self) -> bytes:
        return places.content(kind="GeoLite2-City", schema=places.build.as_geoip2)

    @pytest.mark.parametrize(
        "name",
        [
            "GeoLite2-City_20261124/GeoLite2-City.mmdb",
            "../../../GeoLite2-City.mmdb",
            "/GeoLite2-City.mmdb",
        ],
    )
    def test_the_archives_database_is_taken_wherever_it_says_it_belongs(
        self, server: Server, target: Path, content: bytes, name: str
    ) -> None:
        geolite(server, archive(content, name))
        done = from_maxmind(server, target)
        assert (done.updated, done.kind) == (True, "GeoLite2-City")
        assert done.credit == "GeoLite Data by MaxMind (https://www.maxmind.com)"
        assert target.read_bytes() == content
        assert left(target) == ["places.mmdb", "places.mmdb.lock"]
        assert not (target.parent.parent / "GeoLite2-City.mmdb").exists()

    def test_the_key_goes_to_maxmind_and_not_to_where_it_redirects(
        self, server: Server, target: Path, content: bytes
    ) -> None:
        store = Server()
        thread = threading.Thread(target=store.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        packed = archive(content)
        geolite(server, packed)
        server.answers[f"{GEOLITE}?suffix=tar.gz"] = redirects(f"{store.url}/signed?a=b")
        store.answers["/signed?a=b"] = sends(packed)
        assert from_maxmind(server, target).updated
        basic = "Basic " + base64.b64encode(b"123456:secret_licence").decode()
        assert [key for _, key in server.asked] == [basic, basic]
        assert [key for _, key in store.asked] == [None]
        store.shutdown()
        thread.join()
        store.server_close()

    def test_another_hash_than_stated_is_not_believed(
        self, server: Server, target: Path, content: bytes
    ) -> None:
        before = target.read_bytes()
        for digest in ("0" * 64, " ", "<html>"):
            geolite(server, archive(content), digest)
            with pytest.raises(DataError, match="has another SHA-256 than MaxMind states"):
                from_maxmind(server, target)
        assert target.read_bytes() == before

    @pytest.mark.parametrize(
        ("packed", "said"),
        [
            (archive(b"", "other.mmdb"), r"holds no file GeoLite2-City\.mmdb; expected one"),
            (archive(b"x" * 999), "cannot be opened"),
            (archive(bytes(5_000_000)), "holds too much"),
            (archive(places.content())[:-200], "is cut off"),
            (gzip.compress(HTML), "is no such archive"),
            (HTML, "is no such archive"),
            (archive(places.content()), "'DBIP-City-Lite'; expected GeoLite2-City"),
        ],
        ids=("no file", "other", "endless", "cut off", "no tar", "page", "other kind"),
    )
    def test_an_archive_that_is_none_changes_nothing(
        self, server: Server, target: Path, packed: bytes, said: str
    ) -> None:
        before = target.read_bytes()
        geolite(server, packed)
        with pytest.raises(DataError, match=said):
            from_maxmind(server, target)
        assert target.read_bytes() == before
        assert left(target) == ["places.mmdb", "places.mmdb.lock"]

    @pytest.mark.parametrize("code", [401, 403])
    def test_a_key_that_maxmind_refuses_is_told_by_its_setting_and_not_shown(
        self, server: Server, target: Path, code: int
    ) -> None:
        server.answers[f"{GEOLITE}?suffix=tar.gz.sha256"] = status(code)
        with pytest.raises(SettingsError) as caught:
            from_maxmind(server, target)
        assert str(caught.value).startswith("CONSENT_MAXMIND_KEY: refused by MaxMind")
        assert "secret_licence" not in str(caught.value)


class TestCommand:
    """``consent geo update``, as an operator types it."""

    @pytest.fixture
    def consent(
        self,
        server: Server,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> Consent:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("CONSENT_SECRET_KEYS", "k" * 40)
        monkeypatch.setattr(update_, "DB_IP", server.url)
        monkeypatch.setattr(update_, "MAXMIND", server.url)
        # the clock of the command is the machine's
        month = f"/dbip-city-lite-{utcnow():%Y-%m}.mmdb.gz"
        server.answers[month] = sends(gzip.compress(large(kind="DBIP-City-Lite"), 1))

        def run(*arguments: str) -> tuple[int, str, str]:
            with pytest.raises(SystemExit) as caught:
                main(arguments)
            said = capsys.readouterr()
            return int(caught.value.code or 0), said.out, said.err

        return run

    def test_the_service_finds_by_itself_what_was_fetched(
        self, consent: Consent, tmp_path: Path
    ) -> None:
        status, said, errors = consent("geo", "update")
        assert (status, errors) == (0, "")
        size = (tmp_path / "var" / "places.mmdb").stat().st_size
        built = f"DBIP-City-Lite of {utcnow().date()}, {size:,} bytes"
        credit = "IP Geolocation by DB-IP (https://db-ip.com)"
        assert said == f"updated: var/places.mmdb: {built}; {credit}\n"
        told = json.loads(consent("geo", "update", "--json")[1])
        assert (told["updated"], told["path"]) == (False, "var/places.mmdb")
        assert set(told) == {
            *("updated", "path", "kind", "built_at", "bytes", "source", "credit"),
        }
        assert consent("geo", "update")[1].startswith("nothing to do: var/places.mmdb: ")
        assert consent("geo", "lookup", "1.1.1.1") == (0, "unknown (source: none)\n", "")
        assert consent("geo", "lookup", "128.97.27.37")[1] == "US-CA (source: database)\n"

    def test_it_goes_where_the_setting_says_though_nothing_is_there_yet(
        self,
        consent: Consent,
        server: Server,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("CONSENT_GEOIP_DB", "own/city.mmdb")
        monkeypatch.setenv("CONSENT_MAXMIND_ACCOUNT", "123456")
        monkeypatch.setenv("CONSENT_MAXMIND_KEY", "secret_licence")
        status, said, errors = consent("geo", "lookup", "128.97.27.37")
        assert (status, said) == (2, "")
        assert errors.startswith("consent: CONSENT_GEOIP_DB: own/city.mmdb: cannot be opened")
        server.answers[f"{GEOLITE}?suffix=tar.gz.sha256"] = sends(b"", code=401)
        status, said, errors = consent("geo", "update", "--json")
        assert (status, said) == (2, "")
        assert errors.startswith("consent: CONSENT_MAXMIND_KEY: refused by MaxMind (401)")
        assert errors.count("\n") == 1
        geolite(server, archive(large(kind="GeoLite2-City", schema=places.build.as_geoip2)))
        assert json.loads(consent("geo", "update", "--json")[1])["kind"] == "GeoLite2-City"
        assert (tmp_path / "own" / "city.mmdb").exists()
        assert not (tmp_path / "var" / "places.mmdb").exists()
        assert consent("geo", "lookup", "128.97.27.37")[1] == "US-CA (source: database)\n"

    def test_a_failure_is_one_line_and_a_status(self, consent: Consent, server: Server) -> None:
        server.answers.clear()
        status, said, errors = consent("geo", "update")
        assert (status, said) == (1, "")
        assert re.fullmatch(r"consent: http://\S+: answered 404; expected 200\n", errors)


def large(**options: object) -> bytes:
    """As many bytes as a real one has at least; built today."""
    made = places.content(built=utcnow().replace(microsecond=0), **options)
    head, mark, metadata = made.partition(b"\xab\xcd\xefMaxMind.com")
    return head + bytes(Limits().least_bytes) + mark + metadata


def test_a_login_is_not_shown() -> None:
    assert "secret" not in repr(download.Login("1", "secret"))
