import datetime as dt
import re
import uuid

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import data
from consent.model import CookieConfig, Grants, Place, Record
from consent.regions import Regions
from consent.web import cookie
from tests.web.cookies import ALL, DAY, ID, NONE, NOW, VISITOR, YESTERDAY, a_text

DAYS = cookie.Days(accept=181, refuse=184)
GRANT = {"action": "accept_all", "grants": Grants.all(True)}
REFUSAL = {"action": "reject_all", "grants": Grants.all(False)}


def a_scope(*headers: tuple[bytes, bytes]) -> dict[str, object]:
    return {"type": "http", "headers": list(headers)}


def a_record(**changes: object) -> Record:
    record = Record(
        seq=1,
        id=uuid.UUID(ID),
        visitor=uuid.UUID(VISITOR),
        previous=None,
        store="summit",
        version=1,
        version_sha256="0" * 64,
        at=NOW,
        action="accept_all",
        grants=Grants.all(True),
        language="de",
        banner_sha256="0" * 64,
        regime_id="eea",
        regime_sha256="0" * 64,
        place=Place("DE", None, "header"),
        gpc_header=False,
        gpc_property=False,
        device="desktop",
        salt=b"",
    )
    return msgspec.structs.replace(record, **changes)


class TestReading:
    def read(self, *lines: bytes) -> object:
        return cookie.carried(a_scope(*((b"cookie", line) for line in lines)))

    @pytest.mark.parametrize("text", [a_text(), a_text(bits=NONE), a_text(refused="meta+x-1")])
    @pytest.mark.parametrize(
        "header", ["pixelgate={}", "a=1; pixelgate={}; b=2", "a=1;pixelgate={}", "pixelgate={} ; a"]
    )
    def test_a_decision_is_read_among_other_cookies(self, header, text):
        found = self.read(header.format(text).encode())
        assert found == cookie.Carried(
            text.encode(), False, ID, version=1, at=YESTERDAY, grants_any=".000." not in text
        )

    def test_cookies_on_several_lines_are_one_list(self):
        found = self.read(b"a=1", b"pixelgate=" + a_text().encode())
        assert isinstance(found, cookie.Carried)
        assert self.read(b"pixelgate=" + a_text().encode(), b"pixelgate=0") == "unreadable"

    @pytest.mark.parametrize(
        "header",
        [
            b"",
            b"a=1",
            b"pixelgate",
            b"xpixelgate=1",
            b"Pixelgate=1",
            b"pixelgate2=1",
            b"a=pixelgate=1",
        ],
    )
    def test_other_cookies_are_none_of_ours(self, header):
        assert self.read(header) is None
        assert cookie.carried(a_scope()) is None

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "0",
            f"0.{VISITOR}",
            "1",
            *(a_text(state=state) for state in ("0", "3", "12", "")),
            a_text() + ".",
            a_text() + "0",
            a_text(id_="x"),
            a_text(id_=ID.upper()),
            a_text(id_="-" * 36),
            a_text(version="1234567890"),
            a_text(version="-1"),
            a_text(model="opt-in-or-out"),
            a_text(at="12345678"),
            a_text(at="9" * 12),
            a_text(at="١٧٧٢٤٤٧٤٠٠"),
            a_text(bits="11"),
            a_text(bits="112"),
            a_text(gpc="2"),
            a_text(refused="+"),
            a_text(refused="meta+"),
            a_text(refused="Meta"),
            a_text(refused="meta/../x"),
            a_text(refused="m" * 2000),
            a_text() + "\r\nset-cookie: session=stolen",
            a_text() + "\n",
            a_text() + "\x00",
            a_text() + ", " + a_text(),
            f'"{a_text()}"',
            a_text() + "; pixelgate=" + a_text(),
            a_text() + "; pixelgate=0",
            "x" * 60_000,
            "x; pixelgate=" * 5_000,
        ],
    )
    def test_what_has_not_the_form_is_unreadable(self, text):
        assert self.read(b"pixelgate=" + text.encode()) == "unreadable"

    @given(st.binary(max_size=200))
    def test_whatever_comes_nothing_else_is_ever_read_as_a_decision(self, noise):
        read = self.read(b"pixelgate=" + a_text().encode() + noise)
        if isinstance(read, cookie.Carried):
            assert read.text.decode("ascii") == read.text.decode().strip()
            assert cookie._FORM.fullmatch(read.text)


