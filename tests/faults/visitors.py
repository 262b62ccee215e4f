"""Visitors who post decisions as a page does, and keep what was acknowledged to them."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import threading
import time
import uuid
from collections import Counter
from typing import Any, NamedTuple

ORIGIN = "https://summit.example"
PATH = "/s/summit/decisions"
HEADERS = {"Origin": ORIGIN, "Content-Type": "text/plain", "CF-IPCountry": "DE"}
PAUSE_SECONDS = 0.03
"""How long a visitor waits who was not answered with a receipt; a real page waits longer."""

ANSWER_SECONDS = 60.0
GRANTS = (
    ("accept_all", (True, True, True)),
    ("reject_all", (False, False, False)),
    ("save", (False, True, False)),
)
PURPOSES = ("preferences", "analytics", "marketing")


class Answer(NamedTuple):
    status: int
    retry_after: str | None
    body: dict[str, Any]


class Acknowledged(NamedTuple):
    """A decision that was answered with 201. ``sent`` is when its last post began, monotonic."""

    post: dict[str, Any]
    receipt: dict[str, Any]
    sent: float


def a_post(banner: str, visitor: uuid.UUID, choice: int, **changes: Any) -> dict[str, Any]:
    action, grants = GRANTS[choice % len(GRANTS)]
    return {
        "id": str(uuid.uuid4()),
        "visitor": str(visitor),
        "version": 1,
        "action": action,
        "grants": dict(zip(PURPOSES, grants, strict=True)),
        "language": "en",
        "banner": banner,
        "gpc": False,
        **changes,
    }


class Whole(http.client.HTTPConnection):
    """Sends head and body in one piece, as browsers and proxies do.

    One that is refused by its head alone may find the connection closed before it sends its body.
    """

    _unsent = b""

    def send(self, data: bytes) -> None:
        self._unsent += data

    def getresponse(self) -> http.client.HTTPResponse:
        super().send(self._unsent)
        self._unsent = b""
        return super().getresponse()


class Line:
    """A kept-alive connection to the service; after a fault the next post opens another."""

    def __init__(
        self, port: int, path: str = PATH, *, kind: type[http.client.HTTPConnection] | None = None
    ) -> None:
        self._port = port
        self._path = path
        self._kind = kind or http.client.HTTPConnection
        self._connection: http.client.HTTPConnection | None = None

    def post(self, body: dict[str, Any]) -> Answer | None:
        """None when the service did not answer, which says nothing of what it stored."""
        if self._connection is None:
            self._connection = self._kind("127.0.0.1", self._port, timeout=ANSWER_SECONDS)
        try:
            self._connection.request("POST", self._path, json.dumps(body), HEADERS)
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return None
        return Answer(answer.status, answer.headers["Retry-After"], json.loads(text or b"{}"))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class Visitor(threading.Thread):
    """Decides again and again, and posts each decision until it is acknowledged.

    With ``replays`` every few decisions the same post is sent once more, and its id with other
    content, as a page with a slow network or a hostile one would.
    """

    def __init__(self, port: int, banner: str, *, replays: bool) -> None:
        super().__init__(daemon=True)
        self._replays = replays
        self.id = uuid.uuid4()
        self.acknowledged: list[Acknowledged] = []
        self.pending: dict[str, Any] | None = None
        self.statuses: Counter[int] = Counter()
        self.broken: list[str] = []
        self.longest_seconds = 0.0
        self._line = Line(port)
        self._banner = banner
        self._over = threading.Event()

    def end(self) -> None:
        self._over.set()

    def run(self) -> None:
        with contextlib.closing(self._line):
            for number in itertools.count():
                if self._over.is_set():
                    return
                self.pending = a_post(self._banner, self.id, number)
                kept = self._until_acknowledged(self.pending)
                if kept is None:
                    return
                self.acknowledged.append(kept)
                self.pending = None
                if self._replays and number % 4 == 3:
                    self._replay(kept)

    def _until_acknowledged(self, post: dict[str, Any]) -> Acknowledged | None:
        while not self._over.is_set():
            began = time.monotonic()
            answer = self._post(post)
            if answer is not None and answer.status == 201:
                return Acknowledged(post, answer.body, began)
            self._over.wait(PAUSE_SECONDS)
        return None

    def _replay(self, kept: Acknowledged) -> None:
        again = self._post(kept.post)
        if again is not None and again.status == 201 and again.body != kept.receipt:
            self.broken.append(f"the same post got {again.body} after {kept.receipt}")
        other = self._post({**kept.post, "visitor": str(uuid.uuid4())})
        if other is not None and other.status not in (409, 503):
            self.broken.append(f"an id used again with other content got {other.status}")

    def _post(self, post: dict[str, Any]) -> Answer | None:
        began = time.monotonic()
        answer = self._line.post(post)
        self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)
        self.statuses[answer.status if answer else 0] += 1
        if answer is None or answer.status in (201, 409):
            return answer
        if answer.status != 503:
            self.broken.append(f"answered {answer.status} {answer.body}")
        elif not (answer.retry_after or "").isdigit():
            self.broken.append(f"503 with Retry-After {answer.retry_after!r}")
        return answer
