"""Amazon Transcribe without a socket: what is asked for, what frames mean, what events become."""

import json
from typing import Any

import pytest
from amazon_calls import ASKED
from amazon_transcribe.deserialize import TranscribeStreamingEventParser
from amazon_transcribe.eventstream import EventStreamBuffer
from amazon_transcribe.exceptions import BadRequestException, ServiceUnavailableException
from hypothesis import given, settings
from hypothesis import strategies as st

from lab_kit.core.errors import (
    GoingAway,
    InvalidAudioFormat,
    InvalidMessage,
    InvalidParameter,
    LabError,
    PayloadTooLarge,
    QuotaExceeded,
    StreamIdle,
    SystemOverloaded,
    Unauthenticated,
)
from lab_kit.core.events import (
    Event,
    Final,
    Interim,
    SpeechStarted,
    StreamEnded,
    TimedWord,
    Timing,
    UtteranceEnd,
)
from lab_kit.core.personal_data import redact_value
from lab_kit.dialects.amazon import client
from lab_kit.dialects.amazon.errors import ending, exception_frame, refusal
from lab_kit.dialects.amazon.event_stream import Frame, decoded, encoded
from lab_kit.dialects.amazon.options import (
    Stability,
    answer_headers,
    check_fields,
    fields_of_headers,
    fields_of_query,
    parse_fields,
)
from lab_kit.dialects.amazon.server import TranscriptWriter, sound_of
from lab_kit.dialects.amazon.settling import HELD_BACK_WORDS, Settling, Word
from lab_kit.dialects.amazon.signature import ChunkSignatures, InvalidChunk, Scope, Signed

TIMING = Timing(1.5, 10, 20, 30, 40, 50, 60)
STABLE = {"enable-partial-results-stabilization": "true"}
SIGNED = Signed(Scope("id", "20260228", "eu"), "20260228T235800Z", "", "00" * 32, None)
UNKNOWN = ChunkSignatures(SIGNED, None)


# -- what is asked for ---------------------------------------------------------------------------


def test_opus_is_heard_in_ogg() -> None:
    assert parse_fields({**ASKED, "media-encoding": "ogg-opus"}).options.encoding == "opus"


def test_the_same_is_asked_for_by_headers_and_by_an_address() -> None:
    headers = {f"x-amzn-transcribe-{name}": value for name, value in ASKED.items()}
    assert fields_of_headers({**headers, "host": "localhost", "x-amz-date": "now"}) == ASKED
    assert fields_of_query({**ASKED, "X-Amz-Date": "now", "X-Amz-Signature": "0"}) == ASKED


@pytest.mark.parametrize("off", ["false", "False", "FALSE"])
def test_a_switch_that_is_off_is_as_one_that_is_not_there(off: str) -> None:
    switches = {
        "show-speaker-label": off,
        "enable-channel-identification": off,
        "identify-language": off,
        "identify-multiple-languages": off,
        "enable-partial-results-stabilization": off,
    }
    assert fields_of_query({**ASKED, **switches}) == ASKED
    check_fields(fields_of_query({**ASKED, **switches}))


def test_what_is_asked_for_is_a_streams_options() -> None:
    asked = parse_fields(ASKED)
    assert asked.options.encoding == "linear16"
    assert asked.options.sample_rate_hz == 16_000
    assert asked.options.channels == 1
    assert asked.options.interim_results
    assert (asked.session_id, asked.stability, asked.language) == (None, None, None)
    assert not asked.has_channels


@pytest.mark.parametrize(
    ("level", "expected"), [(None, "high"), ("low", "low"), ("medium", "medium"), ("high", "high")]
)
def test_partial_results_are_settled_where_that_is_asked_for(
    level: str | None, expected: str
) -> None:
    told = {} if level is None else {"partial-results-stability": level}
    assert parse_fields(fields_of_query({**ASKED, **told, **STABLE})).stability == expected
    assert parse_fields({**ASKED, **told}).stability is None
    upper = {"enable-partial-results-stabilization": "True"}
    assert parse_fields(fields_of_query({**ASKED, **told, **upper})).stability == expected


def test_channels_and_languages_are_named_where_that_is_asked_for() -> None:
    two = {"enable-channel-identification": "true", "number-of-channels": "2"}
    asked = parse_fields({**ASKED, **two})
    assert asked.has_channels
    assert asked.options.channels == 2
    found = {"identify-language": "true", "language-options": "de-DE,en-GB,en-US"}
    others = {name: value for name, value in ASKED.items() if name != "language-code"}
    assert parse_fields({**others, **found}).language == "en-GB"
    assert parse_fields({**others, "identify-multiple-languages": "true"}).language == "en-US"


