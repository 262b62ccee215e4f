"""Whom the word of a provider lets in, over both databases."""

import asyncio

import msgspec
import pytest

from consent import accounts, activity, admit, groups, identities, invitations
from consent.activity import ActivityFilter
from consent.admit import Rules
from consent.database import connect
from consent.errors import ConflictError, ForbiddenError
from consent.model import Grant, Group, Template
from consent.oidc import Vouched

pytestmark = pytest.mark.anyio

ISSUER = "https://id.example"
ADA = Vouched(ISSUER, "42", "Ada@shop.example", True, None)
RULES = Rules(True, ())
MAPPED = Rules(
    True,
    (
        ("admins", Grant("owner")),
        ("shops", Grant("marketer", group="outdoor")),
        ("shops", Grant("legal")),
        ("ghosts", Grant("marketer", "nowhere")),
    ),
)


@pytest.fixture
async def users(database, now):
    async with database.write() as c:
        await groups.save(c, Group("outdoor", "Outdoor", Template()), now())
        emails = ("ada@shop.example", "bob@shop.example")
        return [await accounts.add(c, e, "hash", "owner", None, now()) for e in emails]


async def arrive(database, now, who=ADA, rules=RULES):
    async with database.write() as c:
        user = await admit.find(c, rules, who, now())
        return await admit.settle(c, user, admit.changes(rules, who), now())


def other(**changes) -> Vouched:
    return msgspec.structs.replace(ADA, **changes)


async def acts(database):
    async with database.read() as c:
        found = await activity.search(c, ActivityFilter(what="user"), limit=99)
    return [(one.email, one.subject, one.detail["done"]) for one in found]


async def test_the_address_counts_once_and_then_the_subject_alone(database, now, users):
    ada, _ = users
    assert (await arrive(database, now)).id == ada.id
    moved = other(email="ada@elsewhere.example", verified=False)
    assert (await arrive(database, now, moved)).id == ada.id
    taken = other(email="bob@shop.example")
    assert (await arrive(database, now, taken)).id == ada.id
    assert await acts(database) == [(*["ada@shop.example"] * 2, "linked")]


@pytest.mark.parametrize(
    "who",
    [
        other(verified=False),
        other(email=""),
        other(email="ada"),
        other(email="nobody@shop.example"),
        other(email="ada@shop.example\u200b"),
        other(email="ada@shop.exam\u212ale".replace("\u212al", "p\u212a")),
    ],
)
async def test_nobody_gets_in_by_an_address_that_is_not_theirs(database, now, users, who):
    with pytest.raises(ForbiddenError):
        await arrive(database, now, who)
    assert await acts(database) == []


async def test_an_address_that_becomes_that_of_another_when_written_small_is_none(database, now):
    async with database.write() as c:
        await accounts.add(c, "kim@shop.example", "hash", "owner", None, now())
    with pytest.raises(ForbiddenError, match="no e-mail address of yours"):
        await arrive(database, now, other(email="\u212aim@shop.example"))


async def test_where_the_operator_says_so_an_address_needs_no_claim(database, now, users):
    lax = msgspec.structs.replace(RULES, verified=False)
    assert (await arrive(database, now, other(verified=False), lax)).id == users[0].id


async def test_an_address_that_was_given_to_somebody_else_opens_nothing(database, now, users):
    await arrive(database, now)
    with pytest.raises(ForbiddenError, match="linked with another account"):
        await arrive(database, now, other(subject="43"))
    async with database.write() as c:
        assert await identities.unlink(c, users[0].id) is True
        assert await identities.unlink(c, users[0].id) is False
    assert (await arrive(database, now, other(subject="43"))).id == users[0].id


