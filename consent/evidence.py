"""The receipt file: one record, and what proves it without asking the service. Pure.

It is JSON. ``verify`` says in plain words what was checked, and whether it holds; ``UNCHECKED``
says what no file can show. The verifier page (``web/verifier/``) does the same in a browser; a
table of tampered files holds the two together.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from consent import merkle
from consent.errors import RefusedError
from consent.model import CHOOSABLE, canonical
from consent.notes import Checkpoint, Note, Vkey, decoded
from consent.receipt import Content

MOST_BYTES = 1024 * 1024
_SAFE = 2**53
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_PAYLOAD = re.compile(r"[\w-]+", re.ASCII)

Anchoring = Literal["rfc3161", "witness"]

UNCHECKED = (
    "Whether this person made the decision: the record knows a random id in a browser, no name.",
    "Whether the service showed what it says: the banner is named by its SHA-256, and can be asked "
    "for.",
    "Whether the service keeps a second log for others: compare its checkpoint with one that was "
    "kept elsewhere.",
    "The receipt's own seal: only the service has the key for it.",
)
"""What remains open, however well a file verifies."""


class Anchor(msgspec.Struct, frozen=True):
    """What somebody else said of the checkpoint, as it came. ``answer`` is base64."""

    kind: Anchoring
    url: str
    at: str
    answer: str


class ReceiptFile(msgspec.Struct, frozen=True, kw_only=True):
    """A record, its way up to a signed checkpoint, and the service's receipt for it."""

    format: Literal["pixelgate-receipt-1"] = "pixelgate-receipt-1"
    record: dict[str, Any]
    """``receipt.Content``: what was decided, field by field."""
    receipt: str
    """As the visitor's page got it."""
    index: int
    """The record's place in the log, from 0."""
    proof: tuple[str, ...]
    """RFC 6962 inclusion proof, from the leaf upwards: SHA-256 hashes in base64."""
    checkpoint: str
    """A signed note."""
    key: str
    """The vkey that signed it. Whoever verifies asks the service for its keys, not this file."""
    anchors: tuple[Anchor, ...] = ()


class Check(NamedTuple):
    """One thing that was looked at. ``words`` is a sentence for people."""

    name: Literal["record", "receipt", "log", "signature", "anchor"]
    holds: bool
    words: str


def read(content: bytes) -> ReceiptFile:
    """The file that these bytes are.

    Raises:
        RefusedError: not a receipt file, or one that names a field twice: readers differ in which
            of the two they take, so it could tell one thing to people and another to us.
    """
    if len(content) > MOST_BYTES:
        raise RefusedError("malformed_file", f"file: too long; expected at most {MOST_BYTES} bytes")
    try:
        json.loads(content.decode(), object_pairs_hook=_once)
        return msgspec.json.decode(content, type=ReceiptFile)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise RefusedError(
            "malformed_file", f"file: {error}; expected a receipt file of Pixelgate, as JSON"
        ) from error


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a field is there twice")


def write(file: ReceiptFile) -> bytes:
    """The file's bytes, for people to read too."""
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"


def tlog_proof(file: ReceiptFile) -> str:
    """The same proof in the form that other tools read (https://c2sp.org/tlog-proof)."""
    lines = ["c2sp.org/tlog-proof@v1", f"index {file.index}", *file.proof]
    return "\n".join(lines) + "\n\n" + file.checkpoint


def verify(file: ReceiptFile, keys: Sequence[Vkey]) -> list[Check]:
    """Every check, in the order in which a reader wants them.

    Args:
        file: as ``read`` gave it.
        keys: the log's public keys, from somewhere else than the file.
    """
    return [
        _record(file),
        _receipt(file),
        _log(file),
        _signature(file, keys),
    ]


def decision(file: ReceiptFile) -> Content | None:
    """The record in its fields; None when it is not of a form that this release knows."""
    try:
        content = msgspec.convert(_plain(file.record), Content)
        dt.datetime.fromisoformat(content.at)
    except (msgspec.ValidationError, ValueError, RecursionError):
        return None
    return content if _AT.fullmatch(content.at) else None


