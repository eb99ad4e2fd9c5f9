"""AssemblyAI's streaming dialect without a socket: what is asked, a turn's messages, the ends."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from assemblyai.streaming.v3 import models

from lab_kit.core.errors import (
    Forbidden,
    GoingAway,
    InvalidAudioFormat,
    InvalidMessage,
    InvalidParameter,
    LabError,
    PayloadTooLarge,
    QuotaExceeded,
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
    SpeechStarted,
    StreamEnded,
    StreamOptions,
    TimedWord,
    Timing,
    UtteranceEnd,
)
from lab_kit.dialects.assemblyai.streaming import client
from lab_kit.dialects.assemblyai.streaming.conversation import StreamingConversation
from lab_kit.dialects.assemblyai.streaming.errors import (
    LONGEST_REASON_BYTES,
    SessionExpired,
    closing,
)
from lab_kit.dialects.assemblyai.streaming.options import (
    MOST_COMMAND_CHARS,
    check_settings,
    parse_query,
    parse_token_query,
    stream_options,
)
from lab_kit.dialects.assemblyai.streaming.server import MOST_TURN_WORDS, StreamingSession
from lab_kit.protocol.judge import judged
from lab_kit.protocol.judge import seen as judge
from lab_kit.protocol.judge.seen import Seen
from lab_kit.protocol.live import Audio, Change, Control

TIMING = Timing(1.5, 10, 20, 30, 40, 50, 60)
QUERY = {"sample_rate": "16000"}
WHAT = ("what happened", "what would have been right", "do it")


def words(text: str, start_s: float, word_s: float = 0.25) -> tuple[TimedWord, ...]:
    return tuple(
        TimedWord(word, start_s + n * word_s, start_s + (n + 1) * word_s, 0.9)
        for n, word in enumerate(text.split())
    )


def interim(text: str, stable: str = "", start_s: float = 0.5, heard_s: float = 0.0) -> Interim:
    """Heard until the end of its last word, and ``heard_s`` more; ``stable`` is agreed upon."""
    timed = words(text, start_s)
    until_s = timed[-1].end_s + heard_s
    return Interim(1, start_s, until_s, text, len(stable), 0.8, TIMING, timed)


def final(
    text: str,
    start_s: float = 0.5,
    endpoint: bool = True,
    requested: bool = False,
    probability: float | None = 0.7,
) -> Final:
    timed = words(text, start_s)
    end_s = timed[-1].end_s if timed else start_s
    return Final(
        2, start_s, end_s, text, 0.9, endpoint, requested, TIMING, timed, probability
    )  # fmt: skip


def session(is_strict: bool = False, **query: str) -> StreamingSession:
    asked = parse_query({**QUERY, **query})
    return StreamingSession(*asked, "an-id", "3", 1_000_000_000, 1_800_000_000, (), is_strict)


def told(one: StreamingSession, *events: Event, sent_ns: int = 5_400_000_000) -> list[Any]:
    """The messages, each of which the SDK understands as it is."""
    messages = [json.loads(text) for event in events for text in one.render(event, sent_ns)]
    for message in messages:
        getattr(models, f"{message['type']}Event").model_validate(message)
    return messages


def brief(messages: Sequence[Any]) -> list[tuple[int, str, str]]:
    """Of turns: the order, a sign of how far, and the text; what is not final behind a bar."""
    signs = {(False, False): "…", (True, False): ".", (True, True): "F"}
    return [
        (
            one["turn_order"],
            signs[one["end_of_turn"], one["turn_is_formatted"]],
            " ".join(
                [one["transcript"]]
                + ["|" + w["text"] for w in one["words"] if not w["word_is_final"]]
            ).strip(),
        )
        for one in messages
    ]


# -- what is asked -------------------------------------------------------------------------------


def test_a_session_is_asked_for_as_the_sdk_writes_it() -> None:
    """Its booleans are Python's, its lists JSON."""
    asked = parse_query(
        {
            "sample_rate": "8000",
            "encoding": "pcm_mulaw",
            "format_turns": "True",
            "end_of_turn_confidence_threshold": "0.7",
            "min_turn_silence": "160",
            "max_turn_silence": "2400",
            "vad_threshold": "0.3",
            "language_codes": '["en", "en_us"]',
            "keyterms_prompt": '["two cities"]',
            "nobody_knows": "this",
        }
    )
    assert asked[1].format_turns
    options = stream_options(*asked, ("redact",))
    assert (options.encoding, options.sample_rate_hz) == ("mulaw", 8_000)
    assert (options.endpoint_silence_s, options.unfinished_silence_s) == (0.16, 2.4)
    assert (options.finished_probability, options.speech_probability) == (0.7, 0.3)
    assert (options.postprocess, options.interim_words) == (("redact",), True)


