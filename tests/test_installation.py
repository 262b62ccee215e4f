"""``consent check --installation``: each thing that can be wrong is named, and nothing else."""

import base64
import datetime as dt
import json
import secrets
import shutil

import msgspec
import pytest

from consent import database as databases
from consent import installation, ledger, schedules, settings, stores
from consent.bulk import Files
from consent.compose import Composer
from consent.geo import Failure, PlaceFacts
from consent.installation import Parts
from consent.model import RegionRule, StoreConfig
from consent.platforms import Platforms
from consent.proof import Sealer
from consent.regions import Regions
from consent.signing import LogKey
from consent.texts import Texts
from consent.web.app import utcnow
from tests.command import run
from tests.web.admin.seed import Seed

FILES = Files(Platforms.load(), Regions.load(), Texts.load())
GOOD = {
    "CONSENT_SECRET_KEYS": "Yx3-8qf0ZrWkP1vLm2tNcA9sUeHbDjG7oIiTzQyXw4_5R6E",
    "CONSENT_LOG_KEYS": base64.b64encode(bytes(range(32))).decode(),
    "CONSENT_PUBLIC_URL": "https://gate.summit.example",
    "CONSENT_TRUSTED_PROXIES": "10.0.0.7",
    "CONSENT_PLACE_HEADERS": "cloudflare",
}
PLACES = PlaceFacts("City", dt.datetime(2026, 2, 1, tzinfo=dt.UTC), 9, None, True, ("", ""), None)
SUMMIT = StoreConfig("summit", "Summit", ("https://summit.example",))


def chosen(tmp_path, **changes: str):
    return settings.load({**GOOD, **changes}, var=tmp_path)


def said(found) -> list[str]:
    return [str(one).partition("; ")[0] for one in found]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        (
            {"CONSENT_SECRET_KEYS": "k" * 40},
            ["CONSENT_SECRET_KEYS: key 1 has about 0 bits of chance"],
        ),
        (
            {"CONSENT_SECRET_KEYS": f"{GOOD['CONSENT_SECRET_KEYS']},{'password' * 5}"},
            ["CONSENT_SECRET_KEYS: key 2 has about 110 bits of chance"],
        ),
        (
            {"CONSENT_PUBLIC_URL": "http://gate.summit.example"},
            ["CONSENT_PUBLIC_URL: found 'http://gate.summit.example'"],
        ),
        (
            {"CONSENT_PUBLIC_URL": "http://localhost:8000"},
            ["warning: CONSENT_PUBLIC_URL: found 'http://localhost:8000'"],
        ),
        (
            {"CONSENT_PUBLIC_URL": "https://consent.summit.example"},
            ["warning: CONSENT_PUBLIC_URL: found 'consent.summit.example'"],
        ),
        ({"CONSENT_TRUSTED_PROXIES": "0.0.0.0/0"}, ["CONSENT_TRUSTED_PROXIES: found 0.0.0.0/0"]),
        ({"CONSENT_TRUSTED_PROXIES": "2000::/3"}, ["CONSENT_TRUSTED_PROXIES: found 2000::/3"]),
        ({"CONSENT_PLACE_HEADERS": "all"}, ["warning: CONSENT_PLACE_HEADERS: found all"]),
        (
            {"CONSENT_LOG_KEYS": ""},
            ["warning: CONSENT_LOG_KEYS: derived from the newest secret key"],
        ),
        ({"CONSENT_SCAN_PRIVATE": "true"}, ["warning: CONSENT_SCAN_PRIVATE: found true"]),
    ],
)
def test_settings_that_can_be_read_and_are_no_good(tmp_path, changes, found):
    assert said(installation.of_settings(chosen(tmp_path, **changes))) == found


def test_what_is_generated_is_strong_enough(tmp_path):
    for _ in range(50):
        key = secrets.token_urlsafe(48)
        assert not list(installation.of_settings(chosen(tmp_path, CONSENT_SECRET_KEYS=key)))


