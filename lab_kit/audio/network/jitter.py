"""A jitter buffer: packets in whenever they come, frames out in step.

It buys smooth sound with delay. A **fixed** buffer holds every frame for the same time and loses
what comes later. An **adaptive** one watches how late packets are and holds just long enough for
most of them: it grows by inserting a concealed frame and shrinks by leaving out a quiet one.

Time is given in. `push` and `pop` may be called by two clocks; `pop` wants to be called once a
frame. Delays count from the fastest packet seen, so the path's own share is not in them.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from lab_kit.audio.network.concealment import Concealer, RepeatPitch
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.units import SAMPLE_RATE_HZ

MEMORY_PACKETS = 100
"""Two seconds of 20 ms frames: long enough to know a network, short enough to follow it."""
QUIET = 0.01
"""A frame of this amplitude can be left out and nobody notices."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One frame on its way.

    Attributes:
        sequence: counts the frames of a stream from 0.
        sent_s: when its sound was complete, on the sender's clock.
        audio: (samples,) float32 at 16 kHz; all frames of a stream have one length.
    """

    sequence: int
    sent_s: float
    audio: FloatArray


@dataclass(frozen=True, slots=True)
class FixedDelay:
    """Hold the first packet for ``delay_s``, and every later one until its turn."""

    delay_s: float

    def target_s(self, lateness_s: deque[float]) -> float:
        """The same, however late packets are."""
        return self.delay_s


@dataclass(frozen=True, slots=True)
class AdaptiveDelay:
    """Hold frames as long as ``share`` of the recent packets needed, between two limits.

    Attributes:
        share: three packets in a hundred may come too late: more patience costs every sentence
            more, and concealment hides a few frames well.
        least_s: one frame of 20 ms; a network cannot be known more exactly.
        most_s: beyond it a conversation is lost anyway, and late frames are given up.
    """

    share: float = 0.97
    least_s: float = 0.02
    most_s: float = 0.4

    def target_s(self, lateness_s: deque[float]) -> float:
        """That share of the lateness seen of late."""
        needed_s = float(np.quantile(lateness_s, self.share))
        return min(max(needed_s, self.least_s), self.most_s)


@dataclass(slots=True)
class JitterReport:
    """What a buffer did.

    Attributes:
        received: packets that came, the late ones among them.
        late: packets that came after their turn; they are of no use.
        concealed: frames that were played without a packet.
        inserted: concealed frames that made the delay longer; no packet was missing.
        left_out: frames that were skipped to make the delay shorter.
        delays_s: how long after the fastest packet's way each frame was played.
    """

    received: int = 0
    late: int = 0
    concealed: int = 0
    inserted: int = 0
    left_out: int = 0
    delays_s: list[float] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Packets whose turn came and that never did, so far."""
        return self.concealed - self.late


class JitterBuffer:
    """The buffer of one stream.

    Args:
        frame_samples: what each packet holds.
        delay: how long to hold.
        concealer: what is played where a packet is missing.

    Attributes:
        report: kept up to date.
    """

    def __init__(
        self,
        frame_samples: int,
        delay: FixedDelay | AdaptiveDelay,
        concealer: Concealer | None = None,
    ) -> None:
        self.report = JitterReport()
        self._frame_samples = frame_samples
        self._frame_s = frame_samples / SAMPLE_RATE_HZ
        self._delay = delay
        self._concealer = concealer or RepeatPitch()
        self._waiting: dict[int, Packet] = {}
        # transit times of late packets, and of those among them that were fastest
        self._transit_s: deque[float] = deque(maxlen=MEMORY_PACKETS)
        self._fastest_s = np.inf
        # what is to be played next; None before the first packet
        self._next: int | None = None
        self._start_s = np.inf
        self._sent_zero_s = 0.0

    def push(self, packet: Packet, now_s: float) -> None:
        """A packet has come."""
        self.report.received += 1
        transit_s = now_s - packet.sent_s
        self._transit_s.append(transit_s)
        self._fastest_s = min(self._fastest_s, transit_s)
        if self._next is None:
            self._next = packet.sequence
            self._sent_zero_s = packet.sent_s - packet.sequence * self._frame_s
            self._start_s = now_s + self._target_s()
        if not self.report.delays_s:  # nothing is played yet, so one that overtook may still wait
            self._next = min(self._next, packet.sequence)
        if packet.sequence < self._next:
            self.report.late += 1
            return
        self._waiting[packet.sequence] = packet

    def pop(self, now_s: float) -> FloatArray | None:
        """The next frame to play, (frame_samples,); None before there is one."""
        if self._next is None or now_s < self._start_s - 1e-9:
            return None
        if isinstance(self._delay, AdaptiveDelay):
            behind_s = self._held_s(now_s) - self._target_s()
            if behind_s < -self._frame_s / 2:
                self.report.inserted += 1
                return self._concealer.fill(self._frame_samples)
            if behind_s > self._frame_s and self._is_quiet(self._next):
                self._waiting.pop(self._next)
                self._next += 1
                self.report.left_out += 1
        return self._play(now_s)

    def _play(self, now_s: float) -> FloatArray:
        assert self._next is not None
        self.report.delays_s.append(self._held_s(now_s))
        packet = self._waiting.pop(self._next, None)
        self._next += 1
        if packet is not None:
            return self._concealer.follow(packet.audio)
        self.report.concealed += 1
        return self._concealer.fill(self._frame_samples)

    def _held_s(self, now_s: float) -> float:
        """How long after the fastest packet's way the next frame is played, if it is now."""
        assert self._next is not None
        sent_s = self._sent_zero_s + self._next * self._frame_s
        return float(now_s - sent_s - self._fastest_s)

    def _target_s(self) -> float:
        return self._delay.target_s(deque(t - self._fastest_s for t in self._transit_s))

    def _is_quiet(self, sequence: int) -> bool:
        packet = self._waiting.get(sequence)
        return packet is not None and float(np.abs(packet.audio).max()) < QUIET
