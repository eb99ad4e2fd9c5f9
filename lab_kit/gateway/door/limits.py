"""What one client may ask of the server, by name."""

from dataclasses import dataclass

from lab_kit.core.errors import InvalidParameter
from lab_kit.protocol.stream_messages import RESUME_WINDOW_S


@dataclass(frozen=True, slots=True)
class Limits:
    """The server's limits.

    Attributes:
        streams: live streams at once, whatever they cost; the next is refused with 503 and
            Retry-After.
        stream_audio_s: audio one stream may send.
        recording_audio_s: audio of one upload.
        upload_bytes: bytes of one upload, whatever it claims to hold.
        held_bytes: of all uploads that are being read or wait to be decoded, and of the samples of
            those that are recognized, a caller's own at most half of it; the next is refused with
            503 and Retry-After.
        operation_audio_s: audio of one recording that is transcribed while nobody waits.
        operation_bytes: bytes of one, on the disk.
        spool_bytes: of all that are there, a caller's own at most half of it.
        operations: that have not ended, and as many uploads that wait to be transcribed; the next
            is refused with 503 and Retry-After.
        operations_of_one: caller; the next is refused with 429.
        webhook_first_s: after which a message that was not taken is sent again; each next wait is
            four times as long.
        connections: HTTP and WebSocket connections at once; fewer where the process may open few
            files, see `Connections`. An idle one costs some 10 kB.
        probe_connections: beyond those, for health and metrics alone.
        head_bytes: a request's line and headers. Servers in common use take 8 to 32 KiB.
        unreceived_s: how long the server waits for what an HTTP client owes it: a whole head, or
            the next byte of a body.
        body_bytes_per_s: the least that a body must bring on average beyond ``unreceived_s``; half
            of what PCM16 at 16 kHz takes, so that whoever is slower needs longer than the sound.
        message_bytes: one WebSocket message; a larger one is closed with 1009 unread.
        message_frames: frames of one WebSocket message; more are closed with 1009. A browser sends
            one, a proxy that cuts at 4 KiB as many as this for the largest message.
        calls: gRPC calls at once, health apart.
        idle_s: silence on the wire (no audio, no KeepAlive) after which a stream is closed.
        no_audio_s: KeepAlive alone keeps a stream open for so long; then its place is reclaimed.
        resume_window_s: how long a session of our own API waits for a client that lost it.
        unsent_s: how long a client may refuse to take a result before its stream is closed.
        drain_s: how long open streams get to finish when the server stops.
        token_s: how long an access token is valid, 900 s at most.

    Raises:
        InvalidParameter: the largest upload would never be taken.
    """

    streams: int = 256
    stream_audio_s: float = 1_800.0
    recording_audio_s: float = 600.0
    upload_bytes: int = 64_000_000
    held_bytes: int = 512 * 2**20
    operation_audio_s: float = 14_400.0
    operation_bytes: int = 2_000_000_000
    spool_bytes: int = 8_000_000_000
    operations: int = 1_000
    operations_of_one: int = 100
    webhook_first_s: float = 5.0
    connections: int = 2_048
    probe_connections: int = 16
    head_bytes: int = 32_768
    unreceived_s: float = 10.0
    body_bytes_per_s: int = 16_384
    message_bytes: int = 1_000_000
    message_frames: int = 256
    calls: int = 512
    idle_s: float = 10.0
    no_audio_s: float = 300.0
    resume_window_s: float = RESUME_WINDOW_S
    unsent_s: float = 10.0
    drain_s: float = 8.0
    token_s: float = 600.0

    def __post_init__(self) -> None:
        self._check_room("upload_bytes", "held_bytes")
        self._check_room("operation_bytes", "spool_bytes")

    def _check_room(self, one: str, whole: str) -> None:
        largest, room = getattr(self, one), getattr(self, whole)
        if largest > room // 2:
            raise InvalidParameter(
                f"{one} of {largest:,}, and {room:,} for all at once",
                "room for two of the largest",
                f"raise {whole}, or lower {one}",
            )
