"""The command ``consent``. A user's mistake exits with 2, a failure with 1, both in one line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from consent import __version__
from consent.cli import (
    activity,
    check,
    copies,
    experiment,
    explain,
    geo,
    group,
    handout,
    ledger,
    receipt,
    removal,
    rules,
    scan,
    schedule,
    serve,
    store,
    token,
    user,
    versions,
)
from consent.errors import ConsentError, LedgerError, UnavailableError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="consent")
def consent() -> None:
    """Pixelgate: releases a store's registered pixels only after consent, and proves it."""


for command in (
    *(serve.demo, serve.serve, serve.migrate, check.check),
    *(
        store.store,
        experiment.experiment,
        group.group,
        scan.scan,
        user.user,
        token.token,
        activity.activity,
        ledger.ledger,
        receipt.receipt,
        explain.explain,
        geo.geo,
    ),
):
    consent.add_command(command)


ledger.ledger.add_command(handout.export_)
ledger.ledger.add_command(handout.evidence_)
ledger.ledger.add_command(copies.backup_)
ledger.ledger.add_command(removal.erase_)
ledger.ledger.add_command(removal.retain_)
for command in (
    *(rules.allow, rules.looser, versions.versions, versions.diff, versions.rollback),
    *(schedule.list_, schedule.cancel),
):
    store.store.add_command(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs one command and ends the process. ``arguments`` None means those of the process."""
    try:
        sys.exit(consent.main(arguments, prog_name="consent", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        _fail(error.format_message(), 2)
    except click.Abort:
        _fail("stopped", 1)
    except (LedgerError, UnavailableError) as error:
        _fail(str(error), 1)
    except ConsentError as error:
        _fail(str(error), 2)
    except OSError as error:
        _fail(str(error), 1)


def _fail(message: str, status: int) -> NoReturn:
    for line in message.splitlines() or [""]:
        click.echo(f"consent: {line}", err=True)
    sys.exit(status)
