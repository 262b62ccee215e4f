"""``consent group``: a template that stores share, as one TOML file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import click

from consent import approve as approving
from consent import bulk, data, drafts, groups, storefile
from consent import publish as publishing
from consent.bulk import Applied
from consent.cli import parts
from consent.clock import utcnow
from consent.database import Database
from consent.errors import DataError, DataErrors
from consent.groups import GroupSummary
from consent.model import Group


@click.group()
def group() -> None:
    """List, read, change and apply the templates of groups of stores."""


@group.command("list")
@parts.as_json
def list_(json_: bool) -> None:
    """Every group, with how many stores are in it."""

    async def work(db: Database) -> list[GroupSummary]:
        async with db.read() as connection:
            return await groups.all_groups(connection)

    found = parts.with_database(work)
    if json_:
        parts.echo_json(found)
        return
    for one in found:
        click.echo(f"{one.key}\t{one.name}\t{one.stores} stores")


@group.command()
@click.argument("key")
def show(key: str) -> None:
    """One group: its stores, and its template."""

    async def work(db: Database) -> tuple[Group, list[str]]:
        async with db.read() as connection:
            return await groups.get(connection, key), await groups.members(connection, key)

    found, members = parts.with_database(work)
    click.echo(f"# {len(members)} stores{': ' if members else ''}{', '.join(members)}")
    click.echo(storefile.group_to_toml(found), nl=False)


@group.command("import")
@click.argument("file", type=click.Path(path_type=Path))
def import_(file: Path) -> None:
    """Create a group from FILE, or replace its template. A file with faults changes nothing.

    Visitors notice nothing before it is applied, or a store of it is published.
    """
    found = storefile.parse_group(data.read_text(file, name=file.name), file.name)
    known = parts.files()
    on = utcnow().date()
    faults = publishing.template_faults(found, known.regions, known.texts, on=on, draft=True)
    if faults:
        raise DataErrors([DataError(file.name, *parts.split(fault)) for fault in faults])

    async def work(db: Database) -> list[str]:
        async with db.write() as connection:
            mine = await drafts.save_template(
                connection, found, bulk.Files(*known), by=None, at=utcnow()
            )
            return publishing.template_faults(mine, known.regions, known.texts, on=on)

    waiting = parts.with_database(work)
    click.echo(f"{found.key}: saved; consent group apply {found.key} --dry-run shows what changes")
    for fault in waiting:
        click.echo(f"note: {fault}")


@group.command()
@click.argument("key")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file instead of stdout.")
def export(key: str, output: Path | None) -> None:
    """The template of a group as TOML; ``import`` reads it back."""

    async def work(db: Database) -> Group:
        async with db.read() as connection:
            return await groups.get(connection, key)

    parts.write(storefile.group_to_toml(parts.with_database(work)), output)


@group.command()
@click.argument("key")
@click.option("--store", "stores_", metavar="KEY", multiple=True, help="Only this one; may repeat.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@parts.as_json
def apply(key: str, stores_: tuple[str, ...], dry_run: bool, json_: bool) -> None:
    """Publish the template in every store of the group, or in those that are named.

    A named store that is in no group joins this one. Stores that are refused are named with the
    reason, and hold up no other; the command then ends with 2.
    """
    known = bulk.Files(*parts.files())

    async def work(db: Database) -> list[Applied]:
        if not dry_run:
            return await bulk.apply(db, key, known, now=utcnow, only=stores_ or None)
        async with db.read() as connection:
            on = utcnow().date()
            return await bulk.preview(connection, key, known, on=on, only=stores_ or None)

    done = parts.with_database(work)
    if json_:
        parts.echo_json([one._asdict() for one in done])
    else:
        for line in _lines(done, dry_run=dry_run):
            click.echo(line)
    if any(one.refused for one in done):
        raise click.exceptions.Exit(2)


@group.command()
@click.argument("key")
@click.argument("place")
@click.option("--by", required=True, help="e-mail address of the lawyer who allows it")
@click.option("--reason", required=True, help="why it may be looser than the law there")
@parts.until
def allow(key: str, place: str, by: str, reason: str, until: dt.datetime | None) -> None:
    """Say that a lawyer allows the template's rule for PLACE, though the law there asks more."""

    async def work(db: Database) -> Group:
        async with db.write() as connection:
            end = until.date() if until else None
            return await approving.allow_template(
                connection, key, place, by=by, reason=reason, until=end, now=utcnow()
            )

    parts.with_database(work)
    click.echo(f"{key}: rule {place} is allowed, by {by}; it holds where the group is applied")


def _lines(done: Sequence[Applied], *, dry_run: bool) -> list[str]:
    """The stores that change alike together, then the others."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for one in done:
        if not one.refused:
            alike.setdefault(tuple(said.said for said in one.told), []).append(one.store)
    lines = []
    for told, those in alike.items():
        word = "stay as they are" if not told else "would change" if dry_run else "are published"
        lines.append(f"{len(those)} {word}: {', '.join(those)}")
        lines += [f"  {said}" for said in told]
    refused = [one for one in done if one.refused]
    if refused:
        lines.append(f"{len(refused)} refused:")
        lines += [f"  {one.store}: {why}" for one in refused for why in one.refused]
    return lines or ["no store is in this group"]
