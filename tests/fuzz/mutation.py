"""Damage to bytes that were valid, and values of every kind where one kind belongs."""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

EXTREMES = (b"\x00" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff" * 9 + b"\x01", b"\x80" * 12)
"""Lengths and counts at their limits, as fixed numbers and as protobuf's variable ones."""
MOST_CHANGES = 8
MOST_PIECE_BYTES = 64
DEEPEST = 4
DEEP = "[" * 20_000 + "]" * 20_000
"""Beyond any recursion that a parser should allow itself."""
_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 10**400, 0.5, -0.0, 1e308),
    *(float("nan"), float("inf"), "", "x", "0", "\x00", "\ud800", "\U0001f600", "x" * 5_000),
    *([], {}, [[]], {"": {}}),
)


def mutated(chance: random.Random, data: bytes) -> bytes:
    """``data`` with a few changes: bits, pieces left out, put in, said twice or cut off."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, MOST_CHANGES)):
        _change(chance, changed)
    return bytes(changed)


def _change(chance: random.Random, data: bytearray) -> None:
    # more often near the beginning, where headers and lengths are
    at = int(len(data) * chance.random() ** 3)
    upto = at + chance.randint(1, MOST_PIECE_BYTES)
    match chance.randrange(7):
        case 0 if data:
            data[min(at, len(data) - 1)] ^= 1 << chance.randrange(8)
        case 1:
            del data[at:upto]
        case 2:
            data[at:at] = data[at:upto]
        case 3:
            data[at:at] = chance.randbytes(upto - at)
        case 4:
            data[at:upto] = chance.choice(EXTREMES)
        case 5:
            del data[chance.randint(at, len(data)) :]
        case _:
            data[at:upto] = chance.randbytes(len(data[at:upto]))


def value(chance: random.Random, names: Sequence[str], depth: int = DEEPEST) -> Any:
    """Something that JSON can say, in which ``names`` are likely keys and texts."""
    if depth == 0 or chance.random() < 0.5:
        return chance.choice((*_ODD, *names))
    inner: Callable[[], Any] = lambda: value(chance, names, depth - 1)  # noqa: E731
    if chance.random() < 0.3:
        return [inner() for _ in range(chance.randrange(4))]
    return {chance.choice(names): inner() for _ in range(chance.randint(1, 4))}


def wrong_kind(chance: random.Random, message: Any, names: Sequence[str]) -> Any:
    """``message`` with one of the values in it, or the whole, replaced by `value`."""
    if not isinstance(message, dict) or not message or chance.random() < 0.2:
        return value(chance, names)
    name = chance.choice(sorted(message))
    return message | {name: wrong_kind(chance, message[name], names)}


def as_text(chance: random.Random, message: Any) -> bytes:
    """``message`` as a client would write it, now and then not as JSON at all."""
    written = json.dumps(message).encode()
    odd = chance.random()
    if odd < 0.05:
        return DEEP.encode()
    return mutated(chance, written) if odd < 0.15 else written