def test_what_is_not_said_is_the_providers_default_but_for_the_detectors_threshold() -> None:
    options = stream_options(*parse_query(QUERY))
    assert (options.endpoint_silence_s, options.unfinished_silence_s) == (0.4, 1.28)
    assert options.finished_probability == 0.4
    assert options.speech_probability == StreamOptions().speech_probability
    assert not options.speech_events


@pytest.mark.parametrize(
    ("silences", "seconds"),
    [
        ({"min_turn_silence": "20"}, (0.1, 1.28)),
        ({"min_turn_silence": "2000"}, (2.0, 2.0)),
        ({"min_end_of_turn_silence_when_confident": "500"}, (0.5, 1.28)),
        (
            {"min_end_of_turn_silence_when_confident": "500", "min_turn_silence": "300"},
            (0.3, 1.28),
        ),
    ],
)
def test_silences_are_never_shorter_than_stops_nor_the_longest_than_the_shortest(
    silences: dict[str, str], seconds: tuple[float, float]
) -> None:
    options = stream_options(*parse_query(QUERY | silences))
    assert (options.endpoint_silence_s, options.unfinished_silence_s) == seconds


def test_opus_needs_no_rate_and_has_its_own() -> None:
    for query in ({"encoding": "opus"}, {"encoding": "opus", "sample_rate": "16000"}):
        options = stream_options(*parse_query(query))
        assert (options.encoding, options.sample_rate_hz) == ("opus", 48_000)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"sample_rate": ""}, "sample_rate"),
        ({"sample_rate": "-1"}, "sample_rate"),
        ({"encoding": "aac"}, "encoding"),
        ({"encoding": "ogg_opus"}, "encoding"),
        ({"format_turns": "perhaps"}, "format_turns"),
        ({"min_turn_silence": "soon"}, "min_turn_silence"),
        ({"max_turn_silence": "60001"}, "max_turn_silence"),
        ({"vad_threshold": "1.5"}, "vad_threshold"),
        ({"end_of_turn_confidence_threshold": "nan"}, "end_of_turn_confidence_threshold"),
        ({"inactivity_timeout": "4"}, "inactivity_timeout"),
        ({"inactivity_timeout": "3601"}, "inactivity_timeout"),
        ({"speech_model": "x" * 101}, "speech_model"),
        ({"redact_pii": "True"}, "redact_pii"),
        ({"language_code": "de"}, "'de'"),
        ({"language": "fr"}, "'fr'"),
        ({"language_codes": '["en", "es"]'}, "'es'"),
        ({"language_codes": "es"}, "'es'"),
        ({"language_codes": '{"en": 1}'}, "of type dict"),
    ],
    ids=str,
)
def test_what_has_no_meaning_is_named(query: dict[str, str], named: str) -> None:
    with pytest.raises(InvalidParameter, match=named):
        parse_query(QUERY | query)


def test_a_rate_that_nobody_resamples_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="no sample_rate"):
        parse_query({})
    with pytest.raises(UnsupportedSampleRate):
        parse_query({"sample_rate": "4000"})


def test_a_strict_server_knows_all_that_the_sdk_may_ask_for() -> None:
    """Each of its parameters has its effect, or is named where it is switched on."""
    imitated = {
        *("encoding", "sample_rate", "speech_model", "inactivity_timeout", "format_turns"),
        *("min_turn_silence", "max_turn_silence", "min_end_of_turn_silence_when_confident"),
        *("end_of_turn_confidence_threshold", "vad_threshold"),
        *("language_code", "language_codes", "redact_pii"),
    }
    for name in models.RealTimeParameters.model_fields:
        if name in imitated:
            check_settings({name: "True"})
            continue
        check_settings({name: "False"})
        with pytest.raises(InvalidParameter, match=f"{name}=True', which is not imitated"):
            check_settings({name: "True"})


