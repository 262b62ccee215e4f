"""What several commands need: the settings, the database for one call, the data files, output."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

import click
import msgspec

from consent import database, settings
from consent.database import Database
from consent.platforms import Platforms
from consent.regions import Regions
from consent.texts import Texts

T = TypeVar("T")

as_json = click.option("--json", "json_", is_flag=True, help="Answer as JSON.")


class Files(NamedTuple):
    """The data files that decide what a store may be."""

    platforms: Platforms
    regions: Regions
    texts: Texts


def files() -> Files:
    """The data files.

    Raises:
        DataError: one of them is wrong.
    """
    return Files(Platforms.load(), Regions.load(), Texts.load())


def with_database(work: Callable[[Database], Awaitable[T]]) -> T:
    """What ``work`` gives, run with the database of the settings.

    Raises:
        UnavailableError: it does not answer, or was not migrated.
    """

    async def run() -> T:
        db = database.connect(settings.load().database_url)
        try:
            await db.check()
            return await work(db)
        finally:
            await db.close()

    return asyncio.run(run())


def echo_json(content: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(content), indent=2).decode())
