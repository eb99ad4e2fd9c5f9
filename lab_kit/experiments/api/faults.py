"""A client with one fault, against a real server; what it sent, and what it got, is written down.

It makes three requests: one whose first answer is lost on the way back, one that meets a full
server, and one that cannot succeed. Which rule it breaks shows in one of them.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from uuid import uuid4

import httpx

from lab_kit.client import Retries
from lab_kit.client.requests import refused
from lab_kit.core.errors import ConnectionFailed, LabError
from lab_kit.core.table import Table
from lab_kit.experiments.api.asking import computed_s, server_at
from lab_kit.experiments.api.refusals import all_room_taken
from lab_kit.experiments.api.ways import Target
from lab_kit.measure.guess import Guess
from lab_kit.protocol.recordings import TRANSCRIBE_PATH

FULL_S = 1.0
"""How long the server is full: shorter than what it tells its callers to wait."""
HASTE_S = 0.2
ATTEMPTS = 4
_KEY_SHOWN = 8
LOST, FULL, UNFIT = "answer lost", "server full", "no recording"
_NO_RECORDING = b"no recording at all" * 32


class Fault(StrEnum):
    """What a client can do wrong."""

    NEW_KEY = "a new key for each attempt"
    HASTY = "comes back sooner than it was told"
    HEADSTRONG = "sends again what cannot succeed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One attempt.

    Attributes:
        at_s: since the request's first.
        answer: what the client saw.
        told_s: the time that it was told to wait; None where it was told none.
    """

    request: str
    at_s: float
    key: str
    answer: str
    told_s: float | None


@dataclass(frozen=True, slots=True)
class Journal:
    """What was sent and answered.

    Attributes:
        audio_s: of sound in the two recordings that were asked for.
        computed_s: of sound, by the server's count.
    """

    entries: tuple[Entry, ...]
    audio_s: float
    computed_s: float
    fault: Fault

    @property
    def table(self) -> Table:
        """One line an attempt, and what the server counted."""
        head = ("request", "at s", "key", "answer", "told to wait s")
        rows = [
            (e.request, f"{e.at_s:.1f}", e.key[:_KEY_SHOWN], e.answer, _told(e.told_s))
            for e in self.entries
        ]
        notes = [
            "",
            f"asked for: {self.audio_s:.0f} s of sound; computed: {self.computed_s:.0f} s",
        ]
        return Table("attempt", head, rows, notes, left=4)

    def reveal(self, guess: Guess) -> str:
        """The fault, where it shows, and what the reader said."""
        return f"{guess.against(self.fault.value)}\n{self.shown_by}"

    @property
    def shown_by(self) -> str:
        """The line of the journal that gives the fault away."""
        if self.fault is Fault.NEW_KEY:
            keys = len({e.key for e in self.entries if e.request == LOST})
            return f"{LOST}: {keys} keys for one request, so the server computed it again."
        if self.fault is Fault.HASTY:
            asked = [e for e in self.entries if e.request == FULL]
            sooner = asked[1].at_s - asked[0].at_s if len(asked) > 1 else 0.0
            told = _told(asked[0].told_s)
            return f"{FULL}: told to wait {told} s, and there again after {sooner:.1f} s."
        tries = sum(e.request == UNFIT for e in self.entries)
        return f"{UNFIT}: sent {tries} times, and refused each time for the same reason."


async def faulty_client(
    small: Target,
    sound: bytes,
    audio_s: float,
    fault: Fault | None = None,
) -> Journal:
    """Have a client with a fault make its three requests.

    Args:
        small: a server with the limits that `limits_for` has for ``sound``.
        sound: a recording in a file's form, ``audio_s`` long.
        fault: drawn by lot where none is given.

    Raises:
        ConnectionFailed: the server cannot be reached.
    """
    chosen = fault or random.choice(list(Fault))
    before_s = await computed_s(small)
    async with server_at(small) as server:
        client = _Client(server, chosen)
        await client.call(LOST, sound, loses_first=True)
        async with _full_for(server, sound):
            await client.call(FULL, sound)
        await client.call(UNFIT, _NO_RECORDING)
    after_s = await computed_s(small)
    return Journal(tuple(client.entries), 2 * audio_s, after_s - before_s, chosen)


class _Client:
    def __init__(self, server: httpx.AsyncClient, fault: Fault) -> None:
        self.entries: list[Entry] = []
        self._server = server
        self._fault = fault
        self._retries = Retries(attempts=ATTEMPTS)

    async def call(self, name: str, sound: bytes, *, loses_first: bool = False) -> None:
        began_s, key = time.perf_counter(), str(uuid4())
        for attempt in range(1, ATTEMPTS + 1):
            if self._fault is Fault.NEW_KEY:
                key = str(uuid4())
            at_s = time.perf_counter() - began_s
            answer, error = await self._send(sound, key)
            if loses_first and attempt == 1:
                answer, error = "none: the connection broke", _lost()
            told_s = None if error is None else error.retry_after_s
            self.entries.append(Entry(name, at_s, key, answer, told_s))
            if error is None or (wait_s := self._wait_s(attempt, error)) is None:
                return
            await asyncio.sleep(wait_s)

    def _wait_s(self, attempt: int, error: LabError) -> float | None:
        if self._fault is Fault.HEADSTRONG and not error.retryable:
            return HASTE_S if attempt < ATTEMPTS else None
        wait_s = self._retries.wait_s(attempt, error)
        hasty = self._fault is Fault.HASTY and wait_s is not None
        return HASTE_S if hasty else wait_s

    async def _send(self, sound: bytes, key: str) -> tuple[str, LabError | None]:
        headers = {"content-type": "audio/wav", "idempotency-key": key}
        answer = await self._server.post(TRANSCRIBE_PATH, content=sound, headers=headers)
        if answer.is_success:
            is_again = "idempotent-replayed" in answer.headers
            return f"{answer.status_code}{', the first answer again' if is_again else ''}", None
        error = refused(answer)
        return f"{answer.status_code} {error.reason}", error


def _lost() -> ConnectionFailed:
    return ConnectionFailed("no answer", "one", "ask again")


@asynccontextmanager
async def _full_for(server: httpx.AsyncClient, sound: bytes) -> AsyncIterator[None]:
    """The server is full when the block begins, and has room again a little later."""
    taken = asyncio.Event()

    async def hold() -> None:
        async with all_room_taken(server, sound):
            taken.set()
            await asyncio.sleep(FULL_S)

    async with asyncio.TaskGroup() as group:
        group.create_task(hold())
        await taken.wait()
        yield


def _told(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:g}"
