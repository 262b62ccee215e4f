"""``consent token``: what programs use the API with."""

from __future__ import annotations

import click

from consent import accounts, activity, tokens
from consent.activity import Act
from consent.cli import parts
from consent.clock import utcnow
from consent.database import Database
from consent.errors import NotFoundError
from consent.model import Token


@click.group()
def token() -> None:
    """Add, list and revoke the tokens of the API."""


@token.command()
@click.argument("email")
@click.option("--name", required=True, help="What it is for.")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(tokens.SCOPES))
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, tokens.MOST_DAYS))
def add(email: str, name: str, scopes: tuple[str, ...], days: int) -> None:
    """Make a token in the name of EMAIL, and tell its secret, this once.

    It is good for its scopes as long as the user's role allows them, in the user's stores alone.
    """

    async def work(db: Database) -> str:
        async with db.write() as connection:
            user = await accounts.by_email(connection, email)
            if user is None or user.disabled_at is not None:
                raise NotFoundError("unknown_user", f"user: {email!r} is not known or is disabled")
            made, secret = await tokens.add(connection, user, name, scopes, days=days, now=utcnow())
            detail = {"name": made.name, "scopes": list(made.scopes), "for": made.email}
            act = Act("token", None, str(made.id), detail)
            await activity.add(connection, act, by=None, at=utcnow())
            return secret

    click.echo(parts.with_database(work))


@token.command("list")
@parts.as_json
def list_(json_: bool) -> None:
    """Every token, the ended ones included; no secrets, which are kept nowhere."""

    async def work(db: Database) -> list[Token]:
        async with db.read() as connection:
            return await tokens.all_tokens(connection)

    found = parts.with_database(work)
    if json_:
        parts.echo_json(found)
        return
    for one in found:
        used = f"used {one.used_on}" if one.used_on else "never used"
        ends = "revoked" if one.revoked_at else f"until {one.expires_at:%Y-%m-%d}"
        click.echo(f"{one.id}\t{one.email}\t{one.name}\t{','.join(one.scopes)}\t{ends}\t{used}")


@token.command()
@click.argument("id_", metavar="ID", type=int)
def revoke(id_: int) -> None:
    """End a token now."""

    async def work(db: Database) -> Token:
        async with db.write() as connection:
            before = await tokens.get(connection, id_)
            ended = await tokens.revoke(connection, id_, utcnow())
            if before.revoked_at is None:
                act = Act("token", None, str(id_), {"name": ended.name, "revoked": True})
                await activity.add(connection, act, by=None, at=utcnow())
            return ended

    click.echo(f"{id_}\t{parts.with_database(work).name}\trevoked")
