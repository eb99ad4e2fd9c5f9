"""Whether a stream's sound comes as it is spoken, or faster: a token bucket of seconds."""

KEPT_S = 2.0
"""Of sound, that a live caller may have kept while it connected; the bucket at first."""
MOST_KEPT_S = 10.0
"""The most that a network which stalled gives at once to who speaks on meanwhile, and so the most
that a stream which was silent for long may send at once as live sound. TCP tries a lost packet
again after 0.2, 0.6, 1.4, 3, 6.2 seconds (RFC 6298 doubles the wait each time)."""
FASTEST = 1.25
"""Seconds of sound a second that are still taken for speech: a bucket that fills faster than a
speaker empties it forgives a stall that was longer."""


class Pace:
    """How far a stream's sound has come ahead of a speaker.

    Args:
        now_ns: when the stream is opened, on this process's clock.
    """

    def __init__(self, now_ns: int) -> None:
        self._left_s = KEPT_S
        self._at_ns = now_ns

    def add(self, audio_s: float, now_ns: int) -> None:
        """So much sound came."""
        # what is owed is bounded, too, or who once sent an hour at once would never catch up
        self._left_s = max(-MOST_KEPT_S, self._left(now_ns) - audio_s)
        self._at_ns = now_ns

    def is_ahead(self, now_ns: int) -> bool:
        """Whether more sound came than a speaker could have said."""
        return self._left(now_ns) < 0

    def _left(self, now_ns: int) -> float:
        return min(MOST_KEPT_S, self._left_s + FASTEST * (now_ns - self._at_ns) / 1e9)
