"""Findings as SARIF, which code hosts show beside the lines of a file.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from consent import __version__
from consent.scan.findings import Finding

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def log(pages: Iterable[tuple[str, list[Finding]]]) -> dict[str, Any]:
    """One run over ``pages``, each by its address or the name of its file."""
    results = [_result(page, one) for page, found in pages for one in found]
    rules = [{"id": kind} for kind in sorted({one["ruleId"] for one in results})]
    driver = {"name": "consent scan", "version": __version__, "rules": rules}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def _result(page: str, one: Finding) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": page}}
    if one.line:
        place["region"] = {
            "startLine": one.line,
            "startColumn": one.column,
            "endLine": one.last_line,
        }
    text = f"{one.says}; {one.do}" if one.do else one.says
    return {
        "ruleId": one.kind,
        "level": one.severity,
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }
