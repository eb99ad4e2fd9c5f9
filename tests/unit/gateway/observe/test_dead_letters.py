"""What the engine could not do is noted, bounded, and with nothing of whoever spoke."""

from dataclasses import asdict

from lab_kit.core.ids import StreamIdentity
from lab_kit.gateway.observe.dead_letters import MOST_KEPT, DeadLetters
from lab_kit.stream.failed_decode import FailedDecode

IDENTITY = StreamIdentity.new()
FAILED = FailedDecode(IDENTITY, "abc", 1.0, 2, "RuntimeError: device lost")


def test_only_the_newest_are_kept_and_all_are_counted() -> None:
    letters = DeadLetters()
    for _ in range(MOST_KEPT + 5):
        letters.keep(FAILED)
    assert letters.total == MOST_KEPT + 5
    assert [letter.number for letter in letters.letters()] == list(range(6, MOST_KEPT + 6))
    letter = letters.letters()[-1]
    assert (letter.request_id, letter.stream_id) == (str(IDENTITY.request), str(IDENTITY.stream))
    assert (letter.trace_id, letter.audio_s, letter.tries) == ("abc", 1.0, 2)


def test_a_letter_is_names_numbers_and_what_the_runtime_raised() -> None:
    letters = DeadLetters()
    letters.keep(FAILED)
    (letter,) = letters.letters()
    assert set(asdict(letter)) == {
        *("number", "at", "request_id", "stream_id", "trace_id", "audio_s", "tries", "error")
    }
    assert all(isinstance(value, str | int | float) for value in asdict(letter).values())
