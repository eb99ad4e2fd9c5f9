"""What a client keeps of a stream: whatever has no final, cut between samples, and not for ever."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_kit.client.sessions.kept_sound import MOST_SECONDS, kept_for
from lab_kit.core.errors import ConnectionFailed

RATE_HZ = 100
SOUND = np.arange(1_000, dtype="<i2").tobytes()


@given(st.lists(st.tuples(st.integers(1, 60), st.floats(-1, 8)), max_size=30))
def test_what_is_kept_is_the_rest_of_what_was_sent(
    steps: list[tuple[int, float]],
) -> None:
    kept, sent, forgotten_s = kept_for("linear16", RATE_HZ, 1), b"", 0.0
    for samples, until_s in steps:
        chunk = SOUND[len(sent) : len(sent) + 2 * samples]
        kept.add(chunk)
        sent += chunk
        kept.forget(until_s)
        forgotten_s = max(forgotten_s, min(until_s, kept.seconds(len(sent))))
        rest = b"".join(kept.again())
        assert sent.endswith(rest)
        assert kept.from_s == pytest.approx((len(sent) - len(rest)) / (2 * RATE_HZ))
        assert len(rest) % 2 == 0
        assert kept.from_s <= forgotten_s + kept.seconds(1), "only what has a final is forgotten"
        assert forgotten_s - kept.from_s < 1 / RATE_HZ + kept.seconds(1), "and all of it"


def test_silence_is_not_kept_for_ever() -> None:
    kept = kept_for("mulaw", RATE_HZ, 2)
    for _ in range(200):
        kept.add(b"\xff" * 2 * RATE_HZ)
    assert sum(map(len, kept.again())) <= MOST_SECONDS * 2 * RATE_HZ
    assert kept.from_s == pytest.approx(200 - MOST_SECONDS)
    assert kept.sent_bytes == 200 * 2 * RATE_HZ


def test_sound_whose_bytes_tell_no_time_cannot_be_cut() -> None:
    with pytest.raises(ConnectionFailed, match="a stream of opus"):
        kept_for("opus", 48_000, 1)
