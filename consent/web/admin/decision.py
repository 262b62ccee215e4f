"""One decision: a sentence first, then what was shown, what was chosen and under which law."""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec
from starlette.responses import HTMLResponse, Response

from consent import erasures, exhibit, ledger, seals, search, stores
from consent.activity import Act
from consent.erasures import Erasure
from consent.errors import GoneError, NotFoundError
from consent.filters import LedgerFilter
from consent.model import CHOOSABLE, Looser, Purpose, Record, Review, Rules, Version
from consent.web.admin import pages, shown, words
from consent.web.admin.door import Reading, Visit
from consent.web.admin.shown import Shown
from consent.web.services import Services

T = TypeVar("T")

HISTORY = 50
"""So many of the visitor's newest decisions are listed beside this one."""

DUTIES = {
    "reject-first-layer": "Refuse stands beside accept on the first layer",
    "equal-weight": "Accept and refuse have the same size and weight",
    "granular": "Purposes can be chosen one by one, none ticked before",
    "withdraw-link": "A permanent way back in, as easy as accepting",
    "close-refuses": "A close button that keeps everything off",
    "notice": "Visitors are told at or before collection",
    "opt-out-link": "A permanent link to opt out of sale and sharing",
    "gpc-status": "It is shown that the opt-out signal was honoured",
}
SOURCES = {
    "header": "from the trusted proxy's header",
    "database": "from the location database",
    "none": "could not be found",
}


class Release(NamedTuple):
    """A registered pixel, and whether this decision lets it run.

    ``review`` says who had looked at a store's own code, as it was in that version.
    """

    name: str
    vendor: str
    id: str
    purposes: tuple[Purpose, ...]
    allowed: bool
    review: Review | None


class Law(msgspec.Struct, frozen=True):
    """The stored regime, as far as the page shows it; other fields of the content are kept out."""

    name: str
    model: str
    law: tuple[str, ...] = ()
    source: str = ""
    reviewed: str = ""
    duties: tuple[str, ...] = ()
    accept_days: int = 0
    refuse_days: int = 0
    gpc_overrides_choice: bool = False
    looser: tuple[Looser, ...] = ()
    """The store's rules that asked less than the law, as they were when the visitor decided."""

    @property
    def link(self) -> str:
        """The source if it is a web address, so that nothing else becomes a link."""
        return self.source if urlsplit(self.source).scheme in ("https", "http") else ""


async def show(visit: Visit) -> Response:
    c, services = visit.connection, visit.services
    record = await record_of(visit)
    visit.acts.append(Act("look_up", record.store, str(record.id)))
    version = await stores.version(c, record.store, record.version)
    law = _decoded(await ledger.regime_content(c, record.regime_sha256), Law)
    content = _decoded(await ledger.banner_content(c, record.banner_sha256), Shown)
    mine = LedgerFilter(stores=(record.store,), visitor=record.visitor)
    layers = _layers(services, record, content, law)
    releases = _releases(services, version, record)
    context: dict[str, Any] = {
        "here": "ledger",
        "record": record,
        "sentence": words.sentence(record),
        "consequence": _consequence(record, layers, law, releases),
        "store_name": version.config.name if version is not None else record.store,
        "version": version,
        "law": law,
        "why": _why(services, version, record),
        "duties": [DUTIES[duty] for duty in (law.duties if law else ()) if duty in DUTIES],
        "banner": content,
        "layers": layers,
        "choices": _choices(releases, record),
        "history": (await search.find(c, mine, limit=HISTORY)).records,
        "more_history": HISTORY,
        "receipt": services.recorder.receipt(record),
        "head": await seals.newest(c),
        "actions": words.ACTIONS,
        "kinds": words.KINDS,
        "place_source": SOURCES[record.place.source],
        "gpc": _gpc(record),
    }
    return pages.render("decision.html", context, user=visit.user)


async def drawn(visit: Visit) -> Response:
    """A layer as the visitor saw it, drawn by the banner's own code, for a frame on the page."""
    c, services = visit.connection, visit.services
    record = await record_of(visit)
    second = visit.request.query_params.get("layer") == "second"
    law = exhibit.law(await ledger.regime_content(c, record.regime_sha256))
    content = await ledger.banner_content(c, record.banner_sha256)
    if law is None or content is None:
        raise NotFoundError("not_kept", "what was shown is not known: only its fingerprint is")
    found = exhibit.page(
        content,
        law,
        "second" if second else "first",
        record=record,
        previous=await ledger.get(c, record.previous) if record.previous else None,
        version=await stores.version(c, record.store, record.version),
        entry=entry(services, record.language, law.duties),
    )
    headers = {
        # Apart from the pages: whatever the content may be, it acts as nobody.
        "content-security-policy": f"{found.policy}; sandbox allow-scripts; frame-ancestors 'self'",
        "x-frame-options": "SAMEORIGIN",
    }
    return HTMLResponse(found.html, headers=headers)


async def kept(visit: Visit) -> Response:
    """What a record refers to, as the bytes that its fingerprint is of: ``version``, ``banner`` or
    ``regime``.
    """
    c, what = visit.connection, visit.request.path_params["what"]
    record = await record_of(visit)
    found = None
    if what == "version":
        found = await stores.version_content(c, record.store, record.version)
    elif what == "banner":
        found = await ledger.banner_content(c, record.banner_sha256)
    elif what == "regime":
        found = await ledger.regime_content(c, record.regime_sha256)
    if found is None:
        raise NotFoundError("not_kept", "its content is not known here: only its fingerprint is")
    return Response(found, media_type="application/json")