def sentences(content: Content) -> list[str]:
    """What was decided, for people."""
    at = dt.datetime.fromisoformat(content.at)
    place = content.place.code or "an unknown place"
    found = {"header": "the network's headers", "database": "a place database"}
    how = f", found by {found[content.place.source]}" if content.place.source in found else ""
    return [
        f"On {at.day} {at:%B %Y} at {at:%H:%M:%S} UTC a visitor of the store “{content.store}” "
        f"{_ACTIONS[content.action]}.",
        f"Granted: {_listed(content, granted=True)}. Denied: {_listed(content, granted=False)}."
        + (f" Refused one by one: {', '.join(content.refused)}." if content.refused else ""),
        f"The visitor was in {place}{how}, on a {content.device}; the rules “{content.regime}” "
        f"applied; the banner spoke “{content.language}”.",
        "The browser "
        + ("sent" if content.gpc_header or content.gpc_property else "did not send")
        + " Global Privacy Control.",
        f"It is record {content.seq} of the ledger, under version {content.version} of the store.",
    ]


_ACTIONS = {
    "accept_all": "accepted everything",
    "reject_all": "refused everything that can be refused",
    "save": "chose purpose by purpose",
    "close": "closed the banner",
    "gpc": "refused by the browser's own signal",
    "withdraw": "took back what was granted before",
}


def _listed(content: Content, *, granted: bool) -> str:
    return ", ".join(p for p in CHOOSABLE if content.grants.of(p) is granted) or "nothing"


def _record(file: ReceiptFile) -> Check:
    content = decision(file)
    if content is None:
        return Check("record", False, "The record is not of a form that this verifier knows.")
    if file.index != content.seq - 1:
        words = f"The record is number {content.seq}, but the file says place {file.index}."
        return Check("record", False, words)
    return Check("record", True, "The record is complete.")


def _receipt(file: ReceiptFile) -> Check:
    """Whether the receipt tells the same decision. Its seal is the service's own to check."""
    same = "The receipt that the visitor's page got says the same as the record."
    other = "The receipt that the visitor's page got does not say the same as the record."
    try:
        payload = file.receipt.rpartition(".")[0]
        if _PAYLOAD.fullmatch(payload) is None:
            return Check("receipt", False, other)
        written = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        json.loads(written, object_pairs_hook=_once)
        facts = msgspec.json.decode(written)
        said = canonical(_plain(facts))
        return Check("receipt", *((True, same) if said == _facts(file) else (False, other)))
    except (ValueError, TypeError, KeyError, RecursionError, msgspec.DecodeError):
        return Check("receipt", False, other)


def _facts(file: ReceiptFile) -> bytes:
    record = file.record
    same = ("id", "store", "version", "grants", "refused", "action", "regime", "language")
    return canonical(
        {
            **{name: record[name] for name in same},
            "at": record["at"][:23] + "Z",
            "banner": record["banner_sha256"],
            "sha256": record["version_sha256"],
        }
    )


def _log(file: ReceiptFile) -> Check:
    try:
        head = Checkpoint.parse(Note.parse(file.checkpoint).text)
        entry = hashlib.sha256(canonical(_plain(file.record))).digest()
    except RefusedError as error:
        return Check("log", False, f"The checkpoint cannot be read ({error.detail}).")
    except (ValueError, RecursionError):
        return Check("log", False, "The record cannot be read.")
    path = [hash_ for text in file.proof if (hash_ := decoded(text)) is not None]
    if len(path) != len(file.proof):
        return Check("log", False, "The proof cannot be read.")
    leaf = merkle.leaf_hash(entry)
    if merkle.verify_inclusion(file.index, head.size, leaf, path, head.root):
        words = f"The record, as it stands here, is number {file.index + 1} of {head.size} in the "
        return Check("log", True, words + f"log “{head.origin}”.")
    return Check("log", False, "The record, as it stands here, is not in the log's tree.")


def _signature(file: ReceiptFile, keys: Sequence[Vkey]) -> Check:
    try:
        note = Note.parse(file.checkpoint)
        signers = note.signers(keys)
        origin = Checkpoint.parse(note.text).origin
    except RefusedError as error:
        return Check("signature", False, f"The checkpoint's signature is wrong ({error.detail}).")
    of_log = [key for key, _ in signers if key.name == origin]
    if not of_log:
        return Check("signature", False, "The checkpoint is not signed by a key that you gave.")
    words = f"The checkpoint is signed by the key {of_log[0].id_.hex()} of “{origin}”."
    return Check("signature", True, words)


def _plain(value: Any) -> Any:
    """``value`` with whole numbers as such, since JSON has one kind of number.

    Raises:
        ValueError: a number that is not whole, or too large for every reader to be exact.
    """
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value != int(value) or abs(value) >= _SAFE:
            raise ValueError(f"number: {value}; expected a whole one below 2 to the 53rd")
        return int(value)
    return value
