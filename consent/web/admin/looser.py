"""The report of every rule that asks less than the law: who allowed it, why, and until when."""

from __future__ import annotations

from typing import Literal, NamedTuple

from starlette.responses import Response

from consent import stores
from consent.stores import StoreSummary
from consent.web.admin import access, pages, rules
from consent.web.admin.door import Visit
from consent.web.admin.rules import Line
from consent.web.admin.states import rules_of

Stage = Literal["waits", "drafted", "live"]

STAGES: dict[Stage, str] = {
    "waits": "Waits for legal",
    "drafted": "Allowed, not live yet",
    "live": "Holds",
}
"""Where a looser rule stands, what needs somebody first."""


class Row(NamedTuple):
    """A looser rule of one store."""

    store: StoreSummary
    line: Line
    stage: Stage
    address: str


async def show(visit: Visit) -> Response:
    """Those of all stores that the user sees, or of the one that the address names."""
    found = await access.visible(visit.connection, visit.user)
    one = access.pick(found, visit.request.query_params.get("store", ""))
    rows = [row for store in ([one] if one else found) for row in await _of(visit, store)]
    order = list(STAGES)
    context = {
        "here": "regions",
        "stores": found,
        "store": one,
        "rows": sorted(rows, key=lambda row: (order.index(row.stage), row.store.name.lower())),
        "stages": STAGES,
        "may_allow": access.may_change(visit.user, "approvals"),
    }
    return pages.render("looser.html", context, user=visit.user)


async def _of(visit: Visit, store: StoreSummary) -> list[Row]:
    services, c = visit.services, visit.connection
    draft, live = await stores.drafted(c, store.key), await stores.current(c, store.key)
    held = [line for line in rules.lines(services, live.rules) if line.looser] if live else []
    drafted = [line for line in rules.lines(services, rules_of(draft)) if line.looser]
    rows = []
    for line in drafted:
        same = any((line.origin, line.key, line.rule) == (h.origin, h.key, h.rule) for h in held)
        stage: Stage = "live" if same and line.allowed else "drafted" if line.allowed else "waits"
        rows.append(Row(store, line, stage, rules.address(store.key, line.key)))
    known = {(line.origin, line.key) for line in drafted}
    rows += [
        Row(store, line, "live", rules.address(store.key, line.key))
        for line in held
        if (line.origin, line.key) not in known
    ]
    return rows
