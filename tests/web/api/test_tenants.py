"""Every operation as every role and scope, and as a user of the store next door."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from consent import accounts, database, stores, tokens
from consent.web import api
from consent.web.api import openapi
from tests.web.admin.stage import NOW, USERS
from tests.web.api.caller import OWNER

TABLE = {one.name: one for one in api.operations(None)}
READING = {"stores:read", "regions:read"}
CHANGING = {"stores:write", "stores:publish", "pages:scan"}
FIGURES = {"rates:read", "coverage:read"}
MAY = {
    "owner": READING
    | CHANGING
    | FIGURES
    | {"groups:read", "groups:write", "ledger:read", "activity:read", "pixels:review"}
    | {"visitors:erase", "users:read", "users:write"},
    "developer": READING | CHANGING | FIGURES | {"groups:read", "groups:write", "ledger:read"},
    "marketer": READING | FIGURES | {"stores:publish", "pages:scan"},
    "legal": READING
    | {"groups:read", "ledger:read", "activity:read", "pixels:review", "regions:approve"}
    | {"visitors:erase"},
}
"""What each role may do, once more and by hand."""
BODIES = {
    "stores.draft.put": {"key": "summit", "name": "S", "origins": ["https://s.example"]},
    "stores.review": {"pixel": "none", "sha256": "0" * 64},
    "versions.rollback": {"number": 999},
    "schedules.make": {"at": "2026-12-01 09:00"},
    "schedules.cancel": {"id": 999},
    "users.grant": {"role": "owner", "store": "nowhere"},
    "users.revoke": {"role": "owner", "store": "nowhere"},
    "invitations.make": {"email": "new@x.example", "role": "owner", "store": "nowhere"},
    "invitations.withdraw": {"id": 999},
    "rules.approve": {"rule": "DE", "reason": "none", "sha256": "0" * 64},
    "groups.template.put": {"key": "outdoor", "name": "Outdoor"},
    "groups.apply": {"stores": []},
    "groups.approve": {"rule": "DE", "reason": "none", "sha256": "0" * 64},
    "ledger.erase": {"visitor": str(uuid.UUID(int=2)), "reason": "asked by letter in May"},
    "pages.scan": {"url": "https://elsewhere.example/"},
}
QUERIES = {"explain": "?country=DE", "evidence.search": "?from=2030-01-01"}


def request(call, one, *, by, store="summit", id_=None, visitor=None, query=""):
    path = one.path.format(
        store=store,
        group="outdoor",
        number=1,
        user=999,
        id=id_ or uuid.UUID(int=1),
        visitor=visitor or uuid.UUID(int=2),
    )
    body = BODIES.get(one.name)
    if one.name == "stores.draft.put":
        body = {**body, "key": store}
    more = {"headers": {"if-match": '"0"'}} if one.match else {}
    given = query or QUERIES.get(one.name, "")
    return call(f"{path}{given}", by=by, method=one.method, json=body, **more)


@pytest.mark.parametrize(("email", "role"), [(email, role) for email, role, _ in USERS])
def test_a_token_does_no_more_than_its_user(call, email, role):
    for name, one in TABLE.items():
        answer = request(call, one, by=email)
        refused = answer.status_code == 403 and answer.json()["error"] == "role"
        alone = email.endswith("@summit.example") and one.scope == "groups:write"
        alone |= email == "lex@summit.example" and name == "groups.approve"
        expected = (one.scope is not None and one.scope not in MAY[role]) or alone
        assert refused is expected, (name, answer.text)
        assert answer.status_code in (200, 201, *openapi.statuses(one)), (name, answer.text)
        assert answer.status_code < 500, (name, answer.text)


def test_a_token_does_nothing_beyond_its_scopes(call):
    call.secrets |= asyncio.run(_by_scope(call))
    for name, one in TABLE.items():
        for by, is_good in ((f"only {one.scope}", True), (f"not {one.scope}", one.scope is None)):
            answer = request(call, one, by=by if one.scope else "only rates:read")
            beyond = answer.status_code == 403 and answer.json()["error"] == "scope"
            assert beyond is not is_good, (by, name, answer.text)


async def _by_scope(call) -> dict[str, str]:
    """For each scope a token for it alone, and one for everything else."""
    db = database.connect(call.client.app.services.settings.database_url)
    secrets = {}
    async with db.write() as c:
        user = await accounts.by_email(c, OWNER)
        for scope in tokens.SCOPES:
            rest = [other for other in tokens.SCOPES if other != scope]
            for by, those in ((f"only {scope}", [scope]), (f"not {scope}", rest)):
                _, secrets[by] = await tokens.add(c, user, by, those, days=3, now=NOW)
    await db.close()
    return secrets


@pytest.mark.parametrize("email", ["owner@summit.example", "lex@summit.example"])
def test_a_neighbours_store_is_not_seen_guessed_or_changed(call, story, email):
    sealer = call.client.app.services.sealer
    call.client.portal.call(sealer.seal_all)
    call.client.portal.call(sealer.stop)  # or the log grows between an answer and the next
    before = call.ask(lambda c: stores.drafted(c, "harbor"))
    theirs = call.get(f"/ledger/{story.harbor[0]}")["record"]
    for name, one in TABLE.items():
        there = request(
            call, one, by=email, store="harbor", id_=theirs["id"], visitor=theirs["visitor"]
        )
        nowhere = request(call, one, by=email, store="nowhere")
        told = [
            there.text.replace("harbor", "X").replace(theirs["visitor"], "V"),
            nowhere.text.replace("nowhere", "X").replace(str(uuid.UUID(int=2)), "V"),
        ]
        if name not in ("me", "activity.list"):  # which this very walk makes longer
            assert told[0] == told[1], name
        assert there.status_code == nowhere.status_code, name
        if "{" in one.path and there.status_code == 200:
            assert name == "ledger.visitor", (name, there.text)
            assert there.json()["decisions"] == []
        assert "Harbor" not in there.text, name
    after = call.ask(lambda c: stores.drafted(c, "harbor"))
    assert (after.own, call.get("/stores/harbor")["store"]["published"]) == (before.own, 1)


@pytest.mark.parametrize("email", ["owner@summit.example", "lex@summit.example"])
def test_no_filter_reaches_a_neighbours_store(call, story, email):
    asked = ("explain", "rates.get", "coverage.get", "looser.list", "ledger.search")
    for name in (*asked, "ledger.export", "activity.list"):
        one = TABLE[name]
        country = "&country=DE" if name == "explain" else ""
        there = request(call, one, by=email, query=f"?store=harbor{country}")
        nowhere = request(call, one, by=email, query=f"?store=nowhere{country}")
        assert there.status_code == nowhere.status_code in (403, 404), name
        assert there.text.replace("harbor", "nowhere") == nowhere.text, name
        everything = request(call, one, by=email, query=f"?{country[1:]}" if country else "")
        assert "harbor" not in everything.text, name


def test_a_user_of_one_store_neither_makes_one_nor_joins_a_group(call):
    mine = "owner@summit.example"
    group = {"key": "outdoor", "name": "Outdoor"}
    assert call.put("/groups/outdoor/template", seen=None, json=group).status_code == 201
    body = {"key": "new", "name": "New", "origins": ["https://new.example"]}
    assert call.put("/stores/new/draft", seen=None, by=mine, json=body).status_code == 403
    seen, content = call.tag("/stores/summit/draft"), call.get("/stores/summit/draft")
    answers = [
        call.put("/stores/summit/draft", seen=seen, by=mine, json={**content, "group": key})
        for key in ("outdoor", "nowhere")
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text.replace("outdoor", "nowhere") == answers[1].text
    assert call("/groups/outdoor/template", by=mine).status_code == 404
    assert call.get("/groups", by=mine) == {"groups": []}


def test_a_role_for_a_group_reaches_its_stores_and_its_template_alone(call):
    for key in ("outdoor", "books"):
        group = {"key": key, "name": key.title()}
        assert call.put(f"/groups/{key}/template", seen=None, json=group).status_code == 201
    for store, key in (("summit", "outdoor"), ("harbor", "books")):
        path = f"/stores/{store}/draft"
        content = {**call.get(path), "group": key}
        assert call.put(path, seen=call.tag(path), json=content).status_code == 200
    call.secrets["group"] = asyncio.run(_of_group(call))
    assert [one["key"] for one in call.get("/stores", by="group")["stores"]] == ["summit"]
    assert [one["key"] for one in call.get("/groups", by="group")["groups"]] == ["outdoor"]
    path = "/groups/outdoor/template"
    content = {**call.get(path, by="group"), "banner": {"layout": "box"}}
    assert call.put(path, by="group", seen=call.tag(path), json=content).status_code == 200
    plan = call.post("/groups/outdoor/apply", by="group", json={}).json()
    assert [one["store"] for one in plan["stores"]] == ["summit"]
    for body in ({"stores": ["harbor"]}, {"stores": ["nowhere"]}):
        answer = call.post("/groups/outdoor/apply", by="group", json=body)
        assert (answer.status_code, answer.json()["error"]) == (404, "no_such_store")
    assert call("/groups/books/template", by="group").status_code == 404
    refused = call.post("/groups/books/apply", by="group", json={})
    assert refused.status_code == 403
    assert call("/stores/harbor/draft", by="group").status_code == 404


async def _of_group(call) -> str:
    db = database.connect(call.client.app.services.settings.database_url)
    async with db.write() as c:
        user = await accounts.add(
            c, "dev@group.example", "hash", "developer", None, NOW, group_key="outdoor"
        )
        _, secret = await tokens.add(c, user, "Group", tokens.SCOPES, days=3, now=NOW)
    await db.close()
    return secret
