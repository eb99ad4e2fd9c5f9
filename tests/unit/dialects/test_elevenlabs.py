"""ElevenLabs's dialects without a socket: texts cut in time, a stream's state, forms, refusals."""

import base64
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab_kit.core.errors import (
    GoingAway,
    InvalidMessage,
    InvalidParameter,
    LabError,
    PayloadTooLarge,
    StreamIdle,
    SystemOverloaded,
    Unauthenticated,
)
from lab_kit.core.events import Final, Interim, StreamEnded, TimedWord, Timing
from lab_kit.dialects.elevenlabs.errors import Unprocessable, refusal
from lab_kit.dialects.elevenlabs.realtime.conversation import RealtimeConversation
from lab_kit.dialects.elevenlabs.realtime.options import RealtimeOptions, parse_query
from lab_kit.dialects.elevenlabs.realtime.server import MOST_UNCOMMITTED_S, RealtimeStream
from lab_kit.dialects.elevenlabs.speech.options import FORMATS
from lab_kit.dialects.elevenlabs.speech.server import WholeAnswer
from lab_kit.dialects.elevenlabs.stream_input.server import (
    MOST_FRAME_BYTES,
    MOST_WAITING,
    Texts,
    frames,
)
from lab_kit.dialects.elevenlabs.words import word_objects
from lab_kit.protocol.character_times import PieceTimes
from lab_kit.protocol.live import Audio, Control, Reply

TIMING = Timing(1.5, 10, 20, 30, 40, 50, 60)
WORDS = (TimedWord("It", 0.4, 0.5, 0.5), TimedWord("was.", 0.7, 1.0, 0.25))


def final(text: str, endpoint: bool = False, requested: bool = False, words: Any = WORDS) -> Final:
    return Final(2, 0.4, 1.9, text, 0.9, endpoint, requested, TIMING, words if text else ())


def interim(text: str) -> Interim:
    return Interim(1, 0.4, 1.0, text, 0, 0.8, TIMING)


# -- texts that come bit by bit ------------------------------------------------------------------


def heard(texts: Texts, text: str, **more: Any) -> list[str]:
    spoken, has_finished = texts.hear(json.dumps({"text": text, **more}))
    assert has_finished == (not text)
    return spoken


@given(
    st.lists(st.text(st.sampled_from("ab ,.!?\n“1"), min_size=1, max_size=40), max_size=30),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=200, deadline=None, database=None)
def test_all_is_spoken_once_and_in_order(pieces: list[str], is_auto: bool, tries: bool) -> None:
    texts = Texts(is_auto, is_strict=False)
    spoken = heard(texts, " ", generation_config={"chunk_length_schedule": [50, 60]})
    for piece in pieces:
        spoken += heard(texts, piece, try_trigger_generation=tries)
    spoken += heard(texts, "")
    said = "".join(spoken)
    assert [*filter(str.isalnum, said)] == [*filter(str.isalnum, "".join(pieces))]
    assert all(any(letter.isalnum() for letter in one) for one in spoken)


def test_the_schedule_is_gone_through_and_its_last_number_stays() -> None:
    texts = Texts(is_auto=False, is_strict=False)
    assert heard(texts, " ", generation_config={"chunk_length_schedule": [50, 60]}) == []
    lengths = []
    for _ in range(60):
        lengths += [len(one) for one in heard(texts, "four ")]
    assert lengths[:1] == [50]
    assert set(lengths[1:]) == {60}


def test_a_word_that_is_not_whole_waits() -> None:
    texts = Texts(is_auto=False, is_strict=False)
    heard(texts, " ", generation_config={"chunk_length_schedule": [50]})
    assert heard(texts, "x" * 100) == []
    assert heard(texts, "yz") == []
    assert heard(texts, " ") == ["x" * 100 + "yz "]
    assert texts.waiting == 0


def test_settings_are_the_first_messages() -> None:
    texts = Texts(is_auto=False, is_strict=False)
    heard(texts, " ", voice_settings={"speed": 1.1, "stability": 0.5})
    heard(texts, "So ", voice_settings={"speed": 0.8})
    assert texts.speed == 1.1


