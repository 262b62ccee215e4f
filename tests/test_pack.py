import hashlib
import io
import zipfile

import msgspec
import pytest
from bs4 import BeautifulSoup

from consent import evidence, ledger, pack, seals
from consent.errors import NotFoundError, TooLargeError
from consent.filters import LedgerFilter
from consent.model import Record, canonical
from consent.pack import Sources, Subject, pictures
from consent.proof import Sealer
from consent.receipt import content
from consent.signing import LogKey, Signer
from consent.web import verifier
from tests.web.admin.seed import SUMMIT, Seed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def records(database, now) -> list[Record]:
    """Thirty decisions of one shop, of which the last two are not sealed yet."""
    seed = Seed(database, now())
    version = await seed.store(SUMMIT)
    await seed.decisions(version, 28)
    await Sealer(database, LogKey(bytes(32)), "summit.example/log", now).seal_all()
    await seed.decisions(version, 2)
    async with database.read() as c:
        return await ledger.following(c, 0, 100)


async def packed(database, now, subject: Subject, picture=None) -> zipfile.ZipFile:
    async with database.read() as c:
        page = verifier.page(await seals.keys(c))
    sources = Sources(database, Signer(["k" * 40]), page, lambda *_: "Cookies", picture)
    await pack.count(database, subject)
    found = [piece async for piece in pack.pieces(sources, subject, now=now())]
    assert all(found)
    file = zipfile.ZipFile(io.BytesIO(b"".join(found)))
    assert file.testzip() is None
    return file


async def test_a_pack_holds_what_its_records_name_and_what_proves_them(database, now, records):
    file = await packed(database, now, Subject("search by nothing", filter=LedgerFilter()))
    names = set(file.namelist())
    newest = sorted(records, key=lambda record: (record.at, record.seq), reverse=True)
    lines = file.read("records.jsonl").splitlines()
    assert lines == [canonical(content(record)) for record in newest]
    async with database.read() as c:
        keys = await seals.keys(c)
        head = await seals.newest(c)
    for record in records[:28]:
        receipt = evidence.read(file.read(f"receipts/{record.id}.json"))
        assert all(check.holds for check in evidence.verify(receipt, keys))
    assert not {f"receipts/{record.id}.json" for record in records[28:]} & names
    assert file.read("log/checkpoint.txt").decode() == str(head.note)
    assert file.read("log/keys.txt").decode() == "".join(f"{key.text}\n" for key in keys)
    assert "summit.example/log/key" in file.read("README.html").decode()
    for folder, fingerprints in (
        ("banners", {record.banner_sha256 for record in records}),
        ("regimes", {record.regime_sha256 for record in records}),
        ("versions", {record.version_sha256 for record in records}),
    ):
        inside = [file.read(name) for name in names if name.startswith(f"{folder}/")]
        assert {hashlib.sha256(one).hexdigest() for one in inside} == fingerprints


async def test_the_cover_page_leads_to_every_file_and_needs_no_network(database, now, records):
    file = await packed(database, now, Subject("search by nothing", filter=LedgerFilter()))
    page = BeautifulSoup(file.read("README.html"), "html.parser")
    linked = {link["href"] for link in page.find_all("a")}
    assert linked <= set(file.namelist())
    assert {name for name in file.namelist() if name.startswith(("receipts/", "shown/"))} <= linked
    assert len(page.select("ol.records > li")) == 30
    assert "2 of these decisions were not sealed yet" in page.text
    assert not page.find_all(["script", "img", "link", "iframe"])
    for name in file.namelist():
        if name.endswith(".html"):
            assert "default-src &#39;none&#39;" in file.read(name).decode() or (
                "default-src 'none'" in file.read(name).decode().replace("&#x27;", "'")
            )


async def test_one_decision_and_one_visitor(database, now, records):
    returning = next(record for record in records if record.previous)
    one = await packed(database, now, Subject("decision", returning))
    assert one.read("records.jsonl").splitlines() == [canonical(content(returning))]
    filter_ = LedgerFilter(visitor=returning.visitor)
    both = await packed(database, now, Subject("visitor", filter=filter_))
    ids = {msgspec.json.decode(line)["id"] for line in both.read("records.jsonl").splitlines()}
    assert {str(returning.id), str(returning.previous)} <= ids
    assert (
        both.namelist()
        == (await packed(database, now, Subject("visitor", filter=filter_))).namelist()
    )


async def test_pictures_stand_beside_the_pages_where_a_browser_is(database, now, records):
    drawn = []

    async def picture(page: str) -> bytes | None:
        drawn.append(page)
        return b"PNG" if len(drawn) == 1 else None

    file = await packed(database, now, Subject("decision", records[0]), picture)
    assert file.read("shown/0001-first.png") == b"PNG"
    assert drawn == [
        file.read(f"shown/0001-{layer}.html").decode() for layer in ("first", "second")
    ]
    assert "shown/0001-second.png" not in file.namelist()


async def test_bounds(database, now, records, monkeypatch):
    monkeypatch.setattr(pack, "MOST_RECORDS", 29)
    with pytest.raises(TooLargeError, match="records: 30; a pack takes 29"):
        await pack.count(database, Subject("all", filter=LedgerFilter()))
    with pytest.raises(NotFoundError):
        await pack.count(database, Subject("none", filter=LedgerFilter(places=("FJ",))))


@pytest.mark.browser
async def test_a_real_browser_draws_the_page(sqlite_url):
    page = "<!doctype html><body style='background:#123456'>"
    drawn = await pictures.png(page)
    assert drawn is not None
    assert drawn.startswith(b"\x89PNG")


async def test_without_a_browser_there_is_no_picture(monkeypatch):
    monkeypatch.setattr(pictures, "browser", lambda: None)
    assert await pictures.png("<p>") is None
