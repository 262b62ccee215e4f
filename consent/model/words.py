"""The words that everything else is made of: closed sets, constants, and forms of texts."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

Purpose = Literal["necessary", "preferences", "analytics", "marketing"]
Model = Literal["opt-in", "opt-out", "notice"]
Action = Literal["accept_all", "reject_all", "save", "close", "gpc", "withdraw"]
PlaceSource = Literal["header", "database", "none"]
Device = Literal["phone", "tablet", "desktop"]
Reached = Literal[
    "sent",
    "limited",  # in the vendor's limited mode
    "declined",  # the visitor refused it
    "no_choice",  # nobody had chosen when the page was left
    "gpc",  # Global Privacy Control refused it
    "blocked",  # the browser or the page's policy kept the vendor's library out
    "left",  # the page was left before the library, or the receipt, was there
]
"""How an event of a shop ended for one platform."""
Layout = Literal["bar", "box", "dialog"]
Confidence = Literal["verified", "unverified"]
GpcDuty = Literal["required", "conditional", "none"]
Duty = Literal[
    "reject-first-layer",  # refuse stands beside accept on the first layer
    "equal-weight",  # accept and refuse have one size, font and contrast
    "granular",  # purposes can be chosen one by one, none ticked before
    "withdraw-link",  # a permanent way back in, as easy as accepting
    "close-refuses",  # an X in the corner that keeps everything off
    "notice",  # tell at or before collection
    "opt-out-link",  # a permanent link to opt out of sale and sharing
    "gpc-status",  # show that the opt-out signal was processed
]
CHOOSABLE: tuple[Purpose, ...] = ("preferences", "analytics", "marketing")
"""The purposes a visitor can refuse, in the order in which they are shown."""
STRICTNESS: dict[Model, int] = {"notice": 0, "opt-out": 1, "opt-in": 2}
"""Higher denies more before a choice."""
WITH_STATES = ("US", "CA")
"""The countries whose law differs from state to state. Of all others no subdivision is kept: less
about a visitor is known, and rates are not split into places that have the same law."""
KEY_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$"
"""A store's key: what stands in its addresses."""


def canonical(value: Any) -> bytes:
    """``value`` as canonical JSON: sorted keys, no spaces, UTF-8 (RFC 8785 for our types).

    Holds RFC 8785 as long as numbers are integers and keys are ASCII, which every caller keeps.
    """
    return msgspec.json.encode(value, order="sorted")


def is_key(text: str) -> bool:
    return re.fullmatch(KEY_PATTERN, text) is not None


def host_of(origin: str) -> str:
    """``summit.example`` of ``https://summit.example:8443``: an origin without scheme and port."""
    host = origin.partition("://")[2]
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
