"""Our own stream as the judge reads it."""

from collections.abc import Mapping, Sequence
from typing import Any

from lab_kit.core.errors import InvalidMessage
from lab_kit.protocol.judge.conversation import Told, finished
from lab_kit.protocol.judge.seen import (
    AskedForFinal,
    Begun,
    Ended,
    Failed,
    Renewed,
    Result,
    Resumed,
    Speech,
    Spoken,
    Used,
)
from lab_kit.protocol.stream_messages import (
    Command,
    FinalResult,
    InterimResult,
    Refreshed,
    ServerMessage,
    SessionBegun,
    SessionEnded,
    SessionResumed,
    SpeechBegan,
    StreamError,
    Usage,
    server_message,
)


class LabReading:
    """What our own messages mean; the same on every wire."""

    def seen(self, message: Mapping[str, Any], by_client: bool) -> Sequence[Told]:
        """A command, or one of the schema's messages."""
        if by_client:
            return _said(message)
        try:
            told = server_message.validate_python(message)
        except ValueError as error:
            raise InvalidMessage(
                f"the message {str(message)[:200]}", "one of our own stream's", "check the capture"
            ) from error
        number = None if isinstance(told, SessionResumed) else told.sequence
        return [(_meaning(told), number)]


def _said(message: Mapping[str, Any]) -> Sequence[Told]:
    match message.get("type"):
        case Command.FINISH:
            return finished()
        case Command.FINALIZE:
            return [(AskedForFinal(), None)]
        case _:
            return []


def _meaning(
    told: ServerMessage,
) -> Begun | Resumed | Speech | Result | Used | Renewed | Failed | Ended:
    match told:
        case SessionBegun():
            return Begun()
        case SessionResumed():
            return Resumed(told.after)
        case SpeechBegan():
            return Speech(told.at_s)
        case InterimResult() | FinalResult():
            is_final = isinstance(told, FinalResult)
            return Result(
                text=told.text,
                is_final=is_final,
                start_s=told.start_s,
                end_s=told.end_s,
                segment=str(told.segment),
                revision=told.revision,
                stable_chars=told.stable_chars if isinstance(told, InterimResult) else None,
                requested=told.requested if isinstance(told, FinalResult) else False,
                words=tuple(Spoken(w.text, w.start_s, w.end_s) for w in told.words),
            )
        case Usage():
            return Used(told.until_s, told.from_s)
        case Refreshed():
            return Renewed()
        case StreamError():
            return Failed(told.error.reason, told.fatal)
        case SessionEnded():
            return Ended(told.audio_s)
