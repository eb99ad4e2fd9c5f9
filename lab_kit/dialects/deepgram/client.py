"""The client's side: the server's messages as events."""

import json
from dataclasses import dataclass
from typing import Any

from lab_kit.core.errors import InvalidMessage
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


@dataclass(frozen=True, slots=True)
class StampedEvent:
    """An event and the moment the server sent it, on the server's clock.

    Attributes:
        version: the model's version that answered; only results name it.
    """

    event: Event
    sent_ns: int
    version: str | None


def parse_message(text: str) -> StampedEvent:
    """A server's message as an event.

    Raises:
        InvalidMessage: it is none that a stream may carry, or says that ours was not understood.
    """
    try:
        message = json.loads(text)
        event = _READERS[message["type"]](message)
        is_result = isinstance(event, Interim | Final)
        version = message["metadata"]["model_info"]["version"] if is_result else None
        return StampedEvent(event, message["lab"]["sent_ns"], version)
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidMessage(
            f"server message {text[:200]!r}",
            f"one of {', '.join(_READERS)}",
            "check that the server speaks this dialect",
        ) from error


def _read_results(message: dict[str, Any]) -> Interim | Final:
    alternative = message["channel"]["alternatives"][0]
    lab = message["lab"]
    common = {
        "sequence": lab["sequence"],
        "start_s": lab["speech_start_s"],
        "end_s": message["start"] + message["duration"],
        "text": alternative["transcript"],
        "confidence": alternative["confidence"],
        "timing": Timing(**lab["timing"]),
        "words": tuple(_read_word(word) for word in alternative["words"]),
    }
    if message["is_final"]:
        return Final(
            **common,
            endpoint=message["speech_final"],
            requested=message["from_finalize"],
            finished_probability=lab["finished_probability"],
        )
    return Interim(**common, stable_chars=lab["stable_chars"])


def _read_word(word: dict[str, Any]) -> TimedWord:
    return TimedWord(word["punctuated_word"], word["start"], word["end"], word["confidence"])


_READERS: dict[str, Any] = {
    "Results": _read_results,
    "SpeechStarted": lambda m: SpeechStarted(m["timestamp"]),
    "UtteranceEnd": lambda m: UtteranceEnd(m["last_word_end"]),
    "Metadata": lambda m: StreamEnded(m["duration"], m["sha256"], m["channels"]),
}
