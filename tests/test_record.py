import asyncio
import contextlib
import datetime as dt
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest
from structlog.testing import capture_logs

from consent import commit, counts, folding, ledger, record, search, stores
from consent.compose import Composer
from consent.database import Database
from consent.errors import ConflictError, RefusedError, UnavailableError
from consent.filters import LedgerFilter
from consent.folding import Folder
from consent.model import DecisionPost, Grants, Pixel, Place, StoreConfig, Version
from consent.platforms import Platforms
from consent.record import Receipt, Recorder
from consent.regions import Regions
from consent.signing import Signer
from consent.texts import Texts

pytestmark = pytest.mark.anyio

BERLIN = Place("DE", None, "header")
CALIFORNIA = Place("US", "US-CA", "header")
CONFIG = StoreConfig(
    key="summit",
    name="Summit Outdoor",
    origins=("https://summit.example",),
    pixels=(Pixel("meta", "123456789012345"),),
)
REGIONS = Regions.load()
COMPOSER = Composer(REGIONS, Platforms.load(), Texts.load())
SIGNER = Signer(["k" * 40])

Make = Callable[..., DecisionPost]
Record = Callable[..., Awaitable[Receipt]]


@pytest.fixture
async def version(database: Database, now) -> Version:
    async with database.write() as c:
        await stores.save(c, CONFIG, now())
        return await stores.publish(c, "summit", now())


@pytest.fixture
def folder(database: Database) -> Folder:
    return Folder(database, counts.add)


@pytest.fixture
async def recorder(database: Database, folder: Folder, now) -> AsyncIterator[Recorder]:
    recorder = Recorder(database, folder, COMPOSER, REGIONS, SIGNER, now)
    recorder.start()
    yield recorder
    await recorder.stop()


@pytest.fixture
def a_post(version: Version, now) -> Make:
    def make(**changes) -> DecisionPost:
        shown = COMPOSER.banner(version, REGIONS.resolve(BERLIN, on=now().date()), "de")
        values = {
            "id": uuid.uuid4(),
            "visitor": uuid.uuid4(),
            "version": version.number,
            "action": "accept_all",
            "grants": Grants.all(True),
            "language": "de",
            "banner": shown.sha256,
        }
        return DecisionPost(**{**values, **changes})

    return make


@pytest.fixture
def recorded(recorder: Recorder, version: Version) -> Record:
    async def send(post: DecisionPost, place: Place = BERLIN, gpc_header=False) -> Receipt:
        done = await recorder.record(
            version, post, place=place, gpc_header=gpc_header, device="phone"
        )
        return recorder.receipt(done.record)

    return send


async def stored(database: Database) -> int:
    async with database.read() as c:
        return (await search.count(c, LedgerFilter())).n


async def totals(database: Database, now) -> dict[str, int]:
    day = dt.timedelta(days=1)
    async with database.read() as c:
        found = (await counts.totals_by(c, None, now() - day, now() + day, ("none",)))["none"]
    return {total.measure: total.n for total in found}


async def test_a_receipt_says_what_the_ledger_holds(recorded, a_post, database, version, now):
    post = a_post(action="save", grants=Grants(True, False, False))
    receipt = await recorded(post)
    async with database.read() as c:
        row = await ledger.get(c, post.id)
    facts = SIGNER.read_receipt(receipt.receipt)
    assert facts == record.facts(row)
    assert facts == {
        "id": str(post.id),
        "store": "summit",
        "version": 1,
        "sha256": version.sha256,
        "at": "2026-03-02T10:30:00.000Z",
        "grants": {"preferences": True, "analytics": False, "marketing": False},
        "refused": [],
        "action": "save",
        "regime": "eea",
        "language": "de",
        "banner": post.banner,
    }
    assert receipt.id == post.id
    assert receipt.at == facts["at"]


async def test_a_receipt_names_no_visitor(recorded, a_post):
    post = a_post()
    receipt = await recorded(post)
    assert str(post.visitor) not in str(SIGNER.read_receipt(receipt.receipt))


async def test_many_posts_share_few_commits(recorded, a_post, recorder, database):
    posts = [a_post() for _ in range(300)]
    receipts = await asyncio.gather(*(recorded(post) for post in posts))
    assert [receipt.id for receipt in receipts] == [post.id for post in posts]
    assert await stored(database) == 300
    assert recorder.committer.recorded == 300
    assert recorder.committer.batches < 10


