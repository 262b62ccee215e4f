"""``consent user``: who may sign in."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import cast, get_args

import click
import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import accounts, activity, invitations, people, settings
from consent.activity import Act
from consent.cli import parts
from consent.database import Database
from consent.model import Grant, Role, User
from consent.web.app import utcnow

_from_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input."
)


def _scoped(command: Callable[..., None]) -> Callable[..., None]:
    """The options that name a role and where it holds."""
    for option in (
        click.option("--group", "group_key", metavar="KEY", help="The stores of this group."),
        click.option("--store", "store_key", metavar="KEY", help="This store alone."),
        click.option(
            "--role",
            required=True,
            type=click.Choice(get_args(Role)),
            help="Neither store nor group: for every store.",
        ),
    ):
        command = option(command)
    return command


@click.group()
def user() -> None:
    """Add, list and disable the people who may sign in, and change their roles or passwords."""


@user.command()
@click.argument("email")
@_scoped
@_from_stdin
def add(
    email: str, role: str, store_key: str | None, group_key: str | None, password_stdin: bool
) -> None:
    """Let EMAIL sign in."""
    password_hash = _new_password(from_stdin=password_stdin)
    asked = Grant(cast(Role, role), store_key, group_key)

    async def work(c: AsyncConnection) -> tuple[User, Act]:
        made = await accounts.add(
            c, email, password_hash, asked.role, store_key, utcnow(), group_key=group_key
        )
        return made, people.act("added", None, made)

    _change(work)


@user.command()
@click.argument("email")
@_scoped
def invite(email: str, role: str, store_key: str | None, group_key: str | None) -> None:
    """Make a link by which EMAIL becomes a user: one use, seven days. No mail is sent."""
    asked = Grant(cast(Role, role), store_key, group_key)

    async def work(db: Database) -> str:
        async with db.write() as c:
            secret = await invitations.add(c, email, asked, utcnow())
            await activity.add(c, people.invited(email, asked), by=None, at=utcnow())
            return secret

    click.echo(invitations.link(settings.load().public_url, parts.with_database(work)))


@user.command()
@click.argument("email")
@_scoped
def grant(email: str, role: str, store_key: str | None, group_key: str | None) -> None:
    """Give EMAIL one more role."""
    asked = Grant(cast(Role, role), store_key, group_key)

    async def work(c: AsyncConnection) -> tuple[User, Act]:
        before = await accounts.by_email(c, email)
        after = await accounts.grant(c, email, asked)
        return after, people.act("granted", before, after)

    _change(work)


@user.command()
@click.argument("email")
@_scoped
def revoke(email: str, role: str, store_key: str | None, group_key: str | None) -> None:
    """Take a role from EMAIL, as `consent user list` names it."""
    asked = Grant(cast(Role, role), store_key, group_key)

    async def work(c: AsyncConnection) -> tuple[User, Act]:
        before = await accounts.by_email(c, email)
        after = await accounts.revoke(c, email, asked)
        return after, people.act("revoked", before, after)

    _change(work)


@user.command("list")
@parts.as_json
def list_(json_: bool) -> None:
    """Everyone, the disabled included."""

    async def work(db: Database) -> list[User]:
        async with db.read() as connection:
            return await accounts.all_users(connection)

    found = parts.with_database(work)
    if json_:
        names = ("email", "grants", "created_at", "disabled_at")
        parts.echo_json(
            [msgspec.to_builtins({name: getattr(one, name) for name in names}) for one in found]
        )
        return
    for one in found:
        click.echo(_line(one))


@user.command()
@click.argument("email")
def disable(email: str) -> None:
    """Let EMAIL sign in no more; open sessions end."""

    async def work(c: AsyncConnection) -> tuple[User, Act]:
        before = await accounts.by_email(c, email)
        after = await accounts.disable(c, email, utcnow())
        return after, people.act("disabled", before, after)

    _change(work)


@user.command()
@click.argument("email")
def enable(email: str) -> None:
    """Let a disabled EMAIL sign in again, with the password as it was."""

    async def work(c: AsyncConnection) -> tuple[User, Act]:
        before = await accounts.by_email(c, email)
        after = await accounts.enable(c, email)
        return after, people.act("enabled", before, after)

    _change(work)


@user.command()
@click.argument("email")
@_from_stdin
def password(email: str, password_stdin: bool) -> None:
    """Give EMAIL a new password, and the right to sign in if disabled; open sessions end."""
    password_hash = _new_password(from_stdin=password_stdin)

    async def work(c: AsyncConnection) -> tuple[User, Act]:
        changed = await accounts.set_password(c, email, password_hash)
        return changed, Act("password", None, changed.email)

    _change(work)


def _change(work: Callable[[AsyncConnection], Awaitable[tuple[User, Act]]]) -> None:
    """Does ``work`` and notes it, both or neither; then says how the user stands."""

    async def both(db: Database) -> User:
        async with db.write() as c:
            changed, act = await work(c)
            await activity.add(c, act, by=None, at=utcnow())
            return changed

    click.echo(_line(parts.with_database(both)))


def _new_password(*, from_stdin: bool) -> str:
    """The hash of what the operator types."""
    if from_stdin:
        return accounts.hash_password(sys.stdin.readline().rstrip("\r\n"))
    return accounts.hash_password(
        click.prompt("Password", hide_input=True, confirmation_prompt=True)
    )


def _line(one: User) -> str:
    state = "disabled" if one.disabled_at else "active"
    has = [f"{grant.role}\t{grant.where}" for grant in one.grants] or ["no role\t"]
    return "\n".join(f"{one.email}\t{each}\t{state}" for each in has)
