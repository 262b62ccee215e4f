"""Receipt files, verified in Python: what holds, and each thing that somebody may change."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import evidence
from consent.errors import RefusedError
from consent.model import Grants, Place
from consent.notes import Checkpoint, Note
from tests.tampered import NAMES, NO_FILES, TABLE, VKEY, a_file, tampered


@pytest.mark.parametrize("name", TABLE)
def test_what_was_changed_is_told_by_the_check_that_sees_it(name):
    checks = evidence.verify(evidence.read(tampered(name)), [VKEY])
    assert tuple(check.name for check in checks) == NAMES
    assert {check.name for check in checks if not check.holds} == TABLE[name][1]
    assert all(check.words.endswith(".") for check in checks)


@pytest.mark.parametrize("name", NO_FILES)
def test_what_is_no_receipt_file_is_refused(name):
    with pytest.raises(RefusedError, match=r"^malformed_file: file: "):
        evidence.read(NO_FILES[name])


@pytest.mark.parametrize("depth", [100, 950, 100_000])
def test_what_is_nested_without_end_is_no_record_and_no_receipt(depth):
    nested = "[" * depth + "]" * depth
    payload = base64.urlsafe_b64encode(nested.encode()).decode().rstrip("=")
    written = json.dumps({**a_file(), "receipt": f"{payload}.x"})
    checks = evidence.verify(evidence.read(written.encode()), [VKEY])
    assert [check.name for check in checks if not check.holds] == ["receipt"]
    within = written.replace('"record": {', f'"record": {{"x": {nested}, ').encode()
    try:
        checks = evidence.verify(evidence.read(within), [VKEY])
    except RefusedError:
        return
    assert [check.name for check in checks if not check.holds] == ["record", "receipt", "log"]


def test_without_a_key_no_signature_holds():
    checks = evidence.verify(evidence.read(tampered("nothing")), [])
    assert [check.name for check in checks if not check.holds] == ["signature"]


def test_a_decision_is_told_in_sentences():
    content = evidence.decision(evidence.read(tampered("nothing")))
    text = "\n".join(evidence.sentences(content))
    assert "On 2 March 2026 at 10:30:00 UTC a visitor of the store “summit” chose" in text
    assert "Granted: preferences, marketing. Denied: analytics. Refused one by one: meta." in text
    assert "in DE, found by the network's headers, on a phone; the rules “eea” applied" in text
    assert "sent Global Privacy Control" in text


def test_the_proof_can_be_read_by_other_tools():
    file = evidence.read(tampered("nothing"))
    head, _, checkpoint = evidence.tlog_proof(file).partition("\n\n")
    assert head.splitlines() == ["c2sp.org/tlog-proof@v1", "index 2", *file.proof]
    assert Checkpoint.parse(Note.parse(checkpoint).text).size == 7


@given(
    st.builds(
        dict,
        language=st.text(),
        store=st.text(),
        refused=st.lists(st.text()).map(tuple),
        grants=st.builds(Grants, st.booleans(), st.booleans(), st.booleans()),
        place=st.builds(Place, st.none() | st.text(), st.none(), st.just("none")),
    )
)
@settings(max_examples=25, deadline=None)
def test_whatever_a_record_says_its_file_verifies(changes):
    file = evidence.read(json.dumps(a_file(**changes)).encode())
    assert all(check.holds for check in evidence.verify(file, [VKEY]))