async def test_the_same_post_again_gets_the_same_facts(recorded, a_post, database, folder, now):
    post = a_post()
    first = await recorded(post)
    now.advance(minutes=5)
    assert await recorded(post) == first
    assert await stored(database) == 1
    await folder.flush()
    assert await totals(database, now) == {"accepted": 1}


async def test_the_same_post_twice_at_once_is_stored_once(recorded, a_post, database, folder, now):
    post = a_post()
    first, second = await asyncio.gather(recorded(post), recorded(post))
    assert first == second
    assert await stored(database) == 1
    await folder.flush()
    assert await totals(database, now) == {"accepted": 1}


async def test_an_id_with_other_content_is_a_conflict_that_changes_nothing(
    recorded, a_post, database
):
    post = a_post()
    await recorded(post)
    other = msgspec.structs.replace(post, action="reject_all", grants=Grants.all(False))
    with pytest.raises(ConflictError):
        await recorded(other)
    async with database.read() as c:
        assert (await ledger.get(c, post.id)).grants == Grants.all(True)


@pytest.mark.parametrize(
    ("action", "grants", "place"),
    [
        ("accept_all", Grants(True, True, False), BERLIN),
        ("reject_all", Grants(False, True, False), BERLIN),
        ("withdraw", Grants(True, False, False), BERLIN),
        ("close", Grants(False, False, True), BERLIN),
    ],
)
async def test_grants_that_contradict_the_action_are_refused(
    action, grants, place, recorded, a_post, database
):
    with pytest.raises(RefusedError, match="contradiction"):
        await recorded(a_post(action=action, grants=grants), place)
    assert await stored(database) == 0


async def test_a_pixel_refused_by_itself_is_recorded_and_counted_as_partly(
    recorded, a_post, database, folder, now
):
    post = a_post(action="save", grants=Grants.all(True), pixels={"meta": False})
    receipt = await recorded(post)
    async with database.read() as c:
        row = await ledger.get(c, post.id)
    assert row.refused == ("meta",)
    assert SIGNER.read_receipt(receipt.receipt)["refused"] == ["meta"]
    await folder.flush()
    assert await totals(database, now) == {"partly": 1}


async def test_a_pixel_without_its_purpose_needs_no_word_of_its_own(recorded, a_post, database):
    post = a_post(action="reject_all", grants=Grants.all(False), pixels={"meta": False})
    await recorded(post)
    async with database.read() as c:
        assert (await ledger.get(c, post.id)).refused == ()


async def test_the_same_post_with_other_pixels_is_another_decision(recorded, a_post):
    post = a_post(action="save", grants=Grants.all(True), pixels={"meta": False})
    await recorded(post)
    with pytest.raises(ConflictError):
        await recorded(msgspec.structs.replace(post, pixels={}))


@pytest.mark.parametrize(
    ("action", "grants", "pixels", "fault"),
    [
        ("save", Grants.all(True), {"tiktok": False}, "unknown_pixel: pixels: 'tiktok'"),
        ("save", Grants.all(False), {"meta": True}, "pixels.meta: granted without its purposes"),
        ("accept_all", Grants.all(True), {"meta": False}, "pixels: accept_all denies one"),
    ],
)
async def test_pixels_that_contradict_the_rest_are_refused(
    action, grants, pixels, fault, recorded, a_post, database
):
    with pytest.raises(RefusedError, match=re.escape(fault)):
        await recorded(a_post(action=action, grants=grants, pixels=pixels))
    assert await stored(database) == 0


async def test_closing_a_notice_may_leave_everything_on(recorded, a_post):
    await recorded(a_post(action="close"), CALIFORNIA)


