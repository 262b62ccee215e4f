"""What everything that a visitor's page posts has to pass: its origin, its type and its form."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from starlette.types import Scope

from consent.errors import ForbiddenError, RefusedError
from consent.model import Version
from consent.web.responses import Answer, Headers, header

Post = TypeVar("Post", bound=msgspec.Struct)

VARY_ORIGIN = (b"vary", b"Origin")
PREFLIGHT_SECONDS = 86_400


def allowed_origin(scope: Scope, version: Version) -> bytes:
    """The request's ``Origin``, when it is exactly one of the store's.

    Raises:
        ForbiddenError: it is another one, there is none, or there are several.
    """
    origins = [value for name, value in scope["headers"] if name == b"origin"]
    if len(origins) == 1 and origins[0].decode("latin-1") in version.config.origins:
        return bytes(origins[0])
    found = repr(origins[0].decode("latin-1")[:200]) if origins else "none"
    raise ForbiddenError(
        "forbidden_origin", f"origin: {found}; expected one that the store is registered for"
    )


def preflight(cross_origin: Headers) -> Answer:
    """That JSON may be posted, with the headers ``cross_origin`` for the page that asks."""
    return Answer(
        204,
        [
            *cross_origin,
            (b"access-control-allow-methods", b"POST"),
            (b"access-control-allow-headers", b"content-type"),
            (b"access-control-max-age", str(PREFLIGHT_SECONDS).encode()),
        ],
        b"",
    )


def check_type(scope: Scope) -> None:
    """Nothing for JSON, or for text/plain, with which a browser needs no preflight.

    Raises:
        RefusedError: it is anything else.
    """
    said = (header(scope, b"content-type") or b"").partition(b";")[0].strip().lower()
    if said not in (b"application/json", b"text/plain"):
        raise RefusedError(
            "unsupported_type", "content-type: expected application/json or text/plain"
        )


def decode(decoder: msgspec.json.Decoder[Post], body: bytes, code: str) -> Post:
    """The post in ``body``; ``code`` is that of the refusal of one with a wrong field.

    Raises:
        RefusedError: not JSON, a field that is unknown, missing or of the wrong type.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        fault, _, where = str(error).partition(" - at `$.")
        where = where.rstrip("`")
        if where == "grants" and "unknown field" in fault:
            code = "unknown_purpose"
        raise RefusedError(code, f"{where or 'body'}: {fault}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RefusedError(
            "malformed_json", "body: not JSON in UTF-8; expected one object"
        ) from None
