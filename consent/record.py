"""From a posted decision to a receipt: one commit for many posts, and none acknowledged before it.

Posts of many requests wait in one list. A single task takes them in batches and writes each batch
in one transaction; while that commits, the next batch gathers. So the price of making the disk
sync is shared, the order is that of arrival, and no request holds a lock while it waits.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import secrets
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import structlog

from consent import counts, ledger
from consent.banner import Banner
from consent.compose import Composer
from consent.database import Database
from consent.decide import contradicts
from consent.errors import ConflictError, RefusedError, UnavailableError
from consent.folding import Folder
from consent.model import (
    DecisionPost,
    Device,
    Entry,
    Place,
    Record,
    Resolution,
    Version,
)
from consent.regions import Regions
from consent.signing import Signer

BATCH_POSTS = 256
QUEUE_POSTS = 8192
COMMIT_SECONDS = 10.0
"""How long posts wait for storage that has fallen silent. The write itself goes on meanwhile."""

_SHA256 = re.compile(r"[0-9a-f]{64}")

_log = structlog.get_logger("record")


class Receipt(msgspec.Struct, frozen=True):
    """What is answered to a stored decision. ``at`` is RFC 3339, UTC."""

    id: uuid.UUID
    at: str
    receipt: str


class _Waiter(NamedTuple):
    entry: Entry
    version: Version
    done: asyncio.Future[ledger.Appended]


class Recorder:
    """Writes decisions into the ledger, many in one commit, and counts in ``folder`` what is new.

    A process that is killed loses the counts of its last second, and no decision: see ``folding``.

    The law is resolved again here, because the page is not believed (rule 3).
    """

    def __init__(
        self,
        database: Database,
        folder: Folder[counts.Key],
        composer: Composer,
        regions: Regions,
        signer: Signer,
        now: Callable[[], dt.datetime],
    ) -> None:
        self._database = database
        self._folder = folder
        self._composer = composer
        self._regions = regions
        self._signer = signer
        self._now = now
        self._waiting: deque[_Waiter] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._open = False
        self._silent = False
        self._turned_away = 0
        self.recorded = 0
        self.batches = 0

    @property
    def waiting(self) -> int:
        """How many posts wait for a commit at this moment."""
        return len(self._waiting)

    def start(self) -> None:
        """Takes posts from now on. Call it inside the event loop that serves requests."""
        self._open = True
        self._task = asyncio.create_task(self._commit_batches())

    async def stop(self) -> None:
        """Takes no more posts, and returns when those already taken are answered."""
        self._open = False
        self._wake.set()
        if self._task is not None:
            await self._task
            self._task = None

    async def record(
        self,
        version: Version,
        post: DecisionPost,
        *,
        place: Place,
        gpc_header: bool,
        device: Device,
        bot: bool = False,
        variant: str = "",
    ) -> ledger.Appended:
        """What became of ``post``, after it is on disk. The same post again gets the same record.

        That of a ``bot`` is recorded too, and left out of the rates. It counts for a ``variant``
        if that shows the banner which it names.

        Raises:
            RefusedError: action, grants and opt-out signal contradict each other, the language
                is not one of ours, or the banner is not a SHA-256.
            ConflictError: the id is taken by another decision.
            UnavailableError: it was not stored; the same post may be sent again.
        """
        entry = self._entry(version, post, place, gpc_header, device, bot, variant)
        if not self._open or self._silent or len(self._waiting) >= QUEUE_POSTS:
            raise UnavailableError("ledger: no room for another decision now; try again")
        done: asyncio.Future[ledger.Appended] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiter(entry, version, done))
        self._wake.set()
        return await done

    def receipt(self, record: Record) -> Receipt:
        """The receipt of a decision that the ledger holds."""
        said = facts(record)
        return Receipt(record.id, str(said["at"]), self._signer.receipt(said))

    def _entry(
        self,
        version: Version,
        post: DecisionPost,
        place: Place,
        gpc_header: bool,
        device: Device,
        bot: bool,
        variant: str,
    ) -> Entry:
        config = version.config
        now = self._now()
        at = now.replace(microsecond=now.microsecond // 1000 * 1000)
        on = self._regions.day(place, at)
        here = self._regions.resolve(place, on=on, rules=version.rules)
        gpc = gpc_header or post.gpc
        contradiction = contradicts(post, here.regime, gpc, config.gpc.refuses, here.purposes)
        if contradiction is not None:
            raise RefusedError("contradiction", contradiction)
        refused = self._refused(version, post, here)
        if post.language not in self._composer.languages:
            raise RefusedError(
                "unknown_language", f"language: {post.language!r}; expected one of the loader's"
            )
        if _SHA256.fullmatch(post.banner) is None:
            raise RefusedError(
                "malformed_banner", "banner: not a SHA-256; expected 64 hexadecimal digits"
            )
        # A page that was loaded before a release changed a text names what this release does not
        # compose. Its decision counts all the same: the hash is kept, the content is not there.
        shown = version.varied.get(variant, version) if variant else version
        banner: Banner | None = self._composer.banner(shown, here, post.language)
        counted = shown.variant
        if post.action == "gpc":  # answered by the browser, which was shown none
            counted = ""
        if banner is None or banner.sha256 != post.banner:  # of another place, or another day
            counted = ""
            banner = self._composer.find_banner(version, post.banner, post.language)
        return Entry(
            id=post.id,
            visitor=post.visitor,
            store_id=version.store_id,
            version_id=version.id,
            at=at,
            action=post.action,
            grants=post.grants,
            language=post.language,
            banner_sha256=post.banner,
            banner_content=banner.content if banner else None,
            regime=here.regime,
            place=place,
            gpc_header=gpc_header,
            gpc_property=post.gpc,
            device=device,
            salt=secrets.token_bytes(16),
            refused=refused,
            bot=bot,
            variant=version.counted_as(counted),
        )

    def _refused(self, version: Version, post: DecisionPost, here: Resolution) -> tuple[str, ...]:
        """The platforms that were refused though all their purposes are granted, and those that may
        not run here: whoever accepts all has said nothing of them.

        Raises:
            RefusedError: a platform is not one of the version's, is granted without its purposes or
                where it may not run, or is refused by someone who accepts all.
        """
        if not post.pixels and here.allows_all:
            return ()
        purposes = self._composer.services(version)
        refused = []
        absent = [
            key
            for key, every in purposes.items()
            if not any(here.allows(key, each) for each in every)
        ]
        for key, granted in sorted(post.pixels.items()):
            if key not in purposes:
                known = ", ".join(purposes) or "none"
                raise RefusedError("unknown_pixel", f"pixels: {key[:40]!r}; expected of {known}")
            # Of two pixels of one platform, one may need more than the other.
            covered = any(post.grants.covers(each) for each in purposes[key])
            if key in absent:
                if granted:
                    raise RefusedError(
                        "contradiction", f"pixels.{key}: granted where it may not run"
                    )
                continue
            if granted and not covered:
                raise RefusedError(
                    "contradiction", f"pixels.{key}: granted without its purposes; expected denied"
                )
            if covered and not granted:
                refused.append(key)
        if refused and post.action == "accept_all":
            raise RefusedError(
                "contradiction", "pixels: accept_all denies one; expected every one granted"
            )
        absent = [key for key in absent if any(post.grants.covers(each) for each in purposes[key])]
        return tuple(sorted([*refused, *absent]))

    async def _commit_batches(self) -> None:
        while self._open or self._waiting:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            batch = self._next_batch()
            try:
                await self._commit(batch)
            except asyncio.CancelledError:
                _refuse(batch, UnavailableError("ledger: the service is stopping; try again"))
                raise

    def _next_batch(self) -> list[_Waiter]:
        """The posts that waited longest. A post whose id is in the batch already waits on.

        Posts whose request has gone are dropped: nothing was promised, and the page retries.
        """
        batch: list[_Waiter] = []
        ids: set[uuid.UUID] = set()
        while self._waiting and len(batch) < BATCH_POSTS:
            if self._waiting[0].done.done():
                self._waiting.popleft()
                continue
            if self._waiting[0].entry.id in ids:
                break
            waiter = self._waiting.popleft()
            ids.add(waiter.entry.id)
            batch.append(waiter)
        return batch

    async def _commit(self, batch: Sequence[_Waiter]) -> None:
        """Stores ``batch`` and answers each of its waiters, with an error if need be."""
        if not batch:
            return
        silence = asyncio.get_running_loop().call_later(COMMIT_SECONDS, self._give_up, batch)
        try:
            appended = await self._write(batch)
        except UnavailableError as error:
            self._turn_away(batch, error)
        except Exception as error:
            if len(batch) == 1:
                _log.error("decision not stored", error=type(error).__name__)
                _refuse(batch, error)
                return
            silence.cancel()
            for waiter in batch:  # so that one bad entry fails alone
                await self._commit([waiter])
        else:
            self.batches += 1
            if self._turned_away:
                _log.info("decisions stored again", turned_away=self._turned_away)
                self._turned_away = 0
            taken = []
            for waiter, result in zip(batch, appended, strict=True):
                if result is None:
                    taken.append(waiter)
                else:
                    self._answer(waiter, result)
            silence.cancel()
            await self._commit(taken)
        finally:
            silence.cancel()
            self._silent = False

    def _give_up(self, batch: Sequence[_Waiter]) -> None:
        """Turns away who waits and who comes, until storage has said what became of ``batch``."""
        self._silent = True
        waiting = [*batch, *self._waiting]
        self._waiting.clear()
        fault = f"no answer for {COMMIT_SECONDS:g} seconds; expected a database that answers"
        self._turn_away(waiting, UnavailableError(f"database: {fault}"))

    def _turn_away(self, batch: Sequence[_Waiter], error: UnavailableError) -> None:
        """Refuses ``batch``. One line says that storage is away, and one that it is back."""
        if not self._turned_away:
            _log.warning("decisions not stored", error=str(error))
        self._turned_away += len(batch)
        _refuse(batch, error)

    async def _write(self, batch: Sequence[_Waiter]) -> list[ledger.Appended | None]:
        versions = {waiter.version.id: waiter.version for waiter in batch}
        entries = [waiter.entry for waiter in batch]
        return await ledger.append_at_once(self._database, entries, versions)

    def _answer(self, waiter: _Waiter, result: ledger.Appended) -> None:
        if result.fresh:
            self.recorded += 1
            self._folder.add(_counted(waiter.entry, result.record))
        if waiter.done.done():
            return
        if result.conflict:
            waiter.done.set_exception(
                ConflictError("id_taken", "id: taken by another decision; expected a new one")
            )
        else:
            waiter.done.set_result(result)


def _refuse(batch: Sequence[_Waiter], error: Exception) -> None:
    for waiter in batch:
        if not waiter.done.done():
            waiter.done.set_exception(error)


def facts(record: Record) -> dict[str, object]:
    """What a receipt says. It names no visitor: who holds the id and the receipt is the proof."""
    return {
        "id": str(record.id),
        "store": record.store,
        "version": record.version,
        "sha256": record.version_sha256,
        "at": rfc3339(record.at),
        "grants": msgspec.to_builtins(record.grants),
        "refused": list(record.refused),
        "action": record.action,
        "regime": record.regime_id,
        "language": record.language,
        "banner": record.banner_sha256,
    }


def rfc3339(at: dt.datetime) -> str:
    """``2026-11-23T17:00:00.250Z``: UTC, milliseconds always there."""
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _counted(entry: Entry, record: Record) -> counts.Key:
    return counts.Key(
        store_id=entry.store_id,
        hour=counts.hour_of(entry.at),
        place=entry.place.code,
        regime=entry.regime.id,
        device=entry.device,
        language=entry.language,
        version=record.version,
        measure=_measure(entry, first=record.previous is None),
        variant=entry.variant,
    )


def _measure(entry: Entry, *, first: bool) -> counts.Measure:
    """A visitor's first decision answers the banner; a later one takes back or changes."""
    action, kind = entry.action, entry.grants.kind
    if entry.bot:
        return "bot"
    if action == "withdraw":
        return "withdrawn"
    if not first:
        return "changed"
    if action == "close":
        return "closed"
    if action == "gpc":
        return "gpc"
    if action == "accept_all" or (kind == "all" and not entry.refused):
        return "accepted"
    return "declined" if kind == "none" else "partly"
