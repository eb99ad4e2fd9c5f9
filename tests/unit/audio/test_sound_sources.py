"""A recording handed out on a schedule, and the memory of a stream's recent past."""

import numpy as np
import pytest

from lab_kit.audio.buffer import AudioBuffer
from lab_kit.audio.pcm import to_pcm16
from lab_kit.audio.sources.recordings import PacedRecording
from lab_kit.core.errors import InvalidParameter

RAMP = np.linspace(-0.5, 0.5, 16_100, dtype=np.float32)


@pytest.mark.parametrize("chunk_s", [0.02, 0.05, 0.07, 2.0])
def test_chunks_are_the_recording_in_order_and_due_when_spoken(chunk_s: float) -> None:
    pieces = list(PacedRecording("ramp", RAMP, chunk_s=chunk_s).chunks())
    assert b"".join(p.data for p in pieces) == to_pcm16(RAMP)
    # no rounding adds up: chunk n ends at n chunks exactly
    for number, piece in enumerate(pieces[:-1], 1):
        assert piece.end_s == pytest.approx(number * chunk_s, abs=1e-9)
    assert pieces[-1].end_s == len(RAMP) / 16_000


def test_a_tail_of_silence_follows() -> None:
    pieces = list(PacedRecording("ramp", RAMP, tail_s=0.5).chunks())
    data = b"".join(p.data for p in pieces)
    assert data == to_pcm16(RAMP) + bytes(16_000)


def test_chunks_without_a_sample_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="at least one sample"):
        list(PacedRecording("ramp", RAMP, chunk_s=0.0).chunks())


def test_the_buffer_is_addressed_from_the_streams_beginning() -> None:
    buffer = AudioBuffer()
    for start in range(0, 1_000, 100):
        buffer.push(np.arange(start, start + 100, dtype=np.float32))
    buffer.forget_before(400)
    assert (buffer.start_sample, buffer.end_sample) == (400, 1_000)
    assert buffer.between(450, 455).tolist() == [450, 451, 452, 453, 454]
    assert buffer.between(0, 403).tolist() == [400, 401, 402]
    assert len(buffer.between(0, 300)) == 0
    buffer.forget_before(5_000)
    assert (buffer.start_sample, buffer.end_sample) == (1_000, 1_000)


def test_what_the_buffer_gives_away_is_a_copy() -> None:
    buffer = AudioBuffer()
    buffer.push(np.zeros(10, np.float32))
    buffer.between(0, 10)[:] = 1
    assert buffer.between(0, 10).sum() == 0
