"""Any rate to 16 kHz: what must pass, what must not fold back, and chunks equal to the whole."""

import numpy as np
import pytest

from lab_kit.audio.pcm import FloatArray
from lab_kit.audio.resample import StreamResampler, to_model_rate, to_rate
from lab_kit.core.errors import UnsupportedSampleRate


def tone(frequency_hz: float, rate_hz: int, duration_s: float = 1.0) -> FloatArray:
    times = np.arange(round(duration_s * rate_hz)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * frequency_hz * times)).astype(np.float32)


def level_db(audio: FloatArray) -> float:
    """Of the middle: at the edges a tone that begins at once holds every frequency."""
    middle = audio[len(audio) // 4 : -len(audio) // 4]
    return float(10 * np.log10(np.mean(middle**2) + 1e-20))


def in_chunks(audio: FloatArray, rate_hz: int, size: int) -> FloatArray:
    resampler = StreamResampler(rate_hz)
    pieces = [resampler.push(audio[n : n + size]) for n in range(0, len(audio), size)]
    return np.concatenate([*pieces, resampler.flush()])


def test_a_tone_above_the_new_band_does_not_fold_back() -> None:
    """15 kHz taken at 16 kHz without a filter would sound as 1 kHz, at full strength."""
    high = tone(15_000, 48_000)
    assert level_db(high[::3]) > -10  # what a careless decimation gives
    assert level_db(to_model_rate(high, 48_000)) < -80
    assert level_db(in_chunks(high, 48_000, 2_400)) < -80


@pytest.mark.parametrize("frequency_hz", [300, 1_000, 6_000])
def test_a_tone_inside_the_band_keeps_its_level(frequency_hz: int) -> None:
    sound = tone(frequency_hz, 48_000)
    assert level_db(to_model_rate(sound, 48_000)) == pytest.approx(level_db(sound), abs=0.1)


@pytest.mark.parametrize("rate_hz", [8_000, 12_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("chunk_s", [0.0025, 0.02, 0.1])
def test_chunks_give_what_the_whole_gives(rate_hz: int, chunk_s: float) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, rate_hz).astype(np.float32)
    whole = in_chunks(noise, rate_hz, rate_hz)
    chunked = in_chunks(noise, rate_hz, round(rate_hz * chunk_s))
    assert len(chunked) == len(whole) == len(to_model_rate(noise, rate_hz)) == 16_000
    assert np.abs(chunked - whole).max() < 1e-4


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000])
def test_a_stream_and_a_recording_sound_alike_and_at_the_same_time(rate_hz: int) -> None:
    """Two filters: inside the band of speech they agree, without a shift."""
    sound = tone(440, rate_hz) + tone(2_500, rate_hz)
    whole, chunked = to_model_rate(sound, rate_hz), in_chunks(sound, rate_hz, rate_hz // 50)
    assert level_db(whole - chunked) < -60


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 24_000, 44_100, 48_000, 96_000])
def test_a_stream_is_held_back_by_no_more_than_two_milliseconds(rate_hz: int) -> None:
    resampler, given = StreamResampler(rate_hz), 0
    for number in range(1, 51):
        given += len(resampler.push(np.zeros(rate_hz // 50, np.float32)))
        assert number * 0.02 - given / 16_000 <= 0.0021


def test_a_client_that_raises_the_rate_holds_back_no_more_and_loses_nothing() -> None:
    """24 kHz for OpenAI's Realtime sessions; the long filter would hold back a whole chunk."""
    sound = tone(440, 16_000)
    resampler, pieces = StreamResampler(16_000, 24_000), [np.zeros(0, np.float32)]
    for number in range(1, 51):
        pieces.append(resampler.push(sound[(number - 1) * 320 : number * 320]))
        assert number * 0.02 - sum(map(len, pieces)) / 24_000 <= 0.0021
    given = np.concatenate([*pieces, resampler.flush()])
    assert len(given) == 24_000
    assert level_db(given - to_rate(sound, 16_000, 24_000)) < -60


def test_a_telephones_band_leaves_no_image_above_it() -> None:
    """3 kHz at 8 kHz, each sample doubled, would also sound as 5 kHz."""
    low = tone(3_000, 8_000)
    naive = np.repeat(low, 2)
    for sound, most_db in ((to_model_rate(low, 8_000), -80), (in_chunks(low, 8_000, 160), -80)):
        assert level_above_db(sound, 4_000) < most_db
    assert level_above_db(naive, 4_000) > -25


def level_above_db(audio: FloatArray, frequency_hz: float) -> float:
    """Power above a frequency, of the middle."""
    middle = audio[len(audio) // 4 : -len(audio) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))) ** 2
    above = np.fft.rfftfreq(len(middle), 1 / 16_000) > frequency_hz
    return float(10 * np.log10(spectrum[above].sum() / len(middle) ** 2 * 4 + 1e-20))


def test_the_models_own_rate_is_handed_through() -> None:
    sound = tone(440, 16_000)
    assert to_model_rate(sound, 16_000) is sound
    assert np.array_equal(in_chunks(sound, 16_000, 320), sound)


@pytest.mark.parametrize("rate_hz", [0, -16_000, 7_999, 96_001, 16_000_000])
def test_rates_that_cannot_be_meant_are_refused(rate_hz: int) -> None:
    with pytest.raises(UnsupportedSampleRate, match="8,000 to 96,000"):
        StreamResampler(rate_hz)
    with pytest.raises(UnsupportedSampleRate):
        to_model_rate(np.zeros(10, np.float32), rate_hz)
