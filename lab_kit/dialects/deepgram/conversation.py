"""Deepgram's live stream as the judge speaks and reads it; with any server that speaks it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from lab_kit.core.errors import InvalidMessage
from lab_kit.dialects.deepgram.options import PATH
from lab_kit.dialects.deepgram.server import Command
from lab_kit.protocol.judge.conversation import Caller, Carrier, Told, finished
from lab_kit.protocol.judge.seen import (
    AskedForFinal,
    Ended,
    Failed,
    Result,
    Speech,
    Spoken,
    UtteranceOver,
)

_ASKED = {
    "model": "nova-3",
    "encoding": "linear16",
    "sample_rate": "16000",
    "interim_results": "true",
    "vad_events": "true",
    "utterance_end_ms": "1000",
    "endpointing": "300",
}


class DeepgramConversation:
    """Speech at 16 kHz, with interims and marks."""

    carrier = Carrier.WEBSOCKET
    rate_hz = 16_000
    bytes_per_s = 32_000.0

    def target(self, caller: Caller) -> str:
        """What is chosen is in the query."""
        return f"{PATH}?{urlencode(_ASKED)}"

    def headers(self, key: str) -> Mapping[str, str]:
        """The provider's own scheme."""
        return {"Authorization": f"Token {key}"}

    def first(self) -> Sequence[str]:
        """Nothing: what is chosen is in the address."""
        return []

    def sound(self, pcm: bytes) -> bytes:
        """As it is."""
        return pcm

    def finish(self) -> Sequence[str]:
        """The command."""
        return [json.dumps({"type": Command.CLOSE_STREAM})]

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
            asked: list[Told] = [(AskedForFinal(), None)] if kind == Command.FINALIZE else []
            return finished() if kind == Command.CLOSE_STREAM else asked
        try:
            happening = _READERS[str(kind)](message) if kind in _READERS else None
        except (KeyError, TypeError, IndexError) as error:
            raise InvalidMessage(
                f"{kind} without {error}", "the provider's fields", "see what the server sent"
            ) from error
        return [] if happening is None else [(happening, None)]


def _results(message: Mapping[str, Any]) -> Result:
    """A result covers all since the last final, silence too: it begins where that ended."""
    alternative = message["channel"]["alternatives"][0]
    words = alternative.get("words") or ()
    return Result(
        text=alternative["transcript"],
        is_final=bool(message["is_final"]),
        start_s=message["start"],
        end_s=message["start"] + message["duration"],
        requested=bool(message.get("from_finalize")),
        words=tuple(Spoken(w["word"], w["start"], w["end"]) for w in words),
    )


_READERS: dict[str, Any] = {
    "Results": _results,
    "SpeechStarted": lambda m: Speech(m["timestamp"]),
    "UtteranceEnd": lambda m: UtteranceOver(m["last_word_end"]),
    "Metadata": lambda m: Ended(m["duration"]),
    "Error": lambda m: Failed(m["variant"], is_fatal=False),
}