class TestWriting:
    page_reads = re.compile(
        re.search(
            r"FORM =\s+/\^(.*)\$/;",
            (data.folder("browser") / "src" / "decision.js").read_text(encoding="utf-8"),
        )[1]
    )

    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            ({}, a_text(at=1772447400)),
            ({"grants": Grants(True, False, True)}, a_text(at=1772447400, bits="101")),
            ({"gpc_header": True}, a_text(at=1772447400, gpc="1")),
            ({"gpc_property": True}, a_text(at=1772447400, gpc="1")),
            ({"refused": ("ga4", "google-ads")}, a_text(at=1772447400, refused="ga4+google-ads")),
            ({"at": NOW + dt.timedelta(milliseconds=999)}, a_text(at=1772447400)),
        ],
    )
    def test_the_text_is_what_a_page_writes_and_both_twins_read_it(self, changes, text):
        written = cookie.text(a_record(**changes), "opt-in")
        assert written.decode() == text
        assert self.page_reads.fullmatch(f"pixelgate={text}")
        read = cookie.carried(a_scope((b"cookie", b"pixelgate=" + written)))
        assert (read.text, read.id, read.at) == (written, ID, 1772447400)

    def test_it_is_for_every_script_of_the_shop_and_for_no_other_site(self):
        shop = cookie.Shop("summit.example", secure=True)
        assert shop.cookie(b"text", 60) == (
            b"set-cookie",
            b"pixelgate=text; Path=/; Max-Age=60; SameSite=Lax; Secure; Domain=summit.example",
        )
        assert cookie.Shop("", secure=False).cookie(b"text", 60) == (
            b"set-cookie",
            b"pixelgate=text; Path=/; Max-Age=60; SameSite=Lax",
        )