async def test_gpc_may_leave_on_what_the_store_does_not_refuse_under_it(recorded, a_post):
    post = a_post(action="gpc", grants=Grants(True, True, False), gpc=True)
    await recorded(post, CALIFORNIA)


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize(
    ("action", "grants"),
    [
        ("accept_all", Grants.all(True)),
        ("save", Grants(False, False, True)),
        ("close", Grants.all(True)),
        ("gpc", Grants.all(True)),
    ],
)
async def test_nothing_grants_what_gpc_refuses_where_the_signal_wins(
    action, grants, header, recorded, a_post, database
):
    post = a_post(action=action, grants=grants, gpc=not header)
    with pytest.raises(RefusedError, match="marketing granted under GPC"):
        await recorded(post, CALIFORNIA, header)
    assert await stored(database) == 0


async def test_a_choice_may_beat_gpc_where_the_law_lets_it(recorded, a_post):
    await recorded(a_post(gpc=True), BERLIN, True)


async def test_a_choice_under_gpc_may_keep_what_the_signal_does_not_refuse(recorded, a_post):
    post = a_post(action="save", grants=Grants(True, True, False), gpc=True)
    await recorded(post, CALIFORNIA, True)


async def test_a_signal_that_was_not_there_refused_nothing(recorded, a_post, database):
    with pytest.raises(RefusedError, match="gpc without the signal"):
        await recorded(a_post(action="gpc", grants=Grants.all(False)), CALIFORNIA)
    assert await stored(database) == 0


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"banner": ""}, "malformed_banner"),
        ({"banner": "A" * 64}, "malformed_banner"),
        ({"language": "xx"}, "unknown_language"),
    ],
)
async def test_what_no_page_of_ours_says_is_refused(wrong, code, recorded, a_post, database):
    with pytest.raises(RefusedError, match=code):
        await recorded(a_post(**wrong))
    assert await stored(database) == 0


async def test_a_banner_of_another_release_is_kept_by_its_hash_alone(recorded, a_post, database):
    post = a_post(banner="0" * 64)
    await recorded(post)
    async with database.read() as c:
        row = await ledger.get(c, post.id)
        assert row.banner_sha256 == "0" * 64
        assert await ledger.banner_content(c, "0" * 64) is None


async def test_the_law_comes_from_the_servers_place_and_not_from_the_post(
    recorded, a_post, database
):
    post = a_post()
    await recorded(post, CALIFORNIA)
    async with database.read() as c:
        row = await ledger.get(c, post.id)
    assert (row.regime_id, row.place) == ("us-ca", CALIFORNIA)


async def test_a_first_decision_answers_the_banner_and_later_ones_do_not(
    recorded, a_post, database, folder, now
):
    visitor = uuid.uuid4()
    nothing, some = Grants.all(False), Grants(False, True, False)
    await recorded(a_post(visitor=visitor))
    await recorded(a_post(visitor=visitor, action="save", grants=some))
    await recorded(a_post(visitor=visitor, action="withdraw", grants=nothing))
    await recorded(a_post(action="reject_all", grants=nothing))
    await recorded(a_post(action="save", grants=some))
    await recorded(a_post(action="close", grants=nothing))
    await recorded(a_post(action="gpc", grants=nothing, gpc=True), CALIFORNIA)
    await folder.flush()
    assert await totals(database, now) == {
        "accepted": 1,
        "changed": 1,
        "withdrawn": 1,
        "declined": 1,
        "partly": 1,
        "closed": 1,
        "gpc": 1,
    }


async def test_one_bad_entry_fails_alone(recorder, recorded, a_post, version, database):
    stranger = msgspec.structs.replace(version, id=version.id + 1000)
    posts = [a_post() for _ in range(5)]
    bad = recorder.record(stranger, a_post(), place=BERLIN, gpc_header=False, device="phone")
    *good, failed = await asyncio.gather(
        *(recorded(post) for post in posts), bad, return_exceptions=True
    )
    assert [receipt.id for receipt in good] == [post.id for post in posts]
    assert isinstance(failed, Exception)
    assert await stored(database) == 5


async def test_a_request_that_goes_away_harms_no_other(recorded, a_post, database):
    going = [asyncio.ensure_future(recorded(a_post())) for _ in range(10)]
    staying = [asyncio.ensure_future(recorded(a_post())) for _ in range(10)]
    await asyncio.sleep(0)
    for task in going:
        task.cancel()
    assert len(await asyncio.gather(*staying)) == 10
    assert await stored(database) >= 10


