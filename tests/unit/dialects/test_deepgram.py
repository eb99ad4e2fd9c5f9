"""Deepgram's live dialect, both ends: what a query may say, what each event becomes, and back."""

import json
from dataclasses import replace

import pytest
from deepgram.core.unchecked_base_model import construct_type
from deepgram.listen.v1.types import (
    ListenV1Metadata,
    ListenV1Results,
    ListenV1SpeechStarted,
    ListenV1UtteranceEnd,
)

from lab_kit.core.errors import (
    InvalidAudioFormat,
    InvalidMessage,
    InvalidParameter,
    LabError,
    ModelNotLoaded,
    PayloadTooLarge,
    SlowConsumer,
    StreamIdle,
    SystemOverloaded,
    Unauthenticated,
    UnsupportedSampleRate,
)
from lab_kit.core.events import (
    Event,
    Final,
    Interim,
    ModelInfo,
    PriorityClass,
    SpeechStarted,
    StreamEnded,
    StreamOptions,
    TimedWord,
    Timing,
    UtteranceEnd,
)
from lab_kit.core.personal_data import redact_value
from lab_kit.dialects import deepgram
from lab_kit.dialects.deepgram import (
    Command,
    MessageWriter,
    parse_command,
    parse_message,
    parse_query,
)

RAW = {"encoding": "linear16", "sample_rate": "16000"}
TIMING = Timing(1.5, 10, 20, 30, 40, 50, 60)
MODEL = ModelInfo("moonshine-tiny-en", "0.0.62", "moonshine", "CPU")


def interim(start_s: float, end_s: float, text: str = "it was") -> Interim:
    return Interim(3, start_s, end_s, text, 2, 0.8, TIMING)


def final(start_s: float, end_s: float, text: str = "It was.") -> Final:
    words = (TimedWord("It", start_s, 0.6, 0.9), TimedWord("was.", 0.6, end_s, 0.8))
    return Final(4, start_s, end_s, text, 0.9, True, False, TIMING, words)


EVENTS: list[Event] = [
    SpeechStarted(0.4),
    interim(0.4, 1.0),
    final(0.4, 1.6),
    replace(final(2.0, 3.0), endpoint=False, requested=True),
    UtteranceEnd(3.0),
    StreamEnded(4.5, "ab" * 32, 2),
]


def writer() -> MessageWriter:
    return MessageWriter("11111111-2222-3333-4444-555555555555", MODEL, "2025-05-05T12:00:00Z")


def test_a_word_is_bare_and_as_it_is_written() -> None:
    (alternative,) = writer().message(final(0.4, 1.6))["channel"]["alternatives"]
    assert alternative["words"] == [
        {"word": "it", "start": 0.4, "end": 0.6, "confidence": 0.9, "punctuated_word": "It"},
        {"word": "was", "start": 0.6, "end": 1.6, "confidence": 0.8, "punctuated_word": "was."},
    ]


# -- the query -----------------------------------------------------------------------------------


def test_what_is_not_said_takes_the_defaults() -> None:
    assert parse_query(RAW) == StreamOptions(
        encoding="linear16",
        sample_rate_hz=16_000,
        channels=1,
        interim_results=False,
        endpoint_silence_s=0.2,
        utterance_end_s=None,
        speech_events=False,
    )


def test_everything_that_can_be_said_is_understood() -> None:
    said = {
        "encoding": "linear32",
        "sample_rate": "48000",
        "channels": "2",
        "interim_results": "True",
        "vad_events": "true",
        "endpointing": "350",
        "utterance_end_ms": "1000",
    }
    expected = StreamOptions("linear32", 48_000, 2, True, 0.35, 1.0, True, interim_words=True)
    assert parse_query(said) == expected
    assert parse_query(said | {"lab_interim_words": "false"}) == replace(
        expected, interim_words=False
    )
    asked = {"lab_eot_timeout_ms": "1500", "lab_eot_threshold": "0.7"}
    expected = replace(expected, unfinished_silence_s=1.5, finished_probability=0.7)
    assert parse_query(said | asked) == expected
    assert parse_query(deepgram.query_for(expected, "a model")) == expected


