"""A recording without what was redacted of its text, as a file: written, and sent, in pieces."""

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import numpy as np
from starlette.responses import Response, StreamingResponse

from lab_kit.audio.containers import FORMS as WRITTEN
from lab_kit.audio.containers import FileWriter
from lab_kit.audio.pcm import FloatArray, to_pcm16
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.database.sealing import PIECE_BYTES, SealedFile

WAV, MP3 = "wav", "mp3"
FORMS = {WAV: "audio/wav", MP3: "audio/mpeg"}
"""What such a file may be, and what HTTP calls it."""
_RIFF = b"RIFF"
_HEAD = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM, _MONO, _SAMPLE_BYTES = 1, 1, 2
_FORMAT_BYTES = 16
_REST_BYTES = _HEAD.size - 8
"""Of the head, what counts for the length that it begins with."""


class _Writer(Protocol):
    def push(self, audio: FloatArray) -> bytes: ...

    def finish(self) -> bytes: ...


def written(sound: Iterable[FloatArray], count_samples: int, form: str) -> Iterator[bytes]:
    """The file's bytes, mono at 16 kHz.

    Args:
        sound: blocks of (samples,) float32 in [-1, 1] at 16 kHz.
        count_samples: of the file; what comes beyond is left out, what is missing is silent. So a
            WAV's head, which comes first, says how long it is.
        form: one of `FORMS`.
    """
    file: _Writer = (
        _Wav(count_samples)
        if form == WAV
        else FileWriter(WRITTEN[form], SAMPLE_RATE_HZ, SAMPLE_RATE_HZ)
    )
    left = count_samples
    for block in sound:
        yield file.push(block[:left])
        left -= min(left, len(block))
    yield file.push(np.zeros(left, np.float32))
    yield file.finish()


def file_response(sound: SealedFile, headers: Mapping[str, str]) -> Response:
    """An answer that is such a file, read on a thread as the client takes it."""
    form = WAV if sound.read(len(_RIFF)) == _RIFF else MP3
    sound.seek(0)

    def pieces() -> Iterator[bytes]:
        with sound:
            while piece := sound.read(PIECE_BYTES):
                yield piece

    length = {"content-length": str(sound.size_bytes)}
    return StreamingResponse(pieces(), headers={**headers, **length}, media_type=FORMS[form])


class _Wav:
    """PCM16 behind a head that knows its length.

    Source: IBM and Microsoft (1991), "Multimedia Programming Interface and Data Specifications".
    """

    def __init__(self, count_samples: int) -> None:
        count_bytes = count_samples * _SAMPLE_BYTES
        self._head = _HEAD.pack(
            _RIFF,
            _REST_BYTES + count_bytes,
            b"WAVE",
            b"fmt ",
            _FORMAT_BYTES,
            _PCM,
            _MONO,
            SAMPLE_RATE_HZ,
            SAMPLE_RATE_HZ * _SAMPLE_BYTES,
            _SAMPLE_BYTES,
            8 * _SAMPLE_BYTES,
            b"data",
            count_bytes,
        )

    def push(self, audio: FloatArray) -> bytes:
        """What can be written."""
        head, self._head = self._head, b""
        return head + to_pcm16(audio)

    def finish(self) -> bytes:
        """Nothing is left."""
        return b""
