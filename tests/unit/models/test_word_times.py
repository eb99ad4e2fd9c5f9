"""Where words lie in sound, from attention made by hand and sound made of noise and silence."""

from itertools import pairwise

import numpy as np
import pytest

from lab_kit.audio.pcm import FloatArray
from lab_kit.models.word_times import Frames, attention, islands_of, spelled, timed_words

FRAMES = Frames(0.01, 0.02)


def sound(*stretches: tuple[float, bool]) -> FloatArray:
    """Noise, loud where it is said to be, of so many seconds each."""
    rng = np.random.default_rng(1)
    parts = [
        rng.normal(0, 0.1 if is_loud else 1e-4, round(16_000 * seconds))
        for seconds, is_loud in stretches
    ]
    return np.concatenate(parts).astype(np.float32)


def looked_at(*places: tuple[int, int], frames: int) -> FloatArray:
    """Of each token: all its attention between these frames."""
    rows = np.full((len(places), frames), 1e-3, np.float32)
    for row, (first, last) in zip(rows, places, strict=True):
        row[first:last] += 1 / (last - first)
    return rows / rows.sum(axis=1, keepdims=True)


def test_islands_are_what_is_loud_without_short_gaps_and_clicks() -> None:
    audio = sound((0.3, False), (0.5, True), (0.06, False), (0.3, True), (0.3, False), (0.02, True))
    assert islands_of(np.concatenate([audio, sound((0.3, False))])) == [
        (pytest.approx(0.3, abs=0.011), pytest.approx(1.16, abs=0.011))
    ]
    assert len(islands_of(sound((0.4, True), (0.2, False), (0.4, True)))) == 2
    assert islands_of(np.zeros(8_000, np.float32)) == [(0.0, 0.5)]
    assert islands_of(np.zeros(7, np.float32)) == [(0.0, 7 / 16_000)]


def test_words_lie_where_their_tokens_looked_and_reach_to_the_edges_of_speech() -> None:
    audio = sound((0.2, False), (0.6, True), (0.2, False))
    seen = looked_at((10, 20), (20, 28), (28, 40), frames=50)
    first, second = timed_words(
        "one two.", [" one", " two", "."], [-0.1, -0.2, -0.4], seen, audio, FRAMES
    )
    assert (first.text, second.text) == ("one", "two.")
    assert first.start_s == pytest.approx(0.2, abs=0.011), "the edge of the island"
    assert first.end_s == pytest.approx(0.4)
    assert second.start_s == pytest.approx(0.4)
    assert second.end_s == pytest.approx(0.8, abs=0.011)
    assert first.confidence == pytest.approx(np.exp(-0.1))
    assert second.confidence == pytest.approx(np.exp(-0.3)), "of two tokens"


def test_a_pause_between_words_belongs_to_neither() -> None:
    audio = sound((0.4, True), (0.4, False), (0.4, True))
    # the second word's token rests on the silence before it, as attention does
    seen = looked_at((0, 20), (24, 60), frames=60)
    first, second = timed_words("one two", [" one", " two"], [0, 0], seen, audio, FRAMES)
    assert first.end_s == pytest.approx(0.4, abs=0.011)
    assert second.start_s == pytest.approx(0.8, abs=0.011)


def test_no_word_is_cut_in_two_by_a_pause_that_lies_beside_it() -> None:
    audio = sound((0.4, True), (0.4, False), (0.4, True))
    # the end of the second word is looked for a little in the first island
    seen = looked_at((0, 20), (40, 50), (17, 20), (52, 60), frames=60)
    pieces = [" one", " tw", "o", " three"]
    _, second, _ = timed_words("one two three", pieces, [0] * 4, seen, audio, FRAMES)
    assert second.start_s == pytest.approx(0.8, abs=0.011)


def test_what_was_taken_out_of_the_text_has_no_word() -> None:
    audio, seen = sound((0.8, True)), looked_at((0, 10), (10, 20), (20, 40), frames=40)
    words = timed_words("one two", ['"', " one,,", " two"], [0, 0, 0], seen, audio, FRAMES)
    assert [word.text for word in words] == ["one", "two"]
    assert words[0].start_s == pytest.approx(0.2)
    assert timed_words("", ['"'], [0], seen[:1], audio, FRAMES) == ()


@pytest.mark.parametrize(
    "text", ["one tw\N{REPLACEMENT CHARACTER}", "one \N{REPLACEMENT CHARACTER}"]
)
def test_a_mark_for_bytes_that_spell_nothing_belongs_to_what_came_before_it(text: str) -> None:
    audio, seen = sound((0.8, True)), looked_at((0, 20), (20, 40), frames=40)
    words = timed_words(text, [" one", " tw"], [0, 0], seen, audio, FRAMES)
    assert [word.text for word in words] == text.split()


def test_more_tokens_than_frames_share_the_time() -> None:
    audio, seen = sound((0.1, True)), looked_at(*[(0, 5)] * 8, frames=5)
    words = timed_words(
        "a b c d e f g h", [f" {c}" for c in "abcdefgh"], [0] * 8, seen, audio, FRAMES
    )
    assert len(words) == 8
    assert words[0].start_s == 0
    assert words[-1].end_s == pytest.approx(0.1)
    assert all(one.end_s == two.start_s for one, two in pairwise(words))


def test_a_letter_of_two_tokens_belongs_to_the_second() -> None:
    assert spelled([b"caf", "é".encode()[:1], "é".encode()[1:]]) == ["caf", "", "é"]
    assert spelled([b"a", b"\xc3"]) == ["a", "�"]


def test_attention_is_the_mean_of_the_heads() -> None:
    queries = np.array([[[4.0, 0]], [[0, 4.0]]], np.float32)  # two heads, one token
    keys = np.array([[[9.0, 0], [0, 0]], [[9.0, 0], [0, 9]]], np.float32)
    assert attention(queries, keys) == pytest.approx(np.array([[0.5, 0.5]]), abs=1e-3)
