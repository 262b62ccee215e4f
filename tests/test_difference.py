import random
from itertools import accumulate

import pytest

from consent import difference
from consent.difference import Bounds, Tally


def test_the_factor_is_that_of_the_reference_implementation():
    """Expected: the tests of `confseq` by the paper's authors, whose targets are from R."""
    assert difference.factor(0.05, 1.0) * 100**0.5 == pytest.approx(30.35209, abs=1e-5)
    assert 100 / difference._tuned(0.05) == pytest.approx(12.60056, abs=1e-5)


@pytest.mark.parametrize(
    ("one", "other", "power", "expected"),
    [
        (0.5, 0.75, 0.9, 77),  # the example in R's help on power.prop.test: n = 76.7
        (0.2, 0.25, 0.8, 1094),
        (0.25, 0.2, 0.8, 1094),
    ],
)
def test_visits_at_one_look_are_those_of_r(one, other, power, expected):
    assert difference.visits_at_one_look(one, other, 0.05, power) == expected


def test_bounds_only_become_narrower():
    steps = [0.01, 0.1, 0.5, 0.9, 1.0, 1.1, 2.0, 10.0]
    widths = [difference.factor(0.05, step) / step**0.5 for step in steps]
    assert widths == sorted(widths, reverse=True)
    assert all(difference.factor(0.05, step) > 1.96 for step in steps)


def test_too_few_visits_give_no_bounds():
    assert difference.bounds(Tally(50, 99), Tally(50, 1000), 0.05, 1.0) is None
    assert difference.bounds(Tally(50, 100), Tally(50, 100), 0.05, 1.0) is not None


def test_what_nobody_or_everybody_did_is_not_certain():
    found = difference.bounds(Tally(0, 100), Tally(100, 100), 0.05, 1.0)
    assert found is not None
    assert found.told
    assert found.low < 1 == found.high


def test_bounds_say_whether_a_difference_is_told_or_ruled_out():
    assert Bounds(0.01, 0.04).told
    assert not Bounds(-0.01, 0.04).told
    assert Bounds(-0.01, 0.04).within(0.05)
    assert not Bounds(-0.01, 0.06).within(0.05)


LOOKS, EACH, TRIALS = 40, 100, 300


def looks(chance: random.Random, shares: tuple[float, float]) -> list[tuple[Tally, Tally]]:
    """What somebody sees who looks again and again, after every ``EACH`` visits of either."""
    sums = []
    for share in shares:
        hits = (sum(chance.random() < share for _ in range(EACH)) for _ in range(LOOKS))
        sums.append([Tally(n, EACH * (i + 1)) for i, n in enumerate(accumulate(hits))])
    return list(zip(*sums, strict=True))


def is_told(one: Tally, other: Tally, factor: float) -> bool:
    error = (difference._variance(one) + difference._variance(other)) ** 0.5
    return abs(other.n / other.of - one.n / one.of) > factor * error


def test_looking_forty_times_tells_no_difference_where_there_is_none():
    """Who takes 1.96 standard errors at each look is wrong in a third of all trials."""
    chance = random.Random(7)
    naive = ours = 0
    for _ in range(TRIALS):
        seen = looks(chance, (0.45, 0.45))
        naive += any(is_told(*pair, 1.96) for pair in seen)
        ours += any(
            found.told
            for one, other in seen
            if (found := difference.bounds(one, other, 0.05, one.of / (LOOKS * EACH)))
        )
    assert naive > 0.2 * TRIALS
    assert ours <= 0.05 * TRIALS


def test_a_difference_that_was_planned_for_is_told_as_often_as_was_planned():
    chance = random.Random(8)
    each = difference.visits_needed(0.4, 0.1, 0.05, 0.8, (0.5, 0.5)) // 2
    told = 0
    for _ in range(150):
        tallies = [Tally(sum(chance.random() < p for _ in range(each)), each) for p in (0.4, 0.5)]
        found = difference.bounds(*tallies, 0.05, 1.0)
        told += found is not None and found.low > 0
    assert 0.72 * 150 <= told <= 0.9 * 150


def test_it_says_how_many_more_visits_it_takes():
    one, other = Tally(900, 2000), Tally(940, 2000)
    more = difference.visits_until_told(one, other, 0.05, 0.05, 0.5)
    grown = (4000 + more) / 4000
    before = difference.bounds(one, other, 0.05, 0.5)
    assert before is not None
    assert not before.told
    assert not before.within(0.05)
    later = [Tally(round(n * grown), round(of * grown)) for n, of in (one, other)]
    found = difference.bounds(*later, 0.05, 0.5 * grown)
    assert found is not None
    assert found.told or found.within(0.05)
