"""Place databases made for a test, by the script that makes the shipped one."""

from __future__ import annotations

import datetime as dt
import importlib.util
import ipaddress
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from consent import data

TODAY = dt.date(2026, 11, 26)
NOVEMBER = dt.datetime(2026, 11, 1, 4, tzinfo=dt.UTC)
KNOWN = {
    "130.149.0.0/16": "DE",
    "128.40.0.0/16": "GB",
    "128.97.0.0/16": "US-CA",
    "132.206.0.0/16": "CA-QC",
    "133.11.0.0/16": "JP",
    "143.107.0.0/16": "BR",
    "2001:200::/32": "JP",
}
NAMES = {"CA": "California", "TX": "Texas", "QC": "Quebec"}


def _script() -> ModuleType:
    """The build script as a module; it is not part of the package's imports."""
    path = data.folder("data") / "build_places.py"
    spec = importlib.util.spec_from_file_location("build_places", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["build_places"] = module
    spec.loader.exec_module(module)
    return module


build = _script()


def as_db_ip(where: tuple[str, str]) -> dict[str, Any]:
    """As DB-IP Lite writes it: the country by code, the state by its English name alone."""
    country, part = where
    record: dict[str, Any] = {"country": {"iso_code": country, "names": {"en": "x"}}}
    if part:
        record["subdivisions"] = [{"names": {"en": NAMES[part]}}]
    return record


def content(
    networks: Mapping[str, str] = KNOWN,
    *,
    kind: str = "DBIP-City-Lite",
    built: dt.datetime = NOVEMBER,
    schema: Any = as_db_ip,
    ip_version: int = 6,
) -> bytes:
    """A database that knows ``networks``."""
    tree = build.Tree()

    def put(node: int, bits: str, value: int) -> int:
        if not bits:
            return value
        left, right = tree.halves(node)
        if bits[0] == "0":
            return int(tree.join(put(left, bits[1:], value), right))
        return int(tree.join(left, put(right, bits[1:], value)))

    root = 0
    for text, code in networks.items():
        network = ipaddress.ip_network(text)
        if network.version > ip_version:
            continue
        bits = f"{int(network[0]):0{network.max_prefixlen}b}"[: network.prefixlen]
        if network.version == 4 and ip_version == 6:
            bits = "0" * 96 + bits
        country, _, part = code.partition("-")
        root = put(root, bits, tree.place((country, part)))
    epoch = int(built.timestamp())
    made = build.to_bytes(tree, root, epoch=epoch, kind=kind, ip_version=ip_version, schema=schema)
    return bytes(made)


def write(path: Path, *arguments: Any, **options: Any) -> Path:
    """A database at ``path``, as a careful operator puts it there: by a rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.tmp")
    new.write_bytes(content(*arguments, **options))
    new.replace(path)
    return path
