"""A shop on an origin of its own: plain pages with the one snippet, as an owner pastes it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.e2e.service import free_port

CONTENTS = [
    {"id": "tent-2p", "quantity": 2, "price": 249.5, "name": "Ridge 2"},
    {"id": "peg-8", "quantity": 1, "price": 12, "name": 'Pegs "8"'},
]
ORDER = {
    "value": 511.0,
    "currency": "EUR",
    "order_id": "SO-1001",
    "event_id": "order-SO-1001",
    "contents": CONTENTS,
}
PAGES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "/": [("PageView", {})],
    "/product": [
        ("PageView", {"event_id": "pv-2"}),
        (
            "ViewContent",
            {"event_id": "vc-2", "value": 249.5, "currency": "EUR", "contents": CONTENTS[:1]},
        ),
    ],
    "/thanks": [("PageView", {}), ("Purchase", ORDER)],
    "/privacy": [],
}


class Shop:
    """Serves ``PAGES``; ``snippet`` and ``csp`` may be changed between requests.

    ``own`` are whole pages by path, as other tests need them.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.origin = f"http://localhost:{self.port}"
        self.snippet = ""
        self.csp = ""
        self.head = ""
        self.markup = ""
        self.language = "en"
        self.own: dict[str, str] = {}
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path not in PAGES and path not in shop.own:
                    self.send_error(404)
                    return
                body = (shop.own.get(path) or shop.page(path)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                if shop.csp:
                    self.send_header("Content-Security-Policy", shop.csp)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("localhost", self.port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @contextmanager
    def serving(self, snippet: str) -> Iterator[None]:
        """Another snippet for a while."""
        kept, self.snippet = self.snippet, snippet
        try:
            yield
        finally:
            self.snippet = kept

    def page(self, path: str) -> str:
        calls = "".join(
            f"pixelgate('track',{json.dumps(name)},{json.dumps(params)});"
            for name, params in PAGES[path]
        )
        snippet = self.snippet.replace("<script>", '<script nonce="abc123">')
        return (
            f'<!doctype html><html lang="{self.language}"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width">'
            f'<title>Summit</title><link rel="icon" href="data:,">{snippet}{self.head}</head>'
            f'<body><main><h1>Summit Outdoor</h1><p id="words">Tents, packs and boots.</p>'
            f'<a href="/product">A tent</a>{self.markup}</main>'
            f'<script nonce="abc123">{calls}</script></body></html>'
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
