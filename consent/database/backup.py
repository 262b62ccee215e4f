"""A consistent copy of everything, made while the service runs.

SQLite is copied by its online backup into one file, without holding up a write. PostgreSQL is
dumped by its own ``pg_dump``, of the very snapshot in which the ledger's end was read. Either is
read back in full before it gets its name, so that a file of that name is a whole one.

Sources: https://www.sqlite.org/backup.html and
https://www.postgresql.org/docs/current/app-pgdump.html (``--snapshot``)
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import sqlite3
import subprocess  # nosec B404 # PostgreSQL's own programs, and no shell
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from consent.database import connections, faults, migrations
from consent.database.engine import Database
from consent.errors import SettingsError, UnavailableError

_END = (
    "SELECT max(seq) FROM (SELECT coalesce(max(seq), 0) AS seq FROM decisions "
    "UNION ALL SELECT coalesce(max(seq), 0) FROM erased) AS ends"
)
_NUMBER = "SELECT (SELECT count(*) FROM decisions) + (SELECT count(*) FROM erased)"


class Backup(msgspec.Struct, frozen=True):
    """What a copy holds: the ledger up to the record ``records``, erased ones too, tables at
    ``revision``.
    """

    records: int
    revision: str
    size_bytes: int


async def write(db: Database, url: str, target: Path, *, force: bool = False) -> Backup:
    """Copies the database at ``url`` to ``target``, and reads the copy back.

    Args:
        db: connected to ``url``.
        url: see ``connect``.
        target: a file that is made, readable by its owner alone, and on disk in the end.
        force: replace ``target``.

    Raises:
        SettingsError: ``target`` is there, its folder is not, or PostgreSQL's programs are missing.
        UnavailableError: the database does not answer, the copy failed, or it is not what the
            database holds. Nothing is left behind.
    """
    if target.exists() and not force:
        raise SettingsError(f"{target}: is there already; expected a new name, or --force")
    if not target.parent.is_dir():
        raise SettingsError(f"{target}: no such folder; expected one that is there")
    with _partial(target) as partial:
        if db.dialect == "sqlite":
            made = await asyncio.to_thread(
                _copy, Path(str(connections.parse(url).database)), partial
            )
        else:
            async with db.read() as connection:
                made = await _dump(connection, connections.parse(url), partial)
        _sync(partial)
        partial.replace(target)
    _sync(target.parent)
    return made


@contextlib.contextmanager
def _partial(target: Path) -> Iterator[Path]:
    """A new file beside ``target``, gone at the end unless it was given a name."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _copy(file: Path, partial: Path) -> Backup:
    try:
        with (
            faults.translated(),
            contextlib.closing(
                sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
            ) as source,
            contextlib.closing(sqlite3.connect(partial, isolation_level=None)) as copy,
        ):
            before = int(source.execute(_END).fetchone()[0])
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, with nothing beside it
    except sqlite3.Error as error:
        raise UnavailableError(
            f"backup: {error}; expected room for a copy of {file.name}"
        ) from error
    return look_at(partial, at_least=before)


def look_at(file: Path, *, at_least: int = 0) -> Backup:
    """What the SQLite copy ``file`` holds, every page of it checked.

    Raises:
        UnavailableError: it is damaged, has other tables, or fewer than ``at_least`` records.
    """
    try:
        opened = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        with contextlib.closing(opened) as copy:
            whole = copy.execute("PRAGMA integrity_check").fetchone()[0]
            revision = copy.execute("SELECT version_num FROM alembic_version").fetchone()[0]
            _check_revision(revision)
            end = copy.execute(_END).fetchone()[0]
            number = copy.execute(_NUMBER).fetchone()[0]
    except sqlite3.Error as error:
        raise UnavailableError(f"{file.name}: {error}; expected a copy of the database") from error
    if whole != "ok":
        raise UnavailableError(f"{file.name}: damaged: {whole}; expected a whole copy")
    return _checked(Backup(end, revision, file.stat().st_size), number, at_least)


def _checked(made: Backup, number: int, at_least: int) -> Backup:
    if number != made.records or number < at_least:
        raise UnavailableError(f"backup: {number} records; expected {max(made.records, at_least)}")
    return made


def _check_revision(revision: str) -> None:
    if revision != migrations.newest():
        raise UnavailableError(
            f"backup: tables are at {revision}; expected {migrations.newest()}: run consent migrate"
        )


async def _dump(connection: AsyncConnection, url: URL, partial: Path) -> Backup:
    with _conninfo(url) as address:
        if shutil.which("pg_dump") is None or shutil.which("pg_restore") is None:
            shown = url.set(drivername="postgresql", password=None).render_as_string()
            raise SettingsError(
                "backup: pg_dump or pg_restore was not found; expected PostgreSQL's client "
                f"programs here, or run where they are: pg_dump --format=custom --file=FILE {shown}"
            )
        snapshot = (await connection.exec_driver_sql("SELECT pg_export_snapshot()")).scalar_one()
        end = int((await connection.exec_driver_sql(_END)).scalar_one())
        options = [f"--snapshot={snapshot}", f"--file={partial}", f"--dbname={address}"]
        command = ["pg_dump", "--format=custom", "--no-password", *options]
        await asyncio.to_thread(_run, command)
    return await asyncio.to_thread(_look_at_dump, partial, end)


def _look_at_dump(partial: Path, end: int) -> Backup:
    """Reads the whole dump back; counts the ledger's rows as a restore would write them."""
    revision = next(_rows(partial, "alembic_version"), "none")
    _check_revision(revision)
    number = sum(1 for table in ("decisions", "erased") for _ in _rows(partial, table))
    _run(["pg_restore", "--file=/dev/null", str(partial)])
    return _checked(Backup(end, revision, partial.stat().st_size), number, end)


def _rows(dump: Path, table: str) -> Iterator[str]:
    command = ["pg_restore", "--data-only", f"--table={table}", "--file=-", str(dump)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # nosec B603  # noqa: S603 - no shell
        rows = False
        for line in process.stdout or ():
            if rows and line.startswith("\\."):
                rows = False
            elif rows:
                yield line.rstrip("\n")
            elif re.match(r"COPY .* FROM stdin;$", line):
                rows = True


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # nosec B603  # noqa: S603 - no shell
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UnavailableError(f"backup: {command[0]}: {said}; expected it to end without an error")


@contextlib.contextmanager
def _conninfo(url: URL) -> Iterator[str]:
    """``url`` as PostgreSQL's programs take it, with the password in a file for nobody else."""
    plain = url.set(drivername="postgresql", password=None)
    with tempfile.NamedTemporaryFile("w", prefix="pgpass-") as file:
        if url.password:
            escaped = str(url.password).replace("\\", "\\\\").replace(":", "\\:")
            file.write(f"*:*:*:*:{escaped}\n")
            file.flush()
        ssl = {"sslmode": str(url.query["ssl"])} if "ssl" in url.query else {}
        plain = plain.difference_update_query(["ssl"])
        yield plain.update_query_dict({**ssl, "passfile": file.name}).render_as_string()