def test_redaction_is_a_step_of_ours() -> None:
    asked = parse_fields({**ASKED, "content-redaction-type": "PII"})
    assert asked.options.postprocess == ("redact",)


@pytest.mark.parametrize(
    ("types", "kinds"),
    [("ALL", "true"), ("NAME", "name"), ("CREDIT_DEBIT_NUMBER, PIN", "card,account")],
)
def test_the_types_of_entities_are_kinds_of_ours(types: str, kinds: str) -> None:
    asked = parse_fields({**ASKED, "content-redaction-type": "PII", "pii-entity-types": types})
    assert redact_value(asked.options.postprocess) == kinds


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"media-encoding": None}, "no media-encoding"),
        ({"media-encoding": "mp3"}, "media-encoding='mp3'"),
        ({"media-encoding": "flac"}, "media-encoding=flac, which is not imitated"),
        ({"sample-rate": None}, "no sample-rate"),
        ({"sample-rate": "7999"}, "sample-rate='7999'"),
        ({"sample-rate": "48001"}, "8,000 to 48,000"),
        ({"sample-rate": "-16000"}, "sample-rate"),
        ({"sample-rate": "١٦٠٠٠"}, "sample-rate"),
        ({"sample-rate": "9" * 5_000}, "sample-rate"),
        ({"language-code": None}, "no language-code"),
        ({"language-code": ""}, "language-code of 0"),
        ({"language-code": "x" * 36}, "language-code of 36"),
        ({"identify-language": "true"}, "language-code with identify-language"),
        ({"identify-language": "perhaps"}, "identify-language='perhaps'"),
        ({"session-id": "one"}, "session-id='one'"),
        ({"partial-results-stability": "highest"}, "'highest'"),
        ({"number-of-channels": "2"}, "both, or none"),
        ({"enable-channel-identification": "true"}, "both, or none"),
        (
            {"enable-channel-identification": "true", "number-of-channels": "3"},
            "number-of-channels='3'",
        ),
        (
            {
                "enable-channel-identification": "true",
                "number-of-channels": "2",
                "show-speaker-label": "true",
            },
            "show-speaker-label with",
        ),
        ({"content-redaction-type": "all"}, "content-redaction-type='all'"),
        (
            {"content-redaction-type": "PII", "content-identification-type": "PII"},
            "with content-identification-type",
        ),
        (
            {"content-redaction-type": "PII", "pii-entity-types": "NAME,AGE"},
            "pii-entity-types=AGE",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(changes: dict[str, str | None], named: str) -> None:
    asked = {n: v for n, v in {**ASKED, **changes}.items() if v is not None}
    with pytest.raises(InvalidParameter) as refused:
        parse_fields(asked)
    assert named in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    "name",
    [
        *("show-speaker-label", "vocabulary-name", "vocabulary-filter-method"),
        *("language-model-name", "content-identification-type", "enable-channel-identification"),
        *("identify-language", "language-options", "preferred-language", "x-unheard-of"),
    ],
)
def test_what_is_not_imitated_is_named_where_somebody_asks(name: str) -> None:
    check_fields({**ASKED, **STABLE, "partial-results-stability": "low"})
    with pytest.raises(InvalidParameter, match=f"'{name}=true', which is not imitated"):
        check_fields({**ASKED, name: "true"})
    with pytest.raises(InvalidParameter, match="language-code=de-DE"):
        check_fields({**ASKED, "language-code": "de-DE"})


def test_an_answer_tells_what_was_asked_for_and_no_more() -> None:
    told = answer_headers({**ASKED, "unheard-of": "x"}, "a-session")
    assert told == {
        "x-amzn-transcribe-language-code": "en-US",
        "x-amzn-transcribe-sample-rate": "16000",
        "x-amzn-transcribe-media-encoding": "pcm",
        "x-amzn-transcribe-session-id": "a-session",
    }


# -- a client's frames ---------------------------------------------------------------------------


def heard(data: bytes, must_be_signed: bool = False) -> bytes:
    return sound_of(data, UNKNOWN, 0.0, must_be_signed=must_be_signed)


def test_an_event_is_its_sound_and_an_empty_one_the_end() -> None:
    assert heard(client.audio_frame(b"sound")) == b"sound"
    assert heard(client.audio_frame(b"")) == b""
    bare = {":message-type": "event", ":event-type": "AudioEvent"}
    assert heard(encoded(Frame(bare))) == b""


