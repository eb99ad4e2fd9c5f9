"""The client's side: sound to frames, and frames to events."""

import json
from typing import Any

from lab_kit.core.errors import InvalidMessage
from lab_kit.core.events import Event
from lab_kit.core.shown import shown
from lab_kit.dialects.amazon.event_stream import Frame, decoded, encoded
from lab_kit.dialects.amazon.server import LAB
from lab_kit.protocol.record import event_of

MOST_BYTES = 16 * 2**20
"""Of a server's frame, as the provider's SDK has it."""


def audio_frame(sound: bytes) -> bytes:
    """Sound as one event, unsigned; without any it says that no more will come."""
    headers = {
        ":message-type": "event",
        ":event-type": "AudioEvent",
        ":content-type": "application/octet-stream",
    }
    return encoded(Frame(headers, sound))


def parse_frame(data: bytes) -> tuple[Event, int, str]:
    """A server's frame as an event, when it was sent, and the model's version.

    Raises:
        InvalidMessage: it is none of this server's, or the exception that a stream ends with.
    """
    frame = decoded(data, MOST_BYTES)
    if frame.headers.get(":message-type") != "event":
        raise InvalidMessage(
            f"{shown(frame.headers.get(':exception-type'))}: {frame.payload[:200]!r}",
            "a transcript event",
            "do what the exception says",
        )
    try:
        body: dict[str, Any] = json.loads(frame.payload)
        results = body["Transcript"]["Results"]
        text = " ".join(result["Alternatives"][0]["Transcript"] for result in results)
        description = body[LAB]
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise InvalidMessage(
            f"a transcript event {frame.payload[:200]!r}",
            "one of this server's",
            "connect to a server of this lab_kit version",
        ) from error
    return event_of(description, text)
