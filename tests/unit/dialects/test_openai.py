"""OpenAI's dialects without a socket: forms, subtitles, events, and a session's state."""

import base64
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from lab_kit.core.errors import (
    GoingAway,
    InvalidMessage,
    InvalidParameter,
    LabError,
    PayloadTooLarge,
    StreamIdle,
    SystemOverloaded,
)
from lab_kit.core.events import (
    Event,
    Final,
    Interim,
    SpeechStarted,
    StreamEnded,
    StreamOptions,
    TimedWord,
    Timing,
)
from lab_kit.dialects.openai.realtime import client
from lab_kit.dialects.openai.realtime.client import RealtimeReader
from lab_kit.dialects.openai.realtime.server import RealtimeSession
from lab_kit.dialects.openai.transcriptions import server
from lab_kit.dialects.openai.transcriptions.client import parse_event
from lab_kit.dialects.openai.transcriptions.options import UploadOptions, parse_form
from lab_kit.protocol.captions import LINE_CHARS, cues_of
from lab_kit.protocol.live import Audio, Control, Reply
from lab_kit.protocol.plain_json import MOST_COMMAS

TIMING = Timing(1.5, 10, 20, 30, 40, 50, 60)
DELTA = "conversation.item.input_audio_transcription.delta"
COMPLETED = "conversation.item.input_audio_transcription.completed"


def interim(text: str, stable: int) -> Interim:
    return Interim(1, 0.4, 1.0, text, stable, 0.8, TIMING)


def final(text: str, start_s: float = 0.4, endpoint: bool = True, requested: bool = False) -> Final:
    said, part_s = text.split(), 1.5 / max(1, len(text.split()))
    words = tuple(
        TimedWord(word, start_s + n * part_s, start_s + (n + 1) * part_s, 0.9)
        for n, word in enumerate(said)
    )
    return Final(2, start_s, start_s + 1.5, text, 0.9, endpoint, requested, TIMING, words)


def asked(response_format: str, *granularities: str) -> UploadOptions:
    return UploadOptions(response_format, frozenset(granularities or ["segment"]), False, {})


# -- uploads -------------------------------------------------------------------------------------


def form(file: bytes | None = b"sound", **fields: Any) -> tuple[str, bytes]:
    files = {} if file is None else {"file": ("a.wav", file, "audio/wav")}
    request = httpx.Request("POST", "http://x", data=fields, files=files or {"x": b""})
    return request.headers["content-type"], request.read()


@pytest.mark.parametrize("file", [b"\r\n\r\n--", bytes(range(256)) * 9, b"\n", b"a\r\n"])
def test_a_file_comes_out_of_its_form_byte_for_byte(file: bytes) -> None:
    options, read = parse_form(*form(file, model="m", stream="true", language="en"))
    assert (options.response_format, options.is_streamed) == ("json", True)
    assert read == file


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        (form(None, model="m"), "file"),
        (form(), "model"),
        (form(model="m", response_format="diarized_json"), "response_format"),
        (form(model="m", **{"timestamp_granularities[]": "word"}), "verbose_json"),
        (
            form(
                model="m",
                response_format="verbose_json",
                **{"timestamp_granularities[]": ["word", "letter"]},
            ),
            "letter",
        ),
        (("application/json", b"{}"), "file"),
        (("", b"\xff\xfe"), "file"),
    ],
)
def test_a_form_that_asks_for_what_is_not_there_is_refused(
    parts: tuple[str, bytes], named: str
) -> None:
    with pytest.raises(InvalidParameter, match=named):
        parse_form(*parts)


SAID = [final("It was."), final("", 2.0), final("The best.", 3_661.0625)]


def test_subtitles_count_their_cues_and_spell_their_times() -> None:
    kind, srt = server.whole(asked("srt"), SAID, 4_000.0)
    assert kind == "text/plain"
    assert srt.startswith("1\n00:00:00,400 --> 00:00:01,900\nIt was.\n\n2\n01:01:01,062 --> ")
    assert server.whole(asked("vtt"), SAID, 1.0)[1].startswith(
        "WEBVTT\n\n00:00:00.400 --> 00:00:01.900\nIt was.\n"
    )
    assert server.whole(asked("text"), SAID, 1.0) == ("text/plain", "It was. The best.\n")


def test_a_segment_says_what_is_known() -> None:
    body = json.loads(server.whole(asked("verbose_json"), SAID, 9.0)[1])
    assert [s["text"] for s in body["segments"]] == ["It was.", " The best."]
    assert body["segments"][0]["avg_logprob"] == pytest.approx(-0.105, abs=1e-3)
    assert "words" not in body