def test_an_unsigned_event_is_refused_where_all_are_signed() -> None:
    with pytest.raises(InvalidChunk):
        heard(client.audio_frame(b"sound"), must_be_signed=True)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {":message-type": "event"},
        {":message-type": "event", ":event-type": "ConfigurationEvent"},
        {":message-type": "exception", ":event-type": "AudioEvent"},
        {":message-type": True, ":event-type": b"AudioEvent"},
    ],
)
def test_another_kind_of_frame_is_refused(headers: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage, match="AudioEvent"):
        heard(encoded(Frame(headers, b"sound")))


def test_an_event_has_32_kilobytes_at_most() -> None:
    assert len(heard(client.audio_frame(bytes(32_768)))) == 32_768
    with pytest.raises(PayloadTooLarge, match="32,769"):
        heard(client.audio_frame(bytes(32_769)))


# -- events --------------------------------------------------------------------------------------


def timed(text: str) -> tuple[TimedWord, ...]:
    return tuple(TimedWord(w, n / 2, n / 2 + 0.4, 0.9) for n, w in enumerate(text.split()))


def interim(text: str, stable: int = 0, *, has_words: bool = True) -> Interim:
    return Interim(1, 0.4, 1.0, text, stable, 0.8, TIMING, timed(text) if has_words else ())


def final(text: str) -> Final:
    return Final(2, 0.4, 2.0, text, 0.9, True, False, TIMING, timed(text))


def writer(**asked: str) -> TranscriptWriter:
    names = iter(f"segment {number}" for number in range(100))
    fields = {name.replace("_", "-"): value for name, value in asked.items()}
    return TranscriptWriter(parse_fields({**ASKED, **fields}), "3", lambda: next(names))


def stable_writer(level: str, **asked: str) -> TranscriptWriter:
    return writer(
        enable_partial_results_stabilization="true", partial_results_stability=level, **asked
    )


def body(data: bytes | None) -> dict[str, Any]:
    assert data is not None
    frame = decoded(data, client.MOST_BYTES)
    assert frame.headers == {
        ":message-type": "event",
        ":event-type": "TranscriptEvent",
        ":content-type": "application/json",
    }
    told: dict[str, Any] = json.loads(frame.payload)
    return told


def result(data: bytes | None) -> dict[str, Any]:
    [only] = body(data)["Transcript"]["Results"]
    assert isinstance(only, dict)
    return only


def in_sdk(data: bytes) -> Any:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return TranscribeStreamingEventParser().parse(next(buffer))


def test_a_segment_keeps_its_name_from_its_first_partial_result_to_its_last() -> None:
    told = writer()
    names = [
        result(told.frame(event, 0))["ResultId"]
        for event in (interim("a"), interim("a b"), final("A b."), interim("c"), final("C."))
    ]
    assert names == ["segment 0"] * 3 + ["segment 1"] * 2


def test_a_result_in_the_sdks_eyes() -> None:
    frame = writer().frame(final('"Well," he said.'), 0)
    assert frame is not None
    [one] = in_sdk(frame).transcript.results
    assert (one.start_time, one.end_time, one.is_partial) == (0.0, 2.0, False)
    assert (one.channel_id, one.language_code) == (None, None)
    [alternative] = one.alternatives
    assert alternative.transcript == '"Well," he said.'
    assert [(item.item_type, item.content) for item in alternative.items] == [
        ("punctuation", '"'),
        ("pronunciation", "Well"),
        ("punctuation", ","),
        ("punctuation", '"'),
        ("pronunciation", "he"),
        ("pronunciation", "said"),
        ("punctuation", "."),
    ]
    times = [(item.start_time, item.end_time) for item in alternative.items]
    assert times[0] == (0.0, 0.0)
    assert times[1:4] == [(0.0, 0.4), (0.4, 0.4), (0.4, 0.4)]
    assert times == sorted(times)
    confidences = [item.confidence for item in alternative.items]
    assert confidences == [None, 0.9, None, None, 0.9, 0.9, None]
    assert {item.stable for item in alternative.items} == {None}


def test_marks_inside_a_word_are_the_words_and_marks_alone_are_marks() -> None:
    items = result(writer().frame(final("it's $4.50 -- twenty-one"), 0))["Alternatives"][0]["Items"]
    assert [(item["Type"][:4], item["Content"]) for item in items] == [
        *[("pron", "it's"), ("punc", "$"), ("pron", "4.50")],
        *[("punc", "-"), ("punc", "-"), ("pron", "twenty-one")],
    ]


