"""``consent activity``: who looked at what, handed out what, and changed what."""

from __future__ import annotations

from typing import cast

import click

from consent import activity as log
from consent.activity import ActivityFilter, Noted, What
from consent.cli import parts
from consent.database import Database


@click.group()
def activity() -> None:
    """Read the log of who did what; nothing in it can be changed or removed."""


@activity.command("list")
@click.option("--store", "store_key", metavar="KEY", help="This store alone.")
@click.option("--what", type=click.Choice(log.WHATS))
@click.option("--by", metavar="EMAIL", help="This user alone.")
@click.option("--before", type=int, metavar="ID", help="Older than the one with this id.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@parts.as_json
def list_(
    store_key: str | None,
    what: str | None,
    by: str | None,
    before: int | None,
    limit: int,
    json_: bool,
) -> None:
    """The newest acts, newest first."""
    filter_ = ActivityFilter(
        stores=(store_key,) if store_key else None,
        what=cast(What | None, what),
        email=by.strip().lower() if by else None,
    )

    async def work(db: Database) -> list[Noted]:
        async with db.read() as connection:
            return await log.search(connection, filter_, before=before, limit=limit)

    found = parts.with_database(work)
    if json_:
        parts.echo_json(found)
        return
    for one in found:
        who, about = one.email or "command line", one.store or "all stores"
        click.echo(f"{one.at:%Y-%m-%d %H:%M:%S}\t{who}\t{one.what}\t{about}\t{one.subject}")
