from __future__ import annotations

import datetime as dt

import itsdangerous
import pytest

from consent.errors import ForbiddenError
from consent.signing import Cipher, Signer

OLD, NEW = "o" * 40, "n" * 40
FACTS = {"id": "0f9b", "grants": {"analytics": True}, "at": "2026-11-23T12:00:00.000Z"}


def test_a_receipt_reads_back_as_what_was_signed() -> None:
    signer = Signer([NEW])
    assert signer.read_receipt(signer.receipt(FACTS)) == FACTS


def test_receipts_of_a_key_that_was_rotated_still_verify() -> None:
    receipt = Signer([OLD]).receipt(FACTS)
    assert Signer([NEW, OLD]).read_receipt(receipt) == FACTS


def test_the_newest_key_signs() -> None:
    receipt = Signer([NEW, OLD]).receipt(FACTS)
    assert Signer([NEW]).read_receipt(receipt) == FACTS


def test_a_receipt_of_a_key_that_was_dropped_is_refused() -> None:
    with pytest.raises(ForbiddenError):
        Signer([NEW]).read_receipt(Signer([OLD]).receipt(FACTS))


@pytest.mark.parametrize("position", range(0, 100, 7))
def test_one_changed_character_is_refused(position: int) -> None:
    receipt = Signer([NEW]).receipt(FACTS)
    index = position % len(receipt)
    other = "A" if receipt[index] != "A" else "B"
    with pytest.raises(ForbiddenError):
        Signer([NEW]).read_receipt(receipt[:index] + other + receipt[index + 1 :])


@pytest.mark.parametrize("text", ["", ".", "..", "x.y", "\u2603", "." * 1000])
def test_what_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(ForbiddenError):
        Signer([NEW]).read_receipt(text)


def test_a_receipt_that_was_compressed_is_still_read() -> None:
    long = {"text": "a" * 500}
    compressed = itsdangerous.URLSafeSerializer([NEW], salt="pixelgate.receipt").dumps(long)
    assert str(compressed).startswith(".")
    assert Signer([NEW]).read_receipt(str(compressed)) == long


def test_a_session_is_not_a_receipt_nor_the_other_way() -> None:
    signer = Signer([NEW])
    with pytest.raises(ForbiddenError):
        signer.read_receipt(signer.session({"user": 1}))
    with pytest.raises(ForbiddenError):
        signer.read_session(signer.receipt(FACTS), max_age_seconds=60)


def test_a_session_ends() -> None:
    signer = Signer([NEW])
    session = signer.session({"user": 1})
    assert signer.read_session(session, max_age_seconds=60) == {"user": 1}
    with pytest.raises(ForbiddenError):
        signer.read_session(session, max_age_seconds=-1)


class TestCipher:
    AT = dt.datetime(2026, 11, 23, 17, 20, tzinfo=dt.UTC)

    def test_what_was_encrypted_is_read_by_every_key_that_is_left(self) -> None:
        token = Cipher([OLD], "a use").encrypt("naïve", self.AT)
        assert "na" not in token
        assert Cipher([NEW, OLD], "a use").decrypt(token) == "naïve"
        again = Cipher([NEW, OLD], "a use").again(token)
        assert Cipher([NEW], "a use").decrypt(again) == "naïve"
        for cipher in (Cipher([NEW], "a use"), Cipher([OLD], "another use")):
            with pytest.raises(ForbiddenError):
                cipher.decrypt(token)
            with pytest.raises(ForbiddenError):
                cipher.again(token)

    def test_it_ends_by_our_clock(self) -> None:
        cipher = Cipher([OLD], "a use")
        token = cipher.encrypt("x", self.AT)
        assert cipher.decrypt(token, self.AT + dt.timedelta(seconds=60), seconds=60) == "x"
        with pytest.raises(ForbiddenError):
            cipher.decrypt(token, self.AT + dt.timedelta(seconds=61), seconds=60)

    @pytest.mark.parametrize("text", ["", "x", "é", "\ud800", "A" * 200])
    def test_what_is_none_of_ours_is_refused(self, text: str) -> None:
        with pytest.raises(ForbiddenError):
            Cipher([OLD], "a use").decrypt(text)
