"""The command ``consent``. A user's mistake exits with 2, a failure with 1, both in one line."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from consent import __version__
from consent.errors import ConsentError, LedgerError, UnavailableError

COMMANDS = {
    "activity": ("activity:activity",),
    "check": ("check:check",),
    "demo": ("serve:demo",),
    "experiment": ("experiment:experiment",),
    "explain": ("explain:explain",),
    "geo": ("geo:geo",),
    "group": ("group:group",),
    "ledger": (
        *("ledger:ledger", "handout:export_", "handout:evidence_", "copies:backup_"),
        *("removal:erase_", "removal:retain_"),
    ),
    "migrate": ("serve:migrate",),
    "receipt": ("receipt:receipt",),
    "scan": ("scan:scan",),
    "serve": ("serve:serve",),
    "store": (
        *("store:store", "rules:allow", "rules:looser", "versions:versions", "versions:diff"),
        *("versions:rollback", "schedule:list_", "schedule:cancel"),
    ),
    "token": ("token:token",),
    "user": ("user:user",),
}
"""Where each command is made, and what is added to it. Only the one that is asked for is imported:
all of them take a second.
"""


class Commands(click.Group):
    """Those of ``COMMANDS``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        made: list[click.Command] = []
        for where in COMMANDS.get(cmd_name, ()):
            module, _, name = where.partition(":")
            made.append(getattr(importlib.import_module(f"{__name__}.{module}"), name))
        if len(made) > 1 and isinstance(made[0], click.Group):
            for part in made[1:]:
                made[0].add_command(part)
        return made[0] if made else None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="consent")
def consent() -> None:
    """Pixelgate: releases a store's registered pixels only after consent, and proves it."""


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
