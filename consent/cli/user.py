"""``consent user``: who may sign in."""

from __future__ import annotations

import sys
from typing import cast, get_args

import click

from consent import accounts
from consent.cli import parts
from consent.database import Database
from consent.model import Role, User
from consent.web.app import utcnow

_from_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input."
)


@click.group()
def user() -> None:
    """Add, list and disable the people who may sign in, or change their passwords."""


@user.command()
@click.argument("email")
@click.option("--role", required=True, type=click.Choice(get_args(Role)))
@click.option("--store", "store_key", metavar="KEY", help="This store alone; without it, all.")
@_from_stdin
def add(email: str, role: str, store_key: str | None, password_stdin: bool) -> None:
    """Let EMAIL sign in."""
    password_hash = _new_password(from_stdin=password_stdin)

    async def work(db: Database) -> User:
        async with db.write() as connection:
            return await accounts.add(
                connection, email, password_hash, cast(Role, role), store_key, utcnow()
            )

    click.echo(_line(parts.with_database(work)))


@user.command("list")
@parts.as_json
def list_(json_: bool) -> None:
    """Everyone, the disabled included."""

    async def work(db: Database) -> list[User]:
        async with db.read() as connection:
            return await accounts.all_users(connection)

    found = parts.with_database(work)
    if json_:
        names = ("email", "role", "store", "created_at", "disabled_at")
        parts.echo_json([{name: getattr(one, name) for name in names} for one in found])
        return
    for one in found:
        click.echo(_line(one))


@user.command()
@click.argument("email")
def disable(email: str) -> None:
    """Let EMAIL sign in no more; open sessions end."""

    async def work(db: Database) -> None:
        async with db.write() as connection:
            await accounts.disable(connection, email, utcnow())

    parts.with_database(work)
    click.echo(f"{email}\tdisabled")


@user.command()
@click.argument("email")
@_from_stdin
def password(email: str, password_stdin: bool) -> None:
    """Give EMAIL a new password, and the right to sign in if disabled; open sessions end."""
    password_hash = _new_password(from_stdin=password_stdin)

    async def work(db: Database) -> User:
        async with db.write() as connection:
            return await accounts.set_password(connection, email, password_hash)

    click.echo(_line(parts.with_database(work)))


def _new_password(*, from_stdin: bool) -> str:
    """The hash of what the operator types."""
    if from_stdin:
        return accounts.hash_password(sys.stdin.readline().rstrip("\r\n"))
    return accounts.hash_password(
        click.prompt("Password", hide_input=True, confirmation_prompt=True)
    )


def _line(one: User) -> str:
    state = "disabled" if one.disabled_at else "active"
    return f"{one.email}\t{one.role}\t{one.store or 'every store'}\t{state}"
