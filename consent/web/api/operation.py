"""What an operation of the API is. The door, the routes and the OpenAPI document all go by it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request

from consent import bulk
from consent.activity import Act
from consent.errors import RefusedError
from consent.model import Scope, Token, User
from consent.web.services import Services

JSON, TOML = "application/json", "application/toml"
PAGE, MOST = 50, 500
"""How many of a list one answer has where the query does not say, and at most."""

Limit = Annotated[int, Meta(ge=1, le=MOST)]
Text = Annotated[str, Meta(max_length=200)]
Before = Annotated[int, Meta(ge=1, le=2**62)]


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A query without parameters."""


class Ask(NamedTuple):
    """A request that reads. What it appends to ``acts`` is noted before its answer goes out."""

    request: Request
    services: Services
    user: User
    token: Token
    path: Mapping[str, str]
    query: Any
    connection: AsyncConnection
    acts: list[Act]
    own: tuple[str, ...] | None
    """The keys of the stores that are seen; None for every store there is."""

    def sees(self, store: str) -> bool:
        return self.own is None or store in self.own


class Order(NamedTuple):
    """A request that changes something. No connection is open, so that it may write."""

    request: Request
    services: Services
    user: User
    token: Token
    path: Mapping[str, str]
    query: Any
    body: Any

    def match(self) -> str:
        """What the sender has seen, as ``If-Match`` says.

        Raises:
            RefusedError: it does not say.
        """
        return _tag(self.request, "if-match")

    def match_or_none(self) -> str:
        """As ``match``; an empty text where ``If-None-Match: *`` says that nothing is there yet."""
        if self.request.headers.get("if-none-match") == "*":
            return ""
        return self.match()


class Reply(NamedTuple):
    """An answer that is more than its content. ``tag``: what ``If-Match`` may say of it later."""

    content: Any
    tag: str = ""
    media: str = JSON
    status: int = 200


class Operation(NamedTuple):
    """One method of one path.

    ``answer`` is the type of what ``act`` gives, as JSON. ``media`` are other types that it gives
    too. ``body`` is the type of what it takes; with ``file`` also in TOML, as a file of that kind.
    ``match``: whether it wants ``If-Match``, or takes ``If-None-Match`` instead.
    """

    name: str
    method: Literal["GET", "PUT", "POST"]
    path: str
    scope: Scope | None
    act: Callable[[Any], Awaitable[Any]]
    says: str
    answer: Any
    query: type[msgspec.Struct] = Nothing
    body: Any = None
    file: Literal["", "store", "group"] = ""
    media: tuple[str, ...] = (JSON,)
    match: Literal["", "required", "or none"] = ""
    also: tuple[int, ...] = ()
    """Statuses of success beside 200."""


def files(services: Services) -> bulk.Files:
    return bulk.Files(services.platforms, services.regions, services.texts)


def _tag(request: Request, name: str) -> str:
    found = request.headers.get(name)
    if found is None:
        raise RefusedError("no_condition", f"{name}: missing; expected the etag of what was seen")
    return found.strip().removeprefix('"').removesuffix('"') or "none"
