"""The loudspeaker: PortAudio's callback takes what is to be played, or silence.

As with the microphone, sounddevice is imported when one is asked for.
"""

import threading
from types import TracebackType
from typing import Any, Self

from lab_kit.audio.sources.microphone import sounddevice
from lab_kit.core.errors import AudioDeviceUnavailable

BLOCK_S = 0.02
MOST_S = 120.0
"""Of sound that waits to be played; the rest of a longer answer is left out, and counted."""


class Loudspeaker:
    """Plays PCM16 mono at one rate; a context manager.

    Attributes:
        left_out_s: of sound that there was no room for.

    Raises:
        AudioDeviceUnavailable: no PortAudio, or no output device.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._waiting = bytearray()
        self._played = 0
        self._lock = threading.Lock()
        self.left_out_s = 0.0
        library = sounddevice()
        try:
            self._stream = library.RawOutputStream(
                samplerate=rate_hz,
                blocksize=round(BLOCK_S * rate_hz),
                channels=1,
                dtype="int16",
                callback=self._give,
            )
        except library.PortAudioError as error:
            raise AudioDeviceUnavailable(
                f"the loudspeaker cannot be opened ({error})",
                f"an output device that takes {rate_hz} Hz mono",
                "plug one in, or read the answers",
            ) from error

    def __enter__(self) -> Self:
        self._stream.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._stream.close()

    @property
    def is_playing(self) -> bool:
        """Whether something is to be heard."""
        return bool(self._waiting)

    def begin(self) -> None:
        """Count what is played from here on."""
        with self._lock:
            self._played = 0

    def play(self, pcm: bytes) -> None:
        """Play it behind what is played."""
        with self._lock:
            room = max(0, round(MOST_S * self._rate_hz) * 2 - len(self._waiting))
            self._waiting += pcm[:room]
            self.left_out_s += len(pcm[room:]) / 2 / self._rate_hz

    def stop(self) -> float:
        """Play no more; returns how much was played since `begin`, in seconds."""
        with self._lock:
            self._waiting.clear()
            return self._played / 2 / self._rate_hz

    def _give(self, out: Any, frames: int, when: Any, status: Any) -> None:
        """Fill a block; runs on PortAudio's thread."""
        with self._lock:
            piece = bytes(self._waiting[: len(out)])
            del self._waiting[: len(out)]
            self._played += len(piece)
        out[: len(piece)] = piece
        out[len(piece) :] = bytes(len(out) - len(piece))
