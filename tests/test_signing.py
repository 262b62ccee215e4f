from __future__ import annotations

import itsdangerous
import pytest

from consent.errors import ForbiddenError
from consent.signing import Signer

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
