"""The client's side: the server's messages as events."""

from lab_kit.core.events import Event, Final, Interim, SpeechStarted, StreamEnded, TimedWord
from lab_kit.protocol.recordings import Word
from lab_kit.protocol.stream_messages import (
    FinalResult,
    InterimResult,
    Numbered,
    SessionEnded,
    SpeechBegan,
)


def event_of(message: Numbered, channels: int = 1) -> Event | None:
    """The event that a message tells; None for one about the session itself.

    Args:
        channels: of the sound that was sent, which the server does not repeat.
    """
    match message:
        case SpeechBegan():
            return SpeechStarted(message.at_s)
        case InterimResult():
            return Interim(
                sequence=message.sequence,
                start_s=message.start_s,
                end_s=message.end_s,
                text=message.text,
                stable_chars=message.stable_chars,
                confidence=message.confidence,
                timing=message.timing,
                words=_words(message.words),
            )
        case FinalResult():
            return Final(
                sequence=message.sequence,
                start_s=message.start_s,
                end_s=message.end_s,
                text=message.text,
                confidence=message.confidence,
                endpoint=message.endpoint,
                requested=message.requested,
                timing=message.timing,
                words=_words(message.words),
                finished_probability=message.finished_probability,
                redactions=message.redactions,
            )
        case SessionEnded(audio_s=float(audio_s), sha256=str(sha256)):
            return StreamEnded(audio_s, sha256, channels)
        case _:
            return None


def _words(words: tuple[Word, ...]) -> tuple[TimedWord, ...]:
    return tuple(TimedWord(w.text, w.start_s, w.end_s, w.confidence) for w in words)
