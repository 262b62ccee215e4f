"""A store as one TOML file: what an operator writes, and what ``store export`` gives back."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from consent import data, inherit
from consent.errors import DataError
from consent.model import Group, Pixel, StoreConfig, Template

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def parse(text: str, file: str) -> StoreConfig:
    """The store that ``text`` describes; its form is checked, its content is not (see ``check``).

    Args:
        text: the content of a store file.
        file: its name, for messages.

    Raises:
        DataError: not TOML.
        DataErrors: with every key that is unknown or missing, and every value of the wrong type.
    """
    return read(data.parse_toml(text, file), file)


def read(content: Any, file: str) -> StoreConfig:
    """As ``parse``, of the file's content as plain values: what JSON has of it."""
    config = data.convert(content, StoreConfig, file=file, without=("stated",))
    if not config.group:
        return config
    return msgspec.structs.replace(config, stated=inherit.stated(content, StoreConfig))


def to_toml(config: StoreConfig) -> str:
    """The file of a store; ``parse`` gives the same store back."""
    return _written(plain(config))


def plain(config: StoreConfig) -> dict[str, Any]:
    """The content of a store's file as plain values; ``read`` gives the same store back."""
    content = _without_defaults(config, config.stated)
    content.pop("stated", None)
    return content


def parse_group(text: str, file: str) -> Group:
    """The group that ``text`` describes: a key, a name, and its template in the same tables.

    Raises:
        DataError: not TOML.
        DataErrors: as ``parse``.
    """
    return read_group(data.parse_toml(text, file), file)


def read_group(content: Any, file: str) -> Group:
    """As ``parse_group``, of the file's content as plain values."""
    if not isinstance(content, dict):
        raise DataError(file, "", "is no table; expected a table with key, name")
    content = dict(content)
    head = {name: content.pop(name) for name in ("key", "name") if name in content}
    named = data.convert(head, Group, file=file, without=("template",))
    template = data.convert(content, Template, file=file)
    return msgspec.structs.replace(named, template=template)


def group_to_toml(group: Group) -> str:
    """The file of a group; ``parse_group`` gives the same group back."""
    return _written(plain_group(group))


def plain_group(group: Group) -> dict[str, Any]:
    """As ``plain``, for a group and ``read_group``."""
    return {"key": group.key, "name": group.name, **_without_defaults(group.template)}


def _written(content: Mapping[str, Any]) -> str:
    tables = {name: value for name, value in content.items() if _is_table(value)}
    lines = [f"{name} = {_value(value)}" for name, value in content.items() if name not in tables]
    for name, value in tables.items():
        lines += _table(name, value)
    return "\n".join(lines) + "\n"


def pixel_toml(pixel: Pixel) -> str:
    """One pixel as it stands in the file of its store."""
    return "\n".join(_table("pixels", [_without_defaults(pixel)])[1:]) + "\n"


def _without_defaults(struct: msgspec.Struct, kept: Collection[str] = ()) -> dict[str, Any]:
    """A struct's fields by name, without those that say what a missing key says.

    ``kept`` are dotted keys of such that are written all the same.
    """
    content: dict[str, Any] = {}
    for field in msgspec.structs.fields(struct):
        value, name = getattr(struct, field.name), field.encode_name
        inner = [key.removeprefix(f"{name}.") for key in kept if key.startswith(f"{name}.")]
        if value != inherit.default(field) or name in kept:
            content[name] = _plain(value)
        if inner:
            content[name] = _without_defaults(value, inner)
    return content


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return _without_defaults(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _is_table(value: Any) -> bool:
    if isinstance(value, Mapping):
        return True
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value)


def _table(name: str, value: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines of ``[name]``, of each ``[[name]]``, or of each ``[name.key]`` inside it."""
    if not isinstance(value, Mapping):
        return [line for item in value for line in ["", f"[[{name}]]", *_entry(name, item)]]
    if value and all(isinstance(item, Mapping) for item in value.values()):
        return [
            line
            for key, item in value.items()
            for line in ["", f"[{name}.{_quoted(key)}]", *_pairs(item)]
        ]
    return ["", f"[{name}]", *_pairs(value)]


def _entry(name: str, item: Mapping[str, Any]) -> list[str]:
    """One of a list of tables. What has tables in it, or whole lines, stands below it."""
    inner = {key: value for key, value in item.items() if isinstance(value, Mapping)}
    deep = [key for key, value in inner.items() if any(map(_is_deep, value.values()))]
    lines = _pairs({key: value for key, value in item.items() if key not in deep})
    for key in deep:
        lines += _table(f"{name}.{_key(key)}", inner[key])
    return lines


def _is_deep(value: Any) -> bool:
    return _is_table(value) or (isinstance(value, str) and "\n" in value)


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in table.items()]


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _quoted(key)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(_pairs(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.date):
        return value.isoformat()
    return str(value) if isinstance(value, int) else _text(value)


def _text(text: str) -> str:
    """A text as TOML. Code stays readable: several lines are several lines in the file too."""
    lines = text.split("\n")
    whole = "\n".join(_quoted(line)[1:-1] for line in lines)
    return f'"""\n{whole}"""' if len(lines) > 1 else _quoted(text)


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are TOML's, but for DEL, which JSON leaves bare."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