def test_words_come_where_they_are_asked_for() -> None:
    alone = json.loads(server.whole(asked("verbose_json", "word"), SAID, 9.0)[1])
    assert [word["word"] for word in alone["words"]] == ["It", "was", "The", "best"]
    assert alone["words"][1] == {"word": "was", "start": 1.15, "end": 1.9}
    assert "segments" not in alone
    both = json.loads(server.whole(asked("verbose_json", "word", "segment"), SAID, 9.0)[1])
    assert both["words"] == alone["words"]
    assert len(both["segments"]) == 2
    fields = {"timestamp_granularities[]": ["word", "segment"], "response_format": "verbose_json"}
    options, _ = parse_form(*form(model="m", **fields))
    assert options.granularities == {"word", "segment"}


def test_captions_are_cut_at_words_and_at_the_ends_of_sentences() -> None:
    long = final("I went. " + "and then there was nothing more to say " * 5, 10.0)
    cues = list(cues_of([long]))
    assert cues[0].text == "I went."
    assert " ".join(cue.text.replace("\n", " ") for cue in cues) == long.text.strip()
    assert all(len(line) <= LINE_CHARS for cue in cues for line in cue.text.splitlines())
    assert all(len(cue.text.splitlines()) <= 2 for cue in cues)
    assert [cue.start_s for cue in cues][1:] == [pytest.approx(cue.end_s) for cue in cues][:-1]
    said = ["so", "it", "was", "said"]
    words = tuple(TimedWord(word, 3.0 * n, 3.0 * n + 2, 0.9) for n, word in enumerate(said))
    slow = replace(final(" ".join(said)), words=words)
    assert [cue.text for cue in cues_of([slow])] == ["so it", "was said"]


def test_events_join_to_the_text_and_come_back_as_they_were() -> None:
    lines = [server.delta(f, n == 0, 7, "1") for n, f in enumerate(SAID)]
    deltas = "".join(json.loads(line.removeprefix("data: "))["delta"] for line in lines)
    assert deltas == "It was. The best."
    assert [parse_event(line) for line in lines] == [(f, 7, "1") for f in SAID]
    ended = StreamEnded(4.0, "", 1)
    last = server.done(SAID, ended, 8, "1")
    assert parse_event(last) == (ended, 8, "1")
    assert parse_event("") is None
    failed = server.failed(SystemOverloaded("full", "a place", "wait"))
    for line in (failed, "data: {", 'data: {"type": "x"}'):
        with pytest.raises(InvalidMessage):
            parse_event(line)


# -- sessions ------------------------------------------------------------------------------------


def session(**audio_input: Any) -> RealtimeSession:
    opened = RealtimeSession("1", 1_000)
    if audio_input:
        said = update(opened, {"type": "transcription", "audio": {"input": audio_input}})
        assert said["type"] == "session.updated", said
    return opened


def update(opened: RealtimeSession, changes: Any) -> dict[str, Any]:
    return reply(opened, {"type": "session.update", "session": changes})


def reply(opened: RealtimeSession, event: Any) -> dict[str, Any]:
    (heard,) = opened.parse(json.dumps(event))
    assert isinstance(heard, Reply)
    return dict(json.loads(heard.message))


def append(data: bytes) -> str:
    return json.dumps(
        {"type": "input_audio_buffer.append", "audio": base64.b64encode(data).decode()}
    )


def told(opened: RealtimeSession, event: Event) -> list[dict[str, Any]]:
    return [json.loads(message) for message in opened.render(event, 7)]


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


