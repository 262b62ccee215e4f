"""``consent geo``: where an address is, and the database that says so."""

from __future__ import annotations

import click

from consent import data, settings
from consent.cli import parts
from consent.clock import utcnow
from consent.geo import update as fetching
from consent.geo.placefile import PlaceFile
from consent.settings import Settings


@click.group()
def geo() -> None:
    """Where an address is, and the database that says so."""


@geo.command()
@click.argument("ip")
@parts.as_json
def lookup(ip: str, json_: bool) -> None:
    """The place of IP, and how it was found."""
    parts.check_address("IP", ip)
    finder = parts.geo(settings.load())
    try:
        place = finder.lookup(ip)
    finally:
        finder.close()
    if json_:
        parts.echo_json(place)
    else:
        click.echo(f"{place.code or 'unknown'} (source: {place.source})")


@geo.command()
@parts.as_json
def update(json_: bool) -> None:
    """Fetch the newest place database: DB-IP Lite City, or GeoLite2 City with a MaxMind account.

    It goes to CONSENT_GEOIP_DB, or to var/places.mmdb, where the service finds it. A running
    service takes it within seconds. On any failure the old one stays.
    """
    chosen = settings.load()
    target, least = chosen.geoip_db or chosen.fetched_places, None
    if chosen.geoip_db is None:
        least = PlaceFile(data.folder("data") / "places.mmdb", copied=False).built_at
    done = fetching.update(target, _provider(chosen), today=utcnow().date(), newer_than=least)
    if json_:
        parts.echo_json({**_plain(done), "path": str(done.path)})
        return
    said = "updated" if done.updated else "nothing to do"
    built = f"{done.kind} of {done.built_at.date()}, {done.bytes:,} bytes"
    click.echo(f"{said}: {done.path}: {built}; {done.credit}")


def _provider(chosen: Settings) -> fetching.Provider:
    if chosen.maxmind_account:
        return fetching.MaxMind(chosen.maxmind_account, chosen.maxmind_key)
    return fetching.DbIp()


def _plain(done: fetching.Updated) -> dict[str, object]:
    return {name: getattr(done, name) for name in done.__struct_fields__}
