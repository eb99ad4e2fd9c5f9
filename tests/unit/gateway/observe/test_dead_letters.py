"""What the engine could not do is kept, bounded, and its sound only where that was asked for."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lab_kit.core.ids import StreamIdentity
from lab_kit.gateway.observe.dead_letters import MOST_KEPT, DeadLetters
from lab_kit.stream.failed_decode import FailedDecode

AUDIO = np.full(16_000, 0.5, np.float32)
IDENTITY = StreamIdentity.new()
FAILED = FailedDecode(IDENTITY, "abc", AUDIO, 2, "RuntimeError: device lost", is_private=False)


def keep(letters: DeadLetters, count: int) -> None:
    for _ in range(count):
        letters.keep(FAILED)


def test_only_the_newest_are_kept_and_all_are_counted() -> None:
    letters = DeadLetters()
    keep(letters, MOST_KEPT + 5)
    assert letters.total == MOST_KEPT + 5
    assert [letter.number for letter in letters.letters()] == list(range(6, MOST_KEPT + 6))
    letter = letters.letters()[-1]
    assert (letter.request_id, letter.stream_id) == (str(IDENTITY.request), str(IDENTITY.stream))
    assert (letter.trace_id, letter.audio_s, letter.tries) == ("abc", 1.0, 2)


def test_a_folder_gets_letter_and_sound_for_nobody_else_to_read(tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    keep(DeadLetters(folder), MOST_KEPT + 3)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    written, sounds = sorted(folder.glob("*.json")), sorted(folder.glob("*.wav"))
    assert len(written) == len(sounds) == MOST_KEPT
    assert json.loads(written[-1].read_text())["error"] == "RuntimeError: device lost"
    audio, rate = soundfile.read(sounds[-1], dtype="float32")
    assert rate == 16_000
    np.testing.assert_allclose(audio, AUDIO, atol=1e-4)


def test_of_a_stream_that_redacts_the_letter_is_kept_and_no_sound(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path)
    letters.keep(replace(FAILED, is_private=True))
    (written,) = tmp_path.iterdir()
    assert written.suffix == ".json"
    assert letters.letters()[0].audio_s == 1.0


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    keep(DeadLetters(), 3)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_costs_the_file_and_not_the_letter(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / "letters"
    in_the_way.write_text("a file")
    letters = DeadLetters(in_the_way)
    letters.keep(FAILED)
    assert letters.total == 1
    assert "dead letter 1 could not be written" in caplog.text
