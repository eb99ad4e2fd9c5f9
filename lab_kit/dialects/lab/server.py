"""The server's side: a client's messages as commands, events as messages that have no number yet.

Numbers and stamps are given where messages are kept for a client that comes back; see
`gateway.live.session_wire`.
"""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError

from lab_kit.core.errors import InvalidMessage, LabError, Unauthenticated
from lab_kit.core.events import (
    Event,
    Final,
    Interim,
    ModelInfo,
    SpeechStarted,
    StreamEnded,
    StreamOptions,
    TimedWord,
    UtteranceEnd,
)
from lab_kit.core.ids import StreamIdentity
from lab_kit.core.shown import shown
from lab_kit.dialects.lab.errors import (
    SessionEnding,
    close_code,
    close_reason,
    end_reason,
    error_message,
)
from lab_kit.protocol.live import Audio, Control, Ending, Input, Reply
from lab_kit.protocol.recordings import Word
from lab_kit.protocol.stream_messages import (
    USAGE_EVERY_S,
    Command,
    CommandMessage,
    FinalResult,
    InterimResult,
    Numbered,
    Refreshed,
    SessionBegun,
    SessionEnded,
    SpeechBegan,
    Usage,
)

MOST_COMMAND_CHARS = 5_000
"""A command is a word, and a token at most; whatever is longer is not parsed."""
_CONTROLS = {
    Command.FINALIZE: Control.FINALIZE,
    Command.KEEP_ALIVE: Control.KEEP_ALIVE,
    Command.FINISH: Control.CLOSE,
}


def command_of(text: str) -> CommandMessage:
    """What a text message asks for.

    Raises:
        InvalidMessage: it is no command.
    """
    try:
        if len(text) > MOST_COMMAND_CHARS:
            raise ValueError("longer than any command")
        command = CommandMessage.model_validate_json(text)
        if (command.type is Command.REFRESH) != (command.token is not None):
            raise ValueError("a token without refresh, or refresh without one")
    except (ValidationError, ValueError) as error:
        # who sends a token in a wrong message does not find it in an answer
        received = "the message " + shown(text) if "token" not in text else "a message with a token"
        raise InvalidMessage(
            received,
            f'{{"type": …}} with one of {", ".join(Command)}, and a token with refresh',
            "send sound as binary messages and commands as JSON",
        ) from error
    return command


class LabStream:
    """One session's side of the conversation.

    Args:
        identity: the session is named as its stream is.
        model: what answers.
        window_s: how long the session waits for its client.

    Attributes:
        audio_s: how much sound was taken so far; told when the stream has begun.
        refresh: lets the stream go on with another access token, and gives how long that is valid;
            raises a `LabError` where it may not.
    """

    def __init__(
        self, options: StreamOptions, identity: StreamIdentity, model: ModelInfo, window_s: float
    ) -> None:
        self.options = options
        self.audio_s: Callable[[], float] = lambda: 0.0
        self.refresh: Callable[[str], float] = _no_token
        self._identity = identity
        self._model = model
        self._window_s = window_s
        self._segment, self._revision = 1, 0
        self._used_until_s = 0.0
        self._ended: StreamEnded | None = None

    def greet(self) -> Sequence[Numbered]:
        """The session's name, and who answers."""
        begun = SessionBegun(
            session=str(self._identity.stream),
            request_id=str(self._identity.request),
            model=self._model.name,
            model_version=self._model.version,
            device=self._model.device,
            resume_window_s=self._window_s,
        )
        return [begun]

    def parse(self, message: bytes | str) -> Sequence[Input]:
        """Bytes are sound, text a command; one that is none is answered, and the session goes on.

        Before sound, the usage until then is told, if much has come since it was.
        """
        if isinstance(message, bytes):
            return [*self._usage_until(self.audio_s(), USAGE_EVERY_S), Audio(message)]
        try:
            if isinstance(message, Command):
                return [_CONTROLS[message]]
            command = command_of(message)
            if command.token is not None:
                return [Reply(Refreshed(valid_s=self.refresh(command.token)))]
        except LabError as error:
            return [Reply(error_message(error, self._identity.request, fatal=False))]
        return [_CONTROLS[command.type]]

    def render(self, event: Event, sent_ns: int) -> Sequence[Numbered]:
        """The message that tells an event; the stream's end is told by `end`."""
        match event:
            case SpeechStarted():
                return [SpeechBegan(at_s=event.at_s)]
            case Interim():
                self._revision += 1
                return [self._interim(event)]
            case Final():
                self._revision += 1
                final = self._final(event)
                self._segment, self._revision = self._segment + 1, 0
                return [final]
            case StreamEnded():
                self._ended = event
                return []
            case UtteranceEnd():
                return []

    def end(self, error: LabError | None) -> tuple[Sequence[Any], Ending]:
        """No words before the end: they belong to it, and are kept with it."""
        words: list[Numbered] = []
        ended = self._ended
        if ended is not None:
            words += [reply.message for reply in self._usage_until(ended.audio_s, 0.0)]
        if error is not None:
            words.append(error_message(error, self._identity.request, fatal=True))
        words.append(
            SessionEnded(
                reason=end_reason(error),
                audio_s=None if ended is None else ended.audio_s,
                sha256=None if ended is None else ended.sha256,
            )
        )
        status = "OK" if error is None else error.code.value
        code, reason = close_code(error), close_reason(error)
        return [], SessionEnding(code, reason, last_words=tuple(words), status=status)

    def _usage_until(self, until_s: float, at_least_s: float) -> list[Reply]:
        """The usage that was not told yet, if it is more than that."""
        from_s = self._used_until_s
        if until_s - from_s <= at_least_s:
            return []
        self._used_until_s = until_s
        return [Reply(Usage(from_s=from_s, until_s=until_s), until_s)]

    def _interim(self, event: Interim) -> InterimResult:
        return InterimResult(
            segment=self._segment,
            revision=self._revision,
            start_s=event.start_s,
            end_s=event.end_s,
            text=event.text,
            stable_chars=event.stable_chars,
            confidence=event.confidence,
            words=_words(event.words),
            timing=event.timing,
        )

    def _final(self, event: Final) -> FinalResult:
        return FinalResult(
            segment=self._segment,
            revision=self._revision,
            start_s=event.start_s,
            end_s=event.end_s,
            text=event.text,
            confidence=event.confidence,
            words=_words(event.words),
            timing=event.timing,
            endpoint=event.endpoint,
            requested=event.requested,
            finished_probability=event.finished_probability,
            redactions=event.redactions,
        )


def _words(words: Sequence[TimedWord]) -> tuple[Word, ...]:
    return tuple(Word(w.text, w.start_s, w.end_s, w.confidence) for w in words)


def _no_token(_: str) -> float:
    raise Unauthenticated(
        "a token on a stream that was opened without one", "none", "open the stream with a token"
    )
