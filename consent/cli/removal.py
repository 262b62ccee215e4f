"""``consent ledger erase`` and ``retain``: what leaves the ledger."""

from __future__ import annotations

import uuid

import click

from consent import settings
from consent.cli import parts
from consent.clock import utcnow
from consent.database import Database
from consent.erase import Eraser
from consent.erasures import Erasure
from consent.proof import Sealer, origin_of
from consent.retain import Due, Retainer
from consent.signing import log_key


@click.command("erase")
@click.option("--store", "store_key", metavar="KEY", required=True)
@click.option("--visitor", type=click.UUID, required=True, help="The random id in the cookie.")
@click.option(
    "--reason",
    required=True,
    help="Who asked, and since when. It is kept for good and told to the visitor: name nobody.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase_(store_key: str, visitor: uuid.UUID, reason: str, yes: bool) -> None:
    """Erase all that a visitor decided in a store. It cannot be taken back."""
    if not yes:
        click.confirm(f"Erase all that {visitor} decided in {store_key}, for good?", abort=True)

    async def work(db: Database) -> Erasure:
        return await _eraser(db).visitor(store_key, visitor, reason, by=None)

    erasure = parts.with_database(work)
    click.echo(f"erased {erasure.n} records (erasure {erasure.id})")


@click.command("retain")
@click.option("--dry-run", is_flag=True, help="Say what is due, and erase nothing.")
@parts.as_json
def retain_(dry_run: bool, json_: bool) -> None:
    """Erase what is older than its store keeps it. The running service does so each hour."""

    async def work(db: Database) -> list[Due]:
        retainer = Retainer(db, _eraser(db), utcnow)
        due = await retainer.due()
        if not dry_run:
            await retainer.erase_due()
        return due

    found = parts.with_database(work)
    if json_:
        parts.echo_json(found)
        return
    for one in found:
        since = f", the oldest of {one.oldest:%Y-%m-%d}" if one.oldest else ""
        what = "due" if dry_run else "were due"
        click.echo(f"{one.store}\tkeeps {one.days} days\t{one.records} records {what}{since}")


def _eraser(db: Database) -> Eraser:
    chosen = settings.load()
    key = log_key(chosen.log_keys, chosen.secret_keys)
    return Eraser(db, Sealer(db, key, origin_of(chosen.public_url), utcnow), key, utcnow)