class TestTheSharedHost:
    ON_TWO = ("https://summit.example", "https://www.summit.example:8443")

    def shop(self, *hosts: bytes, domain="", origins=ON_TWO, origin=None):
        scope = a_scope(*((b"host", host) for host in hosts))
        return cookie.shop(scope, CookieConfig(domain), origins, origin)

    @pytest.mark.parametrize(
        "host",
        [b"summit.example", b"Summit.Example:443", b"www.summit.example:8000"],
    )
    def test_without_a_domain_it_is_the_host_of_an_origin(self, host):
        assert self.shop(host) == cookie.Shop("", secure=True)

    @pytest.mark.parametrize(
        "host",
        [
            b"consent.summit.example",
            b"summit.example.",
            b"summit.example.evil.example",
            b"evilsummit.example",
            b"summit.example:80,evil.example",
            b"summit.example\r\nx: y",
            b"evil.example",
            b"",
            b"://summit.example",
            b"\xff\xfe",
        ],
    )
    def test_without_a_domain_no_other_host_shares_it(self, host):
        assert self.shop(host) is None

    def test_it_is_the_host_of_the_very_origin_that_asks(self):
        assert self.shop(b"summit.example", origin=self.ON_TWO[0]) == cookie.Shop("", secure=True)
        assert self.shop(b"summit.example", origin=self.ON_TWO[1]) is None

    @pytest.mark.parametrize(
        "host", [b"summit.example", b"consent.summit.example:8000", b"a.b.SUMMIT.example"]
    )
    @pytest.mark.parametrize("origin", [None, *ON_TWO])
    def test_with_a_domain_it_is_every_host_on_it(self, host, origin):
        shared = self.shop(host, domain="summit.example", origin=origin)
        assert shared == cookie.Shop("summit.example", secure=True)

    @pytest.mark.parametrize(
        "host",
        [b"evilsummit.example", b"summit.example.evil.example", b"example", b"127.0.0.1", b""],
    )
    def test_with_a_domain_no_other_host_shares_it(self, host):
        assert self.shop(host, domain="summit.example") is None

    def test_an_origin_off_the_domain_shares_nothing(self):
        origin = "https://fjord.example"
        assert self.shop(b"summit.example", domain="summit.example", origin=origin) is None

    def test_no_host_and_two_hosts_are_none(self):
        assert self.shop() is None
        assert self.shop(b"summit.example", b"summit.example") is None

    @pytest.mark.parametrize(
        ("origins", "origin", "secure"),
        [
            (("https://summit.example", "http://summit.example"), "https://summit.example", True),
            (("https://summit.example", "http://summit.example"), "http://summit.example", False),
            (("https://summit.example", "http://summit.example"), None, False),
            (("https://summit.example", "http://other.example"), None, True),
        ],
    )
    def test_it_is_for_tls_alone_only_where_every_page_has_it(self, origins, origin, secure):
        assert self.shop(b"summit.example", origins=origins, origin=origin).secure is secure

    def test_addresses_are_hosts_too(self):
        assert self.shop(b"[::1]:8000", origins=("http://[::1]",)) == cookie.Shop("", secure=False)
        assert self.shop(b"127.0.0.1:8000", origins=("http://127.0.0.1:8080",)) is not None

    @pytest.mark.parametrize(
        ("header", "origin"),
        [
            (b"https://summit.example/", "https://summit.example"),
            (b"https://summit.example", "https://summit.example"),
            (b"https://summit.example/a?b#c", "https://summit.example"),
            (b"https://www.summit.example:8443/a", "https://www.summit.example:8443"),
            (b"https://summit.example@evil.example/", None),
            (b"https://summit.example.evil.example/", None),
            (b"https://evil.example/https://summit.example/", None),
            (b"http://summit.example/", None),
            (b"\xff", None),
            (None, None),
        ],
    )
    def test_the_page_is_known_by_its_exact_origin(self, header, origin):
        assert cookie.referrer(header, self.ON_TWO) == origin


class TestADecisionMayBecomeTheBrowsers:
    """The table in the module's text, case by case."""

    regime = Regions.load().resolve(Place("DE", None, "header"), on=NOW.date()).regime
    said = b"pixelgate=" + a_text(at=1772447400, bits=NONE).encode() + b"; "
    mine = cookie.Carried(a_text(bits=NONE).encode(), False, ID, 1, YESTERDAY, grants_any=False)
    granted = mine._replace(text=a_text().encode(), grants_any=True)
    waiting = mine._replace(text=a_text(state="2", bits=NONE).encode(), waits=True)
    newer = mine._replace(id=VISITOR, at=int(NOW.timestamp()) + 60)
    older = mine._replace(id=VISITOR, at=YESTERDAY)
    older_grant = granted._replace(id=VISITOR, at=YESTERDAY)

    def header(self, known, *, fresh=True, now=NOW, **changes):
        """Of a refusal, unless ``changes`` say otherwise."""
        record = a_record(**(REFUSAL | changes))
        shop = cookie.Shop("", secure=False)
        return cookie.of_stored(
            record, self.regime, fresh=fresh, known=known, shop=shop, now=now.timestamp()
        )

    @pytest.mark.parametrize("fresh", [True, False])
    @pytest.mark.parametrize(
        "known", [None, "unreadable", mine, granted, waiting, newer, older, older_grant]
    )
    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"action": "save"},
            {"action": "save", "refused": ("meta",)},
            *(
                {"action": "save", "grants": Grants(*(bit == one for bit in range(3)))}
                for one in range(3)
            ),
            {"action": "save", "grants": Grants(True, False, True)},
        ],
    )
    def test_no_grant_does_whatever_the_browser_has(self, known, fresh, changes):
        assert self.header(known, fresh=fresh, **(GRANT | changes)) is None

    def test_a_first_refusal_does_and_for_the_whole_period_of_refusals(self):
        _, value = self.header(None)
        assert value.startswith(self.said)
        assert self.regime.refuse_days != self.regime.accept_days
        assert f"Max-Age={self.regime.refuse_days * DAY};".encode() in value

    @pytest.mark.parametrize("fresh", [True, False])
    @pytest.mark.parametrize("known", [mine, granted, waiting])
    def test_the_decision_that_the_browser_has_does_also_when_it_is_told_again(self, known, fresh):
        _, value = self.header(known, fresh=fresh)
        assert value.startswith(self.said)

    def test_a_replay_brings_back_no_decision_that_the_browser_lost(self):
        assert self.header(None, fresh=False) is None

    @pytest.mark.parametrize("known", [newer, older, older_grant, newer._replace(waits=True)])
    @pytest.mark.parametrize("fresh", [True, False])
    @pytest.mark.parametrize("changes", [GRANT, REFUSAL])
    def test_no_other_decision_is_overwritten_whatever_its_time(self, known, fresh, changes):
        assert self.header(known, fresh=fresh, **changes) is None

    def test_a_withdrawal_under_way_makes_room_for_its_record_and_for_no_grant(self):
        _, value = self.header("unreadable", action="withdraw")
        assert value.startswith(self.said)
        assert self.header("unreadable", fresh=False, action="withdraw") is None
        assert self.header("unreadable", **GRANT) is None
        some = {"grants": Grants(True, False, False), "action": "save"}
        assert self.header("unreadable", **some) is None

    def test_what_is_told_again_lives_for_the_rest_of_its_time_and_no_longer(self):
        period = dt.timedelta(days=self.regime.refuse_days)
        _, value = self.header(self.mine, fresh=False, now=NOW + period - dt.timedelta(seconds=1))
        assert b"Max-Age=1;" in value
        assert self.header(self.mine, fresh=False, now=NOW + period) is None


