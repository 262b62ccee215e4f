"""Once an hour somebody outside says of the newest checkpoint that it was there.

That is an RFC 3161 timestamp authority, or a witness (C2SP tlog-witness), which also makes sure
that the log only grew. The answer is verified when it comes, kept as it came, and goes along with
receipt files. What fails is tried again, later each time; nothing else waits for it.

What reads timestamps is imported where it is needed: it is a part of the service's start that one
without a timestamp authority can do without.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import httpx2
import structlog

from consent import merkle, notes, seals
from consent.database import Database
from consent.errors import ConsentError, RefusedError, SettingsError, UnavailableError
from consent.evidence import Anchor, Anchoring, Check
from consent.notes import Note, Vkey, decoded
from consent.rounds import Rounds
from consent.seals import Anchored, Head

EVERY = dt.timedelta(hours=1)
FIRST_RETRY_SECONDS = 60.0
LONGEST_RETRY_SECONDS = 3600.0
TIMEOUT_SECONDS = 20.0

_log = structlog.get_logger("anchor")


class Authority(Protocol):
    """Somebody outside who anchors checkpoints."""

    kind: Anchoring
    url: str

    async def ask(self, db: Database, head: Head, client: httpx2.AsyncClient) -> bytes:
        """The verified answer over ``head``.

        Raises:
            RefusedError: the answer is not one over this checkpoint by who is trusted.
            UnavailableError: there is none.
        """


class Timestamps:
    """An RFC 3161 authority, trusted by the certificates of ``roots``."""

    kind: Anchoring = "rfc3161"

    def __init__(self, url: str, roots: bytes) -> None:
        from consent import timestamps

        self.url = url
        self._roots = timestamps.certificates(roots)

    async def ask(self, db: Database, head: Head, client: httpx2.AsyncClient) -> bytes:
        from consent import timestamps

        message = str(head.note).encode()
        type_ = {"content-type": timestamps.QUERY_TYPE}
        answer = await _post(client, self.url, timestamps.query(message), type_)
        if answer.status_code != 200:
            raise UnavailableError(f"anchor: {self.url} answered {answer.status_code}")
        timestamps.stamped_at(answer.content, message, self._roots)
        return answer.content


class Witness:
    """A C2SP witness, known by its key. Source: https://c2sp.org/tlog-witness."""

    kind: Anchoring = "witness"

    def __init__(self, url: str, key: Vkey) -> None:
        self.url = url
        self._key = key

    async def ask(self, db: Database, head: Head, client: httpx2.AsyncClient) -> bytes:
        old = 0
        for _ in range(2):
            body = await self._body(db, head, old)
            answer = await _post(client, f"{self.url}/add-checkpoint", body, {})
            if answer.status_code != 409:
                break
            # It tells where it is; a witness ahead of us saw heads that this database lost.
            old = int(answer.text) if answer.text.strip().isdigit() else head.size + 1
            if old > head.size:
                raise RefusedError("ahead", f"anchor: {self.url} has seen {old} entries; we do not")
        if answer.status_code != 200:
            raise UnavailableError(f"anchor: {self.url} answered {answer.status_code}")
        lines = answer.content.decode()
        if not Note.parse(f"{head.checkpoint.text}\n{lines}").signers([self._key]):
            raise RefusedError("bad_cosignature", f"anchor: {self.url} did not sign; expected it")
        return answer.content

    async def _body(self, db: Database, head: Head, old: int) -> bytes:
        path = merkle.consistency_path(old, head.size) if 0 < old < head.size else []
        wanted = merkle.tiles_for(path, head.size)
        async with db.read() as c:
            tiles = {tile: await seals.tile(c, tile) for tile in wanted}
        hashes = merkle.hashes_of(path, head.size, tiles)
        lines = [f"old {old}", *(base64.b64encode(one).decode() for one in hashes)]
        return ("\n".join(lines) + f"\n\n{head.note}").encode()


def authority(url: str, trust: str) -> Authority | None:
    """Who anchors, as the settings say; None: nobody.

    Args:
        url: of a timestamp authority, or a witness's prefix; empty for nobody.
        trust: a file of certificates in PEM, or the vkey of a witness.

    Raises:
        SettingsError: ``trust`` is neither.
    """
    if not url:
        return None
    try:
        if "+" in trust:
            return Witness(url, Vkey.parse(trust))
        return Timestamps(url, Path(trust).read_bytes())
    except (OSError, RefusedError) as error:
        raise SettingsError(
            f"CONSENT_ANCHOR_TRUST: {error}; expected the PEM file of who is trusted at "
            "CONSENT_ANCHOR_URL, or a witness's vkey"
        ) from error


