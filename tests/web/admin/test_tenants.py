"""Every route of the application, walked as every role in every scope: no store leaks."""

import io
import re
import uuid
import zipfile
from collections.abc import Iterator
from typing import NamedTuple, get_args

import msgspec
import pytest
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from consent import accounts, activity, groups, invitations, ledger, sessions, stores
from consent.activity import ActivityFilter
from consent.model import Grant, Group, RegionRule, Role, Template
from consent.web.admin import sessions as cookies
from tests.conftest import Clock
from tests.web.admin.seed import HARBOR, SUMMIT
from tests.web.admin.stage import HERE, NOW, ORIGIN, ask, open_app, write

PART = re.compile(r"\{(\w+)(?::path)?\}")
SCOPES = {"store": {"store": "summit"}, "group": {"group": "outdoor"}}
USERS = {
    **{
        f"{role}-{name}@x.example": Grant(role, **scope)
        for role in get_args(Role)
        for name, scope in SCOPES.items()
    },
    **{f"{role}@x.example": Grant(role) for role in get_args(Role)},
}
SECRETS = ("Harbor Books", "harbor.example", "Coast shops", "Only the coast knows")
"""What only someone who sees the other store and its group may read."""
COAST = Template(regions={"DE": RegionRule(accept_days=90, reason="Only the coast knows")})


class Names(NamedTuple):
    """What the parts of an address stand for."""

    store: str
    group: str
    decision: str
    visitor: str

    def fill(self, path: str) -> str:
        """``path`` with a name for every part of it; a part not told here is named by the store."""
        given = {
            "key": self.group if path.startswith("/admin/groups/") else self.store,
            "id": self.decision,
            "visitor": self.visitor,
            "place": "DE",
            "what": "template",
            "user": "1",
        }
        return PART.sub(lambda part: given.get(part[1], self.store), path)

    def fields(self) -> dict[str, str]:
        """What a form or a query can say, all of it at once."""
        return {
            "store": self.store,
            "group": self.group,
            "for": "DE",
            "to": "1",
            "live": "1",
            "platform": "ga4",
            "id": "G-HARBOR1234",
            f"store-{self.store}": "on",
            "text": self.decision,
            "reason": "because it may be so",
            "accept_days": "10",
            "visitor": self.visitor,
            "because": "asked for by letter",
            "role": "owner",
            "email": "new@x.example",
            "where": f"store {self.store}",
        }


