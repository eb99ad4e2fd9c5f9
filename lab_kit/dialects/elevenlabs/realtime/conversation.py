"""A realtime stream as the judge speaks and reads it; with any server that speaks it.

The dialect has no end: a client that has committed what is left hangs up when that was told, or
when it is told that nothing was left. A commit is told twice; the second time has the words' times,
and is the one that is judged.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from lab_kit.core.errors import InvalidMessage
from lab_kit.dialects.elevenlabs.realtime.options import PATH
from lab_kit.dialects.elevenlabs.realtime.server import CHUNK
from lab_kit.protocol.judge.conversation import Caller, Carrier, Told, sound_of
from lab_kit.protocol.judge.seen import AskedForFinal, Begun, Failed, Finished, Result, Spoken

_RATE_HZ = 16_000
_BYTES_PER_S = 2.0 * _RATE_HZ
_COMMITTED = "committed_transcript_with_timestamps"
_THROTTLED = "commit_throttled"
_ASKED = {
    "model_id": "scribe_v2_realtime",
    "audio_format": f"pcm_{_RATE_HZ}",
    "commit_strategy": "manual",
    "include_timestamps": "true",
}


class RealtimeConversation:
    """Speech at 16 kHz in base64, committed once, at its end."""

    carrier = Carrier.WEBSOCKET
    rate_hz = _RATE_HZ
    bytes_per_s = _BYTES_PER_S

    def __init__(self) -> None:
        self._has_committed = False

    def target(self, caller: Caller) -> str:
        """What is chosen is in the query."""
        return f"{PATH}?{urlencode(_ASKED)}"

    def headers(self, key: str) -> Mapping[str, str]:
        """The provider's own header."""
        return {"xi-api-key": key}

    def first(self) -> Sequence[str]:
        """Nothing: what is chosen is in the address."""
        return []

    def sound(self, pcm: bytes) -> str:
        """In base64."""
        return _chunk(pcm, commit=False)

    def finish(self) -> Sequence[str]:
        """What is left is committed."""
        self._has_committed = True
        return [_chunk(b"", commit=True)]

    def is_over(self, message: Mapping[str, Any]) -> bool:
        """The one commit was told, or nothing was left."""
        return self._has_committed and message.get("message_type") in (_COMMITTED, _THROTTLED)

    def noted(self, message: str | bytes, by_client: bool) -> dict[str, Any]:
        """With sound's length for sound."""
        noted = dict(json.loads(message))
        if by_client and "audio_base_64" in noted:
            noted["audio_base_64"] = len(base64.b64decode(noted["audio_base_64"]))
        return noted

    def seen(self, message: Mapping[str, Any], by_client: bool) -> Sequence[Told]:
        """A chunk, or a message of the server's; of an unknown one nothing is seen."""
        kind = str(message.get("message_type"))
        try:
            return _said(message) if by_client else _told(kind, message)
        except (KeyError, TypeError) as error:
            raise InvalidMessage(
                f"{kind} without {error}", "the provider's fields", "see what the server sent"
            ) from error


def _chunk(pcm: bytes, commit: bool) -> str:
    return json.dumps(
        {
            "message_type": CHUNK,
            "audio_base_64": base64.b64encode(pcm).decode(),
            "commit": commit,
            "sample_rate": _RATE_HZ,
        }
    )


def _said(message: Mapping[str, Any]) -> Sequence[Told]:
    if message["message_type"] != CHUNK:
        return []
    size_bytes = int(message["audio_base_64"])
    said: list[Told] = [(sound_of(size_bytes, _BYTES_PER_S), None)] if size_bytes else []
    return [*said, (AskedForFinal(), None), (Finished(), None)] if message["commit"] else said


def _told(kind: str, message: Mapping[str, Any]) -> Sequence[Told]:
    match kind:
        case "session_started":
            return [(Begun(), None)]
        case "partial_transcript":
            return [(Result(message["text"], is_final=False), None)]
        case "committed_transcript":
            return []
        case _ if kind == _COMMITTED:
            words = tuple(
                Spoken(word["text"], word["start"], word["end"])
                for word in message["words"]
                if word["type"] == "word"
            )
            start_s, end_s = (words[0].start_s, words[-1].end_s) if words else (None, None)
            told = Result(message["text"], True, start_s, end_s, words=words)
            return [(told, None)]
        case _ if "error" in message:
            return [(Failed(kind, is_fatal=False), None)]
    return []
