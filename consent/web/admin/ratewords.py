"""The first lines of the page of decline rates, in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from consent import rates
from consent.rates import TYPICAL_DECLINED, Counts, Rate, Report
from consent.web.admin import words
from consent.web.admin.periods import Period


class Tile(NamedTuple):
    """One number of the first row. ``rate`` None: a count alone."""

    name: str
    class_: str
    n: int
    rate: Rate | None
    change: str | None
    note: str


class Headline(NamedTuple):
    """The first line, its number and its counts apart; and the second one."""

    figure: str
    rest: str
    counts: str
    second: str


def headline(report: Report, before: Counts, period: Period) -> Headline:
    """The first line, and the one below it that gives the counts and the comparison."""
    if not report.total.visits:
        second = f"Nothing was counted in {period.name}."
        return Headline("", "No visits in this period", "", second)
    told = next((group for group in report.countries if group.code), None)
    overall = report.total.rate("declined")
    if overall.share is None:
        second = f"A rate needs {rates.SMALL} visits or more."
        figure, rest = f"{overall.n:,}", f"of {visits(overall.of)} declined so far"
        return Headline(figure, rest, "", second)
    rate, where = overall, ""
    if told is not None and told.counts.visits >= rates.SMALL:
        rate, where = told.counts.rate("declined"), f" {words.in_place(told.code)}"
    figure, rest = words.percent(rate), f"of visits{where} declined"
    counted = f"({rate.n:,} of {rate.of:,})"
    second = f"In {period.name}"
    if rate != overall:
        second = (
            f"Over all places {words.percent(overall)} declined in {period.name}: "
            f"{overall.n:,} of {visits(overall.of)}"
        )
    moved = words.points(overall, before.rate("declined"))
    if moved:
        second += f", {_moved(moved, period)}"
    return Headline(figure, rest, counted, f"{second}.")


def typical(report: Report, asking: Iterable[str]) -> str:
    """How this compares with what stores are used to; empty where too few were asked.

    Args:
        report: the page's.
        asking: the ids of the regimes under which visitors are asked before anything runs.
    """
    rate = report.of_regimes(asking).rate("declined")
    if rate.share is None:
        return ""
    low, high = (round(share * 100) for share in TYPICAL_DECLINED)
    return (
        f"Where visitors are asked first, {words.percent(rate)} declined "
        f"({rate.n:,} of {rate.of:,}); European stores typically tell of {low} to {high} %."
    )


def apart(total: Counts) -> str:
    """What is not among the outcomes: what visitors took back or changed after their answer, and
    what no visitor did.
    """
    withdrawn = f"{total.withdrawn:,} withdrawal{'' if total.withdrawn == 1 else 's'}"
    changed = f"{total.changed:,} later change{'' if total.changed == 1 else 's'} of a choice"
    left_out = (
        f"Left out: {total.bots:,} banner{'' if total.bots == 1 else 's'} and answers of known "
        f"crawlers and of browsers that programs drive."
    )
    return (
        f"Counted apart: {withdrawn} and {changed}. Visits stay counted as first answered. "
        f"{left_out}"
    )


def tiles(total: Counts, before: Counts, period: Period) -> list[Tile]:
    """The first row of numbers, each with its counts and the period before."""
    repeats = f"and {total.repeats:,} repeats" if total.repeats else ""
    shown = Tile(
        "Visits shown", "shown", total.shown, None, words.change(total.shown, before.shown), repeats
    )
    notes = {
        "accepted": "every purpose",
        "declined": "every purpose",
        "partly": "some purposes",
        "no_choice": "left without answering",
        "gpc": "answered by the browser",
    }
    found = [shown]
    for outcome in ("accepted", "declined", "partly", "no_choice", "gpc"):
        rate = total.rate(outcome)
        found.append(
            Tile(
                words.OUTCOMES[outcome],
                f"part-{outcome.replace('_', '-')}",
                rate.n,
                rate,
                words.points(rate, before.rate(outcome)),
                notes[outcome],
            )
        )
    return found


def visits(n: int) -> str:
    return f"{n:,} visit{'' if n == 1 else 's'}"


def _moved(moved: str, period: Period) -> str:
    if moved == "unchanged":
        return f"as in {period.name_before}"
    sign, size = moved[0], moved[1:]
    return f"{size} {'more' if sign == '+' else 'less'} than in {period.name_before}"