@pytest.mark.parametrize("query", [{}, {"expires_in_seconds": "0"}, {"expires_in_seconds": "601"}])
def test_a_token_says_for_how_long(query: dict[str, str]) -> None:
    with pytest.raises(InvalidParameter, match="expires_in_seconds"):
        parse_token_query(query)
    asked = parse_token_query({"expires_in_seconds": "600", "max_session_duration_seconds": "60"})
    assert (asked.expires_in_seconds, asked.max_session_duration_seconds) == (600, 60)
    with pytest.raises(InvalidParameter, match="max_session_duration_seconds"):
        parse_token_query({"expires_in_seconds": "1", "max_session_duration_seconds": "59"})


# -- what the client says ------------------------------------------------------------------------


def test_commands_are_what_they_say_and_bytes_are_sound() -> None:
    one = session()
    assert one.parse(b"ab") == [Audio(b"ab")]
    assert one.parse(b"") == []
    assert one.parse('{"type": "KeepAlive"}') == [Control.KEEP_ALIVE]
    assert one.parse('{"type": "ForceEndpoint"}') == [Control.FINALIZE]
    assert one.parse('{"type": "Terminate"}') == [Control.CLOSE]


def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    one = session(min_turn_silence="200", format_turns="true")
    before = one.options
    (change,) = one.parse('{"type": "UpdateConfiguration", "max_turn_silence": 3000}')
    assert change == Change(replace(before, unfinished_silence_s=3.0))
    assert one.options == replace(before, unfinished_silence_s=3.0)
    update = {"type": "UpdateConfiguration", "vad_threshold": 0.9, "max_turn_silence": None}
    assert one.parse(json.dumps(update)) == [Change(one.options)]
    assert one.options == replace(before, unfinished_silence_s=3.0, speech_probability=0.9)
    one.parse('{"type": "UpdateConfiguration", "keyterms_prompt": ["two"], "sample_rate": 8000}')
    assert one.options.sample_rate_hz == 16_000
    assert [sign for _, sign, _ in brief(told(one, final("So it was.")))] == [".", "F"]
    one.parse('{"type": "UpdateConfiguration", "format_turns": false}')
    assert [sign for _, sign, _ in brief(told(one, final("So it was.")))] == ["."]


@pytest.mark.parametrize(
    ("text", "told_as"),
    [
        ("is that all?", "Invalid JSON: 'is that all[?]'"),
        ("", "Invalid JSON"),
        ("[" * 5_000, "Invalid JSON"),
        ('{"type": "KeepAlive", "x": "' + "x" * MOST_COMMAND_CHARS + '"}', "Invalid JSON"),
        ("[]", "Invalid Message: "),
        ("{}", "Invalid Message: "),
        ('{"type": 1}', "Invalid Message: "),
        ('{"type": "Configure"}', "Invalid Message Type: 'Configure'"),
        ('{"type": "UpdateConfiguration", "min_turn_silence": 1.5}', "min_turn_silence: 1.5"),
        ('{"type": "UpdateConfiguration", "format_turns": []}', "format_turns: of type list"),
        ('{"type": "UpdateConfiguration", "language_codes": ["de"]}', "the language 'de'"),
        ('{"type": "UpdateConfiguration", "redact_pii": true}', "redact_pii"),
    ],
)
def test_a_message_that_has_no_meaning_ends_the_session(text: str, told_as: str) -> None:
    with pytest.raises((InvalidMessage, InvalidParameter), match=told_as) as refused:
        session().parse(text)
    (said,), ending = closing(refused.value)
    assert json.loads(said)["error_code"] == ending.code == 3006


def test_a_strict_server_takes_the_providers_chunks_alone() -> None:
    strict = session(is_strict=True)
    for length_ms in (50, 1_000):
        assert strict.parse(bytes(32 * length_ms)) == [Audio(bytes(32 * length_ms))]
    for length_ms in (0, 49, 1_001):
        expected = f"Input duration violation: {length_ms} ms. Expected between 50 and 1000 ms"
        with pytest.raises(InvalidMessage, match=expected) as refused:
            strict.parse(bytes(32 * length_ms))
        assert closing(refused.value)[1].code == 3007
    assert session(is_strict=True, encoding="opus").parse(b"RIFF") == [Audio(b"RIFF")]
    with pytest.raises(InvalidParameter, match="prompt=Dickens', which is not imitated"):
        strict.parse('{"type": "UpdateConfiguration", "prompt": "Dickens"}')


# -- what the server says ------------------------------------------------------------------------


def test_the_first_message_tells_the_session() -> None:
    (text,) = session(speech_model="u3-rt-pro").greet()
    begin = models.BeginEvent.model_validate_json(text)
    assert (begin.id, begin.expires_at.timestamp()) == ("an-id", 1_800_000_000)
    assert begin.configuration is not None
    assert begin.configuration.model == "u3-rt-pro"


