"""What was seen of a conversation from the caller's side, as records.

Stamps named ``*_ns`` are the client's monotonic clock unless they say ``remote``.
"""

from dataclasses import dataclass

from lab_kit.core.clock import ClockOffset
from lab_kit.core.replies import ReplyTiming


@dataclass(frozen=True, slots=True)
class TalkTurn:
    """One turn and its answer.

    Attributes:
        said: the words that were really spoken.
        heard: those that the server heard.
        answer: what it said.
        end_ns: when the last sound of the turn was due, known from the words and not from a VAD.
        audible_ns: the first sound of the answer could be heard; None if there was none.
        timing: on the server's clock; None where it does not tell.
        cut: the turn was answered before it was over.
    """

    said: str
    heard: str
    answer: str
    end_ns: int
    audible_ns: int | None
    timing: ReplyTiming | None
    cut: bool = False

    @property
    def ttfa_s(self) -> float | None:
        """From the end of the turn to the first audible sound of the answer."""
        return None if self.audible_ns is None else (self.audible_ns - self.end_ns) / 1e9


@dataclass(frozen=True, slots=True)
class Conversation:
    """Several turns.

    Attributes:
        clock: how the server's clock relates to ours.
        begun, dropped: answers begun at a pause, and those of them that were thrown away.
        load: the machine's load average meanwhile; None where the system has none.
    """

    turns: tuple[TalkTurn, ...]
    clock: ClockOffset
    device: str
    begun: int
    dropped: int
    load: float | None = None

    @property
    def wasted(self) -> float:
        """The share of the answers begun ahead that nobody heard."""
        return self.dropped / self.begun if self.begun else 0.0


@dataclass(frozen=True, slots=True)
class Interruption:
    """Somebody breaks into an answer.

    Attributes:
        echo_db: how loud the answer was in the microphone, against what was played; None for not
            at all.
        onset_ns: when the caller's first sound was due.
        silent_ns: the answer had to stop; None if it never did.
        false_ns: it was stopped before anybody spoke.
    """

    said: str
    echo_db: float | None
    onset_ns: int
    silent_ns: int | None
    false_ns: int | None

    @property
    def delay_s(self) -> float | None:
        """From the caller's first sound to silence."""
        return None if self.silent_ns is None else (self.silent_ns - self.onset_ns) / 1e9
