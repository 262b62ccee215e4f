"""What the address of the page of decline rates asks for, and addresses that ask for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, get_args
from urllib.parse import urlencode

from consent import counts
from consent.rates import GroupedBy, Step
from consent.stores import StoreSummary
from consent.web.admin import access, periods, words
from consent.web.admin.door import Reading
from consent.web.admin.periods import Period

UNKNOWN = "unknown"
"""How an address calls the unknown place."""

STEPS: dict[Step, str] = {"hour": "Hours", "day": "Days", "week": "Weeks", "month": "Months"}
MOST_HOURS = 7 * 24
GROUPS: dict[GroupedBy, str] = {
    "place": "Region",
    "regime": "Regime",
    "device": "Device",
    "language": "Language",
    "version": "Version",
    "variant": "Variant",
    "store": "Store",
}


class Chosen(NamedTuple):
    """What the address asks for, after checking that this user may see it."""

    stores: list[StoreSummary]
    store: StoreSummary | None
    period: Period
    ids: list[int] | None
    by: GroupedBy
    step: Step
    only: counts.Only

    @property
    def filters(self) -> dict[str, str]:
        """What of ``only`` is set, as an address says it."""
        given = {name: getattr(self.only, name) for name in self.only.__struct_fields__}
        return {name: str(value) or UNKNOWN for name, value in given.items() if value is not None}


async def read(visit: Reading) -> Chosen:
    found = await access.visible(visit.connection, visit.user)
    query = visit.request.query_params
    store = access.pick(found, query.get("store", ""))
    if store is None and len(found) == 1:
        store = found[0]
    ids = [store.id] if store is not None else None
    if ids is None and visit.own is not None:
        ids = [each.id for each in found]
    period = periods.read(query, visit.services.now())
    faults: dict[str, str] = {}
    by = _one_of(query, "by", get_args(GroupedBy), "place", faults)
    step = _one_of(query, "step", get_args(Step), "day", faults)
    if by in ("version", "variant") and store is None:
        faults["by"] = f"{by}, which counts within one store; expected a store too"
    if not fits(step, period, visit.services.now()):
        faults["step"] = (
            f"hour, of a longer period or an old one; expected {MOST_HOURS // 24} days or fewer of "
            f"the last {counts.HOURS_DAYS}"
        )
    only = _only(query, store, faults)
    if faults:
        raise periods.refusal(faults)
    return Chosen(found, store, period, ids, by, step, only)


def _one_of(
    query: Mapping[str, str], name: str, known: Sequence[Any], usual: Any, faults: dict[str, str]
) -> Any:
    wanted = query.get(name, "") or usual
    if wanted not in known:
        faults[name] = f"found {wanted[:20]!r}; expected {words.listed(known, 'or')}"
        return usual
    return wanted


def _only(
    query: Mapping[str, str], store: StoreSummary | None, faults: dict[str, str]
) -> counts.Only:
    given = {name: query.get(name, "")[:64] for name in counts.Only.__struct_fields__}
    version = given["version"]
    if version and (store is None or not version.isdecimal() or len(version) > 9):
        faults["version"] = f"found {version!r}; expected a number, and a store"
        version = ""
    place = given["place"]
    return counts.Only(
        "" if place == UNKNOWN else place or None,
        given["regime"] or None,
        given["device"] or None,
        given["language"] or None,
        int(version) if version else None,
        given["variant"] or None,
    )


def fits(step: Step, period: Period, now: dt.datetime) -> bool:
    if step != "hour":
        return True
    kept = dt.timedelta(days=counts.HOURS_DAYS)
    long = period.until - period.since > dt.timedelta(hours=MOST_HOURS)
    return not long and now - period.since < kept


def offered(chosen: Chosen) -> dict[GroupedBy, str]:
    """What this page can be grouped by."""
    left_out = {"version", "variant"} if chosen.store is None else {"store"}
    return {by: name for by, name in GROUPS.items() if by not in left_out}


def linker(chosen: Chosen, *, as_share: bool) -> Callable[..., str]:
    """Makes addresses that keep what is chosen, but for what the template changes."""
    kept = {**chosen.period.query, **chosen.filters}
    if chosen.store is not None and len(chosen.stores) > 1:
        kept["store"] = chosen.store.key
    if as_share:
        kept["plot"] = "share"
    if chosen.by != "place":
        kept["by"] = chosen.by
    if chosen.step != "day":
        kept["step"] = chosen.step

    def link(path: str = "/admin/rates", **changed: str | int | None) -> str:
        query = {**kept, **changed}
        if "days" in changed:
            query.pop("from", None)
            query.pop("until", None)
            if query.get("step") == "hour" and int(query["days"] or 0) * 24 > MOST_HOURS:
                query.pop("step")
        given = {name: value for name, value in query.items() if value is not None}
        return f"{path}?{urlencode(given)}" if given else path

    return link