@pytest.mark.parametrize(
    ("said", "silence_s"),
    [("false", None), ("False", None), ("10", 0.1), ("0", 0.1), ("200", 0.2), ("5000", 5.0)],
)
def test_endpointing_is_milliseconds_or_false_and_has_a_floor(
    said: str, silence_s: float | None
) -> None:
    assert parse_query(RAW | {"endpointing": said}).endpoint_silence_s == silence_s


def test_names_that_mean_nothing_here_are_ignored() -> None:
    extra = {"model": "nova-3", "language": "en", "smart_format": "true", "keyterm": "x", "odd": ""}
    assert parse_query(RAW | extra) == parse_query(RAW)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"encoding": "speex"}, "speex"),
        ({"encoding": "opus", "channels": "3"}, "3 channels"),
        ({"encoding": ""}, "encoding"),
        ({"lab_eot_timeout_ms": "99"}, "lab_eot_timeout_ms is '99'"),
        ({"lab_eot_timeout_ms": "10001"}, "100 to 10,000"),
        ({"lab_eot_timeout_ms": "1000", "endpointing": "false"}, "with endpointing=false"),
        ({"lab_eot_threshold": "1.1"}, "lab_eot_threshold is '1.1'"),
        ({"lab_eot_threshold": "nan"}, "lab_eot_threshold is 'nan'"),
        ({"sample_rate": "fast"}, "sample_rate is 'fast'"),
        ({"sample_rate": "16000.0"}, "sample_rate is '16000.0'"),
        ({"sample_rate": ""}, "sample_rate"),
        ({"channels": "0"}, "channels is '0'"),
        ({"channels": "9"}, "1 to 8"),
        ({"interim_results": "yes"}, "interim_results is 'yes'"),
        ({"vad_events": "1"}, "vad_events"),
        ({"endpointing": "true"}, "endpointing is 'true'"),
        ({"endpointing": "-5"}, "endpointing is '-5'"),
        ({"utterance_end_ms": "999", "interim_results": "true"}, "at least 1000"),
        ({"utterance_end_ms": "1000"}, "interim_results=true"),
        ({"sample_rate": "9" * 5_000}, "sample_rate"),
    ],
)
def test_a_value_without_meaning_is_refused_by_name(said: dict[str, str], named: str) -> None:
    with pytest.raises(InvalidParameter, match=named):
        parse_query(RAW | said)


@pytest.mark.parametrize("rate", ["0", "4000", "1000000"])
def test_a_rate_that_carries_no_speech_is_refused(rate: str) -> None:
    with pytest.raises(UnsupportedSampleRate):
        parse_query(RAW | {"sample_rate": rate})


def test_containers_are_sent_elsewhere() -> None:
    with pytest.raises(InvalidParameter, match="audio:transcribe"):
        parse_query({"sample_rate": "16000"})
    with pytest.raises(InvalidParameter, match="sample_rate is missing"):
        parse_query({"encoding": "linear16"})


@pytest.mark.parametrize(
    "options",
    [
        StreamOptions(),
        StreamOptions("linear32", 48_000, 2, True, None, 1.5, False),
        StreamOptions("linear16", 8_000, 1, False, 0.35, None, True),
    ],
)
def test_what_our_client_asks_for_is_what_our_server_understands(options: StreamOptions) -> None:
    query = deepgram.query_for(options, "any")
    assert parse_query(query) == options
    assert query["model"] == "any"


# -- what the client says ------------------------------------------------------------------------


@pytest.mark.parametrize("command", list(Command))
def test_commands_are_understood(command: Command) -> None:
    assert parse_command(json.dumps({"type": command, "extra": 1})) is command


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[]",
        "3",
        "null",
        '"KeepAlive"',
        "{}",
        '{"type":"Dance"}',
        '{"type":{}}',
        '{"type":null}',
        '{"type":"keepalive"}',
        "[" * 100_000,
        '{"type":' + "1" * 10_000 + "}",
        '{"type":NaN}',
        '{"type":1e999}',
        '{"type":"\\ud800"}',
        '{"type":"KeepAlive","type":5}',
        '{"type":' + "[" * 500 + "]" * 500 + "}",
        '{"type":' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"type":"' + "x" * 100_000 + '"}',
        '{"type":"KeepAlive"' + " " * 4_096 + "}",
    ],
)
def test_whatever_else_is_said_is_an_error_that_keeps_the_stream(text: str) -> None:
    with pytest.raises(InvalidMessage) as refused:
        parse_command(text)
    message = deepgram.error_message(refused.value, text)
    assert len(json.dumps(message)) < 2_000
    assert message["type"] == "Error"
    assert message["variant"] == "SchemaError"
    assert message["code"] == "INVALID_MESSAGE"
    assert "KeepAlive" in message["description"]
    assert len(json.dumps(message)) < 2_000