async def test_stopping_answers_what_was_taken_and_takes_no_more(database, version, a_post, now):
    recorder = Recorder(database, Folder(database, counts.add), COMPOSER, REGIONS, SIGNER, now)
    recorder.start()

    def send() -> Awaitable[ledger.Appended]:
        return recorder.record(version, a_post(), place=BERLIN, gpc_header=False, device="phone")

    taken = [asyncio.ensure_future(send()) for _ in range(20)]
    await asyncio.sleep(0)
    await recorder.stop()
    assert all(task.done() for task in taken) or len(await asyncio.gather(*taken)) == 20
    with pytest.raises(UnavailableError):
        await send()
    assert await stored(database) == 20


async def test_a_full_queue_turns_posts_away(database, version, a_post, now, monkeypatch):
    monkeypatch.setattr(commit, "QUEUE_POSTS", 3)
    recorder = Recorder(database, Folder(database, counts.add), COMPOSER, REGIONS, SIGNER, now)
    recorder.start()

    def send() -> Awaitable[ledger.Appended]:
        return recorder.record(version, a_post(), place=BERLIN, gpc_header=False, device="phone")

    answers = await asyncio.gather(*(send() for _ in range(5)), return_exceptions=True)
    await recorder.stop()
    refused = [answer for answer in answers if isinstance(answer, UnavailableError)]
    assert len(refused) == 2
    assert await stored(database) == 3


async def test_storage_that_is_away_is_said_and_the_next_post_works(database, version, a_post, now):
    class Away:
        """A database whose first write fails."""

        def __init__(self) -> None:
            self.failed = False

        def driven(self):
            if not self.failed:
                self.failed = True
                raise UnavailableError("database: gone")
            return database.driven()

        write = database.write

    recorder = Recorder(Away(), Folder(database, counts.add), COMPOSER, REGIONS, SIGNER, now)
    recorder.start()
    post = a_post()

    def send() -> Awaitable[ledger.Appended]:
        return recorder.record(version, post, place=BERLIN, gpc_header=False, device="phone")

    with pytest.raises(UnavailableError):
        await send()
    assert (await send()).record.id == post.id
    await recorder.stop()


async def test_storage_that_falls_silent_is_given_up_and_said_once(
    database, version, a_post, now, monkeypatch
):
    class Silent:
        """A database that answers once it is let go."""

        def __init__(self) -> None:
            self.answers = asyncio.Event()

        @contextlib.asynccontextmanager
        async def driven(self):
            await self.answers.wait()
            async with database.driven() as driver:
                yield driver

        write = database.write

    monkeypatch.setattr(commit, "COMMIT_SECONDS", 0.01)
    silent = Silent()
    recorder = Recorder(silent, Folder(database, counts.add), COMPOSER, REGIONS, SIGNER, now)
    recorder.start()
    post = a_post()

    def send(post: DecisionPost) -> Awaitable[ledger.Appended]:
        return recorder.record(version, post, place=BERLIN, gpc_header=False, device="phone")

    with capture_logs() as lines:
        for one in (post, a_post(), a_post()):
            with pytest.raises(UnavailableError):
                await send(one)
        monkeypatch.undo()
        silent.answers.set()
        await until(lambda: recorder.committer.recorded == 1)
        assert (await send(post)).fresh is False
    await recorder.stop()
    assert await stored(database) == 1
    assert [line["event"] for line in lines] == ["decisions not stored", "decisions stored again"]


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not what():
            await asyncio.sleep(0.001)


def a_key(version: Version, now, **changes) -> counts.Key:
    values = {
        "store_id": version.store_id,
        "hour": counts.hour_of(now()),
        "place": "DE",
        "regime": "eea",
        "device": "phone",
        "language": "de",
        "version": 1,
        "measure": "visit",
    }
    return counts.Key(**{**values, **changes})


async def test_shown_banners_are_written_as_sums(database, version, now):
    folder = Folder(database, counts.add)
    folder.start()
    for _ in range(5):
        folder.add(a_key(version, now))
    folder.add(a_key(version, now, measure="repeat"))
    await folder.stop()
    assert await totals(database, now) == {"visit": 5, "repeat": 1}


