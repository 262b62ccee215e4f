"""Whether the SQLite files that are open are still the ones at their path.

SQLite goes on writing into a file that was deleted or replaced while it was open, and calls every
commit durable. So who writes compares what was opened with what the path leads to.

The log and the shared memory beside the database count too: whoever lost one of them shares
neither commits nor locks with the next process. As long as the files are open, no other file can
get their inode numbers.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import structlog

from consent.database import faults

_Identity = tuple[int, int]

_log = structlog.get_logger("database")


class Files:
    """The database file at ``path``, its write-ahead log and its shared memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._main: _Identity | None = None
        self._beside: dict[Path, _Identity | None] = {}

    def opening(self) -> None:
        """Called before a connection is opened, which must not make a new file.

        Raises:
            FileNotFoundError: the file is not there, or not even its folder.
        """
        if not self.path.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, faults.NO_FOLDER, str(self.path.parent))
        main = _identity(self.path)
        if main is None:
            raise FileNotFoundError(errno.ENOENT, faults.NO_FILE, str(self.path))
        if self._main is None:
            self._main = main

    def opened(self) -> None:
        """Called when a connection has been opened: now the log is there, too."""
        if not self._beside:
            real = self.path.resolve()
            beside = [real.with_name(real.name + ending) for ending in ("-wal", "-shm")]
            self._beside = {path: _identity(path) for path in beside}

    def are_in_place(self) -> bool:
        """Whether the path leads to what is open; True when nothing is. Costs three stats."""
        if self._main is None:
            return True
        if _identity(self.path) != self._main:
            return False
        for path, kept in self._beside.items():
            found = _identity(path)
            if kept is None:
                self._beside[path] = found  # an empty database gets them with its first table
            elif found != kept:
                return False
        return True

    def are_gone(self) -> bool:
        """Whether no database is at the path."""
        return _identity(self.path) is None

    def set_leftovers_aside(self) -> None:
        """Keeps SQLite from replaying the open file's log into another file at its path.

        The log is renamed, not removed: it may hold the only copy of its last commits.
        """
        if _identity(self.path) == self._main:
            return
        for path, kept in self._beside.items():
            if kept is None or _identity(path) != kept:
                continue
            if path.name.endswith("-wal") and path.stat().st_size:
                aside = path.with_name(f"{path.name}.{kept[1]}")
                path.rename(aside)
                _log.warning("log of a replaced database set aside", file=aside.name)
            else:
                path.unlink()

    def forget(self) -> None:
        """Called when every connection has been closed: the next one opens what is there then."""
        self._main = None
        self._beside = {}


def _identity(path: Path) -> _Identity | None:
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino
