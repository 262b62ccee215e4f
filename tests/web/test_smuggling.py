"""Requests whose end two readers could see at different places, byte by byte, to the real server.

Each has a second request behind it, which must be answered as one of its own or not at all, never
become part of somebody else's. Source: RFC 9112 sections 6 and 7, and what scanners for request
smuggling send.
"""

from __future__ import annotations

import contextlib
import socket
import urllib.request
from collections.abc import Iterator

import pytest

from tests.e2e.service import PUBLISHED, Service

ORIGIN = "https://summit.example"
HEAD = (
    f"POST /s/summit/seen HTTP/1.1\r\nHost: a\r\nOrigin: {ORIGIN}\r\nContent-Type: text/plain\r\n"
)
HIDDEN = "GET /s/hidden/loader.js HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
CHUNKED = "2\r\n{}\r\n0\r\n\r\n"
TE, CL = "Transfer-Encoding: chunked\r\n", "Content-Length: {}\r\n"
AMBIGUOUS = {
    "two lengths": CL.format(2) + CL.format(2 + len(HIDDEN)) + "\r\n{}",
    "a list of lengths": "Content-Length: 2, 2\r\n\r\n{}",
    "a signed length": "Content-Length: +2\r\n\r\n{}",
    "a negative length": "Content-Length: -2\r\n\r\n{}",
    "a hexadecimal length": "Content-Length: 0x2\r\n\r\n{}",
    "a length without end": f"Content-Length: {'9' * 30}\r\n\r\n{{}}",
    "another coding": "Transfer-Encoding: xchunked\r\n\r\n" + CHUNKED,
    "chunked is not last": "Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNKED,
    "two codings": TE + "Transfer-Encoding: identity\r\n\r\n" + CHUNKED,
    "a space before the colon": "Transfer-Encoding : chunked\r\n\r\n" + CHUNKED,
    "a folded line": "X: a\r\n " + CL.format(99) + CL.format(2) + "\r\n{}",
    "a bare carriage return": "X: a\r" + CL.format(99) + CL.format(2) + "\r\n{}",
    "a NUL": "X: a\0b\r\n" + CL.format(2) + "\r\n{}",
    "a chunk too large": TE + "\r\nFFFFFFFFFFFFFFFF2\r\n{}\r\n0\r\n\r\n",
    "a negative chunk": TE + "\r\n-2\r\n{}\r\n0\r\n\r\n",
    "a bare line feed in a chunk": TE + "\r\n2;a\n{}\r\n0\r\n\r\n",
    "a length and a coding": CL.format(4) + TE + "\r\n" + CHUNKED,
}
"""What follows ``HEAD``."""
CLEAR = {
    "a length": CL.format(2) + "\r\n{}",
    "a coding": TE + "\r\n" + CHUNKED,
    "an extension": TE + "\r\n2;a=b\r\n{}\r\n0\r\n\r\n",
    "a trailer that says who asks": TE + "\r\n2\r\n{}\r\n0\r\nX-Forwarded-For: 8.8.8.8\r\n\r\n",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("smuggling"))
    service.consent("migrate")
    service.publish(PUBLISHED.format(origin=ORIGIN))
    service.start()
    yield service
    service.stop()


def statuses(service: Service, request: str) -> list[int]:
    """Of each answer to ``request`` and the one behind it, until the server closes."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as line:
        line.sendall((request + HIDDEN).encode("latin-1"))
        answered = b""
        while part := line.recv(65536):
            answered += part
    return [int(part[:3]) for part in answered.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_can_be_read_in_two_ways_ends_the_connection(service: Service, name: str) -> None:
    found = statuses(service, HEAD + AMBIGUOUS[name])
    assert found in ([400], [204]), "nothing behind it is answered"


@pytest.mark.parametrize("name", CLEAR)
def test_what_has_one_end_is_answered_and_so_is_the_next(service: Service, name: str) -> None:
    assert statuses(service, HEAD + CLEAR[name]) == [204, 404]


ELSEWHERE = HEAD.replace(ORIGIN, "https://other.example")


def in_pieces(service: Service, *pieces: str) -> list[int]:
    """Of each answer, where each piece comes once the one before it can have been answered."""
    answered = b""
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as line:
        for piece in pieces:
            line.sendall(piece.encode("latin-1"))
            line.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                answered += line.recv(65536)
        line.settimeout(60)
        while part := line.recv(65536):
            answered += part
    return [int(part[:3]) for part in answered.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("path", ["seen", "receipts/x"])
@pytest.mark.parametrize("name", CLEAR)
def test_who_is_refused_hears_why_also_where_the_body_comes_after_the_head(
    service: Service, name: str, path: str
) -> None:
    head, end, body = CLEAR[name].partition("\r\n\r\n")
    refused = ELSEWHERE.replace("/seen ", f"/{path} ") + head + end
    assert in_pieces(service, refused, body, HIDDEN) == [403, 404]


@pytest.mark.parametrize("length", [2, 10**9])
def test_who_is_refused_and_sends_no_more_is_not_waited_for(service: Service, length: int) -> None:
    assert in_pieces(service, ELSEWHERE + CL.format(length) + "\r\n") == [403]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("GET /" + "a" * 100_000 + " HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: " + "a" * 1_000_000 + "\r\n\r\n", 431),
        ("GET / HTTP/1.1\r\nHost: a\r\n" + "X: a\r\n" * 500 + "\r\n", 431),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\xff" * 99, 400),
    ],
    ids=["path", "header", "headers", "tls"],
)
def test_what_is_too_long_or_no_request_is_refused(
    service: Service, request_: str, status: int
) -> None:
    try:
        assert statuses(service, request_) == [status]
    except ConnectionError:  # it was closed while we still spoke
        assert status == 431


def test_the_path_is_taken_as_it_was_sent(service: Service) -> None:
    for path in ("/s/summit/../hidden/loader.js", "/log/tile/../key", "//s/summit/loader.js"):
        assert statuses(service, f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n") == [404, 404]


def test_the_service_is_none_the_worse(service: Service) -> None:
    for _ in range(3):
        statuses(service, HEAD + AMBIGUOUS["two lengths"])
    with urllib.request.urlopen(f"{service.url}/readyz", timeout=60) as answer:
        assert answer.status == 200
    log = (service.folder / "service.log").read_text()
    assert "hidden" not in log
    assert "8.8.8.8" not in log
