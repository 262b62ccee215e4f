"""``consent ledger``: sealing and proving what was decided."""

from __future__ import annotations

import click

from consent import settings
from consent.cli import parts
from consent.database import Database
from consent.proof import Sealer, origin_of
from consent.signing import log_key
from consent.web.app import utcnow


@click.group()
def ledger() -> None:
    """Seal, prove and verify the ledger of decisions."""


@ledger.command()
def seal() -> None:
    """Seal every record now. The running service does so each second by itself."""
    chosen = settings.load()
    key = log_key(chosen.log_keys, chosen.secret_keys)

    async def work(db: Database) -> int:
        return await Sealer(db, key, origin_of(chosen.public_url), utcnow).seal_all()

    click.echo(f"sealed {parts.with_database(work)} records")