def test_words_are_final_once_they_are_agreed_on_and_half_a_second_old() -> None:
    heard = told(
        session(),
        interim("It was"),
        interim("It was the best", "It was the"),
        interim("It was the best of times,", "It was the best"),
        final("It was the best of times,"),
    )
    assert brief(heard) == [
        (0, "…", "|it |was"),
        (0, "…", "it was |the |best"),
        (0, "…", "it was the best |of |times"),
        (0, ".", "it was the best of times"),
    ]
    assert all(one["utterance"] == "" for one in heard[:3])
    assert heard[3]["utterance"] == "it was the best of times"
    assert [one["end_of_turn_confidence"] for one in heard] == [0.0, 0.0, 0.0, 0.7]
    first = heard[3]["words"][0]
    assert first == {
        "text": "it",
        "start": 500,
        "end": 750,
        "confidence": 0.9,
        "word_is_final": True,
    }


def test_a_turn_that_is_to_be_formatted_ends_twice_under_one_number() -> None:
    one = session(format_turns="true")
    first = told(one, interim("So it"), final("So it was. Yes?"))
    assert brief(first) == [
        (0, "…", "|so |it"),
        (0, ".", "so it was yes"),
        (0, "F", "So it was. Yes?"),
    ]
    assert [w["text"] for w in first[-1]["words"]] == ["So", "it", "was.", "Yes?"]
    assert (first[1]["utterance"], first[2]["utterance"]) == ("so it was yes", "")
    assert brief(told(one, final("And so on.", 4.0))) == [
        (1, ".", "and so on"),
        (1, "F", "And so on."),
    ]


def test_a_turn_goes_on_over_a_cut_and_keeps_the_words_before_it() -> None:
    one = session(format_turns="true")
    heard = told(
        one,
        final("It was the best of times,", endpoint=False),
        interim("it was the worst", "it was", 2.0),
        final("it was the worst of times.", 2.0, probability=None),
    )
    assert brief(heard) == [
        (0, "…", "it was the best of times"),
        (0, "…", "it was the best of times it was |the |worst"),
        (0, ".", "it was the best of times it was the worst of times"),
        (0, "F", "It was the best of times, it was the worst of times."),
    ]
    starts = [word["start"] for word in heard[-1]["words"]]
    assert starts == sorted(starts)
    assert heard[-1]["end_of_turn_confidence"] == 1.0, "silence alone decided, and that is sure"


def test_what_was_called_final_stays_until_the_turn_ends_and_says_otherwise() -> None:
    heard = told(
        session(),
        interim("Yeah was the age", "Yeah was"),
        interim("It was the age of", "It was the"),
        final("It was the age of wisdom."),
    )
    assert brief(heard) == [
        (0, "…", "yeah was |the |age"),
        (0, "…", "yeah was the |age |of"),
        (0, ".", "it was the age of wisdom"),
    ]


def test_nothing_is_said_twice() -> None:
    once = interim("So it was")
    assert len(told(session(), once, once)) == 1


@pytest.mark.parametrize("model", ["u3-rt-pro", "universal-3-5-pro", "universal-3-6"])
def test_a_model_of_the_third_kind_tells_whole_turns_and_where_they_begin(model: str) -> None:
    one = session(speech_model=model)
    assert one.options.speech_events
    heard = told(
        one,
        SpeechStarted(0.4796),
        interim("It was the", "It was"),
        final("It was the best.", endpoint=False),
        SpeechStarted(1.9),
        final("So they say.", 2.0),
    )
    assert heard[0]["timestamp"] == 480
    assert brief(heard[1:]) == [
        (0, "…", "It was the |It |was |the"),
        (0, "…", "It was the best. |It |was |the |best."),
        (0, "F", "It was the best. So they say."),
    ]
    assert heard[-1]["utterance"] == heard[-1]["transcript"]
    again = told(one, SpeechStarted(4.0), interim("And", start_s=4.1))
    assert [message["type"] for message in again] == ["SpeechStarted", "Turn"]


def test_a_turn_that_the_client_ends_is_told_at_once_and_silence_is_not() -> None:
    one = session()
    assert told(one, final("", endpoint=False, requested=True)) == []
    forced = final("So it", endpoint=False, requested=True, probability=None)
    (message,) = told(one, forced)
    assert brief([message]) == [(0, ".", "so it")]
    assert message["end_of_turn_confidence"] == 0.0, "nobody was asked"
    assert told(one, final("", endpoint=True)) == []
    assert brief(told(one, final("Was.", 4.0))) == [(1, ".", "was")]


