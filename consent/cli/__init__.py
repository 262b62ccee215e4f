"""The command ``consent``. A user's mistake exits with 2, a failure with 1, both in one line."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

import click

from consent import __version__
from consent.errors import ConsentError, LedgerError, UnavailableError


class Made(NamedTuple):
    """What the list of commands says of one, where it is made, and what is added to it."""

    summary: str
    parts: tuple[str, ...]


COMMANDS = {
    "activity": Made(
        "Read the log of who did what; nothing in it can be changed or removed.",
        ("activity:activity",),
    ),
    "check": Made("Check the settings and every data file.", ("check:check",)),
    "demo": Made("Serve a demo shop and this service until Ctrl-C.", ("serve:demo",)),
    "experiment": Made("Variants of a banner, compared.", ("experiment:experiment",)),
    "explain": Made(
        "Which regime applies to a new visitor, why, under which law, and what may run.",
        ("explain:explain",),
    ),
    "geo": Made("Where an address is, and the database that says so.", ("geo:geo",)),
    "group": Made(
        "List, read, change and apply the templates of groups of stores.", ("group:group",)
    ),
    "ledger": Made(
        "Seal, prove and verify the ledger of decisions.",
        (
            *("ledger:ledger", "handout:export_", "handout:evidence_", "copies:backup_"),
            *("removal:erase_", "removal:retain_"),
        ),
    ),
    "migrate": Made("Bring the database's tables to this release.", ("serve:migrate",)),
    "receipt": Made("Verify receipt files.", ("receipt:receipt",)),
    "scan": Made("Look at a page, a file of HTML, or the pages of a sitemap.", ("scan:scan",)),
    "serve": Made(
        "Serve the scripts, the decisions and the admin pages until stopped.", ("serve:serve",)
    ),
    "store": Made(
        "List, read, change and publish stores.",
        (
            *("store:store", "rules:allow", "rules:looser", "versions:versions", "versions:diff"),
            *("versions:rollback", "schedule:list_", "schedule:cancel"),
        ),
    ),
    "token": Made("Add, list and revoke the tokens of the API.", ("token:token",)),
    "user": Made(
        "Add, list and disable the people who may sign in, and change their roles or passwords.",
        ("user:user",),
    ),
}
"""Only the command that is asked for is imported, and for the list of them none: all of them take a
second. A test holds the summaries to what the commands say of themselves.
"""


class Commands(click.Group):
    """Those of ``COMMANDS``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        made: list[click.Command] = []
        gc.disable()  # nothing that is imported is garbage: to look for some takes a tenth longer
        try:
            for where in COMMANDS[cmd_name].parts if cmd_name in COMMANDS else ():
                module, _, name = where.partition(":")
                made.append(getattr(importlib.import_module(f"{__name__}.{module}"), name))
        finally:
            gc.enable()
        if len(made) > 1 and isinstance(made[0], click.Group):
            for part in made[1:]:
                made[0].add_command(part)
        return made[0] if made else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].summary) for name in sorted(COMMANDS)])


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
