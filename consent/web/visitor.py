"""The endpoints that visitors' browsers reach, under ``/s/{store}/``, as plain ASGI.

============================  ==================================================
``GET loader.js``             the script of the store, for this place and language
``GET choices.js``            the banner, when the loader wants it later
``GET preferences.js``        the second layer
``GET focus.js``              keeps the way back in off what has the focus
``GET optout.js``             the opt-out icon, where the law asks for it
``GET content.js``            placeholders for embedded content that waits for consent
``GET debug.js``              the debug view
``GET version``               the newest version's number, for caches -> 204
``POST decisions``            one decision -> 201 and its receipt, after it is on disk
``POST seen``                 a banner was shown -> 204
``POST coverage``             which platforms had a page's events -> 204
``GET receipts/{id}``         the decision again, its receipt, and once sealed its proof
``POST receipts/{id}``        the receipt file, for the visitor who made the decision
``~{variant}/...``            each of them, from a page that shows a variant of an experiment
============================  ==================================================

Posts come from the store's own origins only, and only so many; see ``limits``. A post that is
refused has written nothing.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.types import Receive, Scope, Send

from consent import counts, coverage, erasures, ledger
from consent.errors import (
    ForbiddenError,
    GoneError,
    NotFoundError,
    RefusedError,
    ThrottledError,
)
from consent.evidence import write
from consent.model import DecisionPost, SeenPost, Version
from consent.platforms.files import EVENTS
from consent.proof import Prover, prover
from consent.receipt import digest
from consent.record import facts
from consent.web import cookie, errors, signals
from consent.web.metrics import Answered
from consent.web.responses import (
    JSON,
    NO_STORE,
    NOSNIFF,
    Answer,
    Headers,
    header,
    json_answer,
    read_body,
    require_method,
)
from consent.web.scripts import NAMES, Scripts
from consent.web.services import Services


class OwnerPost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A visitor asks for the own receipt file."""

    visitor: uuid.UUID


Post = TypeVar("Post", DecisionPost, SeenPost, OwnerPost, coverage.Post)

PREFIX = "/s/"
VARY_ORIGIN = (b"vary", b"Origin")
CREDENTIALS = (b"access-control-allow-credentials", b"true")
PREFLIGHT_SECONDS = 86_400
FILE: Headers = [JSON, NOSNIFF, (b"content-disposition", b'attachment; filename="receipt.json"')]

_DECISION = msgspec.json.Decoder(DecisionPost)
_SEEN = msgspec.json.Decoder(SeenPost)
_OWNER = msgspec.json.Decoder(OwnerPost)
_COVERAGE = msgspec.json.Decoder(coverage.Post)
_MEASURE: Mapping[bool, counts.Measure] = {True: "visit", False: "repeat"}


