"""``consent check``: the settings and every data file, with all faults at once."""

from __future__ import annotations

from collections.abc import Callable, Sized
from typing import TypeVar

import click

from consent import settings
from consent.campaign import Campaign
from consent.cli import parts
from consent.embeds import Embeds
from consent.errors import DataError, DataErrors, SettingsError
from consent.platforms import Platforms
from consent.regions import Regions
from consent.scan.others import Others
from consent.texts import Texts

T = TypeVar("T")


@click.command()
def check() -> None:
    """Check the settings and every data file. Each fault is a line: FILE: KEY: FAULT."""
    faults: list[str] = []

    def attempt(load: Callable[[], T]) -> T | None:
        try:
            return load()
        except DataErrors as errors:
            faults.extend(str(fault) for fault in errors.faults)
        except SettingsError as error:
            faults.extend(error.faults)
        except DataError as error:
            faults.append(str(error))
        return None

    chosen = attempt(settings.load)
    regions = attempt(Regions.load)
    platforms = attempt(Platforms.load)
    embeds = attempt(Embeds.load)
    campaign = attempt(Campaign.load)
    others = attempt(Others.load)
    texts = attempt(Texts.load)
    if chosen is not None:
        geo = attempt(lambda: parts.geo(chosen))
        if geo is not None:
            geo.close()
    if faults:
        for fault in faults:
            click.echo(fault, err=True)
        raise click.exceptions.Exit(2)
    counts = (
        (regions.ids if regions else (), "regimes"),
        (platforms or (), "platforms"),
        (embeds or (), "embeds"),
        (campaign or (), "campaign parameters"),
        (others.systems if others else (), "other consent systems"),
        (others.parties if others else (), "third parties"),
        (texts.languages if texts else (), "languages"),
    )
    click.echo(f"ok: {', '.join(_count(things, word) for things, word in counts)}")


def _count(things: Sized, word: str) -> str:
    return f"{len(things)} {word}"
