"""Which law holds where, and a store's own rules, through the API."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from consent import approve, explain, loosened, stores
from consent.errors import NotFoundError, RefusedError
from consent.loosened import Loose
from consent.model import Duty, GpcDuty, Model, Place, Purpose, Regime, RegionRule
from consent.regions.files import PSEUDO_CODES
from consent.regions.rules import digest
from consent.web.admin import access, effects
from consent.web.api.operation import PAGE, Ask, Limit, Operation, Order, Text
from consent.web.api.stores import PATH, of

_COUNTRY = re.compile(r"[A-Z]{2}")
_SUBDIVISION = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")


class Explanation(msgspec.Struct, frozen=True):
    """What a new visitor gets, and why; as ``consent explain --json`` has it."""

    regime: str
    model: Model
    gpc: GpcDuty
    law: str
    why: str
    banner: str
    purposes: dict[str, bool]
    name: str
    matched: str
    source: str
    reviewed: dt.date
    confidence: str
    place: str
    date: dt.date
    signal: bool
    duties: tuple[Duty, ...]
    accept_days: int
    refuse_days: int
    offered: tuple[Purpose, ...]
    layout: str | None
    rules: dict[str, str]
    looser: tuple[Any, ...]
    consent_mode: str
    own_statistics: Any
    unverified: tuple[str, ...]
    pixels: list[dict[str, str]]


class RuleFacts(msgspec.Struct, frozen=True):
    """A rule of the draft. ``sha256`` is what an approval is of; ``looser``: how it asks less."""

    place: str
    template: bool
    rule: RegionRule
    sha256: str
    looser: list[str]
    approved: bool


class RuleList(msgspec.Struct, frozen=True):
    """The store's own rules, then those of its group's template."""

    rules: list[RuleFacts]


class LooserList(msgspec.Struct, frozen=True):
    """Those in force, then the coming and the past ones. ``more``: the next ``skip``, if any."""

    looser: list[Loose]
    more: int | None


class ApprovalBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``rule``: a code, an ``@group`` or ``*``. ``sha256``: of the rule as it was seen."""

    rule: Annotated[str, Meta(min_length=1, max_length=60)]
    reason: Annotated[str, Meta(min_length=1, max_length=approve.MOST_CHARACTERS)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    until: dt.date | None = None


class Approved(msgspec.Struct, frozen=True):
    """Which rule is allowed now, by whom, until which day."""

    rule: str
    by: str
    until: dt.date | None

    @classmethod
    def of(cls, place: str, rule: RegionRule) -> Approved:
        return cls(place, rule.approved.by if rule.approved else "", rule.until)


class RegimeList(msgspec.Struct, frozen=True):
    """The shipped sets of rules, as they are today."""

    regimes: list[Regime]


class ExplainQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``region``: ``CA`` or ``US-CA``. ``store``: apply its published rules."""

    country: Text
    region: Text = ""
    gpc: bool = False
    store: Text = ""
    date: dt.date | None = None


class LooserQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``store``: this one alone."""

    store: Text = ""
    skip: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    limit: Limit = PAGE


async def explained(ask: Ask) -> dict[str, Any]:
    services, query, version = ask.services, ask.query, None
    place = _place(query.country.upper(), query.region.upper())
    if query.store:
        store = await of(ask.connection, ask.user, query.store)
        version = await stores.current(ask.connection, store.key)
        if version is None:
            raise NotFoundError("not_published", f"store: {store.key} has published nothing")
    if query.date is not None and not 2000 <= query.date.year < 2100:
        raise RefusedError("bad_filter", f"date: {query.date}; expected one from 2000 to 2099")
    on = query.date or services.regions.day(place, services.now())
    case = explain.Case(place, on, query.gpc, version)
    files = explain.Files(services.platforms, services.regions)
    return explain.facts(case, explain.answer(case, files))


async def rules(ask: Ask) -> RuleList:
    store = await of(ask.connection, ask.user, ask.path["store"])
    draft = await stores.drafted(ask.connection, store.key)
    looser = effects.loosened(ask.services.regions, draft.rules, ask.services.now())
    found = []
    for origin, layer in draft.rules.layers:
        for place, rule in layer.items():
            sha256, approved = digest(place, rule), rule.approved
            found.append(
                RuleFacts(
                    place,
                    origin != "regions.",
                    rule,
                    sha256,
                    looser.get(f"{origin}{place}", []),
                    approved is not None and approved.sha256 == sha256,
                )
            )
    return RuleList(found)


async def allow(order: Order) -> Approved:
    """The word of the token's user, a lawyer of the store."""
    services, body = order.services, order.body
    async with services.database.write() as c:
        key = (await of(c, order.user, order.path["store"])).key
        config = await approve.allow(
            c,
            key,
            body.rule,
            by=order.user.email,
            reason=body.reason,
            until=body.until,
            seen=body.sha256,
            now=services.now(),
        )
    return Approved.of(body.rule, config.regions[body.rule])


async def looser(ask: Ask) -> LooserList:
    services, query = ask.services, ask.query
    seen = await access.visible(ask.connection, ask.user)
    chosen = access.pick(seen, query.store)
    keys = [chosen.key] if chosen else [store.key for store in seen]
    on = services.now().date()
    every = await loosened.report(ask.connection, services.regions, on=on, keys=keys)
    end = query.skip + query.limit
    return LooserList(every[query.skip : end], end if len(every) > end else None)


async def regimes(ask: Ask) -> RegimeList:
    regions, on = ask.services.regions, ask.services.now().date()
    return RegimeList([regions.regime(id_, Place(), on=on) for id_ in regions.ids])


def _place(country: str, region: str) -> Place:
    if _COUNTRY.fullmatch(country) is None and country not in PSEUDO_CODES:
        fault = f"country: {country[:20]!r}; expected two letters, such as US"
        raise RefusedError("bad_filter", fault)
    if not region:
        return Place(country)
    code = region if region.startswith(f"{country}-") else f"{country}-{region}"
    if _SUBDIVISION.fullmatch(code) is None:
        raise RefusedError("bad_filter", f"region: {region[:20]!r}; expected such as CA or US-CA")
    return Place(country, code)


OPERATIONS = (
    Operation(
        *("explain", "GET", "/explain", "regions:read", explained),
        "Which law holds for a new visitor, why, and what may run.",
        Explanation,
        ExplainQuery,
    ),
    Operation(
        *("rules.list", "GET", f"{PATH}/rules", "regions:read", rules),
        "The region rules of the draft, and how each asks less than the law.",
        RuleList,
    ),
    Operation(
        *("rules.approve", "POST", f"{PATH}/approvals", "regions:approve", allow),
        "Says that the token's user allows a rule to be looser than the law.",
        Approved,
        body=ApprovalBody,
    ),
    Operation(
        *("looser.list", "GET", "/looser", "regions:read", looser),
        "Every rule that is, will be or was looser than the law.",
        LooserList,
        LooserQuery,
    ),
    Operation(
        *("regimes.list", "GET", "/regimes", None, regimes),
        "The shipped sets of legal rules.",
        RegimeList,
    ),
)
