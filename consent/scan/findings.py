"""What a scan has to say."""

from __future__ import annotations

from typing import Literal

import msgspec

from consent.markup import Element, Page

Severity = Literal["error", "warning", "note"]
"""Breaks the promise to visitors; may break it, or breaks something else; is worth knowing."""

ORDER: tuple[Severity, ...] = ("error", "warning", "note")
_LONGEST_SOURCE = 160


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing about a page, in sentences for whoever owns it."""

    kind: str
    """A stable word for programs; ``scan/README.md`` has them all."""
    severity: Severity
    says: str
    do: str = ""
    line: int = 0
    """From 1, as the column is; 0: nowhere in particular."""
    column: int = 0
    last_line: int = 0
    source: str = ""
    """What stands there: of something to remove, its beginning."""
    platform: str = ""
    id: str = ""
    replaced_by: str = ""
    """The pixel of the store that does the same after consent: ``meta 123456789012345``."""


def at(page: Page, start: int, end: int, **said: str) -> Finding:
    """A finding about the stretch of ``page`` from ``start`` to ``end``."""
    first, last = page.place(start), page.place(max(start, end - 1))
    text = " ".join(page.text[start : min(end, start + 4 * _LONGEST_SOURCE)].split())
    if len(text) > _LONGEST_SOURCE:
        text = f"{text[: _LONGEST_SOURCE - 3]}..."
    return msgspec.convert(
        {
            "line": first.line,
            "column": first.column,
            "last_line": last.line,
            "source": text,
            **said,
        },
        Finding,
    )


def of(page: Page, element: Element, **said: str) -> Finding:
    """A finding about a whole element."""
    return at(page, element.start, element.end, **said)


def in_order(found: list[Finding]) -> list[Finding]:
    """The worst first, then in the order of the page."""
    return sorted(found, key=lambda one: (ORDER.index(one.severity), one.line, one.column))
