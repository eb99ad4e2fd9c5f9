"""The server's side: frames to sound, events to frames.

A transcript event carries what is ours under ``Lab``, which no SDK of the provider looks at.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lab_kit.core.errors import InvalidMessage, PayloadTooLarge
from lab_kit.core.events import Event, Final, Interim, StreamEnded
from lab_kit.core.shown import shown
from lab_kit.dialects.amazon.event_stream import MOST_PAYLOAD_BYTES, Frame, decoded, encoded
from lab_kit.dialects.amazon.options import Asked
from lab_kit.dialects.amazon.settling import Settling, Word
from lab_kit.dialects.amazon.signature import CHUNK_SIGNATURE, ChunkSignatures
from lab_kit.protocol.record import described

LAB = "Lab"
CHANNEL = "ch_0"
"""Both channels are averaged into one, which has the name of the first."""
_EVENT = {
    ":message-type": "event",
    ":event-type": "TranscriptEvent",
    ":content-type": "application/json",
}


def sound_of(
    data: bytes, signatures: ChunkSignatures, now_s: float, *, must_be_signed: bool
) -> bytes:
    """The sound of a client's frame; none where no more will come.

    Args:
        now_s: since 1970.
        must_be_signed: whether a frame that has no signature is refused.

    Raises:
        InvalidMessage: it is no frame, or none with sound.
        PayloadTooLarge: it has more sound than one event may.
        InvalidChunk: it was not signed by whom it should be.
    """
    frame = decoded(data)
    if must_be_signed or CHUNK_SIGNATURE in frame.headers:
        signatures.check(frame.headers, frame.payload, now_s)
        if not frame.payload:
            return b""
        frame = decoded(frame.payload)
    kind = (frame.headers.get(":message-type"), frame.headers.get(":event-type"))
    if kind != ("event", "AudioEvent"):
        raise InvalidMessage(
            f"a frame of the kind {shown(kind[0])}, {shown(kind[1])}",
            "events with sound: 'event', 'AudioEvent'",
            "send AudioEvents alone",
        )
    if len(frame.payload) > MOST_PAYLOAD_BYTES:
        raise PayloadTooLarge(
            f"{len(frame.payload):,} bytes of audio in one event",
            f"at most {MOST_PAYLOAD_BYTES:,}",
            "cut the audio into shorter chunks, such as 100 ms each",
        )
    return frame.payload


class TranscriptWriter:
    """The server's side of one stream: events to frames.

    Args:
        asked: what the stream was asked for.
        version: the model's, for our own client.
        new_id: makes the name of a segment, which its partial results and the complete one share.
    """

    def __init__(self, asked: Asked, version: str, new_id: Callable[[], str]) -> None:
        self._asked = asked
        self._version = version
        self._new_id = new_id
        self._segment = new_id()
        self._has_partial = False
        # what redaction withholds may be known only when a segment is complete
        keeps_in = "redact" in asked.options.postprocess
        self._settling = Settling(None if keeps_in else asked.stability)

    def frame(self, event: Event, sent_ns: int) -> bytes | None:
        """The frame that tells an event; None where there is no word for it."""
        match event:
            case Interim():
                results = self._partial(event)
            case Final():
                results = self._complete(event)
            case StreamEnded():
                results = []
            case _:
                return None
        note = described(event, sent_ns, self._version)
        body = {"Transcript": {"Results": results}, LAB: note}
        return encoded(Frame(_EVENT, json.dumps(body).encode()))

    def _partial(self, event: Interim) -> list[dict[str, Any]]:
        words = _words(event)
        agreed = _agreed_words(words, event.stable_chars)
        told, settled = self._settling.follow(words, agreed)
        self._has_partial = self._has_partial or bool(told)
        return [self._result(event, told, settled)] if told else []

    def _complete(self, event: Final) -> list[dict[str, Any]]:
        told = self._settling.complete(_words(event))
        # a segment that was told of is ended, even where nothing of it was speech
        is_told = bool(told) or self._has_partial
        result = self._result(event, told, len(told))
        self._segment, self._has_partial = self._new_id(), False
        return [result] if is_told else []

    def _result(
        self, event: Interim | Final, words: Sequence[Word], settled: int
    ) -> dict[str, Any]:
        is_partial = isinstance(event, Interim)
        items = [
            item
            for place, word in enumerate(words)
            for item in self._items(word, is_settled=place < settled, is_partial=is_partial)
        ]
        transcript = " ".join(word.text for word in words)
        # a settled word may have the times of a pass before this one
        starts_s = [word.start_s for word in words if word.start_s is not None]
        ends_s = [word.end_s for word in words if word.end_s is not None]
        result = {
            "ResultId": self._segment,
            "StartTime": _told_s(min([event.start_s, *starts_s])),
            "EndTime": _told_s(max([event.end_s, *ends_s])),
            "IsPartial": is_partial,
            "Alternatives": [{"Transcript": transcript, "Items": items}],
        }
        if self._asked.has_channels:
            result["ChannelId"] = CHANNEL
        if self._asked.language is not None:
            result["LanguageCode"] = self._asked.language
        return result

    def _items(self, word: Word, *, is_settled: bool, is_partial: bool) -> Iterator[dict[str, Any]]:
        """A word and each mark around it, as the provider parts them."""
        before, spoken, behind = word.parts
        tells = self._asked.stability is not None
        marks = {"Stable": not is_partial} if tells else {}
        for mark in before:
            yield _item(mark, "punctuation", word.start_s, word.start_s) | marks
        if spoken:
            item = _item(spoken, "pronunciation", word.start_s, word.end_s)
            if tells:
                item["Stable"] = is_settled
            if word.confidence is not None and not is_partial:
                item["Confidence"] = word.confidence
            yield item
        for mark in behind:
            yield _item(mark, "punctuation", word.end_s, word.end_s) | marks


def _words(event: Interim | Final) -> list[Word]:
    """The words of the text, with their times where they are known."""
    written = event.text.split()
    if [word.text for word in event.words] == written:
        return [Word(w.text, w.start_s, w.end_s, w.confidence) for w in event.words]
    return [Word(text) for text in written]


def _agreed_words(words: Sequence[Word], stable_chars: int) -> int:
    """How many words the first characters of the text hold, whatever marks stand behind them."""
    end, count = 0, 0
    for word in words:
        end += len(word.text.rstrip(".,!?;:"))
        if end > stable_chars:
            break
        end += len(word.text) - len(word.text.rstrip(".,!?;:")) + 1
        count += 1
    return count


def _item(content: str, kind: str, start_s: float | None, end_s: float | None) -> dict[str, Any]:
    item = {"Type": kind, "Content": content, "VocabularyFilterMatch": False}
    if start_s is None or end_s is None:
        return item
    return {"StartTime": _told_s(start_s), "EndTime": _told_s(end_s), **item}


def _told_s(time_s: float) -> float:
    """To the millisecond, as the provider has it."""
    return round(time_s, 3)