def test_places_that_are_old_or_were_not_taken_and_a_disk_that_is_full(tmp_path, monkeypatch):
    old = msgspec.structs.replace(PLACES, age_days=91, failure=Failure(PLACES.built_at, "is gone"))
    assert said(installation.of_places(old)) == [
        "warning: places: built 91 days ago",
        "places: the file is gone",
    ]
    assert not list(installation.of_disk(tmp_path / "not" / "there"))
    full = shutil.disk_usage(tmp_path)._replace(total=100 << 30, free=900 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    assert said(installation.of_disk(tmp_path)) == [f"disk at {tmp_path}: 900 MB free"]


async def look(database, tmp_path, now, **changes) -> list[str]:
    parts = Parts(chosen(tmp_path, **changes), database, FILES, Composer(*_files()), PLACES, None)
    return said(await installation.findings(parts, now))


def _files():
    return FILES.regions, FILES.platforms, FILES.texts


@pytest.mark.anyio
class TestDatabase:
    async def test_a_sound_one_has_nothing_to_be_said(self, database, tmp_path):
        now = utcnow  # the server's clock is compared with it
        seed = Seed(database, now())
        version = await seed.store(SUMMIT)
        await seed.decisions(version, 3)
        key = LogKey(bytes(range(32)))
        await Sealer(database, key, "gate.summit.example", now).seal_all()
        found = await look(database, tmp_path, now)
        if database.dialect == "postgresql":  # as tests switch it off
            assert found == ["database: fsync: found off"]
        else:
            assert found == []

    async def test_what_is_wrong_in_it_is_all_named(self, sqlite_url, tmp_path, now):
        db = databases.connect(sqlite_url)
        seed = Seed(db, now() - dt.timedelta(hours=1))
        version = await seed.store(SUMMIT)
        await seed.decisions(version, 3)
        await Sealer(db, LogKey(bytes(32)), "here", lambda: now() + dt.timedelta(hours=1)).seal()
        await seed.decisions(version, 2)
        lax = msgspec.structs.replace(SUMMIT, key="cookie-lax", regions={"DE": RegionRule("us-ca")})
        await seed.store(lax)
        async with db.write() as c:
            content = stores.Draft(SUMMIT, None)
            due = now() - dt.timedelta(minutes=9)
            await schedules.add(c, content, due, "UTC", by=None, at=now())
            assert await ledger.last(c) == 5
        long = "https://consent.an-address-that-is-much-too-long-for-any-snippet.example"
        found = await look(
            *(db, tmp_path, now),
            CONSENT_PUBLIC_URL=long,
            CONSENT_ANCHOR_URL="https://anchor.example",
        )
        await db.close()
        assert [one.partition(",")[0] for one in found] == [
            "warning: CONSENT_PUBLIC_URL: found 'consent.an-address-that-is-much-too-long-for-any-"
            "snippet.example'",
            "log: 2 records wait",
            "clock: 3",
            "warning: CONSENT_LOG_KEYS: no key of here's newest checkpoint",
            "anchors: nothing was anchored yet",
            "schedules: 1 are overdue",
            "store cookie-lax: version 1: regions.DE.regime: 'us-ca' is opt-out",
            "warning: store cookie-lax: key: found 'cookie-lax'",
            f"warning: store cookie-lax: snippet: {found[-2].split()[4]} bytes with {long}",
            f"warning: store summit: snippet: {found[-1].split()[4]} bytes with {long}",
        ]


def test_the_command_tells_all_at_once_in_words_and_as_json(tmp_path, migrated_file):
    environ = {**GOOD, "CONSENT_DATABASE_URL": f"sqlite:///{tmp_path}/none.db"}
    gone = run(["check", "--installation"], folder=tmp_path, environ=environ)
    assert (gone.returncode, gone.stdout) == (2, "")
    assert "database: " in gone.stderr
    shutil.copy(migrated_file, tmp_path / "none.db")
    sound = run(["check", "--installation"], folder=tmp_path, environ=environ)
    assert sound.returncode == 0, sound.stderr
    assert sound.stdout.startswith("ok: ")
    environ["CONSENT_SECRET_KEYS"] = "a" * 40
    found = run(["check", "--installation", "--json"], folder=tmp_path, environ=environ)
    answer = json.loads(found.stdout)
    assert (found.returncode, answer["ok"]) == (2, False)
    assert {"level", "where", "said"} == set(answer["findings"][0])
    assert "a" * 40 not in found.stdout + found.stderr
    assert run(["check"], folder=tmp_path, environ=environ).returncode == 0
