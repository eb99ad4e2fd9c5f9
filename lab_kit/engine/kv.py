"""Where each sequence's keys and values lie: two allocators with one interface, and no tensor.

A decoder remembers one key and one value a layer for every token so far. The memory is a row of
*slots*, one token each. Contiguous allocation gives a sequence, when it begins, as many adjacent
slots as it could ever need; what it does not use is wasted, and so are gaps too short for the
next one. Paged allocation gives it blocks of a few slots, one more whenever the last is full; at
most the rest of one block is wasted, and a full block can be shared by sequences whose tokens so
far, and whose audio, are the same.

Source: Kwon et al., "Efficient Memory Management for Large Language Model Serving with
PagedAttention", SOSP 2023.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from lab_kit.core.errors import InvalidParameter

SHARED = -1
"""In a picture: held by more than one sequence."""
KEPT = -2
"""In a picture: held by nobody, kept in case the same tokens come again."""
FREE = 0


@dataclass(frozen=True, slots=True)
class KvUsage:
    """How the slots are used.

    Attributes:
        slots: all there are.
        reserved: given to sequences; a shared one counts once.
        written: of those, holding a token.
    """

    slots: int
    reserved: int
    written: int

    @property
    def waste(self) -> float:
        """Share of the reserved slots that hold nothing, in [0, 1]."""
        return 1 - self.written / self.reserved if self.reserved else 0.0


class KvCache(Protocol):
    """Slots for sequences, which are named by their numbers."""

    @property
    def slots(self) -> int:
        """All slots there are."""
        ...

    def begin(
        self, number: int, audio_key: bytes, tokens: Sequence[int], longest: int
    ) -> int | None:
        """Give a sequence its first slots.

        Args:
            audio_key: names what the decoder listens to; without it equal tokens mean nothing.
            tokens: that stand after its first pass.
            longest: positions it can ever need.

        Returns:
            Positions whose keys and values are there already; None if there is no room.
        """
        ...

    def grow(self, number: int, length: int) -> bool:
        """Make sure that ``length`` positions have slots; False, and nothing changes, if not."""
        ...

    def filled(self, number: int, tokens: Sequence[int]) -> None:
        """Learn that the slots hold the keys and values of these tokens."""
        ...

    def places(self, number: int, length: int) -> tuple[int, ...]:
        """The slot of each of the first ``length`` positions."""
        ...

    def free(self, number: int) -> None:
        """Take everything back from a sequence; harmless if it has nothing."""
        ...

    def usage(self) -> KvUsage:
        """How the slots are used."""
        ...

    def picture(self) -> tuple[tuple[int, bool], ...]:
        """For each slot whose it is, or `FREE`, `SHARED`, `KEPT`; and whether it is used."""
        ...


class ContiguousKv:
    """As many adjacent slots as a sequence could ever need, from the first gap that is long enough.

    Raises:
        InvalidParameter: no slots.
    """

    def __init__(self, slots: int) -> None:
        _check(slots, "slots")
        self.slots = slots
        self._regions: dict[int, range] = {}
        self._written: dict[int, int] = {}

    def begin(
        self, number: int, audio_key: bytes, tokens: Sequence[int], longest: int
    ) -> int | None:
        """Reserve ``longest`` slots; nothing is ever there already."""
        start = 0
        for region in sorted(self._regions.values(), key=lambda r: r.start):
            if region.start - start >= longest:
                break
            start = region.stop
        if start + longest > self.slots:
            return None
        self._regions[number] = range(start, start + longest)
        self._written[number] = 0
        return 0

    def grow(self, number: int, length: int) -> bool:
        """Whether the region, which never grows, is long enough."""
        return length <= len(self._regions[number])

    def filled(self, number: int, tokens: Sequence[int]) -> None:
        """Learn how many slots are in use."""
        self._written[number] = len(tokens)

    def places(self, number: int, length: int) -> tuple[int, ...]:
        """The first ``length`` slots of the region."""
        return tuple(self._regions[number][:length])

    def free(self, number: int) -> None:
        """Give the region back."""
        self._regions.pop(number, None)
        self._written.pop(number, None)

    def usage(self) -> KvUsage:
        """How the slots are used."""
        reserved = sum(len(region) for region in self._regions.values())
        return KvUsage(self.slots, reserved, sum(self._written.values()))

    def picture(self) -> tuple[tuple[int, bool], ...]:
        """For each slot the number of its sequence, or `FREE`; and whether it is used."""
        slots = [(FREE, False)] * self.slots
        for number, region in self._regions.items():
            written = self._written[number]
            slots[region.start : region.stop] = [(number, i < written) for i in range(len(region))]
        return tuple(slots)


class PagedKv:
    """Blocks of a few slots, given one at a time, counted, shared and kept for reuse.

    A full block is known by a digest over the audio and all tokens up to its end. When nobody
    holds it any more it is kept until its slots are needed, the longest unused going first.

    Raises:
        InvalidParameter: no blocks, or blocks without slots.
    """

    def __init__(self, blocks: int, block_tokens: int) -> None:
        _check(blocks, "blocks")
        _check(block_tokens, "tokens a block")
        self.block_tokens = block_tokens
        self.slots = blocks * block_tokens
        self._free = list(reversed(range(blocks)))
        self._holders = [0] * blocks
        self._tables: dict[int, list[int]] = {}
        self._written: dict[int, int] = {}
        self._audio: dict[int, bytes] = {}
        self._known: dict[bytes, int] = {}
        self._digest_of: dict[int, bytes] = {}
        self._kept: OrderedDict[int, None] = OrderedDict()

    def begin(
        self, number: int, audio_key: bytes, tokens: Sequence[int], longest: int
    ) -> int | None:
        """Take the blocks that hold these very tokens already, and new ones for the rest."""
        # the last token has to be computed in any case: its answer is what comes next
        reused = self._already(audio_key, tokens[: len(tokens) - 1])
        self._tables[number] = []
        for block in reused:
            self._hold(number, block)
        self._audio[number] = audio_key
        self._written[number] = len(reused) * self.block_tokens
        if not self.grow(number, len(tokens)):
            self.free(number)
            return None
        return len(reused) * self.block_tokens

    def grow(self, number: int, length: int) -> bool:
        """Add blocks until ``length`` positions have slots."""
        missing = -(-length // self.block_tokens) - len(self._tables[number])
        if missing > len(self._free) + len(self._kept):
            return False
        for _ in range(missing):
            self._hold(number, self._blank())
        return True

    def filled(self, number: int, tokens: Sequence[int]) -> None:
        """Learn what the slots hold; full blocks can be found again from now on."""
        before = self._written[number] // self.block_tokens
        self._written[number] = len(tokens)
        if len(tokens) // self.block_tokens == before:
            return
        digests = self._digests(self._audio[number], tokens)
        for block, digest in zip(self._tables[number], digests, strict=False):
            if digest not in self._known and block not in self._digest_of:
                self._known[digest] = block
                self._digest_of[block] = digest

    def places(self, number: int, length: int) -> tuple[int, ...]:
        """The slot of each position, through the sequence's table of blocks."""
        table, size = self._tables[number], self.block_tokens
        return tuple(table[i // size] * size + i % size for i in range(length))

    def free(self, number: int) -> None:
        """Let go of the sequence's blocks; the last to do so leaves a full one to be kept."""
        for block in self._tables.pop(number, []):
            self._holders[block] -= 1
            if self._holders[block] == 0:
                if block in self._digest_of:
                    self._kept[block] = None
                else:
                    self._free.append(block)
        self._written.pop(number, None)
        self._audio.pop(number, None)

    def usage(self) -> KvUsage:
        """How the slots are used; in a shared block they count once."""
        size = self.block_tokens
        written: dict[int, int] = {}
        for number, table in self._tables.items():
            for index, block in enumerate(table):
                inside = min(max(self._written[number] - index * size, 0), size)
                written[block] = max(written.get(block, 0), inside)
        return KvUsage(self.slots, len(written) * size, sum(written.values()))

    def picture(self) -> tuple[tuple[int, bool], ...]:
        """For each slot whose it is, or `FREE`, `SHARED`, `KEPT`; and whether it is used."""
        size = self.block_tokens
        slots = [(FREE, False)] * self.slots
        for block in self._kept:
            slots[block * size : (block + 1) * size] = [(KEPT, True)] * size
        for number, table in self._tables.items():
            for index, block in enumerate(table):
                owner = number if self._holders[block] == 1 else SHARED
                written = self._written[number] - index * size
                # who shares a block has written all of it
                slots[block * size : (block + 1) * size] = [
                    (owner, i < written) for i in range(size)
                ]
        return tuple(slots)

    def _already(self, audio_key: bytes, tokens: Sequence[int]) -> list[int]:
        blocks = []
        for digest in self._digests(audio_key, tokens):
            if digest not in self._known:
                break
            blocks.append(self._known[digest])
        return blocks

    def _digests(self, audio_key: bytes, tokens: Sequence[int]) -> list[bytes]:
        """One for each full block, over everything up to its end."""
        size, digests, before = self.block_tokens, [], audio_key
        for start in range(0, len(tokens) - size + 1, size):
            inside = ",".join(map(str, tokens[start : start + size]))
            before = sha256(before + inside.encode()).digest()
            digests.append(before)
        return digests

    def _hold(self, number: int, block: int) -> None:
        self._kept.pop(block, None)
        self._holders[block] += 1
        self._tables[number].append(block)

    def _blank(self) -> int:
        """A block to write in: a free one, or the kept one that was unused longest."""
        if self._free:
            return self._free.pop()
        block, _ = self._kept.popitem(last=False)
        del self._known[self._digest_of.pop(block)]
        return block


def _check(count: int, what: str) -> None:
    if count < 1:
        raise InvalidParameter(f"{count} {what}", "at least 1", f"pass at least 1 for the {what}")