def test_words_without_times_have_none() -> None:
    told = result(writer().frame(interim("two words", has_words=False), 0))
    items = told["Alternatives"][0]["Items"]
    assert [item["Content"] for item in items] == ["two", "words"]
    assert not any("StartTime" in item or "Confidence" in item for item in items)


def test_channel_and_language_are_named_where_that_was_asked_for() -> None:
    two = writer(enable_channel_identification="true", number_of_channels="2")
    assert result(two.frame(final("a"), 0))["ChannelId"] == "ch_0"
    assert "LanguageCode" not in result(writer().frame(final("a"), 0))


def test_a_segment_that_was_no_speech_ends_where_it_was_told_of() -> None:
    told = writer()
    assert body(told.frame(final(""), 0))["Transcript"]["Results"] == []
    assert body(told.frame(interim(""), 0))["Transcript"]["Results"] == []
    begun = result(told.frame(interim("a"), 0))
    ended = result(told.frame(final(""), 0))
    assert ended["ResultId"] == begun["ResultId"]
    assert not ended["IsPartial"]
    assert ended["Alternatives"] == [{"Transcript": "", "Items": []}]


def test_for_what_there_is_no_word_nothing_is_told() -> None:
    assert writer().frame(SpeechStarted(0.0), 0) is None
    assert writer().frame(UtteranceEnd(0.0), 0) is None
    assert in_sdk(writer().frame(StreamEnded(1.0, "0", 1), 0) or b"").transcript.results == []


@pytest.mark.parametrize(
    "event", [interim("a few words", 3), final("A few words."), StreamEnded(1.5, "00", 1)]
)
def test_our_client_reads_the_event_again(event: Event) -> None:
    frame = writer().frame(event, 77)
    assert frame is not None
    assert client.parse_frame(frame) == (event, 77, "3")


def test_our_client_tells_an_exception() -> None:
    frame = exception_frame(GoingAway("the server stops", "another", "connect again"), 10.0)
    with pytest.raises(InvalidMessage, match="ServiceUnavailableException"):
        client.parse_frame(frame)
    for other in (b"{}", b"[]", b'{"Transcript": {"Results": [{}]}}', b"\xff"):
        headers = {":message-type": "event", ":event-type": "TranscriptEvent"}
        with pytest.raises(InvalidMessage):
            client.parse_frame(encoded(Frame(headers, other)))


# -- words that settle ---------------------------------------------------------------------------


def test_a_settled_word_stays_though_the_recognizer_changes_its_mind() -> None:
    told = stable_writer("high")
    told.frame(interim("a nice man", 0), 0)
    second = result(told.frame(interim("a nice man cave", len("a nice man")), 0))
    items = second["Alternatives"][0]["Items"]
    assert [(item["Content"], item["Stable"]) for item in items] == [
        *[("a", True), ("nice", True), ("man", False), ("cave", False)]
    ]
    third = result(told.frame(interim("an ice man came", 0), 0))
    assert third["Alternatives"][0]["Transcript"] == "a nice man came"
    last = result(told.frame(final("An ice man came."), 0))
    assert last["Alternatives"][0]["Transcript"] == "a nice man came."
    assert all(item["Stable"] for item in last["Alternatives"][0]["Items"])
    after = result(told.frame(final("An ice man came."), 0))
    assert after["Alternatives"][0]["Transcript"] == "An ice man came."


def test_a_result_with_words_of_earlier_passes_holds_their_times_in_order() -> None:
    told = stable_writer("high")
    told.frame(interim("a nice man cave", len("a nice man cave")), 0)
    later = tuple(TimedWord(w, 0.3 + n / 10, 0.4 + n / 10, 0.9) for n, w in enumerate("xyz"))
    last = result(told.frame(Final(2, 0.3, 0.6, "x y z", 0.9, True, False, TIMING, later), 0))
    assert (last["StartTime"], last["EndTime"]) == (0.0, 1.4)
    starts = [item["StartTime"] for item in last["Alternatives"][0]["Items"]]
    assert starts == sorted(starts)


def test_marks_are_settled_with_their_segment() -> None:
    told = stable_writer("high")
    text = "best of times. it was"
    partial = result(told.frame(interim(text, len(text)), 0))["Alternatives"][0]
    assert [(i["Content"], i["Stable"]) for i in partial["Items"]][2:5] == [
        ("times", True),
        (".", False),
        ("it", True),
    ]
    complete = result(told.frame(final("Best of times, it was."), 0))["Alternatives"][0]
    assert complete["Transcript"] == "best of times, it was."


