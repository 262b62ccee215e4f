"""What every operation passes: token, pace, scope, query, body; and errors as JSON.

No cookie is read, so no other site can use a visitor's browser to get in, and no other site is let
to read an answer: there is no CORS header.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from consent import accounts, activity, storefile, tokens
from consent.errors import (
    ConflictError,
    DataError,
    NotFoundError,
    RefusedError,
    TooLargeError,
    UnavailableError,
)
from consent.model import Token, User
from consent.web import errors
from consent.web.admin import access
from consent.web.api.operation import JSON, TOML, Ask, Operation, Order, Reply
from consent.web.api.pace import Pace
from consent.web.responses import NO_STORE, NOSNIFF, Answer
from consent.web.services import Services

BODY_BYTES = 512 * 1024
"""The most that an operation reads: a store with code of its own is some ten thousand."""
POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
CHALLENGE = (b"www-authenticate", b'Bearer realm="pixelgate"')

Endpoint = Callable[[Request], Awaitable[Response]]


def endpoint(services: Services, operations: Mapping[str, Operation], pace: Pace) -> Endpoint:
    """The endpoint of one path.

    Args:
        services: the wiring.
        operations: by method.
        pace: of all tokens.
    """

    async def answered(request: Request) -> Response:
        try:
            return await _answer(services, operations[request.method], pace, request)
        except Exception as error:
            return fault(error)

    return answered


def fault(error: Exception) -> Response:
    """``error`` as ``{"error", "detail"}``; the status comes from the one table."""
    if isinstance(error, ConflictError) and error.code == "moved":
        error = RefusedError("stale", error.detail)
    elif isinstance(error, DataError):
        error = RefusedError("malformed_file", "; ".join(str(error).splitlines()))
    challenge = [CHALLENGE] if errors.code_of(error) == "no_token" else []
    return errors.answer(error, [POLICY, *challenge]).as_response()


async def _answer(
    services: Services, operation: Operation, pace: Pace, request: Request
) -> Response:
    token, user = await _who(services, request)
    pace.take(token.id)
    await _note_used(services, token)
    user = access.using(user, token, operation.scope)
    path = _path(request)
    common = (request, services, user, token, path, _query(operation, request))
    if operation.method == "GET":
        acts: list[activity.Act] = []
        async with services.database.read() as c:
            own = await access.own(c, user)
            reply = await operation.act(Ask(*common, c, acts, own))
        await _note(services, user, acts)
    else:
        reply = await operation.act(Order(*common, await _body(operation, request)))
    return reply if isinstance(reply, Response) else _response(reply)


def _response(reply: Any) -> Response:
    content, tag, media, status = reply if isinstance(reply, Reply) else Reply(reply)
    headers = [(b"content-type", media.encode()), NOSNIFF, NO_STORE, POLICY]
    if tag:
        headers.append((b"etag", f'"{tag}"'.encode()))
    body = content.encode() if media == TOML else msgspec.json.encode(content)
    return Answer(status, headers, body).as_response()


async def _who(services: Services, request: Request) -> tuple[Token, User]:
    """The token, which holds, and its user, who may sign in.

    Raises:
        RefusedError: there is none. Which of the reasons it is, is not said.
    """
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret:
        async with services.database.read() as c:
            token = await tokens.find(c, secret.strip())
            if token is not None and token.holds(services.now()):
                user = await accounts.by_id(c, token.user_id)
                if user is not None and user.disabled_at is None:
                    return token, user
    raise RefusedError("no_token", "authorization: expected Bearer and a token that holds")


async def _note_used(services: Services, token: Token) -> None:
    """Once a day; a storage that takes no writes is no reason to read nothing."""
    today = services.now().date()
    if token.used_on != today:
        with contextlib.suppress(UnavailableError):
            async with services.database.write() as c:
                await tokens.used(c, token.id, today)


async def _note(services: Services, user: User, acts: list[activity.Act]) -> None:
    """Without a note nothing is shown."""
    if acts:
        async with services.database.write() as c:
            await activity.add(c, *acts, by=user, at=services.now())


def _path(request: Request) -> Mapping[str, str]:
    path: Mapping[str, str] = request.path_params
    if any("\0" in part for part in path.values()):
        raise NotFoundError("not_found", "there is nothing at this address")
    return path


def _query(operation: Operation, request: Request) -> Any:
    given = dict(request.query_params)
    if any("\0" in text for text in given.values()):
        raise RefusedError("bad_filter", "query: has a NUL character; expected text")
    try:
        return msgspec.convert(given, operation.query, strict=False)
    except msgspec.ValidationError as error:
        raise RefusedError("bad_filter", f"query: {error}") from error


async def _body(operation: Operation, request: Request) -> Any:
    """What was sent, as the type that the operation takes.

    Raises:
        TooLargeError: more than ``BODY_BYTES``.
        RefusedError: of another media type, no JSON, or not of that type.
        DataError: a file that is none.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    known = (JSON, TOML) if operation.file else (JSON,)
    if operation.body is None:
        return None
    if kind not in known:
        fault = f"content-type: {kind[:60]!r}; expected {' or '.join(known)}"
        raise RefusedError("unsupported_type", fault)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise TooLargeError("too_large", f"body: expected at most {BODY_BYTES} bytes")
    if operation.file:
        # A large one takes a second, which nobody else has to wait for.
        return await anyio.to_thread.run_sync(_file, operation, bytes(body), kind)
    try:
        return msgspec.json.decode(body, type=operation.body)
    except msgspec.ValidationError as error:
        raise RefusedError("bad_body", f"body: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError("malformed_json", f"body: {error}; expected JSON") from error


def _file(operation: Operation, body: bytes, kind: str) -> Any:
    """A store or a group, as its file says it in TOML, or the same content in JSON."""
    name, is_store = operation.file, operation.file == "store"
    try:
        if kind == TOML:
            text = body.decode()
            return storefile.parse(text, name) if is_store else storefile.parse_group(text, name)
        content = msgspec.json.decode(body)
        return storefile.read(content, name) if is_store else storefile.read_group(content, name)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        code = "malformed_json" if kind == JSON else "malformed_file"
        raise RefusedError(code, f"body: {error}; expected {kind}") from error
