"""The page of decline rates, and the same numbers as CSV."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.responses import Response

from consent import rates, stores
from consent.model import Place, RegionRule
from consent.rates import OUTCOMES, Counts, Group, Rate, Report
from consent.stores import StoreSummary
from consent.web.admin import access, pages, periods, plot, words
from consent.web.admin.door import Visit
from consent.web.admin.periods import Period
from consent.web.services import Services

CLASSES = tuple(f"part-{outcome.replace('_', '-')}" for outcome in OUTCOMES)
ROWS = 12
"""How many places the page lists, at least, before the rest folds away; a country stays whole."""
UNKNOWN = "unknown"
"""The key of the unknown place in the CSV."""


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


class Row(NamedTuple):
    """One place, and the regime that its visitors come under. ``note`` stands small beside it.

    ``part``: a place within the country of the row above, which is the sum of such rows.
    """

    name: str
    note: str
    regime: str
    model: str
    counts: Counts
    bar: Markup
    part: bool = False


class Chosen(NamedTuple):
    """What the address asks for, after checking that this user may see it."""

    stores: list[StoreSummary]
    store: StoreSummary | None
    period: Period
    ids: list[int] | None


async def show(visit: Visit) -> Response:
    chosen = await _chosen(visit)
    if not chosen.stores:
        return pages.render("rates_none.html", {"here": "rates"}, user=visit.user)
    report, before = await _reports(visit, chosen)
    as_share = visit.request.query_params.get("plot") == "share"
    blocks = await _blocks(visit, chosen, report)
    shown = _fitting(blocks)
    context = {
        "here": "rates",
        "stores": chosen.stores,
        "store": chosen.store,
        "period": chosen.period,
        "presets": periods.PRESETS,
        "report": report,
        "before": before,
        "headline": headline(report, before, chosen.period),
        "tiles": tiles(report.total, before, chosen.period),
        "legend": _legend(report.total),
        "whole": plot.strip(_parts(report.total), CLASSES, width=1000, height=18),
        "plots": _plots(report, as_share=as_share),
        "as_share": as_share,
        "places": [row for block in blocks[:shown] for row in block],
        "more_places": [row for block in blocks[shown:] for row in block],
        "apart": apart(report.total),
        "outcomes": OUTCOMES,
        "outcome_names": words.OUTCOMES,
        "small": rates.SMALL,
        "link": _linker(chosen, as_share=as_share),
        "snippet": "" if await _seen_ever(visit, chosen, report) else _snippet(visit, chosen),
    }
    return pages.render("rates.html", context, user=visit.user)


async def download(visit: Visit) -> Response:
    """The numbers of the page as CSV: a line for each day, country, place and regime."""
    chosen = await _chosen(visit)
    report, _ = await _reports(visit, chosen)
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    apart = ("shown", "repeats", "withdrawn", "changed")
    writer.writerow(["store", "by", "key", "name", "visits", *OUTCOMES, *apart])
    store = chosen.store.key if chosen.store is not None else "all"
    writer.writerow(_line(store, "all", "", "", report.total))
    for day in report.days:
        writer.writerow(_line(store, "day", day.day.isoformat(), "", day.counts))
    for by, groups in (("country", report.countries), ("place", report.places)):
        for group in groups:
            name = words.place(group.code)
            writer.writerow(_line(store, by, group.code or UNKNOWN, name, group.counts))
    for group in report.regimes:
        writer.writerow(_line(store, "regime", group.code, "", group.counts))
    name = f"decline-rates-{store}-{chosen.period.first}-{chosen.period.last}.csv"
    return Response(
        file.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


def headline(report: Report, before: Counts, period: Period) -> Headline:
    """The first line, and the one below it that gives the counts and the comparison."""
    if not report.total.visits:
        second = f"Nothing was counted in {period.name}."
        return Headline("", "No visits in this period", "", second)
    told = next((group for group in report.countries if group.code), None)
    overall = report.total.rate("declined")
    if overall.share is None:
        second = f"A rate needs {rates.SMALL} visits or more."
        figure, rest = f"{overall.n:,}", f"of {_visits(overall.of)} declined so far"
        return Headline(figure, rest, "", second)
    rate, where = overall, ""
    if told is not None and told.counts.visits >= rates.SMALL:
        rate, where = told.counts.rate("declined"), f" {words.in_place(told.code)}"
    figure, rest = words.percent(rate), f"of visits{where} declined"
    counted = f"({rate.n:,} of {rate.of:,})"
    second = (
        f"Over all places {words.percent(overall)} declined in {period.name}: "
        f"{overall.n:,} of {_visits(overall.of)}"
    )
    moved = words.points(overall, before.rate("declined"))
    if moved:
        second += f", {_moved(moved, period)}"
    return Headline(figure, rest, counted, f"{second}.")


def apart(total: Counts) -> str:
    """What is not among the outcomes: what visitors took back or changed after their answer."""
    withdrawn = f"{total.withdrawn:,} withdrawal{'' if total.withdrawn == 1 else 's'}"
    changed = f"{total.changed:,} later change{'' if total.changed == 1 else 's'} of a choice"
    return f"Counted apart: {withdrawn} and {changed}. Visits stay counted as first answered."


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


async def _chosen(visit: Visit) -> Chosen:
    found = await access.visible(visit.connection, visit.user)
    query = visit.request.query_params
    store = access.pick(found, query.get("store", ""))
    if store is None and len(found) == 1:
        store = found[0]
    ids = [store.id] if store is not None else None
    if ids is None and visit.user.store is not None:
        ids = [each.id for each in found]
    return Chosen(found, store, periods.read(query, visit.services.now()), ids)


async def _reports(visit: Visit, chosen: Chosen) -> tuple[Report, Counts]:
    period = chosen.period
    report = await rates.report(visit.connection, chosen.ids, period.since, period.until)
    return report, await rates.total(visit.connection, chosen.ids, *period.before)


async def _blocks(visit: Visit, chosen: Chosen, report: Report) -> list[list[Row]]:
    """The places by country, most visits first. A block is one row or a sum with its parts."""
    rules: Mapping[str, RegionRule] = {}
    if chosen.store is not None:
        version = await stores.current(visit.connection, chosen.store.key)
        rules = version.config.regions if version is not None else {}
    parts: dict[str, list[Group]] = {}
    for group in report.places:
        parts.setdefault(group.code.partition("-")[0], []).append(group)
    blocks = []
    for country in report.countries:
        groups = parts[country.code]
        rows = [_row(visit.services, group, chosen.period, rules) for group in groups]
        if [group.code for group in groups] != [country.code]:
            rows = [_sum(country, rows), *(row._replace(part=True) for row in rows)]
        blocks.append(rows)
    return blocks


def _row(services: Services, group: Group, period: Period, rules: Mapping[str, RegionRule]) -> Row:
    country, _, subdivision = group.code.partition("-")
    place = Place(country or None, group.code if subdivision else None)
    regime = services.regions.resolve(place, on=period.last, rules=rules).regime
    return Row(
        words.place(group.code),
        words.beside_place(group.code),
        words.short(regime.name),
        words.MODELS[regime.model],
        group.counts,
        _bar(group.counts),
    )


def _sum(country: Group, rows: list[Row]) -> Row:
    """The row of a country that is counted by its parts."""
    laws = {(row.regime, row.model) for row in rows}
    regime, model = laws.pop() if len(laws) == 1 else (f"{len(laws)} regimes", "by place")
    note = f"sum of {len(rows)} place{'' if len(rows) == 1 else 's'}"
    return Row(words.place(country.code), note, regime, model, country.counts, _bar(country.counts))


def _bar(counts: Counts) -> Markup:
    return plot.strip(_parts(counts), CLASSES, width=160, height=10)


def _fitting(blocks: list[list[Row]]) -> int:
    """How many blocks it takes to list ``ROWS`` rows."""
    rows = 0
    for number, block in enumerate(blocks):
        if rows >= ROWS:
            return number
        rows += len(block)
    return len(blocks)


def _plots(report: Report, *, as_share: bool) -> list[Markup]:
    columns = [
        plot.Column(words.short_day(day.day), _told(day.day, day.counts), _parts(day.counts))
        for day in report.days
    ]
    busiest = max(report.days, key=lambda day: day.counts.visits)
    desc = (
        f"{len(columns)} days, {_visits(report.total.visits)} in all, most on "
        f"{words.day(busiest.day)}: {busiest.counts.visits:,}. The table below has every number."
    )
    title = "Share of visits by answer and day" if as_share else "Visits by answer and day"
    return [
        plot.stacked(columns, CLASSES, title=title, desc=desc, as_share=as_share, frame=frame)
        for frame in (plot.WIDE, plot.NARROW)
    ]


def _told(day: Any, counts: Counts) -> str:
    lines = [f"{words.day(day)}: {_visits(counts.visits)}"]
    for outcome in OUTCOMES:
        rate = counts.rate(outcome)
        if rate.n:
            share = f" ({words.percent(rate)})" if rate.share is not None else ""
            lines.append(f"{words.OUTCOMES[outcome]}: {rate.n:,}{share}")
    return "\n".join(lines)


def _legend(total: Counts) -> list[tuple[str, str, Rate]]:
    return [
        (words.OUTCOMES[outcome], class_, total.rate(outcome))
        for outcome, class_ in zip(OUTCOMES, CLASSES, strict=True)
    ]


def _parts(counts: Counts) -> tuple[int, ...]:
    return tuple(counts.rate(outcome).n for outcome in OUTCOMES)


def _line(store: str, by: str, key: str, name: str, counts: Counts) -> list[str | int]:
    parts = _parts(counts)
    apart = (counts.shown, counts.repeats, counts.withdrawn, counts.changed)
    return [store, by, key, name, counts.visits, *parts, *apart]


def _linker(chosen: Chosen, *, as_share: bool) -> Any:
    """Makes addresses that keep what is chosen, but for what the template changes."""
    kept = dict(chosen.period.query)
    if chosen.store is not None and len(chosen.stores) > 1:
        kept["store"] = chosen.store.key
    if as_share:
        kept["plot"] = "share"

    def link(path: str = "/admin/rates", **changed: str | int | None) -> str:
        query = {**kept, **changed}
        if "days" in changed:
            query.pop("from", None)
            query.pop("until", None)
        given = {name: value for name, value in query.items() if value is not None}
        return f"{path}?{urlencode(given)}" if given else path

    return link


async def _seen_ever(visit: Visit, chosen: Chosen, report: Report) -> bool:
    """Whether any visitor was ever counted here, so that there is something to show."""
    if report.total.visits:
        return True
    began = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
    end = visit.services.now() + dt.timedelta(hours=1)
    total = await rates.total(visit.connection, chosen.ids, began, end)
    return total.visits > 0


def _snippet(visit: Visit, chosen: Chosen) -> str:
    store = chosen.store or chosen.stores[0]
    return visit.services.composer.snippet(store.key, visit.services.settings.public_url)


def _visits(n: int) -> str:
    return f"{n:,} visit{'' if n == 1 else 's'}"


def _moved(moved: str, period: Period) -> str:
    if moved == "unchanged":
        return f"as in {period.name_before}"
    sign, size = moved[0], moved[1:]
    return f"{size} {'more' if sign == '+' else 'less'} than in {period.name_before}"
