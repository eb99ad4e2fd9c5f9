"""A conversation's turns cut into what happened in them, from the stamps of both ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab_kit.core.call_record import StageSpan
from lab_kit.core.talk_record import Conversation, TalkTurn

SILENCE, RECOGNIZER, MODEL, SPEECH = "silence", "recognizer", "language model", "speech"
LANES = (SILENCE, RECOGNIZER, MODEL, SPEECH)


@dataclass(frozen=True, slots=True)
class TurnStages:
    """One turn, in seconds after the caller's last sound.

    Attributes:
        stages: one for each of `LANES`, in that order; they overlap the silence.
        ended_s: when the turn was known to be over; what ran before it, ran ahead.
        audible_s: the first sound of the answer.
    """

    stages: tuple[StageSpan, ...]
    ended_s: float
    audible_s: float


def turn_stages(turn: TalkTurn, conversation: Conversation) -> TurnStages | None:
    """What happened in a turn; None where it was not answered, or the server does not tell."""
    timing, audible_s = turn.timing, turn.ttfa_s
    if timing is None or audible_s is None:
        return None

    def after_end_s(remote_ns: int) -> float:
        return (conversation.clock.to_local(remote_ns) - turn.end_ns) / 1e9

    paused_s, heard_s = after_end_s(timing.paused_ns), after_end_s(timing.heard_ns)
    written_s, spoken_s = after_end_s(timing.written_ns), after_end_s(timing.spoken_ns)
    ended_s = after_end_s(timing.ended_ns)
    return TurnStages(
        (
            StageSpan(SILENCE, 0.0, ended_s),
            StageSpan(RECOGNIZER, paused_s, heard_s),
            StageSpan(MODEL, heard_s, written_s),
            StageSpan(SPEECH, written_s, spoken_s),
        ),
        ended_s,
        audible_s,
    )


def answered(conversation: Conversation) -> list[float | None]:
    """`ttfa_s` of every turn; None where no answer came."""
    return [turn.ttfa_s for turn in conversation.turns]


def middle_turn(turns: Sequence[TalkTurn]) -> TalkTurn | None:
    """The answered turn whose answer came neither early nor late among them."""
    came = sorted(
        (turn for turn in turns if turn.ttfa_s is not None and turn.timing is not None),
        key=lambda turn: turn.ttfa_s or 0.0,
    )
    return came[(len(came) - 1) // 2] if came else None
