"""The Merkle tree over a log: one hash that stands for all records, and proofs of a few hashes.

A chain proves an order to whoever reads all of it again. The tree shows one record of a million
with twenty hashes, and that a log only grew between two of its roots. Leaves and nodes are hashed
with different first bytes, or a node could be passed off as a record.

A proof is a list of roots of ranges that do not overlap. So it is made in one pass over the leaves,
with a few hashes in memory however long the log is. Who checks a proof shares nothing with this:
see `lab_kit.auditor`.

Source: RFC 6962, 2.1; RFC 9162, 2.1.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from lab_kit.core.errors import InvalidParameter

EMPTY = sha256().digest()
"""The root of a tree without leaves."""


def leaf_hash(record: bytes) -> bytes:
    """The hash of one record."""
    return sha256(b"\x00" + record).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """All that appending needs of a tree: the roots of its complete subtrees, the largest first.

    Attributes:
        size: leaves.
        roots: one for each bit that is set in ``size``.
    """

    size: int = 0
    roots: tuple[bytes, ...] = ()

    def appended(self, leaf: bytes) -> Self:
        """With one leaf more."""
        roots, size = list(self.roots), self.size
        while size & 1:  # a complete subtree on the right joins one of its own size
            leaf = _node_hash(roots.pop(), leaf)
            size >>= 1
        return type(self)(self.size + 1, (*roots, leaf))

    @property
    def root(self) -> bytes:
        """The hash that stands for all leaves."""
        if not self.roots:
            return EMPTY
        *left, root = self.roots
        for one in reversed(left):
            root = _node_hash(one, root)
        return root


def inclusion_ranges(index: int, size: int) -> list[range]:
    """The ranges of leaves whose roots prove that a leaf is in the tree, nearest first.

    Raises:
        InvalidParameter: a tree of that size has no such leaf.
    """
    if not 0 <= index < size:
        raise InvalidParameter(
            f"record {index} of a log of {size}", "one of its records", "count from 0"
        )
    ranges: list[range] = []
    first, end = 0, size
    while end - first > 1:
        middle = first + _split(end - first)
        if index < middle:
            ranges.append(range(middle, end))
            end = middle
        else:
            ranges.append(range(first, middle))
            first = middle
    return ranges[::-1]


def consistency_ranges(old_size: int, size: int) -> list[range]:
    """The ranges of leaves whose roots prove that a tree grew from the first ``old_size`` leaves.

    Raises:
        InvalidParameter: the old size is 0, or larger than the new one.
    """
    if not 0 < old_size <= size:
        raise InvalidParameter(
            f"a log that grew from {old_size} records to {size}",
            "from 1 or more, to as many or more",
            "every log grows from none: there is nothing to prove",
        )
    ranges: list[range] = []
    first, end = 0, size
    is_known = True  # the old root itself, which whoever checks has
    while old_size != end:
        middle = first + _split(end - first)
        if old_size <= middle:
            ranges.append(range(middle, end))
            end = middle
        else:
            ranges.append(range(first, middle))
            first, is_known = middle, False
    if not is_known:
        ranges.append(range(first, end))
    return ranges[::-1]


def roots_of(leaves: Iterable[bytes], ranges: Sequence[range]) -> list[bytes]:
    """The root of each range, in one pass over the leaves' hashes from the first one on."""
    found = {one.start: Frontier() for one in ranges}
    ahead = sorted(ranges, key=lambda one: one.start, reverse=True)
    for number, leaf in enumerate(leaves):
        while ahead and number >= ahead[-1].stop:
            ahead.pop()
        if not ahead:
            break
        if number in ahead[-1]:
            start = ahead[-1].start
            found[start] = found[start].appended(leaf)
    return [found[one.start].root for one in ranges]


def _split(size: int) -> int:
    """The largest power of two below ``size``: how many leaves are on the left."""
    return 1 << (size - 1).bit_length() - 1