def test_a_turn_of_which_something_was_told_ends_though_nothing_comes_of_it() -> None:
    one = session()
    assert brief(told(one, interim("Hm"), final(""))) == [(0, "…", "|hm"), (0, ".", "")]


def test_a_turn_without_an_end_is_ended_when_it_is_long() -> None:
    one = session()
    long = final(" ".join(["so"] * (MOST_TURN_WORDS - 1)), endpoint=False)
    first = told(one, long)
    assert [sign for _, sign, _ in brief(first)] == ["…"]
    more = told(one, final("it was", 200.0, endpoint=False), final("and", 300.0))
    assert [(order, sign) for order, sign, _ in brief(more)] == [(0, "."), (1, ".")]


def test_words_that_a_reduced_server_does_not_time_share_what_was_heard() -> None:
    untimed = replace(interim("So it was it"), words=())
    (message,) = told(session(), untimed)
    assert [(w["start"], w["end"]) for w in message["words"]] == [
        (500, 750),
        (750, 1_000),
        (1_000, 1_250),
        (1_250, 1_500),
    ]


def test_who_terminates_is_told_the_rest_and_how_long_it_was() -> None:
    one = session(format_turns="true")
    assert one.parse('{"type": "Terminate"}') == [Control.CLOSE]
    cut_off = final("And so", endpoint=False, probability=None)
    heard = told(one, cut_off, UtteranceEnd(1.0), StreamEnded(3.6, "", 1))
    assert [message["type"] for message in heard] == ["Turn", "Turn", "Turn", "Termination"]
    assert brief(heard[:3]) == [(0, "…", "and so"), (0, ".", "and so"), (0, "F", "And so")]
    ended = models.TerminationEvent.model_validate(heard[-1])
    assert (ended.audio_duration_seconds, ended.session_duration_seconds) == (4, 4)
    assert one.end(None) == ([], closing(None)[1])
    assert one.end(None)[1].code == 1000


def test_a_session_that_ends_for_another_reason_is_told_the_rest_and_the_reason() -> None:
    one = session()
    heard = told(one, final("And so", endpoint=False), StreamEnded(3.6, "", 1))
    assert [message["type"] for message in heard] == ["Turn", "Turn"]
    (said,), ending = one.end(StreamIdle(*WHAT))
    error = models.ErrorEvent.model_validate_json(said)
    assert error.error_code == ending.code == 4031
    assert error.error.startswith("Session idle for too long: what happened")


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (Unauthenticated(*WHAT), 1008, "Unauthorized Connection: Missing Authorization header"),
        (Forbidden(*WHAT), 1008, "Unauthorized Connection: what"),
        (InvalidParameter(*WHAT), 3006, "what"),
        (UnsupportedSampleRate(*WHAT), 3006, "what"),
        (InvalidAudioFormat(*WHAT), 3006, "what"),
        (PayloadTooLarge(*WHAT), 3007, "Audio Transmission Rate Exceeded: what"),
        (SessionExpired(*WHAT), 3008, "Session Expired: Maximum session duration exceeded"),
        (
            PayloadTooLarge(*WHAT, details={"limit": "stream_audio_s"}),
            3008,
            "Session Expired: Maximum session duration exceeded: what",
        ),
        (QuotaExceeded(*WHAT), 3009, "Unauthorized Connection: Too many concurrent sessions: "),
        (SystemOverloaded(*WHAT), 1013, "what"),
        (GoingAway(*WHAT), 1001, "what"),
        (LabError(*WHAT), 3005, "Session Cancelled: An error occurred: what"),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, LabError) else str(one),
)
def test_each_error_has_the_providers_code(error: LabError, code: int, text: str) -> None:
    (said,), ending = closing(error)
    message = models.ErrorEvent.model_validate_json(said)
    assert (message.error_code, ending.code) == (code, code)
    assert message.error.startswith(text)
    assert ending.reason in (message.error, "See Error message for details")


def test_who_does_not_read_finds_the_reason_in_the_close_frame() -> None:
    told_, ending = closing(SlowConsumer("é" * 100, "it", "go"))
    assert (told_, ending.code) == ([], 3005)
    assert ending.reason == "Session Cancelled: " + "é" * 52


