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
from collections.abc import Awaitable, Mapping, Sequence

import msgspec
from starlette.types import Receive, Scope, Send

from consent import counts, coverage, ledger
from consent.errors import NotFoundError, RefusedError, ThrottledError
from consent.model import DecisionPost, SeenPost, Version
from consent.platforms.files import EVENTS
from consent.web import cookie, errors, posts, signals
from consent.web.metrics import Answered
from consent.web.receipts import Receipts
from consent.web.responses import (
    NO_STORE,
    Answer,
    Headers,
    json_answer,
    read_body,
    require_method,
    skip_body,
)
from consent.web.scripts import NAMES, Scripts
from consent.web.services import Services

PREFIX = "/s/"
CREDENTIALS = (b"access-control-allow-credentials", b"true")

_DECISION = msgspec.json.Decoder(DecisionPost)
_SEEN = msgspec.json.Decoder(SeenPost)
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
        self._receipts = Receipts(services, self.answered)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        path, variant = scope["path"].split("/"), ""
        if len(path) > 4 and path[3][:1] == "~":
            variant = path.pop(3)[1:]
        if len(path) == 4 and path[3] in NAMES:  # nearly all that comes
            return self.scripts(NAMES[path[3]], path[2], scope, receive, send)
        return self._other(path, variant, scope, receive, send)

    async def _other(
        self, path: list[str], variant: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        match path:
            case ["", "s", key, "version"]:
                answer = self._version(key, scope)
            case ["", "s", key, "decisions" | "seen" | "coverage" as what]:
                answer = await self._posted(key, what, variant, scope, receive)
            case ["", "s", key, "receipts", id_]:
                answer = await self._receipts(key, id_, scope, receive)
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
        cross_origin: Headers = [posts.VARY_ORIGIN]
        version: Version | None = None
        try:
            version = self._services.current(key)
            require_method(scope, cross_origin, "POST", "OPTIONS")
            origin = posts.allowed_origin(scope, version)
            cross_origin.append((b"access-control-allow-origin", origin))
            if version.config.cookie.domain:
                cross_origin.append(CREDENTIALS)
            if scope["method"] == "OPTIONS":
                return posts.preflight(cross_origin)
            self._services.limits.take(scope)
            self._services.limits.take_for(key)
            posts.check_type(scope)
            body = await read_body(scope, receive)
            if what == "seen":
                seen = posts.decode(_SEEN, body, "invalid_count")
                await self._count(key, version, seen, variant, scope)
                return Answer(204, [NO_STORE, *cross_origin], b"")
            if what == "coverage":
                await self._cover(key, posts.decode(_COVERAGE, body, "invalid_count"), scope)
                return Answer(204, [NO_STORE, *cross_origin], b"")
            post = posts.decode(_DECISION, body, "invalid_decision")
            return await self._record(key, post, variant, scope, origin, cross_origin)
        except Exception as error:
            await skip_body(scope, receive)
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
