"""What AssemblyAI answers: a transcript however far it is, its parts, a list, what was found in it.

Times are whole milliseconds and the length of a recording whole seconds: the SDK takes no others.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from lab_kit.core.errors import OperationPending
from lab_kit.dialects.assemblyai.options import (
    ALWAYS_ON,
    DELETED_URL,
    NOT_GIVEN,
    PATH,
    STATUSES,
    Asked,
)
from lab_kit.protocol.operations import Operation, OperationState
from lab_kit.protocol.recordings import Word
from lab_kit.protocol.sentences import paragraphs, sentences
from lab_kit.protocol.transcriptions import Transcription

USUAL_LANGUAGE = "en_us"
REDACTED_AUDIO_READY = "redacted_audio_ready"
DELETED_TEXT = "Deleted by user."
_STATUS_OF = {state: status for status, states in STATUSES.items() for state in states}
_MARKS = ".,;:!?\"'()[]…-"
_OFF = {name: None if name.startswith(("speech_", "custom_")) else False for name in NOT_GIVEN}
"""What is not given, as an answer says that it is not there."""


def transcript(
    asked: Asked,
    operation: Operation,
    transcription: Transcription | None,
    webhook_status: int | None = None,
) -> dict[str, Any]:
    """A transcript, however far it is.

    Args:
        transcription: what came of it; None before there is anything, and after it was deleted.
        webhook_status: what the webhook answered last.
    """
    body: dict[str, Any] = {
        **_OFF,
        **dict.fromkeys(ALWAYS_ON, True),
        **asked.repeated(),
        "id": id_of(operation),
        "status": status_of(operation),
        "language_code": asked.language_code or USUAL_LANGUAGE,
        "webhook_auth": bool(asked.webhook_headers),
        "webhook_status_code": webhook_status,
        "text": None,
        "words": None,
        "utterances": None,
        "confidence": None,
        "audio_duration": None,
    }
    if transcription is not None:
        words = words_of(transcription)
        body |= {
            "text": transcription.text,
            "words": [_word(word) for word in words],
            "confidence": _confidence(words),
            "audio_duration": round(transcription.audio_s),
            "speech_model_used": transcription.model,
        }
    elif is_deleted(operation, transcription):
        body |= {
            "text": DELETED_TEXT,
            "audio_url": DELETED_URL,
            "audio_duration": round(operation.metadata.audio_s),
        }
    if operation.error is not None:
        body["error"] = operation.error.message
    return body


def redacted_audio(operation: Operation, url: str | None) -> dict[str, Any]:
    """Where the sound of a transcript is without personal data.

    Args:
        url: of the file; None before it is there.
    """
    if url is None:
        return {"status": status_of(operation)}
    return {"redacted_audio_url": url, "status": REDACTED_AUDIO_READY}


def listed(asked: Asked, operation: Operation, url: str) -> dict[str, Any]:
    """A transcript in a list.

    Args:
        url: of the server, without a slash at its end.
    """
    known = operation.metadata
    return {
        "id": id_of(operation),
        "resource_url": f"{url}{PATH}/{id_of(operation)}",
        "status": status_of(operation),
        "created": _bare(known.create_time),
        "completed": _bare(known.update_time) if operation.done else None,
        "audio_url": asked.audio_url,
        "error": None if operation.error is None else operation.error.message,
    }


def page(
    transcripts: Sequence[Mapping[str, Any]],
    url: str,
    query: Mapping[str, str],
    limit: int,
    has_older: bool,
    has_newer: bool,
) -> dict[str, Any]:
    """A list, the newest first, and the addresses of those next to it.

    Args:
        url: of the server, without a slash at its end.
        query: that asked for this one.
    """

    def beside(name: str, id_: str) -> str:
        kept = {key: value for key, value in query.items() if key not in ("before_id", "after_id")}
        return _address(url, {**kept, name: id_})

    ids = [one["id"] for one in transcripts]
    return {
        "page_details": {
            "limit": limit,
            "result_count": len(ids),
            "current_url": _address(url, query),
            "prev_url": beside("before_id", ids[-1]) if ids and has_older else None,
            "next_url": beside("after_id", ids[0]) if ids and has_newer else None,
        },
        "transcripts": list(transcripts),
    }


def in_sentences(transcription: Transcription) -> dict[str, Any]:
    """Its sentences."""
    return _in_parts("sentences", transcription, sentences(words_of(transcription)))


def in_paragraphs(transcription: Transcription) -> dict[str, Any]:
    """Its paragraphs."""
    parts = (
        [word for sentence in paragraph for word in sentence]
        for paragraph in paragraphs(words_of(transcription))
    )
    return _in_parts("paragraphs", transcription, parts)


def found(transcription: Transcription, phrases: Iterable[str]) -> dict[str, Any]:
    """Where words and phrases are, whatever their case and the marks around them; what is not there
    is left out."""
    words = words_of(transcription)
    plain = [_plain(word.text) for word in words]
    asked = [(phrase, tuple(map(_plain, phrase.split()))) for phrase in phrases]
    places: dict[tuple[str, ...], list[int]] = {key: [] for _, key in asked}
    for length in {len(key) for key in places}:
        for start in range(len(plain) - length + 1):
            here = places.get(tuple(plain[start : start + length]))
            if here is not None:
                here.append(start)
    matches = [
        {
            "text": phrase,
            "count": len(places[key]),
            "timestamps": [
                [_ms(words[n].start_s), _ms(words[n + len(key) - 1].end_s)] for n in places[key]
            ],
            "indexes": places[key],
        }
        for phrase, key in asked
        if places[key]
    ]
    return {
        "id": id_of(transcription),
        "total_count": sum(len(places[key]) for _, key in asked),
        "matches": matches,
    }


def completed(operation: Operation, transcription: Transcription | None) -> Transcription:
    """What came of a transcript whose words are asked for.

    Raises:
        OperationPending: there are none yet, or none any more.
    """
    if transcription is None:
        now = "deleted" if is_deleted(operation, transcription) else status_of(operation)
        raise OperationPending(
            f"the transcript {id_of(operation)}, which is {now}",
            "a transcript that is completed",
            f"ask for {PATH}/ID until its status is completed",
        )
    return transcription


def is_deleted(operation: Operation, transcription: Transcription | None) -> bool:
    """Whether there was a transcript, and no word of it is left."""
    return operation.metadata.state is OperationState.SUCCEEDED and transcription is None


def status_of(operation: Operation) -> str:
    """How far a transcript is, in the provider's words."""
    return _STATUS_OF[operation.metadata.state]


