"""Someone who talks to a server: streams a clip at the pace of speech, or uploads it."""

from collections.abc import Callable
from dataclasses import replace

from lab_kit import client
from lab_kit.audio.codecs import PCM16, Codec
from lab_kit.audio.pcm import FloatArray, to_pcm16
from lab_kit.audio.sources.recordings import DEFAULT_CHUNK_S, PacedRecording, Source
from lab_kit.core.call_record import Received, RequestCall, Spoken, StreamCall
from lab_kit.core.events import StreamOptions
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.datasets import Clip


class Caller:
    """Someone who talks to a server.

    Attributes:
        address: the server's addresses as they use them, and their key.
        device: where the server's model runs.
    """

    def __init__(self, address: client.ServerAddress, device: str) -> None:
        self.address = address
        self.device = device

    @property
    def url(self) -> str:
        """The server's HTTP address, such as ``http://127.0.0.1:41234``."""
        return self.address.url

    @property
    def key(self) -> str | None:
        """What they show to be let in; None where nobody asks."""
        return self.address.key

    async def stream(
        self,
        clip: Clip | Source,
        *,
        wire: client.Wire | client.NativeWire = client.Wire.WEBSOCKET,
        chunk_s: float = DEFAULT_CHUNK_S,
        codec: Codec = PCM16,
        options: StreamOptions | None = None,
        on_event: Callable[[int, Received], None] | None = None,
        hold_s: float = 0.0,
        keep_alive_s: float | None = None,
    ) -> StreamCall:
        """Stream a clip at the pace of speech, or a microphone, and return what was seen.

        Args:
            chunk_s, codec: how a clip is cut and written down; a source knows that itself.
            options: all but the encoding and the rate, which are the source's.
            hold_s, keep_alive_s: see `client.stream_over`.

        Raises:
            ConnectionFailed: the stream broke; the reason is in the error.
        """
        source: Source = paced(clip, chunk_s, codec) if isinstance(clip, Clip) else clip
        chosen = replace(
            options or StreamOptions(), encoding=source.encoding, sample_rate_hz=source.rate_hz
        )
        return await client.stream_over(
            wire,
            self.address,
            source,
            chosen,
            on_event=on_event,
            device=self.device,
            hold_s=hold_s,
            keep_alive_s=keep_alive_s,
        )

    async def transcribe(self, clip: Clip | FloatArray, *, streamed: bool = False) -> RequestCall:
        """Have a clip transcribed in one request; ``streamed`` sends segments as they are done.

        Args:
            clip: or any sound, (samples,) float32 at 16 kHz.

        Raises:
            ConnectionFailed: the server refused it or cannot be reached.
        """
        name, data = (clip.id, clip.pcm16) if isinstance(clip, Clip) else ("sound", to_pcm16(clip))
        kind = f"audio/l16;rate={SAMPLE_RATE_HZ}"
        return await client.transcribe(
            self.url, data, kind, name, key=self.address.key, streamed=streamed
        )


def paced(clip: Clip, chunk_s: float = DEFAULT_CHUNK_S, codec: Codec = PCM16) -> PacedRecording:
    """A clip as a source that hands it out at the pace of speech, with what is said in it."""
    spoken = tuple(Spoken(u.text, u.start_s, u.end_s) for u in clip.utterances())
    return PacedRecording(clip.id, clip.samples, spoken, chunk_s, codec=codec)
