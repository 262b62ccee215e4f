"""What a visitor was shown, from the stored content, in the order in which the page draws it.

The content is the JSON of ``compose``; ``browser/src/firstlayer.js`` draws its first layer and
``browser/src/preferences.js`` the second. A content may come from an older release, so whatever it
lacks is left out here too.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["banner", "notice"]


class Service(msgspec.Struct, frozen=True):
    """A service as the second layer tells of it; ``stored`` is names, each with its lifetime."""

    name: str = ""
    vendor: str = ""
    hosts: tuple[str, ...] = ()
    stored: tuple[tuple[str, str], ...] = ()


class Asked(msgspec.Struct, frozen=True):
    """A purpose as the second layer puts it."""

    key: str = ""
    title: str = ""
    text: str = ""
    services: tuple[Service, ...] = ()
    stored: tuple[tuple[str, str], ...] = ()
    """What Pixelgate itself keeps for it."""


class Layer(msgspec.Struct, frozen=True):
    """A first layer: a banner, or a notice where pixels may run before a choice."""

    title: str = ""
    text: str = ""
    accept: str = ""
    reject: str = ""
    choose: str = ""


class Choices(msgspec.Struct, frozen=True):
    """The second layer's own texts."""

    title: str = ""
    text: str = ""
    accept: str = ""
    reject: str = ""
    save: str = ""
    always: str = ""
    none: str = ""
    hosts: str = ""
    stored: str = ""


class Shown(msgspec.Struct, frozen=True):
    """The stored content, as far as it is drawn."""

    language: str = ""
    dir: str = "ltr"
    layout: str = ""
    banner: Layer = Layer()
    notice: Layer | None = None
    choices: Choices = Choices()
    purposes: tuple[Asked, ...] = ()
    privacy: str = ""
    policy: str = ""
    close: str = ""
    close_note: str = ""
    gpc: str = ""


class First(msgspec.Struct, frozen=True):
    """A first layer from top to bottom. ``close`` is what its X says to those who cannot see it."""

    kind: Kind
    layout: str
    title: str
    paragraphs: tuple[str, ...]
    links: tuple[str, ...]
    buttons: tuple[str, ...]
    close: str


def first(content: Shown, model: str, entry: str) -> First:
    """The first layer that a visitor without an answer gets under a regime of ``model``.

    Args:
        content: what is stored.
        model: of the regime; a notice is drawn under all but opt-in.
        entry: the words of the link to the choices, which are not part of the content.
    """
    notice = content.notice if model != "opt-in" else None
    layer = notice or content.banner
    kind: Kind = "banner" if notice is None else "notice"
    closing = content.close_note if content.close else ""
    policy = content.policy if content.privacy else ""
    return First(
        kind,
        _layout(content.layout, kind),
        layer.title,
        _given(layer.text, closing),
        _given(policy, entry if notice else ""),
        _given(layer.reject, layer.accept, "" if notice else layer.choose),
        content.close,
    )


def second_buttons(choices: Choices, *, locked: bool) -> tuple[str, ...]:
    """The buttons of the second layer, in their order.

    None of them accepts everything where the browser's signal holds a purpose off (``locked``).
    """
    return _given(choices.reject, "" if locked else choices.accept, choices.save)


def _layout(layout: str, kind: Kind) -> str:
    """Where the layer stands. A notice never covers the page, so its dialog is a bar."""
    if layout == "dialog" and kind == "banner":
        return "a dialog in the middle of the page, which waits for an answer"
    if layout == "box":
        return "a box in the lower corner of the page"
    return "a bar along the lower edge of the page" if layout else ""


def _given(*texts: str) -> tuple[str, ...]:
    return tuple(text for text in texts if text)
