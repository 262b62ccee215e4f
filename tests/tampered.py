"""A receipt file that holds, and one for each thing that somebody may change in it.

Both verifiers, in Python and in the browser, are held to the same table.
"""

from __future__ import annotations

import base64
import copy
import datetime as dt
import json
import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from consent import evidence, merkle, notes, receipt
from consent.model import Grants, Place, Record
from consent.notes import Checkpoint, Note, Vkey
from consent.record import facts
from consent.signing import LogKey, Signer

KEY, OTHER = LogKey(b"k" * 32), LogKey(b"o" * 32)
ORIGIN = "consent.summit.example/log"
VKEY = Vkey(ORIGIN, KEY.public)
NAMES = ("record", "receipt", "log", "signature")


def a_record(seq: int = 3, **changes: Any) -> Record:
    fields = {
        "seq": seq,
        "id": uuid.UUID(int=seq),
        "visitor": uuid.UUID(int=1000 + seq),
        "previous": None,
        "store": "summit",
        "version": 2,
        "version_sha256": "ab" * 32,
        "at": dt.datetime(2026, 3, 2, 10, 30, 0, 123000, tzinfo=dt.UTC),
        "action": "save",
        "grants": Grants(True, False, True),
        "language": "pt-BR",
        "banner_sha256": "cd" * 32,
        "regime_id": "eea",
        "regime_sha256": "ef" * 32,
        "place": Place("DE", None, "header"),
        "gpc_header": False,
        "gpc_property": True,
        "device": "phone",
        "salt": bytes(range(16)),
        "refused": ("meta",),
    }
    return Record(**{**fields, **changes})


def a_file(size: int = 7, **changes: Any) -> dict[str, Any]:
    """The receipt file of record 3 of ``size``, as JSON."""
    record = a_record(**changes)
    entries = [
        receipt.digest(record if seq == record.seq else a_record(seq)) for seq in range(1, size + 1)
    ]
    leaves = list(map(merkle.leaf_hash, entries))
    tiles = {merkle.Tile(0, 0, size): b"".join(leaves)}
    path = merkle.hashes_of(merkle.inclusion_path(record.seq - 1, size), size, tiles)
    text = Checkpoint(ORIGIN, size, merkle.root(leaves)).text
    file = evidence.ReceiptFile(
        record=msgspec.to_builtins(receipt.content(record)),
        receipt=Signer(["s" * 40]).receipt(facts(record)),
        index=record.seq - 1,
        proof=tuple(base64.b64encode(one).decode() for one in path),
        checkpoint=str(Note(text, (notes.sign(text, ORIGIN, KEY),))),
        key=VKEY.text,
    )
    return json.loads(evidence.write(file))


