"""A body that does not come is not waited for, wherever a visitor may post."""

import asyncio

import pytest

from consent.web import responses
from tests.web.shop import ORIGIN, stored


async def never():
    await asyncio.Event().wait()


def posted(app, path: str) -> tuple[int, bytes]:
    """The status and the body of the answer to a post whose body never comes."""
    said = []

    async def send(message):
        said.append(message)

    headers = [(b"origin", ORIGIN.encode()), (b"content-type", b"text/plain")]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b""}
    asyncio.run(app({**scope, "headers": headers, "client": ("127.0.0.1", 1)}, never, send))
    return said[0]["status"], said[1]["body"]


@pytest.mark.parametrize("what", ["decisions", "seen", "coverage", "receipts/x"])
def test_a_body_that_does_not_come_is_given_up(client, monkeypatch, what):
    monkeypatch.setattr(responses, "BODY_SECONDS", 0.01)
    status, body = posted(client.app, f"/s/summit/{what}")
    assert status == 408
    assert b'"too_slow"' in body
    assert stored(client) == 0
