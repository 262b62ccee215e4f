"""The shop and the vendors, each a server in a thread of its own.

Chromium is told to find every vendor at one local port, with TLS, and no other name at all.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from consent.web.app import utcnow
from tests.e2e.visitor import DOUBLES

LIBRARIES = {"/en_US/fbevents.js": "fbevents.js", "/gtag/js": "gtag.js"}
VENDORS = (
    "connect.facebook.net",
    "www.facebook.com",
    "www.googletagmanager.com",
    "www.google-analytics.com",
    "googleads.g.doubleclick.net",
    "www.googleadservices.com",
)
PAGES: dict[str, tuple[str, ...]] = {
    "/": ("PageView",),
    "/product": ("PageView", "ViewContent"),
    "/thanks": ("PageView", "Purchase"),
    "/app": ("PageView",),
    "/privacy": (),
}
"""Address to the events that the page tracks by itself."""
OWN_COOKIE, OWN_KEY = ("cart", "3"), ("shop-pref", "dark")
OWN = (
    f"<script>document.cookie='{OWN_COOKIE[0]}={OWN_COOKIE[1]}; path=/; max-age=34000000';"
    f"localStorage.setItem('{OWN_KEY[0]}','{OWN_KEY[1]}')</script>"
)
SHIM = """<script>(() => {
  const Real = Date;
  let ahead = %d;
  let left = false;
  const now = () => {
    if (left && document.visibilityState == 'visible') {
      left = false;
      const asked = new XMLHttpRequest();
      asked.open('GET', `/clock?${Math.random()}`, false);
      asked.send();
      ahead = +asked.responseText;
    }
    return Real.now() + ahead;
  };
  window.Date = class extends Real {
    constructor(...given) { super(...(given.length ? given : [now()])) }
    static now() { return now() }
  };
  window.moveClock = (to) => { ahead = to };
  addEventListener('visibilitychange', () => { left ||= document.visibilityState == 'hidden' });
  addEventListener('vendor:hit', ({ detail }) => {
    console.debug('handed over', performance.timeOrigin + performance.now(), detail.url);
  });
  if (%s) Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true });
})()</script>"""
"""The page's clock, which goes with the service's, also where a page comes back from the cache; and
the moment of every hit, since the browser may send it a little later.
"""


def parameters(name: str, event: str) -> dict[str, Any]:
    """What the shop says with an event. Every platform repeats one of its two ids."""
    contents = [{"id": "tent-2p", "quantity": 2, "price": 249.5, "name": "Ridge 2"}]
    extra = {"value": 499.0, "currency": "EUR", "contents": contents}
    return {"event_id": event, "order_id": event, **({} if name == "PageView" else extra)}


class Local:
    """A threaded server on a free port of ``host``; ``busy`` requests are being answered."""

    def __init__(self, host: str) -> None:
        local = self
        self.busy = 0
        self._lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                local._count(1)
                try:
                    status, headers, body = local.answer(self.path)
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True  # the browser has left
                finally:
                    local._count(-1)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # a connection that the browser dropped in the handshake

        self.server = Quiet((host, 0), Handler)
        self.port = int(self.server.server_address[1])

    def start(self) -> None:
        threading.Thread(target=self.server.serve_forever, args=(0.1,), daemon=True).start()

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        raise NotImplementedError

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _count(self, change: int) -> None:
        with self._lock:
            self.busy += change


class Vendors(Local):
    """Every vendor: libraries by their stand-ins, hits with an empty answer."""

    def __init__(self, folder: Path) -> None:
        super().__init__("127.0.0.1")
        self.slow_seconds = 0.0
        path = folder / "vendors.pem"
        path.write_bytes(_certificate())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._bodies = {path: (DOUBLES / name).read_bytes() for path, name in LIBRARIES.items()}
        self.start()

    def chromium_flags(self) -> list[str]:
        found = ", ".join(f"MAP {host} 127.0.0.1:{self.port}" for host in VENDORS)
        rules = f"{found}, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
        return [f"--host-resolver-rules={rules}", "--ignore-certificate-errors"]

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        body = self._bodies.get(path.partition("?")[0])
        if body is None:
            return 204, {}, b""
        time.sleep(self.slow_seconds)
        return 200, {"Content-Type": "text/javascript", "Cache-Control": "no-store"}, body


class ModelShop(Local):
    """The shop. Every page that it serves has a serial, and every event an id, used once."""

    def __init__(self) -> None:
        super().__init__("localhost")
        self.origin = f"http://localhost:{self.port}"
        self.snippet = ""
        self.seconds_ahead = 0.0
        self.gpc_property = False
        self.served: dict[str, list[tuple[str, str]]] = {}
        """A page's serial to the ids and names of its events."""
        self._serials, self._events = itertools.count(1), itertools.count(1)
        self._numbering = threading.Lock()
        self.start()

    def event_id(self) -> str:
        """Ids grow in the order in which events are tracked."""
        with self._numbering:
            return f"e{next(self._events)}"

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        # A page may come back as it was left, but not be built again from what the browser kept.
        html = {
            "Content-Type": "text/html; charset=utf-8",
            "Cache-Control": "no-cache",
            "Vary": "*",
        }
        if path.startswith("/clock"):
            return 200, {**html, "Content-Type": "text/plain"}, b"%d" % (self.seconds_ahead * 1000)
        if path == "/begin":
            return 200, html, f"<!doctype html><link rel=icon href=data:,>{OWN}".encode()
        own = path.partition("?")[0]
        tracked = PAGES.get("/app" if own.startswith("/app") else own)
        if tracked is None:
            return 404, html, b""
        with self._numbering:
            serial = f"p{next(self._serials)}"
        events = self.served[serial] = [(self.event_id(), name) for name in tracked]
        return 200, {**html, "X-Serial": serial}, self._page(events).encode()

    def _page(self, events: list[tuple[str, str]]) -> str:
        calls = "".join(
            f"pixelgate('track',{json.dumps(name)},{json.dumps(parameters(name, event))});"
            for event, name in events
        )
        shim = SHIM % (self.seconds_ahead * 1000, json.dumps(self.gpc_property))
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Summit</title>'
            f'<link rel="icon" href="data:,">{shim}{self.snippet}</head>'
            f"<body><main><h1>Summit Outdoor</h1></main><script>{calls}</script></body></html>"
        )


def _certificate() -> bytes:
    """A key and a certificate of its own making; Chromium is told to take any."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vendors.test")])
    day = dt.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utcnow() - day)
        .not_valid_after(utcnow() + day)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + private
