"""The platforms of ``snippets/``: what each one is, and its pixel as JavaScript for a store.

A platform is a folder with a ``platform.toml`` and a ``pixel.js``, found by listing ``snippets/``;
``snippets/README.md`` explains both. A pixel takes parameters only as ``{{ name | tojson }}``, and
only values that the platform's own patterns accept (rule 7).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import jinja2
import msgspec

from consent import data
from consent.errors import DataError, DataErrors, RefusedError
from consent.model import CHOOSABLE, Hint, Limit, Pixel, Platform, Purpose, Trace, is_key

EVENTS = (
    "PageView",
    "ViewContent",
    "AddToCart",
    "InitiateCheckout",
    "AddPaymentInfo",
    "Purchase",
    "Lead",
    "CompleteRegistration",
    "Search",
)
"""The standard events, as a page says them. Any other name is a custom event."""

PARAMETERS = ("id", "labels", "events", "script")
"""What a pixel's template may ask for."""

EVENT_PARAMETERS = ("value", "currency", "contents", "order_id", "search")
"""What an event may carry to a pixel."""

BY_CONSENT_MODE = 1
"""``browser/src/google.js`` has its twin."""

_EVENT = re.compile(r"[A-Za-z][\w .:-]{0,59}", re.ASCII)
_HOST = re.compile(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+")
_TRACE = re.compile(r"[^*\s]+\*?")
_PLACEHOLDER = re.compile(r"\{\{ (\w+) \| tojson \}\}")
_COMMENTS = re.compile(r"\A(?:\s*//[^\n]*\n)+")
_FUNCTION = re.compile(r"\Afunction ?\(\w*\) ?\{.*\}\Z", re.S)
_FORBIDDEN = re.compile(
    r"\beval\b|\bFunction\b|\bimport\b|document\.write|(inner|outer)HTML|insertAdjacentHTML|srcdoc"
)
_JS_NAME = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*", re.ASCII)
_JS_HIDDEN = {"__proto__", "constructor", "prototype"}
_UNSAFE = {ord(char): f"\\u{ord(char):04x}" for char in "<>&'\u2028\u2029"}


class Platforms(Mapping[str, Platform]):
    """Every platform by key, in alphabetical order, with its compiled template."""

    def __init__(self, found: Iterable[tuple[Platform, str]]) -> None:
        pairs = sorted(found, key=lambda pair: pair[0].key)
        self._platforms = {platform.key: platform for platform, _ in pairs}
        self._templates = {platform.key: template for platform, template in pairs}

    @classmethod
    def load(cls, path: Path | None = None) -> Platforms:
        """The platforms in ``path``, by default the shipped ``snippets/``.

        Raises:
            DataErrors: with every fault of every file.
        """
        root = path or data.folder("snippets")
        built = _built()
        found: list[tuple[Platform, str]] = []
        faults: list[DataError] = []
        for file in sorted(root.glob("*/platform.toml")):
            try:
                found.append(_read(file, built))
            except DataErrors as errors:
                faults.extend(errors.faults)
            except DataError as error:
                faults.append(error)
        if not found and not faults:
            faults.append(
                DataError(root.name, "", "has no platform; expected KEY/platform.toml in it")
            )
        if faults:
            raise DataErrors(faults)
        return cls(found)

    def with_scripts(self, urls: Mapping[str, str]) -> Platforms:
        """The same platforms, but loading their libraries from ``urls`` (key to address)."""
        return Platforms(
            (
                msgspec.structs.replace(one, script_url=urls.get(key, one.script_url)),
                self._templates[key],
            )
            for key, one in self.items()
        )

    def __getitem__(self, key: str) -> Platform:
        return self._platforms[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._platforms)

    def __len__(self) -> int:
        return len(self._platforms)

    def purposes(self, pixel: Pixel) -> tuple[Purpose, ...]:
        """The purposes that must all be granted before ``pixel`` runs. Never empty."""
        return pixel.purposes or self[pixel.platform].purposes

    def traces(self, pixel: Pixel) -> tuple[Trace, ...]:
        """What this pixel leaves behind; ``{id}`` in a name is its id without the prefix."""
        own = pixel.id.rpartition("-")[2]
        return tuple(
            msgspec.structs.replace(trace, name=trace.name.replace("{id}", own))
            for trace in self[pixel.platform].traces
        )

    def limit(self, key: str, place: str) -> Limit | None:
        """The vendor's numbers for its limited mode at ``place``.

        Returns:
            None where there is no such mode: then an opt-out has to stop the pixel.
        """
        return self[key].limited_data.get(place)

    def after_refusal(self, pixel: Pixel, place: str, *, advanced: bool) -> Limit | int | None:
        """What a pixel is told that runs on after a refusal; ``BY_CONSENT_MODE`` is no number of a
        vendor's, but says that Google's Consent Mode holds the library.

        Args:
            pixel: as the store registered it.
            place: the visitor's, as a code.
            advanced: Consent Mode is ``advanced`` for this store under this regime.

        Returns:
            None where a refusal stops the pixel, as it does unless the store chose otherwise.
        """
        if pixel.opt_out == "limit":
            return self.limit(pixel.platform, place)
        # With a second purpose a refusal of one would leave the other's cookies granted.
        held = self[pixel.platform].consent.google_consent_mode and len(self.purposes(pixel)) == 1
        return BY_CONSENT_MODE if advanced and held else None

    def faults(self, pixel: Pixel) -> list[str]:
        """All that is wrong with ``pixel``, each as ``key: what was found; what is accepted``."""
        platform = self.get(pixel.platform)
        if platform is None:
            known = ", ".join(self)
            return [f"platform: {_shown(pixel.platform)} is unknown; expected one of {known}"]
        return [
            *self._id_faults(platform, pixel.id),
            *_label_faults(platform, pixel.labels),
            *_purpose_faults(pixel.purposes),
            *_opt_out_faults(platform, pixel),
        ]

    def render(self, pixel: Pixel) -> str:
        """``pixel`` as a JavaScript function expression, safe inside a script element.

        Raises:
            RefusedError: it has faults (``faults`` lists them), so nothing is rendered.
        """
        faults = self.faults(pixel)
        if faults:
            raise RefusedError("bad_pixel", "; ".join(faults))
        platform = self[pixel.platform]
        script = platform.script_url.replace("{id}", quote(pixel.id, safe=""))
        values = {
            "id": pixel.id,
            "labels": pixel.labels,
            "events": platform.events,
            "script": script,
        }
        return fill(self._templates[platform.key], values)

    def _id_faults(self, platform: Platform, found: str) -> list[str]:
        if _matches(platform.id_pattern, found):
            return []
        says = _hinted(platform.hints, found)
        if _matches(platform.id_pattern, found.strip()):
            says = "has spaces or line breaks around it; write it without"
        if not says:
            others = [one for one in self.values() if _matches(one.id_pattern, found)]
            if len(others) == 1:
                other = others[0]
                says = f"looks like an id of {other.name}; register it as platform {other.key}"
        if says:
            return [f"id: {_shown(found)} {says}"]
        expected = f"expected one like {platform.id_example} ({platform.id_where})"
        return [f"id: {_shown(found)} is no {platform.name} id; {expected}"]


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
_JINJA = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined)  # noqa: S701
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


