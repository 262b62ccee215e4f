"""From a posted decision to a receipt, by way of an entry that ``commit`` puts on disk."""

from __future__ import annotations

import datetime as dt
import re
import secrets
import uuid
from collections.abc import Callable

import msgspec

from consent import counts, ledger
from consent.banner import Banner
from consent.commit import Committer
from consent.compose import Composer
from consent.database import Database
from consent.decide import contradicts
from consent.errors import RefusedError
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

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Receipt(msgspec.Struct, frozen=True):
    """What is answered to a stored decision. ``at`` is RFC 3339, UTC."""

    id: uuid.UUID
    at: str
    receipt: str


class Recorder:
    """Makes a post an entry of the ledger, and its record a receipt.

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
        self.committer = Committer(database, folder)
        self._composer = composer
        self._regions = regions
        self._signer = signer
        self._now = now

    def start(self) -> None:
        """Takes posts from now on. Call it inside the event loop that serves requests."""
        self.committer.start()

    async def stop(self) -> None:
        """Takes no more posts, and returns when those already taken are answered."""
        await self.committer.stop()

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
        return await self.committer.put(entry, version)

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
