"""The numbers of the page of decline rates as files: CSV for people, JSON for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

import msgspec
from starlette.responses import Response

from consent.rates import OUTCOMES, Counts, Group, Rate, Report
from consent.web.admin import words
from consent.web.admin.ratechoice import UNKNOWN

APART = ("shown", "repeats", "withdrawn", "changed", "bots")


def as_csv(name: str, store: str, report: Report) -> Response:
    """A line for each day, country, place and regime, and for each group if it is another one."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    intervals = [f"{outcome}_{end}" for outcome in OUTCOMES for end in ("low", "high")]
    writer.writerow(["store", "by", "key", "name", "visits", *OUTCOMES, *APART, *intervals])
    writer.writerow(_line(store, "all", "", "", report.total))
    for day in report.days:
        writer.writerow(_line(store, "day", day.day.isoformat(), "", day.counts))
    for by, groups in (("country", report.countries), ("place", report.places)):
        for group in groups:
            writer.writerow(
                _line(store, by, group.code or UNKNOWN, words.place(group.code), group.counts)
            )
    if report.by not in ("place", "regime"):
        for group in report.groups:
            writer.writerow(_line(store, report.by, group.code, "", group.counts))
    for group in report.regimes:
        writer.writerow(_line(store, "regime", group.code, "", group.counts))
    return Response(
        file.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}.csv"'},
    )


def as_json(store: str, report: Report, before: Counts) -> Response:
    content = msgspec.json.encode(facts(store, report, before))
    return Response(content, media_type="application/json")


def facts(store: str, report: Report, before: Counts) -> dict[str, Any]:
    """The same and the period before; every rate with its counts and its interval."""
    return {
        "store": store,
        "since": report.since,
        "until": report.until,
        "total": _numbers(report.total),
        "before": _numbers(before),
        "days": [{"day": day.day, **_numbers(day.counts)} for day in report.days],
        "countries": _groups(report.countries),
        "places": _groups(report.places),
        "regimes": _groups(report.regimes),
        "by": report.by,
        "groups": _groups(report.groups),
    }


def _groups(groups: Iterable[Group]) -> list[dict[str, Any]]:
    return [{"key": group.code or UNKNOWN, **_numbers(group.counts)} for group in groups]


def _numbers(counts: Counts) -> dict[str, Any]:
    outcomes = {}
    for outcome in OUTCOMES:
        rate = counts.rate(outcome)
        low, high = _ends(rate)
        outcomes[outcome] = {"n": rate.n, "of": rate.of, "share": rate.share}
        outcomes[outcome] |= {"low": low, "high": high}
    apart = {name: getattr(counts, name) for name in APART}
    return {"visits": counts.visits, "outcomes": outcomes, **apart}


def _line(store: str, by: str, key: str, name: str, counts: Counts) -> list[str | int]:
    rates = [counts.rate(outcome) for outcome in OUTCOMES]
    apart = [getattr(counts, name) for name in APART]
    ends = [f"{end:.4f}" if end is not None else "" for rate in rates for end in _ends(rate)]
    return [store, by, key, name, counts.visits, *(rate.n for rate in rates), *apart, *ends]


def _ends(rate: Rate) -> tuple[float | None, float | None]:
    return rate.interval or (None, None)
