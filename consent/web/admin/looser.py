"""The report of every rule that asks less than the law: who allowed it, why, and until when."""

from __future__ import annotations

from typing import NamedTuple

from starlette.responses import Response

from consent import loosened, stores
from consent.loosened import Loose
from consent.stores import StoreSummary
from consent.web.admin import access, pages, ruleform, rules
from consent.web.admin.door import Visit
from consent.web.admin.rules import Line

STATES: dict[loosened.State, str] = {
    "in force": "Holds",
    "coming": "Allowed, not live yet",
    "past": "Over",
}


class Waiting(NamedTuple):
    """A rule of a draft that no lawyer has allowed yet, and where its page is."""

    store: StoreSummary
    line: Line
    address: str


async def show(visit: Visit) -> Response:
    """Those of all stores that the user sees, or of the one that the address names."""
    services, c = visit.services, visit.connection
    found = await access.visible(c, visit.user)
    one = access.pick(found, visit.request.query_params.get("store", ""))
    shown = [one] if one else found
    keys = [store.key for store in shown]
    on = services.now().date()
    context = {
        "here": "regions",
        "stores": found,
        "store": one,
        "names": {store.key: store.name for store in found},
        "waiting": [line for store in shown for line in await _waiting(visit, store)],
        "rows": await loosened.report(c, services.regions, on=on, keys=keys),
        "states": STATES,
        "reach": reach,
        "may_allow": access.may_change(visit.user, "approvals"),
    }
    return pages.render("looser.html", context, user=visit.user)


def reach(row: Loose) -> tuple[str, str]:
    """For whom the rule speaks in words, and its key."""
    key = row.rule.rpartition("regions.")[2]
    return ruleform.reach(key), key


async def _waiting(visit: Visit, store: StoreSummary) -> list[Waiting]:
    draft = await stores.drafted(visit.connection, store.key)
    return [
        Waiting(store, line, rules.address(store.key, line.key))
        for line in rules.lines(visit.services, draft.rules)
        if line.looser and not line.allowed
    ]