async def test_another_issuer_is_another_world(database, now, users):
    await arrive(database, now)
    elsewhere = other(issuer="https://other.example", email="bob@shop.example")
    assert (await arrive(database, now, elsewhere)).id == users[1].id
    again = other(issuer="https://other.example", subject="7")
    assert (await arrive(database, now, again)).id == users[0].id
    async with database.read() as c:
        linked = await identities.issuers(c, users[0].id)
    assert linked == [ISSUER, "https://other.example"]


@pytest.mark.parametrize("linked", [False, True])
async def test_who_is_disabled_stays_outside(database, now, users, linked):
    if linked:
        await arrive(database, now)
    async with database.write() as c:
        await accounts.disable(c, "ada@shop.example", now())
    with pytest.raises(ForbiddenError, match="disabled"):
        await arrive(database, now)


async def test_who_was_invited_becomes_a_user_without_a_password(database, now):
    async with database.write() as c:
        await groups.save(c, Group("outdoor", "Outdoor", Template()), now())
        for grant in (Grant("legal"), Grant("marketer", group="outdoor")):
            await invitations.add(c, "ada@shop.example", grant, now())
        await invitations.add(c, "bob@shop.example", Grant("owner"), now())
    user = await arrive(database, now)
    assert (user.email, user.has_password) == ("ada@shop.example", False)
    assert set(user.grants) == {Grant("legal"), Grant("marketer", group="outdoor")}
    async with database.read() as c:
        assert [one.email for one in await invitations.waiting(c, now())] == ["bob@shop.example"]
    assert [done for _, _, done in await acts(database)] == [
        *("accepted an invitation", "linked", "accepted an invitation"),
    ]


async def test_an_invitation_that_is_over_invites_nobody(database, now):
    async with database.write() as c:
        await invitations.add(c, "ada@shop.example", Grant("owner"), now())
    now.advance(days=8)
    with pytest.raises(ForbiddenError, match="nobody has invited"):
        await arrive(database, now)


async def test_groups_give_and_take_the_roles_that_are_mapped_and_no_others(database, now, users):
    user = await arrive(database, now, other(groups=("shops", "else", "ghosts")), MAPPED)
    mapped = {Grant("marketer", group="outdoor"), Grant("legal")}
    assert set(user.grants) == mapped
    async with database.write() as c:
        await accounts.grant(c, user.email, Grant("developer"))
    user = await arrive(database, now, other(groups=None), MAPPED)
    assert set(user.grants) == {*mapped, Grant("developer")}
    user = await arrive(database, now, other(groups=()), MAPPED)
    assert user.grants == (Grant("developer"),)


async def test_the_last_owner_stays_one_whatever_the_groups_say(database, now, users):
    async with database.write() as c:
        await accounts.disable(c, "bob@shop.example", now())
    user = await arrive(database, now, other(groups=()), MAPPED)
    assert user.grants == (Grant("owner"),)


async def test_two_at_once_are_one_user(database, now):
    async with database.write() as c:
        await invitations.add(c, "ada@shop.example", Grant("owner"), now())
    found = await asyncio.gather(*(arrive(database, now) for _ in range(3)), return_exceptions=True)
    made = [one for one in found if not isinstance(one, ConflictError)]
    assert len({one.id for one in made}) == 1
    async with database.read() as c:
        assert len(await accounts.all_users(c)) == 1


async def test_whom_another_sign_in_has_just_let_in_is_no_stranger(
    postgresql_url, now, monkeypatch
):
    """On PostgreSQL alone, which shows within a transaction what another has just committed."""
    database = connect(postgresql_url)
    async with database.write() as c:
        await invitations.add(c, "ada@shop.example", Grant("owner"), now())
    by_email, others = accounts.by_email, []

    async def meanwhile(c, email):
        found = await by_email(c, email)
        if not others:
            others.append(None)
            others[0] = await arrive(database, now)
        return found

    monkeypatch.setattr(accounts, "by_email", meanwhile)
    with pytest.raises(ConflictError):
        await arrive(database, now)
    assert (await arrive(database, now)).id == others[0].id
    await database.close()
