"""Who is measured: the bare page, the floor, ours, and what others publish on npm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests import npm

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Contestant:
    """A paste-in for the page.

    ``banner`` is a CSS selector in which `` >>> `` steps into an open shadow root, ``accept`` one
    for Playwright, which steps by itself. ``body`` goes to the end of the body, ``head`` to that
    of the head.
    """

    name: str
    banner: str = ""
    accept: str = ""
    version: str = ""
    head: str = ""
    body: str = ""

    @property
    def package(self) -> str:
        return f"{self.name}@{self.version}"


BARE = Contestant("none")
FLOOR = Contestant(
    "floor",
    banner="#floor >>> section",
    accept="#floor .accept",
    head='<script async src="/floor.js"></script>',
)
FAR = "floor-far"
PEERS = (
    Contestant("vanilla-cookieconsent", "#cc-main .cm", "#cc-main .cm [data-role=all]", "3.1.0"),
    Contestant("orejime", ".orejime-Banner", ".orejime-Banner .orejime-Banner-saveButton", "3.2.1"),
    Contestant("klaro", "#klaro .cookie-notice", "#klaro .cm-btn-success", "0.7.22"),
    Contestant("tarteaucitronjs", "#tarteaucitronAlertBig", "#tarteaucitronPersonalize2", "1.34.0"),
    Contestant("cookieconsent", ".cc-window", ".cc-window .cc-allow", "3.1.1"),
)
LEFT_OUT = """
Left out: c15t, headless and with React, since its packages hold modules alone and every shop has to
build its own script of them; a hosted one would measure its host. Tags without a banner, on the
page's thread or in a worker (Partytown), since they ask nobody. Paid services: no packages.
"""
"""Which of the known peers are not in ``PEERS``, and why."""


def far(origin: str) -> Contestant:
    """The floor's banner on the way of a product: ``/far.js`` of another origin, with the bytes
    that ours may have. A script in the page asks for it, so no browser knows of it before."""
    script = f"s=document.createElement('script');s.src='{origin}/far.js';document.head.append(s)"
    return Contestant(FAR, FLOOR.banner, FLOOR.accept, head=f"<script>{{let {script}}}</script>")


def ours(snippet: str) -> Contestant:
    return Contestant(
        "pixelgate",
        banner="#pixelgate >>> section.first, dialog.first",
        accept='#pixelgate .first [data-action="accept"]',
        head=snippet,
        body="<script>pixelgate('track', 'PageView')</script>",
    )


def peers() -> tuple[list[Contestant], str]:
    """The peers that are on this machine, and why some are missing ("" when none is)."""

    def is_here(peer: Contestant) -> bool:
        return npm.has(peer.name, peer.version)

    why = "" if all(map(is_here, PEERS)) else npm.install(*(peer.package for peer in PEERS))
    found = [_with_paste_in(peer) for peer in PEERS if is_here(peer)]
    return found, why


def _with_paste_in(peer: Contestant) -> Contestant:
    text = (HERE / "peers" / f"{peer.name}.html").read_text(encoding="utf-8")
    head, mark, body = text.partition("<!--body-->")
    return Contestant(peer.name, peer.banner, peer.accept, peer.version, head, body if mark else "")
