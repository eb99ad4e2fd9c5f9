"""Lab 04's exercises: starter refused, plausible mistakes refused by name, solutions accepted."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from solutions import lab04 as solved

from lab_kit.audio.codecs import Codec
from lab_kit.course.checking import judge
from lab_kit.course.exercises import EXERCISES
from lab_kit.course.outcome import Outcome, Verdict
from lab_kit.datasets import Clip, Kind
from lab_kit.experiments.sound import CodecReport, SilenceReport, StreamOutcome


def judged(exercise: str, answer: object, measured: object = None) -> Outcome:
    return judge(EXERCISES[exercise], answer, measured)


def told(outcome: Outcome) -> str:
    return "\n".join(outcome.reasons)


def spoken(words: int, path: Path = Path("a.wav")) -> Clip:
    text = " ".join(["word"] * words)
    return Clip("a", text, Kind.REAL, 3.0, 16_000, (), "", "", "", "", False, path)


# --- 04.1


def row(codec: Codec, bytes_per_s: float, in_noise: float) -> CodecReport:
    return CodecReport(codec, 0.02, bytes_per_s, 1.0, 1.0, 0.0, 0.0, 0.0, in_noise)


TABLE = [
    row(Codec("linear16", 16_000), 32_000, 0.06),
    row(Codec("mulaw", 8_000), 8_000, 0.10),
    row(Codec("opus", 16_000, 20_000), 2_250, 0.055),
    row(Codec("opus", 16_000, 12_000), 1_340, 0.09),
    row(Codec("opus", 8_000, 6_000), 600, 0.43),
]
SPEECH = [spoken(100), spoken(98)]
MEASURED = (TABLE, SPEECH)
GOOD = "opus 16 kHz, 12 kbit/s"
MBIT = (1_340 * 0.02 + 68) / 0.02 * 8 * 10_000 / 1e6


def test_the_plan_of_the_solution_is_accepted_and_told_what_the_headers_are() -> None:
    assert solved.plan(TABLE) == {"codec": GOOD, "mbit_per_s": pytest.approx(MBIT)}
    outcome = judged("04.1", solved.plan(TABLE), MEASURED)
    assert outcome.verdict is Verdict.PASS
    assert "272 of them are headers" in told(outcome)


@pytest.mark.parametrize(
    ("codec", "mbit", "reason"),
    [
        (GOOD, MBIT - 272, "the sound alone"),
        (GOOD, MBIT / 8, "bytes are not bits"),
        (GOOD, MBIT * 1e3, "that is kbit/s"),
        (GOOD, MBIT / 10_000, "that is one stream"),
        (GOOD, 1.0, "in WebSocket"),
        ("opus 8 kHz, 6 kbit/s", 328, "43.0 % of the words wrong in noise"),
        ("mulaw 8 kHz", 920, f"the row of {GOOD}"),
        ("linear16 16 kHz", 2_840, f"the row of {GOOD}"),
        ("opus 16 kHz, 20 kbit/s", 460, f"the row of {GOOD}"),
        ("mp3", 460, "the table's first column"),
        (GOOD, "386", "its type"),
    ],
)
def test_a_plan_with_a_plausible_mistake_is_told_which(
    codec: str, mbit: float, reason: str
) -> None:
    outcome = judged("04.1", {"codec": codec, "mbit_per_s": mbit}, MEASURED)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


@pytest.mark.parametrize("answer", [..., {"codec": ..., "mbit_per_s": ...}, 386, {"codec": GOOD}])
def test_what_is_no_plan_is_refused(answer: object) -> None:
    assert judged("04.1", answer, MEASURED).verdict is Verdict.NOT_YET


@pytest.mark.parametrize("measured", [None, TABLE, (TABLE[1:], SPEECH), (TABLE, [])])
def test_a_plan_needs_the_table_and_the_speech(measured: object) -> None:
    outcome = judged("04.1", {"codec": GOOD, "mbit_per_s": MBIT}, measured)
    assert outcome.verdict is Verdict.NOT_YET
    assert "(table, speech)" in told(outcome)


def test_a_codec_just_over_the_limit_is_not_judged_on_few_words() -> None:
    near = row(Codec("opus", 16_000, 8_000), 1_000, 0.12)
    answer = {"codec": "opus 16 kHz, 8 kbit/s", "mbit_per_s": 300}
    outcome = judged("04.1", answer, ([*TABLE, near], SPEECH))
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "too near to the limit of 11.0 %" in told(outcome)
    many = judged("04.1", answer, ([*TABLE, near], [spoken(20_000)]))
    assert many.verdict is Verdict.NOT_YET


def test_too_few_words_decide_nothing() -> None:
    outcome = judged("04.1", {"codec": GOOD, "mbit_per_s": MBIT}, (TABLE, [spoken(19)]))
    assert outcome.verdict is Verdict.INCONCLUSIVE


# --- 04.2


def waited(silence_s: float, cut: int) -> SilenceReport:
    return SilenceReport(silence_s, 30, cut, 21, 1, 0, (silence_s - 0.005,) * 21)


WAITED = [
    waited(0.1, 30), waited(0.2, 24), waited(0.3, 19), waited(0.5, 10), waited(0.7, 4),
    waited(1.0, 0), waited(1.5, 0),
]  # fmt: skip


def test_the_silences_of_the_solution_are_accepted() -> None:
    assert solved.silences(WAITED) == {"dictation": 1_000, "agent": 300}
    outcome = judged("04.2", solved.silences(WAITED), WAITED)
    assert outcome.verdict is Verdict.PASS
    assert "63 % of pauses cut" in told(outcome)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"dictation": 300, "agent": 1_000}, "at most 5 % cut"),
        ({"dictation": 1_500, "agent": 300}, "waits less"),
        ({"dictation": 700, "agent": 300}, "at most 5 % cut"),
        ({"dictation": 1_000, "agent": 100}, "cuts less"),
        ({"dictation": 1_000, "agent": 500}, "a median within the line"),
        ({"dictation": 1_000, "agent": 250}, "the first column"),
        ({"dictation": 1_000}, "its keys"),
        ({"dictation": ..., "agent": ...}, "no answer yet"),
    ],
)
def test_silences_that_miss_a_brief_are_told_which(answer: object, reason: str) -> None:
    outcome = judged("04.2", answer, WAITED)
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_silences_are_judged_by_a_table_only() -> None:
    assert "no table" in told(judged("04.2", {"dictation": 1_000, "agent": 300}))
    hasty = judged("04.2", {"dictation": 100, "agent": 100}, [waited(0.1, 30)])
    assert hasty.verdict is Verdict.INCONCLUSIVE


# --- 04.3


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    path = tmp_path / "a.wav"
    sound = 0.1 * np.sin(np.arange(32_000) / 30)
    soundfile.write(path, sound.astype(np.float32), 16_000, subtype="PCM_16")
    return replace(spoken(4, path), text="it was the best")


HEARD = StreamOutcome("It was the best.")


def test_the_repair_of_the_solution_is_accepted(clip: Clip) -> None:
    outcome = judged("04.3", solved.repair, (clip, HEARD))
    assert outcome.verdict is Verdict.PASS
    assert "No click is left" in told(outcome)


def test_the_starter_gives_the_broken_pieces_back(clip: Clip) -> None:
    outcome = judged("04.3", lambda pieces: pieces, (clip, StreamOutcome("", "1008 DATA-0000")))
    assert outcome.verdict is Verdict.NOT_YET
    assert "3,245 bytes" in told(outcome)


def _drops_halves(pieces: Sequence[bytes]) -> list[bytes]:
    return [piece[44 : 44 + (len(piece) - 44) // 2 * 2] for piece in pieces]


def _pads_halves(pieces: Sequence[bytes]) -> list[bytes]:
    return [piece[44:] + b"\0" * (len(piece) % 2) for piece in pieces]


def _keeps_headers(pieces: Sequence[bytes]) -> list[bytes]:
    joined = b"".join(pieces)
    return [joined[: len(joined) // 2 * 2]]


def _first_header_only(pieces: Sequence[bytes]) -> list[bytes]:
    return [b"".join(pieces)[44:]]


def _pairs(pieces: Sequence[bytes]) -> list[bytes]:
    """Right as long as two pieces together are whole."""
    bare = [piece[44:] for piece in pieces]
    return [left + right for left, right in zip(bare[::2], [*bare[1::2], b""], strict=False)]


@pytest.mark.parametrize(
    ("repair", "reason"),
    [
        (_drops_halves, "bytes lost"),
        (_pads_halves, "bytes too many"),
        (_keeps_headers, "headers are left"),
        (_first_header_only, "headers are left"),
        (_pairs, "half a sample too many"),
        (lambda pieces: None, "no answer yet"),
        (lambda pieces: ["sound"], "not only bytes"),
    ],
)
def test_a_plausible_repair_is_refused_for_the_right_reason(
    repair: Callable[[Sequence[bytes]], object], reason: str, clip: Clip
) -> None:
    outcome = judged("04.3", repair, (clip, HEARD))
    assert outcome.verdict is Verdict.NOT_YET
    assert reason in told(outcome)


def test_a_repair_that_raises_is_an_error_with_its_own_lines(clip: Clip) -> None:
    outcome = judged("04.3", lambda pieces: pieces[10_000], (clip, HEARD))
    assert outcome.verdict is Verdict.ERROR


@pytest.mark.parametrize("measured", [None, HEARD, ("clip", HEARD)])
def test_a_repair_is_compared_with_its_clip(measured: object) -> None:
    assert "(clip, heard)" in told(judged("04.3", solved.repair, measured))


def test_what_the_server_heard_counts_too(clip: Clip) -> None:
    assert (
        judged("04.3", solved.repair, (clip, StreamOutcome("", "1008"))).verdict is Verdict.NOT_YET
    )
    assert (
        judged("04.3", solved.repair, (clip, StreamOutcome("nothing"))).verdict
        is Verdict.INCONCLUSIVE
    )
