"""Answers as plain ASGI messages, for the endpoints that every page view reaches.

A prepared answer is two dictionaries that are sent as they are: what can be made once is not made
for each request. Admin pages use Starlette's own responses instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import Iterable
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from consent.errors import RefusedError, TooLargeError

Headers = list[tuple[bytes, bytes]]

BODY_SECONDS = 20.0
SKIP_SECONDS = 3.0
"""How long the body of a post is waited for that is refused by its head."""
BODY_BYTES = 16 * 1024
"""The most that a visitor endpoint reads. A decision is about 400 bytes."""

_READ = "pixelgate.body"

NOSNIFF = (b"x-content-type-options", b"nosniff")
NO_STORE = (b"cache-control", b"no-store")
JSON = (b"content-type", b"application/json")


class Answer:
    """A whole response, ready to be sent any number of times.

    Args:
        status: of HTTP.
        headers: lower-case names; ``content-length`` is added unless there is no body by rule.
        body: the bytes as they go out.
    """

    __slots__ = ("_body", "_start")

    def __init__(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        all_headers = list(headers)
        if status not in (204, 304):
            all_headers.append((b"content-length", str(len(body)).encode()))
        self._start: Message = {
            "type": "http.response.start",
            "status": status,
            "headers": all_headers,
        }
        self._body: Message = {"type": "http.response.body", "body": body}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(self._start)
        await send(EMPTY if scope["method"] == "HEAD" else self._body)

    def with_header(self, header: tuple[bytes, bytes]) -> Answer:
        """The same for one request, with ``header`` too. This one stays as it is for all others."""
        other = copy.copy(self)
        other._start = {**self._start, "headers": [*self._start["headers"], header]}
        return other

    def as_response(self) -> Response:
        """The same, where Starlette wants one of its own."""
        response = Response(self._body["body"], self._start["status"])
        response.raw_headers = self._start["headers"]
        return response


EMPTY: Message = {"type": "http.response.body", "body": b""}


def json_answer(status: int, content: Any, headers: Iterable[tuple[bytes, bytes]] = ()) -> Answer:
    """``content`` as JSON that no cache keeps."""
    return Answer(status, [JSON, NOSNIFF, NO_STORE, *headers], msgspec.json.encode(content))


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header called ``name`` (lower case), or None."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


def require_method(scope: Scope, headers: Headers, *methods: str) -> None:
    """Nothing when the request's method is one of ``methods``.

    Args:
        scope: the request's.
        headers: of the answer, which get ``Allow`` when the request is refused.
        methods: in upper case.

    Raises:
        RefusedError: another method.
    """
    if scope["method"] not in methods:
        headers.append((b"allow", ", ".join(methods).encode()))
        raise RefusedError("method_not_allowed", f"method: expected {' or '.join(methods)}")


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """The request's body.

    Raises:
        TooLargeError: it is longer than ``BODY_BYTES``, said or unsaid; the rest is not read.
        RefusedError: the sender went away before its end, or took ``BODY_SECONDS`` over it.
    """
    scope[_READ] = True
    said = header(scope, b"content-length")
    if said is not None and said.isdigit() and int(said) > BODY_BYTES:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RefusedError("incomplete", "body: ended early; expected all of it")
                body += message.get("body", b"")
                if len(body) > BODY_BYTES:
                    raise _too_large()
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        late = f"body: did not come; expected all of it within {BODY_SECONDS:g} seconds"
        raise RefusedError("too_slow", late) from None


async def skip_body(scope: Scope, receive: Receive) -> None:
    """Lets the body come of a request that is refused before anyone has read it; too long or too
    late, it does not matter any more.

    A connection that is closed first is reset by bytes that still come, and who sent them may never
    see why it was refused.
    """
    if _READ in scope:
        return
    with contextlib.suppress(RefusedError, TooLargeError, TimeoutError):
        async with asyncio.timeout(SKIP_SECONDS):
            await read_body(scope, receive)


def _too_large() -> TooLargeError:
    return TooLargeError("too_large", f"body: too long; expected at most {BODY_BYTES} bytes")
