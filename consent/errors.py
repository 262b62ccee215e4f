"""Every error this package raises on purpose, by what the caller can do about it.

::

    ConsentError
    ├── DataError            a shipped or edited data file is wrong: fix the file
    │   └── DataErrors       several of them, reported together
    ├── SettingsError        the environment or the settings file is wrong: fix it
    ├── RefusedError         a visitor or an admin sent something unacceptable (4xx)
    │   ├── NotFoundError    there is no such store, version, decision or user (404)
    │   ├── GoneError        what was there was erased (410)
    │   ├── ForbiddenError   the sender may not do this (403)
    │   ├── TooLargeError    the body is over the limit (413)
    │   ├── ConflictError    the id is taken by other content (409)
    │   └── ThrottledError   too many attempts; carries ``retry_after_seconds`` (429)
    ├── LedgerError          the ledger contradicts itself: nothing is signed; find out why
    └── UnavailableError     storage, or another server, cannot answer now; retry later (503)

A message has the form ``<where>: <what was found>; <what is accepted>``: one line, lower case,
no full stop. HTTP statuses are given in ``consent.web.errors`` alone.
"""

from __future__ import annotations

from collections.abc import Sequence


class ConsentError(Exception):
    """The root of the tree. Raise one of the classes below it."""


class DataError(ConsentError):
    """A data file is wrong. ``str()`` gives ``file: key: fault``.

    Args:
        file: the file's name as its editor knows it, such as ``regimes/us-ca.toml``.
        key: the dotted key, or an empty string when the whole file is meant.
        fault: what was found; what is accepted.
    """

    def __init__(self, file: str, key: str, fault: str) -> None:
        super().__init__(f"{file}: {key}: {fault}" if key else f"{file}: {fault}")
        self.file = file
        self.key = key
        self.fault = fault


class DataErrors(DataError):
    """All the faults found in one reading, so that an editor mends them in one go."""

    def __init__(self, faults: Sequence[DataError]) -> None:
        first = faults[0]
        super().__init__(first.file, first.key, first.fault)
        self.faults = tuple(faults)
        self.args = ("\n".join(str(fault) for fault in faults),)


class SettingsError(ConsentError):
    """The environment, the settings file or an option says what cannot be; one line for each.

    Args:
        faults: each as ``name: what was found; what is accepted``.
    """

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class RefusedError(ConsentError):
    """Input that is refused; nothing was changed.

    Args:
        code: a stable word for programs, such as ``unknown_purpose``.
        detail: a sentence for people: what was found; what is accepted.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class NotFoundError(RefusedError):
    """There is no such thing, or the sender may not know that there is."""


class GoneError(RefusedError):
    """It was there, and was erased."""


class ForbiddenError(RefusedError):
    """The sender is known or knowable and may not do this."""


class TooLargeError(RefusedError):
    """The body is larger than the endpoint takes."""


class ConflictError(RefusedError):
    """The id was used before, with other content."""


class ThrottledError(RefusedError):
    """Too many attempts. ``retry_after_seconds`` says when the next one counts."""

    def __init__(self, code: str, detail: str, *, retry_after_seconds: int) -> None:
        super().__init__(code, detail)
        self.retry_after_seconds = retry_after_seconds


class LedgerError(ConsentError):
    """The ledger or its tree is not what was sealed: a row is missing, changed or out of order."""


class UnavailableError(ConsentError):
    """Storage did not take a write or answer a read, or another server that was asked something
    failed to answer; the caller may try again.
    """
