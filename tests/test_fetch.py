"""A page is fetched from where its owner says, from nowhere else, and never without end."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import ssl
import zlib
from collections.abc import Awaitable, Callable

import httpcore2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from consent.errors import RefusedError
from consent.fetch import MOST_BYTES, USER_AGENT, Fetched, Fetcher, addresses, unzipped

PUBLIC = "93.184.216.34"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class Network(httpcore2.AsyncNetworkBackend):
    """The internet of a test: every address leads to one local server, and is noted."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[tuple[str, int]] = []
        self._real = httpcore2.AnyIOBackend()

    async def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        self.asked.append((host, port))
        return await self._real.connect_tcp("127.0.0.1", self.port, timeout)


def fetched(
    url: str,
    answer: Answer | bytes,
    *,
    names: dict[str, list[list[str]]] | None = None,
    kinds: tuple[str, ...] = ("text/html",),
    tls: ssl.SSLContext | None = None,
    **options,
) -> tuple[Fetched, Network, list[bytes]]:
    """What a fetch gives, against one server that answers every request with ``answer``.

    ``names``: what each name resolves to, the first time, the second, ...; the last one stays.
    """
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            heard.append(head)
            if callable(answer):
                await answer(head, writer)
            else:
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def run() -> tuple[Fetched, Network, list[bytes]]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
        network = Network(server.sockets[0].getsockname()[1])

        async def resolve(host: str, port: int) -> list[str]:
            known = (names or {}).get(host, [[PUBLIC]])
            return known.pop(0) if len(known) > 1 else known[0]

        fetcher = Fetcher(resolve=resolve, network=network, **{"seconds": 120, **options})
        try:
            return await fetcher.get(url, kinds), network, heard
        finally:
            server.close()

    return asyncio.run(run())


