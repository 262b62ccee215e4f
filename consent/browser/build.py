"""Joins and minifies the browser code, as a build hook and as a command.

From ``src/`` come ``dist/loader.js`` and ``dist/choices.js``, each one function expression; from
``snippets/*/pixel.js`` come the minified templates in ``dist/pixels/``. pip alone builds all of it.

The dialect is small on purpose: named imports of ``./file.js``, a default import of a ``.css`` or
``.json`` file, ``export`` before a function or a constant. Anything else is refused by name.

``python consent/browser/build.py`` builds by hand after an edit.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

try:
    import minify
except ImportError:  # no wheel for this system: the readable bundle is as right, only larger
    minify = None

HERE = Path(__file__).resolve().parent
SOURCES, DIST = HERE / "src", HERE / "dist"
SNIPPETS = HERE.parent.parent / "snippets"
ENTRIES = (
    *("loader", "again", "choices", "preferences", "focus", "optout", "databases", "content"),
    *("custom", "wordpress", "shopify", "datalayer", "google", "pageviews", "campaign", "debug"),
    "coverage",
    "variant",
    "ownstatistics",
    "exhibit",
)
OFFERED = ("loader", "choices")
"""Built once more, as ``NAME-offered``, for places where a store offers fewer purposes: with
``offered.js`` for ``grants.js`` and ``namedhere.js`` for ``named.js``, and the free names
``offered`` and ``withheld`` that whoever composes them binds."""

_IMPORT = re.compile(r"^import (?:\{([^}]+)\}|(\w+)) from '(\./[\w.-]+)';\n", re.M)
_EXPORT = re.compile(r"^export (?=function |const |async function )", re.M)
_NAME = re.compile(r"^(?:async )?(?:function|const|let) (\w+)", re.M)
_PLACEHOLDER = re.compile(r"\{\{ (\w+) \| tojson \}\}")


class BuildError(Exception):
    """A source uses a form that the bundler does not know. The message names file and form."""


def bundle(entry: str, instead: Mapping[str, str] = MappingProxyType({})) -> str:
    """The modules that ``entry`` needs, in order of use, as one function expression.

    The entry exports a function of its own name; the expression hands its arguments to it.
    ``instead`` puts one file in the place of another.
    """
    parts: list[str] = []
    owners: dict[str, str] = {}
    _visit(SOURCES / f"{entry}.js", parts, owners, (), instead)
    body = "\n".join(parts)
    return f"(()=>{{\n{body}\nreturn {entry}}})()"


def _visit(
    path: Path,
    parts: list[str],
    owners: dict[str, str],
    above: tuple[Path, ...],
    instead: Mapping[str, str],
) -> None:
    if path in above:
        raise BuildError(f"{path.name}: imports itself by way of {above[-1].name}; cut the circle")
    mark = f"// {path.name}\n"
    if any(part.startswith(mark) for part in parts):
        return
    text = path.read_text(encoding="utf-8")
    for match in _IMPORT.finditer(text):
        target = (path.parent / match[3]).resolve()
        target = target.with_name(instead.get(target.name, target.name))
        if match[2]:
            line = f"const {match[2]} = {json.dumps(_asset(target))};"
            _claim(match[2], target.name, owners, path)
            parts.append(f"// {target.name}\n{line}")
        else:
            _visit(target, parts, owners, (*above, path), instead)
    text = _EXPORT.sub("", _IMPORT.sub("", text))
    left = re.search(r"^\s*(import|export)\b.*$", text, re.M)
    if left:
        raise BuildError(
            f"{path.name}: found {left[0].strip()!r}; expected a named import or export"
        )
    for name in _NAME.findall(text):
        _claim(name, path.name, owners, path)
    parts.append(mark + text)


def _claim(name: str, owner: str, owners: dict[str, str], path: Path) -> None:
    if owners.setdefault(name, owner) != owner:
        raise BuildError(f"{path.name}: {name} is also in {owners[name]}; names are shared")


def _asset(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return json.loads(text)
    return _minified("text/css", text)


def _minified(kind: str, text: str) -> str:
    return minify.string(kind, text) if minify is not None else text


def minified_expression(source: str) -> str:
    """``source``, a function expression, minified, still an expression."""
    text = _minified("application/javascript", f"var __pixelgate={source.strip()}")
    return text.removeprefix("var __pixelgate=").rstrip(";\n")


def minified_template(source: str) -> str:
    """A pixel template, minified, with its placeholders in place.

    Each ``{{ name | tojson }}`` is a plain name while the minifier looks at it.
    """
    marked = _PLACEHOLDER.sub(lambda match: f"__pixelgate_{match[1]}__", source)
    text = minified_expression(re.sub(r"\A(?:\s*//[^\n]*\n)+", "", marked))
    return re.sub(r"__pixelgate_(\w+?)__", r"{{ \1 | tojson }}", text)


def build() -> list[Path]:
    """Writes ``dist/`` anew and returns its files."""
    written = []
    (DIST / "pixels").mkdir(parents=True, exist_ok=True)
    for entry in ENTRIES:
        written.append(_write(DIST / f"{entry}.js", minified_expression(bundle(entry))))
    for entry in OFFERED:
        narrow = bundle(entry, {"grants.js": "offered.js", "named.js": "namedhere.js"})
        written.append(_write(DIST / f"{entry}-offered.js", minified_expression(narrow)))
    sources: dict[str, str] = {}
    for source in sorted(SNIPPETS.glob("*/pixel.js")):
        text = source.read_text(encoding="utf-8")
        key = source.parent.name
        sources[key] = hashlib.sha256(text.encode()).hexdigest()
        written.append(_write(DIST / "pixels" / f"{key}.js", minified_template(text)))
    written.append(_write(DIST / "pixels" / "sources.json", json.dumps(sources, indent=1)))
    return written


def _write(path: Path, text: str) -> Path:
    """Whole at once: a service of this checkout may be reading it."""
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    return part.replace(path)


class BrowserBuild(BuildHookInterface):  # type: ignore[type-arg]
    """Puts the built files, ``snippets/`` and ``locales/`` into a wheel.

    An editable install finds the two folders in the checkout (``consent.data``), so nothing is
    copied there: a copy would go stale.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        build()
        build_data["artifacts"].append("consent/browser/dist/**")
        if self.target_name == "wheel" and version == "standard":
            root = Path(self.root)
            for name in ("snippets", "locales"):
                build_data["force_include"][str(root / name)] = f"consent/{name}"


if __name__ == "__main__":
    for path in build():
        print(f"{path.relative_to(HERE)}: {path.stat().st_size} bytes")
