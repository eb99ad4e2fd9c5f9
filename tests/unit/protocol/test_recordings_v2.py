"""The second version of an answer says what the first says, in other units and places."""

from lab_kit.protocol.recordings import Segment, Stages, Transcript, Word
from lab_kit.protocol.recordings_v2 import RecordingLine, RecordingTranscript

FIRST = Transcript(
    text="It was. The best.",
    segments=(
        Segment(
            0.1, 1.2345, "It was.", 0.8, (Word("It", 0.1, 0.3, 0.9), Word("was.", 0.3, 1.2345, 0.7))
        ),
        Segment(2.0, 2.0004, "", 0.0, ()),
        Segment(
            3.0,
            4.29,
            "The best.",
            0.5,
            (Word("The", 3.0, 3.29, 0.5), Word("best.", 3.29, 4.29, 0.5)),
        ),
    ),
    audio_s=4.7006,
    model="moonshine-tiny-en",
    version="3",
    device="cpu",
    stages_ns=Stages(1, 2, 3, 4, 5),
)


def test_nothing_is_lost_and_times_are_whole_milliseconds() -> None:
    second = RecordingTranscript.of(FIRST)
    assert (second.text, second.duration_ms, second.stages_ns) == (
        FIRST.text,
        4_701,
        FIRST.stages_ns,
    )
    assert (second.model.name, second.model.version, second.model.device) == (
        "moonshine-tiny-en",
        "3",
        "cpu",
    )
    assert [
        (one.number, one.start_ms, one.end_ms, one.text, one.confidence) for one in second.segments
    ] == [
        (0, 100, 1_234, "It was.", 0.8),
        (1, 2_000, 2_000, "", 0.0),
        (2, 3_000, 4_290, "The best.", 0.5),
    ]
    assert [(w.text, w.segment, w.start_ms, w.end_ms, w.confidence) for w in second.words] == [
        ("It", 0, 100, 300, 0.9),
        ("was.", 0, 300, 1_234, 0.7),
        ("The", 2, 3_000, 3_290, 0.5),
        ("best.", 2, 3_290, 4_290, 0.5),
    ]


def test_lines_together_are_the_whole() -> None:
    lines = [RecordingLine.of(segment, number) for number, segment in enumerate(FIRST.segments)]
    whole = RecordingTranscript.of(FIRST)
    assert tuple(line.segment for line in lines) == whole.segments
    assert tuple(word for line in lines for word in line.words) == whole.words
