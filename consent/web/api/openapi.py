"""The OpenAPI document, made from the table of operations and from their types alone.

Source: https://spec.openapis.org/oas/v3.1.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from consent import __version__
from consent.model import KEY_PATTERN
from consent.web.api.operation import JSON, TOML, Operation

_REF = "#/components/schemas/{name}"
_PLACES: dict[str, dict[str, Any]] = {
    "store": {"type": "string", "pattern": KEY_PATTERN},
    "group": {"type": "string", "pattern": KEY_PATTERN},
    "user": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "number": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "id": {"type": "string", "format": "uuid"},
    "visitor": {"type": "string", "format": "uuid"},
}
"""What may stand in a path, by name."""

REFUSALS = {
    400: "The query or the body cannot be read.",
    401: "There is no token, or none that holds.",
    403: "The token is not good for it, or its user may not do it.",
    404: "There is no such thing, or it is none of the user's.",
    410: "It was erased: when, by whom and why.",
    409: "The id is taken by other content.",
    412: "What was seen is not what is there.",
    413: "The body is too large.",
    415: "The body is of another media type.",
    422: "What was sent is refused, with every reason.",
    428: "It has to be said what was seen.",
    429: "Too many requests.",
    500: "It failed, and the log of the service says why.",
    503: "Storage, or another server, does not answer.",
}


class Error(msgspec.Struct, frozen=True):
    """``error`` is a stable word for programs, ``detail`` a sentence for people."""

    error: str
    detail: str


def document(operations: Sequence[Operation], base: str) -> dict[str, Any]:
    """What the API is, for programs.

    Args:
        operations: the whole table.
        base: the path below which they are.
    """
    types = list(dict.fromkeys(_types(operations)))
    _, components = msgspec.json.schema_components(types, ref_template=_REF)
    # What a store's file states is found by reading it; nobody sends it.
    components["StoreConfig"]["properties"].pop("stated")
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pixelgate",
            "version": __version__,
            "description": "Consent management: stores, law, rates and the ledger of decisions.",
        },
        "servers": [{"url": base}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def statuses(operation: Operation) -> tuple[int, ...]:
    """Every status with which an operation may refuse."""
    found = {400, 401, 403, 404, 422, 429, 500, 503}
    if operation.method != "GET":
        found.add(409)
    if operation.body is not None:
        found |= {413, 415}
    if operation.match or operation.name == "groups.apply":
        found |= {412, 428}
    if operation.name.startswith("evidence."):
        found.add(413)
    if one_decision(operation):
        found.add(410)
    return tuple(sorted(found))


def one_decision(operation: Operation) -> bool:
    return operation.path.startswith("/ledger/{id}")


def _types(operations: Sequence[Operation]) -> Iterator[Any]:
    yield Error
    for one in operations:
        yield from (type_ for type_ in (one.answer, one.body) if type_ is not None)


def _operation(one: Operation) -> dict[str, Any]:
    content: dict[str, Any] = {media: _content(one.answer, media) for media in one.media}
    answer: dict[str, Any] = {"description": one.says, "content": content}
    if one.match or one.name.endswith(("draft.get", "template.get")):
        tag = {"schema": {"type": "string"}, "description": "What If-Match may say of it later."}
        answer["headers"] = {"ETag": tag} if one.name.endswith((".get", ".put")) else {}
    said: dict[str, Any] = {
        "operationId": one.name,
        "tags": [one.name.partition(".")[0]],
        "summary": one.says,
        "description": f"Scope: `{one.scope}`." if one.scope else "Any token.",
        "parameters": [*_in_path(one), *_in_query(one), *_in_headers(one)],
        "responses": {
            **{str(status): answer for status in (200, *one.also)},
            **{str(status): _refusal(status) for status in statuses(one)},
        },
    }
    if one.body is not None:
        kinds = (JSON, TOML) if one.file else (JSON,)
        body = {media: _content(one.body, media) for media in kinds}
        said["requestBody"] = {"required": True, "content": body}
    return said


def _content(type_: Any, media: str) -> dict[str, Any]:
    if media != JSON:
        return {"schema": {"type": "string"}}
    return {"schema": {"$ref": _REF.format(name=type_.__name__)}}


def _refusal(status: int) -> dict[str, Any]:
    return {"description": REFUSALS[status], "content": {JSON: _content(Error, JSON)}}


def _in_path(one: Operation) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", one.path):
        yield {"name": name, "in": "path", "required": True, "schema": _PLACES[name]}


def _in_query(one: Operation) -> Iterator[dict[str, Any]]:
    schema = msgspec.json.schema(one.query, ref_template=_REF)
    found = schema["$defs"][one.query.__name__] if "$defs" in schema else schema
    required = found.get("required", ())
    for name, described in found["properties"].items():
        yield {"name": name, "in": "query", "required": name in required, "schema": described}


def _in_headers(one: Operation) -> Iterator[dict[str, Any]]:
    tag = {"type": "string", "pattern": '^"[0-9a-f]{64}"$'}
    if one.match:
        needed = one.match == "required"
        yield {"name": "If-Match", "in": "header", "required": needed, "schema": tag}
    if one.match == "or none":
        star = {"type": "string", "const": "*"}
        yield {"name": "If-None-Match", "in": "header", "required": False, "schema": star}
