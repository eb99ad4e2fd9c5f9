"""A caller made of text is understood, and its silence lets the last word end."""

import numpy as np
import pytest
from server_process import at_full_service

from lab_kit.bench import Bench
from lab_kit.core.errors import InvalidParameter
from lab_kit.datasets.caller import TAIL_S, caller
from lab_kit.measure.accuracy import word_error_rate
from lab_kit.measure.calls import transcript

TEXT = "I would like to book a table for two people."


async def test_what_a_caller_says_is_transcribed() -> None:
    source = caller(TEXT)
    bench = at_full_service(Bench.start())
    try:
        call = await bench.stream(source)
    finally:
        bench.stop()
    assert word_error_rate(TEXT, transcript(call)) < 0.2
    assert call.audio_s == pytest.approx(len(source.audio) / 16_000 + TAIL_S, abs=0.01)
    assert call.spoken == ()


def test_the_same_text_gives_the_same_sound_at_16_khz() -> None:
    first, second = caller(TEXT, seed=1), caller(TEXT, seed=1)
    assert np.array_equal(first.audio, second.audio)
    assert first.audio.dtype == np.float32
    assert 1.5 < len(first.audio) / 16_000 < 6
    assert first.name.endswith('..."')


def test_a_caller_with_nothing_to_say_is_refused() -> None:
    with pytest.raises(InvalidParameter):
        caller("...")