def test_without_stabilization_nothing_is_held_and_nothing_said_of_it() -> None:
    told = writer()
    told.frame(interim("a nice man", len("a nice man")), 0)
    changed = result(told.frame(interim("an ice man"), 0))["Alternatives"][0]
    assert changed["Transcript"] == "an ice man"
    assert not any("Stable" in item for item in changed["Items"])


def test_what_redaction_may_withhold_is_never_settled() -> None:
    told = stable_writer("high", content_redaction_type="PII")
    text = "call me at eight hundred please"
    partial = result(told.frame(interim(text, len(text)), 0))["Alternatives"][0]
    assert not any(item["Stable"] for item in partial["Items"])
    complete = result(told.frame(final("[withheld]"), 0))["Alternatives"][0]
    assert complete["Transcript"] == "[withheld]"


WORDS = st.lists(
    st.sampled_from(["a", "b", "c,", "d.", "it", "It"]).map(Word), min_size=1, max_size=12
)


def spoken(words: Any) -> list[str]:
    return [word.parts[1] for word in words]


@given(st.lists(st.tuples(WORDS, st.integers(0, 12)), max_size=8), WORDS)
@settings(deadline=None, database=None)
def test_whatever_the_recognizer_says_settled_words_stay(
    passes: list[tuple[list[Word], int]], complete: list[Word]
) -> None:
    for level in Stability:
        settling, settled = Settling(level), list[str]()
        for words, agreed in passes:
            told, count = settling.follow(words, min(agreed, len(words)))
            assert spoken(told)[: len(settled)] == settled
            assert count >= len(settled)
            settled = spoken(told)[:count]
        assert spoken(settling.complete(complete))[: len(settled)] == settled
        assert settling.complete(complete) == tuple(complete)


def test_the_higher_the_level_the_sooner_a_word_is_settled() -> None:
    words = [Word(str(number)) for number in range(10)]
    counts = [Settling(level).follow(words, 10)[1] for level in Stability]
    assert counts == [10 - HELD_BACK_WORDS[level] for level in Stability]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def test_a_word_that_came_in_between_does_not_come_twice() -> None:
    settling = Settling(Stability.HIGH)
    begun, whole = "it was the best of", "it was the best of times"
    for complete in (f"well {whole}", "it was best of times", whole):
        settling.follow(in_words(begun), 5)
        assert " ".join(spoken(settling.complete(in_words(complete)))) == whole


def in_words(text: str) -> list[Word]:
    return [Word(word) for word in text.split()]


# -- errors --------------------------------------------------------------------------------------


def error(kind: type[LabError]) -> LabError:
    return kind("this", "that", "do so")


@pytest.mark.parametrize(
    ("kind", "status", "name"),
    [
        (Unauthenticated, 403, "UnrecognizedClientException"),
        (InvalidParameter, 400, "BadRequestException"),
        (QuotaExceeded, 429, "LimitExceededException"),
        (SystemOverloaded, 503, "ServiceUnavailableException"),
        (LabError, 500, "InternalFailureException"),
    ],
)
def test_a_request_is_refused_in_the_providers_words(
    kind: type[LabError], status: int, name: str
) -> None:
    refused = refusal(error(kind), "a-request")
    assert refused.status == status
    assert refused.headers["x-amzn-errortype"] == name
    assert refused.headers["x-amzn-request-id"] == "a-request"
    assert ("retry-after" in refused.headers) == kind.retryable
    assert list(refused.body) == ["Message"]


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        (InvalidAudioFormat, "BadRequestException", 1008),
        (PayloadTooLarge, "BadRequestException", 1008),
        (GoingAway, "ServiceUnavailableException", 1001),
        (LabError, "InternalFailureException", 1011),
        (Unauthenticated, "BadRequestException", 1008),
    ],
)
def test_a_streams_last_frame_is_an_exception(kind: type[LabError], name: str, code: int) -> None:
    frame = decoded(exception_frame(error(kind), 10.0))
    assert frame.headers[":message-type"] == "exception"
    assert frame.headers[":exception-type"] == name
    closed = ending(kind("this" * 100, "that", "do so"))
    assert closed.code == code
    assert closed.reason.startswith(f"{kind.reason}: this")
    assert len(closed.reason) == 123


def test_the_sdk_raises_what_it_is_told() -> None:
    with pytest.raises(BadRequestException, match="no new audio was received for 12\\.5 seconds"):
        in_sdk(exception_frame(error(StreamIdle), 12.5))
    with pytest.raises(ServiceUnavailableException, match="this; expected: that"):
        in_sdk(exception_frame(error(GoingAway), 10.0))