class TestRenewing:
    def header(self, *, newest=3, now=NOW, **parts):
        known = cookie.carried(a_scope((b"cookie", b"pixelgate=" + a_text(**parts).encode())))
        shop = cookie.Shop("", secure=False)
        return cookie.renewed(known, DAYS, newest=newest, shop=shop, now=now.timestamp())

    @pytest.mark.parametrize(
        ("bits", "days"), [(ALL, 181), ("001", 181), ("100", 181), (NONE, 184)]
    )
    def test_the_same_text_lives_for_the_rest_of_its_time(self, bits, days):
        name, value = self.header(bits=bits)
        expected = (
            f"pixelgate={a_text(bits=bits)}; Path=/; Max-Age={(days - 1) * DAY}; SameSite=Lax"
        )
        assert (name, value.decode()) == (b"set-cookie", expected)

    def test_expiry_never_moves_beyond_the_period(self):
        for age in (0, 1, 90, 180):
            _, value = self.header(at=int(NOW.timestamp()) - age * DAY)
            assert f"Max-Age={(181 - age) * DAY};".encode() in value

    def test_what_has_expired_is_not_revived(self):
        end = YESTERDAY + 181 * DAY
        at = dt.datetime.fromtimestamp
        assert b"Max-Age=1;" in self.header(now=at(end - 1, dt.UTC))[1]
        assert self.header(now=at(end - 0.5, dt.UTC)) is None
        assert self.header(now=at(end, dt.UTC)) is None
        assert self.header(now=at(end + 1e6, dt.UTC)) is None

    def test_what_is_from_the_future_is_left_alone(self):
        assert self.header(at=int(NOW.timestamp())) is not None
        assert self.header(at=int(NOW.timestamp()) + 1) is None
        assert self.header(at="99999999999") is None

    def test_what_still_waits_to_be_stored_is_left_to_its_answer(self):
        assert self.header(state="2") is None

    def test_what_a_version_says_that_is_not_there_is_left_alone(self):
        assert self.header(version=3) is not None
        assert self.header(version=4) is None

    @pytest.mark.parametrize("known", [None, "unreadable"])
    def test_nothing_and_nonsense_are_left_alone(self, known):
        shop = cookie.Shop("", secure=False)
        now = NOW.timestamp()
        assert cookie.renewed(known, DAYS, newest=3, shop=shop, now=now) is None