def _set(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(file: dict[str, Any]) -> None:
        inner: Any = file
        for part in path[:-1]:
            inner = inner[part]
        inner[path[-1]] = to

    return change


def _without(*path: str) -> Callable[[dict[str, Any]], None]:
    def change(file: dict[str, Any]) -> None:
        inner = file
        for part in path[:-1]:
            inner = inner[part]
        del inner[path[-1]]

    return change


def _replace(name: str, old: str, new: str) -> Callable[[dict[str, Any]], None]:
    def change(file: dict[str, Any]) -> None:
        assert old in file[name]
        file[name] = file[name].replace(old, new)

    return change


def _signed_by(key: LogKey, name: str) -> Callable[[dict[str, Any]], None]:
    def change(file: dict[str, Any]) -> None:
        text = Note.parse(file["checkpoint"]).text
        file["checkpoint"] = str(Note(text, (notes.sign(text, name, key),)))

    return change


def _sign_and_add(file: dict[str, Any]) -> None:
    """Another's signature beside the log's own: that one does not count, and does not harm."""
    note = Note.parse(file["checkpoint"])
    other = notes.sign(note.text, "witness.example", OTHER)
    file["checkpoint"] = str(Note(note.text, (other, *note.signatures)))


def _other_receipt(file: dict[str, Any]) -> None:
    file["receipt"] = Signer(["s" * 40]).receipt(facts(a_record(grants=Grants.all(True))))


def _receipt_with_two_actions(file: dict[str, Any]) -> None:
    payload, _, seal = file["receipt"].partition(".")
    written = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    written = b'{"action":"accept_all",' + written[1:]
    file["receipt"] = f"{base64.urlsafe_b64encode(written).decode().rstrip('=')}.{seal}"


TABLE: dict[str, tuple[Callable[[dict[str, Any]], None] | None, set[str]]] = {
    "nothing": (None, set()),
    "a witness signed too": (_sign_and_add, set()),
    "a field that means nothing": (_set("comment", to="hello"), set()),
    "a whole number with a point": (_set("record", "seq", to=3.0), set()),
    "grants": (_set("record", "grants", "analytics", to=True), {"log", "receipt"}),
    "time": (_set("record", "at", to="2026-03-02T10:30:00.124000Z"), {"log", "receipt"}),
    "microseconds": (_set("record", "at", to="2026-03-02T10:30:00.123001Z"), {"log"}),
    "place": (_set("record", "place", "country", to="US"), {"log"}),
    "salt": (_set("record", "salt", to="00" * 16), {"log"}),
    "visitor": (_set("record", "visitor", to=str(uuid.UUID(int=5))), {"log"}),
    "refused": (_set("record", "refused", to=[]), {"log", "receipt"}),
    "store": (_set("record", "store", to="fjord"), {"log", "receipt"}),
    "seq": (_set("record", "seq", to=4), {"record", "log"}),
    "a fraction": (_set("record", "version", to=2.5), {"record", "receipt", "log"}),
    "a number no reader is exact about": (
        _set("record", "version", to=2**53),
        {"record", "receipt", "log"},
    ),
    "a text for a number": (_set("record", "version", to="2"), {"record", "receipt", "log"}),
    "an unknown action": (_set("record", "action", to="nod"), {"record", "receipt", "log"}),
    "a field more": (_set("record", "note", to="x"), {"record", "log"}),
    "a field less": (_without("record", "salt"), {"record", "log"}),
    "another form": (_set("record", "format", to="pixelgate-record-2"), {"record", "log"}),
    "index": (_set("index", to=3), {"record", "log"}),
    "index out of the tree": (_set("index", to=7), {"record", "log"}),
    "negative index": (_set("index", to=-1), {"record", "log"}),
    "proof shorter": (lambda file: file["proof"].pop(), {"log"}),
    "proof longer": (lambda file: file["proof"].append(file["proof"][0]), {"log"}),
    "proof out of order": (lambda file: file["proof"].reverse(), {"log"}),
    "proof no base64": (_set("proof", 0, to="!"), {"log"}),
    "another receipt": (_other_receipt, {"receipt"}),
    "a receipt with two actions": (_receipt_with_two_actions, {"receipt"}),
    "no receipt": (_set("receipt", to=""), {"receipt"}),
    "receipt no base64": (_set("receipt", to="!!!.x"), {"receipt"}),
    "receipt with a space": (lambda file: file.update(receipt=" " + file["receipt"]), {"receipt"}),
    "a time that is none": (_set("record", "at", to="noon"), {"record", "receipt", "log"}),
    "a day that is none": (
        _set("record", "at", to="2026-13-02T10:30:00.123000Z"),
        {"record", "receipt", "log"},
    ),
    "size": (_replace("checkpoint", "\n7\n", "\n8\n"), {"signature"}),
    "size with a zero": (_replace("checkpoint", "\n7\n", "\n07\n"), {"log", "signature"}),
    "origin": (_replace("checkpoint", f"{ORIGIN}\n7", "x.example/log\n7"), {"signature"}),
    "no checkpoint": (_set("checkpoint", to=""), {"log", "signature"}),
    "checkpoint without signature": (
        lambda file: file.update(checkpoint=file["checkpoint"].partition("\n\n")[0] + "\n"),
        {"log", "signature"},
    ),
    "another's key": (_signed_by(OTHER, ORIGIN), {"signature"}),
    "another's name": (_signed_by(KEY, "x.example/log"), {"signature"}),
    "the file's own key": (_set("key", to=Vkey(ORIGIN, OTHER.public).text), set()),
}
"""What was changed, how, and the checks that must not hold any more. The key that the file names
is never used."""

NO_FILES = {
    "nothing": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "another format": json.dumps({**a_file(), "format": "x"}).encode(),
    "no record": json.dumps({k: v for k, v in a_file().items() if k != "record"}).encode(),
    "a record that is none": json.dumps({**a_file(), "record": 1}).encode(),
    "a proof that is none": json.dumps({**a_file(), "proof": {}}).encode(),
    "not UTF-8": b'{"format": "\xff"}',
    "a record twice": json.dumps(a_file()).encode().replace(b'"record"', b'"record": {}, "record"'),
    "an action twice": json.dumps(a_file())
    .encode()
    .replace(b'"action": "save"', b'"act\\u0069on": "accept_all", "action": "save"'),
    "too long": b" " * (evidence.MOST_BYTES + 1),
}


def tampered(name: str) -> bytes:
    file = copy.deepcopy(a_file())
    change = TABLE[name][0]
    if change is not None:
        change(file)
    return json.dumps(file).encode()
