"""The client's side of a session: options to a query, the server's messages to events.

A turn is one segment here, whatever the server made it of; its text comes formatted, which the
query asks for.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

from lab_kit.core.errors import InvalidMessage
from lab_kit.core.events import Event, Final, Interim, StreamOptions, TimedWord
from lab_kit.core.personal_data import REDACT, redact_value
from lab_kit.protocol.record import event_of

_ENCODINGS = {"linear16": "pcm_s16le", "mulaw": "pcm_mulaw", "opus": "opus"}
TERMINATE = json.dumps({"type": "Terminate"})
FORCE_ENDPOINT = json.dumps({"type": "ForceEndpoint"})
KEEP_ALIVE = json.dumps({"type": "KeepAlive"})


@dataclass(frozen=True, slots=True)
class StampedEvent:
    """What a message of the server says: ours, when it was sent, and which version spoke."""

    event: Event
    sent_ns: int
    version: str


def query_for(options: StreamOptions) -> dict[str, str]:
    """The query that asks for ``options``, where the dialect has words for them."""
    query = {
        "sample_rate": str(options.sample_rate_hz),
        "encoding": _ENCODINGS[options.encoding],
        "format_turns": "true",
    }
    silence_s, longest_s = options.endpoint_silence_s, options.unfinished_silence_s
    if silence_s is not None:
        query["min_turn_silence"] = str(round(silence_s * 1_000))
        query["max_turn_silence"] = str(round((longest_s or silence_s) * 1_000))
        query["end_of_turn_confidence_threshold"] = str(options.finished_probability)
    asked = {step.partition(":")[0]: "true" for step in options.postprocess}
    if REDACT in asked:
        asked[REDACT] = redact_value(options.postprocess)
    return query | asked


def parse_message(text: str) -> StampedEvent | None:
    """A server's message as an event; None where it is none of ours, or will be said once more.

    Raises:
        InvalidMessage: it is no message of a server that speaks this dialect, or says why the
            session ends.
    """
    try:
        message: dict[str, Any] = json.loads(text)
        kind, lab = message["type"], message.get("lab")
        if kind == "Error":
            raise InvalidMessage(
                f"the server's error: {message['error']}", "none", "mend it, and connect again"
            )
        if lab is None:
            return None
        event, sent_ns, version = event_of(lab, message.get("transcript", ""))
        if isinstance(event, Interim | Final):
            words = tuple(_word(one) for one in message["words"])
            event = replace(event, words=words)
        if isinstance(event, Interim):
            whole = " ".join(word.text for word in event.words)
            stable = sum(len(one["text"]) + 1 for one in message["words"] if one["word_is_final"])
            event = replace(event, text=whole, stable_chars=max(0, stable - 1))
        return StampedEvent(event, sent_ns, version)
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidMessage(
            f"server message {text[:200]!r}",
            "one of AssemblyAI's streaming",
            "check that the server is a lab_kit of this version",
        ) from error


def _word(word: dict[str, Any]) -> TimedWord:
    return TimedWord(word["text"], word["start"] / 1_000, word["end"] / 1_000, word["confidence"])
