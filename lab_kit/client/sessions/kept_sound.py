"""What a client keeps of a live stream so that it can begin again elsewhere: all without a final.

A final is for good, and whoever has it needs its sound no more. What came after its last word is
kept, however much of it a server had taken, because a server that is gone has told nothing of it.
"""

from collections import deque

from lab_kit.core.errors import ConnectionFailed

MOST_SECONDS = 60.0
"""Ten times the longest segment. Two minutes of silence have no final either, and need none: the
oldest sound is forgotten."""
STEP_S = 0.1
"""Sound is sent again in chunks of this length."""


class KeptSound:
    """The sound of one stream that may have to be sent again.

    Args:
        bytes_per_s: of the encoding; each moment has as many.
        frame_bytes: of one sample of all channels, which is never cut.

    Attributes:
        sent_bytes: of the stream so far, whatever was forgotten of it.
    """

    def __init__(self, bytes_per_s: int, frame_bytes: int) -> None:
        self.sent_bytes = 0
        self._bytes_per_s = bytes_per_s
        self._frame_bytes = frame_bytes
        self._chunks: deque[bytes] = deque()
        self._from_bytes = 0

    @property
    def from_s(self) -> float:
        """Where in the stream the kept sound begins."""
        return self.seconds(self._from_bytes)

    def seconds(self, sound_bytes: int) -> float:
        """How long so many bytes sound."""
        return sound_bytes / self._bytes_per_s

    def add(self, sound: bytes) -> None:
        """Keep a chunk that is about to be sent."""
        self._chunks.append(sound)
        self.sent_bytes += len(sound)
        most = round(MOST_SECONDS * self._bytes_per_s)
        if self.sent_bytes - self._from_bytes > most:
            self._forget_bytes(self.sent_bytes - most)

    def forget(self, until_s: float) -> None:
        """What sounded until then has a final."""
        self._forget_bytes(round(until_s * self._bytes_per_s))

    def again(self) -> list[bytes]:
        """All that is kept, in order, in chunks of `STEP_S`."""
        sound = b"".join(self._chunks)
        step = max(1, round(STEP_S * self._bytes_per_s) // self._frame_bytes) * self._frame_bytes
        return [sound[start : start + step] for start in range(0, len(sound), step)]

    def _forget_bytes(self, until: int) -> None:
        until = min(until, self.sent_bytes) // self._frame_bytes * self._frame_bytes
        while self._chunks and self._from_bytes + len(self._chunks[0]) <= until:
            self._from_bytes += len(self._chunks.popleft())
        if self._chunks and until > self._from_bytes:
            self._chunks[0] = self._chunks[0][until - self._from_bytes :]
            self._from_bytes = until


def kept_for(encoding: str, rate_hz: int, channels: int) -> KeptSound:
    """For a stream of that encoding.

    Raises:
        ConnectionFailed: its bytes do not say how long they sound, so that nothing can be cut.
    """
    sample_bytes = {"linear16": 2, "mulaw": 1, "alaw": 1}.get(encoding)
    if sample_bytes is None:
        raise ConnectionFailed(
            f"a stream of {encoding} that is to outlive its server",
            "linear16, mulaw or alaw, whose bytes tell the time",
            "send one of these, or connect to one server",
        )
    frame_bytes = sample_bytes * channels
    return KeptSound(rate_hz * frame_bytes, frame_bytes)
