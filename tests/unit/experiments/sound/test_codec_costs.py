"""A codec's trip: bytes and delay as they must be, words as the model hears them."""

from pathlib import Path

import numpy as np
import pytest
from made_clips import clip

from lab_kit.audio import signals
from lab_kit.audio.codecs import Codec
from lab_kit.audio.pcm import FloatArray
from lab_kit.client import InferCall
from lab_kit.datasets import Word
from lab_kit.experiments.sound import RTP, WEBSOCKET, compare_codecs
from lab_kit.experiments.sound.codec_costs import round_trip, shift_samples

VOICE = signals.pink(16_000 * 2, 3) * 0.1


class Deaf:
    """Hears the right word, unless the sound has nothing above 4 kHz."""

    async def infer(self, audio: FloatArray) -> InferCall:
        power = np.abs(np.fft.rfft(audio)) ** 2
        above = power[np.fft.rfftfreq(len(audio), 1 / 16_000) > 4_500].sum()
        text = "yes" if above > 1e-6 * power.sum() else "no"
        return InferCall(text, len(audio) / 16_000, 0, 0, 0, "1", 0, 0)


@pytest.mark.parametrize(
    ("codec", "bytes_per_s", "shift_ms"),
    [
        (Codec("linear16", 16_000), 32_000, 0.0),
        (Codec("linear16", 48_000), 96_000, 0.0),
        (Codec("linear32", 16_000), 64_000, 0.0),
        (Codec("mulaw", 8_000), 8_000, 0.0),
    ],
)
def test_bare_samples_cost_what_arithmetic_says(
    codec: Codec, bytes_per_s: int, shift_ms: float
) -> None:
    trip = round_trip(VOICE, codec)
    assert sum(map(len, trip.sent)) == 2 * bytes_per_s
    assert len(trip.audio) == len(VOICE)
    assert trip.shift_s * 1e3 == pytest.approx(shift_ms, abs=0.1)
    assert trip.held_s <= 0.0021


def test_opus_comes_later_by_its_lookahead_and_flac_by_its_long_frames() -> None:
    opus = round_trip(VOICE, Codec("opus", 48_000, 32_000))
    assert 0.002 <= opus.shift_s <= 0.012
    assert opus.frame_s == 0.02
    flac = round_trip(VOICE, Codec("flac", 16_000))
    assert flac.frame_s > 0.05
    assert flac.shift_s == 0


def test_a_shift_is_found_where_there_is_one() -> None:
    late = np.concatenate([np.zeros(123, np.float32), VOICE])
    assert shift_samples(VOICE, late) == 123


async def test_words_are_those_the_model_hears_of_what_is_left(tmp_path: Path) -> None:
    spoken = clip(tmp_path, (Word("yes", 0.5, 1.0),), 2.0)
    wide, narrow = await compare_codecs(
        Deaf(), [spoken], [Codec("linear16", 16_000), Codec("linear16", 8_000)]
    )
    assert (wide.wer, narrow.wer) == (0.0, 1.0)
    assert wide.added_delay_s == pytest.approx(0.02)
    assert narrow.bytes_per_s == 16_000
    assert min(wide.encode_ms_per_s, wide.decode_ms_per_s, narrow.decode_ms_per_s) > 0


def test_headers_weigh_more_the_smaller_the_message() -> None:
    assert WEBSOCKET.message_bytes(3_200) == 3_200 + 30 + 3 * 40
    assert WEBSOCKET.message_bytes(125) == 125 + 28 + 40
    assert WEBSOCKET.message_bytes(126) == 126 + 30 + 40
    assert RTP.message_bytes(40) == 40 + 40
    assert RTP.bytes_per_s(2_000, 0.02) == 4_000
    shares = [WEBSOCKET.bytes_per_s(32_000, s) / 32_000 for s in (0.02, 0.1, 0.5)]
    assert shares == sorted(shares, reverse=True)
