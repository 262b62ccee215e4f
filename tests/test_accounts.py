import pytest

from consent import accounts, groups, sessions, stores
from consent.errors import ConflictError, NotFoundError, RefusedError
from consent.model import Grant, Group, StoreConfig, Template

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"


async def add(database, now, email="ada@shop.example", role="owner", store=None):
    async with database.write() as c:
        return await accounts.add(c, email, "hash", role, store, now())


async def test_a_user_is_found_by_address_and_id(database, now):
    user = await add(database, now, " Ada@Shop.example ")
    assert (user.email, user.grants) == ("ada@shop.example", (Grant("owner"),))
    assert (user.created_at, user.disabled_at) == (now(), None)
    async with database.read() as c:
        assert await accounts.by_email(c, "ADA@shop.example") == user
        assert await accounts.by_id(c, user.id) == user
        assert await accounts.password_hash(c, user.id) == "hash"


async def test_nobody_is_found_where_nobody_is(database):
    async with database.read() as c:
        assert await accounts.by_email(c, "nobody@shop.example") is None
        assert await accounts.by_id(c, 1) is None
        with pytest.raises(NotFoundError):
            await accounts.password_hash(c, 1)


async def test_a_role_can_hold_for_one_store(database, now):
    async with database.write() as c:
        await stores.save(c, StoreConfig("summit", "Summit", ("https://s.example",)), now())
    assert (await add(database, now, store="summit")).grants == (Grant("owner", "summit"),)
    with pytest.raises(NotFoundError, match="unknown_store"):
        await add(database, now, "bob@shop.example", store="nowhere")


async def test_roles_are_given_and_taken_one_by_one(database, now):
    user = await add(database, now)
    async with database.write() as c:
        await stores.save(c, StoreConfig("summit", "Summit", ("https://s.example",)), now())
        await groups.save(c, Group("outdoor", "Outdoor", Template()), now())
        for grant in (Grant("legal", "summit"), Grant("marketer", group="outdoor")):
            await accounts.grant(c, user.email, grant)
            twice = await accounts.grant(c, user.email, grant)
        assert twice.grants == (
            *(Grant("owner"), Grant("legal", "summit"), Grant("marketer", group="outdoor")),
        )
        assert (await accounts.revoke(c, user.email, Grant("owner"))).grants == twice.grants[1:]
        assert await accounts.all_users(c) == [await accounts.by_id(c, user.id)]
        for wrong, why in (
            (Grant("owner"), "ada@shop.example is not owner of every store; has legal of summit, "),
            (Grant("legal", "nowhere"), "unknown_store"),
            (Grant("legal", group="nowhere"), "unknown_group"),
            (Grant("legal", "summit", "outdoor"), "bad_grant"),
        ):
            with pytest.raises(RefusedError, match=why):
                await accounts.revoke(c, user.email, wrong)
        with pytest.raises(NotFoundError, match="unknown_user"):
            await accounts.grant(c, "nobody@shop.example", Grant("owner"))


async def test_a_disabled_user_is_let_in_again_with_the_same_password(database, now):
    user = await add(database, now)
    async with database.write() as c:
        await accounts.disable(c, user.email, now())
        assert await accounts.enable(c, user.email) == user
        assert await accounts.password_hash(c, user.id) == "hash"


async def test_an_address_is_taken_once_even_when_disabled(database, now):
    await add(database, now)
    async with database.write() as c:
        await accounts.disable(c, "ada@shop.example", now())
    with pytest.raises(ConflictError, match=r"email_taken: .* consent user password ada@shop.exa"):
        await add(database, now, "ADA@shop.example")


@pytest.mark.parametrize("email", ["", "ada", "@shop.example", "ada@", "a da@shop.example"])
async def test_what_is_no_address_is_refused(database, now, email):
    with pytest.raises(RefusedError, match="bad_email"):
        await add(database, now, email)


async def test_disabling_ends_every_session_and_is_done_once(database, now):
    ada = await add(database, now)
    at = now()
    async with database.write() as c:
        await sessions.begin(c, ada.id, "Firefox", at)
        first = await accounts.disable(c, "Ada@shop.example", at)
        again = await accounts.disable(c, "ada@shop.example", now.advance(days=1))
        assert await sessions.of_user(c, ada.id, at) == []
    assert first.disabled_at == at
    assert again == first
    with pytest.raises(NotFoundError):
        async with database.write() as c:
            await accounts.disable(c, "nobody@shop.example", at)


async def test_a_new_password_ends_every_session_and_lets_a_disabled_user_in_again(database, now):
    user = await add(database, now)
    await add(database, now, "bob@shop.example")
    async with database.write() as c:
        await accounts.disable(c, "ada@shop.example", now())
        await sessions.begin(c, user.id, "Firefox", now())
        again = await accounts.set_password(c, " Ada@shop.example", "other hash")
        assert (again.id, again.disabled_at) == (user.id, None)
        assert await sessions.of_user(c, user.id, now()) == []
        assert await accounts.password_hash(c, user.id) == "other hash"
        bob = await accounts.by_email(c, "bob@shop.example")
        assert bob is not None
        assert await accounts.password_hash(c, bob.id) == "hash"


async def test_a_password_is_changed_only_where_it_is_still_the_one_that_was_checked(database, now):
    user = await add(database, now)
    async with database.write() as c:
        assert not await accounts.change_password(c, user.id, "another", "new")
        assert await accounts.change_password(c, user.id, "hash", "new")
        assert await accounts.password_hash(c, user.id) == "new"
        await accounts.disable(c, user.email, now())
        assert not await accounts.change_password(c, user.id, "new", "newer")


async def test_nobody_gets_a_password_where_nobody_is(database):
    with pytest.raises(NotFoundError, match="unknown_user"):
        async with database.write() as c:
            await accounts.set_password(c, "nobody@shop.example", "hash")


async def test_all_users_are_listed_by_address(database, now):
    for email in ("zoe@shop.example", "ada@shop.example"):
        await add(database, now, email)
    async with database.write() as c:
        await accounts.disable(c, "zoe@shop.example", now())
        found = await accounts.all_users(c)
    assert [user.email for user in found] == ["ada@shop.example", "zoe@shop.example"]


def test_a_password_is_known_by_its_hash_alone():
    hashed = accounts.hash_password(PASSWORD)
    assert hashed.startswith("$argon2id$")
    assert hashed != accounts.hash_password(PASSWORD)
    assert accounts.verify_password(PASSWORD, hashed)
    assert not accounts.verify_password(PASSWORD + "!", hashed)
    assert not accounts.verify_password("", hashed)


def test_a_guess_costs_what_owasp_asks_for(shipped_hasher):
    """Source: OWASP Password Storage Cheat Sheet: Argon2id, 19 MiB and two passes or more."""
    kind, _, cost = shipped_hasher.hash(PASSWORD).split("$")[1:4]
    costs = {name: int(n) for name, n in (part.split("=") for part in cost.split(","))}
    assert kind == "argon2id"
    assert costs["m"] >= 19 * 1024
    assert costs["t"] >= 2


@pytest.mark.parametrize("hashed", ["", "no hash", "$argon2id$broken"])
def test_what_is_no_hash_opens_nothing(hashed):
    assert not accounts.verify_password(PASSWORD, hashed)


@pytest.mark.parametrize("password", ["", "short", "eleven char", "x" * 1025])
def test_a_password_of_a_wrong_length_is_refused(password):
    with pytest.raises(RefusedError, match="expected 12 to 1024"):
        accounts.hash_password(password)
    assert not accounts.verify_password(password, accounts.hash_password(PASSWORD))
