"""The list of stores: found by name, sorted, each with its rates and what needs a look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.responses import Response

from consent import groups, overview
from consent.errors import RefusedError
from consent.overview import PERIOD_DAYS, RANKS, Line
from consent.rates import Rate
from consent.stores import StoreSummary
from consent.web.admin import pages, plot, words
from consent.web.admin.door import Visit

ON_PAGE = 100
SHOWN = 2
"""How many sentences about a store stand in the list; its own page has all."""
LEAST_TOP = 0.4
"""The scale of the trends reaches to this share at least, so that no noise looks like a wave."""

SORTS: dict[str, tuple[str, Callable[[Line], Any]]] = {
    "": ("What needs a look", lambda line: (line.worst, -len(line.health))),
    "name": ("Name", lambda line: 0),
    "visits": ("Most visits", lambda line: -line.now.visits),
    "declined": ("Most declines", lambda line: -_share(line.declined)),
    "accepted": ("Most accepted", lambda line: -_share(line.accepted)),
    "moved": ("Declines rose most", lambda line: 1.0 if line.moved is None else -line.moved),
}
"""What a list can be sorted by. Stores that are alike stay in the order of their names."""


class Row(NamedTuple):
    line: Line
    trend: Markup
    moved: str | None


async def show(visit: Visit, found: Sequence[StoreSummary]) -> Response:
    """The list, as the address wants it."""
    query = visit.request.query_params
    sort, group, wanted = query.get("sort", ""), query.get("group", ""), query.get("q", "").strip()
    if sort not in SORTS:
        raise RefusedError("bad_filter", f"sort: {sort[:20]!r}; expected one of the list")
    every = await lines(visit, found)
    kept = [line for line in every if _is_meant(line, group, wanted)]
    kept.sort(key=SORTS[sort][1])
    number = _page_number(query.get("page", "1"), len(kept))
    shown = kept[(number - 1) * ON_PAGE : number * ON_PAGE]
    top = max([LEAST_TOP, *(_share(week) for one in every for week in one.weeks)])
    named = {store.group for store in found if store.group}
    context = {
        "here": "stores",
        "rows": [_row(line, top) for line in shown],
        "about": about,
        "shown": SHOWN,
        "kept": kept,
        "every": every,
        "needing": [sum(line.worst == rank for line in every) for rank in range(len(RANKS))],
        "number": number,
        "on_page": ON_PAGE,
        "link": lambda page: _address(sort=sort, group=group, q=wanted, page=page),
        "sort": sort,
        "sorts": {key: name for key, (name, _) in SORTS.items()},
        "group": group,
        "groups": [one for one in await groups.all_groups(visit.connection) if one.key in named],
        "q": wanted,
        "days": PERIOD_DAYS,
        "weeks": overview.WEEKS,
        "places": visit.services.geo.database,
    }
    return pages.render("stores.html", context, user=visit.user)


async def lines(visit: Visit, found: Sequence[StoreSummary]) -> list[Line]:
    """What is to be said of each of ``found``."""
    services = visit.services
    live = services.published.newest
    return await services.overview.lines(visit.connection, found, live, services.now())


def about(key: str) -> Mapping[str, str]:
    """Where there is more on what needs a look in the store ``key``."""
    base = f"/admin/stores/{key}"
    return {
        "draft": f"{base}/publish",
        "live": f"{base}/publish",
        "rates": f"/admin/rates?{urlencode({'store': key, 'days': 90})}",
        "regions": f"/admin/regions/looser?{urlencode({'store': key})}",
        "snippet": base,
        "check": f"{base}/check",
        "versions": f"/admin/versions?{urlencode({'store': key})}",
    }


def _row(line: Line, top: float) -> Row:
    shares = [week.share for week in line.weeks]
    moved = words.points(line.declined, line.before.rate("declined"))
    said = [f"{share * 100:.0f} %" if share is not None else "too few" for share in shares]
    label = f"Declined, week by week: {', '.join(said)}"
    return Row(line, plot.trend(shares, top, label), moved)


def _share(rate: Rate) -> float:
    return -1.0 if rate.share is None else rate.share


def _is_meant(line: Line, group: str, wanted: str) -> bool:
    store = line.store
    if group and store.group != group:
        return False
    named = " ".join((store.key, store.name, *line.origins)).lower()
    return all(word in named for word in wanted.lower().split())


def _page_number(text: str, found: int) -> int:
    last = max(1, -(-found // ON_PAGE))
    return min(int(text), last) if text.isascii() and text.isdigit() and 0 < len(text) < 7 else 1


def _address(**query: object) -> str:
    return f"/admin/stores?{urlencode({name: value for name, value in query.items() if value})}"
