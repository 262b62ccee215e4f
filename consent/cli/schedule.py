"""``consent store publish --at``, ``schedules`` and ``cancel``: versions at a set time."""

from __future__ import annotations

import click

from consent import bulk, schedules, stores
from consent import schedule as scheduling
from consent.cli import parts
from consent.clock import utcnow
from consent.database import Database
from consent.schedules import Schedule


def at(key: str, text: str, zone: str, known: parts.Files) -> Schedule:
    """Schedules the draft of the store ``key``.

    Raises:
        RefusedError: see ``schedule.moment`` and ``schedule.make``.
    """
    due = scheduling.moment(text, zone, utcnow())

    async def work(db: Database) -> Schedule:
        return await scheduling.make(db, key, due, zone, bulk.Files(*known), now=utcnow)

    return parts.with_database(work)


@click.command("schedules")
@click.argument("key")
@parts.as_json
def list_(key: str, json_: bool) -> None:
    """What of a store waits for its time, and what became of earlier ones."""

    async def work(db: Database) -> list[Schedule]:
        async with db.read() as c:
            await stores.draft(c, key)
            return await schedules.of_store(c, key)

    found = parts.with_database(work)
    if json_:
        parts.echo_json(found)
        return
    for one in found:
        click.echo(f"{one.id}\t{one.due_at:%Y-%m-%d %H:%M} UTC\t{said(one)}\t{one.sha256}")


@click.command()
@click.argument("key")
@click.argument("id_", metavar="ID", type=click.IntRange(1, 2**31 - 1))
def cancel(key: str, id_: int) -> None:
    """Take back what waits as ID; `consent store schedules` shows the ids."""

    async def work(db: Database) -> Schedule:
        return await scheduling.cancel(db, key, id_, now=utcnow)

    found = parts.with_database(work)
    click.echo(f"{key}: {id_} is cancelled; it was due {found.due_at:%Y-%m-%d %H:%M} UTC")


def said(one: Schedule) -> str:
    if one.state == "published":
        return f"published as version {one.number}"
    return f"refused ({one.fault}): {one.why}" if one.state == "refused" else one.state
