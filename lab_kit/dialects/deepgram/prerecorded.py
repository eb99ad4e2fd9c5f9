"""Deepgram's transcription of a recording: what is asked for, and the answer at once.

Source: Deepgram (2025), API reference "Pre-Recorded Audio"; field names and strictness as the
deepgram-sdk 7.17 parses them. An utterance ends after ``utt_split``, a paragraph as
`lab_kit.protocol.sentences` has it.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from lab_kit.audio.files import RawPcm
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.events import ModelInfo, TimedWord
from lab_kit.core.shown import shown
from lab_kit.dialects.deepgram.errors import PayloadError
from lab_kit.dialects.deepgram.options import asked_steps, read_boolean, read_integer
from lab_kit.dialects.deepgram.server import MODEL_UUID, word_object
from lab_kit.protocol.imitated import check_imitated, check_language
from lab_kit.protocol.sentences import paragraphs, parted
from lab_kit.protocol.transcriptions import Transcription

USUAL_SPLIT_S = 0.8
_LONGEST_URL = 2_000
IMITATED = frozenset(
    {
        *("model", "version", "encoding", "sample_rate", "channels", "language", "tag", "callback"),
        *("callback_method", "utterances", "utt_split", "paragraphs", "smart_format"),
        "mip_opt_out",
    }
)
"""What has its effect, or none that could be seen."""


@dataclass(frozen=True, slots=True)
class PreRecordedOptions:
    """What is asked for.

    Attributes:
        steps: the optional steps that every result passes, by name.
        raw: what the body is, where it has no header.
        split_s: silence between two utterances; None where they are not wanted.
        tags: given back as they came.
        callback: where the answer is to be sent instead; None for an answer to the request.
    """

    steps: tuple[str, ...]
    raw: RawPcm | None
    split_s: float | None
    has_paragraphs: bool
    tags: tuple[str, ...]
    callback: str | None = None


@checked(frozen=True, slots=True)
class _Address:
    url: Annotated[str, Field(max_length=_LONGEST_URL)]


_address: TypeAdapter[_Address] = TypeAdapter(_Address)


def parse_query(query: Mapping[str, str], tags: Iterable[str] = ()) -> PreRecordedOptions:
    """The options of a request; unknown names are ignored, as the provider does.

    Raises:
        InvalidParameter: a value has no meaning, or asks for what is not given here.
    """
    if query.get("callback_method", "post").lower() != "post":
        raise InvalidParameter(
            f"callback_method={shown(query['callback_method'])}, which is not imitated here",
            "post",
            "leave it out, and take a POST at the callback",
        )
    wants_utterances = read_boolean(query, "utterances")
    return PreRecordedOptions(
        asked_steps(query),
        _raw(query),
        _split_s(query) if wants_utterances else None,
        read_boolean(query, "paragraphs") or read_boolean(query, "smart_format"),
        tuple(tags),
        query.get("callback"),
    )


def check_query(query: Mapping[str, str]) -> None:
    """Make sure that a request asks for nothing that is not imitated.

    Raises:
        InvalidParameter: it does.
    """
    check_imitated(query, IMITATED)
    check_language("language", query.get("language"))


def parse_address(body: bytes) -> str:
    """Where the recording is, of a request that does not bring it.

    Raises:
        PayloadError: it does not say.
    """
    try:
        return _address.validate_json(body).url
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)[0]
        raise PayloadError(
            f"a body whose url is wrong: {wrong['msg']}", '{"url": "https://…"}', "send such a body"
        ) from error


def response(
    asked: PreRecordedOptions,
    finals: "Sequence[Spoken]",
    audio_s: float,
    sha256: str,
    model: ModelInfo,
    request_id: str,
    created: str,
) -> dict[str, Any]:
    """The answer.

    Args:
        sha256: of the recording as it came; empty where nobody reckoned it.
    """
    said = [final for final in finals if final.text]
    words = [word for final in said for word in final.words]
    transcript = " ".join(final.text for final in said)
    alternative: dict[str, Any] = {
        "transcript": transcript,
        "confidence": _confidence(words),
        "words": [word_object(word) for word in words],
    }
    if asked.has_paragraphs:
        alternative["paragraphs"] = _paragraphs(words)
    results: dict[str, Any] = {"channels": [{"alternatives": [alternative]}]}
    if asked.split_s is not None:
        parts = parted(words, asked.split_s)
        results["utterances"] = [_utterance(n, part, request_id) for n, part in enumerate(parts)]
    about = {"name": model.name, "version": model.version, "arch": model.architecture}
    metadata: dict[str, Any] = {
        "transaction_key": "deprecated",
        "request_id": request_id,
        "sha256": sha256,
        "created": created,
        "duration": audio_s,
        "channels": 1,
        "models": [MODEL_UUID],
        "model_info": {MODEL_UUID: about},
    }
    if asked.tags:
        metadata["tags"] = list(asked.tags)
    return {"metadata": metadata, "results": results}


def later_response(
    asked: PreRecordedOptions, said: Transcription, request_id: str, created: str
) -> dict[str, Any]:
    """The same of a recording that was transcribed while nobody waited."""
    finals = [
        _Said(part.text, [TimedWord(w.text, w.start_s, w.end_s, w.confidence) for w in part.words])
        for part in said.segments
    ]
    # the name of a model begins with its architecture's
    model = ModelInfo(said.model, said.version, said.model.partition("-")[0], said.device)
    return response(asked, finals, said.audio_s, "", model, request_id, created)


class Spoken(Protocol):
    """What was said in one piece, as far as an answer tells of it."""

    @property
    def text(self) -> str: ...
    @property
    def words(self) -> Sequence[TimedWord]: ...


@dataclass(frozen=True, slots=True)
class _Said:
    text: str
    words: Sequence[TimedWord]


def _raw(query: Mapping[str, str]) -> RawPcm | None:
    encoding = query.get("encoding")
    if encoding is None:
        return None
    if encoding != "linear16":
        raise InvalidParameter(
            f"encoding={shown(encoding)} of a recording",
            "linear16, or a WAV, FLAC or OGG/Opus file without encoding",
            "send such a recording",
        )
    channels = read_integer(query, "channels", 1, lowest=1, highest=8)
    return RawPcm(read_integer(query, "sample_rate", None), channels)


def _split_s(query: Mapping[str, str]) -> float:
    text = query.get("utt_split")
    try:
        split_s = USUAL_SPLIT_S if text is None else float(text)
    except ValueError:
        split_s = -1.0
    if not 0 < split_s <= 60:
        raise InvalidParameter(
            f"utt_split={shown(text)}", "seconds, up to 60", f"leave it out for {USUAL_SPLIT_S}"
        )
    return split_s


def _confidence(words: Sequence[TimedWord]) -> float:
    return sum(word.confidence for word in words) / len(words) if words else 0.0


def _utterance(number: int, words: Sequence[TimedWord], request_id: str) -> dict[str, Any]:
    named = hashlib.sha256(f"{request_id}/{number}".encode()).hexdigest()
    return {
        "start": words[0].start_s,
        "end": words[-1].end_s,
        "confidence": _confidence(words),
        "channel": 0,
        "transcript": _text(words),
        "words": [word_object(word) for word in words],
        "id": f"{named[:8]}-{named[8:12]}-4{named[13:16]}-8{named[17:20]}-{named[20:32]}",
    }


def _paragraphs(words: Sequence[TimedWord]) -> dict[str, Any]:
    found = list(paragraphs(words))
    texts = [" ".join(_text(sentence) for sentence in sentences) for sentences in found]
    return {"transcript": "\n" + "\n\n".join(texts), "paragraphs": list(map(_paragraph, found))}


def _paragraph(sentences: Sequence[Sequence[TimedWord]]) -> dict[str, Any]:
    return {
        "sentences": [
            {"text": _text(one), "start": one[0].start_s, "end": one[-1].end_s} for one in sentences
        ],
        "num_words": sum(map(len, sentences)),
        "start": sentences[0][0].start_s,
        "end": sentences[-1][-1].end_s,
    }


def _text(words: Sequence[TimedWord]) -> str:
    return " ".join(word.text for word in words)
