import base64
import datetime as dt

import pyotp
import pytest

from consent import totp

SECRET = base64.b32encode(b"12345678901234567890").decode()
"""Of the test vectors in RFC 6238, appendix B; the last six of their eight digits."""
AT = dt.datetime(2026, 11, 23, 17, 20, tzinfo=dt.UTC)
STEP = int(AT.timestamp()) // 30


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        *((59, "287082"), (1111111109, "081804"), (1111111111, "050471")),
        *((1234567890, "005924"), (2000000000, "279037"), (20000000000, "353130")),
    ],
)
def test_codes_are_those_of_the_rfc(seconds, code):
    at = dt.datetime.fromtimestamp(seconds, dt.UTC)
    assert totp.step_of(SECRET, code, at) == seconds // 30


@pytest.mark.parametrize(
    ("steps", "counts"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_one_step_before_and_after_counts_too(steps, counts):
    secret = totp.new_secret()
    code = code_of(secret, AT + dt.timedelta(seconds=30 * steps))
    assert totp.step_of(secret, code, AT) == (STEP + steps if counts else None)


@pytest.mark.parametrize("typed", ["", "x", "12345", "é" * 6, "\ud800", "٠٠٠٠٠٠", "1" * 400])
def test_what_is_no_code_is_that_of_no_step(typed):
    assert totp.step_of(SECRET, typed, AT) is None


def test_spaces_within_a_code_do_not_matter():
    code = code_of(SECRET, AT)
    assert totp.step_of(SECRET, f" {code[:3]} {code[3:]}\n", AT) == STEP


def test_an_app_reads_whose_secret_it_is_and_of_which_installation():
    address = totp.address(SECRET, "me@shop.example", "consent.shop.example")
    assert address.startswith("otpauth://totp/Pixelgate%20consent.shop.example:me%40shop.example?")
    assert f"secret={SECRET}" in address
    assert totp.picture(address).startswith("data:image/svg+xml")


def test_recovery_codes_are_ten_and_read_however_they_are_typed():
    codes = totp.new_recovery_codes()
    assert len(set(codes)) == 10
    for code in codes:
        assert len(code) == 19
        for typed in (code, code.upper(), code.replace("-", ""), f" {code.replace('-', ' ')} "):
            assert totp.is_recovery_code(typed)
            assert totp.digest(typed) == totp.digest(code)
    assert not totp.is_recovery_code("123456")


def code_of(secret: str, at: dt.datetime) -> str:
    """What the app on a phone shows."""
    return pyotp.TOTP(secret).at(at)