def page(body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(line + b"\r\n" for line in headers)
    return HEAD + lines + b"Connection: close\r\n\r\n" + body


def refusal(url: str, answer: Answer | bytes = b"", **options) -> str:
    with pytest.raises(RefusedError) as caught:
        fetched(url, answer, **options)
    return caught.value.detail


class TestAnswer:
    def test_a_page_comes_with_its_policies_and_we_say_who_asks(self):
        answer = page(
            "é".encode(),
            b"Content-Security-Policy: default-src 'self'",
            b"Content-Security-Policy: img-src *",
        )
        found, network, heard = fetched("http://summit.example/a?b=c", answer)
        assert found.text == "é"
        assert found.policies == ("default-src 'self'", "img-src *")
        assert network.asked == [(PUBLIC, 80)]
        assert heard[0].startswith(b"GET /a?b=c HTTP/1.1\r\nHost: summit.example\r\n")
        assert USER_AGENT.encode() in heard[0]
        assert b"cookie" not in heard[0].lower()

    def test_gzip_is_unpacked(self):
        answer = page(gzip.compress(b"<p>hello"), b"Content-Encoding: gzip")
        assert fetched("http://summit.example", answer)[0].text == "<p>hello"

    @pytest.mark.parametrize(
        ("content", "header", "text"),
        [
            (b"\xe9", "iso-8859-1", "é"),
            (b"<meta charset=windows-1252>\x80", "", "<meta charset=windows-1252>€"),
            (b"\xef\xbb\xbfa", "no-such-thing", "a"),
            (b"\xff", "utf-8", "�"),
            (b"x", "base64", "x"),
        ],
    )
    def test_text_goes_by_what_is_said_of_it(self, content, header, text):
        assert Fetched("", "text/html", content, (), header).text == text

    def test_an_idn_and_a_trailing_dot_reach_the_resolver_as_names(self):
        names = {"xn--bcher-kva.example": [[PUBLIC]], "summit.example.": [[PUBLIC]]}
        assert fetched("http://bücher.example/", page(b"a"), names=names)[0].text == "a"
        assert fetched("http://summit.example./", page(b"b"), names=names)[0].text == "b"


class TestRedirects:
    def test_each_is_followed_up_to_the_fifth(self):
        async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
            step = int(head.split(b" ")[1].lstrip(b"/") or b"0")
            if step == 5:
                writer.write(page(b"there"))
            else:
                place = b"/%d" % (step + 1)
                writer.write(b"HTTP/1.1 302 x\r\nSet-Cookie: a=b\r\nLocation: " + place)
                writer.write(b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        found, _, heard = fetched("http://summit.example/0", answer)
        assert (found.url, found.text) == ("http://summit.example/5", "there")
        assert all(b"cookie" not in head.lower() for head in heard)

    def test_the_sixth_is_refused(self):
        answer = b"HTTP/1.1 301 x\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"
        assert "is the 6th redirect; expected fewer" in refusal("http://summit.example/", answer)

    @pytest.mark.parametrize(
        "place",
        [
            *("http://169.254.169.254/latest/meta-data", "http://[::ffff:169.254.169.254]/"),
            *("http://127.0.0.1/", "//localhost/", "http://inner.example/"),
            *("file:///etc/passwd", "gopher://summit.example/", "http://summit.example:6379/"),
            *("http://user:word@summit.example/", "http://"),
        ],
    )
    def test_none_leads_inside(self, place):
        answer = b"HTTP/1.1 302 x\r\nLocation: " + place.encode() + b"\r\nContent-Length: 0\r\n\r\n"
        names = {
            "localhost": [["127.0.0.1", "::1"]],
            "inner.example": [["10.0.0.1"]],
            "127.0.0.1": [["127.0.0.1"]],
            "169.254.169.254": [["169.254.169.254"]],
            "::ffff:169.254.169.254": [["::ffff:169.254.169.254"]],
        }
        heard = refusal("http://summit.example/", answer, names=names)
        assert "expected" in heard


class TestNames:
    @pytest.mark.parametrize(
        "found",
        [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["fe80::1%eth0", PUBLIC], ["nonsense"], []],
    )
    def test_one_bad_address_is_enough(self, found):
        assert refusal("http://summit.example/", page(b""), names={"summit.example": [found]})

    def test_a_name_that_answers_otherwise_later_gains_nothing(self):
        """It is asked once for a connection, and the connection goes to that very address."""
        names = {"summit.example": [[PUBLIC], ["127.0.0.1"]]}
        found, network, _ = fetched("http://summit.example/", page(b"a"), names=names)
        assert (found.text, network.asked) == ("a", [(PUBLIC, 80)])
        answer = b"HTTP/1.1 302 x\r\nLocation: /b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        names = {"summit.example": [[PUBLIC], ["127.0.0.1"]]}
        said = refusal("http://summit.example/", answer, names=names)
        assert "127.0.0.1 is private; expected a public address" in said

    @pytest.mark.parametrize(
        "host",
        [
            *("127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "0.0.0.0"),
            *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[fe80::1]", "localhost"),
            *("localhost.", "169.254.169.254", "[64:ff9b::a9fe:a9fe]", "127.0.0.1."),
        ],
    )
    def test_the_systems_resolver_is_not_fooled_by_how_an_address_is_written(self, host):
        network = Network(0)
        with pytest.raises(RefusedError):
            asyncio.run(Fetcher(network=network).get(f"http://{host}/"))
        assert network.asked == []

    @pytest.mark.parametrize(
        ("url", "says"),
        [
            ("ftp://summit.example/", "is no web address"),
            ("javascript:alert(1)", "is no web address"),
            ("summit.example", "is no web address"),
            ("", "is no web address"),
            ("http://me:secret@summit.example/", "has a user's name in it"),
            ("http://summit.example@127.0.0.1/", "has a user's name in it"),
            ("http://summit.example:8080/", "has port 8080; expected 80 or 443"),
            ("http://summit.example:99999/", "expected"),
            ("http://[::1/", "is no address"),
            ("http://a\nb/", "is no address"),
        ],
    )
    def test_what_is_no_ordinary_address_is_refused_before_anybody_is_asked(self, url, says):
        assert says in refusal(url)

    def test_private_ones_may_be_asked_where_the_operator_says_so_and_metadata_never(self):
        names = {"shop.test": [["10.1.2.3"]], "cloud.test": [["169.254.169.254"]]}
        found, network, _ = fetched("http://shop.test:8080/", page(b"a"), names=names, private=True)
        assert (found.text, network.asked) == ("a", [("10.1.2.3", 8080)])
        assert "metadata" in refusal("http://cloud.test/", names=names, private=True)


class TestCertificates:
    """The name is still whom we believe to speak with, though we connect to an address."""

    @pytest.fixture
    def contexts(self, tmp_path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "summit.example")])
        now = dt.datetime.now(dt.UTC)  # noqa: TID251 - a certificate holds by the real clock
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("summit.example")]), False)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        file = tmp_path / "both.pem"
        form = serialization.PrivateFormat.PKCS8
        secret = key.private_bytes(pem, form, serialization.NoEncryption())
        file.write_bytes(certificate.public_bytes(pem) + secret)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(file)
        return server, ssl.create_default_context(cadata=certificate.public_bytes(pem).decode())

    def test_the_certificate_has_to_be_the_names(self, contexts):
        server, trust = contexts
        found, network, _ = fetched("https://summit.example/", page(b"a"), tls=server, trust=trust)
        assert (found.text, network.asked) == ("a", [(PUBLIC, 443)])
        for url, known in (("https://harbor.example/", trust), ("https://summit.example/", None)):
            said = refusal(url, page(b"a"), tls=server, trust=known)
            assert "cannot be fetched" in said
            assert "certificate" in said.lower()


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
    )
    def test_public(self, address):
        assert addresses.refused(address, private=False) == ""

    @pytest.mark.parametrize(
        "address",
        [
            *("127.0.0.1", "127.255.255.254", "10.0.0.1", "172.31.255.255", "192.168.1.1"),
            *("100.64.0.1", "::1", "fc00::1", "fd12:3456::1", "::ffff:10.0.0.1"),
            *("64:ff9b::7f00:1", "2002:7f00:1::", "2002:c0a8:101::1", "::ffff:0:127.0.0.1"),
        ],
    )
    def test_private(self, address):
        assert addresses.refused(address, private=False) == "is private"
        assert addresses.refused(address, private=True) == ""

    @pytest.mark.parametrize(
        "address",
        [
            *("0.0.0.0", "169.254.169.254", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::"),
            *("fe80::1", "fe80::1%eth0", "ff02::1", "100.100.100.200", "168.63.129.16"),
            *("fd00:ec2::254", "192.0.0.192", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"),
            *("2002:a9fe:a9fe::", "64:ff9b:1::7f00:1", "::127.0.0.1", "2001::1", "2001:db8::1"),
            *("192.0.2.1", "198.18.0.1", "fec0::1", "", "localhost"),
        ],
    )
    def test_never(self, address):
        assert addresses.refused(address, private=False)
        assert addresses.refused(address, private=True)


class TestBounds:
    def test_an_answer_without_end_is_left(self):
        async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(HEAD + b"\r\n")
            while not writer.is_closing():
                writer.write(b"a" * 65536)
                await writer.drain()

        assert "too large; expected at most 5,000,000" in refusal("http://summit.example/", answer)

    @pytest.mark.parametrize("layers", [1, 2])
    def test_a_bomb_is_left_before_it_goes_off(self, layers):
        packed = zlib.compressobj(9, wbits=31)
        bomb = packed.compress(b"\0" * (MOST_BYTES * 10)) + packed.flush()
        answer = page(bomb * layers, b"Content-Encoding: gzip")
        assert "too large" in refusal("http://summit.example/", answer)

    @pytest.mark.parametrize(
        "body", [b"", b"HTTP/1.1 200 OK\r\n", HEAD + b"Content-Length: 9\r\n\r\na"]
    )
    def test_one_that_does_not_go_on_is_left_in_time(self, body):
        async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(body)
            await writer.drain()
            await asyncio.Event().wait()

        said = refusal("http://summit.example/", answer, seconds=0.2)
        assert "did not answer in 0.2 seconds" in said

    def test_one_that_comes_a_byte_at_a_time_is_left_too(self):
        async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(HEAD + b"\r\n")
            while not writer.is_closing():
                writer.write(b"a")
                await writer.drain()
                await asyncio.sleep(0.01)

        assert "did not answer in" in refusal("http://summit.example/", answer, seconds=0.2)

    @pytest.mark.parametrize(
        ("answer", "says"),
        [
            (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "with status 404"),
            (b"HTTP/1.1 302 x\r\nContent-Length: 0\r\n\r\n", "with status 302"),
            (b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n", "is image/png; expected text"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "is of no type"),
            (page(b"x", b"Content-Encoding: br"), "is packed as 'br'; expected gzip"),
            (page(b"nonsense", b"Content-Encoding: gzip"), "gzip: cannot be read"),
            (b"nonsense\r\n\r\n", "cannot be fetched"),
            (b"", "cannot be fetched"),
        ],
    )
    def test_what_is_no_page_is_refused_with_the_reason(self, answer, says):
        assert says in refusal("http://summit.example/", answer)


def test_what_is_cut_off_in_gzip_is_read_so_far():
    assert unzipped(gzip.compress(b"hello") + gzip.compress(b" you")) == b"hello you"
