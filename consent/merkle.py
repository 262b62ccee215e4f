"""Merkle trees as RFC 6962 section 2.1 has them, cut into tiles as C2SP tlog-tiles has them. Pure.

An *entry* is what a leaf is made of. A *node* is the root of a full subtree of ``2 ** height``
leaves; it is called by its height and its number at that height, from the left. A *path* is what
a proof consists of: ranges of leaves, whose roots are the proof's hashes.

Sources: https://www.rfc-editor.org/rfc/rfc6962#section-2.1 and https://c2sp.org/tlog-tiles.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

HASH_BYTES = 32
TILE_HEIGHT = 8
TILE_WIDTH = 256
HIGHEST_LEVEL = 63

EMPTY_ROOT = hashlib.sha256().digest()
"""The root of a tree without leaves."""


class Span(NamedTuple):
    """The leaves ``begin`` up to, without, ``end``."""

    begin: int
    end: int


class Node(NamedTuple):
    """A full subtree: the ``number``-th of those with ``2 ** height`` leaves."""

    height: int
    number: int


class Tile(NamedTuple):
    """``width`` nodes side by side, of height ``8 * level``, from number ``256 * number`` on."""

    level: int
    number: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """``0/x001/x234/067.p/3``: what stands in its address after ``tile/``."""
        return f"{self.level}/{numbered(self.number, self.width)}"


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: its full subtrees, at most one for each height.

    ``done`` collects the nodes that tiles above level 0 are made of, as they become full, until
    its reader clears it.
    """

    def __init__(self) -> None:
        self.size = 0
        self.done: list[tuple[Node, bytes]] = []
        self._subtrees: list[tuple[int, bytes]] = []

    def push(self, hash_: bytes, height: int = 0) -> None:
        """Adds a full subtree on the right, by default a leaf by its hash.

        Raises:
            ValueError: the tree does not end where a subtree of this height may begin.
        """
        if self.size % (1 << height):
            raise ValueError(f"tree: {self.size} leaves; expected a multiple of {1 << height}")
        self.size += 1 << height
        while self._subtrees and self._subtrees[-1][0] == height:
            hash_ = node_hash(self._subtrees.pop()[1], hash_)
            height += 1
            if height % TILE_HEIGHT == 0:
                self.done.append((Node(height, (self.size >> height) - 1), hash_))
        self._subtrees.append((height, hash_))

    def root(self) -> bytes:
        if not self._subtrees:
            return EMPTY_ROOT
        *rest, (_, hash_) = self._subtrees
        for _, left in reversed(rest):
            hash_ = node_hash(left, hash_)
        return hash_

    def nodes(self) -> dict[Node, bytes]:
        """The full subtrees from left to right."""
        found, end = {}, 0
        for height, hash_ in self._subtrees:
            found[Node(height, end >> height)] = hash_
            end += 1 << height
        return found


def root(leaves: Iterable[bytes]) -> bytes:
    """The root of the tree with these leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.push(leaf)
    return frontier.root()


def inclusion_path(index: int, size: int) -> list[Span]:
    """What proves that leaf ``index`` is in a tree of ``size`` leaves, from the leaf upwards.

    Raises:
        ValueError: the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index}: not in a tree of {size}")
    path: list[Span] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(Span(middle, end))
            end = middle
        else:
            path.append(Span(begin, middle))
            begin = middle
    return path[::-1]


def consistency_path(first: int, size: int) -> list[Span]:
    """What proves that a tree of ``first`` leaves grew into one of ``size`` leaves.

    Raises:
        ValueError: the first is empty or larger than the second.
    """
    if not 0 < first <= size:
        raise ValueError(f"trees of {first} and {size}: expected 1 to {size} in the first")
    path: list[Span] = []
    begin, end = 0, size
    while first < end:
        middle = begin + _split(end - begin)
        if first <= middle:
            path.append(Span(middle, end))
            end = middle
        else:
            path.append(Span(begin, middle))
            begin = middle
    if begin > 0:  # else the verifier has the root of the first tree already
        path.append(Span(begin, end))
    return path[::-1]


def _split(n: int) -> int:
    """The largest power of two below ``n``."""
    return 1 << ((n - 1).bit_length() - 1)


def verify_inclusion(
    index: int, size: int, leaf: bytes, path: Sequence[bytes], root_: bytes
) -> bool:
    """Whether ``path`` shows that the tree with ``root_`` has the leaf hash at ``index``."""
    if not 0 <= index < size or len(leaf) != HASH_BYTES:
        return False
    number, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0 or len(sibling) != HASH_BYTES:
            return False
        if number & 1 or number == last:
            found = node_hash(sibling, found)
            while not number & 1:
                number, last = number >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and found == root_


