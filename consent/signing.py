"""The only importer of itsdangerous. One salt for each use, so that no token serves two.

Keys rotate: the first of the list signs, every one of them verifies. Drop a key only when nothing
signed with it has to be read any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import itsdangerous
import msgspec

from consent.errors import ForbiddenError


class _Receipts(itsdangerous.URLSafeSerializer):
    """Receipts are short: trying to compress each one costs more time than its whole signature.

    Those that were compressed are still read.
    """

    def dump_payload(self, obj: Any) -> bytes:
        return itsdangerous.base64_encode(msgspec.json.encode(obj))


class Signer:
    """Makes and reads receipts and sessions.

    Args:
        keys: secrets, newest first; at least one.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        oldest_first = list(reversed(keys))
        self._receipts = _Receipts(oldest_first, salt="pixelgate.receipt")
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


def _text(token: str | bytes) -> str:
    return token.decode("ascii") if isinstance(token, bytes) else token