async def test_sums_wait_while_storage_is_away(database, version, now):
    class Away:
        generation = 0

        def write(self):
            raise UnavailableError("database: gone")

    folder = Folder(Away(), counts.add)
    with capture_logs() as lines:
        for _ in range(2):
            folder.add(a_key(version, now))
            await folder.flush()
        folder._database = database
        await folder.flush()
    assert await totals(database, now) == {"visit": 2}
    assert [line["event"] for line in lines] == ["counts not stored", "counts stored again"]


async def test_folded_sums_have_a_bound(database, version, now, monkeypatch):
    monkeypatch.setattr(folding, "FOLDED_KEYS", 2)
    folder = Folder(database, counts.add)
    for place in ("DE", "FR", "IT", "DE"):
        folder.add(a_key(version, now, place=place))
    assert folder.dropped == 1
    await folder.flush()
    assert await totals(database, now) == {"visit": 3}


async def test_so_many_counts_do_not_wait_for_the_second_to_be_over(
    database, version, now, monkeypatch
):
    monkeypatch.setattr(folding, "FLUSH_SECONDS", 3600)
    monkeypatch.setattr(folding, "MOST_COUNTS", 5)
    folder = Folder(database, counts.add)
    folder.start()
    for _ in range(4):
        folder.add(a_key(version, now))
    assert folder.waiting == 4
    folder.add(a_key(version, now, place="FR"))
    await until(lambda: folder.waiting == 0)
    assert await totals(database, now) == {"visit": 5}
    await folder.stop()


async def test_sums_are_written_a_few_in_each_transaction(database, version, now, monkeypatch):
    monkeypatch.setattr(folding, "ROWS_AT_ONCE", 2)
    sizes = []

    async def write(connection, sums):
        if len(sizes) == 1:
            sizes.append(0)
            raise UnavailableError("database: gone")
        sizes.append(len(sums))
        await counts.add(connection, sums)

    folder = Folder(database, write)
    for place in ("DE", "FR", "IT", "ES", "PT"):
        folder.add(a_key(version, now, place=place))
    await folder.flush()
    assert await totals(database, now) == {"visit": 2}
    await folder.flush()
    assert await totals(database, now) == {"visit": 5}
    assert sizes == [2, 0, 2, 1]
    assert folder.waiting == 0


async def test_a_count_that_cannot_be_written_takes_no_other_with_it(database, version, now):
    folder = Folder(database, counts.add)
    folder.add(a_key(version, now))
    folder.add(a_key(version, now, store_id=999_999))  # a store that is not there
    with capture_logs() as lines:
        await folder.flush()
    assert await totals(database, now) == {"visit": 1}
    assert (folder.dropped, folder.waiting) == (1, 0)
    assert [line["event"] for line in lines] == ["count dropped"]


async def test_what_comes_while_sums_are_written_is_written_too_before_the_end(
    database, version, now
):
    async def write(connection, sums):
        if not stopping:
            stopping.append(asyncio.create_task(folder.stop()))
            await asyncio.sleep(0)
            folder.add(a_key(version, now, place="FR"))
        await counts.add(connection, sums)

    stopping: list[asyncio.Task[None]] = []
    folder = Folder(database, write)
    folder.add(a_key(version, now))
    folder._wake.set()
    folder.start()
    await until(lambda: bool(stopping))
    await stopping[0]
    assert await totals(database, now) == {"visit": 2}


async def test_sums_are_written_one_after_the_other_whoever_asks_for_it(database, version, now):
    written, going_on = [], asyncio.Event()

    async def write(connection, sums):
        written.append(dict(sums))
        await going_on.wait()
        await counts.add(connection, sums)

    folder = Folder(database, write)
    folder.add(a_key(version, now))
    first = asyncio.create_task(folder.flush())
    await until(lambda: bool(written))
    folder.add(a_key(version, now, place="FR"))
    second = asyncio.create_task(folder.flush())
    await asyncio.sleep(0)
    going_on.set()
    await second
    assert await totals(database, now) == {"visit": 2}
    assert folder.waiting == 0
    await first


def test_a_moment_is_written_in_utc_with_milliseconds():
    east = dt.timezone(dt.timedelta(hours=2))
    moment = dt.datetime(2026, 3, 2, 12, 0, 0, 250_999, tzinfo=east)
    assert record.rfc3339(moment) == "2026-03-02T10:00:00.250Z"
