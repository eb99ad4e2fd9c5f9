"""Files that are written while they are made: whole in the end, and sent from the beginning."""

import io

import av
import numpy as np
import pytest
import soundfile

from lab_kit.audio.containers import FORMS, FileWriter
from lab_kit.audio.pcm import FloatArray, to_float

SOURCE_HZ = 24_000
SECONDS = 3.0


def tone() -> FloatArray:
    at_s = np.arange(round(SECONDS * SOURCE_HZ)) / SOURCE_HZ
    return (0.3 * np.sin(2 * np.pi * 440 * at_s)).astype(np.float32)


def written(name: str, rate_hz: int, pieces: int = 30) -> list[bytes]:
    writer = FileWriter(FORMS[name], rate_hz, SOURCE_HZ)
    parts = [writer.push(piece) for piece in np.array_split(tone(), pieces)]
    return [*parts, writer.finish()]


def read(name: str, rate_hz: int, data: bytes) -> tuple[FloatArray, int]:
    """The samples of a file, and their rate."""
    if name in ("pcm", "mulaw", "alaw"):
        encoding = {"pcm": "linear16"}.get(name, name)
        return to_float(data, encoding), rate_hz
    with av.open(io.BytesIO(data)) as file:
        frames = [frame.to_ndarray() for frame in file.decode(audio=0)]
        (stream,) = file.streams.audio
        scale = 1.0 if frames[0].dtype.kind == "f" else float(np.iinfo(frames[0].dtype).max)
        sound = np.concatenate([frame[0] for frame in frames]).astype(np.float32) / scale
        return sound, stream.rate


@pytest.mark.parametrize(
    ("name", "rate_hz"), [(n, hz) for n, f in FORMS.items() for hz in f.rates_hz]
)
def test_what_is_written_can_be_read(name: str, rate_hz: int) -> None:
    sound, read_hz = read(name, rate_hz, b"".join(written(name, rate_hz)))
    assert len(sound) / read_hz == pytest.approx(SECONDS, abs=0.15)
    middle = sound[len(sound) // 3 : 2 * len(sound) // 3]
    assert np.sqrt((middle**2).mean()) == pytest.approx(0.3 / np.sqrt(2), rel=0.15)
    spectrum = np.abs(np.fft.rfft(middle))
    assert np.argmax(spectrum) * read_hz / len(middle) == pytest.approx(440, abs=10)


@pytest.mark.parametrize("name", [name for name, form in FORMS.items() if form.is_streamed])
def test_most_of_it_is_there_before_its_end(name: str) -> None:
    parts = written(name, FORMS[name].rates_hz[0])
    assert len(b"".join(parts[:10])) > 0.2 * len(b"".join(parts))
    assert len(parts[-1]) < 0.2 * len(b"".join(parts))


def test_a_wav_of_unknown_length_says_so() -> None:
    head = b"".join(written("wav", 24_000))[:100]
    at = head.index(b"data") + 4
    assert int.from_bytes(head[at : at + 4], "little") == 0xFFFF_FFFF


def test_a_flac_knows_its_length() -> None:
    data = b"".join(written("flac", 24_000))
    assert soundfile.info(io.BytesIO(data)).frames == round(SECONDS * SOURCE_HZ)


def test_a_call_without_the_rate_would_not_know_it() -> None:
    assert FORMS["pcm"].media_type_at(16_000) == "audio/l16;rate=16000;channels=1"
    assert FORMS["mp3"].media_type_at(16_000) == "audio/mpeg"