@pytest.mark.parametrize(
    ("chosen", "options"),
    [
        ({}, StreamOptions("linear16", 24_000, endpoint_silence_s=0.2)),
        ({"turn_detection": None}, StreamOptions("linear16", 24_000, endpoint_silence_s=None)),
        (
            {"format": {"type": "audio/pcmu"}},
            StreamOptions("mulaw", 8_000, endpoint_silence_s=0.2),
        ),
        (
            {"turn_detection": {"type": "server_vad", "silence_duration_ms": 400}},
            StreamOptions("linear16", 24_000, endpoint_silence_s=0.4),
        ),
        (
            {"turn_detection": {"type": "server_vad", "silence_duration_ms": 1}},
            StreamOptions("linear16", 24_000, endpoint_silence_s=0.1),
        ),
        *(
            (
                {"turn_detection": {"type": "semantic_vad", **eagerness}},
                StreamOptions(
                    "linear16",
                    24_000,
                    endpoint_silence_s=0.2,
                    unfinished_silence_s=unfinished_s,
                    finished_probability=probability,
                ),
            )
            for eagerness, probability, unfinished_s in (
                ({}, 0.5, 4.0),
                ({"eagerness": "low"}, 0.7, 8.0),
                ({"eagerness": "medium"}, 0.5, 4.0),
                ({"eagerness": "high"}, 0.3, 2.0),
                ({"eagerness": "auto"}, 0.5, 4.0),
            )
        ),
    ],
)
def test_a_session_chooses_its_sound_and_its_turns(
    chosen: dict[str, Any], options: StreamOptions
) -> None:
    assert session(**chosen).options == options


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (None, "session.type"),
        ({"audio": {}}, "session.type"),
        ({"type": "realtime"}, "session.type"),
        ({"type": "transcription", "audio": {"input": {"format": {"type": "mp3"}}}}, "format"),
        (
            {
                "type": "transcription",
                "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16_000}}},
            },
            "24000 Hz",
        ),
        (
            {"type": "transcription", "audio": {"input": {"turn_detection": {"type": "x"}}}},
            "turn_detection",
        ),
        *(
            ({"type": "transcription", "audio": {"input": wrong}}, named)
            for wrong, named in (
                (5, "audio.input"),
                ([1], "audio.input"),
                ({"format": 5}, "format"),
                ({"format": None}, "format"),
                ({"format": {"type": {}}}, "format.type"),
                ({"format": {"type": "audio/pcm", "rate": 10**300}}, "format.rate"),
                ({"turn_detection": 5}, "turn_detection"),
                ({"turn_detection": []}, "turn_detection"),
                (
                    {"turn_detection": {"type": "semantic_vad", "eagerness": "x"}},
                    "turn_detection.eagerness",
                ),
                ({"format": "x"}, "format"),
                ({"format": [1]}, "format"),
                ({"format": {}}, "format.type"),
                ({"format": {"type": None}}, "format.type"),
                ({"format": {"type": "audio/pcm", "rate": 24_000.5}}, "format.rate"),
                ({"transcription": 5}, "transcription"),
                ({"transcription": {"model": 5}}, "transcription.model"),
                ({"transcription": {"prompt": "p" * 2_000}}, "transcription.prompt"),
                ({"transcription": {"keywords": ["k"] * 50}}, "transcription.keywords"),
                ({"noise_reduction": []}, "noise_reduction"),
                ({"noise_reduction": {"type": "far"}}, "noise_reduction.type"),
                *(
                    ({"turn_detection": {"type": "server_vad", name: value}}, name)
                    for name, value in (
                        ("silence_duration_ms", "x"),
                        ("silence_duration_ms", 10**300),
                        ("silence_duration_ms", -1),
                        ("silence_duration_ms", None),
                        ("silence_duration_ms", True),
                        ("prefix_padding_ms", {}),
                        ("threshold", "loud"),
                        ("threshold", 2),
                    )
                ),
            )
        ),
    ],
)
def test_a_choice_that_cannot_be_is_told_and_changes_nothing(changes: Any, named: str) -> None:
    opened = session()
    before = opened.options
    said = update(opened, changes)
    assert said["type"] == "error"
    assert named in said["error"]["message"]
    assert opened.options == before


def changed(audio_input: str) -> str:
    """A `session.update` whose ``audio.input`` is written by hand."""
    session = f'{{"type": "transcription", "audio": {{"input": {audio_input}}}}}'
    return f'{{"type": "session.update", "session": {session}}}'


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


DEEP = 100_000
AUDIO = '{"type": "input_audio_buffer.append", "audio": %s}'


