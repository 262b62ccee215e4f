"""What a vendor's pasted snippet looks like: the table ``[pasted]``, and how its patterns match.

A pattern is written as the vendor's code is, with ``{id}`` where the id stands. Whoever adds a
platform writes no regular expression, and every match takes time linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

import msgspec

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
ADDRESS = re.compile(r"(?:\*|\{address\}|(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)+)/[^\s?#]*(?:\?\S+)?")
# Bounded, so that text which almost matches costs no more than its length.
_VALUE = r"""[^\s"'`,;&|)(<>\\{{}}\[\]+?#/]{{1,{most}}}"""
_LONGEST_ID, _LONGESTADDRESS = 100, 300
MOST = 1000
"""Of one pattern in one script; nobody pastes more."""
_SPACE, _QUOTE = r"\s{0,40}", r"\\{0,7}[\"'`]"
_REST = re.compile(rf"""[^\s"'`<>]{{0,{_LONGESTADDRESS}}}""")
_URL = rf"""(?:https?:)?(?:\\?/){{2}}[^\s"'`\\<>]{{1,{_LONGESTADDRESS}}}"""


class Pasted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a vendor's own snippet is known. Addresses are written without their scheme."""

    scripts: tuple[str, ...] = ()
    """Addresses of the library besides ``script_url``."""
    code: tuple[str, ...] = ()
    """Inline code that is this vendor's and no other's."""
    apps: tuple[str, ...] = ()
    """What a shop system's app or a plugin writes; it counts where the id in it fits."""
    ids: tuple[str, ...] = ()
    """Where the id stands in code that is known to be this vendor's by something else."""
    images: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    id: str = ""
    """How the id is made of placeholders that are only parts of it: ``AW-{number}``."""
    plugins: dict[str, str] = {}
    """A shop plugin that brings it, and a text which stands in a page that has the plugin."""


class Sighting(NamedTuple):
    """A pattern that matched in a text. ``parts``: placeholder to what stands there."""

    start: int
    end: int
    parts: Mapping[str, str]
    is_app: bool = False


class Address(NamedTuple):
    """An address pattern. ``query``: parameter to the placeholder that its value is."""

    place: re.Pattern[str]
    query: Mapping[str, str]
    inline: re.Pattern[str] | None
    """The same address in code, up to where the id would stand; None where any host would do."""
    below: bool
    """Whether hosts below the one it names are meant too."""


def address(pattern: str) -> Address:
    """``pattern`` ready to match."""
    host, slash, rest = pattern.partition("/")
    path, _, query = rest.partition("?")
    wanted = {
        name: value[1:-1]
        for name, value in parse_qsl(query, keep_blank_values=True)
        if _PLACEHOLDER.fullmatch(value)
    }
    if host == "{address}":
        place = rf"(?P<address>[^?#\s]{{1,{_LONGESTADDRESS}}})"
    elif host == "*":
        place = r"[^/?#\s]+"
    else:
        place = re.escape(host).replace(r"\*\.", r"(?:[a-z0-9-]+\.)*")
    whole = re.compile(place + slash + _path(path), re.ASCII)
    stays = path.partition("{")[0]
    inline = None
    if named := host.removeprefix("*.").strip("*{}").replace("address", ""):
        end = "" if stays != path or query else r"(?![\w-])"
        text = re.escape(named) + re.escape(f"/{stays}").replace("/", r"\\{0,7}/")
        text = text.replace(r"\*", r"""[^\s"'`<>?#]{0,100}?""")
        inline = re.compile(text + end, re.ASCII)
    return Address(whole, wanted, inline, host.startswith("*."))


def _path(path: str) -> str:
    found = ""
    for part in re.split(r"(\{\w+\}|\*)", path):
        if part == "*":
            found += r"[^?#\s]{0,200}?"
        elif _PLACEHOLDER.fullmatch(part):
            found += rf"(?P<{part[1:-1]}>[^/?#&\s]{{1,{_LONGEST_ID}}}?)"
        else:
            found += re.escape(part)
    return found


def in_address(pattern: Address, url: str) -> dict[str, str] | None:
    """The parts of ``pattern`` in a whole address; None when it is another one."""
    try:
        split = urlsplit(url)
    except ValueError:
        return None
    if split.scheme not in ("http", "https"):
        return None
    match = pattern.place.fullmatch(f"{split.netloc.lower()}{split.path}")
    if match is None:
        return None
    parts = match.groupdict()
    given = dict(parse_qsl(split.query, max_num_fields=None)) if pattern.query else {}
    for name, placeholder in pattern.query.items():
        if name in given:
            parts[placeholder] = given[name][:_LONGEST_ID]
    return parts


def mentions(pattern: Address, text: str) -> Iterator[Sighting]:
    """Where code names an address: it loads the library itself."""
    if pattern.inline is None:
        return
    for match in islice(pattern.inline.finditer(text), MOST):
        before = text[match.start() - 1 : match.start()]
        if re.match(r"[\w-]" if pattern.below else r"[\w.-]", before):
            continue
        rest = _REST.match(text, match.end())
        url = f"https://{match[0]}{rest[0] if rest else ''}".replace("\\", "")
        yield Sighting(match.start(), match.end(), in_address(pattern, url) or {})


@lru_cache(maxsize=1024)
def code(pattern: str) -> re.Pattern[str]:
    """``pattern`` as it may be written: other quotes, other spaces, inside a text of JSON."""
    found = ""
    for part in re.split(r"(\{(?:id|site|number|address)\}|\s+|[\"'`]|\.\.\.|\W)", pattern):
        if not part or part.isspace():
            continue
        if part in ("{address}", "{id}", "{site}", "{number}"):
            value = _URL if part == "{address}" else _VALUE.format(most=_LONGEST_ID)
            found += rf"(?:{_QUOTE})?(?P<{part[1:-1]}>{value})(?:{_QUOTE})?"
        elif part == "...":
            found += r"[^;]{0,300}?"
        elif part in "\"'`":
            found += _QUOTE
        elif re.fullmatch(r"\W", part, re.ASCII) and part not in "$.":
            found += f"{_SPACE}{re.escape(part)}{_SPACE}"
        else:
            found += re.escape(part)
    return re.compile(found, re.ASCII)


def in_code(patterns: tuple[str, ...], text: str) -> Iterator[Sighting]:
    """Where ``patterns`` stand in ``text``."""
    for pattern in patterns:
        for match in islice(code(pattern).finditer(text), MOST):
            # Looked at afterwards: what a pattern begins with is searched fast only if it is plain.
            if pattern[0] not in "'\"" and re.match(
                r"[\w$]", text[match.start() - 1 : match.start()]
            ):
                continue
            yield Sighting(match.start(), match.end(), match.groupdict())


def ids(pattern: str, parts: list[Mapping[str, str]], fits: Callable[[str], bool]) -> list[str]:
    """The ids that ``parts`` give, each once: whole ones, and those that ``pattern`` puts together.

    Args:
        pattern: ``Pasted.id``.
        parts: of what was seen in one element.
        fits: whether a text is an id of the platform.
    """
    whole = [one["id"] for one in parts if one.get("id")]
    if pattern:
        every: dict[str, list[str]] = {}
        for one in parts:
            for name, value in one.items():
                if value and name != "id":
                    clean = _plain_address(value) if name == "address" else value
                    every.setdefault(name, []).append(clean)
        names = _PLACEHOLDER.findall(pattern)
        if all(name in every for name in names):
            first, *rest = names
            shared = {name: every[name][0] for name in rest}
            for value in dict.fromkeys(every[first]):
                filled = pattern
                for name, own in {first: value, **shared}.items():
                    filled = filled.replace(f"{{{name}}}", own)
                whole.append(filled)
    return [one for one in dict.fromkeys(whole) if fits(one)]


def _plain_address(url: str) -> str:
    """Host and path of the folder that ``url`` is in."""
    bare = re.sub(r"^(?:https?:)?//", "", url.replace("\\/", "/"))
    return re.sub(r"/(?:[\w-]+\.(?:php|js))?$", "", bare)


def faults(pasted: Pasted, id_pattern: str, example: str) -> Iterator[tuple[str, str]]:
    """What is wrong with ``pasted``: a key, and the fault."""
    for key in ("scripts", "images", "frames"):
        for one in getattr(pasted, key):
            if not ADDRESS.fullmatch(one):
                expected = "host.example/path, {id} where the id stands, without https://"
                yield key, f"{one!r} is no address; expected {expected}"
            elif one.startswith("*/") and "{id}" not in one:
                yield key, f"{one!r} is on any host; expected {{id}} in it"
    used = set(_PLACEHOLDER.findall(pasted.id))
    known = {"id", *used}
    for key in ("scripts", "code", "apps", "ids", "images", "frames"):
        for one in getattr(pasted, key):
            names = set(_PLACEHOLDER.findall(one))
            if wrong := sorted(names - known):
                yield key, f"{one!r} has {{{wrong[0]}}}; expected {{id}}, or what [pasted] id has"
            if key in ("apps", "ids") and not names:
                yield key, f"{one!r} has no {{id}}; expected where the id stands"
            if key in ("code", "apps", "ids") and not re.match(r"[\w$'\"]", one, re.ASCII):
                yield key, f"{one!r} begins with no word; expected code such as fbq('init', {{id}}"
    if used - {"site", "number", "address"}:
        yield (
            "id",
            f"{pasted.id!r} has other parts; expected some of {{site}}, {{number}}, {{address}}",
        )
    for name, mark in pasted.plugins.items():
        if len(mark) < 5:
            yield (
                f"plugins.{name}",
                f"{mark!r} may stand in any page; expected 5 characters or more",
            )
    for one in (*pasted.code, *pasted.apps, *pasted.ids):
        if "{id}" in one and not _finds(one, id_pattern, example):
            yield "code", f"{one!r} does not find {example!r} where {{id}} stands; expected it to"


def _finds(pattern: str, id_pattern: str, example: str) -> bool:
    written = pattern.replace("{id}", f"'{example}'").replace("...", "0")
    match = code(pattern).search(written)
    found = match["id"] if match else ""
    return re.fullmatch(id_pattern, found, re.ASCII) is not None
