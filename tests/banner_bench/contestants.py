"""Who is measured: the bare page, the floor, ours, and what others publish on npm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
NPM_SECONDS = 180


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


def packages() -> Path:
    """Where the peers' packages are kept between runs."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"  # noqa: TID251
    return Path(cache) / "pixelgate-bench" / "node_modules"


def peers() -> tuple[list[Contestant], str]:
    """The peers that are on this machine, and why some are missing ("" when none is)."""
    why = "" if all(_is_installed(peer) for peer in PEERS) else _install()
    found = [_with_paste_in(peer) for peer in PEERS if _is_installed(peer)]
    return found, why


def _install() -> str:
    if shutil.which("npm") is None:
        return "npm was not found, so they were not installed"
    folder = packages().parent
    folder.mkdir(parents=True, exist_ok=True)
    flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", "--prefix", str(folder)]
    try:
        done = subprocess.run(
            ["npm", "install", *flags, *(peer.package for peer in PEERS)],
            capture_output=True,
            text=True,
            cwd=folder,
            timeout=NPM_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"npm did not end within {NPM_SECONDS} s"
    return (
        "" if done.returncode == 0 else f"npm failed: {done.stderr.strip().partition(chr(10))[0]}"
    )


def _is_installed(peer: Contestant) -> bool:
    manifest = packages() / peer.name / "package.json"
    return manifest.is_file() and json.loads(manifest.read_text())["version"] == peer.version


def _with_paste_in(peer: Contestant) -> Contestant:
    text = (HERE / "peers" / f"{peer.name}.html").read_text(encoding="utf-8")
    head, mark, body = text.partition("<!--body-->")
    return Contestant(peer.name, peer.banner, peer.accept, peer.version, head, body if mark else "")
