"""A Realtime transcription as the judge speaks and reads it; with any server that speaks it.

The dialect has no end: a client that has committed what is left hangs up when that was transcribed,
or when it is told that nothing was left.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from lab_kit.core.errors import InvalidMessage
from lab_kit.dialects.openai.realtime.client import RATE_HZ, append, commit
from lab_kit.dialects.openai.realtime.options import PATH
from lab_kit.protocol.judge.conversation import Caller, Carrier, Told, sound_of
from lab_kit.protocol.judge.seen import AskedForFinal, Begun, Failed, Finished, Result, Speech

_TRANSCRIPTION = "conversation.item.input_audio_transcription."
_EMPTY = "input_audio_buffer_commit_empty"
_BYTES_PER_S = 2.0 * RATE_HZ
_SESSION = {
    "type": "transcription",
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": RATE_HZ},
            "transcription": {"model": "gpt-4o-transcribe"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 500},
        }
    },
}


class RealtimeConversation:
    """Speech at 24 kHz in base64, turns by the server."""

    carrier = Carrier.WEBSOCKET
    rate_hz = RATE_HZ
    bytes_per_s = _BYTES_PER_S

    def __init__(self) -> None:
        self._text: dict[str, str] = {}
        self._committed: str | None = None
        self._is_committing = False

    def target(self, caller: Caller) -> str:
        """What is chosen is said later."""
        return f"{PATH}?intent=transcription"

    def headers(self, key: str) -> Mapping[str, str]:
        """A bearer's."""
        return {"Authorization": f"Bearer {key}"}

    def first(self) -> Sequence[str]:
        """What is chosen."""
        return [json.dumps({"type": "session.update", "session": _SESSION})]

    def sound(self, pcm: bytes) -> str:
        """In base64."""
        return append(pcm)

    def finish(self) -> Sequence[str]:
        """What is left becomes an item."""
        self._is_committing = True
        return [commit()]

    def is_over(self, message: Mapping[str, Any]) -> bool:
        """What was committed last has been transcribed, or nothing was left."""
        match message.get("type"):
            case "input_audio_buffer.committed" if self._is_committing:
                self._committed = message["item_id"]
            case "error":
                return bool(message["error"].get("code") == _EMPTY)
            case kind if str(kind).startswith(_TRANSCRIPTION):
                is_last = message.get("item_id") == self._committed
                return is_last and not str(kind).endswith("delta")
        return False

    def noted(self, message: str | bytes, by_client: bool) -> dict[str, Any]:
        """With sound's length for sound."""
        noted = dict(json.loads(message))
        if by_client and "audio" in noted:
            noted["audio"] = len(base64.b64decode(noted["audio"]))
        return noted

    def seen(self, message: Mapping[str, Any], by_client: bool) -> Sequence[Told]:
        """An event of either side; of those about items nothing is seen."""
        try:
            return self._said(message) if by_client else self._told(message)
        except (KeyError, TypeError) as error:
            raise InvalidMessage(
                f"{message.get('type')} without {error}",
                "the provider's fields",
                "see what the server sent",
            ) from error

    def _said(self, message: Mapping[str, Any]) -> Sequence[Told]:
        match message["type"]:
            case "input_audio_buffer.append":
                return [(sound_of(int(message["audio"]), _BYTES_PER_S), None)]
            case "input_audio_buffer.commit":
                return [(AskedForFinal(), None), (Finished(), None)]
        return []

    def _told(self, message: Mapping[str, Any]) -> Sequence[Told]:
        match message["type"]:
            case "session.created":
                return [(Begun(), None)]
            case "input_audio_buffer.speech_started":
                return [(Speech(message["audio_start_ms"] / 1000), None)]
            case "error":
                return [(Failed(str(message["error"].get("code")), is_fatal=False), None)]
            case kind if kind == _TRANSCRIPTION + "delta":
                item = str(message["item_id"])
                self._text[item] = self._text.get(item, "") + message["delta"]
                return [(Result(self._text[item], is_final=False, segment=item), None)]
            case kind if kind == _TRANSCRIPTION + "completed":
                item = str(message["item_id"])
                return [(Result(message["transcript"], is_final=True, segment=item), None)]
        return []
