"""Every parser of bytes that come from outside: what it may refuse with, and what it likes to get.

tests/test_outside.py feeds them with hypothesis, tests/hunt.py with atheris.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent import data, evidence, merkle, storefile, timestamps
from consent.campaign import Campaign
from consent.compose import Composer
from consent.embeds import Embeds
from consent.errors import DataError, ForbiddenError, RefusedError
from consent.fetch import sitemaps
from consent.geo import HEADERS, Geo
from consent.geo.placefile import PlaceFile
from consent.notes import Checkpoint, Note, Vkey
from consent.platforms import Platforms
from consent.platforms import files as platform_files
from consent.platforms.templates import template_faults
from consent.regions import Regions
from consent.regions import files as regime_files
from consent.scan import Scanner
from consent.scan.others import Others
from consent.settings import load
from consent.signing import Signer
from consent.texts import Texts
from consent.web import cookie, receipts, signals, visitor
from consent.web.posts import decode
from tests.test_geo_files import MAXMIND

NOW = dt.datetime(2026, 3, 2, 10, 30, tzinfo=dt.UTC)
Scope = dict[str, object]


@dataclasses.dataclass(frozen=True)
class Parser:
    """``read`` takes any bytes, and raises nothing but ``refuses``."""

    read: Callable[[bytes], object]
    seeds: Sequence[bytes]
    refuses: tuple[type[Exception], ...] = ()

    def feed(self, content: bytes) -> None:
        """Raises what the parser should not."""
        with contextlib.suppress(*self.refuses):
            self.read(content)


def text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def scope(headers: Sequence[tuple[bytes, bytes]], peer: str = "127.0.0.1") -> Scope:
    return {"type": "http", "client": (peer, 1), "headers": list(headers), "method": "GET"}


@functools.cache
def geo() -> Geo:
    trusted = load({"CONSENT_TRUSTED_PROXIES": "127.0.0.1", "CONSENT_SECRET_KEYS": "k" * 40})
    return Geo(None, trusted.trusted_proxies, now=lambda: NOW)


@functools.cache
def scanner() -> Scanner:
    composer = Composer(Regions.load(), Platforms.load(), Texts.load(), Embeds.load())
    return Scanner(composer.snippet, Platforms.load(), Embeds.load(), Others.load())


@functools.cache
def folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="pixelgate-outside-"))


def in_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """The bytes as the file ``name``, which ``read`` gets."""

    def written(content: bytes) -> object:
        path = folder() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return read(path)

    return written


def headers_of(content: bytes) -> list[tuple[bytes, bytes]]:
    """Lines ``name: value`` of ``content``, as a server hands them on."""
    pairs = (line.partition(b":") for line in content.split(b"\n"))
    return [(name.strip().lower(), value.strip()) for name, _, value in pairs]


def place(content: bytes) -> object:
    found = signals.place(scope(headers_of(content)), geo())
    assert found.country is None or (len(found.country) == 2 and found.country.isupper())
    signals.address(scope(headers_of(content)), geo())
    return found


def page(content: bytes) -> object:
    return scanner().page(text(content), policies=(text(content[:200]),))


def negotiated(content: bytes) -> object:
    signals.gpc(scope([(b"sec-gpc", content)]))
    signals.device(scope([(b"user-agent", content)]))
    signals.query(content[:256])
    assert len(signals.languages(content[:256])) <= signals.MAX_LANGUAGES
    return signals.encoding(content[:256])


def carried(content: bytes) -> object:
    found = cookie.carried(scope([(b"cookie", content)]))
    cookie.referrer(content, ("https://summit.example",))
    return found


def tile(content: bytes) -> object:
    found = merkle.parse_tile(text(content))
    assert found is None or merkle.parse_tile(found.path) == found
    return found, merkle.parse_numbered(text(content))


def stored(content: bytes) -> object:
    """What is read is written so that the same is read again."""
    config = storefile.parse(text(content), "store.toml")
    again = storefile.parse(storefile.to_toml(config), "store.toml")
    assert again == config
    return config


def seed(path: Path) -> bytes:
    return path.read_bytes()


REFUSED = (RefusedError,)
WRONG = (DataError,)
ID = "0f9b2d3c-5a6e-4f7a-8b1c-2d3e4f5a6b7c"
GRANTS = {"preferences": True, "analytics": True, "marketing": False}
DECISION = {
    **{"id": ID, "visitor": ID, "version": 1, "action": "save", "grants": GRANTS},
    **{"language": "de", "banner": "0" * 64, "gpc": False},
}
EVENT = {"name": "Purchase", "reached": {"meta": "sent"}, "value": 1.5, "currency": "EUR"}
STORE = b"""
key = "a"
name = "A"
origins = ["https://a.example"]
[[pixels]]
platform = "meta"
id = "123456789012345"
"""
SHARED = b"""
[regions."US-CA"]
regime = "us-ca"
[banner]
radius = 8
light = { background = "#ffffff" }
[texts.en]
"banner.title" = "x"
"""
SITEMAP = b"""<?xml version='1.0'?><urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>
<url><loc>https://a.example/</loc></url></urlset>"""
PEM = b"-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"


def posts() -> Iterator[tuple[str, Parser]]:
    """What pages post."""
    for name, decoder, sent in (
        ("decision", visitor._DECISION, DECISION),
        ("seen", visitor._SEEN, {"entry": True, "version": 1, "language": "de"}),
        ("coverage", visitor._COVERAGE, {"version": 1, "events": [EVENT]}),
        ("owner", receipts._OWNER, {"visitor": ID}),
    ):
        read = functools.partial(decode, decoder, code="invalid")
        yield name, Parser(read, [json.dumps(sent).encode()], REFUSED)


