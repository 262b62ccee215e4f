"""The page of signal coverage: what reached each platform, and what a decline costs."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

import babel.numbers
import msgspec
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from consent import coverage, drafts, rates, reach, stores
from consent.coverage import THOUSANDTHS
from consent.errors import NotFoundError
from consent.model import Reached, StoreConfig
from consent.reach import REACHED, Parts, Platform, Report
from consent.web.admin import access, pages, periods, plot, ratechoice, words
from consent.web.admin.door import Post, Visit
from consent.web.admin.ratechoice import Chosen
from consent.web.services import Services

NAMES: dict[Reached, str] = {
    "sent": "Reached",
    "limited": "Limited",
    "declined": "Declined",
    "no_choice": "No choice",
    "gpc": "GPC",
    "blocked": "Blocked",
    "left": "Left early",
}
CLASSES: dict[Reached, str] = {
    "sent": "part-accepted",
    "limited": "part-partly",
    "declined": "part-declined",
    "no_choice": "part-no-choice",
    "gpc": "part-gpc",
    "blocked": "part-closed",
    "left": "part-left",
}
_LOST: dict[Reached, str] = {
    "declined": "visitors declined",
    "no_choice": "nobody had chosen yet",
    "gpc": "browsers sent Global Privacy Control",
    "blocked": "browsers or the page's policy kept the library out",
    "left": "the page was left too early",
}
_BY: tuple[coverage.By, ...] = ("platform", "event", "currency", "reached", "place")


class Row(NamedTuple):
    """One line of a table: a whole and its parts, as events or as money."""

    name: str
    note: str
    whole: str
    parts: list[tuple[str, str, str]]
    """Of each way to end: its name, its share, how much that is."""
    bar: Markup


async def show(visit: Visit) -> Response:
    chosen = await ratechoice.read(visit)
    if not chosen.stores:
        return pages.render("rates_none.html", {"here": "coverage"}, user=visit.user)
    report = await reach.report(
        visit.connection, chosen.ids, chosen.period.since, chosen.period.until
    )
    wanted = visit.request.query_params.get("platform", "")[:60]
    platform = report.platform(wanted)
    if wanted and platform is None:
        raise NotFoundError("no_such_platform", f"nothing was counted for {wanted!r}")
    services = visit.services
    context = {
        "here": "coverage",
        "stores": chosen.stores,
        "store": chosen.store,
        "period": chosen.period,
        "presets": periods.PRESETS,
        "link": _linker(chosen, wanted),
        "headline": _headline(services, platform),
        "platform": platform and _name(services, platform.key),
        "platforms": [(one.key, _name(services, one.key)) for one in report.platforms],
        "chosen_platform": platform and platform.key,
        "worth": _worth(services, report),
        "events": [_events(_name(services, p.key), "", p.events) for p in report.platforms],
        "kinds": [_events(kind, "", parts) for kind, parts in _kinds(platform).items()],
        "places": _places(report, platform),
        "legend": [(NAMES[each], CLASSES[each]) for each in REACHED],
        "names": NAMES,
        "small": rates.SMALL,
        "off": await _off(visit, chosen),
        "may_change": access.may_change(visit.user, "pixels"),
    }
    return pages.render("coverage.html", context, user=visit.user)


async def download(visit: Visit) -> Response:
    """Every sum: as CSV, or as JSON where the address ends so. Worth is in thousandths."""
    chosen = await ratechoice.read(visit)
    period = chosen.period
    sums = await coverage.sums(visit.connection, chosen.ids, period.since, period.until, _BY)
    if visit.request.url.path.endswith(".json"):
        found = [{**dict(zip(_BY, by, strict=True)), "n": n} for by, n in sums]
        content = {"since": period.since, "until": period.until, "sums": found}
        return Response(msgspec.json.encode(content), media_type="application/json")
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([*_BY, "n"])
    writer.writerows([*by, n] for by, n in sums)
    name = f"coverage-{chosen.store.key if chosen.store else 'all'}-{period.first}-{period.last}"
    return Response(
        file.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}.csv"'},
    )


async def switch_on(post: Post) -> Response:
    """Puts the switch into the draft; publishing it is another step, as with every change."""
    services, key = post.services, post.request.path_params["key"]

    def on(config: StoreConfig) -> StoreConfig:
        return msgspec.structs.replace(config, coverage=True)

    async with services.database.write() as c:
        access.pick(await access.visible(c, post.user), key)
        part = ("coverage", lambda config: config.coverage)
        await drafts.revise(c, key, on, part, by=post.user, at=services.now())
    return RedirectResponse(f"/admin/stores/{key}/pixels", status_code=303)


async def _off(visit: Visit, chosen: Chosen) -> list[tuple[str, str]]:
    """The stores shown whose live version does not count, by key and name."""
    found = []
    for one in [chosen.store] if chosen.store else chosen.stores:
        version = await stores.current(visit.connection, one.key)
        if version is not None and not version.config.coverage:
            found.append((one.key, one.name))
    return found


def _headline(services: Services, platform: Platform | None) -> tuple[str, str, str, str]:
    """The first line, its number and its counts apart; and what held the rest."""
    if platform is None:
        return "", "Nothing was counted in this period", "", ""
    name, currency = _name(services, platform.key), platform.currency
    parts, what, said = platform.events, "events", _number
    if currency:
        parts, what = platform.worth[currency], "what purchases were worth"

        def said(n: int) -> str:
            return money(n, currency)

    if reach.share(parts).share is None:
        return f"{said(parts.got)}", f"of {said(parts.whole)} reached {name} so far", "", ""
    lost = sorted(_LOST, key=lambda each: -parts.of(each))
    held = [f"{said(parts.of(each))}, as {_LOST[each]}" for each in lost if parts.of(each)]
    second = f"The rest: {'; '.join(held)}." if held else "Nothing was lost."
    counted = f"({said(parts.got)} of {said(parts.whole)})"
    return words.percent(reach.share(parts)), f"of {what} reached {name}", counted, second


def _worth(services: Services, report: Report) -> list[Row]:
    return [
        _row(_name(services, one.key), currency, parts, one.purchases, currency)
        for one in report.platforms
        for currency, parts in one.worth.items()
    ]


def _kinds(platform: Platform | None) -> Mapping[str, Parts]:
    return platform.kinds if platform else {}


def _places(report: Report, platform: Platform | None) -> list[Row]:
    found = report.places.get(platform.key, {}) if platform else {}
    return [_events(words.place(c), words.beside_place(c), parts) for c, parts in found.items()]


def _events(name: str, note: str, parts: Parts) -> Row:
    return _row(name, note, parts, parts, "")


def _row(name: str, note: str, parts: Parts, counted: Parts, currency: str) -> Row:
    """``counted``: the events behind it. Of too few of them no share is given."""

    def said(n: int) -> str:
        return money(n, currency) if currency else _number(n)

    enough = counted.whole >= rates.SMALL
    cells = []
    for each in REACHED:
        part = parts.of(each)
        share = words.percent(rates.Rate(part, parts.whole)) if enough and parts.whole else ""
        cells.append((NAMES[each], share if part else "", said(part) if part else ""))
    shares = [parts.of(each) for each in REACHED]
    bar = plot.strip(shares, [CLASSES[each] for each in REACHED], width=160, height=10)
    return Row(name, note, said(parts.whole), cells, bar)


def money(n: int, currency: str) -> str:
    """``€1,240`` of thousandths; with cents where it is less than a hundred."""
    amount = n / THOUSANDTHS
    space = "\xa0" if babel.numbers.get_currency_symbol(currency, "en").isalpha() else ""
    digits = f"¤{space}#,##0{'.00' if abs(amount) < 100 else ''}"
    return babel.numbers.format_currency(
        amount, currency, digits, locale="en", currency_digits=False
    )


def _number(n: int) -> str:
    return f"{n:,}"


def _name(services: Services, key: str) -> str:
    known = services.platforms.get(key)
    return known.name if known else key.removeprefix("custom-")


def _linker(chosen: Chosen, platform: str) -> object:
    """Makes addresses that keep what is chosen, but for what the template changes."""
    kept: dict[str, str] = dict(chosen.period.query)
    if chosen.store is not None and len(chosen.stores) > 1:
        kept["store"] = chosen.store.key
    if platform:
        kept["platform"] = platform

    def link(path: str = "/admin/coverage", **changed: str | int) -> str:
        query = {**kept, **{name: str(value) for name, value in changed.items()}}
        if "days" in changed:
            query.pop("from", None)
            query.pop("until", None)
        return f"{path}?{urlencode(query)}"

    return link