class Layers(NamedTuple):
    """The texts by layer. ``locked``: what a purpose says that the browser's signal holds off."""

    first: shown.First
    buttons: tuple[str, ...]
    locked: str


async def record_of(visit: Reading) -> Record:
    """The record that the address names.

    Raises:
        NotFoundError: there is none, or it belongs to a store that this user does not see.
        GoneError: it was erased; when, by whom and why.
    """
    try:
        id_ = uuid.UUID(visit.request.path_params["id"])
    except ValueError:
        raise _no_decision() from None
    found = await ledger.get(visit.connection, id_)
    if found is not None and visit.sees(found.store):
        return found
    gone = await erasures.of_record(visit.connection, id_)
    if gone is not None and visit.sees(gone[1].store):
        raise GoneError("erased", erased(gone[1]))
    raise _no_decision()


def erased(erasure: Erasure) -> str:
    """``erased on ... by ... because ...``: what is left to say of a record."""
    by = erasure.email or ("the command line" if erasure.cause == "request" else "the service")
    return (
        f"this was erased on {words.day(erasure.at)} by {by}, because: "
        f"{erasure.because.rstrip('.')}; its place in the log and everybody else's proofs stand"
    )


def _no_decision() -> NotFoundError:
    return NotFoundError("no_such_decision", "there is no decision with this id")


def _why(services: Services, version: Version | None, record: Record) -> str:
    """Why this regime, if the rules of this release still lead to the very one that is stored."""
    rules = version.rules if version is not None else Rules()
    on = services.regions.day(record.place, record.at)
    found = services.regions.resolve(record.place, on=on, rules=rules)
    if found.regime.sha256 != record.regime_sha256:
        return ""
    why = found.why.removeprefix(f"{record.place.code}: ").removeprefix(f"{found.matched}: ")
    return f"{why[:1].upper()}{why[1:]}"


def _layers(
    services: Services, record: Record, content: Shown | None, law: Law | None
) -> Layers | None:
    """What was drawn under ``law``; None when the content or the law cannot be read."""
    if content is None or law is None:
        return None
    first = shown.first(content, law.model, entry(services, record.language, law.duties))
    locked = law.gpc_overrides_choice and (record.gpc_header or record.gpc_property)
    buttons = shown.second_buttons(content.choices, locked=locked)
    return Layers(first, buttons, content.gpc if locked else "")


def entry(services: Services, language: str, duties: tuple[str, ...]) -> str:
    """The link to the choices in this release's words; empty for a language that it lacks."""
    if language not in services.texts.languages:
        return ""
    key = "entry.choices" if "opt-out-link" in duties else "entry.cookies"
    return services.texts.messages(language).get(key, "")


def _decoded(content: bytes | None, type_: type[T]) -> T | None:
    """What is stored, as far as it can be read; an older release may have written it."""
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=type_, strict=False)
    except msgspec.MsgspecError:
        return None


def _consequence(
    record: Record, layers: Layers | None, law: Law | None, releases: list[Release]
) -> str:
    """What was shown, under which law, and what could run afterwards: the second sentence."""
    rules = (
        f"the rules for {words.short(law.name)} ({law.model})" if law else "rules not known here"
    )
    if record.action == "gpc":
        shown = f"Nothing was asked: the browser's own signal answered, under {rules}"
    elif layers is None:
        shown = f"What was shown is known by its fingerprint alone; it was decided under {rules}"
    else:
        shown = f"The {layers.first.kind} was the one that {rules} ask for"
    free = list(dict.fromkeys(one.name for one in releases if one.allowed))
    held = [one.name for one in releases if not one.allowed and one.name not in free]
    held = list(dict.fromkeys(held))
    ran = f"{words.listed(free)} could run" if free else ""
    kept = f"{words.listed(held)} could not" if held else ""
    could = words.listed([part for part in (ran, kept) if part]) or "there was nothing to run"
    return f"{shown}. Afterwards {could}."


def _choices(releases: list[Release], record: Record) -> list[tuple[Purpose, bool, list[Release]]]:
    """Each purpose, whether it was granted, and the pixels that wait for it."""
    return [
        (purpose, record.grants.of(purpose), [r for r in releases if purpose in r.purposes])
        for purpose in CHOOSABLE
    ]


def _releases(services: Services, version: Version | None, record: Record) -> list[Release]:
    found = []
    for pixel in version.config.pixels if version is not None else ():
        if not services.platforms.knows(pixel):
            continue
        platform = services.platforms.of(pixel)
        purposes = services.platforms.purposes(pixel)
        allowed = record.grants.covers(purposes) and pixel.key not in record.refused
        review = pixel.custom.reviewed if pixel.custom else None
        found.append(Release(platform.name, platform.vendor, pixel.id, purposes, allowed, review))
    return found


def _gpc(record: Record) -> str:
    if record.gpc_header and record.gpc_property:
        return "Sent, as header and in the page"
    if record.gpc_header:
        return "Sent as header"
    return "Set in the page" if record.gpc_property else "Not sent"
