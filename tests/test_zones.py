"""When a law begins: at midnight by the place's own clocks."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import data
from consent.model import Place
from consent.regions import Regions

REGIONS = Regions.load()
SECOND = dt.timedelta(seconds=1)


def at(code: str) -> Place:
    country, dash, _ = code.partition("-")
    return Place(country, code if dash else None, "header")


@pytest.mark.parametrize(
    ("code", "begins"),
    [
        ("US-OK", "2027-01-01T06:00"),  # Chicago
        ("US-AL", "2027-01-01T06:00"),
        ("US-TX", "2027-01-01T06:00"),  # Chicago before El Paso
        ("US-OR", "2027-01-01T07:00"),  # Malheur County before Portland
        ("US-AK", "2027-01-01T09:00"),  # Juneau before Adak
        ("US-HI", "2027-01-01T10:00"),
        ("US-GU", "2026-12-31T14:00"),
        ("GU", "2026-12-31T14:00"),
        ("US", "2027-01-01T05:00"),  # New York before all others
        ("US-06", "2027-01-01T05:00"),
        ("CA-NL", "2027-01-01T03:30"),
        ("CA-QC", "2027-01-01T04:00"),  # the east end of the lower north shore
        ("DE", "2026-12-31T23:00"),
        ("DE-BE", "2026-12-31T23:00"),
        ("GB", "2027-01-01T00:00"),
        ("UK", "2027-01-01T00:00"),
        ("RE", "2026-12-31T20:00"),  # treated as France, with clocks of its own
        ("IC", "2027-01-01T00:00"),
        ("XK", "2026-12-31T23:00"),
        ("BV", "2026-12-31T23:00"),  # nobody lives there: as in Norway
        ("IN", "2026-12-31T18:30"),
        ("NP", "2026-12-31T18:15"),
        ("CL", "2027-01-01T03:00"),
        ("KI", "2026-12-31T10:00"),  # the first on earth
        ("HM", "2027-01-01T00:00"),  # no zone is known
        ("XX", "2027-01-01T00:00"),
        ("US-", "2027-01-01T00:00"),
    ],
)
def test_a_day_begins_by_the_clocks_of_the_place(code: str, begins: str) -> None:
    midnight = dt.datetime.fromisoformat(begins).replace(tzinfo=dt.UTC)
    assert REGIONS.day(at(code), midnight - SECOND) == dt.date(2026, 12, 31)
    assert REGIONS.day(at(code), midnight) == dt.date(2027, 1, 1)


def test_summer_time_counts() -> None:
    midnight = dt.datetime(2027, 5, 1, 5, 0, tzinfo=dt.UTC)
    assert REGIONS.day(at("US-AL"), midnight - SECOND) == dt.date(2027, 4, 30)
    assert REGIONS.day(at("US-AL"), midnight) == dt.date(2027, 5, 1)


def test_every_state_and_province_has_clocks_of_its_own() -> None:
    read = data.read_toml(data.folder("regimes") / "zones.toml")
    assert set(REGIONS.subdivisions) <= set(read["zones"])


HOURS = st.integers(0, 24 * 365 * 15).map(
    lambda hours: dt.datetime(2020, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=hours)
)


@given(st.sampled_from([*REGIONS.subdivisions, "US", "CA", "FR", "KI", "NZ", "AU"]), HOURS)
def test_days_follow_one_another_however_a_moment_is_written(code: str, at_: dt.datetime) -> None:
    day = REGIONS.day(at(code), at_)
    assert abs(day - at_.date()) <= dt.timedelta(days=1)
    assert REGIONS.day(at(code), at_ - dt.timedelta(hours=1)) <= day
    assert REGIONS.day(at(code), at_.astimezone(dt.timezone(dt.timedelta(hours=-9)))) == day