def _read(file: Path, built: Mapping[str, tuple[str, str]]) -> tuple[Platform, str]:
    key, name = file.parent.name, data.called(file)
    read = data.convert(data.read_toml(file), Platform, file=name, without=("key",))
    platform = msgspec.structs.replace(read, key=key)
    source = file.parent / "pixel.js"
    text = data.read_text(source)
    faults = [DataError(name, where, fault) for where, fault in _platform_faults(platform)]
    faults += [DataError(data.called(source), "", fault) for fault in template_faults(text)]
    if not is_key(key):
        faults.append(
            DataError(name, "", f"is in folder {key!r}; expected small letters, digits and hyphens")
        )
    if faults:
        raise DataErrors(faults)
    digest, minified = built.get(key, ("", ""))
    if digest == hashlib.sha256(text.encode()).hexdigest():
        return platform, minified
    return platform, _COMMENTS.sub("", text).strip()


def _platform_faults(platform: Platform) -> Iterator[tuple[str, str]]:
    yield from _pattern_faults("id", platform.id_pattern, platform.id_example)
    if platform.label_pattern:
        yield from _pattern_faults("label", platform.label_pattern, platform.label_example)
    for key, hints in (("hints", platform.hints), ("label_hints", platform.label_hints)):
        for hint in hints:
            if not _compiles(hint.pattern):
                yield (
                    key,
                    f"{hint.pattern!r} is no regular expression; see docs.python.org/3/library/re",
                )
    if not platform.purposes:
        yield "purposes", "is empty; expected preferences, analytics or marketing"
    for fault in _purpose_faults(platform.purposes):
        yield "purposes", fault.removeprefix("purposes: ")
    for key in ("privacy_url", "source", "script_url"):
        if urlsplit(getattr(platform, key)).scheme != "https":
            yield key, f"{getattr(platform, key)!r} is no https address; expected https://..."
    yield from _host_faults(platform)
    for event in platform.events:
        if event not in EVENTS:
            yield f"events.{event}", f"is no standard event; expected one of {', '.join(EVENTS)}"
    yield from _required_faults(platform)
    for queue in platform.queues:
        if not _JS_NAME.fullmatch(queue) or _JS_HIDDEN.intersection(queue.split(".")):
            yield (
                "queues",
                f"{queue!r} is no dotted JavaScript name; expected one like fbq or dataLayer.push",
            )
    for trace in platform.traces:
        if not _TRACE.fullmatch(trace.name):
            yield "traces", f"{trace.name!r} is no name; expected a name, or a prefix and then *"
    for place in platform.limited_data:
        if not re.fullmatch(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", place):
            yield f"limited_data.{place}", "is no place; expected an ISO 3166 code such as US-CA"
    known = set(_facts(platform))
    for mark in platform.unverified:
        if mark not in known:
            yield "unverified", f"{mark!r} is no fact of this file; expected a dotted key of it"


def _required_faults(platform: Platform) -> Iterator[tuple[str, str]]:
    for event, parameters in platform.required.items():
        if event not in EVENTS:
            yield f"required.{event}", f"is no standard event; expected one of {', '.join(EVENTS)}"
        for one in parameters:
            if one not in EVENT_PARAMETERS:
                known = ", ".join(EVENT_PARAMETERS)
                yield f"required.{event}", f"{one!r} is no parameter; expected some of {known}"


def _pattern_faults(kind: str, pattern: str, example: str) -> Iterator[tuple[str, str]]:
    if not _compiles(pattern):
        yield (
            f"{kind}_pattern",
            f"{pattern!r} is no regular expression; see docs.python.org/3/library/re",
        )
    elif not _matches(pattern, example):
        yield (
            f"{kind}_example",
            f"{example!r} does not match {kind}_pattern; expected one that does",
        )


def _host_faults(platform: Platform) -> Iterator[tuple[str, str]]:
    for key, hosts in msgspec.structs.asdict(platform.hosts).items():
        for host in hosts:
            if not _HOST.fullmatch(host):
                yield f"hosts.{key}", f"{host!r} is no host; expected host.example or *.example.com"
    library = urlsplit(platform.script_url).hostname or ""
    allowed = any(
        library.endswith(host[1:]) if host.startswith("*.") else library == host
        for host in platform.hosts.script
    )
    if not allowed:
        yield "hosts.script", f"does not cover {library!r} of script_url; expected it there"


def _facts(platform: Platform) -> Iterator[str]:
    for key, value in msgspec.to_builtins(platform).items():
        yield key
        if isinstance(value, dict):
            yield from (f"{key}.{part}" for part in value)
    yield from (f"traces.{trace.name}" for trace in platform.traces)


def _label_faults(platform: Platform, labels: Mapping[str, str]) -> Iterator[str]:
    if labels and not platform.label_pattern:
        yield f"labels: {platform.name} takes none; expected no labels"
        return
    for event, label in labels.items():
        if not _EVENT.fullmatch(event):
            yield f"labels: {_shown(event)} is no event name; expected one like Purchase"
            continue
        says = _hinted(platform.label_hints, label)
        if not says and not _matches(platform.label_pattern, label):
            expected = f"expected one like {platform.label_example} ({platform.label_where})"
            says = f"is no {platform.name} label; {expected}"
        if says:
            yield f"labels.{event}: {_shown(label)} {says}"


def _purpose_faults(purposes: tuple[Purpose, ...]) -> Iterator[str]:
    if "necessary" in purposes:
        yield f"purposes: 'necessary' cannot be refused; expected {', '.join(CHOOSABLE)}"
    if len(set(purposes)) < len(purposes):
        yield "purposes: one is named twice; expected each once"


def _opt_out_faults(platform: Platform, pixel: Pixel) -> Iterator[str]:
    if pixel.opt_out == "limit" and not platform.limited_data:
        yield f"opt_out: {platform.name} has no limited mode; expected 'stop'"


def _built() -> dict[str, tuple[str, str]]:
    """The minified templates by platform, each with the SHA-256 of the source it was made from."""
    folder = data.folder("browser") / "dist" / "pixels"
    if not (folder / "sources.json").is_file():
        return {}
    digests = data.read_json(folder / "sources.json")
    return {key: (digest, data.read_text(folder / f"{key}.js")) for key, digest in digests.items()}


def _hinted(hints: tuple[Hint, ...], found: str) -> str:
    return next((hint.says for hint in hints if _matches(hint.pattern, found)), "")


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text, re.ASCII) is not None


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _shown(text: str) -> str:
    """``text`` quoted for a message: at most 60 characters, controls as escapes."""
    return ascii(text if len(text) <= 60 else text[:57] + "...")