class Anchorer:
    """Hands a checkpoint out each hour, when there is a new one.

    Args:
        database: holds the log.
        authority: who is asked; None: nobody, and nothing is done.
        now: the clock.
    """

    def __init__(
        self, database: Database, authority: Authority | None, now: Callable[[], dt.datetime]
    ) -> None:
        self._database = database
        self._authority = authority
        self._now = now
        self._rounds = Rounds(self._round, 0)
        self._wait = FIRST_RETRY_SECONDS
        self.anchored = 0
        self.failures = 0

    def start(self) -> None:
        """Anchors from now on. Call it inside the event loop that serves requests."""
        if self._authority is not None:
            self._rounds.start()

    async def stop(self) -> None:
        """Lets go of a request that is under way: the next process asks again."""
        await self._rounds.stop(at_once=True)

    async def anchor(self) -> bool:
        """Anchors the newest checkpoint, if an hour has passed; says whether it did.

        Raises:
            RefusedError, UnavailableError: see ``Authority``; also when storage does not answer.
        """
        if self._authority is None:
            return False
        async with self._database.read() as c:
            head = await seals.newest(c)
            last = await seals.last_anchored(c, self._authority.url)
            if head is None or (last and not self._is_due(last, head)):
                return False
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
            answer = await self._authority.ask(self._database, head, client)
        kind, url = self._authority.kind, self._authority.url
        async with self._database.write() as c:
            added = await seals.keep(c, Anchored(head.size, url, kind, self._now(), answer))
        self.anchored += added
        return added

    def _is_due(self, last: Anchored, head: Head) -> bool:
        """A clock that went back does not keep anchors waiting for longer than an hour."""
        passed = self._now() - last.at
        return head.size > last.size and not dt.timedelta() <= passed < EVERY

    async def _round(self) -> float:
        try:
            await self.anchor()
            self._wait = FIRST_RETRY_SECONDS
        except Exception as error:
            self.failures += 1
            why = str(error) if isinstance(error, ConsentError) else ""
            _log.warning("checkpoint not anchored", error=type(error).__name__, why=why)
            self._wait = min(self._wait * 2, LONGEST_RETRY_SECONDS)
        return self._wait


async def try_out(database: Database, authority: Authority, head: Head) -> None:
    """Nothing when ``authority`` answers over ``head`` as it should. The answer is not kept.

    Raises:
        RefusedError, UnavailableError: see ``Authority``.
    """
    async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
        await authority.ask(database, head, client)


def check(
    anchor: Anchor, checkpoint: str, *, roots: Sequence[bytes], keys: Sequence[Vkey]
) -> Check | None:
    """Whether an anchor of a receipt file holds; None when nobody is given who could tell.

    Args:
        anchor: what was said.
        checkpoint: of which signed note.
        roots: PEM files of timestamp authorities.
        keys: of witnesses.
    """
    answer = decoded(anchor.answer) or b""
    try:
        if anchor.kind == "rfc3161":
            from consent import timestamps

            trusted = [one for pem in roots for one in timestamps.certificates(pem)]
            if not trusted:
                return None
            at = timestamps.stamped_at(answer, checkpoint.encode(), trusted)
            return _held(f"A timestamp authority says that the checkpoint was there at {_day(at)}.")
        text = Note.parse(checkpoint).text
        signers = Note.parse(f"{text}\n{answer.decode()}").signers(
            [key for key in keys if key.kind == notes.COSIGNATURE]
        )
    except (RefusedError, UnicodeDecodeError) as error:
        said = f"What {anchor.url} said of the checkpoint does not hold ({error})."
        return Check("anchor", False, said)
    for key, signature in signers:
        seconds = key.signed_at(signature.value) or 0
        at = dt.datetime.fromtimestamp(seconds, dt.UTC)
        return _held(f"The witness {key.name} signed the checkpoint at {_day(at)}.")
    return None


def _held(words: str) -> Check:
    return Check("anchor", True, words)


def _day(at: dt.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


async def _post(
    client: httpx2.AsyncClient, url: str, content: bytes, headers: dict[str, str]
) -> httpx2.Response:
    try:
        return await client.post(url, content=content, headers=headers)
    except httpx2.HTTPError as error:
        raise UnavailableError(f"anchor: {url}: {error or type(error).__name__}") from error
