"""What a vendor is told of an event, by its platform file: the twin of ``browser/src/typed.js``.

People read it, in the admin pages and in the tables of ``snippets/README.md``; the browser tests
hold every pixel to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from consent.platforms.files import EVENTS, Platform

ORDER: dict[str, Any] = {
    "value": 129.9,
    "currency": "EUR",
    "order_id": "A-1001",
    "search": "tent",
    "contents": [
        {"id": "tent-2", "quantity": 1, "price": 99.9, "name": "Tent"},
        {"id": "peg-8", "quantity": 2, "price": 15, "name": "Peg"},
    ],
}
"""An event as a page announces it, with all that it may say."""


class Sent(msgspec.Struct, frozen=True):
    """One event as the vendor's library gets it."""

    event: str
    """The vendor's name for it, or its label; for a custom event the page's own name."""
    data: dict[str, Any]
    """The parameters that go with it. A pixel may add what is no parameter of the page's."""
    options: dict[str, Any]
    """What is said beside them."""


def sent(
    platform: Platform,
    event: str,
    said: Mapping[str, Any],
    *,
    event_id: str = "",
    labels: Mapping[str, str] | None = None,
) -> Sent | None:
    """What ``platform`` is told when a page announces ``event``, saying ``said``.

    Args:
        said: in sure types, as ``ORDER``; every part may be missing.
        event_id: that of the event, which every event has.
        labels: the pixel's, event to label.

    Returns:
        None where nothing is sent: the vendor has no use for the event, or no label was given.
    """
    name = _name(platform, event, labels or {})
    if not name:
        return None
    omitted = platform.omits.get(event if event in EVENTS else "custom", ())
    known = dict(said, event_id=event_id)
    if not known.get("currency"):
        known.pop("value", None)
    contents = known.pop("contents", ())
    if contents:
        known["ids"] = [one["id"] for one in contents]
        known["count"] = sum(one["quantity"] for one in contents)
        known["contents"] = [_renamed(one, platform.items, platform.each_item) for one in contents]
    for left_out in omitted:
        known.pop(left_out, None)
    fixed = platform.with_contents if contents and "contents" not in omitted else {}
    return Sent(
        name, _renamed(known, platform.parameters, fixed), _renamed(known, platform.options, {})
    )


def takes(platform: Platform, event: str, labels: Mapping[str, str]) -> bool:
    """Whether the vendor is told of ``event`` by a pixel with ``labels``."""
    return bool(_name(platform, event, labels))


def _name(platform: Platform, event: str, labels: Mapping[str, str]) -> str:
    if event in platform.unsent:
        return ""
    if event in platform.events:
        return platform.events[event]
    if platform.by_label or platform.no_custom:
        return labels.get(event, "")
    return event


def _renamed(
    values: Mapping[str, Any], names: Mapping[str, str], fixed: Mapping[str, Any]
) -> dict[str, Any]:
    there = {ours: theirs for ours, theirs in names.items() if values.get(ours) not in (None, "")}
    return {**fixed, **{theirs: values[ours] for ours, theirs in there.items()}}


def table(platforms: Mapping[str, Platform]) -> Iterator[str]:
    """The lines of the conformance tables in ``snippets/README.md``, in Markdown."""
    yield "| platform | " + " | ".join(EVENTS) + " | custom |"
    yield "|---|" + "---|" * (len(EVENTS) + 1)
    for key, platform in platforms.items():
        cells = [_event_cell(platform, event) for event in EVENTS]
        custom = {"custom": "yes", "not sent": "no"}.get(_event_cell(platform, ""), "by label")
        yield f"| `{key}` | {' | '.join(cells)} | {custom} |"
    yield ""
    ours = ("value", "currency", "order_id", "search", "ids", "count", "event_id")
    yield f"| platform | {' | '.join(ours)} | contents: id, quantity, price, name |"
    yield "|---|" + "---|" * (len(ours) + 1)
    for key, platform in platforms.items():
        cells = [_parameter_cell(platform, one) for one in ours]
        yield f"| `{key}` | {' | '.join(cells)} | {_contents_cell(platform)} |"


def _event_cell(platform: Platform, event: str) -> str:
    if event in platform.unsent:
        return "not sent"
    if event in platform.events:
        return f"`{platform.events[event]}`"
    if platform.by_label or (platform.no_custom and platform.label_pattern):
        return "by label"
    return "not sent" if platform.no_custom else "custom"


def _parameter_cell(platform: Platform, one: str) -> str:
    name = platform.parameters.get(one) or platform.options.get(one)
    return f"`{name}`" if name else ""


def _contents_cell(platform: Platform) -> str:
    if not platform.items:
        return ""
    own = ", ".join(f"`{platform.items[one]}`" for one in platform.items)
    return f"`{platform.parameters['contents']}`: {own}"
