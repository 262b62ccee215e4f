"""Which faults of a driver mean "try again later": those become ``UnavailableError``.

Everything else (a broken constraint, a mistake in a statement) is a fault of ours and passes
through unchanged.

Source: https://www.sqlite.org/rescode.html and
https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy.exc

from consent.errors import UnavailableError

LOST = "the connection was lost"
_SQLITE = {
    sqlite3.SQLITE_BUSY: "locked by another process for too long",
    sqlite3.SQLITE_LOCKED: "locked by another connection",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk does not answer",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_READONLY: "the file cannot be written",
    sqlite3.SQLITE_NOMEM: "out of memory",
    sqlite3.SQLITE_PROTOCOL: "locked by other processes",
    sqlite3.SQLITE_CORRUPT: "the file is damaged",
    sqlite3.SQLITE_NOTADB: "the file is not a database",
}

_POSTGRESQL = {
    "08": LOST,
    "25006": "the server is read-only",
    "28": "the server does not let this user in",
    "3D": "there is no such database",
    "40": "other transactions were in the way",
    "53": "the server is out of space, memory or connections",
    "55P03": "locked by another session",
    "57": "the server is shutting down or cancelled the statement",
    "58": "the server's disk does not answer",
}

NO_TABLES = "no tables yet: run consent migrate"
NO_FOLDER = "no such folder"
NO_FILE = "no such file"


def reason(error: BaseException) -> str | None:
    """Why storage is unavailable in words for people; None when ``error`` means something else."""
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return "every connection is in use"
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        found = _driver_reason(error.orig) or _driver_reason(error.orig and error.orig.__cause__)
        return found or (LOST if error.connection_invalidated else None)
    return _driver_reason(error)


def outlives_its_cause(error: BaseException) -> bool:
    """Whether SQLite goes on failing so, in this process, when the file is in order again.

    A process that opened the file while it could not be written shares a read-only log among all
    its connections until the last of them is closed.
    """
    cause = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    return code is not None and (code & 0xFF) in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR)


def is_lost(error: Exception, *, closed: bool) -> bool:
    """Whether a connection of asyncpg is of no use after ``error``; ``closed``: it says so."""
    import asyncpg

    # Raised where the server hung up between two statements.
    if isinstance(error, asyncpg.InternalClientError):
        return True
    return isinstance(error, asyncpg.InterfaceError) and closed


def _driver_reason(error: BaseException | None) -> str | None:
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and (code & 0xFF) in _SQLITE:
            return _SQLITE[code & 0xFF]
        return NO_TABLES if "no such table" in str(error) else None
    if isinstance(error, FileNotFoundError) and error.strerror == NO_FOLDER:
        return f"{NO_FOLDER}, so {NO_TABLES}"
    if isinstance(error, FileNotFoundError) and error.strerror == NO_FILE:
        return NO_TABLES
    if isinstance(error, OSError):  # a TimeoutError is one
        return f"not reachable ({error.strerror or type(error).__name__})"
    state = getattr(error, "sqlstate", None)
    if not isinstance(state, str):
        return None
    if state == "42P01":
        return NO_TABLES
    return _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])


@contextmanager
def translated() -> Iterator[None]:
    """Turns the faults named above into ``UnavailableError``; the cause is kept."""
    try:
        yield
    except Exception as error:
        why = reason(error)
        if why is None:
            raise
        if not why.endswith(NO_TABLES):
            why = f"{why}; expected a database that answers"
        raise UnavailableError(f"database: {why}") from error