# -- what the server says ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "model"),
    [
        (EVENTS[0], ListenV1SpeechStarted),
        (EVENTS[1], ListenV1Results),
        (EVENTS[2], ListenV1Results),
        (EVENTS[4], ListenV1UtteranceEnd),
        (EVENTS[5], ListenV1Metadata),
    ],
)
def test_the_providers_own_models_accept_every_message(event: Event, model: type) -> None:
    """Strictly: the SDK would also take a broken one, and fail in the learner's hands."""
    message = writer().message(event)
    parsed = model.model_validate(message)
    assert parsed.type == message["type"]
    assert construct_type(type_=model, object_=message) is not None


def test_an_interim_is_neither_final_nor_an_endpoint() -> None:
    message = writer().message(interim(0.4, 1.0, "it was"))
    assert (message["is_final"], message["speech_final"]) == (False, False)
    assert message["channel"]["alternatives"][0] == {
        "transcript": "it was",
        "confidence": 0.8,
        "words": [],
    }
    assert message["channel_index"] == [0, 1]


@pytest.mark.parametrize(("endpoint", "requested"), [(True, False), (False, True), (False, False)])
def test_a_final_says_why_it_is_one(endpoint: bool, requested: bool) -> None:
    event = replace(final(0.4, 1.6), endpoint=endpoint, requested=requested)
    message = writer().message(event)
    assert message["is_final"] is True
    assert message["speech_final"] is endpoint
    assert message["from_finalize"] is requested


def test_every_message_names_the_request_and_the_model() -> None:
    results, ended = writer().message(final(0, 1)), writer().message(EVENTS[5])
    assert results["metadata"]["request_id"] == ended["request_id"]
    assert results["metadata"]["model_info"] == {
        "name": "moonshine-tiny-en",
        "version": "0.0.62",
        "arch": "moonshine",
    }
    assert (ended["sha256"], ended["duration"], ended["channels"]) == ("ab" * 32, 4.5, 2)
    assert ended["created"] == "2025-05-05T12:00:00Z"


def test_finals_cover_the_stream_without_gap_or_overlap() -> None:
    """Each begins where the one before ended, though speech began later, or a little earlier:
    after a requested final the next onset may lie a window before it."""
    says = writer()
    covered_s = 0.0
    spans = [(0.4, 1.6), (2.2, 3.0), (3.0, 3.0), (2.95, 4.0), (4.0, 5.5)]
    for start_s, end_s in spans:
        for event in (interim(start_s, end_s), final(start_s, end_s)):
            message = says.message(event)
            assert message["start"] == pytest.approx(covered_s)
            assert message["start"] + message["duration"] == pytest.approx(end_s)
            assert message["duration"] >= 0
        covered_s = end_s


def test_a_result_that_ends_before_what_is_covered_has_no_negative_length() -> None:
    says = writer()
    says.message(final(0.4, 2.0))
    assert says.message(interim(1.8, 1.9))["duration"] >= 0


@pytest.mark.parametrize("event", EVENTS)
def test_what_our_server_says_is_what_our_client_hears(event: Event) -> None:
    message = writer().message(event)
    deepgram.stamp(message, 123)
    told = parse_message(json.dumps(message))
    assert told.sent_ns == 123
    assert told.event == event


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"type":"Results"}', '{"type":"Error","lab":{"sent_ns":1}}']
)
def test_what_our_client_does_not_understand_it_says(text: str) -> None:
    with pytest.raises(InvalidMessage, match="server message"):
        parse_message(text)


# -- refusals and closes -------------------------------------------------------------------------

