"""``consent user``: who may sign in."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol, cast, get_args

import click
import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from consent import (
    accounts,
    activity,
    invitations,
    people,
    secondfactors,
    settings,
)
from consent.activity import Act
from consent.cli import parts
from consent.clock import utcnow
from consent.database import Database
from consent.errors import ForbiddenError, RefusedError
from consent.model import Grant, Role, User

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

    def made(c: AsyncConnection) -> Awaitable[User]:
        return accounts.add(
            c, email, password_hash, asked.role, store_key, utcnow(), group_key=group_key
        )

    _change(email, made, partial(people.act, "added"))


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
    _change(email, lambda c: accounts.grant(c, email, asked), partial(people.act, "granted"))


@user.command()
@click.argument("email")
@_scoped
def revoke(email: str, role: str, store_key: str | None, group_key: str | None) -> None:
    """Take a role from EMAIL, as `consent user list` names it."""
    asked = Grant(cast(Role, role), store_key, group_key)
    _change(email, lambda c: accounts.revoke(c, email, asked), partial(people.act, "revoked"))


@user.command("list")
@parts.as_json
def list_(json_: bool) -> None:
    """Everyone, the disabled included."""

    async def work(db: Database) -> list[User]:
        async with db.read() as connection:
            return await accounts.all_users(connection)

    found = parts.with_database(work)
    if json_:
        names = ("email", "grants", "created_at", "disabled_at", "second_factor")
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
    _change(email, lambda c: accounts.disable(c, email, utcnow()), partial(people.act, "disabled"))


@user.command()
@click.argument("email")
def enable(email: str) -> None:
    """Let a disabled EMAIL sign in again, with the password as it was."""
    _change(email, lambda c: accounts.enable(c, email), partial(people.act, "enabled"))


@user.command()
@click.argument("email")
@_from_stdin
def password(email: str, password_stdin: bool) -> None:
    """Give EMAIL a new password, and the right to sign in if disabled; open sessions end."""
    password_hash = _new_password(from_stdin=password_stdin)

    def noted(before: User | None, after: User) -> Act:
        return Act("password", None, after.email)

    _change(email, lambda c: accounts.set_password(c, email, password_hash), noted)


@user.command("reset-second-factor")
@click.argument("email")
def reset_second_factor(email: str) -> None:
    """Take the second factor from EMAIL, who has lost it; open sessions end."""
    _take(email, people.reset_second_factor)


@user.command()
@click.argument("email")
def unlink(email: str) -> None:
    """Take from EMAIL the link with an OpenID provider; open sessions end."""
    _take(email, people.unlink)


@user.command("encrypt-again")
def encrypt_again() -> None:
    """Encrypt all that second factors need under the newest key, so that older ones can go."""
    cipher = secondfactors.cipher(settings.load().secret_keys)

    async def work(db: Database) -> list[str]:
        lost = []
        async with db.write() as c:
            found = await secondfactors.all_secrets(c)
            for user_id, secret in found:
                try:
                    await secondfactors.replace_secret(c, user_id, secret, cipher.again(secret))
                except ForbiddenError:
                    one = await accounts.by_id(c, user_id)
                    lost.append(one.email if one else str(user_id))
        click.echo(f"{len(found) - len(lost)} under the newest key")
        return lost

    lost = parts.with_database(work)
    if lost:
        who = ", ".join(lost)
        raise RefusedError("lost_secret", f"of keys that are not there: {who}; reset them")


def _change(
    email: str,
    change: Callable[[AsyncConnection], Awaitable[User]],
    noted: Callable[[User | None, User], Act],
) -> None:
    """Changes the user and notes it, both or neither; then says how they stand.

    ``noted``: the act, of the user before and after.
    """

    async def both(db: Database) -> User:
        async with db.write() as c:
            before = await accounts.by_email(c, email)
            after = await change(c)
            await activity.add(c, noted(before, after), by=None, at=utcnow())
            return after

    click.echo(_line(parts.with_database(both)))


class _Taking(Protocol):
    def __call__(
        self, c: AsyncConnection, user: User, /, *, by: User | None, now: dt.datetime
    ) -> Awaitable[None]: ...


def _take(email: str, taking: _Taking) -> None:
    """Takes something from the user, which notes it; then says how they stand."""

    async def both(db: Database) -> User:
        async with db.write() as c:
            await taking(c, await accounts.known(c, email), by=None, now=utcnow())
            return await accounts.known(c, email)

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
    state += ", second factor" if one.second_factor else ""
    has = [f"{grant.role}\t{grant.where}" for grant in one.grants] or ["no role\t"]
    return "\n".join(f"{one.email}\t{each}\t{state}" for each in has)
