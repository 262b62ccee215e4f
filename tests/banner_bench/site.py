"""The page that every contestant stands on, served on loopback, compressed as hosts do."""

from __future__ import annotations

import base64
import random
import struct
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import brotli

from tests.banner_bench.contestants import HERE, Contestant
from tests.npm import packages

WIDTH, HEIGHT = 640, 360
TYPES = {".js": "text/javascript", ".css": "text/css", ".png": "image/png", ".svg": "image/svg+xml"}
COMPRESSED = {".js", ".css", ".svg"}
CARD = "<li><h2>Lamp {0}</h2><p>Lamp {0}: brass and linen, {0}0 cm high.</p></li>"
PICTURE = f'<img src="/picture.png" width="{WIDTH}" height="{HEIGHT}" alt="A lamp at dusk">'


def picture() -> bytes:
    """A PNG of a dusk sky. Grain keeps it from being so small that the browser ignores it."""
    grain = random.Random(7)
    rows = bytearray()
    for y in range(HEIGHT):
        rows.append(0)
        for noise in grain.randbytes(WIDTH):
            rows += bytes((40 + y // 3 + noise % 4, 50 + y // 4, 140 - y // 5))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


class Site:
    """Serves ``/shop/NAME`` and, without the picture, ``/words/NAME`` to whom ``enter`` let in."""

    def __init__(self) -> None:
        self._answers = {"/picture.png": _answer(picture(), "image/png")}
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # One write for headers and body: two small ones would wait for each other.
            wbufsize = -1
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                status, headers, body = site.answer(self.path.partition("?")[0])
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("localhost", 0), Handler)
        self._server.daemon_threads = True
        self.origin = f"http://localhost:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def enter(self, contestant: Contestant) -> None:
        for kind, shown in (("shop", PICTURE), ("words", "")):
            page = (HERE / "page.html").read_text(encoding="utf-8")
            cards = "\n".join(CARD.format(number) for number in range(1, 13))
            for mark, text in (
                ("picture", shown),
                ("cards", cards),
                ("head", contestant.head),
                ("body", contestant.body),
            ):
                page = page.replace(f"<!--{mark}-->", text)
            answer = _answer(page.encode(), "text/html; charset=utf-8", small=True, keep=False)
            self._answers[f"/{kind}/{contestant.name}"] = answer

    def send_floor(self, size: int) -> None:
        """Serves the floor's script as ``/far.js``, with about ``size`` bytes on the wire."""
        floor = (HERE / "floor.js").read_bytes()
        noise = random.Random(7).randbytes(max(0, size - len(brotli.compress(floor))))
        padded = floor + b"//" + base64.b64encode(noise)
        self._answers["/far.js"] = _answer(padded, TYPES[".js"], small=True)

    def answer(self, path: str) -> Answer:
        if path not in self._answers:
            self._answers[path] = _file(path)
        return self._answers[path]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


Answer = tuple[int, list[tuple[str, str]], bytes]
MISSING: Answer = (404, [], b"")


def _file(path: str) -> Answer:
    root = packages()
    file = HERE / "floor.js" if path == "/floor.js" else root / path.removeprefix("/npm/")
    inside = file.resolve().is_relative_to(root.resolve()) or file.parent == HERE
    if not inside or not file.is_file() or file.suffix not in TYPES:
        return MISSING
    return _answer(file.read_bytes(), TYPES[file.suffix], small=file.suffix in COMPRESSED)


def _answer(body: bytes, kind: str, *, small: bool = False, keep: bool = True) -> Answer:
    headers = [("Content-Type", kind)]
    headers.append(("Cache-Control", "public, max-age=3600" if keep else "no-store"))
    if small:
        headers.append(("Content-Encoding", "br"))
    return 200, headers, brotli.compress(body) if small else body