def headers() -> Iterator[tuple[str, Parser]]:
    """What stands in headers and paths."""
    own = f"pixelgate=1.{ID}.{ID}.3.opt-in.1764115200.110.0; a=b".encode()
    said = [f"{one.country}: DE\n{one.subdivision}: BY".encode() for one in HEADERS]
    forwarded = b"X-Forwarded-For: 8.8.8.8\nx-forwarded-for: [2001:db8::1]:80, 127.0.0.1"
    yield "cookie", Parser(carried, [own])
    yield "place headers", Parser(place, [*said, forwarded, b"Forwarded: for=1.1.1.1;host=a"])
    wishes = [b"de-CH;q=0.9, fr;q=nan, *;q=0", b"br;q=1e9", b"l=de&c=false&v=3", b"de,3", b"1"]
    yield "negotiation", Parser(negotiated, wishes)
    tiles = [b"0/x001/234.p/5", b"63/000", b"x001/234"]
    yield (
        "tile path",
        Parser(lambda b: (merkle.parse_tile(text(b)), merkle.parse_numbered(text(b))), tiles),
    )


def signed() -> Iterator[tuple[str, Parser]]:
    """What somebody signed, or says so."""
    signer = Signer(["k" * 40])
    forbidden = (ForbiddenError,)
    receipt, session = signer.receipt({"a": 1}), signer.session({"session": ID})
    read = functools.partial(signer.read_session, max_age_seconds=9)
    yield "receipt", Parser(lambda b: signer.read_receipt(text(b)), [receipt.encode()], forbidden)
    yield "session", Parser(lambda b: read(text(b)), [session.encode()], forbidden)
    yield "receipt file", Parser(verified, [receipt_file()], REFUSED)
    yield "note", Parser(lambda b: Note.parse(text(b)), ["a\n\n— a b=\n".encode()], REFUSED)
    point = b"a.example\n5\n" + b"A" * 43 + b"=\n"
    yield "checkpoint", Parser(lambda b: Checkpoint.parse(text(b)), [point], REFUSED)
    yield "vkey", Parser(lambda b: Vkey.parse(text(b)), [b"a+00000000+AQ=="], REFUSED)
    der = bytes.fromhex("3009300702010204020c00")
    yield "timestamp", Parser(lambda b: timestamps.stamped_at(b, b"m", roots()), [der], REFUSED)
    yield "certificates", Parser(timestamps.certificates, [PEM], REFUSED)


def files() -> Iterator[tuple[str, Parser]]:
    """What operators, lawyers, marketers and vendors write into files."""
    snippets, locales = data.folder("snippets"), data.folder("locales")
    key = b'key = "a"\nname = "A"\n'
    yield "store file", Parser(stored, [STORE + SHARED], WRONG)
    group = functools.partial(storefile.parse_group, file="group.toml")
    yield "group file", Parser(lambda b: group(text(b)), [key + SHARED], WRONG)
    yield "platform file", Parser(platform, [seed(snippets / "meta" / "platform.toml")], WRONG)
    yield (
        "template",
        Parser(lambda b: template_faults(text(b)), [seed(snippets / "meta" / "pixel.js")]),
    )
    embeds, campaign = seed(snippets / "embeds.toml"), seed(snippets / "campaign.toml")
    yield "embeds file", Parser(in_file("embeds.toml", Embeds.load), [embeds], WRONG)
    yield "campaign file", Parser(in_file("campaign.toml", Campaign.load), [campaign], WRONG)
    regime = seed(data.folder("regimes") / "eea.toml")
    read = in_file("regimes/eea.toml", lambda p: regime_files.read(p.parent))
    yield "regime file", Parser(read, [regime], WRONG)
    english = in_file("locales/en.json", lambda p: Texts.load(p.parent))
    yield "locale file", Parser(english, [seed(locales / "en.json")], WRONG)
    places = seed(MAXMIND / "GeoIP2-Country-Test.mmdb")
    yield (
        "place file",
        Parser(in_file("p.mmdb", lambda p: PlaceFile(p, copied=False)), [places], WRONG),
    )


def pages() -> Iterator[tuple[str, Parser]]:
    """What other servers answer."""
    html = b"<script>fbq('init', '123456789012345')</script><iframe src=https://www.youtube.com/embed/a>"
    yield "page", Parser(page, [html])
    yield "sitemap", Parser(lambda b: sitemaps.read(b, "s"), [SITEMAP], REFUSED)


def platform(content: bytes) -> object:
    file = folder() / "snippets" / "meta" / "platform.toml"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        source = data.folder("snippets") / "meta" / "pixel.js"
        file.with_name("pixel.js").write_bytes(source.read_bytes())
    file.write_bytes(content)
    return platform_files.read(file, {})


@functools.cache
def roots() -> Sequence[x509.Certificate]:
    """One that has signed nothing."""
    key, name = Ed25519PrivateKey.generate(), x509.Name([])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + dt.timedelta(9))
    return [made.sign(key, None)]


def receipt_file() -> bytes:
    record = {"action": "save", "at": "2026-03-02T10:30:00.000Z", "seq": 1}
    file = {"record": record, "receipt": "e30.a", "index": 0, "proof": ["A" * 43 + "="]}
    return json.dumps(
        {**file, "checkpoint": "a\n1\nA=\n\n", "key": "a+0+A", "anchors": []}
    ).encode()


def verified(content: bytes) -> object:
    file = evidence.read(content)
    checks = evidence.verify(file, [])
    assert not all(check.holds for check in checks), "nothing holds without a key"
    found = evidence.decision(file)
    return evidence.sentences(found) if found else None


PARSERS: Mapping[str, Parser] = {
    name: parser for group in (posts, headers, signed, files, pages) for name, parser in group()
}
