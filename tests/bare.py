"""The least that an ASGI application can do: the same bytes for every request. For ``tests.bench``.

It is started in a folder that holds ``bare-body`` (what it answers) and ``bare-status``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

BODY = Path("bare-body").read_bytes() if Path("bare-body").exists() else b""
STATUS = int(Path("bare-status").read_text()) if Path("bare-status").exists() else 200
HEADERS = [
    (b"content-type", b"text/javascript; charset=utf-8"),
    (b"content-length", str(len(BODY)).encode()),
]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    if scope["method"] == "POST":
        while (await receive()).get("more_body"):
            pass
    await send({"type": "http.response.start", "status": STATUS, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