@pytest.mark.parametrize(
    "message",
    [
        "",
        "[]",
        "{}",
        '{"type": 3}',
        b"bytes",
        "[" * 50_000,
        nested(DEEP),
        f'{{"type": {nested(500)}}}',
        f'{{"type": "{"x" * 100_000}"}}',
        '{"type": "\\ud800"}',
        '{"type": "x", "type": 5}',
        f'{{"type": "x", "event_id": {"9" * 5_000}}}',
        '{"type": "x", "event_id": NaN}',
        '{"type": "x", "event_id": 1e999}',
        f'{{"type": "x", "event_id": {nested(500)}}}',
        AUDIO % "5",
        AUDIO % "null",
        AUDIO % "[]",
        AUDIO % '"\\ud800"',
        AUDIO % '"!"',
        changed(nested(500)),
        changed('{"format": ' + nested(500) + "}"),
        changed('{"format": ' + nested(DEEP) + "}"),
        changed('{"format": {"type": "audio/pcm", "rate": ' + "9" * 5_000 + "}}"),
        changed('{"turn_detection": {"type": "server_vad", "threshold": NaN}}'),
        changed('{"turn_detection": {"type": "server_vad", "threshold": 1e999}}'),
        changed('{"noise_reduction": {"strength": 1e999}}'),
        changed('{"format": 1, "format": {"type": 5}}'),
        '{"type": "input_audio_buffer.clear", "x": [' + "[]," * 1_000 + "[]]}",
        '{"type": "input_audio_buffer.clear", "x": [' + "1," * MOST_COMMAS + "1]}",
        changed('{"x": NaN}'),
        changed('{"format": {"type": "audio/pcm", "rate": 1' + "0" * 400 + "}}"),
        changed('{"format": {"type": "audio/pcm", "x": 1e999}}'),
    ],
)
def test_what_is_no_event_is_told_and_the_session_goes_on(message: str | bytes) -> None:
    opened = session()
    (heard,) = opened.parse(message)
    assert isinstance(heard, Reply)
    assert strictly(heard.message)["type"] == "error"
    assert len(heard.message) < 2_000
    assert opened.parse(append(bytes(4_800))) == [Audio(bytes(4_800))]


