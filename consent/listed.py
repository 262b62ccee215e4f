"""Words by which filter lists know an address of trackers and of banners.

A blocker stops what has one of them in its address, and with the loader the banner, the refusal
and its record. So our own paths have none, and neither should host and key that stand before them.
"""

from __future__ import annotations

import re

WORDS = re.compile(
    r"consent|cookie|gdpr|ccpa|cmp\b|privacy|banner|notice|popup|overlay|modal|track|pixel|beacon"
    r"|analytic|\bcollect\b|\bmetrics?\b|telemetry|\bstats?\b|statistic|\bevents?\b|\bads?\b|advert"
    r"|\btags?\b|fingerprint|\blogs?\b",
    re.IGNORECASE,
)
"""After the general rules of EasyPrivacy and of the lists against cookie banners."""


def fault(part: str, instead: str) -> str:
    """What is wrong with this part of an address, as ``found; expected``; empty if nothing is.

    ``instead`` is an example of one that is sound.
    """
    word = WORDS.search(part)
    if word is None:
        return ""
    return (
        f"found {part!r}; expected one without '{word[0]}', such as {instead}, as filter lists "
        "stop addresses with that word, and with them the visitors' decisions"
    )


def host_fault(host: str) -> str:
    """The same of the host at which browsers reach the service."""
    return fault(host, "gate.shop.example")


def key_fault(key: str) -> str:
    """The same of a store's key."""
    return fault(key, "shop")