class Visitor:
    """Everything under ``PREFIX``.

    Args:
        services: what the endpoints stand on.
        place_headers: see ``Scripts``.
    """

    def __init__(self, services: Services, place_headers: Sequence[str]) -> None:
        self._services = services
        self.scripts = Scripts(services, place_headers)
        self.answered = Answered()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, variant = scope["path"].split("/"), ""
        if len(path) > 4 and path[3][:1] == "~":
            variant = path.pop(3)[1:]
        match path:
            case ["", "s", key, name] if name in NAMES:
                await self.scripts(NAMES[name], key, scope, receive, send)
            case ["", "s", key, "version"]:
                await self._version(key, scope)(scope, receive, send)
            case ["", "s", key, "decisions"]:
                posted = await self._posted(key, "decisions", variant, scope, receive)
                await posted(scope, receive, send)
            case ["", "s", key, "seen" | "coverage" as what]:
                posted = await self._posted(key, what, variant, scope, receive)
                await posted(scope, receive, send)
            case ["", "s", key, "receipts", id_]:
                answered = await self._receipt(key, id_, scope, receive)
                await answered(scope, receive, send)
            case _:
                answer = errors.answer(NotFoundError("not_found", "address: nothing is here"))
                await answer(scope, receive, send)

    def _version(self, key: str, scope: Scope) -> Answer:
        headers: Headers = []
        try:
            require_method(scope, headers, "GET", "HEAD")
            return self.scripts.version(key)
        except Exception as error:
            return errors.answer(error, headers)

    async def _posted(
        self, key: str, what: str, variant: str, scope: Scope, receive: Receive
    ) -> Answer:
        """The answer to a post or to the preflight before it."""
        cross_origin: Headers = [VARY_ORIGIN]
        version: Version | None = None
        try:
            version = self._services.current(key)
            require_method(scope, cross_origin, "POST", "OPTIONS")
            origin = _allowed_origin(scope, version)
            cross_origin.append((b"access-control-allow-origin", origin))
            if version.config.cookie.domain:
                cross_origin.append(CREDENTIALS)
            if scope["method"] == "OPTIONS":
                return _preflight(cross_origin)
            self._services.limits.take(scope)
            self._services.limits.take_for(key)
            _check_type(scope)
            body = await read_body(scope, receive)
            if what == "seen":
                await self._count(key, version, _decode(_SEEN, body), variant, scope)
                return Answer(204, [NO_STORE, *cross_origin], b"")
            if what == "coverage":
                await self._cover(key, _decode(_COVERAGE, body), scope)
                return Answer(204, [NO_STORE, *cross_origin], b"")
            post = _decode(_DECISION, body)
            return await self._record(key, post, variant, scope, origin, cross_origin)
        except Exception as error:
            self.answered.refusals[errors.code_of(error)] += 1
            refusal = isinstance(error, RefusedError) and not isinstance(error, ThrottledError)
            if version is not None and what == "decisions" and refusal:
                refused = counts.refused(version.store_id, self._services.now())
                self._services.folder.add(refused)
            return errors.answer(error, cross_origin)

    async def _record(
        self,
        key: str,
        post: DecisionPost,
        variant: str,
        scope: Scope,
        origin: bytes,
        cross_origin: Headers,
    ) -> Answer:
        services = self._services
        began = time.perf_counter()
        version = await services.published.numbered(key, post.version)
        with services.limits.waiting(key):
            stored = await services.recorder.record(
                version,
                post,
                place=signals.place(scope, services.geo),
                gpc_header=signals.gpc(scope),
                device=signals.device(scope),
                bot=self._is_bot(scope, "decisions"),
                variant=variant,
            )
        cookies = self._cookie(version, stored, scope, origin.decode("latin-1"))
        # The page posts as the version says that it has, which need not be the newest.
        if (cookies or version.config.cookie.domain) and CREDENTIALS not in cross_origin:
            cross_origin.append(CREDENTIALS)
        receipt = services.recorder.receipt(stored.record)
        self.answered.stored(post.action, time.perf_counter() - began)
        return json_answer(201, receipt, [*cross_origin, *cookies])

    def _cookie(
        self, version: Version, stored: ledger.Appended, scope: Scope, origin: str
    ) -> Headers:
        """The header that makes the stored decision the browser's, where it may be set."""
        services, record, config = self._services, stored.record, version.config
        shop = cookie.shop(scope, config.cookie, config.origins, origin)
        if shop is None:
            return []
        on = services.regions.day(record.place, record.at)
        regime = services.regions.resolve(record.place, on=on, rules=version.rules).regime
        if regime.sha256 != record.regime_sha256:
            return []  # a replay from before the law's file changed: the page asks by the new one
        found = cookie.of_stored(
            record,
            regime,
            fresh=stored.fresh,
            known=cookie.carried(scope),
            shop=shop,
            now=services.now().timestamp(),
        )
        return [found] if found else []

    async def _count(
        self, key: str, newest: Version, post: SeenPost, variant: str, scope: Scope
    ) -> None:
        services = self._services
        if post.language not in services.texts.languages:
            raise RefusedError("unknown_language", "language: not one that banners are shown in")
        numbered = services.published.numbered
        version = await numbered(key, post.version) if post.version else newest
        if variant and variant not in version.varied:
            raise RefusedError("unknown_variant", f"address: no variant {variant[:40]!r}")
        now = services.now()
        place = signals.place(scope, services.geo)
        on = services.regions.day(place, now)
        regime = services.regions.resolve(place, on=on, rules=version.rules).regime
        services.folder.add(
            counts.Key(
                store_id=newest.store_id,
                hour=counts.hour_of(now),
                place=place.code,
                regime=regime.id,
                device=signals.device(scope),
                language=post.language,
                version=version.number,
                measure="bot" if self._is_bot(scope, "seen") else _MEASURE[post.entry],
                variant=version.counted_as(variant),
            )
        )

    async def _cover(self, key: str, post: coverage.Post, scope: Scope) -> None:
        services = self._services
        if len(post.events) > coverage.EVENTS_AT_ONCE:
            most = coverage.EVENTS_AT_ONCE
            raise RefusedError("too_many", f"events: {len(post.events)}; expected {most} at most")
        if self._is_bot(scope, "coverage"):
            return
        version = await services.published.numbered(key, post.version)
        place = signals.place(scope, services.geo).code
        hour = counts.hour_of(services.now())
        base = coverage.Key(version.store_id, hour, place, "", "", "sent", "")
        for event in post.events:
            known = event.name if event.name in EVENTS else coverage.OTHER
            for pixel in {one.key: one for one in version.config.pixels}.values():
                if pixel.key in event.reached and services.platforms.takes(pixel, event.name):
                    named = msgspec.structs.replace(event, name=known)
                    for added, n in coverage.keys(named, pixel.key, base):
                        services.coverage.add(added, n)

    def _is_bot(self, scope: Scope, what: str) -> bool:
        found = signals.is_bot(scope, self._services.geo)
        if found:
            self.answered.left_out[what] += 1
        return found

    async def _receipt(self, key: str, id_: str, scope: Scope, receive: Receive) -> Answer:
        """What is known of a decision to whoever has its id; to its visitor, the whole file.

        The record names the visitor's random id, the place and the device, so it takes that id to
        get it. It is posted, since addresses end up in logs.
        """
        headers: Headers = [VARY_ORIGIN]
        try:
            version = self._services.current(key)
            require_method(scope, headers, "GET", "HEAD", "POST")
            if header(scope, b"origin") is not None or scope["method"] == "POST":
                allowed = _allowed_origin(scope, version)
                headers.append((b"access-control-allow-origin", allowed))
            self._services.limits.take(scope)
            if scope["method"] != "POST":
                return json_answer(200, await self._known(key, id_), headers)
            _check_type(scope)
            post = _decode(_OWNER, await read_body(scope, receive))
            return Answer(200, [*FILE, NO_STORE, *headers], await self._file(key, id_, post))
        except Exception as error:
            if isinstance(error, ThrottledError):
                self.answered.refusals[error.code] += 1
            return errors.answer(error, headers)

    async def _known(self, key: str, id_: str) -> dict[str, object]:
        """Nothing that the page which decided did not know, and what proves it."""
        services = self._services
        found = await services.finder.find(_uuid(id_))
        if found is None or found[0].store != key:
            async with services.database.read() as connection:
                await _refuse_erased(connection, key, id_)
            raise _no_decision()
        record, head = found
        signed = services.recorder.receipt(record).receipt
        known = {**facts(record), "receipt": signed}
        if head is not None:
            file = await Prover(services.tiles.read, head).prove(record, signed)
            known |= {
                "digest": digest(record).hex(),
                "index": file.index,
                "proof": list(file.proof),
                "checkpoint": file.checkpoint,
                "key": file.key,
            }
        return known

    async def _file(self, key: str, id_: str, post: OwnerPost) -> bytes:
        services = self._services
        async with services.database.read() as connection:
            record = await ledger.get(connection, _uuid(id_))
            if record is None or record.store != key or record.visitor != post.visitor:
                await _refuse_erased(connection, key, id_)
                raise _no_decision()
            signed = services.recorder.receipt(record).receipt
            return write(await (await prover(connection, record.seq)).prove(record, signed))