def strictly(text: str) -> dict[str, Any]:
    """JSON as its standard has it, which knows no NaN and no infinity."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    return dict(json.loads(text, parse_constant=refuse))


@pytest.mark.parametrize(
    "unknown",
    [
        f'{{"transcription": {{"x": {nested(500)}}}}}',
        '{"format": {"type": "audio/pcm", "x": 1e300}}',
    ],
)
def test_what_is_not_known_is_neither_kept_nor_told_back(unknown: str) -> None:
    opened = session()
    before = opened.options
    (heard,) = opened.parse(changed(unknown))
    assert isinstance(heard, Reply)
    told_back = strictly(heard.message)
    assert told_back["type"] == "session.updated"
    assert '"x"' not in heard.message
    assert opened.options == before


def test_what_is_known_is_told_back_as_it_was_chosen() -> None:
    chosen = {
        "transcription": {"model": "any", "language": "en", "prompt": "names"},
        "noise_reduction": {"type": "near_field"},
        "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
    }
    changes = {"type": "transcription", "audio": {"input": chosen}}
    kept = update(session(), changes)["session"]["audio"]["input"]
    assert kept == chosen | {"format": {"type": "audio/pcm", "rate": 24_000}}


def test_a_turn_is_told_in_order_and_its_deltas_only_grow() -> None:
    opened = session()
    events = told(opened, SpeechStarted(0.4))
    events += told(opened, interim("it", 0))
    events += told(opened, interim("it was", 2))
    events += told(opened, interim("it was the", 6))
    events += told(opened, final("it was the best."))
    assert kinds(events) == [
        "input_audio_buffer.speech_started",
        DELTA,
        DELTA,
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        DELTA,
        COMPLETED,
    ]
    assert "".join(e["delta"] for e in events if e["type"] == DELTA) == "it was the best."
    assert events[-1]["transcript"] == "it was the best."


def test_a_final_that_contradicts_its_deltas_has_the_last_word() -> None:
    opened = session()
    told(opened, interim("it was", 6))
    events = told(opened, final("It was."))
    assert DELTA not in kinds(events)
    assert events[-1]["transcript"] == "It was."


def test_what_was_cut_for_its_length_is_one_item() -> None:
    opened = session()
    first = told(opened, final("It was", endpoint=False))
    assert kinds(first) == [DELTA]
    events = told(opened, final("the best.", 2.0))
    assert events[-1]["transcript"] == "It was the best."
    assert events[-1]["usage"]["seconds"] == pytest.approx(3.1)
    assert events[-1]["item_id"] == first[0]["item_id"]


def test_what_was_never_ended_is_completed_when_the_stream_is() -> None:
    opened = session()
    told(opened, final("It was", endpoint=False))
    assert told(opened, StreamEnded(4.0, "", 1))[-1]["transcript"] == "It was"
    assert told(session(), StreamEnded(4.0, "", 1)) == []


def test_a_commit_needs_a_tenth_of_a_second() -> None:
    opened = session(turn_detection=None)
    commit = {"type": "input_audio_buffer.commit", "event_id": "mine"}
    opened.parse(append(bytes(4_798)))
    said = reply(opened, commit)
    assert said["error"]["code"] == "input_audio_buffer_commit_empty"
    assert said["error"]["event_id"] == "mine"
    opened.parse(append(bytes(2)))
    assert opened.parse(json.dumps(commit)) == [Control.FINALIZE]
    assert reply(opened, commit)["type"] == "error"


def test_ten_minutes_without_a_commit_are_the_most() -> None:
    opened = session(turn_detection=None)
    minute = append(bytes(60 * 48_000))
    for _ in range(10):
        assert isinstance(opened.parse(minute)[0], Audio)
    tenth = {"type": "input_audio_buffer.append", "audio": "AAAA" * 1_600, "event_id": "mine"}
    said = reply(opened, tenth)
    assert said["error"]["code"] == "input_audio_buffer_full"
    assert said["error"]["event_id"] == "mine"
    assert opened.parse(json.dumps({"type": "input_audio_buffer.commit"})) == [Control.FINALIZE]
    assert isinstance(opened.parse(json.dumps(tenth))[0], Audio)
    opened.parse('{"type": "input_audio_buffer.clear"}')
    assert isinstance(opened.parse(minute)[0], Audio)
    ended_by_silence = session()
    assert all(isinstance(ended_by_silence.parse(minute)[0], Audio) for _ in range(12))


def test_what_is_cleared_is_not_told_but_what_ended_before_is() -> None:
    opened = session()
    opened.parse(append(bytes(48_000)))
    heard = opened.parse('{"type": "input_audio_buffer.clear"}')
    assert heard[1] is Control.FINALIZE
    assert told(opened, final("Before."))[-1]["transcript"] == "Before."
    assert told(opened, interim("gone", 4)) == []
    assert told(opened, final("gone", endpoint=False, requested=True)) == []
    assert told(opened, final("After."))[-1]["transcript"] == "After."


def test_what_was_committed_before_it_is_told_and_each_clear_takes_its_own() -> None:
    opened = session(turn_detection=None)
    commit, clear = '{"type": "input_audio_buffer.commit"}', '{"type": "input_audio_buffer.clear"}'
    for ask in (commit, clear, clear, commit):
        opened.parse(append(bytes(48_000)))
        assert opened.parse(ask)[-1] is Control.FINALIZE
    heard = [
        told(opened, final(text, endpoint=False, requested=True))
        for text in ("Kept.", "gone", "gone, too", "Kept, too.")
    ]
    assert [said[-1]["transcript"] if said else None for said in heard] == [
        "Kept.",
        None,
        None,
        "Kept, too.",
    ]


def test_without_transcription_turns_are_told_and_no_words() -> None:
    opened = session(transcription=None)
    assert told(opened, interim("it was", 6)) == []
    assert COMPLETED not in kinds(told(opened, final("It was.")))


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (None, 1000, 0),
        (GoingAway("a", "b", "c"), 1001, 0),
        (StreamIdle("a", "b", "c"), 1008, 1),
        (PayloadTooLarge("a" * 500, "b", "c"), 1008, 1),
        (LabError("a", "b", "c"), 1011, 1),
    ],
)
def test_an_ending_has_a_code_and_says_its_error_first(
    error: LabError | None, code: int, words: int
) -> None:
    last, ending = session().end(error)
    assert (ending.code, len(last)) == (code, words)
    assert len(ending.reason.encode()) <= 123


def test_our_client_reads_what_the_server_says() -> None:
    opened, reader = session(), RealtimeReader()
    heard = []
    for event in (
        SpeechStarted(0.4),
        interim("it was", 2),
        interim("it was the", 6),
        final("it was the best.", endpoint=False, requested=True),
    ):
        heard += [reader.read(message, 9) for message in opened.render(event, 7)]
    events = [one.event for one in heard if one is not None]
    assert [type(event) for event in events] == [SpeechStarted, Interim, Interim, Final]
    assert [e.text for e in events[1:] if not isinstance(e, SpeechStarted)] == [
        "it",
        "it was",
        "it was the best.",
    ]
    assert reader.is_finished


def test_our_client_asks_in_words_the_server_knows() -> None:
    opened = session()
    asked = StreamOptions(endpoint_silence_s=None)
    (heard,) = opened.parse(client.update(asked))
    assert isinstance(heard, Reply)
    assert opened.options.endpoint_silence_s is None
    assert opened.parse(client.append(bytes(4_800))) == [Audio(bytes(4_800))]
    assert opened.parse(client.commit()) == [Control.FINALIZE]


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "error", "error": {"message": "no", "code": "x"}}',
        "[]",
        "{",
        '{"type": "conversation.item.input_audio_transcription.completed", "transcript": ""}',
    ],
)
def test_what_our_client_cannot_read_is_named(text: str) -> None:
    with pytest.raises(InvalidMessage):
        RealtimeReader().read(text, 9)
