"""A player where there is no loudspeaker: by the clock, it takes as long as the sound would."""

import time


class SilentPlayer:
    """Plays nothing, at a rate."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._ends_s = self._let_s = 0.0

    @property
    def is_playing(self) -> bool:
        """Whether something would be heard."""
        return time.monotonic() < self._ends_s

    def begin(self) -> None:
        """Count what passes from here on."""
        self._let_s = 0.0

    def play(self, pcm24: bytes) -> None:
        """Let PCM16 pass, behind what passes."""
        length_s = len(pcm24) / 2 / self._rate_hz
        self._ends_s = max(self._ends_s, time.monotonic()) + length_s
        self._let_s += length_s

    def stop(self) -> float:
        """Let no more pass; returns how much did since `begin`, in seconds."""
        left_s = max(0.0, self._ends_s - time.monotonic())
        self._ends_s = 0.0
        return max(0.0, self._let_s - left_s)
