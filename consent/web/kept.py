"""What is composed once and then looked up, in a bounded number of bytes.

Most places of a store share a few texts, so a value that several keys lead to counts once. What was
not asked for the longest goes first.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

KEY_BYTES = 2048
"""What a key costs by itself, its entry and the headers that belong to it alone included."""


class Sized(Protocol):
    """Something that knows how large it is."""

    bytes: int

    def __hash__(self) -> int: ...


class Made(Protocol):
    """A value, and what of it several keys may share."""

    @property
    def script(self) -> Sized: ...


K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Made)


class Kept(Generic[K, V]):
    """At most ``most_bytes``, and always the newest value, however large."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._values: OrderedDict[K, V] = OrderedDict()
        self._users: Counter[Sized] = Counter()
        self.bytes = 0

    def get(self, key: K) -> V | None:
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        """Keeps ``value``, which ``get`` had not."""
        self._values[key] = value
        self.bytes += KEY_BYTES
        if not self._users[value.script]:
            self.bytes += value.script.bytes
        self._users[value.script] += 1
        while self.bytes > self._most_bytes and len(self._values) > 1:
            self._let_go()

    def _let_go(self) -> None:
        script = self._values.popitem(last=False)[1].script
        self.bytes -= KEY_BYTES
        self._users[script] -= 1
        if not self._users[script]:
            del self._users[script]
            self.bytes -= script.bytes
