"""The tree over a log's records, small enough to be looked at, computed from its definition.

Source: RFC 9162, 2.1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Node:
    """The hash over a row of records.

    Attributes:
        start, stop: the records, counted from 0.
        height: 0 for a single record; a node stands above both that it is made of.
    """

    start: int
    stop: int
    height: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Path:
    """How one record is shown to be in a tree.

    Attributes:
        record: which.
        nodes: all of the tree's, the root last.
        on_path: the record's own and all that are computed from it, up to the root.
        given: those that an auditor has to be given, in the order in which they are needed.
    """

    record: int
    nodes: tuple[Node, ...]
    on_path: tuple[Node, ...]
    given: tuple[Node, ...]

    @property
    def root(self) -> Node:
        """What a checkpoint signs."""
        return self.nodes[-1]

    @property
    def size(self) -> int:
        """How many records there are."""
        return self.root.stop


def path_of(lines: Sequence[bytes], record: int) -> Path:
    """The tree over some records, and one record's way to its root.

    Raises:
        IndexError: there is no such record.
    """
    if not 0 <= record < len(lines):
        raise IndexError(f"record {record} of {len(lines)}")
    nodes = tuple(_nodes(lines, 0, len(lines)))
    on_path = tuple(one for one in nodes if one.start <= record < one.stop)
    of = {(one.start, one.stop): one for one in nodes}
    halves = [of[half] for one in sorted(on_path, key=_size) for half in _halves(one)]
    given = tuple(one for one in halves if one not in on_path)
    return Path(record, nodes, on_path, given)


def changed_nodes(before: Path, after: Path) -> tuple[Node, ...]:
    """The nodes of a tree that are others than in one before."""
    return tuple(new for old, new in zip(before.nodes, after.nodes, strict=True) if old != new)


def split_of(count: int) -> int:
    """How many of several records stand on the left: the largest power of two below them all."""
    return int(1 << (count - 1).bit_length() - 1)


def _size(node: Node) -> int:
    return node.stop - node.start


def _halves(node: Node) -> tuple[tuple[int, int], ...]:
    if node.height == 0:
        return ()
    middle = node.start + split_of(node.stop - node.start)
    return (node.start, middle), (middle, node.stop)


def _nodes(lines: Sequence[bytes], start: int, stop: int) -> Iterator[Node]:
    if stop - start == 1:
        yield Node(start, stop, 0, sha256(b"\x00" + lines[start]).digest())
        return
    middle = start + split_of(stop - start)
    left, right = (tuple(_nodes(lines, *ends)) for ends in ((start, middle), (middle, stop)))
    yield from (*left, *right)
    height = max(left[-1].height, right[-1].height) + 1
    joined = sha256(b"\x01" + left[-1].hash + right[-1].hash).digest()
    yield Node(start, stop, height, joined)
