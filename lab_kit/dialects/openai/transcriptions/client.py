"""The client's side: lines of the event stream as events."""

import json

from lab_kit.core.errors import InvalidMessage
from lab_kit.core.events import Event
from lab_kit.protocol.record import event_of


def parse_event(line: str) -> tuple[Event, int, str] | None:
    """A line of the event stream as an event; None for lines that hold none.

    Raises:
        InvalidMessage: an error, or nothing that this server would send.
    """
    if not line.startswith("data: "):
        return None
    try:
        body = json.loads(line.removeprefix("data: "))
    except ValueError as error:
        raise InvalidMessage(
            f"{line[:200]!r}", "an event as JSON", "upload to a server that streams OpenAI's events"
        ) from error
    if "error" in body:
        raise InvalidMessage(
            f"the server gave up: {body['error']['message']}",
            "every segment",
            "upload the recording again",
        )
    return event_of(body.get("lab", {}), body.get("delta", "").removeprefix(" "))
