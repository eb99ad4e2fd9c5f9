"""Uploads and files: the containers that are read, and each way in which one is refused."""

import io
import struct
import tracemalloc

import numpy as np
import pytest
import soundfile

from lab_kit.audio.files import read_raw, read_recording
from lab_kit.audio.pcm import to_pcm16
from lab_kit.core.errors import InvalidAudioFormat, PayloadTooLarge, UnsupportedSampleRate

LONGEST_S = 60.0
TONE = (0.4 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)).astype(np.float32)


def encoded(container: str, subtype: str, rate_hz: int = 16_000, channels: int = 1) -> bytes:
    seconds = np.arange(rate_hz) / rate_hz
    mono = 0.4 * np.sin(2 * np.pi * 440 * seconds)
    file = io.BytesIO()
    soundfile.write(file, np.stack([mono] * channels, 1), rate_hz, subtype, format=container)
    return file.getvalue()


def hertz_of(audio: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(audio[:16_000])).argmax())


@pytest.mark.parametrize(
    ("container", "subtype", "rate_hz", "channels"),
    [
        ("WAV", "PCM_16", 16_000, 1),
        ("WAV", "PCM_24", 44_100, 2),
        ("WAV", "FLOAT", 8_000, 1),
        ("WAV", "ULAW", 8_000, 1),
        ("FLAC", "PCM_16", 48_000, 2),
        ("OGG", "OPUS", 48_000, 1),
        ("OGG", "VORBIS", 22_050, 1),
    ],
)
def test_a_second_of_a_tone_is_read_as_one(
    container: str, subtype: str, rate_hz: int, channels: int
) -> None:
    audio = read_recording(encoded(container, subtype, rate_hz, channels), LONGEST_S)
    assert audio.dtype == np.float32
    assert audio.ndim == 1
    assert len(audio) == pytest.approx(16_000, abs=200)
    assert hertz_of(np.resize(audio, 16_000)) == pytest.approx(440, abs=2)
    assert float(np.abs(audio).max()) == pytest.approx(0.4, abs=0.1)


def test_a_container_that_is_not_ours_is_refused_by_name() -> None:
    with pytest.raises(InvalidAudioFormat, match=r"MP3|MPEG"):
        read_recording(encoded("MP3", "MPEG_LAYER_III", 44_100), LONGEST_S)
    with pytest.raises(InvalidAudioFormat, match="AIFF"):
        read_recording(encoded("AIFF", "PCM_16"), LONGEST_S)


@pytest.mark.parametrize("data", [b"", b"hello", bytes(5_000), b"RIFF\x00\x00\x00\x00WAVE"])
def test_what_is_no_audio_is_refused_with_what_would_be(data: bytes) -> None:
    with pytest.raises(InvalidAudioFormat, match="WAV, FLAC or OGG/Opus"):
        read_recording(data, LONGEST_S)


def test_a_file_without_samples_is_refused() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(0), 16_000, "PCM_16", format="WAV")
    with pytest.raises(InvalidAudioFormat, match="no samples"):
        read_recording(file.getvalue(), LONGEST_S)


def test_floats_in_a_file_are_numbers_in_range() -> None:
    def wav(values: list[float]) -> bytes:
        file = io.BytesIO()
        soundfile.write(file, np.array(values * 100), 16_000, "FLOAT", format="WAV")
        return file.getvalue()

    assert float(np.abs(read_recording(wav([9.0, -9.0]), LONGEST_S)).max()) == 1.0
    for poison in (np.nan, np.inf):
        with pytest.raises(InvalidAudioFormat, match="not a number"):
            read_recording(wav([0.0, poison]), LONGEST_S)