def test_a_reason_that_is_too_long_for_a_close_frame_is_in_the_message() -> None:
    short = GoingAway("é" * 40, "it", "go")
    assert closing(short)[1].reason == str(short)
    (said,), ending = closing(GoingAway("é" * LONGEST_REASON_BYTES, "it", "go"))
    assert ending.reason == "See Error message for details"
    assert "é" * LONGEST_REASON_BYTES in json.loads(said)["error"]


# -- as the judge reads it -----------------------------------------------------------------------


@pytest.mark.parametrize("query", [{}, {"format_turns": "true"}, {"speech_model": "u3-rt-pro"}])
def test_the_judge_sees_one_final_a_turn_however_it_is_told(query: dict[str, str]) -> None:
    one = session(**query)
    one.parse(client.TERMINATE)
    heard = told(
        one,
        interim("So it", "So"),
        final("So it was."),
        interim("And", start_s=4.0),
        final("And so.", 4.0),
        StreamEnded(6.0, "", 1),
    )
    reading = StreamingConversation()
    begin = json.loads(one.greet()[0])
    seen = [what for m in [begin, *heard] for what, _ in reading.seen(m, by_client=False)]
    results = [what for what in seen if isinstance(what, judge.Result)]
    assert [(one.segment, one.is_final) for one in results] == [
        ("0", False),
        ("0", True),
        ("1", False),
        ("1", True),
    ]
    assert (results[1].start_s, results[1].end_s) == (0.5, 1.25)
    assert isinstance(seen[0], judge.Begun)
    assert seen[-1] == judge.Ended()
    assert judged([Seen(line, what) for line, what in enumerate(seen, 1)]) == []


def test_the_judge_sees_commands_errors_and_nothing_of_the_unknown() -> None:
    reading = StreamingConversation()
    assert reading.seen({"type": "ForceEndpoint"}, by_client=True) == [
        (judge.AskedForFinal(), None)
    ]
    assert reading.seen({"type": "Terminate"}, by_client=True) == [(judge.Finished(), None)]
    assert reading.seen({"type": "Heartbeat"}, by_client=False) == []
    failed = reading.seen({"type": "Error", "error_code": 3006, "error": "a"}, by_client=False)
    assert failed == [(judge.Failed("3006", is_fatal=True), None)]
    with pytest.raises(InvalidMessage, match="Turn without 'turn_order'"):
        reading.seen({"type": "Turn"}, by_client=False)


# -- our own client ------------------------------------------------------------------------------


def test_our_client_asks_for_what_the_server_understands() -> None:
    wanted = StreamOptions(
        "mulaw",
        8_000,
        endpoint_silence_s=0.3,
        unfinished_silence_s=0.9,
        finished_probability=0.6,
        speech_events=False,
        interim_words=True,
    )
    assert stream_options(*parse_query(client.query_for(wanted))) == wanted


def test_our_client_hears_the_events_again_a_turn_as_one_segment() -> None:
    one = session(format_turns="true")
    one.parse(client.TERMINATE)
    events = (
        final("It was the best,", endpoint=False),
        interim("it was the worst", "it was", 2.0),
        final("it was the worst.", 2.0),
        StreamEnded(4.0, "", 1),
    )
    texts = [*one.greet(), *(text for event in events for text in one.render(event, 7))]
    heard = [stamped.event for text in texts if (stamped := client.parse_message(text))]
    kinds = [type(event) for event in heard]
    assert kinds == [Interim, Interim, Final, StreamEnded]
    second, whole = heard[1], heard[2]
    assert isinstance(second, Interim)
    assert second.text == "it was the best it was the worst"
    assert second.text[: second.stable_chars] == "it was the best it was"
    assert isinstance(whole, Final)
    assert whole.text == "It was the best, it was the worst."
    assert (whole.start_s, whole.end_s) == (0.5, 3.0)
    assert [word.text for word in whole.words] == whole.text.split()
    stamped = client.parse_message(texts[-1])
    assert stamped is not None
    assert (stamped.sent_ns, stamped.version) == (7, "3")


@pytest.mark.parametrize("text", ["so", "[]", "{}", '{"type": "Turn", "lab": {"kind": "Final"}}'])
def test_our_client_refuses_what_is_no_message(text: str) -> None:
    with pytest.raises(InvalidMessage, match=r"server message|a description"):
        client.parse_message(text)


def test_our_client_says_what_the_server_reproaches_it_with() -> None:
    ((said,), _) = closing(GoingAway(*WHAT))
    with pytest.raises(InvalidMessage, match="what happened"):
        client.parse_message(said)