def verify_consistency(
    first: int, size: int, first_root: bytes, root_: bytes, path: Sequence[bytes]
) -> bool:
    """Whether ``path`` shows that the tree with ``root_`` begins with the one of ``first_root``.

    Every tree begins with the empty one: then the path is empty.
    """
    hashes = [first_root, root_, *path]
    if not 0 <= first <= size or any(len(hash_) != HASH_BYTES for hash_ in hashes):
        return False
    if first == size or first == 0:
        same = first_root == (root_ if first == size else EMPTY_ROOT)
        return not path and same
    number, last = first - 1, size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    hashes = list(path) if number else [first_root, *path]
    if not hashes:
        return False
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and old == first_root and new == root_


def nodes_in(span: Span) -> list[Node]:
    """The full subtrees that ``span`` consists of, from left to right."""
    nodes = []
    begin, end = span
    while begin < end:
        height = (end - begin).bit_length() - 1
        if begin:
            height = min(height, (begin & -begin).bit_length() - 1)
        nodes.append(Node(height, begin >> height))
        begin += 1 << height
    return nodes


def tile_of(node: Node, size: int) -> Tile:
    """The tile, in a tree of ``size`` leaves, out of which ``node`` can be computed."""
    level = node.height // TILE_HEIGHT
    first = node.number << (node.height % TILE_HEIGHT)
    number = first // TILE_WIDTH
    whole = size >> (TILE_HEIGHT * level)
    return Tile(level, number, min(TILE_WIDTH, whole - number * TILE_WIDTH))


def tiles_for(path: Iterable[Span], size: int) -> set[Tile]:
    """The tiles, in a tree of ``size`` leaves, out of which the hashes of ``path`` are made."""
    return {tile_of(node, size) for span in path for node in nodes_in(span)}


def hashes_of(path: Iterable[Span], size: int, tiles: Mapping[Tile, bytes]) -> list[bytes]:
    """The hashes of ``path`` out of the tiles that ``tiles_for`` names."""
    return [_span_hash(span, size, tiles) for span in path]


def _span_hash(span: Span, size: int, tiles: Mapping[Tile, bytes]) -> bytes:
    *rest, last = (_node_in_tile(node, tiles[tile_of(node, size)]) for node in nodes_in(span))
    for left in reversed(rest):
        last = node_hash(left, last)
    return last


def _node_in_tile(node: Node, tile: bytes) -> bytes:
    steps = node.height % TILE_HEIGHT
    at = node.number % (TILE_WIDTH >> steps) * HASH_BYTES
    return _subtrees(tile)[steps][at : at + HASH_BYTES]


@functools.lru_cache(maxsize=256)
def _subtrees(tile: bytes) -> tuple[bytes, ...]:
    """The full subtrees in a tile: its own hashes, those of every two, of every four, and so on.

    Whoever proves many records asks for nodes of the same tiles again and again.
    """
    rows = [tile]
    while len(row := rows[-1]) >= 2 * HASH_BYTES:
        pairs = range(0, len(row) - HASH_BYTES, 2 * HASH_BYTES)
        hashed = (b"\x01" + row[at : at + 2 * HASH_BYTES] for at in pairs)
        rows.append(b"".join(hashlib.sha256(pair).digest() for pair in hashed))
    return tuple(rows)


def hashes_in(tile: bytes) -> list[bytes]:
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def numbered(number: int, width: int = TILE_WIDTH) -> str:
    """``x001/x234/067.p/3``: a tile's or a bundle's number, and its width unless it is full."""
    digits = str(number)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    *rest, last = (digits[at : at + 3] for at in range(0, len(digits), 3))
    path = "".join(f"x{part}/" for part in rest) + last
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


_NUMBERED = re.compile(r"((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?", re.ASCII)
_LEVEL = re.compile(r"0|[1-9]\d?", re.ASCII)


def parse_numbered(path: str) -> tuple[int, int] | None:
    """Number and width of ``x001/x234/067.p/3``; None for what ``numbered`` does not write."""
    found = _NUMBERED.fullmatch(path)
    if found is None or len(path) > 48:
        return None
    number, width = int(re.sub(r"[x/]", "", found[1])), int(found[2] or TILE_WIDTH)
    return (number, width) if numbered(number, width) == path else None


def parse_tile(path: str) -> Tile | None:
    """The tile whose ``path`` this is; None for what no tile has."""
    level, _, rest = path.partition("/")
    found = parse_numbered(rest)
    if found is None or _LEVEL.fullmatch(level) is None or int(level) > HIGHEST_LEVEL:
        return None
    return Tile(int(level), *found)
