"""What one client may ask of the server, by name."""

from dataclasses import dataclass

from lab_kit.core.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class Limits:
    """The server's limits.

    Attributes:
        streams: live streams at once, whatever they cost; the next is refused with 503 and
            Retry-After.
        stream_audio_s: audio one stream may send.
        recording_audio_s: audio of one upload.
        upload_bytes: bytes of one upload, whatever it claims to hold.
        held_bytes: bytes of all uploads that are being read or wait to be decoded, a caller's own
            at most half of it; the next is refused with 503 and Retry-After.
        message_bytes: one WebSocket message; a larger one is closed with 1009 unread.
        idle_s: silence on the wire (no audio, no KeepAlive) after which a stream is closed.
        no_audio_s: KeepAlive alone keeps a stream open for so long; then its place is reclaimed.
        unsent_s: how long a client may refuse to take a result before its stream is closed.
        drain_s: how long open streams get to finish when the server stops.

    Raises:
        InvalidParameter: the largest upload would never be taken.
    """

    streams: int = 256
    stream_audio_s: float = 1_800.0
    recording_audio_s: float = 600.0
    upload_bytes: int = 64_000_000
    held_bytes: int = 256 * 2**20
    message_bytes: int = 1_000_000
    idle_s: float = 10.0
    no_audio_s: float = 300.0
    unsent_s: float = 10.0
    drain_s: float = 8.0

    def __post_init__(self) -> None:
        if self.upload_bytes > self.held_bytes // 2:
            raise InvalidParameter(
                f"uploads of {self.upload_bytes:,} bytes, and {self.held_bytes:,} for all at once",
                "room for two of the largest",
                "raise held_bytes, or lower upload_bytes",
            )
