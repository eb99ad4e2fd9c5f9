"""A transcription as the judge speaks and reads it, over a WebSocket; with any server of it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from lab_kit.core.errors import InvalidMessage
from lab_kit.dialects.amazon.client import MOST_BYTES, audio_frame
from lab_kit.dialects.amazon.event_stream import decoded
from lab_kit.dialects.amazon.options import SOCKET_PATH
from lab_kit.dialects.amazon.signature import signed_query
from lab_kit.protocol.judge.conversation import Caller, Carrier, Told, finished, sound_of
from lab_kit.protocol.judge.seen import Failed, Result, Spoken

_RATE_HZ = 16_000
_BYTES_PER_S = 2.0 * _RATE_HZ
_REGION = "us-east-1"
_NO_KEY = "local"
"""Signs where a server asks for no key, since it looks at a signature's form even then."""
_ASKED = {
    "language-code": "en-US",
    "media-encoding": "pcm",
    "sample-rate": str(_RATE_HZ),
    "enable-partial-results-stabilization": "true",
    "partial-results-stability": "high",
}
_KIND, _BYTES = "kind", "bytes"
"""How a capture notes a frame: its event or exception, and the length of its sound."""
_TRANSCRIPT, _EXCEPTION = "TranscriptEvent", "Exception"


class TranscribeConversation:
    """Speech at 16 kHz, with partial results whose words settle soon."""

    carrier = Carrier.WEBSOCKET
    rate_hz = _RATE_HZ
    bytes_per_s = _BYTES_PER_S

    def target(self, caller: Caller) -> str:
        """A signed address; the key is access key id and secret both."""
        key = caller.key or _NO_KEY
        query = signed_query(SOCKET_PATH, _ASKED, caller.host, _REGION, key, caller.now_s)
        return f"{SOCKET_PATH}?{urlencode(query)}"

    def headers(self, key: str) -> Mapping[str, str]:
        """None: the address is signed."""
        return {}

    def first(self) -> Sequence[bytes]:
        """Nothing: what is chosen is in the address."""
        return []

    def sound(self, pcm: bytes) -> bytes:
        """One event."""
        return audio_frame(pcm)

    def finish(self) -> Sequence[bytes]:
        """An event without sound."""
        return [audio_frame(b"")]

    def is_over(self, message: Mapping[str, Any]) -> bool:
        """Never: the server closes."""
        return False

    def noted(self, message: str | bytes, by_client: bool) -> dict[str, Any]:
        """A frame's kind, and its payload or its length."""
        frame = decoded(message.encode() if isinstance(message, str) else message, MOST_BYTES)
        headers = frame.headers
        if by_client:
            return {_KIND: headers.get(":event-type"), _BYTES: len(frame.payload)}
        payload = json.loads(frame.payload)
        if (exception := headers.get(":exception-type")) is not None:
            return {_KIND: exception, **payload}
        return {_KIND: headers.get(":event-type"), **payload}

    def seen(self, message: Mapping[str, Any], by_client: bool) -> Sequence[Told]:
        """Sound, results, or the exception that a stream ends with."""
        kind = message.get(_KIND)
        try:
            if by_client:
                size_bytes = int(message[_BYTES])
                return [(sound_of(size_bytes, _BYTES_PER_S), None)] if size_bytes else finished()
            if str(kind).endswith(_EXCEPTION):
                return [(Failed(str(kind), is_fatal=True), None)]
            if kind != _TRANSCRIPT:
                return []
            return [(_result(one), None) for one in message["Transcript"]["Results"]]
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise InvalidMessage(
                f"{kind} without {error}", "the provider's fields", "see what the server sent"
            ) from error


def _result(result: Mapping[str, Any]) -> Result:
    alternative = result["Alternatives"][0]
    return Result(
        text=alternative["Transcript"],
        is_final=not result["IsPartial"],
        start_s=result["StartTime"],
        end_s=result["EndTime"],
        segment=result["ResultId"],
        words=tuple(
            Spoken(one["Content"], one["StartTime"], one["EndTime"])
            for one in alternative["Items"]
            if one["Type"] == "pronunciation" and "StartTime" in one
        ),
    )
