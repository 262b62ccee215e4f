"""``consent store versions``, ``diff`` and ``rollback``: what was published, and the way back."""

from __future__ import annotations

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import changes, stores
from consent import publish as publishing
from consent.changes import Told
from consent.cli import parts
from consent.clock import utcnow
from consent.database import Database
from consent.errors import NotFoundError
from consent.model import Version


@click.command()
@click.argument("key")
@parts.as_json
def versions(key: str, json_: bool) -> None:
    """Every version of a store, newest first."""

    async def work(db: Database) -> list[Version]:
        async with db.read() as connection:
            await stores.draft(connection, key)
            return await stores.every_version(connection, key)

    found = parts.with_database(work)
    if json_:
        parts.echo_json([_facts(one) for one in found])
        return
    for one in found:
        group = f"\tgroup {one.config.group}" if one.config.group else ""
        click.echo(f"{one.number}\t{one.published_at:%Y-%m-%d %H:%M} UTC\t{one.sha256}{group}")


@click.command()
@click.argument("key")
@click.argument("a", type=int, required=False)
@click.argument("b", type=int, required=False)
@parts.as_json
def diff(key: str, a: int | None, b: int | None, json_: bool) -> None:
    """What differs for visitors from version A to version B.

    Without B: from A to the draft. Without both: from the newest version to the draft, with the
    template of its group as it is now.
    """
    known = parts.files()

    async def work(db: Database) -> list[Told]:
        async with db.read() as connection:
            draft = await stores.drafted(connection, key)
            if a is None:
                before = await stores.current(connection, key)
            else:
                before = await _numbered(connection, key, a)
            after = draft if b is None else await _numbered(connection, key, b)
            return changes.told(before, after, known.regions, on=utcnow().date())

    told = parts.with_database(work)
    if json_:
        parts.echo_json([one._asdict() for one in told])
        return
    for one in told:
        click.echo(one.said)
    if not told:
        click.echo("nothing differs")


@click.command()
@click.argument("key")
@click.argument("number", type=int)
def rollback(key: str, number: int) -> None:
    """Publish what version NUMBER had as the next version, after the checks of today."""
    known = parts.files()

    async def work(db: Database) -> Version:
        return await publishing.roll_back(db, key, number, **known._asdict(), now=utcnow)

    version = parts.with_database(work)
    click.echo(
        f"{key}: version {version.number} is published with what {number} had, "
        f"sha256 {version.sha256}"
    )


async def _numbered(connection: AsyncConnection, key: str, number: int) -> Version:
    found = await stores.version(connection, key, number)
    if found is None:
        raise NotFoundError("unknown_version", f"{key} has no version {number}; see store versions")
    return found


def _facts(version: Version) -> dict[str, object]:
    return {
        "number": version.number,
        "published_at": version.published_at,
        "sha256": version.sha256,
        "asks_since": version.asks_since,
        "group": version.config.group or None,
    }
