"""``consent store``: a store as one TOML file, so that its configuration can live in git."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import click
import msgspec

from consent import bulk, data, drafts, listed, settings, storefile, stores
from consent import csp as policies
from consent import defaults as defaulting
from consent import publish as publishing
from consent import review as reviewing
from consent.cli import parts, schedule
from consent.clock import utcnow
from consent.compose import Composer
from consent.database import Database
from consent.errors import DataError, DataErrors, NotFoundError, RefusedError
from consent.model import Pixel, StoreConfig, Version
from consent.platforms import Platforms, custom
from consent.regions import Regions


@click.group()
def store() -> None:
    """List, read, change and publish stores."""


@store.command("list")
@parts.as_json
def list_(json_: bool) -> None:
    """Every store, with its published version."""

    async def work(db: Database) -> list[stores.StoreSummary]:
        async with db.read() as connection:
            return await stores.all_stores(connection)

    found = parts.with_database(work)
    if json_:
        parts.echo_json(found)
        return
    for one in found:
        state = f"version {one.published}" if one.published else "not published"
        click.echo(f"{one.key}\t{one.name}\t{state}{', changed since' if one.changed else ''}")


@store.command()
@click.argument("key")
@parts.as_json
def show(key: str, json_: bool) -> None:
    """One store: what is published, and the draft."""

    async def work(db: Database) -> tuple[StoreConfig, Version | None]:
        async with db.read() as connection:
            return await stores.draft(connection, key), await stores.current(connection, key)

    draft, version = parts.with_database(work)
    if json_:
        published = version and {
            "number": version.number,
            "sha256": version.sha256,
            "published_at": version.published_at,
            "asks_since": version.asks_since,
        }
        parts.echo_json({"published": published, "draft": msgspec.to_builtins(draft)})
        return
    if version is None:
        click.echo("# not published")
    else:
        same = "as below" if version.own == draft else "differs from the draft below"
        click.echo(f"# version {version.number}, {version.published_at:%Y-%m-%d %H:%M} UTC, {same}")
        click.echo(f"# sha256 {version.sha256}")
    click.echo(storefile.to_toml(draft), nl=False)


@store.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--publish", "publish_", is_flag=True, help="Publish it as well.")
def import_(file: Path, publish_: bool) -> None:
    """Create a store from FILE, or replace its draft. A file with faults changes nothing.

    One that only waits for the review of its own pixels is kept as the draft, also with --publish.
    """
    config = storefile.parse(data.read_text(file, name=file.name), file.name)
    known = parts.files()

    async def work(db: Database) -> Version | None:
        async with db.write() as connection:
            files = bulk.Files(*known)
            faults = await drafts.faults(connection, config, files, on=utcnow().date())
            if faults:
                raise DataErrors([DataError(file.name, *parts.split(fault)) for fault in faults])
            await drafts.save(connection, config, by=None, at=utcnow())
        if not publish_:
            return None
        try:
            return await publishing.publish(db, config.key, **known._asdict(), now=utcnow)
        except RefusedError as error:
            raise RefusedError(error.code, f"saved, not published: {error.detail}") from error

    version = parts.with_database(work)
    click.echo(f"{config.key}: {_said(version) if version else 'saved, not published'}")
    _note(config, known)


@store.command()
@click.argument("key")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file instead of stdout.")
def export(key: str, output: Path | None) -> None:
    """The draft of a store as TOML; ``import`` reads it back."""

    async def work(db: Database) -> StoreConfig:
        async with db.read() as connection:
            return await stores.draft(connection, key)

    parts.write(storefile.to_toml(parts.with_database(work)), output)


@store.command()
@click.argument("key")
@click.option("--at", metavar="TIME", help="When, such as '2026-12-01 09:00'; else now.")
@click.option("--zone", default="UTC", show_default=True, help="Where clocks show that time.")
def publish(key: str, at: str | None, zone: str) -> None:
    """Make the draft the next version, live within a second; or at a set time, as it is now."""
    known = parts.files()
    if at is not None:
        made = schedule.at(key, at, zone, known)
        click.echo(
            f"{key}: {made.id} is due {made.due_at:%Y-%m-%d %H:%M} UTC, sha256 {made.sha256}"
        )
        return

    async def work(db: Database) -> Version:
        return await publishing.publish(db, key, **known._asdict(), now=utcnow)

    version = parts.with_database(work)
    click.echo(f"{key}: {_said(version)}")
    _note(version.config, known)


@store.command()
@click.argument("key")
@click.argument("id_", metavar="ID")
@click.option("--by", required=True, help="e-mail address of the owner or the lawyer who looked")
@click.option("--yes", is_flag=True, help="do not ask")
def review(key: str, id_: str, by: str, yes: bool) -> None:
    """Say that someone has looked at the store's own pixel ID, as it is in the draft.

    Without that it cannot be published. Any change to it asks for another look.
    """

    async def look(db: Database) -> Pixel:
        async with db.read() as connection:
            return reviewing.own_pixel(await stores.draft(connection, key), id_)

    pixel = parts.with_database(look)
    click.echo(storefile.pixel_toml(pixel), nl=False)
    if not yes:
        click.confirm(f"Has {by} looked at it, and may visitors' browsers run it?", abort=True)
    seen = custom.digest(pixel)

    async def note(db: Database) -> None:
        async with db.write() as connection:
            await reviewing.note(connection, key, id_, seen=seen, by=by, now=utcnow())

    parts.with_database(note)
    click.echo(f"{key}: custom pixel {id_} is reviewed, by {by}")


@store.command()
@click.argument("key")
def snippet(key: str) -> None:
    """What the owner pastes into every page, as the first script of its head."""

    async def work(db: Database) -> StoreConfig:
        async with db.read() as connection:
            return await stores.draft(connection, key)

    config = parts.with_database(work)
    known = parts.files()
    composer = Composer(known.regions, known.platforms, known.texts)
    click.echo(composer.snippet(config.key, settings.load().public_url))


@store.command()
@click.argument("key")
@parts.as_json
def csp(key: str, json_: bool) -> None:
    """The Content-Security-Policy that the store's pages need, a directive a line."""

    async def work(db: Database) -> StoreConfig:
        async with db.read() as connection:
            return await stores.draft(connection, key)

    config = parts.with_database(work)
    platforms = Platforms.load()
    faults = publishing.pixel_faults(config, platforms)
    if said := "; ".join(faults):
        raise RefusedError("unfit", said)
    policy = policies.policy(config, platforms, settings.load().public_url)
    notes = policies.notes(config, platforms)
    if json_:
        parts.echo_json({"policy": policy, "notes": notes})
        return
    for line in policies.lines(policy):
        click.echo(line)
    # Apart from the policy, which may go straight into a file.
    for note in notes:
        click.echo(f"note: {note}", err=True)


@store.command()
@click.argument("key")
def defaults(key: str) -> None:
    """Google's consent defaults by region, for a site that loads Google's tags by itself."""

    async def work(db: Database) -> Version:
        async with db.read() as connection:
            await stores.draft(connection, key)
            version = await stores.current(connection, key)
        if version is None:
            raise NotFoundError("not_published", f"{key!r} is not published; see store publish")
        return version

    version = parts.with_database(work)
    click.echo(defaulting.script(version, Regions.load(), at=utcnow()))


def _said(version: Version) -> str:
    return f"version {version.number} is published, sha256 {version.sha256}"


def _note(config: StoreConfig, known: parts.Files) -> None:
    for note in publishing.notes(config, known.platforms, known.regions, on=utcnow().date()):
        click.echo(f"note: {note}")
    host = urlsplit(settings.load().public_url).hostname or ""
    if said := listed.host_fault(host):
        click.echo(f"note: CONSENT_PUBLIC_URL: {said}")
