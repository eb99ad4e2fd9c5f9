"""Every codec, there and back: what arrives, how late, in how many bytes, and what is refused."""

import numpy as np
import pytest

from lab_kit.audio.codecs import Codec
from lab_kit.audio.packets import OPUS_FRAMES_S, OPUS_RATES_HZ
from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import InvalidAudioFormat, InvalidParameter, UnsupportedSampleRate


def chirp(rate_hz: int, seconds: float = 1.0) -> FloatArray:
    """Rises from 200 Hz to 3.2 kHz: no two stretches of it are alike."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    phase = 2 * np.pi * (200 * t + 1_500 * t**2 / seconds)
    return (0.4 * np.sin(phase)).astype(np.float32)


def there(codec: Codec, audio: FloatArray, frame_s: float = 0.02) -> list[bytes]:
    encoder = codec.encoder(frame_s)
    return [*encoder.push(audio), *encoder.flush()]


def back(codec: Codec, messages: list[bytes]) -> FloatArray:
    decoder = codec.decoder()
    return np.concatenate([decoder.push(message) for message in messages])


@pytest.mark.parametrize("encoding", ["linear16", "linear32", "mulaw", "alaw"])
@pytest.mark.parametrize("rate_hz", [8_000, 48_000])
def test_bare_samples_come_back_at_once_and_nearly_as_they_were(
    encoding: str, rate_hz: int
) -> None:
    codec, audio = Codec(encoding, rate_hz), chirp(rate_hz)
    messages = there(codec, audio, frame_s=0.03)
    assert len(messages) == 34  # 33 of 30 ms, and what is left
    heard = back(codec, messages)
    assert len(heard) == len(audio)
    assert np.abs(heard - audio).max() < 0.02


@pytest.mark.parametrize("rate_hz", OPUS_RATES_HZ)
@pytest.mark.parametrize("frame_s", OPUS_FRAMES_S)
def test_opus_has_every_rate_and_frame_of_the_standard(rate_hz: int, frame_s: float) -> None:
    codec, audio = Codec("opus", rate_hz), chirp(rate_hz)
    messages = there(codec, audio, frame_s)
    frames = -(-len(audio) // round(frame_s * rate_hz))
    assert frames <= len(messages) <= frames + 1  # the lookahead may spill into one more
    decoder = codec.decoder()
    assert {len(decoder.push(message)) for message in messages} == {round(frame_s * 48_000)}


def test_opus_sounds_as_it_did_a_little_later() -> None:
    codec, audio = Codec("opus", 48_000, 32_000), chirp(48_000)
    messages = there(codec, audio)
    heard = back(codec, messages)[: len(audio)]
    lag = int(np.argmax(np.correlate(heard, audio[:24_000], "valid")))
    assert 0 < lag / 48_000 < 0.012
    alike = np.corrcoef(heard[lag : lag + 24_000], audio[:24_000])[0, 1]
    assert alike > 0.9
    assert 8 * sum(map(len, messages)) < 40_000


def test_a_lower_bitrate_is_fewer_bytes() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)
    sizes = [
        sum(map(len, there(Codec("opus", 16_000, bits), noise))) for bits in (8_000, 16_000, 32_000)
    ]
    assert sizes[0] < sizes[1] < sizes[2]


def test_flac_comes_back_to_the_bit() -> None:
    codec, audio = Codec("flac", 16_000), chirp(16_000)
    pcm = back(Codec(), there(Codec(), audio))
    messages = there(codec, audio)
    assert sum(map(len, messages)) < 2 * len(audio)
    assert np.array_equal(back(codec, messages)[: len(pcm)], pcm)


def test_a_stereo_packet_is_averaged() -> None:
    messages = there(Codec("opus", 48_000), chirp(48_000))
    decoder = Codec("opus", 48_000).decoder(channels=2)
    assert {len(decoder.push(message)) for message in messages} == {960}


@pytest.mark.parametrize("frame_s", [0.0, 0.015, 0.05, 0.1])
def test_opus_has_no_other_frames(frame_s: float) -> None:
    with pytest.raises(InvalidParameter, match=r"2\.5, 5, 10, 20, 40, 60 ms"):
        Codec("opus", 16_000).encoder(frame_s)


def test_what_a_codec_does_not_know_is_refused_by_name() -> None:
    with pytest.raises(InvalidParameter, match="encoding 'mp3'"):
        Codec("mp3").encoder(0.02)
    with pytest.raises(UnsupportedSampleRate, match="Opus at 44,100 Hz"):
        Codec("opus", 44_100).decoder()
    with pytest.raises(InvalidParameter, match="no sample"):
        Codec("linear16").encoder(0.0)


def test_a_packet_that_is_cut_or_empty_is_refused_with_its_size() -> None:
    decoder = Codec("opus", 16_000).decoder()
    with pytest.raises(InvalidAudioFormat, match="message of 3,201 bytes is no opus packet"):
        decoder.push(bytes(3_201))
    with pytest.raises(InvalidAudioFormat, match="0 bytes"):
        decoder.push(b"")