def routes(under, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every method and path of the application, as it answers them."""
    for route in under:
        if isinstance(route, Mount):
            yield from routes(route.routes or (), prefix + route.path)
        elif isinstance(route, Route):
            yield from ((method, prefix + route.path) for method in sorted(route.methods or ()))


@pytest.fixture(scope="module")
def walked(story, tmp_path_factory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("tenants")
    app = open_app(story.copy(folder), Clock(NOW), folder)
    with TestClient(app, base_url=ORIGIN, client=("127.0.0.1", 1), follow_redirects=False) as c:
        write(c, _people)
        yield c
        assert app.unnoted == []


async def _people(c) -> None:
    await groups.save(c, Group("outdoor", "Outdoor shops", Template()), NOW)
    await groups.save(c, Group("coast", "Coast shops", COAST), NOW)
    for config, group in ((SUMMIT, "outdoor"), (HARBOR, "coast")):
        await stores.save(c, msgspec.structs.replace(config, group=group), NOW)
    for email, grant in USERS.items():
        given = (grant.role, grant.store, NOW)
        user = await accounts.add(c, email, "hash", *given, group_key=grant.group)
        await sessions.begin(c, user.id, "Firefox", NOW)


def sign_in_as(client: TestClient, email: str) -> None:
    async def find(c):
        user = await accounts.by_email(c, email)
        return (await sessions.of_user(c, user.id, NOW))[0]

    session = ask(client, find)
    client.cookies.clear()
    token = cookies.token(client.app.services, session.id)
    client.cookies.set(cookies.COOKIE, token, path="/admin")


def request(client: TestClient, method: str, path: str, names: Names, headers=HERE):
    address = names.fill(path)
    if method == "POST":
        return client.post(address, data=names.fields(), headers=headers)
    return client.request(method, address, params=names.fields(), headers=headers)


def read(answer) -> str:
    if answer.headers.get("content-type") != "application/zip":
        return answer.text + str(answer.headers)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as opened:
        return "".join(opened.read(name).decode(errors="replace") for name in opened.namelist())


async def _all_of_it(c):
    return (
        await stores.draft(c, "harbor"),
        [version.sha256 for version in await stores.every_version(c, "harbor")],
        await groups.get(c, "coast"),
        await accounts.all_users(c),
        await invitations.waiting(c, NOW),
        [len(await sessions.of_user(c, user.id, NOW)) for user in await accounts.all_users(c)],
    )


@pytest.fixture(scope="module")
def names(story, walked) -> dict[str, Names]:
    async def visitor(c, id_):
        return str((await ledger.get(c, id_)).visitor)

    def of(store: str, group: str, id_) -> Names:
        return Names(store, group, str(id_), ask(walked, lambda c: visitor(c, id_)))

    nobody = (str(uuid.UUID(int=7, version=4)), str(uuid.UUID(int=8, version=4)))
    return {
        "own": of("summit", "outdoor", story.summit[0]),
        "other": of("harbor", "coast", story.harbor[0]),
        "missing": Names("hrabor", "caost", *nobody),
    }


BOUND = [email for email, grant in USERS.items() if not grant.everywhere]


@pytest.mark.parametrize("email", BOUND)
def test_nobody_sees_or_changes_anything_of_another_store(walked, names, email):
    sign_in_as(walked, email)
    before = ask(walked, _all_of_it)
    every = [*routes(walked.app.routes)]
    assert len(every) > 60
    for method, path in every:
        if method == "HEAD" or path in ("/admin/logout", "/admin/login", "/admin/account/password"):
            continue
        also = ("own",) if method == "GET" and "-store@" in email else ()
        for which in ("other", *also):
            answer = request(walked, method, path, names[which])
            said = read(answer)
            leaks = [secret for secret in SECRETS if secret in said]
            assert not leaks, f"{method} {path} as {email} ({which}): {leaks}"
            assert answer.status_code < 500, f"{method} {path} as {email}"
    assert ask(walked, _all_of_it) == before
    noted = ask(walked, lambda c: activity.search(c, ActivityFilter(email=email), limit=999))
    assert {act.store for act in noted} <= {None, "summit"}


@pytest.mark.parametrize("email", ["owner-store@x.example", "owner-group@x.example"])
def test_another_store_answers_like_one_that_is_not_there(walked, names, email):
    sign_in_as(walked, email)
    for method, path in routes(walked.app.routes):
        # what offers a new secret each time names no store
        new = path == "/admin/account/second-factor"
        if not path.startswith("/admin") or method != "GET" or new:
            continue
        found, missing = (request(walked, method, path, names[n]) for n in ("other", "missing"))
        assert found.status_code == missing.status_code, path
        alike = [read(found).partition("date")[0], read(missing).partition("date")[0]]
        for own, other in zip(names["other"], names["missing"], strict=True):
            alike = [text.replace(own, "-").replace(other, "-") for text in alike]
        assert alike[0] == alike[1], path


def test_whoever_sees_all_stores_sees_the_other_one(walked, names):
    """Without this the tests above would pass on pages that say nothing to anybody."""
    sign_in_as(walked, "owner@x.example")
    answers = [
        read(request(walked, method, path, names["other"]))
        for method, path in routes(walked.app.routes)
        if method == "GET" and path.startswith("/admin")
    ]
    assert all(any(secret in said for said in answers) for secret in SECRETS)


def test_every_changing_route_refuses_what_began_on_another_site(walked, names):
    sign_in_as(walked, "owner@x.example")
    before = ask(walked, _all_of_it)
    # the API asks for a bearer token, which no browser sends by itself
    every = [one for one in routes(walked.app.routes) if not one[1].startswith("/api/")]
    changing = [(method, path) for method, path in every if method not in ("GET", "HEAD")]
    assert len(changing) > 20
    for method, path in changing:
        for headers in (
            *({"Origin": "https://evil.example"}, {"Origin": "null"}, {}),
            {"Sec-Fetch-Site": "cross-site", **HERE},
        ):
            answer = request(walked, method, path, names["own"], headers)
            # Of the API a session opens nothing, wherever the request began.
            refused = 401 if path.startswith("/api/") else 403
            assert answer.status_code == refused, f"{method} {path} with {headers}"
            assert "set-cookie" not in answer.headers
    assert ask(walked, _all_of_it) == before


def test_a_stranger_is_led_to_the_door_from_everywhere(walked, names):
    walked.cookies.clear()
    before = ask(walked, _all_of_it)
    for method, path in routes(walked.app.routes):
        outside = path == "/admin/login" or path.startswith("/admin/invitation/")
        if path.startswith("/admin/") and not outside:
            answer = request(walked, method, path, names["own"])
            assert answer.headers["location"].startswith("/admin/login"), f"{method} {path}"
    assert ask(walked, _all_of_it) == before
