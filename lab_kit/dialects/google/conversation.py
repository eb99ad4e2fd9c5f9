"""Google's StreamingRecognize, version 1, as the judge speaks and reads it; with any server."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]

from lab_kit.core.errors import InvalidMessage
from lab_kit.core.events import StreamOptions
from lab_kit.core.wire_format import decoded_message
from lab_kit.dialects.google.client import METHOD, audio_message, first_message
from lab_kit.dialects.google.versions import V1
from lab_kit.protocol.judge.conversation import Caller, Carrier, Told, sound_of
from lab_kit.protocol.judge.seen import Ended, Failed, Result, Speech, Spoken

_BYTES_PER_S = 32_000.0
_BEGIN = "SPEECH_ACTIVITY_BEGIN"


class GoogleConversation:
    """Speech at 16 kHz, with interims and voice events."""

    carrier = Carrier.GRPC
    rate_hz = 16_000
    bytes_per_s = _BYTES_PER_S

    def target(self, caller: Caller) -> str:
        """The method."""
        return METHOD

    def headers(self, key: str) -> Mapping[str, str]:
        """As metadata."""
        return {"x-goog-api-key": key}

    def first(self) -> Sequence[bytes]:
        """The configuration."""
        return [first_message(StreamOptions())]

    def sound(self, pcm: bytes) -> bytes:
        """A message with it."""
        return audio_message(pcm)

    def finish(self) -> Sequence[bytes]:
        """Nothing is said: the client half-closes."""
        return []

    def is_over(self, message: Mapping[str, Any]) -> bool:
        """Never: the server ends the call."""
        return False

    def noted(self, message: str | bytes, by_client: bool) -> dict[str, Any]:
        """By the fields' names, with sound's length for sound."""
        kind = V1.request if by_client else V1.response
        decoded = decoded_message(kind, message if isinstance(message, bytes) else message.encode())
        noted = dict(MessageToDict(decoded, preserving_proto_field_name=True))
        if V1.audio in noted:
            noted[V1.audio] = len(base64.b64decode(noted[V1.audio]))
        return noted

    def seen(self, message: Mapping[str, Any], by_client: bool) -> Sequence[Told]:
        """A request or a response; interims in pieces are one result."""
        if by_client:
            sound = message.get(V1.audio)
            return [] if sound is None else [(sound_of(int(sound), _BYTES_PER_S), None)]
        try:
            return [(happening, None) for happening in _told(message)]
        except (KeyError, ValueError, IndexError) as error:
            raise InvalidMessage(
                f"a response without {error}", "the provider's fields", "see what the server sent"
            ) from error


def _told(message: Mapping[str, Any]) -> "list[Result | Speech | Ended | Failed]":
    told: list[Result | Speech | Ended | Failed] = []
    if message.get("speech_event_type") == _BEGIN:
        told.append(Speech(_seconds(message.get("speech_event_time", "0s"))))
    results = message.get("results", [])
    told += [_final(result) for result in results if result.get("is_final")]
    if pieces := [result for result in results if not result.get("is_final")]:
        text = "".join(piece["alternatives"][0].get("transcript", "") for piece in pieces)
        told.append(Result(text, is_final=False, end_s=_seconds(pieces[-1]["result_end_time"])))
    if "error" in message:
        told.append(Failed(str(message["error"].get("code")), is_fatal=True))
    if "total_billed_time" in message:
        told.append(Ended())
    return told


def _final(result: Mapping[str, Any]) -> Result:
    alternative = result["alternatives"][0]
    words = [
        Spoken(w["word"], _seconds(w.get("start_time", "0s")), _seconds(w["end_time"]))
        for w in alternative.get("words", [])
    ]
    return Result(
        alternative.get("transcript", ""),
        is_final=True,
        end_s=_seconds(result["result_end_time"]),
        words=tuple(words),
    )


def _seconds(text: str) -> float:
    """A duration as protobuf writes it in JSON, such as ``1.200s``."""
    return float(text.removesuffix("s"))
