"""A conversation as a person holds it: a source of sound, a player, and what was said, in lines."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lab_kit.audio.pcm import to_float
from lab_kit.audio.sources.recordings import Source, SourceChunk
from lab_kit.client.conversation import TalkClient, Told
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.dialects.openai.conversation.client import (
    RATE_HZ,
    AnswerBegan,
    AnswerEnded,
    AnswerSound,
    AnswerText,
    Heard,
    SpeechBegan,
)

AUDIBLE = 10 ** (-50 / 20)
"""Amplitude from which a sound is one."""
LOOK_S = 0.05
ANSWERED_S = 10.0
"""After a recording, for its answer to begin."""


class Player(Protocol):
    """What plays answers."""

    def begin(self) -> None:
        """Another answer is on its way: what is played from here on belongs to it."""
        ...

    def play(self, pcm24: bytes) -> None:
        """Play PCM16 at 24 kHz, behind what is played."""
        ...

    def stop(self) -> float:
        """Play no more; returns how much of the answer was played, in seconds."""
        ...

    @property
    def is_playing(self) -> bool:
        """Whether something is to be heard."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was said.

    Attributes:
        by_caller: else it is the answer.
        delay_s: of an answer: from the end of the turn, as the server heard it, to its first
            audible sound here; None where that is not known.
        note: how it ended, if not as it should.
    """

    by_caller: bool
    text: str
    delay_s: float | None = None
    note: str = ""


class Talking:
    """One conversation.

    Args:
        tell: told of every line.

    Attributes:
        answers: those that have ended.
    """

    def __init__(self, client: TalkClient, player: Player, tell: Callable[[Line], None]) -> None:
        self._client = client
        self._player = player
        self._tell = tell
        self._started_ns = 0
        self._text, self._item = "", ""
        self._delay_s: float | None = None
        self._is_answering = self._is_stopped = False
        self.answers = 0

    async def hold(self, source: Source) -> None:
        """Send a source until it ends, and what it is answered with has been heard.

        Raises:
            InvalidParameter: the source is encoded, or of another rate.
            ConnectionFailed, InvalidMessage: the server broke it off.
        """
        if source.encoding != "linear16" or source.rate_hz != SAMPLE_RATE_HZ:
            raise InvalidParameter(
                f"{source.encoding} at {source.rate_hz} Hz",
                f"linear16 at {SAMPLE_RATE_HZ} Hz",
                "choose another source",
            )
        listening = asyncio.create_task(self._listen())
        speaking = asyncio.create_task(self._speak(source))
        try:
            await asyncio.wait({listening, speaking}, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()
            await speaking
            await self._hear_out(listening, ANSWERED_S if not source.waits_itself else 0.0)
        finally:
            for task in (listening, speaking):
                task.cancel()
            await asyncio.gather(listening, speaking, return_exceptions=True)

    async def _hear_out(self, listening: "asyncio.Task[None]", within_s: float) -> None:
        """Until what is answered was heard; an answer that did not begin is waited for."""
        until_s = time.monotonic() + within_s
        while not listening.done():
            is_owed = not self.answers and time.monotonic() < until_s
            if not (is_owed or self._is_answering or self._player.is_playing):
                return
            await asyncio.sleep(LOOK_S)

    async def _speak(self, source: Source) -> None:
        pieces = source.chunks()
        while (piece := await _next(pieces, source.waits_itself)) is not None:
            now_ns = time.perf_counter_ns()
            if not self._started_ns:
                self._started_ns = now_ns - round(piece.end_s * 1e9 * source.waits_itself)
            if not source.waits_itself:
                due_ns = self._started_ns + round(piece.end_s * 1e9)
                await asyncio.sleep(max(0, due_ns - now_ns) / 1e9)
            await self._client.send(to_float(piece.data, "linear16"))

    async def _listen(self) -> None:
        async for told in self._client:
            await self._hear(told)

    async def _hear(self, told: Told) -> None:
        match told.event:
            case SpeechBegan():
                await self._stop()
            case Heard() if told.event.text:
                self._tell(Line(True, told.event.text))
            case AnswerBegan():
                self._text, self._delay_s = "", None
                self._is_answering, self._is_stopped = True, False
                self._player.begin()
            case AnswerText():
                self._text += told.event.text
            case AnswerSound() if not self._is_stopped:
                self._play(told.event, told.received_ns)
            case AnswerEnded():
                self._end(told.event)

    def _play(self, sound: AnswerSound, received_ns: int) -> None:
        self._item = sound.item
        if sound.timing is not None and self._started_ns:
            levels = np.abs(to_float(sound.pcm24, "linear16"))
            loud = np.flatnonzero(levels > AUDIBLE)
            until_ns = round(1e9 * (loud[0] if len(loud) else 0) / RATE_HZ)
            end_ns = self._started_ns + round(sound.timing.speech_end_s * 1e9)
            self._delay_s = (received_ns + until_ns - end_ns) / 1e9
        self._player.play(sound.pcm24)

    async def _stop(self) -> None:
        if not (self._player.is_playing or self._is_answering):
            return
        self._is_stopped = True
        played_s = self._player.stop()
        if self._item:
            await self._client.played(self._item, played_s)

    def _end(self, ended: AnswerEnded) -> None:
        self._is_answering = False
        self.answers += 1
        notes = {"completed": "", "cancelled": "interrupted"}
        note = notes.get(ended.status, f"{ended.status}: {ended.reason}")
        self._tell(Line(False, self._text.strip(), self._delay_s, note))


async def _next(pieces: Iterator[SourceChunk], waits: bool) -> SourceChunk | None:
    """The next piece; one that takes its time is waited for on a thread."""
    return await asyncio.to_thread(next, pieces, None) if waits else next(pieces, None)