WORDS = ("it came", "it should", "do that")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Unauthenticated(*WORDS), 401, "INVALID_AUTH"),
        (InvalidParameter(*WORDS), 400, "INVALID_QUERY_PARAMETER"),
        (UnsupportedSampleRate(*WORDS), 400, "INVALID_QUERY_PARAMETER"),
        (SystemOverloaded(*WORDS), 503, "TOO_MANY_REQUESTS"),
        (ModelNotLoaded(*WORDS), 503, "MODEL_NOT_LOADED"),
    ],
)
def test_a_refusal_is_in_the_providers_form(error: LabError, status: int, code: str) -> None:
    refusal = deepgram.refusal(error, "an-id")
    assert refusal.status == status
    assert refusal.body == {
        "err_code": code,
        "err_msg": "it came; expected: it should; do that",
        "request_id": "an-id",
    }
    assert refusal.headers["dg-request-id"] == "an-id"
    assert refusal.headers["dg-error"] == "it came; expected: it should; do that"


def test_an_overloaded_server_says_when_to_come_back() -> None:
    error = SystemOverloaded(*WORDS, retry_after_s=2.6)
    assert deepgram.refusal(error, "id").headers["retry-after"] == "3"


@pytest.mark.parametrize("said", ["\r\nset-cookie: a", "\x00\x1b\x7f", "日本 – é", "x" * 100_000])
def test_what_a_client_says_cannot_break_the_headers(said: str) -> None:
    error = InvalidParameter(f"encoding '{said}' is", "unknown", "correct it")
    value = deepgram.refusal(error, "id").headers["dg-error"]
    assert all(character == " " or character.isprintable() for character in value)
    assert len(value.encode("latin-1")) < 2_000


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (InvalidAudioFormat(*WORDS), 1008, "DATA-0000: it came; it should"),
        (PayloadTooLarge(*WORDS), 1008, "DATA-0000: it came; it should"),
        (StreamIdle(*WORDS), 1011, "NET-0001: it came; it should"),
        (SlowConsumer(*WORDS), 1008, "SLOW-CONSUMER: it came; it should"),
        (SystemOverloaded(*WORDS), 1011, "SYSTEM_OVERLOADED: it came; it should"),
        (LabError(*WORDS), 1011, "INTERNAL: it came; it should"),
    ],
)
def test_a_close_says_who_is_to_blame(error: LabError, code: int, reason: str) -> None:
    close_frame = deepgram.close_frame(error)
    assert (close_frame.code, close_frame.reason) == (code, reason)


def test_a_reason_fits_into_a_close_frame_whatever_it_says() -> None:
    close_frame = deepgram.close_frame(InvalidAudioFormat("é" * 200, "x", "y"))
    assert len(close_frame.reason.encode()) <= 123
    assert close_frame.reason.startswith("DATA-0000: é")


@pytest.mark.parametrize("kind", list(PriorityClass))
def test_the_priority_is_a_parameter_of_ours(kind: PriorityClass) -> None:
    options = StreamOptions(priority_class=kind)
    query = deepgram.query_for(options, "nova-3")
    assert parse_query(query).priority_class is kind
    assert ("lab_priority" in query) is (kind is not PriorityClass.INTERACTIVE)


def test_a_priority_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidParameter, match="interactive, standard, batch"):
        parse_query(RAW | {"lab_priority": "urgent"})


def test_optional_steps_are_asked_for_as_the_provider_names_them() -> None:
    said = RAW | {"punctuate": "true", "numerals": "true", "redact": "true"}
    assert parse_query(said).postprocess == ("punctuate", "numerals", "redact")
    options = StreamOptions(postprocess=("numerals", "redact"))
    assert parse_query(deepgram.query_for(options, "nova-3")).postprocess == ("numerals", "redact")
    assert parse_query(RAW | {"redact": "false"}).postprocess == ()


@pytest.mark.parametrize(
    ("asked", "kinds"),
    [
        ("pci", "card,account"),
        ("ssn", "national_number"),
        ("pci,name", "card,account,name"),
        ("numbers", "card,phone,national_number,date_of_birth,account"),
        ("pii", "true"),
        ("pci,blood_type", "true"),
    ],
)
def test_redaction_is_of_the_kinds_that_the_provider_groups(asked: str, kinds: str) -> None:
    """What we have no kind for redacts everything, and not nothing."""
    options = parse_query(RAW | {"redact": asked})
    assert redact_value(options.postprocess) == kinds
    assert parse_query(deepgram.query_for(options, "nova-3")).postprocess == options.postprocess
