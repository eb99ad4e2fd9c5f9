"""The voice, for all callers: piece by piece, callers in turn, on workers of its own.

It is loaded when somebody first asks for it. A caller who goes away is spoken to no further.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from lab_kit.audio.containers import FORMS, FileForm, FileWriter
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.shown import shown
from lab_kit.gateway.door.door import Spoken
from lab_kit.gateway.door.preparation import Preparation
from lab_kit.gateway.observe.listeners import Listeners
from lab_kit.gateway.observe.work import CANCELLED, OK, Ended, Reached
from lab_kit.gateway.speech.pieces import between, pieces
from lab_kit.models.synthesizer import VOICE_RATE_HZ, Synthesizer
from lab_kit.protocol.character_times import PieceTimes

QUIET = 10 ** (-50 / 20)
"""Amplitude: below it the voice has not begun."""
LEAD_S = 0.02
"""Of quiet before the first sound; the voice itself makes three tenths of a second."""
BREATH_S = 0.15
"""Between two pieces, beside the quiet that the voice ends with."""
_T = TypeVar("_T")


async def begun(sound: AsyncGenerator[_T, None]) -> AsyncGenerator[_T, None]:
    """The same sound once its first piece is there: what is wrong with it is raised here, while an
    answer has no status yet.

    Raises:
        Exception: see `Voice.file`.
    """
    first = await anext(sound)

    async def whole() -> AsyncGenerator[_T, None]:
        async with aclosing(sound):
            yield first
            async for piece in sound:
                yield piece

    return whole()


@dataclass(frozen=True, slots=True)
class SpokenPiece:
    """A piece of a text, once it is spoken.

    Attributes:
        data: of the file, what is ready; an encoder may keep some for the next.
        times: None for the file's end, which has no text.
    """

    data: bytes
    times: PieceTimes | None


@dataclass(frozen=True, slots=True)
class _Sound:
    """Samples, and between which of them the voice is heard."""

    samples: FloatArray
    begins: int
    ends: int


class Voice:
    """Speaks texts."""

    def __init__(self, listeners: Listeners) -> None:
        self._listeners = listeners
        self._synthesizer = Synthesizer()
        self._workers = Preparation()
        self._is_loaded = False

    async def file(
        self, call: Spoken, text: str, form: FileForm, rate_hz: int, speed: float
    ) -> AsyncGenerator[bytes, None]:
        """A text as a file, in pieces as they are made.

        Raises:
            LabError: see `spoken`.
        """
        async with aclosing(self.spoken(call, text, form, rate_hz, speed)) as spoken:
            async for piece in spoken:
                if piece.data or piece.times is None:
                    yield piece.data

    async def spoken(
        self, call: Spoken, text: str, form: FileForm, rate_hz: int, speed: float
    ) -> AsyncGenerator[SpokenPiece, None]:
        """The same, with what each piece says and how long that takes; last, the file's end.

        Raises:
            LabError: see `into`.
        """
        file = await self.open_file(form, rate_hz)
        async with aclosing(self.into(file, call, text, speed, is_first=True)) as pieces:
            async for piece in pieces:
                yield piece
        yield SpokenPiece(await asyncio.to_thread(file.finish), None)

    async def open_file(self, form: FileForm, rate_hz: int) -> FileWriter:
        """A file for what is said next."""
        return await asyncio.to_thread(FileWriter, form, rate_hz, VOICE_RATE_HZ)

    async def into(
        self, file: FileWriter, call: Spoken, text: str, speed: float, *, is_first: bool
    ) -> AsyncGenerator[SpokenPiece, None]:
        """Say a text into a file that goes on.

        Args:
            is_first: nothing was said into it before.

        Raises:
            InvalidParameter: nothing is to be said.
            QuotaExceeded, PayloadTooLarge: the caller has not enough compute left, now or ever.
            NotInstalled: the voice is not installed.
            SystemOverloaded: too many callers wait.
        """
        parts = list(pieces(text))
        if not parts:
            raise InvalidParameter(
                f"a text with nothing to say: {shown(text)}", "at least one word", "send a text"
            )
        call.spending.hold(len(text))
        self._listeners.opened(call.work)
        code, spoken_s, characters = CANCELLED, 0.0, 0

        def reached() -> Reached:
            spent_ns = call.spending.spent_ns
            return Reached(processed_s=spoken_s, characters=characters, compute_ns=spent_ns)

        try:
            for number, (part, texts) in enumerate(zip(parts, between(text, parts), strict=True)):
                lead_s = LEAD_S if is_first and not number else BREATH_S
                said = partial(self._said, call, part, speed, lead_s)
                sound = await self._workers.run(call.caller, said)
                length = len(sound.samples)
                spoken_s += length / VOICE_RATE_HZ
                times = PieceTimes(
                    *texts,
                    quiet_s=sound.begins / VOICE_RATE_HZ,
                    voice_s=(sound.ends - sound.begins) / VOICE_RATE_HZ,
                    rest_s=(length - sound.ends) / VOICE_RATE_HZ,
                )
                data = await asyncio.to_thread(file.push, sound.samples)
                characters += sum(map(len, texts))
                self._listeners.telling(call.work, reached())
                yield SpokenPiece(data, times)
            code = OK
        finally:
            call.spending.settle(len(text) if code == OK else 0.0)
            self._listeners.ended(call.work, Ended(code, reached()))

    async def load(self) -> None:
        """Have it loaded, and have it spoken once: that takes a second.

        Raises:
            NotInstalled: the voice is not installed.
        """
        if not self._is_loaded:
            await asyncio.to_thread(self._synthesizer.speak, "Yes.")
            await self.open_file(FORMS["pcm"], VOICE_RATE_HZ)
            self._is_loaded = True

    async def sound(self, call: Spoken, text: str, speed: float, lead_s: float) -> FloatArray:
        """A clause as (samples,) float32 at 24 kHz, behind so much quiet; nobody is told of it.

        Raises:
            InvalidParameter: it cannot be spoken.
            NotInstalled: the voice is not installed.
            SystemOverloaded: too many callers wait.
        """
        said = partial(self._said, call, text, speed, lead_s)
        return (await self._workers.run(call.caller, said)).samples

    def stop(self) -> None:
        """Begin nothing any more."""
        self._workers.stop()

    def _said(self, call: Spoken, text: str, speed: float, lead_s: float) -> _Sound:
        began_ns = time.perf_counter_ns()
        sound = self._synthesizer.speak(text, speed=speed).samples
        call.spending.add(time.perf_counter_ns() - began_ns)
        loud = np.flatnonzero(np.abs(sound) > QUIET)
        begins, ends = (int(loud[0]), int(loud[-1]) + 1) if len(loud) else (0, len(sound))
        lead = round(lead_s * VOICE_RATE_HZ)
        samples = np.concatenate([np.zeros(lead, np.float32), sound[begins:]])
        return _Sound(samples, lead, lead + ends - begins)
