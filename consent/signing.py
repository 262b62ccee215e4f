"""The only importer of itsdangerous, of Ed25519 and of Fernet. One salt for each use: no token
serves two.

Keys rotate: the first of the list signs and encrypts, every one of them verifies and decrypts. Drop
a secret key only when nothing made with it has to be read any more. Of the log's keys only the
newest is ever needed: the public halves of all that were used are kept in the database.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, cast

import itsdangerous
import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from consent.errors import ForbiddenError

SEED_BYTES = 32


class LogKey:
    """The Ed25519 key that signs checkpoints (RFC 8032).

    Args:
        seed: the private key, ``SEED_BYTES`` long.
    """

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public: bytes = self._key.public_key().public_bytes_raw()

    @classmethod
    def derived(cls, secret: str) -> LogKey:
        """A key that follows from a secret key (HKDF, RFC 5869), and tells nothing about it."""
        hkdf = HKDF(SHA256(), SEED_BYTES, salt=None, info=b"pixelgate.log")
        return cls(hkdf.derive(secret.encode()))

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""
        return self._key.sign(message)


def daily_key(secret: str, on: dt.date) -> bytes:
    """32 bytes that follow from a secret key and a day (HKDF, RFC 5869), and tell nothing of it."""
    salt = on.isoformat().encode()
    return HKDF(SHA256(), 32, salt=salt, info=b"pixelgate.variants").derive(secret.encode())


def log_key(seeds: Sequence[bytes], secrets: Sequence[str]) -> LogKey:
    """The newest key of the log: the first of ``seeds``, else derived from the first secret."""
    return LogKey(seeds[0]) if seeds else LogKey.derived(secrets[0])


def public_log_keys(seeds: Sequence[bytes], secrets: Sequence[str]) -> frozenset[bytes]:
    """The public halves of every key of the log that the settings hold, old ones too."""
    own = [*map(LogKey, seeds), *map(LogKey.derived, secrets)]
    return frozenset(key.public for key in own)


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` is that of the Ed25519 key ``public`` over ``message``."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class _SameKeySigner(itsdangerous.Signer):
    """Derives the key of each secret once, and begins its HMAC once, not for each signature."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._derived: dict[str | bytes | None, bytes] = {}
        self._begun = hmac.new(self.derive_key(), digestmod=self._digest)

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        found = self._derived.get(secret_key)
        if found is None:
            found = self._derived[secret_key] = super().derive_key(secret_key)
        return found

    @property
    def _digest(self) -> Any:
        return cast(itsdangerous.HMACAlgorithm, self.algorithm).digest_method

    def get_signature(self, value: str | bytes) -> bytes:
        signature = self._begun.copy()
        signature.update(value.encode() if isinstance(value, str) else value)
        return itsdangerous.base64_encode(signature.digest())


class _Receipts(itsdangerous.URLSafeSerializer):
    """Receipts are short: trying to compress each one costs more time than its whole signature.

    Those that were compressed are still read.
    """

    @functools.cached_property
    def _signer(self) -> itsdangerous.Signer:
        return super().make_signer()

    def make_signer(self, salt: str | bytes | None = None) -> itsdangerous.Signer:
        return self._signer if salt in (None, self.salt) else super().make_signer(salt)

    def dump_payload(self, obj: Any) -> bytes:
        return itsdangerous.base64_encode(msgspec.json.encode(obj))


class Signer:
    """Makes and reads receipts and sessions.

    Args:
        keys: secrets, newest first; at least one.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        oldest_first = list(reversed(keys))
        self._receipts = _Receipts(oldest_first, salt="pixelgate.receipt", signer=_SameKeySigner)
        self._sessions = itsdangerous.URLSafeTimedSerializer(oldest_first, salt="pixelgate.session")

    def receipt(self, facts: Mapping[str, Any]) -> str:
        """``facts`` as a signed, URL-safe text. The facts can be read by anyone, not changed."""
        return _text(self._receipts.dumps(dict(facts)))

    def read_receipt(self, receipt: str) -> dict[str, Any]:
        """The facts of a receipt signed by any of the keys.

        Raises:
            ForbiddenError: it was not signed by this service, or was changed.
        """
        try:
            return dict(self._receipts.loads(receipt))
        except (itsdangerous.BadData, TypeError, ValueError) as error:
            raise ForbiddenError(
                "bad_receipt", "the receipt is not one of ours; expected it unchanged"
            ) from error

    def session(self, facts: Mapping[str, Any]) -> str:
        return _text(self._sessions.dumps(dict(facts)))

    def read_session(self, session: str, *, max_age_seconds: int) -> dict[str, Any]:
        """The facts of a session.

        Raises:
            ForbiddenError: it is not ours, was changed, or is older than ``max_age_seconds``.
        """
        try:
            return dict(self._sessions.loads(session, max_age=max_age_seconds))
        except (itsdangerous.BadData, TypeError, ValueError) as error:
            raise ForbiddenError("bad_session", "the session is over; sign in again") from error


class Cipher:
    """Encrypts what has to be read again, for one use: of another's nothing can be read.

    Args:
        keys: secrets, newest first; at least one. The first encrypts, every one decrypts.
        use: what for, in a few words that stay as they are.
    """

    def __init__(self, keys: Sequence[str], use: str) -> None:
        self._fernet = MultiFernet([Fernet(_fernet_key(key, use)) for key in keys])

    def encrypt(self, text: str, at: dt.datetime) -> str:
        """``text`` as one that is safe in an address, with the moment ``at``, which can be read."""
        return self._fernet.encrypt_at_time(text.encode(), int(at.timestamp())).decode("ascii")

    def decrypt(self, encrypted: str, at: dt.datetime | None = None, *, seconds: int = 0) -> str:
        """The text again. ``at``: it counts only for ``seconds`` after it was encrypted.

        Raises:
            ForbiddenError: it is not ours, was changed, is of a key that was dropped, or is over.
        """
        try:
            token = encrypted.encode()
            if at is None:
                return self._fernet.decrypt(token).decode()
            return self._fernet.decrypt_at_time(token, seconds, int(at.timestamp())).decode()
        except (InvalidToken, ValueError) as error:
            raise ForbiddenError(
                "unreadable", "the value is over, or not one of ours; expected it unchanged"
            ) from error

    def again(self, encrypted: str) -> str:
        """The same text under the newest key.

        Raises:
            ForbiddenError: it cannot be read.
        """
        try:
            return self._fernet.rotate(encrypted.encode()).decode("ascii")
        except (InvalidToken, ValueError) as error:
            raise ForbiddenError("unreadable", "the value is of none of the keys") from error


def _fernet_key(secret: str, use: str) -> bytes:
    hkdf = HKDF(SHA256(), 32, salt=None, info=f"pixelgate.{use}".encode())
    return base64.urlsafe_b64encode(hkdf.derive(secret.encode()))


def _text(token: str | bytes) -> str:
    return token.decode("ascii") if isinstance(token, bytes) else token
