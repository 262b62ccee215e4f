"""``loader.js`` and the scripts that it may fetch: composed and compressed once, then looked up.

This is what every page view of every store asks for, so a request that finds its script does no
more than this: place, language, one dictionary, two messages. The cost of composing is paid once
for each ``Key``, off the event loop, while all who want that script wait for the one who makes it.
A loader that is asked for with a decision also renews it; see ``cookie``.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import hashlib
import weakref
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

import brotli
import zstandard
from starlette.types import Receive, Scope, Send

from consent.model import Place, Version
from consent.web import cookie, errors, signals
from consent.web.kept import Kept
from consent.web.limits import SCRIPT_COST
from consent.web.responses import NO_STORE, NOSNIFF, Answer, Headers, require_method
from consent.web.services import Services
from consent.web.shared import PRIVATE, Shared

Which = Literal["loader", "choices", "preferences", "focus", "optout", "content", "custom", "debug"]
NAMES: Mapping[str, Which] = {f"{which}.js": which for which in get_args(Which)}

MOST_BYTES = 256
"""Of a header or query that is remembered, so that a bounded number of them is a bounded size."""
VARY = ("Accept-Encoding", "Accept-Language", "Sec-GPC")
JAVASCRIPT = (b"content-type", b"text/javascript; charset=utf-8")
CROSS_ORIGIN = (b"cross-origin-resource-policy", b"cross-origin")
"""Shops on other origins load these scripts; that is what they are for."""


class Key(NamedTuple):
    """What a script depends on. ``day`` because laws come into force on days."""

    which: Which
    version_id: int
    place: Place
    language: str
    gpc: bool
    first: bool
    day: dt.date
    variant: str = ""


Wanted = tuple[Which, int, Place, str, bool, bool, dt.date, str]
"""A ``Key`` as a plain tuple, which finds the same and is made in a third of the time."""
Answers = Mapping[signals.Encoding, tuple[Answer, bytes, Answer]]
"""The answer, its ETag, and the 304 for whoever has it."""


class Script:
    """One text in every encoding, as answers ready to be sent, each with its ETag and its 304."""

    def __init__(self, plain: bytes, digest: str, headers: Headers) -> None:
        self._digest = digest
        self._bodies = _encoded(plain)
        self.answers = self.with_headers(headers)
        self.bytes = sum(map(len, self._bodies.values()))

    def with_headers(self, headers: Headers) -> Answers:
        """Its answers with other headers."""
        answers: dict[signals.Encoding, tuple[Answer, bytes, Answer]] = {}
        for encoding, body in self._bodies.items():
            etag = f'"{self._digest}-{encoding}"'.encode()
            kept = [*headers, (b"etag", etag)]
            full = [JAVASCRIPT, *kept]
            if encoding != "identity":
                full.append((b"content-encoding", encoding.encode()))
            answers[encoding] = (Answer(200, full, body), etag, Answer(304, kept, b""))
        return answers


class Ready(NamedTuple):
    """A script, and how long a decision holds under the regime that it was made for."""

    script: Script
    days: cookie.Days
    shared: dict[bool, Answers]
    """Those that caches may keep, by whether the address alone said the language."""


class Scripts:
    """Answers ``GET /s/{store}/loader.js`` and those of the other ``NAMES``.

    Args:
        services: what the scripts are made from.
        place_headers: names of the headers that a trusted proxy gives the place in; caches
            between must tell them apart.
    """

    def __init__(self, services: Services, place_headers: Sequence[str]) -> None:
        self._services = services
        self._shared = Shared(services.settings.cache_seconds, place_headers)
        self._headers: Headers = [
            PRIVATE,
            (b"vary", ", ".join([*VARY, *place_headers]).encode()),
            NOSNIFF,
            CROSS_ORIGIN,
        ]
        self._ready: Kept[Wanted, Ready] = Kept(services.settings.scripts_mb * 1024 * 1024)
        self._making: dict[Key, asyncio.Task[Ready]] = {}
        self._by_digest: weakref.WeakValueDictionary[str, Script] = weakref.WeakValueDictionary()
        self._language = lru_cache(maxsize=4096)(self._choose_language)
        self.served = 0
        self.made = 0

    @property
    def kept_bytes(self) -> int:
        """Of scripts in memory."""
        return self._ready.bytes

    async def __call__(
        self, which: Which, key: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Sends the script for this store and this request, or 304 when the page has it.

        An error (no such store, storage away, too much asked for) is a script that does nothing.
        """
        services = self._services
        refused: Headers = []
        try:
            require_method(scope, refused, "GET", "HEAD")
            version = services.current(key)
            asked = signals.query(scope["query_string"][:MOST_BYTES])
            # What a page fetches later goes with the version of the loader that it has. The loader
            # is the newest: an address that names a version must not keep what a rule had allowed.
            if which != "loader" and 0 < asked.version < version.number:
                version = await services.published.numbered(key, asked.version)
            wanted = self._wanted(which, version, asked, scope)
            ready = self._ready.get(wanted)
            if ready is None:
                services.limits.take(scope, SCRIPT_COST)
                ready = await self._make_once(Key(*wanted), version)
            self.served += 1
            answer = self._answer(wanted, ready, version, asked.language, scope)
        except Exception as error:
            answer = _failure(error, refused)
        await answer(scope, receive, send)

    def _wanted(self, which: Which, version: Version, asked: signals.Query, scope: Scope) -> Wanted:
        """The fields of the ``Key`` for this request."""
        services = self._services
        place = signals.place(scope, services.geo)
        accepted = signals.joined(scope).get(b"accept-language", b"")[:MOST_BYTES]
        # Who has decided is asked nothing, and all but the loader draws what is the same in all.
        variant = ""
        if version.config.variants and which == "loader" and asked.first:
            variant = self._variant(version, scope)
        return (
            which,
            version.id,
            place,
            self._language(asked.language, accepted, version.config.language),
            signals.gpc(scope),
            asked.first,
            services.regions.day(place, services.now()),
            variant,
        )

    def _answer(
        self, wanted: Wanted, ready: Ready, version: Version, page: str, scope: Scope
    ) -> Answer:
        """What of ``ready`` goes to a page that says that its language is ``page``."""
        which, _, place, *_, variant = wanted
        headers = signals.joined(scope)
        answers = ready.script.answers
        if which != "debug" and not variant and self._shared.may_keep(scope, place):
            answers = self._for_caches(ready, version.config.key, page)
        encoding = signals.encoding(headers.get(b"accept-encoding", b"")[:MOST_BYTES])
        full, etag, unchanged = answers[encoding]
        has = headers.get(b"if-none-match")
        answer = unchanged if has is not None and (etag in has or has == b"*") else full
        if which == "loader" and b"cookie" in headers:
            return self._renewing(answer, ready.days, version, scope, headers.get(b"referer"))
        return answer

    def _variant(self, version: Version, scope: Scope) -> str:
        services = self._services
        agent = dict(scope["headers"]).get(b"user-agent", b"")
        address = signals.address(scope, services.geo)
        return services.assigner.choose(version.config, services.now().date(), address, agent)

    def _for_caches(self, ready: Ready, store: str, page: str) -> Answers:
        by_page = page in self._services.texts.languages
        answers = ready.shared.get(by_page)
        if answers is None:
            headers = [*self._shared.headers(store, by_page=by_page), CROSS_ORIGIN]
            answers = ready.shared[by_page] = ready.script.with_headers(headers)
        return answers

    def _renewing(
        self, answer: Answer, days: cookie.Days, version: Version, scope: Scope, page: bytes | None
    ) -> Answer:
        """``answer``, for a visitor whose decision the service may renew with a cookie to it."""
        known = cookie.carried(scope)
        if known is None:
            return answer
        config = version.config
        origin = cookie.referrer(page, config.origins)
        shop = cookie.shop(scope, config.cookie, config.origins, origin)
        if shop is None:
            return answer
        now = self._services.now().timestamp()
        renewed = cookie.renewed(known, days, newest=version.number, shop=shop, now=now)
        return answer.with_header(renewed) if renewed else answer

    def version(self, store: str) -> Answer:
        """The number of the store's newest version, for a cache that makes it part of its keys.

        Raises:
            NotFoundError, UnavailableError: as above.
        """
        number = (b"pixelgate-version", str(self._services.current(store).number).encode())
        return Answer(204, [*self._shared.headers(store, by_page=True), number], b"")

    def _choose_language(self, page: str, accepted: bytes, default: str) -> str:
        wanted = [page] if page else []
        return self._services.texts.choose([*wanted, *signals.languages(accepted)], default)

    async def _make_once(self, key: Key, version: Version) -> Ready:
        """Makes the script, or waits for the one who already does."""
        task = self._making.get(key)
        if task is None:
            task = asyncio.create_task(self._make(key, version))
            self._making[key] = task
        return await asyncio.shield(task)

    async def _make(self, key: Key, version: Version) -> Ready:
        try:
            ready = await asyncio.to_thread(self._compose, key, version)
        finally:
            del self._making[key]
        self._ready.put(key, ready)
        self.made += 1
        return ready

    def _compose(self, key: Key, version: Version) -> Ready:
        services = self._services
        rules = version.rules
        resolution = services.regions.resolve(key.place, on=key.day, rules=rules)
        composer = services.composer
        match key.which:
            case "loader":
                shown = version.varied[key.variant] if key.variant else version
                text = composer.loader(
                    shown, resolution, key.place, key.language, gpc=key.gpc, first=key.first
                )
            case "choices":
                text = composer.choices(version, resolution, key.language)
            case "preferences":
                text = composer.preferences(version, resolution, key.language)
            case "focus":
                text = composer.focus()
            case "optout":
                text = composer.optout(version, resolution, key.language)
            case "content":
                text = composer.content(version, resolution, key.language)
            case "custom":
                text = composer.custom(version)
            case "debug":
                text = composer.debug(version, resolution, key.place)
        plain = text.encode()
        digest = hashlib.sha256(plain).hexdigest()[:24]
        known = self._by_digest.get(digest)
        if known is None:
            known = self._by_digest[digest] = Script(plain, digest, self._headers)
        return Ready(known, cookie.Days.of(resolution.regime), {})


def _encoded(plain: bytes) -> dict[signals.Encoding, bytes]:
    return {
        "identity": plain,
        "gzip": gzip.compress(plain, 9, mtime=0),
        "zstd": zstandard.ZstdCompressor(level=19).compress(plain),
        "br": brotli.compress(plain, mode=brotli.MODE_TEXT, quality=11),
    }


def _failure(error: Exception, headers: Headers) -> Answer:
    """The error as a script that does nothing, for a person who opens the address.

    A browser does not run a script that comes with an error status; it names the address and the
    status in the console, and the snippet adds that no pixel fires.
    """
    code, detail = errors.words(error)
    status = errors.status_of(error)
    comment = f"// pixelgate: {code}: {detail}\n".encode()
    retry = errors.retry_headers(error)
    return Answer(status, [JAVASCRIPT, NOSNIFF, NO_STORE, CROSS_ORIGIN, *headers, *retry], comment)
