"""The tokens of the API: made once, known by their SHA-256, ended in several ways."""

import datetime as dt
import hashlib

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from consent import accounts, tokens
from consent.cli import consent
from consent.database import tables
from consent.errors import NotFoundError, RefusedError

pytestmark = pytest.mark.anyio


async def made(database, now, *, days=90, scopes=("rates:read", "ledger:read"), name="Reports"):
    async with database.write() as c:
        user = await accounts.by_email(c, "ada@shop.example")
        if user is None:
            user = await accounts.add(c, "ada@shop.example", "hash", "owner", None, now())
        return await tokens.add(c, user, name, scopes, days=days, now=now())


async def test_a_token_is_found_by_its_secret_and_by_nothing_else(database, now):
    token, secret = await made(database, now)
    assert (token.name, token.email, token.used_on) == ("Reports", "ada@shop.example", None)
    assert token.scopes == ("rates:read", "ledger:read")
    async with database.read() as c:
        assert await tokens.find(c, secret) == token
        for other in (secret[:-1], secret + "A", "", token.name, secret.removeprefix("pixelgate_")):
            assert await tokens.find(c, other) is None
        assert await tokens.find(c, "pixelgate_\udcff") is None


async def test_no_table_holds_the_secret(database, now):
    _, secret = await made(database, now)
    async with database.read() as c:
        row = (await c.execute(sa.select(tables.api_tokens))).one()
    assert row.sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert not any(secret.removeprefix("pixelgate_") in str(value) for value in row)


async def test_two_tokens_are_never_alike(database, now):
    secrets = {(await made(database, now))[1] for _ in range(5)}
    assert len(secrets) == 5
    assert {len(secret) for secret in secrets} == {len("pixelgate_") + 43}


async def test_a_token_ends_with_its_term_or_when_it_is_revoked(database, now):
    token, secret = await made(database, now, days=1)
    assert token.holds(now() + dt.timedelta(hours=23))
    assert not token.holds(now() + dt.timedelta(hours=24))
    async with database.write() as c:
        ended = await tokens.revoke(c, token.id, now())
        again = await tokens.revoke(c, token.id, now.advance(hours=1))
    assert ended == again
    assert not ended.holds(token.created_at)
    async with database.read() as c:
        assert await tokens.find(c, secret) == ended


async def test_the_day_of_use_is_kept_and_no_more(database, now):
    token, _ = await made(database, now)
    async with database.write() as c:
        await tokens.used(c, token.id, now().date())
        found = (await c.execute(sa.select(tables.api_tokens.c.used_on))).scalar_one()
        assert (await tokens.get(c, token.id)).used_on == found == now().date()
    assert not isinstance(found, dt.datetime)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"days": 0}, "bad_days"),
        ({"days": tokens.MOST_DAYS + 1}, "bad_days"),
        ({"scopes": ()}, "bad_scope"),
        ({"scopes": ("rates:read", "everything")}, "bad_scope"),
        ({"name": "  "}, "bad_name"),
        ({"name": "x" * 61}, "bad_name"),
        ({"name": "two\nlines"}, "bad_name"),
        ({"name": "nul\x00"}, "bad_name"),
    ],
)
async def test_a_token_without_name_term_or_scope_is_refused(database, now, wrong, code):
    with pytest.raises(RefusedError, match=code):
        await made(database, now, **wrong)
    async with database.read() as c:
        assert await tokens.all_tokens(c) == []


async def test_what_is_not_there_cannot_be_revoked(database, now):
    async with database.write() as c:
        with pytest.raises(NotFoundError, match="unknown_token"):
            await tokens.revoke(c, 1, now())


async def test_tokens_are_listed_by_user_newest_first(database, now):
    first, _ = await made(database, now, name="One")
    second, _ = await made(database, now, name="Two")
    async with database.write() as c:
        bob = await accounts.add(c, "bob@shop.example", "hash", "legal", None, now())
        third, _ = await tokens.add(c, bob, "Bob's", ("ledger:read",), days=3, now=now())
    async with database.read() as c:
        assert await tokens.all_tokens(c) == [third, second, first]
        assert await tokens.all_tokens(c, bob.id) == [third]


def test_the_command_line_makes_lists_and_revokes(sqlite_url, monkeypatch):
    monkeypatch.setenv("CONSENT_DATABASE_URL", sqlite_url)
    run = CliRunner()

    def call(*arguments, **more):
        return run.invoke(consent, arguments, catch_exceptions=False, **more)

    password = "correct horse battery"
    user = ("user", "add", "ada@shop.example", "--role", "owner", "--password-stdin")
    assert call(*user, input=password).exit_code == 0
    told = call("token", "add", "ada@shop.example", "--name", "CI", "--scope", "stores:read")
    secret = told.output.strip()
    assert secret.startswith("pixelgate_")
    listed = call("token", "list").output
    assert "1\tada@shop.example\tCI\tstores:read\tuntil " in listed
    assert secret not in listed
    assert call("token", "revoke", "1").output == "1\tCI\trevoked\n"
    assert "revoked\tnever used" in call("token", "list").output
    acts = call("activity", "list", "--what", "token").output
    assert acts.count("\ttoken\t") == 2
    assert secret not in acts
