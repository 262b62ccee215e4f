import datetime as dt

import pytest

from consent import counts, rates, stores
from consent.database import Database
from consent.model import StoreConfig
from consent.rates import OUTCOMES, Counts, Rate

NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
SINCE, UNTIL = dt.datetime(2026, 3, 1, tzinfo=dt.UTC), dt.datetime(2026, 3, 4, tzinfo=dt.UTC)


@pytest.fixture
async def store_ids(database: Database, now) -> list[int]:
    configs = [StoreConfig(key, key.title(), (f"https://{key}.example",)) for key in ("a", "b")]
    async with database.write() as c:
        return [await stores.save(c, config, now()) for config in configs]


def key(store_id: int, measure: counts.Measure, **changes) -> counts.Key:
    given = {
        "store_id": store_id,
        "hour": NOON,
        "place": "DE",
        "regime": "eea",
        "device": "phone",
        "language": "de",
        "version": 1,
        "measure": measure,
    }
    return counts.Key(**{**given, **changes})


class TestCounts:
    def test_what_is_left_of_the_visits_made_no_choice(self):
        found = Counts(shown=100, accepted=40, partly=5, declined=30, closed=3)
        assert found.no_choice == 22

    def test_no_choice_is_never_negative_even_when_counts_of_visits_were_lost(self):
        found = Counts(shown=3, accepted=4, declined=6)
        assert (found.visits, found.no_choice) == (10, 0)

    def test_a_browser_that_answers_by_gpc_is_a_visit_without_a_banner(self):
        found = Counts(shown=10, accepted=10, gpc=10)
        assert (found.visits, found.no_choice) == (20, 0)
        assert found.rate("gpc") == Rate(10, 20)

    @pytest.mark.parametrize(
        "found",
        [
            Counts(),
            Counts(shown=100, accepted=40, partly=5, declined=30, closed=3, gpc=9),
            Counts(shown=2, declined=9, withdrawn=4, changed=7, repeats=55),
        ],
    )
    def test_every_visit_ends_in_exactly_one_outcome(self, found: Counts):
        assert sum(found.rate(outcome).n for outcome in OUTCOMES) == found.visits

    def test_repeats_withdrawals_and_changes_are_no_visits(self):
        assert Counts(repeats=5, withdrawn=2, changed=3).visits == 0

    def test_a_measure_that_is_not_known_is_left_out(self):
        assert Counts.of({"visit": 3, "repeat": 2, "from_the_future": 9}) == Counts(3, 2)


class TestRate:
    def test_nine_visits_are_too_few_for_a_rate(self):
        assert Rate(3, 9).share is None

    def test_ten_visits_give_a_rate(self):
        assert Rate(3, 10).share == 0.3

    # Source of the expected ends: Newcombe, Statistics in Medicine 17 (1998) 857, table I.
    @pytest.mark.parametrize(
        ("n", "of", "low", "high"),
        [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ],
    )
    def test_the_true_rate_lies_in_wilsons_interval(self, n, of, low, high):
        found = Rate(n, of).interval
        assert found is not None
        assert [round(end, 4) for end in found] == [low, high]

    def test_too_few_give_no_interval_either(self):
        assert Rate(3, 9).interval is None


