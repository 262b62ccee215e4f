"""A CDN's edge in front of the service: it says where the visitor is.

The browser must not say so itself. A header of its own makes it ask before each post whether it may
send that, and no visitor's browser has one.
"""

from __future__ import annotations

import threading
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PLACE = {"CF-IPCountry": "DE"}
OWN = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Edge:
    """Passes every request on to the service at ``port``, as a visitor's in Germany."""

    def __init__(self, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True

            def forward(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length) if length else None
                kept = {k: v for k, v in self.headers.items() if k.lower() not in OWN}
                with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as service:
                    service.request(self.command, self.path, body, kept | PLACE)
                    answer = service.getresponse()
                    content = answer.read()
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in OWN:
                        self.send_header(name, value)
                if answer.status not in (204, 304):
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_OPTIONS = forward

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
