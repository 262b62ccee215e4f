"""Reading a posted form."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl

from starlette.requests import Request

from consent.errors import RefusedError, TooLargeError

BODY_BYTES = 8 * 1024
SIGNED_IN_BYTES = 64 * 1024
"""Room for a vendor's whole snippet in the field of an id."""
FIELD_BYTES = 180
"""There may be a field for each so many bytes that a form may have."""


async def fields(request: Request, most: int = BODY_BYTES) -> dict[str, str]:
    """The fields of a posted form; the last of two with one name counts.

    Raises:
        TooLargeError: more than ``most`` bytes.
        RefusedError: it is not a form.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise RefusedError("unsupported_type", f"content-type is {kind[:60]!r}; expected a form")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TooLargeError("too_large", f"body: too long; expected at most {most} bytes")
    try:
        found = dict(
            parse_qsl(
                body.decode("utf-8"), keep_blank_values=True, max_num_fields=most // FIELD_BYTES
            )
        )
    except ValueError as error:
        raise RefusedError("malformed_form", "body: cannot be read; expected a form") from error
    check_text(found.values())
    return found


def check_text(values: Iterable[object]) -> None:
    """Nothing when every text can be looked for in either database: PostgreSQL takes no NUL.

    Raises:
        RefusedError: one has a NUL.
    """
    if any(isinstance(value, str) and "\0" in value for value in values):
        raise RefusedError("malformed_text", "request: a NUL in it; expected text")
