"""One platform's files: what ``platform.toml`` may say, and what is wrong with it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from consent import data
from consent.errors import DataError, DataErrors
from consent.model import CHOOSABLE, Hosts, Purpose, Trace, is_key
from consent.platforms import pasted
from consent.platforms.pasted import Pasted
from consent.platforms.templates import compiled, template_faults

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

EVENT_PARAMETERS = ("value", "currency", "contents", "order_id", "search")
"""What a page may say with an event."""

SENT_PARAMETERS = (*EVENT_PARAMETERS, "ids", "count", "event_id")
"""What a vendor may be told with an event: ``ids`` and ``count`` follow from the contents."""

ITEM_PARAMETERS = ("id", "quantity", "price", "name")
"""What is said of one product."""

Fixed = dict[str, str | int | bool]

_HOST = re.compile(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+")
_TRACE = re.compile(r"[^*\s]+\*?")
_VENDORS = re.compile(r"[A-Za-z_$][\w$.-]{0,59}", re.ASCII)
_JS_NAME = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*", re.ASCII)
_OURS = "pixelgate"
"""The cookie of the decision, what waits for the ledger, and all that begins like it."""
_JS_HIDDEN = {"__proto__", "constructor", "prototype"}
_NO_EVENT = f"is no standard event; expected one of {', '.join(EVENTS)}"


class Hint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A likely mistake: what matches ``pattern`` as a whole, and what that is."""

    pattern: str
    says: str


class Switch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The vendor's own consent calls, for people to read; ``pixel.js`` makes them."""

    start: str = ""
    grant: str = ""
    revoke: str = ""
    stops_sending: bool = False
    """Whether ``revoke`` keeps the running library from sending."""
    clears_traces: bool = False
    """Whether ``revoke`` deletes what the library has stored."""
    google_consent_mode: bool = False
    """Whether the library goes by Google's Consent Mode: denied, it sends pings without cookies."""


