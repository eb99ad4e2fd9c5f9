"""The voice, for all callers: piece by piece, callers in turn, on workers of its own.

It is loaded when somebody first asks for it. A caller who goes away is spoken to no further.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

import numpy as np

from lab_kit.audio.containers import FileForm, FileWriter
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.shown import shown
from lab_kit.gateway.door.door import Spoken
from lab_kit.gateway.door.preparation import Preparation
from lab_kit.gateway.observe.listeners import Listeners
from lab_kit.gateway.observe.work import CANCELLED, OK, Ended
from lab_kit.gateway.speech.pieces import pieces
from lab_kit.models.synthesizer import VOICE_RATE_HZ, Synthesizer

QUIET = 10 ** (-50 / 20)
"""Amplitude: below it the voice has not begun."""
LEAD_S = 0.02
"""Of quiet before the first sound; the voice itself makes three tenths of a second."""
BREATH_S = 0.15
"""Between two pieces, beside the quiet that the voice ends with."""


async def begun(sound: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The same sound once its first piece is there: what is wrong with it is raised here, while an
    answer has no status yet.

    Raises:
        Exception: see `Voice.file`.
    """
    first = await anext(sound)

    async def whole() -> AsyncGenerator[bytes, None]:
        async with aclosing(sound):
            yield first
            async for piece in sound:
                yield piece

    return whole()


class Voice:
    """Speaks texts."""

    def __init__(self, listeners: Listeners) -> None:
        self._listeners = listeners
        self._synthesizer = Synthesizer()
        self._workers = Preparation()

    async def file(
        self, call: Spoken, text: str, form: FileForm, rate_hz: int, speed: float
    ) -> AsyncGenerator[bytes, None]:
        """A text as a file, in pieces as they are made.

        Raises:
            InvalidParameter: nothing is to be said.
            NotInstalled: the voice is not installed.
            SystemOverloaded: too many callers wait.
        """
        parts = list(pieces(text))
        if not parts:
            raise InvalidParameter(
                f"a text with nothing to say: {shown(text)}", "at least one word", "send a text"
            )
        self._listeners.opened(call.work)
        code, spoken_s = CANCELLED, 0.0
        writer = await asyncio.to_thread(FileWriter, form, rate_hz, VOICE_RATE_HZ)
        try:
            for number, part in enumerate(parts):
                sound = await self._workers.run(
                    call.caller, partial(self._spoken, part, speed, is_first=not number)
                )
                spoken_s += len(sound) / VOICE_RATE_HZ
                if piece := await asyncio.to_thread(writer.push, sound):
                    yield piece
            yield await asyncio.to_thread(writer.finish)
            code = OK
        finally:
            self._listeners.ended(call.work, Ended(code, 0.0, spoken_s))

    def stop(self) -> None:
        """Begin nothing any more."""
        self._workers.stop()

    def _spoken(self, text: str, speed: float, *, is_first: bool) -> FloatArray:
        sound = self._synthesizer.speak(text, speed=speed).samples
        loud = np.flatnonzero(np.abs(sound) > QUIET)
        begins = int(loud[0]) if len(loud) else 0
        lead_s = LEAD_S if is_first else BREATH_S
        quiet = np.zeros(round(lead_s * VOICE_RATE_HZ), np.float32)
        return np.concatenate([quiet, sound[begins:]])
