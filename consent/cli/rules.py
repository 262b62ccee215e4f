"""``consent store allow`` and ``looser``: rules that ask less than the law, and who answers."""

from __future__ import annotations

import datetime as dt

import click

from consent import approve as approving
from consent import loosened
from consent.cli import parts
from consent.clock import utcnow
from consent.database import Database
from consent.loosened import Loose


@click.command()
@click.argument("key")
@click.argument("place")
@click.option("--by", required=True, help="e-mail address of the lawyer who allows it")
@click.option("--reason", required=True, help="why it may be looser than the law there")
@parts.until
def allow(key: str, place: str, by: str, reason: str, until: dt.datetime | None) -> None:
    """Say that a lawyer allows the store's rule for PLACE, though the law there asks more.

    Without that it cannot be published. Any change to the rule asks for another word.
    """

    async def work(db: Database) -> None:
        async with db.write() as connection:
            end = until.date() if until else None
            await approving.allow(
                connection, key, place, by=by, reason=reason, until=end, now=utcnow()
            )

    parts.with_database(work)
    click.echo(
        f"{key}: rule {place} is allowed, by {by}; consent store publish {key} makes it hold"
    )


@click.command()
@parts.as_json
def looser(json_: bool) -> None:
    """Every rule that is, will be or was looser than the law, over all stores."""
    known = parts.files()

    async def work(db: Database) -> list[Loose]:
        async with db.read() as connection:
            return await loosened.report(connection, known.regions, on=utcnow().date())

    found = parts.with_database(work)
    if json_:
        parts.echo_json(found)
        return
    for one in found:
        until = f" until {one.until}" if one.until else ""
        held = f", versions {one.versions[0]} to {one.versions[1]}" if one.versions else ""
        click.echo(f"{one.store}\t{one.rule}\t{one.state}{until}{held}")
        for what in one.what:
            click.echo(f"  {what}")
        click.echo(f"  allowed by {one.by} on {one.on}: {one.reason}")
    if not found:
        click.echo("no rule is looser than the law")
