"""Connections that are lost in the middle of speech, and what three clients make of it.

All hear the same clip through a network that resets every connection after some seconds. One begins
a new stream with the sound of that moment; one begins a new stream with all sound since its last
final, as lab 07's did; one goes on with its session. Nobody's microphone waits meanwhile.
"""

import asyncio
import time
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Protocol

from lab_kit.client import NativeWire, ServerAddress, connect, connect_session
from lab_kit.client.live import StreamClient
from lab_kit.core.errors import ConnectionFailed
from lab_kit.core.events import Final, Interim, StreamOptions
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets import Clip
from lab_kit.experiments.networks.fault_proxy import between
from lab_kit.experiments.networks.network import Network
from lab_kit.measure.accuracy import bare_words

CHUNK_S = 0.1
RESET_S = 2.5
"""After which a connection is reset: in most clips in the middle of a sentence."""


class Listener(StrEnum):
    """What a client does when its connection is lost."""

    ANEW = "begins anew"
    FROM_FINAL = "from the last final"
    RESUMES = "resumes"


@dataclass(frozen=True, slots=True)
class Told:
    """A result, when it arrived, and over which connection; times from the beginning.

    Attributes:
        start_s, end_s: of the sound that it covers, from the clip's first sample.
    """

    at_s: float
    start_s: float
    end_s: float
    is_final: bool
    text: str
    connection: int


@dataclass(frozen=True, slots=True)
class LostLine:
    """What one client had in the end.

    Attributes:
        cuts_s: when its connections were lost.
        again_s: sound that it sent more than once.
        said: what was really said.
        spoken_s: from when to when, each utterance of it.
    """

    listener: Listener
    told: tuple[Told, ...]
    cuts_s: tuple[float, ...]
    again_s: float
    said: str
    spoken_s: tuple[tuple[float, float], ...]

    @property
    def text(self) -> str:
        """What its finals say."""
        return " ".join(one.text for one in self.told if one.is_final and one.text)

    @property
    def missing(self) -> tuple[str, ...]:
        """Words that were said and are not in its text."""
        return _difference(bare_words(self.said), bare_words(self.text))[0]

    @property
    def extra(self) -> tuple[str, ...]:
        """Words in its text that were not said, or not so often."""
        return _difference(bare_words(self.said), bare_words(self.text))[1]


class Target(Protocol):
    """A running server."""

    @property
    def address(self) -> ServerAddress: ...


async def through_lost_lines(
    target: Target, clip: Clip, reset_s: float = RESET_S
) -> list[LostLine]:
    """Stream a clip three times through a network that resets connections of that age.

    Raises:
        ConnectionFailed: the server cannot be reached.
    """
    lost = []
    for listener in Listener:
        with between(target.address, Network(reset_after_s=reset_s)) as address:
            lost.append(await _Speaker(address, clip, listener).heard())
    return lost


class _Speaker:
    """Somebody who speaks on, whatever becomes of the connection."""

    def __init__(self, address: ServerAddress, clip: Clip, listener: Listener) -> None:
        self._address = address
        self._clip = clip
        self._listener = listener
        self._pcm = clip.pcm16 + bytes(2 * round(0.6 * SAMPLE_RATE_HZ))
        self._chunk: int = 2 * round(CHUNK_S * SAMPLE_RATE_HZ)
        self._told: list[Told] = []
        self._cuts_s: list[float] = []
        self._sent_bytes = 0
        self._began_s = 0.0

    async def heard(self) -> LostLine:
        self._began_s = time.perf_counter()
        if self._listener is Listener.RESUMES:
            await self._one_session()
        else:
            await self._new_sessions()
        again_s = max(0.0, (self._sent_bytes - len(self._pcm)) / 2 / SAMPLE_RATE_HZ)
        told, cuts = tuple(self._told), tuple(self._cuts_s)
        spoken = tuple((one.start_s, one.end_s) for one in self._clip.utterances())
        return LostLine(self._listener, told, cuts, again_s, self._clip.text, spoken)

    @property
    def _now_s(self) -> float:
        return time.perf_counter() - self._began_s

    def _spoken_bytes(self) -> int:
        """How much has sounded by now, in whole chunks."""
        return min(len(self._pcm), int(self._now_s / CHUNK_S) * self._chunk)

    async def _one_session(self) -> None:
        options = StreamOptions(sample_rate_hz=SAMPLE_RATE_HZ)
        async with connect_session(NativeWire.WEBSOCKET, self._address, options) as session:
            hearing = asyncio.create_task(self._hear(session, 0.0))
            before = 0
            for start in range(0, len(self._pcm), self._chunk):
                await self._until(start + self._chunk)
                await session.send(self._pcm[start : start + self._chunk])
                if session.resumed > before:
                    self._cuts_s.append(self._now_s)
                    before = session.resumed
            await session.finish()
            await hearing
            self._sent_bytes = len(self._pcm)

    async def _new_sessions(self) -> None:
        """A stream after the other, until all sound has been sent and heard."""
        begin = 0
        while True:
            try:
                await self._until_lost(begin)
                return
            except ConnectionFailed:
                self._cuts_s.append(self._now_s)
            begin = self._spoken_bytes()
            if self._listener is Listener.FROM_FINAL:
                finals = [one.end_s for one in self._told if one.is_final]
                last_s = finals[-1] if finals else 0.0
                begin = 2 * round(last_s * SAMPLE_RATE_HZ)
            if begin >= len(self._pcm):
                return

    async def _until_lost(self, begin: int) -> None:
        options = StreamOptions(sample_rate_hz=SAMPLE_RATE_HZ)
        offset_s = begin / 2 / SAMPLE_RATE_HZ
        async with connect(self._address.url, options, self._address.key) as stream:
            hearing = asyncio.create_task(self._hear(stream, offset_s))
            try:
                for start in range(begin, len(self._pcm), self._chunk):
                    await self._until(start + self._chunk)
                    if hearing.done():
                        break
                    await stream.send(self._pcm[start : start + self._chunk])
                    self._sent_bytes += self._chunk
                else:
                    await stream.finish()
                await hearing
            finally:
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)

    async def _until(self, end: int) -> None:
        """Wait until that much has sounded."""
        due_s = end / 2 / SAMPLE_RATE_HZ
        await asyncio.sleep(max(0.0, due_s - self._now_s))

    async def _hear(self, stream: StreamClient, offset_s: float) -> None:
        async for received in stream:
            event = received.event
            if isinstance(event, Interim | Final):
                told = Told(
                    self._now_s,
                    event.start_s + offset_s,
                    event.end_s + offset_s,
                    isinstance(event, Final),
                    event.text,
                    len(self._cuts_s),
                )
                self._told.append(told)


def _difference(said: list[str], heard: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Words that were said and not heard, and words that were heard and not said."""
    missing: list[str] = []
    extra: list[str] = []
    compared = SequenceMatcher(None, said, heard, autojunk=False)
    for kind, a1, a2, b1, b2 in compared.get_opcodes():
        if kind != "equal":
            missing += said[a1:a2]
            extra += heard[b1:b2]
    return tuple(missing), tuple(extra)
