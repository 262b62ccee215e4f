"""What the keys of a store's file are called in a sentence, for people who have not read it."""

from __future__ import annotations

from collections.abc import Mapping

from babel.core import Locale, UnknownLocaleError

_KEYS: Mapping[str, str] = {
    "name": "The store's name",
    "origins": "Where decisions count from",
    "privacy_url": "The privacy policy that the banner links to",
    "language": "The language where a visitor's own is not there",
    "release": "When an accepted pixel starts",
    "page_views": "How page views are told",
    "campaign": "Keeping campaign parameters",
    "coverage": "Counting what reaches each platform",
    "group": "The store's group",
    "banner.layout": "The banner's shape",
    "banner.accent": "The colour of its buttons, accept and refuse alike,",
    "banner.radius": "The roundness of its corners",
    "banner.logo": "The banner's logo",
    "gpc.refuses": "What Global Privacy Control turns off",
    "signals.wordpress": "Telling WordPress plugins of choices",
    "signals.shopify": "Telling Shopify of choices",
    "signals.datalayer": "Telling Tag Manager of choices",
    "google.consent_mode": "Google's Consent Mode",
    "cookie.domain": "The domain on which a decision holds",
    "retention.decisions_days": "The time for which decisions are kept, in days,",
}
_SCHEMES = {
    f"banner.{scheme}.{key}": f"In the {scheme}, the {said}"
    for scheme in ("light", "dark")
    for key, said in (
        ("background", "banner's background"),
        ("text", "banner's text colour"),
        ("accent", "colour of the buttons"),
    )
}
_WORDS: Mapping[str, str] = {
    "title": "title",
    "text": "text",
    "accept": "button that accepts",
    "reject": "button that refuses",
    "choose": "button that leads to the choices",
}
_LAYERS = {"banner": "banner", "notice": "notice", "choices": "second layer"}


def called(key: str) -> str:
    """The beginning of a sentence about ``key``, dotted; the key itself where it has no name."""
    if key.startswith("texts.") and key.count(".") >= 2:
        _, language, text = key.split(".", 2)
        layer, _, part = text.partition(".")
        known = layer in _LAYERS and part in _WORDS
        said = f"the {_LAYERS[layer]}'s {_WORDS[part]}" if known else text
        return f"In {_language(language)}, {said}"
    return _KEYS.get(key) or _SCHEMES.get(key) or key


def _language(code: str) -> str:
    try:
        return Locale.parse(code, sep="-").get_display_name("en") or code
    except (UnknownLocaleError, ValueError):
        return code
