"""The page of decline rates: its choices, its plots and its tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple, get_args

from markupsafe import Markup
from starlette.responses import Response

from consent import rates, stores
from consent.model import Place, Rules
from consent.rates import OUTCOMES, Counts, Group, GroupedBy, Rate, Report, Span, Step
from consent.web.admin import pages, periods, plot, ratechoice, ratefiles, ratewords, words
from consent.web.admin.door import Visit
from consent.web.admin.periods import Period
from consent.web.admin.ratechoice import GROUPS, STEPS, UNKNOWN, Chosen
from consent.web.admin.ratewords import visits
from consent.web.services import Services

CLASSES = tuple(f"part-{outcome.replace('_', '-')}" for outcome in OUTCOMES)
ROWS = 12
"""How many places the page lists, at least, before the rest folds away; a country stays whole."""


class Row(NamedTuple):
    """One group, and where it is a place the regime that its visitors come under.

    ``note`` stands small beside it; ``only``: the address of this page for this group alone.
    ``part``: a place within the country of the row above, which is the sum of such rows.
    """

    name: str
    note: str
    regime: str
    model: str
    counts: Counts
    bar: Markup
    only: dict[str, str]
    part: bool = False


async def show(visit: Visit) -> Response:
    chosen = await ratechoice.read(visit)
    if not chosen.stores:
        return pages.render("rates_none.html", {"here": "rates"}, user=visit.user)
    report, before = await _reports(visit, chosen)
    as_share = visit.request.query_params.get("plot") == "share"
    blocks = await _blocks(visit, chosen, report)
    shown = _fitting(blocks)
    spans, now = await _spans(visit, chosen, report), visit.services.now()
    asking = _asking(visit.services, chosen.period.last)
    context = {
        "here": "rates",
        "stores": chosen.stores,
        "store": chosen.store,
        "period": chosen.period,
        "presets": periods.PRESETS,
        "report": report,
        "before": before,
        "headline": ratewords.headline(report, before, chosen.period),
        "typical": ratewords.typical(report, asking),
        "tiles": ratewords.tiles(report.total, before, chosen.period),
        "legend": _legend(report.total),
        "whole": plot.strip(_parts(report.total), CLASSES, width=1000, height=18),
        "plots": _plots(report.total, spans, chosen.step, as_share=as_share),
        "spans": spans,
        "span_name": lambda span: _named(span, chosen.step),
        "step": chosen.step,
        "steps": {
            step: name for step, name in STEPS.items() if ratechoice.fits(step, chosen.period, now)
        },
        "as_share": as_share,
        "by": chosen.by,
        "bys": ratechoice.offered(chosen),
        "filters": _filters(visit.services, chosen),
        "places": [row for block in blocks[:shown] for row in block],
        "more_places": [row for block in blocks[shown:] for row in block],
        "apart": ratewords.apart(report.total),
        "outcomes": OUTCOMES,
        "outcome_names": words.OUTCOMES,
        "small": rates.SMALL,
        "link": ratechoice.linker(chosen, as_share=as_share),
        "snippet": "" if await _seen_ever(visit, chosen, report) else _snippet(visit, chosen),
    }
    return pages.render("rates.html", context, user=visit.user)


async def download(visit: Visit) -> Response:
    """The numbers of the page as CSV, or as JSON where the address ends so."""
    chosen = await ratechoice.read(visit)
    report, before = await _reports(visit, chosen)
    store = chosen.store.key if chosen.store is not None else "all"
    if visit.request.url.path.endswith(".json"):
        return ratefiles.as_json(store, report, before)
    name = f"decline-rates-{store}-{chosen.period.first}-{chosen.period.last}"
    return ratefiles.as_csv(name, store, report)


async def _reports(visit: Visit, chosen: Chosen) -> tuple[Report, Counts]:
    period, only = chosen.period, chosen.only
    report = await rates.report(
        visit.connection, chosen.ids, period.since, period.until, by=chosen.by, only=only
    )
    return report, await rates.total(visit.connection, chosen.ids, *period.before, only=only)


async def _spans(visit: Visit, chosen: Chosen, report: Report) -> tuple[Span, ...]:
    if chosen.step != "hour":
        return report.spans(chosen.step)
    period = chosen.period
    return await rates.hours(
        visit.connection, chosen.ids, period.since, period.until, only=chosen.only
    )


def _asking(services: Services, on: dt.date) -> list[str]:
    """The regimes under which a visitor is asked before anything runs."""
    regions = services.regions
    every = (regions.regime(id_, Place(), on=on) for id_ in regions.ids)
    return [regime.id for regime in every if regime.model == "opt-in"]


def _filters(services: Services, chosen: Chosen) -> list[tuple[str, str, str, str]]:
    """What alone is counted: the part of the address, its name, what it is set to, and as what."""
    named = []
    for by in get_args(GroupedBy):
        value = chosen.filters.get(by)
        if value is not None:
            shown, _ = _names(services, chosen, by, "" if value == UNKNOWN else value)
            named.append((by, GROUPS[by], shown, value))
    return named


def _names(services: Services, chosen: Chosen, by: GroupedBy, code: str) -> tuple[str, str]:
    """What a group is called, and what stands small beside it."""
    if by == "place":
        return words.place(code), words.beside_place(code)
    if by == "regime":
        known = code in services.regions.ids
        regime = services.regions.regime(code, Place(), on=chosen.period.last) if known else None
        return (words.short(regime.name), code) if regime else (code, "")
    if by == "device":
        return code.capitalize(), ""
    if by == "language":
        return words.language(code), code
    if by == "store":
        return next((one.name for one in chosen.stores if str(one.id) == code), code), ""
    return (code, "") if by == "variant" else (f"Version {code}", "")


async def _blocks(visit: Visit, chosen: Chosen, report: Report) -> list[list[Row]]:
    """The groups, most visits first. A block is one row, or of a country a sum with its parts."""
    if chosen.by != "place":
        return [[_group_row(visit.services, chosen, group)] for group in report.groups]
    rules = Rules()
    if chosen.store is not None:
        version = await stores.current(visit.connection, chosen.store.key)
        rules = version.rules if version is not None else rules
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


def _row(services: Services, group: Group, period: Period, rules: Rules) -> Row:
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
        {"place": group.code or UNKNOWN},
    )


def _group_row(services: Services, chosen: Chosen, group: Group) -> Row:
    name, note = _names(services, chosen, chosen.by, group.code)
    code = group.code
    if chosen.by == "store":
        code = next((store.key for store in chosen.stores if str(store.id) == code), "")
    only: dict[str, str] = {chosen.by: code}
    return Row(name, note, "", "", group.counts, _bar(group.counts), only)


def _sum(country: Group, rows: list[Row]) -> Row:
    """The row of a country that is counted by its parts."""
    laws = {(row.regime, row.model) for row in rows}
    regime, model = laws.pop() if len(laws) == 1 else (f"{len(laws)} regimes", "by place")
    note = f"sum of {len(rows)} place{'' if len(rows) == 1 else 's'}"
    name, only = words.place(country.code), {"place": country.code}
    return Row(name, note, regime, model, country.counts, _bar(country.counts), only)


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


def _plots(total: Counts, spans: Sequence[Span], step: Step, *, as_share: bool) -> list[Markup]:
    one_day = len(spans) <= 24
    columns = [
        plot.Column(_label(span, step, one_day), _told(span, step), _parts(span.counts))
        for span in spans
    ]
    busiest = max(spans, key=lambda span: span.counts.visits)
    desc = (
        f"{len(columns)} {STEPS[step].lower()}, {visits(total.visits)} in all, most on "
        f"{_named(busiest, step)}: {busiest.counts.visits:,}. The table below has every number."
    )
    what = "Share of visits" if as_share else "Visits"
    title = f"{what} by answer and {step}"
    return [
        plot.stacked(columns, CLASSES, title=title, desc=desc, as_share=as_share, frame=frame)
        for frame in (plot.WIDE, plot.NARROW)
    ]


def _label(span: Span, step: Step, one_day: bool) -> str:
    """What stands below a column; below hours only where a day begins, or every sixth of one."""
    if step == "hour" and span.at.hour:
        return f"{span.at:%H}:00" if one_day and span.at.hour % 6 == 0 else ""
    return f"{span.at:%b %Y}" if step == "month" else words.short_day(span.day)


def _named(span: Span, step: Step) -> str:
    if step == "hour":
        return f"{words.day(span.day)}, {span.at:%H}:00 UTC"
    if step == "month":
        return f"{span.at:%B %Y}"
    return f"week of {words.day(span.day)}" if step == "week" else words.day(span.day)


def _told(span: Span, step: Step) -> str:
    lines = [f"{_named(span, step)}: {visits(span.counts.visits)}"]
    for outcome in OUTCOMES:
        rate = span.counts.rate(outcome)
        if rate.n:
            share = f" ({words.percent(rate)})" if rate.share is not None else ""
            lines.append(f"{words.OUTCOMES[outcome]}: {rate.n:,}{share}")
    return "\n".join(lines)


def _legend(total: Counts) -> list[tuple[str, str, Rate]]:
    return [
        (words.OUTCOMES[outcome], class_, total.rate(outcome))
        for outcome, class_ in zip(OUTCOMES, CLASSES, strict=True)
    ]


def _parts(counts_: Counts) -> tuple[int, ...]:
    return tuple(counts_.rate(outcome).n for outcome in OUTCOMES)


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
