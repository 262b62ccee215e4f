"""Signed notes, verifier keys, checkpoints and cosignatures, byte by byte as C2SP has them. Pure.

A signed note is a text and the signatures of one or more keys. A checkpoint is a note that says
how many entries a log has and under which root. A *vkey* is a public key as one line of text.

Sources: https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint and
https://c2sp.org/tlog-cosignature.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from typing import NamedTuple

from consent.errors import RefusedError
from consent.merkle import HASH_BYTES
from consent.signing import LogKey, is_signed

ED25519 = 1
COSIGNATURE = 4
"""An Ed25519 signature of a witness over a checkpoint and the time at which it saw it."""

MOST_SIGNATURES = 64
MOST_BYTES = 64 * 1024

_DASH = "— "
_ID_BYTES = 4
_TIME_BYTES = 8
_SIZE = re.compile(r"0|[1-9]\d{0,18}", re.ASCII)


class Signature(NamedTuple):
    """One line below a note. ``id_`` and ``name`` say whose it is; ``value`` is what it signed."""

    name: str
    id_: bytes
    value: bytes

    @property
    def line(self) -> str:
        return f"{_DASH}{self.name} {_base64(self.id_ + self.value)}\n"


class Vkey(NamedTuple):
    """A public key, what it is called and how it signs: ``ED25519`` or ``COSIGNATURE``."""

    name: str
    public: bytes
    kind: int = ED25519

    @property
    def id_(self) -> bytes:
        hashed = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return hashlib.sha256(hashed).digest()[:_ID_BYTES]

    @property
    def text(self) -> str:
        return f"{self.name}+{self.id_.hex()}+{_base64(bytes([self.kind]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> Vkey:
        """The key of ``name+id+key``.

        Raises:
            RefusedError: another form, another kind of key, or an id that is not this key's.
        """
        name, _, rest = text.partition("+")
        encoded = rest.partition("+")[2]
        key = decoded(encoded)
        if key is None or len(key) != 1 + HASH_BYTES or key[0] not in (ED25519, COSIGNATURE):
            raise _malformed("key", text, "a vkey: NAME+ID+BASE64 of an Ed25519 key")
        vkey = cls(name, key[1:], key[0])
        if not is_name(name) or vkey.text != text:
            raise _malformed("key", text, f"the id {vkey.id_.hex()} after its name")
        return vkey

    def is_over(self, text: str, value: bytes) -> bool:
        """Whether ``value`` is this key's signature over the note ``text``."""
        if self.kind == ED25519:
            return is_signed(self.public, text.encode(), value)
        time, value = value[:_TIME_BYTES], value[_TIME_BYTES:]
        head = f"cosignature/v1\ntime {int.from_bytes(time)}\n"
        return is_signed(self.public, (head + text).encode(), value)

    def signed_at(self, value: bytes) -> int | None:
        """When a witness signed, in seconds since 1970; None for a log's own signature."""
        return int.from_bytes(value[:_TIME_BYTES]) if self.kind == COSIGNATURE else None


class Note(NamedTuple):
    """``text`` ends in a newline. Nothing in it counts before ``signers`` has named somebody."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(one.line for one in self.signatures)

    @classmethod
    def parse(cls, written: str) -> Note:
        """Reads a note; who signed it is another question.

        Raises:
            RefusedError: not a note, or one with too many signatures.
        """
        text, gap, lines = written.rpartition("\n\n")
        text += "\n"
        if not gap or not lines.endswith("\n") or len(written.encode()) > MOST_BYTES:
            raise _malformed("note", written, "a text, an empty line and lines of signatures")
        if any(character < " " and character != "\n" for character in written):
            raise _malformed("note", written, "no control characters")
        found = tuple(map(_signature, lines[:-1].split("\n")))
        if len(found) > MOST_SIGNATURES:
            raise _malformed("note", written, f"at most {MOST_SIGNATURES} signatures")
        return cls(text, found)

    def signers(self, keys: Iterable[Vkey]) -> list[tuple[Vkey, Signature]]:
        """Those of ``keys`` that signed, with their signatures. Signatures of others do not count.

        Raises:
            RefusedError: a signature that names one of ``keys`` is not that key's.
        """
        known = {(key.name, key.id_): key for key in keys}
        found: dict[Vkey, Signature] = {}
        for one in self.signatures:
            key = known.get((one.name, one.id_))
            if key is None or key in found:
                continue
            if not key.is_over(self.text, one.value):
                raise RefusedError(
                    "bad_signature",
                    f"note: the signature of {key.name} ({key.id_.hex()}) does not fit its text",
                )
            found[key] = one
        return list(found.items())


class Checkpoint(NamedTuple):
    """A log, how many entries it has, and the root of the tree over them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text of the note."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """What a note's text says. Lines after the third mean nothing to us.

        Raises:
            RefusedError: not the text of a checkpoint.
        """
        lines = text.split("\n")
        root = decoded(lines[2]) if len(lines) > 3 else None
        if root is None or len(root) != HASH_BYTES or "" in lines[:-1]:
            raise _malformed("checkpoint", text, "an origin, a size and a root hash, line by line")
        if _SIZE.fullmatch(lines[1]) is None:
            raise _malformed("checkpoint", lines[1], "a size without leading zeroes")
        return cls(lines[0], int(lines[1]), root)


def sign(text: str, name: str, key: LogKey) -> Signature:
    """The signature of the log ``name`` under a note with this text."""
    return Signature(name, Vkey(name, key.public).id_, key.sign(text.encode()))


def is_name(name: str) -> bool:
    """Whether a key may be called so: no spaces, no plus sign, not empty."""
    return bool(name) and "+" not in name and not any(c.isspace() or c < " " for c in name)


def decoded(text: str) -> bytes | None:
    """What ``text`` encodes; None unless it is the one way to write it in base64."""
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return content if _base64(content) == text else None


def _signature(line: str) -> Signature:
    name, gap, encoded = line.removeprefix(_DASH).partition(" ")
    value = decoded(encoded)
    if not line.startswith(_DASH) or not gap or not is_name(name):
        raise _malformed("note", line, "a line of a signature: a dash, a name and base64")
    if value is None or len(value) <= _ID_BYTES:
        raise _malformed("note", line, "a signature in base64")
    return Signature(name, value[:_ID_BYTES], value[_ID_BYTES:])


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _malformed(what: str, found: str, expected: str) -> RefusedError:
    return RefusedError(f"malformed_{what}", f"{what}: {found[:80]!r}; expected {expected}")
