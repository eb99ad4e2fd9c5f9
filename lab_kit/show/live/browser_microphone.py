"""The reader's own microphone, taken in the browser: a widget that is a source of sound.

The kernel may be in a container or on another machine; the page is where the reader is. The sound
comes over the notebook's own channel and is kept nowhere. A kernel hears of nothing while a cell
holds it, so such a source is streamed by a run that leaves the cell (`show.live` without seconds).
"""

import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from lab_kit.audio.sources.recordings import SourceChunk
from lab_kit.audio.sources.ring import CaptureRing
from lab_kit.core.call_record import Spoken
from lab_kit.core.errors import AudioDeviceUnavailable
from lab_kit.core.units import SAMPLE_RATE_HZ, samples

CHUNK_S = 0.04
"""What the page puts into a message: two dozen a second, which a slow page still manages."""
MOST_UNFETCHED_S = 30.0
"""Sound kept for a stream that is slow; then the oldest makes room, and is counted."""
LONGEST_WAIT_S = 10.0
"""Without a chunk for so long the page is gone; a kernel may be busy with a cell for less."""
_CHUNK_BYTES = 2 * samples(CHUNK_S)


class BrowserMicrophone(anywidget.AnyWidget):
    """A button, a level and the sound of the microphone in the page that shows them.

    Attributes:
        name: what is streamed, for titles.
        is_on: whether a page has the microphone; set by a click there.
        is_listening: whether somebody takes the sound; until then none leaves the page.
        lost_s: sound that page or kernel were too slow to take, since it began to listen.
        clock_error_s: how far the time of a sound may be off; None before the clocks were compared.
        refusal: why the page has no microphone, in words for the reader; empty if it was not asked.
    """

    _esm = files("lab_kit.audio.sources").joinpath("browser_capture.js").read_text("utf-8") + Path(
        __file__
    ).with_suffix(".js").read_text("utf-8")
    is_on = traitlets.Bool(False)
    is_listening = traitlets.Bool(False).tag(sync=True)

    name = "your microphone"
    encoding = "linear16"
    rate_hz = SAMPLE_RATE_HZ
    chunk_s = CHUNK_S
    waits_itself = True
    spoken: tuple[Spoken, ...] = ()
    """Nobody knows what will be said."""

    def __init__(self) -> None:
        super().__init__()
        self.lost_s = 0.0
        self.refusal = ""
        self._take_of_page = self._take_heard = ""
        self._forget_clock()
        self._changed = threading.Condition()
        self._clear()
        self.on_msg(self._hear)

    @property
    def clock_error_s(self) -> float | None:
        """Half of the quickest exchange's round trip."""
        return None if math.isinf(self._round_trip_ms) else self._round_trip_ms / 2e3

    def chunks(self) -> Iterator[SourceChunk]:
        """Sound as it is heard, until the page turns the microphone off or the iterator is closed.

        Raises:
            AudioDeviceUnavailable: the microphone is off, or the page went without a word.
        """
        if not self.is_on:
            raise AudioDeviceUnavailable(
                self.refusal or "the microphone is off",
                "a microphone that is on in the page",
                "click 'Use the microphone' above, then start again",
            )
        with self._changed:
            self._clear()
            self._take_heard = self._take_of_page
        self.is_listening = True
        try:
            yield from self._pieces()
        finally:
            self.is_listening = False

    def ask(self) -> None:
        """Have the page ask for the microphone, as a click on its button does."""
        self.send({"kind": "open"})

    def turn_off(self) -> None:
        """Have the page let go of the microphone that was listened to; of no later one."""
        self.send({"kind": "close", "take": self._take_heard})
        self.stop()

    def stop(self) -> None:
        """End the sound after what has come; from any thread, and harmless twice.

        A cell that runs keeps the page's messages from the kernel, so who ends a stream from a cell
        cannot wait for another chunk.
        """
        with self._changed:
            self._ended = True
            self._changed.notify()

    def _pieces(self) -> Iterator[SourceChunk]:
        end_s = 0.0
        while True:
            with self._changed:
                came = self._changed.wait_for(
                    lambda: self._ended or len(self._ring), LONGEST_WAIT_S
                )
                pcm16 = self._ring.pop()
                heard_ns = self._heard_ns.popleft() if pcm16 is not None else None
            if not came:
                raise AudioDeviceUnavailable(
                    f"no sound from the page for {LONGEST_WAIT_S:.0f} s",
                    f"a chunk every {CHUNK_S * 1e3:,.0f} ms",
                    "the page is closed or a cell holds the kernel: start again when neither is so",
                )
            if pcm16 is None:
                return
            end_s += len(pcm16) / (2 * self.rate_hz)
            yield SourceChunk(pcm16, end_s, heard_ns)

    def _clear(self) -> None:
        self._ring = CaptureRing(CHUNK_S, MOST_UNFETCHED_S)
        self._heard_ns: deque[int] = deque()
        self._ended = False
        self._expected: int | None = None
        self.lost_s = 0.0

    def _hear(self, _: object, told: Any, buffers: list[memoryview]) -> None:
        """What the page says; the page is the reader's own, and yet nothing of it is believed."""
        kind = told.get("kind") if isinstance(told, dict) else None
        if kind == "ping":
            page_ms = _number(told, "page_ms")
            self.send(
                {"kind": "pong", "page_ms": page_ms, "kernel_ms": time.perf_counter_ns() / 1e6}
            )
        elif kind == "clock":
            self._compare(_number(told, "offset_ms"), _number(told, "round_trip_ms"))
        elif kind == "refused":
            self.refusal = str(told.get("why"))[:200]
        elif kind == "begin":
            self._begin(str(told.get("take"))[:100])
        elif told is None or kind is None or told.get("take") != self._take_of_page:
            return  # an earlier capture, or another view's
        elif kind == "end":
            self.is_on = False
            self.stop()
        elif kind == "chunk" and buffers and len(buffers[0]) == _CHUNK_BYTES:
            self._take(bytes(buffers[0]), told)

    def _begin(self, take: str) -> None:
        """A page has the microphone: what was known of an earlier page's clock is worth nothing."""
        self._take_of_page = take
        self.refusal = ""
        self._forget_clock()
        self.is_on = False  # whoever watches hears of the new one
        self.is_on = True

    def _forget_clock(self) -> None:
        self._offset_ms = math.nan
        self._round_trip_ms = math.inf

    def _compare(self, offset_ms: float, round_trip_ms: float) -> None:
        if 0 <= round_trip_ms < self._round_trip_ms:
            self._offset_ms, self._round_trip_ms = offset_ms, round_trip_ms

    def _take(self, pcm16: bytes, told: dict[str, Any]) -> None:
        now_ns = time.perf_counter_ns()
        known_ms = _number(told, "heard_ms") + self._offset_ms
        number = told.get("number")
        # a sound cannot be heard after it came, whatever two clocks say of it
        heard_ns = now_ns if math.isnan(known_ms) else min(now_ns, round(known_ms * 1e6))
        with self._changed:
            if isinstance(number, int):
                missing = number - (number if self._expected is None else self._expected)
                self.lost_s += max(0, missing) * CHUNK_S
                self._expected = number + 1
            lost_s = _number(told, "lost_s")
            self.lost_s += lost_s if lost_s > 0 else 0.0
            if self._ring.push(pcm16) is not None:
                self._heard_ns.popleft()
                self.lost_s += CHUNK_S
            self._heard_ns.append(heard_ns)
            self._changed.notify()


def _number(told: dict[str, Any], key: str) -> float:
    value = told.get(key)
    return float(value) if isinstance(value, int | float) else math.nan
