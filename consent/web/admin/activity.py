"""Who looked at what, handed out what, and changed what: the log, for owners and legal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

from starlette.responses import Response

from consent import activity
from consent.activity import ActivityFilter, Noted, What
from consent.stores import StoreSummary
from consent.web.admin import access, pages, words
from consent.web.admin.door import Visit

ROWS = 50
FIELDS = ("store", "what", "who")
"""What an address can filter by."""

WHATS: dict[What, str] = {
    "look_up": "Opened a decision",
    "history": "Opened a visitor's history",
    "export": "Exported records",
    "evidence": "Made an evidence pack",
    "erasure": "Erased a visitor",
    "retention": "Kept to a retention period",
    "approval": "Approved a looser rule",
    "review": "Reviewed a store's own pixel",
    "draft": "Changed a draft",
    "template": "Changed a template",
    "publishing": "Published a version",
    "schedule": "Scheduled a version",
    "user": "Changed a user",
    "invitation": "Invited somebody",
    "sign_in": "Signed in",
    "sign_out": "Ended a session",
    "password": "Changed a password",
    "second_factor": "Second factor",
    "token": "Made or revoked an API token",
}


class Line(NamedTuple):
    """An act as the page tells it. ``link`` leads to its subject; empty where nothing does."""

    noted: Noted
    what: str
    store: str
    link: str
    detail: list[tuple[str, str]]


async def show(visit: Visit) -> Response:
    found = await access.visible(visit.connection, visit.user)
    query = visit.request.query_params
    store = access.pick(found, query.get("store", ""))
    kept = {name: query[name] for name in FIELDS if query.get(name)}
    fault = _fault(kept.get("what", ""))
    before = query.get("before", "")
    acts = [] if fault else await _acts(visit, store, kept, int(before) if _is_id(before) else None)
    more, acts = len(acts) > ROWS, acts[:ROWS]
    context = {
        "here": "activity",
        "stores": found,
        "store": store,
        "kept": kept,
        "fault": fault,
        "whats": WHATS,
        "lines": [_line(found, act) for act in acts],
        "newest": _address(kept) if _is_id(before) else None,
        "older": _address({**kept, "before": acts[-1].id}) if more else None,
    }
    return pages.render("activity.html", context, user=visit.user, status=400 if fault else 200)


async def _acts(
    visit: Visit, store: StoreSummary | None, kept: dict[str, str], before: int | None
) -> list[Noted]:
    filter_ = ActivityFilter(
        stores=(store.key,) if store else visit.own,
        what=cast(What | None, kept.get("what")),
        email=kept["who"].strip().lower() if "who" in kept else None,
    )
    return await activity.search(visit.connection, filter_, before=before, limit=ROWS + 1)


def _fault(what: str) -> str:
    if not what or what in WHATS:
        return ""
    return f"found {what[:20]!r}; expected {words.listed(list(WHATS), 'or')}"


def _line(found: list[StoreSummary], act: Noted) -> Line:
    names = {store.key: store.name for store in found}
    store = names.get(act.store, act.store) if act.store else ""
    detail = [(name.replace("_", " "), _said(value)) for name, value in act.detail.items()]
    return Line(act, WHATS.get(act.what, act.what), store, _link(act), detail)


def _link(act: Noted) -> str:
    below = {"look_up": "", "history": "visitors/"}.get(act.what)
    return "" if below is None else f"/admin/ledger/{below}{act.subject}"


def _said(value: Any) -> str:
    if value is None or value == []:
        return "nothing"
    if isinstance(value, list):
        return words.listed(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _address(query: Mapping[str, object]) -> str:
    return f"/admin/activity?{urlencode(query)}" if query else "/admin/activity"


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
