"""All that one visitor decided, as a story: each decision, and what changed from the one before."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import NamedTuple

from starlette.responses import Response

from consent import search
from consent.activity import Act
from consent.errors import GoneError, NotFoundError, RefusedError
from consent.filters import LedgerFilter
from consent.model import CHOOSABLE, Record
from consent.regions import Regions
from consent.web.admin import access, erasing, pages, words
from consent.web.admin.door import Reading, Visit

MOST = 500
"""The newest so many are told; nobody decides more often by hand."""


class Chapter(NamedTuple):
    """One decision. ``after``: how long after the one before; ``changes``: what differs from it."""

    record: Record
    sentence: str
    store: str
    after: str
    changes: list[str]


async def show(visit: Visit) -> Response:
    visitor = visitor_of(visit)
    stores = await access.visible(visit.connection, visit.user)
    filter_ = LedgerFilter(stores=visit.own, visitor=visitor)
    found = await search.find(visit.connection, filter_, limit=MOST)
    if not found.records:
        raise await _nobody(visit, visitor)
    records = sorted(found.records, key=lambda record: record.seq)
    keys = dict.fromkeys(record.store for record in records)
    visit.acts.extend(Act("history", key, str(visitor)) for key in keys)
    names = {store.key: store.name for store in stores}
    context = {
        "here": "ledger",
        "visitor": visitor,
        "chapters": _chapters(records, names, visit.services.regions),
        "several": len(keys) > 1,
        "more": found.older is not None,
        "actions": words.ACTIONS,
        "summary": _summary(records),
        "erased": await erasing.said(visit.connection, visit.user, visitor),
        "may_erase": access.may_change(visit.user, "erasures"),
    }
    return pages.render("history.html", context, user=visit.user)


async def _nobody(visit: Visit, visitor: uuid.UUID) -> RefusedError:
    """That there is no such visitor, or none any more."""
    for sentence in await erasing.said(visit.connection, visit.user, visitor):
        return GoneError("erased", sentence)
    return NotFoundError("no_such_visitor", "there is no visitor with this id")


def visitor_of(visit: Reading) -> uuid.UUID:
    """The id that the address names.

    Raises:
        NotFoundError: it is none.
    """
    return erasing.visitor_in(visit.request.path_params["visitor"])


def _summary(records: list[Record]) -> str:
    """What holds now, and since when the story goes."""
    newest, oldest = records[-1], records[0]
    given = [purpose for purpose in CHOOSABLE if newest.grants.of(purpose)]
    holds = f"{words.listed(given)} allowed" if given else "nothing is allowed"
    if newest.grants.kind == "all":
        holds = "everything is allowed"
    number = f"{len(records)} decisions" if len(records) > 1 else "One decision"
    since = f" since {words.day(oldest.at)}" if len(records) > 1 else ""
    return f"{number}{since}. After the last one, on {words.day(newest.at)}, {holds}."


def _chapters(records: list[Record], names: dict[str, str], regions: Regions) -> list[Chapter]:
    """Oldest first. Each is compared with the one before it in the same store."""
    before: dict[str, Record] = {}
    chapters = []
    for record in records:
        earlier = before.get(record.store)
        chapters.append(
            Chapter(
                record,
                words.sentence(record),
                names.get(record.store, record.store),
                _after(record.at - earlier.at) if earlier else "",
                changes(earlier, record, regions) if earlier else [],
            )
        )
        before[record.store] = record
    return chapters


def changes(earlier: Record, record: Record, regions: Regions) -> list[str]:
    """What differs from one decision of a visitor to the next, in words."""
    told = []
    gained = [p for p in CHOOSABLE if record.grants.of(p) and not earlier.grants.of(p)]
    lost = [p for p in CHOOSABLE if earlier.grants.of(p) and not record.grants.of(p)]
    if gained:
        told.append(f"Now allowed: {words.listed(gained)}")
    if lost:
        told.append(f"No longer allowed: {words.listed(lost)}")
    refused = [key for key in record.refused if key not in earlier.refused]
    if refused:
        told.append(f"Refused by name since: {words.listed(refused)}")
    if not told:
        told.append("The same choice again")
    if record.version != earlier.version:
        told.append(f"Version {record.version} instead of {earlier.version}")
    if record.banner_sha256 != earlier.banner_sha256 and record.version == earlier.version:
        told.append("Another text was shown")
    laws = [words.regime(regions, r.regime_id, r.at.date(), r.place) for r in (earlier, record)]
    if laws[0] != laws[1]:
        told.append(f"Under {laws[1]} instead of {laws[0]}")
    elif record.regime_sha256 != earlier.regime_sha256:
        told.append("The rules of the regime had changed")
    if record.place.code != earlier.place.code:
        told.append(f"From {words.place(record.place.code)}")
    if record.language != earlier.language:
        told.append(f"In {words.language(record.language)}")
    return told


def _after(span: dt.timedelta) -> str:
    """``3 days later``; empty when a clock had gone back."""
    seconds = int(span.total_seconds())
    if seconds < 0:
        return ""
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            n = seconds // size
            return f"{n} {name}{'' if n == 1 else 's'} later"
    return "At once"
