"""The OpenAPI document says what there is, and the API answers as it says."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import msgspec
import pytest
from starlette.routing import Mount, Route

from consent.pack import pictures
from consent.web import api, errors
from consent.web.api import openapi, pace
from consent.web.app import App
from tests.conftest import Clock
from tests.web.admin.stage import NOW, Story, open_app
from tests.web.api.caller import OWNER

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.python import asgi
    from schemathesis.specs.openapi import checks

TABLE = api.operations(None)
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture
def app(story: Story, tmp_path: Path, monkeypatch) -> Iterator[App]:
    monkeypatch.setattr(pace, "REQUESTS", 10**9)
    monkeypatch.setattr(pictures, "png", _no_picture)
    yield open_app(story.copy(tmp_path), Clock(NOW), tmp_path)
    asgi.shutdown_lifespans()


async def _no_picture(page: str) -> None:
    """A browser draws one in seconds."""


def test_the_document_has_every_route_and_no_other(client):
    mount = next(
        one for one in client.app.routes if isinstance(one, Mount) and one.path == "/api/v1"
    )
    routed = {
        (route.path, method)
        for route in mount.routes
        if isinstance(route, Route)
        for method in route.methods
        if route.path != "/openapi.json"
    }
    document = client.get("/api/v1/openapi.json").json()
    told = {(path, method.upper()) for path, of in document["paths"].items() for method in of}
    assert told == routed - {("/openapi.json", "HEAD")} == {(o.path, o.method) for o in TABLE}
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": "/api/v1"}]


def test_every_operation_says_all_of_itself(client):
    document = client.get("/api/v1/openapi.json").json()
    names = [of["operationId"] for path in document["paths"].values() for of in path.values()]
    assert sorted(names) == sorted(one.name for one in TABLE)
    assert len(set(names)) == len(names)
    for one in TABLE:
        told = document["paths"][one.path][one.method.lower()]
        assert told["summary"] == one.says
        assert (one.scope or "Any token") in told["description"]
        parameters = {(each["in"], each["name"]) for each in told["parameters"]}
        assert {("path", name) for name in re.findall(r"{(\w+)}", one.path)} <= parameters
        fields = {field.encode_name for field in msgspec.structs.fields(one.query)}
        assert fields == {name for kind, name in parameters if kind == "query"}
        assert ("requestBody" in told) is (one.body is not None)


def test_every_reference_leads_somewhere(client):
    answer = client.get("/api/v1/openapi.json")
    schemas = answer.json()["components"]["schemas"]
    assert set(re.findall(r'"#/components/schemas/([^"]+)"', answer.text)) <= set(schemas)
    assert "stated" not in schemas["StoreConfig"]["properties"]


def test_every_status_that_is_told_is_one_of_the_table():
    known = {status for _, status in errors.STATUS} | set(errors.CODES.values()) | {500}
    assert {status for one in TABLE for status in openapi.statuses(one)} <= known
    assert set(openapi.REFUSALS) <= known


def test_nothing_else_is_taken(client, call):
    answer = call("/stores/summit/draft", method="DELETE")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "PUT"}
    assert call("/stores/summit/draft", method="HEAD").status_code == 405
    assert call("/nothing").json()["error"] == "not_found"


def test_whatever_is_sent_is_answered_as_described(app, story):
    explore(app, story, examples=2)


@pytest.mark.soak
def test_whatever_is_sent_is_answered_as_described_for_long(app, story):
    explore(app, story, examples=400)


def explore(app: App, story: Story, *, examples: int) -> None:
    """Sends each operation what its description allows, and what it does not."""
    headers = {"Authorization": f"Bearer {story.secrets[OWNER]}"}
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    found = [result.ok() for result in schema.get_all_operations()]
    assert len(found) == len(TABLE)
    for operation in found:
        _send(operation, headers, story, examples)


def _send(operation, headers, story: Story, examples: int) -> None:
    real = {"store": "summit", "id": str(story.summit[0]), "number": 1, "group": "outdoor"}

    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(
        case=hypothesis.strategies.one_of(
            operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode
        ),
        there=hypothesis.strategies.booleans(),
    )
    def send(case, there):
        if there:
            for name in set(case.path_parameters or ()) & set(real):
                case.path_parameters[name] = real[name]
        case.call_and_validate(headers=headers, checks=CHECKS)

    send()