def id_of(resource: Operation | Transcription) -> str:
    """By which it is asked for."""
    return str(UUID(resource.name.rpartition("/")[2]))


def words_of(transcription: Transcription) -> list[Word]:
    """All of its words; where a segment has a text and no words, the text is one."""
    return [
        word
        for part in transcription.segments
        for word in part.words
        or ([Word(part.text, part.start_s, part.end_s, part.confidence)] if part.text else [])
    ]


def _in_parts(
    name: str, transcription: Transcription, parts: Iterable[Sequence[Word]]
) -> dict[str, Any]:
    return {
        "id": id_of(transcription),
        "confidence": _confidence(words_of(transcription)),
        "audio_duration": transcription.audio_s,
        name: [_part(words) for words in parts],
    }


def _part(words: Sequence[Word]) -> dict[str, Any]:
    return {
        "text": " ".join(word.text for word in words),
        "start": _ms(words[0].start_s),
        "end": _ms(words[-1].end_s),
        "confidence": _confidence(words),
        "words": [_word(word) for word in words],
        "speaker": None,
    }


def _word(word: Word) -> dict[str, Any]:
    return {
        "text": word.text,
        "start": _ms(word.start_s),
        "end": _ms(word.end_s),
        "confidence": word.confidence,
        "speaker": None,
    }


def _confidence(words: Sequence[Word]) -> float:
    return sum(word.confidence for word in words) / len(words) if words else 0.0


def _plain(text: str) -> str:
    return text.casefold().strip(_MARKS)


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)


def _bare(time: str) -> str:
    """As the provider writes a time: in UTC, without saying so."""
    return time.removesuffix("Z")


def _address(url: str, query: Mapping[str, str]) -> str:
    return f"{url}{PATH}?{urlencode(query)}" if query else f"{url}{PATH}"