@pytest.mark.anyio
class TestReport:
    async def test_it_adds_up_by_day_place_and_regime(self, database, store_ids):
        a, _ = store_ids
        deltas = {
            key(a, "visit"): 20,
            key(a, "declined"): 8,
            key(a, "visit", place="US-CA", regime="us-ca"): 30,
            key(a, "gpc", place="US-CA", regime="us-ca"): 5,
            key(a, "visit", hour=NOON + DAY): 7,
        }
        async with database.write() as c:
            await counts.add(c, deltas)
        async with database.read() as c:
            report = await rates.report(c, [a], SINCE, UNTIL)
        assert report.total == Counts(shown=57, declined=8, gpc=5)
        assert [(str(day.day), day.counts.visits) for day in report.days] == [
            ("2026-03-01", 0),
            ("2026-03-02", 55),
            ("2026-03-03", 7),
        ]
        assert [(group.code, group.counts.visits) for group in report.places] == [
            ("US-CA", 35),
            ("DE", 27),
        ]
        assert {group.code for group in report.regimes} == {"eea", "us-ca"}

    async def test_places_fold_into_their_countries(self, database, store_ids):
        a, _ = store_ids
        places = {"US-CA": 4, "US-TX": 5, "DE": 6, "": 1}
        deltas = {key(a, "visit", place=place): n for place, n in places.items()}
        async with database.write() as c:
            await counts.add(c, deltas)
        async with database.read() as c:
            report = await rates.report(c, [a], SINCE, UNTIL)
        found = [(group.code, group.counts.visits) for group in report.countries]
        assert found == [("US", 9), ("DE", 6), ("", 1)]

    async def test_other_stores_and_other_days_do_not_count(self, database, store_ids):
        a, b = store_ids
        deltas = {
            key(a, "visit"): 1,
            key(b, "visit"): 10,
            key(a, "visit", hour=SINCE - dt.timedelta(hours=1)): 100,
            key(a, "visit", hour=UNTIL): 1000,
        }
        async with database.write() as c:
            await counts.add(c, deltas)
        async with database.read() as c:
            assert (await rates.report(c, [a], SINCE, UNTIL)).total.visits == 1
            assert (await rates.report(c, None, SINCE, UNTIL)).total.visits == 11
            assert (await rates.report(c, [], SINCE, UNTIL)).total.visits == 0
            assert (await rates.total(c, [a], SINCE - DAY, SINCE)).visits == 100

    async def test_a_day_that_has_only_begun_is_a_day(self, database, store_ids):
        async with database.read() as c:
            until = SINCE + dt.timedelta(hours=5)
            report = await rates.report(c, store_ids, SINCE, until)
        assert [day.day for day in report.days] == [SINCE.date()]

    async def test_it_can_be_asked_for_a_part_alone_and_grouped_otherwise(
        self, database, store_ids
    ):
        a, _ = store_ids
        deltas = {
            key(a, "visit", place="US-CA"): 1,
            key(a, "visit", place="US"): 10,
            key(a, "visit", place="UZ", device="desktop"): 100,
            key(a, "visit", place=""): 1000,
            key(a, "visit", language="fr", version=2): 10000,
        }
        async with database.write() as c:
            await counts.add(c, deltas)

        async def visits(**only) -> int:
            async with database.read() as c:
                alone = counts.Only(**only)
                report = await rates.report(c, [a], SINCE, UNTIL, only=alone)
                assert report.total == await rates.total(c, [a], SINCE, UNTIL, only=alone)
                return report.total.visits

        assert await visits(place="US") == 11
        assert await visits(place="US-CA") == 1
        assert await visits(place="U") == 0
        assert await visits(place="") == 1000
        assert await visits(device="desktop") == 100
        assert await visits(version=2, language="fr") == 10000
        assert await visits(version=2, language="de") == 0
        async with database.read() as c:
            found = {
                by: [
                    (group.code, group.counts.visits)
                    for group in (await rates.report(c, [a], SINCE, UNTIL, by=by)).groups
                ]
                for by in ("device", "language", "version", "store", "regime")
            }
        assert found == {
            "device": [("phone", 11011), ("desktop", 100)],
            "language": [("fr", 10000), ("de", 1111)],
            "version": [("2", 10000), ("1", 1111)],
            "store": [(str(a), 11111)],
            "regime": [("eea", 11111)],
        }

    async def test_days_fold_into_weeks_and_months_and_hours_stand_alone(self, database, store_ids):
        a, _ = store_ids
        moments = {"2026-03-01T23": 1, "2026-03-02T00": 10, "2026-03-02T05": 100}
        moments |= {"2026-02-28T12": 1000}
        deltas = {
            key(a, "visit", hour=dt.datetime.fromisoformat(f"{at}:00+00:00")): n
            for at, n in moments.items()
        }
        since = dt.datetime(2026, 2, 28, tzinfo=dt.UTC)
        until = dt.datetime(2026, 3, 2, 6, tzinfo=dt.UTC)
        async with database.write() as c:
            await counts.add(c, deltas)
        async with database.read() as c:
            report = await rates.report(c, [a], since, until)
            hours = await rates.hours(c, [a], since, until)

        def told(spans) -> dict[str, int]:
            return {f"{span.at:%FT%H}": span.counts.visits for span in spans if span.counts.visits}

        assert told(report.spans("week")) == {"2026-02-23T00": 1001, "2026-03-02T00": 110}
        assert told(report.spans("month")) == {"2026-02-01T00": 1000, "2026-03-01T00": 111}
        assert told(report.spans("day")) == told(report.days)
        assert told(hours) == moments
        assert len(hours) == 54