@pytest.mark.parametrize(("container", "subtype"), [("FLAC", "PCM_16"), ("OGG", "OPUS")])
def test_a_damaged_file_is_refused_or_read_as_far_as_it_goes(container: str, subtype: str) -> None:
    whole = encoded(container, subtype)
    damaged = whole[: len(whole) // 2] + bytes(len(whole) // 4)
    try:
        audio = read_recording(damaged, LONGEST_S)
    except InvalidAudioFormat:
        return
    assert np.isfinite(audio).all()
    assert len(audio) <= 16_200


def test_a_header_that_promises_hours_is_refused_before_decoding() -> None:
    """A few kilobytes of FLAC may claim any length; memory must not follow the claim."""
    whole = bytearray(encoded("FLAC", "PCM_16"))
    # STREAMINFO begins at byte 8; its total-samples field is the low 36 bits of bytes 18..25
    packed = struct.unpack_from(">Q", whole, 18)[0]
    struct.pack_into(">Q", whole, 18, (packed >> 36 << 36) | 16_000 * 3_600 * 10)
    with pytest.raises(PayloadTooLarge, match=r"36,000\.0 s"):
        read_recording(bytes(whole), LONGEST_S)


def test_a_recording_may_last_as_long_as_the_limit_and_no_longer() -> None:
    data = encoded("WAV", "PCM_16")
    assert len(read_recording(data, 1.0)) == 16_000
    with pytest.raises(PayloadTooLarge, match=r"1\.0 s"):
        read_recording(data, 0.9)


def test_a_files_rate_must_be_one_that_carries_speech() -> None:
    with pytest.raises(UnsupportedSampleRate):
        read_recording(encoded("WAV", "PCM_16", 4_000), LONGEST_S)


def test_bare_samples_are_read_at_the_stated_rate() -> None:
    assert np.allclose(read_raw(to_pcm16(TONE), 16_000, 1, LONGEST_S), TONE, atol=1e-4)
    assert len(read_raw(to_pcm16(TONE), 8_000, 1, LONGEST_S)) == 32_000
    assert len(read_raw(to_pcm16(TONE), 16_000, 2, LONGEST_S)) == 8_000


@pytest.mark.parametrize(
    ("data", "rate_hz", "error"),
    [
        (b"", 16_000, InvalidAudioFormat),
        (bytes(3), 16_000, InvalidAudioFormat),
        (bytes(32_000), 0, UnsupportedSampleRate),
        (bytes(32_000), -8_000, UnsupportedSampleRate),
        (bytes(32_000 * 61), 16_000, PayloadTooLarge),
    ],
)
def test_bare_samples_that_cannot_be_meant_are_refused(
    data: bytes, rate_hz: int, error: type[Exception]
) -> None:
    with pytest.raises(error):
        read_raw(data, rate_hz, 1, LONGEST_S)


def flac_of_silence(seconds: int, rate_hz: int, channels: int) -> bytes:
    """Seconds of nothing, which pack into next to nothing."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", rate_hz, channels, "PCM_16", format="FLAC") as sound:
        for _ in range(seconds):
            sound.write(np.zeros((rate_hz, channels), np.int16))
    return file.getvalue()


def test_a_small_file_that_unpacks_to_much_is_read_in_small_pieces() -> None:
    data = flac_of_silence(14, 96_000, 8)
    assert len(data) < 50_000
    tracemalloc.start()
    try:
        audio = read_recording(data, LONGEST_S)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(audio) == pytest.approx(14 * 16_000, abs=200)
    assert peak_bytes < 15_000_000  # as 32-bit samples it has 43 million bytes


def test_a_file_of_more_samples_than_stereo_has_is_refused_before_anything_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Eight channels of silence at 96 kHz: as long as is allowed, and next to nothing packed."""
    data = flac_of_silence(16, 96_000, 8)
    monkeypatch.setattr(soundfile.SoundFile, "read", None)
    with pytest.raises(PayloadTooLarge, match=r"12,288,000 samples .* at most 11,520,000"):
        read_recording(data, LONGEST_S)


def with_count(flac: bytes, samples: int) -> bytes:
    """A FLAC whose header says so many samples; 0 stands for unknown, as in one from a pipe."""
    # 36 bits, behind the marker, a block's header, four sizes, rate, channels and bits a sample
    return flac[:21] + bytes([flac[21] & 0xF0]) + samples.to_bytes(4, "big") + flac[26:]


def test_a_file_that_does_not_say_its_length_is_refused_for_that() -> None:
    with pytest.raises(InvalidAudioFormat, match="does not say how long it is"):
        read_recording(with_count(flac_of_silence(20, 16_000, 1), 0), LONGEST_S)


def test_a_file_that_says_less_than_it_holds_gives_no_more_than_it_says() -> None:
    assert len(read_recording(with_count(flac_of_silence(20, 16_000, 1), 160), LONGEST_S)) == 160


def test_a_rate_or_channels_that_cannot_be_are_refused_before_anything_is_decoded() -> None:
    with pytest.raises(UnsupportedSampleRate, match="655,350 Hz"):
        read_recording(flac_of_silence(1, 655_350, 8), LONGEST_S)
    wav = io.BytesIO()
    soundfile.write(wav, np.zeros((1_600, 9), np.int16), 16_000, "PCM_16", format="WAV")
    with pytest.raises(InvalidAudioFormat, match="9 channels"):
        read_recording(wav.getvalue(), LONGEST_S)


def test_what_is_wrong_with_a_file_is_told_without_the_servers_memory() -> None:
    with pytest.raises(InvalidAudioFormat) as refused:
        read_recording(b"not audio at all", LONGEST_S)
    assert "0x" not in str(refused.value)
    assert "BytesIO" not in str(refused.value)
