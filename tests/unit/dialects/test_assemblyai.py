"""AssemblyAI's dialect: what may be asked of a transcript, what each answer is, and refusals."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from assemblyai import types

from lab_kit.core.errors import (
    InvalidMessage,
    InvalidParameter,
    LabError,
    OperationNotFound,
    OperationPending,
    QuotaExceeded,
    SystemOverloaded,
    Unauthenticated,
    UploadNotFound,
)
from lab_kit.dialects.assemblyai import server
from lab_kit.dialects.assemblyai.errors import refusal
from lab_kit.dialects.assemblyai.options import (
    ALWAYS_ON,
    DELETED_URL,
    NOT_GIVEN,
    STATUSES,
    Asked,
    parse_request,
)
from lab_kit.dialects.assemblyai.queries import (
    parse_chars,
    parse_listing,
    parse_transcript_id,
    parse_words,
)
from lab_kit.protocol.error_body import ErrorEnvelope
from lab_kit.protocol.operations import Operation, OperationProgress, OperationState
from lab_kit.protocol.recordings import Segment, Word
from lab_kit.protocol.transcriptions import Transcription

NUMBER = UUID("01a229bd-f753-768f-a518-07a06b43dab0")
URL = "https://example.com/a.wav"
ERROR = ErrorEnvelope.of(LabError("a text file", "a recording", "send one"), None).error


def asked(**fields: Any) -> Asked:
    return parse_request(json.dumps({"audio_url": URL, **fields}).encode())


def operation(state: OperationState) -> Operation:
    times = ("2026-01-31T12:00:00.000Z", "2026-01-31T12:00:01.500Z", "2026-02-01T12:00:00.000Z")
    is_bad = state in (OperationState.FAILED, OperationState.CANCELLED)
    progress = OperationProgress(state, *times, audio_s=8.7, processed_s=0.0)
    return Operation(f"operations/{NUMBER}", progress, state.is_done, ERROR if is_bad else None)


def said(*texts: str) -> Transcription:
    """A segment a second, its words in a third of it each."""
    segments = tuple(
        Segment(
            float(at),
            at + 1.0,
            text,
            0.9,
            tuple(
                Word(word, at + n / 3, at + (n + 1) / 3, 0.5 + n / 10)
                for n, word in enumerate(text.split())
            ),
        )
        for at, text in enumerate(texts)
    )
    return Transcription(
        name=f"transcriptions/{NUMBER}",
        create_time="",
        expire_time="",
        audio_s=8.7,
        model="moonshine-tiny-en",
        version="1",
        device="cpu",
        text=" ".join(texts),
        segments=segments,
    )


DONE = operation(OperationState.SUCCEEDED)


# -- what may be asked -----------------------------------------------------------------------------


def test_an_address_is_enough_and_what_is_kept_reads_the_same() -> None:
    assert asked() == Asked(URL)
    full = asked(
        language_code="en_us",
        webhook_url="https://example.com/told",
        webhook_auth_header_name="X-Secret",
        webhook_auth_header_value="a secret",
        keyterms_prompt=["one", "two"],
        temperature=0.5,
    )
    assert Asked.read(full.written()) == full


@pytest.mark.parametrize(
    "fields",
    [
        {"speaker_labels": False, "language_code": None},
        {"word_boost": ["two cities"], "boost_param": "high", "prompt": "Dickens"},
        {"speech_models": ["universal-3-pro", "universal-2"], "domain": "medical-v1"},
        {"speakers_expected": 2, "summary_model": "informative"},
        {"punctuate": True, "format_text": True, "redact_pii": None, "custom_spelling": []},
        {"nobody knows": {"this": ["field"]}},
    ],
    ids=str,
)
def test_what_only_guides_or_is_off_or_unknown_is_taken(fields: dict[str, Any]) -> None:
    assert asked(**fields).audio_url == URL


@pytest.mark.parametrize("name", NOT_GIVEN)
def test_what_is_not_given_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(InvalidParameter, match=f"^{name}, which is not available") as refused:
        asked(**{name: True})
    assert refusal(refused.value).status == 400


@pytest.mark.parametrize("name", ALWAYS_ON)
def test_what_cannot_be_switched_off_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(InvalidParameter, match=f"^{name}=false"):
        asked(**{name: False})


@pytest.mark.parametrize("code", ["en", "en_us", "en_uk", "en_au", "EN-us"])
def test_english_is_taken(code: str) -> None:
    assert asked(language_code=code).language_code == code


@pytest.mark.parametrize(
    "fields", [{"language_code": "de"}, {"language_code": "eng"}, {"language_codes": ["en", "es"]}]
)
def test_another_language_is_refused_by_its_name(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter, match=r"^the language '(de|eng|es)'"):
        asked(**fields)


@pytest.mark.parametrize("body", [b"", b"sound", b"[]", b'"text"', b'{"audio_url": "\\ud800"}'])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises((InvalidMessage, InvalidParameter)) as refused:
        parse_request(body)
    assert refusal(refused.value).status == 400


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"audio_url": None}, "audio_url"),
        ({"audio_url": ""}, "audio_url"),
        ({"audio_url": "x" * 2_001}, "audio_url"),
        ({"word_boost": "text"}, "word_boost"),
        ({"word_boost": [["deep"]]}, "word_boost.0"),
        ({"boost_param": "huge"}, "boost_param"),
        ({"temperature": float("inf")}, "temperature"),
        ({"webhook_url": 7}, "webhook_url"),
        ({"audio_start_from": -1}, "audio_start_from"),
        ({"audio_end_at": "soon"}, "audio_end_at"),
    ],
    ids=str,
)
def test_a_field_of_another_type_is_named(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidParameter, match=f"^{named}: "):
        asked(**fields)


def test_an_end_is_behind_its_beginning() -> None:
    part = asked(audio_start_from=1_000, audio_end_at=2_000)
    assert (part.audio_start_from, part.audio_end_at) == (1_000, 2_000)
    for fields in (
        {"audio_start_from": 2_000, "audio_end_at": 2_000},
        {"audio_end_at": 0},
    ):
        with pytest.raises(InvalidParameter, match=r"^audio_end_at="):
            asked(**fields)


def test_no_address_is_named() -> None:
    with pytest.raises(InvalidParameter, match=r"^audio_url: "):
        parse_request(b"{}")


@pytest.mark.parametrize(
    "headers",
    [
        ("X-Secret", None),
        (None, "hush"),
        ("Host", "example.com"),
        ("content-length", "7"),
        ("Transfer-Encoding", "chunked"),
        ("two words", "hush"),
        ("X-Secret", ""),
        ("X-Secret", "two\r\nlines: of it"),
        ("X-Secret", "ümlaut"),
        ("X-Secret", "x" * 2_001),
    ],
    ids=str,
)
def test_a_header_that_cannot_be_sent_is_refused_without_its_value(
    headers: tuple[str | None, str | None],
) -> None:
    name, value = headers
    with pytest.raises(InvalidParameter, match="webhook_auth_header_") as refused:
        asked(webhook_url=URL, webhook_auth_header_name=name, webhook_auth_header_value=value)
    assert not value or value not in str(refused.value)


def test_an_upload_is_known_by_its_path() -> None:
    path = f"/v2/upload/{NUMBER}"
    for address in (f"http://127.0.0.1:8300{path}", f"https://elsewhere{path}?x=1"):
        assert asked(audio_url=address).upload == NUMBER
    for address in (URL, f"{URL}/{NUMBER}", "http://127.0.0.1/v2/upload/x", "http://[", "nowhere"):
        assert asked(audio_url=address).upload is None


def test_a_list_has_the_providers_defaults() -> None:
    usual = parse_listing({})
    assert (usual.limit, usual.created_ms, usual.before_id, usual.after_id) == (
        10,
        None,
        None,
        None,
    )
    assert set(usual.states) == {state for states in STATUSES.values() for state in states}
    query = {
        "limit": "200",
        "status": "error",
        "created_on": "1970-01-02",
        "before_id": str(NUMBER),
    }
    few = parse_listing(query)
    assert (few.limit, few.before_id) == (200, NUMBER)
    assert few.created_ms == (86_400_000, 2 * 86_400_000)
    assert set(few.states) == {OperationState.FAILED, OperationState.CANCELLED}


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "-1"},
        {"limit": "²"},
        {"limit": "9" * 5_000},
        {"status": "COMPLETED"},
        {"created_on": "yesterday"},
        {"created_on": "2026-02-30"},
        {"before_id": "nope"},
        {"after_id": ""},
    ],
    ids=str,
)
def test_a_list_that_has_no_meaning_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(InvalidParameter, match=f"^{next(iter(query))}="):
        parse_listing(query)


def test_captions_may_have_a_size() -> None:
    assert parse_chars({}) is None
    assert parse_chars({"chars_per_caption": "32"}) == 32
    for text in ("0", "x", "1.5", ""):
        with pytest.raises(InvalidParameter, match=r"^chars_per_caption="):
            parse_chars({"chars_per_caption": text})


def test_words_to_find_are_named_once_each() -> None:
    assert parse_words("one, two three ,one,,") == ("one", "two three")
    for nothing in ("", " , "):
        with pytest.raises(InvalidParameter, match="no words"):
            parse_words(nothing)
    with pytest.raises(InvalidParameter, match="at most 5"):
        parse_words("one two three four five six")


def test_an_id_of_another_form_is_nobodys() -> None:
    assert parse_transcript_id(str(NUMBER)) == NUMBER
    for text in ("", "nope", NUMBER.hex, "x" * 100_000):
        with pytest.raises(OperationNotFound):
            parse_transcript_id(text)


# -- what is answered ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (OperationState.QUEUED, "queued"),
        (OperationState.RUNNING, "processing"),
        (OperationState.SUCCEEDED, "completed"),
        (OperationState.FAILED, "error"),
        (OperationState.CANCELLED, "error"),
    ],
)
def test_the_sdk_reads_a_transcript_in_every_state(state: OperationState, status: str) -> None:
    done = said("It was so.") if state is OperationState.SUCCEEDED else None
    full = asked(
        word_boost=["a"],
        boost_param="low",
        speech_model="universal",
        speech_models=["any"],
        temperature=0.1,
        language_code="en",
        webhook_url=URL,
    )
    for request in (asked(), full):
        body = server.transcript(request, operation(state), done)
        read = types.TranscriptResponse.parse_obj(json.loads(json.dumps(body)))
        assert (read.id, read.status, read.audio_url) == (str(NUMBER), status, URL)
        assert read.error == (ERROR.message if status == "error" else None)
        assert ("error" in body) == (status == "error")
        assert read.utterances is None
        assert (read.text is None) == (done is None)


def test_a_completed_transcript_has_whole_milliseconds_and_seconds() -> None:
    body = server.transcript(asked(), DONE, said("It was so.", "Was it?"))
    assert body["text"] == "It was so. Was it?"
    assert body["words"][1] == {
        "text": "was",
        "start": 333,
        "end": 667,
        "confidence": 0.6,
        "speaker": None,
    }
    for word in body["words"]:
        assert type(word["start"]) is type(word["end"]) is int
    assert type(body["audio_duration"]) is int
    assert body["audio_duration"] == 9
    assert body["confidence"] == pytest.approx((0.5 + 0.6 + 0.7 + 0.5 + 0.6) / 5)
    assert body["speech_model_used"] == "moonshine-tiny-en"
    assert (body["speaker_labels"], body["punctuate"], body["speech_threshold"]) == (
        False,
        True,
        None,
    )


def test_what_was_asked_is_repeated_but_for_the_secret() -> None:
    request = asked(
        webhook_url=URL,
        webhook_auth_header_name="X-Secret",
        webhook_auth_header_value="a secret",
        speech_model="a model of its own",
        language_code="en_uk",
    )
    body = server.transcript(request, DONE, None, 503)
    assert (body["webhook_auth"], body["webhook_status_code"]) == (True, 503)
    assert (body["webhook_auth_header_name"], body["language_code"]) == ("X-Secret", "en_uk")
    assert "a secret" not in json.dumps(body)
    assert body["speech_model"] is None  # any other than the SDK's fails there
    assert request.webhook_headers == {"x-secret": "a secret"}


def test_a_silent_recording_has_no_words() -> None:
    body = server.transcript(asked(), DONE, said())
    assert (body["text"], body["words"], body["confidence"]) == ("", [], 0.0)
    read = types.SentencesResponse.parse_obj(server.in_sentences(said()))
    assert read.sentences == []


def test_a_deleted_transcript_says_so_and_nothing_else() -> None:
    request = asked(
        prompt="a name",
        webhook_url=URL,
        webhook_auth_header_name="a",
        webhook_auth_header_value="b",
    )
    left = request.without_addresses()
    body = server.transcript(left, DONE, None)
    assert (body["text"], body["words"], body["status"]) == ("Deleted by user.", None, "completed")
    assert body["audio_url"] == body["webhook_url"] == DELETED_URL
    assert "example.com" not in json.dumps(body)
    assert "a name" not in left.written()
    assert types.TranscriptResponse.parse_obj(body).text == "Deleted by user."
    with pytest.raises(OperationPending, match="which is deleted"):
        server.completed(DONE, None)


def test_words_that_are_not_there_yet_are_refused() -> None:
    with pytest.raises(OperationPending, match="which is processing"):
        server.completed(operation(OperationState.RUNNING), None)


def test_sentences_and_paragraphs_have_every_word() -> None:
    known = said("It was so.", "Was it? Yes", "it was.")
    sentences = types.SentencesResponse.parse_obj(server.in_sentences(known))
    assert [one.text for one in sentences.sentences] == ["It was so.", "Was it?", "Yes it was."]
    assert [(one.start, one.end) for one in sentences.sentences] == [
        (0, 1000),
        (1000, 1667),
        (1667, 2667),
    ]
    assert sentences.audio_duration == 8.7
    paragraphs = types.ParagraphsResponse.parse_obj(server.in_paragraphs(known))
    (paragraph,) = paragraphs.paragraphs
    assert paragraph.text == known.text
    assert len(paragraph.words) == 8


def test_a_text_without_words_is_one() -> None:
    known = replace(said(), segments=(Segment(1.0, 2.0, "[withheld]", 0.5, ()),))
    (word,) = server.transcript(asked(), DONE, known)["words"]
    assert (word["text"], word["start"], word["end"]) == ("[withheld]", 1_000, 2_000)


def test_words_are_found_whatever_their_case_and_marks() -> None:
    known = said("It was so.", "Was it? It", "was.")
    body = server.found(known, ("was", "IT WAS", "nobody", "so"))
    read = types.WordSearchMatchResponse.parse_obj(body)
    assert read.total_count == 6
    was, it_was, so = read.matches
    assert (was.text, was.count, was.indexes) == ("was", 3, [1, 3, 6])
    assert (it_was.text, it_was.indexes) == ("IT WAS", [0, 5])
    assert it_was.timestamps == [(0, 667), (1667, 2333)]
    assert so.indexes == [2]
    assert server.found(said(), ("was",)) == {"id": str(NUMBER), "total_count": 0, "matches": []}


def test_a_list_names_its_neighbours() -> None:
    base = "http://127.0.0.1:8300"
    one = server.listed(asked(), DONE, base)
    assert one["resource_url"] == f"{base}/v2/transcript/{NUMBER}"
    assert one["created"] == "2026-01-31T12:00:00.000"
    assert one["completed"] == "2026-01-31T12:00:01.500"
    queued = server.listed(asked(), operation(OperationState.QUEUED), base)
    assert queued["completed"] is None
    query = {"limit": "1", "before_id": "x"}
    body = server.page([one], base, query, 1, has_older=True, has_newer=True)
    read = types.ListTranscriptResponse.parse_obj(body)
    assert read.page_details.current_url == f"{base}/v2/transcript?limit=1&before_id=x"
    assert read.page_details.before_id_of_prev_url == str(NUMBER)
    assert read.page_details.next_url == f"{base}/v2/transcript?limit=1&after_id={NUMBER}"
    last = server.page([one], base, {}, 10, has_older=False, has_newer=False)["page_details"]
    assert (last["prev_url"], last["next_url"]) == (None, None)
    assert last["current_url"] == f"{base}/v2/transcript"


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        (Unauthenticated, 401, "Authentication error, API token missing/invalid"),
        (OperationNotFound, 400, "Transcript lookup error, transcript id not found"),
        (UploadNotFound, 403, "Cannot access uploaded file"),
        (OperationPending, 400, "a; expected: b; c"),
        (QuotaExceeded, 429, "a; expected: b; c"),
        (SystemOverloaded, 503, "a; expected: b; c"),
    ],
)
def test_a_refusal_is_a_text(kind: type[LabError], status: int, text: str) -> None:
    refused = refusal(kind("a", "b", "c"))
    assert (refused.status, refused.body) == (status, {"error": text})
