import asyncio
import datetime as dt

import pytest

from consent import accounts, secondfactors, totp
from consent.database import tables
from consent.errors import ConflictError, RefusedError
from tests.test_totp import code_of

pytestmark = pytest.mark.anyio

OLD, NEW = "o" * 40, "n" * 40
CIPHER = secondfactors.cipher([OLD])


@pytest.fixture
async def ada(database, now):
    """Somebody with a second factor: the id, the secret, and the recovery codes."""
    async with database.write() as c:
        user = await accounts.add(c, "ada@shop.example", "hash", "owner", None, now())
        await accounts.add(c, "bob@shop.example", "hash", "owner", None, now())
        secret = totp.new_secret()
        step = totp.step_of(secret, code_of(secret, now()), now())
        kept = CIPHER.encrypt(secret, now())
        return user.id, secret, await secondfactors.add(c, user.id, kept, step, now())


async def spend(database, now, user_id, typed, cipher=CIPHER):
    async with database.write() as c:
        return await secondfactors.spend(c, cipher, user_id, typed, now())


async def test_the_code_that_confirmed_it_is_used_up(database, now, ada):
    id_, secret, _ = ada
    assert await spend(database, now, id_, code_of(secret, now())) is None
    now.advance(seconds=30)
    assert await spend(database, now, id_, code_of(secret, now())) == "app"


async def test_a_code_counts_once_and_none_from_before_it(database, now, ada):
    id_, secret, _ = ada
    now.advance(minutes=5)
    early, present = code_of(secret, now() - dt.timedelta(seconds=30)), code_of(secret, now())
    assert await spend(database, now, id_, present) == "app"
    assert await spend(database, now, id_, present) is None
    assert await spend(database, now, id_, early) is None


async def test_of_two_at_once_with_one_code_one_gets_in(database, now, ada):
    id_, secret, codes = ada
    now.advance(minutes=5)
    for typed in (code_of(secret, now()), codes[0]):
        tries = [spend(database, now, id_, typed) for _ in range(4)]
        found = await asyncio.gather(*tries)
        assert sorted(map(bool, found)) == [False, False, False, True]


async def test_each_recovery_code_counts_once_and_for_its_owner_alone(database, now, ada):
    id_, _, codes = ada
    assert await spend(database, now, id_ + 1, codes[0]) is None
    assert await spend(database, now, id_, codes[0].upper()) == "recovery code"
    assert await spend(database, now, id_, codes[0]) is None
    async with database.write() as c:
        assert (await secondfactors.get(c, id_)).codes == 9
        newer = await secondfactors.renew_codes(c, id_)
    assert await spend(database, now, id_, codes[1]) is None
    assert await spend(database, now, id_, newer[1]) == "recovery code"


async def test_neither_secret_nor_codes_stand_in_the_database(database, now, ada):
    _, secret, codes = ada
    async with database.read() as c:
        ((_, kept),) = await secondfactors.all_secrets(c)
        held = str(list(await c.execute(tables.recovery_codes.select())))
    assert secret not in kept
    assert CIPHER.decrypt(kept) == secret
    assert totp.digest(codes[0]) in held
    assert codes[0] not in held
    assert codes[0].replace("-", "") not in held


async def test_there_is_one_at_most_and_it_can_be_taken(database, now, ada):
    id_, secret, _ = ada
    async with database.write() as c:
        assert (await accounts.by_id(c, id_)).second_factor is True
        assert (await accounts.by_id(c, id_ + 1)).second_factor is False
        with pytest.raises(ConflictError):
            await secondfactors.add(c, id_, "other", 1, now())
    async with database.write() as c:
        assert await secondfactors.remove(c, id_) is True
        assert await secondfactors.remove(c, id_) is False
        assert (await accounts.by_id(c, id_)).second_factor is False
    assert await spend(database, now, id_, code_of(secret, now.advance(minutes=1))) is None


async def test_keys_rotate_and_a_lost_one_is_told(database, now, ada):
    id_, secret, codes = ada
    now.advance(minutes=1)
    both, newest = secondfactors.cipher([NEW, OLD]), secondfactors.cipher([NEW])
    with pytest.raises(RefusedError, match="CONSENT_SECRET_KEYS"):
        await spend(database, now, id_, code_of(secret, now()), newest)
    assert await spend(database, now, id_, codes[0], newest) == "recovery code"
    assert await spend(database, now, id_, code_of(secret, now()), both) == "app"
    async with database.write() as c:
        ((_, kept),) = await secondfactors.all_secrets(c)
        assert await secondfactors.replace_secret(c, id_, "other", "x") is False
        assert await secondfactors.replace_secret(c, id_, kept, both.again(kept)) is True
    now.advance(minutes=1)
    assert await spend(database, now, id_, code_of(secret, now()), newest) == "app"
