"""What a visitor was shown, drawn once more: a page of HTML that needs nothing but itself.

It holds the stored content and the banner's own code, which draws it. Its policy lets it run that
code and nothing else: no network, no cookie, no frame in it. A logo is on the store's own server,
so it is left out; its address stands in the content.
"""

from __future__ import annotations

import base64
import hashlib
import html
from typing import Any, Literal, NamedTuple

import msgspec

from consent import compose, theme
from consent.model import Grants, Purpose, Record, Version

Layer = Literal["first", "second"]
LAYERS: tuple[Layer, ...] = ("first", "second")


class Exhibit(NamedTuple):
    """A page, and the Content-Security-Policy that it says itself and may be sent with."""

    html: str
    policy: str


class Law(msgspec.Struct, frozen=True):
    """What a stored regime says of how a layer is drawn."""

    name: str
    model: str
    duties: tuple[str, ...] = ()
    gpc_overrides_choice: bool = False


def law(content: bytes | None) -> Law | None:
    """What a stored regime says; None when it cannot be read, as an older release may have it."""
    try:
        return None if content is None else msgspec.json.decode(content, type=Law)
    except msgspec.MsgspecError:
        return None


def page(
    content: bytes,
    rules: Law,
    layer: Layer,
    *,
    record: Record,
    previous: Record | None,
    version: Version | None,
    entry: str,
) -> Exhibit:
    """The page of one layer.

    Args:
        content: what is stored of the banner.
        rules: the stored regime.
        layer: the one that asks, or the one with a switch for each purpose.
        record: the decision that was made on it.
        previous: the visitor's decision before; None where there was none.
        version: the store's, for its colours; None means ours.
        entry: the words of the link to the choices, which are not part of the content.
    """
    said = msgspec.json.decode(content, type=dict[str, Any])
    drawn = layer if layer == "second" else _kind(said, rules)
    gpc = rules.gpc_overrides_choice and (record.gpc_header or record.gpc_property)
    locked = list(version.config.gpc.refuses) if gpc and version else []
    before = _before(previous, rules, (*locked,))
    shown = {
        "layer": drawn,
        "language": said.get("language", "en"),
        "dir": said.get("dir", "ltr"),
        "entry": entry,
        "theme": _theme(said, version),
        "locked": locked,
        "grants": msgspec.to_builtins(before),
        "refused": list(previous.refused) if previous else [],
    }
    return _document(said, shown, f"{rules.name}: what was shown on {record.at:%Y-%m-%d}")


def _theme(content: dict[str, Any], version: Version | None) -> str:
    """Of a variant of an experiment, where the content has its colours."""
    if version is None:
        return ""
    looks = [one.config.banner for one in (version, *version.varied.values())]
    shown = (look for look in looks if theme.described(look) == content.get("theme", {}))
    return theme.css(next(shown, looks[0]))


def _kind(content: dict[str, Any], rules: Law) -> str:
    """As the loader decides it: a notice where pixels may run before a choice."""
    return "notice" if rules.model != "opt-in" and "notice" in content else "banner"


def _before(previous: Record | None, rules: Law, locked: tuple[Purpose, ...]) -> Grants:
    """How the switches stood before the choice."""
    grants = previous.grants if previous else Grants.all(rules.model != "opt-in")
    return grants.without(locked)


def _document(content: dict[str, Any], shown: dict[str, Any], title: str) -> Exhibit:
    parts = (_literal(content), _literal(shown), compose.built("preferences"))
    call = f"{compose.built('exhibit')}({','.join(parts)})"
    digest = base64.b64encode(hashlib.sha256(call.encode()).digest()).decode()
    policy = f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'"
    language, dir_ = html.escape(str(shown["language"])), html.escape(str(shown["dir"]))
    text = (
        f'<!doctype html>\n<html lang="{language}" dir="{dir_}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="content-security-policy" content="{html.escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<title>{html.escape(title)}</title>\n'
        "<style>body{min-height:100vh;margin:0}</style>\n"
        f"</head>\n<body>\n<script>{call}</script>\n</body>\n</html>\n"
    )
    return Exhibit(text, policy)


def _literal(value: dict[str, Any]) -> str:
    """JSON that is JavaScript too, and ends no script element."""
    text = msgspec.json.encode(value).decode()
    for character in "<>\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
