"""The one table from errors to HTTP. Every error leaves as ``{"error": code, "detail": sentence}``.

An error that nobody foresaw says ``internal`` and a number, nothing else. The log says under that
number where it was raised, without its message, since that may hold what a visitor sent.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from consent.errors import (
    ConflictError,
    ConsentError,
    ForbiddenError,
    GoneError,
    NotFoundError,
    RefusedError,
    ThrottledError,
    TooLargeError,
    UnavailableError,
)
from consent.web.logs import told
from consent.web.responses import Answer, Headers, json_answer

STATUS: tuple[tuple[type[ConsentError], int], ...] = (
    (NotFoundError, 404),
    (GoneError, 410),
    (ForbiddenError, 403),
    (TooLargeError, 413),
    (ConflictError, 409),
    (ThrottledError, 429),
    (RefusedError, 422),
    (UnavailableError, 503),
)
"""The first row whose class fits gives the status; no row fits: 500."""

CODES = {
    "bad_filter": 400,
    "no_token": 401,
    "malformed_json": 400,
    "incomplete": 400,
    "method_not_allowed": 405,
    "too_slow": 408,
    "stale": 412,
    "unsupported_type": 415,
    "no_condition": 428,
}
"""Codes of a ``RefusedError`` for which HTTP has a status of its own."""

RETRY_SECONDS = 2
"""What a page is told to wait when storage is away."""

_log = structlog.get_logger("web")


def answer(error: Exception, headers: Iterable[tuple[bytes, bytes]] = ()) -> Answer:
    """The response for ``error``; one that nobody foresaw is logged."""
    code, detail = words(error)
    content = {"error": code, "detail": detail}
    return json_answer(status_of(error), content, [*headers, *retry_headers(error)])


def words(error: Exception) -> tuple[str, str]:
    """The code and the sentence that may be told; an error that nobody foresaw is logged."""
    if isinstance(error, RefusedError):
        return error.code, error.detail
    if isinstance(error, UnavailableError):
        return code_of(error), "storage: cannot answer now; try again"
    return code_of(error), f"look for {log_unforeseen(error)} in the log of the service"


def code_of(error: Exception) -> str:
    """The word by which programs tell errors apart."""
    if isinstance(error, RefusedError):
        return error.code
    return "unavailable" if isinstance(error, UnavailableError) else "internal"


def status_of(error: Exception) -> int:
    if isinstance(error, RefusedError) and error.code in CODES:
        return CODES[error.code]
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def log_unforeseen(error: Exception) -> str:
    """Says in the log what was raised and where; never its message or its values.

    Returns:
        The number of that line, which whoever made the request may be told.
    """
    number = secrets.token_hex(6)
    _log.error("request failed", number=number, **told(error))
    return number


def retry_headers(error: Exception) -> Headers:
    """When to come back, for errors that pass."""
    if isinstance(error, ThrottledError):
        return [(b"retry-after", str(error.retry_after_seconds).encode())]
    if isinstance(error, UnavailableError):
        return [(b"retry-after", str(RETRY_SECONDS).encode())]
    return []


def _handle(request: Request, error: Exception) -> Response:
    return answer(error).as_response()


def _handle_http(request: Request, error: Exception) -> Response:
    """Starlette's own refusals: no route, or a method that the route does not take."""
    if not isinstance(error, HTTPException):
        return _handle(request, error)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
    sent = json_answer(
        error.status_code,
        {"error": code, "detail": error.detail},
        [(name.lower().encode(), text.encode()) for name, text in (error.headers or {}).items()],
    )
    return sent.as_response()


HANDLERS: dict[type[Exception] | int, ExceptionHandler] = {
    ConsentError: _handle,
    HTTPException: _handle_http,
    Exception: _handle,
}
"""For Starlette's ``exception_handlers``."""
