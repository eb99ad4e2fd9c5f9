"""Sound written as a file while it is still being made: every piece gives the bytes that are ready.

FFmpeg writes all of it, containers and bare samples alike. Nobody can go back to a head that has
been sent, so a WAV's says that it does not know its length, as programs do that write to a pipe.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np

from lab_kit.audio.pcm import FloatArray

_OGG_PAGE = {"page_duration": "100000"}
"""Microseconds: FFmpeg's own second would hold the first sound back for as long."""


@dataclass(frozen=True, slots=True)
class FileForm:
    """A way to write a file of mono sound.

    Attributes:
        muxer, codec: FFmpeg's names.
        rates_hz: that it may have; the first is the usual one.
        media_type: of HTTP, with the rate where a file does not say it.
        options: of the muxer.
        is_streamed: its head can be written first. FLAC's says how long it is, and what does not
            know it cannot be sought in; so all of it comes at the end.
        bits_per_s: what an encoder that may choose aims at; None leaves it to FFmpeg.
    """

    muxer: str
    codec: str
    rates_hz: tuple[int, ...]
    media_type: str
    options: Mapping[str, str] = field(default_factory=dict)
    is_streamed: bool = True
    bits_per_s: int | None = None

    def media_type_at(self, rate_hz: int) -> str:
        """What an answer calls it."""
        return self.media_type.format(rate_hz=rate_hz)


_ANY_HZ = (24_000, 8_000, 16_000, 22_050, 32_000, 44_100, 48_000)
_CALL_HZ = (8_000, 16_000)
FORMS = {
    "wav": FileForm("wav", "pcm_s16le", _ANY_HZ, "audio/wav"),
    "pcm": FileForm("s16le", "pcm_s16le", _ANY_HZ, "audio/l16;rate={rate_hz};channels=1"),
    "mulaw": FileForm("mulaw", "pcm_mulaw", _CALL_HZ, "audio/basic;rate={rate_hz}"),
    "alaw": FileForm("alaw", "pcm_alaw", _CALL_HZ, "audio/x-alaw-basic;rate={rate_hz}"),
    "mulaw_wav": FileForm("wav", "pcm_mulaw", _CALL_HZ, "audio/wav"),
    "alaw_wav": FileForm("wav", "pcm_alaw", _CALL_HZ, "audio/wav"),
    "opus": FileForm(
        "ogg",
        "libopus",
        (24_000, 8_000, 12_000, 16_000, 48_000),
        "audio/ogg;codecs=opus",
        _OGG_PAGE,
    ),
    "flac": FileForm("flac", "flac", _ANY_HZ, "audio/flac", is_streamed=False),
    "mp3": FileForm(
        "mp3", "libmp3lame", (24_000, 16_000, 22_050, 44_100), "audio/mpeg", {"write_xing": "0"}
    ),
    "aac": FileForm("adts", "aac", (24_000, 16_000, 22_050, 44_100, 48_000), "audio/aac"),
}
"""By the names that providers use."""


class FileWriter:
    """Writes one file.

    Args:
        form: one of `FORMS`.
        rate_hz: of the file; one of the form's.
        source_hz: of what is pushed.
    """

    def __init__(self, form: FileForm, rate_hz: int, source_hz: int) -> None:
        import av  # a tenth of all imports, and a server is ready before it

        self._pieces = _Sink()
        self._whole = None if form.is_streamed else BytesIO()
        self._file = av.open(
            self._pieces if self._whole is None else self._whole,
            "w",
            format=form.muxer,
            options=dict(form.options),
        )
        stream = self._file.add_stream(form.codec, rate=rate_hz)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        if form.bits_per_s is not None:
            stream.bit_rate = form.bits_per_s
        self._stream = stream
        self._source_hz = source_hz
        self._frame = av.AudioFrame

    def push(self, audio: FloatArray) -> bytes:
        """Take (samples,) float32 in [-1, 1]; give what can be sent."""
        if len(audio):
            samples = np.ascontiguousarray(audio, np.float32)[None, :]
            frame = self._frame.from_ndarray(samples, format="flt", layout="mono")
            frame.sample_rate = self._source_hz
            self._file.mux(self._stream.encode(frame))
        return self._pieces.taken()

    def finish(self) -> bytes:
        """The rest; push nothing afterwards."""
        self._file.mux(self._stream.encode(None))
        self._file.close()
        return self._pieces.taken() if self._whole is None else self._whole.getvalue()


class _Sink:
    """What FFmpeg writes to, and cannot go back in."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data
