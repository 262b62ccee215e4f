"""What holds in a store of a group: its own words, and the template's for what they leave out.

A key that the store's file does not state is the template's; ``StoreConfig.stated`` names those
that the file states though they say the default. Region rules are not put
together here: a place looks in both, the store's first (``model.Rules``). Of texts each word counts
by itself.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from consent.model import StoreConfig, Template

T = TypeVar("T", bound=msgspec.Struct)


def effective(own: StoreConfig, template: Template | None) -> StoreConfig:
    """``own`` with what it leaves out from ``template``; its region rules are ``own``'s alone."""
    if template is None:
        return own
    inherited: dict[str, Any] = {}
    for field in fields(Template):
        if field.name != "regions":
            mine, shared = getattr(own, field.name), getattr(template, field.name)
            inherited[field.name] = _joined(mine, shared, field, field.name, own.stated)
    return msgspec.structs.replace(own, **inherited)


def restated(own: StoreConfig, template: Template | None, values: Mapping[str, Any]) -> StoreConfig:
    """``own``, so that with ``template`` each dotted key of ``values`` says what stands there.

    What the template says already is left to it.
    """
    kept = set(own.stated)
    for key, value in values.items():
        usual = _at(StoreConfig(own.key, own.name, own.origins), key)
        shared = usual if template is None else _at(template, key)
        own = _put(own, key.split("."), usual if value == shared else value)
        kept.discard(key)
        if value == usual != shared:
            kept.add(key)
    if kept == set(own.stated):
        return own
    return msgspec.structs.replace(own, stated=tuple(sorted(kept)))


def _at(value: Any, key: str) -> Any:
    for name in key.split("."):
        value = getattr(value, name)
    return value


def _put(struct: T, path: Sequence[str], value: Any) -> T:
    name, *rest = path
    inner = _put(getattr(struct, name), rest, value) if rest else value
    return msgspec.structs.replace(struct, **{name: inner})


def stated(content: Mapping[str, Any], struct: type[msgspec.Struct]) -> tuple[str, ...]:
    """The dotted keys that ``content``, a store's file as plain values, states as the default."""
    return tuple(_stated(content, struct, ""))


@functools.cache
def fields(struct: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """What ``struct`` has. Kept, as msgspec reads the annotations anew each time it is asked."""
    return msgspec.structs.fields(struct)


def default(field: msgspec.structs.FieldInfo) -> Any:
    """What a missing key says; ``msgspec.NODEFAULT`` for one that may not be missing."""
    made = field.default_factory
    return field.default if made is msgspec.NODEFAULT else made()


def _stated(content: Mapping[str, Any], struct: type[msgspec.Struct], above: str) -> Iterator[str]:
    for field in fields(struct):
        if field.name not in content:
            continue
        value, usual = content[field.name], default(field)
        if isinstance(usual, msgspec.Struct) and isinstance(value, Mapping):
            yield from _stated(value, type(usual), f"{above}{field.name}.")
        elif usual == (tuple(value) if isinstance(value, list) else value):
            yield f"{above}{field.name}"


def _joined(
    mine: Any, shared: Any, field: msgspec.structs.FieldInfo, key: str, kept: tuple[str, ...]
) -> Any:
    if isinstance(mine, msgspec.Struct):
        if not kept and mine == default(field):
            return shared
        return _joined_struct(mine, shared, key, kept)
    if isinstance(mine, dict):
        return {
            language: {**shared.get(language, {}), **mine.get(language, {})}
            for language in dict.fromkeys((*shared, *mine))
        }
    return shared if mine == default(field) and key not in kept else mine


def _joined_struct(mine: T, shared: T, above: str, kept: tuple[str, ...]) -> T:
    changes = {
        field.name: _joined(
            getattr(mine, field.name),
            getattr(shared, field.name),
            field,
            f"{above}.{field.name}",
            kept,
        )
        for field in fields(type(mine))
    }
    return msgspec.structs.replace(mine, **changes)
