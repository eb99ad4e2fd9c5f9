"""A streaming session as the judge speaks and reads it; with any server that speaks it.

A turn is a segment. Where it ends unformatted and is told once more formatted, the first of the two
is its final: the words are the same.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from lab_kit.core.errors import InvalidMessage
from lab_kit.dialects.assemblyai.streaming.client import TERMINATE
from lab_kit.dialects.assemblyai.streaming.options import PATH
from lab_kit.protocol.judge.conversation import Caller, Carrier, Told, finished
from lab_kit.protocol.judge.seen import (
    AskedForFinal,
    Begun,
    Ended,
    Failed,
    Happening,
    Result,
    Speech,
    Spoken,
)

_ASKED = {
    "sample_rate": "16000",
    "speech_model": "universal-streaming-english",
    "format_turns": "true",
    "min_turn_silence": "300",
    "max_turn_silence": "1000",
}


class StreamingConversation:
    """Speech at 16 kHz, turns that are formatted."""

    carrier = Carrier.WEBSOCKET
    rate_hz = 16_000
    bytes_per_s = 32_000.0

    def __init__(self) -> None:
        self._ended: int | None = None

    def target(self, caller: Caller) -> str:
        """What is chosen is in the query."""
        return f"{PATH}?{urlencode(_ASKED)}"

    def headers(self, key: str) -> Mapping[str, str]:
        """Without a scheme."""
        return {"Authorization": key}

    def first(self) -> Sequence[str]:
        """Nothing: what is chosen is in the address."""
        return []

    def sound(self, pcm: bytes) -> bytes:
        """As it is."""
        return pcm

    def finish(self) -> Sequence[str]:
        """The command."""
        return [TERMINATE]

    def is_over(self, message: Mapping[str, Any]) -> bool:
        """Never: the server closes."""
        return False

    def noted(self, message: str | bytes, by_client: bool) -> dict[str, Any]:
        """Text is JSON already."""
        return dict(json.loads(message))

    def seen(self, message: Mapping[str, Any], by_client: bool) -> Sequence[Told]:
        """A command, or a message of the server's; of an unknown one nothing is seen."""
        kind = message.get("type")
        if by_client:
            asked: list[Told] = [(AskedForFinal(), None)] if kind == "ForceEndpoint" else []
            return finished() if kind == "Terminate" else asked
        try:
            happening = self._told(message)
        except (KeyError, TypeError) as error:
            raise InvalidMessage(
                f"{kind} without {error}", "the provider's fields", "see what the server sent"
            ) from error
        return [] if happening is None else [(happening, None)]

    def _told(self, message: Mapping[str, Any]) -> Happening | None:
        match message["type"]:
            case "Begin":
                return Begun()
            case "SpeechStarted":
                return Speech(message["timestamp"] / 1_000)
            case "Turn":
                return self._turn(message)
            case "Termination":
                return Ended()
            case "Error":
                return Failed(str(message["error_code"]), is_fatal=True)
        return None

    def _turn(self, message: Mapping[str, Any]) -> Result | None:
        order, is_final = int(message["turn_order"]), bool(message["end_of_turn"])
        if is_final and message["turn_is_formatted"] and order == self._ended:
            return None
        self._ended = order if is_final else self._ended
        words = tuple(
            Spoken(one["text"], one["start"] / 1_000, one["end"] / 1_000)
            for one in message["words"]
        )
        known = " ".join(one["text"] for one in message["words"] if one["word_is_final"])
        return Result(
            text=message["transcript"] if is_final else " ".join(word.text for word in words),
            is_final=is_final,
            start_s=words[0].start_s if words else None,
            end_s=words[-1].end_s if words else None,
            segment=str(order),
            stable_chars=None if is_final else len(known),
            words=words,
        )
