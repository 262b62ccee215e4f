"""``consent ledger backup``: everything in one file, while the service runs."""

from __future__ import annotations

from pathlib import Path

import click

from consent import settings
from consent.cli import parts
from consent.database import Database, backup
from consent.database.backup import Backup


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE.")
def backup_(file: Path, force: bool) -> None:
    """Copy the whole database to FILE while the service runs, and read the copy back.

    SQLite becomes one file that can stand in the place of the first. PostgreSQL becomes a dump in
    pg_dump's custom format; its programs pg_dump and pg_restore have to be here.
    """
    url = settings.load().database_url

    async def work(db: Database) -> Backup:
        return await backup.write(db, url, file, force=force)

    made = parts.with_database(work)
    click.echo(
        f"wrote {file}: {made.records} records, tables at {made.revision}, "
        f"{made.size_bytes / 1_000_000:.1f} MB, read back and whole"
    )
