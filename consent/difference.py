"""How sure one can be that two shares differ, however often one looks. Pure.

Whoever looks at an experiment each morning and stops at the first "significant" p-value finds a
difference where there is none in one experiment of four, not of twenty. So the interval here is a
*confidence sequence*: it holds at every look at once, and one may stop at any of them.

It is that of the normal mixture, by the estimated variance of the difference. Sources: Robbins,
"Statistical methods related to the law of the iterated logarithm", Annals of Mathematical
Statistics 41 (1970); Howard, Ramdas, McAuliffe and Sekhon, Annals of Statistics 49 (2021), eq. 14;
for estimated variances Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit
theory and asymptotic confidence sequences", Annals of Statistics 52 (2024). It is the mixture
sequential probability ratio test of Johari, Koomen, Pekelis and Walsh, Operations Research 70
(2022), turned over. It holds for large numbers, so none is given below ``FEWEST`` visits.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

FEWEST = 100
"""Visits of each of the two below which no interval is given."""

_quantile = NormalDist().inv_cdf


class Tally(NamedTuple):
    """``n`` of ``of`` visits."""

    n: int
    of: int


class Bounds(NamedTuple):
    """Between which two numbers the true difference of two shares lies."""

    low: float
    high: float

    @property
    def told(self) -> bool:
        """Whether it is none that leaves out no difference at all."""
        return self.low > 0 or self.high < 0

    def within(self, difference: float) -> bool:
        """Whether a difference of that size, either way, is ruled out."""
        return -difference < self.low and self.high < difference


def factor(alpha: float, progress: float) -> float:
    """Within so many standard errors lies the true value, at every look, but for ``alpha``.

    Args:
        alpha: how often, over all looks together, it may lie outside.
        progress: how much has been counted, as a fraction of what was planned; there the factor is
            as small as it can be made.
    """
    s = progress * _tuned(alpha)
    return math.sqrt((1 + 1 / s) * (math.log1p(s) + 2 * math.log(1 / alpha)))


def _tuned(alpha: float) -> float:
    a = 2 * math.log(1 / alpha)
    return a + math.log1p(a)


def bounds(one: Tally, other: Tally, alpha: float, progress: float) -> Bounds | None:
    """How much larger the share of ``other`` is than that of ``one``; None: too few to say."""
    if min(one.of, other.of) < FEWEST:
        return None
    middle = other.n / other.of - one.n / one.of
    half = factor(alpha, progress) * math.sqrt(_variance(one) + _variance(other))
    return Bounds(max(-1.0, middle - half), min(1.0, middle + half))


def _variance(tally: Tally) -> float:
    """Of the share, with a success and a failure more, as none is certain.

    Source: Agresti and Caffo, The American Statistician 54 (2000).
    """
    share = (tally.n + 1) / (tally.of + 2)
    return share * (1 - share) / tally.of


def visits_needed(
    share: float, difference: float, alpha: float, power: float, parts: tuple[float, float]
) -> int:
    """How many visits to plan, so that a difference of that size is told in ``power`` of all cases.

    Args:
        share: what the first of the two shares is taken to be.
        difference: the smallest that matters.
        alpha: as for ``bounds``.
        power: how often.
        parts: of all visits, those that see the one and the other.
    """
    spread = _spread(share, difference, parts)
    return math.ceil(((factor(alpha, 1.0) + _quantile(power)) / difference) ** 2 * spread)


def _spread(share: float, difference: float, parts: tuple[float, float]) -> float:
    """The variance of the difference after one visit, by the less lucky of both directions."""
    others = (min(1.0, share + difference), max(0.0, share - difference))
    worst = max(other * (1 - other) for other in others)
    return share * (1 - share) / parts[0] + worst / parts[1]


def visits_at_one_look(one: float, other: float, alpha: float, power: float) -> int:
    """How many visits *each* of two shares needs where one looks once, at the very end.

    What is usually planned with, to compare. Source: Fleiss, "Statistical methods for rates and
    proportions"; what ``power.prop.test`` of R computes.
    """
    mean = (one + other) / 2
    spread = one * (1 - one) + other * (1 - other)
    half = _quantile(1 - alpha / 2) * math.sqrt(2 * mean * (1 - mean))
    return math.ceil(((half + _quantile(power) * math.sqrt(spread)) / (one - other)) ** 2)


def visits_until_told(
    one: Tally, other: Tally, difference: float, alpha: float, progress: float
) -> int:
    """About how many more visits of both together it takes until there is something to say, should
    the shares stay as they are: that they differ, or that they differ by less than ``difference``.
    """
    seen = one.of + other.of
    gap = abs(other.n / other.of - one.n / one.of)
    wanted = max(gap, difference - gap, difference / 2)
    error = math.sqrt(_variance(one) + _variance(other))
    times = 1.0
    while factor(alpha, progress * times) * error / math.sqrt(times) >= wanted:
        times *= 1.05
    return math.ceil(seen * (times - 1))
