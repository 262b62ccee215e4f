"""Which user agents name a crawler, or a browser that a program drives.

The list is that of `crawler-user-agents <https://pypi.org/project/crawler-user-agents/>`_, which is
kept by many and released often; its upgrades are ours. Programs' HTTP libraries (``http-library``
there) are left in: none of them runs our script, and what posts a decision by one is an app or a
server that does it for a visitor.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

Kind = Literal["person", "crawler", "driven"]

MOST_BYTES = 256
"""Of a user agent that are looked at. Real ones are shorter, and a look costs by the byte."""
REMEMBERED = 8192
"""User agents; those of a day in one shop are some hundreds."""

_PEOPLE = ("MetaIAB Facebook",)
"""Patterns that name no crawler: links opened in the Facebook app, by people."""


@lru_cache(maxsize=REMEMBERED)
def kind(agent: bytes) -> Kind:
    """What a user agent of at most ``MOST_BYTES`` names. ``driven``: a browser without a window,
    or one that says that a program drives it.
    """
    text = agent.decode("latin-1")
    crawling, driving = _patterns()
    if crawling.search(text):
        return "crawler"
    return "driven" if driving.search(text) else "person"


@lru_cache(maxsize=1)
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What names a crawler, and what a browser that is driven. Made at the first use, in about 20
    milliseconds.
    """
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA  # a large file, and no start needs it

    crawling: list[str] = []
    driving: list[str] = []
    for entry in CRAWLER_USER_AGENTS_DATA:
        if entry["pattern"] in _PEOPLE or "http-library" in entry["tags"]:
            continue
        (driving if "browser-automation" in entry["tags"] else crawling).append(entry["pattern"])
    return re.compile("|".join(crawling)), re.compile("|".join(driving))
