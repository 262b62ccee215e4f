"""The verifier page: one HTML file that checks a receipt file in the browser, without a network.

It does what ``consent.evidence`` does, and is held to the same table of tampered files. Its policy
lets nothing run but the script that is in it, and lets that talk to nobody.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from consent import evidence
from consent.notes import Vkey

_HERE = Path(__file__).parent
_PAGES = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)


def policy() -> str:
    """The page's Content-Security-Policy, by the hashes of what is in it."""
    script, style = _source("page.js"), _source("page.css")
    return (
        f"default-src 'none'; script-src '{script}'; style-src '{style}'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    )


def page(keys: Sequence[Vkey]) -> str:
    """The page, with the public keys that it checks by; whoever opens it may give others."""
    return _PAGES.get_template("page.html").render(
        policy=policy(),
        # Both are files of ours, and what is hashed has to be what stands there.
        script=Markup(_text("page.js")),  # nosec B704  # noqa: S704
        style=Markup(_text("page.css")),  # nosec B704  # noqa: S704
        keys="\n".join(key.text for key in keys),
        unchecked=evidence.UNCHECKED,
    )


@functools.cache
def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _source(name: str) -> str:
    digest = hashlib.sha256(_text(name).encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
