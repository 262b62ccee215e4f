"""What is wrong with the form of plain values, all of it and in words for their editor.

msgspec stops at the first fault and speaks of objects and fields; whoever edits a file wants the
whole list, in the words of the file.
"""

from __future__ import annotations

import datetime as dt
import difflib
import functools
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import inspect

Fault = tuple[str, str]
"""A dotted key (empty: the whole value), and ``found; accepted``."""

_LONGEST_SHOWN = 60
_info = functools.cache(inspect.type_info)
_PLAIN: Mapping[type[inspect.Type], tuple[Any, str]] = {
    inspect.StrType: (str, "a text"),
    inspect.IntType: (int, "a whole number"),
    inspect.FloatType: (float, "a number"),
    inspect.BoolType: (bool, "true or false"),
    inspect.DateType: (dt.date, "a date such as 2026-01-31"),
    inspect.NoneType: (None, "nothing"),
}


def faults(value: Any, type_: Any, without: Collection[str] = ()) -> Iterator[Fault]:
    """Every reason why ``value`` does not have the form of ``type_``; none when it has.

    Args:
        value: tables as dicts, lists, and plain values.
        type_: structs, tuples, lists, dicts, unions, literals and plain types.
        without: fields of a struct ``type_`` that ``value`` may not have.
    """
    yield from _faults(value, _info(type_), "", frozenset(without))


def _faults(
    value: Any, info: inspect.Type, key: str, without: frozenset[str] = frozenset()
) -> Iterator[Fault]:
    match info:
        case inspect.StructType() if isinstance(value, Mapping):
            yield from _struct_faults(value, info, key, without)
        case inspect.DictType() if isinstance(value, Mapping):
            for name, item in value.items():
                yield from _faults(item, info.value_type, _dotted(key, name))
        case inspect.VarTupleType() | inspect.ListType() if isinstance(value, list | tuple):
            for index, item in enumerate(value):
                yield from _faults(item, info.item_type, f"{key}[{index}]")
        case inspect.UnionType():
            yield from _union_faults(value, info, key)
        case _ if not _fits(value, info):
            yield key, f"found {_shown(value)}; expected {_expected(info)}"


def _struct_faults(
    value: Mapping[str, Any], info: inspect.StructType, key: str, without: frozenset[str]
) -> Iterator[Fault]:
    fields = {field.encode_name: field for field in info.fields if field.encode_name not in without}
    for name in value:
        if name not in fields and info.forbid_unknown_fields:
            near = difflib.get_close_matches(name, fields, 1)
            like = f", perhaps {near[0]}" if near else ""
            yield _dotted(key, name), f"unknown{like}; known are {', '.join(fields)}"
    for name, field in fields.items():
        if name in value:
            yield from _faults(value[name], field.type, _dotted(key, name))
        elif field.required:
            yield _dotted(key, name), f"missing; expected {_expected(field.type)}"


def _union_faults(value: Any, info: inspect.UnionType, key: str) -> Iterator[Fault]:
    """None if one of the types fits; the faults inside it if there is only one to mean."""
    tried = [list(_faults(value, one, key)) for one in info.types]
    if not all(tried):
        return
    for found in tried:
        if any(where != key for where, _ in found):
            yield from found
            return
    yield key, f"found {_shown(value)}; expected {_expected(info)}"


def _fits(value: Any, info: inspect.Type) -> bool:
    match info:
        case inspect.LiteralType():
            return value in info.values
        case inspect.StructType() | inspect.DictType():
            return False
        case inspect.VarTupleType() | inspect.ListType():
            return False
    if type(info) not in _PLAIN:
        return True
    try:
        msgspec.convert(value, _PLAIN[type(info)][0])
    except msgspec.ValidationError:
        return False
    return True


def _expected(info: inspect.Type) -> str:
    match info:
        case inspect.StructType():
            required = [field.encode_name for field in info.fields if field.required]
            return f"a table with {', '.join(required)}" if required else "a table"
        case inspect.DictType():
            return "a table"
        case inspect.VarTupleType() | inspect.ListType():
            return f"a list, each {_expected(info.item_type)}"
        case inspect.LiteralType():
            return f"one of {', '.join(map(str, info.values))}"
        case inspect.UnionType():
            return " or ".join(map(_expected, info.types))
    return _PLAIN[type(info)][1] if type(info) in _PLAIN else "another value"


def _shown(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case Mapping():
            return "a table"
        case list() | tuple():
            return "a list"
        case str():
            short = value[: _LONGEST_SHOWN - 3] + "..." if len(value) > _LONGEST_SHOWN else value
            return repr(short)
    return str(value)


def _dotted(key: str, name: object) -> str:
    return f"{key}.{name}" if key else str(name)
