"""Signed notes and checkpoints, against the examples of the specifications and of Go's sumdb."""

from __future__ import annotations

import base64

import pytest

from consent import notes
from consent.errors import RefusedError
from consent.notes import Checkpoint, Note, Vkey
from consent.signing import LogKey, is_signed, log_key

SPECIFIED_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPECIFIED = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONnc"
    "AlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
GO_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
GO_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6"
    "KE6RyyBwJnAM=\n"
)
ROOT = base64.b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")


def test_the_specifications_own_note_is_signed_by_its_own_key():
    key = Vkey.parse(SPECIFIED_KEY)
    note = Note.parse(SPECIFIED)
    assert [who for who, _ in note.signers([key])] == [key]
    assert str(note) == SPECIFIED
    assert key.text == SPECIFIED_KEY


def test_our_signature_is_the_one_that_go_makes():
    key = LogKey(GO_SEED)
    assert Vkey("PeterNeumann", key.public).text == GO_KEY
    assert notes.sign(GO_TEXT, "PeterNeumann", key).line == GO_LINE
    assert Note.parse(f"{GO_TEXT}\n{GO_LINE}").signers([Vkey.parse(GO_KEY)])


def test_a_changed_key_is_never_taken_for_a_key():
    for begin in range(len(GO_KEY)):
        for end in range(begin + 1, len(GO_KEY) + 1):
            if (begin, end) != (0, len(GO_KEY)):
                with pytest.raises(RefusedError):
                    Vkey.parse(GO_KEY[begin:end])
    for at, character in enumerate(GO_KEY):
        with pytest.raises(RefusedError):
            Vkey.parse(GO_KEY[:at] + chr(ord(character) + 1) + GO_KEY[at + 1 :])
    for bad in (
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ):
        with pytest.raises(RefusedError, match="expected a vkey"):
            Vkey.parse(bad)


def test_a_changed_text_is_not_what_was_signed():
    note = Note.parse(SPECIFIED.replace("example message", "another message"))
    with pytest.raises(RefusedError, match=r"signature of example\.com/foo \(530d903a\) does not"):
        note.signers([Vkey.parse(SPECIFIED_KEY)])


def test_signatures_of_unknown_keys_do_not_count():
    note = Note.parse(SPECIFIED + GO_LINE)
    assert [key.name for key, _ in note.signers([Vkey.parse(SPECIFIED_KEY)])] == ["example.com/foo"]
    assert note.signers([]) == []
    same_name = Vkey("example.com/foo", LogKey(GO_SEED).public)
    assert note.signers([same_name]) == []


@pytest.mark.parametrize(
    "written",
    [
        *("", "text\n", "text\n\n", SPECIFIED[:-1], SPECIFIED + "\n", "a\r" + SPECIFIED),
        *(SPECIFIED + "— a b\n", SPECIFIED + "- a AAAAAAA=\n", SPECIFIED + "— a+b AAAAAAA=\n"),
        *(SPECIFIED + "— \u00a0 AAAAAAA=\n", SPECIFIED + "—  AAAAAAA=\n", SPECIFIED + "— a AAAA\n"),
        SPECIFIED + GO_LINE * 64,
        "x" * 70_000 + SPECIFIED,
    ],
)
def test_what_is_no_note_is_refused(written):
    with pytest.raises(RefusedError, match=r"^malformed_note: note: "):
        Note.parse(written)


def test_a_note_may_have_empty_lines_and_sixteen_signatures():
    key = LogKey(GO_SEED)
    text = "è subito sera\n\n\nlast\n"
    note = Note(text, tuple(notes.sign(text, f"key{i}", key) for i in range(16)))
    assert Note.parse(str(note)) == note
    assert len(note.signers([Vkey(f"key{i}", key.public) for i in range(16)])) == 16


def test_a_checkpoint_has_the_form_of_the_specification():
    head = Checkpoint("example.com/behind-the-sofa", 20852163, ROOT)
    assert head.text == (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )
    assert Checkpoint.parse(head.text) == head
    assert Checkpoint.parse(head.text + "extension\n") == head


@pytest.mark.parametrize(
    ("old", "new"),
    [
        *(("20852163", "020852163"), ("20852163", "-1"), ("20852163", "٣"), ("20852163", "1e3")),
        *(("\n20852163", ""), ("q2I=", "q2I"), ("q2I=", "q2J="), ("CsUY", ""), ("q2I=\n", "q2I=")),
        ("q2I=\n", "q2I=\n\nextension\n"),
    ],
)
def test_what_is_no_checkpoint_is_refused(old, new):
    text = Checkpoint("example.com/behind-the-sofa", 20852163, ROOT).text
    with pytest.raises(RefusedError, match=r"^malformed_checkpoint: checkpoint: "):
        Checkpoint.parse(text.replace(old, new))


def test_a_witness_signs_the_checkpoint_and_the_time():
    key = LogKey(GO_SEED)
    head = Checkpoint("example.com/log", 7, ROOT)
    time = (1679315147).to_bytes(8)
    value = time + key.sign(f"cosignature/v1\ntime 1679315147\n{head.text}".encode())
    witness = Vkey("witness.example/w1", key.public, notes.COSIGNATURE)
    assert Vkey.parse(witness.text) == witness
    note = Note(head.text, (notes.Signature(witness.name, witness.id_, value),))
    ((signer, signature),) = note.signers([witness])
    assert signer.signed_at(signature.value) == 1679315147
    later = Note(head.text, (note.signatures[0]._replace(value=b"\1" + value[1:]),))
    with pytest.raises(RefusedError, match="does not fit"):
        later.signers([witness])


def test_keys_are_given_or_derived_and_the_newest_signs():
    given, derived = log_key([GO_SEED, bytes(32)], ["s" * 32]), log_key([], ["s" * 32, "t" * 32])
    assert given.public == LogKey(GO_SEED).public
    assert derived.public == LogKey.derived("s" * 32).public != LogKey.derived("t" * 32).public
    assert is_signed(derived.public, b"x", derived.sign(b"x"))
    assert not is_signed(derived.public, b"y", derived.sign(b"x"))
    assert not is_signed(b"short", b"x", derived.sign(b"x"))