def _allowed_origin(scope: Scope, version: Version) -> bytes:
    """The request's ``Origin``, when it is exactly one of the store's."""
    origins = [value for name, value in scope["headers"] if name == b"origin"]
    if len(origins) == 1 and origins[0].decode("latin-1") in version.config.origins:
        return bytes(origins[0])
    found = repr(origins[0].decode("latin-1")[:200]) if origins else "none"
    raise ForbiddenError(
        "forbidden_origin", f"origin: {found}; expected one that the store is registered for"
    )


def _preflight(cross_origin: Headers) -> Answer:
    return Answer(
        204,
        [
            *cross_origin,
            (b"access-control-allow-methods", b"POST"),
            (b"access-control-allow-headers", b"content-type"),
            (b"access-control-max-age", str(PREFLIGHT_SECONDS).encode()),
        ],
        b"",
    )


def _check_type(scope: Scope) -> None:
    """JSON, or text/plain, with which a browser needs no preflight."""
    said = (header(scope, b"content-type") or b"").partition(b";")[0].strip().lower()
    if said not in (b"application/json", b"text/plain"):
        raise RefusedError(
            "unsupported_type", "content-type: expected application/json or text/plain"
        )


def _decode(decoder: msgspec.json.Decoder[Post], body: bytes) -> Post:
    """The post in ``body``.

    Raises:
        RefusedError: not JSON, a field that is unknown, missing or of the wrong type.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        fault, _, where = str(error).partition(" - at `$.")
        where = where.rstrip("`")
        code = "invalid_count"
        if decoder is _DECISION or decoder is _OWNER:
            code = "invalid_decision" if decoder is _DECISION else "invalid_visitor"
        if where == "grants" and "unknown field" in fault:
            code = "unknown_purpose"
        raise RefusedError(code, f"{where or 'body'}: {fault}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RefusedError(
            "malformed_json", "body: not JSON in UTF-8; expected one object"
        ) from None


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise _no_decision() from None


async def _refuse_erased(connection: AsyncConnection, key: str, id_: str) -> None:
    """Nothing when the store's decision ``id_`` was not erased. Whose account erased it stays here.

    Raises:
        GoneError: when it was erased and why.
    """
    found = await erasures.of_record(connection, _uuid(id_))
    if found is not None and found[1].store == key:
        erasure = found[1]
        raise GoneError(
            "erased", f"receipt: erased on {erasure.at:%Y-%m-%d} (UTC); {erasure.because}"
        )


def _no_decision() -> NotFoundError:
    return NotFoundError("unknown_decision", "receipt: this store has no decision with this id")
