"""The least that an ASGI application can do: the same bytes for every request. For ``tests.bench``.

It is started in a folder that holds ``bare-body`` (what it answers), ``bare-status``, and
``bare-headers`` (JSON, besides the body's length).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

BODY = Path("bare-body").read_bytes() if Path("bare-body").exists() else b""
STATUS = int(Path("bare-status").read_text()) if Path("bare-status").exists() else 200
SAID = json.loads(Path("bare-headers").read_text()) if Path("bare-headers").exists() else {}
HEADERS = [(name.encode(), value.encode()) for name, value in SAID.items()]
if STATUS not in (204, 304):
    HEADERS.append((b"content-length", str(len(BODY)).encode()))


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    if scope["method"] == "POST":
        while (await receive()).get("more_body"):
            pass
    await send({"type": "http.response.start", "status": STATUS, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