class Platform(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An ad or analytics system, as its ``platform.toml`` says it. Patterns match as a whole."""

    key: str = ""
    """The name of its folder."""
    name: str
    vendor: str
    privacy_url: str
    purposes: tuple[Purpose, ...]
    """Those of a pixel that names none."""
    source: str
    """Where the vendor says so."""
    reviewed: dt.date
    id_pattern: str
    """Named groups in it may stand in ``script_url`` and ``hosts`` as ``{name}``."""
    id_example: str
    id_where: str
    hints: tuple[Hint, ...] = ()
    label_pattern: str = ""
    """Empty: the platform wants no conversion labels. ``{id}`` stands for the pixel's id."""
    label_example: str = ""
    label_where: str = ""
    label_hints: tuple[Hint, ...] = ()
    by_label: bool = False
    """The vendor has no names for events: one is sent only if the store gives it a label."""
    page_wide: bool = False
    """Its switch, or its events, are for all its pixels on a page: they share their purposes."""
    no_custom: bool = False
    """The vendor takes no custom events, other than by label."""
    script_url: str
    """The vendor's library; ``{id}`` stands for the pixel's id."""
    pasted: Pasted = Pasted()
    hosts: Hosts
    unlisted: str = ""
    """Where else its code may talk to that no list of hosts can name, in words."""
    traces: tuple[Trace, ...]
    events: dict[str, str] = {}
    """Standard event to the vendor's name for it."""
    unsent: tuple[str, ...] = ()
    """Standard events that the vendor has no use for."""
    parameters: dict[str, str] = {}
    """Ours to the vendor's name, in the object that goes with an event."""
    items: dict[str, str] = {}
    """The same for one product of ``contents``."""
    with_contents: Fixed = {}
    """What is said besides whenever there are products."""
    each_item: Fixed = {}
    """What is said besides of each product."""
    options: dict[str, str] = {}
    """Ours to the vendor's name, where the vendor takes it beside the parameters."""
    omits: dict[str, tuple[str, ...]] = {}
    """Standard event, or ``custom``, to those of ours that the vendor does not take with it."""
    required: dict[str, tuple[str, ...]] = {}
    """Standard event to the parameters without which the vendor can use it little or not at all."""
    queues: tuple[str, ...] = ()
    """Dotted JavaScript names of the functions by which the pixel speaks to the library."""
    automatic: str = ""
    """What the library collects by itself where a store and the regime let it, in words."""
    reuses_data: bool = True
    """Whether the vendor may use what it gets for purposes of its own."""
    vendor_hosted: str = ""
    """Pattern of the ids that stand for an account on the vendor's servers; empty: all do."""
    consent: Switch = Switch()
    limited_data: dict[str, Fixed] = {}
    """Place code to the vendor's own words for its limited mode there; a country's hold for its
    subdivisions that have none."""
    unverified: tuple[str, ...] = ()
    """Dotted keys of facts for which no source of the vendor's was found."""


def read(file: Path, built: Mapping[str, str]) -> tuple[Platform, str]:
    """The platform of a ``platform.toml``, and the template beside it.

    Args:
        file: the ``platform.toml``.
        built: as ``templates.digests`` gives them.

    Raises:
        DataError: one of the two cannot be read, or is no TOML.
        DataErrors: with every fault of both.
    """
    key, name = file.parent.name, data.called(file)
    found = data.convert(data.read_toml(file), Platform, file=name, without=("key",))
    platform = msgspec.structs.replace(found, key=key)
    source = file.parent / "pixel.js"
    text = data.read_text(source)
    faults = [DataError(name, where, fault) for where, fault in _faults(platform)]
    faults += [DataError(data.called(source), "", fault) for fault in template_faults(text)]
    if not is_key(key):
        faults.append(
            DataError(name, "", f"is in folder {key!r}; expected small letters, digits and hyphens")
        )
    if faults:
        raise DataErrors(faults)
    return platform, compiled(key, text, built)


def hinted(hints: tuple[Hint, ...], found: str) -> str:
    """What the first of ``hints`` says that matches ``found``, or nothing."""
    return next((hint.says for hint in hints if matches(hint.pattern, found)), "")


def matches(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text, re.ASCII) is not None


def _faults(platform: Platform) -> Iterator[tuple[str, str]]:
    yield from _pattern_faults("id", platform.id_pattern, platform.id_example)
    if platform.label_pattern:
        label = platform.label_pattern.replace("{id}", re.escape(platform.id_example))
        yield from _pattern_faults("label", label, platform.label_example)
    for key, hints in (("hints", platform.hints), ("label_hints", platform.label_hints)):
        for hint in hints:
            if not _compiles(hint.pattern):
                yield (
                    key,
                    f"{hint.pattern!r} is no regular expression; see docs.python.org/3/library/re",
                )
    if not platform.purposes:
        yield "purposes", "is empty; expected preferences, analytics or marketing"
    for key in ("source", "script_url"):
        yield from _address_faults(key, getattr(platform, key))
    yield from declared_faults(platform)
    yield from _library_faults(platform)
    if _compiles(platform.id_pattern):
        known_by = pasted.faults(platform.pasted, platform.id_pattern, platform.id_example)
        yield from ((f"pasted.{key}", fault) for key, fault in known_by)
    yield from _event_faults(platform)
    yield from _mapping_faults(platform)
    for queue in platform.queues:
        if not _JS_NAME.fullmatch(queue) or _JS_HIDDEN.intersection(queue.split(".")):
            yield (
                "queues",
                f"{queue!r} is no dotted JavaScript name; expected one like fbq or dataLayer.push",
            )
    for place in platform.limited_data:
        if not re.fullmatch(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", place):
            yield f"limited_data.{place}", "is no place; expected an ISO 3166 code such as US-CA"
    known = set(_facts(platform))
    for mark in platform.unverified:
        if mark not in known:
            yield "unverified", f"{mark!r} is no fact of this file; expected a dotted key of it"


def _event_faults(platform: Platform) -> Iterator[tuple[str, str]]:
    for key in ("events", "required", "omits"):
        for event in getattr(platform, key):
            if event not in EVENTS and (key, event) != ("omits", "custom"):
                yield f"{key}.{event}", _NO_EVENT
    for event in platform.unsent:
        if event not in EVENTS:
            yield "unsent", f"{event!r} {_NO_EVENT}"
        elif event in platform.events:
            yield "unsent", f"{event} has a name in events; expected it in one of the two"
    if platform.by_label and not platform.label_pattern:
        yield "by_label", "is there without label_pattern; expected both or neither"


def _mapping_faults(platform: Platform) -> Iterator[tuple[str, str]]:
    known = {
        "parameters": SENT_PARAMETERS,
        "options": SENT_PARAMETERS,
        "items": ITEM_PARAMETERS,
    }
    for key, ours in known.items():
        for one, theirs in getattr(platform, key).items():
            if one not in ours:
                yield f"{key}.{one}", f"is no parameter; expected some of {', '.join(ours)}"
            if not _VENDORS.fullmatch(theirs) or theirs in _JS_HIDDEN:
                yield f"{key}.{one}", f"{theirs!r} is no name; expected one like content_ids"
    for key in ("with_contents", "each_item"):
        for theirs in getattr(platform, key):
            if not _VENDORS.fullmatch(theirs) or theirs in _JS_HIDDEN:
                yield key, f"{theirs!r} is no name; expected one like content_type"
    if bool(platform.items) != ("contents" in platform.parameters):
        yield "items", "belongs to parameters.contents; expected both or neither"
    for key, accepted in (("required", EVENT_PARAMETERS), ("omits", SENT_PARAMETERS)):
        for event, parameters in getattr(platform, key).items():
            for one in parameters:
                if one not in accepted:
                    fault = f"{one!r} is no parameter; expected some of {', '.join(accepted)}"
                    yield f"{key}.{event}", fault


def _pattern_faults(kind: str, pattern: str, example: str) -> Iterator[tuple[str, str]]:
    if not _compiles(pattern):
        yield (
            f"{kind}_pattern",
            f"{pattern!r} is no regular expression; see docs.python.org/3/library/re",
        )
    elif not matches(pattern, example):
        yield (
            f"{kind}_example",
            f"{example!r} does not match {kind}_pattern; expected one that does",
        )


def declared_faults(platform: Platform) -> Iterator[tuple[str, str]]:
    """What is wrong with what visitors are told, and a page's policy: a key, and the fault."""
    for fault in purpose_faults(platform.purposes):
        yield "purposes", fault.removeprefix("purposes: ")
    yield from _address_faults("privacy_url", platform.privacy_url)
    for key, hosts in msgspec.structs.asdict(platform.hosts).items():
        for host in hosts:
            if not _HOST.fullmatch(filled(platform, host, platform.id_example)):
                yield f"hosts.{key}", f"{host!r} is no host; expected host.example or *.example.com"
    for trace in platform.traces:
        if not _TRACE.fullmatch(trace.name):
            yield "traces", f"{trace.name!r} is no name; expected a name, or a prefix and then *"
        elif _meets_ours(trace.name):
            yield "traces", f"{trace.name!r} is where the decision is kept; expected another name"


def _meets_ours(trace: str) -> bool:
    """Whether something of ours may be called so: all of it begins with our name."""
    plain = trace.removesuffix("*")
    return plain.startswith(_OURS) or (plain != trace and _OURS.startswith(plain))


def _address_faults(key: str, url: str) -> Iterator[tuple[str, str]]:
    if urlsplit(url).scheme != "https":
        yield key, f"{url!r} is no https address; expected https://..."


def _library_faults(platform: Platform) -> Iterator[tuple[str, str]]:
    library = urlsplit(filled(platform, platform.script_url, platform.id_example)).hostname or ""
    allowed = [filled(platform, host, platform.id_example) for host in platform.hosts.script]
    if not any(
        library.endswith(host[1:]) if host[0] == "*" else library == host for host in allowed
    ):
        yield "hosts.script", f"does not cover {library!r} of script_url; expected it there"


def filled(platform: Platform, text: str, found: str) -> str:
    """``text`` with the named groups of ``id_pattern`` filled in from the id ``found``."""
    match = re.fullmatch(platform.id_pattern, found, re.ASCII) if "{" in text else None
    for name, value in (match.groupdict() if match else {}).items():
        text = text.replace(f"{{{name}}}", value or "")
    return text


def _facts(platform: Platform) -> Iterator[str]:
    for key, value in msgspec.to_builtins(platform).items():
        yield key
        if isinstance(value, dict):
            yield from (f"{key}.{part}" for part in value)
    yield from (f"traces.{trace.name}" for trace in platform.traces)


def purpose_faults(purposes: tuple[Purpose, ...]) -> Iterator[str]:
    """What is wrong with the purposes of a pixel or a platform."""
    if "necessary" in purposes:
        yield f"purposes: 'necessary' cannot be refused; expected {', '.join(CHOOSABLE)}"
    if len(set(purposes)) < len(purposes):
        yield "purposes: one is named twice; expected each once"


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
