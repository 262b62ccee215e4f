"""``consent ledger``: sealing, proving and verifying what was decided."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import click

from consent import audit, erasures, evidence, settings
from consent import ledger as records
from consent.audit import Kept, Report
from consent.cli import parts
from consent.clock import utcnow
from consent.database import Database
from consent.errors import GoneError, NotFoundError
from consent.evidence import ReceiptFile
from consent.notes import Note
from consent.proof import Sealer, origin_of, prover
from consent.record import facts
from consent.signing import Signer, log_key, public_log_keys

_UNSHOWN = (
    "name a banner whose content is not here: a page named one that was never ours, or somebody "
    "removed it"
)
_KEYS = (
    "\ntrusted are the keys of CONSENT_LOG_KEYS and CONSENT_SECRET_KEYS, and those given with --key"
)


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


@ledger.command()
@click.argument("id_", metavar="ID", type=click.UUID)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it there.")
@click.option("--tlog-proof", is_flag=True, help="Only the proof, as C2SP tlog-proof.")
def prove(id_: uuid.UUID, out: Path | None, tlog_proof: bool) -> None:
    """Write the receipt file of the decision ID: the record, and what proves it offline."""
    signer = Signer(settings.load().secret_keys)

    async def work(db: Database) -> ReceiptFile:
        async with db.read() as connection:
            record = await records.get(connection, id_)
            if record is None and (found := await erasures.of_record(connection, id_)):
                erased = f"erased on {found[1].at:%Y-%m-%d}: {found[1].because}"
                raise GoneError("erased", f"ledger: {id_} was {erased}")
            if record is None:
                raise NotFoundError("unknown_decision", f"ledger: no decision has the id {id_}")
            signed = signer.receipt(facts(record))
            return await (await prover(connection, record.seq)).prove(record, signed)

    file = parts.with_database(work)
    content = evidence.tlog_proof(file).encode() if tlog_proof else evidence.write(file)
    if out is None:
        click.echo(content, nl=False)
    else:
        out.write_bytes(content)
        click.echo(f"wrote {out}", err=True)


@ledger.command()
@click.option(
    "--checkpoint",
    "kept",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A checkpoint kept elsewhere, which the ledger has to agree with. May be repeated.",
)
@click.option("--key", "keys", multiple=True, help=parts.KEY_HELP)
@parts.as_json
def verify(kept: Sequence[Path], keys: Sequence[str], json_: bool) -> None:
    """Verify every record, from the first to the last. Exits with 1 when something is wrong.

    The log's keys are those of the settings and of --key. The database names keys too, but whoever
    can write to it could name his own.
    """
    known, chosen = parts.vkeys(keys), settings.load()
    own = public_log_keys(chosen.log_keys, chosen.secret_keys)
    trusted = own | {key.public for key in known}
    checkpoints = [Kept(Note.parse(parts.text_of(path)), known) for path in kept]

    async def work(db: Database) -> Report:
        return await audit.verify(db, kept=checkpoints, trusted=trusted, progress=_progress)

    report = parts.with_database(work)
    if json_:
        parts.echo_json(report)
    else:
        click.echo(_words(report, len(checkpoints)))
    if report.fault is not None:
        sys.exit(1)


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{done:,} of {of:,} records", nl=done == of, err=True)
    elif done == of or done % (100 * audit.CHUNK_RECORDS) == 0:
        click.echo(f"{done:,} of {of:,} records", err=True)


def _words(report: Report, kept: int) -> str:
    if report.fault is not None:
        advice = _KEYS if report.fault.endswith("trusted") else ""
        return f"NOT VERIFIED: {report.fault}\n{report.records} records before it hold{advice}"
    if report.checkpoints == 0:
        return f"{report.records} records are in order; none is sealed yet"
    against = f" and {kept} kept elsewhere" if kept else ""
    waiting = report.records - report.sealed
    return (
        f"verified: {report.sealed} records are what was sealed in {report.origin}, under "
        f"{report.checkpoints} checkpoints{against}; root {report.root}"
        + (f"\n{report.erased} of them were erased, each by a signed erasure" * bool(report.erased))
        + (f"\n{report.unshown} of them {_UNSHOWN}" * bool(report.unshown))
        + (f"\n{waiting} records are in order, and not sealed yet" if waiting else "")
        + ("" if kept else "\nnot compared with a checkpoint kept elsewhere (--checkpoint)")
    )
