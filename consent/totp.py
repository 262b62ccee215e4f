"""Codes from an app, six digits every thirty seconds. The only importer of pyotp and of segno.

Source: RFC 6238. SHA-1, six digits and thirty seconds are what every app understands.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets

import pyotp
import segno

DRIFT = 1
"""So many steps before and after the present one count too: clocks differ, typing takes time."""
RECOVERY_CODES = 10

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""Of recovery codes: 32, without those that are taken for one another."""
_BLOCKS, _BLOCK = 4, 4


def new_secret() -> str:
    """160 random bits in base32, as RFC 4226 recommends."""
    return pyotp.random_base32()


def step_of(secret: str, typed: str, at: dt.datetime) -> int | None:
    """The number of the time step near ``at`` whose code was ``typed``; None when there is none.

    Whoever accepts it has to keep the number, and refuse it and every lower one from then on.
    """
    app = pyotp.TOTP(secret)
    code = "".join(typed.split())
    now = app.timecode(at)
    given = code.encode("utf-8", "surrogatepass")
    found = None
    for step in range(now - DRIFT, now + DRIFT + 1):
        if hmac.compare_digest(app.generate_otp(step).encode(), given):
            found = step
    return found


def address(secret: str, email: str, host: str) -> str:
    """What an app reads from the picture.

    Args:
        secret: as ``new_secret`` gives it.
        email: whose it is.
        host: where it opens the door, so that an app tells two installations apart.
    """
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=f"Pixelgate {host}")


def picture(text: str) -> str:
    """A QR code of ``text`` as an SVG, in an address that an ``img`` takes."""
    code = segno.make_qr(text, error="m")
    return str(code.svg_data_uri(scale=5, border=4, dark="#000", light="#fff"))


def new_recovery_codes() -> list[str]:
    """``RECOVERY_CODES`` codes of 80 random bits, each good once for when the app is lost."""
    return ["-".join(_block() for _ in range(_BLOCKS)) for _ in range(RECOVERY_CODES)]


def digest(recovery_code: str) -> str:
    """What is kept of a recovery code: SHA-256, since 80 random bits cannot be guessed from it.

    Case, spaces and hyphens do not count.
    """
    plain = "".join(recovery_code.lower().replace("-", " ").split())
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def is_recovery_code(typed: str) -> bool:
    """Whether ``typed`` has the form of one, and is no code of an app."""
    plain = "".join(typed.lower().replace("-", " ").split())
    return len(plain) == _BLOCKS * _BLOCK and set(plain) <= set(_LETTERS)


def _block() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_BLOCK))
