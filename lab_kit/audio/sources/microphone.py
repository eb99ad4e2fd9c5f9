"""The microphone as a source: PortAudio's callback fills a ring, iterating empties it.

The callback runs on PortAudio's own thread and does nothing but copy; sound that it could not
take, or that nobody fetched in time, is counted, and warned of at the end. sounddevice is imported
when a microphone is asked for, because importing it fails where there is no PortAudio.
"""

import threading
import warnings
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from lab_kit.audio.sources.recordings import Source, SourceChunk
from lab_kit.audio.sources.ring import CaptureRing, Overflow
from lab_kit.core.call_record import Spoken
from lab_kit.core.errors import AudioDeviceUnavailable, InvalidParameter
from lab_kit.core.units import SAMPLE_RATE_HZ, samples

DEFAULT_CHUNK_S = 0.02
"""PortAudio's callback survives a busy interpreter at this size; shorter ones begin to slip."""
LONGEST_WAIT_S = 2.0
"""A hundred callbacks that did not come: the device is gone or has no clock."""
MOST_UNFETCHED_S = 30.0
"""Sound kept for a consumer that is slow; then the oldest makes room, and is counted."""


class Microphone:
    """Sound from an input device, at 16 kHz mono, for as long as one listens.

    Args:
        seconds: stop by itself after this much sound; None listens until ``stop``.
        device: name, part of a name, or number, as sounddevice takes it; None is the default.

    Attributes:
        name: what is streamed, for titles.
        overflows: callbacks at which sound was lost, because this process was too slow.
        losses: what the ring had to overwrite, each time.

    Raises:
        InvalidParameter: a chunk would hold no sample.
        AudioDeviceUnavailable: no PortAudio, or no such input device.
    """

    waits_itself = True
    encoding = "linear16"
    rate_hz = SAMPLE_RATE_HZ

    def __init__(
        self,
        seconds: float | None = None,
        device: str | int | None = None,
        chunk_s: float = DEFAULT_CHUNK_S,
    ) -> None:
        if samples(chunk_s) < 1:
            raise InvalidParameter(
                f"chunks of {chunk_s} s",
                "at least one sample each",
                f"pass a larger chunk_s, such as {DEFAULT_CHUNK_S}",
            )
        self.name = f"microphone ({input_device(device)})"
        self.chunk_s = chunk_s
        self.overflows = 0
        self._seconds = seconds
        self._device = device
        self.losses: list[Overflow] = []
        self._ring = CaptureRing(chunk_s, MOST_UNFETCHED_S)
        self._changed = threading.Condition()
        self._stopped = False

    @property
    def spoken(self) -> tuple[Spoken, ...]:
        """Nobody knows what will be said."""
        return ()

    def stop(self) -> None:
        """End the iteration after what was heard; harmless from another thread or twice."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def chunks(self) -> Iterator[SourceChunk]:
        """Sound as it is heard, in chunks of ``chunk_s``; takes as long as the sound.

        Raises:
            AudioDeviceUnavailable: the device refuses, or stops delivering.
        """
        with self._open():
            yield from self._pieces()
        if self.overflows:
            alarm = " (more than 1 % of a minute)" if any(o.is_alarm for o in self.losses) else ""
            warnings.warn(
                f"{self.name}: sound was lost {self.overflows} times{alarm}, because this process"
                " was too slow; what was measured on it does not count",
                RuntimeWarning,
                stacklevel=2,
            )

    def _pieces(self) -> Iterator[SourceChunk]:
        end_s = 0.0
        while not self._stopped and (self._seconds is None or end_s < self._seconds):
            pcm16 = self._next()
            if pcm16 is None:
                return
            end_s += len(pcm16) / (2 * self.rate_hz)
            yield SourceChunk(pcm16, end_s)

    def _next(self) -> bytes | None:
        with self._changed:
            if self._changed.wait_for(lambda: self._stopped or len(self._ring), LONGEST_WAIT_S):
                return self._ring.pop()
        raise AudioDeviceUnavailable(
            f"{self.name} delivered nothing for {LONGEST_WAIT_S:.0f} s",
            f"a chunk every {self.chunk_s} s",
            "check that it is plugged in and not muted, then: lab doctor",
        )

    def _open(self) -> Any:
        library = sounddevice()
        try:
            return library.RawInputStream(
                samplerate=self.rate_hz,
                blocksize=samples(self.chunk_s, self.rate_hz),
                device=self._device,
                channels=1,
                dtype="int16",
                callback=self._take,
            )
        except library.PortAudioError as error:
            raise AudioDeviceUnavailable(
                f"{self.name} cannot be opened ({error})",
                f"an input device that gives {self.rate_hz} Hz mono",
                "close the program that uses it, or choose another with device=",
            ) from error

    def _take(self, data: Any, frames: int, when: Any, status: Any) -> None:
        """Copy what was heard; runs on PortAudio's thread."""
        with self._changed:
            loss = self._ring.push(bytes(data))
            self._changed.notify()
        self.overflows += bool(status.input_overflow) + (loss is not None)
        if loss is not None:
            self.losses.append(loss)


def microphone_or(clip_source: Source, seconds: float | None = None) -> Source:
    """The default microphone; ``clip_source``, and a sentence why, where there is none.

    Args:
        seconds: how long to listen to the microphone.
    """
    try:
        return Microphone(seconds)
    except AudioDeviceUnavailable as error:
        print(f"Playing {clip_source.name} at the pace of a microphone: {error}.")
        return clip_source


def input_device(device: str | int | None = None) -> str:
    """Name of an input device; None asks for the default one.

    Raises:
        AudioDeviceUnavailable: no PortAudio, or no such device.
    """
    library = sounddevice()
    try:
        return str(library.query_devices(device, "input")["name"])
    except (library.PortAudioError, ValueError) as error:
        asked = "default input device" if device is None else f"input device {device!r}"
        raise AudioDeviceUnavailable(
            f"no {asked} ({error})",
            "a microphone that the system knows",
            "plug one in, or stream a clip instead",
        ) from error


def sounddevice() -> Any:
    """The library.

    Raises:
        AudioDeviceUnavailable: there is no PortAudio.
    """
    try:
        return import_module("sounddevice")
    except OSError as error:
        raise AudioDeviceUnavailable(
            f"PortAudio cannot be loaded ({error})",
            "the system's PortAudio library",
            "on Debian or Ubuntu run: sudo apt-get install libportaudio2",
        ) from error
