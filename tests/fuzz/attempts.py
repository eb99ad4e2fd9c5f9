"""An attack: attempts on a server one after another, each made from a seed, and what came of them.

An attempt's number and the seed decide what is sent, so an outcome can be had again; how many
attempts fit into a run depends on the machine. Shapes take turns, each with the key and then
without, so that a short run has tried all of them.
"""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

PATIENCE_S = 60.0
"""Several times the longest time that the server gives anybody; only what hangs reaches it."""
MOST_FAULTS = 20
"""More different ones are not told: what is broken shows in the first."""
BUSY = 503
"""The one failure that the server may answer with: full, reduced, stopping or not ready."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server as its attacker knows it.

    Attributes:
        url, grpc: its addresses, such as ``http://127.0.0.1:8300`` and ``127.0.0.1:8301``.
        key: None attacks without one.
    """

    url: str
    grpc: str
    key: str | None
    patience_s: float = PATIENCE_S

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of HTTP and WebSocket."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    @property
    def headers(self) -> dict[str, str]:
        """What lets a caller in, if anything does."""
        return {} if self.key is None else {"authorization": f"Token {self.key}"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one thing that was sent.

    Attributes:
        answer: a status, a close code, or how else it ended.
        fault: what is wrong with that; None if nothing is.
    """

    answer: str
    fault: str | None = None


CLOSED = Outcome("closed")
"""Ended without a word, where the server owes none."""
HUNG = Outcome("hung", "neither answered nor ended")
"""The server did nothing about it for as long as an attempt waits."""


def answered(target: Target, status: int, is_public: bool = False) -> Outcome:
    """Judge an HTTP status.

    Args:
        is_public: it needs no key.
    """
    fault = None
    if status >= 500 and status != BUSY:
        fault = f"the server failed with {status}"
    elif status < 400 and target.key is None and not is_public:
        fault = f"let in with {status}, without a key"
    return Outcome(str(status), fault)


Attempt = Callable[[Target, random.Random], Awaitable[Sequence[Outcome]]]


def at_once(many: int, one: Callable[[Target], Awaitable[Sequence[Outcome]]]) -> Attempt:
    """So many of the same, begun at the same moment."""

    async def attempt(target: Target, chance: random.Random) -> Sequence[Outcome]:
        outcomes = await asyncio.gather(*(one(target) for _ in range(many)))
        return [outcome for some in outcomes for outcome in some]

    return attempt


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of attack.

    Attributes:
        shapes: its attempts by name.
        at_once: attempts under way at the same time.
    """

    shapes: Mapping[str, Attempt]
    at_once: int


@dataclass(slots=True)
class Tally:
    """What came of an attack.

    Attributes:
        answers: how often each was given, as ``key: answer`` or ``no key: answer``.
        faults: how often each was found, and in which attempt first; `MOST_FAULTS` different ones.
    """

    attempts: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    faults: dict[str, tuple[int, int]] = field(default_factory=dict)

    def note(self, number: int, shape: str, target: Target, outcome: Outcome) -> None:
        """Count an outcome."""
        whose = "no key" if target.key is None else "key"
        self.answers[f"{whose}: {outcome.answer}"] += 1
        if outcome.fault is not None:
            fault = f"{shape}, {whose}: {outcome.fault}"
            if fault in self.faults or len(self.faults) < MOST_FAULTS:
                count, first = self.faults.get(fault, (0, number))
                self.faults[fault] = count + 1, first

    def told(self) -> dict[str, Any]:
        """As JSON can hold it."""
        faults = [f"{n} x {fault} (attempt {first})" for fault, (n, first) in self.faults.items()]
        answers = dict(self.answers.most_common())
        return {"attempts": self.attempts, "answers": answers, "faults": faults}


async def attack(
    kind: Kind, target: Target, seconds: float, seed: int, only: int | None = None
) -> Tally:
    """Make attempts for so long, each shape's first ones in any case; finish those under way.

    Args:
        target: with its key.
        only: make this one attempt, to have its outcome again.
    """
    tally, until_s = Tally(), time.monotonic() + seconds
    first_round = 2 * len(kind.shapes)
    numbers: Iterator[int] = itertools.count() if only is None else iter([only])

    async def keep_trying() -> None:
        for number in numbers:
            if time.monotonic() > until_s and number >= first_round:
                return
            shape, aimed = _turn(kind, target, number)
            chance = random.Random(f"{seed}-{number}")
            for outcome in await kind.shapes[shape](aimed, chance):
                tally.note(number, shape, aimed, outcome)
            tally.attempts += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(kind.at_once):
            group.create_task(keep_trying())
    return tally


def _turn(kind: Kind, target: Target, number: int) -> tuple[str, Target]:
    """Whose turn it is: each shape with the key, then the same without."""
    turn, is_keyless = divmod(number, 2)
    shape = list(kind.shapes)[turn % len(kind.shapes)]
    return shape, replace(target, key=None) if is_keyless else target
