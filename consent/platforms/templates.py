"""A pixel's template: JavaScript in which only ``{{ name | tojson }}`` is filled in (rule 7)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import msgspec

from consent import data

PARAMETERS = ("id", "labels", "events", "script", "omits", "automatic")
"""What a template may ask for."""

_PLACEHOLDER = re.compile(r"\{\{ (\w+) \| tojson \}\}")
_COMMENTS = re.compile(r"\A(?:\s*//[^\n]*\n)+")
_FUNCTION = re.compile(r"\Afunction ?\(\w*\) ?\{.*\}\Z", re.S)
_FORBIDDEN = re.compile(
    r"\beval\b|\bFunction\b|\bimport\b|document\.write|(inner|outer)HTML|insertAdjacentHTML|srcdoc"
)
_UNSAFE = {ord(char): f"\\u{ord(char):04x}" for char in "<>&'\u2028\u2029"}


def fill(template: str, values: Mapping[str, Any]) -> str:
    """``template`` with each ``{{ name | tojson }}`` filled in; a missing name is an error."""
    return _JINJA.from_string(template).render(values)


def tojson(value: Any) -> str:
    """``value`` as JSON that means the same in JavaScript, in a script element and in HTML text.

    Keys are sorted. ``<``, ``>``, ``&``, ``'`` and the two line separators are written as escapes,
    so that no value ends a script element, opens a comment or breaks a line.
    """
    return msgspec.json.encode(value, order="sorted").decode().translate(_UNSAFE)


# JavaScript is not HTML: tojson, the only filter, does the escaping.
_JINJA = jinja2.Environment(  # nosec B701
    autoescape=False,  # noqa: S701
    undefined=jinja2.StrictUndefined,
)
_JINJA.filters = {"tojson": tojson}
_JINJA.globals = {}


def template_faults(text: str) -> list[str]:
    """What keeps ``text`` from being a pixel's template."""
    faults = []
    body = _COMMENTS.sub("", text).strip()
    plain = _PLACEHOLDER.sub("0", body)
    if "{{" in plain or "{%" in plain or "{#" in plain:
        faults.append("has another form of placeholder; expected {{ name | tojson }} alone")
    for name in dict.fromkeys(_PLACEHOLDER.findall(body)):
        if name not in PARAMETERS:
            faults.append(f"asks for {name!r}; expected one of {', '.join(PARAMETERS)}")
    if not _FUNCTION.match(plain):
        faults.append("is not one function expression; expected function (page) {...}")
    code = "\n".join(line for line in plain.splitlines() if not line.strip().startswith("//"))
    for match in _FORBIDDEN.finditer(code):
        faults.append(f"uses {match[0]!r}; expected code that a strict policy allows")
    return faults


def digests() -> dict[str, str]:
    """Of each template that the build has minified, the SHA-256 of its source; none unbuilt."""
    file = _built() / "sources.json"
    found: dict[str, str] = data.read_json(file) if file.is_file() else {}
    return found


def compiled(key: str, text: str, built: Mapping[str, str]) -> str:
    """``text``, the source of ``key``'s pixel, minified where the build has seen this very text.

    Args:
        built: as ``digests`` gives them.
    """
    if built.get(key) == hashlib.sha256(text.encode()).hexdigest():
        return data.read_text(_built() / f"{key}.js")
    return _COMMENTS.sub("", text).strip()


def _built() -> Path:
    return data.folder("browser") / "dist" / "pixels"
