"""What a shop's own page says of the shop: its name, its privacy policy, its language, its system.

Guesses for a form that its owner then reads. Nothing of the page runs; each search is bounded.
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from consent.markup import Page
from consent.scan.systems import Systems

MOST_LINKS = 3000
LONGEST_NAME = 60

_TITLE = re.compile(r"<title[^<>]{0,200}>([^<]{1,500})<", re.I)
_LANGUAGE = re.compile(r"<html\b[^<>]{0,500}?\blang\s{0,3}=\s{0,3}[\"']?([A-Za-z0-9-]{2,20})", re.I)
# No tag's text has a "<", so each search stops at the next tag.
_LINK = re.compile(r"<a\s([^<>]{1,1500})>", re.I)
_HREF = re.compile(r"""\bhref\s{0,3}=\s{0,3}(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.I)
_TAG = re.compile(r"<[^<>]{0,500}>")
_AFTER = 300
"""How far the words of a link are looked for, in characters."""
_BETWEEN = re.compile(r"\s+[|–—·•:»-]\s+")
_PRIVACY = re.compile(
    r"privacy|datenschutz|confidentialit|privacid|privacidade|riservatezza|privaatsus|personvern"
    r"|integritet|tietosuoja|privatliv|persondata|prywatno|soukrom|ochrana.{0,3}osobn|adatv"
    r"|gizlilik|kvkk|confiden[tț]ialit|appi-policy|プライバシー|隐私|隱私|개인정보|конфиденциальн"
    r"|поверительност|приватност|απορρ[ηή]του|פרטיות|الخصوصية|privasi|ความเป็นส่วนตัว|riêng tư",
    re.I,
)


class Shop(NamedTuple):
    """Each empty where the page does not say it."""

    name: str
    privacy_url: str
    language: str
    """As the page names it; any BCP 47 tag, or none at all."""
    system: str
    """A key of ``Systems``."""


def read(text: str, url: str, systems: Systems) -> Shop:
    """What the page ``text`` from ``url`` says."""
    language = _LANGUAGE.search(text[:5000])
    return Shop(
        _name(text, url), _privacy(text, url), language[1] if language else "", systems.of(text)
    )


def _name(text: str, url: str) -> str:
    page = Page(text[:100_000], url)
    for wanted in ("og:site_name", "application-name"):
        for element in page.elements:
            named = (element.get("property"), element.get("name"))
            found = _plain(element.get("content")) if wanted in named else ""
            if found:
                return found
    title = _TITLE.search(text[:200_000])
    parts = [_plain(part) for part in _BETWEEN.split(_plain(title[1], 500))] if title else []
    parts = [part for part in parts if part]
    host = (urlsplit(url).hostname or "").replace("-", "").replace(".", "")
    alike = [part for part in parts if "".join(filter(str.isalnum, part.lower())) in host]
    return next(iter((*alike, *parts)), "")


def _privacy(text: str, url: str) -> str:
    """The link whose words or address speak of privacy; the page's own host first."""
    own, others = "", ""
    for _, match in zip(range(MOST_LINKS), _LINK.finditer(text), strict=False):
        href = _HREF.search(match[1])
        written = html.unescape((href[1] or href[2] or href[3] or "").strip()) if href else ""
        said = text[match.end() : match.end() + _AFTER].partition("</a")[0]
        if not _PRIVACY.search(f"{written} {html.unescape(_TAG.sub('', said))}"):
            continue
        found = _joined(url, written)
        if found and urlsplit(found).hostname == urlsplit(url).hostname:
            own = own or found
        others = others or found
    return own or others


def _joined(url: str, written: str) -> str:
    """A whole address without its fragment; empty for what opens no page."""
    if not written or written.startswith(("#", "javascript:", "mailto:", "tel:")):
        return ""
    try:
        found = urljoin(url, written).partition("#")[0]
        right = urlsplit(found).scheme in ("http", "https") and bool(urlsplit(found).hostname)
    except ValueError:
        return ""
    fit = len(found) <= 500 and not any(c in found for c in " <>\"'") and found.isprintable()
    return found if right and fit else ""


def _plain(text: str, longest: int = LONGEST_NAME) -> str:
    """One line without control characters."""
    said = " ".join(html.unescape(text).split())
    return "".join(one for one in said if one.isprintable())[:longest].strip()
