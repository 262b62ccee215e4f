"""The API: what CLI and pages can do, as JSON, for programs with a token."""

from __future__ import annotations

import functools

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consent.web.admin.checking import Turns
from consent.web.api import (
    door,
    experiments,
    figures,
    groups,
    house,
    law,
    openapi,
    people,
    proofs,
    records,
    schedules,
    stores,
    versions,
)
from consent.web.api.operation import Operation
from consent.web.api.pace import Pace
from consent.web.responses import JSON as JSON_HEADER
from consent.web.responses import NO_STORE, NOSNIFF, Answer
from consent.web.services import Services


def operations(turns: Turns) -> tuple[Operation, ...]:
    """The whole table. ``turns``: how many pages may be looked at."""
    return (
        *stores.OPERATIONS,
        *versions.OPERATIONS,
        *schedules.OPERATIONS,
        *law.OPERATIONS,
        *groups.OPERATIONS,
        *figures.OPERATIONS,
        *experiments.OPERATIONS,
        *proofs.OPERATIONS,
        *records.OPERATIONS,
        *people.OPERATIONS,
        *house.operations(turns),
    )


def routes(services: Services, base: str) -> list[Route]:
    """What is mounted at ``base``. All but the OpenAPI document needs a token."""
    table, pace = operations(Turns(services.now)), Pace(services.now)

    @functools.cache  # not at the start, which would take a tenth longer
    def described() -> Answer:
        document = msgspec.json.encode(openapi.document(table, base))
        return Answer(200, [JSON_HEADER, NOSNIFF, NO_STORE, door.POLICY], document)

    async def show(request: Request) -> Response:
        return described().as_response()

    found = [Route("/openapi.json", show, methods=["GET"])]
    for path in dict.fromkeys(one.path for one in table):
        methods: dict[str, Operation] = {one.method: one for one in table if one.path == path}
        answer = door.endpoint(services, methods, pace)
        route = Route(path, answer, methods=list(methods))
        # An answer to HEAD would be made and noted like one to GET, and then thrown away.
        (route.methods or set()).discard("HEAD")
        found.append(route)
    return found