def test_too_much_that_waits_is_refused_and_nothing_of_it_kept() -> None:
    texts = Texts(is_auto=False, is_strict=False)
    for _ in range(MOST_WAITING // 1_000):
        heard(texts, "x" * 1_000)
    with pytest.raises(PayloadTooLarge):
        heard(texts, "x")
    assert texts.waiting == MOST_WAITING


def test_long_sound_is_parted_and_has_its_times_once() -> None:
    data = bytes(range(256)) * 4_000
    times = PieceTimes("", "Go", "", 0.0, 1.0, 0.0)
    told = [json.loads(one) for one in frames(data, times)]
    assert len(told) == math.ceil(len(data) / MOST_FRAME_BYTES)
    assert b"".join(base64.b64decode(one["audio"]) for one in told) == data
    assert [one["alignment"] is not None for one in told] == [True] + [False] * (len(told) - 1)
    assert "message" not in told[0]
    assert list(frames(b"", None)) == []


# -- answers over HTTP ---------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=7), max_size=9))
@settings(max_examples=100, deadline=None, database=None)
def test_a_whole_answer_is_written_in_parts(pieces: list[bytes]) -> None:
    answer = WholeAnswer()
    text = answer.begin() + b"".join(answer.add(one, None) for one in pieces) + answer.finish()
    told = json.loads(text)
    assert base64.b64decode(told["audio_base64"], validate=True) == b"".join(pieces)
    assert told["alignment"]["characters"] == []


def test_the_formats_are_the_providers() -> None:
    kinds = {name.split("_")[0] for name in FORMATS}
    assert kinds == {"mp3", "pcm", "ulaw", "alaw", "opus"}
    assert len(FORMATS) == 7 + 7 + 2 + 5


def test_errors_have_the_forms_that_the_sdk_reads() -> None:
    told = refusal(Unauthenticated("no key", "one", "send it"))
    assert (told.status, told.body["detail"]["status"]) == (401, "invalid_api_key")
    told = refusal(Unprocessable(("query", "x"), "x=1", "x=2", "send x=2"))
    assert told.status == 422
    assert told.body["detail"][0]["loc"] == ["query", "x"]
    assert refusal(InvalidParameter("a", "b", "c")).body["detail"]["status"] == "invalid_parameters"


# -- realtime ------------------------------------------------------------------------------------


def asked(**query: str) -> RealtimeOptions:
    return parse_query({"model_id": "m", **query})


def opened(**query: str) -> RealtimeStream:
    return RealtimeStream(asked(**query), "session", is_strict=False)


def chunk(data: bytes = b"", **more: Any) -> str:
    encoded = base64.b64encode(data).decode()
    return json.dumps({"message_type": "input_audio_chunk", "audio_base_64": encoded, **more})


def told(stream: RealtimeStream, *events: Any) -> list[dict[str, Any]]:
    return [json.loads(one) for event in events for one in stream.render(event, 0)]


def test_sound_comes_before_its_commit() -> None:
    stream = opened()
    assert stream.parse(chunk(b"\0" * 9_600, commit=True)) == [
        Audio(b"\0" * 9_600),
        Control.FINALIZE,
    ]
    assert stream.parse(chunk()) == [Control.KEEP_ALIVE]
    (throttled,) = stream.parse(chunk(commit=True))
    assert isinstance(throttled, Reply)
    assert json.loads(throttled.message)["message_type"] == "commit_throttled"


def test_what_was_cut_for_its_length_is_told_whole_and_committed_together() -> None:
    stream = opened(include_timestamps="true")
    seen = told(
        stream,
        interim("It"),
        final("It was."),
        interim("It was the"),
        final("The best.", requested=True),
    )
    assert [(one["message_type"], one["text"]) for one in seen] == [
        ("partial_transcript", "It"),
        ("partial_transcript", "It was."),
        ("partial_transcript", "It was. It was the"),
        ("committed_transcript", "It was. The best."),
        ("committed_transcript_with_timestamps", "It was. The best."),
    ]
    assert len(seen[-1]["words"]) == 7
    assert told(stream, final("", requested=True))[0]["text"] == ""


def test_what_is_left_is_committed_before_a_stream_ends() -> None:
    stream = opened()
    seen = told(stream, final("It was."), StreamEnded(2.0, "", 1))
    assert seen[-1] == {"message_type": "committed_transcript", "text": "It was."}
    assert told(stream, StreamEnded(2.0, "", 1)) == []


def test_a_stream_that_is_never_committed_is_told_so_and_not_ended() -> None:
    stream = opened(audio_format="ulaw_8000")
    second = chunk(bytes(8_000))
    for _ in range(int(MOST_UNCOMMITTED_S)):
        assert stream.parse(second) == [Audio(bytes(8_000))]
    (full,) = stream.parse(second)
    assert isinstance(full, Reply)
    assert json.loads(full.message)["message_type"] == "queue_overflow"
    assert stream.parse(chunk(commit=True))[-1] is Control.FINALIZE
    assert stream.parse(second) == [Audio(bytes(8_000))]
    vad = opened(audio_format="ulaw_8000", commit_strategy="vad")
    for _ in range(int(MOST_UNCOMMITTED_S) + 2):
        assert vad.parse(second) == [Audio(bytes(8_000))]


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (StreamIdle("a", "b", "c"), "insufficient_audio_activity", 1008),
        (PayloadTooLarge("a", "b", "c"), "session_time_limit_exceeded", 1008),
        (SystemOverloaded("a", "b", "c"), "resource_exhausted", 1011),
        (InvalidMessage("a" * 500, "b", "c"), "input_error", 1008),
        (LabError("a", "b", "c"), "transcriber_error", 1011),
        (GoingAway("a", "b", "c"), None, 1001),
    ],
    ids=str,
)
def test_an_end_has_its_reason(error: LabError, kind: str | None, code: int) -> None:
    words, ending = opened().end(error)
    assert [json.loads(one)["message_type"] for one in words] == ([kind] if kind else [])
    assert ending.code == code
    assert len(ending.reason.encode()) <= 123


def test_words_and_spaces_are_their_text_and_share_its_times() -> None:
    it, space, was = word_objects(WORDS)
    assert (space["text"], space["start"], space["end"]) == (" ", it["end"], was["start"])
    assert (it["logprob"], space["logprob"]) == (pytest.approx(math.log(0.5)), was["logprob"])
    impossible = [TimedWord("So", 0.0, 1.0, 0.0), TimedWord("so", 0.9, 1.2, 1.0)]
    told = list(word_objects(impossible))
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told[1]["end"] == told[1]["start"] == 1.0


def test_the_judge_hangs_up_when_its_own_commit_was_told() -> None:
    spoken = RealtimeConversation()
    committed = {"message_type": "committed_transcript_with_timestamps"}
    assert not spoken.is_over(committed)
    (last,) = spoken.finish()
    assert spoken.noted(last, by_client=True)["audio_base_64"] == 0
    assert spoken.is_over(committed)
    assert not spoken.is_over({"message_type": "partial_transcript"})
    with pytest.raises(InvalidMessage, match="without"):
        spoken.seen({"message_type": "partial_transcript"}, by_client=False)
